"""What SQLite's declarations leave open, asked of the values: any column holds any storage class.

Only the tables that are STRICT hold what they declare.

A first query looks for one row that is not as declared, and mostly finds none: 8 s of CPU for 6 M rows of lineitem,
whose move into DuckDB takes 45. Only then, and for columns without a declaration, a second one counts what there is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from ...engine import Session
from ...errors import RequestError
from ...plan import Finding
from ...rules import read_rule, split
from ...schema.catalogue import Column, Table
from ...schema.sql import double_quoted
from ...types import Type
from . import moments
from .floats import floats
from .texts import example, texts
from .types import EXACT_INTEGER, READS, SURVIVES

_SMALL = f"abs({{c}}) <= {EXACT_INTEGER}"
_TEXT = "typeof({c}) = 'text'"
_INTEGER = "typeof({c}) = 'integer'"
_UUID = "-".join("[0-9a-fA-F]" * length for length in (8, 4, 4, 4, 12))
# What a value has to be for its declared kind; the reader asserts the same on every batch.
_FITS = {
    "int64": _INTEGER,
    "bool": f"({_INTEGER} AND {{c}} IN (0, 1))",
    "float64": f"(typeof({{c}}) = 'real' OR ({_INTEGER} AND {_SMALL}))",
    "text": _TEXT,
    "uuid": f"({_TEXT} AND {{c}} GLOB '{_UUID}')",
    "json": f"({_TEXT} AND json_valid({{c}}))",
    "binary": "typeof({c}) = 'blob'",
    "duration": _INTEGER,
    "date": moments.DATE, "time": moments.time(),
}  # fmt: skip
_TOGETHER = 100  # columns of which a query counts what they hold: of 2,000 results, SQLite's most, each takes 11
_DIGITS = 15  # decimals from which on a double cannot be asked for them
_MOMENTS = ("date", "time", "timestamp", "instant")


class _Seen(NamedTuple):
    """How many values of a column are what."""

    integers: int
    reals: int
    texts: int
    blobs: int
    large: int  # integers that no double holds
    scale: int  # the most decimals of a real
    inexact: int  # reals that 15 digits do not say
    exponents: int  # reals whose digits end in an exponent
    days: int
    clocks: int
    naive: int
    zoned: int


_FORMS = (moments.DATE, moments.time(), moments.naive(6), moments.zoned(6))
_COUNTS = (
    *(f"count(CASE WHEN typeof({{c}}) = '{kind}' THEN 1 END)" for kind in ("integer", "real", "text", "blob")),
    f"count(CASE WHEN {_INTEGER} AND NOT {_SMALL} THEN 1 END)",
    "max(CASE WHEN typeof({c}) = 'real' AND instr(CAST({c} AS TEXT), 'e') = 0 "
    "THEN length(CAST({c} AS TEXT)) - instr(CAST({c} AS TEXT), '.') ELSE 0 END)",
    f"count(CASE WHEN typeof({{c}}) = 'real' AND NOT {SURVIVES} THEN 1 END)",
    "count(CASE WHEN typeof({c}) = 'real' AND instr(CAST({c} AS TEXT), 'e') THEN 1 END)",
    *(f"count(CASE WHEN {_TEXT} AND {form} THEN 1 END)" for form in _FORMS),
)


def profile(
    session: Session, table: Table, where: str, policies: Mapping[str, str]
) -> tuple[dict[str, str], list[Finding]]:
    """The words by which columns are read that hold something else than they are declared."""
    open_columns = [column for column in table.columns if undecided(column)]
    declared = {column.name: _fits(table, column) for column in table.columns if column not in open_columns}
    declared = {name: fits for name, fits in declared.items() if fits}
    source = f"({table.physical['query']})" if "query" in table.physical else double_quoted(table.name.table)
    source += f" WHERE ({where})" if where else " WHERE 1"
    decided: dict[str, str] = {}
    findings: list[Finding] = []
    if declared and session.ask(f"SELECT 1 FROM {source} AND NOT ({all_of([*declared.values()])}) LIMIT 1"):
        odd = ", ".join(f"count(CASE WHEN NOT {fits} THEN 1 END)" for fits in declared.values())
        (row,) = session.ask(f"SELECT {odd} FROM {source}")
        names = {name for name, count in zip(declared, row, strict=True) if count}
        open_columns += [column for column in table.columns if column.name in names]
    parts = [open_columns[at : at + _TOGETHER] for at in range(0, len(open_columns), _TOGETHER)]
    for column, seen in chain.from_iterable(_seen(session, part, source) for part in parts):
        if seen.blobs and (seen.texts or seen.integers or seen.reals):
            raise _mixed(session, table, column, source, seen)
        word, why, remedy = _decide(column, seen)
        if not word:
            raise _inexact(table, column, seen)
        if word != column.native:
            decided[column.name] = word
            at = f"{table.name}.{column.name}"
            findings.append(Finding("note", at, f"read as {word}: {why}", "profiled-type", remedy))
    chosen, told = texts(session, table, source, decided, policies)
    finite, lost = floats(session, table, source, decided, policies)
    return {**decided, **chosen, **finite}, [*findings, *told, *lost]


def all_of(conditions: Sequence[str], word: str = " AND ") -> str:
    """All of them, in groups: SQLite takes no expression deeper than 1,000, which AND is by one with each condition."""
    groups = (conditions[at : at + _TOGETHER] for at in range(0, len(conditions), _TOGETHER))
    return word.join(f"({word.join(group)})" for group in groups)


def _seen(session: Session, columns: Sequence[Column], source: str) -> list[tuple[Column, _Seen]]:
    """What each of these columns holds, by one query for all of them."""
    counts = [part.format(c=double_quoted(column.name)) for column in columns for part in _COUNTS]
    (row,) = session.ask(f"SELECT {', '.join(counts)} FROM {source}")
    numbers = [int(str(value or 0)) for value in row]
    width = len(_COUNTS)
    return [(column, _Seen(*numbers[at * width : (at + 1) * width])) for at, column in enumerate(columns)]


def undecided(column: Column) -> bool:
    """Whether a declaration says nothing, or nothing that is known."""
    native = split(column.native)
    bare = native.name in ("decimal", "numeric", "dec", "number") and not native.arguments
    return not column.native or bare or read_rule(READS, column.native) is None


def _fits(table: Table, column: Column) -> str:
    """A condition that each value as declared meets; '' where nothing is to be asked."""
    if column.identity or table.physical.get("strict"):
        return ""
    rule = read_rule(READS, column.native)
    assert rule  # noqa: S101 - others are undecided
    meaning = rule.type(split(column.native))
    c = double_quoted(column.name)
    fits = _FITS.get(meaning.kind, "").format(c=c)
    if meaning.kind in ("timestamp", "instant"):
        fits = (moments.naive if meaning.kind == "timestamp" else moments.zoned)(meaning.digits).format(c=c)
    if meaning.kind == "decimal":
        written = re.match("decimal_text", column.native, re.IGNORECASE)  # by Ropeway, as it was
        fits = "" if written else _decimal(c, meaning)
    return fits and f"({c} IS NULL OR {fits})"


def _decimal(c: str, meaning: Type) -> str:
    """A number of no more digits than declared, before the point and behind it."""
    most = f"1e{meaning.precision - meaning.scale}"
    fits = f"typeof({c}) IN ('integer', 'real') AND {c} > -{most} AND {c} < {most}"
    if meaning.scale >= _DIGITS:
        return fits
    power = 10**meaning.scale
    return f"{fits} AND ({_INTEGER.format(c=c)} OR round({c} * {power}) / {power}.0 = {c})"


def _decide(column: Column, seen: _Seen) -> tuple[str, str, str]:
    """The word to read a column by, why, and what the user can do; no word where none is exact."""
    kinds = zip(("integers", "reals", "text", "blobs"), seen[:4], strict=True)
    why = f"it holds {', '.join(f'{count:,} {kind}' for kind, count in kinds if count) or 'no values'}"
    rule = None if undecided(column) else read_rule(READS, column.native)
    kind = rule.type(split(column.native)).kind if rule else ""
    if seen.blobs:
        return "BLOB", why, ""
    if seen.texts:
        word = _word_of_texts(kind, seen)
        return ("" if seen.inexact else word), why, ""
    if kind in _MOMENTS and (seen.integers or seen.reals):
        known = "unixtime (seconds) or unixtime_ms" if not seen.reals else "julian"
        remedy = f"If these are moments, say so: types: {{{column.name}: {known}}}."
        why += ", which stay the numbers that they are"
        return _word_of_numbers(seen)[0], why, remedy
    word, more = _word_of_numbers(seen) if any(seen) else (_word_of_nothing(column), "")
    return word, why + more, ""


def _word_of_texts(kind: str, seen: _Seen) -> str:
    if not (seen.integers or seen.reals) and kind in _MOMENTS:
        forms = (("DATE", seen.days), ("TIME", seen.clocks), ("DATETIME", seen.naive), ("TIMESTAMPTZ", seen.zoned))
        return next((word for word, count in forms if count == seen.texts), "TEXT")
    return "text, numbers too" if seen.integers or seen.reals else "TEXT"


def _word_of_nothing(column: Column) -> str:
    """What SQLite's own rules make of a declaration; what they take for a number of any kind may be a text as well."""
    declared = column.native.upper()
    words = (
        (("INT",), "INTEGER"), (("BLOB",), "BLOB"), (("REAL", "FLOA", "DOUB"), "NUMBER"),
        (("NUM", "DEC"), "DECIMAL(38,10)"),
    )  # fmt: skip
    return next((word for parts, word in words if any(part in declared for part in parts)), "TEXT")


