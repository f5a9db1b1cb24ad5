"""The public API: what a command does is one call here. This is where the rooms meet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ..transfer.engine import Receipt
from ..transfer.engines import engine_of
from ..transfer.errors import RequestError
from ..transfer.place import Address, Place, parse, resolve
from ..transfer.plan import Plan
from ..transfer.planning import Ends
from ..transfer.planning import plan as _plan
from ..transfer.progress import Progress
from ..transfer.request import Request, job_of
from ..transfer.run import Interrupt, Job, Limits, execute
from ..transfer.schema.catalogue import Table
from ..transfer.schema.selection import matches
from ..transfer.start import Recorded, begin, resumed
from ..transfer.start import runs as _runs
from ..verify.compare import compare
from ..verify.report import Report


@dataclass(frozen=True)
class Secrets:
    """Literal passwords, which no plan keeps. `repr` does not show them."""

    source: str = field(default="", repr=False)
    target: str = field(default="", repr=False)


@dataclass(frozen=True)
class Outcome:
    """A finished run: its plan, all receipts, and what its verification says."""

    plan: Plan
    receipts: tuple[Receipt, ...]
    report: Report | None
    seconds: float = 0.0


def inspect(url: str, tables: Sequence[str] = ("*",)) -> list[Table]:
    """The tables of a place whose names match any of the globs."""
    place, secret = parse(url)
    engine = engine_of(place.scheme)
    session = engine.connect(resolve(place, secret))
    try:
        found = engine.tables(session)
    finally:
        session.close()
    for pattern in tables:
        if found and not any(matches(table.name, pattern, engine.default_schema) for table in found):
            raise RequestError(f"No table of {place} matches {pattern!r}.")
    return [t for t in found if any(matches(t.name, p, engine.default_schema) for p in tables)]


def plan(request: Request, secrets: Secrets | None = None) -> Plan:
    """Plan a job; changes nothing anywhere."""
    secrets = secrets or Secrets()
    source, target = engine_of(request.source.scheme), engine_of(request.target.scheme)
    source_session = source.connect(resolve(request.source, secrets.source))
    try:
        target_session = target.connect(resolve(request.target, secrets.target), create=True)
        try:
            return _plan(request, Ends(source, source_session, target, target_session))
        finally:
            target_session.close()
    finally:
        source_session.close()


def run(
    what: Request | Plan,
    secrets: Secrets | None = None,
    *,
    limits: Limits | None = None,
    progress: Progress | None = None,
    resume: bool = False,
    mix_instants: bool = False,
    interrupt: Interrupt | None = None,
) -> Outcome:
    """Carry out a request or a plan, and verify it at its level."""
    secrets, progress = secrets or Secrets(), progress or Progress()
    target = resolve(what.target, secrets.target)
    level = what.level
    if resume:
        frozen = resumed(job_of(what) if isinstance(what, Request) else what.job, target)
    else:
        frozen = what if isinstance(what, Plan) else plan(what, secrets)
        begin(frozen, target)
    frozen = replace(frozen, level=level)
    source = resolve(frozen.source, secrets.source)
    job = Job.of(frozen, source, target, limits or Limits(), progress, mix_instants=mix_instants)
    try:
        receipts = execute(job, interrupt)
        report = None if level == "none" else compare(frozen, receipts, level, target)
    finally:
        progress.ended()
    _close(frozen, target, report)
    return Outcome(frozen, tuple(receipts), report)


def _close(frozen: Plan, target: Address, report: Report | None) -> None:
    loader = engine_of(frozen.target.scheme).loader(target)
    try:
        state = "done" if report is None or report.equal else "different"
        loader.ledger.finish(frozen.run, state)
    finally:
        loader.close()


def verify(what: Plan, receipts: Sequence[Receipt], level: str, secrets: Secrets | None = None) -> Report:
    """Verify a run again, from its plan and receipts."""
    return compare(what, receipts, level, resolve(what.target, (secrets or Secrets()).target))


def status(url: str) -> list[Recorded]:
    """The runs that a target remembers."""
    place, secret = parse(url)
    return _runs(resolve(place, secret))


__all__ = ["Outcome", "Place", "Secrets", "inspect", "plan", "run", "status", "verify"]
