"""Reading and loading MariaDB: the wire, odd values, refusals, and what is left after errors."""

from __future__ import annotations

import datetime as dt
import random
import struct
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pymysql
import pytest

from ropeway.transfer.engines.mysql.infile import insert, load, tsv
from ropeway.transfer.engines.mysql.wire import _batches, _guessed, _packets, read
from ropeway.transfer.errors import DataError, EngineError
from servers import Mariadb

FULL = 0xFFFFFF
LENGTHS = [0, 1, 249, 250, 251, 252, 255, 256, 257, 65534, 65535, 65536, 65537]
ODD_TEXTS = ["", "\t", "\n", "\\", "\\N", "NULL", "\\t", "a\tb\\\n", "\r\n", "\0", "\x1a", "'", '"', "--", "💥é", " x "]
ROOMS = pytest.mark.parametrize("room", [1, 70, 1000, 20_000, 1 << 20])


@pytest.fixture
def connect(mariadb: Mariadb) -> Iterator[Any]:
    """Connections to a database of the test's own, as the engine pins them."""
    name = mariadb.database().rsplit("/", 1)[1]
    pins = "SET time_zone = '+00:00', sql_mode = 'STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO'"
    opened = [mariadb.connect()]
    ((before,),) = ask(opened[0], "SELECT @@GLOBAL.max_allowed_packet")
    ask(opened[0], "SET GLOBAL max_allowed_packet = 64 * 1024 * 1024")

    def open_one(**more: Any) -> Any:
        opened.append(mariadb.connect(database=name, local_infile=True, init_command=pins, **more))
        return opened[-1]

    yield open_one
    with mariadb.connect() as connection:  # other tests count on the server's own
        ask(connection, f"SET GLOBAL max_allowed_packet = {before}")
    for connection in filter(lambda each: each.open, opened):
        connection.close()


@pytest.fixture
def connection(connect: Any) -> Any:
    return connect()


@pytest.fixture(params=[load, insert], ids=["load", "insert"])
def store(request: pytest.FixtureRequest) -> Any:
    return request.param


