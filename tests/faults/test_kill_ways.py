"""kill -9 at random instants, again and again, in each mode and with each kind of step, while a client writes."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import duckdb
import pytest
from pyarrow.dataset import dataset

from attacks import attack, equal_to_what_was_read, finished
from bank import ACCOUNTS, TOTAL, holds, source_of, writing
from ropeway.cli import wire
from ropeway.transfer.errors import RequestError
from spots import PLACES, Rows, Servers, Spot, spot

pytestmark = pytest.mark.faults
FILES: dict[str, Any] = {"parquet": "parquet", "arrow": "ipc", "csv": "csv"}  # and what pyarrow calls them
FILLED = ("append", "replace", "truncate", "merge")


def states(url: str) -> list[str]:
    """Of the runs that a target remembers; one that is not there has none."""
    try:
        return [one.state for one in wire.status(url)]
    except RequestError:
        return []


def until_it_ends(settings: dict[str, Any], choose: random.Random) -> None:
    """Killed up to three times, then left alone."""
    url = str(settings["target"])
    before = states(url)
    last = attack(**settings, after_s=0.6 + choose.random() * 2.0)
    for _ in range(choose.randint(0, 2)):
        if last.returncode != 0:
            last = attack(**settings, after_s=0.6 + choose.random() * 2.0, resume=True)
    if last.returncode == 0:
        equal_to_what_was_read(json.loads(last.stdout))
    elif (now := states(url)) != [*before, "done"]:  # else it was killed behind its end
        assert "different" not in now
        equal_to_what_was_read(finished(settings))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("mode", FILLED)
@pytest.mark.parametrize("kind", PLACES)
def test_each_mode(kind: str, mode: str, seed: int, tmp_path: Path, servers: Servers) -> None:
    """What was in the target before: append and merge keep it, replace and truncate do not."""
    choose = random.Random(f"{kind} {mode} {seed}")
    make = source_of(choose.choice(["postgresql", "mariadb", "mysql"]), servers)
    with make as (source, execute):
        place = spot(kind, tmp_path, servers)
        assert attack(source=source, target=place.url).returncode == 0
        for statement in ("DELETE FROM account", "DELETE FROM log", "INSERT INTO account VALUES (-1, 0, 'mine')"):
            place.ask(statement)
        tables = ["account"] if mode == "merge" else ["*"]
        with writing(execute):
            until_it_ends({"source": source, "target": place.url, "mode": mode, "tables": tables}, choose)
    ((mine,),) = place.ask("SELECT count(*) FROM account WHERE id = -1")
    assert mine == (1 if mode in ("append", "merge") else 0)
    place.ask("DELETE FROM account WHERE id = -1")
    if mode != "merge":
        holds(place.ask)
    ((rows, total),) = place.ask("SELECT count(*), sum(amount) FROM account")
    assert (rows, int(total)) == (ACCOUNTS, TOTAL)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("kind", PLACES)
@pytest.mark.parametrize("way", ["transformed", "deduplicated", "reshaped"])
def test_each_kind_of_step(
    way: str, kind: str, seed: int, tmp_path: Path, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Steps that change nothing that the invariants see, so that these hold for one instant."""
    monkeypatch.chdir(tmp_path)
    choose = random.Random(f"{kind} {way} {seed}")
    with source_of(choose.choice(["postgresql", "mariadb", "mysql"]), servers) as (source, execute), writing(execute):
        place = spot(kind, tmp_path, servers)
        until_it_ends(asked(way, source, place), choose)
    holds(place.ask)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("mode", ["create", "append"])
@pytest.mark.parametrize("kind", FILES)
def test_folders_of_files(kind: str, mode: str, seed: int, tmp_path: Path, servers: Servers) -> None:
    choose = random.Random(f"{kind} {mode} {seed}")
    place = folder(kind, tmp_path)
    with source_of(choose.choice(["postgresql", "mariadb", "mysql"]), servers) as (source, execute):
        settings = {"source": source, "target": place.url, "mode": mode, "tables": ["*"]}
        if mode == "append":
            assert attack(**{**settings, "mode": "create"}).returncode == 0
        with writing(execute):
            until_it_ends(settings, choose)
    if mode == "create":
        holds(place.ask)
    else:
        times = "SELECT count(*), count(DISTINCT id), sum(amount) FROM account"
        assert place.ask(times) == [(2 * ACCOUNTS, ACCOUNTS, 2 * TOTAL)]
        assert place.ask("SELECT sum(delta) FROM log") == [(0,)]


def folder(kind: str, path: Path) -> Spot:
    """A folder of files; asked, it is what DuckDB makes of all that lie there."""

    def ask(sql: str) -> Rows:
        with duckdb.connect() as connection:
            for table in ("account", "log"):
                connection.register(table, dataset(str(path / "folder" / table), format=FILES[kind]).to_table())
            return connection.execute(sql).fetchall()

    return Spot(kind, f"{kind}:///{path / 'folder'}", ask)


def asked(way: str, source: str, place: Spot) -> dict[str, Any]:
    both = {"source": source, "target": place.url}
    if way == "reshaped":
        account, log = place.kept("account"), place.kept("log")
        tables = [
            {"to": account, "from": {"a": "account"}, "reshape": "SELECT * FROM a", "key": "id", "one_per": "a"},
            {"to": log, "from": {"l": "log"}, "reshape": "SELECT * FROM l"},
        ]
        return {**both, "job": {**both, "tables": tables, "slice_rows": 300}}
    if way == "transformed":
        return {**both, "transforms": {"account": [{"upper": ["note"]}], "log": [{"upper": ["txt"]}]}}
    return {**both, "dedup": {"account": {"key": ["id"], "keep": "first"}}, "tables": ["*"]}
