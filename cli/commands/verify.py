"""`ropeway verify`: prove it, again."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...transfer.request import LEVELS
from .. import say, streams, version
from ..options import Asked, Manner, Page, all_of, one_of

if TYPE_CHECKING:
    from ...transfer.plan import Plan
    from ...transfer.request import Request
    from ...verify.report import Report
    from ..job import Wanted
    from ..mending import Repair

_SHOWN = 20  # differences; --json has more

Level = Annotated[
    str,
    typer.Option(
        "--level", metavar="LEVEL", callback=one_of(LEVELS[1:]), show_default=False,
        help="How deep to compare: count, standard or full. Default: as in the run.",
    ),
]  # fmt: skip
Written = Annotated[
    Path | None,
    typer.Option(
        "--manifest", metavar="FILE", show_default=False,
        help="Write what was found into a file, by which the target can be checked without its source.",
    ),
]  # fmt: skip
Key = Annotated[
    Path | None,
    typer.Option(
        "--key", metavar="FILE", show_default=False, exists=True, dir_okay=False,
        help="A file whose bytes sign a manifest, and by which its signature is checked.",
    ),
]  # fmt: skip
Salted = Annotated[
    bool,
    typer.Option(
        "--salt", help="Mix the --key into a manifest's checksums: nobody else can then guess rows from them."
    ),
]
Settling = Annotated[
    float,
    typer.Option(
        "--settle", metavar="SECONDS", min=0, show_default=False,
        help="Where somebody writes meanwhile: look again so much later, and tell only what differs as before.",
    ),
]  # fmt: skip
Repairing = Annotated[
    bool,
    typer.Option("--repair", help="Show what would set the target right; do it if you agree; compare again."),
]
Allowed = Annotated[
    list[str],
    typer.Option(
        "--allow", metavar="WORD", default_factory=list, show_default=False, callback=all_of(("cascade", "triggers")),
        help="Let a repair reach other rows: cascade (foreign keys that act), triggers.",
    ),
]  # fmt: skip
Known = Annotated[
    Path | None,
    typer.Option(
        "--against", metavar="FILE", show_default=False,
        help="Compare the target with a manifest, by default the target that it names.",
    ),
]  # fmt: skip


def verify(
    *,
    asked: Asked,
    level: Level = "",
    manifest: Written = None,
    against: Known = None,
    key: Key = None,
    salt: Salted = False,
    html: Page = None,
    settle: Settling = 0,
    repair: Repairing = False,
    allow: Allowed,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before a repair.")] = False,
    manner: Manner,
) -> None:
    """Compare what a finished run read with what the target holds now, or two places as they are. Changes neither.

    But for --repair: that inserts rows that the target lacks, updates changed ones in place, deletes
    those too many, a transaction a slice, and compares again. With --json and without --yes it is only shown.

    The run is the latest one of the same job; its plan and receipts are in the target, so this works from any
    machine. A claim says what was compared: 'target equals what was read' says nothing of what the source holds
    today. At level full, and where no run of the job is known, both places are compared as they are now, segment by
    segment; of those that differ, rows and cells are named.

    Examples:

      ropeway verify job.yaml

      ropeway verify plan-monday --level count

      ropeway verify --source sqlite:///shop.sqlite --target duckdb:///shop.duckdb --json

      ropeway verify --source mariadb://app@old/shop --target postgresql://app@new/shop --table orders --level full

      ropeway verify job.yaml --level full --manifest shop.json --html shop.html

      ropeway verify --against shop.json

      ropeway verify job.yaml --level full --repair
    """  # fmt: skip
    from ..shapes import verify_shape

    _check_together(against, manifest, settle, repair=repair, unsigned=salt and not (manifest and key))
    level = level or asked.verify
    streams.go_on()  # the exit status tells most of it
    if repair:
        report, shape = _repaired(asked, level, allow, yes=yes)
    else:
        report = (
            _against(against, asked, _bytes_of(key))
            if against
            else _compared(asked, level, manifest, settle, _bytes_of(key), salted=salt)
        )
        shape = verify_shape(report)
        show(shape)
    _keep(shape, html)
    say.data(shape)
    _judge(report)


def _check_together(
    against: Path | None, manifest: Path | None, settle: float, *, repair: bool, unsigned: bool
) -> None:
    if unsigned:
        raise typer.BadParameter("--salt is for a --manifest with a --key.")
    if against and manifest:
        raise typer.BadParameter("--manifest and --against exclude each other.")
    if repair and (against or manifest):
        raise typer.BadParameter("--repair compares two places; --manifest and --against exclude it.")
    if repair and settle:
        raise typer.BadParameter("--repair is for a target that nobody writes to meanwhile; --settle excludes it.")


def _keep(shape: dict[str, Any], html: Path | None) -> None:
    """Put the comparison to its run, if that is known here, and on a page, if one is asked for."""
    from ..page import page_of_verification, write_page
    from ..record import keep_verification, now

    kept = {**shape, "at": now(), "version": version()}
    keep_verification(kept)
    if html:
        write_page(html, page_of_verification(kept))


def _judge(report: Report) -> None:
    """Raise for what is different, else for what has no claim."""
    from ...transfer.errors import DifferenceFound, RequestError

    differing = [table.target for table in report.tables if table.claim == "different"]
    if differing:
        raise DifferenceFound(f"{len(differing)} of {len(report.tables)} tables differ: {', '.join(differing)}.")
    unproven = [f"{table.target} ({table.reason})" for table in report.tables if not table.equal]
    if unproven:
        raise RequestError(
            f"{len(unproven)} of {len(report.tables)} tables could not be verified: {', '.join(unproven)}."
        )


def _repaired(asked: Asked, level: str, allow: Sequence[str], *, yes: bool) -> tuple[Report, dict[str, Any]]:
    """The comparison after a repair, or before one that was not agreed to."""
    from ..record import repair_folder
    from ..shapes import repair_shape, verify_shape
    from ..wire import repair, repairs

    what, wanted = _wanted(asked)
    found = repairs(what, level, wanted.secrets)
    shape = verify_shape(found.report)
    show(shape)
    if not found.tables:
        return found.report, shape
    _show_repair(found)
    if not yes and not _agreed(found):
        return found.report, {**shape, "repair": repair_shape(found, done=False)}
    kept = repair_folder()
    report = repair(found, allow, wanted.secrets, kept)
    say.keep("The repair is done.")
    say.out(f"Repaired. The rows as they were are in {kept}." if kept.is_dir() else "Repaired.")
    shape = verify_shape(report)
    show(shape)
    return report, {**shape, "repair": repair_shape(found, done=True)}


def _wanted(asked: Asked) -> tuple[Request | Plan, Wanted]:
    from ..overlay import wanted_of
    from ..written import is_written, written_of

    plan, wanted = written_of(asked) if is_written(asked) else (None, wanted_of(asked))
    return plan or wanted.request, wanted


def _show_repair(found: Repair) -> None:
    say.table(
        ("table", "insert", "update", "delete", "columns"),
        [(one.target, one.tasks.insert, one.tasks.update, one.tasks.delete, ", ".join(one.tasks.columns))
         for one in found.tables],
        title="Repair",
    )  # fmt: skip
    for one in found.tables:
        for statement in one.statements:
            say.out(f"  {statement}")
        for reach in one.reaches:
            say.warn(f"{reach.message}: --allow {reach.allow}")


def _agreed(found: Repair) -> bool:
    """Ask, where there is somebody to be asked."""
    if say.voice().json or not sys.stdin.isatty():
        say.note("Nothing was changed: --yes carries the repair out.")
        return False
    rows = sum(one.tasks.insert + one.tasks.update + one.tasks.delete for one in found.tables)
    return typer.confirm(f"Change {say.count(rows, 'row')} of {found.plan.target}?", err=True)


def _compared(
    asked: Asked, level: str, manifest: Path | None, settle: float, key: bytes, *, salted: bool
) -> Report:  # fmt: skip
    from ..wire import verify as compare

    what, wanted = _wanted(asked)
    return compare(
        what,
        level=level,
        secrets=wanted.secrets,
        manifest=manifest,
        limits=wanted.limits,
        settle=settle,
        key=key,
        salted=salted,
    )


def _bytes_of(key: Path | None) -> bytes:
    from ...transfer.errors import RequestError

    found = key.read_bytes() if key else b""
    if key and not found:
        raise RequestError(f"{key} is empty, and signs nothing.")
    return found


def _against(manifest: Path, asked: Asked, key: bytes) -> Report:
    from ..job import place
    from ..wire import verify_against

    say.hide(place(asked.target)[1] if asked.target else "")
    return verify_against(manifest, asked.target, key=key)


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
        _show_found(table)
        if table.get("asked"):  # verifications that an earlier version kept have none
            say.out(f"{table['target']}: {table['asked']}")
        for what in table["left_out"]:
            say.out(f"{table['target']}: not compared: {what}")


def _show_found(table: dict[str, Any]) -> None:
    """The rows and cells that differ, as far as they were looked at."""
    found = table["found"]
    if not found:
        return
    parts = [f"{found[kind]:,} {kind}" for kind in ("missing", "extra", "changed") if found[kind]]
    where = f"{table['differing_partitions']:,} of {table['partitions']:,} segments differ"
    say.out(f"{table['target']}: {where}. In {found['segments']:,} of them: {', '.join(parts)}.")
    if found["columns"]:
        counts = (f"{column} ({rows:,})" for column, rows in found["columns"].items())
        say.out(f"  columns that differ, with their rows: {', '.join(counts)}")
    say.table(
        ("row", "key", "column", "source", "target", "cause"),
        [
            (one["kind"], ", ".join(f"{k}={_value(v)}" for k, v in one["key"].items()), one["column"],
             *(_value(one[side]) if one["column"] else "" for side in ("source", "target")), one["cause"])
            for one in table["differences"][:_SHOWN]
        ],
    )  # fmt: skip


def _value(text: str | None) -> str:
    return "NULL" if text is None else repr(text)
