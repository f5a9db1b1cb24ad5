"""Thirty classes of faults, as data: what is done to a table, in what it shows, and who cannot even hold it."""

from __future__ import annotations

import json
import math
import random
import struct
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal
from typing import Any

from fault_rows import DAYS, KEYS, SUMMER, TWINS, Row, family

ANY = "any"  # of causes: several words would be right, or none


@dataclass(frozen=True)
class Cell:
    """A value of one row becomes another one."""

    id: int
    column: str
    value: Any


@dataclass(frozen=True)
class Drop:
    id: int


@dataclass(frozen=True)
class Copy:
    """A row once more: the same, or with other values where `new` says so."""

    id: int
    new: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Rotate:
    """Each row gets the value of the next one."""

    column: str


Edit = Cell | Drop | Copy | Rotate
Make = Callable[[list[Row], random.Random, str], list[Edit]]


@dataclass(frozen=True)
class Fault:
    """What is done to a table, and what is to be said of it.

    `cause` is the word for each changed cell, or one for each column; '' is none. `lacks` says why an engine cannot
    hold the fault as target, `lacks_both` as either side. `equal` says why a pair (source, target) is not told apart.
    """

    number: int
    name: str
    make: Make
    cause: str | Mapping[str, str] = ""
    tables: tuple[str, ...] = tuple(KEYS)
    lacks: Mapping[str, str] = field(default_factory=dict)
    lacks_both: Mapping[str, str] = field(default_factory=dict)
    equal: Callable[[str, str], str] = lambda _source, _target: ""

    def inexpressible(self, source: str, target: str) -> str:
        """Why there can be no such fault in this pair; '' where there can."""
        there = family(target)
        return self.lacks.get(there) or self.lacks_both.get(there) or self.lacks_both.get(source) or ""


def applied(edits: Sequence[Edit], rows: Sequence[Row]) -> list[Row]:
    """The rows as the edits leave them."""
    held = [dict(row) for row in rows]
    for edit in edits:
        if isinstance(edit, Cell):
            held = [{**row, edit.column: edit.value} if row["id"] == edit.id else row for row in held]
        elif isinstance(edit, Drop):
            held = [row for row in held if row["id"] != edit.id]
        elif isinstance(edit, Copy):
            held.append({**next(row for row in rows if row["id"] == edit.id), **edit.new})
        else:
            values = {row["id"]: row[edit.column] for row in rows}
            held = [{**row, edit.column: values[(row["id"] + 1) % len(values)]} for row in held]
    return held


Fits = Callable[[Any], bool]
New = Callable[[Any, random.Random], Any]


def cell(columns: str, fits: Fits, new: New) -> Make:
    """One value of one of the columns that has a row whose value fits."""

    def make(rows: list[Row], choose: random.Random, table: str) -> list[Edit]:
        names = [name for name in columns.split() if name not in KEYS[table] or name != "id"]
        found = [(name, [row for row in rows[TWINS:] if fits(row[name])]) for name in names]
        name, some = choose.choice([(name, some) for name, some in found if some])
        row = choose.choice(some)
        return [Cell(row["id"], name, new(row[name], choose))]

    return make


def flipped_bit(octets: bytes, choose: random.Random, bits: Sequence[int]) -> bytes:
    place = choose.randrange(len(octets))
    return octets[:place] + bytes([octets[place] ^ 1 << choose.choice(bits)]) + octets[place + 1 :]


def flipped_letter(text: str, choose: random.Random) -> str:
    """A letter's bit, but not that of its case, nor one that makes it a control character."""
    at = choose.choice([place for place, one in enumerate(text) if "a" <= one <= "o"])
    return text[:at] + chr(ord(text[at]) ^ 1 << choose.randrange(4)) + text[at + 1 :]


def flipped_double(value: float, choose: random.Random) -> float:
    (bits,) = struct.unpack(">Q", struct.pack(">d", value))
    changed: float = struct.unpack(">d", struct.pack(">Q", bits ^ 1 << choose.choice([*range(52), 63])))[0]
    return changed


