"""The key `partition` of a job: as a call that a plan names, and what partitions it means for a table."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from ..transfer.calls import call
from ..transfer.errors import RequestError
from ..transfer.plan import Call
from ..transfer.schema.declared import Declared, Look
from ..transfer.schema.partitioning import Bound, Edge, Partition, Partitioning
from ..transfer.types import INTEGERS, Type
from ..transfer.zones import zone_of
from .bounds import MOST, Ranges, by_bounds, by_calendar, by_steps, spelled, value_of
from .calendar import UNITS
from .differing import difference

DEFAULT = "pdefault"
_BY = {"range": ("every", "bounds"), "list": ("values",), "hash": ("parts",)}
_ALL = tuple(word for words in _BY.values() for word in words)
_CALENDAR = ("date", "timestamp", "instant")
Spec = Mapping[str, Any]


def call_of(spec: Spec) -> Call:
    """The call of a job's `partition`. RequestError for what cannot be meant, whatever the table."""
    _check(spec)
    inner = spec.get("within")
    if inner:
        _check(inner)
        extra = [word for word in ("key", "foreign_keys", "outside", "nulls", "within") if word in inner]
        if extra:
            raise RequestError(f"partition.within: {', '.join(extra)} belongs to the table's partition, not inside.")
    return call(f"{__package__}.declared:declared", spec=json.dumps(dict(spec), default=str))


def _check(spec: Spec) -> None:
    by = spec["by"]
    given = [word for word in _ALL if word in spec]
    if len(given) != 1 or given[0] not in _BY[by]:
        raise RequestError(f"partition: by {by} goes with {' or '.join(_BY[by])}, and here is {given or 'none'}.")
    if "zone" in spec:
        if by != "range":
            raise RequestError("partition: a zone is for ranges of instants.")
        zone_of(spec["zone"])
    every, parts = spec.get("every", 1), spec.get("parts", 2)
    if isinstance(every, str) and every not in UNITS:
        raise RequestError(f"partition: every is {', '.join(UNITS)} or a whole number, and not {every!r}.")
    if isinstance(every, int) and every < 1:
        raise RequestError("partition: every is a step of 1 or more.")
    if not 1 < parts <= MOST:
        raise RequestError(f"partition: parts are 2 or more, up to {MOST:,}.")
    if not spec.get(given[0]):
        raise RequestError(f"partition: {given[0]} names nothing.")


def declared(*, spec: str) -> Declared:
    """What a job's `partition` means; the function that a plan names."""
    given = json.loads(spec)
    outside = given.get("outside", "default")
    return Declared(
        lambda look: _partitioning(given, look, outside),
        lambda look, there: _difference(given, look, there),
        given.get("key", ""), given.get("foreign_keys", ""), outside, given.get("nulls", outside),
    )  # fmt: skip


def _partitioning(given: Spec, look: Look, outside: str) -> Partitioning:
    made = _KINDS[given["by"]](given, look, outside)
    inner = given.get("within")
    return _nested(made, _partitioning(inner, look, "default")) if inner else made


def _nested(outer: Partitioning, inner: Partitioning) -> Partitioning:
    """Each partition of the one divided as the other, by names of its own."""

    def within(one: Partition) -> Partitioning:
        made = tuple(replace(part, name=f"{one.name}_{part.name}") for part in inner.partitions)
        return replace(inner, partitions=made)

    return replace(outer, partitions=tuple(replace(one, within=within(one)) for one in outer.partitions))


def _difference(given: Spec, look: Look, there: Partitioning) -> str:
    """What a partitioned table has otherwise than it is declared, '' if nothing: the ranges of a calendar go on."""
    ends = _grid(given, look) if given["by"] == "range" else None
    made = _KINDS[given["by"]](given, look, given.get("outside", "default"))
    found = difference(made, there, ends)
    inner = given.get("within")
    insides = [one.within for one in there.partitions]
    if found or not inner:
        return found or ("" if not any(insides) else "its partitions are divided further, which is not declared")
    if not all(insides):
        return "its partitions are not divided further"
    return next((f"inside {one.name} {said}" for one in there.partitions if one.within
                 if (said := _difference(inner, look, one.within))), "")  # fmt: skip


