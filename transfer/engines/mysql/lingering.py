"""Sessions that linger on a server whose clients are gone: they keep locks, and what they had not committed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...engine import Asked

if TYPE_CHECKING:
    from .session import MySqlSession

Identity = tuple[int, str]  # the server's number, and the client's address with its port
_MINE = "USER = SUBSTRING_INDEX(USER(), '@', 1)"


def identity(session: Asked) -> Identity:
    """What no other session has at a time: a server that was started again gives the same numbers."""
    ((number, host),) = session.ask("SELECT ID, HOST FROM information_schema.PROCESSLIST WHERE ID = CONNECTION_ID()")
    return int(str(number)), str(host)


def end(whose: Identity, by: MySqlSession) -> None:
    """End the session on its server, through another one of its account; nothing where it is not there any more."""
    number, host = whose
    there = f"ID = {number} AND HOST = '{host}' AND {_MINE}"
    if by.ask(f"SELECT 1 FROM information_schema.PROCESSLIST WHERE {there}"):
        by.execute(f"KILL {number}")


def holding(lock: str, session: Asked) -> str:
    """Which session of the server holds a table, and what ends it; '' where it has let go."""
    ((number,),) = session.ask(f"SELECT IS_USED_LOCK('{lock}')")
    if number is None:
        return ""
    hosts = session.ask(f"SELECT HOST FROM information_schema.PROCESSLIST WHERE ID = {number}")
    whence = "".join(f", from {host}," for (host,) in hosts)
    return (
        f"The server's session {number}{whence} holds it. Where its process is gone without the server's notice: "
        f"KILL {number}. "
    )
