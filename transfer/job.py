"""A job: a plan with the means to carry it out, and what it may take for that."""

from __future__ import annotations

from dataclasses import dataclass, field

from .engine import Engine
from .engines import engine_of
from .place import Address
from .plan import Plan
from .progress import Progress
from .throttle import Throttle

_LIBRARIES = 250 << 20  # resident size of Python, Arrow, Polars and DuckDB before the first row, measured
_PYTHON = 130 << 20  # the same without Polars and without batches
MINIMUM_MEMORY = 384 << 20
MINIMUM_SHARE = 96 << 20


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

    @classmethod
    def of(
        cls, plan: Plan, source: Address, target: Address, limits: Limits, progress: Progress,
        *, mix_instants: bool = False,
    ) -> Job:  # fmt: skip
        """The job of a plan; engines are found by the places' schemes."""
        engines = engine_of(plan.source.scheme), engine_of(plan.target.scheme)
        return cls(plan, *engines, source, target, limits, progress, mix_instants)
