"""Tables of MariaDB and MySQL that somebody reads in an open transaction: who is to change one waits for a while."""

from __future__ import annotations

from pathlib import Path

import pytest

from elsewhere import connected
from moves import requested
from ropeway.cli import wire
from ropeway.transfer.engines.mysql import held, session
from ropeway.transfer.errors import EngineError
from ropeway.transfer.place import parse, resolve
from spots import Servers, Spot, spot

ENGINES = ("mariadb", "mysql")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_loaders_wait_for_a_minute(servers: Servers, tmp_path: Path) -> None:
    place = spot("mariadb", tmp_path, servers)
    loader = session.MySqlLoader(resolve(*parse(place.url)))
    assert loader.ask("SELECT @@lock_wait_timeout") == [(held.PATIENCE_S,)] == [(60,)]
    loader.close()


def source_of(tmp_path: Path, servers: Servers) -> Spot:
    source = spot("sqlite", tmp_path, servers)
    source.ask("CREATE TABLE person (id integer PRIMARY KEY, town text)")
    source.ask("INSERT INTO person VALUES (1, 'a'), (2, 'b')")
    return source


@pytest.mark.parametrize("engine", ENGINES)
def test_a_table_that_is_read_is_not_dropped(
    engine: str, tmp_path: Path, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = tuple("SET lock_wait_timeout = 1" if pin == held.PIN else pin for pin in session.LOADER_PINS)
    monkeypatch.setattr(session, "LOADER_PINS", short)
    source, target = source_of(tmp_path, servers), spot(engine, tmp_path, servers)
    request, secrets = requested(source, target)
    done = wire.run(request, secrets)
    reader = connected(target.url)
    number = reader.__self__.connection.thread_id()  # type: ignore[attr-defined]  # of a cursor
    reader("BEGIN")
    reader("SELECT * FROM person")
    said = rf"(?s)Lock wait timeout.*has not ended; .* the sessions .*\b{number} \(.*do this once more"
    with pytest.raises(EngineError, match=said):
        wire.clean(done.plan.run, target.url, undo=True)
    assert len(target.ask("SELECT * FROM person")) == 2
    reader("ROLLBACK")
    wire.clean(done.plan.run, target.url, undo=True)
    assert not target.ask("SHOW TABLES LIKE 'person'")


def test_a_table_that_is_read_is_not_swapped(tmp_path: Path, servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    short = tuple("SET lock_wait_timeout = 1" if pin == held.PIN else pin for pin in session.LOADER_PINS)
    monkeypatch.setattr(session, "LOADER_PINS", short)
    source, target = source_of(tmp_path, servers), spot("mariadb", tmp_path, servers)
    target.ask("CREATE TABLE person (id bigint PRIMARY KEY, town longtext)")
    target.ask("INSERT INTO person VALUES (7, 'z')")
    reader = connected(target.url)
    reader("BEGIN")
    reader("SELECT * FROM person")
    request, secrets = requested(source, target, mode="replace")
    with pytest.raises(EngineError, match=r"(?s)Lock wait timeout.*has not ended.*--resume"):
        wire.run(request, secrets)
    assert target.ask("SELECT id FROM person") == [(7,)]
    reader("ROLLBACK")
    wire.run(request, secrets, resume=True)
    assert target.ask("SELECT id FROM person ORDER BY id") == [(1,), (2,)]
