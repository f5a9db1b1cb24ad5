"""A name behind which there are several servers: a connection that is lost, or one more, may lead to another one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from moves import accounts, requested
from ropeway.cli import wire
from ropeway.transfer.engine import Receipt
from ropeway.transfer.errors import AnotherServer, EngineError
from ropeway.transfer.job import Limits
from ropeway.transfer.place import parse
from ropeway.transfer.plan import Statement
from ropeway.transfer.progress import Progress
from servers import Mariadb, Standby
from servers.proxy import Proxy
from spots import Servers, Spot, database, spot

ROWS = 3_000


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@dataclass(frozen=True)
class Pair:
    """A place as it is reached through a proxy; its server's port, and that of one with the same accounts."""

    place: Spot
    proxy: Proxy
    port: int
    other: int


@pytest.fixture(scope="module")
def others(request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    with closing(Mariadb()) as one, closing(Standby(request.getfixturevalue("postgresql"))) as standby:
        yield {"mariadb": one, "postgresql": standby}


@pytest.fixture
def pair(request: pytest.FixtureRequest, tmp_path: Path, servers: Servers, others: dict[str, Any]) -> Iterator[Pair]:
    engine: str = request.param
    place, other = spot(engine, tmp_path, servers), others[engine]
    if engine == "mariadb":
        for server in (servers.family("mariadb"), other):
            with closing(server.connect(autocommit=True)) as connection, connection.cursor() as cursor:
                cursor.execute(f"CREATE DATABASE IF NOT EXISTS {database(place)}")
                cursor.execute(f"GRANT ALL ON *.* TO balanced@'127.0.0.1' IDENTIFIED BY '{other.password}'")
        user = f"balanced:{quote(other.password, safe='')}"
        place = replace(place, url=re.sub("//.*@", f"//{user}@", place.url))
    port = parse(place.url)[0].port
    with closing(Proxy(port)) as proxy:
        yield Pair(replace(place, url=place.url.replace(f":{port}/", f":{proxy.port}/")), proxy, port, other.port)


class Heard(Progress):
    """What fails; after the first slice the reader's connection is cut, and the proxy may lead elsewhere by then."""

    def __init__(self, pair: Pair, *, elsewhere: bool, writes: str = "") -> None:
        self.failures: list[str] = []
        self._pair, self._elsewhere, self._writes = pair, elsewhere, writes

    def failed(self, hop: str, part: int, message: str) -> None:
        self.failures.append(message)

    def landed(self, receipt: Receipt) -> None:
        if receipt.slice == 1:
            if self._elsewhere:
                self._pair.proxy.lead(self._pair.other)
            if self._writes:
                self._pair.place.ask(self._writes)
            self._pair.proxy.trouble("cut", 2_000)


def moved_with(pair: Pair, heard: Heard, tmp_path: Path, servers: Servers, consistency: str) -> list[tuple[Any, ...]]:
    accounts(pair.place, ROWS)
    target = spot("sqlite", tmp_path, servers)
    request, secrets = requested(pair.place, target, slice_rows=1000, consistency=consistency)
    wire.run(request, secrets, limits=Limits(workers=1), progress=heard)
    return target.ask("SELECT count(*), sum(amount) FROM account")


@pytest.mark.parametrize("consistency", ["none", "frozen"])
@pytest.mark.parametrize("pair", ["mariadb", "postgresql"], indirect=True)
def test_a_lost_reader_is_not_renewed_on_another_server(
    pair: Pair, consistency: str, tmp_path: Path, servers: Servers
) -> None:
    heard = Heard(pair, elsewhere=True)
    with pytest.raises(AnotherServer, match="leads to several servers"):
        moved_with(pair, heard, tmp_path, servers, consistency)
    assert len(heard.failures) == 1, heard.failures


@pytest.mark.parametrize("consistency", ["none", "frozen"])
@pytest.mark.parametrize("pair", ["mariadb", "postgresql"], indirect=True)
def test_a_lost_reader_is_renewed_on_its_own(pair: Pair, consistency: str, tmp_path: Path, servers: Servers) -> None:
    heard = Heard(pair, elsewhere=False)
    assert moved_with(pair, heard, tmp_path, servers, consistency) == [(ROWS, ROWS * 100)]
    assert len(heard.failures) == 1, heard.failures


@pytest.mark.parametrize("pair", ["mariadb"], indirect=True)
def test_nor_is_it_renewed_where_a_frozen_source_was_written_to(pair: Pair, tmp_path: Path, servers: Servers) -> None:
    heard = Heard(pair, elsewhere=False, writes="UPDATE account SET amount = 0 WHERE id = 2999")
    with pytest.raises(EngineError, match=r"a reader was lost.*it was written to"):
        moved_with(pair, heard, tmp_path, servers, "frozen")


@pytest.mark.parametrize("pair", ["mariadb", "postgresql"], indirect=True)
def test_loaders_of_a_run_are_on_one_server(pair: Pair, tmp_path: Path, servers: Servers) -> None:
    """Rows that a worker loaded elsewhere would be under nobody's lock, and their receipts unseen."""
    source = spot("sqlite", tmp_path, servers)
    accounts(source, 100)

    class Leads(Progress):
        def stepped(self, statement: Statement) -> None:
            pair.proxy.lead(pair.other)

    request, secrets = requested(source, pair.place, slice_rows=10)
    with pytest.raises(AnotherServer, match="leads to several servers"):
        wire.run(request, secrets, limits=Limits(workers=2), progress=Leads())


@pytest.mark.parametrize("pair", ["mariadb", "postgresql"], indirect=True)
def test_readers_of_a_run_are_on_one_server(pair: Pair, tmp_path: Path, servers: Servers) -> None:
    accounts(pair.place, 100)
    request, secrets = requested(pair.place, spot("sqlite", tmp_path, servers), slice_rows=10, consistency="none")
    planned = wire.plan(request, secrets)
    pair.proxy.lead(pair.port, pair.other)
    with pytest.raises(AnotherServer, match="leads to several servers"):
        wire.run(planned, secrets, limits=Limits(workers=2))
