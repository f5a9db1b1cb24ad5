"""SQL Server's own checksum, by the test server: the same as of what the engine's reader reads."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.compute
import pytest
import sqlglot

from moves import moved, planned, requested
from ropeway.cli import wire
from ropeway.transfer.canonical import Canon
from ropeway.transfer.engine import Reader
from ropeway.transfer.engines import engine_of
from ropeway.transfer.engines.sqlserver.canon import SPECIMENS, checksum_sql
from ropeway.transfer.engines.sqlserver.session import SqlServerSession
from ropeway.transfer.errors import RequestError
from ropeway.transfer.flow import flow
from ropeway.transfer.place import parse, resolve
from ropeway.transfer.plan import Hop
from ropeway.transfer.schema.catalogue import Relation
from ropeway.transfer.segments import Division
from ropeway.transfer.specimen import specimens
from ropeway.transfer.verification import otherwise_written, server_sum
from ropeway.verify.checksum import Sum, of_batch
from ropeway.verify.report import DIFFERENT, EQUALS_READ, EQUALS_SOURCE
from ropeway.verify.segments import by_client, by_server
from servers.sqlserver.process import Databases
from spots import Servers, Spot, spot

# A type, and literals of its extreme values. Those of one list are the columns of one table.
EXTREMES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("bit", ("0", "1")),
    ("tinyint", ("0", "255")),
    ("smallint", ("-32768", "32767")),
    ("int", ("-2147483648", "0", "2147483647")),
    ("bigint", ("-9223372036854775808", "9223372036854775807", "-1")),
    ("decimal(38,0)", ("-99999999999999999999999999999999999999", "0", "10000000000000000000000000000000000000")),
    ("decimal(12,2)", ("-0.05", "0", "1.5", "-9999999999.99", "0.1")),
    ("decimal(38,38)", ("0.12345678901234567890123456789012345678", "-0.00000000000000000000000000000000000001")),
    ("numeric(38,10)", ("1234567890123456789012345678.0123456789", "-0.0000000001")),
    ("money", ("-922337203685477.5808", "0.01", "922337203685477.5807")),
    ("smallmoney", ("-214748.3648", "0", "-0.0001")),
    ("float", ("0.1e0", "-1.7976931348623157e308", "5e-324", "0", "-0.0e0")),
    ("real", ("1.5", "-0.1", "0", "3.4e38")),
    ("varchar(9)", ("'é~|2:'", "'a  '", "'   '", "'~'", "''")),
    ("varchar(20) COLLATE Latin1_General_100_CI_AS_SC_UTF8", ("N'é~|2:😀'", "N'a  '")),
    ("nvarchar(9)", ("N'äö€😀'", "N'  '", "N''", "N'|'")),
    ("char(4)", ("'ab'", "'    '", "'äé '")),
    ("nchar(4)", ("N'€'", "N' '", "N'😀a'")),
    ("varchar(8000)", ("REPLICATE('é', 8000)", "'x'")),
    ("nvarchar(4000)", ("REPLICATE(N'€', 4000)", "N'x'")),
    ("nvarchar(max)", ("REPLICATE(CAST(N'€😀' AS nvarchar(max)), 5000)", "N''", "N'löng'")),
    ("varchar(max)", ("'a|b'", "REPLICATE(CAST('é' AS varchar(max)), 9000)")),
    ("text", ("'lang'", "''")),
    ("ntext", ("N'a|€'",)),
    ("binary(4)", ("0x00FF10", "0x")),
    ("varbinary(8000)", ("0x00FF10", "0x", "CAST(REPLICATE('x', 8000) AS varbinary(8000))")),
    ("varbinary(max)", ("0xAB", "0x", "CAST(REPLICATE(CAST('x' AS varchar(max)), 20000) AS varbinary(max))")),
    ("image", ("0x00FF", "0xAB")),
    ("uniqueidentifier", ("'6F9619FF-8B86-D011-B42D-00C04FC964FF'", "'00000000-0000-0000-0000-000000000000'")),
    ("date", ("'0001-01-01'", "'9999-12-31'", "'2024-02-29'")),
    ("time(0)", ("'00:00:00'", "'23:59:59'")),
    ("time(3)", ("'12:00:00.120'", "'23:59:59.999'")),
    ("time(7)", ("'12:00:00.1'", "'23:59:59.999999'")),
    ("datetime", ("'1753-01-01T00:00:00.003'", "'9999-12-31T23:59:59.997'", "'2024-02-29T12:00:00.007'")),
    ("smalldatetime", ("'1900-01-01T00:00:00'", "'2079-06-06T23:59:00'")),
    ("datetime2(0)", ("'2024-02-29T23:59:58'", "'0001-01-01T00:00:00'")),
    ("datetime2(3)", ("'9999-12-31T23:59:59.999'", "'2024-02-29T00:00:00'")),
    ("datetime2(7)", ("'0001-01-01T00:00:00.000001'", "'1969-12-31T23:59:59.999999'")),
    ("datetime2(7)", ("'2024-02-29T23:59:59.1234567'", "'2024-02-29T12:00:00.1'")),
    ("datetimeoffset(3)", ("'2024-02-29T12:00:00.5+02:00'", "'2024-12-31T23:30:00-05:30'")),
    ("datetimeoffset(7)", ("'2024-02-29T12:00:00.0000001-05:30'",)),
    ("xml", ("N'<a b=\"é\">€</a>'",)),
    ("hierarchyid", ("'/1/2/'", "'/'")),
    ("geometry", ("'POINT (1 2)'",)),
    ("sql_variant", ("CAST(0.1 AS float)", "N'é'", "0x00FF", "CAST('2024-02-29' AS date)")),
    ("rowversion", ()),
)  # fmt: skip
LENGTHS = 5  # at most so many values of a type


@pytest.fixture
def ends(tmp_path: Path, servers: Servers) -> tuple[Spot, Spot]:
    return spot("sqlserver", tmp_path, servers), spot("duckdb", tmp_path, servers)


@pytest.fixture
def pair(tmp_path: Path, servers: Servers) -> tuple[Spot, Spot]:
    return spot("sqlserver", tmp_path, servers), spot("postgresql", tmp_path, servers)


EVERY = (Division(), Division((0,), 1, 3), Division((0,), digits=2), Division(digits=1),
         Division((0, 1), digits=2, salt="0123456789abcdef0123456789abcdef"))  # fmt: skip


def sums(source: Spot, target: Spot, divisions: Sequence[Division] = EVERY, *, alone: bool = False) -> None:
    """For each table: what the server says is what is read, whole, by each kind of segment and of each column alone."""
    plan = planned(source, target)
    engine, (_, secret) = engine_of("sqlserver"), parse(source.url)
    with closing(engine.open(resolve(plan.source, secret), plan.hops, "run", 1)) as opened:
        (reader,) = opened.readers()
        for hop in plan.hops:
            agrees(reader, hop, divisions, alone=alone)


def agrees(reader: Reader, hop: Hop, divisions: Sequence[Division], *, alone: bool) -> None:
    engine, canons = engine_of("sqlserver"), [column.canon for column in hop.columns]
    columns = [(engine.quote(c.source), c.canon, c.declared) for c in hop.columns]
    batches = list(flow(hop, hop.slices[0], reader, 2 << 20))
    for place in range(len(columns)) if alone else ():
        (answer,) = reader.ask(engine.checksum(reader, hop.reads, columns[place : place + 1], ""))
        read = sum((of_batch(batch.select([place]), canons[place : place + 1]) for batch in batches), Sum.zero())
        assert (answer[-1], Sum.parse(server_sum(answer))) == (0, read), hop.columns[place]
    read = sum((of_batch(batch, canons) for batch in batches), Sum.zero())
    assert read.count
    (answer,) = reader.ask(engine.checksum(reader, hop.reads, columns, ""))
    assert (answer[-1], Sum.parse(server_sum(answer))) == (0, read), hop
    for division in divisions:
        served = by_server(engine, reader, hop.reads, columns, "", division)  # type: ignore[arg-type]
        assert served == by_client(batches, canons, division), division


def test_extreme_values(ends: tuple[Spot, Spot]) -> None:
    source, target = ends
    listed = ", ".join(f"c{at} {native} NULL" for at, (native, _) in enumerate(EXTREMES) if native != "rowversion")
    source.ask(f"CREATE TABLE t (id int PRIMARY KEY, {listed}, stamp rowversion)")
    for row in range(LENGTHS + 1):
        here = [(f"c{at}", values[row]) for at, (_, values) in enumerate(EXTREMES) if row < len(values)]
        names = "".join(f", {name}" for name, _ in here)
        source.ask(f"INSERT INTO t (id{names}) VALUES ({row - 2}{''.join(f', {value}' for _, value in here)})")
    sums(source, target, alone=True)


# Types, and a literal of each that a seed chooses.
WIDE: tuple[tuple[str, Any], ...] = (
    ("smallint", lambda r: str(r.randint(-9999, 9999))),
    ("decimal(12,3)", lambda r: str(Decimal(r.randint(-(10**12) + 1, 10**12 - 1)).scaleb(-3))),
    ("decimal(38,9)", lambda r: f"{Decimal(r.randint(-(10**18), 10**18)).scaleb(-9):f}"),
    ("money", lambda r: f"{Decimal(r.randint(-(10**12), 10**12)).scaleb(-4):f}"),
    ("float", lambda r: repr(r.choice((-1, 1)) * (1 + r.random()) * 10.0 ** r.choice((-300, -9, 9, 300)))),
    ("real", lambda r: repr(float(r.randint(-(2**20), 2**20)) / 64)),
    ("nvarchar(80)", lambda r: text("".join(r.choices("aZ é€😀|~:'\\\n", k=r.randint(0, 40))))),
    ("varchar(20)", lambda r: text("".join(r.choices("aé€| ", k=r.randint(0, 20))))),
    ("nchar(6)", lambda r: text("".join(r.choices("aé ", k=r.randint(0, 6))))),
    ("nvarchar(max)", lambda r: text("".join(r.choices("aé€|", k=r.randint(0, 90))))),
    ("varbinary(16)", lambda r: f"0x{r.randbytes(r.randint(0, 16)).hex()}"),
    ("date", lambda r: f"'{(datetime(1, 1, 1) + timedelta(days=r.randint(0, 3_600_000))).date()}'"),
    ("datetime2(6)", lambda r: moment(datetime(1, 1, 1) + timedelta(microseconds=r.randint(0, 3 * 10**17)))),
    ("datetimeoffset(3)", lambda r: moment(datetime(2024, 1, 1) + timedelta(seconds=r.randint(0, 10**7)), "-03:30")),
    ("time(4)", lambda r: f"'{r.randint(0, 23):02}:30:00.{r.randint(0, 9999):04}'"),
)  # fmt: skip


def text(value: str) -> str:
    return "N'" + value.replace("'", "''") + "'"


def moment(value: datetime, zone: str = "") -> str:
    return f"'{value.isoformat()}{zone}'"


def filled(source: Spot, rows: int) -> None:
    """Table t with a column of each kind, c1 and on."""
    chance = random.Random(20_240_229)
    listed = ", ".join(f"c{at} {native}" for at, (native, _) in enumerate(WIDE, 1))
    source.ask(f"CREATE TABLE t (id int PRIMARY KEY, {listed})")
    for first in range(0, rows, 100):
        made = (
            ", ".join(str(make(chance)) if chance.random() > 0.1 else "NULL" for _, make in WIDE)
            for _ in range(first, min(first + 100, rows))
        )
        source.ask(f"INSERT INTO t VALUES {', '.join(f'({n}, {one})' for n, one in enumerate(made, first))}")


def test_random_values(ends: tuple[Spot, Spot]) -> None:
    source, target = ends
    filled(source, 500)
    sums(source, target, EVERY[1:3])


# Both places


def test_both_servers_compute_and_find_a_changed_value(pair: tuple[Spot, Spot]) -> None:
    source, target = pair
    filled(source, 200)
    outcome = moved(source, target)
    assert outcome.report
    said = outcome.report.tables[0].asked
    assert said == "the source's own server computed the checksum of all rows at the same instant"
    request, secrets = requested(source, target)
    (table,) = wire.verify(request, level="full", secrets=secrets).tables
    assert (table.claim, table.how) == (EQUALS_SOURCE, "source: sqlserver in SQL; target: postgresql in SQL")
    changes = (
        (source, "UPDATE t SET c2 = ISNULL(c2, 0) + 0.001 WHERE id = 7", "7", "c2"),
        (target, "UPDATE t SET c7 = 'other' WHERE id = 9", "9", "c7"),
        (source, "UPDATE t SET c13 = '1999-12-31' WHERE id = 11", "11", "c13"),
    )
    for number, (place, sql, row, column) in enumerate(changes, 1):
        place.ask(sql)
        (table,) = wire.verify(request, level="full", secrets=secrets).tables
        assert table.claim == DIFFERENT
        assert table.found
        assert table.found.changed == number
        assert (row, column) in {(one.key["id"], one.column) for one in table.found.first}


def test_the_server_says_what_was_read_wrongly(pair: tuple[Spot, Spot], monkeypatch: Any) -> None:
    """A driver that loses a letter is found by the source's own checksum, in a run and without one."""
    from ropeway.transfer.engines.sqlserver import reader as reading

    source, target = pair
    filled(source, 50)
    right = reading._cast
    wrong = lambda values, column: right(values, column) if values.type != "large_string" else right(  # noqa: E731
        pyarrow.compute.replace_substring(values, "a", "b"), column)  # fmt: skip
    monkeypatch.setattr(reading, "_cast", wrong)
    request, secrets = requested(source, target)
    outcome = wire.run(request, secrets)
    assert outcome.report
    assert not outcome.report.equal
    assert "not what the source's own server holds" in outcome.report.tables[0].reason
    (table,) = wire.verify(request, level="standard", secrets=secrets).tables
    assert table.claim == DIFFERENT


