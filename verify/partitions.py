"""One checksum for each partition: what went into it, and what the target holds there.

Where a partition is a table of its own, its server computes that; where it is a folder of files, these are read back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..transfer.engine import Engine, Receipt, Session
from ..transfer.place import Address
from ..transfer.plan import Call, Hop
from ..transfer.schema.sql import counted
from ..transfer.verification import parts_back, target_sum
from .checksum import Sum

_NAMED = 5  # partitions that a reason names


@dataclass(frozen=True)
class Parted:
    """The sums of partitions by their names, of what was read and of what the target holds; `served` by its server."""

    read: dict[str, Sum]
    held: dict[str, Sum]
    served: bool = True

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


def parted(
    engine: Engine, session: Session, address: Address, hop: Hop, mine: Sequence[Receipt], checksum: Call | None
) -> Parted | None:
    """None where the run has no sums of partitions, or these are not the whole table any more."""
    if hop.leaves is None or hop.raw or not all(receipt.partitions or not receipt.loaded for receipt in mine):
        return None
    read = _read(hop, mine)
    if read is None:
        return None
    if hasattr(engine, "lying"):
        held = _read_back(engine, session, address, hop, checksum)
        return Parted(read, held, served=False) if held is not None else None
    held = _served(engine, session, hop)
    return Parted(read, held) if held is not None else None


def _read(hop: Hop, mine: Sequence[Receipt]) -> dict[str, Sum] | None:
    """What went into each partition, by what was read; None if some rows went into none."""
    assert hop.leaves  # noqa: S101 - looked at by the caller
    held, found = set(hop.leaves.held), dict[str, Sum]()
    for number, one in (pair.split("=") for receipt in mine for pair in receipt.partitions.split(",") if pair):
        if int(number) not in held:
            return None  # rows that the whole table was left to see to
        name = str(hop.leaves.tables[int(number)])
        found[name] = found.get(name, Sum.zero()) + Sum.parse(one)
    return found


def _served(engine: Engine, session: Session, hop: Hop) -> dict[str, Sum] | None:
    assert hop.leaves  # noqa: S101 - looked at by the caller
    places = [hop.leaves.tables[number] for number in hop.leaves.held]
    # One may have been dropped or renamed since, as old ones are; then the table is compared as a whole.
    if not all(engine.exists(place) and session.ask(engine.exists(place)) for place in places):
        return None
    held = {}
    for place in places:
        _, text = target_sum(engine, session, replace(hop, writes=place), want_sum=True)
        if not text:
            return None  # it is read back as a whole
        held[str(place)] = Sum.parse(text)
    ((rows,),) = session.ask(f"SELECT {counted(engine)} FROM {engine.relation(hop.writes)}")
    return held if sum(one.count for one in held.values()) == int(str(rows)) else None


def _read_back(
    engine: Engine, session: Session, address: Address, hop: Hop, checksum: Call | None
) -> dict[str, Sum] | None:
    """Each file once, so it takes no longer than reading the whole table back."""
    assert hop.leaves  # noqa: S101 - looked at by the caller
    lying = engine.lying(session, hop)  # type: ignore[attr-defined]  # looked at by the caller
    found = parts_back(engine, address, hop, checksum, lying) if lying is not None and checksum else None
    return None if found is None else {str(hop.leaves.tables[n]): Sum.parse(text) for n, text in found.items()}
