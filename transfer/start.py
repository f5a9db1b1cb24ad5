"""Opening a run in the target's ledger, and finding one that did not end."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

from .commit import record
from .engine import Engine, Loader, Receipt, Row
from .engines import engine_of
from .errors import EngineError, RequestError, UnfinishedRun
from .intact import intact
from .ledger import ROLLED_BACK, UNDOING, this_process
from .place import Address
from .plan import Hop, Plan, hash_of, to_json
from .schema.catalogue import Relation
from .unfinished import nothing_to_resume
from .verification import read_back, target_sum

# A run that was killed after its last row and before its proof has only the proof to do.
RESUMABLE = ("running", "loaded")
_HOLD_TRIES = 6


@dataclass(frozen=True)
class Recorded:
    """A run as the ledger knows it."""

    run: str
    job: str
    state: str
    started: str
    by: str


def runs(target: Address) -> list[Recorded]:
    """The runs that a target remembers, oldest first; an absent target has none."""
    loader = engine_of(target.place.scheme).loader(target)
    try:
        return [_recorded(row) for row in loader.ledger.runs()]
    finally:
        loader.close()


def _recorded(row: Row) -> Recorded:
    run, _hash, job, state, started, by = (str(value) for value in row)
    return Recorded(run, job, state, started, by)


def holder(loader: Loader, relation: Relation) -> EngineError:
    """What to tell of a table that another process holds: which run that may be, whose, since when."""
    said = [
        f"run {one.run}, begun {one.started} by {one.by}"
        for one in map(_recorded, loader.ledger.runs())
        if one.state == "running" and any(hop.writes == relation for hop in intact(one.run, loader).hops)
    ]
    whose = getattr(loader, "holding", None)
    return EngineError(
        f"Another run of Ropeway is moving rows into {relation}{': ' if said else '.'}{'; or '.join(said)}",
        table=str(relation),
        remedy="Its lock goes with its process, and only then can the table be taken over. "
        f"{whose(str(relation)) if whose else ''}'ropeway status' shows how far it is.",
    )


def begin(plan: Plan, loader: Loader) -> None:
    """Write a fresh run into the ledger, with its plan.

    The loader holds the plan's tables, so no other run can begin between a look and a write. Raises
    UnfinishedRun if the same job was begun before and did not end.
    """
    for row in loader.ledger.runs():
        known = _recorded(row)
        if known.job == plan.job and known.state in ("running", UNDOING):
            raise UnfinishedRun(
                f"Run {known.run} of this job, begun {known.started} by {known.by}, did not end.",
                remedy="Go on with --resume, unless it was being undone, or begin anew with --fresh "
                f"(after 'ropeway clean {known.run}' has removed what it left).",
            )
    loader.ledger.prepare()
    loader.ledger.open(plan.run, hash_of(plan), to_json(plan), plan.job, this_process(os.getpid()))


def count_before(plan: Plan, loader: Loader, target: Address) -> None:
    """Write down what each table held that the run appends to, before its first row; a killed process may not have."""
    engine = engine_of(plan.target.scheme)
    known = {one.hop for one in loader.ledger.receipts(plan.run) if not one.slice}
    for hop in plan.hops:
        if hop.mode == "append" and hop.name not in known:
            record(plan.run, _baseline(plan, hop, engine, loader, target), loader)


def _baseline(plan: Plan, hop: Hop, engine: Engine, loader: Loader, target: Address) -> Receipt:
    """What a table held before the run: slice 0 of its hop, subtracted when the append is verified."""
    rows, checksum = target_sum(engine, loader, hop, want_sum=plan.checksum is not None)
    if rows and plan.checksum and not checksum:
        checksum = read_back(engine, target, hop, plan.checksum)
    return Receipt(hop.name, 0, "", "before the run", read=0, loaded=rows, checksum=checksum)


def taken_up(plan: Plan, loader: Loader) -> None:
    """Look again, once its tables are held, whether a run can go on: it may have ended meanwhile, or been undone, and a
    later run may have emptied or filled the tables into which its rows go.

    RequestError where it cannot. Rows of the other modes lie beside their table until they are published or merged.
    """
    order = [_recorded(row) for row in loader.ledger.runs()]
    mine = next((known for known in order if known.run == plan.run), None)
    if mine is None or mine.state not in RESUMABLE:
        said = f"is {mine.state} now" if mine else "is forgotten now"
        raise RequestError(f"Run {plan.run} {said}: another process ended it.", remedy="Start one without --resume.")
    directly = {hop.writes for hop in plan.landings if hop.mode in ("create", "truncate", "fill")}
    for later in order[order.index(mine) + 1 :]:
        others = intact(later.run, loader).landings if later.state != ROLLED_BACK and directly else ()
        if met := directly & {hop.writes for hop in others}:
            raise RequestError(
                f"Run {later.run} of another job wrote {', '.join(sorted(map(str, met)))} after run {plan.run} began: "
                "what that had landed may be gone, or lie beside other rows.",
                remedy=f"'ropeway clean {plan.run}' forgets it; then start one without --resume.",
            )


def held(loader: Loader, name: str) -> bool:
    """Hold a table, waiting a moment: a killed run's session may not have noticed its client's death yet."""
    for _ in range(_HOLD_TRIES):
        if loader.hold(name):
            return True
        time.sleep(0.5)
    return False


def resumed(job: str, target: Address) -> Plan:
    """The frozen plan of the job's unfinished run, from the target."""
    loader = engine_of(target.place.scheme).loader(target)
    try:
        mine = [row for row in loader.ledger.runs() if row[2] == job]
        found = [row for row in mine if row[3] in RESUMABLE]
        if not found and mine and mine[-1][3] == UNDOING:
            raise RequestError(
                f"Run {mine[-1][0]} of this job is half undone.",
                remedy=f"End that: ropeway clean {mine[-1][0]}, or --fresh.",
            )
        if not found:
            raise nothing_to_resume(loader, RESUMABLE)
        return intact(str(found[-1][0]), loader)
    finally:
        loader.close()
