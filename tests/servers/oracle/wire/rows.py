"""Rows of a query, as they are sent: 7, then the value of each column; NULL is the octet 0.

Some kinds say more than a value. LONG and LONG RAW are followed by an indicator and a return code, two numbers (NULL:
-1 and 1405). A ROWID is the octet 1 and its four parts as numbers, an UROWID two lengths around the parts of fixed
size. A LOB that the client has not defined as LONG is a locator: length, size, size of a chunk, the locator as a value;
that of a JSON, its content stands before the locator.

A row of which some values repeat those of the row before may be preceded by 21, the number of values sent, and a bit
for each column, from the lowest of the first octet on: 0 where the value is left out. For the first row of a reply the
bits stand in the ROW_HEADER that begins it.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Sequence

from ..spoken import (
    BLOB,
    CHAR,
    CLOB,
    JSON,
    LONG,
    LONG_RAW,
    RAW,
    ROWID,
    UROWID,
    VARCHAR,
    XMLTYPE,
    Column,
    Encoded,
    Kind,
    Row,
    Value,
)  # fmt: skip
from .describe import Wanted, size
from .lobs import Lobs
from .octets import LENGTHS, SHORT, lengths, number, value

ROW_HEADER, ROW, REPEATS = 6, b"\7", 21
NULL_LONG = b"\0" + number(-1) + number(1405)
CHUNK_OF_LOB = 8060
Encode = Callable[[Value], bytes]
LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def _long(octets: Value) -> bytes:
    return value(octets) + b"\0\0" if octets else NULL_LONG


def _parts(letters: bytes) -> tuple[int, int, int, int]:
    """Object, file, block and slot of a ROWID's 18 letters: 6, 3, 6 and 3 digits to the base 64."""
    found = []
    for start, end in ((0, 6), (6, 9), (9, 15), (15, 18)):
        total = 0
        for letter in letters[start:end]:
            total = total * 64 + LETTERS.index(letter)
        found.append(total)
    one, two, three, four = found
    return one, two, three, four


def _rowid(letters: Value) -> bytes:
    if not letters:
        return b"\0"
    row, file, block, slot = _parts(letters)
    return b"\1" + number(row) + number(file) + b"\0" + number(block) + number(slot)


def _urowid(letters: Value) -> bytes:
    if not letters:
        return b"\0"
    if letters.startswith(b"*"):  # a logical one: the key of its row in an index
        return lengths(b"\2" + base64.b64decode(letters[1:] + b"=" * (-(len(letters) - 1) % 4)))
    row, file, block, slot = _parts(letters)
    parts = ((row, 4), (file, 2), (block, 4), (slot, 2))
    return lengths(b"\1" + b"".join(part.to_bytes(width, "big") for part, width in parts))


def _xml(text: Value) -> bytes:
    """An object: three values of its identity, version, length, flags, and the image: here a header and the text."""
    if not text:
        return bytes(6)
    image = b"\x84\1" + b"\xfe" + (len(text) + 12).to_bytes(4, "big") + b"\1" + (4).to_bytes(4, "big") + text
    return bytes(4) + number(len(image)) + number(0) + value(image)


def _json(octets: Value) -> bytes:
    """A LOB sent whole: length, size, size of a chunk, content (OSON), and a locator that nobody needs."""
    if not octets:
        return b"\0"
    return number(40) + number(len(octets)) + number(CHUNK_OF_LOB) + value(octets) + value(bytes(40))


def _nothing(octets: Value) -> bytes:
    assert octets is None, "a column of size 0 is always NULL"
    return b""


def _lob(lobs: Lobs, column: Column, *, with_size: bool) -> Encode:
    kind = column.kind

    def encode(octets: Value) -> bytes:
        if octets is None:
            return b"\0"
        lob = lobs.keep(octets, binary=kind.code == BLOB, national=kind.national)
        sizes = number(lob.length) + number(CHUNK_OF_LOB) if with_size else b""
        return number(len(lob.locator)) + sizes + value(lob.locator)

    return encode


def encoder(column: Column, define: Wanted | None, lobs: Lobs) -> Encode:
    """How a column's values are sent."""
    code = column.kind.code
    if code in (CLOB, BLOB):
        if define is None or define.kind.code in (CLOB, BLOB):
            return _lob(lobs, column, with_size=define is not None and define.with_size)
        return _long if define.kind.code in (LONG, LONG_RAW) else value
    if code in (VARCHAR, CHAR, RAW) and not size(column.kind):
        return _nothing
    special = {LONG: _long, LONG_RAW: _long, ROWID: _rowid, UROWID: _urowid, XMLTYPE: _xml, JSON: _json}
    return special.get(code, value)


def plain(rows: Iterable[Row]) -> bytes:
    """Rows whose columns are all sent as values: the way that has to be fast."""
    parts: list[bytes] = []
    add = parts.append
    for row in rows:
        add(ROW)
        for octets in row:
            if octets is None:
                add(b"\0")
            elif len(octets) <= SHORT:
                add(LENGTHS[len(octets)])
                add(octets)
            else:
                add(value(octets))
    return b"".join(parts)


def one(encoders: Sequence[Encode], row: Row) -> bytes:
    return ROW + b"".join(encode(octets) for encode, octets in zip(encoders, row, strict=True))


def encoded(columns: Sequence[Column], rows: Sequence[Row]) -> Encoded:
    """Rows made ready to be sent again and again; LOBs as LONG, as Arrow's readers define them."""
    lobs = Lobs()
    as_long = {CLOB: Wanted(Kind(LONG)), BLOB: Wanted(Kind(LONG_RAW))}
    encoders = [encoder(column, as_long.get(column.kind.code), lobs) for column in columns]
    return Encoded(b"".join(one(encoders, row) for row in rows), len(rows))


def header(bits: bytes = b"") -> bytes:
    """ROW_HEADER: flags, requests, iteration, iterations, length, bits (count, an octet, bits), another value."""
    return bytes((ROW_HEADER, 0)) + number(0) * 4 + number(len(bits)) + (b"\0" + bits if bits else b"") + number(0)


def repeats(count: int, bits: bytes) -> bytes:
    return bytes((REPEATS,)) + number(count) + bits


def bits(sent: Sequence[bool]) -> bytes:
    octets = bytearray((len(sent) + 7) // 8)
    for place, is_sent in enumerate(sent):
        octets[place // 8] |= is_sent << place % 8
    return bytes(octets)
