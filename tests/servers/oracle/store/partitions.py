"""Partitioned tables: their clauses, which rows each partition has, and the partitions that rows make themselves.

The rows lie in one table of SQLite; a partition is a condition over them. Octets sort as Oracle's values do, so one of
FF stands for NULL, which Oracle sorts last, and two for MAXVALUE.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING

from ..spoken import CHAR, DATE, NUMBER, TIMESTAMP, TIMESTAMP_LTZ, VARCHAR, Refused
from . import values
from .catalogue import Table, quoted
from .convert import converted
from .values import Stored
from .words import Words

if TYPE_CHECKING:
    from .session import Session

_NULL, _MOST = b"\xff", b"\xff\xff"
_SPAN = re.compile(r"NUMTO(YM|DS)INTERVAL\s*\(\s*(\d+)\s*,\s*'(\w+)'\s*\)|INTERVAL\s*'(\d+)'\s*(\w+)", re.IGNORECASE)
_KEYS = (VARCHAR, CHAR, NUMBER, DATE, TIMESTAMP, TIMESTAMP_LTZ)  # and RAW, which nothing here is partitioned by


@dataclass
class Level:
    """How a table, or each of its partitions, is partitioned; `spelt` are the hash partitions of a template."""

    kind: str
    columns: tuple[str, ...] = ()
    interval: str = ""
    automatic: bool = False
    count: int = 0
    template: str = ""


@dataclass
class Piece:
    """A partition or subpartition: its bound as the dictionary prints it, and as octets; `made` by rows."""

    name: str
    high: str = ""
    bound: tuple[Stored, ...] = ()
    listed: tuple[Stored, ...] = ()
    others: bool = False
    lower: tuple[Stored, ...] = ()
    made: bool = False
    inner: list[Piece] = field(default_factory=list)


@dataclass
class Division:
    level: Level
    inner: Level | None = None
    pieces: list[Piece] = field(default_factory=list)
    moves: bool = False  # ROW MOVEMENT: a row may be changed into another partition


def read(session: Session, table: Table, words: Words) -> Division:
    """PARTITION BY and what follows, behind those words."""
    division = Division(_level(words))
    _check(table, division.level)
    if words.take("SUBPARTITION", "BY"):
        division.inner = _level(words)
        _check(table, division.inner)
        if words.take("SUBPARTITION", "TEMPLATE"):
            division.inner.template = words.inside()
        elif words.take("SUBPARTITIONS"):
            division.inner.count = words.integer()
    if division.level.kind in ("REFERENCE", "SYSTEM"):
        words.inside() if words.peek() == "(" else None
        division.pieces = [Piece(session.partition_name())]
        return division
    if words.take("PARTITIONS"):
        division.pieces = [Piece(session.partition_name()) for _ in range(words.integer())]
    else:
        inside = Words(words.inside())
        while not inside.done:
            inside.expect("PARTITION")
            division.pieces.append(_piece(session, table, division.level, inside, division))
            inside.take(",")
    _check_order(division.level, division.pieces)
    return division


def _level(words: Words) -> Level:
    level = Level(words.next())
    if level.kind not in ("RANGE", "LIST", "HASH", "REFERENCE", "SYSTEM"):
        raise Refused(14151, "invalid table partitioning method")
    level.columns = words.names() if level.kind != "SYSTEM" else ()
    if words.take("INTERVAL"):
        level.interval = words.inside()
    level.automatic = words.take("AUTOMATIC")
    return level


def _check(table: Table, level: Level) -> None:
    for name in level.columns if level.kind != "REFERENCE" else ():
        if table.column(name).kind.code not in _KEYS:
            raise Refused(14135, "a LOB column cannot serve as a partitioning column")
    if level.interval and len(level.columns) > 1:
        raise Refused(14750, "Range partitioned table with INTERVAL clause has more than one column")


def _piece(session: Session, table: Table, level: Level, words: Words, division: Division | None) -> Piece:
    """A partition, or where there is no `division` a subpartition, behind that word."""
    named = words.peek() not in ("VALUES", ",", "(", "TABLESPACE", "")
    piece = Piece(words.name() if named else session.partition_name())
    shapes = [table.column(name) for name in level.columns]
    if level.kind == "RANGE":
        words.expect("VALUES", "LESS", "THAN")
        texts = _items(words.inside())
        if len(texts) != len(shapes):
            raise Refused(14019, "partition bound element must be one of: string, datetime or interval literal, ...")
        piece.bound = tuple(
            _MOST if text.upper() == "MAXVALUE" else _value(session, text, table, name)
            for text, name in zip(texts, level.columns, strict=True)
        )
        piece.high = ", ".join(printed(one) for one in piece.bound)
    elif level.kind == "LIST":
        words.expect("VALUES")
        text = words.inside()
        piece.others = text.strip().upper() == "DEFAULT"
        if not piece.others and len(shapes) == 1:
            piece.listed = tuple(_value(session, one, table, level.columns[0]) for one in _items(text))
        piece.high = "DEFAULT" if piece.others else ", ".join(map(printed, piece.listed)) if piece.listed else text
    if division and division.inner:
        piece.inner = _inner(session, table, piece, division.inner, words)
    words.until()
    return piece


def _inner(session: Session, table: Table, piece: Piece, level: Level, words: Words) -> list[Piece]:
    if words.peek() == "(":
        found, templated = Words(words.inside()), False
    elif words.take("SUBPARTITIONS"):
        return [Piece(session.partition_name(sub=True)) for _ in range(words.integer())]
    elif level.template:
        found, templated = Words(level.template), True
    else:
        return [Piece(session.partition_name(sub=True)) for _ in range(level.count or 1)]
    made = []
    while not found.done:
        found.expect("SUBPARTITION")
        made.append(_piece(session, table, level, found, None))
        if templated:
            made[-1].name = f"{piece.name}_{made[-1].name}"
        found.take(",")
    _check_order(level, made)
    return made


def _items(text: str) -> list[str]:
    words, found = Words(text), []
    while not words.done:
        found.append(words.until())
        words.take(",")
    return found


def _value(session: Session, text: str, table: Table, column: str) -> Stored:
    if text.upper() == "NULL":
        return None
    ((value,),) = session.answers(f"SELECT {text} FROM dual")
    return converted(value, table.column(column).kind, session.nls)


def _check_order(level: Level, pieces: Sequence[Piece]) -> None:
    names = [one.name for one in pieces]
    if len(set(names)) < len(names):
        raise Refused(14013, "duplicate partition name")
    if level.kind == "RANGE" and any(_sorted(a) >= _sorted(b) for a, b in pairwise(pieces)):
        raise Refused(14037, "partition bound of partition is too high")
    listed = [one for piece in pieces for one in piece.listed]
    if level.kind == "LIST" and len(set(listed)) < len(listed):
        raise Refused(14312, "Value already exists in partition")


def _sorted(piece: Piece) -> list[tuple[bool, Stored]]:
    """As SQLite sorts: texts before octets, of which MAXVALUE is some."""
    return [(isinstance(one, bytes), one) for one in piece.bound]


def printed(value: Stored) -> str:
    """A bound as HIGH_VALUE has it."""
    if value is None or value == _MOST:
        return "NULL" if value is None else "MAXVALUE"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if value[:1] == b"N":
        return f"{values.decimal(value[1:]):f}"
    moment, nanoseconds = values.moment(value)
    text = f"{moment.year:04}-{moment:%m-%d %H:%M:%S}"
    if value[:1] == b"D":
        return f"TO_DATE(' {text}', 'SYYYY-MM-DD HH24:MI:SS', 'NLS_CALENDAR=GREGORIAN')"
    return f"TIMESTAMP' {text}{f'.{nanoseconds:09}' if nanoseconds else ''}'"


# Rows


def condition(division: Division, name: str, *, sub: bool) -> str:
    """The rows of a partition, by its name. ORA-02149 where there is none."""
    for piece, where in _conditions(division.level, division.pieces):
        if not sub and piece.name == name:
            return where
        inner = _conditions(division.inner, piece.inner) if division.inner else []
        for one, within in inner:
            if sub and one.name == name:
                return f"{where} AND {within}"
    raise Refused(14251 if sub else 2149, f"Specified {'sub' if sub else ''}partition does not exist")


def _conditions(level: Level, pieces: Sequence[Piece]) -> list[tuple[Piece, str]]:
    return [(piece, f"({_condition(level, pieces, number)})") for number, piece in enumerate(pieces)]


def _condition(level: Level, pieces: Sequence[Piece], number: int) -> str:
    piece = pieces[number]
    if level.kind == "RANGE":
        keys = ", ".join(f"coalesce({quoted(name)}, {_sql(_NULL)})" for name in level.columns)
        lower = piece.lower or (pieces[number - 1].bound if number else ())
        low = f" AND ({keys}) >= ({', '.join(map(_sql, lower))})" if lower else ""
        return f"({keys}) < ({', '.join(map(_sql, piece.bound))}){low}"
    if level.kind == "LIST":
        if not piece.others:
            return _listed(level, piece.listed)
        known = [one for other in pieces for one in other.listed]
        return f"NOT {_listed(level, known)}" if known else "1"
    columns = ", ".join(map(quoted, level.columns))
    return f"ora_bucket({len(pieces)}, {columns}) = {number}" if level.kind == "HASH" else "1"


def _listed(level: Level, listed: Sequence[Stored]) -> str:
    column = quoted(level.columns[0])
    some = ", ".join(_sql(one) for one in listed if one is not None)
    null = f"{column} IS NULL" if None in listed else "0"
    return f"({column} IS NOT NULL AND {column} IN ({some}) OR {null})"


def _sql(value: Stored) -> str:
    if isinstance(value, bytes):
        return f"X'{value.hex()}'"
    return "NULL" if value is None else "'" + value.replace("'", "''") + "'"


def hold(session: Session, table: Table) -> None:
    """After a statement: rows in no partition make one, where the table's partitions grow, or are refused."""
    division = table.division
    if division is None:
        return
    while (row := session.one(_strays(table, division))) is not None:
        if not division.level.interval or row[0] is None:
            raise Refused(14400, "inserted partition key does not map to any partition")
        _grow(session, table, division, row[0])


