"""The wide table: 40 columns, most of them nullable, texts in several scripts, some values of 2 to 20 KB.

The same scale gives the same bytes on every machine: numpy's PCG64 is seeded by the number of the part.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from shapes import WIDE

PART = 25_000  # rows; some 25 MB
SEED = 20_240_229
_WORDS = (
    *("rope", "valley", "station", "cabin", "pylon", "north", "ridge", "cable", "summit", "engine", "drive", "wheel"),
    *(
        "Größe",
        "naïve",
        "Łódź",
        "cœur",
        "señor",
        "βουνό",
        "канат",
        "станция",
        "山頂",
        "缆车",
        "ロープ",
        "역",
        "🚡",
        "הר",
    ),
    *("it's", 'a "quoted" word', "comma, here", "back\\slash", "tab\there", "line\nbreak", "%s", "100 %"),
)


def write(path: Path, scale: float) -> None:
    """Write the table as one Parquet file."""
    rows = max(1, round(WIDE.rows_at_1 * scale))
    pools = _pools()
    writer: pq.ParquetWriter | None = None
    for part, start in enumerate(range(0, rows, PART)):
        batch = _part(np.random.default_rng([SEED, part]), start, min(PART, rows - start), pools)
        writer = writer or pq.ParquetWriter(path, batch.schema, compression="zstd")
        writer.write_batch(batch)
    assert writer is not None
    writer.close()


def _pools() -> dict[str, pa.Array[Any]]:
    """Some thousand texts of each kind, of which the rows then take theirs."""
    chance = np.random.default_rng(SEED)

    def sentence(words: int) -> str:
        return " ".join(_WORDS[n] for n in chance.integers(0, len(_WORDS), words))

    names = [sentence(int(n))[:80].strip() or "x" for n in chance.integers(1, 6, 5000)]
    notes = [sentence(int(n)) for n in chance.integers(2, 50, 5000)]
    longs = [(sentence(400) * 20)[: int(n)] for n in chance.integers(1000, 10_000, 500)]  # 2 to 20 KB of UTF-8
    codes = [f"{n:06X}-{n % 97:02d}" for n in chance.integers(0, 1 << 24, 5000)]
    return {"code": pa.array(codes), "name": pa.array(names), "note": pa.array(notes), "long": pa.array(longs)}


def _part(chance: np.random.Generator, start: int, count: int, pools: dict[str, pa.Array[Any]]) -> pa.RecordBatch:
    arrays, fields = [], []
    for name, word in WIDE.columns:
        if name == "id":
            values: pa.Array[Any] = pa.array(np.arange(start + 1, start + count + 1, dtype=np.int64))
        else:
            empty = chance.random(count) < _empty(name)
            values = pc.if_else(pa.array(empty), None, _values(chance, name, word, count, pools))
        arrays.append(values)
        fields.append(pa.field(name, values.type))
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))


def _empty(name: str) -> float:
    """The share of NULLs: none to nine tenths, by the column's number."""
    if name == "long_text":
        return 0.97
    return (0.0, 0.1, 0.3, 0.6, 0.9)[int(name[-1]) - 1]


def _values(
    chance: np.random.Generator, name: str, word: str, count: int, pools: dict[str, pa.Array[Any]]
) -> pa.Array[Any]:
    kind = name.split("_", maxsplit=1)[0]
    if kind in pools:
        return pools[kind].take(chance.integers(0, len(pools[kind]), count, dtype=np.int64))
    return _MAKERS[kind](chance, word, count)


def _whole(chance: np.random.Generator, word: str, count: int) -> pa.Array[Any]:
    bits = {"smallint": 16, "integer": 32, "bigint": 64}[word]
    limit = 1 << (bits - 1)
    values: pa.Array[Any] = pa.array(chance.integers(-limit, limit, count, dtype=np.int64).astype(f"int{bits}"))
    return values


def _amount(chance: np.random.Generator, word: str, count: int) -> pa.Array[Any]:
    digits, scale = (int(part) for part in word.removeprefix("decimal(").removesuffix(")").split(","))
    largest = 10 ** min(digits, 17)
    whole = pa.array(chance.integers(-largest + 1, largest, count, dtype=np.int64)).cast(pa.decimal128(38, 0))
    # The digits after the point: a product keeps the scale of its factors.
    unit = pa.scalar(Decimal(1).scaleb(-scale), pa.decimal128(scale + 1, scale)) if scale else None
    if unit is None:
        return whole.cast(pa.decimal128(digits, 0))
    return pc.multiply(whole.cast(pa.decimal128(19, 0)), unit).cast(pa.decimal128(digits, scale))


def _real(chance: np.random.Generator, word: str, count: int) -> pa.Array[Any]:
    return pa.array(chance.standard_normal(count) * 10.0 ** chance.integers(-9, 10, count))


def _flag(chance: np.random.Generator, word: str, count: int) -> pa.Array[Any]:
    return pa.array(chance.random(count) < 0.5)


def _day(chance: np.random.Generator, word: str, count: int) -> pa.Array[Any]:
    return pa.array(chance.integers(-25_000, 40_000, count, dtype=np.int32)).view(pa.date32())


def _moment(chance: np.random.Generator, word: str, count: int) -> pa.Array[Any]:
    return pa.array(chance.integers(-(10**15), 3 * 10**15, count, dtype=np.int64)).view(pa.timestamp("us"))


_Maker = Callable[[np.random.Generator, str, int], "pa.Array[Any]"]
_MAKERS: dict[str, _Maker] = {
    "whole": _whole, "amount": _amount, "real": _real, "flag": _flag, "day": _day, "moment": _moment,
}  # fmt: skip
