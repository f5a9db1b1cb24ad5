"""From the first packet to a session.

1. CONNECT carries a description such as (DESCRIPTION=...(SERVICE_NAME=x)...): its length is at octet 16 of the payload,
   its place in the packet at 18, and one of more than 230 octets follows in a DATA packet. ACCEPT answers with the
   protocol's version (below 318 no urgent data, no fast login, no explicit end of a reply), options, and the SDU.
   REFUSE carries a text with (ERR=number), on which the client makes its error.
2. PROTOCOL (1): the server's name, character sets and capabilities. Octet 7 of these is the version of the fields in
   all messages; 12 (that of 19c) keeps each message as short as it can be.
3. DATA TYPES (2): the client lists how it wants each type; the server adds nothing.
4. AUTHENTICATION, phases 118 and 115: the client names the user, the server sends a salt and a half of a session key
   that only who knows the password can decrypt; the client sends its half and the password encrypted with a key made of
   both; the server proves that it could do the same. Keys and values are texts with two lengths, then flags.
"""

from __future__ import annotations

import hashlib
import re
import secrets

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from ..spoken import Refused, Session, Store
from .conduct import VERIFIER_12C
from .octets import Octets, lengths, number, value
from .outcome import PARAMETER, status
from .packets import ACCEPT, CONNECT, REFUSE, Gone, Line

VERSION = 317
PROTOCOL, DATA_TYPES = 1, 2
PHASE_ONE, PHASE_TWO = 118, 115
FIELDS = 12
UTF8, UTF16 = 873, 2000
# Of deriving the verifier, and the key of the session. A real server has 4,096 of the first: 7 ms of processor time at
# each connection.
ROUNDS, KEY_ROUNDS = 64, 3


def connect(line: Line, store: Store) -> bool:
    """Answer CONNECT; False if the client asked for a service that is not here."""
    kind, payload = line.receive()
    if kind != CONNECT:
        raise Gone
    length = int.from_bytes(payload[16:18], "big")
    start = int.from_bytes(payload[18:20], "big") - 8
    description = payload[start : start + length] or line.data()
    if refusal := _unknown(description.decode(), store.service):
        text = f"(DESCRIPTION=(ERR={refusal})(ERROR_STACK=(ERROR=(CODE={refusal})(EMFI=4))))".encode()
        line.packet(REFUSE, b"\0\0" + len(text).to_bytes(2, "big") + text)
        return False
    small, large = int.from_bytes(payload[6:8], "big"), int.from_bytes(payload[50:54], "big")
    line.sdu = min(max(large if start >= 54 else small, 512), 2 << 20)
    sizes = line.sdu.to_bytes(4, "big")
    line.packet(ACCEPT, VERSION.to_bytes(2, "big") + bytes(2 + 10 + 1 + 9) + sizes)
    line.accepted = True
    return True


def _unknown(description: str, service: str) -> int:
    """The listener's error, 0 if the description asks for our service."""
    for word, refusal in (("SERVICE_NAME", 12514), ("SID", 12505)):
        asked = re.search(rf"\(\s*{word}\s*=\s*([^)\s]*)\s*\)", description, re.IGNORECASE)
        if asked:
            return 0 if asked[1].upper() == service.upper() else refusal
    return 12514


def protocol() -> bytes:
    compiled = bytearray(41)
    compiled[7] = FIELDS
    running = bytearray(11)
    running[6] = 4  # VARCHAR2 and RAW up to 32767 octets
    sets = bytes(9) + UTF16.to_bytes(2, "big")
    parts = [bytes((PROTOCOL, 6, 0)), b"Oracle wire of a test\0", UTF8.to_bytes(2, "little"), b"\0", bytes(2)]
    parts += (len(sets).to_bytes(2, "big"), sets, value(bytes(compiled)), value(bytes(running)))
    return b"".join(parts)


def data_types(asked: Octets) -> bytes:
    """Read the client's list: two character sets, flags, its capabilities, then four numbers for each type."""
    asked.skip(5)
    asked.value()
    asked.value()
    while asked.take(2) != b"\0\0":
        if asked.take(2) != b"\0\0":
            asked.skip(4)
    return bytes((DATA_TYPES, 0, 0))


def _cbc(key: bytes) -> Cipher[modes.CBC]:
    return Cipher(algorithms.AES(key), modes.CBC(bytes(16)))


def _encrypt(key: bytes, octets: bytes) -> bytes:
    encryptor = _cbc(key).encryptor()
    return encryptor.update(octets) + encryptor.finalize()


def _padded(octets: bytes) -> bytes:
    missing = 16 - len(octets) % 16
    return octets + bytes((missing,)) * missing


def _decrypt(key: bytes, octets: bytes) -> bytes:
    decryptor = _cbc(key).decryptor()
    return decryptor.update(octets) + decryptor.finalize()


