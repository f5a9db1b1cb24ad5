"""The checksum of a set of rows, computed in the client on Arrow.

Each row becomes its canonical text (docs/checksum.md; the alphabet of forms is in
transfer/canonical.py), each text its SHA-256, and the first two 64-bit words of that are summed
modulo 2^64. Engines do the same in SQL; where the two disagree, a value changed.

Costs are CPU per value of TPC-H lineitem on one core of a server of 2024: pyarrow's join of ready
texts 12 ns, its integer to text 17, Polars' decimal to text 21 (pyarrow's 47, and `1E-7` for
0.0000001), a look-up in a table of ready texts 6, SHA-256 of a 150-byte row by polars-hash 220.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import polars_hash as plh
import pyarrow as pa
import pyarrow.compute as pc

from ..transfer.canonical import Canon
from ..transfer.errors import EngineError, RequestError

WORD = 1 << 64
_CHUNK_ROWS = 32_768  # texts of a chunk fit the second-level cache; larger chunks were 5 % slower
_CHUNK_BYTES = 1 << 26
_DAY = 86_400_000_000
# The Gregorian calendar repeats every 400 years, so any year is written like one of 1970..2369.
_CYCLE_DAYS = 146_097
_YEAR_1, _YEAR_10000 = -719_162, 2_932_897  # days from 1970-01-01
_DIGITS = {"s": 0, "ms": 3, "us": 6, "ns": 9}
_NAN = 0x7FF8_0000_0000_0000


@dataclass(frozen=True)
class Sum:
    """How many rows, and the sums of the high and the low words of their SHA-256, modulo 2^64."""

    count: int
    high: int
    low: int

    def __add__(self, other: Sum) -> Sum:
        return Sum(
            self.count + other.count, (self.high + other.high) % WORD, (self.low + other.low) % WORD
        )

    def __sub__(self, other: Sum) -> Sum:
        """What is left of these rows without those of `other`."""
        return Sum(
            self.count - other.count, (self.high - other.high) % WORD, (self.low - other.low) % WORD
        )

    def text(self) -> str:
        """The rows, a colon, and 32 hex digits; `parse` reads it back."""
        return f"{self.count}:{self.high:016x}{self.low:016x}"

    @staticmethod
    def parse(text: str) -> Sum:
        """The sum that printed itself as `text`; ValueError for anything else."""
        count, words = text.split(":")
        if len(words) != 32:
            raise ValueError(f"{text!r} is not the text of a checksum")
        return Sum(int(count), int(words[:16], 16), int(words[16:], 16))

    @staticmethod
    def zero() -> Sum:
        """The sum of no rows."""
        return Sum(0, 0, 0)


def of_answer(answer: Sequence[Any]) -> Sum:
    """The sum in an engine's answer to its `checksum_sql`: rows, high, low, rows without checksum.

    Raises EngineError if any row has none: MariaDB turns a row text above max_allowed_packet into
    NULL, and a sum that skips rows would pass for an equal one.
    """
    count, high, low, without = (int(value) for value in answer)
    if without:
        raise EngineError(
            f"the server gave no checksum for {without} of {count} rows",
            remedy="A row's text may be longer than the server allows (max_allowed_packet).",
        )
    return Sum(count, high % WORD, low % WORD)


def of_batch(batch: pa.RecordBatch, canons: Sequence[Canon]) -> Sum:
    """The sum of a batch's rows, `canons` giving the form of each column in order.

    Raises RequestError for a column whose Arrow type has no such form. Holds the texts of at most
    32,768 rows or about 64 MB of values at a time. Safe to call from several threads.
    """
    if len(canons) != batch.num_columns:
        raise ValueError(f"{batch.num_columns} columns, but {len(canons)} canonical forms")
    width = batch.nbytes // max(batch.num_rows, 1) + 1
    rows = max(1, min(_CHUNK_ROWS, _CHUNK_BYTES // width))
    total = Sum.zero()
    for start in range(0, batch.num_rows, rows):
        total += _of_texts(row_texts(batch.slice(start, rows), canons))
    return total


def row_texts(batch: pa.RecordBatch, canons: Sequence[Canon]) -> pa.StringArray:
    """The canonical text of each row."""
    if not canons:
        return pa.repeat(pa.scalar("", pa.string()), batch.num_rows)
    fields = [
        _field(field.name, values, canon)
        for field, values, canon in zip(batch.schema, batch.columns, canons, strict=True)
    ]
    return pc.binary_join_element_wise(*fields, "|", null_handling="replace", null_replacement="~")


def _of_texts(texts: pa.StringArray) -> Sum:
    rows = pl.DataFrame({"row": pl.from_arrow(texts)})
    hexed = rows.select(plh.col("row").chash.sha2_256()).to_series()
    high, low = _words(hexed.to_arrow(compat_level=pl.CompatLevel.oldest()))
    return Sum(len(texts), high, low)


def _words(hexed: pa.LargeStringArray) -> tuple[int, int]:
    """The sums of the first and of the second 16 hex digits of texts of 64 hex digits."""
    count = len(hexed)
    start = 64 * hexed.offset
    digits = np.frombuffer(hexed.buffers()[2], np.uint64, 8 * count, start).reshape(count, 8)[:, :4]
    # Eight digits a word, first digit lowest: nibbles, then pairs to bytes, to 16, to 32 bits.
    nibbles = (digits & 0x0F0F0F0F0F0F0F0F) + 9 * ((digits >> 6) & 0x0101010101010101)
    octets = ((nibbles & 0x00FF00FF00FF00FF) << 4) | ((nibbles >> 8) & 0x00FF00FF00FF00FF)
    halves = ((octets & 0x0000FFFF0000FFFF) << 8) | ((octets >> 16) & 0x0000FFFF0000FFFF)
    quarters = ((halves & 0xFFFFFFFF) << 16) | (halves >> 32)
    a, b, c, d = (int(total) for total in quarters.sum(axis=0, dtype=np.uint64))
    return ((a << 32) + b) % WORD, ((c << 32) + d) % WORD


def _field(name: str, values: pa.Array, canon: Canon) -> pa.Array:
    """A column's canonical texts, NULL where the column is NULL."""
    render, accepts = _FORMS[canon.form]
    if not accepts(values.type):
        raise RequestError(
            f"a column of Arrow type {values.type} cannot be checked as {canon.form}: "
            "its values have no one canonical text in that form",
            column=name,
        )
    return render(values, canon.digits)


