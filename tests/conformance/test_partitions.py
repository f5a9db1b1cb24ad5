"""Partitioned tables between kinds of engines: each row is in the target's partition of its own in the source."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import psycopg
import pytest

from moves import moved, planned, requested
from ropeway.cli import wire
from ropeway.transfer.engines.mysql.session import MySqlLoader
from ropeway.transfer.engines.oracle.loader import OracleLoader
from ropeway.transfer.engines.postgresql.session import PostgreSqlLoader
from ropeway.transfer.engines.sqlserver.loader import SqlServerLoader
from ropeway.transfer.errors import RequestError
from ropeway.transfer.plan import Plan
from servers.oracle.process import Accounts
from shell import Shell
from spots import MYSQL_FAMILY, Servers, Spot, database, spot

Rows = dict[str, list[Any]]


def said(plan: Plan, name: str = "partitions-lost") -> list[str]:
    return [finding.message for finding in plan.findings if finding.name == name]


def in_oracle(place: Spot, table: str, parts: list[str], *, word: str = "PARTITION", key: str = "id") -> Rows:
    """The keys of the rows of each partition."""
    return {
        part: [row[0] for row in place.ask(f"SELECT {key} FROM {table} {word} ({part}) ORDER BY {key}")]
        for part in parts
    }


def postgresql_spot(url: str) -> Spot:
    """A database that a test has made itself."""

    def ask(sql: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(url, autocommit=True) as connection:
            cursor = connection.execute(sql)
            return cursor.fetchall() if cursor.description else []

    return Spot("postgresql", url, ask)


def parts_of(place: Spot, table: str) -> list[str]:
    return [str(row[0]) for row in place.ask(
        f"SELECT partition_name FROM user_tab_partitions WHERE table_name = '{table.upper()}' "
        "ORDER BY partition_position"
    )]  # fmt: skip


def in_postgresql(place: Spot, table: str, *, key: str = "id") -> Rows:
    """The same by the name of the partition without the table's; those without rows are there too."""
    leaves = place.ask(f"SELECT relid::regclass::text FROM pg_partition_tree('{table}') WHERE isleaf AND level > 0")
    found: Rows = {str(name).removeprefix(f"{table}_"): [] for (name,) in leaves}
    for name, value in place.ask(f"SELECT tableoid::regclass::text, {key} FROM {table} ORDER BY {key}"):
        found[str(name).removeprefix(f"{table}_")].append(value)
    return found


def lower(rows: Rows) -> Rows:
    return {name.lower(): keys for name, keys in rows.items()}


@pytest.fixture
def ends(tmp_path: Path, servers: Servers) -> tuple[Spot, Spot]:
    return spot("oracle", tmp_path, servers), spot("postgresql", tmp_path, servers)


SALE = (
    "CREATE TABLE sale (id NUMBER(9) NOT NULL, day DATE, amount NUMBER(9,2)) PARTITION BY RANGE (day) ("
    "PARTITION p2022 VALUES LESS THAN (DATE '2023-01-01'), "
    "PARTITION p2023 VALUES LESS THAN (TO_DATE('2024-01-01', 'YYYY-MM-DD')), "
    "PARTITION rest VALUES LESS THAN (MAXVALUE))",
    "INSERT INTO sale SELECT 1, DATE '2022-05-05', 1 FROM dual UNION ALL SELECT 2, TO_DATE('2022-12-31 23:59:59', "
    "'YYYY-MM-DD HH24:MI:SS'), 2 FROM dual UNION ALL SELECT 3, DATE '2023-01-01', 3 FROM dual UNION ALL "
    "SELECT 4, DATE '2024-01-01', 4 FROM dual UNION ALL SELECT 5, NULL, 5 FROM dual",
)  # fmt: skip


def test_ranges_of_dates_with_nulls(ends: tuple[Spot, Spot]) -> None:
    """Oracle has a NULL behind all values; no range of PostgreSQL takes one."""
    source, target = ends
    for sql in SALE:
        source.ask(sql)
    outcome = moved(source, target)
    assert said(outcome.plan) == []
    rows = {"P2022": [1, 2], "P2023": [3], "REST": [4, 5]}
    assert in_oracle(source, "sale", parts_of(source, "sale")) == rows
    assert in_postgresql(target, "sale") == lower(rows)
    bounds = target.ask("SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE relispartition ORDER BY relname")
    assert bounds == [
        ("FOR VALUES FROM (MINVALUE) TO ('2023-01-01 00:00:00')",),
        ("FOR VALUES FROM ('2023-01-01 00:00:00') TO ('2024-01-01 00:00:00')",), ("DEFAULT",),
    ]  # fmt: skip


def test_ranges_without_nulls_keep_their_end(ends: tuple[Spot, Spot]) -> None:
    source, target = ends
    source.ask(
        "CREATE TABLE t (id NUMBER(9), at TIMESTAMP(6) NOT NULL, PRIMARY KEY (id, at)) PARTITION BY RANGE (at, id) ("
        "PARTITION a VALUES LESS THAN (TIMESTAMP '2024-01-01 00:00:00.5', 10), "
        "PARTITION b VALUES LESS THAN (TIMESTAMP '2024-01-01 00:00:00.5', MAXVALUE), "
        "PARTITION c VALUES LESS THAN (MAXVALUE, MAXVALUE))"
    )
    source.ask("INSERT INTO t SELECT 9, TIMESTAMP '2024-01-01 00:00:00.5' FROM dual UNION ALL "
               "SELECT 10, TIMESTAMP '2024-01-01 00:00:00.5' FROM dual UNION ALL "
               "SELECT 1, TIMESTAMP '2024-01-01 00:00:00.500001' FROM dual")  # fmt: skip
    outcome = moved(source, target)
    assert said(outcome.plan) == []
    rows = {"A": [9], "B": [10], "C": [1]}
    assert in_oracle(source, "t", ["A", "B", "C"]) == rows
    assert in_postgresql(target, "t") == lower(rows)
    assert "TO (MAXVALUE, MAXVALUE)" in str(target.ask("SELECT pg_get_expr(relpartbound, oid) FROM pg_class"))


def test_intervals_are_carried_as_they_are_now(ends: tuple[Spot, Spot]) -> None:
    source, target = ends
    source.ask(
        "CREATE TABLE t (id NUMBER(9), day DATE NOT NULL) PARTITION BY RANGE (day) "
        "INTERVAL (NUMTOYMINTERVAL(1, 'MONTH')) (PARTITION first VALUES LESS THAN (DATE '2024-01-01'))"
    )
    for key, day in ((1, "2023-01-01"), (2, "2024-03-31"), (3, "2024-01-01"), (4, "2024-03-01")):
        source.ask(f"INSERT INTO t VALUES ({key}, DATE '{day}')")
    outcome = moved(source, target)
    assert said(outcome.plan) == []
    (finding,) = (one for one in outcome.plan.findings if one.name == "partitions-fixed")
    assert "NUMTOYMINTERVAL(1, 'MONTH')" in finding.message
    names = parts_of(source, "t")
    assert in_oracle(source, "t", names) == dict(zip(names, ([1], [3], [2, 4]), strict=True))
    assert in_postgresql(target, "t") == lower(in_oracle(source, "t", names))


