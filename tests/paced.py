"""A small table that is moved slowly, and somebody who hears what the run says meanwhile."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import ropeway
from ropeway.transfer.throttle import PAUSE
from spots import Servers, Spot, spot

ROWS = 60


def filled(engine: str, folder: Path, servers: Servers) -> Spot:
    source = spot(engine, folder, servers)
    source.ask("CREATE TABLE note (id integer PRIMARY KEY)")
    source.ask(f"INSERT INTO note VALUES {', '.join(f'({n})' for n in range(ROWS))}")
    return source


class Heard(ropeway.Progress):
    """What a run says; at its first slice it may be told something, and how many landed since is counted."""

    def __init__(self, folder: Path, *, pause: bool = False) -> None:
        self.said_: list[str] = []
        self.at: list[float] = []
        self.moved: list[float] = []
        self.held = threading.Event()
        self._folder, self._pause = folder, pause

    def planned(self, plan: ropeway.Plan, receipts: object) -> None:
        del receipts
        self.file = self._folder / ".ropeway" / plan.run / PAUSE
        if self._pause:
            self.file.parent.mkdir(parents=True)
            self.file.touch()

    def moving(self, hop: str, rows: int, size: int) -> None:
        del hop, rows, size
        self.moved.append(time.monotonic())

    def landed(self, receipt: object) -> None:
        del receipt
        self.at.append(time.monotonic())

    def said(self, message: str) -> None:
        self.said_.append(message)
        if "paused" in message or "busy" in message:
            self.held.set()
