"""The five write modes on every SQL engine: what was there, what arrives, what a repeat does."""

from __future__ import annotations

import functools
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pymysql
import pytest

from ropeway.cli import wire
from ropeway.transfer.engine import Loader
from ropeway.transfer.engines import engine_of
from ropeway.transfer.engines.mysql.session import MySqlLoader
from ropeway.transfer.engines.postgresql.session import PostgreSqlLoader
from ropeway.transfer.errors import DataError, RequestError
from ropeway.transfer.place import parse, resolve
from ropeway.transfer.progress import Progress
from ropeway.transfer.request import Request
from ropeway.verify.report import EQUALS_READ
from spots import PLACES, SQL_ENGINES, Servers, Spot, spot

Rows = list[tuple[object, ...]]
FIRST: Rows = [(1, "one", "1.50"), (2, "zwei", None), (3, "", "3.00"), (4, "four ", "-4.25")]
SECOND: Rows = [(3, "drei", "3.00"), (4, "four ", "-4.25"), (5, "five", "5.00")]


@pytest.fixture(params=PLACES)
def target(request: pytest.FixtureRequest, tmp_path: Path, servers: Servers) -> Spot:
    return spot(request.param, tmp_path, servers)


@pytest.fixture
def make(tmp_path: Path) -> Callable[[str, Rows], str]:
    def made(name: str, rows: Rows) -> str:
        file = tmp_path / f"{name}.sqlite"
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute("CREATE TABLE item (id INTEGER PRIMARY KEY, name VARCHAR(20), price DECIMAL(10,2))")
            connection.execute("CREATE INDEX item_name ON item (name)")
            connection.executemany("INSERT INTO item VALUES (?, ?, ?)", rows)
        return f"sqlite:///{file}"

    return made


def job(source: str, target: str, mode: str) -> tuple[Request, wire.Secrets]:
    (one, _), (other, secret) = parse(source), parse(target)
    empty = (("empty_string", "null"),) if other.scheme == "oracle" else ()
    return Request(one, other, mode=mode, slice_rows=2, policies=empty), wire.Secrets("", secret)


def run(source: str, target: Spot, mode: str, progress: Progress | None = None) -> wire.Outcome:
    request, secrets = job(source, target.url, mode)
    return wire.run(request, secrets, progress=progress)


def rows(target: Spot) -> list[tuple[object, ...]]:
    found = target.ask("SELECT id, name, price FROM item ORDER BY id, name")
    if target.engine == "oracle":  # '' is NULL there
        found = [(number, name or "", price) for number, name, price in found]
    return [(number, name, None if price is None else f"{price:.2f}") for number, name, price in found]


def merged(*parts: Rows) -> Rows:
    together: dict[object, tuple[object, ...]] = {}
    for part in parts:
        together.update({row[0]: row for row in part})
    return sorted(together.values(), key=lambda row: str(row[0]))


def test_create(make: Callable[[str, Rows], str], target: Spot) -> None:
    source = make("first", FIRST)
    outcome = run(source, target, "create")
    assert rows(target) == FIRST
    assert outcome.report
    assert [t.claim for t in outcome.report.tables] == ["target equals what was read"]
    with pytest.raises(RequestError, match=r"(?i)item exists in the target"):
        run(source, target, "create")
    assert rows(target) == FIRST


def test_append_keeps_what_was_there(make: Callable[[str, Rows], str], target: Spot) -> None:
    run(make("first", FIRST[:2]), target, "create")
    outcome = run(make("second", SECOND), target, "append")
    assert rows(target) == sorted([*FIRST[:2], *SECOND], key=lambda row: str(row[0]))
    assert outcome.report
    assert outcome.report.tables[0].claim == "target equals what was read"
    assert outcome.report.tables[0].rows_target == len(SECOND)


def test_append_of_a_double_key_changes_nothing(make: Callable[[str, Rows], str], target: Spot) -> None:
    run(make("first", FIRST), target, "create")
    with pytest.raises(DataError):
        run(make("second", SECOND), target, "append")
    assert rows(target) == FIRST


def test_replace_swaps(make: Callable[[str, Rows], str], target: Spot) -> None:
    run(make("first", FIRST), target, "create")
    if target.engine == "duckdb":  # it renames no table that has an index, so the refusal names the index
        with pytest.raises(RequestError, match="item_name"):
            run(make("second", SECOND), target, "replace")
        assert rows(target) == FIRST
        return
    run(make("second", SECOND), target, "replace")
    assert rows(target) == SECOND
    (table,) = [table for table in wire.inspect(target.url) if table.name.table.lower() == "item"]
    assert [name.lower() for name in table.key] == ["id"]
    assert ["name"] in [[name.lower() for name in index.columns] for index in table.indexes]


def test_truncate_empties_once(make: Callable[[str, Rows], str], target: Spot) -> None:
    run(make("first", FIRST), target, "create")
    run(make("second", SECOND), target, "truncate")
    assert rows(target) == SECOND


