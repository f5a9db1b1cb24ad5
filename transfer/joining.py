"""The plans of several sources as one: every table is made once, by what the first that feeds it planned."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from .cutting import apart
from .errors import RequestError
from .plan import Finding, Grants, Hop, Origin, Plan, Statement
from .request import Request
from .schema.catalogue import Relation, Table
from .schema.feeding import check_same
from .schema.modes import is_reference
from .schema.risks import waived, worst_first

Value = TypeVar("Value")


def joined(request: Request, job: str, plans: Mapping[str, Plan], said: Sequence[Finding]) -> Plan:
    """One plan of those of several sources, by their aliases."""
    for hop in (one for plan in plans.values() for one in plan.hops):
        if hop.upon:
            raise RequestError(
                f"{hop.writes} is its own source, and the job has several.", table=str(hop.writes),
                remedy="Clean it up in place with a job of its own.",
            )  # fmt: skip
    makers: dict[Relation, Hop] = {}
    for hop in (one for plan in plans.values() for one in plan.hops):
        makers.setdefault(hop.writes, hop)  # the first: what it refers to is made with it or before
    hops = tuple(replace(hop, into=makers[hop.writes].into) for plan in plans.values() for hop in plan.hops)
    for table in makers:
        check_same(table, {hop.origin: hop.columns for hop in hops if hop.writes == table})
    statements, lost = _statements(plans, makers)
    findings = _once([*said, *lost, *(one for plan in plans.values() for one in plan.findings)])
    first = next(iter(plans.values()))
    made = replace(
        first, hops=hops, statements=tuple(statements), findings=tuple(worst_first(findings)),
        locks=tuple(f"{alias}: {one}" for alias, plan in plans.items() for one in plan.locks), job=job,
        waived=waived(request.waive, findings), grants=_grants(plans), tables=_tables(plans.values()),
        definitions=tuple(one for plan in plans.values() for one in plan.definitions),
        renames=tuple(_once(one for plan in plans.values() for one in plan.renames)),
        listed=tuple(_once(one for plan in plans.values() for one in plan.listed)),
        sources=tuple(Origin(alias, plan.source, plan.scope) for alias, plan in plans.items()),
    )  # fmt: skip
    return apart(made)


def _once(values: Iterable[Value]) -> list[Value]:
    return list(dict.fromkeys(values))


def _tables(plans: Iterable[Plan]) -> tuple[Table, ...]:
    """Each hop's table, which is the same for all that feed it."""
    made: dict[Relation, Table] = {}
    return tuple(made.setdefault(table.name, table) for plan in plans for table in plan.tables)


def _statements(
    plans: Mapping[str, Plan], makers: Mapping[Relation, Hop]
) -> tuple[list[Statement], list[Finding]]:  # fmt: skip
    """All statements but those of hops that make no table of their own; what concerns all comes after all.

    What several plans would do to the target alike, as making a schema, is done once. Of what they would make
    otherwise under one name, as a view, the first is made, and that is said.
    """
    owners = {hop.name for hop in makers.values()}
    made: dict[tuple[str, ...], Statement] = {}
    lost = []
    for alias, plan in plans.items():
        for one in plan.statements:
            if one.hop and one.hop not in owners:
                continue
            name = one.name.split(" ", 1)[1]
            alone = not one.hop and name.startswith("create ")
            known = made.setdefault((name, one.hop, "" if alone else one.forward), replace(one, name=name))
            if known.forward != one.forward:
                said = f"{name} of {alias} is left out: another source has one of that name, and it is made"
                lost.append(Finding("warning", alias, said, "consolidated-lost", "Make it by hand, by another name."))
    ordered = sorted(made.values(), key=_place)
    return [replace(one, name=f"{number} {one.name}") for number, one in enumerate(ordered, start=1)], lost


def _place(one: Statement) -> tuple[int, bool]:
    """Phase by phase; foreign keys to tables that are swapped come once these have their names."""
    late = one.phase == "after" and "*" in one.after
    return {"before": 0, "after": 1, "swap": 3}[one.phase] + late, one.phase == "swap" and is_reference(one)


def _grants(plans: Mapping[str, Plan]) -> Grants:
    """What the accounts need; those of each source behind a comment that names it."""
    reading = []
    for alias, plan in plans.items():
        if plan.grants.source:
            reading += [f"-- {alias}, {plan.source}", *plan.grants.source]
    return Grants(tuple(reading), tuple(_once(one for plan in plans.values() for one in plan.grants.target)))
