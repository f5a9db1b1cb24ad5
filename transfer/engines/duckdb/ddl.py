"""DuckDB's DDL. Keys and foreign keys can only be made with the table, so the order is its own.

Unique indexes become constraints: a foreign key may refer to no index, and a table that has indexes
cannot be renamed, one that has constraints can.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ...engine import Build
from ...plan import Statement
from ...schema.catalogue import Column, ForeignKey, Index, Relation, Table
from ...schema.sql import (
    check_clauses,
    column_clause,
    comments,
    create_index,
    create_table,
    foreign_key_clauses,
    key_clause,
    names,
    text_literal,
    unique_clause,
)
from ...schema.violations import unique

if TYPE_CHECKING:
    from . import DuckDb


def exists(relation: Relation) -> str:
    """A query that returns a row if a table or view of this name is there; names are case-insensitive."""
    return (
        "SELECT 1 FROM (FROM duckdb_tables() SELECT schema_name, table_name, database_name UNION ALL "
        "FROM duckdb_views() SELECT schema_name, view_name, database_name) "
        f"WHERE database_name = current_database() AND lower(schema_name) = lower({text_literal(relation.schema)}) "
        f"AND lower(table_name) = lower({text_literal(relation.table)})"
    )


def reference(foreign: ForeignKey, table: Table, parent: Table, *, swapped: bool) -> tuple[ForeignKey | None, str]:
    """A foreign key as DuckDB can make it, and what is lost of it."""
    unique = [set(index.columns) for index in parent.indexes if index.unique]
    if foreign.references.schema != table.name.schema:
        return None, "not kept, as DuckDB's foreign keys stay inside a schema"
    if set(foreign.referenced) not in [set(parent.key), *unique]:
        return None, "not kept, as DuckDB's foreign keys refer to unique columns only"
    if swapped:
        return None, "not kept in mode replace, as DuckDB renames no table that others refer to"
    lost = [f"ON {what} {do}" for what, do in (("DELETE", foreign.on_delete), ("UPDATE", foreign.on_update)) if do]
    kept = replace(foreign, on_delete="", on_update="")
    return kept, f"without {' and '.join(lost)}, which DuckDB does not have: it refuses instead" if lost else ""


def create(engine: DuckDb, table: Table, into: Relation) -> str:
    """CREATE TABLE with all that can be made only now."""
    clauses = [column_clause(engine, column) for column in table.columns]
    clauses += key_clause(engine, table)
    unique = [index for index in table.indexes if index.unique and index.columns not in ((), table.key)]
    clauses += [unique_clause(engine, index) for index in unique]
    clauses += check_clauses(engine, table)
    clauses += foreign_key_clauses(engine, table)
    return create_table(engine, into, clauses)


def indexes(engine: DuckDb, build: Build) -> list[Statement]:
    """Ordinary indexes once the rows are in; on a shadow once it has its name, as they hinder the renaming."""
    shadow = build.into != build.table.name
    return [
        Statement(
            name=f"create index {name}", phase="swap" if shadow else "after", hop=build.hop, atomic=True,
            forward=create_index(engine, index, build.table.name, engine.quote(name)),
            check=_index_exists(build.table.name, name),
            back=f"DROP INDEX IF EXISTS {engine.relation(Relation(build.table.name.schema, name))}",
            after=("*",) if shadow else (build.hop,),
            constraint=replace(
                unique(engine, build.table.name, "unique index", index),
                later=create_index(engine, index, build.table.name, engine.quote(name)),
            ) if index.unique else None,
        )
        for index in build.table.indexes
        if not index.unique or index.keys
        for name in [index_name(build.table, index)]
    ]  # fmt: skip


def remarks(engine: DuckDb, build: Build) -> list[Statement]:
    """Comments; on a shadow they come along with the renaming."""
    return [
        Statement(name=name, phase="after", hop=build.hop, atomic=True, forward=forward, back=back, after=(build.hop,))
        for name, forward, back in comments(engine, build.table, build.into)
    ]


def index_name(table: Table, index: Index) -> str:
    """An index's name in DuckDB, where names are the schema's: other engines' are often only the table's."""
    name = table.name.table
    return index.name if name.lower() in index.name.lower() else f"{name}_{index.name}"


def _index_exists(relation: Relation, name: str) -> str:
    return (
        "SELECT 1 FROM duckdb_indexes() WHERE database_name = current_database() "
        f"AND schema_name = {text_literal(relation.schema)} AND lower(index_name) = lower({text_literal(name)})"
    )


def identities(engine: DuckDb, build: Build) -> list[Statement]:
    """A sequence behind the highest value for each identity column, as its default."""
    return [_identity(engine, build, column) for column in build.table.columns if column.identity]


def _identity(engine: DuckDb, build: Build, column: Column) -> Statement:
    into, quoted = engine.relation(build.into), engine.quote(column.name)
    name = f"{build.table.name.table}_{column.name}_seq{build.suffix}"
    sequence = engine.relation(Relation(build.into.schema, name))
    last = f"greatest(max(CAST({quoted} AS BIGINT)), {column.last})"
    begun = f"coalesce(greatest({last}, 1), 1), coalesce({last} >= 1, false)"
    step = f" INCREMENT BY {column.step}" if column.step != 1 else ""
    if column.step < 0:  # it begins at -1, and its usual limit above is that
        begun = f"least(min(CAST({quoted} AS BIGINT)), {min(column.last, 0)}), true"
        step += " MAXVALUE 0"
    return Statement(
        name=f"number {build.table.name}.{column.name} by a sequence", phase="after", hop=build.hop, atomic=True,
        forward=f"CREATE SEQUENCE {sequence}{step};\n"
        f"SELECT setval({text_literal(sequence)}, {begun}) FROM {into};\n"
        f"ALTER TABLE {into} ALTER COLUMN {quoted} SET DEFAULT nextval({text_literal(sequence)})",
        back=f"ALTER TABLE {into} ALTER COLUMN {quoted} DROP DEFAULT;\nDROP SEQUENCE {sequence}",
        after=(build.hop,),
    )  # fmt: skip


def swap(engine: DuckDb, relation: Relation, shadow: Relation, old: Relation) -> str:
    """Two renames; keys stay with their tables."""
    return (
        f"ALTER TABLE {engine.relation(relation)} RENAME TO {names(engine, [old.table])};\n"
        f"ALTER TABLE {engine.relation(shadow)} RENAME TO {names(engine, [relation.table])}"
    )
