"""Random tables for any engine: names that need quotes, and of each type mostly the values that break things."""

from __future__ import annotations

import datetime as dt
import json
import math
import os
import string
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pyarrow as pa
from hypothesis import HealthCheck
from hypothesis import strategies as st

from ropeway.transfer.engines.alphabet import field_of, word_of
from ropeway.transfer.engines.nested import as_json, is_nested

NAMES = (
    "select", "order", "FROM", "table", "rowid", "oid", "c0", "Größe", "数", "🚡", "a b", 'say "hi"', "it's",
    "back`tick",
    "per%cent", "a.b", "semi;colon", "1st", "x" * 63, "{brace}", "$1", "?", ":name", "back\\slash", "tab\there", "--",
    "NULL", "group", "user", "ä" * 25, "[index]", "a,b", "#", "@v",
)  # fmt: skip
TEXTS = (
    "", " ", "NULL", "null", "\\N", "\\.", "'", '"', '""', "a,b", "a;b", "line\nbreak", "cr\r", "\r\n", "tab\t",
    "back\\slash",
    "trailing  ", "  leading", "0012", "1e5", "NaN", "true", "{}", "[1]", "%s", "~", "3:a|", "ä", "a\u0308", "漢字",
    "🚡",
    "\ufeff",
    "\u2028", "\u200b", "x" * 5000, "-", "--", "1.0",
)  # fmt: skip
JSONS = (
    "{}",
    "[]",
    "null",
    "1.10",
    '"\\u00e4"',
    '{"b": 1, "a": [null, "x"], "b2": 1e2}',
    " [1 ,2] ",
    "12345678901234567890",
)
_DECIMALS = ((1, 0), (3, 3), (15, 2), (16, 15), (18, 0), (38, 0), (38, 37))
_NANOSECONDS = (-9_223_286_400_000_000_000, 2**63 - 2)  # whole days at the lower end, where DuckDB's begin
# What a place may lack: U+0000, NaN, nanoseconds, 60 digits; 37 decimals, durations of months, names beyond U+FFFF.
NUL, NAN, NANOSECONDS, WIDE = "nul", "nan", "nanoseconds", "wide"
DEEP, LONG, ASTRAL = "deep", "long", "astral"
MINUS, ANY_UUID = "minus", "any uuid"  # a zero below zero; UUIDs that no RFC has, which MariaDB 10.11 does not take
# Texts and binaries of no length; quotation marks in a name, and small letters that are not those of their capitals;
# durations.
EMPTY, QUOTES, SPAN = "empty", "quotes", "span"
# What a place refuses by name, at planning or at the value.
_FAMILY = {NAN, NANOSECONDS, DEEP, LONG, ASTRAL, MINUS, ANY_UUID}
LACKS = {"sqlite": {NAN}, "duckdb": {WIDE}, "postgresql": {NUL, NANOSECONDS}, "mariadb": _FAMILY, "mysql": _FAMILY,
         "oracle": {NANOSECONDS, WIDE, MINUS, EMPTY, QUOTES}, "sqlserver": {NAN, NANOSECONDS, WIDE, SPAN}}  # fmt: skip
QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
EXAMPLES = int(os.environ.get("ROPEWAY_EXAMPLES", "100"))  # of a pair, in the long run; fewer where time is short
_LONGEST = 838 * 3600 + 59 * 60 + 59  # seconds of MySQL's time


def lacking(pair: tuple[str, str]) -> frozenset[str]:
    """What one of two engines lacks, or both."""
    return frozenset().union(*(LACKS.get(engine, set()) for engine in pair))


def integers(bits: int, *, signed: bool) -> st.SearchStrategy[int]:
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    return st.sampled_from([low, low + 1, 0, 1, high - 1, high]) | st.integers(low, high)


def decimals(precision: int, scale: int) -> st.SearchStrategy[Decimal]:
    most = 10**precision - 1
    whole = st.sampled_from([most, -most, 0, 1, -1]) | st.integers(-most, most)
    # Not scaleb(), which rounds to the 28 digits of the context.
    return whole.map(lambda n: Decimal(((n < 0) * 1, tuple(map(int, str(abs(n)))), -scale)))


