"""The public API: what a command does is one call here. This is where the rooms meet."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ..transfer.clean import ENDED, Left
from ..transfer.clean import leftovers as _leftovers
from ..transfer.clean import remove as _remove_there
from ..transfer.engine import Engine, Receipt
from ..transfer.engines import engine_of
from ..transfer.errors import BlockedPlan, MissingTable, RequestError, UnfinishedRun
from ..transfer.gathering import Merged, forget, merged
from ..transfer.intact import intact
from ..transfer.interrupt import Interrupt
from ..transfer.job import Job, Limits
from ..transfer.ledger import ROLLED_BACK, UNDOING
from ..transfer.place import Address, parse, resolve
from ..transfer.plan import Plan
from ..transfer.progress import Progress
from ..transfer.proposals import rehearsed
from ..transfer.quarantine import Quarantined, quarantined
from ..transfer.refusal import worded
from ..transfer.request import Request, job_of
from ..transfer.rowrules import warned
from ..transfer.run import execute
from ..transfer.schema.catalogue import Table
from ..transfer.schema.definitions import check_nothing_new
from ..transfer.schema.risks import blockers, regardless
from ..transfer.schema.selection import matches
from ..transfer.start import Recorded, resumed
from ..transfer.start import runs as _runs
from ..transfer.swapping import has_swapped
from ..transfer.violation import LeftOut, left_out
from ..verify.report import Report
from .chosen import choice_of, chosen_now, pairing
from .places import Secrets, addresses, checked, planned, single
from .proof import Proof
from .samples import sampled

if TYPE_CHECKING:
    from .mending import Repair
    from .rulebook import Export
    from .staging import Reshaped


@dataclass(frozen=True)
class Outcome:
    """A finished run: its plan, all receipts, and what its verification says."""

    plan: Plan
    receipts: tuple[Receipt, ...]
    report: Report | None
    seconds: float = 0.0
    left_out: tuple[LeftOut, ...] = ()
    quarantined: tuple[Quarantined, ...] = ()
    merged: tuple[Merged, ...] = ()
    reshaped: tuple[Reshaped, ...] = ()


def inspect(url: str, tables: Sequence[str] = ("*",)) -> list[Table]:
    """The tables of a place whose names match any of the globs; RequestError for one that none does, but for `*`."""
    place, secret = parse(url)
    engine = engine_of(place.scheme)
    session = engine.connect(resolve(place, secret))
    try:
        found = engine.tables(session)
    finally:
        session.close()
    for pattern in tables:
        if found and pattern != "*" and not any(matches(table.name, pattern, engine.default_schema) for table in found):
            raise RequestError(f"No table of {place} matches {pattern!r}.")
    return [t for t in found if any(matches(t.name, p, engine.default_schema) for p in tables)]


def plan(request: Request, secrets: Secrets | None = None) -> Plan:
    """Plan a job; changes nothing anywhere."""
    secrets = secrets or Secrets()
    target = resolve(request.target, secrets.target)
    if request.staging:
        from .staging import foreseen

        return foreseen(request, secrets, target if is_there(target) else None)
    return planned(request, secrets, target if is_there(target) else None)


def sample(what: Plan, rows: int, secrets: Secrets | None = None) -> dict[str, pa.Table]:
    """The first rows of each hop as they would be loaded, by the hop's name."""
    return {name: loaded for name, (_, loaded, _) in sampled(what, rows, secrets).items()}


def run(
    what: Request | Plan,
    secrets: Secrets | None = None,
    *,
    limits: Limits | None = None,
    progress: Progress | None = None,
    resume: bool = False,
    fresh: bool = False,
    mix_instants: bool = False,
    interrupt: Interrupt | None = None,
) -> Outcome:
    """Carry out a request or a plan, and verify it at its level.

    Raises UnfinishedRun where an earlier run of the job did not end: `resume` goes on with it, `fresh` undoes it.
    KeyboardInterrupt after an interrupt.
    """
    started = time.monotonic()
    how: dict[str, Any] = {"limits": limits, "mix_instants": mix_instants, "interrupt": interrupt}
    secrets, progress = secrets or Secrets(), progress or Progress()
    if isinstance(what, Request) and what.staging:
        from .staging import Ways, staged

        ways = Ways(_known, _make_way, _refuse, is_there)
        made = staged(what, secrets, _carried, ways, resume=resume, fresh=fresh, progress=progress, **how)
    else:
        made = _carried(what, secrets, progress=progress, resume=resume, fresh=fresh, **how)
    return replace(made, seconds=round(time.monotonic() - started, 3))


