"""pandas between SQLite and DuckDB, as most people would write it, but in parts: whole, lineitem would not fit."""

from __future__ import annotations

import sys
from importlib.metadata import version as installed
from importlib.util import find_spec

from measure import Command

from rivals import Task, file_of

_SCRIPT = """
import os, sqlite3, duckdb, pandas
source, target, table = sqlite3.connect(os.environ["SOURCE"]), duckdb.connect(os.environ["TARGET"]), os.environ["TABLE"]
target.execute(os.environ["OPENING"])
for part in pandas.read_sql(f"SELECT * FROM {table}", source, chunksize=200_000):
    target.execute(f"INSERT INTO {table} SELECT * FROM part")
for statement in filter(None, os.environ["CLOSING"].split(";\\n")):
    target.execute(statement)
target.close()
"""


def absent() -> str:
    return "" if find_spec("pandas") else "not installed: pip install pandas"


def version() -> str:
    return f"pandas {installed('pandas')}"


def command(task: Task) -> Command | None:
    if task.pair != ("sqlite", "duckdb"):
        return None
    environment = {
        "SOURCE": str(file_of(task.source_url)), "TARGET": str(file_of(task.target_url)), "TABLE": task.shape.name,
        "OPENING": ";\n".join(task.opening), "CLOSING": ";\n".join(task.closing),
    }  # fmt: skip
    return Command([sys.executable, "-P", "-c", _SCRIPT], environment)
