"""One type for all columns of a foreign-key group: the keys, and what refers to them, directly or through others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TypeVar

from ..canonical import canon_of
from ..errors import RequestError
from ..plan import ColumnPlan, Finding
from ..rules import Use, write_rule
from ..types import Type
from .catalogue import Column, ForeignKey, Relation
from .entry import Ends, Entry

Typed = TypeVar("Typed", Column, ColumnPlan)
Place = tuple[Relation, str]


def unify(entries: Sequence[Entry], ends: Ends) -> list[Entry]:
    """Give the columns of a foreign key the native types of the key they refer to, wide enough for them all."""
    by_name = {entry.table.name: entry for entry in _widened(_anchored(entries), ends)}
    for _ in entries:
        changed = False
        for name, entry in list(by_name.items()):
            natives = {
                child: _planned(by_name[fk.references], parent)
                for fk in entry.table.foreign_keys
                if fk.references in by_name
                for child, parent in zip(fk.columns, fk.referenced, strict=True)
            }
            fresh = tuple(_typed_as(c, natives.get(c.name)) for c in entry.table.columns)
            if fresh != entry.table.columns:
                plans = tuple(_carried_as(c, natives.get(c.target)) for c in entry.columns)
                by_name[name] = replace(entry, table=replace(entry.table, columns=fresh), columns=plans)
                changed = True
        if not changed:
            break
    return [by_name[entry.table.name] for entry in entries]


def _anchored(entries: Sequence[Entry]) -> list[Entry]:
    """The entries without foreign keys to columns that `columns` leaves out; that these go is said."""
    moved = {entry.table.name: {column.target for column in entry.columns} for entry in entries}
    made = []
    for entry in entries:
        lost = [fk for fk in entry.table.foreign_keys if not set(fk.referenced) <= moved.get(fk.references, set())]
        if lost and entry.mode in ("create", "replace"):
            kept = tuple(fk for fk in entry.table.foreign_keys if fk not in lost)
            said = tuple(_unanchored(entry, fk) for fk in lost)
            entry = replace(entry, table=replace(entry.table, foreign_keys=kept), findings=(*entry.findings, *said))  # noqa: PLW2901
        made.append(entry)
    return made


def _unanchored(entry: Entry, fk: ForeignKey) -> Finding:
    where = f"its foreign key on {', '.join(fk.columns)} to {fk.references}"
    return Finding(
        "note", str(entry.source.name), f"{where}: {', '.join(fk.referenced)} is not moved", "foreign-key-lost"
    )


def _planned(entry: Entry, name: str) -> ColumnPlan:
    return next(column for column in entry.columns if column.target == name)


def _typed_as(column: Typed, like: ColumnPlan | None) -> Typed:
    return replace(column, native=like.native, base=like.base) if like else column


def _carried_as(column: ColumnPlan, like: ColumnPlan | None) -> ColumnPlan:
    """The column in another's native type; what that does to values of the same kind, it does to these, too."""
    made = _typed_as(column, like)
    if like is None or made == column or column.type.kind != like.type.kind:
        return made
    return replace(made, fidelity=like.fidelity, why=like.why)


def _widened(entries: Sequence[Entry], ends: Ends) -> list[Entry]:
    """Decimals of a group get as many digits as any of them has: as texts, 1.5 and 1.50 would be two keys.

    Between two places of one family the declarations are kept, and compare as numbers.
    """
    if ends.source.family == ends.target.family:
        return list(entries)
    types = {(e.table.name, c.target): c.type for e in entries for c in e.columns}
    changes: dict[Place, ColumnPlan] = {}
    plans = {(e.table.name, c.target): c for e in entries for c in e.columns}
    for group in _groups(entries):
        members = [place for place in group if place in types]
        wide = _union([types[place] for place in members])
        for place in members if wide else ():
            changes |= _in_type(plans[place], place, wide, ends) if wide and types[place] != wide else {}
    return [_changed(entry, changes) for entry in entries]


def _groups(entries: Sequence[Entry]) -> Iterable[set[Place]]:
    """Columns that are connected by foreign keys."""
    found: dict[Place, set[Place]] = {}
    for entry in entries:
        for fk in entry.table.foreign_keys:
            for child, parent in zip(fk.columns, fk.referenced, strict=True):
                one, other = (entry.table.name, child), (fk.references, parent)
                group = found.get(one, {one}) | found.get(other, {other})
                found |= dict.fromkeys(group, group)
    return {id(group): group for group in found.values()}.values()


def _union(types: Sequence[Type]) -> Type | None:
    """The decimal that holds all of them exactly; None where they are equal already, or not all decimals."""
    shapes = {(one.kind, one.precision, one.scale) for one in types}
    if len(shapes) < 2 or any(one.kind != "decimal" for one in types):
        return None
    scale = max(one.scale for one in types)
    return Type("decimal", precision=max(one.precision - one.scale for one in types) + scale, scale=scale)


def _in_type(column: ColumnPlan, place: Place, wide: Type, ends: Ends) -> dict[Place, ColumnPlan]:
    """The column in the group's type; as it is where the target has none so wide."""
    meaning = replace(wide, native=column.type.native)
    with suppress(RequestError):
        rule = write_rule(ends.target.writes, meaning, Use(key=True))
        made = replace(column, type=meaning, native=rule.native(meaning), base="", canon=canon_of(meaning))
        return {place: replace(made, fidelity=max(column.fidelity, rule.fidelity, key=list(type(rule.fidelity)).index))}
    return {}


def _changed(entry: Entry, changes: Mapping[Place, ColumnPlan]) -> Entry:
    mine = {name: column for (table, name), column in changes.items() if table == entry.table.name}
    if not mine:
        return entry
    columns = tuple(_typed_as(c, mine.get(c.name)) for c in entry.table.columns)
    plans = tuple(mine.get(c.target, c) for c in entry.columns)
    return replace(entry, table=replace(entry.table, columns=columns), columns=plans)
