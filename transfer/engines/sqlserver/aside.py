"""What SQL Server puts aside while rows come into tables that are somebody else's, and puts back as it was.

All of it is disabled, not dropped: triggers, foreign keys from and to the tables, indexes that are neither the rows'
own order nor unique. A foreign key comes back WITH CHECK, so that it is trusted as before; one that was not trusted
stays so, and what was disabled before is left alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...engine import Row, Session
from ...plan import Hop, Statement
from ...schema.aside import Aside
from ...schema.catalogue import Relation, Table
from ...schema.violations import reference
from .session import literal, qualified, quoted

if TYPE_CHECKING:
    from . import SqlServer

_FOREIGN_KEYS = (
    "SELECT f.name, s.name, o.name, ps.name, p.name, f.is_not_trusted FROM sys.foreign_keys f "
    "JOIN sys.objects o ON o.object_id = f.parent_object_id JOIN sys.schemas s ON s.schema_id = o.schema_id "
    "JOIN sys.objects p ON p.object_id = f.referenced_object_id JOIN sys.schemas ps ON ps.schema_id = p.schema_id "
    "WHERE f.is_disabled = 0 AND (f.parent_object_id IN ({tables}) OR f.referenced_object_id IN ({tables})) "
    "ORDER BY s.name, o.name, f.name"
)
_TRIGGERS = (
    "SELECT s.name, o.name, g.name FROM sys.triggers g JOIN sys.objects o ON o.object_id = g.parent_id "
    "JOIN sys.schemas s ON s.schema_id = o.schema_id "
    "WHERE g.is_disabled = 0 AND g.parent_id IN ({tables}) ORDER BY s.name, o.name, g.name"
)
_INDEXES = (
    "SELECT s.name, o.name, i.name FROM sys.indexes i JOIN sys.objects o ON o.object_id = i.object_id "
    "JOIN sys.schemas s ON s.schema_id = o.schema_id WHERE i.object_id IN ({tables}) AND i.type = 2 "
    "AND i.is_unique = 0 AND i.is_disabled = 0 ORDER BY s.name, o.name, i.index_id"
)


def aside(engine: SqlServer, session: Session, hops: Sequence[Hop]) -> tuple[list[Aside], list[Statement]]:
    """Foreign keys from and to the tables, triggers, indexes."""
    home = {hop.writes: hop.name for hop in hops}
    listed = ", ".join(f"OBJECT_ID({literal(qualified(relation))})" for relation in home)

    def ask(sql: str) -> list[Row]:
        return session.ask(sql.format(tables=listed))

    tables = {table.name: table for table in engine.tables(session)}
    found = [_foreign_key(engine, row, home, tables) for row in ask(_FOREIGN_KEYS)]
    found += [_trigger(row, home) for row in ask(_TRIGGERS)]
    found += [_index(row, home) for row in ask(_INDEXES)]
    return found, []


def _foreign_key(engine: SqlServer, row: Row, home: dict[Relation, str], tables: dict[Relation, Table]) -> Aside:
    name, schema, child, parent_schema, parent = map(str, row[:5])
    on, to = Relation(schema, child), Relation(parent_schema, parent)
    table, key, trusted = qualified(on), quoted(name), not row[5]
    known = [fk for fk in tables[on].foreign_keys if fk.name == name] if on in tables and trusted else []
    return Aside(
        home.get(on, home.get(to, "")), f"foreign key {name} of {on}", f"ALTER TABLE {table} NOCHECK CONSTRAINT {key}",
        f"ALTER TABLE {table} WITH {'CHECK' if trusted else 'NOCHECK'} CHECK CONSTRAINT {key}", late=True,
        lock=f"Sch-M on {on} while it reads the rows",
        constraint=reference(engine, on, known[0]) if known else None,
    )  # fmt: skip


def _trigger(row: Row, home: dict[Relation, str]) -> Aside:
    on, name = Relation(str(row[0]), str(row[1])), quoted(str(row[2]))
    table = f"ALTER TABLE {qualified(on)} "
    return Aside(
        home[on], f"trigger {row[2]} of {on}", f"{table}DISABLE TRIGGER {name}", f"{table}ENABLE TRIGGER {name}",
        late=True, lock=f"Sch-M on {on}, for a moment",
    )  # fmt: skip


def _index(row: Row, home: dict[Relation, str]) -> Aside:
    on, name = Relation(str(row[0]), str(row[1])), quoted(str(row[2]))
    index = f"ALTER INDEX {name} ON {qualified(on)} "
    return Aside(
        home[on], f"index {row[2]} of {on}", f"{index}DISABLE", f"{index}REBUILD",
        lock=f"Sch-M on {on} while it is built",
    )  # fmt: skip
