"""Rows that break a constraint: the run stops before it and goes on once they are mended, or does without it."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from moves import requested
from ropeway.cli import wire
from ropeway.cli.shapes import run_shape
from ropeway.transfer.errors import DataError, RequestError
from ropeway.transfer.place import parse
from ropeway.transfer.request import Choice, Request
from spots import MYSQL_FAMILY, PLACES, Servers, Spot, spot

LATER = ("postgresql", "mariadb", "mysql", "oracle", "sqlserver")  # engines that make keys once the rows are in
# Those that switch foreign keys off where others drop them, and how many are.
OFF = {
    "oracle": "SELECT count(*) FROM user_constraints WHERE constraint_type = 'R' "
    "AND (status = 'DISABLED' OR validated = 'NOT VALIDATED')",
    "sqlserver": "SELECT count(*) FROM sys.foreign_keys WHERE is_disabled = 1 OR is_not_trusted = 1",
}


def keys(place: Spot, table: str) -> set[tuple[str, ...]]:
    """The columns of a table's unique keys, by its catalogue; (*foreign*, column) for foreign ones."""
    (found,) = [one for one in wire.inspect(place.url) if one.name.table == place.kept(table)]
    unique = {index.columns for index in found.indexes if index.unique}
    foreign = {("*foreign*", *key.columns) for key in found.foreign_keys}
    return {tuple(map(str.lower, columns)) for columns in unique | foreign}


def stopped(source: Spot, target: Spot, **options: Any) -> DataError:
    request, secrets = requested(source, target, **options)
    with pytest.raises(DataError) as caught:
        wire.run(request, secrets)
    assert caught.value.exit_status == 4
    return caught.value


def resumed(source: Spot, target: Spot, **options: Any) -> wire.Outcome:
    request, secrets = requested(source, target, **options)
    return wire.run(request, secrets, resume=True)


TWIN = {"oracle": 6}  # beside a NULL, where two of them beside one value are the same key


def twice(source: Spot, there: str = "") -> None:
    """One moment in two spellings: two texts of a unique column in SQLite, one timestamp elsewhere."""
    twin = TWIN.get(there, 1)
    source.ask("CREATE TABLE t (id INTEGER PRIMARY KEY, at TIMESTAMP, n INTEGER)")
    source.ask("CREATE UNIQUE INDEX t_once ON t (at, n)")
    source.ask(
        "INSERT INTO t VALUES (1, '2024-01-01 10:00:00', 1), (2, '2024-01-01 10:00:00.000', 1), (3, NULL, 1), "
        f"(4, NULL, {twin}), (5, '2024-01-01 10:00:00', 2)"
    )


