"""What partitions that are there have otherwise than they are declared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal

from ..transfer.schema.partitioning import Bound, Partitioning, is_open, takes_others

Grid = Callable[[Bound, Bound], Sequence[Bound]]


def difference(made: Partitioning, there: Partitioning, grid: Grid | None) -> str:
    """In words, '' if there is none. With a `grid`, all its bounds between the first and the last have to be there."""
    if (made.by, _fold(made.columns)) != (there.by, _fold(there.columns)):
        return f"it is partitioned {there}, and declared {made}"
    return _KINDS[made.by](made, there, grid)


def _fold(names: Sequence[str]) -> list[str]:
    return [name.lower() for name in names]


def _ranges(made: Partitioning, there: Partitioning, grid: Grid | None) -> str:
    found, wanted = _ends(there), _ends(made)
    if grid and found:
        wanted = [_plain(one) for one in grid(found[0], found[-1])][:-1]  # without the end behind the last
    if found == wanted:
        return _rest(made, there)
    odd = [one for one in found if one not in wanted] or [one for one in wanted if one not in found]
    return f"it {'has' if odd[0] in found else 'lacks'} the bound {odd[0]}"


def _rest(made: Partitioning, there: Partitioning) -> str:
    """Whether what lies behind all bounds is taken, or refused."""
    found, wanted = (any(takes_others(one) or is_open(one) for one in level.partitions) for level in (there, made))
    if found == wanted:
        return ""
    return "it has a partition for what lies outside" if found else "it has no partition for what lies outside"


def _ends(level: Partitioning) -> list[Bound]:
    ends = [*level.lower[:1]]
    ends += [one.upper[0] for one in level.partitions if not takes_others(one) and not is_open(one)]
    return [_plain(one) for one in ends]


def _plain(bound: Bound) -> Bound:
    """A bound in a form that is equal however an engine writes it."""
    if isinstance(bound, datetime):
        return bound.astimezone(UTC).replace(tzinfo=None) if bound.tzinfo else bound
    if isinstance(bound, date):
        return datetime.combine(bound, time())
    return Decimal(bound) if isinstance(bound, int) else bound


def _lists(made: Partitioning, there: Partitioning, grid: Grid | None) -> str:
    del grid
    found, wanted = ({frozenset(map(_value, one.values)) for one in level.partitions} for level in (there, made))
    odd = [(word, one) for word, ones in (("has", found - wanted), ("lacks", wanted - found)) for one in ones]
    said = sorted(f"it {word} a partition of {', '.join(sorted(map(str, one)))}" for word, one in odd)
    return said[0] if said else ""


def _value(values: Sequence[Bound]) -> Bound:
    return _plain(values[0])


def _hashes(made: Partitioning, there: Partitioning, grid: Grid | None) -> str:
    del grid
    found, wanted = len(there.partitions), len(made.partitions)
    return "" if found == wanted else f"it has {found} partitions, and {wanted} are declared"


_KINDS: dict[str, Callable[[Partitioning, Partitioning, Grid | None], str]] = {
    "range": _ranges, "list": _lists, "hash": _hashes,
}  # fmt: skip
