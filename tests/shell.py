"""`ropeway` in a process of its own, and what a person would look at afterwards."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from forked import forked

Done = subprocess.CompletedProcess[str]
TARGET = ("--target", "sqlite:///out.sqlite")


@dataclass(frozen=True)
class Shell:
    """Runs `ropeway` in a folder. Without an environment of its own a command is forked from a process that has
    imported everything, which is most of the time that a command takes; test_cli, the walk-throughs and what is
    interrupted start it as a person does.
    """

    folder: Path

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "ropeway.cli", *words]

    def __call__(self, *words: str, status: int = 0, environment: dict[str, str] | None = None) -> Done:
        done = forked(self.folder, words=words) if environment is None else self._anew(words, environment)
        assert done.returncode == status, f"status {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "-v" in words or "Traceback" not in done.stderr
        return done

    def _anew(self, words: tuple[str, ...], environment: dict[str, str]) -> Done:
        """As a person starts it: the environment may say how Python itself starts."""
        return subprocess.run(
            self.command(*words), cwd=self.folder, env=environment, capture_output=True, text=True, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def json(self, *words: str, status: int = 0) -> dict[str, Any]:
        """The one object on standard output of a command with --json."""
        found: dict[str, Any] = json.loads(self(*words, "--json", status=status).stdout)
        return found

    def refused(self, *words: str, status: int = 2) -> str:
        """The message of a command that fails, which is the same in JSON."""
        done = self(*words, "--json", status=status)
        found = json.loads(done.stdout)
        assert found["exit_status"] == status
        assert found["error"]["message"] in done.stderr
        return done.stderr

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(*words), cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )


def ask(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


def write(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(sql)
