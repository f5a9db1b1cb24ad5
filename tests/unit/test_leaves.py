"""Which leaf a row is for, of whole batches, against a plain reading of each value."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ropeway.partitioning.bounds import by_calendar, by_steps
from ropeway.transfer.schema.catalogue import Column, Part, Relation, Table
from ropeway.transfer.schema.leaves import WHOLE, homes, leaves_of
from ropeway.transfer.schema.partitioning import Bound, Edge, Partition, Partitioning, is_open, takes_others
from ropeway.transfer.types import Type

REST = Partition("rest", values=((Edge.OTHERS,),))
KINDS = {"instant": Type("instant"), "timestamp": Type("timestamp"), "date": Type("date"), "int64": Type("int64")}
MOMENTS = st.datetimes(datetime(2019, 12, 30), datetime(2021, 3, 5))
TYPES = {"at": KINDS["instant"], "region": Type("text"), "n": KINDS["int64"]}


def parts(division: Partitioning, owner: str) -> Iterator[Part]:
    for one in division.partitions:
        name = f"{owner}/{one.name}"
        yield Part(Relation("", name), Relation("", owner), "")
        if one.within:
            yield from parts(one.within, name)


def table(division: Partitioning, **types: Type) -> tuple[Table, dict[str, Type]]:
    made = tuple(Column(name, str(kind)) for name, kind in types.items())
    return Table(Relation("", "t"), made, division=division, parts=tuple(parts(division, "t"))), types


def routed(division: Partitioning, types: dict[str, Type], rows: dict[str, list[Any]]) -> list[str]:
    """The name of each row's leaf, below `t`; t itself for those that the table is left to see to."""
    made, columns = table(division, **types)
    leaves = leaves_of(made, columns)
    assert leaves
    batch = pa.record_batch([pa.array(rows[name], kind.arrow) for name, kind in types.items()], names=list(types))
    # A slice has an offset, which must not matter.
    before = min(len(batch), 3)
    longer = batch.take(pa.array([*range(before), *range(len(batch))], pa.int32())).slice(before)
    return ["t" if home == WHOLE else leaves.tables[home].table for home in homes(leaves, longer)]


def naive(division: Partitioning, row: dict[str, Any], owner: str = "t") -> str:
    """One value at a time: the first partition that it is in, and inside of that likewise."""
    value = row[division.columns[0]]
    rest = next((one for one in division.partitions if takes_others(one)), None)
    plain = [one for one in division.partitions if not takes_others(one)]
    found = rest
    if division.by == "list":
        found = next((one for one in plain if (value,) in one.values), rest)
    elif value is not None and not (division.lower and value < division.lower[0]):
        found = next((one for one in plain if is_open(one) or value < one.upper[0]), rest)
    if found is None:
        return owner
    name = f"{owner}/{found.name}"
    return naive(found.within, row, name) if found.within else name


@given(
    low=MOMENTS, days=st.integers(0, 200), values=st.lists(st.none() | MOMENTS, max_size=30), rest=st.booleans(),
    unit=st.sampled_from(["day", "week", "month"]), kind=st.sampled_from(["instant", "timestamp", "date"]),
    zone=st.sampled_from(["UTC", "Europe/Paris", "America/St_Johns", "Asia/Beirut", "Pacific/Apia"]),
)  # fmt: skip
def test_ranges(
    low: datetime, days: int, values: list[datetime | None], rest: bool, unit: str, kind: str, zone: str
) -> None:
    """Bounds themselves, and what lies just beside them, too; over changes of summer time."""

    def fitted(moment: datetime) -> Any:
        return moment.date() if kind == "date" else moment.replace(tzinfo=UTC) if kind == "instant" else moment

    made = by_calendar(fitted(low), fitted(low + timedelta(days=days)), unit, KINDS[kind], ZoneInfo(zone))
    division = Partitioning("range", ("at",), (*made.partitions, *([REST] if rest else [])), lower=made.lower)
    step: Any = timedelta(days=1) if kind == "date" else timedelta(microseconds=1)
    ends: list[Any] = [*made.lower, *(one.upper[0] for one in made.partitions)]
    rows = [None if one is None else fitted(one) for one in values] + [at + n * step for at in ends for n in (-1, 0, 1)]
    expected = [naive(division, {"at": value}) for value in rows]
    assert routed(division, {"at": KINDS[kind]}, {"at": rows}) == expected


