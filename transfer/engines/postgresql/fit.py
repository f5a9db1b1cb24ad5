"""Which Arrow types may enter which PostgreSQL types, and the checks of values the server would change unasked.

COPY rounds a numeric or a time to its column's digits, cuts trailing blanks down to a varchar's length and
takes the dates below its range for infinity, all without a word. Here each of these is a DataError.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ...errors import DataError, RequestError
from ...rules import Native, split

Values: TypeAlias = Any  # a pa.Array: pyarrow's stubs have no kernel that takes one of any type
Form: TypeAlias = Literal["binary", "text"]

DAY = 86_400_000_000  # microseconds
FIRST_DAY = -2_440_588  # 4714-11-24 BC, PostgreSQL's first date, in days since 1970
LAST_DAY = 2_145_042_905  # 5874897-12-31

_ALIASES = {
    "int2": "smallint",
    "int4": "integer",
    "int": "integer",
    "int8": "bigint",
    "float4": "real",
    "float8": "double precision",
    "bool": "boolean",
    "decimal": "numeric",
    "varchar": "character varying",
    "char": "character",
    "bpchar": "character",
    "time": "time without time zone",
    "timestamp": "timestamp without time zone",
    "timestamptz": "timestamp with time zone",
}

INTEGERS: dict[str, pa.DataType] = {"smallint": pa.int16(), "integer": pa.int32(), "bigint": pa.int64()}
TEXTS = ("text", "character varying", "character", "name", "json", "jsonb")

# What each type takes in binary form. XML is not among them: xml_recv obeys the encoding that the document
# names, although the bytes have been UTF-8 since they were read.
_BINARY: Mapping[str, frozenset[str]] = {
    **{name: frozenset({"integer", "bool", "decimal"}) for name in INTEGERS},
    **{name: frozenset({"string"}) for name in (*TEXTS, "uuid")},
    "real": frozenset({"integer", "float"}),
    "double precision": frozenset({"integer", "float"}),
    "boolean": frozenset({"bool", "integer"}),
    "numeric": frozenset({"integer", "decimal"}),
    "bytea": frozenset({"binary"}),
    "date": frozenset({"date"}),
    "time without time zone": frozenset({"time"}),
    "timestamp without time zone": frozenset({"timestamp", "date"}),
    "timestamp with time zone": frozenset({"instant"}),
    "interval": frozenset({"duration"}),
    "money": frozenset({"decimal"}),
}
# What else the server parses from text without changing it; a float would be rounded to a scale.
_TEXT: Mapping[str, frozenset[str]] = {
    "numeric": frozenset({"string"}),
    "interval": frozenset({"string"}),
    "date": frozenset({"string"}),
    "time without time zone": frozenset({"string"}),
    "timestamp without time zone": frozenset({"string"}),
    "timestamp with time zone": frozenset({"string"}),
}
_UNKNOWN = frozenset({"string", "integer", "bool"})

_KINDS: tuple[tuple[Callable[[pa.DataType], bool], str], ...] = (
    (pa.types.is_boolean, "bool"),
    (pa.types.is_integer, "integer"),
    (pa.types.is_floating, "float"),
    (pa.types.is_decimal, "decimal"),
    (pa.types.is_string, "string"),
    (pa.types.is_binary, "binary"),
    (pa.types.is_date32, "date"),
    (pa.types.is_time64, "time"),
    (pa.types.is_duration, "duration"),
)


def kind(arrow: pa.DataType) -> str:
    """An Arrow type's family; a timestamp with a zone is an `instant`."""
    if pa.types.is_timestamp(arrow):
        return "instant" if arrow.tz else "timestamp"
    return next((word for holds, word in _KINDS if holds(arrow)), str(arrow))


def parsed(native: str) -> Native:
    """A type as format_type() prints it, in parts and under its full name."""
    parts = split(native)
    # split() folds case and quotes stay: "char" in quotes is a type of its own.
    name = _ALIASES.get(parts.name, parts.name)
    if name.startswith("interval") and name.endswith("second"):
        name = "interval"  # `interval day to second` keeps all that a duration has
    return Native(name, parts.arguments, parts.text)