def test_merge_counts(make: Callable[[str, Rows], str], target: Spot) -> None:
    run(make("first", FIRST), target, "create")
    outcome = run(make("second", SECOND), target, "merge")
    assert rows(target) == merged(FIRST, SECOND)
    figures = [(r.inserted, r.updated, r.unchanged) for r in outcome.receipts if r.slice]
    assert tuple(map(sum, zip(*figures, strict=True))) == (1, 1, 1)


def test_a_merge_tells_values_by_their_octets(tmp_path: Path, target: Spot) -> None:
    """Where the column's collation takes them for equal, a letter's case and a space at the end are changes, too."""
    folds = dict.fromkeys(("sqlite", "duckdb"), "VARCHAR(20) COLLATE NOCASE") | {"postgresql": "citext"}
    folds["oracle"] = "VARCHAR2(20)"  # which compares octets
    if target.engine == "postgresql":
        target.ask("CREATE EXTENSION citext")
    source = tmp_path / "source.sqlite"
    with closing(sqlite3.connect(source)) as connection, connection:
        connection.execute("CREATE TABLE item (id INTEGER PRIMARY KEY, name VARCHAR(20))")
        connection.executemany("INSERT INTO item VALUES (?, ?)", [(1, "Word"), (2, "word "), (3, "word"), (4, None)])
    fold = folds.get(target.engine, "VARCHAR(20) COLLATE utf8mb4_general_ci")
    target.ask(f"CREATE TABLE item (id INTEGER PRIMARY KEY, name {fold})")
    for row in ("(1, 'word')", "(2, 'word')", "(3, 'word')", "(4, NULL)"):
        target.ask(f"INSERT INTO item VALUES {row}")
    outcome = run(f"sqlite:///{source}", target, "merge")
    assert outcome.report
    assert outcome.report.equal
    assert target.ask("SELECT id, name FROM item ORDER BY id") == [(1, "Word"), (2, "word "), (3, "word"), (4, None)]
    assert sum(r.updated for r in outcome.receipts if r.slice) == 2


def test_merged_rows_are_proven_among_others(make: Callable[[str, Rows], str], target: Spot) -> None:
    run(make("first", FIRST), target, "create")
    outcome = run(make("second", SECOND), target, "merge")
    assert outcome.report
    (table,) = outcome.report.tables
    assert (table.claim, table.rows_target, table.level) == (EQUALS_READ, len(SECOND), "standard")
    assert table.how.endswith("of the rows whose keys were merged")
    others = {row[0] for row in FIRST} - {row[0] for row in SECOND}
    target.ask(f"UPDATE item SET name = 'else' WHERE id IN ({', '.join(map(str, others))})")  # not of this run
    _, secrets = job(make("none", []), target.url, "merge")
    again = functools.partial(wire.verify, outcome.plan, outcome.receipts, secrets=secrets)
    assert again().equal
    target.ask(f"UPDATE item SET name = 'else' WHERE id = {SECOND[0][0]}")
    assert not again().equal
    assert again(level="count").equal
    target.ask(f"DELETE FROM item WHERE id = {SECOND[0][0]}")
    assert not again(level="count").equal
    wire.clean(outcome.plan.run, target.url)
    assert [name for name in _names(target) if "ropeway" in name and "_keys" in name] == []


def _names(target: Spot) -> list[str]:
    return [table.name.table for table in wire.inspect(target.url)]


def test_two_runs_cannot_hold_one_table(make: Callable[[str, Rows], str], target: Spot) -> None:
    """The second run is begun while the first is between two slices.

    It is a process of its own: of two copies of SQLite in one, Python's and ADBC's, whichever closes a file drops the
    locks of both (sqlite.org/howtocorrupt.html, 2.2.1), and then takes the other's open transaction for a crashed one.
    """
    run(make("first", FIRST), target, "create")
    second, third = make("second", SECOND), make("third", [(9, "nine", "9.00")])
    refusals: list[str] = []

    class Meddler(Progress):
        def landed(self, receipt: object) -> None:
            if not refusals:
                words = ("run", "--source", third, "--target", target.url, "--mode", "append")
                command = [sys.executable, "-m", "ropeway.cli", *words]
                refusals.append(subprocess.run(command, capture_output=True, text=True, check=False).stderr)

    run(second, target, "merge", Meddler())
    assert ("is open in process" if target.engine == "duckdb" else "Another run") in refusals[0]
    assert rows(target) == merged(FIRST, SECOND)


