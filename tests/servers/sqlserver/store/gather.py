"""SUM and AVG, by the kind of what they gather."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from ..spoken import Kind, Refused
from . import functions, values
from .sites import Site
from .values import Held


def aggregate(session: Any, made: Site) -> type:
    """The class that SQLite calls for one use of an aggregate; it works in windows too."""
    taken = made.takes[0]
    assert taken is not None
    kind: Kind = taken

    class Gathered:
        def __init__(self) -> None:
            self.total: Any = 0.0 if made.gives.name == "float" else 0
            self.count = 0

        def step(self, value: Held) -> None:
            if value is not None:
                found = values.worked(value, kind)
                self.total += found if not isinstance(self.total, float) else float(found)
                self.count += 1

        def inverse(self, value: Held) -> None:
            if value is not None:
                found = values.worked(value, kind)
                self.total -= found if not isinstance(self.total, float) else float(found)
                self.count -= 1

        def value(self) -> Held:
            return self.finalize()

        def finalize(self) -> Held:
            if not self.count:
                return None
            try:
                return values.held(_whole(self.total, self.count, made), made.gives)
            except BaseException as error:
                session.failure = error
                raise

    return Gathered


def _whole(total: Any, count: int, made: Site) -> Any:
    found = functions.average(total, count, made.gives) if made.wants == "AVG" else total
    if made.gives.name in values.INTEGERS:
        low, high = values.INTEGERS[made.gives.name]
        if not low <= found <= high:
            raise Refused(
                8115, f"Arithmetic overflow error converting expression to data type {made.gives.name}.", state=2
            )
        return found
    return found if isinstance(found, float) else Decimal(found)
