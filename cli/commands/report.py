"""`ropeway report`: what happened, for people and for the file."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from .. import say
from ..options import Manner, Page


def report(
    *,
    run: Annotated[str, typer.Argument(help="The run; by default the latest one here.", show_default=False)] = "",
    html: Page = None,
    manner: Manner,
) -> None:
    """Show the report of a run that ended: rows, seconds, claims, findings. Reads '.ropeway' in this folder.

    Examples:

      ropeway report

      ropeway report --html report.html
    """  # fmt: skip
    from ..wire import report as read

    found = read(run)
    if html:
        from ..page import page, write_page

        write_page(html, page(found))
        say.keep(f"The page is written: {html}")
    say.data(found)
    show(found)


def show(found: dict[str, Any]) -> None:
    """A report, for people."""
    from .merged import rows as show_merged
    from .run import show as show_run
    from .verify import show as show_verification

    say.out(f"{found['source']} -> {found['target']}")
    show_run(found)
    say.table(
        ("target", "how it was compared", "checksum"),
        [
            (target, proof["how"], proof["checksum_target"])
            for target, proof in found["proofs"].items()
            if proof["how"] and (say.voice().verbose or proof["checksum_target"])
        ],
    )
    for target, proof in found["proofs"].items():
        for what in proof["left_out"]:
            say.out(f"{target}: not compared: {what}")
    for one in found.get("merged", ()):
        if one.get("first") and not say.voice().quiet:
            more = one["listed"] - len(one["first"])
            say.out(
                f"{one['table']}: what was merged into what"
                + (f"; 'ropeway merged' shows {more:,} more" if more else "")
            )
            show_merged(one["key"], one["first"])
    if later := found.get("verified_later"):
        say.out(f"Verified again at {later['at']}, at level {later['level']}:")
        show_verification(later)
    if not say.voice().quiet:
        known = [
            (f["grade"] + (", waived" if f["waived"] else ""), f["name"], f["where"], f["message"])
            for f in found["findings"]
        ]
        say.table(("", "name", "where", "what to know"), known)
