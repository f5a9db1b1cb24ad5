"""Jobs that reshape: tables are brought into a stage, queries make others of them there, and these are moved.

Two runs of the machinery that every job has. The first one's target is the stage, a DuckDB file of this machine, and
the queries are its last steps, each in one transaction with its entry in the journal: what they made is decided once.
The second one's source is that file. A job that was ended anywhere goes on where it was.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from ..transfer.engine import Receipt
from ..transfer.engines import engine_of
from ..transfer.engines.files.durable import lock
from ..transfer.errors import DataError, DifferenceFound, EngineError, RequestError, UnfinishedRun
from ..transfer.intact import intact
from ..transfer.job import Limits
from ..transfer.place import Address, parse, resolve
from ..transfer.plan import Plan
from ..transfer.progress import Progress
from ..transfer.request import Request, Staging, job_of
from ..transfer.resume import proof_of
from ..transfer.schema.catalogue import Relation
from ..transfer.start import RESUMABLE, Recorded, runs
from .places import Secrets, planned
from .reshaped import SCHEMA, statements

if TYPE_CHECKING:
    from .wire import Outcome


@dataclass(frozen=True)
class Reshaped:
    """What a query made: the table's name in the target, its rows, and of each table that it saw how many rows were
    staged, of which instant.
    """

    target: str
    rows: int
    sources: tuple[tuple[str, int, str], ...]


def foreseen(request: Request, secrets: Secrets, there: Address | None) -> Plan:
    """Plan a job that reshapes, by an empty stage; changes nothing. RequestError for a query that is none."""
    staging = _staging(request)
    first = planned(staging.request, replace(secrets, target=""), None)
    with TemporaryDirectory(prefix="ropeway-stage-") as folder:
        place, _ = parse(f"duckdb:///{folder}/stage.duckdb")
        _make_empty(first, staging, resolve(place, ""))
        made = planned(replace(request, source=place), Secrets("", secrets.target), there)
    hops = tuple(replace(hop, rows=-1) for hop in made.hops)  # it was looked at without a row
    return replace(_with(made, first), source=request.source, hops=hops, job=job_of(request))


def _staging(request: Request) -> Staging:
    assert request.staging  # noqa: S101 - looked at by the caller
    return request.staging


def _make_empty(first: Plan, staging: Staging, address: Address) -> None:
    """The stage as it will be, without rows."""
    with closing(engine_of(address.place.scheme).loader(address)) as loader:
        for statement in first.statements:
            if statement.phase == "before":
                loader.execute(statement.forward)
        schema, *queries = statements(staging.queries)
        loader.execute(schema)
        for query, one in zip(queries, staging.queries, strict=True):
            try:
                loader.execute(query)
            except Exception as error:  # DuckDB's own
                raise RequestError(
                    f"{one.makes}: DuckDB does not take the query: {str(error).splitlines()[0]}",
                    table=one.makes,
                    remedy="Its tables have the columns that 'ropeway plan' of them alone shows.",
                ) from error


def _with(plan: Plan, first: Plan) -> Plan:
    """A plan with the one that fills its stage, and what is to be known of that; notes are of its own types."""
    told = tuple(one for one in first.findings if one.grade != "note")
    return replace(plan, staging=first, findings=(*plan.findings, *told))


def staged(
    request: Request,
    secrets: Secrets,
    move: Callable[..., Outcome],
    ways: Ways,
    *,
    resume: bool,
    fresh: bool,
    progress: Progress,
    **how: Any,
) -> Outcome:
    """Fill the stage and move what the queries make of it; `resume` goes on with either. The stage goes in the end.

    EngineError where another process carries out the same job.
    """
    with _alone(request):
        staging, target = _staging(request), resolve(request.target, secrets.target)
        folder, last = Path(staging.request.target.database).parent, Secrets("", secrets.target)
        mine = [one for one in ways.known(target) if one.job == job_of(request)]
        began = any(one.state in RESUMABLE for one in mine)
        _sweep(staging.request, folder, target, [one.run for one in mine if one.state not in RESUMABLE])
        if not resume:
            ways.make_way(request, target, progress, fresh=fresh)
            _make_room(staging.request, fresh=fresh)
            ways.refuse(foreseen(request, secrets, target if ways.is_there(target) else None))
        elif not folder.is_dir():
            gone = f"Its run goes on from the stage in {folder}, which is not there."
            raise RequestError(
                gone if began else "No run of this job is unfinished, here or in the target.",
                remedy="Begin anew with --fresh." if began else "Start one without --resume.",
            )
        if not (resume and began):
            _fill(staging.request, replace(secrets, target=""), move, progress=progress, **how)
        first, receipts = _filled(staging.request)
        rows = _counted(staging)
        _check_one_per(staging, first, receipts, rows)
        how["limits"] = _past_the_source(how.get("limits"))
        if resume and began:
            outcome = move(request, last, resume=True, progress=progress, **how)
        else:
            plan = planned(request, last, target if ways.is_there(target) else None)
            outcome = move(_with(plan, first), last, progress=progress, **how)
        reshaped = _balance(request, outcome, first, receipts, rows)
        if outcome.report is None or outcome.report.equal:
            rmtree(folder, ignore_errors=True)
        return replace(outcome, reshaped=reshaped)


@contextmanager
def _alone(request: Request) -> Iterator[None]:
    """Hold the job's stage, there or not, against other processes."""
    folder = Path(_staging(request).request.target.database).parent
    folder.parent.mkdir(parents=True, exist_ok=True)
    handle = lock(folder.with_suffix(".lock"))
    if handle is None:
        raise EngineError(
            f"Another process is carrying out this job, by the stage in {folder}.",
            remedy="Its hold goes with it; 'ropeway status' shows how far it is.",
        )
    try:
        yield
    finally:
        os.close(handle)