def test_lists(ends: tuple[Spot, Spot]) -> None:
    source, target = ends
    source.ask(
        "CREATE TABLE t (id NUMBER(9), region VARCHAR2(9 CHAR)) PARTITION BY LIST (region) ("
        "PARTITION north VALUES ('n''e', 'nw'), PARTITION none VALUES (NULL), PARTITION others VALUES (DEFAULT))"
    )
    source.ask("INSERT INTO t SELECT 1, 'n''e' FROM dual UNION ALL SELECT 2, NULL FROM dual "
               "UNION ALL SELECT 3, 'NW' FROM dual UNION ALL SELECT 4, 'nw' FROM dual")  # fmt: skip
    outcome = moved(source, target)
    assert said(outcome.plan) == []
    rows = {"NORTH": [1, 4], "NONE": [2], "OTHERS": [3]}
    assert in_oracle(source, "t", parts_of(source, "t")) == rows
    assert in_postgresql(target, "t") == lower(rows)


def test_hashes(ends: tuple[Spot, Spot]) -> None:
    """Each engine has a hash of its own: rows are in as many partitions, and not in the same."""
    source, target = ends
    source.ask("CREATE TABLE t (id NUMBER(9) PRIMARY KEY) PARTITION BY HASH (id) PARTITIONS 4")
    source.ask(f"INSERT INTO t {' UNION ALL '.join(f'SELECT {n} FROM dual' for n in range(12))}")
    outcome = moved(source, target)
    assert said(outcome.plan) == []
    found = in_postgresql(target, "t")
    assert len(found) == 4
    assert sorted(key for keys in found.values() for key in keys) == list(range(12))


WORDS = ("a", "A", "B", "b", "ä", "Z", "zz", "~")


@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
@pytest.mark.parametrize("keyed", [False, True])
def test_ranges_of_texts_are_by_code_points(locale: str, keyed: bool, ends: tuple[Spot, Spot]) -> None:
    """As Oracle has them, whatever the order of the target's texts is; but a key would be in that order."""
    source, target = ends
    if locale != "C":
        name = f"{database(target)}_other"
        target.ask(f"CREATE DATABASE {name} TEMPLATE template0 LC_COLLATE '{locale}' LC_CTYPE '{locale}'")
        target = postgresql_spot(target.url.replace(database(target), name))
    key = ", PRIMARY KEY (word)" if keyed else ""
    source.ask(f"CREATE TABLE t (id NUMBER(9), word VARCHAR2(9 CHAR) NOT NULL{key}) PARTITION BY RANGE (word) "
               "(PARTITION a VALUES LESS THAN ('a'), PARTITION b VALUES LESS THAN (MAXVALUE))")  # fmt: skip
    for number, word in enumerate(WORDS):
        source.ask(f"INSERT INTO t VALUES ({number}, '{word}')")
    outcome = moved(source, target)
    if locale != "C" and keyed:
        assert "its keys are not there" in said(outcome.plan)[0]
        return
    assert said(outcome.plan) == []
    rows = {"A": [1, 2, 5], "B": [0, 3, 4, 6, 7]}
    assert in_oracle(source, "t", ["A", "B"]) == rows
    assert in_postgresql(target, "t") == lower(rows)
    (table,) = outcome.plan.tables
    assert ("COLLATE" in table.partitioned) == (locale != "C")


COMPOSITE = (
    "CREATE TABLE t (id NUMBER(9) NOT NULL, day DATE NOT NULL, region VARCHAR2(2 CHAR)) PARTITION BY RANGE (day) "
    "SUBPARTITION BY LIST (region) SUBPARTITION TEMPLATE "
    "(SUBPARTITION north VALUES ('n'), SUBPARTITION rest VALUES (DEFAULT)) ("
    "PARTITION p1 VALUES LESS THAN (DATE '2024-01-01'), PARTITION p2 VALUES LESS THAN (DATE '2025-01-01') "
    "(SUBPARTITION all_of_2024 VALUES (DEFAULT)))",
    "CREATE UNIQUE INDEX t_key ON t (region, id, day)",
    *(f"INSERT INTO t VALUES ({key}, DATE '{day}', {region})" for key, day, region in (
        (1, "2023-01-01", "'n'"), (2, "2023-01-01", "'s'"), (3, "2023-01-01", "NULL"), (4, "2024-12-31", "'n'"),
        (5, "2024-12-31", "NULL"),
    )),
)  # fmt: skip
ALL_IN = {"P1_NORTH": [1], "P1_REST": [2, 3], "ALL_OF_2024": [4, 5]}


def test_partitions_in_partitions(ends: tuple[Spot, Spot]) -> None:
    source, target = ends
    for sql in COMPOSITE:
        source.ask(sql)
    outcome = moved(source, target)
    assert said(outcome.plan) == []
    assert in_oracle(source, "t", list(ALL_IN), word="SUBPARTITION") == ALL_IN
    assert in_postgresql(target, "t") == lower(ALL_IN)
    assert target.ask("SELECT count(*) FROM pg_partition_tree('t')") == [(6,)]
    # The target goes on as the source would.
    target.ask("INSERT INTO t VALUES (6, '2024-06-01', 'x')")
    assert in_postgresql(target, "t")["all_of_2024"] == [4, 5, 6]
    with pytest.raises(psycopg.errors.CheckViolation):
        target.ask("INSERT INTO t VALUES (7, '2025-01-01', 'x')")


# The clause, and what is said of the table, which arrives plain.
LOST = (
    ("PARTITION BY SYSTEM (PARTITION a, PARTITION b)", "who inserts a row says in which partition it is"),
    ("PARTITION BY LIST (region) AUTOMATIC (PARTITION a VALUES ('n'))", "its lists grow by themselves"),
    ("PARTITION BY LIST (region, id) (PARTITION a VALUES (DEFAULT))", "lists of several columns (REGION, ID)"),
    ("PARTITION BY RANGE (twice) (PARTITION a VALUES LESS THAN (10))", "by the virtual column TWICE"),
    ("PARTITION BY RANGE (padded) (PARTITION a VALUES LESS THAN ('m'))", "whether blanks at the end of PADDED count"),
    ("PARTITION BY RANGE (local) (PARTITION a VALUES LESS THAN (MAXVALUE))", ""),
    ("PARTITION BY RANGE (id, day) (PARTITION a VALUES LESS THAN (1, MAXVALUE))", "day may be NULL"),
)


@pytest.mark.parametrize(("clause", "why"), LOST, ids=[clause[13:30] for clause, _ in LOST])
def test_what_is_not_carried_is_said(clause: str, why: str, ends: tuple[Spot, Spot]) -> None:
    source, target = ends
    source.ask(
        "CREATE TABLE t (id NUMBER(9) NOT NULL, twice NUMBER(9) GENERATED ALWAYS AS (id * 2) VIRTUAL, day DATE, "
        f"region VARCHAR2(9 CHAR), padded CHAR(3), local TIMESTAMP WITH LOCAL TIME ZONE) {clause}"
    )
    outcome = moved(source, target)
    plain = target.ask("SELECT relkind::text FROM pg_class WHERE relname = 't'") == [("r",)]
    assert plain == bool(why)
    assert why in "".join(said(outcome.plan))


def test_by_reference_is_not_carried(ends: tuple[Spot, Spot]) -> None:
    source, target = ends
    source.ask("CREATE TABLE parent (id NUMBER(9) PRIMARY KEY) PARTITION BY RANGE (id) "
               "(PARTITION a VALUES LESS THAN (MAXVALUE))")  # fmt: skip
    source.ask("CREATE TABLE child (id NUMBER(9) NOT NULL, CONSTRAINT up FOREIGN KEY (id) REFERENCES parent) "
               "PARTITION BY REFERENCE (up)")  # fmt: skip
    source.ask("INSERT INTO parent VALUES (1)")
    source.ask("INSERT INTO child VALUES (1)")
    outcome = moved(source, target)
    assert len(said(outcome.plan)) == 1
    assert "as its parent is" in said(outcome.plan)[0]
    assert in_postgresql(target, "parent") == {"a": [1]}


