"""Columns that count by themselves and are no key: they go on counting, or the plan says that they do not."""

from __future__ import annotations

from pathlib import Path

import pytest

from moves import moved
from ropeway.transfer.plan import Plan
from spots import Servers, Spot, spot


def said(plan: Plan, name: str) -> list[str]:
    return [f"{finding.where}: {finding.message}" for finding in plan.findings if finding.name == name]


def counting(place: Spot) -> None:
    if place.engine == "duckdb":
        place.ask("CREATE SEQUENCE sq START 7")
        place.ask("CREATE TABLE t (id INTEGER PRIMARY KEY, n BIGINT DEFAULT nextval('sq'))")
    else:
        place.ask("CREATE TABLE t (id INTEGER PRIMARY KEY, n serial)")
    place.ask("INSERT INTO t (id) VALUES (1), (2)")


@pytest.mark.parametrize("there", ["sqlite", "duckdb", "postgresql", "mariadb"])
@pytest.mark.parametrize("here", ["duckdb", "postgresql"])
def test_outside_of_a_key(here: str, there: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot(here, tmp_path, servers), spot(there, tmp_path, servers)
    counting(source)
    outcome = moved(source, target)
    ((last,),) = source.ask("SELECT max(n) FROM t")
    if there == "sqlite":
        (lost,) = said(outcome.plan, "identity-lost")
        assert "t.n: it gives no numbers in the target: only a primary key" in lost
        return
    assert not said(outcome.plan, "identity-lost")
    target.ask("INSERT INTO t (id) VALUES (3)")
    assert target.ask("SELECT n FROM t WHERE id = 3") == [(last + 1,)]


def test_two_in_one_table(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("postgresql", tmp_path, servers), spot("mariadb", tmp_path, servers)
    source.ask("CREATE TABLE t (id serial PRIMARY KEY, n serial)")
    source.ask("INSERT INTO t DEFAULT VALUES")
    outcome = moved(source, target)
    (lost,) = said(outcome.plan, "identity-lost")
    assert "t.n: it gives no numbers in the target: a table has one AUTO_INCREMENT, and id is it" in lost


@pytest.mark.parametrize("here", ["duckdb", "postgresql"])
def test_a_sequence_of_several_columns(here: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot(here, tmp_path, servers), spot("sqlite", tmp_path, servers)
    source.ask("CREATE SEQUENCE sq")
    source.ask(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, n BIGINT DEFAULT nextval('sq'), m BIGINT DEFAULT nextval('sq'))"
    )
    source.ask("INSERT INTO t (id) VALUES (1)")
    lost = said(moved(source, target).plan, "default-lost")
    assert ["its default is not carried: nextval" in one for one in lost] == [True, True]


@pytest.mark.parametrize(("words", "before", "following"), [
    ("START 10 INCREMENT 5", 0, 10),
    ("START 10 INCREMENT 5", 2, 20),
    ("INCREMENT BY -2 MINVALUE -9 MAXVALUE 9 START 5 CYCLE", 2, 1),
    ("MAXVALUE 3 CYCLE", 3, 1),
])  # fmt: skip
@pytest.mark.parametrize("there", ["duckdb", "postgresql", "mariadb"])
def test_steps_and_beginnings(
    there: str, words: str, before: int, following: int, tmp_path: Path, servers: Servers
) -> None:
    source, target = spot("duckdb", tmp_path, servers), spot(there, tmp_path, servers)
    source.ask(f"CREATE SEQUENCE sq {words}")
    source.ask("CREATE TABLE t (id INTEGER PRIMARY KEY, n BIGINT DEFAULT nextval('sq'))")
    for number in range(before):
        source.ask(f"INSERT INTO t (id) VALUES ({number})")
    outcome = moved(source, target)
    target.ask("INSERT INTO t (id) VALUES (9)")
    if there == "mariadb" and "5" in words and "CYCLE" not in words:
        assert said(outcome.plan, "identity-changed") == [
            "main.t.n: its identity counts in steps of 5 in the source, of 1 in the target"
        ]
        return
    assert target.ask("SELECT n FROM t WHERE id = 9") == [(following,)]
