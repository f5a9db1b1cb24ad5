"""Views from one SQL dialect to another: their names resolved by sqlglot, their parts held to the same rule as checks.

A view that would mean something else is worse than one that is missing and said to be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify import qualify

from ..types import Type
from .catalogue import Relation, View
from .expressions import Untranslatable, translated
from .wording import Wording

# Beside what conditions may have. LIMIT is not among them: which rows it leaves is chance. Nor is avg(), whose digits
# are each engine's own.
_QUERY: tuple[type[exp.Expr], ...] = (
    exp.Select, exp.From, exp.Join, exp.Where, exp.Group, exp.Having, exp.Order, exp.Ordered, exp.Distinct, exp.Union,
    exp.Except, exp.Intersect, exp.Subquery, exp.Exists, exp.With, exp.CTE, exp.Alias, exp.TableAlias, exp.Table,
    exp.Star, exp.Count, exp.Sum, exp.Min, exp.Max,
)  # fmt: skip


@dataclass(frozen=True)
class Place:
    """What a relation of the source is in the target: its name there, and each column's name and Type."""

    name: Relation
    columns: Mapping[str, tuple[str, Type]]


def used(query: str, dialect: str, schemas: Mapping[str, str]) -> set[tuple[str, str]]:
    """The (schema, name), in lower case, of the relations that a query reads. Untranslatable if it cannot be read.

    `schemas` has the catalogue's name of a schema that the query calls otherwise, or not at all.
    """
    return {_spelled(table, schemas) for table in _tables(_parsed(query, dialect))}


def view(
    found: View, source: Wording, target: Wording, places: Mapping[tuple[str, str], Place], schemas: Mapping[str, str]
) -> str:
    """A view's SELECT in the target's words. Untranslatable says what has no counterpart there.

    `places` are the relations that are moved, by (schema, name) in lower case; `schemas` as for `used`.
    """
    tree = _parsed(found.query, source.dialect)
    for column in tree.find_all(exp.Column):
        column.set("db", None)
        column.set("catalog", None)
    if tree.find(exp.With) and not target.common:
        raise Untranslatable("WITH is not known there")
    aliases = _aliased(tree, places, schemas)
    shape: dict[str, object] = {_key(place): dict.fromkeys(place.columns, "text") for place in aliases.values()}
    try:
        tree = qualify(tree, schema=shape, dialect=source.dialect)
    except SqlglotError as error:
        raise Untranslatable("its columns cannot be resolved") from error
    known = {f"{alias}.{name}": there for alias, place in aliases.items() for name, there in place.columns.items()}
    for table in _tables(tree):
        name = aliases[table.alias.lower()].name
        table.set("this", exp.to_identifier(name.table, quoted=True))
        table.set("db", exp.to_identifier(name.schema, quoted=True) if name.schema else None)
    return translated(tree.transform(_plainly), source, target, known, _QUERY)


def _plainly(node: exp.Expr) -> exp.Expr:
    """DuckDB prints count(*) by a name of its own, MySQL a UNION's halves in parentheses and EXISTS with LIMIT 1."""
    if isinstance(node, exp.Anonymous) and node.name.lower() == "count_star":
        return exp.Count(this=exp.Star())
    limit = node.this.args.get("limit") if isinstance(node, exp.Exists) else None
    if isinstance(limit, exp.Limit) and limit.expression.name == "1":
        node.this.set("limit", None)
    half = isinstance(node, exp.Subquery) and not node.alias and isinstance(node.parent, exp.SetOperation)
    return node.this if half and isinstance(node.this, exp.Select) else node


def _parsed(query: str, dialect: str) -> exp.Expr:
    try:
        tree = sqlglot.parse_one(query, read=dialect)
    except SqlglotError as error:
        raise Untranslatable("it cannot be read") from error
    if not isinstance(tree, exp.Query):
        raise Untranslatable("it cannot be read")
    for group in tree.find_all(exp.Group):
        if any(group.args.get(word) for word in ("all", "rollup", "cube", "grouping_sets", "totals")):
            raise Untranslatable(f"{group.sql()} is not known to mean the same there")
    return tree


def _tables(tree: exp.Expr) -> list[exp.Table]:
    own = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
    return [table for table in tree.find_all(exp.Table) if table.db or table.name.lower() not in own]


def _spelled(table: exp.Table, schemas: Mapping[str, str]) -> tuple[str, str]:
    schema = table.db.lower()
    return schemas.get(schema, schema).lower(), table.name.lower()


def _key(place: Place) -> str:
    """A name under which no case is folded and no schema is needed."""
    return f"r_{place.name.schema}_{place.name.table}".lower()


def _aliased(tree: exp.Expr, places: Mapping[tuple[str, str], Place], schemas: Mapping[str, str]) -> dict[str, Place]:
    """Give each table an alias, under which its columns are known from then on."""
    aliases: dict[str, Place] = {}
    for table in _tables(tree):
        place = places.get(_spelled(table, schemas))
        if place is None:
            raise Untranslatable(f"{table.name} is not moved")
        if not place.columns:
            raise Untranslatable(f"of {table.name}, or of its columns, two differ in case only")
        alias = (table.alias or table.name).lower()
        if aliases.setdefault(alias, place) != place:
            raise Untranslatable(f"{alias} stands for two tables")
        if not table.alias:
            table.set("alias", exp.TableAlias(this=exp.to_identifier(table.name, quoted=True)))
        table.set("this", exp.to_identifier(_key(place), quoted=True))
        table.set("db", None)
        table.set("catalog", None)
    return aliases
