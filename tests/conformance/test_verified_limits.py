"""Verification of very wide tables and of very long values: equal ones are found equal, one changed cell is named."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations_with_replacement
from pathlib import Path

import pytest

from longvalues import compared, filled, spoiled, told
from moves import moved
from ropeway.verify.report import EQUALS_READ, EQUALS_SOURCE
from spots import Servers, Spot, spot

WIDE = 1_000
# By turns: the type, and a literal that is another in each row and column.
KINDS: tuple[tuple[str, Callable[[int], str]], ...] = (
    ("INTEGER", lambda n: str(n - 700)),
    ("VARCHAR(3)", lambda n: f"'é{n % 100}'"),
    ("DECIMAL(12,2)", lambda n: f"{n}.25"),
    ("DATE", lambda n: f"'2024-03-{n % 28 + 1:02}'"),
    ("DOUBLE PRECISION", lambda n: f"{n}.5"),
)


def widened(place: Spot) -> None:
    kinds = [KINDS[n % len(KINDS)] for n in range(WIDE - 1)]
    columns = ", ".join(f"c{n} {kind}" for n, (kind, _) in enumerate(kinds))
    place.ask(f"CREATE TABLE t (id INTEGER NOT NULL PRIMARY KEY, {columns})")
    rows = [", ".join([str(row), *(value(n * row) for n, (_, value) in enumerate(kinds))]) for row in (1, 2)]
    rows.append(", ".join(["3", *(["NULL"] * (WIDE - 1))]))
    place.ask(f"INSERT INTO t VALUES {', '.join(f'({row})' for row in rows)}")


PAIRS = [*combinations_with_replacement(("postgresql", "mariadb", "duckdb", "sqlite"), 2)]
SOON = [("postgresql", "sqlite")]  # a pair takes 2 s of CPU


@pytest.mark.parametrize(
    ("here", "there"), [pytest.param(*pair, marks=() if pair in SOON else pytest.mark.faults) for pair in PAIRS]
)
def test_a_table_of_a_thousand_columns(here: str, there: str, tmp_path: Path, servers: Servers) -> None:
    one, other = spot(here, tmp_path, servers), spot(there, tmp_path, servers)
    for place in (one, other):
        widened(place)
    assert compared(one, other).claim == (EQUALS_READ if "sqlite" in (here, there) else EQUALS_SOURCE)
    other.ask("UPDATE t SET c997 = 1 WHERE id = 2")
    assert told(compared(one, other)) == [("2", "c997")]


def test_many_columns_that_declare_nothing(tmp_path: Path, servers: Servers) -> None:
    """SQLite answers with 2,000 columns at most, and eleven counts of each are asked for."""
    one, other = spot("sqlite", tmp_path, servers), spot("duckdb", tmp_path, servers)
    one.ask(f"CREATE TABLE t (id INTEGER PRIMARY KEY, {', '.join(f'c{n}' for n in range(200))})")
    one.ask(f"INSERT INTO t VALUES (1, {', '.join(map(str, range(200)))})")
    moved(one, other)
    assert other.ask("SELECT c0, c100, c199 FROM t") == [(0, 100, 199)]


def test_values_of_20_mb(tmp_path: Path, servers: Servers) -> None:
    one, other = (spot("sqlite", tmp_path, servers) for _ in range(2))
    for place in (one, other):
        filled(place, 20_000_000)
    assert compared(one, other).claim == EQUALS_READ
    spoiled(other, "body")
    assert told(compared(one, other)) == [("1", "body")]
