"""A condition of the user's that is no whole one is refused before it becomes a part of other SQL."""

from __future__ import annotations

from pathlib import Path

import pytest

from moves import moved, refusal
from ropeway.transfer.request import Choice
from spots import MYSQL_FAMILY, SQL_ENGINES, Servers, spot

REFUSED = {
    "id < 2) OR (1 = 1": "closes a parenthesis that it did not open",
    "(id < 2": "opens a parenthesis that it does not close",
    "id < 2;": "semicolon",
    "id < 2 -- the first": "comment to the end of its line",
    "id < 2 /* the first": "not closed",
    "v = 'a": "not closed",
}
# What looks like it and is not: in quotes, in comments, in names.
TAKEN = ("v <> ') OR (1 = 1' AND id < 2", "id < /* ) -- */ 2", "(id < 2) -- the first\n", "v <> ';' AND (id) < (2)",
         "v <> '--' AND id < 2")  # fmt: skip
OWN = {"postgresql": r"v <> E'\') (' AND v <> $$($$ AND id < 2", "mysql": r"v <> '\') (' AND id < 2",
       "mariadb": r"v <> '\') (' AND id < 2", "oracle": "v <> q'[') (]' AND id < 2",
       "duckdb": "v <> $$)$$ AND id < 2", "sqlite": "v <> '''(' AND id < 2"}  # fmt: skip


@pytest.mark.parametrize("engine", [*SQL_ENGINES, "oracle"])
def test_a_condition_stays_within_its_parentheses(engine: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot(engine, tmp_path, servers), spot("sqlite", tmp_path, servers)
    name = "T" if engine == "oracle" else "t"
    kind = "VARCHAR2(9)" if engine == "oracle" else "varchar(9)"
    source.ask(f"CREATE TABLE t (id int PRIMARY KEY, v {kind})")
    source.ask("INSERT INTO t VALUES (1, 'a'), (2, 'a'), (3, 'b')")
    for condition, why in REFUSED.items():
        assert why in refusal(source, target, choices=(Choice(name, where=condition),))
    if engine in MYSQL_FAMILY:
        assert "its line" in refusal(source, target, choices=(Choice(name, where="id < 2 # the first"),))
    said = refusal(source, target, choices=(Choice(query="SELECT id FROM t) q, (SELECT 1 FROM t", to="q"),))
    assert "closes a parenthesis" in said
    every = " AND ".join(f"({condition})" for condition in (*TAKEN, OWN[engine]))
    moved(source, target, choices=(Choice(name, where=every, to="t"),), level="count")
    assert target.ask("SELECT CAST(id AS int) FROM t") == [(1,)]
