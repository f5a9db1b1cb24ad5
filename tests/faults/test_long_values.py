"""Verification of values of 100 MB: equal ones are found equal, and a last byte that is another one is found."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from longvalues import compared, filled, spoiled, told
from ropeway.transfer import segments
from ropeway.verify.report import DIFFERENT, EQUALS_READ, EQUALS_SOURCE
from spots import Servers, Spot, spot

SIZE = 100_000_000
LARGE, SMALL = 256 << 20, 64 << 20  # max_allowed_packet

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]


@contextlib.contextmanager
def packets(servers: Servers, size: int) -> Iterator[None]:
    with contextlib.closing(servers.family("mariadb").connect()) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT @@GLOBAL.max_allowed_packet")
        ((before,),) = cursor.fetchall()
        cursor.execute(f"SET GLOBAL max_allowed_packet = {size}")
        yield
        cursor.execute(f"SET GLOBAL max_allowed_packet = {before}")


def place(engine: str, folder: Path, servers: Servers) -> Spot:
    made = spot(engine, folder, servers)
    filled(made, SIZE)
    # Reading DuckDB is bounded to 122 MiB, less than such a value takes.
    return replace(made, url=f"{made.url}?memory_limit=2GB") if engine == "duckdb" else made


@pytest.fixture(autouse=True)
def a_row_a_segment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "ROWS", 1)


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ("postgresql", "postgresql"), ("postgresql", "duckdb"), ("postgresql", "sqlite"), ("duckdb", "sqlite"),
        ("duckdb", "duckdb"), ("sqlite", "sqlite"), ("postgresql", "mariadb"),
    ],
)  # fmt: skip
def test_values_of_100_mb(here: str, there: str, tmp_path: Path, servers: Servers) -> None:
    with packets(servers, LARGE) if there == "mariadb" else contextlib.nullcontext():
        one, other = place(here, tmp_path, servers), place(there, tmp_path, servers)
        assert compared(one, other).claim == (EQUALS_READ if "sqlite" in (here, there) else EQUALS_SOURCE)
        spoiled(other, "body")
        assert told(compared(one, other)) == [("1", "body")]
        spoiled(other, "data")
        table = compared(one, other)
        assert (table.claim, table.differing_segments, table.reason) == (DIFFERENT, 2, "")
        assert told(table) == [("1", "body"), ("2", "data")]


def test_values_above_what_a_server_takes_at_once(tmp_path: Path, servers: Servers) -> None:
    """MariaDB makes no checksum of them, but sends them."""
    with packets(servers, LARGE):
        one, other = place("mariadb", tmp_path, servers), place("mariadb", tmp_path, servers)
    with packets(servers, SMALL):
        assert compared(one, other).claim == EQUALS_READ
    with packets(servers, LARGE):
        spoiled(other, "data")
    with packets(servers, SMALL):
        assert told(compared(one, other)) == [("2", "data")]
