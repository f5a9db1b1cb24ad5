"""Findings: their grades, names and order."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

import ropeway
from ropeway.transfer.canonical import canon_of
from ropeway.transfer.errors import RequestError
from ropeway.transfer.place import parse
from ropeway.transfer.plan import ColumnPlan, Finding, Plan, from_json, to_json
from ropeway.transfer.request import Request, job_of
from ropeway.transfer.schema.catalogue import Column, Relation, Table
from ropeway.transfer.schema.risks import blockers, of_column, of_key, regardless, waived, worst_first
from ropeway.transfer.types import Fidelity, Type
from shell import write

TEXT = Type("text")
PLAN = Plan(parse("sqlite:///a")[0], parse("sqlite:///b")[0], (), ())
TABLE = Table(Relation("shop", "t"), (Column("c", "money"),))


def planned(fidelity: Fidelity) -> ColumnPlan:
    return ColumnPlan("c", "c", '"c"', TEXT, "text", fidelity, "cents are cut", canon_of(TEXT))


def test_what_loses_something_blocks() -> None:
    (found,) = of_column(TABLE, TABLE.columns[0], planned(Fidelity.LOSSY))
    assert (found.grade, found.name, found.where) == ("blocker", "lossy-type", "shop.t.c")
    assert "cents are cut" in found.message
    assert found.remedy
    (found,) = of_column(TABLE, TABLE.columns[0], planned(Fidelity.TEXT))
    assert (found.grade, found.name) == ("note", "text-type")
    assert of_column(TABLE, TABLE.columns[0], planned(Fidelity.EXACT)) == []


def test_a_table_without_key_matters_most_where_rows_are_appended() -> None:
    name = TABLE.name
    assert [one.grade for one in of_key(name, TABLE, "append")] == ["warning"]
    assert [one.grade for one in of_key(name, TABLE, "create")] == ["note"]
    assert of_key(name, dataclasses.replace(TABLE, key=("c",)), "append") == []


def test_blockers_come_first() -> None:
    found = [
        Finding("note", "a", ""),
        Finding("blocker", "b", ""),
        Finding("warning", "c", ""),
        Finding("note", "d", ""),
    ]
    assert [one.where for one in worst_first(found)] == ["b", "c", "a", "d"]


def test_a_plan_names_them(tmp_path: Path) -> None:
    write(tmp_path / "in.sqlite", "CREATE TABLE t (a TEXT, b GENERATED ALWAYS AS (printf('%s', a)))")
    job = ropeway.job(source=f"sqlite:///{tmp_path}/in.sqlite", target=f"sqlite:///{tmp_path}/out.sqlite")
    names = [finding.name for finding in ropeway.plan(job.request, job.secrets).findings]
    assert {"no-key", "generated-column"} <= set(names)
    assert all(names)


FOUND = (
    Finding("blocker", "shop.t.a", "", "lossy-type"),
    Finding("blocker", "shop.t.b", "", "lossy-type"),
    Finding("warning", "shop.t", "", "no-key"),
)


@pytest.mark.parametrize(
    ("waivers", "left"),
    [
        ((), ["shop.t.a", "shop.t.b"]),
        (("lossy-type",), []),
        (("lossy-type:shop.t.a",), ["shop.t.b"]),
        (("lossy-type:shop.*", "no-key"), []),
        (("no-key",), ["shop.t.a", "shop.t.b"]),
    ],
)
def test_waivers_are_by_name_and_place(waivers: tuple[str, ...], left: list[str]) -> None:
    assert waived(waivers, FOUND) == waivers
    plan = dataclasses.replace(PLAN, findings=FOUND, waived=waivers)
    assert [one.where for one in blockers(plan)] == left
    assert blockers(regardless(plan)) == []
    assert from_json(to_json(plan)) == plan


@pytest.mark.parametrize(
    ("waiver", "remedy"),
    [
        ("losy-type", "Did you mean lossy-type?"),
        ("lossy-type:shop.u.a", "It has lossy-type at shop.t.a, shop.t.b."),
        ("xyz", "Its findings: lossy-type, no-key."),
    ],
)
def test_a_waiver_that_means_nothing_is_refused(waiver: str, remedy: str) -> None:
    with pytest.raises(RequestError) as caught:
        waived([waiver], FOUND)
    assert waiver in caught.value.message
    assert caught.value.remedy == remedy


def test_a_waiver_makes_no_other_job() -> None:
    place = PLAN.source
    assert job_of(Request(place, place)) == job_of(Request(place, place, waive=("lossy-type",)))
