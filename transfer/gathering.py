"""Hops whose steps look at all rows: these are gathered in the stage, decided once, and read from there."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from errno import EDQUOT, ENOSPC
from pathlib import Path
from queue import Empty, SimpleQueue
from shutil import rmtree
from typing import Any

import pyarrow as pa

from . import room
from .behind import Gathered
from .calls import function_of
from .engine import Loader, Reader, Receipt, Rejected, Source
from .errors import DataError, EngineError, RequestError
from .flow import flow
from .job import Job
from .keymap import keep_keys, kept
from .ledger import keeping
from .plan import Follow, Hop, Plan, Slice
from .proposals import FOLDER, check_approved, review_of, reviewed
from .rejects import Behind, Rejecting
from .resume import proof_of
from .shaping import Field
from .stage import MERGED, Moved, Stage, memory_of
from .throttle import Pace

_SHARES = 5_000_000
_DECIDED = 1_000_000  # the journal's entries of what was decided are numbered apart from statements and proofs


@dataclass(frozen=True)
class Merged:
    """What a step over all rows did to a hop's: so many rows were removed, into so many others; some of them by
    `approved` pairs. So many pairs of others were `proposed`, in the file `review`, and so many that were approved are
    `left`. So many blocks were too large, and `uncompared`. The `whole` is into how many those of all hops that feed
    the table were.
    """

    hop: str
    removed: int
    into: int
    file: str
    approved: int = 0
    proposed: int = 0
    review: str = ""
    left: int = 0
    uncompared: int = 0
    whole: int = 0


class Staged:
    """A hop's rows as its stage has them, to be read as a reader's; those that refer to others of them follow."""

    def __init__(self, stage: Stage, maps: Maps) -> None:
        self._stage = stage
        self._maps = maps

    def read(self, hop: Hop, part: Slice, batch_bytes: int) -> Iterator[pa.RecordBatch]:
        del batch_bytes  # the files have batches of their own
        return self._maps.followed(self._maps.late(hop), self._stage.batches(part))

    def cancel(self) -> None:
        """Nothing goes on that could be stopped."""


class Following:
    """A reader of rows that refer to such as may be merged."""

    def __init__(self, reader: Reader, maps: Maps) -> None:
        self._reader = reader
        self._maps = maps

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)

    def followed(self, hop: Hop, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The batches with references to the rows that stay."""
        late = self._maps.late(hop)
        return self._maps.followed([follow for follow in hop.follows if follow not in late], batches)


