"""What DuckDB's declarations leave open: whether intervals count months, and what values not every place can hold."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ...engine import Session
from ...plan import Finding, Grade
from ...policies import FLOATS, KEEP, MEANT, forbid_null, idle, refused, unlooked
from ...schema.catalogue import Column, Table
from ...schema.sql import double_quoted
from .connection import qualified
from .types import NUL, ODD

_MOMENT = re.compile("DATE|TIMESTAMP(_S|_MS|_NS|TZ_NS| WITH TIME ZONE)?")
_LOOKED = ("nan", "nul")  # policies for which a large table is not looked through where they would only stop the run


@dataclass(frozen=True)
class _Question:
    """A column, what is asked of it (a policy, or `months`), the user's choice, and the condition of odd values."""

    column: Column
    what: str
    choice: str
    odd: str


def profile(
    session: Session, table: Table, where: str, policies: Mapping[str, str]
) -> tuple[dict[str, str], list[Finding]]:
    """The words to read some columns by, from one query for each table that has such columns."""
    questions = [question for column in table.columns for question in _questions(column, policies)]
    idling = [one for one in questions if one.what in _LOOKED and idle(table, one.choice)]
    findings = [
        note for what in _LOOKED for note in unlooked(table, [q.column for q in idling if q.what == what], what)
    ]
    questions = [one for one in questions if one not in idling]
    if not questions:
        return {}, findings
    query = table.physical.get("query")
    source = f"({query})" if query else qualified(table.name.schema, table.name.table)
    counts = ", ".join(f"count_if({question.odd})" for question in questions)
    (row,) = session.ask(f"SELECT {counts} FROM {source}{f' WHERE {where}' if where else ''}")
    words: dict[str, str] = {}
    for question, count in zip(questions, row, strict=True):
        if not count:
            continue
        if question.choice == "stop":
            key = _first(session, table, source, where, question)
            raise refused(table, question.column, question.what, int(str(count)), key)
        words[question.column.name], finding = _answer(table, question, int(str(count)))
        findings.append(finding)
    return words, findings


def _questions(column: Column, policies: Mapping[str, str]) -> Iterator[_Question]:
    """What the column's type leaves open; values that the target holds as they are need no look."""
    c = double_quoted(column.name)
    if column.native == "INTERVAL":
        yield _Question(column, "months", "", _months(c))
    elif _MOMENT.fullmatch(column.native):
        odd = f"isinf({c}{'::TIMESTAMPTZ' if column.native == 'TIMESTAMPTZ_NS' else ''})"
        yield _Question(column, "infinity", policies["infinity"], odd)
    elif column.native in ("FLOAT", "DOUBLE") and policies[FLOATS] != KEEP:
        yield _Question(column, "nan", policies[FLOATS], ODD.format(c=c))
    elif column.native == "VARCHAR" and policies["nul"] != KEEP:
        yield _Question(column, "nul", policies["nul"], NUL.format(c=c))


def _months(c: str) -> str:
    months = f"datepart('year', {c}) * 12 + datepart('month', {c}) <> 0"
    days, rest = f"datepart('day', {c})", f"(datepart('hour', {c}) + datepart('minute', {c}) + datepart('us', {c}))"
    return f"{months} OR ({days} > 0 AND {rest} < 0) OR ({days} < 0 AND {rest} > 0)"


def _answer(table: Table, question: _Question, count: int) -> tuple[str, Finding]:
    """The word by which the column is read, and what the plan says of it."""
    column, what, choice = question.column, question.what, question.choice
    at = f"{table.name}.{column.name}"
    if what == "months":
        said = f"{count:,} of its intervals count months or mix signs, so it is read as text"
        return "interval, as text", Finding("note", at, said, "profiled-type")
    if choice == "null":
        forbid_null(table, column, f"{what}: null")
    if what == "infinity":
        word = _word(column, choice)
        return word, Finding("note", at, f"{count:,} of its values are infinite: read as {word}", "profiled-type")
    tails = {"text": "as text", "null": f"{what} as null", "remove": "nul removed", "replace": "nul replaced"}
    does = "make the column text" if choice == "text" else "become NULL" if choice == "null" else "change"
    grade: Grade = "note" if choice == "text" else "warning"
    said = f"{count:,} {MEANT[what]} {does} ({what}={choice})"
    return f"{column.native}, {tails[choice]}", Finding(grade, at, said, "profiled-type")


def _word(column: Column, choice: str) -> str:
    if choice == "null":
        return f"{column.native}, infinite as null"
    return f"{column.native}, {'kept' if choice == KEEP else 'as text'}"


def _first(session: Session, table: Table, source: str, where: str, question: _Question) -> str:
    """The key of a row with such a value, '' without a key."""
    if not table.key:
        return ""
    keys = ", ".join(f"CAST({double_quoted(name)} AS VARCHAR)" for name in table.key)
    asked = f"SELECT {keys} FROM {source} WHERE {question.odd}{f' AND ({where})' if where else ''} LIMIT 1"
    (row,) = session.ask(asked)
    return ", ".join(f"{name}={value}" for name, value in zip(table.key, row, strict=True))
