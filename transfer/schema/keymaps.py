"""Key maps: tables of the target in which the keys of merged rows stay, each with the key of the row in its place.

A map is loaded as a hop is, from what was decided, and is made and undone by the statements of its table's mode.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from ..errors import RequestError
from ..plan import ColumnPlan, Constraint, Cut, Hop, Slice, Statement
from .catalogue import ForeignKey, Relation, Table
from .entry import Ends, Entry
from .modes import Made, Move, statements_of
from .sql import first, nothing
from .violations import RULE, reference

MODES = ("create", "replace")
_WHOLE = (Slice(1, Cut()),)


def wanted(hop: Hop) -> str:
    """The name of the map that a hop's step over all rows asks for; '' for none."""
    return next((text for call in hop.over for name, text in call.arguments if name == "map"), "")


def mapped(ends: Ends, entry: Entry, made: Made, number: int, taken: Collection[Relation], run: str) -> Made:
    """A hop with its map, and the statements of both. RequestError for a map that cannot be."""
    hop, making, finishing = made
    if not wanted(hop):
        return made
    _check(ends, entry, hop)
    writes = Relation(hop.writes.schema, ends.name(wanted(hop)))
    there = bool(ends.target_session and ends.target_session.ask(ends.target.exists(writes)))
    if writes in taken or (there and hop.mode == "create"):
        raise RequestError(
            f"{hop.writes}: its map would be {writes}, which is {'there' if there else 'a table of the job'} already.",
            table=str(hop.writes), remedy="Give the map another name, or remove what is there.",
        )  # fmt: skip
    columns = _columns(ends, entry, hop)
    table = Table(
        writes, tuple(replace(entry.table.column(old.source), name=column.target, nullable=False, identity=False,
                              default="", generated="", numbers=None, comment="")
                      for old, column in columns),
        tuple(column.target for old, column in columns[: len(hop.key)]),
    )  # fmt: skip
    name = f"{number} {hop.reads} -> {writes}"
    keymap = Hop(name, hop.reads, writes, writes, tuple(column for _, column in columns), _WHOLE, hop.mode, table.key)
    keymap, opening, closing = statements_of(
        Move(ends.target, ends.target_session, keymap, table, table if there else None, run)
    )
    # Its key is made of what was decided: there is no row of it that could be left out or moved aside.
    own = [
        replace(s, hop=hop.name, after=tuple(hop.name if one == name else one for one in s.after), constraint=None)
        for s in (*opening, *closing)
    ]
    return (
        replace(hop, keymap=keymap), [*making, *own[: len(opening)]], [*own[len(opening) :], *finishing]
    )  # fmt: skip


def _check(ends: Ends, entry: Entry, hop: Hop) -> None:
    late = {name for follow in hop.follows for name in follow.columns} & set(hop.key)
    if "." in wanted(hop):
        why = "a map lies in its table's schema, so its name has no dot"
    elif hop.mode not in MODES or ends.target.landing != "transaction":
        where = f"mode {hop.mode} in {ends.target.name}"
        why = f"a map is for the modes {', '.join(MODES)} in a database, and this is {where}"
    elif not hop.key or not set(hop.key) <= {column.target for column in hop.columns}:
        why = "the table has no key that a map could hold"
    elif late:
        why = f"{', '.join(sorted(late))} of its key follows other merged rows, so the map would not hold the old keys"
    else:
        return
    raise RequestError(f"{entry.table.name}: {why}.", table=str(entry.table.name), remedy="Leave out map.")


def _columns(ends: Ends, entry: Entry, hop: Hop) -> list[tuple[ColumnPlan, ColumnPlan]]:
    """The key's columns, each with that of the map: the old key first, then the new one."""
    known = {column.target: column for column in entry.columns}
    made = [(known[name], _aged(age, name)) for age in ("old", "new") for name in hop.key]
    return [
        (replace(own, source=own.target), replace(own, source=name, target=ends.name(name), project="", computed=False,
                                                  nullable=False, declared="", zone="", nulled=False))
        for own, name in made
    ]  # fmt: skip


def _aged(age: str, name: str) -> str:
    """A column's name in the map, in capitals where the column's is."""
    return f"{age.upper()}_{name}" if name.isupper() else f"{age}_{name}"


def orphans(ends: Ends, entry: Entry, hop: Hop, tables: Sequence[Table], home: Collection[Relation]) -> list[Statement]:
    """For tables of the target that are none of the job's, and refer to the merged one in the source: a look for rows
    that refer to none, once all is there. They are told, and nothing is done to them.
    """
    if not hop.keymap or not ends.target_session:
        return []
    made = []
    for table in tables:
        for fk in table.foreign_keys if table.name not in home else ():
            if fk.references != entry.source.name:
                continue
            child = ends.home(table.name, hop.writes.schema)
            found = _asked(ends, entry, child, fk, hop)
            if found:
                made.append(Statement(
                    f"look for orphans in {child}", "swap" if hop.mode == "replace" else "after", nothing(ends.target),
                    hop=hop.name, guard=first(ends.target, found.offenders), after=("*",), constraint=found,
                ))  # fmt: skip
    return made


def _asked(ends: Ends, entry: Entry, child: Relation, fk: ForeignKey, hop: Hop) -> Constraint | None:
    """Rows of a table that is there and refer to no row of the merged one; None where it lacks a column."""
    assert ends.target_session  # noqa: S101 - asked before
    there = next((one for one in ends.target.tables(ends.target_session, child.schema) if one.name == child), None)
    names = {column.source: column.target for column in entry.columns}
    own = [ends.name(name) for name in fk.columns]
    if not there or not set(own) <= {column.name for column in there.columns} or not set(fk.referenced) <= set(names):
        return None
    foreign = ForeignKey("", tuple(own), hop.writes, tuple(names[name] for name in fk.referenced))
    asked = reference(ends.target, child, foreign)
    return replace(asked, kind=RULE, name="orphans", otherwise="leave-out", broken="")
