"""Foreign keys of tables that are there, where rows are added: parents before children, and no orphan unseen.

PostgreSQL and DuckDB refuse a child without its parent by themselves, so a run only has to keep the order. MySQL and
SQLite load with their checks off: there each key is looked at by a query, before rows are published where they are
staged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ..engine import Engine
from ..plan import Constraint, Hop, Statement
from .catalogue import ForeignKey, Relation, Table
from .order import in_families
from .sql import first, names, nothing
from .violations import orphans


@dataclass(frozen=True)
class Added:
    """A table that is there, and the hop that adds to it; `otherwise` is the choice for rows that break a key."""

    hop: Hop
    table: Table
    otherwise: str


def kept(engine: Engine, added: Sequence[Added], after: Sequence[Statement]) -> list[Statement]:
    """The statements after the rows, with what is published in the order of families, behind a look at each key."""
    by_name = {one.hop.writes: one for one in added}
    linked = _linked(by_name)
    late = [
        s
        for name in in_families({n: by_name[n].table for n in linked})
        for s in after
        if s.hop == by_name[name].hop.name
    ]
    looks = [s for one in added for s in _looks(engine, one, by_name)] if engine.overlooks_orphans else []
    return [*(s for s in after if s not in late), *looks, *(replace(s, after=("*",)) for s in late)]


def _linked(by_name: Mapping[Relation, Added]) -> list[Relation]:
    """The tables with staged rows that refer to others, or are referred to: they are published once all are staged."""
    staged = [name for name, one in by_name.items() if one.hop.into != one.hop.writes and one.hop.mode == "append"]
    children = [name for name in staged if by_name[name].table.foreign_keys]
    parents = {fk.references for name in by_name for fk in by_name[name].table.foreign_keys}
    return [name for name in staged if name in parents or name in children]


def _looks(engine: Engine, one: Added, by_name: Mapping[Relation, Added]) -> Iterator[Statement]:
    sent = {column.target for column in one.hop.sent.columns}
    for fk in one.table.foreign_keys:
        if not set(fk.columns) <= sent:
            continue
        staged = one.hop.mode == "append"
        child = engine.relation(one.hop.into if staged else one.hop.writes)
        listing = orphans(engine, child, fk, _parents(engine, fk, by_name))
        yield Statement(
            name=f"look at foreign key {fk.name} of {one.hop.writes}", phase="after", hop=one.hop.name, atomic=True,
            forward=nothing(engine), guard=first(engine, listing), after=("*",),
            constraint=Constraint(
                "foreign key", fk.name, one.hop.writes, fk.columns, listing, counted=True, references=fk.references,
                otherwise=one.otherwise, kept="it is declared, and holds for new rows",
            ),
        )  # fmt: skip


def _parents(engine: Engine, fk: ForeignKey, by_name: Mapping[Relation, Added]) -> str:
    """Where a key's parents may be: in their table, or staged to be published into it."""
    parent, there = by_name.get(fk.references), engine.relation(fk.references)
    if parent is None or parent.hop.mode != "append":
        return there
    columns = names(engine, fk.referenced)
    staged = engine.relation(parent.hop.into)
    return f"(SELECT {columns} FROM {there} UNION ALL SELECT {columns} FROM {staged})"
