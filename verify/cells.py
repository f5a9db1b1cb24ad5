"""Rows and cells that differ between two sets of rows that should be the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any

import polars as pl
import pyarrow as pa

from ..transfer.canonical import Canon
from ..transfer.repair import Wrong
from .causes import Beyond, alike, cause
from .checksum import digests
from .report import Compared, Difference
from .rowtext import row_texts

_SHOWN = 200  # characters of a value
_DIGITS = 32  # of a digest: as many bits as a checksum has


@dataclass(frozen=True)
class _Side:
    """Rows, and the digests of their keys' canonical texts and of their own, which may be a hundred times as long."""

    canons: Sequence[Canon]
    places: Sequence[int]
    batch: pa.RecordBatch
    frame: pl.DataFrame

    def keys(self, rows: pl.Series) -> pl.Series:
        """The canonical texts of the keys of some rows, by which people find their way."""
        keys = self.batch.select([self.batch.schema.names[place] for place in self.places])
        part = keys.take(pa.array(rows.to_list(), pa.int64()))
        return row_texts(part, [self.canons[place] for place in self.places])


def compare_rows(
    source: pa.Table, target: pa.Table, canons: Sequence[Canon], places: Sequence[int], most: int,
    earlier: tuple[pa.Table, pa.Table] | None = None,
) -> Compared:  # fmt: skip
    """Hold rows against each other by their key, the columns at `places`, or as multisets where there is none.

    Both tables have the same columns in the same order. At most `most` differences are told one by one; with both
    sides' rows of an `earlier` look only those count that were there already, with the same values.
    """
    joined = _join(source, target, canons, places)
    if earlier:
        joined = joined.also_in(_join(*earlier, canons, places))
    changed, missing, extra = map(joined.of, ("changed", "missing", "extra"))
    here, there = _at(joined.one, changed["place"]), _at(joined.other, changed["there"])
    cells = _cells(here, there, canons)
    shares = _shares([*map(len, cells.values()), len(missing), len(extra)], most)
    told = [(row, at) for share, (at, rows) in zip(shares, cells.items(), strict=False) for row in rows[:share]]
    lost, more = _at(joined.one, missing["place"].head(shares[-2])), _at(joined.other, extra["there"].head(shares[-1]))
    first = [
        *(_changed(here, there, row, at, places, canons) for row, at in sorted(told)),
        *(Difference("missing", _key(lost, row, places, canons)) for row in range(len(lost))),
        *(Difference("extra", _key(more, row, places, canons)) for row in range(len(more))),
    ]
    columns = Counter({here.schema.names[at]: len(rows) for at, rows in cells.items()})
    return Compared(
        len(missing), len(extra), len(changed), max(source.num_rows, target.num_rows), tuple(columns.most_common()),
        tuple(first),
    )  # fmt: skip


def together(parts: Sequence[Compared], most: int) -> Compared:
    """What comparisons of several sets of rows found, with at most `most` differences, by turns of their columns."""
    columns: Counter[str] = Counter()
    told: dict[tuple[str, str], list[Difference]] = {}
    for part in parts:
        columns.update(dict(part.columns))
        for one in part.first:
            told.setdefault((one.kind, one.column), []).append(one)
    shares = _shares([*map(len, told.values())], most)
    kept = {id(one) for share, some in zip(shares, told.values(), strict=True) for one in some[:share]}
    first = tuple(one for part in parts for one in part.first if id(one) in kept)
    missing, extra, changed, rows = (
        sum(getattr(part, name) for part in parts) for name in ("missing", "extra", "changed", "rows")
    )
    return Compared(missing, extra, changed, rows, tuple(columns.most_common()), first)


def wrong_rows(source: pa.Table, target: pa.Table, canons: Sequence[Canon], places: Sequence[int]) -> Wrong:
    """The rows by which the target is not the source, told apart as `compare_rows` does."""
    joined = _join(source, target, canons, places)
    changed = joined.of("changed")
    extra = (
        joined.of("extra")
        .group_by("key" if joined.keyed else "row", maintain_order=True)
        .agg(pl.col("there").first(), pl.len())
    )
    rows = [
        (joined.one, joined.of("missing")["place"]), (joined.one, changed["place"]),
        (joined.other, changed["there"]), (joined.other, extra["there"]),
    ]  # fmt: skip
    missing, now, before, gone = (_at(side, places_) for side, places_ in rows)
    columns = tuple(now.schema.names[at] for at in _cells(now, before, canons))
    return Wrong(missing, now, before, gone, tuple(extra["len"]), columns, joined.keyed)


@dataclass(frozen=True)
class _Joined:
    """Two sides and the places of their rows that differ, each with its kind."""

    one: _Side
    other: _Side
    frame: pl.DataFrame
    keyed: bool

    def also_in(self, other: _Joined) -> _Joined:
        """Only the differences that another look showed, too."""
        if self.keyed != other.keyed:  # a key that was there twice at one of the looks
            return self
        same = ["kind", "key", "row", "row_right"] if self.keyed else ["kind", "row", "nth"]
        return replace(self, frame=self.frame.join(other.frame, on=same, how="semi", nulls_equal=True))

    def of(self, kind: str) -> pl.DataFrame:
        return self.frame.filter(pl.col("kind") == kind)


