"""Binds, batches and direct path loads over the wire of the Oracle test server."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any

import oracledb
import pyarrow as pa
import pytest

from oracle_canned import (
    BLOB,
    CLOB,
    INTEGER,
    OCTETS,
    ROWID,
    TEXT,
    USER,
    VARCHAR,
    Canned,
    connect,
    days,
    double,
    number,
    timestamp,
    years,
)
from servers.oracle import spoken
from servers.oracle.spoken import Column, Kind, Refused, Result, Row
from servers.oracle.wire import Conduct, Server, serve


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


@pytest.mark.parametrize("type", [oracledb.DB_TYPE_CLOB, oracledb.DB_TYPE_NCLOB, oracledb.DB_TYPE_BLOB])
def test_temporary_lob(connection: oracledb.Connection, store: Canned, type: oracledb.DbType) -> None:
    value = OCTETS if type is oracledb.DB_TYPE_BLOB else TEXT
    lob = connection.createlob(type, value)
    assert lob.read() == value
    lob.trim(2)
    lob.write(value[:1], 4)
    assert lob.read()[:2] == value[:2]
    assert lob.size() == 4
    lob.open()
    assert lob.isopen()
    lob.close()
    assert not lob.isopen()
    assert lob.getchunksize() == 8060
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO t VALUES (:1)", [connection.createlob(type, value)])
        [(_, [kind], [[bound]])] = store.asked
    assert (kind.code, kind.national) == (
        (type is oracledb.DB_TYPE_BLOB and 113) or 112,
        type is oracledb.DB_TYPE_NCLOB,
    )
    text = TEXT.encode("utf-16-be" if kind.national else "utf-8")
    assert bound == (OCTETS if type is oracledb.DB_TYPE_BLOB else text)
    del lob
    connection.ping()  # frees it on the way
    connection.ping()


def test_binds(connection: oracledb.Connection, store: Canned) -> None:
    at = dt.datetime(2024, 2, 29, 23, 59, 58, 999_999)
    sql = "INSERT INTO t VALUES (:n, ':x', :t, :d, :r, :b /* :c */, :f, :i, :ym, :x, q'[:y]', \":z\") -- :c"
    with connection.cursor() as cursor:
        cursor.setinputsizes(t=oracledb.DB_TYPE_NVARCHAR, d=oracledb.DB_TYPE_TIMESTAMP_TZ, b=oracledb.DB_TYPE_BOOLEAN)
        cursor.execute(
            sql, n=-1.1, t="é", d=at, r=b"\0\1", b=True, f=None, i=dt.timedelta(1),
            ym=oracledb.IntervalYM(1, 2), x="",
        )  # fmt: skip
    [(asked, kinds, rows)] = store.asked
    codes = [spoken.NUMBER, spoken.VARCHAR, spoken.TIMESTAMP_TZ, spoken.RAW, spoken.BOOLEAN, spoken.VARCHAR]
    assert (asked, [kind.code for kind in kinds]) == (
        sql,
        [*codes, spoken.INTERVAL_DS, spoken.INTERVAL_YM, spoken.VARCHAR],
    )
    assert [kind.national for kind in kinds][:2] == [False, True]
    zoned = timestamp("2024-02-29 23:59:58", 999_999_000) + b"\x14\x3c"
    assert rows == [
        [b"\x3e\x64\x5b\x66", "é".encode("utf-16-be"), zoned, b"\0\1", b"\1\1", None, days(1), years(1, 2), None]
    ]


def test_booleans(connection: oracledb.Connection, store: Canned) -> None:
    with connection.cursor() as cursor:
        cursor.setinputsizes(oracledb.DB_TYPE_BOOLEAN, int)
        cursor.executemany("INSERT INTO t VALUES (:1, :2)", [(True, 1), (None, 1), (False, 1)])
    assert store.asked[0][2] == [[b"\1\1", b"\xc1\x02"], [None, b"\xc1\x02"], [b"\0", b"\xc1\x02"]]


def test_long_binds_come_last_and_are_put_in_their_place(connection: oracledb.Connection, store: Canned) -> None:
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO t VALUES (:1, :2, :3, :4)", [TEXT, 1, OCTETS, "x"])
    assert store.asked[0][2] == [[TEXT.encode(), b"\xc1\x02", OCTETS, b"x"]]


def test_query_with_binds_is_run_again(connection: oracledb.Connection, store: Canned, conduct: Conduct) -> None:
    sql = "SELECT i FROM t WHERE i > :low"
    store.answers[sql] = lambda kinds, rows: Result((Column("I", INTEGER),), [(rows[0][0],)])
    with connection.cursor() as cursor:
        for low in (1, 2, 3):
            assert cursor.execute(sql, low=low).fetchall() == [(low,)]
    trips = conduct.trips
    with connection.cursor() as cursor:
        cursor.prefetchrows = 0
        assert cursor.execute(sql, low=4).fetchall() == [(4,)]
    assert conduct.trips - trips == 2
    assert len(store.asked) == 4


@pytest.mark.parametrize("as_arrow", [False, True])
def test_executemany(connection: oracledb.Connection, store: Canned, conduct: Conduct, as_arrow: bool) -> None:
    rows = [(i if i % 3 else None, f"row {i}" if i % 5 else None) for i in range(25_000)]
    table = pa.table({"I": pa.array([row[0] for row in rows], pa.int64()), "V": [row[1] for row in rows]})
    sql = "INSERT INTO t VALUES (:1, :2)"
    with connection.cursor() as cursor:
        trips, octets = conduct.trips, conduct.octets_in
        cursor.executemany(sql, table if as_arrow else rows, batch_size=10_000)
        assert (cursor.rowcount, conduct.trips - trips) == (5_000, 3)  # the driver gives the count of the last batch
        assert 300_000 < conduct.octets_in - octets < 400_000
        connection.commit()
        cursor.executemany(sql, table.slice(1, 2) if as_arrow else rows[1:3])
    assert [len(sent) for _, _, sent in store.asked] == [10_000, 10_000, 5_000, 2]
    sent = [row for _, _, batch in store.asked[:3] for row in batch]
    assert sent == [[i and number(str(i)), v and v.encode()] for i, v in rows]
    connection.close()
    assert store.events == ["commit", "rollback", "close"]


def refuse_odd(kinds: Sequence[Kind], rows: Sequence[Row]) -> Result:
    for done, (value, *_) in enumerate(rows):
        assert value
        if value[-1] % 2 == 0:  # a digit is sent plus 1
            raise Refused(1, f"unique constraint violated by {value.hex()}", done=done)
    return Result(count=len(rows))


def test_batch_errors(connection: oracledb.Connection, store: Canned) -> None:
    sql = "INSERT INTO t VALUES (:1, :2)"
    store.answers[sql] = refuse_odd
    rows = [(i, "x") for i in range(1, 20)]
    with connection.cursor() as cursor:
        cursor.executemany(sql, rows, batcherrors=True)
        errors = [(error.full_code, error.offset) for error in cursor.getbatcherrors()]
        assert errors == [("ORA-00001", i) for i in range(0, 19, 2)]
        assert cursor.getbatcherrors()[1].message.startswith("ORA-00001: unique constraint violated by c104")
        assert cursor.rowcount == 9
        with pytest.raises(oracledb.IntegrityError, match="ORA-00001"):
            cursor.executemany(sql, [(2, "x"), (4, "x"), (5, "x")])
        assert cursor.rowcount == 2
        cursor.executemany(sql, [(2, "x"), (4, "y")], batcherrors=True)
        assert cursor.getbatcherrors() == []


def test_a_statement_that_is_wrong_is_no_batch_error(connection: oracledb.Connection, store: Canned) -> None:
    sql = "INSERT INTO nowhere VALUES (:1)"
    store.answers[sql] = Refused(942, "table or view does not exist", 12)
    with connection.cursor() as cursor, pytest.raises(oracledb.DatabaseError, match="ORA-00942") as caught:
        cursor.executemany(sql, [(1,), (2,)], batcherrors=True)
    assert caught.value.args[0].offset == 12


def test_row_counts(connection: oracledb.Connection, store: Canned) -> None:
    sql = "DELETE FROM t WHERE i < :1"
    store.answers[sql] = lambda kinds, rows: Result(count=sum((row[0] or b"\0\0")[1] for row in rows))
    with connection.cursor() as cursor:
        cursor.executemany(sql, [(1,), (2,), (69,)], arraydmlrowcounts=True)
        assert cursor.getarraydmlrowcounts() == [2, 3, 70]
        assert cursor.rowcount == 75


def test_returning(connection: oracledb.Connection, store: Canned) -> None:
    sql = "UPDATE t SET v = :v WHERE i = :i RETURNING i + :more, v, ROWID INTO :a, :b, :c"

    def answer(kinds: Sequence[Kind], rows: Sequence[Row]) -> Result:
        [[v, i, more, *filled]] = rows
        assert more == b"\xc1\x02"
        assert filled == [None] * 3
        return Result(count=1, outs=(i, v, ROWID)) if v else Result()

    store.answers[sql] = answer
    with connection.cursor() as cursor:
        out = [cursor.var(type, arraysize=3) for type in (int, str, oracledb.DB_TYPE_ROWID)]
        for _ in range(2):
            cursor.execute(sql, ["x", 5, 1, *out])
            assert [var.getvalue() for var in out] == [[5], ["x"], [ROWID.decode()]]
        cursor.executemany(sql, [("y", 6, 1, *out), (None, 7, 1, *out), ("z", 8, 1, *out)])
        assert [out[0].getvalue(place) for place in range(3)] == [[6], [], [8]]
        assert cursor.rowcount == 2


def test_block_of_plsql(connection: oracledb.Connection, store: Canned) -> None:
    sql = "BEGIN :out := f(:value, :text); END;"
    store.answers[sql] = lambda kinds, rows: Result(outs=(rows[0][1], rows[0][1], "né".encode()))
    with connection.cursor() as cursor:
        out, text = cursor.var(int), cursor.var(oracledb.DB_TYPE_CLOB)
        for value in (5, 6):
            cursor.execute(sql, {"out": out, "value": value, "text": text})
            assert (out.getvalue(), text.getvalue().read()) == (value, "né")
    with connection.cursor() as cursor:
        cursor.execute("begin p(:1); end;", ["in"])
        cursor.executemany("begin p(:1); end;", [("a",), ("b",), (None,)])
    assert [sent for _, _, sent in store.asked[2:]] == [[[b"in"]], [[b"a"]], [[b"b"]], [[None]]]


LOADED = [
    Column("I", INTEGER, nullable=False), Column("V", VARCHAR), Column("C", CLOB), Column("B", BLOB),
    Column("D", Kind(spoken.TIMESTAMP, scale=6)), Column("F", Kind(spoken.BINARY_DOUBLE)),
    Column("T", Kind(spoken.BOOLEAN)),
]  # fmt: skip
NAMES = [column.name for column in LOADED]


def test_direct_path(connection: oracledb.Connection, store: Canned) -> None:
    store.columns = tuple(LOADED)
    at = dt.datetime(2024, 1, 2, 3, 4, 5, 6)
    rows: list[list[Any]] = [
        [1, "né", TEXT, OCTETS[:70_000], at, -1.5, True],
        [2, None, None, None, None, None, None],
        [3, "x" * 100, "c", b"b", at, 0.0, False],
        [4, "v", "x" * 250, b"\xff" * 251, at, 1.0, None],
    ]
    large: dict[str, pa.DataType] = {"C": pa.large_string(), "B": pa.large_binary(), "D": pa.timestamp("us")}
    arrays = [
        pa.array(list(column), large.get(name)) for name, column in zip(NAMES, zip(*rows, strict=True), strict=True)
    ]
    table = pa.table(arrays, names=NAMES)
    connection.direct_path_load(USER, "T", NAMES, table)
    moment = timestamp("2024-01-02 03:04:05", 6_000)
    assert store.loaded == [
        [b"\xc1\x02", "né".encode(), TEXT.encode("utf-16-be"), OCTETS[:70_000], moment, double(-1.5), b"\1\1"],
        [b"\xc1\x03", *[None] * 6],
        [b"\xc1\x04", b"x" * 100, b"\0c", b"b", moment, double(0.0), b"\0"],
        [b"\xc1\x05", b"v", ("x" * 250).encode("utf-16-be"), b"\xff" * 251, moment, double(1.0), None],
    ]
    assert store.events == ["target SCOTT.T I,V,C,B,D,F,T", "finish True"]


def test_direct_path_in_batches(connection: oracledb.Connection, store: Canned, conduct: Conduct) -> None:
    store.columns = tuple(LOADED[:2])
    table = pa.table({"I": pa.array(range(100_000)), "V": [str(i) if i % 7 else None for i in range(100_000)]})
    trips = conduct.trips
    connection.direct_path_load(USER, "T", NAMES[:2], table, batch_size=30_000)
    assert (store.loads, conduct.trips - trips) == (4, 6)
    assert store.loaded == [[number(str(i)), str(i).encode() if i % 7 else None] for i in range(100_000)]


def test_direct_path_of_many_columns(connection: oracledb.Connection, store: Canned) -> None:
    """A piece has at most 255 segments, so such a row takes several."""
    store.columns = tuple(Column(f"C{i}", VARCHAR) for i in range(600))
    table = pa.table({column.name: ["x" * (i % 100 + 1), None] for i, column in enumerate(store.columns)})
    connection.direct_path_load(USER, "T", table.column_names, table)
    assert store.loaded == [[b"x" * (i % 100 + 1) for i in range(600)], [None] * 600]


def test_direct_path_that_fails(connection: oracledb.Connection, store: Canned) -> None:
    store.columns = tuple(LOADED[:2])
    with pytest.raises(oracledb.DatabaseError, match="DPY-8001"):
        connection.direct_path_load(USER, "T", NAMES[:2], pa.table({"I": pa.array([None], pa.int64()), "V": ["x"]}))
    assert store.events[1:] == ["finish False"]

    def refuse(rows: Sequence[Row]) -> None:
        raise Refused(26002, "table SCOTT.T has an index defined upon it")

    store.load = refuse  # type: ignore[method-assign]
    with pytest.raises(oracledb.DatabaseError, match="ORA-26002"):
        connection.direct_path_load(USER, "T", NAMES[:2], pa.table({"I": [1], "V": ["x"]}))
    assert store.events[3:] == ["finish False"]
    connection.ping()
