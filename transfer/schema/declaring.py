"""Tables partitioned as a job declares it: made so, or found so where they are there; what stands in the way blocks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial

from ..calls import function_of
from ..engines import having
from ..errors import RequestError
from ..plan import Finding
from .catalogue import ForeignKey, Relation, Table
from .declared import Declared
from .dividing import asked, named, translated
from .entry import Ends, Entry
from .fitting import numbered
from .histogram import TableLook
from .partitioning import Edge, Lacking, Linked, Partition, Partitioning, Undivided, is_open, members, takes_others
from .spread import spread_over

_MADE = ("create", "replace")
_PLAIN = "no partitioning: leave out `partition`"


def declared(
    entries: Sequence[Entry], ends: Ends, there: Sequence[Table], may: Callable[[Table], bool]
) -> list[Entry]:  # fmt: skip
    """The entries, those partitioned whose choice says so. RequestError for what is no partitioning of the table.

    `may` says whether a table's rows may be read; one whose may not is planned plain, and a blocker stands for it.
    """
    made = list(entries)
    for number, entry in enumerate(entries):
        if entry.choice.partition is None:
            continue
        _check_engine(ends, str(entry.table.name))
        if not may(entry.read):
            continue
        spec: Declared = function_of(entry.choice.partition)(**dict(entry.choice.partition.arguments))
        try:
            if entry.mode in _MADE:
                made = _Making(made, number, spec, ends, there).made()
            else:
                _check_there(entry, spec, ends, there)
        except RequestError as error:
            raise RequestError(
                error.message, table=str(entry.table.name), column=error.column, remedy=error.remedy
            ) from error
    return made


def _check_engine(ends: Ends, table: str) -> None:
    if not hasattr(ends.target, "divided"):
        raise RequestError(
            f"{ends.target.name} targets have no partitions, and {table} is to be partitioned.", table=table,
            remedy=f"Leave out `partition`; these have some: {', '.join(having('divided'))}.",
        )  # fmt: skip


def _check_there(entry: Entry, spec: Declared, ends: Ends, there: Sequence[Table]) -> None:
    """RequestError if a table that is there is not partitioned as it is declared."""
    table = next((one for one in there if one.name == entry.table.name), None)
    if table is None:
        return  # which is refused elsewhere
    if table.division is None:
        said = f"it is partitioned otherwise: {table.undivided}" if table.undivided else "it is a plain table"
    else:
        said = spec.differs(TableLook(entry, ends), table.division)
    if said:
        raise RequestError(
            f"{table.name} is in the target, and not partitioned as it is declared: {said}.",
            remedy="Leave out `partition`, which changes no table that is there; or --mode replace makes a new one.",
        )


@dataclass
class _Making:
    """One table of many on its way to its partitions; it may take foreign keys from others."""

    entries: Sequence[Entry]
    number: int
    spec: Declared
    ends: Ends
    there: Sequence[Table]

    def made(self) -> list[Entry]:
        entry = _plain(self.entries[self.number])
        division = self.spec.make(TableLook(entry, self.ends))
        entries = [*self.entries]
        entries[self.number] = entry
        try:
            return self._partitioned(entries, division)
        except Undivided as lost:
            entries[self.number] = _told(entry, _blocker(entry, lost, division))
            return entries

    def _partitioned(self, entries: list[Entry], division: Partitioning) -> list[Entry]:
        entry = entries[self.number]
        said: list[Finding] = []
        if entry.table.own:
            named_ = ", ".join(one.name for one in entry.table.own)
            raise Undivided(f"constraints of its engine's own ({named_}) hold in a single table")
        division = _bounded(division, self.spec, self.ends, entry, said)
        entry = _keyed(entry, division, self.spec, said)
        entry = replace(entry, table=_without_nulls(entry, division, self.spec, said))
        entries = [*entries]
        entries[self.number] = entry
        entries = self._linked(entries, said)
        entry = entries[self.number]
        table = self._asked(entries, division, said)
        note = f"partitioned {division}: {_listed(division)}"
        said.append(Finding("note", str(entry.table.name), note, "partitions-declared"))
        said += spread_over(entry, self.ends, division)
        entries[self.number] = _told(numbered(self.ends.target, replace(entry, table=table)), *said)
        return entries

    def _asked(self, entries: list[Entry], division: Partitioning, said: list[Finding]) -> Table:
        """The table as the engine partitions it; without foreign keys that it does not take, where they may go."""
        entry = entries[self.number]
        columns = {column.target: column for column in entry.columns}
        spelled = _spelled(division, self.ends)
        fitting = named(translated(spelled, columns, self.ends, same=False), set(), self.ends)
        ask = partial(asked, self.ends, division=fitting, taken=_taken(entries, self.there))
        links = _links(entry.table.name, entries)
        try:
            return ask(table=entry.table, linked=[fk.name for _, fk in links])
        except Linked:
            if self.spec.foreign_keys != "drop":
                raise
            _drop(entries, links, "the engine has none into partitioned tables, or out of them", said)
            return ask(table=entries[self.number].table, linked=())

    def _linked(self, entries: list[Entry], said: list[Finding]) -> list[Entry]:
        """Without foreign keys to a key that the table has no more, where they may go. Linked where they may not."""
        table = entries[self.number].table
        keys = [set(table.key), *(set(index.columns) for index in table.indexes if index.unique)]
        old = self.entries[self.number].table
        kept = [set(old.key), *(set(index.columns) for index in old.indexes if index.unique)]
        lost = [
            (one, fk) for one, fk in _links(table.name, entries)
            if fk.references == table.name and set(fk.referenced) in kept and set(fk.referenced) not in keys
        ]  # fmt: skip
        if lost and self.spec.foreign_keys != "drop":
            names = ", ".join(fk.name for _, fk in lost)
            raise Linked(f"foreign keys refer to a key that it would have no more ({names})")
        _drop(entries, lost, "the key that it refers to is another by its partitions", said)
        return entries


def _plain(entry: Entry) -> Entry:
    """Without the partitions that the source has: those that are declared count."""
    traits = tuple(one for one in entry.table.traits if not one.part)
    table = replace(entry.table, partitioned="", parts=(), grounds=(), division=None, undivided="", traits=traits)
    return replace(entry, table=table)


def _told(entry: Entry, *findings: Finding) -> Entry:
    return replace(entry, findings=(*entry.findings, *findings))


def _spelled(division: Partitioning, ends: Ends) -> Partitioning:
    """Its names as the source would have them, for they go the way of names of the source."""
    if not getattr(ends.source, "capitals", False):
        return division
    made = tuple(
        replace(
            one, name=one.name.upper() if one.name == one.name.lower() else one.name,
            within=_spelled(one.within, ends) if one.within else None,
        )
        for one in division.partitions
    )  # fmt: skip
    return replace(division, partitions=made)


def _listed(division: Partitioning) -> str:
    names = [one.name for one in division.partitions]
    shown = names if len(names) <= 5 else [*names[:2], "...", *names[-2:]]
    return f"{len(names):,} partitions ({', '.join(shown)})"


def _blocker(entry: Entry, lost: Undivided, division: Partitioning) -> Finding:
    where = str(entry.table.name)
    said = f"it is to be partitioned {division}, and cannot: {lost.reason}"
    if isinstance(lost, Lacking):
        added = ", ".join(members(division))
        remedy = (
            f"One of three: `key: widen` in `partition` adds {added} to {_lacking(entry.table, division)}; `key: drop` "
            f"leaves that out; {_PLAIN}."
        )
        return Finding("blocker", where, said, "partition-key", remedy)
    if isinstance(lost, Linked):
        remedy = f"One of two: `foreign_keys: drop` in `partition` leaves these out; {_PLAIN}."
        return Finding("blocker", where, said, "partition-links", remedy)
    remedy = " ".join(filter(None, (lost.remedy, f"{_PLAIN[0].upper()}{_PLAIN[1:]}.")))
    return Finding("blocker", where, said, "partition-impossible", remedy)


def _lacking(table: Table, division: Partitioning) -> str:
    names = {*members(division)}
    keys = [f"the primary key {table.key_name}".rstrip()] if table.key and not names <= {*table.key} else []
    keys += [f"unique index {one.name}" for one in table.indexes if one.unique and not names <= {*one.columns}]
    return " and ".join(keys)


def _bounded(
    division: Partitioning, spec: Declared, ends: Ends, entry: Entry, said: list[Finding]
) -> Partitioning:  # fmt: skip
    """Ranges as the engine can bound them: where it has no default partition of ranges, one before all and one behind.

    `bounded` of an engine is `both`, `above` (a first partition has no begin) or `none` (nor has the last an end).
    """
    inner = tuple(
        replace(one, within=_bounded(one.within, spec, ends, entry, said) if one.within else None)
        for one in division.partitions
    )
    division = replace(division, partitions=inner)
    bounded = getattr(ends.target, "bounded", "above")
    if division.by != "range" or bounded == "both":
        return division
    plain = [one for one in division.partitions if not takes_others(one)]
    rest = [one for one in division.partitions if takes_others(one)]
    if not rest and bounded == "none":
        raise Undivided(
            f"{ends.target.name} has a partition for every value, and refuses none", "Leave out `outside: refuse`."
        )
    if not rest and division.lower:
        told = (
            f"rows before {division.lower[0]} are not refused: the first partition has no begin in {ends.target.name}"
        )
        said.append(Finding("warning", str(entry.table.name), told, "partition-outside"))
    if rest and division.lower:
        before = rest[0].name.removesuffix("default") + "before"
        plain.insert(0, Partition(before, upper=division.lower, within=_renamed(rest[0], before)))
    if rest and not is_open(plain[-1]):
        plain.append(replace(rest[0], values=(), upper=(Edge.MOST,)))
    return replace(division, partitions=tuple(plain), lower=())


def _renamed(one: Partition, name: str) -> Partitioning | None:
    if one.within is None:
        return None
    parts = [replace(part, name=part.name.replace(one.name, name, 1)) for part in one.within.partitions]
    return replace(one.within, partitions=tuple(parts))


def _keyed(entry: Entry, division: Partitioning, spec: Declared, said: list[Finding]) -> Entry:
    """The entry with keys that have the partitions' columns, or without those that lack them, as was asked for."""
    names = {*members(division)}
    lacking = _lacking(entry.table, division)
    if not spec.key or not lacking:
        return entry
    table, missing = entry.table, ", ".join(sorted(names))
    where = str(table.name)
    if spec.key == "drop":
        key = table.key if names <= {*table.key} else ()
        kept = tuple(one for one in table.indexes if not one.unique or names <= {*one.columns})
        told = f"{lacking} is not made: it lacks {missing}, by which the table is partitioned"
        said.append(Finding("warning", where, told, "key-dropped"))
        return replace(entry, table=replace(table, key=key, key_name=table.key_name if key else "", indexes=kept))
    key = _wider(table.key, division) if table.key else ()
    indexes = tuple(  # one over an expression stays as it is
        replace(one, columns=_wider(one.columns, division), native="")
        if one.unique and one.columns and not names <= {*one.columns} else one
        for one in table.indexes
    )  # fmt: skip
    wider = _lacking(replace(table, indexes=tuple(one for one in table.indexes if one.columns)), division)
    told = f"{wider or 'no key'} gets {missing} too, so it allows more than in the source"
    said.append(Finding("warning", where, told, "key-widened"))
    return replace(entry, table=replace(table, key=key, indexes=indexes))


