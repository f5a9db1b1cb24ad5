"""`ropeway merged`: which row stays in the place of one that a run removed, and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from .. import say
from ..options import Manner


def merged(
    *,
    run: Annotated[str, typer.Argument(help="The run; by default the latest one here.", show_default=False)] = "",
    table: Annotated[
        str, typer.Option("--table", metavar="NAME", help="The target's table; all if left out.", show_default=False)
    ] = "",
    key: Annotated[
        list[str] | None,
        typer.Option(
            "--key",
            metavar="VALUE",
            show_default=False,
            help="The key of a removed row: a value for each of its columns, in their order.",
        ),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="At most so many rows of a table.")] = 20,
    manner: Manner,
) -> None:
    """Show what a run merged: each removed row with the key of the row that stays, the rule, its values.

    Reads the lists that the run has left in '.ropeway' in this folder.

    Examples:

      ropeway merged

      ropeway merged --table person --key 17 --json
    """  # fmt: skip
    from ..looking import merged as looked_up

    found = looked_up(run, table, key or (), limit)
    say.data(found)
    for one in found["tables"]:
        show(one, key or ())


def show(one: dict[str, Any], key: Sequence[str]) -> None:
    """What was merged of a table, for people."""
    if key and not one["rows"]:
        say.out(f"{one['table']}: no row with the key {', '.join(key)} was merged into another.")
        return
    many, approved = say.count(one["removed"], "row"), one["approved"]
    ways = f"{one['removed'] - approved:,} by the key, {approved:,} by approved pairs" if approved else "all by the key"
    say.out(f"{one['table']}: {many} merged into {say.count(one['into'], 'other')}, {ways}; keep: {one['rule']}.")
    rows(one["key"], one["rows"])


def rows(key: Sequence[str], found: Sequence[dict[str, Any]]) -> None:
    """Removed rows, each with the key of the one that stays."""
    say.table(
        (", ".join(key), "stays", "rule", "were one by", "the removed row"),
        [
            (_line(row["key"]), _line(row["kept"]), row["rule"], row["same"],
             ", ".join(f"{name}={_cell(value)}" for name, value in row["row"].items()))
            for row in found
        ],
    )  # fmt: skip


def _line(key: list[Any]) -> str:
    return ", ".join(_cell(value) for value in key)


def _cell(value: Any) -> str:
    return "NULL" if value is None else str(value)
