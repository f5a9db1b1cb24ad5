"""A target whose disk, a real and small one, is full: the run pauses, says so, and goes on once there is room."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import ropeway
from moves import requested
from ropeway.cli import wire
from ropeway.transfer import room
from ropeway.transfer.interrupt import Interrupt
from ropeway.transfer.request import Choice
from ropeway.transforms.steps import over_of
from servers import Postgresql
from spots import Servers, Spot, spot

SIZE = 16 << 20
ROWS = 40_000  # of 100 bytes


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file system of 16 MB, with a file that leaves 2 MB of it."""
    place = Path(tempfile.mkdtemp(prefix="ropeway-disk-"))  # whose path a server's own user may enter
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", place], check=True)
    place.chmod(0o777)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(room, "EVERY_S", 0.2)
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=True)
        place.rmdir()


def filled(disk: Path, left: int = 2 << 20) -> Path:
    filler = disk / "filler"
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(disk).free - left)
    return filler


class Told(ropeway.Progress):
    """Hears that there is no room."""

    def __init__(self) -> None:
        self.full = threading.Event()
        self.times = 0

    def said(self, message: str) -> None:
        if message.startswith("No room"):
            self.times += 1
            self.full.set()


def placed(engine: str, disk: Path, servers: Servers) -> Spot:
    """A place on that disk."""
    if engine != "postgresql":
        return spot(engine, disk, servers)
    server: Postgresql = servers.postgresql
    made = spot(engine, disk, servers)
    folder, stat = disk / "space", server.folder.stat()
    folder.mkdir(mode=0o700)
    os.chown(folder, stat.st_uid, stat.st_gid)
    name = made.url.rpartition("/")[2].partition("?")[0]
    made.ask(f"CREATE TABLESPACE small_{name} LOCATION '{folder}'")
    made.ask(f"ALTER DATABASE {name} SET default_tablespace = small_{name}")
    return made


@pytest.mark.parametrize("engine", ["sqlite", "duckdb", "postgresql"])
def test_a_run_waits_for_room(engine: str, disk: Path, tmp_path: Path, servers: Servers) -> None:
    source = spot("sqlite", tmp_path, servers)
    source.ask("CREATE TABLE note (id integer PRIMARY KEY, said text)")
    source.ask(
        f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS}) "
        "INSERT INTO note SELECT i, hex(randomblob(50)) FROM n"
    )
    target = placed(engine, disk, servers)
    filler = filled(disk)
    request, secrets = requested(source, target, slice_rows=10_000)
    told, done = Told(), []
    run = threading.Thread(target=lambda: done.append(wire.run(request, secrets, progress=told)))
    run.start()
    assert told.full.wait(60)
    filler.unlink()
    run.join(60)
    (outcome,) = done
    assert outcome.report
    assert outcome.report.equal
    assert target.ask("SELECT count(*), min(id), max(id) FROM note") == [(ROWS, 1, ROWS)]


def test_a_run_that_waits_can_be_ended_and_taken_up_again(disk: Path, tmp_path: Path, servers: Servers) -> None:
    source = spot("sqlite", tmp_path, servers)
    source.ask("CREATE TABLE note (id integer PRIMARY KEY, said text)")
    source.ask(
        f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS}) "
        "INSERT INTO note SELECT i, hex(randomblob(50)) FROM n"
    )
    target = placed("sqlite", disk, servers)
    filler = filled(disk)
    request, secrets = requested(source, target, slice_rows=10_000)
    told, interrupt, raised = Told(), Interrupt(), []

    def run() -> None:
        try:
            wire.run(request, secrets, progress=told, interrupt=interrupt)
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    assert told.full.wait(60)
    interrupt.ask()
    thread.join(60)
    assert len(raised) == 1
    assert "full" in str(raised[0])
    filler.unlink()
    assert wire.run(replace(request), secrets, resume=True).report
    assert target.ask("SELECT count(*) FROM note") == [(ROWS,)]


def test_a_stage_waits_for_room(disk: Path, tmp_path: Path, servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder of the run, in which rows lie until it is decided which of them are one, is on the full disk."""
    source = spot("sqlite", tmp_path, servers)
    source.ask("CREATE TABLE note (id integer PRIMARY KEY, said text)")
    source.ask(
        f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS}) "
        "INSERT INTO note SELECT i, hex(randomblob(50)) FROM n"
    )
    target = spot("duckdb", tmp_path, servers)
    filler = filled(disk)
    monkeypatch.chdir(disk)
    choice = Choice("note", over=over_of({"key": "id"}))
    request, secrets = requested(source, target, slice_rows=10_000, choices=(choice,))
    told, done = Told(), []
    run = threading.Thread(target=lambda: done.append(wire.run(request, secrets, progress=told)))
    run.start()
    assert told.full.wait(60)
    filler.unlink()
    run.join(60)
    assert done
    assert target.ask("SELECT count(*) FROM note") == [(ROWS,)]
