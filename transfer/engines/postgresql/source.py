"""Reading PostgreSQL: readers that share one exported snapshot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import psycopg
import pyarrow as pa

from ...engine import Row
from ...errors import AnotherServer, EngineError, Refused
from ...place import Address, redact
from ...plan import Cut, Hop, Slice
from ...schema.catalogue import Relation
from ...schema.sql import count, select, with_texts
from ...silence import Silence
from ...unfit import Unread
from .copy import cancel_reader, close_reader, open_reader, read, socket_of
from .raw import read_raw
from .server import BEGAN, check, server
from .session import PostgreSqlSession, alone, arguments, pins_of

if TYPE_CHECKING:
    import adbc_driver_postgresql.dbapi as adbc

    from . import PostgreSql

_WIDEST = 1_664  # columns of a query
_BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"


@dataclass(frozen=True)
class _Alone:
    """The engine's spelling for queries that read: a table without those that inherit from it."""

    engine: PostgreSql
    session: PostgreSqlSession

    def quote(self, name: str) -> str:
        return self.engine.quote(name)

    def literal(self, value: object) -> str:
        return self.engine.literal(value)

    def relation(self, relation: Relation) -> str:
        return alone(self.session, relation)

    def condition(self, cut: Cut) -> str:
        return self.engine.condition(cut)


class PostgreSqlReader:
    """One connection inside the source's snapshot; bulk reading has a connection of its own kind."""

    def __init__(self, engine: PostgreSql, address: Address, snapshot: str, known: str) -> None:
        self._engine = engine
        self._known = known  # the server that it is to be on
        self._session = PostgreSqlSession(address)
        self._spelling = _Alone(engine, self._session)
        self._snapshot = snapshot
        self._address = address
        self._check()
        self._bulk: adbc.Connection | None = None
        self.passed = 0  # rows of what is read undecoded, see transfer/undecoded.py
        self._join(self._session)

    def _check(self) -> None:
        try:
            check(server(self._session), self._known, self._address)
        except BaseException:
            self._session.close()
            raise

    def _join(self, session: PostgreSqlSession) -> None:
        if not self._snapshot:
            return
        session.execute(_BEGIN)
        try:
            session.execute(f"SET TRANSACTION SNAPSHOT '{self._snapshot}'")
        except psycopg.Error as error:
            session.close()
            raise EngineError(
                f"PostgreSQL at {self._address}: a second connection could not join the snapshot ({error}).",
                remedy="A pooler between us and the server (PgBouncer, a proxy) breaks exported snapshots: "
                "connect to the server itself, or use --workers 1 or --consistency none.",
            ) from error

    def ready(self) -> None:
        """Open now what the rows will need: fewer readers are still to be had. Refused where there is no room."""
        try:
            self._bulk_connection()
        except psycopg.Error as error:
            told = redact(str(error).strip(), self._address)
            raise Refused(f"PostgreSQL at {self._address} refused: {told}") from error

    def _bulk_connection(self) -> adbc.Connection:
        if self._bulk is None:
            pins = list(pins_of(self._address))
            if self._snapshot:
                pins += [_BEGIN, f"SET TRANSACTION SNAPSHOT '{self._snapshot}'"]
            bulk = open_reader(arguments(self._address), pins)
            try:
                with closing(bulk.cursor()) as cursor:
                    cursor.execute(BEGAN)
                    check(f"begun at {cursor.fetchall()[0][0]}", self._known, self._address)
            except BaseException:
                close_reader(bulk)
                raise
            self._bulk = bulk
        return self._bulk

    def read(
        self, hop: Hop, part: Slice, batch_bytes: int, unread: Unread | None = None
    ) -> Iterator[pa.RecordBatch]:  # fmt: skip
        schema = pa.schema([(column.target, column.type.arrow) for column in hop.columns])
        bulk = self._bulk_connection()
        with Silence(socket_of(bulk), self._session.patience) as watch:
            asked = select(self._spelling, with_texts(self._engine, hop) if unread else hop, part)
            yield from watch.reading(read(bulk, asked, schema, batch_bytes, hop.key, unread))

    def readable(self, hop: Hop, part: Slice, batch_bytes: int, unread: Unread) -> Iterator[pa.RecordBatch]:
        """The rows that can be read; of a table that is too wide to be asked for twice, all, or an error."""
        yield from self.read(hop, part, batch_bytes, unread if 2 * len(hop.columns) <= _WIDEST else None)

    def raw(self, hop: Hop, part: Slice) -> Iterator[bytes]:
        # Undecoded means unprojected: the target's columns have the source's own types.
        plain = [replace(c, project=self._engine.quote(c.source)) for c in hop.columns]
        query = select(self._spelling, replace(hop, columns=tuple(plain)), part)
        self.passed = 0
        with self._session.watched() as watch:
            yield from watch.reading(read_raw(self._session.connection, query, self._count))

    def _count(self, rows: int) -> None:
        self.passed += rows

    def ask(self, sql: str) -> list[Row]:
        """An error ends the transaction; the snapshot is the leader's, and the next one sees the same."""
        try:
            return self._session.ask(sql)
        except psycopg.Error:
            if self._snapshot and not self._session.connection.closed:
                self._session.rollback()
                self._join(self._session)
            raise

    def count(self, hop: Hop) -> int:
        return int(str(self.ask(count(self._spelling, hop))[0][0]))

    def cancel(self) -> None:
        if self._bulk is not None:
            cancel_reader(self._bulk)
        with suppress(psycopg.Error):
            self._session.connection.cancel_safe(timeout=5)

    def close(self) -> None:
        if self._bulk is not None:
            close_reader(self._bulk)
        self._session.close()


