"""`ropeway`: the commands in the order in which a migration needs them."""

from __future__ import annotations

from collections.abc import Callable
from inspect import cleandoc

import typer

from . import version as installed
from .commands import (
    bench,
    clean,
    demo,
    inspect,
    merged,
    pause,
    plan,
    rejects,
    report,
    rollback,
    rules,
    run,
    status,
    types,
    verify,
)
from .guard import Guarded
from .options import spread

app = typer.Typer(
    cls=Guarded, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit status: 0 done and proven, 1 a defect of Ropeway, 2 the request, 3 an engine, 4 the data, "
    "5 a difference, 130 interrupted.",
)  # fmt: skip


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"ropeway {installed()}")
        raise typer.Exit


@app.callback()
def ropeway(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Say the version."),
) -> None:
    """Moves tables between database engines over Apache Arrow: fast, exactly, and provably."""


def _help(text: str) -> str:
    """A command's docstring with its paragraphs each on one line, for Rich keeps line breaks; examples stay."""
    paragraphs = cleandoc(text).split("\n\n")
    return "\n\n".join(one if one.startswith(" ") else " ".join(one.split("\n")) for one in paragraphs)


_COMMANDS: dict[str, Callable[..., None]] = {
    "inspect": inspect.inspect,
    "plan": plan.plan,
    "run": run.run,
    "verify": verify.verify,
    "status": status.status,
    "pause": pause.pause,
    "report": report.report,
    "rejects": rejects.rejects,
    "merged": merged.merged,
    "rules": rules.rules,
    "types": types.types,
    "bench": bench.bench,
    "rollback": rollback.rollback,
    "clean": clean.clean,
    "demo": demo.demo,
}
for _name, _command in _COMMANDS.items():
    app.command(_name, help=_help(_command.__doc__ or ""))(spread(_command))
