"""Slices that are more than one transaction takes: they land in several, each row once, whatever is killed."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from time import sleep
from typing import Any

import pytest

from attacks import attack, equal_to_what_was_read, finished
from moves import moved, requested
from ropeway.cli import wire
from ropeway.cli.rejected import rejects, replay
from ropeway.cli.shapes import run_shape
from ropeway.transfer.commit import together
from ropeway.transfer.engine import Receipt
from ropeway.transfer.engines import engine_of
from ropeway.transfer.errors import DataError
from ropeway.transfer.ledger import Overtaken, keeping
from ropeway.transfer.place import parse, resolve
from ropeway.verify.report import EQUALS_READ
from servers import Mariadb
from spots import Servers, Spot, spot

ROWS = 600


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def narrow() -> Iterator[Mariadb]:
    """A server whose transactions may log 128 KiB: a slice of these tests takes 300 KiB or so."""
    with closing(Mariadb()) as server:
        with closing(server.connect()) as connection, connection.cursor() as cursor:
            cursor.execute("SET GLOBAL max_binlog_cache_size = 131072, GLOBAL binlog_cache_size = 32768")
        yield server


def of(server: Mariadb, folder: Path) -> Spot:
    return spot("mariadb", folder, Servers(lambda _: server))


def filled(folder: Path, servers: Servers) -> Spot:
    source = spot("sqlite", folder, servers)
    source.ask("CREATE TABLE note (id integer PRIMARY KEY, said text)")
    source.ask("CREATE TABLE word (said text)")  # no key
    rows = ", ".join(f"({n}, '{n:0500}')" for n in range(1, ROWS + 1))
    source.ask(f"INSERT INTO note VALUES {rows}")
    source.ask("INSERT INTO word SELECT said FROM note")
    return source


def once(target: Spot) -> None:
    assert target.ask("SELECT count(*), count(DISTINCT id), min(id), max(id) FROM note") == [(ROWS, ROWS, 1, ROWS)]
    assert target.ask("SELECT count(*), count(DISTINCT said) FROM word") == [(ROWS, ROWS)]


def test_it_lands_in_parts(narrow: Mariadb, tmp_path: Path, servers: Servers) -> None:
    target = of(narrow, tmp_path)
    outcome = moved(filled(tmp_path, servers), target)
    once(target)
    assert [(one.slice, one.read, one.loaded) for one in outcome.receipts] == [(1, ROWS, ROWS)] * 2


@pytest.mark.parametrize(("point", "nth"), [("part", 1), ("parted", 1), ("parted", 3), ("settled", 4)])
def test_killed_between_its_parts(point: str, nth: int, narrow: Mariadb, tmp_path: Path, servers: Servers) -> None:
    target = of(narrow, tmp_path)
    settings: dict[str, Any] = {
        "source": filled(tmp_path, servers).url, "target": target.url, "point": point, "nth": nth, "slice_rows": 0,
    }  # fmt: skip
    assert attack(**settings).returncode == -signal.SIGKILL
    equal_to_what_was_read(finished(settings))
    once(target)


def test_a_row_that_is_too_large_by_itself(narrow: Mariadb, tmp_path: Path, servers: Servers) -> None:
    """By what the target's trigger writes for it; after that is gone, the table starts over, in parts likewise."""
    source, target = filled(tmp_path, servers), of(narrow, tmp_path)
    target.ask("CREATE TABLE note (id integer PRIMARY KEY, said varchar(600))")
    target.ask("CREATE TABLE word (said varchar(600))")
    target.ask("CREATE TABLE heap (said varchar(600))")
    target.ask(
        "CREATE TRIGGER heaps AFTER INSERT ON note FOR EACH ROW INSERT INTO heap "
        "SELECT NEW.said FROM seq_1_to_2000 WHERE NEW.id = 577"
    )
    request, secrets = requested(source, target, mode="truncate")
    with pytest.raises(DataError, match=r"one row of .* bytes is more than a transaction .*1197") as caught:
        wire.run(request, secrets)
    assert caught.value.key == "id=577"
    assert "--resume starts this table over" in str(caught.value)
    assert 0 < int(target.ask("SELECT count(*) FROM note")[0][0]) < 577
    target.ask("DROP TRIGGER heaps")
    assert wire.run(request, secrets, resume=True).report.equal  # type: ignore[union-attr]
    once(target)
    assert target.ask("SELECT count(*) FROM heap") == [(0,)]


BAD = [*range(100, 140), 577, ROWS]  # too much for one transaction, as they are kept


