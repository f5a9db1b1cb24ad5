"""Cutting a table by its primary key: index dives for numbers, walking the index for everything else."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from itertools import pairwise

from ...engine import Session
from ...plan import Bound, Cut
from ...rules import split
from ...schema.catalogue import Table
from .session import literal, qualified, quoted

_NUMBERS = ("tinyint", "smallint", "mediumint", "int", "bigint")


def cuts(session: Session, table: Table, wanted: int) -> tuple[Cut, ...]:
    """About `wanted` half-open ranges of the key's first column with similar numbers of rows."""
    if wanted < 2 or not table.key:
        return (Cut(),)
    column = table.key[0]
    native = split(table.column(column).native).name
    bounds = _dive(session, table, wanted) if native.split(" ")[0] in _NUMBERS else _walk(session, table, wanted)
    edges: list[Bound] = [None, *bounds, None]
    if len(edges) == 2:
        return (Cut(),)
    return tuple(Cut("range", column, low, high) for low, high in pairwise(edges))


@dataclass(order=True)
class _Range:
    weight: int  # minus the estimated rows: heapq pops the smallest
    low: int = field(compare=False)
    high: int = field(compare=False)


def _dive(session: Session, table: Table, wanted: int) -> list[int]:
    """Halve the range that the optimiser holds for the fullest, until there are enough. No row is read."""
    key, relation = quoted(table.key[0]), qualified(table.name)
    ((low, high),) = session.ask(f"SELECT MIN({key}), MAX({key}) FROM {relation}")
    if low is None or low == high:
        return []

    def weighed(first: int, last: int) -> _Range:
        rows = session.ask(
            f"EXPLAIN SELECT 1 FROM {relation} FORCE INDEX (PRIMARY) WHERE {key} >= {first} AND {key} < {last}"
        )
        # EXPLAIN's columns differ by version; rows is the one before the last in both families.
        estimate = next((int(str(v)) for v in reversed(rows[0]) if isinstance(v, int) or str(v).isdigit()), 0)
        return _Range(-estimate, first, last)

    ranges = [weighed(int(str(low)), int(str(high)) + 1)]
    while len(ranges) < wanted:
        fullest = heapq.heappop(ranges)
        middle = (fullest.low + fullest.high) // 2
        if middle == fullest.low:
            heapq.heappush(ranges, _Range(0, fullest.low, fullest.high))
            if all(r.high - r.low < 2 for r in ranges):
                break
            continue
        heapq.heappush(ranges, weighed(fullest.low, middle))
        heapq.heappush(ranges, weighed(middle, fullest.high))
    return sorted(r.low for r in ranges)[1:]


def _walk(session: Session, table: Table, wanted: int) -> list[Bound]:
    key, relation = quoted(table.key[0]), qualified(table.name)
    step = max(1, table.rows // wanted)
    bounds: list[Bound] = []
    while len(bounds) < wanted:
        after = f"WHERE {key} > {literal(bounds[-1])} " if bounds else ""
        rows = session.ask(
            f"SELECT CAST({key} AS CHAR) FROM {relation} FORCE INDEX (PRIMARY) {after}"
            f"ORDER BY {relation}.{key} LIMIT 1 OFFSET {step}"
        )
        if not rows:
            break
        bounds.append(str(rows[0][0]))
    return bounds
