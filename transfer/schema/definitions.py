"""What a plan remembers of its tables: the source's definitions, the target's, and the names that changed.

A plan that was made against other definitions would read columns that mean something else by now, or leave out new
ones without a word. So a run compares them before it changes anything. What changes by itself is not looked at: rows,
sizes, the numbers that sequences and identities have come to.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from ..engine import Engine, Session
from ..errors import RequestError
from ..plan import ColumnPlan, Definition, Hop, Plan, Rename, Scope
from ..request import Request
from .bookkeeping import keeper
from .catalogue import Column, Further, Relation, Table
from .partitioning import Partitioning
from .selection import is_glob, matches

_MADE = ("create", "replace")
_REMEDY = (
    "Nothing was changed by this command. Plan the job again, or begin a run that did not end anew with --fresh; or "
    "put the source back as it was."
)


def defined(hop: str, source: Table, chosen: Sequence[str], *, mode: str, divided: bool) -> Definition:
    """A source table as planning sees it. With `chosen` columns, others may come and go; `chosen` empty means all.

    What the target's table is made from counts where the `mode` makes it; partitions where the target is `divided`.
    """
    names = set(chosen or [column.name for column in source.columns])
    columns = tuple((c.name, _worded(c)) for c in source.columns if c.name in names)
    keys = [("PRIMARY KEY", source.key, "")] if source.key else []
    keys += [("UNIQUE", index.columns, index.where) for index in source.indexes if index.unique]
    keys += [
        ("FOREIGN KEY", fk.columns, f"REFERENCES {fk.references} ({', '.join(fk.referenced)})")
        for fk in source.foreign_keys
    ]
    worded = {f"{kind} ({', '.join(members)}) {more}".rstrip() for kind, members, more in keys if names >= set(members)}
    parts = tuple(sorted(_parts(source, names, whole=not chosen, divided=divided))) if mode in _MADE else ()
    return Definition(hop, columns, tuple(sorted(worded)), whole=not chosen, parts=parts)


def _parts(table: Table, names: set[str], *, whole: bool, divided: bool) -> Iterator[tuple[str, str]]:
    """What else a table says, by kind and name; of what no column is named for, only where all columns are meant."""
    for column in table.columns:
        if column.name in names:
            yield from ((f"{kind} of column {column.name}", _hash(*said)) for kind, said in _of(column) if any(said))
    for index in table.indexes:
        # A plain unique one stands among the keys.
        if (not index.unique or index.keys) and (whole or (index.columns and names >= set(index.columns))):
            yield f"index {index.name}", _hash(index)
    for kind in table.types:
        yield f"type {kind.name}", _hash(kind.forward)
    for check in (*table.checks, *table.own) if whole else ():
        yield f"constraint {check.name}", _hash(check)
    if divided:
        yield "its partitioning", _hash(table.partitioned, *_head(table.division))
        yield from ((f"partition {part.name}", _hash(part.owner, part.clause)) for part in table.parts)
        made = table.division.partitions if table.division and not table.parts else ()
        yield from ((f"partition {part.name}", _hash(part)) for part in made)


def _head(division: Partitioning | None) -> tuple[object, ...]:
    """What a partitioning says beside its partitions."""
    return (division.by, division.columns, division.nulls, division.grows) if division else ()


def _of(column: Column) -> tuple[tuple[str, tuple[object, ...]], ...]:
    """What a column says beside its type; an identity's default asks for a number, and is not one."""
    identity = (column.identity, column.always, column.step) if column.identity else ()
    return (
        ("the default", () if column.identity else (column.default,)),
        ("the generating expression", (column.generated, column.virtual) if column.generated else ()),
        ("the collation", (column.collation, column.folds)),
        ("the list of labels", column.labels),
        ("the identity", identity),
        ("the ON UPDATE", (column.refreshed,)),
        ("the base type", (column.base,)),
    )


def _hash(*said: object) -> str:
    return hashlib.sha256(repr(said).encode()).hexdigest()[:16]


def scope_of(request: Request, found: Further, carried: Iterable[Relation]) -> Scope:
    """What a request means of the source beside its tables; `carried` are the views and sequences that go along."""
    globs = tuple((one.table, one.exclude) for one in request.choices if not one.query and is_glob(one.table))
    return Scope(globs, _objects(found, set(carried)))


def _objects(found: Further, carried: set[Relation]) -> tuple[tuple[str, str], ...]:
    made = [(f"view {v.name}", _hash(v.query, v.columns, v.stored)) for v in found.views if v.name in carried]
    made += [(f"sequence {n.name}", _hash(n.step, n.low, n.high, n.cycle)) for n in found.numbers if n.name in carried]
    return tuple(sorted(made))