def _carried(
    what: Request | Plan,
    secrets: Secrets,
    *,
    progress: Progress,
    limits: Limits | None = None,
    resume: bool = False,
    fresh: bool = False,
    mix_instants: bool = False,
    interrupt: Interrupt | None = None,
) -> Outcome:
    """Carry out a request of one step, or a plan."""
    target = resolve(what.target, secrets.target)
    if resume:
        frozen = chosen_now(resumed(_job(what), target), what)
    else:
        _make_way(what, target, progress, fresh=fresh)
        frozen = what if isinstance(what, Plan) else plan(what, secrets)
        _refuse(frozen)
    frozen = replace(frozen, level=what.level)
    sources = addresses(frozen, secrets)
    if not resume or _is_moving(frozen, target):
        frozen, new = checked(frozen, sources, anew=isinstance(what, Plan) and not resume, grown=resume)
        if resume:  # its rows are as good as before
            for one in new:
                progress.said(f"{one}.")
        else:
            check_nothing_new(new)
    job = Job.of(frozen, sources, target, limits or Limits(), progress, mix_instants=mix_instants)
    proof = Proof(frozen, target)
    with worded("What has landed stays: go on with --resume."):
        try:
            receipts = execute(job, interrupt, fresh=not resume, prove=proof.before_swaps)
        finally:
            progress.ended()
        if interrupt and interrupt.asked.is_set():
            raise KeyboardInterrupt
        report = None if what.level == "none" else _of_plan(proof.report(receipts), frozen)
        missing, aside, gone = _close(frozen, target, report)
    return Outcome(frozen, tuple(receipts), report, 0.0, (*missing, *warned(frozen, receipts)), aside, gone)


def _is_moving(plan: Plan, target: Address) -> bool:
    """Whether a run that is taken up again has rows left to read: one whose rows are all there has only its proof."""
    running = any(known.run == plan.run and known.state == "running" for known in _known(target))
    return running and not has_swapped(plan, target)


def _refuse(plan: Plan) -> None:
    """A blocker stops a run before it changes anything."""
    found = blockers(plan)
    if found:
        said = "\n".join(f"  {one.name} at {one.where}: {one.message}. {one.remedy}".rstrip() for one in found)
        error = BlockedPlan(
            f"The plan has {len(found)} blocker{'s' if len(found) > 1 else ''}:\n{said}",
            remedy=f"Mend that and plan again, or put up with it: --waive {found[0].name}",
        )
        error.findings = tuple(asdict(one) for one in found)
        raise error


def probe(request: Request, secrets: Secrets | None = None, rows: int = 1000) -> Outcome:
    """Move the first rows of each table into scratch tables of the target, prove them, and remove the tables.

    What planning can only read of, this tries: privileges, types, values, both drivers. The scratch tables are called
    ropeway_probe_1 and so on, and are removed whatever happens; the ledger's own tables stay where they had to be made.
    """
    single(request, "plan --probe")
    looked = plan(request, secrets)
    scratch = [
        replace(choice, to=".".join(filter(None, (hop.writes.schema, f"ropeway_probe_{number}"))), mode="create",
                table=str(hop.reads), exclude=(), before=(), after=(), over=rehearsed(choice.over))
        for number, hop in enumerate(looked.hops, start=1)
        for choice in [choice_of(request, hop)]
    ]  # fmt: skip
    rehearsal = replace(
        request, choices=tuple(scratch), mode="create", limit=min(rows, request.limit or rows), before=(), after=(),
        waive=(),
    )  # fmt: skip
    tried = regardless(plan(rehearsal, secrets))
    try:
        return run(tried, secrets)
    finally:
        target = resolve(request.target, (secrets or Secrets()).target)
        if any(known.run == tried.run for known in _known(target)):
            _remove(tried.run, target, undo=True)


