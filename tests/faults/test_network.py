"""Connections that are cut or stall, and servers that die, amid a run: each row is there once in the end."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import ropeway
from moves import requested
from ropeway.cli import wire
from ropeway.transfer.engine import Receipt
from ropeway.transfer.engines import engine_of, refused
from ropeway.transfer.errors import EngineError
from ropeway.transfer.place import parse, resolve
from ropeway.transfer.start import runs
from servers import Mariadb, Postgresql
from servers.proxy import Proxy
from spots import Servers, Spot, spot

ROWS = 4_000
KINDS = ("postgresql", "mariadb")
POINTS = (3_000, 40_000, 150_000, 400_000)  # bytes: while it plans, begins, loads, finishes
FULL = range(40)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def fragile() -> Iterator[dict[str, Postgresql | Mariadb]]:
    """Servers of these tests alone: they are killed."""
    with closing(Postgresql()) as one, closing(Mariadb()) as other:
        yield {"postgresql": one, "mariadb": other}


def filled(place: Spot) -> None:
    place.ask("CREATE TABLE note (id integer PRIMARY KEY, said varchar(60))")
    place.ask("CREATE TABLE word (said varchar(60))")  # no key
    for first in range(0, ROWS, 1000):
        rows = range(first + 1, first + 1001)
        place.ask(f"INSERT INTO note VALUES {', '.join(f'''({n}, 'said {n:050}')''' for n in rows)}")
        place.ask(f"INSERT INTO word VALUES {', '.join(f'''('word {n:050}')''' for n in rows)}")


def whole(target: Spot) -> None:
    assert target.ask("SELECT count(*), count(DISTINCT id), min(id), max(id) FROM note") == [(ROWS, ROWS, 1, ROWS)]
    assert target.ask("SELECT count(*), count(DISTINCT said) FROM word") == [(ROWS, ROWS)]


@contextmanager
def proxied(place: Spot) -> Iterator[tuple[Spot, Proxy]]:
    """The place as it is reached through a proxy, and that."""
    found, _ = parse(place.url)
    with closing(Proxy(found.port)) as proxy:
        yield replace(place, url=place.url.replace(f":{found.port}/", f":{proxy.port}/")), proxy


def moved_at_last(request: Any, secrets: Any, tries: int = 6, **more: Any) -> int:
    """Run, and resume until the run ends; how often it did not."""
    for attempt in range(tries):
        try:
            wire.run(request, secrets, resume=attempt > 0 and _begun(request, secrets), **more)
        except Exception as error:
            if not isinstance(error, EngineError) and not refused(error):  # the driver's own words
                raise
            continue
        return attempt
    raise AssertionError("it never ended")


def _begun(request: Any, secrets: Any) -> bool:
    try:
        known = runs(resolve(request.target, secrets.target))
    except Exception as error:
        if not refused(error):
            raise
        return _begun(request, secrets)  # the fault struck here: it does so once
    return any(one.state in ("running", "loaded") for one in known)


def _through(
    kind: str, side: str, fault: str, after: int, folder: Path, servers: Servers, *, seconds: float = 1.5,
    option: str = "",
) -> int:  # fmt: skip
    """How often the run did not get to its end."""
    other = "sqlite" if side == "target" else "duckdb"
    fragile, sound = spot(kind, folder, servers), spot(other, folder, servers)
    source, target = (sound, fragile) if side == "target" else (fragile, sound)
    filled(source)
    with proxied(fragile) as (through, proxy):
        reached = replace(through, url=through.url + option)
        ends = (source, reached) if side == "target" else (reached, target)
        request, secrets = requested(*ends, slice_rows=500)
        proxy.trouble(fault, after, seconds=seconds)
        tries = moved_at_last(request, secrets)
        assert proxy.struck == 1
    whole(target)
    return tries


@pytest.mark.parametrize("after", POINTS)
@pytest.mark.parametrize("side", ["source", "target"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_connection_that_is_cut(kind: str, side: str, after: int, tmp_path: Path, servers: Servers) -> None:
    _through(kind, side, "cut", after, tmp_path, servers)


@pytest.mark.parametrize(("kind", "side"), [("postgresql", "target"), ("mariadb", "source")])
def test_a_connection_that_stalls(kind: str, side: str, tmp_path: Path, servers: Servers) -> None:
    _through(kind, side, "stall", 150_000, tmp_path, servers)


@pytest.mark.parametrize(
    ("kind", "side", "after"),
    [("postgresql", "source", 800_000), ("postgresql", "target", 300_000),
     ("mariadb", "source", 300_000), ("mariadb", "target", 400_000)],
)  # fmt: skip
def test_a_connection_that_stalls_for_ever(kind: str, side: str, after: int, tmp_path: Path, servers: Servers) -> None:
    _through(kind, side, "stall", after, tmp_path, servers, seconds=1e6, option="?read_timeout=2")


@pytest.mark.parametrize("side", ["source", "target"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_slow_connection_is_not_a_silent_one(kind: str, side: str, tmp_path: Path, servers: Servers) -> None:
    tries = _through(kind, side, "slow", 100_000, tmp_path, servers, seconds=0.02, option="?read_timeout=2")
    assert tries == 0


@pytest.mark.parametrize("after", POINTS[1:])
@pytest.mark.parametrize("kind", KINDS)
def test_a_server_that_is_not_told_of_the_end(kind: str, after: int, tmp_path: Path, servers: Servers) -> None:
    """Its session goes on, with the transaction that was open, its locks, and the claim of a slice in it."""
    assert _through(kind, "target", "half", after, tmp_path, servers) < 2


@pytest.mark.faults
@pytest.mark.parametrize("seed", FULL)
@pytest.mark.parametrize("side", ["source", "target"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_connection_that_is_cut_anywhere(kind: str, side: str, seed: int, tmp_path: Path, servers: Servers) -> None:
    after = random.Random(f"{kind} {side} {seed}").randint(1_000, 450_000)
    _through(kind, side, "cut", after, tmp_path, servers)


@pytest.mark.parametrize("kind", KINDS)
def test_a_session_that_nobody_ends_is_named(kind: str, tmp_path: Path, servers: Servers) -> None:
    """Of a machine that is gone without a word: its lock is proof against others until the server hears of it."""
    source, target = spot("sqlite", tmp_path, servers), spot(kind, tmp_path, servers)
    filled(source)
    with closing(engine_of(kind).loader(wire.located(target.url))) as gone:
        assert gone.hold("public.note" if kind == "postgresql" else "note")
        request, secrets = requested(source, target)
        with pytest.raises(EngineError, match="The server's session") as caught:
            wire.run(request, secrets)
        (ends,) = re.findall(r"SELECT pg_terminate_backend\(\d+\)|KILL \d+", str(caught.value))
        target.ask(ends)
        moved_at_last(request, secrets, tries=1)
    whole(target)


class Kills(ropeway.Progress):
    """Kills a server once so many slices have landed."""

    def __init__(self, server: Postgresql | Mariadb, after: int) -> None:
        self._server, self._left = server, after

    def landed(self, receipt: Receipt) -> None:
        del receipt
        self._left -= 1
        if self._left == 0:
            self._server.kill()


class Own(Servers):
    """The fragile servers in the place of the others."""

    def __init__(self, fragile: dict[str, Any]) -> None:
        super().__init__(lambda name: fragile[name])


@pytest.mark.parametrize(
    ("side", "after"), [("source", 1), ("source", 5), ("target", 1), ("target", 7), ("target", 12)]
)
@pytest.mark.parametrize("kind", KINDS)
def test_a_server_that_is_killed_and_comes_back(
    kind: str, side: str, after: int, fragile: dict[str, Any], tmp_path: Path, servers: Servers
) -> None:
    server = fragile[kind]
    weak = spot(kind, tmp_path, Own(fragile))
    sound = spot("sqlite" if side == "target" else "duckdb", tmp_path, servers)
    source, target = (sound, weak) if side == "target" else (weak, sound)
    filled(source)
    request, secrets = requested(source, target, slice_rows=500)
    with pytest.raises(EngineError):
        wire.run(request, secrets, progress=Kills(server, after))
    server.restart()
    outcome = wire.run(request, secrets, resume=True)
    assert outcome.report
    assert outcome.report.equal
    whole(target)


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_run_proved_outlives_its_server(
    kind: str, fragile: dict[str, Any], tmp_path: Path, servers: Servers
) -> None:
    """PostgreSQL's commits need not wait for the disk, slice by slice; the run's end does."""
    source, target = spot("sqlite", tmp_path, servers), spot(kind, tmp_path, Own(fragile))
    filled(source)
    request, secrets = requested(source, target)
    wire.run(request, secrets)
    fragile[kind].kill()
    fragile[kind].restart()
    whole(target)
    assert [one.state for one in runs(resolve(request.target, secrets.target))] == ["done"]
