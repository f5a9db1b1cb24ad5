"""Quality rules: asked of the rows in the target, which stop the run, are told, or move the rows aside."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import ropeway
from moves import refusal, requested
from ropeway.cli import wire
from ropeway.cli.rejected import rejects, replay, write
from ropeway.cli.shapes import run_shape
from ropeway.transfer.errors import DataError, RequestError
from ropeway.transfer.request import Choice, Rule
from ropeway.verify.report import EQUALS_READ
from spots import Servers, Spot, spot

PLACES = ("postgresql", "mariadb", "duckdb", "sqlite", "sqlserver", "oracle")


def ends(there: str, folder: Path, servers: Servers) -> tuple[Spot, Spot]:
    source, target = spot("sqlite", folder, servers), spot(there, folder, servers)
    source.ask("CREATE TABLE person (id INTEGER PRIMARY KEY, mail VARCHAR(30), age INTEGER, state VARCHAR(5))")
    rows = (
        "(1, 'a@x', 30, 'on'), (2, NULL, 40, 'off'), (3, 'c@x', -5, 'on'), (4, 'a@x', 50, 'gone'), (5, 'e', 60, 'on')"
    )
    source.ask(f"INSERT INTO person VALUES {rows}")
    source.ask("CREATE TABLE deed (id INTEGER PRIMARY KEY, person INTEGER)")
    source.ask("INSERT INTO deed VALUES (1, 1), (2, 9), (3, NULL), (4, 1), (5, 1), (6, 1), (7, 1)")
    return source, target


def rule(kind: str, given: Any, on_fail: str, name: str = "mine") -> Rule:
    return Rule(name, kind, json.dumps(given), on_fail)


ROWS: dict[str, tuple[str, Any, set[int]]] = {
    "check": ("check", "age >= 0", {3}),
    "not null": ("not_null", ["mail"], {2}),
    "unique": ("unique", ["mail"], {1, 4}),
    "accepted": ("accepted", {"state": ["on", "off"]}, {4}),
    "range": ("range", {"age": {"min": 0, "max": 50}}, {3, 5}),
    "range from": ("range", {"age": {"min": 31}}, {1, 3}),
}


@pytest.mark.parametrize("there", PLACES)
@pytest.mark.parametrize("case", ROWS)
def test_rows_that_break_a_rule_are_moved_aside(case: str, there: str, tmp_path: Path, servers: Servers) -> None:
    kind, given, broken = ROWS[case]
    source, target = ends(there, tmp_path, servers)
    choices = (Choice("person", rules=(rule(kind, given, "quarantine"),)),)
    request, secrets = requested(source, target, choices=choices, slice_rows=2)
    outcome = wire.run(request, secrets)
    assert {int(one) for (one,) in target.ask("SELECT id FROM person")} == {1, 2, 3, 4, 5} - broken
    (aside,) = outcome.quarantined
    assert (aside.constraint, aside.rows) == ("rule mine", len(broken))
    (table,) = run_shape(outcome, {})["tables"]
    assert (table["loaded"], table["rejected"]) == (5 - len(broken), len(broken))
    assert outcome.report
    assert outcome.report.tables[0].claim == EQUALS_READ


@pytest.mark.parametrize("there", PLACES)
def test_a_broken_rule_stops_the_run_until_its_rows_are_mended(there: str, tmp_path: Path, servers: Servers) -> None:
    source, target = ends(there, tmp_path, servers)
    request, secrets = requested(
        source, target, choices=(Choice("person", rules=(rule("check", "age >= 0", "fail"),)),)
    )
    with pytest.raises(DataError, match=r"(?is)rule mine on \(id\): 1 row breaks it, of \(3\).*Mend them") as caught:
        wire.run(request, secrets)
    assert "All rows are kept" in str(caught.value)
    target.ask("UPDATE person SET age = 5 WHERE id = 3")
    outcome = wire.run(request, secrets, resume=True)
    assert outcome.left_out == ()
    assert [int(one) for (one,) in target.ask("SELECT id FROM person ORDER BY id")] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("there", PLACES)
def test_a_warning_is_told_and_the_run_goes_on(there: str, tmp_path: Path, servers: Servers) -> None:
    source, target = ends(there, tmp_path, servers)
    rules = (
        rule("check", "age >= 0", "warn", "no negative ages"), rule("check", "id > 0", "fail", "ids"),
        rule("aggregate", {"sql": "sum(age)", "equals": 200, "tolerance": 10}, "warn", "all ages"),
        rule("aggregate", {"sql": "count(*)", "min": 5, "max": 5}, "fail", "rows"),
    )  # fmt: skip
    request, secrets = requested(source, target, choices=(Choice("person", rules=rules),))
    outcome = wire.run(request, secrets)
    shapes = run_shape(outcome, {})["left_out_constraints"]
    assert [(one["constraint"], one["kind"], one["rows"]) for one in shapes] == [
        ("no negative ages", "rule", 1), ("all ages", "rule", 1),
    ]  # fmt: skip
    assert "it gives" in shapes[1]["message"]
    assert "175" in shapes[1]["message"]


@pytest.mark.parametrize("there", ["postgresql", "mariadb", "duckdb"])
def test_references_are_asked_for(there: str, tmp_path: Path, servers: Servers) -> None:
    source, target = ends(there, tmp_path, servers)
    choices = (Choice("person"), Choice("deed", rules=(rule("refers", {"person": "person.id"}, "quarantine"),)))
    outcome = wire.run(*requested(source, target, choices=choices))
    assert [(one.constraint, one.rows) for one in outcome.quarantined] == [("rule mine", 1)]
    assert {int(one) for (one,) in target.ask("SELECT id FROM deed")} == {1, 3, 4, 5, 6, 7}


@pytest.mark.parametrize("there", ["postgresql", "duckdb"])
def test_texts_match_and_moments_are_fresh(there: str, tmp_path: Path, servers: Servers) -> None:
    source, target = ends(there, tmp_path, servers)
    source.ask("CREATE TABLE seen (id INTEGER PRIMARY KEY, at TIMESTAMP)")
    source.ask("INSERT INTO seen VALUES (1, '2020-01-01 00:00:00')")
    choices = (
        Choice("person", rules=(rule("matches", {"mail": "^.+@.+$"}, "quarantine"),)),
        Choice("seen", rules=(rule("fresh", {"at": "7d"}, "warn"), rule("fresh", {"at": "9999w"}, "fail", "old"))),
    )
    outcome = wire.run(*requested(source, target, choices=choices))
    assert {int(one) for (one,) in target.ask("SELECT id FROM person")} == {1, 2, 3, 4}
    ((said,),) = [[one["message"]] for one in run_shape(outcome, {})["left_out_constraints"]]
    assert "2020-01-01" in said


def test_replace_proves_its_rules_before_the_old_table_goes(tmp_path: Path, servers: Servers) -> None:
    source, target = ends("postgresql", tmp_path, servers)
    target.ask("CREATE TABLE person (id bigint PRIMARY KEY, mail text)")
    target.ask("INSERT INTO person VALUES (77, 'old')")
    choices = (Choice("person", rules=(rule("not_null", ["mail"], "fail"),)),)
    request, secrets = requested(source, target, choices=choices, mode="replace")
    with pytest.raises(DataError, match="rule mine"):
        wire.run(request, secrets)
    assert target.ask("SELECT id FROM person") == [(77,)]


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (rule("not_null", ["nope"], "fail"), "rule mine: there is no column 'nope'"),
        (rule("check", "id > 0) OR (1 = 1", "fail"), "closes a parenthesis"),
        (rule("aggregate", {"sql": "sum(age)"}, "fail"), "neither equals nor min or max"),
        (rule("aggregate", {"sql": "sum(age)", "min": 3}, "quarantine"), "no row alone breaks it"),
        (rule("refers", {"id": "nowhere.id"}, "fail"), "there is no table .*nowhere"),
        (rule("fresh", {"id": "7d"}, "fail"), "id is int64, and no moment"),
        (rule("range", {"age": {}}, "fail"), "neither min nor max"),
    ],
)
def test_a_rule_that_cannot_be_asked_stops_the_plan(made: Rule, said: str, tmp_path: Path, servers: Servers) -> None:
    source, target = ends("duckdb", tmp_path, servers)
    with pytest.raises(RequestError, match=said):
        wire.plan(*requested(source, target, choices=(Choice("person", rules=(made,)),)))


def test_where_rules_are_not_asked(tmp_path: Path, servers: Servers) -> None:
    source, target = ends("duckdb", tmp_path, servers)
    target.ask("CREATE TABLE person (id bigint PRIMARY KEY, mail text, age bigint, state text)")
    choices = (Choice("person", rules=(rule("not_null", ["mail"], "fail"),)),)
    assert "this is mode append in duckdb" in refusal(source, target, choices=choices, mode="append")
    target.ask("ALTER TABLE person ADD more text")
    others = (Choice("person", rules=(rule("not_null", ["more"], "fail"),)),)
    assert "this is mode append in duckdb" in refusal(source, target, choices=others, mode="append")
    sqlite = spot("sqlite", tmp_path, servers)
    matching = (Choice("person", rules=(rule("matches", {"mail": "x"}, "fail"),)),)
    assert "no regular expressions of sqlite are known here" in refusal(source, sqlite, choices=matching)


def test_a_job_says_rules(tmp_path: Path, servers: Servers) -> None:
    source, target = ends("duckdb", tmp_path, servers)
    entry: dict[str, Any] = {"from": "person", "rules": [{"not_null": "mail", "on_fail": "quarantine"}]}
    job = ropeway.job(source=source.url, target=target.url, tables=[entry])
    assert job.request.choices[0].rules == (Rule("not_null 1", "not_null", '["mail"]', "quarantine"),)
    assert ropeway.run(job.request, job.secrets).quarantined[0].rows == 1
    for rules in ([{"not_null": "a", "unique": "b"}], [{"name": "x"}], [{"check": "1 = 1", "on_fail": "ignore"}]):
        with pytest.raises(RequestError):
            ropeway.job(source=source.url, target=target.url, tables=[{"from": "t", "rules": rules}])


FLYING: dict[str, tuple[str, Any, str]] = {
    "not null": ("not_null", ["mail"], r"the row with id=2 breaks it on its way \(mail is NULL\)"),
    "accepted": ("accepted", {"state": ["on", "off"]}, r"the row with id=4 .*\(state is gone\)"),
    "range": ("range", {"age": {"min": -4.5, "max": 60.5}}, r"the row with id=3 .*\(age is -5\)"),
}


@pytest.mark.parametrize("there", ["postgresql", "mysql", "duckdb"])
@pytest.mark.parametrize("case", FLYING)
def test_the_first_row_that_breaks_a_rule_ends_the_run(case: str, there: str, tmp_path: Path, servers: Servers) -> None:
    """What was said in the target only once all rows were in; mended in the source, the run goes on and asks both."""
    kind, given, said = FLYING[case]
    source, target = ends(there, tmp_path, servers)
    choices = (Choice("person", rules=(rule(kind, given, "fail"),)),)
    request, secrets = requested(source, target, choices=choices, slice_rows=1)
    plan = wire.plan(request, secrets)
    (where,) = (one.message for one in plan.findings if one.name == "rules-asked")
    flies = kind != "accepted" or there != "mysql"  # which takes 'gone' and 'gone ' for one, and is asked alone
    assert ("on their way: mine" in where) == flies
    with pytest.raises(DataError, match=said if flies else "rule mine on"):
        wire.run(plan, secrets)
    if flies:
        assert len(target.ask("SELECT id FROM person")) < 5
        source.ask("UPDATE person SET mail = 'x', state = 'on', age = 5")
        wire.run(request, secrets, resume=True)
        assert [int(one) for (one,) in target.ask("SELECT count(*) FROM person WHERE age = 5")] == [5]


def test_a_rule_that_is_asked_in_the_target_alone(tmp_path: Path, servers: Servers) -> None:
    """Also behind one that moves its rows aside, and where rows may be rejected."""
    source, target = ends("duckdb", tmp_path, servers)
    later = Rule("mine", "not_null", '["mail"]', "fail", "target")
    first = rule("not_null", ["mail"], "quarantine", "first")
    for rules, most in (
        ((later,), ""),
        ((first, rule("not_null", ["mail"], "fail")), ""),
        ((rule("not_null", ["mail"], "fail"),), "1"),
    ):
        choices = (Choice("person", rules=rules),)
        assert all(
            not hop.rules for hop in wire.plan(*requested(source, target, choices=choices, max_rejects=most)).hops
        )
    request, secrets = requested(source, target, choices=(Choice("person", rules=(later,)),))
    with pytest.raises(DataError, match="All rows are kept"):
        wire.run(request, secrets)
    assert len(target.ask("SELECT id FROM person")) == 5


def test_files_are_asked_on_the_way(tmp_path: Path, servers: Servers) -> None:
    """What only warns is counted by slices that landed: a second, resumed, counts no row twice."""
    source, _ = ends("duckdb", tmp_path, servers)
    target = Spot("parquet", f"parquet:///{tmp_path / 'files'}", lambda _: [])
    rules = (
        rule("matches", {"mail": "^.+@.+$"}, "warn", "mails"), rule("range", {"age": {"min": 35}}, "warn", "ages"),
        rule("accepted", {"state": ["on", "off"]}, "fail", "states"), rule("not_null", ["id"], "fail", "ids"),
    )  # fmt: skip
    request, secrets = requested(source, target, choices=(Choice("person", rules=rules),), slice_rows=1)
    with pytest.raises(DataError, match=r"rule states: the row with id=4 breaks it on its way \(state is gone\)"):
        wire.run(request, secrets)
    source.ask("UPDATE person SET state = 'on' WHERE id = 4")
    shape = run_shape(wire.run(request, secrets, resume=True), {})
    told = [(one["constraint"], one["rows"], one["message"]) for one in shape["left_out_constraints"]]
    assert told == [
        ("mails", 1, "rule mails on (mail): 1 row breaks it, of (id=5)"),
        ("ages", 2, "rule ages on (age): 2 rows break it, of (id=1), (id=3)"),
    ]
    assert shape["tables"][0]["loaded"] == 5


def test_files_are_asked_sql_on_the_way(tmp_path: Path, servers: Servers) -> None:
    """Of one row, in DuckDB's words; NULL breaks nothing."""
    source, _ = ends("duckdb", tmp_path, servers)
    target = Spot("csv", f"csv:///{tmp_path / 'files'}", lambda _: [])
    checks = [
        rule("check", "mail LIKE '%@%' -- with a sign\n", "warn"),
        rule("check", "age >= 0 OR id > 3", "fail", "ages"),
    ]
    request, secrets = requested(source, target, choices=(Choice("person", rules=tuple(checks)),))
    with pytest.raises(DataError, match="rule ages: the row with id=3 breaks it on its way"):
        wire.run(request, secrets)
    source.ask("UPDATE person SET age = 5 WHERE id = 3")
    shape = run_shape(wire.run(request, secrets, resume=True), {})
    assert [(one["constraint"], one["rows"], one["keys"]) for one in shape["left_out_constraints"]] == [
        ("mine", 1, [["id=5"]])
    ]
    casts = (Choice("person", rules=(rule("check", "CAST(mail AS integer) > 0", "fail"),)),)
    other = Spot("csv", f"csv:///{tmp_path / 'others'}", lambda _: [])
    with pytest.raises(DataError, match=r"(?s)rule mine: .*Could not convert.*id=1"):
        wire.run(*requested(source, other, choices=casts))


