"""Rows and cells that differ between two sets of rows that should be the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any

import polars as pl
import pyarrow as pa

from ..transfer.canonical import Canon
from ..transfer.repair import Wrong
from .causes import Beyond, cause
from .report import Compared, Difference
from .rowtext import row_texts

_SHOWN = 200  # characters of a value


@dataclass(frozen=True)
class _Side:
    """Rows with their keys and their canonical texts."""

    canons: Sequence[Canon]
    table: pa.Table
    batch: pa.RecordBatch
    frame: pl.DataFrame


def compare_rows(
    source: pa.Table, target: pa.Table, canons: Sequence[Canon], places: Sequence[int], most: int
) -> Compared:
    """Hold rows against each other by their key, the columns at `places`, or as multisets where there is none.

    Both tables have the same columns in the same order. At most `most` differences are told one by one.
    """
    joined = _join(source, target, canons, places)
    changed = joined.of("changed")
    told, columns = _changes(joined, canons, places, changed, most)
    lost = {kind: joined.of(kind) for kind in ("missing", "extra")}
    for kind, side, place in (("missing", joined.one, "place"), ("extra", joined.other, "there")):
        for row in lost[kind][place].head(max(0, most - len(told))):
            told.append(Difference(kind, _key(side, row, places)))  # type: ignore[arg-type]  # one of the two
    return Compared(
        len(lost["missing"]), len(lost["extra"]), len(changed), max(source.num_rows, target.num_rows),
        tuple(columns.most_common()), tuple(told),
    )  # fmt: skip


def wrong_rows(source: pa.Table, target: pa.Table, canons: Sequence[Canon], places: Sequence[int]) -> Wrong:
    """The rows by which the target is not the source, told apart as `compare_rows` does."""
    joined = _join(source, target, canons, places)
    changed = joined.of("changed")
    _, columns = _changes(joined, canons, places, changed, 0)
    extra = (
        joined.of("extra")
        .group_by("key" if joined.keyed else "row", maintain_order=True)
        .agg(pl.col("there").first(), pl.len())
    )
    rows = [
        (joined.one, joined.of("missing")["place"]), (joined.one, changed["place"]),
        (joined.other, changed["there"]), (joined.other, extra["there"]),
    ]  # fmt: skip
    missing, now, before, gone = (side.batch.take(pa.array(places_.to_list(), pa.int64())) for side, places_ in rows)
    return Wrong(missing, now, before, gone, tuple(extra["len"]), tuple(columns), joined.keyed)


@dataclass(frozen=True)
class _Joined:
    """Two sides and the places of their rows that differ, each with its kind."""

    one: _Side
    other: _Side
    frame: pl.DataFrame
    keyed: bool

    def of(self, kind: str) -> pl.DataFrame:
        return self.frame.filter(pl.col("kind") == kind)


def _join(source: pa.Table, target: pa.Table, canons: Sequence[Canon], places: Sequence[int]) -> _Joined:
    one, other = _side(source, canons, places), _side(target, canons, places)
    keyed = bool(places) and not (_has_twins(one) or _has_twins(other))
    return _Joined(one, other, _by_key(one, other) if keyed else _by_count(one, other), keyed)


def _side(table: pa.Table, canons: Sequence[Canon], places: Sequence[int]) -> _Side:
    batch = _one_batch(table)
    names = [batch.schema.names[place] for place in places]
    row = row_texts(batch, canons)
    key = row_texts(batch.select(names), [canons[place] for place in places]) if places else row
    frame = pl.DataFrame({"key": key, "row": row}).with_row_index("place")
    return _Side(canons, table, batch, frame)


def _one_batch(table: pa.Table) -> pa.RecordBatch:
    whole = table.combine_chunks().to_batches()
    return (
        whole[0]
        if whole
        else pa.RecordBatch.from_arrays([pa.array([], f.type) for f in table.schema], schema=table.schema)
    )


def _has_twins(side: _Side) -> bool:
    return side.frame["key"].n_unique() < len(side.frame)


def _by_key(one: _Side, other: _Side) -> pl.DataFrame:
    joined = one.frame.join(other.frame.rename({"place": "there"}), on="key", how="full", coalesce=True)
    kind = (
        pl.when(pl.col("row_right").is_null()).then(pl.lit("missing"))
        .when(pl.col("row").is_null()).then(pl.lit("extra"))
        .when(pl.col("row") != pl.col("row_right")).then(pl.lit("changed"))
        .otherwise(pl.lit(""))
    )  # fmt: skip
    return joined.with_columns(kind.alias("kind")).filter(pl.col("kind") != "").sort("key")


def _by_count(one: _Side, other: _Side) -> pl.DataFrame:
    """Equal rows cancel out one by one; what is left over is missing or extra."""
    nth = pl.int_range(pl.len()).over("row").alias("nth")
    mine = one.frame.with_columns(nth)
    theirs = other.frame.with_columns(nth).rename({"place": "there"})
    joined = mine.join(theirs, on=["row", "nth"], how="full", coalesce=True)
    kind = (
        pl.when(pl.col("there").is_null()).then(pl.lit("missing")).when(pl.col("place").is_null()).then(pl.lit("extra"))
    )
    return joined.with_columns(kind.otherwise(pl.lit("")).alias("kind")).filter(pl.col("kind") != "").sort("row")


def _changes(
    joined: _Joined, canons: Sequence[Canon], places: Sequence[int], changed: pl.DataFrame, most: int
) -> tuple[list[Difference], Counter[str]]:
    """The cells of changed rows that differ: the first of them, and how many in each column."""
    here = joined.one.batch.take(pa.array(changed["place"].to_list(), pa.int64()))
    there = joined.other.batch.take(pa.array(changed["there"].to_list(), pa.int64()))
    found: dict[int, list[int]] = {}
    columns: Counter[str] = Counter()
    for place, (name, canon) in enumerate(zip(here.schema.names, canons, strict=True)):
        texts = (row_texts(batch.select([name]), [canon]) for batch in (here, there))
        differs = [row for row, (a, b) in enumerate(zip(*texts, strict=True)) if a != b]
        columns[name] += len(differs)
        for row in differs:
            found.setdefault(row, []).append(place)
    told = [one_ for row in sorted(found)[:most] for one_ in _cells(here, there, row, found[row], places, canons)]
    return told[:most], +columns


def _cells(
    here: pa.RecordBatch, there: pa.RecordBatch, row: int, differing: Sequence[int], places: Sequence[int],
    canons: Sequence[Canon],
) -> list[Difference]:  # fmt: skip
    names = here.schema.names
    key = {names[place]: _shown(_value(here, place, row, canons[place])) for place in places}
    values = {place: tuple(_value(side, place, row, canons[place]) for side in (here, there)) for place in differing}
    made = []
    for place, (a, b) in values.items():
        why = _swap(place, values, names) or cause(a, b)
        made.append(Difference("changed", key, names[place], *_beside(a, b), why))
    return made


def _value(side: pa.RecordBatch, place: int, row: int, canon: Canon) -> object:
    """A cell in the one Python type that stands for its form, whatever type a side keeps it in.

    So neither a cause nor a row without a key tells of types. Where Python has no such value, its canonical text.
    """
    try:
        value: object = side.column(place)[row].as_py()
    except (OverflowError, ValueError):  # a year below 1 or above 9999, or nanoseconds
        part = side.select([side.schema.names[place]]).slice(row, 1)
        return Beyond(row_texts(part, [canon])[0])
    alike = _ALIKE.get(canon.form)
    return value if alike is None or value is None else alike(value)


def _whole(value: Any) -> object:
    return int(value) if isinstance(value, (bool, Decimal)) and value == int(value) else value


_MICROSECOND = timedelta(microseconds=1)
_ALIKE: Mapping[str, Callable[[Any], object]] = {
    "integer": _whole,
    "decimal": lambda value: Decimal(value) if isinstance(value, int) else value,
    "number": lambda value: Decimal(value) if isinstance(value, int) else value,
    "float": lambda value: float(value) + 0.0,  # and -0 is 0
    "boolean": lambda value: bool(value) if value in (0, 1) else value,
    "date": lambda value: value.date() if isinstance(value, datetime) and value.time() == time() else value,
    "timestamp": lambda value: value if isinstance(value, datetime) else datetime.combine(value, time()),
    "instant": lambda value: value if value.tzinfo else value.replace(tzinfo=UTC),
    "padded": lambda value: value.rstrip(" "),
    "duration": lambda value: value // _MICROSECOND if isinstance(value, timedelta) else value,
}


def _swap(place: int, values: Mapping[int, tuple[object, ...]], names: Sequence[str]) -> str:
    """Another column of the row that took this one's value and gave its own."""
    a, b = values[place]
    partner = next((other for other, pair in values.items() if other != place and pair == (b, a)), None)
    return "" if partner is None else f"swapped with {names[partner]}"


def _key(side: _Side, row: int, places: Sequence[int]) -> dict[str, str | None]:
    names = side.batch.schema.names
    return {names[at]: _shown(_value(side.batch, at, row, side.canons[at])) for at in (places or range(len(names)))}


def _beside(one: object, other: object) -> tuple[str | None, str | None]:
    """Two values for people to see how they differ: long ones from a little before that on."""
    pairs = zip(_text(one), _text(other), strict=False)
    first = next((at for at, (a, b) in enumerate(pairs) if a != b), 0)
    start = max(0, first - _SHOWN // 4)
    return _shown(one, start), _shown(other, start)


def _shown(value: object, start: int = 0) -> str | None:
    """A value for people. Of a long one a part, and its SHA-256, or two that differ elsewhere would look the same."""
    text = _text(value)
    if value is None or len(text) <= _SHOWN:
        return None if value is None else text
    part = f"{'...' if start else ''}{text[start : start + _SHOWN]}{'...' if start + _SHOWN < len(text) else ''}"
    return f"{part} ({len(text)} characters, SHA-256 {sha256(text.encode()).hexdigest()[:8]})"


def _text(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
