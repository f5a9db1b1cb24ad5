"""The checksum of a set of rows, computed in the client on Arrow.

Each row becomes its canonical text (docs/checksum.md; the alphabet of forms is in
transfer/canonical.py), each text its SHA-256, and the first two 64-bit words of that are summed
modulo 2^64. Engines do the same in SQL; where the two disagree, a value changed.

A row of TPC-H lineitem (16 columns, 150 octets of text) costs 0.8 us of CPU, of which SHA-256 0.26.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, cast

import numpy as np
import polars as pl
import polars_hash as plh
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray

from ..transfer.canonical import Canon
from .longtext import LONG, long_digest
from .rowtext import row_texts

WORD = 1 << 64
_CHUNK_ROWS = 65_536  # 32,768 cost 15 % more (calls, tables of texts), 131,072 twice the memory
_CHUNK_BYTES = 1 << 25
_WORD_ROWS = 2048  # keeps numpy's intermediate arrays below malloc's threshold for mapping pages
_compute: Any = pyarrow.compute  # pyarrow-stubs 20 know no function of arrays of any type
_OLDEST = pl.CompatLevel.oldest()  # texts leave Polars as one buffer, not as views


@dataclass(frozen=True)
class Sum:
    """How many rows, and the sums of the high and the low words of their SHA-256, modulo 2^64."""

    count: int
    high: int
    low: int

    def __add__(self, other: Sum) -> Sum:
        return _reduced(self.count + other.count, self.high + other.high, self.low + other.low)

    def __sub__(self, other: Sum) -> Sum:
        """What is left of these rows without those of `other`."""
        return _reduced(self.count - other.count, self.high - other.high, self.low - other.low)

    def text(self) -> str:
        """The rows, a colon, and 32 hex digits; `parse` reads it back."""
        return f"{self.count}:{self.high:016x}{self.low:016x}"

    @staticmethod
    def parse(text: str) -> Sum:
        """The sum that printed itself as `text`; ValueError for anything else."""
        count, words = text.split(":")
        if len(words) != 32:
            raise ValueError(f"{text!r} is not the text of a checksum")
        return Sum(int(count), int(words[:16], 16), int(words[16:], 16))

    @staticmethod
    def zero() -> Sum:
        """The sum of no rows."""
        return Sum(0, 0, 0)


def _reduced(count: int, high: int, low: int) -> Sum:
    return Sum(count, high % WORD, low % WORD)


def of_batch(batch: pa.RecordBatch, canons: Sequence[Canon]) -> Sum:
    """The sum of a batch's rows, `canons` giving the form of each column in order.

    Raises RequestError for a column whose Arrow type has no such form. Holds the texts of at most
    65,536 rows or about 32 MB of values at a time. Safe to call from several threads.
    """
    if len(canons) != batch.num_columns:
        raise ValueError(f"{batch.num_columns} columns, but {len(canons)} canonical forms")
    return sum((_of_hexed(hexed) for hexed in _hexed(batch, canons)), Sum.zero())


def of_parts(batch: pa.RecordBatch, canons: Sequence[Canon], homes: NDArray[np.int32]) -> dict[int, Sum]:
    """The sums of the rows with each of these numbers."""
    if not len(homes) or (homes == homes[0]).all():
        return {int(homes[0]): of_batch(batch, canons)} if len(homes) else {}
    order = np.argsort(homes, kind="stable")
    found = homes[order]
    words = [one.to_numpy()[order] for one in row_words(digests(batch, canons))]
    edges = [0, *(np.flatnonzero(np.diff(found)) + 1).tolist(), len(found)]
    return {
        int(found[first]): Sum(end - first, *(int(one[first:end].sum(dtype=np.uint64)) for one in words))
        for first, end in pairwise(edges)
    }


def digests(batch: pa.RecordBatch, canons: Sequence[Canon], salt: str = "") -> pl.Series:
    """The SHA-256 of each row as hexadecimal digits; texts are held as by `of_batch`."""
    return pl.concat([pl.Series(dtype=pl.String), *_hexed(batch, canons, salt)])


def row_words(hexed: pl.Series) -> tuple[pl.Series, pl.Series]:
    """The high and the low word of each digest."""
    high, low = (hexed.str.slice(start, 16).str.to_integer(base=16, dtype=pl.UInt64) for start in (0, 16))
    return high, low


def _hexed(batch: pa.RecordBatch, canons: Sequence[Canon], salt: str = "") -> Iterator[pl.Series]:
    """The digests of the rows, some at a time; of rows with long values one by one, without their texts."""
    for part in _chunks(batch):
        if part.num_rows == 1 and part.nbytes > LONG:
            yield pl.Series([long_digest(part, canons, salt)])
            continue
        rows = row_texts(part, canons)
        texts = pl.DataFrame({"row": f"{salt}|" + rows if salt else rows})
        hexed = texts.select(plh.col("row").chash.sha2_256()).to_series()
        if hexed.null_count():
            raise AssertionError("a row has no canonical text")  # never skip a row
        yield hexed


def _chunks(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Parts whose texts can be held; a row with long values is one of its own."""
    start = 0
    for row in _long_rows(batch) if batch.nbytes > _CHUNK_BYTES else ():
        yield from _even(batch.slice(start, row - start))
        yield batch.slice(row, 1)
        start = row + 1
    yield from _even(batch.slice(start))


def _even(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    width = batch.nbytes // max(batch.num_rows, 1) + 1
    rows = max(1, min(_CHUNK_ROWS, _CHUNK_BYTES // width))
    for start in range(0, batch.num_rows, rows):
        yield batch.slice(start, rows)


def _long_rows(batch: pa.RecordBatch) -> Sequence[int]:
    sizes = np.zeros(batch.num_rows, np.int64)
    for values in batch.columns:
        if pa.types.is_string(values.type) or pa.types.is_binary(values.type):
            sizes += _compute.binary_length(values).fill_null(0).to_numpy()
    found: list[int] = np.flatnonzero(sizes > LONG).tolist()
    return found


def _of_hexed(hexed: pl.Series) -> Sum:
    digits = hexed.to_arrow(compat_level=_OLDEST)
    total = Sum(len(hexed), 0, 0)
    for start in range(0, len(hexed), _WORD_ROWS):
        total += Sum(0, *_words(digits.slice(start, _WORD_ROWS)))
    return total


def _words(hexed: pa.Array[Any]) -> tuple[int, int]:
    """The sums of the first and of the second 16 of each text's 64 hex digits, as numbers."""
    rows, buffers = len(hexed), cast("list[Any]", hexed.buffers())
    digits = np.frombuffer(buffers[2], np.uint64, 8 * rows, 64 * hexed.offset).reshape(rows, 8)[:, :4]
    # Eight digits a word, the first one lowest: to nibbles, then in pairs to 8, 16 and 32 bits.
    nibbles = (digits & 0x0F0F0F0F0F0F0F0F) + 9 * ((digits >> 6) & 0x0101010101010101)
    octets = ((nibbles & 0x00FF00FF00FF00FF) << 4) | ((nibbles >> 8) & 0x00FF00FF00FF00FF)
    halves = ((octets & 0x0000FFFF0000FFFF) << 8) | ((octets >> 16) & 0x0000FFFF0000FFFF)
    quarters = ((halves & 0x00000000FFFFFFFF) << 16) | (halves >> 32)
    a, b, c, d = (int(total) for total in quarters.sum(axis=0, dtype=np.uint64))
    return ((a << 32) + b) % WORD, ((c << 32) + d) % WORD
