"""Where a table is cut into slices: by planning, and again when a plan that was written is carried out.

Cuts cover each row whatever came meanwhile, as their ends are open. But a table that has grown since would have one
slice for all that is new.
"""

from __future__ import annotations

from dataclasses import replace

from .engine import Engine, Session
from .plan import Cut, Plan, Slice
from .schema.catalogue import Table

_MOST = 10_000  # slices of a table
# A table with more rows has so many slices at least: the source's server can then be asked about some (asking.py).
# Copying lineitem's 600,000 rows in 16, 8, 2 took 4.3, 4.2, 4.1 s from MariaDB to PostgreSQL and 6.5, 6.4, 6.6 back.
LARGE, _FEWEST = 200_000, 16
WHOLE = (Slice(1, Cut()),)


def slices(engine: Engine, session: Session, table: Table, where: str, slice_rows: int) -> tuple[Slice, ...]:
    """Slices of about so many rows, by the catalogue's estimate; of a large table 16 at least, one if it is 0."""
    if slice_rows <= 0 or engine.instant == "single":
        return WHOLE
    rows = max(table.rows, 0)
    wanted = min(_MOST, max(-(-rows // slice_rows), _FEWEST if rows > LARGE else 1))
    cuts = engine.cuts(session, table, where, wanted)
    return tuple(Slice(number, cut) for number, cut in enumerate(cuts, start=1))


def apart(plan: Plan) -> Plan:
    """The plan whose slices of hops that are staged together have numbers of their own each."""
    hops = []
    for hop in plan.hops:
        if hop.over:
            feeders = plan.feeders(hop)
            before = sum(len(one.slices) for one in feeders[: feeders.index(hop)])
            parts = tuple(Slice(number, part.cut) for number, part in enumerate(hop.slices, start=before + 1))
            hop = replace(hop, slices=parts)  # noqa: PLW2901 - the same hop
        hops.append(hop)
    return replace(plan, hops=tuple(hops))


def cut_anew(plan: Plan, engine: Engine, session: Session) -> Plan:
    """The plan with the slices that its tables have now; before a run has begun, for they are frozen with it."""
    tables = {table.name: table for table in engine.tables(session)}
    hops = []
    for hop in plan.hops:
        table = None if hop.query or hop.limit else tables.get(hop.reads)
        if table:
            cuts = slices(engine, session, table, hop.where, plan.slice_rows)
            hop = replace(hop, slices=cuts, rows=table.rows)  # noqa: PLW2901 - the same hop as it is now
        hops.append(hop)
    return replace(plan, hops=tuple(hops))
