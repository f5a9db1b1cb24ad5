"""What Oracle puts aside while rows come in: triggers and foreign keys are switched off, and on again afterwards.

Indexes stay. Each statement commits by itself, so each has queries that see whether it happened.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...engine import Session
from ...plan import Hop, Statement
from ...schema.aside import Aside
from ...schema.catalogue import ForeignKey, Relation
from ...schema.sql import double_quoted, text_literal
from ...schema.violations import reference
from . import catalogue
from .ddl import going_on, owner
from .session import qualified

if TYPE_CHECKING:
    from .target import OracleTarget


def aside(engine: OracleTarget, session: Session, hops: Sequence[Hop]) -> tuple[list[Aside], list[Statement]]:
    """Triggers that fire for rows that come or go, then foreign keys, as far as they are enabled; and numbers go on."""
    triggers = [one for hop in hops for one in _triggers(session, hop)]
    tables = {
        table.name: table
        for schema in sorted({hop.writes.schema for hop in hops})
        for table in catalogue.tables(session, schema)
    }
    keys = [
        _foreign_key(engine, hop, key)
        for hop in hops if hop.writes in tables for key in tables[hop.writes].foreign_keys
    ]  # fmt: skip
    numbers = [
        Statement(
            f"set the identity of {hop.writes}.{column.name} behind its values", "after", going_on(hop.writes, column),
            hop=hop.name, after=(hop.name,), lock=f"exclusive on {hop.writes}, for a moment",
        )
        for hop in hops if hop.writes in tables for column in tables[hop.writes].columns
        if column.identity and column.name in {one.target for one in hop.columns}
    ]  # fmt: skip
    return [*triggers, *keys], numbers


def _triggers(session: Session, hop: Hop) -> list[Aside]:
    on = hop.writes
    rows = session.ask(
        f"SELECT owner, trigger_name FROM all_triggers WHERE table_owner = {owner(on)} "
        f"AND table_name = {text_literal(on.table)} AND status = 'ENABLED' "
        "AND (triggering_event LIKE '%INSERT%' OR triggering_event LIKE '%DELETE%') ORDER BY 1, 2"
    )
    made = []
    for schema, name in rows:
        spelt = qualified(Relation(str(schema), str(name)))
        seen = (f"SELECT 1 FROM all_triggers WHERE owner = {text_literal(schema)} "
                f"AND trigger_name = {text_literal(name)} AND status = ")  # fmt: skip
        made.append(Aside(
            hop.name, f"trigger {name} of {on}", f"ALTER TRIGGER {spelt} DISABLE", f"ALTER TRIGGER {spelt} ENABLE",
            late=True, present=f"{seen}'ENABLED'", absent=f"{seen}'DISABLED'",
        ))  # fmt: skip
    return made


def _foreign_key(engine: OracleTarget, hop: Hop, key: ForeignKey) -> Aside:
    """One that was not validated is not validated again."""
    on, alter = hop.writes, f"ALTER TABLE {qualified(hop.writes)}"
    seen = (f"SELECT 1 FROM all_constraints WHERE owner = {owner(on)} AND table_name = {text_literal(on.table)} "
            f"AND constraint_name = {text_literal(key.name)} AND status = ")  # fmt: skip
    how = "NOVALIDATE" if key.state else "VALIDATE"
    return Aside(
        hop.name, f"foreign key {key.name} of {on}", f"{alter} DISABLE CONSTRAINT {double_quoted(key.name)}",
        f"{alter} ENABLE {how} CONSTRAINT {double_quoted(key.name)}", late=True, present=f"{seen}'ENABLED'",
        absent=f"{seen}'DISABLED'", constraint=reference(engine, on, key),
        lock=f"exclusive on {on}, share on {key.references} while it reads",
    )  # fmt: skip
