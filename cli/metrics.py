"""A run's figures in a file for Prometheus: what node_exporter's textfile collector reads (`--metrics FILE`).

The file is whole at each moment, as each writing renames a new one into its place. It is written every few seconds
also while nothing moves, so that its moment tells a run that goes on from one that is gone.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..transfer.engine import Receipt
from ..transfer.plan import Hop, Plan, Statement
from . import say
from .watching import Watching

EVERY = 5.0  # seconds
STATES = ("planning", "moving", "ending", "done", "different", "failed", "interrupted")
# name, kind, what it is. Counters begin anew with a run, not with each process of one that is taken up again.
_OF_TABLES = (
    ("ropeway_rows_moving_total", "counter", "Rows that have left the source, durable or not."),
    ("ropeway_rows_durable_total", "counter", "Rows that have a receipt in the target."),
    ("ropeway_rows_read_total", "counter", "Rows read for slices that have a receipt."),
    ("ropeway_rows_loaded_total", "counter", "Rows loaded for slices that have a receipt."),
    ("ropeway_rows_rejected_total", "counter", "Rows left behind because they were refused."),
    ("ropeway_rows_filtered_total", "counter", "Rows that transforms left out; with deduplicated ones, at the end."),
    ("ropeway_rows_deduplicated_total", "counter", "Rows merged into others, at the end."),
    ("ropeway_rows_expected", "gauge", "Rows by the plan's estimate; absent where there is none."),
    ("ropeway_bytes_moving_total", "counter", "Bytes that have left the source in this process."),
    ("ropeway_bytes_durable_total", "counter", "Bytes of slices that have a receipt."),
    ("ropeway_slices", "gauge", "Slices of the table."),
    ("ropeway_slices_landed_total", "counter", "Slices that have a receipt."),
    ("ropeway_slices_failed_total", "counter", "Tries of slices that failed and were repeated, in this process."),
    ("ropeway_table_verified", "gauge", "1 for the claim that the verification made of the table, at the end."),
)
_OF_RUNS = (
    ("ropeway_run_state", "gauge", "1 for the state that the run is in, 0 for all others."),
    ("ropeway_run_tables", "gauge", "Tables of the run."),
    ("ropeway_run_statements", "gauge", "Statements that change the target's schema."),
    ("ropeway_run_statements_done_total", "counter", "Of them, those that were carried out by this process."),
    ("ropeway_run_started_timestamp_seconds", "gauge", "When this process began."),
    ("ropeway_run_ended_timestamp_seconds", "gauge", "When it ended; absent before."),
    ("ropeway_run_written_timestamp_seconds", "gauge", "When this file was written."),
)
KNOWN = (*_OF_RUNS, *_OF_TABLES)
_NUMBERED = {name for name, _, _ in _OF_TABLES}


@dataclass
class Counted:
    """What is known of one table."""

    hop: Hop
    figures: dict[str, int] = field(default_factory=dict)
    claim: str = ""

    def add(self, name: str, number: int) -> None:
        self.figures[name] = self.figures.get(name, 0) + number

    def land(self, receipt: Receipt, *, earlier: bool) -> None:
        """Of an earlier process all that is durable has moved, too; raw bytes are rows when they land."""
        self.add("ropeway_rows_durable_total", receipt.loaded)
        self.add("ropeway_rows_read_total", receipt.read)
        self.add("ropeway_rows_loaded_total", receipt.loaded)
        self.add("ropeway_rows_rejected_total", receipt.rejected)
        if self.hop.transforms and not self.hop.over:
            self.add("ropeway_rows_filtered_total", receipt.read - receipt.loaded - receipt.rejected)
        self.add("ropeway_bytes_durable_total", receipt.bytes)
        self.add("ropeway_slices_landed_total", 1)
        if earlier:
            self.add("ropeway_rows_moving_total", receipt.read)
        least = self.figures["ropeway_rows_read_total"]
        self.figures["ropeway_rows_moving_total"] = max(least, self.figures.get("ropeway_rows_moving_total", 0))


class Tallies(Watching):
    """A run's figures, as they stand."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._plan: Plan | None = None
        self._tables: dict[str, Counted] = {}
        self._state, self._steps = "planning", 0
        self._started, self._ended = time.time(), 0.0

    def planned(self, plan: Plan, receipts: Sequence[Receipt]) -> None:
        with self._lock:
            self._plan, self._state = plan, "moving"
            self._tables = {hop.name: Counted(hop, {"ropeway_slices": len(hop.slices)}) for hop in plan.hops}
            for receipt in receipts:
                if receipt.slice > 0 and receipt.hop in self._tables:
                    self._tables[receipt.hop].land(receipt, earlier=True)

    def moving(self, hop: str, rows: int, size: int) -> None:
        with self._lock:
            if hop in self._tables:
                self._tables[hop].add("ropeway_rows_moving_total", rows)
                self._tables[hop].add("ropeway_bytes_moving_total", size)

    def landed(self, receipt: Receipt) -> None:
        with self._lock:
            if receipt.hop in self._tables:
                self._tables[receipt.hop].land(receipt, earlier=False)

    def failed(self, hop: str, part: int, message: str) -> None:
        with self._lock:
            if hop in self._tables:
                self._tables[hop].add("ropeway_slices_failed_total", 1)

    def stepped(self, statement: Statement) -> None:
        with self._lock:
            self._steps += 1

    def ended(self) -> None:
        with self._lock:
            self._state = "ending"

    def close(self, status: str, shape: Mapping[str, Any] | None = None) -> None:
        with self._lock:
            self._state, self._ended = status, time.time()
            for one, hop in zip(shape["tables"] if shape else (), self._plan.hops if self._plan else (), strict=False):
                known = self._tables[hop.name]
                known.claim = one["verified"]["claim"]
                for name in ("rejected", "filtered", "deduplicated"):
                    known.figures[f"ropeway_rows_{name}_total"] = one[name]

    def samples(self, name: str) -> list[tuple[dict[str, str], float]]:
        """The numbers of one metric, each with its labels."""
        run = {"run": self._plan.run if self._plan else ""}
        if name == "ropeway_run_state":
            return [({**run, "state": one}, int(one == self._state)) for one in STATES]
        if name in (numbers := self._of_run()):
            return [(run, numbers[name])]
        return [found for one in list(self._tables.values()) for found in _of_table(name, one, run)]

    def _of_run(self) -> dict[str, float]:
        return {
            "ropeway_run_tables": len(self._tables), "ropeway_run_statements_done_total": self._steps,
            "ropeway_run_statements": len(self._plan.statements) if self._plan else 0,
            "ropeway_run_started_timestamp_seconds": round(self._started, 3),
            "ropeway_run_written_timestamp_seconds": round(time.time(), 3),
            **({"ropeway_run_ended_timestamp_seconds": round(self._ended, 3)} if self._ended else {}),
        }  # fmt: skip


