"""The rows of a slice in a file: what is tried, or landed, several times is read from its source once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa


@dataclass
class Spool:
    """The rows of a slice as they would be loaded, in a file, and which of them are not."""

    path: Path
    bad: dict[int, set[int]] = field(default_factory=dict)
    count: int = 0

    @contextmanager
    def written(self) -> Iterator[Callable[[pa.RecordBatch], None]]:
        """Takes batches of one schema."""
        writer: Any = None

        def put(batch: pa.RecordBatch) -> None:
            nonlocal writer
            writer = writer or pa.ipc.new_file(str(self.path), batch.schema)
            writer.write_batch(batch)
            self.count += 1

        try:
            yield put
        finally:
            if writer:
                writer.close()

    def batch(self, number: int) -> pa.RecordBatch:
        with pa.OSFile(str(self.path), "rb") as file:
            return pa.ipc.open_file(file).get_batch(number)

    def good(self) -> Iterator[pa.RecordBatch]:
        """What is left, batch by batch."""
        for number in range(self.count):
            yield self.left(number)

    def left(self, number: int) -> pa.RecordBatch:
        bad, batch = self.bad.get(number), self.batch(number)
        return batch.take(pa.array([n for n in range(batch.num_rows) if n not in bad], pa.int64())) if bad else batch

    def refuse(self, number: int, row: int) -> pa.RecordBatch:
        """Take out what is row `row` of the batch as it was written; that row."""
        self.bad.setdefault(number, set()).add(row)
        return self.batch(number).slice(row, 1)

    def place(self, row: int) -> tuple[int, int]:
        """Where the row with this number of those left lies: its batch, and its row as it was written."""
        for number in range(self.count):
            bad = self.bad.get(number, set())
            kept = [n for n in range(self.batch(number).num_rows) if n not in bad]
            if row < len(kept):
                return number, kept[row]
            row -= len(kept)
        raise IndexError(row)

    @property
    def refused(self) -> int:
        """How many rows are taken out."""
        return sum(len(rows) for rows in self.bad.values())

    def rows(self, first: int, count: int) -> Iterator[pa.RecordBatch]:
        """So many rows of those left, from the one with this number on; fewer at the end."""
        for number in range(self.count):
            if count <= 0:
                return
            batch = self.left(number)
            part = batch.slice(first, count) if first < batch.num_rows else None
            first = max(0, first - batch.num_rows)
            if part is not None and part.num_rows:
                count -= part.num_rows
                yield part
