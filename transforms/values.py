"""Values of single columns: filled, mapped, trimmed, brought into one form of Unicode, read as moments."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute

from ..transfer.engines.exact import exactly
from ..transfer.errors import DataError, RequestError
from ..transfer.schema.sql import double_quoted, text_literal
from ..transfer.shaping import Field, Shaped, found
from ..transfer.types import Type
from . import query
from .columns import put, with_columns

_pc: Any = pyarrow.compute  # pyarrow-stubs know no function of arrays and plain values together
Values = Any  # an Arrow array, or what Arrow's functions make of it
Change = Callable[[Values], Values]
FORMS = ("NFC", "NFD", "NFKC", "NFKD")
OTHERS = "*"  # in map: what has no entry
_TIMES = set("cXHIMSfgnp")  # of a format: what says a time of day


def each(fields: tuple[Field, ...], changes: Sequence[tuple[Field, Change]]) -> Shaped:
    """The columns with other values in some; each change is given as the field that comes of it."""

    def apply(batch: pa.RecordBatch) -> pa.RecordBatch:
        for field, change in changes:
            batch = put(batch, field.name, change(batch.column(field.name)))
        return batch

    return Shaped(with_columns(fields, [replace(field, changed=True) for field, _ in changes]), apply)


def fill(fields: tuple[Field, ...], spec: str) -> Shaped:
    """`{column: value}` in the place of NULL."""
    changes = []
    for name, value in json.loads(spec).items():
        field = found(fields, name)
        one = _constant(field, value)
        length = max(field.type.length, len(str(value))) if field.type.length else 0
        made = replace(field, nullable=False, type=replace(field.type, length=length, labels=()))
        changes.append((made, lambda values, one=one: _pc.fill_null(values, one)))
    return each(fields, changes)


def map_values(fields: tuple[Field, ...], spec: str) -> Shaped:
    """`{column: {value: other}}`; `*` is for what has no entry, which else stays as it is. NULL stays NULL."""
    changes = []
    for name, pairs in json.loads(spec).items():
        field = found(fields, name)
        known = pa.array([_constant(field, key) for key in pairs if key != OTHERS], field.type.arrow)
        goals = pa.concat_arrays([
            pa.array([None], field.type.arrow) if value is None else pa.array([_constant(field, value)])
            for key, value in pairs.items() if key != OTHERS
        ] or [pa.array([], field.type.arrow)])  # fmt: skip
        rest = _constant(field, pairs[OTHERS]) if pairs.get(OTHERS) is not None else None
        length = max([field.type.length, *(len(str(value)) for value in pairs.values())]) if field.type.length else 0
        made = replace(field, type=replace(field.type, length=length, labels=()), nullable=_may_be_null(field, pairs))
        changes.append((made, _mapping(known, goals, rest, others=OTHERS in pairs)))
    return each(fields, changes)


def _may_be_null(field: Field, pairs: dict[str, Any]) -> bool:
    return field.nullable or None in pairs.values()


def _mapping(known: Values, goals: Values, rest: pa.Scalar[Any] | None, *, others: bool) -> Change:
    def change(values: Values) -> Values:
        place = _pc.index_in(values, known)
        left = _pc.if_else(_pc.is_null(values), pa.scalar(None, values.type), rest) if rest is not None else (
            pa.nulls(len(values), values.type) if others else values
        )  # fmt: skip
        return _pc.if_else(_pc.is_valid(place), goals.take(place), left)

    return change


def _constant(field: Field, value: object) -> pa.Scalar[Any]:
    """A value of the job in the column's type. RequestError if it is none of it."""
    text = json.dumps(value) if isinstance(value, bool) else str(value)
    try:
        made: pa.Scalar[Any] = exactly(pa.array([text]), field.type.arrow, field.name)[0]
    except (DataError, pa.ArrowInvalid) as error:
        raise RequestError(f"{value!r} is no {field.type}, which {field.name} is.", column=field.name) from error
    return made


def trim(fields: tuple[Field, ...], spec: str) -> Shaped:
    """`[column, ...]`: without white space at either end, that of Unicode too."""
    return each(fields, [(text(fields, name), _pc.utf8_trim_whitespace) for name in json.loads(spec)])


def lower(fields: tuple[Field, ...], spec: str) -> Shaped:
    """`[column, ...]` in small letters."""
    return each(fields, [(text(fields, name), _pc.utf8_lower) for name in json.loads(spec)])


def upper(fields: tuple[Field, ...], spec: str) -> Shaped:
    """`[column, ...]` in capitals. A letter may become two, as the German sharp s does."""
    return each(fields, [(_roomy(text(fields, name)), _pc.utf8_upper) for name in json.loads(spec)])


