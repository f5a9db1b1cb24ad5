"""Rows that a table which is there would refuse are found while planning, before anything moves."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from moves import moved, requested
from ropeway.cli import wire
from spots import PLACES, Servers, Spot, spot


def found(source: Spot, target: Spot, mode: str) -> dict[tuple[str, str], tuple[str, str]]:
    request, secrets = requested(source, target, mode=mode)
    names = {"nulls", "duplicates", "orphans", "broken-check"}
    findings = [one for one in wire.plan(request, secrets).findings if one.name in names]
    return {(one.name, one.where.rpartition(".")[2].lower()): (one.grade, one.message) for one in findings}


def strict(place: Spot) -> None:
    place.ask("CREATE TABLE p (id integer PRIMARY KEY)")
    place.ask(
        "CREATE TABLE c (id integer PRIMARY KEY, code varchar(9) NOT NULL UNIQUE, p integer, q integer, "
        "FOREIGN KEY (p) REFERENCES p (id), CONSTRAINT positive CHECK (q > 0))"
    )


@pytest.mark.parametrize("mode", ["fill", "append", "merge"])
@pytest.mark.parametrize("there", PLACES)
def test_rows_that_would_be_refused(there: str, mode: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot("sqlite", tmp_path, servers), spot(there, tmp_path, servers)
    source.ask("CREATE TABLE p (id INTEGER PRIMARY KEY)")
    source.ask("CREATE TABLE c (id INTEGER PRIMARY KEY, code VARCHAR(9), p INTEGER, q INTEGER)")
    source.ask("INSERT INTO p VALUES (1)")
    source.ask("INSERT INTO c VALUES (1, 'a', 1, 1), (2, 'a', 7, 1), (3, NULL, NULL, 0)")
    strict(target)
    seen = found(source, target, mode)
    assert seen["nulls", "c"] == (
        "blocker",
        f"1 row breaks the NOT NULL of {target.kept('code')}, as (3, NULL, NULL, 0)",
    )
    grade, said = seen["duplicates", "c"]  # MySQL's and MariaDB's says why it takes texts for equal
    assert (grade, said.lower().startswith("1 key breaks the unique key on code")) == ("blocker", True)
    assert said.endswith("as ('a', 2)")
    assert (("orphans", "c") in seen) == (mode == "fill")  # elsewhere the parent may be in the target
    assert (("broken-check", "c") in seen) == (there == "sqlite")  # which speaks the source's dialect
    assert target.ask("SELECT count(*) FROM c") == [(0,)]
    source.ask("UPDATE c SET code = id, p = NULL, q = 1")
    assert found(source, target, mode) == {}
    moved(source, target, mode=mode) if mode != "merge" else wire.run(*requested(source, target, mode=mode))
    assert target.ask("SELECT count(*) FROM c") == [(3,)]


@pytest.mark.parametrize("mode", ["fill", "append", "merge", "truncate"])
@pytest.mark.parametrize("here", ["sqlite", "postgresql", "duckdb", "mariadb"])
def test_collations_of_a_table_that_is_there(here: str, mode: str, tmp_path: Path, servers: Servers) -> None:
    """It overlooks what the source tells apart: case, accents, and blanks at the end."""
    source, target = spot(here, tmp_path, servers), spot("mysql", tmp_path, servers)
    source.ask("CREATE TABLE t (id integer PRIMARY KEY, word varchar(9) UNIQUE)")
    target.ask(
        "CREATE TABLE t (id integer PRIMARY KEY, word varchar(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci, "
        "UNIQUE KEY (word))"
    )
    source.ask("INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'ö')")
    assert found(source, target, mode) == {}
    binary = "CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin"  # in place of what the server usually has
    source.ask(f"ALTER TABLE t MODIFY word varchar(9) {binary}") if here == "mariadb" else None
    source.ask("INSERT INTO t VALUES (4, 'É'), (5, 'e '), (6, 'A')")
    (seen,) = found(source, target, mode).items()
    assert seen[0] == ("duplicates", "t")
    said = "2 keys break the unique key on word of t, which does not tell texts apart by accents, case and padding"
    assert seen[1][1].startswith(said)


def test_what_only_the_target_can_compare(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("postgresql", tmp_path, servers), spot("sqlite", tmp_path, servers)
    source.ask("CREATE TABLE t (word text PRIMARY KEY)")
    with closing(sqlite3.connect(target.url.removeprefix("sqlite:///"))) as connection:
        connection.create_collation("own", lambda one, other: (one > other) - (one < other))
        connection.execute("CREATE TABLE t (word TEXT COLLATE own PRIMARY KEY)")
    plan = wire.plan(*requested(source, target, mode="append"))
    (note,) = [one for one in plan.findings if one.name == "not-looked-for"]
    assert note.message.endswith("apart by what its collation overlooks: only the target can compare them")


def test_a_table_that_is_there_and_ignores_case(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("sqlite", tmp_path, servers), spot("postgresql", tmp_path, servers)
    source.ask("CREATE TABLE t (word TEXT PRIMARY KEY)")
    source.ask("INSERT INTO t VALUES ('a'), ('A')")
    target.ask("CREATE EXTENSION citext")
    target.ask("CREATE TABLE t (word citext PRIMARY KEY)")
    assert "not tell texts apart by case, as ('A', 2)" in found(source, target, "append")["duplicates", "t"][1]


@pytest.mark.parametrize("there", PLACES)
def test_keys_that_are_uuids(there: str, tmp_path: Path, servers: Servers) -> None:
    """PostgreSQL has neither rtrim() nor min() of a uuid, which a target's padded text would be looked for by."""
    source, target = spot("postgresql", tmp_path, servers), spot(there, tmp_path, servers)
    source.ask("CREATE TABLE p (ref uuid PRIMARY KEY)")
    source.ask("CREATE TABLE c (id integer PRIMARY KEY, p uuid UNIQUE REFERENCES p (ref))")
    source.ask("INSERT INTO p VALUES ('6F9619FF-8B86-D011-B42D-00C04FC964FF'), (gen_random_uuid())")
    source.ask("INSERT INTO c SELECT 1, max(ref::text)::uuid FROM p")
    assert found(source, target, "create") == {}
    moved(source, target)
    assert target.ask("SELECT count(*) FROM c JOIN p ON p.ref = c.p") == [(1,)]
