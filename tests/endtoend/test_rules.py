"""The rules of a job as files for other tools: they ask what the run asked, and find the same."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from ruamel.yaml import YAML

from shell import Shell, write
from spots import Servers, Spot, spot

SHOP = """
CREATE TABLE customer (id INTEGER PRIMARY KEY, mail TEXT, name TEXT);
INSERT INTO customer VALUES (1, 'a@x', 'no'), (2, 'b@x', 'O''Neil {x}'), (3, NULL, 'n'), (4, 'a@x', 'yes');
CREATE TABLE "order" (id INTEGER PRIMARY KEY, "user" INTEGER, status TEXT, amount INTEGER, day DATE, at DATETIME);
INSERT INTO "order" VALUES (1, 1, 'no', 5, '2020-01-01', '2020-01-01 10:00:00'),
  (2, 9, 'yes', -1, '2020-01-02', '2020-01-03 10:00:00'), (3, NULL, 'off', 2000, NULL, NULL),
  (4, 2, 'off', 7, NULL, NULL);
"""
RULES: dict[str, list[dict[str, Any]]] = {
    "customer": [
        {"not_null": ["mail", "name"]}, {"unique": ["mail"], "name": "one mail"}, {"unique": ["mail", "name"]},
        {"accepted": {"name": ["no", "O'Neil {x}", "n"]}, "name": "odd {{ names }}"},
    ],
    "order": [
        {"accepted": {"status": ["no", "yes"]}}, {"accepted": {"id": [1, 2, 3]}}, {"not_null": ["user"]},
        {"range": {"amount": {"min": 0, "max": 1000}}},
        {"check": "amount % 2 = 1 OR '{{ x }}' = status", "name": "odd amounts"},
        {"refers": {"user": "customer.id"}}, {"matches": {"status": "^[a-n]"}}, {"fresh": {"at": "2w"}},
        {"fresh": {"day": "7d"}}, {"aggregate": {"sql": "sum(amount)", "equals": 1, "tolerance": 0.5}},
    ],
}  # fmt: skip
# How many rows a tool finds by each rule: what the run found, in a tool's way of counting.
BROKEN = {
    "not_null 1 (mail)": 1, "not_null 1 (name)": 0, "one mail": 1, "unique 3": 0, "odd {{ names }}": 1,
    "accepted 1": 2, "accepted 2": 1, "not_null 3": 1, "range 4": 2, "odd amounts": 2, "refers 6": 1, "matches 7": 3,
    "aggregate 10": 1,
}  # fmt: skip
_SOURCE = re.compile(r"\{\{ source\('(\w+)', '(\w+)'\) \}\}")


def job(folder: Path, target: str, on_fail: str = "warn") -> None:
    tables = [{"from": name, "rules": [{**rule, "on_fail": on_fail} for rule in rules]}
              for name, rules in RULES.items()]  # fmt: skip
    made = {"source": "sqlite:///shop.sqlite", "target": target, "tables": tables}
    (folder / "job.yaml").write_text(json.dumps(made))


@dataclass(frozen=True)
class Shop:
    """A job whose run has ended, and the rules as they were exported for dbt before it."""

    shell: Shell
    target: Spot
    before: dict[str, Any]
    run: dict[str, Any]


@pytest.fixture(params=["duckdb", "postgresql"])
def shop(request: pytest.FixtureRequest, tmp_path: Path, servers: Servers) -> Shop:
    folder = tmp_path
    write(folder / "shop.sqlite", SHOP)
    target = spot(request.param, folder, servers)
    job(folder, target.url)
    shell = Shell(folder)
    before = shell.json("rules", "job.yaml", "--format", "dbt")
    return Shop(shell, target, before, shell.json("run", "job.yaml"))


def asked(test: dict[str, Any], column: str, on: str) -> str:
    """What dbt's generic tests ask, by its macros of 1.10."""
    ((kind, given),) = test.items()
    more = given.get("arguments", {})
    if kind == "not_null":
        return f'SELECT 1 FROM {on} WHERE "{column}" IS NULL'
    if kind == "unique":
        return f'SELECT 1 FROM {on} WHERE "{column}" IS NOT NULL GROUP BY "{column}" HAVING count(*) > 1'
    if kind == "accepted_values":
        listed = ", ".join(f"'{one}'" if more["quote"] else str(one) for one in more["values"])
        return f'SELECT 1 FROM {on} WHERE "{column}" NOT IN ({listed})'
    assert kind == "relationships"
    parent = relation(f"{{{{ {more['to']} }}}}")
    return (
        f'SELECT 1 FROM {on} c LEFT JOIN {parent} p ON c."{column}" = p.{more["field"]} '
        f'WHERE c."{column}" IS NOT NULL AND p.{more["field"]} IS NULL'
    )


