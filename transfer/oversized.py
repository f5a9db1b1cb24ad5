"""Values, keys and tables that are larger than a target takes, looked for before a long load finds them at its end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa

from .engine import Bounds
from .plan import ColumnPlan, Finding
from .policies import LARGE
from .schema.entry import Ends, Entry
from .schema.sql import first, text_literal

_CHARACTER = 4  # bytes of one, at most
# Rows are compressed where they lie: a table of this part of a limit may still hold a value beyond it. PostgreSQL's
# pglz makes at most 1:100 or so of a value that repeats itself.
_COMPRESSED = 100


def findings(ends: Ends, entries: Sequence[Entry]) -> Iterator[Finding]:
    """One aggregate query for each table of which a limit may be passed; none for all others."""
    bounds = ends.target.bounds(ends.target_session)
    for entry in entries:
        where = str(entry.source.name)
        if bounds.columns and len(entry.columns) > bounds.columns:
            said = f"has {len(entry.columns):,} columns, and {ends.target.name} takes {bounds.columns:,}"
            yield Finding("blocker", where, said, "oversized", "Leave some out with --columns.")
        yield from _values(ends, entry, bounds)


def _values(ends: Ends, entry: Entry, bounds: Bounds) -> Iterator[Finding]:
    limits = {column.source: limit for column in entry.columns if (limit := _limit(entry, column, bounds))}
    if not limits or not entry.asked:
        return
    sizes = {name: ends.source.size(entry.source.column(name)) for name in limits}
    asked = [name for name in limits if sizes[name]]
    if not asked:
        return
    table = ends.rows_of(entry.source)
    condition = f" WHERE {entry.choice.where}" if entry.choice.where else ""
    largest = ", ".join(f"max({sizes[name]})" for name in asked)
    (found,) = ends.source_session.ask(f"SELECT {largest} FROM {table}{condition}")
    for name, longest in zip(asked, found, strict=True):
        if longest is not None and int(str(longest)) > limits[name]:
            yield _finding(ends, entry, name, sizes[name], int(str(longest)), limits[name], bounds)


def _limit(entry: Entry, column: ColumnPlan, bounds: Bounds) -> int:
    """The bytes that this column may hold in the target, 0 where no limit threatens."""
    if column.computed or not (_is_long(column.type.arrow)):
        return 0
    declared = column.type.length * (_CHARACTER if pa.types.is_string(column.type.arrow) else 1)
    keyed = {*entry.table.key, *(name for index in entry.table.indexes if not index.method for name in index.columns)}
    if bounds.key and column.target in keyed and not 0 < declared <= bounds.key:
        return bounds.key
    held = entry.source.bytes
    if entry.source.rows > LARGE:
        return 0  # a loader refuses a value by name; an index is what would fail at the end only
    if not bounds.value or 0 < declared <= bounds.value or 0 <= held * _COMPRESSED < bounds.value:
        return 0
    return bounds.value


def _is_long(arrow: pa.DataType) -> bool:
    return any(
        test(arrow)
        for test in (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)
    )


def _finding(ends: Ends, entry: Entry, name: str, size: str, longest: int, limit: int, bounds: Bounds) -> Finding:
    where = f"{entry.source.name}.{name}"
    what = "its index takes" if limit == bounds.key else "a value may have"
    said = f"its longest value has {longest:,} bytes, and in {ends.target.name} {what} {limit:,}"
    said += _example(ends, entry, size, limit)
    remedy = "Shorten it, leave the rows out by a where condition, or leave the column out with --columns."
    if limit == bounds.key:
        remedy = "Shorten it, or drop the index on the source. A value that compresses below the limit would pass."
    return Finding("blocker", where, said, "oversized", remedy)


def _example(ends: Ends, entry: Entry, size: str, limit: int) -> str:
    """The key of one such row."""
    key = entry.source.key
    if not key:
        return ""
    quoted = ", ".join(ends.source.quote(name) for name in key)
    also = f" AND ({entry.choice.where})" if entry.choice.where else ""
    rows = ends.source_session.ask(
        first(ends.source, f"SELECT {quoted} FROM {ends.rows_of(entry.source)} WHERE {size} > {limit}{also}")
    )
    shown = [f"{name} = {_short(value)}" for row in rows for name, value in zip(key, row, strict=True)]
    return f" (the row with {', '.join(shown)})" if shown else ""


def _short(value: object) -> str:
    text = str(value)
    return text_literal(text if len(text) <= 40 else text[:39] + "…")
