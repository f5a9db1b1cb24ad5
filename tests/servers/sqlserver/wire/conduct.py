"""How a server behaves, and what it has counted: one value for all of its connections."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field


@dataclass
class Conduct:
    """May be changed while the server runs. PRELOGIN and LOGIN7 are requests too: a connection costs two trips."""

    delay: float = 0.0  # seconds before each reply
    slow_rows: float = 0.0  # seconds before each row of a result
    stall: float = 0.0  # seconds before a batch is carried out in which this stands
    stall_of: str = ""
    # Replies until the connection that sent the last of them is dropped, once; 0: in place of the next reply.
    drop_after: int | None = None
    trips: int = 0  # requests answered
    octets_in: int = 0
    octets_out: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def count(self, *, received: int = 0, sent: int = 0) -> None:
        with self._lock:
            self.octets_in += received
            self.octets_out += sent

    def admits(self) -> bool:
        """Count a request that is to be answered; False if its connection is to be dropped instead."""
        with self._lock:
            if self.drop_after == 0:
                self.drop_after = None
                return False
            self.trips += 1
            return True

    def stalls(self, sql: str) -> float:
        return self.stall if self.stall and self.stall_of in sql else 0

    def drops(self) -> bool:
        """Count a reply that is about to be sent; whether its connection is to be dropped after it."""
        with self._lock:
            if self.drop_after is None:
                return False
            self.drop_after -= 1
            if self.drop_after > 0:
                return False
            self.drop_after = None
            return True
