"""Partitions that came from another kind of engine, as PostgreSQL's: each a table, called after the whole."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from ...engine import Session
from ...rules import split
from ...schema.catalogue import Column, Part, Relation, Table
from ...schema.dividing import check_keys
from ...schema.partitioning import (
    Bound,
    Bounds,
    Edge,
    Partition,
    Partitioning,
    Undivided,
    is_open,
    levels,
    takes_others,
)
from ...schema.sql import text_literal

if TYPE_CHECKING:
    from . import PostgreSql

_TEXTS = ("text", "character varying", "character")
_BYTES = '"C"'  # the collation whose order is that of the octets, and so of the code points


def divided(
    engine: PostgreSql, session: Session | None, table: Table, division: Partitioning, taken: Collection[str]
) -> Table:
    """The table with its partitions, each after its owner; Undivided for what there is none of."""
    check_keys(table, division)
    for level in levels(division):
        _check(table, level)
    making = _Making(engine, table, not _by_code_points(session), {*taken})
    parts = tuple(making.parts(division, table.name))
    return replace(table, partitioned=making.clause(division), parts=parts, division=division)


def _by_code_points(session: Session | None) -> bool:
    """Whether texts without a collation are in the order of their code points."""
    if session is None:
        return False
    # From version 15 on a locale may be ICU's, whatever datcollate says; PostgreSQL's own go by code points.
    ((collation, provider),) = session.ask(
        "SELECT d.datcollate, to_jsonb(d) ->> 'datlocprovider' FROM pg_database d WHERE d.datname = current_database()"
    )
    return provider == "b" or (provider in (None, "c") and collation in ("C", "POSIX"))


def _check(table: Table, level: Partitioning) -> None:
    columns = [table.column(name) for name in level.columns]
    computed = [column.name for column in columns if column.generated]
    if computed:
        raise Undivided(f"{', '.join(computed)} is generated, and PostgreSQL partitions by no such column")
    if level.by == "list" and len(columns) > 1:
        raise Undivided("PostgreSQL has lists of one column only")
    if level.by == "range":
        _check_nulls(level, columns)


def _check_nulls(level: Partitioning, columns: Sequence[Column]) -> None:
    """No range takes a NULL, so what may hold some has to be the partition that takes all others."""
    later = [column.name for column in columns[1:] if column.nullable]
    if later:
        raise Undivided(f"{', '.join(later)} may be NULL, which PostgreSQL has in no range")
    open_ = [one for one in level.partitions if is_open(one)]
    ends = [one for one in open_ if one.upper[1:] != (Edge.MOST,) * (len(columns) - 1)]
    first = columns[0].nullable and level.nulls == "first" and len(level.partitions) > 1 and not open_
    if first or (ends and columns[0].nullable):
        raise Undivided(f"{columns[0].name} may be NULL, and no partition can take NULLs and nothing else")


class _Making:
    """The clauses of one table's partitions, whose names have to be others than all relations there have."""

    def __init__(self, engine: PostgreSql, table: Table, collated: bool, taken: set[str]) -> None:
        self._engine, self._table, self._collated, self._taken = engine, table, collated, taken

    def clause(self, division: Partitioning) -> str:
        keys = [self._key(name, by=division.by) for name in division.columns]
        return f"PARTITION BY {division.by.upper()} ({', '.join(keys)})"

    def _key(self, name: str, *, by: str) -> str:
        column, quoted = self._table.column(name), self._engine.quote(name)
        if by != "range" or not self._collated or split(column.base or column.native).name not in _TEXTS:
            return quoted
        if any(index.unique for index in self._table.indexes) or self._table.key:
            raise Undivided(f"ranges of {name} are in the order of code points, and its keys are not there")
        return f"{quoted} COLLATE {_BYTES}"

    def parts(self, division: Partitioning, owner: Relation) -> Iterator[Part]:
        """Partitions before those inside them."""
        lower = division.lower
        for number, one in enumerate(division.partitions):
            name = Relation(self._table.name.schema, self._named(one))
            clause = self._values(division, number, lower)
            lower = one.upper
            inner = f" {self.clause(one.within)}" if one.within else ""
            yield Part(name, owner, f"{clause}{inner}")
            if one.within:
                yield from self.parts(one.within, name)

    def _named(self, one: Partition) -> str:
        """`orders_p2024`: partitions are relations among others."""
        table = self._table.name.table
        plain = one.name if one.name.startswith(f"{table}_") else f"{table}_{one.name}"
        name, number = self._engine.name_of(plain), 2
        while name in self._taken:
            name, number = self._engine.name_of(f"{plain}_{number}"), number + 1
        self._taken.add(name)
        return name

    def _values(self, division: Partitioning, number: int, lower: Bounds) -> str:
        one = division.partitions[number]
        columns = [self._table.column(name) for name in division.columns]
        if division.by == "hash":
            return f"FOR VALUES WITH (MODULUS {len(division.partitions)}, REMAINDER {number})"
        if takes_others(one):
            return "DEFAULT"
        if division.by == "list":
            return f"FOR VALUES IN ({', '.join(_literal(values[0], columns[0]) for values in one.values)})"
        if columns[0].nullable and self._takes_nulls(division, number):
            return "DEFAULT"
        least = ", ".join(["MINVALUE"] * len(columns))
        first = _tuple(lower, columns) if lower else least
        return f"FOR VALUES FROM ({first}) TO ({_tuple(one.upper, columns)})"

    def _takes_nulls(self, division: Partitioning, number: int) -> bool:
        """Whether NULLs are in this partition of ranges: all values but its own are in others, so it takes the rest."""
        if division.nulls == "first":
            return number == 0
        return division.nulls == "last" and is_open(division.partitions[number])


def _tuple(bounds: Bounds, columns: Sequence[Column]) -> str:
    """Behind MAXVALUE stand others only: what comes there decides nothing."""
    made: list[str] = []
    for bound, column in zip(bounds, columns, strict=True):
        made.append("MAXVALUE" if "MAXVALUE" in (bound, *made[-1:]) else _literal(bound, column))
    return ", ".join(made)


def _literal(bound: Bound, column: Column) -> str:
    native = split(column.base or column.native).name
    if bound is None:
        return "NULL"
    if isinstance(bound, int | Decimal):
        if native not in ("smallint", "integer", "bigint", "numeric"):
            raise Undivided(f"{column.name} is a {column.native} in the target, which has no value {bound}")
        return f"{bound:f}" if isinstance(bound, Decimal) else str(bound)
    if isinstance(bound, datetime):
        return text_literal(bound.isoformat(" "))
    if isinstance(bound, str) and native not in _TEXTS:
        raise Undivided(f"{column.name} is a {column.native} in the target, which has no value {bound!r}")
    return text_literal(bound)
