"""Waiting for room: where a disk is full, a run pauses, says so, and goes on once there is some."""

from __future__ import annotations

import threading

from .job import Job

EVERY_S = 15.0


def awaited(job: Job, what: str, error: Exception, stop: threading.Event, *, again: bool) -> bool:
    """Wait a moment for room; False where the run is to stop. Said once, unless it is for the same thing `again`."""
    if not again:
        said = (str(error).strip().splitlines() or [""])[0]
        job.progress.said(
            f"No room for {what}: {said} The run pauses, and tries again every {EVERY_S:.0f} s; "
            "Ctrl-C ends it, and --resume goes on later."
        )
    return not stop.wait(EVERY_S)
