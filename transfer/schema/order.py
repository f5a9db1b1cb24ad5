"""The order of tables for engines that check foreign keys while rows are loaded."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from ..plan import Finding
from .catalogue import Relation, Table
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
    entries = _referring(entries, ends)
    if not ends.target.parents_first:
        return entries if ends.target.overlooks_orphans else _merged_in_order(entries)
    by_name = {entry.table.name: entry for entry in entries}
    made: list[Entry] = []
    earlier: set[Relation] = set()
    for name in in_families({name: entry.table for name, entry in by_name.items()}):
        made.append(_waiting(by_name[name], by_name, earlier))
        earlier.add(name)
    return made


def _merged_in_order(entries: list[Entry]) -> list[Entry]:
    """Rows that are merged meet the foreign keys that are there: a child's wait for its parent's, but in a circle."""
    tables = {entry.table.name: entry.table for entry in entries if entry.mode == "merge"}
    place = {name: number for number, name in enumerate(in_families(tables))}
    hops = {entry.table.name: entry.hop.name for entry in entries if entry.hop}
    made = []
    for entry in sorted(entries, key=lambda one: place.get(one.table.name, -1)):
        mine = place.get(entry.table.name, -1)
        parents = {fk.references for fk in entry.table.foreign_keys if place.get(fk.references, mine) < mine}
        waits = tuple(sorted(hops[parent] for parent in parents))
        made.append(replace(entry, hop=replace(entry.hop, after=waits)) if entry.hop and waits else entry)
    return made


def in_families(tables: Mapping[Relation, Table]) -> list[Relation]:
    """Their names, each after those that it refers to as far as that goes.

    Depth first, without recursion: a chain of foreign keys may be longer than Python's stack.
    """
    ordered: dict[Relation, None] = {}
    begun: set[Relation] = set()
    for first in tables:
        stack = [first]
        while stack:
            name = stack[-1]
            begun.add(name)
            parents = [fk.references for fk in tables[name].foreign_keys if fk.references in tables]
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
