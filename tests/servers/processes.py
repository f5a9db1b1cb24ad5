"""A server's process: in the keeping of guard.py, on a port of its own, never as root, gone with the test run."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil

GUARD = Path(__file__).parents[1] / "guard.py"
NOBODY = 65534
START_S = 60
USER = "ropeway"
_MEMORY, _PLENTY = "/dev/shm", 12 << 30  # folders of their own are made there; bytes
_MINE = "ropeway-"


class Absent(Exception):
    """The machine has no such server, or it does not start here; says which and what would help."""


class Gone(Exception):
    """The server's process ended by itself; carries the end of its log."""


def other_uid() -> int:
    """The uid that servers run under: ours, or nobody's when we are root."""
    return os.getuid() or NOBODY


def private_folder(name: str) -> Path:
    """Make an empty folder that belongs to the server's uid and that others cannot read."""
    where = _quick()
    _sweep(Path(where))
    folder = Path(tempfile.mkdtemp(prefix=f"{_MINE}{name}-{os.getpid()}-", dir=where))
    os.chown(folder, other_uid(), -1)
    return folder


def _quick() -> str:
    """Memory, where there is plenty: the suite takes a sixth less time than with the servers' files on a disk."""
    free = psutil.virtual_memory().available
    with contextlib.suppress(OSError):
        if min(free, shutil.disk_usage(_MEMORY).free) >= _PLENTY:
            return _MEMORY
    return tempfile.gettempdir()


def _sweep(where: Path) -> None:
    """Remove the folders of test runs that are gone with their guards: six of them once filled the memory."""
    for folder in where.glob(f"{_MINE}*-*-*"):
        maker = folder.name.split("-")[-2]
        if maker.isdecimal() and not psutil.pid_exists(int(maker)):
            shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def password() -> str:
    """A password that is random, so that a leak shows, and that a URL has to percent-encode."""
    return f"{secrets.token_hex(12)}@/%"


class Kept:
    """A program in the keeping of guard.py; its working folder holds `log` and goes when we go."""

    def __init__(self, folder: Path, command: list[str | Path]) -> None:
        self._log = folder / "log"
        self._guard = subprocess.Popen(
            [sys.executable, "-I", GUARD, folder, str(other_uid()), *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            env={"HOME": str(folder), "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL": "C"},
        )
        assert self._guard.stdout is not None
        with self._guard.stdout as answer:
            line = answer.readline()
        if not line:
            self.wait()
            raise Gone(f"{command[0]} could not be started: {self._tail()}")
        self.pid = int(line)

    @property
    def running(self) -> bool:
        return self._guard.poll() is None

    def wait(self, seconds: float = START_S) -> int:
        status = self._guard.wait(seconds)
        assert self._guard.stdin is not None
        self._guard.stdin.close()
        return status

    def end(self, number: signal.Signals) -> None:
        """Send a signal and wait for the end; SIGKILL goes to the children as well."""
        if self.running:
            with contextlib.suppress(psutil.NoSuchProcess):
                program = psutil.Process(self.pid)
                family = program.children(recursive=True) if number is signal.SIGKILL else []
                for process in (program, *family):
                    with contextlib.suppress(psutil.NoSuchProcess):
                        process.send_signal(number)
                psutil.wait_procs(family, START_S)
        self.wait()

    def until(self, answers: Callable[[], object], refusals: type[Exception]) -> None:
        """Wait until `answers` returns without one of `refusals`; Gone when the program ended."""
        limit = time.monotonic() + START_S
        while True:
            try:
                answers()
            except refusals:
                if not self.running:
                    raise Gone(self._tail()) from None
                if time.monotonic() > limit:
                    raise
                time.sleep(0.05)
            else:
                return

    def check(self) -> None:
        """Wait for the end of a program that does one thing; Gone when it failed."""
        if self.wait():
            raise Gone(self._tail())

    def _tail(self) -> str:
        with contextlib.suppress(OSError):
            return "\n".join(self._log.read_text(errors="replace").splitlines()[-15:])
        return "no log"


def started(make: Callable[[int], Kept], port: int = 0) -> tuple[int, Kept]:
    """Start a server on `port`, or on a free one, again where it ends while it starts.

    Another process may take the port meanwhile, and MariaDB was seen to crash at its start when two of them
    began at once on a loaded machine.
    """
    for attempt in range(4):
        chosen = port or free_port()
        try:
            return chosen, make(chosen)
        except Gone:
            if attempt == 3:
                raise
            time.sleep(0.5)
    raise AssertionError


def search_path() -> str:
    """PATH and where Debian keeps servers, which an ordinary user's PATH lacks."""
    return f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/usr/libexec"
