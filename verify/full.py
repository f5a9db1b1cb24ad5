"""Comparing what both places hold now: every segment, then the rows of those that differ. Never writes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace

import pyarrow as pa

from ..transfer.engine import Engine, Session
from ..transfer.engines import engine_of
from ..transfer.place import Address
from ..transfer.plan import ColumnPlan, Cut, Hop, Plan, Slice
from ..transfer.schema.catalogue import Relation, Table
from ..transfer.segments import Division, by_digits, by_range
from ..transfer.types import INTEGERS, Fidelity
from ..transfer.verification import backwards, rows_of
from .cells import compare_rows
from .checksum import Sum
from .compare import aside, forms_of, left_out
from .manifest import Manifest, Proof
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
from .segments import Segments, by_client, by_server, differing, segment_names
from .selftest import check_forms

_READ_AGAIN = 20  # segments whose rows are read again
_TOLD = 100  # differences that are told one by one
_WORDED = 5  # segments that a reason names
_MOST_BYTES = 128 << 20  # of the rows that a side reads again
_WHOLE = (Slice(1, Cut()),)


@dataclass(frozen=True)
class _Side:
    """One place's rows of a hop: `hop` reads them, and `columns` are what its server can make a checksum of."""

    engine: Engine
    session: Session
    address: Address
    hop: Hop
    relation: Relation
    columns: tuple[tuple[str, ColumnPlan, str], ...]

    def names(self, places: Sequence[int]) -> list[str]:
        """The columns at these places as this side's SQL calls them."""
        return [self.engine.quote(self.hop.columns[place].source) for place in places]


def full(plan: Plan, source: Address, target: Address, level: str) -> tuple[Report, tuple[Proof, ...]]:
    """Compare each table of a plan as both places hold it now; and each one's segments, where there are any.

    At level `full` both servers compute their side as far as they can. At `standard` the source's rows are read through
    Ropeway's driver, as a run reads them; at `count` rows are counted.
    """
    ends = engine_of(plan.source.scheme), engine_of(plan.target.scheme)
    with ExitStack() as stack:
        sessions = []
        for engine, address in zip(ends, (source, target), strict=True):
            sessions.append(engine.connect(address))
            stack.callback(sessions[-1].close)
            if level != "count":
                check_forms(engine, sessions[-1], forms_of(plan.hops))
        tables = [{table.name: table for table in e.tables(s)} for e, s in zip(ends, sessions, strict=True)]
        made = []
        for hop in plan.hops:
            one = _side(ends[0], sessions[0], source, hop, tables[0].get(hop.reads))
            others, said = _held_by(plan, hop, ends[1], sessions[1], target, tables[1])
            report, proof = _table(hop, one, others, level)
            made.append((replace(report, reason="; ".join(filter(None, (report.reason, said)))), proof))
        return Report(level, tuple(one for one, _ in made)), tuple(proof for _, proof in made if proof)


def against(manifest: Manifest, target: Address) -> Report:
    """Compare a target with what a manifest says that it held."""
    engine, made = engine_of(target.place.scheme), []
    with closing(engine.connect(target)) as session:
        check_forms(engine, session, forms_of(manifest.plan.hops))
        tables = {table.name: table for table in engine.tables(session)}
        for proof in manifest.proofs:
            hop = manifest.plan.hop(proof.hop)
            sides, _ = _held_by(manifest.plan, hop, engine, session, target, tables)
            made.append(_held_against(hop, sides, proof, manifest.written))
    return Report("full", tuple(made))


def _held_by(
    plan: Plan, hop: Hop, engine: Engine, session: Session, address: Address, tables: Mapping[Relation, Table]
) -> tuple[tuple[_Side, ...], str]:
    """Where a hop's rows lie in the target: its table, and what a run put into quarantine; a word on that."""
    others, said = aside(plan, hop, session, engine)
    return tuple(
        _side(engine, session, address, backwards(engine, one), tables.get(one.writes)) for one in (hop, *others)
    ), said


