"""The wire of the SQL Server test server, spoken to by the real drivers.

It runs in a process of its own, because some drivers hold Python's lock while they wait.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from certificates import self_signed
from parrot import (
    CONNECT,
    OTHER_PASSWORD,
    arrow_freetds,
    arrow_microsoft,
    by_freetds,
    fetched,
    fresh,
    microsoft,
    mssql,
    pyodbc_microsoft,
    serving,
    target,
)  # fmt: skip
from servers.sqlserver.spoken import Column, Kind, Refused, Result
from servers.sqlserver.wire import tokens
from servers.sqlserver.wire.apart import Apart
from servers.sqlserver.wire.bulk import Announced, announced

INT, NAME = Kind("int", 4), Kind("nvarchar", 40)
LOST = "08S01|Communication link failure|Unexpected EOF|Unknown error"  # the last two are by FreeTDS
ONE = Result((Column("a", INT),), [(struct.pack("<i", 1),)])

each_driver = pytest.mark.parametrize("driver", CONNECT)


@pytest.fixture(scope="module")
def shared(odbc: None) -> Iterator[Apart]:
    yield from serving()


@pytest.fixture
def server(shared: Apart) -> Iterator[Apart]:
    yield from fresh(shared)


# Logins.


@each_driver
def test_login(server: Apart, driver: str) -> None:
    server.store("teach", "SELECT 1", ONE)
    connection = CONNECT[driver](server)
    assert fetched(connection, "SELECT 1") == [(1,)]
    connection.close()


@each_driver
@pytest.mark.parametrize("wrong", [{"user": "nobody"}, {"password": "geheim?"}])
def test_wrong_login(server: Apart, driver: str, wrong: dict[str, str]) -> None:
    with pytest.raises(Exception, match="Login failed for user"):
        CONNECT[driver](server, **wrong)
    assert server.store("remembered")["sessions"] == 0


@each_driver
def test_unknown_database(server: Apart, driver: str) -> None:
    """Both errors are sent, as a server does; two drivers show the graver alone."""
    with pytest.raises(Exception, match="Cannot open" if driver == "pyodbc-microsoft" else "Login failed"):
        CONNECT[driver](server, database="elsewhere")


@pytest.mark.parametrize("driver", ["mssql-python", "pyodbc-microsoft"])
def test_password_outside_of_ascii(server: Apart, driver: str) -> None:
    login = {"user": "Zoë", "password": "{" + OTHER_PASSWORD.replace("}", "}}") + "}"}
    assert not CONNECT[driver](server, **login).closed


@each_driver
def test_changed_database(server: Apart, driver: str) -> None:
    """Drivers keep the database that ENVCHANGE tells."""
    import pyodbc

    connection = CONNECT[driver](server)
    connection.cursor().execute("USE other")
    told = connection.getinfo(pyodbc.SQL_DATABASE_NAME)
    connection.close()
    assert told == "other"


# Batches.


def many(count: int) -> Result:
    return Result(
        (Column("a", INT), Column("b", NAME)), [(struct.pack("<i", n), None if n % 3 else b"x\0") for n in range(count)]
    )


@each_driver
def test_several_results(server: Apart, driver: str) -> None:
    server.store("teach", "batch", ONE, Result(count=7), Result(), many(3))
    cursor = CONNECT[driver](server).cursor()
    cursor.execute("batch")
    assert [tuple(row) for row in cursor.fetchall()] == [(1,)]
    assert cursor.nextset()
    assert cursor.rowcount == 7 or driver == "mssql-python"  # which counts the first result only
    while cursor.nextset() and cursor.description is None:
        pass
    assert [tuple(row) for row in cursor.fetchall()] == [(0, "x"), (1, None), (2, None)]
    assert not cursor.nextset()


@each_driver
def test_error_after_results(server: Apart, driver: str) -> None:
    server.store("teach", "batch", ONE, (547, "The INSERT statement conflicted", 3, 16), many(1))
    server.store("teach", "SELECT 1", ONE)
    connection = CONNECT[driver](server)
    cursor = connection.cursor()
    cursor.execute("batch")
    assert [tuple(row) for row in cursor.fetchall()] == [(1,)]
    with pytest.raises(Exception, match="The INSERT statement conflicted"):
        cursor.nextset()
    assert fetched(connection, "SELECT 1") == [(1,)]


def test_error_octets() -> None:
    told = tokens.error(Refused(547, "No", state=3, severity=16))
    server, text = "ROPEWAY".encode("utf-16-le"), "No".encode("utf-16-le")
    data = struct.pack("<iBBH", 547, 3, 16, 2) + text + b"\7" + server + b"\0" + struct.pack("<I", 1)
    assert told == b"\xaa" + struct.pack("<H", len(data)) + data


@each_driver
def test_grave_error_ends_the_connection(server: Apart, driver: str) -> None:
    server.store("teach", "batch", (824, "Torn page", 1, 24))
    connection = CONNECT[driver](server)
    with pytest.raises(Exception, match="Torn page"):
        connection.cursor().execute("batch")
    with pytest.raises(Exception, match=LOST):
        connection.cursor().execute("SELECT 1")


def test_rows_before_an_error_arrive(server: Apart) -> None:
    server.store("teach_broken", "SELECT a", many(1000), (1205, "deadlock victim", 1, 13))
    cursor = pyodbc_microsoft(server).cursor()
    cursor.execute("SELECT a")
    assert len([cursor.fetchone() for _ in range(1000)]) == 1000
    with pytest.raises(Exception, match="1205"):
        cursor.fetchone()


@each_driver
def test_many_rows(server: Apart, driver: str) -> None:
    server.store("teach", "SELECT many", many(10_000))
    connection = CONNECT[driver](server)
    assert fetched(connection, "SELECT many") == [(n, None if n % 3 else "x") for n in range(10_000)]


# Calls.


@pytest.mark.parametrize("driver", ["mssql-python", "pyodbc-microsoft"])
def test_executemany(server: Apart, driver: str) -> None:
    """Some thousand calls in one message, which spans packets."""
    server.store("teach", "SELECT a, b FROM t", many(0))
    insert = "INSERT INTO t (a, b) VALUES (@P1, @P2)"
    server.store("teach", insert, Result(count=1))
    connection = CONNECT[driver](server)
    cursor = connection.cursor()
    cursor.fast_executemany = True
    before = server.counted()["trips"]
    cursor.executemany("INSERT INTO t (a, b) VALUES (?, ?)", [(n, None if n % 3 else "é€") for n in range(2000)])
    heard = [parameters for sql, parameters in server.store("remembered")["heard"] if sql == insert]
    assert [int.from_bytes(a.value or b"", "little") for a, _ in heard] == list(range(2000))
    assert [b.value for _, b in heard] == [None if n % 3 else "é€".encode("utf-16-le") for n in range(2000)]
    assert server.counted()["trips"] - before < 10


@pytest.mark.parametrize("connect", [arrow_microsoft, arrow_freetds])
def test_arrow_odbc_insert(server: Apart, connect: Any) -> None:
    insert = 'INSERT INTO t ("a", "b") VALUES (@P1, @P2)'
    server.store("teach", insert, Result(count=1))
    table = pa.table({"a": pa.array(range(2500), pa.int32()), "b": [None if n % 3 else "é" for n in range(2500)]})
    connect(server).insert_into_table(table.to_reader(), table="t", chunk_size=1000)
    heard = [parameters for sql, parameters in server.store("remembered")["heard"] if sql == insert]
    assert [int.from_bytes(a.value or b"", "little") for a, _ in heard] == list(range(2500))
    assert [b.value for _, b in heard] == [None if n % 3 else b"\xe9" for n in range(2500)]


def test_error_of_one_call_among_several(server: Apart) -> None:
    server.store("teach", "SELECT a FROM t", ONE)
    server.store("teach", "INSERT INTO t (a) VALUES (@P1)", (2627, "Violation of PRIMARY KEY", 1, 14))
    server.store("teach", "SELECT 1", ONE)
    connection = pyodbc_microsoft(server)
    cursor = connection.cursor()
    cursor.fast_executemany = True
    with pytest.raises(Exception, match="2627"):
        cursor.executemany("INSERT INTO t (a) VALUES (?)", [(1,), (2,)])
    assert fetched(connection, "SELECT 1") == [(1,)]


@each_driver
def test_prepared_again(server: Apart, driver: str) -> None:
    """The second execution is by the handle that the first one told."""
    select = "SELECT a WHERE a = @P1 AND b = @P2"
    server.store("teach", select, ONE)
    cursor = CONNECT[driver](server).cursor()
    for number in (1, 2):
        cursor.execute("SELECT a WHERE a = ? AND b = ?", (number, "x"))
        assert [tuple(row) for row in cursor.fetchall()] == [(1,)]
    heard = [parameters for sql, parameters in server.store("remembered")["heard"] if sql == select]
    assert [[parameter.name for parameter in parameters] for parameters in heard] == [["@P1", "@P2"]] * 2
    assert [parameters[0].value[:1] for parameters in heard] == [b"\1", b"\2"]


@pytest.mark.parametrize("driver", ["pyodbc-microsoft", "pyodbc-freetds"])
def test_described_result(server: Apart, driver: str) -> None:
    server.store("teach", "SELECT a", Result((Column("a", INT, nullable=False), Column("b", NAME))))
    rows = fetched(CONNECT[driver](server), "{CALL sp_describe_first_result_set (?)}", "SELECT a")
    assert [row[1:8] for row in rows] == [(1, "a", False, 56, "int", 4, 10), (2, "b", True, 231, "nvarchar(20)", 40, 0)]


# Transactions.


@each_driver
@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_transactions(server: Apart, driver: str, end: str) -> None:
    connection = CONNECT[driver](server)
    connection.cursor().execute("INSERT 1")
    getattr(connection, end)()
    assert server.store("remembered")["bounds"][:2] == ["begin", end]


@each_driver
def test_autocommit(server: Apart, driver: str) -> None:
    connection = CONNECT[driver](server)
    connection.autocommit = True
    server.store("forget")
    connection.cursor().execute("INSERT 1")
    assert server.store("remembered")["bounds"] == []


# Bulk loads.


def load(server: Apart, table: pa.Table, into: str = "dbo.t", **options: Any) -> Any:
    cursor = mssql(server).cursor()
    return cursor.bulkcopy_arrow(into, table.to_reader(1000), column_mappings=table.column_names, timeout=0, **options)


def test_bulk_load(server: Apart) -> None:
    """100,000 rows in batches, each a load of its own."""
    server.store("teach", "SELECT * FROM [dbo].[t]", many(0))
    names = [None if n % 7 else f"é€{n}" for n in range(100_000)]
    table = pa.table({"a": pa.array(range(100_000), pa.int32()), "b": names})
    told = load(server, table, table_lock=True, keep_nulls=True, batch_size=30_000)
    loads = server.store("remembered")["loads"]
    assert (told["rows_copied"], told["batch_count"]) == (100_000, 4)
    assert [len(rows) for _, _, _, rows in loads] == [30_000, 30_000, 30_000, 10_000]
    assert [into for into, *_ in loads] == ["[dbo].[t]"] * 4
    assert [options for _, _, options, _ in loads] == [{"KEEP_NULLS": True, "TABLOCK": True}] * 4
    rows = [(int.from_bytes(a, "little"), b and b.decode("utf-16-le")) for _, _, _, rows in loads for a, b in rows]
    assert rows == list(enumerate(names))


def test_bulk_load_of_long_values(server: Apart) -> None:
    """Each value longer than many packets, and in between none."""
    columns = Column("a", Kind("nvarchar", -1)), Column("b", Kind("varbinary", -1))
    server.store("teach", "SELECT * FROM [dbo].[t]", Result(columns))
    texts = [None if n % 2 else f"{n}é" * 15_000 for n in range(40)]
    octets = [bytes([n]) * 70_000 if n % 3 else None for n in range(40)]
    load(server, pa.table({"a": texts, "b": pa.array(octets, pa.binary())}))
    ((_, _, _, rows),) = server.store("remembered")["loads"]
    assert [(a and a.decode("utf-16-le"), b) for a, b in rows] == list(zip(texts, octets, strict=True))


def test_bulk_load_with_identity(server: Apart) -> None:
    columns = Column("a", INT, nullable=False, identity=True), Column("b", NAME)
    server.store("teach", "SELECT * FROM [dbo].[t]", Result(columns))
    table = pa.table({"a": pa.array([1, 2], pa.int32()), "b": ["x", "y"]})
    load(server, table, keep_identity=True, check_constraints=True, fire_triggers=True)
    ((_, columns, options, rows),) = server.store("remembered")["loads"]
    assert [column.identity for column in columns] == [True, False]
    assert options == {"CHECK_CONSTRAINTS": True, "FIRE_TRIGGERS": True}
    assert len(rows) == 2


def test_refused_bulk_load(server: Apart) -> None:
    """The store refuses at the first row; the rest of the load is read away, and the error arrives."""
    server.store("teach", "SELECT * FROM [refused]", many(0))
    table = pa.table({"a": pa.array(range(50_000), pa.int32()), "b": ["x"] * 50_000})
    with pytest.raises(Exception, match="Violation of PRIMARY KEY"):
        load(server, table, "refused")


def test_broken_source_of_a_bulk_load(server: Apart) -> None:
    """mssql-python ends the load in order where its source fails: what was read before stays."""
    server.store("teach", "SELECT * FROM [dbo].[t]", many(0))
    first = pa.record_batch({"a": pa.array(range(20_000), pa.int32()), "b": ["x"] * 20_000})

    def batches() -> Iterator[pa.RecordBatch]:
        yield first
        raise OSError("the disk is gone")

    cursor = mssql(server).cursor()
    with pytest.raises(Exception, match="the disk is gone"):
        cursor.bulkcopy_arrow("dbo.t", pa.RecordBatchReader.from_batches(first.schema, batches()), timeout=0)
    remembered = server.store("remembered")
    assert (len(remembered["loads"][0][3]), remembered["given_up"]) == (20_000, 0)


def test_value_that_does_not_fit_a_bulk_load(server: Apart) -> None:
    """The driver finds it after rows are on their way, and gives the load up by an attention."""
    server.store("teach", "SELECT * FROM [dbo].[t]", Result((Column("a", Kind("tinyint")),)))
    server.store("teach", "SELECT 1", ONE)
    table = pa.table({"a": pa.array([1] * 50_000 + [256], pa.int32())})
    with pytest.raises(Exception, match="256"):
        load(server, table)
    assert server.store("remembered")["given_up"] == 1


@pytest.mark.parametrize(
    ("sql", "table", "options"),
    [
        ("INSERT BULK t ([a] int)", "t", {}),
        ("insert bulk [a.b].[c]]d (] ([e)] varchar(10) COLLATE x) WITH (TABLOCK)", "[a.b].[c]]d (]", {"TABLOCK": True}),
        (
            'INSERT BULK db.."t" (a int) with (ROWS_PER_BATCH = 100, ORDER([a] ASC, b DESC), CHECK_CONSTRAINTS);',
            'db.."t"',
            {"ROWS_PER_BATCH": 100, "ORDER": "([a] ASC, b DESC)", "CHECK_CONSTRAINTS": True},
        ),
    ],
)
def test_announced(sql: str, table: str, options: dict[str, object]) -> None:
    assert announced(sql) == Announced(table, options)
    assert announced("SELECT 'INSERT BULK t'") is None


# Conduct.


def test_trips_and_octets(server: Apart) -> None:
    server.store("teach", "SELECT 1", ONE)
    connection = mssql(server)
    connection.autocommit = True
    before = server.counted()
    assert fetched(connection, "SELECT 1") == [(1,)]
    after = server.counted()
    assert after["trips"] - before["trips"] == 1
    assert after["octets_in"] - before["octets_in"] == 8 + 22 + 2 * len("SELECT 1")
    assert after["octets_out"] > before["octets_out"]


def test_drop_after(server: Apart) -> None:
    server.store("teach", "SELECT 1", ONE)
    connection, other = mssql(server), mssql(server)
    for each in (connection, other):
        each.autocommit = True
    server.behave(drop_after=2)
    assert [fetched(connection, "SELECT 1") for _ in range(2)] == [[(1,)]] * 2
    with pytest.raises(Exception, match=LOST):
        fetched(connection, "SELECT 1")
    assert fetched(other, "SELECT 1") == [(1,)]


def test_drop_in_place_of_a_reply(server: Apart) -> None:
    connection = mssql(server)
    connection.autocommit = True
    server.behave(drop_after=0)
    with pytest.raises(Exception, match=LOST):
        connection.cursor().execute("INSERT 1")
    assert server.store("remembered")["heard"] == []
    assert server.counted()["drop_after"] is None


@each_driver
def test_lost(server: Apart, driver: str) -> None:
    server.store("teach", "batch", ONE, None)
    connection = CONNECT[driver](server)
    with pytest.raises(Exception, match=LOST):
        fetched(connection, "batch")


def test_delay(server: Apart) -> None:
    connection = mssql(server)
    server.behave(delay=0.2)
    began = time.monotonic()
    connection.cursor().execute("INSERT 1")
    assert time.monotonic() - began >= 0.2


def test_slow_rows(server: Apart) -> None:
    server.store("teach", "SELECT many", many(3))
    connection = mssql(server)
    server.behave(slow_rows=0.1)
    began = time.monotonic()
    assert len(fetched(connection, "SELECT many")) == 3
    assert time.monotonic() - began >= 0.3


@pytest.mark.parametrize(
    ("sql", "conduct"), [("SELECT many", {"delay": 30.0}), ("SELECT many", {"slow_rows": 30.0}), ("WAITFOR", {})]
)
def test_query_timeout(server: Apart, sql: str, conduct: dict[str, float]) -> None:
    """The driver cancels by an attention; the connection lives on."""
    server.store("teach", "SELECT many", many(1000))
    server.store("teach", "SELECT 1", ONE)
    connection = pyodbc_microsoft(server)
    connection.timeout = 1
    server.behave(**conduct)
    with pytest.raises(Exception, match="timeout expired"):
        connection.cursor().execute(sql).fetchall()
    server.behave(delay=0.0, slow_rows=0.0)
    assert fetched(connection, "SELECT 1") == [(1,)]


@each_driver
def test_result_given_up(server: Apart, driver: str) -> None:
    """A cursor closed in the middle of a long result, whose rest does not have to be sent."""
    server.store("teach", "SELECT many", many(200_000))
    server.store("teach", "SELECT 1", ONE)
    connection = CONNECT[driver](server)
    cursor = connection.cursor()
    cursor.execute("SELECT many")
    cursor.fetchone()
    cursor.close()
    assert fetched(connection, "SELECT 1") == [(1,)]


def test_reset_of_a_pooled_connection(server: Apart) -> None:
    """mssql-python keeps a closed connection; the next that opens one gets it with a session of its own."""
    import mssql_python

    mssql_python.pooling(enabled=True)
    trips = []
    for _ in range(2):
        before = server.counted()["trips"]
        connection = mssql_python.connect(target(server))
        connection.cursor().execute("INSERT 1")
        trips.append(server.counted()["trips"] - before)
        connection.close()
    assert server.store("remembered")["sessions"] == 2
    assert trips == [4, 3]  # PRELOGIN, LOGIN7, begin, insert; then the reset, begin, insert


# Encryption.


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    return self_signed(tmp_path)


def test_encryption(server: Apart, certificate: tuple[Path, Path]) -> None:
    import mssql_python
    import pyodbc

    server = Apart("parrot:Parrot", certificate)
    try:
        server.store("teach", "SELECT many", many(10_000))
        server.store("teach", "SELECT * FROM [dbo].[t]", many(0))
        sealed = target(server).replace("Encrypt=no", "Encrypt=yes;TrustServerCertificate=yes")
        by_mssql = mssql_python.connect(sealed)
        connections = [
            by_mssql,
            pyodbc.connect(f"Driver={microsoft()};{sealed}"),
            pyodbc.connect(by_freetds(server).replace("Encryption=off", "Encryption=require")),
        ]
        for connection in connections:
            assert len(fetched(connection, "SELECT many")) == 10_000
        table = pa.table({"a": pa.array(range(10_000), pa.int32()), "b": ["x"] * 10_000})
        by_mssql.cursor().bulkcopy_arrow("dbo.t", table.to_reader(), timeout=0)
        assert [len(rows) for *_, rows in server.store("remembered")["loads"]] == [10_000]
    finally:
        server.close()
