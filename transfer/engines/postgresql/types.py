"""PostgreSQL's mapping rules."""

from __future__ import annotations

import re
from collections.abc import Callable

from ...rules import Native, Read, Write, fixed, word
from ...types import Fidelity, Type


def _decimal(native: Native) -> Type:
    return Type("decimal", precision=_digits(native), scale=max(native.argument(1, 0), 0), native=native.text)


def _text(native: Native) -> Type:
    padded = native.name in ("character", "char", "bpchar")
    return Type("text", length=native.argument(0, 0), padded=padded, native=native.text)


def _moment(kind: str) -> Callable[[Native], Type]:
    return lambda native: Type(kind, digits=native.argument(0, 6), native=native.text)


def _digits(native: Native) -> int:
    """The digits that hold every value of numeric(p,s), whose scale may be below 0 or above p from version 15 on."""
    precision, scale = native.argument(0, 38), native.argument(1, 0)
    return max(precision, scale) - min(scale, 0)


_TEXT_FORMS = (
    "inet|cidr|macaddr8?|xml|tsvector|tsquery|bit( varying)?|[a-z0-9]+range|[a-z0-9]+multirange|interval[^,]*|"
    "time with time zone|point|line|lseg|box|path|polygon|circle|pg_lsn|xid8?|tid|cid|reg[a-z]+|jsonpath|refcursor|"
    r"pg_snapshot|txid_snapshot|(\w+\.)?(ltree|lquery|ltxtquery|hstore|cube|seg|vector|halfvec|sparsevec|ean13|"
    "is[bms]n(13)?|upc)"
)

# What a profile asks for and a projection changes.
NO_NUMBER = "({c} = 'NaN' OR {c}::text LIKE '%Inf%')"  # numeric has infinities from version 14 on
NAN = "{c} = 'NaN'"  # a numeric of a declared precision takes no infinity
NO_FLOAT = "{c} IN ('NaN', 'Infinity', '-Infinity')"
_FAR_STAMP = "(NOT isfinite({c}) OR {c} >= '294247-01-01')"  # the last year that 64 bits of microseconds hold whole
FAR = {
    "date": "NOT isfinite({c})", "timestamp without time zone": _FAR_STAMP, "timestamp with time zone": _FAR_STAMP,
}  # fmt: skip
_LOSSY, _AS_TEXT = Fidelity.LOSSY, Fidelity.TEXT


def _or_null(odd: str, then: str = "") -> str:
    return f"(CASE WHEN NOT {odd} THEN {{c}} END){then}"


def _infinite(native: str, kind: str) -> Read:
    return Read(f"{native}, infinity as null", _moment(kind), _or_null(FAR[native]), fidelity=_LOSSY, nulls=True,
                when="by the policy infinity=null", why="policy infinity: infinity becomes NULL")  # fmt: skip


def _no_number(native: str, meaning: Callable[[Native], Type], odd: str, then: str = "") -> Read:
    return Read(f"{native}, nan as null", meaning, _or_null(odd, then), fidelity=_LOSSY, nulls=True,
                when="by the policy nan=null", why="policy nan: NaN and infinities become NULL")  # fmt: skip


# The words that a profile decides for.
_DECIDED = (
    _infinite("date", "date"), _infinite("timestamp without time zone", "timestamp"),
    _infinite("timestamp with time zone", "instant"), _no_number("numeric", _decimal, NO_NUMBER, "::text"),
    _no_number("real", fixed("float32"), NO_FLOAT), _no_number("double precision", fixed("float64"), NO_FLOAT),
    Read("interval.*, as duration", fixed("duration"), "interval_send({c})", when="no value counts months",
         fidelity=Fidelity.NORMALISED, why="a day is 24 hours"),
    Read("numeric, unread", fixed("text"), "({c})::text", when="this account may not read the rows",
         fidelity=_AS_TEXT, why="until its rows may be read and tell its digits"),
    Read("(date|timestamp with(out)? time zone|time without time zone|numeric|real|double precision), as text",
         fixed("text"), "({c})::text", fidelity=_AS_TEXT, why="as PostgreSQL prints it"),
)  # fmt: skip

