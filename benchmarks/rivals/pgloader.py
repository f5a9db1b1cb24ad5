"""pgloader: makes the table by its own mapping rules, loads by COPY, builds the key."""

from __future__ import annotations

from measure import Command

from rivals import Task, lacking, said

_LOAD = """
LOAD DATABASE FROM {source} INTO {target}
WITH include drop, create tables, create indexes, reset sequences, workers = {workers}, concurrency = 1,
     multiple readers per thread, rows per range = 100000
SET PostgreSQL PARAMETERS client_encoding to 'utf8'
SET MySQL PARAMETERS net_read_timeout = '600', net_write_timeout = '600'
INCLUDING ONLY TABLE NAMES MATCHING '{table}'
ALTER SCHEMA '{schema}' RENAME TO 'public'
AFTER LOAD DO $$ ANALYZE {table}; $$;
"""


def absent() -> str:
    return lacking("pgloader")


def version() -> str:
    return said("pgloader", "--version")


def command(task: Task) -> Command | None:
    if task.pair != ("mariadb", "postgresql"):
        return None
    source = task.source_url.replace("mariadb://", "mysql://")
    script = _LOAD.format(
        source=source,
        target=task.target_url,
        workers=task.workers,
        table=task.shape.name,
        schema=source.rpartition("/")[2],
    )
    # It reads its orders from a file; the shell makes one that only we can read and that goes with it.
    shell = 'umask 077; f=$(mktemp); trap "rm -f $f" EXIT; cat >$f; pgloader --on-error-stop $f'
    return Command(["bash", "-c", shell], {}, script)
