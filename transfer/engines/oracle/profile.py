"""What only the values can tell: the digits of a NUMBER without any, nanoseconds. One aggregate query per table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ...engine import Session
from ...plan import Finding, Grade
from ...policies import FLOATS, KEEP, MEANT, forbid_null
from ...rules import split
from ...schema.catalogue import Column, Table
from ...schema.sql import double_quoted
from ...types import MOST_DIGITS
from .session import qualified
from .types import NANOSECONDS, NO_FLOAT, NUL, PRINTED, TEXTS

_USUAL = 38
_LONG = 18  # digits that an integer of 64 bits always has room for
# Of the plain notation: the digits on either side of the point; 0.5 is printed as .5.
_WHOLE = "MAX(LENGTH(REGEXP_REPLACE(" + PRINTED + ", '^-?([0-9]*).*$', '\\1')))"
_DECIMALS = "MAX(LENGTH(REGEXP_REPLACE(" + PRINTED + ", '^[^.]*[.]?', '')))"
_POWERS = "COUNT(CASE WHEN " + PRINTED + " LIKE '%E%' THEN 1 END)"  # how TM9 prints what would have over 64 characters
_AT_ONCE = 300  # a query gives 1,000 columns at most


@dataclass(frozen=True)
class Question:
    """What is asked of a column, as parts of an aggregate query; of what a policy is for, the choice."""

    column: Column
    what: str
    parts: tuple[str, ...]
    choice: str = ""


def profile(
    session: Session, table: Table, where: str, policies: Mapping[str, str]
) -> tuple[dict[str, str], list[Finding]]:
    """The words of the columns whose declarations leave their reading open, and what was found in them."""
    asked = [question for column in table.columns for question in _questions(column, policies)]
    source = f"({table.physical['query']}) q" if "query" in table.physical else qualified(table.name)
    clause = f" WHERE {where}" if where else ""
    decided: dict[str, str] = {}
    findings = list(_unheeded(table, policies))
    for first in range(0, len(asked), _AT_ONCE):
        some = asked[first : first + _AT_ONCE]
        parts = ", ".join(part.format(c=double_quoted(q.column.name)) for q in some for part in q.parts)
        row = [int(str(value or 0)) for value in session.ask(f"SELECT {parts} FROM {source}{clause}")[0]]
        for question in some:
            values, row = row[: len(question.parts)], row[len(question.parts) :]
            name = question.column.name
            if question.choice == "null" and values[0]:
                forbid_null(table, question.column, f"{question.what}=null")
            decided[name], said = _ANSWERS[question.what](question, values)
            if said:
                remedy = _narrower(name) if question.what == "digits" and _is_whole(values) else ""
                grade: Grade = "warning" if question.choice else "note"
                findings.append(Finding(grade, f"{table.name}.{name}", said, "profiled-type", remedy))
    return decided, findings


def _unheeded(table: Table, policies: Mapping[str, str]) -> Iterator[Finding]:
    """Choices that somebody made and that no rule of this engine carries out: of bytes that are no text the server has
    no word, and of a LONG it takes no function.
    """
    long = any(column.native == "long" for column in table.columns)
    for policy, concerns in (("invalid_text", True), ("nul", long)):
        if concerns and policies[policy] not in (KEEP, "stop"):
            said = (
                f"policy {policy}={policies[policy]} is not carried out for {'LONG' if long else 'Oracle'}: the first "
            )
            said += f"of {MEANT[policy]} stops the run, where the target cannot hold it"
            remedy = "Leave such rows out by a where condition, or read a query that changes them."
            yield Finding("warning", str(table.name), said, "not-profiled", remedy)


def _questions(column: Column, policies: Mapping[str, str]) -> Iterator[Question]:
    native = split(column.native)
    if (native.name == "number" and not native.arguments) or native.name == "float":
        yield Question(column, "digits", (_WHOLE, _DECIMALS, _POWERS))
    elif native.name.startswith("timestamp") and native.argument(0, 6) > 6:
        yield Question(column, "nanoseconds", (f"COUNT(CASE WHEN {NANOSECONDS} THEN 1 END)",))
    elif native.name in TEXTS.split("|") and policies["nul"] not in (KEEP, "stop"):
        yield Question(column, "nul", (f"COUNT(CASE WHEN {NUL} THEN 1 END)",), policies["nul"])
    elif native.name in ("binary_float", "binary_double") and policies[FLOATS] not in (KEEP, "stop"):
        yield Question(column, "nan", (f"COUNT(CASE WHEN {NO_FLOAT} THEN 1 END)",), policies[FLOATS])


_WORDS = {"null": "{what} as null", "remove": "nul removed", "replace": "nul replaced", "text": "as text"}
_BECOME = {"null": "become NULL", "text": "make the column text"}


def _by_policy(question: Question, values: list[int]) -> tuple[str, str]:
    if not values[0]:
        return "", ""
    what, choice = question.what, question.choice
    said = f"{values[0]:,} {MEANT[what]} {_BECOME.get(choice, 'change')} ({what}={choice})"
    return f"{question.column.native}, {_WORDS[choice].format(what=what)}", said


def _digits(question: Question, values: list[int]) -> tuple[str, str]:
    column = question.column
    whole, decimals = values[0], values[1]
    if values[2] or whole + decimals > MOST_DIGITS:
        return "number, as text", f"{column.native}, read as text: no decimal has room for all of its values"
    precision = _USUAL if whole + decimals <= _USUAL else MOST_DIGITS
    word = f"number({precision},{decimals})"
    return (
        f"{word}, of any size",
        f"{column.native}, read as {word}: its values have up to {whole} digits and {decimals} decimals",
    )


def _is_whole(values: list[int]) -> bool:
    whole, decimals, powers = values
    return 0 < whole <= _LONG and not decimals and not powers


def _narrower(name: str) -> str:
    return f"If it never holds others than integers: types: {{{name}: 'number({_LONG},0)'}} makes it one of 64 bits."


def _nanoseconds(question: Question, values: list[int]) -> tuple[str, str]:
    if not values[0]:
        return "", ""
    return f"{question.column.native}, as nanoseconds", f"{values[0]:,} of its values have more than microseconds"


_ANSWERS = {"digits": _digits, "nanoseconds": _nanoseconds, "nul": _by_policy, "nan": _by_policy}
