"""Findings that follow from the plan itself, and their order."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from ..plan import ColumnPlan, Finding
from ..types import Fidelity
from .catalogue import Column, Relation, Table

GRADES = ("blocker", "warning", "note")


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """Blockers, then warnings, then notes; within a grade as they were found."""
    return sorted(findings, key=lambda one: GRADES.index(one.grade))


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
    if any(index.unique and not index.where for index in target.indexes):
        return []
    said = "has no key: verification proves that the rows are the same, and cannot name one that differs"
    return [Finding("note", where, said, "no-key")]
