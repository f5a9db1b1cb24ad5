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

import errno
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup

from ..transfer.errors import BlockedPlan, RopewayError
from . import say, streams

if TYPE_CHECKING:
    from ..transfer.interrupt import Interrupt

DEFECT, REFUSED, INTERRUPTED, UNREAD = 1, 3, 130, 141
_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
# What a write raises without the name of its file.
_OF_DISKS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS)
_PACKAGE = Path(__file__).resolve().parents[1]


class Guarded(TyperGroup):
    """The commands, with what they raise turned into exit statuses."""

    def main(self, *args: Any, **more: Any) -> Any:
        try:
            return super().main(*args, **more)
        except SystemExit as ended:
            # Click and Rich both end with 1 where they find that nobody reads.
            unread = isinstance(ended.__context__, BrokenPipeError)
            _answered(ended.__context__, args[0] if args and args[0] else more.get("args") or sys.argv[1:])
            raise SystemExit(_ended(None if unread else ended.code)) from None
        except OSError as error:
            if not _is_loss(error):
                raise
            raise SystemExit(_ended(None)) from None

    def invoke(self, ctx: Any) -> Any:
        try:
            with handled(_stop):
                return super().invoke(ctx)
        except typer.Exit:
            raise
        except OSError as error:
            if _is_loss(error):
                raise
            status = unforeseen(error)  # also where a server's connection is a broken pipe
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


def _answered(error: BaseException | None, words: Sequence[str]) -> None:
    """The one object of --json also where the command line was not understood; people were told by Typer."""
    status = getattr(error, "exit_code", 0)
    told = getattr(error, "format_message", None)
    if "--json" in words and status and told:
        say.voice().json = True
        with suppress(OSError):
            message = say.safe(told())
            say.data({"status": "failed", "exit_status": status, "error": {"message": message}})


def _is_loss(error: OSError) -> bool:
    """Whether an error is that the result cannot be written."""
    found = streams.steady(sys.stdout)
    return found is not None and found.lost is error


def _ended(code: str | int | None) -> str | int | None:
    """The exit status of a command whose output is written to its end.

    If it cannot be, that is a failure only of a command of which nothing else was asked.
    """
    found, beside = streams.steady(sys.stdout), streams.steady(sys.stderr)
    loss = found.end() if found else None
    unread = loss is not None and loss.errno == errno.EPIPE
    if loss and not (unread and not say.voice().kept):  # who stops reading knows
        why = "nobody reads it" if unread else loss.strerror
        failed = not (code or say.voice().kept)
        rest = say.voice().kept or ("Make room there, and ask again." if failed else "")
        (say.fail if failed else say.warn)(f"The result could not be written: {why}. {rest}".rstrip())
    if beside:
        beside.end()
    if code or loss is None or say.voice().kept:
        return code
    return UNREAD if unread else REFUSED


def explained(error: RopewayError) -> None:
    """Say what Ropeway raised on purpose; -v adds what the driver said."""
    fields = {name: getattr(error, name) for name in ("table", "column", "key", "remedy")}
    found = error.findings if isinstance(error, BlockedPlan) else ()
    told(error.exit_status, str(error), found, message=error.message, **{k: v for k, v in fields.items() if v})
    if error.__cause__:
        _traced(error)


def unforeseen(error: Exception) -> int:
    """Say what nobody foresaw: a file that cannot be opened is the system's, all else is a defect of ours."""
    if isinstance(error, OSError) and (error.filename is not None or error.errno in _OF_DISKS):
        told(REFUSED, f"{error.filename or 'A file could not be written'}: {error.strerror}.")
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
    with suppress(OSError):  # that nobody reads it does not make it another failure
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
