"""One table for all that feed it: that of the first, with the keys on which the others agree."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from ..errors import RequestError
from ..plan import ColumnPlan, Finding
from .catalogue import ForeignKey, Relation, Table
from .entry import Entry


def alike(
    feeding: Mapping[str, Entry], entries: Mapping[str, Sequence[Entry]], *, inline: bool
) -> tuple[dict[str, Entry], list[Finding]]:  # fmt: skip
    """The entries that feed one table, with one table and its types, and what is lost of their own ones.

    Where foreign keys hold `inline`, while rows come, each is kept only if every source brings the rows it refers to.
    """
    first = next(iter(feeding.values()))
    moved = {alias: {one.table.name for one in made} for alias, made in entries.items()}
    kept, findings = [], []
    for fk in first.table.foreign_keys:
        other = _otherwise(fk, feeding)
        apart = [alias for alias in feeding if fk.references not in moved[alias]] if inline else []
        why = other or (f"{fk.references} gets no rows of {', '.join(apart)}" if apart else "")
        if why:
            said = f"its foreign key on {', '.join(fk.columns)} to {fk.references} is not kept: {why}"
            findings.append(Finding("warning", str(first.table.name), said, "foreign-key-lost"))
        else:
            kept.append(fk)
    table = replace(first.table, foreign_keys=tuple(kept), rows=_rows(feeding))
    for alias, entry in feeding.items():
        findings += _lost(alias, entry, table) if entry is not first else []
    return {alias: _with(entry, table, first) for alias, entry in feeding.items()}, findings


def unheld(entries: Sequence[Entry], merged: Collection[Relation]) -> list[Entry]:
    """The entries without foreign keys to tables whose rows are `merged` with those of other sources.

    For engines that look for a parent with each row: the one that stays may be of another source, and come later.
    """
    made = []
    for entry in entries:
        lost = [fk for fk in entry.table.foreign_keys if fk.references in merged]
        kept = tuple(fk for fk in entry.table.foreign_keys if fk not in lost)
        said = tuple(
            Finding("warning", str(entry.table.name),
                    f"its foreign key on {', '.join(fk.columns)} to {fk.references} is not kept: the engine checks "
                    "each row at once, and rows there are merged into those of other sources, which come later",
                    "foreign-key-lost")
            for fk in lost
        )  # fmt: skip
        table = replace(entry.table, foreign_keys=kept)
        made.append(replace(entry, table=table, findings=(*entry.findings, *said)))
    return made


def _rows(feeding: Mapping[str, Entry]) -> int:
    """How many rows there will be, about; -1 where one of them does not say."""
    rows = [entry.table.rows for entry in feeding.values()]
    return sum(rows) if min(rows) >= 0 else -1


def _otherwise(fk: ForeignKey, feeding: Mapping[str, Entry]) -> str:
    """Where another source's rows refer by the same columns; '' if nowhere else."""
    for alias, entry in feeding.items():
        for one in entry.table.foreign_keys:
            if one.columns == fk.columns and (one.references, one.referenced) != (fk.references, fk.referenced):
                return f"that of {alias} leads to {one.references} ({', '.join(one.referenced)})"
    return ""


def _lost(alias: str, entry: Entry, table: Table) -> list[Finding]:
    """What a source's table has and the whole one, which is like the first's, has not."""
    own, said = entry.table, []
    if own.key != table.key:
        said.append(f"its primary key ({', '.join(own.key) or 'none'}): the table's is ({', '.join(table.key)})")
    there = {(one.columns, one.unique, one.where) for one in table.indexes}
    said += [
        f"index {one.name} on {', '.join(one.columns)}" for one in own.indexes
        if (one.columns, one.unique, one.where) not in there
    ]  # fmt: skip
    keys = {(fk.columns, fk.references) for fk in table.foreign_keys}
    said += [
        f"foreign key {fk.name} to {fk.references}"
        for fk in own.foreign_keys
        if (fk.columns, fk.references) not in keys
    ]
    where = f"{alias}:{entry.source.name}"
    return [Finding("note", where, f"not carried into {table.name}: {one}", "consolidated-lost") for one in said]


def _with(entry: Entry, table: Table, first: Entry) -> Entry:
    columns = {column.target: column for column in first.columns}
    return replace(entry, table=table, columns=tuple(_typed(one, columns[one.target]) for one in entry.columns))


def _typed(column: ColumnPlan, like: ColumnPlan) -> ColumnPlan:
    """The column as the table has it: its type is the same already, its native word may depend on keys."""
    return replace(column, native=like.native, base=like.base)


def check_same(table: Relation, columns: Mapping[str, Sequence[ColumnPlan]]) -> None:
    """RequestError where planning made other columns of one source's than of another's: they share one table."""
    (first, known), *others = columns.items()
    for alias, made in others:
        for one, other in zip(known, made, strict=True):
            mine, theirs = ((c.target, c.stored, c.canon, c.nulled, replace(c.type, native="")) for c in (one, other))
            if mine != theirs:
                raise RequestError(
                    f"{table}.{one.target} would be {one.native} ({one.type}) for rows of {first}, and {other.native} "
                    f"({other.type}) for those of {alias}.", table=str(table), column=one.target,
                    remedy=f"Give both one type: transforms: [cast: {{{one.target}: ...}}].",
                )  # fmt: skip
