"""Which server a session has reached: behind one name there may be several, by a load balancer or after a failover."""

from __future__ import annotations

from ...engine import Asked
from ...errors import AnotherServer
from ...place import Address

# MySQL's is made with its data folder, MariaDB's of the machine's network card and the port, from 10.6.16 on. Those of
# a replication have numbers of their own; nodes of a cluster may share one, and have names of their own.
_NAMES = ("server_uuid", "server_uid", "server_id", "hostname", "port", "datadir")


def server(session: Asked) -> str:
    """What a server keeps when it is started again, and no other has."""
    rows = session.ask(f"SHOW GLOBAL VARIABLES WHERE Variable_name IN ({', '.join(map(repr, _NAMES))})")
    said = {str(name): str(value) for name, value in rows}
    return ", ".join(f"{name} {said[name]}" for name in _NAMES if name in said)


def check(found: str, known: str, address: Address) -> None:
    """AnotherServer where a connection has led to another server than the others did."""
    if found != known:
        raise AnotherServer(address, known, found)
