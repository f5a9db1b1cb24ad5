"""Runs the benchmarks: Ropeway and its rivals in turn, each repetition kept in a JSON file under results/.

make bench ARGS="--scale 0.1 --scenario 'MariaDB*' --repetitions 3"
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fnmatch import fnmatch
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import data
import duckdb
import psutil
import psycopg
from measure import Command, Measured, measured
from places import MARIADB, POSTGRESQL, Servers
from rivals import Task, file_of, rival
from shapes import SHAPES

HERE = Path(__file__).parent
TARGET = "benchmark_target"
_LIBRARIES = ("duckdb", "pyarrow", "polars", "psycopg", "adbc-driver-postgresql", "PyMySQL", "numpy")


@dataclass(frozen=True)
class Contender:
    """Something that takes part in a scenario; `detail` is what Ropeway was asked for."""

    name: str
    command: Command
    detail: dict[str, Any] = field(default_factory=dict)


def main() -> None:
    given = _arguments()
    scenarios = _chosen(given)
    if given.list:
        print("\n".join(scenario["name"] for scenario in scenarios))
        return
    result = _heading(given)
    path = given.out or HERE / "results" / f"{datetime.now(UTC):%Y-%m-%d-%H%M%S}-{result['commit'][:7]}.json"
    with contextlib.closing(Servers(given.folder)) as servers:
        for scenario in scenarios:
            for scale in given.scale or scenario["scales"]:
                result["scenarios"].append(_scenario(scenario, scale, servers, given))
                result["versions"].update(servers.versions())
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    print(f"\n{path}; 'python benchmarks/report.py {path.name}' makes the table of it")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Compare Ropeway with what one would use instead.")
    parser.add_argument("--scenario", action="append", default=[], help="a glob over names; repeats")
    parser.add_argument("--contender", action="append", default=[], help="a glob over names; repeats")
    parser.add_argument("--scale", action="append", type=float, default=[], help="1 is 6 million rows; repeats")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--warm-up", type=int, default=0, help="repetitions before, which are not kept")
    parser.add_argument("--timeout", type=float, default=900, help="seconds after which a repetition is ended")
    parser.add_argument("--folder", type=Path, default=data.DEFAULT, help="where the data are kept")
    parser.add_argument("--slice-rows", type=int, default=0, help="rows a slice, instead of Ropeway's default")
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--out", type=Path, help="the result's file")
    parser.add_argument("--list", action="store_true", help="name the scenarios and stop")
    return parser.parse_args()


def _chosen(given: argparse.Namespace) -> list[dict[str, Any]]:
    content = tomllib.loads((HERE / "scenarios.toml").read_text())
    everything = [{**content["defaults"], **scenario} for scenario in content["scenario"]]
    patterns = given.scenario or ["*"]
    found = [one for one in everything if any(fnmatch(one["name"].lower(), p.lower()) for p in patterns)]
    if not found:
        sys.exit(f"No scenario matches {', '.join(patterns)}; --list names them.")
    return found


def _heading(given: argparse.Namespace) -> dict[str, Any]:
    """What a reader needs to judge the figures."""
    return {
        "when": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "commit": _git("rev-parse", "HEAD"),
        "changed": bool(_git("status", "--porcelain", "--untracked-files=no")),
        "machine": {
            "processor": _processor(), "cores": os.cpu_count(), "memory": psutil.virtual_memory().total,
            "system": f"{platform.system()} {platform.release()}",
        },
        "versions": {"python": platform.python_version(), **{name: _installed(name) for name in _LIBRARIES}},
        "settings": {"postgresql": POSTGRESQL, "mariadb": MARIADB},
        "repetitions": given.repetitions,
        "scenarios": [],
    }  # fmt: skip


def _git(*words: str) -> str:
    told = subprocess.run(["git", "-C", str(HERE), *words], capture_output=True, text=True, check=False)
    return told.stdout.strip() or "unknown" * (words[0] == "rev-parse")


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _scenario(scenario: dict[str, Any], scale: float, servers: Servers, given: argparse.Namespace) -> dict[str, Any]:
    """All repetitions of a scenario, the contenders in turn."""
    print(f"\n{scenario['name']}, scale {scale:g}", flush=True)
    shape = SHAPES[scenario["table"]]
    source = data.source(servers, given.folder, scenario["source"], shape.name, scale)
    target = _Target(scenario["target"], servers, given.folder)
    contenders, left = _contenders(scenario, source, target, given)
    for name, why in left.items():
        print(f"  {name:44} skipped: {why}", flush=True)
    kept: dict[str, list[dict[str, Any]]] = {one.name: [] for one in contenders}
    for number in range(-given.warm_up, given.repetitions):
        for one in contenders:
            target.empty()
            found = measured(one.command, servers.cpu, given.timeout)
            entry = _entry(found, target, shape.name, servers)
            if number >= 0:
                kept[one.name].append(entry)
            _show(one.name, entry)
    target.remove()
    return {
        "name": scenario["name"], "scale": scale, "source": scenario["source"], "target": scenario["target"],
        "table": shape.name, "skipped": left,
        "contenders": [{"name": c.name, **c.detail, "repetitions": kept[c.name]} for c in contenders],
    }  # fmt: skip


class _Target:
    """Where a repetition loads into; emptied before each, which is not timed."""

    def __init__(self, engine: str, servers: Servers, folder: Path) -> None:
        self.engine = engine
        self._servers = servers
        self._path = folder / (f"{TARGET}.duckdb" if engine == "duckdb" else TARGET)
        self.empty()

    @property
    def url(self) -> str:
        if self.engine == "postgresql":
            return self._servers.postgresql().url(TARGET)
        return f"{self.engine}:///{self._path}"

    def remove(self) -> None:
        if self.engine == "postgresql":
            self._servers.postgresql().drop(TARGET)
        elif self.engine == "duckdb":
            self._path.unlink(missing_ok=True)
            self._path.with_name(f"{self._path.name}.wal").unlink(missing_ok=True)
        else:
            shutil.rmtree(self._path, ignore_errors=True)

    def empty(self) -> None:
        self.remove()
        if self.engine == "postgresql":
            server = self._servers.postgresql()
            server.make(TARGET)
            with server.connect(autocommit=True) as connection:
                connection.execute("CHECKPOINT")
        elif self.engine == "parquet":
            self._path.mkdir()

    def rows(self, table: str) -> int:
        """What is there; -1 if nothing is."""
        try:
            if self.engine == "postgresql":
                with self._servers.postgresql().connect(TARGET) as connection:
                    found = connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
            else:
                pattern = file_of(self.url) / "**" / "*.parquet"
                name = table if self.engine == "duckdb" else f"read_parquet('{pattern}')"
                place = str(self._path) if self.engine == "duckdb" else ":memory:"
                with contextlib.closing(duckdb.connect(place)) as connection:
                    found = connection.execute(f"SELECT count(*) FROM {name}").fetchone()
        except (psycopg.Error, duckdb.Error):  # no such table
            return -1
        return int(found[0]) if found else -1


def _contenders(
    scenario: dict[str, Any], source: str, target: _Target, given: argparse.Namespace
) -> tuple[list[Contender], dict[str, str]]:
    """Who takes part, and who does not and why."""
    wanted: Callable[[str], bool] = lambda name: any(fnmatch(name, p) for p in given.contender or ["*"])  # noqa: E731
    job = {
        "source": source, "target": target.url, "table": SHAPES[scenario["table"]].name, "slice_rows": given.slice_rows,
        "workers": given.workers or scenario["workers"], "memory_mb": scenario["memory_mb"],
    }  # fmt: skip
    found, left = [], {}
    shape, steps = SHAPES[scenario["table"]], _steps({**job, **scenario["ropeway"][0]})
    if isinstance(steps, str):
        left["Ropeway"] = steps
        steps = {"before": [] if target.engine == "parquet" else [shape.create(target.engine)], "after": []}
    else:
        asked = [{"raw": True, **one} for one in scenario["ropeway"]]
        found = [Contender(_name(one), _once({**job, **one}), {**one, "workers": job["workers"]}) for one in asked]
    task = Task(scenario["source"], scenario["target"], source, target.url, shape, steps["before"], steps["after"],
                job["workers"])  # fmt: skip
    for name in scenario["rivals"]:
        adapter = rival(name)
        why = adapter.absent()
        command = None if why else adapter.command(task)
        if command is None:
            left[name] = why or "does not do this"
        else:
            found.insert(0, Contender(name, command, {"version": adapter.version()}))
    return [one for one in found if wanted(one.name)], left


def _name(asked: dict[str, Any]) -> str:
    return f"Ropeway {asked['consistency']}/{asked['verify']}{'' if asked['raw'] else ' through Arrow'}"


def _once(job: dict[str, Any]) -> Command:
    return Command([sys.executable, "-P", str(HERE / "once.py")], {}, json.dumps(job))


def _steps(job: dict[str, Any]) -> dict[str, list[str]] | str:
    """The statements that Ropeway runs before and after the load, which rivals run too; or why it cannot."""
    command = _once({**job, "only": "plan"})
    told = subprocess.run(command.arguments, input=command.stdin, capture_output=True, text=True, check=False)
    if told.returncode:
        return told.stderr.strip().split("\n")[-1][:300]
    steps: dict[str, list[str]] = json.loads(told.stdout)
    return steps


def _entry(found: Measured, target: _Target, table: str, servers: Servers) -> dict[str, Any]:
    """A repetition as it is kept."""
    entry: dict[str, Any] = {
        "seconds": found.seconds, "cpu": found.cpu, "servers_cpu": found.servers_cpu, "peak": found.peak,
        "rows": target.rows(table), "load_1m": round(os.getloadavg()[0], 2),
    }  # fmt: skip
    told = found.output.strip().split("\n")[-1]
    if found.status:
        entry["failed"] = servers.redacted((found.errors or found.output).strip())[-400:]
    elif told.startswith("{"):
        entry.update(json.loads(told))
    else:
        stamps = [line.split()[1] for line in found.output.split("\n") if line.startswith("loaded ")]
        if stamps:  # the shell's clock; the command ended a moment ago
            entry["closing"] = round(max(0.0, time.time() - float(stamps[0])), 2)
    return entry


def _show(name: str, entry: dict[str, Any]) -> None:
    if "failed" in entry:
        print(f"  {name:44} FAILED: {entry['failed'][-300:]}", flush=True)
        return
    claims = ", ".join(entry.get("claims", ()))
    print(
        f"  {name:44} {entry['seconds']:8.2f} s  {entry['rows'] / entry['seconds']:10,.0f} rows/s  "
        f"cpu {entry['cpu']:7.2f} + {entry['servers_cpu']:7.2f} s  peak {entry['peak'] >> 20:5d} MB  {claims}",
        flush=True,
    )


if __name__ == "__main__":
    main()
