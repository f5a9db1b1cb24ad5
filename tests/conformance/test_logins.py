"""How a run gets in: passwords that a command or a file tells, a server's own option files, connections over TLS."""

from __future__ import annotations

import ipaddress
import os
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import keyring
import keyring.backend
import keyring.errors
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from moves import moved, requested
from ropeway.cli import wire
from ropeway.transfer.errors import EngineError, RequestError
from ropeway.transfer.place import parse
from ropeway.transfer.plan import to_json
from servers import Mariadb
from servers.processes import other_uid
from spots import Servers, Spot, spot

KINDS = ("postgresql", "mariadb")
ROPEWAY = Path(sys.executable).with_name("ropeway")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def without(place: Spot, options: str, password: bool = False) -> Spot:
    """The place by a URL that does not hold its password."""
    found, secret = parse(place.url)
    login = f"{found.username}:{quote(secret, safe='')}" if password else found.username
    return replace(place, url=f"{found.scheme}://{login}@{found.host}:{found.port}/{found.database}?{options}")


def ends(kind: str, folder: Path, servers: Servers) -> tuple[Spot, Spot]:
    source, target = spot(kind, folder, servers), spot(kind, folder, servers)
    source.ask("CREATE TABLE note (id integer PRIMARY KEY, said varchar(9))")
    source.ask("INSERT INTO note VALUES (1, 'a'), (2, 'b')")
    return source, target


@pytest.mark.parametrize("kind", KINDS)
def test_a_command_tells_the_password_at_each_connect(kind: str, tmp_path: Path, servers: Servers) -> None:
    source, target = ends(kind, tmp_path, servers)
    teller = tmp_path / "teller"
    teller.write_text(f"#!/bin/sh\necho told >> '{tmp_path}/told'\ncat '{tmp_path}/word' \n")
    teller.chmod(0o700)
    (tmp_path / "word").write_text(parse(source.url)[1] + "\n")
    option = f"password_command={quote(f'{teller} for ropeway')}"
    moved(without(source, option), without(target, option))
    assert (tmp_path / "told").read_text().count("told") > 4  # planning, readers and loaders of both ends
    (tmp_path / "word").write_text("another\n")
    with pytest.raises(EngineError) as caught:
        wire.run(*requested(without(source, option), without(target, option), mode="replace"))
    assert "another" not in str(caught.value)
    (tmp_path / "word").unlink()
    with pytest.raises(RequestError, match="ended with 1"):
        wire.run(*requested(without(source, option), without(target, option), mode="replace"))


