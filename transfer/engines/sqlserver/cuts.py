"""Cutting a table by the first column of its key, into ranges with as many rows each."""

from __future__ import annotations

from itertools import pairwise

from ...engine import Session
from ...plan import Bound, Cut
from ...rules import Native, split
from ...schema.catalogue import Table
from ...schema.sql import range_condition
from .session import literal, qualified, quoted

_INTEGERS = ("tinyint", "smallint", "int", "bigint")
# Kinds in whose order a bound in quotes is compared, with how it is printed. A text is none: its collation and its type
# decide, and those of a literal are not the column's.
_QUOTED = {
    "uniqueidentifier": "CONVERT(nvarchar(36), {k})",
    "date": "CONVERT(nvarchar(10), {k}, 23)",
    "smalldatetime": "CONVERT(nvarchar(33), {k}, 126)",
    "datetime": "CONVERT(nvarchar(33), {k}, 126)",
    "datetime2": "CONVERT(nvarchar(33), {k}, 126)",
    "datetimeoffset": "CONVERT(nvarchar(40), {k}, 126)",
}
_INT = 1 << 31
_BIGINT = 1 << 63


def cuts(session: Session, table: Table, where: str, wanted: int) -> tuple[Cut, ...]:
    """About `wanted` half-open ranges; one 'whole' where the key begins with something that has no such order."""
    if wanted < 2 or not table.key or table.kind != "table":
        return (Cut(),)
    key = table.column(table.key[0])
    native = split(key.base or key.native)
    if not _is_whole(native) and native.name not in _QUOTED:
        return (Cut(),)
    clause, name = f" WHERE {where}" if where else "", quoted(key.name)
    shown = _QUOTED.get(native.name, "{k}").format(k="MIN(k)")
    rows = session.ask(
        f"SELECT {shown} FROM (SELECT {name} AS k, NTILE({wanted}) OVER (ORDER BY {name}) AS g "
        f"FROM {qualified(table.name)}{clause}) AS q GROUP BY g ORDER BY g"
    )
    found = list(dict.fromkeys(_bound(row[0], native) for row in rows))[1:]  # in the server's order
    edges: list[Bound] = [None, *found, None]
    if len(edges) == 2:
        return (Cut(),)
    return tuple(Cut("range", key.name, low, high) for low, high in pairwise(edges))


def _is_whole(native: Native) -> bool:
    return native.name in _INTEGERS or (native.name in ("decimal", "numeric") and not native.argument(1, 0))


def _bound(value: object, native: Native) -> int | str:
    return int(str(value)) if _is_whole(native) else str(value)


def condition(cut: Cut) -> str:
    """A cut as SQL; '' for the whole table."""
    return "" if cut.kind == "whole" else range_condition(quoted(cut.column), cut, _spelt)


def _spelt(value: object) -> str:
    """A number above int's is a numeric where it stands: next to it a bigint is converted, and no index searched."""
    if isinstance(value, int) and not -_INT < value < _INT and -_BIGINT <= value < _BIGINT:
        return f"CAST({value} AS bigint)"
    return literal(value)