def _word_of_numbers(seen: _Seen) -> tuple[str, str]:
    if not seen.reals:
        return "INTEGER", ""
    if seen.large:  # 2^53 + 1 with a decimal behind it would become a real again in another SQLite
        return ("" if seen.inexact else "text, numbers too"), ", some integers beyond what reals hold"
    if seen.inexact or seen.exponents or seen.scale > 20:
        return "NUMBER", ""
    return f"DECIMAL(38,{seen.scale})", f", at most {seen.scale} decimals"


def _mixed(session: Session, table: Table, column: Column, source: str, seen: _Seen) -> RequestError:
    at = example(session, table, source, f"typeof({double_quoted(column.name)}) = 'blob'")
    rest = f"{seen.texts:,} texts and {seen.integers + seen.reals:,} numbers"
    return RequestError(
        f"{table.name}.{column.name} ({column.native or 'undeclared'}) holds {seen.blobs:,} blobs beside {rest}"
        f"{f', the first at {at}' if at else ''}: no one type holds them all.",
        table=str(table.name), column=column.name, key=at,
        remedy=f'Name one: types: {{{column.name}: "text, blobs too"}} where the blobs are UTF-8, or '
        f'types: {{{column.name}: "blob, texts too"}} for the bytes of all of them.',
    )  # fmt: skip


def _inexact(table: Table, column: Column, seen: _Seen) -> RequestError:
    beside = f"{seen.texts:,} texts" if seen.texts else f"{seen.large:,} integers beyond 2^53"
    return RequestError(
        f"{table.name}.{column.name} ({column.native or 'undeclared'}) holds {beside} beside {seen.inexact:,} reals "
        "of more than 15 digits: no one type holds them exactly.",
        table=str(table.name), column=column.name,
        remedy=f"Mend the values, leave them out by a where condition, or leave out {column.name} with --columns.",
    )  # fmt: skip