def spoilt(folder: Path, servers: Servers, target: Spot) -> Spot:
    """Notes of which some are refused for what they say, and one each for being a twin of another."""
    source = filled(folder, servers)
    source.ask("DROP TABLE word")
    source.ask("ALTER TABLE note ADD COLUMN twin integer")
    source.ask("UPDATE note SET twin = id")
    source.ask(f"UPDATE note SET said = replace(said, '0000', 'odd ') WHERE id IN ({', '.join(map(str, BAD))})")
    source.ask("UPDATE note SET twin = 5 WHERE id IN (7, 450)")
    target.ask(
        "CREATE TABLE note (id integer PRIMARY KEY, said varchar(600), twin integer UNIQUE, "
        "CONSTRAINT plain CHECK (said NOT LIKE 'odd%'))"
    )
    return source


def without(target: Spot, run: str) -> None:
    gone = [7, *BAD, 450]
    assert [int(row[0]) for row in target.ask("SELECT id FROM note ORDER BY id")] == [
        n for n in range(1, ROWS + 1) if n not in gone
    ]
    kept = rejects(run, target.url)
    assert sorted(int(json.loads(one.values)["id"]) for one in kept) == sorted(gone)
    assert {(one.stage, one.key == f"id={json.loads(one.values)['id']}") for one in kept} == {("load", True)}
    assert all(("plain" in one.reason) is (int(json.loads(one.values)["id"]) in BAD) for one in kept)
    assert target.ask("SELECT count(*) FROM ropeway_reject")[0][0] == len(gone)
    assert target.ask("SELECT count(*) FROM ropeway_slice WHERE slice >= 1000000000")[0][0] == 0


@pytest.mark.parametrize("allowed", ["44", "8%"])
def test_rows_are_refused_of_a_slice_that_lands_in_parts(
    allowed: str, narrow: Mariadb, tmp_path: Path, servers: Servers
) -> None:
    target = of(narrow, tmp_path)
    source = spoilt(tmp_path, servers, target)
    fewer, secrets = requested(source, target, mode="truncate", max_rejects="43" if allowed == "44" else "7%")
    with pytest.raises(DataError, match="allows") as caught:
        wire.run(fewer, secrets)
    assert "--resume starts this table over" in str(caught.value)
    request, _ = requested(source, target, mode="truncate", max_rejects=allowed)
    outcome = wire.run(request, secrets, resume=True)
    without(target, outcome.plan.run)
    (table,) = run_shape(outcome, {})["tables"]
    assert (table["read"], table["loaded"], table["rejected"]) == (ROWS, ROWS - 44, 44)
    assert [one.claim for one in outcome.report.tables] == [EQUALS_READ]  # type: ignore[union-attr]
    target.ask("ALTER TABLE note DROP CONSTRAINT plain")
    assert sum(one.landed for one in replay(outcome.plan.run, target.url)) == len(BAD)
    (again,) = wire.verify(request, secrets=secrets).tables
    assert (again.claim, again.rows_target) == (EQUALS_READ, ROWS - 2)


@pytest.mark.parametrize(("point", "nth"), [("parted", 1), ("parted", 3), ("settled", 3)])
def test_killed_between_parts_of_a_slice_with_rejected_rows(
    point: str, nth: int, narrow: Mariadb, tmp_path: Path, servers: Servers
) -> None:
    target = of(narrow, tmp_path)
    source = spoilt(tmp_path, servers, target)
    settings: dict[str, Any] = {
        "source": source.url, "target": target.url, "point": point, "nth": nth, "slice_rows": 0, "mode": "truncate",
        "max_rejects": "44",
    }  # fmt: skip
    killed = attack(**settings)
    assert killed.returncode == -signal.SIGKILL, killed.stderr[-2000:]
    answer = finished(settings)
    equal_to_what_was_read(answer)
    assert [(one["read"], one["loaded"], one["rejected"]) for one in answer["receipts"]] == [(ROWS, ROWS - 44, 44)]
    ((run,),) = target.ask("SELECT DISTINCT run FROM ropeway_reject")
    without(target, run)


def test_what_cannot_be_read_of_a_slice_that_lands_in_parts(narrow: Mariadb, tmp_path: Path, servers: Servers) -> None:
    source, target = filled(tmp_path, servers), of(narrow, tmp_path)
    source.ask("DROP TABLE word")
    source.ask("ALTER TABLE note ADD COLUMN grade integer")
    request, secrets = requested(source, target, max_rejects="2")
    planned = wire.plan(request, secrets)
    source.ask("UPDATE note SET grade = 'odd' WHERE id IN (3, 590)")
    outcome = wire.run(planned, secrets)
    assert {(one.stage, one.key) for one in rejects(outcome.plan.run, target.url)} == {
        ("read", "id=3"), ("read", "id=590"),
    }  # fmt: skip
    (table,) = wire.verify(request, level="full", secrets=secrets).tables
    assert (table.claim, table.rows_source, table.rejected) == (EQUALS_READ, ROWS - 2, 2)


