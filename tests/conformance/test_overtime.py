"""Statements that take longer than a URL allows, of Oracle and SQL Server, whose drivers end them: on either side."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from moves import requested
from ropeway.cli import wire
from ropeway.transfer.errors import EngineError, RopewayError
from spots import Servers, Spot, spot

SAID = r"(?s)statement_timeout=1 of the URL allows.*--resume"
DRIVERS = {"oracle": "", "sqlserver": "", "freetds": "&driver=FreeTDS"}
Behave = Callable[..., None]


def bounded(place: Spot, seconds: str, more: str = "") -> Spot:
    return replace(place, url=f"{place.url}{'&' if '?' in place.url else '?'}statement_timeout={seconds}{more}")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def behave(servers: Servers) -> Iterator[Behave]:
    """Tell an engine's test server when to be slow; afterwards all are quick again."""
    told: list[Callable[[float], None]] = []

    def tell(engine: str, seconds: float, what: str = "") -> None:
        if engine == "oracle":
            servers.oracle.tell("stall_of", what)
            servers.oracle.tell("stall", seconds)
        else:
            servers.sqlserver.behave(stall_of=what, stall=seconds)
        told.append(lambda seconds: tell(engine, seconds)) if seconds else None

    yield tell
    for one in told:
        one(0.0)


def people(place: Spot, rows: int) -> None:
    place.ask("CREATE TABLE person (id integer PRIMARY KEY, town varchar(20))")
    for n in range(1, rows + 1):
        place.ask(f"INSERT INTO person VALUES ({n}, 't{n}')")


@pytest.mark.parametrize("driver", DRIVERS)
def test_of_the_source(driver: str, tmp_path: Path, servers: Servers, behave: Behave) -> None:
    engine = "sqlserver" if driver == "freetds" else driver
    source, target = spot(engine, tmp_path, servers), spot("sqlite", tmp_path, servers)
    people(source, 9)
    request, secrets = requested(bounded(source, "1", DRIVERS[driver]), target)
    plan = wire.plan(request, secrets)
    behave(engine, 60.0, ' AS "town"' if engine == "oracle" else " AS [town]")
    with pytest.raises(EngineError, match=SAID):
        wire.run(plan, secrets)
    behave(engine, 0.0)
    wire.run(plan, secrets, resume=True)
    assert len(target.ask("SELECT * FROM person")) == 9


@pytest.mark.parametrize("engine", ["oracle", "sqlserver"])
def test_of_the_target(engine: str, tmp_path: Path, servers: Servers, behave: Behave) -> None:
    source, target = spot("sqlite", tmp_path, servers), spot(engine, tmp_path, servers)
    people(source, 9)
    request, secrets = requested(source, bounded(target, "1"))
    plan = wire.plan(request, secrets)
    behave(engine, 60.0, 'INTO "PERSON"' if engine == "oracle" else "INSERT INTO [dbo].[person]")
    with pytest.raises(EngineError, match=SAID):
        wire.run(plan, secrets)
    assert not target.ask("SELECT id FROM person")
    behave(engine, 0.0)
    wire.run(plan, secrets, resume=True)
    assert len(target.ask("SELECT id FROM person")) == 9


@pytest.mark.parametrize("engine", ["sqlite", "duckdb", "csv", "parquet", "arrow"])
def test_others_refuse_it_by_name(engine: str, tmp_path: Path, servers: Servers) -> None:
    place = Spot(engine, f"{engine}:///{tmp_path}", lambda _: [])
    if engine in ("sqlite", "duckdb"):
        place = spot(engine, tmp_path, servers)
        people(place, 1)
    for source, target in ((bounded(place, "5"), spot("sqlite", tmp_path, servers)), (place, bounded(place, "5"))):
        with pytest.raises(RopewayError, match="statement_timeout"):
            wire.plan(*requested(source, target))
