"""What only PostgreSQL's tables have: it arrives in another PostgreSQL, or the plan names it."""

from __future__ import annotations

from pathlib import Path

import pytest

from moves import moved, planned
from ropeway.transfer.plan import Plan
from spots import Servers, Spot, spot


def said(plan: Plan) -> list[str]:
    return [f"{finding.where}: {finding.message}" for finding in plan.findings]


def inheriting(place: Spot, weight: str = "numeric") -> None:
    place.ask(f"CREATE TABLE being (id integer PRIMARY KEY, name text, weight {weight})")
    place.ask("CREATE TABLE plant (id integer PRIMARY KEY, leaves integer) INHERITS (being)")
    place.ask("INSERT INTO being SELECT n, 'b' || n, n / 4.0 FROM generate_series(1, 400) n")
    place.ask("INSERT INTO plant SELECT n, 'p' || n, n, 3 FROM generate_series(1001, 1300) n")
    place.ask("ANALYZE being, plant")


@pytest.mark.parametrize("other", ["postgresql", "sqlite"])
@pytest.mark.parametrize("raw", [True, False])
def test_rows_of_an_inheriting_table_are_moved_once(other: str, raw: bool, tmp_path: Path, servers: Servers) -> None:
    source, target = spot("postgresql", tmp_path, servers), spot(other, tmp_path, servers)
    inheriting(source)
    outcome = moved(source, target, raw=raw, slice_rows=100)
    assert target.ask("SELECT count(*), min(id), max(id) FROM being WHERE name LIKE 'b%'") == [(400, 1, 400)]
    assert target.ask("SELECT count(*) FROM being") == [(400,)]
    assert target.ask("SELECT count(*), max(id) FROM plant") == [(300, 1300)]
    assert [hop.rows for hop in outcome.plan.hops] == [400, 300]
    assert (
        "public.plant: not carried: INHERITS, without which the parent no longer shows its rows: "
        "ALTER TABLE public.plant INHERIT public.being" in said(outcome.plan)
    )
    if other == "postgresql":  # the statement that the finding gives
        target.ask("ALTER TABLE public.plant INHERIT public.being")
        assert target.ask("SELECT count(*) FROM being") == [(700,)]


def test_what_a_mode_does_to_a_parent_would_reach_its_children(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("postgresql", tmp_path, servers), spot("postgresql", tmp_path, servers)
    inheriting(source, "numeric(9,2)")
    inheriting(target, "numeric(9,2)")
    for mode in ("truncate", "replace", "merge"):
        plan = planned(source, target, mode=mode)
        (found,) = (finding for finding in plan.findings if finding.name == "inherited-from")
        assert (found.grade, found.where) == ("blocker", "public.being")
        assert "plant inherits from it" in found.message
    target.ask("TRUNCATE being, plant")
    outcome = moved(source, target, mode="append")
    assert not [finding for finding in outcome.plan.findings if finding.name == "inherited-from"]
    assert target.ask("SELECT count(*) FROM ONLY being") == [(400,)]
    assert target.ask("SELECT count(*) FROM plant") == [(300,)]


@pytest.mark.parametrize("other", ["postgresql", "duckdb"])
def test_a_partitioned_table_is_read_whole(other: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot("postgresql", tmp_path, servers), spot(other, tmp_path, servers)
    source.ask("CREATE TABLE log (id integer PRIMARY KEY, n numeric) PARTITION BY RANGE (id)")
    source.ask("CREATE TABLE log_low PARTITION OF log FOR VALUES FROM (0) TO (500)")
    source.ask("CREATE TABLE log_high PARTITION OF log FOR VALUES FROM (500) TO (1000)")
    source.ask("INSERT INTO log SELECT n, n / 8.0 FROM generate_series(1, 900) n")
    source.ask("ANALYZE log")
    moved(source, target, slice_rows=100)
    assert target.ask("SELECT count(*), min(id), max(id) FROM log") == [(900, 1, 900)]
