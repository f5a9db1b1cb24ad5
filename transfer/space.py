"""Whether the target has room for what comes: an estimate, good to a factor of about two."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from .plan import ColumnPlan, Finding
from .schema.entry import Ends, Entry

_TEXT = 24  # bytes of a text whose length nobody knows
_KEPT_TWICE = ("append", "merge", "replace")  # staging beside the table, or the old table beside the new one
_TOLD = 100 << 20  # an amount that is worth a note


def findings(ends: Ends, entries: Sequence[Entry]) -> list[Finding]:
    """A blocker where it is known that there is too little, a note where it cannot be known or much comes."""
    needed = sum(bytes_of(ends, entry) for entry in entries)
    address = ends.target_address
    free = ends.target.free(ends.target_session, address) if address else None
    return judged(needed, free, ends.target.logs)


def judged(needed: int, free: int | None, logs: str) -> list[Finding]:
    """The finding for so many bytes, if there is one. `logs` is what a server writes beside its tables."""
    beside = f", and as much again for {logs}" if logs else ""
    said = f"the target will need about {amount(needed)}{beside}, by the source's catalogue"
    if free is not None and needed > free:
        said += f"; {amount(free)} are free"
        remedy = "Make room, or move fewer tables at a time (--table)."
        return [Finding("blocker", "target", said, "space", remedy)]
    if needed < _TOLD:
        return []
    remedy = "" if free is not None else "How much is free there cannot be asked by SQL: look on its machine."
    return [Finding("note", "target", said, "space", remedy)]


def bytes_of(ends: Ends, entry: Entry) -> int:
    """What a table will take with its indexes; a table that is there keeps what it has."""
    table = entry.source
    if table.rows <= 0 or not entry.columns:
        return 0
    share = len(entry.columns) / max(len(table.columns), 1)
    plain = table.bytes / ends.source.density * share if table.bytes > 0 else table.rows * _width(entry.columns)
    indexed = sum(len(index.columns) or 1 for index in entry.table.indexes)
    made = plain * ends.target.density * (1 + indexed / len(entry.columns))
    return round(made * (2 if entry.mode in _KEPT_TWICE else 1))


def _width(columns: Sequence[ColumnPlan]) -> int:
    return sum(_size(column.type.arrow) for column in columns)


def _size(arrow: pa.DataType) -> int:
    try:
        return max(arrow.bit_width // 8, 1)
    except ValueError:
        return _TEXT


def amount(size: int) -> str:
    """Bytes in a unit that people read; two digits are all that an estimate has."""
    value, unit = float(size), "bytes"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    return f"{float(f'{value:.2g}'):,.10g} {unit}"
