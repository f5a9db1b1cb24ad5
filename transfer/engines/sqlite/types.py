"""SQLite's mapping rules. A declaration is only a wish there: profile.py asks the values."""

from __future__ import annotations

import re
from collections.abc import Callable

from ...rules import Native, Read, Write, fixed, word
from ...types import Fidelity, Type

# The reader refuses what the driver itself tells apart: text or a real among integers, text among reals.
# A blob among texts it would pass as text, and a number too; SQL has to stop there: abs() of the smallest
# integer is an error.
STOP = "abs(-9223372036854775807 - 1)"
_TEXT = f"CASE typeof({{c}}) WHEN 'blob' THEN {STOP} ELSE {{c}} END"
_ONLY_TEXT = f"CASE WHEN typeof({{c}}) IN ('text', 'null') THEN {{c}} ELSE {STOP} END"
_ONLY_BLOB = f"CASE WHEN typeof({{c}}) IN ('blob', 'null') THEN {{c}} ELSE {STOP} END"
EXACT_INTEGER = 1 << 53  # up to which every integer is a double
# An integer above 2^53 among reals would be rounded.
_NUMBER = f"CASE WHEN typeof({{c}}) = 'integer' AND abs({{c}}) > {EXACT_INTEGER} THEN {STOP} ELSE {{c}} END"
# CAST(real AS TEXT) prints 15 digits; a value that needs more would be changed by it.
SURVIVES = "CAST(CAST({c} AS TEXT) AS REAL) = {c}"
INFINITE = "(typeof({c}) = 'real' AND abs({c}) = 9e999)"
_DIGITS = (
    f"CASE WHEN typeof({{c}}) = 'real' AND CAST(CAST({{c}} AS TEXT) AS REAL) <> {{c}} "
    f"THEN {STOP} ELSE CAST({{c}} AS TEXT) END"
)


# Texts and numbers in one column, the numbers as their digits.
_BOTH = f"CASE typeof({{c}}) WHEN 'blob' THEN {STOP} WHEN 'real' THEN {_DIGITS} ELSE CAST({{c}} AS TEXT) END"
# All digits, in an infinity's place 'Inf'.
_PRINTED = (
    f"CASE WHEN typeof({{c}}) = 'real' AND NOT {SURVIVES} THEN printf('%!.17g', {{c}}) ELSE CAST({{c}} AS TEXT) END"
)
_MOMENT = "strftime('%Y-%m-%d %H:%M:%S', {c}, 'unixepoch')"
_PAST = "(({c} % 1000 + 1000) % 1000)"  # milliseconds behind the second, also before 1970
_MILLIS = f"strftime('%Y-%m-%d %H:%M:%S', ({{c}} - {_PAST}) / 1000, 'unixepoch') || printf('.%03d', {_PAST})"
_JULIAN = "strftime('%Y-%m-%d %H:%M:%f', {c})"


def _unix(moment: str) -> str:
    """Whole numbers as UTC; what is none, or beyond the years 0 to 9999, stops."""
    made = f"coalesce({moment} || '+00:00', {STOP})"
    return f"CASE typeof({{c}}) WHEN 'null' THEN NULL WHEN 'integer' THEN {made} ELSE {STOP} END"


# Julian days are read as SQLite reads them, in milliseconds; a number that is not one of these stops.
_FROM_JULIAN = (
    f"CASE WHEN {{c}} IS NULL THEN NULL WHEN typeof({{c}}) IN ('real', 'integer') AND julianday({_JULIAN}) = {{c}} "
    f"THEN {_JULIAN} ELSE {STOP} END"
)

DECIMALS = ("decimal", "numeric", "dec", "money")
EXACT_DIGITS = 15  # decimal digits that every double of that many keeps


def _decimal(native: Native) -> Type:
    return Type("decimal", precision=native.argument(0, 38), scale=native.argument(1, 0), native=native.text)


def _text(native: Native) -> Type:
    padded = native.name in ("char", "nchar", "character", "native character")
    return Type("text", length=native.argument(0, 0), padded=padded, native=native.text)


def _stamp(kind: str) -> Callable[[Native], Type]:
    """Of microseconds, unless the declaration asks for more."""
    return lambda native: Type(kind, digits=max(native.argument(0, 6), 6), native=native.text)


def choices_of(word: str) -> dict[str, str]:
    """The policies that a word carries out, as `text, nul=remove` does: replace() of SQLite looks for no char(0)."""
    return dict(re.findall(r", (nul|invalid_text)=([a-z]+)", word))


def _by_policy(names: str, meaning: Callable[[Native], Type], sql: str) -> tuple[Read, Read]:
    """Texts that change by the user's choice, which the reader sees to; what may be no UTF-8 comes as its bytes."""

    def projected(native: Native, quoted: str) -> str:
        made = sql.format(c=quoted)
        return f"CAST({made} AS BLOB)" if "invalid_text" in choices_of(native.text) else made

    return (
        Read(f"({names}), .*=null.*", meaning, projected, fidelity=Fidelity.LOSSY, nulls=True, when="by policy",
             why="policy nul or invalid_text: such texts become NULL"),
        Read(f"({names}), .*=re.*", meaning, projected, fidelity=Fidelity.LOSSY, when="by policy",
             why="policy nul or invalid_text: what cannot be held is removed or replaced"),
    )  # fmt: skip


_FLOATS = "real|double( precision)?|float[48]?"
_TEXTS = "[a-z ]*(char|clob|text|string)[a-z ]*"

