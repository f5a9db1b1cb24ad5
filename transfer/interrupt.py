"""Asking a run to end."""

from __future__ import annotations

import threading


class Interrupt:
    """The first interrupt lets the current slices end; whoever holds this may ask for it."""

    def __init__(self) -> None:
        self.asked = threading.Event()

    def ask(self) -> None:
        self.asked.set()
