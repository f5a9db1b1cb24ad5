"""The test server's database: what its SQL gives, by what SQL Server's manuals say that it gives."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from parrot import microsoft
from servers.sqlserver.spoken import Kind, Lost, Refused
from servers.sqlserver.store import Database, convert, values
from servers.sqlserver.store.parse import statements
from servers.sqlserver.store.session import Session
from servers.sqlserver.wire.apart import Apart


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path, {"app": "secret"})


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    made = database.session("app", "test")
    yield made
    made.close()


def ask(session: Session, sql: str) -> list[tuple[Any, ...]]:
    """The rows of the last query, with numbers as they are and all else as SQL Server's own text."""
    rows: list[tuple[Any, ...]] = []
    for result in session.execute(sql):
        kinds = [column.kind for column in result.columns]
        found = [tuple(shown(value, kind) for value, kind in zip(row, kinds, strict=True)) for row in result.rows]
        rows = found if result.columns else rows
    return rows


def shown(value: bytes | None, kind: Kind) -> Any:
    found = values.received(value, kind)
    if found is None or isinstance(found, int | float | Decimal | str):
        return found
    return convert.text(found, kind, 1 if kind.name in values.BINARIES else 121)


def one(session: Session, expression: str) -> Any:
    ((value,),) = ask(session, f"SELECT {expression}")
    return value


def refused(session: Session, sql: str) -> int:
    with pytest.raises(Refused) as caught:
        ask(session, sql)
    return caught.value.number


EXPRESSIONS: tuple[tuple[str, Any], ...] = (
    ("1 + 2.5", Decimal("3.5")), ("7 / 2", 3), ("-7 / 2", -3), ("7.0 / 2", Decimal("3.500000")), ("-7 % 3", -1),
    ("1 + '2'", 3), ("'a' + 'b'", "ab"), ("N'ä' + 'b'", "äb"), ("'a' + NULL", None), ("0x0102 + 0x03", "0x010203"),
    ("CAST(1.005 AS decimal(5,2))", Decimal("1.01")), ("CAST('abc' AS char(5))", "abc  "),
    ("CAST('abcdef' AS varchar(3))", "abc"),
    ("CAST(0.1 AS real)", 0.10000000149011612), ("CAST('2024-02-29' AS date)", "2024-02-29"),
    ("CAST('2024/2/9' AS date)", "2024-02-09"), ("CAST('20240209' AS date)", "2024-02-09"),
    ("CAST('2024-02-29 10:11:12.9999999' AS datetime2(0))", "2024-02-29 10:11:13"),
    ("CAST('2024-02-29T10:11:12.004' AS datetime)", "2024-02-29 10:11:12.003"),
    ("CAST('2024-02-29 10:11:30' AS smalldatetime)", "2024-02-29 10:12:00.000"),
    ("CAST('2024-02-29 10:00:00 +02:00' AS datetimeoffset(0))", "2024-02-29 10:00:00 +02:00"),
    ("SWITCHOFFSET(CAST('2024-02-29 10:00:00 +02:00' AS datetimeoffset(0)), '+00:00')",
     "2024-02-29 08:00:00.0000000 +00:00"),
    ("CONVERT(varchar(30), CAST('2024-02-29 10:11:12.5' AS datetime2(3)), 126)", "2024-02-29T10:11:12.500"),
    ("CONVERT(varchar(10), CAST('2024-02-29 10:11' AS datetime2(3)), 23)", "2024-02-29"),
    ("CONVERT(varbinary(4), '0x00FF', 1)", "0x00FF"), ("CONVERT(varchar(10), 0x00FF, 2)", "00FF"),
    ("CONVERT(varchar(30), CAST(0.1 AS float), 3)", "0.10000000000000001"), ("TRY_CONVERT(int, 'x')", None),
    ("CAST(1 AS varbinary(4))", "0x00000001"), ("CAST(2 AS bit)", 1), ("CAST(1.5 AS int)", 1),
    ("CAST(1.5 AS money)", Decimal("1.5")),
    ("LEN('ab  ')", 2), ("DATALENGTH(N'ab  ')", 8), ("SUBSTRING('hello', 2, 3)", "ell"), ("LEFT('abc', 2)", "ab"),
    ("RIGHT('abc', 2)", "bc"), ("REPLACE('aBc', 'b', 'x')", "axc"), ("CHARINDEX('C', 'abc')", 3), ("UPPER('aä')", "AÄ"),
    ("CONCAT('a', NULL, 1)", "a1"), ("ISNULL(NULL, 5)", 5), ("COALESCE(NULL, 'z')", "z"), ("NULLIF(1, 1)", None),
    ("IIF(1 = 2, 'a', 'b')", "b"), ("CASE WHEN 1 = 1 THEN 1 ELSE 2.5 END", Decimal("1.0")), ("ABS(-3)", 3),
    ("ROUND(2.567, 2)", Decimal("2.570")), ("FLOOR(-2.5)", Decimal(-3)), ("CEILING(2.1)", Decimal(3)),
    ("HASHBYTES('SHA2_256', 'abc')", "0xBA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"),
    ("DATEADD(month, 1, CAST('2024-01-31' AS date))", "2024-02-29"), ("DATEDIFF(day, '2024-02-01', '2024-03-01')", 29),
    ("CAST('6F9619FF-8B86-D011-B42D-00C04FC964FF' AS uniqueidentifier)", "6F9619FF-8B86-D011-B42D-00C04FC964FF"),
    ("DB_NAME()", "test"), ("SCHEMA_NAME()", "dbo"), ("OBJECT_ID('dbo.none')", None), ("@@TRANCOUNT", 0),
    ("DATEPART(year, '2024-02-29')", 2024),
)  # fmt: skip


