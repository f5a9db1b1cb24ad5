"""How long a plan will take, from what was measured: a probe, earlier runs of the pair here, or the benchmarks.

It is no part of the plan: what was measured changes from day to day, and equal plans must stay equal.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from ..transfer.plan import Hop, Plan, from_json
from . import speeds
from .record import runs
from .wire import Outcome

_RECENT = 20  # runs that are looked at
_FEW_ROWS = 10_000  # fewer say more of connecting than of moving
_FEW_PROBED = 500  # a probe's clock runs for its slices alone
_RUN_FACTOR, _OWN_FACTOR, _FACTOR = 1.5, 3.0, 5.0
_START = 2.0  # seconds that a run takes with nothing to move
_INDEX = 0.15  # of the time of a table, for each index and foreign key that is made afterwards: an assumption


@dataclass(frozen=True)
class Estimate:
    """Seconds from and to, by table (the hop's name) and whole; what they go by; -1 where the rows are unknown."""

    low: float
    high: float
    basis: str
    tables: tuple[tuple[str, float, float], ...]
    unknown: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{span(self.low, self.high)} (from {self.basis})"

    def shape(self) -> dict[str, Any]:
        """As `plan --json` has it, in seconds."""
        return {
            "seconds": [round(self.low, 1), round(self.high, 1)], "basis": self.basis, "unknown": list(self.unknown),
            "tables": [{"hop": name, "seconds": [round(low, 1), round(high, 1)]} for name, low, high in self.tables],
        }  # fmt: skip


@dataclass(frozen=True)
class Speed:
    """Cells (rows times columns) in a second, how far off it may be, and where it comes from."""

    cells: float
    factor: float
    basis: str


def estimate(plan: Plan, probed: Speed | None = None, base: Path | None = None) -> Estimate:
    """The best that is known: a probe of these very tables, earlier runs of the same two places, the benchmarks."""
    speed = _of_runs(plan, base) or probed or _of_benchmarks(plan)
    tables = [(hop.name, *_of_hop(hop, plan, speed)) for hop in plan.hops if hop.rows >= 0]
    return Estimate(
        _START / 2 + sum(low for _, low, _ in tables), 2 * _START + sum(high for *_, high in tables), speed.basis,
        tuple(tables), tuple(hop.named for hop in plan.hops if hop.rows < 0),
    )  # fmt: skip


def _of_hop(hop: Hop, plan: Plan, speed: Speed) -> tuple[float, float]:
    rows = min(hop.rows, hop.limit) if hop.limit else hop.rows
    later = sum(1 for one in plan.statements if one.hop == hop.name and one.phase != "before" and one.lock)
    twice = 2 if hop.into != hop.writes and hop.mode in ("append", "merge") else 1  # the rows are published once more
    seconds = rows * len(hop.columns) / speed.cells * twice * (1 + _INDEX * later)
    return seconds / speed.factor, seconds * speed.factor


def of_outcome(tried: Outcome) -> Speed | None:
    """What a probe says, by the time that its slices took; None for so few rows that connecting took most of it."""
    columns = {hop.name: len(hop.columns) for hop in tried.plan.hops}
    parts = [receipt for receipt in tried.receipts if receipt.slice]
    rows, seconds = sum(one.loaded for one in parts), sum(one.seconds for one in parts)
    if rows < _FEW_PROBED or seconds <= 0:
        return None
    cells = sum(one.loaded * columns[one.hop] for one in parts)
    return Speed(cells / seconds, _OWN_FACTOR, f"a probe of {rows:,} rows")


def _of_benchmarks(plan: Plan) -> Speed:
    proven = plan.level in ("standard", "full")
    rows, own = speeds.rows_per_second(plan.source.scheme, plan.target.scheme, proven=proven)
    said = speeds.SOURCE if own else f"the slowest pair of {speeds.SOURCE}: this one was not measured"
    return Speed(rows * speeds.COLUMNS, _OWN_FACTOR if own else _FACTOR, said)


def _of_runs(plan: Plan, base: Path | None) -> Speed | None:
    """The latest runs between the same two places, or else the same two engines, that moved enough to tell."""
    near: list[tuple[str, float]] = []
    for before, report in islice(_known(base), _RECENT):
        if (before.source.scheme, before.target.scheme) != (plan.source.scheme, plan.target.scheme):
            continue
        if before.level != plan.level:
            continue
        cells, seconds = _moved(before, report)
        if cells and seconds:
            near.append((before.run, cells / seconds))
    if not near:
        return None
    rates = sorted(rate for _, rate in near)
    names = ", ".join(name for name, _ in near[:3])
    return Speed(rates[len(rates) // 2], _RUN_FACTOR, f"run{'s' if len(near) > 1 else ''} {names} here")


def _known(base: Path | None) -> Iterator[tuple[Plan, dict[str, Any]]]:
    """Runs with a report, the latest first; what cannot be read tells nothing."""
    for folder in reversed(runs(base)):
        with suppress(OSError, ValueError):
            report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
            yield from_json((folder / "plan.json").read_text(encoding="utf-8")), report


def _moved(plan: Plan, report: dict[str, Any]) -> tuple[float, float]:
    """Cells and seconds of a run, its verification included."""
    columns = {(hop.named, str(hop.writes)): len(hop.columns) for hop in plan.hops}
    tables: Sequence[dict[str, Any]] = report.get("tables", ())
    rows = sum(int(table["loaded"]) for table in tables)
    if rows < _FEW_ROWS:
        return 0, 0
    cells = sum(table["loaded"] * columns.get((table["source"], table["target"]), 0) for table in tables)
    return cells, float(report.get("seconds", 0))


def span(low: float, high: float) -> str:
    """Two durations in words that are no more exact than they are."""
    if high < 60:
        return f"about {max(1, round(low))} to {max(2, round(high))} s"
    if high < 5400:
        return f"about {max(1, round(low / 60))} to {max(2, round(high / 60))} min"
    return f"about {low / 3600:.1f} to {high / 3600:.1f} h"


_DOWN = {
    "run": "Writers may go on, but what they write after the run began is not moved: for a cut-over they stop for all "
    "of it, verification included.",
    "frozen": "The source must not be written to while it is read: writers stop for all of it.",
}  # fmt: skip
_DOWN["table"] = _DOWN["run"]
_DOWN["none"] = "Rows that are written meanwhile may be moved or not: for a cut-over writers stop for all of it."


def downtime(plan: Plan) -> str:
    """What a consistency means for those who write to the source."""
    return _DOWN[plan.consistency]


def prose(plan: Plan, known: Estimate) -> list[str]:
    """The estimate in sentences, for people."""
    said = [f"Time: {known}.", f"Downtime: {downtime(plan)}"]
    if known.unknown:
        said.append(f"Not in it, for their rows are unknown: {', '.join(known.unknown)}.")
    return said
