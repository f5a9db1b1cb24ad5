"""Up, load, down: what down.sql leaves, carried out by plain drivers, is the target as it was before the run."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest

import ropeway
from ropeway.cli import written
from ropeway.transfer.clean import remove
from ropeway.transfer.engines import engine_of
from ropeway.transfer.place import resolve
from ropeway.transfer.schema.catalogue import Table
from ropeway.transfer.schema.rollback import COPY, IRREVERSIBLE, REVERSIBLE, Ways
from ropeway.transfer.schema.scripts import cut, escapes
from shell import write
from spots import MYSQL_FAMILY, PLACES, Servers, Spot, plain, spot

COUNTS = re.compile(r"SELECT (count|COUNT_BIG)\(\*\)")
WHOLE = {"oracle": "number(19)"}
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


@pytest.fixture(params=PLACES)
def target(request: pytest.FixtureRequest, tmp_path: Path, servers: Servers) -> Spot:
    return spot(request.param, tmp_path, servers)


@pytest.fixture
def source(tmp_path: Path) -> str:
    write(tmp_path / "in.sqlite", SOURCE)
    return f"sqlite:///{tmp_path}/in.sqlite"


def catalogue(target: Spot) -> list[tuple[Table, Any]]:
    """Every table but the ledger's, with its rows; estimates and places in the file aside."""
    found = []
    for table in sorted(ropeway.inspect(target.url), key=lambda one: str(one.name)):
        if not table.name.table.lower().startswith("ropeway_") or "staging" in table.name.table.lower():
            schema = f"{target.quote(table.name.schema)}." if table.name.schema else ""
            rows = target.ask(f"SELECT * FROM {schema}{target.quote(table.name.table)} ORDER BY 1")
            found.append((dataclasses.replace(table, rows=-1, bytes=-1, physical={}), rows))
    return found


def prepare(target: Spot, mode: str) -> None:
    target.ask("CREATE TABLE other (id integer PRIMARY KEY, w varchar(9))")
    target.ask("INSERT INTO other VALUES (7, 'stays')")
    if mode != "create":
        whole = WHOLE.get(target.engine, "bigint")
        target.ask(f"CREATE TABLE item (id {whole} NOT NULL PRIMARY KEY, name varchar(30) DEFAULT 'x')")
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
    queries = [sql for sql in cut(checks, escaping=escaping) if not COUNTS.match(sql.split("\n")[-1])]
    assert len(queries) > 1
    broken = [sql for sql in queries if target.ask(sql.partition("\n")[2])]
    go_back(target, folder, servers)
    return Ways(plan).of_all(), catalogue(target) == before, broken


def go_back(target: Spot, folder: Path, servers: Servers) -> None:
    """down.sql from its first line to its last; the first refusal is an error."""
    with plain(target, servers) as execute:
        for sql in cut((folder / "down.sql").read_text(), escaping=escapes(engine_of(target.engine))):
            execute(sql)


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


# What each engine does without: one moment twice in a unique index, a child without a parent.
LEFT_OUT = {
    "sqlite": ["par_ts"], "duckdb": [], "postgresql": ["par_ts", "par_up_fkey"], "mariadb": ["par_ts", "par_up_fkey"],
    "mysql": ["par_ts", "par_up_fkey"], "oracle": ["PAR_TS", "PAR_UP_FKEY"], "sqlserver": ["par_ts", "par_up_fkey"],
}  # fmt: skip
ODD = """
CREATE TABLE par (id INTEGER PRIMARY KEY, ts TIMESTAMP, up INTEGER{refers});
CREATE UNIQUE INDEX par_ts ON par (ts);
INSERT INTO par VALUES (1, '2024-01-01 10:00:00', 1), (2, '2024-01-01 10:00:00.000', {up});
"""


def odd(engine: str, folder: Path) -> dict[str, Any]:
    """A source whose rows break what the engine makes after them, and the job's options for it."""
    refers = " REFERENCES par" if len(LEFT_OUT[engine]) > 1 else ""
    write(folder / "odd.sqlite", ODD.format(refers=refers, up=77 if refers else 1))
    return {"source": f"sqlite:///{folder}/odd.sqlite", "waive": ["orphans"] if refers else []}


