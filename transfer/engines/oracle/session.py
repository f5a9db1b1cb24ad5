"""Connections to Oracle by python-oracledb in thin mode: pins, and the control connection."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from math import ceil
from typing import Any

import oracledb

from ...engine import Row
from ...errors import EngineError, RequestError
from ...overtime import Overtime
from ...place import Address, redact
from ...schema.catalogue import Relation
from ...schema.sql import double_quoted, text_literal
from ...silence import LIMIT, bound

# What a session prints and compares by must not depend on where it came from. Times with a zone are read in UTC, rows
# that are archived (ROW ARCHIVAL) are rows.
_PINS = (
    "ALTER SESSION SET NLS_CALENDAR = GREGORIAN NLS_NUMERIC_CHARACTERS = '.,' "
    "NLS_DATE_FORMAT = 'YYYY-MM-DD HH24:MI:SS' "
    "NLS_TIMESTAMP_FORMAT = 'YYYY-MM-DD HH24:MI:SS.FF9' "
    "NLS_TIMESTAMP_TZ_FORMAT = 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM' NLS_SORT = BINARY NLS_COMP = BINARY "
    "TIME_ZONE = '+00:00'",
    "ALTER SESSION SET ROW ARCHIVAL VISIBILITY = ALL",
)
PINS = f"BEGIN {' '.join(f'EXECUTE IMMEDIATE {text_literal(pin)};' for pin in _PINS)} END;"  # in one round trip
PORT = 1521
_UNIT = 65_535  # bytes of a packet: the default of 8,192 costs a transfer 8 times as many
_CONNECT_S = 10
_CLOSE_MS = 5_000
_ENDED = ("DPY-4024", "DPI-1067")  # a call that was ended, in thin and in thick mode
_LOAD = "load"  # an option of ours, which says how rows are loaded
_CLIENT = "client"  # and one that says where Oracle's own client libraries lie
# Options of a URL, and what the driver calls them.
_OPTIONS = {
    "wallet": "wallet_location", "wallet_password": "wallet_password", "tns_admin": "config_dir",
    "protocol": "protocol",
    "server_dn": "ssl_server_cert_dn", "match_dn": "ssl_server_dn_match",
}  # fmt: skip


def qualified(relation: Relation) -> str:
    """A quoted name with its schema; without one it is the session's own."""
    return (f"{double_quoted(relation.schema)}." if relation.schema else "") + double_quoted(relation.table)


def connect(address: Address) -> oracledb.Connection:
    """A connection with its pins set. EngineError, without the password, if refused.

    `oracle://user@host:1521/SERVICE`, with `?sid=NAME` a SID in the service's place;
    `oracle://user@/ALIAS?tns_admin=DIR` names an entry of tnsnames.ora. `wallet`, `protocol=tcps`, `server_dn` and
    `match_dn` reach the driver.
    """
    given = _arguments(address)
    limit = ceil(1000 * bound(address.options))
    _thick(address)
    try:
        connection = oracledb.connect(**given)
        with connection.cursor() as cursor:
            cursor.execute(PINS)
        connection.call_timeout = limit
    except (oracledb.Error, OSError) as error:
        raise EngineError(
            f"{address} refused: {redact(said(error), address)}",
            remedy="Check host, port, service, user and password of the URL; a SID is written ?sid=NAME.",
        ) from error
    return connection


def _arguments(address: Address) -> dict[str, Any]:
    options = dict(address.options)
    options.pop(_LOAD, None)
    options.pop(_CLIENT, None)
    options.pop(LIMIT, None)
    given: dict[str, Any] = {"user": address.username or None, "password": address.told() or None}
    if _CLIENT in dict(address.options) and not address.username:
        given["externalauth"] = True
    sid = options.pop("sid", "")
    if not address.database and not sid:
        raise RequestError(f"{address} names no service.", remedy="oracle://user@host:1521/SERVICE")
    for option, name in _OPTIONS.items():
        if option in options:
            given[name] = options.pop(option)
    if "ssl_server_dn_match" in given:
        given["ssl_server_dn_match"] = given["ssl_server_dn_match"].lower() not in ("no", "false", "0", "off")
    if options:
        known = ", ".join(["sid", _LOAD, _CLIENT, LIMIT, *_OPTIONS])
        raise RequestError(f"{address}: unknown options {', '.join(sorted(options))}.", remedy=f"Known: {known}.")
    if not address.host:
        return {**given, "dsn": address.database}
    service = {"sid": sid} if sid else {"service_name": address.database}
    more = {"host": address.host, "port": address.port or PORT, "sdu": _UNIT, "tcp_connect_timeout": _CONNECT_S}
    return {**given, **service, **more}


