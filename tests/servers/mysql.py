"""A private MariaDB, and a private MySQL."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pymysql

from .processes import USER, Absent, Kept, other_uid, password, private_folder, search_path, started

MYSQL = Path(__file__).parents[2] / ".venv" / "mysql"
ZONE = "-03:30"  # half an hour off: a server in UTC hides a forgotten session pin


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
            "default-time-zone": ZONE,
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


class Replica(Mariadb):
    """A server that follows another from now on."""

    def __init__(self, primary: Mariadb) -> None:
        super().__init__()
        with contextlib.closing(primary.connect()) as connection, connection.cursor() as cursor:
            cursor.execute("SHOW MASTER STATUS")
            file, position, *_ = cursor.fetchone()
        with contextlib.closing(self.connect()) as connection, connection.cursor() as cursor:
            cursor.execute(
                "CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = %s, MASTER_USER = %s, MASTER_PASSWORD = %s, "
                "MASTER_LOG_FILE = %s, MASTER_LOG_POS = %s, MASTER_USE_GTID = no",
                (primary.port, USER, primary.password, file, position),
            )
            cursor.execute("START SLAVE")

    def _more_settings(self) -> dict[str, object]:
        return {"server-id": 2, "relay-log": "relay"}


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


def mariadb_program() -> str:
    for name in ("mariadbd", "mysqld"):
        program = shutil.which(name, path=search_path())
        if program is not None:
            told = subprocess.run([program, "--no-defaults", "--version"], capture_output=True, text=True, check=False)
            if "MariaDB" in told.stdout:
                return program
    raise Absent("no MariaDB: apt-get install mariadb-server-core mariadb-client-core")
