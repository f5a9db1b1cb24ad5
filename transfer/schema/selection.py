"""Which tables a request means: globs over `schema.table`, and every pattern must match."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from fnmatch import fnmatchcase

from ..engine import Engine, Session
from ..errors import RequestError
from ..plan import Finding
from ..request import Choice, Request
from .bookkeeping import keeper, left_alone
from .catalogue import Relation, Table
from .enclosed import check_enclosed


@dataclass(frozen=True)
class Selected:
    """A source table and the choice that took it."""

    table: Table
    choice: Choice


def matches(name: Relation, pattern: str, default_schema: str) -> bool:
    """Whether a glob means this relation; a pattern without a dot looks at the table's name alone.

    Where there is no default schema, but the account's own, tables of others are meant by their schema only.
    """
    if name.schema and not default_schema and "." not in pattern:
        return False
    spelled = [name.table] if "." not in pattern else [str(name), f"{name.schema or default_schema}.{name.table}"]
    return any(fnmatchcase(one.lower(), pattern.lower()) for one in spelled)


def is_glob(pattern: str) -> bool:
    """Whether a pattern may mean several tables."""
    return any(sign in pattern for sign in "*?[")


def select_tables(
    request: Request, engine: Engine, session: Session, tables: Sequence[Table]
) -> tuple[list[Selected], list[Finding]]:
    """The tables of a request, of all that there are, the largest first, and what its globs leave alone.

    A later choice overrides an earlier one.
    """
    chosen: dict[Relation, Selected] = {}
    for choice in request.choices:
        _check_sql(choice, engine, session)
        for table in _chosen(choice, tables, engine, session):
            _check_columns(choice, table)
            chosen[table.name] = Selected(table, choice)
    if not chosen:
        raise RequestError(f"{request.source} holds no table to move.")
    kept = [t for t in tables if keeper(t) and t.name not in chosen and _would_take(request, t, engine)]
    return sorted(chosen.values(), key=lambda item: (-item.table.rows, str(item.table.name))), left_alone(kept)


def _check_sql(choice: Choice, engine: Engine, session: Session) -> None:
    for what, sql in (("condition (where)", choice.where), ("query", choice.query)):
        if sql:
            name = choice.to if choice.query else choice.table
            check_enclosed(what, sql, engine.words(session).dialect, name or "the target")


def _would_take(request: Request, table: Table, engine: Engine) -> bool:
    return any(not c.query and matches(table.name, c.table, engine.default_schema) for c in request.choices)


def _chosen(choice: Choice, tables: Sequence[Table], engine: Engine, session: Session) -> list[Table]:
    if choice.query:
        described = engine.describe(session, choice.query)
        name = choice.to.rpartition(".")[2] or "query"
        return [replace(described, name=Relation("", name), physical={"query": choice.query})]
    found = [table for table in tables if matches(table.name, choice.table, engine.default_schema)]
    # A view is moved when it is named; a glob means tables, else its rows would be there twice. A migration tool's
    # bookkeeping says what was done in its own place.
    if is_glob(choice.table):
        found = [table for table in found if table.kind != "view" and not keeper(table)]
    for pattern in choice.exclude:
        if not any(matches(table.name, pattern, engine.default_schema) for table in tables):
            raise _nothing(pattern, tables)
        found = [t for t in found if not matches(t.name, pattern, engine.default_schema)]
    if not found and not (choice.table == "*" and not tables):
        raise _nothing(choice.table, tables)
    return found


def _nothing(pattern: str, tables: Sequence[Table]) -> RequestError:
    names = [str(table.name) for table in tables]
    near = get_close_matches(pattern, names + [t.name.table for t in tables], 1)
    hint = f"Did you mean {near[0]}? " if near else ""
    shown = ", ".join(sorted(names)[:12]) + (" ..." if len(names) > 12 else "")
    return RequestError(
        f"No table of the source matches {pattern!r}.", remedy=f"{hint}Tables there: {shown or 'none'}."
    )


def _check_columns(choice: Choice, table: Table) -> None:
    names = {column.name for column in table.columns}
    for wanted in (*choice.columns, *(name for name, _ in (*choice.types, *choice.zones))):
        if wanted not in names:
            near = get_close_matches(wanted, names, 1)
            raise RequestError(
                f"{table.name} has no column {wanted!r}.",
                table=str(table.name),
                remedy=f"Did you mean {near[0]}?" if near else f"Columns: {', '.join(sorted(names))}.",
            )
