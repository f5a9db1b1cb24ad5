"""A table as its transforms leave it: from there on it is planned as if the source had it so."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..canonical import canon_of
from ..engines.exact import family
from ..errors import RequestError
from ..plan import ColumnPlan, Finding
from ..rules import Read
from ..shaping import Field, chain, fields_of
from ..types import Fidelity, Type
from .catalogue import Column, ForeignKey, Index, Relation, Table
from .meaning import chosen, meant
from .selection import Selected

if TYPE_CHECKING:
    from .entry import Ends, Entry

KIND = "transformed"  # of a table whose rows the source's own SQL does not have


@dataclass(frozen=True)
class Reshaped:
    """A selected table behind its transforms: `selected` has it so, `read` is as it was, `reading` what is read of it.

    `fields` are its columns by now, each with what it comes from.
    """

    selected: Selected
    read: Table
    reading: tuple[ColumnPlan, ...]
    fields: tuple[Field, ...]
    findings: tuple[Finding, ...]

    @property
    def names(self) -> dict[str, str]:
        """The source's columns that are still there, to what they are called; the unchanged one of two."""
        return {f.origin: f.name for f in sorted(self.fields, key=lambda field: not field.changed) if f.origin}

    def of(self, name: str) -> tuple[Field, ColumnPlan | None]:
        """A column, and the one of the source that it comes from."""
        field = next(one for one in self.fields if one.name == name)
        return field, next((one for one in self.reading if one.source == field.origin), None)


def _reshaped(item: Selected, reading: Sequence[ColumnPlan]) -> Reshaped:
    """What the transforms of a choice make of the columns that are read. RequestError where they do not fit."""
    steps = chain(item.choice.transforms, fields_of(reading))
    fields = steps[-1].shaped.fields
    made = Reshaped(item, item.table, tuple(reading), fields, ())
    table, lost = _table(made)
    said = tuple(
        Finding("note", str(table.name), f"{one} is not carried: transforms change what it names", "transform-lost")
        for one in lost
    )
    return replace(made, selected=Selected(table, item.choice), findings=said)


def behind(ends: Ends, item: Selected, profile: tuple[Mapping[str, str], Sequence[Finding]]) -> Reshaped:
    """A table behind its transforms; its rows decide what they are read as, before."""
    decided, findings = profile
    made = _reshaped(item, _reading(ends, item, decided))
    return replace(made, findings=(*findings, *made.findings))


def _reading(ends: Ends, item: Selected, decided: Mapping[str, str]) -> list[ColumnPlan]:
    """What is read of a table, before its transforms."""
    within = ends.source.family == ends.target.family
    reading = []
    for column in chosen(item):
        meaning, rule = meant(ends.source, item, column, decided, within=within)
        zone = dict(item.choice.zones).get(column.name, "")
        reading.append(ColumnPlan(
            source=column.name, target=column.name, type=meaning, native="", fidelity=rule.fidelity, why=rule.why,
            project=rule.projected(meaning.native or column.native, ends.source.quote(column.name)),
            canon=canon_of(meaning), nullable=column.nullable or rule.nulls, declared=column.base or column.native,
            zone=zone, zone_rule=(item.choice.zone_rule or "stop") if zone else "",
        ))  # fmt: skip
    return reading


def fields_behind(ends: Ends, item: Selected, profile: tuple[Mapping[str, str], Sequence[Finding]]) -> list[Field]:
    """The columns that the transforms of a choice leave; those that are read, if it has none."""
    fields = fields_of(_reading(ends, item, profile[0]))
    steps = chain(item.choice.transforms, fields)
    return list(steps[-1].shaped.fields if steps else fields)


def left(made: Reshaped, column: Column) -> tuple[Type, Read]:
    """What a column means that transforms left."""
    field, read = made.of(column.name)
    fidelity, why = (read.fidelity, read.why) if read else (Fidelity.EXACT, "made by transforms")
    if read and field.changed:
        why = "; ".join(filter(None, (why, f"{read.source}, changed by transforms")))
    meaning = replace(field.type, native="") if field.changed else field.type
    return meaning, Read("", lambda _native: meaning, fidelity=fidelity, why=why)