def _number(values: pa.Array, digits: int) -> pa.Array:
    if pa.types.is_boolean(values.type):
        values = values.cast(pa.int8())
    if pa.types.is_integer(values.type):
        return _at_least(_integers(values), 0, digits)
    return _at_least(_decimals(values), max(values.type.scale, 0), digits)


def _whole(values: pa.Array, digits: int) -> pa.Array:
    return _number(values, 0)


def _at_least(texts: pa.Array, have: int, want: int) -> pa.Array:
    """Texts with `have` decimals with `want`: zeros come and go, other digits stay.

    So a value too fine for its form prints longer and is seen to differ; rounding would hide it.
    """
    if have == want:
        return texts
    if have < want:
        return _join(texts, ("" if have else ".") + "0" * (want - have))
    kept = pc.utf8_slice_codeunits(texts, 0, want - have)
    tail = pc.ascii_rtrim(pc.utf8_slice_codeunits(texts, want - have), characters="0")
    texts = _join(kept, tail)
    return texts if want else pc.ascii_rtrim(texts, characters=".")


def _join(*parts: Any, separator: str = "") -> pa.Array:
    return pc.binary_join_element_wise(*parts, separator)


def _integers(values: pa.Array) -> pa.Array:
    narrow = _narrow(values)
    if narrow is None:
        return values.cast(pa.string())
    every, places = narrow
    return every.cast(pa.string()).take(places)


