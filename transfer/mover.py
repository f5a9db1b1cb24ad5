"""Moving the hops of one source: a reader and a loader for each worker, one queue over all tables.

Retry repeats a slice here, a statement in steps.py, and nothing elsewhere: a reader that fails has half of its batches
in the target already, and only the slice's transaction knows how to undo that.
"""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import partial

import pyarrow as pa

from . import room, rowrules
from .asking import Asking
from .board import Board
from .bounded import within
from .commit import land, record
from .engine import Engine, Loader, Reader, Receipt, Source
from .errors import EngineError, RopewayError
from .flow import Ahead, Tally, flow
from .gathering import Gathering
from .holding import end, heed, left
from .interrupt import Interrupt
from .job import Job
from .keymap import kept
from .ledger import LEFT_OUT
from .piecemeal import TOO_LARGE
from .plan import Hop, Slice, Statement
from .refusal import explained
from .resume import LOST, Standing, all_standing, go_back, proof_of, unfed
from .schema.sql import nothing
from .splitting import Split, may_split
from .steps import TRIES, back_off, carry_out
from .swapping import Keepers, note
from .throttle import Pace
from .unfit import ReaderFailed
from .verification import source_sum


@dataclass
class _Hands:
    """What a worker works with; either is replaced where it was lost."""

    reader: Reader
    loader: Loader


@dataclass(frozen=True)
class _Opened:
    """A source as it was opened for a group: its readers, the mark by which it is proven unwritten, its instant."""

    source: Source
    readers: Sequence[Reader]
    mark: str
    instant: str
    workers: int


def _untold(hop: str, rows: int, size: int) -> None:
    """For batches that progress knows already."""


def _keep(source: Source) -> None:
    """Keep the instant of a source that is closed early, where its engine has such as a resumed run goes back to."""
    if keep := getattr(source, "keep", None):
        keep()


