"""Rows and cells that differ between two sets of rows that should be the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl
import pyarrow as pa

from ..transfer.canonical import Canon
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
    one, other = _side(source, canons, places), _side(target, canons, places)
    keyed = places and not (_has_twins(one) or _has_twins(other))
    joined = _by_key(one, other) if keyed else _by_count(one, other)
    changed = joined.filter(pl.col("kind") == "changed")
    told, columns = _changes(one, other, canons, places, changed, most)
    lost = {kind: joined.filter(pl.col("kind") == kind) for kind in ("missing", "extra")}
    for kind, side, place in (("missing", one, "place"), ("extra", other, "there")):
        for row in lost[kind][place].head(max(0, most - len(told))):
            told.append(Difference(kind, _key(side, row, places)))  # type: ignore[arg-type]  # one of the two
    return Compared(
        len(lost["missing"]), len(lost["extra"]), len(changed), max(one.table.num_rows, other.table.num_rows),
        tuple(columns.most_common()), tuple(told),
    )  # fmt: skip


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
    one: _Side, other: _Side, canons: Sequence[Canon], places: Sequence[int], changed: pl.DataFrame, most: int
) -> tuple[list[Difference], Counter[str]]:
    """The cells of changed rows that differ: the first of them, and how many in each column."""
    here = one.batch.take(pa.array(changed["place"].to_list(), pa.int64()))
    there = other.batch.take(pa.array(changed["there"].to_list(), pa.int64()))
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
