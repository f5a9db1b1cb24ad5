"""Rules asked of rows on their way find the rows that SQL finds, which is asked here too."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from ropeway.transfer.plan import RowRule
from ropeway.transfer.rowrules import mask_of

Pairs = list[tuple[str, Any]]

BYTES = pa.array([None, -128, -1, 0, 4, 5, 127], pa.int8())
LARGE = pa.array([None, 0, 1, 2**63, 2**64 - 1, 7, 8], pa.uint64())
MONEY = pa.array(
    [None, *(Decimal(one) for one in ("-9.99", "-0.01", "0.00", "4.50", "4.51", "9.99"))], pa.decimal128(3, 2)
)
DAYS = pa.array([None, "0001-01-01", "1969-12-31", "1970-01-01", "2024-02-29", "2024-03-01", "9999-12-31"]).cast(
    pa.date32()
)
TEXTS = pa.array([None, "", "on", "ON", "on ", "ö", "o\u0308"])
ROWS = pa.RecordBatch.from_arrays([BYTES, LARGE, MONEY, DAYS, TEXTS], ["b", "n", "m", "d", "t"])

RULES: list[tuple[str, Pairs, str]] = [
    ("not_null", [("b", None)], "b IS NOT NULL"),
    ("not_null", [("b", None), ("t", None)], "b IS NOT NULL AND t IS NOT NULL"),
    ("range", [("b", {"min": -1, "max": 4})], "b >= -1 AND b <= 4"),
    ("range", [("b", {"min": -1.5})], "b >= -1.5"),
    ("range", [("b", {"min": -0.5})], "b >= -0.5"),
    ("range", [("m", {"min": -0.005})], "m >= -0.005"),
    ("range", [("b", {"max": 4.5})], "b <= 4.5"),
    ("range", [("b", {"min": 128})], "b >= 128"),
    ("range", [("b", {"max": 1000})], "b <= 1000"),
    ("range", [("b", {"max": -129})], "b <= -129"),
    ("range", [("n", {"min": -1, "max": 2**63})], "n >= -1 AND n <= 9223372036854775808"),
    ("range", [("m", {"min": 0, "max": 4.5})], "m >= 0 AND m <= 4.5"),
    ("range", [("m", {"min": -0.015, "max": 4.505})], "m >= -0.015 AND m <= 4.505"),
    ("range", [("m", {"min": 10})], "m >= 10"),
    ("range", [("m", {"max": 10})], "m <= 10"),
    ("range", [("d", {"min": "1970-01-01", "max": "2024-02-29"})], "d >= '1970-01-01' AND d <= '2024-02-29'"),
    ("range", [("b", {"min": 0}), ("m", {"max": 4})], "b >= 0 AND m <= 4"),
    ("accepted", [("b", [4, 5, 1000])], "b IN (4, 5, 1000)"),
    ("accepted", [("t", ["on", "ö"])], "t IN ('on', 'ö')"),
    ("accepted", [("b", [4]), ("t", [""])], "b IN (4) AND t IN ('')"),
    ("matches", [("t", "^o.?n?$")], "regexp_matches(t, '^o.?n?$')"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "pairs", "condition"), RULES)
def test_the_rows_are_those_of_sql(kind: str, pairs: Pairs, condition: str) -> None:
    mask = mask_of(RowRule("mine", kind, ""), json.loads(json.dumps(pairs)), ROWS)
    with duckdb.connect() as connection:
        connection.register("rows", pa.Table.from_batches([ROWS]))
        broken = connection.execute(f"SELECT (NOT ({condition})) IS TRUE FROM rows").fetchall()
    assert mask.to_pylist() == [one for (one,) in broken]
    assert mask_of(RowRule("mine", kind, ""), json.loads(json.dumps(pairs)), ROWS.slice(0, 0)).to_pylist() == []
