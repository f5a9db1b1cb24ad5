"""A table that another takes the place of: what hangs on it, and goes over with it; how it is swapped, cutover.py says.

A foreign key follows a table that is renamed. So those of other tables are led to the new table under the lock, by
another name, and go with it into its place; then they get their names again. None is gone for a moment.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import TYPE_CHECKING

import pymysql

from ...commit import parts
from ...engine import Asked, Session
from ...errors import EngineError
from ...schema.attached import Attached, Child, Exchange, joined, using
from ...schema.catalogue import Relation
from .catalogue import version
from .cutover import sorts_behind
from .ddl import if_there
from .rights import shows_triggers
from .session import is_ours, literal, qualified, quoted, schema_of

if TYPE_CHECKING:
    from . import MySql

_UNKNOWN = 10**40
_NAMES = "TABLE_SCHEMA = {} AND TABLE_NAME = {}"
_DOES = {"CASCADE": "delete them", "SET NULL": "set them to NULL"}


def standing(asked: Asked, relation: Relation) -> str:
    """How many rows there are, and a sum of half the MD5 of what is in each, in any order."""
    where = _NAMES.format(schema_of(relation), literal(relation.table))
    columns = asked.ask(
        f"SELECT COLUMN_NAME, DATA_TYPE FROM information_schema.COLUMNS WHERE {where} ORDER BY ORDINAL_POSITION"
    )
    row = ", ',', ".join(_exactly(quoted(str(name)), str(kind)) for name, kind in columns)
    word = f"CAST(CONV(LEFT(MD5(CONCAT({row})), 16), 16, 10) AS UNSIGNED)"
    # Asked for once, as it is computed for each use; what has no MD5 is more than all others together.
    (found,) = asked.ask(f"SELECT COUNT(*), COALESCE(SUM(COALESCE({word}, {_UNKNOWN})), 0) FROM {qualified(relation)}")
    rows, total = (int(str(one)) for one in found)
    if total >= _UNKNOWN:
        raise EngineError(
            f"{relation} has rows above max_allowed_packet, of which nothing can be proven.", table=str(relation)
        )
    return f"{rows} {total % (1 << 64):016x}"


def _exactly(column: str, kind: str) -> str:
    """A value as bytes that no other value has; a float as a double, for its own text has six digits."""
    if kind in ("float", "double"):
        return f"IFNULL({column} + 0e0, '-')"
    if kind in ("bit", "enum", "set"):
        return f"IFNULL({column} + 0, '-')"
    if re.search("int|decimal|date|time|year", kind):
        return f"IFNULL({column}, '-')"
    if re.search("text|blob|json|geometry|point|linestring|polygon|collection", kind):
        return f"IFNULL(MD5({column}), '-')"
    return f"IFNULL(CONCAT(OCTET_LENGTH({column}), ':', CAST({column} AS BINARY)), '-')"


def hanging(asked: Asked, relation: Relation, among: Sequence[Relation]) -> str:
    """What a table is, its triggers, and who refers to it, but for those that change places, too."""
    text = re.sub(r" AUTO_INCREMENT=\d+", "", str(asked.ask(f"SHOW CREATE TABLE {qualified(relation)}")[0][1]))
    found = [text, _triggers(asked, relation), _keys_to(asked, relation, among)]
    return blake2b(repr(found).encode()).hexdigest()[:32]


def unsuited(session: Session) -> str:
    """Why no table can be: a cluster's other servers know nothing of a lock."""
    for name, value in session.ask(
        "SHOW VARIABLES WHERE Variable_name IN ('wsrep_on', 'group_replication_single_primary_mode')"
    ):
        if (str(name), str(value)) in (("wsrep_on", "ON"), ("group_replication_single_primary_mode", "OFF")):
            return f"{name} is {value}, and the cluster's other servers do not see the lock that keeps writers out."
    return ""


