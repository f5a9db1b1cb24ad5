"""What a job declares of a table's partitions, as a function named by a plan gives it; declaring.py carries it out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ..types import Type
from .partitioning import Bound, Partitioning

Extremes = tuple[Bound, Bound] | None  # the least and the greatest value; None where there is none


class Look(Protocol):
    """What a declaration may know of its table."""

    def column(self, name: str) -> tuple[str, Type]:
        """The column that a person means, by its name in the target, and its type. RequestError if there is none."""

    def extremes(self, name: str) -> Extremes:
        """Its least and greatest value among the rows that are to be moved."""


@dataclass(frozen=True)
class Declared:
    """Makes the partitioning of a table, in the target's names, and says how one that is there differs, '' if not.

    `key` is what becomes of keys that lack the column, `widen` or `drop`; `foreign_keys` of those that cannot be,
    `drop`. What lies `outside`, and NULLs, go to a `default` partition, or the target is to `refuse` them.
    """

    make: Callable[[Look], Partitioning]
    differs: Callable[[Look, Partitioning], str]
    key: str = ""
    foreign_keys: str = ""
    outside: str = "default"
    nulls: str = "default"
