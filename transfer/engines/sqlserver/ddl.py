"""SQL Server's DDL: bare heaps, then rows, then keys and indexes, then foreign keys. All transactional."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from ...engine import Build
from ...plan import Statement
from ...schema.catalogue import Column, ForeignKey, Index, Relation, Table
from ...schema.sql import create_table, foreign_key_clauses, index_columns, names
from ...schema.violations import check as checked
from ...schema.violations import reference, unique
from .parting import apart
from .session import literal, qualified, quoted

if TYPE_CHECKING:
    from . import SqlServer

_COUNTED = ("tinyint", "smallint", "int", "bigint")
_STRICT = "NULLS NOT DISTINCT"
_UNTRUSTED = "it is there and not trusted: it holds for new rows"
_SELECT = re.compile(r"SELECT (DISTINCT )?")


def first(query: str, count: int) -> str:
    """The first rows of a query."""
    return _SELECT.sub(lambda found: f"SELECT {found[1] or ''}TOP ({count}) ", query, count=1)


def create(engine: SqlServer, table: Table, into: Relation, *, bare: bool) -> str:
    """A heap, into which several sessions may load, and which is sorted once, by its key, when the rows are in."""
    filled = [replace(one, nullable=one.nullable and one.name not in table.key) for one in table.columns]
    suffix = f" {table.partitioned}" if table.partitioned and not bare else ""
    return create_table(engine, into, [_column(column, bare=bare) for column in filled], suffix)


def _column(column: Column, *, bare: bool) -> str:
    name, null = quoted(column.name), "" if column.nullable else " NOT NULL"
    if column.generated:
        if column.virtual:
            return f"{name} AS ({column.generated})"
        return f"{name} AS ({column.generated}) PERSISTED{null}"
    native = f"{column.native} COLLATE {column.collation}" if column.collation else column.native
    if bare:
        return f"{name} {native}{null or ' NULL'}"
    if column.identity:
        return f"{name} {native} IDENTITY(1,{column.step}) NOT NULL"
    default = f" DEFAULT ({column.default})" if column.default else ""
    return f"{name} {native}{null or ' NULL'}{default}"


def unnumbered(table: Table) -> dict[str, str]:
    """Identities of another type, and all others but one: that of the key, or else the first."""
    counted = {column.name: (column.base or column.native).lower() for column in table.columns if column.identity}
    odd = [name for name, native in counted.items() if not _counts(native)]
    able = [name for name in counted if name not in odd]
    kept = next((name for name in able if name in table.key[:1]), able[0] if able else "")
    lost = {name: f"an identity is a whole number, and this is a {table.column(name).native}" for name in odd}
    return lost | {name: f"a table has one identity, and {kept} is it" for name in able if name != kept}


def _counts(native: str) -> bool:
    return native in _COUNTED or re.fullmatch(r"(decimal|numeric)\(\d+,0\)", native) is not None


def exists(relation: Relation) -> str:
    """A query that returns a row if a table, view or sequence is there."""
    return (
        "SELECT 1 FROM sys.objects o JOIN sys.schemas s ON s.schema_id = o.schema_id "
        f"WHERE s.name = {literal(relation.schema or 'dbo')} AND o.name = {literal(relation.table)}"
    )


def referenced(relation: Relation) -> str:
    """Foreign keys of other tables that refer to this one; views do by its name, and go on to."""
    number = f"OBJECT_ID({literal(qualified(relation))})"
    return (
        "SELECT 'foreign key ' + f.name FROM sys.foreign_keys f "
        f"WHERE f.referenced_object_id = {number} AND f.parent_object_id <> {number}"
    )


def swap(relation: Relation, shadow: Relation, kept: Relation) -> str:
    """Two renames, which are one with their transaction."""
    return (
        f"EXEC sp_rename {literal(qualified(relation))}, {literal(kept.table)};\n"
        f"EXEC sp_rename {literal(qualified(shadow))}, {literal(relation.table)}"
    )


def _after(build: Build, name: str, forward: str, back: str = "", lock: str = "", *, last: bool = False) -> Statement:
    return Statement(
        name=name, phase="after", forward=forward, back=back, hop=build.hop, atomic=True, lock=lock,
        after=("*",) if last else (build.hop,),
    )  # fmt: skip


def _dropped(on: str, name: str) -> str:
    return f"ALTER TABLE {on} DROP CONSTRAINT IF EXISTS {name}"


def keys(engine: SqlServer, build: Build) -> list[Statement]:
    """Primary key, then unique constraints and indexes."""
    on, table, made = qualified(build.into), build.table, []
    lock = f"Sch-M on {build.into} while it is built"
    if table.key:
        name = table.key_name or f"{table.name.table}_pkey"
        word = quoted(engine.name_of(name + build.suffix))
        where = apart(table, table.key)
        kind = "PRIMARY KEY NONCLUSTERED" if where else "PRIMARY KEY"
        forward = f"ALTER TABLE {on} ADD CONSTRAINT {word} {kind} ({names(engine, table.key)}){where}"
        add = _after(build, f"add the primary key of {build.into}", forward, _dropped(on, word), lock)
        rule = unique(engine, build.into, "primary key", Index(name, table.key))
        made.append(replace(add, constraint=replace(rule, later=forward)))
    return [*made, *(_index(engine, build, index) for index in table.indexes)]


def _index(engine: SqlServer, build: Build, index: Index) -> Statement:
    """Where a NULL is another one each time, as nearly everywhere, the NULLs stay out of what is unique."""
    on, table = qualified(build.into), build.table
    name = quoted(engine.name_of(index.name + build.suffix))
    lock = f"S on {build.into} while it is built"
    away = apart(table, index.columns) if index.unique else ""
    empty = [c for c in index.columns if index.unique and index.strict != _STRICT and table.column(c).nullable]
    if index.constraint and not empty:
        forward, back = (
            f"ALTER TABLE {on} ADD CONSTRAINT {name} UNIQUE ({names(engine, index.columns)}){away}",
            _dropped(on, name),
        )
        made = _after(build, f"add unique constraint {index.name}", forward, back, lock)
    else:
        conditions = [*([index.where] if index.where else []), *(f"{quoted(c)} IS NOT NULL" for c in empty)]
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        include = f" INCLUDE ({names(engine, index.include)})" if index.include else ""
        word = "UNIQUE " if index.unique else ""
        forward = f"CREATE {word}INDEX {name} ON {on} ({index_columns(engine, index)}){include}{where}{away}"
        made = _after(build, f"create index {index.name}", forward, f"DROP INDEX IF EXISTS {name} ON {on}", lock)
    if not index.unique:
        return made
    what = "unique constraint" if index.constraint else "unique index"
    rule = unique(engine, build.into, what, index, nulls=index.strict == _STRICT)
    return replace(made, constraint=replace(rule, later=made.forward))


def identities(build: Build) -> list[Statement]:
    """Let the identity go on after the highest value, and after what the source gave to rows that are gone."""
    made = []
    for column in build.table.columns:
        if column.identity and column.name not in unnumbered(build.table):
            on, name = literal(qualified(build.into)), quoted(column.name)
            end, beyond = ("MAX", ">") if column.step > 0 else ("MIN", "<")
            # RESEED takes the last number that was given; of a table that has given none, the next one.
            made.append(_after(
                build, f"set the identity of {build.into}.{column.name}",
                f"DECLARE @last bigint = (SELECT {end}({name}) FROM {qualified(build.into)}); "
                f"IF @last IS NULL OR {column.last} {beyond} @last SET @last = {column.last}; "
                f"IF @last <> 0 DBCC CHECKIDENT ({on}, RESEED, @last) WITH NO_INFOMSGS",
            ))  # fmt: skip
    return made


def checks(engine: SqlServer, build: Build) -> list[Statement]:
    """Their names are the schema's, as those of keys are. A state says that rows may break one."""
    on, made = qualified(build.into), []
    for one in build.table.checks:
        name = quoted(engine.name_of(one.name + build.suffix))
        add = f"ADD CONSTRAINT {name} CHECK ({one.condition})"
        forward = f"ALTER TABLE {on} WITH {'NOCHECK' if one.state else 'CHECK'} {add}"
        if one.state == "NOT ENFORCED":
            forward += f";\nALTER TABLE {on} NOCHECK CONSTRAINT {name}"
        statement = _after(
            build, f"add check {one.name} of {build.into}", forward, _dropped(on, name),
            f"Sch-M on {build.into} while it reads the rows",
        )  # fmt: skip
        if not one.state:
            shown = build.table.key or [column.name for column in build.table.columns]
            rule = checked(engine, build.into, one.name, one.condition, shown)
            instead, later = (
                f"ALTER TABLE {on} WITH NOCHECK {add}",
                f"ALTER TABLE {on} WITH CHECK CHECK CONSTRAINT {name}",
            )
            held = replace(rule, instead=instead, later=later, kept=_UNTRUSTED)
            statement = replace(statement, constraint=held)
        made.append(statement)
    return made