def _narrow(values: pa.Array) -> tuple[pa.Array, pa.Array] | None:
    """All integers from the least to the greatest, and where each value stands among them.

    None where these are not far fewer than the rows: then a table of their texts saves nothing.
    """
    if values.type != pa.uint64():
        values = values.cast(pa.int64())  # int8 would overflow in the subtraction
    low, high = _extremes(values)
    if low is None or high is None or high - low >= len(values) // 4:
        return None
    first = values.type.to_pandas_dtype()(low)
    every = np.arange(high - low + 1).astype(first.dtype) + first
    return pa.array(every), pc.subtract(values, pa.scalar(low, values.type))


def _extremes(values: pa.Array) -> tuple[int | None, int | None]:
    ends = pc.min_max(values)
    return ends["min"].as_py(), ends["max"].as_py()


def _decimals(values: pa.Array) -> pa.Array:
    kind = values.type
    if kind.scale < 0:
        values = values.cast(pa.decimal256(76, 0))
    if pa.types.is_decimal256(values.type):
        return _wide_decimals(values)
    narrow = _narrow(_unscaled(values)) if kind.precision <= 18 else None
    if narrow is None:
        return _short_decimals(values)
    every, places = narrow
    words = np.stack([every.to_numpy(), every.to_numpy() >> 63], axis=1)
    table = pa.Array.from_buffers(kind, len(every), [None, pa.py_buffer(words.tobytes())])
    return _short_decimals(table).take(places)


def _unscaled(values: pa.Array) -> pa.Array:
    """The unscaled integers of decimals of at most 18 digits: the low word of each holds all."""
    start = 2 * values.offset
    words = np.frombuffer(values.buffers()[1], np.int64)[start : start + 2 * len(values) : 2]
    mask = values.is_null().to_numpy(zero_copy_only=False) if values.null_count else None
    return pa.array(words, mask=mask)


def _short_decimals(values: pa.Array) -> pa.Array:
    texts = pl.Series(values).cast(pl.String).to_arrow(compat_level=pl.CompatLevel.oldest())
    return texts.cast(pa.string())


def _wide_decimals(values: pa.Array) -> pa.Array:
    """Texts of decimal256, which Polars lacks: the point is set into those of unscaled integers.

    Read at scale 0, as pyarrow writes small numbers of other scales with an exponent.
    """
    scale = values.type.scale
    unscaled = pa.Array.from_buffers(
        pa.decimal256(76, 0), len(values), values.buffers(), offset=values.offset
    ).cast(pa.string())
    if not scale:
        return unscaled
    digits = pc.utf8_lpad(pc.ascii_ltrim(unscaled, characters="-"), scale + 1, "0")
    whole, tail = pc.utf8_slice_codeunits(digits, 0, -scale), pc.utf8_slice_codeunits(digits, -scale)
    return _join(_where(pc.starts_with(unscaled, "-"), "-", ""), whole, ".", tail)


def _where(mask: pa.Array, yes: str, no: str) -> pa.Array:
    return pc.if_else(mask, pa.scalar(yes), pa.scalar(no))


def _filled(values: pa.Array) -> np.ndarray[Any, Any]:
    """The values with zeros for NULLs; `_masked` takes these out again."""
    return (values.fill_null(0) if values.null_count else values).to_numpy(zero_copy_only=False)


def _masked(texts: pa.Array, values: pa.Array) -> pa.Array:
    if not values.null_count:
        return texts
    return pc.if_else(values.is_valid(), texts, pa.scalar(None, pa.string()))


def _float(values: pa.Array, digits: int) -> pa.Array:
    numbers = _filled(values.cast(pa.float64())) + 0.0  # turns -0 into 0
    bits = numbers.view(np.uint64)
    bits[np.isnan(numbers)] = _NAN
    ends = np.arange(0, 16 * len(bits) + 1, 16)
    return _masked(_hex_texts(bits.byteswap().view(np.uint8), ends), values)