def ask(connection: Any, sql: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


def rows(connection: Any, sql: str, schema: pa.Schema, room: int = 4 << 20) -> list[tuple[Any, ...]]:
    batches = list(read(connection, sql, schema, room))
    for batch in batches:
        batch.validate(full=True)
    return [tuple(row.values()) for batch in batches for row in batch.to_pylist()]


def table(connection: Any, definition: str) -> str:
    ask(connection, f"CREATE TABLE t ({definition}) CHARACTER SET utf8mb4")
    return "t"


def nothing_stays(connection: Any, name: str) -> bool:
    connection.rollback()
    return ask(connection, f"SELECT COUNT(*) FROM {name}") == [(0,)]


def one(name: str, kind: pa.DataType) -> pa.Schema:
    return pa.schema([pa.field(name, kind)])


TWO = one("n", pa.int32()).append(pa.field("s", pa.string()))
UTC = pa.timestamp("us", "UTC")
LONG = "SELECT seq, REPEAT('x', 100) FROM seq_1_to_200000"


@ROOMS
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
    kinds: dict[str, Any] = {"i": pa.int64(), "s": pa.string(), "b": pa.binary(), "n": pa.uint32(), "e": UTC}
    got = rows(connection, f"SELECT * FROM {name}", pa.schema(kinds), room)
    assert got == ask(connection, f"SELECT * FROM {name}") != []


@pytest.mark.parametrize("room", [4 << 20, 1 << 16, 333])
def test_many_short_rows(connection: Any, room: int) -> None:
    sql = "SELECT seq, REPEAT(CHAR(65 + seq % 26), seq % 7 * (seq % 11)) FROM seq_1_to_60000"
    want = [(n, chr(65 + n % 26) * (n % 7 * (n % 11))) for n in range(1, 60_001)]
    assert rows(connection, sql, TWO, room) == want


def test_batches_are_bounded(connection: Any) -> None:
    wide = pa.schema([(f"c{n}", pa.decimal256(76, 0)) for n in range(8)])
    sizes = [b.nbytes for b in read(connection, f"SELECT {('NULL, ' * 8)[:-2]} FROM seq_1_to_20000", wide, 100_000)]
    assert max(sizes) < 120_000
    assert sum(sizes) >= 20_000 * 8 * 32


@pytest.mark.parametrize("seed", range(12))
def test_bytes_that_look_like_heads_are_none(seed: int) -> None:
    rng, stream, edges = random.Random(seed), bytearray(), [0]
    longest, letters = rng.choice([6, 60, 600, 6000]), b"\0\0\0\1ab" if seed % 3 else b"abcdefgh"
    while len(stream) < 300_000:
        body = bytearray(rng.choices(letters, k=rng.randrange(1, longest)))
        number = len(edges) % 256
        for _ in range(rng.randrange(3) if seed % 2 else 0):  # two false heads that fit each other
            false = struct.pack("<HBBIHBB", 4, 0, number, 7, 9, 0, (number + 1) % 256)
            body[rng.randrange(len(body)) :] = false + b"x" * rng.randrange(40)
        stream += struct.pack("<I", len(body))[:3] + bytes([number]) + body
        edges.append(len(stream))
    for start, cut in ((0, len(stream)), (edges[7], len(stream) - 1), (edges[1], edges[-2] + 3)):
        whole = [edge for edge in edges if start <= edge <= cut]
        found, rest = _packets(stream, start, cut)
        assert [*found.tolist(), rest] == whole
    assert seed % 6 or len(_guessed(np.frombuffer(stream, np.uint8))[0]) > 0.9 * len(edges)  # text: no loop


def test_a_broken_row_leads_nowhere() -> None:
    for row in (b"\xfe" + b"\xff" * 8, b"\xfe" + b"\0" * 7 + b"\x40", b"\xfd\xff\xff\xff", b"\x05ab", b"\x01a\x01b"):
        edges = np.array([0, len(row)], np.int32)
        with pytest.raises(EngineError, match="does not end"):
            list(_batches(bytearray(row), edges[:1], edges[1:], one("a", pa.binary())))


@pytest.mark.parametrize("beside", [0, 1, 2])
def test_rows_of_many_packets(connection: Any, beside: int) -> None:
    """Around 16 MiB, where an empty packet may follow; a first value of that size begins as an end does."""
    for size in (FULL - 12 + beside, 2 * FULL - 12 + beside):  # two bytes for the number, nine for the length
        for names in ("n, s", "s, n"):
            sql = f"SELECT {names} FROM (SELECT seq n, IF(seq = 2, REPEAT('y', {size}), 'z') s FROM seq_1_to_4) t"
            got = read(connection, sql, pa.schema([TWO.field(name) for name in names.split(", ")]), size % 9999)
            seen = [(row["n"], len(row["s"]), row["s"][-1]) for batch in got for row in batch.to_pylist()]
            assert seen == [(1, 1, "z"), (2, size, "y"), (3, 1, "z"), (4, 1, "z")]
    assert ask(connection, "SELECT 1") == [(1,)]


@ROOMS
def test_no_rows_and_a_thousand_columns(connection: Any, room: int) -> None:
    assert list(read(connection, "SELECT 1 FROM DUAL WHERE 1 = 0", one("a", pa.int8()), room)) == []
    wide = pa.schema([(f"c{n}", pa.int16() if n % 2 else pa.string()) for n in range(1000)])
    sql = f"SELECT {', '.join('NULL' if n % 5 == 0 else str(n) for n in range(1000))} FROM seq_1_to_3"
    want = tuple(None if n % 5 == 0 else n if n % 2 else str(n) for n in range(1000))
    assert rows(connection, sql, wide, room) == [want] * 3


NINES = "-" + "9" * 35 + "." + "9" * 30
TINY = 1.401298464324817e-45  # the smallest FLOAT


@pytest.mark.parametrize(
    ("sql", "kind", "value"),
    [
        ("18446744073709551615", pa.uint64(), 2**64 - 1), ("-9223372036854775808", pa.int64(), -(2**63)),
        (f"CAST('{NINES}' AS DECIMAL(65,30))", pa.decimal256(65, 30), Decimal(NINES)),
        ("CAST('-0.05' AS DECIMAL(5,2))", pa.decimal128(5, 2), Decimal("-0.05")),
        ("DATE'0001-01-01'", pa.date32(), dt.date(1, 1, 1)), ("DATE'9999-12-31'", pa.date32(), dt.date.max),
        ("TIMESTAMP'9999-12-31 23:59:59.999999'", pa.timestamp("us"), dt.datetime.max),
        ("TIMESTAMP'0001-01-01 00:00:00'", pa.timestamp("us"), dt.datetime.min),
        ("TIMESTAMP'2024-02-29 12:00:00.5'", UTC, dt.datetime(2024, 2, 29, 12, 0, 0, 500_000, dt.UTC)),
        ("TIME'23:59:59.999999'", pa.time64("us"), dt.time.max), ("-1", pa.duration("us"), -dt.timedelta(0, 0, 1)),
        ("1.7976931348623157e308", pa.float64(), 1.7976931348623157e308), ("5e-324", pa.float64(), 5e-324),
        (f"CAST({TINY} AS FLOAT) + 0e0", pa.float32(), TINY), ("1", pa.bool_(), True), ("0", pa.bool_(), False),
        ("''", pa.string(), ""), ("''", pa.binary(), b""), ("x'00ff'", pa.binary(), b"\0\xff"),
    ],
)  # fmt: skip
def test_values_arrive(connection: Any, sql: str, kind: pa.DataType, value: Any) -> None:
    assert rows(connection, f"SELECT {sql}", one("v", kind)) == [(value,)]
    assert rows(connection, "SELECT NULL FROM seq_1_to_9", one("v", kind)) == [(None,)] * 9
    assert rows(connection, f"SELECT IF(seq % 2, NULL, {sql}) FROM seq_1_to_2", one("v", kind)) == [(None,), (value,)]


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("'0000-00-00'", pa.date32()), ("'2024-02-30'", pa.date32()), ("'2024-00-01'", pa.date32()),
        ("'0000-00-00 00:00:00'", pa.timestamp("us")), ("'2024-01-01 00:00:00.1234567'", pa.timestamp("us")),
        ("'2024-01-01 00:00:00Z'", UTC), ("'24:00:00'", pa.time64("us")),
        ("'-01:00:00'", pa.time64("us")), ("'838:59:59'", pa.time64("us")), ("'01:00'", pa.duration("us")),
        ("2", pa.bool_()), ("'true'", pa.bool_()), ("''", pa.bool_()), ("128", pa.int8()), ("-1", pa.uint8()),
        ("18446744073709551616", pa.uint64()), ("'0x10'", pa.int64()), ("'1.0'", pa.int64()), ("' 1'", pa.int64()),
        ("'1e309'", pa.float64()), ("'nan'", pa.float64()), ("'1e39'", pa.float32()), ("''", pa.float64()),
        ("1.234", pa.decimal128(5, 2)), ("1000.00", pa.decimal128(5, 2)), ("'1e2'", pa.decimal128(5, 2)),
        ("x'ff'", pa.string()), ("x'eda080'", pa.string()), ("x'f09f98'", pa.string()),
    ],
)  # fmt: skip
def test_wrong_values_are_refused_by_name(connection: Any, sql: str, kind: pa.DataType) -> None:
    query = f"SELECT IF(seq = 700, {sql}, NULL) FROM seq_1_to_900"
    with pytest.raises(DataError, match="worst") as caught:
        rows(connection, query, one("worst", kind), 1000)
    assert caught.value.column == "worst"
    assert ask(connection, "SELECT 5") == [(5,)]


