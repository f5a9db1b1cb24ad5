"""How a table's rows are told apart into partitions, in no engine's words: by ranges, lists or hashes of columns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Literal


class Edge(StrEnum):
    """What stands in the place of a value: beyond all values of a range, or whatever no other partition lists."""

    MOST = "MAXVALUE"
    OTHERS = "DEFAULT"


Bound = Edge | int | Decimal | datetime | date | str | None  # a datetime with a zone is an instant; None is NULL
Bounds = tuple[Bound, ...]


@dataclass(frozen=True)
class Partition:
    """A partition. Of a range `upper` is where it ends, for each column; it begins where the one before ends.

    Of a list `values` are what it takes, each for all columns; (Edge.OTHERS,) is whatever no other takes, of ranges
    too: what lies before the first, behind the last, and NULL. `within` says how it is partitioned itself.
    """

    name: str
    upper: Bounds = ()
    values: tuple[Bounds, ...] = ()
    within: Partitioning | None = None


@dataclass(frozen=True)
class Partitioning:
    """How a table, or a partition of it, is partitioned. Ranges are in order, that of texts by code points.

    `nulls` says in which partition of ranges a NULL is: the first, or the last if that has no end; '' in none. `grows`
    are the engine's words by which it makes further partitions itself. The ends of ranges hold for moments of so many
    `digits`: of finer ones some just behind an end would be before it. The first of ranges begins at `lower`, if given.
    """

    by: Literal["range", "list", "hash"]
    columns: tuple[str, ...]
    partitions: tuple[Partition, ...]
    nulls: Literal["first", "last", ""] = ""
    grows: str = ""
    digits: int = 9
    lower: Bounds = ()

    def __str__(self) -> str:
        inner = next((one.within for one in self.partitions if one.within), None)
        return f"by {self.by} of {', '.join(self.columns)}" + (f", each {inner}" if inner else "")


class Undivided(Exception):
    """Why a table cannot be partitioned so, and what could be done about it."""

    def __init__(self, reason: str, remedy: str = "") -> None:
        super().__init__(reason)
        self.reason, self.remedy = reason, remedy


class Lacking(Undivided):
    """A key of the table lacks a column by which partitions are told apart, and the engine asks for it."""


class Linked(Undivided):
    """The engine has no foreign keys into a partitioned table, or out of it."""


def levels(division: Partitioning) -> Iterator[Partitioning]:
    """The partitioning and all inside it, each before what is inside."""
    yield division
    for one in division.partitions:
        if one.within:
            yield from levels(one.within)


def with_nulls(division: Partitioning, end: Literal["first", "last"]) -> Partitioning:
    """The partitioning whose ranges have NULLs at one end, as the engine that makes it has them."""
    inner = tuple(
        replace(one, within=with_nulls(one.within, end)) if one.within else one for one in division.partitions
    )
    return replace(division, partitions=inner, nulls=end if division.by == "range" else "")


def members(division: Partitioning) -> tuple[str, ...]:
    """All columns that tell partitions apart, each once."""
    return tuple(dict.fromkeys(name for level in levels(division) for name in level.columns))


def is_open(partition: Partition) -> bool:
    """Whether a partition of ranges has no end."""
    return partition.upper[:1] == (Edge.MOST,)


def takes_others(partition: Partition) -> bool:
    """Whether a partition takes what no other does."""
    return (Edge.OTHERS,) in partition.values
