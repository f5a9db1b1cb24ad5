"""Connections on which nothing comes any more, though their peer is there as far as TCP can tell.

While rows are read or loaded the server is given so many seconds for its next sign of life; then the socket is shut, so
that whoever waits on it, in a driver's C code too, gets the driver's own error of a lost connection. Statements that
may take long by their nature (indexes, checksums) are not timed.
"""

from __future__ import annotations

import os
import select
import socket
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Protocol, Self, TypeVar

from .errors import RequestError

Item = TypeVar("Item")
OPTION, LIMIT = OPTIONS = ("read_timeout", "statement_timeout")  # of a URL
_USUAL_S = 3600.0
# The system looks after an idle connection, and gives up on bytes that nobody acknowledges, in about a minute.
IDLE_S, EVERY_S, COUNT = 30, 10, 3


def patience(options: Mapping[str, str]) -> float:
    """The seconds for which a server may be silent, by its URL. RequestError for what are none."""
    return _seconds(OPTION, options.get(OPTION, str(_USUAL_S)))


def bound(options: Mapping[str, str]) -> float:
    """The seconds that a statement may take, by the URL: the server ends it then. 0 where nobody said any."""
    return _seconds(LIMIT, options[LIMIT]) if LIMIT in options else 0


def _seconds(option: str, word: str) -> float:
    with suppress(ValueError):
        if 0 < float(word) < float("inf"):
            return float(word)
    raise RequestError(f"{option}={word} is no number of seconds.", remedy=f"Write {option}=600, say.")


def kept_alive(connection: socket.socket) -> None:
    """Have the system find out that the peer of a connection is gone, where it can."""
    with suppress(OSError, AttributeError):  # a socket of files; a system that has no such option
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, IDLE_S)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, EVERY_S)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, COUNT)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1000 * (IDLE_S + COUNT * EVERY_S))


def hung_up(fileno: int) -> bool:
    """Whether the other end of a connection has closed it, though nobody has looked yet."""
    poll = select.poll()
    poll.register(fileno, select.POLLRDHUP)
    return bool(poll.poll(0))


class Silence:
    """Shuts a socket once its peer was waited for so many seconds. A negative number is no socket."""

    def __init__(self, fileno: int, seconds: float) -> None:
        self._seconds = seconds
        # A descriptor of our own: by the time that it is shut, the number may be another connection's.
        self._socket = socket.socket(fileno=os.dup(fileno)) if fileno >= 0 else None
        self._changed = threading.Condition()
        self._until: float | None = time.monotonic() + seconds
        self._ended = False

    def __enter__(self) -> Self:
        if self._socket:
            threading.Thread(target=self._watch, name="ropeway-silence", daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify()
        if self._socket:
            self._socket.close()

    def _watch(self) -> None:
        with self._changed:
            while not self._ended:
                left = None if self._until is None else self._until - time.monotonic()
                if left is not None and left <= 0:
                    assert self._socket  # noqa: S101 - or there is no such thread
                    with suppress(OSError):  # closed meanwhile
                        self._socket.shutdown(socket.SHUT_RDWR)
                    return
                self._changed.wait(left)

    def _waits(self, *, waits: bool) -> None:
        with self._changed:
            self._until = time.monotonic() + self._seconds if waits else None
            self._changed.notify()

    def reading(self, items: Iterable[Item]) -> Iterator[Item]:
        """What comes from the server, which is waited for but while the items are used."""
        for item in items:
            self._waits(waits=False)
            yield item
            self._waits(waits=True)

    def feeding(self, items: Iterable[Item]) -> Iterator[Item]:
        """What goes to the server, which is waited for but while the items are made."""
        self._waits(waits=False)
        for item in items:
            self._waits(waits=True)
            yield item
            self._waits(waits=False)
        self._waits(waits=True)


class Watched(Protocol):
    """A session that can be watched."""

    def ask(self, sql: str) -> list[tuple[object, ...]]: ...

    def execute(self, sql: str) -> int: ...

    def watched(self) -> Silence: ...


class Brief:
    """A session for statements that are short by their nature: the ledger's."""

    def __init__(self, session: Watched) -> None:
        self._session = session

    def ask(self, sql: str) -> list[tuple[object, ...]]:
        with self._session.watched():
            return self._session.ask(sql)

    def execute(self, sql: str) -> int:
        with self._session.watched():
            return self._session.execute(sql)
