"""Long values are read few at a time, and named where memory does not let them pass."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from ropeway.cli import wire
from ropeway.transfer.engines import engine_of
from ropeway.transfer.errors import RequestError
from ropeway.transfer.job import Limits, room_for
from ropeway.transfer.place import parse, resolve
from ropeway.transfer.request import Request
from shell import write

SIZE, ROWS, BATCH = 300_000, 40, 256 << 10


def documents(folder: Path) -> Path:
    path = folder / "documents.sqlite"
    write(path, "CREATE TABLE d (id INTEGER PRIMARY KEY, body TEXT, none TEXT)")
    write(path, f"WITH RECURSIVE g(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM g WHERE n < {ROWS}) "
                f"INSERT INTO d SELECT n, hex(zeroblob({SIZE // 2})), NULL FROM g")  # fmt: skip
    return path


def test_batches_of_sqlite_are_bounded_in_bytes(tmp_path: Path) -> None:
    """The driver cuts them by rows, and there are no fewer than 1,024 where rows are short."""
    request = Request(parse(f"sqlite:///{documents(tmp_path)}")[0], parse("memory://bounded")[0])
    plan = wire.plan(request)
    with closing(engine_of("sqlite").open(resolve(request.source, ""), plan.hops, "run", 1)) as source:
        (reader,) = source.readers()
        (hop,) = plan.hops
        batches = list(reader.read(hop, replace(hop.slices[0], number=1), BATCH))
    assert sum(batch.num_rows for batch in batches) == ROWS
    assert max(batch.nbytes for batch in batches) <= 8 * BATCH
    assert len(batches) >= ROWS * SIZE // (8 * BATCH)


def test_a_value_that_cannot_pass_is_named(tmp_path: Path) -> None:
    """With the memory that the message names it passes."""
    path = tmp_path / "long.sqlite"
    write(path, "CREATE TABLE d (id INTEGER PRIMARY KEY, body BLOB); INSERT INTO d VALUES (1, zeroblob(30000000))")
    request = Request(parse(f"sqlite:///{path}")[0], parse(f"sqlite:///{tmp_path / 'out.sqlite'}")[0])
    with pytest.raises(RequestError, match=r"d\.body.* holds a value of 30 MB") as caught:
        wire.run(request, limits=Limits(1, 400 << 20))
    room = room_for(30_000_000)
    assert f"--max-memory {room >> 20}MB" in str(caught.value)
    wire.run(request, limits=Limits(1, room), resume=True)
    with sqlite3.connect(tmp_path / "out.sqlite") as connection:
        assert connection.execute("SELECT length(body) FROM d").fetchall() == [(30_000_000,)]
