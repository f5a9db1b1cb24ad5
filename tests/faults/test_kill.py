"""kill -9 at every point of a run while a client writes to the source: each row once, of one instant."""

from __future__ import annotations

import random
import signal
from pathlib import Path
from typing import Any

import pytest

from attacks import attack, ended, equal_to_what_was_read, finished
from bank import ACCOUNTS, TOTAL, holds, source_of, writing
from spots import PLACES, Servers, spot

POINTS = [
    ("claimed", 1), ("claimed", 3), ("loading", 2), ("settled", 2), ("landed", 1), ("landed", 4),
    ("stepping", 1), ("stepping", 4), ("stepped", 2), ("stepped", 5),
]  # fmt: skip


def usual(kind: str, point: str, nth: int) -> Any:
    """MySQL is loaded by the same code as MariaDB, and Oracle's takes long: `make test` leaves these out."""
    rare = kind == "mysql" or (kind, point) in (("oracle", "claimed"), ("oracle", "landed"))
    return pytest.param(kind, point, nth, marks=[pytest.mark.faults] if rare else [])


@pytest.mark.parametrize(
    ("kind", "point", "nth"),
    [usual(kind, *POINTS[at]) for kind in PLACES for at in (0, 2, 5, 7)],
)
def test_killed_run_resumes_exactly(kind: str, point: str, nth: int, tmp_path: Path, servers: Servers) -> None:
    make = source_of("mariadb" if kind == "postgresql" else "postgresql", servers)
    with make as (source, execute), writing(execute) as moves:
        place = spot(kind, tmp_path, servers)
        settings: dict[str, Any] = {"source": source, "target": place.url, "point": point, "nth": nth}
        killed = attack(**settings)
        assert killed.returncode == -signal.SIGKILL, killed.stderr[-2000:]
        equal_to_what_was_read(finished(settings))
        assert moves[0] > 20
    holds(place.ask)


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
@pytest.mark.parametrize(("point", "nth"), [("loading", 2), ("landed", 4)])
def test_killed_run_with_transforms_resumes_exactly(
    kind: str, point: str, nth: int, tmp_path: Path, servers: Servers
) -> None:
    steps = [
        {"rename": {"note": "label"}}, {"upper": ["label"]}, {"filter": "id % 4 <> 1"},
        {"derive": {"twice": "amount * 2"}},
    ]  # fmt: skip
    make = source_of("mariadb" if kind == "postgresql" else "postgresql", servers)
    with make as (source, execute), writing(execute) as moves:
        place = spot(kind, tmp_path, servers)
        settings: dict[str, Any] = {
            "source": source, "target": place.url, "point": point, "nth": nth, "transforms": {"account": steps},
        }  # fmt: skip
        killed = attack(**settings)
        assert killed.returncode == -signal.SIGKILL, killed.stderr[-2000:]
        answer = finished(settings)
        equal_to_what_was_read(answer)
        assert moves[0] > 20
    mine = [one for one in answer["receipts"] if "account" in one["hop"] and one["slice"] > 0]
    assert (sum(one["read"] for one in mine), sum(one["loaded"] for one in mine)) == (ACCOUNTS, ACCOUNTS * 3 // 4)
    ((rows, ids, most),) = place.ask("SELECT count(*), count(DISTINCT id), max(abs(twice - 2 * amount)) FROM account")
    assert (rows, ids, int(most)) == (ACCOUNTS * 3 // 4, ACCOUNTS * 3 // 4, 0)
    assert place.ask("SELECT label FROM account WHERE id = 2") == [("Ä 2",)]


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
@pytest.mark.parametrize(
    ("mode", "point", "nth"),
    [("append", "opened", 1), ("append", "landed", 3), ("append", "stepped", 3), ("replace", "stepping", 5),
     ("replace", "landed", 3), ("truncate", "landed", 3), ("truncate", "stepping", 2), ("merge", "settled", 2)],
)  # fmt: skip
def test_killed_run_of_every_mode(kind: str, mode: str, point: str, nth: int, tmp_path: Path, servers: Servers) -> None:
    """What was in the target before: append keeps it, merge keeps it, replace and truncate do not."""
    make = source_of("mariadb" if kind == "postgresql" else "postgresql", servers)
    with make as (source, execute):
        place = spot(kind, tmp_path, servers)
        assert attack(source=source, target=place.url).returncode == 0
        for statement in ("DELETE FROM account", "DELETE FROM log", "INSERT INTO account VALUES (-1, 0, 'mine')"):
            place.ask(statement)
        tables = ["account"] if mode == "merge" else ["*"]
        settings: dict[str, Any] = {
            "source": source, "target": place.url, "mode": mode, "tables": tables, "point": point, "nth": nth,
        }  # fmt: skip
        with writing(execute):
            killed = attack(**settings)
            assert killed.returncode == -signal.SIGKILL, killed.stderr[-2000:]
            equal_to_what_was_read(finished(settings))
    mine = place.ask("SELECT count(*) FROM account WHERE id = -1")[0][0]
    assert mine == (1 if mode in {"append", "merge"} else 0)
    ((rows, ids, total),) = place.ask("SELECT count(*), count(DISTINCT id), sum(amount) FROM account WHERE id > 0")
    assert (rows, ids) == (ACCOUNTS, ACCOUNTS)
    assert int(total) == TOTAL
    if mode != "merge":
        ((lines, balance),) = place.ask("SELECT count(*), sum(delta) FROM log")
        assert int(balance) == 0
        assert lines >= 1_000


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.faults) for seed in range(1, 40))])
@pytest.mark.parametrize("kind", PLACES)
def test_killed_anywhere(kind: str, seed: int, tmp_path: Path, servers: Servers) -> None:
    choose = random.Random(f"{kind} {seed}")
    make = source_of(choose.choice(["postgresql", "mariadb", "mysql"]), servers)
    with make as (source, execute), writing(execute):
        place = spot(kind, tmp_path, servers)
        settings: dict[str, Any] = {"source": source, "target": place.url}
        last = attack(**settings, after_s=0.6 + choose.random() * 1.5)
        for _ in range(choose.randint(0, 2)):
            if last.returncode != 0:
                last = attack(**settings, after_s=0.6 + choose.random() * 1.5, resume=True)
        if last.returncode != 0 and not ended(settings):
            equal_to_what_was_read(finished(settings))
    holds(place.ask)