@dataclass(frozen=True)
class _Key:
    """A foreign key that is there."""

    name: str
    child: Relation
    columns: tuple[str, ...]
    parent: Relation
    referenced: tuple[str, ...]
    deletes: str
    updates: str
    home: str  # the database of this connection

    def clause(self, name: str, parent: Relation) -> str:
        """The same by another name, or to another parent. A rule that nobody said is shown as RESTRICT."""
        here, there = (", ".join(map(quoted, of)) for of in (self.columns, self.referenced))
        rules = "".join(
            f" ON {when} {rule}" for when, rule in (("DELETE", self.deletes), ("UPDATE", self.updates))
            if rule != "RESTRICT"
        )  # fmt: skip
        other = replace(parent, schema=parent.schema or self.home)  # else it would be one of the child's database
        return f"ADD CONSTRAINT {quoted(name)} FOREIGN KEY ({here}) REFERENCES {qualified(other)} ({there}){rules}"

    def led(self, name: str, parent: Relation, instead: str) -> str:
        """The foreign key to another parent, in the place of the one of another name."""
        return f"ALTER TABLE {qualified(self.child)} {self.clause(name, parent)}, DROP FOREIGN KEY {quoted(instead)}"


def attached(engine: MySql, session: Session, what: Exchange) -> Attached:
    """Foreign keys and the number; grants and views go by the name. Triggers go with the old table."""
    counts = any(column.identity for column in what.table.columns)
    first = [_alike(session, what.relation, what.shadow), *([_number_on(what.relation, what.shadow)] if counts else [])]
    back = Attached(back_first=(_number_on(what.relation, what.kept),) if counts else ())
    return joined([
        Attached(first=tuple(first), refused=(*_refused(session, what), *_using(session, what))), back,
        _own(engine, session, what), _led(engine, session, what),
    ])  # fmt: skip


def _own(engine: MySql, session: Session, what: Exchange) -> Attached:
    """Its own foreign keys. Those to tables that stay are made under the lock, as the job knows nothing of them."""
    first, refused, told, counts = list[str](), list[str](), list[str](), list[tuple[str, str]]()
    keys = _keys_of(session, what.relation)
    names = {column.name for column in what.table.columns}
    for key in keys:
        name = engine.name_of(key.name + what.suffix)
        told.append(f"foreign key {key.name} is called {name}, for the old table's has its name")
        told.append(f"rows of {what.kept} go on to refer to {key.parent} until it is dropped")
        if not set(key.columns) <= names:
            refused.append(f"foreign key {key.name}, whose column goes")
        elif key.parent not in (*what.among, what.relation):
            absent = f"SELECT 1 FROM dual WHERE NOT EXISTS ({_is_key(what.shadow, name)})"
            first += parts(if_there(absent, f"ALTER TABLE {qualified(what.shadow)} {key.clause(name, key.parent)}"))
            counts.append((f"rows of the new table refer by {key.name} to no row of {key.parent}", _orphans(what, key)))
    return Attached(
        first=tuple(first), refused=tuple(refused), told=tuple(told), counts=tuple(counts),
        parents=tuple(dict.fromkeys(key.parent for key in keys)),
    )  # fmt: skip


def _orphans(what: Exchange, key: _Key) -> str:
    shadow, parent = qualified(what.shadow), qualified(key.parent)
    pairs = zip(key.columns, key.referenced, strict=True)
    same = " AND ".join(f"{parent}.{quoted(there)} = {shadow}.{quoted(here)}" for here, there in pairs)
    some = " AND ".join(f"{shadow}.{quoted(here)} IS NOT NULL" for here in key.columns)
    return f"SELECT count(*) FROM {shadow} WHERE {some} AND NOT EXISTS (SELECT 1 FROM {parent} WHERE {same})"


def _led(engine: MySql, session: Session, what: Exchange) -> Attached:
    """The foreign keys of others: to the new table under the lock, and by their own names again once it has its own."""
    first, back, then, children = list[str](), list[str](), list[str](), list[Child]()
    for key in _keys_to(session, what.relation, what.among):
        other = engine.name_of(key.name + what.suffix)
        first.append(key.led(other, what.shadow, key.name))
        back.append(key.led(other, what.kept, key.name))
        then += parts(if_there(_is_key(key.child, other), key.led(key.name, what.relation, other)))
        does = _DOES.get(key.deletes, "")
        children.append(Child(f"foreign key {key.name}", key.child, key.columns, key.referenced, does))
    return Attached(
        first=tuple(first), then=tuple(then), back_first=tuple(back), back_then=tuple(then),
        children=tuple(children), mend=tuple(then),
    )  # fmt: skip


