"""LOBs by their locators: 40 octets that stand for a value on the server.

Octet 4 of a locator is 1 for a BLOB, 5 is 8, 6 is 0x80 where characters are UTF-16 (so are those of every CLOB and
NCLOB here), 7 is 1 for a temporary LOB; the last 8 are the number that we know it by. Sizes and places count octets of
a BLOB, UTF-16 units of a CLOB, places from 1 on.

LOB_OP (96): pointer and length of the source locator, of another, two numbers, pointers (character set, amount, flag),
operation, two octets, place, other place, pointer to an amount, 6 octets; then the locator, a character set if one is
created, 14 and a value if one is written, the amount if its pointer says so. The reply is 14 and a value if one was
read, PARAMETER (8) with the locator and, as asked, character set and flags or amount or a flag, and STATUS.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field

from ..spoken import BLOB, Refused
from .octets import Octets, number, value
from .outcome import PARAMETER

LENGTH, READ, TRIM, WRITE, CHUNK_SIZE = 0x1, 0x2, 0x20, 0x40, 0x4000
CREATE, FREE, FREE_MANY = 0x110, 0x111, 0x80111
OPEN, CLOSE, IS_OPEN = 0x8000, 0x10000, 0x11000
LOB_DATA = 14
SIZE = 40
CHUNK = 8060
NO_AMOUNT = 0


@dataclass
class Lob:
    number: int
    binary: bool
    national: bool
    temporary: bool
    content: bytearray = field(default_factory=bytearray)
    is_open: bool = False

    @property
    def unit(self) -> int:
        return 1 if self.binary else 2

    @property
    def length(self) -> int:
        return len(self.content) // self.unit

    @property
    def locator(self) -> bytes:
        flags = (self.binary, 8, 0 if self.binary else 0x80, self.temporary)
        return bytes((0, SIZE - 2, 0, 1, *flags)) + bytes(SIZE - 16) + self.number.to_bytes(8, "big")

    def value(self) -> bytes:
        """The content as it passes to the store."""
        if self.binary or self.national:
            return bytes(self.content)
        return self.content.decode("utf-16-be", "surrogatepass").encode("utf-8", "surrogatepass")


class Lobs:
    """Those of a connection, kept until it ends: nobody says when a locator is no more needed."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._known: dict[int, Lob] = {}

    def _new(self, *, binary: bool, national: bool, temporary: bool) -> Lob:
        lob = Lob(next(self._numbers), binary, national, temporary)
        self._known[lob.number] = lob
        return lob

    def keep(self, octets: bytes, *, binary: bool, national: bool) -> Lob:
        """A value of the store, which a client may now ask for by its locator."""
        lob = self._new(binary=binary, national=national, temporary=False)
        lob.content += octets if binary or national else octets.decode().encode("utf-16-be")
        return lob

    def create(self, *, binary: bool, national: bool) -> Lob:
        return self._new(binary=binary, national=national, temporary=True)

    def find(self, locator: bytes) -> Lob:
        lob = self._known.get(int.from_bytes(locator[-8:], "big"))
        if lob is None:
            raise Refused(22275, "invalid LOB locator specified")
        return lob

    def free(self, locators: Iterable[bytes]) -> None:
        for locator in locators:
            self._known.pop(int.from_bytes(locator[-8:], "big"), None)


@dataclass(frozen=True)
class Asked:
    """A request for an operation."""

    operation: int
    locator: bytes
    place: int
    kind: int  # of a LOB to create
    amount: int | None
    data: bytes


def read(asked: Octets) -> Asked:
    asked.skip(1)
    length = asked.number()
    asked.skip(1)
    asked.numbers(3)
    asked.skip(3)
    operation = asked.number()
    asked.skip(2)
    place, other = asked.numbers(2)
    has_amount = asked.byte()
    asked.skip(6)
    locator = asked.take(length)
    if operation == CREATE:
        asked.number()
    data = b""
    if operation == WRITE:
        asked.skip(1)
        data = asked.value() or b""
    return Asked(operation, locator, place, other, asked.number() if has_amount else None, data)


def free(asked: Octets, lobs: Lobs) -> None:
    """The message without a reply that comes before another: all fields of a request, then the locators in a row."""
    asked.skip(1)
    length = asked.number()
    asked.skip(1)
    asked.numbers(3)
    asked.skip(3)
    asked.number()
    asked.skip(1)
    asked.numbers(3)
    asked.skip(1)
    for _ in range(3):
        asked.skip(1)
        asked.number()
    locators = asked.take(length)
    lobs.free(locators[start : start + SIZE] for start in range(0, length, SIZE))


def carry_out(asked: Asked, lobs: Lobs) -> bytes:
    """An operation; the reply up to its STATUS."""
    if asked.operation == CREATE:
        # The place of a LOB to create is the form of its character set, the other place its kind.
        lob = lobs.create(binary=asked.kind == BLOB, national=asked.place == 2)
        return bytes((PARAMETER,)) + lob.locator + number(0) + b"\0"
    lob = lobs.find(asked.locator)
    before, amount, after = b"", asked.amount or 0, b""
    start = max(asked.place - 1, 0) * lob.unit
    if asked.operation == READ:
        found = bytes(lob.content[start : start + amount * lob.unit])
        before = bytes((LOB_DATA,)) + value(found) if found else b""
        amount = len(found) // lob.unit
    elif asked.operation == WRITE:
        lob.content.extend(bytes(max(start - len(lob.content), 0)))
        lob.content[start : start + len(asked.data)] = asked.data
    elif asked.operation == LENGTH:
        amount = lob.length
    elif asked.operation == TRIM:
        del lob.content[amount * lob.unit :]
    elif asked.operation == CHUNK_SIZE:
        amount = CHUNK
    elif asked.operation in (OPEN, CLOSE):
        lob.is_open = asked.operation == OPEN
    elif asked.operation == IS_OPEN:
        after = bytes((lob.is_open,))
    elif asked.operation == FREE:
        lobs.free([asked.locator])
    else:
        raise Refused(3001, f"unimplemented feature: LOB operation {asked.operation:#x}")
    said = number(amount) if asked.amount is not None else b""
    return before + bytes((PARAMETER,)) + asked.locator + said + after
