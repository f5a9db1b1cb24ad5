"""`ropeway run`: do it, and prove it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import say, streams, version
from ..options import Asked, Manner, Metrics

if TYPE_CHECKING:
    from ...transfer.plan import Plan
    from ...transfer.request import Request
    from ..job import Wanted
    from ..record import Recorder
    from ..watching import Watching
    from ..wire import Outcome


def run(
    *,
    asked: Asked,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the job's run that did not end.", rich_help_panel="How")
    ] = False,
    fresh: Annotated[
        bool,
        typer.Option("--fresh", help="Undo the job's run that did not end, and begin anew.", rich_help_panel="How"),
    ] = False,
    mix_instants: Annotated[
        bool,
        typer.Option(
            "--mix-instants",
            help="On --resume, let a table cut by key hold rows of two instants.",
            rich_help_panel="How",
        ),
    ] = False,
    until: Annotated[
        str,
        typer.Option(
            "--until",
            metavar="TIME",
            show_default=False,
            rich_help_panel="How",
            help="End at this time of the day, as 06:00, once the slices under way have landed.",
        ),
    ] = "",
    metrics: Metrics = None,
    manner: Manner,
) -> None:
    """Carry out a job, or a plan that 'plan --out' wrote, and prove the result.

    A run that was interrupted or failed is taken up again by --resume: what has landed stays. Ctrl-C lets the
    slices under way land first; a second one stops at once, and loses nothing either.

    Examples:

      ropeway run --source sqlite:///shop.sqlite --target duckdb:///shop.duckdb

      ropeway run job.yaml --mode replace --workers 4 --max-memory 2GB

      ropeway run plan-monday

      ropeway run job.yaml --resume --until 06:00
    """  # fmt: skip
    from ..overlay import wanted_of
    from ..watching import watchers
    from ..written import is_written, written_of

    if resume and fresh:
        raise typer.BadParameter("--resume and --fresh exclude each other.")
    what, wanted = written_of(asked) if is_written(asked) else _asked(wanted_of(asked))
    if mix_instants and not resume:
        raise typer.BadParameter("--mix-instants is for --resume.")
    watching = watchers(metrics)
    outcome, recorder = carry_out(
        what, wanted, resume=resume, fresh=fresh, mix_instants=mix_instants, until=until, watching=watching
    )
    conclude(outcome, recorder, watching)


def _asked(wanted: Wanted) -> tuple[Request, Wanted]:
    return wanted.request, wanted


def carry_out(
    what: Request | Plan,
    wanted: Wanted,
    *,
    resume: bool = False,
    fresh: bool = False,
    mix_instants: bool = False,
    until: str = "",
    base: Path | None = None,
    watching: Sequence[Watching] = (),
) -> tuple[Outcome, Recorder]:
    """Run with progress, events and signals; what it raises is in the events, too.

    It ends at the next time of the day that `until` says, as an interrupt would end it. `base` is the folder of all
    runs, by default `.ropeway`.
    """
    from ...transfer.errors import RopewayError
    from ...transfer.interrupt import Interrupt
    from ..guard import gently
    from ..hours import ending
    from ..progress import Several, progress
    from ..record import Recorder
    from ..wire import run as move

    streams.go_on()
    interrupt, recorder = Interrupt(), Recorder(base)
    status = "failed"
    try:
        with gently(interrupt, recorder.is_moving), ending(interrupt, until):
            outcome = move(
                what, wanted.secrets, limits=wanted.limits, progress=Several(recorder, progress(), *watching),
                resume=resume, fresh=fresh, mix_instants=mix_instants, interrupt=interrupt,
            )  # fmt: skip
        status = "ended"
    except KeyboardInterrupt:
        status = "interrupted"
        say.note(_after_interrupt(recorder))
        raise
    except RopewayError as error:
        recorder.event("error", message=str(error))
        raise
    finally:
        if status != "ended":
            recorder.close(status)
            for one in watching:
                one.close(status)
    return outcome, recorder


def _after_interrupt(recorder: Recorder) -> str:
    if recorder.plan is None:
        return "Nothing was moved."
    if len(recorder.slices) == sum(len(hop.slices) for hop in recorder.plan.hops):
        return f"Run {recorder.plan.run}: all rows have landed. Go on with --resume, or prove it with 'ropeway verify'."
    return f"Run {recorder.plan.run}: what has landed stays. Go on with the same command and --resume."


def conclude(outcome: Outcome, recorder: Recorder, watching: Sequence[Watching] = ()) -> None:
    """Show and keep the report. DifferenceFound if the verification says so."""
    shape = keep(outcome, recorder)
    for one in watching:
        one.close(shape["status"], shape)
    say.keep(f"Run {shape['run']} is {shape['status']}. {recorder.where()}")
    say.data(shape)
    show(shape)
    judge(shape)


def keep(outcome: Outcome, recorder: Recorder) -> dict[str, Any]:
    """Write the report into the run's folder; the run's JSON."""
    from ..shapes import run_shape

    shape = run_shape(outcome, recorder.seconds())
    recorder.close(shape["status"], full_report(shape, outcome, recorder))
    return shape


def judge(shape: dict[str, Any]) -> None:
    """Raise DifferenceFound if the verification of a run found one."""
    from ...transfer.errors import DifferenceFound

    differing = [table for table in shape["tables"] if table["verified"]["claim"] == "different"]
    if differing:
        raise DifferenceFound(
            f"{len(differing)} of {len(shape['tables'])} tables differ from what was read: "
            + ", ".join(table["target"] for table in differing) + ".",
            remedy="Somebody else may have written to them meanwhile. 'ropeway verify' compares again.",
        )  # fmt: skip


def full_report(shape: dict[str, Any], outcome: Outcome, recorder: Recorder) -> dict[str, Any]:
    """What `report` shows later: the run's shape, where it went, what it was warned of, its pace, each slice."""
    from ...transfer.plan import hash_of
    from ...transfer.schema.risks import is_waived
    from ..record import now

    plan, report = outcome.plan, outcome.report
    proofs = {table.target: table for table in report.tables} if report else {}
    slices = recorder.slices
    ended = [part["ended"] - part["seconds"] for part in slices if part["ended"] is not None]
    first = min(ended, default=0.0)
    return {
        **shape,
        "version": version(),
        "at": now(),
        "source": plan.read_from,
        "target": str(plan.target),
        "consistency": plan.consistency,
        "plan_hash": hash_of(plan),
        "bytes": sum(receipt.bytes for receipt in outcome.receipts),
        "modes": {str(hop.writes): hop.mode for hop in plan.hops},
        "proofs": {
            name: {"how": one.how, "asked": one.asked, "left_out": list(one.left_out),
                   "checksum_source": one.checksum_source, "checksum_target": one.checksum_target}
            for name, one in proofs.items()
        },
        "findings": [
            {**dataclasses.asdict(finding), "waived": is_waived(finding, plan.waived)} for finding in plan.findings
        ],
        "slices": [
            {**part, "ended": None if part["ended"] is None else round(part["ended"] - first, 3)} for part in slices
        ],
        "pace": [[max(0.0, round(moment - first, 3)), *figures] for moment, *figures in recorder.pace.points],
    }  # fmt: skip


