"""The server: its databases, each a file of SQLite with its catalogue, its locks, and its troubles on request."""

from __future__ import annotations

import copy
import sqlite3
import threading
from dataclasses import dataclass, field
from pathlib import Path

from ...trouble import Locks, Narrow, Trouble
from ..spoken import Lost, Refused
from .catalogue import Catalogue
from .session import Session
from .shared import Held

_WAIT_S = 30.0  # for another's transaction


@dataclass
class Kept:
    """One database."""

    name: str
    number: int
    path: Path
    catalogue: Catalogue = field(default_factory=Catalogue)
    source: Kept | None = None  # of a snapshot
    snapshots_allowed: bool = True
    recovery: str = "SIMPLE"
    versions: int = 2000  # rowversion
    held: Held = field(default_factory=Held)
    users: set[str] = field(default_factory=set)
    granted: set[tuple[str, str, str]] = field(default_factory=set)  # to whom, what, the number of what it is on


class Database:
    """SQLite lets one session write at a time and gives every reader what was committed; so a statement waits where
    SQL Server might not, and none sees half of another's work.
    """

    version: tuple[int, ...] = (16, 0, 1000)

    def __init__(self, folder: Path, users: dict[str, str], databases: tuple[str, ...] = ("test",)) -> None:
        self.users = users
        self.folder: object = folder
        self.troubles: list[Trouble] = []
        self.narrowed: Narrow | None = None
        self.databases: dict[str, Kept] = {}
        self._folder, self._guard = folder, threading.RLock()
        self.locks = Locks()
        self._sessions = 50
        self.tempdb = Kept("tempdb", 2, folder / "sqlserver_tempdb.sqlite")
        first = connect(self.tempdb)
        first.execute("PRAGMA journal_mode = WAL")
        first.close()
        for name in ("master", *databases):
            self.create(name)

    def password(self, user: str) -> str | None:
        return self.users.get(user)

    def session(self, user: str, database: str) -> Session:
        found = self.databases.get((database or "master").lower())
        if found is None:
            raise Refused(
                4060, f'Cannot open database "{database}" requested by the login. The login failed.', severity=11
            )
        with self._guard:
            self._sessions += 1
            return Session(self, found, user, self._sessions)

    def kept(self, name: str) -> Kept:
        found = self.databases.get(name.lower())
        if found is None:
            raise Refused(911, f"Database '{name}' does not exist. Make sure that the name is entered correctly.")
        return found

    def create(self, name: str, source: str = "") -> None:
        """A database, or a snapshot of one."""
        with self._guard:
            if name.lower() in self.databases:
                raise Refused(1801, f"Database '{name}' already exists. Choose a different database name.", state=3)
            number = {"master": 1}.get(name, 4 + len(self.databases))
            made = Kept(name, number, self._folder / f"sqlserver_{name}.sqlite")
            first = connect(made)
            first.execute("PRAGMA journal_mode = WAL")
            if source:
                made.source = self.kept(source)
                made.catalogue = copy.deepcopy(made.source.catalogue)
                made.users, made.granted = made.source.users, made.source.granted
                original = connect(made.source)
                original.backup(first)
                original.close()
            first.close()
            self.databases[name.lower()] = made

    def drop(self, name: str) -> None:
        with self._guard:
            if name.lower() not in self.databases:
                raise Refused(3701, f"Cannot drop the database '{name}', because it does not exist or you do not have "
                                    "permission.", severity=11)  # fmt: skip
            del self.databases[name.lower()]

    def closed(self, session: Session) -> None:
        self.locks.left(session)

    # Misbehaviour

    def trouble(self, *given: object) -> None:
        """Add one, of these parts."""
        self.troubles.append(Trouble(*given))  # type: ignore[arg-type]

    def narrow(self, *given: object) -> None:
        """From now on transactions may change so many rows, or, of nothing said, any number."""
        self.narrowed = Narrow(*given) if given else None  # type: ignore[arg-type]

    def troubled(self, sql: str) -> None:
        """Do to a batch what was asked for."""
        for trouble in self.troubles:
            if trouble.meets(sql):
                severity = 13 if trouble.number == 1205 else 16
                raise Refused(trouble.number, trouble.text, severity=severity) if trouble.number else Lost


def connect(kept: Kept) -> sqlite3.Connection:
    made = sqlite3.connect(kept.path, timeout=_WAIT_S, isolation_level=None, check_same_thread=False)
    made.execute("PRAGMA synchronous = OFF")
    made.execute("PRAGMA temp_store = MEMORY")
    return made
