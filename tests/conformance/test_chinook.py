"""Chinook once around: SQLite to PostgreSQL to MariaDB to DuckDB to SQLite, and it equals where it started."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from ropeway.cli import wire
from ropeway.transfer.engines import engine_of
from ropeway.transfer.place import parse, resolve
from ropeway.transfer.plan import Plan
from ropeway.transfer.request import Request
from ropeway.transfer.schema.catalogue import Table
from spots import Servers, spot

ROWS = 15_607


def tables_of(url: str) -> dict[str, Table]:
    return {table.name.table: table for table in wire.inspect(url)}


def moved(source: str, target: str) -> wire.Outcome:
    (one, one_secret), (other, other_secret) = parse(source), parse(target)
    return wire.run(Request(one, other, slice_rows=700), wire.Secrets(one_secret, other_secret))


def said(plan: Plan) -> str:
    return "\n".join(f"{finding.where}: {finding.message}" for finding in plan.findings)


ROUTES = [("postgresql", "mariadb", "duckdb", "sqlite"), ("mysql", "postgresql", "duckdb", "sqlite")]


@pytest.mark.parametrize("route", ROUTES)
def test_round_trip(route: tuple[str, ...], chinook: Path, tmp_path: Path, servers: Servers) -> None:
    first = f"sqlite:///{chinook / 'Chinook_Sqlite.sqlite'}"
    stops = [first, *(spot(engine, tmp_path, servers).url for engine in route)]
    plans = []
    for source, target in pairwise(stops):
        outcome = moved(source, target)
        assert outcome.report
        assert {table.claim for table in outcome.report.tables} == {"target equals what was read"}
        assert sum(receipt.loaded for receipt in outcome.receipts) == ROWS
        plans.append(outcome.plan)
    start, end = tables_of(stops[0]), tables_of(stops[-1])
    assert start.keys() == end.keys()
    for name, table in start.items():
        same_shape(table, end[name], said(plans[2]))
    same_values(stops[0], stops[-1], plans[0])


def same_shape(start: Table, end: Table, announced: str) -> None:
    """Nullability, keys, foreign-key columns and index columns; what is lost must have been announced."""
    assert [c.name for c in start.columns] == [c.name for c in end.columns]
    assert [c.nullable for c in start.columns] == [c.nullable for c in end.columns]
    assert start.key == end.key
    for fk in start.foreign_keys:
        arrived = [f for f in end.foreign_keys if (f.columns, f.references.table, f.referenced) == (
            fk.columns, fk.references.table, fk.referenced)]  # fmt: skip
        assert arrived or f"its foreign key on {', '.join(fk.columns)}" in announced
    assert len(end.foreign_keys) <= len(start.foreign_keys)
    assert sorted(i.columns for i in start.indexes) == sorted(i.columns for i in end.indexes)


def same_values(start: str, end: str, plan: Plan) -> None:
    """Every value under the first plan's declared types: read here again, through no checksum."""
    for hop in plan.hops:
        one, other = rows(start, plan, hop.name), rows(end, plan, hop.name)
        assert one == other
        assert len(one) > 0


def rows(url: str, plan: Plan, name: str) -> list[tuple[object, ...]]:
    place, _ = parse(url)
    engine = engine_of(place.scheme)
    hop = plan.hop(name)
    source = engine.open(resolve(place), [hop], "none", 1)
    try:
        part = replace(hop.slices[0], cut=type(hop.slices[0].cut)())
        found = [
            tuple(row.values()) for batch in source.readers()[0].read(hop, part, 1 << 20) for row in batch.to_pylist()
        ]
    finally:
        source.close()
    return sorted(found, key=repr)
