"""The test servers themselves: private, not root, and gone when the test run is."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psutil
import psycopg
import pymysql
import pytest

from servers import Mariadb, Postgresql, private_folder

KILLED = """
import json, os, sys
sys.path.insert(0, sys.argv[1])
import servers
one = getattr(servers, sys.argv[2])()
print(json.dumps([one.pid, str(one.folder)]), flush=True)
os.kill(os.getpid(), int(sys.argv[3]))
"""


def is_private(pid: int) -> bool:
    server = psutil.Process(pid)
    listening = [at.laddr.ip for at in server.net_connections("inet") if at.status == psutil.CONN_LISTEN]
    return listening == ["127.0.0.1"] and 0 not in server.uids()


def test_postgresql_is_private(postgresql: Postgresql) -> None:
    assert is_private(postgresql.pid)
    assert postgresql.folder.stat().st_mode & 0o077 == 0


def test_mariadb_is_private(mariadb: Mariadb) -> None:
    assert is_private(mariadb.pid)
    assert mariadb.folder.stat().st_mode & 0o077 == 0


def test_postgresql_asks_for_the_password(postgresql: Postgresql) -> None:
    url = urlsplit(postgresql.url())
    wrong = urlunsplit(url._replace(netloc=f"ropeway:wrong@127.0.0.1:{postgresql.port}"))
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(wrong)


@pytest.mark.parametrize(("user", "password"), [("ropeway", "wrong"), ("ropeway", ""), ("root", "")])
def test_mariadb_asks_for_the_password(mariadb: Mariadb, user: str, password: str) -> None:
    with pytest.raises(pymysql.OperationalError, match="Access denied"):
        pymysql.connect(host="127.0.0.1", port=mariadb.port, user=user, password=password)


@pytest.mark.parametrize("mode", ["fast", "immediate", "kill"])
def test_postgresql_keeps_what_was_committed(postgresql: Postgresql, mode: str) -> None:
    url, before = postgresql.database(), postgresql.pid
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT generate_series(1, 10000) AS id")
    if mode == "kill":
        postgresql.kill()
        postgresql.restart()
    else:
        postgresql.restart(mode)
    assert postgresql.pid != before
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*), sum(id) FROM kept").fetchone() == (10000, 50005000)


@pytest.mark.parametrize("kill", [False, True])
def test_mariadb_keeps_what_was_committed(mariadb: Mariadb, kill: bool) -> None:
    database, before = mariadb.database().rpartition("/")[2], mariadb.pid
    with contextlib.closing(mariadb.connect(database=database)) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE kept (id int PRIMARY KEY) ENGINE=InnoDB")
        cursor.execute("INSERT INTO kept SELECT seq FROM seq_1_to_10000")
        connection.commit()
    if kill:
        mariadb.kill()
    mariadb.restart()
    assert mariadb.pid != before
    with contextlib.closing(mariadb.connect(database=database)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*), sum(id) FROM kept")
        assert cursor.fetchone() == (10000, 50005000)


def test_mariadb_logs_rows_and_takes_local_files(mariadb: Mariadb) -> None:
    wanted = {"log_bin": "ON", "binlog_format": "ROW", "local_infile": "ON"}
    with contextlib.closing(mariadb.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("SHOW GLOBAL VARIABLES WHERE Variable_name IN ('log_bin', 'binlog_format', 'local_infile')")
        assert dict(cursor.fetchall()) == wanted


def test_databases_are_new_and_empty(postgresql: Postgresql, mariadb: Mariadb) -> None:
    assert postgresql.database() != postgresql.database()
    assert mariadb.database() != mariadb.database()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("name", ["Postgresql", "Mariadb", "Mysql"])
def test_nothing_outlives_a_killed_run(name: str, number: signal.Signals, request: pytest.FixtureRequest) -> None:
    request.getfixturevalue(name.lower())  # skips or fails here where the server is absent
    command = [sys.executable, "-c", KILLED, str(Path(__file__).parents[1]), name, str(int(number))]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode != 0
    assert run.stdout, run.stderr[-3000:]
    pid, folder = json.loads(run.stdout)
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(pid).wait(20)
    guards = [at for at in psutil.process_iter(["cmdline"]) if folder in (at.info["cmdline"] or [])]
    psutil.wait_procs(guards, 20)
    assert not psutil.pid_exists(pid)
    assert not Path(folder).exists()


def test_what_a_run_and_its_guards_left_is_swept() -> None:
    """Both were killed, by an end of all processes of a machine, say."""
    mine = private_folder("kept")
    command = [sys.executable, "-c", "import sys; sys.path.insert(0, sys.argv[1]); import servers; "
               "print(servers.private_folder('left'))", str(Path(__file__).parents[1])]  # fmt: skip
    left = Path(subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip())
    assert left.parent == mine.parent
    assert left.exists()
    another = private_folder("another")
    assert not left.exists()
    assert mine.exists()
    for folder in (mine, another):
        folder.rmdir()
