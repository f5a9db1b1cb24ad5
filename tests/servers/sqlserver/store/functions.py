"""T-SQL's functions, of what Python works with."""

from __future__ import annotations

import datetime as dt
import hashlib
import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from ..spoken import Kind, Refused
from ..wire.types import COLLATION, COLLATIONS
from . import special, values
from .types import BIGINT, FLOAT, INT, LONG_TEXT, NAME, as_decimal, chars
from .values import DAY, EXACT, MINUTE, SECOND, Moment

Registered = Callable[[Callable[..., Any]], Callable[..., Any]]
Gives = Kind | Callable[[Sequence[Kind | None]], Kind]


@dataclass(frozen=True)
class Function:
    call: Callable[..., Any]
    gives: Gives
    wants: str
    strict: bool = True
    asks: bool = False


FUNCTIONS: dict[str, Function] = {}
_DATETIME = Kind("datetime", 8)
_ZONED = Kind("datetimeoffset", scale=7)
_PLAIN = Kind("datetime2", scale=7)


def function(name: str, gives: Gives, wants: str = "", *, strict: bool = True, asks: bool = False) -> Registered:
    def registered(call: Callable[..., Any]) -> Callable[..., Any]:
        FUNCTIONS[name] = Function(call, gives, wants, strict, asks)
        return call

    return registered


def _first(kinds: Sequence[Kind | None]) -> Kind:
    found = kinds[0] or INT
    return found if found.name in values.TEXTS or found.name in values.BINARIES else Kind("varchar", 8000)


def _text(kinds: Sequence[Kind | None]) -> Kind:
    found = _first(kinds)
    return replace(found, name=found.name.replace("char", "varchar") if found.name in ("char", "nchar") else found.name)


def _longest(kinds: Sequence[Kind | None]) -> Kind:
    found = _text(kinds)
    return found if found.size == -1 else replace(found, size=8000)


def _number(kinds: Sequence[Kind | None]) -> Kind:
    found = kinds[0] or INT
    if found.name in ("bit", "tinyint", "smallint"):
        return INT
    return FLOAT if found.name in ("real", *values.TEXTS) else found


def _whole(kinds: Sequence[Kind | None]) -> Kind:
    found = _number(kinds)
    return replace(found, scale=0) if found.name in values.DECIMALS else found


# Texts


function("UPPER", _first, "t")(lambda text: text.upper())
function("LOWER", _first, "t")(lambda text: text.lower())
function("LTRIM", _text, "t")(lambda text: text.lstrip(" "))
function("RTRIM", _text, "t")(lambda text: text.rstrip(" "))
function("TRIM", _text, "t")(lambda text: text.strip(" "))
function("LEFT", _text, "ti")(lambda text, count: text[:count])
function("RIGHT", _text, "ti")(lambda text, count: text[-count:] if count else "")
function("REPLICATE", _longest, "ti")(lambda text, count: text * count)
function("REVERSE", _first, "t")(lambda text: text[::-1])
function("SPACE", Kind("varchar", 8000), "i")(lambda count: " " * count)
function("ASCII", INT, "t")(lambda text: text.encode("cp1252", "replace")[0])
function("UNICODE", INT, "t")(lambda text: ord(text[0]))
function("CHAR", Kind("char", 1), "i")(lambda code: bytes([code]).decode("cp1252", "replace"))
function("NCHAR", Kind("nchar", 2), "i")(chr)
function("QUOTENAME", NAME, "t")(lambda text: "[" + text.replace("]", "]]") + "]")
function("NEWID", Kind("uniqueidentifier", 16))(lambda: os.urandom(16))


@function("REPLACE", _longest, "ttt")
def _replace(text: str, old: str, new: str) -> str:
    """Without a look at case, as the default collation has it."""
    if not old:
        return text
    found, at, small = "", 0, text.lower()
    while (place := small.find(old.lower(), at)) >= 0:
        found, at = found + text[at:place] + new, place + len(old)
    return found + text[at:]


@function("CHARINDEX", INT, "tti")
def _charindex(what: str, text: str, start: int = 1) -> int:
    return text.lower().find(what.lower(), max(start, 1) - 1) + 1


@function("SUBSTRING", _text, ".ii")
def _substring(value: str | bytes, start: int, count: int) -> str | bytes:
    if count < 0:
        raise Refused(537, "Invalid length parameter passed to the LEFT or SUBSTRING function.", state=3)
    return value[max(start - 1, 0) : max(start - 1 + count, 0)]


