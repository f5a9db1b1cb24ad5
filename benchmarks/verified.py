"""One verification, in a process of its own; the job comes as JSON on standard input, with its passwords.

Prints its seconds without imports, those from the end of the segments' comparison until the rows were named, and the
memory that its process had with all imports done and at its peak.
"""

from __future__ import annotations

import importlib
import json
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa

sys.path.append(str(Path(__file__).parent))
from once import request

from ropeway.cli import wire
from ropeway.transfer.canonical import Canon
from ropeway.transfer.engines import engine_of
from ropeway.verify import full
from ropeway.verify.checksum import of_batch

# What a verification imports while it works; the peak is told above these.
_LATER = ("duckdb", "polars", "polars_hash", "pyarrow.compute", "ropeway.verify.compare", "sqlglot")


class _Peak:
    """The most that this process held, looked at a hundred times a second."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self.before = self.most = self._process.memory_info().rss
        threading.Thread(target=self._look, daemon=True).start()

    def _look(self) -> None:
        while True:
            self.most = max(self.most, self._process.memory_info().rss)
            time.sleep(0.01)


def _marked(work: Callable[..., Any], marks: list[float], *, before: bool) -> Callable[..., Any]:
    """A function that also notes when it was called, or when it was done."""

    def timed(*arguments: Any, **named: Any) -> Any:
        if before:
            marks.append(time.monotonic())
        found = work(*arguments, **named)
        if not before:
            marks.append(time.monotonic())
        return found

    return timed


def main() -> None:
    job = json.loads(sys.stdin.read())
    wanted, secrets = request(job)
    for name in _LATER:
        importlib.import_module(name)
    for place in (wanted.source, wanted.target):
        engine_of(place.scheme)
    of_batch(pa.record_batch({"n": [1]}), [Canon("integer")])  # loads the library behind polars_hash, 50 MB
    marks: list[float] = []
    for name, before in (("computed", False), ("compare_rows", False)):
        setattr(full, name, _marked(getattr(full, name), marks, before=before))
    peak, started = _Peak(), time.monotonic()
    (table,) = wire.verify(wanted, level=job["verify"], secrets=secrets).tables
    seconds = time.monotonic() - started
    told = [[one.kind, one.key, one.column] for one in table.found.first] if table.found else []
    print(json.dumps({
        "seconds": seconds, "named": marks[-1] - marks[0], "claim": table.claim, "how": table.how, "differences": told,
        "imports": peak.before, "peak": peak.most,
    }))  # fmt: skip


if __name__ == "__main__":
    main()