def swapped_rows(rows: list[Row], choose: random.Random, table: str) -> list[Edit]:
    """Two values as long as each other: what a checksum of lengths or a linear one passes over."""
    name = choose.choice(("word", "big", "seen", "octets", "blank"))
    while True:
        one, other = choose.sample(rows[TWINS:], 2)
        a, b = one[name], other[name]
        if a != b and a is not None and b is not None and len(str(a)) == len(str(b)):
            return [Cell(one["id"], name, b), Cell(other["id"], name, a)]


def rotated(rows: list[Row], choose: random.Random, table: str) -> list[Edit]:
    names = ("big", "price", "ratio", "word", "seen", "octets", "doc")
    return [Rotate(choose.choice([name for name in names if name not in KEYS[table]]))]


def swapped_columns(rows: list[Row], choose: random.Random, table: str) -> list[Edit]:
    row = choose.choice([row for row in rows[TWINS:] if row["word"] != row["note"]])
    return [Cell(row["id"], "word", row["note"]), Cell(row["id"], "note", row["word"])]


def dropped(rows: list[Row], choose: random.Random, table: str) -> list[Edit]:
    return [Drop(choose.choice(rows[TWINS:])["id"])]


def duplicated(rows: list[Row], choose: random.Random, table: str) -> list[Edit]:
    return [Copy(choose.choice(rows[TWINS:])["id"])]


def dropped_and_duplicated(rows: list[Row], choose: random.Random, table: str) -> list[Edit]:
    """The number of rows stays; where there is a key, the second row of the same values has one of its own."""
    one, other = choose.sample(rows[TWINS:], 2)
    key = {"id": 7_000, "code": "another key", "slot": 900, "ref": "0" * 8 + "-0000-4000-8000-" + "0" * 12}
    new = {name: key[name] for name in KEYS[table] if name in key}
    return [Drop(one["id"]), Copy(other["id"], new)]


def other_multiset(rows: list[Row], choose: random.Random, table: str) -> list[Edit]:
    """{A, A, B} becomes {B, B, B}, which an exclusive or does not see."""
    one, other = choose.randrange(TWINS), choose.choice(rows[TWINS:])["id"]
    return [Drop(one), Copy(other), Copy(other)]


def moved_delimiter(rows: list[Row], choose: random.Random, table: str) -> list[Edit]:
    """The same characters in a row, of which some are in the next column now."""
    fit = [row for row in rows[TWINS:] if row["note"] and row["word"] and _delimiters(row["word"])]
    row = choose.choice(fit)
    delimiter = choose.choice(_delimiters(row["word"]))
    head, tail = row["word"].split(delimiter, 1)
    return [Cell(row["id"], "word", head), Cell(row["id"], "note", f"{tail}{delimiter}{row['note']}")]


def _delimiters(text: str) -> list[str]:
    return [one for one in "|,#\t:" if text.find(one) > 0]


def is_text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def has(part: str) -> Fits:
    return lambda value: isinstance(value, str) and part in value


def always(value: Any) -> New:
    return lambda _value, _choose: value


def form(name: str) -> New:
    return lambda value, _: unicodedata.normalize(name, value)  # type: ignore[arg-type]  # NFC or NFD


def not_in(name: str) -> Fits:
    return lambda value: is_text(value) and form(name)(value, random.Random()) != value


def is_float(value: Any) -> bool:
    return isinstance(value, float) and math.isfinite(value)


def ordinary(value: Any) -> bool:
    """A moment or a day that every engine can take an hour or a microsecond from."""
    return value is not None and value not in DAYS and 1971 <= value.year <= 2036


def odd_big(value: Any) -> bool:
    return isinstance(value, int) and abs(value) > 1 << 53 and value % 2 == 1


def cut(value: Decimal, places: str, rounding: str) -> Decimal:
    return value.quantize(Decimal(places), rounding)


def reordered(text: str) -> str:
    return json.dumps(dict(reversed(json.loads(text).items())), ensure_ascii=False)


