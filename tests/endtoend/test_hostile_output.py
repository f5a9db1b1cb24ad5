"""What names and values that mean harm do to what shows them: a terminal, a page, files of other tools, file names."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from hostile import texts
from shell import TARGET, Shell, write

NAMES = (
    "\x1b[2J\x1b]0;owned\x07", "\x9b31m", "\u202egnp.exe", "<script>alert(1)</script>", "\"onload='alert(1)' x=\"",
    "../../x", "/etc/x", "..", ".hidden", "no: [a, b] # c", "- a", "{{ 7 * 7 }}{% raw %}", "line\r\nfeed", "中" * 90,
)  # fmt: skip
# What moves a cursor, changes a colour or turns the direction of reading.
COMMANDS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def filled(folder: Path, names: tuple[str, ...] = NAMES) -> None:
    lines = []
    for name in names:
        quoted = '"' + name.replace('"', '""') + '"'
        lines.append(f"CREATE TABLE {quoted} (id INTEGER PRIMARY KEY, {quoted} TEXT);")
        lines += [f"INSERT INTO {quoted} VALUES ({n}, '{one.replace(chr(39), chr(39) * 2)}');"
                  for n, one in enumerate(names)]  # fmt: skip
    write(folder / "in.sqlite", "\n".join(lines))


def test_a_terminal_and_a_page(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    filled(tmp_path)
    source = ("--source", "sqlite:///in.sqlite")
    done = [
        shell("inspect", "sqlite:///in.sqlite"),
        shell("plan", *source, *TARGET),
        shell("run", *source, *TARGET, "-v"),
    ]
    write(tmp_path / "out.sqlite", 'UPDATE "../../x" SET "../../x" = char(27) || \'[1m<i>\' WHERE id = 3;')
    done += [shell("status"), shell("report", "--html", "a.html"), shell("report"),
             shell("verify", *source, *TARGET, "--level", "full", "--html", "b.html", status=5),
             shell("run", *source, *TARGET, status=2), shell("report", "--json")]  # fmt: skip
    for one in done:
        assert not COMMANDS.search(one.stdout + one.stderr), one.args
    assert {table["target"] for table in json.loads(done[-1].stdout)["tables"]} == set(NAMES)
    for name in ("a.html", "b.html"):
        page = (tmp_path / name).read_text()
        assert not COMMANDS.search(page)
        assert "alert(1)" in page
        assert "alert(1)" not in " ".join(_Active().of(page))


class _Active(HTMLParser):
    """What a browser would carry out: scripts, and attributes."""

    def of(self, page: str) -> list[str]:
        self.found: list[str] = []
        self.inside = ""
        self.feed(page)
        return self.found

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.inside = tag
        self.found += [str(name) for name, _ in attrs]
        self.found += [str(value) for name, value in attrs if name.startswith("on") or name in ("href", "src", "style")]

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""

    def handle_data(self, data: str) -> None:
        if self.inside == "script":
            self.found.append(data)


@pytest.mark.parametrize("scheme", ["parquet", "csv", "arrow"])
def test_no_table_leads_out_of_its_folder(scheme: str, tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    filled(tmp_path)
    (tmp_path / "a" / "b").mkdir(parents=True)
    before = {path for path in tmp_path.parent.rglob("*") if tmp_path / ".ropeway" not in path.parents}
    target = ("--target", f"{scheme}:///a/b/c")
    shell("run", "--source", "sqlite:///in.sqlite", *target)
    made = {path for path in tmp_path.parent.rglob("*") if ".ropeway" not in path.parts} - before
    root = tmp_path / "a" / "b" / "c"
    assert all(path.is_relative_to(root) or path in root.parents for path in made)
    assert len([path for path in root.iterdir() if not path.name.startswith(".")]) >= len(NAMES)
    for to in ("../../x", "/etc/x", "..", "a/b"):
        for mode in ("create", "append"):
            job = {
                "source": "sqlite:///in.sqlite",
                "target": target[1],
                "tables": [{"from": "- a", "to": to, "mode": mode}],
            }
            (tmp_path / "job.yaml").write_text(json.dumps(job))
            assert "can be called" in shell.refused("plan", "job.yaml"), to


@pytest.mark.parametrize("tool", ["dbt", "soda"])
def test_files_of_other_tools(tool: str, tmp_path: Path) -> None:
    """They are YAML that says the names and nothing else, below the folder that was asked for."""
    shell = Shell(tmp_path)
    names = (*NAMES, *(one for one in texts(60, 4) if one.strip("\n\r")))
    names = tuple({name.casefold(): name for name in names if "\n" not in name}.values())[:60]
    filled(tmp_path, names)
    rules = [{"not_null": ["id"], "name": "a: b # c\n{{ 7 }}"}, {"check": "id >= 0", "name": "'; DROP"}]
    job = {"source": "sqlite:///in.sqlite", "target": "sqlite:///out.sqlite", "tables": [{"from": "*", "rules": rules}]}
    (tmp_path / "job.yaml").write_text(json.dumps(job))
    shell("rules", "job.yaml", "--format", tool, "--out", "made")
    files = [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix in (".yml", ".sql")]
    assert files
    assert all(path.is_relative_to(tmp_path / "made") for path in files)
    for file in files:
        if file.suffix == ".yml":
            assert YAML(typ="safe").load(file.read_text(encoding="utf-8"))
    if tool == "dbt":
        (listing,) = [file for file in files if file.suffix == ".yml"]
        sources = YAML(typ="safe").load(listing.read_text(encoding="utf-8"))["sources"]
        assert {table["name"] for one in sources for table in one["tables"]} == set(names)
