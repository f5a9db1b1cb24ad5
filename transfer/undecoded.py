"""The rows of slices whose bytes pass undecoded, for a run that may read so many a second.

A reader that can tell says how many rows are in what it gave (`passed`); of any other it is known once the slice has
landed, and the slices after it are taken to have rows as wide. What was charged is set right then, and before the
worker goes on: so no more rows a second have passed than may, over the slices that have landed.
"""

from __future__ import annotations

from .engine import Reader, Receipt
from .throttle import Pace


class Undecoded:
    """What passes of one slice, as the pace is to hear of it."""

    def __init__(self, pace: Pace, widths: dict[str, float], reader: Reader) -> None:
        self._pace, self._widths, self._reader = pace, widths, reader
        self._told = 0
        self._charged = 0.0

    def moved(self, hop: str, size: int) -> None:
        """So many bytes have left the reader."""
        self._charged += self._pace.passed(self._rows(hop, size), size)

    def _rows(self, hop: str, size: int) -> float:
        told: int | None = getattr(self._reader, "passed", None)
        if told is None:
            width = self._widths.get(hop, 0.0)
            return size / width if width else 0.0
        rows, self._told = told - self._told, told
        return rows

    def landed(self, receipt: Receipt) -> None:
        """The slice is in the target, and the target has counted its rows."""
        if receipt.read:
            self._widths[receipt.hop] = receipt.bytes / receipt.read
        self._pace.wait(self._pace.cost(receipt.read, receipt.bytes) - self._charged)