READS = (
    *_by_policy("text, numbers too", fixed("text"), _BOTH),
    *_by_policy("json|json_text|jsonb", fixed("json"), _ONLY_TEXT),
    *_by_policy(_TEXTS, _text, _ONLY_TEXT),
    Read("text, numbers too", fixed("text"), _BOTH, why="texts and numbers in one column"),
    Read("text, blobs too", fixed("text"), "CAST({c} AS TEXT)", why="blobs of UTF-8 among texts"),
    Read("blob, texts too", fixed("binary"), "CAST({c} AS BLOB)", why="texts as their UTF-8 among blobs"),
    Read("unixtime", fixed("instant"), _unix(_MOMENT), why="seconds since 1970, whole ones"),
    Read("unixtime_ms", fixed("instant"), _unix(_MILLIS), why="milliseconds since 1970"),
    Read("julian", fixed("timestamp"), _FROM_JULIAN, why="Julian days, as SQLite reads them, in milliseconds"),
    Read("bool|boolean", fixed("bool"), why="0 and 1; another value stops the run"),
    Read(
        "duration_int", fixed("duration"), why="whole microseconds, as Ropeway writes intervals"
    ),
    Read("decimal_text", _decimal, _DIGITS, why="decimals kept as text, all digits"),
    Read("json|json_text|jsonb", fixed("json"), _ONLY_TEXT),
    Read("uuid", fixed("uuid"), _ONLY_TEXT),
    Read("[a-z0-9 ]*int[a-z0-9 ]*", fixed("int64"), why="SQLite stores 64 bits whatever the word"),
    Read(_TEXTS, _text, _TEXT),
    Read("(long ?)?blob|(var)?binary|bytea", fixed("binary"), _ONLY_BLOB),
    Read(_FLOATS, fixed("float64")),
    Read(f"({_FLOATS}|number), nan as null", fixed("float64"), f"CASE WHEN NOT {INFINITE} THEN {_NUMBER} END",
         fidelity=Fidelity.LOSSY, nulls=True, when="by policy", why="policy nan: infinities become NULL"),
    Read(f"({_FLOATS}|number), nan as text", fixed("text"), _PRINTED, fidelity=Fidelity.TEXT, when="by policy",
         why="policy nan: text"),
    Read("number", fixed("float64"), _NUMBER, why="integers and reals in one column"),
    Read(
        "decimal|numeric|dec|money", _decimal,
        guard=lambda native: 0 < native.argument(0, 0) <= EXACT_DIGITS, when="with precision, up to 15 digits",
        why="stored as reals, which hold 15 digits exactly",
    ),
    Read(
        "decimal|numeric|dec|money", _decimal, _DIGITS,
        guard=lambda native: bool(native.arguments), when="with precision",
    ),
    Read("date", fixed("date"), why="ISO text; numbers need a type of their own"),
    Read("datetime|timestamp", _stamp("timestamp"), why="ISO text"),
    Read("timestamptz|timestamp with time zone", _stamp("instant"), why="ISO text with offset"),
    Read("time", fixed("time"), why="ISO text"),
)  # fmt: skip


def _decimal_word(meaning: Type) -> str:
    name = "DECIMAL" if meaning.precision <= 15 else "DECIMAL_TEXT"
    return f"{name}({meaning.precision},{meaning.scale})"


def _text_word(meaning: Type) -> str:
    name = "CHAR" if meaning.padded else "VARCHAR"
    return f"{name}({meaning.length})" if meaning.length else "TEXT"


_WIDENED = Fidelity.WIDENED

WRITES = (
    Write("bool", word("BOOLEAN")),
    *(Write(kind, word("INTEGER"), fidelity=_WIDENED, why="SQLite has 64-bit integers only")
      for kind in ("int8", "int16", "int32", "uint8", "uint16", "uint32")),
    Write("int64", word("INTEGER")),
    Write("uint64", word("INTEGER"), guard=lambda _t, u: u.identity, when="an identity", fidelity=Fidelity.CONSTRAINED,
          why="only an INTEGER numbers itself; a number above 2^63 - 1 stops the run"),
    Write("uint64", word("DECIMAL_TEXT(20,0)"), fidelity=Fidelity.TEXT, why="above 2^63 it would turn REAL"),
    Write("float32", word("REAL"), fidelity=_WIDENED, why="SQLite's REAL has 64 bits"),
    Write("float64", word("REAL")),
    Write("decimal", _decimal_word, guard=lambda t, _u: t.precision <= 15, when="up to 15 digits"),
    Write("decimal", _decimal_word, fidelity=Fidelity.TEXT, why="more than 15 digits survive as text only"),
    Write("text", _text_word),
    Write("uuid", word("UUID"), fidelity=Fidelity.TEXT, why="as text"),
    Write("json", word("JSON_TEXT"), fidelity=Fidelity.TEXT, why="as text; JSON alone would turn '1.0' into 1"),
    Write("binary", word("BLOB")),
    Write("date", word("DATE"), fidelity=Fidelity.TEXT, why="ISO text"),
    Write("time", word("TIME"), fidelity=Fidelity.TEXT, why="ISO text"),
    Write("timestamp", word("DATETIME"), guard=lambda t, _u: t.digits <= 6, fidelity=Fidelity.TEXT, why="ISO text"),
    Write("timestamp", word("DATETIME(9)"), fidelity=Fidelity.TEXT, why="ISO text with nine decimals"),
    Write("instant", word("TIMESTAMPTZ"), guard=lambda t, _u: t.digits <= 6, fidelity=Fidelity.TEXT,
          why="ISO text in UTC"),
    Write("instant", word("TIMESTAMPTZ(9)"), fidelity=Fidelity.TEXT, why="ISO text in UTC with nine decimals"),
    Write("duration", word("DURATION_INT"), fidelity=Fidelity.NORMALISED, why="whole microseconds"),
)  # fmt: skip
