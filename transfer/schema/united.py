"""Tables of several sources as one: their columns by name, each of the type that holds the values of all."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from ..errors import RequestError
from ..plan import Call, Finding
from ..shaping import Field
from ..types import FLOATS, INTEGERS, MOST_DIGITS, Type
from .catalogue import Relation

_CONFORM = "ropeway.transforms.conform:conform"
ALIAS = 40  # characters of an alias, which a provenance column holds
_DIGITS = {8: 3, 16: 5, 32: 10, 64: 20}  # of an integer's bits


@dataclass(frozen=True)
class Part:
    """What one source gives: its columns behind the job's transforms, by their names in the target."""

    alias: str
    named: str
    fields: Mapping[str, Field]


@dataclass(frozen=True)
class _Wanted:
    """A column of the whole: in each part the one that it comes of, None where that has none."""

    name: str
    type: Type
    nullable: bool
    of: tuple[Field | None, ...]
    values: tuple[str | None, ...]


def united(
    table: Relation, parts: Sequence[Part], provenance: str, defaults: Mapping[str, str]
) -> tuple[tuple[Call, ...], list[Finding]]:
    """For each part the transform that makes it like all others; and what is to be known of that.

    RequestError where two parts have columns of one name and of kinds that no type holds together.
    """
    names = list(dict.fromkeys(name for part in parts for name in part.fields))
    _check_names(table, names, provenance, defaults)
    wanted = [_column(table, name, parts, defaults) for name in names]
    findings = [one for column in wanted for one in _told(table, column, parts)]
    if provenance:
        origins = tuple(part.alias for part in parts)
        empty = (None,) * len(parts)
        wanted.append(_Wanted(provenance, Type("text", length=ALIAS), nullable=False, of=empty, values=origins))
    return tuple(_call(wanted, place) for place in range(len(parts))), findings


def _check_names(table: Relation, names: Sequence[str], provenance: str, defaults: Mapping[str, str]) -> None:
    if provenance.lower() in {name.lower() for name in names}:
        raise RequestError(
            f"{table} has a column {provenance} already, which is to say where rows come from.", table=str(table),
            column=provenance, remedy="Choose another name for 'provenance'.",
        )  # fmt: skip
    for name in defaults:
        if name not in names:
            raise RequestError(
                f"'defaults' names {name}, which no table that goes into {table} has.", table=str(table), column=name,
                remedy=f"Columns: {', '.join(names)}.",
            )  # fmt: skip
    folded: dict[str, str] = {}
    for name in names:
        other = folded.setdefault(name.lower(), name)
        if other != name:
            raise RequestError(
                f"{table} would get the columns {other} and {name}, of one table each, which differ in case only.",
                table=str(table), column=name, remedy="Rename one by transforms: rename, or choose --names lower.",
            )  # fmt: skip


def _column(table: Relation, name: str, parts: Sequence[Part], defaults: Mapping[str, str]) -> _Wanted:
    of = tuple(part.fields.get(name) for part in parts)
    there = [field for field in of if field]
    meaning = _widest([field.type for field in there])
    if meaning is None:
        raise _conflict(table, name, parts)
    value = defaults.get(name)
    missing = len(there) < len(of)
    nullable = any(field.nullable for field in there) or (missing and value is None)
    return _Wanted(name, replace(meaning, native=""), nullable, of, (value,) * len(of))


def _conflict(table: Relation, name: str, parts: Sequence[Part]) -> RequestError:
    kinds = {part.named: part.fields[name].type for part in parts if name in part.fields}
    said = ", ".join(f"{meaning} in {named}" for named, meaning in kinds.items())
    ways = _ways(name, list(kinds.values()))
    return RequestError(
        f"{table}.{name} is {said}: no type holds both as they are.",
        table=str(table),
        column=name,
        remedy=f"{ways} Or rename or drop it in the entry's transforms, which hold for each of the tables.",
    )


def _ways(name: str, types: Sequence[Type]) -> str:
    """How the columns could be made alike, in a sentence."""
    kinds = {one.kind for one in types}
    others = [one for one in types if one.kind != "text"]
    numbers = {*INTEGERS, *FLOATS, "decimal"}
    if {"timestamp", "instant"} <= kinds:
        return "Read it of one source through a view that says it as the other does, with a zone or without."
    if kinds == {"date", "timestamp"}:
        return f"Give it one type by transforms: [cast: {{{name}: timestamp}}]."
    if "bool" in kinds and kinds <= {"bool", *INTEGERS}:
        return f"If its numbers are 0 and 1, give it one type by transforms: [cast: {{{name}: bool}}]."
    exact = _widest([one for one in types if one.kind not in FLOATS]) if kinds <= numbers else None
    if exact:
        return f"If its values are such numbers, give it one type by transforms: [cast: {{{name}: {exact}}}]."
    wide = _widest(others) if len(others) < len(types) else None
    more = f", or by cast: {{{name}: {wide}}} if all its texts are such values" if wide else ""
    return f"Give it one type by transforms: [cast: {{{name}: text}}]{more}."


