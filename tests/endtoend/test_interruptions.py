"""Runs that are stopped, by whatever: what is left is known, taken up again, or undone."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable

import pytest

from shell import TARGET, Shell, ask, write

ROWS = 200_000


@pytest.fixture
def big(shell: Shell) -> tuple[str, ...]:
    """A job that takes some seconds, in slices of some hundredths."""
    write(
        shell.folder / "big.sqlite",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, amount DECIMAL(12,2));"
        f"WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < {ROWS}) "
        "INSERT INTO t SELECT x, 'row number ' || x, x / 100.0 FROM c;",
    )
    return ("--source", "sqlite:///big.sqlite", *TARGET, "--slice-rows", "2500")


def stopped(shell: Shell, stop: Callable[[subprocess.Popen[str]], None], *words: str) -> tuple[int, str]:
    """Start a run, stop it once some slices have landed; its status and what it said."""
    process = shell.start("run", *words)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        lines = [
            line for path in shell.folder.glob(".ropeway/*/events.jsonl") for line in path.read_text().splitlines()
        ]
        if sum('"landed"' in line for line in lines) >= 3:
            break
        time.sleep(0.02)
    assert process.poll() is None, process.communicate()
    stop(process)
    _, said = process.communicate(timeout=60)
    return process.returncode, said


def assert_whole(shell: Shell) -> None:
    found = ask(shell.folder / "out.sqlite", "SELECT count(*), count(DISTINCT id), sum(id) FROM t")
    assert found == [(ROWS, ROWS, ROWS * (ROWS + 1) // 2)]


def test_a_killed_run_is_taken_up_again(shell: Shell, big: tuple[str, ...]) -> None:
    status, _ = stopped(shell, lambda process: process.kill(), *big)
    assert status == -signal.SIGKILL
    assert shell.json("status")["status"] == "killed"
    message = shell.refused("run", *big)
    assert "did not end" in message
    assert "--resume" in message
    assert "did not end" in shell.refused("verify", *big)
    run, other = shell.json("status")["run"], shell.refused("run", *big[:-1], "3000", "--resume")
    assert f"{run}, begun 2" in other
    assert "sqlite:///big.sqlite to t, --slice-rows 2500" in other
    assert f"ropeway clean {run} --target URL" in other
    found = shell.json("run", *big, "--resume")
    assert (found["rows"], found["tables"][0]["read"]) == (ROWS, ROWS)
    assert_whole(shell)
    assert "No run of this job is unfinished" in shell.refused("run", *big, "--resume")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_run_after_its_slices(shell: Shell, big: tuple[str, ...], number: signal.Signals) -> None:
    status, said = stopped(shell, lambda process: process.send_signal(number), *big)
    assert status == 130
    assert "--resume" in said
    found = shell.json("status")
    assert found["status"] == "interrupted"
    assert found["rows"] == ask(shell.folder / "out.sqlite", "SELECT count(*) FROM t")[0][0]
    shell("run", *big, "--resume")
    assert_whole(shell)


def test_a_second_signal_ends_a_run_at_once(shell: Shell, big: tuple[str, ...]) -> None:
    def twice(process: subprocess.Popen[str]) -> None:
        process.send_signal(signal.SIGSTOP)  # so that both signals find it moving
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGCONT)

    status, _ = stopped(shell, twice, *big)
    assert status == 130
    shell("run", *big, "--resume")
    assert_whole(shell)


def test_a_fresh_run_undoes_the_unfinished_one(shell: Shell, big: tuple[str, ...]) -> None:
    stopped(shell, lambda process: process.kill(), *big)
    done = shell("run", *big, "--fresh")
    assert "is undone" in done.stderr
    assert_whole(shell)
    assert [run["state"] for run in shell.json("status", *TARGET)["runs"]] == ["done"]


def test_clean_undoes_an_unfinished_run(shell: Shell, big: tuple[str, ...]) -> None:
    stopped(shell, lambda process: process.kill(), *big)
    run = shell.json("status")["run"]
    listed = shell.json("clean", run, *TARGET)
    assert (listed["state"], listed["removed"]) == ("running", False)
    assert listed["statements"] == [{"what": "undo: create table t", "sql": 'DROP TABLE "t"'}]
    assert ask(shell.folder / "out.sqlite", "SELECT count(*) > 0 FROM t") == [(1,)]
    assert shell.json("clean", run, *TARGET, "--yes")["removed"]
    assert shell.json("inspect", TARGET[1])["tables"] == []
    assert shell.json("status", *TARGET)["runs"] == []
    assert "knows no run" in shell.refused("clean", run, *TARGET)


@pytest.mark.parametrize("undo", [True, False])
def test_clean_after_append_and_replace(shell: Shell, undo: bool) -> None:
    write(
        shell.folder / "in.sqlite", "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES (2, 'new')"
    )
    write(
        shell.folder / "out.sqlite", "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES (1, 'old')"
    )
    job = ("--source", "sqlite:///in.sqlite", *TARGET)
    options = ["--undo"] if undo else []
    for mode, rows in (("append", [(1, "old"), (2, "new")]), ("replace", [(2, "new")])):
        run = shell.json("run", *job, "--mode", mode)["run"]
        assert ask(shell.folder / "out.sqlite", "SELECT * FROM t ORDER BY id") == rows
        assert shell.json("clean", run, *TARGET, "--yes", *options)["statements"]
        assert ask(shell.folder / "out.sqlite", "SELECT * FROM t ORDER BY id") == ([(1, "old")] if undo else rows)
        left = "SELECT name FROM sqlite_schema WHERE name GLOB 'ropeway_2*'"
        assert ask(shell.folder / "out.sqlite", left) == []


def test_a_fresh_run_does_not_append_twice(shell: Shell) -> None:
    rows = "INSERT INTO a VALUES (1), (2); INSERT INTO b VALUES (1)"
    write(shell.folder / "in.sqlite", f"CREATE TABLE a (x INTEGER); CREATE TABLE b (x INTEGER PRIMARY KEY); {rows}")
    write(shell.folder / "out.sqlite", f"CREATE TABLE a (x INTEGER); CREATE TABLE b (x INTEGER PRIMARY KEY); {rows}")
    job = ("--source", "sqlite:///in.sqlite", *TARGET, "--mode", "append", "--workers", "1")
    assert "b.x" in shell("run", *job, status=4).stderr
    assert ask(shell.folder / "out.sqlite", "SELECT count(*) FROM a") == [(4,)]
    assert "a, which has no key" in shell.refused("run", *job, "--fresh")
    run = shell.json("status")["run"]
    assert shell.json("clean", run, *TARGET)["no_way_back"] == ["publish into a"]
    write(shell.folder / "out.sqlite", "DELETE FROM b")
    # The row that stood in the way was there when the run began, so the verification misses it.
    found = shell.json("run", *job, "--resume", status=5)
    assert [table["verified"]["claim"] for table in found["tables"]] == ["target equals what was read", "different"]
    assert ask(shell.folder / "out.sqlite", "SELECT count(*) FROM a") == [(4,)]
