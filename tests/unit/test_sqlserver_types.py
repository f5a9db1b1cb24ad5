"""Each type of SQL Server over the wire, both ways, by the real drivers."""

from __future__ import annotations

import datetime as dt
import decimal
import struct
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pytest

from parrot import (
    CONNECT,
    arrow_freetds,
    arrow_microsoft,
    fetched,
    fresh,
    mssql,
    pyodbc_freetds,
    pyodbc_microsoft,
    serving,
)
from servers.sqlserver.spoken import Column, Kind, Parameter, Result
from servers.sqlserver.wire.apart import Apart
from servers.sqlserver.wire.types import size_of

each_driver = pytest.mark.parametrize("driver", CONNECT)


@pytest.fixture(scope="module")
def shared(odbc: None) -> Iterator[Apart]:
    yield from serving()


@pytest.fixture
def server(shared: Apart) -> Iterator[Apart]:
    yield from fresh(shared)


UTF8 = bytes([9, 4, 0xD0, 0x24, 0])


# Results.


def le(number: int, size: int) -> bytes:
    return number.to_bytes(size, "little", signed=True)


def number(text: str, size: int, scale: int) -> bytes:
    whole = int(decimal.Decimal(text).scaleb(scale, decimal.Context(prec=60)))
    return bytes([whole >= 0]) + abs(whole).to_bytes(size - 1, "little")


def day(year: int, month: int, of: int) -> bytes:
    return le(dt.date(year, month, of).toordinal() - 1, 3)


def clock(hour: int, minute: int, second: int, fraction: int, scale: int, size: int) -> bytes:
    ticks = ((hour * 60 + minute) * 60 + second) * int(10**scale) + fraction
    return ticks.to_bytes(size, "little")


def wide(text: str) -> bytes:
    return text.encode("utf-16-le")


LAST7 = clock(23, 59, 59, 9999999, 7, 5)
BACK, FORTH = (dt.timezone(dt.timedelta(hours=hours)) for hours in (-14, 14))
GUID = uuid.UUID("01234567-89ab-cdef-0123-456789abcdef")
POINT = b"\xe6\x10\0\0\x01\x0c" + bytes(16)
D = decimal.Decimal

