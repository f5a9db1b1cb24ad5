"""The locks by which a run holds its tables: GET_LOCK's, which are the server's and go with their session."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from ...schema.readings import readings
from . import lingering

if TYPE_CHECKING:
    from .session import MySqlSession

_SEVERAL = (5, 7, 5)  # from then on a session of MySQL may have more than one; MariaDB's from 10.0.2 on


class Locks:
    """What one loader holds; where a session may have one lock only, each beside it has one of its own."""

    def __init__(self, session: MySqlSession, another: Callable[[], MySqlSession]) -> None:
        self._session, self._another = session, another
        self._held: dict[str, MySqlSession] = {}
        self._beside: list[tuple[MySqlSession, lingering.Identity]] = []
        self._home = ""
        self._folds = self._alone = False

    def hold(self, name: str) -> bool:
        """Take a table by each of its names; what was taken before stays where one is another's."""
        return all(self._take(lock) for lock in self._named(name))

    def others(self, name: str) -> list[str]:
        """The locks of a table that are not held here."""
        return [lock for lock in self._named(name) if lock not in self._held]

    @property
    def identities(self) -> list[lingering.Identity]:
        return [identity for _, identity in self._beside]

    def close(self) -> None:
        for session, _ in self._beside:
            session.close()

    def _take(self, lock: str) -> bool:
        if lock in self._held:
            return True
        session = self._next() if self._alone and self._held else self._session
        if session.ask(f"SELECT GET_LOCK('{lock}', 0)")[0][0] != 1:
            return False
        self._held[lock] = session
        return True

    def _next(self) -> MySqlSession:
        """A session that has no lock."""
        free = [session for session, _ in self._beside if session not in self._held.values()]
        if free:
            return free[0]
        made = self._another()
        self._beside.append((made, lingering.identity(made)))
        return made

    def _named(self, name: str) -> list[str]:
        """Lock names are the server's, up to 64 characters: the database belongs into each."""
        if not self._home:
            ((home, version, cased),) = self._session.ask(
                "SELECT COALESCE(DATABASE(), ''), VERSION(), @@lower_case_table_names"
            )
            numbers = tuple(int(part) for part in str(version).partition("-")[0].split("."))
            self._home, self._folds = f"{home}", bool(int(str(cased)))
            self._alone = "mariadb" not in str(version).lower() and numbers < _SEVERAL
        found = [(one.schema, one.table) for one in readings(name, self._home)]
        texts = [f"{schema}\0{table}".lower() if self._folds else f"{schema}\0{table}" for schema, table in found]
        return [f"ropeway {hashlib.sha256(text.encode()).hexdigest()[:40]}" for text in dict.fromkeys(texts)]
