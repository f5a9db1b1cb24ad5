"""Oracle's DDL. Each statement commits by itself, so each has a query that sees in the dictionary what happened."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ...engine import Build
from ...plan import Statement
from ...schema.catalogue import Column, ForeignKey, Index, Relation, Table
from ...schema.sql import (
    comments,
    create_index,
    create_table,
    double_quoted,
    foreign_key_clauses,
    key_clause,
    text_literal,
    unique_clause,
)
from ...schema.violations import check as checked
from ...schema.violations import reference, unique
from .catalogue import OWN
from .parting import local
from .session import qualified

if TYPE_CHECKING:
    from .target import OracleTarget

_LOCK = "exclusive on {} while it is built"


def create(engine: OracleTarget, table: Table, into: Relation, *, bare: bool) -> str:
    """A table without its keys, which are built faster once the rows are in."""
    suffix = f" {table.partitioned}" if table.partitioned and not bare else ""
    return create_table(engine, into, [column_clause(column) for column in table.columns], suffix)


def column_clause(column: Column) -> str:
    """A column of CREATE TABLE: what it gets by itself stands before NOT NULL."""
    name, null = double_quoted(column.name), "" if column.nullable else " NOT NULL"
    if column.generated:
        return f"{name} {column.native} GENERATED ALWAYS AS ({column.generated}) VIRTUAL{null}"
    if column.identity:
        return f"{name} {column.native} {identity(column)}{null}"
    return f"{name} {column.native}{f' DEFAULT {column.default}' if column.default else ''}{null}"


def identity(column: Column, *, always: bool = False, start: str = "") -> str:
    """The words of an identity, which takes the source's numbers until these are in."""
    rules = [f"START WITH {start}"] if start else []
    rules += [f"INCREMENT BY {column.step}"] if column.step != 1 else []
    inside = f" ({' '.join(rules)})" if rules else ""
    return f"GENERATED {'ALWAYS' if always else 'BY DEFAULT'} AS IDENTITY{inside}"


def owner(relation: Relation) -> str:
    """SQL for the schema that a relation is in."""
    return text_literal(relation.schema) if relation.schema else OWN


def exists(relation: Relation) -> str:
    """A query that returns a row if a table, view or sequence is there: they share their names."""
    return (
        f"SELECT 1 FROM all_objects WHERE owner = {owner(relation)} AND object_name = {text_literal(relation.table)} "
        "AND object_type IN ('TABLE', 'VIEW', 'SEQUENCE')"
    )


def unless(query: str, forward: str) -> str:
    """A block that carries out a statement where a query finds nothing."""
    return (
        f"DECLARE n NUMBER; BEGIN SELECT COUNT(*) INTO n FROM ({query}); "
        f"IF n = 0 THEN EXECUTE IMMEDIATE {text_literal(forward)}; END IF; END;"
    )


def drop(kind: str, relation: Relation) -> str:
    """Before version 23 there is no IF EXISTS."""
    return _where(exists(relation), f"DROP {kind} {qualified(relation)}")


def _where(query: str, forward: str) -> str:
    """A block that carries out a statement where a query finds something."""
    return unless(f"SELECT 1 FROM dual WHERE NOT EXISTS ({query})", forward)


def _constraint(on: Relation, name: str) -> str:
    return (
        f"SELECT 1 FROM all_constraints WHERE owner = {owner(on)} AND table_name = {text_literal(on.table)} "
        f"AND constraint_name = {text_literal(name)}"
    )


def keys(engine: OracleTarget, build: Build) -> list[Statement]:
    """Primary key, unique constraints and indexes. The server finds rows that break them while it builds."""
    on, table, made = qualified(build.into), build.table, []
    if table.key:
        check = (
            f"SELECT 1 FROM all_constraints WHERE owner = {owner(build.into)} AND constraint_type = 'P' "
            f"AND table_name = {text_literal(build.into.table)}"
        )
        (clause,) = key_clause(engine, table)
        clause += _using(table, Index("", table.key, unique=True))
        made.append(_unique(engine, build, "primary key", Index("", table.key), Statement(
            f"add the primary key of {build.into}", "after", f"ALTER TABLE {on} ADD {clause}", hop=build.hop,
            check=check, back=f"ALTER TABLE {on} DROP PRIMARY KEY", after=(build.hop,),
            lock=_LOCK.format(build.into),
        )))  # fmt: skip
    return [*made, *(_index(engine, build, index) for index in _apart(table))]


def _apart(table: Table) -> list[Index]:
    """Indexes over other columns than a key has, or an index before: the server refuses a second one (ORA-01408)."""
    first = sorted(table.indexes, key=lambda index: (not index.constraint, not index.unique))
    kept: dict[object, Index] = {}
    for index in first:
        order = (index.columns, index.descending) if index.columns else index.keys
        if index.columns != table.key or index.descending:
            kept.setdefault(order, index)
    return [index for index in table.indexes if index in kept.values()]


