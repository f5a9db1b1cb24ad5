"""What of an unfinished table still stands when its run is taken up again.

A snapshot dies with the process that held it. So a resume comes back to a durable instant, or proves
that the source did not change: by its mark, or by reading the finished slices once more and comparing
checksums, and the rows that were rejected. Otherwise the table starts over, unless mixing instants is allowed and its
cuts are by key.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import pyarrow as pa

from .calls import function_of
from .commit import start_over, thin_out
from .engine import Loader, Reader, Receipt, Rejected, Source
from .errors import DataError, EngineError
from .flow import flow
from .job import Job
from .piecemeal import TOO_LARGE, in_pieces, unrejected
from .plan import Hop, Plan, Slice
from .rejects import row_of
from .replay import rejected
from .schema.modes import beside
from .schema.sql import counted
from .unfit import LOAD, told_apart


class Standing(NamedTuple):
    """What the question needs: the job, the source at its new instant, a reader of it, a loader."""

    job: Job
    source: Source
    reader: Reader
    loader: Loader


def all_standing(
    looks: Mapping[str, Standing], hops: Sequence[Hop], receipts: Sequence[Receipt], journal: Mapping[str, str]
) -> dict[str, set[int]]:  # fmt: skip
    """The same of several hops, each before those that wait for it."""
    found: dict[str, set[int]] = {}
    for hop in hops:
        look = looks[hop.name]
        found[hop.name] = standing(look, hop, receipts, proven=journal.get(proof_of(hop)) == "done")
        if not found[hop.name] and any(one.hop == hop.name and one.slice for one in receipts):
            receipts = look.loader.ledger.receipts(look.job.plan.run)  # those that refer to it started over, too
    return found


def standing(look: Standing, hop: Hop, receipts: Sequence[Receipt], *, proven: bool) -> set[int]:
    """The numbers of the slices that keep their receipts; the others are to be moved.

    `proven` says that all slices landed and added up to a count of their own instant.
    A table whose rows changed is emptied, and its receipts are revoked, before this returns.
    """
    mine = {r.slice: r for r in receipts if r.hop == hop.name and r.slice}
    if any(part.hop == hop.name for part in parts_of(look)):  # which rows of such a slice landed, that process knew
        _start_over(look, hop, receipts)
        return set()
    # Frozen means one unwritten state for all tables: a table that was proven at another is looked at again.
    if not mine or (proven and look.job.plan.consistency != "frozen") or _same_instant(look, mine):
        return set(mine)
    if _unchanged(look, hop, mine):
        look.job.progress.said(f"{hop.named}: {len(mine)} slices stand, their rows are unchanged.")
        return set(mine)
    if look.job.mix_instants and all(part.cut.kind in ("range", "nulls") for part in hop.slices):
        look.job.progress.said(f"{hop.named}: goes on at another instant, as --mix-instants allows.")
        return set(mine)
    _start_over(look, hop, receipts)
    return set()


def parts_of(look: Standing) -> list[Receipt]:
    """What landed of slices that lay in several transactions when their process ended."""
    parts = getattr(look.loader.ledger, "parts", None)  # files have no transactions
    return list(parts(look.job.plan.run)) if parts else []


def go_back(source: Source, hops: Sequence[Hop], receipts: Sequence[Receipt], lost: str) -> None:
    """To the instant of an earlier process, where the engine keeps such: what has landed then stands as it is.

    One that was `lost` while it was read is not tried again: some of it may still be there.
    """
    back = getattr(source, "return_to", None)
    names = {hop.name for hop in hops if not hop.over}
    instants = {receipt.instant for receipt in receipts if receipt.slice and receipt.hop in names}
    if back and len(instants) == 1 and lost not in instants:
        back(instants.pop(), hops)


def _same_instant(look: Standing, mine: dict[int, Receipt]) -> bool:
    instants = {receipt.instant for receipt in mine.values()}
    mark = look.source.mark()
    if look.source.survives and instants == {look.source.instant}:
        return True
    return look.job.plan.consistency == "frozen" and bool(mark) and instants == {f"frozen {mark}"}


def _unchanged(look: Standing, hop: Hop, mine: dict[int, Receipt]) -> bool:
    """Read the finished slices at the new instant: equal checksums mean that they are its rows too."""
    if not look.job.plan.checksum or any(receipt.loaded and not receipt.checksum for receipt in mine.values()):
        return False
    gone = [one for one in rejected(look.job.plan, look.loader) if one.hop == hop.name]
    try:
        return all(
            _same(look, hop, part, mine[part.number], [one for one in gone if one.slice == part.number])
            for part in hop.slices
            if part.number in mine
        )
    except DataError:  # a row that came later
        return False


def _same(look: Standing, hop: Hop, part: Slice, receipt: Receipt, gone: Sequence[Rejected]) -> bool:
    """Whether a slice has the rows that it had: those that landed, and those that were rejected, each at its stage."""
    assert look.job.plan.checksum  # noqa: S101 - looked at by the caller
    add: Any = function_of(look.job.plan.checksum)
    canons = tuple(column.canon for column in hop.columns)
    known = Counter(told_apart(hop, one.stage, row_of(one), add) for one in gone if one.stage != LOAD)
    heard: Counter[str] = Counter()

    def hear(stage: str, row: pa.RecordBatch, _: DataError) -> None:
        heard[told_apart(hop, stage, row, add)] += 1

    total: Any = None
    for batch in flow(hop, part, look.reader, look.job.limits.batch_bytes, refuse=hear if known else None):
        one = add(batch, canons)
        total = one if total is None else total + one
    refused = [add(row_of(one), canons).text() for one in gone if one.stage == LOAD]  # by the target
    return heard == known and _adds_up(total, [*filter(None, [receipt.checksum]), *refused])


def _adds_up(total: Any, parts: Sequence[str]) -> bool:
    """Whether a verify Sum, None of no rows, is that of some texts of such."""
    if total is None or not parts:
        return total is None and not parts
    first, *others = (type(total).parse(part) for part in parts)
    return bool(total == sum(others, first))


def _start_over(
    look: Standing, hop: Hop, receipts: Sequence[Receipt], why: str = "changed since the run was interrupted"
) -> None:  # fmt: skip
    """Empty a table and revoke what landed in it: of all that feed it, for their rows cannot be told apart.

    Where foreign keys hold while rows come, those that refer to it start over before.
    """
    target, loader, run = look.job.target, look.loader, look.job.plan.run
    feeders = look.job.plan.feeders(hop)
    if target.parents_first and not hop.merge:  # what is merged stays there
        _start_referring_over(look, hop, {one.name for one in feeders})
    landed = behind = 0
    if hop.merge:
        # Merged rows are overwritten by the newer ones, and merging twice changes nothing; but the keys are others.
        empty = target.empty(beside(hop, run, "keys"))
    else:
        relation, names = target.relation(hop.into), {one.name for one in feeders}
        every = [one for one in (*receipts, *parts_of(look)) if one.hop in names and one.slice > 0]
        landed, behind = sum(one.loaded for one in every), sum(one.rejected for one in every)
        there = int(str(loader.ask(f"SELECT {counted(target)} FROM {relation}")[0][0]))
        if there != landed + _before(hop, receipts):
            raise EngineError(
                f"{hop.into} holds {there} rows, and the run's receipts say {landed}: somebody else wrote.",
                table=str(hop.into), remedy="Look at the table; 'ropeway clean' undoes the run.",
            )  # fmt: skip
        empty = target.empty(hop.into)
    said = "the table starts over" + (", with all that goes into it" if len(feeders) > 1 else "")
    if any(part.hop in {one.name for one in feeders} for part in parts_of(look)):
        why = "holds a part of a slice that was too large for one transaction"
    look.job.progress.said(f"{hop.named} {why}: {said}.")
    for one in feeders:  # before: a proof of rows that are gone would be taken for one of those that come
        loader.ledger.journal(run, proof_of(one), "revoked")
    try:
        start_over(run, feeders, empty, loader)
    except Exception as error:
        thin = getattr(target, "thin", None)
        if target.classify(error) not in TOO_LARGE or hop.merge or not thin:
            raise
        _thinned(look, hop, landed, behind)
        start_over(run, feeders, empty, loader)


def _before(hop: Hop, receipts: Sequence[Receipt]) -> int:
    """Rows that were there before the run where it appends to them directly, as to a folder of files: these stay."""
    return sum(one.loaded for one in receipts if one.hop == hop.name and not one.slice and hop.into == hop.writes)


def _start_referring_over(look: Standing, hop: Hop, feeders: set[str]) -> None:
    """Each table with foreign keys to a hop's, in a transaction of its own: else its rows count as there still."""
    for one in look.job.plan.hops:
        if feeders & {*one.after}:
            receipts = look.loader.ledger.receipts(look.job.plan.run)  # it may have started over for another's sake
            if any(each.hop == one.name and each.slice > 0 for each in (*receipts, *parts_of(look))):
                _start_over(look, one, receipts, f"refers to {hop.into}")


