"""Mapping rules of SQL Server. What its drivers would lose is asked of the server in another form.

mssql-python 1.16 reads datetime2 and datetimeoffset no finer than microseconds, and cuts what is finer unsaid.
"""

from __future__ import annotations

from collections.abc import Callable

from ...rules import Native, Read, Use, Write, fixed, word
from ...types import Fidelity, Type

# Of a datetime2: units of 100 ns since 1970, which are whole in 64 bits from the year 1 to 9999.
TICKS = (
    "(DATEDIFF_BIG(microsecond, CAST('1970-01-01' AS datetime2(7)), {c}) * 10 + DATEPART(nanosecond, {c}) / 100 % 10)"
)
UTC = "CAST(SWITCHOFFSET({c}, '+00:00') AS datetime2(7))"
FINE = "DATEPART(nanosecond, {c}) % 1000 <> 0"
_TICKS_UTC = TICKS.format(c=UTC)
_TICKS_OF_DAY = TICKS.replace("CAST('1970-01-01' AS datetime2(7))", "CAST('00:00:00' AS time(7))")
# By CAST alone a float loses digits, a moment its seconds, and octets are taken for characters.
VARIANT = (
    "CASE CAST(SQL_VARIANT_PROPERTY({c}, 'BaseType') AS nvarchar(128)) "
    "WHEN N'float' THEN CONVERT(nvarchar(4000), CAST({c} AS float), 3) "
    "WHEN N'real' THEN CONVERT(nvarchar(4000), CAST({c} AS real), 3) "
    "WHEN N'money' THEN CONVERT(nvarchar(4000), CAST({c} AS money), 2) "
    "WHEN N'smallmoney' THEN CONVERT(nvarchar(4000), CAST({c} AS smallmoney), 2) "
    "WHEN N'binary' THEN CONVERT(nvarchar(max), CAST({c} AS varbinary(8000)), 1) "
    "WHEN N'varbinary' THEN CONVERT(nvarchar(max), CAST({c} AS varbinary(8000)), 1) "
    "WHEN N'char' THEN CAST(CAST({c} AS varchar(8000)) AS nvarchar(max)) "
    "WHEN N'varchar' THEN CAST(CAST({c} AS varchar(8000)) AS nvarchar(max)) "
    "ELSE CONVERT(nvarchar(4000), {c}, 121) END"
)
_SHAPE = "'SRID=' + CAST({c}.STSrid AS nvarchar(12)) + ';' + {c}.AsTextZM()"
_MOST_DIGITS = 38
_MOST_CHARACTERS, _MOST_OCTETS = 4000, 8000
_KEY_CHARACTERS, _KEY_OCTETS = 450, 900  # of a clustered index


def _decimal(native: Native) -> Type:
    return Type("decimal", precision=native.argument(0, 18), scale=native.argument(1, 0), native=native.text)


def _text(native: Native) -> Type:
    padded = native.name in ("char", "nchar")
    return Type("text", length=native.argument(0, 0), padded=padded, native=native.text)


def _binary(native: Native) -> Type:
    return Type("binary", length=native.argument(0, 0), native=native.text)


def _moment(kind: str) -> Callable[[Native], Type]:
    return lambda native: Type(kind, digits=min(native.argument(0, 7), 6), native=native.text)


def _coarse(native: Native) -> bool:
    return native.argument(0, 7) <= 6


_AS_TEXT, _NORMALISED, _WIDENED = Fidelity.TEXT, Fidelity.NORMALISED, Fidelity.WIDENED
_NO_FINER, _SOME_FINER = "no value has more than microseconds", "some values have more than microseconds"
_IN_UTC = "the moment in UTC, without its offset"

