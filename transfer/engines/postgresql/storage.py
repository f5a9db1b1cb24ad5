"""How a job has PostgreSQL keep a table: the share of a page that is filled, and small indexes of ranges of pages."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ...errors import RequestError
from ...schema.catalogue import Index, Part, Table
from ...schema.storing import check_known

if TYPE_CHECKING:
    from . import PostgreSql


def stored(engine: PostgreSql, table: Table, options: dict[str, Any]) -> Table:
    """The table with its storage; a partitioned one has it in each partition that has rows."""
    check_known(engine.name, options, ("fillfactor", "brin"))
    indexes = [_brin(engine, table, name) for name in options.get("brin", ())]
    table = replace(table, indexes=(*table.indexes, *indexes))
    if "fillfactor" not in options:
        return table
    given = f"fillfactor={options['fillfactor']}"
    if table.parts:
        return replace(table, parts=tuple(_filled(part, table, given) for part in table.parts))
    kept = [one for one in table.storage.split(", ") if one and not one.startswith("fillfactor=")]
    return replace(table, storage=", ".join([*kept, given]))


def _filled(part: Part, table: Table, given: str) -> Part:
    """Only what has rows itself takes storage parameters, and its own come first."""
    owners = {one.owner for one in table.parts}
    own = " WITH (" in part.clause.removeprefix("FOR VALUES WITH (")
    if part.name in owners or " PARTITION BY " in part.clause or own:
        return part
    return replace(part, clause=f"{part.clause} WITH ({given})")


def _brin(engine: PostgreSql, table: Table, name: str) -> Index:
    if name not in {column.name for column in table.columns}:
        raise RequestError(
            f"storage: brin names {name}, and {table.name} has no such column.", table=str(table.name), column=name,
            remedy=f"Columns there: {', '.join(column.name for column in table.columns)}.",
        )  # fmt: skip
    native = f"USING brin ({engine.quote(name)})"
    return Index(engine.name_of(f"{table.name.table}_{name}_brin"), (name,), native=native, method="brin")
