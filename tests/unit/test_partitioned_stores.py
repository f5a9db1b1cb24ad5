"""What the test servers of Oracle and SQL Server do with partitions, as the real ones do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from servers.oracle.spoken import Refused
from servers.oracle.store import values
from servers.oracle.store.database import Database
from servers.oracle.store.session import Session
from servers.sqlserver.spoken import Refused as SqlServerRefused
from servers.sqlserver.store.database import Database as SqlServerDatabase
from servers.sqlserver.store.session import Session as SqlServerSession
from servers.sqlserver.store.values import received


@pytest.fixture
def oracle(tmp_path: Path) -> Iterator[Session]:
    made = Database(tmp_path, {"APP": "secret"}).session("APP")
    yield made
    made.close()


def ask(session: Session, sql: str) -> list[tuple[Any, ...]]:
    result = session.execute(sql, [], [[]])
    kinds = [column.kind for column in result.columns]
    return [tuple(plain(values.stored(v, k)) for v, k in zip(row, kinds, strict=True)) for row in result.rows]  # type: ignore[arg-type]


def plain(held: Any) -> Any:
    return int(values.decimal(held[1:])) if isinstance(held, bytes) and held[:1] == b"N" else held


RANGES = (
    "CREATE TABLE t (id NUMBER(9), w NUMBER(9)) PARTITION BY RANGE (id) "
    "(PARTITION a VALUES LESS THAN (10), PARTITION b VALUES LESS THAN (20))"
)
ORACLE_REFUSALS = (
    (RANGES, "INSERT INTO t VALUES (20, 1)", 14400),
    (RANGES, "INSERT INTO t VALUES (NULL, 1)", 14400),
    (RANGES, "UPDATE t SET id = 15 WHERE id = 5", 14402),
    (RANGES, "UPDATE t SET id = 25 WHERE id = 5", 14400),
    (RANGES, "SELECT id FROM t PARTITION (c)", 2149),
    ("CREATE TABLE t (id NUMBER(9))", "SELECT id FROM t PARTITION (a)", 14501),
    (RANGES, RANGES.replace("TABLE t", "TABLE u").replace("(20)", "(10)"), 14037),
    (RANGES, RANGES.replace("TABLE t", "TABLE u").replace("PARTITION b", "PARTITION a"), 14013),
    (RANGES, "CREATE TABLE u (id NUMBER(9)) PARTITION BY LIST (id) (PARTITION a VALUES (1), PARTITION b VALUES (1))",
     14312),
    (RANGES, "CREATE UNIQUE INDEX u ON t (w) LOCAL", 14039),
    (RANGES, "ALTER TABLE t ADD CONSTRAINT u UNIQUE (w) USING INDEX LOCAL", 14039),
    (RANGES, "CREATE TABLE u (l CLOB) PARTITION BY RANGE (l) (PARTITION a VALUES LESS THAN ('a'))", 14135),
)  # fmt: skip


@pytest.mark.parametrize(("made", "sql", "number"), ORACLE_REFUSALS)
def test_refusals_of_oracle(made: str, sql: str, number: int, oracle: Session) -> None:
    ask(oracle, made)
    if "w NUMBER" in made:
        ask(oracle, "INSERT INTO t VALUES (5, 1)")
    with pytest.raises(Refused) as caught:
        ask(oracle, sql)
    assert caught.value.number == number


def test_without_the_option_there_are_none(tmp_path: Path) -> None:
    database = Database(tmp_path, {"APP": "secret"})
    database.option(False)
    session = database.session("APP")
    with pytest.raises(Refused) as caught:
        ask(session, RANGES)
    assert caught.value.number == 439
    session.close()


def test_rows_move_where_they_may(oracle: Session) -> None:
    ask(oracle, f"{RANGES} ENABLE ROW MOVEMENT")
    ask(oracle, "INSERT INTO t VALUES (5, 1)")
    ask(oracle, "UPDATE t SET id = 15")
    assert ask(oracle, "SELECT id FROM t PARTITION (b)") == [(15,)]
    ask(oracle, "ALTER TABLE t DISABLE ROW MOVEMENT")
    with pytest.raises(Refused, match="14402"):
        ask(oracle, "UPDATE t SET id = 5")


def test_intervals_make_partitions(oracle: Session) -> None:
    """Between two that are there, too; the dictionary tells which were made."""
    ask(oracle, "CREATE TABLE t (id NUMBER(9)) PARTITION BY RANGE (id) INTERVAL (10) "
                "(PARTITION a VALUES LESS THAN (10))")  # fmt: skip
    for key in (45, 5, 10, 19, 20):
        ask(oracle, f"INSERT INTO t VALUES ({key})")
    shown = "SELECT high_value, interval FROM user_tab_partitions ORDER BY partition_position"
    assert ask(oracle, shown) == [("10", "NO"), ("20", "YES"), ("30", "YES"), ("50", "YES")]
    with pytest.raises(Refused, match="14400"):
        ask(oracle, "INSERT INTO t VALUES (NULL)")


@pytest.fixture
def sqlserver(tmp_path: Path) -> Iterator[SqlServerSession]:
    made = SqlServerDatabase(tmp_path, {"app": "secret"}).session("app", "")
    yield made
    made.close()


def asked(session: SqlServerSession, sql: str) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []
    for result in session.execute(sql):
        kinds = [column.kind for column in result.columns]
        found += [tuple(received(v, k) for v, k in zip(row, kinds, strict=True)) for row in result.rows]
    return found


SPREAD = (
    "CREATE PARTITION FUNCTION f (int) AS RANGE LEFT FOR VALUES (20, 10); "
    "CREATE PARTITION SCHEME s AS PARTITION f ALL TO ([PRIMARY]); CREATE TABLE t (id int, w int) ON s (id)"
)
SQL_SERVER_REFUSALS = (
    ("CREATE UNIQUE INDEX u ON t (w)", 1908),
    ("ALTER TABLE t ADD CONSTRAINT u UNIQUE (w)", 1908),
    ("CREATE TABLE u (id bigint) ON s (id)", 7726),
    ("DROP PARTITION FUNCTION f", 7706),
    ("DROP PARTITION SCHEME s", 7717),
    ("CREATE PARTITION FUNCTION g (int) AS RANGE RIGHT FOR VALUES (1, 1)", 7708),
    ("CREATE PARTITION SCHEME r AS PARTITION g ALL TO ([PRIMARY])", 7707),
)


@pytest.mark.parametrize(("sql", "number"), SQL_SERVER_REFUSALS)
def test_refusals_of_sql_server(sql: str, number: int, sqlserver: SqlServerSession) -> None:
    asked(sqlserver, SPREAD)
    with pytest.raises(SqlServerRefused) as caught:
        asked(sqlserver, sql)
    assert caught.value.number == number


def test_rows_of_each_partition(sqlserver: SqlServerSession) -> None:
    asked(sqlserver, SPREAD)
    asked(sqlserver, "INSERT INTO t VALUES (NULL, 0), (10, 0), (11, 0), (20, 0), (21, 0)")
    assert asked(sqlserver, "SELECT partition_number, rows FROM sys.partitions") == [(1, 2), (2, 2), (3, 1)]
    assert asked(sqlserver, "SELECT id, $PARTITION.f(id) FROM t WHERE id > 10") == [(11, 2), (20, 2), (21, 3)]
    asked(sqlserver, "CREATE UNIQUE INDEX u ON t (w, id); CREATE INDEX v ON t (w)")
    asked(sqlserver, "DROP TABLE t; DROP PARTITION SCHEME s; DROP PARTITION FUNCTION f")
    assert asked(sqlserver, "SELECT name FROM sys.partition_functions") == []
