"""Arrow's own file format (Feather version 2): record batches as they lie in memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path

import pyarrow as pa

from ..exact import Field
from .format import Format, Piece, check_names, within


@contextmanager
def _opened(path: Path) -> Iterator[pa.RecordBatchFileReader]:
    # Mapped: a batch in the file may be larger than the memory that we may use.
    with pa.memory_map(str(path)) as mapped, pa.ipc.open_file(mapped) as file:
        yield file


def _fields(path: Path) -> list[Field]:
    with _opened(path) as file:
        check_names(path, file.schema.names)
        return list(file.schema)


def _borders(path: Path) -> list[int]:
    with _opened(path) as file:
        sizes = [file.get_batch(place).num_rows for place in range(file.num_record_batches)]
    return [0, *accumulate(sizes)]


def _rows(path: Path) -> int:
    return _borders(path)[-1]


def _batches(path: Path, piece: Piece, batch_bytes: int) -> Iterator[pa.RecordBatch]:
    with _opened(path) as file:
        stored = (file.get_batch(place).select(list(piece.columns)) for place in range(file.num_record_batches))
        for batch in within(stored, piece.low, piece.high):
            rows = max(1, batch_bytes * batch.num_rows // max(batch.nbytes, 1))
            for start in range(0, batch.num_rows, rows):
                yield batch.slice(start, rows)


class _Writer:
    """A file of batches as they come."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._file = pa.ipc.new_file(str(path), schema)

    def write(self, batch: pa.RecordBatch) -> None:
        self._file.write_batch(batch)

    def close(self) -> None:
        self._file.close()


FORMAT = Format((".arrow", ".feather"), _fields, _borders, _rows, _batches, _Writer)
