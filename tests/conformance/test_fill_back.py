"""The SQL files of mode fill in each engine's own client, which cuts a text into statements by rules of its own."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import duckdb
import psycopg
import pytest

import ropeway
from fillable import HEARD, ROWS, SCHEMAS, catalogue, made
from ropeway.cli import written
from ropeway.transfer.engines import engine_of
from ropeway.transfer.errors import RequestError
from ropeway.transfer.schema.scripts import cut, escapes
from servers import USER
from spots import Servers, Spot, plain, spot


def client(target: Spot, script: str, servers: Servers) -> None:
    """Carry out a script as a whole, up to its first error."""
    file = target.url.partition(":///")[2]
    if target.engine == "sqlite":
        with closing(sqlite3.connect(file)) as lite:
            lite.executescript(script)
    elif target.engine == "duckdb":
        with duckdb.connect(file) as duck:
            duck.execute(script)
    elif target.engine == "postgresql":
        with psycopg.connect(target.url, autocommit=True) as elephant:
            elephant.execute(script.encode())
    elif target.engine in ("oracle", "sqlserver"):  # whose clients are none of the tests': statement by statement
        with plain(target, servers) as execute:
            for sql in cut(script, escaping=escapes(engine_of(target.engine))):
                execute(sql)
    else:
        server = servers.family(target.engine)
        program = shutil.which("mariadb") or shutil.which("mysql")
        assert program, "the client of MariaDB is a package of its own: mariadb-client-core"
        command = [program, "--no-defaults", "-h127.0.0.1", f"-P{server.port}", f"-u{USER}", "--skip-ssl"]
        command += ["--default-character-set=utf8mb4", target.url.rpartition("/")[2]]
        done = subprocess.run(
            command, input=script, text=True, capture_output=True, check=False, env={"MYSQL_PWD": server.password}
        )
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("kind", sorted(SCHEMAS))
def test_down_leaves_the_schema_as_it_was(kind: str, tmp_path: Path, servers: Servers) -> None:
    made(tmp_path / "source.sqlite")
    target = spot(kind, tmp_path, servers)
    for statement in SCHEMAS[kind]:
        target.ask(statement)
    before = catalogue(target)
    job = ropeway.job(source=f"sqlite:///{tmp_path / 'source.sqlite'}", target=target.url, mode="fill")
    folder = tmp_path / "plan"
    written.write(ropeway.plan(job.request, job.secrets), folder)
    assert written.read(folder).sealed == ()
    ropeway.run(written.read(folder), job.secrets)
    client(target, (folder / "down.sql").read_text(), servers)
    assert catalogue(target) == before
    assert [target.ask(f"SELECT count(*) FROM {table}") for table in ROWS] == [[(0,)]] * len(ROWS)
    target.ask("INSERT INTO person (full_name) VALUES ('new')")
    assert len(target.ask("SELECT * FROM noted")) == HEARD.get(kind, 1)


@pytest.mark.parametrize("kind", ["sqlite", "mariadb"])
def test_the_engines_own_text_is_not_edited(kind: str, tmp_path: Path, servers: Servers) -> None:
    made(tmp_path / "source.sqlite")
    target = spot(kind, tmp_path, servers)
    for statement in SCHEMAS[kind]:
        target.ask(statement)
    job = ropeway.job(source=f"sqlite:///{tmp_path / 'source.sqlite'}", target=target.url, mode="fill")
    folder = tmp_path / "plan"
    written.write(ropeway.plan(job.request, job.secrets), folder)
    written.seal(folder)
    assert written.read(folder).sealed == ()
    after = folder / "after.sql"
    after.write_text(after.read_text().replace("VALUES ('gone')", "VALUES ('other')"))
    with pytest.raises(RequestError, match="the engine's own text, and cannot be edited"):
        written.seal(folder)
