"""What only one kind of engine knows of a table: kept between two of that kind, or said to stay behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ..plan import Finding, Grade
from .catalogue import Column, ForeignKey, Table, Trait

if TYPE_CHECKING:
    from .entry import Ends

_SHOWN = 5  # partitions by name


def kept(table: Table, source: Table, ends: Ends) -> tuple[Table, list[Finding]]:
    """The target's table with what the source's kind of engine knows of it, and findings for what stays behind."""
    findings: list[Finding] = []
    same = ends.source_words.dialect == ends.target_words.dialect
    natives = {column.name: column.native for column in source.columns}
    there = {column.name for column in table.columns if same and natives.get(column.name) == column.native}
    columns = tuple(_counted(column, source, findings, same=same) for column in table.columns)
    whole = same and natives.keys() <= {column.name for column in table.columns}
    foreign = tuple(_acting(fk, source, findings, kept=whole) for fk in table.foreign_keys)
    held = [t for t in source.traits if same and set(t.columns) <= there and _holds(t, table, ends)]
    findings += _lost(source, [trait for trait in source.traits if trait not in held])
    traits = tuple(replace(trait, on=ends.name(trait.on) if trait.on else "") for trait in held)
    keyed = source.keyed if whole else ""
    if keyed != source.keyed and table.key:
        said = f"its primary key arrives without {source.keyed}"
        findings.append(Finding("note", str(source.name), said, "index-changed"))
    named = ends.name(source.key_name) if ends.target_words.keys_named and table.key else ""
    if source.key_name and table.key and not named:
        said = f"its primary key arrives without its name {source.key_name}"
        findings.append(Finding("note", str(source.name), said, "index-changed"))
    made = replace(table, columns=columns, foreign_keys=foreign, keyed=keyed, key_name=named, traits=traits)
    return made, findings


def _holds(trait: Trait, table: Table, ends: Ends) -> bool:
    """Whether a place of the same kind takes it: it has the partition, and the tablespace."""
    spaced = not trait.space or trait.space in ends.target_words.spaces
    return bool(trait.forward and spaced and (table.parts or not trait.part))


def _lost(source: Table, traits: Sequence[Trait]) -> list[Finding]:
    """A finding for each, or one for all partitions that have the same."""
    found: dict[tuple[Grade, str, bool], list[str]] = {}
    for trait in traits:
        found.setdefault((trait.grade, trait.what, bool(trait.part)), []).append(trait.part)
    return [
        Finding(grade, str(source.name), f"not carried{f' (of {_listed(parts)})' if single else ''}: {what}",
                "object-lost")
        for (grade, what, single), parts in found.items()
    ]  # fmt: skip


def _listed(parts: Sequence[str]) -> str:
    more = f" and {len(parts) - _SHOWN} more" if len(parts) > _SHOWN else ""
    return f"partition{'s' if len(parts) > 1 else ''} {', '.join(parts[:_SHOWN])}{more}"


def _counted(column: Column, source: Table, findings: list[Finding], *, same: bool) -> Column:
    """The identity with the limits that it has, or without them where the target's words for them are others."""
    if same or not column.counts:
        return column
    said = f"its identity has further rules in the source: {column.counts}"
    findings.append(Finding("note", f"{source.name}.{column.name}", said, "identity-changed"))
    return replace(column, counts="")


def _acting(foreign: ForeignKey, source: Table, findings: list[Finding], *, kept: bool) -> ForeignKey:
    """A foreign key that sets some of its columns only, or one that lets no parent go."""
    if "(" not in foreign.on_delete or kept:
        return foreign
    said = f"foreign key {foreign.name} arrives without ON DELETE {foreign.on_delete}: nothing there sets some of its "
    said += "columns only, so a row that is referred to cannot be deleted"
    findings.append(Finding("warning", str(source.name), said, "foreign-key-changed"))
    return replace(foreign, on_delete="")
