"""Generated columns from each engine into each other: generated there too, and their values proven equal."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ropeway.cli import wire
from ropeway.transfer.place import parse
from ropeway.transfer.request import Request
from spots import MYSQL_FAMILY, SQL_ENGINES, Servers, Spot, spot

ENGINES = [engine for engine in SQL_ENGINES if engine != "mysql"]  # 5.6 has none; as a target it is asked below
# Name: type and expression; {or} joins texts.
COLUMNS = {
    "total": ("decimal(9,2)", "price * n"),
    "sum": ("integer", "n + 1"),
    "low": ("varchar(40)", "lower(word)"),
    "both": ("varchar(40)", "{both}"),
    "sign": ("varchar(9)", "CASE WHEN n > 0 THEN 'plus' ELSE 'it''s not' END"),
}
ROWS = "(1, 2, 1.50, 'Ab', 'Cd'), (2, -3, 0.25, 'Zoë', NULL), (3, NULL, NULL, '', 'x')"


def made(place: Spot) -> None:
    q, shapes = place.quote, []
    stored = "VIRTUAL" if place.engine == "duckdb" else "STORED"
    for name, (kind, text) in COLUMNS.items():
        both = "concat(word, ' ', more)" if place.engine in MYSQL_FAMILY else "word || ' ' || more"
        shapes.append(f"{q(name)} {kind} GENERATED ALWAYS AS ({text.format(both=both)}) {stored}")
    place.ask(
        "CREATE TABLE t (id integer PRIMARY KEY, n integer, price decimal(9,2), word varchar(20), more varchar(9), "
        f"{', '.join(shapes)})"
    )
    place.ask(f"INSERT INTO t (id, n, price, word, more) VALUES {ROWS}")


def moved(source: Spot, target: Spot, **options: Any) -> wire.Outcome:
    (one, one_secret), (other, other_secret) = parse(source.url), parse(target.url)
    return wire.run(Request(one, other, **options), wire.Secrets(one_secret, other_secret))


def values(place: Spot) -> list[tuple[Any, ...]]:
    names = ", ".join(map(place.quote, COLUMNS))
    rows = place.ask(f"SELECT {names} FROM t ORDER BY id")
    return [(None if r[0] is None else Decimal(str(r[0])).quantize(Decimal("0.01")), *r[1:]) for r in rows]


def folds(place: Spot) -> bool:
    """Whether lower() knows more than ASCII."""
    return place.ask("SELECT lower('Ë')") == [("ë",)]


def expected_kept(source: Spot, target: Spot) -> set[str]:
    """Which columns stay generated; the others are plain, and the plan says why."""
    if source.engine == target.engine:
        return set(COLUMNS)
    kept = {"sum", "both", "sign"}
    if "sqlite" not in (source.engine, target.engine):  # whose decimals are floats
        kept.add("total")
    return kept | ({"low"} if folds(source) == folds(target) else set())


@pytest.mark.parametrize("there", SQL_ENGINES)
@pytest.mark.parametrize("here", ENGINES)
def test_they_are_generated_in_the_target(here: str, there: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot(here, tmp_path, servers), spot(there, tmp_path, servers)
    made(source)
    outcome = moved(source, target, slice_rows=2)
    assert outcome.report
    assert outcome.report.equal, outcome.report
    assert values(target) == values(source)
    (table,) = [table for table in wire.inspect(target.url) if table.name.table == "t"]
    kept = expected_kept(source, target) if there != "mysql" else set()
    assert {column.name for column in table.columns if column.generated} == kept
    said = " ".join(f.where for f in outcome.plan.findings if "plain column" in f.message)
    assert {name for name in COLUMNS if f".{name}" in said} == set(COLUMNS) - kept
    if "sum" in kept:
        target.ask("INSERT INTO t (id, n, word) VALUES (4, 41, 'w')")
        ((sum_, both),) = target.ask(f"SELECT {target.quote('sum')}, {target.quote('both')} FROM t WHERE id = 4")
        assert (sum_, both) == (42, None)


@pytest.mark.parametrize("mode", ["append", "truncate", "merge", "replace"])
@pytest.mark.parametrize("there", ENGINES)
def test_modes_leave_them_to_the_target(there: str, mode: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot("postgresql", tmp_path, servers), spot(there, tmp_path, servers)
    made(source)
    if mode == "append":
        moved(source, target)
        target.ask("DELETE FROM t WHERE id <> 3")
        source.ask("DELETE FROM t WHERE id = 3")
    else:
        moved(source, target)
        source.ask("UPDATE t SET n = 77 WHERE id = 1")
    outcome = moved(source, target, mode=mode)
    assert outcome.report
    if mode != "merge":
        assert outcome.report.equal, outcome.report
    source_rows = values(source)
    assert values(target)[: len(source_rows)] == source_rows


def test_values_that_the_target_computes_otherwise_are_found(tmp_path: Path, servers: Servers) -> None:
    """The proof covers generated columns: here the target's own definition is another one."""
    source, target = spot("postgresql", tmp_path, servers), spot("postgresql", tmp_path, servers)
    source.ask("CREATE TABLE t (id integer PRIMARY KEY, n integer GENERATED ALWAYS AS (id * 2) STORED)")
    source.ask("INSERT INTO t VALUES (1), (2)")
    target.ask("CREATE TABLE t (id integer PRIMARY KEY, n integer GENERATED ALWAYS AS (id * 3) STORED)")
    for raw in (True, False):
        outcome = moved(source, target, mode="truncate", raw=raw)
        assert outcome.report
        assert not outcome.report.equal