@function("STUFF", _longest, "tiit")
def _stuff(text: str, start: int, count: int, new: str) -> str | None:
    return text[: start - 1] + new + text[start - 1 + count :] if 0 < start <= len(text) else None


@function("LEN", INT, "t")
def _len(text: str) -> int:
    return len(text.rstrip(" ").encode("utf-16-le")) // 2


def _concatenated(kinds: Sequence[Kind | None]) -> Kind:
    """Of nvarchar where one of them is, of the collation that one says for itself."""
    texts = [one for one in kinds if one and one.name in values.TEXTS]
    wide = any(one.name in values.WIDE for one in texts)
    collation = next((one.collation for one in texts if one.collation not in (b"", COLLATION)), COLLATION)
    size = -1 if any(one.size == -1 for one in texts) else 8000
    return Kind("nvarchar" if wide else "varchar", size, collation=collation)


@function("CONCAT", _concatenated, "t" * 254, strict=False)
def _concat(*texts: str | None) -> str:
    if not 2 <= len(texts) <= 254:
        raise Refused(189, "The concat function requires 2 to 254 arguments.")
    return "".join(text or "" for text in texts)


_PROPERTIES = {"codepage": lambda name: 65001 if name.upper().endswith("UTF8") else 1252}


@function("COLLATIONPROPERTY", INT, "tt")
def _collationproperty(name: str, what: str) -> int | None:
    known = any(name.lower() == one.lower() for one in COLLATIONS.values())
    return _PROPERTIES[what.lower()](name) if known and what.lower() in _PROPERTIES else None


@function("HASHBYTES", Kind("varbinary", 8000), "t.")
def _hashbytes(method: str, value: bytes) -> bytes:
    name = method.lower().replace("sha2_", "sha")
    return hashlib.new(name, value).digest()


function("SQL_VARIANT_PROPERTY", NAME, ".t")(special.base_type)


# Numbers


function("ABS", _number, ".")(abs)
function("SIGN", _number, ".")(lambda number: (number > 0) - (number < 0))
function("FLOOR", _whole, ".")(lambda number: type(number)(math.floor(number)))
function("CEILING", _whole, ".")(lambda number: type(number)(math.ceil(number)))
function("SQRT", FLOAT, "f")(math.sqrt)
function("POWER", _number, ".f")(lambda number, power: type(number)(float(number) ** power))


@function("ROUND", _number, ".ii")
def _round(number: Any, digits: int, cut: int = 0) -> Any:
    """Away from zero where it lies in the middle; cut off with a third argument."""
    exact = Decimal(repr(number)) if isinstance(number, float) else Decimal(number)
    scaled = EXACT.scaleb(exact, digits)
    whole = Decimal(int(scaled)) if cut else EXACT.quantize(scaled, Decimal(1))
    return type(number)(EXACT.scaleb(whole, -digits))


# Moments


