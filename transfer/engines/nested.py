"""Arrow's nested values as JSON, column by column: lists, structs and maps, in each other.

Booleans, integers and finite floats are JSON's own; every other value is the text that it is alone, bytes in hex.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from .exact import Values, check_moments, join, plain_decimals

_either: Callable[..., Any] = pc.if_else  # the stubs know fewer mixtures
_ESCAPES = {"\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_ESCAPED = [(chr(n), _ESCAPES.get(chr(n), f"\\u{n:04x}")) for n in range(32)]


def is_nested(arrow: pa.DataType) -> bool:
    """Whether a type is a list, struct or map whose every value JSON can hold."""
    return _inside(arrow) is not None and _whole(arrow)


def _inside(arrow: Any) -> list[pa.DataType] | None:
    if pa.types.is_map(arrow):
        return [arrow.key_type, arrow.item_type]
    if _is_list(arrow):
        return [arrow.value_type]
    return [arrow.field(place).type for place in range(arrow.num_fields)] if pa.types.is_struct(arrow) else None


def _is_list(arrow: pa.DataType) -> bool:
    return pa.types.is_list(arrow) or pa.types.is_large_list(arrow) or pa.types.is_fixed_size_list(arrow)


def _whole(arrow: Any) -> bool:
    inside = _inside(arrow)
    if inside is not None:
        return all(map(_whole, inside))
    known = (
        pa.types.is_boolean, pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_string,
        pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary,
        pa.types.is_date32, pa.types.is_null,
    )  # fmt: skip
    fine = pa.types.is_timestamp(arrow) and arrow.unit in ("us", "ns")
    return fine or arrow == pa.time64("us") or any(one(arrow) for one in known)


def as_json(values: Values, column: str) -> Values:
    """The values as JSON texts, NULL for NULL. DataError for a moment that has no text."""
    made: Values = _either(values.is_null(), pa.scalar(None, pa.string()), _texts(values, column))
    return made


def _texts(values: Any, column: str) -> Values:
    """Texts, `null` for NULL."""
    kind = values.type
    if pa.types.is_map(kind):
        made = _map(values, column)
    elif _is_list(kind):
        made = _listed(values, _texts(values.flatten(), column), "[", "]")
    elif pa.types.is_struct(kind):
        made = _struct(values, column)
    else:
        made = _leaf(values, column)
    texts: Values = _either(values.is_null(), "null", made)
    return texts


def _listed(values: Any, inner: Values, opened: str, closed: str) -> Values:
    """The inner texts, joined list by list."""
    if pa.types.is_fixed_size_list(values.type):
        lengths = _either(values.is_null(), 0, values.type.list_size)
    else:
        lengths = pc.fill_null(pc.list_value_length(values), 0)
    ends: Any = pc.cumulative_sum(lengths.cast(pa.int64()))
    offsets: Any = pa.concat_arrays([pa.array([0], pa.int64()), ends])
    lists = pa.LargeListArray.from_arrays(offsets, inner)
    return join(pa.scalar(opened), pc.binary_join(lists.cast(pa.list_(pa.string())), ","), pa.scalar(closed), "")


def _struct(values: Any, column: str) -> Values:
    parts = []
    for place, member in enumerate(values.flatten()):
        name = _quoted(pa.array([values.type.field(place).name], pa.string()))[0].as_py()
        parts.append(join(pa.scalar(f"{name}:"), _texts(member, column), ""))
    inside = join(*parts, ",") if parts else pa.repeat(pa.scalar(""), len(values))
    return join(pa.scalar("{"), inside, pa.scalar("}"), "")


def _map(values: Any, column: str) -> Values:
    """An object where the keys have texts, else a list of keys and values."""
    whole = values.filter(values.is_valid()) if values.null_count else values
    low, high = (whole.offsets[0].as_py(), whole.offsets[-1].as_py()) if len(whole) else (0, 0)
    keys, items = (part.slice(low, high - low) for part in (whole.keys, whole.items))
    held = _texts(items, column)
    if _inside(keys.type) is None:
        inner, ends = join(_quoted(_plain(keys, column)), held, ":"), "{}"
    else:
        inner = join(pa.scalar('{"key":'), _texts(keys, column), pa.scalar(',"value":'), held, pa.scalar("}"), "")
        ends = "[]"
    lengths = pa.ListArray.from_arrays(pc.subtract(whole.offsets, low), pa.nulls(high - low, pa.int8()))
    made = _listed(lengths, inner, *ends)
    if not values.null_count:
        return made
    places = pc.subtract(pc.cumulative_sum(values.is_valid().cast(pa.int64())), 1)
    return made.take(_either(values.is_valid(), places, pa.scalar(None, pa.int64())))


def _leaf(values: Any, column: str) -> Values:
    kind = values.type
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind):
        values = values.cast(pa.float32()) if pa.types.is_float16(kind) else values
        texts: Values = values.cast(pa.string())
        return (
            texts if not pa.types.is_floating(kind) else _either(pc.is_finite(values), texts, join('"', texts, '"', ""))
        )
    return _quoted(_plain(values, column))


def _plain(values: Any, column: str) -> Values:
    """The text that each value is alone."""
    kind = values.type
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        import polars as pl  # as in exact.py

        digits = pl.Series(values.cast(pa.binary())).bin.encode("hex").str.to_uppercase()
        return digits.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(pa.string())
    if pa.types.is_decimal(kind):
        return plain_decimals(values.cast(pa.decimal256(kind.precision, kind.scale)))
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind) or pa.types.is_time(kind):
        check_moments(values, column, "JSON")
        texts = values.cast(pa.timestamp(kind.unit)) if pa.types.is_timestamp(kind) else values
        return join(texts.cast(pa.string()), "+00" if getattr(kind, "tz", None) else "", "")
    plain: Values = values.cast(pa.string())
    return plain


def _quoted(texts: Values) -> Values:
    texts = pc.replace_substring(pc.replace_substring(texts, "\\", "\\\\"), '"', '\\"')
    if pc.any(pc.match_substring_regex(texts, r"[\x00-\x1f]")).as_py():
        for character, escape in _ESCAPED:
            texts = pc.replace_substring(texts, character, escape)
    return join('"', texts, '"', "")
