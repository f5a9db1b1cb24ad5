"""Running a command and measuring it: wall time, CPU and peak memory of all its processes, and the servers' CPU."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_INTERVAL_S = 0.05
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Command:
    """What is started; its standard input may hold secrets, so it is never recorded."""

    arguments: Sequence[str]
    environment: Mapping[str, str]
    stdin: str = ""


@dataclass(frozen=True)
class Measured:
    """One repetition. `peak` is the largest sum of resident bytes, sampled 20 times a second, and never less than
    the largest resident size of one of the processes, which the kernel keeps.
    """

    seconds: float
    cpu: float
    servers_cpu: float
    peak: int
    status: int
    output: str
    errors: str


def _inherited() -> dict[str, str]:
    """Our environment, but with Python's bytecode kept, as it is on any machine where a program runs twice."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def measured(command: Command, servers_cpu: Callable[[], float], timeout: float) -> Measured:
    """Run a command to its end; one that takes longer than `timeout` seconds is killed with all its processes."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        before, started = servers_cpu(), time.monotonic()
        process = subprocess.Popen(
            command.arguments, stdin=subprocess.PIPE, stdout=out, stderr=err, start_new_session=True,
            env={**_inherited(), **command.environment}, text=True,
        )  # fmt: skip
        watch = _Watch(process.pid, timeout)
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(command.stdin)
            process.stdin.close()
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.monotonic() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        watch.end()
        for stream in (out, err):
            stream.seek(0)
        return Measured(
            round(seconds, 3), round(used.ru_utime + used.ru_stime, 3), round(servers_cpu() - before, 3), watch.peak,
            process.returncode, out.read(), err.read()[-4000:],
        )  # fmt: skip


class _Watch:
    """Looks at a process and all that descend from it, in a thread, until the end."""

    def __init__(self, pid: int, timeout: float) -> None:
        self.peak = 0
        self._pid = pid
        self._limit = time.monotonic() + timeout
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        while not self._over.wait(_INTERVAL_S):
            pids = _family(self._pid)
            self.peak = max(self.peak, sum(map(_resident, pids)), *map(_highest, pids), 0)
            if time.monotonic() > self._limit:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._pid, 9)

    def end(self) -> None:
        self._over.set()
        self._thread.join()


def _family(pid: int) -> list[int]:
    found = [pid]
    for known in found:
        with contextlib.suppress(OSError):
            for thread in Path(f"/proc/{known}/task").iterdir():
                found += map(int, (thread / "children").read_text().split())
    return found


def _resident(pid: int) -> int:
    with contextlib.suppress(OSError, IndexError, ValueError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    return 0


def _highest(pid: int) -> int:
    with contextlib.suppress(OSError, ValueError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) << 10
    return 0
