"""Which columns there are, in which order, and what they are called. No value is touched."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import pyarrow as pa

from ..transfer.errors import RequestError
from ..transfer.shaping import Field, Shaped, found


def rename(fields: tuple[Field, ...], spec: str) -> Shaped:
    """`{old: new}`."""
    names = {found(fields, old).name: new for old, new in json.loads(spec).items()}
    made = tuple(replace(field, name=names.get(field.name, field.name)) for field in fields)
    _check_apart(made)
    called = [field.name for field in made]
    return Shaped(made, lambda batch: batch.rename_columns(called))


def drop(fields: tuple[Field, ...], spec: str) -> Shaped:
    """`[column, ...]`."""
    gone = {found(fields, name).name for name in json.loads(spec)}
    return kept([field for field in fields if field.name not in gone])


def order(fields: tuple[Field, ...], spec: str) -> Shaped:
    """`[column, ...]`: these come first, in this order."""
    first = list(dict.fromkeys(found(fields, name) for name in json.loads(spec)))
    return kept([*first, *(field for field in fields if field not in first)])


def kept(fields: Sequence[Field]) -> Shaped:
    """These columns alone, in this order."""
    if not fields:
        raise RequestError("no column is left.", remedy="A table needs one.")
    names = [field.name for field in fields]
    return Shaped(tuple(fields), lambda batch: batch.select(names))


def with_columns(fields: Sequence[Field], made: Sequence[Field]) -> tuple[Field, ...]:
    """The columns with these in the place of their namesakes, or behind all others."""
    new = {field.name: field for field in made}
    known = {field.name for field in fields}
    return (*(new.get(field.name, field) for field in fields), *(one for one in made if one.name not in known))


def put(batch: pa.RecordBatch, name: str, values: pa.Array) -> pa.RecordBatch:  # type: ignore[type-arg]  # of any kind
    """The batch with a column in the place of its namesake, or behind all others."""
    place = batch.schema.get_field_index(name)
    field = pa.field(name, values.type)
    return batch.append_column(field, values) if place < 0 else batch.set_column(place, field, values)


def _check_apart(fields: Sequence[Field]) -> None:
    names = [field.name for field in fields]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise RequestError(f"two columns would be called {twice[0]!r}.", column=twice[0])
