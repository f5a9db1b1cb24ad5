"""What an account needs to read, against what the dictionary says of it."""

from __future__ import annotations

from collections.abc import Sequence

import oracledb

from ...engine import Session
from ...plan import Finding
from ...rights import Right
from ...rules import split
from ...schema.catalogue import Relation, Table
from ...schema.sql import double_quoted, text_literal
from .catalogue import OWN
from .session import qualified


def to_read(session: Session, tables: Sequence[Relation], consistency: str) -> list[Right]:
    """SELECT and FLASHBACK on the tables of others, and a way to learn the SCN. One's own are one's own."""
    ((user, home),) = session.ask(f"SELECT USER, {OWN} FROM dual")
    held = {str(row[0]) for row in session.ask("SELECT privilege FROM session_privs")}
    granted = {
        (str(owner), str(name), str(privilege))
        for owner, name, privilege in session.ask(
            "SELECT table_schema, table_name, privilege FROM all_tab_privs WHERE grantee IN (USER, 'PUBLIC') "
            "OR grantee IN (SELECT role FROM session_roles)"
        )
    }
    at_one_instant = consistency in ("run", "table")
    rights = [*_instant(session, str(user))] if at_one_instant else []
    wanted = [("SELECT", "SELECT ANY TABLE"), *([("FLASHBACK", "FLASHBACK ANY TABLE")] if at_one_instant else [])]
    for table in tables:
        owner = table.schema or str(home)
        if owner == user:
            continue
        for word, anywhere in wanted:
            has = anywhere in held or bool({(owner, table.table, word), (owner, table.table, "READ")} & granted)
            has = (
                has or "READ ANY TABLE" in held
                if word == "SELECT"
                else anywhere in held or (owner, table.table, word) in granted
            )
            grant = f"GRANT {word} ON {qualified(Relation(owner, table.table))} TO {double_quoted(str(user))};"
            rights.append(Right(str(table), f"{word} on {table}", grant, has))
    return rights


def _instant(session: Session, user: str) -> list[Right]:
    names = ", ".join(map(text_literal, ("DBMS_FLASHBACK", "V_$DATABASE")))
    seen = session.ask(f"SELECT object_name FROM all_objects WHERE owner = 'SYS' AND object_name IN ({names})")
    grant = f"GRANT EXECUTE ON SYS.DBMS_FLASHBACK TO {double_quoted(user)};"
    why = "it tells the SCN at which all tables are read"
    return [Right("source", "EXECUTE on SYS.DBMS_FLASHBACK (or SELECT on V_$DATABASE)", grant, bool(seen), why)]


_PACE = 50_000  # rows/s that a run reads at the least: lineitem's go at 100,000 and more


def undo(session: Session, tables: Sequence[Table]) -> list[Finding]:
    """Whether undo is kept for as long as reading may take; nothing where this account may not ask."""
    try:
        rows = session.ask("SELECT value FROM v$parameter WHERE name = 'undo_retention'")
    except oracledb.Error:
        return []
    kept, total = int(str(rows[0][0])), sum(max(table.rows, 0) for table in tables)
    needed = total // _PACE
    if needed <= kept:
        return []
    said = f"undo is kept for {kept:,} s, and reading {total:,} rows may take {needed:,} s"
    why = "what changed cannot be read as it was (ORA-01555)"
    remedy = f"ALTER SYSTEM SET UNDO_RETENTION = {needed * 2}; with an undo tablespace of that size."
    return [Finding("warning", "source", f"{said}: {why}", "undo-retention", remedy)]


def hidden(session: Session, tables: Sequence[Relation]) -> list[Finding]:
    """Tables of which a policy may show this account a part: nothing else would say that rows are missing."""
    rows = session.ask(
        f"SELECT p.object_owner, p.object_name, p.policy_name, USER, {OWN} FROM all_policies p "
        "WHERE p.enable = 'YES' AND p.sel = 'YES' AND NOT EXISTS (SELECT 1 FROM session_privs s "
        "WHERE s.privilege = 'EXEMPT ACCESS POLICY') ORDER BY 1, 2, 3"
    )
    return [
        Finding(
            "blocker", str(table), f"policy {policy} applies to this account: rows that it hides would be missing in "
            "the target", "hidden-rows",
            f"Read as an account that it leaves alone: GRANT EXEMPT ACCESS POLICY TO {double_quoted(str(user))};",
        )
        for table in tables
        for owner, name, policy, user, home in rows
        if (owner, name) == (table.schema or home, table.table)
    ]  # fmt: skip


_REDACTED = (
    f"SELECT c.object_owner, c.object_name, c.column_name, p.policy_name, USER, {OWN} FROM redaction_columns c "
    "JOIN redaction_policies p ON p.object_owner = c.object_owner AND p.object_name = c.object_name "
    "WHERE p.enable = 'YES' ORDER BY 1, 2, 3"
)
_EXEMPT = "EXEMPT REDACTION POLICY"


def redacted(session: Session, tables: Sequence[Relation]) -> list[Finding]:
    """Columns whose values a policy of DBMS_REDACT may change for this account, in what it reads and in checksums."""
    if session.ask(f"SELECT 1 FROM session_privs WHERE privilege = {text_literal(_EXEMPT)}"):
        return []
    try:
        rows = session.ask(_REDACTED)
    except oracledb.DatabaseError:  # ORA-00942
        ((user,),) = session.ask("SELECT USER FROM dual")
        return [Finding(
            "note", "source", "this account may not look whether a policy of DBMS_REDACT changes values that it reads; "
            "neither the rows nor the server's checksum would show it", "redaction-unknown",
            f"Where data redaction is in use: GRANT {_EXEMPT} TO {double_quoted(str(user))};",
        )]  # fmt: skip
    return [
        Finding(
            "blocker", f"{table}.{column}", f"redaction policy {policy} applies to this account: other values would "
            "arrive in the place of those that it hides", "redacted",
            f"Read as an account that it leaves alone: GRANT {_EXEMPT} TO {double_quoted(str(user))};",
        )
        for table in tables
        for owner, name, column, policy, user, home in rows
        if (owner, name) == (table.schema or home, table.table)
    ]  # fmt: skip


_WHOLE = ("AL32UTF8", "UTF8")


def charset(session: Session, tables: Sequence[Table]) -> list[Finding]:
    """What the server makes of texts on their way: it converts them to UTF-8, without a word."""
    ((name,),) = session.ask("SELECT value FROM nls_database_parameters WHERE parameter = 'NLS_CHARACTERSET'")
    texts = any(split(one.native).name in ("varchar2", "char", "clob", "long") for t in tables for one in t.columns)
    if name in _WHOLE or not texts:
        return []
    ascii_only = name == "US7ASCII"
    said = f"the database's character set is {name}, and its server converts texts to UTF-8: "
    said += "letters beyond ASCII, which clients may have stored unconverted," if ascii_only else "octets that it lacks"
    return [Finding(
        "warning" if ascii_only else "note", "source",
        f"{said} become U+FFFD or another letter, in the rows and in what checksums compare alike", "source-charset",
        "If there are any: a query with UTL_RAW.CAST_TO_RAW reads their octets; or mend them in the source.",
    )]  # fmt: skip
