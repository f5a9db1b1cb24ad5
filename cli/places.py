"""Where a job's sources and its target are, with their secrets: what is asked of all sources alike is asked here."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace

from ..transfer.consolidating import plan as plan_several
from ..transfer.cutting import apart, cut_anew
from ..transfer.engines import engine_of
from ..transfer.errors import RequestError
from ..transfer.place import Address, resolve
from ..transfer.plan import Hop, Plan
from ..transfer.planning import plan as plan_one
from ..transfer.request import Request
from ..transfer.schema.definitions import check_unmoved
from ..transfer.schema.entry import Ends


@dataclass(frozen=True)
class Secrets:
    """Literal passwords, which no plan keeps; those of several `sources` by alias. `repr` does not show them."""

    source: str = field(default="", repr=False)
    target: str = field(default="", repr=False)
    sources: Mapping[str, str] = field(default_factory=dict, repr=False)

    def of(self, alias: str) -> str:
        """That of a source."""
        return self.sources.get(alias, "") if alias else self.source


def addresses(plan: Plan, secrets: Secrets) -> dict[str, Address]:
    """Where a plan's sources are, by alias; a single one has none."""
    return {one.alias: resolve(one.place, secrets.of(one.alias)) for one in plan.origins}


def planned(request: Request, secrets: Secrets, there: Address | None) -> Plan:
    """Plan a job, whose target may not be there yet; changes nothing anywhere."""
    target = engine_of(request.target.scheme)
    places = request.sources or (("", request.source),)
    with ExitStack() as stack:
        session = None
        if there:
            session = target.connect(there, create=True)
            stack.callback(session.close)
        address = resolve(request.target, secrets.target)
        ends = {}
        for alias, place in places:
            engine, source = engine_of(place.scheme), resolve(place, secrets.of(alias))
            reading = engine.connect(source)
            stack.callback(reading.close)
            ends[alias] = Ends(engine, reading, target, session, source_address=source, target_address=address)
        return plan_several(request, ends) if request.sources else plan_one(request, ends[""])


def checked(plan: Plan, sources: Mapping[str, Address], *, anew: bool, grown: bool) -> tuple[Plan, list[str]]:
    """The plan, whose sources are defined as they were, and what is new there and not in it.

    It is cut `anew` where it was made some time before its run. Partitions may have `grown` since rows were read.
    A stage is this job's own, and was planned as it is.
    """
    if plan.staging:
        return plan, []
    new: list[str] = []
    hops: list[Hop] = []
    for origin in plan.origins:
        part, engine = plan.part(origin), engine_of(origin.place.scheme)
        with closing(engine.connect(sources[origin.alias])) as session:
            of = f"{origin.alias}: " if origin.alias else ""
            new += [f"{of}{one}" for one in check_unmoved(part, engine, session, grown=grown)]
            hops += (cut_anew(part, engine, session) if anew else part).hops
    made = replace(plan, hops=tuple(hops))
    return (apart(made) if anew and plan.sources else made), new


def as_they_are(what: Request | Plan, asked: str) -> None:
    """RequestError for what is asked of the source's own tables, where queries make others of them."""
    if what.staging:
        raise RequestError(
            f"{asked} is for a job that moves tables as they are, and this one reshapes them.",
            remedy="A run of it is proven by itself, and again by 'ropeway verify'.",
        )


def single(what: Request | Plan, asked: str) -> None:
    """RequestError for what is asked of one source, where there are several, or a stage in its place."""
    as_they_are(what, asked)
    if what.sources:
        raise RequestError(
            f"{asked} is for a job of one source, and this one has {len(what.sources)}.",
            remedy="A run of it is proven by itself, and again by 'ropeway verify'.",
        )


def check_apart(plan: Plan, otherwise: Mapping[str, str]) -> None:
    """RequestError where rows of a table that several sources feed are to be moved aside: nobody would know whose."""
    for hop in plan.hops:
        if len(plan.feeders(hop)) > 1 and otherwise.get(hop.name) == "quarantine":
            raise RequestError(
                f"{hop.writes}: quarantine is not for tables that several sources feed.", table=str(hop.writes),
                remedy="Choose on_violation: stop or leave-out.",
            )  # fmt: skip
