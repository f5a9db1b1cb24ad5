"""The server: a thread for each connection, which reads a request, asks the store, and replies.

It logs connections in (`login`), then lets `talk` answer what they ask. A packet with the reset bit comes from a pool
that gives a connection to another user: the session is closed, and a new one opened as at the login.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from pathlib import Path

from ..spoken import Lost, Refused, Session, Store
from . import login
from .conduct import Conduct
from .packets import LOGIN, PRELOGIN, RESET, Cancelled, Line, Packet
from .talk import Talk

_LOGIN_FAILED = 18456


class Server:
    """Listens on 127.0.0.1 until it is closed."""

    def __init__(self, store: Store, conduct: Conduct, port: int, context: ssl.SSLContext | None) -> None:
        self._store, self._conduct, self._context = store, conduct, context
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port: int = self._listener.getsockname()[1]
        self._lines: dict[threading.Thread, Line] = {}
        self._accepting = threading.Thread(target=self._accept, name="sqlserver", daemon=True)
        self._accepting.start()

    def close(self) -> None:
        """Drop all connections; their sessions are closed when this returns."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._accepting.join()
        for thread, line in list(self._lines.items()):
            line.close()
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return  # closed
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            line = Line(peer, self._conduct)
            thread = threading.Thread(target=self._attend, args=(line,), name="sqlserver connection", daemon=True)
            self._lines[thread] = line
            thread.start()

    def _attend(self, line: Line) -> None:
        try:
            # The socket may be closed under us by `close`: OSError.
            with contextlib.suppress(OSError, Lost, Cancelled):
                self._converse(line)
        finally:
            line.close()
            self._lines.pop(threading.current_thread(), None)

    def _converse(self, line: Line) -> None:
        asked = self._asked(line)
        try:
            session = self._session(asked)
        except Refused as refused:
            self._say(line, login.refusal(asked.user, refused if refused.number != _LOGIN_FAILED else None))
            return
        talk = Talk(line, session, self._conduct)
        try:
            line.number = session.number
            self._say(line, login.login_reply(asked, session.database, self._store.version))
            line.size = asked.packet_size
            while True:
                first = line.packet()
                if first.status & RESET:
                    talk.session.close()
                    talk.adopt(self._session(asked))
                talk.answer(first)
        finally:
            talk.session.close()

    def _asked(self, line: Line) -> login.Login:
        """PRELOGIN and its reply, TLS, LOGIN7."""
        prelogin = line.rest(_expected(line.packet(), PRELOGIN))
        self._admit()
        encrypt = login.agreed(login.encryption(prelogin), certificate=self._context is not None)
        self._say(line, login.prelogin_reply(self._store.version, encrypt))
        if self._context is not None:
            line.secure(self._context)
        data = line.rest(_expected(line.packet(), LOGIN))
        self._admit()
        return login.read_login(data)

    def _session(self, asked: login.Login) -> Session:
        known = self._store.password(asked.user)
        if known is None or known != asked.password:
            raise Refused(_LOGIN_FAILED, "")
        return self._store.session(asked.user, asked.database)

    def _admit(self) -> None:
        if not self._conduct.admits():
            raise Lost

    def _say(self, line: Line, reply: bytes) -> None:
        line.pause(self._conduct.delay)
        dropped = self._conduct.drops()  # asked before the client can know that it has its reply
        line.send(reply)
        if dropped:
            raise Lost


def _expected(packet: Packet, kind: int) -> Packet:
    if packet.kind != kind:
        raise ValueError(f"a packet of kind {packet.kind} where {kind} should be")
    return packet


def serve(store: Store, conduct: Conduct, port: int = 0, certificate: tuple[Path, Path] | None = None) -> Server:
    """Listen; port 0 takes a free one. With a certificate and its key every connection is encrypted."""
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        # TLS 1.3 sends tickets after the handshake, where TDS 7.4 has no packets for them.
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    return Server(store, conduct, port, context)
