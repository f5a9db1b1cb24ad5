"""Drivers that change values: which level of a verification sees it, and which cannot."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from moves import requested
from ropeway.cli import wire
from ropeway.transfer import planning, segments
from ropeway.transfer.engines import engine_of
from ropeway.transfer.engines.duckdb.loader import DuckLoader
from ropeway.transfer.engines.duckdb.reader import DuckReader
from ropeway.transfer.engines.mysql.session import MySqlLoader
from ropeway.transfer.engines.mysql.source import MySqlReader
from ropeway.transfer.engines.postgresql.source import PostgreSqlReader
from ropeway.transfer.engines.sqlite.loader import SqliteLoader
from ropeway.transfer.engines.sqlite.reader import SqliteReader
from ropeway.transfer.plan import Plan
from ropeway.transfer.request import Choice
from ropeway.verify import sampled
from ropeway.verify.report import COUNTS_EQUAL, DIFFERENT, EQUALS_READ
from spots import Servers, Spot, spot

READERS: dict[str, type] = {
    "postgresql": PostgreSqlReader, "mariadb": MySqlReader, "sqlite": SqliteReader, "duckdb": DuckReader,
}  # fmt: skip
LOADERS: dict[str, type] = {"mariadb": MySqlLoader, "sqlite": SqliteLoader, "duckdb": DuckLoader}
ROWS, NTH = 300, 101


def shifted(batches: Iterable[pa.RecordBatch], by: int) -> Iterator[pa.RecordBatch]:
    """Every 101st timestamp is some microseconds off."""
    for batch in batches:
        nth = by * (np.arange(batch.num_rows) % NTH == NTH - 1)
        columns = [
            pa.array(values.view(pa.int64()).to_numpy() + nth).view(values.type)
            if pa.types.is_timestamp(values.type)
            else values
            for values in batch.columns
        ]
        yield pa.RecordBatch.from_arrays(columns, schema=batch.schema)


def sabotage(monkeypatch: pytest.MonkeyPatch, kind: type, method: str, by: int) -> None:
    """A reader gives shifted batches, a loader takes them; the batches are a loader's last argument."""
    honest: Callable[..., Any] = getattr(kind, method)

    def reads(*given: Any) -> Iterator[pa.RecordBatch]:
        return shifted(honest(*given), by)

    def loads(*given: Any) -> Any:
        return honest(*given[:-1], shifted(given[-1], by))

    monkeypatch.setattr(kind, method, reads if method == "read" else loads)


def filled(place: Spot) -> None:
    kind = "datetime(6)" if place.engine == "mariadb" else "timestamp"
    place.ask(f"CREATE TABLE t (id integer NOT NULL PRIMARY KEY, seen {kind})")
    rows = (f"({n}, '2024-03-01 10:{n % 60:02}:00.{n:06}')" for n in range(ROWS))
    place.ask(f"INSERT INTO t VALUES {', '.join(rows)}")


def claims(source: Spot, target: Spot) -> dict[str, str]:
    """What is said after a run that moves the rows, by each way to ask; and why, at full."""
    one = wire.run(*requested(source, target))
    assert one.report
    said = {"run": one.report.tables[0].claim}
    secrets = requested(source, target)[1]
    for level in ("count", "full"):
        table = wire.verify(one.plan, one.receipts, level, secrets).tables[0]
        said[level] = table.claim
    said["reason"] = table.reason.partition(", ")[0]
    another = requested(source, target, choices=(Choice("t"),))[0]  # of which no run is known
    said["standard, without a run"] = wire.verify(another, level="standard", secrets=secrets).tables[0].claim
    return said


