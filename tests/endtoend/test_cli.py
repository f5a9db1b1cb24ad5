"""The command line as a person uses it: in a process of its own, judged by its exit status and its words."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

import ropeway
from ropeway.cli.app import app
from ropeway.cli.sums import sums
from shell import TARGET, Shell, ask, write


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != ".ropeway")


# What is refused, and how


@pytest.mark.parametrize(
    ("source", "status", "words"),
    [
        ("shop.sqlite", 2, "This is not a URL"),
        ("sqlit:///shop.sqlite", 2, "Did you mean sqlite://?"),
        ("sqlite:///none.sqlite", 3, "There is no SQLite file none.sqlite"),
        ("postgresql://me:hunter2@127.0.0.1:1/shop", 3, "127.0.0.1"),
        ("postgresql://me:hunt@er2@h/shop", 2, "has an '@'"),
        ("postgresql://me:${NO_SUCH_NAME}@h/shop", 2, "NO_SUCH_NAME"),
    ],
)
def test_a_wrong_source(shell: Shell, source: str, status: int, words: str) -> None:
    message = shell.refused("run", "--source", source, *TARGET, status=status)
    assert words in message
    assert "hunter2" not in message
    assert "er2@" not in message
    assert files(shell.folder) == []


def test_a_folder_that_is_not_there(shell: Shell, source: tuple[str, str]) -> None:
    assert "There is no folder" in shell.refused("run", *source, "--target", "sqlite:///none/out.sqlite")


def changed(tmp_path: Path, code: str) -> dict[str, str]:
    """An environment in which Python runs some code before all else."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(code)
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])}


def test_a_missing_driver_names_the_extra(shell: Shell, tmp_path: Path) -> None:
    environment = changed(tmp_path, "import sys\nsys.modules['pymysql'] = None\n")
    done = shell("inspect", "mysql://h/d", status=2, environment=environment)
    assert "pip install 'ropeway[mysql]'" in done.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--table", "Albun"], ["'Albun'", "Did you mean Album?"]),
        (["--table", "zzz*"], ["'zzz*'", "Tables there:"]),
        (["--exclude", "zzz*"], ["'zzz*'"]),
        (["--columns", "Album=AlbumId,Titel"], ["'Titel'", "Did you mean Title?"]),
        (["--where", "Album"], ["written as 'table=...'"]),
        (["--query", "SELECT 1"], ["--to"]),
        (["--max-memory", "300MB"], ["384MB", "96MB for each worker"]),
        (["--max-memory", "much"], ["600MB"]),
        (["--workers", "9"], ["864MB"]),
        (["--mode", "append"], ["is not in the target", "--mode create"]),
        (["--target-schema", "x", "none.yaml"], ["none.yaml", "No such file"]),
    ],
)
def test_a_request_that_cannot_be_done(
    shell: Shell, source: tuple[str, str], options: list[str], words: list[str]
) -> None:
    message = shell.refused("run", *source, *TARGET, *options)
    for word in words:
        assert word in message
    assert files(shell.folder) == []


@pytest.mark.parametrize("options", [["--mode", "crate"], ["--limit", "0"], ["--nope"], ["--resume", "--fresh"]])
def test_a_wrong_option(shell: Shell, source: tuple[str, str], options: list[str]) -> None:
    done = shell("run", *source, *TARGET, *options, "--json", status=2)
    assert options[0] in done.stderr
    found = json.loads(done.stdout)
    assert found["exit_status"] == 2
    assert options[0] in found["error"]["message"]


def test_a_wrong_key_in_a_job_file(shell: Shell) -> None:
    (shell.folder / "job.yaml").write_text("source: sqlite:///a\ntarget: sqlite:///b\n\ntabels: []\n")
    assert "job.yaml, line 4: there is no key 'tabels'. Did you mean 'tables'?" in shell.refused("plan", "job.yaml")


