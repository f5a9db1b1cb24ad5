"""The coordinator's loader, which holds every table of the target that a run writes against a second run."""

from __future__ import annotations

import time
from contextlib import ExitStack

from .engine import Loader
from .errors import EngineError
from .job import Job

_HOLD_TRIES = 6


def opened(stack: ExitStack, job: Job) -> Loader:
    """The coordinator's loader, holding every target table against a second run."""
    loader = job.target.loader(job.target_address)
    stack.callback(loader.close)
    for name in dict.fromkeys(str(hop.writes) for hop in job.plan.hops):
        if not _held(loader, name):
            raise EngineError(
                f"Another run of Ropeway is moving rows into {name}.",
                table=name,
                remedy="'ropeway status' names it. Its lock goes with its process.",
            )
    return loader


def _held(loader: Loader, name: str) -> bool:
    """Hold a table, waiting a moment: a killed run's session may not have noticed its client's death yet."""
    for _ in range(_HOLD_TRIES):
        if loader.hold(name):
            return True
        time.sleep(0.5)
    return False
