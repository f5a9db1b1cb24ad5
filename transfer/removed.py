"""Removed rows, looked up in the lists that a run's stages leave: which row stays in whose place, and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from .errors import EngineError, RequestError
from .plan import Hop
from .stage import MERGED, Stage

_LAST = 2  # columns behind those of the row and of the kept key: what made them one, and the rule


@dataclass(frozen=True)
class Removed:
    """A row that was merged into the one whose key is `kept`: its values by name, in which its own `key` is."""

    key: tuple[Any, ...]
    kept: tuple[Any, ...]
    rule: str
    same: str
    row: dict[str, Any]


def file_of(folder: Path, hop: Hop) -> Path:
    """The list of a hop's removed rows, in the folder of its run's stages."""
    return Stage(folder, hop).folder / MERGED


def removed(folder: Path, hop: Hop, count: int, key: Sequence[str] = ()) -> list[Removed]:
    """The first of a hop's removed rows, or those with this key; none where nothing is listed (any more)."""
    file = file_of(folder, hop)
    if not file.exists():
        return []
    try:
        with pq.ParquetFile(file) as opened:
            return _found(opened, hop, count, key)
    except (OSError, pa.ArrowInvalid) as error:
        raise EngineError(f"{file} cannot be read: {error}", remedy="The list is damaged.") from error


def _found(file: pq.ParquetFile, hop: Hop, count: int, key: Sequence[str]) -> list[Removed]:
    wanted = _values(file.schema_arrow, hop, key)
    made: list[Removed] = []
    for batch in _batches(file):
        chosen = batch
        for place, value in wanted.items():
            chosen = chosen.filter(pc.equal(chosen.column(place), value))
        made += [_removed(row, hop) for row in _rows(chosen.slice(0, count - len(made)))]
        if len(made) >= count:
            break
    return made


def _batches(file: pq.ParquetFile) -> Iterator[pa.RecordBatch]:
    for number in range(file.num_row_groups):
        yield from file.read_row_group(number).to_batches()


def _rows(batch: pa.RecordBatch) -> list[list[tuple[str, Any]]]:
    """Each row as pairs of names and values: a dictionary would lose a name that is there twice."""
    columns = [column.to_pylist() for column in batch.columns]
    return [list(zip(batch.schema.names, row, strict=True)) for row in zip(*columns, strict=True)]


def _keys(hop: Hop) -> list[int]:
    """Where the columns of the table's key are, in its order."""
    names = [column.target for column in hop.columns]
    return [names.index(name) for name in hop.key if name in names]


def _removed(row: list[tuple[str, Any]], hop: Hop) -> Removed:
    own = row[: len(hop.columns)]
    key = tuple(own[place][1] for place in _keys(hop))
    kept = tuple(value for _, value in row[len(own) : -_LAST])
    (_, same), (_, rule) = row[-_LAST:]
    return Removed(key, kept, rule, same, dict(own))


def _values(schema: pa.Schema, hop: Hop, key: Sequence[str]) -> dict[int, pa.Scalar[Any]]:
    """The values of a key by the places of their columns. RequestError if it is none of the table's."""
    places = _keys(hop)
    if key and len(key) != len(places):
        raise RequestError(
            f"{hop.writes} has a key of {len(places)} columns ({', '.join(hop.key)}), and {len(key)} values are given.",
            table=str(hop.writes), remedy="Give each with --key, in the order of the columns.",
        )  # fmt: skip
    made = {}
    for place, text in zip(places, key, strict=False):
        field = schema.field(place)
        try:
            made[place] = pa.scalar(bytes.fromhex(text), field.type) if _binary(field.type) else pa.scalar(
                text, pa.string()).cast(field.type)  # fmt: skip
        except (ValueError, NotImplementedError) as error:  # ArrowInvalid is one
            raise RequestError(
                f"{text!r} is no value of {field.name}, which is {field.type}.", column=field.name,
                table=str(hop.writes), remedy="Write it as the list has it; bytes as hexadecimal digits.",
            ) from error  # fmt: skip
    return made


def _binary(kind: pa.DataType) -> bool:
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind)