def now(kind: Kind) -> Moment:
    ticks = dt.date(1970, 1, 1).toordinal() - 1
    found = Moment(ticks * DAY + time.time_ns() // 100)
    return Moment(found.ticks // 100_000 * 100_000) if kind.name == "datetime" else found


for _name, _kind in (("GETDATE", _DATETIME), ("GETUTCDATE", _DATETIME), ("CURRENT_TIMESTAMP", _DATETIME),
                     ("SYSDATETIME", _PLAIN), ("SYSUTCDATETIME", _PLAIN), ("SYSDATETIMEOFFSET", _ZONED)):  # fmt: skip
    function(_name, _kind)(lambda kind=_kind: now(kind))

_UNITS: dict[str, Any] = {"day": DAY, "week": 7 * DAY, "hour": 3600 * SECOND, "minute": MINUTE, "second": SECOND,
          "millisecond": SECOND // 1000, "microsecond": 10, "nanosecond": Decimal("0.01")}  # fmt: skip
_SHORT = {"dd": "day", "d": "day", "wk": "week", "ww": "week", "hh": "hour", "mi": "minute", "n": "minute",
    "ss": "second",
          "s": "second", "ms": "millisecond", "mcs": "microsecond", "ns": "nanosecond", "yy": "year", "yyyy": "year",
          "mm": "month", "m": "month", "qq": "quarter", "q": "quarter", "dy": "dayofyear",
              "tz": "tzoffset"}  # fmt: skip


def unit(name: str) -> str:
    return _SHORT.get(name.lower(), name.lower())


def _day(moment: Moment) -> dt.date:
    return dt.date.fromordinal(moment.ticks // DAY + 1)


def _dateadd(name: str, count: int, moment: Moment) -> Moment:
    if name not in ("year", "month", "quarter"):
        return Moment(moment.ticks + int(count * _UNITS[name]), moment.offset)
    day = _day(moment)
    months = day.year * 12 + day.month - 1 + count * {"year": 12, "month": 1, "quarter": 3}[name]
    first = dt.date(months // 12, months % 12 + 1, 1)
    last = (dt.date(months // 12 + (months % 12 == 11), (months + 1) % 12 + 1, 1) - first).days
    made = first.replace(day=min(day.day, last)).toordinal() - 1
    return Moment(made * DAY + moment.ticks % DAY, moment.offset)


def _datediff(name: str, one: Moment, other: Moment) -> int:
    if name in _UNITS:
        size = _UNITS[name]
        if size < 1:
            return (other.utc - one.utc) * 100
        return int(other.utc // size - one.utc // size)
    a, b = _day(one), _day(other)
    if name == "year":
        return b.year - a.year
    months = (b.year - a.year) * 12 + b.month - a.month
    return months if name == "month" else (b.year * 4 + (b.month - 1) // 3) - (a.year * 4 + (a.month - 1) // 3)


def _datepart(name: str, moment: Moment) -> int:
    day, ticks = _day(moment), moment.ticks % DAY
    found = {"year": day.year, "month": day.month, "day": day.day, "quarter": (day.month + 2) // 3,
             "dayofyear": day.timetuple().tm_yday, "hour": ticks // (3600 * SECOND), "minute": ticks // MINUTE % 60,
             "second": ticks // SECOND % 60, "millisecond": ticks % SECOND // 10_000,
                 "microsecond": ticks % SECOND // 10,
             "nanosecond": ticks % SECOND * 100, "weekday": day.isoweekday() % 7 + 1, "tzoffset": moment.offset,
             "iso_week": day.isocalendar()[1]}  # fmt: skip
    return found[name]


@dataclass(frozen=True)
class OfUnit:
    """DATEADD, DATEDIFF and DATEPART, whose first argument is a word."""

    call: Callable[..., Any]
    name: str

    def __call__(self, *given: Any) -> Any:
        return self.call(self.name, *given)


UNITED: dict[str, tuple[Callable[..., Any], Kind | None, str]] = {
    "DATEADD": (_dateadd, None, "i."), "DATEDIFF": (_datediff, INT, ".."),
    "DATEDIFF_BIG": (_datediff, BIGINT,
    ".."),
          "DATEPART": (_datepart, INT, ".")}  # fmt: skip
for _name in ("YEAR", "MONTH", "DAY"):
    function(_name, INT, ".")(OfUnit(_datepart, _name.lower()))


@function("SWITCHOFFSET", _ZONED, "..")
def _switchoffset(moment: Moment, zone: str | int) -> Moment:
    return Moment(moment.utc + _minutes(zone) * MINUTE, _minutes(zone))


@function("TODATETIMEOFFSET", _ZONED, "..")
def _todatetimeoffset(moment: Moment, zone: str | int) -> Moment:
    return Moment(moment.ticks, _minutes(zone))


def _minutes(zone: str | int) -> int:
    if isinstance(zone, int):
        return zone
    return (int(zone[1:3]) * 60 + int(zone[4:6])) * (-1 if zone[0] == "-" else 1)


# Of the server


for _name, _gives, _wants, _call in (
    ("DB_NAME", NAME, "", lambda session, *_: session.database),
    ("SCHEMA_NAME", NAME, "i", lambda session, number=1: session.schema_name(number)),
    ("SCHEMA_ID", INT, "t", lambda session, name="dbo": session.schema_id(name)),
    ("OBJECT_ID", INT, "tt", lambda session, name, kind="": session.object_id(name, kind)),
    ("OBJECT_NAME", NAME, "i", lambda session, number: session.object_name(number)),
    ("DB_ID", Kind("smallint", 2), "t", lambda session, name="": session.database_id(name)),
    ("SUSER_SNAME", NAME, "", lambda session, *_: session.user),
    ("ORIGINAL_LOGIN", NAME, "", lambda session: session.user),
    ("USER_NAME", NAME, "", lambda session, *_: session.user_name()),
    ("SERVERPROPERTY", NAME, "t", lambda session, name: session.server_property(name)),
    ("HAS_PERMS_BY_NAME", INT, "ttt", lambda session, *given: session.has_permission(*given)),
    ("IS_SRVROLEMEMBER", INT, "t", lambda session, *_: 1),
    ("IS_MEMBER", INT, "t", lambda session, *_: 1),
    ("XACT_STATE", Kind("smallint", 2), "", lambda session: int(session.transaction)),
    ("SCOPE_IDENTITY", Kind("numeric", 17, 38, 0), "", lambda session: session.identity()),
    ("NEXT_VALUE", BIGINT, "t", lambda session, name: session.next_value(name)),
    ("DATABASEPROPERTYEX", NAME, "tt", lambda session, _, name: session.database_property(name)),
    ("IDENT_CURRENT", Kind("numeric", 17, 38, 0), "t", lambda session, name: session.current_identity(name)),
    ("COL_LENGTH", Kind("smallint", 2), "tt", lambda session, table, name: session.column_length(table, name)),
):
    function(_name, _gives, _wants, strict=_name != "HAS_PERMS_BY_NAME", asks=True)(_call)

VARIABLES: dict[str, tuple[Kind, Callable[[Any], Any]]] = {
    "VERSION": (NAME, lambda session: session.version_text()),
    "SPID": (Kind("smallint", 2), lambda session: session.number),
    "ROWCOUNT": (INT, lambda session: session.rowcount),
    "TRANCOUNT": (INT, lambda session: session.depth),
    "SERVERNAME": (NAME, lambda session: "TEST"),
    "IDENTITY": (Kind("numeric", 17, 38, 0), lambda session: session.identity()),
    "ERROR": (INT, lambda session: session.error),
    "MAX_PRECISION": (Kind("tinyint", 1), lambda session: 38),
    "OPTIONS": (INT, lambda session: 5496),
    "LOCK_TIMEOUT": (INT, lambda session: session.lock_timeout),
    "LANGUAGE": (NAME, lambda session: "us_english"),
    "DBTS": (Kind("binary", 8), lambda session: session.last_version()),
}


# Aggregates: of one column, by what its kind is.


def sum_kind(kind: Kind) -> Kind:
    if kind.name in ("bigint", "money", "float"):
        return kind
    if kind.name in values.DECIMALS:
        return Kind("decimal", 17, 38, kind.scale)
    return {"smallmoney": Kind("money", 8), "real": FLOAT}.get(kind.name, INT)


def average_kind(kind: Kind) -> Kind:
    if kind.name in values.DECIMALS:
        return Kind("decimal", 17, 38, max(kind.scale, 6))
    return sum_kind(kind)


def average(total: Any, count: int, kind: Kind) -> Any:
    if kind.name in values.INTEGERS:
        return int(Decimal(total) / count) if abs(total) < 2**53 else abs(total) // count * (1 if total >= 0 else -1)
    if isinstance(total, float):
        return total / count
    exact = EXACT.divide(Decimal(total), Decimal(count))
    return EXACT.quantize(exact, Decimal(1).scaleb(-(4 if kind.name == "money" else kind.scale)))


def reached(word: str, one: Kind, other: Kind) -> Kind:
    """The kind of a + b and the like, of numbers."""
    kinds = {one.name, other.name}
    if kinds & {*values.FLOATS}:
        return FLOAT
    if not kinds & {*values.DECIMALS}:
        order = ("bit", "tinyint", "smallint", "int", "bigint", "smallmoney", "money")
        found = max(one, other, key=lambda kind: order.index(kind.name) if kind.name in order else 0)
        return found if found.name in order[1:] else INT
    a, b = as_decimal(one), as_decimal(other)
    (p, s), (q, t) = (a.precision, a.scale), (b.precision, b.scale)
    if word == "*":
        precision, scale = p + q + 1, s + t
    elif word == "/":
        scale = max(6, s + q + 1)
        precision = p - s + t + scale
    elif word == "%":
        scale = max(s, t)
        precision = min(p - s, q - t) + scale
    else:
        scale = max(s, t)
        precision = max(p - s, q - t) + scale + 1
    if precision > 38:
        scale = (
            max(min(scale, 38 - (precision - scale)), min(scale, 6))
            if word in "*/"
            else max(38 - (precision - scale), 0)
        )
        precision = 38
    return Kind("decimal", 17, precision, scale)


__all__ = ["FUNCTIONS", "LONG_TEXT", "UNITED", "VARIABLES", "OfUnit", "average", "average_kind", "chars", "now",
    "reached",
           "sum_kind", "unit"]  # fmt: skip
