"""References to rows that are merged into others: the children follow, by the target's foreign keys or the source's."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from ..plan import Call, Finding, Follow
from .catalogue import ForeignKey, Relation
from .entry import Entry


def following(entries: Sequence[Entry]) -> list[Entry]:
    """The tables, each with the references that follow what becomes of the rows that they name."""
    merging = {
        entry.table.name: entry
        for entry in entries
        if entry.hop and entry.hop.over and not keeps_keys(entry.hop.over, entry.hop.key)
    }
    return [_following(entry, merging) for entry in entries] if merging else list(entries)


def keeps_keys(over: Sequence[Call], own: Sequence[str]) -> bool:
    """Whether rows are merged by their table's own key: then they are referred to as before."""
    spec = json.loads(dict(over[0].arguments)["spec"])
    key = [spec["key"]] if isinstance(spec["key"], str) else spec["key"]
    return bool(own) and set(key) == set(own) and not spec.get("normalise")


def _following(entry: Entry, merging: Mapping[Relation, Entry]) -> Entry:
    follows, findings = [], []
    for fk in {(fk.columns, fk.references, fk.referenced): fk for fk in _keys(entry, merging)}.values():
        parent = merging[fk.references]
        assert parent.hop  # noqa: S101 - those that merge have one
        if set(fk.referenced) == set(parent.hop.key):
            columns = dict(zip(fk.referenced, fk.columns, strict=True))
            follows.append(Follow(tuple(columns[name] for name in parent.hop.key), parent.hop.name))
            continue
        said = f"foreign key {fk.name} refers to {', '.join(fk.referenced)} of {fk.references}, which is not its key: "
        said += "where rows are merged there it may refer to one that is gone"
        findings.append(Finding("warning", str(entry.source.name), said, "reference-unfollowed"))
    assert entry.hop  # noqa: S101 - hops are made before
    return replace(
        entry, hop=replace(entry.hop, follows=tuple(follows)), findings=(*entry.findings, *findings)
    )  # fmt: skip


def _keys(entry: Entry, merging: Mapping[Relation, Entry]) -> Iterator[ForeignKey]:
    """Foreign keys to merged tables, in the target's names: a target that is there may have fewer than the source."""
    yield from (fk for fk in entry.table.foreign_keys if fk.references in merging)
    own = {column.source: column.target for column in entry.columns}
    sources = {parent.source.name: parent for parent in merging.values()}
    for fk in entry.source.foreign_keys:
        parent = sources.get(fk.references)
        there = {column.source: column.target for column in parent.columns} if parent else {}
        if parent and set(fk.columns) <= own.keys() and set(fk.referenced) <= there.keys():
            columns, referenced = (own[name] for name in fk.columns), (there[name] for name in fk.referenced)
            yield replace(fk, columns=tuple(columns), references=parent.table.name, referenced=tuple(referenced))