def _grid(given: Spec, look: Look) -> Callable[[Bound, Bound], Sequence[Bound]] | None:
    """The bounds that a declaration has around two, with one behind; None where it names them."""
    if "every" not in given:
        return None
    _, type_ = look.column(given["column"])

    def around(low: Bound, high: Bound) -> Sequence[Bound]:
        made = _every(given, _as(low, type_), _as(high, type_), type_)
        return [*made.lower, *(one.upper[0] for one in made.partitions)]

    return around


def _as(bound: Bound, type_: Type) -> Bound:
    """A bound that was a moment of UTC, as engines have it, as a value of a column's type."""
    if isinstance(bound, datetime):
        return bound.date() if type_.kind == "date" else bound.replace(tzinfo=UTC) if type_.kind == "instant" else bound
    return bound


def _ranges(given: Spec, look: Look, outside: str) -> Partitioning:
    name, type_ = look.column(given["column"])
    if "bounds" in given:
        ranges = by_bounds(given["bounds"], type_, _zone(given, name, type_))
    else:
        low, high = look.extremes(name) or _nothing(type_)
        ranges = _every(given, low, high, type_)
    rest = (Partition(DEFAULT, values=((Edge.OTHERS,),)),) if outside == "default" else ()
    return Partitioning("range", (name,), (*ranges.partitions, *rest), lower=ranges.lower)


def _nothing(type_: Type) -> tuple[Bound, Bound]:
    """An empty table gets the partition of today, or that which begins at nought."""
    now = datetime.now(UTC)
    day: dict[str, Bound] = {"date": now.date(), "timestamp": now.replace(tzinfo=None), "instant": now}
    return (day.get(type_.kind, 0),) * 2


def _every(given: Spec, low: Bound, high: Bound, type_: Type) -> Ranges:
    every, name = given["every"], given["column"]
    zone = _zone(given, name, type_)
    if isinstance(every, str):
        if type_.kind not in _CALENDAR:
            raise RequestError(
                f"{name} is {type_}, and every: {every} is for dates and moments.", column=name,
                remedy="Give a whole number as step, or bounds.",
            )  # fmt: skip
        assert isinstance(low, date)  # noqa: S101 - as the type is
        assert isinstance(high, date)  # noqa: S101
        return by_calendar(low, high, every, type_, zone)
    if type_.kind not in (*INTEGERS, "decimal"):
        raise RequestError(
            f"{name} is {type_}, and every: {every} is a step of numbers.", column=name,
            remedy=f"Give one of {', '.join(UNITS)}, or bounds.",
        )  # fmt: skip
    assert isinstance(low, int | Decimal)  # noqa: S101 - as the type is
    assert isinstance(high, int | Decimal)  # noqa: S101
    return by_steps(low, high, every, type_)


def _zone(given: Spec, name: str, type_: Type) -> ZoneInfo:
    if "zone" in given and type_.kind != "instant":
        raise RequestError(
            f"{name} is {type_}, and a zone is for instants: bounds of others are what they are in any.", column=name,
            remedy="Leave it out; or make it an instant by zones: {...}.",
        )  # fmt: skip
    return zone_of(given.get("zone", "UTC"))


def _lists(given: Spec, look: Look, outside: str) -> Partitioning:
    name, type_ = look.column(given["column"])
    utc, made, taken = zone_of("UTC"), list[Partition](), dict[Bound, str]()
    for part, listed in given["values"].items():
        values = [None if one is None else value_of(one, type_, utc) for one in listed]
        for value in values:
            if value in taken:
                raise RequestError(f"partition: {value!r} is in {taken[value]} and in {part}.", column=name)
            taken[value] = part
        made.append(Partition(spelled(part), values=tuple((value,) for value in values)))
    rest = [Partition(DEFAULT, values=((Edge.OTHERS,),))] if outside == "default" else []
    return Partitioning("list", (name,), (*made, *rest))


def _hashes(given: Spec, look: Look, outside: str) -> Partitioning:
    del outside  # there is nothing
    name, _ = look.column(given["column"])
    return Partitioning("hash", (name,), tuple(Partition(f"p{number}") for number in range(given["parts"])))


_KINDS: dict[str, Callable[[Spec, Look, str], Partitioning]] = {"range": _ranges, "list": _lists, "hash": _hashes}
