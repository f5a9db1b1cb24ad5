"""DuckDB's mapping rules, and the Arrow type in which each native type takes its values."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from ...errors import RequestError
from ...rules import Native, Read, Write, fixed, read_rule, split, word
from ...types import Fidelity, Type
from .nested import as_json, from_json, nested

AS_TEXT = "CAST({c} AS VARCHAR)"
_NO_LENGTH = "has no fixed length"
# A day counts as 24 hours, as it does in DuckDB's own comparison of intervals; a month has no length.
_INTERVAL = (
    "CASE WHEN datepart('year', {c}) * 12 + datepart('month', {c}) <> 0 "
    f"THEN error('the interval ' || {{c}} || ' {_NO_LENGTH}') ELSE epoch_us({{c}}) END"
)
_INTEGERS = {
    "tinyint|int1": "int8", "smallint|int2|short": "int16", "integer|int|int4|signed": "int32",
    "bigint|int8|long": "int64", "utinyint": "uint8", "usmallint": "uint16", "uinteger": "uint32",
    "ubigint": "uint64",
}  # fmt: skip


def _decimal(native: Native) -> Type:
    return Type("decimal", precision=native.argument(0, 18), scale=native.argument(1, 3), native=native.text)


def _text(native: Native) -> Type:
    return Type("text", length=native.argument(0, 0), native=native.text)


_INFINITE = (
    ("date", "date", 6), ("timestamp_s", "timestamp", 0), ("timestamp_ms", "timestamp", 3),
    ("timestamp", "timestamp", 6), ("timestamp_ns", "timestamp", 9), ("timestamptz_ns", "instant", 9),
    ("timestamp with time zone", "instant", 6),
)  # fmt: skip


def _finite(native: Native, quoted: str) -> str:
    asked = f"{quoted}::TIMESTAMPTZ" if native.name.startswith("timestamptz_ns") else quoted
    return f"CASE WHEN isinf({asked}) THEN NULL ELSE {quoted} END"


_TEXTS, _FLOATS = "varchar|char|bpchar|text|string", (("real|float|float4", "float32"), ("double|float8", "float64"))
NUL, ODD = "contains({c}, chr(0))", "NOT isfinite({c})"


def _or_null(condition: str) -> str:
    return f"CASE WHEN {condition} THEN NULL ELSE {{c}} END"


_LOSSY, _BY_NAN, _BY_NUL = Fidelity.LOSSY, "by the policy nan", "by the policy nul"
_CHOSEN = (
    *(Read(f"({names}), nan as null", fixed(kind), _or_null(ODD), fidelity=_LOSSY, nulls=True, when=_BY_NAN,
           why="policy nan: NaN and infinities become NULL") for names, kind in _FLOATS),
    *(Read(f"({names}), as text", fixed("text"), AS_TEXT, fidelity=Fidelity.TEXT, when=_BY_NAN, why="policy nan: text")
      for names, _ in _FLOATS),
    Read(f"({_TEXTS}), nul as null", _text, _or_null(NUL), fidelity=_LOSSY, nulls=True, when=_BY_NUL,
         why="policy nul: texts with U+0000 become NULL"),
    Read(f"({_TEXTS}), nul removed", _text, "replace({c}, chr(0), '')", fidelity=_LOSSY, when=_BY_NUL,
         why="policy nul: without U+0000"),
    Read(f"({_TEXTS}), nul replaced", _text, "replace({c}, chr(0), chr(65533))", fidelity=_LOSSY, when=_BY_NUL,
         why="policy nul: U+FFFD for U+0000"),
)  # fmt: skip


def _json(native: Native, quoted: str) -> str:
    shape = nested(native.text)
    assert shape  # noqa: S101 - the rule's guard has seen it
    return as_json(shape, quoted)


def _wkb(native: Native, quoted: str) -> str:
    del native
    return f"ST_AsWKB({quoted})"


READS = (
    *_CHOSEN,
    Read("(?s:.*)", fixed("json"), _json, guard=lambda native: nested(native.text) is not None,
         when="lists, arrays, structs, tuples, maps, unions", fidelity=Fidelity.TEXT,
         why="as JSON, where numbers beyond 64 bits, decimals, moments and bytes are texts"),
    Read("geometry", fixed("binary"), _wkb, fidelity=Fidelity.TEXT, why="as well-known binary"),
    Read("bool|boolean|logical", fixed("bool")),
    *(Read(names, fixed(kind)) for names, kind in _INTEGERS.items()),
    Read("u?(hugeint|int128)", fixed("decimal", precision=39), AS_TEXT, why="128 bits have up to 39 digits"),
    *(Read(names, fixed(kind)) for names, kind in _FLOATS),
    Read("decimal|numeric|dec", _decimal),
    Read(_TEXTS, _text, AS_TEXT),
    Read("uuid", fixed("uuid"), AS_TEXT),
    Read("json", fixed("json"), AS_TEXT),
    Read("blob|bytea|binary|varbinary", fixed("binary")),
    Read("date", fixed("date"), why="infinity by policy"),
    Read("time|time without time zone", fixed("time")),
    Read("timestamp_s", fixed("timestamp", digits=0)),
    Read("timestamp_ms", fixed("timestamp", digits=3)),
    Read("timestamp|datetime|timestamp without time zone", fixed("timestamp"), why="infinity by policy"),
    Read("timestamp_ns", fixed("timestamp", digits=9)),
    Read("timestamp with time zone|timestamptz", fixed("instant"), why="infinity by policy"),
    Read("timestamptz_ns", fixed("instant", digits=9)),
    Read("interval(, as text)?", fixed("text"), AS_TEXT, within=True, when="inside DuckDB"),
    Read("interval, as text", fixed("text"), AS_TEXT, fidelity=Fidelity.TEXT, why="a month has no length"),
    Read("(date|timestamp.*), kept", fixed("text"), AS_TEXT, within=True, when="inside DuckDB"),
    Read("(date|timestamp.*), as text", fixed("text"), AS_TEXT, fidelity=Fidelity.TEXT, why="policy infinity: text"),
    *(Read(f"{native}, infinite as null", fixed(kind, digits=digits), _finite, fidelity=Fidelity.LOSSY, nulls=True,
           why="policy infinity: null") for native, kind, digits in _INFINITE),
    Read("interval", fixed("duration"), _INTERVAL, fidelity=Fidelity.NORMALISED,
         why="a day counts as 24 hours; an interval of months stops the run"),
    Read(r"(?s:enum\b(?!.*\]$).*)", fixed("text"), AS_TEXT, why="the label"),
    Read("bit|bitstring|bignum|varint|time_ns|timetz|time with time zone", fixed("text"), AS_TEXT,
         fidelity=Fidelity.TEXT, why="Arrow has no such type"),
)  # fmt: skip


def _decimal_word(meaning: Type) -> str:
    precision, scale = _room(meaning)
    return f"DECIMAL({precision},{scale})"


def _room(meaning: Type) -> tuple[int, int]:
    """Precision and scale where neither may be negative nor the scale the larger."""
    return max(meaning.precision, meaning.scale) - min(meaning.scale, 0), max(meaning.scale, 0)


_WORDS = {
    "bool": "BOOLEAN", "int8": "TINYINT", "int16": "SMALLINT", "int32": "INTEGER", "int64": "BIGINT",
    "uint8": "UTINYINT", "uint16": "USMALLINT", "uint32": "UINTEGER", "uint64": "UBIGINT",
    "float32": "FLOAT", "float64": "DOUBLE", "uuid": "UUID", "json": "JSON", "date": "DATE", "time": "TIME",
    "duration": "INTERVAL",
}  # fmt: skip

WRITES = (
    *(Write(kind, word(native)) for kind, native in _WORDS.items()),
    Write("decimal", _decimal_word, guard=lambda t, _u: _room(t)[0] <= 38, when="up to 38 digits"),
    Write("text", word("VARCHAR"), guard=lambda t, _u: not (t.length or t.padded), when="without a length"),
    Write("text", word("VARCHAR"), fidelity=Fidelity.WIDENED, why="DuckDB keeps no lengths of text"),
    Write("binary", word("BLOB"), guard=lambda t, _u: not t.length, when="without a length"),
    Write("binary", word("BLOB"), fidelity=Fidelity.WIDENED, why="DuckDB keeps no lengths of binary"),
    Write("timestamp", word("TIMESTAMP"), guard=lambda t, _u: t.digits <= 6),
    Write("timestamp", word("TIMESTAMP_NS")),
    Write("instant", word("TIMESTAMP WITH TIME ZONE"), guard=lambda t, _u: t.digits <= 6),
    Write("instant", word("TIMESTAMPTZ_NS")),
)


@dataclass(frozen=True)
class Slot:
    """How a column of a native type takes its values: as this Arrow type, and with this conversion in SQL."""

    native: str
    meaning: Type

    @property
    def arrow(self) -> pa.DataType:
        """The type of the native column's own values."""
        return self.meaning.arrow

    def takes(self, arrow: pa.DataType) -> bool:
        """Whether values come as texts that SQL makes the native ones of, though these have an Arrow type."""
        return pa.types.is_string(arrow) and self.meaning.kind in ("duration", "date", "timestamp", "instant")

    def expression(self, quoted: str) -> str:
        """The SQL that makes the native value of what was registered."""
        shape = nested(self.native)
        if shape:
            return from_json(shape, quoted)
        if self.native.upper().startswith("GEOMETRY"):
            quoted = f"ST_GeomFromWKB({quoted})"
        return f"CAST({quoted} AS {self.native})"


def slot(native: str) -> Slot:
    """The slot of a native type; RequestError for one that Ropeway cannot fill."""
    rule = read_rule(READS, native)
    if rule is None:
        raise RequestError(f"DuckDB's {native} cannot be loaded.", remedy="Leave the column out.")
    return Slot(native, rule.type(split(native)))


def is_lengthless(message: str) -> bool:
    """Whether DuckDB's message is that of an interval of months."""
    return _NO_LENGTH in message
