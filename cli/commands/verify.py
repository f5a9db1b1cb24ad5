"""`ropeway verify`: prove it, again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...transfer.request import LEVELS
from .. import say
from ..options import Asked, Manner, one_of

if TYPE_CHECKING:
    from ...verify.report import Report


def verify(
    *,
    asked: Asked,
    level: Annotated[
        str,
        typer.Option(
            "--level",
            metavar="LEVEL",
            callback=one_of(LEVELS[1:]),
            show_default=False,
            help="How deep to compare: count, standard or full. Default: as in the run.",
        ),
    ] = "",
    manner: Manner,
) -> None:
    """Compare what a finished run read with what the target holds now. Writes nothing.

    The run is the latest one of the same job; its plan and receipts are in the target, so this works from any
    machine. A claim says what was compared: 'target equals what was read' says nothing of what the source holds
    today.

    Examples:

      ropeway verify job.yaml

      ropeway verify plan-monday --level count

      ropeway verify --source sqlite:///shop.sqlite --target duckdb:///shop.duckdb --json
    """  # fmt: skip
    from ...transfer.errors import DifferenceFound, RequestError
    from ..overlay import wanted_of
    from ..shapes import verify_shape
    from ..wire import verify as compare
    from ..written import is_written, written_of

    if is_written(asked):
        plan, wanted = written_of(asked)
        report = compare(plan, level=level or asked.verify, secrets=wanted.secrets)
    else:
        wanted = wanted_of(asked)
        report = compare(wanted.request, level=level or asked.verify, secrets=wanted.secrets)
    shape = verify_shape(report)
    say.data(shape)
    show(shape)
    differing = [table for table in shape["tables"] if table["claim"] == "different"]
    if differing:
        names = ", ".join(table["target"] for table in differing)
        raise DifferenceFound(f"{len(differing)} of {len(shape['tables'])} tables differ from what was read: {names}.")
    if not shape["equal"]:
        raise RequestError(_unproven(report))


def _unproven(report: Report) -> str:
    tables = [f"{table.target} ({table.reason})" for table in report.tables if not table.equal]
    return f"{len(tables)} of {len(report.tables)} tables could not be verified: {', '.join(tables)}."


def show(shape: dict[str, Any]) -> None:
    """A verification, for people."""
    say.table(
        ("source", "target", "rows read", "rows there", "claim", "how"),
        [
            (table["source"], table["target"], table["rows_source"], table["rows_target"], table["claim"],
             table["reason"] or table["how"])
            for table in shape["tables"]
        ],
    )  # fmt: skip
    for table in shape["tables"]:
        for what in table["left_out"]:
            say.out(f"{table['target']}: not compared: {what}")