def _refused(session: Session, what: Exchange) -> list[str]:
    where = _NAMES.format(schema_of(what.relation), literal(what.relation.table))
    ((kind, engine, options),) = session.ask(
        f"SELECT TABLE_TYPE, ENGINE, CREATE_OPTIONS FROM information_schema.TABLES WHERE {where}"
    )
    found = [f"trigger {name}" for name, *_ in _triggers(session, what.relation)]
    if not shows_triggers(session, what.relation):
        found.append("triggers, which this account is not shown without the privilege TRIGGER")
    found += ["that it is system-versioned"] if kind == "SYSTEM VERSIONED" else []
    found += [] if engine == "InnoDB" else [f"that its engine is {engine}"]
    found += ["its name, which sorts behind those that a swap needs"] if sorts_behind(what.relation) else []
    words = [word for word in str(options or "").split() if word.lower() != "row_format=dynamic"]
    return [*found, *(f"its option {word}" for word in words), *_unknown(session, what)]


def _unknown(session: Session, what: Exchange) -> list[str]:
    """Foreign keys of tables that are not shown to this account, where it may ask InnoDB; and those of MySQL 8, which
    locks their tables for a RENAME: in what order, nobody has tried.
    """
    shown = _keys_to(session, what.relation, ())
    server = version(session).lower()
    if "mariadb" not in server and int(server.partition(".")[0]) >= 8:
        return [f"foreign key {key.name}, on MySQL 8" for key in (*shown, *_keys_of(session, what.relation))]
    ((schema,),) = session.ask(f"SELECT {schema_of(what.relation)}")
    parent = literal(f"{schema}/{what.relation.table}")
    with suppress(pymysql.Error):  # for who has PROCESS
        rows = session.ask(
            "SELECT ID, FOR_NAME FROM information_schema.INNODB_SYS_FOREIGN "
            f"WHERE REF_NAME = {parent} AND FOR_NAME <> {parent}"
        )
        known = {key.name.lower() for key in shown}
        return [
            f"foreign key {name} of {table}, which this account is not shown"
            for name, table in ((str(of).rpartition("/")[2], str(table)) for of, table in rows)
            if name.lower() not in known and "ropeway_" not in table.lower()
        ]
    return []


def _triggers(asked: Asked, relation: Relation) -> list[tuple[str, ...]]:
    where = f"EVENT_OBJECT_SCHEMA = {schema_of(relation)} AND EVENT_OBJECT_TABLE = {literal(relation.table)}"
    rows = asked.ask(f"SELECT TRIGGER_NAME, ACTION_STATEMENT FROM information_schema.TRIGGERS WHERE {where} ORDER BY 1")
    return [tuple(map(str, row)) for row in rows]


def _using(session: Session, what: Exchange) -> list[str]:
    """Views that say a column which goes: they would be broken, and nobody would be told. Those of other databases say
    the table's own, too.
    """
    ((home,),) = session.ask(f"SELECT {schema_of(what.relation)}")
    said = f"{quoted(str(home))}.{quoted(what.relation.table)}"
    rows = session.ask(
        "SELECT TABLE_SCHEMA, TABLE_NAME, VIEW_DEFINITION FROM information_schema.VIEWS "
        "WHERE TABLE_SCHEMA NOT IN ('sys', 'mysql', 'information_schema', 'performance_schema')"
    )
    texts = [
        ("view", str(name) if schema == home else f"{schema}.{name}", str(text))
        for schema, name, text in rows if schema == home or said in str(text)
    ]  # fmt: skip
    names = session.ask(
        "SELECT COLUMN_NAME FROM information_schema.COLUMNS WHERE "
        + _NAMES.format(schema_of(what.relation), literal(what.relation.table))
    )
    found = using(what, [str(name) for (name,) in names], texts)
    goes = {str(name).lower() for (name,) in names} - {column.name.lower() for column in what.table.columns}
    hidden = [name for _, name, text in texts if not text] if goes else []
    return found + [f"view {name}, whose text this account is not shown" for name in hidden]


