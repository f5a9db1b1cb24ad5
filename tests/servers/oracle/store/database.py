"""The database: one file of SQLite, what it knows of itself, its instants, and what it does wrong when told to."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ...trouble import Locks, Narrow, Trouble
from ..spoken import Column, Encoded, Lost, Refused, Row
from .catalogue import Catalogue
from .dictionary import Dictionary
from .session import Session, register
from .values import Stored

_WAIT_S = 30.0  # for another's transaction


class Instant:
    """The database as it was, for all sessions. One at a time: SQLite's own lock of a connection is waited for with
    Python's lock in hand, which a function of ours that the holder calls waits for.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()

    def rows(self, text: str, given: Sequence[Stored]) -> list[Any]:
        """All rows of a query."""
        with self._lock, closing(self._connection.execute(text, given)) as cursor:
            return cursor.fetchall()

    def close(self) -> None:
        with self._lock:
            self._connection.close()


class Database:
    """SQLite lets one session write at a time and gives every reader what was committed; so a statement waits where
    in Oracle it might not, and none sees half of another's work.

    An SCN that was asked for is kept by a connection of its own, whose transaction began then: `AS OF SCN` reads there.
    """

    version: tuple[int, ...] = (19, 3, 0, 0, 0)
    service = "TEST"

    def __init__(self, folder: Path, users: dict[str, str]) -> None:
        self.catalogue = Catalogue()
        self.catalogue.users.update(users)
        self.catalogue.privileges = {user: {"ALL"} for user in users}
        self.dictionary = Dictionary(self)
        self.troubles: list[Trouble] = []
        self.narrowed: Narrow | None = None
        self.undo_retention = 900
        self.partitioning = True  # the option
        self.charset = "AL32UTF8"  # as it is called; texts are whole
        self.encode: Callable[[Sequence[Column], Sequence[Row]], Encoded] | None = None
        self.replayed: dict[tuple[str, int], list[Row | Encoded]] | None = None
        self._path = folder / "oracle.sqlite"
        self._scn = 1_000_000
        self.dbid, self.reset_at = 1_234_567_890, 1  # whose incarnation began at this SCN
        self._instants: dict[int, Instant] = {}
        self._passed: dict[int, datetime] = {}
        self.locks = Locks()
        self._guard = threading.RLock()
        self._sessions = 0
        with self.connect() as first:
            first.execute("PRAGMA journal_mode = WAL")
        first.close()

    def option(self, has: bool) -> None:
        """Have the Partitioning option, or not."""
        self.partitioning = has

    def password(self, user: str) -> str | None:
        return self.catalogue.users.get(user)

    def session(self, user: str) -> Session:
        with self._guard:
            self._sessions += 1
            number = self._sessions
        return Session(self, user, number)

    def connect(self) -> sqlite3.Connection:
        made = sqlite3.connect(self._path, timeout=_WAIT_S, isolation_level=None, check_same_thread=False)
        made.execute("PRAGMA synchronous = OFF")
        made.execute("PRAGMA temp_store = MEMORY")
        register(made)
        return made

    # Instants

    def commit(self, connection: sqlite3.Connection) -> None:
        with self._guard:
            connection.execute("COMMIT")
            self._scn += 1

    @property
    def next_scn(self) -> int:
        return self._scn + 1

    def pinned(self) -> int:
        """The SCN of now, at which tables can be read from now on."""
        with self._guard:
            if self._scn not in self._instants:
                self._instants[self._scn] = self._kept()
                self._passed[self._scn] = datetime.now()
            return self._scn

    def _kept(self) -> Instant:
        kept = self.connect()
        kept.execute("BEGIN")
        kept.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        return Instant(kept)

    def passed(self, scn: int) -> datetime:
        """When an SCN was reached. ORA-08181 where nobody knows."""
        if scn not in self._passed:
            raise Refused(8181, "specified number is not a valid system change number")
        return self._passed[scn]

    def restore(self, seconds: int = 0) -> None:
        """The database was restored with RESETLOGS to before all SCNs that are kept, and passed them again later, by so
        many seconds: what they show then is what is there now.
        """
        with self._guard:
            self.reset_at = min(self._instants, default=self._scn) - 1
            for scn, before in self._instants.items():
                before.close()
                self._instants[scn] = self._kept()
                self._passed[scn] += timedelta(seconds=seconds)

    def at(self, scn: int) -> Instant:
        """What sees an instant. ORA-01555 if it is not kept (any more)."""
        with self._guard:
            found = self._instants.get(scn)
        if found is None:
            raise Refused(1555, 'snapshot too old: rollback segment number 1 with name "_SYSSMU1$" too small')
        return found

    def forget(self) -> None:
        """Undo is gone: no instant of before can be read."""
        with self._guard:
            for kept in self._instants.values():
                kept.close()
            self._instants.clear()

    def closed(self, session: Session) -> None:
        self.locks.left(session)

    def replay(self) -> None:
        """From now on send what is read at an instant as it was sent before: then the server costs hardly anything."""
        self.replayed = {}

    # Misbehaviour

    def enrol(self, user: str, role: str) -> None:
        self.catalogue.roles.append((user, role))

    def police(self, owner: str, table: str, policy: str) -> None:
        """Say of a policy that hides rows; it hides none here."""
        self.catalogue.policies.append((owner, table, policy))

    def call_charset(self, name: str) -> None:
        """Say that texts are kept in another character set."""
        self.charset = name

    def redact(self, owner: str, table: str, policy: str, column: str) -> None:
        """Say of a policy that changes a column's values; it changes none here."""
        self.catalogue.redactions.append((owner, table, policy, column))

    def trouble(self, *given: object) -> None:
        """Add one, of these parts."""
        self.troubles.append(Trouble(*given))  # type: ignore[arg-type]

    def narrow(self, *given: object) -> None:
        """From now on transactions may change so many rows, or, of nothing said, any number."""
        self.narrowed = Narrow(*given) if given else None  # type: ignore[arg-type]

    def troubled(self, sql: str) -> None:
        """Do to a statement what was asked for."""
        for trouble in self.troubles:
            if trouble.meets(sql):
                raise Refused(trouble.number, trouble.text) if trouble.number else Lost