def test_a_place_where_a_job_file_is_wanted(shell: Shell) -> None:
    assert "not the URL of a place (sqlite://...)" in shell.refused("run", "sqlite:///in.sqlite")


def test_a_target_that_exists(shell: Shell, source: tuple[str, str]) -> None:
    write(shell.folder / "out.sqlite", "CREATE TABLE album (x)")
    message = shell.refused("run", *source, *TARGET, "--table", "Album")
    assert "exists in the target" in message
    assert "--mode append" in message
    assert ask(shell.folder / "out.sqlite", "SELECT * FROM album") == []


def test_a_type_without_a_rule(shell: Shell) -> None:
    write(shell.folder / "in.sqlite", "CREATE TABLE t (a INTEGER, b TEXT)")
    (shell.folder / "job.yaml").write_text(
        "source: sqlite:///in.sqlite\ntarget: sqlite:///out.sqlite\ntables: [{from: t, types: {b: geometry}}]\n"
    )
    assert "Neutral words: bool" in shell.refused("run", "job.yaml")


def test_a_value_that_does_not_fit(shell: Shell) -> None:
    write(
        shell.folder / "in.sqlite", "CREATE TABLE t (a INTEGER PRIMARY KEY, b INTEGER); INSERT INTO t VALUES (1, 'x')"
    )
    job = "source: sqlite:///in.sqlite\ntarget: sqlite:///out.sqlite\ntables: [{from: t, types: {b: INTEGER}}]\n"
    (shell.folder / "job.yaml").write_text(job)
    message = shell("run", "job.yaml", status=4).stderr
    assert "t.b" in message
    assert "'x'" in message


def test_a_defect_says_so(shell: Shell, source: tuple[str, str], tmp_path: Path) -> None:
    code = "import ropeway.cli.wire as wire\ndef plan(*a, **k): raise KeyError('ouch')\nwire.plan = plan\n"
    environment = changed(tmp_path, code)
    said = shell("plan", *source, *TARGET, status=1, environment=environment).stderr
    assert "defect of Ropeway: KeyError at " in said
    assert "Traceback" in shell("plan", *source, *TARGET, "-v", status=1, environment=environment).stderr


@pytest.mark.parametrize(
    "words",
    [("plan",), ("plan", "-v"), ("plan", "--json"), ("--help",), ("types", "postgresql"), ("inspect", "sqlite:///s")],
)
@pytest.mark.parametrize("lines", [0, 1])
def test_a_reader_that_stops_reading_is_no_defect(shell: Shell, words: tuple[str, ...], lines: int) -> None:
    """As `ropeway plan ... | head -1` does; also where all would have gone into the pipe at once."""
    columns = ", ".join(f"column_{n} VARCHAR({n + 1})" for n in range(400))
    write(shell.folder / "s", f"CREATE TABLE wide ({columns})")
    ends = ("--source", "sqlite:///s", "--target", "duckdb:///d") if words[0] == "plan" else ()
    reading, writing = os.pipe()
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    run = subprocess.Popen(
        shell.command(*words, *ends), cwd=shell.folder, stdout=writing, stderr=subprocess.PIPE, text=True, env=buffered
    )
    os.close(writing)
    with os.fdopen(reading) as read:
        for _ in range(lines):
            assert read.readline()
    _, said = run.communicate()
    short = lines and words[0] in ("--help", "inspect")  # all of it may be in the pipe before its end is closed
    assert run.returncode in ((0, 141) if short else (141,)), said
    assert said == ""


def test_a_pipe_that_breaks_elsewhere_is_no_reader(shell: Shell, tmp_path: Path) -> None:
    code = "import ropeway.cli.wire as wire\ndef types(*a, **k): raise BrokenPipeError('gone')\nwire.types = types\n"
    said = shell("types", "sqlite", status=1, environment=changed(tmp_path, code)).stderr
    assert "BrokenPipeError at " in said


