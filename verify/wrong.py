"""The rows of differing segments that a repair is about, as many at a time as can be held."""

from __future__ import annotations

from collections.abc import Iterator

from ..transfer.errors import RequestError
from ..transfer.repair import Wrong
from .cells import wrong_rows
from .manifest import Proof
from .segments import differing
from .sides import READ_AGAIN, Pair

_MOST = 320  # segments at a time: each is a condition of its own where they are ranges
_FEW_BYTES = 16 << 20  # of a side's rows: twice as many segments are read next time


def wrong_slices(pair: Pair, proof: Proof) -> Iterator[Wrong]:
    """What is wrong with a table, some segments at a time. RequestError if the rows of one are too many to be held."""
    left, size = differing(proof.source, proof.target), READ_AGAIN
    while left:
        rows = pair.rows_in(proof.division, left[:size])
        if rows is None and size == 1:
            raise RequestError(
                f"The rows of a segment of {pair.hop.writes} are too large to be read again.",
                table=str(pair.hop.writes), remedy="Repair this table by hand.",
            )  # fmt: skip
        if rows is None:
            size //= 2
            continue
        yield wrong_rows(*rows, pair.canons, proof.division.places)
        left = left[size:]
        if rows[0].nbytes < _FEW_BYTES and size < _MOST:
            size *= 2
