"""Findings that no other test is about: each name is made once by what it warns of."""

from __future__ import annotations

from pathlib import Path

import pytest

import ropeway
from ropeway.transfer.plan import Finding
from shell import write

# The table's name, its columns, and whose bookkeeping it is.
KEPT = [
    ("__MigrationHistory", '"MigrationId" text, "ContextKey" text', "Entity Framework"),
    ("__EFMigrationsLock", '"Id" integer, "Timestamp" text', "Entity Framework"),
    ("SequelizeData", "name text", "Sequelize"),
    ("schema_version", "version_rank integer, installed_rank integer, version text", "Flyway"),
    ("schema_version", "id integer, version text", ""),
]


def found(source: Path, target: str, **keys: object) -> list[Finding]:
    """The findings of moving a SQLite file."""
    job = ropeway.job(source=f"sqlite:///{source}", target=target, **keys)
    return list(ropeway.plan(job.request, job.secrets).findings)


@pytest.mark.parametrize(("name", "columns", "owner"), KEPT)
def test_what_a_migration_tool_keeps_is_left_alone(name: str, columns: str, owner: str, tmp_path: Path) -> None:
    write(tmp_path / "in.sqlite", f'CREATE TABLE t (id integer); CREATE TABLE "{name}" ({columns})')
    said = [one for one in found(tmp_path / "in.sqlite", f"sqlite:///{tmp_path}/o") if one.name == "left-alone"]
    assert [one.where for one in said] == ([name] if owner else [])
    assert all(one.message.startswith(f"is left alone: {owner} keeps") for one in said)
