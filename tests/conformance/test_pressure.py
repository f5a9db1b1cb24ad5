"""How busy a source says that it is, on real servers and on replicas of them, and to whom; runs wait for that."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from math import inf
from pathlib import Path
from typing import Any

import pytest

from moves import requested
from paced import Heard, filled
from ropeway.cli import wire
from ropeway.transfer.engines import engine_of
from ropeway.transfer.errors import RequestError
from ropeway.transfer.job import Limits
from ropeway.transfer.throttle import Throttle
from servers import Replica, Standby
from spots import Servers, Spot, database, spot

PASSWORD = "Quiet-river-7"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def said(url: str) -> dict[str, float]:
    """What the server of a URL says to the account in it."""
    engine: Any = engine_of(url.partition(":")[0])
    with closing(engine.connect(wire.located(url))) as session:
        return dict(engine.pressure(session))


def until(condition: Callable[[], bool]) -> None:
    """A server's news come when they come; a test's time ends before this does."""
    while not condition():
        time.sleep(0.1)


@contextmanager
def forgotten(at: Spot, servers: Servers) -> Iterator[None]:
    """A transaction of somebody's who has read and does nothing more."""
    connection: Any
    if at.engine == "postgresql":
        connection = servers.postgresql.connect(database(at))
    else:
        connection = servers.family(at.engine).connect(database=database(at))
    with closing(connection), connection.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("SELECT count(*) FROM note")
        yield


@pytest.mark.parametrize("engine", ["postgresql", "mariadb", "mysql"])
def test_no_slice_is_begun_while_a_transaction_is_old(engine: str, tmp_path: Path, servers: Servers) -> None:
    """One of others: the run's own snapshot is open for longer than it may be."""
    source, target = filled(engine, tmp_path, servers), spot("sqlite", tmp_path, servers)
    request, secrets = requested(source, target, slice_rows=5)
    heard, done = Heard(tmp_path), list[wire.Outcome]()
    limits = Limits(throttle=Throttle(rows=20, most=(("transaction", 0.9),)))
    run = threading.Thread(target=lambda: done.append(wire.run(request, secrets, progress=heard, limits=limits)))
    with forgotten(source, servers):
        until(lambda: said(source.url)["transaction"] > 1)
        run.start()
        assert heard.held.wait(60)
        assert heard.at == []
    run.join(60)
    (report,) = [one.report for one in done]
    assert report
    assert report.equal
    assert heard.said_[-1] == "The run goes on."


@pytest.mark.parametrize("engine", ["postgresql", "mariadb", "mysql"])
def test_what_an_account_may_not_see_is_not_taken_for_quiet(engine: str, tmp_path: Path, servers: Servers) -> None:
    source, target = filled(engine, tmp_path, servers), spot("sqlite", tmp_path, servers)
    name = f"quiet_{database(source)}"[:16]
    if engine == "postgresql":
        source.ask(f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'")
        source.ask(f"GRANT SELECT ON note TO {name}")
        more = f"GRANT pg_monitor TO {name}"
    else:
        source.ask(f"CREATE USER {name}@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'")
        source.ask(f"GRANT ALL ON {database(source)}.* TO {name}@'127.0.0.1'")
        more = f"GRANT PROCESS ON *.* TO {name}@'127.0.0.1'"
    quiet = source.url.partition("://")[0] + f"://{name}:{PASSWORD}@" + source.url.rpartition("@")[2]
    request, secrets = requested(Spot(engine, quiet, source.ask), target)
    slowly = Limits(throttle=Throttle(most=(("transaction", 600.0),)))
    with pytest.raises(RequestError, match=f"{engine} does not say transaction to this account"):
        wire.run(request, secrets, limits=slowly)
    source.ask(more)
    with forgotten(source, servers):
        until(lambda: said(quiet)["transaction"] > 0)
    assert wire.run(request, secrets, limits=slowly).report


def test_a_standby_is_behind_only_while_something_is_left_to_replay(tmp_path: Path, servers: Servers) -> None:
    source = filled("postgresql", tmp_path, servers)
    with closing(Standby(servers.postgresql)) as standby, standby.connect(autocommit=True) as connection:
        source.ask("INSERT INTO note VALUES (1000)")
        until(lambda: said(standby.url())["lag"] == 0)
        time.sleep(1.5)  # in which nobody writes
        assert said(standby.url())["lag"] == 0
        connection.execute("SELECT pg_wal_replay_pause()")
        source.ask("INSERT INTO note VALUES (1001)")
        until(lambda: said(standby.url())["lag"] > 1.5)
        until(lambda: said(source.url)["lag"] > 0.5)
        connection.execute("SELECT pg_wal_replay_resume()")
        until(lambda: said(standby.url())["lag"] == 0)
    until(lambda: said(source.url)["lag"] == 0)


def test_a_replica_of_mariadb(tmp_path: Path, servers: Servers) -> None:
    source = filled("mariadb", tmp_path, servers)
    assert "lag" not in said(source.url)
    with closing(Replica(servers.family("mariadb"))) as replica:
        url = replica.url("mysql")
        with closing(replica.connect(autocommit=True)) as connection, connection.cursor() as cursor:
            until(lambda: said(url)["lag"] == 0)
            cursor.execute("FLUSH TABLES WITH READ LOCK")
            source.ask(f"CREATE DATABASE {database(source)}_more")
            until(lambda: 0 < said(url)["lag"] < inf)
            cursor.execute("UNLOCK TABLES")
            until(lambda: said(url)["lag"] == 0)
            cursor.execute("STOP SLAVE SQL_THREAD")
            assert said(url)["lag"] == inf
