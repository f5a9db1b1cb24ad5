"""A source whose connection is lost in the middle of a slice: the slice is read again where its instant allows it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from moves import accounts, requested
from ropeway.cli import wire
from ropeway.transfer.engine import Receipt
from ropeway.transfer.engines import engine_of
from ropeway.transfer.errors import RopewayError
from ropeway.transfer.job import Limits
from ropeway.transfer.place import resolve
from ropeway.transfer.progress import Progress
from ropeway.transfer.request import Choice
from servers.oracle.process import Accounts
from spots import PLACES, Servers, Spot, spot

ROWS = 3_000
_SLOW = "CASE WHEN id = 2500 THEN pg_sleep(0.7) END IS NULL AS soon"  # as long as it takes to be found


class Heard(Progress):
    """What is said of slices that failed and are repeated."""

    def __init__(self) -> None:
        self.failures: list[str] = []

    def failed(self, hop: str, part: int, message: str) -> None:
        self.failures.append(f"{hop} {part}: {message}")


@contextmanager
def killed(place: Spot, times: int, word: str = "") -> Iterator[None]:
    """Sessions of PostgreSQL end while they read the query, so many of them; only such as has a word in it."""
    ended = threading.Event()

    def kill() -> None:
        left = times
        while left and not ended.is_set():
            left -= len(place.ask(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
                f"AND query LIKE 'COPY%{word}%pg_sleep%' AND wait_event = 'PgSleep'"
            ))  # fmt: skip
            time.sleep(0.05)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def filled(source: Spot) -> None:
    source.ask("CREATE TABLE t (id NUMBER(9) PRIMARY KEY, v VARCHAR2(400))")
    source.ask("INSERT INTO t VALUES " + ", ".join(f"({n}, RPAD('x', 400, 'y'))" for n in range(1, ROWS + 1)))


def drop(oracle: Accounts) -> None:
    """The connection, once, in the middle of the rows."""
    oracle.tell("drop_rows_of", 'FROM "T" AS OF SCN')
    oracle.tell("drop_after_rows", 2_000)


def test_oracle_is_read_again_at_its_scn(tmp_path: Path, servers: Servers, oracle: Accounts) -> None:
    source, target = spot("oracle", tmp_path, servers), spot("postgresql", tmp_path, servers)
    filled(source)
    request, secrets = requested(source, target)
    heard = Heard()
    drop(oracle)
    outcome = wire.run(request, secrets, limits=Limits(workers=1), progress=heard)
    assert oracle.tell("drop_after_rows") is None
    assert len(heard.failures) == 1, heard.failures
    assert "DPY-4011" in heard.failures[0]
    assert outcome.report
    assert outcome.report.equal
    assert target.ask("SELECT count(*), sum(id) FROM t") == [(ROWS, ROWS * (ROWS + 1) // 2)]


def test_oracle_that_was_restored_meanwhile_is_not(tmp_path: Path, servers: Servers, oracle: Accounts) -> None:
    source, target = spot("oracle", tmp_path, servers), spot("duckdb", tmp_path, servers)
    filled(source)
    request, secrets = requested(source, target)

    class Restores(Heard):
        def failed(self, hop: str, part: int, message: str) -> None:
            super().failed(hop, part, message)
            oracle.tell("restore", 3600)

    heard = Restores()
    drop(oracle)
    with pytest.raises(RopewayError, match="DPY-4011"):
        wire.run(request, secrets, limits=Limits(workers=1), progress=heard)
    assert len(heard.failures) == 1


@pytest.mark.parametrize(("snapshot", "again"), [("", True), ("&snapshot=no", False)])
def test_sql_server_is_read_again_in_its_database_snapshot(
    snapshot: str, again: bool, tmp_path: Path, servers: Servers
) -> None:
    """A snapshot transaction is lost with its connection."""
    source, target = spot("sqlserver", tmp_path, servers), spot("postgresql", tmp_path, servers)
    accounts(source, 900)
    request, secrets = requested(replace(source, url=source.url + snapshot), target, slice_rows=300)

    class Drops(Heard):
        def landed(self, receipt: Receipt) -> None:
            if receipt.slice == 1:
                servers.sqlserver.behave(drop_after=0)  # in the place of the next reply
            elif receipt.slice == 2:
                source.ask("UPDATE account SET amount = 0")

    heard = Drops()
    if again:
        assert wire.run(request, secrets, limits=Limits(workers=1), progress=heard).report
        assert len(heard.failures) == 1, heard.failures
    else:
        with pytest.raises(RopewayError, match="--resume"):
            wire.run(request, secrets, limits=Limits(workers=1), progress=heard)
        wire.run(request, secrets, resume=True)
    assert target.ask("SELECT count(*), sum(amount) FROM account") == [(900, 90_000)]


@pytest.mark.parametrize("there", ["duckdb", "postgresql"])
def test_postgresql_is_read_again_in_its_snapshot(there: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot("postgresql", tmp_path, servers), spot(there, tmp_path, servers)
    source.ask("CREATE TABLE t (id int PRIMARY KEY, v text)")
    source.ask(f"INSERT INTO t SELECT n, repeat('x', 400) FROM generate_series(1, {ROWS}) n")
    choice = Choice(query=f"SELECT id, v, {_SLOW} FROM t", to="t")
    request, secrets = requested(source, target, choices=(choice,), level="count")
    heard = Heard()
    with killed(source, 1):
        wire.run(request, secrets, limits=Limits(workers=1), progress=heard)
    assert len(heard.failures) == 1, heard.failures
    assert target.ask("SELECT count(*), sum(id) FROM t") == [(ROWS, ROWS * (ROWS + 1) // 2)]


def test_a_slice_whose_rows_are_told_apart_is_read_again_too(tmp_path: Path, servers: Servers) -> None:
    """The error is the source's, whatever its words mean to the target's engine."""
    source, target = spot("postgresql", tmp_path, servers), spot("mariadb", tmp_path, servers)
    source.ask("CREATE TABLE t (id int PRIMARY KEY, v text)")
    source.ask(f"INSERT INTO t SELECT n, repeat('x', 400 + n / {ROWS}) FROM generate_series(1, {ROWS}) n")
    target.ask("CREATE TABLE t (id int PRIMARY KEY, v varchar(400), soon tinyint(1))")
    choice = Choice(query=f"SELECT id, v, {_SLOW} FROM t", to="t")
    request, secrets = requested(source, target, choices=(choice,), mode="truncate", max_rejects="1")
    heard = Heard()
    with killed(source, 1, "text 0"):
        outcome = wire.run(request, secrets, limits=Limits(workers=1), progress=heard)
    assert len(heard.failures) == 1, heard.failures
    assert [(one.read, one.loaded, one.rejected) for one in outcome.receipts] == [(ROWS, ROWS - 1, 1)]
    assert target.ask("SELECT count(*) FROM t") == [(ROWS - 1,)]


@pytest.mark.parametrize("here", PLACES)
def test_a_cancel_that_comes_late_ends_nothing_else(here: str, tmp_path: Path, servers: Servers) -> None:
    """A slice's stream had ended when it was cancelled: the same reader reads the next one whole."""
    source, target = spot(here, tmp_path, servers), spot("sqlite", tmp_path, servers)
    accounts(source, 50)
    request, secrets = requested(source, target)
    plan = wire.plan(request, secrets)
    engine, (hop,) = engine_of(request.source.scheme), plan.hops
    with closing(engine.open(resolve(request.source, secrets.source), plan.hops, "run", 1)) as opened:
        (reader,) = opened.readers()
        for _ in range(3):
            batches = list(reader.read(hop, hop.slices[0], 1 << 20))
            assert sum(batch.num_rows for batch in batches) == 50
            reader.cancel()
        assert reader.count(hop) == 50
