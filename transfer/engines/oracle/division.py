"""How Oracle's tables are partitioned, from its dictionary into no engine's words."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Literal

from ...engine import Row, Session
from ...schema.catalogue import Table
from ...schema.partitioning import Bound, Edge, Partition, Partitioning, Undivided

Name = tuple[str, str]

_KINDS: dict[str, Literal["range", "list", "hash"]] = {"RANGE": "range", "LIST": "list", "HASH": "hash"}
_LOST = {
    "REFERENCE": "it is partitioned by reference: as its parent is, by columns that it has not",
    "SYSTEM": "it is a SYSTEM one: who inserts a row says in which partition it is",
    "CONSISTENT HASH": "it is sharded by consistent hash",
}  # fmt: skip
# What HIGH_VALUE is made of, as the dictionary prints it.
_BOUND = re.compile(
    r"""\s*(?:(?P<edge>MAXVALUE|DEFAULT|NULL)\b
      |TO_DATE\s*\(\s*'\s*(?P<date>\d{4}-\d\d-\d\d\ \d\d:\d\d:\d\d)'\s*,\s*'SYYYY-MM-DD\ HH24:MI:SS'\s*
        (?:,\s*'NLS_CALENDAR=GREGORIAN'\s*)?\)
      |TIMESTAMP\s*'\s*(?P<stamp>\d{4}-\d\d-\d\d\ \d\d:\d\d:\d\d)(?:\.(?P<fraction>\d{1,9}))?\s*
        (?P<zone>[+-]\d\d:\d\d)?'
      |N?(?P<text>'(?:[^']|'')*')
      |(?P<number>-?(?:\d+\.?\d*|\.\d+)(?:E[+-]?\d+)?))\s*(?:,|$)""",
    re.VERBOSE | re.IGNORECASE,
)
_EDGES: dict[str, Bound] = {"MAXVALUE": Edge.MOST, "DEFAULT": Edge.OTHERS, "NULL": None}


@dataclass(frozen=True)
class _Found:
    """The dictionary's rows of one table."""

    head: Row
    keys: Sequence[str]
    inner_keys: Sequence[str]
    partitions: Sequence[Row]
    inner: Sequence[Row]
    local: frozenset[str]  # indexes that have the table's partitions


def with_divisions(session: Session, where: str, tables: Sequence[Table], names: dict[Name, int]) -> list[Table]:
    """The tables with their partitioning; `names` tells where a table of an owner's is among them."""
    made = list(tables)
    for name, found in _found(session, where).items():
        if name not in names:
            continue
        table = made[names[name]]
        try:
            indexes = tuple(replace(one, whole=one.name not in found.local) for one in table.indexes)
            table = replace(table, division=_division(found, table), indexes=indexes)
        except Undivided as lost:
            table = replace(table, undivided=lost.reason)
        made[names[name]] = table
    return made


def _found(session: Session, where: str) -> dict[Name, _Found]:
    heads = session.ask(
        "SELECT p.owner, p.table_name, p.partitioning_type, p.subpartitioning_type, p.interval, p.autolist, "
        f"p.interval_subpartition, p.autolist_subpartition FROM all_part_tables p WHERE p.owner {where}"
    )
    if not heads:
        return {}
    keys, inner_keys = (
        _columns(session.ask(
            f"SELECT k.owner, k.name, k.column_name FROM {view} k WHERE k.owner {where} "
            "AND k.object_type LIKE 'TABLE%' ORDER BY k.owner, k.name, k.column_position"
        ))
        for view in ("all_part_key_columns", "all_subpart_key_columns")
    )  # fmt: skip
    partitions = _grouped(session.ask(
        "SELECT t.table_owner, t.table_name, t.partition_name, t.high_value FROM all_tab_partitions t "
        f"WHERE t.table_owner {where} ORDER BY t.table_owner, t.table_name, t.partition_position"
    ))  # fmt: skip
    inner = _grouped(session.ask(
        "SELECT t.table_owner, t.table_name, t.partition_name, t.high_value, t.subpartition_name "
        f"FROM all_tab_subpartitions t WHERE t.table_owner {where} "
        "ORDER BY t.table_owner, t.table_name, t.partition_name, t.subpartition_position"
    ))  # fmt: skip
    local = _columns(session.ask(
        "SELECT i.owner, i.table_name, i.index_name FROM all_part_indexes i "
        f"WHERE i.owner {where} AND i.locality = 'LOCAL'"
    ))  # fmt: skip
    return {
        name: _Found(row, keys[name], inner_keys[name], partitions[name], inner[name], frozenset(local[name]))
        for row in heads
        for name in [(str(row[0]), str(row[1]))]
    }


