"""What Oracle 12.2 and later hold of each Type. BOOLEAN and JSON of later versions are not used.

A text of no characters and a binary of no octets are NULL there, whatever the column; see empty.py.
"""

from __future__ import annotations

from collections.abc import Callable

from ...rules import Use, Write, word
from ...types import Fidelity, Type

LONGEST = 4000  # octets of a VARCHAR2 where MAX_STRING_SIZE is STANDARD
_SURE = LONGEST // 4  # characters that fit there, whatever they are
_LONGEST_CHAR, _LONGEST_RAW = 500, 2000
_KEY = 400  # characters: a key of one such column and others stays below an index' 6,398 octets
_DIGITS = 38

_WHOLE = {"int8": 3, "uint8": 3, "int16": 5, "uint16": 5, "int32": 10, "uint32": 10, "int64": 19, "uint64": 20}
_BYTES = "a VARCHAR2 ends at 4,000 octets; a longer value stops the run"


def _moment(form: str) -> Callable[[Type], str]:
    return lambda meaning: form.format(meaning.digits)


def _fits(most: int) -> Callable[[Type, Use], bool]:
    return lambda meaning, _use: 0 < meaning.length <= most


WRITES = (
    Write("bool", word("number(1)"), fidelity=Fidelity.WIDENED, why="0 and 1"),
    *(Write(kind, word(f"number({digits})"), fidelity=Fidelity.WIDENED, why="a number of as many digits")
      for kind, digits in _WHOLE.items()),
    Write("float32", word("binary_float"), why="-0 becomes 0"),
    Write("float64", word("binary_double"), why="-0 becomes 0"),
    Write("decimal", word("number"), guard=lambda t, _u: t.unbounded and t.precision <= _DIGITS,
          when="of any size, up to 38 digits now"),
    Write("decimal", lambda t: f"number({t.precision},{t.scale})", guard=lambda t, _u: t.precision <= _DIGITS,
          when="up to 38 digits"),
    Write("text", lambda t: f"char({t.length} char)", guard=lambda t, u: t.padded and _fits(_LONGEST_CHAR)(t, u),
          when="padded, up to 500"),
    Write("text", lambda t: f"varchar2({t.length} char)", guard=_fits(_SURE), when="up to 1,000 characters"),
    Write("text", lambda t: f"varchar2({t.length} char)", guard=_fits(LONGEST), when="up to 4,000",
          fidelity=Fidelity.CONSTRAINED, why=_BYTES),
    Write("text", word(f"varchar2({_KEY} char)"), guard=lambda _t, u: u.key, when="in a key or index",
          fidelity=Fidelity.CONSTRAINED, why=f"a CLOB has no index; more than {_KEY} characters stop the run"),
    Write("text", word("clob")),
    Write("binary", lambda t: f"raw({t.length})", guard=_fits(_LONGEST_RAW), when="up to 2,000 octets"),
    Write("binary", word(f"raw({_LONGEST_RAW})"), guard=lambda _t, u: u.key, when="in a key or index",
          fidelity=Fidelity.CONSTRAINED, why="a BLOB has no index; a longer value stops the run"),
    Write("binary", word("blob")),
    Write("date", word("date"), fidelity=Fidelity.WIDENED, why="with a time of day, which is 00:00:00"),
    Write("time", lambda t: f"interval day(0) to second({t.digits})", fidelity=Fidelity.NORMALISED,
          why="as the time since midnight"),
    Write("timestamp", _moment("timestamp({})"), guard=lambda t, _u: t.digits <= 6),
    Write("instant", _moment("timestamp({}) with time zone"), guard=lambda t, _u: t.digits <= 6, why="in UTC"),
    Write("duration", word("interval day(9) to second(6)")),
    Write("uuid", word("raw(16)"), fidelity=Fidelity.NORMALISED, why="its 16 octets"),
    Write("json", word("clob"), fidelity=Fidelity.TEXT, why="as it is spelt"),
)  # fmt: skip
