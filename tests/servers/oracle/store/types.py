"""Types as they are declared: from their words to their kind and to what the dictionary says of them."""

from __future__ import annotations

import re

from sqlglot import exp

from ..spoken import (
    BFILE,
    BINARY_DOUBLE,
    BINARY_FLOAT,
    BLOB,
    BOOLEAN,
    CHAR,
    CLOB,
    DATE,
    INTERVAL_DS,
    INTERVAL_YM,
    JSON,
    LONG,
    LONG_RAW,
    NUMBER,
    RAW,
    ROWID,
    TIMESTAMP,
    TIMESTAMP_LTZ,
    TIMESTAMP_TZ,
    UROWID,
    VARCHAR,
    XMLTYPE,
    Kind,
    Refused,
)  # fmt: skip

_WORDS = re.compile(
    r"\s*([A-Z_][A-Z_0-9 ]*?)\s*(?:\(\s*(\*|-?\d+)\s*(?:(CHAR|BYTE)|,\s*(-?\d+))?\s*\))?\s*(WITH .*)?", re.IGNORECASE
)
_SIMPLE = {
    "DATE": Kind(DATE, 7), "LONG": Kind(LONG), "LONG RAW": Kind(LONG_RAW), "CLOB": Kind(CLOB, 4000),
    "NCLOB": Kind(CLOB, 4000, national=True), "BLOB": Kind(BLOB, 4000), "BINARY_FLOAT": Kind(BINARY_FLOAT, 4),
    "BINARY_DOUBLE": Kind(BINARY_DOUBLE, 8), "ROWID": Kind(ROWID, 10), "XMLTYPE": Kind(XMLTYPE, 2000),
    "BFILE": Kind(BFILE, 530),
    "SYS.XMLTYPE": Kind(XMLTYPE, 2000), "JSON": Kind(JSON, 8200), "BOOLEAN": Kind(BOOLEAN, 1),
    "REAL": Kind(NUMBER, 22, precision=63, scale=-127), "DOUBLE PRECISION": Kind(NUMBER, 22, precision=126, scale=-127),
    **dict.fromkeys(("INTEGER", "INT", "SMALLINT"), Kind(NUMBER, 22, precision=38)),
}  # fmt: skip
_NATIONAL = ("NVARCHAR2", "NCHAR", "NCHAR VARYING", "NATIONAL CHARACTER VARYING", "NATIONAL CHARACTER")


def of_text(text: str) -> Kind:
    """The kind that a declaration means. ORA-00902 for one that is unknown."""
    words = " ".join(text.upper().split())
    if words in _SIMPLE:
        return _SIMPLE[words]
    if span := re.fullmatch(r"INTERVAL_(DS|YM)_(\d)_(\d)", words) or _span(words):
        days = span[1] == "DS"
        code, size = (INTERVAL_DS, 11) if days else (INTERVAL_YM, 5)
        return Kind(code, size, precision=int(span[2]), scale=int(span[3]) if days else 0)
    found = _WORDS.fullmatch(words)
    kind = _parametrised(found) if found else None
    if kind is None:
        raise Refused(902, f"invalid datatype: {text}")
    return kind


def _span(words: str) -> re.Match[str] | None:
    from .parse import spelt

    return re.fullmatch(r"INTERVAL_(DS|YM)_(\d)_(\d)", spelt(words)) if words.startswith("INTERVAL ") else None


def _parametrised(found: re.Match[str]) -> Kind | None:
    name, first, unit, second, zone = found.groups()
    number = int(first) if first and first != "*" else 0
    if name == "TIMESTAMP":
        digits = int(first) if first else 6
        code, size = (TIMESTAMP, 11) if not zone else (TIMESTAMP_LTZ, 11) if "LOCAL" in zone else (TIMESTAMP_TZ, 13)
        return Kind(code, size, scale=digits)
    if name in ("NUMBER", "NUMERIC", "DECIMAL", "DEC"):
        return _number(name, first, second)
    if name == "FLOAT":
        return Kind(NUMBER, 22, precision=number or 126, scale=-127)
    if name in _NATIONAL:
        return Kind(VARCHAR if "VAR" in name else CHAR, 2 * (number or 1), number or 1, national=True)
    if name in ("VARCHAR2", "VARCHAR", "CHAR", "CHARACTER", "CHARACTER VARYING", "CHAR VARYING"):
        code = VARCHAR if "VAR" in name else CHAR
        size = number or 1
        return Kind(code, min(4 * size, 32767) if unit == "CHAR" else size, size)
    if name == "RAW":
        return Kind(RAW, number)
    return Kind(UROWID, number or 4000) if name == "UROWID" else None


def _number(name: str, first: str | None, second: str | None) -> Kind:
    if first is None:
        return Kind(NUMBER, 22, scale=-127) if name == "NUMBER" else Kind(NUMBER, 22, precision=38)
    precision = 38 if first == "*" else int(first)
    return Kind(NUMBER, 22, precision=precision, scale=int(second or 0))


def of_tree(tree: exp.Expression) -> Kind:
    """The kind that a CAST names."""
    text = tree.sql(dialect="oracle")
    plain = {"TIMESTAMPTZ": "TIMESTAMP WITH TIME ZONE", "TIMESTAMPLTZ": "TIMESTAMP WITH LOCAL TIME ZONE"}
    for word, instead in plain.items():
        text = re.sub(rf"\b{word}\b(\(\d\))?", lambda found, instead=instead: _zoned(found, instead), text)  # type: ignore[misc]
    return of_text(text.replace("DECIMAL", "NUMBER").replace("NUMBER(*, ", "NUMBER(*,"))


def _zoned(found: re.Match[str], instead: str) -> str:
    return instead.replace("TIMESTAMP", f"TIMESTAMP{found[1] or ''}", 1)


def declared(text: str, kind: Kind) -> str:
    """DATA_TYPE of the dictionary."""
    words = " ".join(text.upper().split())
    if kind.code in (TIMESTAMP, TIMESTAMP_TZ, TIMESTAMP_LTZ):
        zone = {TIMESTAMP_TZ: " WITH TIME ZONE", TIMESTAMP_LTZ: " WITH LOCAL TIME ZONE"}.get(kind.code, "")
        return f"TIMESTAMP({kind.scale}){zone}"
    if kind.code == INTERVAL_DS:
        return f"INTERVAL DAY({kind.precision}) TO SECOND({kind.scale})"
    if kind.code == INTERVAL_YM:
        return f"INTERVAL YEAR({kind.precision}) TO MONTH"
    if kind.code == NUMBER:
        return "FLOAT" if kind.scale == -127 and kind.precision else "NUMBER"
    names = {(VARCHAR, False): "VARCHAR2", (VARCHAR, True): "NVARCHAR2", (CHAR, False): "CHAR", (CHAR, True): "NCHAR",
             (RAW, False): "RAW", (UROWID, False): "UROWID"}  # fmt: skip
    return names.get((kind.code, kind.national), words.removeprefix("SYS."))
