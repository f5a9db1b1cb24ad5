"""Rows that cannot be read, between real places: the others land once, these are kept as their source shows them."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from attacks import attack, finished
from moves import requested
from ropeway.cli import wire
from ropeway.cli.rejected import rejects, replay, write
from ropeway.cli.shapes import run_shape
from ropeway.transfer.errors import DataError, RequestError
from ropeway.transfer.request import Choice
from ropeway.transforms.steps import calls_of
from ropeway.verify.report import EQUALS_READ
from spots import Servers, Spot, spot

ROWS = 40
# By engine: what spoils rows once all is planned, and what is kept of each by its key: its column and that as text.
SPOILT: dict[str, tuple[list[str], dict[int, tuple[str, str]]]] = {
    "sqlite": (
        [
            "UPDATE note SET grade = 'odd' WHERE id = 3", "UPDATE note SET day = '2024-02-30' WHERE id = 17",
            "UPDATE note SET said = x'6869' WHERE id = 18", "UPDATE note SET grade = 1.5 WHERE id = 40",
        ],
        {3: ("grade", "odd"), 17: ("day", "2024-02-30"), 18: ("said", "hi"), 40: ("grade", "1.5")},
    ),
    "mariadb": (
        ["UPDATE note SET day = '0000-00-00' WHERE id IN (3, 40)", "UPDATE note SET day = '2024-02-00' WHERE id = 17"],
        {3: ("day", "0000-00-00"), 17: ("day", "2024-02-00"), 40: ("day", "0000-00-00")},
    ),
    **{
        engine: (
            ["UPDATE note SET day = 'infinity' WHERE id IN (3, 40)", "UPDATE note SET day = '-infinity' WHERE id = 17"],
            {3: ("day", "infinity"), 17: ("day", "-infinity"), 40: ("day", "infinity")},
        )
        for engine in ("postgresql", "duckdb")
    },
}  # fmt: skip
PAIRS = [("sqlite", "postgresql"), ("mariadb", "sqlite")]
MORE = [("postgresql", "mariadb"), ("duckdb", "sqlite")]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def filled(engine: str, folder: Path, servers: Servers) -> Spot:
    source = spot(engine, folder, servers)
    source.ask("CREATE TABLE note (id integer PRIMARY KEY, said varchar(9), grade integer, day date)")
    for n in range(1, ROWS + 1):
        source.ask(f"INSERT INTO note VALUES ({n}, 'n{n}', {n}, '2024-03-01')")
    return source


def spoil(source: Spot) -> dict[int, tuple[str, str]]:
    """Rows that cannot be read, after planning, which would have asked for another type; what is kept of them."""
    statements, bad = SPOILT[source.engine]
    for statement in statements:
        source.ask(statement)
    return bad


def there(target: Spot) -> list[int]:
    return [int(row[0]) for row in target.ask("SELECT id FROM note ORDER BY id")]


@pytest.mark.parametrize(("engine", "other"), [*PAIRS, *MORE])
def test_what_cannot_be_read_is_set_aside_as_its_source_shows_it(
    engine: str, other: str, tmp_path: Path, servers: Servers
) -> None:
    source, target = filled(engine, tmp_path, servers), spot(other, tmp_path, servers)
    request, secrets = requested(source, target, slice_rows=7, max_rejects="4")
    planned = wire.plan(request, secrets)
    bad = spoil(source)
    outcome = wire.run(planned, secrets)
    good = [n for n in range(1, ROWS + 1) if n not in bad]
    assert there(target) == good
    (table,) = run_shape(outcome, {})["tables"]
    assert (table["read"], table["loaded"], table["filtered"], table["rejected"]) == (ROWS, len(good), 0, len(bad))
    assert outcome.report
    (claimed,) = outcome.report.tables
    assert (claimed.claim, claimed.rows_target) == (EQUALS_READ, len(good))
    assert f"but for {len(bad)} rejected rows" in claimed.reason
    kept = rejects(outcome.plan.run, target.url)
    assert {(one.stage, one.key) for one in kept} == {("read", f"id={n}") for n in bad}
    shown = {int(values["id"]): values for values in (json.loads(one.values) for one in kept)}
    assert {n: (one.column, shown[n][one.column]) for n, one in zip(shown, kept, strict=True)} == bad
    assert all(values["grade"] == str(n) for n, values in shown.items() if bad[n][0] != "grade")
    assert all(one.reason for one in kept)
    (file,) = write(kept, tmp_path / "rejects")
    assert set(pq.read_table(file).to_pylist()[0]) == {"id", "said", "grade", "day"}
    assert {row["id"] for row in pq.read_table(file).to_pylist()} == {str(n) for n in bad}
    assert sum(one.landed for one in replay(outcome.plan.run, target.url)) == 0  # there is nothing that could land
    assert [one.reason for one in rejects(outcome.plan.run, target.url)] == [one.reason for one in kept]


@pytest.mark.parametrize(("engine", "other"), PAIRS)
def test_more_than_allowed_stops_the_run_and_more_may_be_allowed(
    engine: str, other: str, tmp_path: Path, servers: Servers
) -> None:
    source, target = filled(engine, tmp_path, servers), spot(other, tmp_path, servers)
    request, secrets = requested(source, target, slice_rows=7, max_rejects="2")
    planned = wire.plan(request, secrets)
    bad = spoil(source)
    with pytest.raises(DataError, match="--max-rejects 2 allows") as caught:
        wire.run(planned, secrets)
    assert "no such value aside" not in str(caught.value)
    more, _ = requested(source, target, slice_rows=7, max_rejects="50%")
    wire.run(more, secrets, resume=True)
    assert there(target) == [n for n in range(1, ROWS + 1) if n not in bad]


def test_one_slice_is_rejected_at_each_of_its_stages(tmp_path: Path, servers: Servers) -> None:
    source, target = filled("sqlite", tmp_path, servers), spot("postgresql", tmp_path, servers)
    source.ask("UPDATE note SET said = id")
    steps = calls_of([{"cast": {"said": "int16"}}, {"filter": "id <> 5"}])
    target.ask("CREATE TABLE note (id integer PRIMARY KEY, said smallint, grade integer CHECK (grade <> 9), day date)")
    choices = (Choice("note", transforms=steps),)
    request, secrets = requested(source, target, mode="truncate", max_rejects="9", choices=choices)
    planned = wire.plan(request, secrets)
    source.ask("UPDATE note SET grade = 'odd' WHERE id = 3")
    source.ask("UPDATE note SET said = 'odd' WHERE id = 7")
    outcome = wire.run(planned, secrets)
    assert there(target) == [n for n in range(1, ROWS + 1) if n not in (3, 5, 7, 9)]
    (table,) = run_shape(outcome, {})["tables"]
    assert (table["read"], table["loaded"], table["filtered"], table["rejected"]) == (ROWS, ROWS - 4, 1, 3)
    kept = rejects(outcome.plan.run, target.url)
    assert {(one.stage, one.key) for one in kept} == {("read", "id=3"), ("transform", "id=7"), ("load", "id=9")}
    target.ask("ALTER TABLE note DROP CONSTRAINT note_grade_check")
    (done,) = replay(outcome.plan.run, target.url)
    assert (done.landed, {one.key for one in done.left}) == (1, {"id=3", "id=7"})
    (again,) = wire.verify(request, secrets=secrets).tables
    assert (again.claim, again.rows_target) == (EQUALS_READ, ROWS - 3)


def test_what_is_to_be_masked_is_not_kept_as_its_source_shows_it(tmp_path: Path, servers: Servers) -> None:
    source, target = filled("sqlite", tmp_path, servers), spot("postgresql", tmp_path, servers)
    choices = (Choice("note", transforms=calls_of([{"mask": {"said": "redact"}}])),)
    request, secrets = requested(source, target, max_rejects="9", choices=choices)
    planned = wire.plan(request, secrets)
    source.ask("UPDATE note SET grade = 'odd' WHERE id = 3")
    with pytest.raises(DataError):
        wire.run(planned, secrets)


@pytest.mark.parametrize(
    ("engine", "other", "point", "nth"),
    [(*PAIRS[0], "claimed", 3), (*PAIRS[0], "landed", 2), (*PAIRS[1], "settled", 2), (*PAIRS[1], "claimed", 5)],
)
def test_killed_while_rows_are_set_aside_and_taken_up_again(
    engine: str, other: str, point: str, nth: int, tmp_path: Path, servers: Servers
) -> None:
    source, target = filled(engine, tmp_path, servers), spot(other, tmp_path, servers)
    settings: dict[str, Any] = {
        "source": source.url, "target": target.url, "slice_rows": 7, "max_rejects": "4", "point": "opened", "nth": 1,
    }  # fmt: skip
    assert attack(**settings).returncode == -signal.SIGKILL  # planned, and nothing is read yet
    bad = spoil(source)
    killed = attack(**{**settings, "point": point, "nth": nth, "resume": True})
    assert killed.returncode == -signal.SIGKILL, killed.stderr[-2000:]
    answer = finished(settings)
    assert [table["claim"] for table in answer["report"]["tables"]] == [EQUALS_READ]
    assert there(target) == [n for n in range(1, ROWS + 1) if n not in bad]
    assert sum(receipt["rejected"] for receipt in answer["receipts"]) == len(bad)
    ((run,),) = target.ask(f"SELECT DISTINCT run FROM {'ropeway.' if other == 'postgresql' else ''}ropeway_reject")
    assert sorted(int(json.loads(one.values)["id"]) for one in rejects(run, target.url)) == sorted(bad)


def test_places_are_compared_but_for_what_could_not_be_read(tmp_path: Path, servers: Servers) -> None:
    source, target = filled("mariadb", tmp_path, servers), spot("sqlite", tmp_path, servers)
    request, secrets = requested(source, target, max_rejects="4")
    planned = wire.plan(request, secrets)
    bad = spoil(source)
    wire.run(planned, secrets)
    (table,) = wire.verify(request, level="full", secrets=secrets).tables
    assert (table.claim, table.rows_source, table.rejected, table.refused) == (EQUALS_READ, ROWS - 3, len(bad), 0)
    source.ask("UPDATE note SET day = '0000-00-00' WHERE id = 5")
    source.ask("UPDATE note SET grade = 0 WHERE id = 6")
    (table,) = wire.verify(request, level="full", secrets=secrets).tables
    assert table.found
    assert (table.rejected, table.refused, table.found.extra, table.found.changed) == (3, 1, 1, 1)
    assert "'0000-00-00' in column day" in table.reason
    with pytest.raises(RequestError, match="what the target has for them"):
        wire.repairs(request, "full", secrets)
    source.ask("UPDATE note SET day = '2024-03-01' WHERE id = 5")
    target.ask("DELETE FROM note WHERE id = 7")
    found = wire.repairs(request, "full", secrets)
    (mended,) = wire.repair(found, secrets=secrets).tables
    assert (mended.claim, mended.rejected) == (EQUALS_READ, 3)


STAGES = {
    "read": ("UPDATE note SET grade = 'odd' WHERE id = 3", "UPDATE note SET grade = 'odder' WHERE id = 3"),
    "transform": ("UPDATE note SET said = 'odd' WHERE id = 3", "UPDATE note SET grade = 0 WHERE id = 3"),
    "load": ("UPDATE note SET grade = 99 WHERE id = 3", "UPDATE note SET said = '0' WHERE id = 3"),
}


@pytest.mark.parametrize("changed", [False, True], ids=["same", "changed"])
@pytest.mark.parametrize("stage", list(STAGES))
def test_what_landed_beside_rejected_rows_stands_where_all_rows_are_the_same(
    stage: str, changed: bool, tmp_path: Path, servers: Servers
) -> None:
    source, target = filled("sqlite", tmp_path, servers), spot("postgresql", tmp_path, servers)
    source.ask("UPDATE note SET said = id")
    target.ask("CREATE TABLE note (id integer PRIMARY KEY, said smallint, grade integer CHECK (grade <> 99), day date)")
    settings: dict[str, Any] = {
        "source": source.url, "target": target.url, "slice_rows": 20, "max_rejects": "4", "mode": "truncate",
        "transforms": {"note": [{"cast": {"said": "int16"}}]}, "tables": [], "point": "opened", "nth": 1,
    }  # fmt: skip
    assert attack(**settings).returncode == -signal.SIGKILL
    spoilt, otherwise = STAGES[stage]
    source.ask(spoilt)
    assert attack(**{**settings, "point": "whole", "resume": True}).returncode == -signal.SIGKILL
    before = receipts_of(target)
    assert [number for number, _, rejected in before if rejected] == [1]
    if changed:
        source.ask(otherwise)
    answer = finished(settings)
    assert [table["claim"] for table in answer["report"]["tables"]] == [EQUALS_READ]
    assert there(target) == [n for n in range(1, ROWS + 1) if n != 3]
    assert (receipts_of(target) == before) is not changed


def receipts_of(target: Spot) -> list[tuple[int, str, int]]:
    return target.ask("SELECT slice, attempt, n_rejected FROM ropeway.ropeway_slice WHERE slice > 0 ORDER BY slice")


def test_a_file_of_texts_is_read_as_its_job_says(tmp_path: Path, servers: Servers) -> None:
    (tmp_path / "in").mkdir()
    lines = [f"{n},{'12.345' if n == 3 else 'odd' if n == 40 else '1.25'},n{n}" for n in range(1, ROWS + 1)]
    (tmp_path / "in" / "note.csv").write_text("\n".join(["id,price,said", *lines]))
    source, target = Spot("csv", f"csv:///{tmp_path}/in", lambda _: []), spot("sqlite", tmp_path, servers)
    request, secrets = requested(
        source, target, max_rejects="10%", choices=(Choice("note", types=(("id", "int64"), ("price", "decimal(9,2)"))),)
    )
    outcome = wire.run(request, secrets)
    assert there(target) == [n for n in range(1, ROWS + 1) if n not in (3, 40)]
    kept = rejects(outcome.plan.run, target.url)
    assert [(one.stage, one.column, json.loads(one.values)) for one in kept] == [
        ("read", "price", {"id": "3", "price": "12.345", "said": "n3"}),
        ("read", "price", {"id": "40", "price": "odd", "said": "n40"}),
    ]
    (table,) = wire.verify(request, level="full", secrets=secrets).tables
    assert (table.claim, table.rejected) == (EQUALS_READ, 2)


def test_moments_finer_than_planned_are_set_aside(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("sqlserver", tmp_path, servers), spot("postgresql", tmp_path, servers)
    source.ask("CREATE TABLE note (id int PRIMARY KEY, at datetime2(7), said nvarchar(20))")
    for n in range(1, 10):
        source.ask(f"INSERT INTO note VALUES ({n}, '2024-03-01 10:00:00.5', N'n\N{REPLACEMENT CHARACTER}')")
    request, secrets = requested(source, target, slice_rows=4, max_rejects="2")
    planned = wire.plan(request, secrets)
    source.ask("UPDATE note SET at = '2024-03-01 10:00:00.1234567' WHERE id IN (2, 7)")
    outcome = wire.run(planned, secrets)
    assert there(target) == [1, 3, 4, 5, 6, 8, 9]
    kept = rejects(outcome.plan.run, target.url)
    assert {one.key: json.loads(one.values)["at"] for one in kept} == dict.fromkeys(
        ("id=2", "id=7"), "2024-03-01 10:00:00.1234567"
    )
    assert {(one.stage, one.column) for one in kept} == {("read", "at")}
    assert outcome.report
    assert [table.claim for table in outcome.report.tables] == [EQUALS_READ]


def test_numbers_that_oracles_driver_does_not_give_are_set_aside(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("oracle", tmp_path, servers), spot("postgresql", tmp_path, servers)
    source.ask("CREATE TABLE note (id NUMBER(9) PRIMARY KEY, v NUMBER, at DATE, said VARCHAR2(20))")
    for n in range(1, 10):
        source.ask(f"INSERT INTO note VALUES ({n}, {n}.25, DATE '2024-03-01', 'n{n}')")
    choices = (Choice("NOTE", types=(("V", "number(12,2)"),)),)
    request, secrets = requested(source, target, slice_rows=4, max_rejects="3", choices=choices)
    planned = wire.plan(request, secrets)
    source.ask("UPDATE note SET v = 12345678901234 WHERE id = 2")
    source.ask("UPDATE note SET v = 1.005 WHERE id = 7")
    outcome = wire.run(planned, secrets)
    assert there(target) == [1, 3, 4, 5, 6, 8, 9]
    kept = rejects(outcome.plan.run, target.url)
    assert {one.key: json.loads(one.values)["v"] for one in kept} == {"id=2": "12345678901234", "id=7": "1.005"}
    assert {(one.stage, one.column) for one in kept} == {("read", "V")}
    assert {json.loads(one.values)["said"] for one in kept} == {"n2", "n7"}
    assert outcome.report
    assert [table.claim for table in outcome.report.tables] == [EQUALS_READ]
    (table,) = wire.verify(request, level="full", secrets=secrets).tables
    assert (table.claim, table.rejected, table.refused) == (EQUALS_READ, 2, 0)


def test_wall_times_that_are_none_are_set_aside(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("duckdb", tmp_path, servers), spot("postgresql", tmp_path, servers)
    source.ask("CREATE TABLE note (id integer PRIMARY KEY, wall timestamp)")
    source.ask("INSERT INTO note VALUES (1, '2024-03-31 01:30:00'), (2, '2024-03-31 02:30:00'), (3, NULL)")
    choices = (Choice("note", zones=(("wall", "Europe/Paris"),)),)
    request, secrets = requested(source, target, max_rejects="1", choices=choices)
    outcome = wire.run(request, secrets)
    assert there(target) == [1, 3]
    (kept,) = rejects(outcome.plan.run, target.url)
    assert (kept.stage, kept.key, kept.column) == ("read", "id=2", "wall")
    assert json.loads(kept.values)["wall"].startswith("2024-03-31 02:30:00")
    (table,) = wire.verify(request, level="full", secrets=secrets).tables
    assert (table.claim, table.rejected) == (EQUALS_READ, 1)


def test_a_wall_time_that_is_none_does_not_show_a_masked_key(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("duckdb", tmp_path, servers), spot("postgresql", tmp_path, servers)
    source.ask("CREATE TABLE note (who varchar PRIMARY KEY, wall timestamp)")
    source.ask("INSERT INTO note VALUES ('secret', '2024-03-31 02:30:00')")
    steps = calls_of([{"mask": {"who": "redact"}}])
    choices = (Choice("note", zones=(("wall", "Europe/Paris"),), transforms=steps),)
    request, secrets = requested(source, target, max_rejects="1", choices=choices)
    with pytest.raises(DataError) as caught:
        wire.run(request, secrets)
    assert "secret" not in str(caught.value)


def test_a_table_loses_no_row_of_itself_that_cannot_be_read(tmp_path: Path, servers: Servers) -> None:
    place = filled("sqlite", tmp_path, servers)
    place.ask("PRAGMA journal_mode = WAL")
    choices = (Choice("note", transforms=calls_of([{"upper": ["said"]}])),)
    request, secrets = requested(place, place, mode="replace", max_rejects="9", choices=choices)
    planned = wire.plan(request, secrets)
    place.ask("UPDATE note SET grade = 'odd' WHERE id = 3")
    with pytest.raises(DataError, match="--max-rejects sets no such value aside"):
        wire.run(planned, secrets)
    assert there(place) == list(range(1, ROWS + 1))


def test_several_sources_without_an_instant_end_with_rejected_rows(tmp_path: Path, servers: Servers) -> None:
    """What landed of each stands where its rows are the same, the rejected ones too: else each started all over."""
    sources, target = [filled("sqlite", tmp_path, servers) for _ in range(2)], spot("postgresql", tmp_path, servers)
    sources[1].ask("UPDATE note SET id = id + 100")
    table = {"from": ["a:note", "b:note"], "to": "note", "provenance": "came"}
    wanted = {
        "sources": {alias: place.url for alias, place in zip("ab", sources, strict=True)}, "target": target.url,
        "tables": [table], "consistency": "none", "slice_rows": 20, "workers": 1, "max_rejects": 4,
    }  # fmt: skip
    settings = {"job": wanted, "point": "opened", "nth": 1}
    assert attack(**settings).returncode == -signal.SIGKILL
    for place in sources:
        place.ask("UPDATE note SET grade = 'odd' WHERE grade = 3")
    assert attack(**{**settings, "point": "settled", "nth": 4, "resume": True}).returncode == -signal.SIGKILL
    before = target.ask("SELECT hop, slice, attempt FROM ropeway.ropeway_slice WHERE slice > 0 ORDER BY 1, 2")
    assert len(before) == 3
    answer = finished(settings)
    assert [table["claim"] for table in answer["report"]["tables"]] == [EQUALS_READ] * 2
    good = [n for n in range(1, ROWS + 1) if n != 3]
    found = target.ask("SELECT id, came FROM note ORDER BY id")
    assert found == [*((n, "a") for n in good), *((n + 100, "b") for n in good)]
    after = target.ask("SELECT hop, slice, attempt FROM ropeway.ropeway_slice WHERE slice > 0 ORDER BY 1, 2")
    assert set(before) < set(after)
