"""Columns as the server describes them, binds and defines as the client does.

A description is: kind, flags, precision, scale, size in octets, elements of an array, flags, an object's identity and
version, character set and its form (1 of the database, 2 national), size in characters, a number; of a column then
whether it may be NULL, its name, the schema and name of an object's type, position, flags.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..spoken import (
    BINARY_DOUBLE,
    BINARY_FLOAT,
    BLOB,
    BOOLEAN,
    CHAR,
    CLOB,
    DATE,
    INTERVAL_DS,
    INTERVAL_YM,
    JSON,
    LONG,
    NUMBER,
    ROWID,
    TIMESTAMP,
    TIMESTAMP_LTZ,
    TIMESTAMP_TZ,
    UROWID,
    VARCHAR,
    XMLTYPE,
    Column,
    Kind,
    Refused,
)  # fmt: skip
from .login import UTF8, UTF16
from .octets import Octets, lengths, number

DESCRIBE = 16
TEXTS = (VARCHAR, CHAR, LONG, CLOB)
LONGEST_STRING = 32767
IS_ARRAY = 0x40
WITH_SIZE = 0x2000000  # of a LOB's locator: its size and that of a chunk come first

# What Oracle says of kinds that have one size. A size of 0 means that a column is NULL in every row, and no octet of
# it is sent: so it is for the text kinds only, where Kind leaves it at 0.
SIZES = {
    NUMBER: 22, DATE: 7, TIMESTAMP: 11, TIMESTAMP_TZ: 13, TIMESTAMP_LTZ: 11, INTERVAL_YM: 5, INTERVAL_DS: 11,
    BINARY_FLOAT: 4, BINARY_DOUBLE: 8, BOOLEAN: 4, ROWID: 10, UROWID: 3950, CLOB: 4000, BLOB: 4000, JSON: 8200,
    XMLTYPE: 2000,
}  # fmt: skip


@dataclass(frozen=True)
class Wanted:
    """A bind, or a column as the client defines it."""

    kind: Kind
    with_size: bool = False


def size(kind: Kind) -> int:
    return kind.size or SIZES.get(kind.code, 0)


def _form(kind: Kind) -> tuple[int, int]:
    if kind.code not in TEXTS:
        return 0, 0
    return (UTF16, 2) if kind.national else (UTF8, 1)


def column(described: Column, position: int) -> bytes:
    kind = described.kind
    character_set, form = _form(kind)
    name = described.name.encode()
    is_object = kind.code == XMLTYPE
    parts = [
        bytes((kind.code, 0, kind.precision & 0xFF, kind.scale & 0xFF)),
        number(size(kind)),
        number(0) * 2,  # elements, flags
        lengths(bytes(16)) if is_object else number(0),
        number(0),  # version
        number(character_set),
        bytes((form,)),
        number((kind.chars or kind.size) if kind.code in (VARCHAR, CHAR) else 0),
        number(0),
        bytes((described.nullable, min(len(name), 255))),
        lengths(name),
        lengths(b"SYS" if is_object else b""),
        lengths(b"XMLTYPE" if is_object else b""),
        number(position),
        number(0),  # flags
    ]
    return b"".join(parts)


def columns(described: Sequence[Column]) -> bytes:
    """DESCRIBE_INFO (16): a value, longest row, count, an octet, the columns, and what clients skip."""
    parts = [bytes((DESCRIBE, 0)), number(sum(size(each.kind) for each in described)), number(len(described))]
    parts.append(b"\0" if described else b"")
    parts += (column(each, position) for position, each in enumerate(described, 1))
    return b"".join((*parts, bytes(6)))


def wanted(asked: Octets) -> Wanted:
    """A bind or define. Clients leave out precision and scale."""
    code, flags, _, _ = asked.take(4)
    octets = asked.number()
    asked.number()
    more = asked.number()
    asked.lengths()
    asked.numbers(2)
    form = asked.byte()
    chars, _ = asked.numbers(2)
    if flags & IS_ARRAY:
        raise Refused(3001, "unimplemented feature: arrays of PL/SQL")
    return Wanted(Kind(code, octets, chars, national=form == 2), bool(more & WITH_SIZE))
