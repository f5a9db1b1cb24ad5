"""docs/checksum.md once more, in plain Python: slow, and sharing no line with what it judges.

Values are plain: int for numbers, days, and moments counted in microseconds (in nanoseconds above six
digits); Decimal, float, bool, str and bytes for the rest; None for NULL.
"""

from __future__ import annotations

import hashlib
import math
import re
import struct
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from ropeway.transfer.canonical import Canon
from ropeway.verify.checksum import Sum

MONTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def plain_sum(rows: Iterable[Sequence[Any]], canons: Sequence[Canon]) -> Sum:
    count = high = low = 0
    for row in rows:
        words = hashlib.sha256(row_text(row, canons).encode()).digest()
        count += 1
        high += int.from_bytes(words[:8], "big")
        low += int.from_bytes(words[8:16], "big")
    return Sum(count, high % 2**64, low % 2**64)


def row_text(row: Sequence[Any], canons: Sequence[Canon]) -> str:
    return "|".join("~" if value is None else text(value, canon) for value, canon in zip(row, canons, strict=True))


def text(value: Any, canon: Canon) -> str:
    form, digits = canon.form, canon.digits
    if form in ("integer", "boolean", "duration"):
        return number(Decimal(value), 0)
    if form in ("decimal", "number"):
        return number(Decimal(value), digits if form == "decimal" else 0)
    if form == "float":
        return "7FF8000000000000" if math.isnan(value) else struct.pack(">d", value + 0.0).hex().upper()
    if form == "date":
        return day(value)
    if form in ("timestamp", "instant"):
        return moment(value, digits)
    if form == "time":
        return ("-" if value < 0 else "") + clock(abs(value), 6, digits)
    if form == "binary":
        return f"{len(value)}|{value.hex().upper()}"
    if form == "uuid" and re.fullmatch("[0-9A-Fa-f-]{36}", value):
        return str(value).lower()
    kept = value.rstrip(" ") if form == "padded" else value
    return f"{len(kept.encode())}|{kept}"


def number(value: Decimal, digits: int) -> str:
    sign, figures, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    unscaled = int("".join(map(str, figures)))
    scale = -exponent
    while scale < digits or scale < 0:
        unscaled, scale = unscaled * 10, scale + 1
    while scale > digits and unscaled % 10 == 0:
        unscaled, scale = unscaled // 10, scale - 1
    whole, part = divmod(unscaled, 10**scale)
    return ("-" if sign and unscaled else "") + str(whole) + (f".{part:0{scale}}" if scale else "")


def leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def calendar(days: int) -> tuple[str, str]:
    """A day counted from 1970-01-01 as YYYY-MM-DD, and its era."""
    year = 1970 + days // 366 if days > 0 else 1970 + days // 365 - 1
    rest = days - ((year - 1970) * 365 + leaps(year) - leaps(1970))
    while rest >= 365 + leap(year):
        rest -= 365 + leap(year)
        year += 1
    month = 0
    while rest >= MONTHS[month] + (month == 1 and leap(year)):
        rest -= MONTHS[month] + (month == 1 and leap(year))
        month += 1
    shown, era = (year, "") if year > 0 else (1 - year, " BC")
    return f"{shown:04}-{month + 1:02}-{rest + 1:02}", era


def leaps(year: int) -> int:
    """Leap years from year 1 to the one before `year`; below year 1 as many as to subtract."""
    return (year - 1) // 4 - (year - 1) // 100 + (year - 1) // 400


def day(days: int) -> str:
    return "".join(calendar(days))


def moment(count: int, digits: int) -> str:
    unit = 6 if digits <= 6 else 9
    days, rest = divmod(count, 86400 * 10**unit)
    label, era = calendar(days)
    return f"{label} {clock(rest, unit, digits)}{era}"


def clock(count: int, unit: int, digits: int) -> str:
    seconds, fraction = divmod(count, 10**unit)
    shown = f"{fraction:0{unit}}".rstrip("0").ljust(digits, "0")
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}" + (f".{shown}" if shown else "")
