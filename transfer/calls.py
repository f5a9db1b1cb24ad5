"""Calls by name: a plan names functions as 'module:function'; here they are found again."""

from __future__ import annotations

import hashlib
import importlib
import inspect
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from .errors import RequestError
from .plan import Call


def call(function: str, **arguments: str) -> Call:
    """Name a function for a plan, with the hash of its source unless it is Ropeway's own."""
    version = "" if function.startswith("ropeway.") else _version(function)
    return Call(function, tuple(sorted(arguments.items())), version)


def function_of(named: Call) -> Callable[..., Any]:
    """The function that a plan names; RequestError if it is gone or has changed since."""
    if named.version and _version(named.function) != named.version:
        raise RequestError(f"{named.function} has changed since the plan was made.", remedy="Plan the job again.")
    return _found(named.function)


@cache
def _found(function: str) -> Callable[..., Any]:
    module, _, name = function.partition(":")
    here = str(Path.cwd())
    try:
        # A command does not look for modules where it is called; a user's functions lie beside the job.
        sys.path.insert(0, here)
        found: Callable[..., Any] = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise RequestError(
            f"There is no function {function}.", remedy="Name one as module:function, in this folder or installed."
        ) from error
    finally:
        sys.path.remove(here)
    return found


@cache
def _version(function: str) -> str:
    try:
        source = inspect.getsource(_found(function))
    except (OSError, TypeError) as error:
        raise RequestError(
            f"{function} has no source in Python, by which a plan would know it again.",
            remedy="Name a function of your own that calls it.",
        ) from error
    return hashlib.sha256(source.encode()).hexdigest()
