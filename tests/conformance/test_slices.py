"""Cuts on real servers: each row in exactly one slice, whatever the keys look like."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from ropeway.cli import wire
from ropeway.transfer.engines import engine_of
from ropeway.transfer.place import parse, resolve
from ropeway.transfer.plan import Cut, from_json, to_json
from ropeway.transfer.request import Request
from servers import Postgresql
from spots import MYSQL_FAMILY, PLACES, Servers, Spot, spot

# name: (type of the key, its values as SQL)
KEYS: dict[str, tuple[str, Sequence[str]]] = {
    "dense": ("integer", [str(n) for n in range(1, 301)]),
    "skewed": ("bigint", [str(n) for n in range(250)] + [str(10**12 + n) for n in range(50)]),
    "negative": ("integer", [str(n) for n in range(-150, 150)]),
    "extreme": ("bigint", ["-9223372036854775808", "-1", "0", "1", "9223372036854775807", *map(str, range(2, 250))]),
    "texts": ("varchar(20)", [f"'{word} {n}'" for n in range(60) for word in ("a", "B", "öx", "z''s", "Zz")]),
    "dates": ("date", [f"'{1900 + n}-03-01'" for n in range(150)]),
    "few": ("integer", ["1", "2"]),
}


# How types and values are spelt, and how a table is counted anew, where it is otherwise than in most.
TYPES = {"oracle": {"bigint": "number(19)"}, "sqlserver": {"varchar(20)": "nvarchar(20)"}}
LITERALS = {
    ("oracle", "date"): "DATE {}", ("sqlserver", "varchar(20)"): "N{}",
}  # fmt: skip
ANALYZE = {
    **dict.fromkeys(MYSQL_FAMILY, "ANALYZE TABLE t"), "oracle": "BEGIN DBMS_STATS.GATHER_TABLE_STATS(USER, 'T'); END;",
    "sqlserver": "UPDATE STATISTICS t",
}  # fmt: skip


@pytest.fixture(params=PLACES)
def source(request: pytest.FixtureRequest, tmp_path: Path, servers: Servers) -> Spot:
    return spot(request.param, tmp_path, servers)


def filled(source: Spot, keys: str) -> int:
    kind, values = KEYS[keys]
    spelt = LITERALS.get((source.engine, kind), "{}")
    source.ask(f"CREATE TABLE t (k {TYPES.get(source.engine, {}).get(kind, kind)} NOT NULL PRIMARY KEY, v integer)")
    rows = ", ".join(f"({spelt.format(value)}, {n})" for n, value in enumerate(values))
    source.ask(f"INSERT INTO t (k, v) VALUES {rows}")
    source.ask(ANALYZE.get(source.engine, "ANALYZE"))
    return len(values)


def counts(source: Spot, cuts: Sequence[Cut]) -> list[int]:
    place, _ = parse(source.url)
    engine = engine_of(place.scheme)
    made = []
    for cut in cuts:
        condition = engine.condition(cut)
        made.append(int(source.ask("SELECT count(*) FROM t" + (f" WHERE {condition}" if condition else ""))[0][0]))
    return made


def cuts_of(source: Spot, wanted: int) -> tuple[Cut, ...]:
    place, secret = parse(source.url)
    engine = engine_of(place.scheme)
    session = engine.connect(resolve(place, secret))
    try:
        (table,) = wire.inspect(source.url, (source.kept("t"),))
        return engine.cuts(session, table, "", wanted)
    finally:
        session.close()


@pytest.mark.parametrize("keys", KEYS)
def test_each_row_is_in_one_slice(source: Spot, keys: str) -> None:
    rows = filled(source, keys)
    for wanted in (1, 2, 7, 60):
        cuts = cuts_of(source, wanted)
        assert sum(counts(source, cuts)) == rows
        assert len(cuts) <= max(2 * wanted, 2)
        # Rows that come after the plan fall into a slice too: the ends are open.
        if len(cuts) > 1:
            assert cuts[0].lower is None
            assert cuts[-1].upper is None


@pytest.mark.parametrize("engine", ["postgresql", "mariadb", "mysql"])
def test_a_table_is_really_cut(engine: str, tmp_path: Path, servers: Servers) -> None:
    """Tests that never slice prove nothing: these tables give several slices, none with most of the rows."""
    source = spot(engine, tmp_path, servers)
    rows = 3_000
    source.ask("CREATE TABLE t (k integer NOT NULL PRIMARY KEY, v varchar(400))")
    source.ask("INSERT INTO t VALUES " + ", ".join(f"({n}, '{'x' * 300}')" for n in range(rows)))
    source.ask("ANALYZE TABLE t" if engine in MYSQL_FAMILY else "ANALYZE")
    found = counts(source, cuts_of(source, 10))
    assert sum(found) == rows
    assert len(found) >= 8
    assert max(found) < rows / 3


def test_null_keys_have_their_slice(postgresql: Postgresql, tmp_path: Path) -> None:
    """Quantiles of a nullable column: the NULLs are in no range."""
    place, secret = parse(postgresql.database())
    engine = engine_of("postgresql")
    session = engine.connect(resolve(place, secret))
    try:
        session.execute("CREATE TABLE t (k integer, v integer)")
        session.execute("INSERT INTO t SELECT CASE WHEN n % 3 > 0 THEN n END, n FROM generate_series(1, 300) n")
        table = next(table for table in engine.tables(session) if table.name.table == "t")
        from dataclasses import replace

        cuts = engine.cuts(session, replace(table, key=("k",), physical={}), "", 5)
        conditions = [engine.condition(cut) for cut in cuts]
        found = [int(str(session.ask(f"SELECT count(*) FROM t WHERE {c}")[0][0])) for c in conditions]
    finally:
        session.close()
    assert sum(found) == 300
    assert cuts[-1].kind == "nulls"
    assert found[-1] == 100


def test_slices_of_three_rows(source: Spot, tmp_path: Path, servers: Servers) -> None:
    rows = filled(source, "negative")
    (one, secret), (other, _) = parse(source.url), parse(f"sqlite:///{tmp_path / 'arrived.sqlite'}")
    outcome = wire.run(Request(one, other, slice_rows=3), wire.Secrets(secret, ""))
    assert sum(receipt.read for receipt in outcome.receipts) == rows
    assert outcome.report
    assert outcome.report.equal


@pytest.mark.parametrize("engine", PLACES)
def test_a_written_plan_is_cut_as_its_table_is_now(engine: str, tmp_path: Path, servers: Servers) -> None:
    """A table that grew after planning would have all that is new in its last slice."""
    source = spot(engine, tmp_path, servers)
    source.ask("CREATE TABLE t (id integer PRIMARY KEY, word varchar(400))")
    source.ask("INSERT INTO t VALUES (1, 'a')")
    analyze = {**ANALYZE, "postgresql": "ANALYZE t"}.get(engine)
    (one, secret), (other, _) = parse(source.url), parse(f"sqlite:///{tmp_path / 'grown.sqlite'}")
    request = Request(one, other, slice_rows=100 if engine != "duckdb" else 130_000)
    plan = from_json(to_json(wire.plan(request, wire.Secrets(secret))))
    assert len(plan.hops[0].slices) == 1
    rows = 3_000 if engine != "duckdb" else 400_000
    if engine == "duckdb":
        source.ask(f"INSERT INTO t SELECT i, 'word ' || i FROM range(2, {rows + 1}) AS r (i)")
    else:
        for low in range(2, rows + 1, 500):
            values = ", ".join(f"({n}, '{'w' * 390}{n}')" for n in range(low, min(low + 500, rows + 1)))
            source.ask(f"INSERT INTO t VALUES {values}")
    if analyze:
        source.ask(analyze)
    outcome = wire.run(plan, wire.Secrets(secret))
    landed = [receipt.read for receipt in outcome.receipts if receipt.slice]
    assert sum(landed) == rows
    assert len(landed) > 2
    assert max(landed) < rows * 0.8
