"""Tables whose rows were decided together, compared as both places are now: it is decided once more, over all rows.

Which of several rows stays hangs on the rows alone, never on their order or on slices. So what the source holds is
staged anew, as a run stages it, decided by the same step, and read from there; references follow that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ..transfer.calls import function_of
from ..transfer.engine import Engine, Reader
from ..transfer.flow import flow
from ..transfer.gathering import Following, Maps, Staged, loaded_fields
from ..transfer.place import Address
from ..transfer.plan import Cut, Hop, Plan, Slice
from ..transfer.stage import Stage, memory_of
from .refused import Known, Refusals

_WHOLE = Slice(1, Cut())
_FOLDER = Path(".ropeway")  # a stage takes as much room as its table, and that is where a run's lies
_MEMORY = 1 << 30
_BATCH_BYTES = 2 << 20
SAID = "which rows stay was decided again, over all that the source holds now"


def is_decided(hop: Hop) -> bool:
    """Whether rows of a hop are what a look at all rows made of them."""
    return bool(hop.over or hop.follows)


class Redecided:
    """A source's engine, of whose hops those that are decided over all rows are read as they were decided again."""

    def __init__(
        self, engine: Engine, stages: dict[str, Stage], maps: Maps, refusals: Mapping[str, Refusals]
    ) -> None:  # fmt: skip
        """`refusals` say what could not be staged."""
        self._engine, self._stages, self._maps, self.refusals = engine, stages, maps, refusals

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def open(self, address: Address, hops: Sequence[Hop], consistency: str, count: int) -> Any:
        """As the engine does, of one hop."""
        (hop,) = hops
        if hop.over:
            return _Open([Staged(self._stages[hop.name], self._maps)])
        source = self._engine.open(address, hops, consistency, count)
        return _Open([Following(one, self._maps) for one in source.readers()], source) if hop.follows else source


class _Open:
    """A source that is open, with readers of ours."""

    def __init__(self, readers: Sequence[Any], source: Any = None) -> None:
        self._readers, self._source = readers, source

    def readers(self) -> Sequence[Reader]:
        return self._readers

    def close(self) -> None:
        if self._source:
            self._source.close()


@contextmanager
def redecided(plan: Plan, engine: Engine, source: Address, known: Known) -> Iterator[Any]:
    """The source's engine, once all that can come is staged and decided again; the engine itself where nothing is to
    be decided, or where a source is no more what it was, as tables went into themselves.
    """
    if not any(hop.over for hop in plan.hops) or any(hop.upon or hop.limit for hop in plan.hops):
        yield engine
        return
    _FOLDER.mkdir(exist_ok=True)
    with TemporaryDirectory(dir=_FOLDER, prefix="verify-") as folder:
        hops = [replace(hop, slices=(_WHOLE,), raw="") for hop in plan.hops]
        stages = {hop.name: Stage(Path(folder), hop) for hop in hops if hop.over}
        maps = Maps(stages)
        refusals = {name: Refusals(one.hop, known.get(name, Counter()), once=True) for name, one in stages.items()}
        for stage in maps.order:
            _stage(engine, source, stage, maps, refusals[stage.hop.name])
            (call,) = stage.hop.over
            step = function_of(call)(loaded_fields(stage.hop), primary=stage.hop.key, **dict(call.arguments))
            step.decide(stage, memory_of(_MEMORY), 2)
        yield Redecided(engine, stages, maps, refusals)


def _stage(engine: Engine, address: Address, stage: Stage, maps: Maps, refusals: Refusals) -> None:
    hop, seen = replace(stage.hop, over=()), list[int]()
    source = engine.open(address, [hop], "none", 1)
    try:
        reader: Any = source.readers()[0]
        reader = Following(reader, maps) if hop.follows else reader
        rows = flow(hop, _WHOLE, reader, _BATCH_BYTES, seen.append, refusals.heard)
        with closing(rows) as batches:  # type: ignore[type-var]  # a generator
            stage.put(_WHOLE, batches, "now", lambda: sum(seen))
    finally:
        source.close()
