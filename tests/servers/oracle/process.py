"""The Oracle test server in a process of its own, told what to do over a pipe; it ends when the pipe does."""

from __future__ import annotations

import itertools
import multiprocessing
import secrets
import shutil
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import oracledb

from ..processes import private_folder

_START_S, _ANSWER_S = 60, 60
ADMINISTRATOR = "ADMIN"


class Oracle:
    """The server, as the others of the tests: `database()` is a new, empty schema and its URL."""

    name = "oracle"

    def __init__(self) -> None:
        self.folder = private_folder(self.name)
        self.password = secrets.token_hex(12)
        self._numbers = itertools.count(1)
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, self.folder, self.password), daemon=True)
        self._process.start()
        theirs.close()
        if not self._pipe.poll(_START_S):
            self.close()
            raise RuntimeError("the Oracle test server did not start")
        self.port: int = self._pipe.recv()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def url(self, user: str) -> str:
        return f"oracle://{user}:{self.password}@127.0.0.1:{self.port}/TEST"

    def database(self) -> str:
        """A URL of a fresh account, whose schema is empty and whose password is that of all."""
        user = f"SPOT{next(self._numbers)}"
        with self.connect(ADMINISTRATOR) as connection, connection.cursor() as cursor:
            cursor.execute(f'CREATE USER {user} IDENTIFIED BY "{self.password}"')
            cursor.execute(f"GRANT ALL TO {user}")
        return self.url(user)

    def connect(self, user: str) -> oracledb.Connection:
        where: dict[str, Any] = {"host": "127.0.0.1", "port": self.port, "service_name": "TEST"}
        return oracledb.connect(user=user, password=self.password, **where)

    def tell(self, what: str, *given: Any) -> Any:
        """Call `database.what(...)` or, with an argument, set `conduct.what`, in the server; its answer."""
        self._pipe.send((what, given))
        if not self._pipe.poll(_ANSWER_S):
            raise RuntimeError(f"the Oracle test server does not answer {what}")
        answer = self._pipe.recv()
        if isinstance(answer, BaseException):
            raise answer
        return answer

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
