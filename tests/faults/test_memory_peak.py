"""`--max-memory` is the peak of all our processes: measured from outside, by the kernel, over whole runs."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import pytest

from ropeway.transfer.place import parse
from servers.proxy import Proxy
from spots import Servers, Spot, spot

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]
LIMIT = 600 << 20
PAIRS = [
    ("sqlite", "postgresql"), ("postgresql", "mariadb"), ("mariadb", "duckdb"), ("duckdb", "sqlite"),
    ("postgresql", "postgresql"), ("mariadb", "postgresql"),
]  # fmt: skip
COLUMNS, WIDE_ROWS, LONG = 120, 40_000, 100_000_000


@dataclass(frozen=True)
class Ran:
    status: int
    peak: int
    said: str


def peak_of(process: subprocess.Popen[bytes]) -> int:
    """The most that a process and all that it starts hold at once, looked at until it ends."""
    peak = 0
    while process.poll() is None:
        with suppress(psutil.Error):  # one ended between the two
            own = psutil.Process(process.pid)
            peak = max(peak, sum(one.memory_info().rss for one in (own, *own.children(recursive=True))))
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.01)
    return peak


def ran(source: Spot, target: Spot, folder: Path, *words: str, limit: int = LIMIT) -> Ran:
    command = [sys.executable, "-m", "ropeway.cli", "run", "--source", source.url, "--target", target.url, *words]
    said = folder / "said"
    with said.open("w") as file:
        process = subprocess.Popen(
            [*command, "--max-memory", str(limit)], cwd=folder, stdout=file, stderr=file, stdin=subprocess.DEVNULL
        )
        peak = peak_of(process)
    return Ran(process.returncode, peak, said.read_text())


def wide(place: Spot) -> None:
    """Rows of about 5 kB in many columns."""
    columns = ", ".join(f"c{n} {('int', 'varchar(40)', 'double precision')[n % 3]}" for n in range(COLUMNS))
    values = ", ".join(("{0}", "'text number {0} of some length'", "{0} / 3.0")[n % 3] for n in range(COLUMNS))
    place.ask(f"CREATE TABLE wide (id int PRIMARY KEY, {columns})")
    numbers = "WITH RECURSIVE g(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM g WHERE n < 1000) SELECT n FROM g"
    place.ask(f"INSERT INTO wide SELECT n, {values.format('n').replace(chr(39) + 'text number n', chr(39) + 'text')} "
              f"FROM ({numbers}) AS g")  # fmt: skip
    listed = ", ".join(f"c{n}" for n in range(COLUMNS))
    for step in range(1, WIDE_ROWS // 1000):
        place.ask(f"INSERT INTO wide SELECT id + {step * 1000}, {listed} FROM wide WHERE id <= 1000")


@pytest.mark.parametrize(("here", "there"), PAIRS)
def test_wide_rows(here: str, there: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot(here, tmp_path, servers), spot(there, tmp_path, servers)
    wide(source)
    found = ran(source, target, tmp_path)
    assert found.status == 0, found.said[-2000:]
    assert target.ask("SELECT count(*) FROM wide") == [(WIDE_ROWS,)]
    assert found.peak <= LIMIT, f"{found.peak >> 20} MB"


@pytest.mark.parametrize(("here", "there"), [pair for pair in PAIRS if "mariadb" not in pair])
def test_values_of_100_mb_pass_or_are_refused_by_name(
    here: str, there: str, tmp_path: Path, servers: Servers
) -> None:  # fmt: skip
    source, target = spot(here, tmp_path, servers), spot(there, tmp_path, servers)
    source.ask(f"CREATE TABLE t (id INTEGER NOT NULL PRIMARY KEY, body {'varchar' if here == 'duckdb' else 'text'})")
    long = f"repeat('0123456789', {LONG // 10})" if here != "sqlite" else f"hex(zeroblob({LONG // 2}))"
    for number in range(1, 4):
        source.ask(f"INSERT INTO t VALUES ({number}, {long})")
    found = ran(source, target, tmp_path)
    assert found.peak <= LIMIT, f"{found.peak >> 20} MB"
    if found.status and "--resume and --max-memory 1000MB" in found.said:
        again = ran(source, target, tmp_path, "--resume", limit=1000 << 20)
        assert again.status == 0, again.said[-2000:]
        assert again.peak <= 1000 << 20, f"{again.peak >> 20} MB"
        assert target.ask("SELECT count(*), min(length(body)) FROM t") == [(3, LONG)]
    elif found.status:
        assert "body" in found.said or "memory_limit" in found.said  # DuckDB names its file
        assert "Traceback" not in found.said
    else:
        assert target.ask("SELECT count(*), min(length(body)) FROM t") == [(3, LONG)]


@pytest.mark.parametrize("there", ["postgresql", "mariadb"])
def test_a_target_that_stalls(there: str, tmp_path: Path, servers: Servers) -> None:
    """Readers go on as far as their queues take it, and wait."""
    source, target = spot("duckdb", tmp_path, servers), spot(there, tmp_path, servers)
    source.ask("CREATE TABLE t AS SELECT i AS id, repeat('x', 200) || i AS said FROM range(3000000) r(i)")
    place, _ = parse(target.url)
    with ExitStack() as stack:
        proxy = stack.enter_context(closing(Proxy(place.port)))
        proxy.trouble("stall", 20_000_000, 15)
        slow = replace(target, url=target.url.replace(f":{place.port}/", f":{proxy.port}/"))
        found = ran(source, slow, tmp_path, "--verify", "count")
        assert proxy.struck == 1
    assert found.status == 0, found.said[-2000:]
    assert target.ask("SELECT count(*) FROM t") == [(3_000_000,)]
    assert found.peak <= LIMIT, f"{found.peak >> 20} MB"


def test_a_child_is_measured_too() -> None:
    child = "x = bytearray(b'1') * (300 << 20); import time; time.sleep(1)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    assert peak_of(subprocess.Popen([sys.executable, "-c", parent])) > 300 << 20
