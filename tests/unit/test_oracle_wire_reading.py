"""Queries over the wire of the Oracle test server, by python-oracledb and by adbc-driver-oracle's own client."""

from __future__ import annotations

import contextlib
import datetime as dt
import math
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import adbc_driver_oracle.dbapi
import oracledb
import pyarrow as pa
import pytest

from oracle_canned import (
    BLOB,
    CLOB,
    INTEGER,
    LOGICAL,
    NCLOB,
    NUMBER,
    NVARCHAR,
    OCTETS,
    PASSWORD,
    QUERY,
    ROWID,
    SERVICE,
    TEXT,
    USER,
    VARCHAR,
    Canned,
    connect,
    date,
    days,
    double,
    number,
    timestamp,
    years,
)
from servers.oracle import spoken
from servers.oracle.spoken import Column, Encoded, Kind, Refused, Result, Row
from servers.oracle.wire import Conduct, Server, encoded, serve


@pytest.fixture
def store() -> Canned:
    return Canned()


@pytest.fixture
def conduct() -> Conduct:
    return Conduct()


@pytest.fixture
def server(store: Canned, conduct: Conduct) -> Iterator[Server]:
    with contextlib.closing(serve(store, conduct)) as server:
        yield server


@pytest.fixture
def connection(server: Server) -> Iterator[oracledb.Connection]:
    with connect(server) as connection:
        yield connection


def same(name: str, kind: Kind, octets: bytes, value: object) -> tuple[str, Kind, bytes, object, object]:
    """A kind of which cursors and Arrow give the same."""
    return name, kind, octets, value, value


TIMESTAMP = Kind(spoken.TIMESTAMP, scale=6)
INTERVAL = Kind(spoken.INTERVAL_DS, precision=2, scale=6)
MOMENT = dt.datetime(2024, 1, 2, 3, 4, 5, 6)
ZONED = timestamp("2024-07-01 10:00:00") + bytes((20 + 2, 60))

# Name, kind, octets, what a cursor gives, what Arrow gives.
KINDS: list[tuple[str, Kind, bytes, object, object]] = [
    same("integer", INTEGER, b"\xc1\x02", 1),
    same("lowest", INTEGER, number("-999999999999999999"), -(10**18) + 1),
    same("cents", Kind(spoken.NUMBER, precision=12, scale=2), b"\x3e\x64\x5b\x66", -1.1),
    same("free", NUMBER, b"\xc0\x1a", 0.25),
    same("float", Kind(spoken.NUMBER, precision=126, scale=-127), number("1e125"), 1e125),
    same("text", VARCHAR, "a€😀".encode(), "a€😀"),
    same("longest text", Kind(spoken.VARCHAR, 32767, 32767), b"x" * 32767, "x" * 32767),
    same("edge of short", Kind(spoken.VARCHAR, 32767, 32767), b"x" * 252, "x" * 252),
    same("edge of chunked", Kind(spoken.VARCHAR, 32767, 32767), b"x" * 253, "x" * 253),
    same("national", NVARCHAR, "a€😀".encode("utf-16-be"), "a€😀"),
    same("padded", Kind(spoken.CHAR, 4, 4), b"ab  ", "ab  "),
    same("nchar", Kind(spoken.CHAR, 8, 4, national=True), "é   ".encode("utf-16-be"), "é   "),
    same("raw", Kind(spoken.RAW, 2000), bytes(range(256)), bytes(range(256))),
    same("long", Kind(spoken.LONG), b"y" * 70_000, "y" * 70_000),
    same("long raw", Kind(spoken.LONG_RAW), b"\0" * 70_000, b"\0" * 70_000),
    same("date", Kind(spoken.DATE), b"\x78\x7c\x02\x1d\x18\x3c\x3c", dt.datetime(2024, 2, 29, 23, 59, 59)),
    same("first day", Kind(spoken.DATE), date("0001-01-01"), dt.datetime(1, 1, 1)),
    same("timestamp", TIMESTAMP, timestamp("9999-12-31 23:59:59", 999_999_000), dt.datetime.max),
    same("local", Kind(spoken.TIMESTAMP_LTZ, scale=6), timestamp("2024-01-02 03:04:05", 6_000), MOMENT),
    # 10:00 in UTC, of a zone 2 hours east: the driver gives that zone's clock.
    same("zoned", Kind(spoken.TIMESTAMP_TZ, scale=6), ZONED, dt.datetime(2024, 7, 1, 12)),
    ("interval", INTERVAL, days(1, 2, 3, 4, 5_000), dt.timedelta(1, 7384, 5), (0, 1, 7384 * 10**9 + 5_000)),
    ("negative interval", INTERVAL, days(-1), dt.timedelta(-1), (0, -1, 0)),
    ("years", Kind(spoken.INTERVAL_YM), years(-1, -2), oracledb.IntervalYM(-1, -2), (-14, 0, 0)),
    same("binary float", Kind(spoken.BINARY_FLOAT), b"\x40\x3f\xff\xff", -1.5),
    same("binary double", Kind(spoken.BINARY_DOUBLE), double(1.7976931348623157e308), 1.7976931348623157e308),
    same("infinite", Kind(spoken.BINARY_DOUBLE), double(-math.inf), -math.inf),
    same("true", Kind(spoken.BOOLEAN), b"\1\1", True),
    same("false", Kind(spoken.BOOLEAN), b"\0", False),
]


def plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, pa.MonthDayNano) else value


@pytest.mark.parametrize(
    ("name", "kind", "octets", "from_cursor", "from_arrow"), KINDS, ids=[kind[0] for kind in KINDS]
)
def test_kind(
    connection: oracledb.Connection,
    store: Canned,
    name: str,
    kind: Kind,
    octets: bytes,
    from_cursor: object,
    from_arrow: object,
) -> None:
    columns = (Column(name, kind), Column("AFTER", INTEGER, nullable=False))
    store.query(columns, [(octets, b"\x80"), (None, b"\x80"), (octets, b"\x80")])
    with connection.cursor() as cursor:
        assert cursor.execute(QUERY).fetchall() == [(from_cursor, 0), (None, 0), (from_cursor, 0)]
        assert [column.name for column in cursor.description] == [name, "AFTER"]
        assert [column.null_ok for column in cursor.description] == [True, False]
    table = pa.table(connection.fetch_df_all(QUERY))
    assert list(map(plain, table[name].to_pylist())) == [from_arrow, None, from_arrow]


@pytest.mark.parametrize(
    ("octets", "expected"),
    [(ROWID, ROWID.decode()), (b"D/////P//D/////P//", "D/////P//D/////P//"), (LOGICAL, LOGICAL.decode())],
)
def test_rowids(connection: oracledb.Connection, store: Canned, octets: bytes, expected: str) -> None:
    kinds = [Kind(spoken.UROWID)] if octets.startswith(b"*") else [Kind(spoken.ROWID), Kind(spoken.UROWID)]
    store.query([Column("R", kind) for kind in kinds], [(octets,) * len(kinds), (None,) * len(kinds)])
    with connection.cursor() as cursor:
        assert cursor.execute(QUERY).fetchall() == [(expected,) * len(kinds), (None,) * len(kinds)]


def test_json(connection: oracledb.Connection, store: Canned) -> None:
    """Its octets are OSON, which the wire takes as they are."""
    document = {"a": [1, "é", None], "long": "x" * 5000}
    store.query(
        [Column("J", Kind(spoken.JSON)), Column("N", INTEGER)],
        [(connection.encode_oson(document), b"\x80"), (None, b"\x80")],
    )
    with connection.cursor() as cursor:
        assert cursor.execute(QUERY).fetchall() == [(document, 0), (None, 0)]
        cursor.setinputsizes(oracledb.DB_TYPE_JSON, int)
        cursor.execute("INSERT INTO t VALUES (:1, :2)", [document, 1])
        cursor.execute("INSERT INTO t VALUES (:1, :2)", [None, 1])
    [(_, _, [[octets, one]]), (_, _, [[nothing, _]])] = store.asked[1:]
    assert octets is not None
    assert (connection.decode_oson(octets), one, nothing) == (document, b"\xc1\x02", None)


def test_xml_is_for_sql_to_serialise(connection: oracledb.Connection, store: Canned) -> None:
    store.query([Column("X", Kind(spoken.XMLTYPE))], [(b"<a/>",), (None,)])
    with pytest.raises(oracledb.NotSupportedError, match=r"DPY-3030.*DB_TYPE_XMLTYPE"):
        connection.fetch_df_all(QUERY)
    with connection.cursor() as cursor, pytest.raises(oracledb.DatabaseError, match=r"ORA-03001.*objects"):
        cursor.execute(QUERY)  # the driver asks a package for the parts of the type
    connection.ping()