def _thinned(look: Standing, hop: Hop, rows: int, behind: int) -> None:
    """Delete in several transactions what one is too small for, so many rejected rows first; each says what it left.

    So it is known, before the first is gone, that the table starts over.
    """
    run, feeders, loader = look.job.plan.run, look.job.plan.feeders(hop), look.loader
    left = Receipt(hop.name, 1, "thinned", look.source.instant, read=0, loaded=rows, rejected=behind)
    if behind:
        thin_out(run, feeders, "", left, loader)
        unrejected(run, feeders, look.job.target, loader)

    def thin(start: int, end: int) -> None:
        delete = look.job.target.thin(hop.into, end - start)  # type: ignore[attr-defined]  # the caller has looked
        thin_out(run, feeders, delete, replace(left, loaded=rows - end, rejected=0), loader)

    in_pieces(rows, thin, look.job.target, first=rows // 2)


def unfed(plan: Plan, receipts: Sequence[Receipt], hops: Sequence[Hop] | None = None) -> list[str]:
    """The hops, of all if none are named, of which not all slices have receipts, as people are told."""
    landed = Counter(receipt.hop for receipt in receipts if receipt.slice > 0)
    return [hop.named for hop in (plan.hops if hops is None else hops) if landed[hop.name] < len(hop.slices)]


LOST = "0 the instant that cannot be read any more"  # the journal's entry whose state is that instant


def proof_of(hop: Hop) -> str:
    """The journal's entry that a hop's slices added up to its count; numbered apart from statements."""
    return f"-{hop.name} is whole"
