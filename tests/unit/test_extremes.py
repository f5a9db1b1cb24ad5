"""Which slices hold the extremes, and which of them the source is asked for."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from ropeway.transfer.asking import ALL, SAMPLE, chosen, reasons
from ropeway.transfer.cutting import LARGE
from ropeway.transfer.engine import Receipt
from ropeway.transfer.extremes import Holders, joined, noted
from ropeway.transfer.plan import Cut, Hop, Slice
from ropeway.transfer.schema.catalogue import Relation

VALUES: tuple[tuple[pa.DataType, list[Any], dict[str, Any]], ...] = (
    (pa.int32(), [3, None, -7], {"null": 0, "least": 7, "greatest": 3}),
    (pa.uint64(), [2**64 - 1, 5], {"least": -5, "greatest": 2**64 - 1}),
    (pa.decimal128(12, 2), [Decimal("1.50"), Decimal("-2.25")],
     {"least": Decimal("2.25"), "greatest": Decimal("1.50")}),
    (pa.decimal256(50, 2), [Decimal("1.50")], {"least": Decimal("-1.50"), "greatest": Decimal("1.50")}),
    (pa.float64(), [1.5, float("nan"), float("-inf")], {"nan": 0, "least": float("inf"), "greatest": 1.5}),
    (pa.float32(), [float("nan"), None], {"null": 0, "nan": 0}),
    (pa.bool_(), [True, False], {"least": 0, "greatest": 1}),
    (pa.date32(), [date(1970, 1, 3)], {"least": -2, "greatest": 2}),
    (pa.time64("us"), [7], {"least": -7, "greatest": 7}),
    (pa.timestamp("ns"), [1, 2], {"least": -1, "greatest": 2}),
    (pa.timestamp("us", "UTC"), [datetime(1970, 1, 1, 0, 0, 1)], {"least": -(10**6), "greatest": 10**6}),
    (pa.duration("us"), [-4, None], {"null": 0, "least": 4, "greatest": -4}),
    (pa.string(), ["ä", "", "abc", None], {"null": 0, "shortest": 0, "longest": 3}),
    (pa.binary(), [b"ab"], {"shortest": -2, "longest": 2}),
    (pa.int64(), [None], {"null": 0}),
    (pa.int64(), [], {}),
)  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "values", "found"), VALUES, ids=[f"{kind}-{n}" for n, (kind, _, _) in enumerate(VALUES)]
)
def test_what_is_extreme(kind: pa.DataType, values: list[Any], found: dict[str, Any]) -> None:
    batch = pa.record_batch([pa.array(values, kind)], ["c"])
    assert noted(batch) == {(0, mark): value for mark, value in found.items()}
    twice = pa.record_batch([pa.array([*values, *values], kind)], ["c"]).slice(len(values))  # an offset
    assert noted(twice) == noted(batch)


def test_batches_together() -> None:
    one, other = ({(0, "least"): -1, (0, "null"): 0}, {(0, "least"): -3, (0, "greatest"): 9})
    assert joined(one, other) == joined(other, one) == {(0, "least"): -1, (0, "greatest"): 9, (0, "null"): 0}


def hop_of(slices: int, columns: int = 2) -> Hop:
    none: Any = None
    name = Relation("", "t")
    return Hop("1 t", name, name, name, (none,) * columns, tuple(Slice(n, Cut()) for n in range(1, slices + 1)))


def picked(rows: list[int], held: Holders, run: str = "r", now: int = 0) -> tuple[dict[int, str], str]:
    """The choice among slices of so many rows, of which the first `now` landed at another instant."""
    receipts = [Receipt("1 t", n, "", "now" if n > now else "then", size, size) for n, size in enumerate(rows, 1)]
    return chosen(run, hop_of(len(rows)), receipts, receipts[now:], held)


def holding(*found: dict[tuple[int, str], Any]) -> Holders:
    held = Holders()
    for number, one in enumerate(found, 1):
        held.landed(number, one)
    return held


def test_the_slices_that_hold_the_most_extremes() -> None:
    low, high = (0, "least"), (0, "greatest")
    found: list[dict[tuple[int, str], Any]] = [{low: -n, high: n, (1, "longest"): 5} for n in range(1, 101)]
    found[49][1, "longest"] = 9
    held = holding(*found)
    chosen_, why = picked([10_000] * 100, held)
    words = {number: word for number, word in chosen_.items() if word != SAMPLE}
    assert words == {number: f"the extremes of {columns} of 2 columns" for columns, number in enumerate((1, 50, 100))}
    assert reasons(chosen_.values()) == ["the extremes of 2 of 2 columns", SAMPLE]
    assert reasons([SAMPLE, words[50], words[1]]) == [words[50], SAMPLE]
    assert list(chosen_.values()).count(SAMPLE) == 6  # a sixteenth
    assert why == ""
    assert picked([10_000] * 100, held) == (chosen_, "")
    assert picked([10_000] * 100, held, "another run")[0] != chosen_


def test_a_budget_takes_the_best_ones() -> None:
    found: list[dict[tuple[int, str], Any]] = [{(n, "least"): 1} for n in range(20)]
    found[3].update({(7, "greatest"): 1})
    chosen_, _ = picked([100_000] * 20, holding(*found))
    assert next(iter(chosen_.items())) == (4, "the extremes of 1 of 2 columns")
    assert len(chosen_) == 3  # a seventh is two slices; a sixteenth is less than one, which a sample has at least


def test_no_more_than_a_quarter() -> None:
    same: dict[tuple[int, str], Any] = {(0, "least"): 1}
    none, why = picked([300_000] * 3, holding(same, same, same))
    assert (none, why) == ({}, "each of its slices has more than a quarter of its rows")
    assert list(picked([300_000] * 4, holding(*[same] * 4))[0]) == [1]
    assert list(picked([300_000] * 8, holding(*[same] * 8))[0].values()) == ["the extremes of 1 of 2 columns", SAMPLE]
    assert len(picked([100_000] * 2, holding(same, same))[0]) == 2  # as a table in one piece
    other: dict[tuple[int, str], Any] = {(0, "least"): 0}
    assert picked([310_000, 190_000], holding(same, other))[0] == {2: SAMPLE}
    assert picked([500_000, 20], holding(same, other))[0] == {2: SAMPLE}
    assert picked([500_000, 150_000], holding({}, same), now=1)[0] == {
        2: "the extremes of 1 of 2 columns among 1 of 2 slices"
    }


def test_a_table_in_one_piece() -> None:
    assert picked([LARGE], holding({})) == ({1: ALL}, "")
    assert picked([LARGE + 1], holding({})) == ({}, "it was read in one slice of more than 200,000 rows")


def test_few_of_those_that_share_an_extreme_are_remembered() -> None:
    held = holding(*({(0, "null"): 0} for _ in range(1_000)))
    assert len(held.marks()) == 64
    held.landed(1_001, {(0, "null"): 1})
    assert held.marks() == {1_001: {(0, "null")}}
    assert held.columns([1_001]) == 1
    assert held.columns([5]) == 0
