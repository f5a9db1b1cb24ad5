"""What a role needs, as has_..._privilege() says: a few set-based queries for any number of tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ...engine import Session
from ...plan import Finding, Hop
from ...rights import Right
from ...schema.catalogue import Relation, Table
from ...schema.sql import double_quoted, text_literal
from .session import qualified

_LEDGER = ("ropeway_run", "ropeway_slice", "ropeway_statement", "ropeway_reject")
# What each mode does to a table that is there, beside adding to it; the way back of an append deletes.
_DOES = {
    "append": ("INSERT", "SELECT"), "truncate": ("TRUNCATE", "INSERT", "SELECT"),
    "merge": ("INSERT", "SELECT", "UPDATE"),
}  # fmt: skip
_BEYOND = {
    "truncate": "TRUNCATE would empty it too", "merge": "the update would reach its rows too",
    "replace": "it would go on inheriting from the table that is replaced",
}  # fmt: skip
_OWNING = {"replace": "it is renamed", "fill": "its keys, indexes and triggers are put aside"}


def to_read(session: Session, read: Sequence[Table], *, objects: bool) -> list[Right]:
    """USAGE on the schemas, SELECT on the tables or on all columns that are read of one.

    With `objects` on the sequences too, whose last numbers are read.
    """
    role, database = _who(session)
    rights = [database]
    tables = [table.name for table in read]
    columns = {table.name: [column.name for column in table.columns] for table in read}
    found = list(_tables(session, tables))
    uses = {str(schema): bool(may) for schema, _, may, *_ in found}
    rights += [_usage(schema, role, held=may) for schema, may in uses.items()]
    for schema, table, seen, may, _, _ in found:
        relation = Relation(str(schema), str(table))
        held = bool(may or (seen and _may_read(session, relation, columns[relation])))
        rights.append(Right(
            str(relation), f"SELECT on {relation}", f"GRANT SELECT ON TABLE {qualified(relation)} TO {role};",
            held=held,
        ))  # fmt: skip
    if objects:
        rights += _sequences(session, role, tables)
    return rights


def _may_read(session: Session, table: Relation, columns: Sequence[str]) -> bool:
    """Whether each of these columns may be read, where the table may not."""
    name = text_literal(qualified(table))
    asked = [f"has_column_privilege({name}, {text_literal(column)}, 'SELECT')" for column in columns]
    return bool(asked) and bool(session.ask(f"SELECT {' AND '.join(asked)}")[0][0])


def hidden(session: Session, tables: Sequence[Relation]) -> list[Finding]:
    """Tables of which row level security shows this role a part: nothing else would say that rows are missing."""
    return [
        Finding(
            "blocker", f"{schema}.{table}", "row level security applies to this role: rows that its policies hide "
            "would be missing in the target", "hidden-rows",
            f"Read as the table's owner, or as a role with BYPASSRLS: ALTER ROLE {role} BYPASSRLS;",
        )
        for role in [_who(session)[0]]
        for schema, table, _, _, hides, _ in _tables(session, tables)
        if hides
    ]  # fmt: skip


def inherited(session: Session, hops: Sequence[Hop]) -> list[Finding]:
    """Tables that others inherit from: what these modes do to one is done to the rows of the others."""
    named = {hop.writes: hop.mode for hop in hops if hop.mode in _BEYOND and hop.writes.schema}
    if not named:
        return []
    rows = session.ask(
        "SELECT n.nspname::text, c.relname::text, string_agg(i.inhrelid::regclass::text, ', ' ORDER BY i.inhrelid) "
        f"FROM (VALUES {_pairs(named)}) v (s, t) JOIN pg_namespace n ON n.nspname = v.s "
        "JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = v.t AND c.relkind <> 'p' "
        "JOIN pg_inherits i ON i.inhparent = c.oid GROUP BY 1, 2 ORDER BY 1, 2"
    )
    return [
        Finding("blocker", str(on), f"{children} inherits from it: {_BEYOND[named[on]]}", "inherited-from",
                "Choose --mode append, or part them first: ALTER TABLE ... NO INHERIT.")
        for schema, table, children in rows
        for on in [Relation(str(schema), str(table))]
    ]  # fmt: skip


def to_write(session: Session, hops: Sequence[Hop], there: Iterable[Relation]) -> list[Right]:
    """The ledger's place, CREATE where tables are made, and what the modes do to tables that are there."""
    role, database = _who(session)
    present = set(there)
    old = [hop for hop in hops if hop.writes in present]
    rights = [database, *_ledger(session, role), *_schemas(session, role, hops)]
    allowed = {(row[0], row[1]): row for row in _tables(session, [hop.writes for hop in old])}
    for hop in old:
        row = allowed.get((hop.writes.schema, hop.writes.table))
        if row is None:
            continue
        rights += _on_table(session, role, hop, str(row[5]))
    return rights


