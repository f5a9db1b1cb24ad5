"""`ropeway rejects`: the rows that a run left behind."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import say, streams
from ..options import Known, Manner

if TYPE_CHECKING:
    from ...transfer.engine import Rejected


def rejects(
    *,
    known: Known,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", show_default=False, help="Write the rows as Parquet files into a folder."),
    ] = None,
    replay: Annotated[
        bool, typer.Option("--replay", help="Load them once more, after what was in their way is mended.")
    ] = False,
    manner: Manner,
) -> None:
    """List the rows that a run left behind (--max-rejects), with the reason for each.

    With --replay each is loaded once more: it lands once, or stays with what is said of it now. Exits with 4 if any
    is left.

    Examples:

      ropeway rejects 260114093042a7f1

      ropeway rejects 260114093042a7f1 --target postgresql://loader@new/shop --replay
    """  # fmt: skip
    from ...transfer.errors import DataError
    from ...transfer.unfit import READ
    from ..job import place
    from ..rejected import rejects as listed
    from ..rejected import replay as again
    from ..rejected import write

    run, url = known.run, known.url()
    say.hide(place(url)[1])
    if out:
        for file in write(listed(run, url), out):
            say.note(f"Written: {file}")
    if replay:
        streams.go_on()
    landed = sum(one.landed for one in again(run, url)) if replay else 0
    if replay or out:
        say.keep(f"{say.count(landed, 'row')} landed." if replay else f"The rows are in {out}.")
    rows = listed(run, url)
    say.data({"run": run, "landed": landed, "rejected": [_shape(one) for one in rows]})
    if replay:
        say.out(f"{say.count(landed, 'row')} landed.")
    say.table(
        ("table", "slice", "stage", "key", "why"),
        [(_table(one), one.slice, one.stage, one.key or one.values[:60], one.reason.splitlines()[0]) for one in rows],
    )
    say.out(f"{say.count(len(rows), 'row')} of run {run} rejected.")
    if replay and rows:
        unread = sum(one.stage == READ for one in rows)
        raise DataError(
            f"{say.count(len(rows), 'row')} of run {run} still rejected.",
            remedy=f"{say.count(unread, 'row')} of these could not be read, so there is nothing to load: mend them in "
            "the source, and move them by a job of their own." if unread else "",
        )  # fmt: skip


def _table(one: Rejected) -> str:
    return one.hop.partition(" ")[2]


def _shape(one: Rejected) -> dict[str, Any]:
    import json

    return {
        "table": _table(one), "slice": one.slice, "stage": one.stage, "reason": one.reason, "column": one.column,
        "key": one.key, "values": json.loads(one.values),
    }  # fmt: skip