class Metrics(Tallies):
    """Writes them. What cannot be written is said once, and the run goes on."""

    def __init__(self, file: Path, every: float = EVERY) -> None:
        super().__init__()
        self._file, self._every, self._failed = file, every, False
        self._over = threading.Event()
        self._write()
        self._thread = threading.Thread(target=self._go_on, name="metrics", daemon=True)
        self._thread.start()

    def planned(self, plan: Plan, receipts: Sequence[Receipt]) -> None:
        super().planned(plan, receipts)
        self._write()

    def close(self, status: str, shape: Mapping[str, Any] | None = None) -> None:
        super().close(status, shape)
        self._over.set()
        self._thread.join()
        self._write()

    def _go_on(self) -> None:
        while not self._over.wait(self._every):
            self._write()

    def _write(self) -> None:
        with self._lock:
            text = self._text()
            beside = self._file.with_name(f".{self._file.name}.{os.getpid()}")  # of no kind that is collected
            try:
                beside.write_text(text, encoding="utf-8")
                beside.replace(self._file)
            except OSError as error:
                with suppress(OSError):
                    beside.unlink()
                if not self._failed:
                    self._failed = True
                    say.warn(f"{error.filename or self._file}: {error.strerror}. The run's metrics are not kept.")

    def _text(self) -> str:
        lines: list[str] = []
        for name, kind, said in KNOWN:
            if found := self.samples(name):
                lines += [f"# HELP {name} {said}", f"# TYPE {name} {kind}", *(_sample(name, *one) for one in found)]
        return "\n".join(lines) + "\n"


def _of_table(name: str, one: Counted, run: Mapping[str, str]) -> Iterator[tuple[dict[str, str], float]]:
    labels = {**run, "source": one.hop.named, "target": str(one.hop.writes)}
    if name == "ropeway_table_verified":
        if one.claim:
            yield {**labels, "claim": one.claim}, 1
    elif name == "ropeway_rows_expected":
        if one.hop.rows >= 0:
            yield labels, one.hop.rows
    elif name in _NUMBERED:
        yield labels, one.figures.get(name, 0)


def _sample(name: str, labels: Mapping[str, str], number: float) -> str:
    """A line of the exposition format. In labels a backslash, a quote and an end of line are escaped, and no more."""
    inside = ",".join(f'{key}="{_escaped(value)}"' for key, value in labels.items())
    return f"{name}{{{inside}}} {number}"


def _escaped(value: str) -> str:
    plain = value.encode(errors="replace").decode()
    return plain.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