def _on_table(session: Session, role: str, hop: Hop, owner: str) -> Iterator[Right]:
    name, where = qualified(hop.writes), str(hop.writes)
    if hop.mode in _OWNING:
        yield _owning(session, role, hop.writes, owner, _OWNING[hop.mode])
        if hop.upon:
            yield from _linked(session, role, hop.writes, hop.upon.among)
        return
    wanted = [(word, "blocker") for word in _DOES.get(hop.mode, ())]
    if hop.mode == "append":
        wanted.append(("DELETE", "warning"))
    asked = ", ".join(f"has_table_privilege({number_of(hop.writes)}, '{word}')" for word, _ in wanted)
    for (word, grade), held in zip(wanted, session.ask(f"SELECT {asked}")[0] if wanted else (), strict=True):
        why = "without it the appended rows cannot be taken out again" if grade == "warning" else ""
        yield Right(where, f"{word} on {where}", f"GRANT {word} ON TABLE {name} TO {role};", bool(held), why,
                    "warning" if grade == "warning" else "blocker")  # fmt: skip


def _owning(session: Session, role: str, table: Relation, owner: str, why: str) -> Right:
    # Who is a member of a superuser's role can become the superuser.
    ((held, high),) = session.ask(
        f"SELECT pg_has_role(oid, 'USAGE'), rolsuper FROM pg_roles WHERE rolname = {text_literal(owner)}"
    )
    give = f"ALTER TABLE {qualified(table)} OWNER TO {role};" if high else f"GRANT {double_quoted(owner)} TO {role};"
    return Right(str(table), f"ownership of {table}", give, bool(held), why)


def _linked(session: Session, role: str, table: Relation, among: Sequence[Relation]) -> Iterator[Right]:
    """What a table that is cleaned up in place takes of those that its foreign keys connect it with, and stay."""
    rows = session.ask(
        "SELECT DISTINCT n.nspname::text, c.relname::text, c.oid = k.confrelid, pg_get_userbyid(c.relowner)::text, "
        "has_table_privilege(c.oid, 'REFERENCES') FROM pg_constraint k "
        "JOIN pg_class c ON c.oid IN (k.conrelid, k.confrelid) JOIN pg_namespace n ON n.oid = c.relnamespace "
        f"WHERE k.contype = 'f' AND {number_of(table)} IN (k.conrelid, k.confrelid) AND c.oid <> {number_of(table)} "
        "ORDER BY 1, 2"
    )
    for schema, name, is_parent, owner, held in rows:
        other = Relation(str(schema), str(name))
        if other in among or other.table.startswith("ropeway_"):
            continue
        if is_parent:
            grant = f"GRANT REFERENCES ON TABLE {qualified(other)} TO {role};"
            yield Right(str(other), f"REFERENCES on {other}", grant, bool(held), f"{table} refers to it")
        else:
            yield _owning(session, role, other, str(owner), f"its foreign key to {table} is made anew")


def number_of(relation: Relation) -> str:
    """A table's oid, in SQL. Who lacks USAGE on its schema may not say it as a regclass."""
    if not relation.schema:
        return f"{text_literal(qualified(relation))}::regclass"
    return (
        "(SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        f"WHERE n.nspname = {text_literal(relation.schema)} AND c.relname = {text_literal(relation.table)})"
    )


def _who(session: Session) -> tuple[str, Right]:
    """The role, quoted, and its right to connect, which it must have by now."""
    ((role, database),) = session.ask("SELECT current_user::text, current_database()::text")
    name, quoted = double_quoted(str(role)), double_quoted(str(database))
    return name, Right(
        str(database), f"CONNECT on database {database}", f"GRANT CONNECT ON DATABASE {quoted} TO {name};"
    )


def _usage(schema: str, role: str, *, held: bool) -> Right:
    return Right(schema, f"USAGE on schema {schema}", f"GRANT USAGE ON SCHEMA {double_quoted(schema)} TO {role};", held)


def _pairs(tables: Iterable[Relation]) -> str:
    return ", ".join(f"({text_literal(one.schema)}, {text_literal(one.table)})" for one in tables)


def _tables(session: Session, tables: Sequence[Relation]) -> list[tuple[object, ...]]:
    """(schema, table, USAGE, SELECT, rows are hidden, owner) of each."""
    named = [one for one in tables if one.schema]
    if not named:
        return []
    return session.ask(
        "SELECT n.nspname::text, c.relname::text, has_schema_privilege(n.oid, 'USAGE'), "
        "has_table_privilege(c.oid, 'SELECT'), row_security_active(c.oid), pg_get_userbyid(c.relowner)::text "
        f"FROM (VALUES {_pairs(named)}) v (s, t) JOIN pg_namespace n ON n.nspname = v.s "
        "JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = v.t ORDER BY 1, 2"
    )


