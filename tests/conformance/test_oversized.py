"""What does not fit is found by planning, not at the end of a long load."""

from __future__ import annotations

from pathlib import Path

import pytest

from moves import moved, requested
from ropeway.cli import wire
from ropeway.transfer.errors import RequestError
from ropeway.transfer.plan import Finding
from ropeway.transfer.request import Choice
from ropeway.transfer.space import amount, judged
from spots import Servers, Spot, spot


def found(source: Spot, target: Spot, name: str, **options: object) -> list[Finding]:
    request, secrets = requested(source, target, **options)
    return [one for one in wire.plan(request, secrets).findings if one.name == name]


def refused(source: Spot, target: Spot, message: str, **options: object) -> None:
    request, secrets = requested(source, target, **options)
    with pytest.raises(RequestError, match=message):
        wire.run(request, secrets)


@pytest.mark.parametrize("here", ["sqlite", "duckdb"])
@pytest.mark.parametrize("index", ["UNIQUE INDEX", "INDEX"])
def test_a_text_that_postgresql_can_not_index(here: str, index: str, tmp_path: Path, servers: Servers) -> None:
    """A B-tree takes 2,704 bytes of a value that does not compress, and says so once the rows are in."""
    source, target = spot(here, tmp_path, servers), spot("postgresql", tmp_path, servers)
    source.ask("CREATE TABLE t (id integer PRIMARY KEY, word text, other text)")
    source.ask(f"CREATE {index} w ON t (word)")
    incompressible = "".join(f"{n * 2654435761 % 2**32:08x}" for n in range(700))
    source.ask(f"INSERT INTO t VALUES (1, 'short', '{incompressible}')")
    assert not found(source, target, "oversized")
    source.ask(f"INSERT INTO t VALUES (2, '{incompressible}', 'x')")
    (finding,) = found(source, target, "oversized")
    assert finding.grade == "blocker"
    assert finding.where.endswith("t.word")
    assert "5,600 bytes" in finding.message
    assert "2,704" in finding.message
    assert "id = '2'" in finding.message
    refused(source, target, "oversized at .*word")
    with pytest.raises(Exception, match="index row"):
        moved(source, target, waive=("oversized",))


def test_rows_that_stay_behind_do_not_count(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("sqlite", tmp_path, servers), spot("postgresql", tmp_path, servers)
    source.ask("CREATE TABLE t (word text PRIMARY KEY)")
    source.ask("INSERT INTO t VALUES ('a'), (hex(randomblob(3000)))")
    assert found(source, target, "oversized")
    assert not found(source, target, "oversized", choices=(Choice("t", where="length(word) < 9"),))


def test_a_value_beyond_what_a_server_takes_at_once(tmp_path: Path, servers: Servers) -> None:
    """max_allowed_packet is 16 MB here; a table of PostgreSQL may hold such a value in a few kilobytes."""
    source, target = spot("postgresql", tmp_path, servers), spot("mariadb", tmp_path, servers)
    source.ask("CREATE TABLE t (id int PRIMARY KEY, body text, few varchar(100))")
    source.ask("INSERT INTO t VALUES (7, repeat('x', 20000000), 'few')")
    (finding,) = found(source, target, "oversized")
    assert finding.where == "public.t.body"
    assert "20,000,000 bytes" in finding.message
    assert "id = '7'" in finding.message


def test_a_table_of_too_many_columns(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("duckdb", tmp_path, servers), spot("postgresql", tmp_path, servers)
    source.ask(f"CREATE TABLE t ({', '.join(f'c{n} integer' for n in range(1601))})")
    (finding,) = found(source, target, "oversized")
    assert "1,601 columns" in finding.message


def test_room_is_judged() -> None:
    (blocker,) = judged(3_000_000, 1_000_000, "")
    assert (blocker.grade, blocker.name) == ("blocker", "space")
    assert "3 MB" in blocker.message
    assert "1 MB are free" in blocker.message
    assert not judged(3_000_000, 4_000_000, "")
    (unknown,) = judged(30_000_000_000, None, "the write-ahead log")
    assert unknown.grade == "note"
    assert "30 GB, and as much again for the write-ahead log" in unknown.message
    assert [amount(n) for n in (0, 999, 1_234_567, 10**15)] == ["0 bytes", "1,000 bytes", "1.2 MB", "1,000 TB"]
