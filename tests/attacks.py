"""Runs that are killed, and what is expected of those that take them up again."""

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
from typing import Any

NURSERY = Path(__file__).with_name("faults") / "nursery.py"
_TIMEOUT_S = 100


class _Nursery:
    """The process that victims are forked from; one of each worker of pytest's, which it ends with."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # OpenBLAS would start threads, which are not there any more behind a fork.
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, str(NURSERY)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def run(self, settings: dict[str, object], stdout: str, stderr: str) -> int:
        order = {
            "settings": settings, "folder": os.getcwd(), "environment": dict(os.environ), "stdout": stdout,  # noqa: PTH109
            "stderr": stderr,
        }  # fmt: skip
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
                return int(told.readline())
            finally:
                timer.cancel()


@functools.cache
def _nursery() -> _Nursery:
    return _Nursery()


def attack(**settings: object) -> subprocess.CompletedProcess[str]:
    """A run in a process of its own, with what it printed."""
    with tempfile.NamedTemporaryFile("r") as stdout, tempfile.NamedTemporaryFile("r") as stderr:
        status = _nursery().run(settings, stdout.name, stderr.name)
        return subprocess.CompletedProcess([], status, stdout.read(), stderr.read())


def finished(settings: dict[str, Any]) -> dict[str, Any]:
    """Resume until the run ends; the resumed process must not need luck."""
    done = attack(**{**settings, "point": "", "after_s": 0, "resume": True})
    if "did not end" not in done.stderr and "No run of this job is unfinished" in done.stderr:
        done = attack(**{**settings, "point": "", "after_s": 0})  # killed before the run was recorded
    assert done.returncode == 0, done.stderr[-3000:]
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def ended(settings: dict[str, Any]) -> bool:
    """Whether the kill came after the run's end: no run is unfinished, and its tables are there."""
    again = attack(**{**settings, "point": "", "after_s": 0, "resume": True, "dry": True})
    return again.stdout.strip() == "ended"


def equal_to_what_was_read(answer: dict[str, Any]) -> None:
    claims = {table["target"]: table["claim"] for table in answer["report"]["tables"]}
    # Between PostgreSQL servers bytes pass undecoded, and the source's sum is taken within its snapshot.
    assert set(claims.values()) <= {"target equals what was read", "target equals source", "not verified"}, claims
    unverified = [table["reason"] for table in answer["report"]["tables"] if table["claim"] == "not verified"]
    assert all("merge" in reason for reason in unverified), unverified
