"""Up, load, down: what down.sql leaves, carried out by plain drivers, is the target as it was before the run."""

from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest

import ropeway
from ropeway.cli import written
from ropeway.transfer.engines import engine_of
from ropeway.transfer.schema.catalogue import Table
from ropeway.transfer.schema.rollback import COPY, IRREVERSIBLE, REVERSIBLE, Ways
from ropeway.transfer.schema.scripts import cut, escapes
from shell import write
from spots import SQL_ENGINES, Servers, Spot, spot

SOURCE = """
CREATE TABLE p (id INTEGER PRIMARY KEY AUTOINCREMENT, n VARCHAR(20) NOT NULL DEFAULT 'it''s; new' CHECK (n <> ''));
CREATE TABLE t (id INTEGER PRIMARY KEY, p_id INTEGER REFERENCES p (id), x DECIMAL(9,2));
CREATE UNIQUE INDEX p_n ON p (n);
CREATE INDEX t_p ON t (p_id);
CREATE TABLE item (id INTEGER PRIMARY KEY, name VARCHAR(20));
INSERT INTO p (id, n) VALUES (1, 'a'), (2, 'b');
INSERT INTO t VALUES (1, 1, 1.5), (2, NULL, NULL), (3, 2, -2);
INSERT INTO item VALUES (1, 'one'), (2, 'two'), (3, 'three');
"""


@pytest.fixture(params=SQL_ENGINES)
def target(request: pytest.FixtureRequest, tmp_path: Path, servers: Servers) -> Spot:
    return spot(request.param, tmp_path, servers)


@pytest.fixture
def source(tmp_path: Path) -> str:
    write(tmp_path / "in.sqlite", SOURCE)
    return f"sqlite:///{tmp_path}/in.sqlite"


@contextmanager
def plain(target: Spot, servers: Servers) -> Iterator[Any]:
    """One connection of a driver that Ropeway has no hand in; PRAGMAs last as long as it does."""
    file = target.url.partition(":///")[2]
    if target.engine == "sqlite":
        with closing(sqlite3.connect(file, isolation_level=None)) as lite:
            yield lite.execute
    elif target.engine == "duckdb":
        with duckdb.connect(file) as duck:
            yield duck.execute
    elif target.engine == "postgresql":
        with psycopg.connect(target.url, autocommit=True) as elephant:
            yield elephant.execute
    else:
        database = target.url.rpartition("/")[2]
        server = servers.family(target.engine)
        with server.connect(database=database, autocommit=True) as connection, connection.cursor() as cursor:
            yield cursor.execute


def catalogue(target: Spot) -> list[tuple[Table, Any]]:
    """Every table but the ledger's, with its rows; estimates and places in the file aside."""
    found = []
    for table in sorted(ropeway.inspect(target.url), key=lambda one: str(one.name)):
        if not table.name.table.startswith("ropeway_") or "staging" in table.name.table:
            schema = f"{target.quote(table.name.schema)}." if table.name.schema else ""
            rows = target.ask(f"SELECT * FROM {schema}{target.quote(table.name.table)} ORDER BY 1")
            found.append((dataclasses.replace(table, rows=-1, bytes=-1, physical={}), rows))
    return found


def prepare(target: Spot, mode: str) -> None:
    target.ask("CREATE TABLE other (id integer PRIMARY KEY, w varchar(9))")
    target.ask("INSERT INTO other VALUES (7, 'stays')")
    if mode != "create":
        target.ask("CREATE TABLE item (id bigint NOT NULL PRIMARY KEY, name varchar(30) DEFAULT 'x')")
        target.ask("INSERT INTO item VALUES (10, 'ten'), (11, 'eleven')")


def there_and_back(source: str, target: Spot, mode: str, folder: Path, servers: Servers) -> tuple[str, bool, list[str]]:
    """The plan's class, whether down.sql left the target as it was, and what checks.sql returned."""
    prepare(target, mode)
    before = catalogue(target)
    tables = [] if mode == "create" else [{"from": "item"}]
    job = ropeway.job(source=source, target=target.url, mode=mode, tables=tables, slice_rows=2)
    plan = ropeway.plan(job.request, job.secrets)
    written.write(plan, folder)
    outcome = ropeway.run(written.read(folder), job.secrets)
    assert outcome.report
    assert outcome.report.equal
    assert catalogue(target) != before
    escaping = escapes(engine_of(plan.target.scheme))
    checks = (folder / "checks.sql").read_text()
    queries = [sql for sql in cut(checks, escaping=escaping) if "SELECT count(*)" not in sql.split("\n")[-1][:16]]
    assert len(queries) > 1
    broken = [sql for sql in queries if target.ask(sql.partition("\n")[2])]
    with plain(target, servers) as execute:
        for sql in cut((folder / "down.sql").read_text(), escaping=escaping):
            execute(sql)
    return Ways(plan).of_all(), catalogue(target) == before, broken


@pytest.mark.parametrize(("mode", "kind"), [("create", REVERSIBLE), ("append", COPY), ("replace", COPY)])
def test_down_leaves_the_target_as_it_was(
    mode: str, kind: str, source: str, target: Spot, tmp_path: Path, servers: Servers
) -> None:
    assert there_and_back(source, target, mode, tmp_path / "plan", servers) == (kind, True, [])


@pytest.mark.parametrize("mode", ["truncate", "merge"])
def test_what_cannot_be_undone_says_so(mode: str, source: str, target: Spot, tmp_path: Path, servers: Servers) -> None:
    found = there_and_back(source, target, mode, tmp_path / "plan", servers)
    assert found == (IRREVERSIBLE, False, [])
    assert f"**{IRREVERSIBLE}**" in (tmp_path / "plan" / "risks.md").read_text()


def test_rows_without_a_key_cannot_be_taken_out(source: str, tmp_path: Path) -> None:
    write(tmp_path / "out.sqlite", "CREATE TABLE item (id INTEGER, name VARCHAR(20))")
    job = ropeway.job(
        source=source, target=f"sqlite:///{tmp_path}/out.sqlite", mode="append", tables=[{"from": "item"}]
    )
    plan = ropeway.plan(job.request)
    assert Ways(plan).of_all() == IRREVERSIBLE
    assert ("warning", "no-key") in {(one.grade, one.name) for one in plan.findings}
