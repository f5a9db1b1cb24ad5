"""Carrying out a plan: its statements before the rows, the hops of each source, its statements after them."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from contextlib import ExitStack, suppress

import pyarrow as pa

from .engine import Loader, Receipt
from .errors import EngineError
from .gathering import groups_of
from .holding import opened
from .interrupt import Interrupt
from .job import Job
from .mover import Mover
from .resume import unfed
from .start import begin, count_before, taken_up
from .steps import carry_out
from .swapping import set_right
from .throttle import Pace

_M_ARENA_MAX, _M_MMAP_THRESHOLD = -8, -3  # of glibc's mallopt(3)


def execute(
    job: Job, interrupt: Interrupt | None = None, *, fresh: bool = True, prove: Callable[[Loader], None] | None = None
) -> list[Receipt]:  # fmt: skip
    """Carry out what of a plan has no receipt yet; all receipts of the run.

    A `fresh` run is written into the ledger first; another must be there. Before tables are swapped in, they are to be
    `prove`d. Raises RopewayError, and KeyboardInterrupt after an interrupt, with the current slices landed.
    """
    # Where bytes pass undecoded, the source's library does the work, and nothing else holds rows.
    undecoded = all(hop.raw for hop in job.plan.hops)
    if not undecoded:
        _give_back()
    for origin in job.plan.origins:
        job.at(origin).source.limit_memory(job.limits.undecoded if undecoded else job.limits.reading)
    job.target.limit_memory(job.limits.loading)
    interrupt = interrupt or Interrupt()
    pace = Pace(job, interrupt.asked)
    with ExitStack() as stack:
        stack.callback(pace.close)
        pace.check()
        loader = opened(stack, job)
        if fresh:
            begin(job.plan, loader)
        else:
            taken_up(job.plan, loader)
            set_right(job.plan, job.target, loader)
        count_before(job.plan, loader, job.target_address)
        journal = loader.ledger.journaled(job.plan.run)
        job.progress.planned(job.plan, loader.ledger.receipts(job.plan.run))
        for statement in job.plan.statements:
            if statement.phase == "before":
                interrupt.heed()
                carry_out(job, statement, loader, journal, interrupt.asked)
        mover = _move_all(stack, job, loader, journal, interrupt, pace)
        journal = loader.ledger.journaled(job.plan.run)
        for phase in ("after", "swap"):
            if phase == "swap" and prove:
                interrupt.heed()
                prove(loader)
            for statement in job.plan.statements:
                if statement.phase == phase:
                    interrupt.heed()
                    carry_out(job, statement, mover.keepers.of(statement, loader), journal, interrupt.asked)
        receipts = loader.ledger.receipts(job.plan.run)
        loader.ledger.finish(job.plan.run, "loaded")
        mover.release()
        return receipts


def _move_all(
    stack: ExitStack, job: Job, loader: Loader, journal: dict[str, str], interrupt: Interrupt, pace: Pace
) -> Mover:
    """Move the hops of one source after the other.

    A table that several feed starts over as a whole: then those before are gone through again, once, for by then all
    that is proven stands.
    """
    movers = [(Mover(job.at(one), loader, journal, interrupt, pace), job.plan.part(one)) for one in job.plan.origins]
    for mover, _ in movers:
        stack.callback(mover.keepers.close)
    groups = [(mover, group) for mover, part in movers for group in groups_of(part)]
    with ExitStack() as held:
        for mover, group in groups:
            mover.gather(group, held)
        movers[0][0].decide()
        for _ in movers[:2]:
            for mover, group in groups:
                mover.move(group)
            if not (left := unfed(job.plan, loader.ledger.receipts(job.plan.run))):
                return movers[0][0]
    raise EngineError(
        f"{', '.join(left)} changed while it was read again, and has not landed as a whole.",
        remedy="Go on with --resume.",
    )


def _give_back() -> None:
    """Have freed memory go back to the system, for the queues' bytes are counted once.

    Arrow's own pool kept a third more than it held. glibc keeps what is freed below a threshold that grows with the
    sizes it sees, in an arena for each thread. Two arenas and a fixed threshold took 120 MB off SQLite to DuckDB's
    peak of 690, and no time.
    """
    pa.set_memory_pool(pa.system_memory_pool())
    with suppress(AttributeError, OSError):  # another C library has no such call, and no such arenas
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_ARENA_MAX, 2)
        libc.mallopt(_M_MMAP_THRESHOLD, 256 << 10)
