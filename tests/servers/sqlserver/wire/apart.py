"""The server in a process of its own.

Some drivers hold Python's lock while they wait for a reply: pyodbc when it asks what parameters are, mssql-python when
it reads a (max) value into Arrow. A server in a thread of the same process would never get to answer them.

Parent and child exchange pickled values over the child's standard input and output; the child ends with its input, so
it cannot outlive the parent.
"""

from __future__ import annotations

import importlib
import pickle
import subprocess
import sys
from pathlib import Path
from typing import IO, Any

from .conduct import Conduct
from .serve import serve

_TESTS = Path(__file__).resolve().parents[3]
_COUNTERS = ("trips", "octets_in", "octets_out", "drop_after")


class Apart:
    """A server whose store is what `make` returns: "module:callable", imported from the folder of the tests."""

    def __init__(self, make: str, certificate: tuple[Path, Path] | None = None) -> None:
        command = [sys.executable, "-m", __spec__.name, make, *map(str, certificate or ())]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=_TESTS)
        self.port: int = self._ask("port")

    def behave(self, **changes: Any) -> None:
        """Change the server's Conduct, e.g. delay=0.1, trips=0."""
        self._ask("behave", changes)

    def counted(self) -> dict[str, int]:
        """What its Conduct has counted."""
        counters: dict[str, int] = self._ask("counted")
        return counters

    def store(self, method: str, *arguments: Any) -> Any:
        """What a method of the store returns."""
        return self._ask("store", method, arguments)

    def close(self) -> None:
        self._process.communicate()

    def _ask(self, *question: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        pickle.dump(question, self._process.stdin)
        self._process.stdin.flush()
        try:
            told, answer = pickle.load(self._process.stdout)  # noqa: S301 - from our own child
        except EOFError:
            self.close()
            raise AssertionError("the server has ended: see what it wrote to standard error") from None
        if not told:
            raise AssertionError(answer)
        return answer


def _answers(make: str, certificate: tuple[Path, Path] | None, asked: IO[bytes], told: IO[bytes]) -> None:
    module, name = make.split(":")
    store, conduct = getattr(importlib.import_module(module), name)(), Conduct()
    server = serve(store, conduct, certificate=certificate)
    while True:
        try:
            what, *rest = pickle.load(asked)  # noqa: S301 - from our own parent
        except EOFError:
            break
        answer: tuple[bool, Any]
        try:
            answer = True, _answer(what, rest, store, conduct, server.port)
        except Exception as error:
            answer = False, repr(error)  # not each exception can be pickled
        pickle.dump(answer, told)
        told.flush()
    server.close()


def _answer(what: str, rest: list[Any], store: Any, conduct: Conduct, port: int) -> Any:
    if what == "behave":
        for name, value in rest[0].items():
            setattr(conduct, name, value)
        return None
    if what == "counted":
        return {name: getattr(conduct, name) for name in _COUNTERS}
    if what == "store":
        method, arguments = rest
        return getattr(store, method)(*arguments)
    return port


if __name__ == "__main__":
    answers, sys.stdout = sys.stdout.buffer, sys.stderr  # what anything prints must not lie among the answers
    files = [Path(name) for name in sys.argv[2:]]
    _answers(sys.argv[1], (files[0], files[1]) if files else None, sys.stdin.buffer, answers)
