"""Native types and identities that suit each column alone and not the table: the engine says what it needs instead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..engine import Engine
from ..plan import ColumnPlan, Finding
from ..types import Fidelity
from .catalogue import Table
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
