"""A value in its three forms: as it is sent, as SQLite holds it, and as Python works with it.

type                     held                                    worked with
bit, integers            integer                                 int
decimal                  17 octets that sort: 2^130 + digits     Decimal
money                    integer, in ten-thousandths             Decimal
float, real              real                                    float
date                     integer: days since 0001-01-01          Moment
other moments            integer: 100 ns since 0001-01-01        Moment
datetimeoffset           10 octets: ticks in UTC, offset         Moment
texts, xml               text                                    str
uniqueidentifier         16 octets in the order it sorts by      bytes, as sent
binary                   octets                                  bytes
"""

from __future__ import annotations

import datetime as dt
import decimal
import struct
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ..spoken import Kind, Value

Held = int | float | str | bytes | None

EXACT = decimal.Context(prec=80, rounding=decimal.ROUND_HALF_UP)
INTEGERS = {"bit": (0, 1), "tinyint": (0, 255), "smallint": (-(2**15), 2**15 - 1), "int": (-(2**31), 2**31 - 1),
            "bigint": (-(2**63), 2**63 - 1)}  # fmt: skip
WIDTHS = {"bit": 1, "tinyint": 1, "smallint": 2, "int": 4, "bigint": 8}
DECIMALS, MONEY, FLOATS = ("decimal", "numeric"), ("money", "smallmoney"), ("float", "real")
WIDE, NARROW = ("nvarchar", "nchar", "ntext", "xml"), ("varchar", "char", "text")
TEXTS = (*WIDE, *NARROW)
BINARIES = ("varbinary", "binary", "image", "rowversion", "timestamp")
MOMENTS = ("date", "time", "datetime2", "datetimeoffset", "datetime", "smalldatetime")

SECOND = 10_000_000
MINUTE, DAY = 60 * SECOND, 86_400 * SECOND
EPOCH = dt.date(1900, 1, 1).toordinal() - 1  # days before datetime's first
UTF8 = {
    bytes([0x09, 0x04, 0xD0, 0x24, 0x00]),
    bytes([0x09, 0x04, 0x00, 0x26, 0x00]),
}  # collations whose varchar is UTF-8
_OFFSET = 1 << 130
_GUID = (10, 11, 12, 13, 14, 15, 8, 9, 6, 7, 4, 5, 0, 1, 2, 3)


@dataclass(frozen=True)
class Moment:
    """Ticks of 100 ns since 0001-01-01 by the clock of its place, and that place's offset in minutes."""

    ticks: int
    offset: int = 0

    @property
    def utc(self) -> int:
        return self.ticks - self.offset * MINUTE


def encoding(kind: Kind) -> str:
    if kind.name in WIDE:
        return "utf-16-le"
    return "utf-8" if kind.collation in UTF8 else "cp1252"


