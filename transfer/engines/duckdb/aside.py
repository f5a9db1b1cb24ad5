"""What DuckDB puts aside while rows come in: triggers and indexes. It drops no constraint: parents are loaded first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...commit import DELIMITED
from ...engine import Session
from ...plan import Hop, Statement
from ...schema.aside import Aside
from ...schema.catalogue import Relation
from ...schema.sql import text_literal

if TYPE_CHECKING:
    from . import DuckDb

_DEFAULTS = (
    "SELECT schema_name, table_name, column_name, column_default FROM duckdb_columns() "
    "WHERE database_name = current_database() AND column_default LIKE 'nextval(%'"
)
_INDEXES = (
    "SELECT schema_name, table_name, index_name, sql, coalesce(comment, '') FROM duckdb_indexes() "
    "WHERE database_name = current_database() AND sql IS NOT NULL ORDER BY index_oid"
)

_TRIGGERS = (
    "SELECT schema_name, table_name, trigger_name, sql FROM duckdb_triggers() "
    "WHERE database_name = current_database() AND NOT temporary ORDER BY trigger_oid"
)


def aside(engine: DuckDb, session: Session, hops: Sequence[Hop]) -> tuple[list[Aside], list[Statement]]:
    """Triggers and indexes by DuckDB's own texts; sequences go on behind the values."""
    home = {hop.writes: hop.name for hop in hops}
    found = []
    for schema, table, name, sql in session.ask(_TRIGGERS):
        on = Relation(str(schema), str(table))
        if on in home:
            away = f"DROP TRIGGER {engine.quote(str(name))} ON {engine.relation(on)}"
            found.append(Aside(home[on], f"trigger {name} of {on}", away, f"{DELIMITED}{sql};\n", late=True))
    for schema, table, name, sql, comment in session.ask(_INDEXES):
        on = Relation(str(schema), str(table))
        if on in home:
            place = engine.relation(Relation(on.schema, str(name)))
            again = str(sql).rstrip(";")
            again += f";\nCOMMENT ON INDEX {place} IS {text_literal(comment)}" if comment else ""
            found.append(Aside(home[on], f"index {name} of {on}", f"DROP INDEX {place}", again))
    return found, [
        _sequence(engine, Relation(str(schema), str(table)), str(column), str(default), home)
        for schema, table, column, default in session.ask(_DEFAULTS)
        if Relation(str(schema), str(table)) in home
    ]


def _sequence(engine: DuckDb, on: Relation, column: str, default: str, home: dict[Relation, str]) -> Statement:
    name = default.removeprefix("nextval(").removesuffix(")")  # a literal, as DuckDB prints it
    place = engine.relation(on)
    last = f"max(CAST({engine.quote(column)} AS BIGINT))"
    return Statement(
        name=f"set the sequence of {on}.{column} behind its values", phase="after", hop=home[on], after=(home[on],),
        # One number is spent to see how far it is: it may serve others too, and never goes back.
        forward=f"SELECT setval({name}, greatest({last}, nextval({name}))) FROM {place} HAVING {last} >= 1",
        atomic=True,
    )  # fmt: skip
