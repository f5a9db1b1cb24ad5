"""How the rows of a table spread over the partitions that it is to have: counted in the source before it is made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..flow import flow
from ..plan import Finding
from .catalogue import Relation
from .entry import Ends, Entry
from .histogram import BATCH_BYTES, streaming
from .leaves import WHOLE, homes, leaves_by
from .partitioning import Partition, Partitioning, members, takes_others

MOST = 1_000_000  # rows, by the catalogue's estimate: a second or so for a column of as many
_SHOWN = 12  # partitions, at most, each with its rows
_FEW, _UNEVEN = 4, 10  # partitions of which one may have most rows; times the mean
_REST = 0.01  # of the rows


@dataclass(frozen=True)
class Spread:
    """Rows by the name of their partition, each of which is there; `rest` are in default ones, `lost` in none."""

    rows: Mapping[str, int]
    rest: int
    lost: int


def spread_over(entry: Entry, ends: Ends, division: Partitioning) -> list[Finding]:
    """What the rows of each partition show, where they can be counted."""
    found = _spread(entry, ends, division)
    return _findings(str(entry.table.name), found) if found else []


def _spread(entry: Entry, ends: Ends, division: Partitioning) -> Spread | None:
    """None where the rows are too many, or only the target can tell. NULLs do not count where it puts them at will."""
    known = 0 <= entry.source.rows <= MOST and ends.source_address is not None and not entry.choice.over
    types = {column.target: column.type for column in entry.columns if not column.computed}
    parts = [*_walk(division)]
    names = [Relation("", one.name) for one, _ in parts]
    leaves = leaves_by(division, names, entry.table, types) if known else None
    if leaves is None:
        return None
    counts = np.zeros(len(parts) + 1, np.int64)
    chooses = getattr(ends.target, "bounded", "above") != "both"
    for batch in _batches(entry, ends, division):
        rows = batch.filter(_valid(batch)) if chooses else batch
        counts += np.bincount(homes(leaves, rows) - WHOLE, minlength=len(counts))
    lost, *held = counts.tolist()
    pairs = [(one, rows) for (one, counted), rows in zip(parts, held, strict=True) if counted]
    lost += sum(held) - sum(rows for _, rows in pairs)
    return Spread({one.name: rows for one, rows in pairs}, sum(rows for one, rows in pairs if takes_others(one)), lost)


def _walk(division: Partitioning, *, counted: bool = True) -> Iterator[tuple[Partition, bool]]:
    """All partitions, each before those inside, and whether rows are counted there: hashes count as one."""
    for one in division.partitions:
        hashes = one.within is not None and one.within.by == "hash"
        yield one, counted and (one.within is None or hashes)
        if one.within:
            yield from _walk(one.within, counted=counted and not hashes)


def _batches(entry: Entry, ends: Ends, division: Partitioning) -> Iterator[pa.RecordBatch]:
    columns = tuple(column for column in entry.columns if column.target in members(division))
    hop = streaming(entry, columns)
    assert ends.source_address  # noqa: S101 - looked at by the caller
    with closing(ends.source.open(ends.source_address, [hop], "none", 1)) as source:
        yield from flow(hop, hop.slices[0], source.readers()[0], BATCH_BYTES)


def _valid(batch: pa.RecordBatch) -> Any:
    found = pc.is_valid(batch.column(0))
    for values in batch.columns[1:]:
        found = pc.and_(found, pc.is_valid(values))
    return found


def _findings(where: str, found: Spread) -> list[Finding]:
    total = sum(found.rows.values()) + found.lost
    if not total:
        return []
    made = [Finding("note", where, f"of {total:,} rows: {_listed(found.rows)}", "partition-rows")]
    if found.lost:
        told = f"{found.lost:,} of {total:,} rows are for no partition, and the target refuses them"
        remedy = "Leave out `outside: refuse`, name further bounds or values, or leave the rows out by `where`."
        made.append(Finding("warning", where, told, "partition-refused", remedy))
    if found.rest > _REST * total:
        told = f"{found.rest:,} of {total:,} rows are NULL or outside of all bounds, and lie in the default partition"
        made.append(Finding("warning", where, told, "partition-default", "Name further bounds or values, or every."))
    most = max(found.rows, key=lambda name: found.rows[name])
    mean = total / len(found.rows)
    if len(found.rows) >= _FEW and found.rows[most] > max(_UNEVEN * mean, total / 2):
        told = f"{most} has {found.rows[most]:,} of {total:,} rows, of {len(found.rows):,} partitions"
        made.append(Finding("warning", where, told, "partition-uneven", "Choose smaller steps, or another column."))
    return made


def _listed(rows: Mapping[str, int]) -> str:
    """The largest first where not all are shown; those without rows by their number."""
    held = {name: number for name, number in rows.items() if number}
    shown = list(held)
    if len(held) > _SHOWN:
        shown = sorted(held, key=lambda name: -held[name])[:_SHOWN]
    said = ", ".join(f"{name} {held[name]:,}" for name in shown)
    more = f"; {len(held) - len(shown):,} more" if len(held) > len(shown) else ""
    empty = f"; {len(rows) - len(held):,} without any" if len(rows) > len(held) else ""
    return f"{said}{more}{empty}"
