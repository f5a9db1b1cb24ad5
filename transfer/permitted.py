"""How many rows a run may reject."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .errors import RequestError


@dataclass(frozen=True)
class Permitted:
    """How many rows may be rejected: a number over the whole run, or so many percent of each table's rows."""

    rows: int = 0
    percent: float = 0.0

    def most(self, known: int) -> int:
        """Of a table of so many rows; of a number, the number."""
        return int(known * self.percent / 100) if self.percent else self.rows


def permitted(text: str) -> Permitted:
    """What `100` or `0.5%` says, or ''. RequestError for anything else."""
    found = re.fullmatch(r"(\d+)|(\d+(?:\.\d+)?)\s*%", text.strip() or "0")
    percent = float(found[2] or 0) if found else 0.0
    if not found or percent > 100:
        raise RequestError(
            f"{text!r} is no number of rows.", remedy="Write max_rejects as 100, or as 0.5% of each table's rows."
        )
    return Permitted(int(found[1] or 0), percent)
