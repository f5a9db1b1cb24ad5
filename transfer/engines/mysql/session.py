"""Connections to MySQL and MariaDB by PyMySQL: pins, the control connection, the loader."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import partial
from math import ceil
from threading import Lock
from typing import Any
from weakref import WeakSet

import pyarrow as pa
import pymysql
from pymysql.constants import CLIENT

from ...engine import Asked, Ledger, Row
from ...errors import EngineError
from ...ledger import SqlLedger, Words
from ...passwords import WAYS
from ...place import Address, redact
from ...plan import Hop, Slice
from ...rules import split
from ...schema.catalogue import Relation
from ...schema.sql import sayable
from ...silence import OPTIONS, Brief, Silence, bound, hung_up, kept_alive, patience
from . import held, lingering
from .infile import PIECE, insert, load

# Rows that a strict server would refuse must be refused; backslash escapes stay on, as PyMySQL expects.
_SQL_MODE = "STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION"
PINS = (
    "SET time_zone = '+00:00'",
    f"SET sql_mode = '{_SQL_MODE}'",
    # A slow loader must not make the server give up on its reader: the default is 60 s.
    "SET net_write_timeout = 3600, net_read_timeout = 3600, wait_timeout = 28800",
)
# A date that the source's server holds, as February 30th, is not for us to refuse. Keys of MariaDB's versioned tables
# are made after the rows. unique_checks stays on: off, MariaDB from 10.6 fills an empty table in bulk, and where a
# transaction's snapshot is older than that commit, it finds the table empty, its own rows too (seen in 10.11.19: a
# merge took known rows for new). Nor is it faster: 5.6 s against 5.5 s, medians of six loads of 600,572 lineitem rows.
LOADER_PINS = (
    "SET foreign_key_checks = 0 /*M!100304 , system_versioning_alter_history = KEEP */",
    f"SET sql_mode = '{_SQL_MODE},ALLOW_INVALID_DATES'",
    held.PIN,
)


BEHIND = "\uff5e"  # begins names of ours that sort behind others, see cutover.py


def is_ours(name: str) -> bool:
    """Whether a table is Ropeway's own."""
    return name.lower().removeprefix(BEHIND).startswith("ropeway_")


def quoted(name: str) -> str:
    """A name in backticks."""
    return "`" + sayable(name, "a name").replace("`", "``") + "`"


def qualified(relation: Relation) -> str:
    """A quoted name with its database, if it has one."""
    return (f"{quoted(relation.schema)}." if relation.schema else "") + quoted(relation.table)


def schema_of(relation: Relation) -> str:
    """A relation's database, as information_schema is asked for it."""
    return literal(relation.schema) if relation.schema else "DATABASE()"


def literal(value: object) -> str:
    """A literal; text escapes backslashes too, which the pinned sql_mode reads."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, int | float):
        return repr(value)
    escaped = sayable(str(value), "a value", unless="\0").replace("\\", "\\\\").replace("'", "''").replace("\0", "\\0")
    return f"'{escaped}'"


# A column of an index ends at 767 bytes on 5.6 as it comes, of four bytes a character.
_KEY_CHARACTERS = 190
WORDS = Words(
    literal=literal, short=f"varchar({_KEY_CHARACTERS})", longest=_KEY_CHARACTERS, long="longtext", real="double",
    table_suffix=" ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
    exists="SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() "
    "AND TABLE_NAME = 'ropeway_run'",
)  # fmt: skip


_OPEN: WeakSet[pymysql.Connection[Any]] = WeakSet()
_OPENING = Lock()
_GREETING_S = 60  # for the server to let us in
_OPTIONS = ("unix_socket", "ssl_ca", "ssl_cert", "ssl_key", "ssl_verify_cert", "ssl_verify_identity", "ssl_disabled")


def connect(address: Address, pins: Iterable[str] = (), **more: Any) -> pymysql.Connection[Any]:
    """An autocommit connection with its pins set. EngineError, without the password, if refused."""
    options = dict(address.options)
    for option in OPTIONS:
        options.pop(option, None)
    file = options.pop("defaults_file", None)  # what the URL leaves out may stand there
    given: dict[str, Any] = {
        "host": address.host or (None if file else "127.0.0.1"), "port": address.port or (0 if file else 3306),
        "user": address.username or None, "password": address.told(), "database": address.database or None,
        "charset": "utf8mb4", "read_default_file": file,
        # Rows matched, not rows changed: a ledger's update must say that it found its row.
        "client_flag": CLIENT.FOUND_ROWS, "local_infile": True, "connect_timeout": 10, "autocommit": True,
        **{name: options.pop(name) for name in _OPTIONS if name in options},
    }  # fmt: skip
    if "ssl_ca" in given:  # PyMySQL compares a certificate with none where only this is given
        given.setdefault("ssl_verify_cert", "true")
    for name in {"ssl_verify_identity", "ssl_disabled"} & given.keys():
        given[name] = given[name].lower() not in ("no", "false", "0", "off")
    if options:
        raise EngineError(f"{address}: unknown options {', '.join(sorted(options))}.",
                          remedy=f"Known: {', '.join((*_OPTIONS, 'defaults_file', *OPTIONS, *WAYS))}.")  # fmt: skip
    try:
        greeting = {"read_timeout": _GREETING_S, "write_timeout": _GREETING_S}
        connection = pymysql.connect(**{k: v for k, v in {**given, **greeting, **more}.items() if v is not None})
        made: Any = connection  # what PyMySQL calls private
        made._read_timeout = made._write_timeout = None
        kept_alive(made._sock)
        with connection.cursor() as cursor:
            for pin in (*PINS, *pins, *_bounded(connection, bound(address.options))):
                cursor.execute(pin)
    except (pymysql.Error, OSError) as error:
        raise EngineError(
            f"{address} refused: {redact(str(error), address)}",
            remedy="Check host, port, user, password and database of the URL.",
        ) from error
    with _OPENING:
        _OPEN.add(connection)
    return connection


def threads() -> list[int]:
    """The numbers by which servers know this process' connections."""
    with _OPENING:
        return [one.thread_id() for one in _OPEN if one.open]  # type: ignore[no-untyped-call]  # PyMySQL's


