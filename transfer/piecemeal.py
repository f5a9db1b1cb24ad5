"""Work that may be too large for one transaction, in as many as it takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from .commit import together
from .engine import Engine, Loader
from .ledger import keeping
from .plan import Hop

TOO_LARGE = ("size", "log")  # what smaller transactions may cure; a log may be full of others', and is waited for


def in_pieces(count: int, step: Callable[[int, int], None], engine: Engine, first: int = 0) -> None:
    """Take so many in steps that hear where each begins and ends, the `first` of this size, as the engine takes them.

    Raises what a step raises that is not too large, or cannot be smaller.
    """
    done, size = 0, max(1, first or count)
    while done < count:
        end = min(done + size, count)
        try:
            step(done, end)
        except Exception as error:
            if engine.classify(error) not in TOO_LARGE or end - done == 1:
                raise
            size = (end - done) // 2
        else:
            done = end


def unrejected(run: str, hops: Sequence[Hop], engine: Engine, loader: Loader) -> None:
    """Delete what a run keeps of the rejected rows of some hops."""
    ledger = keeping(loader.ledger)

    def gone(hop: Hop, part: int, numbers: Sequence[int], start: int, end: int) -> None:
        together(lambda: ledger.unreject(run, hop.name, part, numbers[start:end]), loader)

    for one in hops:
        for part, numbers in ledger.numbers(run, one.name).items():
            in_pieces(len(numbers), partial(gone, one, part, numbers), engine)
