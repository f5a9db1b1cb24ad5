"""The bounds of partitions from a column's least and greatest value, and their names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from zoneinfo import ZoneInfo

from ..transfer.errors import RequestError
from ..transfer.schema.partitioning import Bound, Bounds, Edge, Partition
from ..transfer.types import INTEGERS, Type
from .calendar import midnight, units

MOST = 10_000  # partitions: more are a mistake, or one value far away from all others
_TOO_MANY = "Choose larger steps, or name the bounds yourself: bounds: [...]."


@dataclass(frozen=True)
class Ranges:
    """Partitions in order; the first begins at `lower`, or has no begin."""

    lower: Bounds
    partitions: tuple[Partition, ...]


def by_calendar(low: date, high: date, unit: str, type_: Type, zone: ZoneInfo) -> Ranges:
    """One partition for each unit from the least to the greatest value. RequestError for too many, or years beyond."""
    try:
        first, last = (_day(value, zone) for value in (low, high))
        made: list[Partition] = []
        lower: Bound = None
        for one in units(first, last, unit):
            begin, end = (_bound(day, type_, zone) for day in (one.first, one.end))
            lower = begin if lower is None else lower
            if begin != end:  # a zone that crossed the date line left out a day
                made.append(Partition(f"p{one.name}", upper=(end,)))
            _check_number(len(made), f"every: {unit}", (low, high))
    except (OverflowError, ValueError) as error:
        raise RequestError(
            f"from {low} to {high} there is a bound that no calendar has.", remedy="Name the bounds: bounds: [...]."
        ) from error
    return Ranges((lower,), tuple(made))


def _day(value: date, zone: ZoneInfo) -> date:
    if isinstance(value, datetime):
        return (value.astimezone(zone) if value.tzinfo else value).date()
    return value


def _bound(day: date, type_: Type, zone: ZoneInfo) -> date:
    if type_.kind == "date":
        return day
    return midnight(day, zone) if type_.kind == "instant" else datetime.combine(day, time())


def by_steps(low: int | Decimal, high: int | Decimal, step: int, type_: Type) -> Ranges:
    """One partition for each step from the least to the greatest value, named by where it begins."""
    first, last = int(low // step) - (low % step < 0), int(high // step) - (high % step < 0)
    _check_number(last - first + 1, f"every: {step}", (low, high))
    made = [
        Partition(f"p{spelled(number * step)}", upper=(_within((number + 1) * step, type_),))
        for number in range(first, last + 1)
    ]
    least = _limits(type_)[0]
    begin = first * step
    return Ranges(() if least is not None and begin < least else (begin,), tuple(made))


def _within(end: int, type_: Type) -> Bound:
    most = _limits(type_)[1]
    return Edge.MOST if most is not None and end > most else end


def _limits(type_: Type) -> tuple[int | None, int | None]:
    """The least and the greatest whole number of a type."""
    if type_.kind in INTEGERS:
        bits, signed = int(type_.kind.lstrip("uint")), not type_.kind.startswith("u")
        return (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    if type_.kind == "decimal" and not type_.unbounded:
        most = 10 ** (type_.precision - type_.scale) - 1
        return -most, most
    return None, None


def _check_number(number: int, every: str, ends: tuple[object, object]) -> None:
    if number > MOST:
        raise RequestError(
            f"from {ends[0]} to {ends[1]} {every} makes more than {MOST:,} partitions.", remedy=_TOO_MANY
        )


def by_bounds(given: Sequence[object], type_: Type, zone: ZoneInfo) -> Ranges:
    """One partition for each of the bounds, which it ends before, and is named by. The first has no begin."""
    ends = [value_of(one, type_, zone) for one in given]
    for one, after in pairwise(ends):
        if not one < after:  # type: ignore[operator]  # of one kind
            raise RequestError(f"bounds are in ascending order, and {after} stands behind {one}.")
    names = [f"p{spelled(one)}" for one in given]
    return Ranges((), tuple(Partition(name, upper=(end,)) for name, end in zip(names, ends, strict=True)))


def value_of(given: object, type_: Type, zone: ZoneInfo) -> Bound:
    """A value of a job as one of a column's type. RequestError for what is none."""
    try:
        return _value(given, type_, zone)
    except (ValueError, InvalidOperation, TypeError):
        raise RequestError(f"{given!r} is no {type_}.") from None


def _value(given: object, type_: Type, zone: ZoneInfo) -> Bound:
    if isinstance(given, bool):
        raise TypeError
    text = str(given)
    if type_.kind in INTEGERS:
        return int(text)
    if type_.kind == "decimal":
        return Decimal(text)
    if type_.kind == "date":
        return date.fromisoformat(text)
    if type_.kind in ("timestamp", "instant"):
        return _moment(datetime.fromisoformat(text), type_, zone)
    if type_.kind == "text" and isinstance(given, str):
        return text
    raise TypeError


def _moment(moment: datetime, type_: Type, zone: ZoneInfo) -> datetime:
    """A moment without offset is a zone's wall clock; one whole day is meant by its begin."""
    if type_.kind == "timestamp":
        if moment.tzinfo:
            raise ValueError
        return moment
    if moment.tzinfo:
        return moment.astimezone(UTC)
    return midnight(moment.date(), zone) if moment.time() == time() else moment.replace(tzinfo=zone).astimezone(UTC)


def spelled(value: object) -> str:
    """A value as part of a name: `1000`, `m5` below zero, `2024_01_01`."""
    text = str(value)
    return re.sub(r"\W+", "_", f"m{text[1:]}" if re.match(r"-\d", text) else text).strip("_")