@pytest.mark.parametrize("point", ["", "parted"])
def test_what_could_not_be_gathered_is_kept_beside_parts(
    point: str, narrow: Mariadb, tmp_path: Path, servers: Servers
) -> None:
    source, target = filled(tmp_path, servers), of(narrow, tmp_path)
    source.ask("DROP TABLE word")
    source.ask("ALTER TABLE note ADD COLUMN grade integer")
    settings: dict[str, Any] = {
        "source": source.url, "target": target.url, "slice_rows": 0, "max_rejects": "2", "tables": [],
        "dedup": {"note": {"key": "said", "keep": "first"}},
    }  # fmt: skip
    assert attack(**settings, point="opened", nth=1).returncode == -signal.SIGKILL
    source.ask("UPDATE note SET grade = 'odd' WHERE id IN (3, 590)")
    source.ask("UPDATE note SET said = (SELECT said FROM note WHERE id = 1) WHERE id = 2")
    if point:
        assert attack(**settings, point=point, nth=2, resume=True).returncode == -signal.SIGKILL
    equal_to_what_was_read(finished(settings))
    assert target.ask("SELECT count(*), count(DISTINCT id), min(id) FROM note") == [(ROWS - 3, ROWS - 3, 1)]
    ((run,),) = target.ask("SELECT DISTINCT run FROM ropeway_reject")
    assert [(one.stage, one.key) for one in rejects(run, target.url)] == [("read", "id=3"), ("read", "id=590")]


def test_a_run_that_was_killed_between_parts_is_undone(narrow: Mariadb, tmp_path: Path, servers: Servers) -> None:
    target = of(narrow, tmp_path)
    source = spoilt(tmp_path, servers, target)
    settings: dict[str, Any] = {"source": source.url, "target": target.url, "slice_rows": 0, "mode": "truncate"}
    assert attack(**settings, point="parted", nth=4, max_rejects="44").returncode == -signal.SIGKILL
    ((run, kept),) = target.ask("SELECT run, count(*) FROM ropeway_reject GROUP BY run")
    assert kept
    assert rejects(run, target.url) == []  # of no slice that has landed
    wire.clean(run, target.url)
    assert target.ask("SELECT count(*) FROM ropeway_reject") == [(0,)]


@pytest.mark.parametrize("engine", ["mariadb", "sqlserver", "oracle"])
def test_a_part_lands_behind_what_there_is_alone(engine: str, tmp_path: Path, servers: Servers) -> None:
    """Where the commit of a lost connection comes late, the next try sees it, and does not land the same rows."""
    target = spot(engine, tmp_path, servers)
    place, secret = parse(target.url)
    some, more = (Receipt("1 t", 1, "a", "now", read=9, loaded=loaded) for loaded in (3, 6))

    def landed(loader: Any, there: Receipt, before: Receipt | None, *, whole: bool = False) -> bool:
        done = []

        def work() -> None:
            if whole:
                loader.ledger.whole("r", there, before)
            done.append(loader.ledger.part("r", there, before))

        together(work, loader)
        return all(done)

    opened = [engine_of(place.scheme).loader(resolve(place, secret)) for _ in range(2)]
    with closing(opened[0]) as late, closing(opened[1]) as next_:
        late.ledger.prepare()
        assert landed(late, some, None)
        with pytest.raises(Overtaken):
            landed(late, some, None)
        late.begin()
        keeping(late.ledger).part("r", more, some)
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(landed, next_, more, some)
            sleep(0.2)
            assert not waiting.done()
            late.commit()
            with pytest.raises(Overtaken):
                waiting.result()
        with pytest.raises(Overtaken):
            landed(late, more, some, whole=True)
        with pytest.raises(Overtaken):
            landed(late, more, None, whole=True)
        assert [one.loaded for one in keeping(late.ledger).parts("r")] == [6]


def test_packets_are_no_larger_than_the_server_takes(narrow: Mariadb, tmp_path: Path, servers: Servers) -> None:
    source, target = filled(tmp_path, servers), of(narrow, tmp_path)
    with closing(narrow.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("SET GLOBAL max_allowed_packet = 65536")
        try:
            moved(source, target)
        finally:
            cursor.execute("SET GLOBAL max_allowed_packet = 16777216")
    once(target)