def _held_against(hop: Hop, sides: Sequence[_Side], proof: Proof, written: str) -> TableReport:
    held = _together([_segments(side, proof.division, asked=True) for side in sides])
    bad = differing(proof.target, held.sums)
    then, now = (sum(sums.values(), Sum.zero()) for sums in (proof.target, held.sums))
    where = "; ".join(_words(hop, proof.division, segment) for segment in bad[:_WORDED])
    reason = f"against the manifest of {written}" + (f": it differs where {where}" if bad else "")
    return TableReport(
        str(hop.reads), str(hop.writes), "full", DIFFERENT if bad else EQUALS_READ, reason, how=held.how,
        rows_source=then.count, rows_target=now.count, checksum_source=then.text(), checksum_target=now.text(),
        left_out=left_out(hop), segments=len({**proof.target, **held.sums}), differing_segments=len(bad),
    )  # fmt: skip


def _words(hop: Hop, division: Division, segment: str) -> str:
    if division.step:
        first, end = division.bounds(segment)
        return f"{hop.columns[division.places[0]].target} is from {first} to {end - 1}"
    key = ", ".join(hop.columns[place].target for place in division.places) or "the row"
    return f"SHA-256 of {key} begins with {segment}" if segment else "any row is"


def _side(engine: Engine, session: Session, address: Address, hop: Hop, table: Table | None) -> _Side:
    hop = replace(hop, slices=_WHOLE, raw="")
    plain = table and not hop.query and not any(c.zone or c.fidelity is Fidelity.LOSSY for c in hop.columns)
    columns = [(engine.quote(c.source), c, _native(table, c.source)) for c in hop.columns] if table and plain else []
    return _Side(engine, session, address, hop, hop.reads, tuple(columns))


def _native(table: Table, name: str) -> str:
    column = table.column(name)
    return column.base or column.native


def _table(hop: Hop, one: _Side, others: tuple[_Side, ...], level: str) -> tuple[TableReport, Proof | None]:
    empty = TableReport(str(hop.reads), str(hop.writes), level, NOT_VERIFIED)
    if hop.limit:
        return replace(empty, reason="a rehearsal moved a part of the rows"), None
    if level == "count":
        rows = [_count(one), sum(map(_count, others))]
        claim = COUNTS_EQUAL if rows[0] == rows[1] else DIFFERENT
        how = "counted on both sides"
        return replace(empty, claim=claim, rows_source=rows[0], rows_target=rows[1], how=how), None
    division = _division(hop, one, others[0])
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(_segments, one, division, asked=level == "full")
        held = _together([_segments(side, division, asked=True) for side in others])
        expected = first.result()
    proof = Proof(hop.name, division, expected.sums, held.sums)
    return _judged(hop, one, others, division, expected, held, empty), proof


def _count(side: _Side) -> int:
    source = side.engine.open(side.address, [side.hop], "none", 1)
    try:
        return source.readers()[0].count(side.hop)
    finally:
        source.close()


def _division(hop: Hop, one: _Side, other: _Side) -> Division:
    names = [column.target for column in hop.columns]
    places = tuple(names.index(name) for name in hop.key) if set(hop.key) <= set(names) else ()
    sides = [side for side in (one, other) if side.engine.landing == "transaction" and not side.hop.query]
    numbers = len(places) == 1 and hop.columns[places[0]].type.kind in INTEGERS
    found = [_extent(side, places[0] if numbers else None) for side in sides]
    rows = max([count for _, _, count in found] or [hop.rows, 0])
    lows, highs = [low for low, _, _ in found if low is not None], [high for _, high, _ in found if high is not None]
    ranged = by_range(places[0], min(lows), max(highs), rows) if numbers and len(sides) == 2 and lows else None
    return ranged or by_digits(places, rows)


def _extent(side: _Side, place: int | None) -> tuple[int | None, int | None, int]:
    key = side.names([place])[0] if place is not None else "NULL"
    clause = f" WHERE ({side.hop.where})" if side.hop.where else ""
    on = side.engine.relation(side.relation)
    ((low, high, rows),) = side.session.ask(f"SELECT min({key}), max({key}), count(*) FROM {on}{clause}")
    return (None if low is None else int(str(low))), (None if high is None else int(str(high))), int(str(rows))


