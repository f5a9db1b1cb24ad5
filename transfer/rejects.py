"""Slices that some rows are in the way of: these are kept in the target's ledger with the reason, the others land.

Such a slice is read once more, into a file; its parts are tried in transactions that are rolled back (no savepoints:
ADBC refuses them after an error, DuckDB has none). It lands without what was refused, in one transaction with that.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa

from .behind import Gathered, together
from .commit import land, tried
from .engine import Engine, Loader, Reader, Receipt, Rejected
from .errors import DataError, RopewayError
from .flow import Tally, flow
from .job import Job
from .ledger import keeping
from .permitted import permitted
from .plan import Hop, Slice
from .shaping import hides
from .spool import Spool
from .unfit import LOAD, READ, ReaderFailed, Refuse

LARGEST = 1 << 20  # bytes of a row that the ledger keeps: MySQL's max_allowed_packet may be 4 MB
_SHOWN = 4_000  # characters of a value for people
_FOLDER = Path(".ropeway")


@dataclass(frozen=True)
class _Unit:
    """A slice that is landed without its bad rows, and what for that is needed."""

    hop: Hop
    part: Slice
    attempt: str
    instant: str
    reader: Reader
    loader: Loader


class Rejecting:
    """What a run may reject, and has. One slice at a time: what is allowed is one number for all."""

    def __init__(
        self, job: Job, writer: AbstractContextManager[Any], gathered: Callable[[], Sequence[Gathered]]
    ) -> None:  # fmt: skip
        """`gathered` says what is in stages."""
        self._job, self._gathered = job, gathered
        self._writer = writer
        self._allowed = permitted(job.plan.max_rejects)
        self._one = threading.Lock()

    def may(self, hop: Hop, error: Exception) -> bool:
        """Whether an error is one of rows that may be left behind."""
        allowed = self._allowed.rows or self._allowed.percent
        return bool(allowed) and not hop.raw and concerns_rows(error, self._job.target)

    def land(
        self, hop: Hop, part: Slice, attempt: str, instant: str, reader: Reader, loader: Loader,
        gathered: tuple[int, Sequence[Rejected]] | None,
    ) -> Receipt | None:  # fmt: skip
        """Land a slice without the rows that are refused; of how many rows it is, and what of these was left behind
        when it was gathered, where its reader cannot tell.

        None where it has its receipt: the commit that nobody heard of came through, and its own rows would be in the
        way of this try. Raises DataError for more of them than may be, ReaderFailed, and what else the engine raises.
        """
        if self._landed(hop, part, loader):
            return None
        unit = _Unit(hop, part, attempt, instant, reader, loader)
        folder = _FOLDER / self._job.plan.run
        folder.mkdir(parents=True, exist_ok=True)
        with self._one, TemporaryDirectory(dir=folder, prefix="rejects-") as place:
            spool, tally, rejects = Spool(Path(place) / "slice.arrow"), Tally(hop), Behind(hop, part)
            with self._writer:
                self.permit(rejects, loader, 0)  # more than these are not gathered
            self._transform(unit, spool, tally, rejects)
            if gathered:
                tally.seen(gathered[0])
                rejects.rows.extend(gathered[1])
            receipt = self._tried(unit, spool, tally, rejects)
        if receipt:
            self.told(rejects)
        return receipt

    def _tried(self, unit: _Unit, spool: Spool, tally: Tally, rejects: Behind) -> Receipt | None:
        """Land what is in the spool without what is refused; None where it has its receipt already."""
        with self._writer:
            keeping(unit.loader.ledger).prepare_rejects()
            try:
                self.permit(rejects, unit.loader, tally.read)
                self._try_each(unit, spool, rejects)
                return self._land(unit, spool, tally, rejects)
            except DataError:
                # A commit of a lost connection may have come through only now.
                if self._has_receipt(unit.hop, unit.part, unit.loader):
                    return None
                raise

    def _landed(self, hop: Hop, part: Slice, loader: Loader) -> bool:
        with self._writer:
            return self._has_receipt(hop, part, loader)

    def _has_receipt(self, hop: Hop, part: Slice, loader: Loader) -> bool:
        receipts = loader.ledger.receipts(self._job.plan.run)
        return any((one.hop, one.slice) == (hop.name, part.number) for one in receipts)

    def told(self, rejects: Behind) -> None:
        """Say what of a slice that has landed is left behind."""
        if rejects.rows:
            said = f"{rejects.hop.reads}, slice {rejects.part.number}: {len(rejects.rows)} rows are rejected, "
            self._job.progress.said(f"{said}the first for: {rejects.rows[0].reason}".splitlines()[0])

    @contextmanager
    def alone(self) -> Iterator[None]:
        """No other slice is landed without its bad rows meanwhile."""
        with self._one:
            yield

    def permit(self, rejects: Behind, loader: Loader, read: int) -> None:
        """Say how many rows of a slice of so many may be left behind, beside those of others; DataError for more.

        Of percent nothing is said before it is known of how many rows.
        """
        if read or not self._allowed.percent:
            rejects.permit(self._most(rejects, loader, read), self._job.plan.max_rejects)

    def _transform(self, unit: _Unit, spool: Spool, tally: Tally, rejects: Behind) -> None:
        """The slice into the spool; what cannot be read is rejected as the source shows it, what a transform refuses as
        it was before all of them.
        """
        hop, size = unit.hop, self._job.limits.batch_bytes
        with spool.written() as put:
            rows = flow(hop, unit.part, unit.reader, size, None if hop.over else tally.seen, rejects.refuse)
            for batch in _failing(rows):
                put(batch)

    def _most(self, rejects: Behind, loader: Loader, read: int) -> int:
        """How many rows of this slice may be rejected, behind those of others."""
        ledger, run, own = keeping(loader.ledger), self._job.plan.run, (rejects.hop.name, rejects.part.number)
        receipts = [one for one in (*ledger.receipts(run), *ledger.parts(run)) if one.slice > 0]
        others = [one for one in together(receipts, self._gathered()) if (one.hop, one.slice) != own]
        if not self._allowed.percent:
            return self._allowed.rows - sum(one.rejected for one in others)
        mine = [one for one in others if one.hop == rejects.hop.name]
        known = max(rejects.hop.rows, read + sum(one.read for one in mine))
        return self._allowed.most(known) - sum(one.rejected for one in mine)

    def _try_each(self, unit: _Unit, spool: Spool, rejects: Behind) -> None:
        """Reject the rows that the target refuses by themselves."""
        for number in range(spool.count):
            for row, error in self._refused(unit, spool.batch(number), 0):
                rejects.add(LOAD, spool.refuse(number, row), error)

    def _refused(self, unit: _Unit, batch: pa.RecordBatch, first: int) -> Iterator[tuple[int, Exception]]:
        error = self._refusal(unit, [batch])
        if error is None or batch.num_rows == 1:
            if error:
                yield first, error
            return
        middle = batch.num_rows // 2
        yield from self._refused(unit, batch.slice(0, middle), first)
        yield from self._refused(unit, batch.slice(middle), first + middle)

    def _refusal(self, unit: _Unit, batches: Sequence[pa.RecordBatch] | Iterator[pa.RecordBatch]) -> Exception | None:
        """What the target says against these rows; what it says for another reason is raised."""
        try:
            tried(unit.loader, unit.hop, unit.part, batches)
        except Exception as error:
            if not concerns_rows(error, self._job.target):
                raise
            return error
        return None

    def _land(self, unit: _Unit, spool: Spool, tally: Tally, rejects: Behind) -> Receipt | None:
        """Land what is left; rows that clash with one before them are found by prefixes, one after another."""
        while True:
            again = Tally(unit.hop)
            again.seen(tally.read)
            rows = again.counted((b for b in spool.good() if b.num_rows), self._job.plan, lambda *_: None)
            try:
                return land(
                    self._job.plan.run, unit.part, unit.attempt, unit.instant, rows, again, unit.loader, rejects.rows
                )
            except Exception as error:
                clash = self._clash(unit, spool) if concerns_rows(error, self._job.target) else None
                if clash is None:
                    raise
                (number, row), refusal = clash
                rejects.add(LOAD, spool.refuse(number, row), refusal)

    def _clash(self, unit: _Unit, spool: Spool) -> tuple[tuple[int, int], Exception] | None:
        """The first row that is refused behind those before it; None where they are taken all."""
        taken, refused = 0, sum(spool.left(number).num_rows for number in range(spool.count))
        said = self._refusal(unit, _first(spool.good(), refused))
        if said is None:
            return None
        while refused - taken > 1:
            middle = (taken + refused) // 2
            found = self._refusal(unit, _first(spool.good(), middle))
            taken, refused, said = (taken, middle, found) if found else (middle, refused, said)
        return spool.place(taken), said

    def check(self, hop: Hop, receipts: Sequence[Receipt | Gathered]) -> None:
        """DataError where, all slices landed or gathered, more than so many percent of a table's rows were rejected."""
        mine = [one for one in receipts if one.hop == hop.name and one.slice > 0]
        read, gone = sum(one.read for one in mine), sum(one.rejected for one in mine)
        if self._allowed.percent and gone > self._allowed.most(read):
            raise _too_many(hop, self._job.plan.max_rejects, f"{gone:,} of {read:,} are.")


