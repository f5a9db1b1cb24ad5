"""Tables of a stage: rows without keys on their way in, and with the key that a job names on their way out."""

from __future__ import annotations

from dataclasses import replace

from ..errors import RequestError
from .catalogue import Table
from .selection import Selected


def bare(table: Table) -> Table:
    """A table of which the rows alone are wanted: what else hangs on it would only cost time, or refuse rows."""
    columns = tuple(
        replace(column, identity=False, default="", generated="", numbers=None, refreshed="", nullable=True)
        for column in table.columns
    )
    return Table(table.name, columns, types=table.types, rows=table.rows, bytes=table.bytes, kind=table.kind)


def keyed(item: Selected) -> Selected:
    """A table of the stage with the key that its entry names. RequestError for a column that it lacks."""
    key, table = item.choice.key, item.table
    names = {column.name.lower(): column.name for column in table.columns}
    for name in key:
        if name.lower() not in names:
            raise RequestError(
                f"{item.choice.to}: key names {name!r}, which the query does not give.", table=item.choice.to,
                remedy=f"It gives {', '.join(names.values())}.",
            )  # fmt: skip
    spelled = tuple(names[name.lower()] for name in key)
    columns = tuple(replace(one, nullable=one.nullable and one.name not in spelled) for one in table.columns)
    return Selected(replace(table, columns=columns, key=spelled), item.choice)