@pytest.mark.parametrize(("expression", "value"), EXPRESSIONS, ids=[name for name, _ in EXPRESSIONS])
def test_expressions(session: Session, expression: str, value: Any) -> None:
    assert one(session, expression) == value


CONDITIONS = (
    ("'a' = 'A  '", True), ("'a' COLLATE Latin1_General_100_BIN2 = 'A'", False), ("NULL = NULL", False),
    ("1 = 1.0", True),
    ("'10' > 9", True), ("'A' LIKE 'a%'", True), ("'a_b' LIKE 'a\\_b' ESCAPE '\\'", True),
    ("'axb' NOT LIKE 'a[xy]b'", False),
    ("2 IN (1, 2)", True), ("1 BETWEEN 1 AND 2", True), ("'' IS NULL", False), ("EXISTS (SELECT 1 WHERE 1 = 2)", False),
    ("CAST('2024-01-01' AS date) < CAST('2024-01-01 00:00:01' AS datetime2)", True),
    ("CAST('2024-01-01 12:00 +02:00' AS datetimeoffset) = CAST('2024-01-01 10:00 +00:00' AS datetimeoffset)", True),
    ("CAST('00000000-0000-0000-0000-010000000000' AS uniqueidentifier) > "
     "CAST('FFFFFFFF-FFFF-FFFF-FFFF-000000000000' AS uniqueidentifier)", True),
)  # fmt: skip


@pytest.mark.parametrize(("condition", "holds"), CONDITIONS, ids=[name for name, _ in CONDITIONS])
def test_conditions(session: Session, condition: str, holds: bool) -> None:
    assert bool(ask(session, f"SELECT 1 WHERE {condition}")) is holds


def test_statements_need_nothing_between_them() -> None:
    text = (
        "DECLARE @a int = 1 SET NOCOUNT ON INSERT INTO t SELECT 1 UNION SELECT 2 UPDATE t SET a = 2; SELECT ';' -- x\n"
    )
    assert [one.split()[0] for one in statements(text)] == ["DECLARE", "SET", "INSERT", "UPDATE", "SELECT"]


TABLE = """CREATE TABLE t (id int IDENTITY(10, 5) NOT NULL CONSTRAINT pk_t PRIMARY KEY, name nvarchar(5) NOT NULL,
    amount decimal(5, 2) NULL CONSTRAINT ck_amount CHECK (amount >= 0), code varchar(3) DEFAULT 'x', v rowversion,
    square AS amount * amount, CONSTRAINT uq_code UNIQUE (code))"""


@pytest.fixture
def table(session: Session) -> Session:
    ask(session, TABLE + " CREATE TABLE child (t int REFERENCES t (id), big bigint)")
    ask(session, "INSERT INTO t (name, amount, code) VALUES (N'a', 1.5, 'a'), (N'b', NULL, DEFAULT)")
    return session


