"""One type for all columns of a foreign-key group: the keys, and what refers to them, directly or through others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple, TypeVar

from ..canonical import canon_of
from ..errors import RequestError
from ..plan import ColumnPlan, Finding
from ..rules import Use, write_rule
from ..types import Fidelity, Type
from .catalogue import Column, ForeignKey, Relation
from .entry import Ends, Entry

Typed = TypeVar("Typed", Column, ColumnPlan)
Place = tuple[Relation, str]


class _Like(NamedTuple):
    """A column of a key, which those that refer to it are to be like."""

    column: Column
    plan: ColumnPlan


def unify(entries: Sequence[Entry], ends: Ends) -> list[Entry]:
    """Give the columns of a foreign key the native types of the key they refer to, wide enough for them all."""
    by_name = {entry.table.name: entry for entry in _widened(_anchored(entries), ends)}
    for _ in entries:
        changed = False
        for name, entry in list(by_name.items()):
            likes = {
                child: _Like(by_name[fk.references].table.column(parent), _planned(by_name[fk.references], parent))
                for fk in entry.table.foreign_keys
                if fk.references in by_name
                for child, parent in zip(fk.columns, fk.referenced, strict=True)
                if not _as_declared(ends, [(entry, child), (by_name[fk.references], parent)])
            }
            fresh = tuple(_as(c, likes.get(c.name)) for c in entry.table.columns)
            if fresh != entry.table.columns:
                plans = tuple(_carried_as(c, likes.get(c.target)) for c in entry.columns)
                by_name[name] = replace(entry, table=replace(entry.table, columns=fresh), columns=plans)
                changed = True
        if not changed:
            break
    return [by_name[entry.table.name] for entry in entries]


def _as_declared(ends: Ends, members: Sequence[tuple[Entry, str]]) -> bool:
    """Whether both are declared in the target as in the source, which took the pair as it is."""
    planned = [(entry, _planned(entry, name)) for entry, name in members]
    same = all(entry.source.column(column.source).native == column.native for entry, column in planned)
    return same and ends.source.family == ends.target.family


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


def _as(column: Column, like: _Like | None) -> Column:
    return replace(_typed_as(column, like.plan), collation=like.column.collation) if like else column


def _typed_as(column: Typed, like: ColumnPlan | None) -> Typed:
    return replace(column, native=like.native, base=like.base) if like else column


def _carried_as(column: ColumnPlan, like: _Like | None) -> ColumnPlan:
    """The column in another's native type; what that does to values of the same kind, it does to these, too."""
    made = _typed_as(column, like.plan if like else None)
    if like is None or made == column or column.type.kind != like.plan.type.kind:
        return made
    return replace(made, fidelity=like.plan.fidelity, why=like.plan.why)


def _widened(entries: Sequence[Entry], ends: Ends) -> list[Entry]:
    """Values of a group that are equal in the source get one form.

    Decimals get as many digits as any of them has: as texts, 1.5 and 1.50 would be two keys. Texts that are compared
    without the blanks at their ends, as each char(n) has them up to its own length, go without them.

    Between two places of one family the declarations are kept, and compare as they did.
    """
    if ends.source.family == ends.target.family:
        return list(entries)
    plans = {(e.table.name, c.target): c for e in entries for c in e.columns}
    changes: dict[Place, ColumnPlan] = {}
    links = _links(entries)
    for group in _groups(links):
        members = {place: plans[place] for place in group if place in plans}
        wide = _union([column.type for column in members.values()])
        if wide and wide.padded:
            members = _blanked(members, links) if ends.source_words.unpadded else {}
        for place, column in members.items() if wide else ():
            changes |= _in_type(column, place, wide, ends) if wide and column.type != wide else {}
    return [_changed(entry, changes) for entry in entries]


def _links(entries: Sequence[Entry]) -> list[tuple[Place, Place]]:
    """Each column that refers to another, and that one."""
    return [
        ((entry.table.name, child), (fk.references, parent))
        for entry in entries
        for fk in entry.table.foreign_keys
        for child, parent in zip(fk.columns, fk.referenced, strict=True)
    ]


def _groups(links: Sequence[tuple[Place, Place]]) -> Iterable[set[Place]]:
    """Columns that are connected by foreign keys."""
    found: dict[Place, set[Place]] = {}
    for one, other in links:
        group = found.get(one, {one}) | found.get(other, {other})
        found |= dict.fromkeys(group, group)
    return {id(group): group for group in found.values()}.values()


def _blanked(members: Mapping[Place, ColumnPlan], links: Sequence[tuple[Place, Place]]) -> dict[Place, ColumnPlan]:
    """Those whose blanks at the end mean nothing: char(n), and what refers to such a key. Other keys have theirs."""
    found = {place for place, column in members.items() if column.type.padded}
    while more := {child for child, parent in links if parent in found and child in members} - found:
        found |= more
    return {place: members[place] for place in found}


def _union(types: Sequence[Type]) -> Type | None:
    """The type that holds all of them exactly, of decimals or of texts that are padded.

    None where they are equal already, or of other kinds.
    """
    shapes = {(one.kind, one.precision, one.scale, one.length, one.padded) for one in types}
    if len(shapes) < 2:
        return None
    if all(one.kind == "decimal" for one in types):
        scale = max(one.scale for one in types)
        return Type("decimal", precision=max(one.precision - one.scale for one in types) + scale, scale=scale)
    if any(one.padded for one in types) and all(one.kind == "text" for one in types):
        lengths = [one.length for one in types]
        return Type("text", length=max(lengths) if all(lengths) else 0, padded=True)
    return None


def _in_type(column: ColumnPlan, place: Place, wide: Type, ends: Ends) -> dict[Place, ColumnPlan]:
    """The column in the group's type; as it is where the target has none so wide."""
    meaning = replace(wide, native=column.type.native)
    with suppress(RequestError):
        rule = write_rule(ends.target.writes, meaning, Use(key=True))
        made = replace(column, type=meaning, native=rule.native(meaning), base="", canon=canon_of(meaning))
        made = replace(made, fidelity=_worse(column.fidelity, rule.fidelity))
        return {place: _stripped(made, ends, was=column.type) if wide.padded else made}
    return {}


def _stripped(column: ColumnPlan, ends: Ends, *, was: Type) -> ColumnPlan:
    """The column without blanks at its end, which the key that it refers to overlooks."""
    bare = replace(column, project=ends.source_words.unpadded.format(column.project))
    if was.padded:
        return bare
    why = "; ".join(filter(None, (column.why, "without blanks at its end, which mean nothing to the key")))
    return replace(bare, fidelity=_worse(column.fidelity, Fidelity.NORMALISED), why=why)


def _worse(first: Fidelity, second: Fidelity) -> Fidelity:
    return max(first, second, key=list(Fidelity).index)


def _changed(entry: Entry, changes: Mapping[Place, ColumnPlan]) -> Entry:
    mine = {name: column for (table, name), column in changes.items() if table == entry.table.name}
    if not mine:
        return entry
    columns = tuple(_typed_as(c, mine.get(c.name)) for c in entry.table.columns)
    plans = tuple(mine.get(c.target, c) for c in entry.columns)
    return replace(entry, table=replace(entry.table, columns=columns), columns=plans)
