"""Names of indexes and foreign keys, which some engines keep apart by table only and others by schema."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .catalogue import Index, Relation, Table
from .entry import Ends, Entry
from .names import refused

Taken = set[tuple[str, str]]


def distinct(entries: Sequence[Entry], ends: Ends, there: Sequence[Table]) -> list[Entry]:
    """Give indexes and foreign keys names that nothing else has, where the engine keeps them per schema."""
    ours = {entry.table.name for entry in entries}
    others = [table for table in there if table.name not in ours]
    relations = [*ours, *(table.name for table in others)]
    # A primary key's index has a name of the table's, too.
    indexes = {(name.schema, one) for name in relations for one in (name.table.lower(), f"{name.table.lower()}_pkey")}
    indexes |= {(table.name.schema, index.name.lower()) for table in others for index in table.indexes}
    keys = {(table.name.schema, key.name.lower()) for table in others for key in table.foreign_keys}
    return [_renamed(entry, ends, indexes, keys) for entry in entries]


def _renamed(entry: Entry, ends: Ends, indexes: Taken, keys: Taken) -> Entry:
    table = _spelt(entry.table, ends)
    if ends.target.index_names == "schema":
        key = _free(table.key_name, table.name, ends, indexes) if table.key_name else ""
        made = tuple(_named(index, table.name, ends, indexes) for index in table.indexes)
        table = replace(table, indexes=made, key_name=key)
    if ends.target.key_names == "schema":
        foreign = tuple(replace(fk, name=_free(fk.name, table.name, ends, keys)) for fk in table.foreign_keys)
        table = replace(table, foreign_keys=foreign)
    return replace(entry, table=table)


def _spelt(table: Table, ends: Ends) -> Table:
    """The table with other names for its indexes and constraints where the engine cannot have theirs."""

    def name(old: str, kind: str, number: int) -> str:
        unfit = refused(old, kind, ends.target)
        return ends.target.name_of(f"{table.name.table}_{kind}_{number}") if unfit else old

    return replace(
        table,
        indexes=tuple(replace(one, name=name(one.name, "index", n)) for n, one in enumerate(table.indexes, 1)),
        foreign_keys=tuple(replace(one, name=name(one.name, "key", n)) for n, one in enumerate(table.foreign_keys, 1)),
        checks=tuple(replace(one, name=name(one.name, "check", n)) for n, one in enumerate(table.checks, 1)),
    )


def _named(index: Index, table: Relation, ends: Ends, taken: Taken) -> Index:
    return replace(index, name=_free(index.name, table, ends, taken))


def _free(wanted: str, table: Relation, ends: Ends, taken: Taken) -> str:
    name, number = wanted, 2
    while (table.schema, name.lower()) in taken:
        name, number = ends.target.name_of(f"{wanted}_{number}"), number + 1
    taken.add((table.schema, name.lower()))
    return name
