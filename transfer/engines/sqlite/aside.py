"""What SQLite puts aside while rows come in: indexes and triggers, put back from the texts that it keeps itself.

Foreign keys and unique constraints are part of the table. Keys are not enforced while Ropeway loads, and the rows are
checked once all are there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...commit import DELIMITED
from ...engine import Build, Session
from ...plan import Hop, Statement
from ...schema.aside import Aside
from ...schema.sql import double_quoted, text_literal
from . import catalogue
from .ddl import check_foreign_keys

if TYPE_CHECKING:
    from . import Sqlite


def aside(engine: Sqlite, session: Session, hops: Sequence[Hop]) -> tuple[list[Aside], list[Statement]]:
    """Triggers and indexes, each by its own text; the foreign keys' check comes last."""
    found = [one for hop in hops for one in _of(session, hop, "trigger")]
    found += [one for hop in hops for one in _of(session, hop, "index")]
    tables = {table.name.table.lower(): table for table in catalogue.tables(session)}
    checks = [
        statement
        for hop in hops
        for statement in check_foreign_keys(engine, Build(hop.name, tables[hop.writes.table.lower()], hop.writes))
    ]
    return found, checks


def _of(session: Session, hop: Hop, kind: str) -> list[Aside]:
    rows = session.ask(
        f"SELECT name, sql FROM sqlite_schema WHERE type = '{kind}' AND sql IS NOT NULL "
        f"AND tbl_name = {text_literal(hop.writes.table)} COLLATE NOCASE ORDER BY rowid"
    )
    return [
        Aside(hop.name, f"{kind} {name} of {hop.writes}", f"DROP {kind.upper()} {double_quoted(str(name))}",
              f"{DELIMITED}{sql};;\n", late=kind == "trigger")
        for name, sql in rows
    ]  # fmt: skip
