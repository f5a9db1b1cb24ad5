"""Partitions in Oracle's words, of what an engine of another kind, or another Oracle, has."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

import oracledb

from ...engine import Session
from ...plan import Hop
from ...rules import split
from ...schema.catalogue import Column, Index, Table
from ...schema.dividing import check_nulls
from ...schema.partitioning import Bound, Edge, Partition, Partitioning, Undivided, levels, members, takes_others
from ...schema.sql import double_quoted, text_literal
from .catalogue import OWN
from .session import qualified

_NUMBERS, _TEXTS = ("number", "float"), ("varchar2", "nvarchar2", "char", "nchar")
_MOMENTS = ("date", "timestamp")


def check_option(session: Session | None) -> None:
    """Undivided where the server has no partitions; one that does not show its options is taken to have them."""
    if session is None:
        return
    try:
        rows = session.ask("SELECT value FROM v$option WHERE parameter = 'Partitioning'")
    except oracledb.Error:
        return
    if rows and rows[0][0] == "FALSE":
        raise Undivided("this server has no Partitioning option (V$OPTION)")


def clause(table: Table, division: Partitioning) -> str:
    """PARTITION BY and all behind it. Rows may move between partitions, as they may elsewhere unasked."""
    check_nulls(table, division, "last")
    for level in levels(division):
        _check(table, level)
    inner = {(one.within.by, one.within.columns) if one.within else None for one in division.partitions}
    deep = any(part.within for one in division.partitions if one.within for part in one.within.partitions)
    if len(inner) > 1 or deep:
        raise Undivided("Oracle partitions all partitions of a table by the same columns, and no deeper than that")
    parts = ",\n  ".join(_part("PARTITION", table, division, one) for one in _ordered(division))
    return f"{_head('PARTITION', division)}{_inner_head(division)} (\n  {parts}\n) ENABLE ROW MOVEMENT"


def _check(table: Table, level: Partitioning) -> None:
    for column in map(table.column, level.columns):
        native = split(column.native)
        if native.name not in (*_NUMBERS, *_TEXTS, *_MOMENTS) or "zone" in column.native:
            raise Undivided(f"{column.name} is a {column.native} in the target, and Oracle partitions by none")
    if level.by == "list" and len(level.columns) > 1:
        raise Undivided("lists of several columns are not carried")


def _head(word: str, division: Partitioning) -> str:
    columns = ", ".join(map(double_quoted, division.columns))
    grows = f" INTERVAL ({division.grows})" if division.grows else ""
    return f"{word} BY {division.by.upper()} ({columns}){grows}"


def _inner_head(division: Partitioning) -> str:
    inner = division.partitions[0].within
    return f" {_head('SUBPARTITION', inner)}" if inner else ""


def _ordered(division: Partitioning) -> Sequence[Partition]:
    """What takes the others has to come last."""
    return sorted(division.partitions, key=takes_others) if division.by == "list" else division.partitions


def _part(word: str, table: Table, level: Partitioning, one: Partition) -> str:
    columns = [table.column(name) for name in level.columns]
    made = f"{word} {double_quoted(one.name)}"
    if level.by == "range":
        made += f" VALUES LESS THAN ({', '.join(map(_literal, one.upper, columns))})"
    elif level.by == "list":
        made += f" VALUES ({', '.join(_literal(values[0], columns[0]) for values in one.values)})"
    if one.within:
        inner = [_part("SUBPARTITION", table, one.within, part) for part in _ordered(one.within)]
        made += f" ({', '.join(inner)})"
    return made


def _literal(bound: Bound, column: Column) -> str:
    native = split(column.native).name
    if bound is None or isinstance(bound, Edge):
        return "NULL" if bound is None else bound.value
    if isinstance(bound, int | Decimal):
        fits, made = native in _NUMBERS, f"{Decimal(bound):f}"
    elif isinstance(bound, str):
        fits, made = native in _TEXTS and bound != "", text_literal(bound)  # '' is NULL there
    else:
        fits, made = native in _MOMENTS, _moment(bound, native)
    if not fits:
        raise Undivided(f"{column.name} is a {column.native} in the target, which has no value {bound!r}")
    return made


def _moment(bound: date, native: str) -> str:
    moment = bound if isinstance(bound, datetime) else datetime(bound.year, bound.month, bound.day)
    text = moment.isoformat(" ")
    return f"TO_DATE('{text}', 'YYYY-MM-DD HH24:MI:SS')" if native == "date" else f"TIMESTAMP '{text}'"


def local(table: Table, index: Index) -> str:
    """LOCAL behind an index that can have the table's partitions: what is unique has to have their columns."""
    if table.division is None or index.whole:
        return ""
    plain = {*index.columns} - {*index.descending}  # a column that goes down is an expression
    return " LOCAL" if not index.unique or plain >= {*members(table.division)} else ""


def places(session: Session, hop: Hop) -> dict[int, str] | None:
    """What stands behind FROM for each partition of a hop's table, by its number; None where one is not there."""
    assert hop.leaves  # noqa: S101 - asked of such tables alone
    owner = text_literal(hop.writes.schema) if hop.writes.schema else OWN
    mine = f"WHERE table_owner = {owner} AND table_name = {text_literal(hop.writes.table)}"
    words: dict[str, str] = {}
    for word, view in (("PARTITION", "all_tab_partitions"), ("SUBPARTITION", "all_tab_subpartitions")):
        words |= {str(name): word for (name,) in session.ask(f"SELECT {word.lower()}_name FROM {view} {mine}")}
    names = {number: hop.leaves.tables[number].table for number in hop.leaves.held}
    if not set(names.values()) <= words.keys():
        return None
    return {
        number: f"{qualified(hop.writes)} {words[name]} ({double_quoted(name)})" for number, name in names.items()
    }  # fmt: skip
