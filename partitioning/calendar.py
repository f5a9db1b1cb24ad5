"""Days, weeks, months, quarters and years: where each begins, what it is called, and when that is in a zone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_STEP = timedelta(microseconds=1)
_DAYS = {"day": 1, "week": 7}
_MONTHS = {"month": 1, "quarter": 3, "year": 12}
UNITS = (*_DAYS, *_MONTHS)


@dataclass(frozen=True)
class Unit:
    """One day, week, month, quarter or year: its first day, and the first behind it."""

    name: str
    first: date
    end: date


def begin(day: date, unit: str) -> date:
    """The first day of the unit that a day is in. Weeks are ISO's, from Monday to Sunday."""
    if unit == "day":
        return day
    if unit == "week":
        return day - timedelta(days=day.weekday())
    months = _MONTHS[unit]
    return date(day.year, (day.month - 1) // months * months + 1, 1)


def following(first: date, unit: str) -> date:
    """The first day of the next unit. OverflowError or ValueError behind the year 9999."""
    if unit in _DAYS:
        return first + timedelta(days=_DAYS[unit])
    month = first.month - 1 + _MONTHS[unit]
    return date(first.year + month // 12, month % 12 + 1, 1)


def called(first: date, unit: str) -> str:
    """`2024_01`, `2024_w05`: by its begin; a week has the year that ISO counts it to."""
    week = first.isocalendar()
    return {
        "day": f"{first.year:04}_{first.month:02}_{first.day:02}", "week": f"{week.year:04}_w{week.week:02}",
        "month": f"{first.year:04}_{first.month:02}", "quarter": f"{first.year:04}_q{(first.month + 2) // 3}",
        "year": f"{first.year:04}",
    }[unit]  # fmt: skip


def units(low: date, high: date, unit: str) -> Iterator[Unit]:
    """All units from that of the one day to that of the other, without a gap."""
    first = begin(low, unit)
    while first <= high:
        end = following(first, unit)
        yield Unit(called(first, unit), first, end)
        first = end


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The instant at which a day begins in a zone: of two midnights the first, where there is none what comes next."""
    wall = datetime.combine(day, time())
    instant = wall.replace(tzinfo=zone).astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == wall:
        return instant
    return _first(lambda moment: moment.astimezone(zone).replace(tzinfo=None) >= wall, instant)


def _first(reached: Callable[[datetime], bool], late: datetime) -> datetime:
    """The first instant of which something is true that is true of a `late` one; found by halving a day before it."""
    early = late - timedelta(days=1)
    while late - early > _STEP:
        middle = early + (late - early) // 2
        early, late = (early, middle) if reached(middle) else (middle, late)
    return late
