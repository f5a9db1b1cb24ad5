"""What a CREATE TABLE of SQLite says beside its columns: carried, or said to be lost."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from moves import moved, refusal
from ropeway.cli import wire
from ropeway.transfer.engines.sqlite import catalogue
from ropeway.transfer.plan import Plan
from ropeway.transfer.request import Choice
from spots import Servers, Spot, spot


def said(plan: Plan, name: str) -> list[str]:
    return [finding.message for finding in plan.findings if finding.name == name]


def refuses(place: Spot, *statements: str, reason: str = r"(?i)check|constraint|unique|duplicate") -> None:
    for sql in statements:
        with pytest.raises(Exception, match=reason):
            place.ask(sql)


@pytest.mark.parametrize("there", ["sqlite", "duckdb", "postgresql", "mariadb"])
@pytest.mark.parametrize("suffix", ["", "WITHOUT ROWID", "STRICT, WITHOUT ROWID"])
def test_checks_beside_what_only_sqlite_has(
    suffix: str, there: str, tmp_path: Path, servers: Servers, caplog: pytest.LogCaptureFixture
) -> None:
    source, target = spot("sqlite", tmp_path, servers), spot(there, tmp_path, servers)
    source.ask("CREATE TABLE p (id INTEGER PRIMARY KEY)")
    source.ask(
        "CREATE TABLE t (id INTEGER NOT NULL, n INTEGER UNIQUE ON CONFLICT IGNORE CHECK (n > 0), "
        "p INTEGER REFERENCES p DEFERRABLE INITIALLY DEFERRED, m INTEGER GENERATED ALWAYS AS (n + 1) STORED, "
        f"PRIMARY KEY (id) ON CONFLICT REPLACE, CONSTRAINT small CHECK (n < 9)) {suffix}"
    )
    source.ask("INSERT INTO p VALUES (1)")
    source.ask("INSERT INTO t VALUES (1, 2, 1)")
    outcome = moved(source, target)
    assert not said(outcome.plan, "check-lost")
    assert not said(outcome.plan, "generated-column")
    assert not [record for record in caplog.records if record.name == "sqlglot"]
    refuses(target, "INSERT INTO t (id, n) VALUES (2, 0)", "INSERT INTO t (id, n) VALUES (3, 9)")
    target.ask("INSERT INTO t (id, n) VALUES (4, 8)")
    assert target.ask("SELECT m FROM t WHERE id = 4") == [(9,)]


def folding(place: Spot) -> None:
    place.ask(
        "CREATE TABLE t (email VARCHAR(20) COLLATE NOCASE NOT NULL PRIMARY KEY, "
        "word VARCHAR(9) COLLATE NOCASE, plain TEXT)"
    )
    if place.engine == "sqlite":
        place.ask("CREATE UNIQUE INDEX t_word ON t (word)")
    place.ask("INSERT INTO t VALUES ('a', 'b', 'c')")


@pytest.mark.parametrize("there", ["sqlite", "duckdb", "postgresql", "mariadb"])
@pytest.mark.parametrize("here", ["sqlite", "duckdb"])
def test_collations_that_fold_case(here: str, there: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot(here, tmp_path, servers), spot(there, tmp_path, servers)
    folding(source)
    outcome = moved(source, target)
    found = [finding for finding in outcome.plan.findings if finding.name == "collation"]
    assert not said(outcome.plan, "index-lost")
    if here == there:
        assert not found
        assert target.ask("SELECT count(*) FROM t WHERE email = 'A' AND plain <> 'C'") == [(1,)]
    else:
        (one,) = found
        assert "equality of email, word ignores case in the source and not in the target" in one.message
        forbidden = "what t_word, the primary key forbids there is allowed here" in one.message
        assert (one.grade, forbidden) == (("warning", True) if here == "sqlite" else ("note", False))
    if here == there == "sqlite":
        refuses(target, "INSERT INTO t VALUES ('A', 'x', 'x')", "INSERT INTO t VALUES ('x', 'B', 'x')")


def test_collations_of_their_own(tmp_path: Path, servers: Servers) -> None:
    """A key by another collation than its column's, and collations that only an application knows."""
    source, target = spot("sqlite", tmp_path, servers), spot("sqlite", tmp_path, servers)
    source.ask(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, code TEXT, word TEXT COLLATE NOCASE, tail TEXT COLLATE RTRIM, "
        "UNIQUE (code COLLATE NOCASE), UNIQUE (tail))"
    )
    source.ask("CREATE UNIQUE INDEX exact ON t (word COLLATE BINARY)")
    with closing(sqlite3.connect(source.url.removeprefix("sqlite:///"))) as connection:
        connection.create_collation("unicode_nocase", lambda one, other: (one > other) - (one < other))
        connection.execute("CREATE TABLE own (id INTEGER PRIMARY KEY, word TEXT COLLATE unicode_nocase)")
    source.ask("INSERT INTO t VALUES (1, 'a', 'a', 'a'), (2, 'b', 'A', 'b')")
    outcome = moved(source, target)
    assert said(outcome.plan, "collation") == [
        "equality of word ignores what its collation unicode_nocase overlooks in the source and not in the target"
    ]
    refuses(
        target,
        "INSERT INTO t VALUES (3, 'A', 'x', 'x')",
        "INSERT INTO t VALUES (3, 'x', 'a', 'x')",
        "INSERT INTO t VALUES (3, 'x', 'x', 'a  ')",
    )


