"""The canonical text of rows, on Arrow: what docs/checksum.md defines, form by form.

What a value costs on one core, in ns: joining it into its row 10, integer to text 20, decimal to
text 20 by Polars (47 by pyarrow, which moreover writes 0.0000001 as `1E-7`), timestamp 40 by
pyarrow (118 by Polars), a look-up among ready texts 5.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute

from ..transfer.canonical import Canon
from ..transfer.errors import RequestError

Values: TypeAlias = "pa.Array[Any]"
Numbers: TypeAlias = "np.ndarray[Any, Any]"

pc: Any = pyarrow.compute  # pyarrow-stubs 20 know none of its functions for arrays of a type to be seen

_DAY = 86_400_000_000
_CYCLE = 146_097  # days in 400 years, after which the Gregorian calendar repeats
_YEAR_1, _YEAR_10000 = -719_162, 2_932_897  # days from 1970-01-01
_DIGITS = {"s": 0, "ms": 3, "us": 6, "ns": 9}
_NAN = 0x7FF8_0000_0000_0000
_PIECE = 1 << 20  # octets
_HEX = np.frombuffer(b"".join(b"%02X" % octet for octet in range(256)), np.uint16)


@dataclass(frozen=True)
class _Ranked:
    """Integers that stand for values, and how to write any such integers."""

    numbers: pl.Series
    write: Callable[[pl.Series], pl.Series]


_Part = pl.Series | _Ranked
_Parts = list[_Part]


def row_texts(batch: pa.RecordBatch, canons: Sequence[Canon]) -> pl.Series:
    """The canonical text of each row."""
    cells: list[pl.Series | str] = []
    for place, (values, canon) in enumerate(zip(batch.columns, canons, strict=True)):
        first, *others = _parts(batch.schema.names[place], values, canon)
        cells += _cells(first, "|" if place else "", "~")
        for other in others:
            cells += _cells(other, "", "")
    columns = {str(i): cell for i, cell in enumerate(cells) if isinstance(cell, pl.Series)}
    if not columns:
        return pl.repeat("".join(map(str, cells)), batch.num_rows, dtype=pl.String, eager=True)
    texts = [pl.lit(c) if isinstance(c, str) else pl.col(str(i)) for i, c in enumerate(cells)]
    return pl.DataFrame(columns).select(pl.concat_str(texts)).to_series()


def _parts(name: str, values: Values, canon: Canon) -> _Parts:
    """What makes up a column's canonical texts, NULL where the column is NULL."""
    write, accepts = _FORMS[canon.form]
    if not accepts(values.type):
        raise RequestError(
            f"Arrow type {values.type} has no one canonical text of the form {canon.form}",
            column=name,
        )
    return write(values, canon.digits)


def _cells(part: _Part, lead: str, null: str) -> list[pl.Series | str]:
    """A part's texts behind `lead`, `null` for NULL; what is the same in all rows is a str."""
    if isinstance(part, pl.Series):
        texts = part.fill_null(null) if part.null_count() else part
        return [lead, texts] if lead else [texts]
    numbers = part.numbers if part.numbers.dtype == pl.UInt64 else part.numbers.cast(pl.Int64)
    low, high = _extremes(numbers)
    if low is None or high is None:
        return [lead + null]
    if high - low >= len(numbers) // 4:
        return _cells(part.write(numbers), lead, null)
    # Few numbers for many rows: each is written once, then looked up.
    table = part.write(pl.int_range(high - low + 1, eager=True).cast(numbers.dtype) + low)
    if low == high and not numbers.null_count():
        return [lead + table[0]]
    texts = (lead + table).gather(numbers - low)
    return [texts.fill_null(lead + null) if texts.null_count() else texts]


def _extremes(numbers: pl.Series) -> tuple[int | None, int | None]:
    return numbers.min(), numbers.max()  # type: ignore[return-value]  # integers, by our callers


def _number(values: Values, digits: int) -> _Parts:
    kind = values.type
    if not pa.types.is_decimal(kind):
        numbers = pl.Series(values.cast(pa.int8()) if pa.types.is_boolean(kind) else values)
        return [_Ranked(numbers, lambda some: _at_least(some.cast(pl.String), 0, digits))]
    if kind.scale < 0:
        return _number(values.cast(pa.decimal256(76, 0)), digits)
    if pa.types.is_decimal256(kind):
        return [_at_least(_wide_decimals(values), kind.scale, digits)]
    if kind.precision > 18:
        return [_at_least(pl.Series(values).cast(pl.String), kind.scale, digits)]
    return [_Ranked(_unscaled(values), lambda some: _decimals(some, kind, digits))]


def _whole(values: Values, digits: int) -> _Parts:
    return _number(values, 0)


def _at_least(texts: pl.Series, have: int, want: int) -> pl.Series:
    """Texts with `have` decimals with `want`: zeros come and go, other digits stay.

    So a value too fine for its form prints longer and is seen to differ; rounding would hide it.
    """
    if have == want:
        return texts
    if have < want:
        return texts + (("" if have else ".") + "0" * (want - have))
    kept, tail = texts.str.head(want - have), texts.str.tail(have - want)
    texts = kept + tail.str.strip_chars_end("0")
    return texts if want else texts.str.strip_chars_end(".")


