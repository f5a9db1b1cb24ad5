"""Findings that no other test is about: each name is made once by what it warns of."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import ropeway
from moves import planned
from ropeway.transfer.plan import Finding
from ropeway.transfer.schema import doubts
from shell import write
from spots import Servers, Spot, spot

# The table's name, its columns, and whose bookkeeping it is.
KEPT = [
    ("__MigrationHistory", '"MigrationId" text, "ContextKey" text', "Entity Framework"),
    ("__EFMigrationsLock", '"Id" integer, "Timestamp" text', "Entity Framework"),
    ("SequelizeData", "name text", "Sequelize"),
    ("schema_version", "version_rank integer, installed_rank integer, version text", "Flyway"),
    ("schema_version", "id integer, version text", ""),
]


def found(source: Path, target: str, **keys: object) -> list[Finding]:
    """The findings of moving a SQLite file."""
    job = ropeway.job(source=f"sqlite:///{source}", target=target, **keys)
    return list(ropeway.plan(job.request, job.secrets).findings)


@pytest.mark.parametrize(("name", "columns", "owner"), KEPT)
def test_what_a_migration_tool_keeps_is_left_alone(name: str, columns: str, owner: str, tmp_path: Path) -> None:
    write(tmp_path / "in.sqlite", f'CREATE TABLE t (id integer); CREATE TABLE "{name}" ({columns})')
    said = [one for one in found(tmp_path / "in.sqlite", f"sqlite:///{tmp_path}/o") if one.name == "left-alone"]
    assert [one.where for one in said] == ([name] if owner else [])
    assert all(one.message.startswith(f"is left alone: {owner} keeps") for one in said)


ORPHAN = "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE c (id INTEGER PRIMARY KEY, p INTEGER REFERENCES p);"
# Out of SQLite into DuckDB: what is there, the job's further keys, the finding's name, and words of its message.
OF_SQLITE: dict[str, tuple[str, dict[str, object], str]] = {
    "check-lost": ("CREATE TABLE t (a INTEGER CHECK (a / 2 < 9))", {}, "check t_check1 is not carried"),
    "default-lost": ("CREATE TABLE t (a REAL DEFAULT (julianday('now')))", {}, "julianday"),
    "foreign-key-lost": (ORPHAN, {"tables": [{"from": "c"}]}, "p is not moved"),
    "object-lost": (
        "CREATE TABLE t (a INTEGER); CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT 1; END", {}, "trigger",
    ),
    "profiled-type": ("CREATE TABLE t (a DATE); INSERT INTO t VALUES ('soon')", {}, "read as TEXT"),
    "not-looked-for": (f"{ORPHAN} INSERT INTO c VALUES (1, 77), (2, 78)", {}, "the table is large"),
}  # fmt: skip


@pytest.mark.parametrize("name", OF_SQLITE)
def test_what_a_plan_out_of_sqlite_warns_of(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sql, keys, said = OF_SQLITE[name]
    if name == "not-looked-for":  # in a table of ten million rows
        monkeypatch.setattr(doubts, "_LOOKED", 1)
    write(tmp_path / "in.sqlite", sql)
    plan = found(tmp_path / "in.sqlite", f"duckdb:///{tmp_path}/o", **keys)
    messages = [one.message for one in plan if one.name == name]
    assert len(messages) == 1
    assert said in messages[0]


def between(source: Spot, target: Spot, **keys: object) -> dict[str, Finding]:
    """The findings of a plan by name."""
    job = ropeway.job(source=source.url, target=target.url, **keys)
    return {one.name: one for one in ropeway.plan(job.request, job.secrets).findings}


def test_comments_that_the_target_has_no_place_for(tmp_path: Path, servers: Servers) -> None:
    source = spot("duckdb", tmp_path, servers)
    source.ask("CREATE TABLE t (a INTEGER)")
    source.ask("COMMENT ON COLUMN t.a IS 'why'")
    assert "those of a" in between(source, spot("sqlite", tmp_path, servers))["comments-lost"].message


def test_a_domain_whose_check_stays_behind(tmp_path: Path, servers: Servers) -> None:
    source = spot("postgresql", tmp_path, servers)
    source.ask("CREATE DOMAIN small AS integer CHECK (VALUE < 9)")
    source.ask("CREATE TYPE mood AS ENUM ('glad', 'sad')")
    source.ask("CREATE DOMAIN glad AS mood CHECK (VALUE = 'glad')")
    source.ask("CREATE TABLE t (a small, b glad, c glad[], d mood, e mood[], f integer[])")
    for there in ("duckdb", "mariadb"):
        found = planned(source, spot(there, tmp_path, servers)).findings
        lost = [finding for finding in found if finding.name == "domain-check-lost"]
        assert [finding.where for finding in lost] == ["public.t.a", "public.t.b", "public.t.c"]
        assert all("what the domain checks is not carried" in finding.message for finding in lost)


def test_rows_that_duckdb_would_not_update(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("sqlite", tmp_path, servers), spot("duckdb", tmp_path, servers)
    for place in (source, target):
        place.ask("CREATE TABLE p (id INTEGER PRIMARY KEY, n INTEGER)")
        place.ask("CREATE TABLE c (id INTEGER PRIMARY KEY, p INTEGER REFERENCES p (id))")
        place.ask("CREATE INDEX p_n ON p (n)")
    made = between(source, target, mode="merge", tables=[{"from": "p"}])["update-hindered"]
    assert (made.grade, made.where) == ("warning", "main.p")


def test_moments_that_arrive_without_a_zone(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("duckdb", tmp_path, servers), spot("mariadb", tmp_path, servers)
    source.ask("CREATE TABLE t (moment TIMESTAMPTZ)")
    assert "in UTC" in between(source, target)["normalised-type"].message


def test_a_view_that_is_there_already(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("sqlite", tmp_path, servers), spot("duckdb", tmp_path, servers)
    source.ask("CREATE TABLE t (a INTEGER)")
    source.ask("CREATE VIEW v AS SELECT a FROM t")
    target.ask("CREATE VIEW v AS SELECT 1 AS a")
    assert between(source, target)["object-there"].where == "main.v"


def test_ids_that_django_gave_out_itself(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("sqlite", tmp_path, servers), spot("sqlite", tmp_path, servers)
    for place in (source, target):
        place.ask("CREATE TABLE django_content_type (id INTEGER PRIMARY KEY, model TEXT)")
    made = between(source, target, mode="append")["ids-clash"]
    assert (made.grade, made.where) == ("warning", "django_content_type")


def test_a_file_that_says_nothing_of_its_types(tmp_path: Path, servers: Servers) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "t.csv").write_text("a,b\n1,2\n")
    job = ropeway.job(source=f"csv:///{tmp_path}/in", target=spot("sqlite", tmp_path, servers).url)
    assert "untyped-file" in {one.name for one in ropeway.plan(job.request, job.secrets).findings}


def test_what_a_server_is_set_to(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("sqlite", tmp_path, servers), spot("mariadb", tmp_path, servers)
    source.ask("CREATE TABLE t (a INTEGER)")
    assert re.search(r"max_allowed_packet is \d+ MB", between(source, target)["value-limit"].message)
    target.ask("SET GLOBAL local_infile = 0")
    try:
        assert between(source, target)["local-infile-off"].grade == "warning"
    finally:
        target.ask("SET GLOBAL local_infile = 1")
    assert "local-infile-off" not in between(source, target)


def test_indexes_are_short_where_the_server_is_set_so(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("sqlite", tmp_path, servers), spot("mysql", tmp_path, servers)
    source.ask("CREATE TABLE t (a INTEGER)")
    ((before,),) = target.ask("SELECT @@innodb_large_prefix")
    try:
        target.ask("SET GLOBAL innodb_large_prefix = 0")
        assert between(source, target)["short-index-prefix"].grade == "warning"
    finally:
        target.ask(f"SET GLOBAL innodb_large_prefix = {before}")


def test_an_account_that_sees_no_triggers(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("mariadb", tmp_path, servers), spot("sqlite", tmp_path, servers)
    database = source.url.rpartition("/")[2]
    source.ask("CREATE TABLE t (a INTEGER)")
    source.ask(f"CREATE USER 'blind_{database}'@'127.0.0.1' IDENTIFIED BY 'x'")
    source.ask(f"GRANT SELECT, SHOW VIEW ON `{database}`.* TO 'blind_{database}'@'127.0.0.1'")
    url = re.sub(r"//.*@", f"//blind_{database}:x@", source.url)
    made = between(Spot("mariadb", url, source.ask), target)["unseen-objects"]
    assert "does not see the triggers" in made.message
    source.ask(f"DROP USER 'blind_{database}'@'127.0.0.1'")
