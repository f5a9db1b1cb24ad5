"""What MySQL and MariaDB put aside while rows come in, put back from SHOW CREATE TABLE and SHOW CREATE TRIGGER.

Each statement commits by itself, so each has queries that see whether it happened. Triggers cannot be disabled there:
those that fire on INSERT and DELETE are dropped and made again, with their definer, sql_mode and character sets.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...commit import DELIMITED
from ...engine import Row, Session
from ...errors import RequestError
from ...plan import Hop, Statement
from ...schema.aside import Aside
from ...schema.catalogue import ForeignKey, Relation
from ...schema.violations import reference
from . import catalogue
from .session import literal, qualified, quoted, schema_of

if TYPE_CHECKING:
    from . import MySql

_NAME = r"`((?:[^`]|``)+)`"
_KEY = re.compile(rf"  ((?:UNIQUE |FULLTEXT |SPATIAL )?KEY {_NAME} .*?),?$")
_FOREIGN_KEY = re.compile(rf"  (CONSTRAINT {_NAME} FOREIGN KEY .*?),?$")
_DEFINER = re.compile(rf"DEFINER\s*=\s*{_NAME}@{_NAME}")
_UNICODE = ("utf8mb4", "utf8mb3", "utf8")
_SETTINGS = ("sql_mode", "character_set_client", "collation_connection")


@dataclass(frozen=True)
class _Shown:
    """The clauses of a SHOW CREATE TABLE, by the names of what they make, in its order."""

    keys: dict[str, str]
    foreign_keys: dict[str, str]


def aside(engine: MySql, session: Session, hops: Sequence[Hop]) -> tuple[list[Aside], list[Statement]]:
    """The tables' triggers, secondary indexes and foreign keys, as far as nothing leans on them."""
    home = {hop.writes: hop.name for hop in hops}
    grants = " ".join(str(row[0]) for row in session.ask("SHOW GRANTS")).upper()
    staying = _staying(session, home)
    triggers: list[Aside] = []
    keys: list[Aside] = []
    indexes: list[Aside] = []
    closing: list[Statement] = []
    for schema in sorted({relation.schema for relation in home}):
        database = literal(schema) if schema else "DATABASE()"
        triggers += _triggers(session, schema, database, home, grants)
        foreign = catalogue.foreign_keys(session, schema, database)
        for on in [relation for relation in home if relation.schema == schema]:
            if on in staying:
                closing += [_checked(engine, on, key, home[on]) for key in foreign[on.table]]
                continue
            shown = _shown(session, on)
            keys += [_foreign_key(engine, on, key, shown, home[on]) for key in foreign[on.table]]
            indexes += _indexes(on, shown, home[on])
    # The indexes are there before the foreign keys, both ways.
    return [*triggers, *keys, *indexes], closing


def _shown(session: Session, on: Relation) -> _Shown:
    """One clause stands on one line: the server writes line breaks in comments as \\n."""
    lines = str(session.ask(f"SHOW CREATE TABLE {qualified(on)}")[0][1]).split("\n")

    def clauses(pattern: re.Pattern[str]) -> dict[str, str]:
        return {_name(found[2]): found[1] for line in lines if (found := pattern.match(line))}

    return _Shown(clauses(_KEY), clauses(_FOREIGN_KEY))


def _name(spelled: str) -> str:
    return spelled.replace("``", "`")


def _seen(query: str) -> tuple[str, str]:
    """A query as it sees something, and as it misses it."""
    return query, f"SELECT 1 FROM DUAL WHERE NOT EXISTS ({query})"


def _staying(session: Session, home: dict[Relation, str]) -> set[Relation]:
    """The tables that keep their indexes, and their foreign keys with them: with foreign_key_checks off these are idle.

    AUTO_INCREMENT may live by an index, and the others would come behind it; and a table that keeps its foreign keys,
    or is not filled, may refer to other columns than a primary key.
    """
    keys = {on: _primary(session, on) for on in home}
    staying = {on for on in home if _numbered(session, on) not in ("", *keys[on][:1])}
    leaning = {on: _leaning(session, on, keys[on]) for on in home}
    for _ in home:
        staying |= {on for on in home if any(child not in home or child in staying for child in leaning[on])}
    return staying


