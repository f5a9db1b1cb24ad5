"""Asking a run to end."""

from __future__ import annotations

import threading


class Interrupt:
    """The first interrupt lets the current slices end; whoever holds this may ask for it."""

    def __init__(self) -> None:
        self.asked = threading.Event()

    def ask(self) -> None:
        self.asked.set()

    def heed(self) -> None:
        """KeyboardInterrupt where it was asked: between two statements, which the journal tells apart."""
        if self.asked.is_set():
            raise KeyboardInterrupt
