"""A value made one of another kind, as CAST and every INSERT do: it fits, is rounded, or is refused by its number."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from decimal import Decimal, localcontext

from ..spoken import (
    BINARY_DOUBLE,
    BINARY_FLOAT,
    BLOB,
    BOOLEAN,
    CHAR,
    CLOB,
    DATE,
    INTERVAL_DS,
    INTERVAL_YM,
    JSON,
    LONG,
    LONG_RAW,
    NUMBER,
    RAW,
    ROWID,
    TIMESTAMP,
    TIMESTAMP_LTZ,
    TIMESTAMP_TZ,
    UROWID,
    VARCHAR,
    XMLTYPE,
    Kind,
    Refused,
)  # fmt: skip
from . import values
from .formats import Nls, local, moment_of, number_of, text_of
from .values import Stored

_LETTERS = {TIMESTAMP: b"T", TIMESTAMP_TZ: b"Z", TIMESTAMP_LTZ: b"L"}


def converted(value: Stored, kind: Kind, nls: Nls, where: str = "") -> Stored:
    """`where` is the column for a message, "SCHEMA"."TABLE"."COLUMN"."""
    if value is None or (value == "" and kind.code != CLOB):
        return None
    if kind.code in (VARCHAR, CHAR):
        return _text(value, kind, nls, where)
    if kind.code in (CLOB, LONG, XMLTYPE, JSON):
        return text_of(value, nls)
    if kind.code == NUMBER:
        return _number(value, kind, where)
    if kind.code in (BINARY_DOUBLE, BINARY_FLOAT):
        return _floating(value, kind)
    if kind.code == DATE:
        return _date(value, nls)
    if kind.code in _LETTERS:
        return _timestamp(value, kind, nls)
    if kind.code in (RAW, BLOB, LONG_RAW):
        return _octets(value, kind, where)
    if kind.code in (INTERVAL_DS, INTERVAL_YM):
        return _interval(value, kind)
    if kind.code in (ROWID, UROWID):
        return values.rowid_of(value) if isinstance(value, str) else value
    if kind.code == BOOLEAN and isinstance(value, bytes):
        return value
    raise Refused(902, f"the test server cannot hold a value of this type: {kind}")


def _text(value: Stored, kind: Kind, nls: Nls, where: str) -> str:
    text = text_of(value, nls)
    assert text is not None
    if kind.code == CHAR:
        lacking = kind.chars - len(text) if kind.national or kind.size > kind.chars else kind.size - len(text.encode())
        text += " " * lacking
    by_chars = kind.national or kind.size != kind.chars
    actual, most = (len(text), kind.chars) if by_chars else (len(text.encode()), kind.size)
    if most and actual > most:
        raise Refused(12899, f"value too large for column {where} (actual: {actual}, maximum: {most})")
    return text


def _number(value: Stored, kind: Kind, where: str) -> bytes:
    found = decimal_of(value)
    if kind.scale == -127:
        return values.number(found)
    digits = kind.precision - kind.scale
    with localcontext(prec=200):
        rounded = found.quantize(Decimal(1).scaleb(-kind.scale), rounding="ROUND_HALF_UP")
    if rounded.copy_abs() >= Decimal(10) ** digits:
        raise Refused(1438, f"value larger than specified precision allowed for this column {where}".rstrip())
    return values.number(rounded)


def decimal_of(value: Stored) -> Decimal:
    """ORA-01722 or ORA-00932 for what is no number."""
    if isinstance(value, str):
        return number_of(value)
    if value is not None and value[:1] == b"N":
        return values.decimal(value[1:])
    if value is not None and value[:1] in b"fd":
        found = values.floating(value)
        if found != found or abs(found) == float("inf"):  # noqa: PLR0124 - NaN
            raise Refused(1426, "numeric overflow")
        return Decimal(repr(found))
    raise Refused(932, "inconsistent datatypes: expected NUMBER")


def whole(value: Stored) -> int:
    return int(decimal_of(value))


def near(value: Stored) -> float:
    """Any number as a floating-point one."""
    if isinstance(value, bytes) and value[:1] in b"fd":
        return values.floating(value)
    return float(decimal_of(value))


def _floating(value: Stored, kind: Kind) -> bytes:
    if isinstance(value, bytes) and value[:1] in b"fd":
        found = values.floating(value)
    else:
        special = {"NAN": "nan", "INF": "inf", "-INF": "-inf"}
        text = special.get(value.strip().upper()) if isinstance(value, str) else None
        found = float(text) if text else float(decimal_of(value))
    return values.double(found) if kind.code == BINARY_DOUBLE else values.single(found)


def _date(value: Stored, nls: Nls) -> bytes:
    if isinstance(value, str):
        return moment_of(value, nls.date, b"D", nls)
    assert value is not None
    if value[:1] not in b"DTZL":
        raise Refused(932, "inconsistent datatypes: expected DATE")
    return values.date(local(value, nls)[0])


def _timestamp(value: Stored, kind: Kind, nls: Nls) -> bytes:
    letter = _LETTERS[kind.code]
    if isinstance(value, str):
        value = moment_of(value, nls.model(letter), letter, nls)
    assert value is not None
    if value[:1] not in b"DTZL":
        raise Refused(932, "inconsistent datatypes: expected TIMESTAMP")
    at, nanoseconds, zone = local(value, nls)
    at, nanoseconds = _rounded(at, nanoseconds, kind.scale)
    return with_zone(at, nanoseconds, zone or nls.zone, letter)


def with_zone(at: datetime, nanoseconds: int, zone: timezone, letter: bytes) -> bytes:
    """A clock's moment under another letter; those with a zone are held in UTC."""
    if letter in (b"T", b"D"):
        return values.timestamp(at, nanoseconds) if letter == b"T" else values.date(at)
    if letter == b"Z":
        return values.zoned(at.replace(tzinfo=zone), nanoseconds)
    return values.timestamp(at - (zone.utcoffset(None) or timedelta()), nanoseconds, b"L")


