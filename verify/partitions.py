"""One checksum for each partition: what went into it, and what the target holds there.

Where a partition is a table of its own, or the server makes checksums and knows its rows, it computes that; where it is
a folder of files, or the server's checksums take longer than reading (MySQL's family), it is read back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ..transfer.engine import Engine, Receipt, Session
from ..transfer.place import Address
from ..transfer.plan import Call, Hop
from ..transfer.schema.sql import counted
from ..transfer.verification import part_sums, parts_back, target_sum
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
    """None where the run has no sums of partitions, or these are not the whole table any more, or have other bounds."""
    if hop.leaves is None or hop.raw or not all(receipt.partitions or not receipt.loaded for receipt in mine):
        return None
    read = _read(hop, mine)
    if read is None:
        return None
    served = not hasattr(engine, "lying")
    held = _served(engine, session, hop) if served else _read_back(engine, session, address, hop, checksum)
    if held is None:
        return None
    made = Parted(read, held, served)
    # A server has each row where it belongs: where all together are equal, bounds were changed since.
    moved = made.differing and engine.landing != "files" and _all(read) == _all(held)
    return None if moved else made


def _all(sums: Mapping[str, Sum]) -> Sum:
    return sum(sums.values(), Sum.zero())


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
    held = _by_name(engine, session, hop) if hasattr(engine, "checksums") else _by_table(engine, session, hop)
    if held is None:
        return None
    ((rows,),) = session.ask(f"SELECT {counted(engine)} FROM {engine.relation(hop.writes)}")
    return held if sum(one.count for one in held.values()) == int(str(rows)) else None


def _by_name(engine: Engine, session: Session, hop: Hop) -> dict[str, Sum] | None:
    assert hop.leaves  # noqa: S101 - looked at by the caller
    sums = part_sums(engine, session, hop)
    return None if sums is None else {str(hop.leaves.tables[n]): Sum.parse(text) for n, text in sums.items()}


def _by_table(engine: Engine, session: Session, hop: Hop) -> dict[str, Sum] | None:
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
    return held


def _read_back(
    engine: Engine, session: Session, address: Address, hop: Hop, checksum: Call | None
) -> dict[str, Sum] | None:
    """Each file once, so it takes no longer than reading the whole table back."""
    assert hop.leaves  # noqa: S101 - looked at by the caller
    lying = engine.lying(session, hop)  # type: ignore[attr-defined]  # looked at by the caller
    found = parts_back(engine, address, hop, checksum, lying) if lying is not None and checksum else None
    return None if found is None else {str(hop.leaves.tables[n]): Sum.parse(text) for n, text in found.items()}
