"""Values of DuckDB that not every place can hold: each becomes what the policy says."""

from __future__ import annotations

from pathlib import Path

import pytest

from moves import moved, refusal, requested
from ropeway.cli import wire
from ropeway.transfer import policies
from spots import Servers, Spot, spot


def filled(place: Spot) -> None:
    place.ask("CREATE TABLE t (id INTEGER PRIMARY KEY, f FLOAT, d DOUBLE, c VARCHAR)")
    place.ask(
        "INSERT INTO t VALUES (1, 1.5, 'nan', 'a'), (2, 'infinity', 2.5, 'b' || chr(0)), (3, NULL, '-infinity', NULL)"
    )


@pytest.mark.parametrize("there", ["sqlite", "mariadb"])
def test_no_numbers_stop_the_plan(there: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot("duckdb", tmp_path, servers), spot(there, tmp_path, servers)
    filled(source)
    assert "t.f (FLOAT) holds 1 NaN or infinite numbers, the first at id=2" in refusal(source, target)


@pytest.mark.parametrize("there", ["sqlite", "mariadb"])
def test_no_numbers_by_choice(there: str, tmp_path: Path, servers: Servers) -> None:
    source = spot("duckdb", tmp_path, servers)
    filled(source)
    target = spot(there, tmp_path, servers)
    outcome = moved(source, target, policies=(("nan", "null"),))
    assert target.ask("SELECT f, d FROM t ORDER BY id") == [(1.5, None), (None, 2.5), (None, None)]
    told = [(finding.grade, finding.message) for finding in outcome.plan.findings if finding.name == "profiled-type"]
    assert ("warning", "2 NaN or infinite numbers become NULL (nan=null)") in told
    assert {f.grade for f in outcome.plan.findings if f.name == "lossy-type"} == {"warning"}
    target = spot(there, tmp_path, servers)
    moved(source, target, policies=(("nan", "text"),))
    assert target.ask("SELECT f, d FROM t ORDER BY id") == [("1.5", "nan"), ("inf", "2.5"), (None, "-inf")]


@pytest.mark.parametrize(("choice", "text"), [("null", None), ("remove", "b"), ("replace", "b\ufffd")])
def test_u0000_by_choice(choice: str, text: str | None, tmp_path: Path, servers: Servers) -> None:
    source, target = spot("duckdb", tmp_path, servers), spot("postgresql", tmp_path, servers)
    filled(source)
    assert "t.c (VARCHAR) holds 1 texts with the character U+0000, the first at id=2" in refusal(source, target)
    moved(source, target, policies=(("nul", choice),))
    assert [row[0] for row in target.ask("SELECT c FROM t ORDER BY id")] == ["a", text, None]


def test_they_stay_where_they_can(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("duckdb", tmp_path, servers), spot("duckdb", tmp_path, servers)
    filled(source)
    moved(source, target)
    asked = "SELECT f::VARCHAR, d::VARCHAR, c FROM t ORDER BY id"
    assert target.ask(asked) == source.ask(asked)


def test_a_large_table_is_not_looked_through(tmp_path: Path, servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = spot("duckdb", tmp_path, servers), spot("sqlite", tmp_path, servers)
    filled(source)
    monkeypatch.setattr(policies, "LARGE", 1)
    outcome = moved(source, target, policies=(("nan", "null"),))
    assert not [finding for finding in outcome.plan.findings if finding.name == "not-profiled"]
    plan = wire.plan(*requested(source, spot("sqlite", tmp_path, servers)))
    (note,) = [finding for finding in plan.findings if finding.name == "not-profiled"]
    assert note.message.startswith("f, d: nobody looked for NaN or infinite numbers among 3 rows")


@pytest.mark.parametrize("there", ["sqlite", "duckdb", "postgresql", "mariadb"])
def test_an_enum_takes_its_labels_only(there: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot("duckdb", tmp_path, servers), spot(there, tmp_path, servers)
    source.ask("CREATE TYPE mood AS ENUM ('glad', 'it''s, so (so)')")
    source.ask("CREATE TABLE t (id INTEGER PRIMARY KEY, m mood, l mood[])")
    source.ask("INSERT INTO t VALUES (1, 'it''s, so (so)', ['glad']), (2, NULL, NULL)")
    moved(source, target)
    assert target.ask("SELECT m FROM t ORDER BY id") == [("it's, so (so)",), (None,)]
    target.ask("INSERT INTO t (id, m) VALUES (3, 'glad')")
    with pytest.raises(Exception, match=r"(?i)check|convert|truncated"):
        target.ask("INSERT INTO t (id, m) VALUES (4, 'sad')")
