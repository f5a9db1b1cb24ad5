"""Ending a run at a time of the day."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ..transfer.errors import RequestError
from . import say

if TYPE_CHECKING:
    from ..transfer.interrupt import Interrupt


@contextmanager
def ending(interrupt: Interrupt, until: str) -> Iterator[None]:
    """Ask for an end at the next `06:00`, by this machine's clock; '' for never. RequestError for no time."""
    if not until:
        yield
        return

    def end() -> None:
        say.note(f"It is {until}: the slices under way land, then the run ends.")
        interrupt.ask()

    # As a moment of the world: between then and now a clock may be put forward or back.
    timer = threading.Timer(max(0.0, moment(until, datetime.now()).timestamp() - time.time()), end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def moment(until: str, now: datetime) -> datetime:
    """The next time of the day after `now` that a text like `06:00` says."""
    found = re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)", until.strip())
    if not found:
        raise RequestError(f"{until!r} is no time of the day.", remedy="Write it as --until 06:00.")
    then = now.replace(hour=int(found[1]), minute=int(found[2]), second=0, microsecond=0)
    return then if then > now else then + timedelta(days=1)
