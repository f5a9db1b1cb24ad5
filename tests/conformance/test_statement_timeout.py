"""Statements that take longer than the URL allows: the server ends them, on either side."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from moves import moved, requested
from ropeway.cli import wire
from ropeway.transfer.errors import EngineError
from ropeway.transfer.request import Choice
from spots import Servers, Spot, spot

SAID = {"postgresql": "statement timeout", "mariadb": "max_statement_time exceeded"}
SLEEP = {"postgresql": "pg_sleep(3)::text", "mariadb": "SLEEP(3)"}
SLOW = {
    "postgresql": "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN PERFORM pg_sleep(3); RETURN NEW; END $$;"
    "CREATE TRIGGER slow BEFORE INSERT ON person FOR EACH ROW EXECUTE FUNCTION slow()",
    "mariadb": "CREATE TRIGGER slow BEFORE INSERT ON person FOR EACH ROW SET NEW.town = SLEEP(3)",
}


def bounded(place: Spot, seconds: str) -> Spot:
    return replace(place, url=f"{place.url}{'&' if '?' in place.url else '?'}statement_timeout={seconds}")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("engine", SAID)
def test_of_the_source(engine: str, tmp_path: Path, servers: Servers) -> None:
    """A hundred rows would take five minutes."""
    source, target = spot(engine, tmp_path, servers), spot("sqlite", tmp_path, servers)
    source.ask("CREATE TABLE person (id int PRIMARY KEY)")
    source.ask(f"INSERT INTO person VALUES {', '.join(f'({n})' for n in range(100))}")
    slow = (Choice("", query=f"SELECT id, {SLEEP[engine]} AS town FROM person", to="person"),)
    request, secrets = requested(bounded(source, "0.5"), target, choices=slow)
    with pytest.raises(EngineError, match=SAID[engine]):
        wire.run(request, secrets)
    request, secrets = requested(bounded(source, "600"), target, choices=(Choice("person"),), mode="replace")
    assert wire.run(request, secrets).receipts[-1].loaded == 100


@pytest.mark.parametrize("engine", SAID)
def test_of_the_target(engine: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot("sqlite", tmp_path, servers), spot(engine, tmp_path, servers)
    source.ask("CREATE TABLE person (id integer PRIMARY KEY, town int)")
    source.ask(f"INSERT INTO person VALUES {', '.join(f'({n}, 1)' for n in range(100))}")
    target.ask("CREATE TABLE person (id int PRIMARY KEY, town int)")
    for sql in SLOW[engine].split("$$;"):
        target.ask(sql + ("$$" if sql.count("$$") == 1 else ""))
    request, secrets = requested(source, bounded(target, "0.5"), mode="truncate")
    with pytest.raises(EngineError, match=SAID[engine]):
        wire.run(request, secrets)
    assert not target.ask("SELECT id FROM person")
    target.ask("DROP TRIGGER slow" + (" ON person" if engine == "postgresql" else ""))
    wire.run(request, secrets, resume=True)
    assert len(target.ask("SELECT id FROM person")) == 100


def test_a_server_that_has_none_says_so(tmp_path: Path, servers: Servers) -> None:
    source = bounded(spot("mysql", tmp_path, servers), "5")  # 5.6
    with pytest.raises(EngineError, match="max_execution_time"):
        moved(source, spot("sqlite", tmp_path, servers))