def test_probe_tries_and_leaves_nothing(make: Callable[[str, Rows], str], target: Spot) -> None:
    run(make("first", FIRST), target, "create")
    before = [table.name.table for table in wire.inspect(target.url)]
    request, secrets = job(make("second", SECOND), target.url, "append")
    tried = wire.probe(request, secrets)
    assert sum(receipt.loaded for receipt in tried.receipts) == len(SECOND)
    assert tried.report
    assert tried.report.equal
    assert rows(target) == FIRST
    assert [table.name.table for table in wire.inspect(target.url)] == before
    assert tried.plan.run not in [known.run for known in wire.status(target.url)]


@pytest.mark.parametrize("here", SQL_ENGINES)
@pytest.mark.parametrize("mode", ["append", "merge", "truncate", "fill"])
def test_into_a_numeric_without_precision(here: str, mode: str, tmp_path: Path, servers: Servers) -> None:
    """It holds what comes, digit for digit; COPY has to know how many."""
    source, target = spot(here, tmp_path, servers), spot("postgresql", tmp_path, servers)
    source.ask("CREATE TABLE t (id integer PRIMARY KEY, price decimal(10,2), many bigint)")
    source.ask("INSERT INTO t VALUES (1, 12345678.90, 9223372036854775807), (2, NULL, -1), (3, -0.05, NULL)")
    target.ask("CREATE TABLE t (id numeric PRIMARY KEY, price numeric, many numeric)")
    (one, own), (other, secret) = parse(source.url), parse(target.url)
    outcome = wire.run(Request(one, other, mode=mode), wire.Secrets(own, secret))
    assert outcome.report
    assert outcome.report.equal
    found = target.ask("SELECT id::text, price::text, many::text FROM t ORDER BY 1")
    assert found == [("1", "12345678.90", "9223372036854775807"), ("2", None, "-1"), ("3", "-0.05", None)]


@contextmanager
def two_loaders(target: Spot) -> Iterator[tuple[Loader, Loader]]:
    place, secret = parse(target.url)
    engine, address = engine_of(place.scheme), resolve(place, secret)
    with closing(engine.loader(address)) as one, closing(engine.loader(address)) as other:
        yield one, other


@pytest.mark.parametrize("there", ["postgresql", "mariadb", "mysql"])
def test_a_loader_sees_its_own_rows(there: str, tmp_path: Path, servers: Servers) -> None:
    """A merge counts what it staged, also where another slice filled the empty staging since this one began."""
    with two_loaders(spot(there, tmp_path, servers)) as (one, other):
        one.execute("CREATE TABLE staging (id integer)")
        one.begin()
        one.execute("INSERT INTO staging VALUES (1)")
        one.execute("DELETE FROM staging")
        other.begin()
        other.ask("SELECT * FROM staging")
        one.commit()
        other.execute("INSERT INTO staging VALUES (2), (3)")
        assert sorted(other.ask("SELECT id FROM staging")) == [(2,), (3,)]
        other.rollback()


@pytest.mark.parametrize("there", ["postgresql", "mariadb", "mysql"])
def test_journal_entries_do_not_wait_for_each_other(there: str, tmp_path: Path, servers: Servers) -> None:
    """Tables are finished side by side: in InnoDB one entry must not lock the gap where the next one belongs."""
    with two_loaders(spot(there, tmp_path, servers)) as (one, other):
        one.ledger.prepare()
        other.execute(
            "SET lock_timeout = 2000" if there == "postgresql" else "SET SESSION innodb_lock_wait_timeout = 2"
        )
        one.begin()
        one.ledger.journal("run", "2 publish into t", "done")
        other.begin()
        other.ledger.journal("run", "3 publish into u", "done")
        one.ledger.journal("run", "4 analyse t", "done")
        other.commit()
        one.commit()
        assert one.ledger.journaled("run") == dict.fromkeys(
            ("2 publish into t", "3 publish into u", "4 analyse t"), "done"
        )


@pytest.mark.parametrize("there", ["postgresql", "mariadb"])
def test_a_step_that_was_rolled_back_is_tried_again(
    there: str, make: Callable[[str, Rows], str], tmp_path: Path, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deadlock takes the whole of a publication back, and the second try makes it."""
    target = spot(there, tmp_path, servers)
    run(make("first", FIRST[:2]), target, "create")
    made: dict[str, tuple[Any, Exception]] = {
        "postgresql": (PostgreSqlLoader, psycopg.errors.DeadlockDetected("deadlock detected")),
        "mariadb": (MySqlLoader, pymysql.err.OperationalError(1213, "Deadlock found when trying to get lock")),
    }
    failed: list[str] = []
    kind, error = made[there]
    honest = kind.execute

    def execute(self: Any, sql: str) -> int:
        done: int = honest(self, sql)
        if re.match("INSERT INTO .* SELECT .*_staging", sql) and not failed:
            failed.append(sql)
            raise error
        return done

    monkeypatch.setattr(kind, "execute", execute)
    run(make("second", SECOND), target, "append")
    assert failed
    assert rows(target) == sorted([*FIRST[:2], *SECOND], key=lambda row: str(row[0]))
