"""Bounds of partitions as the dictionaries of servers print them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from ropeway.transfer.engines.oracle import division
from ropeway.transfer.schema.partitioning import Bound, Edge, Undivided

TO_DATE = "TO_DATE(' 2024-01-01 00:00:00', 'SYYYY-MM-DD HH24:MI:SS', 'NLS_CALENDAR=GREGORIAN')"
HIGH_VALUES: tuple[tuple[str, list[Bound]], ...] = (
    (TO_DATE, [datetime(2024, 1, 1)]),
    (f"{TO_DATE}, MAXVALUE", [datetime(2024, 1, 1), Edge.MOST]),
    ("TIMESTAMP' 2024-01-01 00:00:00'", [datetime(2024, 1, 1)]),
    ("TIMESTAMP' 2024-01-01 00:00:00.500000000'", [datetime(2024, 1, 1, 0, 0, 0, 500_000)]),
    ("TIMESTAMP' 2024-01-01 00:00:00+02:00'", [datetime(2023, 12, 31, 22, tzinfo=UTC)]),
    ("'it''s', 'a, b', NULL, DEFAULT", ["it's", "a, b", None, Edge.OTHERS]),
    ("-1.5, 1E10, .5, 7", [Decimal("-1.5"), Decimal("1E10"), Decimal("0.5"), Decimal(7)]),
)


@pytest.mark.parametrize(("text", "found"), HIGH_VALUES)
def test_high_values(text: str, found: list[Bound]) -> None:
    assert list(division._bounds(text, "p")) == found


@pytest.mark.parametrize("text", [
    "TO_DATE('-0100-01-01 00:00:00', 'SYYYY-MM-DD HH24:MI:SS', 'NLS_CALENDAR=GREGORIAN')",
    "TO_DATE(' 2024-01-01 00:00:00', 'SYYYY-MM-DD HH24:MI:SS', 'NLS_CALENDAR=JAPANESE IMPERIAL')",
    "TIMESTAMP' 2024-01-01 00:00:00.000000001'", "HEXTORAW('00')", "( 'a', 1 ), ( 'b', 2 )", "1 2",
])  # fmt: skip
def test_what_is_no_bound_elsewhere(text: str) -> None:
    with pytest.raises(Undivided):
        list(division._bounds(text, "p"))
