"""What only one kind of engine knows of a table: kept between two of that kind, or said to stay behind."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..plan import Finding
from .catalogue import Column, ForeignKey, Table

if TYPE_CHECKING:
    from .entry import Ends


def kept(table: Table, source: Table, ends: Ends) -> tuple[Table, list[Finding]]:
    """The target's table with what the source's kind of engine knows of it, and findings for what stays behind."""
    findings: list[Finding] = []
    same = ends.source_words.dialect == ends.target_words.dialect
    natives = {column.name: column.native for column in source.columns}
    there = {column.name for column in table.columns if same and natives.get(column.name) == column.native}
    columns = tuple(_counted(column, source, findings, same=same) for column in table.columns)
    whole = same and natives.keys() <= {column.name for column in table.columns}
    foreign = tuple(_acting(fk, source, findings, kept=whole) for fk in table.foreign_keys)
    traits = []
    for trait in source.traits:
        if same and trait.forward and set(trait.columns) <= there:
            traits.append(replace(trait, on=ends.name(trait.on) if trait.on else ""))
        else:
            findings.append(Finding(trait.grade, str(source.name), f"not carried: {trait.what}", "object-lost"))
    return replace(table, columns=columns, foreign_keys=foreign, traits=tuple(traits)), findings


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