def show(shape: dict[str, Any]) -> None:
    """The end of a run, for people."""
    from ...transfer.plan import Seal

    say.table(
        ("source", "target", "rows", "seconds", "rows/s", "verified"),
        [
            (table["source"], table["target"], table["loaded"], float(table["seconds"]),
             round(table["loaded"] / table["seconds"]) if table["seconds"] else 0, _claim(table["verified"]))
            for table in shape["tables"]
        ],
    )  # fmt: skip
    _show_asked(shape["tables"])
    seconds = max(shape["seconds"], 0.001)
    for seal in shape["sealed"]:
        say.out(f"The plan was edited by hand and sealed {Seal(**seal)}")
    for one in shape["left_out_constraints"]:
        if one["kind"] == "rule":
            say.warn(f"{one['table']}: {one['message']}.")
            continue
        say.warn(f"left out: {one['message']}." + (f" {one['kept'].capitalize()}." if one["kept"] else ""))
        say.out(f"Left out of {one['table']}: {one['kind']} {one['constraint']}")
        if one["later"]:
            say.out(f"  once its rows are mended: {one['later']}")
    for one in shape["quarantined"]:
        many = say.count(one["rows"], "row")
        say.warn(f"moved aside: {many} of {one['table']} broke {one['constraint']}. Quarantine: {one['lie_in']}.")
    gone = sum(table["rejected"] for table in shape["tables"]) - sum(one["rows"] for one in shape["quarantined"])
    if gone:
        say.warn(f"{say.count(gone, 'row')} rejected. 'ropeway rejects {shape['run']}' lists them.")
    for one in shape.get("merged", ()):  # earlier reports have none
        _show_merged(one)
    for one in shape.get("reshaped", ()):
        seen = " and ".join(f"{say.count(came['rows'], 'row')} of {came['source']}" for came in one["from"])
        say.out(f"{one['table']}: {say.count(one['rows'], 'row')} made of {seen}")
    if shape["waived"]:
        say.out(f"Waived: {', '.join(shape['waived'])}")
    say.out(f"Run {shape['run']}: {shape['rows']:,} rows in {seconds:,.1f} s ({shape['rows'] / seconds:,.0f} rows/s).")


def _show_merged(one: dict[str, Any]) -> None:
    """What was merged of a table, and what a person may approve; reports of earlier versions have less."""
    many, others = say.count(one["rows"], "row"), say.count(one["into"], "other")
    by = (
        f", {one['rows'] - one['approved']:,} by the key, {one['approved']:,} by approved pairs"
        if one.get("approved")
        else ""
    )
    say.out(f"{one.get('named', one['table'])}: {many} merged into {others}{by}. They are listed in {one['list']}.")
    if one.get("map"):
        say.out(f"{one['table']}: the keys of merged rows are kept in {one['map']}.")
    if one.get("left"):
        left = say.count(one["left"], "approved pair")
        say.warn(f"{one['table']}: {left} not merged, for their rows are others now.")
    if one.get("uncompared"):
        blocks = say.count(one["uncompared"], "block")
        say.warn(f"{one['table']}: {blocks} of rows too large were not compared. They are listed beside the pairs.")
    if one.get("proposed"):
        alike = say.count(one["proposed"], "pair")
        say.out(f"{one['table']}: {alike} of rows much alike are not merged. They can be approved in {one['review']}.")


def _show_asked(tables: Sequence[dict[str, Any]]) -> None:
    """What the source's own server was asked for; said once of all tables of which it is true."""
    of: dict[str, list[str]] = {}
    for table in tables:
        fed = sum(one["target"] == table["target"] for one in tables) > 1  # by several, one line for each
        name = f"{table['source']} in {table['target']}" if fed else table["target"]
        of.setdefault(table["verified"].get("asked", ""), []).append(name)  # earlier reports have none
    for asked, targets in of.items():
        if asked:
            say.out(f"{targets[0] if len(targets) == 1 else say.count(len(targets), 'table')}: {asked}")


def _claim(verified: dict[str, str]) -> str:
    reason = f": {verified['reason']}" if verified["reason"] else ""
    return verified["claim"] + reason
