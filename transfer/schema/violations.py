"""Rows that break a constraint: the queries that list them, one place for targets, sources and checks.sql."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ..errors import RequestError
from ..plan import Constraint, Statement
from .catalogue import ForeignKey, Index, Relation
from .sql import Quoting, names

RULE = "rule"  # the kind of a constraint that is only asked of the rows: quality.py


@dataclass(frozen=True)
class Apart:
    """SQL of a value of a child, under the name c, and of its parent, under p, which are to be equal instead.

    That is `finer` than the engine's own equality in these ways, and may be `coarser`, too.
    """

    child: str
    parent: str
    finer: tuple[str, ...] = ()
    coarser: bool = False


def keys_of(engine: Quoting, index: Index) -> tuple[str, ...]:
    """What an index is over, in SQL: its columns, or its expressions."""
    return tuple(f"({key})" for key in index.keys) or tuple(engine.quote(column) for column in index.columns)


def duplicates(on: str, keys: Sequence[str], where: str = "", *, nulls: bool = False, shown: Sequence[str] = ()) -> str:
    """Keys (SQL) that several rows have, or what is `shown` of each, and how many they are.

    A NULL equals nothing, unless `nulls` are equal.
    """
    return f"SELECT {', '.join(shown or keys)}, count(*) {_shared(on, keys, where, nulls=nulls)}"


def _shared(on: str, keys: Sequence[str], where: str, *, nulls: bool) -> str:
    conditions = ([] if nulls else [f"{key} IS NOT NULL" for key in keys]) + ([f"({where})"] if where else [])
    clause = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return f"FROM {on}{clause} GROUP BY {', '.join(keys)} HAVING count(*) > 1"


def orphans(
    engine: Quoting, child: str, foreign: ForeignKey, parent: str, apart: Mapping[str, Apart] | None = None
) -> str:
    """References to rows that are not there, and how many: with a NULL in it, it is none.

    Where MATCH FULL is among the key's options, NULLs beside values break it too. `apart` are those of its columns
    whose values are to be equal in another than the engine's sense.
    """
    apart = apart or {}
    finer = any(one.finer for one in apart.values())
    lost = _lost_apart(engine, child, foreign, parent, apart) if finer else _lost(engine, child, foreign, parent)
    if any(one.coarser for one in apart.values()):  # asked last, of the few that are left: no index helps
        lost += f" AND NOT EXISTS (SELECT 1 FROM {parent} p WHERE {_same(engine, foreign, apart)})"
    shown = _referring(engine, foreign)
    grouped = ", ".join([shown, *(one.child for one in apart.values() if finer)])  # or 'a' and 'A' were one reference
    return f"SELECT {shown}, count(*) {lost} GROUP BY {grouped}"


def _referring(engine: Quoting, foreign: ForeignKey) -> str:
    return ", ".join(f"c.{engine.quote(name)}" for name in foreign.columns)


def _lost(engine: Quoting, child: str, foreign: ForeignKey, parent: str) -> str:
    missing = f"NOT EXISTS (SELECT 1 FROM {parent} p WHERE {_same(engine, foreign)})"
    return f"FROM {child} c WHERE {_breaking(engine, foreign, missing)}"


def _lost_apart(engine: Quoting, child: str, foreign: ForeignKey, parent: str, apart: Mapping[str, Apart]) -> str:
    """By a join: MariaDB keeps what a subquery gave for 'a', and takes it for 'A', too."""
    alike = [f"{one.parent} = {one.child}" for one in apart.values()]
    joined = " AND ".join([_same(engine, foreign), *alike])  # the engine's own sense comes first, for that has an index
    missing = f"p.{engine.quote(foreign.referenced[0])} IS NULL"
    return f"FROM {child} c LEFT JOIN {parent} p ON {joined} WHERE {_breaking(engine, foreign, missing)}"


def _same(engine: Quoting, foreign: ForeignKey, apart: Mapping[str, Apart] | None = None) -> str:
    apart = apart or {}
    return " AND ".join(
        f"{apart[c].parent} = {apart[c].child}" if c in apart else f"p.{engine.quote(r)} = c.{engine.quote(c)}"
        for c, r in zip(foreign.columns, foreign.referenced, strict=True)
    )


def _breaking(engine: Quoting, foreign: ForeignKey, missing: str) -> str:
    filled = " AND ".join(f"c.{engine.quote(name)} IS NOT NULL" for name in foreign.columns)
    if "MATCH FULL" not in foreign.options:
        return f"{filled} AND {missing}"
    empty = " AND ".join(f"c.{engine.quote(name)} IS NULL" for name in foreign.columns)
    return f"(({filled} AND {missing}) OR NOT ({filled}) AND NOT ({empty}))"


def _among(keys: Sequence[str], listed: Sequence[str], of: str) -> str:
    """That a row's keys are among those that a query lists of a source, the FROM clause and what follows.

    As a table of its own, or MySQL would refuse to delete from the table that the query reads. Several keys are
    compared one by one, for SQL Server knows no rows of values.
    """
    if len(keys) == 1:
        return f"{keys[0]} IN (SELECT * FROM (SELECT DISTINCT {listed[0]} {of}) found)"
    named = [f"ropeway_{number}" for number, _ in enumerate(keys, 1)]
    columns = ", ".join(f"{one} AS {name}" for one, name in zip(listed, named, strict=True))
    same = " AND ".join(f"found.{name} = {key}" for name, key in zip(named, keys, strict=True))
    return f"EXISTS (SELECT 1 FROM (SELECT DISTINCT {columns} {of}) found WHERE {same})"


def nulls(engine: Quoting, on: str, columns: Sequence[str]) -> str:
    """Rows with a NULL in one of the columns."""
    return f"SELECT * FROM {on} WHERE {' OR '.join(f'{engine.quote(name)} IS NULL' for name in columns)}"


def breaking(on: str, condition: str, columns: str = "*") -> str:
    """Rows that break a check: NULL, which is neither true nor false, does not."""
    return f"SELECT {columns} FROM {on} WHERE NOT ({condition})"


def unique(engine: Quoting, into: Relation, what: str, index: Index, *, nulls: bool = False) -> Constraint:
    """A primary key, a unique constraint or a unique index, which is made once the rows are in."""
    on, keys = engine.relation(into), keys_of(engine, index)
    broken = _among(keys, keys, _shared(on, keys, index.where, nulls=nulls))
    return Constraint(
        what, index.name, into, index.columns or index.keys, duplicates(on, keys, index.where, nulls=nulls),
        counted=True, broken=f"({index.where}) AND {broken}" if index.where else broken,
    )  # fmt: skip


def reference(engine: Quoting, into: Relation, foreign: ForeignKey) -> Constraint:
    """A foreign key; its rows and those that they refer to are both in."""
    on, parent = engine.relation(into), engine.relation(foreign.references)
    keys = [engine.quote(name) for name in foreign.columns]
    broken = _among(keys, [f"c.{key}" for key in keys], _lost(engine, on, foreign, parent))
    return Constraint(
        "foreign key", foreign.name, into, foreign.columns, orphans(engine, on, foreign, parent), counted=True,
        references=foreign.references, broken=broken,
    )  # fmt: skip


def check(engine: Quoting, into: Relation, name: str, condition: str, shown: Sequence[str]) -> Constraint:
    """A check; `shown` are the columns that tell its rows apart."""
    listing = breaking(engine.relation(into), condition, names(engine, shown) or "*")
    return Constraint("check", name, into, tuple(shown), listing, broken=f"NOT ({condition})")


def deciding(statements: Sequence[Statement], otherwise: str) -> list[Statement]:
    """The statements with what was chosen for rows that break their constraints; a rule has a choice of its own."""
    return [
        replace(one, constraint=replace(one.constraint, otherwise=otherwise))
        if one.constraint and one.constraint.kind != RULE
        else one
        for one in statements
    ]


def check_choice(mode: str, otherwise: str, table: Relation) -> None:
    """RequestError where a constraint that is left out would be one that was there before."""
    if mode == "fill" and otherwise != "stop":
        raise RequestError(
            f"{table}: mode fill puts back what was there, so on_violation: {otherwise} is not for it.",
            table=str(table), remedy="Leave on_violation at stop: once the rows are mended, --resume goes on.",
        )  # fmt: skip