def _worded(column: Column) -> str:
    return (column.native or "without a type") + ("" if column.nullable else " NOT NULL")


def check_unmoved(plan: Plan, engine: Engine, session: Session, *, grown: bool = False) -> list[str]:
    """RequestError if a table, view or sequence is defined otherwise than when the plan was made.

    The tables that the job's globs mean now, and that the plan does not have, in words. Where the source makes
    partitions by itself, further ones are no other definition if they may have `grown`.
    """
    known = {definition.hop: definition for definition in plan.definitions}
    tables = {table.name: table for table in engine.tables(session)}
    divided = {table.name for table in plan.tables if table.partitioned}
    for hop in plan.hops:
        if hop.name in known:
            table = engine.describe(session, hop.query) if hop.query else tables.get(hop.reads)
            _check(hop, known[hop.name], table, divided=hop.writes in divided, grown=grown)
    _check_objects(plan, engine, session)
    return [
        f"{name} in the source is new since the plan was made, and not in it, though {pattern!r} means it"
        for name, pattern in _new(plan, tables.values(), engine.default_schema)
    ]


def _new(plan: Plan, tables: Iterable[Table], default_schema: str) -> Iterator[tuple[Relation, str]]:
    planned = {hop.reads for hop in plan.hops}
    for table in tables:
        if table.name in planned or table.kind == "view" or keeper(table):
            continue
        for pattern, exclude in plan.scope.globs:
            left = any(matches(table.name, one, default_schema) for one in exclude)
            if matches(table.name, pattern, default_schema) and not left:
                yield table.name, pattern
                break


def check_nothing_new(new: Sequence[str]) -> None:
    """RequestError for tables that a run would leave out without a word."""
    if new:
        raise RequestError(
            f"{'; '.join(new)}.", remedy="Nothing was changed by this command. Plan the job again, or --exclude them."
        )


def _check_objects(plan: Plan, engine: Engine, session: Session) -> None:
    if not plan.scope.objects:
        return
    before, found = dict(plan.scope.objects), engine.further(session)
    now = dict(_objects(found, {view.name for view in found.views} | {numbers.name for numbers in found.numbers}))
    said = [_told(name, before[name], now.get(name, "")) for name in before if before[name] != now.get(name)]
    if said:
        raise RequestError(
            f"The source has changed since the plan was made: {'; '.join(said)}.", remedy=_REMEDY,
        )  # fmt: skip


def _check(hop: Hop, planned: Definition, table: Table | None, *, divided: bool, grown: bool) -> None:
    if table is None:
        raise _moved(hop, ["it is gone"], "")
    chosen = () if planned.whole else [name for name, _ in planned.columns]
    found = defined(hop.name, table, chosen, mode=hop.mode, divided=divided)
    before, now = dict(planned.columns), dict(found.columns)
    columns = [name for name in dict.fromkeys([*before, *now]) if before.get(name) != now.get(name)]
    said = [_difference(name, before.get(name, ""), now.get(name, "")) for name in columns]
    said += [f"{key} is gone" for key in planned.keys if key not in found.keys]
    said += [f"{key} is new" for key in found.keys if key not in planned.keys]
    old, new = dict(planned.parts), dict(found.parts)
    if grown and table.division and table.division.grows:
        new = {name: said for name, said in new.items() if name in old or not name.startswith("partition ")}
    of_new = tuple(f" of column {name}" for name in columns)  # which is said already
    said += [
        _told(name, old.get(name, ""), new.get(name, ""))
        for name in dict.fromkeys([*old, *new])
        if old.get(name) != new.get(name) and not name.endswith(of_new)
    ]
    if said:
        raise _moved(hop, said, columns[0] if columns else "")


def _told(name: str, before: str, now: str) -> str:
    return f"{name} {'has changed' if before and now else 'is gone' if before else 'is new'}"


def _difference(name: str, before: str, now: str) -> str:
    if before and now:
        return f"column {name} was {before} and is {now}"
    return f"column {name} is gone" if before else f"column {name} ({now}) is new"


def _moved(hop: Hop, said: Sequence[str], column: str) -> RequestError:
    return RequestError(
        f"{hop.reads} in the source has changed since the plan was made: {'; '.join(said)}.",
        table=str(hop.reads), column=column,
        remedy=_REMEDY,
    )  # fmt: skip


def shape(table: Table, name: Relation) -> Table:
    """A target's table without what only planning needs."""
    return replace(table, name=name, types=(), left_out=(), physical={}, rows=-1, bytes=-1, division=None)


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