def _widest(types: Sequence[Type]) -> Type | None:
    made: Type | None = types[0]
    for one in types[1:]:
        made = wider(made, one) if made else None
    return made


def wider(one: Type, other: Type) -> Type | None:
    """The least type that holds all values of both; None if they mean different things."""
    if {one.kind, other.kind} <= {*INTEGERS, "decimal"} and (one.kind != other.kind or one.kind == "decimal"):
        return _number(one, other)
    if {one.kind, other.kind} == {*FLOATS}:
        return Type("float64")
    if one.kind != other.kind:
        return None
    return _SAME[one.kind](one, other) if one.kind in _SAME else one


def _number(one: Type, other: Type) -> Type | None:
    if one.kind != "decimal" and other.kind != "decimal":
        return _integer(one.kind, other.kind)
    first, second = _decimal(one), _decimal(other)
    scale = max(first.scale, second.scale)
    digits = max(first.precision - first.scale, second.precision - second.scale) + scale
    free = first.unbounded or second.unbounded
    return Type("decimal", precision=digits, scale=scale, unbounded=free) if digits <= MOST_DIGITS else None


def _decimal(one: Type) -> Type:
    return one if one.kind == "decimal" else Type("decimal", precision=_DIGITS[_bits(one.kind)])


def _bits(kind: str) -> int:
    return int(kind.lstrip("uint"))


def _integer(one: str, other: str) -> Type:
    signed = [_bits(kind) for kind in (one, other) if not kind.startswith("u")]
    free = [_bits(kind) for kind in (one, other) if kind.startswith("u")]
    if not signed:
        return Type(f"uint{max(free)}")
    wide = max(*signed, *(2 * bits for bits in free), 0)
    return Type(f"int{wide}") if wide in _DIGITS else Type("decimal", precision=_DIGITS[64])


def _sized(one: Type, other: Type) -> Type | None:
    if one.kind == "binary" and one.padded != other.padded:
        return None  # zeros at the end mean nothing in the one, and something in the other
    return Type(
        one.kind, length=max(one.length, other.length) if one.length and other.length else 0,
        padded=one.padded and other.padded, labels=one.labels if one.labels == other.labels else (),
    )  # fmt: skip


def _moment(one: Type, other: Type) -> Type:
    return Type(one.kind, digits=max(one.digits, other.digits))


_SAME: dict[str, Callable[[Type, Type], Type | None]] = {
    "text": _sized, "binary": _sized, "time": _moment, "timestamp": _moment, "instant": _moment,
}  # fmt: skip


def _told(table: Relation, column: _Wanted, parts: Sequence[Part]) -> list[Finding]:
    where = f"{table}.{column.name}"
    lacking = [part.named for part, field in zip(parts, column.of, strict=True) if field is None]
    said = []
    if lacking:
        value = column.values[0]
        filled = "NULL" if value is None else repr(value)
        strict = any(field and not field.nullable for field in column.of)
        more = ", so it is not NOT NULL there" if value is None and strict else ""
        remedy = f"defaults: {{{column.name}: ...}} gives them a value." if value is None else ""
        said.append(Finding("note", where, f"{filled} in rows of {', '.join(lacking)}, which has no such column{more}",
                            "column-missing", remedy))  # fmt: skip
    kinds = {part.named: field.type for part, field in zip(parts, column.of, strict=True) if field}
    if len({str(one) for one in kinds.values()}) > 1:
        words = ", ".join(f"{meaning} in {named}" for named, meaning in kinds.items())
        said.append(Finding("note", where, f"{words}: {column.type} holds them all", "types-united"))
    return said


def _call(wanted: Sequence[_Wanted], place: int) -> Call:
    spec = []
    for one in wanted:
        before = one.of[place]
        spec.append({
            "name": one.name, "of": before.name if before else "", "type": asdict(one.type), "nullable": one.nullable,
            "value": None if before else one.values[place],
        })  # fmt: skip
    return Call(_CONFORM, (("spec", json.dumps(spec)),))
