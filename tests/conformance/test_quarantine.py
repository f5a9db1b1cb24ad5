"""Rows that break a constraint lie aside, each once, and the constraint is there."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from moves import requested
from ropeway.cli import wire
from ropeway.cli.shapes import run_shape
from ropeway.transfer.errors import DataError
from ropeway.transfer.request import Choice
from ropeway.transfer.schema.scripts import AFTER, DOWN, cut, escapes, written
from spots import NULLED, Rows, Servers, Spot, plain, spot

LATER = ("postgresql", "mariadb", "mysql", "oracle", "sqlserver")  # engines that make keys once the rows are in
SCHEMAS = {"postgresql": "public.", "sqlserver": "dbo."}


def quarantined(source: Spot, target: Spot, **options: Any) -> dict[str, Any]:
    policies = NULLED.get(target.engine, ())
    request, secrets = requested(source, target, on_violation="quarantine", policies=policies, **options)
    return shaped(wire.run(request, secrets))


def shaped(outcome: wire.Outcome) -> dict[str, Any]:
    assert outcome.report
    assert outcome.report.equal, outcome.report
    shape = run_shape(outcome, {})
    for table in shape["tables"]:
        assert table["read"] == table["loaded"] + table["rejected"]
    return shape


def lying(target: Spot, shape: dict[str, Any], table: str) -> Rows:
    """What lies aside of a table, by plain SQL."""
    (relation,) = {one["lie_in"] for one in shape["quarantined"] if one["table"].rpartition(".")[2].lower() == table}
    name = ".".join(target.quote(part) for part in relation.split("."))
    return target.ask(f"SELECT * FROM {name} ORDER BY 1, 2")


def constraints(target: Spot, table: str) -> set[tuple[str, ...]]:
    (found,) = [one for one in wire.inspect(target.url) if one.name.table == target.kept(table)]
    keys = {i.columns for i in found.indexes if i.unique} | {("fk", *key.columns) for key in found.foreign_keys}
    return {tuple(map(str.lower, columns)) for columns in keys}


TWIN = {"oracle": 6}  # beside a NULL, where two of them beside one value are the same key


def twice(source: Spot, there: str = "") -> None:
    """One moment in two spellings: two texts of a unique column in SQLite, one timestamp elsewhere."""
    twin = TWIN.get(there, 1)
    source.ask("CREATE TABLE t (id INTEGER PRIMARY KEY, at TIMESTAMP, n INTEGER, word VARCHAR(20))")
    source.ask("CREATE UNIQUE INDEX t_once ON t (at, n)")
    source.ask(
        "INSERT INTO t VALUES (1, '2024-01-01 10:00:00', 1, 'ä'), (2, '2024-01-01 10:00:00.000', 1, NULL), "
        f"(3, NULL, 1, ''), (4, NULL, {twin}, 'x'), (5, '2024-01-01 10:00:00', 2, 'y')"
    )


@pytest.mark.parametrize("there", LATER)
def test_all_rows_of_a_key_that_stands_twice(there: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot("sqlite", tmp_path, servers), spot(there, tmp_path, servers)
    twice(source, there)
    shape = quarantined(source, target)
    (found,) = shape["quarantined"]
    assert (found["constraint"], found["rows"]) == (f"unique index {target.kept('t_once')}", 2)
    assert target.ask("SELECT id FROM t ORDER BY id") == [(3,), (4,), (5,)]
    rows = lying(target, shape, "t")
    assert [(row[0], row[2], row[3], row[4]) for row in rows] == [
        (1, 1, "ä", f"unique index {target.kept('t_once')}"), (2, 1, None, f"unique index {target.kept('t_once')}"),
    ]  # fmt: skip
    assert ("at", "n") in constraints(target, "t")
    claim = shape["tables"][0]["verified"]
    assert claim["claim"] == "target equals what was read"
    assert claim["reason"].startswith("with the 2 of its rows that broke a constraint and lie in ")
    assert shape["left_out_constraints"] == []
    again, _ = requested(source, target, on_violation="quarantine", policies=NULLED.get(there, ()))
    assert wire.verify(again, secrets=requested(source, target)[1]).equal
    now = wire.verify(again, level="full", secrets=requested(source, target)[1])
    assert now.equal, now  # its quarantine belongs to it
    assert now.tables[0].reason == claim["reason"]
    name = ".".join(target.quote(part) for part in found["lie_in"].split("."))
    target.ask(f"UPDATE {name} SET word = 'other' WHERE id = 1")
    assert not wire.verify(again, secrets=requested(source, target)[1]).equal


@pytest.mark.parametrize("key", ["at", "coalesce(at, other)"])
def test_a_key_under_a_condition(key: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot("sqlite", tmp_path, servers), spot("postgresql", tmp_path, servers)
    source.ask("CREATE TABLE t (id INTEGER PRIMARY KEY, at TIMESTAMP, other TIMESTAMP, live INTEGER)")
    source.ask(f"CREATE UNIQUE INDEX t_at ON t ({key}) WHERE live = 1")
    source.ask(
        "INSERT INTO t VALUES (1, '2024-01-01 10:00:00', NULL, 1), (2, '2024-01-01 10:00:00.000', NULL, 1), "
        "(3, '2024-01-01 10:00:00', NULL, 0), (4, '2024-01-02 10:00:00', NULL, 1)"
    )
    shape = quarantined(source, target)
    assert [row[0] for row in lying(target, shape, "t")] == [1, 2]
    assert target.ask("SELECT id FROM t ORDER BY 1") == [(3,), (4,)]


def family(source: Spot) -> None:
    """Orphans whose going makes others: a chain inside a table, and one over three tables, two in a ring."""
    source.ask("CREATE TABLE p (id INTEGER PRIMARY KEY, last INTEGER REFERENCES c)")
    source.ask("CREATE TABLE c (id INTEGER PRIMARY KEY, p INTEGER REFERENCES p ON DELETE CASCADE)")
    source.ask("CREATE TABLE d (id INTEGER PRIMARY KEY, c INTEGER NOT NULL REFERENCES c ON DELETE CASCADE)")
    source.ask(
        "CREATE TABLE s (a INTEGER NOT NULL, b INTEGER NOT NULL, x INTEGER, y INTEGER, PRIMARY KEY (a, b), "
        "FOREIGN KEY (x, y) REFERENCES s (a, b))"
    )
    source.ask("INSERT INTO p VALUES (1, 1), (2, NULL), (3, 3)")
    source.ask("INSERT INTO c VALUES (1, 1), (2, NULL), (3, 77), (4, 3), (5, 2)")
    source.ask("INSERT INTO d VALUES (1, 1), (2, 3), (3, 4), (4, 99), (5, 5)")
    source.ask("INSERT INTO s VALUES (1, 1, NULL, 9), (1, 2, 1, 1), (2, 1, 9, 9), (2, 2, 2, 1), (2, 3, 2, 2)")


@pytest.mark.parametrize("there", [*LATER, "sqlite"])
@pytest.mark.parametrize("mode", ["create", "replace"])
def test_orphans_and_what_becomes_one_by_their_going(there: str, mode: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot("sqlite", tmp_path, servers), spot(there, tmp_path, servers)
    family(source)
    if mode == "replace":
        for table in ("p", "c", "d", "s"):
            target.ask(f"CREATE TABLE {table} (id integer PRIMARY KEY)")
    shape = quarantined(source, target, mode=mode)
    # c 3 lacks its parent, so p 3 lacks its last, so c 4 lacks its parent, so d 2 and d 3 lack theirs.
    assert target.ask("SELECT id FROM p ORDER BY 1") == [(1,), (2,)]
    assert target.ask("SELECT id FROM c ORDER BY 1") == [(1,), (2,), (5,)]
    assert target.ask("SELECT id FROM d ORDER BY 1") == [(1,), (5,)]
    assert target.ask("SELECT a, b FROM s ORDER BY 1, 2") == [(1, 1), (1, 2)]
    assert [row[0] for row in lying(target, shape, "p")] == [3]
    assert [row[0] for row in lying(target, shape, "c")] == [3, 4]
    assert [row[0] for row in lying(target, shape, "d")] == [2, 3, 4]
    assert [row[:2] for row in lying(target, shape, "s")] == [(2, 1), (2, 2), (2, 3)]
    for table, columns in (("p", ("last",)), ("c", ("p",)), ("d", ("c",)), ("s", ("x", "y"))):
        assert ("fk", *columns) in constraints(target, table)
    if there == "postgresql":
        assert target.ask("SELECT count(*) FROM pg_constraint WHERE NOT convalidated") == [(0,)]
    if there == "sqlite":
        assert target.ask("PRAGMA foreign_key_check") == []


def test_rows_that_break_a_check(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("sqlite", tmp_path, servers), spot("postgresql", tmp_path, servers)
    source.ask("CREATE TABLE t (n integer, ropeway_broke varchar(9), CONSTRAINT small CHECK (n < 9))")
    with closing(sqlite3.connect(source.url.removeprefix("sqlite:///"))) as connection, connection:
        connection.execute("PRAGMA ignore_check_constraints = 1")
        connection.execute("INSERT INTO t VALUES (1, 'a'), (10, 'b'), (10, 'b'), (NULL, 'c')")
    shape = quarantined(source, target)
    assert lying(target, shape, "t") == [(10, "b", "check small"), (10, "b", "check small")]
    assert target.ask("SELECT n FROM t ORDER BY 1") == [(1,), (None,)]
    assert target.ask("SELECT count(*) FROM pg_constraint WHERE NOT convalidated") == [(0,)]


@pytest.mark.parametrize("there", ["postgresql", "mariadb"])
def test_a_run_that_stopped_goes_on_with_them_aside(there: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot("sqlite", tmp_path, servers), spot(there, tmp_path, servers)
    family(source)
    twice(source)
    request, secrets = requested(source, target, waive=("orphans", "duplicates"))
    with pytest.raises(DataError):
        wire.run(request, secrets)
    request, secrets = requested(source, target, on_violation="quarantine")
    shape = shaped(wire.run(request, secrets, resume=True))
    assert {(one["table"].rpartition(".")[2], one["rows"]) for one in shape["quarantined"]} >= {("t", 2), ("p", 1)}
    left = wire.leftovers(shape["run"], target.url)
    assert [
        one.name.partition("drop table ")[2].partition(", ")[2] for one in left.statements if "quarantine" in one.name
    ]
    wire.clean(shape["run"], target.url, undo=True)
    assert [t.name.table for t in wire.inspect(target.url) if not t.name.table.startswith("ropeway_run")] in (
        [], ["ropeway_slice", "ropeway_statement"],
    )  # fmt: skip


def test_once_a_foreign_key_is_there_no_row_is_moved(tmp_path: Path, servers: Servers) -> None:
    """With ON DELETE CASCADE the children of a row that is moved would go with it, into no quarantine."""
    source, target = spot("sqlite", tmp_path, servers), spot("postgresql", tmp_path, servers)
    source.ask("CREATE TABLE a (id INTEGER PRIMARY KEY)")
    source.ask("CREATE TABLE b (id INTEGER PRIMARY KEY, z INTEGER REFERENCES z)")
    source.ask("CREATE TABLE c (id INTEGER PRIMARY KEY, b INTEGER REFERENCES b ON DELETE CASCADE)")
    source.ask("CREATE TABLE z (id INTEGER PRIMARY KEY)")
    source.ask("INSERT INTO b VALUES (1, 77)")
    source.ask("INSERT INTO c VALUES (1, 1)")
    request, secrets = requested(source, target, waive=("orphans",))
    with pytest.raises(DataError):
        wire.run(request, secrets)
    made = target.ask("SELECT conname FROM pg_constraint WHERE contype = 'f'")
    request, secrets = requested(source, target, on_violation="quarantine")
    if made:
        with pytest.raises(DataError, match="foreign key"):
            wire.run(request, secrets, resume=True)
        assert target.ask("SELECT count(*) FROM c") == [(1,)]
    else:
        shape = shaped(wire.run(request, secrets, resume=True))
        assert [row[0] for row in lying(target, shape, "c")] == [1]


@pytest.mark.parametrize("there", [*LATER, "sqlite"])
def test_the_way_back_takes_it_along(there: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot("sqlite", tmp_path, servers), spot(there, tmp_path, servers)
    family(source)
    target.ask("CREATE TABLE other (id integer)")
    request, secrets = requested(source, target, on_violation="quarantine")
    plan = wire.plan(request, secrets)
    engine = wire.types(target.engine)
    wire.run(plan, secrets)
    after = written(plan, AFTER, engine)
    assert f"-- : rows that break it are moved into {SCHEMAS.get(there, '')}ropeway_{plan.run}_" in after.lower()
    with plain(target, servers) as execute:
        for sql in cut(written(plan, DOWN, engine), escaping=escapes(engine)):
            execute(sql)
    left = [t.name.table.lower() for t in wire.inspect(target.url)]
    assert [name for name in left if "quarantine" in name or name in ("p", "c", "d", "s")] == []
    assert "other" in left


def test_good_rows_make_no_quarantine(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("sqlite", tmp_path, servers), spot("postgresql", tmp_path, servers)
    family(source)
    for table, bad in (("p", "3"), ("c", "3, 4"), ("d", "2, 3, 4")):
        source.ask(f"DELETE FROM {table} WHERE id IN ({bad})")
    source.ask("DELETE FROM s WHERE a = 2")
    request, secrets = requested(source, target, on_violation="quarantine", choices=(Choice("*"),))
    assert shaped(wire.run(request, secrets))["quarantined"] == []
    assert not [t for t in wire.inspect(target.url) if "quarantine" in t.name.table]
