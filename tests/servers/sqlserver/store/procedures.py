"""EXEC of the system's procedures that are known here."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..spoken import Refused, Result
from ..wire.described import first_result_set
from . import values
from .catalogue import Table
from .words import Words, split_name

if TYPE_CHECKING:
    from .session import Session


def run(session: Session, words: Words) -> Iterator[Result]:
    words.next()
    returned = ""
    if words.peek().startswith("@") and words.peek(1) == "=":
        returned = words.next().lower()
        words.expect("=")
    _, name = words.qualified()
    given = _arguments(session, words)
    match name.lower():
        case "sp_getapplock":
            code = _lock(session, given)
        case "sp_releaseapplock":
            code = 0 if session.server.locks.release(_one(given, "@resource", 0), session) else -999
        case "sp_rename":
            code = _rename(session, _one(given, "@objname", 0), _one(given, "@newname", 1), _one(given, "@objtype", 2))
        case "sp_addextendedproperty" | "sp_updateextendedproperty":
            code = _comment(session, given)
        case "sp_describe_first_result_set":
            yield first_result_set(session.describe(_one(given, "@tsql", 0)))
            return
        case "sp_executesql":
            yield from session.execute(_one(given, "@stmt", 0))
            return
        case "sp_reset_connection":
            code = 0
        case _:
            raise Refused(2812, f"Could not find stored procedure '{name}'.", state=62)
    if returned and returned in session.variables:
        session.variables[returned] = session.variables[returned][0], code
    yield Result()


def _arguments(session: Session, words: Words) -> dict[str | int, str]:
    """The arguments by name, or by place."""
    found: dict[str | int, str] = {}
    while not words.done:
        key: str | int = len(found)
        if words.peek().startswith("@") and words.peek(1) == "=":
            key = words.next().lower()
            words.expect("=")
        word = words.until()
        words.take(",")
        word = word.removesuffix(" OUTPUT").strip()
        if word.startswith("@"):
            kind, held = session.variables[word.lower()]
            word = "" if held is None else str(values.worked(held, kind))
        elif word.startswith(("'", "N'")):
            word = word.removeprefix("N")[1:-1].replace("''", "'")
        found[key] = "" if word.upper() == "NULL" else word
    return found


def _one(given: dict[str | int, str], name: str, place: int) -> str:
    return given.get(name, given.get(place, ""))


def _lock(session: Session, given: dict[str | int, str]) -> int:
    name, limit = _one(given, "@resource", 0), int(_one(given, "@locktimeout", 3) or -1)
    ends = time.monotonic() + limit / 1000
    while not session.server.locks.take(name, session):
        if limit >= 0 and time.monotonic() >= ends:
            return -1
        session.wait(0.01)
    return 0


def _rename(session: Session, name: str, new: str, kind: str) -> int:
    if kind.upper() == "COLUMN":
        words = Words(name)
        parts = [words.name()]
        while words.take("."):
            parts.append(words.name())
        table = session.catalogue.table(parts[-3] if len(parts) > 2 else "", parts[-2])
        with session.changing(shapes=True):
            shape = table.column(parts[-1])
            session.run(f'ALTER TABLE {table.held} RENAME COLUMN "{shape.name}" TO "{new}"')
            shape.name = new
        return 0
    found = session.catalogue.found(*split_name(name))
    if not isinstance(found, Table):
        raise Refused(15225, f"No item by the name of '{name}' could be found in the current database.", severity=11)
    session.catalogue.free(found.schema, new)
    with session.changing(shapes=True):
        table = session.catalogue.tables.pop((found.schema.lower(), found.name.lower()))
        table.name = new
        session.catalogue.tables[table.schema.lower(), new.lower()] = table
    return 0


def _comment(session: Session, given: dict[str | int, str]) -> int:
    name, text = _one(given, "@name", 0), _one(given, "@value", 1)
    schema, table, column = (_one(given, f"@level{level}name", 3 + 2 * level) for level in range(3))
    found = session.catalogue.found(schema, table)
    if found is None:
        raise Refused(15135, f"Object is invalid. Extended properties are not permitted on '{schema}.{table}'.")
    place = found.column(column).place if column and isinstance(found, Table) else 0
    session.catalogue.comments[found.number, place, name] = text
    return 0