def _padded_by_type(source: str, target: str) -> str:
    """A CHAR's blanks mean nothing: docs/checksum.md. DuckDB has no CHAR, so what comes from there is a text."""
    return "" if source == "duckdb" else "blanks at a CHAR's end mean nothing, and the report names the column"


LAST = Decimal("0.000001")
DATES: tuple[tuple[str, str, Mapping[str, str]], ...] = (
    ("the zero date", "0000-00-00", dict.fromkeys(("postgresql", "duckdb"), "it has no such date")),
    ("infinity", "infinity", {"mariadb": "it has no infinite date"}),
    ("before Christ", "0044-03-15 BC", {"mariadb": "its years are 0 to 9999"}),
)  # SQLite keeps any text as a date
NO_SECOND = dict.fromkeys(("postgresql", "duckdb"), "its booleans are two")
NO_NAN = dict.fromkeys(("mariadb", "sqlite"), "it has no NaN")
NO_INFINITY = {"mariadb": "it has no infinite double", "sqlite": "no infinite double is loaded into it"}
NO_MINUS_ZERO = {"mariadb": "no -0 can be loaded into it"}
NO_NUL = {"postgresql": "its texts hold no U+0000"}
PADDED = dict.fromkeys(("postgresql", "mariadb"), "its CHAR has the same blanks anyway")

