"""SQLite's mapping rules. A declaration is only a wish there: profile.py asks the values."""

from __future__ import annotations

from ...rules import Native, Read, Write, fixed, word
from ...types import Fidelity, Type

# Text that a guard cannot accept makes Arrow's cast fail, so a value is refused by name, never changed.
_INTEGER = "CASE WHEN typeof({c}) IN ('integer', 'null') THEN {c} ELSE 'not an integer: ' || {c} END"
_REAL = "CASE WHEN typeof({c}) IN ('integer', 'real', 'null') THEN CAST({c} AS REAL) ELSE 'no number: ' || {c} END"
# CAST(real AS TEXT) prints 15 digits; a value that needs more would be changed by it.
_DECIMAL = (
    "CASE WHEN typeof({c}) = 'real' AND CAST(CAST({c} AS TEXT) AS REAL) <> {c} "
    "THEN 'more than 15 digits: ' || {c} ELSE CAST({c} AS TEXT) END"
)
_TEXT = "CASE WHEN typeof({c}) = 'blob' THEN x'00' ELSE CAST({c} AS TEXT) END"
_ONLY_TEXT = "CASE WHEN typeof({c}) IN ('text', 'null') THEN {c} ELSE 'not text: ' || {c} END"


def _decimal(native: Native) -> Type:
    return Type("decimal", precision=native.argument(0, 38), scale=native.argument(1, 0), native=native.text)


def _text(native: Native) -> Type:
    padded = native.name in ("char", "nchar", "character", "native character")
    return Type("text", length=native.argument(0, 0), padded=padded, native=native.text)


READS = (
    Read("bool|boolean", fixed("bool"), _INTEGER, why="0 and 1; another value stops the run"),
    Read(
        "duration_int", fixed("duration"), _INTEGER, why="whole microseconds, as Ropeway writes intervals"
    ),
    Read("decimal_text", _decimal, _DECIMAL, why="decimals kept as text, all digits"),
    Read("json|json_text|jsonb", fixed("json"), _ONLY_TEXT),
    Read("uuid", fixed("uuid"), _ONLY_TEXT),
    Read("[a-z0-9 ]*int[a-z0-9 ]*", fixed("int64"), _INTEGER, why="SQLite stores 64 bits whatever the word"),
    Read("[a-z ]*(char|clob|text|string)[a-z ]*", _text, _TEXT),
    Read("(long ?)?blob|(var)?binary|bytea", fixed("binary"), "CAST({c} AS BLOB)"),
    Read("real|double( precision)?|float[48]?", fixed("float64"), _REAL),
    Read(
        "decimal|numeric|dec|money", _decimal, _DECIMAL,
        guard=lambda native: bool(native.arguments), when="with precision",
    ),
    Read("date", fixed("date"), _ONLY_TEXT, why="ISO text; numbers need a type of their own"),
    Read("datetime|timestamp", fixed("timestamp"), _ONLY_TEXT, why="ISO text"),
    Read("timestamptz|timestamp with time zone", fixed("instant"), _ONLY_TEXT, why="ISO text with offset"),
    Read("time", fixed("time"), _ONLY_TEXT, why="ISO text"),
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
    Write("instant", word("TIMESTAMPTZ"), guard=lambda t, _u: t.digits <= 6, fidelity=Fidelity.TEXT,
          why="ISO text in UTC"),
    Write("duration", word("DURATION_INT"), fidelity=Fidelity.NORMALISED, why="whole microseconds"),
)  # fmt: skip
