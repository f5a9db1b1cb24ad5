"""Databases for tests: on the test server, which runs in a process of its own, or on a real one by its URL."""

from __future__ import annotations

import itertools
import secrets
from dataclasses import replace
from typing import Any

import pyodbc
import pytest

from ropeway.transfer.engines.sqlserver.session import connection_string
from ropeway.transfer.place import parse, resolve

from .wire.apart import Apart

ADMINISTRATOR, _SECRET = "app", "secret"


class Databases:
    """A server by its administrator's URL; `database()` is a new database, which is empty, and its URL."""

    name = "sqlserver"

    def __init__(self, administrator: str) -> None:
        self._place, self._secret = parse(administrator)
        self._made: list[str] = []
        self._numbers = itertools.count()
        self._logins: list[str] = []
        self._prefix = f"spot{secrets.token_hex(3)}_"

    def url(self, database: str) -> str:
        return str(replace(self._place, database=database, password=self._secret))

    def database(self) -> str:
        name = f"{self._prefix}{next(self._numbers)}"
        connection = self.connect("master")
        connection.execute(f"CREATE DATABASE {name}")
        self._made.append(name)
        connection.execute(f"ALTER DATABASE {name} SET ALLOW_SNAPSHOT_ISOLATION ON")
        connection.execute(f"ALTER DATABASE {name} SET RECOVERY SIMPLE")
        connection.close()
        return self.url(name)

    def account(self, database: str, *grants: str) -> str:
        """A new login, as a user of the database with these grants alone; the database's URL for it."""
        user, secret = f"{self._prefix}user{len(self._logins)}", f"P4{secrets.token_hex(8)}"
        connection = self.connect(database)
        connection.execute(f"CREATE LOGIN {user} WITH PASSWORD = '{secret}'")
        self._logins.append(user)
        connection.execute(f"CREATE USER {user} FOR LOGIN {user}")
        for grant in grants:
            connection.execute(f"GRANT {grant} TO {user}")
        connection.close()
        return str(replace(self._place, database=database, username=user, password=secret))

    def connect(self, database: str) -> pyodbc.Connection:
        address = resolve(replace(self._place, database=database), self._secret)
        return pyodbc.connect(connection_string(address), autocommit=True)

    def tell(self, what: str, *given: Any) -> Any:
        """A real server does nothing on request."""
        del given
        pytest.skip(f"only the test server can be told: {what}")

    def behave(self, **changes: Any) -> None:
        self.tell(", ".join(changes))

    def sweep(self) -> None:
        """Drop the databases that were made."""
        connection = self.connect("master")
        for name in self._made:
            connection.execute(f"ALTER DATABASE {name} SET SINGLE_USER WITH ROLLBACK IMMEDIATE")
            connection.execute(f"DROP DATABASE IF EXISTS {name}")
        self._made.clear()
        connection.close()

    def close(self) -> None:
        """Drop what was made."""
        self.sweep()
        connection = self.connect("master")
        for user in self._logins:
            connection.execute(f"DROP LOGIN {user}")
        connection.close()


class SqlServer(Databases):
    """The test server, as the others of the tests."""

    def __init__(self) -> None:
        self.apart = Apart("servers.sqlserver.store:fresh")
        super().__init__(f"mssql://{ADMINISTRATOR}:{_SECRET}@127.0.0.1:{self.apart.port}/master?Encrypt=no")

    def tell(self, what: str, *given: Any) -> Any:
        """What a method of the store returns."""
        return self.apart.store(what, *given)

    def behave(self, **changes: Any) -> None:
        """Change what the wire does, e.g. delay=0.1, drop_after=1000."""
        self.apart.behave(**changes)

    def close(self) -> None:
        self.apart.close()