def _wider(columns: Sequence[str], division: Partitioning) -> tuple[str, ...]:
    return (*columns, *(name for name in members(division) if name not in columns))


def _without_nulls(entry: Entry, division: Partitioning, spec: Declared, said: list[Finding]) -> Table:
    """The table whose columns are NOT NULL where NULLs are refused, or a key asks for it."""
    table = entry.table
    null = [name for name in members(division) if table.column(name).nullable and not _lists_null(division, name)]
    if spec.nulls != "refuse":
        keyed = [name for name in null if name in table.key]
        if keyed:
            raise Undivided(
                f"{', '.join(keyed)} may be NULL, which no primary key takes", "Write `nulls: refuse` in `partition`."
            )
        if null and spec.outside == "refuse" and division.by != "hash":
            raise Undivided(
                f"{', '.join(null)} may be NULL, and no partition is left to take it",
                "Write `nulls: refuse` in `partition`, or leave out `outside: refuse`.",
            )
        return table
    if null:
        told = f"{', '.join(null)} is NOT NULL there: NULLs are refused"
        said.append(Finding("note", str(table.name), told, "partition-nulls"))
    columns = tuple(replace(one, nullable=False) if one.name in null else one for one in table.columns)
    return replace(table, columns=columns)


def _lists_null(division: Partitioning, name: str) -> bool:
    """Whether a list has NULL among its values, which is then not refused."""
    own = division.by == "list" and division.columns == (name,)
    return own and any((None,) in one.values for one in division.partitions)