class Ring(keyring.backend.KeyringBackend):
    """A keyring in memory that counts who asks."""

    priority = 1

    def __init__(self, known: dict[tuple[str, str], str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # keyring's own
        self.known, self.asked = known, 0

    def get_password(self, service: str, username: str) -> str | None:
        self.asked += 1
        if service == "locked":
            raise keyring.errors.KeyringLocked("it is locked")
        return self.known.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        raise NotImplementedError


@pytest.fixture
def ring() -> Iterator[Ring]:
    before, made = keyring.get_keyring(), Ring({})
    keyring.set_keyring(made)
    yield made
    keyring.set_keyring(before)


@pytest.mark.parametrize("kind", KINDS)
def test_a_keyring_tells_the_password_at_each_connect(kind: str, tmp_path: Path, servers: Servers, ring: Ring) -> None:
    source, target = ends(kind, tmp_path, servers)
    ring.known["the shop/eu", "app"] = parse(source.url)[1]
    option = f"password_keyring={quote('the shop/eu/app')}"
    outcome = moved(without(source, option), without(target, option))
    assert ring.asked > 4
    assert parse(source.url)[1] not in to_json(outcome.plan)
    for entry, said in (("the shop/us/app", "has no password of app for the shop/us"), ("app", "is service/user"),
                        ("locked/app", "KeyringLocked: it is locked")):  # fmt: skip
        with pytest.raises(RequestError, match=said):
            wire.plan(*requested(without(source, f"password_keyring={quote(entry)}"), target))
    with pytest.raises(RequestError, match="more than once"):
        wire.plan(*requested(without(source, option, password=True), target))
    ring.known["the shop/eu", "app"] = "another"
    with pytest.raises(EngineError) as caught:
        wire.plan(*requested(without(source, option), target))
    assert "another" not in str(caught.value)


def test_without_the_package_the_keyring_says_what_to_install(
    tmp_path: Path, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = ends("postgresql", tmp_path, servers)
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(RequestError, match=r"ropeway\[keyring\]"):
        wire.plan(*requested(without(source, "password_keyring=shop/app"), target))


def test_a_file_that_others_may_read_is_refused(tmp_path: Path, servers: Servers) -> None:
    source, target = ends("postgresql", tmp_path, servers)
    word = tmp_path / "word"
    word.write_text(parse(source.url)[1] + "\n")
    word.chmod(0o600)
    option = f"password_file={quote(str(word))}"
    moved(without(source, option), without(target, option))
    word.chmod(0o640)
    with pytest.raises(RequestError, match="chmod 600"):
        wire.plan(*requested(without(source, option), target))
    with pytest.raises(RequestError, match="more than once"):
        wire.plan(*requested(without(source, option, password=True), target))


def test_a_password_file_of_libpq(tmp_path: Path, servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = ends("postgresql", tmp_path, servers)
    found, secret = parse(source.url)
    known = tmp_path / "pgpass"
    known.write_text(f"*:*:*:{found.username}:{secret}\n")
    known.chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(known))
    moved(without(source, ""), without(target, ""))


def test_an_option_file_of_mysql(tmp_path: Path, servers: Servers) -> None:
    source, target = ends("mariadb", tmp_path, servers)
    found, secret = parse(source.url)
    known = tmp_path / "my.cnf"
    known.write_text(f"[client]\nuser={found.username}\npassword={secret}\nport={found.port}\n")
    moved(*(
        replace(one, url=f"mariadb://{found.host}/{parse(one.url)[0].database}?defaults_file={quote(str(known))}")
        for one in (source, target)
    ))  # fmt: skip


@dataclass(frozen=True)
class Certified:
    """Files of a server's certificate and key, and of who signed it."""

    certificate: Path
    key: Path
    signer: Path


def certified(folder: Path) -> Certified:
    """A certificate of 127.0.0.1 that signed itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    files = Certified(folder / "server.crt", folder / "server.key", folder / "server.crt")
    files.certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    files.key.touch(0o600)
    files.key.write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ))  # fmt: skip
    for file in (files.certificate, files.key):
        os.chown(file, other_uid(), -1)
    return files


SSL_REQUEST = struct.pack("!ii", 8, 80877103)


class SafeMariadb(Mariadb):
    """One that takes TLS alone."""

    def _more_settings(self) -> dict[str, object]:
        self.files = certified(self.folder)
        return {"ssl-cert": self.files.certificate, "ssl-key": self.files.key}


class Terminating:
    """TLS before a PostgreSQL that is built without: it answers the request for it, and refuses who does not ask."""

    def __init__(self, port: int, files: Certified) -> None:
        self._server = port
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(files.certificate, files.key)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        with suppress(OSError), closing(plain):
            if plain.recv(8) != SSL_REQUEST:
                return
            plain.sendall(b"S")
            with (
                self._context.wrap_socket(plain, server_side=True) as client,
                closing(socket.create_connection(("127.0.0.1", self._server))) as server,
            ):
                back = threading.Thread(target=_pass, args=(server, client), daemon=True)
                back.start()
                _pass(client, server)
                back.join()

    def close(self) -> None:
        self._listening.close()


def _pass(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError):
        while block := one.recv(1 << 16):
            other.sendall(block)
    with suppress(OSError):
        other.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def safe_postgresql(servers: Servers, tmp_path: Path) -> Iterator[tuple[int, Certified]]:
    """The port at which PostgreSQL is reached over TLS alone."""
    files = certified(tmp_path)
    with closing(Terminating(int(parse(servers.postgresql.url())[0].port), files)) as proxy:
        yield proxy.port, files


@pytest.fixture(scope="module")
def safe_mariadb() -> Iterator[SafeMariadb]:
    with closing(SafeMariadb()) as server:
        with closing(server.connect()) as connection, connection.cursor() as cursor:
            cursor.execute("SET GLOBAL require_secure_transport = ON")
        yield server


def over_tls(source: Spot, target: Spot, right: str, *refused: str) -> None:
    moved(*(without(one, right, password=True) for one in (source, target)))
    for options in refused:
        with pytest.raises(EngineError, match=r"(?i)certificate|closed the connection|secure|access denied"):
            wire.plan(*requested(without(source, options, password=True), target, mode="replace"))


def test_postgresql_over_tls(safe_postgresql: tuple[int, Certified], tmp_path: Path, servers: Servers) -> None:
    source, target = ends("postgresql", tmp_path, servers)
    port, files = safe_postgresql
    own = parse(source.url)[0].port
    ends_ = [replace(one, url=one.url.replace(f":{own}/", f":{port}/")) for one in (source, target)]
    (tmp_path / "other").mkdir()
    checked = [
        f"sslmode=verify-full&sslrootcert={quote(str(one.signer))}" for one in (files, certified(tmp_path / "other"))
    ]
    over_tls(ends_[0], ends_[1], *checked, "sslmode=disable")
    assert target.ask("SELECT id, said FROM note ORDER BY id") == [(1, "a"), (2, "b")]


def test_mariadb_over_tls(safe_mariadb: SafeMariadb, tmp_path: Path) -> None:
    source, target = ends("mariadb", tmp_path, Servers(lambda _: safe_mariadb))
    checked = [
        f"ssl_ca={quote(str(one.signer))}&ssl_verify_identity=yes" for one in (safe_mariadb.files, certified(tmp_path))
    ]
    over_tls(source, target, *checked, "ssl_disabled=yes")


@pytest.mark.parametrize("kind", KINDS)
def test_no_file_and_no_log_of_a_run_holds_the_password(kind: str, tmp_path: Path, servers: Servers) -> None:
    source, target = ends(kind, tmp_path, servers)
    _, secret = parse(source.url)
    (tmp_path / "job.yaml").write_text(
        f"source: {without(source, '').url.replace('@', ':${ROPEWAY_WORD}@', 1).rstrip('?')}\n"
        f"target: {without(target, '').url.replace('@', ':${ROPEWAY_WORD}@', 1).rstrip('?')}\n"
    )
    said, commands = "", ("plan job.yaml --out plan", "run job.yaml -v", "run job.yaml -v --mode append",
                          "verify job.yaml --level full", "report --html page.html")  # fmt: skip
    with processes() as listed:
        for command in commands:
            done = subprocess.run(
                [ROPEWAY, *command.split()], capture_output=True, text=True, check=False, timeout=100,
                env={**os.environ, "ROPEWAY_WORD": secret},
            )  # fmt: skip
            said += done.stdout + done.stderr
        titles = listed.read_text()
    assert "duplicate" in said.lower()  # the second run is refused
    assert "ropeway run" in titles
    log = servers.postgresql.log if kind == "postgresql" else servers.family(kind).log
    for word in (secret, quote(secret, safe="")):
        assert word not in said
        assert word not in titles
        assert word.encode() not in log.read_bytes()
        found = subprocess.run(["grep", "-rlaF", word, tmp_path], capture_output=True, text=True, check=False)
        assert found.stdout == ""


@contextmanager
def processes() -> Iterator[Path]:
    """A file with the command lines of all processes, looked at all the time."""
    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder) / "processes"
        watch = subprocess.Popen(
            f"while sleep 0.02; do ps -eo args >> {listed}; done", shell=True, start_new_session=True
        )
        try:
            yield listed
        finally:
            os.killpg(watch.pid, signal.SIGKILL)
            watch.wait()
