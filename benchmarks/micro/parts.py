"""Each part of a move by itself: planning's imports, the reader, the checksum, the loader, and both raw forms.

    python benchmarks/micro/parts.py --source mariadb --target postgresql --table lineitem --scale 0.1

The reader's batches go nowhere; the loader takes batches that are in memory, and its transaction is rolled back.
Prints microseconds of CPU a row in this process and in the servers, and rows a second of wall time.
"""

# ruff: noqa: E402 - our folders come first

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parents[1]
sys.path[0] = str(HERE)

import data
import pyarrow as pa
from places import Servers

import ropeway
from ropeway.cli.wire import Secrets
from ropeway.transfer.engines import engine_of
from ropeway.transfer.flow import flow
from ropeway.transfer.place import parse, resolve
from ropeway.transfer.plan import Hop
from ropeway.verify.checksum import Sum, of_batch

TARGET = "benchmark_parts"
_HELD = 256 << 20  # bytes of batches that the loader is given


@dataclass(frozen=True)
class Timed:
    """What a part took for so many rows."""

    part: str
    rows: int
    seconds: float
    cpu: float
    servers: float

    def line(self) -> str:
        rows = max(self.rows, 1)
        return (
            f"{self.part:28} {self.rows:10,} rows {rows / max(self.seconds, 1e-9):12,.0f} rows/s "
            f"{self.cpu / rows * 1e6:8.2f} us here {self.servers / rows * 1e6:8.2f} us in servers"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure each part of a move alone.")
    parser.add_argument("--source", default="mariadb")
    parser.add_argument("--target", default="postgresql")
    parser.add_argument("--table", default="lineitem")
    parser.add_argument("--scale", type=float, default=0.1)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--batch-bytes", type=int, default=4 << 20)
    parser.add_argument("--folder", type=Path, default=data.DEFAULT)
    given = parser.parse_args()
    print(f"imports: {_imports(given.source, given.target):.2f} s of CPU")
    with contextlib.closing(Servers(given.folder)) as servers:
        source = data.source(servers, given.folder, given.source, given.table, given.scale)
        with _target(servers, given) as target:
            for timed in _parts(source, target, servers, given):
                print(timed.line(), flush=True)


def _imports(*engines: str) -> float:
    """CPU of a process that only imports what a move between these needs; what follows has it in memory already."""
    names = "; ".join(f"engine_of({name!r})" for name in engines)
    wanted = "import os, ropeway.cli.wire; from ropeway.transfer.engines import engine_of"
    script = f"{wanted}; {names}; print(sum(os.times()[:2]))"
    told = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=True)
    return float(told.stdout)


@contextlib.contextmanager
def _target(servers: Servers, given: argparse.Namespace) -> Iterator[str]:
    if given.target != "postgresql":
        path = given.folder / f"{TARGET}.{given.target}"
        path.unlink(missing_ok=True)
        yield f"{given.target}:///{path}"
        path.unlink(missing_ok=True)
        return
    server = servers.postgresql()
    server.drop(TARGET)
    server.make(TARGET)
    yield server.url(TARGET)
    server.drop(TARGET)


def _parts(source_url: str, target_url: str, servers: Servers, given: argparse.Namespace) -> Iterator[Timed]:
    (source, one), (target, two) = parse(source_url), parse(target_url)
    whole = ropeway.Request(source, target, (ropeway.Choice(given.table),), consistency="none", slice_rows=10**9)
    plan = ropeway.plan(whole, Secrets(one, two))
    hop, engine, taker = plan.hops[0], engine_of(source.scheme), engine_of(target.scheme)
    part, canons = hop.slices[0], [column.canon for column in hop.columns]
    with contextlib.closing(engine.open(resolve(source, one), [hop], "none", 1)) as opened:
        reader = opened.readers()[0]

        def read() -> int:
            return sum(batch.num_rows for batch in flow(hop, part, reader, given.batch_bytes))

        yield from _repeated("reader", read, servers, given.repetitions)
        held = _held(flow(hop, part, reader, given.batch_bytes))
        rows = sum(batch.num_rows for batch in held)

        def add() -> int:
            return sum((of_batch(batch, canons) for batch in held), Sum.zero()).count

        yield from _repeated("checksum", add, servers, given.repetitions)
        blocks = list(reader.raw(hop, part)) if hop.raw else []
        if blocks:
            yield from _repeated("reader, raw", lambda: sum(map(len, reader.raw(hop, part))) and rows, servers,
                                 given.repetitions)  # fmt: skip
    with contextlib.closing(taker.loader(resolve(target, two))) as loader:
        for statement in plan.statements:
            if statement.phase == "before":
                loader.execute(statement.forward)
        ways: dict[str, Callable[[Hop], int]] = {"loader": lambda hop: loader.load(hop, part, iter(held))}
        if blocks:
            ways["loader, raw"] = lambda hop: loader.load_raw(hop, part, iter(blocks))
        for name, way in ways.items():
            yield from _repeated(name, lambda way=way: _undone(loader, way, hop), servers, given.repetitions)  # type: ignore[misc]


def _held(batches: Iterator[pa.RecordBatch]) -> list[pa.RecordBatch]:
    held, size = [], 0
    for batch in batches:
        held.append(batch)
        size += batch.nbytes
        if size > _HELD:
            break
    return held


def _undone(loader: Any, way: Callable[[Hop], int], hop: Hop) -> int:
    loader.begin()
    try:
        return way(hop)
    finally:
        loader.rollback()


def _repeated(part: str, work: Callable[[], int], servers: Servers, repetitions: int) -> Iterator[Timed]:
    """The repetition that took the least CPU: what others do on the machine only ever adds."""
    found = []
    for _ in range(repetitions):
        before, cpu, started = servers.cpu(), time.process_time(), time.monotonic()
        rows = work()
        seconds, used = time.monotonic() - started, time.process_time() - cpu
        found.append(Timed(part, rows, seconds, used, servers.cpu() - before))
    yield min(found, key=lambda timed: timed.cpu)


if __name__ == "__main__":
    main()
