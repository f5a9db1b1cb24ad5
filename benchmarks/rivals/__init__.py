"""What a user would use instead: each module is a Rival, whose command is None for a task that is not for it."""

from __future__ import annotations

import importlib
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, cast
from urllib.parse import urlsplit

from measure import Command
from shapes import Shape

NAMES = ("pipe", "pgloader", "sling", "pandas", "duckdb")


@dataclass(frozen=True)
class Task:
    """A table to be moved. `opening` and `closing` are the statements that Ropeway's plan has for the same target."""

    source: str
    target: str
    source_url: str = field(repr=False)
    target_url: str = field(repr=False)
    shape: Shape
    opening: Sequence[str]
    closing: Sequence[str]
    workers: int

    @property
    def pair(self) -> tuple[str, str]:
        return self.source, self.target


class Rival(Protocol):
    """An adapter."""

    def absent(self) -> str:
        """Why it cannot run here; '' if it can."""
        ...

    def version(self) -> str:
        """What it calls itself."""
        ...

    def command(self, task: Task) -> Command | None:
        """The timed part: make the table, load it, build its key, analyze it."""
        ...


def rival(name: str) -> Rival:
    if name not in NAMES:
        raise ValueError(f"No rival is called {name}; known: {', '.join(NAMES)}")
    return cast("Rival", importlib.import_module(f"rivals.{name}"))


def lacking(*programs: str) -> str:
    missing = [name for name in programs if shutil.which(name) is None]
    return f"not installed: {', '.join(missing)}" if missing else ""


def said(*arguments: str) -> str:
    """The first line that a program prints."""
    told = subprocess.run(arguments, capture_output=True, text=True, check=False)
    return (told.stdout or told.stderr).strip().split("\n")[0]


def libpq(url: str, prefix: str = "") -> dict[str, str]:
    """A PostgreSQL URL as libpq's environment, so that no password is in the arguments."""
    parts = urlsplit(url)
    return {
        f"{prefix}PGHOST": parts.hostname or "",
        f"{prefix}PGPORT": str(parts.port),
        f"{prefix}PGUSER": parts.username or "",
        f"{prefix}PGPASSWORD": parts.password or "",
        f"{prefix}PGDATABASE": parts.path[1:],
    }


def file_of(url: str) -> Path:
    """The file or folder of a URL that names no host, such as sqlite:////tmp/file."""
    return Path(urlsplit(url).path[1:])
