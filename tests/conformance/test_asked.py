"""The source's own server is asked for checksums of what was read, at the same instant."""

from __future__ import annotations

import re
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from moves import moved, planned, requested
from ropeway.cli import wire
from ropeway.transfer.commit import record, start_over
from ropeway.transfer.engine import Receipt
from ropeway.transfer.engines import engine_of
from ropeway.transfer.flow import flow
from ropeway.transfer.job import Limits
from ropeway.transfer.place import parse, resolve
from ropeway.transfer.plan import Cut, Slice
from ropeway.transfer.progress import Progress
from ropeway.transfer.request import Choice
from ropeway.transfer.verification import source_sum
from ropeway.verify.checksum import Sum, of_batch
from ropeway.verify.report import COUNTS_EQUAL, DIFFERENT, EQUALS_READ
from spots import MYSQL_FAMILY, Servers, Spot, spot

ASKED = ("postgresql", "mariadb", "mysql", "duckdb")


def filled(place: Spot, rows: int = 60) -> None:
    """A table whose every column has an extreme of its own kind."""
    stamp = "datetime(6)" if place.engine in MYSQL_FAMILY else "timestamp"
    place.ask(f"CREATE TABLE t (id integer NOT NULL PRIMARY KEY, seen {stamp}, price decimal(12,2), note varchar(100))")
    said = (
        f"({n}, '2024-03-01 10:{n % 60:02}:00.{n * 7919 % rows:06}', {n * 31 % rows}.25, "
        f"{'NULL' if n == 7 else repr('x' * (n * 17 % 40))})"
        for n in range(rows)
    )
    place.ask(f"INSERT INTO t VALUES {', '.join(said)}")
    if place.engine not in ("duckdb", "sqlite"):
        place.ask(f"ANALYZE {'TABLE ' if place.engine in MYSQL_FAMILY else ''}t")


def asked_of(source: Spot, target: Spot, **options: Any) -> tuple[str, dict[int, Receipt]]:
    """What a run's report says of what its source was asked for, and the receipts of the slices that it was."""
    outcome = moved(source, target, **options)
    assert outcome.report
    (table,) = outcome.report.tables
    assert table.claim == EQUALS_READ
    again = wire.verify(outcome.plan, level="standard", secrets=requested(source, target)[1])  # from the ledger
    assert again.tables[0].asked == table.asked
    return table.asked, {receipt.slice: receipt for receipt in outcome.receipts if receipt.asked}


@pytest.mark.parametrize("engine", ASKED)
def test_a_servers_checksum_of_a_slice_is_that_of_what_is_read(engine: str, tmp_path: Path, servers: Servers) -> None:
    source = spot(engine, tmp_path, servers)
    filled(source)
    choices = (Choice("t", where="id < 50"),)
    plan = planned(source, spot("sqlite", tmp_path, servers), choices=choices)
    hop, place, (_, secret) = plan.hops[0], engine_of(engine), parse(source.url)
    with closing(place.open(resolve(plan.source, secret), [hop], "run", 1)) as opened:
        (reader,) = opened.readers()
        cuts = (Cut(), Cut("range", "id", 10, 20), Cut("range", "id", 45, None), Cut("range", "id", 90, None))
        for rows, cut in zip((50, 10, 5, 0), cuts, strict=True):
            part = Slice(1, cut)
            batches = list(flow(hop, part, reader, 1 << 20))
            read = sum((of_batch(batch, [c.canon for c in hop.columns]) for batch in batches), Sum.zero())
            assert (read.count, source_sum(place, reader, hop, part)) == (rows, read.text())
        limited = replace(hop, limit=3)
        assert source_sum(place, reader, limited, Slice(1, Cut())) == ""


WHO = {
    **dict.fromkeys(("postgresql", *MYSQL_FAMILY), "the source's own server"),
    "duckdb": "duckdb, by a second, independent read,",
}


@pytest.mark.parametrize("there", ["sqlite", "postgresql", "files"])
@pytest.mark.parametrize("engine", ASKED)
def test_a_table_in_one_piece_is_asked_whole(engine: str, there: str, tmp_path: Path, servers: Servers) -> None:
    source = spot(engine, tmp_path, servers)
    filled(source)
    target = (
        Spot("files", f"parquet:///{tmp_path}/out", source.ask) if there == "files" else spot(there, tmp_path, servers)
    )
    said, receipts = asked_of(source, target, raw=False)
    assert said == f"{WHO[engine]} computed the checksum of all rows at the same instant"
    assert {number: one.asked for number, one in receipts.items()} == {1: receipts[1].checksum}


