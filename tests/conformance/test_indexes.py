"""Indexes that are more than a list of columns, and numbers that go on after rows that are gone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest

from moves import refusal, requested
from ropeway.cli import wire
from ropeway.transfer.errors import DataError
from ropeway.transfer.place import parse
from ropeway.transfer.request import Request
from spots import MYSQL_FAMILY, PAIRS, PLACES, Servers, Spot, spot


def moved(source: Spot, target: Spot, **options: Any) -> wire.Outcome:
    (one, one_secret), (other, other_secret) = parse(source.url), parse(target.url)
    return wire.run(Request(one, other, **options), wire.Secrets(one_secret, other_secret))


def lost(outcome: wire.Outcome) -> dict[str, str]:
    """Indexes that are not carried, with what is said of them."""
    return {f.message.split()[1].lower(): f.message for f in outcome.plan.findings if f.name == "index-lost"}


OVER = ("sqlite", "duckdb", "postgresql")  # engines with indexes over expressions; MySQL's need version 8
TAKE = (*OVER, "oracle")  # targets of them; SQL Server has columns for that


@pytest.mark.parametrize("there", PLACES)
@pytest.mark.parametrize("here", OVER)
def test_indexes_over_expressions(here: str, there: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot(here, tmp_path, servers), spot(there, tmp_path, servers)
    source.ask("CREATE TABLE t (id integer PRIMARY KEY, n integer, word varchar(20))")
    source.ask("CREATE UNIQUE INDEX t_over ON t ((n + 1), word)")
    source.ask("CREATE INDEX t_half ON t ((n / 2))")
    source.ask("INSERT INTO t VALUES (1, 1, 'a'), (2, 1, 'b')")
    outcome = moved(source, target)
    if there not in TAKE:
        assert set(lost(outcome)) == {"t_over", "t_half"}
        assert "what it forbids is allowed in the target" in lost(outcome)["t_over"]
        return
    assert set(lost(outcome)) == (set() if here == there else {"t_half"})
    (table,) = [table for table in wire.inspect(target.url) if table.name.table == target.kept("t")]
    found = {index.name.lower(): index for index in table.indexes}
    assert set(found) == {"t_over", "t_half"} - set(lost(outcome))
    assert found["t_over"].keys
    target.ask("INSERT INTO t VALUES (3, 2, 'a')")
    with pytest.raises(Exception, match=r"(?i)unique|duplicate"):
        target.ask("INSERT INTO t VALUES (4, 1, 'a')")


def test_postgresql_keeps_all_that_its_indexes_say(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("postgresql", tmp_path, servers), spot("postgresql", tmp_path, servers)
    source.ask('CREATE TABLE "T t" (id integer PRIMARY KEY, n integer, "a USING b" text, doc jsonb, r int4range)')
    for number, tail in enumerate((
        'USING gin (doc jsonb_path_ops)', 'USING hash (n)', 'USING gist (r)',
        'USING brin (n) WITH (pages_per_range=16)',
        '("a USING b" text_pattern_ops)', "(lower(\"a USING b\")) WHERE n > 0", '(n DESC NULLS LAST, id) INCLUDE (r)',
        '("a USING b" COLLATE "C") WITH (fillfactor=70)', "(((doc ->> 'k')::integer))",
    )):  # fmt: skip
        source.ask(f'CREATE INDEX "index {number}" ON "T t" {tail}')
    source.ask('CREATE UNIQUE INDEX none_twice ON "T t" (n) NULLS NOT DISTINCT')
    source.ask("""INSERT INTO "T t" VALUES (1, 1, 'x', '{"k": 3}', '[1,2]')""")
    outcome = moved(source, target)
    assert not lost(outcome)
    listed = "SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = '\"T t\"'::regclass ORDER BY 1"
    assert target.ask(listed) == source.ask(listed)
    other = spot("mariadb", tmp_path, servers)
    assert set(lost(moved(source, other))) >= {"index"}


def test_one_null_at_most_under_other_names(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("postgresql", tmp_path, servers), spot("postgresql", tmp_path, servers)
    source.ask("CREATE TABLE t (id integer PRIMARY KEY, n integer, m integer)")
    source.ask("ALTER TABLE t ADD CONSTRAINT few UNIQUE NULLS NOT DISTINCT (m)")
    source.ask("CREATE UNIQUE INDEX one ON t (n) INCLUDE (m) NULLS NOT DISTINCT WHERE m > 0")
    source.ask("INSERT INTO t VALUES (1, NULL, 1)")
    assert not lost(moved(source, target, names="upper"))
    for row, name in (("2, NULL, 2", "ONE"), ("3, 3, 1", "FEW")):
        with pytest.raises(psycopg.errors.UniqueViolation, match=name):
            target.ask(f'INSERT INTO "T" VALUES ({row})')
    source.ask("UPDATE t SET m = NULL")
    source.ask("ALTER TABLE t DROP CONSTRAINT few, ADD CONSTRAINT few UNIQUE (m)")
    source.ask("INSERT INTO t VALUES (2, 2, NULL)")
    target = spot("postgresql", tmp_path, servers)
    moved(source, target, names="upper")
    assert target.ask('INSERT INTO "T" VALUES (3, 3, NULL) RETURNING 1') == [(1,)]


def test_an_index_over_a_function_of_ones_own_stays_behind(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("postgresql", tmp_path, servers), spot("postgresql", tmp_path, servers)
    source.ask("CREATE FUNCTION mine(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1'")
    source.ask("CREATE TABLE t (id integer PRIMARY KEY)")
    source.ask("CREATE INDEX t_mine ON t (mine(id))")
    assert "mine() is no function of the engine" in lost(moved(source, target))["t_mine"]


@pytest.mark.parametrize("there", ["mariadb", "postgresql"])
@pytest.mark.parametrize("here", MYSQL_FAMILY)
def test_mysql_prefixes_and_full_text(here: str, there: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot(here, tmp_path, servers), spot(there, tmp_path, servers)
    source.ask(
        "CREATE TABLE t (id integer PRIMARY KEY, body text, code varchar(90), FULLTEXT KEY words (body), "
        "UNIQUE KEY few (code(5)), KEY start (body(20), id))"
    )
    source.ask("INSERT INTO t VALUES (1, 'some words', 'abcdef')")
    outcome = moved(source, target)
    if there == "postgresql":
        assert set(lost(outcome)) == {"words", "few"}
        assert {index.name for index in wire.inspect(target.url)[0].indexes} == {"start"}
        return
    assert not lost(outcome)
    listed = (
        "SELECT INDEX_NAME, NON_UNIQUE, COLUMN_NAME, SUB_PART, INDEX_TYPE FROM information_schema.STATISTICS "
        "WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 't' ORDER BY 1, SEQ_IN_INDEX"
    )
    assert target.ask(listed) == source.ask(listed)


@pytest.mark.parametrize("there", ["sqlite", "postgresql"])
def test_sqlite_collations(there: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot("sqlite", tmp_path, servers), spot(there, tmp_path, servers)
    source.ask("CREATE TABLE t (id INTEGER PRIMARY KEY, word VARCHAR(9))")
    source.ask("CREATE UNIQUE INDEX folded ON t (word COLLATE NOCASE)")
    source.ask("INSERT INTO t VALUES (1, 'a')")
    outcome = moved(source, target)
    if there == "postgresql":
        assert "what it forbids is allowed in the target" in lost(outcome)["folded"]
        return
    with pytest.raises(Exception, match="UNIQUE"):
        target.ask("INSERT INTO t VALUES (2, 'A')")


IDENTITIES = {
    "sqlite": "id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL",
    "postgresql": "id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY",
    "duckdb": "id bigint DEFAULT nextval('t_id_seq') PRIMARY KEY",
    "mariadb": "id bigint AUTO_INCREMENT PRIMARY KEY",
    "mysql": "id bigint AUTO_INCREMENT PRIMARY KEY",
    "oracle": "id NUMBER(18) GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY",
    "sqlserver": "id bigint IDENTITY PRIMARY KEY",
}


@pytest.mark.parametrize(("here", "there"), PAIRS)
def test_numbers_of_rows_that_are_gone_are_not_given_again(
    here: str, there: str, tmp_path: Path, servers: Servers
) -> None:
    source, target = spot(here, tmp_path, servers), spot(there, tmp_path, servers)
    if here == "duckdb":
        source.ask("CREATE SEQUENCE t_id_seq")
    source.ask(f"CREATE TABLE t ({IDENTITIES[here]}, word varchar(9))")
    for _ in range(7):
        source.ask("INSERT INTO t (word) VALUES ('x')")
    source.ask("DELETE FROM t WHERE id > 2")
    moved(source, target)
    target.ask("INSERT INTO t (word) VALUES ('new')")
    assert target.ask("SELECT max(id) FROM t") == [(8,)]


COUNTED = ("tinyint unsigned", "mediumint unsigned", "int unsigned", "bigint unsigned", "float", "double")


@pytest.mark.parametrize("there", PLACES)
@pytest.mark.parametrize("here", MYSQL_FAMILY)
def test_every_auto_increment_goes_on(here: str, there: str, tmp_path: Path, servers: Servers) -> None:
    """And tables that refer to it have columns of its type."""
    source, target = spot(here, tmp_path, servers), spot(there, tmp_path, servers)
    for n, native in enumerate(COUNTED):
        source.ask(f"CREATE TABLE t{n} (id {native} AUTO_INCREMENT PRIMARY KEY, word varchar(9))")
        source.ask(f"INSERT INTO t{n} VALUES (3, 'x'), (5, 'y')")
        source.ask(f"CREATE TABLE u{n} (id int PRIMARY KEY, t {native}, FOREIGN KEY (t) REFERENCES t{n} (id))")
        source.ask(f"INSERT INTO u{n} VALUES (1, 5), (2, NULL)")
    outcome = moved(source, target)
    told = {".".join(f.where.split(".")[-2:]) for f in outcome.plan.findings if f.name == "identity-lost"}
    assert told == ({"t4.id", "t5.id"} if there in ("postgresql", "sqlite", "sqlserver") else set())
    for n in range(len(COUNTED)):
        if f"t{n}.id" not in told:
            target.ask(f"INSERT INTO t{n} (word) VALUES ('z')")
        assert target.ask(f"SELECT max(id) FROM t{n}") == [(5 if f"t{n}.id" in told else 6,)]
        assert target.ask(f"SELECT count(*) FROM u{n} JOIN t{n} ON u{n}.t = t{n}.id") == [(1,)]


@pytest.mark.parametrize("there", PLACES)
def test_a_table_may_number_itself_twice(there: str, tmp_path: Path, servers: Servers) -> None:
    """Where that is one column only it is the key, or else the first."""
    source, target = spot("postgresql", tmp_path, servers), spot(there, tmp_path, servers)
    always = "integer GENERATED BY DEFAULT AS IDENTITY"
    source.ask(f"CREATE TABLE a (one bigserial, two {always} PRIMARY KEY, word varchar(9))")
    source.ask(f"CREATE TABLE b (one bigserial UNIQUE, two {always}, word varchar(9))")
    for table in ("a", "b"):
        source.ask(f"INSERT INTO {table} (word) VALUES ('x'), ('y')")
    outcome = moved(source, target)
    told = {".".join(f.where.lower().split(".")[-2:]) for f in outcome.plan.findings if f.name == "identity-lost"}
    alone = {engine: {"a.one", "b.two"} for engine in (*MYSQL_FAMILY, "oracle", "sqlserver")}
    assert told == {"sqlite": {"a.one", "b.one", "b.two"}, **alone}.get(there, set())
    target.ask("INSERT INTO a (one, word) VALUES (9, 'z')")
    assert target.ask("SELECT max(two) FROM a") == [(3,)]
    if there != "sqlite":
        target.ask("INSERT INTO b (two, word) VALUES (9, 'z')")
        assert target.ask("SELECT max(one) FROM b") == [(3,)]


@pytest.mark.parametrize("there", PLACES)
def test_wide_numbers_are_no_identity(there: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot("duckdb", tmp_path, servers), spot(there, tmp_path, servers)
    source.ask("CREATE SEQUENCE t_id_seq")
    source.ask("CREATE TABLE t (id hugeint DEFAULT nextval('t_id_seq') PRIMARY KEY, word varchar)")
    source.ask("INSERT INTO t (word) VALUES ('x')")
    if there in ("oracle", "sqlserver"):  # 38 digits at most
        assert f"main.t.id is decimal(39,0), which {there} cannot hold" in refusal(source, target)
        return
    outcome = moved(source, target)
    told = [f.where.rpartition(".")[2] for f in outcome.plan.findings if f.name == "identity-lost"]
    assert told == ([] if there == "duckdb" else ["id"])
    assert target.ask("SELECT word FROM t") == [("x",)]


@pytest.mark.parametrize("there", ["postgresql", "sqlite"])
@pytest.mark.parametrize("table", ["t", "u"])
def test_a_number_beyond_an_identity_stops_the_run(there: str, table: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot("mariadb", tmp_path, servers), spot(there, tmp_path, servers)
    source.ask("CREATE TABLE t (id bigint unsigned AUTO_INCREMENT PRIMARY KEY)")
    source.ask("CREATE TABLE u (up bigint unsigned NOT NULL, FOREIGN KEY (up) REFERENCES t (id))")
    source.ask(f"SET STATEMENT foreign_key_checks = 0 FOR INSERT INTO {table} VALUES (9223372036854775808)")
    request, secrets = requested(source, target, waive=("orphans",) if table == "u" else ())
    plan = wire.plan(request, secrets)
    columns = {f"{hop.reads}.{c.source}": str(c.fidelity) for hop in plan.hops for c in hop.columns}
    assert columns == {"t.id": "constrained", "u.up": "constrained"}
    with pytest.raises(DataError) as caught:
        wire.run(plan, secrets)
    assert (caught.value.table.rpartition(".")[2], caught.value.column) == (table, "id" if table == "t" else "up")
    assert "9223372036854775808" in caught.value.message
