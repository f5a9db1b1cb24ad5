"""Another type that a person gives a column of a plan: whether it holds what the column means, and what that does.

The new type is read by the target's own rules, as its catalogue would be, and its meaning held against the column's:

| the column means | a type is taken that means | because |
|---|---|---|
| an integer | an integer, or a decimal | digits stay; what a smaller one cannot hold, the engine refuses |
| a decimal | a decimal with as many decimals or more | fewer would be rounded without a word |
| float32 | float32, float64 | every float is a double, and hardly any double a float |
| text | text that is not padded, unless it was | trailing blanks of CHAR mean nothing; longer values are refused |
| binary | binary, but not BINARY(n) | that fills up with zeros; longer values are refused |
| time, timestamp, instant | the same, with as many digits of a second or more | fewer would be rounded |
| bool, date, uuid, duration | the same | nothing else means it |
| json | the same word of the engine's | two words for JSON spell it in two ways |

Where the planned type means something else already (an instant as DATETIME, a uuid as CHAR(36)), one that holds what
the planned one does is taken, too. A type that keeps a spelling of its own (an enum, an inet) is not.
"""

from __future__ import annotations

import re
from dataclasses import replace
from enum import Enum

from ..engine import Engine
from ..errors import RequestError
from ..plan import ColumnPlan
from ..rules import Read, Use, read_rule, split, write_rule
from ..types import FLOATS, INTEGERS, Fidelity, Type


class _Room(Enum):
    """How much a type holds beside another."""

    EQUAL = (Fidelity.EXACT, "")
    MORE = (Fidelity.WIDENED, "{} by hand holds more")
    LESS = (Fidelity.CONSTRAINED, "{} by hand holds less; what does not fit stops the run")


def retyped(column: ColumnPlan, native: str, source: Engine, target: Engine) -> ColumnPlan:
    """The column with another native type, and what that does to its values.

    RequestError, in words that go on after the type, where it would lose or change some.
    """
    rule = read_rule(target.reads, native)
    if rule is None:
        raise RequestError(f"for which {target.name} has no rule")
    planned = read_rule(target.reads, column.stored)
    meant = planned.type(split(column.stored)) if planned else column.type
    found, bridged = rule.type(split(native)), False
    _check_word(rule, native, found, (split(column.stored).name, meant), target)
    if _family(found.kind) == _family(column.type.kind):
        room = _room(column.type, found, target)
        if _family(meant.kind) != _family(found.kind) and room is not _Room.LESS:
            room = _Room.LESS  # the plan avoids the engine's own word for it, which ends sooner
    elif _family(found.kind) == _family(meant.kind):
        room, bridged = _room(meant, found, target), True
    elif column.type.kind in INTEGERS and found.kind == "decimal":
        room = _room(_digits_of(column.type), found, target)
    else:
        raise RequestError(f"which means {found} and is not {column.type}")
    before = (column.fidelity, column.why) if bridged else _read_as(column, source, target)
    level, said = room.value
    order = list(Fidelity)
    return replace(
        column, native=native, base="", fidelity=max(before[0], level, key=order.index),
        why="; ".join(filter(None, (before[1], said.format(native)))),
    )  # fmt: skip


def _check_word(rule: Read, native: str, found: Type, planned: tuple[str, Type], target: Engine) -> None:
    """RequestError for a word that keeps its values in a spelling of its own; `planned` is the plan's, and its Type."""
    name, (word, meant) = split(native).name, planned
    if rule.fidelity is not Fidelity.EXACT or any(re.fullmatch(one, name) for one in target.unlike):
        raise RequestError(f"which {target.name} spells in its own way")
    if found.kind == "json" and name != word:
        raise RequestError(f"which spells JSON in another way than {word}")
    if name == "binary" and split(native).arguments:
        raise RequestError("which fills values up with zeros")
    kept = name == word and word != _written(meant, target)  # the source's own, which the engine would not write
    if target.loose and not kept and name != _written(found, target):
        raise RequestError(f"a word by which {target.name} may store values otherwise than they come")


def _written(meaning: Type, engine: Engine) -> str:
    """The engine's word for a Type."""
    return split(write_rule(engine.writes, meaning, Use()).native(meaning)).name


def _family(kind: str) -> str:
    if kind in INTEGERS:
        return "integer"
    return "float" if kind in FLOATS else kind


def _digits_of(integer: Type) -> Type:
    """An integer's Type as the decimals that hold it."""
    return Type("decimal", precision=len(str(_range(integer.kind)[1])))


def _range(kind: str) -> tuple[int, int]:
    bits = int(re.sub(r"\D", "", kind))
    return (0, 2**bits - 1) if kind.startswith("u") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def _room(needed: Type, found: Type, engine: Engine) -> _Room:
    """How much `found` holds of what `needed` does, both of one family. RequestError where it would change values."""
    if _family(needed.kind) == "integer":
        (low, high), (least, most) = _range(needed.kind), _range(found.kind)
        return _compared((least, most) == (low, high), fits=least <= low and high <= most)
    if needed.kind == "decimal":
        return _decimals(needed, found)
    if needed.kind in ("text", "binary"):
        return _lengths(needed, found, engine)
    if needed.kind in ("time", "timestamp", "instant"):
        return _moments(needed, found)
    if needed.kind == "float64" and found.kind == "float32":
        raise RequestError("which rounds to the digits that 32 bits hold")
    return _compared(needed.kind == found.kind, fits=True)


def _compared(equal: bool, *, fits: bool) -> _Room:
    return _Room.EQUAL if equal else _Room.MORE if fits else _Room.LESS


def _decimals(needed: Type, found: Type) -> _Room:
    if found.scale < needed.scale:
        raise RequestError(f"which rounds to {found.scale} decimals, where {needed} has {needed.scale}")
    whole, there = needed.precision - needed.scale, found.precision - found.scale
    return _compared((there, found.scale) == (whole, needed.scale), fits=there >= whole)


def _lengths(needed: Type, found: Type, engine: Engine) -> _Room:
    if found.padded and not needed.padded:
        raise RequestError("in which trailing blanks mean nothing")
    if not _keeps_lengths(needed.kind, engine):
        return _compared(not needed.length, fits=True)
    most = max(map(len, needed.labels), default=needed.length)
    return _compared(most == found.length, fits=not found.length or 0 < most <= found.length)


def _keeps_lengths(kind: str, engine: Engine) -> bool:
    meaning = Type(kind, length=300)
    return not engine.loose and bool(split(write_rule(engine.writes, meaning, Use()).native(meaning)).arguments)


def _moments(needed: Type, found: Type) -> _Room:
    if found.digits < needed.digits:
        raise RequestError(f"which rounds seconds to {found.digits} digits, where {needed.kind} has {needed.digits}")
    # Nanoseconds in 64 bits begin in 1677 and end in 2262.
    return _compared(found.digits == needed.digits, fits=found.digits <= 6)


def _read_as(column: ColumnPlan, source: Engine, target: Engine) -> tuple[Fidelity, str]:
    """What reading the source's type does to the values."""
    rule = read_rule(source.reads, column.type.native, within=source.family == target.family)
    return (rule.fidelity, rule.why) if rule else (Fidelity.EXACT, "")