def unnumbered(table: Table) -> dict[str, str]:
    """All identities but one (ORA-30669): that of the key, or else the first."""
    counted = [column.name for column in table.columns if column.identity]
    kept = next((name for name in counted if name in table.key[:1]), counted[0] if counted else "")
    return {name: f"a table has one identity, and {kept} is it" for name in counted if name != kept}


def fitted(table: Table) -> dict[str, tuple[str, str]]:
    """Texts and binaries without a length that an index is over: there is none over LOBs."""
    lobs = {column.name: column.native for column in table.columns if column.native in ("clob", "blob")}
    alone, made = 1000, {}  # characters, which an index of 6,398 octets holds
    for index in sorted(table.indexes, key=lambda one: len(one.columns)):
        found = [name for name in index.columns if name in lobs]
        for name in found:
            most = alone if len(found) == 1 else 400
            native = f"varchar2({most} char)" if lobs[name] == "clob" else "raw(2000)"
            made[name] = (native, f"index {index.name} is over it, and a LOB has none; a longer value stops the run")
    return made


def reference_of(key: ForeignKey) -> tuple[ForeignKey, str]:
    """A foreign key without what Oracle does not do; RESTRICT is what it does."""
    lost = []
    if key.on_update not in ("", "NO ACTION", "RESTRICT"):
        lost.append(f"ON UPDATE {key.on_update} is not known there: a key with children cannot be changed")
    if key.on_delete not in ("", "NO ACTION", "RESTRICT", "CASCADE", "SET NULL"):
        lost.append(f"ON DELETE {key.on_delete} is not known there: a row with children cannot be deleted")
    if "MATCH FULL" in key.options:
        lost.append("MATCH FULL is not known there: a key that is partly NULL refers to nothing")
    action = key.on_delete if key.on_delete in ("CASCADE", "SET NULL") else ""
    options = key.options.replace("MATCH FULL", "").strip()
    return replace(key, on_update="", on_delete=action, options=options), "; ".join(lost)


def _using(table: Table, index: Index) -> str:
    """The index of a constraint, where it is to have the table's partitions."""
    word = local(table, index)
    return f" USING INDEX{word}" if word else ""


def _index(engine: OracleTarget, build: Build, index: Index) -> Statement:
    on, name = qualified(build.into), engine.name_of(index.name + build.suffix)
    if index.constraint:
        return _unique(engine, build, "unique constraint", index, Statement(
            f"add unique constraint {index.name}", "after",
            f"ALTER TABLE {on} ADD {unique_clause(engine, replace(index, name=name))}{_using(build.table, index)}",
            hop=build.hop,
            check=_constraint(build.into, name), back=f"ALTER TABLE {on} DROP CONSTRAINT {double_quoted(name)}",
            after=(build.hop,), lock=_LOCK.format(build.into),
        ))  # fmt: skip
    spelt = qualified(Relation(build.into.schema, name))
    made = Statement(
        f"create index {index.name}", "after",
        create_index(engine, index, build.into, spelt) + local(build.table, index), hop=build.hop,
        check=f"SELECT 1 FROM all_indexes WHERE owner = {owner(build.into)} AND index_name = {text_literal(name)}",
        back=f"DROP INDEX {spelt}", after=(build.hop,), lock=_LOCK.format(build.into),
    )  # fmt: skip
    return _unique(engine, build, "unique index", index, made) if index.unique else made


def _unique(engine: OracleTarget, build: Build, what: str, index: Index, statement: Statement) -> Statement:
    """Left out, it is not there for the way back."""
    rule, back = unique(engine, build.into, what, index), _where(statement.check, statement.back)
    return replace(statement, back=back, constraint=replace(rule, later=statement.forward))


def checks(engine: OracleTarget, build: Build) -> list[Statement]:
    """Checks once the rows are in. Left out, one stays NOVALIDATE: it holds for new rows."""
    on, made = qualified(build.into), []
    for check in build.table.checks:
        name = engine.name_of(check.name + build.suffix)
        drop = f"ALTER TABLE {on} DROP CONSTRAINT {double_quoted(name)}"
        forward = f"ALTER TABLE {on} ADD CONSTRAINT {double_quoted(name)} CHECK ({check.condition})"
        shown = build.table.key or [column.name for column in build.table.columns]
        rule = checked(engine, build.into, check.name, check.condition, shown)
        made.append(Statement(
            f"add check {check.name} of {build.into}", "after", forward, hop=build.hop, after=(build.hop,),
            check=_constraint(build.into, name), back=drop, lock=f"exclusive on {build.into} while it reads the rows",
            constraint=replace(
                rule, instead=f"{forward} ENABLE NOVALIDATE", later=f"ALTER TABLE {on} MODIFY CONSTRAINT "
                f"{double_quoted(name)} VALIDATE", kept="it is there and NOVALIDATE: it holds for new rows",
            ),
        ))  # fmt: skip
    return made