# Each with the least and the greatest value, or the shortest and the longest: octets and what they mean.
TYPES: dict[str, tuple[Kind, list[bytes], list[Any]]] = {
    "bit": (Kind("bit"), [b"\0", b"\1"], [False, True]),
    "tinyint": (Kind("tinyint"), [b"\0", b"\xff"], [0, 255]),
    "smallint": (Kind("smallint"), [le(-(2**15), 2), le(2**15 - 1, 2)], [-(2**15), 2**15 - 1]),
    "int": (Kind("int"), [le(-(2**31), 4), le(2**31 - 1, 4)], [-(2**31), 2**31 - 1]),
    "bigint": (Kind("bigint"), [le(-(2**63), 8), le(2**63 - 1, 8)], [-(2**63), 2**63 - 1]),
    "decimal(38,10)": (
        Kind("decimal", precision=38, scale=10),
        [number("-" + "9" * 28 + "." + "9" * 10, 17, 10), number("1E-10", 17, 10)],
        [D("-" + "9" * 28 + "." + "9" * 10), D("1E-10")],
    ),
    "numeric(9,2)": (
        Kind("numeric", precision=9, scale=2),
        [number("-9999999.99", 5, 2), number("0", 5, 2)],
        [D("-9999999.99"), D("0.00")],
    ),
    "money": (
        Kind("money"),
        [struct.pack("<iI", -(2**31), 0), struct.pack("<iI", 2**31 - 1, 2**32 - 1)],
        [D("-922337203685477.5808"), D("922337203685477.5807")],
    ),
    "smallmoney": (Kind("smallmoney"), [le(-(2**31), 4), le(2**31 - 1, 4)], [D("-214748.3648"), D("214748.3647")]),
    "real": (Kind("real"), [struct.pack("<f", -1.5), b"\xff\xff\x7f\x7f"], [-1.5, 3.4028234663852886e38]),
    "float": (
        Kind("float"),
        [struct.pack("<d", -1.7976931348623157e308), struct.pack("<d", 0.1)],
        [-1.7976931348623157e308, 0.1],
    ),
    "date": (Kind("date"), [day(1, 1, 1), day(9999, 12, 31)], [dt.date.min, dt.date.max]),
    "time(7)": (Kind("time", scale=7), [bytes(5), LAST7], [dt.time.min, dt.time.max]),
    "time(0)": (Kind("time"), [bytes(3), clock(23, 59, 59, 0, 0, 3)], [dt.time.min, dt.time(23, 59, 59)]),
    "datetime2(7)": (
        Kind("datetime2", scale=7),
        [bytes(5) + day(1, 1, 1), LAST7 + day(9999, 12, 31)],
        [dt.datetime.min, dt.datetime.max],
    ),
    "datetime2(3)": (
        Kind("datetime2", scale=3),
        [bytes(4) + day(1, 1, 1), clock(23, 59, 59, 999, 3, 4) + day(9999, 12, 31)],
        [dt.datetime.min, dt.datetime.max.replace(microsecond=999000)],
    ),
    "datetimeoffset(7)": (
        Kind("datetimeoffset", scale=7),
        [clock(12, 0, 0, 0, 7, 5) + day(1, 1, 2) + le(-840, 2), LAST7 + day(9999, 12, 30) + le(840, 2)],
        [dt.datetime(1, 1, 1, 22, 0, tzinfo=BACK), dt.datetime(9999, 12, 31, 13, 59, 59, 999999, FORTH)],
    ),
    "datetime": (
        Kind("datetime"),
        [struct.pack("<iI", -53690, 0), struct.pack("<iI", 2958463, 25919999)],
        [dt.datetime(1753, 1, 1), dt.datetime.max.replace(microsecond=997000)],
    ),
    "smalldatetime": (
        Kind("smalldatetime"),
        [struct.pack("<HH", 0, 0), struct.pack("<HH", 65535, 1439)],
        [dt.datetime(1900, 1, 1), dt.datetime(2079, 6, 6, 23, 59)],
    ),
    "char(5)": (Kind("char", 5), [b"a    ", b"abcd\xe9"], ["a    ", "abcdé"]),
    "varchar(10)": (Kind("varchar", 10), [b"", b"caf\xe9"], ["", "café"]),
    "varchar(10) utf8": (Kind("varchar", 10, collation=UTF8), [b"", "é€😀".encode()], ["", "é€😀"]),
    "nchar(5)": (Kind("nchar", 10), [wide("a    "), wide("é€abc")], ["a    ", "é€abc"]),
    "nvarchar(10)": (Kind("nvarchar", 20), [b"", wide("é€😀")], ["", "é€😀"]),
    "varchar(max)": (Kind("varchar", -1), [b"", b"x" * 70_000], ["", "x" * 70_000]),
    "nvarchar(max)": (Kind("nvarchar", -1), [b"", wide("é€😀" * 20_000)], ["", "é€😀" * 20_000]),
    "varbinary(4)": (Kind("varbinary", 4), [b"", b"\0\1\2\xff"], [b"", b"\0\1\2\xff"]),
    "varbinary(max)": (Kind("varbinary", -1), [b"", bytes(range(256)) * 300], [b"", bytes(range(256)) * 300]),
    "binary(4)": (Kind("binary", 4), [bytes(4), b"\0\1\2\xff"], [bytes(4), b"\0\1\2\xff"]),
    "uniqueidentifier": (Kind("uniqueidentifier"), [bytes(16), GUID.bytes_le], [uuid.UUID(int=0), GUID]),
    "xml": (Kind("xml", -1), [wide("<a/>"), wide("<a>é😀</a>")], ["<a/>", "<a>é😀</a>"]),
    "text": (Kind("text"), [b"", b"x" * 9000], ["", "x" * 9000]),
    "ntext": (Kind("ntext"), [b"", wide("é€😀" * 9000)], ["", "é€😀" * 9000]),
    "image": (Kind("image"), [b"", b"\0\xff" * 9000], [b"", b"\0\xff" * 9000]),
    "sql_variant": (
        Kind("sql_variant"),
        [b"\x38\0" + le(-5, 4), b"\xe7\x07\x09\x04\xd0\0\x34\x40\x1f" + wide("é")],
        [-5, "é"],
    ),
    "rowversion": (Kind("rowversion"), [bytes(8), b"\0\0\0\0\0\0\x07\xd1"], [bytes(8), b"\0\0\0\0\0\0\x07\xd1"]),
    "hierarchyid": (Kind("hierarchyid"), [b"", b"\x58"], [b"", b"\x58"]),
    "geography": (Kind("geography"), [b"", POINT], [b"", POINT]),
}


def rows_by(connection: Any, sql: str) -> list[Any]:
    return [value for (value,) in fetched(connection, sql)]


def arrow_by_mssql(connection: Any, sql: str) -> list[Any]:
    cursor = connection.cursor()
    cursor.execute(sql)
    with cursor.arrow_reader(2) as reader:
        return [value for batch in reader.read_all().to_batches() for value in listed(batch)]


