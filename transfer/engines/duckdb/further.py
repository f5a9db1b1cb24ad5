"""Views, sequences and macros of a DuckDB file."""

from __future__ import annotations

from ...engine import Row, Session
from ...schema.catalogue import Further, Listed, Numbers, Relation, View
from .catalogue import LEDGER, own_sequences

_HERE = f"database_name = current_database() AND schema_name <> '{LEDGER}'"
_VIEWS = (
    "SELECT v.schema_name, v.view_name, v.sql, list(c.column_name ORDER BY c.column_index), "
    "coalesce(any_value(v.comment), '') "
    "FROM duckdb_views() v JOIN duckdb_columns() c ON c.table_oid = v.view_oid AND c.database_name = v.database_name "
    "WHERE v.database_name = current_database() AND NOT v.internal AND NOT v.temporary "
    "GROUP BY ALL ORDER BY any_value(v.view_oid)"
)
_NUMBERS = (
    "SELECT schema_name, sequence_name, last_value, start_value, increment_by, min_value, max_value, cycle "
    f"FROM duckdb_sequences() WHERE {_HERE} AND NOT temporary ORDER BY sequence_oid"
)
_MACROS = (
    "SELECT function_type, schema_name, function_name, coalesce(macro_definition, '') FROM duckdb_functions() "
    f"WHERE {_HERE} AND NOT internal AND function_type IN ('macro', 'table_macro') ORDER BY ALL"
)


def further(session: Session) -> Further:
    """As Engine.further says."""
    views = tuple(_view(row) for row in session.ask(_VIEWS))
    own = own_sequences(session)
    numbers = tuple(n for n in map(_numbers, session.ask(_NUMBERS)) if n.name not in own)
    listed = tuple(
        Listed(str(kind).replace("_", " "), Relation(str(schema), str(name)), str(text))
        for kind, schema, name, text in session.ask(_MACROS)
    )
    return Further(views, numbers, listed)


def _view(row: Row) -> View:
    schema, name, sql, columns, comment = row
    made: tuple[str, ...] = tuple(columns)  # type: ignore[arg-type]  # a list of text
    return View(Relation(str(schema), str(name)), _query(str(sql)), made, comment=str(comment))


def _query(sql: str) -> str:
    """The SELECT of a CREATE VIEW; the text itself if it cannot be read."""
    import sqlglot  # a tenth of a second, for files with views only
    from sqlglot.errors import SqlglotError

    try:
        tree = sqlglot.parse_one(sql, read="duckdb")
    except SqlglotError:
        return sql
    return tree.expression.sql(dialect="duckdb") if tree.expression else sql


def _numbers(row: Row) -> Numbers:
    schema, name, last, *rest, cycle = row
    start, step, low, high = (int(str(value)) for value in rest)
    following = start if last is None else int(str(last)) + step
    if cycle and not low <= following <= high:
        following = low if step > 0 else high
    return Numbers(Relation(str(schema), str(name)), following, step, low, high, bool(cycle))
