"""What stands beside columns and keys: defaults, checks, comments. Each arrives, or a finding says why not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..plan import ColumnPlan, Finding
from .catalogue import Check, Column, Table
from .wording import Wording


def carried(
    table: Table, source: Table, columns: Sequence[ColumnPlan], here: Wording, there: Wording
) -> tuple[Table, list[Finding]]:
    """The target's table with the source's defaults, checks and comments in its own words."""
    findings: list[Finding] = []
    made = [
        _column(column, source, planned, here, there, findings)
        for column, planned in zip(table.columns, columns, strict=True)
    ]
    checks = [one for check in source.checks for one in _check(check, source, columns, here, there, findings)]
    comment = source.comment if there.comments else ""
    silent = [
        name for name, text in [("table", source.comment), *((c.name, c.comment) for c in source.columns)] if text
    ]
    if silent and not there.comments:
        findings.append(Finding("info", str(source.name), f"comments are not carried: those of {', '.join(silent)}"))
    return replace(table, columns=tuple(made), checks=tuple(checks), comment=comment), findings


def _column(
    column: Column, source: Table, planned: ColumnPlan, here: Wording, there: Wording, findings: list[Finding]
) -> Column:
    text = source.column(planned.source).default
    column = replace(column, default="", comment=column.comment if there.comments else "")
    if not text or column.identity:
        return column
    from .expressions import Untranslatable, default  # with sqlglot a tenth of a second

    try:
        return replace(column, default=default(text, here, there, planned.type, planned.native))
    except Untranslatable as reason:
        where = f"{source.name}.{planned.source}"
        findings.append(Finding("info", where, f"its default is not carried: {text} ({reason})"))
        return column


def _check(
    check: Check, source: Table, columns: Sequence[ColumnPlan], here: Wording, there: Wording, findings: list[Finding]
) -> list[Check]:
    from .expressions import Untranslatable
    from .expressions import check as translated

    known = {column.source: (column.target, column.type) for column in columns}
    try:
        return [replace(check, condition=translated(check.condition, here, there, known))]
    except Untranslatable as reason:
        said = f"check {check.name} is not carried: {check.condition} ({reason})"
        findings.append(Finding("warning", str(source.name), said))
        return []
