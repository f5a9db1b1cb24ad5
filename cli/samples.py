"""The first rows of a job before any is moved: as they are read, and as they would be loaded.

Of a job that reshapes, a query that joins, sums or looks at several rows at once makes others of all rows than of the
first: nothing is shown of it. One that makes each row of one row alone makes the same of it in the run.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from tempfile import TemporaryDirectory

import pyarrow as pa

from ..transfer.engine import Loader
from ..transfer.engines import engine_of
from ..transfer.place import parse, resolve
from ..transfer.plan import Cut, Hop, Plan, Slice
from ..transfer.trial import first_rows, loadable
from .places import Secrets, addresses
from .reshaped import statement

Sample = tuple[pa.Table, pa.Table, list[bool]]  # as read, as loaded, and of each that was read whether it is loaded
_WHOLE = Slice(1, Cut())


def sampled(plan: Plan, rows: int, secrets: Secrets | None = None) -> dict[str, Sample]:
    """The first rows of each hop, by its name, as they are read and as they would be loaded; and of each whether it is.

    Of a job that reshapes those of the tables that it reads, and what the queries make of these alone.
    """
    secrets = secrets or Secrets()
    return _reshaped(plan, plan.staging, rows, secrets) if plan.staging else _read(plan, rows, secrets)


def _read(plan: Plan, rows: int, secrets: Secrets) -> dict[str, Sample]:
    sources, found = addresses(plan, secrets), {}
    for hop in plan.hops:
        address = sources[hop.origin]
        read = first_rows(engine_of(address.place.scheme), address, hop, rows)
        found[hop.name] = (read, *loadable(hop, read))
    return found


def _reshaped(plan: Plan, first: Plan, rows: int, secrets: Secrets) -> dict[str, Sample]:
    engine, hidden = engine_of(first.target.scheme), unsampled(plan)
    found = _read(first, rows, replace(secrets, target=""))
    with TemporaryDirectory(prefix="ropeway-sample-") as folder:
        place, _ = parse(f"duckdb:///{folder}/stage.duckdb")
        address = resolve(place, "")
        with closing(engine.loader(address)) as loader:
            _fill(first, found, loader)
            made = [hop for hop in plan.hops if hop.name not in hidden]
            _make(first, {hop.reads.table for hop in made}, loader)
        for hop in made:
            read = first_rows(engine, address, hop, rows)
            found[hop.name] = (read, *loadable(hop, read))
    return found


def unsampled(plan: Plan) -> dict[str, str]:
    """The hops of which no rows can be shown before the run, by name, and what of their queries is why."""
    from ..transforms.reshape import beyond

    if not plan.staging:
        return {}
    names = [hop.writes.table for hop in plan.staging.hops]
    why = {hop.name: beyond(_query(plan.staging, hop), names) for hop in plan.hops}
    return {name: said for name, said in why.items() if said}


def _fill(first: Plan, found: Mapping[str, Sample], loader: Loader) -> None:
    """Make the stage's tables, and put the rows there that were read."""
    for one in first.statements:
        if one.phase == "before":
            loader.execute(one.forward)
    for hop in first.hops:
        _, loaded, _ = found[hop.name]
        loader.load(hop, _WHOLE, iter(loaded.to_batches()))


def _make(first: Plan, names: set[str], loader: Loader) -> None:
    """Make those of the queries' tables."""
    schema, made = statement(""), tuple(statement(name) for name in names)
    for one in first.statements:
        if one.forward.startswith((schema, *made)):
            loader.execute(one.forward)


def _query(first: Plan, hop: Hop) -> str:
    begin = statement(hop.reads.table)
    return next(one.forward.removeprefix(begin) for one in first.statements if one.forward.startswith(begin))
