"""Databases that are snapshots: what a database held at one instant, for any readers and as long as one likes."""

from __future__ import annotations

import re
import secrets

from ...engine import Session
from .session import literal, quoted

_PREFIX = "ropeway_"
_LONGEST = 100  # characters of the database's own name in that of the snapshot


def make(session: Session) -> str:
    """Make one of the session's database, beside its files; its name. The driver's error where that is refused."""
    ((database,),) = session.ask("SELECT DB_NAME()")
    name = f"{_PREFIX}{str(database)[:_LONGEST]}_{secrets.token_hex(4)}"
    files = ", ".join(
        f"(NAME = {quoted(str(logical))}, FILENAME = {literal(_beside(str(physical), f'{name}_{number}.ss'))})"
        for number, (logical, physical) in enumerate(
            session.ask("SELECT f.name, f.physical_name FROM sys.database_files f WHERE f.type = 0 ORDER BY f.file_id")
        )
    )
    session.execute(f"CREATE DATABASE {quoted(name)} ON {files} AS SNAPSHOT OF {quoted(str(database))}")
    return name


def _beside(physical: str, name: str) -> str:
    """A file in the folder of another, on Linux or Windows."""
    return re.sub(r"[^/\\]*$", lambda _: name, physical)


def remove(session: Session, name: str) -> None:
    session.execute(f"DROP DATABASE IF EXISTS {quoted(name)}")


def is_there(session: Session, name: str) -> bool:
    return bool(
        session.ask(f"SELECT 1 FROM sys.databases WHERE name = {literal(name)} AND source_database_id = DB_ID()")
    )


def own(session: Session) -> str:
    """The name of the session's database where that is a snapshot already."""
    rows = session.ask("SELECT name FROM sys.databases WHERE database_id = DB_ID() AND source_database_id IS NOT NULL")
    return str(rows[0][0]) if rows else ""


def left(session: Session) -> list[str]:
    """Those that runs have left, as they did not end, or that are being read."""
    rows = session.ask(
        "SELECT name FROM sys.databases WHERE source_database_id = DB_ID() AND name LIKE N'ropeway[_]%' ORDER BY name"
    )
    return [str(row[0]) for row in rows]
