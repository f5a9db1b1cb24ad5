"""Transforms tried on rows of their source before anything is planned with them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace

import pyarrow as pa

from .empties import nulled
from .engine import Engine
from .flow import before_transforms
from .place import Address
from .plan import Cut, Hop, Slice
from .shaping import Step, chain, fields_of, proven, run_through, schema_of, transformed

ROWS = 1_000  # of each table
_BATCH_BYTES = 1 << 20


def first_rows(engine: Engine, address: Address, hop: Hop, rows: int) -> pa.Table:
    """The first rows of a hop as its transforms get them."""
    limited = replace(hop, limit=min(rows, hop.limit or rows), slices=(Slice(1, Cut()),), raw="")
    with closing(engine.open(address, [limited], "none", 1)) as source:
        batches = list(before_transforms(limited, limited.slices[0], source.readers()[0], _BATCH_BYTES))
    return pa.Table.from_batches(batches, schema_of(fields_of(hop.reading or hop.columns)))


def tried(engine: Engine, address: Address, hop: Hop) -> None:
    """Run a hop's transforms over a sample. RequestError for one that looks beyond its row, DataError for one that
    cannot take a value.
    """
    batches = first_rows(engine, address, hop, ROWS).combine_chunks().to_batches()
    if batches:
        proven(chain(hop.transforms, fields_of(hop.reading)), batches[0], str(hop.reads), hop.key)


def loadable(hop: Hop, rows: pa.Table) -> tuple[pa.Table, list[bool]]:
    """Rows as they would be loaded, and of each that goes in whether it comes out."""
    schema = pa.schema([(column.target, column.type.arrow) for column in hop.columns])
    batches = rows.combine_chunks().to_batches()
    if not hop.transforms or not batches:
        return pa.Table.from_batches(list(nulled(hop, iter(batches))), schema), [True] * rows.num_rows
    made = nulled(hop, transformed(hop, (batch for batch in batches)))
    kept = _kept(chain(hop.transforms, fields_of(hop.reading)), batches[0], hop)
    return pa.Table.from_batches(list(made), schema), kept


def _kept(steps: Sequence[Step], batch: pa.RecordBatch, hop: Hop) -> list[bool]:
    """Found by halving: of a part all rows come out, or none, or it is divided."""
    rows = run_through(steps, batch, str(hop.reads), hop.key).num_rows
    if rows in (0, batch.num_rows):
        return [bool(rows)] * batch.num_rows
    middle = batch.num_rows // 2
    return [*_kept(steps, batch.slice(0, middle), hop), *_kept(steps, batch.slice(middle), hop)]
