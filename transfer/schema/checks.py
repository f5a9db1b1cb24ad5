"""Queries for a DBA to run on the target afterwards: all but the counts return no row when all is well."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..engine import Engine
from ..plan import Hop, Plan
from .catalogue import ForeignKey, Table
from .sql import names

_HEAD = """-- Checks of plan {run} on {target}, for any client of that database.
-- Compare the counts with the run's report; every other query returns no row when all is well.
-- They prove less than 'ropeway verify', which compares checksums of all values."""


def checks(plan: Plan, engine: Engine) -> str:
    """The text of checks.sql."""
    head = _HEAD.format(run=plan.run, target=plan.target)
    if engine.landing != "transaction":
        return f"{head}\n-- {engine.name} runs no SQL: 'ropeway verify' and the files themselves are the check.\n"
    found = [one for hop, table in zip(plan.hops, plan.tables, strict=True) for one in _of_table(hop, table, engine)]
    made = [f"-- [{number}] {' '.join(what.split())}\n{sql};" for number, (what, sql) in enumerate(found, start=1)]
    return "\n\n".join([head, *made]) + "\n"


def _of_table(hop: Hop, table: Table, engine: Engine) -> Iterator[tuple[str, str]]:
    on = engine.relation(hop.writes)
    about = f" (about {hop.rows:,} in {hop.reads})" if hop.rows >= 0 and not hop.where else ""
    yield f"rows of {hop.writes}{about}", f"SELECT count(*) FROM {on}"
    keys = [("the primary key", table.key, "")] if table.key else []
    keys += [(f"unique index {i.name}", i.columns, i.where) for i in table.indexes if i.unique]
    for what, columns, where in keys:
        yield f"duplicates of {what} of {hop.writes}", _duplicates(on, columns, where, engine)
    for fk in table.foreign_keys:
        yield f"orphans of foreign key {fk.name} of {hop.writes}", _orphans(on, fk, engine)
    needed = [c.name for c in table.columns if not c.nullable and not c.generated]
    if needed:
        nulls = " OR ".join(f"{engine.quote(name)} IS NULL" for name in needed)
        yield f"NULLs in NOT NULL columns of {hop.writes}", f"SELECT * FROM {on} WHERE {nulls}"
    for check in table.checks:
        yield f"rows of {hop.writes} that break check {check.name}", f"SELECT * FROM {on} WHERE NOT ({check.condition})"


def _duplicates(on: str, columns: Sequence[str], where: str, engine: Engine) -> str:
    every = names(engine, columns)
    conditions = [f"{engine.quote(name)} IS NOT NULL" for name in columns] + ([f"({where})"] if where else [])
    return f"SELECT {every}, count(*) FROM {on} WHERE {' AND '.join(conditions)} GROUP BY {every} HAVING count(*) > 1"


def _orphans(on: str, fk: ForeignKey, engine: Engine) -> str:
    same = " AND ".join(
        f"p.{engine.quote(r)} = c.{engine.quote(c)}" for c, r in zip(fk.columns, fk.referenced, strict=True)
    )
    filled = " AND ".join(f"c.{engine.quote(name)} IS NOT NULL" for name in fk.columns)
    shown = ", ".join(f"c.{engine.quote(name)}" for name in fk.columns)
    parent = engine.relation(fk.references)
    return f"SELECT {shown} FROM {on} AS c WHERE {filled} AND NOT EXISTS (SELECT 1 FROM {parent} AS p WHERE {same})"
