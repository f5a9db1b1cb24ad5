"""Timestamps without zone that are a zone's wall clock: planned as instants, and made so in the reader's batches.

The offsets are those of Python's zoneinfo, batch by batch and day by day: a handful of look-ups for each date, and
Arrow's arithmetic for the rows. Arrow's own assume_timezone (26.0.1) knows no summer time after 2037, where the listed
transitions of the database's files end and their rule begins.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pyarrow as pa
import pyarrow.compute as pc

from .errors import DataError, RequestError
from .plan import ColumnPlan, Finding, Hop
from .rules import Read
from .schema.catalogue import Column, Table
from .types import Fidelity, Type

RULES = ("stop", "earlier", "later")
_DAY = 86_400
_EPOCH = datetime(1970, 1, 1)
_FIRST, _LAST = (datetime(1, 1, 1) - _EPOCH).days, (datetime(9999, 12, 31) - _EPOCH).days
_UNITS = {"us": 10**6, "ns": 10**9}
_WORDS = {"stop": "", "earlier": "; of two the earlier instant", "later": "; of two the later instant"}
Values = Any  # an Arrow array, or what Arrow's functions make of it


def as_instant(table: Table, column: Column, meaning: Type, rule: Read, zone: str, choice: str) -> tuple[Type, Read]:
    """What a column means whose values are a zone's wall clock, and its rule. RequestError where that cannot be."""
    where = f"{table.name}.{column.name}"
    if meaning.kind != "timestamp":
        raise RequestError(
            f"{where} is {meaning}, and a zone is for timestamps without one.", table=str(table.name),
            column=column.name, remedy=f"Leave it out of zones, or read it so: types: {{{column.name}: timestamp}}.",
        )  # fmt: skip
    zone_of(zone)
    if column.generated or any(column.name in key.columns for key in table.foreign_keys):
        why = "is generated" if column.generated else "is part of a foreign key"
        raise RequestError(f"{where} {why}, so it cannot be read in a zone.", column=column.name)
    said = f"wall clock of {zone}{_WORDS[choice or 'stop']}"
    fidelity = max(rule.fidelity, Fidelity.NORMALISED, key=list(Fidelity).index)
    why = "; ".join(filter(None, (rule.why, said)))
    return replace(meaning, kind="instant"), replace(rule, fidelity=fidelity, why=why)


@lru_cache
def zone_of(name: str) -> ZoneInfo:
    """A zone of the machine's time zone database; RequestError for one that it has not."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise RequestError(
            f"This machine's time zone database has no zone {name!r}.",
            remedy="Write it as Europe/Paris. Where there is no database, install the package tzdata.",
        ) from error


def unworded(table: Table, zones: Mapping[str, str]) -> tuple[Table, list[Finding]]:
    """The table without the defaults and conditions of zoned columns, which mean the wall clock."""
    if not zones:
        return table, []
    lost = [f"the default of {c.name}: {c.default}" for c in table.columns if c.name in zones and c.default]
    columns = tuple(replace(c, default="") if c.name in zones else c for c in table.columns)
    checks = tuple(one for one in table.checks if not any(name in str(one) for name in zones))
    lost += [f"check {one.name}" for one in table.checks if one not in checks]
    indexes = tuple(i for i in table.indexes if not any(name in f"{i.where} {i.keys}" for name in zones))
    lost += [f"index {one.name}" for one in table.indexes if one not in indexes]
    own = tuple(one for one in table.own if not any(name in one.condition for name in zones))
    lost += [f"constraint {one.name}" for one in table.own if one not in own]
    lost += ["its partitioning"] if table.partitioned else []
    findings = [
        Finding("note", str(table.name), f"{one} is not carried: it means the wall clock", "zone-lost") for one in lost
    ]
    return replace(table, columns=columns, checks=checks, indexes=indexes, own=own), findings


def as_read(hop: Hop) -> Hop:
    """The hop as its reader is to read it: zoned columns as the timestamps without zone that they are there."""
    if not any(column.zone for column in hop.columns):
        return hop
    return replace(hop, columns=tuple(
        replace(column, type=replace(column.type, kind="timestamp")) if column.zone else column
        for column in hop.columns
    ))  # fmt: skip


def converted(hop: Hop, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The batches with the instants of their zoned columns. DataError names a time that is none, and its key."""
    zoned = [(place, column) for place, column in enumerate(hop.columns) if column.zone]
    with closing(batches):  # type: ignore[type-var]  # readers give generators
        for batch in batches:
            made = batch
            for place, column in zoned:
                field = pa.field(column.target, column.type.arrow, batch.schema.field(place).nullable)
                made = made.set_column(place, field, _instants(hop, column, batch, batch.column(place)))
            yield made


