"""Transforms by name: what they make of a hop's columns at planning, and of its batches on their way.

A transform is a function that a Call names. It is given the columns as they come, and its arguments, and returns a
Shaped: the columns as they leave it, and what to do to a batch. What comes of a row depends on that row alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from .calls import function_of
from .errors import DataError, RequestError
from .plan import Call, ColumnPlan, Hop
from .types import Type
from .unfit import Unread, sifted

Apply = Callable[[pa.RecordBatch], pa.RecordBatch]
_SHOWN = 40  # characters of a value in a message


@dataclass(frozen=True)
class Field:
    """A column between two transforms. `origin` is the source's column that its values come from, '' if none does
    alone; `changed` says that they are others by now.
    """

    name: str
    type: Type
    nullable: bool = True
    origin: str = ""
    changed: bool = False


@dataclass(frozen=True)
class Shaped:
    """What a transform gives: columns, and what makes a batch of them out of a batch of those before.

    What it `hides` no message may show, of the columns before it.
    """

    fields: tuple[Field, ...]
    apply: Apply
    hides: tuple[str, ...] = ()


class Refused(Exception):
    """A transform can make nothing of a value of this column, and why; the row is found by whoever catches it."""

    def __init__(self, column: str, said: str) -> None:
        super().__init__(column, said)
        self.column, self.said = column, said

    def __str__(self) -> str:
        return self.said


@dataclass(frozen=True)
class Step:
    """One transform of a chain, with what goes into it and what comes out."""

    word: str
    before: tuple[Field, ...]
    shaped: Shaped
    # Columns of the source that a step of the chain hides; with '' among them, also such as no column is named for.
    hidden: frozenset[str] = frozenset()

    @property
    def secret(self) -> frozenset[str]:
        """The names of columns before this step that no message may show: hidden, or perhaps made of such."""
        every = "" in self.hidden
        return frozenset(
            one.name for one in self.before if self.hidden and (every or not one.origin or one.origin in self.hidden)
        )


def chain(calls: Sequence[Call], fields: Sequence[Field]) -> list[Step]:
    """The transforms of a hop, ready for batches of these columns. RequestError for one that does not fit them."""
    steps: list[Step] = []
    before = tuple(fields)
    for number, call in enumerate(calls, start=1):
        word = f"transform {number} ({call.function.rpartition(':')[2]})"
        try:
            made: Shaped = function_of(call)(before, **dict(call.arguments))
        except RequestError as error:
            raise RequestError(f"{word}: {error.message}", column=error.column, remedy=error.remedy) from error
        steps.append(Step(word, before, made))
        before = made.fields
    hidden = frozenset(one.origin for step in steps for one in step.before if one.name in step.shaped.hides)
    return [replace(step, hidden=hidden) for step in steps]


def fields_of(columns: Sequence[ColumnPlan]) -> tuple[Field, ...]:
    """The columns as they are read."""
    return tuple(Field(one.target, one.type, one.nullable, one.source) for one in columns)


def schema_of(fields: Sequence[Field]) -> pa.Schema:
    """What a batch of these columns looks like."""
    return pa.schema([(field.name, field.type.arrow) for field in fields])


def found(fields: Sequence[Field], name: str) -> Field:
    """The column that a person means: by its name, by its name in the source, or by either in other letters' case."""
    for spelled in (str, str.lower):
        for known in ("name", "origin"):
            same = [one for one in fields if spelled(getattr(one, known)) == spelled(name)]
            if len(same) == 1:
                return same[0]
    raise RequestError(
        f"there is no column {name!r}.", column=name, remedy=f"Columns there: {', '.join(one.name for one in fields)}."
    )


def transformed(
    hop: Hop, batches: Iterator[pa.RecordBatch], refuse: Unread | None = None
) -> Iterator[pa.RecordBatch]:  # fmt: skip
    """The batches after all transforms of a hop. DataError names transform, column, value and the row's key.

    With `refuse` such a row is left out, and told as it was before all of them.
    """
    steps = chain(hop.transforms, fields_of(hop.reading))
    names, goals = [column.source for column in hop.columns], [column.target for column in hop.columns]
    with closing(batches):  # type: ignore[type-var]  # readers give generators
        for batch in batches:
            for made in _through(steps, batch, hop, refuse):
                if made.num_rows:
                    yield made.select(names).rename_columns(goals)


def hides(hop: Hop) -> bool:
    """Whether a transform of a hop hides values: a row of it may be shown, or kept, as it leaves them alone."""
    return any(step.shaped.hides for step in chain(hop.transforms, fields_of(hop.reading)))


def _through(
    steps: Sequence[Step], batch: pa.RecordBatch, hop: Hop, refuse: Unread | None
) -> Iterator[pa.RecordBatch]:  # fmt: skip
    """What the steps make of a batch, in parts where rows of it are refused: found by halving."""
    if refuse is None:
        yield run_through(steps, batch, str(hop.reads), hop.key)
        return
    yield from sifted(batch, lambda part: run_through(steps, part, str(hop.reads), hop.key), refuse)