def arrow_by_odbc(connection: Any, sql: str) -> list[Any]:
    # Fetched concurrently, as its default is, the statement is freed by a thread of the driver's, which may come after
    # the next one is executed; FreeTDS has one statement a connection: 24000, invalid cursor state.
    sizes = {"batch_size": 2, "max_text_size": 200_000, "max_binary_size": 100_000}
    reader = connection.read_arrow_batches(sql, fetch_concurrently=False, **sizes)
    return [value for batch in reader for value in listed(batch)]


def listed(batch: pa.RecordBatch) -> list[Any]:
    """A batch's column in Python's values, which have no nanoseconds."""
    column = batch.column(0)
    return (column.cast(pa.time64("us"), safe=False) if column.type == pa.time64("ns") else column).to_pylist()


READERS: dict[str, tuple[Callable[[Apart], Any], Callable[[Any, str], list[Any]]]] = {
    "mssql-python": (mssql, rows_by),
    "mssql-python-arrow": (mssql, arrow_by_mssql),
    "pyodbc-microsoft": (pyodbc_microsoft, rows_by),
    "pyodbc-freetds": (pyodbc_freetds, rows_by),
    "arrow-odbc-microsoft": (arrow_microsoft, arrow_by_odbc),
    "arrow-odbc-freetds": (arrow_freetds, arrow_by_odbc),
}


