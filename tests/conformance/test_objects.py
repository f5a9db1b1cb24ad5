"""Defaults, checks and comments from each engine into each other: they work in the target, or the plan says why not."""

from __future__ import annotations

import datetime as dt
import shutil
import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ropeway.cli import wire
from ropeway.transfer.errors import DataError, RequestError
from ropeway.transfer.place import parse
from ropeway.transfer.request import Choice, Request
from servers import private_folder
from spots import MYSQL_FAMILY, PAIRS, PLACES, Servers, Spot, spot

# Columns with their defaults, in the words of most engines.
SHAPE = {
    "id": "integer NOT NULL PRIMARY KEY",
    "n": "integer DEFAULT 7",
    "price": "decimal(9,2) DEFAULT -1.50",
    "word": "varchar(20) NOT NULL DEFAULT 'it''s; new'",
    "day": "date DEFAULT '2024-02-29'",
    "empty": "varchar(5) DEFAULT NULL",
    "at": "timestamp DEFAULT CURRENT_TIMESTAMP",
    "plain": "integer",
}
CHECKS = {"positive": "n > 0", "known": "word IN ('it''s; new', 'old', 'a') AND (price < 100 OR price IS NULL)"}
REMARK = "what; it's\ncalled\\"


# What some spell otherwise.
_MYSQL = {
    "at": "datetime DEFAULT CURRENT_TIMESTAMP", "word": SHAPE["word"] + r" COMMENT 'what; it''s\ncalled\\'",
}  # fmt: skip
SHAPES = {
    "mariadb": _MYSQL, "mysql": _MYSQL,
    "oracle": {
        "at": "timestamp DEFAULT LOCALTIMESTAMP", "day": "date DEFAULT DATE '2024-02-29'",
        "word": "varchar(20) DEFAULT 'it''s; new' NOT NULL",
    },
    "sqlserver": {"at": "datetime2 DEFAULT SYSDATETIME()"},
}  # fmt: skip
SUFFIXES = dict.fromkeys(MYSQL_FAMILY, " COMMENT 'a table'")
_REMARK = REMARK.replace("'", "''")
_COMMENTS = ("COMMENT ON TABLE t IS 'a table'", f"COMMENT ON COLUMN t.word IS '{_REMARK}'")
_PROPERTY = "EXEC sp_addextendedproperty 'MS_Description', '{}', 'SCHEMA', 'dbo', 'TABLE', 't'"
REMARKS = {
    **dict.fromkeys(("postgresql", "duckdb", "oracle"), _COMMENTS),
    "sqlserver": (_PROPERTY.format("a table"), f"{_PROPERTY.format(_REMARK)}, 'COLUMN', 'word'"),
}
ROWS = {"oracle": "(1, 2, 3.5, 'old', DATE '2020-01-01', 'x', TIMESTAMP '2020-01-01 10:00:00', 9)"}


def made(place: Spot) -> None:
    """A table with one row whose columns are all given."""
    q = place.quote
    shape = {**SHAPE, **SHAPES.get(place.engine, {})}
    columns = [f"{q(place.kept(name))} {kind}" for name, kind in shape.items()]
    checks = [f"CONSTRAINT {q(place.kept(name))} CHECK ({text})" for name, text in CHECKS.items()]
    place.ask(f"CREATE TABLE t ({', '.join([*columns, *checks])}){SUFFIXES.get(place.engine, '')}")
    for remark in REMARKS.get(place.engine, ()):
        place.ask(remark)
    row = "(1, 2, 3.5, 'old', '2020-01-01', 'x', '2020-01-01 10:00:00', 9)"
    place.ask(f"INSERT INTO t VALUES {ROWS.get(place.engine, row)}")


def moved(source: Spot, target: Spot, **options: Any) -> wire.Outcome:
    (one, one_secret), (other, other_secret) = parse(source.url), parse(target.url)
    return wire.run(Request(one, other, **options), wire.Secrets(one_secret, other_secret))


