"""One place's rows of a hop: its segments, by its server or of what is read, and the rows of some of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace

import pyarrow as pa

from ..transfer.canonical import Canon
from ..transfer.engine import Engine, Session
from ..transfer.engines import engine_of
from ..transfer.errors import DataError
from ..transfer.extremes import Holders
from ..transfer.place import Address
from ..transfer.plan import ColumnPlan, Cut, Hop, Plan, Slice
from ..transfer.schema.catalogue import Relation, Table
from ..transfer.schema.sql import counted
from ..transfer.segments import NULL, Division, by_digits, by_range
from ..transfer.types import INTEGERS, Fidelity
from ..transfer.unfit import Refuse
from ..transfer.verification import backwards, rows_again, rows_of
from .compare import aside, forms_of, told
from .redecided import Redecided, is_decided, redecided
from .refused import Known, Refusals
from .segments import Segments, added, by_client, by_server, segment_names
from .selftest import check_forms

SPREAD = 200_000  # rows of a table whose segments several connections compute
_WHOLE = (Slice(1, Cut()),)


@dataclass(frozen=True)
class Side:
    """One place's rows of a hop: `hop` reads them, and `columns` are what its server can make a checksum of."""

    engine: Engine
    session: Session
    address: Address
    hop: Hop
    relation: Relation
    columns: tuple[tuple[str, ColumnPlan, str], ...]
    table: Table | None = None
    connections: int = 1
    refusals: Refusals | None = None

    def rows(self, hop: Hop | None = None, refuse: Refuse | None = None) -> Iterator[pa.RecordBatch]:
        """The rows of this side, or those that a narrower hop reads: all that can come."""
        if self.refusals and not refuse:
            refuse = _passed_over
        return rows_of(self.engine, self.address, hop or self.hop, refuse)

    @property
    def version(self) -> str:
        return f"{self.engine.name} {self.engine.version(self.session)}".rstrip()

    @property
    def asks(self) -> bool:
        """Whether this place can be asked about its table by SQL."""
        plain = not (self.hop.query or self.hop.transforms or is_decided(self.hop))
        return self.engine.landing == "transaction" and plain

    def names(self, places: Sequence[int]) -> list[str]:
        """The columns at these places as this side's SQL calls them."""
        return [self.engine.quote(self.hop.columns[place].source) for place in places]


def side(
    engine: Engine, session: Session, address: Address, hop: Hop, table: Table | None, connections: int = 1
) -> Side:  # fmt: skip
    hop = replace(hop, slices=_WHOLE, raw="")
    plain = (
        table
        and not hop.query
        and not hop.transforms
        and not is_decided(hop)
        and not any(c.zone or c.fidelity is Fidelity.LOSSY for c in hop.columns)
    )
    columns = [(engine.quote(c.source), c, _native(table, c.source)) for c in hop.columns] if table and plain else []
    return Side(engine, session, address, hop, hop.reads, tuple(columns), table, connections)


def _native(table: Table, name: str) -> str:
    column = table.column(name)
    return column.base or column.native


def _passed_over(stage: str, row: pa.RecordBatch, error: DataError) -> None:
    """For rows of which the reading of all rows has told."""


@dataclass(frozen=True)
class Pair:
    """A hop's rows in both places. In the target they may lie in several tables, of which `said` tells."""

    hop: Hop
    one: Side
    others: tuple[Side, ...]
    said: str

    @property
    def canons(self) -> list[Canon]:
        return [column.canon for column in self.hop.columns]

    def of(self, made: Callable[[Side], Side]) -> Pair:
        """The pair with another side made of each."""
        return replace(self, one=made(self.one), others=tuple(map(made, self.others)))

    def rows_in(self, division: Division, segments: Sequence[str], most: int) -> tuple[pa.Table, pa.Table] | None:
        """The source's and the target's rows of some segments; None if those of a table take more than `most` bytes."""
        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(rows_in, self.one, division, segments, most)
            there = [rows_in(side, division, segments, most) for side in self.others]
            here = first.result()
        tables = [table for table in there if table is not None]
        return None if here is None or len(tables) < len(there) else (here, pa.concat_tables(tables))


