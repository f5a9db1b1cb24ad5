"""What a CREATE TABLE of SQLite says beside its columns: carried, or said to be lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from moves import moved
from ropeway.transfer.plan import Plan
from spots import Servers, Spot, spot


def said(plan: Plan, name: str) -> list[str]:
    return [finding.message for finding in plan.findings if finding.name == name]


def refuses(place: Spot, *statements: str, reason: str = r"(?i)check|constraint|unique|duplicate") -> None:
    for sql in statements:
        with pytest.raises(Exception, match=reason):
            place.ask(sql)


@pytest.mark.parametrize("there", ["sqlite", "duckdb", "postgresql", "mariadb"])
@pytest.mark.parametrize("suffix", ["", "WITHOUT ROWID", "STRICT, WITHOUT ROWID"])
def test_checks_beside_what_only_sqlite_has(
    suffix: str, there: str, tmp_path: Path, servers: Servers, caplog: pytest.LogCaptureFixture
) -> None:
    source, target = spot("sqlite", tmp_path, servers), spot(there, tmp_path, servers)
    source.ask("CREATE TABLE p (id INTEGER PRIMARY KEY)")
    source.ask(
        "CREATE TABLE t (id INTEGER NOT NULL, n INTEGER UNIQUE ON CONFLICT IGNORE CHECK (n > 0), "
        "p INTEGER REFERENCES p DEFERRABLE INITIALLY DEFERRED, m INTEGER GENERATED ALWAYS AS (n + 1) STORED, "
        f"PRIMARY KEY (id) ON CONFLICT REPLACE, CONSTRAINT small CHECK (n < 9)) {suffix}"
    )
    source.ask("INSERT INTO p VALUES (1)")
    source.ask("INSERT INTO t VALUES (1, 2, 1)")
    outcome = moved(source, target)
    assert not said(outcome.plan, "check-lost")
    assert not said(outcome.plan, "generated-column")
    assert not [record for record in caplog.records if record.name == "sqlglot"]
    refuses(target, "INSERT INTO t (id, n) VALUES (2, 0)", "INSERT INTO t (id, n) VALUES (3, 9)")
    target.ask("INSERT INTO t (id, n) VALUES (4, 8)")
    assert target.ask("SELECT m FROM t WHERE id = 4") == [(9,)]
