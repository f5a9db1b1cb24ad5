"""How a connection begins: PRELOGIN, LOGIN7, and their replies.

PRELOGIN, both ways: options of an octet for what, u16 offset and u16 length, big endian; 255; then their data.
    0 version (six octets), 1 encryption (0 off, 1 on, 2 not spoken, 3 required), 2 instance, 3 thread, 4 MARS (0 off)

LOGIN7: u32 length, TDS version, packet size, client version, process, connection; four octets of options (bit 4 of the
    last: features follow); u32 zone, language; then u16 offset and u16 length in characters of host (36), user (40),
    password (44), application, server, features (56: where a u32 says their offset), library, language, database (68).
    Each octet of the password has its halves exchanged and is then XORed with 165.
    Features: octet number, u32 length, data; 255 ends them.

Its reply: ENVCHANGE and INFO for database, collation and language, LOGINACK, ENVCHANGE of the packet size,
FEATUREEXTACK if features were sent, DONE. Of the features only 10, UTF-8, is acknowledged. A refusal is ERROR and DONE.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from ..spoken import Refused
from . import tokens
from .octets import U16, U32
from .types import COLLATION

ENCRYPT_OFF, ENCRYPT_ON, ENCRYPT_NOT_SUPPORTED, ENCRYPT_REQUIRED = 0, 1, 2, 3
_VERSION, _ENCRYPTION, _INSTANCE, _THREAD, _MARS, _END = 0, 1, 2, 3, 4, 255
_UTF8 = 10
_OLDEST, _NEWEST = 0x72090002, 0x74000004  # TDS 7.2 and 7.4


@dataclass(frozen=True)
class Login:
    user: str
    password: str
    database: str
    tds: int
    packet_size: int
    features: tuple[int, ...] | None  # None: the client knows of none


def encryption(prelogin: bytes) -> int:
    """What a PRELOGIN says of encryption."""
    at = 0
    while prelogin[at] != _END:
        if prelogin[at] == _ENCRYPTION:
            return prelogin[int.from_bytes(prelogin[at + 1 : at + 3], "big")]
        at += 5
    return ENCRYPT_NOT_SUPPORTED


def agreed(asked: int, *, certificate: bool) -> int:
    """The reply to it. With a certificate all is sealed, not the login alone as two that say `off` would have it."""
    if not certificate:
        return ENCRYPT_NOT_SUPPORTED
    return ENCRYPT_ON if asked in {ENCRYPT_ON, ENCRYPT_REQUIRED} else ENCRYPT_REQUIRED


def prelogin_reply(version: Sequence[int], encrypt: int) -> bytes:
    major, minor, build = version
    options = {
        _VERSION: struct.pack(">BBHH", major, minor, build, 0),
        _ENCRYPTION: bytes([encrypt]),
        _INSTANCE: b"\0",
        _THREAD: b"",
        _MARS: b"\0",
    }
    offset, heads = 5 * len(options) + 1, []
    for option, data in options.items():
        heads.append(struct.pack(">BHH", option, offset, len(data)))
        offset += len(data)
    return b"".join((*heads, bytes([_END]), *options.values()))


def read_login(data: bytes) -> Login:
    tds, packet_size = struct.unpack_from("<II", data, 4)
    if tds < _OLDEST:
        raise ValueError(f"TDS {tds:08x} is not spoken here")
    has_features = bool(data[27] & 0x10)
    return Login(
        user=_octets(data, 40).decode("utf-16-le"),
        password=_clear(_octets(data, 44)).decode("utf-16-le"),
        database=_octets(data, 68).decode("utf-16-le"),
        tds=min(tds, _NEWEST),
        packet_size=min(max(packet_size or 4096, 512), 32767),
        features=_features(data) if has_features else None,
    )


def _octets(data: bytes, at: int) -> bytes:
    offset, characters = struct.unpack_from("<HH", data, at)
    return data[offset : offset + 2 * characters]


def _clear(password: bytes) -> bytes:
    return bytes((octet ^ 0xA5) >> 4 | ((octet ^ 0xA5) & 0x0F) << 4 for octet in password)


def _features(data: bytes) -> tuple[int, ...]:
    at, found = U32.unpack_from(data, U16.unpack_from(data, 56)[0])[0], []
    while data[at] != _END:
        found.append(data[at])
        at += 5 + U32.unpack_from(data, at + 1)[0]
    return tuple(found)


def login_reply(login: Login, database: str, version: Sequence[int]) -> bytes:
    acknowledged = [(_UTF8, b"\x01")] if _UTF8 in (login.features or ()) else []
    return b"".join(
        (
            tokens.changed(tokens.DATABASE, database, "master"),
            tokens.info(5701, 2, f"Changed database context to '{database}'."),
            tokens.changed(tokens.COLLATION, COLLATION, b""),
            tokens.changed(tokens.LANGUAGE, "us_english"),
            tokens.info(5703, 1, "Changed language setting to us_english."),
            tokens.login_ack(login.tds, version),
            tokens.changed(tokens.PACKET_SIZE, str(login.packet_size), "4096"),
            tokens.features(acknowledged) if login.features is not None else b"",
            tokens.done(),
        )
    )


def refusal(user: str, first: Refused | None = None) -> bytes:
    """A login that failed: of what the store refused, if it did, and always 18456."""
    failed = Refused(18456, f"Login failed for user '{user}'.", state=1, severity=14)
    said = [tokens.error(refused) for refused in (first, failed) if refused is not None]
    return b"".join((*said, tokens.done(status=tokens.ERROR)))