def relation(text: str) -> str:
    return _SOURCE.sub(lambda found: f'"{found[1].removeprefix("ropeway_")}"."{found[2]}"', text)


def test_the_files_ask_what_the_run_asked(shop: Shop) -> None:
    dbt_is_whole(shop)
    soda_is_whole(shop)


def dbt_is_whole(shop: Shop) -> None:
    shell, target, before = shop.shell, shop.target, shop.before
    shell("rules", "job.yaml", "--format", "dbt", "--out", "project")
    files = {one["path"]: one["text"] for one in before["files"]}
    assert {path: (shell.folder / "project" / path).read_text() for path in files} == files
    content = YAML(typ="safe", pure=True).load(files["models/ropeway.yml"])
    (source,) = content["sources"]
    found: dict[str, int] = {}
    for table in source["tables"]:
        on = f'"{source["schema"]}"."{table["name"]}"'
        for column in table["columns"]:
            for test in column["data_tests"]:
                ((given),) = test.values()
                assert given["config"] == {"severity": "warn"}
                found[given["name"]] = len(target.ask(asked(test, column["name"], on)))
    for path, text in files.items():
        if path.endswith(".sql"):
            query = relation("\n".join(text.splitlines()[3:])).replace("{% raw %}", "").replace("{% endraw %}", "")
            found[Path(path).stem] = len(target.ask(query))
    counts = sorted(found.values())
    assert counts == sorted(BROKEN.values())
    assert sum(count > 0 for count in counts) + 2 == len(
        shop.run["left_out_constraints"]
    )  # and two ask how fresh they are
    assert [(one["rule"].split(".")[-1], one["why"]) for one in before["left_out"]] == [
        ("order, rule fresh 9", "dbt knows one freshness of a table, and another rule has it")
    ]
    (order,) = [one for one in source["tables"] if one["name"] == "order"]
    assert order["config"]["freshness"] == {"warn_after": {"count": 14, "period": "day"}}


def soda_is_whole(shop: Shop) -> None:
    shell, target = shop.shell, shop.target
    said = shell("rules", "job.yaml", "--format", "soda", "--out", "checks")
    assert "rule fresh 9: Soda counts a date at the end of its day" in said.stderr
    (file,) = (shell.folder / "checks").iterdir()
    assert "# Left out: " in file.read_text()
    content = YAML(typ="safe", pure=True).load(file)
    assert set(content) == {'checks for "customer"', 'checks for "order"'}
    checks = [one for listed in content.values() for one in listed]
    queries = {given["name"]: given["fail query"] for one in checks for given in one.values() if "fail query" in given}
    assert {name: len(target.ask(query)) for name, query in queries.items()} == {
        name: BROKEN[name] for name in ("unique 3", "odd {{ names }}", "range 4", "odd amounts", "refers 6",
                                        "matches 7", "aggregate 10")
    }  # fmt: skip
    heads = [next(iter(one)) for one in checks if "fail query" not in next(iter(one.values()))]
    assert heads == [
        'missing_count("mail")', 'missing_count("name")', 'duplicate_count("mail")', 'invalid_count("status")',
        'invalid_count("id")', 'missing_count("user")', 'freshness("at")',
    ]  # fmt: skip
    assert all(given["warn"].startswith("when > ") for one in checks for given in one.values())


