"""Moving rows that break a constraint aside, so that it can be made: when, in which order, and what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .commit import move
from .engine import Engine, Loader, Session
from .plan import Hop, Plan, Statement
from .schema.catalogue import Relation
from .schema.modes import is_reference
from .schema.quarantine import QUARANTINE, held, making, moving, quarantine
from .schema.sql import first


@dataclass(frozen=True)
class Quarantined:
    """Rows of a table that broke a constraint, and where they lie now."""

    table: Relation
    constraint: str
    rows: int
    lie_in: Relation


def move_aside(plan: Plan, statement: Statement, loader: Loader, engine: Engine) -> int:
    """Move the rows that break a statement's constraint out of its table; how many these were."""
    hop = plan.hop(statement.hop)
    assert statement.constraint  # noqa: S101 - asked for by the caller
    if not loader.ask(engine.exists(quarantine(hop, plan.run))):
        loader.execute(making(engine, hop, plan.run))
    return move(*moving(engine, hop, statement.constraint, plan.run), loader)


def move_orphans_aside(plan: Plan, statement: Statement, loader: Loader, engine: Engine) -> None:
    """Before the first foreign key: move orphans aside, then what has become an orphan by that, until none is left.

    Once a foreign key is there, taking a parent away could take its children along unseen, so nothing is moved then.
    """
    keys = [one for one in plan.statements if is_reference(one) and one.phase == statement.phase]
    moved = [one for one in keys if one.constraint and one.constraint.otherwise == QUARANTINE]
    if not moved:
        return
    journal = loader.ledger.journaled(plan.run)
    if any(journal.get(one.name) in ("started", "done") for one in keys):
        return
    while sum(_orphans_aside(plan, one, loader, engine) for one in moved):
        pass


def _orphans_aside(plan: Plan, statement: Statement, loader: Loader, engine: Engine) -> int:
    """No table is made for what is not there."""
    listing = statement.constraint.offenders if statement.constraint else ""
    return move_aside(plan, statement, loader, engine) if listing and loader.ask(first(engine, listing)) else 0


def quarantined(plan: Plan, hops: Sequence[Hop], session: Session, engine: Engine) -> list[Quarantined]:
    """What lies aside of these hops' tables."""
    constrained = {s.hop for s in plan.statements if s.constraint}
    found = []
    for hop in hops:
        relation = quarantine(hop, plan.run)
        there = hop.name in constrained and engine.landing == "transaction" and session.ask(engine.exists(relation))
        if there:
            rows = session.ask(held(engine, hop, plan.run))
            found += [Quarantined(hop.writes, str(broke), int(str(n)), relation) for broke, n in rows]
    return found