def form(schema: pa.Schema, natives: Sequence[Native]) -> Form:
    """The COPY format that carries all columns: binary where each has a binary form. RequestError if none."""
    forms: set[Form] = set()
    for field, native in zip(schema, natives, strict=True):
        word = kind(field.type)
        if word in _BINARY.get(native.name, ()):
            forms.add("binary")
        elif word in _TEXT.get(native.name, _UNKNOWN if native.name not in _BINARY else ()):
            forms.add("text")
        else:
            raise RequestError(f"{field.type} cannot be loaded as {native.text} without change.", column=field.name)
    return "text" if "text" in forms else "binary"


def fit(values: Values, name: str, native: Native) -> Values:
    """The column in the Arrow type that the native type's bytes are made from. DataError if a value does not fit."""
    check = _FITS.get(native.name) or (_interval if native.name.startswith("interval") else None)
    try:
        if pa.types.is_string(values.type):
            _no_zero_byte(values)
        return check(values, native) if check else values
    except pa.ArrowInvalid as error:
        raise DataError(f"{name} does not fit in {native.text}: {error}", column=name) from error


def data(values: Values, dtype: str) -> NDArray[Any]:
    """The values' buffer without a copy; what stands at NULLs is arbitrary."""
    memory = values.buffers()[1]
    count = len(values)
    if memory is None or not count:
        return np.zeros(count, dtype)
    return np.frombuffer(memory, dtype, count, values.offset * np.dtype(dtype).itemsize)


def characters(values: Values) -> NDArray[np.uint8]:
    """The bytes of all texts of a column, without what a slice leaves out."""
    memory = values.buffers()[2]
    if memory is None or not len(values):
        return np.zeros(0, np.uint8)
    bounds = data_offsets(values)
    return np.frombuffer(memory, np.uint8, int(bounds[-1] - bounds[0]), int(bounds[0]))


def data_offsets(values: Values) -> NDArray[np.int32]:
    """Where the texts begin in their buffer, and the end of the last."""
    memory = values.buffers()[1]
    if memory is None or not len(values):
        return np.zeros(len(values) + 1, np.int32)
    return np.frombuffer(memory, np.int32, len(values) + 1, values.offset * 4)


def valid(values: Values) -> NDArray[np.bool_] | None:
    """Which values are not NULL; None if all are."""
    if not values.null_count:
        return None
    mask: NDArray[np.bool_] = values.is_valid().to_numpy(zero_copy_only=False)
    return mask


def bits(mask: NDArray[np.bool_] | None) -> pa.Buffer | None:
    """A mask as Arrow's validity bitmap."""
    return None if mask is None else buffer(np.packbits(mask, bitorder="little"))


def buffer(content: NDArray[Any]) -> pa.Buffer:
    """A numpy array's memory as Arrow's, without a copy."""
    memory: Any = content  # the stubs take bytes and the like only
    return pa.py_buffer(memory)


def _no_zero_byte(values: Values) -> None:
    text = characters(values)
    # The smallest byte tells for the whole column, at a few GB/s; only then is it worth looking at each value.
    if text.size and not text.min() and pc.any(pc.match_substring(values, "\0")).as_py():
        raise pa.ArrowInvalid("a text holds the character U+0000, which PostgreSQL cannot store")


def _integer(values: Values, native: Native) -> Values:
    return values.cast(INTEGERS[native.name])


def _boolean(values: Values, native: Native) -> Values:
    if pa.types.is_boolean(values.type):
        return values
    if pc.any(pc.not_equal(values, values.cast(pa.bool_()).cast(values.type))).as_py():
        raise pa.ArrowInvalid("a value is neither 0 nor 1")
    return values.cast(pa.bool_())


