"""A closer look: the rows of segments that differ, as many at a time as can be held.

A segment with more of them is divided again, by the digits of its key's SHA-256: ranges of a key may be of any size,
and rows of any length.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import pyarrow as pa

from ..transfer.segments import DIGITS, Division
from .checksum import Sum
from .segments import differing
from .sides import Pair, Side, computed, range_of

Rows = tuple[pa.Table, pa.Table]

_ROWS = 50_000  # of a side that are read together
_RANGES = 320  # of a key that are read together: each is a condition of its own
_BYTES = 16 << 20  # of a side's rows; what is made of them takes as much again
_LAST_BYTES = 128 << 20  # of rows that no digits tell apart, or that are as long as that
_FINER = 2  # digits: of 256 parts each can be held, where the whole of about 10,000 rows was a few GB


class TooLarge(Exception):
    """The rows of a segment are too large to be held."""


@dataclass(frozen=True)
class Suspects:
    """Segments of a pair's rows that differ, with how many rows each has on its larger side."""

    pair: Pair
    division: Division
    rows: Mapping[str, int]
    asked: bool = True

    @classmethod
    def of(
        cls, pair: Pair, division: Division, expected: Mapping[str, Sum], held: Mapping[str, Sum], *, asked: bool,
        prefix: str = "",
    ) -> Suspects:  # fmt: skip
        """Those whose sums differ; of segments by digits, those that begin with `prefix`."""
        names = [name for name in differing(expected, held) if name.startswith(prefix)]
        rows = {name: max(sums[name].count for sums in (expected, held) if name in sums) for name in names}
        return cls(pair, division, rows, asked)

    def first(self, most: int) -> Suspects:
        return replace(self, rows={name: self.rows[name] for name in list(self.rows)[:most]})


def rows_of_suspects(suspects: Suspects) -> Iterator[Rows]:
    """The source's and the target's rows of all these segments. TooLarge if some cannot be held."""
    left, most = dict(suspects.rows), _ROWS
    while left:
        names = _together(left, most)
        rows = suspects.pair.rows_in(suspects.division, names, _BYTES) if left[names[0]] <= most else None
        if rows is None and len(names) > 1:
            most = sum(left[name] for name in names) // 2
            continue
        for name in names:
            del left[name]
        if rows is not None:
            yield rows
        else:
            yield from _divided(suspects, names[0])


def _together(left: dict[str, int], most: int) -> list[str]:
    names: list[str] = []
    for name, count in left.items():
        if names and (count > most or len(names) == _RANGES):
            break
        names.append(name)
        most -= count
    return names


def _divided(suspects: Suspects, segment: str) -> Iterator[Rows]:
    """The rows of one segment, in parts."""
    pair, division, prefix = suspects.pair, suspects.division, segment
    if division.step:
        pair, prefix = pair.of(lambda side: _within(side, division, segment)), ""
    finer = Division(division.places, digits=division.digits + _FINER)
    if suspects.rows[segment] > 1 and finer.digits <= DIGITS:
        expected, held = computed(pair, finer, asked=suspects.asked)
        asked = suspects.asked
        yield from rows_of_suspects(Suspects.of(pair, finer, expected.sums, held.sums, asked=asked, prefix=prefix))
        return
    rows = suspects.pair.rows_in(division, [segment], _LAST_BYTES)
    if rows is None:
        raise TooLarge
    yield rows


def _within(side: Side, division: Division, segment: str) -> Side:
    clause = range_of(side, division, segment)
    where = f"({side.hop.where}) AND ({clause})" if side.hop.where else clause
    return replace(side, hop=replace(side.hop, where=where))