def _grouped(rows: Sequence[Row]) -> defaultdict[Name, list[Row]]:
    found: defaultdict[Name, list[Row]] = defaultdict(list)
    for row in rows:
        found[str(row[0]), str(row[1])].append(row)
    return found


def _columns(rows: Sequence[Row]) -> defaultdict[Name, list[str]]:
    found: defaultdict[Name, list[str]] = defaultdict(list)
    for row in rows:
        found[str(row[0]), str(row[1])].append(str(row[2]))
    return found


def _division(found: _Found, table: Table) -> Partitioning:
    """Undivided for what is told apart in a way that other engines have not."""
    kind, inner_kind, interval = str(found.head[2]), str(found.head[3] or "NONE"), str(found.head[4] or "")
    for level in (kind, inner_kind):
        if level in _LOST or level not in (*_KINDS, "NONE"):
            raise Undivided(_LOST.get(level, f"it is partitioned by {level.lower()}"))
    if "YES" in found.head[5:8:2]:
        raise Undivided("its lists grow by themselves (AUTOMATIC), by a partition for each value")
    _check_columns(table, found.keys, kind)
    if not found.partitions:
        raise Undivided("this account is not shown its partitions")
    within = _inner(found, table, inner_kind) if inner_kind != "NONE" else lambda _: None
    made = tuple(
        _partition(str(row[2]), kind, str(row[3] or ""), len(found.keys), within(str(row[2])))
        for row in found.partitions
    )
    return Partitioning(_KINDS[kind], tuple(found.keys), made, "last" if kind == "RANGE" else "", interval)


def _inner(found: _Found, table: Table, kind: str) -> Callable[[str], Partitioning | None]:
    _check_columns(table, found.inner_keys, kind)
    rows: defaultdict[str, list[Row]] = defaultdict(list)
    for row in found.inner:
        rows[str(row[2])].append(row)

    def within(name: str) -> Partitioning:
        made = tuple(
            _partition(str(row[4]), kind, str(row[3] or ""), len(found.inner_keys), None) for row in rows[name]
        )
        grows = str(found.head[6] or "")
        return Partitioning(_KINDS[kind], tuple(found.inner_keys), made, "last" if kind == "RANGE" else "", grows)

    return within


def _check_columns(table: Table, keys: Sequence[str], kind: str) -> None:
    known = {column.name: column for column in table.columns}
    virtual = [name for name in keys if name not in known or known[name].generated]
    if virtual:
        raise Undivided(f"it is partitioned by the virtual column {', '.join(virtual)}")
    if kind == "LIST" and len(keys) > 1:
        raise Undivided(f"it is partitioned by lists of several columns ({', '.join(keys)})")


def _partition(name: str, kind: str, high: str, width: int, within: Partitioning | None) -> Partition:
    if kind == "HASH":
        return Partition(name, within=within)
    bounds = tuple(_bounds(high, name))
    if kind == "LIST":
        return Partition(name, values=tuple((bound,) for bound in bounds), within=within)
    if len(bounds) != width:
        raise Undivided(f"the bound of its partition {name} is not understood: {high}")
    return Partition(name, upper=bounds, within=within)


def _bounds(high: str, name: str) -> Iterator[Bound]:
    at = 0
    while at < len(high):
        found = _BOUND.match(high, at)
        if not found:
            raise Undivided(f"the bound of its partition {name} is not understood: {high}")
        yield _bound(found, name)
        at = found.end()


def _bound(found: re.Match[str], name: str) -> Bound:
    if found["edge"]:
        return _EDGES[found["edge"].upper()]
    if found["text"]:
        return found["text"][1:-1].replace("''", "'")
    if found["number"]:
        return Decimal(found["number"])
    moment = datetime.fromisoformat(found["date"] or found["stamp"])
    digits = (found["fraction"] or "").ljust(9, "0")
    if digits[6:] != "000":
        raise Undivided(f"the bound of its partition {name} has nanoseconds")
    moment += timedelta(microseconds=int(digits[:6]))
    return moment.replace(tzinfo=_zone(found["zone"])).astimezone(UTC) if found["zone"] else moment


def _zone(text: str) -> timezone:
    hours, minutes = int(text[1:3]), int(text[4:])
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if text[0] == "-" else offset)
