"""Generated columns from each engine into each other: generated there too, and their values proven equal."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ropeway.cli import wire
from ropeway.transfer.place import parse
from ropeway.transfer.request import Request
from spots import MYSQL_FAMILY, NULLED, PAIRS, PLACES, Servers, Spot, spot

ENGINES = [engine for engine in PLACES if engine != "mysql"]  # 5.6 has none; as a target it is asked below
# Name: type and expression; {or} joins texts.
COLUMNS = {
    "total": ("decimal(9,2)", "price * n"),
    "sum": ("integer", "n + 1"),
    "low": ("varchar(40)", "lower(word)"),
    "both": ("varchar(40)", "{both}"),
    "sign": ("varchar(9)", "CASE WHEN n > 0 THEN 'plus' ELSE 'it''s not' END"),
}
ROWS = "(1, 2, 1.50, 'Ab', 'Cd'), (2, -3, 0.25, 'Zoë', NULL), (3, NULL, NULL, '', 'x')"


# How a generated column is declared, and how two texts are joined, where it is otherwise than in the standard.
DECLARED = {
    "duckdb": "{name} {kind} GENERATED ALWAYS AS ({text}) VIRTUAL",
    "oracle": "{name} {kind} GENERATED ALWAYS AS ({text}) VIRTUAL",
    "sqlserver": "{name} AS (CAST({text} AS {kind})) PERSISTED",
}
JOINED = {
    **dict.fromkeys(MYSQL_FAMILY, "concat(word, ' ', more)"),
    "oracle": "CASE WHEN word IS NOT NULL AND more IS NOT NULL THEN word || ' ' || more END",  # '' || more is more
    "sqlserver": "word + ' ' + more",
}
TEXTS = {"oracle": r"varchar2(\1 char)", "sqlserver": r"nvarchar(\1)"}


def made(place: Spot) -> None:
    declared = DECLARED.get(place.engine, "{name} {kind} GENERATED ALWAYS AS ({text}) STORED")
    both = JOINED.get(place.engine, "word || ' ' || more")
    shapes = [
        declared.format(name=place.quote(place.kept(name)), kind=kind, text=text.format(both=both))
        for name, (kind, text) in COLUMNS.items()
    ]
    table = (
        "CREATE TABLE t (id integer PRIMARY KEY, n integer, price decimal(9,2), word varchar(20), more varchar(9), "
        f"{', '.join(shapes)})"
    )
    place.ask(re.sub(r"varchar\((\d+)\)", TEXTS.get(place.engine, r"varchar(\1)"), table))
    place.ask(f"INSERT INTO t (id, n, price, word, more) VALUES {ROWS}")


def moved(source: Spot, target: Spot, **options: Any) -> wire.Outcome:
    (one, one_secret), (other, other_secret) = parse(source.url), parse(target.url)
    request = Request(one, other, policies=NULLED.get(target.engine, ()), **options)
    return wire.run(request, wire.Secrets(one_secret, other_secret))


def values(place: Spot) -> list[tuple[Any, ...]]:
    names = ", ".join(place.quote(place.kept(name)) for name in COLUMNS)
    rows = place.ask(f"SELECT {names} FROM t ORDER BY id")
    return [(None if r[0] is None else Decimal(str(r[0])).quantize(Decimal("0.01")), *r[1:]) for r in rows]


def arriving(rows: list[tuple[Any, ...]], target: Spot) -> list[tuple[Any, ...]]:
    """Rows as a target holds them: where a text of no length is NULL, such ones are."""
    hollow = target.engine in NULLED
    return [tuple(None if hollow and value == "" else value for value in row) for row in rows]


FOLDS = {"oracle": "SELECT lower('Ë') FROM dual", "sqlserver": "SELECT lower(N'Ë')"}


def folds(place: Spot) -> bool:
    """Whether lower() knows more than ASCII."""
    return place.ask(FOLDS.get(place.engine, "SELECT lower('Ë')")) == [("ë",)]


def expected_kept(source: Spot, target: Spot) -> set[str]:
    """Which columns stay generated; the others are plain, and the plan says why."""
    if source.engine == target.engine:
        return set(COLUMNS)
    kept = {"sum", "both", "sign"}
    if "sqlite" not in (source.engine, target.engine):  # whose decimals are floats
        kept.add("total")
    if target.engine == "oracle":  # where NULL joined to a text is that text
        kept.remove("both")
    return kept | ({"low"} if folds(source) == folds(target) else set())


@pytest.mark.parametrize(("here", "there"), [pair for pair in PAIRS if pair[0] in ENGINES])
def test_they_are_generated_in_the_target(here: str, there: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot(here, tmp_path, servers), spot(there, tmp_path, servers)
    made(source)
    outcome = moved(source, target, slice_rows=2)
    assert outcome.report
    assert outcome.report.equal, outcome.report
    assert values(target) == arriving(values(source), target)
    (table,) = [table for table in wire.inspect(target.url) if table.name.table == target.kept("t")]
    kept = expected_kept(source, target) if there != "mysql" else set()
    assert {column.name.lower() for column in table.columns if column.generated} == kept
    said = " ".join(f.where.lower() for f in outcome.plan.findings if "plain column" in f.message)
    assert {name for name in COLUMNS if f".{name}" in said} == set(COLUMNS) - kept
    if "sum" in kept:
        target.ask("INSERT INTO t (id, n, word) VALUES (4, 41, 'w')")
        q = target.quote
        ((sum_, both),) = target.ask(f"SELECT {q(target.kept('sum'))}, {q(target.kept('both'))} FROM t WHERE id = 4")
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
    source_rows = arriving(values(source), target)
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
