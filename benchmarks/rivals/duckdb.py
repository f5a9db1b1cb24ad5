"""DuckDB's own COPY, in one line."""

from __future__ import annotations

import sys
from importlib.metadata import version as installed

from measure import Command

from rivals import Task, file_of

_SCRIPT = """
import os, duckdb
c = duckdb.connect(os.environ["SOURCE"], read_only=True)
c.execute("COPY %s TO '%s'" % (os.environ["TABLE"], os.environ["TARGET"]))
"""


def absent() -> str:
    return ""


def version() -> str:
    return f"DuckDB {installed('duckdb')}"


def command(task: Task) -> Command | None:
    if task.pair != ("duckdb", "parquet"):
        return None
    target = file_of(task.target_url) / f"{task.shape.name}.parquet"
    environment = {"SOURCE": str(file_of(task.source_url)), "TARGET": str(target), "TABLE": task.shape.name}
    return Command([sys.executable, "-P", "-c", _SCRIPT], environment)
