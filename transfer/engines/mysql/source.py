"""Reading MySQL and MariaDB: readers that all began at one position of the log, or under one lock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import pyarrow as pa
import pymysql

from ...engine import Row
from ...errors import EngineError
from ...place import Address
from ...plan import Hop, Slice
from ...schema.sql import count, source_of, where_of
from ...unfit import Unread
from .server import check, server
from .session import MySqlSession, qualified
from .wire import read

if TYPE_CHECKING:
    from . import MySql

_SNAPSHOT = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"
_PINS = ("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",)
_POSITION_TRIES = 5
_LOCK_TRIES = 3
# What grows with each logged transaction: MariaDB's set, which needs no privilege; MySQL's log position, under its
# newer (8.4) and older name; MySQL's set, which stands still while gtid_mode is off.
_MARKS = (
    "SELECT @@gtid_binlog_pos, '' FROM dual WHERE @@log_bin",
    "SHOW BINARY LOG STATUS",
    "SHOW MASTER STATUS",
    "SELECT @@gtid_executed, '' FROM dual WHERE @@log_bin AND @@gtid_mode = 'ON'",
)


class MySqlReader:
    """One connection, inside a snapshot where the consistency asks for one."""

    def __init__(self, engine: MySql, address: Address) -> None:
        self._engine = engine
        self._address = address
        self.session = MySqlSession(address, _PINS)
        self.server = server(self.session)
        self._killed = False

    def start(self) -> None:
        """Begin the snapshot; beginning again ends the one before."""
        self.session.execute("ROLLBACK")
        self.session.execute(_SNAPSHOT)

    def position(self) -> str:
        """Where in the binary log this snapshot stands; '' where the server does not say."""
        rows = self.session.ask("SHOW STATUS LIKE 'binlog_snapshot_%'")
        said = {str(name).lower(): str(value) for name, value in rows}
        file = said.get("binlog_snapshot_file", "")
        return f"{file}:{said.get('binlog_snapshot_position', '')}" if file else ""

    def read(
        self, hop: Hop, part: Slice, batch_bytes: int, unread: Unread | None = None
    ) -> Iterator[pa.RecordBatch]:  # fmt: skip
        self._outlive()
        schema = pa.schema([(column.target, column.type.arrow) for column in hop.columns])
        with self.session.watched() as watch:
            yield from watch.reading(
                read(self.session.connection, self._select(hop, part), schema, batch_bytes, hop.key, unread)
            )

    readable = read  # one protocol, in which every value comes as its text

    def _select(self, hop: Hop, part: Slice) -> str:
        quote = self._engine.quote
        columns = ", ".join(f"{c.project} AS {quote(c.target)}" for c in hop.columns)
        # Left to itself the optimiser reads the whole table for each range above about a third of it.
        forced = " FORCE INDEX (PRIMARY)" if part.cut.kind == "range" and not hop.query else ""
        limit = f" LIMIT {hop.limit}" if hop.limit else ""
        where = where_of(self._engine, hop, part)
        partition = f" PARTITION ({quote(part.cut.part)})" if part.cut.kind == "part" else ""
        return f"SELECT {columns} FROM {source_of(self._engine, hop)}{partition}{forced}{where}{limit}"

    def raw(self, hop: Hop, part: Slice) -> Iterator[bytes]:
        raise EngineError("The MySQL family has no raw form.")

    def ask(self, sql: str) -> list[Row]:
        self._outlive()
        return self.session.ask(sql)

    def count(self, hop: Hop) -> int:
        return int(str(self.ask(count(self._engine, hop))[0][0]))

    def cancel(self) -> None:
        """KILL QUERY from a second connection: the stream then ends with an error at once."""
        with suppress(pymysql.Error, EngineError):
            killer = MySqlSession(self._address)
            try:
                check(server(killer), self.server, self._address)  # there somebody else has that number
                number = self.session.connection.thread_id()  # type: ignore[no-untyped-call]  # PyMySQL's
                killer.execute(f"KILL QUERY {number}")
            finally:
                killer.close()
        self._killed = True

    def _outlive(self) -> None:
        """A KILL QUERY that came after its query's end ends the next statement: let that be one that nobody misses."""
        if self._killed:
            self._killed = False
            with suppress(pymysql.Error):
                self.session.execute("DO 0")

    def close(self) -> None:
        with suppress(pymysql.Error, OSError):
            self.session.close()


