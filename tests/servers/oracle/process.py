"""The Oracle test server in a process of its own, told what to do over a pipe; it ends when the pipe does."""

from __future__ import annotations

import itertools
import multiprocessing
import secrets
import shutil
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import oracledb
import pytest

from ropeway.transfer.place import parse

from ..processes import private_folder

_START_S, _ANSWER_S = 60, 60
ADMINISTRATOR = "ADMIN"


# What an account needs to make what the tests make, and to be read from at one SCN.
_GRANTS = (
    "CREATE SESSION, CREATE TABLE, CREATE VIEW, CREATE SEQUENCE, CREATE TRIGGER, CREATE PROCEDURE, CREATE SYNONYM, "
    "CREATE MATERIALIZED VIEW",
    "EXECUTE ON SYS.DBMS_FLASHBACK",
    "EXECUTE ON SYS.DBMS_LOCK",  # one run at a time
    "EXECUTE ON SYS.DBMS_CRYPTO",  # checksums of long rows
    "SELECT ON SYS.V_$PARAMETER",  # how long undo is kept
)


class Accounts:
    """A server by its administrator's URL; `database()` is a new account, whose schema is empty, and its URL."""

    name = "oracle"

    def __init__(self, administrator: str) -> None:
        self._place, self._secret = parse(administrator)
        self.password = f"p{secrets.token_hex(12)}"
        self._made: list[str] = []
        self._numbers = itertools.count()
        self._prefix = f"SPOT{secrets.token_hex(3).upper()}_"

    @property
    def administrator(self) -> str:
        return self._place.username

    def url(self, user: str) -> str:
        return str(replace(self._place, username=user, password=self.password))

    def database(self) -> str:
        user = f"{self._prefix}{next(self._numbers)}"
        with self.connect(self.administrator) as connection, connection.cursor() as cursor:
            cursor.execute(f'CREATE USER {user} IDENTIFIED BY "{self.password}" QUOTA UNLIMITED ON users')
            self._made.append(user)
            for grant in _GRANTS:
                cursor.execute(f"GRANT {grant} TO {user}")
        return self.url(user)

    def connect(self, user: str) -> oracledb.Connection:
        password = self._secret if user == self.administrator else self.password
        where: dict[str, Any] = {
            "host": self._place.host,
            "port": self._place.port,
            "service_name": self._place.database,
        }
        return oracledb.connect(user=user, password=password, **where)

    def tell(self, what: str, *given: Any) -> Any:
        """A real server does nothing on request."""
        del given
        pytest.skip(f"only the test server can be told: {what}")

    def sweep(self) -> None:
        """Drop the accounts that were made: what asks the dictionary goes through all tables that are there."""
        with self.connect(self.administrator) as connection, connection.cursor() as cursor:
            while self._made:
                cursor.execute(f"DROP USER {self._made.pop()} CASCADE")

    def close(self) -> None:
        self.sweep()


class Oracle(Accounts):
    """The test server, as the others of the tests."""

    def __init__(self) -> None:
        self.folder = private_folder(self.name)
        secret = secrets.token_hex(12)
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, self.folder, secret), daemon=True)
        self._process.start()
        theirs.close()
        if not self._pipe.poll(_START_S):
            self.close()
            raise RuntimeError("the Oracle test server did not start")
        self.port: int = self._pipe.recv()
        super().__init__(f"oracle://{ADMINISTRATOR}:{secret}@127.0.0.1:{self.port}/TEST")

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def tell(self, what: str, *given: Any) -> Any:
        """Call `database.what(...)` or, with an argument, set `conduct.what`, in the server; its answer."""
        self._pipe.send((what, given))
        if not self._pipe.poll(_ANSWER_S):
            raise RuntimeError(f"the Oracle test server does not answer {what}")
        answer = self._pipe.recv()
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def sweep(self) -> None:
        super().sweep()
        self.tell("forget")  # each instant is a connection, and SQLite keeps all that was written since

    def close(self) -> None:
        self._pipe.close()
        self._process.join(10)
        if self._process.is_alive():
            self._process.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def _serve(pipe: Connection, folder: Path, password: str) -> None:
    """The other process."""
    from .store import Database
    from .wire import Conduct, encoded, serve

    database, conduct = Database(folder, {ADMINISTRATOR: password}), Conduct()
    database.encode = encoded
    served = serve(database, conduct)
    pipe.send(served.port)
    while True:
        try:
            what, given = pipe.recv()
        except (EOFError, OSError):
            return
        pipe.send(_answer(database, conduct, what, given))


def _answer(database: Any, conduct: Any, what: str, given: tuple[Any, ...]) -> Any:
    try:
        if not hasattr(conduct, what):
            return getattr(database, what)(*given)
        if given:
            setattr(conduct, what, given[0])
        return getattr(conduct, what)
    except BaseException as error:
        return error
