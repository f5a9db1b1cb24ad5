"""Runs that are slowed down, paused and ended by the clock; what they move is the same."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from moves import requested
from paced import ROWS, Heard, filled
from ropeway.cli import wire
from ropeway.cli.hours import ending, moment
from ropeway.transfer.errors import DataError, EngineError, RequestError
from ropeway.transfer.interrupt import Interrupt
from ropeway.transfer.job import Limits
from ropeway.transfer.request import Choice
from ropeway.transfer.throttle import Throttle, throttle
from ropeway.transforms.steps import calls_of
from spots import Servers, Spot, spot


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("engine", "there", "raw"),
    [("sqlite", "duckdb", False), ("postgresql", "postgresql", True), ("duckdb", "parquet", True)],
)
def test_no_faster_than_it_may(engine: str, there: str, raw: bool, tmp_path: Path, servers: Servers) -> None:
    """Never sooner: how much later depends on the machine, and is not looked at."""
    files = Spot("parquet", f"parquet:///{tmp_path / 'out'}", lambda _: [])
    source, target = filled(engine, tmp_path, servers), files if there == "parquet" else spot(there, tmp_path, servers)
    request, secrets = requested(source, target, slice_rows=20)
    planned = wire.plan(request, secrets)
    assert [bool(hop.raw) for hop in planned.hops] == [raw]
    heard = Heard(tmp_path)
    started = time.monotonic()
    done = wire.run(planned, secrets, progress=heard, limits=Limits(throttle=Throttle(rows=50)))
    # The last batch waits after it was read, before it lands; undecoded rows wait after that, too.
    assert heard.at[-1] - started >= ROWS / 50 - 0.2
    assert sum(receipt.loaded for receipt in done.receipts) == ROWS


def test_undecoded_rows_wait_while_they_are_read(tmp_path: Path, servers: Servers) -> None:
    """Not only once their slice is there."""
    source, target = spot("postgresql", tmp_path, servers), spot("postgresql", tmp_path, servers)
    source.ask("CREATE TABLE note (id integer PRIMARY KEY, v text)")
    source.ask("INSERT INTO note SELECT n, repeat('x', 10000) FROM generate_series(1, 100) n")  # 1 MB: four blocks
    request, secrets = requested(source, target)
    heard = Heard(tmp_path)
    started = time.monotonic()
    wire.run(request, secrets, progress=heard, limits=Limits(throttle=Throttle(rows=50)))
    assert heard.moved[-1] - heard.moved[0] >= 0.9
    assert heard.at[-1] - started >= 1.8


def test_a_paused_run_begins_no_slice_until_it_may_go_on(tmp_path: Path, servers: Servers) -> None:
    source, target = filled("postgresql", tmp_path, servers), spot("postgresql", tmp_path, servers)
    request, secrets = requested(source, target, slice_rows=5)
    heard = Heard(tmp_path, pause=True)
    done: list[wire.Outcome] = []
    run = threading.Thread(target=lambda: done.append(wire.run(request, secrets, progress=heard)))
    run.start()
    assert heard.held.wait(60)
    assert heard.at == []
    heard.file.unlink()
    run.join(60)
    assert done
    (report,) = [one.report for one in done]
    assert report
    assert report.equal
    assert heard.said_[-1] == "The run goes on." or "The run goes on." in heard.said_


@pytest.mark.parametrize("engine", ["postgresql", "mariadb", "sqlite"])
def test_who_holds_a_table_is_told(engine: str, tmp_path: Path, servers: Servers) -> None:
    source, target = filled("sqlite", tmp_path, servers), spot(engine, tmp_path, servers)
    target.ask("CREATE TABLE note (id integer PRIMARY KEY)")
    request, secrets = requested(source, target, slice_rows=5, mode="truncate")
    heard = Heard(tmp_path, pause=True)
    done: list[wire.Outcome] = []
    run = threading.Thread(target=lambda: done.append(wire.run(request, secrets, progress=heard)))
    run.start()
    assert heard.held.wait(60)
    other, _ = requested(source, target, mode="truncate")
    with pytest.raises(EngineError) as caught:
        wire.run(other, secrets)
    name = heard.file.parent.name
    assert f"into {'public.' if engine == 'postgresql' else ''}note: run {name}, begun 2" in str(caught.value)
    assert f"process {os.getpid()}" in str(caught.value)
    heard.file.unlink()
    run.join(60)
    (report,) = [one.report for one in done]
    assert report
    assert report.equal


def test_a_paused_run_can_be_ended(tmp_path: Path, servers: Servers) -> None:
    source, target = filled("sqlite", tmp_path, servers), spot("postgresql", tmp_path, servers)
    request, secrets = requested(source, target, slice_rows=5)
    heard, interrupt, raised = Heard(tmp_path, pause=True), Interrupt(), []

    def run() -> None:
        try:
            wire.run(request, secrets, progress=heard, interrupt=interrupt)
        except KeyboardInterrupt as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    assert heard.held.wait(60)
    interrupt.ask()
    thread.join(60)
    assert len(raised) == 1
    heard.file.unlink()
    assert wire.run(replace(request), secrets, resume=True).report


@pytest.mark.parametrize("engine", ["postgresql", "mariadb"])
def test_no_slice_is_begun_while_the_source_is_busy(engine: str, tmp_path: Path, servers: Servers) -> None:
    source, target = filled(engine, tmp_path, servers), spot("sqlite", tmp_path, servers)
    request, secrets = requested(source, target, slice_rows=5)
    most = 0.0 if engine == "postgresql" else 20.0  # MariaDB counts Ropeway's own threads
    heard = Heard(tmp_path)
    done: list[wire.Outcome] = []
    sleep = "SELECT pg_sleep(3)" if engine == "postgresql" else "SELECT sleep(3)"
    busy = [threading.Thread(target=source.ask, args=(sleep,)) for _ in range(1 if engine == "postgresql" else 25)]
    for one in busy:
        one.start()
    time.sleep(0.5)
    limits = Limits(throttle=Throttle(most=(("running", most),)))
    run = threading.Thread(target=lambda: done.append(wire.run(request, secrets, progress=heard, limits=limits)))
    run.start()
    assert heard.held.wait(60)
    assert heard.at == []
    run.join(60)
    for one in busy:
        one.join()
    assert done
    (report,) = [one.report for one in done]
    assert report
    assert report.equal


def test_a_source_that_does_not_say_it_is_refused_before_anything_is_done(tmp_path: Path, servers: Servers) -> None:
    source, target = filled("sqlite", tmp_path, servers), spot("duckdb", tmp_path, servers)
    request, secrets = requested(source, target)
    with pytest.raises(RequestError, match="sqlite does not say lag"):
        wire.run(request, secrets, limits=Limits(throttle=Throttle(most=(("lag", 1.0),))))
    assert target.ask("SELECT count(*) FROM information_schema.tables WHERE table_name = 'note'") == [(0,)]


def test_words_of_a_throttle() -> None:
    words = ["50000 rows/s", "20MB/s", "running=25", "lag=1.5s"]
    assert throttle(words) == Throttle(50_000, 20 << 20, (("running", 25), ("lag", 1.5)))
    for wrong in ("fast", "20", "cpu=3", "-1rows/s"):
        with pytest.raises(RequestError, match="no throttle"):
            throttle([wrong])
    for nothing in ("0rows/s", "0 MB/s", "0.0B/s"):
        with pytest.raises(RequestError, match="would move nothing"):
            throttle(["50rows/s", "20MB/s", nothing])


def test_a_server_that_counts_itself_is_never_without_statements(tmp_path: Path, servers: Servers) -> None:
    source, target = filled("mariadb", tmp_path, servers), spot("sqlite", tmp_path, servers)
    request, secrets = requested(source, target)
    with pytest.raises(RequestError, match="no slice would ever be begun"):
        wire.run(request, secrets, limits=Limits(throttle=throttle(["running=0"])))


def test_the_time_of_an_end() -> None:
    now = datetime(2026, 3, 1, 22, 30)
    assert moment("06:00", now) == datetime(2026, 3, 2, 6, 0)
    assert moment("22:31", now) == datetime(2026, 3, 1, 22, 31)
    assert moment("22:30", now) == datetime(2026, 3, 2, 22, 30)
    for wrong in ("25:00", "6", "06:60", "now"):
        with pytest.raises(RequestError, match="no time"):
            moment(wrong, now)


def test_an_end_comes_at_its_time_though_clocks_are_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        evening = datetime(2026, 10, 24, 22)
        assert moment("06:00", evening).timestamp() - evening.timestamp() == 9 * 3600
    finally:
        monkeypatch.undo()
        time.tzset()


def test_at_its_time_a_run_is_asked_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    interrupt = Interrupt()
    monkeypatch.setattr("ropeway.cli.hours.moment", lambda *_: datetime.now())
    with ending(interrupt, "06:00"):
        assert interrupt.asked.wait(10)


def test_an_error_does_not_wait_for_throttled_readers(tmp_path: Path, servers: Servers) -> None:
    """The other table would take an hour, in which nobody hears of the one that cannot be read."""
    source, target = filled("sqlite", tmp_path, servers), spot("postgresql", tmp_path, servers)
    source.ask("CREATE TABLE broken (id integer PRIMARY KEY, n varchar(9))")
    source.ask("INSERT INTO broken VALUES (1, '1')")
    steps = calls_of([{"cast": {"n": "int64"}}])
    choices = (Choice("note"), Choice("broken", transforms=steps))
    request, secrets = requested(source, target, choices=choices)
    planned = wire.plan(request, secrets)
    source.ask("UPDATE broken SET n = 'none'")
    slowly = Limits(workers=2, throttle=Throttle(rows=ROWS / 3600))
    with pytest.raises(DataError, match="broken"):
        wire.run(planned, secrets, limits=slowly)
    assert target.ask("SELECT count(*) FROM note") == [(ROWS,)]