def test_files_have_rows_set_aside(tmp_path: Path, servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    """With their slice and its receipt, which counts them; they are listed, and not loaded again."""
    monkeypatch.chdir(tmp_path)
    source, _ = ends("duckdb", tmp_path, servers)
    target = Spot("parquet", f"parquet:///{tmp_path / 'files'}", lambda _: [])
    rules = (
        rule("check", "age >= 0", "quarantine", "ages"), rule("not_null", ["mail"], "quarantine", "mails"),
        rule("range", {"age": {"min": 0}}, "fail", "later"), rule("accepted", {"state": ["on"]}, "warn", "states"),
    )  # fmt: skip
    choices = (Choice("person", rules=rules), Choice("deed"))
    outcome = wire.run(*requested(source, target, choices=choices, slice_rows=2))
    assert outcome.report
    claims = {one.target: (one.claim, one.reason) for one in outcome.report.tables}
    assert claims == {"person": (EQUALS_READ, "but for 2 rejected rows"), "deed": (EQUALS_READ, "")}
    shape = run_shape(outcome, {})
    balance = {one["target"]: (one["read"], one["loaded"], one["rejected"]) for one in shape["tables"]}
    assert balance == {"person": (5, 3, 2), "deed": (7, 7, 0)}
    assert [(one["constraint"], one["rows"]) for one in shape["left_out_constraints"]] == [("states", 1)]
    kept = rejects(outcome.plan.run, target.url)
    assert sorted((one.reason, one.key, json.loads(one.values)["age"]) for one in kept) == [
        ("rule ages", "id=3", "-5"), ("rule mails", "id=2", "40"),
    ]  # fmt: skip
    assert pq.read_table(write(kept, tmp_path / "out")[0]).column("id").to_pylist() == [
        int(one.key[-1]) for one in kept
    ]
    with pytest.raises(RequestError, match="Nothing is added to files"):
        replay(outcome.plan.run, target.url)
    for receipt in (tmp_path / "files" / ".ropeway").rglob("receipts/*.json"):
        receipt.unlink()  # as a process leaves it that is killed before: what has no receipt counts nowhere
    assert rejects(outcome.plan.run, target.url) == []


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (rule("check", "age >= avg(age)", "fail"), "rule mine: avg"),
        (rule("check", "age) OR (1 = 1", "fail"), "rule mine: The rule of person closes a parenthesis"),
        (rule("check", "nope >= 0", "fail"), "rule mine: "),
        (rule("unique", ["mail"], "fail"), "rule mine: files cannot be asked it"),
        (rule("range", {"mail": {"min": 0}}, "fail"), "rule mine: mail is text, of which"),
        (rule("matches", {"age": "x"}, "fail"), "rule mine: age is int64, of which"),
        (rule("matches", {"mail": "(x"}, "fail"), "rule mine: .x is no regular expression"),
    ],
)
def test_what_files_cannot_be_asked(made: Rule, said: str, tmp_path: Path, servers: Servers) -> None:
    source, _ = ends("duckdb", tmp_path, servers)
    target = Spot("csv", f"csv:///{tmp_path / 'files'}", lambda _: [])
    assert said in refusal(source, target, choices=(Choice("person", rules=(made,)),)).replace("(x is no", ".x is no")
