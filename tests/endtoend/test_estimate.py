"""How long it will take: by the benchmarks, by earlier runs, by a probe; said with what it goes by."""

from __future__ import annotations

import json

import pytest

from ropeway.cli.estimate import estimate, span
from ropeway.transfer.plan import from_json
from shell import Shell, write

ENDS = ("--source", "sqlite:///in.sqlite", "--target", "duckdb:///out.duckdb")


@pytest.fixture
def full(shell: Shell) -> Shell:
    rows = "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 20000)"
    write(shell.folder / "in.sqlite", "CREATE TABLE t (id INTEGER PRIMARY KEY, word TEXT);"
          f"{rows} INSERT INTO t SELECT i, 'w' || i FROM n; ANALYZE")  # fmt: skip
    return shell


def test_it_comes_from_the_benchmarks_then_from_runs(full: Shell) -> None:
    found = full.json("plan", *ENDS)["estimate"]
    assert "benchmarks/results" in found["basis"]
    low, high = found["seconds"]
    assert 0 < low < high
    assert [one["hop"] for one in found["tables"]] == ["1 t -> main.t"]
    run = full.json("run", *ENDS)["run"]
    again = full.json("plan", *ENDS[:3], "duckdb:///other.duckdb")["estimate"]
    assert again["basis"] == f"run {run} here"


def test_a_probe_tells_of_these_tables(full: Shell) -> None:
    assert full.json("plan", *ENDS, "--probe")["estimate"]["basis"] == "a probe of 1,000 rows"


def test_it_is_said_and_written_and_outlives_a_seal(full: Shell) -> None:
    said = full("plan", *ENDS, "--out", "p").stdout
    assert "Time: about " in said
    assert "(from benchmarks/results" in said
    assert "Downtime: Writers may go on, but what they write after the run began is not moved" in said
    risks = full.folder / "p" / "risks.md"
    written = risks.read_text()
    assert "## Time and downtime" in written
    before = full.folder / "p" / "before.sql"
    before.write_text(before.read_text() + "\n-- [+] nothing\nSELECT 1;\n")
    full("plan", "--seal", "p")
    assert written.partition("## Time")[2] == risks.read_text().partition("## Time")[2]
    assert "sealed" in risks.read_text()


def test_the_plan_itself_does_not_hold_it(full: Shell) -> None:
    full("plan", *ENDS, "--out", "p")
    plan = from_json((full.folder / "p" / "plan.json").read_text())
    assert "estimate" not in json.loads((full.folder / "p" / "plan.json").read_text())
    assert estimate(plan, base=full.folder / "nothing") == estimate(plan, base=full.folder / "nothing")


def test_no_more_exact_than_it_is() -> None:
    assert span(0.2, 1.3) == "about 1 to 2 s"
    assert span(240, 720) == "about 4 to 12 min"
    assert span(7200, 64_800) == "about 2.0 to 18.0 h"