# What a driver makes of a type by its own choice; a text is of the error it raises.
UPPER = [str(value).upper() for value in (uuid.UUID(int=0), GUID)]
TOO_FAR = "Timestamp is not representable in arrow"
DIFFERENT: dict[str, dict[str, Any]] = {
    "mssql-python": {},
    "mssql-python-arrow": {"uniqueidentifier": UPPER, "sql_variant": "Unsupported data type"},
    "pyodbc-microsoft": {
        "uniqueidentifier": UPPER,
        "sql_variant": "type -16 is not yet supported",
        "hierarchyid": "type -151 is not yet supported",
        "geography": "type -151 is not yet supported",
    },
    "pyodbc-freetds": {"uniqueidentifier": UPPER, "sql_variant": "Descriptor type out of range"},
    "arrow-odbc-microsoft": {
        "uniqueidentifier": UPPER,
        "sql_variant": ["-5", "é"],
        "datetime2(7)": TOO_FAR,
        "datetimeoffset(7)": ["0001-01-01 22:00:00.0000000 -14:00", "9999-12-31 13:59:59.9999999 +14:00"],
        "hierarchyid": ["", "58"],
        "geography": ["", POINT.hex().upper()],
    },
    "arrow-odbc-freetds": {
        "uniqueidentifier": UPPER,
        "sql_variant": ["-5", "é"],
        "datetime2(7)": TOO_FAR,
        "datetimeoffset(7)": ["1-01-01 22:00:00.0000000 -14:00", "9999-12-31 13:59:59.9999999 +14:00"],
    },
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("nullable", [True, False], ids=["nullable", "fixed"])
def test_types(server: Apart, reader: str, *, nullable: bool) -> None:
    connect, read = READERS[reader]
    connection = connect(server)
    wrong = {}
    for name, (kind, octets, values) in TYPES.items():
        rows = [(value,) for value in octets] + [(None,)] * nullable
        server.store("teach", f"SELECT {name}", Result((Column("v", kind, nullable=nullable),), rows))
        expected = DIFFERENT[reader].get(name, values)
        try:
            got: Any = read(connection, f"SELECT {name}")
        except Exception as error:
            if not isinstance(expected, str) or expected not in str(error):
                wrong[name] = repr(error)
            continue
        if got != expected + [None] * nullable:
            wrong[name] = repr(got)[:200]
    assert wrong == {}


def test_tenth_of_a_microsecond(server: Apart) -> None:
    """Python's values end at the microsecond, those of Arrow do not."""
    server.store("teach", "SELECT t", Result((Column("v", Kind("time", scale=7)),), [(LAST7,)]))
    cursor = mssql(server).cursor()
    cursor.execute("SELECT t")
    with cursor.arrow_reader(1) as reader:
        assert reader.read_all().column(0).cast(pa.int64()).to_pylist() == [86_399_999_999_900]


# Parameters.


def meaning(parameter: Parameter) -> Any:
    """The Python value that a parameter's octets mean."""
    kind, value = parameter.kind, parameter.value
    if value is None:
        return None
    match kind.name:
        case "bit":
            return value != b"\0"
        case "tinyint":
            return value[0]
        case "smallint" | "int" | "bigint":
            return int.from_bytes(value, "little", signed=True)
        case "float":
            return struct.unpack("<d", value)[0]
        case "numeric" | "decimal":
            whole = int.from_bytes(value[1:], "little") * (1 if value[0] else -1)
            return D(whole).scaleb(-kind.scale, decimal.Context(prec=60))
        case "varchar" | "char":
            return value.decode("cp1252")
        case "nvarchar" | "nchar":
            return value.decode("utf-16-le")
        case "varbinary" | "binary":
            return value
        case "uniqueidentifier":
            return uuid.UUID(bytes_le=value)
        case "date":
            return dt.date.min + dt.timedelta(int.from_bytes(value, "little"))
        case "time":
            return (dt.datetime.min + since_midnight(value, kind.scale)).time()
        case "datetime2":
            days = dt.timedelta(int.from_bytes(value[-3:], "little"))
            return dt.datetime.min + days + since_midnight(value[:-3], kind.scale)
    raise AssertionError(kind.name)


def since_midnight(value: bytes, scale: int) -> dt.timedelta:
    return dt.timedelta(microseconds=int.from_bytes(value, "little") * 10**6 // 10**scale)


# mssql-python takes no date before 1753, and FreeTDS sends 0001-01-01 as the day before it.
PARAMETERS = [
    True, 5, -1, 2**31 - 1, -(2**31), 2**63 - 1, -(2**63), 0.1, -1.7976931348623157e308, D("-99999999999.999999"), D(0),
    "", "é", "é€😀", "x" * 4001, "é€😀" * 20_000, b"", b"\0\xff", bytes(range(256)) * 300,
    dt.date(1753, 1, 1), dt.date.max, dt.time(23, 59, 58), dt.datetime(2024, 2, 29, 23, 59, 59, 123000),
    dt.datetime.max.replace(microsecond=0), GUID, None,
]  # fmt: skip


@each_driver
def test_parameters(server: Apart, driver: str) -> None:
    cursor = CONNECT[driver](server).cursor()
    for value in PARAMETERS:
        cursor.execute("INSERT INTO t VALUES (?)", (value,))
    heard = [parameters for sql, parameters in server.store("remembered")["heard"] if sql.startswith("INSERT")]
    assert [[parameter.name for parameter in parameters] for parameters in heard] == [["@P1"]] * len(PARAMETERS)
    assert [meaning(parameters[0]) for parameters in heard] == PARAMETERS


# Bulk loads.

# Neither sql_variant nor a CLR type: mssql-python loads nothing of Arrow into them.
BULK: dict[str, tuple[Kind, pa.DataType, list[Any], list[bytes]]] = {
    "bit": (Kind("bit"), pa.bool_(), *TYPES["bit"][:0:-1]),
    "tinyint": (Kind("tinyint"), pa.uint8(), *TYPES["tinyint"][:0:-1]),
    "smallint": (Kind("smallint"), pa.int16(), *TYPES["smallint"][:0:-1]),
    "int": (Kind("int"), pa.int32(), *TYPES["int"][:0:-1]),
    "bigint": (Kind("bigint"), pa.int64(), *TYPES["bigint"][:0:-1]),
    "decimal": (TYPES["decimal(38,10)"][0], pa.decimal128(38, 10), *TYPES["decimal(38,10)"][:0:-1]),
    "money": (Kind("money"), pa.decimal128(19, 4), *TYPES["money"][:0:-1]),
    "smallmoney": (Kind("smallmoney"), pa.decimal128(10, 4), *TYPES["smallmoney"][:0:-1]),
    "real": (Kind("real"), pa.float32(), *TYPES["real"][:0:-1]),
    "float": (Kind("float"), pa.float64(), *TYPES["float"][:0:-1]),
    "date": (Kind("date"), pa.date32(), *TYPES["date"][:0:-1]),
    "time": (
        Kind("time", scale=7), pa.time64("us"), [dt.time.min, dt.time.max],
        [bytes(5), clock(23, 59, 59, 9999990, 7, 5)],
    ),
    "datetime2": (
        Kind("datetime2", scale=7), pa.timestamp("us"), [dt.datetime.min, dt.datetime.max],
        [bytes(5) + day(1, 1, 1), clock(23, 59, 59, 9999990, 7, 5) + day(9999, 12, 31)],
    ),
    "datetimeoffset": (
        Kind("datetimeoffset", scale=7), pa.timestamp("us", "UTC"),
        [dt.datetime(1, 1, 1, tzinfo=dt.UTC), dt.datetime(9999, 12, 31, 23, 59, 59, 999999, dt.UTC)],
        [bytes(5) + day(1, 1, 1) + bytes(2), clock(23, 59, 59, 9999990, 7, 5) + day(9999, 12, 31) + bytes(2)],
    ),
    "datetime": (Kind("datetime"), pa.timestamp("us"), *TYPES["datetime"][:0:-1]),
    "smalldatetime": (Kind("smalldatetime"), pa.timestamp("us"), *TYPES["smalldatetime"][:0:-1]),
    "char": (Kind("char", 5), pa.string(), *TYPES["char(5)"][:0:-1]),
    "varchar": (Kind("varchar", 10), pa.string(), *TYPES["varchar(10)"][:0:-1]),
    "utf8": (Kind("varchar", 10, collation=UTF8), pa.string(), *TYPES["varchar(10) utf8"][:0:-1]),
    "nvarchar": (Kind("nvarchar", 20), pa.string(), *TYPES["nvarchar(10)"][:0:-1]),
    "varchar_max": (Kind("varchar", -1), pa.string(), *TYPES["varchar(max)"][:0:-1]),
    "nvarchar_max": (Kind("nvarchar", -1), pa.string(), *TYPES["nvarchar(max)"][:0:-1]),
    "varbinary": (Kind("varbinary", 4), pa.binary(), *TYPES["varbinary(4)"][:0:-1]),
    "varbinary_max": (Kind("varbinary", -1), pa.binary(), *TYPES["varbinary(max)"][:0:-1]),
    "binary": (Kind("binary", 4), pa.binary(), *TYPES["binary(4)"][:0:-1]),
    "uniqueidentifier": (
        Kind("uniqueidentifier"), pa.string(), [str(value) for value in TYPES["uniqueidentifier"][2]],
        TYPES["uniqueidentifier"][1],
    ),
    "xml": (Kind("xml", -1), pa.string(), *TYPES["xml"][:0:-1]),
    "text": (Kind("text"), pa.string(), *TYPES["text"][:0:-1]),
    "ntext": (Kind("ntext"), pa.string(), *TYPES["ntext"][:0:-1]),
    "image": (Kind("image"), pa.binary(), *TYPES["image"][:0:-1]),
}  # fmt: skip


# What mssql-python makes of a text: of xml it sends a mark of the order of octets first, and for a column in UTF-8 it
# encodes as if the column were in the code page of its language. The latter loses what that page lacks.
MADE = {"xml": [b"\xff\xfe" + octets for octets in TYPES["xml"][1]], "utf8": [b"", b"\xe9\x80??"]}


@pytest.mark.parametrize("name", BULK)
@pytest.mark.parametrize("nullable", [True, False], ids=["nullable", "fixed"])
def test_bulk_types(server: Apart, name: str, *, nullable: bool) -> None:
    kind, arrow, values, octets = BULK[name]
    server.store("teach", "SELECT * FROM [dbo].[t]", Result((Column("v", kind, nullable=nullable),)))
    table = pa.table({"v": pa.array(values + [None] * nullable, arrow)})
    cursor = mssql(server).cursor()
    if name == "smallmoney" and not nullable:  # the driver announces values with a length and sends them without
        with pytest.raises(Exception, match="Received an invalid column length"):
            cursor.bulkcopy_arrow("dbo.t", table.to_reader(), column_mappings=["v"], timeout=0)
        return
    cursor.bulkcopy_arrow("dbo.t", table.to_reader(), column_mappings=["v"], timeout=0)
    ((_, (column,), _, rows),) = server.store("remembered")["loads"]
    assert [row[0] for row in rows] == MADE.get(name, octets) + [None] * nullable
    same = ("nvarchar", -1) if kind.name == "xml" else (kind.name, kind.size or column.kind.size)
    assert (column.name, column.nullable) == ("v", nullable)
    assert (column.kind.name, column.kind.size) == same
    assert (column.kind.precision, column.kind.scale) == (kind.precision, kind.scale)


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("decimal", {1: 5, 9: 5, 10: 9, 19: 9, 20: 13, 28: 13, 29: 17, 38: 17}),
        ("time", {0: 3, 2: 3, 3: 4, 4: 4, 5: 5, 7: 5}),
        ("datetime2", {0: 6, 2: 6, 3: 7, 4: 7, 5: 8, 7: 8}),
        ("datetimeoffset", {0: 8, 2: 8, 3: 9, 4: 9, 5: 10, 7: 10}),
    ],
)
def test_sizes(name: str, sizes: dict[int, int]) -> None:
    """By the precision of a decimal, by the scale of the others."""
    assert {digits: size_of(Kind(name, precision=digits, scale=digits)) for digits in sizes} == sizes
