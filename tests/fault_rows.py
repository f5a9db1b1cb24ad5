"""The tables that faults are put into: five kinds of key over the same columns of the usual types, in four engines."""

from __future__ import annotations

import random
import unicodedata
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

ENGINES = ("postgresql", "mariadb", "duckdb", "sqlite")
TARGETS = ("postgresql", "mariadb", "mysql", "duckdb", "sqlite")  # MySQL 5.6 lacks types for a source
NAMES = {"postgresql": "PostgreSQL", "mariadb": "MariaDB", "mysql": "MySQL", "duckdb": "DuckDB", "sqlite": "SQLite"}
KEYS: dict[str, tuple[str, ...]] = {
    "by_number": ("id",), "by_text": ("code",), "by_pair": ("part", "slot"), "by_uuid": ("ref",), "loose": (),
}  # fmt: skip
ROWS = 500
TWINS = 10  # rows of `loose` that are there twice, the first ones

Row = dict[str, Any]


@dataclass(frozen=True)
class Column:
    """A column, its native type in each engine, and the kind that says how its values are given to drivers."""

    name: str
    kind: str
    postgresql: str
    mariadb: str
    duckdb: str
    sqlite: str


COLUMNS = (
    Column("id", "integer", "integer", "int", "INTEGER", "INTEGER"),
    Column("code", "text", "varchar(20)", "varchar(20)", "VARCHAR", "VARCHAR(20)"),
    Column("part", "integer", "smallint", "smallint", "SMALLINT", "INTEGER"),
    Column("slot", "integer", "integer", "int", "INTEGER", "INTEGER"),
    Column("ref", "uuid", "uuid", "uuid", "UUID", "UUID"),
    Column("big", "integer", "bigint", "bigint", "BIGINT", "INTEGER"),
    Column("price", "decimal", "numeric(12,2)", "decimal(12,2)", "DECIMAL(12,2)", "DECIMAL(12,2)"),
    Column("fine", "long decimal", "numeric(24,6)", "decimal(24,6)", "DECIMAL(24,6)", "DECIMAL_TEXT(24,6)"),
    Column("ratio", "double", "double precision", "double", "DOUBLE", "REAL"),
    Column("word", "text", "varchar(80)", "varchar(80)", "VARCHAR", "VARCHAR(80)"),
    Column("note", "text", "text", "longtext", "VARCHAR", "TEXT"),
    Column("blank", "text", "char(12)", "char(12)", "VARCHAR", "CHAR(12)"),
    Column("seen", "timestamp", "timestamp", "datetime(6)", "TIMESTAMP", "DATETIME"),
    Column("met", "instant", "timestamptz", "timestamp(6) NULL", "TIMESTAMPTZ", "TIMESTAMPTZ"),
    Column("day", "date", "date", "date", "DATE", "DATE"),
    Column("clock", "time", "time", "time(6)", "TIME", "TIME"),
    Column("octets", "binary", "bytea", "longblob", "BLOB", "BLOB"),
    Column("doc", "text", "json", "json", "JSON", "JSON_TEXT"),
    Column("flag", "boolean", "boolean", "boolean", "BOOLEAN", "BOOLEAN"),
)
BY_NAME = {column.name: column for column in COLUMNS}

TEXTS = (
    "", "", None, None, "NULL", "<null>", "~", "\\N", "ends in a space ", "a|b", "left,right|more", "tab\there#1",
    "2:ab", "wörd", "Ärger", "日本語", "happy 🎉 day", "𝄞", "café", unicodedata.normalize("NFD", "crème brûlée"),
    "Mixed Case", "CRLF\r\nend", "'quoted' \"twice\"", "back\\slash",
)  # fmt: skip
# MariaDB and SQLite have no NaN, and no infinity is loaded into them, into MariaDB no -0 either; PostgreSQL no U+0000.
NOT_IN = {"nan": ("mariadb", "sqlite"), "inf": ("mariadb", "sqlite"), "-0": ("mariadb",), "nul": ("postgresql",)}
DAYS = (date(9999, 12, 31), date(1066, 10, 14), date(1582, 10, 15), date(2024, 2, 29), date(1969, 12, 31))
SUMMER = datetime(2024, 3, 31, 2, 30)  # an hour that central Europe's clocks left out


def family(engine: str) -> str:
    return "mariadb" if engine == "mysql" else engine


