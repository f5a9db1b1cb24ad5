"""Cutting a table by the first column of its key, into ranges with as many rows each."""

from __future__ import annotations

from itertools import pairwise

from ...engine import Session
from ...plan import Bound, Cut
from ...rules import split
from ...schema.catalogue import Table
from .session import qualified, quoted

_INTEGERS = ("tinyint", "smallint", "int", "bigint")


def cuts(session: Session, table: Table, where: str, wanted: int) -> tuple[Cut, ...]:
    """About `wanted` half-open ranges; one 'whole' where the key does not begin with an integer."""
    if wanted < 2 or not table.key or table.kind != "table":
        return (Cut(),)
    key = table.column(table.key[0])
    if split(key.native).name not in _INTEGERS:
        return (Cut(),)
    clause = f" WHERE {where}" if where else ""
    rows = session.ask(
        f"SELECT MIN(k) FROM (SELECT {quoted(key.name)} AS k, NTILE({wanted}) OVER (ORDER BY {quoted(key.name)}) AS g "
        f"FROM {qualified(table.name)}{clause}) AS q GROUP BY g ORDER BY 1"
    )
    bounds = sorted({int(str(row[0])) for row in rows})[1:]
    edges: list[Bound] = [None, *bounds, None]
    if len(edges) == 2:
        return (Cut(),)
    return tuple(Cut("range", key.name, low, high) for low, high in pairwise(edges))
