"""The registry: which module answers for which scheme. A new engine is a line here and its own place."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from difflib import get_close_matches
from typing import cast

from ..engine import Engine
from ..errors import RequestError

# scheme -> (module, the extra that installs its driver)
SCHEMES = {
    "sqlite": ("sqlite", ""),
    "postgresql": ("postgresql", "postgresql"),
    "postgres": ("postgresql", "postgresql"),
    "mysql": ("mysql", "mysql"),
    "mariadb": ("mysql", "mysql"),
    "oracle": ("oracle", "oracle"),
    "mssql": ("sqlserver", "mssql"),
    "sqlserver": ("sqlserver", "mssql"),
    "duckdb": ("duckdb", ""),
    "parquet": ("files", ""),
    "csv": ("files", ""),
    "arrow": ("files", ""),
    "memory": ("memory", ""),
    "discard": ("discard", ""),
}


def refused(error: BaseException) -> bool:
    """Whether a driver of one of the engines in use raised this: the database refused, Ropeway has no defect."""
    package = type(error).__module__.partition(".")[0]
    return any(package in engine.drivers for engine in _loaded())


def _loaded() -> Iterator[Engine]:
    for name, module in list(sys.modules.items()):
        if name.startswith(f"{__name__}."):
            yield from getattr(module, "ENGINES", {}).values()
            if hasattr(module, "ENGINE"):
                yield module.ENGINE


def engine_of(scheme: str) -> Engine:
    """The engine of a URL's scheme. RequestError for an unknown one or a missing driver."""
    if scheme not in SCHEMES:
        near = get_close_matches(scheme, SCHEMES, 1)
        hint = f"Did you mean {near[0]}://? " if near else ""
        raise RequestError(f"Ropeway knows no engine {scheme}://.", remedy=f"{hint}Known: {', '.join(SCHEMES)}.")
    module, extra = SCHEMES[scheme]
    try:
        found = importlib.import_module(f".{module}", __name__)
    except ModuleNotFoundError as error:
        if error.name and error.name.startswith("ropeway"):
            raise
        raise RequestError(
            f"The driver for {scheme}:// is not installed ({error.name}).",
            remedy=f"Install it: pip install 'ropeway[{extra or 'all'}]'.",
        ) from error
    engines = getattr(found, "ENGINES", None)
    return cast("Engine", engines[scheme] if engines else found.ENGINE)


def having(verb: str) -> list[str]:
    """The names of the engines that have an optional verb, by what is installed."""
    found: dict[str, None] = {}
    for scheme in SCHEMES:
        try:
            engine = engine_of(scheme)
        except RequestError:
            continue  # its driver is not installed
        if hasattr(engine, verb):
            found[engine.name] = None
    return list(found)
