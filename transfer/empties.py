"""Texts and binaries of no length, on their way to a place where they are NULL.

Planning counts them by the source's own SQL. The policy empty_string then decides: the plan stops, naming table, column
and count, or they become NULL on their way, which the plan calls lossy and the report leaves out of its claim. Those
that turn up later stop the run, as the loader refuses them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute

from .errors import RequestError
from .plan import ColumnPlan, Finding, Hop
from .policies import KEEP, idle, refused, unlooked
from .schema.entry import Ends, Entry
from .types import Fidelity

_compute: Any = pyarrow.compute  # pyarrow-stubs know no function of arrays and plain values together
POLICY = "empty_string"
_WHY = "policy empty_string: '' becomes NULL"


def settled(ends: Ends, entry: Entry, choice: str, *, readable: bool) -> Entry:
    """The entry with what becomes of its empty values. RequestError where there are some and the choice is to stop."""
    asked = [column for column in entry.columns if choice != KEEP and _may_be_empty(column)]
    if not asked or (choice == "stop" and (not entry.asked or not readable)):
        return entry
    if idle(entry.source, choice):
        columns = [entry.source.column(column.source) for column in asked]
        return replace(entry, findings=(*entry.findings, *unlooked(entry.source, columns, POLICY)))
    counted = _counted(ends, entry, asked) if readable else {}
    if choice == "stop":
        for name, count in counted.items():
            if count:
                raise refused(entry.source, entry.source.column(name), POLICY, count)
        return entry
    for column in asked:
        found = counted.get(column.source)  # None: nobody can count them before they are read
        if found or (found is None and (column.nullable or not entry.asked)):
            entry = _nulled(ends, entry, column, found or 0)
    return entry


def _may_be_empty(column: ColumnPlan) -> bool:
    """A padded text of blanks only is none: it equals the text of one blank."""
    return column.type.kind == "binary" or (column.type.kind == "text" and not column.type.padded)


def _counted(ends: Ends, entry: Entry, asked: list[ColumnPlan]) -> dict[str, int]:
    """How many a column holds, in one query; without those of which the source cannot tell a length."""
    if not entry.asked:
        return {}
    sizes = {column.source: ends.source.size(entry.source.column(column.source)) for column in asked}
    sizes = {name: size for name, size in sizes.items() if size}
    if not sizes:
        return {}
    sums = ", ".join(f"sum(CASE WHEN {size} = 0 THEN 1 ELSE 0 END)" for size in sizes.values())
    where = f" WHERE {entry.choice.where}" if entry.choice.where else ""
    (row,) = ends.source_session.ask(f"SELECT {sums} FROM {ends.rows_of(entry.source)}{where}")
    return {name: int(str(value or 0)) for name, value in zip(sizes, row, strict=True)}


def _nulled(ends: Ends, entry: Entry, column: ColumnPlan, count: int) -> Entry:
    if column.source in entry.source.key:
        raise RequestError(
            f"{entry.source.name}.{column.source} is in the primary key, which takes no NULL, and holds empty texts.",
            table=str(entry.source.name), column=column.source,
            remedy=f"In {ends.target.name} they are NULL: change them, or leave those rows out by a where condition.",
        )  # fmt: skip
    said = f"{count:,} empty values become NULL" if count else "empty values become NULL, if there are any"
    if not column.nullable:
        said += ", so it is not NOT NULL there"
    made = replace(
        column, nulled=True, nullable=True, fidelity=Fidelity.LOSSY, why="; ".join(filter(None, (column.why, _WHY)))
    )
    finding = Finding("warning", f"{entry.source.name}.{column.source}", said, "empty-is-null")
    columns = tuple(made if one.source == column.source else one for one in entry.columns)
    shaped = tuple(replace(one, nullable=True) if one.name == column.target else one for one in entry.table.columns)
    table = replace(entry.table, columns=shaped)
    return replace(entry, columns=columns, table=table, findings=(*entry.findings, finding))


def nulled(hop: Hop, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The batches with NULL in the place of empty values, in the columns that are planned so."""
    places = [place for place, column in enumerate(hop.columns) if column.nulled]
    for batch in batches:
        made = batch.columns
        for place in places:
            values: Any = made[place]
            empty: Any = _compute.equal(_compute.binary_length(values), 0)
            if _compute.any(empty).as_py():
                made[place] = _compute.if_else(empty, pa.scalar(None, values.type), values)
        yield pa.RecordBatch.from_arrays(made, schema=batch.schema)
