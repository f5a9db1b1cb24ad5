"""A run that kills itself at a named point: `python victim.py SETTINGS_JSON`.

The points are laid around Ropeway's own functions from outside; nothing in the package knows of them.
Settings: source, target (URLs), point, nth (which passing of the point kills), resume, mode, workers; or rollback,
a run that is rolled back, or undo, one that is cleaned.
Prints the run's report as JSON if it gets to its end.
"""

from __future__ import annotations

import functools
import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, NoReturn

from ropeway.cli import proof, wire
from ropeway.cli.back import rollback
from ropeway.cli.job import job
from ropeway.partitioning.declared import call_of
from ropeway.transfer import (
    flow,
    gathering,
    keymap,
    ledger,
    quarantine,
    resume,
    splitting,
    stage,
    steps,
    swapping,
    violation,
)
from ropeway.transfer import mover as running
from ropeway.transfer.engines.files import ledger as folders
from ropeway.transfer.engines.mysql import cutover as gates
from ropeway.transfer.place import parse
from ropeway.transfer.request import Choice, Request
from ropeway.transforms.steps import calls_of, over_of


class Fuse:
    """Counts passings of its point over all threads; the nth one kills the process."""

    def __init__(self, nth: int) -> None:
        self._left = nth
        self._lock = threading.Lock()

    def burn(self) -> None:
        with self._lock:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


def around(owner: Any, name: str, fuse: Fuse, *, before: bool) -> None:
    original: Callable[..., Any] = getattr(owner, name)

    @functools.wraps(original)
    def wrapped(*arguments: Any, **named: Any) -> Any:
        if before:
            fuse.burn()
        answer = original(*arguments, **named)
        if not before:
            fuse.burn()
        return answer

    setattr(owner, name, wrapped)


# Whose function a point is at, and whether it is before or behind it.
POINTS: dict[str, tuple[Any, str, bool]] = {
    "opened": (ledger.SqlLedger, "open", False),  # the run is there, and nothing else of it
    "claimed": (ledger.SqlLedger, "claim", False),
    "loading": (flow.Tally, "receipt", True),
    "settled": (ledger.SqlLedger, "settle", False),
    "landed": (running, "land", False),
    "whole": (running.Mover, "_prove", True),  # all slices of a table have landed
    "part": (splitting, "land_part", True),
    "parted": (splitting, "land_part", False),
    "unrejected": (ledger.SqlLedger, "unreject", False),
    "thinned": (resume, "thin_out", False),  # some rows of a table that starts over are gone
    "syncing": (folders, "sync", True),  # a slice's files are renamed, and have no receipt
    "stepping": (ledger.SqlLedger, "journal turn", True),  # either of them
    "stepped": (violation, "step", False),
    "gathering": (stage.Stage, "put", True),
    "deciding": (stage.Stage, "sum", True),  # the files are there, and the journal does not say so
    "decided": (gathering.Gathering, "_decide", False),
    "mapping": (keymap, "land", True),
    "mapped": (keymap, "land", False),
    "proving": (steps, "swap", True),
    "swapping": (swapping, "_prove", False),  # proven, in the transaction that swaps
    "swapped": (steps, "swap", False),
    "locked": (gates, "_rename", True),  # proven behind the gate, and foreign keys led over
    "unlocking": (gates, "_each", True),  # the second time; the RENAME waits
    "unlocked": (gates, "_each", False),
    "renamed": (gates, "_rename", False),
    "finished": (ledger.SqlLedger, "finish", False),  # all is loaded, and not proven, or proven and not told
    "proven": (proof, "_text", True),  # a shadow is, and the journal does not say so of all that feed it
    "forgetting": (ledger.SqlLedger, "forget", True),  # all is undone, and the ledger does not say so
    "moving": (quarantine, "move", True),
    "moved": (quarantine, "move", False),
}


def lay(point: str, fuse: Fuse) -> None:
    owner, names, before = POINTS[point]
    for name in names.split():
        around(owner, name, fuse, before=before)


def main() -> None:
    wanted = json.loads(sys.argv[1])
    if wanted.get("point"):
        lay(wanted["point"], Fuse(wanted["nth"]))
    if wanted.get("after_s"):
        threading.Timer(wanted["after_s"], lambda: os.kill(os.getpid(), signal.SIGKILL)).start()
    if wanted.get("job"):  # of several sources
        found = job(**wanted["job"])
        told(wire.run(found.request, found.secrets, resume=wanted.get("resume", False)))
    source, source_secret = parse(wanted["source"])
    target, target_secret = parse(wanted["target"])
    if wanted.get("rollback"):
        rollback(wanted["rollback"], wanted["target"])
        os._exit(0)
    if wanted.get("undo"):
        wire.clean(wanted["undo"], wanted["target"])
        os._exit(0)
    steps, dedup = wanted.get("transforms", {}), wanted.get("dedup", {})
    request = Request(
        source,
        target,
        choices=(
            *(Choice(table) for table in wanted.get("tables", ["*"])),
            *(
                Choice(
                    table,
                    transforms=calls_of(steps.get(table, [])),
                    over=over_of(dedup[table]) if table in dedup else (),
                )
                for table in {**steps, **dedup}
            ),
            *(Choice(table, partition=call_of(spec)) for table, spec in wanted.get("partition", {}).items()),
        ),
        mode=wanted.get("mode", "create"),
        consistency=wanted.get("consistency", "run"),
        on_violation=wanted.get("on_violation", "stop"),
        slice_rows=wanted.get("slice_rows", 300),
        max_rejects=wanted.get("max_rejects", ""),
    )
    secrets = wire.Secrets(source_secret, target_secret)
    if wanted.get("dry"):
        ended = [known.state for known in wire.status(wanted["target"])] in (["done"], ["different"])
        print("ended" if ended else "not ended", flush=True)  # noqa: T201
        os._exit(0)
    told(wire.run(request, secrets, resume=wanted.get("resume", False)))


def told(outcome: wire.Outcome) -> NoReturn:
    report = asdict(outcome.report) if outcome.report else {}
    receipts = [asdict(receipt) for receipt in outcome.receipts]
    print(json.dumps({"report": report, "receipts": receipts}), flush=True)  # noqa: T201
    os._exit(0)  # a timer may still be waiting


if __name__ == "__main__":
    main()
