"""Conversions between types, by CAST and CONVERT's rules and their errors."""

from __future__ import annotations

import datetime as dt
import math
import re
import struct
import uuid
from decimal import Decimal, InvalidOperation
from typing import Any

from ..spoken import Kind, Refused
from . import special, values
from .types import chars
from .values import DAY, EXACT, MINUTE, SECOND, Moment

_DATETIME_FIRST = (dt.date(1753, 1, 1).toordinal() - 1) * DAY
_SMALL_FIRST = values.EPOCH * DAY
_SMALL_LAST = (dt.date(2079, 6, 6).toordinal() - 1) * DAY + DAY - MINUTE // 2
_LAST = dt.date(9999, 12, 31).toordinal() * DAY
_MOMENT = re.compile(
    r"\s*(?:(?P<y>\d{4})(?:(?P<m>\d\d)(?P<d>\d\d)|(?P<mark>[-/.])(?P<month>\d\d?)(?P=mark)(?P<day>\d\d?)))?"
    r"(?:[T ]?\s*(?P<H>\d\d?):(?P<M>\d\d)(?::(?P<S>\d\d)(?:[.:](?P<f>\d{1,9}))?)?)?"
    r"\s*(?P<z>Z|[+-]\d\d:\d\d)?\s*"
)


def converted(value: Any, source: Kind, kind: Kind, style: int | None = None) -> Any:
    """A value that Python works with, of one kind, as another. Refused where SQL Server refuses."""
    if value is None:
        return None
    if source.name == special.VARIANT and kind.name != special.VARIANT:
        value, source = special.taken(value)
    name = kind.name
    if name == source.name and name in special.NAMES:
        return value
    if name == special.VARIANT:
        return special.put(value, source)
    if name in special.CLR:
        if not isinstance(value, str):
            raise _clash(source, kind)
        return special.of_text(value, kind)
    if name in values.INTEGERS:
        return _integer(value, source, kind)
    if name in values.DECIMALS or name in values.MONEY:
        return _decimal(value, source, kind)
    if name in values.FLOATS:
        return _float(value, source, kind)
    if name in values.MOMENTS:
        return _moment(value, source, kind)
    if name in values.TEXTS:
        return _fitted(text(value, source, style), source, kind)
    if name == "uniqueidentifier":
        return _guid(value, source)
    return _binary(value, source, kind, style)


def _refused(source: Kind, kind: Kind) -> Refused:
    return Refused(8114, f"Error converting data type {source.name} to {kind.name}.", state=5)


def _clash(source: Kind, kind: Kind) -> Refused:
    return Refused(206, f"Operand type clash: {source.name} is incompatible with {kind.name}", state=2)


def _overflow(kind: Kind, source: Kind) -> Refused:
    return Refused(8115, f"Arithmetic overflow error converting {source.name} to data type {kind.name}.", state=2)


def _integer(value: Any, source: Kind, kind: Kind) -> int:
    if source.name in values.TEXTS:
        if kind.name == "bit" and value.strip().lower() in ("true", "false"):
            return int(value.strip().lower() == "true")
        if not re.fullmatch(r"\s*[+-]?\s*\d*\s*", value):
            raise Refused(245, f"Conversion failed when converting the {source.name} value '{value}' to data type "
                               f"{kind.name}.")  # fmt: skip
        number = int(value.replace(" ", "") or 0)
    elif isinstance(value, bytes):
        number = int.from_bytes(value[-values.WIDTHS[kind.name] :], "big", signed=kind.name not in ("bit", "tinyint"))
    elif isinstance(value, Moment):
        raise _clash(source, kind)
    else:
        number = int(value) if source.name not in values.MONEY else int(EXACT.quantize(value, Decimal(1)))
    if kind.name == "bit":
        return int(bool(value) if not isinstance(value, str | bytes) else number != 0)
    low, high = values.INTEGERS[kind.name]
    if not low <= number <= high:
        raise _overflow(kind, source) if kind.name == "int" or source.name not in values.INTEGERS else Refused(
            220, f"Arithmetic overflow error for data type {kind.name}, value = {number}.")  # fmt: skip
    return number


def _decimal(value: Any, source: Kind, kind: Kind) -> Decimal:
    if isinstance(value, bytes | Moment):
        raise _clash(source, kind)
    try:
        number = Decimal(
            repr(value) if isinstance(value, float) else value.strip() if isinstance(value, str) else value
        )
    except InvalidOperation:
        raise _refused(source, kind) from None
    if not number.is_finite():
        raise _refused(source, kind)
    money = kind.name in values.MONEY
    number = EXACT.quantize(number, Decimal(1).scaleb(-(4 if money else kind.scale)))
    most = {"money": 2**63, "smallmoney": 2**31}.get(kind.name, 10**kind.precision)
    scaled = int(EXACT.scaleb(number, 4 if money else kind.scale))
    if not (-most if money else -most + 1) <= scaled < most:
        raise _overflow(Kind("numeric" if kind.name == "decimal" else kind.name), source)
    return number


