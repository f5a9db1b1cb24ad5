"""Replays at once, and after others: each rejected row lands once, whoever was told to load it."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from moves import requested
from ropeway.cli import wire
from ropeway.cli.rejected import rejects, replay
from ropeway.transfer.commit import land_again
from ropeway.transfer.engines import engine_of
from ropeway.transfer.errors import EngineError, RequestError
from ropeway.transfer.ledger import keeping
from ropeway.transfer.plan import Plan
from ropeway.transfer.rejects import row_of
from ropeway.transfer.replay import _summed
from ropeway.transfer.replay import replay as replay_by
from ropeway.verify.report import DIFFERENT, EQUALS_READ
from spots import Servers, Spot, spot

ROWS = 20
BAD = [3, 17]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def left_behind(engine: str, folder: Path, servers: Servers) -> tuple[Spot, Spot, Plan]:
    """A table without a key, of which a run has left two rows behind that the target takes by now."""
    source, target = spot("sqlite", folder, servers), spot(engine, folder, servers)
    source.ask("CREATE TABLE note (id integer, grade integer)")
    for n in range(1, ROWS + 1):
        source.ask(f"INSERT INTO note VALUES ({n}, {500 if n in BAD else 1})")
    target.ask("CREATE TABLE note (id integer, grade integer, CONSTRAINT low CHECK (grade < 100))")
    plan = wire.run(*requested(source, target, mode="truncate", max_rejects="2")).plan
    if engine in ("sqlite", "duckdb"):
        target.ask("CREATE TABLE new_note (id integer, grade integer)")
        target.ask("INSERT INTO new_note SELECT * FROM note")
        target.ask("DROP TABLE note")
        target.ask("ALTER TABLE new_note RENAME TO note")
    else:
        target.ask("ALTER TABLE note DROP CONSTRAINT low")
    return source, target, plan


def there(target: Spot) -> list[int]:
    return [int(row[0]) for row in target.ask("SELECT id FROM note ORDER BY id")]


def proven(source: Spot, target: Spot) -> None:
    request, secrets = requested(source, target, mode="truncate", max_rejects="2")
    (claimed,) = wire.verify(request, secrets=secrets).tables
    assert (claimed.claim, claimed.rows_target) == (EQUALS_READ, ROWS)


def test_a_replay_that_waited_for_another_loads_nothing_again(tmp_path: Path, servers: Servers) -> None:
    source, target, plan = left_behind("postgresql", tmp_path, servers)
    asks = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%advisory_lock%'"
    with ThreadPoolExecutor(1) as pool:
        with closing(engine_of("postgresql").loader(wire.located(target.url))) as first:
            assert first.hold(str(plan.hops[0].writes))
            second = pool.submit(replay, plan.run, target.url)
            while len(target.ask(asks)) < 3:  # with that of the first, and this one
                time.sleep(0.05)
            assert sum(one.landed for one in replay_by(plan, engine_of("postgresql"), first)) == len(BAD)
        assert sum(one.landed for one in second.result()) == 0
    assert there(target) == list(range(1, ROWS + 1))
    assert rejects(plan.run, target.url) == []
    proven(source, target)


@pytest.mark.parametrize("engine", ["postgresql", "mariadb", "sqlite", "duckdb"])
def test_rows_that_are_kept_no_more_do_not_land(engine: str, tmp_path: Path, servers: Servers) -> None:
    source, target, plan = left_behind(engine, tmp_path, servers)
    kept, hop = rejects(plan.run, target.url), plan.hops[0]
    with closing(engine_of(plan.target.scheme).loader(wire.located(target.url))) as loader:
        before = next(one for one in loader.ledger.receipts(plan.run) if one.rejected)
        assert sum(one.landed for one in replay_by(plan, engine_of(plan.target.scheme), loader)) == len(BAD)
        with pytest.raises(EngineError, match="2 rejected rows"):
            land_again(plan.run, [hop], hop.slices[0], before, [row_of(one) for one in kept], kept, (), loader)
    assert there(target) == list(range(1, ROWS + 1))
    proven(source, target)


def test_a_ledger_that_keeps_fewer_rows_than_it_counts_is_refused(tmp_path: Path, servers: Servers) -> None:
    _, target, plan = left_behind("sqlite", tmp_path, servers)
    target.ask(f"DELETE FROM ropeway_reject WHERE run = '{plan.run}' AND n_row = 1")
    with pytest.raises(RequestError, match="counts 2 rejected rows, and 1 is kept"):
        replay(plan.run, target.url)
    assert there(target) == [n for n in range(1, ROWS + 1) if n not in BAD]


def test_a_receipt_of_more_rows_than_were_read_proves_nothing(tmp_path: Path, servers: Servers) -> None:
    """As replays that ran at once left them before: rows and checksum doubled, which are equal."""
    source, target, plan = left_behind("sqlite", tmp_path, servers)
    kept, hop = rejects(plan.run, target.url), plan.hops[0]
    replay(plan.run, target.url)
    with closing(engine_of("sqlite").loader(wire.located(target.url))) as loader:
        settled = next(one for one in loader.ledger.receipts(plan.run) if one.slice)
        loader.begin()
        keeping(loader.ledger).reject(plan.run, kept)
        loader.commit()
        more = _summed(plan, hop, settled, [row_of(one) for one in kept])
        land_again(
            plan.run,
            [hop],
            hop.slices[0],
            replace(more, loaded=ROWS + 2),
            [row_of(one) for one in kept],
            kept,
            (),
            loader,
        )
    request, secrets = requested(source, target, mode="truncate", max_rejects="2")
    (claimed,) = wire.verify(request, secrets=secrets).tables
    assert (claimed.claim, claimed.rows_target) == (DIFFERENT, ROWS + 2)
    assert "landed twice" in claimed.reason


@pytest.mark.parametrize("engine", ["sqlite", "oracle", "sqlserver"])
def test_a_later_run_is_known_whatever_its_machine_s_clock_says(engine: str, tmp_path: Path, servers: Servers) -> None:
    source, target, plan = left_behind(engine, tmp_path, servers)
    later = wire.run(*requested(source, target, mode="truncate", max_rejects="2")).plan
    table = f"{'ropeway.' if engine == 'sqlserver' else ''}ropeway_run"
    target.ask(f"UPDATE {table} SET started = '2001-01-01 00:00:00' WHERE run = '{later.run}'")
    with pytest.raises(RequestError, match=f"Run {later.run} wrote .* after run {plan.run}"):
        replay(plan.run, target.url)
    with closing(engine_of(plan.target.scheme).loader(wire.located(target.url))) as loader:
        assert not [name for name in loader.ledger.journaled(plan.run) if "place" in name]
    # A run that an earlier version has begun came before those that have a place.
    target.ask(f"DELETE FROM {table[:-3]}statement WHERE run = '{later.run}' AND state = '2'")
    assert [one.run for one in wire.status(target.url)] == [later.run, plan.run]
