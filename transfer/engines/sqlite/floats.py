"""Infinite reals, which SQLite keeps and other engines have no place for. It has no NaN: that becomes NULL there."""

from __future__ import annotations

from collections.abc import Mapping

from ...engine import Session
from ...plan import Finding
from ...policies import FLOATS, KEEP, MEANT, NATIVE, forbid_null, idle, refused, unlooked
from ...rules import read_rule, split
from ...schema.catalogue import Column, Table
from ...schema.sql import double_quoted
from .texts import example
from .types import INFINITE, READS


def floats(
    session: Session, table: Table, source: str, words: Mapping[str, str], policies: Mapping[str, str]
) -> tuple[dict[str, str], list[Finding]]:
    """The words that carry out the policy `nan`; `words` as for texts.texts.

    RequestError where the choice is to stop and there are such values.
    """
    choice = policies[FLOATS]
    asked = [column for column in table.columns if _is_float(words.get(column.name) or column.native)]
    if not asked or KEEP in (choice, policies[NATIVE]):
        return {}, []
    if idle(table, choice):
        return {}, unlooked(table, asked, "nan")
    odd = [INFINITE.format(c=double_quoted(column.name)) for column in asked]
    (row,) = session.ask(f"SELECT {', '.join(f'count(CASE WHEN {one} THEN 1 END)' for one in odd)} FROM {source}")
    made, findings = {}, []
    for column, condition, found in zip(asked, odd, row, strict=True):
        count = int(str(found))
        if count and choice == "stop":
            raise refused(table, column, "nan", count, example(session, table, source, condition))
        if count:
            made[column.name] = f"{words.get(column.name) or column.native}, nan as {choice}"
            findings.append(_said(table, column, choice, count))
    return made, findings


def _is_float(word: str) -> bool:
    rule = read_rule(READS, word)
    return rule is not None and rule.type(split(word)).kind == "float64"


def _said(table: Table, column: Column, choice: str, count: int) -> Finding:
    at = f"{table.name}.{column.name}"
    if choice == "null":
        forbid_null(table, column, "nan=null")
        return Finding("warning", at, f"{count:,} {MEANT['nan']} become NULL (nan=null)", "profiled-type")
    return Finding("note", at, f"{count:,} {MEANT['nan']} make the column text (nan=text)", "profiled-type")