FAULTS = (
    Fault(1, "a bit of a text", cell("word note blank code", has("e"), flipped_letter)),
    Fault(2, "a bit of a double", cell("ratio", is_float, flipped_double), ANY),
    Fault(3, "a bit of bytes", cell("octets", bool, lambda v, c: flipped_bit(v, c, range(8))), ANY),
    Fault(4, "two values of a column exchanged", swapped_rows, ANY),
    Fault(5, "a column rotated by a row", rotated, ANY),
    Fault(6, "two columns of a row exchanged", swapped_columns,
          {"word": "swapped with note", "note": "swapped with word"}),
    Fault(7, "a row lost", dropped),
    Fault(8, "a row twice", duplicated, tables=("loose",)),
    Fault(9, "one row lost, another twice", dropped_and_duplicated),
    Fault(10, "A, A, B is B, B, B", other_multiset, tables=("loose",)),
    Fault(11, "'' for NULL", cell("word note", lambda v: v is None, lambda v, c: ""), "empty for NULL"),
    Fault(12, "NULL for ''", cell("word note", lambda v: v == "", lambda v, c: None), "NULL for empty"),
    Fault(13, "'NULL', '<null>', '~', '\\N' for NULL",
          cell("word note", lambda v: v is None, lambda v, c: c.choice(("NULL", "<null>", "~", "\\N"))),
          "a value for NULL"),
    Fault(13, "NULL for 'NULL', '<null>', '~', '\\N'",
          cell("word note", lambda v: v in ("NULL", "<null>", "~", "\\N"), lambda v, c: None), "NULL for a value"),
    Fault(14, "a space at the end less", cell("word note", lambda v: is_text(v) and v[-1] == " ",
                                              lambda v, c: v.rstrip(" ")), "trailing space"),
    Fault(14, "a space at the end more", cell("word note", is_text, lambda v, c: v + " "), "trailing space"),
    Fault(15, "a CHAR's padding kept in a text", cell("word note", is_text, lambda v, c: v.ljust(len(v) + 5)),
          "trailing space"),
    Fault(15, "a CHAR's padding kept", cell("blank", is_text, lambda v, c: v.ljust(12)), "trailing space",
          lacks=PADDED, equal=_padded_by_type),
    Fault(16, "another case", cell("word note code", lambda v: is_text(v) and v.swapcase().swapcase() == v
                                   and v.lower() != v.upper(), lambda v, c: v.swapcase()), "case"),
    Fault(17, "NFD for NFC", cell("word note blank code", not_in("NFD"), form("NFD")), "Unicode normal form"),
    Fault(17, "NFC for NFD", cell("word note", not_in("NFC"), form("NFC")), "Unicode normal form"),
    Fault(18, "UTF-8 read as Latin-1", cell("word note", has("ö"), lambda v, c: v.encode().decode("latin-1")),
          "mojibake"),
    Fault(19, "'?' for an emoji", cell("word note", has("🎉"), lambda v, c: v.replace("🎉", "?")),
          "characters replaced"),
    Fault(20, "cut at U+0000", cell("note", has("before\0"), lambda v, c: v.split("\0")[0]), "cut at U+0000",
          lacks_both=NO_NUL),
    Fault(21, "a delimiter moved between columns", moved_delimiter, {"word": "cut", "note": ""}),
    Fault(22, "a microsecond more", cell("seen met", ordinary, lambda v, c: v + timedelta(microseconds=1))),
    Fault(22, "a microsecond less", cell("seen met", ordinary, lambda v, c: v - timedelta(microseconds=1))),
    Fault(23, "milliseconds for microseconds",
          cell("seen met clock", lambda v: isinstance(v, time) or ordinary(v),
               lambda v, c: v.replace(microsecond=v.microsecond // 1000 * 1000)),
          "precision cut"),
    Fault(24, "an hour off", cell("seen met", ordinary, lambda v, c: v + timedelta(hours=c.choice((1, -1)))),
          "time-zone shift"),
    Fault(24, "an hour of summer time",
          cell("seen", lambda v: v.date() == SUMMER.date() and v.hour == 2, lambda v, c: v + timedelta(hours=1)),
          "time-zone shift"),
    *(Fault(25, f"{name} for a date", cell("day", lambda v: v is not None, always(text)), ANY, lacks=lacks)
      for name, text, lacks in DATES),
    Fault(25, "another date for 9999-12-31",
          cell("day", lambda v: v == date(9999, 12, 31), lambda v, c: date(2099, 12, 31))),
    Fault(26, "a last digit cut", cell("fine", lambda v: v is not None and v % LAST.scaleb(1) and v > 0,
                                       lambda v, c: cut(v, "0.00001", ROUND_DOWN)), "precision cut"),
    Fault(26, "a last digit rounded up",
          cell("fine", lambda v: v is not None and abs(v) % LAST.scaleb(1) > 5 * LAST,
               lambda v, c: cut(v, "0.00001", ROUND_HALF_EVEN)), ANY),
    Fault(26, "a cent on twelve digits", cell("price", lambda v: v is not None and abs(v) > 10**8,
                                              lambda v, c: v + Decimal("0.01")), ANY),
    Fault(27, "an integer that went through a double", cell("big", odd_big, lambda v, c: int(float(v))),
          "precision cut"),
    Fault(27, "one more or less above 2^53", cell("big", odd_big, lambda v, c: v + c.choice((1, -1))), ANY),
    Fault(28, "0 for -0", cell("ratio", lambda v: v == 0 and math.copysign(1, v) < 0, lambda v, c: 0.0),
          lacks_both=NO_MINUS_ZERO, equal=lambda _s, _t: "-0 is 0: the checksum's definition"),
    Fault(28, "NULL for NaN", cell("ratio", lambda v: v is not None and math.isnan(v), lambda v, c: None),
          "NULL for a value", lacks_both=NO_NAN),
    Fault(28, "the largest double for infinity",
          cell("ratio", lambda v: v is not None and math.isinf(v),
               lambda v, c: math.copysign(1.7976931348623157e308, v)), ANY, lacks_both=NO_INFINITY),
    Fault(29, "2 for true", cell("flag", lambda v: v is True, lambda v, c: 2), ANY, lacks=NO_SECOND),
    Fault(29, "false for true", cell("flag", lambda v: v is True, lambda v, c: False)),
    Fault(30, "1 for 1.0 in JSON", cell("doc", is_text, lambda v, c: v.replace(".0,", ","))),
    Fault(30, "JSON's keys in another order", cell("doc", is_text, lambda v, c: reordered(v))),
    Fault(30, "a key twice in JSON", cell("doc", is_text, lambda v, c: v[:-1] + ', "name": "n"}')),
)  # fmt: skip
