"""Refusals: which row it was that did not fit, so that a message can name its key and its value.

The slice is read again at the same instant, and its batches are tried in transactions that are rolled
back, of the failing one as much as is taken. No savepoints: ADBC refuses them after an error, DuckDB has none.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, time, timedelta
from decimal import Decimal

import pyarrow as pa

from .commit import tried
from .engine import Engine, Loader, Reader
from .engines import refused
from .errors import DataError, EngineError, RopewayError
from .flow import flow
from .plan import Hop, Slice

_SHOWN = 60  # characters of a value
_COLUMNS = 8  # of a row whose offending column the server did not name


@contextmanager
def worded(then: str) -> Iterator[None]:
    """Make an EngineError, which says what `then` can be done, of what a driver raises by itself."""
    try:
        yield
    except RopewayError:
        raise
    except Exception as error:
        if not refused(error):
            raise
        raise EngineError(f"A server was lost, or refuses: {str(error).strip()}", remedy=then) from error


@dataclass(frozen=True)
class Offender:
    """A refused row: its key in words ('' if it has none), and its value or beginning."""

    key: str
    value: str


def explained(
    error: Exception, engine: Engine, run: str, hop: Hop, part: Slice, reader: Reader, loader: Loader, batch_bytes: int
) -> RopewayError:
    """What a failed slice tells its user: where, why, which row, and how to go on or back."""
    if isinstance(error, RopewayError) and not isinstance(error, DataError):
        return error
    text = error.message if isinstance(error, RopewayError) else str(error).strip()
    remedy = error.remedy if isinstance(error, RopewayError) else ""
    column = error.column if isinstance(error, RopewayError) else ""
    where = f"{hop.reads} to {hop.writes}, slice {part.number} ({part.cut})"
    then = (
        f"The slice is rolled back, slices with receipts stay: go on with --resume, or undo with 'ropeway clean {run}'."
    )
    if not isinstance(error, DataError) and engine.classify(error) != "data":
        return EngineError(f"{where}: {text}", table=str(hop.writes), remedy=then)
    key = error.key if isinstance(error, DataError) else ""
    row = None if key else _row(hop, part, reader, loader, batch_bytes, column)
    if row and row.value:
        text += f" ({row.value})"
    return DataError(
        f"{where}: {text}", table=str(hop.reads), column=column, key=row.key if row else key,
        remedy="\n".join(filter(None, (remedy, then))),
    )  # fmt: skip


def _row(hop: Hop, part: Slice, reader: Reader, loader: Loader, batch_bytes: int, column: str) -> Offender | None:
    try:
        return None if hop.raw else locate(hop, part, reader, loader, batch_bytes, column)
    except Exception:  # noqa: BLE001 - the row cannot even be read; the first error says so already
        return None


def locate(hop: Hop, part: Slice, reader: Reader, loader: Loader, batch_bytes: int, column: str) -> Offender | None:
    """The first row of a slice that the target refuses; None where two batches clash, which are tried apart."""
    batches = flow(hop, part, reader, batch_bytes)
    try:
        for batch in batches:
            if not _taken(hop, part, batch, loader):
                return _described(hop, _narrowed(hop, part, batch, loader), column)
    finally:
        close = getattr(batches, "close", None)
        if close:
            close()
    return None


def _taken(hop: Hop, part: Slice, batch: pa.RecordBatch, loader: Loader) -> bool:
    """Whether the target takes these rows; either way it keeps none."""
    try:
        tried(loader, hop, part, [batch])
    except Exception:  # noqa: BLE001 - any refusal is one
        return False
    return True


def _narrowed(hop: Hop, part: Slice, batch: pa.RecordBatch, loader: Loader) -> pa.RecordBatch:
    """The first row that is refused behind those before it: by itself, or since it clashes with one of them."""
    taken, refused = 0, batch.num_rows  # rows from the beginning that are, and that are not
    while refused - taken > 1:
        middle = (taken + refused) // 2
        if _taken(hop, part, batch.slice(0, middle), loader):
            taken = middle
        else:
            refused = middle
    return batch.slice(taken, 1)


def _described(hop: Hop, row: pa.RecordBatch, column: str) -> Offender:
    values = row.to_pylist()[0]
    key = ", ".join(f"{name}={values[name]}" for name in hop.key if name in values)
    if column in values:
        return Offender(key, f"the value is {shown(values[column])}")
    first = list(values.items())[:_COLUMNS]
    return Offender(key, "the row is " + ", ".join(f"{name}={shown(value)}" for name, value in first))


def shown(value: object) -> str:
    """A value for a message: its kind and its beginning."""
    text = str(value) if isinstance(value, date | time | timedelta | Decimal) else repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}... ({len(text)} characters)"
