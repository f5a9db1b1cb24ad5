"""What only the values can tell: whether moments are finer than microseconds. One aggregate query per table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...engine import Session
from ...plan import Finding
from ...policies import KEEP, MEANT
from ...rules import split
from ...schema.catalogue import Column, Table
from .session import qualified, quoted
from .types import FINE

_MOMENTS = ("time", "datetime2", "datetimeoffset")
_FINEST = 6  # digits that need no look


def profile(
    session: Session, table: Table, where: str, policies: Mapping[str, str]
) -> tuple[dict[str, str], list[Finding]]:
    """The words of the columns whose declarations leave their reading open, and what was found in them."""
    findings = list(_unheeded(table, policies))
    asked = [column for column in table.columns if _is_open(column)]
    if not asked:
        return {}, findings
    counted = ", ".join(f"COUNT_BIG(CASE WHEN {FINE.format(c=quoted(one.name))} THEN 1 END)" for one in asked)
    source = f"({table.physical['query']}) AS q" if "query" in table.physical else qualified(table.name)
    clause = f" WHERE {where}" if where else ""
    (row,) = session.ask(f"SELECT {counted} FROM {source}{clause}")
    decided: dict[str, str] = {}
    for column, found in zip(asked, row, strict=True):
        fine = int(str(found))
        decided[column.name] = _decided(column) if fine else ""
        if fine:
            said = f"{fine:,} of its values have more than microseconds"
            findings.append(Finding("note", f"{table.name}.{column.name}", said, "profiled-type"))
    return decided, findings


def _is_open(column: Column) -> bool:
    native = split(column.base or column.native)
    return native.name in _MOMENTS and native.argument(0, 7) > _FINEST


def _decided(column: Column) -> str:
    native = column.base or column.native
    return f"{native}, as {'text' if split(native).name == 'time' else 'nanoseconds'}"


def _unheeded(table: Table, policies: Mapping[str, str]) -> Iterator[Finding]:
    """Choices that somebody made and that no rule of this engine carries out yet."""
    for policy in ("nul", "invalid_text"):
        if policies[policy] not in (KEEP, "stop"):
            said = f"policy {policy}={policies[policy]} is not carried out for SQL Server: the first of "
            said += f"{MEANT[policy]} stops the run, where the target cannot hold it"
            remedy = "Leave such rows out by a where condition, or read a query that changes them."
            yield Finding("warning", str(table.name), said, "not-profiled", remedy)
