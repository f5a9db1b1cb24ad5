"""`ropeway pause`: a run that moves is told, from another terminal, to begin no slice until it may go on."""

from __future__ import annotations

from typing import Annotated

import typer

from .. import say, streams
from ..options import Manner


def pause(
    *,
    run: Annotated[str, typer.Argument(help="The run; by default the latest one here.", show_default=False)] = "",
    end: Annotated[bool, typer.Option("--end", help="Let it go on.")] = False,
    manner: Manner,
) -> None:
    """Let a run land the slices under way, and begin no other until 'ropeway pause --end'.

    The run must have been begun in this folder. Its instant is held meanwhile, as its source holds it.

    Examples:

      ropeway pause

      ropeway pause 260114093042a7f1 --end
    """  # fmt: skip
    from ...transfer.errors import RequestError
    from ...transfer.throttle import PAUSE
    from ..record import folder_of
    from .status import read_status

    folder = folder_of(run)
    shape = read_status(folder)
    if shape["status"] != "running" and not end:
        raise RequestError(f"Run {folder.name} is not moving: it is {shape['status']}.")
    file = folder / PAUSE
    if end:
        file.unlink(missing_ok=True)
    else:
        file.touch()
    streams.go_on()
    say.keep(f"Run {folder.name} {'goes on' if end else 'pauses'}.")
    say.data({"run": folder.name, "paused": not end})
    say.out(f"Run {folder.name} {'goes on' if end else 'begins no other slice until: ropeway pause --end'}.")
