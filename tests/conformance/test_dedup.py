"""Deduplication between real places: decided once, over all slices, of one instant, whatever is killed."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import ropeway
from attacks import attack, finished
from moves import planned, refusal, requested
from ropeway.cli import wire
from ropeway.cli.shapes import run_shape
from ropeway.transfer.errors import RequestError
from ropeway.transfer.plan import from_json, to_json
from ropeway.transfer.request import Choice
from ropeway.transforms.steps import calls_of, over_of
from ropeway.verify.report import DIFFERENT, EQUALS_READ
from spots import Servers, Spot, spot

PAIRS = [("sqlite", "postgresql"), ("postgresql", "mariadb"), ("mariadb", "duckdb"), ("oracle", "postgresql"),
         ("postgresql", "sqlserver"), ("duckdb", "sqlite")]  # fmt: skip
LATEST = {"key": "mail", "normalise": {"mail": "case"}, "keep": "latest", "by": "seen"}
PEOPLE = 60


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def ends(here: str, there: str, folder: Path, servers: Servers) -> tuple[Spot, Spot]:
    """People of whom each third has a twin that was seen later, in capitals; two have no mail."""
    source, target = spot(here, folder, servers), spot(there, folder, servers)
    text = "varchar2" if here == "oracle" else "varchar"
    source.ask(f"CREATE TABLE person (id integer PRIMARY KEY, mail {text}(30), name {text}(20), seen integer)")
    for n in range(1, PEOPLE + 1):
        mail = "NULL" if n <= 2 else f"'M{n - 1}@X'" if n % 3 == 0 else f"'m{n}@x'"
        source.ask(f"INSERT INTO person VALUES ({n}, {mail}, 'n{n}', {n})")
    return source, target


STAY = [n for n in range(1, PEOPLE + 1) if n <= 2 or n % 3 != 2]


@pytest.mark.parametrize(("here", "there"), PAIRS)
def test_the_latest_of_twins_stays(here: str, there: str, tmp_path: Path, servers: Servers) -> None:
    source, target = ends(here, there, tmp_path, servers)
    choices = (Choice("person", over=over_of(LATEST)),)
    request, secrets = requested(source, target, choices=choices, slice_rows=7)
    outcome = wire.run(request, secrets)
    assert [int(one) for (one,) in target.ask("SELECT id FROM person ORDER BY id")] == STAY
    assert outcome.report
    (claimed,) = outcome.report.tables
    assert (claimed.claim, claimed.rows_target) == (EQUALS_READ, len(STAY))
    assert "rows of it are merged" in claimed.asked
    (table,) = run_shape(outcome, {})["tables"]
    gone = PEOPLE - len(STAY)
    assert (table["read"], table["loaded"], table["deduplicated"], table["filtered"]) == (PEOPLE, len(STAY), gone, 0)
    (merged,) = outcome.merged
    assert (merged.removed, merged.into) == (gone, gone)
    names = {name.lower(): name for name in pq.read_schema(merged.file).names}
    listed = pq.read_table(merged.file).select([names["id"], names["kept id"]])
    pairs = [tuple(int(str(one)) for one in row.values()) for row in listed.to_pylist()]
    assert sorted(pairs) == [(n, n + 1) for n in range(5, PEOPLE, 3)]
    assert [one.name for one in Path(merged.file).parent.iterdir()] == ["merged.parquet"]


def test_rows_are_transformed_first_and_balance(tmp_path: Path, servers: Servers) -> None:
    source, target = ends("sqlite", "postgresql", tmp_path, servers)
    steps = calls_of([{"rename": {"mail": "email"}}, {"lower": ["email"]}, {"filter": "id > 12"}])
    choices = (Choice("person", transforms=steps, over=over_of({"key": "email", "keep": "merge", "by": "seen"})),)
    request, secrets = requested(source, target, choices=choices, slice_rows=7)
    outcome = wire.run(from_json(to_json(wire.plan(request, secrets))), secrets)
    rows = [n for n in STAY if n > 12]
    (table,) = run_shape(outcome, {})["tables"]
    assert (table["read"], table["filtered"], table["deduplicated"]) == (PEOPLE, 12, PEOPLE - 12 - len(rows))
    assert target.ask("SELECT id, email FROM person ORDER BY id LIMIT 2") == [(13, "m13@x"), (15, "m14@x")]
    assert table["loaded"] == len(rows)


def test_a_later_look_decides_again(tmp_path: Path, servers: Servers) -> None:
    source, target = ends("sqlite", "duckdb", tmp_path, servers)
    request, secrets = requested(source, target, choices=(Choice("person", over=over_of(LATEST)),))
    wire.run(request, secrets)
    (again,) = wire.verify(request, level="standard", secrets=secrets).tables
    assert again.claim == EQUALS_READ
    (full,) = wire.verify(request, level="full", secrets=secrets).tables
    assert (full.claim, full.rows_target, "decided again" in full.reason) == (EQUALS_READ, len(STAY), True)
    assert [one.name for one in (tmp_path / ".ropeway").iterdir() if one.name.startswith("verify")] == []
    target.ask("UPDATE person SET name = 'other' WHERE id = 6")
    source.ask("UPDATE person SET seen = 99 WHERE id = 8")  # whose twin, 9, stayed
    (full,) = wire.verify(request, level="full", secrets=secrets).tables
    assert full.claim == DIFFERENT
    assert full.found
    assert sorted((str(one.kind), one.key["id"]) for one in full.found.first) == [
        ("changed", "6"), ("extra", "9"), ("missing", "8"),
    ]  # fmt: skip
    with pytest.raises(RequestError, match="a repair does not decide"):
        wire.repairs(request, level="full", secrets=secrets)
    run = wire.status(target.url)[-1].run
    assert (tmp_path / ".ropeway" / run / "stage").exists()
    ropeway.clean(run, target.url)
    assert not (tmp_path / ".ropeway" / run / "stage").exists()


def test_what_cannot_be_decided_is_refused_while_planning(tmp_path: Path, servers: Servers) -> None:
    source, target = ends("sqlite", "duckdb", tmp_path, servers)
    said = refusal(source, target, choices=(Choice("person", over=over_of({"key": "e_mail"})),))
    assert "there is no column 'e_mail'" in said


def test_raw_forms_are_not_taken(tmp_path: Path, servers: Servers) -> None:
    source, target = ends("postgresql", "postgresql", tmp_path, servers)
    assert planned(source, target).hops[0].raw
    plan = planned(source, target, choices=(Choice("person", over=over_of(LATEST)),))
    assert not plan.hops[0].raw


@pytest.mark.parametrize("kind", ["postgresql", "duckdb"])
@pytest.mark.parametrize(
    ("point", "nth"), [("gathering", 3), ("deciding", 1), ("decided", 1), ("landed", 2), ("stepping", 2)]
)
def test_a_killed_run_decides_once(kind: str, point: str, nth: int, tmp_path: Path, servers: Servers) -> None:
    """Once it is decided, what changes in the source meanwhile is of another run; before, all is read again."""
    source, target = ends("sqlite" if kind == "postgresql" else "mariadb", kind, tmp_path, servers)
    settings: dict[str, Any] = {
        "source": source.url, "target": target.url, "dedup": {"person": LATEST}, "slice_rows": 7, "point": point,
        "nth": nth, "tables": ["person"],
    }  # fmt: skip
    killed = attack(**settings)
    assert killed.returncode == -signal.SIGKILL, killed.stderr[-2000:]
    source.ask("UPDATE person SET seen = 0 - seen")
    answer = finished(settings)
    assert [table["claim"] for table in answer["report"]["tables"]] == [EQUALS_READ]
    stay = STAY if point in ("decided", "landed") else [n for n in range(1, PEOPLE + 1) if n <= 3 or n % 3]
    assert [int(one) for (one,) in target.ask("SELECT id FROM person ORDER BY id")] == stay


def family(here: str, there: str, folder: Path, servers: Servers) -> tuple[Spot, Spot]:
    """People with twins, who refer to each other, and what refers to them by a key of two columns."""
    source, target = spot(here, folder, servers), spot(there, folder, servers)
    source.ask(
        "CREATE TABLE person (region integer, id integer, mail varchar(30), boss_region integer, boss integer, "
        "PRIMARY KEY (region, id), FOREIGN KEY (boss_region, boss) REFERENCES person (region, id))"
    )
    source.ask(
        "CREATE TABLE deed (id integer PRIMARY KEY, region integer, who integer, "
        "FOREIGN KEY (region, who) REFERENCES person (region, id))"
    )
    for n in range(
        1, PEOPLE + 1
    ):  # in each region n and n + 1 are one, for odd n; all have the one before as their boss
        boss = f"{n % 2}, {n - 2}" if n > 2 else "NULL, NULL"
        source.ask(f"INSERT INTO person VALUES ({n % 2}, {n}, 'm{n % 2}-{(n - 1) // 4}', {boss})")
    for n in range(1, 2 * PEOPLE):
        who = "NULL" if n % 10 == 0 else str(n % PEOPLE + 1)
        source.ask(f"INSERT INTO deed VALUES ({n}, {(n % PEOPLE + 1) % 2}, {who})")
    return source, target


FIRST = {"key": "mail", "keep": "first"}


def stays(n: int) -> int:
    """Of four people in a row the first two stay, one in each region."""
    return n - 2 if (n - 1) % 4 >= 2 else n


def followed(target: Spot) -> None:
    people = sorted(n for n in range(1, PEOPLE + 1) if stays(n) == n)
    rows = target.ask("SELECT id, boss FROM person ORDER BY id")
    assert [(int(a), b and int(b)) for a, b in rows] == [(n, stays(n - 2) if n > 2 else None) for n in people]
    deeds = target.ask("SELECT id, who FROM deed ORDER BY id")
    assert [(int(a), b and int(b)) for a, b in deeds] == [
        (n, None if n % 10 == 0 else stays(n % PEOPLE + 1)) for n in range(1, 2 * PEOPLE)
    ]


@pytest.mark.parametrize(
    ("here", "there"), [("sqlite", "postgresql"), ("postgresql", "postgresql"), ("postgresql", "mariadb")]
)
def test_references_follow(here: str, there: str, tmp_path: Path, servers: Servers) -> None:
    source, target = family(here, there, tmp_path, servers)
    choices = (Choice("*"), Choice("person", over=over_of(FIRST)))
    request, secrets = requested(source, target, choices=choices, slice_rows=9)
    outcome = wire.run(request, secrets)
    assert outcome.report
    assert {one.claim for one in outcome.report.tables} == {EQUALS_READ}
    assert {one.asked.rpartition(": ")[2] for one in outcome.report.tables} == {
        "its references follow rows that are merged"
    }
    followed(target)
    full = wire.verify(request, level="full", secrets=secrets)
    assert {(one.claim, "decided again" in one.reason) for one in full.tables} == {(EQUALS_READ, True)}
    target.ask("UPDATE deed SET who = NULL, region = NULL WHERE id = 1")
    full = wire.verify(request, level="full", secrets=secrets)
    assert [one.target.rpartition(".")[2] for one in full.tables if one.claim == DIFFERENT] == ["deed"]
    with pytest.raises(Exception, match=r"(?i)foreign|constraint"):
        target.ask("INSERT INTO deed VALUES (999, 0, 999)")


@pytest.mark.parametrize(("point", "nth"), [("decided", 1), ("landed", 9)])
def test_references_follow_in_a_resumed_run(point: str, nth: int, tmp_path: Path, servers: Servers) -> None:
    source, target = family("sqlite", "postgresql", tmp_path, servers)
    settings: dict[str, Any] = {
        "source": source.url, "target": target.url, "dedup": {"person": FIRST}, "slice_rows": 9, "point": point,
        "nth": nth,
    }  # fmt: skip
    killed = attack(**settings)
    assert killed.returncode == -signal.SIGKILL, killed.stderr[-2000:]
    answer = finished(settings)
    assert {table["claim"] for table in answer["report"]["tables"]} == {EQUALS_READ}
    followed(target)


def circle(source: Spot) -> None:
    source.ask("CREATE TABLE a (id integer PRIMARY KEY, mail text, b integer REFERENCES b (id))")
    source.ask("CREATE TABLE b (id integer PRIMARY KEY, mail text, a integer REFERENCES a (id))")
    source.ask("INSERT INTO a VALUES (1, 'x', 2), (2, 'x', 1), (3, 'y', 2)")
    source.ask("INSERT INTO b VALUES (1, 'x', 2), (2, 'x', 1), (3, 'z', 2)")


@pytest.mark.parametrize("consistency", ["run", "table"])
def test_references_follow_in_a_circle(consistency: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot("sqlite", tmp_path, servers), spot("postgresql", tmp_path, servers)
    circle(source)
    both = over_of({"key": "mail"})
    choices = (Choice("a", over=both), Choice("b", over=both))
    outcome = wire.run(*requested(source, target, choices=choices, consistency=consistency, slice_rows=2))
    assert outcome.report
    assert {one.claim for one in outcome.report.tables} == {EQUALS_READ}
    assert target.ask("SELECT id, b FROM a ORDER BY id") == [(1, 1), (3, 1)]
    assert target.ask("SELECT id, a FROM b ORDER BY id") == [(1, 1), (3, 1)]
    full = wire.verify(outcome.plan, level="full", secrets=requested(source, target)[1])
    assert {one.claim for one in full.tables} == {EQUALS_READ}
    for table in ("a", "b"):
        target.ask(f"DROP TABLE {table} CASCADE")
    alone = (Choice("a"), Choice("b", over=both))
    wire.run(*requested(source, target, choices=alone, consistency=consistency, slice_rows=2))
    assert target.ask("SELECT id, b FROM a ORDER BY id") == [(1, 1), (2, 1), (3, 1)]


def test_a_key_that_waits_for_what_it_tells_apart_is_refused(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("sqlite", tmp_path, servers), spot("postgresql", tmp_path, servers)
    circle(source)
    choices = (Choice("a", over=over_of({"key": "mail"})), Choice("b", over=over_of({"key": "a"})))
    assert planned(source, target, choices=choices).hops  # a is decided first
    choices = (Choice("a", over=over_of({"key": "b"})), Choice("b", over=over_of({"key": "a"})))
    assert "refers to rows that are merged with these" in refusal(source, target, choices=choices)


def test_references_follow_into_tables_without_foreign_keys(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("postgresql", tmp_path, servers), spot("postgresql", tmp_path, servers)
    source.ask("CREATE TABLE p (id int PRIMARY KEY, e text)")
    source.ask("CREATE TABLE c (id int PRIMARY KEY, p int REFERENCES p (id))")
    source.ask("INSERT INTO p VALUES (1, 'x'), (2, 'x')")
    source.ask("INSERT INTO c VALUES (1, 1), (2, 2)")
    target.ask("CREATE TABLE p (id int PRIMARY KEY, e text)")
    target.ask("CREATE TABLE c (id int PRIMARY KEY, p int)")
    choices = (Choice("p", over=over_of({"key": "e", "keep": "last"})), Choice("c"))
    wire.run(*requested(source, target, choices=choices, mode="truncate"))
    assert target.ask("SELECT id, p FROM c ORDER BY id") == [(1, 2), (2, 2)]


def test_a_map_that_is_gone_is_told(tmp_path: Path, servers: Servers) -> None:
    source, target = family("sqlite", "postgresql", tmp_path, servers)
    settings: dict[str, Any] = {
        "source": source.url, "target": target.url, "dedup": {"person": FIRST}, "slice_rows": 9, "point": "landed",
        "nth": 9,
    }  # fmt: skip
    assert attack(**settings).returncode == -signal.SIGKILL
    for stage in tmp_path.glob(".ropeway/*/stage/*/removed.parquet"):
        stage.unlink()
    choices = (Choice("*"), Choice("person", over=over_of(FIRST)))
    request, secrets = requested(source, target, choices=choices, slice_rows=9)
    with pytest.raises(RequestError, match="What the run had decided of person is not in"):
        wire.run(request, secrets, resume=True)


def test_a_reference_to_what_is_no_key_is_told(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("postgresql", tmp_path, servers), spot("duckdb", tmp_path, servers)
    source.ask("CREATE TABLE p (id int PRIMARY KEY, code int UNIQUE, mail text)")
    source.ask("CREATE TABLE c (id int PRIMARY KEY, code int REFERENCES p (code))")
    plan = planned(source, target, choices=(Choice("*"), Choice("p", over=over_of({"key": "mail"}))))
    (said,) = [one for one in plan.findings if one.name == "reference-unfollowed"]
    assert "refers to code of" in said.message


def test_a_stage_that_is_gone_ends_the_run(tmp_path: Path, servers: Servers) -> None:
    source, target = ends("sqlite", "postgresql", tmp_path, servers)
    settings: dict[str, Any] = {
        "source": source.url, "target": target.url, "dedup": {"person": LATEST}, "slice_rows": 7, "point": "landed",
        "nth": 2, "tables": ["person"],
    }  # fmt: skip
    assert attack(**settings).returncode == -signal.SIGKILL
    (stage,) = tmp_path.glob(".ropeway/*/stage/1")
    (stage / "removed.parquet").unlink()
    request, secrets = requested(source, target, choices=(Choice("person"), Choice("person", over=over_of(LATEST))),
                                 slice_rows=7)  # fmt: skip
    with pytest.raises(RequestError, match=r"What the run had decided of person is not in .*\n.*--fresh"):
        wire.run(request, secrets, resume=True)
    wire.run(request, secrets, fresh=True)
    assert target.ask("SELECT count(*) FROM person") == [(len(STAY),)]