def test_column_that_is_always_null(connection: oracledb.Connection, store: Canned) -> None:
    store.query([Column("NOTHING", Kind(spoken.VARCHAR)), Column("N", INTEGER)], [(None, b"\xc1\x02")] * 3)
    with connection.cursor() as cursor:
        assert cursor.execute(QUERY).fetchall() == [(None, 1)] * 3
    assert pa.table(connection.fetch_df_all(QUERY)).to_pylist() == [{"NOTHING": None, "N": 1}] * 3


LOBS = [Column("C", CLOB), Column("N", NCLOB), Column("B", BLOB), Column("I", INTEGER)]
LOB_ROWS = [
    (TEXT.encode(), TEXT.encode("utf-16-be"), OCTETS, b"\xc1\x02"),
    (None, None, None, b"\xc1\x03"),
    (b"short", "é".encode("utf-16-be"), b"\0", b"\xc1\x04"),
]
LOB_VALUES = [(TEXT, TEXT, OCTETS, 1), (None, None, None, 2), ("short", "é", b"\0", 3)]


def test_lobs_as_locators(connection: oracledb.Connection, store: Canned, conduct: Conduct) -> None:
    store.query(LOBS, LOB_ROWS)
    with connection.cursor() as cursor:
        rows = cursor.execute(QUERY).fetchall()
        assert conduct.lob_trips == 0
        assert [tuple(v.read() if isinstance(v, oracledb.LOB) else v for v in row) for row in rows] == LOB_VALUES
        assert conduct.lob_trips == 6
        clob, _, blob, _ = rows[0]
        assert (clob.size(), blob.size()) == (5 * 20_000, 256 * 300)  # a character past U+FFFF counts as two
        assert blob.read(2, 3) == b"\1\2\3"
        assert blob.read(256 * 300 + 1, 5) == b""


def test_lobs_as_long(connection: oracledb.Connection, store: Canned, conduct: Conduct) -> None:
    store.query(LOBS, LOB_ROWS)
    with connection.cursor() as cursor:
        assert cursor.execute(QUERY, fetch_lobs=False).fetchall() == LOB_VALUES
        assert cursor.execute(QUERY, fetch_lobs=False).fetchall() == LOB_VALUES
    assert conduct.lob_trips == 0


def test_lobs_in_arrow_take_a_trip_a_batch(connection: oracledb.Connection, store: Canned, conduct: Conduct) -> None:
    store.query(LOBS, LOB_ROWS)
    trips = conduct.trips
    batches = [pa.table(batch) for batch in connection.fetch_df_batches(QUERY, size=1)]
    assert [tuple(row.values()) for row in pa.concat_tables(batches).to_pylist()] == LOB_VALUES
    # To describe, to define (and the first row), two more rows, and one to hear that there are no more.
    assert (conduct.trips - trips, conduct.lob_trips) == (5, 0)


COUNTED = [Column("I", INTEGER), Column("V", VARCHAR), Column("S", VARCHAR), Column("N", NUMBER)]