def _real(values: Values, native: Native) -> Values:
    narrow = values.cast(pa.float32(), safe=not pa.types.is_float64(values.type))
    if pa.types.is_float64(values.type):
        same = pc.or_(pc.equal(narrow.cast(pa.float64()), values), pc.is_nan(values))
        if pc.all(same).as_py() is False:  # None: all are NULL
            raise pa.ArrowInvalid("a value has more digits than 4 bytes hold")
    return narrow


def _double(values: Values, native: Native) -> Values:
    return values.cast(pa.float64())


def _numeric(values: Values, native: Native) -> Values:
    scale = native.argument(1, 0)
    if pa.types.is_string(values.type):
        return _numeric_text(values, scale) if native.arguments else values
    has = values.type.scale if pa.types.is_decimal(values.type) else 0
    if not native.arguments or has <= scale:
        return values
    if not pa.types.is_decimal(values.type):
        values = values.cast(pa.decimal128(20, 0))
    wide = pa.types.is_decimal256(values.type)
    # A cast to fewer digits refuses to drop any but zeros.
    return values.cast(pa.decimal256(76, scale) if wide else pa.decimal128(38, scale))


def _numeric_text(values: Values, scale: int) -> Values:
    pattern = rf"^\s*([-+]?\d*(\.\d{{0,{max(scale, 0)}}}0*)?|NaN|[-+]?Infinity)\s*$"
    if scale < 0 or pc.all(pc.match_substring_regex(values, pattern)).as_py() is False:
        raise pa.ArrowInvalid(f"a text is no number of at most {scale} digits after the point")
    return values


def _bounded(values: Values, low: int, high: int, what: str) -> None:
    ends = pc.min_max(values.view(pa.int32() if pa.types.is_date32(values.type) else pa.int64()))
    first, last = ends["min"].as_py(), ends["max"].as_py()
    if first is not None and (first < low or last > high):
        raise pa.ArrowInvalid(f"{what} lies outside PostgreSQL's range")


def _printed(values: Values, pattern: str) -> Values:
    """Texts as PostgreSQL prints values of the type; anything else its parser might take for another value."""
    if pc.all(pc.match_substring_regex(values, f"^({pattern})$")).as_py() is False:
        raise pa.ArrowInvalid("a text is not as PostgreSQL prints such a value")
    return values


_DAY = r"\d{4,}-\d\d-\d\d"


def _clock(native: Native) -> str:
    digits = min(native.argument(0, 6), 6)
    return rf"\d\d:\d\d:\d\d(\.\d{{1,{digits}}})?" if digits else r"\d\d:\d\d:\d\d"


def _date(values: Values, native: Native) -> Values:
    if pa.types.is_string(values.type):
        return _printed(values, rf"-?infinity|{_DAY}( BC)?")
    # Counted from 2000, the days below would wrap, and two of them mean infinity.
    _bounded(values, FIRST_DAY, LAST_DAY, "a date")
    return values


def _time(values: Values, native: Native) -> Values:
    if pa.types.is_string(values.type):
        return _printed(values, _clock(native))
    values = values.cast(pa.time64("us"))
    _bounded(values, 0, DAY, "a time")
    return _digits(values, native)


def _timestamp(values: Values, native: Native) -> Values:
    if pa.types.is_string(values.type):
        zone = r"\+00" if native.name == "timestamp with time zone" else ""
        return _printed(values, rf"-?infinity|{_DAY} {_clock(native)}{zone}( BC)?")
    if pa.types.is_date32(values.type):
        _date(values, native)
    values = values.cast(pa.timestamp("us", values.type.tz if pa.types.is_timestamp(values.type) else None))
    _bounded(values, FIRST_DAY * DAY, 2**63 - 1, "a timestamp")
    return _digits(values, native)


def _interval(values: Values, native: Native) -> Values:
    if pa.types.is_string(values.type):
        return _interval_text(values, native.text.strip().lower())
    return _digits(values.cast(pa.duration("us")), native)


# What the text of an interval must not have where its column ends at a field; M are months before T, minutes after.
_CUT = {"year": "M|D|T", "month": "D|T", "day": "T", "hour": "T.*(M|S)", "minute": "S"}