class PostgreSqlSource:
    """A leader holds the snapshot open; every reader imports it."""

    survives = False

    def __init__(
        self, engine: PostgreSql, address: Address, hops: Sequence[Hop], consistency: str, readers: int
    ) -> None:  # fmt: skip
        self._leader = PostgreSqlSession(address)
        self._watch: PostgreSqlSession | None = None
        self._engine, self._address = engine, address
        self._server = server(self._leader)
        snapshot = ""
        if consistency in ("run", "table"):
            self._leader.execute(_BEGIN)
            snapshot = str(self._leader.ask("SELECT pg_export_snapshot()")[0][0])
        self._snapshot = snapshot
        self.instant = self._instant(snapshot)
        self._readers: list[PostgreSqlReader] = []
        try:
            for _ in range(readers):
                self._readers.append(self._reader())
            if readers > 1 and not all(hop.raw for hop in hops):
                for reader in self._readers:
                    reader.ready()
        except BaseException:
            self.close()
            raise

    def _reader(self) -> PostgreSqlReader:
        return PostgreSqlReader(self._engine, self._address, self._snapshot, self._server)

    def _instant(self, snapshot: str) -> str:
        ((seen, where, when),) = self._leader.ask(
            "SELECT pg_current_snapshot()::text, CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() "
            "ELSE pg_current_wal_lsn() END::text, now()::text"
        )
        return f"postgresql {'snapshot' if snapshot else 'from'} {seen} near {where} at {when}"

    def readers(self) -> Sequence[PostgreSqlReader]:
        return self._readers

    def renewed(self, reader: PostgreSqlReader) -> PostgreSqlReader | None:
        """A reader in the place of one whose connection was lost: the snapshot is there as long as its leader is.

        AnotherServer where the connection leads to another one now.
        """
        try:
            with self._leader.watched():
                self._leader.ask("SELECT 1")
            made = self._reader()
            self._readers[self._readers.index(reader)] = made
            reader.close()
        except AnotherServer:
            raise
        except (psycopg.Error, EngineError):
            return None
        return made

    def mark(self) -> str:
        """The server's current snapshot: any transaction that wrote, in any database, changes it."""
        if self._watch is None:
            self._watch = PostgreSqlSession(self._address)
            check(server(self._watch), self._server, self._address)
        return str(self._watch.ask("SELECT pg_current_snapshot()::text")[0][0])

    def close(self) -> None:
        for reader in self._readers:
            reader.close()
        if self._watch:
            self._watch.close()
        self._leader.close()
