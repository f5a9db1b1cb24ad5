"""Partitions in SQL Server's words: a function and a scheme for each table, by ranges of one column."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

from ...engine import Session
from ...rules import split
from ...schema.catalogue import Column, Ground, Table
from ...schema.dividing import check_nulls
from ...schema.partitioning import Bound, Partitioning, Undivided, is_open
from ...schema.sql import shortened
from .session import literal, quoted

_NUMBERS = ("tinyint", "smallint", "int", "bigint", "decimal", "numeric", "money", "smallmoney")
_MOMENTS = ("date", "datetime", "smalldatetime", "datetime2", "datetimeoffset")
_MOST = 128  # of a name
_PARTITIONS = 15_000
APART = " ON [PRIMARY]"  # of an index that is not partitioned as its table is


def divided(session: Session | None, table: Table, there: Partitioning) -> Table:
    """The table on a scheme of its own; Undivided for what there is none of."""
    column = _column(table, there)
    check_nulls(table, there, "first")
    ends = [one.upper[0] for one in there.partitions if not is_open(one)]
    if len(ends) >= _PARTITIONS:
        raise Undivided(f"a table has {_PARTITIONS:,} partitions at most there")
    bounds = ", ".join(_literal(end, column) for end in ends)
    home = "" if table.name.schema in ("", "dbo") else f"{table.name.schema}."
    name = _free(session, shortened(f"{home}{table.name.table} by {column.name}", _MOST - 4, "utf-16-le"))
    native = column.native.partition(" COLLATE ")[0]
    function = _ground("function", name, f"({native}) AS RANGE RIGHT FOR VALUES ({bounds})", "sys.partition_functions")
    scheme = _ground("scheme", name, f"AS PARTITION {quoted(name)} ALL TO ([PRIMARY])", "sys.partition_schemes")
    return replace(table, partitioned=f"ON {quoted(name)} ({quoted(column.name)})", grounds=(function, scheme))


def _column(table: Table, there: Partitioning) -> Column:
    if there.by != "range":
        raise Undivided(f"SQL Server has ranges alone, and no partitions by {there.by}")
    if any(one.within for one in there.partitions):
        raise Undivided("SQL Server has no partitions in partitions")
    if len(there.columns) > 1:
        raise Undivided("SQL Server has ranges of one column only")
    column = table.column(there.columns[0])
    native = split(column.native).name
    if native not in (*_NUMBERS, *_MOMENTS):
        order = "their order is that of a collation there" if "char" in native else "there are no ranges of it"
        raise Undivided(f"{column.name} is a {column.native} in the target: {order}")
    if column.generated:
        raise Undivided(f"{column.name} is computed")
    return column


def _ground(kind: str, name: str, clause: str, view: str) -> Ground:
    return Ground(
        f"create partition {kind} {name}", f"CREATE PARTITION {kind.upper()} {quoted(name)} {clause}",
        f"SELECT 1 FROM {view} WHERE name = {literal(name)}", f"DROP PARTITION {kind.upper()} {quoted(name)}",
    )  # fmt: skip


def _free(session: Session | None, wanted: str) -> str:
    """A name that no function and no scheme has: one of another table's would not be ours to drop."""
    query = "SELECT name FROM sys.partition_functions UNION ALL SELECT name FROM sys.partition_schemes"
    taken: Collection[str] = {str(row[0]).lower() for row in session.ask(query)} if session else ()
    name, number = wanted, 2
    while name.lower() in taken:
        name, number = f"{wanted} {number}", number + 1
    return name


def _literal(bound: Bound, column: Column) -> str:
    native = split(column.native).name
    if isinstance(bound, int | Decimal) and native in _NUMBERS:
        return f"{Decimal(bound):f}"
    if isinstance(bound, date) and native in _MOMENTS:
        moment = bound if isinstance(bound, datetime) else datetime(bound.year, bound.month, bound.day)
        # With a T a literal is read alike whatever language the session has.
        return literal(moment.date().isoformat() if native == "date" else moment.isoformat())
    raise Undivided(f"{column.name} is a {column.native} in the target, which has no value {bound!r}")


def apart(table: Table, columns: Collection[str]) -> str:
    """What a unique index says behind its columns where these are not all that its table is partitioned by."""
    aligned = any(table.partitioned.endswith(f"({quoted(name)})") for name in columns)
    return APART if table.partitioned and not aligned else ""
