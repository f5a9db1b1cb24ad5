"""Another process that writes to a place: once, or all the while that something goes on.

Not a thread: two SQLite libraries in one process take each other's locks on a file.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pymysql
from sqlalchemy import make_url


def once(url: str, sql: str) -> None:
    subprocess.run([sys.executable, __file__, url, sql], check=True)


@contextmanager
def written(url: str, folder: Path) -> Iterator[list[int]]:
    """People with numbers from 1001 on; those that could be committed are in the list afterwards."""
    stop, done = folder / "stop", list[int]()
    with subprocess.Popen(
        [sys.executable, __file__, url, str(stop)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as writer:
        assert writer.stdout
        done += [int(writer.stdout.readline()) for _ in range(4)]
        try:
            yield done
        finally:
            stop.touch()
            done += [int(one) for one in writer.stdout]


def connected(url: str) -> Callable[[str], Any]:
    made = make_url(url)
    if made.drivername == "sqlite":
        return sqlite3.connect(str(made.database), isolation_level=None, timeout=20).execute
    if made.drivername == "postgresql":
        return psycopg.connect(url, autocommit=True).execute
    options: dict[str, Any] = {"unix_socket": made.query["unix_socket"]} if "unix_socket" in made.query else {}
    connection = pymysql.connect(
        host=made.host or "127.0.0.1", port=made.port or 3306, user=made.username, password=made.password or "",
        database=made.database, autocommit=True, **options,
    )  # fmt: skip
    execute: Callable[[str], Any] = connection.cursor().execute
    return execute


def main() -> None:
    url, what = sys.argv[1:]
    ask, number = connected(url), 1000
    if " " in what:
        ask(what)
        return
    while not Path(what).exists():
        number += 1
        time.sleep(0.005)  # others write, too
        try:
            ask(f"INSERT INTO person VALUES ({number}, 'new{number}', 5)")
        except Exception as error:
            print(error, file=sys.stderr)  # noqa: T201
        else:
            print(number, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
