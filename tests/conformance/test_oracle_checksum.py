"""Oracle's own checksum, by the test server: the same as of what the engine's reader reads."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import oracledb
import pyarrow.compute
import pytest
import sqlglot

from moves import moved, planned, requested
from ropeway.cli import wire
from ropeway.transfer.canonical import Canon
from ropeway.transfer.engine import Reader
from ropeway.transfer.engines import engine_of
from ropeway.transfer.engines.oracle.canon import SPECIMENS, checksum_sql
from ropeway.transfer.engines.oracle.session import Means, OracleSession
from ropeway.transfer.errors import RequestError
from ropeway.transfer.flow import flow
from ropeway.transfer.place import parse, resolve
from ropeway.transfer.plan import Hop
from ropeway.transfer.segments import Division
from ropeway.transfer.specimen import specimens
from ropeway.transfer.verification import otherwise_written, server_sum
from ropeway.verify.checksum import Sum, of_batch
from ropeway.verify.report import DIFFERENT, EQUALS_READ, EQUALS_SOURCE
from ropeway.verify.segments import by_client, by_server
from servers.oracle.process import Accounts
from spots import Servers, Spot, spot

# A type, and literals of its extreme values.
EXTREMES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("NUMBER(2)", ("-99", "0", "99")),
    ("NUMBER(18)", ("-999999999999999999", "1", "999999999999999999")),
    ("NUMBER(38)", ("-99999999999999999999999999999999999999", "0", "10000000000000000000000000000000000000")),
    ("NUMBER(12,2)", ("-0.05", "0", "1.5", "-9999999999.99", "0.1")),
    ("NUMBER(38,10)", ("1234567890123456789012345678.0123456789", "-0.0000000001")),
    ("NUMBER(5,-2)", ("1234567", "-49", "0")),
    ("NUMBER(2,5)", ("0.00099", "-0.00001")),
    ("NUMBER(38,38)", ("0.12345678901234567890123456789012345678", "-1e-38")),
    ("NUMBER", ("0.1", "-12.345", "0", "1e30", "-0.001")),
    ("NUMBER", ("1e60", "0.12345")),
    ("NUMBER", ("1e70", "1e-70", "-0.5")),
    ("FLOAT(126)", ("0.30000000000000000000000000000000000001", "-5")),
    ("INTEGER", ("12345678901234567890123456789012345678", "-1")),
    ("BINARY_DOUBLE", ("0.1", "TO_BINARY_DOUBLE('-1.7976931348623157e308')", "TO_BINARY_DOUBLE('5e-324')", "0")),
    ("BINARY_FLOAT", ("1.5", "-0.1", "0")),
    ("VARCHAR2(9 CHAR)", ("'é~|2:😀'", "'a  '", "'   '", "'~'")),
    ("VARCHAR2(30 BYTE)", ("'e'", "' x'")),
    ("NVARCHAR2(9)", ("'äö€😀'", "'  '")),
    ("CHAR(4 CHAR)", ("'ab'", "'    '", "'äé '")),
    ("NCHAR(4)", ("'€'", "' '")),
    ("CLOB", ("'long'", "RPAD('é', 1000, 'x')")),
    ("NCLOB", ("'löng'", "'a|b'")),
    ("RAW(4)", ("HEXTORAW('00FF10')", "HEXTORAW('00')")),
    ("BLOB", ("HEXTORAW('00FF')", "HEXTORAW('AB')")),
    ("DATE", ("DATE '0001-01-01'", "DATE '9999-12-31'",
              "TO_DATE('2024-02-29 23:59:58', 'YYYY-MM-DD HH24:MI:SS')")),
    ("TIMESTAMP(0)", ("TIMESTAMP '2024-02-29 23:59:58'",)),
    ("TIMESTAMP(3)", ("TIMESTAMP '9999-12-31 23:59:59.999'", "TIMESTAMP '2024-02-29 00:00:00'")),
    ("TIMESTAMP(6)", ("TIMESTAMP '0001-01-01 00:00:00.000001'", "TIMESTAMP '1969-12-31 23:59:59.999999'")),
    ("TIMESTAMP(9)", ("TIMESTAMP '9999-12-31 23:59:59.999999'", "TIMESTAMP '2024-02-29 12:00:00.1'")),
    ("TIMESTAMP(9)", ("TIMESTAMP '2024-02-29 23:59:59.123456789'", "TIMESTAMP '2024-02-29 12:00:00.1'")),
    ("TIMESTAMP(6) WITH TIME ZONE", ("TIMESTAMP '2024-02-29 12:00:00.5 +02:00'",
                                     "TIMESTAMP '2024-12-31 23:30:00 -05:30'")),
    ("TIMESTAMP(9) WITH TIME ZONE", ("TIMESTAMP '2024-02-29 12:00:00.000000001 -05:30'",)),
    ("TIMESTAMP(3) WITH LOCAL TIME ZONE", ("TIMESTAMP '2024-02-29 12:00:00.25'",)),
    ("INTERVAL DAY(9) TO SECOND(6)", ("INTERVAL '-3 01:02:03.000004' DAY(9) TO SECOND(6)",
                                      "INTERVAL '99999 23:59:59.999999' DAY(9) TO SECOND(6)")),
    ("INTERVAL YEAR(3) TO MONTH", ("INTERVAL '2-3' YEAR TO MONTH", "INTERVAL '-11' MONTH")),
)  # fmt: skip


@pytest.fixture
def ends(tmp_path: Path, servers: Servers) -> tuple[Spot, Spot]:
    return spot("oracle", tmp_path, servers), spot("duckdb", tmp_path, servers)


EVERY = (Division(), Division((0,), -7, 3), Division((0,), digits=2), Division(digits=1),
         Division((0, 1), digits=2, salt="0123456789abcdef0123456789abcdef"))  # fmt: skip


def sums(source: Spot, target: Spot, divisions: Sequence[Division] = EVERY) -> None:
    """For each table: what the server says is what is read, whole and by each kind of segment."""
    plan = planned(source, target)
    engine, (_, secret) = engine_of("oracle"), parse(source.url)
    with closing(engine.open(resolve(plan.source, secret), plan.hops, "run", 1)) as opened:
        (reader,) = opened.readers()
        for hop in plan.hops:
            agrees(reader, hop, divisions)


def agrees(reader: Reader, hop: Hop, divisions: Sequence[Division]) -> None:
    engine, canons = engine_of("oracle"), [column.canon for column in hop.columns]
    columns = [(engine.quote(c.source), c.canon, c.declared) for c in hop.columns]
    batches = list(flow(hop, hop.slices[0], reader, 2 << 20))
    read = sum((of_batch(batch, canons) for batch in batches), Sum.zero())
    assert read.count
    sql = engine.checksum(reader, hop.reads, columns, "")
    assert re.search(r" AS OF SCN \d+", sql)
    answer = reader.ask(sql)[0]
    assert answer[-1] == 0
    assert Sum.parse(server_sum(answer)) == read, (hop, reader.ask(_texts(sql)))
    for division in divisions:
        served = by_server(engine, reader, hop.reads, columns, "", division)  # type: ignore[arg-type]
        assert served == by_client(batches, canons, division), division


def _texts(sql: str) -> str:
    """The texts that a query hashes, for a message."""
    found = re.search(r"STANDARD_HASH\((.*), 'SHA256'\)\) AS h", sql)
    return f"SELECT {found[1]} FROM{sql.rpartition(' FROM')[2].removesuffix(') s')}" if found else "SELECT 1 FROM dual"


@pytest.mark.parametrize(("native", "literals"), EXTREMES, ids=[f"{n} {v[0][:20]}" for n, v in EXTREMES])
def test_extreme_values(native: str, literals: Sequence[str], tmp_path: Path, servers: Servers) -> None:
    wide = native.startswith(("NUMBER", "FLOAT"))  # DuckDB has no place for 76 digits, PostgreSQL none for nanoseconds
    source, target = spot("oracle", tmp_path, servers), spot("postgresql" if wide else "duckdb", tmp_path, servers)
    source.ask(f"CREATE TABLE t (id NUMBER(9) PRIMARY KEY, v {native})")
    for number, literal in enumerate((*literals, "NULL")):
        source.ask(f"INSERT INTO t VALUES ({number}, {literal})")
    sums(source, target)


def test_floats_that_are_no_numbers(ends: tuple[Spot, Spot], oracle: Accounts) -> None:
    source, target = ends
    source.ask("CREATE TABLE t (id NUMBER(9) PRIMARY KEY, d BINARY_DOUBLE, f BINARY_FLOAT)")
    odd = [float("nan"), float("inf"), float("-inf"), -0.0, 0.0]
    user = source.url.partition("://")[2].partition(":")[0]
    with oracle.connect(user) as connection, connection.cursor() as cursor:
        cursor.setinputsizes(None, oracledb.DB_TYPE_BINARY_DOUBLE, oracledb.DB_TYPE_BINARY_FLOAT)
        cursor.executemany("INSERT INTO t VALUES (:1, :2, :3)", [(n, one, one) for n, one in enumerate(odd)])
        connection.commit()
    sums(source, target)


# Types, and a value of each that a seed chooses.
WIDE: tuple[tuple[str, Any], ...] = (
    ("NUMBER(4)", lambda r: r.randint(-9999, 9999)),
    ("NUMBER(12,3)", lambda r: Decimal(r.randint(-(10**12), 10**12)).scaleb(-3)),
    ("NUMBER", lambda r: Decimal(r.randint(-(10**9), 10**9)).scaleb(-r.randint(0, 9))),
    ("BINARY_DOUBLE", lambda r: r.choice((-1, 1)) * r.random() * 10.0 ** r.randint(-300, 300)),
    ("BINARY_FLOAT", lambda r: float(r.randint(-(2**20), 2**20)) / 64),
    ("VARCHAR2(40 CHAR)", lambda r: "".join(r.choices("aZ é€😀|~:'\\\n", k=r.randint(0, 40)))),
    ("NVARCHAR2(20)", lambda r: "".join(r.choices("aé€| ", k=r.randint(0, 20)))),
    ("CHAR(6 CHAR)", lambda r: "".join(r.choices("aé ", k=r.randint(0, 6)))),
    ("CLOB", lambda r: "".join(r.choices("aé€|", k=r.randint(0, 90)))),
    ("RAW(16)", lambda r: r.randbytes(r.randint(0, 16))),
    ("BLOB", lambda r: r.randbytes(r.randint(0, 60))),
    ("DATE", lambda r: datetime(1, 1, 1) + timedelta(seconds=r.randint(0, 3 * 10**11))),
    ("TIMESTAMP(6)", lambda r: datetime(1, 1, 1) + timedelta(microseconds=r.randint(0, 3 * 10**17))),
    ("TIMESTAMP(3) WITH TIME ZONE", lambda r: datetime(2024, 1, 1) + timedelta(milliseconds=r.randint(0, 10**10))),
    ("INTERVAL DAY(9) TO SECOND(6)", lambda r: timedelta(microseconds=r.randint(-(10**16), 10**16))),
)
SIZES = {"BINARY_DOUBLE": oracledb.DB_TYPE_BINARY_DOUBLE, "BINARY_FLOAT": oracledb.DB_TYPE_BINARY_FLOAT,
         "TIMESTAMP(6)": oracledb.DB_TYPE_TIMESTAMP, "TIMESTAMP(3) WITH TIME ZONE": oracledb.DB_TYPE_TIMESTAMP,
         "NVARCHAR2(20)": oracledb.DB_TYPE_NVARCHAR}  # fmt: skip


def filled(source: Spot, oracle: Accounts, rows: int) -> None:
    """Table T with a column of each kind, C1 and on."""
    chance = random.Random(20_240_229)
    listed = ", ".join(f"c{at} {native}" for at, (native, _) in enumerate(WIDE, 1))
    source.ask(f"CREATE TABLE t (id NUMBER(9) PRIMARY KEY, {listed})")
    values = [(n, *(make(chance) if chance.random() > 0.1 else None for _, make in WIDE)) for n in range(rows)]
    with oracle.connect(account(source)) as connection, connection.cursor() as cursor:
        cursor.setinputsizes(None, *(SIZES.get(native) for native, _ in WIDE))
        cursor.executemany(f"INSERT INTO t VALUES ({', '.join(f':{n}' for n in range(1, len(WIDE) + 2))})", values)
        connection.commit()


def account(place: Spot) -> str:
    return place.url.partition("://")[2].partition(":")[0]


def test_thousands_of_random_values(ends: tuple[Spot, Spot], oracle: Accounts) -> None:
    source, target = ends
    filled(source, oracle, 1_000)
    sums(source, target, EVERY[1:3])


# Both places


@pytest.fixture
def pair(tmp_path: Path, servers: Servers) -> tuple[Spot, Spot]:
    return spot("oracle", tmp_path, servers), spot("postgresql", tmp_path, servers)


def test_both_servers_compute_and_find_a_changed_value(pair: tuple[Spot, Spot], oracle: Accounts) -> None:
    source, target = pair
    filled(source, oracle, 200)
    outcome = moved(source, target)
    assert outcome.report
    assert (
        outcome.report.tables[0].asked
        == "the source's own server computed the checksum of all rows at the same instant"
    )
    request, secrets = requested(source, target)
    (table,) = wire.verify(request, level="full", secrets=secrets).tables
    assert (table.claim, table.how) == (EQUALS_SOURCE, "source: oracle in SQL; target: postgresql in SQL")
    changes = (
        (source, "UPDATE t SET c2 = NVL(c2, 0) + 0.001 WHERE id = 7", "7", "c2"),
        (target, "UPDATE t SET c6 = 'other' WHERE id = 9", "9", "c6"),
        (source, "UPDATE t SET c12 = DATE '1999-12-31' WHERE id = 11", "11", "c12"),
        (target, "UPDATE t SET c3 = coalesce(c3, 0) + 1e-19 WHERE id = 13", "13", "c3"),  # more digits than were read
    )
    for number, (place, sql, row, column) in enumerate(changes, 1):
        place.ask(sql)
        (table,) = wire.verify(request, level="full", secrets=secrets).tables
        assert table.claim == DIFFERENT
        assert table.found
        assert table.found.changed == number
        assert (row, column) in {(one.key["id"], one.column) for one in table.found.first}


def test_the_server_says_what_was_read_wrongly(pair: tuple[Spot, Spot], oracle: Accounts, monkeypatch: Any) -> None:
    """A driver that loses a digit is found by the source's own checksum, in a run and without one."""
    from ropeway.transfer.engines.oracle import source as reading

    source, target = pair
    filled(source, oracle, 50)
    right = reading._cast
    wrong = lambda values, form: right(values, form) if values.type != "string" else right(  # noqa: E731
        pyarrow.compute.replace_substring(values, "a", "b"), form)  # fmt: skip
    monkeypatch.setattr(reading, "_cast", wrong)
    request, secrets = requested(source, target)
    outcome = wire.run(request, secrets)
    assert outcome.report
    assert not outcome.report.equal
    assert "not what the source's own server holds" in outcome.report.tables[0].reason
    (table,) = wire.verify(request, level="standard", secrets=secrets).tables
    assert table.claim == DIFFERENT


