"""Tables that others hold: a statement that changes one waits for every transaction that has read it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pymysql

from ...engine import Asked, Row

# The server's own limit is a year, and whoever wants to read the table waits behind us.
PATIENCE_S = 60
PIN = f"SET lock_wait_timeout = {PATIENCE_S}"
_TIMED_OUT = 1205
_MOST = 5
_THEM = (
    "SELECT p.ID, p.USER, p.HOST, p.TIME FROM information_schema.PROCESSLIST p {}"
    "WHERE p.ID <> CONNECTION_ID() AND p.DB = DATABASE() ORDER BY p.TIME DESC"
)
_IN_TRANSACTIONS = "JOIN information_schema.INNODB_TRX t ON t.trx_mysql_thread_id = p.ID "  # takes PROCESS


@contextmanager
def told(session: Asked) -> Iterator[None]:
    """Say with the error of a lock that was not given who may hold it, as far as the account sees that."""
    try:
        yield
    except pymysql.OperationalError as error:
        if error.args[:1] != (_TIMED_OUT,):
            raise
        text = f"{error.args[1]}. The table, or rows of it, are held by a transaction that has not ended"
        raise pymysql.OperationalError(_TIMED_OUT, f"{text}{_who(session)}. End it, and do this once more") from error


def _who(session: Asked) -> str:
    for joined, words in ((_IN_TRANSACTIONS, "in transactions are"), ("", "connected with the database are")):
        found: list[Row] = []
        with suppress(pymysql.Error):
            found = session.ask(_THEM.format(joined))
        if found:
            named = [f"{number} ({user} from {host}, for {seconds} s)" for number, user, host, seconds in found[:_MOST]]
            return f"; {words} the sessions {', '.join(named)}" + (" and others" if len(found) > _MOST else "")
    return ""
