"""Slices that are too large for one transaction of their target land in several, each row once.

The slice is read once, into a file beside the run. How many of its rows, in that file's order, are in the target is
written by the transaction that brings them, so it says where to go on after any failure but the end of the process:
the file may be gone with that, and the table then starts over (resume.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa

from .commit import land_part
from .engine import Loader, Receipt
from .errors import DataError, RopewayError
from .flow import Tally
from .job import Job
from .ledger import keeping
from .plan import Hop, Slice
from .spool import Spool

_FOLDER = Path(".ropeway")
TOO_LARGE = ("size", "log")  # what smaller transactions may cure; a log may be full of others', and is waited for


def may_split(hop: Hop) -> bool:
    """Whether a slice can land in parts: undecoded bytes have no rows, and a merge looks for twins in the whole."""
    return not hop.raw and not hop.merge


class Split:
    """One slice on its way in parts; a file that must be removed."""

    def __init__(self, job: Job, hop: Hop, part: Slice, *, watched: bool) -> None:
        self._job, self._hop, self._part = job, hop, part
        folder = _FOLDER / job.plan.run
        folder.mkdir(parents=True, exist_ok=True)
        self._place = TemporaryDirectory(dir=folder, prefix="split-")
        self._spool = Spool(Path(self._place.name) / "slice.arrow")
        self._size = 0  # rows of a transaction
        self.tally = Tally(hop, watched=watched)
        self.read = False

    def keep(self, rows: Callable[[Callable[[int], None]], Iterator[pa.RecordBatch]], read: int | None) -> None:
        """Write down the slice's rows as they would be loaded; `rows` tells what it is given how many it reads."""
        tally = Tally(self._hop, watched=self.tally.watched)
        self._spool.count = 0  # an earlier try may have been cut off
        with self._spool.written() as put:
            for batch in tally.counted(rows(tally.seen), self._job.plan, lambda *_: None):
                if batch.num_rows:
                    put(batch)
        if read is not None:
            tally.seen(read)
        self.tally, self.read = tally, True
        self._size = max(1, tally.rows // 2)

    def land(self, attempt: str, instant: str, loader: Loader, writer: AbstractContextManager[Any]) -> Receipt | None:
        """Land what has not landed yet. DataError names the row that is too large by itself."""
        whole = self.tally.receipt(self._part.number, attempt, instant, self.tally.rows)
        run, hop = self._job.plan.run, self._hop
        while True:
            with writer:
                before = self._landed(loader)
                size = min(self._size, whole.loaded - before)
                try:
                    if not land_part(run, self._part, whole, before, self._spool.rows(before, size), hop, loader):
                        return None
                except Exception as error:
                    failure = self._job.target.classify(error)
                    if failure not in TOO_LARGE or (failure == "log" and size <= 1):
                        raise
                    if size <= 1:
                        raise self._refusal(before, error) from error
                    self._size = size // 2
                    continue
            if before + size == whole.loaded:
                return whole

    def told(self, problem: RopewayError, loader: Loader) -> None:
        """End: what stops the slice says, too, what becomes of the rows of it that have landed."""
        self.close()
        landed = -1
        with suppress(Exception):  # the connection may be gone
            landed = self._landed(loader)
        if landed:
            problem.remedy += "\nA part of the slice has landed before: --resume starts this table over."

    def _landed(self, loader: Loader) -> int:
        parts = keeping(loader.ledger).parts(self._job.plan.run)
        return sum(one.loaded for one in parts if (one.hop, one.slice) == (self._hop.name, self._part.number))

    def _refusal(self, row: int, error: Exception) -> DataError:
        (batch,) = self._spool.rows(row, 1)
        values = batch.to_pylist()[0]
        key = ", ".join(f"{name}={values[name]}" for name in self._hop.key if name in values)
        return DataError(
            f"{self._hop.reads}: one row of {batch.get_total_buffer_size():,} bytes is more than a transaction of "
            f"{self._job.target.name} takes: {error}",
            table=str(self._hop.reads), key=key,
            remedy="Raise the server's limit, shorten the row's values, or leave the row out by where:.",
        )  # fmt: skip

    def close(self) -> None:
        """Remove the file."""
        self._place.cleanup()