def _hex_texts(octets: np.ndarray[Any, Any], ends: np.ndarray[Any, Any]) -> pa.Array:
    """Texts of the hex digits of `octets`, cut at `ends`, which count digits."""
    digits, offsets = _HEX[octets], pa.py_buffer(ends.astype(np.int64))
    texts = pa.LargeStringArray.from_buffers(len(ends) - 1, offsets, pa.py_buffer(digits))
    return texts.cast(pa.string())  # raises above 2 GB


def _binary(values: pa.Array, digits: int) -> pa.Array:
    _, offsets, data = values.buffers()
    ends = np.frombuffer(offsets, np.int32)[values.offset : values.offset + len(values) + 1]
    octets = np.frombuffer(data or b"", np.uint8)[ends[0] : ends[-1]]
    texts = _hex_texts(octets, 2 * (ends.astype(np.int64) - ends[0]))
    return _counted(_masked(texts, values), pc.binary_length(values))


def _text(values: pa.Array, digits: int) -> pa.Array:
    return _counted(values, pc.binary_length(values))


def _padded(values: pa.Array, digits: int) -> pa.Array:
    return _text(pc.ascii_rtrim(values, characters=" "), digits)


def _counted(texts: pa.Array, octets: pa.Array) -> pa.Array:
    return _join(_integers(octets), ":", texts)


def _uuid(values: pa.Array, digits: int) -> pa.Array:
    shaped = pc.match_substring_regex(values, "^[0-9A-Fa-f-]{36}$")
    lower = pc.ascii_lower(values)
    return pc.if_else(shaped, lower, _text(values, digits)) if not pc.all(shaped).as_py() else lower


def _date(values: pa.Array, digits: int) -> pa.Array:
    if pa.types.is_timestamp(values.type):
        return _without(_timestamp(values, 0), " 00:00:00")
    days = values.view(pa.int32())
    narrow = _narrow(days)
    if narrow is None:
        return _days(days)
    every, places = narrow
    return _days(every).take(places)


def _without(texts: pa.Array, suffix: str) -> pa.Array:
    return pc.replace_substring_regex(texts, suffix + "( BC)?$", r"\1")


def _days(days: pa.Array) -> pa.Array:
    def near(some: pa.Array) -> pa.Array:
        return some.cast(pa.int32()).view(pa.date32()).cast(pa.string())

    return _any_year(days, 1, near)


def _timestamp(values: pa.Array, digits: int) -> pa.Array:
    if pa.types.is_date32(values.type):
        days = values.view(pa.int32()).cast(pa.int64())
        values = pc.multiply(days, pa.scalar(_DAY)).view(pa.timestamp("us"))
    kind = pa.timestamp(values.type.unit)  # without its zone, which is UTC
    if kind.unit == "ns":  # 1677 to 2262
        return _stamps(values.view(kind), digits)
    return _any_year(
        values.view(pa.int64()), _DAY, lambda some: _stamps(some.view(kind), digits)
    )


def _any_year(
    values: pa.Array, per_day: int, near: Callable[[pa.Array], pa.Array]
) -> pa.Array:
    """Texts of days or microseconds by `near`, which can write the years 1 to 9999."""
    low, high = _extremes(values)
    if low is None or high is None or (
        low >= _YEAR_1 * per_day and high < _YEAR_10000 * per_day
    ):
        return near(values)
    cycles, rest = np.divmod(_filled(values).astype(np.int64), _CYCLE_DAYS * per_day)
    texts = near(pa.array(rest))
    years = pc.utf8_slice_codeunits(texts, 0, 4).cast(pa.int64()).to_numpy() + 400 * cycles
    labels = pa.array(np.where(years > 0, years, 1 - years)).cast(pa.string())
    era = _where(pa.array(years > 0), "", " BC")
    rest_of_year = pc.utf8_slice_codeunits(texts, 4)
    return _masked(_join(pc.utf8_lpad(labels, 4, "0"), rest_of_year, era), values)