def test_slices_are_asked_at_their_instant(pair: tuple[Spot, Spot]) -> None:
    source, target = pair
    filled(source, 300)
    outcome = moved(source, target, slice_rows=15)
    assert outcome.report
    said = outcome.report.tables[0].asked
    assert re.match(r"the source's own server computed slices [\d, and]+ of \d+ at the same instant", said), said
    asked = [receipt for receipt in outcome.receipts if receipt.asked]
    assert len(asked) >= 2
    assert all(receipt.asked == receipt.checksum for receipt in asked)


def test_a_server_before_2019_has_no_checksum_of_texts(
    pair: tuple[Spot, Spot], sqlserver: Databases, monkeypatch: Any
) -> None:
    """Its collations know no UTF-8; then the client compares, and says so."""
    del sqlserver
    source, target = pair
    filled(source, 20)
    monkeypatch.setattr("ropeway.transfer.engines.sqlserver.session.has_utf8", lambda _: False)
    monkeypatch.setattr("ropeway.transfer.engines.sqlserver.reader.has_utf8", lambda _: False)
    outcome = moved(source, target)
    assert outcome.report
    assert outcome.report.tables[0].claim == EQUALS_READ
    assert "computes no checksum of it in SQL" in outcome.report.tables[0].asked


# What the server is looked at for


