"""Rows that cannot be read, or transformed, while a table is gathered: kept once, with the slice that they are of."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from attacks import attack, finished
from moves import requested
from ropeway.cli import wire
from ropeway.cli.job import Wanted, job
from ropeway.cli.rejected import rejects, replay
from ropeway.cli.shapes import run_shape
from ropeway.transfer.errors import DataError, RequestError
from ropeway.transfer.request import Choice
from ropeway.transforms.steps import calls_of, over_of
from ropeway.verify.report import DIFFERENT, EQUALS_READ
from spots import Servers, Spot, spot

LATEST = {"key": "mail", "keep": "latest", "by": "seen"}
STEPS: list[dict[str, Any]] = [{"cast": {"size": "int16"}}, {"filter": "id <> 9"}]
PEOPLE = 40
# Each third has a twin that was seen later. Of one whose twin cannot come, or is filtered, the other stays.
BAD = {5: "read", 6: "read", 14: "transform", 27: "read"}
GONE = {9, *BAD}
STAY = [n for n in range(1, PEOPLE + 1) if n not in GONE and (n % 3 != 2 or n + 1 in GONE)]
PAIRS = [("sqlite", "postgresql"), ("mariadb", "sqlite"), ("sqlite", "mariadb")]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def filled(engine: str, folder: Path, servers: Servers) -> Spot:
    source = spot(engine, folder, servers)
    columns = "id integer PRIMARY KEY, mail varchar(30), size varchar(9), seen integer, day date"
    source.ask(f"CREATE TABLE person ({columns})")
    for n in range(1, PEOPLE + 1):
        source.ask(f"INSERT INTO person VALUES ({n}, 'm{n - (n % 3 == 0)}@x', '{n}', {n}, '2024-03-01')")
    return source


def spoil(source: Spot) -> None:
    day = "0000-00-00" if source.engine == "mariadb" else "2024-02-30"
    source.ask(f"UPDATE person SET day = '{day}' WHERE id IN (5, 6, 27)")
    source.ask("UPDATE person SET size = 'odd' WHERE id = 14")


def there(target: Spot) -> list[int]:
    return [int(row[0]) for row in target.ask("SELECT id FROM person ORDER BY id")]


def of(source: Spot, target: Spot, allowed: str, **options: Any) -> tuple[Any, wire.Secrets]:
    choices = (Choice("person", transforms=calls_of(STEPS), over=over_of(LATEST)),)
    return requested(source, target, choices=choices, slice_rows=7, max_rejects=allowed, **options)


@pytest.mark.parametrize(("engine", "other"), PAIRS)
def test_what_cannot_come_is_kept_and_the_others_are_decided(
    engine: str, other: str, tmp_path: Path, servers: Servers
) -> None:
    source, target = filled(engine, tmp_path, servers), spot(other, tmp_path, servers)
    request, secrets = of(source, target, "4")
    planned = wire.plan(request, secrets)
    spoil(source)
    outcome = wire.run(planned, secrets)
    assert there(target) == STAY
    (table,) = run_shape(outcome, {})["tables"]
    gone = PEOPLE - len(BAD) - 1 - len(STAY)
    assert (table["read"], table["loaded"], table["filtered"]) == (PEOPLE, len(STAY), 1)
    assert (table["deduplicated"], table["rejected"]) == (gone, len(BAD))
    assert outcome.report
    (claimed,) = outcome.report.tables
    assert (claimed.claim, claimed.rows_target) == (EQUALS_READ, len(STAY))
    assert "but for 4 rejected rows" in claimed.reason
    kept = rejects(outcome.plan.run, target.url)
    assert {int(json.loads(one.values)["id"]): one.stage for one in kept} == BAD
    assert {one.column for one in kept if one.stage == "read"} == {"day"}
    (again,) = wire.verify(request, level="full", secrets=secrets).tables
    assert (again.claim, again.rejected, again.refused) == (EQUALS_READ, len(BAD), 0)
    source.ask("UPDATE person SET size = 'odd' WHERE id = 20")
    (again,) = wire.verify(request, level="full", secrets=secrets).tables
    assert (again.claim, again.rejected, again.refused) == (DIFFERENT, len(BAD), 1)
    with pytest.raises(RequestError, match="cannot be loaded by themselves"):
        replay(outcome.plan.run, target.url)


@pytest.mark.parametrize("allowed", ["3", "9%"])
def test_more_than_allowed_stops_before_anything_is_loaded(allowed: str, tmp_path: Path, servers: Servers) -> None:
    source, target = filled("sqlite", tmp_path, servers), spot("postgresql", tmp_path, servers)
    request, secrets = of(source, target, allowed)
    planned = wire.plan(request, secrets)
    spoil(source)
    with pytest.raises(DataError, match=f"--max-rejects {allowed} allows"):
        wire.run(planned, secrets)
    more, _ = of(source, target, "10%")
    wire.run(more, secrets, resume=True)
    assert there(target) == STAY


def test_rows_that_the_target_refuses_count_with_those(tmp_path: Path, servers: Servers) -> None:
    source, target = filled("sqlite", tmp_path, servers), spot("postgresql", tmp_path, servers)
    target.ask(
        "CREATE TABLE person (id integer PRIMARY KEY, mail varchar(30), size smallint, "
        "seen integer CHECK (seen NOT IN (1, 39)), day date)"
    )
    request, secrets = of(source, target, "5", mode="truncate")
    planned = wire.plan(request, secrets)
    spoil(source)
    with pytest.raises(DataError, match="--max-rejects 5 allows"):
        wire.run(planned, secrets)
    more, _ = of(source, target, "6", mode="truncate")
    outcome = wire.run(more, secrets, resume=True)
    assert there(target) == [n for n in STAY if n not in (1, 39)]
    kept = rejects(outcome.plan.run, target.url)
    assert {int(json.loads(one.values)["id"]): one.stage for one in kept} == {**BAD, 1: "load", 39: "load"}
    assert len({(one.slice, one.number) for one in kept}) == len(kept)


@pytest.mark.parametrize(
    ("other", "point", "nth"),
    [("postgresql", "gathering", 4), ("mariadb", "decided", 1),
     ("postgresql", "settled", 2), ("mariadb", "landed", 6)],
)  # fmt: skip
def test_killed_while_rows_are_gathered_or_landed(
    other: str, point: str, nth: int, tmp_path: Path, servers: Servers
) -> None:
    source, target = filled("sqlite", tmp_path, servers), spot(other, tmp_path, servers)
    settings: dict[str, Any] = {
        "source": source.url, "target": target.url, "slice_rows": 7, "max_rejects": "4", "point": "opened", "nth": 1,
        "transforms": {"person": STEPS}, "dedup": {"person": LATEST}, "tables": [],
    }  # fmt: skip
    assert attack(**settings).returncode == -signal.SIGKILL  # planned, and nothing is read yet
    spoil(source)
    killed = attack(**{**settings, "point": point, "nth": nth, "resume": True})
    assert killed.returncode == -signal.SIGKILL, killed.stderr[-2000:]
    schema = "ropeway." if other == "postgresql" else ""
    landed = f"SELECT slice, attempt FROM {schema}ropeway_slice WHERE slice > 0"
    before = target.ask(landed)
    answer = finished(settings)
    assert set(before) <= set(target.ask(landed))  # they stand: their rows are in the stage
    assert [table["claim"] for table in answer["report"]["tables"]] == [EQUALS_READ]
    assert there(target) == STAY
    assert sum(receipt["rejected"] for receipt in answer["receipts"]) == len(BAD)
    ((run,),) = target.ask(f"SELECT DISTINCT run FROM {schema}ropeway_reject")
    assert {int(json.loads(one.values)["id"]): one.stage for one in rejects(run, target.url)} == BAD


def test_what_cannot_come_of_several_sources_is_counted_together(tmp_path: Path, servers: Servers) -> None:
    sources, target = (
        {alias: spot("sqlite", tmp_path, servers) for alias in ("eu", "us")},
        spot("postgresql", tmp_path, servers),
    )
    for first, source in zip((1, 101), sources.values(), strict=True):
        source.ask("CREATE TABLE person (id integer PRIMARY KEY, mail varchar(20), seen integer)")
        for n in range(first, first + 20):
            source.ask(f"INSERT INTO person VALUES ({n}, 'm{n % 100}', {n})")

    def asked(allowed: int) -> Wanted:
        table = {"from": ["eu:person", "us:person"], "to": "person", "provenance": "region", "clash": "rekey",
                 "dedup": LATEST}  # fmt: skip
        places = {alias: one.url for alias, one in sources.items()}
        return job(sources=places, target=target.url, tables=[table], slice_rows=7, max_rejects=allowed)

    wanted = asked(3)
    planned = wire.plan(wanted.request, wanted.secrets)
    for alias, bad in (("eu", (3, 4)), ("us", (103, 110))):
        sources[alias].ask(f"UPDATE person SET seen = 'odd' WHERE id IN {bad}")
    with pytest.raises(DataError, match="--max-rejects 3 allows"):
        wire.run(planned, wanted.secrets)
    outcome = wire.run(asked(4).request, wanted.secrets, resume=True)
    # Of mail m3 nobody is left, of m4 the later one, of m10 the earlier one.
    assert [int(row[0]) for row in target.ask("SELECT seen FROM person ORDER BY seen")] == [
        10, *(n for n in range(101, 121) if n not in (103, 110)),
    ]  # fmt: skip
    tables = run_shape(outcome, {})["tables"]
    assert [(one["read"], one["loaded"], one["deduplicated"], one["rejected"]) for one in tables] == [
        (20, 1, 17, 2), (20, 18, 0, 2),
    ]  # fmt: skip
    assert {one.claim for one in outcome.report.tables} == {EQUALS_READ}  # type: ignore[union-attr]
    kept = rejects(outcome.plan.run, target.url)
    assert sorted(int(json.loads(one.values)["id"]) for one in kept) == [3, 4, 103, 110]
