"""Partitions in MySQL's and MariaDB's words, of what an engine of another kind has."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime

from ...engine import Session
from ...plan import Cut, Hop
from ...rules import split
from ...schema.catalogue import Column, Table
from ...schema.dividing import check_keys, check_nulls
from ...schema.partitioning import Bound, Bounds, Edge, Linked, Partition, Partitioning, Undivided, levels, takes_others
from .session import literal, quoted

_INTEGERS = ("tinyint", "smallint", "mediumint", "int", "bigint")
_MOMENTS, _TEXTS = ("date", "datetime"), ("varchar", "char")
_UNPADDED = ("nopad_bin", "0900_bin")  # collations that go by code points, blanks at the end included
_PARTITIONS = 8192  # and subpartitions of a table


def clause(table: Table, there: Partitioning, linked: Sequence[str], collation: str, *, defaults: bool) -> str:
    """PARTITION BY and all behind it; `defaults` says that lists may have a partition for all others."""
    if linked:
        raise Linked(
            f"foreign keys lead to it or out of it ({', '.join(linked)}), which partitions do not take there",
            "Leave its partitions behind, or the foreign keys in the source.",
        )
    check_keys(table, there)
    check_nulls(table, there, "first")
    for level in levels(there):
        _check(table, level, collation, defaults=defaults)
    inner = _inner(there)
    if sum(len(one.within.partitions) if one.within else 1 for one in there.partitions) > _PARTITIONS:
        raise Undivided(f"a table has {_PARTITIONS:,} partitions at most there")
    if there.by == "hash":
        return f"PARTITION BY KEY ({_names(there)}) ({', '.join(_named(one) for one in there.partitions)})"
    parts = ",\n  ".join(_part(table, there, one) for one in there.partitions)
    return f"PARTITION BY {there.by.upper()} COLUMNS ({_names(there)}){inner} (\n  {parts}\n)"


def lying(session: Session, hop: Hop) -> dict[int, tuple[Cut, ...]] | None:
    """A cut for each partition of a hop's table, by its number; None where these are not those of the plan."""
    assert hop.leaves  # noqa: S101 - asked of such tables alone
    schema = literal(hop.writes.schema) if hop.writes.schema else "DATABASE()"
    rows = session.ask(
        "SELECT DISTINCT PARTITION_NAME FROM information_schema.PARTITIONS WHERE PARTITION_NAME IS NOT NULL "
        f"AND TABLE_SCHEMA = {schema} AND TABLE_NAME = {literal(hop.writes.table)}"
    )
    names = {number: hop.leaves.tables[number].table for number in hop.leaves.held}
    if {str(name).lower() for (name,) in rows} != {name.lower() for name in names.values()}:
        return None
    return {number: (Cut("part", part=name),) for number, name in names.items()}


def _check(table: Table, level: Partitioning, collation: str, *, defaults: bool) -> None:
    for column in map(table.column, level.columns):
        name = split(column.native).name
        if column.generated:
            raise Undivided(f"{column.name} is generated")
        if name not in (*_INTEGERS, *_MOMENTS, *_TEXTS) and (level.by != "hash" or "text" in name or "blob" in name):
            raise Undivided(
                f"{column.name} is a {column.native} in the target, and partitions there go by integers, dates, "
                "datetimes and texts with a length"
            )
        own = column.collation or collation
        if name in _TEXTS and level.by != "hash" and not own.endswith(_UNPADDED):
            raise Undivided(f"texts are compared by {own} there, which takes no notice of blanks at their ends")
    if level.by == "list" and not defaults and any(map(takes_others, level.partitions)):
        raise Undivided("MySQL has no partition for all values that no other lists")


def _inner(there: Partitioning) -> str:
    """All partitions are divided alike, by hashes."""
    found = {
        (one.within.by, one.within.columns, len(one.within.partitions)) if one.within else None
        for one in there.partitions
    }
    if found == {None}:
        return ""
    (first, *others) = found
    if others or first is None or first[0] != "hash" or there.by == "hash":
        raise Undivided("partitions are divided further only by hashes there, each into as many")
    return f" SUBPARTITION BY KEY ({', '.join(map(quoted, first[1]))}) SUBPARTITIONS {first[2]}"


def _names(level: Partitioning) -> str:
    return ", ".join(map(quoted, level.columns))


def _named(one: Partition) -> str:
    return f"PARTITION {quoted(one.name)}"


def _part(table: Table, level: Partitioning, one: Partition) -> str:
    columns = [table.column(name) for name in level.columns]
    if level.by == "range":
        return f"{_named(one)} VALUES LESS THAN ({_tuple(one.upper, columns)})"
    if takes_others(one):
        return f"{_named(one)} DEFAULT"
    single = len(columns) == 1
    values = [_tuple(each, columns) if single else f"({_tuple(each, columns)})" for each in one.values]
    return f"{_named(one)} VALUES IN ({', '.join(values)})"


def _tuple(bounds: Bounds, columns: Sequence[Column]) -> str:
    return ", ".join(_literal(bound, column) for bound, column in zip(bounds, columns, strict=True))


def _literal(bound: Bound, column: Column) -> str:
    if bound is None or isinstance(bound, Edge):
        return "NULL" if bound is None else bound.value
    name = split(column.native).name
    if isinstance(bound, int) and name in _INTEGERS:
        return str(bound)
    if isinstance(bound, datetime) and name == "datetime":
        moment = bound.astimezone(UTC).replace(tzinfo=None) if bound.tzinfo else bound  # an instant is kept in UTC
        return literal(moment.isoformat(" "))
    if isinstance(bound, datetime | date) and name == "date":
        return literal(bound.isoformat()[:10])
    if isinstance(bound, str) and name in _TEXTS:
        return literal(bound)
    raise Undivided(f"{column.name} is a {column.native} in the target, which has no value {bound!r}")
