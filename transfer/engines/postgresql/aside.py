"""What PostgreSQL puts aside while rows come into tables that are somebody else's, and puts back from its own texts.

pg_get_constraintdef and pg_get_indexdef keep method, operator class, collation, condition, INCLUDE and DEFERRABLE;
only the second has storage parameters. What neither says keeps an index where it is. Triggers are disabled, which
takes no more than owning the table (session_replication_role would take a superuser).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from ...engine import Row, Session
from ...errors import RequestError
from ...plan import Constraint, Hop, Statement
from ...schema.aside import Aside
from ...schema.catalogue import Index, Relation, Table
from ...schema.sql import double_quoted, text_literal
from ...schema.violations import reference, unique
from .fit import form, parsed
from .session import qualified

if TYPE_CHECKING:
    from . import PostgreSql

_FOREIGN_KEYS = """
SELECT k.conname::text, n.nspname::text, c.relname::text, pn.nspname::text, p.relname::text,
       pg_get_constraintdef(k.oid), k.convalidated, c.relkind = 'p', coalesce(obj_description(k.oid), ''),
       pg_has_role(c.relowner, 'USAGE')
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_class p ON p.oid = k.confrelid JOIN pg_namespace pn ON pn.oid = p.relnamespace
WHERE k.contype = 'f' AND k.conparentid = 0 AND (k.conrelid = ANY({tables}) OR k.confrelid = ANY({tables}))
ORDER BY k.oid"""
# A tablespace, a place as identity or in CLUSTER ON, a statistics target: nothing prints these with an index.
_INDEXES = """
SELECT xn.nspname::text, x.relname::text, n.nspname::text, c.relname::text, coalesce(k.conname::text, ''),
       coalesce(pg_get_constraintdef(k.oid), ''), pg_get_indexdef(x.oid), coalesce(obj_description(k.oid), ''),
       coalesce(obj_description(x.oid, 'pg_class'), ''),
       CASE WHEN k.oid IS NULL OR x.reloptions IS NULL THEN '' ELSE 'UNIQUE USING INDEX ' || quote_ident(x.relname)
            || CASE WHEN k.condeferrable THEN ' DEFERRABLE' ELSE '' END
            || CASE WHEN k.condeferred THEN ' INITIALLY DEFERRED' ELSE '' END END
FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_namespace xn ON xn.oid = x.relnamespace
JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_constraint k ON k.conindid = x.oid AND k.conrelid = c.oid AND k.contype IN ('u', 'x')
WHERE c.oid = ANY({tables}) AND NOT i.indisprimary AND c.relkind = 'r' AND i.indisvalid AND x.reltablespace = 0
AND NOT i.indisreplident AND NOT i.indisclustered AND (k.contype IS DISTINCT FROM 'x' OR x.reloptions IS NULL)
AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = x.oid AND a.attstattarget >= 0)
ORDER BY x.oid"""
_TRIGGERS = """
SELECT n.nspname::text, c.relname::text, t.tgname::text, t.tgenabled::text
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE NOT t.tgisinternal AND t.tgenabled IN ('O', 'A') AND t.tgrelid = ANY({tables}) ORDER BY t.oid"""
# Those that a column owns (serial, identity), and those that its default calls.
_SEQUENCES = """
SELECT DISTINCT n.nspname::text, c.relname::text, a.attname::text, sn.nspname::text, s.relname::text, q.seqincrement
FROM pg_depend d JOIN pg_class s ON s.relkind = 'S' JOIN pg_sequence q ON q.seqrelid = s.oid
JOIN pg_namespace sn ON sn.oid = s.relnamespace
LEFT JOIN pg_attrdef e ON d.classid = 'pg_attrdef'::regclass AND e.oid = d.objid
JOIN pg_class c ON c.oid = coalesce(e.adrelid, d.refobjid) JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = coalesce(e.adnum, d.refobjsubid)
WHERE c.oid = ANY({tables}) AND (
  (e.oid IS NOT NULL AND d.refclassid = 'pg_class'::regclass AND d.refobjid = s.oid)
  OR (d.classid = 'pg_class'::regclass AND d.objid = s.oid AND d.refclassid = 'pg_class'::regclass
      AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0))"""
_OWNERS = (
    "SELECT c.oid::regclass::text FROM pg_class c WHERE c.oid = ANY({tables}) AND NOT pg_has_role(relowner, 'USAGE')"
)


def aside(engine: PostgreSql, session: Session, hops: Sequence[Hop]) -> tuple[list[Aside], list[Statement]]:
    """Foreign keys from and to the tables, triggers, indexes; afterwards sequences and statistics."""
    for hop in hops:
        _check_types(hop)
    home = {hop.writes: hop.name for hop in hops}
    array = ", ".join(f"{text_literal(qualified(relation))}::regclass::oid" for relation in home)

    def ask(sql: str) -> list[Row]:
        return session.ask(sql.format(tables=f"ARRAY[{array}]"))

    session.execute("SET search_path = ''")  # so that every name is printed with its schema
    try:
        if others := ask(_OWNERS):
            raise _not_owned(", ".join(str(row[0]) for row in others))
        tables = {table.name: table for table in engine.tables(session)}
        found = [_foreign_key(engine, row, home, tables) for row in ask(_FOREIGN_KEYS)]
        found += _triggers(ask(_TRIGGERS), home)
        found += [_index(engine, row, home, tables) for row in ask(_INDEXES)]
        closing = [_sequence(row, home) for row in ask(_SEQUENCES)]
    finally:
        session.execute("RESET search_path")
    return found, closing


def _check_types(hop: Hop) -> None:
    """What COPY could not carry without change is refused before anything is put aside."""
    for column in hop.columns if not hop.raw else ():
        if column.computed:
            continue
        try:
            form(pa.schema([(column.target, column.type.arrow)]), [parsed(column.stored)])
        except RequestError as error:
            raise RequestError(
                f"{hop.writes}.{column.target}: {error.message}", table=str(hop.writes), column=column.target,
                remedy=f"Name a type to read it by: types: {{{column.source}: ...}}, or leave the column out.",
            ) from error  # fmt: skip


def _not_owned(names: str) -> RequestError:
    return RequestError(
        f"This role does not own {names}, so it cannot put their foreign keys, indexes and triggers aside.",
        remedy="Load as their owner, or as a member of the role that owns them.",
    )


def _comment(what: str, text: object) -> str:
    return f";\nCOMMENT ON {what} IS {text_literal(text)}" if text else ""


def _foreign_key(engine: PostgreSql, row: Row, home: dict[Relation, str], tables: dict[Relation, Table]) -> Aside:
    name, schema, child, parent_schema, parent, definition, valid, partitioned, comment, owned = row
    on, to = Relation(str(schema), str(child)), Relation(str(parent_schema), str(parent))
    if not owned:
        raise _not_owned(f"{on}, which refers to {to},")
    table, key = qualified(on), double_quoted(str(name))
    add = f"ALTER TABLE {table} ADD CONSTRAINT {key} {definition}"
    remark = _comment(f"CONSTRAINT {key} ON {table}", comment)
    # Added unvalidated and then validated, it stops nobody for long; partitioned tables take that from 18 on.
    apart = valid and not partitioned
    known = [fk for fk in tables[on].foreign_keys if fk.name == name] if on in tables and valid else []
    return Aside(
        home.get(on, home.get(to, "")), f"foreign key {name} of {on}", f"ALTER TABLE {table} DROP CONSTRAINT {key}",
        add + remark, late=True, first=f"{add} NOT VALID{remark}" if apart else "",
        lock=f"ACCESS EXCLUSIVE on {on} and {to}, for a moment",
        then=((f"validate foreign key {name} of {on}", f"ALTER TABLE {table} VALIDATE CONSTRAINT {key}",
               f"SHARE UPDATE EXCLUSIVE on {on} while it reads"),) if apart else (),
        constraint=reference(engine, on, known[0]) if known else None,
    )  # fmt: skip


def _index(engine: PostgreSql, row: Row, home: dict[Relation, str], tables: dict[Relation, Table]) -> Aside:
    schema, name, table_schema, table, constraint, definition, index, comment, remark, using = map(str, row)
    on = Relation(table_schema, table)
    target, place = qualified(on), qualified(Relation(schema, name))
    lock = f"SHARE on {on} while it is built"
    remarked = _comment(f"INDEX {place}", remark)
    rule = _unique(engine, tables[on], name) if on in tables else None
    if not constraint:
        away = f"DROP INDEX {place}"
        return Aside(home[on], f"index {name} of {on}", away, index + remarked, lock=lock, constraint=rule)
    key = double_quoted(constraint)
    again = f"{index};\n" if using else ""
    again += f"ALTER TABLE {target} ADD CONSTRAINT {key} {using or definition}"
    again += _comment(f"CONSTRAINT {key} ON {target}", comment)
    away = f"ALTER TABLE {target} DROP CONSTRAINT {key}"
    what = f"constraint {name} of {on}"
    return Aside(home[on], what, away, again + remarked, lock=lock, constraint=rule)


def _unique(engine: PostgreSql, table: Table, name: str) -> Constraint | None:
    """What an index forbids: the table's key is in no list of its indexes."""
    index = next((one for one in table.indexes if one.name == name), Index(name, table.key, unique=bool(table.key)))
    return unique(engine, table.name, "unique index", index, nulls=bool(index.strict)) if index.unique else None


def _triggers(rows: Sequence[Row], home: dict[Relation, str]) -> list[Aside]:
    """One statement for a table's triggers; those that were disabled are left so."""
    made = []
    for on, hop in home.items():
        mine = [(double_quoted(str(name)), state) for *table, name, state in rows if Relation(*map(str, table)) == on]
        if mine:
            off = ", ".join(f"DISABLE TRIGGER {name}" for name, _ in mine)
            back = ", ".join(f"ENABLE {'ALWAYS ' if state == 'A' else ''}TRIGGER {name}" for name, state in mine)
            table = f"ALTER TABLE {qualified(on)} "
            lock = f"SHARE ROW EXCLUSIVE on {on}, for a moment"
            made.append(Aside(hop, f"the triggers of {on}", table + off, table + back, late=True, lock=lock))
    return made


def _sequence(row: Row, home: dict[Relation, str]) -> Statement:
    """Behind the highest value, and never back: a sequence may serve others too."""
    schema, table, column, *sequence, step = row
    on, place = Relation(str(schema), str(table)), qualified(Relation(*map(str, sequence)))
    end, beyond = ("max", ">") if int(str(step)) > 0 else ("min", "<")
    last = f"{end}({double_quoted(str(column))})"
    return Statement(
        name=f"set the sequence of {on}.{column} behind its values", phase="after", hop=home[on], after=(home[on],),
        forward=f"SELECT setval({text_literal(place)}, v.last) FROM (SELECT {last} AS last FROM "
        f"{qualified(on)}) AS v, {place} AS s "
        f"WHERE v.last {beyond} s.last_value OR (v.last = s.last_value AND NOT s.is_called)",
        atomic=True,
    )  # fmt: skip
