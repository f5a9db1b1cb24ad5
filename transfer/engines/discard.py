"""discard:/// takes every row and keeps none: it shows how fast a source can be read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from ..engine import Failure, Loader, Session, Source
from ..errors import RequestError
from ..place import Address
from ..plan import Cut, Hop
from ..schema.catalogue import Table
from .memory import MemoryLoader, store
from .without_sql import WithoutSql

_PLACE = "\0discard"  # no URL can name it


class Discard(WithoutSql):
    """A target without a bottom."""

    name = "discard"
    family = "discard"
    schemes = ("discard",)
    drivers: tuple[str, ...] = ()
    landing: Literal["memory"] = "memory"
    instant: Literal["single"] = "single"
    writers: Literal["many"] = "many"

    def connect(self, address: Address, *, create: bool = False) -> Session:
        return MemoryLoader(store(_PLACE), keep=False)

    def tables(self, session: Session, schema: str = "") -> list[Table]:
        return []

    def cuts(self, session: Session, table: Table, where: str, wanted: int) -> tuple[Cut, ...]:
        return (Cut(),)

    def open(self, address: Address, hops: Sequence[Hop], consistency: str, count: int) -> Source:
        raise RequestError("discard:/// keeps nothing that could be read.")

    def loader(self, address: Address) -> Loader:
        return MemoryLoader(store(_PLACE), keep=False)

    def classify(self, error: BaseException) -> Failure:
        return "other"


ENGINE = Discard()
