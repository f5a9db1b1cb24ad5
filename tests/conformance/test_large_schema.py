"""A schema as large as they come: planning asks each catalogue a fixed number of questions, whatever the tables are."""

from __future__ import annotations

from pathlib import Path

import pytest

from moves import requested
from ropeway.cli import wire
from ropeway.transfer.plan import from_json, to_json
from spots import Servers, Spot, spot

TABLES = 2000
CHAIN = 20  # tables of a chain; it closes to a ring, and its last one refers to itself

_COLUMNS = (
    "id bigint PRIMARY KEY", "parent bigint", "code varchar(40) NOT NULL UNIQUE", "price numeric(12,2) DEFAULT 0",
    "at timestamp DEFAULT CURRENT_TIMESTAMP", "day date", "flag boolean DEFAULT false", "body text",
    "amount double precision", "me bigint CHECK (me > 0)",
)  # fmt: skip


def large(place: Spot) -> None:
    """2,000 tables of ten columns: a chain refers to the table before, and closes to a ring at its end."""
    made = [
        f"CREATE TABLE t{number} ({', '.join(_COLUMNS)}); CREATE INDEX at{number} ON t{number} (at, day);"
        for number in range(TABLES)
    ]
    for number in range(TABLES):
        first = number - number % CHAIN
        before = number - 1 if number > first else first + CHAIN - 1
        made.append(f"ALTER TABLE t{number} ADD FOREIGN KEY (parent) REFERENCES t{before};")
        if number % CHAIN == CHAIN - 1:
            made.append(f"ALTER TABLE t{number} ADD FOREIGN KEY (me) REFERENCES t{number};")
    for low in range(0, len(made), 200):
        place.ask("\n".join(made[low : low + 200]))


@pytest.fixture(scope="module")
def source(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Spot:
    made = spot("postgresql", tmp_path_factory.mktemp("large"), Servers(request.getfixturevalue))
    large(made)
    return made


@pytest.mark.parametrize(
    "there", ["mariadb", *(pytest.param(one, marks=pytest.mark.faults) for one in ("sqlite", "duckdb"))]
)
def test_it_is_planned(there: str, source: Spot, tmp_path: Path, servers: Servers) -> None:
    request, secrets = requested(source, spot(there, tmp_path, servers))
    plan = wire.plan(request, secrets)
    assert len(plan.hops) == TABLES
    assert len({hop.writes for hop in plan.hops}) == TABLES
    assert from_json(to_json(plan)) == plan
