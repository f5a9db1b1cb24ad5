"""`.ropeway/<run>/`: what a run tells, for people and for speed. Losing it loses no truth: that lies in the target.

`events.jsonl` grows while the run goes on, one JSON object a line; `plan.json` is a copy of the plan; `report.json`
is written at the end; `verified.json` by a later verification of the run.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..transfer.engine import Receipt
from ..transfer.errors import RequestError
from ..transfer.plan import Plan, Statement, to_json
from ..transfer.progress import Progress
from . import say

FOLDER = ".ropeway"
_VERIFIED = "verified.json"
_EVERY = 1.0  # seconds between two figures of a hop on its way
_POINTS = 240  # of a run's pace: enough for a picture, and small in a report
_CLOSEST = 0.05  # seconds between two of them


class Pace:
    """How much had gone at which moment: points of (moment, rows that left the source, their bytes, durable rows).

    When there are too many, every second one goes, so that they stay evenly spread over a run of any length.
    """

    def __init__(self) -> None:
        self.points: list[tuple[float, int, int, int]] = []
        self._moving: defaultdict[str, int] = defaultdict(int)
        self._durable: defaultdict[str, int] = defaultdict(int)
        self._bytes = 0
        self._apart = _CLOSEST

    def move(self, moment: float, hop: str, rows: int, size: int) -> None:
        self._moving[hop] += rows
        self._bytes += size
        self._note(moment)

    def land(self, moment: float, hop: str, rows: int) -> None:
        self._durable[hop] += rows
        self._moving[hop] = max(self._moving[hop], self._durable[hop])  # raw bytes are rows when they land
        self._note(moment)

    def _note(self, moment: float) -> None:
        point = (moment, sum(self._moving.values()), self._bytes, sum(self._durable.values()))
        if len(self.points) > 1 and moment - self.points[-2][0] < self._apart:
            self.points[-1] = point  # the last one always tells all
            return
        self.points.append(point)
        if len(self.points) > _POINTS:
            del self.points[1:-1:2]
            self._apart *= 2


class Recorder(Progress):
    """Writes the run's folder. Whatever cannot be written is said once, and the run goes on."""

    def __init__(self, base: Path | None = None) -> None:
        self._base = base or Path(FOLDER)
        self._lock = threading.Lock()
        self._file: Path | None = None
        self._failed = False
        self._moving: defaultdict[str, int] = defaultdict(int)
        self._told = 0.0
        self._spans: dict[str, list[float]] = {}
        self.plan: Plan | None = None
        self.pace = Pace()
        self.slices: list[dict[str, Any]] = []
        self.moved = False

    @property
    def folder(self) -> Path | None:
        """The run's folder, once its name is known."""
        return self._base / self.plan.run if self.plan else None

    def planned(self, plan: Plan, receipts: Sequence[Receipt]) -> None:
        """Begin with a run; a job that reshapes has two, one after the other."""
        self.plan, self.moved, self.pace = plan, False, Pace()
        self._moving.clear()
        self._spans.clear()
        self.slices.clear()
        try:
            self._open(plan)
        except OSError as error:
            self._fail(error)
        tables = [
            {"hop": hop.name, "source": hop.named, "target": str(hop.writes), "rows": hop.rows,
             "slices": len(hop.slices)}
            for hop in plan.hops
        ]  # fmt: skip
        self.event(
            "planned", run=plan.run, source=plan.read_from, target=str(plan.target), pid=os.getpid(),
            host=socket.gethostname(), tables=tables,
        )  # fmt: skip
        for receipt in receipts:
            if receipt.slice:
                self.event("landed", earlier=True, **self._slice(receipt, None))

    def _open(self, plan: Plan) -> None:
        folder = self._base / plan.run
        folder.mkdir(parents=True, exist_ok=True)
        ignore = self._base / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n")
        _put(folder / "plan.json", to_json(plan))
        file = folder / "events.jsonl"
        if file.is_file() and file.read_bytes()[-1:] not in (b"", b"\n"):
            with file.open("a", encoding="utf-8") as broken:  # an earlier process, or its disk, ended amidst a line
                broken.write("\n")
        self._file = file

    def _fail(self, error: OSError) -> None:
        if not self._failed:
            self._failed = True
            say.warn(f"{error.filename or self.folder}: {error.strerror}. The run's events and report are not kept.")

    def event(self, kind: str, **fields: Any) -> None:
        """Append an event; harmless before the run has a folder."""
        if "message" in fields:
            fields["message"] = say.safe(str(fields["message"]))
        line = json.dumps({"at": now(), "event": kind, **fields}, ensure_ascii=False, default=str)
        with self._lock:
            if not self._file:
                return
            try:
                with self._file.open("a", encoding="utf-8") as file:
                    file.write(line + "\n")
            except OSError as error:
                self._file = None
                self._fail(error)

    def moving(self, hop: str, rows: int, size: int) -> None:
        moment = time.monotonic()
        with self._lock:
            self._moving[hop] += rows
            self.pace.move(moment, hop, rows, size)
            self._spans.setdefault(hop, [moment, moment])
            due = moment - self._told >= _EVERY
            if due:
                self._told = moment
                figures = dict(self._moving)
        if due:
            self.event("moving", rows=figures)

    def landed(self, receipt: Receipt) -> None:
        moment = time.monotonic()
        with self._lock:
            self._spans.setdefault(receipt.hop, [moment - receipt.seconds, moment])[1] = moment
            self.pace.land(moment, receipt.hop, receipt.loaded)
        self.event("landed", **self._slice(receipt, moment))

    def _slice(self, receipt: Receipt, ended: float | None) -> dict[str, Any]:
        made = {
            "hop": receipt.hop, "slice": receipt.slice, "rows": receipt.loaded, "bytes": receipt.bytes,
            "seconds": receipt.seconds, "instant": receipt.instant,
        }  # fmt: skip
        self.slices.append({**made, "ended": ended})
        return made

    def failed(self, hop: str, part: int, message: str) -> None:
        self.event("failed", hop=hop, slice=part, message=message)

    def stepped(self, statement: Statement) -> None:
        self.event("stepped", statement=statement.name)

    def said(self, message: str) -> None:
        self.event("said", message=message)

    def ended(self) -> None:
        self.moved = True
        self.event("moved")

    def is_moving(self) -> bool:
        """Whether rows are on their way: planning is over, and the last slice has not landed."""
        return self.plan is not None and not self.moved

    def seconds(self) -> dict[str, float]:
        """How long each hop took by the clock, as far as this process moved it."""
        return {hop: round(last - first, 3) for hop, (first, last) in self._spans.items()}

    def where(self) -> str:
        """Where the report lies, for people."""
        if self._failed or self.folder is None:
            return "Its report is not kept."
        return f"Its report: {self.folder / 'report.json'}; 'ropeway report {self.folder.name}' shows it."

    def close(self, status: str, report: dict[str, Any] | None = None) -> None:
        """Write the last event, and the report if there is one."""
        self.event("ended", status=status)
        if report is None or self.folder is None or self._failed:
            return
        try:
            text = json.dumps(report, indent=1, ensure_ascii=False, default=str)
            _put(self.folder / "report.json", text)
        except OSError as error:
            self._fail(error)


