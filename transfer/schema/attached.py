"""What hangs on a table that another takes the place of, and how that goes over to it; or why it does not."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ..plan import Statement
from .catalogue import Relation, Table


@dataclass(frozen=True)
class Exchange:
    """A table, the one that takes its place, and the name that it is kept under.

    `table` is the new one's shape, whose constraints have `suffix` behind their names while both are there. `among` are
    the tables that change places in the same run: what connects two of them is made anew with the new ones, and stays
    between the old ones.
    """

    hop: str
    table: Table
    relation: Relation
    shadow: Relation
    kept: Relation
    suffix: str
    among: tuple[Relation, ...]


@dataclass(frozen=True)
class Child:
    """A foreign key of a table that stays: what it would do to rows whose parent is gone."""

    name: str
    table: Relation
    columns: tuple[str, ...]
    referenced: tuple[str, ...]
    does: str = ""


@dataclass(frozen=True)
class Attached:
    """What goes over: SQL around the swap, and around its way back.

    `first` is carried out while the names are still the old ones, `then` once they are the new ones; `back_first` and
    `back_then` likewise. `later` follows when the swap is done. `refused` names what does not go over, `told` what is
    different afterwards. `mend` sets right what a swap left that did not happen, where that can leave anything. Each of
    `counts` is what it says, and a query that has to find 0 for the swap. Its rows refer to `parents`.
    """

    first: tuple[str, ...] = ()
    then: tuple[str, ...] = ()
    back_first: tuple[str, ...] = ()
    back_then: tuple[str, ...] = ()
    children: tuple[Child, ...] = ()
    later: tuple[Statement, ...] = ()
    refused: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    mend: tuple[str, ...] = ()
    counts: tuple[tuple[str, str], ...] = ()
    parents: tuple[Relation, ...] = ()


def joined(parts: Sequence[Attached]) -> Attached:
    """All of them, in order."""
    names = (
        "first",
        "then",
        "back_first",
        "back_then",
        "children",
        "later",
        "refused",
        "told",
        "mend",
        "counts",
        "parents",
    )
    return Attached(**{name: tuple(one for part in parts for one in getattr(part, name)) for name in names})


def using(what: Exchange, columns: Sequence[str], texts: Sequence[tuple[str, str, str]]) -> list[str]:
    """Which of the views and triggers of a place say one of the `columns` that goes.

    Of each its kind, its name and its text. For engines that take a swap which breaks them, and say so later on.
    """
    there = {column.name.lower() for column in what.table.columns}
    gone = [name for name in columns if name.lower() not in there]
    reached, found = [what.relation.table], list[tuple[str, str, str]]()
    for table in reached:  # grows by the views of it, and theirs
        more = [one for one in texts if one not in found and _says(one[2], table)]
        found += more
        reached += [name for kind, name, _ in more if kind == "view"]
    return [
        f"{kind} {name}, as it says {column}, a column that goes"
        for kind, name, sql in found for column in gone if _says(sql, column)
    ]  # fmt: skip


def _says(sql: str, name: str) -> bool:
    return bool(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", sql, re.IGNORECASE))