def _job(what: Request | Plan) -> str:
    return job_of(what) if isinstance(what, Request) else what.job


def _make_way(what: Request | Plan, target: Address, progress: Progress, *, fresh: bool) -> None:
    """Look for an earlier run of the job that did not end, before planning trips over its tables."""
    runs = _known(target)
    earlier = [known for known in runs if known.job == _job(what) and known.state not in ENDED]
    if isinstance(what, Plan) and any(known.run == what.run for known in runs if known not in earlier):
        raise RequestError(f"This plan was carried out already, as run {what.run}.", remedy="Plan the job again.")
    for known in earlier:
        if not fresh:
            raise _unfinished(known)
        left = _leftovers(known.run, target)
        if left.published:
            raise RequestError(
                f"Run {known.run} has appended its rows to {', '.join(left.published)}, which has no key to take "
                "them out by: a fresh run would append them twice.",
                remedy="Go on with --resume.",
            )
        _remove(known.run, target)
        progress.said(f"Run {known.run} is undone.")


def _unfinished(known: Recorded) -> UnfinishedRun:
    said = f"Run {known.run} of this job, begun {known.started} by {known.by}, "
    if known.state == UNDOING:
        remedy = f"Undo the rest and begin anew with --fresh, or 'ropeway clean {known.run} --undo' alone."
        return UnfinishedRun(said + "was being undone, which did not end.", remedy=remedy)
    return UnfinishedRun(
        said + "did not end.",
        remedy="Go on with --resume, or undo it and begin anew with --fresh. "
        f"'ropeway clean {known.run}' lists what it left.",
    )


def _known(target: Address) -> list[Recorded]:
    """The target's runs; none where there is no target yet, which looking for them must not make."""
    return _runs(target) if is_there(target) else []


def is_there(target: Address) -> bool:
    """Whether a target can be looked at: connecting to a file that is not there would make it."""
    engine = engine_of(target.place.scheme)
    if engine.writers == "many" or engine.landing != "transaction" or not target.database:
        return True
    file = Path(target.database)
    if not file.absolute().parent.is_dir():
        raise RequestError(f"There is no folder {file.absolute().parent} for {target.place}.")
    return file.exists()


def _close(
    frozen: Plan, target: Address, report: Report | None
) -> tuple[tuple[LeftOut, ...], tuple[Quarantined, ...], tuple[Merged, ...]]:
    """End the run in its ledger; the constraints that it did without, and the rows that it moved aside or merged."""
    engine = engine_of(frozen.target.scheme)
    loader = engine.loader(target)
    try:
        missing, aside = left_out(frozen, loader, engine), quarantined(frozen, frozen.hops, loader, engine)
        state = "done" if report is None or report.equal else "different"
        loader.ledger.finish(frozen.run, state)
        return tuple(missing), tuple(aside), merged(frozen, loader.ledger.journaled(frozen.run))
    finally:
        loader.close()


def verify(
    what: Request | Plan,
    receipts: Sequence[Receipt] | None = None,
    level: str = "",
    secrets: Secrets | None = None,
    manifest: Path | None = None,
    limits: Limits | None = None,
    settle: float = 0,
    key: bytes = b"",
    *,
    salted: bool = False,
) -> Report:
    """Verify a finished run again: the job's latest one, or the plan's own. Its ledger lies in the target.

    Without a run of the job, and at level `full`, both places are compared as they are now; `manifest` is a file that
    then takes what was found. Each of `limits.workers` connections computes a part of a large table; where something
    differs, it is looked at again after `settle` seconds, if that is not 0. A `key` signs the
    manifest, and is mixed into its checksums if it is `salted`.
    """
    secrets = secrets or Secrets()
    if manifest:
        single(what, "verify --manifest")
    target, level = resolve(what.target, secrets.target), level or what.level
    if isinstance(what, Request) and not any(one.job == _job(what) for one in _known(target)):
        single(what, "verify, where no run of the job is in the target,")
        now = _as_they_are(what, secrets)
        noted = _compare_now(now, level, secrets, manifest, limits or Limits(), settle, key, salted=salted)
        return replace(noted, run="")
    if receipts is None or isinstance(what, Request):
        what, receipts = _finished(what, target)
    if level == "full" and _stands_alone(what):
        return _compare_now(what, level, secrets, manifest, limits or Limits(), settle, key, salted=salted)
    if manifest:
        raise RequestError("A manifest holds the segments of two places.", remedy="Ask for --level full.")
    return _compare(what, receipts, level, target)


