"""Values as SQLite holds them: a letter for the type and then Oracle's own octets; a text is a text, NULL is NULL.

Oracle's numbers have an octet for sign and exponent and then a pair of digits in each octet, so they sort as octets do;
so do dates (century, year, month, day, hour, minute and second, some of them plus one) and, with the sign's bit turned,
floating-point numbers.
"""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal, localcontext

from ..spoken import (
    BINARY_DOUBLE,
    BINARY_FLOAT,
    BLOB,
    DATE,
    INTERVAL_DS,
    INTERVAL_YM,
    LONG_RAW,
    NUMBER,
    RAW,
    ROWID,
    TIMESTAMP,
    TIMESTAMP_LTZ,
    TIMESTAMP_TZ,
    UROWID,
    VARCHAR,
    Kind,
    Refused,
    Value,
)  # fmt: skip

Stored = str | bytes | None

LETTERS = {
    NUMBER: b"N", DATE: b"D", TIMESTAMP: b"T", TIMESTAMP_TZ: b"Z", TIMESTAMP_LTZ: b"L", INTERVAL_YM: b"Y",
    INTERVAL_DS: b"S", BINARY_FLOAT: b"f", BINARY_DOUBLE: b"d", RAW: b"R", LONG_RAW: b"R", BLOB: b"R", ROWID: b"I",
    UROWID: b"I",
}  # fmt: skip
CODES = {b"N": NUMBER, b"D": DATE, b"T": TIMESTAMP, b"Z": TIMESTAMP_TZ, b"L": TIMESTAMP_LTZ, b"Y": INTERVAL_YM,
         b"S": INTERVAL_DS, b"f": BINARY_FLOAT, b"d": BINARY_DOUBLE, b"R": RAW, b"I": ROWID}  # fmt: skip
_PAIRS = 20  # octets of digits that a number has at most
_MIDDLE = 0x80000000  # what is added to the days and nanoseconds of an interval
_ROWID = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def stored(octets: Value, kind: Kind) -> Stored:
    """A value that came over the wire, as it is held. An empty text is NULL, as Oracle has it."""
    if not octets:
        return None
    letter = LETTERS.get(kind.code)
    if letter == b"I":
        return rowid_of(octets.decode())
    if letter:
        return letter + octets
    return octets.decode("utf-16-be" if kind.national else "utf-8")


def sent(value: Stored, kind: Kind) -> Value:
    """A held value as it goes over the wire."""
    if value is None or isinstance(value, str):
        return None if value is None else value.encode("utf-16-be" if kind.national else "utf-8")
    return rowid_text(value).encode() if value[:1] == b"I" else value[1:]


def kind_of(value: Stored) -> Kind:
    """What a value's letter says of its kind, where nothing else does."""
    if value is None or isinstance(value, str):
        return Kind(VARCHAR, 4000, 4000)
    code = CODES[value[:1]]
    return Kind(code, len(value), scale=-127 if code == NUMBER else 6 if code == TIMESTAMP else 0)


# Numbers


def number(value: Decimal | int) -> bytes:
    """A number, of which 20 pairs of digits are kept; the last one is rounded."""
    value = Decimal(value)
    if not value:
        return b"N\x80"
    with localcontext(prec=100):
        value = value.normalize()
    sign, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    text = "".join(map(str, digits)) + "0" * (exponent % 2)
    text = text.rjust(len(text) + len(text) % 2, "0")
    pairs = [int(text[at : at + 2]) for at in range(0, len(text), 2)]
    if len(pairs) > _PAIRS:
        return number(_shortened(value, 2 * _PAIRS - (pairs[0] < 10)))
    power = len(pairs) + (exponent - exponent % 2) // 2 - 1
    if not -65 <= power <= 62:
        raise Refused(1426, "numeric overflow")
    while pairs[-1] == 0:
        pairs.pop()
    if not sign:
        return b"N" + bytes([193 + power, *(pair + 1 for pair in pairs)])
    return b"N" + bytes([62 - power, *(101 - pair for pair in pairs)]) + b"\x66" * (len(pairs) < _PAIRS)


def _shortened(value: Decimal, digits: int) -> Decimal:
    with localcontext(prec=digits, rounding="ROUND_HALF_UP"):
        return +value


def decimal(octets: bytes) -> Decimal:
    """The number of these octets, which have no letter."""
    first, rest = octets[0], octets[1:]
    if first == 0x80:
        return Decimal(0)
    if first > 0x80:
        power, pairs, sign = first - 193, [octet - 1 for octet in rest], 0
    else:
        power, pairs, sign = 62 - first, [101 - octet for octet in rest if octet != 0x66], 1
    digits = tuple(int(digit) for pair in pairs for digit in f"{pair:02}")
    return Decimal((sign, digits, 2 * (power - len(pairs) + 1)))


# Floating-point numbers


def double(value: float) -> bytes:
    return b"d" + _turned(struct.pack(">d", value))


