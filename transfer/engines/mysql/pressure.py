"""How busy a server of the family is, by its status."""

from __future__ import annotations

from math import inf

import pymysql
from pymysql.cursors import DictCursor

from .session import MySqlSession, threads

_DENIED = 1227  # to this account
_OLDEST = (
    "SELECT MAX(TIMESTAMPDIFF(SECOND, trx_started, NOW())) FROM information_schema.INNODB_TRX "
    "WHERE trx_mysql_thread_id NOT IN ({ours})"
)
# MariaDB's with all its channels; MySQL's from 8.0.22 on; before.
_REPLICAS = ("SHOW ALL SLAVES STATUS", "SHOW REPLICA STATUS", "SHOW SLAVE STATUS")
_BEHIND = {"Seconds_Behind_Master", "Seconds_Behind_Source"}


def pressure(session: MySqlSession) -> dict[str, float]:
    """Threads_running, the oldest transaction of others, and how far a replica is behind; what the account may see."""
    ((_, running),) = session.ask("SHOW GLOBAL STATUS LIKE 'Threads_running'")
    said = {"running": float(str(running))}
    for name, measure in (("transaction", _transaction), ("lag", _lag)):
        try:
            known = measure(session)
        except pymysql.Error as error:
            if error.args[0] != _DENIED:
                raise
            continue
        if known is not None:
            said[name] = known
    return said


def _transaction(session: MySqlSession) -> float:
    session.execute("SET time_zone = 'SYSTEM'")  # trx_started is in the zone of the server's process, whatever is set
    ((oldest,),) = session.ask(_OLDEST.format(ours=", ".join(map(str, threads()))))
    return float(str(oldest or 0))


def _lag(session: MySqlSession) -> float | None:
    """Of the channel that is furthest behind; a broken one is behind without end. None where it is no replica."""
    behind = [row[name] for row in _channels(session) for name in _BEHIND & row.keys()]
    if not behind:
        return None
    return max(inf if seconds is None else float(str(seconds)) for seconds in behind)


def _channels(session: MySqlSession) -> list[dict[str, object]]:
    for sql in _REPLICAS[:-1]:
        try:
            return _named(session, sql)
        except pymysql.ProgrammingError:  # its words are not of this version
            continue
    return _named(session, _REPLICAS[-1])


def _named(session: MySqlSession, sql: str) -> list[dict[str, object]]:
    with session.connection.cursor(DictCursor) as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())
