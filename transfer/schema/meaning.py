"""What a source's column means: by what the user says of it, its rows or its declaration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ..engine import Engine
from ..errors import RequestError
from ..rules import Native, Read, read_rule, split
from ..types import Type
from ..zones import as_instant
from .catalogue import Column, Table
from .selection import Selected


def chosen(item: Selected) -> list[Column]:
    """The columns of a table that are asked for."""
    wanted = item.choice.columns
    return [column for column in item.table.columns if not wanted or column.name in wanted]


def meant(
    engine: Engine, item: Selected, column: Column, decided: Mapping[str, str], *, within: bool
) -> tuple[Type, Read]:
    """The Type of a column and the rule by which it is read; `decided` are words that its rows decided for."""
    choice = item.choice
    named, zones = dict(choice.types), dict(choice.zones)
    word = {**decided, **named}.get(column.name, column.base)
    meaning, rule = _meaning(engine, item.table, column, word, within and column.name not in {**named, **zones})
    if column.labels and column.name not in {**named, **zones, **decided}:
        meaning = replace(meaning, labels=column.labels)
    if column.name in zones:
        return as_instant(item.table, column, meaning, rule, zones[column.name], choice.zone_rule)
    return meaning, rule


def _meaning(engine: Engine, table: Table, column: Column, override: str, within: bool) -> tuple[Type, Read]:
    rule = read_rule(engine.reads, override or column.native, within=within)
    if rule is None:
        raise RequestError(
            f"{table.name}.{column.name} has the type {override or column.native or '(none)'}, for which "
            f"{engine.name} has no rule.",
            table=str(table.name), column=column.name,
            remedy=f"Leave the column out, or name a type: types: {{{column.name}: text}}. "
            f"'ropeway types {engine.name}' lists the rules.",
        )  # fmt: skip
    native: Native = split(override or column.native)
    return rule.type(native), rule
