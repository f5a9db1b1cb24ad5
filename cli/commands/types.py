"""`ropeway types`: an engine's mapping rules, as they stand in the code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import say
from ..options import Manner

if TYPE_CHECKING:
    from ...transfer.engine import Engine
    from ...transfer.rules import Read, Write


def types(
    *,
    engine: Annotated[str, typer.Argument(help="Its name, as in a URL: postgresql, mysql, sqlite ...")],
    manner: Manner,
) -> None:
    """Show how an engine's types are read and written, and what each mapping does to the values.

    The first rule that matches a column decides. `widened`, `constrained`, `normalised`, `text` and `lossy`
    say what a mapping does; all but `exact` are printed with every plan.

    Examples:

      ropeway types postgresql

      ropeway types sqlite --json
    """
    from ..wire import types as rules

    found = rules(engine)
    shape = types_shape(found)
    say.data(shape)
    heads = ("native", "type", "fidelity", "when", "why")
    say.table(heads, [[rule[head] for head in heads] for rule in shape["reads"]], title=f"{found.name} as a source")
    heads = ("type", "native", "fidelity", "when", "why")
    say.table(heads, [[rule[head] for head in heads] for rule in shape["writes"]], title=f"{found.name} as a target")


def types_shape(engine: Engine) -> dict[str, Any]:
    """The rules of an engine, in their order."""
    return {
        "engine": engine.name,
        "reads": [_read(rule) for rule in engine.reads],
        "writes": [_write(rule) for rule in engine.writes],
    }


def _read(rule: Read) -> dict[str, str]:
    return {
        "native": rule.native,
        "type": _type_of(rule),
        "fidelity": str(rule.fidelity),
        "when": rule.when,
        "why": rule.why,
    }


def _write(rule: Write) -> dict[str, str]:
    return {
        "type": rule.kind,
        "native": _native_of(rule),
        "fidelity": str(rule.fidelity),
        "when": rule.when,
        "why": rule.why,
    }


def _type_of(rule: Read) -> str:
    """The rule's Type for a declaration with the arguments p and s, or its kind alone."""
    from ...transfer.rules import Native

    for arguments in ((18, 3), (3,), ()):
        try:
            found = rule.type(Native("", arguments))
        except (ValueError, KeyError, IndexError, TypeError):
            continue
        if found.kind == "decimal" and (found.precision, found.scale) == (18, 3):
            return "decimal(p,s)"
        if found.kind in ("text", "binary") and found.length == 18:
            return f"{'padded ' if found.padded else ''}{found.kind}(n)"
        return found.kind
    return "?"


def _native_of(rule: Write) -> str:
    """The native type for some Types of the kind; those that the rule's guard lets pass."""
    from ...transfer.rules import Use
    from ...transfer.types import Type

    tried = [Type(rule.kind), Type(rule.kind, length=40), Type(rule.kind, digits=3)]
    if rule.kind == "decimal":
        tried = [Type("decimal", precision=p, scale=s) for p, s in ((12, 2), (38, 10), (60, 10))]
    uses = (Use(), Use(key=True), Use(identity=True))
    made: list[str] = []
    for meaning in tried:
        for use in uses:
            try:
                native = rule.native(meaning) if rule.guard(meaning, use) else ""
            except (ValueError, KeyError, IndexError, TypeError):
                continue
            if native and native not in made:
                made.append(native)
    return ", ".join(made[:2])
