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

_MOMENT = re.compile("DATE|TIMESTAMP(_S|_MS|_NS|TZ_NS| WITH TIME ZONE)?")


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
            if policies["infinity"] == "stop":
                raise refused(table, column, "infinity", int(str(count)), _first(session, table, source, where, column))
            words[column.name] = _word(table, column, policies["infinity"])
            said = f"{count:,} of its values are infinite: read as {words[column.name]}"
        findings.append(Finding("note", at, said, "profiled-type"))
    return words, findings


def _odd(column: Column) -> str:
    c = double_quoted(column.name)
    if column.native != "INTERVAL":
        return f"isinf({c}{'::TIMESTAMPTZ' if column.native == 'TIMESTAMPTZ_NS' else ''})"
    months = f"datepart('year', {c}) * 12 + datepart('month', {c}) <> 0"
    days, rest = f"datepart('day', {c})", f"(datepart('hour', {c}) + datepart('minute', {c}) + datepart('us', {c}))"
    return f"{months} OR ({days} > 0 AND {rest} < 0) OR ({days} < 0 AND {rest} > 0)"


def _first(session: Session, table: Table, source: str, where: str, column: Column) -> str:
    """The key of a row with such a value, '' without a key."""
    if not table.key:
        return ""
    keys = ", ".join(f"CAST({double_quoted(name)} AS VARCHAR)" for name in table.key)
    asked = f"SELECT {keys} FROM {source} WHERE {_odd(column)}{f' AND ({where})' if where else ''} LIMIT 1"
    (row,) = session.ask(asked)
    return ", ".join(f"{name}={value}" for name, value in zip(table.key, row, strict=True))


def _word(table: Table, column: Column, policy: str) -> str:
    if policy == "null":
        forbid_null(table, column, "infinity: null")
        return f"{column.native}, infinite as null"
    return f"{column.native}, {'kept' if policy == KEEP else 'as text'}"
