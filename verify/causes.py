"""Why two values differ, as far as the values themselves tell."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal

_QUARTER = timedelta(minutes=15)  # zones are whole quarters of an hour apart, since 1972 and but for history
_FURTHEST = timedelta(hours=26)
_DAY = timedelta(days=1)
_KEPT = 1_000  # characters on each side of a difference: of letters, marks and line ends, and to spare


@dataclass(frozen=True)
class Beyond:
    """A value that Python has no object for, such as a date before Christ, as its canonical text."""

    text: str

    def __str__(self) -> str:
        return self.text


def cause(source: object, target: object) -> str:
    """A word or two on what may have happened to a value on its way from `source` to `target`; '' if nothing fits."""
    if source is None or target is None:
        return _of_null(source, target)
    if isinstance(source, Beyond) or isinstance(target, Beyond):
        return ""
    for kinds, find in _FINDERS:
        if isinstance(source, kinds) and isinstance(target, kinds):
            return find(source, target)
    return "another type"


def _of_null(source: object, target: object) -> str:
    if source == "" or target == "":
        return "NULL for empty" if source == "" else "empty for NULL"
    return "NULL for a value" if target is None else "a value for NULL"


def alike(one: str, other: str) -> int:
    """How many characters both texts begin with."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if one[low:middle] == other[low:middle] else (low, middle - 1)
    return low


def _around(one: str, other: str) -> tuple[str, str]:
    """Two texts without most of what both begin and end with: to look for a cause in 20 MB took 5 s."""
    start = max(0, alike(one, other) - _KEPT)
    one, other = one[start:], other[start:]
    end = max(0, alike(one[::-1], other[::-1]) - _KEPT)
    return one[: len(one) - end], other[: len(other) - end]


def _of_texts(source: str, target: str) -> str:
    source, target = _around(source, target)
    for word, same in _TEXTS:
        if same(source, target):
            return word
    return ""


def _is_mojibake(one: str, other: str) -> bool:
    """UTF-8 that was read as Latin-1 or as Windows' own, in either direction."""
    return any(_misread(a, code) == b for a, b in ((one, other), (other, one)) for code in ("latin-1", "cp1252"))


def _misread(text: str, code: str) -> str | None:
    try:
        return text.encode().decode(code)
    except UnicodeDecodeError:
        return None


def _is_replaced(source: str, target: str) -> bool:
    """Characters that became question marks or U+FFFD, each as one."""
    return len(source) == len(target) and all(a == b or b in "?\ufffd" for a, b in zip(source, target, strict=True))


_TEXTS: tuple[tuple[str, Callable[[str, str], bool]], ...] = (
    ("empty for a value", lambda _a, b: not b),
    ("trailing space", lambda a, b: a.rstrip(" ") == b.rstrip(" ")),
    ("space at the ends", lambda a, b: a.strip() == b.strip()),
    ("Unicode normal form", lambda a, b: unicodedata.normalize("NFC", a) == unicodedata.normalize("NFC", b)),
    ("case", lambda a, b: a.casefold() == b.casefold()),
    ("line ends", lambda a, b: a.replace("\r\n", "\n") == b.replace("\r\n", "\n")),
    ("mojibake", _is_mojibake),
    ("characters replaced", _is_replaced),
    ("cut at U+0000", lambda a, b: "\0" in a and a.split("\0")[0] == b),
    ("cut", lambda a, b: a.startswith(b)),
)


def _of_moments(source: datetime, target: datetime) -> str:
    if (source.tzinfo is None) != (target.tzinfo is None):
        return "another type"
    apart = abs(target - source)
    if apart % _QUARTER == timedelta(0) and timedelta(0) < apart <= _FURTHEST:
        return "time-zone shift"
    for unit in (1_000, 1_000_000, 60_000_000, 86_400_000_000):
        if target == source - timedelta(microseconds=_microseconds(source) % unit):
            return "precision cut"
        if _microseconds(target) % unit == 0 and apart * 2 <= timedelta(microseconds=unit):
            return "rounding"
    return ""


def _microseconds(moment: datetime) -> int:
    clock = moment - moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return clock // timedelta(microseconds=1)


def _of_dates(source: date, target: date) -> str:
    return "time-zone shift" if abs(target - source) == _DAY else ""


def _of_times(source: time, target: time) -> str:
    return _of_moments(datetime.combine(date.min, source), datetime.combine(date.min, target))


def _of_decimals(source: Decimal, target: Decimal) -> str:
    if source == -target:
        return "sign"
    if not (source.is_finite() and target.is_finite()):
        return ""
    exponent = target.normalize().as_tuple().exponent
    unit = Decimal(1).scaleb(exponent if isinstance(exponent, int) else 0)
    if abs(source) >= abs(target) and abs(source - target) < unit and source * target >= 0:
        return "precision cut"
    return "rounding" if abs(source - target) * 2 <= unit else ""


def _of_floats(source: float, target: float) -> str:
    if math.isnan(source) or math.isnan(target):
        return ""
    if target in (math.nextafter(source, math.inf), math.nextafter(source, -math.inf)):
        return "one ulp"
    if source == -target:
        return "sign"
    return "precision cut" if math.isclose(source, target, rel_tol=1e-6) else ""


def _of_numbers(source: int, target: int) -> str:
    if source == -target:
        return "sign"
    if abs(source) > 1 << 53 and float(source) == float(target):
        return "precision cut"  # it passed through a double
    return "wrapped around" if any((source - target) % (1 << bits) == 0 for bits in (8, 16, 32, 64)) else ""


def _of_bytes(source: bytes, target: bytes) -> str:
    if source.rstrip(b"\0") == target.rstrip(b"\0"):
        return "trailing zero bytes"
    return "cut" if target and source.startswith(target) else ""


# In this order: a datetime is a date, a bool an int.
_FINDERS: tuple[tuple[type, Callable[..., str]], ...] = (
    (str, _of_texts), (datetime, _of_moments), (date, _of_dates), (time, _of_times), (Decimal, _of_decimals),
    (bool, lambda _a, _b: ""), (int, _of_numbers), (float, _of_floats), (bytes, _of_bytes),
)  # fmt: skip
