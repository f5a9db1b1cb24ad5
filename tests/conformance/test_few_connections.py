"""A server that lets fewer connections in than there are workers: the run goes on with those that it has."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from moves import accounts, requested
from ropeway.cli import wire
from ropeway.transfer.job import Limits
from ropeway.transfer.progress import Progress
from spots import Servers, Spot, database, spot

ROWS = 400
_GRANTS = {
    "postgresql": (
        "CREATE ROLE {name} LOGIN PASSWORD 'few' CONNECTION LIMIT {most}",
        "GRANT pg_read_all_data TO {name}", "GRANT CREATE ON DATABASE {database} TO {name}",
        "GRANT ALL ON SCHEMA public TO {name}",
    ),
    "mariadb": (
        "CREATE OR REPLACE USER {name}@'127.0.0.1' IDENTIFIED BY 'few' WITH MAX_USER_CONNECTIONS {most}",
        "GRANT ALL ON *.* TO {name}@'127.0.0.1'",
    ),
}  # fmt: skip


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


class Heard(Progress):
    def __init__(self) -> None:
        self.said_: list[str] = []

    def said(self, message: str) -> None:
        self.said_.append(message)


def narrowed(place: Spot, most: int) -> Spot:
    """The place by an account that may have so many connections."""
    name = f"few_{database(place)}"
    for sql in _GRANTS[place.engine]:
        place.ask(sql.format(name=name, most=most, database=database(place)))
    return replace(place, url=re.sub("//.*@", f"//{name}:few@", place.url))


@pytest.mark.parametrize("engine", ["postgresql", "mariadb"])
def test_a_target_that_lets_few_in(engine: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot("sqlite", tmp_path, servers), spot(engine, tmp_path, servers)
    accounts(source, ROWS)
    request, secrets = requested(source, narrowed(target, 3), slice_rows=4)
    wire.run(request, secrets, limits=Limits(workers=6, memory=4 << 30))
    assert target.ask("SELECT count(*), sum(amount) FROM account") == [(ROWS, ROWS * 100)]


@pytest.mark.parametrize("engine", ["postgresql", "mariadb"])
def test_a_source_that_lets_few_in(engine: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot(engine, tmp_path, servers), spot("duckdb", tmp_path, servers)
    accounts(source, ROWS)
    request, secrets = requested(narrowed(source, 3), target, slice_rows=40)
    heard = Heard()
    wire.run(request, secrets, limits=Limits(workers=6, memory=4 << 30), progress=heard)
    assert target.ask("SELECT count(*), sum(amount) FROM account") == [(ROWS, ROWS * 100)]
    assert any("The run goes on with" in said for said in heard.said_), heard.said_