READS = (
    Read("bit", fixed("bool")),
    Read("tinyint", fixed("uint8"), why="0 to 255"),
    Read("smallint", fixed("int16")), Read("int", fixed("int32")), Read("bigint", fixed("int64")),
    Read("decimal|numeric", _decimal),
    Read("money", fixed("decimal", precision=19, scale=4), "CAST({c} AS decimal(19,4))"),
    Read("smallmoney", fixed("decimal", precision=10, scale=4), "CAST({c} AS decimal(10,4))"),
    Read("(float|real), as text", fixed("text"), "CONVERT(nvarchar(40), {c}, 3)", fidelity=_AS_TEXT,
         when="types: {column: 'float, as text'} says so", why="with 17 digits, which tell all floats apart"),
    Read("real", fixed("float32")), Read("float", fixed("float64")),
    Read("varchar|nvarchar|char|nchar", _text),
    Read("ntext", fixed("text"), "CAST({c} AS nvarchar(max))"),
    Read("text", fixed("text"), "CONVERT(nvarchar(max), {c}, 121)", why="also what types: {column: text} asks for"),
    Read("binary|varbinary", _binary),
    Read("image", fixed("binary"), "CAST({c} AS varbinary(max))"),
    Read("rowversion", fixed("binary", length=8), "CAST({c} AS binary(8))"),
    Read("date", fixed("date")),
    Read("time", _moment("time"), guard=_coarse, when="up to microseconds"),
    Read("time", _moment("time"), _TICKS_OF_DAY, when=_NO_FINER),
    Read("time, as text", fixed("text", length=16), "CONVERT(varchar(16), {c}, 121)", fidelity=_AS_TEXT,
         when=_SOME_FINER),
    Read("datetime", fixed("timestamp", digits=3), "CAST({c} AS datetime2(3))", why="in steps of 1/300 s, as printed"),
    Read("smalldatetime", fixed("timestamp", digits=0)),
    Read("datetime2", _moment("timestamp"), guard=_coarse, when="up to microseconds"),
    Read("datetime2", _moment("timestamp"), TICKS, when=_NO_FINER),
    Read("datetime2, as nanoseconds", fixed("timestamp", digits=9), TICKS, when=_SOME_FINER),
    Read("datetimeoffset", _moment("instant"), _TICKS_UTC, when=_NO_FINER, fidelity=_NORMALISED, why=_IN_UTC),
    Read("datetimeoffset, as nanoseconds", fixed("instant", digits=9), _TICKS_UTC, when=_SOME_FINER,
         fidelity=_NORMALISED, why=_IN_UTC),
    Read("uniqueidentifier", fixed("uuid")),
    Read("xml", fixed("text"), "CAST({c} AS nvarchar(max))", fidelity=_AS_TEXT, why="as the server prints it"),
    Read("json", fixed("json"), "CAST({c} AS nvarchar(max))", why="as the server prints it"),
    Read("hierarchyid", fixed("text"), "CAST({c} AS nvarchar(4000))", fidelity=_AS_TEXT, why="as /1/2/"),
    Read("geometry|geography", fixed("text"), _SHAPE, fidelity=_AS_TEXT, why="as SRID=4326;POINT (1 2)"),
    Read("sql_variant", fixed("text"), VARIANT, fidelity=_AS_TEXT, why="the value, without its type"),
)  # fmt: skip


def _characters(meaning: Type, use: Use) -> bool:
    return 0 < meaning.length <= (_KEY_CHARACTERS if use.key else _MOST_CHARACTERS) // 2


def _scaled(name: str) -> Callable[[Type], str]:
    return lambda meaning: f"{name}({meaning.digits})"


def _clear(meaning: Type, _use: Use) -> bool:
    """Up to 100 ns, which is what the moments have."""
    return meaning.digits <= 7


WRITES = (
    Write("bool", word("bit")),
    Write("int8", word("smallint"), fidelity=_WIDENED), Write("uint8", word("tinyint")),
    Write("int16", word("smallint")), Write("uint16", word("int"), fidelity=_WIDENED),
    Write("int32", word("int")), Write("uint32", word("bigint"), fidelity=_WIDENED),
    Write("int64", word("bigint")), Write("uint64", word("decimal(20,0)"), fidelity=_WIDENED),
    Write("float32", word("real")), Write("float64", word("float")),
    Write("decimal", lambda t: f"decimal({t.precision},{t.scale})", guard=lambda t, _u: t.precision <= _MOST_DIGITS,
          when="up to 38 digits"),
    Write("text", lambda t: f"nchar({t.length})", guard=lambda t, u: t.padded and _characters(t, u),
          when="padded, in so many characters"),
    # A character above U+FFFF counts as two.
    Write("text", lambda t: f"nvarchar({2 * t.length})", guard=_characters, when="in so many characters",
          why="twice the length, as characters above U+FFFF count as two"),
    Write("text", word(f"nvarchar({_KEY_CHARACTERS})"), guard=lambda _t, u: u.key, when="in a key or index",
          fidelity=Fidelity.CONSTRAINED, why="an index holds 900 bytes; a longer value stops the run"),
    Write("text", word("nvarchar(max)")),
    Write("binary", lambda t: f"varbinary({t.length})",
          guard=lambda t, u: 0 < t.length <= (_KEY_OCTETS if u.key else _MOST_OCTETS)),
    Write("binary", word(f"varbinary({_KEY_OCTETS})"), guard=lambda _t, u: u.key, fidelity=Fidelity.CONSTRAINED,
          why="an index holds 900 bytes; a longer value stops the run"),
    Write("binary", word("varbinary(max)")),
    Write("date", word("date")),
    Write("time", _scaled("time"), guard=_clear), Write("timestamp", _scaled("datetime2"), guard=_clear),
    Write("instant", _scaled("datetimeoffset"), guard=_clear, why="in UTC"),
    Write("uuid", word("uniqueidentifier")),
    Write("json", word("nvarchar(max)"), fidelity=_AS_TEXT),
)  # fmt: skip