def _bounded(connection: pymysql.Connection[Any], seconds: float) -> Iterator[str]:
    """How long a statement may take. MySQL bounds what only reads, from 5.7.8 on; before, it does not know the word."""
    if seconds and "mariadb" in connection.get_server_info().lower():  # type: ignore[no-untyped-call]  # PyMySQL's
        yield f"SET max_statement_time = {seconds}"
    elif seconds:
        yield f"SET max_execution_time = {ceil(1000 * seconds)}"


class MySqlSession:
    """A control connection."""

    def __init__(self, address: Address, pins: Iterable[str] = ()) -> None:
        self.connection = connect(address, pins)
        self._patience = patience(address.options)

    def watched(self) -> Silence:
        """Shuts the connection where the server is silent for too long."""
        made: Any = self.connection  # its socket is what PyMySQL calls private
        return Silence(made._sock.fileno() if made._sock else -1, self._patience)

    def ask(self, sql: str) -> list[Row]:
        with self.connection.cursor() as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall())

    def execute(self, sql: str) -> int:
        with self.connection.cursor() as cursor:
            return int(cursor.execute(sql))

    def begin(self) -> None:
        with self.watched():
            self.connection.begin()

    def commit(self) -> None:
        with self.watched():
            self.connection.commit()

    def rollback(self) -> None:
        self.connection.rollback()

    def close(self) -> None:
        if self.connection.open:
            self.connection.close()


class MySqlLoader(MySqlSession):
    """Loads by LOAD DATA LOCAL, or by multi-row INSERT where the server forbids that."""

    def __init__(self, address: Address) -> None:
        super().__init__(address, LOADER_PINS)
        self.ledger: Ledger = SqlLedger(Brief(self), WORDS)
        ((infile, allowed),) = self.ask("SELECT @@local_infile, @@max_allowed_packet")
        self._load = partial(load, piece=min(PIECE, int(str(allowed)) // 2)) if infile else insert
        self._database = address.database
        self._identity = lingering.identity(self)

    @property
    def lost(self) -> bool:
        """Whether the connection broke; its server may not know."""
        made: Any = self.connection  # its socket is what PyMySQL calls private
        with suppress(AttributeError, OSError, ValueError):  # closed meanwhile
            return hung_up(made._sock.fileno())
        return True

    def end(self, by: MySqlSession) -> None:
        """End on the server what is left of this session, through another."""
        lingering.end(self._identity, by)

    def execute(self, sql: str) -> int:
        with held.told(self):
            return super().execute(sql)

    def load(self, hop: Hop, part: Slice, batches: Iterable[pa.RecordBatch]) -> int:
        del part
        schema = pa.schema([(column.target, column.type.arrow) for column in hop.columns])
        columns = [quoted(column.target) for column in hop.columns]
        with self.watched() as watch:
            rows = watch.feeding(batches)
            return self._load(self.connection, qualified(hop.into), columns, schema, rows, _extra(hop))

    def load_raw(self, hop: Hop, part: Slice, blocks: Iterable[bytes]) -> int:
        raise EngineError("The MySQL family has no raw form.")

    def hold(self, name: str) -> bool:
        return self.ask(f"SELECT GET_LOCK('{self._lock(name)}', 0)")[0][0] == 1

    def holding(self, name: str) -> str:
        """Which session of the server holds a table."""
        return lingering.holding(self._lock(name), self)

    def _lock(self, name: str) -> str:
        # Lock names are the server's, up to 64 characters: the database belongs into the name.
        return f"ropeway {hashlib.sha256(f'{self._database} {name}'.encode()).hexdigest()[:40]}"


def _extra(hop: Hop) -> dict[str, str]:
    """What makes a number of a text first: '1' would be the bits of that character in a BIT, '0' 2000 as a YEAR."""
    bits, number = "CAST(CONV({}, 2, 10) AS UNSIGNED)", "CAST({} AS UNSIGNED)"
    names = [(column, split(column.stored).name) for column in hop.columns]
    return {
        quoted(column.target): bits if column.type.kind == "text" and name == "bit" else number
        for column, name in names
        if name in ("bit", "year")
    }


def same(session: Asked, other: Asked) -> bool:
    """Whether both are on one server: a lock that one takes is seen by the other."""
    name = literal(f"ropeway is {secrets.token_hex(8)}")
    ((number, _),) = session.ask(f"SELECT CONNECTION_ID(), GET_LOCK({name}, 0)")
    ((holder,),) = other.ask(f"SELECT IS_USED_LOCK({name})")
    session.ask(f"SELECT RELEASE_LOCK({name})")
    return bool(holder == number)