def _alike(session: Session, relation: Relation, shadow: Relation) -> str:
    """Columns that are added later get the collation that they would have got."""
    where = _NAMES.format(schema_of(relation), literal(relation.table))
    ((name,),) = session.ask(f"SELECT TABLE_COLLATION FROM information_schema.TABLES WHERE {where}")
    return f"ALTER TABLE {qualified(shadow)} DEFAULT COLLATE {name}"


def _number_on(relation: Relation, other: Relation) -> str:
    """Let the other's AUTO_INCREMENT go on from where the table's is; it never goes below its own."""
    where = _NAMES.format(schema_of(relation), literal(relation.table))
    alter = literal(f"ALTER TABLE {qualified(other)} AUTO_INCREMENT = ")
    return (
        f"SET @ropeway = (SELECT COALESCE(CONCAT({alter}, AUTO_INCREMENT), 'DO 0') FROM information_schema.TABLES "
        f"WHERE {where});\nPREPARE ropeway FROM @ropeway;\nEXECUTE ropeway;\nDEALLOCATE PREPARE ropeway"
    )


def _keys_to(asked: Asked, relation: Relation, among: Sequence[Relation]) -> list[_Key]:
    """The foreign keys of tables that stay; what an earlier run keeps goes on to refer to what was there then."""
    schema, table = schema_of(relation), literal(relation.table)
    found = _keys(asked, relation, f"k.REFERENCED_TABLE_SCHEMA = {schema} AND k.REFERENCED_TABLE_NAME = {table}")
    return [
        key for key in found
        if key.child not in (*among, relation) and not is_ours(key.child.table)
    ]  # fmt: skip


def _keys_of(asked: Asked, relation: Relation) -> list[_Key]:
    where = f"k.TABLE_SCHEMA = {schema_of(relation)} AND k.TABLE_NAME = {literal(relation.table)}"
    return _keys(asked, relation, where)


def _keys(asked: Asked, relation: Relation, where: str) -> list[_Key]:
    """Foreign keys, whose tables are spelled as the relation is."""

    def spelled(schema: object, table: object) -> Relation:
        return Relation("" if schema == here and not relation.schema else str(schema), str(table))

    here = asked.ask("SELECT DATABASE()")[0][0]
    rows = asked.ask(
        "SELECT k.TABLE_SCHEMA, k.TABLE_NAME, k.CONSTRAINT_NAME, k.COLUMN_NAME, k.REFERENCED_COLUMN_NAME, "
        "k.REFERENCED_TABLE_SCHEMA, k.REFERENCED_TABLE_NAME, r.DELETE_RULE, r.UPDATE_RULE "
        "FROM information_schema.KEY_COLUMN_USAGE k JOIN information_schema.REFERENTIAL_CONSTRAINTS r "
        "ON r.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA AND r.TABLE_NAME = k.TABLE_NAME "
        f"AND r.CONSTRAINT_NAME = k.CONSTRAINT_NAME WHERE {where} ORDER BY 1, 2, 3, k.ORDINAL_POSITION"
    )
    found: dict[tuple[object, ...], _Key] = {}
    for schema, table, name, column, other, parent_schema, parent, deletes, updates in rows:
        first = _Key(
            str(name),
            spelled(schema, table),
            (),
            spelled(parent_schema, parent),
            (),
            str(deletes),
            str(updates),
            str(here),
        )
        known = found.get((schema, table, name), first)
        columns, referenced = (*known.columns, str(column)), (*known.referenced, str(other))
        found[schema, table, name] = replace(known, columns=columns, referenced=referenced)
    return list(found.values())


def _is_key(child: Relation, name: str) -> str:
    return (
        f"SELECT 1 FROM information_schema.TABLE_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = {schema_of(child)} "
        f"AND TABLE_NAME = {literal(child.table)} AND CONSTRAINT_NAME = {literal(name)}"
    )


def swapping(engine: MySql, what: Exchange, gone: Attached) -> tuple[str, str]:
    """The swap with what goes over, and its way back, as they are when nobody else is about."""
    forward = [*gone.first, engine.swap(what.relation, what.shadow, what.kept), *gone.then]
    back = [*gone.back_first, engine.swap(what.relation, what.kept, what.shadow), *gone.back_then]
    return ";\n".join(forward), ";\n".join(back)
