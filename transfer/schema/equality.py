"""In what texts may differ that a place takes for one, and SQL of the source by which they are one to the target.

Engines say it of a column (`overlooks`): `case`, `accents`, `padding`, or other words where only they can compare.
A source may also spell one value in several ways (`spelt`), as SQLite does that keeps moments as texts.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from ..engine import Engine
from ..plan import ColumnPlan
from ..types import Fidelity
from .catalogue import Column, ForeignKey, Index, Table
from .entry import Ends, Entry
from .violations import Apart, duplicates

Look = tuple[str, str, tuple[str, ...], str, str]  # kind, finding, the target's columns or check, words, query
_COMPARED = ("text", "uuid")
_ORDER = ("accents", "case", "padding")  # without its accent a letter may be one whose case an engine knows


@dataclass(frozen=True)
class _Member:
    """A column of a key: SQL of its value as it is carried and as the target compares it, and how that differs."""

    carried: str
    compared: str
    overlooked: frozenset[str]
    spelt: bool


def overlooked(engine: Engine, column: Column) -> frozenset[str]:
    """In what values of a column may differ that equality takes for one."""
    ask = getattr(engine, "overlooks", None)
    return frozenset(ask(column)) if ask else frozenset()


def coarser(ends: Ends, entry: Entry, existing: Table | None) -> Iterator[Look]:
    """Keys of the target under which several values of the source are one; no query where only the target can tell."""
    made = entry.mode in ("create", "replace")
    table = entry.table if made else existing
    if table is None:
        return
    plans = {column.target: column for column in entry.columns if not column.computed}
    for kind, columns, where in _keys(ends, entry, table, made=made):
        if not set(columns) <= set(plans):
            continue
        members = [_member(ends, entry, plans[name], table.column(name), made=made) for name in columns]
        ways = frozenset[str]().union(*(member.overlooked for member in members))
        words = f"unique key on {', '.join(columns)} of {table.name}{f' where {where}' if where else ''}"
        merged = [column.source for column in (plans[name] for name in columns) if _merging(column)]
        if ways:
            words += f", which does not tell texts apart by {_and(sorted(ways))}"
        if any(member.spelt for member in members):
            words += ", to which values are one that the source spells otherwise"
        if merged:
            words += f", to which a time that the clock of {_and(merged)} skips is one with another"
        if merged or ways - ends.source_words.alike.keys():
            yield kind, "duplicates", columns, words, ""
        elif ways or any(member.spelt for member in members):
            yield kind, "duplicates", columns, words, _listing(ends, entry, members, where)


def _merging(column: ColumnPlan) -> bool:
    """Whether two wall times may be one instant: half past two, where that is skipped, and half past one or three."""
    return bool(column.zone) and column.zone_rule in ("earlier", "later")


def _and(words: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _keys(ends: Ends, entry: Entry, table: Table, *, made: bool) -> Iterator[tuple[str, tuple[str, ...], str]]:
    """The kind of each key, its columns, and its condition in the source's words."""
    if table.key and entry.mode != "merge":
        yield "primary", table.key, ""
    for index in table.indexes:
        if index.unique and index.columns and not index.where:
            yield "unique", index.columns, ""
        elif index.unique and index.columns and made and (where := _condition(ends, entry, index)):
            yield "unique", index.columns, where


def _condition(ends: Ends, entry: Entry, index: Index) -> str:
    """The condition of the source's index that became this one."""
    from .expressions import Untranslatable, check

    known = {column.source: (column.target, column.type) for column in entry.columns}
    for own in entry.source.indexes:
        if own.unique and own.where and tuple(known[c][0] for c in own.columns if c in known) == index.columns:
            with suppress(Untranslatable):
                if check(own.where, ends.source_words, ends.target_words, known) == index.where:
                    return own.where
    return ""


def _member(ends: Ends, entry: Entry, column: ColumnPlan, there: Column, *, made: bool) -> _Member:
    ways = _ways(ends, column, there)
    if made:  # the key is the source's, which vouches for what it overlooks itself
        ways -= overlooked(ends.source, entry.source.column(column.source))
    spelling = spelt(ends, column)
    return _Member(column.project, _folded(ends, spelling or column.project, ways), ways, bool(spelling))


def _ways(ends: Ends, column: ColumnPlan, there: Column) -> frozenset[str]:
    """What the target overlooks in values of this kind; a uuid has no blanks, and neither rtrim() nor min()."""
    if column.type.kind not in _COMPARED:
        return frozenset()
    ways = overlooked(ends.target, there)
    return ways & {"case"} if column.type.kind == "uuid" else ways


def _listing(ends: Ends, entry: Entry, members: list[_Member], where: str) -> str:
    """One of the spellings stands for all."""
    keys = [member.compared for member in members]
    shown = [m.compared if m.compared == m.carried else f"min({m.carried})" for m in members]
    return duplicates(f"{selected(ends, entry)} t", keys, where, shown=shown)


def spelt(ends: Ends, column: ColumnPlan) -> str:
    """SQL of a value in one of the spellings that it may have in the source; '' where it has one only."""
    ask = getattr(ends.source, "spelt", None)
    made = str(ask(column)) if ask else ""
    return made or (column.project if column.fidelity is Fidelity.LOSSY else "")


def apart(ends: Ends, own: ForeignKey, entry: Entry, parent: Entry) -> dict[str, Apart]:
    """Columns of the source's foreign key that the target compares otherwise, by their names.

    The column of the parent decides on either side, as it does in PostgreSQL and SQLite; elsewhere both are alike.
    """
    child, other = ({column.source: column for column in one.columns} for one in (entry, parent))
    found = {}
    for name, referenced in zip(own.columns, own.referenced, strict=True):
        one, there = child[name], other[referenced]
        here = overlooked(ends.source, parent.source.column(referenced))
        ways = _ways(ends, there, parent.table.column(there.target)) if there.type.kind in _COMPARED else here
        if one.type.padded and there.type.padded:  # groups.py has seen to these
            here, ways = here - {"padding"}, ways - {"padding"}
        spelling = bool(spelt(ends, one) or spelt(ends, there))
        if here == ways and not spelling:
            continue
        pair = (_exactly(ends, one, "c", ways), _exactly(ends, there, "p", ways))
        found[name] = Apart(*pair, finer=tuple(sorted(here - ways)), coarser=bool(ways - here) or spelling)
    return found


def _exactly(ends: Ends, column: ColumnPlan, alias: str, ways: frozenset[str]) -> str:
    name = ends.source.quote(column.source)
    value = (spelt(ends, column) or column.project).replace(name, f"{alias}.{name}")
    text = column.type.kind == "text"
    return ends.source_words.exactly.format(_folded(ends, value, ways)) if text else _folded(ends, value, ways)


def _folded(ends: Ends, value: str, ways: frozenset[str]) -> str:
    for way in _ORDER:
        if way in ways and way in ends.source_words.alike:
            value = ends.source_words.alike[way].format(value)
    return value


def selected(ends: Ends, entry: Entry) -> str:
    """The rows of the source that are moved, to select from."""
    on = ends.rows_of(entry.source)
    return f"(SELECT * FROM {on} WHERE ({entry.choice.where}))" if entry.choice.where else on
