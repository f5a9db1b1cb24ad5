"""Rows that cannot come: at which stage, who hears of them, and how the others of their batch are found.

A reader that has `readable(hop, part, batch_bytes, unread)` gives the rows of a slice that can be read, at its instant,
and tells `unread` of each other one: alone in a batch of the hop's columns, each as the source shows it, in bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from typing import Any

import pyarrow as pa

from .canonical import Canon
from .errors import DataError
from .plan import Hop

READ, TRANSFORM, LOAD = "read", "transform", "load"  # stages of a row that is refused
Refuse = Callable[[str, pa.RecordBatch, DataError], None]  # hears of the stage, the row, and what is said against it
Unread = Callable[[pa.RecordBatch, DataError], None]


class ReaderFailed(Exception):
    """A slice failed since its reader did: what came of that in the target says less than the reader's own error."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


def sifted(
    batch: pa.RecordBatch, convert: Callable[[pa.RecordBatch], pa.RecordBatch], refuse: Unread
) -> Iterator[pa.RecordBatch]:  # fmt: skip
    """What is made of a batch, in parts where rows of it are refused by a DataError: these, found by halving, apart."""
    try:
        made = convert(batch)
    except DataError as error:
        if batch.num_rows == 1:
            refuse(batch, error)
            return
    else:
        yield made
        return
    middle = batch.num_rows // 2
    for rows in (range(middle), range(middle, batch.num_rows)):  # taken, for converters look at whole buffers
        yield from sifted(batch.take(pa.array(rows, pa.int64())), convert, refuse)


def sifted_beside(
    batch: pa.RecordBatch, convert: Callable[[pa.RecordBatch], pa.RecordBatch], unread: Unread
) -> Iterator[pa.RecordBatch]:  # fmt: skip
    """As `sifted`, where the second half of the columns are those of the first as their source shows them."""
    count = batch.num_columns // 2
    names = batch.schema.names[:count]

    def tell(row: pa.RecordBatch, error: DataError) -> None:
        unread(in_bytes(row.select(list(range(count, 2 * count))), names), error)

    yield from sifted(batch, lambda part: convert(part.select(list(range(count)))), tell)


def told_apart(
    hop: Hop, stage: str, row: pa.RecordBatch, add: Callable[[pa.RecordBatch, Sequence[Canon]], Any]
) -> str:  # fmt: skip
    """What tells a refused row from rows with other values; `add` makes the checksum of one that could be read."""
    if stage == READ:
        values = (values[0].as_py() for values in row.columns)
        return sha256(b"".join(b"-" if one is None else b"%d:%s" % (len(one), one) for one in values)).hexdigest()
    columns = hop.reading if stage == TRANSFORM else hop.columns
    return str(add(row, tuple(column.canon for column in columns)).text())


def in_bytes(row: pa.RecordBatch, names: list[str]) -> pa.RecordBatch:
    """A row as it is told of: each value as its text, or the bytes that it is."""
    return pa.RecordBatch.from_arrays([_bytes(values) for values in row.columns], names=names)


def _bytes(values: Any) -> Any:
    kind = values.type
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return values.cast(pa.binary())
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        try:
            values = values.cast(pa.string())
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):  # lists, and what has no name in the calendar
            values = pa.array([None if one is None else str(one) for one in values.to_pylist()], pa.string())
    return values.cast(pa.binary())  # a text may be no UTF-8
