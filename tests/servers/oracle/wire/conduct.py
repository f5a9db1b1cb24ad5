"""How the server behaves towards its clients, and what it has counted: one object for all connections."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

VERIFIER_11G, VERIFIER_12C = 0x1B25, 0x4815


@dataclass
class Conduct:
    """Set the first group at any time; the second is the wire's to write."""

    delay: float = 0  # seconds before each reply: a network far away
    slow_rows: float = 0  # seconds before each row of a query, which is then sent by itself
    stall: float = 0  # seconds before a statement is carried out in which this stands
    stall_of: str = ""
    drop_after: int | None = None  # replies until the connection that sent the last of them is dropped, once
    drop_after_rows: int | None = (
        None  # rows of such queries until the connection that is to send them is dropped, once
    )
    drop_rows_of: str = ""  # what stands in such a query
    repeats: bool = False  # leave out values that equal those of the row before, as real servers do
    verifier: int = VERIFIER_12C  # how passwords are proven

    trips: int = 0  # replies sent, LOB operations apart
    lob_trips: int = 0
    octets_in: int = 0
    octets_out: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def count(self, *, trips: int = 0, lob_trips: int = 0, octets_in: int = 0, octets_out: int = 0) -> None:
        with self._lock:
            self.trips += trips
            self.lob_trips += lob_trips
            self.octets_in += octets_in
            self.octets_out += octets_out

    def stalls(self, sql: str) -> float:
        return self.stall if self.stall and self.stall_of in sql else 0

    def drops(self, replies: int) -> bool:
        """Whether the connection ends now, after so many replies more (0 before a request is read)."""
        with self._lock:
            if self.drop_after is None:
                return False
            self.drop_after = max(self.drop_after - replies, 0)
            if self.drop_after:
                return False
            self.drop_after = None
            return True

    def drops_rows(self, sql: str, count: int) -> bool:
        """Whether the connection ends instead of sending so many rows more."""
        with self._lock:
            if self.drop_after_rows is None or self.drop_rows_of not in sql:
                return False
            self.drop_after_rows -= count
            if self.drop_after_rows > 0:
                return False
            self.drop_after_rows = None
            return True
