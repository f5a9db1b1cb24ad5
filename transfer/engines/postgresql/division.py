"""How PostgreSQL's tables are partitioned, from its own clauses into no engine's words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from typing import Literal

from ...rules import split
from ...schema.catalogue import Column, Part, Relation, Table
from ...schema.partitioning import Bound, Bounds, Edge, Partition, Partitioning, Undivided

_QUOTED = r'"(?:[^"]|"")*"'
_HEAD = re.compile(r"PARTITION BY (RANGE|LIST|HASH) \((.*)\)", re.DOTALL)
# A column; its collation, and perhaps an operator class.
_KEY = re.compile(rf"({_QUOTED}|[a-z_][\w$]*)(?: COLLATE ((?:{_QUOTED}|[\w$]+)(?:\.(?:{_QUOTED}|[\w$]+))?))?")
_OPTIONS = r"(?: WITH \(.*\))?$"
_RANGE = re.compile(rf"FOR VALUES FROM \((.*?)\) TO \((.*?)\){_OPTIONS}", re.DOTALL)
_LIST = re.compile(rf"FOR VALUES IN \((.*?)\){_OPTIONS}", re.DOTALL)
_HASH = re.compile(r"FOR VALUES WITH \(modulus (\d+), remainder (\d+)\)", re.IGNORECASE)
_ITEM = re.compile(r"\s*(MINVALUE|MAXVALUE|NULL|'(?:[^']|'')*'|[^\s,']+)\s*(?:,|$)")
_BYTES = ('"C"', 'pg_catalog."C"', '"POSIX"', 'pg_catalog."POSIX"', '"ucs_basic"')
_LEAST = "MINVALUE"
_BY: dict[str, Literal["range", "list", "hash"]] = {"RANGE": "range", "LIST": "list", "HASH": "hash"}


@dataclass(frozen=True)
class _Values:
    """What one partition is for, as read; `first` and `last` of ranges, None for the least or the most."""

    part: Part
    default: bool = False
    first: Bounds | None = None
    last: Bounds | None = None
    listed: tuple[Bound, ...] = ()
    remainder: tuple[int, int] = (0, 0)


def with_division(table: Table) -> Table:
    """The table with its partitioning, or the reason why that has no other words."""
    if not table.partitioned:
        return table
    try:
        return replace(table, division=_level(table, table.partitioned, table.name))
    except Undivided as lost:
        return replace(table, undivided=lost.reason)


def _level(table: Table, clause: str, owner: Relation) -> Partitioning:
    found = _HEAD.match(clause)
    if not found:
        raise Undivided(f"its clause is not understood: {clause}")
    by, columns = _BY[found[1]], tuple(_columns(table, found[2], found[1]))
    values = [_values(table, part, by, columns) for part in table.parts if part.owner == owner]
    return _KINDS[by](table, columns, values)


def _columns(table: Table, text: str, kind: str) -> Iterator[str]:
    """The key's columns; expressions are none."""
    at = 0
    while at < len(text):
        found = _KEY.match(text, at)
        if not found or text[found.end() : found.end() + 2] not in ("", ", "):
            raise Undivided(f"it is partitioned by an expression ({text})")
        column = table.column(_plain(found[1]))
        texts = split(column.base or column.native).name in ("text", "character varying", "character", "citext")
        if kind == "RANGE" and texts and found[2] not in _BYTES:
            raise Undivided(f"ranges of {column.name} are in the order of a collation")
        if column.generated:
            raise Undivided(f"it is partitioned by the generated column {column.name}")
        yield column.name
        at = found.end() + 2


