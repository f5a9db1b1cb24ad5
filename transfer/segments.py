"""Segments: what of a table one comparison covers, the same rows on both sides whatever the engines are."""

from __future__ import annotations

from dataclasses import dataclass

ROWS = 10_000  # of a segment, about: small enough to be read again, and a thousand of them for ten million rows
NULL = "NULL"  # the segment of rows whose key is NULL, which SQLite allows in a primary key
DIGITS = 15  # at most: 4 for ten million rows, and more where few of them are to be told apart
_SPAN = 1 << 62  # beyond it a difference of two keys may not fit into 64 bits


@dataclass(frozen=True)
class Division:
    """How the rows of a table are divided; `places` are those of the key among its columns.

    With a `step`: ranges of the key's first column, an integer, from `low` upwards; a segment is called by its number.
    Else by the
    first `digits` of the hexadecimal SHA-256 of the key's canonical text, or of the whole row's where there is no key:
    independent of collations, and of how keys are distributed. Without digits there is one segment, called ''. A `salt`
    of hexadecimal digits stands before the text of each row that a checksum is of, and a `|` behind it.
    """

    places: tuple[int, ...] = ()
    low: int = 0
    step: int = 0
    digits: int = 0
    salt: str = ""

    def bounds(self, segment: str) -> tuple[int, int]:
        """The first key of a range, and the first behind it."""
        first = self.low + int(segment) * self.step
        return first, first + self.step


def grouped(division: Division | None) -> tuple[str, str]:
    """What a query of checksums begins and ends with where the segment's name is its column g; nothing without one."""
    return ("g, ", " GROUP BY g") if division else ("", "")


def salted(division: Division | None) -> str:
    """The literal that the text of a row begins with, '' for none. It has no quotes, and needs no escaping."""
    return f"'{division.salt}|'" if division and division.salt else ""


def by_range(places: tuple[int, ...], low: int, high: int, rows: int) -> Division | None:
    """Ranges of the key's first column, an integer; None where it spans too much or has too few values."""
    wanted = max(1, -(-rows // ROWS))
    if high - low >= _SPAN or not -_SPAN < low <= high < _SPAN or high - low + 1 < wanted:
        return None
    return Division(places, low, -(-(high - low + 1) // wanted))


def by_digits(places: tuple[int, ...], rows: int) -> Division:
    """By the SHA-256 of the key."""
    digits = 0
    while rows > ROWS * 16**digits:
        digits += 1
    return Division(places, digits=digits)
