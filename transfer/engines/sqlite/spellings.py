"""Values that SQLite keeps as texts, each in one of its spellings, so that texts can be compared as what they mean."""

from __future__ import annotations

import unicodedata

from ...plan import ColumnPlan

_SECONDS = "(CASE WHEN instr({x}, '.') THEN rtrim(rtrim({x}, '0'), '.') ELSE {x} END)"
_BLANK = "replace({c}, 'T', ' ')"
_NAIVE = (
    f"(CASE length({{c}}) WHEN 10 THEN {{c}} || ' 00:00:00' WHEN 16 THEN {_BLANK} || ':00' "
    f"ELSE {_SECONDS.format(x=_BLANK)} END)"
)
_OFFSET = "(CASE WHEN substr({c}, -1) = 'Z' THEN 1 ELSE 6 END)"
_BEFORE = f"substr({{c}}, 1, length({{c}}) - {_OFFSET})"
# Offsets beyond 14 hours strftime() does not know. It rounds to milliseconds, so the decimals stay outside.
_ZONED = (
    f"coalesce(strftime('%Y-%m-%d %H:%M:%S', substr({_BEFORE}, 1, 19) || substr({{c}}, -{_OFFSET})) "
    f"|| rtrim(rtrim(substr({_BEFORE}, 20), '0'), '.'), {{c}})"
)
_DIGITS = f"ltrim({_SECONDS.format(x='CAST({c} AS TEXT)')}, '+-0')"
_DECIMAL = f"(CASE WHEN {_DIGITS} = '' THEN '0' WHEN CAST({{c}} AS TEXT) LIKE '-%' THEN '-' ELSE '' END || {_DIGITS})"
_OF_KIND = {
    "time": _SECONDS.format(x="{c}"), "timestamp": _NAIVE, "instant": _ZONED, "decimal": _DECIMAL,
}  # fmt: skip
_AT_ONCE = 20
_OF_WORD = ("text, numbers too", "text, blobs too", "blob, texts too")  # 1 and '1' are one


def spelt(column: ColumnPlan, quoted: str) -> str:
    """SQL of a column's value in one of the spellings that it may have; '' where it has one only."""
    if column.type.native.lower().startswith(_OF_WORD):
        return column.project
    kind = "timestamp" if column.zone else column.type.kind
    plain = kind == "decimal" or column.project == quoted  # moments that are kept as numbers are projected
    return _OF_KIND[kind].format(c=quoted) if kind in _OF_KIND and plain else ""


def _without_accents() -> str:
    """By the letters of Latin-1, for SQLite has no function that knows more; its parser takes some 30 calls inside
    each other.
    """
    bare = {letter: unicodedata.normalize("NFD", letter)[0] for letter in map(chr, range(0xC0, 0x100))}
    changes = [(letter, plain) for letter, plain in bare.items() if plain.isascii()]
    made = "SELECT {} AS t"
    for first in range(0, len(changes), _AT_ONCE):
        text = "t"
        for letter, plain in changes[first : first + _AT_ONCE]:
            text = f"replace({text}, '{letter}', '{plain}')"
        made = f"SELECT {text} AS t FROM ({made})"
    return f"({made})"


WITHOUT_ACCENTS = _without_accents()