@given(rows=st.lists(st.tuples(st.none() | MOMENTS, st.sampled_from([None, "DE", "FR", "de", ""]), st.none()
                               | st.integers(-30, 60))), data=st.data())  # fmt: skip
def test_nested(rows: list[tuple[datetime | None, str | None, int | None]], data: st.DataObject) -> None:
    """Months of lists of steps, each with or without a partition for the rest, and NULL in a list of its own."""
    steps = by_steps(0, 40, 20, KINDS["int64"])
    inner = Partitioning("range", ("n",), (*steps.partitions, *data.draw(st.sampled_from([(), (REST,)]))),
                         lower=data.draw(st.sampled_from([(), steps.lower])))  # fmt: skip
    null: tuple[tuple[Bound, ...], ...] = data.draw(st.sampled_from([(), ((None,),)]))
    listed = (Partition("eu", values=(("DE",), ("FR",)), within=inner), Partition("no", values=(("",), *null)))
    lists = Partitioning("list", ("region",), (*listed, *data.draw(st.sampled_from([(), (REST,)]))))
    made = by_calendar(datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 11, 1, tzinfo=UTC), "month", KINDS["instant"],
                       ZoneInfo("UTC"))  # fmt: skip
    months = tuple(Partition(one.name, one.upper, within=lists) for one in made.partitions)
    division = Partitioning("range", ("at",), (*months, REST), lower=made.lower)
    given_ = [(at and at.replace(tzinfo=UTC), region, n) for at, region, n in rows]
    expected = [naive(division, dict(zip(TYPES, row, strict=True))) for row in given_]
    columns = {name: [row[place] for row in given_] for place, name in enumerate(TYPES)}
    assert routed(division, TYPES, columns) == expected


def test_hashes_are_left_to_the_server() -> None:
    """Those inside of a range are one home together."""
    hashes = Partitioning("hash", ("n",), (Partition("p0"), Partition("p1")))
    made, columns = table(hashes, n=KINDS["int64"])
    assert leaves_of(made, columns) is None
    halves = tuple(Partition(name, (end,), within=hashes) for name, end in (("low", 0), ("high", Edge.MOST)))
    assert routed(Partitioning("range", ("n",), halves), {"n": KINDS["int64"]}, {"n": [-1, 0]}) == ["t/low", "t/high"]


@pytest.mark.parametrize(
    ("kind", "bounds"),
    [(Type("text"), ("a", "b")), (Type("uint64"), (1, 2)), (Type("timestamp", digits=9), (datetime(2020, 1, 1),) * 2)],
)
def test_what_the_server_compares_itself(kind: Type, bounds: tuple[Bound, ...]) -> None:
    """The order of texts, numbers that are too large, moments that are rounded."""
    ranges = tuple(Partition(f"p{n}", (end,)) for n, (end, _) in enumerate(pairwise((*bounds, None))))
    made, columns = table(Partitioning("range", ("v",), ranges), v=kind)
    assert leaves_of(made, columns) is None


def test_texts_that_are_equal_to_others() -> None:
    lists = Partitioning("list", ("v",), (Partition("p", values=(("a",),)),))
    made, columns = table(lists, v=Type("text"))
    folding = Table(made.name, (Column("v", "text", folds="case"),), division=lists, parts=made.parts)
    assert leaves_of(made, columns)
    assert leaves_of(folding, columns) is None


def test_dates_are_days() -> None:
    lists = Partitioning("list", ("v",), (Partition("p", values=((date(2020, 2, 29),),)), REST))
    assert routed(lists, {"v": KINDS["date"]}, {"v": [date(2020, 2, 29), date(2020, 3, 1)]}) == ["t/p", "t/rest"]
