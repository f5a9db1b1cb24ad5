"""Comparing what both places hold now: every segment, then the rows of those that differ. Never writes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace

from ..transfer.engines import engine_of
from ..transfer.errors import DataError
from ..transfer.extremes import Holders
from ..transfer.place import Address
from ..transfer.plan import Hop, Plan
from ..transfer.segments import Division
from .cells import compare_rows, together
from .checksum import Sum
from .closer import Suspects, TooLarge, rows_of_suspects
from .compare import forms_of, left_out, told
from .manifest import Manifest, Proof
from .redecided import SAID, Redecided, is_decided
from .refused import rejected_by
from .report import (
    COUNTS_EQUAL,
    DIFFERENT,
    EQUALS_READ,
    EQUALS_SOURCE,
    NOT_VERIFIED,
    Compared,
    Report,
    TableReport,
)  # fmt: skip
from .sampled import Answer, sampled
from .segments import differing, stretches, whereabouts
from .selftest import check_forms
from .sides import Computed, Pair, Side, computed, division_of, held_by, held_in, key_extents, paired

_TOLD = 100  # differences that are told one by one
_WORDED = 5  # segments that a reason names
_LOOKED_AT = 20  # segments whose rows are read again for what is told
_TOO_LARGE = "the rows of the differing segments are too large to be read again"
_TWICE_BYTES = 64 << 20  # of rows that are looked at twice more


def full(
    plan: Plan, source: Address, target: Address, level: str, connections: int = 1, settle: float = 0, salt: str = ""
) -> tuple[Report, tuple[Proof, ...]]:  # fmt: skip
    """Compare each table of a plan as both places hold it now; and each one's segments, where there are any.

    At level `full` both servers compute their side as far as they can, for a large table over several connections. At
    `standard` the source's rows are read through Ropeway's driver, as a run reads them; at `count` rows are counted.
    Where something differs and `settle` is not 0, it is looked at again so many seconds later. A `salt` goes into the
    checksums of the proofs; what tells differences has none.
    """
    made, versions = [], ("", "")
    known = rejected_by(plan, engine_of(plan.target.scheme), target)
    with paired(plan, source, target, level, connections, known) as pairs:
        for pair in pairs:
            versions = (pair.one.version, pair.others[0].version)
            report, proof = _table(pair, level, settle, salt)
            said = (report.reason, pair.said, SAID if is_decided(pair.hop) and report.claim != NOT_VERIFIED else "")
            made.append((replace(report, reason="; ".join(filter(None, said))), proof))
    tables = tuple(one for one, _ in made)
    return Report(level, tables, versions=versions), tuple(proof for _, proof in made if proof)


def against(manifest: Manifest, target: Address) -> Report:
    """Compare a target with what a manifest says that it held."""
    engine, made = engine_of(target.place.scheme), []
    with closing(engine.connect(target)) as session:
        check_forms(engine, session, forms_of(manifest.plan.hops))
        tables = {table.name: table for table in engine.tables(session)}
        for proof in manifest.proofs:
            hop = manifest.plan.hop(proof.hop)
            sides, _ = held_by(manifest.plan, hop, engine, session, target, tables)
            made.append(_held_against(hop, sides, proof, manifest.written))
    return Report("full", tuple(made))


def _held_against(hop: Hop, sides: Sequence[Side], proof: Proof, written: str) -> TableReport:
    held = held_in(sides, proof.division)
    bad = differing(proof.target, held.sums)
    claim = DIFFERENT if bad or held.refused else EQUALS_READ
    then, now = (sum(sums.values(), Sum.zero()) for sums in (proof.target, held.sums))
    key = _key(hop, proof.division)
    where = "; ".join(whereabouts(proof.division, key, segment, segment) for segment in bad[:_WORDED])
    said = held.refused or (f"it differs where {where}" if bad else "")
    reason = ": ".join(filter(None, (f"against the manifest of {written}", said)))
    return TableReport(
        str(hop.reads), str(hop.writes), "full", claim, reason, how=held.how,
        rows_source=then.count, rows_target=now.count, checksum_source=then.text(), checksum_target=now.text(),
        left_out=left_out(hop), segments=len({**proof.target, **held.sums}), differing_segments=len(bad),
        stretches=stretches(proof.division, key, proof.target, held.sums),
    )  # fmt: skip


def _key(hop: Hop, division: Division) -> list[str]:
    return [hop.columns[place].target for place in division.places]


def _table(pair: Pair, level: str, settle: float, salt: str) -> tuple[TableReport, Proof | None]:
    hop, one, others = pair.hop, pair.one, pair.others
    empty = TableReport(str(hop.reads), str(hop.writes), level, NOT_VERIFIED)
    if hop.limit:
        return replace(empty, reason="a rehearsal moved a part of the rows"), None
    if hop.upon:
        return replace(empty, reason="it was its own source, and is that no more: the run alone could prove it"), None
    if is_decided(hop) and not isinstance(one.engine, Redecided):
        return replace(empty, reason="what was decided over all rows is proven by the run alone"), None
    if level == "count":
        report = _counted(pair, empty)
        return _but_for(report, _refused(pair)), None
    division = replace(division_of(hop, one, others[0]), salt=salt)
    watch = Holders() if level == "standard" else None
    expected, held = computed(pair, division, asked=level == "full", watch=watch)
    refused = _refused(pair)
    if held.refused:
        return replace(empty, claim=DIFFERENT, reason=held.refused), None
    report = _judged(pair, division, expected, held, empty)
    if settle and report.claim == DIFFERENT:
        bad = set(differing(expected.sums, held.sums))
        time.sleep(settle)
        _refused(pair)  # a closer look may have read rows again
        expected, held = computed(pair, division, asked=level == "full")
        refused = _refused(pair)
        still = [segment for segment in differing(expected.sums, held.sums) if segment in bad]
        report = _settled(pair, division, replace(report, claim=_equal(expected, held)), still, settle)
    if watch:
        report = _questioned(report, sampled(one, division, expected.sums, watch))
    return _but_for(report, refused), Proof(hop.name, division, expected.sums, held.sums)


def _refused(pair: Pair) -> tuple[int, int, str]:
    """What the reading of the source that has just ended told of rows that cannot come; the next one begins anew."""
    found = pair.one.refusals
    told = (found.rejected, found.others, found.said()) if found else (0, 0, "")
    if found:
        found.forget()
    return told


def _but_for(report: TableReport, refused: tuple[int, int, str]) -> TableReport:
    """A report with the source's rows that cannot come: the run's rejected ones, and others, which are a finding.

    None of them has a place in the target, and the comparison is of all others.
    """
    rejected, others, said = refused
    reason = "; ".join(filter(None, (report.reason, said)))
    return replace(
        report, reason=reason, claim=DIFFERENT if others else report.claim, rejected=rejected, refused=others
    )


def _questioned(report: TableReport, answer: Answer) -> TableReport:
    """A report with what the source's own server says of what was read."""
    if not answer.disputed:
        return replace(report, asked=answer.asked)
    reason = "; ".join(filter(None, (report.reason, answer.disputed)))
    return replace(report, asked=answer.asked, claim=DIFFERENT, reason=reason)


