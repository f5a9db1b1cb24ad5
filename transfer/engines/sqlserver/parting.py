"""Partitions in SQL Server's words: a function and a scheme for each table, by ranges of one column."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

from ...engine import Session
from ...plan import Hop
from ...rules import split
from ...schema.catalogue import Column, Ground, Table
from ...schema.dividing import check_nulls
from ...schema.partitioning import Bound, Partitioning, Undivided, is_open, with_nulls
from ...schema.sql import shortened
from .session import literal, qualified, quoted

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
    clause = f"ON {quoted(name)} ({quoted(column.name)})"
    return replace(table, partitioned=clause, grounds=(function, scheme), division=with_nulls(there, "first"))


def conditions(session: Session, hop: Hop) -> dict[int, str] | None:
    """What is true of each partition's rows alone, by its number; None where the table has more or fewer of them."""
    assert hop.leaves  # noqa: S101 - asked of such tables alone
    rows = session.ask(
        "SELECT f.name, c.name, f.fanout FROM sys.indexes i "
        "JOIN sys.partition_schemes d ON d.data_space_id = i.data_space_id "
        "JOIN sys.partition_functions f ON f.function_id = d.function_id "
        "JOIN sys.index_columns x ON x.object_id = i.object_id AND x.index_id = i.index_id AND x.partition_ordinal = 1 "
        "JOIN sys.columns c ON c.object_id = x.object_id AND c.column_id = x.column_id "
        f"WHERE i.index_id IN (0, 1) AND i.object_id = OBJECT_ID({literal(qualified(hop.writes))})"
    )
    count = len(hop.leaves.tables)
    if not rows or int(str(rows[0][2])) != count:
        return None
    place = f"$PARTITION.{quoted(str(rows[0][0]))}({quoted(str(rows[0][1]))})"
    return {number: f"{place} = {number + 1}" for number in range(count)}


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
