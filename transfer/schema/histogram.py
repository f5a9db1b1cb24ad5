"""The least and the greatest value of a column among the rows that are to be moved."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ..errors import RequestError
from ..flow import flow
from ..plan import ColumnPlan, Cut, Hop, Slice
from ..types import Type
from .declared import Extremes
from .entry import Ends, Entry
from .partitioning import Bound

BATCH_BYTES = 4 << 20
_EPOCH = datetime(1970, 1, 1)


@dataclass(frozen=True)
class TableLook:
    """A table on its way into the plan, as a declaration may look at it."""

    entry: Entry
    ends: Ends

    def column(self, name: str) -> tuple[str, Type]:
        """By its name in the target or in the source, whatever the case of its letters."""
        for spelled in (str, str.lower):
            for known in ("target", "source"):
                found = [one for one in self.entry.columns if spelled(getattr(one, known)) == spelled(name)]
                if len(found) == 1:
                    return found[0].target, found[0].type
        raise RequestError(
            f"partition: {self.entry.table.name} has no column {name!r}.", table=str(self.entry.table.name),
            column=name, remedy=f"Columns there: {', '.join(one.target for one in self.entry.columns)}.",
        )  # fmt: skip

    def extremes(self, name: str) -> Extremes:
        """By one query where the source's SQL has the values as they are loaded, else of all rows in a stream.

        Of a table that several sources feed, the least and the greatest value of all.
        """
        fed = self.entry.fed
        if fed is None:
            return _extremes(self.entry, self.ends, name)
        if name not in fed.known:
            found = [one for entry, ends in fed.by if (one := _extremes(entry, ends, name))]
            lows, highs = (list[Any](ends) for ends in zip(*found, strict=True)) if found else ([], [])
            fed.known[name] = (min(lows), max(highs)) if found else None
        return fed.known[name]


def _extremes(entry: Entry, ends: Ends, name: str) -> Extremes:
    column = next(one for one in entry.columns if one.target == name)
    hop = _asking(entry, ends, column) if _answers(entry, ends, column) else None
    return _of_rows(hop or streaming(entry, (column,)), ends, column)


def _answers(entry: Entry, ends: Ends, column: ColumnPlan) -> bool:
    """Whether the source's own order of the values is theirs: not of texts that are moments by a rule of ours."""
    return entry.asked and not ends.source.loose and not column.zone and bool(ends.source_words.dialect)


def _asking(entry: Entry, ends: Ends, column: ColumnPlan) -> Hop:
    """Two rows under the column's own name, so that it is read as in the table. An index answers each."""
    quoted = ends.source.quote(column.source)
    where = f" WHERE {entry.choice.where}" if entry.choice.where else ""
    rows = f"FROM {ends.rows_of(entry.source)}{where}"
    query = " UNION ALL ".join(f"SELECT {word}({quoted}) AS {quoted} {rows}" for word in ("min", "max"))
    return replace(streaming(entry, (column,)), query=query, where="", transforms=(), reading=())


def streaming(entry: Entry, columns: tuple[ColumnPlan, ...]) -> Hop:
    """Some columns of the rows that are to be moved, as they will be loaded."""
    choice, name = entry.choice, f"bounds of {entry.source.name}"
    reading = entry.reshaped.reading if entry.reshaped else ()
    return Hop(
        name=name, reads=entry.source.name, writes=entry.table.name, into=entry.table.name, columns=columns,
        slices=(Slice(1, Cut()),), where=choice.where, query=choice.query, transforms=choice.transforms,
        reading=reading,
    )  # fmt: skip


def _of_rows(hop: Hop, ends: Ends, column: ColumnPlan) -> Extremes:
    if ends.source_address is None:
        return None
    low = high = None
    with closing(ends.source.open(ends.source_address, [hop], "none", 1)) as source:
        batches = flow(hop, hop.slices[0], source.readers()[0], BATCH_BYTES)
        for one in _ends(batches):
            low = one[0] if low is None else min(low, one[0])
            high = one[1] if high is None else max(high, one[1])
    return None if low is None else (_value(low, hop, column), _value(high, hop, column))


def _ends(batches: Iterator[pa.RecordBatch]) -> Iterator[tuple[Any, Any]]:
    for batch in batches:
        values = batch.column(0)
        if pa.types.is_temporal(values.type):  # Python has no nanoseconds, and no years beyond 9999
            values = values.view(pa.int32() if values.type.bit_width == 32 else pa.int64())
        found = pc.min_max(values)
        if found["min"].as_py() is not None:
            yield found["min"].as_py(), found["max"].as_py()


def _value(found: Any, hop: Hop, column: ColumnPlan) -> Bound:
    kind = column.type.kind
    try:
        if kind == "date":
            return _EPOCH.date() + timedelta(days=int(found))
        if kind in ("timestamp", "instant"):
            moment = _EPOCH + timedelta(microseconds=found if column.type.digits <= 6 else found // 1000)
            return moment.replace(tzinfo=UTC) if kind == "instant" else moment
    except OverflowError as error:
        raise RequestError(
            f"{hop.reads}.{column.source} holds a value outside of the years 1 to 9999.", table=str(hop.reads),
            column=column.source, remedy="Name the bounds yourself: bounds: [...].",
        ) from error  # fmt: skip
    return found if isinstance(found, int | Decimal) else None  # others have no steps
