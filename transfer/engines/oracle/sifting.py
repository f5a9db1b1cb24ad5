"""Rows at which the driver ends a query, told apart from the others by conditions, and printed by the server.

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
from .types import PRINTED

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


def printed(hop: Hop, conditions: Sequence[str]) -> Hop:
    """The hop with such columns as the server prints them, and behind all the place of the first that does not come."""
    which = " ".join(f"WHEN NOT {one} THEN {place}" for place, one in enumerate(conditions) if one)
    columns = [
        replace(column, project=_words(column), type=Type("text", length=80), declared="varchar2") if one else column
        for column, one in zip(hop.columns, conditions, strict=True)
    ]
    first = replace(hop.columns[0], target="which", project=f"CASE {which} END", type=Type("int64"), declared="number")
    return replace(hop, columns=(*columns, first))


def _words(column: ColumnPlan) -> str:
    """What is printed of a column that may not come."""
    return (PRINTED if pa.types.is_decimal(column.type.arrow) else _DAY).format(c=column.project)


def misfit(hop: Hop, column: ColumnPlan) -> DataError:
    """What is said against a row whose value of a column does not come."""
    return DataError(
        f"{hop.reads}.{column.source} is read as {column.type}, and holds what is none, or lies before the year 1.",
        table=str(hop.reads), column=column.source,
        remedy="Mend the value, or read a query that prints the column by TO_CHAR.",
    )  # fmt: skip