def held(value: Any, kind: Kind) -> Held:
    """Of a value that Python works with, and that is of this kind."""
    if value is None:
        return None
    name = kind.name
    if name in DECIMALS:
        return (_OFFSET + int(EXACT.scaleb(value, kind.scale))).to_bytes(17, "big")
    if name in MONEY:
        return int(EXACT.scaleb(value, 4))
    if name == "datetimeoffset":
        return struct.pack(">QH", value.utc, value.offset + 1024)
    if name == "date":
        return int(value.ticks // DAY)
    if name in MOMENTS:
        return int(value.ticks)
    if name == "uniqueidentifier":
        return bytes(value[place] for place in _GUID)
    found: Held = value
    return found


def worked(value: Held, kind: Kind) -> Any:
    """What Python works with."""
    if value is None:
        return None
    name = kind.name
    if name in DECIMALS:
        assert isinstance(value, bytes)
        return EXACT.scaleb(Decimal(int.from_bytes(value, "big") - _OFFSET), -kind.scale)
    if name in MONEY:
        assert isinstance(value, int)
        return EXACT.scaleb(Decimal(value), -4)
    if name == "datetimeoffset":
        assert isinstance(value, bytes)
        utc, offset = struct.unpack(">QH", value)
        return Moment(utc + (offset - 1024) * MINUTE, offset - 1024)
    if name == "date":
        assert isinstance(value, int)
        return Moment(value * DAY)
    if name in MOMENTS:
        assert isinstance(value, int)
        return Moment(value)
    if name == "uniqueidentifier":
        assert isinstance(value, bytes)
        return bytes(one for _, one in sorted(zip(_GUID, value, strict=True)))
    return value


def sent(value: Held, kind: Kind) -> Value:
    """The octets of TDS."""
    found = worked(value, kind)
    return None if found is None else _SENDING[_family(kind.name)](found, kind)


def received(octets: Value, kind: Kind) -> Any:
    """What Python works with, of octets of TDS."""
    return None if octets is None else _RECEIVING[_family(kind.name)](octets, kind)


def _family(name: str) -> str:
    for family, names in (("integer", tuple(INTEGERS)), ("decimal", DECIMALS), ("money", MONEY), ("text", TEXTS),
                          ("float", FLOATS), ("moment", MOMENTS)):  # fmt: skip
        if name in names:
            return family
    return "octets"


def _send_decimal(value: Decimal, kind: Kind) -> bytes:
    digits = int(EXACT.scaleb(value, kind.scale))
    words = 1 + (kind.precision > 9) + (kind.precision > 19) + (kind.precision > 28)
    return bytes([digits >= 0]) + abs(digits).to_bytes(4 * words, "little")


def _send_money(value: Decimal, kind: Kind) -> bytes:
    digits = int(EXACT.scaleb(value, 4))
    return (
        struct.pack("<i", digits)
        if kind.name == "smallmoney"
        else struct.pack("<iI", digits >> 32, digits & 0xFFFFFFFF)
    )


def ticks_width(scale: int) -> int:
    return 5 - (scale < 5) - (scale < 3)


def _send_moment(value: Moment, kind: Kind) -> bytes:
    days, ticks = divmod(value.ticks, DAY)
    if kind.name == "date":
        return days.to_bytes(3, "little")
    if kind.name == "datetime":
        return struct.pack("<iI", days - EPOCH, (ticks * 300 + SECOND // 2) // SECOND)
    if kind.name == "smalldatetime":
        return struct.pack("<HH", days - EPOCH, ticks // MINUTE)
    if kind.name == "datetimeoffset":
        days, ticks = divmod(value.utc, DAY)
    clock: bytes = (ticks // 10 ** (7 - kind.scale)).to_bytes(ticks_width(kind.scale), "little")
    if kind.name == "time":
        return clock
    zone = struct.pack("<h", value.offset) if kind.name == "datetimeoffset" else b""
    return clock + days.to_bytes(3, "little") + zone


def _receive_moment(octets: bytes, kind: Kind) -> Moment:
    if kind.name == "date":
        return Moment(int.from_bytes(octets, "little") * DAY)
    if kind.name == "datetime":
        days, parts = struct.unpack("<iI", octets)
        return Moment((days + EPOCH) * DAY + (parts * SECOND + 150) // 300)
    if kind.name == "smalldatetime":
        days, minutes = struct.unpack("<HH", octets)
        return Moment((days + EPOCH) * DAY + minutes * MINUTE)
    width = ticks_width(kind.scale)
    ticks = int.from_bytes(octets[:width], "little") * 10 ** (7 - kind.scale)
    days = int.from_bytes(octets[width : width + 3], "little")
    offset = struct.unpack("<h", octets[width + 3 :])[0] if kind.name == "datetimeoffset" else 0
    return Moment(days * DAY + ticks + offset * MINUTE, offset)


def _receive_decimal(octets: bytes, kind: Kind) -> Decimal:
    digits = Decimal(int.from_bytes(octets[1:], "little"))
    return EXACT.scaleb(digits if octets[0] else digits.copy_negate(), -kind.scale)  # minus would round


def _receive_money(octets: bytes, kind: Kind) -> Decimal:
    del kind
    if len(octets) == 4:
        return EXACT.scaleb(Decimal(struct.unpack("<i", octets)[0]), -4)
    high, low = struct.unpack("<iI", octets)
    return EXACT.scaleb(Decimal((high << 32) | low), -4)


_SENDING: dict[str, Callable[[Any, Kind], bytes]] = {
    "integer": lambda value, kind: int(value).to_bytes(WIDTHS[kind.name], "little", signed=value < 0),
    "decimal": _send_decimal,
    "money": _send_money,
    "text": lambda value, kind: str(value).encode(encoding(kind), "replace"),
    "float": lambda value, kind: struct.pack("<f" if kind.name == "real" else "<d", value),
    "moment": _send_moment,
    "octets": lambda value, kind: bytes(value),
}
_RECEIVING: dict[str, Callable[[bytes, Kind], Any]] = {
    "integer": lambda octets, kind: int.from_bytes(octets, "little", signed=kind.name not in ("bit", "tinyint")),
    "decimal": _receive_decimal,
    "money": _receive_money,
    "text": lambda octets, kind: octets.decode(encoding(kind), "replace"),
    "float": lambda octets, kind: struct.unpack("<f" if kind.name == "real" else "<d", octets)[0],
    "moment": _receive_moment,
    "octets": lambda octets, kind: octets,
}