def _links(name: Relation, entries: Sequence[Entry]) -> list[tuple[int, ForeignKey]]:
    """Foreign keys that lead to a table, or out of it, each with its own table's place."""
    return [
        (place, fk) for place, entry in enumerate(entries) for fk in entry.table.foreign_keys
        if name in (entry.table.name, fk.references)
    ]  # fmt: skip


def _drop(entries: list[Entry], links: Sequence[tuple[int, ForeignKey]], why: str, said: list[Finding]) -> None:
    for place, fk in links:
        table = entries[place].table
        kept = tuple(one for one in table.foreign_keys if one != fk)
        entries[place] = replace(entries[place], table=replace(table, foreign_keys=kept))
        told = f"foreign key {fk.name} to {fk.references} is not made: {why}"
        said.append(Finding("warning", str(table.name), told, "foreign-key-lost"))


def _taken(entries: Sequence[Entry], there: Sequence[Table]) -> Collection[tuple[str, str]]:
    """Names of relations, with their schema, that partitions cannot have."""
    tables = [*(entry.table for entry in entries), *there]
    return {(table.name.schema, name) for table in tables for name in _names(table)}


def _names(table: Table) -> list[str]:
    parts = [part.name.table for part in table.parts]
    own = [table.name.table, f"{table.name.table}_pkey", table.key_name]
    return [*own, *(index.name for index in table.indexes), *parts]
