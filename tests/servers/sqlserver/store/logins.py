"""Accounts beside the first, who may do anything: logins, users of databases, and what they were granted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..spoken import Refused
from .words import Words, split_name

if TYPE_CHECKING:
    from .catalogue import Table, View
    from .session import Session

_COVERS = {"SELECT": ("CONTROL",), "VIEW DEFINITION": ("CONTROL",), "CREATE DATABASE": ("CREATE ANY DATABASE",)}


def carry_out(session: Session, words: Words) -> None:
    """CREATE LOGIN ... WITH PASSWORD, CREATE USER ... FOR LOGIN."""
    what, name = words.next().upper(), words.name()
    if what == "USER":
        session.kept.users.add(name.lower())
        return
    words.expect("WITH", "PASSWORD", "=")
    session.server.users[name] = words.next().removeprefix("N").strip("'").replace("''", "'")


def grant(session: Session, words: Words) -> None:
    """GRANT and REVOKE of permissions on the database, or on what it holds."""
    give = words.next().upper() == "GRANT"
    permissions = []
    while True:
        permissions.append(" ".join(words.until("ON", "TO", "FROM").upper().split()))
        if not words.take(","):
            break
    on = ""
    if words.take("ON"):
        words.take("OBJECT", ":", ":")
        found = session.catalogue.found(*words.qualified())
        if found is None:
            raise Refused(15151, "Cannot find the object, because it does not exist or you do not have permission.")
        on = str(found.number)
    words.next()
    user = words.name().lower()
    for permission in permissions:
        (session.kept.granted.add if give else session.kept.granted.discard)((user, permission, on))


def may_enter(session: Session) -> None:
    """Refused where the account is no user of the database."""
    if not is_master(session) and session.kept.name != "master" and session.user.lower() not in session.kept.users:
        raise Refused(916, f'The server principal "{session.user}" is not able to access the database '
                           f'"{session.kept.name}" under the current security context.', severity=14)  # fmt: skip


def is_master(session: Session) -> bool:
    return session.user == next(iter(session.server.users))


def may(session: Session, permission: str, on: str = "") -> bool:
    held = {(one, of) for user, one, of in session.kept.granted if user == session.user.lower()}
    wanted = (permission, *_COVERS.get(permission, ()))
    return is_master(session) or any((one, place) in held for one in wanted for place in {on, ""})


def may_read(session: Session, found: Table | View) -> None:
    if not may(session, "SELECT", str(found.number)):
        raise Refused(229, f"The SELECT permission was denied on the object '{found.name}', database "
                           f"'{session.kept.name}', schema '{found.schema}'.", state=5, severity=14)  # fmt: skip


def sees(session: Session, number: int) -> bool:
    """Whether the catalogue shows an object: to whom something was granted on it, or the database."""
    if is_master(session) or may(session, "VIEW DEFINITION", str(number)):
        return True
    return any(user == session.user.lower() and of in ("", str(number)) for user, one, of in session.kept.granted
               if one in ("SELECT", "CONTROL"))  # fmt: skip


def by_name(session: Session, securable: str | None, kind: str | None, permission: str) -> int | None:
    """HAS_PERMS_BY_NAME; NULL where there is no such thing, or none that is seen."""
    if not kind:
        return int(is_master(session))
    if kind.upper() == "DATABASE":
        return int(is_master(session) or ((securable or "").lower() == session.kept.name.lower()
                   and may(session, permission.upper())))  # fmt: skip
    found = session.catalogue.found(*split_name(securable or ""))
    if found is None or not sees(session, found.number):
        return None
    return int(may(session, permission.upper(), str(found.number)))
