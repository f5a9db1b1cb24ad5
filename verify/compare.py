"""Comparing what was read with what the target holds. Never writes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from ..transfer.engine import Engine, Receipt, Session
from ..transfer.engines import engine_of
from ..transfer.errors import DataError
from ..transfer.place import Address
from ..transfer.plan import Hop, Plan
from ..transfer.quarantine import quarantined
from ..transfer.resume import unfed
from ..transfer.schema.modes import beside, moved_keys
from ..transfer.schema.quarantine import quarantine
from ..transfer.verification import read_back, target_sum
from . import asked
from .asked import disputed
from .checksum import Sum
from .partitions import parted
from .report import COUNTS_EQUAL, DIFFERENT, EQUALS_READ, EQUALS_SOURCE, NOT_VERIFIED, Report, TableReport
from .selftest import check_forms


@dataclass(frozen=True)
class _Target:
    """A place, and the condition of the rows that are meant; '' for all."""

    engine: Engine
    session: Session
    address: Address
    where: str = ""

    def by(self, how: str) -> str:
        return f"{how}, of the rows whose keys were merged" if self.where else how


def compare(plan: Plan, receipts: Sequence[Receipt], level: str, target: Address) -> Report:
    """Compare each table's receipts with the target, on a connection of its own.

    `standard` takes the checksum of what was read, computed in flight, and the target's: by its
    server, or where that cannot, by reading back. Of some slices the source's own server told the run what it holds
    (asked.py). `count` compares counts.
    """
    engine = engine_of(plan.target.scheme)
    if engine.landing == "memory":
        return Report(level, tuple(_unverified(hop, level, "this target keeps nothing") for hop in plan.hops))
    session = engine.connect(target)
    try:
        place = _Target(engine, session, target)
        if level != "count":
            check_forms(engine, session, forms_of(plan.hops))
        return Report(level, tuple(_tables(plan, receipts, level, place)))
    finally:
        session.close()


def _unverified(hop: Hop, level: str, reason: str) -> TableReport:
    return TableReport(hop.named, str(hop.writes), level, NOT_VERIFIED, reason)


def _tables(plan: Plan, receipts: Sequence[Receipt], level: str, target: _Target) -> Iterator[TableReport]:
    """A report for each hop. Where several feed a table, each has that of the whole table, which is compared once."""
    whole: dict[str, TableReport] = {}
    for hop in plan.hops:
        feeders, name = plan.feeders(hop), str(hop.writes)
        if name not in whole:
            whole[name] = _table(plan, feeders, receipts, level, target)
        one = whole[name]
        if len(feeders) > 1:
            said = f"of the whole table, which {', '.join(feeder.named for feeder in feeders)} feed"
            one = replace(one, source=hop.named, reason="; ".join(filter(None, (one.reason, said))))
        yield one


def _table(plan: Plan, feeders: Sequence[Hop], receipts: Sequence[Receipt], level: str, target: _Target) -> TableReport:
    """The claim on a table, by the receipts of all that feed it."""
    hop, names = feeders[0], {one.name for one in feeders}
    mine = [r for r in receipts if r.hop in names and r.slice]
    before = next((r for r in receipts if r.hop == hop.name and not r.slice), None)
    if unfed(plan, receipts, feeders):
        return _unverified(hop, level, "the run is not finished")
    if hop.mode == "merge":
        target = replace(target, where=moved_keys(target.engine, hop, plan.run))
    if target.where and not target.session.ask(target.engine.exists(beside(hop, plan.run, "keys"))):
        return _unverified(hop, level, "the keys that it merged are not known any more: 'ropeway clean' took them")
    read = sum((r.loaded if hop.transforms or hop.over else r.read - r.rejected) for r in mine)
    empty = TableReport(hop.named, str(hop.writes), level, NOT_VERIFIED, rows_source=read)
    summed = all(r.checksum or not r.loaded for r in mine)
    if level in ("standard", "full") and plan.checksum and summed:
        return _by_checksum(plan, hop, mine, before, target)
    why = "" if level == "count" else "the run computed no checksum of what it read"
    others, said = aside(plan, hop, target.session, target.engine)
    said = "; ".join(filter(None, (said, rejected(mine))))
    held = sum(
        target_sum(target.engine, target.session, one, want_sum=False, where=target.where)[0] for one in (hop, *others)
    )
    held -= before.loaded if before else 0
    claim = COUNTS_EQUAL if held == read else DIFFERENT
    return replace(empty, level="count", claim=claim, reason="; ".join(filter(None, (why, said))), rows_target=held,
                   how=target.by(f"counted by {target.engine.name}"))  # fmt: skip


def aside(plan: Plan, hop: Hop, session: Session, engine: Engine) -> tuple[tuple[Hop, ...], str]:
    """Where rows of a hop lie that broke a constraint, as if it had written there, and a word on them."""
    found = quarantined(plan, [hop], session, engine)
    if not found:
        return (), ""
    rows = sum(one.rows for one in found)
    said = f"with the {rows:,} of its rows that broke a constraint and lie in {found[0].lie_in}"
    return (replace(hop, writes=quarantine(hop, plan.run)),), said


def rejected(mine: Sequence[Receipt]) -> str:
    """A word on rows that the run kept in its ledger in place of the table; '' if there are none."""
    rows = sum(one.rejected for one in mine)
    return f"but for {rows:,} rejected rows" if rows else ""


def overfull(mine: Sequence[Receipt]) -> str:
    """Which slice brought more rows than were read of it, by its own receipt; '' if none did.

    No transform makes more rows than it gets, and of rows that are decided together each is read once.
    """
    for one in mine:
        if 0 < one.read < one.loaded + one.rejected:
            return (
                f"of slice {one.slice} {one.read:,} rows were read, and its receipt says that {one.loaded:,} landed "
                f"and {one.rejected:,} were rejected: some landed twice"
            )
    return ""


def _by_checksum(plan: Plan, hop: Hop, mine: Sequence[Receipt], before: Receipt | None, target: _Target) -> TableReport:
    # Both servers, segment by segment: full.py, for what both places hold by then.
    empty = TableReport(hop.named, str(hop.writes), "standard", NOT_VERIFIED)
    expected = sum((Sum.parse(r.checksum) for r in mine if r.checksum), Sum.zero())
    others, said = aside(plan, hop, target.session, target.engine)
    said = "; ".join(filter(None, (said, rejected(mine))))
    held, how = Sum.zero(), ""
    parts, whole = None, not others and not before and not target.where
    try:
        parts = parted(target.engine, target.session, target.address, hop, mine, plan.checksum) if whole else None
        if parts:
            held, how = sum(parts.held.values(), Sum.zero()), _how(target, served=parts.served)
        for one in () if parts else (hop, *others):
            part, how = _held(plan, one, target)
            held += part
    except DataError as error:
        return replace(empty, rows_source=expected.count, claim=DIFFERENT, reason=told(error))
    if before and before.checksum:
        held -= Sum.parse(before.checksum)
    elif before and before.loaded:
        return replace(empty, reason="rows that were there before have no checksum to subtract")
    other = overfull(mine) or disputed(hop, mine)
    same = held == expected and not other and not (parts and parts.differing)
    claim = (EQUALS_SOURCE if hop.raw else EQUALS_READ) if same else DIFFERENT
    if hop.raw:
        how += ", and the source's by its own server at the same instant"
    return replace(
        empty, rows_source=expected.count, claim=claim, how=how, rows_target=held.count,
        reason="; ".join(filter(None, (other, said, parts.said if parts else ""))), asked=asked.told(plan, hop, mine),
        checksum_source=expected.text(), checksum_target=held.text(), left_out=left_out(hop),
        segments=len(parts.held) if parts else -1, differing_segments=len(parts.differing) if parts else -1,
    )  # fmt: skip


def _held(plan: Plan, hop: Hop, target: _Target) -> tuple[Sum, str]:
    """The checksum of a hop's target, and who computed it."""
    assert plan.checksum  # noqa: S101 - looked at by the caller
    _, text = target_sum(target.engine, target.session, hop, want_sum=True, where=target.where)
    if text:
        return Sum.parse(text), _how(target, served=True)
    back = read_back(target.engine, target.address, hop, plan.checksum, target.where)
    return Sum.parse(back), _how(target, served=False)


def _how(target: _Target, *, served: bool) -> str:
    name = target.engine.name
    return target.by(f"computed by {name} in SQL" if served else f"by reading {name} back through Ropeway's driver")


def forms_of(hops: Iterable[Hop]) -> set[str]:
    """The canonical forms that the checksums of some hops are made of."""
    return {column.canon.form for hop in hops for column in hop.columns}


def told(error: DataError) -> str:
    """A refusal of a value in one line, without the remedy, which is for moving it."""
    return f"a value could not be read: {str(error).splitlines()[0]}"


def left_out(hop: Hop) -> tuple[str, ...]:
    padded = (f"trailing spaces of {column.target}" for column in hop.columns if column.canon.form == "padded")
    return (*padded, *(f"whether {column.target} was empty or NULL" for column in hop.columns if column.nulled))