def test_rows(table: Session) -> None:
    found = ask(table, "SELECT id, name, amount, code, square FROM dbo.T ORDER BY Amount")
    assert found == [(15, "b", None, "x", None), (10, "a", Decimal("1.50"), "a", Decimal("2.2500"))]
    assert ask(table, "UPDATE q SET amount = 2 FROM t AS q WHERE q.id = 15; SELECT @@ROWCOUNT") == [(1,)]
    assert ask(table, "SELECT SUM(amount), AVG(amount), COUNT(*), MAX(name) FROM t") == [
        (Decimal("3.50"), Decimal("1.750000"), 2, "b")]  # fmt: skip
    assert ask(table, "SELECT TOP (1) id FROM t ORDER BY id DESC") == [(15,)]
    assert ask(table, "SELECT id FROM t ORDER BY id OFFSET 1 ROWS FETCH NEXT 5 ROWS ONLY") == [(15,)]
    assert ask(
        table, "WITH c AS (SELECT id, ROW_NUMBER() OVER (ORDER BY id DESC) AS n FROM t) SELECT n FROM c WHERE id = 10"
    ) == [(2,)]
    assert ask(table, "INSERT INTO t (name, code) OUTPUT inserted.id VALUES ('c', 'c')") == [(20,)]
    assert ask(table, "DELETE FROM t WHERE id = 20; SELECT COUNT(*) FROM t") == [(2,)]


REFUSED = (
    ("INSERT INTO t (name, code) VALUES ('z', 'z'), ('y', 'A ')", 2627), ("INSERT INTO t (name) VALUES (NULL)", 515),
    ("INSERT INTO t (name, code) VALUES ('z', 'z'), ('abcdef', 'y')", 2628),
    ("INSERT INTO t (name, code, amount) VALUES ('z', 'z', 1000)", 8115),
    ("INSERT INTO t (name, code, amount) VALUES ('z', 'z', -1)", 547),
    ("INSERT INTO t (name, code, amount) VALUES ('z', 'z', 'word')", 8114), ("INSERT INTO child (t) VALUES (1)", 547),
    ("INSERT INTO t (id, name) VALUES (1, 'z')", 544), ("INSERT INTO none VALUES (1)", 208),
    ("INSERT INTO t (none) VALUES (1)", 207), ("SELECT none FROM t", 207), ("SELECT CAST('x' AS int)", 245),
    ("SELECT CAST('x' AS date)", 241), ("SELECT CAST('1700-01-01' AS datetime)", 242),
    ("SELECT CAST(300 AS tinyint)", 220),
    ("SELECT 2147483647 + 1", 8115), ("SELECT 1 / 0", 8134), ("SELECT FROM WHERE", 102), ("SELECT @x", 137),
    ("SELECT CAST(1 AS date)", 206), ("CREATE TABLE t (a int)", 2714), ("CREATE TABLE u (a number)", 2715),
    ("DROP TABLE none", 3701), ("EXEC none", 2812), ("SELECT NONE(1)", 195),
)  # fmt: skip


@pytest.mark.parametrize(("sql", "number"), REFUSED, ids=[sql for sql, _ in REFUSED])
def test_refusals_leave_no_trace(table: Session, sql: str, number: int) -> None:
    before = ask(table, "SELECT id, name, amount, code, v FROM t ORDER BY id")
    assert refused(table, sql) == number
    assert ask(table, "SELECT id, name, amount, code, v FROM t ORDER BY id") == before
    assert ask(table, "SELECT COUNT(*) FROM child") == [(0,)]
    assert not table.connection.in_transaction


def test_transactions(database: Database, table: Session) -> None:
    other = database.session("app", "test")
    ask(table, "BEGIN TRAN; UPDATE t SET name = 'q'; CREATE TABLE made (a int)")
    assert table.transaction
    assert ask(other, "SELECT DISTINCT name FROM t ORDER BY name") == [("a",), ("b",)]
    ask(table, "ROLLBACK")
    assert ask(table, "SELECT OBJECT_ID('made')") == [(None,)]
    ask(table, "SET TRANSACTION ISOLATION LEVEL SNAPSHOT; BEGIN TRAN; SELECT * FROM t")
    ask(other, "UPDATE t SET name = 'o'")
    assert ask(table, "SELECT DISTINCT name FROM t ORDER BY name") == [("a",), ("b",)]
    assert refused(table, "UPDATE t SET name = 'p'") == 3960
    assert table.depth == 0
    other.close()


def test_locks_snapshots_and_trouble(database: Database, table: Session) -> None:
    other, take = (
        database.session("app", "test"),
        "DECLARE @r int; EXEC @r = sp_getapplock @Resource = 'l', @LockMode = ",
    )
    assert ask(table, take + "'Exclusive', @LockOwner = 'Session', @LockTimeout = 0; SELECT @r") == [(0,)]
    assert ask(other, take + "'Exclusive', @LockOwner = 'Session', @LockTimeout = 0; SELECT @r") == [(-1,)]
    other.close()
    ask(table, "CREATE DATABASE s ON (NAME = test, FILENAME = 'x') AS SNAPSHOT OF test; DELETE FROM t")
    assert ask(table, "SELECT COUNT(*) FROM t") == [(0,)]
    assert ask(table, "USE s; SELECT COUNT(*) FROM t") == [(2,)]
    database.trouble("SELECT 1", 1205)
    assert refused(table, "SELECT 1") == 1205
    database.trouble("SELECT 1", 0)
    with pytest.raises(Lost):
        ask(table, "SELECT 1")


