"""Runs one server program for the tests and ends it when the test run is gone, however that went.

    python -I guard.py FOLDER UID PROGRAM [ARGUMENT]...

Standard input is a pipe whose other end only the test run holds. When it closes, kill -9 of the test
run included, the program is ended and FOLDER removed. The first line on standard output is the
program's pid; its own output goes to FOLDER/log. The exit status is the program's.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

GRACE_S = 5
SET_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of Linux' prctl(2)


def die_with_parent() -> None:
    """Covers the death of the guard itself; a change of uid clears it, so it has to come last."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGQUIT)


def launch(folder: Path, uid: int, command: list[str]) -> subprocess.Popen[bytes]:
    """Start the program in a session of its own, so that a Ctrl-C in the terminal does not reach it."""
    other = os.getuid() != uid
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            user=uid if other else None,
            group=uid if other else None,
            extra_groups=[] if other else None,
            preexec_fn=die_with_parent,  # noqa: PLW1509 # no thread runs yet
        )


def end(program: subprocess.Popen[bytes]) -> None:
    """SIGQUIT is the quickest orderly end of both servers: PostgreSQL's immediate shutdown."""
    for number in (signal.SIGQUIT, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(program.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            program.wait(GRACE_S)
            return


def main() -> int:
    folder, uid, command = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    try:
        program = launch(folder, uid, command)
    except OSError as error:
        (folder / "log").write_text(str(error))
        return 127
    sys.stdout.write(f"{program.pid}\n")
    sys.stdout.flush()

    gone = threading.Event()

    def watch() -> None:
        while os.read(0, 4096):
            pass
        gone.set()
        end(program)

    threading.Thread(target=watch, daemon=True).start()
    status = program.wait()
    if gone.is_set():
        shutil.rmtree(folder, ignore_errors=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
