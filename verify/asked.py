"""What the source's own server said of slices that a run read: whether it agrees, and what that proves, in words."""

from __future__ import annotations

from collections.abc import Sequence

from ..transfer.asking import ALL, reasons
from ..transfer.engine import Engine, Receipt
from ..transfer.engines import engine_of
from ..transfer.plan import Hop, Plan
from ..transfer.verification import unasked
from .checksum import Sum

_NAMED = 8  # slices that are named one by one


def disputed(hop: Hop, mine: Sequence[Receipt]) -> str:
    """The slices of which the server's checksum is not that of what was read; '' if there are none."""
    other = [one.slice for one in mine if one.asked and _sum(one.asked) != _sum(one.checksum)]
    if not other:
        return ""
    cuts = {part.number: part.cut for part in hop.slices}
    named = ", ".join(f"slice {number} ({cuts[number]})" for number in other[:_NAMED])
    more = f" and {len(other) - _NAMED:,} more" if len(other) > _NAMED else ""
    return f"{named}{more}: what Ropeway's driver read is not what the source's own server holds"


def _sum(text: str) -> Sum:
    return Sum.parse(text) if text else Sum.zero()


def told(plan: Plan, hop: Hop, mine: Sequence[Receipt]) -> str:
    """What the source's server computed, or why nothing; '' where there was nothing to ask for."""
    place = next(one.place for one in plan.origins if one.alias == hop.origin)
    source, asked = engine_of(place.scheme), [one for one in mine if one.asked]
    read = sum(one.read for one in mine)
    if hop.raw or not read:
        return ""
    if not asked:
        said = next((one.asked_for for one in mine if one.asked_for), "") or unasked(hop)
        said = said or ("it was read without one instant" if plan.consistency == "none" else "the run was interrupted")
        return f"the source's own server was asked for no checksum: {said}"
    who = spokesman(source)
    why = reasons(one.asked_for for one in asked)
    if why == [ALL]:
        return f"{who} computed the checksum of all rows at the same instant"
    part = 100 * sum(one.read for one in asked) / read
    share = f"{part:.0f}%" if part >= 1 else "less than 1%"
    slices = _listed([one.slice for one in asked])
    return f"{who} computed {slices} of {len(mine):,} at the same instant ({share} of the rows: {_and(why)})"


def spokesman(source: Engine) -> str:
    """Who computes a source's checksums, in words: a library in this process is no server."""
    inside = source.writers == "one"
    return f"{source.name}, by a second, independent read," if inside else "the source's own server"


def _listed(numbers: Sequence[int]) -> str:
    if len(numbers) == 1:
        return f"slice {numbers[0]}"
    if len(numbers) <= _NAMED:
        return f"slices {_and([str(number) for number in numbers])}"
    return f"slices {', '.join(map(str, numbers[:_NAMED]))} and {len(numbers) - _NAMED:,} more"


def _and(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
