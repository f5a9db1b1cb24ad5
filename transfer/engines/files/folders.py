"""A slice as several files, each in the folder of a partition: aside as others are, and named by one receipt."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa

from ...engine import Claim
from ...errors import DataError
from ...plan import Hop
from ...schema.leaves import WHOLE, Leaves, Level, Numbers, homes
from ...schema.storing import options_of
from .durable import sync
from .ledger import FileLedger, Landed, aside_of
from .parquetfile import GroupWriter

HELD = 32 << 20  # bytes of rows that wait until a row group is worth it
_OPEN = 64  # files at a time; each has a compressor


class Folders:
    """The files of one slice. What is written is in `ledger.landed`, so that a roll-back finds it."""

    def __init__(
        self, root: Path, hop: Hop, leaves: Leaves, claim: Claim, ledger: FileLedger, schema: pa.Schema
    ) -> None:
        self._root, self._hop, self._leaves, self._claim = root, hop, leaves, claim
        self._ledger, self._schema = ledger, schema
        owners = {name.table.rpartition("/")[0] for name in leaves.tables}
        self._divided = {number for number, name in enumerate(leaves.tables) if name.table in owners}
        self._held: defaultdict[int, list[pa.RecordBatch]] = defaultdict(list)
        self._bytes = 0
        self._open: dict[int, tuple[int, GroupWriter]] = {}  # the file's place in landed, the longest untouched first

    def write(self, batches: Iterable[pa.RecordBatch]) -> int:
        """Write all batches, which are of the files' own types; the number of their rows."""
        try:
            for batch in batches:
                self._add(batch)
                if self._bytes >= HELD:
                    self._flush(HELD // 2)
            self._flush(0)
        except BaseException:
            for _, writer in self._open.values():
                with suppress(pa.ArrowException, OSError):
                    writer.close()
            raise
        for home in [*self._open]:
            self._close(home)
        return sum(one.rows for one in self._ledger.landed)

    def empty(self) -> None:
        """A file without rows, which shows the columns; in a folder, as a reader takes all files to be."""
        leaf = next(number for number in range(len(self._leaves.tables)) if number not in self._divided)
        self._writer(leaf)
        self._close(leaf)

    def _add(self, batch: pa.RecordBatch) -> None:
        found = homes(self._leaves, batch)
        self._check(batch, found)
        if (found[1:] < found[:-1]).any():
            order = np.argsort(found, kind="stable")
            batch, found = batch.take(order), found[order]
        edges = [0, *(np.flatnonzero(np.diff(found)) + 1).tolist(), len(found)] if len(found) else []
        for first, end in pairwise(edges):
            self._held[int(found[first])].append(batch.slice(first, end - first))
        self._bytes += batch.nbytes

    def _check(self, batch: pa.RecordBatch, found: Numbers) -> None:
        """DataError for a row that is for no folder."""
        lost = np.flatnonzero(np.isin(found, [WHOLE, *self._divided]))
        if len(lost):
            row = batch.slice(int(lost[0]), 1)
            values = ", ".join(f"{name} is {row.column(name)[0].as_py()!r}" for name in columns_of(self._leaves.level))
            raise DataError(f"{self._hop.writes} has no partition for a row: {values}.", table=str(self._hop.writes))

    def _flush(self, most: int) -> None:
        """Write row groups, of the partitions with the most rows first, until no more bytes are held."""
        sizes = {home: sum(batch.nbytes for batch in held) for home, held in self._held.items()}
        for home in sorted(sizes, key=lambda one: -sizes[one]):
            if self._bytes <= most and most:
                return
            held = self._held.pop(home)
            rows = sum(batch.num_rows for batch in held)
            place, writer = self._writer(home)
            for batch in held:
                writer.write(batch)
            writer.flush()
            landed = self._ledger.landed
            landed[place] = landed[place]._replace(rows=landed[place].rows + rows)
            self._bytes -= sizes[home]
        self._bytes = max(self._bytes, 0)

    def _writer(self, home: int) -> tuple[int, GroupWriter]:
        found = self._open.pop(home, None)
        if found is None:
            if len(self._open) >= _OPEN:
                self._close(next(iter(self._open)))
            found = self._made(home)
        self._open[home] = found
        return found

    def _made(self, home: int) -> tuple[int, GroupWriter]:
        landed = self._ledger.landed
        table, number = self._hop.into.table, len(landed)
        one = aside_of(self._root, table, self._claim, f"-{number:04d}.parquet")
        folder = self._leaves.tables[home].table
        _make(self._root, folder)
        landed.append(Landed(one.aside, f"{folder}/{one.part.rpartition('/')[2]}", 0))
        return number, GroupWriter(one.aside, self._schema, **options_of(self._hop.storage))

    def _close(self, home: int) -> None:
        place, writer = self._open.pop(home)
        writer.close()
        sync(self._ledger.landed[place].aside)


def columns_of(level: Level) -> list[str]:
    """The columns that tell partitions apart, each once, the outermost first."""
    inner = [name for _, one in level.inside for name in columns_of(one)]
    return list(dict.fromkeys((level.column, *inner)))


def _make(root: Path, folder: str) -> None:
    """A folder and those above it, each durable."""
    path = root / folder
    if not path.is_dir():
        if "/" in folder:
            _make(root, folder.rpartition("/")[0])
        path.mkdir(exist_ok=True)
        sync(path.parent)
