"""Mapping rules of the MySQL family; where MySQL and MariaDB differ, the rule's list says so."""

from __future__ import annotations

from ...rules import Native, Read, Write, fixed, word
from ...types import Fidelity, Type

_INTEGERS = (
    ("tinyint", "8"), ("smallint", "16"), ("mediumint", "32"), ("int", "32"), ("integer", "32"), ("bigint", "64"),
)  # fmt: skip


def _decimal(native: Native) -> Type:
    return Type("decimal", precision=native.argument(0, 10), scale=native.argument(1, 0), native=native.text)


def _text(native: Native) -> Type:
    return Type("text", length=native.argument(0, 0), padded=native.name == "char", native=native.text)


def _moment(kind: str) -> object:
    return lambda native: Type(kind, digits=native.argument(0, 0), native=native.text)


READS = (
    *(Read(f"{name} unsigned( zerofill)?", fixed(f"uint{bits}"), "({c}+0)") for name, bits in _INTEGERS),
    *(Read(name, fixed(f"int{bits}")) for name, bits in _INTEGERS),
    Read("year", fixed("int16"), "({c}+0)", why="as a number; 0 stays 0"),
    # FLOAT prints six digits; as a double it prints all that a float holds.
    Read("float( unsigned)?( zerofill)?", fixed("float32"), "({c}+0e0)"),
    Read("double( unsigned)?( zerofill)?|real", fixed("float64"), "({c}+0e0)"),
    Read("decimal( unsigned)?( zerofill)?|numeric", _decimal, "CAST({c} AS CHAR)"),
    Read("bit", fixed("bool"), "({c}+0)", guard=lambda n: n.argument(0, 1) == 1, when="one bit"),
    Read("bit", fixed("uint64"), "({c}+0)", fidelity=Fidelity.WIDENED, why="as a number"),
    Read("char|varchar|tinytext|text|mediumtext|longtext", _text),
    Read("enum.*", fixed("text"), "CONCAT({c})", fidelity=Fidelity.TEXT, why="the label"),
    Read("set.*", fixed("text"), "CONCAT({c})", fidelity=Fidelity.TEXT, why="the labels, comma between"),
    Read("json", fixed("json"), "CAST({c} AS CHAR)", why="as the server prints it"),
    Read("uuid", fixed("uuid"), "CAST({c} AS CHAR)"),
    Read("inet[46]", fixed("text"), "CAST({c} AS CHAR)", fidelity=Fidelity.TEXT),
    Read("binary|varbinary|tinyblob|blob|mediumblob|longblob", fixed("binary")),
    Read("date", fixed("date"), "CAST({c} AS CHAR)", why="0000-00-00 is refused"),
    Read("time", _moment("time"), "CAST({c} AS CHAR)", why="below 0 or above 24 h is refused"),  # type: ignore[arg-type]
    Read("datetime", _moment("timestamp"), "CAST({c} AS CHAR)", why="0000-00-00 is refused"),  # type: ignore[arg-type]
    Read("timestamp", _moment("instant"), "CAST({c} AS CHAR)", why="read in UTC"),  # type: ignore[arg-type]
)  # fmt: skip

# A row's declared bytes end at 65,535, all columns together; an index at 3,072 bytes, 768 characters.
_LONGEST_VARCHAR = 2000
_LONGEST_KEY = 768


def _moment_word(name: str) -> object:
    return lambda meaning: f"{name}({meaning.digits})" if meaning.digits else name


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
    Write("time", _moment_word("time"), guard=lambda t, _u: t.digits <= 6),  # type: ignore[arg-type]
    Write("timestamp", _moment_word("datetime"), guard=lambda t, _u: t.digits <= 6),  # type: ignore[arg-type]
    Write("instant", _moment_word("datetime"), guard=lambda t, _u: t.digits <= 6,  # type: ignore[arg-type]
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
