"""sling: makes the table by its own mapping rules and loads by COPY; key and statistics are made by psql after it."""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec
from pathlib import Path

from measure import Command

from rivals import Task, lacking, libpq, said

_SCRIPT = """
set -euo pipefail
"$SLING" run --src-conn SRC --src-stream "$STREAM" --tgt-conn TGT --tgt-object "public.$TABLE" --mode full-refresh
echo loaded $(date +%s.%N)
psql -qX -v ON_ERROR_STOP=1 -c "$CLOSING" >/dev/null
"""


def _program() -> str:
    found = find_spec("sling_linux_amd64")
    if found is not None and found.origin is not None:
        programs = sorted((Path(found.origin).parent / "bin").glob("sling*"))
        runnable = [path for path in programs if os.access(path, os.X_OK)]
        if runnable:
            return str(runnable[0])
    return shutil.which("sling") or ""


def absent() -> str:
    return lacking("psql") if _program() else "not installed: pip install sling-linux-amd64"


def version() -> str:
    return said(_program(), "--version")


def command(task: Task) -> Command | None:
    if task.target != "postgresql":
        return None
    schema = "public" if task.source == "postgresql" else task.source_url.rpartition("/")[2]
    environment = {
        "SLING": _program(), "SLING_DISABLE_TELEMETRY": "TRUE", "STREAM": f"{schema}.{task.shape.name}",
        "TABLE": task.shape.name, "CLOSING": ";\n".join(task.closing), **libpq(task.target_url),
        "SRC": task.source_url if task.source == "mariadb" else f"{task.source_url}?sslmode=disable",
        "TGT": f"{task.target_url}?sslmode=disable",
    }  # fmt: skip
    return Command(["bash", "-c", _SCRIPT], environment)
