"""Numbers and texts as TDS writes them: little endian, text as UTF-16LE with its length in characters.

A message is read from a BytesIO, whose position is where we are; what is written is joined from bytes.
B_VARCHAR has one octet of length before its text, US_VARCHAR two, B_VARBYTE one octet before its octets.
"""

from __future__ import annotations

import struct
from io import BytesIO

U16, U32, U64 = struct.Struct("<H"), struct.Struct("<I"), struct.Struct("<Q")


def u8(stream: BytesIO) -> int:
    return take(stream, 1)[0]


def u16(stream: BytesIO) -> int:
    return int(U16.unpack(take(stream, 2))[0])


def u32(stream: BytesIO) -> int:
    return int(U32.unpack(take(stream, 4))[0])


def take(stream: BytesIO, size: int) -> bytes:
    got = stream.read(size)
    if len(got) != size:
        raise ValueError(f"the message ends {size - len(got)} octets too early")
    return got


def more(stream: BytesIO) -> bool:
    return stream.tell() < len(stream.getbuffer())


def text(stream: BytesIO, characters: int) -> str:
    return take(stream, 2 * characters).decode("utf-16-le", "surrogatepass")


def short_text(stream: BytesIO) -> str:
    return text(stream, u8(stream))


def long_text(stream: BytesIO) -> str:
    return text(stream, u16(stream))


def wide(value: str) -> bytes:
    return value.encode("utf-16-le", "surrogatepass")


def put_short(value: str | bytes) -> bytes:
    """A B_VARCHAR of text, a B_VARBYTE of octets."""
    octets = wide(value) if isinstance(value, str) else value
    return bytes([len(octets) // 2 if isinstance(value, str) else len(octets)]) + octets


def put_long(value: str) -> bytes:
    octets = wide(value)
    return U16.pack(len(octets) // 2) + octets