def has_checks(engine: str) -> bool:
    return engine != "mysql"  # 5.6 reads CHECK and forgets it


@pytest.mark.parametrize(("here", "there"), PAIRS)
def test_they_work_in_the_target(here: str, there: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot(here, tmp_path, servers), spot(there, tmp_path, servers)
    made(source)
    outcome = moved(source, target)
    assert outcome.report
    assert outcome.report.equal
    lost = [f.message for f in outcome.plan.findings if "default" in f.message or "check " in f.message]
    if (here, there) == ("duckdb", "mysql"):
        assert lost == ["its default is not carried: 'it''s; new' (longtext takes none there)"]
        return
    assert not lost
    target.ask("INSERT INTO t (id) VALUES (2)")
    names = "n, price, word, day, empty, plain"
    ((n, price, word, day, empty, plain),) = target.ask(f"SELECT {names} FROM t WHERE id = 2")
    assert (n, Decimal(str(price)), word, str(day).removesuffix(" 00:00:00")) == (
        7,
        Decimal("-1.50"),
        "it's; new",
        "2024-02-29",
    )
    assert (empty, plain) == (None, None)
    ((at,),) = target.ask(f"SELECT {target.quote(target.kept('at'))} FROM t WHERE id = 2")
    at = at if isinstance(at, dt.datetime) else dt.datetime.fromisoformat(str(at))
    assert abs(at.replace(tzinfo=None) - dt.datetime.now(dt.UTC).replace(tzinfo=None)) < dt.timedelta(hours=15)
    remarks(source, target)
    if not (has_checks(here) and has_checks(there)):
        return
    for values in ("(3, 0, 1, 'a')", "(4, 1, 1, 'b')", "(5, 1, 100, 'a')"):
        with pytest.raises(Exception, match=r"(?i)check|constraint|positive|known"):
            target.ask(f"INSERT INTO t (id, n, price, word) VALUES {values}")
    target.ask("INSERT INTO t (id, n, price, word) VALUES (6, NULL, 99, 'a')")


@pytest.mark.parametrize("there", PLACES)
@pytest.mark.parametrize("here", ["postgresql", *MYSQL_FAMILY])
def test_bits_are_a_default(here: str, there: str, tmp_path: Path, servers: Servers) -> None:
    """A server prints b'101' for five bits, and where bits are text a new row needs all of them."""
    source, target = spot(here, tmp_path, servers), spot(there, tmp_path, servers)
    source.ask("CREATE TABLE t (id integer PRIMARY KEY, few bit(5) DEFAULT b'00101', flag bit(1) DEFAULT b'1')")
    source.ask("INSERT INTO t VALUES (1, b'00101', b'1')")
    outcome = moved(source, target)
    assert not [f.message for f in outcome.plan.findings if "default" in f.message]
    target.ask("INSERT INTO t (id) VALUES (2)")
    assert target.ask("SELECT count(*) FROM (SELECT DISTINCT few, flag FROM t) AS d") == [(1,)]


def remarks(source: Spot, target: Spot) -> None:
    (there,) = [table for table in wire.inspect(target.url) if table.name.table == target.kept("t")]
    kept = "sqlite" not in (source.engine, target.engine)
    assert there.comment == ("a table" if kept else "")
    assert there.column(target.kept("word")).comment == (REMARK if kept else "")


@pytest.mark.parametrize("there", ["postgresql", "mariadb", "duckdb", "sqlite"])
def test_rows_that_break_a_check_stop_the_run(there: str, tmp_path: Path, servers: Servers) -> None:
    """SQLite's PRAGMA lets rows in that its own checks refuse, as NOT VALID does in PostgreSQL."""
    source, target = spot("sqlite", tmp_path, servers), spot(there, tmp_path, servers)
    made(source)
    with closing(sqlite3.connect(source.url.removeprefix("sqlite:///"))) as connection, connection:
        connection.execute("PRAGMA ignore_check_constraints = 1")
        connection.execute("INSERT INTO t (id, n) VALUES (8, -5)")
    with pytest.raises(DataError, match=r"positive|CHECK|check"):
        moved(source, target)


def test_what_has_no_counterpart_is_said(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("postgresql", tmp_path, servers), spot("duckdb", tmp_path, servers)
    source.ask("CREATE FUNCTION mine(integer) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true'")
    source.ask("CREATE TABLE t (id integer DEFAULT (random() * 9)::int, CONSTRAINT odd CHECK (mine(id)))")
    (one, secret), (other, _) = parse(source.url), parse(target.url)
    plan = wire.plan(Request(one, other), wire.Secrets(secret, ""))
    said = [f"{finding.where}: {finding.message}" for finding in plan.findings]
    assert any("public.t.id: its default is not carried" in one and "random()" in one.lower() for one in said), said
    assert any("check odd is not carried" in one and "mine()" in one for one in said), said


@pytest.mark.parametrize("there", ["postgresql", "duckdb"])
@pytest.mark.parametrize("here", ["postgresql", "duckdb"])
def test_defaults_that_are_no_number(here: str, there: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot(here, tmp_path, servers), spot(there, tmp_path, servers)
    source.ask("CREATE TABLE t (id integer, f double precision DEFAULT 'NaN', g real DEFAULT '-Infinity')")
    moved(source, target)
    target.ask("INSERT INTO t (id) VALUES (1)")
    assert target.ask("SELECT f = 'NaN', g = '-Infinity' FROM t") == [(True, True)]


def test_bytes_of_a_default_that_mariadb_does_not_print_stay_behind(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("mariadb", tmp_path, servers), spot("mariadb", tmp_path, servers)
    source.ask("CREATE TABLE t (id integer, b varbinary(5) DEFAULT x'00ff27')")
    outcome = moved(source, target)
    assert [finding.where for finding in outcome.plan.findings if finding.name == "default-lost"] == ["t.b"]


# Defaults that other engines have no words for, each with its column's type.
OWN_DEFAULTS = {
    "postgresql": [
        ("timestamptz", "now() + interval '1 day'"), ("text", "'a' || 'b'"), ("text", "CURRENT_USER"),
        ("integer[]", "ARRAY[1,2]"), ("bytea", r"'\x00ff'"), ("timestamp", "'infinity'"), ("date", "'-infinity'"),
        ("timestamptz", "'2024-01-01 10:00:00+02'"), ("numeric(9,2)", "'NaN'"), ("interval", "'1 mon'"),
        ("bit(3)", "B'011'"), ("jsonb", "jsonb_build_object('a', 1)"), ("boolean", "1 = 1"),
        ("timestamp", "(now() AT TIME ZONE 'utc')"), ("time", "'24:00'"), ("text", "upper('it''s')"),
    ],
    "duckdb": [
        ("boolean", "(1 = 1)"), ("integer", "1 + 1"), ("integer[]", "[1, 2]"), ("blob", r"'\x00\xFF'::BLOB"),
        ("text", "'a' || 'b'"), ("time", "'10:00'"),
    ],
    "sqlite": [
        ("blob", "x'00ff'"), ("text", "CURRENT_TIME"), ("integer", "(1 + 1)"), ("text", "('a' || 'b')"),
        ("text", "(upper('a'))"),
    ],
    "mariadb": [
        ("integer", "(1 + 1)"), ("varbinary(5)", "'ab'"), ("varbinary(5)", "x'002741'"), ("bit(3)", "b'011'"),
        ("varchar(9)", "(concat('a', 'b'))"), ("datetime", "(current_timestamp() + interval 1 day)"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("engine", ["postgresql", "duckdb", "sqlite", "mariadb"])
def test_defaults_of_the_engines_own_are_kept_between_two(engine: str, tmp_path: Path, servers: Servers) -> None:
    """What each new row gets is the same in both, or of the same moment."""
    source, target = spot(engine, tmp_path, servers), spot(engine, tmp_path, servers)
    kept = OWN_DEFAULTS[engine]
    columns = ", ".join(f"c{n} {kind}{' DEFAULT ' + text}" for n, (kind, text) in enumerate(kept))
    source.ask(f"CREATE TABLE t (id integer, {columns})")
    outcome = moved(source, target)
    assert not [finding for finding in outcome.plan.findings if finding.name == "default-lost"]
    for place in (source, target):
        place.ask("INSERT INTO t (id) VALUES (1)")
    for n, (kind, text) in enumerate(kept):
        printed = engine == "postgresql" and "now" not in text  # its driver has no infinity
        query = f"SELECT c{n}{'::text' if printed else ''} FROM t"
        ((there,),), ((here,),) = target.ask(query), source.ask(query)
        if isinstance(here, dt.datetime) and here.year > 2024:
            assert dt.timedelta(0) <= there - here < dt.timedelta(hours=1), text
        elif text != "CURRENT_TIME":
            assert here is not None
            assert there == here, (kind, text)
        else:
            assert len(there) == len("10:00:00")


def test_a_default_by_what_a_user_made_stays_behind(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("postgresql", tmp_path, servers), spot("postgresql", tmp_path, servers)
    source.ask("CREATE SCHEMA own")
    # sqlglot has functions of its own by these names, which PostgreSQL has not, or has under another name.
    source.ask("CREATE FUNCTION months_between(date, date) RETURNS integer LANGUAGE sql AS 'SELECT 7'")
    source.ask("CREATE FUNCTION own.upper(text) RETURNS text LANGUAGE sql AS 'SELECT $1'")
    source.ask("CREATE FUNCTION mine() RETURNS text LANGUAGE sql AS 'SELECT ''x'''")
    source.ask("CREATE TYPE mood AS ENUM ('sad')")
    source.ask(
        "CREATE TABLE t (a integer DEFAULT months_between('2024-01-01', '2024-02-01'), b text DEFAULT own.upper('b'), "
        "c text DEFAULT mine() || 'c', d text DEFAULT 'sad'::mood::text || 'x', e text DEFAULT 'kept' || 'e')"
    )
    outcome = moved(source, target)
    lost = {f.where.rpartition(".")[2]: f.message for f in outcome.plan.findings if f.name == "default-lost"}
    assert lost.keys() == set("abcd")
    for name, words in {"a": "months_between()", "b": "upper()", "c": "mine()", "d": "mood is no type"}.items():
        assert words in lost[name]


@pytest.mark.parametrize("there", ["postgresql", "mariadb", "sqlite", "duckdb"])
@pytest.mark.parametrize("here", ["postgresql", "mariadb"])
def test_bits_of_a_default_keep_their_places(here: str, there: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot(here, tmp_path, servers), spot(there, tmp_path, servers)
    source.ask("CREATE TABLE t (id integer, b bit(3) DEFAULT b'011')")
    moved(source, target)
    target.ask("INSERT INTO t (id) VALUES (1)")
    assert target.ask("SELECT b FROM t") == [(b"\x03" if there == "mariadb" else "011",)]


INCLUDE, PARTIAL = ("postgresql", "sqlserver"), ("sqlite", "postgresql", "sqlserver")


@pytest.mark.parametrize("there", PLACES)
@pytest.mark.parametrize("here", ["sqlite", "postgresql", "mariadb"])
def test_indexes_keep_direction_and_condition(here: str, there: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot(here, tmp_path, servers), spot(there, tmp_path, servers)
    q = source.quote
    source.ask(f"CREATE TABLE t (id integer PRIMARY KEY, a integer, {q('B c')} varchar(9))")
    source.ask(f"CREATE INDEX down ON t (a, {q('B c')} DESC)")
    partial = here in ("sqlite", "postgresql")
    if partial:
        source.ask(f"CREATE UNIQUE INDEX few ON t ({q('B c')}) WHERE a > 0 AND {q('B c')} IS NOT NULL")
        source.ask("CREATE INDEX odd ON t (a) WHERE a / 2 = 1")
    if here == "postgresql":
        source.ask('CREATE INDEX wide ON t (a) INCLUDE ("B c")')
    source.ask("INSERT INTO t VALUES (1, 1, 'x'), (2, 0, 'x')")
    outcome = moved(source, target)
    said = [f.message for f in outcome.plan.findings]
    lower = [one.lower() for one in said]
    (table,) = [table for table in wire.inspect(target.url) if table.name.table == target.kept("t")]
    found = {index.name.lower().removeprefix("t_"): index for index in table.indexes}
    keeps = there not in ("duckdb", "mysql")  # 5.6 reads DESC and forgets it
    assert found["down"].columns == (target.kept("a"), "B c")
    assert found["down"].descending == (("B c",) if keeps else ())
    assert any("without the direction" in one for one in said) == (there == "duckdb")
    if here == "postgresql":
        assert found["wide"].include == (("B c",) if there in INCLUDE else ())
        assert any("index wide arrives without its further columns" in one for one in lower) == (there not in INCLUDE)
    assert ("few" in found) == (partial and there in PARTIAL)
    assert ("odd" in found) == (partial and there == here)
    if "few" in found:
        assert found["few"].unique
        columns = ", ".join(map(target.quote, ("id", "a", "B c")))
        target.give("t", columns, "(3, -1, 'x')")
        with pytest.raises(Exception, match=r"(?i)unique"):
            target.give("t", columns, "(4, 5, 'x')")
    elif partial:
        assert any("index few is not carried" in one and "allowed in the target" in one for one in lower), said


VERSIONED = (
    "CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL INVISIBLE DEFAULT 4 WITHOUT SYSTEM VERSIONING COMMENT 'x', "
    "word varchar(30) COMPRESSED CHARACTER SET latin1 DEFAULT 'é', long_one text COMPRESSED) WITH SYSTEM VERSIONING",
    "CREATE TABLE u (id int PRIMARY KEY, n int UNIQUE, since timestamp(6) GENERATED ALWAYS AS ROW START, "
    "until timestamp(6) GENERATED ALWAYS AS ROW END INVISIBLE, PERIOD FOR SYSTEM_TIME (since, until)) "
    "WITH SYSTEM VERSIONING PARTITION BY SYSTEM_TIME (PARTITION old HISTORY, PARTITION here CURRENT)",
    "INSERT INTO t (id, n, word, long_one) VALUES (1, 2, 'ä', 'b'), (2, 3, NULL, NULL)",
    "INSERT INTO u (id, n) VALUES (1, 2), (2, 3)",
    "DELETE FROM t WHERE id = 2",
    "DELETE FROM u WHERE id = 2",
)


@pytest.mark.parametrize("there", PLACES)
def test_what_mariadb_alone_has(there: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot("mariadb", tmp_path, servers), spot(there, tmp_path, servers)
    for statement in VERSIONED:
        source.ask(statement)
    outcome = moved(source, target)
    named = ("history-lost", "column-changed")
    said = sorted((f.where, f.name, f.grade) for f in outcome.plan.findings if f.name in named)
    assert [one for one in said if one[1] == "history-lost"] == [
        (table, "history-lost", "note" if there == "mariadb" else "warning") for table in ("t", "u")
    ]
    changed = [where for where, name, _ in said if name == "column-changed"]
    assert changed == ([] if there == "mariadb" else ["t.long_one", "t.n", "t.word"])
    assert target.ask("SELECT id, n, word, long_one FROM t") == [(1, 2, "ä", "b")]
    assert target.ask("SELECT id, n FROM u") == [(1, 2)]
    (table,) = [table for table in wire.inspect(target.url) if table.name.table == target.kept("u")]
    assert table.key == (target.kept("id"),)
    assert [index.columns for index in table.indexes if index.unique] == [(target.kept("n"),)]
    if there != "mariadb":
        return
    ((_, made),), ((_, wanted),) = target.ask("SHOW CREATE TABLE t"), source.ask("SHOW CREATE TABLE t")
    for words in ("INVISIBLE DEFAULT 4 WITHOUT SYSTEM VERSIONING COMMENT 'x'", " WITH SYSTEM VERSIONING"):
        assert words in wanted
        assert words in made
    assert made.count("COMPRESSED") == wanted.count("COMPRESSED") == 2
    assert "PARTITION BY SYSTEM_TIME" in target.ask("SHOW CREATE TABLE u")[0][1]
    target.ask("DELETE FROM t")
    assert target.ask("SELECT id FROM t FOR SYSTEM_TIME ALL") == [(1,)]


@pytest.mark.parametrize("there", PLACES)
def test_names_that_clash_only_in_the_target(there: str, tmp_path: Path, servers: Servers) -> None:
    """PostgreSQL keeps foreign keys apart by table, MySQL by database; a column `A` beside `a` meets it in most."""
    source, target = spot("postgresql", tmp_path, servers), spot(there, tmp_path, servers)
    source.ask("CREATE TABLE p (id integer PRIMARY KEY)")
    for table in ("x", "y"):
        source.ask(
            f"CREATE TABLE {table} (id integer PRIMARY KEY, p integer, CONSTRAINT to_p FOREIGN KEY (p) REFERENCES p)"
        )
    moved(source, target)
    tables = {table.name.table.lower(): table for table in wire.inspect(target.url)}
    assert [len(tables[name].foreign_keys) for name in ("x", "y")] == [1, 1]
    source.ask('CREATE TABLE z (a integer, "A" integer)')
    if there == "postgresql":
        moved(source, target, choices=(Choice("z"),))
    else:
        with pytest.raises(RequestError, match=r"public\.z: the columns a and A would both be A"):
            moved(source, target, choices=(Choice("z"),))


SPANS = (
    "CREATE TABLE t (id int, a date, b date, n int, word int, PERIOD FOR `it``s` (a, b), "
    "PRIMARY KEY (id, `it``s` WITHOUT OVERLAPS), UNIQUE KEY u (n, `it``s` WITHOUT OVERLAPS), CHECK (word > 0))",
    "CREATE TABLE s (id int PRIMARY KEY, a datetime(3), b datetime(3), PERIOD FOR p (a, b))",
    "CREATE TABLE plain (a int, b int, CHECK (a < b))",
    "CREATE UNIQUE INDEX other ON t (id, a)",
    "INSERT INTO t VALUES (1, '2024-01-01', '2024-02-01', 1, 1), (1, '2024-02-01', '2024-03-01', 2, 1)",
    "INSERT INTO s VALUES (1, '2024-01-01', '2024-02-01')",
)


@pytest.mark.parametrize("mode", ["create", "replace"])
def test_periods_stay(mode: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot("mariadb", tmp_path, servers), spot("mariadb", tmp_path, servers)
    for sql in SPANS:
        source.ask(sql)
    plan = moved(source, target, mode=mode).plan
    assert not [finding for finding in plan.findings if finding.name.endswith("-lost")]
    text = str(target.ask("SHOW CREATE TABLE t")[0][1])
    keys = ("PRIMARY KEY (`id`,`it``s` WITHOUT OVERLAPS)", "UNIQUE KEY `u` (`n`,`it``s` WITHOUT OVERLAPS)", "`other`")
    for words in ("PERIOD FOR `it``s` (`a`, `b`)", *keys):
        assert text.count(words) == 1, text
    assert "PERIOD FOR `p` (`a`, `b`)" in str(target.ask("SHOW CREATE TABLE s")[0][1])
    with pytest.raises(Exception, match="Duplicate"):
        target.ask("INSERT INTO t VALUES (1, '2024-01-15', '2024-01-20', 9, 1)")
    with pytest.raises(Exception, match="CONSTRAINT"):
        target.ask("INSERT INTO t VALUES (2, '2024-01-15', '2024-01-10', 9, 1)")


@pytest.mark.parametrize("there", ["mysql", "postgresql"])
def test_periods_that_stay_behind_are_named(there: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot("mariadb", tmp_path, servers), spot(there, tmp_path, servers)
    for sql in SPANS:
        source.ask(sql)
    findings = moved(source, target).plan.findings
    lost = [finding for finding in findings if finding.name == "constraint-lost"]
    assert len(lost) == 4
    assert any("UNIQUE KEY `u` (`n`,`it``s` WITHOUT OVERLAPS)" in finding.message for finding in lost)
    assert all(("EXCLUDE USING gist" in finding.remedy) == (there == "postgresql") for finding in lost)
    if there == "postgresql":  # what the catalogue shows beside them goes along
        with pytest.raises(Exception, match="check"):
            target.ask("INSERT INTO s VALUES (2, '2024-03-01', '2024-02-01')")


@pytest.mark.parametrize("here", MYSQL_FAMILY)
def test_where_files_lie_is_named(here: str, tmp_path: Path, servers: Servers) -> None:
    source, folder = spot(here, tmp_path, servers), private_folder("apart")
    source.ask(f"CREATE TABLE t (id int PRIMARY KEY, body text, FULLTEXT KEY words (body)) DATA DIRECTORY='{folder}'")
    source.ask("CREATE TABLE plain (id int PRIMARY KEY)")
    (other, secret), (one, own) = parse(spot("duckdb", tmp_path, servers).url), parse(source.url)
    findings = wire.plan(Request(one, other), wire.Secrets(own, secret)).findings
    source.ask("DROP TABLE t")
    shutil.rmtree(folder)
    said = [one.where for one in findings if f"DATA DIRECTORY='{folder}/'" in one.message]
    assert [where.rpartition(".")[2] for where in said] == ["t"]


def test_what_mariadb_says_of_indexes_and_tables(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("mariadb", tmp_path, servers), spot("mariadb", tmp_path, servers)
    source.ask(
        "CREATE TABLE t (id int PRIMARY KEY, n int, long_one text, KEY d (n DESC, long_one(10)), "
        "UNIQUE KEY u (long_one), KEY c (n) COMMENT 'why', KEY i (n, id) IGNORED) "
        "ROW_FORMAT=COMPRESSED KEY_BLOCK_SIZE=4 STATS_PERSISTENT=1"
    )
    source.ask("INSERT INTO t VALUES (1, 1, 'a')")
    assert sorted(
        finding.message for finding in moved(source, target).plan.findings if "not carried" in finding.message
    ) == [
        "not carried: comment on index c: why",
        "not carried: options of the table: stats_persistent=1 row_format=COMPRESSED key_block_size=4",
        "not carried: that index i is IGNORED",
    ]
    text = str(target.ask("SHOW CREATE TABLE t")[0][1])
    assert "UNIQUE KEY `u` (`long_one`) USING HASH" in text
    assert "KEY `d` (`n` DESC,`long_one`(10))" in text
    for there in ("sqlite", "mysql"):
        other = spot(there, tmp_path, servers)
        lost = [finding for finding in moved(source, other).plan.findings if finding.name == "index-lost"]
        if there == "mysql":  # which has none over a text as a whole
            assert [finding.grade for finding in lost if "index u" in finding.message] == ["warning"]
        else:
            with pytest.raises(sqlite3.IntegrityError):
                other.ask("INSERT INTO t VALUES (2, 2, 'a')")
