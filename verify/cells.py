"""Rows and cells that differ between two sets of rows that should be the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl
import pyarrow as pa

from ..transfer.canonical import Canon
from ..transfer.repair import Wrong
from .causes import cause
from .report import Compared, Difference
from .rowtext import row_texts

_SHOWN = 200  # characters of a value


@dataclass(frozen=True)
class _Side:
    """Rows with their keys and their canonical texts."""

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
    return _Side(table, batch, frame)


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
    told = [one_ for row in sorted(found)[:most] for one_ in _cells(here, there, row, found[row], places)]
    return told[:most], +columns


def _cells(
    here: pa.RecordBatch, there: pa.RecordBatch, row: int, differing: Sequence[int], places: Sequence[int]
) -> list[Difference]:
    names = here.schema.names
    key = {names[place]: _shown(here.column(place)[row].as_py()) for place in places}
    values = {place: (here.column(place)[row].as_py(), there.column(place)[row].as_py()) for place in differing}
    return [
        Difference("changed", key, names[place], _shown(a), _shown(b), _swap(place, values, names) or cause(a, b))
        for place, (a, b) in values.items()
    ]


def _swap(place: int, values: Mapping[int, tuple[object, object]], names: Sequence[str]) -> str:
    """Another column of the row that took this one's value and gave its own."""
    a, b = values[place]
    partner = next((other for other, pair in values.items() if other != place and pair == (b, a)), None)
    return "" if partner is None else f"swapped with {names[partner]}"


def _key(side: _Side, row: int, places: Sequence[int]) -> dict[str, str | None]:
    names = side.batch.schema.names
    return {names[at]: _shown(side.batch.column(at)[row].as_py()) for at in (places or range(len(names)))}


def _shown(value: object) -> str | None:
    if value is None:
        return None
    text = value.hex() if isinstance(value, bytes) else str(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}... ({len(text)} characters)"
