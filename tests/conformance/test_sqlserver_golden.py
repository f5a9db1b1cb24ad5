"""All SQL that a run asks of SQL Server, in a file: what only a real server can judge is to change on purpose.

ROPEWAY_GOLDEN=write writes the file anew.
"""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlglot
from sqlglot import exp

from moves import moved, requested
from ropeway.cli import wire
from ropeway.transfer.engines import engine_of
from ropeway.transfer.engines.sqlserver.lines import ArrowLine
from ropeway.transfer.engines.sqlserver.session import SqlServerSession
from ropeway.transfer.place import resolve
from spots import Servers, spot

GOLDEN = Path(__file__).parents[1] / "golden" / "sqlserver.sql"
NATIVES = (
    "bit", "tinyint", "bigint", "decimal(12,2)", "money", "real", "float", "char(4)", "varchar(8000)", "nvarchar(9)",
    "nvarchar(max)", "text", "binary(4)", "varbinary(max)", "uniqueidentifier", "date", "time(7)", "datetime",
    "smalldatetime", "datetime2(3)", "datetime2(7)", "datetimeoffset(7)", "xml", "hierarchyid", "geometry",
    "sql_variant", "rowversion",
)  # fmt: skip
# What sqlglot keeps as words.
PLAIN = re.compile(r"(SET|EXEC|IF|BEGIN|COMMIT|ROLLBACK|CREATE DATABASE|DROP DATABASE)\b")


def asked(monkeypatch: pytest.MonkeyPatch, source: str, *, act: Any) -> list[str]:
    """The statements that reach the drivers while `act` goes on, each once, without what is of one day only."""
    heard: dict[str, None] = {}

    def listen(kind: type, method: str) -> None:
        right = getattr(kind, method)

        def listening(self: Any, sql: str, *more: Any) -> Any:
            heard[re.sub(r"_[0-9a-f]{8}\b", "_12345678", sql.replace(source, "shop"))] = None
            return right(self, sql, *more)

        monkeypatch.setattr(kind, method, listening)

    for kind, methods in ((SqlServerSession, ("ask", "execute")), (ArrowLine, ("ask", "execute", "batches"))):
        for method in methods:
            listen(kind, method)
    act()
    return [re.sub(r"N'[^']*[/\\][^']*\.ss'", "N'/data/shop.ss'", one) for one in heard]


def test_all_sql_of_a_run(tmp_path: Path, servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = spot("sqlserver", tmp_path, servers), spot("duckdb", tmp_path, servers)
    listed = ", ".join(f"[{native.partition('(')[0]}{at}] {native}" for at, native in enumerate(NATIVES))
    source.ask("CREATE PARTITION FUNCTION f (int) AS RANGE LEFT FOR VALUES (2)")
    source.ask("CREATE PARTITION SCHEME s AS PARTITION f ALL TO ([PRIMARY])")
    source.ask(f"CREATE TABLE t (id int PRIMARY KEY, {listed}) ON s (id)")
    source.ask("INSERT INTO t (id) VALUES (1), (2), (3)")

    def act() -> None:
        moved(source, target, slice_rows=2)
        request, secrets = requested(source, target, slice_rows=2)
        assert wire.verify(request, level="full", secrets=secrets).equal
        isolated = resolve(request.source, secrets.source)
        isolated = replace(isolated, options={**isolated.options, "snapshot": "no"})
        plan = wire.plan(request=replace(request, mode="append"), secrets=secrets)
        engine_of("sqlserver").open(isolated, plan.hops, "run", 2).close()

    found = asked(monkeypatch, source.url.rpartition("/")[2].partition("?")[0], act=act)
    text = "".join(f"{one}\n;\n" for one in found)
    if os.environ.get("ROPEWAY_GOLDEN") == "write":
        GOLDEN.write_text(text, encoding="utf-8")
    assert set(text.split("\n;\n")) == set(GOLDEN.read_text(encoding="utf-8").split("\n;\n"))


def test_another_parser_takes_all_of_it() -> None:
    for sql in GOLDEN.read_text(encoding="utf-8").split("\n;\n"):
        if sql and not PLAIN.match(sql):
            (tree,) = sqlglot.parse(sql, read="tsql")
            assert isinstance(tree, exp.Query), sql
