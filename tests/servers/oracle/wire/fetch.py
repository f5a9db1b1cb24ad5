"""A cursor's rows: ROW_HEADER, rows up to the number asked for, and an ERROR, 0 or 1403 where no more are left."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..spoken import BLOB, CLOB, JSON, LONG, LONG_RAW, Column, Encoded, Lost, Refused, Row
from . import rows as written
from .describe import Wanted
from .lobs import Lobs
from .octets import value
from .packets import Line

BLOCK = 500  # rows that are joined before they are sent
NOT_REPEATED = (CLOB, BLOB, JSON, LONG, LONG_RAW)


@dataclass
class Cursor:
    """A statement that has been parsed, its binds as they last were, and the rows that were not yet asked for."""

    number: int
    sql: str
    binds: tuple[Wanted, ...] = ()
    columns: tuple[Column, ...] = ()
    defines: tuple[Wanted, ...] = ()
    rows: Iterator[Row | Encoded] | None = None
    held: Encoded | None = None  # a block that did not fit
    last: Row | None = None
    fetched: int = 0
    ended: bool = False

    def open(self, rows: Iterator[Row | Encoded]) -> None:
        self.rows, self.held, self.last, self.fetched, self.ended = rows, None, None, 0, False

    def needs_define(self) -> bool:
        """Whether the client has yet to say if it wants the LOBs of its rows themselves or locators."""
        return not self.defines and any(each.kind.code in (CLOB, BLOB, JSON) for each in self.columns)

    def block(self, most: int, room: int) -> Encoded | list[Row]:
        """The next rows, empty if there are none, or none that fit."""
        assert self.rows is not None
        found: list[Row] = []
        while len(found) < most:
            item = self.held or next(self.rows, None)
            self.held = None
            if item is None:
                self.ended = True
                break
            if not isinstance(item, Encoded):
                found.append(item)
            elif found or item.count > room:
                self.held = item
                break
            else:
                return item
        return found


def _sent(cursor: Cursor, row: Row) -> list[bool]:
    """Which values of a row differ from the row before."""
    last, cursor.last = cursor.last, row
    if last is None:
        return [True] * len(row)
    columns = zip(cursor.columns, row, last, strict=True)
    return [column.kind.code in NOT_REPEATED or octets != before for column, octets, before in columns]


def _varied(cursor: Cursor, encoders: Sequence[written.Encode], found: list[Row], *, first: bool) -> bytes:
    """Rows without what repeats; the bits of the first one of a reply belong to its header."""
    parts = []
    for place, row in enumerate(found):
        sent = _sent(cursor, row)
        bits = b"" if all(sent) else written.bits(sent)
        if first and not place:
            parts.append(written.header(bits))
        elif bits:
            parts.append(written.repeats(sum(sent), bits))
        kept = [(encode, octets) for encode, octets, is_sent in zip(encoders, row, sent, strict=True) if is_sent]
        parts.append(written.ROW + b"".join(encode(octets) for encode, octets in kept))
    return b"".join(parts)


def rows(cursor: Cursor, most: int, lobs: Lobs, line: Line) -> Iterator[bytes]:
    """Up to `most` rows, as they are sent. Afterwards `cursor.ended` says whether these were the last."""
    if cursor.rows is None:
        raise Refused(1002, "fetch out of sequence")
    defines = cursor.defines or (None,) * len(cursor.columns)
    encoders = [written.encoder(column, define, lobs) for column, define in zip(cursor.columns, defines, strict=True)]
    is_plain = all(encode is value for encode in encoders)
    conduct = line.conduct
    begun, left = False, most
    while left:
        block = cursor.block(min(left, 1 if conduct.slow_rows else BLOCK), left)
        if not block:
            break
        if conduct.slow_rows:
            line.pause(conduct.slow_rows)
        if conduct.drops_rows(cursor.sql, block.count if isinstance(block, Encoded) else len(block)):
            raise Lost
        if isinstance(block, Encoded):
            cursor.last, count = None, block.count
            yield block.octets if begun else written.header() + block.octets
        else:
            count = len(block)
            if conduct.repeats:
                yield _varied(cursor, encoders, block, first=not begun)
            else:
                cursor.last = block[-1]
                octets = written.plain(block) if is_plain else b"".join(written.one(encoders, row) for row in block)
                yield octets if begun else written.header() + octets
        begun, left = True, left - count
        cursor.fetched += count
    if cursor.held and left == most:
        raise Refused(600, f"a block of {cursor.held.count} rows is more than the {most} asked for")