def _equal(expected: Computed, held: Computed) -> str:
    """What two sides that are equal prove."""
    return EQUALS_SOURCE if expected.served and held.served else EQUALS_READ


def _settled(pair: Pair, division: Division, report: TableReport, bad: Sequence[str], settle: float) -> TableReport:
    """A report that differs, after a second look: `bad` are the segments that differ at both.

    Of their rows only those that look the same twice more, with the same difference, count.
    """
    found = None
    if bad:
        earlier = pair.rows_in(division, bad[:_LOOKED_AT], _TWICE_BYTES)
        time.sleep(settle)
        rows = pair.rows_in(division, bad[:_LOOKED_AT], _TWICE_BYTES)
        found = rows and earlier and compare_rows(*rows, pair.canons, division.places, _TOLD, earlier)
    said = f"{report.differing_segments:,} segments differed at first"
    if not bad or (found and not found.count and len(bad) <= _LOOKED_AT):
        said += f", and none of their rows for longer than {settle:g} s: somebody writes meanwhile"
        return replace(report, reason=said, found=None, differing_segments=0, stretches=())
    said += f", {len(bad):,} of them after {settle:g} s, too"
    looked = min(len(bad), _LOOKED_AT)
    return replace(
        report, claim=DIFFERENT, reason=said, found=found or report.found, differing_segments=len(bad), looked_at=looked
    )


def _counted(pair: Pair, empty: TableReport) -> TableReport:
    """Both sides' numbers of rows and, where the key is one integer, its first and last value."""
    rows = [_count(pair.one), sum(map(_count, pair.others))]
    keys = key_extents(pair)
    same = rows[0] == rows[1] and len(set(keys)) < 2
    how = "counted on both sides" + (", with the first and the last key" if keys else "")
    reason = "" if len(set(keys)) < 2 else "the key goes {} in the source and {} in the target".format(*keys)
    return replace(
        empty, claim=COUNTS_EQUAL if same else DIFFERENT, reason=reason, rows_source=rows[0], rows_target=rows[1],
        how=how,
    )  # fmt: skip


def _count(side: Side) -> int:
    if side.hop.transforms or side.hop.over or side.refusals:  # which may leave rows out
        return sum(batch.num_rows for batch in side.rows(refuse=side.refusals.heard if side.refusals else None))
    source = side.engine.open(side.address, [side.hop], "none", 1)
    try:
        return source.readers()[0].count(side.hop)
    finally:
        source.close()


def _judged(pair: Pair, division: Division, expected: Computed, held: Computed, empty: TableReport) -> TableReport:
    bad = differing(expected.sums, held.sums)
    total, there = (sum(computed.sums.values(), Sum.zero()) for computed in (expected, held))
    claim = DIFFERENT if bad else _equal(expected, held)
    asked = empty.level == "full"
    suspects = Suspects.of(pair, division, expected.sums, held.sums, asked=asked).first(_LOOKED_AT)
    found, reason = _looked_at(suspects) if bad else (None, "")
    if found and not found.count and not reason:
        reason = "the checksums differ, and not the rows as Ropeway's drivers read them: one of these may be at fault"
    return replace(
        empty, claim=claim, reason=reason, rows_source=total.count, rows_target=there.count,
        left_out=left_out(pair.hop), how=f"source: {expected.how}; target: {held.how}",
        checksum_source=total.text(), checksum_target=there.text(), segments=len({**expected.sums, **held.sums}),
        differing_segments=len(bad), found=found, looked_at=min(len(bad), _LOOKED_AT),
        stretches=stretches(division, _key(pair.hop, division), expected.sums, held.sums),
    )  # fmt: skip


def _looked_at(suspects: Suspects) -> tuple[Compared | None, str]:
    """What the rows of some segments show, and why some of them could not be held against each other."""
    pair, places = suspects.pair, suspects.division.places
    parts: list[Compared] = []
    reason = ""
    try:
        parts.extend(compare_rows(*rows, pair.canons, places, _TOLD) for rows in rows_of_suspects(suspects))
    except DataError as error:
        reason = told(error)
    except TooLarge:
        reason = _TOO_LARGE
    return (together(parts, _TOLD) if parts or not reason else None), reason
