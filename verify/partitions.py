"""One checksum for each partition: what went into it, and what the target holds there by its own count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..transfer.engine import Engine, Receipt, Session
from ..transfer.plan import Hop
from ..transfer.schema.sql import counted
from ..transfer.verification import target_sum
from .checksum import Sum

_NAMED = 5  # partitions that a reason names


@dataclass(frozen=True)
class Parted:
    """The sums of partitions by their names, of what was read and of what the target holds."""

    read: dict[str, Sum]
    held: dict[str, Sum]

    @property
    def differing(self) -> list[str]:
        """The partitions that hold something else than what went into them."""
        return [name for name, one in self.held.items() if one != self.read.get(name, Sum.zero())]

    @property
    def said(self) -> str:
        """The partitions that differ, in words; '' if none does."""
        names = self.differing
        more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
        return f"partitions that differ: {', '.join(names[:_NAMED])}{more}" if names else ""


def parted(engine: Engine, session: Session, hop: Hop, mine: Sequence[Receipt]) -> Parted | None:
    """None where the run has no sums of partitions, or these are not the whole table any more."""
    if hop.leaves is None or hop.raw or not all(receipt.partitions or not receipt.loaded for receipt in mine):
        return None
    places = {number: hop.leaves.tables[number] for number in hop.leaves.held}
    # One may have been dropped or renamed since, as old ones are; then the table is compared as a whole.
    if not all(engine.exists(place) and session.ask(engine.exists(place)) for place in places.values()):
        return None
    read: dict[str, Sum] = {}
    for number, one in (pair.split("=") for receipt in mine for pair in receipt.partitions.split(",") if pair):
        if int(number) not in places:
            return None  # rows that the whole table was left to see to
        name = str(places[int(number)])
        read[name] = read.get(name, Sum.zero()) + Sum.parse(one)
    held = {}
    for place in places.values():
        _, text = target_sum(engine, session, replace(hop, writes=place), want_sum=True)
        if not text:
            return None  # it is read back as a whole
        held[str(place)] = Sum.parse(text)
    ((rows,),) = session.ask(f"SELECT {counted(engine)} FROM {engine.relation(hop.writes)}")
    return Parted(read, held) if sum(one.count for one in held.values()) == int(str(rows)) else None
