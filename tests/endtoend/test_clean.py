"""Cleaning and undoing on every engine that speaks SQL: what is left is listed, removed, and nothing else is."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import ropeway
from spots import MYSQL_FAMILY, PLACES, Servers, Spot, spot

OLD, NEW = (1, "old"), (2, "new")
LISTED = {  # where there is no information_schema
    "sqlite": "SELECT name FROM sqlite_schema WHERE name LIKE 'ropeway_2%'",
    "oracle": "SELECT table_name FROM user_tables WHERE LOWER(table_name) LIKE 'ropeway_2%'",
}


@pytest.fixture(params=PLACES)
def target(request: pytest.FixtureRequest, tmp_path: Path, servers: Servers) -> Spot:
    return spot(request.param, tmp_path, servers)


@pytest.fixture
def source(tmp_path: Path) -> str:
    file = tmp_path / "in.sqlite"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.executescript(
            "CREATE TABLE p (id INTEGER PRIMARY KEY, v VARCHAR(10)); INSERT INTO p VALUES (2, 'new');"
            "CREATE TABLE c (id INTEGER PRIMARY KEY, p_id INTEGER NOT NULL REFERENCES p (id));"
            "CREATE INDEX c_p ON c (p_id); INSERT INTO c VALUES (1, 2), (2, 2), (3, 2);"
        )
    return f"sqlite:///{file}"


def move(source: str, target: Spot, **keys: Any) -> str:
    """Carry out a job; its run."""
    job = ropeway.job(source=source, target=target.url, **keys)
    outcome = ropeway.run(job.request, job.secrets, limits=job.limits)
    assert outcome.report
    assert outcome.report.equal
    return outcome.plan.run


def rows(target: Spot) -> list[tuple[Any, ...]]:
    return sorted(tuple(row) for row in target.ask("SELECT id, v FROM p"))


def tables(target: Spot) -> set[str]:
    return {table.name.table.lower() for table in ropeway.inspect(target.url)}


def left(target: Spot) -> list[str]:
    """The names of tables that a run puts beside others, as far as they are there."""
    here = " AND table_schema = database()" if target.engine in MYSQL_FAMILY else ""
    query = f"SELECT table_name FROM information_schema.tables WHERE table_name LIKE 'ropeway_2%'{here}"
    return [row[0] for row in target.ask(LISTED.get(target.engine, query))]


def filled(target: Spot) -> None:
    target.ask("CREATE TABLE p (id INTEGER PRIMARY KEY, v VARCHAR(10))")
    target.ask("INSERT INTO p VALUES (1, 'old')")


def test_a_created_schema_is_undone(source: str, target: Spot) -> None:
    run = move(source, target)
    assert tables(target) == {"p", "c"}
    assert ropeway.leftovers(run, target.url).statements == ()
    ropeway.clean(run, target.url, undo=True)
    assert tables(target) == set()
    assert ropeway.status(target.url) == []
    move(source, target)
    assert tables(target) == {"p", "c"}


@pytest.mark.parametrize(("mode", "after"), [("append", [OLD, NEW]), ("replace", [NEW]), ("merge", [OLD, NEW])])
def test_a_mode_is_cleaned(source: str, target: Spot, mode: str, after: list[tuple[Any, ...]]) -> None:
    filled(target)
    run = move(source, target, mode=mode, tables=[{"from": "p"}])
    assert rows(target) == after
    assert left(target)
    assert ropeway.clean(run, target.url).statements
    assert (rows(target), left(target)) == (after, [])


@pytest.mark.parametrize("mode", ["append", "replace"])
def test_a_mode_is_undone(source: str, target: Spot, mode: str) -> None:
    filled(target)
    run = move(source, target, mode=mode, tables=[{"from": "p"}])
    assert ropeway.clean(run, target.url, undo=True).stuck == ()
    assert (rows(target), left(target)) == ([OLD], [])


class Impatient(ropeway.Progress):
    """Interrupts the run as soon as something has landed."""

    def __init__(self) -> None:
        self.interrupt = ropeway.Interrupt()

    def landed(self, receipt: object) -> None:
        self.interrupt.ask()


def test_an_unfinished_run_is_begun_anew(source: str, target: Spot) -> None:
    job = ropeway.job(source=source, target=target.url, slice_rows=1, workers=1)
    progress = Impatient()
    with pytest.raises(KeyboardInterrupt):
        ropeway.run(job.request, job.secrets, progress=progress, interrupt=progress.interrupt, limits=job.limits)
    with pytest.raises(ropeway.UnfinishedRun):
        ropeway.run(job.request, job.secrets)
    outcome = ropeway.run(job.request, job.secrets, fresh=True, limits=job.limits)
    assert outcome.report
    assert outcome.report.equal
    assert [one.state for one in ropeway.status(target.url)] == ["done"]
    assert target.ask("SELECT count(*) FROM c") == [(3,)]
