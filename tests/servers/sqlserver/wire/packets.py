"""Packets of TDS over a socket, in the clear or inside TLS.

    octet   0  kind: 1 SQL batch, 3 RPC, 4 reply, 6 attention, 7 bulk load, 14 transaction, 16 LOGIN7, 18 PRELOGIN
            1  status: 1 last of its message, 2 ignore this message, 8 reset the session, 16 but its transaction
        2 - 3  length with these eight octets, big endian
        4 - 5  number of the session (SPID), big endian
            6  number of the packet, one octet that wraps
            7  0

A message is what its packets hold, one after the other. Only an attention may come while a request is carried out.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import struct
from typing import NamedTuple

from .conduct import Conduct

BATCH, RPC, REPLY, ATTENTION, BULK, TRANSACTION, LOGIN, PRELOGIN = 1, 3, 4, 6, 7, 14, 16, 18
LAST, IGNORE, RESET, RESET_KEEPING = 1, 2, 8, 16

_HEADER = struct.Struct(">BBHHBB")
_HEADER_SIZE = 8


def _readable(peer: socket.socket, seconds: float) -> bool:
    """select() knows no descriptor above 1,023, and each database has some."""
    waiting = select.poll()
    waiting.register(peer, select.POLLIN)
    return bool(waiting.poll(seconds * 1000))


class Packet(NamedTuple):
    kind: int
    status: int
    data: bytes


class Cancelled(Exception):
    """The client wants no more of this request."""


class Line:
    """A connection as packets. `size` is what a packet may hold with its header, `number` the session's."""

    def __init__(self, peer: socket.socket, conduct: Conduct) -> None:
        self.size = 4096
        self.number = 0
        self._peer, self._conduct = peer, conduct
        self._buffer = bytearray()
        self._sent = 0  # packets of this reply
        self._tls: ssl.SSLObject | None = None
        self._sealed, self._to_seal = ssl.MemoryBIO(), ssl.MemoryBIO()

    def packet(self) -> Packet:
        self._fill(_HEADER_SIZE)
        kind, status, length, _, _, _ = _HEADER.unpack_from(self._buffer)
        self._fill(length)
        data = bytes(memoryview(self._buffer)[_HEADER_SIZE:length])
        del self._buffer[:length]
        return Packet(kind, status, data)

    def rest(self, first: Packet) -> bytes:
        """The whole message that begins with this packet."""
        parts, packet = [first.data], first
        while not packet.status & LAST:
            packet = self.packet()
            if packet.kind == ATTENTION:
                raise Cancelled
            parts.append(packet.data)
        if packet.status & IGNORE:
            raise Cancelled
        return b"".join(parts)

    def send(self, data: bytes, *, last: bool = True, kind: int = REPLY) -> bytes:
        """Send all packets that are full, and with `last` the rest; what is left over, to be sent with what follows."""
        room, at, parts = self.size - _HEADER_SIZE, 0, []
        while len(data) - at > room:
            parts += [self._header(kind, 0, room), data[at : at + room]]
            at += room
        if last:
            parts += [self._header(kind, LAST, len(data) - at), data[at:]]
            self._sent = 0
        self._write(b"".join(parts))
        return b"" if last else data[at:]

    def _header(self, kind: int, status: int, room: int) -> bytes:
        self._sent += 1
        return _HEADER.pack(kind, status, room + _HEADER_SIZE, self.number & 0xFFFF, self._sent & 0xFF, 0)

    def pause(self, seconds: float) -> None:
        """Wait, but not past an attention: Cancelled."""
        if self._buffer or _readable(self._peer, seconds):
            if self.packet().kind != ATTENTION:
                raise ValueError("a second request before the first was answered")
            raise Cancelled

    def secure(self, context: ssl.SSLContext) -> None:
        """The handshake of TLS, whose records lie in PRELOGIN packets both ways; all after it is sealed."""
        tls = context.wrap_bio(self._sealed, self._to_seal, server_side=True)
        while True:
            done = False
            with contextlib.suppress(ssl.SSLWantReadError):
                tls.do_handshake()
                done = True
            if said := self._to_seal.read():
                self.send(said, kind=PRELOGIN)
            if done:
                break
            self._sealed.write(self.rest(self.packet()))
        self._tls = tls

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._peer.shutdown(socket.SHUT_RDWR)
        self._peer.close()

    def _fill(self, size: int) -> None:
        while len(self._buffer) < size:
            if not (got := self._read()):
                raise ConnectionError("the client is gone")
            self._buffer += got

    def _read(self) -> bytes:
        """What has come; nothing if the client has ended the connection."""
        while True:
            if self._tls is not None:
                with contextlib.suppress(ssl.SSLWantReadError):
                    return self._tls.read(1 << 16)
            got = self._peer.recv(1 << 16)
            self._conduct.count(received=len(got))
            if self._tls is None or not got:
                return got
            self._sealed.write(got)

    def _write(self, data: bytes) -> None:
        if self._tls is not None:
            self._tls.write(data)
            data = self._to_seal.read()
        self._conduct.count(sent=len(data))
        self._peer.sendall(data)