@contextmanager
def paired(
    plan: Plan, source: Address, target: Address, level: str, connections: int = 1, known: Known | None = None
) -> Iterator[Iterator[Pair]]:  # fmt: skip
    """The hops of a plan with their sides, on connections of their own: for large tables as many as are said.

    Of the source's rows that cannot come, those are counted apart that are `known` to be rejected.
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
        again = stack.enter_context(redecided(plan, ends[0], source, known or {}))
        yield (
            Pair(
                hop, _first(side(again, sessions[0], source, hop, tables[0].get(hop.reads), connections), known or {}),
                *held_by(plan, hop, ends[1], sessions[1], target, tables[1], connections),
            )
            for hop in plan.hops
        )  # fmt: skip


def _first(one: Side, known: Known) -> Side:
    """The source's side, which passes over what cannot come. What is decided over all rows was without it.

    Where rows could not be read, the source's server would count them with the others.
    """
    mine = known.get(one.hop.name, Counter())
    if one.hop.over:
        return replace(one, refusals=one.engine.refusals[one.hop.name]) if isinstance(one.engine, Redecided) else one
    if not (one.hop.transforms or mine):
        return one
    return replace(one, refusals=Refusals(one.hop, mine), columns=())


def held_by(
    plan: Plan, hop: Hop, engine: Engine, session: Session, address: Address, tables: Mapping[Relation, Table],
    connections: int = 1,
) -> tuple[tuple[Side, ...], str]:  # fmt: skip
    """Where a hop's rows lie in the target: its table, and what a run put into quarantine; a word on that."""
    others, said = aside(plan, hop, session, engine)
    return tuple(
        side(engine, session, address, backwards(engine, one), tables.get(one.writes), connections)
        for one in (hop, *others)
    ), said


def division_of(hop: Hop, one: Side, other: Side) -> Division:
    """Ranges of the key's first column, an integer, where both sides can say how it runs, else digits of a SHA-256."""
    places = _key(hop)
    sides = [side for side in (one, other) if side.asks]
    rows = max([_rows(side) for side in sides] or [hop.rows, 0])
    ends = [_ends(side, places[0]) for side in sides] if len(sides) == 2 and _is_number(hop, places) else []
    known = [one for one in ends if one]
    ranged = by_range(places, min(low for low, _ in known), max(high for _, high in known), rows) if known else None
    return ranged or by_digits(places, rows)


def _key(hop: Hop) -> tuple[int, ...]:
    names = [column.target for column in hop.columns]
    return tuple(names.index(name) for name in hop.key) if set(hop.key) <= set(names) else ()


def _is_number(hop: Hop, places: Sequence[int]) -> bool:
    return bool(places) and hop.columns[places[0]].type.kind in INTEGERS


def key_extents(pair: Pair) -> list[str]:
    """How a key of one integer runs in the source and in the target, in words; nothing where a side cannot say it."""
    places = _key(pair.hop)
    sides = (pair.one, *pair.others)
    if len(sides) != 2 or len(places) != 1 or not _is_number(pair.hop, places) or not all(side.asks for side in sides):
        return []
    found = [_ends(side, places[0]) for side in sides]
    return ["from {} to {}".format(*ends) if ends else "nowhere" for ends in found]


def _ends(side: Side, place: int) -> tuple[int, int] | None:
    """The first and the last value of a column of integers; None without any. By its index, if it begins one."""
    (key,) = side.names([place])
    ((low, high),) = side.session.ask(f"SELECT min({key}), max({key}) FROM {_asked(side)}")
    return None if low is None else (int(str(low)), int(str(high)))


def _rows(side: Side) -> int:
    """How many rows a side has, about: what its catalogue says of a large table, whose count would take a scan."""
    known = side.table.rows if side.table else 0
    if known >= SPREAD:
        return known
    return int(str(side.session.ask(f"SELECT {counted(side.engine)} FROM {_asked(side)}")[0][0]))


def _asked(side: Side) -> str:
    clause = f" WHERE ({side.hop.where})" if side.hop.where else ""
    return f"{side.engine.relation(side.relation)}{clause}"


@dataclass(frozen=True)
class Computed:
    """The segments of a side; or the reason why they could not be read, which is a difference if it is the target."""

    sums: Segments
    how: str
    served: bool
    refused: str = ""


def computed(
    pair: Pair, division: Division, *, asked: bool, watch: Holders | None = None
) -> tuple[Computed, Computed]:  # fmt: skip
    """The segments of both sides; the source's by its server if that is `asked`, else `watch` notes their extremes."""
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(segments_of, pair.one, division, asked=asked, watch=watch)
        held = held_in(pair.others, division)
        return first.result(), held


