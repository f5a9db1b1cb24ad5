"""Texts that not every place can hold: with U+0000, which SQL says, or of bytes that are no UTF-8, which it does not.

SQLite keeps whatever bytes it is given as a text, and has no function that tells them apart. So a look for them reads
the bytes, and Arrow checks them as a whole; only where a column has some are they looked for one by one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import adbc_driver_sqlite.dbapi as adbc
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...engine import Session
from ...plan import Finding
from ...policies import KEEP, MEANT, forbid_null, idle, refused, unlooked
from ...rules import read_rule, split
from ...schema.catalogue import Column, Table
from ...schema.sql import double_quoted
from .types import READS, choices_of

_NUL = "instr({c}, char(0))"
_BYTES = "CASE typeof({c}) WHEN 'text' THEN CAST({c} AS BLOB) END"
_INSTEAD = {"remove": "ignore", "replace": "replace"}  # Python's words of it


class Found(NamedTuple):
    """How many texts of a column are what a policy is about, and a condition that the first one meets."""

    texts: int
    first: str


def texts(
    session: Session, table: Table, source: str, words: Mapping[str, str], policies: Mapping[str, str]
) -> tuple[dict[str, str], list[Finding]]:
    """The words that carry out the policies. `words` are those of columns that hold something else than is declared.

    RequestError where the choice is to stop and there are such texts.
    """
    asked = [c for c in table.columns if _is_text(words.get(c.name) or c.native)]
    made = {column.name: words.get(column.name) or column.native for column in asked}
    findings: list[Finding] = []
    for policy, look in (("invalid_text", _invalid), ("nul", _nul)):
        choice = policies[policy]
        if choice == KEEP or not asked:
            continue
        if policy == "invalid_text" and idle(table, choice):
            findings += unlooked(table, asked, policy)
            continue
        for column, found in zip(asked, look(session, source, asked), strict=True):
            if found.texts and choice == "stop":
                key = example(session, table, source, found.first)
                raise refused(table, column, policy, found.texts, key)
            if found.texts:
                made[column.name] += f", {policy}={choice}"
                findings.append(_said(table, column, policy, choice, found))
    return {name: word for name, word in made.items() if choices_of(word)}, findings


def example(session: Session, table: Table, source: str, condition: str) -> str:
    """Where the first row is that meets a condition: its key, or its rowid."""
    names = list(table.key) or [str(name) for name in [table.physical.get("rowid")] if name]
    if not names:
        return ""
    shown = [double_quoted(name) if table.key else name for name in names]
    rows = session.ask(f"SELECT {', '.join(shown)} FROM {source} AND {condition} LIMIT 1")
    return ", ".join(f"{name}={value}" for name, value in zip(names, rows[0], strict=True)) if rows else ""


def _said(table: Table, column: Column, policy: str, choice: str, found: Found) -> Finding:
    if choice == "null":
        forbid_null(table, column, f"{policy}=null")
    said = f"{found.texts:,} {MEANT[policy]} change ({policy}={choice})"
    return Finding("warning", f"{table.name}.{column.name}", said, "profiled-type")


def _is_text(word: str) -> bool:
    rule = read_rule(READS, word)
    return rule is not None and rule.type(split(word)).kind in ("text", "json")


def _nul(session: Session, source: str, asked: Sequence[Column]) -> list[Found]:
    conditions = [_NUL.format(c=double_quoted(column.name)) for column in asked]
    counts = ", ".join(f"count(CASE WHEN {condition} THEN 1 END)" for condition in conditions)
    (row,) = session.ask(f"SELECT {counts} FROM {source}")
    return [Found(int(str(count)), condition) for count, condition in zip(row, conditions, strict=True)]


def _invalid(session: Session, source: str, asked: Sequence[Column]) -> list[Found]:
    """By the bytes themselves. In a file of UTF-16 they say nothing: SQLite makes UTF-8 of them."""
    nothing = [Found(0, "")] * len(asked)
    if session.ask("PRAGMA encoding") != [("UTF-8",)]:
        return nothing
    columns = ", ".join(_BYTES.format(c=double_quoted(column.name)) for column in asked)
    first = ", ".join(["x''"] * len(asked))  # by which the driver takes its types
    found = nothing
    path = str(session.ask("PRAGMA database_list")[0][2])
    with adbc.connect(path) as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT {first} UNION ALL SELECT {columns} FROM {source}")
        for batch in cursor.fetch_record_batch():
            found = [
                _more(one, values, column) for one, values, column in zip(found, batch.columns, asked, strict=True)
            ]
    return found


def _more(found: Found, values: pa.Array[Any], column: Column) -> Found:
    places = invalid(values)
    if not places:
        return found
    first = found.first or f"{_BYTES.format(c=double_quoted(column.name))} = x'{values[places[0]].as_py().hex()}'"
    return Found(found.texts + len(places), first)


def invalid(values: pa.Array[Any]) -> list[int]:
    """Where binary values are no UTF-8, found by halving."""
    try:
        values.cast(pa.string())
    except pa.ArrowInvalid:
        if len(values) == 1:
            return [0]
    else:
        return []
    half = len(values) // 2
    return invalid(values.slice(0, half)) + [half + place for place in invalid(values.slice(half))]


def mended(values: pa.Array[Any], word: str) -> pa.Array[Any]:
    """Texts as the choices in their column's word want them. pa.ArrowInvalid for what none of them is about."""
    choices = choices_of(word)
    if "invalid_text" in choices:
        values = _valid(values, choices["invalid_text"])
    if "nul" not in choices:
        return values
    made: pa.Array[Any]
    if choices["nul"] == "null":
        made = pc.if_else(pc.match_substring(values, "\0"), pa.scalar(None, values.type), values)
    else:
        made = pc.replace_substring(values, "\0", "" if choices["nul"] == "remove" else "\ufffd")
    return made


def _valid(values: pa.Array[Any], choice: str) -> pa.Array[Any]:
    places = invalid(values)
    if places:
        is_odd = pc.is_in(pa.array(np.arange(len(values))), pa.array(places))
        made = [_instead(values[place].as_py(), choice) for place in places]
        values = pc.replace_with_mask(values, is_odd, pa.array(made, values.type))
    valid: pa.Array[Any] = values.cast(pa.string())
    return valid


def _instead(value: bytes, choice: str) -> bytes | None:
    return None if choice == "null" else value.decode(errors=_INSTEAD[choice]).encode()
