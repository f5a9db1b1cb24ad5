"""Swaps of tables: what is proven, what refers to them, and what may come after; none loses a row or a reference."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

import ropeway
from attacks import attack, finished
from elsewhere import once
from moves import moved, refusal, requested
from ropeway.cli import wire
from ropeway.cli.rejected import rejects, replay
from ropeway.transfer.engine import Receipt
from ropeway.transfer.errors import DataError, EngineError, RequestError
from ropeway.transfer.request import Choice
from ropeway.transforms.steps import calls_of
from spots import Servers, Spot, database, spot

TRIM = Choice("person", transforms=calls_of([{"upper": ["mail"]}]))


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def people(place: Spot, rows: int = 30) -> None:
    place.ask("CREATE TABLE person (id integer PRIMARY KEY, mail varchar(30))")
    place.ask(f"INSERT INTO person VALUES {', '.join(f'({n}, {chr(39)}m{n}{chr(39)})' for n in range(1, rows + 1))}")


class Landed(ropeway.Progress):
    """Does something when so many slices have landed."""

    def __init__(self, nth: int, what: Callable[[], Any]) -> None:
        self._left, self._what = nth, what

    def landed(self, receipt: Receipt) -> None:
        del receipt
        self._left -= 1
        if self._left == 0:
            self._what()


@pytest.mark.parametrize("isolation", ["read committed", "repeatable read", "serializable"])
def test_what_commits_while_the_lock_is_waited_for_stops_the_swap(
    isolation: str, tmp_path: Path, servers: Servers
) -> None:
    """Whatever isolation the database has by default: a snapshot from before the lock would not see it."""
    place = spot("postgresql", tmp_path, servers)
    people(place)
    place.ask(f"ALTER DATABASE {database(place)} SET default_transaction_isolation = '{isolation}'")
    request, secrets = requested(place, place, choices=(TRIM,), mode="replace", slice_rows=7)
    threads: list[threading.Thread] = []

    def begin() -> None:
        writer = psycopg.connect(place.url, autocommit=True)
        writer.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
        writer.execute("INSERT INTO person VALUES (99, 'm99')")

        def commit() -> None:
            waiting = "SELECT 1 FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND NOT granted"
            for _ in range(500):
                if place.ask(waiting):
                    break
                time.sleep(0.02)
            writer.execute("COMMIT")
            writer.close()

        threads.append(threading.Thread(target=commit))
        threads[0].start()

    with pytest.raises(EngineError, match="was written to since its rows were read"):
        wire.run(request, secrets, progress=Landed(1, begin))
    threads[0].join()
    assert place.ask("SELECT count(*) FROM person WHERE id = 99") == [(1,)]


@pytest.mark.parametrize("engine", ["postgresql", "sqlite"])
def test_of_two_tables_none_is_swapped_where_one_may_not_be(engine: str, tmp_path: Path, servers: Servers) -> None:
    place = spot(engine, tmp_path, servers)
    if engine == "sqlite":
        place.ask("PRAGMA journal_mode = WAL")
    people(place)
    place.ask("CREATE TABLE deed (id integer PRIMARY KEY, who integer REFERENCES person (id))")
    place.ask("INSERT INTO deed SELECT id, id FROM person")
    request, secrets = requested(place, place, choices=(TRIM, Choice("deed")), mode="replace")
    with pytest.raises(EngineError, match="deed was written to"):
        wire.run(request, secrets, progress=Landed(2, lambda: once(place.url, "UPDATE deed SET who = 1 WHERE id = 9")))
    place.ask("INSERT INTO person VALUES (500, 'x')")
    place.ask("INSERT INTO deed VALUES (500, 500)")
    wire.run(request, secrets, fresh=True)
    assert place.ask("SELECT mail FROM person WHERE id = 500") == [("X",)]
    place.ask("INSERT INTO person VALUES (501, 'x')")
    place.ask("INSERT INTO deed VALUES (501, 501)")
    wire.clean(wire.status(place.url)[-1].run, place.url)  # the old child goes before the old parent


@pytest.mark.parametrize("engine", ["postgresql", "mariadb"])
def test_a_new_table_refers_to_the_one_that_is_swapped_in(engine: str, tmp_path: Path, servers: Servers) -> None:
    """And not to the one of before, which goes with `clean`."""
    source, target = spot("sqlite", tmp_path, servers), spot(engine, tmp_path, servers)
    people(source)
    source.ask("CREATE TABLE deed (id integer PRIMARY KEY, who integer REFERENCES person (id))")
    source.ask("INSERT INTO deed SELECT id, id FROM person")
    target.ask("CREATE TABLE person (id bigint PRIMARY KEY, mail varchar(20))")
    outcome = wire.run(*requested(source, target, mode="replace"))
    wire.clean(outcome.plan.run, target.url)
    target.ask("INSERT INTO person VALUES (500, 'new')")
    target.ask("INSERT INTO deed VALUES (500, 500)")
    with pytest.raises(Exception, match=r"(?i)foreign|constraint"):
        target.ask("INSERT INTO deed VALUES (501, 501)")


def refusing(target: Spot) -> None:
    target.ask("CREATE TABLE person (id integer, mail varchar(30) CONSTRAINT known CHECK (mail <> 'm3'))")


def test_rows_are_not_replayed_into_what_a_later_run_wrote(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("sqlite", tmp_path, servers), spot("postgresql", tmp_path, servers)
    people(source)
    refusing(target)
    request, secrets = requested(source, target, mode="truncate", max_rejects="1")
    first = wire.run(request, secrets)
    target.ask("ALTER TABLE person DROP CONSTRAINT known")
    later = wire.run(request, secrets)
    with pytest.raises(RequestError, match=rf"Run {later.plan.run} wrote public.person after"):
        replay(first.plan.run, target.url)
    assert target.ask("SELECT count(*), count(DISTINCT id) FROM person") == [(30, 30)]
    assert len(rejects(first.plan.run, target.url)) == 1
    assert wire.leftovers(first.plan.run, target.url).rejected == 1  # said before they go


def test_rows_are_not_replayed_into_a_table_that_was_put_back(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("sqlite", tmp_path, servers), spot("postgresql", tmp_path, servers)
    source.ask("CREATE TABLE person (id integer, mail varchar(30))")
    source.ask("INSERT INTO person VALUES (1, '1'), (2, '2')")
    target.ask("CREATE TABLE person (id integer, mail bigint)")
    choice = Choice("person", transforms=calls_of([{"cast": {"mail": "int64"}}]))
    request, secrets = requested(source, target, choices=(choice,), mode="replace", max_rejects="1")
    plan = wire.plan(request, secrets)
    source.ask("UPDATE person SET mail = 'odd' WHERE id = 2")
    wire.run(plan, secrets)
    ropeway.rollback(plan.run, target.url)
    with pytest.raises(RequestError, match="was rolled back"):
        replay(plan.run, target.url)
    assert target.ask("SELECT count(*) FROM person") == [(0,)]


SPOILED = [("postgresql", "UPDATE {} SET mail = 'x' WHERE id = 3"), ("mariadb", "DELETE FROM {} WHERE id = 3"),
           ("sqlite", "UPDATE {} SET mail = 'x' WHERE id = 3"), ("duckdb", "")]  # fmt: skip


@pytest.mark.parametrize(("engine", "sql"), SPOILED)
def test_a_shadow_is_proven_before_it_is_swapped_in(engine: str, sql: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot("sqlite", tmp_path, servers), spot(engine, tmp_path, servers)
    people(source)
    people(target, 3)
    before = target.ask("SELECT * FROM person ORDER BY id")

    def spoil() -> None:
        shadow = f"ropeway_{wire.status(target.url)[-1].run}_1_shadow"
        once(target.url, sql.format(shadow))

    request, secrets = requested(source, target, mode="replace")
    if not sql:  # a file of DuckDB is this process's alone
        report = wire.run(request, secrets).report
        assert report is not None
        assert report.equal
        return
    with pytest.raises(DataError, match=r"person is not swapped: the new table, .*_shadow, is not what was read"):
        wire.run(request, secrets, progress=Landed(1, spoil))
    assert target.ask("SELECT * FROM person ORDER BY id") == before
    with pytest.raises(DataError, match="is not what was read"):
        wire.run(request, secrets, resume=True)
    report = wire.run(request, secrets, fresh=True).report
    assert report is not None
    assert report.equal
    assert len(target.ask("SELECT * FROM person")) == 30


def test_who_writes_after_the_swap_breaks_no_claim(tmp_path: Path, servers: Servers) -> None:
    """Of a killed run whose table is there already the claim is that of before the swap."""
    place = spot("mariadb", tmp_path, servers)
    people(place)
    settings = {"source": place.url, "target": place.url, "mode": "replace", "tables": ["person"]}
    killed = attack(**settings, point="swapped", nth=1)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    place.ask("INSERT INTO person VALUES (99, 'later')")
    (table,) = finished(settings)["report"]["tables"]
    assert (table["claim"], table["rows_source"]) == ("target equals what was read", 30)
    assert "before it was swapped in" in table["reason"]


def test_a_table_that_several_feed_is_proven_as_a_whole(tmp_path: Path, servers: Servers) -> None:
    """Killed between the entries of two sources."""
    one, two, target = (spot(engine, tmp_path, servers) for engine in ("sqlite", "sqlite", "mariadb"))
    people(one, 3)
    people(two, 5)
    two.ask("UPDATE person SET id = id + 100")
    people(target, 1)
    job = {"sources": {"a": one.url, "b": two.url}, "target": target.url, "mode": "replace",
           "tables": [{"from": ["a:person", "b:person"], "to": "person"}]}  # fmt: skip
    killed = attack(job=job, point="proven", nth=2, source=one.url, target=target.url)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    tables = finished({"job": {**job, "verify": "standard"}, "source": one.url, "target": target.url})["report"][
        "tables"
    ]
    assert {(table["claim"], table["rows_target"]) for table in tables} == {("target equals what was read", 8)}


@pytest.mark.parametrize(("engine", "name"), [("oracle", "person"), ("postgresql", "Person"), ("mariadb", "Person")])
def test_a_table_whose_name_differs_in_case_is_replaced_by_its_own_name(
    engine: str, name: str, tmp_path: Path, servers: Servers
) -> None:
    """Where letters' case counts it is another table, which the swap would not find."""
    source, target = spot("sqlite", tmp_path, servers), spot(engine, tmp_path, servers)
    people(source)
    target.ask(f"CREATE TABLE {target.quote(name)} ({target.quote('id')} int PRIMARY KEY)")
    assert f"To replace that one, say so: to: {name}" in refusal(source, target, mode="replace")
    moved(source, target, mode="replace", choices=(Choice("person", to=name),))
    assert target.ask(f"SELECT count(*) FROM {target.quote(name)}") == [(30,)]
