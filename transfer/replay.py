"""Loading a run's rejected rows once more, after what was in their way is mended: each lands once, or stays kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import pyarrow as pa

from .calls import function_of
from .commit import land_again, tried
from .engine import Engine, Loader, Receipt, Rejected
from .engines import engine_of
from .errors import DataError, RequestError, RopewayError
from .flow import Tally, after_reading
from .intact import intact
from .ledger import ROLLED_BACK, UNDOING, keeper
from .piecemeal import in_pieces
from .plan import Hop, Plan, Slice
from .rejects import concerns_rows, row_of
from .start import held, holder
from .unfit import READ, TRANSFORM


@dataclass(frozen=True)
class Replayed:
    """What became of the rejected rows of a slice."""

    hop: str
    slice: int
    landed: int
    left: tuple[Rejected, ...]


def replay(plan: Plan, engine: Engine, loader: Loader) -> list[Replayed]:
    """Load what is kept, slice by slice, each with its receipt in one transaction, or in as many as it takes.

    RequestError where that cannot be. The loader holds the tables: nobody else's run writes them meanwhile. What is
    known from before it did may be so no longer, and is asked again: while it waited, another may have loaded the rows.
    """
    hops = {one.hop for one in rejected(plan, loader)}
    _check(plan, hops, loader)
    for hop in (plan.hop(name) for name in sorted(hops)):
        if not held(loader, str(hop.writes)):
            raise holder(loader, hop.writes)
    _check(plan, hops, loader)
    kept = rejected(plan, loader)
    _check_counts(plan, kept, loader)
    made = []
    for (name, number), rows in groupby(kept, lambda one: (one.hop, one.slice)):
        made.append(_slice(plan, plan.hop(name), number, list(rows), engine, loader))
    return made


def rejected(plan: Plan, loader: Loader) -> list[Rejected]:
    """A run's rejected rows; the ledger has their table only where a receipt counts some."""
    counted = {(one.hop, one.slice) for one in loader.ledger.receipts(plan.run) if one.rejected}
    if not counted:
        return []
    # Those of a slice that has landed in part go with it, where the table starts over.
    return [one for one in keeper(loader.ledger).rejected(plan.run) if (one.hop, one.slice) in counted]


def _check(plan: Plan, hops: set[str], loader: Loader) -> None:
    state = next(str(row[3]) for row in loader.ledger.runs() if row[0] == plan.run)
    if state in ("running", UNDOING):
        raise RequestError(f"Run {plan.run} did not end.", remedy="Go on with --resume first.")
    if state == ROLLED_BACK:
        raise RequestError(
            f"Run {plan.run} was rolled back: what stands in its tables' places is not what its rows belong to.",
            remedy="'ropeway rejects RUN --out DIR' writes them.",
        )
    if engine_of(plan.target.scheme).landing != "transaction":
        raise RequestError(
            "Nothing is added to files once their run has ended.",
            remedy="'ropeway rejects RUN --out DIR' writes the rows, for a job of their own.",
        )
    _check_latest(plan, hops, loader)
    for hop in (plan.hop(name) for name in hops):
        if hop.follows or hop.over:
            raise RequestError(
                f"The rejected rows of {hop.writes} cannot be loaded by themselves: which rows are one, and what "
                "refers to them, was decided over the whole table.", table=str(hop.writes),
                remedy="'ropeway rejects RUN --out DIR' writes them; mend the source and move the table again.",
            )  # fmt: skip


def _check_counts(plan: Plan, kept: Sequence[Rejected], loader: Loader) -> None:
    """RequestError where a receipt counts other rejected rows than are kept, so that none would be true afterwards."""
    there = Counter((one.hop, one.slice) for one in kept)
    for one in loader.ledger.receipts(plan.run):
        if one.rejected and one.loaded + one.rejected > one.read:
            raise RequestError(
                f"{one.hop}, slice {one.slice}: {one.read} rows were read, and its receipt says that {one.loaded} "
                f"landed and {one.rejected} were rejected: some landed twice.",
                remedy="Nothing was loaded. Move the table again.",
            )
        if (found := there[one.hop, one.slice]) != one.rejected:
            raise RequestError(
                f"{one.hop}, slice {one.slice}: its receipt counts {one.rejected} rejected rows, and {found} "
                f"{'is' if found == 1 else 'are'} kept: 'ropeway clean' was begun, or somebody wrote into the ledger.",
                remedy="Nothing was loaded. 'ropeway rejects RUN --out DIR' writes what is kept.",
            )


def _check_latest(plan: Plan, hops: set[str], loader: Loader) -> None:
    """RequestError where a later run wrote a table: it may have brought these rows, or newer ones."""
    mine = {plan.hop(name).writes for name in hops}
    names = [str(row[0]) for row in loader.ledger.runs()]
    for later in names[names.index(plan.run) + 1 :]:
        if met := mine & {hop.writes for hop in intact(later, loader).landings}:
            raise RequestError(
                f"Run {later} wrote {', '.join(sorted(map(str, met)))} after run {plan.run}: it may have brought these "
                "rows, or newer ones.", remedy="'ropeway rejects RUN --out DIR' writes them, for a job of their own.",
            )  # fmt: skip