def test_other_refusals_leave_the_connection_free(connection: Any) -> None:
    day = "SELECT IF(seq = 77, '2024-13-01', '2024-01-01') FROM seq_1_to_100"
    never = pa.schema([pa.field("a", pa.int8(), nullable=False)])
    late = "SELECT (SELECT s.seq UNION ALL SELECT 2 FROM DUAL WHERE s.seq = 30000) FROM seq_1_to_90000 s"
    for sql, schema, error, words in (
        (day, one("d", pa.date32()), DataError, "b'2024-13-01' in column d"),
        ("SELECT NULL", never, DataError, "NULL came for column a"),
        ("SELECT CAST('12abc' AS SIGNED)", one("a", pa.int64()), DataError, "1292"),  # a warning is a loss
        ("SELECT 1, 2 FROM seq_1_to_100", never, EngineError, "1 columns gave 2"),
        ("DO 1", never, EngineError, "1 columns gave 0"),
        ("SELECT FROM", never, pymysql.err.ProgrammingError, "1064"),
        (late, one("a", pa.int32()), pymysql.err.OperationalError, "1242"),  # in mid-stream
    ):
        with pytest.raises(error, match=words):
            rows(connection, sql, schema, 1000)
        assert ask(connection, "SELECT 5") == [(5,)]


