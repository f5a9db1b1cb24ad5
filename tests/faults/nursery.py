"""Victims and commands without their imports, which take longer than most of them: `python nursery.py`.

A line of JSON on standard input is one victim's settings, or one command's words: with its folder, its environment and
files for its output. It is forked from this process, which has imported all that a run does. Its only threads are
jemalloc's, whose locks forking heeds, and one of Polars' for spilled files, of which there are none. Answered is its
number, and then its exit status as subprocess counts it with the bytes that it held at most.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import json
import os
import pkgutil
import runpy
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import ropeway

victim = import_module("victim")  # beside this file, where no checker looks
ROOMS = ("cli", "partitioning", "transfer", "transforms", "verify")
LATER = ("pyarrow.parquet", "rich.live", "rich.markup", "rich.table", "ruamel.yaml")  # that some function imports


def _furnish(order: dict[str, Any]) -> None:
    """What subprocess gives a process."""
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environment"])
    time.tzset()
    for number, file in ((1, order["stdout"]), (2, order["stderr"]), (0, os.devnull)):
        opened = os.open(file, os.O_RDWR)
        os.dup2(opened, number)
        os.close(opened)


def _lived(life: Callable[[], object]) -> int:
    """The exit status, after all that an interpreter does at its end but for taking its modules apart, which would take
    as long as three commands.
    """
    status = 1
    try:
        life()
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(bool(end.code))
    except BaseException:
        traceback.print_exc()
    threading._shutdown()  # type: ignore[attr-defined]  # which waits for threads, as in multiprocessing
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    return status


def _suffer(settings: dict[str, Any]) -> None:
    sys.argv = ["victim.py", json.dumps(settings)]
    victim.main()


def _carry_out(words: list[str]) -> None:
    """`python -m ropeway.cli WORDS`."""
    sys.argv, sys.path[0] = ["ropeway", *words], str(Path.cwd())
    runpy.run_module("ropeway.cli", run_name="__main__", alter_sys=True)


def _learn() -> None:
    """Import what commands do, the engines' drivers among it; one that is not installed is told by who needs it."""
    folders = [f"{folder}/{room}" for folder in ropeway.__path__ for room in ROOMS]
    found = [one.name for folder in folders for one in _modules(folder)]
    for module in (*found, *LATER):
        with contextlib.suppress(ImportError):
            import_module(module)


def _modules(folder: str) -> Iterator[pkgutil.ModuleInfo]:
    room = f"ropeway.{Path(folder).name}."
    return (one for one in pkgutil.walk_packages([folder], room) if not one.name.endswith("__main__"))


def main() -> NoReturn:
    _learn()
    gc.collect()
    gc.freeze()  # else each child's first collection would copy every page
    for line in sys.stdin:
        child = os.fork()
        if not child:
            order = json.loads(line)
            _furnish(order)
            words, settings = order.get("words"), order.get("settings")
            os._exit(_lived(partial(_suffer, settings) if settings else partial(_carry_out, words)))
        print(child, flush=True)  # noqa: T201
        _, found, used = os.wait4(child, 0)
        print(os.waitstatus_to_exitcode(found), used.ru_maxrss << 10, flush=True)  # noqa: T201
    os._exit(0)


if __name__ == "__main__":
    main()
