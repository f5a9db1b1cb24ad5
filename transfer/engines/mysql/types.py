"""Mapping rules of the MySQL family; where MySQL and MariaDB differ, the rule's list says so."""

from __future__ import annotations

import re
from collections.abc import Callable

from ...rules import Native, Read, Write, fixed, word
from ...types import Fidelity, Type

_INTEGERS = (
    ("tinyint", "8"), ("smallint", "16"), ("mediumint", "32"), ("int", "32"), ("integer", "32"), ("bigint", "64"),
)  # fmt: skip


def _decimal(native: Native) -> Type:
    return Type("decimal", precision=native.argument(0, 10), scale=native.argument(1, 0), native=native.text)


def _text(native: Native) -> Type:
    return Type("text", length=native.argument(0, 0), padded=native.name.startswith("char"), native=native.text)


def _binary(native: Native) -> Type:
    return Type("binary", length=native.argument(0, 0), native=native.text)


def _moment(kind: str) -> Callable[[Native], Type]:
    return lambda native: Type(kind, digits=native.argument(0, 0), native=native.text)


# What a profile asks for and a projection changes; the first of its tests that holds decides, so that none warns.
NO_DATE = (
    "(YEAR({c}) = 0 OR MONTH({c}) = 0 OR DAYOFMONTH({c}) = 0 OR DAYOFMONTH({c}) > 28 "
    "AND DAYOFMONTH({c}) > DAYOFMONTH(LAST_DAY({c})))"
)
NO_TIME_OF_DAY = "({c} < '00:00:00' OR {c} >= '24:00:00')"
_OCTETS = "CAST(CONVERT({c} USING utf8mb4) AS BINARY)"  # a collation may take U+0000 for nothing
NUL = f"LOCATE(0x00, {_OCTETS}) > 0"
TEXTS = "char|varchar|tinytext|text|mediumtext|longtext"
GEOMETRIES = "(multi)?(point|linestring|polygon)|geometry|geom(etry)?collection"
_DATED = f"IF({NO_DATE}, NULL, CAST({{c}} AS CHAR))"
_MICROSECONDS = (
    "(IF({c} < '00:00:00', -1, 1) * ((HOUR({c}) * 3600 + MINUTE({c}) * 60 + SECOND({c})) * 1000000 + MICROSECOND({c})))"
)


def _without_nul(instead: str) -> str:
    return f"CONVERT(REPLACE({_OCTETS}, 0x00, {instead}) USING utf8mb4)"


def _bits(native: Native) -> Type:
    return Type("text", length=native.argument(0, 1), native=native.text)


_LOSSY, _AS_TEXT = Fidelity.LOSSY, Fidelity.TEXT
# The words that a profile decides for.
_DECIDED = (
    Read(r"tinyint, as bool", fixed("bool"), when="it holds 0 and 1 only"),
    Read("time, as duration", fixed("duration"), _MICROSECONDS, when="below 0 or at 24 h and above",
         fidelity=Fidelity.NORMALISED, why="as microseconds"),
    *(Read(f"{name}, zero as null", _moment(kind), _DATED, fidelity=_LOSSY, nulls=True,
           why="policy zero_date: zero dates become NULL", when="by the policy zero_date=null")
      for name, kind in (("date", "date"), ("datetime", "timestamp"), ("timestamp", "instant"))),
    Read("(date|datetime|timestamp|time), as text", fixed("text"), "CAST({c} AS CHAR)", fidelity=_AS_TEXT,
         when="zero dates, by the policy zero_date=text"),
    Read(f"({TEXTS}), nul removed", _text, _without_nul("''"), fidelity=_LOSSY, why="policy nul: without U+0000"),
    Read(f"({TEXTS}), nul replaced", _text, _without_nul("0xEFBFBD"), fidelity=_LOSSY,
         why="policy nul: U+FFFD for U+0000"),
    Read(f"({TEXTS}), nul as null", _text, f"IF({NUL}, NULL, {{c}})", fidelity=_LOSSY, nulls=True,
         why="policy nul: texts with U+0000 become NULL"),
)  # fmt: skip


READS = (
    *(Read(f"{name} unsigned( zerofill)?", fixed(f"uint{bits}"), "({c}+0)") for name, bits in _INTEGERS),
    *(Read(name, fixed(f"int{bits}")) for name, bits in _INTEGERS),
    Read("year", fixed("int16"), "({c}+0)", why="as a number; 0 stays 0"),
    # FLOAT prints six digits; as a double it prints all that a float holds.
    Read("float( unsigned)?( zerofill)?", fixed("float32"), "({c}+0e0)"),
    Read("double( unsigned)?( zerofill)?|real", fixed("float64"), "({c}+0e0)"),
    Read("decimal( unsigned)?( zerofill)?|numeric", _decimal, "CAST({c} AS CHAR)"),
    Read("bit", fixed("bool"), "({c}+0)", guard=lambda n: n.argument(0, 1) == 1, when="one bit"),
    Read("bit", _bits, lambda native, c: f"LPAD(BIN({c}+0), {native.argument(0, 1)}, '0')",
         fidelity=_AS_TEXT, why="all its zeros and ones"),
    Read(TEXTS, _text),
    Read("enum.*", fixed("text"), "CONCAT({c})", fidelity=Fidelity.TEXT, why="the label"),
    Read("set.*", fixed("text"), "CONCAT({c})", fidelity=Fidelity.TEXT, why="the labels, comma between"),
    Read("json", fixed("json"), "CAST({c} AS CHAR)", why="as the server prints it"),
    Read("uuid", fixed("uuid"), "CAST({c} AS CHAR)"),
    Read("inet[46]", fixed("text", length=43), "CAST({c} AS CHAR)", fidelity=Fidelity.TEXT),
    Read(GEOMETRIES, fixed("binary"), why="inside the family only"),
    Read("binary|varbinary|tinyblob|blob|mediumblob|longblob", _binary),
    Read("date", fixed("date"), "CAST({c} AS CHAR)", why="0000-00-00 is refused"),
    Read("time", _moment("time"), "CAST({c} AS CHAR)", when="every value is a time of a day"),
    Read("datetime", _moment("timestamp"), "CAST({c} AS CHAR)", why="0000-00-00 is refused"),
    Read("timestamp", _moment("instant"), "CAST({c} AS CHAR)", why="read in UTC"),
    *_DECIDED,
)  # fmt: skip