def test_what_stands_behind_the_columns_stays(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("sqlite", tmp_path, servers), spot("sqlite", tmp_path, servers)
    source.ask("CREATE TABLE p (id INTEGER PRIMARY KEY)")
    source.ask(
        "CREATE TABLE t (code TEXT PRIMARY KEY, n INT, p INT REFERENCES p (id) DEFERRABLE INITIALLY DEFERRED, "
        "q INT REFERENCES p (id)) STRICT, WITHOUT ROWID"
    )
    source.ask("INSERT INTO p VALUES (1)")
    source.ask("INSERT INTO t VALUES ('a', 1, 1, 1)")
    outcome = moved(source, target)
    assert not said(outcome.plan, "foreign-key-changed")
    assert target.ask("SELECT strict, wr FROM pragma_table_list WHERE name = 't'") == [(1, 1)]
    refuses(target, "INSERT INTO t VALUES ('b', 'no number', 1, 1)", reason="cannot store TEXT")
    (text,) = [str(row[0]) for row in target.ask("SELECT sql FROM sqlite_schema WHERE name = 't'")]
    assert text.count("DEFERRABLE INITIALLY DEFERRED") == 1
    assert "DEFERRABLE" in text.partition('FOREIGN KEY ("p")')[2].partition("FOREIGN KEY")[0]
    columns = Choice("t", columns=("n",))
    moved(source, spot("sqlite", tmp_path, servers), choices=(columns,))  # without its key it has to have a rowid
    said_ = refusal(source, spot("sqlite", tmp_path, servers), choices=(Choice("t", types=(("n", "DATE"),)),))
    assert "t is STRICT, and its column n would be DATE" in said_


def test_deferrable_in_postgresql(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("sqlite", tmp_path, servers), spot("postgresql", tmp_path, servers)
    source.ask("CREATE TABLE p (id INTEGER PRIMARY KEY)")
    source.ask("CREATE TABLE t (id INTEGER PRIMARY KEY, p INT REFERENCES p DEFERRABLE INITIALLY DEFERRED)")
    moved(source, target)
    assert target.ask("SELECT condeferred FROM pg_constraint WHERE contype = 'f'") == [(True,)]
    back = spot("sqlite", tmp_path, servers)
    moved(target, back)
    (text,) = [str(row[0]) for row in back.ask("SELECT sql FROM sqlite_schema WHERE name = 't'")]
    assert "DEFERRABLE INITIALLY DEFERRED" in text


@pytest.mark.parametrize("there", ["sqlite", "duckdb"])
def test_what_is_lost_is_said(there: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot("sqlite", tmp_path, servers), spot(there, tmp_path, servers)
    source.ask("CREATE TABLE t (id INTEGER PRIMARY KEY ON CONFLICT REPLACE, a INT NOT NULL ON CONFLICT ABORT, "
               "b INT UNIQUE ON CONFLICT IGNORE)")  # fmt: skip
    source.ask("CREATE VIRTUAL TABLE found USING fts5(body)")
    source.ask("INSERT INTO found VALUES ('some words')")
    outcome = moved(source, target)
    assert [hop.reads.table for hop in outcome.plan.hops] == ["t"]
    assert sorted(said(outcome.plan, "object-lost")) == [
        "not carried: ON CONFLICT IGNORE of UNIQUE (b)",
        "not carried: ON CONFLICT REPLACE of PRIMARY KEY (id)",
        "not carried: virtual table found",
    ]
    assert "USING fts5(body)" in outcome.plan.listed[0].text


@pytest.mark.parametrize("there", ["sqlite", "duckdb", "postgresql"])
def test_unique_constraints_have_names(there: str, tmp_path: Path, servers: Servers) -> None:
    """Not those that SQLite gives to the indexes behind them, as sqlite_autoindex_t_1."""
    source, target = spot("sqlite", tmp_path, servers), spot(there, tmp_path, servers)
    source.ask("CREATE TABLE t (id INTEGER PRIMARY KEY, a INT UNIQUE, b INT, c INT, "
               "CONSTRAINT both UNIQUE (b, c), UNIQUE (C))")  # fmt: skip
    source.ask("CREATE INDEX t_a_key ON t (b)")
    source.ask("INSERT INTO t VALUES (1, 1, 1, 1)")
    moved(source, target)
    for place in (source, target):
        (table,) = wire.inspect(place.url)
        if place is source or there != "duckdb":  # DuckDB gives no names of the user's back
            assert {index.name for index in table.indexes} == {"t_a_key", "t_a_key2", "both", "t_c_key"}


def test_numbers_far_apart_make_no_large_table(
    tmp_path: Path, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its first and last number alone such a table had 10,000 slices, and no disk had room for it."""
    source, target = spot("sqlite", tmp_path, servers), spot("duckdb", tmp_path, servers)
    numbers = "WITH RECURSIVE n(i) AS (VALUES (0) UNION ALL SELECT i + 1 FROM n WHERE i < 999)"
    source.ask("CREATE TABLE even (id INTEGER PRIMARY KEY, word TEXT)")
    source.ask(f"{numbers} INSERT INTO even SELECT (i - 300) * (1 << 50), 'x' FROM n")
    source.ask("CREATE TABLE odd AS SELECT * FROM even")
    source.ask("UPDATE odd SET rowid = 1 << 60 WHERE rowid = 1000")
    plan = moved(source, target).plan
    assert [(hop.rows, len(hop.slices)) for hop in plan.hops] == [(1000, 1), (1000, 1)]
    monkeypatch.setattr(catalogue, "_LOOKED", 100)
    even, odd = (table.rows for table in wire.inspect(source.url))
    assert 980 < even < 1020
    assert 100 < odd < 20_000
