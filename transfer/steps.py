"""Carrying out the statements of a plan, one by one: made, tried again, left out, or refused in words."""

from __future__ import annotations

import random
import time
from contextlib import suppress
from threading import Event

from . import room
from .commit import leave_out
from .engine import Loader
from .errors import DataError, EngineError, RopewayError
from .job import Job
from .ledger import LEFT_OUT
from .plan import Statement
from .schema.sql import nothing
from .swapping import swap
from .violation import made, unreferred

TRIES = 4


def carry_out(job: Job, statement: Statement, loader: Loader, journal: dict[str, str], stop: Event) -> None:
    """Carry out a statement that the journal does not call done, and say so; a spare one may be refused.

    Where there is no room for it, that is waited for, until the run is to `stop`. Raises DataError where rows break a
    constraint, EngineError for any other refusal of the target.
    """
    state = journal.get(statement.name, "")
    if state not in ("done", LEFT_OUT):
        job.progress.stepping(statement)
    try:
        now = _with_room(job, statement, loader, state, stop)
    except RopewayError:
        raise
    except Exception as error:
        if statement.spare and job.target.classify(error) not in ("transient", "space", "log", "memory"):
            leave_out(job.plan.run, statement, "", loader)
            job.progress.said(f"Left out: {statement.name.split(' ', 1)[1]}: {job.target.name} refuses it: {error}")
            return
        ours = job.target.classify(error) == "data"
        kind = DataError if ours else EngineError
        raise kind(
            f"{job.target.name} refused to {statement.name.split(' ', 1)[1]}: {error}"
            f"{_without_parents(job, statement, loader) if ours else ''}",
            remedy="What is done stays done. Mend the cause and go on with --resume.",
        ) from error
    if now == LEFT_OUT and state != LEFT_OUT:
        job.progress.said(f"Left out: {statement.name.split(' ', 1)[1]}")
    elif state not in ("done", LEFT_OUT):
        job.progress.stepped(statement)


def _without_parents(job: Job, statement: Statement, loader: Loader) -> str:
    """The rows that refer to nothing, behind what the server says, which may be the foreign key's name only."""
    with suppress(Exception):  # of a connection that is gone, say; the server's own words are said in any case
        found = unreferred(job.plan, statement, loader, job.target)
        return f". {found[0].upper()}{found[1:]}." if found else ""
    return ""


def _with_room(job: Job, statement: Statement, loader: Loader, state: str, stop: Event) -> str:
    """Carry out a statement, pausing while there is no room for it; if it may be half done, its check decides."""
    again = False
    while True:
        try:
            return _made(job, statement, loader, state)
        except Exception as error:
            waits = job.target.classify(error) in ("space", "log") and not statement.spare
            if not waits or not room.awaited(job, statement.name.split(" ", 1)[1], error, stop, again=again):
                raise
            again, state = True, state if statement.atomic else "started"
            with suppress(Exception):
                loader.ask(nothing(job.target))
                continue
            raise


def _made(job: Job, statement: Statement, loader: Loader, state: str) -> str:
    """Carry out a statement, again after a transient failure (a deadlock) that has rolled all of it back."""
    for attempt in range(1, TRIES + 1):
        try:
            if statement.swap and state not in ("done", LEFT_OUT):
                swap(job.plan, statement, loader, job.target, job.target_address)
                return "done"
            return made(job.plan, statement, loader, state, job.target)
        except Exception as error:
            again = statement.atomic or statement.swap  # a swap that did not happen has left nothing
            if not again or attempt == TRIES or job.target.classify(error) != "transient":
                raise
            back_off(attempt)
            with suppress(Exception):
                loader.ask(nothing(job.target))
                continue
            raise
    raise AssertionError


def back_off(attempt: int) -> None:
    """Wait, longer after each attempt: up to 0.4 s after the first."""
    time.sleep(random.uniform(0, 0.2 * 2**attempt))  # noqa: S311 - full jitter
