"""Values of binds as a client sends them: 7, then a value for each bind.

A LOB comes as its locator with two lengths, a JSON as such a locator and its content, a BOOLEAN that is NULL as 253 1.
Except in PL/SQL, texts and octets that may be longer than 32767 come after the other values of their row. Binds that
only take what a RETURNING clause gives have no value; where all are such, there is no row.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..spoken import BLOB, BOOLEAN, CLOB, JSON, XMLTYPE, Kind, Refused, Value
from .describe import LONGEST_STRING, Wanted
from .lobs import Lobs
from .octets import NULL, Octets

ESCAPE = 253
CURSOR = 102
SPECIAL = (CLOB, BLOB, JSON, BOOLEAN)  # what is more than a value
# What may hold a colon without being a bind: texts, quoted names, comments.
_PARTS = re.compile(
    r"[nN]?[qQ]'(?:\[.*?\]|\(.*?\)|\{.*?\}|<.*?>|(?P<end>[^\s\[({<]).*?(?P=end))'|'(?:[^']|'')*'|\"[^\"]*\"|--[^\n]*|/\*.*?\*/|(?P<bind>:\s*(?:\"[^\"]+\"|\w[\w$#]*))"
    r"|(?P<word>[A-Za-z_][\w$#]*)|.",
    re.DOTALL,
)
PLSQL = re.compile(r"(?:\s|--[^\n]*\n|/\*.*?\*/|\(|<<.*?>>)*(BEGIN|DECLARE|CALL)\b", re.IGNORECASE | re.DOTALL)


def is_plsql(sql: str) -> bool:
    return PLSQL.match(sql) is not None


def returned(sql: str) -> int:
    """How many binds a RETURNING ... INTO clause fills: they are the last ones."""
    if "RETURNING" not in sql.upper() or is_plsql(sql):
        return 0
    seen, count = "", 0
    for part in _PARTS.finditer(sql):
        word = (part["word"] or "").upper()
        if word == "RETURNING" or (word == "INTO" and seen):
            seen = word
        elif part["bind"] and seen == "INTO":
            count += 1
    return count


def _value(asked: Octets, kind: Kind, lobs: Lobs) -> Value:
    if kind.code in (CLOB, BLOB):
        locator = asked.lengths()
        return lobs.find(locator).value() if locator else None
    if kind.code == JSON:
        return asked.value() if asked.lengths() else None
    if kind.code == BOOLEAN:
        length = asked.byte()
        if length == ESCAPE:
            asked.skip(1)
            return None
        return None if length in (0, NULL) else asked.take(length)
    return asked.value()


def check(binds: Sequence[Wanted]) -> None:
    for bind in binds:
        if bind.kind.code in (XMLTYPE, CURSOR):
            raise Refused(3001, "unimplemented feature: binds of objects and cursors")


def _is_long(kind: Kind) -> bool:
    return kind.code != JSON and kind.size > LONGEST_STRING


def rows(asked: Octets, binds: Sequence[Wanted], times: int, lobs: Lobs, *, in_order: bool) -> list[list[Value]]:
    """So many rows of the binds that are given; `in_order` where long ones stand in their place."""
    kinds = [bind.kind for bind in binds]
    late = [] if in_order else [place for place, kind in enumerate(kinds) if _is_long(kind)]
    places = [place for place in range(len(kinds)) if place not in late] + late
    if not late and not any(kind.code in SPECIAL for kind in kinds):
        return [_plain(asked, len(kinds)) for _ in range(times)]
    return [_row(asked, kinds, places, lobs) for _ in range(times)]


def _plain(asked: Octets, count: int) -> list[Value]:
    asked.skip(1)
    return [asked.value() for _ in range(count)]


def _row(asked: Octets, kinds: Sequence[Kind], places: Sequence[int], lobs: Lobs) -> list[Value]:
    asked.skip(1)
    values: list[Value] = [None] * len(kinds)
    for place in places:
        values[place] = _value(asked, kinds[place], lobs)
    return values