def test_slices_are_asked_at_their_instant(pair: tuple[Spot, Spot], oracle: Accounts) -> None:
    source, target = pair
    filled(source, oracle, 600)
    outcome = moved(source, target, slice_rows=30)
    assert outcome.report
    said = outcome.report.tables[0].asked
    assert re.match(r"the source's own server computed slices [\d, and]+ of \d+ at the same instant", said), said
    asked = [receipt for receipt in outcome.receipts if receipt.asked]
    assert len(asked) >= 2
    assert all(receipt.asked == receipt.checksum for receipt in asked)


# Long rows


def long_table(source: Spot) -> None:
    source.ask(
        "CREATE TABLE t (id NUMBER(9) PRIMARY KEY, a VARCHAR2(4000), b VARCHAR2(4000), c CLOB, d BLOB, e RAW(2000))"
    )
    source.ask("INSERT INTO t VALUES (1, 'a', 'b', 'c', HEXTORAW('0D'), HEXTORAW('0E'))")
    source.ask("INSERT INTO t VALUES (2, RPAD('é', 3000, 'y'), RPAD('b', 4000, '|'), 'c', NULL, NULL)")
    source.ask("INSERT INTO t VALUES (3, NULL, NULL, RPAD('c', 1000, '€'), NULL, HEXTORAW(RPAD('F', 4000, '0')))")


