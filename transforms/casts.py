"""Another type for a column's values, by a declared rule for those that it would round."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute

from ..transfer.engines.alphabet import meaning_of
from ..transfer.engines.exact import exactly, family, parsed
from ..transfer.errors import DataError, RequestError
from ..transfer.shaping import Field, Refused, Shaped, found
from ..transfer.types import KINDS, Type
from .columns import put, with_columns

_pc: Any = pyarrow.compute  # pyarrow-stubs know no function of arrays and plain values together
Values = Any  # an Arrow array, or what Arrow's functions make of it
ROUNDING = {
    "refuse": "", "half_even": "half_to_even", "half_up": "half_towards_infinity", "down": "towards_zero",
    "floor": "down", "ceiling": "up",
}  # fmt: skip
_WORDS = {
    "boolean": "bool", "string": "text", "varchar": "text", "float": "float64", "double": "float64", "real": "float32",
    "integer": "int32", "int": "int32", "bigint": "int64", "smallint": "int16", "numeric": "decimal",
}  # fmt: skip
_UNITS = {0: "second", 3: "millisecond", 6: "microsecond", 9: "nanosecond"}


def cast(fields: tuple[Field, ...], spec: str) -> Shaped:
    """`{column: type}`, or `{column: {type: ..., rounding: ...}}`."""
    changes: dict[str, tuple[Field, str]] = {}
    for name, asked in json.loads(spec).items():
        field = found(fields, name)
        wanted = {"type": asked} if isinstance(asked, str) else asked
        meaning, rounding = type_of(wanted["type"]), wanted.get("rounding", "refuse")
        _check(field, meaning, rounding)
        changes[field.name] = replace(field, type=meaning, changed=True), rounding
    before = {field.name: field for field in fields}

    def apply(batch: pa.RecordBatch) -> pa.RecordBatch:
        for name, (field, rounding) in changes.items():
            batch = put(batch, name, _cast(batch.column(name), before[name], field.type, rounding))
        return batch

    return Shaped(with_columns(fields, [field for field, _ in changes.values()]), apply)


def type_of(word: str) -> Type:
    """The Type of a neutral word: `decimal(12,2)`, `text(40)`, `timestamp(3)`. RequestError if it is none."""
    name, bracket, rest = word.strip().lower().partition("(")
    try:
        return meaning_of(f"{_WORDS.get(name.strip(), name.strip())}{bracket}{rest}")
    except (KeyError, ValueError) as error:
        raise RequestError(f"there is no type {word!r}.", remedy=f"Types: {', '.join(KINDS)}.") from error


def _check(field: Field, meaning: Type, rounding: str) -> None:
    here, there = family(field.type.arrow), family(meaning.arrow)
    alike = here == there or "text" in (here, there) or {here, there} == {"date", "timestamp"}
    if rounding not in ROUNDING:
        raise RequestError(f"there is no rounding {rounding!r}.", remedy=f"Choose one of {', '.join(ROUNDING)}.")
    if not alike:
        raise RequestError(
            f"{field.name} is {field.type}, of which no value is a {meaning}.", column=field.name,
            remedy="Between instants and wall clocks use zones: of the table; for others sql: or derive:.",
        )  # fmt: skip


def _cast(values: Values, field: Field, meaning: Type, rounding: str) -> Values:
    try:
        made = _made(values, field.type, meaning, rounding)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, DataError) as error:
        raise Refused(field.name, f"{field.name} cannot become {meaning}: {error}") from error
    if meaning.length and meaning.kind == "text" and (_pc.max(_pc.utf8_length(made)).as_py() or 0) > meaning.length:
        raise Refused(field.name, f"{field.name} is longer than {meaning} takes")
    return made


def _made(values: Values, before: Type, after: Type, rounding: str) -> Values:
    here, there = family(before.arrow), family(after.arrow)
    if here == "text":
        return values if there == "text" else _digits(parsed(values, after.arrow), after, rounding)
    if there == "text":
        return _spelled(values)
    if "timestamp" in (here, there) or here == "instant":
        return _digits(values if pa.types.is_timestamp(values.type) else values.cast(after.arrow), after, rounding)
    if here == "number" and ROUNDING[rounding] and not pa.types.is_boolean(values.type):
        values = _rounded(values, after, ROUNDING[rounding])
    return exactly(values, after.arrow, "it")


def _rounded(values: Values, after: Type, mode: Any) -> Values:
    scale = after.scale if after.kind == "decimal" else 0
    rounds = pa.types.is_decimal(values.type) or pa.types.is_floating(values.type)
    return _pc.round(values, scale, mode) if rounds and after.kind not in ("float32", "float64") else values


def _digits(values: Values, after: Type, rounding: str) -> Values:
    """Moments with no more digits than the type has: a date none of the day's time."""
    if not pa.types.is_timestamp(values.type):
        return values
    unit = "day" if after.kind == "date" else next(name for most, name in _UNITS.items() if after.digits <= most)
    exact = after.kind == "date" or after.digits in _UNITS
    multiple = 1 if exact else 10 ** (3 - after.digits % 3)
    whole = _pc.floor_temporal(values, multiple, unit)
    if rounding == "refuse" and not _pc.all(_pc.equal(whole, values)).as_py():
        odd = values.filter(_pc.not_equal(whole, values))[0]
        raise pa.ArrowInvalid(f"{odd} has more than {after}; choose rounding: floor")
    if rounding not in ("refuse", "floor"):
        raise pa.ArrowInvalid("moments are rounded by floor only")
    return whole.cast(after.arrow)


def _spelled(values: Values) -> Values:
    if pa.types.is_binary(values.type):
        import polars as pl

        digits = pl.Series(values).bin.encode("hex").to_arrow(compat_level=pl.CompatLevel.oldest())
        return digits.cast(pa.string())
    return (values.cast(pa.int64()) if pa.types.is_duration(values.type) else values).cast(pa.string())
