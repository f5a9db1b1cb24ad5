"""Casts between Arrow types that keep every value or raise; engines use them at both ends of a column.

Arrow's own safe casts refuse most losses. They do not refuse a float that a decimal rounds (1.555 to two
decimals), a decimal that binary64 cannot hold, or 5 as a boolean; those are compared by casting back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from ..errors import DataError, RequestError
from ..plan import ColumnPlan, Hop

Values: TypeAlias = "pa.Array[Any]"  # subscriptable in the stubs only
Field: TypeAlias = "pa.Field[Any]"

# The texts of each row one after the other, the last argument between them; the stubs know fewer mixtures.
join: Callable[..., Values] = pc.binary_join_element_wise


_DAY = 86_400_000_000
_DAYS = (-719_528, 2_932_897)  # from 0000-01-01 to before 10000-01-01; other years have no four digits


def family(arrow: pa.DataType) -> str:
    """Types of one family hold values of one meaning; a timestamp with a zone is an `instant`."""
    if pa.types.is_timestamp(arrow):
        return "instant" if arrow.tz else "timestamp"
    number = pa.types.is_integer(arrow) or pa.types.is_floating(arrow) or pa.types.is_decimal(arrow)
    if number or pa.types.is_boolean(arrow):
        return "number"
    if pa.types.is_string(arrow):
        return "text"
    return "date" if pa.types.is_date(arrow) else str(arrow).partition("[")[0]


def castable(source: pa.DataType, target: pa.DataType) -> bool:
    """Whether values of one type can mean the same in another, each value deciding for itself."""
    pair = family(source), family(target)
    # Between binary and decimal fractions only some values are equal, and no checksum covers both.
    alike = pa.types.is_floating(source) == pa.types.is_floating(target)
    return (pair[0] == pair[1] and alike) or pair == ("date", "timestamp")


def check_column(hop: Hop, column: ColumnPlan, there: pa.DataType) -> None:
    """RequestError if a column of a table that is there cannot take the source's values."""
    if not castable(column.type.arrow, there):
        raise RequestError(
            f"{hop.writes}.{column.target} is {column.native} in the target, and {hop.reads} has {column.type} for it.",
            table=str(hop.writes), column=column.target,
            remedy="Name the type to read it by with types:, or leave the column out.",
        )  # fmt: skip


@contextmanager
def as_planned(hop: Hop, column: ColumnPlan) -> Iterator[None]:
    """DataError for a value that Arrow's casts refuse on its way into the column's planned type."""
    try:
        yield
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise DataError(
            f"{hop.reads}.{column.source} holds a value that is no {column.type}: {error}",
            table=str(hop.reads), column=column.source,
            remedy=f"Give the column another type: types: {{{column.source}: text}}.",
        ) from error  # fmt: skip


def exactly(values: Values, arrow: pa.DataType, column: str) -> Values:
    """The values in another type of their family; text is parsed. DataError if one of them would change."""
    if values.type.equals(arrow):
        return values
    try:
        if pa.types.is_string(values.type):
            return parsed(values, arrow)
        if family(arrow) == "number" and family(values.type) == "number":
            return _number(values, arrow)
        return values.cast(arrow)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise DataError(f"{column} holds a value that is no {arrow}: {error}", column=column) from error


def _number(values: Values, arrow: pa.DataType) -> Values:
    made = _cast_number(values, arrow)
    if _may_round(values.type) or _may_round(arrow):
        back = _cast_number(made, values.type)
        same = pc.equal(back, values)
        if pa.types.is_floating(values.type):
            same = pc.or_(same, pc.and_(pc.is_nan(values), pc.is_nan(made.cast(pa.float64()))))
        if pc.any(pc.invert(same)).as_py():  # NULLs are neither
            raise pa.ArrowInvalid(f"{_first(values, same)} would change")
    return made


def _first(values: Values, same: Values) -> object:
    return values.filter(pc.invert(same))[0].as_py()


def _may_round(arrow: pa.DataType) -> bool:
    return pa.types.is_floating(arrow) or pa.types.is_boolean(arrow)


def _cast_number(values: Values, arrow: pa.DataType) -> Values:
    if pa.types.is_boolean(values.type) and pa.types.is_decimal(arrow):
        values = values.cast(pa.int8())
    if pa.types.is_boolean(arrow) and pa.types.is_decimal(values.type):
        values = values.cast(pa.int64())
    if pa.types.is_integer(values.type) and pa.types.is_decimal(arrow):
        # Arrow asks for room for every integer of the type; the values decide in the second cast.
        values = values.cast(pa.decimal256(20, 0))
    return values.cast(arrow)


def parsed(values: Values, arrow: pa.DataType) -> Values:
    """Text as another type. pa.ArrowInvalid for a text that is not wholly one of its values."""
    if pa.types.is_time(arrow):
        return _times(values, arrow)
    if pa.types.is_duration(arrow):
        return parsed(values, pa.int64()).cast(arrow)
    made = values.cast(arrow)
    if pa.types.is_integer(arrow):
        _refuse(values, pc.match_substring_regex(values, "[xX]"))  # 0x10 would be 16
    if pa.types.is_floating(arrow):
        _refuse(values, _rounded(values, made))
    return made


