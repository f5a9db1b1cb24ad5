"""Processes without their imports: forked from one that has done them (faults/nursery.py), one after the other."""

from __future__ import annotations

import functools
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

NURSERY = Path(__file__).with_name("faults") / "nursery.py"
_TIMEOUT_S = 100
_MOST = 600 << 20  # bytes: what --max-memory is unless somebody says another, and none of these does


def forked(folder: str | Path = ".", **what: object) -> subprocess.CompletedProcess[str]:
    """One with these `words` or `settings`, and what it printed; its standard input is empty."""
    with tempfile.NamedTemporaryFile("r") as stdout, tempfile.NamedTemporaryFile("r") as stderr:
        order = {**what, "folder": str(Path(folder).absolute()), "environment": dict(os.environ)}
        status, peak = _nursery().run({**order, "stdout": stdout.name, "stderr": stderr.name})
        assert peak <= _MOST, f"{what} held {peak:,} bytes"
        return subprocess.CompletedProcess([], status, stdout.read(), stderr.read())


class _Nursery:
    """The process that others are forked from; one of each worker of pytest's, which it ends with."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # OpenBLAS would start threads, which are not there any more behind a fork.
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, str(NURSERY)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def run(self, order: dict[str, object]) -> tuple[int, int]:
        asked, told = self._process.stdin, self._process.stdout
        assert asked
        assert told
        with self._lock:
            asked.write(json.dumps(order) + "\n")
            asked.flush()
            child = int(told.readline())
            timer = threading.Timer(_TIMEOUT_S, os.kill, (child, signal.SIGABRT))
            timer.start()
            try:
                status, peak = told.readline().split()
                return int(status), int(peak)
            except BaseException:  # such as pytest's timeout: the next one must not read this one's status
                _nursery.cache_clear()
                os.kill(child, signal.SIGKILL)
                raise
            finally:
                timer.cancel()


@functools.cache
def _nursery() -> _Nursery:
    return _Nursery()