def test_a_killed_query_ends_a_closed_reader(connect: Any) -> None:
    connection, other = connect(), connect()
    stream: Any = read(connection, "SELECT seq, SLEEP(100 * (seq > 5000)) FROM seq_1_to_6000", TWO, 1000)
    next(stream)
    threading.Timer(0.3, ask, (other, f"KILL QUERY {connection.thread_id()}")).start()
    stream.close()
    assert ask(connection, "SELECT 5") == [(5,)]


def test_a_cut_reader_keeps_the_transaction(connect: Any) -> None:
    connection, writer = connect(), connect(autocommit=True)
    name = table(writer, "a INT")
    ask(connection, "START TRANSACTION WITH CONSISTENT SNAPSHOT")
    ask(writer, f"INSERT INTO {name} VALUES (2)")
    closed: Any = read(connection, LONG, TWO, 5000)
    next(closed)
    closed.close()
    assert rows(connection, f"SELECT a FROM {name}", one("a", pa.int32())) == []
    cut = read(connection, LONG, TWO, 5000)
    next(cut)
    with pytest.warns(UserWarning, match="left incomplete"):  # PyMySQL's
        assert ask(connection, f"SELECT a FROM {name}") == []
    with pytest.raises(EngineError, match="Another statement"):
        list(cut)


def test_a_lost_or_closed_connection(connect: Any) -> None:
    killed, closed = connect(), connect()
    streams = [read(connection, LONG, TWO, 5000) for connection in (killed, closed)]
    assert [next(stream).num_columns for stream in streams] == [2, 2]
    ask(connect(), f"KILL {killed.thread_id()}")
    closed.close()
    for stream in streams:
        with pytest.raises(pymysql.err.Error):
            list(stream)


COLUMNS: dict[str, tuple[str, pa.DataType, list[Any]]] = {
    "a": ("BOOL", pa.bool_(), [True, False]), "b": ("TINYINT", pa.int8(), [-128, 127, 0]),
    "c": ("BIGINT UNSIGNED", pa.uint64(), [2**64 - 1, 0]), "d": ("FLOAT", pa.float32(), [0.1, 3.4e38, TINY, -1.5]),
    "e": ("DOUBLE", pa.float64(), [0.1, 1 / 3, 1.7976931348623157e308, -5e-324, 1e20, 1e-7, 123456789012345680.0, 0.0]),
    "f": ("DECIMAL(30,10)", pa.decimal128(30, 10), [Decimal("0E-10"), Decimal("-1E-10"), Decimal("9" * 20 + ".9")]),
    "g": ("DECIMAL(65,30)", pa.decimal256(65, 30), [Decimal("1E-30"), Decimal(NINES)]),
    "h": ("LONGTEXT COLLATE utf8mb4_bin", pa.string(), [*ODD_TEXTS, "é" * 125, "é" * 300, "x" * 65_536]),
    "i": ("LONGBLOB", pa.binary(), [b"", b"\0", bytes(range(256)), b"\\N", b"\xff" * 70_000]),
    "j": ("DATE", pa.date32(), [dt.date.min, dt.date.max]), "m": ("DATETIME(6)", UTC, [1, -1]),
    "k": ("TIME(6)", pa.time64("us"), [dt.time.min, dt.time.max]),
    "l": ("DATETIME(6)", pa.timestamp("us"), [dt.datetime.min, dt.datetime.max]),
    "n": ("TIME(6)", pa.duration("us"), [-3_020_399_999_999, 3_020_399_999_999, -1, 0, 3_600_000_000]),
}  # fmt: skip
SCHEMA = pa.schema([(name, kind) for name, (_, kind, _) in COLUMNS.items()])


