"""Rows into the partitions that they are for, where they come in order: each by a COPY of its own.

Through the whole table PostgreSQL 18 takes 0.2 to 0.5 us a row more, to find its partition and to put it aside until
others of it come; but a COPY costs 1.4 ms before its rows cost what they cost later. So rows at random go through the
whole: to sort them here, holding 16 to 100 MB, took the server 0.1 s less of 0.9 for 800,000 rows, and the client 0.1 s
more; and a source that reads by an index from partition to partition loses more by that than is gained here
(benchmarks/partitions.py --cut). The server checks that rows are the partition's, so a row that came to the wrong one
is an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from itertools import pairwise
from typing import Any

import numpy as np
import psycopg
import pyarrow as pa

from ...schema.leaves import WHOLE, Leaves, Numbers, homes
from .copy import Poured, Shape, pouring
from .encode import stream

_EARNED = 4_000  # rows by which a further COPY pays
_SAVED = 10 * _EARNED
_MIXED = 4  # batches at random, one behind the other, after which no more are looked at


def load(
    connection: psycopg.Connection[Any], table: str, names: Sequence[str], leaves: Leaves, shape: Shape,
    batches: Iterable[pa.RecordBatch],
) -> int:  # fmt: skip
    """Load batches into the partitions, whose quoted `names` stand in the order of leaves.tables; the rows stored.

    What would need too many COPYs goes through the quoted `table`.
    """
    with ExitStack() as stack:
        into = _Into(stack, connection, {WHOLE: table, **dict(enumerate(names))}, shape)
        mixed = 0
        for batch in batches:
            if mixed == _MIXED:
                into.write(WHOLE, batch)
            elif batch.num_rows:
                mixed = 0 if into.divide(batch, homes(leaves, batch)) else mixed + 1
        into.shut()
        return into.stored


class _Into:
    """The one COPY that is open, into a partition or into the whole."""

    def __init__(
        self, stack: ExitStack, connection: psycopg.Connection[Any], tables: dict[int, str], shape: Shape
    ) -> None:
        self._stack, self._connection, self._tables, self._shape = stack, connection, tables, shape
        self._open: tuple[int, ExitStack, Poured] | None = None
        self._credit = _EARNED
        self.stored = 0

    def divide(self, batch: pa.RecordBatch, found: Numbers) -> bool:
        """Load a batch whose rows are for these; False where it went through the whole."""
        self._credit = min(self._credit + batch.num_rows, _SAVED)
        edges = [0, *(np.flatnonzero(np.diff(found)) + 1).tolist(), len(found)]
        here = self._open is not None and self._open[0] == found[0]
        direct = (len(edges) - 1 - here) * _EARNED <= self._credit
        if not direct:
            self.write(WHOLE, batch)
        else:
            for first, end in pairwise(edges):
                self.write(int(found[first]), batch.slice(first, end - first))
        return direct

    def write(self, home: int, batch: pa.RecordBatch) -> None:
        """Load a batch into one table; a COPY into another one ends."""
        if self._open is None or self._open[0] != home:
            self.shut()
            own = self._stack.enter_context(ExitStack())
            self._open = home, own, own.enter_context(pouring(self._connection, self._tables[home], self._shape))
            self._credit -= _EARNED
        if batch.num_rows:
            self._open[2].write(stream(self._shape.rows(batch)), batch.num_rows)

    def shut(self) -> None:
        """End the COPY that is open."""
        if self._open:
            _, own, poured = self._open
            self._open = None
            own.close()
            self.stored += poured.rows
