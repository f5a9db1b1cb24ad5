"""A job: a plan with the means to carry it out, and what it may take for that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from .engine import Engine
from .engines import engine_of
from .place import Address
from .plan import Origin, Plan
from .progress import Progress
from .throttle import Throttle

_LIBRARIES = 250 << 20  # resident size of Python, Arrow, Polars and DuckDB before the first row, measured
_PYTHON = 130 << 20  # the same without Polars and without batches
_COPIES = 7
MINIMUM_MEMORY = 384 << 20
MINIMUM_SHARE = 96 << 20


def room_for(value: int) -> int:
    """The memory in which a value of so many bytes may pass, in whole 100 MB."""
    return -(-(value * _COPIES + _LIBRARIES) // (100 << 20)) * (100 << 20)


@dataclass(frozen=True)
class Limits:
    """How many workers, how many bytes all of Ropeway may hold at its peak, and how fast it may go."""

    workers: int = 2
    memory: int = 600 << 20
    throttle: Throttle = field(default_factory=Throttle)

    @property
    def share(self) -> int:
        """Bytes of batches that one worker may hold; as much again is in the hands of its engines."""
        return max(MINIMUM_SHARE // 8, self.engines // (10 * self.workers))

    @property
    def value(self) -> int:
        """Bytes of the largest value that may pass: on its way from SQLite to PostgreSQL one was held six times."""
        return self.engines // _COPIES

    @property
    def engines(self) -> int:
        """Bytes beyond what the libraries take anyway."""
        return self.memory - _LIBRARIES

    @property
    def undecoded(self) -> int:
        """Bytes that a source's library may hold where it does all the work and Arrow and Polars none."""
        return self.memory - _PYTHON

    @property
    def reading(self) -> int:
        """Bytes that a source's library may hold in this process."""
        return self.engines // 6

    @property
    def loading(self) -> int:
        """Bytes that a target's library may hold: it sorts and builds indexes."""
        return self.engines * 2 // 3

    @property
    def batch_bytes(self) -> int:
        """Bytes of one batch: small enough that several fit into a share."""
        return max(256 << 10, min(4 << 20, self.share // 8))


@dataclass(frozen=True)
class Job:
    """A plan with the means to carry it out."""

    plan: Plan
    source: Engine
    target: Engine
    source_address: Address
    target_address: Address
    limits: Limits
    progress: Progress
    mix_instants: bool = False
    sources: Mapping[str, Address] = field(default_factory=dict)

    @classmethod
    def of(
        cls, plan: Plan, sources: Mapping[str, Address], target: Address, limits: Limits, progress: Progress,
        *, mix_instants: bool = False,
    ) -> Job:  # fmt: skip
        """The job of a plan, with where its sources are, by alias; engines are found by the places' schemes."""
        engines = engine_of(plan.source.scheme), engine_of(plan.target.scheme)
        first = sources[plan.origins[0].alias]
        return cls(plan, *engines, first, target, limits, progress, mix_instants, sources)

    def at(self, origin: Origin) -> Job:
        """The same job with one of its sources as the one that is read."""
        return replace(self, source=engine_of(origin.place.scheme), source_address=self.sources[origin.alias])