@pytest.mark.parametrize("engine", ASKED)
def test_slices_with_extremes_and_a_sample_are_asked(engine: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot(engine, tmp_path, servers), spot("sqlite", tmp_path, servers)
    filled(source, 3_000)
    said, receipts = asked_of(source, target, slice_rows=100)
    form = re.escape(WHO[engine]) + (
        r" computed slices [\d, and]+ of (\d+) at the same instant \((\d+)% of the rows: "
        r"the extremes of ([1-4]) of 4 columns and a random sample\)"
    )
    found = re.fullmatch(form, said)
    assert found, said
    slices, share, _ = map(int, found.groups())
    assert slices > 10
    assert share <= 25
    assert {one.asked_for[:5] for one in receipts.values()} == {"the e", "a ran"}
    assert all(one.asked == one.checksum for one in receipts.values())
    assert 1 in receipts  # the least id, and the only NULL


def test_what_is_not_asked_and_why(tmp_path: Path, servers: Servers) -> None:
    source = spot("postgresql", tmp_path, servers)
    filled(source)
    nothing = "the source's own server was asked for no checksum: "
    cases: tuple[tuple[dict[str, Any], str], ...] = (
        ({"choices": (Choice(query="SELECT * FROM t", to="t"),)}, f"{nothing}a query is read"),
        ({"limit": 5}, f"{nothing}a rehearsal reads a part"),
        ({"consistency": "none"}, f"{nothing}it was read without one instant"),
        ({"choices": (Choice("t", zones=(("seen", "Europe/Paris"),)),)},
         f"{nothing}seen is converted from the wall clock of Europe/Paris on its way"),
        ({"choices": (Choice("t", where="id < 0"),)}, ""),
        ({"choices": (Choice("t", where="id % 2 = 0 OR id = 1"),)},
         "the source's own server computed the checksum of all rows at the same instant"),
    )  # fmt: skip
    for options, said in cases:
        assert asked_of(source, spot("sqlite", tmp_path, servers), **options)[0] == said
    for level in ("count", "none"):
        outcome = wire.run(*requested(source, spot("sqlite", tmp_path, servers), level=level))
        assert not any(one.asked_for for one in outcome.receipts)
        assert not outcome.report or [(t.claim, t.asked) for t in outcome.report.tables] == [(COUNTS_EQUAL, "")]


def test_a_source_that_computes_none(tmp_path: Path, servers: Servers) -> None:
    source = spot("sqlite", tmp_path, servers)
    filled(source)
    said = "the source's own server was asked for no checksum: {} computes no checksum of it in SQL"
    assert asked_of(source, spot("duckdb", tmp_path, servers))[0] == said.format("sqlite")
    folder = Spot("files", f"parquet:///{tmp_path}/t", source.ask)
    moved(source, folder)
    assert asked_of(folder, spot("duckdb", tmp_path, servers))[0] == said.format("parquet")


class Stops(Progress):
    """Fails once so many slices have landed."""

    def __init__(self, after: int) -> None:
        self.left = after

    def landed(self, receipt: object) -> None:
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt


@pytest.mark.parametrize("engine", ASKED)
def test_slices_of_an_earlier_instant_are_not_asked(engine: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot(engine, tmp_path, servers), spot("sqlite", tmp_path, servers)
    filled(source, 3_000)
    request, secrets = requested(source, target, slice_rows=100)
    with pytest.raises(KeyboardInterrupt):
        wire.run(request, secrets, progress=Stops(5))
    outcome = wire.run(request, secrets, resume=True)
    assert outcome.report
    assert outcome.report.equal
    landed = [one for one in outcome.receipts if one.slice]
    instants = {one.instant for one in landed if one.asked}
    assert len(instants) == 1
    assert len({one.instant for one in landed}) == (1 if engine == "duckdb" else 2)  # whose file stays as it is
    (attempt,) = {one.attempt.rpartition("-")[0] for one in landed[-1:]}
    among = sum(one.attempt.startswith(attempt) for one in landed)
    assert among < len(landed)
    assert f"of 4 columns among {among} of {len(landed)} slices" in outcome.report.tables[0].asked


@pytest.mark.parametrize("engine", ["postgresql", "mariadb"])
def test_a_server_that_holds_something_else(engine: str, tmp_path: Path, servers: Servers) -> None:
    """As a driver that gives other values than the server's: here the receipt was of others."""
    source, target = spot(engine, tmp_path, servers), spot("duckdb", tmp_path, servers)
    filled(source, 3_000)
    request, secrets = requested(source, target, slice_rows=100)
    outcome = wire.run(request, secrets)
    one = next(receipt for receipt in outcome.receipts if receipt.asked)
    told = [replace(r, asked=f"{r.read}:{'0' * 32}") if r is one else r for r in outcome.receipts]
    (table,) = wire.verify(outcome.plan, told, "standard", secrets).tables
    cut = next(part.cut for part in outcome.plan.hops[0].slices if part.number == one.slice)
    assert table.claim == DIFFERENT
    assert table.reason == (
        f"slice {one.slice} ({cut}): what Ropeway's driver read is not what the source's own server holds"
    )
    assert table.checksum_source == table.checksum_target


@pytest.mark.parametrize("mode", ["append", "merge", "replace", "truncate"])
@pytest.mark.parametrize("engine", ["postgresql", "mariadb"])
def test_every_mode_asks(engine: str, mode: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot(engine, tmp_path, servers), spot(engine, tmp_path, servers)
    filled(source)
    moved(source, target, raw=False)
    if mode == "append":
        target.ask("DELETE FROM t WHERE id > 20")
        source.ask("DELETE FROM t WHERE id <= 20")
    if mode == "merge":
        source.ask("UPDATE t SET price = 7 WHERE id > 50")
    said, receipts = asked_of(source, target, raw=False, mode=mode)
    assert said.endswith("computed the checksum of all rows at the same instant")
    assert [one.asked == one.checksum for one in receipts.values()] == [True]


TABLES = {
    "postgresql": (
        'CREATE TABLE t (id int PRIMARY KEY, "Weird Name" text, twice int GENERATED ALWAYS AS (id * 2) STORED, '
        "ok boolean, f float8, u uuid, b bytea, j jsonb) PARTITION BY RANGE (id)",
        "CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (50)",
        "CREATE TABLE t2 PARTITION OF t FOR VALUES FROM (50) TO (1000)",
        'INSERT INTO t (id, "Weird Name", ok, f, u, b, j) SELECT n, \'word \' || n, n % 2 = 0, n / 7.0, '
        "gen_random_uuid(), decode(md5(n::text), 'hex'), '{\"a\": 1}' FROM generate_series(0, 99) AS n",
    ),
    "mariadb": (
        "CREATE TABLE t (id int PRIMARY KEY, `Weird Name` text, twice int GENERATED ALWAYS AS (id * 2) STORED, "
        "ok boolean, f double, u uuid, b varbinary(40), j json) "
        "PARTITION BY RANGE (id) (PARTITION p1 VALUES LESS THAN (50), PARTITION p2 VALUES LESS THAN MAXVALUE)",
        "INSERT INTO t (id, `Weird Name`, ok, f, u, b, j) SELECT seq, concat('word ', seq), seq % 2, seq / 7, uuid(), "
        "unhex(md5(seq)), '{\"a\": 1}' FROM seq_0_to_99",
    ),
}  # fmt: skip


@pytest.mark.parametrize("there", ["postgresql", "mariadb", "duckdb"])
@pytest.mark.parametrize("engine", TABLES)
def test_partitions_computed_and_renamed_columns(engine: str, there: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot(engine, tmp_path, servers), spot(there, tmp_path, servers)
    for sql in TABLES[engine]:
        source.ask(sql)
    said, receipts = asked_of(source, target, names="snake", raw=False, partitions="flatten")
    assert said.endswith("computed the checksum of all rows at the same instant")
    assert [one.read for one in receipts.values()] == [100]


@pytest.mark.parametrize("there", ["sqlite", "duckdb", "postgresql", "mariadb", "files"])
def test_a_table_that_starts_over_forgets_what_was_said(there: str, tmp_path: Path, servers: Servers) -> None:
    source = spot("postgresql", tmp_path, servers)
    filled(source)
    folder = Spot("files", f"parquet:///{tmp_path}/out", source.ask)
    target = folder if there == "files" else spot(there, tmp_path, servers)
    plan = moved(source, target, raw=False).plan
    place, secret = parse(target.url)
    with closing(engine_of(place.scheme).loader(resolve(place, secret))) as loader:
        assert [bool(one.asked) for one in loader.ledger.receipts(plan.run) if one.slice] == [True]
        start_over(plan.run, plan.hops[:1], "", loader)
        assert loader.ledger.receipts(plan.run) == []
        said = Receipt(plan.hops[0].name, -1, "why", "now", 0, 0, checksum="1:0")
        record(plan.run, said, loader)  # of no slice, it is nothing
        assert loader.ledger.receipts(plan.run) == []


@pytest.mark.parametrize("engine", ASKED)
def test_a_server_that_refuses(engine: str, tmp_path: Path, servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it cannot compute stops no run, and the same reader goes on at the same instant."""
    source, target = spot(engine, tmp_path, servers), spot("sqlite", tmp_path, servers)
    filled(source)
    for name in ("a", "z"):
        source.ask(f"CREATE TABLE {name} (id integer PRIMARY KEY)")
        source.ask(f"INSERT INTO {name} VALUES (1), (2)")
    kind = type(engine_of(engine))
    honest: Any = kind.checksum

    def checksum(*given: Any) -> str:
        return "SELECT nothing_like_it FROM t" if given[2].table == "t" else str(honest(*given))

    monkeypatch.setattr(kind, "checksum", checksum)
    request, secrets = requested(source, target)
    outcome = wire.run(request, secrets, limits=Limits(workers=1))
    assert outcome.report
    said = {table.target: table.asked for table in outcome.report.tables}
    assert [said[name].endswith("computed the checksum of all rows at the same instant") for name in ("a", "z")] == [
        True, True,
    ]  # fmt: skip
    assert re.search(r"asked for no checksum: \w+ refused: .*nothing_like_it", said["t"])
    assert {table.claim for table in outcome.report.tables} == {EQUALS_READ}
