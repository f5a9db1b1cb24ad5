"""How readers come to share one instant, also where the easy way is barred."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from ropeway.cli import wire
from ropeway.transfer.engines import engine_of
from ropeway.transfer.engines.mysql import source as mysql_source
from ropeway.transfer.engines.postgresql import ENGINE as POSTGRESQL
from ropeway.transfer.engines.postgresql.server import server
from ropeway.transfer.engines.postgresql.source import PostgreSqlReader
from ropeway.transfer.errors import EngineError
from ropeway.transfer.place import parse, resolve
from ropeway.transfer.progress import Progress
from ropeway.transfer.request import Request
from servers import Mariadb, Postgresql
from spots import MYSQL_FAMILY, Servers, spot

ROWS = 400


def filled(url: str, server: Mariadb) -> str:
    name = url.rpartition("/")[2]
    with server.connect(database=name, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE t (k int PRIMARY KEY, v int NOT NULL)")
        cursor.execute("INSERT INTO t VALUES " + ", ".join(f"({n}, 1)" for n in range(ROWS)))
        cursor.execute("ANALYZE TABLE t")
    return name


def opened(url: str) -> mysql_source.MySqlSource:
    place, secret = parse(url)
    engine = engine_of(place.scheme)
    session = engine.connect(resolve(place, secret))
    try:
        plan = wire.plan(Request(place, parse("discard:///")[0]), wire.Secrets(secret, ""))
    finally:
        session.close()
    found = engine.open(resolve(place, secret), plan.hops, "run", 3)
    assert isinstance(found, mysql_source.MySqlSource)
    return found


def test_equal_log_positions_need_no_lock(mariadb: Mariadb) -> None:
    url = mariadb.database()
    filled(url, mariadb)
    source = opened(url)
    try:
        assert "snapshots at " in source.instant
    finally:
        source.close()


@pytest.mark.parametrize("may_flush", [True, False])
@pytest.mark.parametrize("member", MYSQL_FAMILY)
def test_a_lock_of_moments_where_positions_say_nothing(
    member: str, may_flush: bool, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock is gone when open() returns: a writer goes on, and no reader sees what it writes."""
    server = servers.family(member)
    if member == "mariadb":  # MySQL says nothing by itself
        monkeypatch.setattr(mysql_source.MySqlReader, "position", lambda _reader: "")
    url = server.database()
    name = filled(url, server)
    if not may_flush:
        url = with_user(server, name, "SELECT, LOCK TABLES")
    source = opened(url)
    try:
        assert ("a read lock" if may_flush else "table locks") in source.instant
        with server.connect(database=name, autocommit=True) as connection, connection.cursor() as cursor:
            cursor.execute("UPDATE t SET v = 2")
        seen = {reader.ask("SELECT count(*), sum(v) FROM t")[0] for reader in source.readers()}
        assert {(int(str(n)), int(str(total))) for n, total in seen} == {(ROWS, ROWS)}
    finally:
        source.close()


def test_no_way_to_an_instant_is_said_with_the_remedy(mariadb: Mariadb, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mysql_source.MySqlReader, "position", lambda _reader: "")
    url = mariadb.database()
    limited = with_user(mariadb, filled(url, mariadb), "SELECT")
    with pytest.raises(EngineError, match="Grant RELOAD or LOCK TABLES") as caught:
        opened(limited)
    assert caught.value.exit_status == 3
    assert "secret-of-limited" not in str(caught.value)


def with_user(server: Mariadb, database: str, rights: str) -> str:
    user = f"limited_{database}"
    with server.connect(autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE USER '{user}'@'%' IDENTIFIED BY 'secret-of-limited'")
        cursor.execute(f"GRANT {rights} ON `{database}`.* TO '{user}'@'%'")
    return f"{server.name}://{user}:secret-of-limited@127.0.0.1:{server.port}/{database}"


@pytest.mark.parametrize("member", MYSQL_FAMILY)
def test_a_frozen_source_that_is_written_to_is_found_out(member: str, tmp_path: Path, servers: Servers) -> None:
    source = spot(member, tmp_path, servers)
    filled(source.url, servers.family(member))

    class Writer(Progress):
        wrote = threading.Event()

        def landed(self, receipt: object) -> None:
            if not self.wrote.is_set():
                self.wrote.set()
                source.ask("UPDATE t SET v = v + 1 WHERE k = 1")
                time.sleep(0.05)

    (one, secret), (other, _) = parse(source.url), parse(f"sqlite:///{tmp_path / 'out.sqlite'}")
    request = Request(one, other, consistency="frozen", slice_rows=100)
    with pytest.raises(EngineError, match="written to while it was read"):
        wire.run(request, wire.Secrets(secret, ""), progress=Writer())
    # Unwritten from now on, the run goes on: what was read before the write starts over.
    outcome = wire.run(request, wire.Secrets(secret, ""), resume=True)
    assert outcome.report
    assert outcome.report.equal
    assert spot_sum(tmp_path / "out.sqlite") == ROWS + 1


def spot_sum(file: Path) -> int:
    import sqlite3

    with closing(sqlite3.connect(file)) as connection:
        return int(connection.execute("SELECT sum(v) FROM t").fetchone()[0])


def test_a_mark_that_cannot_be_had_refuses_frozen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ropeway.transfer.engines.sqlite.reader import SqliteSource

    monkeypatch.setattr(SqliteSource, "mark", lambda _source: "")
    import sqlite3

    with closing(sqlite3.connect(tmp_path / "in.sqlite")) as connection, connection:
        connection.execute("CREATE TABLE t (k INTEGER PRIMARY KEY)")
    (one, _), (other, _) = parse(f"sqlite:///{tmp_path / 'in.sqlite'}"), parse(f"sqlite:///{tmp_path / 'out.sqlite'}")
    with pytest.raises(EngineError, match="cannot prove that nobody writes"):
        wire.run(Request(one, other, consistency="frozen"))


def test_a_snapshot_that_cannot_be_joined_names_the_pooler(postgresql: Postgresql) -> None:
    """Behind a pooler the second connection may reach another server, which knows nothing of the snapshot."""
    place, secret = parse(postgresql.database())
    address = resolve(place, secret)
    with closing(POSTGRESQL.connect(address)) as session:
        known = server(session)
    with pytest.raises(EngineError, match="A pooler between us and the server") as caught:
        PostgreSqlReader(POSTGRESQL, address, "00000003-0000001B-1", known)
    assert "--workers 1" in caught.value.remedy
