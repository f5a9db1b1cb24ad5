"""Listening, and what each connection is told.

A request is 3, the number of a function, a sequence number, and what the function asks. Before it may stand messages
that want no reply: 17, a number, a sequence number: cursors to close (105: pointer, count, cursors), LOBs to free (96),
the schema (152: pointer, name with two lengths), and names for the session (135: pointers and lengths of nine texts,
then those texts that are not empty) or for the application (154), which are read and forgotten.
"""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
import traceback
from collections.abc import Iterable

from ..spoken import Lost, Refused, Store
from . import execute, lobs, login
from .conduct import Conduct
from .directpath import Load
from .execute import Work
from .octets import Octets
from .outcome import error, status
from .packets import Gone, Interrupted, Line

FUNCTION, PIGGYBACK = 3, 17
REEXECUTE, FETCH, LOGOFF, COMMIT, ROLLBACK = 4, 5, 9, 14, 15
REEXECUTE_AND_FETCH, EXECUTE, LOB, PING = 78, 94, 96, 147
PREPARE, LOAD, END_LOAD = 128, 129, 130
CLOSE_CURSORS, NAMES, SCHEMA, CONTEXT = 105, 135, 152, 154
ENOUGH = 1 << 18  # octets of a reply that are sent before it is complete


class _Connection:
    """One client's conversation, from its first packet to its last."""

    def __init__(self, accepted: socket.socket, store: Store, conduct: Conduct) -> None:
        self.line = Line(accepted, conduct)
        self._store = store
        self._conduct = conduct
        self._login = login.Login(store, conduct.verifier)
        self._work: Work | None = None
        self._load: Load | None = None

    def run(self) -> None:
        try:
            if login.connect(self.line, self._store):
                while True:
                    self._turn()
        except (Gone, Lost, OSError):
            pass
        except Exception:
            # A request that the wire cannot read: the client sees its connection drop, the test's log says why.
            traceback.print_exc(file=sys.stderr)
        finally:
            self.line.close()
            self._close_session()

    def _close_session(self) -> None:
        work, self._work = self._work, None
        if work:
            work.session.close()

    def _turn(self) -> None:
        """A request and its reply."""
        function = 0
        try:
            asked = self.line.read()
            if self._conduct.drops(0):
                raise Lost
            try:
                function, pieces = self._begin(asked)
                self._reply(function, pieces)
            except Refused as refused:
                self._reply(function, [self._refusal(refused)])
        except Interrupted as interrupted:
            self.line.reset(interrupted.marker)
            cancelled = Refused(1013, "user requested cancel of current operation")
            self._reply(function, [self._refusal(cancelled)], at_once=True)

    def _refusal(self, refused: Refused) -> bytes:
        in_transaction = self._work is not None and self._work.in_transaction
        return error(refused, in_transaction=in_transaction, count=refused.done)

    def _reply(self, function: int, pieces: Iterable[bytes], *, at_once: bool = False) -> None:
        """Send a reply while it is made; an error in its midst ends it."""
        if not at_once:
            self.line.pause(self._conduct.delay)
        # All is counted before the client can know of its reply, or a test that waits for that would be too early.
        is_last = self._conduct.drops(1)
        is_lob = function == LOB
        self._conduct.count(trips=not is_lob, lob_trips=is_lob)
        ready = bytearray()
        for piece in self._until_refused(pieces):
            ready += piece
            if len(ready) >= ENOUGH or self._conduct.slow_rows:
                self.line.send(ready)
                ready.clear()
        if ready:
            self.line.send(ready)
        if is_last:
            raise Lost

    def _until_refused(self, pieces: Iterable[bytes]) -> Iterable[bytes]:
        try:
            yield from pieces
        except Refused as refused:
            yield self._refusal(refused)

    def _begin(self, asked: Octets) -> tuple[int, Iterable[bytes]]:
        """Read a request and do what it asks, of a query up to its first row."""
        while True:
            message = asked.byte()
            if message == login.PROTOCOL:
                asked.skip(2)
                while asked.byte():  # the client's name
                    pass
                return 0, [login.protocol()]
            if message == login.DATA_TYPES:
                return 0, [login.data_types(asked)]
            function, _ = asked.take(2)
            if message == FUNCTION:
                return function, self._function(function, asked)
            assert message == PIGGYBACK, f"a message that this server does not know: {message}"
            self._piggyback(function, asked)

    def _function(self, function: int, asked: Octets) -> Iterable[bytes]:
        if function == login.PHASE_ONE:
            return [self._login.challenge(asked)]
        if function == login.PHASE_TWO:
            session, welcome = self._login.check(asked)
            self._work, self._load = Work(session, self.line), Load(session)
            return [welcome]
        if function == LOGOFF:
            self._close_session()
            return [status(in_transaction=False)]
        assert self._work, "no request before the login"
        if function in (EXECUTE, REEXECUTE, REEXECUTE_AND_FETCH, FETCH):
            return self._statement(function, asked, self._work)
        done = self._other(function, asked, self._work)
        return [done + status(in_transaction=self._work.in_transaction)]

    def _statement(self, function: int, asked: Octets, work: Work) -> Iterable[bytes]:
        if function == EXECUTE:
            return execute.execute(asked, work)
        if function == FETCH:
            return execute.fetch_more(asked, work)
        return execute.execute_again(asked, work, fetches=function == REEXECUTE_AND_FETCH)

    def _other(self, function: int, asked: Octets, work: Work) -> bytes:
        """What ends in STATUS: the reply up to it."""
        assert self._load
        if function == LOB:
            return lobs.carry_out(lobs.read(asked), work.lobs)
        if function in (PREPARE, LOAD, END_LOAD):
            steps = {PREPARE: self._load.prepare, LOAD: self._load.stream, END_LOAD: self._load.end}
            return steps[function](asked)
        if function == COMMIT:
            work.commit()
        elif function == ROLLBACK:
            work.rollback()
        elif function != PING:
            raise Refused(3001, f"unimplemented feature: function {function}")
        return b""

    def _piggyback(self, function: int, asked: Octets) -> None:
        assert self._work, "nothing comes before the login"
        if function == CLOSE_CURSORS:
            asked.skip(1)
            for number in asked.numbers(asked.number()):
                self._work.cursors.pop(number, None)
        elif function == SCHEMA:
            asked.skip(1)
            self._work.session.schema = asked.lengths().decode()
        elif function == LOB:
            lobs.free(asked, self._work.lobs)
        elif function == NAMES:
            _skip_names(asked)
        elif function == CONTEXT:
            _skip_context(asked)
        else:
            raise AssertionError(f"a message that this server does not know: {function}")


