"""Parquet files, by pyarrow."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ...errors import EngineError
from ..alphabet import as_declared, word_of
from ..exact import Field
from .format import Format, Piece, check_names, within

# A row group is held twice while it is written, as Arrow and encoded; 16 MB of lineitem are 120,000 rows.
_GROUP_BYTES = 16 << 20
_GROUP_ROWS = 1 << 20
COMPRESSIONS = ("zstd", "snappy", "gzip", "lz4", "brotli", "none")
_BUFFER = 1 << 20  # without a buffer a reader takes a whole column chunk of a row group at once


def _open(path: Path) -> pq.ParquetFile:
    return pq.ParquetFile(path, pre_buffer=False, buffer_size=_BUFFER)


def _fields(path: Path) -> list[Field]:
    with _open(path) as file:
        schema = file.schema_arrow
    check_names(path, schema.names)
    return [as_declared(field) for field in schema]


def _verified(path: Path, schema: pa.Schema) -> int:
    """The rows of a file that another engine wrote for the schema."""
    try:
        found = pa.schema(_fields(path))
        rows = _rows(path)
    except (pa.ArrowException, OSError) as error:
        raise EngineError(f"{path} was not written to its end: {error}") from error
    if not found.equals(schema, check_metadata=True):
        raise EngineError(f"{path} was written with the columns {_shown(found)} where {_shown(schema)} were planned.")
    return rows


def _shown(schema: pa.Schema) -> str:
    return ", ".join(f"{field.name} {word_of(field)}{'' if field.nullable else ' not null'}" for field in schema)


def _borders(path: Path) -> list[int]:
    metadata = pq.read_metadata(path)
    groups = (metadata.row_group(place).num_rows for place in range(metadata.num_row_groups))
    return [0, *accumulate(groups)]


def _rows(path: Path) -> int:
    return int(pq.read_metadata(path).num_rows)


def _batches(path: Path, piece: Piece, batch_bytes: int) -> Iterator[pa.RecordBatch]:
    with _open(path) as file:
        borders = [0]
        size = 0
        for place in range(file.metadata.num_row_groups):
            group = file.metadata.row_group(place)
            borders.append(borders[-1] + group.num_rows)
            size += group.total_byte_size
        high = borders[-1] if piece.high is None else min(piece.high, borders[-1])
        if high <= piece.low:
            return
        # The groups that the rows lie in.
        first, last = bisect_right(borders, piece.low) - 1, bisect_left(borders, high)
        rows = max(1, min(1 << 17, batch_bytes * borders[-1] // max(size, 1)))
        found = file.iter_batches(
            rows, row_groups=list(range(first, last)), columns=list(piece.columns), use_threads=False
        )
        yield from within(found, piece.low - borders[first], high - borders[first])


class GroupWriter:
    """Collects batches to row groups of a bounded size."""

    def __init__(
        self, path: Path, schema: pa.Schema, *, compression: Any = "zstd", row_group_rows: int = _GROUP_ROWS
    ) -> None:
        self._schema, self._most = schema, row_group_rows
        # 2 M rows of lineitem: 1.0 s of CPU and 48 MB; with snappy 0.8 s and 64 MB. A dictionary given up
        # earlier and decimals as integers took 15 % off both.
        self._file = pq.ParquetWriter(
            path, schema, compression=compression,
            compression_level=1 if compression == "zstd" else None, dictionary_pagesize_limit=1 << 17,
            store_decimal_as_integer=True,
        )  # fmt: skip
        self._held: list[pa.RecordBatch] = []
        self._bytes = self._rows = 0

    def write(self, batch: pa.RecordBatch) -> None:
        self._held.append(batch)
        self._bytes += batch.nbytes
        self._rows += batch.num_rows
        if self._bytes >= _GROUP_BYTES or self._rows >= self._most:
            self.flush()

    def flush(self) -> None:
        """End the row group."""
        if self._held:
            self._file.write_table(pa.Table.from_batches(self._held, self._schema), row_group_size=self._most)
        self._held = []
        self._bytes = self._rows = 0

    def close(self) -> None:
        try:
            self.flush()
        finally:
            self._file.close()


FORMAT = Format((".parquet", ".pq"), _fields, _borders, _rows, _batches, GroupWriter, verified=_verified)
