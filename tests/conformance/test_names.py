"""Names that an engine cannot have, that differ by case only, or by their ends only."""

from __future__ import annotations

from pathlib import Path

import pytest

from moves import moved, refusal
from ropeway.cli import wire
from spots import MYSQL_FAMILY, PLACES, Servers, spot

# (name, the engines that cannot have it and why)
UNFIT: list[tuple[str, dict[str, str]]] = [
    ("\N{MOUNTAIN CABLEWAY}", dict.fromkeys(MYSQL_FAMILY, "none of the characters up to U+FFFF")),
    ("Order ", dict.fromkeys(MYSQL_FAMILY, "does not end with a blank")),
    ("", {
        **dict.fromkeys(("postgresql", "duckdb", *MYSQL_FAMILY), "has at least one character"),
        "oracle": "a name has 1 to 128 bytes there", "sqlserver": "a name has 1 to 128 characters there",
    }),
]  # fmt: skip


@pytest.mark.parametrize("there", PLACES)
@pytest.mark.parametrize(("name", "unfit"), UNFIT, ids=["emoji", "blank", "empty"])
def test_what_cannot_be_a_name(name: str, unfit: dict[str, str], there: str, tmp_path: Path, servers: Servers) -> None:
    """A table and a column are refused at planning; indexes and constraints get another name."""
    table, column = spot("sqlite", tmp_path, servers), spot("sqlite", tmp_path, servers)
    table.ask(f'CREATE TABLE "{name}" (a INTEGER)')
    table.ask(f'INSERT INTO "{name}" VALUES (1)')
    column.ask(f'CREATE TABLE t (id INTEGER PRIMARY KEY, "{name}" INTEGER)')
    column.ask("INSERT INTO t VALUES (1, 2)")
    if there not in unfit:
        for source in (table, column):
            moved(source, spot(there, tmp_path, servers))
        return
    target = spot(there, tmp_path, servers)
    said = refusal(table, target)
    for words in (f"no table of {there} can be called {name!r}", unfit[there], "'to:'"):
        assert words in said
    assert ("--names snake" in said) == (name == "Order ")
    said = refusal(column, target)
    for words in (f"t: no column of {there} can be called {name!r}", unfit[there], "--columns"):
        assert words in said
    if name == "Order ":
        moved(table, target, names="snake")
        assert target.ask("SELECT * FROM order_") == [(1,)]


@pytest.mark.parametrize("there", PLACES)
def test_indexes_and_constraints_may_be_called_otherwise(there: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot("postgresql", tmp_path, servers), spot(there, tmp_path, servers)
    source.ask("CREATE TABLE p (id integer PRIMARY KEY)")
    source.ask(
        'CREATE TABLE t (id integer PRIMARY KEY, p integer, CONSTRAINT "to " FOREIGN KEY (p) REFERENCES p, '
        'CONSTRAINT "\N{MOUNTAIN CABLEWAY}" CHECK (id > 0))'
    )
    source.ask('CREATE INDEX "by " ON t (p)')
    moved(source, target)
    (table,) = [table for table in wire.inspect(target.url) if table.name.table == target.kept("t")]
    p = target.kept("p")
    assert [fk.columns for fk in table.foreign_keys] == [(p,)]
    assert (p,) in [index.columns for index in table.indexes]
    assert len(table.checks) == (0 if there == "mysql" else 1)  # 5.6 reads CHECK and forgets it


@pytest.mark.parametrize("there", PLACES)
def test_tables_that_differ_by_case(there: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot("postgresql", tmp_path, servers), spot(there, tmp_path, servers)
    source.ask('CREATE TABLE "User" (id integer PRIMARY KEY, n integer)')
    source.ask('CREATE TABLE "user" (id integer PRIMARY KEY, n integer)')
    source.ask('CREATE INDEX "User_n" ON "User" (n)')
    source.ask('CREATE INDEX user_n ON "user" (n)')
    source.ask('CREATE VIEW seen AS SELECT n FROM "User"')
    source.ask('INSERT INTO "User" VALUES (1, 2)')
    source.ask('INSERT INTO "user" VALUES (1, 3)')
    if there in ("sqlite", "duckdb", "sqlserver"):
        assert "would both become" in refusal(source, target)
        return
    outcome = moved(source, target)
    q = target.quote
    assert target.ask(f"SELECT n FROM {q('User')} UNION ALL SELECT n FROM {q(target.kept('user'))}") == [(2,), (3,)]
    (lost,) = [finding.message for finding in outcome.plan.findings if finding.name == "view-lost"]
    assert "two differ in case only" in lost


@pytest.mark.parametrize("there", PLACES)
def test_names_that_share_their_beginning(there: str, tmp_path: Path, servers: Servers) -> None:
    """64 characters in MySQL and MariaDB, 63 bytes in PostgreSQL, 128 in Oracle: what is cut there ends by a hash."""
    source, target = spot("sqlite", tmp_path, servers), spot(there, tmp_path, servers)
    long = "ä" * 70
    for number, end in enumerate(("one", "two")):
        source.ask(f'CREATE TABLE "{long}{end}" (id INTEGER PRIMARY KEY, "{long}a" INTEGER, "{long}b" INTEGER)')
        source.ask(f'CREATE INDEX "{long}{end}_a" ON "{long}{end}" ("{long}a")')
        source.ask(f'CREATE INDEX "{long}{end}_b" ON "{long}{end}" ("{long}b")')
        source.ask(f'INSERT INTO "{long}{end}" VALUES (1, {number}, 7)')
    outcome = moved(source, target)
    goals = {hop.reads.table[-3:]: hop for hop in outcome.plan.hops}
    for number, end in enumerate(("one", "two")):
        hop = goals[end]
        named = {column.source[-1]: target.quote(column.target) for column in hop.columns}
        held = target.ask(f"SELECT {named['a']}, {named['b']} FROM {target.quote(hop.writes.table)}")
        assert held == [(number, 7)]
    tables = [table for table in wire.inspect(target.url) if table.name.table.lower().startswith("ä")]
    assert [len(table.indexes) for table in tables] == [2, 2]