def _join(source: pa.Table, target: pa.Table, canons: Sequence[Canon], places: Sequence[int]) -> _Joined:
    one, other = _side(source, canons, places), _side(target, canons, places)
    keyed = bool(places) and not (_has_twins(one) or _has_twins(other))
    return _Joined(one, other, _by_key(one, other) if keyed else _by_count(one, other), keyed)


def _side(table: pa.Table, canons: Sequence[Canon], places: Sequence[int]) -> _Side:
    batch = _one_batch(table)
    names = [batch.schema.names[place] for place in places]
    row = digests(batch, canons).str.head(_DIGITS)
    key = digests(batch.select(names), [canons[place] for place in places]).str.head(_DIGITS) if places else row
    frame = pl.DataFrame({"key": key, "row": row}).with_row_index("place")
    return _Side(canons, places or range(len(canons)), batch, frame)


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
    return _in_order(joined.with_columns(kind.alias("kind")).filter(pl.col("kind") != ""), one, other)


def _in_order(wrong: pl.DataFrame, one: _Side, other: _Side) -> pl.DataFrame:
    """Rows that differ, by their keys; those of the target alone by theirs."""
    here = pl.col("place").is_not_null()
    parts = [
        part.with_columns(side.keys(part[column]).alias("order"))
        for side, column, part in ((one, "place", wrong.filter(here)), (other, "there", wrong.filter(~here)))
    ]
    return pl.concat(parts).sort("order", maintain_order=True).drop("order")


def _by_count(one: _Side, other: _Side) -> pl.DataFrame:
    """Equal rows cancel out one by one; what is left over is missing or extra."""
    nth = pl.int_range(pl.len()).over("row").alias("nth")
    mine = one.frame.with_columns(nth)
    theirs = other.frame.with_columns(nth).rename({"place": "there"})
    joined = mine.join(theirs, on=["row", "nth"], how="full", coalesce=True)
    kind = (
        pl.when(pl.col("there").is_null()).then(pl.lit("missing")).when(pl.col("place").is_null()).then(pl.lit("extra"))
    )
    return _in_order(
        joined.with_columns(kind.otherwise(pl.lit("")).alias("kind")).filter(pl.col("kind") != ""), one, other
    )


def _at(side: _Side, rows: pl.Series) -> pa.RecordBatch:
    return side.batch.take(pa.array(rows.to_list(), pa.int64()))


def _cells(here: pa.RecordBatch, there: pa.RecordBatch, canons: Sequence[Canon]) -> dict[int, list[int]]:
    """Of each column that differs, by its place, the rows in which it does."""
    found = {}
    for place, (name, canon) in enumerate(zip(here.schema.names, canons, strict=True)):
        one, other = (digests(batch.select([name]), [canon]) for batch in (here, there))
        rows = (one != other).arg_true().to_list()
        if rows:
            found[place] = rows
    return found


def _shares(counts: Sequence[int], most: int) -> list[int]:
    """How many of each group are told: by turns, so that a column that is wrong everywhere hides no other."""
    shares = [0] * len(counts)
    for _ in range(min(most, sum(counts))):
        left = [group for group, count in enumerate(counts) if shares[group] < count]
        shares[min(left, key=lambda group: shares[group])] += 1
    return shares


def _changed(
    here: pa.RecordBatch, there: pa.RecordBatch, row: int, place: int, places: Sequence[int], canons: Sequence[Canon]
) -> Difference:
    a, b = (_value(batch, place, row, canons[place]) for batch in (here, there))
    why = _swap(here, there, row, place, canons) or cause(a, b)
    return Difference("changed", _key(here, row, places, canons), here.schema.names[place], *_beside(a, b), why)


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


def _swap(here: pa.RecordBatch, there: pa.RecordBatch, row: int, place: int, canons: Sequence[Canon]) -> str:
    """Another column of the row that took this one's value and gave its own."""
    pairs = [tuple(_value(batch, at, row, canons[at]) for batch in (here, there)) for at in range(here.num_columns)]
    a, b = pairs[place]
    partner = next((at for at, pair in enumerate(pairs) if at != place and pair == (b, a)), None)
    return "" if partner is None else f"swapped with {here.schema.names[partner]}"


def _key(batch: pa.RecordBatch, row: int, places: Sequence[int], canons: Sequence[Canon]) -> dict[str, str | None]:
    names = batch.schema.names
    return {names[at]: _shown(_value(batch, at, row, canons[at])) for at in (places or range(len(names)))}


def _beside(one: object, other: object) -> tuple[str | None, str | None]:
    """Two values for people to see how they differ: long ones from a little before that on."""
    texts = _text(one), _text(other)
    first = alike(*texts)
    start = max(0, (first if first < min(map(len, texts)) else 0) - _SHOWN // 4)
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
