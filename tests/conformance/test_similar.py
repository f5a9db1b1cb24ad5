"""Rows that are much alike between real places: proposed to a person, and merged where that was approved."""

from __future__ import annotations

import csv
import signal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from attacks import attack, finished
from moves import refusal, requested
from ropeway.cli import wire
from ropeway.cli.shapes import run_shape
from ropeway.transfer.errors import RequestError
from ropeway.transfer.plan import from_json, to_json
from ropeway.transfer.progress import Progress
from ropeway.transfer.request import Choice
from ropeway.transforms.steps import over_of
from ropeway.verify.report import EQUALS_READ
from spots import Servers, Spot, spot

PEOPLE = [
    (1, "Jonathan Smith", "Zürich", "8001", 5), (2, "Jonathon Smith", "ZURICH", "8001", 9),
    (3, "Jonathan  Smyth", "Zürich", "8001", 1), (4, "Jonathan Smith", "Zürich", "9000", 2),
    (5, None, "Zürich", "8001", 3), (6, "=cmd|' /C calc'!A0", "Bern", "3000", 4),
    (7, "=cmd|' /C calc'!A1", "Bern", "3000", 6), (8, "jonathan smith", "zurich", "8001", 8),
    (9, "Anna Meier", "Bern", "3000", 7),
]  # fmt: skip
# By the key 8 is 1's twin and stays, for it was seen later.
WANTED: dict[str, Any] = {
    "key": ["name", "zip"], "normalise": {"name": "case"}, "keep": "latest", "by": "seen",
    "similar": {"columns": ["name", "city"], "within": ["zip"], "similarity": 0.92},
}  # fmt: skip
PAIRS = [(6, 7), (2, 8), (3, 8), (2, 3)]  # the most alike first


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def ends(here: str, there: str, folder: Path, servers: Servers) -> tuple[Spot, Spot]:
    source, target = spot(here, folder, servers), spot(there, folder, servers)
    source.ask(
        "CREATE TABLE person (id integer PRIMARY KEY, name varchar(40), city varchar(20), zip varchar(9), seen integer)"
    )
    source.ask("CREATE TABLE deed (id integer PRIMARY KEY, who integer REFERENCES person (id))")
    for row in PEOPLE:
        values = ", ".join("NULL" if one is None else str(one) if isinstance(one, int) else "'" + one.replace("'", "''")
                           + "'" for one in row)  # fmt: skip
        source.ask(f"INSERT INTO person VALUES ({values})")
        source.ask(f"INSERT INTO deed VALUES ({row[0]}, {row[0]})")
    return source, target


def choices(**similar: Any) -> dict[str, Any]:
    spec = {**WANTED, "similar": {**WANTED["similar"], **similar}}
    return {"choices": (Choice("person", over=over_of(spec)), Choice("*", exclude=("person",))), "slice_rows": 4}