def _rounded(at: datetime, nanoseconds: int, digits: int) -> tuple[datetime, int]:
    unit = 10 ** (9 - digits)
    whole = (nanoseconds + unit // 2) // unit * unit if unit > 1 else nanoseconds
    return at + timedelta(seconds=whole // 10**9), whole % 10**9


def _octets(value: Stored, kind: Kind, where: str) -> bytes:
    if isinstance(value, str):
        try:
            value = b"R" + bytes.fromhex(value)
        except ValueError:
            raise Refused(1465, "invalid hex number") from None
    assert value is not None
    if value[:1] != b"R":
        raise Refused(932, "inconsistent datatypes: expected BINARY")
    if kind.code == RAW and kind.size and len(value) - 1 > kind.size:
        raise Refused(12899, f"value too large for column {where} (actual: {len(value) - 1}, maximum: {kind.size})")
    return value


def _interval(value: Stored, kind: Kind) -> bytes:
    if isinstance(value, bytes):
        return value
    text = (value or "").strip()
    if kind.code == INTERVAL_YM:
        found = re.fullmatch(r"([+-]?)(\d+)-(\d+)", text)
        if found is None:
            raise Refused(1867, "the interval is invalid")
        count = 12 * int(found[2]) + int(found[3])
        return values.months(-count if found[1] == "-" else count)
    found = re.fullmatch(r"([+-]?)(\d+) (\d+):(\d+):(\d+)(?:\.(\d{1,9}))?", text)
    if found is None:
        raise Refused(1867, "the interval is invalid")
    sign = -1 if found[1] == "-" else 1
    seconds = int(found[3]) * 3600 + int(found[4]) * 60 + int(found[5])
    return values.interval(sign * int(found[2]), sign * seconds, sign * int((found[6] or "0").ljust(9, "0")))
