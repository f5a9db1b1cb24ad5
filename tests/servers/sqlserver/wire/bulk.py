"""Bulk loads: the statement that announces one, and the rows that follow it.

INSERT BULK table (column type [COLLATE name], ...) [WITH (option [= value], ...)] comes as a batch and is answered by a
DONE. The next message is of kind 7 and looks like a reply: COLMETADATA (129: u16 columns; each u32 user type, u16
flags, TYPE_INFO, B_VARCHAR name), ROW (209) or NBCROW (210) for each row, DONE (253). It is answered by a DONE with the
count.
The columns and their kinds are taken from COLMETADATA, for that is how their values lie; it knows xml as nvarchar(max)
and a CLR type as varbinary(max). mssql-python sends a byte order mark (FF FE) before each xml. A column with the
identity flag is one whose values are to be kept.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO

from ..spoken import Column, Refused, Row
from .octets import short_text, u8, u16, u32
from .packets import ATTENTION, IGNORE, LAST, Cancelled, Line, Packet
from .types import Unframe, read_type_info, unframe

PART = r'(?:\[(?:[^\]]|\]\])*\]|"(?:[^"]|"")*"|[\w#@$]+)'
NAME = rf"(?:{PART}?\.){{0,3}}{PART}"  # a table's: server.database..table
_INSERT_BULK = re.compile(rf"\s*INSERT\s+BULK\s+({NAME})\s*\((.*)", re.IGNORECASE | re.DOTALL)
_WITH = re.compile(r"\)\s*WITH\s*\(((?:[^()]|\([^()]*\))*)\)\s*;?\s*$", re.IGNORECASE)
_OPTION = re.compile(r"(\w+)\s*(?:=\s*(\w+)|(\([^()]*\)))?\s*(?:,|$)")

_COLUMNS, _ROW, _ROW_WITH_NULLS, _DONE = 0x81, 0xD1, 0xD2, 0xFD
_NULLABLE, _IDENTITY = 0x01, 0x10


@dataclass(frozen=True)
class Announced:
    table: str  # as it was written, quotes included
    options: Mapping[str, object]  # TABLOCK: True, ROWS_PER_BATCH: 100, ORDER: "([a] ASC)"


def announced(sql: str) -> Announced | None:
    """What an INSERT BULK says; None of any other statement."""
    if not (found := _INSERT_BULK.match(sql)):
        return None
    options: dict[str, object] = {}
    if hints := _WITH.search(found[2]):
        for name, value, ordered in _OPTION.findall(hints[1]):
            options[name.upper()] = (int(value) if value.isdecimal() else value) if value else ordered or True
    return Announced(found[1], options)


class Load:
    """A bulk load as it comes in: its columns at once, its rows one by one."""

    def __init__(self, line: Line, first: Packet) -> None:
        self._line, self._packet = line, first
        self._data, self._ended = first.data, bool(first.status & LAST)
        self.columns, self._readers, self._at = self._metadata()

    def _metadata(self) -> tuple[tuple[Column, ...], list[Unframe], int]:
        while True:
            try:
                return _columns(BytesIO(self._data))
            except ValueError:
                if self._ended:
                    raise
                self._more(0, 1)

    def rows(self) -> Iterator[Row]:
        """Each row as soon as it is whole. Cancelled if the client gives the load up."""
        readers, data, at, wanted = self._readers, self._data, self._at, 1
        while True:
            try:
                row, end = _row(data, at, readers)
            except (IndexError, struct.error):
                row, end = None, len(data) + 1
            if end <= len(data):
                if row is None:
                    break
                at, wanted = end, 1
                yield row
                continue
            # A row of many packets is begun anew each time; twice as many octets each time keep that cheap.
            data, at, wanted = self._more(at, wanted), 0, 2 * max(wanted, len(data) - at)
        self.drain()

    def _more(self, at: int, wanted: int) -> bytes:
        """What is here from this place on, and what comes, until that is so many octets or all."""
        parts, size = [self._data[at:]], len(self._data) - at
        if self._ended:
            raise Refused(4804, "While reading a row from the client, a premature end of message was encountered.")
        while True:
            last = self._next()
            parts.append(self._packet.data)
            size += len(self._packet.data)
            if last or size >= wanted:
                break
        self._data = b"".join(parts)
        return self._data

    def drain(self) -> None:
        """Read what is left, so that the reply is not taken for that of another request."""
        while not self._ended:
            self._next()

    def _next(self) -> bool:
        """Read a packet; whether it is the last."""
        self._packet = self._line.packet()
        self._ended = bool(self._packet.status & LAST)
        if self._packet.kind == ATTENTION or self._packet.status & IGNORE:
            self._ended = True
            raise Cancelled
        return self._ended


def _columns(stream: BytesIO) -> tuple[tuple[Column, ...], list[Unframe], int]:
    if u8(stream) != _COLUMNS:
        raise ValueError("a bulk load begins with its columns")
    columns, readers = [], []
    for _ in range(u16(stream)):
        u32(stream)
        flags = u16(stream)
        kind, fixed = read_type_info(stream, bulk=True)
        nullable, identity = bool(flags & _NULLABLE), bool(flags & _IDENTITY)
        columns.append(Column(short_text(stream), kind, nullable=nullable, identity=identity))
        readers.append(unframe(kind, fixed=fixed))
    return tuple(columns), readers, stream.tell()


def _row(data: bytes, at: int, readers: Sequence[Unframe]) -> tuple[Row | None, int]:
    """The row that begins here, None for the end of them, and where the next token does."""
    token, at, row = data[at], at + 1, []
    if token == _ROW:
        for read in readers:
            value, at = read(data, at)
            row.append(value)
        return row, at
    if token == _ROW_WITH_NULLS:
        end = at + (len(readers) + 7) // 8
        nulls, at = int.from_bytes(data[at:end], "little"), end
        for place, read in enumerate(readers):
            value, at = (None, at) if nulls >> place & 1 else read(data, at)
            row.append(value)
        return row, at
    if token == _DONE:
        return None, at
    raise Refused(4815, f"Received an invalid column length from the client: token {token} where a row should begin.")
