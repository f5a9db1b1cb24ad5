"""Rows left behind while a table is gathered: a file beside the staged rows of their slice, until these land with them.

So they are kept once, by the transaction of their slice, as other rejected rows are; and what a run may reject counts
those that are not there yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from .engine import Receipt, Rejected

_TYPES: dict[str, pa.DataType] = {"slice": pa.int64(), "number": pa.int64(), "row": pa.binary()}
_SCHEMA = pa.schema({field.name: _TYPES.get(field.name, pa.string()) for field in fields(Rejected)})


@dataclass(frozen=True)
class Gathered:
    """Of a slice that is in its stage: how many rows of the source it was made of, and left behind."""

    hop: str
    slice: int
    read: int
    rejected: int


def write(path: Path, rows: Sequence[Rejected]) -> None:
    """Rejected rows as a file."""
    pq.write_table(pa.Table.from_pylist([asdict(one) for one in rows], schema=_SCHEMA), path)


def read(path: Path) -> list[Rejected]:
    """The rejected rows of a file."""
    return [Rejected(**row) for row in pq.read_table(path, schema=_SCHEMA).to_pylist()]


def together(receipts: Sequence[Receipt], gathered: Sequence[Gathered]) -> list[Gathered]:
    """Of each slice what is known by its receipt, by what has landed of it, or by its stage: none counts twice."""
    found: dict[tuple[str, int], Gathered] = {}
    for one in (*(Gathered(r.hop, r.slice, r.read, r.rejected) for r in receipts), *gathered):
        known = found.get((one.hop, one.slice))
        if known is None or known.rejected < one.rejected:
            found[one.hop, one.slice] = one
    return list(found.values())
