"""Values at which the driver ends a query, told apart from the others by conditions, and printed by the server.

It makes a Python date of each date, which begins with the year 1, and refuses a number with more digits than it is
asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa

from ...errors import DataError
from ...plan import ColumnPlan, Hop
from ...types import Type
from ...unfit import in_bytes
from .types import PRINTED

WHICH = "which of them"
_DAY = "TO_CHAR({c}, 'SYYYY-MM-DD HH24:MI:SS')"


def comes(column: ColumnPlan, arrow: pa.DataType) -> str:
    """The condition that the driver can give a column as `arrow`; never NULL. '' where it can in any case."""
    wanted: Any = column.type.arrow
    value = column.project
    if pa.types.is_decimal(arrow) and pa.types.is_decimal(wanted):
        whole = wanted.precision - wanted.scale
        return f"({value} IS NULL OR (ABS({value}) < 1E{whole} AND {value} = ROUND({value}, {wanted.scale})))"
    if pa.types.is_timestamp(arrow) and pa.types.is_timestamp(wanted):
        return f"({value} IS NULL OR {value} >= DATE '0001-01-01')"
    return ""


def guarded(hop: Hop, conditions: Sequence[str]) -> Hop:
    """The hop as one statement reads all its rows, for two might be of two moments: values that do not come as NULL,
    behind all each such column as the server prints it, and the place of the first that does not come.
    """
    columns, words = list(hop.columns), []
    for place, one in enumerate(conditions):
        if one:
            column = hop.columns[place]
            columns[place] = replace(column, project=f"CASE WHEN {one} THEN {column.project} END")
            words.append(_text(column, place))
    which = " ".join(f"WHEN NOT {one} THEN {place}" for place, one in enumerate(conditions) if one)
    first = replace(hop.columns[0], target=WHICH, project=f"CASE {which} END", type=Type("int64"), declared="number")
    return replace(hop, columns=(*columns, *words, first))


def _text(column: ColumnPlan, place: int) -> ColumnPlan:
    """A column that may not come, as it is printed."""
    printed = (PRINTED if pa.types.is_decimal(column.type.arrow) else _DAY).format(c=column.project)
    return replace(column, target=f"text {place}", project=printed, type=Type("text", length=80), declared="varchar2")


def shown(row: pa.RecordBatch, hop: Hop) -> pa.RecordBatch:
    """A row of `guarded`, each column as text."""
    names = [column.target for column in hop.columns]
    there = set(row.schema.names)
    values = [row.column(f"text {place}" if f"text {place}" in there else name) for place, name in enumerate(names)]
    return in_bytes(pa.RecordBatch.from_arrays(values, names=names), names)


def misfit(hop: Hop, column: ColumnPlan) -> DataError:
    """What is said against a row whose value of a column does not come."""
    return DataError(
        f"{hop.reads}.{column.source} is read as {column.type}, and holds what is none, or lies before the year 1.",
        table=str(hop.reads), column=column.source,
        remedy="Mend the value, or read a query that prints the column by TO_CHAR.",
    )  # fmt: skip
