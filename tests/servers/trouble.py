"""What test servers do alike: what goes wrong on request, and locks that go with their session."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass


@dataclass
class Trouble:
    """What a statement that matches gets instead of being carried out: an error, or with 0 a lost connection."""

    pattern: str
    number: int
    text: str = "on request"
    times: int = 1
    after: int = 0  # so many that match go well before

    def meets(self, sql: str) -> bool:
        """Whether it is this statement's turn."""
        if not self.times or not re.search(self.pattern, sql, re.IGNORECASE):
            return False
        if self.after:
            self.after -= 1
            return False
        self.times -= 1
        return True


@dataclass(frozen=True)
class Narrow:
    """How many rows a transaction may change, and what it gets that changes more."""

    rows: int
    number: int
    text: str


class Locks:
    """Names, each held by one session at most."""

    def __init__(self) -> None:
        self._holders: dict[str, object] = {}
        self._guard = threading.Lock()

    def take(self, name: str, session: object) -> bool:
        """Whether the session has it now, taken before or not."""
        with self._guard:
            return self._holders.setdefault(name, session) is session

    def release(self, name: str, session: object) -> bool:
        """False if it was not this session's."""
        with self._guard:
            if self._holders.get(name) is not session:
                return False
            del self._holders[name]
            return True

    def left(self, session: object) -> None:
        """A session is gone, and all that it held with it."""
        with self._guard:
            self._holders = {name: holder for name, holder in self._holders.items() if holder is not session}
