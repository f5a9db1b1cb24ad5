"""Ropeway moves tables between database engines over Apache Arrow: fast, exactly, and provably.

What a command of `ropeway` does is a function of the same name here. Nothing is loaded before its first use, so
that `import ropeway` costs no driver.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .cli.back import rollback as rollback
    from .cli.bench import bench as bench
    from .cli.job import Wanted as Wanted
    from .cli.job import job as job
    from .cli.job import load as load
    from .cli.looking import merged as merged
    from .cli.rejected import rejects as rejects
    from .cli.rejected import replay as replay
    from .cli.wire import Left as Left
    from .cli.wire import Outcome as Outcome
    from .cli.wire import Secrets as Secrets
    from .cli.wire import clean as clean
    from .cli.wire import inspect as inspect
    from .cli.wire import leftovers as leftovers
    from .cli.wire import plan as plan
    from .cli.wire import report as report
    from .cli.wire import rules as rules
    from .cli.wire import run as run
    from .cli.wire import sample as sample
    from .cli.wire import status as status
    from .cli.wire import types as types
    from .cli.wire import verify as verify
    from .cli.wire import verify_against as verify_against
    from .transfer.errors import DataError as DataError
    from .transfer.errors import DifferenceFound as DifferenceFound
    from .transfer.errors import EngineError as EngineError
    from .transfer.errors import RequestError as RequestError
    from .transfer.errors import RopewayError as RopewayError
    from .transfer.errors import UnfinishedRun as UnfinishedRun
    from .transfer.interrupt import Interrupt as Interrupt
    from .transfer.job import Limits as Limits
    from .transfer.plan import Plan as Plan
    from .transfer.progress import Progress as Progress
    from .transfer.request import Choice as Choice
    from .transfer.request import Request as Request
    from .verify.report import Report as Report

_HOMES = {
    "cli.back": ("rollback",),
    "cli.bench": ("bench",),
    "cli.job": ("Wanted", "job", "load"),
    "cli.rejected": ("rejects", "replay"),
    "cli.looking": ("merged",),
    "cli.wire": (
        *("Left", "Outcome", "Secrets", "clean", "inspect", "leftovers", "plan", "report", "rules"),
        "run",
        *("sample", "status", "types", "verify", "verify_against"),
    ),
    "transfer.errors": (
        *("DataError", "DifferenceFound", "EngineError", "RequestError", "RopewayError", "UnfinishedRun"),
    ),
    "transfer.plan": ("Plan",),
    "transfer.progress": ("Progress",),
    "transfer.request": ("Choice", "Request"),
    "transfer.job": ("Limits",),
    "transfer.interrupt": ("Interrupt",),
    "verify.report": ("Report",),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [  # noqa: PLE0604 - the names above, each once
    "__version__",
    *sorted(_HOME),
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from .cli import version

        return version()
    if name == "verify":  # the room, which is callable: see below
        return importlib.import_module(".verify", __name__)
    if name in _HOME:
        return getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _Verify(ModuleType):
    """The room `verify` bears the name of the public function: the module is called in its stead."""

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        from .cli.wire import verify as function

        return function(*arguments, **named)


class _Root(ModuleType):
    """Python binds a subpackage to its parent when it is first imported, over anything of that name."""

    def __setattr__(self, name: str, value: object) -> None:
        if name == "verify" and type(value) is ModuleType:
            value.__class__ = _Verify
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Root
