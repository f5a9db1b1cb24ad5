"""Small files that are there whole or not at all, whatever is killed, and who wrote them."""

from __future__ import annotations

import fcntl
import itertools
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ASIDE = ".tmp-"
_numbers = itertools.count()


def sync(path: Path) -> None:
    """Have the system write a file, or the entries of a folder, to its disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write(path: Path, content: object, *, lasting: bool = True) -> None:
    """Write JSON aside and rename it into place; `lasting` files are synced, others may go with a power cut."""
    # Threads of one process may write the same file at once.
    aside = path.with_name(f"{ASIDE}{os.getpid()}-{next(_numbers)}-{path.name}")
    aside.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8")
    if lasting:
        sync(aside)
    aside.replace(path)
    if lasting:
        sync(path.parent)


def read(path: Path) -> Any:
    """A file's JSON."""
    return json.loads(path.read_text("utf-8"))


def this_owner() -> dict[str, object]:
    """This process, told from a later one of the same number by when it started."""
    return {"pid": os.getpid(), "started": _started(os.getpid()), "host": os.uname().nodename}


def is_alive(owner: dict[str, object]) -> bool:
    """Whether the process that wrote its name still runs; that of another host is taken to."""
    if owner.get("host") != os.uname().nodename:
        return True
    pid = int(str(owner["pid"]))
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return _started(pid) == owner["started"]


def _started(pid: int) -> str:
    """The process's start in clock ticks since boot; '' where /proc does not tell."""
    try:
        # The name, the second field, may hold blanks and parentheses.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""


def lock(path: Path) -> int | None:
    """An exclusive lock that goes with the process: the open file to close, or None if it is taken."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    return handle


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Wait for the lock and hold it meanwhile."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
