"""Two processes at one run or one table, since a lock was lost or nobody looked again: nothing happens twice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

import ropeway
from moves import requested
from ropeway.cli import wire
from ropeway.transfer import start
from ropeway.transfer.commit import step
from ropeway.transfer.engine import Loader
from ropeway.transfer.engines import engine_of
from ropeway.transfer.errors import EngineError, RequestError
from ropeway.transfer.holding import heed
from ropeway.transfer.interrupt import Interrupt
from ropeway.transfer.plan import Statement
from spots import Servers, Spot, spot

ROWS = 60


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def filled(folder: Path, servers: Servers) -> Spot:
    source = spot("sqlite", folder, servers)
    source.ask("CREATE TABLE note (id integer PRIMARY KEY)")
    source.ask(f"INSERT INTO note VALUES {', '.join(f'({n})' for n in range(ROWS))}")
    return source


@contextmanager
def loaders(place: Spot) -> Iterator[tuple[Loader, Loader]]:
    engine, address = engine_of(place.engine), wire.located(place.url)
    with closing(engine.loader(address)) as one, closing(engine.loader(address)) as other:
        yield one, other


@pytest.mark.parametrize("engine", ["postgresql", "mariadb", "mysql", "sqlserver"])
def test_a_statement_that_two_carry_out_happens_once(
    engine: str, tmp_path: Path, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second one begins before the first is done, and is done before it ends."""
    place = spot(engine, tmp_path, servers)
    place.ask("CREATE TABLE note (id integer)")
    publish = Statement("1 publish note", "after", "INSERT INTO note VALUES (1)", atomic=True)
    with loaders(place) as (one, other):
        one.ledger.prepare()
        real = one.execute

        def meanwhile(sql: str) -> int:
            monkeypatch.setattr(one, "execute", real)
            step("r1", publish, other, "")
            return real(sql)

        monkeypatch.setattr(one, "execute", meanwhile)
        step("r1", publish, one, "")
        assert one.ledger.journaled("r1") == {"1 publish note": "done"}
    assert place.ask("SELECT id FROM note") == [(1,)]


@pytest.mark.parametrize("engine", ["mariadb", "mysql"])
def test_what_a_killed_process_started_may_end_later(
    engine: str, tmp_path: Path, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its session goes on with a statement: what that makes is not there when it is looked for, and then is."""
    place = spot(engine, tmp_path, servers)
    place.ask("CREATE TABLE note (id integer)")
    check = "SELECT 1 FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE() AND INDEX_NAME = 'ids'"
    index = Statement("1 index note", "after", "CREATE INDEX ids ON note (id)", check=check)
    with loaders(place) as (one, _):
        one.ledger.prepare()
        real = one.execute

        def meanwhile(sql: str) -> int:
            if sql == index.forward:
                place.ask(sql)
            return real(sql)

        monkeypatch.setattr(one, "execute", meanwhile)
        one.ledger.journal("r1", index.name, "started")
        step("r1", index, one, "started")
        assert one.ledger.journaled("r1") == {index.name: "done"}
        place.ask("DROP INDEX ids ON note")
        with pytest.raises(Exception, match="Duplicate key name"):  # of somebody else
            step("r1", index, one, "")


class Ended(ropeway.Progress):
    """Interrupts the run when so many slices have landed."""

    def __init__(self, nth: int) -> None:
        self.interrupt, self._left = Interrupt(), nth

    def landed(self, receipt: Any) -> None:
        del receipt
        self._left -= 1
        if self._left == 0:
            self.interrupt.ask()


def interrupted(request: Any, secrets: Any) -> None:
    heard = Ended(2)
    with pytest.raises(KeyboardInterrupt):
        wire.run(request, secrets, progress=heard, interrupt=heard.interrupt)


@pytest.mark.parametrize("engine", ["postgresql", "mariadb", "sqlite", "duckdb"])
def test_a_run_is_not_taken_up_behind_a_later_one(engine: str, tmp_path: Path, servers: Servers) -> None:
    source, target = filled(tmp_path, servers), spot(engine, tmp_path, servers)
    target.ask("CREATE TABLE note (id integer)")
    request, secrets = requested(source, target, mode="truncate", slice_rows=5)
    interrupted(request, secrets)
    other, _ = requested(source, target, mode="truncate", slice_rows=7)
    later = wire.run(other, secrets)
    with pytest.raises(RequestError, match=f"Run {later.plan.run} of another job wrote .*note after run"):
        wire.run(request, secrets, resume=True)
    assert target.ask("SELECT count(*), count(DISTINCT id) FROM note") == [(ROWS, ROWS)]


def test_a_run_is_not_taken_up_that_was_undone_meanwhile(
    tmp_path: Path, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = filled(tmp_path, servers), spot("postgresql", tmp_path, servers)
    request, secrets = requested(source, target, slice_rows=5)
    interrupted(request, secrets)
    real = start.resumed

    def resumed(*given: Any) -> Any:
        found = real(*given)
        wire.clean(found.run, target.url)
        return found

    monkeypatch.setattr(wire, "resumed", resumed)
    with pytest.raises(RequestError, match="is forgotten now: another process ended it"):
        wire.run(request, secrets, resume=True)
    assert wire.status(target.url) == []


@pytest.mark.parametrize(
    ("engine", "ends"), [("postgresql", "SELECT pg_terminate_backend({})"), ("mariadb", "KILL {}")]
)
def test_a_lost_lock_is_noticed_before_it_is_asked(engine: str, ends: str, tmp_path: Path, servers: Servers) -> None:
    place = spot(engine, tmp_path, servers)
    with loaders(place) as (one, _):
        heed(one)
        number = "pg_backend_pid()" if engine == "postgresql" else "CONNECTION_ID()"
        place.ask(ends.format(one.ask(f"SELECT {number}")[0][0]))
        with pytest.raises(EngineError, match="keeps other runs out"):
            for _ in range(100):
                heed(one)
                place.ask("SELECT 1")
