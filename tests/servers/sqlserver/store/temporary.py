"""Global temporary tables (##name): in tempdb, seen by every session, gone with the one that made them.

tempdb is a file of its own, so nobody who writes a database keeps another from filling such a table. A statement that
reads one has its rows as they are then, in a table of its own connection.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from sqlglot import exp

from .catalogue import Table, quoted

if TYPE_CHECKING:
    from .session import Session

_AT_ONCE = 1000


def is_one(name: str) -> bool:
    return name.startswith("##")


def name_of(item: exp.Table) -> str:
    """A table's name as it was written: sqlglot keeps the signs in front of it apart."""
    inner = item.this
    sign = "##" if inner.args.get("global_") else "#" if inner.args.get("temporary") else ""
    return f"{sign}{item.name}"


def found(session: Session, name: str) -> Table:
    return session.server.tempdb.catalogue.table("dbo", name)


def held(table: Table) -> str:
    """Its copy's name in SQLite."""
    return f"temp.{quoted(f'x{table.number}')}"


def fill(session: Session, table: Table) -> None:
    """Make its rows, as they are now, a table of this connection's own."""
    shown = [quoted(one.name) for one in table.columns if one.computed is None]
    session.connection.execute(f"DROP TABLE IF EXISTS {held(table)}")
    session.connection.execute(f"CREATE TEMP TABLE {held(table).removeprefix('temp.')} ({', '.join(shown)})")
    rows = session.scratch.connection.execute(f"SELECT {', '.join(shown)} FROM {table.held}")
    into = f"INSERT INTO {held(table)} VALUES ({', '.join('?' * len(shown))})"
    while some := list(itertools.islice(rows, _AT_ONCE)):
        session.connection.executemany(into, some)


def leave(session: Session, names: set[str]) -> None:
    """Drop those that a session made."""
    tables = session.server.tempdb.catalogue.tables
    for name in names:
        if table := tables.pop(("dbo", name.lower()), None):
            session.scratch.run(f"DROP TABLE {table.held}")