def _unscaled(values: Values) -> pl.Series:
    """The unscaled integers of decimals of at most 18 digits: the low word of each holds all."""
    buffers: list[Any] = values.buffers()
    words = np.frombuffer(buffers[1], np.int64)[2 * values.offset :: 2][: len(values)]
    mask = values.is_null().to_numpy(zero_copy_only=False) if values.null_count else None
    return pl.Series(pa.array(words, mask=mask))


def _decimals(unscaled: pl.Series, kind: Any, digits: int) -> pl.Series:
    low = _plain(unscaled)
    words = np.stack([low, low >> 63], axis=1)
    texts = pl.Series(pa.Array.from_buffers(kind, len(low), [None, _buffer(words)])).cast(pl.String)
    return _at_least(_nulled(texts, unscaled), kind.scale, digits)


def _plain(numbers: pl.Series) -> Numbers:
    """Numbers with zeros for NULLs, which `_nulled` puts back."""
    return (numbers.fill_null(0) if numbers.null_count() else numbers).to_numpy()


def _nulled(texts: pl.Series, like: pl.Series) -> pl.Series:
    if not like.null_count():
        return texts
    return texts.zip_with(like.is_not_null(), pl.Series([None], dtype=pl.String))


def _wide_decimals(values: Values) -> pl.Series:
    """Texts of decimal256, which Polars lacks: the point is set into those of unscaled integers.

    Read at scale 0, because pyarrow writes small numbers of other scales with an exponent.
    """
    scale = values.type.scale
    integers = pa.Array.from_buffers(pa.decimal256(76, 0), len(values), values.buffers(), offset=values.offset)
    unscaled = pl.Series(integers.cast(pa.string()))
    if not scale:
        return unscaled
    sign = unscaled.str.slice(0, 1).str.strip_chars("0123456789")
    digits = unscaled.str.strip_prefix("-").str.pad_start(scale + 1, "0")
    return sign + digits.str.head(-scale) + "." + digits.str.tail(scale)


def _float(values: Values, digits: int) -> _Parts:
    numbers = pl.Series(values.cast(pa.float64()))
    floats = _plain(numbers) + 0.0  # turns -0 into 0
    bits = floats.view(np.uint64)
    bits[np.isnan(floats)] = _NAN
    octets = bits.byteswap().view(np.uint8)
    return [_nulled(_hex(octets, np.arange(0, len(octets) + 1, 8)), numbers)]


def _hex(octets: Numbers, ends: Numbers) -> pl.Series:
    """The hex digits of `octets`, a text for each pair of neighbours in `ends`."""
    offsets = _buffer(2 * ends.astype(np.int64))
    digits = np.empty(len(octets), np.uint16)
    for start in range(0, len(octets), _PIECE):  # numpy makes eight bytes of each index
        digits[start : start + _PIECE] = _HEX[octets[start : start + _PIECE]]
    return pl.Series(pa.LargeStringArray.from_buffers(len(ends) - 1, offsets, _buffer(digits)))


def _buffer(numbers: Any) -> pa.Buffer:
    return pa.py_buffer(numbers)


def _binary(values: Values, digits: int) -> _Parts:
    buffers: list[Any] = values.buffers()
    ends = np.frombuffer(buffers[1], np.int32)[values.offset : values.offset + len(values) + 1]
    octets = np.frombuffer(buffers[2] or b"", np.uint8)[ends[0] : ends[-1]]
    lengths = pl.Series(pc.binary_length(values))
    return [_Ranked(lengths, _counts), _nulled(_hex(octets, ends - ends[0]), lengths)]


def _counts(lengths: pl.Series) -> pl.Series:
    return lengths.cast(pl.String) + "|"


def _text(values: Values, digits: int) -> _Parts:
    return [_Ranked(pl.Series(pc.binary_length(values)), _counts), pl.Series(values)]


def _padded(values: Values, digits: int) -> _Parts:
    return _text(pc.ascii_rtrim(values, characters=" "), digits)


def _uuid(values: Values, digits: int) -> _Parts:
    """A text of another shape than a UUID's is written as text: it might hold a `|`."""
    shaped = pl.Series(pc.match_substring_regex(values, "^[0-9A-Fa-f-]{36}$"))
    lower = pl.Series(pc.ascii_lower(values))
    if shaped.all():
        return [lower]
    texts = pl.Series(values)
    return [lower.zip_with(shaped.fill_null(True), _counts(texts.str.len_bytes()) + texts)]


def _date(values: Values, digits: int) -> _Parts:
    if pa.types.is_timestamp(values.type):
        return [_moments(values, 0).str.replace(r"^([-0-9]+) 00:00:00( BC)?$", "$1$2")]
    return [_Ranked(pl.Series(values.view(pa.int32())), _days)]


def _days(days: pl.Series) -> pl.Series:
    def near(some: pl.Series) -> pl.Series:
        dates = some.to_arrow().cast(pa.int32()).view(pa.date32())
        return pl.Series(dates.cast(pa.string()))

    return _any_year(days, 1, near)


