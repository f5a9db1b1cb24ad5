"""Standard streams that a command can rely on: closed ones lead nowhere, and a full disk or a reader that is gone stops
no work.

A stream that was closed before the start (`>&-`) would be worse than silent: the next file that is opened, say a
database, would get its number, and whatever a library prints would go into it.
"""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

_NUMBERS = {"stdin": 0, "stdout": 1, "stderr": 2}


class Steady(io.TextIOBase):
    """A stream whose first loss is remembered.

    While `strict`, who writes is told of it, too: where the output is all that was asked for, there is no use in going
    on. Of messages each is tried anew, as a disk may have room again; of a result nothing follows what was lost.
    """

    def __init__(self, stream: TextIO, *, strict: bool) -> None:
        self._stream = stream
        self.strict = strict
        self.lost: OSError | None = None
        self._whole = strict

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    @property
    def encoding(self) -> str:  # type: ignore[override]  # of the base class it is none
        return self._stream.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]  # as above
        return self._stream.errors

    def fileno(self) -> int:
        return self._stream.fileno()

    def isatty(self) -> bool:
        return self._stream.isatty()

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if not (self.lost and self._whole):
            try:
                self._stream.write(text)
            except OSError as error:
                self._lose(error)
            except RuntimeError:  # a signal came amidst a write, and its handler writes, too
                with suppress(OSError):
                    os.write(self.fileno(), text.encode(self.encoding, "backslashreplace"))
        return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError as error:
            self._lose(error)
        except (RuntimeError, ValueError):  # as above; closed by somebody else
            return

    def end(self) -> OSError | None:
        """Write what is left. What cannot be is dropped, or Python would complain of it at the very end."""
        self.strict = False
        self.flush()
        if self.lost:
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())
        return self.lost

    def _lose(self, error: OSError) -> None:
        self.lost = self.lost or error
        if self.strict:
            raise error


def prepare() -> None:
    """Make the process' streams steady, before anything else is opened."""
    for name, number in _NUMBERS.items():
        try:
            os.fstat(number)
        except OSError:
            os.dup2(os.open(os.devnull, os.O_RDWR), number)  # on this very number, if it is the lowest that is free
            os.set_inheritable(number, True)
        if getattr(sys, name) is None:
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8", errors="backslashreplace"))  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a name that the terminal has no letters for
    sys.stdout = Steady(sys.stdout, strict=True)
    sys.stderr = Steady(sys.stderr, strict=False)


def steady(stream: TextIO) -> Steady | None:
    """The stream that `prepare` made, below what Click or Rich put over it; none under a test's."""
    for _ in range(4):
        if isinstance(stream, Steady):
            return stream
        below = getattr(stream, "wrapped", None) or getattr(stream, "rich_proxied_file", None)
        if below is None:
            return None
        stream = below
    return None


def go_on() -> None:
    """From now on a loss of the output stops nothing: the command does more than to say something."""
    if found := steady(sys.stdout):
        found.strict = False