def test_long_rows_are_put_together_as_clobs(pair: tuple[Spot, Spot]) -> None:
    source, target = pair
    long_table(source)
    sums(source, target)
    moved(source, target)
    request, secrets = requested(source, target)
    (table,) = wire.verify(request, level="full", secrets=secrets).tables
    assert table.claim == EQUALS_SOURCE


def test_rows_without_a_checksum_are_counted_and_read(pair: tuple[Spot, Spot], monkeypatch: Any) -> None:
    """Without DBMS_CRYPTO, and values of which SQL does not tell the octets."""
    source, target = pair
    long_table(source)
    plan = planned(source, target)
    columns = [(f'"{c.source}"', c.canon, c.declared) for c in plan.hops[0].columns]
    counted = [(crypto, source.ask(checksum_sql("t", columns, crypto=crypto))[0][3]) for crypto in (True, False)]
    assert counted == [(True, 0), (False, 2)]
    source.ask("INSERT INTO t VALUES (4, NULL, NULL, RPAD('c', 1001, 'c'), NULL, NULL)")
    source.ask("INSERT INTO t VALUES (5, NULL, NULL, NULL, TO_BLOB(HEXTORAW(RPAD('F', 4002, '0'))), NULL)")
    assert source.ask(checksum_sql("t", columns, crypto=True))[0][3] == 2
    outcome = moved(source, target)
    assert outcome.report
    assert outcome.report.tables[0].claim == EQUALS_READ
    assert "computes no checksum of it in SQL" in outcome.report.tables[0].asked
    request, secrets = requested(source, target)
    (table,) = wire.verify(request, level="full", secrets=secrets).tables
    assert table.claim == EQUALS_READ
    assert "of what Ropeway's driver reads from oracle" in table.how


