"""Places compared as they are, where a run left rows behind that a transform refused: all others are compared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from moves import requested
from ropeway.cli import wire
from ropeway.cli.mending import Repair
from ropeway.transfer.request import Choice, Request
from ropeway.transforms.steps import calls_of
from ropeway.verify.report import DIFFERENT, EQUALS_READ, TableReport
from spots import Servers, Spot, spot

ROWS = 40
PAIRS = [("sqlite", "postgresql"), ("mariadb", "duckdb")]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(params=PAIRS, ids="-".join)
def ran(request: Any, tmp_path: Path, servers: Servers) -> tuple[Spot, Spot, Request, wire.Secrets]:
    """Two places, and a run between them that rejected rows 3 and 40, whose numbers are none."""
    source, target = (spot(engine, tmp_path, servers) for engine in request.param)
    source.ask("CREATE TABLE note (id integer PRIMARY KEY, said varchar(9), grade integer)")
    for n in range(1, ROWS + 1):
        source.ask(f"INSERT INTO note VALUES ({n}, '7', {n})")
    steps = calls_of([{"rename": {"said": "number"}}, {"cast": {"number": "int64"}}])
    job, secrets = requested(source, target, max_rejects="9", choices=(Choice("note", transforms=steps),))
    planned = wire.plan(job, secrets)
    source.ask("UPDATE note SET said = 'odd' WHERE id IN (3, 40)")
    wire.run(planned, secrets)
    return source, target, job, secrets


def looked(job: Request, secrets: wire.Secrets) -> tuple[TableReport, Repair]:
    (table,) = wire.verify(job, level="full", secrets=secrets).tables
    return table, wire.repairs(job, "full", secrets)


def test_what_the_run_rejected_has_no_place_in_the_target(ran: tuple[Spot, Spot, Request, wire.Secrets]) -> None:
    _, target, job, secrets = ran
    table, found = looked(job, secrets)
    assert (table.claim, table.rows_source, table.rejected, table.refused) == (EQUALS_READ, ROWS - 2, 2, 0)
    assert "but for 2 rows" in table.reason
    assert found.tables == ()
    target.ask("DELETE FROM note WHERE id = 5")
    target.ask("UPDATE note SET grade = 0 WHERE id = 6")
    table, found = looked(job, secrets)
    assert table.found
    assert (table.claim, table.found.missing, table.found.changed, table.rejected) == (DIFFERENT, 1, 1, 2)
    assert [(one.tasks.insert, one.tasks.update, one.tasks.delete) for one in found.tables] == [(1, 1, 0)]
    (mended,) = wire.repair(found, secrets=secrets).tables
    assert (mended.claim, mended.rejected) == (EQUALS_READ, 2)
    assert sorted(int(row[0]) for row in target.ask("SELECT id FROM note")) == [
        n for n in range(1, ROWS + 1) if n not in (3, 40)
    ]


def test_what_a_transform_refuses_and_the_run_did_not_reject_is_a_finding(
    ran: tuple[Spot, Spot, Request, wire.Secrets],
) -> None:
    source, _, job, secrets = ran
    source.ask("INSERT INTO note VALUES (41, 'new', 41)")
    source.ask("UPDATE note SET grade = 0 WHERE id = 40")  # refused as before, and another row by now
    table, found = looked(job, secrets)
    assert (table.claim, table.rejected, table.refused, table.differing_segments) == (DIFFERENT, 1, 2, 0)
    assert "id=41" in table.reason
    assert "id=40" in table.reason
    assert found.tables == ()  # there is nothing to load
    source.ask("UPDATE note SET said = '8' WHERE id = 3")  # it could be loaded now
    table, found = looked(job, secrets)
    assert table.found
    assert (table.claim, table.found.missing, table.rejected, table.refused) == (DIFFERENT, 1, 0, 2)
    assert [one.tasks.insert for one in found.tables] == [1]
