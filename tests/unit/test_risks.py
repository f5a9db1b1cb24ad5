"""Findings: their grades, names and order."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import ropeway
from ropeway.transfer.canonical import canon_of
from ropeway.transfer.plan import ColumnPlan, Finding
from ropeway.transfer.schema.catalogue import Column, Relation, Table
from ropeway.transfer.schema.risks import of_column, of_key, worst_first
from ropeway.transfer.types import Fidelity, Type
from shell import write

TEXT = Type("text")
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
    write(tmp_path / "in.sqlite", "CREATE TABLE t (a TEXT, b GENERATED ALWAYS AS (a || 'x'))")
    job = ropeway.job(source=f"sqlite:///{tmp_path}/in.sqlite", target=f"sqlite:///{tmp_path}/out.sqlite")
    names = [finding.name for finding in ropeway.plan(job.request, job.secrets).findings]
    assert {"no-key", "generated-column"} <= set(names)
    assert all(names)
