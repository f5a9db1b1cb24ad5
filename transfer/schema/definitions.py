"""What a plan remembers of its tables: the source's definitions, the target's, and the names that changed.

A plan that was made against other definitions would read columns that mean something else by now, or leave out new
ones without a word. So a run compares them before it changes anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..engine import Engine, Session
from ..errors import RequestError
from ..plan import ColumnPlan, Definition, Hop, Plan, Rename
from .catalogue import Column, Relation, Table


def defined(hop: str, source: Table, chosen: Sequence[str]) -> Definition:
    """A source table as planning sees it. With `chosen` columns, others may come and go; `chosen` empty means all."""
    names = set(chosen or [column.name for column in source.columns])
    columns = tuple((c.name, _worded(c)) for c in source.columns if c.name in names)
    keys = [("PRIMARY KEY", source.key, "")] if source.key else []
    keys += [("UNIQUE", index.columns, index.where) for index in source.indexes if index.unique]
    keys += [
        ("FOREIGN KEY", fk.columns, f"REFERENCES {fk.references} ({', '.join(fk.referenced)})")
        for fk in source.foreign_keys
    ]
    worded = {f"{kind} ({', '.join(members)}) {more}".rstrip() for kind, members, more in keys if names >= set(members)}
    return Definition(hop, columns, tuple(sorted(worded)), whole=not chosen)


def _worded(column: Column) -> str:
    return (column.native or "without a type") + ("" if column.nullable else " NOT NULL")


def check_unmoved(plan: Plan, engine: Engine, session: Session) -> None:
    """RequestError if a table of the source is defined otherwise than when the plan was made."""
    known = {definition.hop: definition for definition in plan.definitions}
    tables = {table.name: table for table in engine.tables(session)}
    for hop in plan.hops:
        if hop.name in known:
            _check(hop, known[hop.name], engine.describe(session, hop.query) if hop.query else tables.get(hop.reads))


def _check(hop: Hop, planned: Definition, table: Table | None) -> None:
    if table is None:
        raise _moved(hop, ["it is gone"], "")
    found = defined(hop.name, table, () if planned.whole else [name for name, _ in planned.columns])
    before, now = dict(planned.columns), dict(found.columns)
    columns = [name for name in dict.fromkeys([*before, *now]) if before.get(name) != now.get(name)]
    said = [_difference(name, before.get(name, ""), now.get(name, "")) for name in columns]
    said += [f"{key} is gone" for key in planned.keys if key not in found.keys]
    said += [f"{key} is new" for key in found.keys if key not in planned.keys]
    if said:
        raise _moved(hop, said, columns[0] if columns else "")


def _difference(name: str, before: str, now: str) -> str:
    if before and now:
        return f"column {name} was {before} and is {now}"
    return f"column {name} is gone" if before else f"column {name} ({now}) is new"


def _moved(hop: Hop, said: Sequence[str], column: str) -> RequestError:
    return RequestError(
        f"{hop.reads} in the source has changed since the plan was made: {'; '.join(said)}.",
        table=str(hop.reads), column=column,
        remedy="Nothing was changed by this command. Plan the job again, or begin a run that did not end anew with "
        "--fresh; or put the source's table back as it was.",
    )  # fmt: skip


def shape(table: Table, name: Relation) -> Table:
    """A target's table without what only planning needs."""
    return replace(table, name=name, types=(), left_out=(), physical={}, rows=-1, bytes=-1)


def renames(source: Table, target: Table, columns: Sequence[ColumnPlan], homes: tuple[str, str]) -> list[Rename]:
    """Every name of a table that is another one in the target. `homes` are the default schemas of both sides."""
    here, there = source.name, target.name
    both_home = here.schema in ("", homes[0]) and there.schema in ("", homes[1])
    made = []
    if here.table != there.table or not (both_home or here.schema == there.schema):
        made.append(Rename("table", str(here), str(there)))
    made += [Rename(f"column of {there}", c.source, c.target) for c in columns if c.source != c.target]
    names = {column.source: column.target for column in columns}
    indexes = {(i.unique, i.columns, i.where != ""): i.name for i in target.indexes}
    keys = {frozenset(fk.columns): fk.name for fk in target.foreign_keys}
    pairs = [
        ("index", i.name, indexes.get((i.unique, tuple(names.get(c, c) for c in i.columns), i.where != "")))
        for i in source.indexes
    ]
    pairs += [
        ("foreign key", f.name, keys.get(frozenset(names.get(c, c) for c in f.columns))) for f in source.foreign_keys
    ]
    made += [Rename(f"{kind} of {there}", old, new) for kind, old, new in pairs if old and new and old != new]
    return made
