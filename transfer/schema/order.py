"""The order of tables for engines that check foreign keys while rows are loaded."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from ..plan import Finding
from .catalogue import Relation
from .entry import Ends, Entry


def _referring(entries: list[Entry], ends: Ends) -> list[Entry]:
    """The foreign keys as the target can make them; what is lost of each is reported."""
    make = getattr(ends.target, "reference", None)
    if make is None:
        return entries
    by_name = {entry.table.name: entry for entry in entries}
    made = []
    for entry in entries:
        kept, findings = [], []
        for fk in entry.table.foreign_keys:
            parent = by_name.get(fk.references, entry)
            found, why = make(fk, entry.table, parent.table, "replace" in (entry.mode, parent.mode))
            kept += [found] if found else []
            where = f"its foreign key on {', '.join(fk.columns)} to {fk.references}"
            kind = "foreign-key-changed" if found else "foreign-key-lost"
            findings += [Finding("warning", str(entry.table.name), f"{where}: {why}", kind)] if why else []
        table = replace(entry.table, foreign_keys=tuple(kept))
        made.append(replace(entry, table=table, findings=(*entry.findings, *findings)))
    return made


def parents_first(entries: list[Entry], ends: Ends) -> list[Entry]:
    """Tables after those they refer to, where foreign keys are checked while rows are loaded; what each waits for."""
    if not ends.target.parents_first:
        return entries
    entries = _referring(entries, ends)
    by_name = {entry.table.name: entry for entry in entries}
    made: list[Entry] = []
    earlier: set[Relation] = set()
    for name in _ordered(by_name):
        made.append(_waiting(by_name[name], by_name, earlier))
        earlier.add(name)
    return made


def _ordered(by_name: dict[Relation, Entry]) -> list[Relation]:
    """Depth first, without recursion: a chain of foreign keys may be longer than Python's stack."""
    ordered: dict[Relation, None] = {}
    begun: set[Relation] = set()
    for first in by_name:
        stack = [first]
        while stack:
            name = stack[-1]
            begun.add(name)
            parents = [fk.references for fk in by_name[name].table.foreign_keys if fk.references in by_name]
            waiting = next((parent for parent in parents if parent not in begun), None)
            if waiting is None:
                ordered[stack.pop()] = None
            else:
                stack.append(waiting)
    return list(ordered)


def _waiting(entry: Entry, by_name: dict[Relation, Entry], earlier: Collection[Relation]) -> Entry:
    """Keep the foreign keys whose parents come first; report the others (cycles, self-references)."""
    kept = tuple(fk for fk in entry.table.foreign_keys if fk.references in earlier or fk.references not in by_name)
    lost = [fk for fk in entry.table.foreign_keys if fk not in kept]
    findings = tuple(
        Finding("warning", str(entry.table.name),
                f"its foreign key on {', '.join(fk.columns)} to {fk.references} is "
                + ("in the way of every row that it refers by: " if entry.mode == "fill" else "not kept: ")
                + "the engine checks each row at once, so a table cannot refer to itself or in a circle "
                "while it is loaded", "foreign-key-lost")
        for fk in lost
    )  # fmt: skip
    parents = {hop.name for fk in kept if fk.references in by_name if (hop := by_name[fk.references].hop)}
    assert entry.hop  # noqa: S101 - hops are made before the order
    return replace(
        entry, table=replace(entry.table, foreign_keys=kept), findings=entry.findings + findings,
        hop=replace(entry.hop, after=tuple(sorted(parents))),
    )  # fmt: skip
