"""Types as T-SQL spells them, and which of two wins."""

from __future__ import annotations

import re
from dataclasses import replace

from ..spoken import Kind, Refused
from ..wire.types import COLLATION, COLLATIONS
from . import special, values

BIT, INT, BIGINT, FLOAT = Kind("bit", 1), Kind("int", 4), Kind("bigint", 8), Kind("float", 8)
NAME = Kind("nvarchar", 256, collation=COLLATION)
LONG_TEXT = Kind("nvarchar", -1, collation=COLLATION)
_SIZES = {**values.WIDTHS, "real": 4, "float": 8, "money": 8, "smallmoney": 4, "date": 3, "datetime": 8,
          "smalldatetime": 4, "uniqueidentifier": 16, "xml": -1, "rowversion": 8, "timestamp": 8, "text": 2**31 - 1,
          "ntext": 2**31 - 2, "image": 2**31 - 1, "sql_variant": 8016, "hierarchyid": 892,
          **dict.fromkeys(special.SHAPES, -1)}  # fmt: skip
_SYNONYMS = {"integer": "int", "dec": "decimal", "character": "char", "national character": "nchar",
    "sysname": "nvarchar",
             "rowversion": "timestamp"}  # fmt: skip
# From the weakest on: what is mixed becomes the stronger one.
_RANKS = ("binary", "varbinary", "image", "timestamp", "char", "varchar", "nchar", "nvarchar", "uniqueidentifier",
          "text", "ntext", "bit", "tinyint", "smallint", "int", "bigint", "smallmoney", "money", "numeric", "decimal",
          "real", "float", "time", "date", "smalldatetime", "datetime", "datetime2", "datetimeoffset",
              "xml", *special.NAMES)  # fmt: skip
_DIGITS = {"bit": 1, "tinyint": 3, "smallint": 5, "int": 10, "bigint": 19}


def of_text(text: str, collation: str = "") -> Kind:
    """Of `decimal(10, 2)`, `nvarchar(max)`, `[datetime2](3)`."""
    found = re.fullmatch(r"\[?([A-Za-z_ ]\w*)\]?\s*(?:\(\s*(\w+)\s*(?:,\s*(\d+)\s*)?\))?", text.strip())
    name = found[1].lower() if found else text
    if found is None or (name not in _SIZES and _SYNONYMS.get(name, name) not in _RANKS):
        raise Refused(2715, f"Column, parameter, or variable #1: Cannot find data type {text.strip()}.")
    first, second = found[2], found[3]
    if name == "sysname":
        first = "128"
    name = _SYNONYMS.get(name, name)
    if name in values.DECIMALS:
        precision, scale = int(first or 18), int(second or 0)
        if not 1 <= precision <= 38 or scale > precision:
            raise Refused(2750, f"Column, parameter, or variable #1: Specified column precision {precision} is greater "
                                "than the maximum precision of 38.", severity=16)  # fmt: skip
        return Kind(name, 17, precision, scale)
    if name in ("time", "datetime2", "datetimeoffset"):
        return Kind(name, 0, 0, 7 if first is None else int(first))
    if name == "float":
        return Kind("real", 4) if first and int(first) <= 24 else FLOAT
    octets = collation_of(collation) if name in values.TEXTS and name != "xml" else b""
    if name in _SIZES:
        return Kind(name, _SIZES[name], collation=octets)
    size = -1 if first and first.lower() == "max" else int(first or 1) * (2 if name in values.WIDE else 1)
    return Kind(name, size, collation=octets)


def collation_of(name: str) -> bytes:
    if not name or name.lower() == "database_default":
        return COLLATION
    for octets, known in COLLATIONS.items():
        if known.lower() == name.lower():
            return octets
    if "_BIN" in name.upper():
        return next(octets for octets, known in COLLATIONS.items() if known == "Latin1_General_100_BIN2")
    return COLLATION


def collation_name(kind: Kind) -> str | None:
    return COLLATIONS.get(kind.collation or COLLATION) if kind.name in values.TEXTS and kind.name != "xml" else None


def is_exact(kind: Kind) -> bool:
    """Whether texts of it are told apart by their code points."""
    return "_BIN" in COLLATIONS.get(kind.collation, "")


def chars(kind: Kind) -> int:
    return kind.size // 2 if kind.name in values.WIDE and kind.size > 0 else kind.size


def stronger(one: Kind | None, other: Kind | None) -> Kind | None:
    """The kind that both become where they are mixed."""
    if one is None or other is None:
        return one if other is None else other
    a, b = sorted((one, other), key=lambda kind: _RANKS.index(kind.name))
    if b.name in values.DECIMALS:
        a = as_decimal(a)
        if a.name in values.DECIMALS:
            scale = max(a.scale, b.scale)
            return Kind(b.name, 17, min(38, max(a.precision - a.scale, b.precision - b.scale) + scale), scale)
        return b
    if (b.name in values.TEXTS and a.name in values.TEXTS) or (b.name in values.BINARIES and a.name in values.BINARIES):
        both = (chars(a), chars(b))
        most = -1 if -1 in both else max(both) * (2 if b.name in values.WIDE else 1)
        return replace(b, size=most) if b.name not in ("text", "ntext", "xml", "image") else b
    if b.name in ("time", "datetime2", "datetimeoffset") and a.name in values.MOMENTS:
        return replace(b, scale=max(a.scale, b.scale))
    return b


def as_decimal(kind: Kind) -> Kind:
    """A whole number's or money's kind as the decimal that holds it; others as they are."""
    if kind.name in _DIGITS:
        return Kind("decimal", 17, _DIGITS[kind.name], 0)
    if kind.name in values.MONEY:
        return Kind("decimal", 17, 19 if kind.name == "money" else 10, 4)
    return kind