def _float(value: Any, source: Kind, kind: Kind) -> float:
    if isinstance(value, bytes | Moment):
        raise _clash(source, kind)
    try:
        number = float(value.strip() or 0) if isinstance(value, str) else float(value)
        found = struct.unpack("<f", struct.pack("<f", number))[0] if kind.name == "real" else number
    except ValueError:
        raise _refused(source, kind) from None
    except OverflowError:
        raise _overflow(kind, source) from None
    if not math.isfinite(found):
        raise _refused(source, kind)
    return float(found)


def parsed(value: str) -> Moment | None:
    """A moment in ISO form, None if it is none."""
    found = _MOMENT.fullmatch(value)
    if not found or (not found["y"] and not found["H"] and value.strip()):
        return None
    try:
        day = _day(found) if found["y"] else values.EPOCH
        clock = dt.time(int(found["H"] or 0), int(found["M"] or 0), int(found["S"] or 0))
    except ValueError:
        return None
    seconds = clock.hour * 3600 + clock.minute * 60 + clock.second
    zone = found["z"]
    offset = 0 if not zone or zone == "Z" else (int(zone[1:3]) * 60 + int(zone[4:])) * (-1 if zone[0] == "-" else 1)
    return Moment(day * DAY + seconds * SECOND + int((found["f"] or "0").ljust(7, "0")[:7]), offset)


def _day(found: re.Match[str]) -> int:
    month, day = found["m"] or found["month"], found["d"] or found["day"]
    return dt.date(int(found["y"]), int(month), int(day)).toordinal() - 1


def _moment(value: Any, source: Kind, kind: Kind) -> Moment:
    if source.name in values.TEXTS:
        found = parsed(value)
        if found is None:
            raise Refused(241, "Conversion failed when converting date and/or time from character string.")
        if kind.name in ("datetime", "smalldatetime") and not _within(found.ticks, kind):
            raise _out_of_range(source, kind)
        value = found
    elif not isinstance(value, Moment):
        if kind.name != "datetime" or isinstance(value, bytes):
            raise _clash(source, kind)
        value = Moment(int(values.EPOCH * DAY + round(float(value) * DAY)))
    elif source.name == "time" and kind.name != "time":
        value = Moment(values.EPOCH * DAY + value.ticks)
    return _rounded(value, source, kind)


def _within(ticks: int, kind: Kind) -> bool:
    return _DATETIME_FIRST <= ticks < _LAST if kind.name == "datetime" else _SMALL_FIRST <= ticks < _SMALL_LAST


def _out_of_range(source: Kind, kind: Kind) -> Refused:
    return Refused(242, f"The conversion of a {source.name} data type to a {kind.name} data type resulted in an "
                        "out-of-range value.", state=3)  # fmt: skip


