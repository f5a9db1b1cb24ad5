"""The alphabet of canonical forms: one text for each value, the same in every engine.

A row's canonical text is its fields joined by `|`; NULL is `~`; a field of free text or bytes is
preceded by its length, so no delimiter can shift a value into its neighbour. What each form prints is
fixed in docs/checksum.md; engines render the forms in SQL, verify renders them on Arrow.
"""

from __future__ import annotations

from dataclasses import dataclass

from .types import INTEGERS, Type

FORMS = (
    "integer",  # decimal digits, '-' for negatives
    "decimal",  # exactly `digits` decimals, no exponent
    "number",  # trailing zeros stripped, no exponent, '-0' is '0'
    "float",  # the 16 upper-case hex digits of binary64, -0 folded, one NaN
    "boolean",  # 0 or 1
    "date",  # YYYY-MM-DD
    "timestamp",  # YYYY-MM-DD HH:MM:SS and exactly `digits` decimals
    "instant",  # as timestamp, in UTC
    "time",  # [-]HH:MM:SS and exactly `digits` decimals
    "duration",  # whole microseconds, signed
    "text",  # octets '|' UTF-8
    "padded",  # as text, without trailing spaces
    "binary",  # octets '|' upper-case hex
    "uuid",  # lower-case 36 characters
)


@dataclass(frozen=True)
class Canon:
    """How a column's values are written for the checksum."""

    form: str
    digits: int = 0

    def __post_init__(self) -> None:
        if self.form not in FORMS:
            raise ValueError(f"{self.form!r} is not a canonical form")


def canon_of(meaning: Type) -> Canon:
    """The canonical form of a Type; both sides of a column use the form of the source's type."""
    if meaning.kind in INTEGERS:
        return Canon("integer")
    if meaning.kind in ("float32", "float64"):
        return Canon("float")
    if meaning.kind == "decimal":
        return Canon("decimal", meaning.scale)
    if meaning.kind in ("timestamp", "instant", "time"):
        return Canon(meaning.kind, meaning.digits)
    if meaning.kind == "text" and meaning.padded:
        return Canon("padded")
    return Canon({"bool": "boolean", "json": "text"}.get(meaning.kind, meaning.kind))
