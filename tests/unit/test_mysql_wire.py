"""Reading and loading MariaDB: the wire, odd values, refusals, and what is left after errors."""

from __future__ import annotations

import datetime as dt
import random
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa
import pymysql
import pytest

from ropeway.transfer.engines.mysql import wire
from ropeway.transfer.engines.mysql.infile import insert, load, tsv
from ropeway.transfer.engines.mysql.wire import read
from ropeway.transfer.errors import DataError, EngineError
from servers import Mariadb

Connect = Callable[..., Any]
FULL = 0xFFFFFF
LENGTHS = [0, 1, 249, 250, 251, 252, 255, 256, 257, 65534, 65535, 65536, 65537]
ODD_TEXTS = ["", "\t", "\n", "\\", "\\N", "NULL", "\\t", "a\tb\\\n", "\r\n", "\0", "\x1a", "'", '"', "--", "💥é", " x "]
ROOMS = [1, 70, 1000, 20_000, 1 << 20]


@pytest.fixture(scope="module")
def database(mariadb: Mariadb) -> str:
    with closing(mariadb.connect(autocommit=True)) as root, root.cursor() as cursor:
        cursor.execute("SET GLOBAL max_allowed_packet = 64 * 1024 * 1024")
    return urlsplit(mariadb.database()).path[1:]


@pytest.fixture
def connect(mariadb: Mariadb, database: str) -> Iterator[Connect]:
    """Connections as the engine pins them."""
    opened: list[Any] = []

    def open_one(**more: Any) -> Any:
        pins = "SET time_zone = '+00:00', sql_mode = 'STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO'"
        opened.append(mariadb.connect(database=database, local_infile=True, init_command=pins, **more))
        return opened[-1]

    yield open_one
    for connection in opened:
        if connection.open:
            connection.close()


@pytest.fixture
def connection(connect: Connect) -> Any:
    return connect()


