"""Level standard without a run: of what was read now, the source's own server computes some segments as well.

Those that hold extreme values, as a run chooses slices (transfer/asking.py), and some by lot.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from ..transfer.asking import EXTREMES, MOST, SAMPLE, SHARE, greedy
from ..transfer.cutting import LARGE
from ..transfer.extremes import Holders
from ..transfer.segments import Division
from ..transfer.verification import unasked
from .asked import spokesman
from .checksum import Sum
from .segments import Segments, whereabouts
from .sides import Side, of_condition, range_of

_MOST = 64  # ranges in one query, of either kind
_NAMED = 5


@dataclass(frozen=True)
class Answer:
    """What the source's server was asked for, in words, and where it says otherwise than what was read."""

    asked: str
    disputed: str = ""


def sampled(side: Side, division: Division, read: Segments, held: Holders) -> Answer:
    """What a side's server says of some of the segments that were `read`; `held` are the extremes, by their numbers."""
    rows = {name: one.count for name, one in read.items()}
    total = sum(rows.values())
    if not total:
        return Answer("")
    picked, words = (list(rows), []) if total <= LARGE else _picked(rows, held, len(side.hop.columns))
    why = unasked(side.hop) or ("rows of it cannot be read" if side.refusals else "")
    why = why or ("" if side.columns else f"{side.engine.name} computes none")
    if not why and total > LARGE and not division.step:
        why = "a part of a large table whose key begins with no integer takes a scan; --level full makes it"
    where = "" if total <= LARGE or why else " OR ".join(range_of(side, division, name) for name in picked)
    found = None if why else of_condition(side, side.session, division, where)
    if found is None:
        why = why or f"{side.engine.name} computes no checksum of it in SQL"
        return Answer(f"the source's own server was asked for no checksum: {why}")
    other = [name for name in picked if found.get(name, Sum.zero()) != read[name]]
    return Answer(_told(side, picked, words, rows), _disputed(side, division, other))


def _picked(rows: dict[str, int], held: Holders, columns: int) -> tuple[list[str], list[str]]:
    """The segments to ask for, and why these."""
    counts = {int(name): count for name, count in rows.items() if name.lstrip("-").isdigit()}
    total = sum(counts.values())
    best = greedy(held, counts, total // EXTREMES, max(total // MOST, LARGE))[:_MOST]
    others = sorted(counts.keys() - best)
    budget, lot = total // SHARE, secrets.SystemRandom()
    for number in lot.sample(others, min(_MOST, len(others))):
        if (budget := budget - counts[number]) < 0:
            break
        best.append(number)
    words = [f"the extremes of {held.columns(best)} of {columns} columns"] if held.slices else []
    return [str(number) for number in best], [*words, SAMPLE]


def _told(side: Side, picked: Sequence[str], words: Sequence[str], rows: dict[str, int]) -> str:
    who = spokesman(side.engine)
    if not words:
        return f"{who} computed the checksum of all rows as well"
    share = 100 * sum(rows[name] for name in picked) / sum(rows.values())
    why = f"{share:.0f}% of the rows: {' and '.join(words)}"
    return f"{who} computed {len(picked):,} of {len(rows):,} segments as well ({why})"


def _disputed(side: Side, division: Division, other: Sequence[str]) -> str:
    if not other:
        return ""
    key = [side.hop.columns[place].target for place in division.places]
    where = "; ".join(whereabouts(division, key, name, name) for name in other[:_NAMED])
    return (
        f"where {where}, what Ropeway's driver read is not what the source's own server holds, or somebody writes there"
    )