def _primary(session: Session, on: Relation) -> tuple[str, ...]:
    rows = session.ask(f"SHOW KEYS FROM {qualified(on)} WHERE Key_name = 'PRIMARY'")
    return tuple(str(row[4]) for row in sorted(rows, key=lambda row: int(str(row[3]))))


def _numbered(session: Session, on: Relation) -> str:
    """The column with AUTO_INCREMENT, '' if there is none."""
    rows = session.ask(f"SHOW COLUMNS FROM {qualified(on)} WHERE Extra LIKE '%auto_increment%'")
    return str(rows[0][0]) if rows else ""


def _leaning(session: Session, on: Relation, key: tuple[str, ...]) -> list[Relation]:
    """The tables that refer to other columns than the primary key.

    Asked without a join: MariaDB 10.11 fell once over one of KEY_COLUMN_USAGE and STATISTICS.
    """
    rows = session.ask(
        "SELECT IF(TABLE_SCHEMA = REFERENCED_TABLE_SCHEMA, NULL, TABLE_SCHEMA), TABLE_NAME, CONSTRAINT_NAME, "
        "REFERENCED_COLUMN_NAME FROM information_schema.KEY_COLUMN_USAGE "
        f"WHERE REFERENCED_TABLE_SCHEMA = {schema_of(on)} AND REFERENCED_TABLE_NAME = {literal(on.table)} "
        "ORDER BY TABLE_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, ORDINAL_POSITION"
    )
    groups: defaultdict[tuple[Relation, str], list[str]] = defaultdict(list)
    for other, child, name, column in rows:
        groups[Relation(str(other or on.schema), str(child)), str(name)].append(str(column))
    return [child for (child, _), columns in groups.items() if tuple(columns) != key[: len(columns)]]


def _checked(engine: MySql, on: Relation, key: ForeignKey, hop: str) -> Statement:
    """For a foreign key that stayed: the rows came in unchecked."""
    rule = reference(engine, on, key)
    return Statement(
        f"check foreign key {key.name} of {on}", "after", "SELECT 1", guard=f"{rule.offenders} LIMIT 1",
        constraint=rule, hop=hop, after=("*",), atomic=True,
    )  # fmt: skip


def _foreign_key(engine: MySql, on: Relation, key: ForeignKey, shown: _Shown, hop: str) -> Aside:
    """It goes with the indexes of its table, in one statement. By itself it would leave the index that the server made
    for it, which a foreign key that is added with its name takes for its own and names anew.
    """
    present, absent = _seen(
        f"SELECT 1 FROM information_schema.TABLE_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = {schema_of(on)} "
        f"AND TABLE_NAME = {literal(on.table)} AND CONSTRAINT_NAME = {literal(key.name)}"
    )
    rule = reference(engine, on, key)
    drop = f"ALTER TABLE {qualified(on)} DROP FOREIGN KEY {quoted(key.name)}"
    return Aside(
        hop, f"foreign key {key.name} of {on}", f"SELECT 1 /* with the indexes of {on.table.replace('*', '')} */"
        if shown.keys else drop, f"ALTER TABLE {qualified(on)} ADD {shown.foreign_keys[key.name]}", late=True,
        present=present, absent=absent, guard=f"{rule.offenders} LIMIT 1", constraint=rule, off=drop,
        lock=f"metadata locks on {on} and {key.references}, for a moment",
    )  # fmt: skip


