"""SQLite's DDL: keys and foreign keys can only be made with the table, so the order is its own."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ...engine import Build
from ...errors import RequestError
from ...plan import Statement
from ...schema.catalogue import Column, Index, Relation, Table
from ...schema.sql import (
    check_clauses,
    column_clause,
    create_index,
    create_table,
    foreign_key_clauses,
    key_clause,
    text_literal,
    unique_clause,
)
from ...schema.violations import reference, unique
from . import catalogue

if TYPE_CHECKING:
    from . import Sqlite

_STRICT = ("INTEGER", "INT", "REAL", "TEXT", "BLOB", "ANY")


def exists(name: str, *kinds: str) -> str:
    """A query that returns a row if an object of these kinds is there, by default a table or a view."""
    words = ", ".join(f"'{kind}'" for kind in kinds or ("table", "view"))
    return f"SELECT 1 FROM sqlite_schema WHERE type IN ({words}) AND name = {text_literal(name)} COLLATE NOCASE"


def create(engine: Sqlite, table: Table, into: Relation) -> str:
    """CREATE TABLE with keys and foreign keys; the rowid alias is spelled in its column."""
    clauses = []
    alias = aliases(table)
    for column in table.columns:
        clause = column_clause(engine, column)
        if column in alias:
            clause = f"{engine.quote(column.name)} INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL"
        clauses.append(clause)
    if not alias:
        clauses += key_clause(engine, table)
    clauses += [_unique(engine, index) for index in table.indexes if index.constraint]
    clauses += check_clauses(engine, table)
    clauses += foreign_key_clauses(engine, table)
    return create_table(engine, into, clauses, _options(table))


def _options(table: Table) -> str:
    """STRICT and WITHOUT ROWID, the latter while there is a key. RequestError for a type that STRICT does not know."""
    odd = [column for column in table.columns if column.native.upper() not in _STRICT]
    if catalogue.STRICT in table.storage and odd:
        raise RequestError(
            f"{table.name} is STRICT, and its column {odd[0].name} would be {odd[0].native or 'without a type'}, "
            f"which such tables do not take.",
            table=str(table.name), column=odd[0].name,
            remedy=f"Leave it as it is, or read it as one of {', '.join(_STRICT)}; or make the table in the target, "
            "and use --mode append.",
        )  # fmt: skip
    words = [word for word in table.storage.split(", ") if word and (table.key or word != catalogue.WITHOUT_ROWID)]
    return f" {', '.join(words)}" if words else ""


def _unique(engine: Sqlite, index: Index) -> str:
    """One by other collations than its columns' says so."""
    clause = unique_clause(engine, index)
    return f"CONSTRAINT {engine.quote(index.name)} UNIQUE {index.native}" if index.native else clause


def check_foreign_keys(engine: Sqlite, build: Build) -> list[Statement]:
    """Enforcement is off while loading, so the rows are checked once all are there, each key by a query of its own."""
    made = []
    for fk in build.table.foreign_keys:
        rule = reference(engine, build.into, fk)
        made.append(Statement(
            name=f"check foreign key {fk.name}", phase="after", hop=build.hop, atomic=True, forward="SELECT 1",
            guard=f"{rule.offenders} LIMIT 1", after=("*",),
            constraint=replace(rule, kept="it is declared, and holds for new rows where PRAGMA foreign_keys is on"),
        ))  # fmt: skip
    return made


def numbers(build: Build) -> list[Statement]:
    """Let AUTOINCREMENT go on after what the source gave to rows that are gone."""
    return [
        Statement(
            name=f"number {build.table.name}.{column.name} on from {column.last}", phase="after", hop=build.hop,
            atomic=True, after=(build.hop,),
            forward=f"INSERT INTO sqlite_sequence (name, seq) SELECT {name}, 0 "
            f"WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = {name});\n"
            f"UPDATE sqlite_sequence SET seq = max(seq, {column.last}) WHERE name = {name}",
        )
        for column in build.table.columns
        for name in [text_literal(build.into.table)]
        if column.last and column in aliases(build.table)
    ]  # fmt: skip


def aliases(table: Table) -> list[Column]:
    """The identity column whose numbers the file keeps: an alias of the rowid."""
    return [c for c in table.columns if c.identity and table.key == (c.name,) and c.native == "INTEGER"]


def unnumbered(table: Table) -> dict[str, str]:
    """Identities that are no alias of the rowid, and why they give no numbers."""
    kept = aliases(table)
    return {
        column.name: "only a primary key that is one INTEGER numbers itself"
        for column in table.columns
        if column.identity and column not in kept
    }


def indexes(engine: Sqlite, build: Build) -> list[Statement]:
    """Ordinary indexes, once the rows are in. Their names are the file's, so a shadow's get a suffix."""
    made = []
    for index in build.table.indexes:
        if not index.constraint:
            named = replace(index, name=index.name + build.suffix)
            forward = create_index(engine, named, build.into)
            rule = replace(unique(engine, build.into, "unique index", named), later=forward) if index.unique else None
            made.append(Statement(
                name=f"create index {named.name}", phase="after", hop=build.hop, atomic=True,
                forward=forward, check=exists(named.name, "index"),
                back=f"DROP INDEX IF EXISTS {engine.quote(named.name)}", after=(build.hop,), constraint=rule,
            ))  # fmt: skip
    return made
