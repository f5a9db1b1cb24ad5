"""The specimens: one value of each canonical form.

Both servers and the client compute their checksums before anything is compared. A server that writes a form otherwise,
be it for a setting or for its version, is found by that, and not by ten million rows that "differ".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa

from .canonical import Canon

TEXT = "é~|2:\U0001f6a1"  # a letter of two octets and one of four, and what delimits fields
Natives = Mapping[str, tuple[str, str]]  # by form: an SQL expression of the specimen's value, and its native type
_MOMENT = datetime(2024, 2, 29, 7, 20, 0, 120_000)
_VALUES: tuple[tuple[Canon, Any, pa.DataType], ...] = (
    (Canon("integer"), -9_007_199_254_740_993, pa.int64()),  # 2^53 + 1, which a double does not hold
    (Canon("decimal", 3), Decimal("-1234567.80"), pa.decimal128(12, 2)),
    (Canon("number"), Decimal("1.50"), pa.decimal128(12, 2)),
    (Canon("float"), -0.1, pa.float64()),
    (Canon("boolean"), True, pa.bool_()),
    (Canon("date"), date(2024, 2, 29), pa.date32()),
    (Canon("timestamp", 6), _MOMENT, pa.timestamp("us")),
    (Canon("instant", 6), _MOMENT, pa.timestamp("us", "UTC")),
    (Canon("time", 6), time(7, 5, 9, 500_000), pa.time64("us")),
    (Canon("duration"), -timedelta(hours=25, minutes=1, seconds=1, microseconds=1), pa.duration("us")),
    (Canon("text"), TEXT, pa.string()),
    (Canon("padded"), "a ", pa.string()),
    (Canon("binary"), b"\x00\xab", pa.binary()),
    (Canon("uuid"), "6f9619ff-8b86-d011-b42d-00c04fc964ff", pa.string()),
)


def specimens() -> Iterator[tuple[Canon, pa.RecordBatch]]:
    """Each form with a batch of one row and one column."""
    for canon, value, kind in _VALUES:
        yield canon, pa.record_batch([pa.array([value], kind)], [canon.form])


def as_table(natives: Natives, canon: Canon) -> tuple[str, list[tuple[str, Canon, str]]]:
    """A specimen in SQL: a derived table, and its columns as an engine's checksum takes them."""
    expression, native = natives[canon.form]
    return f"(SELECT {expression} AS c) AS specimen", [("c", canon, native)]
