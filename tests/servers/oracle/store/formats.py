"""TO_CHAR, TO_DATE and the like: numbers and moments as texts by Oracle's format models, and back."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal, localcontext
from typing import Any

from ..spoken import Refused
from . import values
from .values import Stored

_PARTS = re.compile(
    r'"(?P<said>[^"]*)"|(?P<part>SYYYY|YYYY|RRRR|SYEAR|YY|RR|MM|MON|MONTH|DDD|DD|DY|HH24|HH12|HH|MI|SSSSS|SS|FF[1-9]?|'
    r"TZH|TZM|TZR|AM|PM|A\.M\.|J|Q|IW|IYYY|FM|FX|X)|(?P<other>.)",
    re.IGNORECASE | re.DOTALL,
)
_MONTHS = [
    "JANUARY",
    "FEBRUARY",
    "MARCH",
    "APRIL",
    "MAY",
    "JUNE",
    "JULY",
    "AUGUST",
    "SEPTEMBER",
    "OCTOBER",
    "NOVEMBER",
    "DECEMBER",
]
_NUMBERS = {"YYYY": r"\d{1,4}", "RRRR": r"\d{1,4}", "YY": r"\d\d", "RR": r"\d\d", "MM": r"\d{1,2}", "DD": r"\d{1,2}",
            "HH24": r"\d{1,2}", "HH12": r"\d{1,2}", "HH": r"\d{1,2}", "MI": r"\d{1,2}", "SS": r"\d{1,2}"}  # fmt: skip


# Numbers

_LONGEST = 64  # characters of TM9, which then turns to powers of ten


def number_text(value: Decimal, model: str = "TM9") -> str:
    """A number by its format model; without one as it is, without a zero before the point."""
    model = model.upper()
    if model in ("TM9", "TM", ""):
        with localcontext(prec=200):
            value = value.normalize()
        text = f"{value:f}"
        if len(text) > _LONGEST:
            return f"{value:E}"
        sign, text = ("-", text[1:]) if text.startswith("-") else ("", text)
        return sign + (text.removeprefix("0") if text.startswith("0.") else text)
    if set(model) <= set("FMX0"):
        text = f"{int(value):X}".rjust(model.count("0"), "0")
        return text if model.startswith("FM") else text.rjust(len(model) + 1)
    return _modelled(value, model)


def _modelled(value: Decimal, model: str) -> str:
    tight, model = model.startswith("FM"), model.removeprefix("FM").replace("D", ".").replace("G", ",")
    if "EEEE" in model:
        digits = len(model.partition(".")[2].replace("EEEE", ""))
        return ("" if tight or value < 0 else " ") + f"{value:.{digits}E}"
    whole, _, decimals = model.partition(".")
    with localcontext(prec=200):
        rounded = abs(value).quantize(Decimal(1).scaleb(-len(decimals)), rounding="ROUND_HALF_UP")
    left, _, right = f"{rounded:f}".partition(".")
    places = whole.replace(",", "")
    least = len(places) - places.index("0") if "0" in places else 0
    left = left.lstrip("0").rjust(least, "0")
    if len(left) > len(places):
        return "#" * (len(model) + 1)
    if tight:
        kept = decimals.rfind("0") + 1
        right = right[:kept] + right[kept:].rstrip("0")
    point = "." if decimals else ""
    sign = "-" if value < 0 and rounded else ""
    text = sign + left + point + right
    return text if tight else text.rjust(len(model) + 1)


def number_of(text: str, model: str = "") -> Decimal:
    """ORA-01722 for what is no number."""
    if model and set(model.upper()) <= set("FMX0"):
        return Decimal(int(text.strip(), 16))
    try:
        value = Decimal(text.strip().replace(",", "") if model else text.strip())
    except ArithmeticError:
        raise Refused(1722, "invalid number") from None
    if not value.is_finite():
        raise Refused(1722, "invalid number")
    return value


def double_text(value: float) -> str:
    if value != value:  # noqa: PLR0124 - NaN
        return "Nan"
    if value in (float("inf"), float("-inf")):
        return "Inf" if value > 0 else "-Inf"
    mantissa, _, exponent = f"{value!r}".partition("e")
    if not exponent:
        mantissa, _, exponent = f"{value:.16E}".partition("E")
    return f"{mantissa.rstrip('0').rstrip('.') if '.' in mantissa else mantissa}E{int(exponent):+04}"


# Moments


@dataclass(frozen=True)
class Nls:
    """What a session says of moments without a format model."""

    date: str = "DD-MON-RR"
    timestamp: str = "DD-MON-RR HH.MI.SSXFF AM"
    zoned: str = "DD-MON-RR HH.MI.SSXFF AM TZR"
    zone: timezone = UTC

    def with_model(self, which: str, model: str) -> Nls:
        changed: dict[str, Any] = {which: model}
        return replace(self, **changed)

    def model(self, letter: bytes) -> str:
        return {b"D": self.date, b"T": self.timestamp, b"L": self.timestamp}.get(letter, self.zoned)


def local(value: bytes, nls: Nls) -> tuple[datetime, int, timezone | None]:
    """A moment as its own clock shows it."""
    at, nanoseconds = values.moment(value)
    zone = values.zone(value) if value[:1] == b"Z" else nls.zone if value[:1] == b"L" else None
    if zone is not None:
        at = at + (zone.utcoffset(None) or timedelta())
    return at, nanoseconds, zone


def moment_text(value: bytes, model: str, nls: Nls) -> str:
    at, nanoseconds, zone = local(value, nls)
    tight = "FM" in model.upper()
    return "".join(_printed(found, at, nanoseconds, zone, tight=tight) for found in _PARTS.finditer(model))


def _printed(found: re.Match[str], at: datetime, nanoseconds: int, zone: timezone | None, *, tight: bool) -> str:
    if found["part"] is None:
        return found["said"] if found["said"] is not None else found["other"]
    part = found["part"].upper()
    if part.startswith("FF"):
        return f"{nanoseconds:09}"[: int(part[2:] or 6)]
    minutes = int((zone.utcoffset(None) or timedelta()).total_seconds() // 60) if zone else 0
    offset = f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}"
    hour = at.hour % 12 or 12
    known = {
        "SYYYY": f" {at.year:04}", "YYYY": f"{at.year:04}", "RRRR": f"{at.year:04}", "YY": f"{at.year % 100:02}",
        "RR": f"{at.year % 100:02}", "MM": f"{at.month:02}", "DD": f"{at.day:02}", "HH24": f"{at.hour:02}",
        "HH": f"{hour:02}", "HH12": f"{hour:02}", "MI": f"{at.minute:02}", "SS": f"{at.second:02}",
        "MON": _MONTHS[at.month - 1][:3], "MONTH": _MONTHS[at.month - 1].ljust(0 if tight else 9),
        "DDD": f"{at.timetuple().tm_yday:03}", "J": str(at.toordinal() + 1721425), "Q": str((at.month + 2) // 3),
        "TZH": offset, "TZM": f"{abs(minutes) % 60:02}", "TZR": f"{offset}:{abs(minutes) % 60:02}", "FM": "", "FX": "",
        "AM": "AM" if at.hour < 12 else "PM", "PM": "AM" if at.hour < 12 else "PM", "X": ".",
        "SSSSS": f"{at.hour * 3600 + at.minute * 60 + at.second:05}", "DY": at.strftime("%a").upper(),
    }  # fmt: skip
    if part not in known:
        raise Refused(1821, f"date format not recognized: {part}")
    return known[part]


def moment_of(text: str, model: str, letter: bytes, nls: Nls) -> bytes:
    """A date, timestamp or zoned timestamp of a text. ORA-01861 where it does not match."""
    pattern = ""
    names: list[str] = []
    for found in _PARTS.finditer(model):
        pattern += _expected(found, names)
    matched = re.fullmatch(pattern, text.strip(), re.IGNORECASE)
    if matched is None:
        raise Refused(1861, f"literal does not match format string: {text!r} by {model!r}")
    return _made(dict(zip(names, matched.groups(), strict=True)), letter, nls)


def _expected(found: re.Match[str], names: list[str]) -> str:
    if found["part"] is None:
        other = found["said"] if found["said"] is not None else found["other"]
        return r"\s*" if other == " " else re.escape(other)
    part = found["part"].upper()
    if part in ("FM", "FX"):
        return ""
    if part == "X":
        return r"\.?"
    names.append("FF" if part.startswith("FF") else part)
    if part.startswith("FF"):
        return r"(\d{0,9})"
    own = {
        "SYYYY": r"( ?-?\d{1,4})", "MON": "([A-Z]{3})", "MONTH": "([A-Z]+) *", "TZH": r"([+-]?\d{1,2})",
        "TZM": r"(\d\d)",
        "TZR": r"([+-]\d\d:\d\d|UTC|GMT)", "AM": "([AP]M)", "PM": "([AP]M)", "J": r"(\d+)", "SSSSS": r"(\d+)",
    }  # fmt: skip
    return own.get(part) or f"({_NUMBERS[part]})"


def _made(parts: dict[str, str], letter: bytes, nls: Nls) -> bytes:
    now = datetime.now(UTC)
    year = int(parts.get("SYYYY") or parts.get("YYYY") or parts.get("RRRR") or now.year)
    if short := parts.get("RR") or parts.get("YY"):
        year = int(short) + (2000 if int(short) < 50 or "YY" in parts else 1900)
    month = int(parts.get("MM") or now.month)
    if name := parts.get("MON") or parts.get("MONTH"):
        month = [one[: len(name)] for one in _MONTHS].index(name.upper()) + 1
    hour = int(parts.get("HH24") or parts.get("HH12") or parts.get("HH") or 0)
    if half := parts.get("AM") or parts.get("PM"):
        hour = hour % 12 + (12 if half.upper() == "PM" else 0)
    try:
        at = datetime(
            year, month, int(parts.get("DD") or 1), hour, int(parts.get("MI") or 0), int(parts.get("SS") or 0)
        )
    except ValueError as error:
        raise Refused(1843, f"not a valid month or day: {error}") from None
    nanoseconds = int((parts.get("FF") or "0").ljust(9, "0"))
    if letter == b"D":
        return values.date(at)
    if letter != b"Z":
        return values.timestamp(at, nanoseconds, letter)
    return values.zoned(at.replace(tzinfo=_zone(parts, nls)), nanoseconds)


def _zone(parts: dict[str, str], nls: Nls) -> timezone:
    if region := parts.get("TZR"):
        return zone_of(region)
    if "TZH" not in parts:
        return nls.zone
    hours = int(parts["TZH"])
    minutes = int(parts.get("TZM") or 0)
    return timezone(timedelta(hours=hours, minutes=-minutes if parts["TZH"].startswith("-") else minutes))


def zone_of(text: str) -> timezone:
    """An offset, or UTC by its names. ORA-01882 for regions, which the test server does not know."""
    found = re.fullmatch(r"([+-]?)(\d{1,2}):(\d\d)", text.strip())
    if found is None:
        if text.strip().upper() in ("UTC", "GMT", "Z", "ETC/UTC"):
            return UTC
        raise Refused(1882, f"timezone region not found: {text}")
    ahead = timedelta(hours=int(found[2]), minutes=int(found[3]))
    return timezone(-ahead if found[1] == "-" else ahead)


def text_of(value: Stored, nls: Nls) -> str | None:
    """Any value as the text that Oracle makes of it unasked."""
    if value is None or isinstance(value, str):
        return value
    letter = value[:1]
    if letter == b"N":
        return number_text(values.decimal(value[1:]))
    if letter in b"fd":
        return double_text(values.floating(value))
    if letter in b"DTZL":
        return moment_text(value, nls.model(letter), nls)
    if letter == b"R":
        return value[1:].hex().upper()
    if letter == b"I":
        return values.rowid_text(value)
    if letter == b"Y":
        count = values.months_of(value)
        return f"{'-' if count < 0 else '+'}{abs(count) // 12:02}-{abs(count) % 12:02}"
    return _span_text(value)


def _span_text(value: bytes) -> str:
    days, seconds, nanoseconds = values.interval_parts(value)
    sign = "-" if days < 0 or seconds < 0 or nanoseconds < 0 else "+"
    rest = abs(seconds)
    clock = f"{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}.{abs(nanoseconds):09}"
    return f"{sign}{abs(days):02} {clock}"
