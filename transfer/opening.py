"""Connections of the workers: as many as the servers let in, and all of them to one server on each side."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .engine import Loader, Source
from .errors import AnotherServer, Refused
from .job import Job
from .plan import Hop
from .steps import TRIES, back_off


def source(job: Job, hops: Sequence[Hop], readers: int) -> Source:
    """The source with so many readers, or with fewer where its server lets no more in."""
    told = ""
    while True:
        try:
            made = job.source.open(job.source_address, hops, job.plan.consistency, readers)
        except Refused as error:
            if readers == 1 or not _passes(job.source.classify, error):
                raise
            readers //= 2
            told = f"{_said(error)} The run goes on with {readers} readers at most."
        else:
            if told:
                job.progress.said(told)
            return made


def beside(job: Job, first: Loader, over: Callable[[], bool]) -> Loader | None:
    """A loader beside the coordinator's; None where its server lets no more in, after some tries, or all is `over`.

    AnotherServer where its rows would go elsewhere: the coordinator's locks would not be there.
    """
    for attempt in range(1, TRIES + 1):
        try:
            return _checked(job, first, job.target.loader(job.target_address))
        except Refused as error:
            if not _passes(job.target.classify, error):
                raise
            if over():
                return None
            if attempt == TRIES:
                job.progress.said(f"{_said(error)} The run goes on with fewer workers.")
                return None
            back_off(attempt)
    raise AssertionError


def _checked(job: Job, first: Loader, made: Loader) -> Loader:
    known, found = (str(getattr(loader, "server", "")) for loader in (first, made))
    if known != found:
        made.close()
        raise AnotherServer(job.target_address, known, found)
    return made


def _passes(classify: Callable[[BaseException], str], error: Refused) -> bool:
    return error.__cause__ is not None and classify(error.__cause__) == "transient"


def _said(error: Refused) -> str:
    return f"{' '.join(str(error.message).split())}."
