"""Differing segments whose rows are too many or too long to be read at once: they are divided again until they fit."""

from __future__ import annotations

from pathlib import Path

import pytest

from moves import requested
from ropeway.cli import wire
from ropeway.transfer import segments
from ropeway.verify import closer
from ropeway.verify.report import DIFFERENT, TableReport
from spots import PLACES, Servers, Spot, spot

WHOLE = {"oracle": "NUMBER(19)"}
ROWS, COMMON = 600, 500  # of the table, and of the one value that most keys begin with


@pytest.fixture(autouse=True)
def little_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "ROWS", 20)
    monkeypatch.setattr(closer, "_ROWS", 40)
    monkeypatch.setattr(closer, "_LAST_BYTES", 1 << 10)  # more than any row takes, and less than a segment


def filled(place: Spot, key: str) -> None:
    whole = WHOLE.get(place.engine, "BIGINT")
    place.ask(f"CREATE TABLE t (a {whole} NOT NULL, b {whole} NOT NULL, word VARCHAR(2000){key})")
    rows = [f"({7 if n < COMMON else n}, {n}, 'w{n}')" for n in range(ROWS)]
    place.ask(f"INSERT INTO t VALUES {', '.join(rows)}")


def compared(one: Spot, other: Spot, level: str = "full") -> TableReport:
    request, secrets = requested(one, other)
    (table,) = wire.verify(request, level=level, secrets=secrets).tables
    return table


def spoil(place: Spot) -> None:
    """In the segment of the common value, one row changes and two go; outside of it one changes."""
    place.ask("UPDATE t SET word = 'other' WHERE b IN (123, 599)")
    place.ask("DELETE FROM t WHERE b IN (5, 499)")


def told(table: TableReport) -> list[tuple[str, str | None, str]]:
    assert table.found
    keys = [{name.lower(): value for name, value in one.key.items()} for one in table.found.first]
    found = zip(table.found.first, keys, strict=True)
    return sorted((one.kind, key["b"], one.column.lower()) for one, key in found)


FOUND = [("changed", "123", "word"), ("changed", "599", "word"), ("missing", "499", ""), ("missing", "5", "")]


@pytest.mark.parametrize("there", PLACES)
@pytest.mark.parametrize("level", ["standard", "full"])
def test_a_key_whose_first_column_is_mostly_one_value(
    there: str, level: str, tmp_path: Path, servers: Servers
) -> None:  # fmt: skip
    (tmp_path / "one").mkdir()
    one, other = spot("sqlite", tmp_path / "one", servers), spot(there, tmp_path, servers)
    for place in (one, other):
        filled(place, ", PRIMARY KEY (a, b)")
    spoil(other)
    table = compared(one, other, level)
    assert (table.claim, table.reason, table.differing_segments, told(table)) == (DIFFERENT, "", 2, FOUND)


@pytest.mark.parametrize("there", PLACES)
@pytest.mark.parametrize("key", [", PRIMARY KEY (a, b)", ", PRIMARY KEY (b)", ""])
def test_rows_longer_than_there_is_room_for(
    there: str, key: str, tmp_path: Path, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.setattr(closer, "_BYTES", 1 << 10)
    (tmp_path / "one").mkdir()
    one, other = spot("duckdb", tmp_path / "one", servers), spot(there, tmp_path, servers)
    for place in (one, other):
        filled(place, key)
        place.ask(f"UPDATE t SET word = '{'x' * 700}' WHERE b < 300")
    spoil(other)
    table = compared(one, other)
    assert table.reason == ""
    kinds = FOUND if key else sorted([*FOUND[2:], *(
        (kind, number, "") for kind in ("missing", "extra") for number in ("123", "599")
    )])  # fmt: skip
    assert told(table) == kinds
    for room in ("_BYTES", "_LAST_BYTES"):
        monkeypatch.setattr(closer, room, 1 << 9)  # less than a row of that many letters takes
    table = compared(one, other)
    assert table.reason == "the rows of the differing segments are too large to be read again"


@pytest.mark.parametrize("there", PLACES)
def test_a_repair_of_a_segment_in_parts(there: str, tmp_path: Path, servers: Servers) -> None:
    (tmp_path / "one").mkdir()
    one, other = spot("sqlite", tmp_path / "one", servers), spot(there, tmp_path, servers)
    for place in (one, other):
        filled(place, ", PRIMARY KEY (a, b)")
    spoil(other)
    request, secrets = requested(one, other)
    found = wire.repairs(request, level="full", secrets=secrets)
    (table,) = found.tables
    assert (table.tasks.insert, table.tasks.update, table.tasks.delete) == (2, 2, 0)
    assert wire.repair(found, secrets=secrets, kept=tmp_path / "kept").equal
    assert compared(one, other).equal
