"""DDL of the MySQL family. Each statement commits by itself, so each has a check in the catalogue."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ...engine import Build
from ...plan import Constraint, Statement
from ...schema.catalogue import Check, Column, Index, Relation, Table
from ...schema.sql import check_clauses, column_clause, create_table, foreign_key_clauses, key_clause, names
from ...schema.violations import reference, unique
from .catalogue import COMPRESSED
from .periods import said_once
from .room import INDEX
from .session import literal, qualified, quoted, schema_of

if TYPE_CHECKING:
    from . import MySql

_COUNTS = "(tiny|small|medium|big)?int|float|double"
_PREFIX = 191  # characters: 764 bytes, so that four such columns fit into an index of 3,072


def create(engine: MySql, table: Table, into: Relation, *, bare: bool) -> str:
    """A table with its primary key: rows lie in its order, so it cannot come later."""
    identity = "" if bare else " AUTO_INCREMENT"
    clauses = [
        column_clause(engine, _packed(column), identity)
        + _null(column)
        + "".join(f" {word}" for word in column.words if word != COMPRESSED)
        + (f" ON UPDATE {column.refreshed}" if column.refreshed and not bare else "")
        + _remark(column.comment)
        for column in table.columns
    ]
    if not bare:
        plain = said_once(table)
        clauses += key_clause(engine, plain)
        clauses += _identity_index(table)
        clauses += check_clauses(engine, replace(plain, checks=_named_checks(engine, plain)))
        clauses += [one.condition for one in table.own]
    division = f"\n{table.partitioned}" if table.partitioned and not bare else ""
    division += f" {table.versioned}" if table.versioned and not bare else ""
    return create_table(engine, into, clauses, engine.table_suffix + _remark(table.comment) + division)


def _packed(column: Column) -> Column:
    """The word for a compressed column belongs to its type."""
    return replace(column, native=f"{column.native} {COMPRESSED}") if COMPRESSED in column.words else column


def _null(column: Column) -> str:
    """Said in so many words: before MySQL 8.0 a timestamp that says nothing takes no NULL, and changes by itself."""
    return " NULL" if column.nullable and column.native.lower().startswith("timestamp") else ""


def _remark(comment: str) -> str:
    return f" COMMENT {literal(comment)}" if comment else ""


def _named_checks(engine: MySql, table: Table) -> tuple[Check, ...]:
    """MySQL's names of checks are the schema's, so the table's name belongs into them."""
    name = table.name.table
    return tuple(
        c if name.lower() in c.name.lower() else replace(c, name=engine.name_of(f"{name}_{c.name}"))
        for c in table.checks
    )


def _identity_index(table: Table) -> list[str]:
    """AUTO_INCREMENT wants an index that begins with its column."""
    return [
        f"KEY ({quoted(column.name)})"
        for column in table.columns
        if column.identity and table.key[:1] != (column.name,)
    ]


def unnumbered(table: Table) -> dict[str, str]:
    """All identities but one: that of the key, or else the first. And those whose type takes no AUTO_INCREMENT."""
    counted = {column.name: column.native for column in table.columns if column.identity}
    odd = {name: native for name, native in counted.items() if not re.match(_COUNTS, native.lower())}
    able = [name for name in counted if name not in odd]
    kept = next((name for name in able if name in table.key[:1]), able[0] if able else "")
    lost = {name: f"a {native} takes no AUTO_INCREMENT" for name, native in odd.items()}
    return lost | {name: f"a table has one AUTO_INCREMENT, and {kept} is it" for name in able if name != kept}


def exists(relation: Relation) -> str:
    """A query that returns a row if the table is there."""
    return (
        f"SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = {schema_of(relation)} "
        f"AND TABLE_NAME = {literal(relation.table)}"
    )


def indexes(engine: MySql, build: Build) -> list[Statement]:
    """Ordinary indexes by one ALTER TABLE: one pass over the rows. Each unique one by itself, for rows may break it.

    The server finds duplicates while it builds, whatever unique_checks says, so nothing is asked before: for 500,000
    rows of MariaDB that took 3.0 s, the index 0.6 s. One such and two others took 1.4 s apart, 1.5 s in one pass.
    """
    wanted = said_once(build.table).indexes
    unique_ = [index for index in wanted if index.unique]
    plain = [index for index in wanted if not index.unique]
    made = [_indexes(engine, build, f"create unique index {i.name} of {build.into}", [i]) for i in unique_]
    made = [
        replace(one, constraint=replace(_unique(engine, build, index), later=one.forward))
        for one, index in zip(made, unique_, strict=True)
    ]
    return made + ([_indexes(engine, build, f"create the indexes of {build.into}", plain)] if plain else [])


def _unique(engine: MySql, build: Build, index: Index) -> Constraint:
    """A unique index; one over prefixes is over what its definition cuts out."""
    parts = re.findall(r"(`(?:[^`]|``)+`)(?:\((\d+)\))?", index.native)
    cut = tuple(f"LEFT({column}, {length})" if length else column for column, length in parts)
    return unique(engine, build.into, "unique index", replace(index, keys=cut))


def _indexes(engine: MySql, build: Build, name: str, indexes: Sequence[Index]) -> Statement:
    clauses = [_index_clause(build.table, index) for index in indexes]
    on = qualified(build.into)
    drop = f"ALTER TABLE {on} {', '.join(f'DROP INDEX {quoted(index.name)}' for index in indexes)}"
    last = indexes[-1].name
    check = (
        f"SELECT 1 FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = {schema_of(build.into)} "
        f"AND TABLE_NAME = {literal(build.into.table)} AND INDEX_NAME = {literal(last)} LIMIT 1"
    )
    return Statement(
        name=name, phase="after", hop=build.hop, after=(build.hop,),
        forward=f"ALTER TABLE {on} {', '.join(clauses)}", check=check,
        back=_drop(engine, build.into, "INDEX", last, check) if indexes[0].unique else drop,
        lock=f"shared metadata lock on {build.into} while it reads the rows",
    )  # fmt: skip


