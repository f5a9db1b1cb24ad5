"""Queries for a DBA to run on the target afterwards: all but the counts return no row when all is well."""

from __future__ import annotations

from collections.abc import Iterator

from ..engine import Engine
from ..plan import Hop, Plan
from .catalogue import Table
from .sql import counted
from .violations import breaking, duplicates, keys_of, nulls, orphans

_HEAD = """-- Checks of plan {run} on {target}, for any client of that database.
-- Compare the counts with the run's report; every other query returns no row when all is well.
-- They prove less than 'ropeway verify', which compares checksums of all values."""


def checks(plan: Plan, engine: Engine) -> str:
    """The text of checks.sql."""
    head = _HEAD.format(run=plan.run, target=plan.target)
    if engine.landing != "transaction":
        return f"{head}\n-- {engine.name} runs no SQL: 'ropeway verify' and the files themselves are the check.\n"
    tables = [(hop, table) for hop, table in zip(plan.hops, plan.tables, strict=True) if hop is plan.feeders(hop)[0]]
    found = [one for hop, table in tables for one in _of_table(plan, hop, table, engine)]
    made = [f"-- [{number}] {' '.join(what.split())}\n{sql};" for number, (what, sql) in enumerate(found, start=1)]
    return "\n\n".join([head, *made]) + "\n"


def _of_table(plan: Plan, hop: Hop, table: Table, engine: Engine) -> Iterator[tuple[str, str]]:
    on = engine.relation(hop.writes)
    known = [f"about {one.rows:,} in {one.named}" for one in plan.feeders(hop) if one.rows >= 0 and not one.where]
    about = f" ({', '.join(known)})" if known else ""
    yield f"rows of {hop.writes}{about}", f"SELECT {counted(engine)} FROM {on}"
    keys = [("the primary key", tuple(map(engine.quote, table.key)), "")] if table.key else []
    keys += [(f"unique index {i.name}", keys_of(engine, i), i.where) for i in table.indexes if i.unique]
    for what, members, where in keys:
        yield f"duplicates of {what} of {hop.writes}", duplicates(on, members, where)
    for fk in table.foreign_keys:
        yield (
            f"orphans of foreign key {fk.name} of {hop.writes}",
            orphans(engine, on, fk, engine.relation(fk.references)),
        )
    needed = [c.name for c in table.columns if not c.nullable and not c.generated]
    if needed:
        yield f"NULLs in NOT NULL columns of {hop.writes}", nulls(engine, on, needed)
    for check in table.checks:
        yield f"rows of {hop.writes} that break check {check.name}", breaking(on, check.condition)
