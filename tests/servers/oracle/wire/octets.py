"""Integers and values as TTC writes them.

A number is one octet with its size, then so many octets, big endian; 0 is the single octet 0. The size of a negative
one has the highest bit set, and its absolute value follows. A value is one octet with its length, then the octets; 0
and 255 say NULL. From 253 octets on it is 254, then chunks of a number (the length) and octets, then the number 0.
What is written "with two lengths" is a number, and unless that is 0 a value.
"""

from __future__ import annotations

from collections.abc import Callable

SHORT, CHUNKED, NULL = 252, 254, 255
CHUNK = 32767
LENGTHS = tuple(bytes((length,)) for length in range(SHORT + 1))


def number(value: int) -> bytes:
    if not value:
        return b"\0"
    sign = 0x80 if value < 0 else 0
    size = (abs(value).bit_length() + 7) // 8
    return bytes((sign | size,)) + abs(value).to_bytes(size, "big")


def value(octets: bytes | None) -> bytes:
    if not octets:
        return b"\0"
    if len(octets) <= SHORT:
        return LENGTHS[len(octets)] + octets
    parts = [bytes((CHUNKED,))]
    for start in range(0, len(octets), CHUNK):
        chunk = octets[start : start + CHUNK]
        parts += (number(len(chunk)), chunk)
    return b"".join((*parts, b"\0"))


def lengths(octets: bytes) -> bytes:
    return number(len(octets)) + value(octets) if octets else b"\0"


class Octets:
    """What a client sent, read in order; `more` gives the octets that follow when they are needed."""

    def __init__(self, more: Callable[[], bytes], begun: bytes = b"") -> None:
        self._more = more
        self._data = begun
        self._at = 0

    def take(self, size: int) -> bytes:
        end = self._at + size
        if end > len(self._data):
            parts = [self._data[self._at :]]
            missing = end - len(self._data)
            while missing > 0:
                parts.append(self._more())
                missing -= len(parts[-1])
            self._data = b"".join(parts)
            self._at, end = 0, size
        taken = self._data[self._at : end]
        self._at = end
        return taken

    def skip(self, size: int) -> None:
        self.take(size)

    def byte(self) -> int:
        at = self._at
        if at < len(self._data):  # the way that has to be fast, as in `value`
            self._at = at + 1
            return self._data[at]
        return self.take(1)[0]

    def number(self) -> int:
        size = self.byte()
        if not size:
            return 0
        absolute = int.from_bytes(self.take(size & 0x7F), "big")
        return -absolute if size & 0x80 else absolute

    def numbers(self, count: int) -> list[int]:
        return [self.number() for _ in range(count)]

    def value(self) -> bytes | None:
        length = self.byte()
        at, end = self._at, self._at + length
        if 0 < length <= SHORT and end <= len(self._data):
            self._at = end
            return self._data[at:end]
        if length in (0, NULL):
            return None
        if length != CHUNKED:
            return self.take(length)
        parts = []
        while size := self.number():
            parts.append(self.take(size))
        return b"".join(parts)

    def lengths(self) -> bytes:
        return (self.value() or b"") if self.number() else b""
