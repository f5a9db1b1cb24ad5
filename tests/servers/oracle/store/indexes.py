"""Indexes and constraints: what SQLite keeps for them, and whether the rows hold to them."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from ..spoken import BLOB, CLOB, Refused
from .catalogue import Constraint, Index, Table, quoted
from .words import Words

if TYPE_CHECKING:
    from .session import Session


def create(session: Session, words: Words, *, unique: bool, bitmap: bool) -> None:
    """CREATE INDEX, behind that word."""
    owner, name = words.qualified(session.schema)
    words.expect("ON")
    table = session.table(*words.qualified(session.schema))
    if _index(session, owner, name):
        raise Refused(955, "name is already used by an existing object")
    inside = Words(words.inside())
    columns, expressions, descending = [], [], []
    while not inside.done:
        text = inside.until("ASC", "DESC")
        plain = text.strip('"') if text.startswith('"') else text.upper()
        columns.append(plain if "(" not in text else text)
        expressions.append("(" in text)
        descending.append(inside.take("DESC"))
        inside.take("ASC")
        inside.take(",")
    made = Index(name, tuple(columns), tuple(descending), unique, tuple(expressions), bitmap, words.take("LOCAL"))
    _check_local(table, made)
    if any((one.columns, one.descending) == (made.columns, made.descending) for one in table.indexes):
        raise Refused(1408, "such column list already indexed")
    if any(
        not is_ and table.column(one).kind.code in (CLOB, BLOB) for one, is_ in zip(columns, expressions, strict=True)
    ):
        raise Refused(2327, "cannot create index on expression with datatype LOB")
    _held(session, table, made)
    table.indexes.append(made)


def _check_local(table: Table, index: Index) -> None:
    if not index.local:
        return
    if table.division is None:
        raise Refused(14016, "underlying table of a LOCAL partitioned index must be partitioned")
    inner = table.division.inner.columns if table.division.inner else ()
    if index.unique and not {*table.division.level.columns, *inner} <= {*index.columns}:
        raise Refused(14039, "partitioning columns must form a subset of key columns of a UNIQUE index")


def _held(session: Session, table: Table, index: Index) -> None:
    """SQLite's index; of expressions none is made, for they need our functions: what is unique is looked at."""
    if any(index.expressions):
        if index.unique and session.doubled(table, index):
            raise Refused(1452, "cannot CREATE UNIQUE INDEX; duplicate keys found")
        return
    for name in index.columns:
        table.column(name)
    if index.unique and _beyond(table, index) and session.doubled(table, index):
        raise Refused(1452, "cannot CREATE UNIQUE INDEX; duplicate keys found")
    word = "UNIQUE " if index.unique else ""
    name = _kept(table, index.name)
    columns = ", ".join(map(quoted, index.columns))
    try:
        session.run(f"CREATE {word}INDEX {name} ON {table.held} ({columns})")
    except sqlite3.IntegrityError:
        raise Refused(1452, "cannot CREATE UNIQUE INDEX; duplicate keys found") from None


def _beyond(table: Table, index: Index) -> bool:
    """Whether a unique index forbids what SQLite's does not: the same expressions, and NULLs beside the same values."""
    if any(index.expressions):
        return True
    return len(index.columns) > 1 and any(table.column(one).nullable for one in index.columns)


def _kept(table: Table, name: str) -> str:
    """The name of an index in SQLite, quoted, which tells no capitals apart."""
    return quoted(f"{table.owner}.{name} {table.number}")


def drop(session: Session, owner: str, name: str) -> None:
    found = _index(session, owner, name)
    if found is None:
        raise Refused(1418, "specified index does not exist")
    table, index = found
    if any(one.name == name and one.type in "PU" for one in table.constraints):
        raise Refused(2429, "cannot drop index used for enforcement of unique/primary key")
    table.indexes.remove(index)
    session.run(f"DROP INDEX IF EXISTS {_kept(table, name)}")


def _index(session: Session, owner: str, name: str) -> tuple[Table, Index] | None:
    for table in session.catalogue.tables.values():
        for index in table.indexes:
            if table.owner == owner and index.name == name:
                return table, index
    return None


def constraint(table: Table, name: str) -> Constraint:
    for one in table.constraints:
        if one.name == name:
            return one
    raise Refused(2443, f"Cannot drop constraint - nonexistent constraint: {name}")


def add(session: Session, table: Table, made: Constraint) -> None:
    """ALTER TABLE ... ADD CONSTRAINT: the rows are looked at."""
    if any(one.name == made.name for other in session.catalogue.tables.values() if other.owner == table.owner
           for one in other.constraints):  # fmt: skip
        raise Refused(2264, "name already used by an existing constraint")
    if made.type == "P" and any(one.type == "P" for one in table.constraints):
        raise Refused(2260, "table can have only one primary key")
    support(session, table, made)
    if made.enabled and made.validated:
        validate(session, table, made)
    table.constraints.append(made)


