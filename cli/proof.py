"""The proof of a run: of a table that is swapped in before that, of all others once all is done.

A table that is replaced may be written to from the moment of the swap on. So its shadow is compared with what was read,
is swapped in only if it is equal, and what was found then is the table's claim.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace

from ..transfer.engine import Loader, Receipt
from ..transfer.engines import engine_of
from ..transfer.errors import DataError
from ..transfer.place import Address
from ..transfer.plan import Hop, Plan
from ..transfer.quarantine import quarantined
from ..verify.report import DIFFERENT, Report, TableReport

_PROVEN = 9_000_000  # the journal's entries of these are numbered apart from all others


def _entry(hop: Hop, level: str) -> str:
    """The journal's entry on what the proof of a hop's shadow found."""
    number, _, rest = hop.name.partition(" ")
    return f"{-_PROVEN - int(number)} {rest} as it was proven, level {level}"


class Proof:
    """What was found of the shadows of a run, by this process or by one before it."""

    def __init__(self, plan: Plan, target: Address) -> None:
        self._plan, self._target = plan, target
        self._found: dict[str, TableReport] = {}

    def before_swaps(self, loader: Loader) -> None:
        """Prove the shadows that are there. DataError where one is not what was read: it is not swapped in."""
        engine, journal = engine_of(self._plan.target.scheme), loader.ledger.journaled(self._plan.run)
        level = self._plan.level
        # Of a table that several feed all are proven together.
        wanted = {hop.into for hop in self._plan.hops if _has_shadow(hop) and not journal.get(_entry(hop, level))}
        wanted = {into for into in wanted if level != "none" and loader.ask(engine.exists(into))}
        hops = [hop for hop in self._plan.hops if _has_shadow(hop) and hop.into in wanted]
        if not hops:
            return
        shadowed = replace(self._plan, hops=tuple(replace(hop, writes=hop.into) for hop in hops))
        for hop, found in zip(hops, self._tables(shadowed, loader.ledger.receipts(self._plan.run)), strict=True):
            if found.claim == DIFFERENT:
                raise _differs(hop, found)
            loader.ledger.journal(self._plan.run, _entry(hop, level), _text(found))
            self._found[hop.name] = replace(found, target=str(hop.writes))

    def report(self, receipts: Sequence[Receipt]) -> Report:
        """What is claimed of each table, once all is done."""
        plan, known = self._plan, dict[str, TableReport]()
        if any(_has_shadow(hop) for hop in plan.hops):
            engine = engine_of(plan.target.scheme)
            with closing(engine.loader(self._target)) as loader:
                journal = loader.ledger.journaled(plan.run)
                # What was moved aside behind the swap, for a foreign key, is proven where it lies.
                moved = {one.table for one in quarantined(plan, plan.hops, loader, engine)}
            known = {
                hop.name: one for hop in plan.hops if hop.writes not in moved if (one := self._known(hop, journal))
            }
            whole = {into for into in {hop.into for hop in plan.hops}
                     if all(hop.name in known for hop in plan.hops if hop.into == into)}  # fmt: skip
            known = {hop.name: known[hop.name] for hop in plan.hops if hop.into in whole}
        left = tuple(hop for hop in plan.hops if hop.name not in known)
        others = iter(self._tables(replace(plan, hops=left), receipts) if left else ())
        return Report(self._plan.level, tuple(known.get(hop.name) or next(others) for hop in plan.hops))

    def _known(self, hop: Hop, journal: Mapping[str, str]) -> TableReport | None:
        """What was found of a shadow, at this level or at another one before it was swapped in."""
        if hop.name in self._found:
            return self._found[hop.name]
        levels = sorted(("full", "standard", "count"), key=lambda one: one != self._plan.level)
        text = next((journal[_entry(hop, one)] for one in levels if journal.get(_entry(hop, one))), "")
        return _read(hop, text) if text else None

    def _tables(self, plan: Plan, receipts: Sequence[Receipt]) -> tuple[TableReport, ...]:
        from ..verify.compare import compare  # Polars takes a quarter of a second to load, and only this needs it

        return compare(plan, receipts, self._plan.level, self._target).tables


def _has_shadow(hop: Hop) -> bool:
    return hop.mode == "replace" and hop.into != hop.writes


def _differs(hop: Hop, table: TableReport) -> DataError:
    counts = f"{table.rows_source:,} rows were read, and it holds {table.rows_target:,}"
    return DataError(
        f"{hop.writes} is not swapped: the new table, {hop.into}, is not what was read ({counts})."
        f"{f' {table.reason}.' if table.reason else ''}",
        table=str(hop.writes),
        remedy="The table is as it was. Look at the new one, then 'ropeway clean' the run, or begin anew with --fresh.",
    )


def _text(found: TableReport) -> str:
    """What a process that comes later needs of it, for a ledger's texts are short."""
    figures = (found.level, found.claim, found.rows_source, found.rows_target, found.checksum_target)
    return "; ".join(map(str, figures))


def _read(hop: Hop, text: str) -> TableReport:
    level, claim, source, target, checksum = text.split("; ")
    return TableReport(
        hop.named, str(hop.writes), level, claim, "proven before it was swapped in, by a process before this one",
        rows_source=int(source), rows_target=int(target), checksum_source=checksum, checksum_target=checksum,
    )  # fmt: skip