def test_specimens(ends: tuple[Spot, Spot]) -> None:
    source, _ = ends
    address, secret = parse(source.url)
    engine = engine_of("sqlserver")
    with closing(engine.connect(resolve(address, secret))) as session:
        forms = {canon.form for canon, _ in specimens()}
        assert otherwise_written(engine, session, forms, of_batch) == ""
        assert {form for form in forms if not engine.specimen(session, Canon(form))} == {"duration"}
        assert isinstance(session, SqlServerSession)
        session.utf8 = False
        assert engine.specimen(session, Canon("text")) == ""
        number, name = ("[n]", Canon("integer"), "int"), ("[v]", Canon("text"), "varchar(9)")
        assert engine.checksum(session, Relation("dbo", "t"), [number], "")
        assert engine.checksum(session, Relation("dbo", "t"), [number, name], "") == ""


REFUSED = (
    ("binary", "xml"), ("instant", "datetime2(7)"), ("timestamp", "datetimeoffset(7)"), ("timestamp", "date"),
    ("float", "decimal(9,2)"), ("integer", "float"), ("uuid", "varbinary(16)"), ("time", "datetime2(7)"),
    ("date", "datetime2(7)"), ("duration", "bigint"), ("text", "varbinary(9)"), ("text", "nosuch"),
)  # fmt: skip


