"""The keys of merged rows, loaded into the target's map of them: once, with a receipt, and proven there."""

from __future__ import annotations

from dataclasses import replace

from .commit import land
from .engine import Loader, Receipt
from .errors import EngineError, RopewayError
from .flow import Tally
from .job import Job
from .plan import Hop
from .stage import Stage
from .verification import target_sum

_KEPT = 2_000_000  # the journal's entries of maps are numbered apart from all others


def kept(hop: Hop) -> list[str]:
    """The journal's entry on a hop's map, where it has one."""
    number, _, rest = hop.name.partition(" ")
    return [f"{-_KEPT - int(number)} the keys of {rest} are kept"] if hop.keymap else []


def keep_keys(job: Job, stage: Stage, loader: Loader, removed: int, attempt: str) -> None:
    """Load a hop's map unless it has a receipt. EngineError if the target then holds anything but what was decided."""
    keymap = stage.hop.keymap
    assert keymap  # noqa: S101 - asked before
    tally, (part,) = Tally(keymap), keymap.slices
    tally.seen(removed)
    rows = tally.counted(stage.keys(keymap), job.plan, lambda hop, rows, size: None)
    try:
        land(job.plan.run, part, attempt, "what was decided", rows, tally, loader)
    except RopewayError:
        raise
    except Exception as error:
        raise EngineError(
            f"{job.target.name} refused the keys of merged rows for {keymap.writes}: {error}", table=str(keymap.writes),
            remedy="What is done stays done. Mend the cause and go on with --resume.",
        ) from error  # fmt: skip
    (receipt,) = [one for one in loader.ledger.receipts(job.plan.run) if one.hop == keymap.name]
    _prove(job, keymap, receipt, removed, loader)
    job.progress.said(f"{keymap.writes}: the keys of {removed:,} merged rows are kept.")


def _prove(job: Job, keymap: Hop, receipt: Receipt, removed: int, loader: Loader) -> None:
    there = replace(keymap, writes=keymap.into)
    rows, found = target_sum(job.target, loader, there, want_sum=bool(job.plan.checksum))
    if rows != removed or (found and receipt.checksum and found != receipt.checksum):
        raise EngineError(
            f"{keymap.into} holds {rows} keys, and {removed} rows were merged"
            f"{'' if rows != removed else ', but its values are others'}.",
            table=str(keymap.writes), remedy="Somebody else has written to it: begin the run anew with --fresh.",
        )  # fmt: skip
