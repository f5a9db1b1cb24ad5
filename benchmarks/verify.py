"""The figures of verification in docs/verification.md, measured again: `make bench PART=verify ARGS="--scale 0.1"`.

Lineitem on PostgreSQL and MariaDB. What is compared takes turns (A B, A B); of repetitions the median counts, of CPU
the least, as what others do on the machine only ever adds. Prints each figure beside its target; --out keeps them.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import reduce
from pathlib import Path
from typing import Any

import data
from measure import Command, measured
from places import Servers
from shapes import LINEITEM, Shape

import ropeway
from ropeway.cli.wire import Secrets
from ropeway.transfer.engine import Session
from ropeway.transfer.engines import engine_of
from ropeway.transfer.extremes import joined, noted
from ropeway.transfer.place import parse, resolve
from ropeway.transfer.plan import Plan
from ropeway.transfer.segments import Division, by_digits
from ropeway.transfer.verification import rows_of
from ropeway.verify.checksum import Sum, of_batch

HERE = Path(__file__).parent
TWIN = "benchmark_twin"
TIMEOUT_S = 600


@dataclass(frozen=True)
class Figure:
    """What was measured, in words, and the target: at most so much, or at least if `least`."""

    name: str
    target: float
    values: tuple[float, ...]
    found: float
    least: bool = False

    @property
    def met(self) -> bool:
        return self.found >= self.target if self.least else self.found <= self.target

    def line(self) -> str:
        bound = f"{'at least' if self.least else 'at most'} {self.target:g}"
        several = ", ".join(f"{value:.2f}" for value in self.values)
        return f"{self.name:66} {self.found:8.2f}  {bound:14} {'met' if self.met else 'MISSED':7} {several}"


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure verification.")
    parser.add_argument("--scale", type=float, default=0.1)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=data.DEFAULT)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    found: list[Figure] = []
    with contextlib.closing(Servers(given.folder)) as servers:
        for figure in _figures(servers, given):
            print(figure.line(), flush=True)
            found.append(figure)
    if given.out:
        given.out.write_text(json.dumps([{**asdict(one), "met": one.met} for one in found], indent=1) + "\n")


def _figures(servers: Servers, given: argparse.Namespace) -> Iterator[Figure]:
    sources = {name: data.source(servers, given.folder, name, "lineitem", given.scale)
               for name in ("postgresql", "mariadb")}  # fmt: skip
    yield from _in_flight(sources["mariadb"], given.repetitions)
    ways = {"by ranges of the key": Division((0,), 0, 10_000), "by the key's SHA-256": by_digits((0, 3), 600_000)}
    for name, target in (("postgresql", 4.2), ("mariadb", 9.0)):
        for way, division in ways.items():
            spent = _in_sql(sources[name], division, servers, given.repetitions)
            yield Figure(f"{name}'s SQL, segments {way}, us of CPU a row", target, spent, min(spent))
    with _twin(servers, f"lineitem_{data.named(given.scale)}") as twin:
        yield from _beside_data_diff(sources["postgresql"], twin, servers, given.repetitions)
    for here, there, target in (
        ("mariadb", "postgresql", 2.0), ("postgresql", "mariadb", 2.5), ("postgresql", "postgresql", 3.0),
    ):  # fmt: skip
        yield _after_a_copy(sources[here], there, target, servers, given.repetitions)


def _planned(url: str, target: str) -> tuple[Plan, Secrets]:
    (source, one), (place, two) = parse(url), parse(target)
    wanted = ropeway.Request(source, place, (ropeway.Choice("lineitem"),), consistency="none", slice_rows=10**9)
    return ropeway.plan(wanted, Secrets(one, two)), Secrets(one, two)


def _in_flight(url: str, repetitions: int) -> Iterator[Figure]:
    """CPU of the checksum of batches that are in memory, as a reader made them; and of finding their extremes."""
    plan, secrets = _planned(url, "duckdb:////tmp/none.duckdb")
    hop = plan.hops[0]
    canons = [column.canon for column in hop.columns]
    held = list(rows_of(engine_of(plan.source.scheme), resolve(plan.source, secrets.source), hop))
    rows = sum(batch.num_rows for batch in held)
    works: tuple[tuple[str, float, Callable[[], object]], ...] = (
        ("checksum in flight, us of CPU a row", 1.3, lambda: sum((of_batch(b, canons) for b in held), Sum.zero())),
        ("extremes in flight, us of CPU a row", 0.1, lambda: reduce(joined, map(noted, held))),
    )
    for name, target, work in works:
        spent = []
        for _ in range(repetitions):
            cpu = time.process_time()
            work()
            spent.append((time.process_time() - cpu) / rows * 1e6)
        yield Figure(name, target, tuple(spent), min(spent))


def _in_sql(url: str, division: Division, servers: Servers, repetitions: int) -> tuple[float, ...]:
    """CPU of the server, all its processes, for the checksums of a table's segments."""
    spent = []
    with _checksums(url, division) as (session, sql):
        for _ in range(repetitions):
            before = servers.cpu()
            rows = sum(int(str(row[1])) for row in session.ask(sql))
            spent.append((servers.cpu() - before) / rows * 1e6)
    return tuple(spent)


