"""A constraint that rows break: who breaks it, and whether the run stops there, goes on without it or without them.

Good data pays nothing where the engine finds out by itself: only after its refusal are the rows asked for. An engine
that would take the constraint unseen is asked before, by the statement's guard.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from .commit import leave_out, step, take_back
from .engine import Engine, Loader
from .errors import DataError
from .ledger import LEFT_OUT
from .plan import Constraint, Plan, Statement
from .quarantine import move_aside, move_orphans_aside
from .refusal import shown
from .schema.modes import is_reference
from .schema.quarantine import QUARANTINE
from .schema.sql import first
from .schema.violations import RULE, orphans

LEAVE_OUT = "leave-out"
_SHOWN = 5  # keys in a message
_COUNTED = 1_000  # keys that are counted


@dataclass(frozen=True)
class Offending:
    """What breaks a constraint: the first keys, each with its values, and how many keys and rows there are.

    `more` says that the figures are lower bounds. `why` is set where it is no row that stands in the way.
    """

    keys: tuple[tuple[str, ...], ...] = ()
    count: int = 0
    rows: int = 0
    more: bool = False
    why: str = ""


@dataclass(frozen=True)
class LeftOut:
    """A constraint that the run did without."""

    constraint: Constraint
    offending: Offending


def made(plan: Plan, statement: Statement, loader: Loader, state: str, engine: Engine) -> str:
    """Carry out a statement, or what was chosen where rows break its constraint; the journal's word for it.

    DataError, with the constraint absent, where the choice is to stop.
    """
    if state == LEFT_OUT:
        return state
    rule, half = statement.constraint, first_half(plan, statement)
    if half and loader.ledger.journaled(plan.run).get(half.name) == LEFT_OUT:
        leave_out(plan.run, statement, "", loader)
        return LEFT_OUT
    if is_reference(statement):
        move_orphans_aside(plan, statement, loader, engine)
    try:
        step(plan.run, statement, loader, state)
    except Exception as error:
        found = _asked(plan, rule, loader, engine) if rule and _concerns_rows(rule, error, engine) else None
        if rule is None or found is None:
            raise
        if rule.otherwise == QUARANTINE and found.keys and not rule.references:
            move_aside(plan, statement, loader, engine)
            once = replace(statement, constraint=replace(rule, otherwise="stop"))
            return made(plan, once, loader, state, engine)
        if rule.otherwise != LEAVE_OUT:
            if half:
                take_back(plan.run, half, loader)
            raise _stopped(plan, rule, found) from error
        leave_out(plan.run, statement, rule.instead, loader)
        return LEFT_OUT
    return "done"


def _concerns_rows(rule: Constraint, error: Exception, engine: Engine) -> bool:
    """Whether the rows are to be asked: on a refusal for their sake, or for want of a key that was left out."""
    return isinstance(error, DataError) or engine.classify(error) == "data" or rule.references is not None


def _asked(plan: Plan, rule: Constraint, loader: Loader, engine: Engine) -> Offending | None:
    try:
        return offending(plan, rule, loader, engine)
    except Exception:  # noqa: BLE001 - a connection that is gone, say; the first error is the one to raise
        return None


def offending(plan: Plan, rule: Constraint, loader: Loader, engine: Engine) -> Offending | None:
    """Who breaks a constraint, by its query; None if nothing does."""
    rows = loader.ask(first(engine, f"{rule.offenders}{_ordered(rule)}", _COUNTED + 1)) if rule.offenders else []
    if rows:
        keys = tuple(tuple(shown(v) for v in (row[:-1] if rule.counted else row)) for row in rows[:_SHOWN])
        total = sum(int(str(row[-1])) for row in rows[:_COUNTED]) if rule.counted else len(rows[:_COUNTED])
        return Offending(keys, min(len(rows), _COUNTED), total, len(rows) > _COUNTED)
    missing = _missing(plan, rule, loader)
    return Offending(why=f"the {missing} of {missing.table}, to which it refers, is left out") if missing else None


def unreferred(plan: Plan, statement: Statement, loader: Loader, engine: Engine) -> str:
    """Which of a hop's rows refer to nothing, in a sentence, as not each server says so; '' if none does.

    They lie where the hop put them, and the foreign keys are those that the target's table has.
    """
    hop = plan.hop(statement.hop) if statement.hop else None
    if hop is None or hop.into == hop.writes:
        return ""
    said = []
    for table in engine.tables(loader, hop.writes.schema):
        for fk in table.foreign_keys if table.name == hop.writes else ():
            listing = orphans(engine, engine.relation(hop.into), fk, engine.relation(fk.references))
            rule = Constraint("foreign key", fk.name, hop.writes, fk.columns, listing, True, references=fk.references)
            found = _asked(plan, rule, loader, engine)
            said += [described(rule, found)] if found else []
    return "; ".join(said)


def _ordered(rule: Constraint) -> str:
    """By their places, so that the same keys are named each time; what a check's rows show may have no order."""
    return " ORDER BY " + ", ".join(map(str, range(1, len(rule.columns) + 1))) if rule.counted else ""


