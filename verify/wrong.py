"""The rows of differing segments that a repair is about, as many at a time as can be held."""

from __future__ import annotations

from collections.abc import Iterator

from ..transfer.errors import RequestError
from ..transfer.repair import Wrong
from .cells import wrong_rows
from .closer import Suspects, TooLarge, rows_of_suspects
from .manifest import Proof
from .sides import Pair


def wrong_slices(pair: Pair, proof: Proof) -> Iterator[Wrong]:
    """What is wrong with a table, some rows at a time. RequestError if some are too large to be held."""
    suspects = Suspects.of(pair, proof.division, proof.source, proof.target, asked=True)
    try:
        for rows in rows_of_suspects(suspects):
            yield wrong_rows(*rows, pair.canons, proof.division.places)
    except TooLarge:
        raise RequestError(
            f"The rows of a segment of {pair.hop.writes} are too large to be read again.",
            table=str(pair.hop.writes), remedy="Repair this table by hand.",
        ) from None  # fmt: skip
