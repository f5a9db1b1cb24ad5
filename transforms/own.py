"""A user's own functions, found by name: of a LazyFrame of Polars, or of an Arrow record batch."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pyarrow as pa

from ..transfer.calls import function_of
from ..transfer.engines.alphabet import carried, meaning_of, word_of
from ..transfer.errors import RequestError
from ..transfer.plan import Call
from ..transfer.shaping import Field, Shaped, schema_of

Function = Callable[[Any], Any]
MOST = 38  # digits of Polars' decimals; 2.1.0 panics at others


def polars(fields: tuple[Field, ...], spec: str) -> Shaped:
    """`module:function` of a LazyFrame that returns one. Row by row: planning tries that on a sample."""
    function = _function(spec)
    wide = next((field.name for field in fields if field.type.precision > MOST), "")
    if wide:
        raise RequestError(f"Polars has no decimals of more than {MOST} digits.", column=wide, remedy="Cast it first.")

    def apply(batch: pa.RecordBatch) -> pa.RecordBatch:
        import polars as pl

        frame = pl.from_arrow(pa.Table.from_batches([batch]))
        assert isinstance(frame, pl.DataFrame)  # noqa: S101 - of a table comes one
        made = function(frame.lazy())
        if not isinstance(made, pl.LazyFrame | pl.DataFrame):
            raise TypeError(f"it returned a {type(made).__name__}, and no LazyFrame")
        table = made.lazy().collect(engine="in-memory").to_arrow(compat_level=pl.CompatLevel.oldest())
        return _one(table)

    return _shaped(fields, apply)


def python(fields: tuple[Field, ...], spec: str) -> Shaped:
    """`module:function` of a pyarrow.RecordBatch that returns one."""
    function = _function(spec)

    def apply(batch: pa.RecordBatch) -> pa.RecordBatch:
        made = function(batch)
        if not isinstance(made, pa.RecordBatch):
            raise TypeError(f"it returned a {type(made).__name__}, and no pyarrow.RecordBatch")
        return made

    return _shaped(fields, apply)


def _function(spec: str) -> Function:
    given = json.loads(spec)
    return function_of(Call(given["function"], version=given["version"]))


def _shaped(fields: tuple[Field, ...], apply: Callable[[pa.RecordBatch], pa.RecordBatch]) -> Shaped:
    """The columns are those that it makes of no rows; one with the name and the type of one before is that one."""
    given = pa.RecordBatch.from_pylist([], schema_of(fields))
    try:
        schema = apply(given).schema
    except Exception as error:
        raise RequestError(
            f"it raised for no rows: {error}", remedy="It has to give its columns without rows."
        ) from error
    made = tuple(_field(field, fields) for field in schema)
    wanted = schema_of(made)

    def carry(batch: pa.RecordBatch) -> pa.RecordBatch:
        gave = apply(batch)
        if gave.schema.names != wanted.names:
            return gave  # which is refused by whoever asked
        columns = [carried(gave.column(field.name), field.type, field.name) for field in wanted]
        return pa.RecordBatch.from_arrays(columns, schema=wanted)

    return Shaped(made, carry)


def _field(field: pa.Field[Any], before: tuple[Field, ...]) -> Field:
    try:
        meaning = meaning_of(word_of(field))
    except KeyError as error:
        raise RequestError(f"{field.name} is {field.type}, which is not carried.", column=field.name) from error
    known = next((one for one in before if one.name == field.name), None)
    if known and known.type.arrow.equals(meaning.arrow):
        return replace(known, type=replace(known.type, length=0, labels=(), padded=False), nullable=True, changed=True)
    return Field(field.name, meaning, origin=known.origin if known else "", changed=True)


def _one(table: pa.Table) -> pa.RecordBatch:
    batches = table.combine_chunks().to_batches()
    return batches[0] if batches else pa.RecordBatch.from_pylist([], table.schema)
