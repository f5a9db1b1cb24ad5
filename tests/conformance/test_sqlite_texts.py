"""Texts of SQLite that not every place can hold: U+0000, and bytes that are no UTF-8."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from moves import moved, refusal, requested
from ropeway.cli import wire
from ropeway.transfer import policies
from ropeway.transfer.errors import DataError
from spots import Servers, Spot, spot

ODD = "CAST(x'78ff41c3' AS TEXT)"  # an x, a byte that is none of UTF-8's, an A, and the half of an ä


def filled(place: Spot, suffix: str = "") -> None:
    place.ask(f"CREATE TABLE t (id INTEGER PRIMARY KEY, c TEXT, mixed INT{'' if suffix else 'EGER'}, d TEXT) {suffix}")
    place.ask(f"INSERT INTO t VALUES (1, 'ä', 1, 'a'), (2, {ODD}, 2, 'b' || char(0) || 'c'), (3, NULL, 3, NULL)")
    place.ask(f"INSERT INTO t VALUES (4, {ODD} || char(0), 4, 'd')")


@pytest.mark.parametrize("there", ["sqlite", "duckdb", "postgresql", "mariadb"])
@pytest.mark.parametrize("suffix", ["", "STRICT"])
def test_they_stop_the_plan(suffix: str, there: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot("sqlite", tmp_path, servers), spot(there, tmp_path, servers)
    filled(source, suffix)
    said = refusal(source, target)
    assert "t.c (TEXT) holds 2 texts whose bytes are no UTF-8, the first at id=2" in said
    assert "--policy invalid_text=null|remove|replace" in said


CHOICES = {
    "null": (None, None),
    "remove": ("xA", "xA\0"),
    "replace": ("x\ufffdA\ufffd", "x\ufffdA\ufffd\0"),
}


@pytest.mark.parametrize("there", ["sqlite", "duckdb", "postgresql", "mariadb"])
@pytest.mark.parametrize("choice", CHOICES)
def test_each_choice(choice: str, there: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot("sqlite", tmp_path, servers), spot(there, tmp_path, servers)
    filled(source)
    outcome = moved(source, target, policies=(("invalid_text", choice), ("nul", choice)))
    first, second = CHOICES[choice]
    tail = "b\0c"
    if there == "postgresql":
        instead = "" if choice == "remove" else "\ufffd"
        second = second and second.replace("\0", instead)
        tail = None if choice == "null" else tail.replace("\0", instead)  # type: ignore[assignment]
    assert target.ask("SELECT c, d FROM t ORDER BY id") == [("ä", "a"), (first, tail), (None, None), (second, "d")]
    told = [finding.message for finding in outcome.plan.findings if finding.name == "profiled-type"]
    assert f"2 texts whose bytes are no UTF-8 change (invalid_text={choice})" in told
    assert [f.grade for f in outcome.plan.findings if f.name == "lossy-type" and f.where == "t.c"] == ["warning"]


def test_numbers_beside_them(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("sqlite", tmp_path, servers), spot("postgresql", tmp_path, servers)
    filled(source)
    source.ask(f"UPDATE t SET mixed = {ODD} || char(0) WHERE id = 4")
    moved(source, target, policies=(("invalid_text", "remove"), ("nul", "replace")))
    assert [row[0] for row in target.ask("SELECT mixed FROM t ORDER BY id")] == ["1", "2", "3", "xA\ufffd"]


def test_a_key_takes_no_null(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("sqlite", tmp_path, servers), spot("duckdb", tmp_path, servers)
    source.ask("CREATE TABLE t (code TEXT NOT NULL PRIMARY KEY)")
    source.ask(f"INSERT INTO t VALUES ({ODD})")
    assert "t.code is in the primary key" in refusal(source, target, policies=(("invalid_text", "null"),))
    assert "the first at code=x\ufffdA\ufffd" in refusal(source, target)


@pytest.mark.parametrize("there", ["sqlite", "duckdb"])
def test_those_that_come_later_stop_the_run_by_name(there: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot("sqlite", tmp_path, servers), spot(there, tmp_path, servers)
    source.ask("CREATE TABLE t (id INTEGER PRIMARY KEY, c TEXT)")
    source.ask("INSERT INTO t VALUES (1, 'a')")
    frozen = wire.plan(*requested(source, target))
    source.ask(f"INSERT INTO t VALUES (7, {ODD})")
    with pytest.raises(
        DataError, match=r"t\.c holds b'x\\xffA\\xc3', which is no text: its bytes are no UTF-8"
    ) as said:
        wire.run(frozen)
    assert (said.value.column, said.value.key) == ("c", "id=7")
    assert "invalid_text=null|remove|replace" in said.value.remedy


def test_large_tables_are_looked_through_by_choice(
    tmp_path: Path, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = spot("sqlite", tmp_path, servers)
    filled(source)
    monkeypatch.setattr(policies, "LARGE", 1)
    plan = wire.plan(*requested(source, spot("duckdb", tmp_path, servers)))
    (note,) = [finding for finding in plan.findings if finding.name == "not-profiled"]
    assert "c, d: nobody looked for texts whose bytes are no UTF-8 among 4 rows" in note.message
    moved(source, spot("duckdb", tmp_path, servers), policies=(("invalid_text", "remove"),))


def test_utf16(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("sqlite", tmp_path, servers), spot("postgresql", tmp_path, servers)
    with closing(sqlite3.connect(source.url.removeprefix("sqlite:///"))) as connection, connection:
        connection.execute("PRAGMA encoding = 'UTF-16le'")
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, c TEXT)")
        connection.execute("INSERT INTO t VALUES (1, 'ä' || char(0) || '€')")
    moved(source, target, policies=(("nul", "remove"), ("invalid_text", "remove")))
    assert target.ask("SELECT c FROM t") == [("ä€",)]
