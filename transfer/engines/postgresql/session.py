"""Connections to PostgreSQL by psycopg: the session pins, the control connection, the loader."""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil
from typing import Any

import psycopg
import pyarrow as pa

from ...engine import Asked, Ledger, Row
from ...errors import EngineError
from ...ledger import SqlLedger, Words
from ...place import Address, redact
from ...plan import Hop, Slice
from ...schema.catalogue import Relation
from ...schema.sql import double_quoted, text_literal
from ...silence import OPTIONS, Brief, Silence, bound, hung_up, patience
from . import leaves, lingering
from .copy import CONNECTING, Shape, load
from .raw import load_raw

# Schemas that are a user's.
USERS = (
    "n.nspname NOT IN ('pg_catalog', 'information_schema', 'ropeway') AND n.nspname NOT LIKE 'pg_toast%' "
    "AND n.nspname NOT LIKE 'pg_temp%'"
)
WORDS = Words(
    literal=text_literal, prefix="ropeway.", create_schema="CREATE SCHEMA IF NOT EXISTS ropeway",
    schema_exists="SELECT 1 FROM pg_namespace WHERE nspname = 'ropeway'",
    short="text", exists="SELECT 1 FROM pg_tables WHERE schemaname = 'ropeway' AND tablename = 'ropeway_run'",
    lasting=("SET synchronous_commit = on", "SET synchronous_commit = off"),
)  # fmt: skip

# One text for every value, whatever the server's or the role's settings say.
PINS = (
    "SET datestyle = 'ISO, YMD'", "SET timezone = 'UTC'", "SET intervalstyle = 'iso_8601'",
    "SET extra_float_digits = 3", "SET bytea_output = 'hex'", "SET standard_conforming_strings = on",
    "SET client_encoding = 'UTF8'", "SET statement_timeout = 0", "SET idle_in_transaction_session_timeout = 0",
    # A proof under a lock sees what was committed while the lock was waited for.
    "SET default_transaction_isolation = 'read committed'",
    # The last three are of versions 14 and 17 on. By the others the server finds out in a minute, and not in two hours,
    # that we are gone without a word.
    "SELECT set_config(name, CASE name WHEN 'tcp_keepalives_idle' THEN '30' WHEN 'tcp_keepalives_interval' THEN '10' "
    "WHEN 'tcp_keepalives_count' THEN '3' WHEN 'tcp_user_timeout' THEN '60000' "
    "WHEN 'client_connection_check_interval' THEN '10s' ELSE '0' END, false) FROM pg_settings WHERE name IN "
    "('tcp_keepalives_idle', 'tcp_keepalives_interval', 'tcp_keepalives_count', 'tcp_user_timeout', "
    "'client_connection_check_interval', 'idle_session_timeout', 'transaction_timeout')",
)  # fmt: skip
# Safe for the ledger: rows and receipt vanish together if the server falls within the next moments (three times
# wal_writer_delay), and a run that has ended says so by a commit that waits for the disk.
# An amount of money comes with a point and two digits.
LOADER_PINS = ("SET synchronous_commit = off", "SET lock_timeout = '60s'", "SET lc_monetary = 'C'")


def pins_of(address: Address) -> tuple[str, ...]:
    """The pins of a connection, with how long a statement may take by the URL."""
    milliseconds = ceil(1000 * bound(address.options))
    return (*PINS, f"SET statement_timeout = {milliseconds}") if milliseconds else PINS


def arguments(address: Address) -> dict[str, Any]:
    """libpq's words for an address; options of the URL (sslmode and so on) pass through."""
    given: dict[str, Any] = {
        "host": address.host, "port": address.port or None, "user": address.username,
        "password": address.told(), "dbname": address.database,
    }  # fmt: skip
    defaults = {
        "application_name": "ropeway", "connect_timeout": "10", "keepalives_idle": "30",
        "keepalives_interval": "10", "keepalives_count": "3", "tcp_user_timeout": "60000",
    }  # fmt: skip
    options = {name: value for name, value in address.options.items() if name not in OPTIONS}
    return {**defaults, **{k: v for k, v in given.items() if v}, **options}