@dataclass(frozen=True)
class _Computed:
    sums: Segments
    how: str
    served: bool


def _together(parts: Sequence[_Computed]) -> _Computed:
    """The segments of rows that lie in several tables of one place."""
    sums = dict(parts[0].sums)
    for part in parts[1:]:
        for name, one in part.sums.items():
            sums[name] = sums.get(name, Sum.zero()) + one
    return replace(parts[0], sums=sums)


def _segments(side: _Side, division: Division, *, asked: bool) -> _Computed:
    """The segments of a side, by its server if that is `asked`; else, or where it cannot, of the rows as read."""
    canons = [column.canon for column in side.hop.columns]
    if asked and side.columns:
        columns = [(name, column.canon, native) for name, column, native in side.columns]
        sums = by_server(side.engine, side.session, side.relation, columns, side.hop.where, division)
        if sums is not None:
            inside = side.engine.writers == "one"  # its library runs in this process
            return _Computed(
                sums, f"{side.engine.name} in SQL" + (", a second, independent read" if inside else ""), True
            )
    sums = by_client(rows_of(side.engine, side.address, side.hop), canons, division)
    return _Computed(sums, f"of what Ropeway's driver reads from {side.engine.name}", False)


def _judged(
    hop: Hop, one: _Side, others: Sequence[_Side], division: Division, expected: _Computed, held: _Computed,
    empty: TableReport,
) -> TableReport:  # fmt: skip
    bad = differing(expected.sums, held.sums)
    total, there = (sum(computed.sums.values(), Sum.zero()) for computed in (expected, held))
    claim = DIFFERENT if bad else EQUALS_SOURCE if expected.served else EQUALS_READ
    found = _looked_at(hop, one, others, division, bad[:_READ_AGAIN]) if bad else None
    reason = "" if found or not bad else "the rows of the differing segments are too large to be read again"
    return replace(
        empty, claim=claim, reason=reason, rows_source=total.count, rows_target=there.count, left_out=left_out(hop),
        how=f"source: {expected.how}; target: {held.how}", checksum_source=total.text(), checksum_target=there.text(),
        segments=len({**expected.sums, **held.sums}), differing_segments=len(bad), found=found,
        looked_at=min(len(bad), _READ_AGAIN),
    )  # fmt: skip


def _looked_at(
    hop: Hop, one: _Side, others: Sequence[_Side], division: Division, segments: Sequence[str]
) -> Compared | None:
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(_rows, one, division, segments)
        there = [_rows(side, division, segments) for side in others]
        here = first.result()
    tables = [table for table in there if table is not None]
    if here is None or len(tables) < len(there):
        return None
    canons = [column.canon for column in hop.columns]
    return compare_rows(here, pa.concat_tables(tables), canons, division.places, _TOLD)


def _rows(side: _Side, division: Division, segments: Sequence[str]) -> pa.Table | None:
    """The rows of some segments, by a range of the key or one more pass over the table; None if they are too many."""
    hop, canons, wanted = side.hop, [column.canon for column in side.hop.columns], list(segments)
    if division.step:
        within = " OR ".join(_range(side, division, segment) for segment in segments)
        hop = replace(hop, where=f"({hop.where}) AND ({within})" if hop.where else within)
    keep: Callable[[pa.RecordBatch], pa.RecordBatch] = lambda batch: batch.filter(  # noqa: E731 - one use
        segment_names(batch, canons, division).is_in(wanted).to_arrow()
    )
    batches: Iterator[pa.RecordBatch] = map(keep, rows_of(side.engine, side.address, hop))
    schema = pa.schema([(column.target, column.type.arrow) for column in hop.columns])
    held, size = [], 0
    for batch in batches:
        held.append(batch)
        size += batch.nbytes
        if size > _MOST_BYTES:
            return None
    return pa.Table.from_batches(held, schema)


def _range(side: _Side, division: Division, segment: str) -> str:
    first, end = division.bounds(segment)
    (key,) = side.names(division.places)
    return f"({key} >= {first} AND {key} < {end})"