class Behind:
    """The rejected rows of a slice, in the order in which they were found."""

    def __init__(self, hop: Hop, part: Slice) -> None:
        self.hop, self.part = hop, part
        self._most: int | None = None
        self._word = ""
        self.rows: list[Rejected] = []

    @property
    def refuse(self) -> Refuse | None:
        """Who hears of what cannot be read or transformed. What is hidden from the target is not kept there as it was;
        staged rows were transformed when they were gathered.
        """
        return None if self.hop.over or hides(self.hop) else self.add

    def permit(self, most: int, word: str) -> None:
        self._most, self._word = most, word
        self._check()

    def add(self, stage: str, row: pa.RecordBatch, error: Exception) -> None:
        hop, part = self.hop, self.part
        said = error.message if isinstance(error, RopewayError) else str(error).strip()
        column = getattr(error, "column", "")
        try:
            self.rows.append(kept(hop, part.number, len(self.rows) + 1, (stage, said, column), row))
        except DataError as large:
            raise large from error
        self._check()

    def _check(self) -> None:
        if self._most is not None and len(self.rows) > self._most:
            last = self.rows[-1]
            raise _too_many(self.hop, self._word, f"The last one{f' ({last.key})' if last.key else ''}: {last.reason}")


def kept(hop: Hop, part: int, number: int, why: tuple[str, str, str], row: pa.RecordBatch) -> Rejected:
    """A row to be kept in the ledger, and `why`: its stage, the reason and the column. DataError if it is too large."""
    stage, said, column = why
    values = row.to_pylist()[0]
    if stage == READ:
        values = {name: _decoded(value) for name, value in values.items()}
    key = ", ".join(f"{name}={_word(values[name])}" for name in hop.key if name in values)
    stream = _bytes(row)
    if len(stream) > LARGEST:
        raise DataError(
            f"{hop.reads}: a row of {len(stream):,} bytes is refused, and none above {LARGEST:,} can be kept as "
            f"rejected: {said}", table=str(hop.reads), key=key,
            remedy="Mend its value, or leave the row out by where:.",
        )  # fmt: skip
    return Rejected(
        hop.name, part, number, stage, said.replace("\0", ""), column, key.replace("\0", ""),
        json.dumps({name: _word(value) for name, value in values.items()}), stream,
    )  # fmt: skip


