"""What loading partitions directly gains: `make bench PART=partitions ARGS="--months 12 36 84"`.

Batches of rows in memory go into monthly partitions of PostgreSQL, slice by slice, each in a transaction as a run's
are: through the whole table, and divided in the client. In order of their month and at random, by turns; medians count.
Reading is left out, as it is the same for both. `plain` is a table without partitions, which nothing can beat.

With --cut rows at random are read as well: as they lie, to be loaded through the whole, and from month to month by an
index on the column, to be loaded directly. All of it lies in memory, which is the best case of the index.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import data
import numpy as np
import psycopg
import pyarrow as pa
from places import Servers

from ropeway.transfer.engines.postgresql import leaves
from ropeway.transfer.engines.postgresql.copy import Shape, load
from ropeway.transfer.schema.catalogue import Relation
from ropeway.transfer.schema.leaves import Leaves, Level

TARGETS = {"random": 1.2, "in order": 1.0}
TWIN, BATCH = "benchmark_partitions", 20_000
COLUMNS = {
    "id": "bigint", "at": "timestamp without time zone", "n": "integer", "amount": "double precision", "name": "text",
    "note": "text",
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure loading into partitions.")
    parser.add_argument("--rows", type=int, default=1_200_000)
    parser.add_argument("--slice-rows", type=int, default=400_000)
    parser.add_argument("--months", type=int, nargs="+", default=[12, 36, 84])
    parser.add_argument("--wide", type=int, default=60, help="characters of a row's note")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--cut", action="store_true", help="read as well, cut at the bounds of partitions")
    parser.add_argument("--folder", type=Path, default=data.DEFAULT)
    given = parser.parse_args()
    with closing(Servers(given.folder)) as servers:
        server = servers.postgresql()
        for months in given.months:
            server.drop(TWIN)
            server.make(TWIN)
            with server.connect(TWIN, autocommit=True) as connection:
                _cut_at_bounds(connection, given, months) if given.cut else _measure(connection, given, months)
            server.drop(TWIN)


def _measure(connection: psycopg.Connection[object], given: argparse.Namespace, months: int) -> None:
    connection.execute("SET synchronous_commit = off")  # as the loader has it
    divided = _made(connection, months)
    for order, least in TARGETS.items():
        slices = _slices(given, np.array(divided.level.bounds), ordered=order == "in order")
        ways: dict[str, Callable[[list[pa.RecordBatch]], int]] = {
            "plain": lambda batches: load(connection, "plain", [*COLUMNS], batches[0].schema, _natives(), batches),
            "whole": lambda batches: load(connection, "orders", [*COLUMNS], batches[0].schema, _natives(), batches),
            "direct": lambda batches: _direct(connection, divided, batches),
        }
        took: dict[str, list[float]] = {name: [] for name in ways}
        for number in range(given.repetitions):
            for name, way in [*ways.items()][:: 1 if number % 2 else -1]:
                connection.execute("TRUNCATE plain, orders")
                took[name].append(_seconds(connection, way, slices))
        medians = {name: statistics.median(seconds) for name, seconds in took.items()}
        ratio = medians["whole"] / medians["direct"]
        word = "met" if ratio >= least else "MISSED"
        said = ", ".join(f"{name} {median:.2f} s" for name, median in medians.items())
        print(f"{months} months, {order}: {ratio:.2f} times as fast, at least {least} {word}; {said}", flush=True)


def _cut_at_bounds(connection: psycopg.Connection[object], given: argparse.Namespace, months: int) -> None:
    """Reading and loading one after the other, each by itself: what a run does beside each other is one of both."""
    connection.execute("SET synchronous_commit = off")
    divided = _made(connection, months)
    bounds = np.array(divided.level.bounds)
    mixed, sorted_ = (_slices(given, bounds, ordered=ordered) for ordered in (False, True))
    for batches in mixed:
        load(connection, "plain", [*COLUMNS], batches[0].schema, _natives(), batches)
    connection.execute("CREATE INDEX plain_at ON plain (at)")
    connection.execute("VACUUM ANALYZE plain")
    edges = [np.datetime64(int(bound), "us") for bound in bounds]
    months_ = [f" WHERE at >= '{low}' AND at < '{high}'" for low, high in pairwise(edges)]
    took: dict[str, list[float]] = {name: [] for name in ("read whole", "read cut", "load whole", "load cut")}
    for _ in range(given.repetitions):
        took["read whole"].append(_reading(connection, [""]))
        took["read cut"].append(_reading(connection, months_))
        connection.execute("TRUNCATE orders")
        whole: Callable[[list[pa.RecordBatch]], int] = lambda batches: load(  # noqa: E731 - one use
            connection, "orders", [*COLUMNS], batches[0].schema, _natives(), batches
        )
        took["load whole"].append(_seconds(connection, whole, mixed))
        connection.execute("TRUNCATE orders")
        took["load cut"].append(_seconds(connection, lambda batches: _direct(connection, divided, batches), sorted_))
    medians = {name: statistics.median(seconds) for name, seconds in took.items()}
    ratio = (medians["read whole"] + medians["load whole"]) / (medians["read cut"] + medians["load cut"])
    word = "met" if ratio >= TARGETS["random"] else "MISSED"
    said = ", ".join(f"{name} {median:.2f} s" for name, median in medians.items())
    print(f"{months} months, cut: {ratio:.2f} times as fast, at least {TARGETS['random']} {word}; {said}", flush=True)


def _reading(connection: psycopg.Connection[object], conditions: list[str]) -> float:
    started = time.monotonic()
    for condition in conditions:
        query = f"COPY (SELECT * FROM plain{condition}) TO STDOUT (FORMAT binary)".encode()
        with connection.cursor().copy(query) as rows:
            for _ in rows:
                pass
    return time.monotonic() - started


def _natives() -> list[str]:
    return list(COLUMNS.values())


def _made(connection: psycopg.Connection[object], months: int) -> Leaves:
    """The tables, and the leaves as a plan has them."""
    columns = ", ".join(f"{name} {native} NOT NULL" for name, native in COLUMNS.items())
    connection.execute(f"CREATE TABLE plain ({columns})".encode())
    connection.execute(f"CREATE TABLE orders ({columns}) PARTITION BY RANGE (at)".encode())
    edges = np.arange(np.datetime64("2018-01"), np.datetime64("2018-01") + months + 1)
    names = [f"orders_p{number}" for number in range(months)]
    for name, low, high in zip(names, edges[:-1], edges[1:], strict=True):
        bounds = f"FROM ('{low}-01') TO ('{high}-01')"
        connection.execute(f"CREATE TABLE {name} PARTITION OF orders FOR VALUES {bounds}".encode())
    ends = tuple(edges.astype("datetime64[us]").astype(np.int64).tolist())
    level = Level("range", "at", ends, (-1, *range(months), -1))
    return Leaves(tuple(Relation("", name) for name in names), level)


def _direct(connection: psycopg.Connection[object], divided: Leaves, batches: list[pa.RecordBatch]) -> int:
    shape = Shape.of(connection, [*COLUMNS], batches[0].schema, _natives())
    names = [table.table for table in divided.tables]
    return leaves.load(connection, "orders", names, divided, shape, batches)


def _slices(given: argparse.Namespace, bounds: np.ndarray, *, ordered: bool) -> list[list[pa.RecordBatch]]:
    rng = np.random.default_rng(1)
    at = rng.integers(bounds[0], bounds[-1], given.rows)
    at = np.sort(at) if ordered else at
    return list(_cut(given, at))


def _cut(given: argparse.Namespace, at: np.ndarray) -> Iterator[list[pa.RecordBatch]]:
    for first in range(0, given.rows, given.slice_rows):
        number = np.arange(first, min(first + given.slice_rows, given.rows))
        table = pa.table({
            "id": number, "at": pa.array(at[number]).cast(pa.timestamp("us")), "n": (number % 1000).astype(np.int32),
            "amount": number / 7, "name": [f"name {one % 5000}" for one in number],
            "note": [f"{one:>{given.wide}}" for one in number],
        })  # fmt: skip
        yield table.to_batches(max_chunksize=BATCH)


def _seconds(
    connection: psycopg.Connection[object], way: Callable[[list[pa.RecordBatch]], int],
    slices: list[list[pa.RecordBatch]],
) -> float:  # fmt: skip
    started = time.monotonic()
    for batches in slices:
        with connection.transaction():
            way(batches)
    return time.monotonic() - started


if __name__ == "__main__":
    main()