class MySqlSource:
    """Readers opened together; the instant says how their equality was had."""

    survives = False

    def __init__(self, engine: MySql, address: Address, hops: Sequence[Hop], consistency: str, count_: int) -> None:
        self._engine, self._address = engine, address
        self._alone = consistency not in ("run", "table")  # no reader has a snapshot
        self._watch: MySqlSession | None = None
        self._frozen = ""  # the first mark
        self._readers = [MySqlReader(engine, address) for _ in range(count_)]
        try:
            for reader in self._readers:
                check(reader.server, self._readers[0].server, address)
            how = self._align(hops) if consistency in ("run", "table") else f"without a snapshot ({consistency})"
        except BaseException:
            self.close()
            raise
        ((now,),) = self._readers[0].ask("SELECT CAST(NOW(6) AS CHAR)")
        self.instant = f"{engine.name} {how} at {now} UTC"

    def _align(self, hops: Sequence[Hop]) -> str:
        if len(self._readers) == 1:
            self._readers[0].start()
            return f"one snapshot, {self._readers[0].position() or 'no log position'}"
        for _ in range(_POSITION_TRIES):
            for reader in self._readers:
                reader.start()
            positions = {reader.position() for reader in self._readers}
            if "" in positions:
                break
            if len(positions) == 1:
                return f"snapshots at {positions.pop()}"
        return self._under_a_lock(hops)

    def _under_a_lock(self, hops: Sequence[Hop]) -> str:
        tables = ", ".join(f"{qualified(hop.reads)} READ" for hop in hops if not hop.query)
        refusals = []
        for lock, word in (("FLUSH TABLES WITH READ LOCK", "a read lock"), (f"LOCK TABLES {tables}", "table locks")):
            for _ in range(_LOCK_TRIES):
                holder = MySqlSession(self._address)
                try:
                    check(server(holder), self._readers[0].server, self._address)
                    holder.execute("SET lock_wait_timeout = 3")
                    holder.execute(lock)
                    for reader in self._readers:
                        reader.start()
                except pymysql.Error as error:
                    refusals.append(f"{lock.split(' `')[0]}: {error}")
                else:
                    return f"snapshots begun under {word}, {self._readers[0].position() or 'no log position'}"
                finally:
                    holder.close()
        raise EngineError(
            f"No common instant for {len(self._readers)} readers of {self._address}: "
            + "; ".join(dict.fromkeys(refusals)),
            remedy="Grant RELOAD or LOCK TABLES, turn the binary log on (MariaDB), or use --workers 1, "
            "--consistency frozen or --consistency none.",
        )

    def readers(self) -> Sequence[MySqlReader]:
        return self._readers

    def renewed(self, reader: MySqlReader) -> MySqlReader | None:
        """A reader in the place of one whose connection was lost, and with it its snapshot, if it had one.

        AnotherServer where the connection leads to another one now, EngineError where it has been written to.
        """
        made = None
        with suppress(pymysql.Error, EngineError):
            made = MySqlReader(self._engine, self._address) if self._alone else None
        if made is None:
            return None
        try:
            check(made.server, reader.server, self._address)
            if self._frozen and (now := _marked(made.session)) != self._frozen:
                raise EngineError(
                    f"{self._address}: a reader was lost, and the server says {now or 'nothing'} now, where it said "
                    f"{self._frozen}: it was written to, though --consistency frozen was asked for.",
                    remedy="Stop its writers and go on with --resume, or choose --consistency run.",
                )
        except BaseException:
            made.close()
            raise
        self._readers[self._readers.index(reader)] = made
        reader.close()
        return made

    def mark(self) -> str:
        """How far the server of the readers has logged; without a log nothing can be proven."""
        if self._watch is None or not self._watch.connection.open:
            self._watch = MySqlSession(self._address)
            check(server(self._watch), self._readers[0].server, self._address)
        found = _marked(self._watch)
        self._frozen = self._frozen or found
        return found

    def close(self) -> None:
        for reader in self._readers:
            reader.close()
        if self._watch:
            self._watch.close()


def _marked(session: MySqlSession) -> str:
    for question in _MARKS:
        with suppress(pymysql.Error):
            for first, second, *_ in session.ask(question):
                if first:
                    return f"{first} {second}"
    return ""
