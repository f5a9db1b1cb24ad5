"""Partitions from one kind of engine to another: in the target's names and types, or why the table becomes plain."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import Decimal

from ..engine import Session
from ..plan import ColumnPlan, Finding
from ..request import Request
from ..types import INTEGERS, Fidelity, Type
from .catalogue import Relation, Table
from .entry import Ends, Entry
from .partitioning import (
    Bound,
    Bounds,
    Edge,
    Lacking,
    Partition,
    Partitioning,
    Undivided,
    is_open,
    levels,
    members,
    takes_others,
)  # fmt: skip

Asked = Callable[[Session | None, Table, Partitioning, Collection[str], Sequence[str]], Table]
_MIDNIGHT = time()
_MOMENTS = ("timestamp", "instant")
_FLATTEN = "--partitions flatten makes it plain without this warning."


def divided(entries: Sequence[Entry], ends: Ends, request: Request, there: Sequence[Table]) -> list[Entry]:
    """The entries, their tables partitioned as the source's are where the target can have it so; or why not."""
    ours = [entry.table for entry in entries]
    taken = {(table.name.schema, name) for table in (*ours, *there) for name in _names(table)}
    made = []
    for entry in entries:
        if entry.mode in ("create", "replace") and not entry.table.partitioned and not entry.choice.partition:
            beside = entry.mode == "replace" and any(one.name == entry.table.name for one in there)
            entry = _divided(entry, ends, request, ours, taken, beside=beside)  # noqa: PLW2901
            taken |= {(part.name.schema, part.name.table) for part in entry.table.parts}
        made.append(entry)
    return _licensed(made, ends)


def _licensed(entries: Sequence[Entry], ends: Ends) -> list[Entry]:
    """What partitions take there, said once: they are made unasked."""
    takes, made = str(getattr(ends.target, "partitions_take", "")), list(entries)
    for at, entry in enumerate(made):
        if takes and entry.table.partitioned:
            finding = Finding("warning", "target", takes, "partitions-licensed", "--partitions flatten makes none.")
            made[at] = _told(entry, finding)
            break
    return made


def _names(table: Table) -> list[str]:
    return [table.name.table, f"{table.name.table}_pkey", table.key_name, *(index.name for index in table.indexes)]


def _divided(
    entry: Entry, ends: Ends, request: Request, ours: Sequence[Table], taken: set[tuple[str, str]], *, beside: bool
) -> Entry:
    """`beside` says that the table is made beside one that it replaces."""
    source, division = entry.source, entry.source.division
    if division is None and not source.undivided:
        return entry
    where = str(source.name)
    how = source.partitioned or str(division or "")
    plain = f"it is partitioned in the source{f' ({how})' if how else ''} and becomes a plain table"
    makes = hasattr(ends.target, "divided") and not getattr(ends.target, "asked_only", False)
    if request.partitions == "flatten" or not makes:
        return _told(entry, Finding("note", where, plain, "partitions-lost"))
    try:
        if division is None:
            raise Undivided(source.undivided)
        if beside:
            raise Undivided("it is made beside the table that it replaces", "Drop that one before, and have it made.")
        there = _there(entry, division, ends, request)
        table = asked(ends, entry.table, there, taken, _referring(entry.table.name, ours))
    except Undivided as lost:
        remedy = f"{lost.remedy} {_FLATTEN}".lstrip()
        return _told(entry, Finding("warning", where, f"{plain}: {lost.reason}", "partitions-lost", remedy))
    entry = replace(entry, table=table)
    grows = {level.grows for level in levels(division) if level.grows}
    if grows and ends.source.family != ends.target.family:
        said = f"the source makes further partitions by itself ({', '.join(sorted(grows))}), and the target does not"
        remedy = "Make them there before rows come that lie in none."
        entry = _told(entry, Finding("warning", where, said, "partitions-fixed", remedy))
    return entry


def asked(
    ends: Ends, table: Table, division: Partitioning, taken: Collection[tuple[str, str]], linked: Sequence[str]
) -> Table:  # fmt: skip
    """The table as the target partitions it; Undivided where it has no such partitions."""
    ask: Asked = ends.target.divided  # type: ignore[attr-defined]  # an optional verb
    names = {name for schema, name in taken if schema == table.name.schema}
    return ask(ends.target_session, table, division, names, linked)


def _told(entry: Entry, finding: Finding) -> Entry:
    return replace(entry, findings=(*entry.findings, finding))


def _there(entry: Entry, division: Partitioning, ends: Ends, request: Request) -> Partitioning:
    """The partitioning as the target's table is to have it. Undivided if that would not be the same."""
    if request.limit:
        raise Undivided("a rehearsal moves a part of the rows")
    columns = {column.source: column for column in entry.columns}
    missing = [name for name in members(division) if name not in columns]
    if missing:
        raise Undivided(f"{', '.join(missing)} is not moved")
    zoned = [name for name in members(division) if name in dict(entry.choice.zones)]
    if zoned:
        raise Undivided(f"its bounds are in the wall time that {', '.join(zoned)} no longer is")
    for level in levels(division):
        others = [one.name for one in level.partitions if level.by == "range" and takes_others(one)]
        if others:
            raise Undivided(f"its DEFAULT partition {others[0]} is not just what is behind all others")
        for name in level.columns if level.by != "hash" else ():
            _check_lossless(entry, columns[name])
    same = ends.source.family == ends.target.family
    return named(translated(division, columns, ends, same=same), set(), ends)