def _table(made: Reshaped) -> tuple[Table, list[str]]:
    """The table with what still holds of it, and in words what does not."""
    table, names = made.read, made.names
    unchanged = {field.origin for field in made.fields if not field.changed and field.name == field.origin}
    touched = [column.name for column in table.columns if column.name not in unchanged]
    columns = tuple(_column(made, field) for field in made.fields)
    lost = [f"the default of {c.name}: {c.default}" for c in table.columns if c.default and _loses(made, c)]
    lost += [f"that {c.name} counts by itself" for c in table.columns if c.identity and _loses(made, c)]
    lost += [f"that {c.name} is computed" for c in table.columns if c.generated and touched]
    key = tuple(names[name] for name in table.key) if set(table.key) <= set(names) else ()
    lost += [f"primary key on {', '.join(table.key)}"] if table.key and not key else []
    indexes = [_index(index, names, touched) for index in table.indexes]
    lost += [f"index {old.name}" for old, new in zip(table.indexes, indexes, strict=True) if new is None]
    foreign = tuple(
        replace(fk, columns=tuple(names[name] for name in fk.columns))
        for fk in table.foreign_keys if set(fk.columns) <= set(names)
    )  # fmt: skip
    lost += [f"foreign key {fk.name}" for fk in table.foreign_keys if not set(fk.columns) <= set(names)]
    checks = tuple(check for check in table.checks if not _named(check.condition, touched))
    lost += [f"check {check.name}" for check in table.checks if check not in checks]
    apart = ("partitioned", "parts", "own", "traits", "keyed", "versioned") if touched else ()
    lost += [f"what only its own kind of engine has ({name})" for name in apart if getattr(table, name)]
    return replace(
        table, kind=KIND, columns=columns, key=key, indexes=tuple(one for one in indexes if one), foreign_keys=foreign,
        checks=checks, physical={}, **{name: type(getattr(table, name))() for name in apart},
    ), lost  # fmt: skip


def _loses(made: Reshaped, column: Column) -> bool:
    """Whether a default says nothing any more of the column that came of this one."""
    return column.name in made.names and all(
        field.changed for field in made.fields if field.origin == column.name
    )  # fmt: skip


def _column(made: Reshaped, field: Field) -> Column:
    known = made.read.column(field.origin) if field.origin else None
    if known is None or field.changed:
        comment = known.comment if known else ""
        return Column(field.name, "", field.nullable, comment=comment)
    return replace(known, name=field.name, nullable=field.nullable, generated="", virtual=False)


def _index(index: Index, names: Mapping[str, str], touched: Sequence[str]) -> Index | None:
    said = " ".join((index.where, *index.keys, *(() if index.columns else (index.native,))))
    if not set(index.columns) <= set(names) or _named(said, touched) or (touched and index.keys):
        return None
    return replace(
        index, columns=tuple(names[name] for name in index.columns),
        descending=tuple(names[name] for name in index.descending),
        include=tuple(names[name] for name in index.include if name in names),
        native="" if touched else index.native,
    )  # fmt: skip


def _named(sql: str, names: Sequence[str]) -> bool:
    return any(re.search(rf"(?i)\b{re.escape(name)}\b", sql) for name in names)


def referring(table: Table, names: Mapping[Relation, Mapping[str, str]]) -> tuple[Table, list[Finding]]:
    """The table whose foreign keys call columns of transformed tables as these do, and those that refer to none now."""
    kept: list[ForeignKey] = []
    lost: list[Finding] = []
    for fk in table.foreign_keys:
        there = names.get(fk.references, {name: name for name in fk.referenced})
        gone = [name for name in fk.referenced if name not in there]
        if gone:
            said = f"foreign key {fk.name} is not carried: transforms of {fk.references} leave out {', '.join(gone)}"
            lost.append(Finding("note", str(table.name), said, "foreign-key-lost"))
        else:
            kept.append(replace(fk, referenced=tuple(there[name] for name in fk.referenced)))
    return replace(table, foreign_keys=tuple(kept)), lost


def check_alike(entries: Sequence[Entry]) -> None:
    """RequestError where transforms changed the kind of one side of a foreign key, and not of the other."""
    by_name = {entry.table.name: entry for entry in entries}
    for entry in entries:
        for fk in entry.table.foreign_keys:
            parent = by_name.get(fk.references)
            if parent and (entry.reshaped or parent.reshaped):
                here, there = ({c.target: c.type for c in one.columns} for one in (entry, parent))
                for name, referenced in zip(fk.columns, fk.referenced, strict=True):
                    _check_kinds(entry, name, here.get(name), referenced, there.get(referenced))


def _check_kinds(entry: Entry, name: str, here: Type | None, referenced: str, there: Type | None) -> None:
    if here and there and family(here.arrow) != family(there.arrow):
        raise RequestError(
            f"{entry.table.name}.{name} is {here}, and refers to {referenced}, which is {there} behind transforms.",
            table=str(entry.table.name), column=name, remedy="Change both alike, or drop one of them.",
        )  # fmt: skip
