"""`ropeway inspect`: what there is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from .. import say
from ..options import Manner

if TYPE_CHECKING:
    from ...transfer.schema.catalogue import Table


def inspect(
    *,
    url: Annotated[str, typer.Argument(help="The place to look at.", show_default=False)],
    table: Annotated[
        list[str] | None,
        typer.Option("--table", metavar="GLOB", help="Tables, as schema.table or table. Repeats.", show_default=False),
    ] = None,
    manner: Manner,
) -> None:
    """Show the tables of a place: rows, bytes, types and keys.

    Rows and bytes are the engine's own estimates. Tables that are named by --table are shown with their columns.

    Examples:

      ropeway inspect sqlite:///shop.sqlite

      ropeway inspect 'postgresql://app:${APP_PASSWORD}@db1/shop' --table 'sales.*'
    """
    from ..job import place
    from ..shapes import inspect_shape
    from ..wire import inspect as look

    found, secret = place(url)
    say.hide(secret)
    tables = look(url, table or ("*",))
    say.data(inspect_shape(str(found), tables))
    say.table(
        ("table", "kind", "rows", "bytes", "columns", "key", "indexes", "foreign keys"),
        [
            (str(t.name), t.kind, t.rows, t.bytes, len(t.columns), ", ".join(t.key), len(t.indexes),
             len(t.foreign_keys))
            for t in tables
        ],
    )  # fmt: skip
    if table or say.voice().verbose:
        for one in tables:
            _columns(one)
    if not tables:
        say.out(f"{found} holds no tables.")


def _columns(table: Table) -> None:
    rows = []
    for column in table.columns:
        refers = [
            f"{fk.references}.{parent}"
            for fk in table.foreign_keys
            for child, parent in zip(fk.columns, fk.referenced, strict=True)
            if child == column.name
        ]
        key = "key" if column.name in table.key else ""
        rows.append(
            (column.name, column.native, "" if column.nullable else "not null", key, ", ".join(refers),
             column.default or column.generated)
        )  # fmt: skip
    say.table(("column", "type", "null", "key", "refers to", "default"), rows, title=str(table.name))
