"""What a person chose for each table of a plan, and may choose otherwise when its run is taken up again."""

from __future__ import annotations

from dataclasses import replace

from ..transfer.engines import engine_of
from ..transfer.errors import RequestError
from ..transfer.plan import Hop, Plan
from ..transfer.proposals import approving, rehearsed
from ..transfer.request import Choice, Request
from ..transfer.schema.selection import matches
from ..transfer.schema.violations import deciding
from .places import check_apart


def chosen_now(plan: Plan, what: Request | Plan) -> Plan:
    """A run that is taken up again with what is chosen now for rows that break a constraint, and the pairs of rows
    that are approved now: of a table for which these were decided, it notices other ones.
    """
    if isinstance(what, Plan):
        return plan
    choices = {hop.name: choice_of(what, hop) for hop in plan.hops}
    hops = {name: choice.on_violation or what.on_violation for name, choice in choices.items()}
    check_apart(plan, hops)
    _check_rejects(plan, what)
    made = [one for s in plan.statements for one in deciding([s], hops.get(s.hop, what.on_violation))]
    plan = replace(plan, statements=tuple(made), max_rejects=what.max_rejects or plan.max_rejects)
    return approving(plan, {name: choice.over for name, choice in choices.items()})


def _check_rejects(plan: Plan, what: Request) -> None:
    """RequestError where rows are to be rejected now, and the plan has no way to."""
    if not what.max_rejects or plan.max_rejects:
        return
    if engine_of(plan.target.scheme).landing != "transaction" or any(hop.raw for hop in plan.hops):
        raise RequestError(
            "The run was planned without --max-rejects, and cannot reject rows now: bytes pass undecoded, or files "
            "keep none.", remedy="Begin anew with --fresh and --max-rejects.",
        )  # fmt: skip


def choice_of(request: Request, hop: Hop) -> Choice:
    """The choice that a hop came from: the last one that means its table."""
    default = engine_of(dict(request.sources).get(hop.origin, request.source).scheme).default_schema
    if hop.query:
        return next(choice for choice in request.choices if choice.query == hop.query)
    return next(
        c for c in reversed(request.choices)
        if c.origin == hop.origin and not c.query and matches(hop.reads, c.table, default)
        and not any(matches(hop.reads, pattern, default) for pattern in c.exclude)
    )  # fmt: skip


def pairing(request: Request) -> Request:
    """A request that pairs tables and columns of two places, neither of which it would change."""
    choices = tuple(
        replace(choice, mode="append", before=(), after=(), over=rehearsed(choice.over), rules=())
        for choice in request.choices
    )
    return replace(request, choices=choices, mode="append", raw=False, waive=(), before=(), after=(), moves=False)