def _drop(engine: MySql, on: Relation, kind: str, name: str, query: str) -> str:
    """Drop what may have been left out: a run goes on without a constraint that rows break."""
    if engine.name == "mariadb":
        return f"ALTER TABLE {qualified(on)} DROP {kind} IF EXISTS {quoted(name)}"
    return if_there(query, f"ALTER TABLE {qualified(on)} DROP {kind} {quoted(name)}")


def if_there(query: str, sql: str) -> str:
    """SQL that is carried out where a query finds something; MySQL has no IF EXISTS but for tables and views."""
    return (
        f"SET @ropeway = IF(EXISTS({query}), {literal(sql)}, 'DO 0');\nPREPARE ropeway FROM @ropeway;\n"
        "EXECUTE ropeway;\nDEALLOCATE PREPARE ropeway"
    )


def _index_clause(table: Table, index: Index) -> str:
    word = "ADD UNIQUE INDEX" if index.unique else "ADD INDEX"
    if index.native:
        kind = index.method if index.method in ("FULLTEXT", "SPATIAL") else "UNIQUE" if index.unique else ""
        return f"ADD {kind} INDEX {quoted(index.name)} {index.native}".replace("  ", " ", 1)
    parts = [
        quoted(c)
        + ("" if index.unique else _prefix(table.column(c).native, len(index.columns)))
        + (" DESC" if c in index.descending else "")
        for c in index.columns
    ]
    return f"{word} {quoted(index.name)} ({', '.join(parts)})"


def _prefix(native: str, columns: int) -> str:
    """Long text enters an ordinary index by its beginning; uniqueness needs all of it."""
    most = min(_PREFIX, INDEX // 4 // columns)
    long = re.fullmatch(r"(?:var)?(?:char|binary)\((\d+)\)", native)
    if native.endswith(("text", "blob", "json")) or (long and int(long[1]) > most):
        return f"({most})"
    return ""


def numbers(build: Build) -> list[Statement]:
    """Let AUTO_INCREMENT go on after what the source gave to rows that are gone; it never goes below its own."""
    return [
        Statement(
            name=f"number {build.into}.{column.name} on from {column.last}", phase="after", hop=build.hop,
            forward=f"ALTER TABLE {qualified(build.into)} AUTO_INCREMENT = {column.last + 1}", after=(build.hop,),
        )
        for column in build.table.columns
        if column.identity and column.last
    ]  # fmt: skip


def foreign_keys(engine: MySql, build: Build) -> list[Statement]:
    """With foreign_key_checks off a key is added in place and looks at no row: orphans are asked for first.

    For 500,000 rows that takes 1.3 s in MariaDB and 0.5 s in MySQL 5.6.
    """
    on, made = qualified(build.into), []
    for fk, clause in zip(build.table.foreign_keys, foreign_key_clauses(engine, build.table), strict=True):
        rule, add = reference(engine, build.into, fk), f"ALTER TABLE {on} ADD {clause}"
        check = (
            "SELECT 1 FROM information_schema.TABLE_CONSTRAINTS WHERE "
            f"CONSTRAINT_SCHEMA = {schema_of(build.into)} AND TABLE_NAME = {literal(build.into.table)} "
            f"AND CONSTRAINT_NAME = {literal(fk.name)}"
        )
        made.append(Statement(
            name=f"add foreign key {fk.name}", phase="after", hop=build.hop, after=("*",),
            forward=add, back=_drop(engine, build.into, "FOREIGN KEY", fk.name, check), check=check,
            guard=f"{rule.offenders} LIMIT 1", constraint=replace(rule, later=add),
            lock=f"metadata locks on {build.into} and {fk.references}, for a moment",
        ))  # fmt: skip
    return made


def referenced(relation: Relation) -> str:
    """Foreign keys of other tables that refer to this one; those of another database with its name."""
    schema, table = schema_of(relation), literal(relation.table)
    return (
        f"SELECT CONCAT('foreign key ', IF(TABLE_SCHEMA = {schema}, '', CONCAT(TABLE_SCHEMA, '.')), CONSTRAINT_NAME) "
        f"FROM information_schema.KEY_COLUMN_USAGE WHERE REFERENCED_TABLE_SCHEMA = {schema} "
        f"AND REFERENCED_TABLE_NAME = {table} AND NOT (TABLE_SCHEMA = {schema} AND TABLE_NAME = {table})"
    )


def swap(relation: Relation, shadow: Relation, kept: Relation) -> str:
    """RENAME TABLE does both in one step."""
    return f"RENAME TABLE {qualified(relation)} TO {qualified(kept)}, {qualified(shadow)} TO {qualified(relation)}"


def revoke(privilege: str, on: Relation, account: str) -> str:
    """Take back a privilege, which stays behind when its table goes; there is none where the grant was left out."""
    query = (
        f"SELECT 1 FROM information_schema.TABLE_PRIVILEGES WHERE TABLE_SCHEMA = {schema_of(on)} "
        f"AND TABLE_NAME = {literal(on.table)} AND GRANTEE = {literal(account)} "
        f"AND PRIVILEGE_TYPE = {literal(privilege)}"
    )
    return if_there(query, f"REVOKE {privilege} ON {qualified(on)} FROM {account}")


__all__ = ["create", "exists", "foreign_keys", "indexes", "names", "referenced", "revoke", "swap"]