def counted(count: int) -> list[Row]:
    """Values that differ, change now and then, never, or are NULL."""
    return [(number(str(i)), str(i // 3).encode(), b"same", None if i % 4 < 2 else b"\xc1\x02") for i in range(count)]


@pytest.mark.parametrize("repeats", [False, True])
@pytest.mark.parametrize("size", [1, 7, 100, 1000])
def test_batches(connection: oracledb.Connection, store: Canned, conduct: Conduct, repeats: bool, size: int) -> None:
    conduct.repeats = repeats
    store.query(COUNTED, counted(100))
    types: list[tuple[str, pa.DataType]] = [("I", pa.int64()), ("V", pa.large_string()), ("S", pa.large_string())]
    schema = pa.schema([*types, ("N", pa.decimal128(12, 2))])
    trips, octets = conduct.trips, conduct.octets_out
    batches = [pa.table(each) for each in connection.fetch_df_batches(QUERY, size=size, requested_schema=schema)]
    one = Decimal("1.00")
    expected = [{"I": i, "V": str(i // 3), "S": "same", "N": None if i % 4 < 2 else one} for i in range(100)]
    assert pa.concat_tables(batches).to_pylist() == expected
    assert conduct.trips - trips == 100 // size + 1
    if size == 100:
        assert (conduct.octets_out - octets < 1600) == repeats


@pytest.mark.parametrize("size", [1, 3, 10])
def test_repeated_dates(connection: oracledb.Connection, store: Canned, conduct: Conduct, size: int) -> None:
    """Versions of the driver before 26.1 lost them."""
    conduct.repeats = True
    store.query([Column("I", INTEGER), Column("D", Kind(spoken.DATE))], [(b"\x80", date("2026-01-01"))] * 7)
    types: list[tuple[str, pa.DataType]] = [("I", pa.int64()), ("D", pa.date32())]
    batches = connection.fetch_df_batches(QUERY, size=size, requested_schema=pa.schema(types))
    table = pa.concat_tables([pa.table(batch) for batch in batches])
    assert table.to_pylist() == [{"I": 0, "D": dt.date(2026, 1, 1)}] * 7


@pytest.mark.parametrize("repeats", [False, True])
def test_cursor_fetches(connection: oracledb.Connection, store: Canned, conduct: Conduct, repeats: bool) -> None:
    conduct.repeats = repeats
    store.query(COUNTED, counted(100))
    with connection.cursor() as cursor:
        cursor.arraysize, cursor.prefetchrows = 9, 5
        trips = conduct.trips
        for _ in range(2):
            rows = cursor.execute(QUERY).fetchall()
            assert rows == [(i, str(i // 3), "same", None if i % 4 < 2 else 1) for i in range(100)]
        assert cursor.rowcount == 100
        assert conduct.trips - trips == 2 * (1 + math.ceil((100 - 5 + 1) / 9))


def test_rows_are_taken_as_they_are_asked_for(connection: oracledb.Connection, store: Canned) -> None:
    taken = []

    def rows() -> Iterator[Row]:
        for i in range(1_000_000):
            taken.append(i)
            yield (b"\x80",)

    store.answers[QUERY] = Result((Column("I", INTEGER),), rows())
    with connection.cursor() as cursor:
        cursor.prefetchrows, cursor.arraysize = 10, 20
        assert cursor.execute(QUERY).fetchmany(30) == [(0,)] * 30
    assert len(taken) == 30


def test_encoded_rows(connection: oracledb.Connection, store: Canned) -> None:
    columns = (*COUNTED, Column("C", CLOB))
    rows = [(*row, b"a text") for row in counted(30)]
    blocks: list[Row | Encoded] = [encoded(columns, rows[:10]), *rows[10:15], encoded(columns, rows[15:])]
    store.answers[QUERY] = Result(columns, blocks)
    batches = [pa.table(each) for each in connection.fetch_df_batches(QUERY, size=20)]
    assert [batch.num_rows for batch in batches] == [15, 15]
    assert pa.concat_tables(batches)["I"].to_pylist() == list(range(30))
    with pytest.raises(oracledb.DatabaseError, match="ORA-00600: a block of 10 rows is more than the 9 asked for"):
        list(connection.fetch_df_batches(QUERY, size=9))


def test_error_between_rows(connection: oracledb.Connection, store: Canned) -> None:
    def rows() -> Iterator[Row]:
        yield from [(b"\x80",)] * 15
        raise Refused(1555, "snapshot too old")

    store.answers[QUERY] = Result((Column("I", INTEGER),), rows())
    batches = connection.fetch_df_batches(QUERY, size=10)
    assert next(batches).num_rows() == 10
    with pytest.raises(oracledb.DatabaseError, match="ORA-01555"):
        next(batches)
    connection.ping()


def test_parse(connection: oracledb.Connection, store: Canned) -> None:
    store.query(COUNTED, [])
    with connection.cursor() as cursor:
        cursor.parse(QUERY)
        assert [column.name for column in cursor.description] == ["I", "V", "S", "N"]
        assert [column.type_code for column in cursor.description][:2] == [
            oracledb.DB_TYPE_NUMBER,
            oracledb.DB_TYPE_VARCHAR,
        ]
        assert cursor.description[0][4:6] == (18, 0)
        assert cursor.description[1][2:4] == (100, 400)  # characters, octets
    assert store.asked == []


def test_columns_may_change(connection: oracledb.Connection, store: Canned) -> None:
    with connection.cursor() as cursor:
        store.query([Column("A", INTEGER)], [(b"\x80",)])
        assert cursor.execute(QUERY).fetchall() == [(0,)]
        store.query([Column("A", VARCHAR), Column("B", VARCHAR)], [(b"x", b"y")])
        assert cursor.execute(QUERY).fetchall() == [("x", "y")]
        assert [column.name for column in cursor.description] == ["A", "B"]


# What the client of adbc-driver-oracle, written by others in another language, makes of the same octets. Dates after
# 2262 are left out: it counts nanoseconds.
SECOND_OPINION: list[tuple[Kind, bytes, object]] = [
    (INTEGER, number("-999999999999999999"), "-999999999999999999"),
    (NUMBER, b"\xc0\x1a", "0.25"),
    (VARCHAR, "a€😀".encode(), "a€😀"),
    (NVARCHAR, "a€😀".encode("utf-16-be"), "a€😀"),
    (Kind(spoken.CHAR, 8, 4, national=True), "é   ".encode("utf-16-be"), "é   "),
    (Kind(spoken.RAW, 2000), bytes(range(256)), bytes(range(256))),
    (Kind(spoken.LONG), b"y" * 70_000, "y" * 70_000),
    (Kind(spoken.LONG_RAW), b"\0" * 70_000, b"\0" * 70_000),
    (Kind(spoken.DATE), date("0001-01-01"), dt.datetime(1, 1, 1)),
    (TIMESTAMP, timestamp("2024-01-02 03:04:05", 6_000), MOMENT),
    (Kind(spoken.TIMESTAMP_LTZ, scale=6), timestamp("2024-01-02 03:04:05", 6_000), MOMENT.replace(tzinfo=dt.UTC)),
    (Kind(spoken.TIMESTAMP_TZ, scale=6), ZONED, dt.datetime(2024, 7, 1, 10, tzinfo=dt.UTC)),
    (INTERVAL, days(1, 2, 3, 4, 5_000), (0, 1, 7384 * 10**9 + 5_000)),
    (Kind(spoken.INTERVAL_YM), years(-1, -2), (-14, 0, 0)),
    (Kind(spoken.BINARY_FLOAT), b"\x40\x3f\xff\xff", -1.5),
    (Kind(spoken.BINARY_DOUBLE), double(-math.inf), -math.inf),
    (Kind(spoken.BOOLEAN), b"\1\1", True),
    (Kind(spoken.ROWID), ROWID, ROWID.decode()),
    (Kind(spoken.UROWID), LOGICAL, LOGICAL.decode()),
    (Kind(spoken.XMLTYPE), b"<a/>" * 100, "<a/>" * 100),
    (CLOB, TEXT.encode(), TEXT),
    (NCLOB, TEXT.encode("utf-16-be"), TEXT),
    (BLOB, OCTETS, OCTETS),
]


def adbc(server: Server, **more: str) -> adbc_driver_oracle.dbapi.Connection:
    account = f"{USER}:{quote(PASSWORD, safe='')}"
    options = {"adbc.oracle.number_mode": "string", **more}
    return adbc_driver_oracle.dbapi.connect(f"oracle://{account}@127.0.0.1:{server.port}/{SERVICE}", db_kwargs=options)


def test_second_opinion(server: Server, store: Canned, conduct: Conduct) -> None:
    columns = [Column(f"C{place}", kind) for place, (kind, _, _) in enumerate(SECOND_OPINION)]
    row = [octets for _, octets, _ in SECOND_OPINION]
    store.query(columns, [row, [None] * len(row), row])
    with adbc(server) as connection, connection.cursor() as cursor:
        cursor.execute(QUERY)
        first, nothing, last = [list(map(plain, row.values())) for row in cursor.fetch_arrow_table().to_pylist()]
    assert first == last == [value for _, _, value in SECOND_OPINION]
    assert nothing == [None] * len(row)
    assert conduct.lob_trips == 0


@pytest.mark.parametrize("repeats", [False, True])
def test_second_opinion_on_batches(server: Server, store: Canned, conduct: Conduct, repeats: bool) -> None:
    conduct.repeats = repeats
    store.query(COUNTED, counted(100))
    sizes = {"adbc.oracle.batch_size": "7", "adbc.oracle.prefetch_rows": "7"}
    with adbc(server, **sizes) as connection, connection.cursor() as cursor:
        trips = conduct.trips
        cursor.execute(QUERY)
        table = cursor.fetch_arrow_table()
        assert conduct.trips - trips == 15
    assert [tuple(row.values()) for row in table.to_pylist()] == [
        (str(i), str(i // 3), "same", None if i % 4 < 2 else "1") for i in range(100)
    ]


def test_second_opinion_on_refusals(server: Server, store: Canned) -> None:
    store.answers[QUERY] = Refused(942, "table or view does not exist", 14)
    refused = pytest.raises(adbc_driver_oracle.dbapi.Error, match="ORA-00942: table or view does not exist")
    with adbc(server) as connection, connection.cursor() as cursor, refused:
        cursor.execute(QUERY)
    with pytest.raises(adbc_driver_oracle.dbapi.Error, match="ORA-01017"):
        adbc(server, password="lion")