def _stands_alone(plan: Plan) -> bool:
    """Whether a run's tables hold its rows and no others, of one source, so that whole tables can be compared."""
    return not plan.sources and not plan.staging and not any(hop.mode in ("append", "merge") for hop in plan.hops)


def repairs(what: Request | Plan, level: str = "", secrets: Secrets | None = None) -> Repair:
    """Compare two places as they are now, and see what would set the target right. Writes nothing."""
    from .mending import look

    single(what, "verify --repair")
    secrets, level = secrets or Secrets(), level or what.level
    level = level if level in ("standard", "full") else "standard"
    target = resolve(what.target, secrets.target)
    if isinstance(what, Request) and not any(one.job == _job(what) for one in _known(target)):
        return look(_as_they_are(what, secrets), resolve(what.source, secrets.source), target, level)
    plan, _ = _finished(what, target)
    if not _stands_alone(plan):
        raise RequestError(
            "The run's rows stand among others in the target (mode append or merge), so what is too much there is not "
            "known.",
            remedy="Compare the whole tables: name both places with --source, --target and --table, without the job.",
        )
    return look(plan, resolve(plan.source, secrets.source), target, level)


def repair(
    found: Repair, allow: Sequence[str] = (), secrets: Secrets | None = None, kept: Path | None = None
) -> Report:  # fmt: skip
    """Carry out what `repairs` found, and compare again. `kept` is a folder for the rows as they were.

    RequestError where it would reach other rows, by a word that is not in `allow`.
    """
    from .mending import carry_out

    secrets = secrets or Secrets()
    plan = found.plan
    return carry_out(found, resolve(plan.source, secrets.source), resolve(plan.target, secrets.target), allow, kept)


def _as_they_are(request: Request, secrets: Secrets) -> Plan:
    try:
        return plan(pairing(request), secrets)
    except MissingTable as error:
        raise RequestError(
            f"No run of this job is in the target, nor is {error.table}, so there is nothing to verify.",
            table=error.table,
            remedy="Name tables that both places have with --table, or pair them in a job file with 'to:'.",
        ) from error


def _compare_now(
    plan: Plan, level: str, secrets: Secrets, manifest: Path | None, limits: Limits, settle: float, key: bytes,
    *, salted: bool,
) -> Report:  # fmt: skip
    from ..verify.full import full  # as below
    from ..verify.manifest import salt_of, text_of
    from . import version
    from .record import now

    if manifest and level == "count":
        raise RequestError("A manifest holds checksums of segments.", remedy="Ask for --level standard or full.")
    if manifest and not manifest.absolute().parent.is_dir():  # said before hours of work, not after them
        raise RequestError(f"There is no folder {manifest.absolute().parent} for the manifest.")
    source, target = resolve(plan.source, secrets.source), resolve(plan.target, secrets.target)
    began = now()
    report, proofs = full(plan, source, target, level, limits.workers, settle, salt_of(key) if salted else "")
    if manifest:
        manifest.write_text(text_of(plan, report, proofs, (began, now()), version(), key), encoding="utf-8")
    return _of_plan(report, plan)


def _of_plan(report: Report, plan: Plan) -> Report:
    return replace(report, source=plan.read_from, target=str(plan.target), run=plan.run)


