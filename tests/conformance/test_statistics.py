"""Statistics of the tables that rows went to: made last, where the engine keeps some that a query can see."""

from __future__ import annotations

from pathlib import Path

import pytest

import ropeway
from ropeway.transfer.clean import in_order
from shell import write
from spots import PLACES, Servers, Spot, spot

SEEN = {
    "postgresql": "SELECT DISTINCT tablename::text FROM pg_stats WHERE schemaname = 'public' ORDER BY 1",
    "sqlite": "SELECT DISTINCT tbl FROM sqlite_stat1 WHERE tbl NOT LIKE 'ropeway%' ORDER BY 1",
    "mariadb": "SELECT table_name FROM mysql.innodb_table_stats WHERE database_name = database() AND n_rows > 2 "
    "AND table_name NOT LIKE 'ropeway%' ORDER BY 1",
}
SEEN["mysql"] = SEEN["mariadb"]
SEEN["oracle"] = "SELECT LOWER(table_name) FROM all_tables WHERE owner = USER AND num_rows = 3 ORDER BY 1"
WHOLE = {"oracle": "number(19)"}
SAID = {"oracle": "DBMS_STATS", "sqlserver": "UPDATE STATISTICS"}


@pytest.mark.parametrize("engine", PLACES)
@pytest.mark.parametrize("mode", ["create", "append", "replace"])
def test_statistics_come_last(engine: str, mode: str, tmp_path: Path, servers: Servers) -> None:
    write(
        tmp_path / "in.sqlite",
        "CREATE TABLE p (id INTEGER PRIMARY KEY, n INTEGER); CREATE INDEX p_n ON p (n); "
        "INSERT INTO p VALUES (1, 1), (2, 1), (3, 2)",
    )
    target: Spot = spot(engine, tmp_path, servers)
    if mode == "append":
        whole = WHOLE.get(engine, "bigint")
        target.ask(f"CREATE TABLE p (id {whole} PRIMARY KEY, n {whole})")
        target.ask("CREATE INDEX p_n ON p (n)")
    job = ropeway.job(source=f"sqlite:///{tmp_path}/in.sqlite", target=target.url, mode=mode)
    plan = ropeway.plan(job.request, job.secrets)
    last = in_order(plan)[-1]
    assert last.name.split(" ", 1)[1] == f"analyze {plan.hops[0].writes}"
    assert [one for one in plan.statements if SAID.get(engine, "ANALYZE") in one.forward] == [last]
    outcome = ropeway.run(plan, job.secrets)
    assert outcome.left_out == ()
    assert outcome.report
    assert outcome.report.equal
    if engine in SEEN:
        assert target.ask(SEEN[engine]) == [("p",)]


def test_files_have_none(tmp_path: Path) -> None:
    write(tmp_path / "in.sqlite", "CREATE TABLE p (id INTEGER PRIMARY KEY)")
    job = ropeway.job(source=f"sqlite:///{tmp_path}/in.sqlite", target=f"parquet:///{tmp_path}/out")
    assert ropeway.plan(job.request).statements == ()
