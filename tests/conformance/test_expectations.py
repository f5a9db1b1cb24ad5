"""Rows that a table which is there would refuse are found while planning, before anything moves."""

from __future__ import annotations

from pathlib import Path

import pytest

from moves import moved, requested
from ropeway.cli import wire
from spots import SQL_ENGINES, Servers, Spot, spot


def found(source: Spot, target: Spot, mode: str) -> dict[tuple[str, str], tuple[str, str]]:
    request, secrets = requested(source, target, mode=mode)
    names = {"nulls", "duplicates", "orphans", "broken-check"}
    findings = [one for one in wire.plan(request, secrets).findings if one.name in names]
    return {(one.name, one.where.rpartition(".")[2]): (one.grade, one.message) for one in findings}


def strict(place: Spot) -> None:
    place.ask("CREATE TABLE p (id integer PRIMARY KEY)")
    place.ask(
        "CREATE TABLE c (id integer PRIMARY KEY, code varchar(9) NOT NULL UNIQUE, p integer, q integer, "
        "FOREIGN KEY (p) REFERENCES p (id), CONSTRAINT positive CHECK (q > 0))"
    )


@pytest.mark.parametrize("mode", ["fill", "append", "merge"])
@pytest.mark.parametrize("there", SQL_ENGINES)
def test_rows_that_would_be_refused(there: str, mode: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot("sqlite", tmp_path, servers), spot(there, tmp_path, servers)
    source.ask("CREATE TABLE p (id INTEGER PRIMARY KEY)")
    source.ask("CREATE TABLE c (id INTEGER PRIMARY KEY, code VARCHAR(9), p INTEGER, q INTEGER)")
    source.ask("INSERT INTO p VALUES (1)")
    source.ask("INSERT INTO c VALUES (1, 'a', 1, 1), (2, 'a', 7, 1), (3, NULL, NULL, 0)")
    strict(target)
    seen = found(source, target, mode)
    assert seen["nulls", "c"] == ("blocker", "1 row breaks the NOT NULL of code, as (3, NULL, NULL, 0)")
    grade, said = seen["duplicates", "c"]  # MySQL's and MariaDB's says why it takes texts for equal
    assert (grade, said.startswith("1 key breaks the unique key on code")) == ("blocker", True)
    assert said.endswith("as ('a', 2)")
    assert (("orphans", "c") in seen) == (mode == "fill")  # elsewhere the parent may be in the target
    assert (("broken-check", "c") in seen) == (there == "sqlite")  # which speaks the source's dialect
    assert target.ask("SELECT count(*) FROM c") == [(0,)]
    source.ask("UPDATE c SET code = id, p = NULL, q = 1")
    assert found(source, target, mode) == {}
    moved(source, target, mode=mode) if mode != "merge" else wire.run(*requested(source, target, mode=mode))
    assert target.ask("SELECT count(*) FROM c") == [(3,)]
