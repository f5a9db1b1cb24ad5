"""Rows that break a constraint, moved aside: the table beside the target's own that takes them, and the SQL for it.

All rows that share an offending key go, for no rule says which of them is the right one. Each lies there with the
constraint that it broke.
"""

from __future__ import annotations

from dataclasses import replace

from ..engine import Engine
from ..plan import Constraint, Hop, Statement
from ..rules import Use, write_rule
from ..types import Type
from .catalogue import Column, Relation, Table
from .modes import beside
from .sql import dropping, names

QUARANTINE = "quarantine"
BROKE = "ropeway_broke"  # the column that names the constraint
_WORD = Type("text", length=300)  # of a length, as it is grouped by


def quarantine(hop: Hop, run: str) -> Relation:
    """The table that takes a hop's offending rows. It is made when there are any."""
    return beside(hop, run, "quarantine")


def making(engine: Engine, hop: Hop, run: str) -> str:
    """CREATE TABLE with the hop's columns as plain ones, whatever the target generates or forbids."""
    into, word = quarantine(hop, run), write_rule(engine.writes, _WORD, Use()).native(_WORD)
    columns = [Column(c.target, c.native, base=c.base) for c in hop.columns]
    return engine.create(Table(into, (*columns, Column(_broke(hop), word))), into, bare=True)


def moving(engine: Engine, hop: Hop, rule: Constraint, run: str) -> tuple[str, str]:
    """An INSERT that copies what breaks a constraint, and the DELETE of just these rows."""
    into, on = engine.relation(quarantine(hop, run)), engine.relation(rule.table)
    columns = names(engine, [column.target for column in hop.columns])
    return (
        f"INSERT INTO {into} ({columns}, {engine.quote(_broke(hop))}) "
        f"SELECT {columns}, {engine.literal(str(rule))} FROM {on} WHERE {rule.broken}",
        f"DELETE FROM {on} WHERE {rule.broken}",
    )


def held(engine: Engine, hop: Hop, run: str) -> str:
    """The query for what lies there: each constraint, and how many rows broke it."""
    broke = engine.quote(_broke(hop))
    return f"SELECT {broke}, count(*) FROM {engine.relation(quarantine(hop, run))} GROUP BY {broke} ORDER BY {broke}"


def undoing(engine: Engine, hop: Hop, run: str, opening: Statement) -> Statement:
    """The statement that makes a hop's table, whose way back takes along what was moved out of it."""
    if not opening.name.startswith("create table "):
        return opening
    return replace(opening, back=f"{dropping(engine, 'TABLE', quarantine(hop, run))};\n{opening.back}")


def _broke(hop: Hop) -> str:
    taken, name = {column.target.casefold() for column in hop.columns}, BROKE
    while name in taken:
        name += "_"
    return name
