"""A run to look at: rows that are moving and rows that are durable, as bars in a terminal, as lines elsewhere.

Both figures are shown because they mean different things: moving rows left the source, durable ones have a receipt
in the target and survive whatever happens next.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..transfer.engine import Receipt
from ..transfer.plan import Plan, Statement
from ..transfer.progress import Progress
from . import say

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

_LINE_EVERY = 5.0  # seconds
_TABLES_SHOWN = 8


class Several(Progress):
    """Tells several others."""

    def __init__(self, *others: Progress) -> None:
        self._others = others

    def planned(self, plan: Plan, receipts: Sequence[Receipt]) -> None:
        for other in self._others:
            other.planned(plan, receipts)

    def moving(self, hop: str, rows: int, size: int) -> None:
        for other in self._others:
            other.moving(hop, rows, size)

    def landed(self, receipt: Receipt) -> None:
        for other in self._others:
            other.landed(receipt)

    def failed(self, hop: str, part: int, message: str) -> None:
        for other in self._others:
            other.failed(hop, part, message)

    def stepping(self, statement: Statement) -> None:
        for other in self._others:
            other.stepping(statement)

    def stepped(self, statement: Statement) -> None:
        for other in self._others:
            other.stepped(statement)

    def said(self, message: str) -> None:
        for other in self._others:
            other.said(message)

    def ended(self) -> None:
        for other in self._others:
            other.ended()


class Figures:
    """What is on its way and what is durable, by hop and in all; the caller holds the lock."""

    def __init__(self) -> None:
        self.plan: Plan | None = None
        self.moving: dict[str, int] = {}
        self.durable: dict[str, int] = {}
        self.open: dict[str, int] = {}
        self.started = time.monotonic()
        self.earlier = 0

    def begin(self, plan: Plan, receipts: Sequence[Receipt]) -> None:
        """Start to count; receipts of an earlier process are durable already."""
        self.plan = plan
        self.open = {hop.name: len(hop.slices) for hop in plan.hops}
        for receipt in receipts:
            if receipt.slice:
                self.land(receipt)
                self.moving[receipt.hop] = self.moving.get(receipt.hop, 0) + receipt.loaded
        self.earlier = sum(self.durable.values())

    def land(self, receipt: Receipt) -> None:
        self.durable[receipt.hop] = self.durable.get(receipt.hop, 0) + receipt.loaded
        self.open[receipt.hop] = self.open.get(receipt.hop, 1) - 1

    def move(self, hop: str, rows: int) -> None:
        self.moving[hop] = self.moving.get(hop, 0) + rows

    def total(self) -> tuple[int, int]:
        """Rows in motion or beyond it, and durable rows; raw bytes are counted as rows when they land only."""
        durable = sum(self.durable.values())
        hops = {*self.moving, *self.durable}
        return sum(max(self.moving.get(h, 0), self.durable.get(h, 0)) for h in hops), durable

    def done(self) -> int:
        """Tables whose slices have all landed."""
        return sum(not left for left in self.open.values())

    def speed(self) -> float:
        """Durable rows of this process for each second."""
        return (sum(self.durable.values()) - self.earlier) / max(time.monotonic() - self.started, 0.001)


class Lines(Progress):
    """A plain line every few seconds, for logs."""

    def __init__(self, every: float = _LINE_EVERY) -> None:
        self._figures = Figures()
        self._lock = threading.Lock()
        self._every = every
        self._told = time.monotonic()

    def planned(self, plan: Plan, receipts: Sequence[Receipt]) -> None:
        with self._lock:
            self._figures = Figures()
            self._figures.begin(plan, receipts)
        slices = sum(len(hop.slices) for hop in plan.hops)
        size = f"{say.count(len(plan.hops), 'table')} in {say.count(slices, 'slice')}"
        say.note(f"Run {plan.run}: {plan.read_from} -> {plan.target}, {size}.")

    def moving(self, hop: str, rows: int, size: int) -> None:
        with self._lock:
            self._figures.move(hop, rows)
        self._line()

    def landed(self, receipt: Receipt) -> None:
        with self._lock:
            self._figures.land(receipt)
        self._line()

    def _line(self) -> None:
        with self._lock:
            moment = time.monotonic()
            if moment - self._told < self._every:
                return
            self._told = moment
            moving, durable = self._figures.total()
            done, tables = self._figures.done(), len(self._figures.open)
            speed, seconds = self._figures.speed(), moment - self._figures.started
        say.note(
            f"{seconds:6.0f} s  {moving:,} rows moving, {durable:,} durable, {speed:,.0f} rows/s, "
            f"{done} of {tables} tables"
        )

    def failed(self, hop: str, part: int, message: str) -> None:
        say.warn(f"{hop.split(' ', 1)[1]}, slice {part}: {message} (it will be tried again)")

    def stepped(self, statement: Statement) -> None:
        if say.voice().verbose:
            say.note(f"done: {statement.name}")

    def said(self, message: str) -> None:
        say.note(message)

    def ended(self) -> None:
        with self._lock:
            _, durable = self._figures.total()
            seconds = time.monotonic() - self._figures.started
        say.note(f"{seconds:6.0f} s  {durable:,} rows durable.")


class Drawn(Progress):
    """Bars in a terminal: one for the whole, one for each table that moves."""

    def __init__(self) -> None:
        self._figures = Figures()
        self._lock = threading.Lock()
        self._bars: Bars | None = None
        self._whole: TaskID | None = None
        self._tasks: dict[str, TaskID] = {}

    def planned(self, plan: Plan, receipts: Sequence[Receipt]) -> None:
        with self._lock:
            self._figures, self._tasks = Figures(), {}
            self._figures.begin(plan, receipts)
            self._bars = _bars()
            known = [max(hop.rows, 0) for hop in plan.hops]
            self._whole = self._bars.add_task("whole", total=sum(known) or None, told="")
            self._bars.start()

    def moving(self, hop: str, rows: int, size: int) -> None:
        with self._lock:
            self._figures.move(hop, rows)
            self._draw(hop)

    def landed(self, receipt: Receipt) -> None:
        with self._lock:
            self._figures.land(receipt)
            self._draw(receipt.hop)
            if not self._figures.open.get(receipt.hop) and receipt.hop in self._tasks and self._bars:
                self._bars.remove_task(self._tasks.pop(receipt.hop))

    def _draw(self, hop: str) -> None:
        """Bars that are cheap to move: Rich draws them ten times a second in a thread of its own."""
        if not self._bars or self._whole is None or not self._figures.plan:
            return
        moving, durable = self._figures.total()
        told = f"{durable:,} durable  {moving:,} moving  {self._figures.speed():,.0f} rows/s"
        self._bars.update(self._whole, completed=durable, told=told)
        if hop not in self._tasks:
            if len(self._tasks) >= _TABLES_SHOWN or not self._figures.open.get(hop):
                return
            rows = max(self._figures.plan.hop(hop).rows, 0)
            name = str(self._figures.plan.hop(hop).writes)
            self._tasks[hop] = self._bars.add_task(say.visible(name), total=rows or None, told="")
        own = self._figures.durable.get(hop, 0)
        told = f"{own:,} durable  {self._figures.moving.get(hop, 0):,} moving"
        self._bars.update(self._tasks[hop], completed=own, told=told)

    def failed(self, hop: str, part: int, message: str) -> None:
        self._print(f"{hop.split(' ', 1)[1]}, slice {part}: {message} (it will be tried again)")

    def said(self, message: str) -> None:
        self._print(message)

    def stepped(self, statement: Statement) -> None:
        if say.voice().verbose:
            self._print(f"done: {statement.name}")

    def _print(self, message: str) -> None:
        with self._lock:
            if self._bars:
                self._bars.console.print(say.visible(say.safe(message)))
            else:
                say.note(message)

    def ended(self) -> None:
        with self._lock:
            if self._bars:
                self._bars.stop()
                self._bars = None


def _bars() -> Bars:
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    return Bars(
        TextColumn("{task.description}", markup=False), BarColumn(), TextColumn("{task.fields[told]}", markup=False),
        TimeElapsedColumn(), console=say.console(sys.stderr), transient=True,
    )  # fmt: skip


def progress() -> Progress:
    """The progress that suits standard error: bars, lines, or with -q nothing."""
    if say.voice().quiet:
        return Quiet()
    return Drawn() if sys.stderr.isatty() else Lines()


class Quiet(Progress):
    """Nothing but what went wrong."""

    def failed(self, hop: str, part: int, message: str) -> None:
        say.warn(f"{hop.split(' ', 1)[1]}, slice {part}: {message} (it will be tried again)")
