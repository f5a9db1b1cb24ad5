"""kill -9 at random instants, again and again, in each mode and with each kind of step, while a client writes."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from attacks import attack, equal_to_what_was_read, finished
from bank import ACCOUNTS, TOTAL, holds, source_of, writing
from ropeway.cli import wire
from ropeway.transfer.errors import RequestError
from spots import SQL_ENGINES, Servers, Spot, spot

pytestmark = pytest.mark.faults
FILLED = ("append", "replace", "truncate", "merge")
RESHAPED = [
    {"to": "account", "from": {"a": "account"}, "reshape": "SELECT * FROM a", "key": "id", "one_per": "a"},
    {"to": "log", "from": {"l": "log"}, "reshape": "SELECT * FROM l"},
]


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
@pytest.mark.parametrize("kind", SQL_ENGINES)
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
@pytest.mark.parametrize("kind", SQL_ENGINES)
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


def asked(way: str, source: str, place: Spot) -> dict[str, Any]:
    both = {"source": source, "target": place.url}
    if way == "reshaped":
        return {**both, "job": {**both, "tables": RESHAPED, "slice_rows": 300}}
    if way == "transformed":
        return {**both, "transforms": {"account": [{"upper": ["note"]}], "log": [{"upper": ["txt"]}]}}
    return {**both, "dedup": {"account": {"key": ["id"], "keep": "first"}}, "tables": ["*"]}
