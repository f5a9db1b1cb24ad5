"""What a table that is there expects of rows to come, as queries of the source: NOT NULL, keys, parents, checks.

The engine would find out while it loads, after hours. What the source's engine vouches for is not asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from .catalogue import ForeignKey, Relation
from .entry import Ends, Entry
from .equality import Look, apart, selected
from .violations import breaking, duplicates, nulls, orphans


def expected(ends: Ends, entry: Entry, sources: Mapping[Relation, Entry], on: str) -> Iterator[Look]:
    """What to look for in the rows that an entry moves, which `on` selects from."""
    names = {column.target: column.source for column in entry.columns if not column.computed}
    listed = f"{on} t"
    yield from _values(ends, entry, names, listed)
    yield from _keys(ends, entry, names, listed)
    yield from _parents(ends, entry, sources, on)
    yield from _checks(ends, entry, names, listed)


def _values(ends: Ends, entry: Entry, names: Mapping[str, str], listed: str) -> Iterator[Look]:
    needed = [c.name for c in entry.table.columns if not c.nullable and c.name in names]
    doubtful = tuple(name for name in needed if entry.source.column(names[name]).nullable)
    if doubtful:
        words = f"NOT NULL of {', '.join(doubtful)}"
        yield "null", "nulls", doubtful, words, nulls(ends.source, listed, [names[name] for name in doubtful])


def _keys(ends: Ends, entry: Entry, names: Mapping[str, str], listed: str) -> Iterator[Look]:
    table, source = entry.table, entry.source
    vouched = [set(source.key)] if source.key else []
    vouched += [set(i.columns) for i in source.indexes if i.unique and i.columns and not i.where]
    keys = [("primary", table.key)] if table.key else []
    keys += [("unique", i.columns) for i in table.indexes if i.unique and i.columns and not i.where]
    for kind, columns in keys:
        if not set(columns) <= set(names):
            continue
        own = [names[name] for name in columns]
        if not any(known <= set(own) for known in vouched):
            words = f"unique key on {', '.join(columns)}"
            yield kind, "duplicates", columns, words, duplicates(listed, [ends.source.quote(name) for name in own])


def _parents(ends: Ends, entry: Entry, sources: Mapping[Relation, Entry], on: str) -> Iterator[Look]:
    """Only where all parents come too: among rows that are there already the source cannot look."""
    targets = {other.table.name: other for other in sources.values() if other.mode == "fill"}
    for fk in entry.table.foreign_keys if entry.mode == "fill" else ():
        parent = targets.get(fk.references)
        own = _own(fk, entry, parent) if parent else None
        if parent and own and not _vouched(ends, own, entry, parent):
            words = f"foreign key on {', '.join(fk.columns)} to {fk.references}"
            listing = orphans(ends.source, on, own, selected(ends, parent), apart(ends, own, entry, parent))
            yield "foreign", "orphans", fk.columns, words, listing


def _own(fk: ForeignKey, entry: Entry, parent: Entry) -> ForeignKey | None:
    """The key in the source's names."""
    child, other = ({c.target: c.source for c in one.columns} for one in (entry, parent))
    if not (set(fk.columns) <= set(child) and set(fk.referenced) <= set(other)):
        return None
    columns, referenced = tuple(child[c] for c in fk.columns), tuple(other[c] for c in fk.referenced)
    return ForeignKey(fk.name, columns, parent.source.name, referenced)


def _vouched(ends: Ends, own: ForeignKey, entry: Entry, parent: Entry) -> bool:
    known = [(fk.columns, fk.references, fk.referenced) for fk in entry.source.foreign_keys if not fk.state]
    there = (own.columns, own.references, own.referenced) in known
    if any(one.finer for one in apart(ends, own, entry, parent).values()):
        return False
    return there and ends.source.proves_references and not (entry.choice.where or parent.choice.where)


def _checks(ends: Ends, entry: Entry, names: Mapping[str, str], listed: str) -> Iterator[Look]:
    """Only where both speak one dialect and call the columns the same."""
    if ends.source.name != ends.target.name or any(target != source for target, source in names.items()):
        return
    known = {check.condition for check in entry.source.checks if not check.state}
    for check in entry.table.checks:
        if check.condition not in known and not check.state:
            yield "check", "broken-check", (check.name,), f"check {check.name}", breaking(listed, check.condition)
