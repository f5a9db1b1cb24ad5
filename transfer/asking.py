"""What a run asks the source's own server: checksums of some slices, at the instant at which they were read.

The checksum in flight is of what our driver read, and says nothing of the driver. A server's own costs it about
2.5 us of CPU a row, so it is asked for the slices that hold the most extremes, and for some that nobody can foretell.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence

from .calls import function_of
from .cutting import LARGE
from .engine import Engine, Reader, Receipt
from .errors import EngineError
from .extremes import Found, Holders
from .plan import Hop, Plan
from .verification import otherwise_written, source_sum, unasked

# Parts of a table's rows that either choice may take, one slice at least, and that both take at the most. Of 16 slices,
# which are never quite alike, two may be for extremes: a key has its least value in the first, its most in the last.
EXTREMES, SHARE, MOST = 7, 16, 4
_SAID = 120  # characters of a refusal: the ledger's short texts have 200
_EXTREMES = "the extremes of"
SAMPLE, ALL = "a random sample", "all of it"


class Asking:
    """Of each table that a run moves: whether its source is asked, of which slices, and what it says."""

    def __init__(self, plan: Plan, source: Engine) -> None:
        self._plan = plan
        self._source = source
        self._held: dict[str, Holders] = {hop.name: Holders() for hop in plan.hops if self.asks(hop)}

    def asks(self, hop: Hop) -> bool:
        """Whether the plan lets the source be asked. Of raw forms it says all checksums anyway: no other is there."""
        return not (self._plan.checksum is None or hop.raw or self._plan.consistency == "none" or unasked(hop))

    def landed(self, hop: Hop, number: int, found: Found) -> None:
        """Take note of the extremes of a slice that landed."""
        self._held[hop.name].landed(number, found)

    def answers(self, hop: Hop, receipts: Sequence[Receipt], reader: Reader, instant: str) -> list[Receipt]:
        """What the source says of a hop's slices, as receipts to keep; or of the first one, why it says nothing.

        Only slices that were read at this instant can be asked. EngineError if the server is lost.
        """
        mine = [receipt for receipt in receipts if receipt.hop == hop.name and receipt.slice]
        now = [receipt for receipt in mine if receipt.instant == instant and receipt.read and not receipt.rejected]
        held = self._held.pop(hop.name)
        if not now or any(receipt.asked_for for receipt in now):
            return []
        picked, why = chosen(self._plan.run, hop, mine, now, held)
        try:
            sums, refused = self._sums(hop, picked, reader)
        except Exception as error:
            if self._source.classify(error) == "transient":
                raise EngineError(
                    f"{hop.reads}: {self._source.name} was lost while it computed checksums: {error}",
                    table=str(hop.reads), remedy="All its rows are there: go on with --resume.",
                ) from error  # fmt: skip
            # All rows are there, and the target's proof is to come: no reason to stop.
            sums, refused = {}, f"{self._source.name} refused: {(str(error).splitlines() or [''])[0][:_SAID]}"
        said = {now[0].slice: ("", refused or why)} if not sums else {n: (sums[n], picked[n]) for n in picked}
        return [Receipt(hop.name, -number, word, instant, 0, 0, checksum=text) for number, (text, word) in said.items()]

    def _sums(self, hop: Hop, picked: Collection[int], reader: Reader) -> tuple[dict[int, str], str]:
        """The server's checksums of these slices; or none, and why."""
        assert self._plan.checksum  # noqa: S101 - else nothing is asked
        forms = {column.canon.form for column in hop.columns} if picked else set()
        form = otherwise_written(self._source, reader, forms, function_of(self._plan.checksum))
        if form:
            return {}, f"it writes values of the form {form} otherwise than Ropeway does"
        parts = {part.number: part for part in hop.slices}
        sums = {}
        for number in picked:
            sums[number] = source_sum(self._source, reader, hop, parts[number])
            if not sums[number]:
                return {}, f"{self._source.name} computes no checksum of it in SQL"
        return sums, ""


def chosen(
    run: str, hop: Hop, mine: Sequence[Receipt], now: Sequence[Receipt], held: Holders
) -> tuple[dict[int, str], str]:
    """The slices to ask for, each with a word on why; or the reason why there are none.

    At the most a quarter of the table is asked for, or what would be of a table in one piece: half of lineitem in two
    slices made a copy from MariaDB with its verification 2.3 times as long as one without, and 1.7 times before.
    """
    rows = {receipt.slice: receipt.read for receipt in now}
    total = sum(receipt.read for receipt in mine)
    if len(hop.slices) == 1:
        whole = {1: ALL} if total <= LARGE else {}
        return whole, "" if whole else f"it was read in one slice of more than {LARGE:,} rows"
    most = max(total // MOST, LARGE)
    best = greedy(held, rows, total // EXTREMES, most)
    full = sum(receipt.read > 0 for receipt in mine)
    among = "" if held.slices == full else f" among {held.slices} of {full} slices"  # what an earlier process read
    # They are kept one by one: what each says is true of it and those before it, wherever the process is killed.
    picked = {
        number: f"{_EXTREMES} {held.columns(best[:place])} of {len(hop.columns)} columns{among}"
        for place, number in enumerate(best, start=1)
    }
    others = sorted(rows.keys() - best, key=lambda number: _lot(run, hop, number))
    left = most - sum(rows[number] for number in best)
    for number in _within(others, rows, total // SHARE, left):
        picked[number] = SAMPLE
    return picked, "" if picked else "each of its slices has more than a quarter of its rows"


def greedy(held: Holders, rows: dict[int, int], budget: int, most: int) -> list[int]:
    """Slices that together hold the most extremes, each time the one that adds the most."""
    marks = {number: had for number, had in held.marks().items() if number in rows}
    best: list[int] = []
    while marks:
        number = min(marks, key=lambda number: (-len(marks[number]), rows[number], number))
        gained = marks.pop(number)
        if _within([*best, number], rows, budget, most) == [*best, number]:
            best.append(number)
            marks = {other: left for other, had in marks.items() if (left := had - gained)}
    return best


def _within(numbers: Sequence[int], rows: dict[int, int], budget: int, most: int) -> list[int]:
    """The slices that a budget is enough for, and one in any case that is not above what there may be at the most."""
    kept: list[int] = []
    for number in numbers:
        if sum(rows[one] for one in (*kept, number)) <= (min(budget, most) if kept else most):
            kept.append(number)
    return kept


def _lot(run: str, hop: Hop, number: int) -> bytes:
    """Which slices a sample takes: nobody can foretell it, and who takes up the run again finds the same."""
    return hashlib.sha256(f"{run} {hop.name} {number}".encode()).digest()


def reasons(words: Iterable[str]) -> list[str]:
    """Why slices were asked for, by what is said of each; of the extremes the last one's word holds for all."""
    several = list(dict.fromkeys(words))
    extremes = [word for word in several if word.startswith(_EXTREMES)]
    last = sorted(extremes, key=lambda word: int(word.removeprefix(_EXTREMES).split()[0]))[-1:]
    return last + [word for word in several if word not in extremes]
