"""What suits each column alone and not the table, or not beside the others: types, identities, the order of keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..engine import Engine
from ..plan import ColumnPlan, Finding
from ..types import Fidelity
from .catalogue import ForeignKey, Table
from .entry import Entry


def fitted(
    engine: Engine, mode: str, table: Table, columns: Sequence[ColumnPlan]
) -> tuple[Table, tuple[ColumnPlan, ...]]:
    """The table and its columns with the types that fit together; unchanged where the table is there already."""
    ask = getattr(engine, "fitted", None) if mode in ("create", "replace") else None
    changes: dict[str, tuple[str, str]] = ask(table) if ask else {}
    if not changes:
        return table, tuple(columns)
    made = tuple(replace(c, native=changes[c.name][0]) if c.name in changes else c for c in table.columns)
    return replace(table, columns=made), tuple(
        _changed(column, *changes[column.target]) if column.target in changes else column for column in columns
    )


def _changed(column: ColumnPlan, native: str, why: str) -> ColumnPlan:
    order = list(Fidelity)
    level = Fidelity.WIDENED if native.startswith("long") else Fidelity.CONSTRAINED
    fidelity = max(column.fidelity, level, key=order.index)
    return replace(column, native=native, fidelity=fidelity, why="; ".join(filter(None, (column.why, why))))


def numbered(engine: Engine, entry: Entry) -> Entry:
    """The entry with those identities that its table can have; the others become plain columns, and that is said."""
    ask = getattr(engine, "unnumbered", None) if entry.mode in ("create", "replace") else None
    lost: dict[str, str] = ask(entry.table) if ask else {}
    if not lost:
        return entry
    columns = tuple(
        replace(c, identity=False, last=0, step=1, always=False) if c.name in lost else c for c in entry.table.columns
    )
    remedy = "Have the application or a trigger give its numbers."
    said = tuple(
        Finding("warning", f"{entry.table.name}.{name}", f"it gives no numbers in the target: {why}", "identity-lost",
                remedy)
        for name, why in lost.items()
    )  # fmt: skip
    return replace(entry, table=replace(entry.table, columns=columns), findings=(*entry.findings, *said))


def ordered(engine: Engine, entries: Sequence[Entry]) -> list[Entry]:
    """The entries with foreign keys in the order of the keys that they refer to, where the engine looks for that."""
    parents = {entry.table.name: entry.table for entry in entries} if engine.keys_in_order else {}
    made = []
    for entry in entries:
        keys = tuple(_in_order(fk, parents.get(fk.references)) for fk in entry.table.foreign_keys)
        made.append(replace(entry, table=replace(entry.table, foreign_keys=keys)))
    return made


def _in_order(foreign: ForeignKey, parent: Table | None) -> ForeignKey:
    keys = [parent.key, *(index.columns for index in parent.indexes if index.unique)] if parent else []
    if foreign.referenced in keys:
        return foreign
    order = next((key for key in keys if sorted(key) == sorted(foreign.referenced)), foreign.referenced)
    child = dict(zip(foreign.referenced, foreign.columns, strict=True))
    return replace(foreign, columns=tuple(child[name] for name in order), referenced=order)
