"""How MySQL's and MariaDB's tables are partitioned, from information_schema into no engine's words."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from ...engine import Row, Session
from ...rules import split
from ...schema.catalogue import Column, Table
from ...schema.partitioning import Bound, Bounds, Edge, Partition, Partitioning, Undivided

_NAME = r"`(?:[^`]|``)+`|[\w$]+"
_COLUMNS = re.compile(rf"\s*({_NAME})\s*(?:,|$)")
_CALLED = re.compile(rf"(?i)(year|to_days|to_seconds|unix_timestamp)\(({_NAME})\)")
_ITEM = re.compile(r"\s*(?:(NULL|MAXVALUE)|(-?\d+)|(?:_\w+\s*)?('(?:[^'\\]|'')*'))\s*(?:,|$)")
_SEVERAL = re.compile(r"\s*\(((?:[^'()]|'(?:[^']|'')*')*)\)\s*(?:,|$)")
_INTEGERS = ("tinyint", "smallint", "mediumint", "int", "bigint", "year")
_YEAR_0 = 365  # days of the year 0, from which the server counts
# Functions that keep the order of moments, and of what they give the first moment that gives it.
_MOMENTS: dict[str, Callable[[int], date]] = {
    "year": lambda number: date(number, 1, 1),
    "to_days": lambda number: date.fromordinal(number - _YEAR_0),
    "to_seconds": lambda number: datetime(1, 1, 1) + timedelta(days=-_YEAR_0 - 1, seconds=number),
    "unix_timestamp": lambda number: datetime.fromtimestamp(number, UTC),
}
# Rows of one table: its name, partition, subpartition, both methods, both expressions, description.
Rows = Sequence[Row]


def partitions(session: Session, literal: str) -> defaultdict[str, list[Row]]:
    """The partitions of each table that has some, in order."""
    found: defaultdict[str, list[Row]] = defaultdict(list)
    for row in session.ask(
        "SELECT TABLE_NAME, PARTITION_NAME, SUBPARTITION_NAME, PARTITION_METHOD, SUBPARTITION_METHOD, "
        "PARTITION_EXPRESSION, SUBPARTITION_EXPRESSION, PARTITION_DESCRIPTION FROM information_schema.PARTITIONS "
        f"WHERE TABLE_SCHEMA = {literal} AND PARTITION_NAME IS NOT NULL "
        "ORDER BY TABLE_NAME, PARTITION_ORDINAL_POSITION, SUBPARTITION_ORDINAL_POSITION"
    ):
        found[str(row[0])].append(row)
    return found


def with_division(table: Table, rows: Rows, padded: Collection[str]) -> Table:
    """The table with its partitioning, or the reason why that has no other words.

    `padded` are columns whose texts are equal to those with blanks at the end.
    """
    if not table.partitioned or not rows:
        return table
    try:
        division = _division(table, rows)
        if loose := [name for name in division.columns if division.by == "list" and name in padded]:
            raise Undivided(f"its lists take no notice of blanks at the end of {', '.join(loose)}")
        return replace(table, division=division)
    except Undivided as lost:
        return replace(table, undivided=lost.reason)


def _division(table: Table, rows: Rows) -> Partitioning:
    _, _, _, method, inner_method, expression, inner, _ = rows[0]
    by = str(method)
    if by.endswith(("HASH", "KEY")):
        names = dict.fromkeys(str(row[1]) for row in rows)
        return Partitioning("hash", _hashed(table, str(expression or "")), tuple(map(Partition, names)))
    called = _CALLED.fullmatch(str(expression))
    columns = _names(table, called[2] if called else str(expression))
    within = _within(table, rows, str(inner or "")) if inner_method else {}
    if by.startswith("LIST"):
        if called:
            raise Undivided(f"it is partitioned by lists of {expression}")
        return Partitioning("list", columns, tuple(_lists(table, columns, rows, within)))
    if not by.startswith("RANGE"):
        raise Undivided(f"it is partitioned by {by}")
    for column in map(table.column, columns):
        if "char" in column.native or "binary" in column.native:
            raise Undivided(f"ranges of {column.name} are in the order of its collation, or of octets")
        if column.generated:
            raise Undivided(f"it is partitioned by the generated column {column.name}")
    function = called[1].lower() if called else ""
    return Partitioning("range", columns, tuple(_ranges(table, columns, rows, within, function)), "first")


def _hashed(table: Table, expression: str) -> tuple[str, ...]:
    """The columns of a hash; KEY without any means those of the primary key."""
    return _names(table, expression) if expression else table.key


def _names(table: Table, text: str) -> tuple[str, ...]:
    """Columns are not told apart by case."""
    known = {column.name.lower(): column.name for column in table.columns}
    found, at = [], 0
    while at < len(text):
        one = _COLUMNS.match(text, at)
        if not one or _plain(one[1]).lower() not in known:
            raise Undivided(f"it is partitioned by an expression ({text})")
        found.append(known[_plain(one[1]).lower()])
        at = one.end()
    return tuple(found)


def _plain(name: str) -> str:
    return name[1:-1].replace("``", "`") if name.startswith("`") else name


def _within(table: Table, rows: Rows, expression: str) -> dict[str, Partitioning]:
    """Subpartitions are hashes always."""
    names: defaultdict[str, list[str]] = defaultdict(list)
    for row in rows:
        names[str(row[1])].append(str(row[2]))
    columns = _hashed(table, expression)
    return {name: Partitioning("hash", columns, tuple(map(Partition, inner))) for name, inner in names.items()}


def _described(rows: Rows) -> dict[str, str]:
    return {str(row[1]): str(row[7]) for row in rows}


def _ranges(
    table: Table, columns: Sequence[str], rows: Rows, within: dict[str, Partitioning], function: str
) -> Iterator[Partition]:
    own = [table.column(name) for name in columns]
    for name, text in _described(rows).items():
        bounds = _bounds(text, own, function)
        if len(bounds) != len(own):
            raise Undivided(f"the bound of its partition {name} is not understood: {text}")
        yield Partition(name, bounds, within=within.get(name))


def _lists(table: Table, columns: Sequence[str], rows: Rows, within: dict[str, Partitioning]) -> Iterator[Partition]:
    own = [table.column(name) for name in columns]
    for name, text in _described(rows).items():
        values: tuple[Bounds, ...]
        if text in ("MAXVALUE", "DEFAULT"):  # so MariaDB shows what takes all others
            values = ((Edge.OTHERS,),)
        elif len(own) == 1:
            values = tuple((one,) for one in _bounds(text, own * (text.count(",") + 1), ""))
        else:
            values = tuple(_bounds(one, own, "") for one in _several(text))
        yield Partition(name, values=values, within=within.get(name))


def _several(text: str) -> Iterator[str]:
    at = 0
    while at < len(text):
        found = _SEVERAL.match(text, at)
        if not found:
            raise Undivided(f"its values are not understood: {text}")
        yield found[1]
        at = found.end()


def _bounds(text: str, columns: Sequence[Column], function: str) -> Bounds:
    made: list[Bound] = []
    at = 0
    for column in columns:
        if at >= len(text):
            break
        found = _ITEM.match(text, at)
        if not found:
            raise Undivided(f"its bounds are not understood: {text}")
        made.append(_bound(found, column, function))
        at = found.end()
    if at < len(text):
        raise Undivided(f"its bounds are not understood: {text}")
    return tuple(made)


def _bound(found: re.Match[str], column: Column, function: str) -> Bound:
    edge, number, quoted = found.groups()
    if edge:
        return None if edge == "NULL" else Edge.MOST
    native = split(column.native).name.partition(" ")[0]
    plain = quoted[1:-1].replace("''", "'") if quoted else ""
    try:
        if number and function:
            return _MOMENTS[function](int(number))
        if number and native in _INTEGERS:
            return int(number)
        if quoted and native in ("date", "datetime"):
            return date.fromisoformat(plain) if native == "date" else datetime.fromisoformat(plain)
    except (ValueError, OverflowError):
        raise Undivided(f"the bound {found[0].strip(', ')} of {column.name} is no moment elsewhere") from None
    if quoted and native in ("varchar", "char"):
        return plain
    raise Undivided(f"the bound {found[0].strip(', ')} of {column.name}, a {column.native}, is none elsewhere")
