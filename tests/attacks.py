"""Runs that are killed, and what is expected of those that take them up again."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from forked import forked


def attack(**settings: object) -> subprocess.CompletedProcess[str]:
    """A run in a process of its own, with what it printed."""
    return forked(settings=settings)


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