def _put(file: Path, text: str) -> None:
    """Write a file that is there whole, or as it was before: half of one cannot be read."""
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(file)
    except OSError:
        with suppress(OSError):
            beside.unlink()
        raise


def now() -> str:
    """This moment, in UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def runs(base: Path | None = None) -> list[Path]:
    """The folders of the runs that are remembered here, oldest first."""
    folder = base or Path(FOLDER)
    return sorted(path.parent for path in folder.glob("*/plan.json")) if folder.is_dir() else []


def folder_of(run: str, base: Path | None = None) -> Path:
    """The folder of a run, by default the latest one's. RequestError if there is none."""
    known = runs(base)
    if not known:
        raise RequestError(
            f"No run is remembered in {Path.cwd() / FOLDER}.",
            remedy="Go to the folder in which the run was started, or ask its target: ropeway status --target URL",
        )
    found = [path for path in known if path.name == run] if run else known[-1:]
    if not found:
        names = ", ".join(path.name for path in known[-5:])
        raise RequestError(f"No run {run} is remembered here.", remedy=f"The latest here: {names}.")
    return found[0]


def repair_folder(base: Path | None = None) -> Path:
    """A folder of its own for the rows that a repair changes; nothing is made yet."""
    return (base or Path(FOLDER)) / "repairs" / datetime.now(UTC).strftime("%y%m%d%H%M%S%f")


def read_report(run: str = "", base: Path | None = None) -> dict[str, Any]:
    """A run's report. RequestError if the run has not ended."""
    folder = folder_of(run, base)
    try:
        text = (folder / "report.json").read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise RequestError(
            f"Run {folder.name} has no report: it did not end.", remedy=f"ropeway status {folder.name}"
        ) from error
    found = _object(text)
    if found is None:
        raise RequestError(
            f"{folder / 'report.json'} is not whole: its disk was full, say.",
            remedy=f"'ropeway status {folder.name}' shows the run's events, 'ropeway verify' proves it again.",
        )
    with suppress(FileNotFoundError):
        later = _object((folder / _VERIFIED).read_text(encoding="utf-8"))
        if later is not None:
            found["verified_later"] = later
    return found


def _object(text: str) -> dict[str, Any] | None:
    with suppress(ValueError):
        found = json.loads(text)
        return found if isinstance(found, dict) else None
    return None


def keep_verification(shape: Mapping[str, Any], base: Path | None = None) -> None:
    """Put a verification beside the report of its run, where that run is remembered here."""
    folder = next((path for path in runs(base) if path.name == shape["run"]), None)
    if folder is None:
        return
    try:
        _put(folder / _VERIFIED, json.dumps(shape, indent=1, ensure_ascii=False))
    except OSError as error:
        say.warn(f"{error.filename}: {error.strerror}. The run's report will not show this verification.")


def events(folder: Path) -> Iterator[dict[str, Any]]:
    """The events of a run so far, without lines that are being written or were not to their end."""
    path = folder / "events.jsonl"
    if not path.is_file():
        return
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.endswith("\n") and (found := _object(line)) is not None:
                yield found