def _rounded(value: Moment, source: Kind, kind: Kind) -> Moment:
    ticks, name = value.ticks, kind.name
    if name == "date":
        return Moment(ticks // DAY * DAY)
    if name in ("datetime", "smalldatetime"):
        if not _within(ticks, kind):
            raise _out_of_range(source, kind)
        if name == "smalldatetime":
            return Moment((ticks + MINUTE // 2) // MINUTE * MINUTE)
        parts = (ticks % DAY * 300 + SECOND // 2) // SECOND
        return Moment(ticks // DAY * DAY + (parts * SECOND + 150) // 300)
    unit = 10 ** (7 - kind.scale)
    ticks = (ticks + unit // 2) // unit * unit
    if name == "time":
        return Moment(ticks % DAY)
    if ticks >= _LAST:
        ticks = value.ticks // unit * unit
    return Moment(ticks, value.offset if name == "datetimeoffset" else 0)


def _guid(value: Any, source: Kind) -> bytes:
    if isinstance(value, str):
        try:
            return uuid.UUID(value[:38].strip("{}")).bytes_le
        except ValueError:
            raise Refused(8169, "Conversion failed when converting from a character string to uniqueidentifier.",
                          state=2) from None  # fmt: skip
    if not isinstance(value, bytes):
        raise _clash(source, Kind("uniqueidentifier"))
    return value[:16].ljust(16, b"\0")


def _binary(value: Any, source: Kind, kind: Kind, style: int | None) -> bytes:
    if isinstance(value, str):
        if source.name in values.TEXTS and style in (1, 2):
            digits = value[2:] if style == 1 else value
            try:
                octets = bytes.fromhex(digits)
            except ValueError:
                raise _refused(source, kind) from None
        else:
            octets = value.encode(values.encoding(source), "replace")
    elif isinstance(value, bytes):
        octets = value
    elif isinstance(value, int):
        octets = value.to_bytes(values.WIDTHS[source.name], "big", signed=value < 0)
    else:
        octets = bytes(reversed(values.sent(values.held(value, source), source) or b""))
    if kind.size > 0 and kind.name in ("binary", "varbinary"):
        octets = octets[: kind.size]
        return octets.ljust(kind.size, b"\0") if kind.name == "binary" else octets
    return octets


def _fitted(value: str, source: Kind, kind: Kind) -> str:
    most = chars(kind)
    if most <= 0 or kind.name in ("text", "ntext", "xml"):
        return value
    if source.name not in (*values.TEXTS, *values.MOMENTS, *values.BINARIES) and len(value) > most:
        if source.name in values.INTEGERS and kind.name in values.NARROW:
            return "*"
        raise _overflow(kind, source)
    if kind.name in values.NARROW:
        value = value.encode(values.encoding(kind), "replace")[:most].decode(values.encoding(kind), "ignore")
    else:
        value = value.encode("utf-16-le")[: 2 * most].decode("utf-16-le", "ignore")
    return value + " " * (most - _units(value, kind)) if kind.name in ("char", "nchar") else value


def _units(value: str, kind: Kind) -> int:
    """What a length counts: pairs of octets, or octets."""
    octets = len(value.encode(values.encoding(kind), "replace"))
    return octets // 2 if kind.name in values.WIDE else octets


def text(value: Any, source: Kind, style: int | None = None) -> str:
    """A value as text, in CONVERT's style."""
    if isinstance(value, str):
        return value
    if source.name in special.CLR:
        return special.text_of(value, source)
    if source.name == "uniqueidentifier":
        return str(uuid.UUID(bytes_le=value)).upper()
    if isinstance(value, bytes):
        if style in (1, 2):
            return ("0x" if style == 1 else "") + value.hex().upper()
        return value.decode("cp1252", "replace")
    if isinstance(value, Moment):
        return _moment_text(value, source, style)
    if isinstance(value, float):
        return _float_text(value, source, style)
    if source.name in values.MONEY:
        return str(EXACT.quantize(value, Decimal("0.0001" if style == 2 else "0.01")))
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def _float_text(value: float, source: Kind, style: int | None) -> str:
    if style == 3:
        return f"{value:.17g}" if source.name == "float" else f"{value:.9g}"
    if style in (1, 2):
        mantissa, _, power = f"{value:.{7 if style == 1 else 15}e}".partition("e")
        return f"{mantissa}e{power[0]}{int(power[1:]):03}"
    found = f"{value:.6g}"
    if "e" in found:
        mantissa, _, power = found.partition("e")
        return f"{mantissa}e{power[0]}{int(power[1:]):03}"
    return found


def _moment_text(value: Moment, source: Kind, style: int | None) -> str:
    days, ticks = divmod(value.ticks, DAY)
    day = dt.date.fromordinal(days + 1).isoformat()
    seconds, fraction = divmod(ticks, SECOND)
    clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    if source.name == "datetime":
        clock += f".{(fraction + 5000) // 10000:03}"
    elif source.name == "smalldatetime":
        clock += ".000" if style in (21, 25, 121) else ""
    elif source.scale:
        clock += "." + f"{fraction:07}"[: source.scale]
    if source.name == "date" or style == 23:
        return day
    if source.name == "time":
        return clock
    zone = f"{'-' if value.offset < 0 else '+'}{abs(value.offset) // 60:02}:{abs(value.offset) % 60:02}"
    if style in (126, 127):
        ended = "" if source.name != "datetimeoffset" else "Z" if style == 127 else zone
        if style == 127 and source.name == "datetimeoffset":
            return _moment_text(Moment(value.utc), Kind("datetime2", scale=source.scale), 126) + "Z"
        return f"{day}T{clock.removesuffix('.000') if source.name == 'datetime' else clock}{ended}"
    if source.name in ("datetime", "smalldatetime") and style not in (20, 21, 25, 120, 121):
        moment = dt.datetime.combine(dt.date.fromisoformat(day), dt.time(seconds // 3600, seconds // 60 % 60))
        return f"{moment:%b} {moment.day:2} {moment.year} {moment:%I}:{moment:%M%p}".replace(" 0", "  ")
    if style in (20, 120):
        clock = clock.partition(".")[0]
    return f"{day} {clock}" + (f" {zone}" if source.name == "datetimeoffset" else "")
