"""TNS packets over a socket.

A packet is its length (2 octets and 2 of 0 until ACCEPT was sent, 4 octets after it, all big endian), one octet with
its kind, one with flags, 2 of 0, and the payload. The payload of a DATA packet begins with 2 octets of flags, of which
0x40 says that the sender is done with the connection. What TTC says is the DATA payloads joined: a message may begin
and end anywhere in them, and no packet is longer than the size agreed on at the beginning (the SDU).

A client that wants a call to end early sends a MARKER (1, 0 and then 1 break or 3 interrupt). The server answers with a
break, both sides then send a reset (2), and an ORA-01013 takes the place of the reply.
"""

from __future__ import annotations

import contextlib
import select
import socket

from .conduct import Conduct
from .octets import Octets

CONNECT, ACCEPT, REFUSE, DATA, MARKER = 1, 2, 4, 6, 12
BREAK, RESET = 1, 2
HEADER = 8
END_OF_FILE = 0x40


def _readable(peer: socket.socket, seconds: float) -> bool:
    """select() knows no descriptor above 1,023, and each database has some."""
    waiting = select.poll()
    waiting.register(peer, select.POLLIN)
    return bool(waiting.poll(seconds * 1000))


class Gone(Exception):
    """The client has left."""


class Interrupted(Exception):
    """The client wants its call to end; `marker` is what it sent."""

    def __init__(self, marker: int) -> None:
        super().__init__()
        self.marker = marker


class Line:
    """The packets of one connection."""

    def __init__(self, connection: socket.socket, conduct: Conduct) -> None:
        self._socket = connection
        self.conduct = conduct
        self.sdu = 8192
        self.accepted = False  # from then on a packet's length takes 4 octets

    def _exactly(self, size: int) -> bytes:
        parts = b""
        while len(parts) < size:
            part = self._socket.recv(size - len(parts), socket.MSG_WAITALL)
            if not part:
                raise Gone
            parts += part
        return parts

    def receive(self) -> tuple[int, bytes]:
        """A packet's kind and payload."""
        header = self._exactly(HEADER)
        size = int.from_bytes(header[: 4 if self.accepted else 2], "big")
        self.conduct.count(octets_in=size)
        return header[4], self._exactly(size - HEADER) if size > HEADER else b""

    def data(self) -> bytes:
        """The payload of a DATA packet without its flags."""
        while True:
            kind, payload = self.receive()
            if kind == MARKER:
                raise Interrupted(payload[2])
            if kind != DATA or int.from_bytes(payload[:2], "big") & END_OF_FILE:
                raise Gone
            if len(payload) > 2:
                return payload[2:]

    def read(self) -> Octets:
        """A request, from its first octet on: waits for it."""
        return Octets(self.data, self.data())

    def _packet(self, kind: int, payload: bytes) -> bytes:
        size = HEADER + len(payload)
        length = size.to_bytes(4, "big") if self.accepted else size.to_bytes(2, "big") + b"\0\0"
        return length + bytes((kind, 0, 0, 0)) + payload

    def _send(self, octets: bytes) -> None:
        self.conduct.count(octets_out=len(octets))
        self._socket.sendall(octets)

    def packet(self, kind: int, payload: bytes) -> None:
        self._send(self._packet(kind, payload))

    def send(self, octets: bytes | bytearray) -> None:
        """A part of a reply, in as many DATA packets as it takes."""
        room = self.sdu - HEADER - 2
        view = memoryview(octets)
        starts = range(0, len(octets), room)
        self._send(b"".join(self._packet(DATA, b"\0\0" + bytes(view[start : start + room])) for start in starts))

    def pause(self, seconds: float) -> None:
        """Wait, unless the client wants its call to end before, or leaves. 0 looks whether it has wanted that."""
        if _readable(self._socket, seconds):
            kind, payload = self.receive()
            raise Interrupted(payload[2]) if kind == MARKER else Gone

    def reset(self, marker: int) -> None:
        """Both sides forget what they were at. An ORA-01013 has to follow."""
        if marker != RESET:
            self.packet(MARKER, bytes((1, 0, BREAK)))
            while True:
                kind, payload = self.receive()
                if kind == MARKER and payload[2] == RESET:
                    break
        self.packet(MARKER, bytes((1, 0, RESET)))

    def close(self) -> None:
        # A thread may wait in recv: shutdown wakes it, close alone would not.
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