def test_names_are_free(ends: tuple[Spot, Spot]) -> None:
    """Partitions are tables beside others, and called as tables are: after the style of names, and shortened."""
    source, target = ends
    long = "a" * 80
    source.ask("CREATE TABLE t_a (id NUMBER(9))")
    source.ask(f"CREATE TABLE t (id NUMBER(9)) PARTITION BY RANGE (id) (PARTITION a VALUES LESS THAN (1), "
               f'PARTITION "B-Part" VALUES LESS THAN (2), PARTITION {long} VALUES LESS THAN (3), '
               "PARTITION t_c VALUES LESS THAN (4))")  # fmt: skip
    plan = planned(source, target, names="snake")
    (table,) = (one for one in plan.tables if one.name.table == "t")
    names = [part.name.table for part in table.parts]
    assert (names[0], names[1], names[3]) == ("t_a_2", "t_b_part", "t_c")
    assert len(names[2]) == 63


def test_a_row_that_came_for_no_partition_stops_the_run(ends: tuple[Spot, Spot]) -> None:
    """Between plan and run: the table is not what was planned."""
    source, target = ends
    source.ask("CREATE TABLE t (id NUMBER(9) NOT NULL) PARTITION BY RANGE (id) INTERVAL (10) "
               "(PARTITION a VALUES LESS THAN (10))")  # fmt: skip
    request, secrets = requested(source, target)
    plan = wire.plan(request, secrets)
    source.ask("INSERT INTO t VALUES (25)")
    with pytest.raises(RequestError, match=r"partition SYS_P\d+ is new"):
        wire.run(plan, secrets)


def test_a_key_without_the_column_makes_the_table_plain(ends: tuple[Spot, Spot]) -> None:
    source, target = ends
    source.ask("CREATE TABLE t (id NUMBER(9) PRIMARY KEY, day DATE) PARTITION BY RANGE (day) "
               "(PARTITION p VALUES LESS THAN (MAXVALUE))")  # fmt: skip
    source.ask("INSERT INTO t VALUES (1, NULL)")
    outcome = moved(source, target)
    (finding,) = (one for one in outcome.plan.findings if one.name == "partitions-lost")
    assert "the primary key lacks day" in finding.message
    assert "Widen the key" in finding.remedy
    assert target.ask("SELECT relkind::text FROM pg_class WHERE relname = 't'") == [("r",)]
    assert planned(source, target, target_schema="other", partitions="flatten").findings


# From SQL Server

BOUNDED = (
    # The type, the bounds, the side, and rows in each partition.
    ("int", ("0", "10"), "RIGHT", (("-1", "NULL"), ("0", "9"), ("10",))),
    ("int", ("0", "10"), "LEFT", (("0", "NULL"), ("1", "10"), ("11",))),
    ("decimal(6,2)", ("1.5",), "LEFT", (("1.50",), ("1.51",))),
    ("money", ("1.0001",), "LEFT", (("1.0001",), ("1.0002",))),
    ("date", ("'2024-01-01'",), "RIGHT", (("'2023-12-31'", "NULL"), ("'2024-01-01'",))),
    ("date", ("'2024-01-01'",), "LEFT", (("'2024-01-01'",), ("'2024-01-02'",))),
    ("datetime2(3)", ("'2024-01-01'",), "LEFT", (("'2024-01-01'",), ("'2024-01-01 00:00:00.001'",))),
    ("datetime2(7)", ("'2024-01-01 12:00:00.5'",), "RIGHT",
     (("'2024-01-01 12:00:00.499999'",), ("'2024-01-01 12:00:00.5'",))),
    ("datetime2", ("'2024-01-01'",), "LEFT", (("'2024-01-01'",), ("'2024-01-01 00:00:00.000001'",))),
    ("datetime", ("'2023-12-31 23:59:59.997'",), "LEFT", (("'2023-12-31 23:59:59.997'",), ("'2024-01-01'",))),
    ("smalldatetime", ("'2024-01-01'",), "LEFT", (("'2024-01-01'",), ("'2024-01-01 00:01:00'",))),
    ("datetimeoffset(3)", ("'2024-01-01 00:00:00 +02:00'",), "RIGHT",
     (("'2023-12-31 21:59:59.999 +00:00'",), ("'2023-12-31 22:00:00 +00:00'",))),
)  # fmt: skip


def spread(
    place: Spot, native: str, bounds: tuple[str, ...], side: str, rows: tuple[tuple[str, ...], ...], null: str = "NULL"
) -> Rows:
    """A table partitioned so, and the keys of the rows of each partition."""
    place.ask(f"CREATE PARTITION FUNCTION [by it] ({native}) AS RANGE {side} FOR VALUES ({', '.join(bounds)})")
    place.ask("CREATE PARTITION SCHEME [its places] AS PARTITION [by it] ALL TO ([PRIMARY])")
    place.ask(f"CREATE TABLE t (id int NOT NULL, v {native} {null}) ON [its places] (v)")
    place.ask("CREATE UNIQUE INDEX once ON t (id, v)")
    keyed = [(number, value) for number, values in enumerate(rows) for value in values]
    for key, (_, value) in enumerate(keyed):
        place.ask(f"INSERT INTO t VALUES ({key}, {value})")
    found = place.ask("SELECT $PARTITION.[by it](v), id FROM t ORDER BY id")
    assert [number - 1 for number, _ in found] == [number for number, _ in keyed]
    made: Rows = {f"p{number}": [] for number in range(1, len(rows) + 1)}
    for number, key in found:
        made[f"p{number}"].append(key)
    return made


@pytest.mark.parametrize(("native", "bounds", "side", "rows"), BOUNDED, ids=[f"{o[0]} {o[2]}" for o in BOUNDED])
def test_sql_server_to_postgresql(
    native: str, bounds: tuple[str, ...], side: str, rows: tuple[tuple[str, ...], ...], tmp_path: Path, servers: Servers
) -> None:
    source, target = spot("sqlserver", tmp_path, servers), spot("postgresql", tmp_path, servers)
    made = spread(source, native, bounds, side, rows)
    outcome = moved(source, target)
    assert said(outcome.plan) == []
    assert in_postgresql(target, "t") == made
    assert not [one for one in outcome.plan.listed if one.kind == "partition function"]


NOT_SPREAD = (
    ("nvarchar(9)", "'m'", "LEFT", "'a'", "the order of its texts is that of their collation"),
    ("uniqueidentifier", "'6f9619ff-8b86-d011-b42d-00c04fc964ff'", "LEFT", "NULL", "its order is its own"),
    ("datetime2(7)", "'2024-01-01 00:00:00.0000001'", "RIGHT", "NULL", "is finer than microseconds"),
    ("int", "NULL", "LEFT", "1", "NULL is a bound of v"),
    ("date", "'9999-12-31'", "LEFT", "'9999-12-31'", "no value comes next"),
)


