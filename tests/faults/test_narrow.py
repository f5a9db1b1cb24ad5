"""Slices that are more than a transaction of SQL Server or Oracle takes: our servers count its rows."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from attacks import attack, equal_to_what_was_read, finished
from moves import moved, requested
from ropeway.cli import wire
from ropeway.cli.rejected import rejects, replay
from ropeway.verify.report import EQUALS_READ
from spots import Servers, Spot, spot

ROWS, MOST = 300, 100
SAID = {
    1204: "The instance of the SQL Server Database Engine cannot obtain a LOCK resource at this time.",
    9002: "The transaction log for database 'test' is full due to 'ACTIVE_TRANSACTION'.",
    30036: "unable to extend segment by 8 in undo tablespace 'UNDOTBS1'",
}
KINDS = [("sqlserver", 9002), ("oracle", 30036)]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(params=KINDS, ids=[f"{engine}-{number}" for engine, number in KINDS])
def target(request: pytest.FixtureRequest, tmp_path: Path, servers: Servers) -> Iterator[Spot]:
    """One whose transactions change 100 rows at most, with a table that takes no odd ones."""
    engine, number = request.param
    made, server = spot(engine, tmp_path, servers), servers.oracle if engine == "oracle" else servers.sqlserver
    text = "varchar2(9)" if engine == "oracle" else "varchar(9)"
    made.ask(f"CREATE TABLE note (id integer PRIMARY KEY, said {text}, CONSTRAINT plain CHECK (said <> 'odd'))")
    server.tell("narrow", MOST, number, SAID[number])
    yield made
    server.tell("narrow")


@pytest.fixture
def source(tmp_path: Path, servers: Servers) -> Spot:
    made = spot("sqlite", tmp_path, servers)
    made.ask("CREATE TABLE note (id integer PRIMARY KEY, said varchar(9))")
    made.ask(f"INSERT INTO note VALUES {', '.join(f'({n}, {n})' for n in range(1, ROWS + 1))}")
    return made


def there(target: Spot) -> list[int]:
    return [int(row[0]) for row in target.ask("SELECT id FROM note ORDER BY id")]


@pytest.mark.parametrize("target", [*KINDS, ("sqlserver", 1204)], indirect=True, ids=str)
def test_it_lands_in_parts(source: Spot, target: Spot) -> None:
    outcome = moved(source, target, mode="truncate", slice_rows=0)
    assert there(target) == list(range(1, ROWS + 1))
    assert [(one.slice, one.read, one.loaded) for one in outcome.receipts if one.slice] == [(1, ROWS, ROWS)]


@pytest.mark.parametrize("kills", [[("parted", 1)], [("parted", 3), ("thinned", 2)], [("settled", 4)]], ids=str)
def test_killed_between_its_parts(kills: list[tuple[str, int]], source: Spot, target: Spot) -> None:
    settings: dict[str, Any] = {"source": source.url, "target": target.url, "slice_rows": 0, "mode": "truncate"}
    for number, (point, nth) in enumerate(kills):
        killed = attack(**settings, point=point, nth=nth, resume=bool(number))
        assert killed.returncode == -signal.SIGKILL, killed.stderr[-2000:]
        assert 0 < len(there(target)) < ROWS
    equal_to_what_was_read(finished(settings))
    assert there(target) == list(range(1, ROWS + 1))


def test_its_rejected_rows_are_forgotten_in_several_transactions(source: Spot, target: Spot) -> None:
    bad = range(11, 140)
    source.ask(f"UPDATE note SET said = 'odd' WHERE id IN ({', '.join(map(str, bad))})")
    run = wire.run(*requested(source, target, mode="truncate", slice_rows=0, max_rejects="50%")).plan.run
    table = f"{'ropeway.' if target.engine == 'sqlserver' else ''}ropeway_reject"
    assert target.ask(f"SELECT count(*) FROM {table}")[0][0] == len(bad) > MOST
    assert wire.clean(run, target.url).rejected == len(bad)
    assert target.ask(f"SELECT count(*) FROM {table}")[0][0] == 0
    assert wire.status(target.url) == []
    assert len(there(target)) == ROWS - len(bad)


def test_refused_rows_are_kept_beside_its_parts(source: Spot, target: Spot) -> None:
    """More than a transaction takes, too; killed behind some, again while these are taken out, and replayed."""
    bad = [1, *range(11, 140), ROWS]
    source.ask(f"UPDATE note SET said = 'odd' WHERE id IN ({', '.join(map(str, bad))})")
    settings: dict[str, Any] = {
        "source": source.url, "target": target.url, "slice_rows": 0, "mode": "truncate", "max_rejects": "50%",
    }  # fmt: skip
    for point, resume in (("parted", False), ("unrejected", True)):
        killed = attack(**settings, point=point, nth=2, resume=resume)
        assert killed.returncode == -signal.SIGKILL, killed.stderr[-2000:]
    answer = finished(settings)
    equal_to_what_was_read(answer)
    assert [one["rejected"] for one in answer["receipts"] if one["slice"]] == [len(bad)]
    assert there(target) == [n for n in range(1, ROWS + 1) if n not in bad]
    ((run, kept),) = target.ask(
        f"SELECT run, count(*) FROM {'ropeway.' if target.engine == 'sqlserver' else ''}ropeway_reject GROUP BY run"
    )
    assert kept == len(bad)
    assert sorted(int(json.loads(one.values.lower())["id"]) for one in rejects(run, target.url)) == bad
    target.ask("ALTER TABLE note DROP CONSTRAINT plain")
    assert sum(one.landed for one in replay(run, target.url)) == len(bad)
    assert there(target) == list(range(1, ROWS + 1))
    assert rejects(run, target.url) == []
    request, secrets = requested(source, target, mode="truncate", slice_rows=0, max_rejects="50%")
    (table,) = wire.verify(request, secrets=secrets).tables
    assert (table.claim, table.rows_target) == (EQUALS_READ, ROWS)
