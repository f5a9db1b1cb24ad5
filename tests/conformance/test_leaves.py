"""Rows that are loaded into PostgreSQL's partitions directly: where they lie, and what comes of wrong ones."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pytest

from attacks import attack, equal_to_what_was_read, finished
from moves import moved, requested
from ropeway.cli import wire
from ropeway.partitioning.declared import call_of
from ropeway.transfer.engines.postgresql.copy import Shape
from ropeway.transfer.engines.postgresql.leaves import load
from ropeway.transfer.plan import Plan, from_json, to_json
from ropeway.transfer.request import Choice
from ropeway.transfer.schema.catalogue import Relation
from ropeway.transfer.schema.leaves import Leaves, Level
from ropeway.verify.report import Report
from servers import Postgresql
from spots import Servers, Spot, spot

DAYS = {
    "orders_p2024_01": 31, "orders_p2024_02": 29, "orders_p2024_03": 31, "orders_p2024_04": 9, "orders_pdefault": 1,
}  # fmt: skip
LYING = "SELECT tableoid::regclass::text, count(*) FROM orders GROUP BY 1 ORDER BY 1"


@pytest.fixture
def source(tmp_path: Path, servers: Servers) -> Spot:
    """A hundred days in order with two hundred rows each, which is enough to be loaded directly, and rows without."""
    made = spot("duckdb", tmp_path, servers)
    made.ask("CREATE TABLE orders (id INTEGER, ordered_at DATE, region VARCHAR)")
    made.ask("INSERT INTO orders SELECT n, DATE '2024-01-01' + (n // 200)::INT, 'EU' FROM range(20000) r(n)")
    made.ask("INSERT INTO orders SELECT n, NULL, 'US' FROM range(20000, 20200) r(n)")
    return made


def choice(**more: Any) -> tuple[Choice, ...]:
    return (Choice("orders", partition=call_of({"by": "range", "column": "ordered_at", "every": "month", **more})),)


@pytest.mark.parametrize("mode", ["create", "replace"])
def test_each_row_lies_where_its_month_is(mode: str, source: Spot, tmp_path: Path, servers: Servers) -> None:
    target = spot("postgresql", tmp_path, servers)
    for _ in range(2 if mode == "replace" else 1):
        plan = moved(source, target, choices=choice(), mode=mode, level="full").plan
        assert from_json(to_json(plan)) == plan
        assert plan.hops[0].leaves
    assert {name.removesuffix("_2"): rows / 200 for name, rows in target.ask(LYING)} == DAYS


def test_a_plan_that_sends_rows_to_the_wrong_place_fails(source: Spot, tmp_path: Path, servers: Servers) -> None:
    """The server holds each row against the partition that it came to: it is never there in silence."""
    target = spot("postgresql", tmp_path, servers)
    request, secrets = requested(source, target, choices=choice())
    plan = wire.plan(request, secrets)
    leaves = plan.hops[0].leaves
    assert leaves
    bounds = tuple(int(bound) + 1 for bound in leaves.level.bounds)
    with pytest.raises(Exception, match="violates partition constraint"):
        wire.run(_led(plan, replace(leaves, level=replace(leaves.level, bounds=bounds))), secrets)
    wrong = "SELECT count(*) FROM orders WHERE tableoid = 'orders_p2024_01'::regclass AND ordered_at >= '2024-02-01'"
    assert target.ask(wrong) == [(0,)]


def _led(plan: Plan, leaves: Leaves) -> Plan:
    return replace(plan, hops=(replace(plan.hops[0], leaves=leaves),))


@pytest.mark.parametrize("point", ["stepping", "landed"])
def test_a_killed_run_is_resumed(point: str, source: Spot, tmp_path: Path, servers: Servers) -> None:
    target = spot("postgresql", tmp_path, servers)
    source.ask("DELETE FROM orders WHERE ordered_at IS NULL")
    settings: dict[str, Any] = {
        "source": source.url, "target": target.url, "slice_rows": 3000, "point": point, "nth": 2, "tables": [],
        "partition": {"orders": {"by": "range", "column": "ordered_at", "every": "month"}},
    }  # fmt: skip
    killed = attack(**settings)
    assert killed.returncode == -signal.SIGKILL, killed.stderr[-2000:]
    equal_to_what_was_read(finished(settings))
    assert {name: rows / 200 for name, rows in target.ask(LYING)} == {key: n for key, n in DAYS.items() if n > 1}


COLUMNS, NATIVES = ["id", "day"], ["integer", "date"]
EPOCH = date(1970, 1, 1)


@pytest.fixture
def connection(postgresql: Postgresql) -> Iterator[psycopg.Connection[Any]]:
    with closing(psycopg.connect(postgresql.database(), autocommit=True)) as made:
        made.execute("CREATE TABLE orders (id integer, day date) PARTITION BY RANGE (day)")
        for number in range(3):
            low, high = date(2024, number + 1, 1), date(2024, number + 2, 1)
            made.execute(f"CREATE TABLE p{number} PARTITION OF orders FOR VALUES FROM ('{low}') TO ('{high}')".encode())
        made.execute("SET client_encoding = 'UTF8'")
        yield made


def loaded(connection: psycopg.Connection[Any], days: list[list[int]], whole: str = "orders") -> int:
    """Batches of days since the begin of 2024."""
    first = (date(2024, 1, 1) - EPOCH).days
    level = Level("range", "day", (first, first + 31, first + 60, first + 91), (-1, 0, 1, 2, -1))
    leaves = Leaves(tuple(Relation("", f"p{number}") for number in range(3)), level)
    schema = pa.table({"id": pa.array([], pa.int32()), "day": pa.array([], pa.date32())}).schema
    batches = [
        pa.record_batch([list(range(len(batch))), [date(2024, 1, 1) + timedelta(day) for day in batch]], schema=schema)
        for batch in days
    ]
    shape = Shape.of(connection, COLUMNS, schema, NATIVES)
    return load(connection, whole, ["p0", "p1", "p2"], leaves, shape, batches)


def test_rows_in_order_never_pass_the_whole(connection: psycopg.Connection[Any]) -> None:
    """No table is called nowhere: a COPY into it would fail."""
    days = [[0] * 3000, [], [3] * 3000, [30] * 3000 + [31] * 3000, [59] * 6000, [60] * 6000]
    assert loaded(connection, days, "nowhere") == 24_000
    found = connection.execute("SELECT tableoid::regclass::text, count(*) FROM orders GROUP BY 1 ORDER BY 1").fetchall()
    assert found == [("p0", 9000), ("p1", 9000), ("p2", 6000)]


def test_rows_at_random_pass_the_whole(connection: psycopg.Connection[Any]) -> None:
    """All the same they lie where they should, before and after no batch is looked at any more."""
    assert loaded(connection, [[0, 31, 60] * 50] * 9 + [[5] * 9]) == 1359
    found = connection.execute("SELECT tableoid::regclass::text, count(*) FROM orders GROUP BY 1 ORDER BY 1").fetchall()
    assert found == [("p0", 459), ("p1", 450), ("p2", 450)]
    with pytest.raises(psycopg.errors.UndefinedTable, match="nowhere"):
        loaded(connection, [[0, 31, 60] * 50], "nowhere")


def test_what_has_no_partition_is_refused_by_the_whole(connection: psycopg.Connection[Any]) -> None:
    with pytest.raises(psycopg.errors.CheckViolation, match="no partition of relation"):
        loaded(connection, [[1] * 10, [200]])
    assert connection.execute("SELECT count(*) FROM p0").fetchone() == (10,)  # no transaction is open here


def test_each_partition_has_a_checksum(source: Spot, tmp_path: Path, servers: Servers) -> None:
    """A row that was changed, or is in a partition that another row was taken from, is told by the partition."""
    target = spot("postgresql", tmp_path, servers)
    outcome = moved(source, target, choices=choice())
    assert outcome.report
    (table,) = outcome.report.tables
    assert (table.claim, table.segments, table.differing_segments) == ("target equals what was read", 5, 0)
    target.ask("UPDATE orders SET region = 'XX' WHERE id = 6300")
    (table,) = verified(outcome, source, target).tables
    assert (table.claim, table.segments, table.differing_segments) == ("different", 5, 1)
    assert table.reason == "partitions that differ: public.orders_p2024_02"
    target.ask("UPDATE orders SET region = 'EU' WHERE id = 6300")
    target.ask("UPDATE orders SET ordered_at = '2024-03-01' WHERE id = 6300")
    (table,) = verified(outcome, source, target).tables
    assert (table.claim, table.segments, table.differing_segments) == ("different", 5, 2)
    assert table.rows_source == table.rows_target == 20_200
    target.ask("ALTER TABLE orders DETACH PARTITION orders_p2024_01")
    target.ask("DROP TABLE orders_p2024_01")
    (table,) = verified(outcome, source, target).tables
    assert (table.claim, table.segments, table.rows_target) == ("different", -1, 14_000)


def test_a_partition_that_was_added_counts(source: Spot, tmp_path: Path, servers: Servers) -> None:
    target = spot("postgresql", tmp_path, servers)
    source.ask("DELETE FROM orders WHERE ordered_at IS NULL")
    source.ask("ALTER TABLE orders ALTER ordered_at SET NOT NULL")
    outcome = moved(source, target, choices=choice(outside="refuse"))
    target.ask("CREATE TABLE later PARTITION OF orders FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')")
    target.ask("INSERT INTO orders VALUES (-1, '2025-01-01', 'EU')")
    (table,) = verified(outcome, source, target).tables
    assert (table.claim, table.segments) == ("different", -1)


def test_nulls_that_a_source_has_in_its_first_range(tmp_path: Path, servers: Servers) -> None:
    """They go to the DEFAULT partition directly, which the first range is then: enough of them to be worth a COPY."""
    source, target = spot("mariadb", tmp_path, servers), spot("postgresql", tmp_path, servers)
    source.ask(
        "CREATE TABLE sale (id int, day date) PARTITION BY RANGE COLUMNS (day) (PARTITION old VALUES LESS THAN "
        "('2024-01-01'), PARTITION new VALUES LESS THAN ('2024-02-01'), PARTITION rest VALUES LESS THAN (MAXVALUE))"
    )
    for day, first in (("NULL", 0), ("'2023-05-05'", 10_000), ("'2024-01-01'", 20_000), ("'2024-02-01'", 30_000)):
        source.ask(f"INSERT INTO sale SELECT {first} + seq, {day} FROM seq_1_to_5000")
    outcome = moved(source, target, slice_rows=0)
    assert target.ask("SELECT tableoid::regclass::text, count(*), count(day) FROM sale GROUP BY 1 ORDER BY 1") == [
        ("sale_new", 5000, 5000), ("sale_old", 10_000, 5000), ("sale_rest", 5000, 5000),
    ]  # fmt: skip
    assert outcome.report
    (table,) = outcome.report.tables
    assert (table.segments, table.differing_segments) == (3, 0)


def verified(outcome: wire.Outcome, source: Spot, target: Spot) -> Report:
    """The receipts against what the target holds now."""
    return wire.verify(outcome.plan, level="standard", secrets=requested(source, target)[1])
