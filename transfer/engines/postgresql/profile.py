"""What only the values can tell: digits of numeric, infinity, NaN, 24:00:00, months. One aggregate query per table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ...engine import Session
from ...plan import Finding, Grade
from ...policies import FLOATS, KEEP, MEANT, NATIVE, RAW, forbid_null, idle, refused, unlooked
from ...rules import Native, split
from ...schema.catalogue import Column, Table
from ...schema.sql import double_quoted
from ...types import MOST_DIGITS
from .session import alone
from .types import FAR, NAN, NO_FLOAT, NO_NUMBER

_MONTHS = "(NOT isfinite({c}) OR extract(year FROM {c}) <> 0 OR extract(month FROM {c}) <> 0)"
_DAYS = "extract(day FROM {c}) <> 0"
_MOMENTS = ("date", "timestamp without time zone", "timestamp with time zone")


@dataclass(frozen=True)
class Question:
    """What is asked of a column: how often `odd` holds, and `counts` beside that; `{c}` is the column."""

    column: Column
    what: str
    odd: str
    counts: tuple[str, ...] = ()

    @property
    def native(self) -> str:
        """The declaration that mapping rules see."""
        return self.column.base or self.column.native

    @property
    def parts(self) -> list[str]:
        filled = [self._filled(f"count(*) FILTER (WHERE {self.odd})"), *map(self._filled, self.counts)]
        return [f"coalesce({part}, 0)" for part in filled]

    def _filled(self, sql: str) -> str:
        return sql.format(c=double_quoted(self.column.name), odd=self.odd.format(c=double_quoted(self.column.name)))

    @property
    def condition(self) -> str:
        return self._filled(self.odd)


Said = tuple[str, Grade, str]  # the word to read the column by, a finding's grade and its text


def profile(
    session: Session, table: Table, where: str, policies: Mapping[str, str]
) -> tuple[dict[str, str], list[Finding]]:
    """The words of the columns whose declarations leave their reading open, and what was found in them."""
    asked = [question for column in table.columns for question in _questions(session, column, policies)]
    left = [q for q in asked if not q.counts and idle(table, policies.get(q.what, ""))]
    findings = [
        finding
        for policy in ("infinity", "nan")
        for finding in unlooked(table, [q.column for q in left if q.what == policy], policy)
    ]
    asked = [question for question in asked if question not in left]
    if not asked:
        return {}, findings
    source = f"({table.physical['query']}) AS q" if "query" in table.physical else alone(session, table.name)
    parts = [part for question in asked for part in question.parts]
    if policies[RAW] == KEEP or all(question.odd == "false" for question in asked):
        row: list[object] = [0] * len(parts)  # nothing depends on the values
    else:
        row = _asked(session, parts, source, where)
    decided: dict[str, str] = {}
    for question in asked:
        count, *more = (int(str(row.pop(0))) for _ in question.parts)
        choice = policies.get(question.what, "")
        if count and choice == "stop":
            first = _first(session, table, source, where, question)
            raise refused(table, question.column, question.what.partition(" ")[0], count, first)
        if count and choice == "null":
            forbid_null(table, question.column, f"{question.what}=null")
        word, level, said = _ANSWERS[question.what](question, count, more, policies)
        if word:
            decided[question.column.name] = word
        if said:
            findings.append(Finding(level, f"{table.name}.{question.column.name}", said, "profiled-type"))
    return decided, findings


_AT_ONCE = 500  # a query gives 1,664 columns at most


def _asked(session: Session, parts: list[str], source: str, where: str) -> list[object]:
    clause = f" WHERE {where}" if where else ""
    row: list[object] = []
    for low in range(0, len(parts), _AT_ONCE):
        row += session.ask(f"SELECT {', '.join(parts[low : low + _AT_ONCE])} FROM {source}{clause}")[0]
    return row


def _questions(session: Session, column: Column, policies: Mapping[str, str]) -> Iterator[Question]:
    native = split(column.base or column.native)
    if native.name == "numeric":
        yield from _numeric(column, native, policies)
    elif native.name in ("real", "double precision") and policies[FLOATS] not in (KEEP, "stop"):
        yield Question(column, FLOATS, NO_FLOAT)
    elif native.name in _MOMENTS:
        yield Question(column, "infinity", FAR[native.name])
    elif native.name == "time without time zone":
        yield Question(column, "midnight", "{c} = '24:00:00'")
    elif native.name.startswith("interval") and policies[NATIVE] != KEEP:
        yield Question(column, "months", _MONTHS, (f"count(*) FILTER (WHERE {_DAYS})",))


def _numeric(column: Column, native: Native, policies: Mapping[str, str]) -> Iterator[Question]:
    if not native.arguments and policies[NATIVE] == KEEP and policies["nan"] in (KEEP, "text"):
        yield Question(column, "numeric", "false")
    elif not native.arguments:
        finite = "CASE WHEN NOT {odd} THEN {c} END"
        digits = f"max(length(trunc(abs({finite}))::text))"
        yield Question(column, "nan", NO_NUMBER, (f"max(scale({finite}))", digits))
    elif max(native.argument(0, 0), native.argument(1, 0)) - min(native.argument(1, 0), 0) <= MOST_DIGITS:
        yield Question(column, "nan", NAN)


def _first(session: Session, table: Table, source: str, where: str, question: Question) -> str:
    """The key of the first odd row, '' without a key."""
    if not table.key:
        return ""
    keys = ", ".join(f"{double_quoted(name)}::text" for name in table.key)
    condition = f"({where}) AND {question.condition}" if where else question.condition
    rows = session.ask(f"SELECT {keys} FROM {source} WHERE {condition} LIMIT 1")
    return ", ".join(f"{name}={value}" for name, value in zip(table.key, rows[0], strict=True)) if rows else ""


def _nan(question: Question, count: int, more: list[int], policies: Mapping[str, str]) -> Said:
    native, why = question.native, ""
    if more:
        scale, whole = more[0], max(more[1], 1)
        fits = scale + whole <= MOST_DIGITS
        native = f"numeric({38 if scale + whole <= 38 else MOST_DIGITS},{scale})"
        why = f"its values have up to {whole} digits and {scale} decimals"
        if not fits:
            return "numeric, as text", "note", f"numeric, read as text: {why}"
    if count and policies["nan"] == "null":
        return f"{native}, nan as null", "warning", f"{count:,} {MEANT['nan']} become NULL (nan=null)"
    if count:
        said = f"{count:,} {MEANT['nan']}, so the column becomes text (nan=text)" if policies["nan"] == "text" else ""
        return f"{question.native}, as text", "note", said
    return (native, "note", f"numeric, read as {native}: {why}") if more else ("", "note", "")


def _bare(question: Question, count: int, more: list[int], policies: Mapping[str, str]) -> Said:
    """Inside the family each value keeps the decimals that it shows: 1.0 is not 1.00."""
    return "numeric, as text", "note", ""


def _floats(question: Question, count: int, more: list[int], policies: Mapping[str, str]) -> Said:
    if not count:
        return "", "note", ""
    if policies["nan"] == "null":
        return f"{question.native}, nan as null", "warning", f"{count:,} {MEANT['nan']} become NULL (nan=null)"
    return f"{question.native}, as text", "note", f"{count:,} {MEANT['nan']}, so the column becomes text (nan=text)"


def _infinity(question: Question, count: int, more: list[int], policies: Mapping[str, str]) -> Said:
    choice = policies["infinity"]
    if not count:
        return "", "note", ""
    if choice == "null":
        said = f"{count:,} {MEANT['infinity']} become NULL (infinity=null)"
        return f"{question.native}, infinity as null", "warning", said
    said = f"{count:,} {MEANT['infinity']}, so the column becomes text (infinity=text)" if choice == "text" else ""
    return f"{question.native}, as text", "note", said


def _midnight(question: Question, count: int, more: list[int], policies: Mapping[str, str]) -> Said:
    said = "" if policies[NATIVE] == KEEP else f"read as text: {count:,} of its values are 24:00:00, no time of a day"
    return (f"{question.native}, as text", "note", said) if count else ("", "note", "")


def _months(question: Question, count: int, more: list[int], policies: Mapping[str, str]) -> Said:
    if count:
        return "", "note", f"read as text: {count:,} of its values count months, which have no length, or are infinite"
    days = f"; {more[0]:,} of its values count days, of 24 hours each" if more[0] else ""
    return f"{question.native}, as duration", "note", f"read as duration: none of its values counts months{days}"


_ANSWERS = {
    "numeric": _bare,
    "nan": _nan,
    FLOATS: _floats,
    "infinity": _infinity,
    "midnight": _midnight,
    "months": _months,
}
