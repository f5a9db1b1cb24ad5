"""The alphabet with its edges, as data: each case names every engine, silence is an error.

An engine's entry is the Type that its column has when it is read again ("=" for the same), or the reason
why a plan refuses the type there.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal

ENGINES = ("sqlite", "duckdb", "postgresql", "mariadb", "mysql", "oracle", "parquet", "csv", "arrow")


@dataclass(frozen=True)
class No:
    """The plan refuses this type here."""

    reason: str


@dataclass(frozen=True)
class Case:
    """A Type in Ropeway's own word, its values, and what becomes of it where."""

    word: str
    values: tuple[object, ...]
    sqlite: str | No
    duckdb: str | No
    postgresql: str | No
    mariadb: str | No
    parquet: str | No = "="
    csv: str | No = "="
    arrow: str | No = "="
    mysql: str | No = "as in mariadb"
    oracle: str | No = "="

    def at(self, engine: str) -> str | No:
        """What becomes of the type at an engine."""
        found: str | No = getattr(self, engine)
        return self.mariadb if found == "as in mariadb" else found


def ints(bits: int, *, signed: bool = True) -> tuple[object, ...]:
    """Both limits, zero, one and NULL."""
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    return (low, high, 0, 1, None, low + 1, high - 1)


_TEXTS = (
    "", " ", "trailing  ", "tab\there", "line\nbreak", "cr\rlf\r\n", "back\\slash", "\\N", "\\.", "NULL", "'quote'",
    '"double"', "~", "3:abc|", "ä", "é", "漢字", "🚡 ropeway", "x" * 250, "x" * 251, "y" * 70_000, "0012", None,
)  # fmt: skip
_MOMENTS = (
    dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31, 23, 59, 59, 999_999), dt.datetime(1970, 1, 1),
    dt.datetime(1969, 12, 31, 23, 59, 59, 999_999), dt.datetime(2024, 2, 29, 12, 30, 15, 1), None,
)  # fmt: skip

CASES = (
    Case("bool", (True, False, None), "=", "=", "=", "=", oracle="int8"),
    Case("int8", ints(8), "int64", "=", "int16", "=", oracle="int16"),
    Case("int16", ints(16), "int64", "=", "=", "=", oracle="int32"),
    Case("int32", ints(32), "int64", "=", "=", "=", oracle="int64"),
    Case("int64", ints(64), "=", "=", "=", "=", oracle="decimal(19,0)"),
    Case("uint8", ints(8, signed=False), "int64", "=", "int16", "=", oracle="int16"),
    Case("uint16", ints(16, signed=False), "int64", "=", "int32", "=", oracle="int32"),
    Case("uint32", ints(32, signed=False), "int64", "=", "int64", "=", oracle="int64"),
    Case("uint64", ints(64, signed=False), "decimal(20,0)", "=", "decimal(20,0)", "=", oracle="decimal(20,0)"),
    Case("float32", (0.0, 1.5, -2.25, 3.4028234663852886e38, 1.401298464324817e-45, None), "float64", "=", "=", "="),
    Case("float64", (0.0, 0.1, -1e-308, 1.7976931348623157e308, 5e-324, 1e15, 123456789.123456789, None),
         "=", "=", "=", "="),
    Case("decimal(12,2)", tuple(Decimal(v) if v else None for v in
         ("0.00", "-0.01", "9999999999.99", "-9999999999.99", "44.12", "0.10", None)), "=", "=", "=", "="),
    Case("decimal(20,7)", tuple(Decimal(v) if v else None for v in
         ("0.0000001", "5000000000.0000010", "-44.1234560", "9999999999999.9999999", None)), "=", "=", "=", "="),
    Case("decimal(38,10)", tuple(Decimal(v) if v else None for v in
         ("9999999999999999999999999999.9999999999", "-0.0000000001", "0E-10", None)), "=", "=", "=", "="),
    Case("decimal(60,20)", tuple(Decimal(v) if v else None for v in
         ("1234567890123456789012345678901234567890.12345678901234567890", "-1.00000000000000000000", None)),
         "=", No("DuckDB's decimals end at 38 digits"), "=", "=",
         oracle=No("Oracle's numbers end at 38 digits")),
    Case("text", _TEXTS, "=", "=", "=", "="),
    Case("text(300)", tuple(v for v in _TEXTS if v is None or len(v) <= 300), "=", "text", "=", "="),
    Case("padded text(10)", ("ab", "", "  lead", "full-width", "ä", None), "=", "text", "=", "="),
    Case("binary", (b"", b"\x00", b"\xff\xfe\x00\x01", bytes(range(256)), b"z" * 70_000, None), "=", "=", "=", "="),
    Case("uuid", ("00000000-0000-0000-0000-000000000000", "123e4567-e89b-12d3-a456-426614174000", None),
         "=", "=", "=", "=", mysql="padded text(36)", oracle="binary(16)"),
    Case("json", ('{"b": 1.0, "a": [1, null, "x"]}', "[]", "1.0", '"text"', None), "=", "=", "=", "=", mysql="text",
         oracle="text"),
    Case("date", (dt.date(1, 1, 1), dt.date(9999, 12, 31), dt.date(1970, 1, 1), dt.date(2024, 2, 29), None),
         "=", "=", "=", "=", oracle="timestamp(0)"),
    Case("time", (dt.time(0, 0), dt.time(23, 59, 59, 999_999), dt.time(12, 30, 15, 1), None), "=", "=", "=", "=",
         oracle="duration"),
    Case("timestamp", _MOMENTS, "=", "=", "=", "="),
    Case("instant", tuple(v and v.replace(tzinfo=dt.UTC) for v in _MOMENTS), "=", "=", "=", "timestamp"),
)  # fmt: skip
