"""Runs that did not end, where none is of the job that is to be resumed: mostly it was begun with other options."""

from __future__ import annotations

from contextlib import suppress

from .engine import Loader, Row
from .errors import RequestError
from .plan import Plan, from_json

_SHOWN = 5
_TABLES = 3
_PIECE = 2**62  # rows of a slice that is the whole table


def nothing_to_resume(loader: Loader, states: tuple[str, ...]) -> RequestError:
    """The refusal, with the runs of other jobs in the target whose state is one of these, the latest first."""
    found = [row for row in loader.ledger.runs() if row[3] in states][::-1]
    said = "No run of this job is unfinished in the target"
    if not found:
        return RequestError(f"{said}.", remedy="Start one without --resume.")
    lines = [f"  {_told(loader, row)}" for row in found[:_SHOWN]]
    if len(found) > _SHOWN:
        lines.append(f"  and {len(found) - _SHOWN:,} earlier")
    return RequestError(
        f"{said}. Unfinished there, each of another job or of this one with other options:\n" + "\n".join(lines),
        remedy="What is read, what becomes of it and how it is cut (--slice-rows, say) make a job: give --resume all "
        f"options that the run was begun with, or list what it left and undo it: ropeway clean {found[0][0]} "
        "--target URL.",
    )


def _told(loader: Loader, row: Row) -> str:
    run, started, by = str(row[0]), row[4], row[5]
    said = f"{run}, begun {started} by {by}"
    with suppress(ValueError, KeyError, TypeError):  # the plan of a version that writes others
        return f"{said}: {_went(from_json(loader.ledger.plan(run)))}"
    return said


def _went(plan: Plan) -> str:
    tables = [str(hop.writes) for hop in plan.hops]
    more = f" and {len(tables) - _TABLES:,} more" if len(tables) > _TABLES else ""
    cut = f"--slice-rows {plan.slice_rows if plan.slice_rows < _PIECE else 0}"
    return f"{plan.read_from} to {', '.join(tables[:_TABLES])}{more}, {cut}"
