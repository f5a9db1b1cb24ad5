"""Edge values of each canonical form, the native types that hold them, and how each engine is given them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pyarrow as pa

from plain_checksum import day, moment, plain_sum, text
from ropeway.transfer.canonical import Canon
from ropeway.verify.checksum import Sum

D = Decimal


@dataclass(frozen=True)
class Case:
    """Values of one form, and the native types that hold them; an engine without one cannot.

    `past` are values for the engines named there only: infinities of dates have no Arrow value, and not
    every engine reaches the far ends.
    """

    canon: Canon
    arrow: pa.DataType
    values: Sequence[Any]
    postgresql: str = ""
    duckdb: str = ""
    mariadb: str = ""
    past: dict[str, Sequence[Any]] = field(default_factory=dict)

    def values_for(self, engine: str) -> list[Any]:
        return [*self.values, *self.past.get(engine, ()), None, self.values[0]]


MICRO = (0, 1, -1, 1_709_211_600_120_000, 1_709_211_600_123_456, 951_825_600_000_000, -2_208_988_800_000_000)
EARLY = (-62_135_596_800_000_000, 253_402_300_799_999_999)  # the first and the last moment of 0001 to 9999
FAR = (253_402_300_800_000_000, -62_135_596_800_000_001, -63_517_824_000_000_000, 8_000_000_000_000_000_000)
MARIADB_RANGE = (-30_609_792_000_000_000, 253_402_300_799_999_999)  # years 1000 to 9999
STRINGS = ("", "a", "~", "|", "2:ab", "a|b", " a ", "ab  ", "tab\t", "é", "e\u0301", "𝄞", "\\", "'\"", "\n", "a" * 300)
OCTETS = (b"", b"\0", b"\xff\xab", bytes(range(256)))
SMALL = (D("0.00"), D("-0.01"), D("1.50"), D("9999999999999.99"), D("-9999999999999.99"))
IDS = ("6f9619ff-8b86-d011-b42d-00c04fc964ff", "00000000-0000-0000-0000-000000000000")
DOUBLES = (0.0, -0.0, 0.1 + 0.2, 1e20, -1e-5, 5e-324, 1.7976931348623157e308, 123456789.0)
ODD = (float("nan"), float("inf"), float("-inf"))
SINGLES = (0.0, -0.0, 0.5, 16777216.0, 0.10000000149011612, -3.4028234663852886e38)
ZONED, LOCAL = "timestamp with time zone", "timestamp without time zone"

CASES = {
    "smallint": Case(Canon("integer"), pa.int16(), (0, -(2**15), 2**15 - 1), "smallint", "SMALLINT", "smallint(6)"),
    "bigint": Case(Canon("integer"), pa.int64(), (1, -(2**63), 2**63 - 1), "bigint", "BIGINT", "bigint(20)"),
    "unsigned": Case(
        Canon("integer"), pa.uint64(), (0, 2**63, 2**64 - 1), "numeric(20,0)", "UBIGINT", "bigint(20) unsigned"
    ),
    "widened": Case(Canon("integer"), pa.int32(), (0, -7), "numeric(12,2)", "DECIMAL(12,2)", "decimal(12,2)"),
    "zerofill": Case(Canon("integer"), pa.int32(), (0, 7), "bigint", "HUGEINT", "int(8) unsigned zerofill"),
    "integer of boolean": Case(Canon("integer"), pa.int8(), (0, 1), "boolean", "BOOLEAN", "bit(1)"),
    "decimal": Case(
        Canon("decimal", 2), pa.decimal128(15, 2), SMALL, "numeric(15,2)", "DECIMAL(15,2)", "decimal(15,2)"
    ),
    "fraction": Case(
        Canon("decimal", 3), pa.decimal128(3, 3), (D("0.5"), D("-0.001"), D(0)), "numeric(3,3)", "DECIMAL(3,3)",
        "decimal(3,3)",
    ),
    "decimal in a finer column": Case(
        Canon("decimal", 2), pa.decimal128(19, 6), (*SMALL, D("0.001"), D("-1.000001"), D("100")), "numeric(19,6)",
        "DECIMAL(19,6)", "decimal(19,6)",
    ),
    "decimal in a coarser column": Case(
        Canon("decimal", 2), pa.decimal128(15, 1), (D("1.5"), D("-0.1"), D(100)), "numeric(15,1)", "DECIMAL(15,1)",
        "decimal(15,1)",
    ),
    "decimal in an integer": Case(Canon("decimal", 2), pa.int64(), (0, -12), "integer", "INTEGER", "int(11)"),
    "decimal in a bare numeric": Case(Canon("decimal", 2), pa.decimal128(15, 2), (*SMALL, D("100")), "numeric"),
    "money": Case(Canon("decimal", 2), pa.decimal128(15, 2), SMALL, "money"),
    "wide decimal": Case(
        Canon("decimal", 10), pa.decimal128(38, 10), (D("0.0000000001"), D("-9" * 1 + "9" * 27 + ".9999999999"), D(0)),
        "numeric(38,10)", "DECIMAL(38,10)", "decimal(38,10)",
    ),
    "widest decimal": Case(
        Canon("decimal", 30), pa.decimal256(65, 30), (D("1E-30"), D("-" + "9" * 35 + ".5"), D(0)), "numeric(65,30)",
        mariadb="decimal(65,30)",
    ),
    "number": Case(
        Canon("number"), pa.decimal128(20, 5), (D("1.50000"), D("100.00000"), D("-0.00001"), D(0)), "numeric",
        "DECIMAL(20,5)", "decimal(20,5)",
    ),
    "boolean": Case(Canon("boolean"), pa.bool_(), (True, False), "boolean", "BOOLEAN", "tinyint(1)"),
    "boolean in a number": Case(Canon("boolean"), pa.int8(), (1, 0, 2), "smallint", "TINYINT", "tinyint(4)"),
    "double": Case(
        Canon("float"), pa.float64(), DOUBLES, "double precision", "DOUBLE", "double",
        {"postgresql": ODD, "duckdb": ODD},
    ),
    "single": Case(
        Canon("float"), pa.float32(), SINGLES, "real", "FLOAT", "float", {"postgresql": ODD, "duckdb": ODD}
    ),
    "float in an integer": Case(Canon("float"), pa.int32(), (0, -12, 2**31 - 1), "integer", "INTEGER", "int(11)"),
    "date": Case(
        Canon("date"), pa.date32(), (0, 19_782, -719_162 + 400_000, 2_932_896), "date", "DATE", "date",
        {"postgresql": (-719_163, -800_000, 2_932_897), "duckdb": (-719_162, -719_163, -800_000, 2_932_897)},
    ),
    "date in a timestamp": Case(
        Canon("date"), pa.timestamp("us"), (0, 86_400_000_000, 1_709_211_600_000_000), LOCAL, "TIMESTAMP",
        "datetime", {"postgresql": (*FAR, 1), "duckdb": (*FAR, 1)},
    ),
    "timestamp": Case(
        Canon("timestamp", 6), pa.timestamp("us"), MICRO, LOCAL, "TIMESTAMP", "datetime(6)",
        {"postgresql": (*EARLY, *FAR), "duckdb": (*EARLY, *FAR), "mariadb": MARIADB_RANGE},
    ),
    "timestamp of milliseconds": Case(
        Canon("timestamp", 3), pa.timestamp("us"), (0, 120_000, -1000), "timestamp(3) without time zone",
        "TIMESTAMP_MS", "datetime(3)",
    ),
    "timestamp in a finer column": Case(
        Canon("timestamp", 3), pa.timestamp("us"), (*MICRO, 123_400), LOCAL, "TIMESTAMP", "datetime(6)",
        {"postgresql": (*FAR, FAR[0] + 1), "duckdb": (*FAR, FAR[0] + 1)},
    ),
    "timestamp in a coarser column": Case(
        Canon("timestamp", 6), pa.timestamp("us"), (0, 86_399_000_000), "timestamp(0) without time zone",
        "TIMESTAMP_S", "datetime",
    ),
    "timestamp of seconds": Case(
        Canon("timestamp", 0), pa.timestamp("us"), MICRO, LOCAL, "TIMESTAMP", "datetime(6)",
        {"postgresql": (*EARLY, *FAR), "duckdb": (*EARLY, *FAR)},
    ),
    "timestamp in a date": Case(
        Canon("timestamp", 0), pa.timestamp("us"), (0, 86_400_000_000 * 19_782), "date", "DATE", "date"
    ),
    "timestamp of nanoseconds": Case(
        Canon("timestamp", 9), pa.timestamp("ns"), (0, 123_456_789, -1, 1_000, 100), duckdb="TIMESTAMP_NS"
    ),
    "timestamp of 100 nanoseconds": Case(
        Canon("timestamp", 7), pa.timestamp("ns"), (0, 123_456_700, 500_000_000, 1), duckdb="TIMESTAMP_NS"
    ),
    "instant": Case(
        Canon("instant", 6), pa.timestamp("us", tz="UTC"), (1, *MICRO[3:6], 1_720_000_000_500_000), ZONED,
        "TIMESTAMP WITH TIME ZONE", "timestamp(6)", {"postgresql": (*EARLY, *FAR), "duckdb": (*EARLY, *FAR)},
    ),
    "instant in a local column": Case(
        Canon("instant", 6), pa.timestamp("us"), MICRO, LOCAL, "TIMESTAMP", "datetime(6)"
    ),
    "instant of nanoseconds": Case(
        Canon("instant", 9), pa.timestamp("ns", tz="UTC"), (0, 123_456_789, -1), duckdb="TIMESTAMPTZ_NS"
    ),
    "time": Case(
        Canon("time", 6), pa.time64("us"), (0, 1, 500_000, 86_399_999_999, 45_296_120_000), "time without time zone",
        "TIME", "time(6)", {"postgresql": (86_400_000_000,), "duckdb": (86_400_000_000,)},
    ),
    "time of seconds": Case(
        Canon("time", 0), pa.time64("us"), (0, 500_000, 86_399_000_000), "time without time zone", "TIME", "time(6)"
    ),
    "time of milliseconds": Case(
        Canon("time", 3), pa.time64("us"), (0, 500_000, 86_399_000_000), "time(3) without time zone", "TIME",
        "time(3)",
    ),
    "long time": Case(Canon("time", 6), pa.duration("us"), (-1, -3_020_399_000_000, 90_061_000_001), mariadb="time(6)"),
    "duration": Case(
        Canon("duration"), pa.duration("us"), (0, -1, 86_400_000_000, 90_061_000_001, -2_592_000_000_000), "interval",
        "INTERVAL", "time(6)", {"postgresql": (10**17 + 1,), "duckdb": (10**17 + 1,)},
    ),
    "duration of fields": Case(
        Canon("duration"), pa.duration("us"), (0, -60_000_000, 86_400_000_000), "interval day to minute"
    ),
    "duration in an integer": Case(Canon("duration"), pa.int64(), (0, -1, 10**15), "bigint", "BIGINT", "bigint(20)"),
    "text": Case(
        Canon("text"), pa.string(), STRINGS, "text", "VARCHAR", "text", {"duckdb": ("a\0b",), "mariadb": ("a\0b",)}
    ),
    "varchar": Case(Canon("text"), pa.string(), STRINGS, "character varying(300)", "VARCHAR", "varchar(300)"),
    "latin1": Case(Canon("text"), pa.string(), ("é", "ab", "ÿ"), mariadb="varchar(9) character set latin1"),
    "padded": Case(Canon("padded"), pa.string(), ("", "a", "é  ", "a\t ", " b"), "character(5)", "VARCHAR", "char(5)"),
    "padded in a varchar": Case(
        Canon("padded"), pa.string(), ("", "a", "é  ", "a\t ", " b"), "character varying(5)", "VARCHAR", "varchar(5)"
    ),
    "json": Case(Canon("text"), pa.string(), ('{"a": 1.0}', "[]"), "json", "JSON", "longtext"),
    "enum": Case(
        Canon("text"), pa.string(), ("a(b", "é"), duckdb="ENUM('a(b', 'é')", mariadb="enum('a(b','é')"
    ),
    "bits": Case(Canon("text"), pa.string(), ("00101", "00000", "11111"), "bit(5)", "BIT", "bit(5)"),
    "binary": Case(Canon("binary"), pa.binary(), OCTETS, "bytea", "BLOB", "varbinary(300)"),
    "padded binary": Case(Canon("binary"), pa.binary(), (b"ab\0\0", b"\0\0\0\0"), "bytea", "BLOB", "binary(4)"),
    "uuid": Case(Canon("uuid"), pa.string(), IDS, "uuid", "UUID", "uuid"),
    "uuid in a text": Case(
        Canon("uuid"), pa.string(), (*IDS, IDS[0].upper(), "|" * 36, "", "G" * 36, "a" * 35 + "\n", "é" * 18), "text",
        "VARCHAR", "varchar(36)",
    ),
}  # fmt: skip


def arrow(case: Case, values: Sequence[Any]) -> pa.Array[Any]:
    days = pa.types.is_date32(case.arrow)
    moved = days or pa.types.is_temporal(case.arrow)
    stored = pa.int32() if days else pa.int64() if moved else case.arrow
    array = pa.array(values, stored)
    return array.view(case.arrow) if moved else array


def plainly(case: Case, value: Any) -> tuple[Any, Canon]:
    """A value as the plain reading takes it: a moment under the form of a date is a day only at midnight."""
    if case.canon.form != "date" or value is None or not pa.types.is_timestamp(case.arrow):
        return value, case.canon
    days, rest = divmod(value, 86_400_000_000)
    return (value, Canon("timestamp", 0)) if rest else (days, case.canon)


def row_sum(held: Sequence[Case], row: Sequence[Any]) -> Sum:
    values, canons = zip(*map(plainly, held, row), strict=True)
    return plain_sum([values], canons)


def rows_sum(held: Sequence[Case], rows: Sequence[Sequence[Any]]) -> Sum:
    return sum((row_sum(held, row) for row in rows), Sum.zero())


def literal(case: Case, engine: str, value: Any) -> str:
    """A value as an SQL literal, or as what the engine makes one of."""
    if value is None:
        return "NULL"
    kind: Any = case.arrow
    if getattr(case, engine).lower() in ("uuid", "json"):
        return f"'{value}'"
    if getattr(case, engine).lower().startswith("bit"):
        return f"'{value}'" if engine == "duckdb" else f"b'{value}'"
    if pa.types.is_string(kind) or pa.types.is_binary(kind):
        return of_octets(engine, value)
    if pa.types.is_floating(kind):
        # Without quotes or exponent -0.0 would be a decimal, and 0.
        return f"{value:.17e}" if engine == "mariadb" else f"'{value!r}'"
    if pa.types.is_duration(kind):
        return of_microseconds(case, engine, value)
    if pa.types.is_boolean(kind) or "bool" in getattr(case, engine).lower():
        return ("false", "true")[value]
    if pa.types.is_time(kind):
        return f"'{text(value, Canon('time', 6))}'"
    if pa.types.is_temporal(kind):
        shown = day(value) if pa.types.is_date32(kind) else moment(value, 9 if "ns" in str(kind) else 6)
        zone = "+00" if getattr(case, engine) in (ZONED, "TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ_NS") else ""
        if shown.endswith(" BC"):
            label, *clock = shown.removesuffix(" BC").split(" ")
            shown = " ".join([label, "(BC)", *clock]) + zone if engine == "duckdb" else f"{shown[:-3]}{zone} BC"
        else:
            shown += zone
        return f"'{shown}'"
    return str(value)


def of_octets(engine: str, value: Any) -> str:
    octets = value.encode() if isinstance(value, str) else value
    if isinstance(value, str):
        return {
            "postgresql": f"convert_from('\\x{octets.hex()}'::bytea, 'UTF8')",
            "duckdb": f"decode(unhex('{octets.hex()}'))",
            "mariadb": f"convert(X'{octets.hex()}' USING utf8mb4)",
        }[engine]
    return {"postgresql": f"'\\x{octets.hex()}'", "duckdb": f"unhex('{octets.hex()}')"}.get(
        engine, f"X'{octets.hex()}'"
    )


def of_microseconds(case: Case, engine: str, value: int) -> str:
    if engine == "mariadb":
        return f"'{text(value, Canon('time', 6))}'"
    seconds, rest = divmod(abs(value), 1_000_000)
    sign = "-" if value < 0 else ""
    if engine == "postgresql":
        return f"'{sign}{seconds} seconds {sign}{rest} microseconds'"
    return f"to_microseconds({value})"
