"""SQL Server as a source, read by its own drivers over the wire from the test server."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from moves import moved
from spots import Servers, Spot, spot


@pytest.fixture
def ends(tmp_path: Path, servers: Servers) -> tuple[Spot, Spot]:
    return spot("sqlserver", tmp_path, servers), spot("postgresql", tmp_path, servers)


def test_a_table_arrives(ends: tuple[Spot, Spot]) -> None:
    source, target = ends
    source.ask("CREATE TABLE part (id int NOT NULL PRIMARY KEY, name nvarchar(20) NOT NULL, price decimal(12,2))")
    source.ask("INSERT INTO part VALUES (1, N'äöü€😀', 12.50), (2, N'', NULL), (3, N' ', -0.01)")
    outcome = moved(source, target)
    assert target.ask("SELECT id, name, price FROM part ORDER BY id") == [
        (1, "äöü€😀", Decimal("12.50")), (2, "", None), (3, " ", Decimal("-0.01")),
    ]  # fmt: skip
    assert outcome.report
    assert outcome.report.tables[0].claim == "target equals what was read"