@pytest.mark.parametrize("how", ["leave-out", "quarantine"])
@pytest.mark.parametrize("way", ["down", "clean"])
def test_what_was_left_out_stands_in_no_way_back(
    how: str, way: str, target: Spot, tmp_path: Path, servers: Servers
) -> None:
    if not LEFT_OUT[target.engine]:
        return  # its keys are part of its tables, so no run ends without one
    prepare(target, "create")
    before = catalogue(target)
    job = ropeway.job(target=target.url, on_violation=how, **odd(target.engine, tmp_path))
    plan = ropeway.plan(job.request, job.secrets)
    written.write(plan, tmp_path / "plan")
    outcome = ropeway.run(written.read(tmp_path / "plan"), job.secrets)
    if how == "leave-out":
        assert sorted({one.constraint.name for one in outcome.left_out}) == LEFT_OUT[target.engine]
    else:
        assert outcome.quarantined
    if way == "down":
        go_back(target, tmp_path / "plan", servers)
    else:
        remove(plan.run, resolve(job.request.target, job.secrets.target), undo=True)
    assert catalogue(target) == before


@pytest.mark.parametrize("way", ["down", "clean"])
def test_a_view_that_was_refused_stands_in_no_way_back(way: str, tmp_path: Path, servers: Servers) -> None:
    """MySQL compares a text with a number; PostgreSQL does not, and the run goes on without the view."""
    source, target = spot("mariadb", tmp_path, servers), spot("postgresql", tmp_path, servers)
    source.ask("CREATE TABLE city (id integer PRIMARY KEY, name varchar(20))")
    source.ask("CREATE VIEW five AS SELECT id FROM city WHERE name = 5")
    job = ropeway.job(source=source.url, target=target.url)
    written.write(ropeway.plan(job.request, job.secrets), tmp_path / "plan")
    outcome = ropeway.run(written.read(tmp_path / "plan"), job.secrets)
    assert [one.constraint.name for one in outcome.left_out] == ["five"]
    if way == "down":
        go_back(target, tmp_path / "plan", servers)
    else:
        remove(outcome.plan.run, resolve(job.request.target, job.secrets.target), undo=True)
    assert catalogue(target) == []


@pytest.mark.parametrize("engine", MYSQL_FAMILY)
@pytest.mark.parametrize("there", [True, False])
def test_a_grant_is_taken_back_where_it_is_there(engine: str, there: bool, tmp_path: Path, servers: Servers) -> None:
    """It outlives its table there, and a grant that was refused cannot be revoked."""
    source, target = spot(engine, tmp_path, servers), spot(engine, tmp_path, servers)
    source.ask("CREATE TABLE t (id integer PRIMARY KEY)")
    reader = f"'down_{target.url.rpartition('_')[2]}'@'127.0.0.1'"
    source.ask(f"CREATE USER {reader} IDENTIFIED BY 'x'")
    source.ask(f"GRANT SELECT ON t TO {reader}")
    job = ropeway.job(source=source.url, target=target.url)
    plan = ropeway.plan(job.request, job.secrets)
    assert any(s.forward == f"GRANT SELECT ON `t` TO {reader}" for s in plan.statements)
    written.write(plan, tmp_path / "plan")
    ropeway.run(written.read(tmp_path / "plan"), job.secrets)
    granted = (
        "SELECT count(*) FROM information_schema.TABLE_PRIVILEGES WHERE TABLE_SCHEMA = database() "
        f"AND GRANTEE = '{reader.replace(chr(39), chr(39) * 2)}'"
    )
    assert target.ask(granted) == [(1,)]
    if not there:
        target.ask(f"REVOKE SELECT ON t FROM {reader}")
    go_back(target, tmp_path / "plan", servers)
    assert target.ask(granted) == [(0,)]
    assert catalogue(target) == []
    source.ask(f"DROP USER {reader}")