@contextlib.contextmanager
def _checksums(url: str, division: Division) -> Iterator[tuple[Session, str]]:
    """A session, and the query for the checksums of a table's segments."""
    plan, secrets = _planned(url, "duckdb:////tmp/none.duckdb")
    hop, engine = plan.hops[0], engine_of(plan.source.scheme)
    with contextlib.closing(engine.connect(resolve(plan.source, secrets.source))) as session:
        (table,) = engine.tables(session)
        columns = [(engine.quote(c.source), c.canon, table.column(c.source).native) for c in hop.columns]
        yield session, engine.checksum(session, hop.reads, columns, "", division)


@contextlib.contextmanager
def _twin(servers: Servers, database: str) -> Iterator[str]:
    """A database of the same tables."""
    server = servers.postgresql()
    server.drop(TWIN)
    with server.connect(autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{TWIN}" TEMPLATE "{database}"'.encode())
    yield server.url(TWIN)
    server.drop(TWIN)


def _beside_data_diff(one: str, other: str, servers: Servers, repetitions: int) -> Iterator[Figure]:
    """`verify --level full` of two equal tables, and data-diff's query on both at once; then of one changed row."""
    databases = [url.rpartition("/")[2] for url in (one, other)]

    def both(sql: str) -> float:
        return _seconds(lambda: _at_once([lambda name=name: _asked(servers, name, sql) for name in databases]))  # type: ignore[misc]

    ratios: list[float] = []
    queries: list[float] = []
    memory: list[float] = []
    with _checksums(one, Division((0,), 0, 10_000)) as (_, sql):
        pass
    for _ in range(repetitions):
        theirs = both(data_diff(LINEITEM))
        queries.append(theirs / both(sql))
        ours = _verified(one, other, servers)
        assert ours["claim"] == "target equals source", ours
        ratios.append(theirs / ours["seconds"])
        memory.append((ours["peak"] - ours["imports"]) / 1e6)
    yield Figure("data-diff's SQL over ours, time", 1.3, tuple(queries), statistics.median(queries), True)
    yield Figure("data-diff's SQL over verify --level full, time", 1.3, tuple(ratios), statistics.median(ratios), True)
    yield Figure("memory above imports, MB, equal tables", 100, tuple(memory), max(memory))
    _asked(
        servers, TWIN, "UPDATE lineitem SET l_tax = l_tax + 0.01 WHERE l_orderkey = 7 AND l_linenumber = 1 RETURNING 1"
    )
    named: list[float] = []
    memory = []
    for _ in range(repetitions):
        ours = _verified(one, other, servers)
        assert [found[2] for found in ours["differences"]] == ["l_tax"], ours
        named.append(ours["named"])
        memory.append((ours["peak"] - ours["imports"]) / 1e6)
    yield Figure("one changed row, seconds from the segments to its name", 2, tuple(named), statistics.median(named))
    yield Figure("memory above imports, MB, one changed row", 100, tuple(memory), max(memory))


def data_diff(shape: Shape) -> str:
    """The query by which data-diff 0.11 and reladiff 0.6 compare a range of keys, here of the whole table."""
    cells = []
    for name, word in shape.columns:
        text = f'"{name}"::varchar'
        if word.startswith("decimal"):
            text = f'"{name}"::decimal(38, {word.rstrip(")").partition(",")[2]})::varchar'
        elif word == "date":
            text = f"to_char(\"{name}\"::timestamp(0), 'YYYY-mm-dd HH24:MI:SS.US')"
        cells.append(f"coalesce(coalesce({text}, '<null>')::varchar, '<null>')")
    row = " || '|' || ".join(cells)
    return f"SELECT count(*), sum(('x' || substring(md5(({row})), 18))::bit(60)::bigint) FROM {shape.name}"


def _asked(servers: Servers, database: str, sql: str) -> object:
    with servers.postgresql().connect(database, autocommit=True) as connection:
        return connection.execute(sql.encode()).fetchone()


def _at_once(works: list[Callable[[], object]]) -> None:
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _seconds(work: Callable[[], object]) -> float:
    started = time.monotonic()
    work()
    return time.monotonic() - started


def _verified(one: str, other: str, servers: Servers) -> dict[str, Any]:
    job = {"source": one, "target": other, "table": "lineitem", "consistency": "none", "verify": "full"}
    return _answered("verified.py", job, servers)


def _answered(program: str, job: dict[str, Any], servers: Servers) -> dict[str, Any]:
    command = Command([sys.executable, "-P", str(HERE / program)], {}, json.dumps(job))
    found = measured(command, servers.cpu, TIMEOUT_S)
    if found.status:
        raise SystemExit(servers.redacted(found.errors))
    answer: dict[str, Any] = json.loads(found.output.strip().split("\n")[-1])
    return answer


def _after_a_copy(source: str, there: str, target: float, servers: Servers, repetitions: int) -> Figure:
    """A copy with the standard verification over one without any, imports aside."""
    server = servers.postgresql() if there == "postgresql" else servers.mariadb()
    ratios = []
    for _ in range(repetitions):
        took = []
        for level in ("none", "standard"):
            server.drop(TWIN)
            server.make(TWIN)
            job = {"source": source, "target": server.url(TWIN), "table": "lineitem", "consistency": "run",
                   "verify": level, "workers": 2, "memory_mb": 600}  # fmt: skip
            phases = _answered("once.py", job, servers)["phases"]
            took.append(phases["closed"] - phases["imported"])
        ratios.append(took[1] / took[0])
    server.drop(TWIN)
    name = f"{source.partition(':')[0]} to {there}: copy with standard verification over copy alone"
    return Figure(name, target, tuple(ratios), statistics.median(ratios))


if __name__ == "__main__":
    main()
