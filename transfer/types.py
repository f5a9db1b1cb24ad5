"""Types: Arrow carries the values, a Type says what they mean.

The alphabet is closed. A Type's `kind` is one of KINDS; the Arrow type follows from the kind and its
facets, so two engines that agree on a Type agree on the bytes of a batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import pyarrow as pa

INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
FLOATS = ("float32", "float64")
MOST_DIGITS = 76  # of Arrow's widest decimal
KINDS = (
    "bool", *INTEGERS, *FLOATS, "decimal", "text", "binary", "date", "time", "timestamp",
    "instant", "duration", "uuid", "json",
)  # fmt: skip


class Fidelity(StrEnum):
    """What a mapping does to the values; all but EXACT are printed with the plan."""

    EXACT = "exact"
    WIDENED = "widened"
    CONSTRAINED = "constrained"
    NORMALISED = "normalised"
    TEXT = "text"
    LOSSY = "lossy"


@dataclass(frozen=True)
class Type:
    """The meaning of a column's values.

    precision and scale belong to decimals; digits are those of fractional seconds; length counts
    characters of text or bytes of binary (0: no limit); `padded` marks CHAR and BINARY(n), whose
    trailing blanks or zeros mean nothing; `native` keeps the engine's own word;
    `labels` are the only texts that the column takes, in order; an `unbounded` decimal takes others than those of
    precision and scale, which are what its values have now.
    """

    kind: str
    precision: int = 0
    scale: int = 0
    digits: int = 6
    length: int = 0
    padded: bool = False
    native: str = ""
    labels: tuple[str, ...] = ()
    unbounded: bool = False

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"{self.kind!r} is not in the alphabet of types")

    @property
    def arrow(self) -> pa.DataType:
        """The Arrow type that a batch carries this column in."""
        return arrow_type(self)

    def __str__(self) -> str:
        if self.kind == "decimal":
            return f"decimal({self.precision},{self.scale})"
        if self.kind in ("time", "timestamp", "instant") and self.digits != 6:
            return f"{self.kind}({self.digits})"
        if self.kind in ("text", "binary") and self.length:
            return f"{'padded ' if self.padded else ''}{self.kind}({self.length})"
        return self.kind


_PLAIN: dict[str, pa.DataType] = {
    "bool": pa.bool_(),
    "int8": pa.int8(), "int16": pa.int16(), "int32": pa.int32(), "int64": pa.int64(),
    "uint8": pa.uint8(), "uint16": pa.uint16(), "uint32": pa.uint32(), "uint64": pa.uint64(),
    "float32": pa.float32(), "float64": pa.float64(),
    "text": pa.string(), "uuid": pa.string(), "json": pa.string(), "binary": pa.binary(),
    "date": pa.date32(), "time": pa.time64("us"), "duration": pa.duration("us"),
}  # fmt: skip


def arrow_type(meaning: Type) -> pa.DataType:
    """The Arrow type of a Type: decimals by precision, timestamps by their fraction digits."""
    if meaning.kind == "decimal":
        wide = meaning.precision > 38
        return (pa.decimal256 if wide else pa.decimal128)(meaning.precision, meaning.scale)
    if meaning.kind in ("timestamp", "instant"):
        zone = "UTC" if meaning.kind == "instant" else None
        return pa.timestamp("us", zone) if meaning.digits <= 6 else pa.timestamp("ns", zone)
    return _PLAIN[meaning.kind]
