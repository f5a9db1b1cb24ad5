"""A TCP proxy before a server: it cuts a connection, stalls it or slows it down, once so many bytes have passed."""

from __future__ import annotations

import itertools
import select
import socket
import struct
import threading
import time
from contextlib import suppress

_BLOCK = 1 << 14
_AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends RST, as of a peer that is gone


class Proxy:
    """Listens on a port of its own. `trouble` says what comes: after so many bytes in both directions, once."""

    def __init__(self, port: int) -> None:
        self._servers = itertools.cycle((port,))
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._lock = threading.Lock()
        self._left = -1
        self._kind = ""
        self._seconds = 0.0
        self._slow = False
        self._forgotten: list[socket.socket] = []  # nobody hears of them any more
        self.struck = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def lead(self, *ports: int) -> None:
        """Connections that are made from now on go to these in turn, as through a balancer or after a failover."""
        self._servers = itertools.cycle(ports)

    def trouble(self, kind: str, after: int, seconds: float = 0.0) -> None:
        """After so many bytes `cut`; `half`, of which the server is not told; `stall`, and go on after so many
        seconds, if nobody hangs up; `slow`, so many seconds for each block from then on.
        """
        with self._lock:
            self._kind, self._left, self._seconds = kind, after, seconds

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", next(self._servers)))
            except OSError:
                client.close()
                continue
            for there in (True, False):
                threading.Thread(target=self._pass, args=(client, server, there), daemon=True).start()

    def _pass(self, client: socket.socket, server: socket.socket, there: bool) -> None:
        one, other = (client, server) if there else (server, client)
        with suppress(OSError):
            while block := one.recv(_BLOCK):
                kind = self._due(len(block))
                if kind == "cut":
                    _hang_up(one, other)
                    break
                if kind == "half":
                    self._forgotten.append(server)
                    _hang_up(client)
                    return
                if self._slow:
                    time.sleep(self._seconds)
                if kind == "stall" and not self._goes_on(one, other):
                    break
                other.sendall(block)
        if server not in self._forgotten:
            for end in (one, other):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                end.close()

    def _goes_on(self, one: socket.socket, other: socket.socket) -> bool:
        """Let nothing pass for so many seconds; False where an end has hung up before, of which the other is told."""
        ends = select.poll()
        for end in (one, other):
            ends.register(end, select.POLLRDHUP)
        until = time.monotonic() + self._seconds
        while (left := until - time.monotonic()) > 0 and self._listening.fileno() >= 0:
            if ends.poll(min(200.0, 1000 * left)):
                return False
        return left <= 0

    def _due(self, size: int) -> str:
        with self._lock:
            if self._left < 0:
                return ""
            self._left -= size
            if self._left >= 0:
                return ""
            self.struck += 1
            self._slow = self._kind == "slow"
            return self._kind

    def close(self) -> None:
        self._listening.close()
        for server in self._forgotten:
            server.close()


def _hang_up(*ends: socket.socket) -> None:
    for end in ends:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        with suppress(OSError):  # another thread may be reading
            end.shutdown(socket.SHUT_RDWR)
        end.close()