@dataclass(frozen=True)
class _Day:
    """Seconds of a day's wall clock: its offset before `low` and from `high` on; between them a gap or a fold."""

    before: int
    after: int
    low: int
    high: int


def _instants(hop: Hop, column: ColumnPlan, batch: pa.RecordBatch, walls: Values) -> Values:
    unit = _UNITS[walls.type.unit]
    ticks = walls.cast(pa.int64())
    whole = pc.divide(ticks, _DAY * unit)
    numbers = pc.subtract(whole, pc.greater(pc.multiply(whole, _DAY * unit), ticks).cast(pa.int64()))
    different = pc.unique(numbers).drop_null()
    for number in (pc.min(different).as_py(), pc.max(different).as_py()):
        if number is not None and not _FIRST <= number <= _LAST:
            said = "lies outside of the years 1 to 9999, and no zone has a rule for it"
            raise _refused(hop, column, batch, pc.equal(numbers, number), said)
    days = [_day(column.zone, number) for number in different.to_pylist()]
    place = pc.index_in(numbers, different)

    def each(name: str, scale: int = 1) -> Values:
        return pa.array([getattr(day, name) * scale for day in days], pa.int64()).take(place)

    before, after, low, high = each("before"), each("after"), each("low", unit), each("high", unit)
    between = pc.and_(pc.greater_equal(ticks, low), pc.less(ticks, high))
    if column.zone_rule not in RULES[1:] and pc.any(between).as_py():
        twice = f"does not exist in {column.zone}, or exists twice"
        raise _refused(hop, column, batch, between, twice)
    pick = pc.max_element_wise if column.zone_rule == "earlier" else pc.min_element_wise
    offset = pc.if_else(between, pick(before, after), pc.if_else(pc.less(ticks, low), before, after))
    return pc.subtract_checked(ticks, pc.multiply(offset, unit)).cast(column.type.arrow)


def _refused(hop: Hop, column: ColumnPlan, batch: pa.RecordBatch, odd: Values, said: str) -> DataError:
    row = batch.slice(pc.index(odd, value=True).as_py(), 1)
    values = {name: row.column(name)[0] for name in row.schema.names}
    key = ", ".join(f"{name}={values[name]}" for name in hop.key if name in values)
    return DataError(
        f"{column.source}: the wall time {values[column.target]} {said}.", table=str(hop.reads), column=column.source,
        key=key, remedy="Say which instant is meant by zone_rule: earlier or later in the table's entry of the job.",
    )  # fmt: skip


@lru_cache(1 << 16)
def _day(zone: str, number: int) -> _Day:
    found = zone_of(zone)
    start = _EPOCH + timedelta(days=number)
    looked = [start, start.replace(hour=12), start.replace(hour=23, minute=59, second=59)]
    offsets = {_seconds(one.replace(tzinfo=found, fold=fold)) for one in looked for fold in (0, 1)}
    begin = number * _DAY
    if len(offsets) == 1:
        (offset,) = offsets
        return _Day(offset, offset, begin, begin)
    # Offsets reach a day either way; a zone changes its clock once in such a time.
    hours = range(begin - 2 * _DAY, begin + 3 * _DAY, 3600)
    changes = [one for one in hours if _at(found, one) != _at(found, one + 3600)]
    met = [_change(found, one) for one in changes]
    met = [one for one in met if one.low < begin + _DAY and one.high > begin]
    if len(met) != 1:
        raise DataError(f"{zone} changes its clock {len(met)} times on {start:%Y-%m-%d}.")
    return met[0]


def _change(zone: ZoneInfo, hour: int) -> _Day:
    """The change of an hour, found by halving."""
    early, late = hour, hour + 3600
    before, after = _at(zone, early), _at(zone, late)
    while late - early > 1:
        middle = (early + late) // 2
        early, late = (middle, late) if _at(zone, middle) == before else (early, middle)
    return _Day(before, after, late + min(before, after), late + max(before, after))


def _at(zone: ZoneInfo, instant: int) -> int:
    return _seconds((_EPOCH + timedelta(seconds=instant)).replace(tzinfo=UTC).astimezone(zone))


def _seconds(moment: datetime) -> int:
    offset = moment.utcoffset()
    assert offset is not None  # noqa: S101 - it has a zone
    return offset // timedelta(seconds=1)