SEEN, MISSED = DIFFERENT, EQUALS_READ
# How a driver is wrong, and between whom; then what is said after the run, at standard without a run, and at full.
# At full both servers speak, but SQLite, which a second driver reads; standard of a run reads the MySQL family back,
# and asks the source's server for all of so small a table, with a run or without.
CASES = {
    ("reading the source", "postgresql", "duckdb"): (SEEN, SEEN, SEEN),
    ("reading the source", "mariadb", "postgresql"): (SEEN, SEEN, SEEN),
    ("reading the source", "duckdb", "sqlite"): (SEEN, SEEN, SEEN),
    ("reading the source", "sqlite", "postgresql"): (MISSED, MISSED, SEEN),
    ("reading and writing the target", "sqlite", "duckdb"): (SEEN, SEEN, SEEN),
    ("reading and writing the target", "postgresql", "mariadb"): (MISSED, SEEN, SEEN),
    ("reading and writing the target", "postgresql", "sqlite"): (MISSED, SEEN, SEEN),
}


@pytest.mark.parametrize(("way", "here", "there"), CASES)
def test_who_sees_a_driver_that_changes_values(
    way: str, here: str, there: str, tmp_path: Path, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = spot(here, tmp_path, servers), spot(there, tmp_path, servers)
    filled(source)
    if way == "reading the source":
        sabotage(monkeypatch, READERS[here], "read", 1)
    else:
        sabotage(monkeypatch, LOADERS[there], "load", 1)
        sabotage(monkeypatch, READERS[there], "read", -1)
    said = claims(source, target)
    run, alone, full = CASES[way, here, there]
    assert said == {
        "run": run, "count": COUNTS_EQUAL, "full": full, "standard, without a run": alone,
        "reason": "the checksums differ" if full == SEEN else "",  # the rows are still read wrongly
    }  # fmt: skip
    monkeypatch.undo()
    report = wire.verify(*requested(source, target)[:1], level="full", secrets=requested(source, target)[1])
    (table,) = report.tables
    assert table.found
    assert (table.found.changed, dict(table.found.columns)) == (2, {"seen": 2})  # honest drivers name the rows


SLICES, MANY = 20, 3_000
RUN = "2601010000000000"


def sliced(place: Spot) -> None:
    """Rows of which the latest moment is in the middle, with the longest note."""
    kind = "datetime(6)" if place.engine == "mariadb" else "timestamp"
    place.ask(f"CREATE TABLE t (id integer NOT NULL PRIMARY KEY, seen {kind}, note varchar(200))")
    latest = MANY // 2
    rows = (
        f"({n}, '{2038 if n == latest else 2024}-03-01 {n // 3600:02}:{n // 60 % 60:02}:{n % 60:02}.{n:06}', "
        f"'{'n' * (150 + (n == latest))}')"
        for n in range(MANY)
    )
    place.ask(f"INSERT INTO t VALUES {', '.join(rows)}")
    if place.engine != "duckdb":
        place.ask(f"ANALYZE {'TABLE ' if place.engine == 'mariadb' else ''}t")


def off(kind: type, monkeypatch: pytest.MonkeyPatch, one: int) -> None:
    """A reader that gives one row's moment a microsecond late."""
    honest: Callable[..., Any] = kind.read  # type: ignore[attr-defined]  # each has it

    def reads(*given: Any) -> Iterator[pa.RecordBatch]:
        for batch in honest(*given):
            late = (batch.column("id").to_numpy() == one).astype("int64")
            seen = batch.column("seen")
            changed = pa.array(seen.view(pa.int64()).to_numpy() + late).view(seen.type)
            yield batch.set_column(1, batch.schema.field(1), changed)

    monkeypatch.setattr(kind, "read", reads)


def ids_in(source: Spot, plan: Plan, number: int) -> list[int]:
    condition = engine_of(source.engine).condition(plan.hops[0].slices[number - 1].cut)
    return [int(row[0]) for row in source.ask(f"SELECT id FROM t WHERE {condition} ORDER BY id")]


@pytest.mark.parametrize("engine", ["postgresql", "mariadb", "duckdb"])
def test_a_driver_that_changes_one_value(
    engine: str, tmp_path: Path, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Standard sees it in the slices that were asked for, those of the extremes among them, and full everywhere."""
    monkeypatch.setattr(planning, "new_run", lambda: RUN)  # by whose name the sample is drawn
    source = spot(engine, tmp_path, servers)
    sliced(source)
    options: dict[str, Any] = {"slice_rows": MANY // SLICES}
    honest = wire.run(*requested(source, spot("sqlite", tmp_path, servers), **options))
    landed = {one.slice: one for one in honest.receipts if one.slice}
    sampled = next(number for number, one in landed.items() if one.asked_for == "a random sample")
    others = [number for number, one in landed.items() if not one.asked]
    assert len(others) > SLICES // 2
    latest = next(number for number in landed if MANY // 2 in ids_in(source, honest.plan, number))
    unseen = next(number for number in others if number != latest)
    assert landed[latest].asked_for.startswith("the extremes of ")
    for one, number, claim in (
        (MANY // 2, latest, DIFFERENT),
        (ids_in(source, honest.plan, sampled)[3], sampled, DIFFERENT),
        (ids_in(source, honest.plan, unseen)[3], unseen, EQUALS_READ),
    ):
        target = spot("sqlite", tmp_path, servers)
        off(READERS[engine], monkeypatch, one)
        request, secrets = requested(source, target, **options)
        outcome = wire.run(request, secrets)
        monkeypatch.undo()
        monkeypatch.setattr(planning, "new_run", lambda: RUN)
        assert outcome.report
        (table,) = outcome.report.tables
        assert (table.claim, table.reason.partition(" (")[0]) == (
            claim,
            f"slice {number}" if claim == DIFFERENT else "",
        )
        (found,) = wire.verify(outcome.plan, level="full", secrets=secrets).tables
        assert found.found
        assert [(cell.key, cell.column) for cell in found.found.first] == [({"id": str(one)}, "seen")]


class Lot:
    """Draws what it is told to."""

    def __init__(self, *drawn: int) -> None:
        self._drawn = drawn

    def sample(self, some: list[int], count: int) -> list[int]:
        return [one for one in some if one in self._drawn][:count]


@pytest.mark.parametrize("engine", ["postgresql", "mariadb", "duckdb"])
def test_one_value_of_a_large_table_without_a_run(
    engine: str, tmp_path: Path, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Standard asks for the ranges with extremes and for some by lot; a value in none of them is seen at full alone."""
    monkeypatch.setattr(segments, "ROWS", 100)
    monkeypatch.setattr(sampled, "LARGE", 200)
    source, target = spot(engine, tmp_path, servers), spot("sqlite", tmp_path, servers)
    sliced(source)
    honest = wire.run(*requested(source, target))
    assert honest.report
    assert honest.report.equal
    request, secrets = requested(source, target, choices=(Choice("t"),))
    table = wire.verify(request, level="standard", secrets=secrets).tables[0]
    assert table.claim == EQUALS_READ
    assert re.search(r"computed \d of 30 segments as well \(\d+% of the rows: the extremes of \d of 3", table.asked)
    for one, drawn, level, claim in (
        (MANY // 2, (), "standard", DIFFERENT), (777, (7,), "standard", DIFFERENT),
        (777, (8,), "standard", EQUALS_READ), (777, (8,), "full", DIFFERENT),
    ):  # fmt: skip
        late = spot("sqlite", tmp_path, servers)
        with monkeypatch.context() as patch:
            off(READERS[engine], patch, one)
            patch.setattr("secrets.SystemRandom", functools.partial(Lot, *drawn))
            wire.run(*requested(source, late, level="none"))
            request, secrets = requested(source, late, choices=(Choice("t"),))
            table = wire.verify(request, level=level, secrets=secrets).tables[0]
        assert table.claim == claim, (one, drawn, level, table)
        told = "is not what the source's own server holds" in table.reason
        assert told == (claim == DIFFERENT and level == "standard")