# What the server is looked at for


def test_specimens(ends: tuple[Spot, Spot]) -> None:
    source, _ = ends
    address, secret = parse(source.url)
    engine = engine_of("oracle")
    with closing(engine.connect(resolve(address, secret))) as session:
        forms = {canon.form for canon, _ in specimens()}
        assert otherwise_written(engine, session, forms, of_batch) == ""
        assert {form for form in forms if not engine.specimen(session, Canon(form))} == {"time", "uuid"}
        assert isinstance(session, OracleSession)
        assert session.means == Means(utf8=True, crypto=True)
        session.means = replace(session.means, utf8=False)
        assert engine.specimen(session, Canon("text")) == ""
        number, text = (('"N"', Canon("integer"), "number(9,0)"), ('"V"', Canon("text"), "varchar2(9 byte)"))
        hop = planned_relation("T")
        assert engine.checksum(session, hop, [number], "")
        assert engine.checksum(session, hop, [number, text], "") == ""


def planned_relation(name: str) -> Any:
    from ropeway.transfer.schema.catalogue import Relation

    return Relation("", name)


REFUSED = (
    ("text", "long"), ("binary", "long raw"), ("text", "xmltype"), ("text", "json"), ("text", "date"),
    ("binary", "raw(2001)"), ("decimal", "number(38,70)"), ("instant", "timestamp(6)"),
    ("timestamp", "timestamp(6) with time zone"), ("float", "number"), ("integer", "binary_double"),
    ("uuid", "raw(16)"), ("time", "date"), ("date", "timestamp(6)"),
)  # fmt: skip


@pytest.mark.parametrize(("form", "native"), REFUSED)
def test_types_without_one_text(form: str, native: str) -> None:
    with pytest.raises(RequestError):
        checksum_sql("t", [("c", Canon(form, 6 if form in ("instant", "timestamp") else 0), native)])


@pytest.mark.parametrize("crypto", [True, False])
def test_another_parser_takes_the_sql(crypto: bool) -> None:
    """All types at once, with and without segments; a length in each place where SQL's texts may end."""
    columns = [(f'"C{n}"', Canon(form, 3), native) for n, (form, (_, native)) in enumerate(SPECIMENS.items())]
    columns += [
        ('"L"', Canon("text"), "clob"),
        ('"B"', Canon("binary"), "blob"),
        ('"N"', Canon("text"), "nvarchar2(2000)"),
    ]
    for division in (None, Division((0,), 1, 7), Division((10,), digits=3, salt="ab" * 16)):
        sql = checksum_sql('"S"."T" AS OF SCN 12', columns, '"C0" > 5', division, crypto=crypto)
        assert sqlglot.parse_one(sql, read="oracle").sql(dialect="oracle")
        assert ("DBMS_CRYPTO" in sql) is crypto
