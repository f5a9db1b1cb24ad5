"""`ropeway rollback`: the tables that a run replaced, in their places again."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from .. import say, streams
from ..options import Known, Manner

if TYPE_CHECKING:
    from ...transfer.reversal import Returned


def rollback(
    *,
    known: Known,
    discard_writes: Annotated[
        bool, typer.Option("--discard-writes", help="Put them back even if the new ones were written to since.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    manner: Manner,
) -> None:
    """Put the tables back that a run in mode replace has replaced; the new ones stay beside them until 'clean'.

    It is refused, before anything is changed, where a new table was written to since it was swapped in. Each table is
    put back in one step; a rollback that was interrupted can be repeated. With --json and without --yes nothing is
    changed.

    Examples:

      ropeway rollback 260114093042a7f1 --target postgresql://loader@new/shop

      ropeway rollback 260114093042a7f1 --target sqlite:///shop.sqlite --discard-writes --yes
    """
    from ..back import rollback as put_back
    from ..back import would_return
    from ..job import place

    run, url = known.run, known.url()
    _, secret = place(url)
    say.hide(secret)
    found = would_return(run, url)
    say.table(("table", "put back from", "the new one becomes"), [(o.relation, o.kept, o.shadow) for o in found])
    for one in found:
        if one.keymap:
            say.note(f"{one.keymap} stays, with the keys of rows that are not merged any more. Drop it by hand.")
    if not yes and not _agreed(found):
        say.data(_shape(run, found, done=False))
        say.note("Nothing was changed.")
        return
    streams.go_on()
    found = put_back(run, url, discard_writes=discard_writes)
    say.keep(f"Run {run} is rolled back.")
    say.data(_shape(run, found, done=True))
    say.out(f"{say.count(len(found), 'table')} put back. 'ropeway clean {run}' drops what the run made of them.")


def _agreed(found: Sequence[Returned]) -> bool:
    """Ask, where there is somebody to be asked."""
    if say.voice().json or not sys.stdin.isatty():
        return False
    return typer.confirm(f"Put {say.count(len(found), 'table')} back?", err=True)


def _shape(run: str, found: Sequence[Returned], *, done: bool) -> dict[str, object]:
    return {
        "run": run, "rolled_back": done,
        "tables": [{"table": o.relation, "kept": o.kept, "new": o.shadow, "sql": o.statement, "map": o.keymap}
                   for o in found],
    }  # fmt: skip
