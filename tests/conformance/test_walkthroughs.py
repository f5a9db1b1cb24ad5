"""The walk-throughs of docs, word for word: their commands are run, and what they show is what comes out."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from urllib.parse import unquote

import pytest

from spots import Servers, Spot, spot

DOCS = Path(__file__).resolve().parents[2] / "docs"
_PROGRAMS = ("ropeway ", "psql ")


@dataclass(frozen=True)
class Walk:
    """A page, the engine that it leaves, and Chinook's script for that."""

    page: str
    engine: str
    script: str
    ends: str  # of a statement, as a regular expression
    passed_over: str  # statements that make the database itself, or are the client's


WALKS = {
    "oracle": Walk("oracle-to-postgresql.md", "oracle", "Chinook_Oracle.sql", r";\n", "(?i)GRANT|CONNECT|commit|exit"),
    "sqlserver": Walk("sqlserver-to-postgresql.md", "sqlserver", "Chinook_SqlServer.sql", r"(?m)^GO\s*$",
                      "IF EXISTS|CREATE DATABASE|USE "),
}  # fmt: skip


def made(walk: Walk, source: Spot, chinook: Path) -> None:
    script = (chinook / walk.script).read_text(encoding="utf-8-sig")
    for statement in re.split(walk.ends, re.sub(r"/\*.*?\*/", "", script, flags=re.DOTALL)):
        if statement.strip() and not re.match(walk.passed_over, statement.strip()):
            source.ask(statement.strip())


def steps(page: str) -> Iterator[tuple[str, list[str]]]:
    """Each command of a page, with the lines of its output that the page shows."""
    command, shown = "", list[str]()
    for line in [*(DOCS / page).read_text().splitlines(), ""]:
        words = line.removeprefix("    ")
        if words.startswith(_PROGRAMS) or (command and words == line):
            if command:
                yield command, shown
            command, shown = words if words != line else "", []
        elif command:
            shown.append(words)


def occurs(shown: str, output: str) -> bool:
    """Whether a line of the output is the one shown, but for blanks and for what `…` stands for."""
    pattern = ".*".join(r"\s+".join(map(re.escape, part.split())) for part in shown.split("…"))
    return any(re.search(pattern, " ".join(line.split())) for line in output.splitlines())


def surroundings(source: Spot, target: Spot) -> dict[str, str]:
    """What the page exports: URLs that name their passwords, and these."""
    made = {**os.environ, "COLUMNS": "250", "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    for name, place, variable in (("OLD", source, "APP_PASSWORD"), ("NEW", target, "LOADER_PASSWORD")):
        found = re.fullmatch(r"(\w+://\w+:)([^@]*)(@.*)", place.url)
        assert found
        made |= {name: f"{found[1]}${{{variable}}}{found[3]}", variable: unquote(found[2])}
    return made


@pytest.mark.parametrize("name", WALKS)
def test_a_walk_through(name: str, tmp_path: Path, servers: Servers, chinook: Path) -> None:
    walk = WALKS[name]
    source, target = spot(walk.engine, tmp_path, servers), spot("postgresql", tmp_path, servers)
    made(walk, source, chinook)
    environment = surroundings(source, target)
    ran = 0
    for command, shown in steps(walk.page):
        if command.startswith("psql "):
            target.ask((tmp_path / command.split()[-1]).read_text())  # any client will do
            continue
        done = subprocess.run(["bash", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True,
                              check=False)  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        assert [line for line in shown if not occurs(line, done.stdout)] == [], done.stdout
        ran += 1
        if command.startswith("ropeway run"):
            assert target.ask("SELECT count(*), sum(total) FROM invoice") == [(412, Decimal("2328.60"))]
            assert target.ask(
                "SELECT count(*) FROM pg_constraint WHERE contype IN ('p', 'f') AND "
                "connamespace = 'public'::regnamespace"
            ) == [(22,)]
    assert ran == 6
    left = "SELECT count(*) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema', 'ropeway')"
    assert target.ask(left) == [(0,)]