def rows_of(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8-sig", newline="") as opened:
        return list(csv.DictReader(opened))


def approve(file: Path, pairs: list[tuple[int, int]], to: Path) -> Path:
    """The file with a yes at these pairs, as a person would have saved it."""
    rows = rows_of(file)
    for row in rows:
        row["approve"] = "yes" if (int(row["id (1)"]), int(row["id (2)"])) in pairs else "no"
    assert sum(row["approve"] == "yes" for row in rows) == len(pairs)
    with to.open("w", encoding="utf-8", newline="") as opened:
        made = csv.DictWriter(opened, list(rows[0]), delimiter=";")
        made.writeheader()
        made.writerows(rows)
    return to


def undone(outcome: wire.Outcome, target: Spot) -> None:
    wire.clean(outcome.plan.run, target.url, undo=True)


def stay(target: Spot) -> list[int]:
    return [int(one) for (one,) in target.ask("SELECT id FROM person ORDER BY id")]


def refer(target: Spot) -> list[int]:
    return [int(one) for (one,) in target.ask("SELECT who FROM deed ORDER BY id")]


@pytest.mark.parametrize(("here", "there"), [("postgresql", "mariadb"), ("sqlite", "postgresql")])
def test_pairs_are_proposed_and_merged_once_approved(here: str, there: str, tmp_path: Path, servers: Servers) -> None:
    source, target = ends(here, there, tmp_path, servers)
    outcome = wire.run(*requested(source, target, **choices()))
    assert stay(target) == [2, 3, 4, 5, 6, 7, 8, 9]  # nothing but 1, whose key is 8's
    (merged,) = outcome.merged
    assert (merged.removed, merged.proposed, merged.approved, merged.left) == (1, len(PAIRS), 0, 0)
    review = Path(merged.review)
    rows = rows_of(review)
    assert [(int(row["id (1)"]), int(row["id (2)"])) for row in rows] == PAIRS
    assert [row["approve"] for row in rows] == [""] * len(PAIRS)
    assert rows[0]["name (1)"] == "'=cmd|'' /C calc'!A0"
    file = approve(review, [(2, 8), (2, 3)], tmp_path / "approved.csv")
    undone(outcome, target)
    request, secrets = requested(source, target, **choices(approved=str(file)))
    outcome = wire.run(from_json(to_json(wire.plan(request, secrets))), secrets)
    # 2 was seen last: it stays in the place of 8 and of 3, which nobody called one, and of 1, which is 8's twin.
    assert stay(target) == [2, 4, 5, 6, 7, 9]
    assert refer(target) == [2, 2, 2, 4, 5, 6, 7, 2, 9]
    (merged,) = outcome.merged
    assert (merged.removed, merged.into, merged.proposed, merged.approved, merged.left) == (3, 1, 1, 3, 0)
    assert outcome.report
    assert {one.claim for one in outcome.report.tables} == {EQUALS_READ}
    listed = pq.read_table(merged.file).to_pylist()
    assert {(row["id"], row["kept id"]) for row in listed} == {(1, 2), (3, 2), (8, 2)}
    assert {row["rule"] for row in listed} == {"latest, approved as pair 2, 4"}
    assert run_shape(outcome, {})["merged"][0]["approved"] == 3


def test_what_has_changed_since_is_not_merged(tmp_path: Path, servers: Servers) -> None:
    source, target = ends("sqlite", "duckdb", tmp_path, servers)
    outcome = wire.run(*requested(source, target, **choices()))
    file = approve(Path(outcome.merged[0].review), PAIRS, tmp_path / "approved.csv")
    undone(outcome, target)
    source.ask("UPDATE person SET city = 'Genf' WHERE id = 3")
    source.ask("DELETE FROM deed WHERE id = 7")
    source.ask("DELETE FROM person WHERE id = 7")
    outcome = wire.run(*requested(source, target, **choices(approved=str(file))))
    assert stay(target) == [2, 3, 4, 5, 6, 9]
    (merged,) = outcome.merged
    assert (merged.removed, merged.approved, merged.left) == (2, 2, 3)
    left = rows_of(Path(merged.file).parents[2] / "review" / "2-left.csv")
    assert [(row["pair"], row["why it was not merged"]) for row in left] == [
        ("1", "no row that stays by its own key is 7"), ("3", "what was compared has changed since"),
        ("4", "what was compared has changed since"),
    ]  # fmt: skip


def test_a_run_waits_where_it_is_asked_to(tmp_path: Path, servers: Servers) -> None:
    source, target = ends("mariadb", "postgresql", tmp_path, servers)
    with pytest.raises(RequestError, match="the run waits for what becomes of 4 pairs") as caught:
        wire.run(*requested(source, target, **choices(wait=True)))
    (review,) = tmp_path.glob(".ropeway/*/review/*-pairs.csv")
    assert str(review.relative_to(tmp_path)) in str(caught.value)
    assert stay(target) == []
    file = approve(review, [(6, 7)], review)  # in its place
    wire.run(*requested(source, target, **choices(wait=True, approved=str(file))), resume=True)
    assert stay(target) == [2, 3, 4, 5, 7, 8, 9]
    assert rows_of(review)[0].keys()  # the person's file is still there, beside the new one
    assert review.with_name(review.name.replace("-pairs", "-pairs-2")).exists()


@pytest.mark.parametrize(("point", "nth"), [("deciding", 1), ("decided", 1), ("landed", 2)])
def test_a_killed_run_decides_by_what_was_approved(point: str, nth: int, tmp_path: Path, servers: Servers) -> None:
    source, target = ends("sqlite", "postgresql", tmp_path, servers)
    outcome = wire.run(*requested(source, target, **choices()))
    file = approve(Path(outcome.merged[0].review), [(2, 8)], tmp_path / "approved.csv")
    undone(outcome, target)
    spec = {**WANTED, "similar": {**WANTED["similar"], "approved": str(file)}}
    settings: dict[str, Any] = {
        "source": source.url, "target": target.url, "dedup": {"person": spec}, "slice_rows": 4,
        "point": point, "nth": nth,
    }  # fmt: skip
    killed = attack(**settings)
    assert killed.returncode == -signal.SIGKILL, killed.stderr[-2000:]
    other = approve(Path(outcome.merged[0].review), [(6, 7)], tmp_path / "other.csv")
    again = requested(source, target, choices=(Choice("*"), choices(approved=str(other))["choices"][0]), slice_rows=4)
    if point != "deciding":
        with pytest.raises(RequestError, match="other pairs are approved now"):
            wire.run(*again, resume=True)
    finished(settings)
    assert stay(target) == [2, 3, 4, 5, 6, 7, 9]
    assert refer(target) == [2, 2, 3, 4, 5, 6, 7, 2, 9]


def test_blocks_that_are_too_large_are_named(tmp_path: Path, servers: Servers) -> None:
    source, target = ends("sqlite", "duckdb", tmp_path, servers)
    said: list[str] = []

    class Heard(Progress):
        def said(self, text: str) -> None:
            said.append(text)

    outcome = wire.run(*requested(source, target, **choices(largest=2)), progress=Heard())
    (merged,) = outcome.merged
    assert (merged.proposed, merged.uncompared) == (0, 2)
    assert any(
        "2 blocks of more than 2 rows were not compared: '3000' (3 rows), '8001' (3 rows)" in one for one in said
    )
    assert not list(tmp_path.glob(".ropeway/*/review/*-pairs*"))


def test_what_cannot_be_compared_or_read_is_refused(tmp_path: Path, servers: Servers) -> None:
    source, target = ends("sqlite", "duckdb", tmp_path, servers)
    assert "seen is int" in refusal(source, target, **choices(columns=["seen"]))
    assert "similar names nothing within which" in refusal(source, target, **choices(within=[]))
    outcome = wire.run(*requested(source, target, **choices()))
    review = Path(outcome.merged[0].review)
    file = approve(review, [(6, 7)], tmp_path / "approved.csv")
    undone(outcome, target)
    text = file.read_text(encoding="utf-8")
    said = refusal(source, target, **choices(approved=str(file), columns=["name"]))
    assert "the approved pairs are of" in said
    for old, new, why in (
        (";yes;6;", ";yes;9;", "pair 1 is not as it was written"),
        (";yes;", ";perhaps;", "approve is"),
    ):
        file.write_text(text.replace(old, new), encoding="utf-8")
        with pytest.raises(RequestError, match=why):
            choices(approved=str(file))
