"""What tables of several sources become on their way into one: alike in columns and types, with keys of their own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute

from ..transfer.engines.exact import exactly
from ..transfer.errors import DataError, RequestError
from ..transfer.shaping import Field, Refused, Shaped, found
from ..transfer.types import INTEGERS, Type
from .values import Change, Values, each

_pc: Any = pyarrow.compute  # pyarrow-stubs know no function of arrays and plain values together
_INT64 = Type("int64")


def conform(fields: tuple[Field, ...], spec: str) -> Shaped:
    """`[{name, of, type, nullable, value}]`: exactly these columns, each `of` one that is there or of one `value`."""
    parts = [_part(fields, one) for one in json.loads(spec)]
    made = tuple(field for field, _, _ in parts)
    schema = pa.schema([(field.name, field.type.arrow) for field in made])

    def apply(batch: pa.RecordBatch) -> pa.RecordBatch:
        columns = [
            _carried(batch.column(before.name), before, field) if before else _all(value, field, batch.num_rows)
            for field, before, value in parts
        ]
        return pa.RecordBatch.from_arrays(columns, schema=schema)

    return Shaped(made, apply)


def _part(fields: tuple[Field, ...], asked: Mapping[str, Any]) -> tuple[Field, Field | None, Any]:
    """A column, the one that it is made of, or else the value that it has in all rows."""
    given = asked["type"]
    meaning = Type(**{**given, "labels": tuple(given["labels"])})
    before = next(one for one in fields if one.name == asked["of"]) if asked["of"] else None
    field = Field(asked["name"], meaning, asked["nullable"], before.origin if before else "", changed=True)
    text = asked["value"]
    if before or text is None:
        return field, before, None
    try:
        return field, None, exactly(pa.array([text]), meaning.arrow, field.name)[0]
    except DataError as error:
        raise RequestError(f"{text!r}, which {field.name} is to be, is no {meaning}.", column=field.name) from error


def _carried(values: Values, before: Field, field: Field) -> Values:
    if before.type.padded and not field.type.padded and field.type.kind == "text":
        values = _pc.utf8_rtrim(values, " ")  # blanks that meant nothing would begin to
    try:
        return exactly(values, field.type.arrow, field.name)
    except DataError as error:
        raise Refused(field.name, str(error.message)) from error


def _all(value: Any, field: Field, rows: int) -> Values:
    lone: Values = pa.scalar(None, field.type.arrow) if value is None else value
    return pa.repeat(lone, rows)


def rekey(fields: tuple[Field, ...], spec: str) -> Shaped:
    """`{column: [n, i]}`: of a whole number k comes k * n + i, of each i others. NULL stays NULL."""
    changes: list[tuple[Field, Change]] = []
    for name, (factor, rest) in json.loads(spec).items():
        field = found(fields, name)
        whole = field.type.kind in INTEGERS or (field.type.kind == "decimal" and not field.type.scale)
        if not whole:
            raise RequestError(
                f"{field.name} is {field.type}, and only whole numbers are re-keyed.", column=field.name,
                remedy="Texts get a prefix.",
            )  # fmt: skip
        made = replace(field, type=_INT64)
        changes.append((made, partial(_renumbered, factor=factor, rest=rest, column=field.name)))
    return each(fields, changes)


def _renumbered(values: Values, *, factor: int, rest: int, column: str) -> Values:
    try:
        keys = values.cast(pa.int64())
        return _pc.add_checked(_pc.multiply_checked(keys, pa.scalar(factor, pa.int64())), pa.scalar(rest, pa.int64()))
    except pa.ArrowInvalid as error:
        raise Refused(column, f"{column} holds a key that is too large to be re-keyed: {error}") from error


def prefix(fields: tuple[Field, ...], spec: str) -> Shaped:
    """`{column: text}`: the text in front of the column's. NULL stays NULL."""
    changes: list[tuple[Field, Change]] = []
    for name, text in json.loads(spec).items():
        field = found(fields, name)
        if field.type.kind != "text":
            raise RequestError(
                f"{field.name} is {field.type}, and only texts get a prefix.", column=field.name,
                remedy="Whole numbers are re-keyed by others (of several sources clash: rekey); or cast it to text.",
            )  # fmt: skip
        length = field.type.length and field.type.length + len(text)
        made = replace(field, type=replace(field.type, length=length, padded=False, labels=()))
        changes.append((made, partial(_prefixed, text=text, padded=field.type.padded)))
    return each(fields, changes)


def _prefixed(values: Values, *, text: str, padded: bool) -> Values:
    values = _pc.utf8_rtrim(values, " ") if padded else values
    return _pc.binary_join_element_wise(pa.scalar(text), values, pa.scalar(""))