def _interval_text(values: Values, declared: str) -> Values:
    found = re.fullmatch(r"interval( (\w+ to )?(?P<least>\w+))?\s*(\((?P<digits>\d)\))?", declared)
    least, digits = (found["least"] or "second", int(found["digits"] or 6)) if found else ("year", 0)
    if declared != "interval":
        _printed(values, "-?infinity|P[-0-9YMDTHS.]+")
    cut = rf"\.\d{{{digits + 1}}}" + (f"|{_CUT[least]}" if least in _CUT else "")
    bad = pc.and_(pc.match_substring_regex(values, cut), pc.not_equal(values, pa.scalar("PT0S")))
    if pc.any(bad).as_py():
        raise pa.ArrowInvalid("the server would cut fields that the column does not keep")
    return values


def _money(values: Values, native: Native) -> Values:
    return values.cast(pa.decimal128(19, 2))


def _digits(values: Values, native: Native) -> Values:
    """Refuse fractions of a second that the column would round away."""
    step = 10 ** (6 - min(native.argument(0, 6), 6))
    if step > 1:
        rest = data(values, "<i8") % step != 0
        mask = valid(values)
        if (rest if mask is None else rest & mask).any():
            raise pa.ArrowInvalid("a fraction of a second has more digits")
    return values


def _uuid(values: Values, native: Native) -> Values:
    """Sixteen bytes from the spellings that PostgreSQL reads: with hyphens, braces, capitals or without."""
    mask = valid(values)
    if mask is not None:
        values = values.fill_null(_NIL)
    spelt = characters(values)
    usual = spelt.size == 36 * len(values) and not (np.diff(data_offsets(values)) != 36).any()
    if usual and (spelt.reshape(-1, 36)[:, _HYPHENS] == ord("-")).all():
        digits = np.delete(spelt.reshape(-1, 36), _HYPHENS, axis=1)
    elif pc.all(pc.match_substring_regex(values, _SPELLINGS)).as_py() is False:
        raise pa.ArrowInvalid("a text is no UUID")
    else:
        digits = characters(pc.replace_substring_regex(values, "[-{}]", "")).reshape(-1, 32)
    nibbles = _NIBBLES[digits]
    if (nibbles > 15).any():
        raise pa.ArrowInvalid("a text is no UUID")
    content = np.ascontiguousarray(nibbles[:, 0::2] << 4 | nibbles[:, 1::2])
    return pa.Array.from_buffers(pa.binary(16), len(values), [bits(mask), buffer(content)])


_NIL = "00000000-0000-0000-0000-000000000000"
_HYPHENS = [8, 13, 18, 23]
_GROUPS = "([0-9A-Fa-f]{4}-?){7}[0-9A-Fa-f]{4}"
_SPELLINGS = rf"^({_GROUPS}|\{{{_GROUPS}\}})$"
_NIBBLES = np.full(256, 255, np.uint8)
_NIBBLES[np.frombuffer(b"0123456789abcdefABCDEF", np.uint8)] = [*range(16), *range(10, 16)]


def _varchar(values: Values, native: Native) -> Values:
    limit = native.argument(0, 0)
    if limit and len(values) and np.diff(data_offsets(values)).max() > limit:
        padded = native.name == "character"  # trailing blanks of CHAR mean nothing
        length = pc.utf8_length(pc.utf8_rtrim(values, " ") if padded else values)
        longest = pc.max(length).as_py() or 0
        if longest > limit:
            raise pa.ArrowInvalid(f"a text has {longest} characters")
    return values


_FITS: Mapping[str, Callable[[Values, Native], Values]] = {
    **dict.fromkeys(INTEGERS, _integer),
    "boolean": _boolean,
    "real": _real,
    "double precision": _double,
    "numeric": _numeric,
    "date": _date,
    "time without time zone": _time,
    "timestamp without time zone": _timestamp,
    "timestamp with time zone": _timestamp,
    "interval": _interval,
    "money": _money,
    "uuid": _uuid,
    "character varying": _varchar,
    "character": _varchar,
}
