"""Names from one engine to another: a style for all of them, what would meet by it, and what cannot be one there."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..engine import Engine
from ..errors import RequestError
from .catalogue import Relation
from .sql import unsayable


def styled(name: str, style: str) -> str:
    """A name in a style: as it is, in small or capital letters, or as `snake_case` (from CamelCase and spaces)."""
    if style == "snake":
        return re.sub(r"[\s\-.]+", "_", _parted(name)).lower()
    return {"lower": name.lower, "upper": name.upper}.get(style, name.__str__)()


def _parted(name: str) -> str:
    """A `_` between a small letter or digit and a capital, and before the last capital of several: HTTPServerName."""
    parts = []
    for before, letter, after in zip(f" {name}", name, f"{name[1:]} ", strict=False):
        starts = letter.isupper() and (before.islower() or before.isdigit() or (before.isupper() and after.islower()))
        parts.append(f"_{letter}" if starts else letter)
    return "".join(parts)


def check_columns(table: Relation, names: Iterable[tuple[str, str]], engine: str, *, fold: bool) -> None:
    """RequestError if two columns (source's name, target's name) meet; `fold` says that case tells none apart."""
    taken: dict[str, str] = {}
    for source, target in names:
        spelled = target.lower() if fold else target
        if spelled in taken:
            raise RequestError(
                f"{table}: the columns {taken[spelled]} and {source} would both be {target} in {engine}.",
                table=str(table), column=source,
                remedy="Leave one out with --columns, or move the table by a query that renames one.",
            )  # fmt: skip
        taken[spelled] = source


def check_table(source: Relation, target: Relation, engine: Engine) -> None:
    """RequestError if the engine can have no table of this name."""
    if target.schema:
        _check(str(source), "", target.schema, "schema", engine, "Choose another --target-schema")
    _check(str(source), "", target.table, "table", engine, "Give it another name with 'to:'")


def check_spelt(table: Relation, names: Iterable[tuple[str, str]], engine: Engine) -> None:
    """RequestError if the engine can have no column of one of these names (source's name, target's name)."""
    remedy = "Leave it out with --columns, or move the table by a query that renames it"
    for source, target in names:
        _check(str(table), source, target, "column", engine, remedy)


def refused(name: str, kind: str, engine: Engine) -> str:
    """Why the engine can have no such name, or ''."""
    odd = unsayable(name)
    if ";;\n" in name:
        return "it has ';;' at the end of a line, by which the scripts of triggers are parted"
    return f"it has {odd}, which no statement of SQL can say" if odd else engine.refuses_name(name, kind)


def _check(table: str, column: str, name: str, kind: str, engine: Engine, remedy: str) -> None:
    why = refused(name, kind, engine)
    if not why:
        return
    if kind != "schema" and not refused(styled(name, "snake"), kind, engine):
        remedy += ", or spell all names anew with --names snake"
    said = f"{table}: no {kind} of {engine.name} can be called {name!r}: {why}."
    raise RequestError(said, table=table, column=column, remedy=f"{remedy}.")
