"""What an account needs to write, against what the dictionary says of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ...engine import Session
from ...plan import Finding, Hop, Statement
from ...rights import Right
from ...schema.sql import double_quoted
from .catalogue import OWN

_MAKES = (
    (r"CREATE TABLE .*AS IDENTITY|CREATE SEQUENCE", "CREATE SEQUENCE", "identities and sequences"),
    (r"CREATE VIEW", "CREATE VIEW", "views"),
)
_ANYWHERE = ("CREATE ANY TABLE", "ALTER ANY TABLE", "CREATE ANY INDEX", "INSERT ANY TABLE", "SELECT ANY TABLE",
             "UPDATE ANY TABLE", "DELETE ANY TABLE", "DROP ANY TABLE")  # fmt: skip


def to_write(session: Session, hops: Sequence[Hop], statements: Sequence[Statement]) -> list[Right]:
    """The ledger's tables lie in the account's own schema; those of another take privileges on any."""
    ((user, home),) = session.ask(f"SELECT USER, {OWN} FROM dual")
    held = {str(row[0]) for row in session.ask("SELECT privilege FROM session_privs")}
    others = sorted({hop.writes.schema for hop in hops} - {"", str(home)})
    rights = [Right("target", "EXECUTE on SYS.DBMS_LOCK", f"GRANT EXECUTE ON SYS.DBMS_LOCK TO {_named(user)};",
                    _locks(session), "its lock lets one run at a time into a table")]  # fmt: skip
    for word, why in _wanted(statements):
        rights.append(Right("target", word, f"GRANT {word} TO {_named(user)};", word in held, f"for {why}"))
    for schema in others:
        rights += [
            Right(schema, word, f"GRANT {word} TO {_named(user)};", word in held, f"for tables in {schema}")
            for word in _ANYWHERE
        ]
    return rights


def _named(user: object) -> str:
    return double_quoted(str(user))


def _locks(session: Session) -> bool:
    """A package is listed for who may call it."""
    return bool(session.ask("SELECT 1 FROM all_objects WHERE owner = 'SYS' AND object_name = 'DBMS_LOCK'"))


def _wanted(statements: Sequence[Statement]) -> Iterator[tuple[str, str]]:
    yield "CREATE TABLE", "the ledger's tables"
    for pattern, word, why in _MAKES:
        if any(re.match(pattern, statement.forward, re.DOTALL) for statement in statements):
            yield word, why


def check(session: Session, hops: Sequence[Hop]) -> list[Finding]:
    """A schema is an account, which is not ours to make."""
    wanted = sorted({hop.writes.schema for hop in hops} - {""})
    known = {str(row[0]) for row in session.ask("SELECT username FROM all_users")} if wanted else set()
    return [
        Finding("blocker", schema, f"there is no schema {schema}, which is an account there", "no-schema",
                f"CREATE USER {double_quoted(schema)} NO AUTHENTICATION QUOTA UNLIMITED ON users; or name another by "
                "--target-schema, letter by letter.")
        for schema in wanted if schema not in known
    ]  # fmt: skip
