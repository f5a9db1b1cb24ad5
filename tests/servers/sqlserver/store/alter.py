"""ALTER."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..spoken import Refused
from . import ddl, dml, types
from .catalogue import Table, quoted
from .words import Words

if TYPE_CHECKING:
    from .session import Session


def carry_out(session: Session, what: str, words: Words) -> None:
    if what != "TABLE":
        if what == "INDEX":
            _index(session, words)
            return
        if what in ("SEQUENCE", "SCHEMA"):
            return
        raise Refused(102, f"Incorrect syntax: the test server alters no {what}", severity=15)
    table = session.catalogue.table(*words.qualified())
    checked = not words.take("WITH", "NOCHECK")
    words.take("WITH", "CHECK")
    if words.take("ADD"):
        _add(session, table, words, checked=checked)
    elif words.take("DROP"):
        _drop_part(session, table, words)
    elif words.take("ALTER", "COLUMN"):
        shape = table.column(words.name())
        shape.kind = types.of_text(words.until("NULL", "NOT", "COLLATE"))
        shape.nullable = not words.take("NOT", "NULL")
    elif words.peek() in ("ENABLE", "DISABLE"):
        _triggers(session, table, words)
    elif words.peek() in ("CHECK", "NOCHECK"):
        enabled = words.next().upper() == "CHECK"
        words.expect("CONSTRAINT")
        name = words.name()
        for one in table.constraints:
            if name.upper() == "ALL" or one.name.lower() == name.lower():
                one.enabled, one.trusted = enabled, enabled and checked
        if enabled and checked:
            dml.hold(session, table)
    else:
        raise Refused(102, f"Incorrect syntax near '{words.rest()[:60]}'.", severity=15)


def _index(session: Session, words: Words) -> None:
    """INDEX name ON table DISABLE or REBUILD."""
    name = words.name()
    words.expect("ON")
    table = session.catalogue.table(*words.qualified())
    found = [one for one in table.indexes if name.upper() == "ALL" or one.name.lower() == name.lower()]
    if not found:
        raise Refused(7999, f"Could not find any index named '{name}' for table '{table.name}'.")
    disables = words.take("DISABLE")
    if not disables and not words.take("REBUILD"):
        return
    for one in found:
        if disables and one.unique:
            raise Refused(102, "Incorrect syntax: the test server disables no unique index", severity=15)
        one.enabled = not disables


def _triggers(session: Session, table: Table, words: Words) -> None:
    enabled = words.next().upper() == "ENABLE"
    words.expect("TRIGGER")
    name = words.name()
    own = [one for one in session.catalogue.modules.values() if one.parent == table.number]
    found = [one for one in own if name.upper() == "ALL" or one.name.lower() == name.lower()]
    if not found and name.upper() != "ALL":
        raise Refused(
            4902, f'Cannot find the object "{name}" because it does not exist or you do not have permissions.'
        )
    for one in found:
        one.enabled = enabled


def _add(session: Session, table: Table, words: Words, *, checked: bool) -> None:
    while True:
        if words.peek() == "CONSTRAINT" and words.peek(2) == "DEFAULT":
            words.next()
            name = words.name()
            words.expect("DEFAULT")
            text = words.until("FOR")
            words.expect("FOR")
            shape = table.column(words.name())
            shape.default, shape.default_name = ddl.in_parentheses(text), name
        elif words.peek() in ("CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"):
            _may_be_key(table, words)
            known = len(table.indexes)
            made = ddl.constraint(session, table, words, ())
            for index in table.indexes[known:]:
                ddl.build(session, table, index)
            made.trusted = checked
            if checked:
                dml.hold(session, table)
        else:
            shape = ddl.column(session, table, words)
            if shape.computed is None:
                session.run(f"ALTER TABLE {table.held} ADD COLUMN {ddl.declared(shape)}")
        if not words.take(","):
            break


def _may_be_key(table: Table, words: Words) -> None:
    """The columns of a primary key that is added must not be nullable."""
    found = re.match(
        r"(?:CONSTRAINT\s+\S+\s+)?PRIMARY\s+KEY\s+(?:CLUSTERED\s+|NONCLUSTERED\s+)?(?=\()", words.rest(), re.IGNORECASE
    )
    if found and any(table.column(one).nullable for one in Words(words.rest()[found.end() :]).names()):
        raise Refused(8111, f"Cannot define PRIMARY KEY constraint on nullable column in table '{table.name}'.")


def _drop_part(session: Session, table: Table, words: Words) -> None:
    if words.take("COLUMN"):
        shape = table.column(words.name())
        table.columns.remove(shape)
        if shape.computed is None:
            session.run(f"ALTER TABLE {table.held} DROP COLUMN {quoted(shape.name)}")
        return
    words.take("CONSTRAINT")
    exists = words.take("IF", "EXISTS")
    name = words.name()
    for one in table.columns:
        if one.default_name.lower() == name.lower():
            one.default, one.default_name = None, ""
            return
    found = next((one for one in table.constraints if one.name.lower() == name.lower()), None)
    if found is None and exists:
        return
    if found is None:
        raise Refused(3728, f"'{name}' is not a constraint.")
    table.constraints.remove(found)
    if found.type in ("PK", "UQ"):
        ddl.drop_index(session, table, found.name)