@pytest.mark.parametrize(("native", "bound", "side", "row", "why"), NOT_SPREAD, ids=[o[4][:20] for o in NOT_SPREAD])
def test_what_sql_server_has_and_others_do_not(
    native: str, bound: str, side: str, row: str, why: str, tmp_path: Path, servers: Servers
) -> None:
    source, target = spot("sqlserver", tmp_path, servers), spot("postgresql", tmp_path, servers)
    source.ask(f"CREATE PARTITION FUNCTION f ({native}) AS RANGE {side} FOR VALUES ({bound})")
    source.ask("CREATE PARTITION SCHEME s AS PARTITION f ALL TO ([PRIMARY])")
    source.ask(f"CREATE TABLE t (id int NOT NULL PRIMARY KEY NONCLUSTERED ON [PRIMARY], v {native}) ON s (v)")
    source.ask(f"INSERT INTO t VALUES (1, {row})")
    outcome = moved(source, target)
    assert why in "".join(said(outcome.plan))
    assert target.ask("SELECT relkind::text FROM pg_class WHERE relname = 't'") == [("r",)]


# To Oracle


def test_oracle_to_oracle(tmp_path: Path, servers: Servers) -> None:
    """Also what PostgreSQL has not: keys of the whole table, NULLs in ranges, and partitions that make themselves."""
    source, target = spot("oracle", tmp_path, servers), spot("oracle", tmp_path, servers)
    source.ask(
        "CREATE TABLE t (id NUMBER(9) PRIMARY KEY, day DATE) PARTITION BY RANGE (day) "
        "INTERVAL (NUMTODSINTERVAL(7, 'DAY')) (PARTITION first VALUES LESS THAN (DATE '2024-01-01'))"
    )
    for key, day in ((1, "2023-01-01"), (2, "2024-01-08"), (3, "2024-01-01")):
        source.ask(f"INSERT INTO t VALUES ({key}, DATE '{day}')")
    for sql in (*COMPOSITE, *SALE):
        source.ask(re.sub(r"\bt\b", "u", sql))
    outcome = moved(source, target)
    assert said(outcome.plan) == said(outcome.plan, "partitions-fixed") == []
    for place in (source, target):
        assert list(in_oracle(place, "t", parts_of(source, "t")).values()) == [[1], [3], [2]]
        assert in_oracle(place, "u", list(ALL_IN), word="SUBPARTITION") == ALL_IN
        assert in_oracle(place, "sale", parts_of(source, "sale")) == {"P2022": [1, 2], "P2023": [3], "REST": [4, 5]}
    target.ask("INSERT INTO t VALUES (9, DATE '2024-01-15')")  # the target goes on as the source would
    assert len(parts_of(target, "t")) == 4


def test_partitions_are_licensed_in_oracle(oracle: Accounts, tmp_path: Path, servers: Servers) -> None:
    source, target = spot("postgresql", tmp_path, servers), spot("oracle", tmp_path, servers)
    for name in "tu":
        source.ask(f"CREATE TABLE {name} (id integer) PARTITION BY HASH (id)")
        source.ask(f"CREATE TABLE {name}_p PARTITION OF {name} FOR VALUES WITH (MODULUS 1, REMAINDER 0)")
    (one,) = (finding for finding in planned(source, target).findings if finding.name == "partitions-licensed")
    assert (one.grade, one.where, one.remedy) == ("warning", "target", "--partitions flatten makes none.")
    assert said(planned(source, target, partitions="flatten"), "partitions-licensed") == []
    oracle.tell("option", False)
    try:
        outcome = moved(source, target)
    finally:
        oracle.tell("option", True)
    assert "no Partitioning option" in said(outcome.plan)[0]
    assert said(outcome.plan, "partitions-licensed") == []


LOCAL = "SELECT index_name FROM user_part_indexes WHERE locality = 'LOCAL' ORDER BY index_name"