def identities(build: Build) -> list[Statement]:
    """Let identities go on after the highest value, and after what the source gave to rows that are gone."""
    return [
        Statement(
            f"set the identity of {build.into}.{column.name}", "after", going_on(build.into, column), hop=build.hop,
            after=(build.hop,), lock=f"exclusive on {build.into}, for a moment",
        )
        for column in build.table.columns
        if column.identity
    ]  # fmt: skip


def going_on(into: Relation, column: Column) -> str:
    """DDL takes no value of a query, so a block makes its text."""
    on, name = qualified(into), double_quoted(column.name)
    farthest, beyond = ("MAX", "GREATEST") if column.step > 0 else ("MIN", "LEAST")
    words = text_literal(f"ALTER TABLE {on} MODIFY ({name} {identity(column, always=column.always, start='{}')})")
    before, after = words.split("{}")
    return (
        f"DECLARE n NUMBER; BEGIN SELECT {beyond}(NVL({farthest}({name}), 0), {column.last}) + {column.step} INTO n "
        f"FROM {on}; EXECUTE IMMEDIATE {before}' || n || '{after}; END;"
    )


def remarks(engine: OracleTarget, build: Build) -> list[Statement]:
    """Comments on the table and its columns."""
    return [
        Statement(name, "after", forward, back=back.replace(" IS NULL", " IS ''"), hop=build.hop, after=(build.hop,))
        for name, forward, back in comments(engine, build.table, build.into)
    ]


def foreign_keys(engine: OracleTarget, build: Build) -> list[Statement]:
    """Validated as they are added: what they refer to is there."""
    on, made = qualified(build.into), []
    for fk, clause in zip(build.table.foreign_keys, foreign_key_clauses(engine, build.table), strict=True):
        add = f"ALTER TABLE {on} ADD {clause}"
        rule = reference(engine, build.into, fk)
        made.append(Statement(
            f"add foreign key {fk.name}", "after", add, hop=build.hop, after=("*",),
            check=_constraint(build.into, fk.name), back=f"ALTER TABLE {on} DROP CONSTRAINT {double_quoted(fk.name)}",
            lock=f"exclusive on {build.into}, share on {fk.references} while it reads",
            constraint=replace(
                rule, later=f"ALTER TABLE {on} MODIFY CONSTRAINT {double_quoted(fk.name)} VALIDATE",
                instead=f"{add} ENABLE NOVALIDATE", kept="it is there and NOVALIDATE: it holds for new rows",
            ),
        ))  # fmt: skip
    return made


def analyze(relation: Relation) -> str:
    """DBMS_STATS takes names as SQL does: without quotes they become capitals."""
    schema = text_literal(double_quoted(relation.schema)) if relation.schema else "USER"
    return f"BEGIN DBMS_STATS.GATHER_TABLE_STATS({schema}, {text_literal(double_quoted(relation.table))}); END;"


def referenced(relation: Relation) -> str:
    """Foreign keys of other tables that refer to this one, and views over it."""
    where = f"{owner(relation)}", text_literal(relation.table)
    return (
        f"SELECT 'foreign key ' || CASE WHEN f.owner <> {where[0]} THEN f.owner || '.' END || f.constraint_name "
        "FROM all_constraints f JOIN all_constraints k "
        "ON k.owner = f.r_owner AND k.constraint_name = f.r_constraint_name "
        f"WHERE f.constraint_type = 'R' AND k.owner = {where[0]} AND k.table_name = {where[1]} "
        f"AND NOT (f.owner = {where[0]} AND f.table_name = {where[1]}) "
        "UNION ALL SELECT 'view ' || owner || '.' || name FROM all_dependencies WHERE type = 'VIEW' "
        f"AND referenced_owner = {where[0]} AND referenced_name = {where[1]}"
    )


def swap(relation: Relation, shadow: Relation, kept: Relation) -> str:
    """Two renames, each of which commits: a second try leaves out the first if it happened."""
    first = f"ALTER TABLE {qualified(relation)} RENAME TO {double_quoted(kept.table)}"
    second = f"ALTER TABLE {qualified(shadow)} RENAME TO {double_quoted(relation.table)}"
    return f"{unless(exists(kept), first)};\n{second}"


def swapped(relation: Relation, shadow: Relation, kept: Relation) -> str:
    """A query that returns a row once both renames have happened, and until they are undone."""
    return f"{exists(relation)} AND NOT EXISTS ({exists(shadow)}) AND EXISTS ({exists(kept)})"
