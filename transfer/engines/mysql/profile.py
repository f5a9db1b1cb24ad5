"""What only the values can tell: 0 and 1, times of a day, zero dates, lost labels. One aggregate query per table."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ...engine import Session
from ...errors import RequestError
from ...plan import Finding, Grade
from ...policies import KEEP, MEANT, NATIVE, forbid_null, idle, refused, unlooked
from ...rules import split
from ...schema.catalogue import Column, Table
from .session import qualified, quoted
from .types import GEOMETRIES, NO_DATE, NO_TIME_OF_DAY, NUL, TEXTS


@dataclass(frozen=True)
class Question:
    """How many of a column's values are odd in some way; `{c}` is the column."""

    column: Column
    what: str
    odd: str

    @property
    def condition(self) -> str:
        return self.odd.format(c=quoted(self.column.name))


Said = tuple[str, Grade, str]  # the word to read the column by, a finding's grade and its text


def profile(
    session: Session, table: Table, where: str, policies: Mapping[str, str]
) -> tuple[dict[str, str], list[Finding]]:
    """The words of the columns whose declarations leave their reading open, and what was found in them."""
    asked = [question for column in table.columns for question in _questions(table, column, policies)]
    left = [question.column for question in asked if idle(table, policies.get(question.what, ""))]
    findings = unlooked(table, left, "zero_date")
    asked = [question for question in asked if question.column not in left]
    if not asked:
        return {}, findings
    source = f"({table.physical['query']}) AS q" if "query" in table.physical else qualified(table.name)
    counts = ", ".join(f"COUNT(CASE WHEN {question.condition} THEN 1 END)" for question in asked)
    (row,) = session.ask(f"SELECT {counts} FROM {source}" + (f" WHERE {where}" if where else ""))
    decided: dict[str, str] = {}
    for question, value in zip(asked, row, strict=True):
        count, column = int(str(value)), question.column
        if count and policies.get(question.what) == "stop":
            raise refused(table, column, question.what, count, _first(session, table, source, where, question))
        word, level, said = _ANSWERS[question.what](table, column, count, policies)
        if word:
            decided[column.name] = word
        if said:
            findings.append(Finding(level, f"{table.name}.{column.name}", said, "profiled-type"))
    return decided, findings


def _questions(table: Table, column: Column, policies: Mapping[str, str]) -> Iterator[Question]:
    native, inside = split(column.native), policies[NATIVE] == KEEP
    if re.fullmatch(GEOMETRIES, native.name) and not inside:
        raise RequestError(
            f"{table.name}.{column.name} is a {native.name}, which only MySQL and MariaDB hold as it is.",
            table=str(table.name), column=column.name,
            remedy=f"Leave it out, take its bytes by types: {{{column.name}: longblob}} (four of SRID, then WKB), or "
            "its text by a query with ST_AsText().",
        )  # fmt: skip
    if native.name == "tinyint" and native.arguments == (1,) and not inside:
        yield Question(column, "bool", "{c} NOT IN (0, 1)")
    elif native.name == "time":
        yield Question(column, "clock", NO_TIME_OF_DAY)
    elif native.name in ("date", "datetime", "timestamp"):
        yield Question(column, "zero_date", NO_DATE)
    elif column.labels:
        yield Question(column, "label", "{c} + 0 = 0")
    elif re.fullmatch(TEXTS, native.name) and policies["nul"] not in (KEEP, "stop"):
        yield Question(column, "nul", NUL)


def _first(session: Session, table: Table, source: str, where: str, question: Question) -> str:
    """The key of the first odd row, '' without a key."""
    if not table.key:
        return ""
    keys = ", ".join(f"CAST({quoted(name)} AS CHAR)" for name in table.key)
    condition = f"({where}) AND ({question.condition})" if where else question.condition
    rows = session.ask(f"SELECT {keys} FROM {source} WHERE {condition} LIMIT 1")
    return ", ".join(f"{name}={value}" for name, value in zip(table.key, rows[0], strict=True)) if rows else ""


def _bool(table: Table, column: Column, count: int, policies: Mapping[str, str]) -> Said:
    if count:
        return "", "note", f"read as int8: {count:,} of its values are neither 0 nor 1"
    return f"{column.native}, as bool", "note", "read as bool: it holds nothing but 0, 1 and NULL"


def _clock(table: Table, column: Column, count: int, policies: Mapping[str, str]) -> Said:
    if not count:
        return "", "note", ""
    if policies[NATIVE] == KEEP:
        return f"{column.native}, as text", "note", ""
    return f"{column.native}, as duration", "note", f"read as duration: {count:,} of its values are no time of a day"


def _zero_date(table: Table, column: Column, count: int, policies: Mapping[str, str]) -> Said:
    choice = policies["zero_date"]
    if not count:
        return "", "note", ""
    found = f"{count:,} {MEANT['zero_date']}"
    if choice == "null":
        forbid_null(table, column, "zero_date=null")
        return f"{column.native}, zero as null", "warning", f"{found} become NULL (zero_date=null)"
    said = f"{found}, so the column becomes text (zero_date=text)" if choice == "text" else ""
    return f"{column.native}, as text", "note", said


def _label(table: Table, column: Column, count: int, policies: Mapping[str, str]) -> Said:
    """An invalid label is stored as index 0, which reads as '' and no strict session takes."""
    if not count:
        return "", "note", ""
    if policies[NATIVE] == KEEP:
        raise RequestError(
            f"{table.name}.{column.name} holds {count:,} values without a label ('', index 0: what was stored in "
            "place of an invalid one), which cannot be written again.",
            table=str(table.name), column=column.name,
            remedy=f"Leave them out by a where condition, or make the column text: types: {{{column.name}: text}}.",
        )  # fmt: skip
    said = f"{count:,} values have no label ('', index 0); so its labels are not checked in the target"
    return "text", "warning", said


def _nul(table: Table, column: Column, count: int, policies: Mapping[str, str]) -> Said:
    choice = policies["nul"]
    if not count:
        return "", "note", ""
    if choice == "null":
        forbid_null(table, column, "nul=null")
    word = {"null": "nul as null", "remove": "nul removed", "replace": "nul replaced"}[choice]
    return f"{column.native}, {word}", "warning", f"{count:,} {MEANT['nul']} change (nul={choice})"


_ANSWERS = {"bool": _bool, "clock": _clock, "zero_date": _zero_date, "label": _label, "nul": _nul}
