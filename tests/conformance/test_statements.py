"""The plan announces what a run does: compared with the server's own log of the run."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg

from ropeway.cli import wire
from ropeway.transfer.place import parse
from ropeway.transfer.plan import from_json, to_json
from ropeway.transfer.request import Choice, Request
from servers import Postgresql

CHANGES = re.compile(r"^(CREATE|ALTER|DROP|TRUNCATE|ANALYZE|GRANT|COMMENT)\b", re.IGNORECASE)


def test_every_change_was_announced(tmp_path: Path, postgresql: Postgresql) -> None:
    file = tmp_path / "source.sqlite"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT UNIQUE)")
        connection.execute("CREATE TABLE child (id INTEGER PRIMARY KEY, of INTEGER REFERENCES parent (id))")
        connection.execute("CREATE INDEX child_of ON child (of)")
        connection.execute("INSERT INTO parent VALUES (1, 'one'), (2, 'two')")
        connection.execute("INSERT INTO child VALUES (1, 1), (2, 1), (3, NULL)")
    url = postgresql.database()
    name = url.rpartition("/")[2]
    with psycopg.connect(url, autocommit=True) as connection_:
        connection_.execute(f"ALTER DATABASE {name} SET log_statement = 'all'")
    (source, _), (target, secret) = parse(f"sqlite:///{file}"), parse(url)
    request = Request(source, target, before=("CREATE TABLE mine (a int)",), choices=(Choice("*"),))
    plan = wire.plan(request, wire.Secrets("", secret))
    assert from_json(to_json(plan)) == plan
    start = len(postgresql.log.read_text(errors="replace"))
    wire.run(plan, wire.Secrets("", secret))
    logged = statements(postgresql.log.read_text(errors="replace")[start:])
    announced = {flat(sql) for statement in plan.statements for sql in statement.forward.split(";\n")}
    changes = {sql for sql in logged if CHANGES.match(sql) and "ropeway" not in sql.lower()}
    assert changes, "the log shows nothing: this test sees nothing"
    assert changes <= announced
    assert {sql for sql in announced if CHANGES.match(sql)} <= changes


def statements(log: str) -> list[str]:
    found = re.findall(r"LOG:  (?:statement|execute [^:]*): (.*?)(?=\n\d{4}-\d\d-\d\d |\Z)", log, re.DOTALL)
    return [flat(sql) for sql in found]


def flat(sql: str) -> str:
    return re.sub(r"\s+", " ", sql).strip().rstrip(";")
