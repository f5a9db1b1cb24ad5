"""The thirty classes of faults, each put into loaded targets by plain SQL: found, with row, column and cause."""

from __future__ import annotations

from pathlib import Path

import pytest

from fault_classes import FAULTS, Cell
from fault_matrix import all_tried, inject, loaded
from fault_rows import ENGINES, ROWS, TARGETS
from ropeway.transfer import segments
from shell import Shell
from spots import Servers

# In every run of the tests: each engine as target, and what only it can hold.
SOME = {
    ("postgresql", "mariadb"): ("an hour off", "the zero date for a date", "a delimiter moved between columns"),
    ("mariadb", "duckdb"): ("before Christ for a date", "two values of a column exchanged", "UTF-8 read as Latin-1"),
    ("duckdb", "sqlite"): ("2 for true", "a bit of bytes", "one row lost, another twice"),
    ("sqlite", "postgresql"): ("infinity for a date", "a last digit cut", "A, A, B is B, B, B"),
    ("sqlite", "mysql"): ("an integer that went through a double", "a row lost", "two columns of a row exchanged"),
}


@pytest.fixture(autouse=True)
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five segments of 100 rows are as good as of 10,000."""
    monkeypatch.setattr(segments, "ROWS", ROWS // 5)


@pytest.mark.parametrize(("source", "target"), SOME)
def test_some_faults_are_found(source: str, target: str, tmp_path: Path, servers: Servers) -> None:
    pair = loaded(source, target, tmp_path, servers, ("by_number", "loose"))
    some = [fault for fault in FAULTS if fault.name in SOME[source, target]]
    found = all_tried(pair, some, seeds=1)
    assert [one.wrong for one in found] == [()] * 3
    assert [one.seeds for one in found] == [1] * 3


@pytest.mark.faults
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("source", ENGINES)
def test_every_fault_is_found(source: str, target: str, tmp_path: Path, servers: Servers) -> None:
    found = all_tried(loaded(source, target, tmp_path, servers))
    assert [wrong for one in found for wrong in one.wrong] == []
    assert sum(one.seeds for one in found) >= 5 * 35


@pytest.mark.faults
@pytest.mark.parametrize(("source", "target"), SOME)
def test_the_command_finds_them_too(source: str, target: str, tmp_path: Path, servers: Servers) -> None:
    pair = loaded(source, target, tmp_path, servers, ("by_text",))
    words = (
        "verify",
        "--source",
        pair.source.url,
        "--target",
        pair.target.url,
        "--table",
        "by_text",
        "--level",
        "full",
    )
    assert Shell(tmp_path).json(*words)["equal"]
    row = pair.held["by_text"][77]
    inject(pair, "by_text", [Cell(row["id"], "note", "something else")])
    (table,) = Shell(tmp_path).json(*words, status=5)["tables"]
    told = [(one["kind"], one["key"], one["column"], one["target"]) for one in table["differences"]]
    assert told == [("changed", {"code": row["code"]}, "note", "something else")]
