"""Which server a session has reached: behind one name there may be several, by a load balancer or after a failover."""

from __future__ import annotations

from ...engine import Asked
from ...errors import AnotherServer
from ...place import Address

# To the microsecond. A standby has all else of its primary; one that is started again has ended all sessions before.
BEGAN = "SELECT to_char(pg_postmaster_start_time() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')"


def server(session: Asked) -> str:
    """What no other server has."""
    return f"begun at {session.ask(BEGAN)[0][0]}"


def check(found: str, known: str, address: Address) -> None:
    """AnotherServer where a connection has led to another server than the others did."""
    if found != known:
        raise AnotherServer(address, known, found)
