"""What others lose on the way to PostgreSQL: the cases of tests/conformance/test_oracle_mistakes.py and its like."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from moves import moved
from spots import Servers, spot


@dataclass(frozen=True)
class Case:
    """Who did it, the source, and what `query` shows in PostgreSQL once `then` was done there."""

    who: str
    source: tuple[str, ...]
    query: str
    rows: list[tuple[object, ...]]
    then: tuple[str, ...] = ()


def typed(column: str) -> str:
    """A query for a column's values, and its type."""
    return (
        f"SELECT {column}::text, format_type(atttypid, atttypmod) FROM t, pg_attribute "
        f"WHERE attrelid = 't'::regclass AND attname = '{column}' ORDER BY 1"
    )


def arrives(case: Case, engine: str, folder: Path, servers: Servers) -> None:
    source, target = spot(engine, folder, servers), spot("postgresql", folder, servers)
    for statement in case.source:
        source.ask(statement)
    moved(source, target)
    for statement in case.then:
        target.ask(statement)
    assert target.ask(case.query) == case.rows, case.who
