"""Output that is closed, full or unread stops no run, and is told of on the other stream."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from shell import TARGET, Done, Shell, ask, write

RUN = ("run", "--source", "sqlite:///in.sqlite", *TARGET)
FULL = "No space left on device"


@pytest.fixture
def here(shell: Shell) -> Shell:
    write(shell.folder / "in.sqlite", "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT); INSERT INTO t VALUES (1, 'ü')")
    return shell


def through(shell: Shell, words: Sequence[str], redirected: str) -> Done:
    """A command whose streams a real shell has redirected; its output is in the files `o` and `e`."""
    script = f'exec "$@" > o 2> e {redirected}'
    done = subprocess.run(
        ["sh", "-c", script, "sh", *shell.command(*words)], cwd=shell.folder, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.stdout + done.stderr == ""
    assert "Traceback" not in (shell.folder / "e").read_text()
    return done


def rows(folder: Path) -> list[tuple[int, str]]:
    return ask(folder / "out.sqlite", "SELECT * FROM t")


@pytest.mark.parametrize(
    ("redirected", "json", "said"),
    [
        (">&-", False, ""),
        ("2>&-", False, ""),
        ("<&- >&- 2>&-", True, ""),
        ("2>/dev/full", True, ""),
        (">/dev/full", False, FULL),
        (">/dev/full", True, FULL),
        (">/dev/full 2>/dev/full", False, ""),
    ],
)
def test_a_run_goes_on_without_its_streams(here: Shell, redirected: str, json: bool, said: str) -> None:
    done = through(here, (*RUN, *(("--json",) if json else ())), redirected)
    assert done.returncode == 0
    assert rows(here.folder) == [(1, "ü")]
    assert here.json("status", "--target", TARGET[1])["runs"][0]["state"] == "done"
    if said:
        words = (here.folder / "e").read_text()
        (report,) = here.folder.glob(".ropeway/*/report.json")
        assert f"could not be written: {said}. Run {report.parent.name} is done. Its report: " in words
        assert f".ropeway/{report.parent.name}/report.json" in words


def test_a_run_that_nobody_reads_keeps_its_status(here: Shell) -> None:
    with here.start(*RUN, "-v") as running:
        assert running.stdout
        assert running.stderr
        running.stdout.close()  # before it has said anything
        said = running.stderr.read()
    assert running.returncode == 0
    assert "nobody reads it. Run " in said
    assert rows(here.folder) == [(1, "ü")]


@pytest.mark.parametrize("words", [("types", "sqlite"), ("--help",), ("inspect", "sqlite:///in.sqlite", "--json")])
def test_a_result_that_is_all_that_was_asked_for_fails(here: Shell, words: tuple[str, ...]) -> None:
    assert through(here, words, ">/dev/full").returncode == 3
    assert f"Error: The result could not be written: {FULL}." in (here.folder / "e").read_text()


def test_a_wrong_option_is_one_also_where_it_cannot_be_said(here: Shell) -> None:
    assert through(here, ("run", "--nope"), "2>/dev/full").returncode == 2
    assert through(here, ("run", "--source", "nowhere", *TARGET), ">&- 2>&-").returncode == 2


def test_a_file_that_cannot_be_written_is_no_defect(here: Shell) -> None:
    here(*RUN)
    said = here("report", "--html", "/dev/full", status=3).stderr
    assert f"Error: A file could not be written: {FULL}." in said


def test_a_stream_of_few_letters_gets_all_that_it_can_show(here: Shell) -> None:
    write(here.folder / "in.sqlite", 'CREATE TABLE "größe" (a INTEGER PRIMARY KEY)')
    command = ["env", "PYTHONIOENCODING=ascii", *here.command("inspect", "sqlite:///in.sqlite")]
    assert "gr\\xf6\\xdfe" in subprocess.run(command, cwd=here.folder, capture_output=True, check=True).stdout.decode()
    found = subprocess.run([*command, "--json"], cwd=here.folder, capture_output=True, check=True).stdout
    assert {one["table"] for one in json.loads(found)["tables"]} == {"t", "größe"}