def _stamps(naive: pa.Array, digits: int) -> pa.Array:
    naive = _coarser(naive, pa.timestamp, digits)
    return _at_least(naive.cast(pa.string()), _DIGITS[naive.type.unit], digits)


def _coarser(values: pa.Array, kind: Callable[[Any], pa.DataType], digits: int) -> pa.Array:
    """The values in the unit of `digits`, or as they are if that loses anything."""
    unit = "s" if not digits else "ms" if digits <= 3 else "us"
    if _DIGITS[unit] >= _DIGITS[values.type.unit]:
        return values
    try:
        return values.cast(kind(unit))
    except pa.ArrowInvalid:
        return values


def _time(values: pa.Array, digits: int) -> pa.Array:
    span = values.view(pa.int64())
    low, high = _extremes(span)
    if low is None or high is None or (low >= 0 and high < _DAY):
        return _clock(span, digits)
    filled = _filled(span)
    hours, rest = np.divmod(np.abs(filled).view(np.uint64), np.uint64(_DAY // 24))
    sign = _where(pa.array(filled < 0), "-", "")
    minutes = pc.utf8_slice_codeunits(_clock(pa.array(rest.view(np.int64)), digits), 2)
    return _masked(_join(sign, pc.utf8_lpad(_integers(pa.array(hours)), 2, "0"), minutes), values)


def _clock(span: pa.Array, digits: int) -> pa.Array:
    times = span.view(pa.time64("us"))
    times = _coarser(times, pa.time32, digits) if digits <= 3 else times
    return _at_least(times.cast(pa.string()), _DIGITS[times.type.unit], digits)


def _duration(values: pa.Array, digits: int) -> pa.Array:
    return _integers(values if pa.types.is_integer(values.type) else values.view(pa.int64()))


_SHORT = (pa.int8(), pa.int16(), pa.int32(), pa.uint8(), pa.uint16(), pa.uint32())
_SPANS = (pa.time64("us"), pa.duration("us"))


def _is_number(kind: pa.DataType) -> bool:
    decimal = pa.types.is_decimal128(kind) or pa.types.is_decimal256(kind)
    return decimal or pa.types.is_integer(kind) or pa.types.is_boolean(kind)


def _is_float(kind: pa.DataType) -> bool:
    return kind in (pa.float32(), pa.float64(), *_SHORT)  # binary64 holds all of their values


def _is_stamp(kind: pa.DataType) -> bool:
    return pa.types.is_timestamp(kind) and kind.unit in ("us", "ns") and kind.tz in (None, "UTC")


def _is_day(kind: pa.DataType) -> bool:
    return kind == pa.date32() or (_is_stamp(kind) and kind.tz is None)


# How each form is written, and from which Arrow types: those of its own kind, and those that another
# engine may give back for it. What is not here has two readings, or none.
_FORMS: dict[
    str, tuple[Callable[[pa.Array, int], pa.Array], Callable[[pa.DataType], bool]]
] = {
    "integer": (_whole, _is_number),
    "decimal": (_number, _is_number),
    "number": (_whole, _is_number),
    "float": (_float, _is_float),
    "boolean": (_whole, _is_number),
    "date": (_date, _is_day),
    "timestamp": (_timestamp, lambda kind: kind == pa.date32() or _is_stamp(kind)),
    "instant": (_timestamp, _is_stamp),
    "time": (_time, _SPANS.__contains__),
    "duration": (_duration, lambda kind: kind in _SPANS or pa.types.is_integer(kind)),
    "text": (_text, pa.types.is_string),
    "padded": (_padded, pa.types.is_string),
    "binary": (_binary, pa.types.is_binary),
    "uuid": (_uuid, pa.types.is_string),
}
