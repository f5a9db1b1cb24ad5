"""The options that several commands share, each written once."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from ..transfer.request import CONSISTENCIES, LEVELS, MODES, PARTITIONS, STYLES, VIOLATIONS, WRITES
from . import say

_JOB, _WHAT, _HOW = "The job", "Which tables and rows", "How"


def one_of(allowed: tuple[str, ...]) -> Callable[[str], str]:
    """A callback that refuses any other word, and lets the empty one pass."""

    def checked(value: str) -> str:
        if value and value not in allowed:
            raise typer.BadParameter(f"{value!r} is none of {', '.join(allowed)}.")
        return value

    return checked


def all_of(allowed: tuple[str, ...]) -> Callable[[list[str]], list[str]]:
    """The same for an option that repeats."""
    check = one_of(allowed)

    def checked(values: list[str]) -> list[str]:
        return [check(value) for value in values]

    return checked


def _in_a_folder(file: Path | None) -> Path | None:
    """A callback that refuses a file which cannot be written, before hours of work and not after them."""
    if file and (file.is_dir() or not file.absolute().parent.is_dir()):
        raise typer.BadParameter(f"{file} is a folder." if file.is_dir() else f"There is no folder {file.parent}.")
    return file


Page = Annotated[
    Path | None,
    typer.Option(
        "--html", metavar="FILE", callback=_in_a_folder, show_default=False,
        help="Write a page with tables and plots, complete in itself.",
    ),
]  # fmt: skip


Metrics = Annotated[
    Path | None,
    typer.Option(
        "--metrics", metavar="FILE", callback=_in_a_folder, show_default=False, rich_help_panel="How",
        help="Keep the run's figures in this file, for Prometheus' textfile collector.",
    ),
]  # fmt: skip


def _or(words: tuple[str, ...]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"


def _option(*names: str, panel: str = _WHAT, **more: Any) -> Any:
    return typer.Option(*names, rich_help_panel=panel, show_default=False, **more)


@dataclass(frozen=True)
class Asked:
    """A job as the command line asks for it; what is empty is the job file's, or the default."""

    job: Annotated[
        Path | None, typer.Argument(help="A job file, or a folder that 'plan --out' wrote.", show_default=False)
    ] = None
    source: Annotated[str, _option("--source", panel=_JOB, metavar="URL", help="Where the rows are.")] = ""
    target: Annotated[str, _option("--target", panel=_JOB, metavar="URL", help="Where they go.")] = ""
    table: Annotated[
        list[str], _option("--table", metavar="GLOB", help="Tables, as schema.table or table. Repeats.")
    ] = field(default_factory=list)
    exclude: Annotated[list[str], _option("--exclude", metavar="GLOB", help="Tables to leave out. Repeats.")] = field(
        default_factory=list
    )
    where: Annotated[
        list[str], _option("--where", metavar="TABLE=SQL", help="Only rows that meet the source's SQL. Repeats.")
    ] = field(default_factory=list)
    columns: Annotated[list[str], _option("--columns", metavar="TABLE=A,B", help="Only these columns. Repeats.")] = (
        field(default_factory=list)
    )
    query: Annotated[str, _option("--query", metavar="SQL", help="Move a query's rows; needs --to.")] = ""
    to: Annotated[str, _option("--to", metavar="NAME", help="The target's name of the one table or query.")] = ""
    limit: Annotated[
        int | None, _option("--limit", metavar="N", min=1, help="At most N rows of each table: a rehearsal.")
    ] = None
    target_schema: Annotated[
        str, _option("--target-schema", metavar="NAME", help="The target's schema for all tables.")
    ] = ""
    partitions: Annotated[
        str,
        _option("--partitions", metavar="WORD", callback=one_of(PARTITIONS),
                help="Partitioned tables where the target has the like: keep or flatten. Default: keep."),
    ] = ""  # fmt: skip
    target_owner: Annotated[
        str, _option("--target-owner", metavar="ROLE", help="The role that is to own what is made.")
    ] = ""
    names: Annotated[
        str,
        _option("--names", metavar="STYLE", callback=one_of(STYLES),
                help=f"How names are spelled in the target: {_or(STYLES)}. Default: keep."),
    ] = ""  # fmt: skip
    mode: Annotated[
        str,
        _option("--mode", panel=_HOW, metavar="MODE", callback=one_of(MODES),
                help=f"What becomes of the target's tables: {_or(MODES)}. Default: create."),
    ] = ""  # fmt: skip
    consistency: Annotated[
        str,
        _option("--consistency", panel=_HOW, metavar="WORD", callback=one_of(CONSISTENCIES),
                help="Which instant is read: one for the run, one for each table, frozen (the source is proven "
                "unwritten), or none. Default: run."),
    ] = ""  # fmt: skip
    verify: Annotated[
        str,
        _option("--verify", panel=_HOW, metavar="LEVEL", callback=one_of(LEVELS),
                help=f"How the result is proven: {_or(LEVELS)}. Default: standard."),
    ] = ""  # fmt: skip
    policy: Annotated[
        list[str],
        _option("--policy", panel=_HOW, metavar="NAME=CHOICE",
                help="What becomes of values that not every place can hold, as zero_date=null. Repeats."),
    ] = field(default_factory=list)  # fmt: skip
    on_violation: Annotated[
        str,
        _option("--on-violation", panel=_HOW, metavar="WORD", callback=one_of(VIOLATIONS),
                help=f"What becomes of a constraint that rows in the target break: {_or(VIOLATIONS)}. Default: stop."),
    ] = ""  # fmt: skip
    max_rejects: Annotated[
        str,
        _option("--max-rejects", panel=_HOW, metavar="N",
                help="Rows that may be left behind, unread or refused, as 100 or 0.5%. Default: 0."),
    ] = ""  # fmt: skip
    writes: Annotated[
        str,
        _option("--writes", panel=_HOW, metavar="WORD", callback=one_of(WRITES),
                help="Those who write to a table that is its own source: prove that nobody did, or block them. "
                "Default: prove."),
    ] = ""  # fmt: skip
    keep: Annotated[
        str,
        _option("--keep", panel=_HOW, metavar="TIME", help="Keep replaced tables so long at least, as 7d or 12h."),
    ] = ""  # fmt: skip
    zone: Annotated[
        list[str],
        _option("--zone", metavar="TABLE.COLUMN=ZONE",
                help="A timestamp without zone is this zone's wall clock, as orders.placed_at=Europe/Paris. Repeats."),
    ] = field(default_factory=list)  # fmt: skip
    slice_rows: Annotated[
        int | None,
        _option("--slice-rows", panel=_HOW, metavar="N", min=0,
                help="Rows of a slice, by estimate; 0 reads each table in one piece. Default: 400,000."),
    ] = None  # fmt: skip
    waive: Annotated[
        list[str],
        _option("--waive", panel=_HOW, metavar="NAME",
                help="A finding that may not stop the run, as NAME or NAME:WHERE. Repeats."),
    ] = field(default_factory=list)  # fmt: skip
    workers: Annotated[
        int | None, _option("--workers", panel=_HOW, metavar="N", min=1, help="Slices at a time. Default: 2.")
    ] = None
    throttle: Annotated[
        list[str],
        _option("--throttle", panel=_HOW, metavar="LIMIT",
                help="How fast the run may go: 50000rows/s, 20MB/s; by its source: running=25, "
                "transaction=600s, lag=10s. Repeats."),
    ] = field(default_factory=list)  # fmt: skip
    max_memory: Annotated[
        str,
        _option("--max-memory", panel=_HOW, metavar="SIZE",
                help="Peak of all our processes together, as 600MB or 2GB. Default: 600MB."),
    ] = ""  # fmt: skip