def verify_against(manifest: Path, url: str = "", secret: str = "", key: bytes = b"") -> Report:
    """Compare a target, by default the manifest's own, with what a manifest says that it held."""
    from ..verify.full import against
    from ..verify.manifest import parsed

    try:
        known = parsed(manifest.read_text(encoding="utf-8"), str(manifest), key)
    except OSError as error:
        raise RequestError(f"{manifest} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise RequestError(f"{manifest} is no manifest.") from error
    address = located(url, secret) if url else resolve(known.plan.target, secret)
    return replace(against(known, address), source=str(known.plan.source), target=str(address.place))


def _compare(plan: Plan, receipts: Sequence[Receipt], level: str, target: Address) -> Report:
    from ..verify.compare import compare  # Polars takes a quarter of a second to load, and only this needs it

    return _of_plan(compare(plan, receipts, level, target), plan)


def _finished(what: Request | Plan, target: Address) -> tuple[Plan, list[Receipt]]:
    known = [one for one in _known(target) if one.job == _job(what)]
    ended = [one for one in known if one.state in ENDED and one.state != ROLLED_BACK]
    if isinstance(what, Plan):
        ended = [one for one in ended if one.run == what.run]
    if isinstance(what, Plan):
        known = [one for one in known if one.run == what.run]
    if not ended and known and known[-1].state == ROLLED_BACK:
        raise RequestError(
            f"Run {known[-1].run} of this job was rolled back: its tables are those of before it, so there is nothing "
            "of it to verify.",
            remedy="Run the job again, or 'ropeway clean' the run, which drops the tables that it made.",
        )
    if not ended:
        raise RequestError(
            f"Run {known[-1].run} of this job did not end, so there is nothing whole to verify."
            if known
            else "No run of this job is in the target, so there is nothing to verify.",
            remedy="Go on with --resume." if known else "'ropeway status --target URL' lists the runs there.",
        )
    with closing(engine_of(target.place.scheme).loader(target)) as loader:
        run_ = ended[-1].run
        return intact(run_, loader), loader.ledger.receipts(run_)


def status(url: str, secret: str = "") -> list[Recorded]:
    """The runs that a target remembers."""
    return _known(located(url, secret))


def leftovers(run: str, url: str, *, undo: bool = False) -> Left:
    """What a run left behind in a target; with `undo` everything it made."""
    return _leftovers(run, located(url), undo=undo)


def clean(run: str, url: str, *, undo: bool = False, early: bool = False) -> Left:
    """Remove what `leftovers` lists, and forget the run; what was removed. `early` is before a `keep` has passed."""
    return _remove(run, located(url), undo=undo, early=early)


def _remove(run: str, target: Address, *, undo: bool = False, early: bool = False) -> Left:
    left = _remove_there(run, target, undo=undo, early=early)
    forget(run)
    return left


def located(url: str, secret: str = "") -> Address:
    place, literal = parse(url)
    address = resolve(place, secret or literal)
    if not is_there(address):
        raise RequestError(f"There is no {place}.")
    return address


def rules(request: Request, tool: str, secrets: Secrets | None = None) -> Export:
    """The quality rules of a job as files for a tool, `dbt` or `soda`, and those that it cannot say."""
    from .dbt import dbt
    from .rulebook import rulebook
    from .soda import soda

    book = rulebook(request, secrets or Secrets())
    return {"dbt": dbt, "soda": soda}[tool](book)


def types(name: str) -> Engine:
    """An engine by its name or scheme: `reads` and `writes` are its mapping rules."""
    return engine_of(name)


def report(run: str = "") -> dict[str, Any]:
    """The report of a run that this folder's `.ropeway` keeps: by default the latest."""
    from .looking import with_first
    from .record import read_report

    return with_first(read_report(run))


__all__ = [
    "Left", "Outcome", "Recorded", "Secrets", "clean", "inspect", "leftovers", "plan", "repair", "repairs", "report",
    "rules", "run", "sample", "status", "types", "verify", "verify_against",
]  # fmt: skip
