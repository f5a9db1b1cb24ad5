"""Partitions as folders, in Hive's layout: `orders/ordered_at_from=2024-01-01/region_list=eu/`.

The columns stay in the files. So a folder's key has a name of its own, unless it says just what the column does: a
reader that makes columns of keys, as DuckDB does, takes a key for the column of its name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, time
from urllib.parse import quote

from ...schema.catalogue import Part, Relation, Table
from ...schema.leaves import leaves_of
from ...schema.partitioning import Bound, Partition, Partitioning, Undivided, levels, takes_others
from ..alphabet import meaning_of

NOWHERE = "__HIVE_DEFAULT_PARTITION__"  # NULL, by Hive's convention, and what lies in no other partition
_FIRST = "-infinity"  # the begin of a range that has none
_LONGEST = 200  # bytes of a folder's name; file systems take 255
_WORD = re.compile(r"(?!null$)[^\W\d_]\w*", re.IGNORECASE)  # a text that no reader takes for a number, a day or NULL
_KEY = re.compile(r"[^=/]+=[^=/]*")


def is_partition(folder: str) -> bool:
    """Whether a folder is called as a partition."""
    return bool(_KEY.fullmatch(folder))


def divided(table: Table, division: Partitioning) -> Table:
    """The table with a folder for each partition, each before those inside. Undivided where there are none such."""
    if any(level.by == "hash" for level in levels(division)):
        raise Undivided("folders tell values apart, and hashes have none")
    columns = _columns(division)
    if len(columns) != len(set(columns)):  # two folders of one name, of which a reader takes the outer one
        raise Undivided("a folder's name is its column's, and one inside another cannot be of the same column")
    parts = tuple(_parts(table, division, table.name.table))
    made = replace(table, partitioned=f"in folders {division}", parts=parts, division=division)
    if not leaves_of(made, {column.name: meaning_of(column.native) for column in table.columns}):
        raise Undivided(
            "folders are for ranges of whole numbers, dates and moments down to microseconds, and lists of these and "
            "of texts"
        )
    longest = max((part.name.table.rpartition("/")[2] for part in parts), key=len)
    if len(longest) > _LONGEST:
        raise Undivided(f"a folder would be called {longest[:40]}..., which is too long")
    return made


def _columns(division: Partitioning) -> list[str]:
    """What tells partitions apart, from the outside in."""
    inside = next((one.within for one in division.partitions if one.within), None)
    return [division.columns[0], *(_columns(inside) if inside else [])]


def _parts(table: Table, division: Partitioning, owner: str, outer: str = "") -> Iterator[Part]:
    """`outer` is the name of the partition that is divided, which those inside bear before their own."""
    named = _key(table, division)
    begin: Bound = division.lower[0] if division.lower else None
    plain = division.by == "list" and named == division.columns[0]
    for one in division.partitions:
        called = replace(one, name=one.name.removeprefix(f"{outer}_"))
        value = NOWHERE if takes_others(one) else _said(division, called, begin, plain=plain)
        path = f"{owner}/{quote(named, safe='')}={quote(value, safe='')}"
        yield Part(Relation("", path), Relation("", owner), "")
        if one.within:
            yield from _parts(table, one.within, path, one.name)
        begin = one.upper[0] if one.upper else None


def _key(table: Table, division: Partitioning) -> str:
    """The column, where each folder has one value of it and it is read as that; else a name that no column has."""
    column = division.columns[0]
    if division.by == "list" and all(_is_plain(one) for one in division.partitions):
        return column
    name = f"{column}_{'from' if division.by == 'range' else 'list'}"
    while name in {one.name for one in table.columns}:
        name += "_"
    return name


def _is_plain(one: Partition) -> bool:
    if len(one.values) != 1 or takes_others(one):
        return False
    value = one.values[0][0]
    return not isinstance(value, str) or bool(_WORD.fullmatch(value))


def _said(division: Partitioning, one: Partition, begin: Bound, *, plain: bool) -> str:
    if plain:
        value = one.values[0][0]
        return NOWHERE if value is None else str(value)
    if division.by == "list":
        return one.name
    return _FIRST if begin is None else _spelled(begin, division)


def _spelled(bound: Bound, division: Partitioning) -> str:
    """Moments as their days where all of them are midnights."""
    if not isinstance(bound, datetime):
        return str(bound)
    ends = [*division.lower, *(one.upper[0] for one in division.partitions if one.upper)]
    days = all(not isinstance(end, datetime) or end.time() == time() for end in ends)
    return str(bound.date()) if days else bound.isoformat().replace("+00:00", "Z")
