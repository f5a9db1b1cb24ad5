"""What ADBC reads from PostgreSQL, brought to the Arrow types that were asked for.

ADBC lets a few values through changed: `infinity` wraps to a day long before Christ, 24:00:00 leaves Arrow's range,
oid 4294967295 becomes -1, arrays of several dimensions are flattened. projection() has the last two printed by the
server; column() refuses the first two.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...errors import DataError, RequestError
from .fit import DAY, FIRST_DAY, INTEGERS, Values, bits, buffer, data, data_offsets, kind, parsed, valid

# What ADBC carries exactly without help of the server.
_PLAIN: Mapping[str, frozenset[str]] = {
    **{name: frozenset({"integer"}) for name in INTEGERS},
    "real": frozenset({"float"}),
    "double precision": frozenset({"float"}),
    "boolean": frozenset({"bool"}),
    "bytea": frozenset({"binary"}),
    "date": frozenset({"date"}),
    "time without time zone": frozenset({"time"}),
    "timestamp without time zone": frozenset({"timestamp"}),
    "timestamp with time zone": frozenset({"instant"}),
    **{name: frozenset({"string"}) for name in ("text", "character varying", "character", "uuid")},
}
# (type, Arrow family): SQL. A numeric as text and cast here is cheaper than ADBC's own way by a third, as cheap as
# scaled to int8, and holds every precision; interval_send keeps microseconds that ADBC's nanoseconds overflow.
_PROJECTED: Mapping[tuple[str, str], str] = {
    **{(name, "decimal"): "({})::text" for name in ("numeric", *INTEGERS)},
    ("numeric", "integer"): "trim_scale({})::text",
    ("numeric", "float"): "({})::float8",
    ("money", "decimal"): "({})::numeric::text",
    ("oid", "integer"): "({})::int8",
    ("xid", "integer"): "({})::text::int8",
    ("xid8", "integer"): "({})::text",
    ("interval", "duration"): "interval_send({})",
}
# (what ADBC gives, what is asked for) where a checked cast of Arrow is exact.
_CASTS = frozenset({
    ("integer", "integer"), ("string", "integer"), ("string", "decimal"), ("float", "float"),
    ("bool", "bool"), ("string", "string"), ("binary", "binary"),
    ("date", "date"), ("time", "time"), ("timestamp", "timestamp"), ("instant", "instant"),
})  # fmt: skip


def projection(native: str, column_sql: str, arrow: pa.DataType) -> str:
    """The SQL that a reader needs in place of a column so that read() can give it as `arrow`. RequestError if none."""
    source, wanted = parsed(native), kind(arrow)
    if wanted in _PLAIN.get(source.name, ()):
        return column_sql
    if (source.name, wanted) in _PROJECTED:
        return _PROJECTED[source.name, wanted].format(column_sql)
    if (source.name, source.arguments, wanted) == ("bit", (1,), "bool"):
        return f"({column_sql})::int4::bool"
    if wanted == "string" and source.name != "bytea":
        return f"({column_sql})::text"
    raise RequestError(f"{native} cannot be read as {arrow} without change.")


def column(values: Values, name: str, arrow: pa.DataType) -> Values:
    """A column as ADBC gave it, in the Arrow type asked for. DataError for a value that has no place there."""
    try:
        return _column(values, name, arrow)
    except pa.ArrowInvalid as error:
        raise DataError(f"{name} holds a value that is no {arrow}: {error}", column=name) from error


def _column(values: Values, name: str, arrow: pa.DataType) -> Values:
    if isinstance(values, pa.ExtensionArray):
        stored: Any = values.storage
        values = _uuid_text(stored) if stored.type == pa.binary(16) else stored
    given, wanted = kind(values.type), kind(arrow)
    if (given, wanted) == ("binary", "duration"):
        return _durations(values)
    if (given, wanted) not in _CASTS or (arrow == pa.float32() and values.type != arrow):
        raise RequestError(f"{values.type} came where {arrow} was asked for: see projection().", column=name)
    if wanted in {"date", "time", "timestamp", "instant"}:
        _within(values, wanted)
    return values if values.type == arrow else values.cast(arrow)


def _within(values: Values, wanted: str) -> None:
    ends = pc.min_max(values.view(pa.int32() if wanted == "date" else pa.int64()))
    first, last = ends["min"].as_py(), ends["max"].as_py()
    if first is None:
        return
    if wanted == "time":
        if last >= DAY:
            raise pa.ArrowInvalid("24:00:00 is no time of a day")
    elif first < (FIRST_DAY if wanted == "date" else FIRST_DAY * DAY):
        # Both infinities, and what is later than 64 bits of microseconds, wrap to below the first day.
        raise pa.ArrowInvalid("infinity, or a time after the year 294246")


def _uuid_text(values: Values) -> Values:
    """The usual 36 characters; the server's uuid_out would take three times as long."""
    raw = data(values, "(16,)u1")
    text = np.full((len(values), 36), ord("-"), np.uint8)
    text[:, _HIGH], text[:, _LOW] = _DIGITS[raw >> 4], _DIGITS[raw & 15]
    offsets = np.arange(0, len(values) * 36 + 1, 36, dtype=np.int32)
    buffers = [bits(valid(values)), buffer(offsets), buffer(text)]
    return pa.Array.from_buffers(pa.string(), len(values), buffers)


_DIGITS = np.frombuffer(b"0123456789abcdef", np.uint8)
_HIGH = np.array([2 * n + (n > 3) + (n > 5) + (n > 7) + (n > 9) for n in range(16)])
_LOW = _HIGH + 1


def _durations(values: Values) -> Values:
    """From interval_send(): microseconds, days, months. A month has no length, so none may be there."""
    mask = valid(values)
    bare = values.fill_null(bytes(16)) if mask is not None else values
    if (np.diff(data_offsets(bare)) != 16).any():
        raise pa.ArrowInvalid("not what interval_send() gives")
    start = int(data_offsets(bare)[0])
    layout = [("clock", ">i8"), ("days", ">i4"), ("months", ">i4")]
    parts = np.frombuffer(bare.buffers()[2], layout, len(bare), start) if len(bare) else np.zeros(0, layout)
    if parts["months"].any():
        raise pa.ArrowInvalid("an interval counts months, or is infinite")
    clock, days = parts["clock"].astype(np.int64), parts["days"].astype(np.int64)
    shift = days * DAY
    whole = clock + shift
    # A sum has wrapped if its sign differs from that of both parts.
    if (np.abs(days) > 2**63 // DAY).any() or ((clock ^ whole) & (shift ^ whole) < 0).any():
        raise pa.ArrowInvalid("an interval is longer than 64 bits of microseconds")
    return pa.Array.from_buffers(pa.duration("us"), len(whole), [bits(mask), buffer(whole)])