def _refuse(values: Values, wrong: Values) -> None:
    if pc.any(wrong).as_py():
        raise pa.ArrowInvalid(f"{values.filter(wrong)[0].as_py()} would change")


def _rounded(texts: Any, floats: Any) -> Any:
    """Which texts are not their float's number at as many digits as they have: it has others, no end, or is 0."""
    surely = pa.scalar(
        6 if pa.types.is_float32(floats.type) else 15, pa.int32()
    )  # so many digits come back from any float
    finite: Any = pc.is_finite(floats)
    number: Any = pc.match_substring_regex(texts, "[0-9]")
    digits: Any = pc.replace_substring_regex(texts, pattern="[eE].*$|[^0-9]", replacement="")
    digits = pc.ascii_ltrim(digits, characters="0")
    length: Any = pc.binary_length(digits)
    lost: Any = pc.and_(pc.equal(floats, pa.scalar(0, floats.type)), pc.greater(length, pa.scalar(0, pa.int32())))
    wrong: Any = pc.or_(pc.and_(pc.invert(finite), number), lost)
    shortest: Any = pc.equal(floats.cast(pa.string()), texts)  # as most programs write one
    long: Any = pc.and_not(pc.greater(length, surely), shortest)
    asked: Any = pc.fill_null(pc.and_(finite, long), pa.scalar(value=False))
    if not pc.any(asked).as_py():
        return wrong
    pairs = zip(texts.filter(asked).to_pylist(), floats.filter(asked).to_pylist(), strict=True)
    other = [Decimal(f"{value:.{_figures(text) - 1}e}") != Decimal(text) for text, value in pairs]
    return pc.or_(wrong, pc.replace_with_mask(pc.xor(asked, asked), asked, pa.array(other, pa.bool_())))


def _figures(text: str) -> int:
    return len(Decimal(text).as_tuple().digits)


def _times(values: Values, arrow: pa.DataType) -> Values:
    """Arrow has no cast from text to time; a timestamp of the first day has the same microseconds."""
    stamps = join("1970-01-01", values, " ").cast(pa.timestamp("us"))
    return stamps.cast(pa.int64()).cast(arrow)


def first_refused(values: Values, convert: Callable[[Values], object]) -> int:
    """The position of the first value that does not convert, found by halving."""
    low, high = 0, len(values)
    while high - low > 1:
        middle = (low + high) // 2
        try:
            convert(values.slice(low, middle - low))
        except (pa.ArrowInvalid, DataError):
            high = middle
        else:
            low = middle
    return low


def key_of(columns: Sequence[Values], names: Sequence[str], key: Sequence[str], row: int) -> str:
    """The key of a row, for a message: 'id=7, day=2024-02-30'; '' without a key."""
    values = dict(zip(names, columns, strict=True))
    return ", ".join(f"{name}={_plain(value_at(values[name], row))}" for name in key if name in values)


def value_at(values: Values, row: int) -> object:
    """A value for a message."""
    try:
        return values[row].as_py()
    except (OverflowError, ValueError):
        return "beyond Python's calendar"


def _plain(value: object) -> object:
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def extremes(values: Values) -> tuple[int, int] | None:
    """The smallest and the largest of some integers; None where all are NULL."""
    ends: Any = pc.min_max(values)
    low, high = ends["min"].as_py(), ends["max"].as_py()
    return None if high is None else (low, high)


def check_moments(values: Values, column: str, place: str) -> None:
    """DataError for a moment that has no text: Arrow would print `<value out of range: ...>`."""
    kind, what = values.type, "a moment outside of the years 0 to 9999"
    if pa.types.is_time(kind):
        low, high, what = 0, _DAY, "a time that no day has"
    else:
        per_day = 1 if pa.types.is_date(kind) else _DAY * 1000 if kind.unit == "ns" else _DAY
        low, high = (day * per_day for day in _DAYS)
    ends = extremes(values.view(pa.int32() if pa.types.is_date32(kind) else pa.int64()))
    if ends and not low <= ends[0] <= ends[1] < high:
        raise DataError(f"{column} holds {what}, for which {place} has no text", column=column)


def plain_decimals(values: Values) -> Values:
    """Decimals as text without an exponent, with all decimals of their scale; pyarrow writes 1E-7."""
    kind = values.type
    if pa.types.is_decimal128(kind) and kind.scale >= 0:
        import polars as pl  # a tenth of a second and 30 MB, which few moves need

        return pl.Series(values).cast(pl.String).to_arrow(compat_level=pl.CompatLevel.oldest()).cast(pa.string())
    if kind.scale <= 0:
        return values.cast(pa.decimal256(76, 0)).cast(pa.string())
    # Polars has 128 bits only: the point is set into the text of the unscaled integer.
    whole = pa.Array.from_buffers(pa.decimal256(76, 0), len(values), values.buffers(), offset=values.offset)
    text = whole.cast(pa.string())
    digits = pc.utf8_lpad(pc.ascii_ltrim(text, characters="-"), kind.scale + 1, "0")
    sign = pc.if_else(pc.starts_with(text, "-"), pa.scalar("-"), pa.scalar(""))
    head, tail = pc.utf8_slice_codeunits(digits, 0, -kind.scale), pc.utf8_slice_codeunits(digits, -kind.scale)
    return join(join(sign, head, ""), tail, ".")
