"""Rows that SQLite holds and that cannot be read as planned: conditions by which they are told apart from the others.

ADBC ends a query at the first value of another storage class than its column's, and so does a guard in a projection
(types.py). What a value is read as is therefore asked beforehand, in a condition: a guard that would end the query
there gives a value of a class that the column never has.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from ...errors import DataError
from ...plan import ColumnPlan, Hop
from ...schema.sql import double_quoted
from .types import STOP

# Classes of what is read for a storage class, and what stands there for a value at which a guard stops.
_TAKEN = {"int64": ("'integer'", "x''"), "float64": ("'integer', 'real'", "x''"),
          "text": ("'text', 'integer', 'real'", "x''"), "binary": ("'blob'", "0")}  # fmt: skip
_SHOWN = "CASE typeof({c}) WHEN 'real' THEN printf('%!.17g', {c}) ELSE CAST({c} AS TEXT) END"


def comes(column: ColumnPlan, kind: str) -> str:
    """The condition that a column's value comes in its storage class; never NULL. '' where each one does.

    An unguarded text takes whatever the driver prints, and is parsed behind it.
    """
    project = column.project
    if kind == "binary" and column.type.kind != "binary":  # a text whose bytes are looked at: what they are made of
        kind, project = "text", project.removeprefix("CAST(").removesuffix(" AS BLOB)")
    if kind == "text" and STOP not in project:
        return ""
    taken, instead = _TAKEN[kind]
    return f"typeof({project.replace(STOP, instead)}) IN ('null', {taken})"


def as_text(columns: Sequence[ColumnPlan], conditions: Sequence[str]) -> str:
    """What of a row is told: each column as text, and the place of the first whose value does not come."""
    shown = [_SHOWN.format(c=double_quoted(column.source)) for column in columns]
    which = [f"WHEN NOT {condition} THEN {place}" for place, condition in enumerate(conditions) if condition]
    classes = [f"WHEN {place} THEN typeof({double_quoted(one.source)})" for place, one in enumerate(columns)]
    first = f"CASE {' '.join(which)} END"
    return f"{', '.join(shown)}, {first}, CASE {first} {' '.join(classes)} END"


def told(batches: Iterator[pa.RecordBatch], hop: Hop) -> Iterator[tuple[pa.RecordBatch, DataError]]:
    """Rows as `as_text` gives them, each alone, and what is said against it."""
    names = [column.target for column in hop.columns]
    for batch in batches:
        *values, places, classes = batch.columns
        plain = pa.RecordBatch.from_arrays([_plain(one) for one in values], names=names)
        for row in range(batch.num_rows):
            column = hop.columns[int(places[row].as_py())]
            yield plain.slice(row, 1), _misfit(hop, column, classes[row].as_py())


def _plain(values: Any) -> Any:
    return values.cast(pa.binary())  # a text may be no UTF-8


def _misfit(hop: Hop, column: ColumnPlan, kept: str) -> DataError:
    return DataError(
        f"{hop.reads}.{column.source} is read as {column.type}, and holds {kept} that is none.",
        table=str(hop.reads), column=column.source,
        remedy=f"Mend the value, or give the column another type: types: {{{column.source}: text}}.",
    )  # fmt: skip
