"""What an account needs to read, against what the server says of it, and what it would not see."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...engine import Session
from ...place import Address
from ...plan import Finding, Hop, Statement
from ...rights import Right
from ...schema.catalogue import Relation
from . import snapshots
from .options import may_snapshot
from .session import literal, qualified, quoted

_AT_ONCE = 500  # a query gives 4,096 columns at most
_ALLOWED = 1  # snapshot_isolation_state


def to_read(session: Session, address: Address, tables: Sequence[Relation], consistency: str) -> list[Right]:
    """SELECT on each table, definitions to be seen, and a way to hold one instant."""
    ((user, login, database),) = session.ask("SELECT USER_NAME(), SUSER_SNAME(), DB_NAME()")
    user = login if user == "dbo" else user  # whom nothing can be granted
    to = f"TO {quoted(str(user))};"
    rights = [
        Right(str(table), f"SELECT on {table}", f"GRANT SELECT ON {qualified(table)} {to}", held)
        for table, held in _selectable(session, tables)
    ]
    ((sees, may_make, state),) = session.ask(
        "SELECT HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', 'VIEW DEFINITION'), "
        "HAS_PERMS_BY_NAME(NULL, NULL, 'CREATE ANY DATABASE'), d.snapshot_isolation_state FROM sys.databases d "
        "WHERE d.database_id = DB_ID()"
    )
    why = "without it the catalogue shows no defaults, checks, views and routines"
    rights.append(Right("source", "VIEW DEFINITION", f"GRANT VIEW DEFINITION {to}", sees == 1, why))
    if consistency in ("run", "table") and not snapshots.own(session):
        held = state == _ALLOWED or (may_make == 1 and may_snapshot(address))
        allow = f"ALTER DATABASE {quoted(str(database))} SET ALLOW_SNAPSHOT_ISOLATION ON;"
        why = "all tables are read at one instant; --consistency none goes without"
        rights.append(Right("source", "a snapshot to read (or CREATE ANY DATABASE for one)", allow, held, why))
    return rights


def to_write(
    session: Session, hops: Sequence[Hop], statements: Sequence[Statement], there: Sequence[Relation]
) -> list[Right]:
    """Making tables and the ledger's schema, changing the schemas they are in, and writing what is there."""
    ((user,),) = session.ask("SELECT USER_NAME()")
    to = f"TO {quoted(str(user))};"
    made = []
    spread = any(one.forward.startswith("CREATE PARTITION ") for one in statements)
    for word in ("CREATE TABLE", "CREATE SCHEMA", *(["ALTER ANY DATASPACE"] if spread else [])):
        ((held,),) = session.ask(f"SELECT HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', '{word}')")
        made.append(Right("target", word, f"GRANT {word} {to}", held == 1))
    for schema in dict.fromkeys(hop.writes.schema or "dbo" for hop in hops):
        rows = session.ask(f"SELECT HAS_PERMS_BY_NAME({literal(quoted(schema))}, 'SCHEMA', 'ALTER')")
        if rows[0][0] is not None:  # one that the run makes is its own
            grant = f"GRANT ALTER, SELECT, INSERT, UPDATE, DELETE, REFERENCES ON SCHEMA::{quoted(schema)} {to}"
            made.append(Right("target", f"ALTER on schema {schema}", grant, rows[0][0] == 1))
    for relation in dict.fromkeys(hop.writes for hop in hops):
        if relation in there:
            for word in ("INSERT", "UPDATE", "DELETE", "ALTER"):
                ((held,),) = session.ask(
                    f"SELECT HAS_PERMS_BY_NAME({literal(qualified(relation))}, 'OBJECT', '{word}')"
                )
                grant = f"GRANT {word} ON {qualified(relation)} {to}"
                made.append(Right(str(relation), f"{word} on {relation}", grant, held == 1))
    return made


def _selectable(session: Session, tables: Sequence[Relation]) -> Iterator[tuple[Relation, bool]]:
    for first in range(0, len(tables), _AT_ONCE):
        some = tables[first : first + _AT_ONCE]
        asked = ", ".join(f"HAS_PERMS_BY_NAME({literal(qualified(one))}, 'OBJECT', 'SELECT')" for one in some)
        (row,) = session.ask(f"SELECT {asked}")
        yield from ((table, held == 1) for table, held in zip(some, row, strict=True))


def hidden(session: Session, tables: Sequence[Relation]) -> list[Finding]:
    """Rows and values that this account would not see, though nothing says so; snapshots that runs have left."""
    found = [*_filtered(session, tables), *_masked(session, tables)]
    for name in snapshots.left(session):
        said = f"database snapshot {name} is kept for a run that did not end, or is being read now"
        remedy = f"Once no run goes on in it: DROP DATABASE {quoted(name)};"
        found.append(Finding("note", "source", said, "snapshot-left", remedy))
    return found


def logged(session: Session) -> list[Finding]:
    """Whether the target logs each row in full, until the log is backed up."""
    rows = session.ask("SELECT name, recovery_model_desc FROM sys.databases WHERE database_id = DB_ID()")
    if not rows or rows[0][1] != "FULL":
        return []
    name = quoted(str(rows[0][0]))
    said = "its recovery model is FULL: the log takes every row, until it is backed up"
    remedy = f"For the load: ALTER DATABASE {name} SET RECOVERY BULK_LOGGED; then back to FULL and a backup of the log."
    return [Finding("note", "target", said, "recovery-full", remedy)]


def _filtered(session: Session, tables: Sequence[Relation]) -> Iterator[Finding]:
    rows = session.ask(
        "SELECT s.name, o.name, p.name FROM sys.security_policies p JOIN sys.security_predicates f "
        "ON f.object_id = p.object_id JOIN sys.objects o ON o.object_id = f.target_object_id "
        "JOIN sys.schemas s ON s.schema_id = o.schema_id "
        "WHERE p.is_enabled = 1 AND f.predicate_type_desc = N'FILTER' ORDER BY s.name, o.name, p.name"
    )
    for schema, name, policy in rows:
        if Relation(str(schema), str(name)) in tables:
            said = (
                f"policy {policy} filters the rows of every account: those that it hides would be missing in the target"
            )
            remedy = f"For the time of the run: ALTER SECURITY POLICY {quoted(str(policy))} WITH (STATE = OFF);"
            yield Finding("blocker", f"{schema}.{name}", said, "hidden-rows", remedy)


def _masked(session: Session, tables: Sequence[Relation]) -> Iterator[Finding]:
    rows = session.ask(
        "SELECT s.name, o.name, m.name, USER_NAME() FROM sys.masked_columns m "
        "JOIN sys.objects o ON o.object_id = m.object_id JOIN sys.schemas s ON s.schema_id = o.schema_id "
        "WHERE m.is_masked = 1 AND ISNULL(HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', 'UNMASK'), 0) = 0 "
        "ORDER BY s.name, o.name, m.column_id"
    )
    for schema, name, column, user in rows:
        if Relation(str(schema), str(name)) in tables:
            said = f"column {column} is masked for this account: it would read other values than there are"
            remedy = f"GRANT UNMASK TO {quoted(str(user))};"
            yield Finding("blocker", f"{schema}.{name}.{column}", said, "hidden-rows", remedy)