def unicode(fields: tuple[Field, ...], spec: str) -> Shaped:
    """`{column: NFC}`."""
    changes = []
    for name, form in json.loads(spec).items():
        if form not in FORMS:
            raise RequestError(f"Unicode has no form {form!r}.", column=name, remedy=f"Forms: {', '.join(FORMS)}.")
        changes.append((_roomy(text(fields, name)), lambda values, form=form: _pc.utf8_normalize(values, form)))
    return each(fields, changes)


def _roomy(field: Field) -> Field:
    return replace(field, type=replace(field.type, length=0)) if field.type.length else field


def empty_to_null(fields: tuple[Field, ...], spec: str) -> Shaped:
    """`[column, ...]`: a text of no length becomes NULL."""

    def change(values: Values) -> Values:
        return _pc.if_else(_pc.equal(_pc.binary_length(values), 0), pa.scalar(None, values.type), values)

    return each(fields, [(replace(text(fields, name), nullable=True), change) for name in json.loads(spec)])


def text(fields: tuple[Field, ...], name: str) -> Field:
    """A column of text, without its list of labels. RequestError if it is another."""
    field = found(fields, name)
    if field.type.kind != "text":
        raise RequestError(f"{field.name} is {field.type}, and no text.", column=field.name, remedy="Cast it first.")
    return replace(field, type=replace(field.type, labels=(), native=""))


def parse(fields: tuple[Field, ...], spec: str) -> Shaped:
    """`{column: format}` as of strptime: a date where it has no time of day, else a timestamp."""
    made, parts = [], []
    for name, form in json.loads(spec).items():
        field = text(fields, name)
        words = {word.lstrip("-") for word in re.findall(r"%(-?.)", form)}
        if words & {"z", "Z"}:
            raise RequestError("a format with a zone is not read here.", column=name, remedy="Use sql: or derive:.")
        kind = "TIMESTAMP_NS" if "n" in words else "TIMESTAMP" if words & _TIMES else "DATE"
        moment = Type("date") if kind == "DATE" else Type("timestamp", digits=9 if "n" in words else 6)
        made.append(replace(field, type=moment, changed=True))
        parts.append(f"CAST(strptime({double_quoted(field.name)}, {text_literal(form)}) AS {kind})")
    return query.computed(fields, made, parts)


def split(fields: tuple[Field, ...], spec: str) -> Shaped:
    """`{column: {into: [a, b], by: " ", keep: false}}`: the last takes the rest, and where nothing is left is NULL."""
    made, parts, gone = [], [], []
    for name, asked in json.loads(spec).items():
        field = text(fields, name)
        into, by = asked["into"], text_literal(asked.get("by", " "))
        _check_new(fields, into, field.name)
        pieces = f"string_split({double_quoted(field.name)}, {by})"
        for number, one in enumerate(into, start=1):
            last = number == len(into)
            rest = f"array_to_string({pieces}[{number}:], {by})"
            parts.append(f"CASE WHEN len({pieces}) >= {number} THEN {rest} END" if last else f"{pieces}[{number}]")
            made.append(Field(one, replace(field.type, padded=False)))
        gone += [] if asked.get("keep") else [field.name]
    shaped = query.computed(fields, made, parts)
    left = [field for field in shaped.fields if field.name not in gone or field in made]
    names = [field.name for field in left]
    return Shaped(tuple(left), lambda batch: shaped.apply(batch).select(names))


def _check_new(fields: tuple[Field, ...], names: Sequence[str], *used: str) -> None:
    """RequestError for columns that would take the place of others than those that are used."""
    there = {field.name.casefold() for field in fields} - {name.casefold() for name in used}
    taken = next((name for name in names if name.casefold() in there), "")
    if taken:
        raise RequestError(f"there is a column {taken!r} already.", column=taken, remedy="Give it another name.")


def join(fields: tuple[Field, ...], spec: str) -> Shaped:
    """`{new: {columns: [a, b], by: " "}}`: NULLs are left out, and of nothing but NULLs comes NULL."""
    made, parts = [], []
    for name, asked in json.loads(spec).items():
        _check_new(fields, [name], *(found(fields, one).name for one in asked["columns"]))
        names = [double_quoted(text(fields, one).name) for one in asked["columns"]]
        made.append(Field(name, Type("text")))
        joined = f"concat_ws({text_literal(asked.get('by', ' '))}, {', '.join(names)})"
        parts.append(f"CASE WHEN {' OR '.join(f'{one} IS NOT NULL' for one in names)} THEN {joined} END")
    return query.computed(fields, made, parts)
