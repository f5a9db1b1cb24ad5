"""`--metrics FILE`, as Prometheus' own parser reads it: during a run, of its end, and of names that mean harm."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ropeway.cli.metrics import STATES, Metrics
from shell import TARGET, Shell, write

Samples = dict[tuple[str, str], float]
NAMES = ('say "x"', "back\\slash", "two\nlines", "a\\nb", "{} , = #", "\x1b[2J", "plain")
SOURCE = ("--source", "sqlite:///in.sqlite")


def read(file: Path) -> tuple[Samples, str, dict[str, str]]:
    """(name, target) to number; the state; the type of each family."""
    samples: Samples = {}
    state, kinds = "", dict[str, str]()
    for family in text_string_to_metric_families(file.read_text(encoding="utf-8")):
        assert family.documentation
        kinds[family.name] = family.type
        for one in family.samples:
            if one.name == "ropeway_run_state":
                state = one.labels["state"] if one.value else state
            key = (one.name, one.labels.get("target", one.labels.get("state", "")))
            assert key not in samples
            samples[key] = one.value
            assert family.type != "counter" or one.name.endswith("_total")
    return samples, state, kinds


def filled(folder: Path, names: tuple[str, ...] = NAMES) -> None:
    for name in names:
        quoted = '"' + name.replace('"', '""') + '"'
        counted = "WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 9)"
        write(folder / "in.sqlite", f"CREATE TABLE {quoted} (id INTEGER PRIMARY KEY, n INTEGER);"
              f"INSERT INTO {quoted} {counted} SELECT n, n FROM s;")  # fmt: skip


def test_a_run(tmp_path: Path) -> None:
    shell, file = Shell(tmp_path), tmp_path / "ropeway.prom"
    filled(tmp_path)
    done = shell.json("run", *SOURCE, *TARGET, "--slice-rows", "4", "--metrics", "ropeway.prom")
    samples, state, kinds = read(file)
    assert state == "done"
    for name in NAMES:
        for figure in ("moving", "durable", "read", "loaded"):
            assert samples[f"ropeway_rows_{figure}_total", name] == 9, (figure, name)
        for figure in ("rejected", "filtered", "deduplicated"):
            assert samples[f"ropeway_rows_{figure}_total", name] == 0
        assert samples["ropeway_slices", name] == samples["ropeway_slices_landed_total", name] > 1
        assert samples["ropeway_bytes_durable_total", name] > 0
        assert samples["ropeway_table_verified", name] == 1
    started, ended = (samples[f"ropeway_run_{one}_timestamp_seconds", ""] for one in ("started", "ended"))
    assert 0 < started <= ended <= samples["ropeway_run_written_timestamp_seconds", ""]
    assert samples["ropeway_run_tables", ""] == len(NAMES)
    assert set(kinds.values()) == {"counter", "gauge"}
    assert f'run="{done["run"]}"' in file.read_text()
    assert [path.name for path in tmp_path.iterdir() if "prom" in path.name] == ["ropeway.prom"]
    assert file.stat().st_mode & 0o444 == 0o444


def test_rejected_and_filtered_rows_and_a_run_that_is_taken_up_again(tmp_path: Path) -> None:
    shell, file = Shell(tmp_path), tmp_path / "m.prom"
    filled(tmp_path, ("plain",))
    write(tmp_path / "out.sqlite", "CREATE TABLE plain (id INTEGER PRIMARY KEY, n INTEGER, CHECK (n <> 9));")
    (tmp_path / "job.yaml").write_text(
        "source: sqlite:///in.sqlite\ntarget: sqlite:///out.sqlite\nmode: truncate\nslice_rows: 3\n"
        "tables:\n  - from: plain\n    transforms: [{filter: n <> 5}]\n"
    )
    shell("run", "job.yaml", "--metrics", "m.prom", status=4)
    samples, state, _ = read(file)
    assert state == "failed"
    before = samples["ropeway_rows_durable_total", "plain"]
    assert before < 8
    shell("run", "job.yaml", "--metrics", "m.prom", "--resume", "--max-rejects", "1")
    samples, state, _ = read(file)
    assert state == "done"
    figures = {
        name: samples[f"ropeway_rows_{name}_total", "plain"] for name in ("read", "loaded", "rejected", "filtered")
    }
    assert figures == {"read": 9, "loaded": 7, "rejected": 1, "filtered": 1}
    assert samples["ropeway_rows_moving_total", "plain"] >= samples["ropeway_rows_durable_total", "plain"] == 7


def test_a_blocked_plan_and_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    filled(tmp_path, ("plain",))
    shell("run", *SOURCE, *TARGET, "--table", "nothing", "--metrics", "m.prom", status=2)
    assert read(tmp_path / "m.prom")[1] == "failed"
    assert "no folder" in shell("run", *SOURCE, *TARGET, "--metrics", "absent/m.prom", status=2).stderr


def test_the_file_is_whole_at_each_moment(tmp_path: Path) -> None:
    """Read as often as can be while it is written: never half of it, and it goes on while nothing moves."""
    file = tmp_path / "m.prom"
    metrics = Metrics(file, every=0.001)
    seen = set[float]()
    end = time.monotonic() + 20
    while len(seen) < 30 and time.monotonic() < end:
        text = file.read_text()
        assert text.endswith("\n")
        assert len(re.findall("^ropeway_run_state{", text, re.MULTILINE)) == len(STATES)
        samples, state, _ = read(file)
        assert state == "planning"
        seen.add(samples["ropeway_run_written_timestamp_seconds", ""])
    metrics.close("interrupted")
    assert read(file)[1] == "interrupted"
    assert len(seen) == 30


def test_a_file_that_cannot_be_written_is_said_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "m.prom").mkdir()
    metrics = Metrics(tmp_path / "m.prom", every=0.001)
    time.sleep(0.05)
    metrics.close("failed")
    assert capsys.readouterr().err.count("metrics are not kept") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["m.prom"]


def test_status_follows_a_run_by_both_figures(tmp_path: Path) -> None:
    """From another process, until the run ends; the same figures as in its metrics."""
    shell = Shell(tmp_path)
    rows = "WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 4000)"
    write(tmp_path / "in.sqlite", f"CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t {rows} SELECT n FROM s;")
    slow = ("--slice-rows", "500", "--throttle", "1500rows/s", "--metrics", "m.prom")
    run = shell.start("run", *SOURCE, *TARGET, *slow)
    try:
        while not list(tmp_path.glob(".ropeway/*/events.jsonl")):
            assert run.poll() is None
            time.sleep(0.02)
        lines = shell("status", "--follow").stdout.splitlines()
    finally:
        _, told = run.communicate(timeout=60)
    assert run.returncode == 0, told
    figures = [tuple(int(one.replace(",", "")) for one in re.findall(r"([\d,]+) (?:rows moving|durable)", line))
               for line in lines]  # fmt: skip
    assert figures == sorted(figures)
    assert all(moving >= durable for moving, durable in figures)
    assert len(set(figures)) > 1
    assert figures[-1] == (4000, 4000)
    assert " done " in lines[-1]
    (table,) = shell.json("status")["tables"]
    assert (table["moving"], table["durable"], table["slices"]) == (4000, 4000, table["landed"])
    samples, _, _ = read(tmp_path / "m.prom")
    assert samples["ropeway_rows_moving_total", "t"] == samples["ropeway_rows_durable_total", "t"] == 4000
