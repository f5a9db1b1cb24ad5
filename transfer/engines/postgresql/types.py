"""PostgreSQL's mapping rules."""

from __future__ import annotations

from ...rules import Native, Read, Write, fixed, word
from ...types import Fidelity, Type


def _decimal(native: Native) -> Type:
    precision, scale = native.argument(0, 38), native.argument(1, 0)
    # Scales below 0 and above the precision exist from version 15 on; Arrow takes them widened.
    wide = max(precision, scale) - min(scale, 0)
    return Type("decimal", precision=wide, scale=max(scale, 0), native=native.text)


def _text(native: Native) -> Type:
    padded = native.name in ("character", "char", "bpchar")
    return Type("text", length=native.argument(0, 0), padded=padded, native=native.text)


def _moment(kind: str) -> object:
    return lambda native: Type(kind, digits=native.argument(0, 6), native=native.text)


_TEXT_FORMS = (
    "inet|cidr|macaddr8?|xml|tsvector|tsquery|bit( varying)?|[a-z0-9]+range|[a-z0-9]+multirange|interval|"
    "time with time zone|point|line|lseg|box|path|polygon|circle|ltree|pg_lsn|xid8?|tid|reg[a-z]+|jsonpath|hstore"
)

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
        guard=lambda n: bool(n.arguments) and max(n.argument(0, 38), n.argument(1, 0)) <= 76,
        when="with precision, up to 76 digits",
    ),
    Read("money", lambda n: Type("decimal", precision=19, scale=2, native=n.text), "({c})::numeric::text"),
    Read('text|character varying|varchar|character|char|bpchar|"char"|name', _text),
    Read("citext", _text, "({c})::text", why="equality there ignores case"),
    Read("bytea", fixed("binary")),
    Read("date", fixed("date"), why="infinity is refused"),
    Read("time without time zone|time", _moment("time")),  # type: ignore[arg-type]
    Read("timestamp without time zone|timestamp", _moment("timestamp")),  # type: ignore[arg-type]
    Read("timestamp with time zone|timestamptz", _moment("instant")),  # type: ignore[arg-type]
    Read("uuid", fixed("uuid")),
    Read("jsonb?", fixed("json"), "({c})::text"),
    Read(_TEXT_FORMS, fixed("text"), "({c})::text", fidelity=Fidelity.TEXT, why="carried as PostgreSQL prints it"),
    Read("array( of a user type)?|composite", fixed("text"), "({c})::text", fidelity=Fidelity.TEXT,
         why="carried as PostgreSQL prints it"),
    Read("enum", fixed("text"), "({c})::text", fidelity=Fidelity.TEXT, why="the label"),
)  # fmt: skip


def _text_word(meaning: Type) -> str:
    if not 0 < meaning.length <= 10_485_760:
        return "text"
    return f"{'character' if meaning.padded else 'character varying'}({meaning.length})"


def _zoned(name: str, zone: str) -> object:
    def native(meaning: Type) -> str:
        digits = "" if meaning.digits == 6 else f"({meaning.digits})"
        return f"{name}{digits} {zone}"

    return native


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
    Write("uint64", word("numeric(20,0)"), fidelity=_WIDENED, why="bigint ends at 2^63 - 1"),
    Write("float32", word("real")),
    Write("float64", word("double precision")),
    Write("decimal", lambda t: f"numeric({t.precision},{t.scale})"),
    Write("text", _text_word),
    Write("uuid", word("uuid")),
    Write("json", word("json"), why="json keeps the text; jsonb would reorder it"),
    Write("binary", word("bytea")),
    Write("date", word("date")),
    Write("time", _zoned("time", "without time zone"), guard=lambda t, _u: t.digits <= 6),  # type: ignore[arg-type]
    Write("timestamp", _zoned("timestamp", "without time zone"), guard=lambda t, _u: t.digits <= 6),  # type: ignore[arg-type]
    Write("instant", _zoned("timestamp", "with time zone"), guard=lambda t, _u: t.digits <= 6),  # type: ignore[arg-type]
    Write("duration", word("interval"), fidelity=Fidelity.NORMALISED, why="days and hours are told apart"),
)  # fmt: skip
