"""The tokens of a reply, each its number and then:

129 COLMETADATA   u16 columns; each: u32 user type, u16 flags, TYPE_INFO, B_VARCHAR name
209 ROW           the values
210 NBCROW        a bit for each column, lowest first, 1 for NULL; the values that are not NULL
227 ENVCHANGE     u16 length, octet kind, new and old value as B_VARCHAR or B_VARBYTE
170 ERROR, 171 INFO   u16 length, u32 number, octets state and severity, US_VARCHAR text, B_VARCHAR server, B_VARCHAR
                  procedure, u32 line
173 LOGINACK      u16 length, octet 1, TDS version big endian, B_VARCHAR program, its version as four octets
174 FEATUREEXTACK features as octet number, u32 length, data; 255
121 RETURNSTATUS  u32
172 RETURNVALUE   u16 place, B_VARCHAR name, octet 1, u32 user type, u16 flags, TYPE_INFO, value
253 DONE, 254 DONEPROC, 255 DONEINPROC   u16 status, u16 command, u64 count; one ends each statement (DONEINPROC in a
                  call), the call (DONEPROC) and, its status without MORE, the reply
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Callable, Iterable, Sequence

from ..spoken import Column, Kind, Refused, Row
from .octets import U16, U32, put_long, put_short
from .types import FRAMES, USER_TYPES, Frame, framing, is_fixed, type_info

DONE, DONEPROC, DONEINPROC = 0xFD, 0xFE, 0xFF
MORE, ERROR, IN_TRANSACTION, COUNT, ATTENTION = 1, 2, 4, 16, 32
SELECT, INSERT = 0xC1, 0xC3

DATABASE, LANGUAGE, PACKET_SIZE, COLLATION, BEGUN, COMMITTED, ROLLED_BACK, RESET = 1, 2, 4, 7, 8, 9, 10, 18

_DONE = struct.Struct("<BHHQ")
_NULLABLE, _READ_WRITE, _IDENTITY, _COMPUTED = 0x01, 0x08, 0x10, 0x20
_SERVER = put_short("ROPEWAY")


def column_metadata(columns: Sequence[Column]) -> bytes:
    parts = [b"\x81", U16.pack(len(columns))]
    for column in columns:
        flags = 0 if column.computed else _READ_WRITE
        flags |= _NULLABLE * column.nullable | _IDENTITY * column.identity | _COMPUTED * column.computed
        parts += [U32.pack(USER_TYPES.get(column.kind.name, 0)), U16.pack(flags)]
        parts += [type_info(column.kind, nullable=column.nullable, column=True), put_short(column.name)]
    return b"".join(parts)


def row_encoder(columns: Sequence[Column]) -> Callable[[Sequence[Row]], bytes]:
    """Encodes several rows at once: a column after the other is framed, which saves a call per row and value."""
    frames = [_frame(column) for column in columns]

    def encode(rows: Sequence[Row]) -> bytes:
        across = list(zip(*rows, strict=True))
        framed = [list(map(frame, values)) for frame, values in zip(frames, across, strict=True)]
        if not any(None in values for values in across):
            return b"".join(itertools.chain.from_iterable(zip(itertools.repeat(b"\xd1"), *framed, strict=False)))
        return b"".join(itertools.chain.from_iterable(map(_row, rows, zip(*framed, strict=True))))

    return encode


def _frame(column: Column) -> Frame:
    return FRAMES[framing(column.kind, fixed=is_fixed(column.kind, nullable=column.nullable))]


def _row(row: Row, framed: Sequence[bytes]) -> Iterable[bytes]:
    """A row without NULL as ROW, one with NULL as NBCROW, as a server does that speaks TDS 7.3 or later."""
    if None not in row:
        return (b"\xd1", *framed)
    bits = sum(1 << place for place, value in enumerate(row) if value is None)
    there = (octets for value, octets in zip(row, framed, strict=True) if value is not None)
    return (b"\xd2", bits.to_bytes((len(row) + 7) // 8, "little"), *there)


def done(token: int = DONE, status: int = 0, command: int = 0, count: int | None = None) -> bytes:
    return _DONE.pack(token, status | COUNT * (count is not None), command, count or 0)


def error(refused: Refused) -> bytes:
    return _said(b"\xaa", refused.number, refused.state, refused.severity, str(refused))


def info(number: int, state: int, message: str) -> bytes:
    return _said(b"\xab", number, state, 0, message)


def _said(token: bytes, number: int, state: int, severity: int, message: str) -> bytes:
    head = struct.pack("<iBB", number, state, severity)
    # A packet must hold it, and a driver shows no more anyway.
    return _counted(token, head + put_long(message[:4000]) + _SERVER + put_short("") + U32.pack(1))


def changed(kind: int, new: str | bytes, old: str | bytes = "") -> bytes:
    return _counted(b"\xe3", bytes([kind]) + put_short(new) + put_short(old))


def login_ack(tds: int, version: Sequence[int]) -> bytes:
    major, minor, build = version
    program = struct.pack(">BBH", major, minor, build)
    return _counted(b"\xad", b"\x01" + struct.pack(">I", tds) + put_short("Microsoft SQL Server") + program)


def features(acknowledged: Iterable[tuple[int, bytes]]) -> bytes:
    return b"\xae" + b"".join(bytes([number]) + U32.pack(len(data)) + data for number, data in acknowledged) + b"\xff"


def return_status(status: int) -> bytes:
    return struct.pack("<Bi", 0x79, status)


def return_value(name: str, kind: Kind, value: bytes | None, place: int = 0) -> bytes:
    head = b"\xac" + U16.pack(place) + put_short(name) + b"\x01" + U32.pack(0) + U16.pack(0)
    return head + type_info(kind) + FRAMES[framing(kind)](value)


def _counted(token: bytes, data: bytes) -> bytes:
    return token + U16.pack(len(data)) + data