def rows(source: str, target: str) -> list[Row]:
    """The rows of each table but `loose`; what values there are depends on what both engines can hold."""
    choose = random.Random(7)
    both = {name for name, lacking in NOT_IN.items() if not {source, family(target)} & set(lacking)}
    return [_row(number, choose, both) for number in range(ROWS)]


def _row(n: int, choose: random.Random, both: set[str]) -> Row:
    moment = _moment(choose)
    return {
        "id": n,
        "code": f"Key {n:03} {choose.choice('aäz')}",
        "part": n % 7,
        "slot": n // 7,
        "ref": uuid.UUID(int=choose.getrandbits(128), version=4),  # MariaDB refuses some without a version
        "big": choose.choice([None, n - 250, (1 << 53) + 1 + 2 * choose.randrange(1 << 60), -(1 << 62) - n]),
        "price": choose.choice([None, *[Decimal(choose.randrange(-(10**12), 10**12)) / 100] * 9]),
        "fine": Decimal(choose.randrange(-(10**23), 10**23)) / 10**6,
        "ratio": _ratio(choose, both),
        "word": _text(n, choose, set()),
        "note": _text(n, choose, both),
        "blank": f"pad {choose.choice('äbc')}{n}",
        "seen": SUMMER + timedelta(minutes=n % 30, microseconds=500_500) if n % 5 == 0 else moment,
        "met": (moment + timedelta(hours=7)).replace(tzinfo=UTC),
        "day": choose.choice([*DAYS, moment.date(), moment.date()]),
        "clock": moment.time(),
        "octets": choose.choice([b"", b"\0\xff", choose.randbytes(40), choose.randbytes(200)]),
        "doc": f'{{"name": "n{n}", "ratio": {choose.randrange(9)}.0, "tags": [1, null, "x"]}}',
        "flag": choose.choice([True, False, None]),
    }


def _text(n: int, choose: random.Random, both: set[str]) -> str | None:
    pool = (*TEXTS, "before\0after", "\0") if "nul" in both else TEXTS
    text = choose.choice(pool)
    return f"{text}{n}" if text and choose.random() < 0.5 else text


def _ratio(choose: random.Random, both: set[str]) -> float | None:
    values = [float(value) for value in ("nan", "inf", "-inf", "-0") if {value, value[1:]} & both]
    plain = [choose.uniform(-1, 1) * 10 ** choose.randrange(-9, 12) for _ in range(6)]
    values += plain
    return choose.choice([None, 0.1 + 0.2, *values])


def _moment(choose: random.Random) -> datetime:
    """Between 1971 and 2037, which MariaDB's TIMESTAMP holds; no last digit is 0, so that each is seen to go."""
    past = choose.randrange(1000) * 1000 + choose.randrange(111, 889)
    seconds = choose.randrange(366 * 86_400, 66 * 365 * 86_400)
    return datetime(1970, 1, 1) + timedelta(seconds=seconds, microseconds=past if past % 10 else past + 1)


def created(table: str, engine: str) -> str:
    columns = [f"{column.name} {getattr(column, engine)}" for column in COLUMNS]
    columns = [text + " NOT NULL" if text.split()[0] in KEYS[table] else text for text in columns]
    key = [f"PRIMARY KEY ({', '.join(KEYS[table])})"] if KEYS[table] else []
    return f"CREATE TABLE {table} ({', '.join([*columns, *key])})"


_ISO: Callable[[Any], str] = lambda value: value.isoformat()  # noqa: E731 - one of a table's
# How a value is handed to a driver that has no type for it; a text in the place of another kind stays what it is.
_GIVEN: dict[str, dict[str, Callable[[Any], Any]]] = {
    "postgresql": {},
    "mariadb": {"uuid": str, "instant": lambda value: value.replace(tzinfo=None)},
    "duckdb": {"instant": _ISO},
    "sqlite": {
        "uuid": str, "decimal": float, "long decimal": lambda value: f"{value:.6f}", "date": _ISO,
        "timestamp": lambda value: value.isoformat(" ", "microseconds"),
        "instant": lambda value: value.isoformat(" ", "microseconds"),
        "time": lambda value: value.isoformat("microseconds"),
    },
}  # fmt: skip


def given(engine: str, kind: str, value: Any) -> Any:
    """A value as a parameter of the engine's driver."""
    if isinstance(value, str):
        return value.replace(" BC", " (BC)") if (engine, kind) == ("duckdb", "date") else value
    change = _GIVEN[family(engine)].get(kind)
    return change(value) if change and value is not None else value
