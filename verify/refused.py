"""Rows of a source that cannot become what the target would hold, and which of them the run rejected for that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import closing

import pyarrow as pa

from ..transfer.engine import Engine
from ..transfer.errors import DataError
from ..transfer.place import Address
from ..transfer.plan import Hop, Plan
from ..transfer.rejects import row_of
from ..transfer.replay import rejected
from ..transfer.unfit import LOAD, told_apart
from .checksum import of_batch

_NAMED = 5  # rows that are told one by one
Known = Mapping[str, Counter[str]]


def rejected_by(plan: Plan, engine: Engine, target: Address) -> Known:
    """The rows that a plan's run rejected on their way, by hop; none where the target knows no such run."""
    known: dict[str, Counter[str]] = {}
    with closing(engine.loader(target)) as loader:
        there = any(row[0] == plan.run for row in loader.ledger.runs())
        for one in rejected(plan, loader) if there else ():
            if one.stage != LOAD:  # what the target refused could come, and is missing there
                word = told_apart(plan.hop(one.hop), one.stage, row_of(one), of_batch)
                known.setdefault(one.hop, Counter())[word] += 1
    return known


class Refusals:
    """Counts, of one reading of all rows of a hop, those that cannot come; `once` if that is the only one."""

    def __init__(self, hop: Hop, known: Counter[str], *, once: bool = False) -> None:
        self._hop, self._known, self._once = hop, known, once
        self._begin()

    def forget(self) -> None:
        """Begin another reading."""
        if not self._once:
            self._begin()

    def _begin(self) -> None:
        self._left = self._known.copy()
        self.rejected, self.others = 0, 0
        self._told: list[str] = []

    def heard(self, stage: str, row: pa.RecordBatch, error: DataError) -> None:
        """One row that cannot be read, or that a transform refuses."""
        word = told_apart(self._hop, stage, row, of_batch) if self._left else ""
        if self._left[word] > 0:
            self._left[word] -= 1
            self.rejected += 1
            return
        self.others += 1
        if len(self._told) < _NAMED:
            self._told.append(f"{error.key}: {error.message}" if error.key else error.message)

    def said(self) -> str:
        """What became of them, in words."""
        words = []
        if self.rejected:
            words.append(
                f"but for {self.rejected:,} rows of the source that cannot come, which the run rejected "
                "('ropeway rejects' lists them)"
            )
        if self.others:
            more = f" and {self.others - len(self._told):,} more" if self.others > len(self._told) else ""
            words.append(
                f"{self.others:,} rows of the source cannot come and were not rejected by the run, so they were "
                f"compared with nothing ({'; '.join(self._told)}{more})"
            )
        return "; ".join(words)
