"""Sessions that linger on a server whose clients are gone: they keep locks, and what they had not committed."""

from __future__ import annotations

import hashlib

from ...engine import Asked
from ...schema.sql import text_literal

Identity = tuple[str, str]  # the server's process, and when it began


def identity(session: Asked) -> Identity:
    """What no other session of any server has: numbers of processes come again."""
    ((number, began),) = session.ask(
        "SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid() AND backend_start IS NOT NULL"
    )
    return str(number), str(began)


def end(whose: Identity, by: Asked) -> None:
    """End the session on its server, through another one of its account; nothing where it is not there any more."""
    number, began = whose
    by.ask(
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = {number} AND usename = current_user "
        f"AND backend_start = {text_literal(began)}::timestamptz"
    )


def lock_of(name: str) -> int:
    """The number of the advisory lock that a table is held by."""
    return int.from_bytes(hashlib.sha256(f"ropeway {name}".encode()).digest()[:8], "big", signed=True)


def holding(name: str, session: Asked) -> str:
    """Which session of the server holds a table, and what ends it; '' where it has let go."""
    rows = session.ask(
        "SELECT l.pid, host(a.client_addr) FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid "
        "WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND l.database = "
        "(SELECT oid FROM pg_database WHERE datname = current_database()) "
        f"AND (l.classid::bigint << 32) | l.objid::bigint = {lock_of(name)}"
    )
    return "".join(
        f"The server's session {number}{f', from {host},' if host else ''} holds it. Where its process is gone without "
        f"the server's notice: SELECT pg_terminate_backend({number}). "
        for number, host in rows
    )