class Mover:
    """Moves hops at one instant: opens the source once, then lets the workers loose."""

    def __init__(self, job: Job, loader: Loader, journal: dict[str, str], interrupt: Interrupt, pace: Pace) -> None:
        self._job = job
        self._loader = loader
        self._journal = journal
        self._interrupt = interrupt
        self._mark = ""
        self._instant = ""
        self._asking = Asking(job.plan, job.source)
        # One writing transaction at a time, where the engine takes no more.
        self._writer = threading.Lock() if job.target.writers == "one" else None
        self._gathering = Gathering(job, loader, journal, self._writer, interrupt.asked, pace)
        self._pace = pace
        self._rejecting = self._gathering.rejecting
        self._held: dict[str, _Opened] = {}
        self._attempt = f"{os.getpid():x}-{random.getrandbits(24):x}"
        self.keepers = Keepers(job)

    def release(self) -> None:
        """Remove the stage, once all is there."""
        self._gathering.release()

    def move(self, hops: Sequence[Hop]) -> None:
        """Move a group; a table alone is read again at a new instant where its own can be read no more."""
        for attempt in range(1, TRIES + 1):
            try:
                return self._move(hops)
            except Exception as error:
                alone = self._job.plan.consistency == "table" and attempt < TRIES
                if not alone or self._job.source.classify(error) != "instant":
                    raise
                self._job.progress.said(f"{hops[0].reads} is read again at a new instant: {error}".splitlines()[0])
        raise AssertionError

    def gather(self, hops: Sequence[Hop], stack: ExitStack) -> None:
        """Gather of a group what is decided with rows of other sources; its source then stays open at that instant."""
        todo, receipts = self._todo(hops)
        if waiting := self._gathering.undecided(todo):
            opened = self._held[hops[0].name] = self._open(todo, receipts)
            stack.callback(opened.source.close)
            self._gathering.gather(waiting, opened.source, opened.readers, opened.instant)

    def decide(self) -> None:
        """Decide what all movers have gathered."""
        self._gathering.decide()

    def _todo(self, hops: Sequence[Hop]) -> tuple[list[Hop], list[Receipt]]:
        receipts = self._loader.ledger.receipts(self._job.plan.run)
        done = {hop.name: {r.slice for r in receipts if r.hop == hop.name and r.slice} for hop in hops}
        frozen = self._job.plan.consistency == "frozen"  # then all tables must still be of one state
        todo = [h for h in hops if frozen or len(done[h.name]) < len(h.slices) or not self._is_finished(h)]
        return todo, receipts

    def _move(self, hops: Sequence[Hop]) -> None:
        todo, receipts = self._todo(hops)
        if not todo:
            return
        held = self._held.get(hops[0].name)
        opened = held or self._open(todo, receipts)
        try:
            self._with(opened, todo, receipts)
        except BaseException:
            _keep(opened.source)
            raise
        finally:
            if not held:
                opened.source.close()

    def _open(self, hops: Sequence[Hop], receipts: Sequence[Receipt]) -> _Opened:
        job = self._job
        workers = max(1, min(job.limits.workers, sum(len(hop.slices) for hop in hops)))
        count_ = 1 if job.source.instant == "single" else workers
        self.keepers.hold(hops)
        source = job.source.open(job.source_address, hops, job.plan.consistency, count_)
        try:
            mark = source.mark() if job.plan.consistency == "frozen" else ""
            if job.plan.consistency == "frozen" and not mark:
                raise EngineError(
                    f"{job.source.name} cannot prove that nobody writes, which --consistency frozen asks for.",
                    remedy="Choose --consistency run or table.",
                )
            readers = source.readers()
            go_back(source, hops, receipts, self._journal.get(LOST, ""))
            return _Opened(source, readers, mark, f"frozen {mark}" if mark else source.instant, workers)
        except BaseException:
            _keep(source)
            source.close()
            raise

    def _is_finished(self, hop: Hop) -> bool:
        last = self._job.plan.feeders(hop)[-1]  # of several it sees to it that the table is finished
        mine = [proof_of(hop), *kept(hop), *(s.name for s in (self._closing(hop) if hop is last else ()))]
        return all(self._journal.get(name) in ("done", LEFT_OUT) for name in mine)

    def _closing(self, hop: Hop) -> list[Statement]:
        """The statements that finish this table alone, in order."""
        maker = self._job.plan.feeders(hop)[0].name
        return [
            s for s in self._job.plan.statements
            if s.phase == "after" and s.hop == maker and "*" not in s.after
        ]  # fmt: skip

    def _is_fed(self, hop: Hop, loader: Loader) -> bool:
        """Whether all that go into a hop's table have landed, and are proven where anything is."""
        others = [one for one in self._job.plan.feeders(hop) if one.name != hop.name]
        if not others:
            return True
        with self._writer or nullcontext():
            receipts = loader.ledger.receipts(self._job.plan.run)
        proven = self._job.plan.consistency == "none" or all(self._journal.get(proof_of(h)) == "done" for h in others)
        return proven and not unfed(self._job.plan, receipts, others)

    def _with(self, opened_: _Opened, hops: Sequence[Hop], receipts: list[Receipt]) -> None:
        source, readers, workers = opened_.source, opened_.readers, opened_.workers
        self._pace.hold()
        self._mark, self._instant = opened_.mark, opened_.instant
        look = Standing(self._job, source, readers[0], self._loader)
        looks = {hop.name: look._replace(reader=self._gathering.reader(hop, look.reader)) for hop in hops}
        standing_ = all_standing(looks, hops, receipts, self._journal)
        now = self._loader.ledger.journaled(self._job.plan.run)  # a table may have started over
        self._journal.clear()
        self._journal.update(now)
        waiting = {hop.name: [part for part in hop.slices if part.number not in standing_[hop.name]] for hop in hops}
        opened = {name: len(parts) for name, parts in waiting.items()}
        # What is not moved now is finished, by an earlier process or before these: nothing may wait for it.
        earlier = {hop.name for hop in self._job.plan.hops} - set(waiting)
        board = Board(waiting, {hop.name: hop for hop in hops}, opened, earlier)
        unread = [hop for hop in hops if opened[hop.name]]
        note(self._job, unread, readers[0], self._loader, self._journal, self._writer)
        self._gathering.prepare(unread, source, readers, self._instant)
        for hop in hops:
            if not opened[hop.name]:
                self._complete(board, hop, readers[0], self._loader, source)
        hands = [(board, readers[min(n, len(readers) - 1)], source, n) for n in range(min(workers, len(readers)))]
        threads = [threading.Thread(target=self._work, args=one, name=f"ropeway-worker-{one[-1]}") for one in hands]
        try:
            self._watch(board, threads)
        except Exception as error:
            if self._job.source.classify(error) == "instant":
                self._loader.ledger.journal(self._job.plan.run, LOST, self._instant)
                self._journal[LOST] = self._instant
            raise
        self._unwritten(source)

    def _unwritten(self, source: Source) -> None:
        """Raise if the source was written to since it was opened frozen."""
        if self._mark and source.mark() != self._mark:
            raise EngineError(
                "The source was written to while it was read, though --consistency frozen was asked for.",
                remedy="Stop its writers and go on with --resume, or choose --consistency run.",
            )

    def _watch(self, board: Board, threads: Sequence[threading.Thread]) -> None:
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():
                thread.join(0.2)
                if self._interrupt.asked.is_set() and not board.stop:
                    with board.changed:
                        board.stop = True
                        board.changed.notify_all()
        if board.error:
            raise board.error
        if board.stop:
            raise KeyboardInterrupt

    def _work(self, board: Board, reader: Reader, source: Source, number: int) -> None:
        hands: _Hands | None = None
        try:
            shared = number == 0 or self._writer is not None
            hands = _Hands(reader, self._loader if shared else self._job.target.loader(self._job.target_address))
            while self._pace.ready(lambda: bool(board.error)) and (unit := board.take()):
                hop, part = unit
                heed(self._loader)
                self._slice(hop, part, hands, source, board)
                if board.landed(hop):
                    self._complete(board, hop, hands.reader, hands.loader, source)
        except BaseException as error:  # noqa: BLE001 - a worker's error is raised by the coordinator
            board.fail(error)
            self._pace.end()
        finally:
            if hands and hands.loader is not self._loader:
                left(hands.loader, self._job)

    def _slice(self, hop: Hop, part: Slice, hands: _Hands, source: Source, board: Board) -> None:
        """Land a slice, repeating it after a transient failure of either side with back-off."""
        attempt, rejecting, paused = 0, False, False
        split: Split | None = None
        while True:
            attempt += 1
            land_ = self._land_good if rejecting else self._land
            land_ = partial(self._land_split, split, rejecting) if split else land_
            try:
                receipt = land_(hop, part, hands, f"{self._attempt}-{attempt}")
            except Exception as raised:  # noqa: BLE001 - explained, whatever it is
                read = isinstance(raised, ReaderFailed)
                error = raised.error if isinstance(raised, ReaderFailed) else raised
                engine = self._job.source if read else self._job.target
                if not rejecting and self._rejecting.may(hop, error):
                    rejecting = True
                    continue
                failure = engine.classify(error)
                if failure in TOO_LARGE and not read and not split and may_split(hop):
                    split = self._splits(hop, part, error)
                    continue
                if failure in ("space", "log") and not read and not board.error:
                    where, stop = f"slice {part.number} of {hop.writes} in the target", self._interrupt.asked
                    again = paused = room.awaited(self._job, where, error, stop, again=paused)
                    attempt -= 1
                else:
                    again = failure == "transient" and attempt < TRIES and not board.error
                    if again:
                        self._job.progress.failed(hop.name, part.number, str(error))
                        back_off(attempt)
                if not again or not self._mended(hands, source, read=read):
                    problem = self._explained(hop, part, hands, engine, error)
                    if split:
                        split.told(problem, hands.loader)
                    # An error that is its own explanation keeps the driver's error as its cause.
                    raise problem from (error.__cause__ if problem is error else error)
            else:
                if split:
                    split.close()
                if receipt:
                    self._job.progress.landed(receipt)
                return

    def _land_good(self, hop: Hop, part: Slice, hands: _Hands, attempt: str) -> Receipt | None:
        """Land a slice of which some rows are refused, without these."""
        reader = self._gathering.reader(hop, hands.reader)
        gathered = self._gathering.gathered(hop, part, hands.loader)
        instant = self._gathering.instant(hop, self._instant)
        return self._rejecting.land(hop, part, attempt, instant, reader, hands.loader, gathered)

    def _splits(self, hop: Hop, part: Slice, error: Exception) -> Split:
        said = str(error).strip().splitlines()[0]
        self._job.progress.said(
            f"{hop.reads}, slice {part.number}: too large for one transaction of the target ({said}); "
            "it lands in several. --slice-rows makes slices smaller."
        )
        watched = self._asking.asks(hop)
        return Split(self._job, hop, part, self._rejecting, self._writer or nullcontext(), watched=watched)

    def _land_split(
        self, split: Split, rejecting: bool, hop: Hop, part: Slice, hands: _Hands, attempt: str
    ) -> Receipt | None:  # fmt: skip
        with self._rejecting.alone() if rejecting else nullcontext():
            if rejecting:
                split.leave(hands.loader)
            if not split.read:
                gathered = self._gathering.gathered(hop, part, hands.loader)
                split.keep(self._gathering.reader(hop, hands.reader), gathered)
            receipt = split.land(attempt, self._gathering.instant(hop, self._instant), hands.loader)
        if receipt and split.tally.watched and not receipt.rejected:
            self._asking.landed(hop, part.number, split.tally.extremes)
        return receipt

    def _mended(self, hands: _Hands, source: Source, *, read: bool) -> bool:
        """Replace what was lost; False where its rows cannot be read again as they were, or the locks went with it."""
        if not read:
            loader = self._reconnected(hands.loader)
            hands.loader = loader or hands.loader
            return loader is not None
        renew = getattr(source, "renewed", None)
        reader = renew(hands.reader) if renew else None
        hands.reader = reader or hands.reader
        return reader is not None

    def _reconnected(self, loader: Loader) -> Loader | None:
        """The same loader if it still answers, else a new one; None for the coordinator's, whose locks went with it."""
        try:
            loader.ask(nothing(self._job.target))
        except Exception:  # noqa: BLE001 - whatever it was, the slice's own error says more
            if loader is self._loader:
                return None
            fresh = self._job.target.loader(self._job.target_address)
            end(loader, fresh)
            loader.close()
            return fresh
        return loader

    def _explained(self, hop: Hop, part: Slice, hands: _Hands, engine: Engine, error: Exception) -> RopewayError:
        batch_bytes, run = self._job.limits.batch_bytes, self._job.plan.run
        with self._writer or nullcontext():
            reader = self._gathering.reader(hop, hands.reader)
            return explained(error, engine, run, hop, part, reader, hands.loader, batch_bytes)

    def _land(self, hop: Hop, part: Slice, hands: _Hands, attempt: str) -> Receipt | None:
        tally = Tally(hop, watched=self._asking.asks(hop))
        if hop.raw and self._job.plan.checksum:
            try:
                tally.server_sum = source_sum(self._job.source, hands.reader, hop, part)
            except Exception as error:
                raise ReaderFailed(error) from error
        instant, reader = self._gathering.instant(hop, self._instant), self._gathering.reader(hop, hands.reader)
        if gathered := self._gathering.gathered(hop, part, hands.loader):
            tally.seen(gathered[0])  # they were told of when they were gathered
            tally.aside.extend(gathered[1])
        with self._rows(hop, part, reader, tally) as rows, self._writer or nullcontext():
            receipt = land(self._job.plan.run, part, attempt, instant, rows, tally, hands.loader, tally.aside)
        if receipt and tally.watched:
            self._asking.landed(hop, part.number, tally.extremes)
        return receipt

    @contextmanager
    def _rows(
        self, hop: Hop, part: Slice, reader: Reader, tally: Tally
    ) -> Iterator[Iterator[pa.RecordBatch] | Iterator[bytes]]:
        """The slice's rows, read ahead within this worker's share of the memory."""
        limits = self._job.limits
        ahead: Ahead[pa.RecordBatch] | Ahead[bytes]
        if hop.raw:
            ahead = Ahead(tally.weighed(reader.raw(hop.sent, part), self._moving), len, limits.share)
        else:
            batches = flow(hop, part, reader, limits.batch_bytes, tally.seen)  # of which staged rows tell nothing
            batches = within(hop, batches, limits.value)
            if hop.rules and not self._job.plan.max_rejects:
                batches = rowrules.asked(hop, part, batches, tally)
            counted = tally.counted(batches, self._job.plan, _untold if hop.over else self._moving)
            ahead = Ahead(counted, lambda batch: batch.nbytes, limits.share)
        finished = False
        try:
            yield iter(ahead)  # type: ignore[misc]  # of the one kind or of the other
            finished = True
        except Exception as error:
            if ahead.failure:
                raise ReaderFailed(ahead.failure) from error
            raise
        finally:
            if not finished:
                reader.cancel()
            ahead.close()

    def _moving(self, hop: str, rows: int, size: int) -> None:
        self._job.progress.moving(hop, rows, size)
        self._pace.passed(rows, size)

    def _complete(self, board: Board, hop: Hop, reader: Reader, loader: Loader, source: Source) -> None:
        """All slices have receipts: prove that they are the whole table, then finish the table.

        Its keys and indexes are made one after another, beside the other tables: PostgreSQL builds each with workers
        of its own, and four of them for 500,000 rows took 0.80 s over two connections, 0.88 s over one.
        """
        if self._job.plan.consistency != "none" and self._journal.get(proof_of(hop)) != "done":
            self._unwritten(source)
            self._prove(hop, reader, loader)
        with self._writer or nullcontext():
            receipts = loader.ledger.receipts(self._job.plan.run)
        self._rejecting.check(hop, receipts)
        if hop.over:
            self._gathering.finish(hop, loader, f"{self._attempt}-keys")
        with self._asked(hop, reader, loader):
            for statement in self._closing(hop) if self._is_fed(hop, loader) else ():
                self._interrupt.heed()
                heed(self._loader)
                with self._writer or nullcontext():
                    carry_out(self._job, statement, loader, self._journal, self._interrupt.asked)
        board.finish(hop)

    @contextmanager
    def _asked(self, hop: Hop, reader: Reader, loader: Loader) -> Iterator[None]:
        """The source's server says what it holds of some slices, while the target makes keys; what it said is kept."""
        if not self._asking.asks(hop):
            yield
            return
        with self._writer or nullcontext():
            receipts = loader.ledger.receipts(self._job.plan.run)
        with ThreadPoolExecutor(1, "ropeway-asking") as pool:
            answers = pool.submit(self._asking.answers, hop, receipts, reader, self._instant)
            try:
                yield
            except BaseException:
                # Rows that break a constraint are mended, and the run goes on: at another instant.
                with suppress(Exception):
                    self._keep(answers.result(), loader)
                raise
        self._keep(answers.result(), loader)

    def _keep(self, answers: Sequence[Receipt], loader: Loader) -> None:
        with self._writer or nullcontext():
            for answer in answers:
                record(self._job.plan.run, answer, loader)

    def _prove(self, hop: Hop, reader: Reader, loader: Loader) -> None:
        lock = self._writer or threading.Lock()
        with lock:
            receipts = loader.ledger.receipts(self._job.plan.run)
        read = sum(r.read for r in receipts if r.hop == hop.name and r.slice)
        there = reader.count(hop)
        if read != there:
            raise EngineError(
                f"{hop.reads}: the slices read {read} rows, and count(*) at the same instant is {there}.",
                table=str(hop.reads),
                remedy="Nothing was published. This is a defect of the cuts: please report it; "
                "--slice-rows 0 reads the table in one piece.",
            )
        with lock:
            loader.ledger.journal(self._job.plan.run, proof_of(hop), "done")
        self._journal[proof_of(hop)] = "done"
