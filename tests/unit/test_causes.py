"""What two values look like beside each other."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from ropeway.transfer.canonical import Canon
from ropeway.transfer.segments import Division, by_digits, by_range
from ropeway.verify.causes import Beyond, cause
from ropeway.verify.cells import compare_rows
from ropeway.verify.checksum import Sum, of_batch
from ropeway.verify.report import Stretch
from ropeway.verify.segments import by_client, differing, stretches

NOON = datetime(2024, 3, 1, 12, 0, 0, 123456)
CASES = [
    ("", None, "NULL for empty"),
    (None, "", "empty for NULL"),
    ("a", None, "NULL for a value"),
    (None, 7, "a value for NULL"),
    ("a", "", "empty for a value"),
    ("a", "a  ", "trailing space"),
    (" a", "a", "space at the ends"),
    ("é", "e\u0301", "Unicode normal form"),
    ("Straße", "STRASSE", "case"),
    ("a\r\nb", "a\nb", "line ends"),
    ("é", "Ã©", "mojibake"),
    ("Ã©", "é", "mojibake"),
    ("€", "â‚¬", "mojibake"),
    ("日本", "??", "characters replaced"),
    ("a\0b", "a", "cut at U+0000"),
    ("abc", "ab", "cut"),
    ("abc", "xyz", ""),
    ("x" * 9_000 + "é" + "y" * 9_000, "x" * 9_000 + "Ã©" + "y" * 9_000, "mojibake"),
    ("x" * 9_000 + "é" + "y" * 9_000, "x" * 9_000 + "z" + "y" * 9_000, ""),
    ("x" * 9_000, "x" * 8_999, "cut"),
    ("x" * 9_000, "x" * 8_999 + " ", ""),
    ("x" * 9_000, "", "empty for a value"),
    (NOON, NOON.replace(hour=13), "time-zone shift"),
    (NOON, NOON.replace(hour=17, minute=30), "time-zone shift"),
    (NOON, NOON.replace(microsecond=123000), "precision cut"),
    (NOON, NOON.replace(microsecond=0), "precision cut"),
    (NOON.replace(microsecond=999_700), NOON.replace(second=1, microsecond=0), "rounding"),
    (NOON, NOON.replace(microsecond=123457), ""),
    (NOON, NOON.replace(day=9), ""),
    (NOON, NOON.replace(tzinfo=UTC), "another type"),
    (date(2024, 3, 1), date(2024, 2, 29), "time-zone shift"),
    (time(10, 0, 0, 123456), time(10, 0, 0, 123000), "precision cut"),
    (time(10, 0, 0, 123456), time(10, 0, 0, 123457), ""),
    (date(44, 3, 15), Beyond("0044-03-15 BC"), ""),
    (Decimal("1.239"), Decimal("1.23"), "precision cut"),
    (Decimal("1.235"), Decimal("1.24"), "rounding"),
    (Decimal("-1.5"), Decimal("1.5"), "sign"),
    (Decimal("1.5"), Decimal("2.5"), ""),
    (1.5, 1.5000000000000002, "one ulp"),
    (0.1, 0.10000000149011612, "precision cut"),
    (2.0, 3.0, ""),
    (9007199254740993, 9007199254740992, "precision cut"),
    (300, 44, "wrapped around"),
    (7, -7, "sign"),
    (True, False, ""),
    (b"ab\0\0", b"ab", "trailing zero bytes"),
    ("1", 1, "another type"),
]


@pytest.mark.parametrize(("source", "target", "said"), CASES, ids=lambda value: repr(value)[:24])
def test_causes(source: object, target: object, said: str) -> None:
    assert cause(source, target) == said


CANONS = (Canon("integer"), Canon("text"))
TABLE = pa.table({"k": range(-7, 50_000), "w": [None if n % 5 == 0 else f"w{n}" for n in range(50_007)]})


@pytest.mark.parametrize(
    "division", [by_range((0,), -7, 49_999, 50_007), by_digits((0,), 50_007), by_digits((), 50_007), Division()]
)
def test_segments_add_up_to_the_whole(division: Division) -> None:
    batches = TABLE.to_batches(max_chunksize=7_001)
    found = by_client(batches, CANONS, division)
    whole = sum((of_batch(batch, CANONS) for batch in batches), Sum.zero())
    assert sum(found.values(), Sum.zero()) == whole
    other = by_client(TABLE.slice(1).to_batches(), CANONS, division)
    assert len(differing(found, other)) == 1
    if division.step or division.digits:
        assert max(part.count for part in found.values()) < 15_000


def test_a_key_that_spans_too_much_has_no_ranges() -> None:
    assert by_range((0,), -(1 << 63), (1 << 63) - 1, 10) is None


def test_twins_are_compared_as_multisets() -> None:
    one = pa.table({"k": [1, 1, 1, 2], "w": ["a", "a", "b", None]})
    other = pa.table({"k": [1, 1, 1, 2], "w": ["a", "b", "b", None]})
    found = compare_rows(one, other, CANONS, (0,), 10)
    assert (found.missing, found.extra, found.changed) == (1, 1, 0)
    assert [one_.kind for one_ in found.first] == ["missing", "extra"]


HOUR, DAY = 3_600_000_000, 86_400_000_000
KEPT = [
    (Canon("instant", 6), pa.array([0], pa.timestamp("us", "UTC")), pa.array([HOUR], pa.timestamp("us")),
     "time-zone shift"),
    (Canon("integer"), pa.array([7], pa.uint64()), pa.array([-7], pa.decimal128(20, 0)), "sign"),
    (Canon("decimal", 2), pa.array([7], pa.int8()), pa.array([-7], pa.decimal128(20, 2)), "sign"),
    (Canon("boolean"), pa.array([True]), pa.array([2], pa.int8()), ""),
    (Canon("padded"), pa.array(["é  "]), pa.array(["e\u0301"]), "Unicode normal form"),
    (Canon("timestamp", 6), pa.array([0], pa.date32()), pa.array([HOUR], pa.timestamp("us")), "time-zone shift"),
    (Canon("date"), pa.array([0], pa.date32()), pa.array([DAY], pa.timestamp("us")), "time-zone shift"),
    (Canon("duration"), pa.array([5], pa.duration("us")), pa.array([-5], pa.int64()), "sign"),
    (Canon("float"), pa.array([5], pa.int32()), pa.array([-5.0]), "sign"),
    (Canon("float"), pa.array([None], pa.float64()), pa.array([-0.0]), "a value for NULL"),
]  # fmt: skip


@pytest.mark.parametrize(("canon", "source", "target", "said"), KEPT, ids=[str(kept[0].form) for kept in KEPT])
def test_how_a_side_keeps_a_value_is_no_cause(canon: Canon, source: Any, target: Any, said: str) -> None:
    one, other = (pa.table({"k": [1], "c": values}) for values in (source, target))
    (found,) = compare_rows(one, other, (Canon("integer"), canon), (0,), 10).first
    assert (found.cause, found.target == "-0.0") == (said, False)


def test_values_beyond_pythons_are_told() -> None:
    before, after = -719_163, 2_932_897  # days of 1 BC and of the year 10000
    one = pa.table({"k": [1, 2], "d": pa.array([0, after], pa.date32())})
    other = pa.table({"k": [1, 2], "d": pa.array([before, 0], pa.date32())})
    found = compare_rows(one, other, (Canon("integer"), Canon("date")), (0,), 10)
    assert [(d.source, d.target, d.cause) for d in found.first] == [
        ("1970-01-01", "0001-12-31 BC", ""), ("10000-01-01", "1970-01-01", ""),
    ]  # fmt: skip
    one, other = (pa.table({"t": pa.array([n], pa.timestamp("ns"))}) for n in (1, 2))
    found = compare_rows(one, other, (Canon("timestamp", 9),), (), 10)
    assert [one_.key["t"] for one_ in found.first] == ["1970-01-01 00:00:00.000000001", "1970-01-01 00:00:00.000000002"]


def test_long_values_are_shown_where_they_differ() -> None:
    one = pa.table({"k": [1], "w": ["a" * 5_000 + "b" * 300]})
    other = pa.table({"k": [1], "w": ["a" * 5_000 + "c" * 300]})
    (found,) = compare_rows(one, other, CANONS, (0,), 10).first
    assert found.source
    assert found.target
    assert found.source.startswith("..." + "a" * 50 + "b" * 150 + "... (5300 characters, SHA-256 ")
    assert found.target.startswith("..." + "a" * 50 + "c" * 150 + "... (5300 characters, SHA-256 ")
    rows = compare_rows(one, other, CANONS, (), 10).first  # whole rows, whose long texts begin the same
    assert rows[0].key["w"] != rows[1].key["w"]


def test_a_column_that_is_wrong_everywhere_hides_no_other() -> None:
    keys = list(range(50))
    one = pa.table({"k": keys, "w": [f"{n}" for n in keys], "x": ["a"] * 50})
    other = pa.table({"k": [*keys[:48], 50], "w": [f"{n}!" for n in [*keys[:48], 50]], "x": ["a"] * 40 + ["b"] * 9})
    found = compare_rows(one, other, [*CANONS, CANONS[-1]], (0,), 10)
    told = Counter(one_.column or one_.kind for one_ in found.first)
    assert told == {"w": 4, "x": 3, "missing": 2, "extra": 1}
    assert dict(found.columns) == {"w": 48, "x": 8}


def test_many_segments_are_told_in_stretches() -> None:
    one = {str(n): Sum(10, n, 0) for n in range(1_000)}
    found = stretches(Division((0,), low=1, step=10), ["id"], one, {**one, "5": Sum(9, 5, 0), "999": Sum.zero()})
    assert found == (
        Stretch(0, 9, 1, 10, 9, "id is from 1 to 90"),
        Stretch(999, 1, 1, 10, 0, "id is from 9991 to 10000"),
    )
    hexed = {f"{n:02x}": Sum(10, n, 0) for n in range(256)}
    words = [each.where for each in stretches(Division((0,), digits=2), ["id"], hexed, {})]
    assert (len(words), words[0]) == (86, "SHA-256 of id is from 00... to 02...")