def connect(address: Address, pins: tuple[str, ...] = ()) -> psycopg.Connection[Row]:
    """An autocommit connection with its pins set. EngineError, without the password, if refused."""
    try:
        with CONNECTING:
            connection: psycopg.Connection[Row] = psycopg.connect(
                **arguments(address), autocommit=True, prepare_threshold=None
            )
        for pin in (*pins_of(address), *pins):
            connection.execute(pin)
    except psycopg.Error as error:
        raise EngineError(
            f"PostgreSQL at {address} refused: {redact(str(error).strip(), address)}",
            remedy="Check host, port, user, password and database of the URL.",
        ) from error
    return connection


class PostgreSqlSession:
    """A control connection."""

    def __init__(self, address: Address, pins: tuple[str, ...] = ()) -> None:
        self.connection = connect(address, pins)
        self.patience = patience(address.options)

    def watched(self) -> Silence:
        """Shuts the connection where the server is silent for too long."""
        return Silence(self.connection.fileno(), self.patience)

    def ask(self, sql: str) -> list[Row]:
        cursor = self.connection.execute(sql)
        rows: list[Row] = cursor.fetchall()
        return rows

    def execute(self, sql: str) -> int:
        return int(self.connection.execute(sql).rowcount)

    def begin(self) -> None:
        with self.watched():
            self.execute("BEGIN")

    def commit(self) -> None:
        with self.watched():
            self.execute("COMMIT")

    def rollback(self) -> None:
        if self.connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
            self.execute("ROLLBACK")

    def close(self) -> None:
        self.connection.close()


class PostgreSqlLoader(PostgreSqlSession):
    """Loads by COPY; claim, rows and receipt share the connection's transaction."""

    def __init__(self, address: Address) -> None:
        super().__init__(address, LOADER_PINS)
        self.ledger: Ledger = SqlLedger(Brief(self), WORDS)
        self._identity = lingering.identity(self)

    @property
    def lost(self) -> bool:
        """Whether the connection broke; its server may not know."""
        return self.connection.broken or (not self.connection.closed and hung_up(self.connection.fileno()))

    def end(self, by: PostgreSqlSession) -> None:
        """End on the server what is left of this session, through another."""
        lingering.end(self._identity, by)

    def load(self, hop: Hop, part: Slice, batches: Iterable[pa.RecordBatch]) -> int:
        del part
        schema = pa.schema([(column.target, column.type.arrow) for column in hop.columns])
        quoted = [double_quoted(column.target) for column in hop.columns]
        natives = [column.stored for column in hop.columns]
        with self.watched() as watch:
            return self._load(hop, schema, quoted, natives, watch.feeding(batches))

    def _load(
        self, hop: Hop, schema: pa.Schema, quoted: list[str], natives: list[str], batches: Iterable[pa.RecordBatch]
    ) -> int:
        if hop.leaves:
            shape = Shape.of(self.connection, quoted, schema, natives)
            names = [qualified(name) for name in hop.leaves.tables]
            return leaves.load(self.connection, qualified(hop.into), names, hop.leaves, shape, batches)
        return load(self.connection, qualified(hop.into), quoted, schema, natives, batches)

    def load_raw(self, hop: Hop, part: Slice, blocks: Iterable[bytes]) -> int:
        del part
        quoted = [double_quoted(column.target) for column in hop.columns]
        with self.watched() as watch:
            return load_raw(self.connection, qualified(hop.into), quoted, watch.feeding(blocks))

    def hold(self, name: str) -> bool:
        return bool(self.ask(f"SELECT pg_try_advisory_lock({lingering.lock_of(name)})")[0][0])

    def holding(self, name: str) -> str:
        """Which session of the server holds a table."""
        return lingering.holding(name, self)


def qualified(relation: Relation) -> str:
    """A quoted name with its schema."""
    schema = f"{double_quoted(relation.schema)}." if relation.schema else ""
    return schema + double_quoted(relation.table)


def alone(session: Asked, relation: Relation) -> str:
    """A table as a query reads its own rows: those of tables that inherit from it are theirs.

    A partitioned table has no rows of its own, and is read whole. Asked by its name, which takes no right: to_regclass
    takes USAGE on the schema, the lack of which is a blocker of its own.
    """
    name = qualified(relation)
    rows = session.ask(
        "SELECT c.relkind = 'p' FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        f"WHERE n.nspname = {text_literal(relation.schema)} AND c.relname = {text_literal(relation.table)}"
    )
    return name if not rows or rows[0][0] else f"ONLY {name}"
