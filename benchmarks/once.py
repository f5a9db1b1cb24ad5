"""One repetition of Ropeway, in a process of its own; the job comes as JSON on standard input, with its passwords.

Prints when each phase ended, in seconds since this process began to import, and what was verified.
"""

# ruff: noqa: E402 - the clock starts before the imports

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from typing import Any

STARTED = time.monotonic()

import ropeway
from ropeway.transfer.engine import Receipt
from ropeway.transfer.place import parse
from ropeway.transfer.plan import Plan, Statement


class Phases(ropeway.Progress):
    """Notes when each phase ends."""

    def __init__(self) -> None:
        self.ends: dict[str, float] = {}

    def note(self, phase: str) -> None:
        self.ends[phase] = round(time.monotonic() - STARTED, 3)

    def planned(self, plan: Plan, receipts: Sequence[Receipt]) -> None:
        self.note("planned")

    def landed(self, receipt: Receipt) -> None:
        self.note("landed")

    def stepped(self, statement: Statement) -> None:
        self.note(statement.name)

    def ended(self) -> None:
        self.note("verified")


def request(job: dict[str, Any]) -> tuple[ropeway.Request, Any]:
    from ropeway.cli.wire import Secrets

    (source, one), (target, two) = parse(job["source"]), parse(job["target"])
    wanted = ropeway.Request(
        source, target, (ropeway.Choice(job["table"]),), consistency=job["consistency"], level=job["verify"],
        raw=job.get("raw", True), **({"slice_rows": job["slice_rows"]} if job.get("slice_rows") else {}),
    )  # fmt: skip
    return wanted, Secrets(one, two)


def main() -> None:
    job = json.loads(sys.stdin.read())
    wanted, secrets = request(job)
    if job.get("only") == "plan":
        plan = ropeway.plan(wanted, secrets)
        told = {phase: [s.forward for s in plan.statements if s.phase == phase] for phase in ("before", "after")}
        print(json.dumps(told))
        return
    phases = Phases()
    phases.note("imported")
    limits = ropeway.Limits(job["workers"], job["memory_mb"] << 20)
    outcome = ropeway.run(wanted, secrets, limits=limits, progress=phases)
    phases.note("closed")
    tables = outcome.report.tables if outcome.report else ()
    receipts = [receipt for receipt in outcome.receipts if receipt.slice]
    print(json.dumps({
        "phases": phases.ends, "rows": sum(r.loaded for r in receipts), "slices": len(receipts),
        "claims": [table.claim for table in tables], "how": [table.how for table in tables],
        "instants": sorted({receipt.instant for receipt in receipts}),
    }))  # fmt: skip


if __name__ == "__main__":
    main()