@dataclass(frozen=True)
class Known:
    """A run that its target knows."""

    run: Annotated[str, typer.Argument(help="The run, as 'ropeway status' names it.", show_default=False)]
    target: Annotated[
        str,
        typer.Option(
            "--target", metavar="URL", show_default=False,
            help="Where the run went. Needed if this folder's '.ropeway' does not know it.",
        ),
    ] = ""  # fmt: skip

    def url(self) -> str:
        """The target's URL: as given, or as this folder's `.ropeway` knows it, if no password is missing there."""
        from ..transfer.errors import RequestError
        from ..transfer.redaction import WITHHELD
        from .commands.status import read_status
        from .record import folder_of

        url = self.target or str(read_status(folder_of(self.run)).get("target", ""))
        if not url or WITHHELD in url:
            raise RequestError(f"Where run {self.run} went is not known here.", remedy="Name it: --target URL")
        return url


@dataclass(frozen=True)
class Manner:
    """How a command speaks."""

    json: Annotated[
        bool, typer.Option("--json", help="One JSON object on standard output, all else on standard error.")
    ] = False
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say more; show what a driver said.")] = False
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say only the result, warnings and errors.")] = False

    def speak(self) -> None:
        """Speak so from now on."""
        found = say.voice()
        found.json, found.verbose, found.quiet = self.json, self.verbose, self.quiet


def spread(command: Callable[..., None]) -> Callable[..., None]:
    """Let a parameter that is one of the classes above stand for all of its fields.

    Typer reads options from a signature; this gives it one with the fields in the class' place.
    """
    hints = get_type_hints(command, include_extras=True)
    groups = {name: kind for name, kind in hints.items() if kind in (Asked, Known, Manner)}
    shown: list[inspect.Parameter] = []
    for name, parameter in inspect.signature(command).parameters.items():
        if name in groups:
            shown += _fields(groups[name])
        else:
            shown.append(parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY))

    @functools.wraps(command)
    def called(**given: Any) -> None:
        made = {
            name: kind(**{one.name: given.pop(one.name) for one in dataclasses.fields(kind)})
            for name, kind in groups.items()
        }
        for group in made.values():
            if isinstance(group, Manner):
                group.speak()
        command(**made, **given)

    called.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]  # the documented way
    called.__annotations__ = {parameter.name: parameter.annotation for parameter in shown}
    del called.__wrapped__  # or typing would read the hints of the wrapped one
    return called


def _fields(kind: type[Any]) -> list[inspect.Parameter]:
    hints = get_type_hints(kind, include_extras=True)
    return [
        inspect.Parameter(
            one.name, inspect.Parameter.KEYWORD_ONLY, annotation=hints[one.name], default=_default(one),
        )
        for one in dataclasses.fields(kind)
    ]  # fmt: skip


def _default(one: dataclasses.Field[Any]) -> object:
    """A list is made anew each time; what has no default has to be given."""
    if one.default_factory is not dataclasses.MISSING:
        return one.default_factory()
    return inspect.Parameter.empty if one.default is dataclasses.MISSING else one.default
