"""What is left to do of a group of hops, shared by the workers."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from .plan import Hop, Slice


@dataclass
class Board:
    """Slices that wait, slices of a hop that are open, hops that are finished; the first error, or a wish to stop."""

    waiting: dict[str, list[Slice]]
    hops: dict[str, Hop]
    open: dict[str, int]
    finished: set[str]
    error: BaseException | None = None
    stop: bool = False
    changed: threading.Condition = field(default_factory=threading.Condition)

    def take(self) -> tuple[Hop, Slice] | None:
        """The next slice whose hop may run, the largest table first; None when all is done."""
        with self.changed:
            while True:
                if self.error or self.stop or not any(self.waiting.values()):
                    return None
                for name, parts in self.waiting.items():
                    if parts and set(self.hops[name].after) <= self.finished:
                        return self.hops[name], parts.pop(0)
                self.changed.wait()

    def over(self) -> bool:
        """Whether nobody is waited for any more."""
        return self.stop or self.error is not None or not any(self.waiting.values())

    def landed(self, hop: Hop) -> bool:
        """Count a slice off; True for the hop's last one."""
        with self.changed:
            self.open[hop.name] -= 1
            return self.open[hop.name] == 0

    def finish(self, hop: Hop) -> None:
        with self.changed:
            self.finished.add(hop.name)
            self.changed.notify_all()

    def fail(self, error: BaseException) -> None:
        with self.changed:
            # A stop or a broken wait that follows the first error says nothing new.
            self.error = self.error or error
            self.changed.notify_all()