# A row's declared bytes end at 65,535, all columns together; an index at 3,072 bytes, 768 characters.
_LONGEST_VARCHAR = 2000
_LONGEST_KEY = 768


def _moment_word(name: str) -> Callable[[Type], str]:
    return lambda meaning: f"{name}({meaning.digits})" if meaning.digits else name


_MOST_LABELS, _LONGEST_LABEL = 65_535, 255


def _enumerable(meaning: Type) -> bool:
    """Whether labels stay what they are in an ENUM: it drops blanks at their ends, and '' is its invalid value."""
    labels = meaning.labels
    spelt = all(label and len(label) <= _LONGEST_LABEL and not label.endswith(" ") for label in labels)
    return 0 < len(set(labels)) == len(labels) <= _MOST_LABELS and spelt


def _enum(meaning: Type) -> str:
    inside = ",".join("'" + label.replace("\\", "\\\\").replace("'", "''") + "'" for label in meaning.labels)
    return f"enum({inside})"


def _is_bits(meaning: Type) -> bool:
    found = re.fullmatch(r"bit\((\d+)\)", meaning.native)
    return found is not None and 1 < int(found[1]) <= 64


_WIDENED, _TEXT, _NORMALISED = Fidelity.WIDENED, Fidelity.TEXT, Fidelity.NORMALISED

_COMMON = (
    Write("bool", word("tinyint(1)"), fidelity=_WIDENED, why="0 and 1"),
    Write("int8", word("tinyint")), Write("uint8", word("tinyint unsigned")),
    Write("int16", word("smallint")), Write("uint16", word("smallint unsigned")),
    Write("int32", word("int")), Write("uint32", word("int unsigned")),
    Write("int64", word("bigint")), Write("uint64", word("bigint unsigned")),
    Write("float32", word("float")), Write("float64", word("double")),
    Write("decimal", lambda t: f"decimal({t.precision},{t.scale})",
          guard=lambda t, _u: t.precision <= 65 and t.scale <= 30, when="up to 65 digits, 30 decimals"),
    Write("text", _enum, guard=lambda t, _u: _enumerable(t), when="the labels of an enum"),
    Write("text", lambda t: t.native, guard=lambda t, _u: _is_bits(t), when="zeros and ones of a bit(n), 2 to 64"),
    Write("text", word("char(1)"), guard=lambda t, _u: t.native == "bit(1)", when="the one bit of a bit(1)",
          why="bit(1) there is read as bool"),
    Write("text", lambda t: f"char({t.length})", guard=lambda t, _u: t.padded and 0 < t.length <= 255,
          when="padded, up to 255"),
    Write("text", lambda t: f"varchar({t.length})",
          guard=lambda t, u: 0 < t.length <= (_LONGEST_KEY if u.key else _LONGEST_VARCHAR),
          when="with a length that a row or a key can hold"),
    Write("text", word(f"varchar({_LONGEST_KEY})"), guard=lambda _t, u: u.key, when="in a key or index",
          fidelity=Fidelity.CONSTRAINED, why="an index holds 768 characters; a longer value stops the run"),
    Write("text", word("longtext"), why="text alone would end at 64 KB"),
    Write("binary", lambda t: f"varbinary({t.length})", guard=lambda t, _u: 0 < t.length <= _LONGEST_VARCHAR),
    Write("binary", word("varbinary(3072)"), guard=lambda _t, u: u.key, fidelity=Fidelity.CONSTRAINED,
          why="an index holds 3,072 bytes; a longer value stops the run"),
    Write("binary", word("longblob"), why="blob alone would end at 64 KB"),
    Write("date", word("date")),
    Write("time", _moment_word("time"), guard=lambda t, _u: t.digits <= 6),
    Write("timestamp", _moment_word("datetime"), guard=lambda t, _u: t.digits <= 6),
    Write("instant", _moment_word("datetime"), guard=lambda t, _u: t.digits <= 6,
          fidelity=_NORMALISED, why="in UTC, without a zone; timestamp would end in 2038"),
    Write("duration", word("time(6)"), fidelity=_NORMALISED, why="up to 838 h; more stops the run"),
)  # fmt: skip

WRITES = {
    "mysql": (
        *_COMMON,
        Write("uuid", word("char(36)"), fidelity=_TEXT),
        Write("json", word("longtext"), fidelity=_TEXT, why="MySQL's json would reorder the text"),
    ),
    "mariadb": (
        *_COMMON,
        Write("uuid", word("uuid")),
        Write("json", word("json"), fidelity=_TEXT, why="longtext with a check"),
    ),
}