def support(session: Session, table: Table, made: Constraint) -> None:
    """The index of a key, unless one of the same columns is there; of a foreign key, what it refers to."""
    for name in made.columns:
        table.column(name)
    if made.type == "R":
        parent = session.table(*made.refers)
        keys = {one.columns: one for one in parent.constraints if one.type in "PU"}
        primary = next((one.columns for one in parent.constraints if one.type == "P"), ())
        made.referred = made.referred or primary
        if made.referred not in keys:
            raise Refused(2270, "no matching unique or primary key for this column-list")
    elif made.type in "PU" and made.enabled and not made.index:
        none = (False,) * len(made.columns)
        index = Index(made.name, made.columns, none, not made.deferrable, none, local=made.local)
        _check_local(table, index)
        if any(one.unique and one.columns == made.columns for one in table.indexes):
            return
        try:
            _held(session, table, index)
        except Refused as error:
            what = "primary key violated" if made.type == "P" else "duplicate keys found"
            number = 2437 if made.type == "P" else 2299
            raise Refused(number, f"cannot validate ({table.owner}.{made.name}) - {what}") from error
        table.indexes.append(index)


def drop_constraint(session: Session, table: Table, found: Constraint) -> None:
    table.constraints.remove(found)
    if found.type in "PU":
        for index in [one for one in table.indexes if one.name == found.name]:
            table.indexes.remove(index)
            session.run(f"DROP INDEX IF EXISTS {_kept(table, index.name)}")
    elif found.text.endswith("IS NOT NULL") and found.condition is None:
        table.column(found.columns[0]).nullable = True


def validate(session: Session, table: Table, made: Constraint) -> None:
    """Refused if a row does not hold to a constraint, by the number of ALTER TABLE."""
    name = f"{table.owner}.{made.name}"
    if made.type == "P":
        anywhere = " OR ".join(f"{quoted(column)} IS NULL" for column in made.columns)
        if session.one(f"SELECT 1 FROM {table.held} WHERE {anywhere}"):
            raise Refused(1449, "column contains NULL values; cannot alter to NOT NULL")
    elif made.type == "R" and _orphans(session, table, made):
        raise Refused(2298, f"cannot validate ({name}) - parent keys not found")
    elif made.condition is not None and session.breaking(table, made):
        raise Refused(2293, f"cannot validate ({name}) - check constraint violated")


def hold(session: Session, table: Table) -> None:
    """Refused if, after a statement, a row of the table breaks a foreign key, a check or a unique expression."""
    for index in table.indexes:
        if index.unique and _beyond(table, index) and session.doubled(table, index):
            raise Refused(1, f"unique constraint ({table.owner}.{index.name}) violated")
    for made in table.constraints:
        if made.enabled and made.type == "R" and _orphans(session, table, made):
            raise Refused(2291, f"integrity constraint ({table.owner}.{made.name}) violated - parent key not found")
        if made.enabled and made.condition is not None and session.breaking(table, made):
            raise Refused(2290, f"check constraint ({table.owner}.{made.name}) violated")


def hold_children(session: Session, table: Table) -> None:
    """After rows went: children of theirs go along, or stop it."""
    for other, made in session.catalogue.referring(table):
        if not made.enabled or not _orphans(session, other, made):
            continue
        if made.on_delete == "NO ACTION":
            raise Refused(2292, f"integrity constraint ({other.owner}.{made.name}) violated - child record found")
        lost = f"rowid IN ({_orphaned(other, made, session)})"
        if made.on_delete == "CASCADE":
            session.run(f"DELETE FROM {other.held} WHERE {lost}")
            hold_children(session, other)
        else:
            emptied = ", ".join(f"{quoted(column)} = NULL" for column in made.columns)
            session.run(f"UPDATE {other.held} SET {emptied} WHERE {lost}")


def _orphans(session: Session, table: Table, made: Constraint) -> bool:
    return session.one(_orphaned(table, made, session)) is not None


def _orphaned(table: Table, made: Constraint, session: Session) -> str:
    parent = session.table(*made.refers)
    known = " AND ".join(f"c.{quoted(column)} IS NOT NULL" for column in made.columns)
    pairs = zip(made.columns, made.referred, strict=True)
    same = " AND ".join(f"p.{quoted(theirs)} = c.{quoted(mine)}" for mine, theirs in pairs)
    return (
        f"SELECT c.rowid FROM {table.held} c WHERE {known} AND NOT EXISTS (SELECT 1 FROM {parent.held} p WHERE {same})"
    )
