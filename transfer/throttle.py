"""Going slowly: a run reads no faster than it may, and begins no slice while its source is busy or it is paused.

A slice under way is not held up for long: a server that waits for its reader gives up (MySQL after 60 s,
net_write_timeout), and the target's transaction would stay open.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import RequestError

if TYPE_CHECKING:
    from .engine import Session
    from .job import Job

MEASURES = {
    "running": "statements of others that its server runs",
    "transaction": "seconds that the oldest transaction of others has been open",
    "lag": "seconds that its replication is behind",
}
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
_WRITE = "Write 50000rows/s, 20MB/s, running=25, transaction=600s or lag=10s."
_EVERY_S = 1.0
_LOOKS_S = 0.2  # while it waits
PAUSE = "pause"  # a file of this name in the run's folder


@dataclass(frozen=True)
class Throttle:
    """Rows and bytes a second, 0 for any; and what the source's server may say of itself at most."""

    rows: float = 0.0
    bytes: float = 0.0
    most: tuple[tuple[str, float], ...] = ()


def throttle(words: Sequence[str]) -> Throttle:
    """What `50000 rows/s`, `20MB/s`, `running=25` and `lag=10s` say together. RequestError for anything else."""
    rows, size, most = 0.0, 0.0, {}
    for word in words:
        if found := re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*rows/s\s*", word):
            rows = float(found[1])
        elif found := re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMG]?)i?B/s\s*", word):
            size = float(found[1]) * _UNITS[found[2]]
        elif found := re.fullmatch(rf"\s*({'|'.join(MEASURES)})\s*=\s*(\d+(?:\.\d+)?)\s*s?\s*", word):
            most[found[1]] = float(found[2])
        else:
            raise RequestError(f"{word!r} is no throttle.", remedy=_WRITE)
        if not (rows if "rows" in word else size) and "=" not in word:
            raise RequestError(
                f"{word!r} would move nothing.",
                remedy=f"Leave it out for no limit, or hold a run up by 'ropeway pause'. {_WRITE}",
            )
    return Throttle(rows, size, tuple(most.items()))


class Pace:
    """How fast a run goes; heard and asked by all its workers."""

    def __init__(self, job: Job, stop: threading.Event) -> None:
        self._job = job
        self._limits = job.limits.throttle
        self._stop = stop
        self._ending = threading.Event()
        self._file = Path(".ropeway") / job.plan.run / PAUSE
        self._lock = threading.Lock()
        self._free_at = 0.0
        self._session: Session | None = None
        self._looked = 0.0
        self._why = ""

    def check(self) -> None:
        """Forget an earlier process' pause. RequestError where the source's server says nothing of what is limited."""
        with suppress(OSError):  # there is none
            self._file.unlink()
        if self._limits.most:
            if self._job.plan.sources:
                raise RequestError(
                    f"{' and '.join(MEASURES)} are of one source, and the job has several.",
                    remedy="Rows and bytes a second can be limited.",
                )
            known = self._pressure()
            never = getattr(self._job.source, "never_less", {})
            for name, most in self._limits.most:
                if most < never.get(name, 0.0):
                    raise RequestError(
                        f"{self._job.source.name} counts itself in {name}, so it is never below {never[name]:g}, and "
                        f"with {name}={most:g} no slice would ever be begun.",
                        remedy=f"Allow {name}={never[name]:g} or more.",
                    )
                if name not in known:
                    raise RequestError(
                        f"{self._job.source.name} does not say {name} to this account, by which the run is to be "
                        f"throttled: the {MEASURES[name]}.",
                        remedy=f"It says {', '.join(known) or 'nothing'}. Rows and bytes can be limited anyway.",
                    )

    def passed(self, rows: float, size: int) -> float:
        """So much was read: wait until it may have been; the seconds that it costs."""
        seconds = self.cost(rows, size)
        self.wait(seconds)
        return seconds

    def cost(self, rows: float, size: int) -> float:
        """The seconds in which no more than this may be read."""
        limits = ((rows, self._limits.rows), (size, self._limits.bytes))
        return max((amount / most for amount, most in limits if most), default=0.0)

    def wait(self, seconds: float) -> None:
        """Wait for what was read before, and so many seconds; less than none give back what it cost too much."""
        if not seconds:
            return
        with self._lock:
            now = time.monotonic()
            self._free_at = max(self._free_at, now) + seconds
            until = self._free_at
        while (left := until - time.monotonic()) > 0 and not self._ending.is_set():
            if self._stop.wait(min(left, _LOOKS_S)):
                return

    def hold(self) -> None:
        """Go slowly, whatever came of slices before."""
        self._ending.clear()

    def end(self) -> None:
        """Let slices under way go on as fast as they can: one has failed, and its error waits for them."""
        self._ending.set()

    def ready(self, given_up: Callable[[], bool]) -> bool:
        """Wait until another slice may be taken; False where the run ends instead."""
        while not given_up():
            if not self._held_up():
                return True
            if self._stop.wait(_EVERY_S):
                return False
        return False

    def _held_up(self) -> str:
        """Why no slice may be taken now; looked at once a second for all workers, and said once."""
        with self._lock:
            if time.monotonic() - self._looked < _EVERY_S:
                return self._why
            before, self._why = self._why, self._reason()
            self._looked = time.monotonic()
            if self._why and self._why != before:
                self._job.progress.said(self._why)
            elif before and not self._why:
                self._job.progress.said("The run goes on.")
            return self._why

    def _reason(self) -> str:
        if self._file.exists():
            return f"The run is paused: 'ropeway pause {self._job.plan.run} --end' lets it go on."
        if self._limits.most:
            said = self._known_pressure()
            for name, most in self._limits.most:
                if said.get(name, 0.0) > most:
                    return f"The source is busy ({name} above {most:g}): no slice is begun until it is less."
        return ""

    def _known_pressure(self) -> Mapping[str, float]:
        """Nothing where the connection was lost: a new one is asked in a second."""
        try:
            return self._pressure()
        except Exception as error:
            if self._job.source.classify(error) != "transient":
                raise
            return {}

    def _pressure(self) -> Mapping[str, float]:
        ask = getattr(self._job.source, "pressure", None)
        if ask is None:
            return {}
        self._session = self._session or self._job.source.connect(self._job.source_address)
        try:
            return dict(ask(self._session))
        except Exception:
            self.close()
            raise

    def close(self) -> None:
        """Close the connection by which the source is asked."""
        session, self._session = self._session, None
        if session:
            with suppress(Exception):  # it is only left
                session.close()