def _thick(address: Address) -> None:
    """Load Oracle's client libraries where the URL asks for them; from then on they are the whole process's.

    They know ways to log in and to encrypt that thin mode does not. RequestError where they are not there.
    """
    folder = dict(address.options).get(_CLIENT, "")
    if not folder or not oracledb.is_thin_mode():
        return
    try:
        oracledb.init_oracle_client(lib_dir=None if folder == "yes" else folder)
    except oracledb.Error as error:
        raise RequestError(
            f"{address}: Oracle's client libraries cannot be loaded: {said(error)}",
            remedy="Name the folder of an Instant Client, client=DIR, or leave client= out.",
        ) from error


def loads_directly(address: Address) -> bool:
    """Whether rows shall be loaded by direct path. RequestError for another word than direct or bind."""
    word = dict(address.options).get(_LOAD, "bind")
    if word not in ("bind", "direct"):
        raise RequestError(f"{address}: there is no load={word}.", remedy="Known: bind, direct.")
    if word == "direct" and _CLIENT in dict(address.options):
        raise RequestError(f"{address}: load=direct goes without client=: only the thin driver has it.")
    return word == "direct"


def said(error: BaseException) -> str:
    """A driver's error in one line, without the address of a page about it and the connection's own number."""
    lines = [line for line in str(error).splitlines() if line and not line.startswith("Help:")]
    return re.sub(r" \(CONNECTION_ID=[^)]*\)", "", " ".join(lines))


# Of a value that a column, a key or a check refuses: https://docs.oracle.com/error-help/db/ has a page for each.
DATA = (
    1, 1400, 1401, 1407, 1426, 1438, 1449, 1452, 1461, 1465, 1722, 1839, 1843, 1847, 1861, 1873, 2290, 2291,
    2292, 2293, 2296, 2298, 2299, 2437, 12899, 14400, 22835,
)  # fmt: skip


def code(error: BaseException) -> int:
    """The number of an ORA- error; 0 for one of the driver's own."""
    return int(getattr(error.args[0] if error.args else None, "code", 0) or 0)


@contextmanager
def timed(connection: oracledb.Connection) -> Iterator[None]:
    """Overtime of a round trip that the driver has ended, as its two modes call that."""
    limit = connection.call_timeout
    try:
        yield
    except oracledb.Error as error:
        if limit and getattr(error.args[0] if error.args else None, "full_code", "") in _ENDED:
            raise Overtime.of(limit / 1000, said(error)) from error
        raise


@dataclass(frozen=True)
class Means:
    """What decides how a checksum is computed: whether texts are in UTF-8, and whether DBMS_CRYPTO may be called."""

    utf8: bool
    crypto: bool


class OracleSession:
    """A control connection. Each DDL commits by itself, and before it what was open."""

    def __init__(self, address: Address) -> None:
        self.connection = connect(address)
        self._inside = False

    def ask(self, sql: str) -> list[Row]:
        with timed(self.connection), self.connection.cursor() as cursor:
            cursor.arraysize = 1000
            cursor.prefetchrows = 1001
            cursor.execute(sql, fetch_lobs=False, fetch_decimals=True)
            return list(cursor.fetchall())

    @cached_property
    def means(self) -> Means:
        """Octets count in AL32UTF8 alone: Oracle's UTF8 writes what lies above U+FFFF in six."""
        charset = "SELECT value FROM nls_database_parameters WHERE parameter = 'NLS_CHARACTERSET'"
        package = "SELECT 1 FROM all_objects WHERE owner = 'SYS' AND object_name = 'DBMS_CRYPTO'"
        return Means(self.ask(charset) == [("AL32UTF8",)], bool(self.ask(package)))

    def execute(self, sql: str, values: Sequence[object] = ()) -> int:
        with timed(self.connection):
            with self.connection.cursor() as cursor:
                cursor.execute(sql, list(values))
                count = int(cursor.rowcount)
            if not self._inside:
                self.connection.commit()
        return count

    def begin(self) -> None:
        self._inside = True

    def commit(self) -> None:
        with timed(self.connection):
            self.connection.commit()
        self._inside = False

    def rollback(self) -> None:
        self.connection.rollback()
        self._inside = False

    def close(self) -> None:
        if self.connection.is_healthy():
            self.connection.call_timeout = _CLOSE_MS  # a server that no longer answers is left
            self.connection.close()
