"""What DuckDB's declarations leave open: whether intervals count months, whether dates and timestamps are infinite."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ...engine import Session
from ...plan import Finding
from ...policies import KEEP, forbid_null, refused
from ...schema.catalogue import Column, Table
from ...schema.sql import double_quoted
from .connection import qualified

_MOMENT = re.compile("DATE|TIMESTAMP.*")


def profile(
    session: Session, table: Table, where: str, policies: Mapping[str, str]
) -> tuple[dict[str, str], list[Finding]]:
    """The words to read some columns by, from one query for each table that has such columns."""
    asked = [column for column in table.columns if column.native == "INTERVAL" or _MOMENT.fullmatch(column.native)]
    if not asked:
        return {}, []
    query = table.physical.get("query")
    source = f"({query})" if query else qualified(table.name.schema, table.name.table)
    counts = ", ".join(f"count_if({_odd(column)})" for column in asked)
    (row,) = session.ask(f"SELECT {counts} FROM {source}{f' WHERE {where}' if where else ''}")
    words: dict[str, str] = {}
    findings = []
    for column, count in zip(asked, row, strict=True):
        if not count:
            continue
        at = f"{table.name}.{column.name}"
        if column.native == "INTERVAL":
            words[column.name] = "interval, as text"
            said = f"{count:,} of its intervals count months or mix signs, so it is read as text"
        else:
            words[column.name] = _word(table, column, policies["infinity"], int(str(count)))
            said = f"{count:,} of its values are infinite: read as {words[column.name]}"
        findings.append(Finding("note", at, said, "profiled-type"))
    return words, findings


def _odd(column: Column) -> str:
    c = double_quoted(column.name)
    if column.native != "INTERVAL":
        return f"isinf({c})"
    months = f"datepart('year', {c}) * 12 + datepart('month', {c}) <> 0"
    days, rest = f"datepart('day', {c})", f"(datepart('hour', {c}) + datepart('minute', {c}) + datepart('us', {c}))"
    return f"{months} OR ({days} > 0 AND {rest} < 0) OR ({days} < 0 AND {rest} > 0)"


def _word(table: Table, column: Column, policy: str, count: int) -> str:
    if policy == "stop":
        raise refused(table, column, "infinity", count)
    if policy == "null":
        forbid_null(table, column, "infinity: null")
        return f"{column.native}, infinite as null"
    return f"{column.native}, {'kept' if policy == KEEP else 'as text'}"
