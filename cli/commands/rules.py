"""`ropeway rules`: the rules of a job, as other tools have them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import say
from ..options import Asked, Manner, one_of

FORMATS = ("dbt", "soda")


def rules(
    *,
    asked: Asked,
    format: Annotated[
        str, typer.Option("--format", metavar="TOOL", callback=one_of(FORMATS), help="Whose words: dbt or soda.")
    ] = "dbt",
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Write files there; shown if left out.", show_default=False),
    ] = None,
    manner: Manner,
) -> None:
    """Say the quality rules of a job's tables in the words of dbt or Soda, by the target's names.

    What has no counterpart there is named on standard error, and in a comment in the file. Changes neither source
    nor target.

    Examples:

      ropeway rules job.yaml --format dbt --out warehouse

      ropeway rules job.yaml --format soda
    """  # fmt: skip
    from ..overlay import wanted_of
    from ..wire import rules as exported

    wanted = wanted_of(asked)
    found = exported(wanted.request, format, wanted.secrets)
    for name, why in found.left_out:
        say.warn(f"left out: {name}: {why}.")
    if out:
        from ..rulebook import put

        put(found, out)
    say.data({
        "format": format,
        "files": [{"path": path, "text": text} for path, text in found.files.items()],
        "left_out": [{"rule": name, "why": why} for name, why in found.left_out],
    })  # fmt: skip
    for path, text in found.files.items():
        say.out(str(out / path) if out else f"{'--' if path.endswith('.sql') else '#'} {path}\n{text}")
