"""What a command says: results on standard output, everything else on standard error, secrets nowhere."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TextIO

from ..transfer.passwords import TOLD
from ..transfer.redaction import withheld

if TYPE_CHECKING:
    from rich.console import Console

_PIPED_WIDTH = 200  # columns of a table that goes into a file or a pipe, where no terminal says how wide it is
# Controls but for tabs and ends of lines, of which a lone return writes over its line; marks of direction.
_COMMANDS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_UNCLEAN = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")  # which JSON lets stand


@dataclass
class Voice:
    """How this command was asked to speak, and whether it has given its one JSON object.

    `secrets` are the values that no sentence may hold, `kept` says what holds also if the result cannot be written.
    """

    json: bool = False
    verbose: bool = False
    quiet: bool = False
    answered: bool = False
    kept: str = ""
    secrets: set[str] = field(default_factory=set, repr=False)


_VOICE = Voice()  # one command a process, and its threads speak as it does


def voice() -> Voice:
    """The voice of the running command."""
    return _VOICE


def keep(text: str) -> None:
    """Say, should the result not get out, that this holds anyhow: then the command keeps its own exit status."""
    voice().kept = text


def hide(secret: str) -> None:
    """Withhold a value from whatever is said from now on."""
    if secret:
        voice().secrets.add(secret)


def safe(text: str) -> str:
    """A message without any value that was hidden, should a driver have put one there.

    For messages alone: what a plan holds has no secret by its making, and a password may look like a number.
    """
    return withheld(text, voice().secrets | TOLD)


def visible(text: str) -> str:
    """A text as a terminal may show it: signs that command one, or turn the direction of reading, by their numbers.

    Names and values come from databases, and what one says there must not clear a screen here.
    """
    return _COMMANDS.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()


def console(stream: TextIO) -> Console:
    """Rich on a stream, as wide as the terminal; names of tables are never taken for markup."""
    from rich.console import Console

    width = None if stream.isatty() else _PIPED_WIDTH
    return Console(file=stream, width=width, markup=False, highlight=False, emoji=False, soft_wrap=True)


def out(text: str = "") -> None:
    """A line of the result, for people."""
    if not voice().json:
        sys.stdout.write(visible(text) + "\n")


def table(headings: Sequence[str], rows: Sequence[Sequence[object]], *, title: str = "") -> None:
    """A table of the result, for people; numbers are set to the right."""
    if voice().json or not rows:
        return
    from rich import box
    from rich.table import Table
    from rich.text import Text

    drawn = Table(
        box=box.SIMPLE_HEAD, title=visible(title) or None, title_justify="left", pad_edge=False, show_edge=False
    )
    for place, heading in enumerate(headings):
        numbers = all(isinstance(row[place], int | float) for row in rows)
        drawn.add_column(heading, justify="right" if numbers else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(visible(cell(value))) for value in row))
    console(sys.stdout).print(drawn, soft_wrap=False)
    sys.stdout.write("\n")


def cell(value: object) -> str:
    """A value as it stands in a table."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}" if value >= 0 else "?"
    return f"{value:,.1f}" if isinstance(value, float) else str(value)


def data(value: Mapping[str, Any]) -> None:
    """The one JSON object of a command that was given --json; a second one is not printed."""
    if voice().json and not voice().answered:
        voice().answered = True
        plain = not (sys.stdout.encoding or "").lower().startswith("utf")  # that has no letters for all of it
        text = json.dumps(value, indent=2, ensure_ascii=plain, default=str)
        sys.stdout.write(_UNCLEAN.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n")


def note(text: str) -> None:
    """A sentence beside the result; -q leaves it out."""
    if not voice().quiet:
        _aside(text)


def warn(text: str) -> None:
    """A sentence that must be heard."""
    _aside(f"Warning: {text}")


def fail(text: str) -> None:
    """Why the command ends without its result."""
    _aside(f"Error: {text}")


def count(number: int, word: str) -> str:
    """A number with its noun."""
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"


def _aside(text: str) -> None:
    with suppress(OSError):  # a result that is lost is told of at the end
        sys.stdout.flush()
    sys.stderr.write(visible(safe(text)) + "\n")
    sys.stderr.flush()
