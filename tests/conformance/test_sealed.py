"""A DBA's edits on real servers: sealed, carried out as edited, verified, and undone."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

import ropeway
from ropeway.cli import written
from ropeway.cli.wire import Secrets
from ropeway.transfer.clean import leftovers, remove
from ropeway.transfer.errors import DataError
from ropeway.transfer.place import resolve
from ropeway.transfer.plan import Plan
from shell import write
from spots import Servers, Spot, spot

# The plan's words and the DBA's; a query that says whether they were heeded.
EDITS = {
    "postgresql": (
        ("\n);\n", "\n) WITH (fillfactor=70) -- room; for updates\nTABLESPACE pg_default;\n"),
        ('"n" character varying(20)', '"n" text'),
        "SELECT c.reloptions::text || format_type(a.atttypid, a.atttypmod) FROM pg_class c "
        "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'n' WHERE c.relname = 'p'",
        "{fillfactor=70}text",
        'CREATE INDEX by_n ON public.p ("n")',
        "DROP INDEX public.by_n",
        "SELECT count(*) FROM pg_indexes WHERE indexname = 'by_n'",
    ),
    "mariadb": (
        (" ENGINE=InnoDB", " COMMENT='it\\'s; ours' ENGINE=InnoDB"),
        ("`n` varchar(20)", "`n` longtext"),
        "SELECT CONCAT(table_comment, data_type) FROM information_schema.tables JOIN information_schema.columns "
        "USING (table_schema, table_name) WHERE table_schema = database() AND table_name = 'p' AND column_name = 'n'",
        "it's; ourslongtext",
        "CREATE INDEX by_n ON p (n(5))",
        "DROP INDEX by_n ON p",
        "SELECT count(*) FROM information_schema.statistics WHERE table_schema = database() AND index_name = 'by_n'",
    ),
}


@pytest.mark.parametrize("engine", EDITS)
def test_edits_are_carried_out_and_undone(engine: str, tmp_path: Path, servers: Servers) -> None:
    clause, kind, query, heeded, index, drop, count = EDITS[engine]
    write(
        tmp_path / "in.sqlite",
        "CREATE TABLE p (id INTEGER PRIMARY KEY, n VARCHAR(20) NOT NULL); INSERT INTO p VALUES (1, 'a'), (2, 'b')",
    )
    target, folder = spot(engine, tmp_path, servers), tmp_path / "plan"
    job = ropeway.job(source=f"sqlite:///{tmp_path}/in.sqlite", target=target.url)
    written.write(ropeway.plan(job.request, job.secrets), folder)
    edit(folder / "before.sql", lambda text: text.replace(*clause, 1))
    edit(folder / "before.sql", lambda text: text.replace(*kind, 1))
    edit(folder / "after.sql", lambda text: f"{text}\n-- [+] create index by_n\n{index};\n")
    edit(
        folder / "down.sql", lambda text: text.replace("\n\n-- [", f"\n\n-- [+] create index by_n\n{drop};\n\n-- [", 1)
    )
    plan, edited = written.seal(folder)
    assert edited == ["after.sql", "before.sql", "down.sql"]
    outcome = ropeway.run(written.read(folder), job.secrets)
    assert outcome.report
    assert outcome.report.equal
    assert target.ask(query) == [(heeded,)]
    assert target.ask(count) == [(1,)]
    address = resolve(job.request.target, job.secrets.target)
    assert leftovers(plan.run, address, undo=True).statements[0].forward == drop
    remove(plan.run, address, undo=True)
    assert target.ask(count) == [(0,)]


def test_rules_of_an_edited_plan_are_asked_in_the_target(tmp_path: Path) -> None:
    """Alone, for their SQL may be another by now: the row that breaks one is in, and is not stopped on its way."""
    write(tmp_path / "in.sqlite", "CREATE TABLE p (id INTEGER PRIMARY KEY, n INTEGER); INSERT INTO p VALUES (-1, NULL)")
    entry = {"from": "p", "rules": [{"not_null": "n"}]}
    job = ropeway.job(source=f"sqlite:///{tmp_path}/in.sqlite", target=f"duckdb:///{tmp_path}/out.db", tables=[entry])
    plan = ropeway.plan(job.request, job.secrets)
    assert next(one.message for one in plan.findings if one.name == "rules-asked").count("not_null 1") == 2
    written.write(plan, tmp_path / "plan")
    edit(
        tmp_path / "plan" / "after.sql", lambda text: f"{text}\n-- [+] create index by_n\nCREATE INDEX by_n ON p (n);\n"
    )
    plan, _ = written.seal(tmp_path / "plan")
    (said,) = (one.message for one in plan.findings if one.name == "rules-asked")
    assert said == "rules that are asked of its rows once they are in the target: not_null 1"
    with pytest.raises(DataError, match="All rows are kept"):
        ropeway.run(plan, job.secrets)


WIDE = "CREATE TABLE w (id INTEGER PRIMARY KEY, n VARCHAR(9), d DECIMAL(9,2), ts TIMESTAMP, big BIGINT)"
LOSSY = ('"n" VARCHAR', '"n" INTEGER'), ("DECIMAL(9,2)", "DECIMAL(9,1)"), ("DECIMAL(9,2)", "DOUBLE"), (
    '"ts" TIMESTAMP', '"ts" DATE')  # fmt: skip


@pytest.mark.parametrize("change", LOSSY, ids=[new for _, new in LOSSY])
def test_a_type_that_would_change_values_is_refused(change: tuple[str, str], tmp_path: Path) -> None:
    write(tmp_path / "in.sqlite", f"{WIDE}; INSERT INTO w VALUES (1, '7', 1.25, '2024-02-29 12:34:56', 9)")
    job = ropeway.job(source=f"sqlite:///{tmp_path}/in.sqlite", target=f"duckdb:///{tmp_path}/out.duckdb")
    written.write(ropeway.plan(job.request), tmp_path / "plan")
    edit(tmp_path / "plan" / "before.sql", lambda text: text.replace(*change, 1))
    with pytest.raises(ropeway.RequestError) as caught:
        written.seal(tmp_path / "plan")
    assert (caught.value.table, caught.value.column) == ("main.w", change[0].split('"')[1] if '"' in change[0] else "d")
    assert "plan the job again with types:" in caught.value.remedy


# A type that holds less, by the engine's words: what it holds arrives, and what it does not stops the run.
SMALLER = {
    "duckdb": ("BIGINT", "SMALLINT"), "postgresql": ("bigint", "int2"), "mariadb": ("bigint", "smallint"),
    "mysql": ("bigint", "smallint"),
}  # fmt: skip


@pytest.mark.parametrize("engine", SMALLER)
@pytest.mark.parametrize("value", [-32768, 32768])
def test_a_smaller_type_holds_the_values_or_stops_the_run(
    engine: str, value: int, tmp_path: Path, servers: Servers
) -> None:
    write(tmp_path / "in.sqlite", f"{WIDE}; INSERT INTO w (big) VALUES ({value})")
    target = spot(engine, tmp_path, servers)
    job = ropeway.job(source=f"sqlite:///{tmp_path}/in.sqlite", target=target.url, verify="count")
    written.write(ropeway.plan(job.request, job.secrets), tmp_path / "plan")
    old, new = (f"{target.quote('big')} {kind}" for kind in SMALLER[engine])
    edit(tmp_path / "plan" / "before.sql", lambda text: text.replace(old, new, 1))
    plan, _ = written.seal(tmp_path / "plan")
    assert {c.target: c.fidelity for c in plan.hops[0].columns}["big"] == "constrained"
    if value == -32768:
        assert ropeway.run(plan, job.secrets).report
        assert target.ask("SELECT big FROM w") == [(value,)]
        return
    with pytest.raises(ropeway.DataError):
        ropeway.run(plan, job.secrets)
    assert target.ask("SELECT count(*) FROM w") == [(0,)]


UNIQUE = """
CREATE TABLE p (id INTEGER PRIMARY KEY);
CREATE TABLE u (id INTEGER PRIMARY KEY, ts VARCHAR(9), w VARCHAR(9), p_id INTEGER REFERENCES p (id), q_id INTEGER);
CREATE UNIQUE INDEX u_ts ON u (ts);
INSERT INTO p VALUES (1); INSERT INTO u VALUES (1, 'a', 'x', 1, 1), (2, 'b', 'x', 1, 7), (3, 'c', 'y', 1, 8);
"""


def planned(engine: str, folder: Path, servers: Servers, **keys: str) -> tuple[Spot, Plan, Secrets]:
    """A plan in a folder, of a table with a unique index."""
    write(folder / "in.sqlite", UNIQUE)
    target = spot(engine, folder, servers)
    job = ropeway.job(source=f"sqlite:///{folder}/in.sqlite", target=target.url, **keys)
    written.write(ropeway.plan(job.request, job.secrets), folder / "plan")
    return target, written.read(folder / "plan"), job.secrets


@pytest.mark.parametrize("engine", ["sqlite", "postgresql", "mariadb", "mysql"])
def test_an_edited_key_is_about_its_own_columns(engine: str, tmp_path: Path, servers: Servers) -> None:
    target, _, secrets = planned(engine, tmp_path, servers)
    old, new = (f"({target.quote(name)})" for name in ("ts", "w"))
    edit(tmp_path / "plan" / "after.sql", lambda text: text.replace(old, new))
    plan, _ = written.seal(tmp_path / "plan")
    checks = (tmp_path / "plan" / "checks.sql").read_text()
    assert f"SELECT {target.quote('w')}, count(*)" in checks
    assert f"SELECT {target.quote('ts')}, count(*)" not in checks
    with pytest.raises(ropeway.DataError) as caught:
        ropeway.run(plan, secrets)
    assert caught.value.column == "w"
    assert "1 key stands in 2 rows, of ('x')" in caught.value.message


@pytest.mark.parametrize("engine", ["sqlite", "postgresql", "mariadb", "mysql"])
def test_what_an_edit_takes_away_is_not_checked(engine: str, tmp_path: Path, servers: Servers) -> None:
    target, plan, _ = planned(engine, tmp_path, servers)
    (number,) = [s.name.split()[0] for s in plan.statements if s.constraint and s.constraint.columns == ("ts",)]
    for name in ("after.sql", "down.sql"):
        mark = re.compile(rf"-- \[{number}\] [^\0]*?(?=\n-- \[|\Z)")
        edit(tmp_path / "plan" / name, partial(mark.sub, ""))
    written.seal(tmp_path / "plan")
    assert f"SELECT {target.quote('ts')}, count(*)" not in (tmp_path / "plan" / "checks.sql").read_text()


@pytest.mark.parametrize("engine", ["postgresql", "mariadb", "mysql"])
def test_an_edited_foreign_key_is_about_its_own_columns(engine: str, tmp_path: Path, servers: Servers) -> None:
    target, _, secrets = planned(engine, tmp_path, servers)
    old, new = (f"FOREIGN KEY ({target.quote(name)})" for name in ("p_id", "q_id"))
    edit(tmp_path / "plan" / "after.sql", lambda text: text.replace(old, new))
    plan, _ = written.seal(tmp_path / "plan")
    assert f"c.{target.quote('q_id')} IS NOT NULL" in (tmp_path / "plan" / "checks.sql").read_text()
    with pytest.raises(ropeway.DataError) as caught:
        ropeway.run(plan, secrets)
    assert caught.value.column == "q_id"
    assert "2 rows break it, of (7), (8)" in caught.value.message


def test_of_what_is_not_plain_the_engine_itself_speaks(tmp_path: Path, servers: Servers) -> None:
    target, _, secrets = planned("postgresql", tmp_path, servers, on_violation="leave-out")
    edit(tmp_path / "plan" / "after.sql", lambda text: text.replace('("ts")', '(lower("w"))'))
    plan, _ = written.seal(tmp_path / "plan")
    with pytest.raises(ropeway.RopewayError, match="could not create unique index"):
        ropeway.run(plan, secrets)
    assert target.ask("SELECT count(*) FROM u") == [(3,)]


def test_a_clause_behind_a_key_leaves_it_what_it_is(tmp_path: Path, servers: Servers) -> None:
    _, before, _ = planned("postgresql", tmp_path, servers)
    edit(tmp_path / "plan" / "after.sql", lambda text: text.replace('("ts")', '("ts") WITH (fillfactor=70)'))
    plan, _ = written.seal(tmp_path / "plan")
    old, new = ({s.name: s.constraint for s in one.statements if s.constraint} for one in (before, plan))
    assert {name: rule.offenders for name, rule in new.items()} == {name: rule.offenders for name, rule in old.items()}
    assert any(rule.later.endswith("WITH (fillfactor=70)") for rule in new.values())


def edit(path: Path, change: Callable[[str], str]) -> None:
    before = path.read_text()
    path.write_text(change(before))
    assert path.read_text() != before
