"""Blockers through the command line: the plan is shown, the run is refused, a waiver lets it go."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from servers import Mariadb
from shell import Shell, write


@pytest.fixture
def ends(shell: Shell, mariadb: Mariadb) -> tuple[str, ...]:
    """Rows to append to a table of an engine that knows no transactions."""
    url = mariadb.database()
    with mariadb.connect(database=url.rpartition("/")[2], autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE t (id bigint PRIMARY KEY) ENGINE=MyISAM")
    write(shell.folder / "in.sqlite", "CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1), (2)")
    return "--source", "sqlite:///in.sqlite", "--target", url, "--mode", "append"


def test_a_blocker_stops_the_run_until_it_is_waived(shell: Shell, ends: tuple[str, ...]) -> None:
    found = shell.json("plan", *ends)["findings"]
    assert set(found[0]) == {"grade", "name", "where", "message", "remedy"}
    assert (found[0]["grade"], found[0]["name"]) == ("blocker", "not-innodb")
    assert "blocker" not in {one["grade"] for one in found[1:]}
    assert shell.json("run", *ends, status=2)["error"]["findings"] == [found[0]]
    said = shell.refused("run", *ends)
    assert "1 blocker" in said
    assert "--waive not-innodb" in said
    assert "Did you mean not-innodb?" in shell.refused("run", *ends, "--waive", "no-innodb")
    assert "blocker, waived" in shell("plan", *ends, "--waive", "not-innodb").stdout
    outcome = shell.json("run", *ends, "--waive", "not-innodb")
    assert (outcome["rows"], outcome["waived"]) == (2, ["not-innodb"])
    report = shell.json("report")
    assert [one["name"] for one in report["findings"] if one["waived"]] == ["not-innodb"]
    assert "Waived: not-innodb" in shell("report", "--html", "report.html").stdout
    assert "blocker, waived" in (shell.folder / "report.html").read_text()


def test_a_job_file_waives_and_a_written_plan_keeps_the_waiver(shell: Shell, ends: tuple[str, ...]) -> None:
    keys = dict(zip(("source", "target", "mode"), ends[1::2], strict=True))
    Path(shell.folder / "job.yaml").write_text(json.dumps({**keys, "waive": "not-innodb"}))
    shell("plan", "job.yaml", "--out", "p")
    assert json.loads((shell.folder / "p" / "plan.json").read_text())["waived"] == ["not-innodb"]
    assert "cannot change it" in shell.refused("run", "p", "--waive", "no-key")
    assert shell.json("run", "p", "--target", ends[3])["rows"] == 2


def test_a_plan_says_how_it_is_undone(shell: Shell, ends: tuple[str, ...]) -> None:
    copy = "reversible with data copy"
    said = shell.json("plan", *ends)
    assert said["rollback"]["class"] == copy
    assert said["rollback"]["rows"] == [{"table": "t", "class": copy, "why": "by the staging table"}]
    assert [one["name"] for one in said["rollback"]["statements"]] == [one["name"] for one in said["statements"]]
    (published,) = [one for one in said["rollback"]["statements"] if "publish into t" in one["name"]]
    assert (published["class"], published["why"]) == (copy, "its rows are known by the staging table")
    assert said["estimate"]["downtime"].startswith("Writers may go on")
    assert f"\n  as a whole {copy}\n" in shell("plan", *ends).stdout
    assert f"    {copy}: its rows are known by the staging table\n" in shell("plan", *ends, "-v").stdout