def _past_the_source(limits: Limits | None) -> Limits | None:
    """The limits of a run whose source is the stage, which says nothing of how busy it is."""
    return replace(limits, throttle=replace(limits.throttle, most=())) if limits else None


@dataclass(frozen=True)
class Ways:
    """What the public API knows of runs, which these go by too."""

    known: Callable[[Address], list[Recorded]]
    make_way: Callable[..., None]
    refuse: Callable[[Plan], None]
    is_there: Callable[[Address], bool]


def _sweep(request: Request, folder: Path, target: Address, ended: list[str]) -> None:
    """Remove a stage of which a run that ended has moved all; its process was killed before it did so itself."""
    if not ended or not Path(request.target.database).exists():
        return
    known = [one.run for one in runs(resolve(request.target, "")) if one.job == job_of(request)]
    with closing(engine_of(target.place.scheme).loader(target)) as loader:
        plans = [intact(run, loader) for run in ended]
    if any(plan.staging and plan.staging.run in known for plan in plans):
        rmtree(folder, ignore_errors=True)


def _make_room(request: Request, *, fresh: bool) -> None:
    """Have no earlier stage there. EngineError where another process has it open."""
    folder = Path(request.target.database).parent
    if folder.exists() and not fresh:
        raise UnfinishedRun(
            f"An earlier run of this job has left its stage in {folder}, and did not end.",
            remedy="Go on with --resume, or begin anew with --fresh.",
        )
    if Path(request.target.database).exists():
        runs(resolve(request.target, ""))  # DuckDB opens a file in one process alone
    rmtree(folder, ignore_errors=True)


def _fill(request: Request, secrets: Secrets, move: Callable[..., Outcome], *, progress: Progress, **how: Any) -> None:
    """Bring all tables into the stage and make what the queries say; nothing is done twice.

    A query is to see tables of one instant. Where a source does not keep its, a stage that was not filled goes.
    """
    folder, address = Path(request.target.database).parent, resolve(request.target, "")
    known = runs(address) if Path(request.target.database).exists() else []
    states = [one.state for one in known if one.job == job_of(request)]
    if states and states[-1] == "different":
        raise _differs()
    if states and states[-1] == "done":
        return
    if states and not (_may_go_on(request) or _is_whole(request)):
        progress.said("What the earlier run had staged is of another instant, and is read again.")
        rmtree(folder)
        states = []
    folder.mkdir(parents=True, exist_ok=True)
    outcome = move(request, secrets, resume=bool(states), progress=progress, **how)
    if outcome.report and not outcome.report.equal:
        raise _differs()


