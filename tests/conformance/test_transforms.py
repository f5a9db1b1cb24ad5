"""Transforms between real places: what arrives, what is carried of the schema, what is proven, what stops."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import ropeway
from moves import moved, planned, refusal, requested
from ropeway.cli import wire, written
from ropeway.cli.samples import sampled
from ropeway.transfer.errors import DataError, RequestError
from ropeway.transfer.job import Limits
from ropeway.transfer.plan import from_json, to_json
from ropeway.transfer.request import Choice
from ropeway.transforms.steps import calls_of
from ropeway.verify.report import COUNTS_EQUAL, DIFFERENT, EQUALS_READ
from spots import Servers, Spot, spot

RUN = """
import sys
from ropeway.cli import wire, written
from ropeway.transfer.plan import from_json
wire.run(from_json(sys.argv[1]))
"""
BROKEN = "INSERT INTO item (id, person) VALUES (9, 99)"
PAIRS = [
    ("sqlite", "postgresql"), ("postgresql", "mariadb"), ("mariadb", "sqlite"), ("duckdb", "duckdb"),
    ("oracle", "postgresql"), ("postgresql", "oracle"), ("sqlserver", "duckdb"), ("mysql", "sqlserver"),
]  # fmt: skip
STEPS: tuple[dict[str, Any], ...] = (
    {"rename": {"name": "label"}},
    {"trim": ["label"]},
    {"cast": {"amount": {"type": "decimal(10,1)", "rounding": "half_even"}}},
    {"mask": {"mail": "hash"}},
    {"filter": "id <> 3"},
    {"derive": {"twice": "id * 2"}},
)


@pytest.fixture(autouse=True)
def salt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROPEWAY_MASK_SALT", "pepper")


def ends(here: str, there: str, folder: Path, servers: Servers) -> tuple[Spot, Spot]:
    source, target = spot(here, folder, servers), spot(there, folder, servers)
    texts, number = ("varchar2", "number") if here == "oracle" else ("varchar", "decimal")
    source.ask(
        f"CREATE TABLE person (id integer PRIMARY KEY, name {texts}(20), mail {texts}(30) NOT NULL, "
        f"amount {number}(12,2), CONSTRAINT mails UNIQUE (mail))"
    )
    source.ask(
        "CREATE TABLE item (id integer PRIMARY KEY, person integer, FOREIGN KEY (person) REFERENCES person (id))"
    )
    for n in range(1, 9):
        source.ask(f"INSERT INTO person VALUES ({n}, ' n{n} ', 'm{n}@x.org', {n}.25)")
    for n in (1, 2, 4):
        source.ask(f"INSERT INTO item VALUES ({n}, {n})")
    return source, target


def through(*steps: dict[str, Any]) -> tuple[Choice, Choice]:
    return Choice("*"), Choice("person", transforms=calls_of(steps))


@pytest.mark.parametrize(("here", "there"), PAIRS)
def test_rows_arrive_changed_and_keys_hold(here: str, there: str, tmp_path: Path, servers: Servers) -> None:
    source, target = ends(here, there, tmp_path, servers)
    outcome = moved(source, target, choices=through(*STEPS), slice_rows=3)
    rows = target.ask("SELECT id, label, amount, twice FROM person ORDER BY id")
    wanted = [(n, f"n{n}", Decimal(f"{n}.2"), n * 2) for n in (1, 2, 4, 5, 6, 7, 8)]
    assert [(int(a), b, round(Decimal(str(c)), 1), int(d)) for a, b, c, d in rows] == wanted
    ((hashed,),) = target.ask("SELECT mail FROM person WHERE id = 1")
    assert len(hashed) == 64
    assert outcome.report
    (person,) = [table for table in outcome.report.tables if "person" in table.target.lower()]
    assert person.claim == EQUALS_READ
    assert "transforms change" in person.asked
    with pytest.raises(Exception, match=r"(?i)unique|duplicate|constraint"):
        target.ask("INSERT INTO person (id, label, mail, amount, twice) VALUES (1, 'x', 'y', 1, 1)")
    if there == "sqlite":  # which looks when it is asked
        target.ask(BROKEN)
        assert target.ask('SELECT "table" FROM pragma_foreign_key_check') == [("item",)]
    else:
        with pytest.raises(Exception, match=r"(?i)foreign|constraint|parent"):
            target.ask(BROKEN)


def test_rows_balance_and_levels_say_what_they_can(tmp_path: Path, servers: Servers) -> None:
    source, target = ends("postgresql", "mariadb", tmp_path, servers)
    request, secrets = requested(source, target, choices=through(*STEPS), slice_rows=3)
    outcome = wire.run(request, secrets, limits=Limits(workers=2))
    mine = [one for one in outcome.receipts if "person" in one.hop.split(" -> ")[1] and one.slice > 0]
    assert (sum(one.read for one in mine), sum(one.loaded for one in mine)) == (8, 7)
    for level, claim in (("count", COUNTS_EQUAL), ("standard", EQUALS_READ), ("full", EQUALS_READ)):
        (table,) = [one for one in wire.verify(request, level=level, secrets=secrets).tables if "person" in one.target]
        assert (table.claim, table.rows_source, table.rows_target) == (claim, 7, 7), level
    target.ask("UPDATE person SET label = 'other' WHERE id = 5")
    (table,) = [one for one in wire.verify(request, level="full", secrets=secrets).tables if "person" in one.target]
    assert table.claim == DIFFERENT
    assert table.found
    assert [(one.kind, one.key, one.column, one.source, one.target) for one in table.found.first] == [
        ("changed", {"id": "5"}, "label", "n5", "other")
    ]


def test_a_repair_sets_transformed_rows_right_and_deletes_none(tmp_path: Path, servers: Servers) -> None:
    source, target = ends("mariadb", "postgresql", tmp_path, servers)
    request, secrets = requested(source, target, choices=(Choice("person", transforms=calls_of(STEPS)),), slice_rows=3)
    wire.run(request, secrets)
    target.ask("UPDATE person SET label = 'other' WHERE id = 5")
    target.ask("DELETE FROM person WHERE id = 6")
    assert wire.repair(wire.repairs(request, "full", secrets), (), secrets).equal
    assert target.ask("SELECT id, label, twice FROM person WHERE id IN (5, 6) ORDER BY id") == [
        (5, "n5", 10), (6, "n6", 12),
    ]  # fmt: skip
    target.ask("INSERT INTO person (id, label, mail) VALUES (3, 'filtered', 'x')")
    with pytest.raises(RequestError, match="they may be no rows of this job"):
        wire.repairs(request, "full", secrets)


def test_a_written_plan_shows_and_does_it(tmp_path: Path, servers: Servers) -> None:
    source, target = ends("sqlite", "duckdb", tmp_path, servers)
    plan = planned(source, target, choices=through(*STEPS))
    written.write(plan, tmp_path / "plan", [])
    said = (tmp_path / "plan" / "mapping.md").read_text()
    assert "Transform 6: derive" in said
    assert wire.run(written.read(tmp_path / "plan"), requested(source, target)[1]).report
    assert target.ask("SELECT count(*), max(twice) FROM person") == [(7, 16)]


def test_a_plan_is_carried_out_by_another_process(tmp_path: Path, servers: Servers) -> None:
    source, target = ends("sqlite", "duckdb", tmp_path, servers)
    plan = planned(source, target, choices=through(*STEPS))
    again = from_json(to_json(plan))
    assert again == plan
    assert "pepper" not in to_json(plan)
    assert wire.run(again, requested(source, target)[1]).report


def test_a_value_that_no_transform_takes_is_named_while_planning(tmp_path: Path, servers: Servers) -> None:
    source, target = ends("postgresql", "sqlite", tmp_path, servers)
    source.ask("UPDATE person SET name = '12' WHERE id <> 6")
    request, secrets = requested(source, target, choices=through({"cast": {"name": "int32"}}))
    with pytest.raises(DataError, match=r"transform 1 \(cast\): name cannot become int32.* n6 .*person.*id=6"):
        wire.plan(request, secrets)


def test_a_value_behind_the_sample_is_named_by_the_run(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("postgresql", tmp_path, servers), spot("duckdb", tmp_path, servers)
    source.ask("CREATE TABLE t (id int PRIMARY KEY, n text)")
    source.ask("INSERT INTO t SELECT g, CASE g WHEN 1234 THEN 'x' ELSE g::text END FROM generate_series(1, 1500) g")
    request, secrets = requested(
        source, target, choices=(Choice("t", transforms=calls_of([{"cast": {"n": "int64"}}])),)
    )
    plan = wire.plan(request, secrets)
    with pytest.raises(DataError, match=r"transform 1 \(cast\): n cannot become int64: .*'x'.*id=1234"):
        wire.run(plan, secrets)
    source.ask("UPDATE t SET n = '5' WHERE id = 1234")
    assert wire.run(plan, secrets, resume=True).report
    assert target.ask("SELECT count(*), min(n), typeof(min(n)) FROM t") == [(1500, 1, "BIGINT")]


def test_a_function_that_looks_at_other_rows_is_refused(
    tmp_path: Path, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.py").write_text("import polars as pl\n\ndef rank(frame):\n    return frame.with_row_index('n')\n")
    monkeypatch.chdir(tmp_path)
    source, target = ends("sqlite", "duckdb", tmp_path, servers)
    said = refusal(source, target, choices=through({"polars": "mine:rank"}))
    assert "transform 1 (polars) of person gives something else" in said
    assert "depends on more than the row" in said


def test_a_function_that_changed_since_the_plan_is_refused(
    tmp_path: Path, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "same_rows.py").write_text("def same(batch):\n    return batch\n")
    monkeypatch.chdir(tmp_path)
    source, target = ends("sqlite", "duckdb", tmp_path, servers)
    plan = planned(source, target, choices=through({"python": "same_rows:same"}))
    assert sampled(plan, 1)
    (tmp_path / "same_rows.py").write_text("def same(batch):\n    return batch.slice(1)\n")
    run = [sys.executable, "-c", RUN, to_json(plan)]
    done = subprocess.run(run, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert "same_rows:same has changed since the plan was made" in done.stderr


def test_what_transforms_change_is_not_carried_and_said(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("postgresql", tmp_path, servers), spot("postgresql", tmp_path, servers)
    source.ask(
        "CREATE TABLE t (id int PRIMARY KEY, a int DEFAULT 5 CHECK (a > 0), b text DEFAULT 'x', c int, "
        "d int GENERATED ALWAYS AS (a + 1) STORED)"
    )
    source.ask("CREATE INDEX on_c ON t (c)")
    source.ask("CREATE INDEX on_a ON t (a) WHERE a > 7")
    source.ask("CREATE VIEW v AS SELECT a FROM t")
    source.ask("INSERT INTO t (id, a, b, c) VALUES (1, 2, 'y', 3)")
    choices = (Choice("*"), Choice("t", transforms=calls_of([{"derive": {"a": "a * 10"}}, {"rename": {"c": "e"}}])))
    outcome = moved(source, target, choices=choices)
    said = {finding.message for finding in outcome.plan.findings if finding.name == "transform-lost"}
    assert said == {
        f"{one} is not carried: transforms change what it names"
        for one in ("the default of a: 5", "that d is computed", "index on_a", "check t_a_check")
    }
    assert any(f.name == "view-lost" and f.where.endswith("v") for f in outcome.plan.findings)
    assert target.ask("SELECT id, a, b, e, d FROM t") == [(1, 20, "y", 3, 3)]
    assert target.ask("SELECT indexdef FROM pg_indexes WHERE indexname = 'on_c'")[0][0].endswith("(e)")
    assert target.ask("SELECT column_default FROM information_schema.columns WHERE column_name = 'b'") == [
        ("'x'::text",)
    ]


def test_a_key_that_is_gone_takes_its_references_along(tmp_path: Path, servers: Servers) -> None:
    source, target = ends("sqlite", "postgresql", tmp_path, servers)
    outcome = moved(source, target, choices=through({"drop": ["id"]}))
    said = [finding.message for finding in outcome.plan.findings if finding.where.startswith(("person", "item"))]
    assert any("primary key on id" in one for one in said)
    assert any("foreign key" in one and "id" in one for one in said), said
    assert target.ask("SELECT count(*) FROM person") == [(8,)]


def test_both_sides_of_a_reference_are_of_one_kind(tmp_path: Path, servers: Servers) -> None:
    source, target = ends("sqlite", "postgresql", tmp_path, servers)
    assert "person is int64, and refers to id, which is text behind transforms" in refusal(
        source, target, choices=through({"cast": {"id": "text"}})
    )
    child = Choice("item", transforms=calls_of([{"cast": {"person": "text"}}]))
    moved(source, target, choices=(*through({"cast": {"id": "text"}}), child))
    assert target.ask("SELECT person FROM item ORDER BY id") == [("1",), ("2",), ("4",)]


def test_a_merge_takes_transformed_rows(tmp_path: Path, servers: Servers) -> None:
    source, target = ends("sqlite", "postgresql", tmp_path, servers)
    target.ask("CREATE TABLE person (key bigint PRIMARY KEY, name text)")
    target.ask("INSERT INTO person VALUES (1, 'old'), (99, 'mine')")
    steps: list[dict[str, Any]] = [{"rename": {"id": "key"}}, {"drop": ["mail", "amount"]}, {"filter": "key < 3"}]
    moved(source, target, mode="merge", choices=(Choice("person", transforms=calls_of(steps)),))
    assert target.ask("SELECT key, name FROM person ORDER BY key") == [(1, " n1 "), (2, " n2 "), (99, "mine")]


def test_a_sample_shows_rows_before_and_after(tmp_path: Path, servers: Servers) -> None:
    source, target = ends("sqlite", "duckdb", tmp_path, servers)
    job = ropeway.job(
        source=source.url, target=target.url,
        tables=[{"from": "person", "transforms": [{"drop": ["mail", "amount"]}, {"filter": "id % 2 = 0"}]}],
    )  # fmt: skip
    plan = ropeway.plan(job.request, job.secrets)
    ((read, loaded, kept),) = sampled(plan, 4, job.secrets).values()
    assert (read.num_rows, read.column_names) == (4, ["id", "name", "mail", "amount"])
    assert loaded.to_pylist() == [{"id": 2, "name": " n2 "}, {"id": 4, "name": " n4 "}]
    assert kept == [False, True, False, True]


def test_a_job_that_is_none(tmp_path: Path) -> None:
    for steps, said in (
        ([{"rename": {"a": "b"}, "drop": ["c"]}], "a transform is one word, and here are 2"),
        ([{}], "a transform is one word, and here are 0"),
        ([{"renme": {"a": "b"}}], "renme"),
        ([{"mask": {"a": "blur"}}], "mask"),
    ):
        with pytest.raises(RequestError, match=said):
            ropeway.job(source="sqlite:///a", target="sqlite:///b", tables=[{"from": "t", "transforms": steps}])
