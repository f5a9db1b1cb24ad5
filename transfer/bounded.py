"""Values that memory does not let pass: named before they are copied once more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pyarrow as pa
import pyarrow.compute

from .errors import RequestError
from .job import room_for
from .plan import Hop

_pc: Any = pyarrow.compute  # pyarrow-stubs know no function of arrays and plain values together


def within(hop: Hop, batches: Iterator[pa.RecordBatch], most: int) -> Iterator[pa.RecordBatch]:
    """The batches; RequestError for a value of more bytes, which would be held several times over."""
    with closing(batches):  # type: ignore[type-var]  # readers give generators
        for batch in batches:
            named = zip(batch.schema.names, batch.columns, strict=True)
            for name, values in named if batch.nbytes > most else ():
                if values.nbytes > most and (size := _longest(values)) > most:
                    raise RequestError(
                        f"{hop.reads}.{name} holds a value of {size / 1e6:,.0f} MB, and memory is bounded: at most "
                        f"{most / 1e6:,.0f} MB can pass.",
                        table=str(hop.reads), column=name,
                        remedy=f"Go on with --resume and --max-memory {room_for(size) >> 20}MB, or leave the row out "
                        "by where.",
                    )  # fmt: skip
            yield batch


def _longest(values: Any) -> int:
    """Bytes of the longest text or run of bytes; 0 of other kinds, whose values are all short."""
    sized = pa.types.is_binary(values.type) or pa.types.is_string(values.type)
    sized = sized or pa.types.is_large_binary(values.type) or pa.types.is_large_string(values.type)
    return (_pc.max(_pc.binary_length(values)).as_py() or 0) if sized else 0
