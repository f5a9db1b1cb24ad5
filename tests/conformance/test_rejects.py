"""Rows that are refused, between real places: the others land once, these are kept with the reason."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from attacks import attack, finished
from moves import requested
from ropeway.cli import wire
from ropeway.cli.rejected import rejects, replay, write
from ropeway.cli.shapes import run_shape
from ropeway.transfer.engines.postgresql.session import PostgreSqlLoader
from ropeway.transfer.errors import DataError
from ropeway.transfer.request import Choice
from ropeway.transforms.steps import calls_of
from ropeway.verify.report import EQUALS_READ
from spots import Servers, Spot, spot

TARGETS = ("postgresql", "mariadb", "sqlite", "duckdb", "sqlserver", "oracle")
ROWS = 40
BAD = [3, 17, 18, 40]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def filled(folder: Path, servers: Servers) -> Spot:
    """Notes of which four are longer than the others."""
    source = spot("sqlite", folder, servers)
    source.ask("CREATE TABLE note (id integer PRIMARY KEY, said varchar(9), grade integer)")
    for n in range(1, ROWS + 1):
        source.ask(f"INSERT INTO note VALUES ({n}, '{'too long' if n in BAD else f'n{n}'}', {n})")
    return source


def strict(target: Spot, *, unique: bool = False) -> None:
    """The table as it is there already, and takes no long notes."""
    text = "varchar2(9)" if target.engine == "oracle" else "varchar(9)"
    also = ", UNIQUE (grade)" if unique else ""
    target.ask(
        f"CREATE TABLE note (id integer PRIMARY KEY, said {text}, grade integer, "
        f"CONSTRAINT brief CHECK (said <> 'too long'){also})"
    )


def loose(target: Spot) -> None:
    """What a person does so that the rows may come."""
    if target.engine == "sqlite":
        target.ask("ALTER TABLE note RENAME TO old_note")
        target.ask("CREATE TABLE note (id integer PRIMARY KEY, said varchar(9), grade integer)")
        target.ask("INSERT INTO note SELECT * FROM old_note")
    elif target.engine == "duckdb":
        target.ask("CREATE TABLE note2 AS SELECT * FROM note")
        target.ask("DROP TABLE note")
        target.ask("ALTER TABLE note2 RENAME TO note")
    else:
        target.ask(f"ALTER TABLE note DROP {'CHECK' if target.engine == 'mysql' else 'CONSTRAINT'} brief")


def there(target: Spot) -> list[int]:
    return [int(row[0]) for row in target.ask("SELECT id FROM note ORDER BY id")]


@pytest.mark.parametrize("engine", TARGETS)
def test_the_good_rows_land_and_the_bad_ones_are_kept_and_replayed(
    engine: str, tmp_path: Path, servers: Servers
) -> None:
    source, target = filled(tmp_path, servers), spot(engine, tmp_path, servers)
    strict(target)
    request, secrets = requested(source, target, mode="truncate", slice_rows=7, max_rejects="4")
    outcome = wire.run(request, secrets)
    good = [n for n in range(1, ROWS + 1) if n not in BAD]
    assert there(target) == good
    (table,) = run_shape(outcome, {})["tables"]
    assert (table["read"], table["loaded"], table["rejected"]) == (ROWS, len(good), len(BAD))
    assert outcome.report
    (claimed,) = outcome.report.tables
    assert (claimed.claim, claimed.rows_target) == (EQUALS_READ, len(good))
    assert "but for 4 rejected rows" in claimed.reason
    kept = rejects(outcome.plan.run, target.url)
    assert [json.loads(one.values.lower()) for one in kept] == [
        {"id": str(n), "said": "too long", "grade": str(n)} for n in BAD
    ]
    assert {(one.stage, one.key.lower()) for one in kept} == {("load", f"id={n}") for n in BAD}
    assert all(one.reason for one in kept)
    assert sum(one.landed for one in replay(outcome.plan.run, target.url)) == 0
    loose(target)
    assert sum(one.landed for one in replay(outcome.plan.run, target.url)) == len(BAD)
    assert sum(one.landed for one in replay(outcome.plan.run, target.url)) == 0
    assert there(target) == list(range(1, ROWS + 1))
    again = wire.verify(request, secrets=secrets)
    (claimed,) = again.tables
    assert (claimed.claim, claimed.rows_target, claimed.reason) == (EQUALS_READ, ROWS, "")


@pytest.mark.parametrize("engine", ["postgresql", "mariadb", "mysql"])
def test_values_that_a_column_has_no_room_for_are_rejected_and_not_cut(
    engine: str, tmp_path: Path, servers: Servers
) -> None:
    source, target = filled(tmp_path, servers), spot(engine, tmp_path, servers)
    target.ask("CREATE TABLE note (id integer PRIMARY KEY, said varchar(5), grade integer)")
    request, secrets = requested(source, target, mode="truncate", slice_rows=7, max_rejects="4")
    outcome = wire.run(request, secrets)
    assert there(target) == [n for n in range(1, ROWS + 1) if n not in BAD]
    assert [int(json.loads(one.values)["id"]) for one in rejects(outcome.plan.run, target.url)] == BAD


@pytest.mark.parametrize("engine", ["postgresql", "mariadb"])
def test_rows_that_clash_with_one_before_them_are_rejected(engine: str, tmp_path: Path, servers: Servers) -> None:
    source, target = filled(tmp_path, servers), spot(engine, tmp_path, servers)
    source.ask("UPDATE note SET grade = 5 WHERE id IN (9, 10, 30)")
    strict(target, unique=True)
    request, secrets = requested(source, target, mode="truncate", slice_rows=7, max_rejects="50%")
    outcome = wire.run(request, secrets)
    kept = rejects(outcome.plan.run, target.url)
    gone = [int(json.loads(one.values)["id"]) for one in kept]
    # Slices land in any order: of those of one grade, one is there.
    assert len(gone) == len(BAD) + 3
    assert sorted([*gone, *there(target)]) == list(range(1, ROWS + 1))
    assert target.ask("SELECT count(*) FROM note WHERE grade = 5")[0][0] == 1


@pytest.mark.parametrize("allowed", ["3", "7%"])
def test_more_than_allowed_stops_and_more_may_be_allowed(allowed: str, tmp_path: Path, servers: Servers) -> None:
    source, target = filled(tmp_path, servers), spot("postgresql", tmp_path, servers)
    strict(target)
    request, secrets = requested(source, target, mode="truncate", slice_rows=7, max_rejects=allowed)
    with pytest.raises(DataError) as caught:
        wire.run(request, secrets)
    assert f"--max-rejects {allowed} allows" in str(caught.value)
    more, _ = requested(source, target, mode="truncate", slice_rows=7, max_rejects="4")
    wire.run(more, secrets, resume=True)
    assert there(target) == [n for n in range(1, ROWS + 1) if n not in BAD]


def test_a_row_that_a_transform_refuses_is_kept_as_it_was_before(tmp_path: Path, servers: Servers) -> None:
    source, target = filled(tmp_path, servers), spot("postgresql", tmp_path, servers)
    source.ask("UPDATE note SET said = '7' WHERE said LIKE 'n%'")
    steps = calls_of([{"rename": {"said": "number"}}, {"cast": {"number": "int64"}}])
    choices = (Choice("note", transforms=steps),)
    request, secrets = requested(source, target, slice_rows=7, max_rejects="10%", choices=choices)
    source.ask("UPDATE note SET said = '7' WHERE id = 3")  # planning tries a sample
    source.ask("UPDATE note SET said = '7' WHERE id > 3")
    planned = wire.plan(request, secrets)
    source.ask("UPDATE note SET said = 'odd' WHERE id IN (3, 40)")
    outcome = wire.run(planned, secrets)
    assert there(target) == [n for n in range(1, ROWS + 1) if n not in (3, 40)]
    kept = rejects(outcome.plan.run, target.url)
    assert [(one.stage, json.loads(one.values)["said"]) for one in kept] == [("transform", "odd")] * 2
    assert "transform 2" in kept[0].reason
    (file,) = write(kept, tmp_path / "rejects")
    assert file.name.endswith("note-transform.parquet")


@pytest.mark.parametrize("made", [False, True], ids=["read", "derived"])
def test_masked_values_are_not_kept_as_they_were(made: bool, tmp_path: Path, servers: Servers) -> None:
    source, target = filled(tmp_path, servers), spot("postgresql", tmp_path, servers)
    derived = [{"derive": {"who": "said || 'x'"}}, {"drop": ["said"]}, {"mask": {"who": "redact"}}]
    steps = calls_of([{"cast": {"grade": "int16"}}, *(derived if made else [{"mask": {"said": "redact"}}])])
    request, secrets = requested(source, target, max_rejects="9", choices=(Choice("note", transforms=steps),))
    planned = wire.plan(request, secrets)
    source.ask("UPDATE note SET grade = 99999 WHERE id = 3")
    with pytest.raises(DataError, match="transform 1"):
        wire.run(planned, secrets)


@pytest.mark.parametrize("engine", ["postgresql", "mariadb"])
@pytest.mark.parametrize(("point", "nth"), [("claimed", 3), ("settled", 2), ("landed", 2)])
def test_killed_while_rows_are_rejected_and_taken_up_again(
    engine: str, point: str, nth: int, tmp_path: Path, servers: Servers
) -> None:
    source, target = filled(tmp_path, servers), spot(engine, tmp_path, servers)
    strict(target)
    settings: dict[str, Any] = {
        "source": source.url, "target": target.url, "slice_rows": 7, "mode": "truncate", "point": point, "nth": nth,
        "max_rejects": "4",
    }  # fmt: skip
    killed = attack(**settings)
    assert killed.returncode == -signal.SIGKILL, killed.stderr[-2000:]
    answer = finished(settings)
    assert [table["claim"] for table in answer["report"]["tables"]] == [EQUALS_READ]
    assert there(target) == [n for n in range(1, ROWS + 1) if n not in BAD]
    ((run,),) = target.ask(f"SELECT DISTINCT run FROM {'ropeway.' if engine == 'postgresql' else ''}ropeway_reject")
    assert [int(json.loads(one.values)["id"]) for one in rejects(run, target.url)] == BAD


def test_a_commit_that_nobody_heard_of_is_no_reason_to_reject_its_rows(
    tmp_path: Path, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = filled(tmp_path, servers), spot("postgresql", tmp_path, servers)
    strict(target)
    commit, unheard = PostgreSqlLoader.commit, list[str]()

    def lose(self: PostgreSqlLoader) -> None:
        """The first commit that brings rejected rows goes through, and its answer is lost."""
        found = self.ask("SELECT to_regclass('ropeway.ropeway_reject')")[0][0]
        last = bool(found) and bool(self.ask("SELECT 1 FROM ropeway.ropeway_reject LIMIT 1")) and not unheard
        commit(self)
        if last:
            unheard.append("COMMIT")
            raise psycopg.OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(PostgreSqlLoader, "commit", lose)
    request, secrets = requested(source, target, mode="truncate", slice_rows=7, max_rejects="4")
    outcome = wire.run(request, secrets)
    assert unheard
    assert there(target) == [n for n in range(1, ROWS + 1) if n not in BAD]
    assert [int(json.loads(one.values)["id"]) for one in rejects(outcome.plan.run, target.url)] == BAD
