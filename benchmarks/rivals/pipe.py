"""The floor: the databases' own clients with a pipe between them. Nothing is checked, nothing can be resumed."""

from __future__ import annotations

import sys
from urllib.parse import urlsplit

from measure import Command

from rivals import Task, file_of, lacking, libpq, said

# psql's -1 would hold the table's lock over all three steps; a user does the same without it.
_POSTGRESQL = """
set -euo pipefail
psql -qX -v ON_ERROR_STOP=1 -c "$OPENING"
{reader} | psql -qX -v ON_ERROR_STOP=1 -c "COPY $TABLE FROM STDIN ($FORMAT)"
echo loaded $(date +%s.%N)
psql -qX -v ON_ERROR_STOP=1 -c "$CLOSING" >/dev/null
"""
# The client prints NULL as the word; a text that is this word would become NULL, which nobody notices.
_MARIADB = (
    "mariadb --no-defaults --quick --batch --skip-column-names --default-character-set=utf8mb4 "
    "-e \"SET time_zone = '+00:00'; SELECT * FROM $TABLE\""
)
_COPY = (
    "PGHOST=$S_PGHOST PGPORT=$S_PGPORT PGUSER=$S_PGUSER PGPASSWORD=$S_PGPASSWORD PGDATABASE=$S_PGDATABASE "
    'psql -qX -v ON_ERROR_STOP=1 -c "COPY $TABLE TO STDOUT ($FORMAT)"'
)
_DUCKDB = """
import os, sys, duckdb
with duckdb.connect(os.environ["TARGET"]) as c:
    c.execute(os.environ["OPENING"])
    c.execute("INSERT INTO %s SELECT * FROM read_csv('/dev/stdin', header=false, auto_detect=false, columns={%s})"
              % (os.environ["TABLE"], os.environ["COLUMNS"]))
    for statement in filter(None, os.environ["CLOSING"].split(";\\n")):
        c.execute(statement)
"""


def absent() -> str:
    return lacking("bash", "psql", "mariadb", "sqlite3")


def version() -> str:
    return f"{said('psql', '--version')}; {said('mariadb', '--version')}"


def command(task: Task) -> Command | None:
    shared = {"TABLE": task.shape.name, "OPENING": ";\n".join(task.opening), "CLOSING": ";\n".join(task.closing)}
    if task.pair == ("mariadb", "postgresql"):
        parts = urlsplit(task.source_url)
        login = {"MYSQL_PWD": parts.password or "", "PGTZ": "UTC"}
        reader = f"{_MARIADB} -h 127.0.0.1 -P {parts.port} -u {parts.username} {parts.path[1:]}"
        environment = {**shared, **login, **libpq(task.target_url), "FORMAT": "FORMAT text, NULL 'NULL'"}
        return _bash(_POSTGRESQL.format(reader=reader), environment)
    if task.pair == ("postgresql", "postgresql"):
        environment = {**shared, **libpq(task.target_url), **libpq(task.source_url, "S_"), "FORMAT": "FORMAT binary"}
        return _bash(_POSTGRESQL.format(reader=_COPY), environment)
    if task.pair == ("sqlite", "duckdb"):
        columns = ", ".join(f"'{name}': '{word}'" for name, word in task.shape.columns)
        environment = {**shared, "SOURCE": str(file_of(task.source_url)), "TARGET": str(file_of(task.target_url)),
                       "COLUMNS": columns, "PYTHON": sys.executable, "LOAD": _DUCKDB}  # fmt: skip
        return _bash(
            'set -euo pipefail; sqlite3 -csv "$SOURCE" "SELECT * FROM $TABLE" | "$PYTHON" -c "$LOAD"', environment
        )
    return None


def _bash(script: str, environment: dict[str, str]) -> Command:
    return Command(["bash", "-c", script], environment)
