"""What resuming costs, and how soon a resumed run moves: `make bench PART=reliability ARGS="--rows 4000000"`.

The ledger's share: of a whole run (Parquet to PostgreSQL and MariaDB, ends and keys included) the time within the
ledger's own statements, added up over all workers, which wait for each other only in part. The same run is its own
measure, so that a busy machine says little.

A resume: a run out of files, whose instant is durable, is killed (-9) once half of its slices have landed; from the
start of the next process to the first rows that leave the source.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import data
import duckdb
from places import Servers

from ropeway.cli import wire
from ropeway.cli.job import job
from ropeway.transfer.ledger import SqlLedger

MOST, SOONEST = 0.03, 5.0  # of a transfer; seconds
TWIN = "benchmark_reliability"
ASKED = ("prepare", "present", "runs", "open", "plan", "finish", "claim", "settle", "receipts", "journal", "journaled",
         "stands", "turn")  # fmt: skip
ROWS = (
    "SELECT i AS id, i % 1000 AS n, (i / 7)::DECIMAL(12, 2) AS amount, 'name ' || i AS name, "
    "TIMESTAMP '2020-01-01' + INTERVAL (i) SECOND AS at, repeat('x', (i % 60)::INT) AS note FROM range({rows}) r(i)"
)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the ledger and a resume.")
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--slice-rows", type=int, default=400_000)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=data.DEFAULT)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, closing(Servers(given.folder)) as servers:
        os.chdir(folder)
        Path("in").mkdir()
        with duckdb.connect() as connection:
            rows = ROWS.format(rows=given.rows)
            connection.execute(f"COPY ({rows}) TO 'in/moved.parquet' (FORMAT parquet, ROW_GROUP_SIZE 100000)")
        for server in (servers.postgresql(), servers.mariadb()):
            shares, waits = [], []
            for _ in range(given.repetitions):
                shares.append(_share(fresh(server), given.slice_rows))
                waits.append(_resumed(fresh(server), given.slice_rows // 4))
            server.drop(TWIN)
            _say(type(server).__name__, shares, waits)


def fresh(server: Any) -> str:
    """The URL of an empty database."""
    server.drop(TWIN)
    server.make(TWIN)
    return str(server.url(TWIN))


def _say(name: str, shares: list[float], waits: list[float]) -> None:
    share, wait = statistics.median(shares), statistics.median(waits)
    listed = ", ".join(f"{one:.2%}" for one in shares), ", ".join(f"{one:.2f}" for one in waits)
    print(f"{name}: the ledger takes {share:.2%} of a run, at most {MOST:.0%} {_met(share <= MOST)} ({listed[0]})")
    print(f"{name}: a resumed run moves after {wait:.2f} s, at most {SOONEST:g} {_met(wait <= SOONEST)} ({listed[1]})")


def _met(is_met: bool) -> str:
    return "met" if is_met else "MISSED"


@contextmanager
def timed() -> Iterator[list[float]]:
    """The seconds within the ledger's statements, each added to the list; one that calls another counts once."""
    spent, within = list[float](), threading.local()

    def around(original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def wrapped(*arguments: Any, **named: Any) -> Any:
            if getattr(within, "is_timed", False):
                return original(*arguments, **named)
            within.is_timed, began = True, time.monotonic()
            try:
                return original(*arguments, **named)
            finally:
                within.is_timed = False
                spent.append(time.monotonic() - began)

        return wrapped

    originals = {name: getattr(SqlLedger, name) for name in ASKED}
    for name, original in originals.items():
        setattr(SqlLedger, name, around(original))
    try:
        yield spent
    finally:
        for name, original in originals.items():
            setattr(SqlLedger, name, original)


def _share(target: str, slice_rows: int) -> float:
    wanted = job(source="parquet:///in", target=target, slice_rows=slice_rows)
    began = time.monotonic()
    with timed() as spent:
        outcome = wire.run(wanted.request, wanted.secrets)
    assert outcome.report
    assert outcome.report.equal
    return sum(spent) / (time.monotonic() - began)


def _resumed(target: str, slice_rows: int) -> float:
    command = [sys.executable, "-m", "ropeway.cli", "run", "--source", "parquet:///in", "--target", target, "-q",
               "--slice-rows", str(slice_rows), "--verify", "none"]  # fmt: skip
    known = {*Path(".ropeway").glob("*")}
    started = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while sum(one["event"] == "landed" for one in _events(known)) < 3:
        time.sleep(0.02)
    os.kill(started.pid, signal.SIGKILL)
    if started.wait() != -signal.SIGKILL:
        raise SystemExit("The run ended before it could be killed: give more --rows.")
    began = datetime.now().astimezone()
    subprocess.run([*command, "--resume"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    moved = [one for one in _events(known) if one["event"] in ("moving", "landed") and not one.get("earlier")]
    first = next(at for one in moved if (at := datetime.fromisoformat(one["at"])) > began)
    return (first - began).total_seconds()


def _events(known: set[Path]) -> list[dict[str, Any]]:
    """Those of the latest run here but for these; a line that is being written is left out."""
    found = sorted(one for one in Path(".ropeway").glob("*/events.jsonl") if one.parent not in known)
    lines = found[-1].read_text().splitlines(keepends=True) if found else []
    return [json.loads(line) for line in lines if line.endswith("\n")]


if __name__ == "__main__":
    main()