def floats(bits: int, *, odd: bool) -> st.SearchStrategy[float]:
    return st.floats(width=bits, allow_nan=odd, allow_infinity=odd)  # type: ignore[arg-type]  # 32 and 64 are its words


def texts(lacks: frozenset[str]) -> st.SearchStrategy[str]:
    odd = () if NUL in lacks else ("nul\x00inside",)
    any_text = st.text(
        st.characters(exclude_categories=["Cs"], exclude_characters="\x00" if NUL in lacks else ""), max_size=20
    )
    return st.sampled_from([*TEXTS, *odd]) | any_text


def values(lacks: frozenset[str]) -> dict[str, st.SearchStrategy[Any]]:
    """Ropeway's words for types, and the values of each."""
    odd = NAN not in lacks
    moments = st.datetimes(dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31, 23, 59, 59, 999_999))
    made: dict[str, st.SearchStrategy[Any]] = {
        "bool": st.booleans(),
        **{f"int{bits}": integers(bits, signed=True) for bits in (8, 16, 32, 64)},
        **{f"uint{bits}": integers(bits, signed=False) for bits in (8, 16, 32, 64)},
        "float32": floats(32, odd=odd), "float64": floats(64, odd=odd),
        **{f"decimal({p},{s})": decimals(p, s) for p, s in _DECIMALS},
        "text": texts(lacks), "text(30)": texts(lacks).filter(lambda text: len(text) <= 30),
        "binary": st.sampled_from([b"", b"\x00", b"\xff\xfe", b"\\x00", b"'"]) | st.binary(max_size=40),
        "uuid": st.uuids().map(str) | st.just(str(uuid.UUID(int=0))),
        "json": st.sampled_from(JSONS) | st.recursive(
            st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(string.printable, max_size=8),
            lambda one: st.lists(one, max_size=3) | st.dictionaries(st.text("ab\"' ", max_size=3), one, max_size=3),
            max_leaves=6,
        ).map(json.dumps),
        "date": st.dates() | st.sampled_from([dt.date.min, dt.date.max, dt.date(1969, 12, 31)]),
        "time": st.times() | st.sampled_from([dt.time.min, dt.time.max]),
        "timestamp": moments,
        "instant": moments.map(lambda moment: moment.replace(tzinfo=dt.UTC)),
        "duration": st.integers(-(2**60), 2**60).map(lambda count: dt.timedelta(microseconds=count // 1000)),
    }  # fmt: skip
    if EMPTY in lacks:
        made |= {name: made[name].filter(bool) for name in ("text", "text(30)", "binary")}
    if SPAN in lacks:
        del made["duration"]
    if MINUS in lacks:
        made |= {name: made[name].map(lambda number: number + 0.0) for name in ("float32", "float64")}
    if ANY_UUID in lacks:
        made["uuid"] = st.uuids(version=4).map(str) | st.just(str(uuid.UUID(int=0)))
    if DEEP in lacks:
        del made["decimal(38,37)"]
    if LONG in lacks and SPAN not in lacks:
        seconds = st.integers(-_LONGEST, _LONGEST) | st.sampled_from([-_LONGEST, _LONGEST])
        made["duration"] = seconds.map(lambda count: dt.timedelta(seconds=count))
    if NANOSECONDS not in lacks:
        made["timestamp(9)"] = st.integers(*_NANOSECONDS)
        made["instant(9)"] = st.integers(*_NANOSECONDS)
    if WIDE not in lacks:
        made["decimal(60,20)"] = decimals(60, 20)
    return made


def finer(lacks: frozenset[str]) -> dict[str, tuple[pa.DataType | str, st.SearchStrategy[Any]]]:
    """More columns: with lengths and fewer digits, and as Arrow types that are carried as others."""
    kinds = values(lacks)
    short = kinds["text"].filter(lambda text: len(text) <= 10 and not text.endswith(" "))
    rounded: dict[int, Callable[[Any], Any]] = {
        0: lambda moment: moment.replace(microsecond=0),
        3: lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000),
    }
    words = {
        f"{kind}({digits})": kinds[kind].map(cut)
        for kind in ("time", "timestamp", "instant")
        for digits, cut in rounded.items()
    }
    words |= {"padded text(10)": short, "binary(20)": st.binary(min_size=EMPTY in lacks, max_size=20)}
    pair = st.fixed_dictionaries({"a": st.none() | kinds["int64"], "b b": st.none() | kinds["text"]})
    carried: dict[str, tuple[pa.DataType | str, st.SearchStrategy[Any]]] = {
        "coded": (pa.dictionary(pa.int32(), pa.string()), kinds["text"]),
        "large": (pa.large_string(), kinds["text"]),
        "zoned": (pa.timestamp("us", "America/St_Johns"), kinds["instant"]),
        "list": (pa.list_(pa.string()), st.lists(st.none() | kinds["text"], max_size=3)),
        "lists": (pa.list_(pa.list_(pa.float64())), st.lists(st.lists(floats(64, odd=False), max_size=2), max_size=2)),
        "struct": (pa.struct([("a", pa.int64()), ("b b", pa.string())]), pair),
    }
    return {word: (word, made) for word, made in words.items()} | carried


def _keepable(name: str) -> bool:
    """Files take no slash and no dot in front, and rename such a column; `k` is the key's name."""
    return name.strip() == name and name.lower() != "k" and "/" not in name and not name.startswith(".")


@st.composite
def tables(draw: Callable[..., Any], lacks: frozenset[str] = frozenset(), rows: int = 12) -> pa.Table:
    """A table with a column `k`, in which its rows are numbered, and up to eight columns of any type."""
    kinds = {word: (word, made) for word, made in values(lacks).items()} | finer(lacks)
    words = draw(st.lists(st.sampled_from(sorted(kinds)), min_size=1, max_size=8))
    letters = st.characters(exclude_categories=["Cs", "Cc"])
    name = st.sampled_from(NAMES) | st.text(letters, min_size=1, max_size=20).filter(
        lambda text: len(text.encode()) < 60
    )
    kept = name.filter(_keepable)
    if ASTRAL in lacks:
        kept = kept.filter(lambda text: max(text) <= "\uffff")
    if QUOTES in lacks:
        kept = kept.filter(lambda text: '"' not in text and text.upper().lower() == text.lower())
    names = draw(st.lists(kept, unique_by=str.lower, min_size=len(words), max_size=len(words)))
    count = draw(st.integers(0, rows))
    columns: list[pa.Array[Any]] = [pa.array(range(count), pa.int64())]
    fields: list[pa.Field[Any]] = [pa.field("k", pa.int64(), nullable=False)]
    for one, word in zip(names, words, strict=True):
        kind, made = kinds[word]
        field = field_of(one, kind) if isinstance(kind, str) else pa.field(one, kind)
        column = draw(st.lists(st.none() | made, min_size=count, max_size=count))
        columns.append(pa.array(column, field.type))
        fields.append(field)
    return pa.table(columns, schema=pa.schema(fields))


def padded(table: pa.Table) -> frozenset[str]:
    """The columns in which blanks at the end say nothing."""
    return frozenset(field.name for field in table.schema if word_of(field).startswith("padded"))


def rows_of(table: pa.Table, blanks: frozenset[str]) -> list[tuple[object, ...]]:
    """The rows by their key, each value so that what is equal compares equal whatever type carries it.

    `blanks` are the columns of which those at the end of a text are left out.
    """
    table = table.sort_by("k")
    columns = [
        [value.rstrip(" ") if name in blanks and value else _plain(value) for value in _listed(table[name])]
        for name in table.column_names
    ]
    return list(zip(*columns, strict=True))


def _listed(column: pa.ChunkedArray[Any]) -> list[Any]:
    kind = column.type
    if is_nested(kind):
        return [text for chunk in column.chunks for text in as_json(chunk, "").to_pylist()]
    if pa.types.is_timestamp(kind):  # as numbers: Python counts no nanoseconds
        unit = 1 if kind.unit == "ns" else 1000
        return [
            None if n is None else n * unit for n in column.cast(pa.timestamp(kind.unit)).cast(pa.int64()).to_pylist()
        ]
    # MySQL's time is a duration or, where all values are below 24 hours, a time of a day: both count microseconds.
    counts = pa.types.is_duration(kind) or pa.types.is_time64(kind)
    return column.cast(pa.int64()).to_pylist() if counts else column.to_pylist()


def _plain(value: Any) -> object:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, float):
        return "NaN" if math.isnan(value) else value
    return value
