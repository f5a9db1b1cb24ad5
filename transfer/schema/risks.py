"""Findings that follow from the plan itself, and their order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Literal

from ..errors import RequestError
from ..plan import ColumnPlan, Finding, Plan
from ..types import Fidelity
from .catalogue import Column, Relation, Table

GRADES = ("blocker", "warning", "note")


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """Blockers, then warnings, then notes; within a grade as they were found."""
    return sorted(findings, key=lambda one: GRADES.index(one.grade))


def waived(waivers: Sequence[str], findings: Sequence[Finding]) -> tuple[str, ...]:
    """The waivers, each once. RequestError for one that no finding answers to."""
    for waiver in waivers:
        if not any(_answers(one, waiver) for one in findings):
            raise RequestError(f"The plan has no finding {waiver!r} to waive.", remedy=_nearest(waiver, findings))
    return tuple(dict.fromkeys(waivers))


def _nearest(waiver: str, findings: Sequence[Finding]) -> str:
    name, _, where = waiver.partition(":")
    known = {one.name for one in findings}
    places = sorted({one.where for one in findings if one.name == name})
    if where and places:
        return f"It has {name} at {', '.join(places[:5])}{' and others' if len(places) > 5 else ''}."
    near = get_close_matches(name, known, 1, 0.5)
    if near:
        return f"Did you mean {near[0]}?"
    return f"Its findings: {', '.join(sorted(known))}." if known else "It has none, so nothing needs a waiver."


def _answers(finding: Finding, waiver: str) -> bool:
    """Whether a waiver `name` or `name:where` means a finding; `where` may be a glob."""
    name, _, where = waiver.partition(":")
    return finding.name == name and (not where or fnmatchcase(finding.where, where))


def is_waived(finding: Finding, waivers: Sequence[str]) -> bool:
    """Whether a person has said that a finding may not stop the run."""
    return any(_answers(finding, waiver) for waiver in waivers)


def grade_of(finding: Finding, waivers: Sequence[str]) -> str:
    """The grade, and that it is waived."""
    return f"{finding.grade}, waived" if is_waived(finding, waivers) else finding.grade


def blockers(plan: Plan) -> list[Finding]:
    """What stops a run of the plan."""
    return [one for one in plan.findings if one.grade == "blocker" and not is_waived(one, plan.waived)]


def regardless(plan: Plan) -> Plan:
    """The plan with all its blockers waived, for rows that go into scratch tables and are thrown away."""
    return replace(plan, waived=(*plan.waived, *sorted({one.name for one in blockers(plan)})))


def of_column(table: Table, column: Column, planned: ColumnPlan) -> list[Finding]:
    """What a mapping does to the values, unless they stay the same."""
    where = f"{table.name}.{column.name}"
    findings = []
    if planned.fidelity is not Fidelity.EXACT:
        why = f": {planned.why}" if planned.why else ""
        said = f"{column.native} becomes {planned.native} ({planned.fidelity}){why}"
        lossy = planned.fidelity is Fidelity.LOSSY
        remedy = f"Leave it out with --columns, or name another type: types: {{{column.name}: text}}." if lossy else ""
        chosen = "policy " in planned.why  # what the user chose by name is allowed
        grade: Literal["note", "warning", "blocker"] = "note"
        if lossy:
            grade = "warning" if chosen else "blocker"
        findings.append(Finding(grade, where, said, f"{planned.fidelity}-type", remedy))
    return findings


def of_key(source: Relation, target: Table, mode: str) -> list[Finding]:
    """What cannot be done with a table without a key; the way back of an append needs a primary one."""
    where = str(source)
    if target.key:
        return []
    if mode == "append":
        said = "has no key, so appended rows cannot be told from those that were there: there is no way back"
        remedy = "Give it a primary key, or keep a copy of the target's table."
        return [Finding("warning", where, said, "no-key", remedy)]
    if any(index.unique and index.columns and not index.where for index in target.indexes):
        return []
    said = "has no key: verification proves that the rows are the same, and cannot name one that differs"
    return [Finding("note", where, said, "no-key")]
