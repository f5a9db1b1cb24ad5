"""Mapping rules of Oracle. What the driver would lose by its defaults is asked of it in another form.

python-oracledb 26.1 gives NUMBER as a double, drops a timestamp's zone, and decodes no more than microseconds:
https://github.com/oracle/python-oracledb/issues/596, 605 and 606, and what was tried beside.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from ...rules import Native, Read, fixed
from ...types import MOST_DIGITS, Fidelity, Type

# What a profile asks for and a projection changes.
PRINTED = "TO_CHAR({c}, 'TM9', 'NLS_NUMERIC_CHARACTERS=''.,''')"
NANOSECONDS = "MOD(TO_NUMBER(TO_CHAR({c}, 'FF9')), 1000) <> 0"
_FRACTION = "SYYYY-MM-DD HH24:MI:SS.FF9"
_INTEGERS = (("int8", 2), ("int16", 4), ("int32", 9), ("int64", 18))  # and the digits that all fit
UTC = "SYS_EXTRACT_UTC({c})"
_PRINTED_MOMENT = f"TO_CHAR({{c}}, '{_FRACTION}')"
_PRINTED_UTC = f"TO_CHAR({UTC}, '{_FRACTION}')"
MICROSECONDS = (
    "((EXTRACT(DAY FROM {c}) * 86400 + EXTRACT(HOUR FROM {c}) * 3600 + EXTRACT(MINUTE FROM {c}) * 60 "
    "+ EXTRACT(SECOND FROM {c})) * 1000000)"
)


TEXTS = "varchar2|nvarchar2|char|nchar|clob|nclob"
NUL = "INSTR({c}, CHR(0)) > 0"
# NaN equals itself here; a BINARY_FLOAT is compared as a BINARY_DOUBLE.
NO_FLOAT = "{c} IN (BINARY_DOUBLE_NAN, BINARY_DOUBLE_INFINITY, -BINARY_DOUBLE_INFINITY)"


def digits_of(native: Native) -> tuple[int, int]:
    """Digits and decimals of a NUMBER(p,s): s may be negative, or above p."""
    precision, scale = native.argument(0, 38), native.argument(1, 0)
    return max(precision - min(scale, 0), scale), max(scale, 0)


def _decimal(native: Native) -> Type:
    precision, scale = digits_of(native)
    return Type("decimal", precision=precision, scale=scale, native=native.text)


def _integer(native: Native) -> Type:
    precision, _ = digits_of(native)
    return Type(next(kind for kind, most in _INTEGERS if precision <= most), native=native.text)


def _whole(native: Native) -> bool:
    precision, scale = digits_of(native)
    return bool(native.arguments) and not scale and precision <= _INTEGERS[-1][1]


def _fits(native: Native) -> bool:
    return bool(native.arguments) and digits_of(native)[0] <= MOST_DIGITS


def _text(native: Native) -> Type:
    found = re.search(r"\((\d+)", native.text)
    return Type(
        "text", length=int(found[1]) if found else 0, padded=native.name in ("char", "nchar"), native=native.text
    )


def _binary(native: Native) -> Type:
    return Type("binary", length=native.argument(0, 0), native=native.text)


def _moment(kind: str) -> Callable[[Native], Type]:
    return lambda native: Type(kind, digits=min(native.argument(0, 6), 6), native=native.text)


def _coarse(native: Native) -> bool:
    return native.argument(0, 6) <= 6


def _any(_: Native) -> bool:
    return True


_AS_TEXT, _NORMALISED, _LOSSY = Fidelity.TEXT, Fidelity.NORMALISED, Fidelity.LOSSY
# The words that a profile decides for by a policy.
_BY_POLICY = (
    Read(f"({TEXTS}), nul as null", _text, f"CASE WHEN {NUL} THEN NULL ELSE {{c}} END", fidelity=_LOSSY, nulls=True,
         when="by the policy nul", why="policy nul: texts with U+0000 become NULL"),
    Read(f"({TEXTS}), nul removed", _text, "REPLACE({c}, CHR(0))", fidelity=_LOSSY, nulls=True,
         when="by the policy nul", why="policy nul: without U+0000; what held nothing else becomes NULL"),
    Read(f"({TEXTS}), nul replaced", _text, "REPLACE({c}, CHR(0), UNISTR('\\FFFD'))", fidelity=_LOSSY,
         when="by the policy nul", why="policy nul: U+FFFD for U+0000"),
    *(Read(f"{name}, nan as null", fixed(kind), f"CASE WHEN {NO_FLOAT} THEN NULL ELSE {{c}} END", fidelity=_LOSSY,
           nulls=True, when="by the policy nan", why="policy nan: NaN and infinity become NULL")
      for name, kind in (("binary_float", "float32"), ("binary_double", "float64"))),
    Read("binary_(float|double), as text", fixed("text"), "TO_CHAR({c})", fidelity=_AS_TEXT, when="by the policy nan"),
)  # fmt: skip

_UUID = "LOWER(REGEXP_REPLACE(RAWTOHEX({c}), '(.{{8}})(.{{4}})(.{{4}})(.{{4}})(.{{12}})', '\\1-\\2-\\3-\\4-\\5'))"

READS = (
    Read("number", _integer, guard=_whole, when="up to 18 digits, without decimals"),
    Read("number", _decimal, guard=_fits, when="with digits, up to 76"),
    Read("number, of any size", lambda native: replace(_decimal(native), unbounded=True), when="by its values"),
    Read("(number|float), as text", fixed("text"), PRINTED, fidelity=_AS_TEXT,
         when="its values have more than 76 digits, decimals included"),
    Read("text", fixed("text"), "TO_CHAR({c})", fidelity=_AS_TEXT, when="types: {column: text} says so"),
    *_BY_POLICY,
    Read("binary_float", fixed("float32")),
    Read("binary_double", fixed("float64")),
    Read("varchar2|nvarchar2|char|nchar", _text, why="'' is NULL there"),
    Read("clob|nclob|long", fixed("text")),
    Read("boolean", fixed("bool"), when="from version 23 on"),
    Read("raw, as uuid", fixed("uuid"), _UUID, when="as Ropeway writes them, or where types: says so"),
    Read("raw", _binary),
    Read("blob|long raw", fixed("binary")),
    Read("date", fixed("timestamp", digits=0), why="it has a time of day"),
    Read("timestamp", _moment("timestamp"), guard=_coarse, when="up to microseconds"),
    Read("timestamp", _moment("timestamp"), _PRINTED_MOMENT, when="no value has more than microseconds"),
    Read("timestamp, as nanoseconds", fixed("timestamp", digits=9), _PRINTED_MOMENT, when="some values have them"),
    *(Read(f"timestamp with {word}", _moment("instant"), project, guard=guard, fidelity=fidelity, why=why, when=when)
      for word, fidelity, why in (("time zone", _NORMALISED, "the moment in UTC, without its offset"),
                                  ("local time zone", Fidelity.EXACT, "the moment in UTC"))
      for project, guard, when in ((UTC, _coarse, "up to microseconds"),
                                   (_PRINTED_UTC, _any, "no value has more than microseconds"))),
    Read("timestamp with( local)? time zone, as nanoseconds", fixed("instant", digits=9), _PRINTED_UTC,
         fidelity=_NORMALISED, why="the moment in UTC, without its offset", when="some values have them"),
    Read("interval day to second", fixed("duration"), MICROSECONDS, fidelity=_NORMALISED, why="as microseconds"),
    Read("interval year to month", fixed("text"), "TO_CHAR({c})", fidelity=_AS_TEXT, why="as +02-03"),
    Read("rowid", fixed("text", length=18), "ROWIDTOCHAR({c})", fidelity=_AS_TEXT),
    Read("urowid", fixed("text"), "ROWIDTOCHAR({c})", fidelity=_AS_TEXT, why="of any length"),
    Read("xmltype", fixed("text"), "XMLSERIALIZE(CONTENT {c} AS CLOB)", fidelity=_AS_TEXT, why="as it is printed"),
    Read("json", fixed("json"), "JSON_SERIALIZE({c} RETURNING CLOB)", why="as the server prints it"),
)  # fmt: skip
