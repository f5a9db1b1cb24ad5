"""Bounds of partitions against a naive reading: the name that a value's own date says is its partition's."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ropeway.partitioning.bounds import MOST, Ranges, by_bounds, by_calendar, by_steps, value_of
from ropeway.partitioning.calendar import UNITS, midnight
from ropeway.partitioning.declared import call_of
from ropeway.transfer.errors import RequestError
from ropeway.transfer.schema.partitioning import Edge
from ropeway.transfer.types import Type

ZONE = ZoneInfo("UTC")
# With summer time that begins at midnight (Beirut, Santiago), and one that lost a day (Apia).
ZONES = ("UTC", "Europe/Paris", "America/New_York", "Asia/Beirut", "America/Santiago", "Pacific/Apia", "Asia/Kolkata")
DATES = st.dates(date(1990, 1, 1), date(2035, 12, 31))


def plain(day: date, unit: str) -> str:
    """By strftime, which has no arithmetic of ours."""
    quarter = {"01": 1, "02": 1, "03": 1, "04": 2, "05": 2, "06": 2, "07": 3, "08": 3, "09": 3}
    return {
        "day": f"p{day:%Y_%m_%d}", "week": f"p{day:%G_w%V}", "month": f"p{day:%Y_%m}", "year": f"p{day:%Y}",
        "quarter": f"p{day:%Y}_q{quarter.get(f'{day:%m}', 4)}",
    }[unit]  # fmt: skip


def place(ranges: Ranges, value: Any) -> str:
    """The partition that an engine puts a value into, '' for the default one."""
    if ranges.lower and value < ranges.lower[0]:
        return ""
    return next((one.name for one in ranges.partitions if one.upper[0] is Edge.MOST or value < one.upper[0]), "")


@given(low=DATES, days=st.integers(0, 3000), at=st.integers(0, 3000), unit=st.sampled_from(UNITS))
def test_dates_are_where_their_name_says(low: date, days: int, at: int, unit: str) -> None:
    high, value = low + timedelta(days=days), low + timedelta(days=min(at, days))
    ranges = by_calendar(low, high, unit, Type("date"), ZONE)
    assert place(ranges, value) == plain(value, unit)
    assert ranges.partitions[0].name == plain(low, unit)
    assert ranges.partitions[-1].name == plain(high, unit)
    before, behind = ranges.lower[0], ranges.partitions[-1].upper[0]
    assert isinstance(before, date)
    assert plain(before - timedelta(days=1), unit) != plain(low, unit)
    assert place(ranges, behind) == ""
    assert len({one.name for one in ranges.partitions}) == len(ranges.partitions)


@given(
    moment=st.datetimes(datetime(1995, 1, 1), datetime(2034, 1, 1)), hours=st.integers(0, 24 * 400),
    unit=st.sampled_from(UNITS), zone=st.sampled_from(ZONES),
)  # fmt: skip
def test_instants_are_where_the_date_of_their_zone_says(moment: datetime, hours: int, unit: str, zone: str) -> None:
    low = moment.replace(tzinfo=UTC)
    high = low + timedelta(hours=hours)
    here = ZoneInfo(zone)
    ranges = by_calendar(low, high, unit, Type("instant"), here)
    for value in (low, low + (high - low) / 3, high):
        assert place(ranges, value) == plain(value.astimezone(here).date(), unit)
    ends = [*ranges.lower, *(one.upper[0] for one in ranges.partitions)]
    for end in ends[1:-1]:
        assert isinstance(end, datetime)
        just_before = end - timedelta(microseconds=1)
        assert place(ranges, just_before) == plain(just_before.astimezone(here).date(), unit)


def test_midnights_that_are_none_or_two() -> None:
    # Beirut's clocks went from 0 to 1 o'clock on 31 March 2024; in Apia 30 December 2011 was no day.
    assert midnight(date(2024, 3, 31), ZoneInfo("Asia/Beirut")) == datetime(2024, 3, 30, 22, tzinfo=UTC)
    assert midnight(date(2011, 12, 30), ZoneInfo("Pacific/Apia")) == datetime(2011, 12, 30, 10, tzinfo=UTC)
    assert midnight(date(2011, 12, 31), ZoneInfo("Pacific/Apia")) == datetime(2011, 12, 30, 10, tzinfo=UTC)
    # Havana's went from 1 to 0 on 3 November 2024, so that midnight came twice; Toronto's in 1919 from 23:30 to 0:30.
    assert midnight(date(2024, 11, 3), ZoneInfo("America/Havana")) == datetime(2024, 11, 3, 4, tzinfo=UTC)
    assert midnight(date(1919, 3, 31), ZoneInfo("America/Toronto")) == datetime(1919, 3, 31, 4, 30, tzinfo=UTC)
    low, high = (datetime(2011, 12, day, 12, tzinfo=UTC) for day in (29, 31))
    names = [one.name for one in by_calendar(low, high, "day", Type("instant"), ZoneInfo("Pacific/Apia")).partitions]
    assert names == ["p2011_12_29", "p2011_12_31", "p2012_01_01"]


@pytest.mark.parametrize(
    ("day", "name"),
    [("2020-12-31", "p2020_w53"), ("2021-01-03", "p2020_w53"), ("2021-01-04", "p2021_w01"), ("2024-12-30", "p2025_w01"),
     ("2027-01-01", "p2026_w53")],
)  # fmt: skip
def test_weeks_across_years(day: str, name: str) -> None:
    found = date.fromisoformat(day)
    assert [one.name for one in by_calendar(found, found, "week", Type("date"), ZONE).partitions] == [name]


@given(
    low=st.integers(-(10**6), 10**6), size=st.integers(0, 5000), at=st.integers(0, 5000), step=st.integers(1, 999),
    decimal=st.booleans(),
)  # fmt: skip
def test_numbers_are_where_their_name_says(low: int, size: int, at: int, step: int, decimal: bool) -> None:
    kind = Type("decimal", precision=20, scale=2) if decimal else Type("int64")
    value = low + min(at, size)
    first, last, looked = (Decimal(one) for one in (low, low + size, value)) if decimal else (low, low + size, value)
    ranges = by_steps(first, last, step, kind)
    begin = value - value % step
    assert place(ranges, looked) == f"p{'m' if begin < 0 else ''}{abs(begin)}"
    ends = [*ranges.lower, *(one.upper[0] for one in ranges.partitions)]
    assert all(b - a == step for a, b in pairwise(ends))  # type: ignore[operator]


def test_fractions_below_nought_belong_to_the_step_before() -> None:
    ranges = by_steps(Decimal("-0.5"), Decimal("0.5"), 10, Type("decimal", precision=5, scale=1))
    assert [(one.name, one.upper) for one in ranges.partitions] == [("pm10", (0,)), ("p0", (10,))]
    assert ranges.lower == (-10,)


def test_ends_beyond_a_type_are_none() -> None:
    ranges = by_steps(-128, 127, 100, Type("int8"))
    assert ranges.lower == ()
    assert [one.upper[0] for one in ranges.partitions] == [-100, 0, 100, Edge.MOST]


def test_too_many_are_refused() -> None:
    with pytest.raises(RequestError, match=f"more than {MOST:,} partitions"):
        by_calendar(date(1970, 1, 1), date(2024, 1, 1), "day", Type("date"), ZONE)
    with pytest.raises(RequestError, match="more than"):
        by_steps(0, 10**15, 10, Type("int64"))
    with pytest.raises(RequestError, match="no calendar"):
        by_calendar(date(9999, 12, 1), date(9999, 12, 31), "month", Type("date"), ZONE)


def test_bounds_in_the_jobs_words() -> None:
    found = by_bounds(["2024-01-01", date(2024, 2, 1)], Type("instant"), ZoneInfo("Europe/Paris"))
    assert [(one.name, one.upper[0]) for one in found.partitions] == [
        ("p2024_01_01", datetime(2023, 12, 31, 23, tzinfo=UTC)), ("p2024_02_01", datetime(2024, 1, 31, 23, tzinfo=UTC)),
    ]  # fmt: skip
    with pytest.raises(RequestError, match="ascending"):
        by_bounds([2, 1], Type("int64"), ZONE)
    for given_, kind in (("x", "int64"), (True, "int64"), ("2024-13-01", "date"), (5, "text"), ("1", "float64")):
        with pytest.raises(RequestError, match=f"is no {kind}"):
            value_of(given_, Type(kind), ZONE)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"by": "range", "column": "a"}, "every or bounds"),
        ({"by": "range", "column": "a", "every": 1, "bounds": [1]}, "every or bounds"),
        ({"by": "hash", "column": "a", "every": 1}, "parts"),
        ({"by": "hash", "column": "a", "parts": 1}, "2 or more"),
        ({"by": "range", "column": "a", "every": 0}, "step of 1"),
        ({"by": "range", "column": "a", "bounds": []}, "names nothing"),
        ({"by": "list", "column": "a", "values": {"x": [1]}, "zone": "UTC"}, "ranges of instants"),
        ({"by": "range", "column": "a", "every": "day", "zone": "Mars/Base"}, "no zone"),
        ({"by": "hash", "column": "a", "parts": 2, "within": {"by": "hash", "column": "b", "parts": 2, "key": "drop"}},
         "belongs to the table's"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(spec: dict[str, Any], said: str) -> None:
    with pytest.raises(RequestError, match=said):
        call_of(spec)
