"""`ropeway clean`: what a run left behind, listed first, then dropped."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from .. import say, streams
from ..options import Known, Manner

if TYPE_CHECKING:
    from ...transfer.clean import Left


def clean(
    *,
    known: Known,
    undo: Annotated[
        bool, typer.Option("--undo", help="Undo a run that ended, too: drop its tables, swap the old ones back.")
    ] = False,
    early: Annotated[
        bool, typer.Option("--early", help="Drop replaced tables before the time for which --keep has them kept.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    manner: Manner,
) -> None:
    """List what a run left in its target, then drop it and forget the run.

    Of a finished run that are its staging tables, old tables and pre-images: the way back is gone with them, the
    moved rows stay. Of a run that did not end it is everything the run made: it is undone. With --json and
    without --yes nothing is dropped.

    Examples:

      ropeway clean 260114093042a7f1 --target postgresql://loader@new/shop

      ropeway clean 260114093042a7f1 --target sqlite:///shop.sqlite --undo --yes
    """  # fmt: skip
    from ..job import place
    from ..wire import clean as remove
    from ..wire import leftovers

    run, url = known.run, known.url()
    found, secret = place(url)
    say.hide(secret)
    left = leftovers(run, url, undo=undo)
    _list(left, undo=undo)
    if not yes and not _agreed(left):
        say.data(_shape(left, removed=False))
        say.note(f"Nothing was changed. {found} keeps run {run}.")
        return
    streams.go_on()
    left = remove(run, url, undo=undo, early=early)
    say.keep(f"Run {run} is cleaned up.")
    say.data(_shape(left, removed=True))
    say.out(f"Removed {say.count(len(left.statements) + len(left.rows), 'thing')}; run {run} is forgotten.")


def _list(left: Left, *, undo: bool) -> None:
    from ...transfer.ledger import UNDOING

    unfinished = left.state in ("running", UNDOING)
    what = "did not end" if unfinished else f"is {left.state}"
    say.out(f"Run {left.run} {what}" + (", and will be undone:" if undo or unfinished else ":"))
    say.table(("what", "statement"), [(one.name.split(" ", 1)[1], one.forward) for one in left.statements])
    for table in left.rows:
        say.out(f"Its files of {table} are deleted.")
    if left.rejected:
        rows = say.count(left.rejected, "rejected row")
        say.warn(f"{rows} of the run go too: 'ropeway rejects {left.run} --out DIR' writes them.")
    if not left.statements and not left.rows and not left.rejected:
        say.out("It left nothing to drop.")
    for what in left.stuck:
        say.out(f"No way back: {what}")


def _agreed(left: Left) -> bool:
    """Ask, where there is somebody to be asked."""
    if say.voice().json or not sys.stdin.isatty():
        return False
    things = say.count(len(left.statements) + len(left.rows), "thing")
    return typer.confirm(f"Drop {things} and forget the run?", err=True)


def _shape(left: Left, *, removed: bool) -> dict[str, object]:
    return {
        "run": left.run,
        "state": left.state,
        "removed": removed,
        "statements": [{"what": one.name.split(" ", 1)[1], "sql": one.forward} for one in left.statements],
        "files_of": list(left.rows),
        "no_way_back": list(left.stuck),
        "rejected": left.rejected,
    }