def _check_lossless(entry: Entry, column: ColumnPlan) -> None:
    """Undivided for a value that may be another one in the target, and so in another partition."""
    if column.fidelity is Fidelity.LOSSY:
        raise Undivided(f"values of {column.source} are others in the target ({column.why})")
    own = entry.source.column(column.source)
    there = entry.table.column(column.target)
    if own.folds and there.folds != own.folds and not (own.collation and own.collation == there.collation):
        raise Undivided(f"equality of {column.source} ignores {own.folds} in the source")


def _referring(name: Relation, ours: Sequence[Table]) -> list[str]:
    """Foreign keys that lead to the table, or out of it."""
    return [fk.name for table in ours for fk in table.foreign_keys if name in (table.name, fk.references)]


def named(division: Partitioning, taken: set[str], ends: Ends) -> Partitioning:
    """With names that are one partition's each, whatever their case."""
    made = []
    for one in division.partitions:
        name, number = one.name, 2
        while name.lower() in taken:
            name, number = ends.target.name_of(f"{one.name}_{number}"), number + 1
        taken.add(name.lower())
        made.append(replace(one, name=name, within=named(one.within, taken, ends) if one.within else None))
    return replace(division, partitions=tuple(made))


def translated(division: Partitioning, columns: Mapping[str, ColumnPlan], ends: Ends, *, same: bool) -> Partitioning:
    """The partitioning in the target's names, its bounds as values of the columns' types."""
    own = [columns[name] for name in division.columns]

    def bounds(found: Bounds) -> Bounds:
        return tuple(_fitted(bound, column) for bound, column in zip(found, own, strict=False))

    def partition(one: Partition) -> Partition:
        inner = translated(one.within, columns, ends, same=same) if one.within else None
        values = tuple(bounds(each) for each in one.values)
        return Partition(ends.name(one.name), bounds(one.upper), values, inner)

    for column in own if division.by == "range" else ():
        if column.type.padded:
            raise Undivided(f"engines do not agree whether blanks at the end of {column.source} count")
    finer = [column.source for column in own if column.type.kind in _MOMENTS and column.type.digits > division.digits]
    if finer:
        raise Undivided(f"its bounds are in the partitions that they end, and {', '.join(finer)} is too fine for that")
    grows = division.grows if same else ""
    made = tuple(map(partition, division.partitions))
    return Partitioning(
        division.by, tuple(column.target for column in own), made, division.nulls, grows, division.digits,
        bounds(division.lower),
    )  # fmt: skip


def _fitted(bound: Bound, column: ColumnPlan) -> Bound:
    """A bound as a value of a column's type; Undivided where that has no such value."""
    if bound is None or isinstance(bound, Edge):
        return bound
    made = _as_number(bound, column.type) if isinstance(bound, int | Decimal) else _as_other(bound, column.type)
    if made is None:
        raise Undivided(f"the bound {bound} of {column.source} is no {column.type} in the target")
    return made


def _as_number(bound: int | Decimal, type_: Type) -> Bound:
    if type_.kind in INTEGERS:
        bits, signed = int(type_.kind.lstrip("uint")), not type_.kind.startswith("u")
        least, most = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
        return int(bound) if bound == int(bound) and least <= bound <= most else None
    if type_.kind != "decimal":
        return None
    value = Decimal(bound)
    exact = type_.unbounded or (value == round(value, type_.scale) and value.adjusted() < type_.precision - type_.scale)
    return value if exact else None


def _as_other(bound: datetime | date | str, type_: Type) -> Bound:
    if isinstance(bound, str):
        fits = type_.kind == "text" and not (type_.length and len(bound) > type_.length)
        return bound if fits else None
    if isinstance(bound, datetime) and bound.tzinfo:
        fits = type_.kind == "instant" and _fine(bound, type_)
        return bound.astimezone(UTC) if fits else None
    moment = bound if isinstance(bound, datetime) else datetime.combine(bound, _MIDNIGHT)
    if type_.kind == "date":
        return moment.date() if moment.time() == _MIDNIGHT else None
    return moment if type_.kind == "timestamp" and _fine(moment, type_) else None


def _fine(moment: datetime, type_: Type) -> bool:
    """Whether a moment has no more digits than the type."""
    return type_.digits >= 6 or moment.microsecond % 10 ** (6 - type_.digits) == 0


def check_keys(table: Table, division: Partitioning) -> None:
    """Undivided if a key lacks a column that tells partitions apart, for engines that look for it in each alone."""
    keys = [("the primary key", table.key)] if table.key else []
    keys += [(f"unique index {index.name}", index.columns) for index in table.indexes if index.unique]
    lacking = [
        f"{what} lacks {', '.join(missing)}"
        for what, columns in keys
        if (missing := [name for name in members(division) if name not in columns])
    ]
    if lacking:
        raise Lacking(
            f"{'; '.join(lacking)}, and each key of a partitioned table has to have what it is partitioned by",
            "Widen the key by them in the source and plan again; or have the partitions and a wider key in the SQL of "
            "the plan's folder, and seal it.",
        )


def check_nulls(table: Table, division: Partitioning, end: str) -> None:
    """Undivided if NULLs would be in another partition: `end` says where the engine has those of ranges."""
    for level in levels(division):
        null = [name for name in level.columns if table.column(name).nullable]
        held = level.nulls == "first" or any(is_open(one) for one in level.partitions)
        if level.by == "range" and null and held and level.nulls not in ("", end):
            raise Undivided(f"{', '.join(null)} may be NULL, which the source has in its {level.nulls} partition")