def single(value: float) -> bytes:
    return b"f" + _turned(struct.pack(">f", value))


def floating(value: bytes) -> float:
    octets = value[1:]
    positive = octets[0] & 0x80
    back = bytes([octets[0] & 0x7F]) + octets[1:] if positive else bytes(octet ^ 0xFF for octet in octets)
    return float(struct.unpack(">d" if value[:1] == b"d" else ">f", back)[0])


def _turned(octets: bytes) -> bytes:
    if octets[0] & 0x80:
        return bytes(octet ^ 0xFF for octet in octets)
    return bytes([octets[0] | 0x80]) + octets[1:]


# Dates and moments


def date(value: datetime) -> bytes:
    return b"D" + _seven(value)


def timestamp(value: datetime, nanoseconds: int | None = None, letter: bytes = b"T") -> bytes:
    nanoseconds = value.microsecond * 1000 if nanoseconds is None else nanoseconds
    return letter + _seven(value) + nanoseconds.to_bytes(4, "big")


def zoned(value: datetime, nanoseconds: int | None = None) -> bytes:
    """A moment with its offset: the octets are in UTC."""
    offset = value.utcoffset()
    assert offset is not None
    minutes = int(offset.total_seconds()) // 60
    hours, rest = int(minutes / 60), minutes - 60 * int(minutes / 60)
    plain = value.astimezone(UTC).replace(tzinfo=None)
    return timestamp(plain, nanoseconds, b"Z") + bytes([hours + 20, rest + 60])


def moment(value: bytes) -> tuple[datetime, int]:
    """Of a date or timestamp its second, in UTC where it has an offset, and its nanoseconds."""
    century, year, month, day, hour, minute, second = value[1:8]
    years = (century - 100) * 100 + year - 100
    if years < 1:
        raise Refused(1841, "(full) year must be between -4713 and +9999, and not be 0; before year 1 is not tested")
    return datetime(years, month, day, hour - 1, minute - 1, second - 1), int.from_bytes(value[8:12], "big")


def zone(value: bytes) -> timezone:
    return timezone(timedelta(hours=value[12] - 20, minutes=value[13] - 60))


def _seven(value: datetime) -> bytes:
    return bytes([
        value.year // 100 + 100, value.year % 100 + 100, value.month, value.day, value.hour + 1, value.minute + 1,
        value.second + 1,
    ])  # fmt: skip


def interval(days: int, seconds: int, nanoseconds: int) -> bytes:
    """Days to seconds; all parts have one sign."""
    hours, rest = int(seconds / 3600), abs(seconds) % 3600
    sign = -1 if seconds < 0 else 1
    return b"S" + struct.pack(
        ">IBBBI", days + _MIDDLE, hours + 60, sign * (rest // 60) + 60, sign * (rest % 60) + 60, nanoseconds + _MIDDLE
    )


def interval_parts(value: bytes) -> tuple[int, int, int]:
    """Days, seconds and nanoseconds."""
    days, hours, minutes, seconds, nanoseconds = struct.unpack(">IBBBI", value[1:])
    return days - _MIDDLE, (hours - 60) * 3600 + (minutes - 60) * 60 + seconds - 60, nanoseconds - _MIDDLE


def months(count: int) -> bytes:
    years, rest = int(count / 12), count - 12 * int(count / 12)
    return b"Y" + struct.pack(">IB", years + _MIDDLE, rest + 60)


def months_of(value: bytes) -> int:
    years, rest = struct.unpack(">IB", value[1:])
    return 12 * (int(years) - _MIDDLE) + int(rest) - 60


# Row ids: the table's number, and where the row lies: so many rows in a block, and all blocks in file 1

ROWS_A_BLOCK = 100


def rowid(object_: int, row: int) -> bytes:
    return b"I" + struct.pack(">IHIH", object_, 1, row // ROWS_A_BLOCK, row % ROWS_A_BLOCK)


def row_of(value: bytes) -> tuple[int, int]:
    """The table's number and the row's."""
    object_, _, block, place = struct.unpack(">IHIH", value[1:])
    return object_, block * ROWS_A_BLOCK + place


def rowid_text(value: bytes) -> str:
    parts = struct.unpack(">IHIH", value[1:])
    return "".join(_letters(part, size) for part, size in zip(parts, (6, 3, 6, 3), strict=True))


def rowid_of(text: str) -> bytes:
    if len(text) != 18 or not set(text) <= set(_ROWID):
        raise Refused(1410, "invalid ROWID")
    parts = (_integer(text[low:high]) for low, high in ((0, 6), (6, 9), (9, 15), (15, 18)))
    return b"I" + struct.pack(">IHIH", *parts)


def _letters(value: int, size: int) -> str:
    return "".join(_ROWID[value >> 6 * place & 63] for place in reversed(range(size)))


def _integer(text: str) -> int:
    value = 0
    for letter in text:
        value = value << 6 | _ROWID.index(letter)
    return value