def unseen(hop: Hop, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Batches as they are read. A DataError of their reader shows no value of what the hop's transforms are to hide."""
    try:
        yield from batches
    except DataError as error:
        first = chain(hop.transforms, fields_of(hop.reading))[0]
        secret = first.secret | {one.origin for one in first.before if one.name in first.secret}
        if not secret or (error.column and error.column not in secret and not secret & set(hop.key)):
            raise
        raise DataError(
            "A value cannot be read. It is not shown, for it may be one that is to be masked.", table=str(hop.reads),
            column=error.column, key="" if secret & set(hop.key) else error.key, remedy=error.remedy,
        ) from None  # fmt: skip


def run_through(steps: Sequence[Step], batch: pa.RecordBatch, table: str, key: Sequence[str]) -> pa.RecordBatch:
    """One batch through a chain of transforms."""
    for step in steps:
        try:
            made = step.shaped.apply(batch)
        except Exception as error:  # whatever a user's function raises
            raise _refusal(step, batch, error, table, key) from error
        if made.num_rows > batch.num_rows:
            raise DataError(
                f"{step.word} made {made.num_rows} rows of {batch.num_rows}, and a transform adds none.",
                table=table, remedy="Make it a query: of the source.",
            )  # fmt: skip
        wanted = schema_of(step.shaped.fields)
        if not made.schema.equals(wanted):
            made = _fitted(step, made, wanted, table)
        batch = made
    return batch


def _fitted(step: Step, made: pa.RecordBatch, wanted: pa.Schema, table: str) -> pa.RecordBatch:
    """The batch with the fields that were planned. DataError if it has others."""
    kinds = [(field.name, field.type) for field in made.schema]
    if kinds != [(field.name, field.type) for field in wanted]:
        raise DataError(
            f"{step.word} gave columns ({', '.join(f'{name} {kind}' for name, kind in kinds)}), and was planned with "
            f"({', '.join(f'{field.name} {field.type}' for field in wanted)}).",
            table=table, remedy="What a transform gives may depend on the columns alone, not on their values.",
        )  # fmt: skip
    return pa.RecordBatch.from_arrays(made.columns, schema=wanted)


def _refusal(step: Step, batch: pa.RecordBatch, error: Exception, table: str, key: Sequence[str]) -> DataError:
    """What a transform of ours or the user's raised, with the first row that it raises for by itself."""
    row, error = _first_refused(step, batch, error)
    names, secret = batch.schema.names, step.secret
    told = [name for name in key if name in names and name not in secret]
    where = "" if row is None else ", ".join(f"{name}={_short(batch.column(name)[row])}" for name in told)
    said = _said(step, error)
    return DataError(
        f"{step.word}: {said}", table=table, column=getattr(error, "column", ""), key=where,
        remedy="Mend the value, leave its row out by where: or filter:, or change the transform.",
    )  # fmt: skip


def _said(step: Step, error: Exception) -> str:
    """What was raised; without it where it may show a value that is to be masked."""
    told = isinstance(error, Refused) and error.column not in step.secret
    if step.secret and not told:
        what = f"a value of {error.column} is refused" if isinstance(error, Refused) else type(error).__name__
        return f"{what}, of which no more is shown: it may hold what is to be masked"
    return " ".join(str(error).split()) or type(error).__name__


def _first_refused(step: Step, batch: pa.RecordBatch, error: Exception) -> tuple[int | None, Exception]:
    """Found by halving, with its own error; None where no row is refused alone."""
    low, high = 0, batch.num_rows
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _raised(step, batch.slice(low, middle - low)) else (middle, high)
    alone = _raised(step, batch.slice(low, 1)) if batch.num_rows else None
    return (low, alone) if alone else (None, error)


def _raised(step: Step, part: pa.RecordBatch) -> Exception | None:
    try:
        step.shaped.apply(part)
    except Exception as error:  # noqa: BLE001 - it is told
        return error
    return None


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def proven(steps: Sequence[Step], batch: pa.RecordBatch, table: str, key: Sequence[str]) -> pa.RecordBatch:
    """A sample after all steps. RequestError for a step that gives something else for a cut, reversed or second pass.

    That would depend on other rows, on their order, on chance or on the clock, and so on how a run slices.
    """
    for step in steps:
        whole = run_through([step], batch, table, key)
        ways = {"when it is asked again": [batch], "for rows one by one": _cut(batch, 1), "for rows in threes":
                _cut(batch, 3), "in another order": [_turned(batch)]}  # fmt: skip
        for how, parts in ways.items():
            made = [run_through([step], part, table, key) for part in parts]
            again = _joined([_turned(one) for one in made] if how == "in another order" else made, whole.schema)
            if not _same(whole, again):
                raise RequestError(
                    f"{step.word} of {table} gives something else {how}, so it depends on more than the row.",
                    table=table,
                    remedy="What needs several rows is no transform: make it a query, or a step over the whole table.",
                )  # fmt: skip
        batch = whole
    return batch


_ALONE = 60  # rows of a sample that are tried one by one


def _cut(batch: pa.RecordBatch, size: int) -> list[pa.RecordBatch]:
    some = min(batch.num_rows, _ALONE)
    parts = [batch.slice(first, min(size, some - first)) for first in range(0, some, size)]
    return [*parts, batch.slice(some)]


def _turned(batch: pa.RecordBatch) -> pa.RecordBatch:
    return batch.take(pa.array(range(batch.num_rows - 1, -1, -1), pa.int64()))


def _joined(parts: Sequence[pa.RecordBatch], schema: pa.Schema) -> pa.RecordBatch:
    return pa.Table.from_batches(list(parts), schema).combine_chunks().to_batches()[0] if any(
        part.num_rows for part in parts
    ) else pa.RecordBatch.from_pylist([], schema)  # fmt: skip


def _same(one: pa.RecordBatch, other: pa.RecordBatch) -> bool:
    """Equal values in equal order; of floats two NaN are equal."""
    if one.num_rows != other.num_rows:
        return False
    return all(_values(a).equals(_values(b)) for a, b in zip(one.columns, other.columns, strict=True))


def _values(values: Any) -> Any:
    if not pa.types.is_floating(values.type):
        return values
    import pyarrow.compute as pc

    return pc.if_else(pc.is_nan(values), pa.scalar("nan"), values.cast(pa.string()))
