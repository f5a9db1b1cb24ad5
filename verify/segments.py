"""The checksums of a table's segments, computed by a server in one scan or in the client on Arrow batches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import polars as pl
import pyarrow as pa

from ..transfer.canonical import Canon
from ..transfer.engine import Engine, Session
from ..transfer.extremes import Holders, noted
from ..transfer.schema.catalogue import Relation
from ..transfer.segments import NULL, Division
from ..transfer.verification import server_sum
from .checksum import Sum, digests, row_words
from .report import Stretch

Segments = dict[str, Sum]
_FEW = 32  # ranges of a batch of 2 MB, which has 14,000 rows of lineitem and 100,000 of two integers
_STRETCHES = 120  # of a table, at most: what a page draws as a strip


def added(parts: Iterable[Segments]) -> Segments:
    """The segments of rows that are known in parts."""
    sums: Segments = {}
    for part in parts:
        for name, one in part.items():
            sums[name] = sums.get(name, Sum.zero()) + one
    return sums


def by_server(
    engine: Engine, session: Session, relation: Relation, columns: Sequence[tuple[str, Canon, str]], where: str,
    division: Division,
) -> Segments | None:  # fmt: skip
    """What the server computes; None where it cannot, be it of one row: MariaDB's is NULL above max_allowed_packet."""
    sql = engine.checksum(session, relation, columns, where, division)
    rows = session.ask(sql) if sql else []
    if not sql or any(int(str(row[-1])) for row in rows):
        return None
    return {_named(row[0], division): Sum.parse(server_sum(row[1:])) for row in rows}


def _named(name: object, division: Division) -> str:
    """A segment's name as a server gave it. Oracle's '' is NULL, and a SHA-256 never is."""
    missing = NULL if division.step else ""
    return missing if name is None else str(name)


def by_client(
    batches: Iterable[pa.RecordBatch], canons: Sequence[Canon], division: Division, watch: Holders | None = None
) -> Segments:  # fmt: skip
    """What the client computes of the rows that it is given; `watch` notes which ranges hold extremes."""
    return added(_of_batch(batch, canons, division, watch) for batch in batches)


def _of_batch(
    batch: pa.RecordBatch, canons: Sequence[Canon], division: Division, watch: Holders | None
) -> Segments:  # fmt: skip
    names = segment_names(batch, canons, division)
    if watch and division.step:
        _note(batch, names, watch)
    high, low = row_words(digests(batch, canons, division.salt))
    half = pl.lit(1 << 32, dtype=pl.UInt64)  # sums of halves do not overflow
    frame = pl.DataFrame({"segment": names, "high": high, "low": low})
    sums = frame.group_by("segment").agg(
        pl.len(),
        (pl.col("high") // half).sum().alias("a"), (pl.col("high") % half).sum().alias("b"),
        (pl.col("low") // half).sum().alias("c"), (pl.col("low") % half).sum().alias("d"),
    )  # fmt: skip
    return {
        name: Sum(rows, 0, 0) + Sum(0, (a << 32) + b, (c << 32) + d)
        for name, rows, a, b, c, d in sums.select("segment", "len", "a", "b", "c", "d").iter_rows()
    }


def _note(batch: pa.RecordBatch, names: pl.Series, watch: Holders) -> None:
    """Note the extremes of each range; of a batch of many, whose rows lie in no order, nothing."""
    several = names.unique().to_list()
    for name in several if len(several) <= _FEW else ():
        if name != NULL:
            watch.landed(int(name), noted(batch.filter((names == name).to_arrow())))


def segment_names(batch: pa.RecordBatch, canons: Sequence[Canon], division: Division) -> pl.Series:
    """The segment of each row."""
    places = division.places or tuple(range(batch.num_columns))
    if division.step:
        keys = pl.Series(batch.column(places[0])).cast(pl.Int64)
        return ((keys - division.low) // division.step).cast(pl.String).fill_null(NULL)
    if not division.digits:
        return pl.repeat("", batch.num_rows, dtype=pl.String, eager=True)
    names = [batch.schema.names[place] for place in places]
    return digests(batch.select(names), [canons[place] for place in places]).str.head(division.digits)


def differing(one: Mapping[str, Sum], other: Mapping[str, Sum]) -> list[str]:
    """The segments that are not the same on both sides, in order."""
    names = [name for name in {**one, **other} if one.get(name, Sum.zero()) != other.get(name, Sum.zero())]
    return sorted(names, key=lambda name: (len(name), name))


def stretches(
    division: Division, key: Sequence[str], one: Mapping[str, Sum], other: Mapping[str, Sum]
) -> tuple[Stretch, ...]:
    """Where the segments that differ lie; `key` names the columns by which the table is divided."""
    numbers = bool(division.step)
    names = sorted(
        {**one, **other}, key=lambda name: (name != NULL, int(name) if numbers and name != NULL else 0, name)
    )
    size = max(1, -(-len(names) // _STRETCHES))
    bad = set(differing(one, other))
    found = []
    for place in range(0, len(names), size):
        part = names[place : place + size]
        differ = [name for name in part if name in bad]
        if differ:
            read, held = (sum(sums[name].count for name in differ if name in sums) for sums in (one, other))
            where = whereabouts(division, key, part[0], part[-1])
            found.append(Stretch(place, len(part), len(differ), read, held, where))
    return tuple(found)


def whereabouts(division: Division, key: Sequence[str], first: str, last: str) -> str:
    """Which rows lie in these segments and those between them, in words."""
    if last == NULL:
        return f"{key[0]} is NULL"
    if division.step:
        begins = "NULL or up" if first == NULL else f"from {division.bounds(first)[0]}"
        return f"{key[0]} is {begins} to {division.bounds(last)[1] - 1}"
    if not first:
        return "any row is"
    begins = f"begins with {first}" if first == last else f"is from {first}... to {last}..."
    return f"SHA-256 of {', '.join(key) or 'the row'} {begins}"