def _skip_names(asked: Octets) -> None:
    asked.skip(2)
    asked.number()
    texts = 0
    for _ in range(9):
        asked.skip(1)
        texts += asked.number() > 0
    for _ in range(texts):
        asked.value()


def _skip_context(asked: Octets) -> None:
    asked.skip(1)
    asked.number()
    asked.skip(1)
    entries, _ = asked.numbers(2)
    asked.skip(1)
    asked.value()
    for _ in range(entries):
        asked.lengths()
        asked.lengths()
        asked.number()


class Server:
    """Connections to a store, on 127.0.0.1, each with a thread of its own."""

    def __init__(self, store: Store, conduct: Conduct, port: int = 0) -> None:
        self._store = store
        self._conduct = conduct
        self._socket = socket.create_server(("127.0.0.1", port))
        self.port: int = self._socket.getsockname()[1]
        self._open: set[_Connection] = set()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._accept, name="oracle-listener", daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                accepted, _ = self._socket.accept()
            except OSError:
                return
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            thread = threading.Thread(target=self._serve, args=(accepted,), name="oracle-session", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, accepted: socket.socket) -> None:
        connection = _Connection(accepted, self._store, self._conduct)
        with self._lock:
            self._open.add(connection)
        try:
            connection.run()
        finally:
            with self._lock:
                self._open.discard(connection)

    def close(self) -> None:
        """Listen no more, drop all connections, and wait until their sessions are closed, unless the store hangs."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._threads[0].join()
        with self._lock:
            connections = list(self._open)
        for connection in connections:
            connection.line.close()
        for thread in self._threads[1:]:
            thread.join(10)


def serve(store: Store, conduct: Conduct, port: int = 0) -> Server:
    """Begin to listen; `port` 0 takes any that is free."""
    return Server(store, conduct, port)
