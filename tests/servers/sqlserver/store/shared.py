"""Shared locks of whole tables until a transaction ends (TABLOCK, HOLDLOCK): who has one keeps others from writing.

They are of the database here, not of a table; so a statement waits where SQL Server might not.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..spoken import Refused

if TYPE_CHECKING:
    from .session import Session

ASKED = re.compile(r"\bWITH\s*\((?=[^)]*\bTABLOCK\b)(?=[^)]*\b(?:HOLDLOCK|SERIALIZABLE)\b)", re.IGNORECASE)
_POLL_S = 0.005


@dataclass
class Held:
    """The sessions that keep others from writing, and those that have written and not ended."""

    readers: set[Session] = field(default_factory=set)
    writers: set[Session] = field(default_factory=set)
    guard: threading.Lock = field(default_factory=threading.Lock)


def read(session: Session) -> None:
    """Keep others from writing, once those have ended that did."""
    held = session.kept.held

    def free() -> bool:
        if held.writers - {session}:
            return False
        held.readers.add(session)
        return True

    _wait(session, held, free)


def write(session: Session) -> None:
    """Begin to write, once nobody keeps others from it."""
    held = session.kept.held

    def free() -> bool:
        if held.readers - {session}:
            return False
        held.writers.add(session)
        return True

    _wait(session, held, free)


def leave(session: Session) -> None:
    held = session.kept.held
    with held.guard:
        held.readers.discard(session)
        held.writers.discard(session)


def _wait(session: Session, held: Held, free: Callable[[], bool]) -> None:
    ends = time.monotonic() + session.lock_timeout / 1000
    while True:
        with held.guard:
            if free():
                return
        if session.lock_timeout >= 0 and time.monotonic() >= ends:
            raise Refused(1222, "Lock request time out period exceeded.", state=45)
        session.wait(_POLL_S)