@pytest.mark.parametrize(("form", "native"), REFUSED)
def test_types_without_one_text(form: str, native: str) -> None:
    with pytest.raises(RequestError):
        checksum_sql("t", [("c", Canon(form, 6 if form in ("instant", "timestamp") else 0), native)])


DECIMALS = (
    ("decimal(12,2)", "decimal", 4, ("1.50", "-0.05"), ("1.5000", "-0.0500")),
    ("decimal(12,4)", "decimal", 2, ("1.5", "-0.0501", "7"), ("1.50", "-0.0501", "7.00")),
    ("decimal(12,4)", "number", 0, ("1.5", "-0.05", "100"), ("1.5", "-0.05", "100")),
    ("bigint", "decimal", 2, ("-7",), ("-7.00",)),
    ("datetime2(7)", "timestamp", 3, ("'2024-02-29T12:00:00.12'", "'2024-02-29T12:00:00.1234567'"),
     ("2024-02-29 12:00:00.120", "2024-02-29 12:00:00.1234567")),
    ("datetime2(3)", "timestamp", 0, ("'2024-02-29T12:00:00'", "'2024-02-29T12:00:00.05'"),
     ("2024-02-29 12:00:00", "2024-02-29 12:00:00.05")),
    ("datetime2(0)", "timestamp", 6, ("'2024-02-29T12:00:00'",), ("2024-02-29 12:00:00.000000",)),
)  # fmt: skip


