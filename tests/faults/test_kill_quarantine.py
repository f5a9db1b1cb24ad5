"""kill -9 while rows that break constraints are moved aside: each lies once, in its table or in quarantine."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from attacks import attack, equal_to_what_was_read, finished
from shell import write
from spots import Servers, spot

SOURCE = """
CREATE TABLE a (id INTEGER PRIMARY KEY, at TIMESTAMP UNIQUE);
CREATE TABLE b (id INTEGER PRIMARY KEY, a INTEGER REFERENCES a, up INTEGER REFERENCES b);
INSERT INTO a VALUES (1, '2024-01-01 10:00:00'), (2, '2024-01-01 10:00:00.0'), (3, '2024-01-02 10:00:00');
INSERT INTO b VALUES (1, 1, NULL), (2, 3, 1), (3, 3, 2), (4, 3, NULL);
"""


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
@pytest.mark.parametrize(("point", "nth"), [("moving", 1), ("moved", 1), ("moved", 3)])
def test_killed_while_moving_rows_aside(kind: str, point: str, nth: int, tmp_path: Path, servers: Servers) -> None:
    write(tmp_path / "in.sqlite", SOURCE)
    place = spot(kind, tmp_path, servers)
    settings = {"source": f"sqlite:///{tmp_path / 'in.sqlite'}", "target": place.url, "on_violation": "quarantine"}
    killed = attack(**settings, point=point, nth=nth)
    assert killed.returncode == -signal.SIGKILL, killed.stderr[-2000:]
    equal_to_what_was_read(finished(settings))
    # Both spellings of one moment go, then what refers to them, then what refers to that.
    assert place.ask("SELECT id FROM a") == [(3,)]
    assert place.ask("SELECT id FROM b ORDER BY 1") == [(4,)]
