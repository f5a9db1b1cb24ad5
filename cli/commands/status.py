"""`ropeway status`: how far a run is, from another terminal."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import say
from ..options import Manner

if TYPE_CHECKING:
    from ..wire import Recorded

_EVERY = 1.0  # seconds


def status(
    *,
    run: Annotated[str, typer.Argument(help="The run; by default the latest one here.", show_default=False)] = "",
    target: Annotated[
        str,
        typer.Option("--target", metavar="URL", help="List the runs that a target remembers.", show_default=False),
    ] = "",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the run ends.")] = False,
    manner: Manner,
) -> None:
    """Say how far a run is. Without --target this reads '.ropeway' in the current folder, and no database.

    Examples:

      ropeway status

      ropeway status --follow

      ropeway status --target 'postgresql://loader@new/shop'
    """
    from ..record import folder_of

    if target:
        _of_target(target, run)
        return
    folder = folder_of(run)
    shape = read_status(folder)
    if follow and not say.voice().json:
        for shape in _followed(folder):
            say.out(line(shape))
            sys.stdout.flush()  # into a pipe, too, at once
    elif follow:
        *_, shape = _followed(folder)
    say.data(shape)
    if not follow:
        show(shape)


def read_status(folder: Path) -> dict[str, Any]:
    """A run's state and figures, from its events."""
    from ..record import events

    tables: dict[str, dict[str, Any]] = {}
    shape: dict[str, Any] = {"run": folder.name, "status": "unknown", "rows": 0, "moving": 0, "tables": []}
    process: tuple[str, int] = ("", 0)
    for event in events(folder):
        kind = event["event"]
        shape["last"] = event["at"]
        if kind == "planned":
            process = (event["host"], event["pid"])
            tables = {one["hop"]: {**one, "durable": 0, "moving": 0, "landed": 0} for one in event["tables"]}
            shape.update(source=event["source"], target=event["target"], started=event["at"], status="running")
        elif kind == "landed" and event["hop"] in tables:
            tables[event["hop"]]["durable"] += event["rows"]
            tables[event["hop"]]["landed"] += 1
        elif kind == "moving":
            for hop, rows in event["rows"].items():
                tables[hop]["moving"] = max(rows, tables[hop]["moving"])
        elif kind == "moved":
            shape["status"] = "ending"
        elif kind == "error":
            shape["message"] = event["message"]
        elif kind == "ended":
            shape["status"] = event["status"]
    if shape["status"] in ("running", "ending") and not _is_alive(*process):
        shape["status"] = "killed"
    shape["rows"] = sum(table["durable"] for table in tables.values())
    shape["moving"] = sum(max(table["moving"], table["durable"]) for table in tables.values())
    shape["tables"] = [
        {"source": t["source"], "target": t["target"], "rows": t["rows"] if t["rows"] >= 0 else None,
         "moving": max(t["moving"], t["durable"]), "durable": t["durable"], "slices": t["slices"],
         "landed": t["landed"]}
        for t in tables.values()
    ]  # fmt: skip
    return shape


def _is_alive(host: str, process: int) -> bool:
    """Whether the process is there; of another machine's processes nothing is known."""
    if host != socket.gethostname():
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _followed(folder: Path) -> Iterator[dict[str, Any]]:
    """The state whenever it has changed, until the run ends."""
    last: dict[str, Any] = {}
    while True:
        shape = read_status(folder)
        if shape != last:
            yield shape
        if shape["status"] not in ("running", "ending"):
            return
        last = shape
        time.sleep(_EVERY)


def line(shape: dict[str, Any]) -> str:
    """A run in one line."""
    done = sum(table["landed"] == table["slices"] for table in shape["tables"])
    message = f": {shape['message']}" if shape.get("message") else ""
    return (
        f"Run {shape['run']} {shape['status']}{message}  {shape['moving']:,} rows moving, {shape['rows']:,} durable, "
        f"{done} of {len(shape['tables'])} tables"
    )


def show(shape: dict[str, Any]) -> None:
    """A run, for people."""
    say.out(line(shape))
    say.table(
        ("source", "target", "rows", "moving", "durable", "slices", "landed"),
        [
            (t["source"], t["target"], -1 if t["rows"] is None else t["rows"], t["moving"], t["durable"], t["slices"],
             t["landed"])
            for t in shape["tables"]
        ],
    )  # fmt: skip
    if shape["status"] in ("killed", "interrupted", "failed"):
        say.out("What has landed stays. Go on with the command that began it, and --resume.")


def _of_target(url: str, run: str) -> None:
    from ..job import place
    from ..wire import status as recorded

    found, secret = place(url)
    say.hide(secret)
    _refuse_if_written(str(found))
    known: list[Recorded] = [one for one in recorded(url) if run in ("", one.run)]
    say.data({"target": str(found), "runs": [vars(one) for one in known]})
    say.table(("run", "state", "started", "by"), [(one.run, one.state, one.started, one.by) for one in known])
    if not known:
        say.out(f"{found} remembers no run{' ' + run if run else ''}.")


def _refuse_if_written(target: str) -> None:
    """Do not open a target of one writer while a run of this folder writes to it: it may lock that out."""
    from ...transfer.engines import engine_of
    from ...transfer.errors import RequestError
    from ..record import runs

    if engine_of(target.partition("://")[0]).writers == "many":
        return
    for folder in runs()[-5:]:
        shape = read_status(folder)
        if shape.get("target") == target and shape["status"] in ("running", "ending"):
            raise RequestError(
                f"Run {folder.name} is writing to {target}, which takes one writer, so it is left alone.",
                remedy=f"ropeway status {folder.name}",
            )