class Login:
    """What has to be kept between the two phases."""

    def __init__(self, store: Store, verifier: int) -> None:
        self._store = store
        self._verifier = verifier
        self._user = ""
        self._password = b""
        self._salt = secrets.token_bytes(16 if self._new else 10)
        self._half = secrets.token_bytes(32 if self._new else 48)
        self._key_salt = secrets.token_bytes(16)

    @property
    def _new(self) -> bool:
        return self._verifier == VERIFIER_12C

    def _key(self) -> bytes:
        """What the password is to both sides: it encrypts the halves of the session key."""
        if not self._new:
            return hashlib.sha1(self._password + self._salt).digest() + bytes(4)  # noqa: S324 - the protocol's
        salt = self._salt + b"AUTH_PBKDF2_SPEEDY_KEY"
        derived = hashlib.pbkdf2_hmac("sha512", self._password, salt, ROUNDS, 64)
        return hashlib.sha512(derived + self._salt).digest()[:32]

    def _session_key(self, theirs: bytes) -> bytes:
        if self._new:
            both = (theirs[:32] + self._half[:32]).hex().upper().encode()
            return hashlib.pbkdf2_hmac("sha512", both, self._key_salt, KEY_ROUNDS, 32)
        mixed = bytes(one ^ other for one, other in zip(self._half[16:40], theirs[16:40], strict=True))
        halves = [hashlib.md5(half).digest() for half in (mixed[:16], mixed[16:])]  # noqa: S324 - as above
        return b"".join(halves)[:24]

    def challenge(self, asked: Octets) -> bytes:
        """Phase one. An unknown user is told nothing: no password will fit."""
        self._user, _ = _read(asked)
        self._password = (self._store.password(self._user) or secrets.token_hex()).encode()
        pairs = {"AUTH_SESSKEY": _encrypt(self._key(), self._half).hex().upper()}
        pairs["AUTH_VFR_DATA"] = self._salt.hex().upper()
        if self._new:
            pairs["AUTH_PBKDF2_CSK_SALT"] = self._key_salt.hex().upper()
            pairs["AUTH_PBKDF2_VGEN_COUNT"] = str(ROUNDS)
            pairs["AUTH_PBKDF2_SDER_COUNT"] = str(KEY_ROUNDS)
        return _parameters(pairs, self._verifier) + status(in_transaction=False)

    def check(self, asked: Octets) -> tuple[Session, bytes]:
        """Phase two: the session and the reply, or ORA-01017."""
        _, pairs = _read(asked)
        theirs = _decrypt(self._key(), bytes.fromhex(pairs.get("AUTH_SESSKEY", "")))
        key = self._session_key(theirs.ljust(48, b"\0"))
        given = _decrypt(key, bytes.fromhex(pairs.get("AUTH_PASSWORD", "")))[16:]
        if given != _padded(self._password):
            raise Refused(1017, "invalid username/password; logon denied")
        session = self._store.session(self._user)
        if begin := pairs.get("AUTH_ALTER_SESSION"):
            session.execute(begin.rstrip("\0"), (), [()])
        proof = _encrypt(key, _padded(secrets.token_bytes(16) + b"SERVER_TO_CLIENT"))
        return session, self._welcome(session, proof) + status(in_transaction=False)

    def _welcome(self, session: Session, proof: bytes) -> bytes:
        major, minor, update, revision, port = (*self._store.version, 0, 0, 0, 0)[:5]
        version = major << 24 | minor << 16 | update << 12 | revision << 4 | port
        pairs = {
            "AUTH_VERSION_NO": str(version),
            "AUTH_SESSION_ID": str(session.number),
            "AUTH_SERIAL_NUM": "1",
            "AUTH_SC_SERVICE_NAME": self._store.service,
            "AUTH_SC_DBUNIQUE_NAME": self._store.service,
            "AUTH_INSTANCENAME": self._store.service.lower(),
            "AUTH_MAX_OPEN_CURSORS": "300",
            "AUTH_MAX_IDEN_LENGTH": "128",
            "AUTH_SVR_RESPONSE": proof.hex().upper(),
        }
        return _parameters(pairs)


def _parameters(pairs: dict[str, str], verifier: int = 0) -> bytes:
    """PARAMETER (8): how many, then key, value and flags, which for the salt are the kind of verifier."""
    parts = [bytes((PARAMETER,)), number(len(pairs))]
    for key, text in pairs.items():
        parts += (lengths(key.encode()), lengths(text.encode()))
        parts.append(number(verifier if key == "AUTH_VFR_DATA" else 0))
    return b"".join(parts)


def _read(asked: Octets) -> tuple[str, dict[str, str]]:
    """User and pairs of either phase: pointer, length of the user, mode, pointer, count, two pointers, user, pairs."""
    named = asked.byte()
    asked.numbers(2)
    asked.skip(1)
    count = asked.number()
    asked.skip(2)
    user = (asked.value() or b"").decode() if named else ""
    pairs = {}
    for _ in range(count):
        key = asked.lengths().decode()
        pairs[key] = asked.lengths().decode()
        asked.number()
    return user.strip('"') if user.startswith('"') else user.upper(), pairs
