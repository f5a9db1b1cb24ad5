"""The five write modes on every SQL engine: what was there, what arrives, what a repeat does."""

from __future__ import annotations

import functools
import sqlite3
import threading
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from ropeway.cli import wire
from ropeway.transfer.engines import engine_of
from ropeway.transfer.errors import DataError, EngineError, RequestError
from ropeway.transfer.place import parse, resolve
from ropeway.transfer.progress import Progress
from ropeway.transfer.request import Request
from ropeway.verify.report import EQUALS_READ
from spots import SQL_ENGINES, Servers, Spot, spot

Rows = list[tuple[object, ...]]
FIRST: Rows = [(1, "one", "1.50"), (2, "zwei", None), (3, "", "3.00"), (4, "four ", "-4.25")]
SECOND: Rows = [(3, "drei", "3.00"), (4, "four ", "-4.25"), (5, "five", "5.00")]


@pytest.fixture(params=SQL_ENGINES)
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
    return Request(one, other, mode=mode, slice_rows=2), wire.Secrets("", secret)


def run(source: str, target: Spot, mode: str, progress: Progress | None = None) -> wire.Outcome:
    request, secrets = job(source, target.url, mode)
    return wire.run(request, secrets, progress=progress)


def rows(target: Spot) -> list[tuple[object, ...]]:
    found = target.ask("SELECT id, name, price FROM item ORDER BY id, name")
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
    with pytest.raises(RequestError, match="item exists in the target"):
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
    tables = {str(table.name.table): table for table in wire.inspect(target.url)}
    assert tables["item"].key == ("id",)
    assert ("name",) in [index.columns for index in tables["item"].indexes]


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
    if target.engine == "postgresql":
        target.ask("CREATE EXTENSION citext")
    source = tmp_path / "source.sqlite"
    with closing(sqlite3.connect(source)) as connection, connection:
        connection.execute("CREATE TABLE item (id INTEGER PRIMARY KEY, name VARCHAR(20))")
        connection.executemany("INSERT INTO item VALUES (?, ?)", [(1, "Word"), (2, "word "), (3, "word"), (4, None)])
    fold = folds.get(target.engine, "VARCHAR(20) COLLATE utf8mb4_general_ci")
    target.ask(f"CREATE TABLE item (id INTEGER PRIMARY KEY, name {fold})")
    target.ask("INSERT INTO item VALUES (1, 'word'), (2, 'word'), (3, 'word'), (4, NULL)")
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
    """The second run is begun while the first is between two slices."""
    run(make("first", FIRST), target, "create")
    second = make("second", SECOND)
    refusal: list[str | None] = []

    class Meddler(Progress):
        def landed(self, receipt: object) -> None:
            if not refusal:
                refusal.append(None)
                request, secrets = job(make("third", [(9, "nine", "9.00")]), target.url, "append")

                def meddle() -> None:
                    try:
                        wire.run(request, secrets)
                    except EngineError as error:
                        refusal[0] = str(error)

                other = threading.Thread(target=meddle)
                other.start()
                other.join()

    run(second, target, "merge", Meddler())
    assert "Another run" in str(refusal[0])
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


@pytest.mark.parametrize("there", ["postgresql", "mariadb", "mysql"])
def test_a_loader_sees_its_own_rows(there: str, tmp_path: Path, servers: Servers) -> None:
    """A merge counts what it staged, also where another slice filled the empty staging since this one began."""
    place, secret = parse(spot(there, tmp_path, servers).url)
    with ExitStack() as stack:
        one, other = (
            stack.enter_context(closing(engine_of(place.scheme).loader(resolve(place, secret)))) for _ in range(2)
        )
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
