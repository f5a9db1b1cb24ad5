"""Slices that are too large for one transaction of their target land in several, each row once.

The slice is read once, into a file beside the run. How many of its rows, in that file's order, are in the target is
written by the transaction that brings them, so it says where to go on after any failure but the end of the process:
the file may be gone with that, and the table then starts over (resume.py). Rows that are refused and may be left behind
are taken out of that order before they are passed, and are kept by transactions that say how many of them are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from .commit import Piece, land_part, tried
from .engine import Loader, Reader, Receipt, Rejected
from .errors import DataError, RopewayError
from .flow import Tally, flow
from .job import Job
from .ledger import Overtaken, keeping
from .piecemeal import TOO_LARGE
from .plan import Hop, Slice
from .rejects import Behind, Rejecting, concerns_rows
from .spool import Spool
from .unfit import LOAD, ReaderFailed

_FOLDER = Path(".ropeway")


def may_split(hop: Hop) -> bool:
    """Whether a slice can land in parts: undecoded bytes have no rows, and a merge looks for twins in the whole."""
    return not hop.raw and not hop.merge


class Split:
    """One slice on its way in parts; a file that must be removed."""

    def __init__(
        self, job: Job, hop: Hop, part: Slice, rejecting: Rejecting, writer: AbstractContextManager[Any], *,
        watched: bool,
    ) -> None:  # fmt: skip
        self._job, self._hop, self._part, self._rejecting, self._writer = job, hop, part, rejecting, writer
        folder = _FOLDER / job.plan.run
        folder.mkdir(parents=True, exist_ok=True)
        self._place = TemporaryDirectory(dir=folder, prefix="split-")
        self._spool = Spool(Path(self._place.name) / "slice.arrow")
        self._behind = Behind(hop, part)
        self._leaves = False
        self._size = 0  # rows of a transaction, and rejected ones
        self.tally = Tally(hop, watched=watched)
        self.read = False

    def leave(self, loader: Loader) -> None:
        """From now on rows that are refused are left behind, as many as others left of what is allowed."""
        self._leaves = True
        with self._writer:
            keeping(loader.ledger).prepare_rejects()
            self._rejecting.permit(self._behind, loader, self.tally.read)

    def keep(self, reader: Reader, gathered: tuple[int, Sequence[Rejected]] | None) -> None:
        """Write down the slice's rows as they would be loaded; where the reader cannot tell, of how many it is, and
        what of these was left behind when it was gathered.
        """
        tally = Tally(self._hop, watched=self.tally.watched)
        self._spool.count = 0  # an earlier try may have been cut off
        self._behind.rows.clear()
        seen = None if self._hop.over else tally.seen
        refuse = self._behind.refuse if self._leaves else None
        try:
            with self._spool.written() as put:
                rows = flow(self._hop, self._part, reader, self._job.limits.batch_bytes, seen, refuse)
                for batch in tally.counted(rows, self._job.plan, lambda *_: None):
                    if batch.num_rows:
                        put(batch)
        except Exception as error:
            raise ReaderFailed(error) from error
        if gathered:
            tally.seen(gathered[0])
            self._behind.rows.extend(gathered[1])
        self.tally, self.read = tally, True
        self._size = max(1, (tally.rows + len(self._behind.rows)) // 2)

    def land(self, attempt: str, instant: str, loader: Loader) -> Receipt | None:
        """Land what has not landed yet. DataError names the row that is too large by itself."""
        if self._leaves:
            with self._writer:
                self._rejecting.permit(self._behind, loader, self.tally.read)
        while True:
            with self._writer:
                before = self._landed(loader)
                piece = self._next(before, attempt, instant)
                first = before.loaded if before else 0
                try:
                    rows = self._spool.rows(first, piece.rows)
                    if not land_part(self._job.plan.run, piece, rows, self._hop, self._part, loader):
                        return None
                except Overtaken:
                    continue
                except Exception as error:  # noqa: BLE001 - raised again unless another try is to come
                    self._mend(first, piece, error, loader)
                    continue
            if piece.last:
                self._rejecting.told(self._behind)
                return piece.there

    def _next(self, before: Receipt | None, attempt: str, instant: str) -> Piece:
        """What comes next: rejected rows that are not kept yet, then rows."""
        loaded, kept = (before.loaded, before.rejected) if before else (0, 0)
        left = self.tally.rows - self._spool.refused - loaded
        behind = self._behind.rows[kept : kept + self._size]
        rows = min(self._size - len(behind), left)
        last = rows == left and kept + len(behind) == len(self._behind.rows)
        tally = self._without_refused() if last else self.tally
        there = tally.receipt(self._part.number, attempt, instant, loaded + rows)
        return Piece(rows, behind, before, replace(there, rejected=kept + len(behind)), last)

    def _without_refused(self) -> Tally:
        if not self._spool.refused:
            return self.tally
        tally = Tally(self._hop)
        tally.seen(self.tally.read)
        for _ in tally.counted((b for b in self._spool.good() if b.num_rows), self._job.plan, lambda *_: None):
            pass
        return tally

    def _mend(self, first: int, piece: Piece, error: Exception, loader: Loader) -> None:
        """See to it that the next try is a smaller one, or without rows that are refused; else raise the error."""
        failure, size = self._job.target.classify(error), piece.rows + len(piece.kept)
        if failure in TOO_LARGE and size > 1:
            self._size = size // 2
        elif failure == "size":
            raise self._refusal(first, piece, error) from error
        elif not concerns_rows(error, self._job.target) or (
            self._stands(piece.before, loader) and not (self._leaves and self._sifted(first, piece, loader))
        ):
            raise error

    def _stands(self, before: Receipt | None, loader: Loader) -> bool:
        """Whether what has landed is still that. Else an earlier try came through, and is in the way of this."""
        receipts = loader.ledger.receipts(self._job.plan.run)
        whole = any((one.hop, one.slice) == (self._hop.name, self._part.number) for one in receipts)
        return not whole and self._landed(loader) == before

    def _sifted(self, first: int, piece: Piece, loader: Loader) -> bool:
        """Reject what is refused of some rows, behind those that are there; False where nothing is."""
        found = list(self._refused(loader, first, piece.rows))
        if not found:
            if not self._refusal_of(loader, first, piece.rows):
                return False
            found = self._clash(loader, first, piece.rows)
        places = [(self._spool.place(row), error) for row, error in found]  # before any is taken out
        for (number, row), error in places:
            self._behind.add(LOAD, self._spool.refuse(number, row), error)
        return True

    def _refused(self, loader: Loader, first: int, rows: int) -> Iterator[tuple[int, Exception]]:
        """The rows that are refused by themselves, by halving."""
        error = self._refusal_of(loader, first, rows)
        if error is None or rows == 1:
            if error:
                yield first, error
            return
        middle = rows // 2
        yield from self._refused(loader, first, middle)
        yield from self._refused(loader, first + middle, rows - middle)

    def _clash(self, loader: Loader, first: int, rows: int) -> list[tuple[int, Exception]]:
        """The first row that is refused behind those before it; none where so many are too large, and fewer come."""
        taken, refused = 0, rows
        said = self._refusal_of(loader, first, rows)
        while refused - taken > 1 and said and not self._is_large(said):
            middle = (taken + refused) // 2
            found = self._refusal_of(loader, first, middle)
            taken, refused, said = (taken, middle, found) if found else (middle, refused, said)
        if said and not self._is_large(said):
            return [(first + taken, said)]
        self._size = max(1, refused // 2)
        return []

    def _refusal_of(self, loader: Loader, first: int, rows: int) -> Exception | None:
        """What the target says against rows by themselves, too many of them too; what else it says is raised."""
        if not rows:
            return None
        try:
            tried(loader, self._hop, self._part, self._spool.rows(first, rows))
        except Exception as error:
            if concerns_rows(error, self._job.target) or (rows > 1 and self._is_large(error)):
                return error
            raise
        return None

    def _is_large(self, error: Exception) -> bool:
        return self._job.target.classify(error) in TOO_LARGE

    def told(self, problem: RopewayError, loader: Loader) -> None:
        """End: what stops the slice says, too, what becomes of the rows of it that have landed."""
        self.close()
        landed = True
        with suppress(Exception):  # the connection may be gone
            landed = bool(self._landed(loader))
        if landed:
            problem.remedy += "\nA part of the slice has landed before: --resume starts this table over."

    def _landed(self, loader: Loader) -> Receipt | None:
        parts = keeping(loader.ledger).parts(self._job.plan.run)
        own = (self._hop.name, self._part.number)
        return next((one for one in parts if (one.hop, one.slice) == own), None)

    def _refusal(self, first: int, piece: Piece, error: Exception) -> DataError:
        name, target = self._hop.reads, self._job.target.name
        if piece.kept:
            key, size = piece.kept[0].key, len(piece.kept[0].row)
            what = f"one rejected row of {size:,} bytes, as it would be kept,"
        else:
            (batch,) = self._spool.rows(first, 1)
            values, size = batch.to_pylist()[0], batch.get_total_buffer_size()
            key = ", ".join(f"{name}={values[name]}" for name in self._hop.key if name in values)
            what = f"one row of {size:,} bytes"
        return DataError(
            f"{name}: {what} is more than a transaction of {target} takes: {error}", table=str(name), key=key,
            remedy="Raise the server's limit, shorten the row's values, or leave the row out by where:.",
        )  # fmt: skip

    def close(self) -> None:
        """Remove the file."""
        self._place.cleanup()