def test_indexes_of_partitions_stay_so_in_oracle(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("oracle", tmp_path, servers), spot("oracle", tmp_path, servers)
    source.ask("CREATE TABLE t (id NUMBER(9) NOT NULL, a NUMBER(9), b NUMBER(9), CONSTRAINT t_pk PRIMARY KEY (id), "
               "CONSTRAINT t_own UNIQUE (a, id) USING INDEX LOCAL) PARTITION BY RANGE (a) "
               "(PARTITION p VALUES LESS THAN (MAXVALUE))")  # fmt: skip
    source.ask("CREATE INDEX t_local ON t (b) LOCAL")
    source.ask("CREATE INDEX t_global ON t (b, a)")
    source.ask("CREATE UNIQUE INDEX t_down ON t (a DESC, b)")
    assert source.ask(LOCAL) == [("T_LOCAL",), ("T_OWN",)]
    moved(source, target)
    assert target.ask(LOCAL) == source.ask(LOCAL)


def test_indexes_from_elsewhere_are_local_in_oracle(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("sqlserver", tmp_path, servers), spot("oracle", tmp_path, servers)
    source.ask("CREATE PARTITION FUNCTION f (int) AS RANGE RIGHT FOR VALUES (1)")
    source.ask("CREATE PARTITION SCHEME s AS PARTITION f ALL TO ([PRIMARY])")
    source.ask("CREATE TABLE t (id int NOT NULL, w int NOT NULL, CONSTRAINT t_pk PRIMARY KEY (id, w), CONSTRAINT "
               "t_apart UNIQUE (id) ON [PRIMARY]) ON s (w)")  # fmt: skip
    source.ask("CREATE INDEX t_by_id ON t (id, w)")
    source.ask("CREATE INDEX t_by_w ON t (w)")
    moved(source, target)
    assert target.ask("SELECT COUNT(*) FROM user_indexes WHERE table_name = 'T'") == [(3,)]
    keys = target.ask("SELECT index_name FROM user_constraints WHERE table_name = 'T' AND constraint_type = 'P'")
    assert sorted(target.ask(LOCAL)) == sorted([*keys, ("T_BY_W",)])


@pytest.mark.parametrize(("native", "bounds", "side", "rows"), BOUNDED, ids=[f"{o[0]} {o[2]}" for o in BOUNDED])
def test_sql_server_to_oracle(
    native: str, bounds: tuple[str, ...], side: str, rows: tuple[tuple[str, ...], ...], tmp_path: Path, servers: Servers
) -> None:
    source, target = spot("sqlserver", tmp_path, servers), spot("oracle", tmp_path, servers)
    rows = tuple(tuple(value for value in values if value != "NULL") for values in rows)
    made = spread(source, native, bounds, side, rows, null="NOT NULL")
    outcome = moved(source, target)
    if "offset" in native:
        assert "Oracle partitions by none" in said(outcome.plan)[0]
        return
    assert said(outcome.plan) == []
    assert in_oracle(target, "t", [name.upper() for name in made]) == {
        name.upper(): keys for name, keys in made.items()
    }


def test_nulls_at_another_end_make_the_table_plain(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("sqlserver", tmp_path, servers), spot("oracle", tmp_path, servers)
    spread(source, "int", ("1",), "RIGHT", (("NULL",),))
    outcome = moved(source, target)
    assert "V may be NULL, which the source has in its first partition" in said(outcome.plan)[0]
    assert parts_of(target, "t") == []


# To SQL Server

PLACED = "SELECT (SELECT count(*) FROM sys.partition_functions) + (SELECT count(*) FROM sys.partition_schemes)"


def in_sql_server(place: Spot, table: str, column: str) -> Rows:
    found: Rows = {}
    for number, key in place.ask(f"SELECT $PARTITION.[{table} by {column}]({column}), id FROM {table} ORDER BY id"):
        found.setdefault(f"p{number}", []).append(key)
    return found


@pytest.mark.parametrize(("native", "bounds", "side", "rows"), BOUNDED, ids=[f"{o[0]} {o[2]}" for o in BOUNDED])
def test_sql_server_to_sql_server(
    native: str, bounds: tuple[str, ...], side: str, rows: tuple[tuple[str, ...], ...], tmp_path: Path, servers: Servers
) -> None:
    source, target = spot("sqlserver", tmp_path, servers), spot("sqlserver", tmp_path, servers)
    made = spread(source, native, bounds, side, rows)
    outcome = moved(source, target)
    assert said(outcome.plan) == []
    assert in_sql_server(target, "t", "v") == made
    assert target.ask("SELECT partition_number, rows FROM sys.partitions WHERE object_id = OBJECT_ID('t')") == [
        (number, len(keys)) for number, keys in enumerate(made.values(), start=1)
    ]
    wire.clean(outcome.plan.run, target.url, undo=True)
    assert target.ask(PLACED) == [(0,)]


def keyed_in_oracle(source: Spot, by: str = "id") -> None:
    source.ask(f"CREATE TABLE t (id NUMBER(9), v DATE NOT NULL, CONSTRAINT t_pk PRIMARY KEY ({by}), "
               "CONSTRAINT t_own UNIQUE (v, id)) PARTITION BY RANGE (v) ("
               "PARTITION a VALUES LESS THAN (DATE '2024-01-01'), PARTITION b VALUES LESS THAN (DATE '2025-01-01'))"
               )  # fmt: skip
    for key, day in ((1, "2023-12-31"), (2, "2024-01-01"), (3, "2024-12-31")):
        source.ask(f"INSERT INTO t VALUES ({key}, DATE '{day}')")


def test_keys_without_the_column_lie_apart_in_sql_server(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("oracle", tmp_path, servers), spot("sqlserver", tmp_path, servers)
    keyed_in_oracle(source)
    outcome = moved(source, target)
    assert said(outcome.plan) == []
    assert in_sql_server(target, "t", "v") == {"p1": [1], "p2": [2, 3]}
    query = "SELECT name, type_desc, is_primary_key FROM sys.indexes WHERE object_id = OBJECT_ID('t') AND index_id > 0"
    assert target.ask(f"{query} ORDER BY name") == [
        ("t_own", "NONCLUSTERED", False), ("t_pkey", "NONCLUSTERED", True),
    ]  # fmt: skip


KILLED = (
    ("sqlserver", SqlServerLoader, "CREATE PARTITION FUNCTION"),
    ("sqlserver", SqlServerLoader, "CREATE PARTITION SCHEME"),
    ("sqlserver", SqlServerLoader, "CREATE TABLE [dbo].[t]"), ("oracle", OracleLoader, 'CREATE TABLE "T"'),
    ("mariadb", MySqlLoader, "CREATE TABLE `t`"), ("postgresql", PostgreSqlLoader, "PARTITION OF"),
)  # fmt: skip


@pytest.mark.parametrize(("there", "loader", "word"), KILLED, ids=[f"{one[0]} {one[2]}" for one in KILLED])
def test_a_create_that_was_killed_is_taken_up_again_or_undone(
    there: str, loader: Any, word: str, tmp_path: Path, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = spot("oracle", tmp_path, servers), spot(there, tmp_path, servers)
    keyed_in_oracle(source, by="id, v")
    request, secrets = requested(source, target)
    right = loader.execute

    def killed(self: Any, sql: str, *more: Any) -> int:
        made: int = right(self, sql, *more)
        if word in sql:
            raise KeyboardInterrupt
        return made

    for resume in (True, False):
        with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
            patched.setattr(loader, "execute", killed)
            wire.run(request, secrets)
        outcome = wire.run(request, secrets, resume=resume, fresh=not resume)
        assert outcome.report
        assert outcome.report.equal
        rows = {
            "sqlserver": lambda: in_sql_server(target, "t", "v"), "mariadb": lambda: in_mysql(target, "t"),
            "oracle": lambda: in_oracle(target, "t", ["A", "B"]), "postgresql": lambda: in_postgresql(target, "t"),
        }[there]()  # fmt: skip
        assert list(rows.values()) == [[1], [2, 3]]
        wire.clean(outcome.plan.run, target.url, undo=True)
        if there == "sqlserver":
            assert target.ask(PLACED) == [(0,)]


def test_names_of_functions_are_free_in_sql_server(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("oracle", tmp_path, servers), spot("sqlserver", tmp_path, servers)
    keyed_in_oracle(source)
    target.ask("CREATE PARTITION FUNCTION [T by V] (int) AS RANGE RIGHT FOR VALUES (1)")
    outcome = moved(source, target)
    assert said(outcome.plan) == []
    assert target.ask("SELECT name FROM sys.partition_schemes") == [("t by v 2",)]


NOT_IN_SQL_SERVER = (
    ("PARTITION BY LIST (id) (PARTITION a VALUES (1))", "no partitions by list"),
    ("PARTITION BY HASH (id) PARTITIONS 2", "no partitions by hash"),
    ("PARTITION BY RANGE (id, w) (PARTITION a VALUES LESS THAN (9, 9))", "ranges of one column only"),
    ("PARTITION BY RANGE (word) (PARTITION a VALUES LESS THAN ('n'))", "their order is that of a collation"),
    ("PARTITION BY RANGE (id) SUBPARTITION BY HASH (w) SUBPARTITIONS 2 (PARTITION a VALUES LESS THAN (9))",
     "no partitions in partitions"),
    ("PARTITION BY RANGE (w) (PARTITION a VALUES LESS THAN (MAXVALUE))", "w may be NULL"),
)  # fmt: skip


@pytest.mark.parametrize(("clause", "why"), NOT_IN_SQL_SERVER, ids=[o[1][:20] for o in NOT_IN_SQL_SERVER])
def test_what_sql_server_has_no_partitions_for(clause: str, why: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot("oracle", tmp_path, servers), spot("sqlserver", tmp_path, servers)
    source.ask(f"CREATE TABLE t (id NUMBER(9) NOT NULL, w NUMBER(9), word VARCHAR2(9)) {clause}")
    source.ask("INSERT INTO t VALUES (1, 1, 'a')")
    outcome = moved(source, target)
    assert why in "".join(said(outcome.plan))
    assert target.ask(PLACED) == [(0,)]


# To MariaDB and MySQL


def in_mysql(place: Spot, table: str) -> Rows:
    names = place.ask(
        "SELECT DISTINCT PARTITION_NAME, PARTITION_ORDINAL_POSITION FROM information_schema.PARTITIONS "
        f"WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = '{table}' AND PARTITION_NAME IS NOT NULL ORDER BY 2"
    )
    return {
        str(name): [row[0] for row in place.ask(f"SELECT id FROM {table} PARTITION (`{name}`) ORDER BY id")]
        for name, _ in names
    }


@pytest.mark.parametrize(("native", "bounds", "side", "rows"), BOUNDED, ids=[f"{o[0]} {o[2]}" for o in BOUNDED])
def test_sql_server_to_mariadb(
    native: str, bounds: tuple[str, ...], side: str, rows: tuple[tuple[str, ...], ...], tmp_path: Path, servers: Servers
) -> None:
    source, target = spot("sqlserver", tmp_path, servers), spot("mariadb", tmp_path, servers)
    made = spread(source, native, bounds, side, rows)
    outcome = moved(source, target)
    if native.startswith(("decimal", "money")):
        assert "partitions there go by integers" in said(outcome.plan)[0]
        assert in_mysql(target, "t") == {}
        return
    assert said(outcome.plan) == []
    assert in_mysql(target, "t") == made


@pytest.mark.parametrize("there", MYSQL_FAMILY)
def test_oracle_to_mariadb_and_mysql(there: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot("oracle", tmp_path, servers), spot(there, tmp_path, servers)
    keyed = "CREATE TABLE {} (id NUMBER(9), region VARCHAR2(9), day DATE NOT NULL, PRIMARY KEY (id, day)) PARTITION BY "
    source.ask(f"{keyed.format('r')} RANGE (day, id) (PARTITION a VALUES LESS THAN (DATE '2024-01-01', 5), "
               "PARTITION b VALUES LESS THAN (MAXVALUE, MAXVALUE))")  # fmt: skip
    source.ask(f"{keyed.format('h')} HASH (id) PARTITIONS 3")
    source.ask(f"{keyed.format('s')} RANGE (day) SUBPARTITION BY HASH (id) SUBPARTITIONS 2 "
               "(PARTITION a VALUES LESS THAN (DATE '2024-01-01'), "
               "PARTITION b VALUES LESS THAN (MAXVALUE))")  # fmt: skip
    source.ask("CREATE TABLE l (id NUMBER(9), region VARCHAR2(9)) PARTITION BY LIST (region) "
               "(PARTITION a VALUES ('x', NULL), PARTITION b VALUES (DEFAULT))")  # fmt: skip
    for table in "rhs":
        for key, day in ((4, "2024-01-01"), (5, "2024-01-01"), (6, "2023-01-01")):
            source.ask(f"INSERT INTO {table} VALUES ({key}, 'x', DATE '{day}')")
    for key, region in ((1, "'x'"), (2, "NULL"), (3, "'y'")):
        source.ask(f"INSERT INTO l VALUES ({key}, {region})")
    outcome = moved(source, target)
    assert in_mysql(target, "r") == {"a": [4, 6], "b": [5]}
    assert in_mysql(target, "s") == {"a": [6], "b": [4, 5]}
    assert sorted(key for keys in in_mysql(target, "h").values() for key in keys) == [4, 5, 6]
    assert len(in_mysql(target, "h")) == 3
    assert in_mysql(target, "l") == ({"a": [1, 2], "b": [3]} if there == "mariadb" else {})
    assert [message[-30:] for message in said(outcome.plan)] == (
        [] if there == "mariadb" else ["notice of blanks at their ends"]
    )


def test_ranges_and_lists_of_texts_in_mariadb(tmp_path: Path, servers: Servers) -> None:
    """Its tables' texts go by code points, blanks at the end included."""
    source, target = spot("oracle", tmp_path, servers), spot("mariadb", tmp_path, servers)
    source.ask("CREATE TABLE r (id NUMBER(9), word VARCHAR2(9 CHAR) NOT NULL) PARTITION BY RANGE (word) "
               "(PARTITION a VALUES LESS THAN ('a'), PARTITION b VALUES LESS THAN ('a '), "
               "PARTITION c VALUES LESS THAN (MAXVALUE))")  # fmt: skip
    source.ask("CREATE TABLE l (id NUMBER(9), word VARCHAR2(9 CHAR) NOT NULL) PARTITION BY LIST (word) "
               "(PARTITION a VALUES ('a'), PARTITION b VALUES ('A', 'a '), PARTITION c VALUES (DEFAULT))")  # fmt: skip
    for number, word in enumerate((*WORDS, "a ")):
        for table in "rl":
            source.ask(f"INSERT INTO {table} VALUES ({number}, '{word}')")
    outcome = moved(source, target)
    assert said(outcome.plan) == []
    for table in "rl":
        assert in_mysql(target, table) == lower(in_oracle(source, table, ["A", "B", "C"]))
    assert in_mysql(target, "l")["a"] == [0]


NOT_IN_MARIADB = (
    ("PARTITION BY RANGE (day) (PARTITION a VALUES LESS THAN (MAXVALUE))", "day may be NULL"),
    ("PARTITION BY LIST (id) SUBPARTITION BY LIST (w) SUBPARTITION TEMPLATE (SUBPARTITION s VALUES (1)) "
     "(PARTITION a VALUES (1))", "divided further only by hashes"),
    ("PARTITION BY RANGE (up) (PARTITION a VALUES LESS THAN (9))", "foreign keys lead to it or out of it (UPPER)"),
    ("PARTITION BY RANGE (price) (PARTITION a VALUES LESS THAN (9))", "price is a decimal(9,2)"),
)  # fmt: skip


@pytest.mark.parametrize(("clause", "why"), NOT_IN_MARIADB, ids=[o[1][:20] for o in NOT_IN_MARIADB])
def test_what_mariadb_has_no_partitions_for(clause: str, why: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot("oracle", tmp_path, servers), spot("mariadb", tmp_path, servers)
    key = "up NUMBER(9)"
    if "(up)" in clause:
        source.ask("CREATE TABLE parent (id NUMBER(9) PRIMARY KEY)")
        source.ask("INSERT INTO parent VALUES (1)")
        key += " NOT NULL CONSTRAINT upper REFERENCES parent"
    source.ask(
        f"CREATE TABLE t (id NUMBER(9) NOT NULL, w NUMBER(9), day DATE, price NUMBER(9,2) NOT NULL, {key}) {clause}"
    )
    source.ask("INSERT INTO t VALUES (1, 1, NULL, 1, 1)")
    outcome = moved(source, target)
    assert why.lower() in "".join(said(outcome.plan)).lower()
    assert in_mysql(target, "t") == {}


# From PostgreSQL

PARTED = (
    "CREATE TABLE r (id integer NOT NULL, day date, PRIMARY KEY (id, day)) PARTITION BY RANGE (day)",
    "CREATE TABLE r_old PARTITION OF r FOR VALUES FROM (MINVALUE) TO ('2024-01-01')",
    "CREATE TABLE r_new PARTITION OF r FOR VALUES FROM ('2024-01-01') TO ('2025-01-01') WITH (fillfactor=70)",
    "CREATE TABLE r_rest PARTITION OF r DEFAULT",
    "CREATE TABLE h (id bigint NOT NULL PRIMARY KEY) PARTITION BY HASH (id)",
    *(f"CREATE TABLE h_{n} PARTITION OF h FOR VALUES WITH (MODULUS 2, REMAINDER {n})" for n in (0, 1)),
    "CREATE TABLE l (id integer NOT NULL, region varchar(9)) PARTITION BY LIST (region)",
    "CREATE TABLE l_a PARTITION OF l FOR VALUES IN ('x''y', NULL)",
    "CREATE TABLE l_b PARTITION OF l DEFAULT",
    "CREATE TABLE g (id integer NOT NULL, at timestamp(3) NOT NULL, PRIMARY KEY (id, at)) PARTITION BY RANGE (at, id)",
    "CREATE TABLE g_b PARTITION OF g FOR VALUES FROM ('2024-03-01', 5) TO ('2024-04-01', MAXVALUE)",
    "CREATE TABLE g_a PARTITION OF g FOR VALUES FROM ('2024-01-01', 0) TO ('2024-02-01 12:00', 7)",
    "INSERT INTO r VALUES (1, '2023-12-31'), (2, '2024-01-01'), (3, '2025-01-01')",
    "INSERT INTO h SELECT generate_series(1, 20)",
    "INSERT INTO l VALUES (1, 'x''y'), (2, NULL), (3, 'z')",
    "INSERT INTO g VALUES (4, '2024-02-01 12:00'), (5, '2024-03-01'), (9, '2024-04-01')",
)
IN_PARTED = {"r": {"r_old": [1], "r_new": [2], "r_rest": [3]}, "l": {"l_a": [1, 2], "l_b": [3]}}


@pytest.mark.parametrize("there", ["oracle", "mariadb"])
def test_postgresql_to_others(there: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot("postgresql", tmp_path, servers), spot(there, tmp_path, servers)
    for sql in PARTED:
        source.ask(sql)
    outcome = moved(source, target)
    assert said(outcome.plan) == []

    def rows(table: str) -> Rows:
        if there == "mariadb":
            return in_mysql(target, table)
        return lower(in_oracle(target, table, parts_of(target, table)))

    assert {table: rows(table) for table in "rl"} == IN_PARTED
    assert rows("g") == {"g_a": [4], "g_b": [5, 9]}
    assert sorted(key for keys in rows("h").values() for key in keys) == list(range(1, 21))
    assert set(rows("h")) == {"h_0", "h_1"}


NOT_ELSEWHERE = (
    ("RANGE (day)", ("FROM ('2024-01-01') TO ('2025-01-01')", "DEFAULT"), "not just what is behind all others"),
    ("RANGE (lower(word))", ("FROM ('a') TO ('b')",), "partitioned by an expression (lower(word))"),
    ("RANGE (word)", ("FROM ('a') TO ('b')",), "ranges of word are in the order of a collation"),
    ("RANGE (id, day)", ("FROM (MINVALUE, MINVALUE) TO (5, '2024-01-01')",), "begins at the least of a further column"),
    ("RANGE (at)", ("FROM ('-infinity') TO ('2024-01-01')",), "is no bound elsewhere"),
    ("HASH (id)", ("WITH (MODULUS 2, REMAINDER 0)", "WITH (MODULUS 4, REMAINDER 1)",
                   "WITH (MODULUS 4, REMAINDER 3)"), "not all of one modulus"),
)  # fmt: skip


@pytest.mark.parametrize(("key", "parts", "why"), NOT_ELSEWHERE, ids=[o[2][:20] for o in NOT_ELSEWHERE])
def test_what_only_postgresql_has(key: str, parts: tuple[str, ...], why: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot("postgresql", tmp_path, servers), spot("oracle", tmp_path, servers)
    source.ask(f"CREATE TABLE t (id integer, day date, at timestamp, word text) PARTITION BY {key}")
    for number, values in enumerate(parts):
        source.ask(f"CREATE TABLE t_{number} PARTITION OF t {'' if values == 'DEFAULT' else 'FOR VALUES '}{values}")
    outcome = moved(source, target)
    assert why in "".join(said(outcome.plan))
    assert parts_of(target, "t") == []


# From MariaDB and MySQL

IN_FAMILY = (
    "CREATE TABLE y (id int NOT NULL, day date) PARTITION BY RANGE (YEAR(day)) "
    "(PARTITION a VALUES LESS THAN (2024), PARTITION b VALUES LESS THAN MAXVALUE)",
    "CREATE TABLE d (id int NOT NULL, at datetime(3) NOT NULL) PARTITION BY RANGE (TO_DAYS(AT)) "
    "(PARTITION a VALUES LESS THAN (TO_DAYS('2024-01-01')), PARTITION b VALUES LESS THAN (TO_DAYS('2025-01-01')))",
    "CREATE TABLE s (id int NOT NULL, at datetime NOT NULL) PARTITION BY RANGE (TO_SECONDS(at)) "
    "(PARTITION a VALUES LESS THAN (TO_SECONDS('2024-01-01 00:00:01')), PARTITION b VALUES LESS THAN MAXVALUE)",
    "CREATE TABLE u (id int NOT NULL, at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP) "
    "PARTITION BY RANGE (UNIX_TIMESTAMP(at)) SUBPARTITION BY HASH (id) SUBPARTITIONS 2 "
    "(PARTITION a VALUES LESS THAN (UNIX_TIMESTAMP('2024-01-01')), PARTITION b VALUES LESS THAN MAXVALUE)",
    "CREATE TABLE c (id int NOT NULL, at datetime(3) NOT NULL) PARTITION BY RANGE COLUMNS (id, at) "
    "(PARTITION a VALUES LESS THAN (5, '2024-01-01 00:00:00.5'), PARTITION b VALUES LESS THAN (5, MAXVALUE))",
    "CREATE TABLE l (id int) PARTITION BY LIST (id) (PARTITION a VALUES IN (NULL, -1), PARTITION b VALUES IN (2, 3))",
    "CREATE TABLE k (id int NOT NULL PRIMARY KEY) PARTITION BY KEY () PARTITIONS 3",
    "INSERT INTO y VALUES (1, NULL), (2, '2023-12-31'), (3, '2024-01-01')",
    "INSERT INTO d VALUES (1, '2023-12-31 23:59:59.999'), (2, '2024-01-01')",
    "INSERT INTO s VALUES (1, '2024-01-01'), (2, '2024-01-01 00:00:01')",
    "INSERT INTO u VALUES (1, '2023-12-31 23:59:59'), (2, '2024-01-01')",
    "INSERT INTO c VALUES (4, '2025-01-01'), (5, '2024-01-01 00:00:00.499'), (5, '2024-01-01 00:00:00.5')",
    "INSERT INTO l VALUES (NULL), (-1), (3)",
    "INSERT INTO k VALUES (1), (2), (3), (4)",
)
ROWS_THERE: dict[str, Rows] = {
    "y": {"a": [1, 2], "b": [3]}, "d": {"a": [1], "b": [2]}, "s": {"a": [1], "b": [2]},
    "c": {"a": [4, 5], "b": [5]}, "l": {"a": [-1, None], "b": [3]},
}  # fmt: skip


@pytest.mark.parametrize("here", MYSQL_FAMILY)
def test_mysql_to_postgresql(here: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot(here, tmp_path, servers), spot("postgresql", tmp_path, servers)
    for sql in IN_FAMILY:
        source.ask(sql)
    outcome = moved(source, target)
    assert said(outcome.plan) == []
    for table, rows in ROWS_THERE.items():
        assert in_postgresql(target, table) == rows
        assert {name: sorted(keys, key=str) for name, keys in in_mysql(source, table).items()} == {
            name: sorted(keys, key=str) for name, keys in rows.items()
        }
    assert target.ask("SELECT tableoid::regclass::text ~ '^u_ap?0?sp[01]$', id FROM u ORDER BY id") == [
        (True, 1), (False, 2),
    ]  # fmt: skip
    assert len(in_postgresql(target, "k")) == 3


@pytest.mark.parametrize("here", MYSQL_FAMILY)
def test_mysql_to_sql_server(here: str, tmp_path: Path, servers: Servers) -> None:
    """Both have NULLs in the first partition."""
    source, target = spot(here, tmp_path, servers), spot("sqlserver", tmp_path, servers)
    for sql in IN_FAMILY:
        if " y " in sql or " d " in sql:
            source.ask(sql)
    outcome = moved(source, target)
    assert said(outcome.plan) == []
    assert in_sql_server(target, "y", "day") == {"p1": [1, 2], "p2": [3]}
    assert in_sql_server(target, "d", "at") == {"p1": [1], "p2": [2]}


NOT_FROM_FAMILY = (
    ("HASH (id + 1) PARTITIONS 2", "partitioned by an expression"),
    ("RANGE (MONTH(day)) (PARTITION a VALUES LESS THAN (13))", "partitioned by an expression"),
    ("LIST (YEAR(day)) (PARTITION a VALUES IN (2024))", "partitioned by lists of"),
    ("LIST COLUMNS (id, day) (PARTITION a VALUES IN ((1, '2024-01-01')))", "lists of one column only"),
    ("RANGE COLUMNS (word) (PARTITION a VALUES LESS THAN ('n'))", "in the order of its collation"),
    ("LIST COLUMNS (word) (PARTITION a VALUES IN ('n'))", "takes no notice of|take no notice of|ignores case"),
    ("RANGE COLUMNS (day) (PARTITION a VALUES LESS THAN ('2025-01-01'), "
     "PARTITION b VALUES LESS THAN ('2026-01-01'))", "no partition can take NULLs and nothing else"),
)  # fmt: skip


@pytest.mark.parametrize("here", MYSQL_FAMILY)
@pytest.mark.parametrize(("clause", "why"), NOT_FROM_FAMILY, ids=[o[0][:20] for o in NOT_FROM_FAMILY])
def test_what_only_mysql_has(clause: str, why: str, here: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot(here, tmp_path, servers), spot("postgresql", tmp_path, servers)
    source.ask(f"CREATE TABLE t (id int NOT NULL, day date, word varchar(9)) PARTITION BY {clause}")
    source.ask("INSERT INTO t VALUES (1, '2024-01-01', 'n')" if "LESS THAN ('n')" not in clause else
               "INSERT INTO t VALUES (1, '2024-01-01', 'a')")  # fmt: skip
    outcome = moved(source, target)
    assert re.search(why, "".join(said(outcome.plan)))
    assert target.ask("SELECT relkind::text FROM pg_class WHERE relname = 't'") == [("r",)]


# With all that belongs to a table


@pytest.mark.parametrize("there", ["postgresql", "oracle", "sqlserver"])
def test_what_belongs_to_a_partitioned_table_comes_along(there: str, tmp_path: Path, servers: Servers) -> None:
    """Identities, checks, indexes, comments, and foreign keys that lead there and away, in slices and in parallel."""
    source, target = spot("oracle", tmp_path, servers), spot(there, tmp_path, servers)
    source.ask("CREATE TABLE region (id NUMBER(9) PRIMARY KEY)")
    source.ask(
        "CREATE TABLE sale (id NUMBER(9) GENERATED BY DEFAULT AS IDENTITY, day DATE NOT NULL, region NUMBER(9) "
        "CONSTRAINT sale_region REFERENCES region, amount NUMBER(9,2) DEFAULT 0 CONSTRAINT some CHECK (amount >= 0), "
        "CONSTRAINT sale_pk PRIMARY KEY (id, day)) PARTITION BY RANGE (day) ("
        "PARTITION y2023 VALUES LESS THAN (DATE '2024-01-01'), PARTITION y2024 VALUES LESS THAN (DATE '2025-01-01'))"
    )
    source.ask("CREATE INDEX sale_by_region ON sale (region, day DESC)")
    source.ask("CREATE TABLE line (sale NUMBER(9), day DATE, CONSTRAINT line_sale FOREIGN KEY (sale, day) "
               "REFERENCES sale (id, day))")  # fmt: skip
    source.ask("COMMENT ON TABLE sale IS 'by years'")
    source.ask("INSERT INTO region VALUES (1)")
    for first in (1, 11, 21):
        rows = (f"SELECT {n}, DATE '{2023 + n % 2}-05-05', 1, {n} FROM dual" for n in range(first, first + 10))
        source.ask(f"INSERT INTO sale (id, day, region, amount) {' UNION ALL '.join(rows)}")
    source.ask("INSERT INTO line SELECT id, day FROM sale")
    outcome = moved(source, target, slice_rows=7, level="full")
    assert said(outcome.plan) == []
    assert len(next(hop for hop in outcome.plan.hops if hop.reads.table == "SALE").slices) > 3
    odd, even = [list(range(first, 31, 2)) for first in (1, 2)]
    rows_there = {
        "postgresql": lambda: in_postgresql(target, "sale"), "sqlserver": lambda: in_sql_server(target, "sale", "day"),
        "oracle": lambda: in_oracle(target, "sale", parts_of(target, "sale")),
    }[there]()  # fmt: skip
    assert {tuple(keys) for keys in rows_there.values()} == {tuple(even), tuple(odd)}
    target.ask("INSERT INTO sale (day, region) VALUES ({}'2024-07-07', 1)".format("DATE " if there == "oracle" else ""))
    assert target.ask("SELECT max(id) FROM sale") == [(31,)]
    for broken in ("(id, day, region) VALUES (50, {}'2024-07-07', 9)", "(id, day) VALUES (31, {}'2024-07-07')",
                   "(id, day, amount) VALUES (50, {}'2024-07-07', -1)"):  # fmt: skip
        with pytest.raises(Exception, match=r"(?i)sale_region|some|sale_pk|duplicate|unique"):
            given = "SET IDENTITY_INSERT sale ON; " if there == "sqlserver" else ""
            target.ask(f"{given}INSERT INTO sale {broken}".format("DATE " if there == "oracle" else ""))


def test_a_plan_with_partitions_is_sealed_and_run(tmp_path: Path, servers: Servers) -> None:
    """Through its folder: what the plan's files say is what is made."""
    source, target = spot("oracle", tmp_path, servers), spot("sqlserver", tmp_path, servers)
    keyed_in_oracle(source)
    shell = Shell(tmp_path)
    shell("plan", "--source", source.url, "--target", target.url, "--out", "plan")
    texts = {path: path.read_text() for path in (tmp_path / "plan").rglob("*.sql")}
    (edited,) = (path for path, text in texts.items() if "CREATE PARTITION FUNCTION" in text)
    edited.write_text(texts[edited].replace("'2024-01-01T00:00:00'", "'2023-06-01T00:00:00'"))
    shell("plan", "--seal", "plan")
    shell("run", "plan", "--source", source.url, "--target", target.url)
    assert in_sql_server(target, "t", "v") == {"p2": [1, 2, 3]}


def test_what_changes_values_makes_the_table_plain(ends: tuple[Spot, Spot]) -> None:
    """By policy a value may become NULL, which is in another partition."""
    source, target = ends
    source.ask("CREATE TABLE t (id NUMBER(9), word VARCHAR2(9)) PARTITION BY LIST (word) "
               "(PARTITION a VALUES (NULL), PARTITION b VALUES (DEFAULT))")  # fmt: skip
    source.ask("INSERT INTO t VALUES (1, 'x' || CHR(0))")
    outcome = moved(source, target, policies=(("nul", "null"),))
    assert (
        "values of WORD are others in the target (policy nul: texts with U+0000 become NULL)" in said(outcome.plan)[0]
    )
    assert target.ask("SELECT * FROM t") == [(1, None)]


def test_replacing(ends: tuple[Spot, Spot]) -> None:
    """A table that is not there is made; one that is there is replaced by one beside it."""
    source, target = ends
    for sql in SALE:
        source.ask(sql)
    assert said(moved(source, target, mode="replace").plan) == []
    assert in_postgresql(target, "sale") == {"p2022": [1, 2], "p2023": [3], "rest": [4, 5]}
    outcome = moved(source, target, mode="replace")
    assert "it is made beside the table that it replaces" in said(outcome.plan)[0]
    assert target.ask("SELECT count(*), min(tableoid::regclass::text) FROM sale") == [(5, "sale")]