def _timestamp(values: Values, digits: int) -> _Parts:
    return [_moments(values, digits)]


def _moments(values: Any, digits: int) -> pl.Series:
    if pa.types.is_date32(values.type):
        values = values.cast(pa.timestamp("us"))
    kind = pa.timestamp(values.type.unit)  # without its zone, which is UTC
    if kind.unit == "ns":  # 1677 to 2262
        return _stamps(values.view(kind), digits)
    microseconds = pl.Series(values.view(pa.int64()))
    return _any_year(microseconds, _DAY, lambda some: _stamps(some.to_arrow().view(kind), digits))


def _any_year(numbers: pl.Series, per_day: int, near: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """Texts of days or microseconds by `near`, which can write the years 1 to 9999."""
    low, high = _extremes(numbers)
    if low is None or high is None or (low >= _YEAR_1 * per_day and high < _YEAR_10000 * per_day):
        return near(numbers)
    # Years 400 apart have the same days, so each is written as one of 1970 to 2369 first.
    cycles, rest = np.divmod(_plain(numbers).astype(np.int64), _CYCLE * per_day)
    texts = near(pl.Series(rest))
    years = texts.str.head(4).cast(pl.Int64) + 400 * pl.Series(cycles)
    since = years > 0
    labels = years.zip_with(since, 1 - years).cast(pl.String).str.pad_start(4, "0")
    era = pl.Series(["", " BC"]).gather((~since).cast(pl.UInt32))
    return _nulled(labels + texts.str.slice(4) + era, numbers)


def _stamps(naive: Values, digits: int) -> pl.Series:
    naive = _coarse(naive, pa.timestamp, digits)
    return _at_least(pl.Series(naive.cast(pa.string())), _DIGITS[naive.type.unit], digits)


def _coarse(values: Values, kind: Callable[[Any], pa.DataType], digits: int) -> Values:
    """The values in the unit that `digits` ask for, or as they are where that would lose any."""
    unit = "s" if not digits else "ms" if digits <= 3 else "us"
    if _DIGITS[unit] >= _DIGITS[values.type.unit]:
        return values
    try:
        return values.cast(kind(unit))
    except pa.ArrowInvalid:
        return values


def _time(values: Values, digits: int) -> _Parts:
    span = pl.Series(values.view(pa.int64()))
    low, high = _extremes(span)
    if low is None or high is None or (low >= 0 and high < _DAY):
        return [_clock(span, digits)]
    plain = _plain(span)
    hours, rest = np.divmod(np.abs(plain).view(np.uint64), np.uint64(_DAY // 24))
    sign = pl.Series(["", "-"]).gather((plain < 0).astype(np.uint32))
    past_hours = _clock(pl.Series(rest.view(np.int64)), digits).str.slice(2)
    labels = pl.Series(hours).cast(pl.String).str.pad_start(2, "0")
    return [_nulled(sign + labels + past_hours, span)]


def _clock(span: pl.Series, digits: int) -> pl.Series:
    times = span.to_arrow().view(pa.time64("us"))
    if digits <= 3:
        times = _coarse(times, pa.time32, digits)
    return _at_least(pl.Series(times.cast(pa.string())), _DIGITS[times.type.unit], digits)


def _duration(values: Values, digits: int) -> _Parts:
    return _whole(values if pa.types.is_integer(values.type) else values.view(pa.int64()), 0)


_SHORT = (pa.int8(), pa.int16(), pa.int32(), pa.uint8(), pa.uint16(), pa.uint32())
_SPANS = (pa.time64("us"), pa.duration("us"))


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_integer(kind) or pa.types.is_decimal(kind) or pa.types.is_boolean(kind)


def _is_float(kind: pa.DataType) -> bool:
    return kind in (pa.float32(), pa.float64(), *_SHORT)  # binary64 holds all of their values


def _is_stamp(kind: Any) -> bool:
    return pa.types.is_timestamp(kind) and kind.unit in ("us", "ns") and kind.tz in (None, "UTC")


def _is_day(kind: Any) -> bool:
    return kind == pa.date32() or (_is_stamp(kind) and kind.tz is None)


# How each form is written, and from which Arrow types: its own, and those that another engine may
# give back for it. A type that is not here has two readings in that form, or none.
_FORMS: dict[str, tuple[Callable[[Values, int], _Parts], Callable[[pa.DataType], bool]]] = {
    "integer": (_whole, _is_number),
    "decimal": (_number, _is_number),
    "number": (_whole, _is_number),
    "float": (_float, _is_float),
    "boolean": (_whole, _is_number),
    "date": (_date, _is_day),
    "timestamp": (_timestamp, lambda kind: kind == pa.date32() or _is_stamp(kind)),
    "instant": (_timestamp, _is_stamp),
    "time": (_time, lambda kind: kind in _SPANS),
    "duration": (_duration, lambda kind: kind in _SPANS or pa.types.is_integer(kind)),
    "text": (_text, pa.types.is_string),
    "padded": (_padded, pa.types.is_string),
    "binary": (_binary, pa.types.is_binary),
    "uuid": (_uuid, pa.types.is_string),
}