def _indexes(on: Relation, shown: _Shown, hop: str) -> list[Aside]:
    """All secondary indexes in one pass over the rows."""
    if not shown.keys:
        return []
    table = f"ALTER TABLE {qualified(on)} "
    drop = ", ".join(f"DROP INDEX {quoted(name)}" for name in shown.keys)
    keys = "".join(f"DROP FOREIGN KEY {quoted(name)}, " for name in shown.foreign_keys)
    present, absent = _seen(
        f"SELECT 1 FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = {schema_of(on)} AND TABLE_NAME = "
        f"{literal(on.table)} AND INDEX_NAME IN ({', '.join(map(literal, shown.keys))}) LIMIT 1"
    )
    return [Aside(
        hop, f"the indexes of {on}", table + keys + drop,
        table + ", ".join(f"ADD {clause}" for clause in shown.keys.values()), present=present, absent=absent,
        off=table + drop, lock=f"shared metadata lock on {on} while it reads the rows",
    )]  # fmt: skip


def _triggers(session: Session, schema: str, database: str, home: dict[Relation, str], grants: str) -> list[Aside]:
    if not re.search(r"\bTRIGGER\b|ALL PRIVILEGES|GRANT `", grants):
        raise RequestError(
            f"This account may not see the triggers of {', '.join(map(str, home))}, which fire while rows come in.",
            remedy="GRANT TRIGGER on the tables to it.",
        )
    rows = session.ask(
        "SELECT EVENT_OBJECT_TABLE, TRIGGER_NAME FROM information_schema.TRIGGERS "
        f"WHERE TRIGGER_SCHEMA = {database} AND EVENT_MANIPULATION IN ('INSERT', 'DELETE') "
        "ORDER BY EVENT_OBJECT_TABLE, EVENT_MANIPULATION, ACTION_TIMING, ACTION_ORDER"
    )
    ((account,),) = session.ask("SELECT CURRENT_USER()")
    return [
        _trigger(session, Relation(schema, str(name)), on, home[on], str(account), grants)
        for table, name in rows
        if (on := Relation(schema, str(table))) in home
    ]


def _trigger(session: Session, name: Relation, on: Relation, hop: str, account: str, grants: str) -> Aside:
    row = session.ask(f"SHOW CREATE TRIGGER {qualified(name)}")[0]
    text, settings = str(row[2]), [str(row[1]), str(row[3]), str(row[4])]
    _check_trigger(name, on, text, row, account, grants)
    present, absent = _seen(
        f"SELECT 1 FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = {schema_of(on)} "
        f"AND TRIGGER_NAME = {literal(name.table)}"
    )
    return Aside(
        hop, f"trigger {name} of {on}", f"DROP TRIGGER {qualified(name)}", _as_made(text, settings), late=True,
        present=present, absent=absent, lock=f"metadata lock on {on}, for a moment",
    )  # fmt: skip


def _as_made(text: str, settings: Sequence[str]) -> str:
    """A trigger keeps the session's settings of the moment when it was made: those are set around it."""
    keep = ", ".join(f"@ropeway_{name} = @@{name}" for name in _SETTINGS)
    took = ", ".join(f"{name} = {literal(value)}" for name, value in zip(_SETTINGS, settings, strict=True))
    back = ", ".join(f"{name} = @ropeway_{name}" for name in _SETTINGS)
    return DELIMITED + "".join(f"{sql};;\n" for sql in (f"SET {keep}", f"SET {took}", text, f"SET {back}"))


def _check_trigger(name: Relation, on: Relation, text: str, row: Row, account: str, grants: str) -> None:
    """Raise for a trigger that this session could not make again as it is."""
    found = _DEFINER.search(text)
    definer = f"{_name(found[1])}@{_name(found[2])}" if found else account
    if definer != account and not re.search(r"ALL PRIVILEGES ON \*\.\*|\bSUPER\b|SET.USER|SET_ANY_DEFINER", grants):
        raise RequestError(
            f"Trigger {name} of {on} belongs to {definer}, and this account could not make it again under that name.",
            table=str(on), remedy="GRANT SET USER (or SUPER) to it, or load as the trigger's definer.",
        )  # fmt: skip
    if str(row[3]) not in _UNICODE and not text.isascii():
        raise RequestError(
            f"Trigger {name} of {on} was written in the character set {row[3]}, in which it cannot be made again.",
            table=str(on), remedy="Make it again in a session of utf8mb4.",
        )  # fmt: skip