@pytest.mark.parametrize("there", LATER)
def test_a_unique_index_waits_for_mended_rows(there: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot("sqlite", tmp_path, servers), spot(there, tmp_path, servers)
    twice(source, there)
    (found,) = [one for one in wire.plan(*requested(source, target)).findings if one.name == "duplicates"]
    assert (found.grade, found.where) == ("blocker", "t")
    said = "1 key breaks the unique key on at, n of t, to which values are one that the source spells otherwise, as "
    assert re.sub(r"\b(public|dbo)\.", "", found.message).lower() == f"{said}('2024-01-01 10:00:00', 1, 2)"
    error = stopped(source, target, waive=("duplicates",))
    assert "unique index t_once on (at, n): 1 key stands in 2 rows, of (2024-01-01 10:00:00, 1)." in (
        error.message.lower()
    )
    assert "HAVING count(*) > 1" in error.message
    assert target.ask("SELECT count(*) FROM t") == [(5,)]
    assert ("at", "n") not in keys(target, "t")
    target.ask("UPDATE t SET n = 3 WHERE id = 2")
    outcome = resumed(source, target)
    assert ("at", "n") in keys(target, "t")
    assert outcome.left_out == ()
    assert outcome.report
    assert not outcome.report.equal  # the rows were mended, so they are not what was read


@pytest.mark.parametrize("there", LATER)
def test_a_unique_index_is_left_out(there: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot("sqlite", tmp_path, servers), spot(there, tmp_path, servers)
    twice(source, there)
    request, secrets = requested(source, target, on_violation="leave-out")
    outcome = wire.run(request, secrets)
    assert outcome.report
    assert outcome.report.equal
    (found,) = run_shape(outcome, {})["left_out_constraints"]
    named = (found["kind"], found["constraint"], found["columns"])
    assert named == ("unique index", target.kept("t_once"), [target.kept("at"), target.kept("n")])
    assert (found["rows"], found["keys"]) == (2, [["2024-01-01 10:00:00", "1"]])
    assert keys(target, "t") == set()
    assert len(target.ask(found["query"])) == 1
    target.ask("DELETE FROM t WHERE id = 2")
    target.ask(found["later"])
    assert keys(target, "t") == {("at", "n")}


def test_a_run_that_stopped_may_go_on_without_it(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("sqlite", tmp_path, servers), spot("postgresql", tmp_path, servers)
    twice(source)
    stopped(source, target, waive=("duplicates",))
    outcome = resumed(source, target, on_violation="leave-out")
    assert [one.constraint.name for one in outcome.left_out] == ["t_once"]


@pytest.mark.parametrize("there", ["postgresql", "sqlite", "duckdb"])
def test_a_unique_index_with_a_condition_is_looked_at_with_it(there: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot("sqlite", tmp_path, servers), spot(there, tmp_path, servers)
    source.ask("CREATE TABLE t (id INTEGER PRIMARY KEY, at TIMESTAMP, gone INTEGER)")
    source.ask("CREATE UNIQUE INDEX others ON t (at) WHERE gone > 5")
    source.ask("CREATE UNIQUE INDEX once ON t (at) WHERE gone IS NULL")
    rows = "(1, '2024-01-01 10:00:00', NULL), (2, '2024-01-01 10:00:00.000', 1), (3, '2024-01-01 10:00:00.0', 1)"
    source.ask(f"INSERT INTO t VALUES {rows}")

    def found() -> list[str]:
        plan = wire.plan(*requested(source, target))
        return [one.message for one in plan.findings if one.name == "duplicates"]

    assert found() == []
    source.ask("INSERT INTO t VALUES (4, '2024-01-01T10:00:00', NULL)")
    told = "1 key breaks the unique key on at of {}t where gone IS NULL, to which values are one that the source spells"
    schema = "public." if there == "postgresql" else ""
    assert [one.startswith(told.format(schema)) for one in found()] == ([] if there == "duckdb" else [True])


def test_what_refers_to_a_key_that_is_left_out_is_left_out_too(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("sqlite", tmp_path, servers), spot("postgresql", tmp_path, servers)
    source.ask("CREATE TABLE t (at TIMESTAMP NOT NULL PRIMARY KEY)")
    source.ask("INSERT INTO t VALUES ('2024-01-01 10:00:00'), ('2024-01-01 10:00:00.000')")
    source.ask("CREATE TABLE u (id INTEGER PRIMARY KEY, at TIMESTAMP REFERENCES t)")
    source.ask("INSERT INTO u VALUES (1, '2024-01-01 10:00:00')")
    assert (
        "primary key t_pkey on (at): 1 key stands in 2 rows" in stopped(source, target, waive=("duplicates",)).message
    )
    outcome = resumed(source, target, on_violation="leave-out")
    assert [str(one.constraint) for one in outcome.left_out] == ["primary key t_pkey", "foreign key u_at_fkey"]
    assert "primary key t_pkey of public.t, to which it refers, is left out" in outcome.left_out[1].offending.why


def family(source: Spot) -> None:
    """Parents, children of which two are orphans, and a table that refers to itself by two columns."""
    source.ask("CREATE TABLE p (id INTEGER PRIMARY KEY)")
    source.ask("CREATE TABLE c (id INTEGER PRIMARY KEY, p INTEGER REFERENCES p)")
    source.ask(
        "CREATE TABLE s (a INTEGER NOT NULL, b INTEGER NOT NULL, x INTEGER, y INTEGER, PRIMARY KEY (a, b), "
        "FOREIGN KEY (x, y) REFERENCES s (a, b))"
    )
    source.ask("INSERT INTO p VALUES (1), (2)")
    source.ask("INSERT INTO c VALUES (1, 1), (2, NULL), (3, 77), (4, 77)")
    source.ask("INSERT INTO s VALUES (1, 1, NULL, 9), (1, 2, 1, 1)")


@pytest.mark.parametrize("there", [*LATER, "sqlite"])
def test_a_foreign_key_waits_for_its_parents(there: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot("sqlite", tmp_path, servers), spot(there, tmp_path, servers)
    family(source)
    error = stopped(source, target, waive=("orphans",))
    assert "foreign key c_p_fkey on (p)" in error.message.lower()
    assert "2 rows break it, of (77)." in error.message
    assert target.ask("SELECT count(*) FROM c") == [(4,)]
    if there != "sqlite":  # there it is a part of the table
        assert ("*foreign*", "p") not in keys(target, "c")
    target.give("p", "id", "(77)")
    outcome = resumed(source, target)
    assert outcome.left_out == ()
    assert ("*foreign*", "p") in keys(target, "c")
    assert ("*foreign*", "x", "y") in keys(target, "s")
    if there == "postgresql":
        assert target.ask("SELECT count(*) FROM pg_constraint WHERE NOT convalidated") == [(0,)]


@pytest.mark.parametrize("there", [*LATER, "sqlite"])
def test_a_foreign_key_is_left_out(there: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot("sqlite", tmp_path, servers), spot(there, tmp_path, servers)
    family(source)
    source.ask("INSERT INTO s VALUES (2, 2, 5, 5)")
    # The entry's word counts for its table, the job's for the others.
    choices = (Choice("*"), Choice("c", on_violation="leave-out"))
    error = stopped(source, target, choices=choices, waive=("orphans",))
    assert "foreign key s_x_y_fkey on (x, y)" in error.message.lower()
    assert "1 row breaks it, of (5, 5)." in error.message
    target.ask("UPDATE s SET x = NULL WHERE a = 2")
    outcome = resumed(source, target, choices=choices)
    (found,) = outcome.left_out
    named = (found.constraint.name.lower(), found.offending.rows, found.offending.keys)
    assert named == ("c_p_fkey", 2, (("77",),))
    if there in MYSQL_FAMILY:
        assert ("*foreign*", "p") not in keys(target, "c")
    if there == "postgresql":
        assert "NOT VALID" in found.constraint.kept
        assert target.ask("SELECT conname FROM pg_constraint WHERE NOT convalidated") == [("c_p_fkey",)]
    target.ask("UPDATE c SET p = 1 WHERE p = 77")
    if found.constraint.later:
        target.ask(found.constraint.later)
    assert ("*foreign*", "p") in keys(target, "c")


def test_duckdb_refuses_the_row_itself(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("sqlite", tmp_path, servers), spot("duckdb", tmp_path, servers)
    twice(source)
    assert planned(source, target, on_violation="leave-out")["duplicates"][0] == "blocker"
    assert "slice 1" in stopped(source, target, waive=("duplicates",)).message
    source, target = spot("sqlite", tmp_path, servers), spot("duckdb", tmp_path, servers)
    family(source)
    assert "77" in stopped(source, target, on_violation="leave-out", waive=("orphans",)).message


def test_a_check_is_left_out(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("sqlite", tmp_path, servers), spot("postgresql", tmp_path, servers)
    source.ask("CREATE TABLE t (id integer PRIMARY KEY, n integer, CONSTRAINT small CHECK (n < 9))")
    with closing(sqlite3.connect(source.url.removeprefix("sqlite:///"))) as connection, connection:
        connection.execute("PRAGMA ignore_check_constraints = 1")
        connection.execute("INSERT INTO t VALUES (1, 1), (2, 10), (3, 11)")
    error = stopped(source, target)
    assert "check small on (id): 2 rows break it, of (2), (3)." in error.message
    outcome = resumed(source, target, on_violation="leave-out")
    (found,) = outcome.left_out
    assert found.offending.keys == (("2",), ("3",))
    with pytest.raises(Exception, match="small"):
        target.ask("INSERT INTO t VALUES (4, 12)")
    target.ask("DELETE FROM t WHERE n > 9")
    target.ask(found.constraint.later)
    assert target.ask("SELECT count(*) FROM pg_constraint WHERE NOT convalidated") == [(0,)]


def planned(source: Spot, target: Spot, **options: Any) -> dict[str, tuple[str, str, str]]:
    """The findings of a plan by name: grade, where, and what was found."""
    request, secrets = requested(source, target, **options)
    return {one.name: (one.grade, one.where, one.message) for one in wire.plan(request, secrets).findings}


@pytest.mark.parametrize("there", [*LATER, "sqlite", "duckdb"])
@pytest.mark.parametrize("here", ["sqlite", "mariadb", "mysql"])
def test_planning_finds_orphans(here: str, there: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot(here, tmp_path, servers), spot(there, tmp_path, servers)
    source.ask("CREATE TABLE p (id INTEGER PRIMARY KEY)")
    source.ask("CREATE TABLE c (id INTEGER PRIMARY KEY, p INTEGER, FOREIGN KEY (p) REFERENCES p (id))")
    source.ask("INSERT INTO p VALUES (1)")
    rows = "INSERT INTO c VALUES (1, 1), (2, NULL), (3, 77), (4, 78)"
    if here in MYSQL_FAMILY:
        database = source.url.rpartition("/")[2]
        with servers.family(here).connect(database=database, autocommit=True) as connection, connection.cursor() as c:
            c.execute("SET foreign_key_checks = 0")
            c.execute(rows)
    else:
        source.ask(rows)
    grade, where, said = planned(source, target)["orphans"]
    assert (grade, where.rpartition(".")[2]) == ("blocker", "c")
    assert "2 references break the foreign key on p to " in said
    assert "as (77, 1)" in said
    with pytest.raises(RequestError, match="orphans at "):
        wire.run(*requested(source, target))
    (remedy,) = [f.remedy for f in wire.plan(*requested(source, target)).findings if f.name == "orphans"]
    helps = "duckdb refuses such rows as they come, whatever" if there == "duckdb" else "Or --on-violation leave-out,"
    assert f" {helps}" in remedy
    # DuckDB refuses the row itself, so there is nothing to leave out.
    left = "blocker" if there == "duckdb" else "warning"
    assert planned(source, target, on_violation="leave-out")["orphans"][0] == left
    choices = (Choice("c", where="id < 3"), Choice("p"))
    assert "orphans" not in planned(source, target, choices=choices)


def test_parents_that_a_condition_takes_away(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("postgresql", tmp_path, servers), spot("duckdb", tmp_path, servers)
    source.ask("CREATE TABLE p (id integer PRIMARY KEY)")
    source.ask("CREATE TABLE c (id integer PRIMARY KEY, p integer REFERENCES p)")
    source.ask("INSERT INTO p VALUES (1), (2)")
    source.ask("INSERT INTO c VALUES (1, 1), (2, 2)")
    assert "orphans" not in planned(source, target)
    found = planned(source, target, choices=(Choice("p", where="id > 1"), Choice("c")))
    assert "1 reference breaks the foreign key on p to public.p, as (1, 1)" in found["orphans"][2]


@pytest.mark.parametrize("there", PLACES)
def test_planning_finds_nulls_in_a_key_of_sqlite(there: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot("sqlite", tmp_path, servers), spot(there, tmp_path, servers)
    source.ask("CREATE TABLE t (code VARCHAR(9) PRIMARY KEY, n INTEGER)")
    source.ask("INSERT INTO t VALUES ('a', 1)")
    assert "nulls" not in planned(source, target)
    source.ask("INSERT INTO t VALUES (NULL, 2)")
    grade, _, said = planned(source, target, on_violation="leave-out")["nulls"]
    assert grade == "blocker"
    assert "1 row breaks the primary key on code, as (NULL, 2)" in said
    (remedy,) = [f.remedy for f in wire.plan(*requested(source, target)).findings if f.name == "nulls"]
    assert "refuses such rows as they come" in remedy


@pytest.mark.parametrize("there", ["postgresql", "mariadb"])
def test_what_postgresql_does_not_vouch_for(there: str, tmp_path: Path, servers: Servers) -> None:
    """NOT VALID stays so in PostgreSQL; elsewhere the rows are looked at."""
    source, target = spot("postgresql", tmp_path, servers), spot(there, tmp_path, servers)
    source.ask("CREATE TABLE p (id integer PRIMARY KEY)")
    source.ask("CREATE TABLE c (id integer PRIMARY KEY, p integer, n integer)")
    source.ask("INSERT INTO c VALUES (1, 77, 10)")
    source.ask("ALTER TABLE c ADD CONSTRAINT to_p FOREIGN KEY (p) REFERENCES p NOT VALID")
    source.ask("ALTER TABLE c ADD CONSTRAINT small CHECK (n < 9) NOT VALID")
    found = planned(source, target)
    if there == "mariadb":
        assert found["orphans"][0] == "blocker"
        assert "1 row breaks the check small, as (1, 77, 10)" in found["broken-check"][2]
        return
    assert set(found) & {"orphans", "broken-check"} == set()
    assert "stays NOT VALID" in found["constraint-unproven"][2]
    request, secrets = requested(source, target)
    assert wire.run(request, secrets).left_out == ()
    listed = "SELECT conname, convalidated FROM pg_constraint WHERE contype IN ('c', 'f') AND conrelid > 0 ORDER BY 1"
    assert target.ask(listed) == source.ask(listed) == [("small", False), ("to_p", False)]


@pytest.mark.parametrize("there", MYSQL_FAMILY)
def test_texts_that_the_target_takes_for_equal(there: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot("postgresql", tmp_path, servers), spot(there, tmp_path, servers)
    source.ask("CREATE TABLE t (id integer PRIMARY KEY, word varchar(9) UNIQUE, other integer UNIQUE)")
    source.ask("INSERT INTO t VALUES (1, 'a'), (2, 'a '), (3, 'b'), (4, 'B')")
    found = planned(source, target)
    if there == "mysql":  # its binary collations pad, MariaDB has one that does not
        assert found["duplicates"][0] == "blocker"
        assert "1 key breaks the unique key on word of t" in found["duplicates"][2]
        assert planned(source, target, on_violation="leave-out")["duplicates"][0] == "warning"
    else:
        assert "duplicates" not in found
    target.ask(
        "CREATE TABLE t (id integer PRIMARY KEY, word varchar(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci, "
        "other integer UNIQUE, UNIQUE KEY (word))"
    )
    grade, _, said = planned(source, target, mode="fill")["duplicates"]
    assert grade == "blocker"
    assert "2 keys break the unique key on word of t, which does not tell texts apart by accents, case and" in said
    (remedy,) = [
        f.remedy for f in wire.plan(*requested(source, target, mode="fill")).findings if f.name == "duplicates"
    ]
    assert "--on-violation leave-out" not in remedy
    source.ask("DELETE FROM t WHERE id IN (2, 4)")
    assert "duplicates" not in planned(source, target, mode="append")


def test_values_that_sqlite_spells_in_several_ways(tmp_path: Path, servers: Servers) -> None:
    """As keys, and as references to them, which are no orphans in the target."""
    source, target = spot("sqlite", tmp_path, servers), spot("postgresql", tmp_path, servers)
    low = "c0ffee00-0000-4000-8000-000000000000"
    for kind, words in {
        "TIMESTAMP": ("2024-01-01", "2024-01-01T00:00", "2024-01-01 00:00:00.0"),
        "TIMESTAMPTZ": ("2024-01-01T00:00:00Z", "2024-01-01 02:00:00.000+02:00", "2023-12-31 19:00-05:00"),
        "TIME": ("10:00:00", "10:00:00.0", "10:00:00.00"),
        "DECIMAL_TEXT(20,2)": ("-1.5", "-1.50", "-01.50"),
        "UUID": (low, low.upper(), low.replace("c", "C")),
    }.items():
        for table in ("c", "p"):
            source.ask(f"DROP TABLE IF EXISTS {table}")
        source.ask(f"CREATE TABLE p (k {kind} UNIQUE)")
        source.ask(f"CREATE TABLE c (k {kind} REFERENCES p (k))")
        source.ask(f"INSERT INTO p VALUES ('{words[0]}')")
        source.ask(f"INSERT INTO c VALUES ('{words[1]}'), ('{words[2]}')")
        assert planned(source, target).keys() & {"duplicates", "orphans"} == set()
        source.ask(f"INSERT INTO p VALUES ('{words[1]}'), ('{words[2]}')")
        found = planned(source, target)
        assert "1 key breaks the unique key on k" in found["duplicates"][2]
        assert found["duplicates"][2].endswith(", 3)")


def test_blanks_at_the_end_of_char(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("sqlite", tmp_path, servers), spot("postgresql", tmp_path, servers)
    source.ask("CREATE TABLE t (code CHAR(5) PRIMARY KEY)")
    source.ask("INSERT INTO t VALUES ('a'), ('a ')")
    assert "not tell texts apart by padding, as ('a', 2)" in planned(source, target)["duplicates"][2]


def test_many_keys_are_counted_up_to_a_bound(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("sqlite", tmp_path, servers), spot("postgresql", tmp_path, servers)
    source.ask("CREATE TABLE p (id INTEGER PRIMARY KEY)")
    source.ask("CREATE TABLE c (id INTEGER PRIMARY KEY, p INTEGER REFERENCES p)")
    source.ask("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500) "
               "INSERT INTO c SELECT i, i FROM n")  # fmt: skip
    message = stopped(source, target, waive=("orphans",)).message
    assert "more than 1,000 rows break it, of (1), (2), (3), (4), (5), ..." in message


def test_rows_that_the_target_refuses_as_they_are_published(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("sqlite", tmp_path, servers), spot("postgresql", tmp_path, servers)
    for place in (source, target):
        place.ask("CREATE TABLE t (id integer PRIMARY KEY)")
        place.ask("INSERT INTO t VALUES (1)")
    assert "publish into public.t" in stopped(source, target, mode="append").message


@pytest.mark.parametrize("there", [*LATER, "sqlite"])
def test_what_mode_fill_puts_back(there: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot("sqlite", tmp_path, servers), spot(there, tmp_path, servers)
    source.ask("CREATE TABLE p (id INTEGER PRIMARY KEY)")
    source.ask("CREATE TABLE c (id INTEGER PRIMARY KEY, p INTEGER, word VARCHAR(9))")
    source.ask("INSERT INTO c VALUES (1, 77, 'a'), (2, NULL, 'a')")
    target.ask("CREATE TABLE p (id integer PRIMARY KEY)")
    target.ask("CREATE TABLE c (id integer PRIMARY KEY, p integer, word varchar(9), FOREIGN KEY (p) REFERENCES p (id))")
    known: dict[str, Any] = {"mode": "fill", "waive": ("orphans",)}
    if there == "postgresql":
        known["waive"] = ("orphans", "duplicates")
        target.ask("CREATE UNIQUE INDEX c_word ON c (word)")
        said = stopped(source, target, **known).message
        assert "unique index c_word on (word): 1 key stands in 2 rows, of ('a')." in said
        target.ask("UPDATE c SET word = 'b' WHERE id = 2")
        with pytest.raises(DataError) as caught:
            resumed(source, target, **known)
        said = caught.value.message
    else:
        said = stopped(source, target, **known).message
    assert "1 row breaks it, of (77)." in said
    assert (("*foreign*", "p") in keys(target, "c")) == (there in ("sqlite", *OFF))
    assert there not in OFF or target.ask(OFF[there]) == [(1,)]
    target.ask("INSERT INTO p VALUES (77)")
    resumed(source, target, **known)
    assert ("*foreign*", "p") in keys(target, "c")
    assert there not in OFF or target.ask(OFF[there]) == [(0,)]
    if there == "postgresql":
        assert target.ask("SELECT count(*) FROM pg_constraint WHERE NOT convalidated") == [(0,)]


def test_what_cannot_be_asked_for(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("sqlite", tmp_path, servers), spot("postgresql", tmp_path, servers)
    for place in (source, target):
        place.ask("CREATE TABLE t (id integer PRIMARY KEY)")
    (one, _), (other, secret) = parse(source.url), parse(target.url)
    request = Request(one, other, mode="fill", on_violation="leave-out")
    with pytest.raises(RequestError, match="mode fill puts back what was there"):
        wire.plan(request, wire.Secrets("", secret))


@pytest.mark.parametrize("there", PLACES)
def test_good_rows_leave_nothing_out(there: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot("sqlite", tmp_path, servers), spot(there, tmp_path, servers)
    family(source)
    source.ask("DELETE FROM c WHERE p = 77")
    request, secrets = requested(source, target, on_violation="leave-out")
    outcome = wire.run(request, secrets)
    assert outcome.left_out == ()
    assert run_shape(outcome, {})["left_out_constraints"] == []


@pytest.mark.parametrize("there", ["postgresql", "mariadb", "mysql", "sqlite"])
def test_replaced_tables_refer_to_the_new_ones(there: str, tmp_path: Path, servers: Servers) -> None:
    """The old parent is empty: a foreign key that was made on the shadow would refer to it."""
    source, target = spot("sqlite", tmp_path, servers), spot(there, tmp_path, servers)
    source.ask("CREATE TABLE p (id INTEGER PRIMARY KEY)")
    source.ask("CREATE TABLE c (id INTEGER PRIMARY KEY, p INTEGER REFERENCES p(id))")
    source.ask("INSERT INTO p VALUES (1), (2)")
    source.ask("INSERT INTO c VALUES (1, 2)")
    target.ask("CREATE TABLE p (id integer PRIMARY KEY)")
    target.ask("CREATE TABLE c (id integer PRIMARY KEY, p integer)")
    (one, _), (other, secret) = parse(source.url), parse(target.url)
    outcome = wire.run(Request(one, other, mode="replace"), wire.Secrets("", secret))
    assert outcome.report
    assert outcome.report.equal
    (child,) = [table for table in wire.inspect(target.url) if table.name.table == "c"]
    assert [fk.references.table for fk in child.foreign_keys] == ["p"]
    if there != "sqlite":
        with pytest.raises(Exception, match=r"(?i)foreign key"):
            target.ask("INSERT INTO c VALUES (9, 77)")