def held_in(sides: Sequence[Side], division: Division) -> Computed:
    """The target's segments. A value that its planned type does not have was not loaded, so it is no error here."""
    try:
        return together([segments_of(side, division, asked=True) for side in sides])
    except DataError as error:
        return Computed({}, "", served=False, refused=told(error))


def together(parts: Sequence[Computed]) -> Computed:
    """The segments of rows that lie in several tables of one place."""
    return replace(parts[0], sums=added(part.sums for part in parts))


def segments_of(side: Side, division: Division, *, asked: bool, watch: Holders | None = None) -> Computed:
    """The segments of a side, by its server if that is `asked`; else, or where it cannot, of the rows as read."""
    canons = [column.canon for column in side.hop.columns]
    if asked and side.columns:
        sums = _served(side, division)
        if sums is not None:
            inside = side.engine.writers == "one"  # its library runs in this process
            return Computed(
                sums, f"{side.engine.name} in SQL" + (", a second, independent read" if inside else ""), True
            )
    second = asked and not side.refusals and not is_decided(side.hop)  # which tells no rows apart
    again = rows_again(side.engine, side.address, side.hop) if second else None
    if again:
        sums = by_client(again, canons, division)
        return Computed(sums, f"of what a second driver reads from {side.engine.name}", False)
    rows = side.rows(refuse=side.refusals.heard if side.refusals else None)
    sums = by_client(rows, canons, division, watch)
    return Computed(sums, f"of what Ropeway's driver reads from {side.engine.name}", False)


def _served(side: Side, division: Division) -> Segments | None:
    """What a side's server computes, of a large table over several connections; None where it cannot."""
    cuts = _cuts(side)
    if len(cuts) < 2:
        return of_condition(side, side.session, division, "")
    with ThreadPoolExecutor(len(cuts)) as pool:
        parts = list(pool.map(lambda cut: _alone(side, division, side.engine.condition(cut)), cuts))
    return None if None in parts else added(part for part in parts if part is not None)


def _cuts(side: Side) -> tuple[Cut, ...]:
    """As many cuts as there are connections, if these keep more of the server busy than one query does by itself."""
    if side.table is None or side.table.rows < SPREAD or side.connections <= side.engine.busy:
        return ()
    return side.engine.cuts(side.session, side.table, side.hop.where, side.connections)


def _alone(side: Side, division: Division, condition: str) -> Segments | None:
    with closing(side.engine.connect(side.address)) as session:
        return of_condition(side, session, division, condition)


def of_condition(side: Side, session: Session, division: Division, condition: str) -> Segments | None:
    """What a side's server computes of the rows of which a condition is true; None where it cannot."""
    where = " AND ".join(f"({one})" for one in (side.hop.where, condition) if one)
    columns = [(name, column.canon, native) for name, column, native in side.columns]
    return by_server(side.engine, session, side.relation, columns, where, division)


def rows_in(side: Side, division: Division, segments: Sequence[str], most: int) -> pa.Table | None:
    """The rows of some segments, by ranges of the key or one more pass over the table; None if above `most` bytes."""
    hop, canons, wanted = side.hop, [column.canon for column in side.hop.columns], list(segments)
    if division.step:
        within = " OR ".join(range_of(side, division, segment) for segment in segments)
        hop = replace(hop, where=f"({hop.where}) AND ({within})" if hop.where else within)
    keep: Callable[[pa.RecordBatch], pa.RecordBatch] = lambda batch: batch.filter(  # noqa: E731 - one use
        segment_names(batch, canons, division).is_in(wanted).to_arrow()
    )
    batches: Iterator[pa.RecordBatch] = map(keep, side.rows(hop))
    schema = pa.schema([(column.target, column.type.arrow) for column in hop.columns])
    held, size = [], 0
    for batch in batches:
        held.append(batch)
        size += batch.nbytes
        if size > most:
            return None
    return pa.Table.from_batches(held, schema)


def range_of(side: Side, division: Division, segment: str) -> str:
    """The condition of a range's rows, as this side's SQL says it."""
    (key,) = side.names(division.places[:1])
    if segment == NULL:
        return f"{key} IS NULL"
    first, end = division.bounds(segment)
    return f"({key} >= {first} AND {key} < {end})"