def test_zeros_come_and_go_and_other_digits_stay(ends: tuple[Spot, Spot]) -> None:
    """A column of other decimals than its form's: as the target of another engine's."""
    from ropeway.transfer.engines.sqlserver.canon import _field
    from ropeway.transfer.rules import split

    source, _ = ends
    for native, form, digits, literals, texts in DECIMALS:
        field = _field("c", Canon(form, digits), split(native), utf8=True)
        rows = ", ".join(f"({n}, CAST({one} AS {native}))" for n, one in enumerate(literals))
        found = source.ask(f"SELECT {field} FROM (VALUES {rows}) AS q (n, c) ORDER BY n")
        assert tuple(row[0] for row in found) == texts, (native, form)


def test_another_parser_takes_the_sql() -> None:
    """All types at once, with and without segments, and more columns than CONCAT takes."""
    columns = [(f"[C{n}]", Canon(form, 3), native) for n, (form, (_, native)) in enumerate(SPECIMENS.items())]
    columns += [(f"[W{n}]", Canon("text"), "nvarchar(max)") for n in range(100)]
    for division in (None, Division((0,), 1, 7), Division((10,), digits=3, salt="ab" * 16)):
        sql = checksum_sql("[s].[t]", columns, "[C0] > 5", division)
        tree = sqlglot.parse_one(sql, read="tsql")
        assert tree.sql(dialect="tsql")
        assert all(len(call.expressions) <= 254 for call in tree.find_all(sqlglot.exp.Concat))
