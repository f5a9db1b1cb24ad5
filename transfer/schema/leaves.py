"""Which partition of a table a row is for, by its own values: as a plan says it, and for whole batches at once.

Bounds are whole numbers: of a date its days since 1970, of a moment its microseconds since then, in UTC or as the clock
on the wall has it. A list may have texts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Literal, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ..types import INTEGERS, Type
from .catalogue import Relation, Table
from .partitioning import Bound, Partition, Partitioning, is_open, takes_others

Numbers: TypeAlias = NDArray[np.int32]
Values: TypeAlias = Any  # an Arrow array

WHOLE = -1  # the table itself, which knows better, or refuses
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Level:
    """How one column tells partitions apart; each is a number of Leaves.tables, or WHOLE.

    Of ranges `homes` are one more than `bounds`: a value below the first is in the first home, and so on. Of lists they
    are as many, and `others` is the home of what is not listed. `inside` are those that are divided further.
    """

    by: Literal["range", "list"]
    column: str
    bounds: tuple[int | str, ...]
    homes: tuple[int, ...]
    others: int = WHOLE
    null: int = WHOLE
    inside: tuple[tuple[int, Level], ...] = ()


@dataclass(frozen=True)
class Leaves:
    """The tables that a partitioned table consists of, and which of them a row is for."""

    tables: tuple[Relation, ...]
    level: Level

    @property
    def held(self) -> tuple[int, ...]:
        """The numbers of those that rows are loaded into, each once: not of what is divided further."""
        return tuple(sorted(_held(self.level) - {WHOLE}))


def _held(level: Level) -> set[int]:
    divided = {number for number, _ in level.inside}
    return ({*level.homes, level.others, level.null} - divided).union(*(_held(inner) for _, inner in level.inside))


def leaves_of(table: Table, types: Mapping[str, Type], *, named: bool = False) -> Leaves | None:
    """The leaves of a table that is made with its partitions, each before those inside; None where that is not told.

    `types` are those of the columns that are loaded. `named` says that partitions which are no tables of their own
    count by their names.
    A partition that is divided by hash, or by what is not told apart here, is a home as a whole.
    """
    if not table.division or not (table.parts or named):
        return None
    names = [part.name for part in table.parts] or [Relation("", one.name) for one in _walk(table.division)]
    return leaves_by(table.division, names, table, types)


def _walk(division: Partitioning) -> Iterator[Partition]:
    for one in division.partitions:
        yield one
        yield from _walk(one.within) if one.within else ()


def leaves_by(
    division: Partitioning, names: Sequence[Relation], table: Table, types: Mapping[str, Type]
) -> Leaves | None:  # fmt: skip
    """The same of a table whose partitions have these names, each before those inside."""
    level, used = _level(division, 0)
    assert used == len(names)  # noqa: S101 - they are the same ones
    return Leaves(tuple(names), level) if level and _is_told(level, table, types) else None


def _is_told(level: Level, table: Table, types: Mapping[str, Type]) -> bool:
    """Whether values on their way are compared as the target compares them."""
    type_, column = types.get(level.column), table.column(level.column)
    if type_ is None or not all(_is_told(inner, table, types) for _, inner in level.inside):
        return False
    if isinstance(level.bounds[0], str):
        plain = not (type_.padded or column.folds or column.collation)
        return type_.kind == "text" and level.by == "list" and plain
    moment = type_.kind in ("timestamp", "instant") and type_.digits <= 6  # Arrow's own are microseconds then
    return moment or type_.kind == "date" or (type_.kind in INTEGERS and type_.kind != "uint64")


def _level(division: Partitioning, first: int) -> tuple[Level | None, int]:
    """The level whose first partition has this number, and the number behind its last."""
    numbers, inside, at = [], [], first
    for one in division.partitions:
        numbers.append(at)
        inner, at = _level(one.within, at + 1) if one.within else (None, at + 1)
        inside += [(numbers[-1], inner)] if inner else []
    made = _KINDS[division.by](division, numbers, tuple(inside)) if len(division.columns) == 1 else None
    return made, at


def _ranges(division: Partitioning, numbers: Sequence[int], inside: tuple[tuple[int, Level], ...]) -> Level | None:
    plain = [(one, n) for one, n in zip(division.partitions, numbers, strict=True) if not takes_others(one)]
    rest = _rest(division.partitions, numbers)
    ends = [one.upper[0] for one, _ in plain if not is_open(one)]
    bounds = [_key(end) for end in (*division.lower[:1], *ends)]
    known = [bound for bound in bounds if isinstance(bound, int)]
    odd = not known or len(known) < len(bounds) or any(is_open(one) for one, _ in plain[:-1])
    if odd:
        return None
    open_ = is_open(plain[-1][0])
    null = {"first": plain[0][1], "last": plain[-1][1] if open_ else rest}.get(division.nulls, rest)
    homes = [*([rest] if division.lower else []), *(n for _, n in plain), *([] if open_ else [rest])]
    return Level("range", division.columns[0], tuple(known), tuple(homes), null=null, inside=inside)


def _rest(partitions: Sequence[Partition], numbers: Sequence[int]) -> int:
    return next((n for one, n in zip(partitions, numbers, strict=True) if takes_others(one)), WHOLE)


def _lists(division: Partitioning, numbers: Sequence[int], inside: tuple[tuple[int, Level], ...]) -> Level | None:
    rest = _rest(division.partitions, numbers)
    found: dict[int | str | None, int] = {}
    for one, number in zip(division.partitions, numbers, strict=True):
        for values in one.values if not takes_others(one) else ():
            key = _key(values[0])
            if key is None and values[0] is not None:
                return None
            found[key] = number
    null = found.pop(None, rest)
    keys = tuple(key for key in found if key is not None)
    if len({type(key) for key in keys}) != 1:
        return None
    return Level("list", division.columns[0], keys, tuple(found.values()), rest, null, inside)


_KINDS = {"range": _ranges, "list": _lists, "hash": lambda *_: None}


def _key(bound: Bound) -> int | str | None:
    """A bound as a plan has it; None for NULL, and for what is compared by the target alone."""
    if isinstance(bound, datetime):
        since = (bound if bound.tzinfo else bound.replace(tzinfo=UTC)) - _EPOCH
        return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    if isinstance(bound, date):
        return (bound - _EPOCH.date()).days
    return bound if type(bound) in (int, str) else None  # type: ignore[return-value]  # an Edge is a str of its own


def homes(leaves: Leaves, batch: pa.RecordBatch) -> Numbers:
    """The number of the table that each row of a batch is for, or WHOLE."""
    return _homes(leaves.level, batch.select([name for name in batch.schema.names if name in _columns(leaves.level)]))


def _columns(level: Level) -> set[str]:
    return {level.column}.union(*(_columns(inner) for _, inner in level.inside))


def _homes(level: Level, batch: pa.RecordBatch) -> Numbers:
    values = batch.column(level.column)
    found = _between(level, values) if level.by == "range" else _listed(level, values)
    for number, inner in level.inside:
        rows = np.flatnonzero(found == number)
        if len(rows):
            deeper = _homes(inner, batch.take(rows))
            found[rows] = np.where(deeper == WHOLE, number, deeper)
    return found


def _between(level: Level, values: Values) -> Numbers:
    if len(values) == 0:
        return np.zeros(0, np.int32)
    places = np.searchsorted(np.array(level.bounds, np.int64), _whole(values), side="right")
    found = np.array(level.homes, np.int32)[places]
    if values.null_count:
        found[np.asarray(values.is_null())] = level.null
    return found


def _whole(values: Values) -> NDArray[np.int64]:
    """Dates, moments and whole numbers as bounds count them; NULLs as anything."""
    kind = values.type
    if pa.types.is_timestamp(kind) and kind.unit != "us":
        values = values.cast(pa.timestamp("us", kind.tz))
    if pa.types.is_temporal(kind):
        values = values.view(pa.int32() if kind.bit_width == 32 else pa.int64())
    found: NDArray[np.int64] = np.asarray(values.fill_null(0).cast(pa.int64()))
    return found


def _listed(level: Level, values: Values) -> Numbers:
    keys: Any = level.bounds
    known = isinstance(keys[0], str)
    values = values if known else pa.array(_whole(values), mask=np.asarray(values.is_null()))
    places: Values = pc.index_in(values, pa.array(keys, values.type))
    found: Numbers = np.array([*level.homes, level.others], np.int32)[np.asarray(places.fill_null(len(keys)))]
    if values.null_count:
        found[np.asarray(values.is_null())] = level.null
    return found