def _differs() -> DifferenceFound:
    return DifferenceFound(
        "The stage differs from what was read for it, and nothing is made of it.",
        remedy="Begin anew with --fresh, and report this, please.",
    )


def _may_go_on(request: Request) -> bool:
    """Whether tables that are read later may stand beside those that are there."""
    places = [place for _, place in request.sources] or [request.source]
    return request.consistency != "run" or all(engine_of(one.scheme).instant == "durable" for one in places)


def _is_whole(request: Request) -> bool:
    """Whether all tables are there, and were proven at their instant."""
    plan, receipts = _filled(request)
    with closing(engine_of(request.target.scheme).loader(resolve(request.target, ""))) as loader:
        journal = loader.ledger.journaled(plan.run)
    landed = {(one.hop, one.slice) for one in receipts}
    return all(
        journal.get(proof_of(hop)) == "done" and all((hop.name, part.number) in landed for part in hop.slices)
        for hop in plan.hops
    )


def _filled(request: Request) -> tuple[Plan, list[Receipt]]:
    """The run that filled the stage, as that tells it."""
    address = resolve(request.target, "")
    with closing(engine_of(request.target.scheme).loader(address)) as loader:
        run = next(str(row[0]) for row in reversed(loader.ledger.runs()) if row[2] == job_of(request))
        return intact(run, loader), loader.ledger.receipts(run)


def _counted(staging: Staging) -> dict[str, int]:
    """How many rows each query made."""
    engine, address = engine_of(staging.request.target.scheme), resolve(staging.request.target, "")
    with closing(engine.connect(address)) as session:
        named = {one.makes: engine.relation(Relation(SCHEMA, one.makes)) for one in staging.queries}
        return {name: int(str(session.ask(f"SELECT count(*) FROM {table}")[0][0])) for name, table in named.items()}


def _read(first: Plan, receipts: list[Receipt]) -> dict[str, tuple[str, int, str]]:
    """By its name in the stage of each table what the source calls it, how many rows came, of which instant."""
    made = {}
    for hop in first.hops:
        mine = [one for one in receipts if one.hop == hop.name and one.slice]
        instants = ", ".join(sorted({one.instant for one in mine}))
        made[hop.writes.table.lower()] = (hop.named, sum(one.loaded for one in mine), instants)
    return made


def _check_one_per(staging: Staging, first: Plan, receipts: list[Receipt], rows: dict[str, int]) -> None:
    """DataError where a query gave more rows than its table had, or fewer: a join that met several, or none."""
    read = _read(first, receipts)
    for one in staging.queries:
        named, had, _ = read[one.one_per.lower()] if one.one_per else ("", rows[one.makes], "")
        if had != rows[one.makes]:
            raise DataError(
                f"{one.makes}: {named} has {had:,} rows, and the query made {rows[one.makes]:,}: 'one_per: "
                f"{one.one_per}' asks for one of each.",
                table=one.makes,
                remedy="Look for a key that is there twice in a table that it joins (or not at all, in an inner join); "
                "mend that or the query, and begin anew with --fresh.",
            )  # fmt: skip


def _balance(
    request: Request, outcome: Outcome, first: Plan, receipts: list[Receipt], rows: dict[str, int]
) -> tuple[Reshaped, ...]:
    """What went in and what came out. All that came out was read for the target: DataError if not."""
    read, made = _read(first, receipts), {}
    for hop in outcome.plan.hops:
        made[hop.reads.table] = sum(one.read for one in outcome.receipts if one.hop == hop.name and one.slice > 0)
    if made != {name: rows[name] for name in made} and not request.limit:
        raise DataError(
            f"The queries made {rows} rows, and {made} were read.", remedy="This is a defect of Ropeway: report it."
        )
    inputs = {one.makes: one.seen for one in _staging(request).queries}
    return tuple(
        Reshaped(str(hop.writes), rows[hop.reads.table], tuple(read[name.lower()] for name in inputs[hop.reads.table]))
        for hop in outcome.plan.hops
    )