def test_a_failure_keeps_its_status_where_nobody_reads(shell: Shell) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = shell.command("run", "--source", "sqlite:///none.sqlite", "--target", "sqlite:///o", "--json")
    done = subprocess.run(command, cwd=shell.folder, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert done.returncode == 3
    assert "There is no SQLite file" in done.stderr


def test_what_a_driver_raises_is_the_databases_refusal(shell: Shell, source: tuple[str, str], tmp_path: Path) -> None:
    code = (
        "import sqlite3\nimport ropeway.cli.wire as wire\nimport ropeway.transfer.engines.sqlite\n"
        "def plan(*a, **k): raise sqlite3.OperationalError('disk I/O error')\nwire.plan = plan\n"
    )
    said = shell("plan", *source, *TARGET, status=3, environment=changed(tmp_path, code)).stderr
    assert "The database refused: disk I/O error" in said


# Looking


def test_inspect(shell: Shell, source: tuple[str, str]) -> None:
    assert "NVARCHAR(160)" in shell("inspect", source[1], "--table", "Album").stdout
    found = shell.json("inspect", source[1])
    tables = {table["table"]: table for table in found["tables"]}
    assert len(tables) == 11
    assert tables["Album"]["foreign_keys"] == [
        {"columns": ["ArtistId"], "references": "Artist", "referenced": ["ArtistId"]}
    ]
    assert "No table" in shell.refused("inspect", source[1], "--table", "zzz")


def test_types(shell: Shell) -> None:
    assert "64-bit integers only" in shell("types", "sqlite").stdout
    found = shell.json("types", "sqlite")
    assert found["engine"] == "sqlite"
    assert all(rule["native"] and rule["type"] for rule in found["reads"] + found["writes"])
    assert "Did you mean sqlite" in shell.refused("types", "sqlit")


def test_plan_changes_nothing(shell: Shell, source: tuple[str, str]) -> None:
    done = shell("plan", *source, *TARGET, "--sample", "2")
    for words in (
        'CREATE TABLE "Album"',
        'CREATE INDEX "IFK_AlbumArtistId"',
        "way back: DROP TABLE",
        "AC/DC",
        "Lock on",
    ):
        assert words in done.stdout
    assert files(shell.folder) == []
    write(shell.folder / "out.sqlite", "CREATE TABLE t (x)")
    before = (shell.folder / "out.sqlite").read_bytes()
    found = shell.json("plan", *source, *TARGET)
    assert len(found["hops"]) == 11
    assert found["hash"]
    assert (shell.folder / "out.sqlite").read_bytes() == before
    assert files(shell.folder) == ["out.sqlite"]


def test_a_written_plan_is_carried_out_as_it_is(shell: Shell, source: tuple[str, str]) -> None:
    shell("plan", *source, *TARGET, "--table", "Artist", "--out", "p")
    made = ["README.md", "after.sql", "before.sql", "checks.sql", "down.sql", "mapping.md", "plan.json", "plan.sum"]
    assert files(shell.folder / "p") == [*made, "risks.md"]
    assert 'DROP TABLE "Artist"' in (shell.folder / "p" / "down.sql").read_text()
    assert "cannot change it" in shell.refused("run", "p", "--mode", "append")
    found = shell.json("run", "p")
    assert found["run"] == json.loads((shell.folder / "p" / "plan.json").read_text())["run"]
    assert shell.json("verify", "p")["equal"]
    assert "carried out already" in shell.refused("run", "p")


def test_a_written_plan_that_was_changed_is_refused(shell: Shell, source: tuple[str, str]) -> None:
    shell("plan", *source, *TARGET, "--out", "p")
    path = shell.folder / "p" / "plan.json"
    path.write_text(path.read_text().replace("CREATE TABLE", "CREATE  TABLE", 1))
    assert "was changed" in shell.refused("run", "p")
    others = {one.name: one.read_bytes() for one in path.parent.iterdir() if one.name != "plan.sum"}
    path.write_text("{}")
    (path.parent / "plan.sum").write_text(sums({**others, "plan.json": b"{}"}))
    assert "no plan of this version" in shell.refused("run", "p")
    assert "other files" in shell.refused("plan", *source, *TARGET, "--out", ".")


# Moving


def test_run_moves_all_and_proves_it(shell: Shell, source: tuple[str, str]) -> None:
    found = shell.json("run", *source, *TARGET, "--slice-rows", "1000")
    assert list(found) == [
        *(
            "status",
            "run",
            "seconds",
            "rows",
            "waived",
            "sealed",
            "left_out_constraints",
            "quarantined",
            "merged",
            "reshaped",
            "tables",
        )
    ]
    assert (found["status"], found["rows"]) == ("done", 15_607)
    assert len(found["tables"]) == 11
    for table in found["tables"]:
        assert list(table) == [
            *("source", "target", "instant", "read", "loaded", "filtered", "deduplicated", "rejected", "verified"),
            "seconds",
        ]
        assert table["read"] == table["loaded"] + table["filtered"] + table["deduplicated"] + table["rejected"]
        assert table["verified"] == {
            "level": "standard", "claim": "target equals what was read", "reason": "",
            "asked": "the source's own server was asked for no checksum: sqlite computes no checksum of it in SQL",
        }  # fmt: skip
    names = {row[0] for row in ask(shell.folder / "out.sqlite", "SELECT name FROM sqlite_schema WHERE type = 'table'")}
    assert {"Album", "Track", "ropeway_run"} <= names


def test_what_comes_after_a_run(shell: Shell, source: tuple[str, str]) -> None:
    run = shell.json("run", *source, *TARGET)["run"]
    assert f"Run {run} done" in shell("status").stdout
    assert shell.json("status", run)["rows"] == 15_607
    assert shell.json("status", *TARGET)["runs"][0]["state"] == "done"
    assert shell.json("report")["run"] == run
    told = shell("report", run, "--html", "r.html").stdout
    assert "15,607 rows" in told
    assert told.count("11 tables: the source's own server was asked for no checksum: sqlite computes no") == 1
    page = (shell.folder / "r.html").read_text()
    assert "<svg" in page
    assert not re.search("https?:", page)
    assert "no folder nowhere" in shell("report", "--html", "nowhere/r.html", status=2).stderr
    found = shell.json("verify", *source, *TARGET)
    assert found["equal"]
    assert {table["claim"] for table in found["tables"]} == {"target equals what was read"}
    assert shell.json("verify", *source, *TARGET, "--level", "count")["tables"][0]["claim"] == "counts equal"
    assert "is done" in shell("clean", run).stdout
    assert "No run none" in shell.refused("report", "none")


def test_verify_finds_a_changed_value(shell: Shell, source: tuple[str, str]) -> None:
    shell("run", *source, *TARGET, "--table", "Artist", "-q")
    write(shell.folder / "out.sqlite", "UPDATE Artist SET Name = 'AC-DC' WHERE ArtistId = 1")
    done = shell("verify", *source, *TARGET, "--table", "Artist", "--json", status=5)
    found = json.loads(done.stdout)  # one object, though the command failed
    assert (found["equal"], found["tables"][0]["claim"]) == (False, "different")
    assert "1 of 1 tables differ" in done.stderr


def test_verify_without_a_run(shell: Shell, source: tuple[str, str]) -> None:
    assert "nothing to verify" in shell.refused("verify", *source, *TARGET)


def test_rows_columns_and_limit(shell: Shell, source: tuple[str, str]) -> None:
    options = [
        "--table",
        "Album",
        "--table",
        "Artist",
        "--where",
        "Album=AlbumId <= 10",
        "--columns",
        "Album=AlbumId,Title",
    ]
    shell("run", *source, *TARGET, *options)
    assert ask(shell.folder / "out.sqlite", "SELECT count(*), max(AlbumId) FROM Album") == [(10, 10)]
    assert ask(shell.folder / "out.sqlite", "SELECT count(*) FROM Artist") == [(275,)]
    assert [row[1] for row in ask(shell.folder / "out.sqlite", "PRAGMA table_info(Album)")] == ["AlbumId", "Title"]
    few = ["--table", "Genre", "--table", "[AM]*t*", "--exclude", "Album", "--limit", "7"]
    found = shell.json("run", *source, "--target", "sqlite:///few.sqlite", *few)
    assert {table["source"]: table["loaded"] for table in found["tables"]} == {"Artist": 7, "Genre": 7, "MediaType": 5}


def test_a_query(shell: Shell, source: tuple[str, str]) -> None:
    query = "SELECT AlbumId, Name FROM Album JOIN Artist USING (ArtistId)"
    done = shell("run", *source, *TARGET, "--query", query, "--to", "authors")
    assert "authors: the source's own server was asked for no checksum: " in done.stdout
    assert ask(shell.folder / "out.sqlite", "SELECT Name FROM authors WHERE AlbumId = 1") == [("AC/DC",)]


def test_sql_before_and_after(shell: Shell, source: tuple[str, str]) -> None:
    (shell.folder / "job.yaml").write_text(
        f"""
source: {source[1]}
target: sqlite:///out.sqlite
before: CREATE TABLE log (what TEXT)
after: INSERT INTO log SELECT 'genres ' || count(*) FROM Genre
tables:
  - from: Genre
    before: ["INSERT INTO log VALUES ('table before')"]
    after: ["INSERT INTO log SELECT 'table after ' || count(*) FROM Genre"]
"""
    )
    shell("run", "job.yaml")
    logged = [row[0] for row in ask(shell.folder / "out.sqlite", "SELECT what FROM log ORDER BY rowid")]
    assert logged == ["table before", "table after 25", "genres 25"]


def test_progress_is_told_on_standard_error(shell: Shell, source: tuple[str, str]) -> None:
    done = shell("run", *source, *TARGET)
    assert "11 tables in 11 slices" in done.stderr
    assert "15,607 rows durable" in done.stderr
    assert shell("run", *source, "--target", "sqlite:///b.sqlite", "-q").stderr == ""


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_does_not_matter(shell: Shell, source: tuple[str, str], tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    done = Shell(closed)("run", *source, "--target", f"sqlite:///{tmp_path / 'out.sqlite'}")
    assert "are not kept" in done.stderr


def test_a_ropeway_that_is_a_file_does_not_matter(shell: Shell, source: tuple[str, str]) -> None:
    (shell.folder / ".ropeway").write_text("")
    assert "are not kept" in shell("run", *source, *TARGET).stderr


# Secrets


def test_a_password_is_never_printed(shell: Shell, source: tuple[str, str]) -> None:
    secret = "hunter2-in-full"
    url = source[1].replace("sqlite:///", f"sqlite://me:{secret}@h/")
    said = []
    for words in (
        ["plan", "--source", url, *TARGET, "--out", "p"],
        ["plan", "--source", url, *TARGET, "--json"],
        ["run", "--source", url, *TARGET, "--json", "-v"],
        ["report", "--html", "r.html"],
        ["status"],
        ["status", *TARGET],
        ["verify", "--source", url, *TARGET],
        ["inspect", url],
    ):
        done = shell(*words)
        said += [done.stdout, done.stderr]
    assert "can be read in the process list" in said[1]
    assert "${NAME}" in said[1]
    kept = [path.read_bytes() for path in shell.folder.rglob("*") if path.is_file()]
    assert len(kept) >= 9
    assert not [text for text in [*said, *(raw.decode("utf-8", "replace") for raw in kept)] if secret in text]


# The rest


def test_help_loads_no_engine_and_every_command_has_examples(shell: Shell) -> None:
    done = shell("--help", environment={**os.environ, "PYTHONPROFILEIMPORTTIME": "1"})
    listed = done.stdout
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "ropeway.cli.app" in loaded
    # They take a second of processor time together; help takes 0.2 without them.
    assert not loaded & {"pyarrow", "numpy", "polars", "duckdb", "psycopg", "pymysql", "ropeway.transfer.engines"}
    told = ("inspect", "plan", "run", "verify", "status", "report", "types", "bench", "rollback", "clean", "demo")
    for command in told:
        assert command in listed
        said = CliRunner().invoke(app, [command, "--help"], prog_name="ropeway").stdout
        assert f"ropeway {command}" in said
        assert "Examples:" in said
        assert "--json" in said


def test_version(shell: Shell) -> None:
    assert shell("--version").stdout.startswith("ropeway ")


def test_completion(shell: Shell) -> None:
    asked = {"_ROPEWAY_COMPLETE": "complete_bash", "COMP_WORDS": "ropeway ver", "COMP_CWORD": "1"}
    assert shell(environment={**os.environ, **asked}).stdout.strip() == "verify"


def test_a_closed_pipe_is_no_error(shell: Shell, source: tuple[str, str]) -> None:
    words = " ".join(f"'{word}'" for word in shell.command("plan", *source, *TARGET))
    done = subprocess.run(["sh", "-c", f"{words} | head -1"], capture_output=True, text=True, check=False)
    assert done.stdout.startswith("Plan ")
    assert "Traceback" not in done.stderr
    assert "defect" not in done.stderr


def test_demo(shell: Shell) -> None:
    found = shell.json("demo", "--rows", "2000")
    assert found["equal"]
    gone = sum(table["deduplicated"] for table in found["runs"][2]["tables"])
    assert [run["rows"] for run in found["runs"]] == [1100, 900, 2000 - gone]
    assert gone > 0
    done = shell("demo", "--rows", "1000")  # again, in place of the first
    assert "rows of 24 tables" in done.stdout
    assert "customers that both knew became one" in done.stdout
    assert "the target equals what was read" in done.stdout
    assert "<svg" in (shell.folder / "ropeway-demo" / "report.html").read_text()


def test_demo_leaves_other_files_alone(shell: Shell) -> None:
    (shell.folder / "ropeway-demo").mkdir()
    (shell.folder / "ropeway-demo" / "mine").write_text("")
    assert "holds other files" in shell.refused("demo")
    assert files(shell.folder / "ropeway-demo") == ["mine"]
    assert "no schemas" in shell.refused("demo", *TARGET)


def test_bench(shell: Shell, source: tuple[str, str]) -> None:
    found = shell.json("bench", *source, *TARGET, "--table", "Track", "--table", "Album", "--plot", "s.svg")
    assert [(part["part"], part["rows"]) for part in found["parts"]] == [
        ("whole", 3850),
        ("reader", 3850),
        ("loader", 3850),
    ]
    assert "bottleneck" in found["bottleneck"]
    assert (shell.folder / "s.svg").read_text().startswith("<svg")
    assert shell.json("inspect", TARGET[1])["tables"] == []
    assert shell.json("status", *TARGET)["runs"] == []
    assert "No table of the source matches 'none'" in shell.refused("bench", *source, *TARGET, "--table", "none")


def test_the_library_says_the_same_words(source: tuple[str, str], tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'out.sqlite'}"
    job = ropeway.job(source=source[1], target=url, tables=[{"from": "Album"}, {"from": "Artist"}])
    plan = ropeway.plan(job.request, job.secrets)
    assert ropeway.sample(plan, 1, job.secrets)[plan.hops[0].name].num_rows == 1
    outcome = ropeway.run(plan, job.secrets, limits=job.limits)
    assert outcome.report
    assert [table.claim for table in outcome.report.tables] == ["target equals what was read"] * 2
    assert ropeway.verify(job.request, level="count").equal
    assert [(one.run, one.state) for one in ropeway.status(url)] == [(plan.run, "done")]
    assert len(ropeway.inspect(url)) == 2
    assert len(ropeway.clean(plan.run, url, undo=True).statements) == 3
    assert ropeway.inspect(url) == []
