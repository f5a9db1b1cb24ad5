"""The coordinator's loader, which holds every table of the target that a run writes against a second run."""

from __future__ import annotations

from contextlib import ExitStack

from .engine import Loader
from .job import Job
from .start import held, holder


def opened(stack: ExitStack, job: Job) -> Loader:
    """The coordinator's loader, holding every target table against a second run."""
    loader = job.target.loader(job.target_address)
    stack.callback(loader.close)
    for relation in dict.fromkeys(hop.writes for hop in job.plan.landings):
        if not held(loader, str(relation)):
            raise holder(loader, relation)
    return loader
