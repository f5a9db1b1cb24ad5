"""Slices that are more than one transaction takes: they land in several, each row once, whatever is killed."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from attacks import attack, equal_to_what_was_read, finished
from moves import moved, requested
from ropeway.cli import wire
from ropeway.transfer.errors import DataError
from servers import Mariadb
from spots import Servers, Spot, spot

ROWS = 600


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def narrow() -> Iterator[Mariadb]:
    """A server whose transactions may log 128 KiB: a slice of these tests takes 300 KiB or so."""
    with closing(Mariadb()) as server:
        with closing(server.connect()) as connection, connection.cursor() as cursor:
            cursor.execute("SET GLOBAL max_binlog_cache_size = 131072, GLOBAL binlog_cache_size = 32768")
        yield server


def of(server: Mariadb, folder: Path) -> Spot:
    return spot("mariadb", folder, Servers(lambda _: server))


def filled(folder: Path, servers: Servers) -> Spot:
    source = spot("sqlite", folder, servers)
    source.ask("CREATE TABLE note (id integer PRIMARY KEY, said text)")
    source.ask("CREATE TABLE word (said text)")  # no key
    rows = ", ".join(f"({n}, '{n:0500}')" for n in range(1, ROWS + 1))
    source.ask(f"INSERT INTO note VALUES {rows}")
    source.ask("INSERT INTO word SELECT said FROM note")
    return source


def once(target: Spot) -> None:
    assert target.ask("SELECT count(*), count(DISTINCT id), min(id), max(id) FROM note") == [(ROWS, ROWS, 1, ROWS)]
    assert target.ask("SELECT count(*), count(DISTINCT said) FROM word") == [(ROWS, ROWS)]


def test_it_lands_in_parts(narrow: Mariadb, tmp_path: Path, servers: Servers) -> None:
    target = of(narrow, tmp_path)
    outcome = moved(filled(tmp_path, servers), target)
    once(target)
    assert [(one.slice, one.read, one.loaded) for one in outcome.receipts] == [(1, ROWS, ROWS)] * 2


@pytest.mark.parametrize(("point", "nth"), [("part", 1), ("parted", 1), ("parted", 3), ("settled", 4)])
def test_killed_between_its_parts(point: str, nth: int, narrow: Mariadb, tmp_path: Path, servers: Servers) -> None:
    target = of(narrow, tmp_path)
    settings: dict[str, Any] = {
        "source": filled(tmp_path, servers).url, "target": target.url, "point": point, "nth": nth, "slice_rows": 0,
    }  # fmt: skip
    assert attack(**settings).returncode == -signal.SIGKILL
    equal_to_what_was_read(finished(settings))
    once(target)


def test_a_row_that_is_too_large_by_itself(narrow: Mariadb, tmp_path: Path, servers: Servers) -> None:
    """By what the target's trigger writes for it; after that is gone, the table starts over, in parts likewise."""
    source, target = filled(tmp_path, servers), of(narrow, tmp_path)
    target.ask("CREATE TABLE note (id integer PRIMARY KEY, said varchar(600))")
    target.ask("CREATE TABLE word (said varchar(600))")
    target.ask("CREATE TABLE heap (said varchar(600))")
    target.ask(
        "CREATE TRIGGER heaps AFTER INSERT ON note FOR EACH ROW INSERT INTO heap "
        "SELECT NEW.said FROM seq_1_to_2000 WHERE NEW.id = 577"
    )
    request, secrets = requested(source, target, mode="truncate")
    with pytest.raises(DataError, match=r"one row of .* bytes is more than a transaction .*1197") as caught:
        wire.run(request, secrets)
    assert caught.value.key == "id=577"
    assert "--resume starts this table over" in str(caught.value)
    assert 0 < int(target.ask("SELECT count(*) FROM note")[0][0]) < 577
    target.ask("DROP TRIGGER heaps")
    assert wire.run(request, secrets, resume=True).report.equal  # type: ignore[union-attr]
    once(target)
    assert target.ask("SELECT count(*) FROM heap") == [(0,)]


def test_packets_are_no_larger_than_the_server_takes(narrow: Mariadb, tmp_path: Path, servers: Servers) -> None:
    source, target = filled(tmp_path, servers), of(narrow, tmp_path)
    with closing(narrow.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("SET GLOBAL max_allowed_packet = 65536")
        try:
            moved(source, target)
        finally:
            cursor.execute("SET GLOBAL max_allowed_packet = 16777216")
    once(target)
