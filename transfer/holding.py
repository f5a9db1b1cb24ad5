"""The coordinator's loader, which holds every table of the target that a run writes against a second run."""

from __future__ import annotations

from contextlib import ExitStack, closing, suppress

from .engine import Loader, Session
from .errors import EngineError
from .job import Job
from .start import held, holder


def opened(stack: ExitStack, job: Job) -> Loader:
    """The coordinator's loader, holding every target table against a second run."""
    loader = job.target.loader(job.target_address)
    stack.callback(left, loader, job)
    for relation in dict.fromkeys(hop.writes for hop in job.plan.landings):
        if not held(loader, str(relation)):
            raise holder(loader, relation)
    return loader


def heed(loader: Loader) -> None:
    """EngineError where the coordinator's connection was lost, and with it the locks that keep other runs out."""
    if getattr(loader, "lost", False):
        raise EngineError(
            "The connection that keeps other runs out of the target's tables was lost.",
            remedy="What has landed stays: go on with --resume.",
        )


def left(loader: Loader, job: Job) -> None:
    """Close a loader, of a connection that was lost also what the server has of it: its locks would be in the way."""
    lost = getattr(loader, "lost", False)
    loader.close()
    if lost:
        # The server may be gone, too.
        with suppress(Exception), closing(job.target.connect(job.target_address)) as other:
            end(loader, other)


def end(loader: Loader, by: Session) -> None:
    """End what a server may still have of a connection that was lost, through another."""
    if what := getattr(loader, "end", None):
        what(by)