def _missing(plan: Plan, rule: Constraint, loader: Loader) -> Constraint | None:
    """The key of the parent that the run left out."""
    journal = loader.ledger.journaled(plan.run) if rule.references else {}
    for statement in plan.statements:
        key, state = statement.constraint, journal.get(statement.name)
        if key and state == LEFT_OUT and key.table == rule.references and key.counted and not key.references:
            return key
    return None


def first_half(plan: Plan, statement: Statement) -> Statement | None:
    """The statement that makes a constraint unproven, where this one proves it."""
    name = statement.constraint.takes_back if statement.constraint else ""
    return next(
        (one for one in plan.statements if name and one.hop == statement.hop and one.name.split(" ", 1)[1] == name),
        None,
    )


def _stopped(plan: Plan, rule: Constraint, found: Offending) -> DataError:
    if rule.kind == RULE:
        listed = f" The query that says so: {rule.offenders}"
        return DataError(
            f"{rule.table}: {described(rule, found)}.{listed}", table=str(rule.table), column=", ".join(rule.columns),
            remedy="All rows are kept. Mend them in the target and go on with --resume, which asks again; "
            f"'ropeway clean {plan.run}' undoes the run.",
        )  # fmt: skip
    query = f" They are listed by: {rule.offenders}" if found.keys else ""
    return DataError(
        f"{rule.table}: {described(rule, found)}.{query}",
        table=str(rule.table), column=", ".join(rule.columns),
        remedy=f"All rows are kept, and {rule} is not there. Mend the rows in the target and go on with --resume, "
        "which makes it. With --resume --on-violation leave-out the run does without it; "
        f"'ropeway clean {plan.run}' undoes the run.",
    )  # fmt: skip


def described(rule: Constraint, found: Offending) -> str:
    """Who breaks a constraint, in a sentence without its end."""
    if found.why:
        return f"{rule} cannot be made, as {found.why}"
    if rule.kind == RULE and not rule.broken:
        return f"{rule} on {', '.join(rule.columns)} is broken: it gives {', '.join(found.keys[0])}"
    most = "more than " if found.more else ""
    several = found.count > 1
    if rule.counted and rule.references is None:
        said = f"{most}{found.count:,} key{'s stand' if several else ' stands'} in {most}{found.rows:,} rows"
    else:
        said = f"{most}{found.rows:,} row{'s break' if found.rows > 1 else ' breaks'} it"
    more = ", ..." if found.count > len(found.keys) else ""
    listed = ", ".join(f"({', '.join(key)})" for key in found.keys)
    into = f" (to {rule.references})" if rule.references else ""
    return f"{rule} on ({', '.join(rule.columns)}){into}: {said}, of {listed}{more}"


def left_out(plan: Plan, loader: Loader, engine: Engine) -> list[LeftOut]:
    """The constraints that a run did without, and who breaks them now."""
    if not any(one.constraint and one.constraint.otherwise != "stop" for one in plan.statements):
        return []
    journal = loader.ledger.journaled(plan.run)
    rules = [
        one.constraint
        for one in plan.statements
        if one.constraint
        and journal.get(one.name) == LEFT_OUT
        and not ((half := first_half(plan, one)) and journal.get(half.name) == LEFT_OUT)
    ]
    none = Offending()
    refused = Offending(why="the target refuses its SQL")
    return [
        LeftOut(rule, refused if not rule.columns else offending(plan, rule, loader, engine) or none) for rule in rules
    ]