def test_catalogue(table: Session) -> None:
    ask(table, "CREATE INDEX ix ON t (name DESC) INCLUDE (amount) WHERE name IS NOT NULL")
    found = ask(table, "SELECT c.name, y.name, c.max_length, c.is_nullable, c.is_identity, c.is_computed "
                       "FROM sys.columns c "
                       "JOIN sys.types y ON y.user_type_id = c.user_type_id WHERE c.object_id = OBJECT_ID('t') "
                       "ORDER BY column_id")  # fmt: skip
    assert found[:2] == [("id", "int", 4, 0, 1, 0), ("name", "nvarchar", 10, 0, 0, 0)]
    assert found[4:] == [("v", "timestamp", 8, 0, 0, 0), ("square", "decimal", 9, 1, 0, 1)]
    assert ask(table, "SELECT name, type FROM sys.key_constraints ORDER BY name") == [("pk_t", "PK"), ("uq_code", "UQ")]
    assert ask(table, "SELECT name, filter_definition FROM sys.indexes WHERE has_filter = 1") == [
        ("ix", "name IS NOT NULL")
    ]
    assert ask(table, "SELECT COUNT(*) FROM sys.foreign_keys WHERE referenced_object_id = OBJECT_ID('t')") == [(1,)]
    ask(table, "EXEC sp_addextendedproperty @name = N'MS_Description', @value = N'said', @level0type = N'SCHEMA', "
               "@level0name = N'dbo', @level1type = N'TABLE', @level1name = N't'")  # fmt: skip
    assert ask(table, "SELECT value FROM sys.extended_properties") == [("said",)]
    ask(table, "EXEC sp_rename 'dbo.t', 'r'; IF OBJECT_ID('t') IS NULL SELECT 1")
    assert ask(table, "SELECT TABLE_NAME FROM INFORMATION_SCHEMA.TABLES ORDER BY TABLE_NAME") == [("child",), ("r",)]


def test_bulk_copy_and_arrow_through_the_wire(odbc: None) -> None:
    import mssql_python

    server = Apart("servers.sqlserver.store:fresh")
    try:
        where = f"Server=127.0.0.1,{server.port};Database=test;UID=app;PWD=secret;Encrypt=no;"
        with mssql_python.connect(where, autocommit=True) as connection:
            cursor = connection.cursor()
            cursor.execute(
                "CREATE TABLE t (a int NOT NULL PRIMARY KEY, b nvarchar(max), c decimal(10, 2), d datetime2(6))"
            )
            rows = [
                (n, f"ä{n}" if n % 2 else None, Decimal(n) / 4, dt.datetime(2024, 1, 1, 0, 0, n)) for n in range(50)
            ]
            cursor.bulkcopy("dbo.t", rows)
            cursor.execute("SELECT a, b, c, d FROM t WHERE a >= ? ORDER BY a", (10,))
            with cursor.arrow_reader() as reader:
                table = reader.read_all()
            assert [tuple(row.values()) for row in table.to_pylist()] == rows[10:]
            assert [str(one.type) for one in table.schema] == [
                "int32",
                "large_string",
                "decimal128(10, 2)",
                "timestamp[us]",
            ]
    finally:
        server.close()


def test_pyodbc(odbc: None) -> None:
    import pyodbc

    server = Apart("servers.sqlserver.store:fresh")
    try:
        where = f"Driver={microsoft()};Server=127.0.0.1,{server.port};Database=test;UID=app;PWD=secret;Encrypt=no"
        connection = pyodbc.connect(where, autocommit=True)
        cursor = connection.cursor()
        cursor.execute("CREATE TABLE t (a int IDENTITY PRIMARY KEY, b varchar(5), u uniqueidentifier, f float)")
        cursor.execute("INSERT INTO t (b, u, f) VALUES (?, ?, ?)", "x", "6F9619FF-8B86-D011-B42D-00C04FC964FF", 0.5)
        row = cursor.execute("SELECT * FROM t WHERE b = ?", "X").fetchone()
        assert tuple(row) == (1, "x", "6F9619FF-8B86-D011-B42D-00C04FC964FF", 0.5)
        with pytest.raises(pyodbc.IntegrityError, match="515"):
            cursor.execute("SET IDENTITY_INSERT t ON; INSERT INTO t (a) VALUES (NULL)")
        connection.close()
    finally:
        server.close()
