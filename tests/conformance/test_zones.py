"""Timestamps without zone that are a zone's wall clock: in the target they are instants, seen by plain SQL."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from moves import moved, refusal, requested
from ropeway.cli import wire
from ropeway.transfer.errors import DataError
from ropeway.transfer.progress import Progress
from ropeway.transfer.request import Choice
from spots import MYSQL_FAMILY, PAIRS, Servers, Spot, spot

PARIS = ZoneInfo("Europe/Paris")
TARGETS = ("postgresql", "duckdb", "mariadb", "sqlite", "oracle", "sqlserver")
# Each pair of them once; Oracle and SQL Server with PostgreSQL and with themselves.
CROSSED = [pair for pair in PAIRS if pair[1] in TARGETS]
# Before 1911 Paris kept its own time, 9 min 21 s ahead; the listed transitions of the database's files end in 2037.
WALLS = (
    "1883-06-01 12:00:00", "1911-03-10 12:00:00", "1940-06-14 10:00:00", "2024-03-31 01:59:59", "2024-03-31 03:00:00",
    "2024-07-01 12:00:00", "2024-10-27 01:59:59", "2024-10-27 03:00:00", "2024-12-01 12:00:00", "2050-07-01 12:00:00",
    "9999-12-31 23:59:59",
)  # fmt: skip
ODD = {"2024-03-31 02:30:00": ("2024-03-31 00:30:00", "2024-03-31 01:30:00"),
       "2024-10-27 02:30:00": ("2024-10-27 00:30:00", "2024-10-27 01:30:00")}  # fmt: skip
TYPES = {"postgresql": "timestamp({}) without time zone", "duckdb": "timestamp", "sqlite": "datetime",
         "oracle": "timestamp({})", "sqlserver": "datetime2({})"}  # fmt: skip
LITERALS = {"oracle": "TIMESTAMP '{}'"}
SHOWN = {"postgresql": "(c{n} AT TIME ZONE 'UTC')::text", "duckdb": "make_timestamp(epoch_us(c{n}))::text",
         "sqlite": "substr(c{n}, 1, length(c{n}) - 6)", "oracle": "SYS_EXTRACT_UTC(c{n})",
         "sqlserver": "CAST(SWITCHOFFSET(c{n}, '+00:00') AS datetime2)"}  # fmt: skip


def filled(source: Spot, walls: tuple[str, ...]) -> None:
    kinds = ", ".join(f"c{n} {TYPES.get(source.engine, 'datetime({})').format(n)} NULL" for n in (0, 3, 6))
    source.ask(f"CREATE TABLE t (id int PRIMARY KEY, {kinds})")
    spelt = LITERALS.get(source.engine, "'{}'")
    for number, wall in enumerate(walls):
        moments = ", ".join(spelt.format(f"{wall}{more}") for more in ("", ".125", ".000001"))
        source.ask(f"INSERT INTO t VALUES ({number}, {moments})")
    source.ask("INSERT INTO t VALUES (99, NULL, NULL, NULL)")


def held(target: Spot, n: int) -> list[dt.datetime | None]:
    shown = SHOWN.get(target.engine, "c{n}").format(n=n)
    rows = target.ask(f"SELECT {shown} FROM t ORDER BY id")
    return [dt.datetime.fromisoformat(str(row[0])) if row[0] else None for row in rows]


def zoned(source: Spot, rule: str = "") -> dict[str, tuple[Choice, ...]]:
    zones = tuple((source.kept(f"c{n}"), "Europe/Paris") for n in (0, 3, 6))
    return {"choices": (Choice(source.kept("t"), zones=zones, zone_rule=rule),)}


def meant(walls: tuple[str, ...], n: int) -> list[dt.datetime | None]:
    """By zoneinfo, value by value: the offset of each wall time."""
    more = {0: 0, 3: 125_000, 6: 1}[n]
    found = [dt.datetime.fromisoformat(wall).replace(microsecond=more) for wall in walls]
    offsets = [one.replace(tzinfo=PARIS).utcoffset() for one in found]
    return [one - (offset or dt.timedelta()) for one, offset in zip(found, offsets, strict=True)] + [None]


@pytest.mark.parametrize(("source", "target"), CROSSED)
def test_a_wall_clock_becomes_instants(source: str, target: str, tmp_path: Path, servers: Servers) -> None:
    here, there = spot(source, tmp_path, servers), spot(target, tmp_path, servers)
    filled(here, WALLS)
    outcome = moved(here, there, slice_rows=4, **zoned(here))
    for n in (0, 3, 6):
        assert held(there, n) == meant(WALLS, n), n
    (hop,) = outcome.plan.hops
    assert not hop.raw
    assert [(c.type.kind, str(c.fidelity)) for c in hop.columns[1:]] == [
        ("instant", "text" if target == "sqlite" else "normalised")
    ] * 3
    assert "wall clock of Europe/Paris" in hop.columns[1].why


@pytest.mark.parametrize("target", TARGETS)
def test_a_time_that_is_none_or_twice_stops_or_goes_by_the_rule(target: str, tmp_path: Path, servers: Servers) -> None:
    for number, rule in enumerate(("earlier", "later")):
        source, there = spot("sqlite", tmp_path, servers), spot(target, tmp_path, servers)
        filled(source, tuple(ODD))
        moved(source, there, **zoned(source, rule))
        assert [str(one) for one in held(there, 0)[:2]] == [instants[number] for instants in ODD.values()]
    for wall in ODD:
        source, there = spot("sqlite", tmp_path, servers), spot(target, tmp_path, servers)
        filled(source, (WALLS[0], wall))
        request, secrets = requested(source, there, **zoned(source))
        with pytest.raises(DataError, match=f"c0: the wall time {wall} does not exist in Europe/Paris, or") as caught:
            wire.run(request, secrets)
        assert (caught.value.key, caught.value.column) == (f"{there.kept('id')}=1", "c0")


@pytest.mark.parametrize("rule", ["", "later"])
def test_a_rule_may_make_one_instant_of_two_times(rule: str, tmp_path: Path, servers: Servers) -> None:
    """Half past two, which spring skips, is half past three then."""
    source, there = spot("sqlite", tmp_path, servers), spot("duckdb", tmp_path, servers)
    source.ask("CREATE TABLE t (id int PRIMARY KEY, c0 datetime UNIQUE)")
    source.ask("INSERT INTO t VALUES (1, '2024-03-31 02:30:00'), (2, '2024-03-31 03:30:00')")
    choice = Choice("t", zones=(("c0", "Europe/Paris"),), zone_rule=rule)
    plan = wire.plan(*requested(source, there, choices=(choice,)))
    told = [one.message for one in plan.findings if one.name == "not-looked-for" and "clock of c0 skips" in one.message]
    assert len(told) == bool(rule)


def test_a_zone_between_two_of_a_family(tmp_path: Path, servers: Servers) -> None:
    """Where bytes would pass undecoded and native words are kept."""
    for engine in ("postgresql", "duckdb", "sqlite", *MYSQL_FAMILY, "oracle", "sqlserver"):
        source, target = spot(engine, tmp_path, servers), spot(engine, tmp_path, servers)
        filled(source, WALLS)
        moved(source, target, **zoned(source))
        assert held(target, 6) == meant(WALLS, 6)


def test_what_means_the_wall_clock_is_not_carried(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("postgresql", tmp_path, servers), spot("postgresql", tmp_path, servers)
    source.ask(
        "CREATE TABLE t (id int PRIMARY KEY, c6 timestamp DEFAULT '2024-07-01 12:00', other int CHECK (other > 0), "
        "CONSTRAINT late CHECK (c6 > '2000-01-01')) WITH (fillfactor=70)"
    )
    source.ask("CREATE INDEX few ON t (id) WHERE c6 > '2024-01-01'")
    source.ask("CREATE INDEX plain ON t (c6)")
    outcome = moved(source, target, choices=(Choice("t", zones=(("c6", "Europe/Paris"),)),))
    lost = sorted(one.message.partition(" is not")[0] for one in outcome.plan.findings if one.name == "zone-lost")
    assert [one[:20] for one in lost] == ["check late", "index few", "the default of c6: '"]
    names = target.ask("SELECT indexname FROM pg_indexes WHERE tablename = 't' ORDER BY 1")
    assert names == [("plain",), ("t_pkey",)]
    assert target.ask("SELECT reloptions FROM pg_class WHERE relname = 't'") == [(["fillfactor=70"],)]


def test_what_stands_behind_the_columns_stays(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("sqlite", tmp_path, servers), spot("sqlite", tmp_path, servers)
    source.ask("CREATE TABLE t (id TEXT PRIMARY KEY, c0 timestamp) WITHOUT ROWID")
    source.ask("CREATE TABLE s (id TEXT PRIMARY KEY, c0 TEXT) STRICT")
    zones, types = (("c0", "Europe/Paris"),), (("c0", "timestamp"),)
    moved(source, target, choices=(Choice("t", zones=zones),))
    assert target.ask("SELECT wr FROM pragma_table_list WHERE name = 't'") == [(1,)]
    assert "s is STRICT, and its column c0" in refusal(source, target, choices=(Choice("s", types=types, zones=zones),))


def test_partitions_by_the_wall_clock_are_not_carried(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("postgresql", tmp_path, servers), spot("postgresql", tmp_path, servers)
    source.ask("CREATE TABLE t (id int, c6 timestamp NOT NULL) PARTITION BY RANGE (c6)")
    source.ask("CREATE TABLE t24 PARTITION OF t FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')")
    source.ask("INSERT INTO t VALUES (1, '2024-01-01 00:30')")
    outcome = moved(source, target, choices=(Choice("t", zones=(("c6", "Europe/Paris"),)),))
    assert "zone-lost" in {one.name for one in outcome.plan.findings}
    assert target.ask("SELECT (c6 AT TIME ZONE 'UTC')::text FROM t") == [("2023-12-31 23:30:00",)]
    assert target.ask("SELECT relkind::text FROM pg_class WHERE relname = 't'") == [("r",)]


def test_what_cannot_be_asked_for(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("sqlite", tmp_path, servers), spot("duckdb", tmp_path, servers)
    filled(source, WALLS)
    for zones, said in (
        ((("c0", "Europe/Pairs"),), "has no zone 'Europe/Pairs'"),
        ((("id", "Europe/Paris"),), "a zone is for timestamps without one"),
        ((("c9", "Europe/Paris"),), "has no column 'c9'"),
    ):
        assert said in refusal(source, target, choices=(Choice("t", zones=zones),))


class Stops(Progress):
    """Fails once the second slice has landed."""

    def __init__(self) -> None:
        self.landings = 0

    def landed(self, receipt: object) -> None:
        self.landings += 1
        if self.landings == 2:
            raise KeyboardInterrupt


@pytest.mark.parametrize("target", ["postgresql", "duckdb"])
def test_an_interrupted_run_is_resumed(target: str, tmp_path: Path, servers: Servers) -> None:
    source, there = spot("sqlite", tmp_path, servers), spot(target, tmp_path, servers)
    filled(source, WALLS)
    request, secrets = requested(source, there, slice_rows=2, **zoned(source))
    with pytest.raises(KeyboardInterrupt):
        wire.run(request, secrets, progress=Stops())
    outcome = wire.run(request, secrets, resume=True)
    assert outcome.report
    assert outcome.report.equal
    assert held(there, 6) == meant(WALLS, 6)
    assert len({receipt.attempt.rpartition("-")[0] for receipt in outcome.receipts if receipt.slice}) == 2


def test_views_in_wall_time_stay_behind(tmp_path: Path, servers: Servers) -> None:
    here, there = spot("postgresql", tmp_path, servers), spot("duckdb", tmp_path, servers)
    here.ask("CREATE TABLE t (id int PRIMARY KEY, c0 timestamp)")
    here.ask("CREATE VIEW late AS SELECT id FROM t WHERE c0 > '2024-07-01 00:00:00'")
    here.ask("CREATE VIEW numbers AS SELECT id FROM t")
    outcome = moved(here, there, choices=(Choice("*", zones=(("c0", "Europe/Paris"),)),))
    (lost,) = [finding for finding in outcome.plan.findings if finding.name == "zone-lost"]
    assert (lost.where, lost.grade) == ("public.late", "warning")
    assert there.ask("SELECT count(*) FROM numbers") == [(0,)]