def ask(connection: Any, sql: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


def rows(connection: Any, sql: str, schema: pa.Schema, room: int = 4 << 20) -> list[tuple[Any, ...]]:
    batches = list(read(connection, sql, schema, room))
    for batch in batches:
        batch.validate(full=True)
    return [tuple(row.values()) for batch in batches for row in batch.to_pylist()]


def one(name: str, kind: pa.DataType) -> pa.Schema:
    return pa.schema([(name, kind)])


def table(connection: Any, definition: str) -> str:
    name = f"t{random.getrandbits(60):x}"
    ask(connection, f"CREATE TABLE {name} ({definition}) CHARACTER SET utf8mb4")
    return name


# --- reading


@pytest.mark.parametrize("room", ROOMS)
def test_reads_what_pymysql_reads(connection: Any, room: int) -> None:
    rng = random.Random(5)
    name = table(connection, "i BIGINT, s LONGTEXT COLLATE utf8mb4_bin, b LONGBLOB, n INT UNSIGNED, e TEXT")
    with connection.cursor() as cursor:
        for number in range(200):
            length = rng.choice(LENGTHS) if number % 8 == 0 else rng.randrange(40)
            text = rng.choice([None, "x" * length, "é" * (length // 2), rng.choice(ODD_TEXTS)])
            data = bytes(rng.choices([0, 5, 0xFB, 0xFC, 0xFE, 0xFF, 9, 10, 92], k=length))
            values = (rng.choice([None, -(2**63), 2**63 - 1, 0]), text, rng.choice([None, data]))
            cursor.execute(f"INSERT INTO {name} VALUES (%s, %s, %s, 4294967295, NULL)", values)
    schema = pa.schema([*zip("isbne", (pa.int64(), pa.string(), pa.binary(), pa.uint32(), pa.date32()), strict=True)])
    got = rows(connection, f"SELECT * FROM {name}", schema, room)
    assert got == ask(connection, f"SELECT * FROM {name}")
    assert len(got) == 200


@pytest.mark.parametrize("room", [4 << 20, 1 << 16, 333])
def test_many_short_rows(connection: Any, room: int) -> None:
    schema = pa.schema([("n", pa.int32()), ("s", pa.string())])
    sql = "SELECT seq, REPEAT(CHAR(65 + seq % 26), seq % 7 * (seq % 11)) FROM seq_1_to_60000"
    got = pa.Table.from_batches(read(connection, sql, schema, room))
    assert got["n"].to_pylist() == list(range(1, 60_001))
    assert got["s"].to_pylist() == [chr(65 + n % 26) * (n % 7 * (n % 11)) for n in range(1, 60_001)]


def test_batches_are_bounded(connection: Any) -> None:
    wide = pa.schema([(f"c{n}", pa.decimal256(76, 0)) for n in range(8)])
    sql = f"SELECT {', '.join(['NULL'] * 8)} FROM seq_1_to_20000"
    batches = list(read(connection, sql, wide, 100_000))
    assert sum(batch.num_rows for batch in batches) == 20_000
    assert max(batch.nbytes for batch in batches) < 120_000


@pytest.mark.parametrize("seed", range(12))
def test_packets_are_found_whatever_they_hold(seed: int) -> None:
    """Bytes that look like heads must not pass for heads."""
    rng, stream, begins = random.Random(seed), bytearray(), []
    number = rng.randrange(256)
    short = rng.choice([3, 30, 300, 3000])
    while len(stream) < 300_000:
        begins.append(len(stream))
        body = bytearray(rng.choices(b"\0\0\0\1ab" if seed % 3 else b"abcdefgh", k=rng.randrange(1, 2 * short)))
        for _ in range(rng.randrange(3) if seed % 2 else 0):  # a false chain: two heads that fit each other
            false = struct.pack("<HBB", 4, 0, number % 256) + b"1234" + struct.pack("<HBB", 9, 0, (number + 1) % 256)
            body[rng.randrange(len(body)) :] = false + b"x" * rng.randrange(40)
        stream += struct.pack("<I", len(body))[:3] + bytes([number % 256]) + body
        number += 1
    for start, cut in ((0, len(stream)), (begins[7], len(stream) - 1), (begins[1], begins[-1] + 3)):
        whole = [at for at, after in zip(begins, [*begins[1:], len(stream)], strict=True) if at >= start and after <= cut]
        found, rest = wire._packets(stream, start, cut)
        assert found.tolist() == whole
        assert rest == begins[begins.index(whole[-1]) + 1] if whole[-1] != begins[-1] else rest == len(stream)


@pytest.mark.parametrize("beside", [0, 1, 2])
def test_rows_of_many_packets(connection: Any, beside: int) -> None:
    """Around 16 MiB, where a packet is full and an empty one may follow."""
    size = FULL - 1 - 9 - 2 + beside  # a row is "1" and its length, then eight bytes of length and the text
    sql = f"SELECT seq, IF(seq = 2, REPEAT('y', {size}), 'z') FROM seq_1_to_4"
    got = rows(connection, sql, pa.schema([("n", pa.int8()), ("s", pa.string())]))
    assert [(n, len(text), text[-1]) for n, text in got] == [(1, 1, "z"), (2, size, "y"), (3, 1, "z"), (4, 1, "z")]
    sql = f"SELECT REPEAT('x', {2 * FULL - 9 + beside}), 'end'"
    assert [(len(a), b) for a, b in rows(connection, sql, pa.schema([("a", pa.binary()), ("b", pa.string())]), 99)] == [
        (2 * FULL - 9 + beside, "end")
    ]
    assert ask(connection, "SELECT 1") == [(1,)]


@pytest.mark.parametrize("room", ROOMS)
def test_no_rows_and_a_thousand_columns(connection: Any, room: int) -> None:
    assert list(read(connection, "SELECT 1 FROM DUAL WHERE 1 = 0", one("a", pa.int8()), room)) == []
    wide = pa.schema([(f"c{n}", pa.int16() if n % 2 else pa.string()) for n in range(1000)])
    sql = f"SELECT {', '.join('NULL' if n % 5 == 0 else str(n) for n in range(1000))} FROM seq_1_to_3"
    want = tuple(None if n % 5 == 0 else n if n % 2 else str(n) for n in range(1000))
    assert rows(connection, sql, wide, room) == [want] * 3


VALUES: list[tuple[str, pa.DataType, Any]] = [
    ("18446744073709551615", pa.uint64(), 2**64 - 1),
    ("-9223372036854775808", pa.int64(), -(2**63)),
    ("CAST('-" + "9" * 35 + "." + "9" * 30 + "' AS DECIMAL(65,30))", pa.decimal256(65, 30), Decimal("-" + "9" * 35 + "." + "9" * 30)),
    ("CAST('-0.05' AS DECIMAL(5,2))", pa.decimal128(5, 2), Decimal("-0.05")),
    ("DATE'0001-01-01'", pa.date32(), dt.date(1, 1, 1)),
    ("DATE'9999-12-31'", pa.date32(), dt.date(9999, 12, 31)),
    ("TIMESTAMP'9999-12-31 23:59:59.999999'", pa.timestamp("us"), dt.datetime(9999, 12, 31, 23, 59, 59, 999999)),
    ("TIMESTAMP'0001-01-01 00:00:00'", pa.timestamp("us"), dt.datetime(1, 1, 1)),
    ("TIMESTAMP'2024-02-29 12:00:00.5'", pa.timestamp("us", "UTC"), dt.datetime(2024, 2, 29, 12, 0, 0, 500_000, dt.UTC)),
    ("TIME'23:59:59.999999'", pa.time64("us"), dt.time(23, 59, 59, 999999)),
    ("-3020399999999", pa.duration("us"), -dt.timedelta(hours=838, minutes=59, seconds=59, microseconds=999999)),
    ("1.7976931348623157e308", pa.float64(), 1.7976931348623157e308),
    ("5e-324", pa.float64(), 5e-324),
    ("CAST(1.17549435e-38 AS FLOAT) + 0e0", pa.float32(), struct.unpack("<f", struct.pack("<I", 0x00800000))[0]),
    ("1", pa.bool_(), True),
    ("0", pa.bool_(), False),
    ("''", pa.string(), ""),
    ("''", pa.binary(), b""),
    ("x'00ff'", pa.binary(), b"\0\xff"),
]  # fmt: skip


@pytest.mark.parametrize(("sql", "kind", "value"), VALUES)
def test_values_arrive(connection: Any, sql: str, kind: pa.DataType, value: Any) -> None:
    many = f"SELECT {sql} UNION ALL SELECT NULL UNION ALL SELECT {sql}"
    assert rows(connection, f"SELECT {sql}", one("v", kind)) == [(value,)]
    if "NULL" not in sql and not pa.types.is_time(kind):
        assert rows(connection, many, one("v", kind)) == [(value,), (None,), (value,)]


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("'0000-00-00'", pa.date32()), ("'2024-02-30'", pa.date32()), ("'2024-00-01'", pa.date32()),
        ("'0000-00-00 00:00:00'", pa.timestamp("us")), ("'2024-01-01 00:00:00.1234567'", pa.timestamp("us")),
        ("'2024-01-01 00:00:00Z'", pa.timestamp("us", "UTC")), ("'24:00:00'", pa.time64("us")),
        ("'-01:00:00'", pa.time64("us")), ("'838:59:59'", pa.time64("us")), ("'01:00'", pa.duration("us")),
        ("2", pa.bool_()), ("'true'", pa.bool_()), ("''", pa.bool_()), ("128", pa.int8()), ("-1", pa.uint8()),
        ("18446744073709551616", pa.uint64()), ("'0x10'", pa.int64()), ("'1.0'", pa.int64()), ("' 1'", pa.int64()),
        ("'1e309'", pa.float64()), ("'nan'", pa.float64()), ("'1e39'", pa.float32()), ("''", pa.float64()),
        ("1.234", pa.decimal128(5, 2)), ("1000.00", pa.decimal128(5, 2)), ("'1e2'", pa.decimal128(5, 2)),
        ("x'ff'", pa.string()), ("x'eda080'", pa.string()), ("x'f09f98'", pa.string()),
    ],
)  # fmt: skip
def test_wrong_values_are_refused_by_name(connection: Any, sql: str, kind: pa.DataType) -> None:
    good = "x'30'" if pa.types.is_string(kind) else "NULL"
    query = f"SELECT seq, IF(seq = 700, {sql}, {good}) FROM seq_1_to_900"
    with pytest.raises(DataError, match="worst") as caught:
        rows(connection, query, pa.schema([("n", pa.int64()), ("worst", kind)]), 1000)
    assert caught.value.column == "worst"
    assert ask(connection, "SELECT 5") == [(5,)]


def test_the_culprit_is_shown(connection: Any) -> None:
    with pytest.raises(DataError, match=r"b'2024-13-01' in column d"):
        rows(connection, "SELECT IF(seq = 77, '2024-13-01', '2024-01-01') FROM seq_1_to_100", one("d", pa.date32()))


def test_null_is_refused_where_the_schema_has_none(connection: Any) -> None:
    with pytest.raises(DataError, match="NULL came for column a"):
        rows(connection, "SELECT NULL", pa.schema([pa.field("a", pa.int8(), nullable=False)]))


def test_a_result_of_another_shape_is_refused(connection: Any) -> None:
    for sql in ("SELECT 1, 2 FROM seq_1_to_100", "DO 1"):
        with pytest.raises(EngineError, match="1 columns gave"):
            rows(connection, sql, one("a", pa.int8()))
        assert ask(connection, "SELECT 5") == [(5,)]


def test_warnings_are_losses(connection: Any) -> None:
    with pytest.raises(DataError, match="1292"):
        rows(connection, "SELECT CAST('12abc' AS SIGNED)", one("a", pa.int64()))


def test_errors_of_the_server(connection: Any) -> None:
    with pytest.raises(pymysql.err.ProgrammingError):
        rows(connection, "SELECT FROM", one("a", pa.int8()))
    sql = "SELECT (SELECT s.seq UNION ALL SELECT 2 FROM DUAL WHERE s.seq = 30000) FROM seq_1_to_90000 s"
    reader = read(connection, sql, one("a", pa.int32()), 1000)
    assert next(reader)[0][0].as_py() == 1
    with pytest.raises(pymysql.err.OperationalError, match="1242"):
        list(reader)
    assert rows(connection, "SELECT 5", one("a", pa.int8())) == [(5,)]


# --- a reader that does not come to its end


LONG = "SELECT seq, REPEAT('x', 100) FROM seq_1_to_200000"
TWO = pa.schema([("n", pa.int32()), ("s", pa.string())])


def test_closing_early_keeps_the_transaction(connect: Connect) -> None:
    reader_side, writer = connect(), connect(autocommit=True)
    name = table(writer, "a INT")
    ask(writer, f"INSERT INTO {name} VALUES (1)")
    ask(reader_side, "START TRANSACTION WITH CONSISTENT SNAPSHOT")
    ask(writer, f"INSERT INTO {name} VALUES (2)")
    stream: Any = read(reader_side, LONG, TWO, 5000)
    next(stream)
    stream.close()
    assert rows(reader_side, f"SELECT a FROM {name}", one("a", pa.int32())) == [(1,)]


def test_a_killed_query_ends_a_closed_reader(connect: Connect) -> None:
    connection, other = connect(), connect()
    stream: Any = read(connection, "SELECT seq, SLEEP(seq > 5000) FROM seq_1_to_6000", TWO, 1000)
    next(stream)
    killer = threading.Timer(0.3, ask, (other, f"KILL QUERY {connection.thread_id()}"))
    killer.start()
    stream.close()
    killer.join()
    assert ask(connection, "SELECT 5") == [(5,)]


def test_a_statement_in_between_cuts_the_reader(connection: Any) -> None:
    stream = read(connection, LONG, TWO, 5000)
    next(stream)
    with pytest.warns(UserWarning, match="left incomplete"):
        assert ask(connection, "SELECT 5") == [(5,)]
    with pytest.raises(EngineError, match="Another statement"):
        list(stream)
    assert ask(connection, "SELECT 6") == [(6,)]


def test_a_lost_or_closed_connection(connect: Connect) -> None:
    connection, other = connect(), connect()
    stream = read(connection, LONG, TWO, 5000)
    next(stream)
    ask(other, f"KILL {connection.thread_id()}")
    with pytest.raises(pymysql.err.Error):
        list(stream)
    stream = read(other, LONG, TWO, 5000)
    next(stream)
    other.close()
    with pytest.raises(pymysql.err.InterfaceError):
        next(stream)


# --- loading

EVERY = """a BOOL, b TINYINT, c BIGINT UNSIGNED, d FLOAT, e DOUBLE, f DECIMAL(30,10), g DECIMAL(65,30),
    h LONGTEXT COLLATE utf8mb4_bin, i LONGBLOB, j DATE, k TIME(6), l DATETIME(6), m DATETIME(6), n TIME(6)"""
KINDS = [
    pa.bool_(), pa.int8(), pa.uint64(), pa.float32(), pa.float64(), pa.decimal128(30, 10), pa.decimal256(65, 30),
    pa.string(), pa.binary(), pa.date32(), pa.time64("us"), pa.timestamp("us"), pa.timestamp("us", "UTC"),
    pa.duration("us"),
]  # fmt: skip
SCHEMA = pa.schema([*zip("abcdefghijklmn", KINDS, strict=True)])
BACK = ", ".join("abc") + ", d+0e0, e, f, g, h, i, j, k, l, m, TIME_TO_SEC(n) DIV 1 * 1000000 + IF(n < 0, -1, 1) * MICROSECOND(n)"
LOADERS = pytest.mark.parametrize("store", [load, insert])


def column(kind: pa.DataType, rng: random.Random, count: int) -> pa.Array:
    """Values at and between the edges of a type, with NULLs."""
    tiny = struct.unpack("<f", struct.pack("<I", 1))[0]
    edges: dict[pa.DataType, list[Any]] = {
        pa.bool_(): [True, False],
        pa.int8(): [-128, 127, 0],
        pa.uint64(): [2**64 - 1, 0],
        pa.float32(): [0.1, 1.5, 3.4028234663852886e38, tiny, -1e10, 16777217.0, 0.0],
        pa.float64(): [0.1, 1 / 3, 1.7976931348623157e308, -5e-324, 1e20, 1e-7, 123456789012345680.0, 0.0],
        pa.decimal128(30, 10): [Decimal("0E-10"), Decimal("-1E-10"), Decimal("9" * 20 + "." + "9" * 10)],
        pa.decimal256(65, 30): [Decimal("1E-30"), Decimal("-" + "9" * 35 + "." + "9" * 30)],
        pa.string(): [*ODD_TEXTS, *("é" * n for n in (125, 300)), "x" * 65_536],
        pa.binary(): [b"", b"\0", bytes(range(256)), b"\\N", b"\xff" * 70_000],
        pa.date32(): [dt.date(1, 1, 1), dt.date(9999, 12, 31), dt.date(1970, 1, 1)],
        pa.time64("us"): [dt.time(0), dt.time(23, 59, 59, 999_999)],
        pa.timestamp("us"): [dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31, 23, 59, 59, 999_999)],
        pa.duration("us"): [dt.timedelta(microseconds=n) for n in (-3_020_399_999_999, 3_020_399_999_999, -1, 0, 3_600_000_000)],
    }  # fmt: skip
    pool = edges.get(kind) or [dt.datetime(2024, 1, 1, 1, 2, 3, 4, dt.UTC)]
    return pa.array([rng.choice([None, *pool]) if n % 3 else pool[n // 3 % len(pool)] for n in range(count)], kind)


def everything(seed: int = 1, count: int = 120) -> pa.RecordBatch:
    rng = random.Random(seed)
    return pa.RecordBatch.from_arrays([column(kind, rng, count) for kind in KINDS], schema=SCHEMA)


@LOADERS
def test_everything_comes_back(connection: Any, store: Any) -> None:
    batch = everything()
    name = table(connection, EVERY)
    pieces = [batch.slice(0, 1), batch.slice(1, 0), batch.slice(1, 50), batch.slice(51)]
    assert store(connection, name, list("abcdefghijklmn"), SCHEMA, pieces) == 120
    got = pa.Table.from_batches(read(connection, f"SELECT {BACK} FROM {name}", SCHEMA, 9000))
    for name_of, kind in zip(SCHEMA.names, KINDS, strict=True):
        want = pa.chunked_array([batch[name_of]])
        assert got[name_of].equals(want), (kind, got[name_of].to_pylist(), want.to_pylist())
    sql = f"SELECT h, i, CAST(l AS CHAR), CAST(k AS CHAR), CAST(e AS CHAR) IS NULL FROM {name}"  # by another way
    seen = ask(connection, sql)
    assert [row[:2] for row in seen] == list(zip(batch["h"].to_pylist(), batch["i"].to_pylist(), strict=True))
    assert {row[2] for row in seen} == {None, "0001-01-01 00:00:00.000000", "9999-12-31 23:59:59.999999"}


@LOADERS
def test_one_column_of_nothing(connection: Any, store: Any) -> None:
    name = table(connection, "a TEXT")
    batch = pa.record_batch({"a": pa.array(["", None, ""])})
    assert store(connection, name, ["a"], batch.schema, [batch]) == 3
    assert store(connection, name, ["a"], batch.schema, []) == 0
    assert ask(connection, f"SELECT a, COUNT(*) FROM {name} GROUP BY a ORDER BY a") == [(None, 1), ("", 2)]
    assert bytes(tsv(batch)) == b"\n\\N\n\n"


@LOADERS
def test_no_sql_mode_reads_it_otherwise(connection: Any, store: Any) -> None:
    ask(connection, "SET sql_mode = 'STRICT_ALL_TABLES,NO_BACKSLASH_ESCAPES,ANSI_QUOTES,PIPES_AS_CONCAT'")
    name = table(connection, "a TEXT COLLATE utf8mb4_bin")
    batch = pa.record_batch({"a": pa.array(ODD_TEXTS)})
    assert store(connection, name, ['"a"'], batch.schema, [batch]) == len(ODD_TEXTS)
    assert [text for (text,) in ask(connection, f"SELECT a FROM {name}")] == ODD_TEXTS


@LOADERS
def test_extra_sql(connection: Any, store: Any) -> None:
    name = table(connection, "a BIT(9), b BLOB, c INT")
    batch = pa.record_batch({"a": pa.array([511, None], pa.int16()), "b": pa.array([b"xy", b"\0"])})
    extra = {"`a`": "CAST({} AS UNSIGNED)", "`b`": "CONCAT({}, {})", "`c`": "40 + 2"}
    assert store(connection, name, ["`a`", "`b`"], batch.schema, [batch], extra) == 2
    assert ask(connection, f"SELECT a + 0, b, c FROM {name}") == [(511, b"xyxy", 42), (None, b"\0\0", 42)]


@LOADERS
def test_a_value_of_17_megabytes(connection: Any, store: Any) -> None:
    name = table(connection, "a LONGTEXT, b LONGBLOB")
    batch = pa.record_batch({"a": ["x", "é\\" * 6_000_000], "b": pa.array([b"\0\xff" * 4_500_000, None])})
    assert store(connection, name, ["a", "b"], batch.schema, [batch]) == 2
    assert pa.Table.from_batches(read(connection, f"SELECT a, b FROM {name}", batch.schema)).equals(
        pa.table(batch)
    )


@LOADERS
@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (float("nan"), pa.float64()), (float("inf"), pa.float32()), (-0.0, pa.float64()), (-0.0, pa.float32()),
        (-719_163, pa.date32()), (2_932_897, pa.date32()), (253_402_300_800_000_000, pa.timestamp("us")),
        (-62_135_596_800_000_001, pa.timestamp("us", "UTC")), (1, pa.timestamp("ns")),
        (3_020_400_000_000, pa.duration("us")), (-(2**63), pa.duration("us")),
    ],
)  # fmt: skip
def test_what_mysql_has_no_value_for(connection: Any, store: Any, value: Any, kind: pa.DataType) -> None:
    name = table(connection, "a TEXT")
    bits = pa.int32() if pa.types.is_date(kind) else pa.int64()
    values = pa.array([None, value], kind) if pa.types.is_floating(kind) else pa.array([None, value], bits).view(kind)
    with pytest.raises(DataError, match="column w"):
        store(connection, name, ["a"], one("w", kind), [pa.record_batch({"w": values})])
    connection.rollback()
    assert ask(connection, f"SELECT COUNT(*) FROM {name}") == [(0,)]


@LOADERS
@pytest.mark.parametrize(
    ("definition", "values"),
    [
        ("a TINYINT", [1, 300]), ("a VARCHAR(2)", ["ab", "abc"]), ("a INT PRIMARY KEY", [7, 8, 7]),
        ("a INT NOT NULL", [1, None]), ("a DATE", ["2024-01-01", "2024-02-30"]), ("a DECIMAL(5,2)", ["1.00", "1.005"]),
        ("a VARCHAR(9) CHARACTER SET latin1", ["é", "💥"]), ("a ENUM('x')", ["x", "y"]), ("a JSON", ["{}", "{"]),
        ("a INT CHECK (a < 5)", [1, 6]),
    ],
)  # fmt: skip
def test_what_the_server_changes_or_skips(connection: Any, store: Any, definition: str, values: list[Any]) -> None:
    name = table(connection, definition)
    batch = pa.record_batch({"a": pa.array(values)})
    with pytest.raises(DataError if store is load else (DataError, pymysql.err.Error)):
        store(connection, name, ["a"], batch.schema, [batch])
    connection.rollback()
    assert ask(connection, f"SELECT COUNT(*) FROM {name}") == [(0,)]


@LOADERS
def test_an_error_of_the_batches_surfaces(connection: Any, store: Any) -> None:
    name = table(connection, "a INT")
    batch = pa.record_batch({"a": pa.array(range(100_000), pa.int32())})

    def failing(error: Exception) -> Iterator[pa.RecordBatch]:
        yield batch
        raise error

    for error in (ZeroDivisionError("mine"), pymysql.err.OperationalError(1, "of a source")):
        with pytest.raises(type(error), match=r"mine|of a source"):
            store(connection, name, ["a"], batch.schema, failing(error))
        assert ask(connection, f"SELECT COUNT(*) FROM {name}") == [(100_000,)]
        connection.rollback()
        assert ask(connection, f"SELECT COUNT(*) FROM {name}") == [(0,)]
    with pytest.raises(KeyboardInterrupt):
        load(connection, name, ["a"], batch.schema, failing(KeyboardInterrupt()))  # type: ignore[arg-type]
    assert not connection.open


@LOADERS
def test_batches_of_other_types_are_refused(connection: Any, store: Any) -> None:
    name = table(connection, "a BLOB")
    with pytest.raises(EngineError, match="announced"):
        store(connection, name, ["a"], one("a", pa.string()), [pa.record_batch({"a": pa.array([b"x"])})])
    connection.rollback()
    assert ask(connection, f"SELECT COUNT(*) FROM {name}") == [(0,)]


def test_two_threads_load_at_once(connect: Connect) -> None:
    name = table(connect(), "t INT, n INT, s TEXT")
    together, errors = threading.Barrier(2), []

    def batches(thread: int) -> Iterator[pa.RecordBatch]:
        for part in range(20):
            if part == 1:
                together.wait(30)  # both are inside their LOAD DATA
            numbers = np.arange(part * 1000, part * 1000 + 1000, dtype=np.int32)
            yield pa.record_batch({"t": np.full(1000, thread, np.int32), "n": numbers, "s": [f"{thread}\t"] * 1000})

    def work(thread: int) -> None:
        try:
            connection = connect()
            schema = pa.schema([("t", pa.int32()), ("n", pa.int32()), ("s", pa.string())])
            assert load(connection, name, ["t", "n", "s"], schema, batches(thread)) == 20_000
            connection.commit()
        except BaseException as error:
            errors.append(error)
            together.abort()

    threads = [threading.Thread(target=work, args=(number,)) for number in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    sql = f"SELECT t, COUNT(*), COUNT(DISTINCT n), MIN(s), MAX(s) FROM {name} GROUP BY t"
    assert ask(connect(), sql) == [(1, 20_000, 20_000, "1\t", "1\t"), (2, 20_000, 20_000, "2\t", "2\t")]


def test_a_server_that_forbids_local_files(connect: Connect, connection: Any) -> None:
    name = table(connection, "a INT")
    batch = pa.record_batch({"a": pa.array(range(300_000), pa.int32())})
    ask(connection, "SET GLOBAL local_infile = OFF")
    try:
        with pytest.raises(pymysql.err.Error):
            load(connection, name, ["a"], batch.schema, [batch])
        assert insert(connection, name, ["a"], batch.schema, [batch]) == 300_000
        assert ask(connection, f"SELECT COUNT(DISTINCT a), SUM(a) FROM {name}") == [(300_000, sum(range(300_000)))]
    finally:
        ask(connection, "SET GLOBAL local_infile = ON")
