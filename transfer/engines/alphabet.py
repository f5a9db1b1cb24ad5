"""Places that keep Ropeway's own types: in memory, in Arrow files, in Parquet, beside a CSV file.

A column's native type there is the Type's own word, `padded text(10)` or `decimal(12,2)`. Arrow fields
carry it as metadata, so that what Arrow lacks (uuid, json, lengths, padding) comes back as it went.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import pyarrow as pa
import pyarrow.compute as pc

from ..rules import Native, Read, Write, fixed, read_rule, split
from ..types import KINDS, Type
from .exact import Field, Values, exactly, join
from .nested import as_json, is_nested

META = b"ropeway.type"
_NULLABLE = b"ropeway.nullable"

_SIZED = ("decimal", "text", "binary", "time", "timestamp", "instant")
_UNITS = {"s": 0, "ms": 3, "us": 6, "ns": 9}


def _decimal(native: Native) -> Type:
    return Type("decimal", precision=native.argument(0, 38), scale=native.argument(1, 0), native=native.text)


def _sized(native: Native) -> Type:
    padded, _, kind = native.name.rpartition(" ")
    return Type(kind, length=native.argument(0, 0), padded=bool(padded), native=native.text)


def _stamp(native: Native) -> Type:
    return Type(native.name, digits=native.argument(0, 6), native=native.text)


READS = (
    Read("decimal", _decimal),
    Read("(padded )?(text|binary)", _sized),
    Read("time|timestamp|instant", _stamp),
    *(Read(kind, fixed(kind)) for kind in KINDS if kind not in _SIZED),
)


def spell(meaning: Type) -> str:
    """A Type as a native word; `meaning_of` reads it back."""
    return str(Type(meaning.kind, meaning.precision, meaning.scale, meaning.digits, meaning.length, meaning.padded))


WRITES = tuple(Write(kind, spell) for kind in KINDS)


def meaning_of(word: str) -> Type:
    """The Type of a native word; KeyError if it is none."""
    rule = read_rule(READS, word)
    if rule is None:
        raise KeyError(word)
    return rule.type(split(word))


def field_of(name: str, word: str, *, nullable: bool = True) -> Field:
    """The Arrow field that carries a column of this native type."""
    return pa.field(name, meaning_of(word).arrow, nullable, {META: word.encode()})


def noted(schema: pa.Schema) -> pa.Schema:
    """The schema with each field's nullability noted in it, for a file whose writer decides that by the values."""
    notes = {True: b"true", False: b"false"}
    return pa.schema([_with(field, {**(field.metadata or {}), _NULLABLE: notes[field.nullable]}) for field in schema])


def as_declared(field: Field) -> Field:
    """The field as `noted` found it."""
    notes = dict(field.metadata or {})
    nullable = notes.pop(_NULLABLE, None)
    return field if nullable is None else _with(field, notes).with_nullable(nullable == b"true")


def _with(field: Field, notes: Mapping[bytes, bytes]) -> Field:
    return field.with_metadata(dict(notes.items()))


def word_of(field: Field) -> str:
    """A field's native type: what its metadata says if its Arrow type agrees, or what its Arrow type means."""
    noted = (field.metadata or {}).get(META, b"").decode(errors="replace")
    if noted:
        try:
            if meaning_of(noted).arrow.equals(_plain(field.type)):
                return noted
        except (KeyError, ValueError):
            pass
    return _word(field.type)


def _plain(arrow: pa.DataType) -> pa.DataType:
    """What readers make of a type before it is compared: Parquet gives back views, large and coded types."""
    if pa.types.is_dictionary(arrow):
        return _plain(arrow.value_type)
    if pa.types.is_large_string(arrow) or pa.types.is_string_view(arrow):
        return pa.string()
    return pa.binary() if pa.types.is_large_binary(arrow) or pa.types.is_binary_view(arrow) else arrow


_WORDS = {
    pa.bool_(): "bool", pa.float16(): "float32", pa.float32(): "float32", pa.float64(): "float64",
    pa.string(): "text", pa.binary(): "binary", pa.date32(): "date", pa.date64(): "date", pa.null(): "text",
    pa.time32("s"): "time(0)", pa.time32("ms"): "time(3)", pa.time64("us"): "time",
}  # fmt: skip


def _word(arrow: pa.DataType) -> str:
    arrow = _plain(arrow)
    if isinstance(arrow, pa.BaseExtensionType):
        name = arrow.extension_name.removeprefix("arrow.")
        return name if name in ("uuid", "json") else str(arrow)
    if pa.types.is_timestamp(arrow):
        digits = _UNITS[arrow.unit]
        kind = "instant" if arrow.tz else "timestamp"
        return kind if digits == 6 else f"{kind}({digits})"
    if pa.types.is_decimal(arrow):
        scale, precision = max(arrow.scale, 0), max(arrow.precision, arrow.scale) - min(arrow.scale, 0)
        return f"decimal({precision},{scale})"
    if pa.types.is_integer(arrow):
        return str(arrow)
    if pa.types.is_duration(arrow):
        return "duration" if arrow.unit != "ns" else str(arrow)
    if pa.types.is_fixed_size_binary(arrow):
        return f"binary({arrow.byte_width})"
    return "json" if is_nested(arrow) else _WORDS.get(arrow, str(arrow))


def carried(values: Values, arrow: pa.DataType, column: str) -> Values:
    """A column as its place keeps it, in the alphabet's Arrow type. DataError if a value would change."""
    if isinstance(values, pa.ExtensionArray):
        name, values = values.type.extension_name, values.storage
        values = _uuids(values) if name == "arrow.uuid" else values
    if isinstance(values, pa.DictionaryArray):
        values = values.dictionary_decode()
    if is_nested(values.type) and pa.types.is_string(arrow):
        return as_json(values, column)
    if not _plain(values.type).equals(values.type) or pa.types.is_fixed_size_binary(values.type):
        values = values.cast(pa.binary() if pa.types.is_fixed_size_binary(values.type) else _plain(values.type))
    if pa.types.is_float16(values.type):
        values = values.cast(pa.float32())
    return exactly(values, arrow, column)


def _uuids(values: Values) -> Values:
    """The 36 characters of each 16 bytes."""
    import polars as pl  # as in exact.py

    digits = pl.Series(values.cast(pa.binary())).bin.encode("hex").to_arrow(compat_level=pl.CompatLevel.oldest())
    digits = digits.cast(pa.string())
    ends = (0, 8, 12, 16, 20, 32)
    groups = [pc.utf8_slice_codeunits(digits, low, high) for low, high in pairwise(ends)]
    return join(*groups, "-")
