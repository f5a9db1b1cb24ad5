"""Shared locks of whole tables until a transaction ends (TABLOCK, HOLDLOCK): who has one keeps others from writing.

It waits for all that others have written in the database and not ended; so it waits where SQL Server might not.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlglot import exp

from ..spoken import Refused

if TYPE_CHECKING:
    from .catalogue import Table
    from .session import Session

ASKED = re.compile(r"\bWITH\s*\((?=[^)]*\bTABLOCK\b)(?=[^)]*\b(?:HOLDLOCK|SERIALIZABLE)\b)", re.IGNORECASE)
_POLL_S = 0.005


@dataclass
class Held:
    """Who keeps others from writing, with the numbers of tables; and who has written and not ended."""

    readers: dict[Session, set[int]] = field(default_factory=dict)
    writers: set[Session] = field(default_factory=set)
    guard: threading.Lock = field(default_factory=threading.Lock)


def read(session: Session, tree: exp.Expression) -> None:
    """Keep others from writing the tables of a query, once those have ended that wrote."""
    held = session.kept.held
    found = [session.catalogue.found(one.db, one.name) for one in tree.find_all(exp.Table)]
    numbers = {one.number for one in found if one}

    def free() -> bool:
        if held.writers - {session}:
            return False
        held.readers.setdefault(session, set()).update(numbers)
        return True

    _wait(session, held, free)


def write(session: Session, table: Table | None) -> None:
    """Begin to write a table, or what is none, once nobody keeps others from it."""
    held = session.kept.held

    def free() -> bool:
        if any(table is None or table.number in of for one, of in held.readers.items() if one is not session):
            return False
        held.writers.add(session)
        return True

    _wait(session, held, free)


def leave(session: Session) -> None:
    held = session.kept.held
    with held.guard:
        held.readers.pop(session, None)
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
