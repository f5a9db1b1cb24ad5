"""A CSV file's texts as the values that its schema file declares, or a DataError of the row and the column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ...errors import DataError
from ...types import Type
from ..alphabet import meaning_of, word_of
from ..exact import Field, Values, parsed

ROW = "\0row"  # a column with the numbers of a file's rows, the header being the first
_SHOWN = 60  # characters of a value, in a message
_UUID = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"


@dataclass(frozen=True)
class Column:
    """A column of a file as declared."""

    field: Field
    meaning: Type

    @classmethod
    def of(cls, field: Field) -> Column:
        return cls(field, meaning_of(word_of(field)))


def fitted(octets: Values, column: Column, where: str) -> Values:
    """A column's bytes as its type. DataError for those that are no value of it."""
    field = column.field
    try:
        made: Values = _typed(octets, column)
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        raise DataError(f"{where}: {field.name} holds {_shown(octets)}, which is no {word_of(field)}",
                        column=field.name) from error  # fmt: skip
    if made.null_count and not field.nullable:
        raise DataError(f"{where}: {field.name} is NULL, and is declared as never NULL", column=field.name)
    return made


def _typed(octets: Values, column: Column) -> Any:
    meaning, arrow = column.meaning, column.field.type
    texts = octets.cast(pa.string())  # no UTF-8 is refused here
    made: Any = (
        _octets(texts) if pa.types.is_binary(arrow) else texts if pa.types.is_string(arrow) else parsed(texts, arrow)
    )
    if meaning.length:
        measured: Any = pc.utf8_rtrim(made, characters=" ") if meaning.padded and pa.types.is_string(arrow) else made
        count: Any = pc.utf8_length(measured) if pa.types.is_string(arrow) else pc.binary_length(measured)
        _hold(pc.less_equal(count, pa.scalar(meaning.length, pa.int32())))
    if meaning.kind == "uuid":
        _hold(pc.match_substring_regex(made, _UUID))
    if meaning.kind in ("time", "timestamp", "instant") and meaning.digits < 6:
        ticks, step = made.cast(pa.int64()), 10 ** (6 - meaning.digits)
        _hold(pc.equal(pc.multiply(pc.divide(ticks, step), step), ticks))
    return made


def _hold(fits: Values) -> None:
    if not pc.all(fits).as_py():  # NULLs are left out
        raise pa.ArrowInvalid("longer, finer or another than declared")


def _octets(texts: Values) -> Values:
    import polars as pl  # as in exact.py

    try:
        octets = pl.Series(texts).str.decode("hex", strict=True)
    except pl.exceptions.PolarsError as error:
        raise pa.ArrowInvalid(str(error)) from error
    return octets.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(pa.binary())


def _shown(octets: Values) -> str:
    """The value of a batch that is one row."""
    text = (octets[0].as_py() or b"").decode(errors="backslashreplace") if len(octets) == 1 else "a text"
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "...") if len(octets) == 1 else text