class Maps:
    """What became of the keys of a run's merged rows; each is loaded when it is first asked for."""

    def __init__(self, stages: Mapping[str, Stage]) -> None:
        self._stages = stages
        self.order = _parents_first(stages)
        self._moved: dict[str, Moved] = {}
        self._lock = threading.Lock()

    def late(self, hop: Hop) -> list[Follow]:
        """References of staged rows that follow once these are decided: to the table itself, or in a circle."""
        stage = self._stages.get(hop.name)
        if stage is None:
            return []
        if len(stage.feeders) > 1:  # all its rows are there before anything is decided
            return list(hop.follows)
        earlier = self.order[: self.order.index(stage)]
        return [follow for follow in hop.follows if self._stages[follow.hop] not in earlier]

    def followed(self, follows: Sequence[Follow], batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The batches with columns that refer to the rows that stay."""
        for batch in batches:
            made = batch
            for follow in follows:
                made = self._of(follow.hop).followed(follow.columns, made)
            yield made

    def _of(self, hop: str) -> Moved:
        with self._lock:
            if not self._stages[hop].removed.exists():
                raise _gone(self._stages[hop])
            if hop not in self._moved:
                stage = self._stages[hop]
                self._moved[hop] = Moved(stage, next(one for one in stage.feeders if one.name == hop))
            return self._moved[hop]


class Gathering:
    """The stages of a run's hops."""

    def __init__(
        self, job: Job, loader: Loader, journal: dict[str, str], writer: threading.Lock | None, stop: threading.Event,
        pace: Pace,
    ) -> None:  # fmt: skip
        self._job = job
        self._loader = loader
        self._journal = journal
        self._writer = writer
        self._stop = stop
        self._pace = pace
        self._stages = stages_of(job.plan, folder_of(job))
        self._maps = Maps(self._stages)
        self.rejecting = Rejecting(job, writer or nullcontext(), self._staged)

    def _staged(self) -> list[Gathered]:
        return [one for stage in dict.fromkeys(self._stages.values()) for one in stage.gathered()]

    def reader(self, hop: Hop, reader: Reader) -> Reader:
        """Who a slice's rows are read from."""
        if hop.over:
            return Staged(self._stages[hop.name], self._maps)  # type: ignore[return-value]  # it reads, no more
        return Following(reader, self._maps) if hop.follows else reader

    def gathered(self, hop: Hop, part: Slice, loader: Loader) -> tuple[int, list[Rejected]] | None:
        """Of a slice that is read from its stage, how many rows of the source it was made of, and those left behind."""
        if not hop.over:
            return None
        stage = self._stages[hop.name]
        if behind := stage.behind(part):
            with self._writer or nullcontext():
                keeping(loader.ledger).prepare_rejects()
        return stage.read(part), behind

    def instant(self, hop: Hop, instant: str) -> str:
        """Of which instant a hop's rows are."""
        return next(iter(self._stages[hop.name].instants(hop))) if hop.over else instant

    def prepare(self, hops: Sequence[Hop], source: Source, readers: Sequence[Reader], instant: str) -> None:
        """Gather and decide what of these hops is not decided yet, each after those that it refers to."""
        names = {hop.name for hop in hops}
        needed = names | {follow.hop for hop in hops for follow in hop.follows}
        for stage in self._maps.order:
            state, own = self._journal.get(decided(stage.hop), ""), {hop.name for hop in stage.feeders}
            if state:
                check_approved(stage.hop, json.loads(state).get("pairs", ""))
            if own & needed and state:
                _check(stage, json.loads(state)["sum"])
            elif own & names:
                assert len(own) == 1  # noqa: S101 - those of several are decided before any group is moved
                self._gather(stage, stage.hop, source, readers, instant)
                self._decide(stage)

    def undecided(self, hops: Sequence[Hop]) -> list[Hop]:
        """Those of which the rows are decided with those of other sources, and are not yet."""
        stages = {hop.name: self._stages[hop.name] for hop in hops if hop.over}
        return [
            hop for hop in hops
            if hop.over and len(stages[hop.name].feeders) > 1 and decided(stages[hop.name].hop) not in self._journal
        ]  # fmt: skip

    def gather(self, hops: Sequence[Hop], source: Source, readers: Sequence[Reader], instant: str) -> None:
        """Gather hops that are decided once those of other sources are gathered, too."""
        for hop in hops:
            self._gather(self._stages[hop.name], hop, source, readers, instant)

    def decide(self) -> None:
        """Decide what is gathered of several sources."""
        for stage in self._maps.order:
            if self.undecided(stage.feeders):
                self._decide(stage)

    def finish(self, hop: Hop, loader: Loader, attempt: str) -> None:
        """All of a staged hop's slices have landed: prove that, and keep the keys of those that were merged."""
        with self._writer or nullcontext():
            self._prove(hop, loader.ledger.receipts(self._job.plan.run))
        for name in kept(hop):
            state = json.loads(self._journal[decided(hop)])
            if self._journal.get(name) != "done":
                _check(self._stages[hop.name], state["sum"])
                with self._writer or nullcontext():  # and nobody else's loader, for others work beside
                    keep_keys(self._job, self._stages[hop.name], loader, state["removed"], attempt)
                    loader.ledger.journal(self._job.plan.run, name, "done")
                self._journal[name] = "done"

    def _prove(self, hop: Hop, receipts: Sequence[Receipt]) -> None:
        """EngineError if a staged hop's rows do not balance: all but those that were removed are to have landed."""
        stage = self._stages[hop.name]
        landed = sum(one.loaded + one.rejected for one in receipts if one.hop == hop.name and one.slice > 0)
        landed -= sum(map(stage.count_behind, hop.slices))  # which were never staged
        removed, staged = (
            _removed(json.loads(self._journal[decided(stage.hop)]), hop, self._journal)[0],
            stage.rows(hop),
        )
        if landed != staged - removed:
            raise EngineError(
                f"{hop.named}: {staged} rows were staged, {removed} of them removed, and {landed} have landed.",
                table=str(hop.writes), remedy="This is a defect of Ropeway: please report it.",
            )  # fmt: skip

    def release(self) -> None:
        """List what was merged, and remove what is needed no more."""
        for stage in self._stages.values():
            if all(file.exists() for file in (*stage.files, stage.removed)):
                limits = self._job.limits
                self._step(stage.hop).report(stage, memory_of(limits.engines), limits.workers)
            for file in (*stage.files, *map(stage.left, stage.parts), stage.removed, stage.changed):
                file.unlink(missing_ok=True)

    def _gather(
        self, stage: Stage, hop: Hop, source: Source, readers: Sequence[Reader], instant: str
    ) -> None:  # fmt: skip
        """Read all slices that are not there yet, with all readers, and prove that they are the whole table."""
        if not (stage.instants(hop) <= {instant} and source.survives):
            stage.clear(hop)
        left: SimpleQueue[Slice] = SimpleQueue()
        for part in hop.slices:
            if not stage.has(part):
                left.put(part)
        with ThreadPoolExecutor(len(readers), "ropeway-gathering") as pool:
            for work in [pool.submit(self._take, stage, hop, left, reader, instant) for reader in readers]:
                work.result()
        read = sum(stage.read(part) for part in hop.slices)
        if self._job.plan.consistency != "none":
            there = readers[0].count(hop)
            if read != there:
                raise EngineError(
                    f"{hop.reads}: the slices read {read} rows, and count(*) at the same instant is {there}.",
                    table=str(hop.reads), remedy="Nothing was loaded. This is a defect of the cuts: please report it.",
                )  # fmt: skip
        self.rejecting.check(hop, stage.gathered())
        self._note(proof_of(hop), "done")
        self._job.progress.said(f"{hop.reads}: {read:,} rows are gathered.")

    def _take(self, stage: Stage, hop: Hop, left: SimpleQueue[Slice], reader: Reader, instant: str) -> None:
        hop = replace(hop, over=())
        while True:
            if not self._pace.ready(self._stop.is_set):
                raise KeyboardInterrupt
            try:
                part = left.get_nowait()
            except Empty:
                return
            self._put(stage, hop, part, reader, instant)

    def _put(self, stage: Stage, hop: Hop, part: Slice, reader: Reader, instant: str) -> None:
        """Stage a slice, whole or not at all, less what may be left behind; where the disk is full, wait for room."""
        again = rejecting = False
        follows = Following(reader, self._maps) if hop.follows else reader
        while True:
            try:
                if rejecting:
                    with self.rejecting.alone():
                        return self._stage_good(stage, hop, part, follows, instant)
                seen: list[int] = []
                rows = flow(hop, part, follows, self._job.limits.batch_bytes, seen.append)
                with closing(rows) as batches:  # type: ignore[type-var]  # a generator
                    stage.put(part, self._told(hop, batches), instant, lambda seen=seen: sum(seen))  # type: ignore[misc]
                return None
            except OSError as error:
                if error.errno not in (ENOSPC, EDQUOT) and "errno 28" not in str(error).lower():
                    raise
                what = f"the stage of {hop.reads} in {stage.folder}"
                again = room.awaited(self._job, what, error, self._stop, again=again)
                if not again:
                    raise EngineError(
                        f"There is no room for {what}.", table=str(hop.reads), remedy="Make some, and go on: --resume."
                    ) from error
            except DataError as error:
                if rejecting or not self.rejecting.may(hop, error):
                    raise
                rejecting = True

    def _stage_good(self, stage: Stage, hop: Hop, part: Slice, reader: Reader, instant: str) -> None:
        """Stage a slice without the rows that cannot be read, or that a transform refuses."""
        behind, seen, loader = Behind(hop, part), list[int](), self._loader

        def left() -> list[Rejected]:
            with self._writer or nullcontext():
                self.rejecting.permit(behind, loader, sum(seen))
            return behind.rows

        with self._writer or nullcontext():
            self.rejecting.permit(behind, loader, 0)
        rows = flow(hop, part, reader, self._job.limits.batch_bytes, seen.append, behind.refuse)
        with closing(rows) as batches:  # type: ignore[type-var]  # a generator
            stage.put(part, self._told(hop, batches), instant, lambda: sum(seen), left)
        self.rejecting.told(behind)

    def _told(self, hop: Hop, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            self._job.progress.moving(hop.name, batch.num_rows, batch.nbytes)
            self._pace.passed(batch.num_rows, batch.nbytes)
            yield batch

    def _decide(self, stage: Stage) -> None:
        """Once: the journal says what was decided, and the files of that are what is loaded from now on."""
        step, size = self._step(stage.hop), memory_of(self._job.limits.engines)
        found = step.decide(stage, size, self._job.limits.workers)
        state: dict[str, Any] = {"removed": found.removed, "into": found.into, "sum": stage.sum()}
        for hop in stage.feeders if len(stage.feeders) > 1 else ():  # one by one: an entry has 190 letters at most
            self._note(share_of(hop), json.dumps(stage.gone(hop)))
        if step.similar:
            proposed = step.similar.propose(stage, review_of(self._job.plan.run), size, self._job.limits.workers)
            state |= reviewed(self._job, stage, step.similar, found, proposed)
        self._note(decided(stage.hop), json.dumps(state, separators=(",", ":")))
        self._job.progress.said(f"{stage.hop.reads}: rows merged into others: {found.removed:,} into {found.into:,}.")

    def _step(self, hop: Hop) -> Any:
        (call,) = hop.over
        return function_of(call)(loaded_fields(hop), primary=hop.key, **dict(call.arguments))

    def _note(self, name: str, state: str) -> None:
        with self._writer or nullcontext():
            self._loader.ledger.journal(self._job.plan.run, name, state)
        self._journal[name] = state


def _parents_first(stages: Mapping[str, Stage]) -> list[Stage]:
    """The stages, in an order in which each finds what it refers to decided; of a circle, any."""
    left, made = list(dict.fromkeys(stages.values())), list[Stage]()
    while left:
        free = [
            one for one in left if not ({stages[f.hop] for h in one.feeders for f in h.follows} - {one}) & set(left)
        ]
        made += free or left[:1]
        left = [one for one in left if one not in made]
    return made


def stages_of(plan: Plan, folder: Path) -> dict[str, Stage]:
    """By each hop that is staged its stage, which is that of all that feed its table."""
    made: dict[str, Stage] = {}
    for hop in plan.hops:
        if hop.over:
            first, *_ = feeders = plan.feeders(hop)
            made[hop.name] = made.get(first.name) or Stage(folder, first, feeders)
    return made


def _check(stage: Stage, wanted: str) -> None:
    whole = stage.removed.exists() and all(stage.has(part) for part in stage.parts)
    if not whole or stage.sum() != wanted:
        raise _gone(stage)


def _gone(stage: Stage) -> RequestError:
    return RequestError(
        f"What the run had decided of {stage.hop.reads} is not in {stage.folder} any more.",
        table=str(stage.hop.reads),
        remedy="Go on in the folder in which the run was begun, or begin it anew with --fresh.",
    )  # fmt: skip


def decided(hop: Hop) -> str:
    """The journal's entry on what was decided of a hop."""
    number, _, rest = hop.name.partition(" ")
    return f"{-_DECIDED - int(number)} {rest} is decided"


def merged(plan: Plan, journal: dict[str, str]) -> tuple[Merged, ...]:
    """What was removed, by the journal of a run."""
    found = []
    for hop in plan.hops:
        first = plan.feeders(hop)[0]
        if hop.over and (state := journal.get(decided(first), "")):
            said: dict[str, Any] = json.loads(state)
            removed, into = _removed(said, hop, journal)
            file = Stage(FOLDER / plan.run / "stage", first).folder / MERGED
            review = str(review_of(plan.run) / said["file"]) if said.get("file") else ""
            if removed or len(plan.feeders(hop)) == 1:
                found.append(Merged(
                    hop.name, removed, into, str(file), said.get("by", 0), said.get("alike", 0), review,
                    said.get("left", 0), said.get("large", 0), said["into"],
                ))  # fmt: skip
    return tuple(found)


def share_of(hop: Hop) -> str:
    """The journal's entry on what was removed of the rows of one of several hops that feed a table."""
    number, _, rest = hop.name.partition(" ")
    return f"{-_SHARES - int(number)} {rest}: its share"


def _removed(said: dict[str, Any], hop: Hop, journal: Mapping[str, str]) -> tuple[int, int]:
    """How many of a hop's rows were removed, and into how many others, by what the journal says."""
    share = journal.get(share_of(hop), "")
    removed, into = json.loads(share) if share else (said["removed"], said["into"])
    return int(removed), int(into)


def loaded_fields(hop: Hop) -> tuple[Field, ...]:
    """A hop's columns as they are loaded, and staged."""
    return tuple(Field(one.target, one.type, one.nullable, one.source) for one in hop.columns)


def check(hops: Sequence[Hop], stages: Mapping[str, Stage] | None = None) -> None:
    """RequestError for a step over all rows that does not fit its hop; of several sources their `stages` are known."""
    maps = Maps(stages or {hop.name: Stage(FOLDER, hop) for hop in hops if hop.over})
    for hop in (one for one in hops if one.over):
        (call,) = hop.over
        step = function_of(call)(loaded_fields(hop), primary=hop.key, **dict(call.arguments))
        late = {name for follow in maps.late(hop) for name in follow.columns} & set(step.named)
        if late:
            raise RequestError(
                f"{hop.reads}: {', '.join(sorted(late))} refers to rows that are merged with these, and cannot tell "
                "which of these are one.", table=str(hop.reads), remedy="Leave it out of the key.",
            )  # fmt: skip


def folder_of(job: Job) -> Path:
    """Where a run's stage lies."""
    return FOLDER / job.plan.run / "stage"


def forget(run: str) -> None:
    """Remove what lies here of a run's stage, the lists of what was merged too."""
    rmtree(FOLDER / run / "stage", ignore_errors=True)


def groups_of(plan: Plan) -> list[list[Hop]]:
    """What is read at one instant; those that are merged, and those that follow, wait for each other anyway."""
    if plan.consistency != "table":
        return [list(plan.hops)]
    linked = [hop for hop in plan.hops if hop.over or hop.follows]
    return [*([linked] if linked else []), *([hop] for hop in plan.hops if hop not in linked)]