def places(session: Session, table: Table) -> dict[int, int]:
    """Of each row the number of the partition that it is in, where it may not get into another."""
    division = table.division
    if division is None or division.moves:
        return {}
    found = [where for _, where in _conditions(division.level, division.pieces)]
    numbered = " ".join(f"WHEN {where} THEN {number}" for number, where in enumerate(found))
    return dict(session.connection.execute(f"SELECT rowid, CASE {numbered} END FROM {table.held}").fetchall())


def check_stays(session: Session, table: Table, before: dict[int, int]) -> None:
    """After an UPDATE."""
    now = places(session, table) if before else {}
    if any(now.get(row, place) != place for row, place in before.items()):
        raise Refused(14402, "updating partition key column would cause a partition change")


def _strays(table: Table, division: Division) -> str:
    found = []
    for piece, where in _conditions(division.level, division.pieces):
        inner = [one for _, one in _conditions(division.inner, piece.inner)] if division.inner else []
        found.append(f"{where} AND ({' OR '.join(inner)})" if inner else where)
    column = quoted(division.level.columns[0]) if division.level.columns else "rowid"
    return f"SELECT {column} FROM {table.held} WHERE NOT ({' OR '.join(found)}) LIMIT 1"


def _grow(session: Session, table: Table, division: Division, value: Stored) -> None:
    """Another partition, so many intervals behind the last that was declared."""
    first = [one for one in division.pieces if not one.made][-1].bound[0]
    if isinstance(value, bytes) and isinstance(first, bytes) and value < first:
        raise Refused(14400, "inserted partition key does not map to any partition")
    upper, lower = first, first
    while upper <= value:  # type: ignore[operator]
        lower, upper = upper, _later(upper, division.level.interval)
    made = Piece(session.partition_name(), printed(upper), (upper,), lower=(lower,), made=True)
    if division.inner:
        made.inner = _inner(session, table, made, division.inner, Words(""))
    division.pieces.append(made)
    division.pieces.sort(key=lambda one: one.bound)


def _later(value: Stored, interval: str) -> Stored:
    assert isinstance(value, bytes)
    if value[:1] == b"N":
        return values.number(values.decimal(value[1:]) + Decimal(interval))
    found = _SPAN.fullmatch(interval.strip())
    if not found:
        raise Refused(14752, "Interval expression is not a constant of the correct type")
    count, unit = int(found[2] or found[4]), str(found[3] or found[5]).upper()
    moment, _ = values.moment(value)
    if unit in ("MONTH", "YEAR"):
        months = moment.month - 1 + count * (12 if unit == "YEAR" else 1)
        moment = moment.replace(year=moment.year + months // 12, month=months % 12 + 1)
    else:
        moment += timedelta(seconds=count * {"DAY": 86400, "HOUR": 3600, "MINUTE": 60, "SECOND": 1}[unit])
    return _as(moment, value)


def _as(moment: datetime, like: bytes) -> bytes:
    return values.date(moment) if like[:1] == b"D" else values.timestamp(moment, letter=like[:1])
