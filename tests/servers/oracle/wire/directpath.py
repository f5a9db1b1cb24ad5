"""Direct path load: rows are written as the table stores them, past SQL.

PREPARE (128): 1 to load; pointer and count of words; pointer and count of numbers; six pointers; words (number 0,
length, value, and what it is: 3 the schema, 1 the table, 4 a column); numbers. The reply is PARAMETER (8) with the
count of columns and their descriptions, number 0, and four numbers of which the last is a cursor, then STATUS.

LOAD_STREAM (129): cursor, pointer, length of all pieces, version, pointer, number, two pointers, pieces. A row is one
piece or several. A piece is an octet of flags (8 first of its row, 4 last, 2 its first value continues the one before,
1 its last value goes on, 0x20 the whole row of a simple kind, of which the length of the piece follows in 2 octets),
the number of segments, segments. A segment is a value or a part of one: a length of up to 250, or 254 and 2 octets of
length, then octets; 255 is NULL. A CLOB is UTF-16, a BOOLEAN one octet. The reply is PARAMETER with number 0, STATUS.

OPERATION (130): 2 to finish and commit, 1 to forget; cursor, pointer, number, two pointers. Reply as above.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..spoken import BOOLEAN, Column, Row, Session
from . import describe
from .octets import CHUNKED, NULL, Octets, number
from .outcome import PARAMETER

SCHEMA, TABLE, COLUMN = 3, 1, 4
FINISH = 2
FIRST, LAST, CONTINUES, WHOLE = 8, 4, 2, 0x20
CURSOR = 65000  # of every load: a connection has one at a time


class Load:
    """The load that a connection is at."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._booleans: tuple[int, ...] = ()

    def prepare(self, asked: Octets) -> bytes:
        asked.number()
        asked.skip(1)
        words = asked.number()
        asked.skip(1)
        numbers = asked.number()
        asked.skip(6)
        names: dict[int, list[str]] = {SCHEMA: [], TABLE: [], COLUMN: []}
        for _ in range(words):
            asked.numbers(2)
            word = (asked.value() or b"").decode()
            names.setdefault(asked.number(), []).append(word)
        asked.numbers(numbers)
        columns = self._session.target(names[SCHEMA][0], names[TABLE][0], names[COLUMN])
        self._booleans = tuple(place for place, each in enumerate(columns) if each.kind.code == BOOLEAN)
        return _columns(columns)

    def stream(self, asked: Octets) -> bytes:
        asked.number()
        asked.skip(1)
        length = asked.number()
        asked.number()
        asked.skip(1)
        asked.number()
        asked.skip(2)
        self._session.load([self._as_sent(row) for row in rows(asked.take(length))])
        return bytes((PARAMETER,)) + number(0)

    def _as_sent(self, row: list[bytes | None]) -> Row:
        """A BOOLEAN as it is in any other message."""
        for place in self._booleans:
            if row[place] == b"\1":
                row[place] = b"\1\1"
        return row

    def end(self, asked: Octets) -> bytes:
        operation = asked.number()
        asked.number()
        asked.skip(1)
        asked.number()
        asked.skip(2)
        self._session.finish(keep=operation == FINISH)
        return bytes((PARAMETER,)) + number(0)


def _columns(columns: Sequence[Column]) -> bytes:
    described = b"".join(describe.column(each, place) for place, each in enumerate(columns, 1))
    numbers = number(0) * 3 + number(CURSOR)
    return bytes((PARAMETER,)) + number(len(columns)) + described + number(0) + number(4) + numbers


def rows(pieces: bytes) -> Iterator[list[bytes | None]]:
    """The rows of a stream of pieces."""
    row: list[bytes | None] = []
    at = 0
    while at < len(pieces):
        flags = pieces[at]
        at += 3 if flags & WHOLE else 1
        segments = pieces[at]
        at += 1
        for place in range(segments):
            length = pieces[at]
            at += 1
            if length == NULL:
                row.append(None)
                continue
            if length == CHUNKED:
                length = int.from_bytes(pieces[at : at + 2], "big")
                at += 2
            octets = pieces[at : at + length]
            at += length
            if flags & CONTINUES and not place:
                row[-1] = (row[-1] or b"") + octets
            else:
                row.append(octets)
        if flags & LAST:
            yield row
            row = []