def test_what_an_earlier_export_left_goes(tmp_path: Path) -> None:
    """Rules that are none any more are asked no more, and other people's tests stay."""
    write(tmp_path / "shop.sqlite", SHOP)
    job(tmp_path, "duckdb:///out.duckdb", "fail")
    shell = Shell(tmp_path)
    shell("rules", "job.yaml", "--out", "project")
    own = tmp_path / "project" / "tests" / "ropeway" / "own.sql"
    own.write_text("SELECT 1")
    text = (tmp_path / "job.yaml").read_text()
    (tmp_path / "job.yaml").write_text(text.replace('"odd amounts"', '"others"'))
    shell("rules", "job.yaml", "--out", "project")
    names = {path.name for path in own.parent.iterdir()}
    assert "own.sql" in names
    assert [name for name in names if "odd_amounts" in name] == []
    assert [name for name in names if "others" in name] != []
    (tmp_path / "job.yaml").write_text('{"source": "sqlite:///shop.sqlite", "target": "duckdb:///o.duckdb"}')
    assert "No table of the job has rules" in shell.refused("rules", "job.yaml")


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place of their own for both tools, in the versions that they were tried in."""
    folder = tmp_path_factory.mktemp("tools")
    for name, packages in (
        ("dbt", ("dbt-core==1.10.23", "dbt-duckdb==1.10.1", "duckdb>=2.0")), ("soda", ("soda-core-postgres==3.5.6",)),
    ):  # fmt: skip
        subprocess.run([sys.executable, "-m", "venv", folder / name], check=True)
        pip = [folder / name / "bin" / "python", "-m", "pip", "install", "--quiet", "--no-input", *packages]
        subprocess.run(pip, check=True)
    return folder


@pytest.mark.foreign
@pytest.mark.timeout(900)
@pytest.mark.parametrize("shop", ["duckdb"], indirect=True)
def test_dbt_itself_finds_the_same(shop: Shop, tools: Path) -> None:
    shell, target = shop.shell, shop.target
    shell("rules", "job.yaml", "--format", "dbt", "--out", "project")
    project = shell.folder / "project"
    (project / "dbt_project.yml").write_text('{"name": "shop", "version": "1.0", "profile": "shop"}')
    path = target.url.partition(":///")[2]
    profile = {"target": "dev", "outputs": {"dev": {"type": "duckdb", "path": path, "threads": 1}}}
    (project / "profiles.yml").write_text(json.dumps({"shop": profile}))
    where = ["--project-dir", str(project), "--profiles-dir", str(project)]
    for words, file in ((["test"], "run_results.json"), (["source", "freshness"], "sources.json")):
        done = subprocess.run(
            [str(tools / "dbt" / "bin" / "dbt"), *words, *where], capture_output=True, text=True, check=False,
            env={"DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "PATH": ""},
        )  # fmt: skip
        assert done.returncode == 0, done.stdout
        results = json.loads((project / "target" / file).read_text())["results"]
        assert {one["status"] for one in results} <= {"pass", "warn"}
        if words == ["test"]:
            # accepted_values counts values, not rows: three rows are by two of them.
            counts = sorted({**BROKEN, "accepted 1": 1}.values())
            assert sorted(one["failures"] for one in results) == counts
        else:
            assert [one["status"] for one in results] == ["warn"]


@pytest.mark.foreign
@pytest.mark.timeout(900)
@pytest.mark.parametrize("shop", ["postgresql"], indirect=True)
def test_soda_itself_finds_the_same(shop: Shop, tools: Path) -> None:
    shell, target = shop.shell, shop.target
    shell("rules", "job.yaml", "--format", "soda", "--out", "checks")
    url = urlsplit(target.url)
    place = {"type": "postgres", "host": url.hostname, "port": url.port, "username": url.username,
             "password": unquote(url.password or ""), "database": url.path[1:], "schema": "public"}  # fmt: skip
    (shell.folder / ".soda").mkdir()
    (shell.folder / ".soda" / "config.yml").write_text("send_anonymous_usage_stats: false\n")
    (shell.folder / "place.yml").write_text(json.dumps({"data_source shop": place}))
    (file,) = (shell.folder / "checks").iterdir()
    done = subprocess.run(
        [tools / "soda" / "bin" / "soda", "scan", "-d", "shop", "-c", "place.yml", "-srf", "found.json", str(file)],
        cwd=shell.folder, capture_output=True, text=True, check=False, env={"PATH": "", "HOME": str(shell.folder)},
    )  # fmt: skip
    assert done.returncode == 1, done.stdout  # there are warnings
    checks = json.loads((shell.folder / "found.json").read_text())["checks"]
    outcomes = {one["name"].removesuffix(" (status)").removesuffix(" (id)").replace("not_null 3 (user)", "not_null 3"):
                one["outcome"] for one in checks}  # fmt: skip
    wanted = {name: "warn" if count else "pass" for name, count in BROKEN.items()}
    assert outcomes == {**wanted, "fresh 8": "warn"}