def test_everything_comes_back(connection: Any, store: Any) -> None:
    rng = random.Random(1)
    arrays = [
        pa.array([rng.choice([None, *pool]) if n % 3 else pool[n // 3 % len(pool)] for n in range(120)], kind)
        for _, kind, pool in COLUMNS.values()
    ]
    batch = pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)
    name = table(connection, ", ".join(f"{column} {native}" for column, (native, _, _) in COLUMNS.items()))
    pieces = [batch.slice(0, 1), batch.slice(1, 0), batch.slice(1, 50), batch.slice(51)]
    assert store(connection, name, [*COLUMNS], SCHEMA, pieces) == 120
    duration = "TIME_TO_SEC(n) DIV 1 * 1000000 + IF(n < 0, -1, 1) * MICROSECOND(n)"
    back = ", ".join({"d": "d + 0e0", "n": duration}.get(column, column) for column in COLUMNS)
    got = rows(connection, f"SELECT {back} FROM {name}", SCHEMA, 9000)
    assert got == [tuple(row.values()) for row in batch.to_pylist()]
    seen = ask(connection, f"SELECT h, i, CAST(l AS CHAR) FROM {name}")  # by another way
    assert [row[:2] for row in seen] == [(row["h"], row["i"]) for row in batch.to_pylist()]
    assert {row[2] for row in seen} == {None, "0001-01-01 00:00:00.000000", "9999-12-31 23:59:59.999999"}


def test_a_single_column_in_another_sql_mode(connection: Any, store: Any) -> None:
    ask(connection, "SET sql_mode = 'STRICT_ALL_TABLES,NO_BACKSLASH_ESCAPES,ANSI_QUOTES,PIPES_AS_CONCAT'")
    name = table(connection, "a TEXT COLLATE utf8mb4_bin")
    batch = pa.record_batch({"a": [*ODD_TEXTS, None, ""]})
    assert store(connection, name, ['"a"'], batch.schema, [batch]) == len(ODD_TEXTS) + 2
    assert store(connection, name, ['"a"'], batch.schema, []) == 0
    assert ask(connection, f"SELECT a FROM {name}") == [(text,) for text in batch["a"].to_pylist()]
    assert bytes(tsv(pa.record_batch({"a": ["", None, "\\\t"]}))) == b"\n\\N\n\\\\\\t\n"


def test_extra_sql_and_17_megabytes(connection: Any, store: Any) -> None:
    name = table(connection, "`a` BIT(9), `b` LONGBLOB, `c` INT, `d` LONGTEXT, `e` DOUBLE")
    long = "é\\" * 6_000_000
    numbers = {"a": pa.array([511, None], pa.int16()), "e": pa.array([0.1, None], pa.float32())}
    batch = pa.record_batch({**numbers, "b": [b"xy", b"\0"], "d": ["", long]})
    extra = {"`a`": "CAST({} AS UNSIGNED)", "`b`": "CONCAT({}, {})", "`c`": "40 + 2"}
    assert store(connection, name, ["`a`", "`e`", "`b`", "`d`"], batch.schema, [batch], extra) == 2
    want = [(511, 0.10000000149011612, b"xyxy", 42, ""), (None, None, b"\0\0", 42, long)]
    assert ask(connection, f"SELECT a + 0, e, b, c, d FROM {name}") == want


def test_the_number_zero_is_kept_beside_bytes(connection: Any, store: Any) -> None:
    """LOAD DATA with SET took the 0 of an AUTO_INCREMENT for a number to be given, whatever the sql_mode."""
    name = table(connection, "a INT AUTO_INCREMENT PRIMARY KEY, b BLOB")
    batch = pa.record_batch({"a": pa.array([5, 0, -3], pa.int32()), "b": [b"x", b"y", None]})
    assert store(connection, name, ["a", "b"], batch.schema, [batch]) == 3
    assert ask(connection, f"SELECT a, b FROM {name} ORDER BY a") == [(-3, None), (0, b"y"), (5, b"x")]


def bits(kind: pa.DataType, *values: int) -> pa.Array[Any]:
    return pa.array([None, *values], {32: pa.int32(), 64: pa.int64()}[kind.bit_width]).view(kind)


@pytest.mark.parametrize(
    ("definition", "values"),
    [
        ("a TEXT", pa.array([None, float("nan")])), ("a TEXT", pa.array([None, float("inf")], pa.float32())),
        ("a TEXT", pa.array([-0.0])), ("a TEXT", pa.array([1, -0.0], pa.float32())),
        ("a TEXT", bits(pa.date32(), -719_163)), ("a TEXT", bits(pa.date32(), 0, 2_932_897)),
        ("a TEXT", bits(UTC, -62_135_596_800_000_001)), ("a TEXT", bits(pa.timestamp("us"), 253_402_300_800_000_000)),
        ("a TEXT", bits(pa.duration("us"), 3_020_400_000_000)), ("a TEXT", bits(pa.duration("us"), -(2**63))),
        ("a TEXT", bits(pa.timestamp("ns"), 1)), ("a TINYINT", [1, 300]), ("a VARCHAR(2)", ["ab", "abc"]),
        ("a INT PRIMARY KEY", [7, 8, 7]), ("a INT NOT NULL", [1, None]), ("a DATE", ["2024-01-01", "2024-02-30"]),
        ("a DECIMAL(5,2)", ["1.00", "1.005"]), ("a VARCHAR(9) CHARACTER SET latin1", ["é", "💥"]),
        ("a ENUM('x')", ["x", "y"]), ("a JSON", ["{}", "{"]), ("a INT CHECK (a < 5)", [1, 6]),
    ],
)  # fmt: skip
def test_what_would_not_be_stored_as_it_is(connection: Any, store: Any, definition: str, values: Any) -> None:
    name = table(connection, definition)
    batch = pa.record_batch({"a": values})
    with pytest.raises(DataError if store is load else (DataError, pymysql.err.Error)) as caught:
        store(connection, name, ["a"], batch.schema, [batch])
    assert definition != "a TEXT" or getattr(caught.value, "column", "") == "a"
    assert nothing_stays(connection, name)


def test_an_error_of_the_batches_surfaces(connection: Any, store: Any) -> None:
    name = table(connection, "a INT")
    batch = pa.record_batch({"a": pa.array(range(100_000), pa.int32())})

    def failing(error: BaseException) -> Iterator[pa.RecordBatch]:
        yield batch
        raise error

    for error in (ZeroDivisionError("mine"), pymysql.err.OperationalError(1, "mine, of a source")):
        with pytest.raises(type(error), match="mine"):
            store(connection, name, ["a"], batch.schema, failing(error))
        assert nothing_stays(connection, name)
    with pytest.raises(EngineError, match="announced"):  # binary would be stored as its digits
        store(connection, name, ["a"], one("a", pa.string()), [pa.record_batch({"a": pa.array([b"x"])})])
    assert nothing_stays(connection, name)
    with pytest.raises(KeyboardInterrupt):
        load(connection, name, ["a"], batch.schema, failing(KeyboardInterrupt()))
    assert not connection.open


def test_two_threads_load_at_once(connect: Any) -> None:
    name = table(connect(), "n INT, s TEXT")
    together = threading.Barrier(2)

    def batches(thread: int) -> Iterator[pa.RecordBatch]:
        for part in range(20):
            if part == 1:
                together.wait(30)  # both are inside their LOAD DATA
            numbers = pa.array(np.arange(part * 1000, part * 1000 + 1000, dtype=np.int32))
            yield pa.RecordBatch.from_arrays([numbers, pa.array([f"{thread}\t"] * 1000)], schema=TWO)

    with ThreadPoolExecutor(2) as pool:
        stored = pool.map(lambda n: load(connect(autocommit=True), name, ["n", "s"], TWO, batches(n)), (1, 2))
        assert list(stored) == [20_000, 20_000]
    seen = ask(connect(), f"SELECT s, COUNT(*), COUNT(DISTINCT n) FROM {name} GROUP BY s")
    assert seen == [("1\t", 20_000, 20_000), ("2\t", 20_000, 20_000)]


def test_a_server_that_forbids_local_files(connection: Any) -> None:
    name = table(connection, "a INT")
    batch = pa.record_batch({"a": pa.array(range(300_000), pa.int32())})
    ask(connection, "SET GLOBAL local_infile = OFF")
    try:
        with pytest.raises(pymysql.err.Error):
            load(connection, name, ["a"], batch.schema, [batch])
    finally:
        ask(connection, "SET GLOBAL local_infile = ON")
    assert insert(connection, name, ["a"], batch.schema, [batch]) == 300_000
    assert ask(connection, f"SELECT COUNT(DISTINCT a), SUM(a) FROM {name}") == [(300_000, sum(range(300_000)))]
