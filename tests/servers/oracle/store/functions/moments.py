"""Dates, timestamps, intervals: parsed, taken apart, moved."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext

from ...spoken import Kind
from .. import formats, values
from ..convert import converted, decimal_of, whole, with_zone
from ..formats import Nls, text_of
from ..values import Stored
from .registry import Context, asking, plain


def reached(name: str, one: Stored, other: Stored) -> Stored:
    """Dates with days, moments with intervals; None where neither is a moment or an interval."""
    a, b = (value[:1] if isinstance(value, bytes) else b"" for value in (one, other))
    sign = -1 if name == "subtract" else 1
    if a in (b"D", b"T", b"Z", b"L") and b == b"N":
        return _days_later(one, sign * decimal_of(other))
    if b in (b"D", b"T", b"Z", b"L") and a == b"N":
        return _days_later(other, decimal_of(one))
    if a in (b"D", b"T", b"Z", b"L") and b in (b"D", b"T", b"Z", b"L"):
        return _between(one, other)
    if a in (b"D", b"T", b"Z", b"L") and b == b"S":
        return _span_later(one, other, sign)
    if a in (b"D", b"T", b"Z", b"L") and b == b"Y":
        assert isinstance(other, bytes)
        return _months_later(one, sign * values.months_of(other))
    return None


def _days_later(value: Stored, days: Decimal) -> bytes:
    assert isinstance(value, bytes)
    seconds = int((days * 86400).to_integral_value("ROUND_HALF_UP"))
    return values.date(values.moment(value)[0] + timedelta(seconds=seconds))


def _between(one: Stored, other: Stored) -> bytes:
    assert isinstance(one, bytes)
    assert isinstance(other, bytes)
    (a, more), (b, less) = values.moment(one), values.moment(other)
    seconds = int((a - b).total_seconds())
    if one[:1] == other[:1] == b"D":
        with localcontext(prec=40):
            return values.number(Decimal(seconds) / 86400)
    total = seconds * 10**9 + more - less
    sign, rest = (-1 if total < 0 else 1), abs(total)
    whole = rest // 10**9
    return values.interval(sign * (whole // 86400), sign * (whole % 86400), sign * (rest % 10**9))


def _span_later(value: Stored, span: Stored, sign: int) -> bytes:
    assert isinstance(value, bytes)
    assert isinstance(span, bytes)
    days, seconds, nanoseconds = values.interval_parts(span)
    at, before = values.moment(value)
    total = before + sign * nanoseconds
    at = at + sign * timedelta(days=days, seconds=seconds) + timedelta(seconds=total // 10**9)
    return values.date(at) if value[:1] == b"D" else value[:1] + values.timestamp(at, total % 10**9)[1:] + value[12:]


def _months_later(value: Stored, count: int) -> bytes:
    assert isinstance(value, bytes)
    at, _ = values.moment(value)
    month = at.year * 12 + at.month - 1 + count
    last = monthrange(month // 12, month % 12 + 1)[1]
    ended = at.day == monthrange(at.year, at.month)[1]
    moved = at.replace(year=month // 12, month=month % 12 + 1, day=last if ended else min(at.day, last))
    return value[:1] + values.date(moved)[1:] + value[8:]


@plain("add_months")
def _add_months(value: Stored, count: Stored) -> Stored:
    return None if count is None else _months_later(converted(value, Kind(12, 7), Nls()), whole(count))


@plain("last_day")
def _last_day(value: Stored) -> Stored:
    assert isinstance(value, bytes)
    at, _ = values.moment(value)
    return values.date(at.replace(day=monthrange(at.year, at.month)[1]))


@asking("now")
def _now(session: Context, letter: str) -> Stored:
    now = datetime.now(UTC)
    if letter == "Z":
        return values.zoned(now.astimezone(session.nls.zone))
    plain = now.astimezone(session.nls.zone).replace(tzinfo=None)
    return values.date(plain) if letter == "D" else values.timestamp(plain)


@asking("literal")
def _literal(session: Context, letter: str, text: str) -> Stored:
    models = {"D": "YYYY-MM-DD", "T": "YYYY-MM-DD HH24:MI:SSXFF", "Z": "YYYY-MM-DD HH24:MI:SSXFF TZR"}
    return formats.moment_of(text, models[letter], letter.encode(), session.nls)


@asking("to_date")
def _to_date(session: Context, value: Stored, model: str = "", *_: Stored) -> Stored:
    return _parsed(session, value, model or session.nls.date, b"D")


@asking("to_timestamp")
def _to_timestamp(session: Context, value: Stored, model: str = "", *_: Stored) -> Stored:
    return _parsed(session, value, model or session.nls.timestamp, b"T")


@asking("to_timestamp_tz")
def _to_zoned(session: Context, value: Stored, model: str = "", *_: Stored) -> Stored:
    return _parsed(session, value, model or session.nls.zoned, b"Z")


def _parsed(session: Context, value: Stored, model: str, letter: bytes) -> Stored:
    text = text_of(value, session.nls)
    return formats.moment_of(text, model, letter, session.nls) if text else None


@plain("sys_extract_utc")
def _utc(value: Stored) -> Stored:
    assert isinstance(value, bytes)
    return values.timestamp(*values.moment(value))


@asking("at_zone")
def _at_zone(session: Context, value: Stored, zone: str) -> Stored:
    if value is None:
        return None
    assert isinstance(value, bytes)
    at, nanoseconds, own = formats.local(value, session.nls)
    utc = at - ((own or session.nls.zone).utcoffset(None) or timedelta())
    return values.zoned(utc.replace(tzinfo=UTC).astimezone(formats.zone_of(zone)), nanoseconds)


@plain("from_tz")
def _from_zone(value: Stored, zone: str) -> Stored:
    assert isinstance(value, bytes)
    return with_zone(*values.moment(value), formats.zone_of(zone), b"Z")


@asking("extract")
def _extract(session: Context, part: str, value: Stored) -> Stored:
    if value is None:
        return None
    assert isinstance(value, bytes)
    if value[:1] == b"Y":
        count = values.months_of(value)
        return values.number(int(count / 12) if part == "YEAR" else count - 12 * int(count / 12))
    if value[:1] == b"S":
        days, seconds, nanoseconds = values.interval_parts(value)
        sign, rest = (-1 if seconds < 0 else 1), abs(seconds)
        second = Decimal(sign * (rest % 60)) + Decimal(nanoseconds).scaleb(-9)
        known: dict[str, Decimal | int] = {"DAY": days, "HOUR": sign * (rest // 3600),
                                           "MINUTE": sign * (rest // 60 % 60), "SECOND": second}  # fmt: skip
        return values.number(known[part])
    at, nanoseconds, zone = formats.local(value, session.nls)
    offset = int((zone.utcoffset(None) or timedelta()).total_seconds()) if zone else 0
    parts: dict[str, Decimal | int] = {
        "YEAR": at.year, "MONTH": at.month, "DAY": at.day, "HOUR": at.hour, "MINUTE": at.minute,
        "SECOND": at.second + Decimal(nanoseconds).scaleb(-9), "TIMEZONE_HOUR": int(offset / 3600),
        "TIMEZONE_MINUTE": int(offset / 60) % 60,
    }  # fmt: skip
    return values.number(parts[part])


@plain("interval")
def _interval(value: Stored, unit: str) -> Stored:
    assert isinstance(value, str)
    if unit.startswith(("YEAR", "MONTH")):
        return values.months(int(value) * (12 if unit == "YEAR" else 1)) if "-" not in value[1:] else _span(value, 182)
    if " TO " in unit:
        return _span(value, 183)
    return _of_seconds(Decimal(value) * {"DAY": 86400, "HOUR": 3600, "MINUTE": 60, "SECOND": 1}[unit])


@plain("numtodsinterval")
def _numbered_interval(value: Stored, unit: str) -> Stored:
    return _of_seconds(decimal_of(value) * {"DAY": 86400, "HOUR": 3600, "MINUTE": 60, "SECOND": 1}[unit.upper()])


@plain("to_dsinterval")
def _to_span(value: Stored) -> Stored:
    assert isinstance(value, str)
    return _span(value, 183)


@plain("to_yminterval")
def _to_months(value: Stored) -> Stored:
    assert isinstance(value, str)
    return _span(value, 182)


def _span(text: str, code: int) -> Stored:
    return converted(text, Kind(code, precision=9, scale=9), Nls())


def _of_seconds(seconds: Decimal) -> bytes:
    sign, total = (-1 if seconds < 0 else 1), abs(int((seconds * 10**9).to_integral_value()))
    whole = total // 10**9
    return values.interval(sign * (whole // 86400), sign * (whole % 86400), sign * (total % 10**9))
