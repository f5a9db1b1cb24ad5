"""kill -9 while a schema that is somebody else's is put aside, filled and put back: it is there once, as it was."""

from __future__ import annotations

import random
import signal
from pathlib import Path
from typing import Any

import pytest

from attacks import attack, ended, equal_to_what_was_read, finished
from fillable import ROWS, SCHEMAS, catalogue, columns_of, made
from ropeway.cli import wire
from spots import Servers, Spot, spot

KINDS = ["postgresql", "mariadb"]
# Where statements commit by themselves, every second one of these falls between a statement and its entry.
POINTS = [
    ("stepping", 6), ("stepping", 11), ("stepping", 16), ("loading", 2), ("landed", 4),
    ("stepping", 29), ("stepping", 32), ("stepped", 26),
]  # fmt: skip


def prepared(kind: str, folder: Path, servers: Servers) -> tuple[Spot, dict[str, Any]]:
    made(folder / "source.sqlite")
    place = spot(kind, folder, servers)
    for statement in SCHEMAS[kind]:
        place.ask(statement)
    source = f"sqlite:///{folder / 'source.sqlite'}"
    return place, {"source": source, "target": place.url, "mode": "fill", "slice_rows": 3}


def whole(place: Spot, before: dict[str, object]) -> None:
    assert catalogue(place) == before
    for table, rows in ROWS.items():
        found = place.ask(f"SELECT {columns_of(table)} FROM {table} ORDER BY 1")
        assert [tuple(map(str, row)) for row in found] == [tuple(map(str, row)) for row in rows]
    assert place.ask("SELECT count(*) FROM noted") == [(0,)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("point", "nth"), POINTS)
def test_killed_fill_resumes(kind: str, point: str, nth: int, tmp_path: Path, servers: Servers) -> None:
    place, settings = prepared(kind, tmp_path, servers)
    before = catalogue(place)
    killed = attack(**settings, point=point, nth=nth)
    assert killed.returncode == -signal.SIGKILL, killed.stderr[-2000:]
    equal_to_what_was_read(finished(settings))
    whole(place, before)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("point", "nth"), [POINTS[1], POINTS[2], POINTS[4], POINTS[6]])
def test_killed_fill_is_undone(kind: str, point: str, nth: int, tmp_path: Path, servers: Servers) -> None:
    place, settings = prepared(kind, tmp_path, servers)
    before = catalogue(place)
    assert attack(**settings, point=point, nth=nth).returncode == -signal.SIGKILL
    (known,) = wire.status(place.url)
    wire.clean(known.run, place.url)
    assert catalogue(place) == before
    assert [place.ask(f"SELECT count(*) FROM {table}") for table in ROWS] == [[(0,)]] * len(ROWS)
    assert wire.status(place.url) == []


@pytest.mark.faults
@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("kind", KINDS)
def test_fill_killed_anywhere(kind: str, seed: int, tmp_path: Path, servers: Servers) -> None:
    choose = random.Random(f"fill {kind} {seed}")
    place, settings = prepared(kind, tmp_path, servers)
    before = catalogue(place)
    last = attack(**settings, point="stepping", nth=choose.randint(1, 45))
    for _ in range(choose.randint(0, 2)):
        if last.returncode != 0 and not ended(settings):
            last = attack(**settings, point="stepping", nth=choose.randint(1, 20), resume=True)
    if last.returncode != 0 and not ended(settings):
        equal_to_what_was_read(finished(settings))
    whole(place, before)
