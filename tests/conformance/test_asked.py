"""The source's own server is asked for checksums of what was read, at the same instant."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from moves import planned
from ropeway.transfer.engines import engine_of
from ropeway.transfer.flow import flow
from ropeway.transfer.place import parse, resolve
from ropeway.transfer.plan import Cut, Slice
from ropeway.transfer.request import Choice
from ropeway.transfer.verification import source_sum
from ropeway.verify.checksum import Sum, of_batch
from spots import Servers, Spot, spot

ASKED = ("postgresql", "mariadb", "duckdb")
STAMPS = {"postgresql": "timestamp", "mariadb": "datetime(6)", "duckdb": "timestamp", "sqlite": "timestamp"}


def filled(place: Spot, rows: int = 60) -> None:
    """A table whose every column has an extreme of its own kind."""
    place.ask(
        f"CREATE TABLE t (id integer NOT NULL PRIMARY KEY, seen {STAMPS[place.engine]}, price decimal(12,2), "
        "note varchar(100))"
    )
    said = (
        f"({n}, '2024-03-01 10:{n % 60:02}:00.{n * 7919 % rows:06}', {n * 31 % rows}.25, "
        f"{'NULL' if n == 7 else repr('x' * (n * 17 % 40))})"
        for n in range(rows)
    )
    place.ask(f"INSERT INTO t VALUES {', '.join(said)}")


@pytest.mark.parametrize("engine", ASKED)
def test_a_servers_checksum_of_a_slice_is_that_of_what_is_read(engine: str, tmp_path: Path, servers: Servers) -> None:
    source = spot(engine, tmp_path, servers)
    filled(source)
    choices = (Choice("t", where="id < 50"),)
    plan = planned(source, spot("sqlite", tmp_path, servers), choices=choices)
    hop, place, (_, secret) = plan.hops[0], engine_of(engine), parse(source.url)
    with closing(place.open(resolve(plan.source, secret), [hop], "run", 1)) as opened:
        (reader,) = opened.readers()
        cuts = (Cut(), Cut("range", "id", 10, 20), Cut("range", "id", 45, None), Cut("range", "id", 90, None))
        for rows, cut in zip((50, 10, 5, 0), cuts, strict=True):
            part = Slice(1, cut)
            batches = list(flow(hop, part, reader, 1 << 20))
            read = sum((of_batch(batch, [c.canon for c in hop.columns]) for batch in batches), Sum.zero())
            assert (read.count, source_sum(place, reader, hop, part)) == (rows, read.text())
        limited = replace(hop, limit=3)
        assert source_sum(place, reader, limited, Slice(1, Cut())) == ""
