"""Views, triggers and virtual tables of a SQLite file."""

from __future__ import annotations

from ...engine import Session
from ...schema.catalogue import Further, Listed, Relation, View
from ..definition import parts_of, said

_VIEWS = (
    "SELECT s.name, s.sql, c.name FROM sqlite_schema s JOIN pragma_table_xinfo(s.name) c "
    "WHERE s.type = 'view' AND s.name NOT LIKE 'ropeway_%' ORDER BY s.rowid, c.cid"
)
_VIRTUAL = (
    "SELECT l.name, coalesce(s.sql, '') FROM pragma_table_list l JOIN sqlite_schema s ON s.name = l.name "
    "WHERE l.schema = 'main' AND l.type = 'virtual' ORDER BY l.name"
)
_TRIGGERS = "SELECT tbl_name || '.' || name, sql FROM sqlite_schema WHERE type = 'trigger' ORDER BY rowid"


def further(session: Session) -> Further:
    """As Engine.further says."""
    queries: dict[str, str] = {}
    columns: dict[str, list[str]] = {}
    for name, sql, column in session.ask(_VIEWS):
        queries[str(name)] = str(sql)
        columns.setdefault(str(name), []).append(str(column))
    views = tuple(View(Relation("", name), _query(sql), tuple(columns[name])) for name, sql in queries.items())
    listed = tuple(
        Listed(kind, Relation("", str(name)), str(sql))
        for kind, query in (("trigger", _TRIGGERS), ("virtual table", _VIRTUAL))
        for name, sql in session.ask(query)
    )
    return Further(views, listed=listed)


def _query(sql: str) -> str:
    """The SELECT of a CREATE VIEW, which is all that SQLite keeps of it."""
    parts = parts_of(sql)
    begin = next((at for at, part in enumerate(parts) if part.word == "AS"), -1)
    return said(parts[begin + 1 :])
