"""What became of a removed row, as a person asks for it, and as the report says it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from browser import Browser
from shell import Shell, write

HOSTILE = "<script>document.title='pwned'</script>"
JOB = """
source: sqlite:///shop.sqlite
target: duckdb:///out.duckdb
tables:
  - from: person
    dedup: {key: mail, keep: latest, by: seen, similar: {columns: name, within: city, similarity: 0.9}}
  - from: visit
    dedup: {key: [day, who]}
"""


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    made = Shell(tmp_path_factory.mktemp("merged"))
    hostile = HOSTILE.replace("'", "''")
    write(
        made.folder / "shop.sqlite",
        "CREATE TABLE person (part TEXT, no INTEGER, mail TEXT, name TEXT, city TEXT, seen REAL, "
        "PRIMARY KEY (part, no));"
        "INSERT INTO person VALUES ('a', 1, 'x@x', 'Anna', 'B', 1.5), ('a', 2, 'x@x', 'Anne', 'B', 2.5),"
        f"('b', 1, 'y@x', 'Annie', 'B', 3), ('b', 2, 'y@x', '{hostile}', NULL, 1), ('b', 3, NULL, 'Zoe', 'B', 1);"
        "CREATE TABLE visit (id INTEGER PRIMARY KEY, day TEXT, who INTEGER);"
        "INSERT INTO visit VALUES (1, 'mo', 1), (2, 'mo', 1), (3, 'tu', 1)",
    )
    (made.folder / "job.yaml").write_text(JOB)
    made("run", "job.yaml")
    return made


def test_a_removed_row_is_looked_up(shell: Shell) -> None:
    (one,) = shell.json("merged", "--table", "person", "--key", "b", "--key", "2")["tables"]
    assert {name: one[name] for name in ("removed", "into", "approved", "rule", "key")} == {
        "removed": 2, "into": 2, "approved": 0, "rule": "latest", "key": ["part", "no"],
    }  # fmt: skip
    assert one["rows"] == [{
        "key": ["b", 2], "kept": ["b", 1], "rule": "latest", "same": "y@x",
        "row": {"part": "b", "no": 2, "mail": "y@x", "name": HOSTILE, "city": None, "seen": 1.0},
    }]  # fmt: skip
    said = shell("merged", "--table", "person", "--key", "b", "--key", "1").stdout
    assert said == "main.person: no row with the key b, 1 was merged into another.\n"
    assert [len(table["rows"]) for table in shell.json("merged", "--limit", "1")["tables"]] == [1, 1]
    assert "a, 1" in shell("merged").stdout
    for words, why in (
        (("--key", "1"), "Several tables have merged rows"),
        (("--table", "person", "--key", "b"), "has a key of 2 columns (part, no), and 1 values are given"),
        (("--table", "visit", "--key", "one"), "'one' is no value of id"),
        (("--table", "nope"), "It did of: main."),
    ):
        assert why in shell.refused("merged", *words)


def test_the_report_says_what_was_merged(shell: Shell, browser: Browser) -> None:
    found = shell.json("report", "--html", "run.html")
    (person,) = [one for one in found["merged"] if one["table"] == "main.person"]
    assert (person["rows"], person["rule"], person["proposed"]) == (2, "latest", 1)
    assert [(row["key"], row["kept"]) for row in person["first"]] == [(["a", 1], ["a", 2]), (["b", 2], ["b", 1])]
    assert "main.person: what was merged into what" in shell("report").stdout
    browser.open(shell.folder / "run.html", 390)
    assert browser.ask("document.documentElement.scrollWidth") <= 390
    text = browser.ask("document.body.innerText").replace("\xa0", " ")
    for said in ("main.person: 2 rows were merged into 2 others; keep: latest.", HOSTILE, "1 pairs of rows much alike"):
        assert said in text, said
    assert browser.ask("document.title").startswith("Ropeway: ")
    # What the run itself keeps of it holds no row.
    kept = json.loads(next(Path(shell.folder).glob(".ropeway/*/report.json")).read_text())
    assert "first" not in kept["merged"][0]