def _plain(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def _values(table: Table, part: Part, by: str, columns: Sequence[str]) -> _Values:
    clause = part.clause.partition(" PARTITION BY ")[0]
    own = [table.column(name) for name in columns]
    if clause.startswith("DEFAULT"):
        return _Values(part, default=True)
    if by == "range" and (found := _RANGE.match(clause)):
        return _Values(part, first=_ends(found[1], own), last=_ends(found[2], own))
    if by == "hash" and (found := _HASH.match(clause)):
        return _Values(part, remainder=(int(found[1]), int(found[2])))
    if by == "list" and (found := _LIST.match(clause)):
        return _Values(part, listed=tuple(_bound(text, own[0]) for text in _items(found[1])))
    raise Undivided(f"the values of its partition {part.name.table} are not understood: {clause}")


def _items(text: str) -> Iterator[str]:
    at = 0
    while at < len(text):
        found = _ITEM.match(text, at)
        if not found:
            raise Undivided(f"its bounds are not understood: {text}")
        yield found[1]
        at = found.end()


def _ends(text: str, columns: Sequence[Column]) -> Bounds | None:
    """Behind the least and the most of one column nothing counts; None for that of the first."""
    items = list(_items(text))
    if _LEAST in items[1:]:
        raise Undivided(f"a partition of it begins at the least of a further column ({text})")
    if items[0] == _LEAST:
        return None
    return tuple(_bound(item, column) for item, column in zip(items, columns, strict=True))


def _bound(text: str, column: Column) -> Bound:
    if text in ("MAXVALUE", "NULL"):
        return Edge.MOST if text == "MAXVALUE" else None
    plain = text[1:-1].replace("''", "'") if text.startswith("'") else text
    native = split(column.base or column.native).name
    try:
        return _READ[native](plain)
    except (KeyError, ValueError, InvalidOperation):
        raise Undivided(f"{text} of {column.name}, a {column.native}, is no bound elsewhere") from None


def _instant(text: str) -> Bound:
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC) if moment.tzinfo else None


_READ: dict[str, Callable[[str], Bound]] = {
    **dict.fromkeys(("smallint", "integer", "bigint"), int), "numeric": Decimal, "date": date.fromisoformat,
    "timestamp without time zone": datetime.fromisoformat, "timestamp with time zone": _instant,
    **dict.fromkeys(("text", "character varying", "character"), str),
}  # fmt: skip


def _inside(table: Table, part: Part) -> Partitioning | None:
    _, word, clause = part.clause.partition(" PARTITION BY ")
    return _level(table, f"PARTITION BY {clause}", part.name) if word else None


def _ranges(table: Table, columns: tuple[str, ...], values: Sequence[_Values]) -> Partitioning:
    """In order. Gaps belong to what follows, for no row is in one; where a DEFAULT one takes them there may be none."""
    default = [one for one in values if one.default]
    plain = sorted((one for one in values if not one.default), key=_place)
    made = [Partition(one.part.name.table, one.last or (), within=_inside(table, one.part)) for one in plain]
    if not default:
        return Partitioning("range", columns, tuple(made))
    gaps = [b for a, b in pairwise(plain) if b.first != a.last]
    if gaps:
        raise Undivided(f"its DEFAULT partition {default[0].part.name.table} is not just what is around all others")
    rest = Partition(default[0].part.name.table, within=_inside(table, default[0].part))
    lower = (plain[0].first or ()) if plain else ()
    if lower or (plain and plain[-1].last and plain[-1].last[0] is Edge.MOST):
        rest = replace(rest, values=((Edge.OTHERS,),))
        return Partitioning("range", columns, (*made, rest), lower=lower)
    rest = replace(rest, upper=(Edge.MOST,) * len(columns))
    return Partitioning("range", columns, (*made, rest), "last")


def _place(one: _Values) -> list[tuple[bool, Bound]]:
    return [(bound is Edge.MOST, "" if bound is Edge.MOST else bound) for bound in one.last or ()]


def _lists(table: Table, columns: tuple[str, ...], values: Sequence[_Values]) -> Partitioning:
    made = [
        Partition(
            one.part.name.table, values=((Edge.OTHERS,),) if one.default else tuple((each,) for each in one.listed),
            within=_inside(table, one.part),
        )
        for one in values
    ]  # fmt: skip
    return Partitioning("list", columns, tuple(made))


def _hashes(table: Table, columns: tuple[str, ...], values: Sequence[_Values]) -> Partitioning:
    ordered = sorted(values, key=lambda one: one.remainder)
    if [one.remainder for one in ordered] != [(len(ordered), number) for number in range(len(ordered))]:
        raise Undivided("its hash partitions are not all of one modulus")
    made = [Partition(one.part.name.table, within=_inside(table, one.part)) for one in ordered]
    return Partitioning("hash", columns, tuple(made))


_KINDS = {"range": _ranges, "list": _lists, "hash": _hashes}
