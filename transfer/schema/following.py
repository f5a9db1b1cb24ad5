"""References to rows that are merged into others: the children follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ..plan import Finding, Follow
from .catalogue import Relation
from .entry import Entry


def following(entries: Sequence[Entry]) -> list[Entry]:
    """The tables, each with the foreign keys that follow what becomes of the rows that they refer to."""
    merging = {entry.table.name: entry for entry in entries if entry.hop and entry.hop.over}
    return [_following(entry, merging) for entry in entries] if merging else list(entries)


def _following(entry: Entry, merging: Mapping[Relation, Entry]) -> Entry:
    follows, findings = [], []
    for fk in entry.table.foreign_keys:
        parent = merging.get(fk.references)
        if not parent:
            continue
        assert parent.hop  # noqa: S101 - looked at above
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
