"""Foreign keys whose shape or whose equality is not the target's."""

from __future__ import annotations

from pathlib import Path

import pytest

from moves import moved, requested
from ropeway.cli import wire
from spots import SQL_ENGINES, Servers, spot


@pytest.mark.parametrize("there", SQL_ENGINES)
@pytest.mark.parametrize("here", ["sqlite", "postgresql"])
def test_columns_may_come_in_another_order_than_the_key(
    here: str, there: str, tmp_path: Path, servers: Servers
) -> None:
    source, target = spot(here, tmp_path, servers), spot(there, tmp_path, servers)
    source.ask("CREATE TABLE p (a integer, b integer, c integer NOT NULL, PRIMARY KEY (a, b), UNIQUE (c, a))")
    source.ask(
        "CREATE TABLE f (id integer PRIMARY KEY, x integer, y integer, z integer, "
        "CONSTRAINT to_key FOREIGN KEY (y, x) REFERENCES p (b, a), "
        "CONSTRAINT to_unique FOREIGN KEY (x, z) REFERENCES p (a, c))"
    )
    source.ask("INSERT INTO p VALUES (1, 2, 3)")
    source.ask("INSERT INTO f VALUES (1, 1, 2, 3), (2, NULL, 2, 3)")
    moved(source, target)
    (table,) = [table for table in wire.inspect(target.url) if table.name.table == "f"]
    pairs = [set(zip(fk.columns, fk.referenced, strict=True)) for fk in table.foreign_keys]
    assert sorted(pairs, key=sorted) == [{("x", "a"), ("y", "b")}, {("x", "a"), ("z", "c")}]
    if there == "postgresql":  # which takes any order
        assert ("y", "x") in [fk.columns for fk in table.foreign_keys]


def test_orphans_are_found_where_the_order_changes(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("sqlite", tmp_path, servers), spot("duckdb", tmp_path, servers)
    source.ask("CREATE TABLE p (a INTEGER, b INTEGER, PRIMARY KEY (a, b))")
    source.ask("CREATE TABLE f (id INTEGER PRIMARY KEY, x INTEGER, y INTEGER, FOREIGN KEY (y, x) REFERENCES p (b, a))")
    source.ask("INSERT INTO p VALUES (1, 2)")
    source.ask("INSERT INTO f VALUES (1, 2, 1)")
    plan = wire.plan(*requested(source, target))
    (found,) = [finding for finding in plan.findings if finding.name == "orphans"]
    assert "1 reference breaks the foreign key on y, x to p, as (1, 2, 1)" in found.message