def remarks(build: Build) -> list[Statement]:
    """Comments, as the extended property that the server's own tools show."""
    table, into = build.table, build.into
    listed = [("", table.comment), *((column.name, column.comment) for column in table.columns)]
    level = f"N'SCHEMA', {literal(into.schema or 'dbo')}, N'TABLE', {literal(into.table)}"
    made = []
    for name, text in listed:
        if text:
            at = f"{level}, N'COLUMN', {literal(name)}" if name else level
            what = f"comment on {f'column {name} of ' if name else 'table '}{into}"
            add = f"EXEC sp_addextendedproperty N'MS_Description', {literal(text)}, {at}"
            made.append(_after(build, what, add, f"EXEC sp_dropextendedproperty N'MS_Description', {at}"))
    return made


def foreign_keys(engine: SqlServer, build: Build) -> list[Statement]:
    """The server finds orphans while it adds one, so nothing is asked before."""
    on, made = qualified(build.into), []
    table = replace(build.table, foreign_keys=tuple(_said(fk) for fk in build.table.foreign_keys))
    for fk, clause in zip(table.foreign_keys, foreign_key_clauses(engine, table), strict=True):
        forward = f"ALTER TABLE {on} WITH {'NOCHECK' if fk.state else 'CHECK'} ADD {clause}"
        if fk.state == "NOT ENFORCED":
            forward += f";\nALTER TABLE {on} NOCHECK CONSTRAINT {quoted(fk.name)}"
        statement = _after(
            build, f"add foreign key {fk.name}", forward, _dropped(on, quoted(fk.name)),
            f"Sch-M on {build.into} and {fk.references} while it reads the rows", last=True,
        )  # fmt: skip
        rule = reference(engine, build.into, fk)
        made.append(replace(statement, constraint=replace(
            rule, instead=f"ALTER TABLE {on} WITH NOCHECK ADD {clause}", kept=_UNTRUSTED,
            later=f"ALTER TABLE {on} WITH CHECK CHECK CONSTRAINT {quoted(fk.name)}",
        )))  # fmt: skip
    return made


def _said(fk: ForeignKey) -> ForeignKey:
    """RESTRICT is what NO ACTION does here, as nothing waits for the commit; there is no MATCH."""
    on_delete, on_update = ("" if one == "RESTRICT" else one for one in (fk.on_delete, fk.on_update))
    return replace(fk, on_delete=on_delete, on_update=on_update, options="")
