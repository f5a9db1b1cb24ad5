"""How a command ends: every error becomes a sentence and an exit status, never a traceback for the user's mistake.

| status | meaning |
|---|---|
| 0 | done, and every check that was asked for passed |
| 1 | a defect of Ropeway |
| 2 | the request cannot be carried out |
| 3 | an engine refused or failed |
| 4 | a value does not fit where it must go |
| 5 | a verification found a difference |
| 130 | interrupted, by Ctrl-C, SIGTERM or SIGHUP |
| 141 | whoever read the output has stopped reading, as `head` does |
"""

from __future__ import annotations

import os
import select
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, TextIO

import typer
from typer.core import TyperGroup

from ..transfer.errors import BlockedPlan, RopewayError
from . import say

if TYPE_CHECKING:
    from ..transfer.interrupt import Interrupt

DEFECT, REFUSED, INTERRUPTED, UNREAD = 1, 3, 130, 141
_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
_PACKAGE = Path(__file__).resolve().parents[1]


class Guarded(TyperGroup):
    """The commands, with what they raise turned into exit statuses."""

    def main(self, *args: Any, **more: Any) -> Any:
        try:
            return super().main(*args, **more)
        except SystemExit as ended:
            # Click and Rich both end with 1 where they find that nobody reads.
            unread = isinstance(ended.__context__, BrokenPipeError)
            raise SystemExit(_ended(None if unread else ended.code, unread=unread)) from None

    def invoke(self, ctx: Any) -> Any:
        try:
            with handled(_stop):
                return super().invoke(ctx)
        except typer.Exit:
            raise
        except BrokenPipeError as error:
            if not all(_is_read(stream) for stream in (sys.stdout, sys.stderr)):
                raise
            status = unforeseen(error)  # a server's connection, say
        except RopewayError as error:
            status = error.exit_status
            explained(error)
        except (KeyboardInterrupt, typer.Abort):
            status = INTERRUPTED
            told(status, "Interrupted.")
        except Exception as error:
            if hasattr(error, "exit_code"):
                raise  # Typer's own: a wrong option, which it explains itself, with status 2
            status = unforeseen(error)
        raise typer.Exit(status)


def _ended(code: str | int | None, *, unread: bool) -> str | int | None:
    """The exit status; UNREAD where nothing else went wrong than that the output has lost its reader."""
    streams = [getattr(stream, "wrapped", stream) for stream in (sys.stdout, sys.stderr)]  # Click puts its own there
    read = [_flushed(stream) for stream in streams]
    return code if code or (all(read) and not unread) else UNREAD


def _is_read(stream: TextIO) -> bool:
    """Whether somebody still reads a stream, as far as the system can tell."""
    with suppress(OSError, ValueError, AttributeError):
        looking = select.poll()
        looking.register(stream.fileno(), 0)
        return not any(event & select.POLLERR for _, event in looking.poll(0))
    return False


def _flushed(stream: TextIO) -> bool:
    """Whether what was written could be; what could not is dropped, or Python would complain of it at the very end."""
    try:
        stream.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return False
    return True


def explained(error: RopewayError) -> None:
    """Say what Ropeway raised on purpose; -v adds what the driver said."""
    fields = {name: getattr(error, name) for name in ("table", "column", "key", "remedy")}
    found = error.findings if isinstance(error, BlockedPlan) else ()
    told(error.exit_status, str(error), found, message=error.message, **{k: v for k, v in fields.items() if v})
    if error.__cause__:
        _traced(error)


def unforeseen(error: Exception) -> int:
    """Say what nobody foresaw: a file that cannot be opened is the system's, all else is a defect of ours."""
    if isinstance(error, OSError) and error.filename is not None:
        told(REFUSED, f"{error.filename}: {error.strerror}.")
        return REFUSED
    from ..transfer.engines import refused  # not at the top: with Arrow it takes a second, and help needs neither

    if refused(error):
        told(REFUSED, f"The database refused: {error}", remedy="" if say.voice().verbose else "-v shows where.")
        _traced(error)
        return REFUSED
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if _is_ours(Path(frame.filename).resolve())] or frames
    place = f"{Path(ours[-1].filename).name}:{ours[-1].lineno} in {ours[-1].name}"
    told(
        DEFECT, f"This is a defect of Ropeway: {type(error).__name__} at {place}: {error}",
        remedy="Please report it with the command" + ("." if say.voice().verbose else "; -v shows the traceback."),
    )  # fmt: skip
    _traced(error)
    return DEFECT


def _is_ours(file: Path) -> bool:
    """A checkout holds its environment too, so being inside is not enough."""
    return file.is_relative_to(_PACKAGE) and "site-packages" not in file.relative_to(_PACKAGE).parts


def _traced(error: BaseException) -> None:
    if say.voice().verbose:
        sys.stderr.write(say.visible(say.safe("".join(traceback.format_exception(error)))))


def told(status: int, text: str, findings: Sequence[dict[str, str]] = (), **fields: str) -> None:
    """The error as a sentence, and with --json as the one object on standard output, with what it is about."""
    remedy = fields.get("remedy", "")
    say.fail(text if not remedy or text.endswith(remedy) else f"{text}\n{remedy}")
    named = {"message": text, **fields}
    state = "interrupted" if status == INTERRUPTED else "failed"
    error: dict[str, Any] = {k: say.safe(v) for k, v in named.items()}
    if findings:
        error["findings"] = [{k: say.safe(v) for k, v in one.items()} for one in findings]
    with suppress(BrokenPipeError):  # that nobody reads it does not make it another failure
        say.data({"status": state, "exit_status": status, "error": error})


@contextmanager
def handled(handler: Callable[[int, FrameType | None], Any]) -> Iterator[None]:
    """Answer Ctrl-C, SIGTERM and SIGHUP with a handler, as far as they are not ignored (nohup ignores SIGHUP)."""
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    for number, answer in before.items():
        if answer is not signal.SIG_IGN:
            signal.signal(number, handler)
    try:
        yield
    finally:
        for number, answer in before.items():
            signal.signal(number, answer)


def _stop(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@contextmanager
def gently(interrupt: Interrupt, is_moving: Callable[[], bool]) -> Iterator[None]:
    """Let the first signal end a run after its current slices, and the second at once.

    Before and after rows move there is nothing to wait for.
    """

    def answer(number: int, frame: FrameType | None) -> None:
        if interrupt.asked.is_set():
            # The workers' threads cannot be stopped; the engines roll back what has no receipt.
            sys.stderr.write("\nStopped at once.\n")
            os._exit(INTERRUPTED)
        if not is_moving():
            raise KeyboardInterrupt
        interrupt.ask()
        say.warn("stopping once the slices under way have landed; once more stops at once.")

    with handled(answer):
        yield