READS = (
    Read("boolean|bool", fixed("bool")),
    Read("smallint|int2", fixed("int16")),
    Read("integer|int|int4", fixed("int32")),
    Read("bigint|int8", fixed("int64")),
    Read("oid", fixed("int64"), "({c})::int8", why="unsigned 32 bits"),
    Read("real|float4", fixed("float32")),
    Read("double precision|float8", fixed("float64")),
    Read(
        "numeric|decimal", _decimal, "({c})::text",
        guard=lambda n: bool(n.arguments) and _digits(n) <= 76,
        when="with precision, up to 76 digits",
    ),
    Read("numeric|decimal", fixed("text"), "({c})::text", guard=lambda n: bool(n.arguments), fidelity=_AS_TEXT,
         when="with more than 76 digits", why="digit for digit"),
    Read("money", lambda n: Type("decimal", precision=19, scale=2, native=n.text), "({c})::numeric::text"),
    Read("text", _text, "({c})::text"),  # whatever it is declared as, where a job names the type
    Read('character varying|varchar|character|char|bpchar|"char"|name', _text),
    Read("citext", _text, "({c})::text", why="equality there ignores case"),
    Read("bytea", fixed("binary")),
    Read("date", fixed("date"), when="without infinity"),
    Read("time without time zone|time", _moment("time")),
    Read("timestamp without time zone|timestamp", _moment("timestamp")),
    Read("timestamp with time zone|timestamptz", _moment("instant")),
    Read("uuid", fixed("uuid")),
    Read("jsonb?", fixed("json"), "({c})::text"),
    Read(_TEXT_FORMS, fixed("text"), "({c})::text", fidelity=Fidelity.TEXT, why="carried as PostgreSQL prints it"),
    Read("array( of a user type)?|composite|range", fixed("text"), "({c})::text", fidelity=Fidelity.TEXT,
         why="carried as PostgreSQL prints it"),
    Read("enum", fixed("text"), "({c})::text", fidelity=Fidelity.TEXT, why="the label"),
    *_DECIDED,
)  # fmt: skip


def _text_word(meaning: Type) -> str:
    if not 0 < meaning.length <= 10_485_760:
        return "text"
    return f"{'character' if meaning.padded else 'character varying'}({meaning.length})"


def _zoned(name: str, zone: str) -> Callable[[Type], str]:
    def native(meaning: Type) -> str:
        digits = "" if meaning.digits == 6 else f"({meaning.digits})"
        return f"{name}{digits} {zone}"

    return native


def _is_bits(meaning: Type) -> bool:
    return re.fullmatch(r"bit\(\d+\)", meaning.native) is not None


_WIDENED = Fidelity.WIDENED

WRITES = (
    Write("bool", word("boolean")),
    Write("int8", word("smallint"), fidelity=_WIDENED),
    Write("uint8", word("smallint"), fidelity=_WIDENED),
    Write("int16", word("smallint")),
    Write("uint16", word("integer"), fidelity=_WIDENED),
    Write("int32", word("integer")),
    Write("uint32", word("bigint"), fidelity=_WIDENED),
    Write("int64", word("bigint")),
    Write("uint64", word("bigint"), guard=lambda _t, u: u.identity, when="an identity", fidelity=Fidelity.CONSTRAINED,
          why="an identity is a bigint at most; a number above 2^63 - 1 stops the run"),
    Write("uint64", word("numeric(20,0)"), fidelity=_WIDENED, why="bigint ends at 2^63 - 1"),
    Write("float32", word("real")),
    Write("float64", word("double precision")),
    Write("decimal", word("numeric"), guard=lambda t, _u: t.unbounded, when="of any size",
          why="numeric(p,s) would round what is written later"),
    Write("decimal", lambda t: f"numeric({t.precision},{t.scale})"),
    Write("text", lambda t: t.native, guard=lambda t, _u: _is_bits(t), when="zeros and ones of a bit(n)"),
    Write("text", _text_word),
    Write("uuid", word("uuid")),
    Write("json", word("json"), why="json keeps the text; jsonb would reorder it"),
    Write("binary", word("bytea")),
    Write("date", word("date")),
    Write("time", _zoned("time", "without time zone"), guard=lambda t, _u: t.digits <= 6),
    Write("timestamp", _zoned("timestamp", "without time zone"), guard=lambda t, _u: t.digits <= 6),
    Write("instant", _zoned("timestamp", "with time zone"), guard=lambda t, _u: t.digits <= 6),
    Write("duration", word("interval"), fidelity=Fidelity.NORMALISED, why="days and hours are told apart"),
)  # fmt: skip