def _slice(plan: Plan, hop: Hop, number: int, kept: Sequence[Rejected], engine: Engine, loader: Loader) -> Replayed:
    part = next(part for part in hop.slices if part.number == number)
    receipt = next(r for r in loader.ledger.receipts(plan.run) if (r.hop, r.slice) == (hop.name, number))
    aims = _aims(hop, engine, loader)
    every: list[Rejected] = []
    landed = 0

    def again(start: int, end: int) -> None:
        nonlocal receipt, landed
        some = kept[start:end]
        good, left = _parted(hop, part, aims, some, engine, loader)
        if good:
            more, gone = receipt.loaded + len(good), receipt.rejected - len(good)
            settled = replace(_summed(plan, hop, receipt, good), loaded=more, rejected=gone)
            receipt = land_again(plan.run, aims, part, settled, _joined(good), some, left, loader)
        every.extend(left)
        landed += len(good)

    if hop.merge:  # which looks for twins among all
        again(0, len(kept))
    else:
        in_pieces(len(kept), again, engine)
    return Replayed(hop.name, number, landed, tuple(every))


def _parted(
    hop: Hop, part: Slice, aims: Sequence[Hop], kept: Sequence[Rejected], engine: Engine, loader: Loader
) -> tuple[list[pa.RecordBatch], list[Rejected]]:
    """The rows that are taken now, and those that are not, with what is said of them now."""

    def refusal(rows: Sequence[pa.RecordBatch]) -> Exception | None:
        try:
            for aim in aims:
                tried(loader, aim, part, _joined(rows))
        except Exception as error:
            if not concerns_rows(error, engine):
                raise
            return error
        return None

    good: list[pa.RecordBatch] = []
    left: list[Rejected] = []
    those: list[Rejected] = []  # whose rows are good so far
    for one in kept:
        if one.stage == READ:  # what of it came is no row that could be loaded
            left.append(one)
            continue
        try:
            good.append(_as_loaded(hop, one))
            those.append(one)
        except DataError as error:
            left.append(_for(one, error))
    if refusal(good) is None:
        return good, left
    alone, good = good, []
    for one, row in zip(those, alone, strict=True):
        said = refusal([row]) or refusal([*good, row])  # by itself, or beside those before it
        good, left = (good, [*left, _for(one, said)]) if said else ([*good, row], left)
    return good, left


def _for(kept: Rejected, error: Exception) -> Rejected:
    said = error.message if isinstance(error, RopewayError) else str(error).strip()
    return replace(kept, reason=said.replace("\0", ""))


def _joined(rows: Sequence[pa.RecordBatch]) -> list[pa.RecordBatch]:
    return list(pa.Table.from_batches(rows).combine_chunks().to_batches()) if rows else []


def _aims(hop: Hop, engine: Engine, loader: Loader) -> list[Hop]:
    """Where rows go: the table itself, and the staging by which those of an append can be taken out again."""
    if hop.merge:
        return [hop]
    there = hop.mode == "append" and hop.into != hop.writes and loader.ask(engine.exists(hop.into))
    return [replace(hop, into=hop.writes), *([hop] if there else [])]


def _as_loaded(hop: Hop, kept: Rejected) -> pa.RecordBatch:
    """DataError where a transform refuses the row again, or leaves it out by now."""
    row = row_of(kept)
    if kept.stage != TRANSFORM:
        return row
    made = list(after_reading(hop, None, (one for one in [row])))  # type: ignore[arg-type]  # nothing follows: see _check
    if sum(one.num_rows for one in made) != 1:
        raise DataError("A filter leaves the row out.", table=str(hop.reads))
    return made[0]


def _summed(plan: Plan, hop: Hop, receipt: Receipt, rows: Sequence[pa.RecordBatch]) -> Receipt:
    """The receipt with the checksums of these rows too; as it is, where the run computed none."""
    if plan.checksum is None or (receipt.loaded and not receipt.checksum):
        return receipt
    tally = Tally(hop)
    for _ in tally.counted(iter(rows), plan, lambda *_: None):
        pass
    more = tally.receipt(receipt.slice, "", "", len(rows))
    kind = type(function_of(plan.checksum)(rows[0], tuple(column.canon for column in hop.columns)))

    def plus(one: str, other: str) -> str:
        return str((kind.parse(one) + kind.parse(other)).text()) if one and other else one or other

    before, added = _by_home(receipt.partitions), _by_home(more.partitions)
    homes = sorted(before.keys() | added.keys(), key=int)
    parts = ",".join(f"{home}={plus(before.get(home, ''), added.get(home, ''))}" for home in homes)
    return replace(receipt, checksum=plus(receipt.checksum, more.checksum), partitions=parts)


def _by_home(partitions: str) -> dict[str, str]:
    pairs = (one.partition("=") for one in partitions.split(",") if one)
    return {home: text for home, _, text in pairs}
