"""Victims without their imports, which take longer than most of their runs: `python nursery.py`.

A line of JSON on standard input is one victim: its settings, folder, environment and files for its output. It is forked
from this process, which has imported all that a run does and started no thread but jemalloc's, whose locks forking
heeds. Answered is its exit status, as subprocess counts it.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from importlib import import_module
from typing import Any, NoReturn

victim = import_module("victim")  # beside this file, where no checker looks


def _run(order: dict[str, Any]) -> NoReturn:
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environment"])
    for number, file in ((1, order["stdout"]), (2, order["stderr"])):
        os.dup2(os.open(file, os.O_WRONLY), number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.argv = ["victim.py", json.dumps(order["settings"])]
    status = 1
    try:
        victim.main()
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(bool(end.code))
    except BaseException:  # as an interpreter does
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def main() -> None:
    for line in sys.stdin:
        child = os.fork()
        if not child:
            _run(json.loads(line))
        print(child, flush=True)  # noqa: T201
        _, found = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(found), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