def _too_many(hop: Hop, word: str, said: str) -> DataError:
    return DataError(
        f"More rows of {hop.reads} are rejected than --max-rejects {word} allows. {said}", table=str(hop.reads),
        remedy="Rows that landed stay. Mend the cause, or allow more: --resume --max-rejects N.",
    )  # fmt: skip


def concerns_rows(error: Exception, engine: Engine) -> bool:
    """Whether an error is about the values of rows, and not about the connection, a right or the schema."""
    return isinstance(error, DataError) or (not isinstance(error, RopewayError) and engine.classify(error) == "data")


def _failing(rows: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Rows whose reader's failure is told from one of the target; what is said of a row is no failure."""
    try:
        yield from rows
    except DataError:
        raise
    except Exception as error:
        raise ReaderFailed(error) from error


def _first(batches: Iterator[pa.RecordBatch], rows: int) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        if rows <= 0:
            return
        part = batch.slice(0, rows)
        rows -= part.num_rows
        if part.num_rows:
            yield part


def _bytes(row: pa.RecordBatch) -> bytes:
    """A row as an Arrow stream, without what lies beside it in its batch."""
    alone = pa.RecordBatch.from_arrays([pa.concat_arrays([one]) for one in row.columns], schema=row.schema)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, row.schema) as writer:
        writer.write_batch(alone.take(pa.array([0], pa.int64())))
    return bytes(sink.getvalue())


def row_of(kept: Rejected) -> pa.RecordBatch:
    """The rejected row as it was at its stage."""
    with pa.ipc.open_stream(kept.row) as stream:
        return stream.read_next_batch()


def _decoded(value: bytes | None) -> str | bytes | None:
    """What the source shows of a value, as text where it is one."""
    try:
        return value if value is None else value.decode()
    except UnicodeDecodeError:
        return value


def _word(value: object) -> str | None:
    """A value for people."""
    if value is None or isinstance(value, str):
        return value if value is None else value[:_SHOWN]
    if isinstance(value, bytes):
        return "base64:" + base64.b64encode(value[:_SHOWN]).decode()
    return str(value)[:_SHOWN]