def _sequences(session: Session, role: str, tables: Sequence[Relation]) -> list[Right]:
    """Those of the tables' own columns, and those that belong to no column."""
    named = [one for one in tables if one.schema]
    of_tables = (
        f"OR EXISTS (SELECT 1 FROM (VALUES {_pairs(named)}) v (s, t) WHERE v.s = tn.nspname AND v.t = o.relname)"
        if named
        else ""
    )
    rows = session.ask(
        "SELECT DISTINCT n.nspname::text, s.relname::text, CASE WHEN s.relkind = 'S' THEN "
        "has_sequence_privilege(s.oid, 'USAGE') OR has_sequence_privilege(s.oid, 'SELECT') END "
        "FROM pg_class s JOIN pg_namespace n ON n.oid = s.relnamespace "
        "LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = s.oid AND d.refobjsubid > 0 "
        "AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i') "
        "LEFT JOIN pg_class o ON o.oid = d.refobjid LEFT JOIN pg_namespace tn ON tn.oid = o.relnamespace "
        "WHERE s.relkind = 'S' AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'ropeway') "
        f"AND n.nspname NOT LIKE 'pg_temp%' AND (d.objid IS NULL {of_tables}) ORDER BY 1, 2"
    )
    return [
        Right(str(name), f"SELECT on sequence {name}", f"GRANT SELECT ON SEQUENCE {qualified(name)} TO {role};",
              bool(held), "the number at which it goes on cannot be read")
        for schema, sequence, held in rows
        for name in [Relation(str(schema), str(sequence))]
    ]  # fmt: skip


def _ledger(session: Session, role: str) -> list[Right]:
    """A schema of its own. An administrator who makes it spares the role CREATE on the database.

    Where it is there, who made it may be another role than the one that the statements are for.
    """
    make = f"CREATE SCHEMA IF NOT EXISTS ropeway AUTHORIZATION {role};"
    why = "the ledger lives in a schema 'ropeway'"
    if not _schema(session, "ropeway"):
        ((held,),) = session.ask("SELECT has_database_privilege(current_database(), 'CREATE')")
        return [Right("target", "CREATE on the database", make, bool(held), why)]
    ((usage, create, owns),) = session.ask(
        "SELECT has_schema_privilege(oid, 'USAGE'), has_schema_privilege(oid, 'CREATE'), "
        "pg_has_role(nspowner, 'USAGE') FROM pg_namespace WHERE nspname = 'ropeway'"
    )
    tables = session.ask(
        "SELECT c.relname::text, has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT') "
        "AND has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE') "
        "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        f"WHERE n.nspname = 'ropeway' AND c.relname IN ({', '.join(map(text_literal, _LEDGER))}) ORDER BY 1"
    )
    grant = f"GRANT USAGE, CREATE ON SCHEMA ropeway TO {role};"
    rights = [Right("target", "USAGE and CREATE on schema ropeway", grant,
                    bool(owns or (usage and create)), why)]  # fmt: skip
    for table, held in tables:
        words = "SELECT, INSERT, UPDATE, DELETE"
        rights.append(Right("target", f"{words} on ropeway.{table}",
                            f"GRANT {words} ON TABLE ropeway.{table} TO {role};", bool(held), why))  # fmt: skip
    return rights


def _schemas(session: Session, role: str, hops: Sequence[Hop]) -> Iterator[Right]:
    """Only a truncated table that is there needs nothing made beside it."""
    for name in sorted({hop.writes.schema for hop in hops}):
        makes = any(hop.mode != "truncate" for hop in hops if hop.writes.schema == name)
        rows = _schema(session, name)
        if not rows:
            ((held,),) = session.ask("SELECT has_database_privilege(current_database(), 'CREATE')")
            make = f"CREATE SCHEMA IF NOT EXISTS {double_quoted(name)} AUTHORIZATION {role};"
            yield Right(name, f"CREATE on the database, to make schema {name}", make, bool(held))
            continue
        ((usage, create),) = rows
        yield _usage(name, role, held=bool(usage))
        if makes:
            grant = f"GRANT CREATE ON SCHEMA {double_quoted(name)} TO {role};"
            yield Right(name, f"CREATE on schema {name}", grant, bool(create))


def _schema(session: Session, name: str) -> list[tuple[object, ...]]:
    """(USAGE, CREATE), if it is there."""
    return session.ask(
        "SELECT has_schema_privilege(oid, 'USAGE'), has_schema_privilege(oid, 'CREATE') "
        f"FROM pg_namespace WHERE nspname = {text_literal(name)}"
    )


def has_schema(session: Session, name: str) -> bool:
    """Whether the schema is there: CREATE SCHEMA IF NOT EXISTS wants CREATE on the database even then."""
    return bool(_schema(session, name))
