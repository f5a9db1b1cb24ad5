"""Tables that queries make of staged ones: as a naive reading in Python would make them, whatever is killed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from attacks import attack, equal_to_what_was_read, finished
from ropeway.cli import wire
from ropeway.cli.job import Wanted, job
from ropeway.cli.samples import unsampled
from ropeway.transfer.engines.duckdb.loader import DuckLoader
from ropeway.transfer.errors import DataError, DifferenceFound, EngineError, RequestError, UnfinishedRun
from ropeway.transfer.plan import from_json, to_json
from ropeway.verify.report import EQUALS_READ
from shell import Shell
from spots import Servers, Spot, spot

REPORT = {
    "to": "report", "from": {"o": "orders", "c": "customer"}, "key": "id", "one_per": "o",
    "reshape": "SELECT o.id, o.total, c.name, c.since FROM o LEFT JOIN c ON c.id = o.cid",
}  # fmt: skip
TAGS = {
    "to": "tag", "from": {"c": "customer"},
    "reshape": "SELECT id, unnest(string_split(tags, ',')) AS tag FROM c WHERE tags <> ''",
}  # fmt: skip
TOTALS = {
    "to": "totals",
    "from": {"o": "orders"},
    "reshape": "SELECT cid, count(*) AS orders, sum(total)::decimal(18,2) AS total FROM o GROUP BY cid",
}


@pytest.fixture(autouse=True)
def within(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def shop(place: Spot, customers: int = 7, orders: int = 40) -> Spot:
    place.ask(
        "CREATE TABLE customer (id int PRIMARY KEY, name varchar(20) NOT NULL, tags varchar(30), since timestamp NULL)"
    )
    place.ask("CREATE TABLE orders (id int PRIMARY KEY, cid int, total decimal(10,2))")
    tags = ["", "a", "a,b", "b,ü,c"]
    word = "TIMESTAMP " if place.engine == "oracle" else ""
    people = [
        f"({n}, 'n{n % 3}', '{tags[n % 4]}', {word}'2024-0{n % 9 + 1}-01 10:00:00')" for n in range(1, customers + 1)
    ]
    place.ask(f"INSERT INTO customer VALUES {', '.join(people)}")
    place.ask(f"INSERT INTO orders VALUES {', '.join(f'({n}, {n % (customers + 2)}, {n}.25)' for n in range(orders))}")
    return place


def keys(source: Spot | dict[str, Spot], target: Spot, *tables: dict[str, Any], **more: Any) -> dict[str, Any]:
    places = {"source": source.url} if isinstance(source, Spot) else {
        "sources": {alias: one.url for alias, one in source.items()}
    }  # fmt: skip
    return {**places, "target": target.url, "tables": [*tables], "slice_rows": 11, **more}


def asked(source: Spot | dict[str, Spot], target: Spot, *tables: dict[str, Any], **more: Any) -> Wanted:
    return job(**keys(source, target, *tables, **more))


def done(wanted: Wanted, **how: Any) -> wire.Outcome:
    outcome = wire.run(wanted.request, wanted.secrets, **how)
    assert outcome.report
    assert {table.claim for table in outcome.report.tables} == {EQUALS_READ}
    return outcome


def naive(place: Spot) -> dict[str, list[tuple[Any, ...]]]:
    """What the three queries make, by Python alone."""
    people = {row[0]: row for row in place.ask("SELECT id, name, tags, since FROM customer")}
    orders = place.ask("SELECT id, cid, total FROM orders")
    sums: dict[Any, list[Any]] = {}
    for _, cid, total in orders:
        sums.setdefault(cid, []).append(total)
    return {
        "report": sorted((n, float(total), *(people.get(cid) or (0, None))[1:2]) for n, cid, total in orders),
        "tag": sorted((n, tag) for n, _, tags, _ in people.values() if tags for tag in tags.split(",")),
        "totals": sorted((cid, len(found), float(sum(found))) for cid, found in sums.items()),
    }


def found(place: Spot) -> dict[str, list[tuple[Any, ...]]]:
    return {
        "report": sorted((n, float(total), name) for n, total, name in place.ask("SELECT id, total, name FROM report")),
        "tag": sorted(place.ask("SELECT id, tag FROM tag")),
        "totals": sorted((c, n, float(t)) for c, n, t in place.ask("SELECT cid, orders, total FROM totals")),
    }


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ("postgresql", "mariadb"), ("mariadb", "postgresql"), ("sqlite", "duckdb"), ("duckdb", "sqlite"),
        ("oracle", "postgresql"), ("postgresql", "sqlserver"),
    ],
)  # fmt: skip
def test_joined_taken_apart_and_summed(here: str, there: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot(here, tmp_path, servers), spot(there, tmp_path, servers)
    shop(source)
    wanted = asked(source, target, REPORT, TAGS, TOTALS)
    plan = wire.plan(wanted.request, wanted.secrets)
    assert from_json(to_json(plan)) == plan
    outcome = done(wanted)
    assert found(target) == naive(source)
    (report,) = [one for one in outcome.reshaped if one.target.endswith("report")]
    assert (report.rows, sorted(rows for _, rows, _ in report.sources)) == (40, [7, 40])
    assert [(c.target, c.type, c.native) for hop in plan.hops for c in hop.columns] == [
        (c.target, c.type, c.native) for hop in outcome.plan.hops for c in hop.columns
    ]
    with pytest.raises(Exception, match=r"(?i)duplicate|unique|constraint"):  # the key that the entry names
        target.ask("INSERT INTO report (id) VALUES (1)")
    assert not list((tmp_path / ".ropeway" / "reshape").glob("*/"))


def test_tables_of_several_sources(tmp_path: Path, servers: Servers) -> None:
    """A lookup in another engine; each table is read once, for all queries that see it."""
    sources = {"eu": shop(spot("postgresql", tmp_path, servers)), "us": shop(spot("sqlite", tmp_path, servers), 3)}
    target = spot("postgresql", tmp_path, servers)
    asking = [
        {**REPORT, "from": {"o": "eu:orders", "c": "us:customer"}},
        {"to": "people", "from": {"c": "us:customer", "e": "eu:customer"},
         "reshape": "SELECT 'us' AS region, id, name FROM c UNION ALL SELECT 'eu', id, name FROM e",
         "key": ["region", "id"]},
    ]  # fmt: skip
    outcome = done(asked(sources, target, *asking))
    assert outcome.plan.staging
    assert sorted(hop.named for hop in outcome.plan.staging.hops) == [
        "eu:public.customer", "eu:public.orders", "us:customer",
    ]  # fmt: skip
    assert target.ask("SELECT count(*), count(name) FROM report") == [(40, 15)]
    assert target.ask("SELECT region, count(*) FROM people GROUP BY 1 ORDER BY 1") == [("eu", 7), ("us", 3)]
    report = next(one for one in outcome.reshaped if one.target.endswith("report"))
    assert {name: rows for name, rows, _ in report.sources} == {"eu:public.orders": 40, "us:customer": 3}


@pytest.mark.parametrize(
    ("point", "nth", "decided"),
    [
        ("landed", 2, False),  # rows on their way into the stage
        ("stepping", 4, False),  # a query's own transaction
        ("landed", 6, True),  # rows on their way out of it
        ("landed", 11, True), ("stepped", 9, True),
        ("finished", 1, True), ("finished", 2, True), ("finished", 3, True),
    ],
)  # fmt: skip
def test_a_killed_run_goes_on(point: str, nth: int, *, decided: bool, tmp_path: Path, servers: Servers) -> None:
    """What the queries made stays made: the source is asked for these rows no more."""
    source, target = shop(spot("sqlite", tmp_path, servers)), spot("postgresql", tmp_path, servers)
    settings_ = {"job": keys(source, target, REPORT, TAGS, TOTALS, workers=1), "point": point, "nth": nth}
    killed = attack(**settings_)
    assert killed.returncode == -signal.SIGKILL, killed.stderr[-2000:]
    before = naive(source)
    source.ask("UPDATE orders SET total = total + 1")
    source.ask("DELETE FROM customer WHERE id = 2")
    after = naive(source)
    equal_to_what_was_read(finished(settings_))
    made = found(target)
    assert made == before if decided else made in (before, after)
    assert not list((tmp_path / ".ropeway" / "reshape").glob("*/"))


def test_a_stage_whose_run_has_ended_is_no_hindrance(tmp_path: Path, servers: Servers) -> None:
    """Its process was killed between the end of the run and the removal of the stage."""
    source, target = shop(spot("sqlite", tmp_path, servers)), spot("postgresql", tmp_path, servers)
    wanted = asked(source, target, REPORT, mode="replace")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ropeway.cli.staging.rmtree", lambda *_, **__: None)
        done(wanted)
    assert list((tmp_path / ".ropeway" / "reshape").glob("*/"))
    with pytest.raises(RequestError, match="No run of this job is unfinished"):
        wire.run(wanted.request, wanted.secrets, resume=True)
    done(wanted)


def test_a_stage_that_was_left_is_told_of(tmp_path: Path, servers: Servers) -> None:
    """A query whose join meets no row, or several: nothing is loaded, and a fresh run begins with the source anew."""
    source, target = shop(spot("sqlite", tmp_path, servers)), spot("duckdb", tmp_path, servers)
    inner = {**REPORT, "reshape": "SELECT o.id, c.name FROM o JOIN c ON c.id = o.cid"}
    wanted = asked(source, target, inner)
    with pytest.raises(DataError, match=r"report: orders has 40 rows, and the query made 31"):
        wire.run(wanted.request, wanted.secrets)
    with pytest.raises(UnfinishedRun, match="left its stage"):
        wire.run(wanted.request, wanted.secrets)
    with pytest.raises(DataError, match="made 31"):  # it was decided
        wire.run(wanted.request, wanted.secrets, resume=True)
    source.ask("DELETE FROM orders WHERE cid NOT IN (SELECT id FROM customer)")
    done(wanted, fresh=True)
    assert target.ask("SELECT count(*) FROM report") == [(31,)]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"reshape": "SELECT nope FROM o"}, "nope"),
        ({"reshape": "SELECT o.id FROM o", "key": "no"}, "key names 'no'"),
        ({"reshape": "SELECT id, id + total[1] AS more FROM o"}, "DuckDB does not take the query"),
        ({"reshape": "SELECT id FROM o", "from": {"o": "order"}}, "Did you mean orders"),
    ],
)
def test_what_cannot_be_is_found_by_the_plan(
    entry: dict[str, Any], said: str, tmp_path: Path, servers: Servers
) -> None:  # fmt: skip
    source, target = shop(spot("sqlite", tmp_path, servers)), spot("postgresql", tmp_path, servers)
    wanted = asked(source, target, {**REPORT, "from": {"o": "orders"}, **entry})
    with pytest.raises(RequestError) as caught:
        wire.plan(wanted.request, wanted.secrets)
    assert said.lower() in str(caught.value).lower()
    assert not (tmp_path / ".ropeway").exists()


def test_policies_are_for_what_is_made(tmp_path: Path, servers: Servers) -> None:
    """The stage holds what the target does not."""
    source, target = spot("postgresql", tmp_path, servers), spot("mariadb", tmp_path, servers)
    source.ask("CREATE TABLE m (id int PRIMARY KEY, v double precision)")
    source.ask("INSERT INTO m VALUES (1, 'NaN'), (2, 0.5)")
    entry = {"to": "made", "from": {"m": "m"}, "reshape": "SELECT id, v FROM m", "key": "id"}
    with pytest.raises(RequestError, match="--policy nan=null"):
        done(asked(source, target, entry))
    done(asked(source, target, entry, policies={"nan": "null"}))
    assert target.ask("SELECT id, v FROM made ORDER BY id") == [(1, None), (2, 0.5)]


def test_the_source_alone_is_spared(tmp_path: Path, servers: Servers) -> None:
    """Whether it is busy is asked while the stage is filled; the stage itself says nothing of that."""
    source, target = shop(spot("postgresql", tmp_path, servers)), spot("sqlite", tmp_path, servers)
    wanted = asked(source, target, TAGS, throttle=["running=500", "1000000rows/s"])
    done(wanted, limits=wanted.limits)
    assert sorted(target.ask("SELECT id, tag FROM tag")) == naive(source)["tag"]


def test_one_process_carries_out_a_job(tmp_path: Path, servers: Servers) -> None:
    """Whether a stage is there or not."""
    source, target = shop(spot("sqlite", tmp_path, servers)), spot("duckdb", tmp_path, servers)
    wanted = asked(source, target, TAGS)
    stage = Path(wanted.request.source.database).parent
    holding = (
        "import sys; from pathlib import Path; from ropeway.transfer.engines.files.durable import lock; "
        f"path = Path({str(stage.with_suffix('.lock'))!r}); path.parent.mkdir(parents=True); one = lock(path); "
        "print(flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen([sys.executable, "-c", holding], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert other.stdout
        other.stdout.readline()
        for how in ({}, {"fresh": True}, {"resume": True}):
            with pytest.raises(EngineError, match="Another process is carrying out this job"):
                done(wanted, **how)
    finally:
        other.communicate()
    done(wanted)


def test_a_stage_that_differs_is_made_nothing_of(
    tmp_path: Path, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    """A row of the stage that is another one after it was loaded: --resume says so again, and --fresh begins anew."""
    source, target = shop(spot("sqlite", tmp_path, servers)), spot("duckdb", tmp_path, servers)
    wanted = asked(source, target, TAGS)
    with monkeypatch.context() as patch:
        made = DuckLoader.load

        def load(self: DuckLoader, *given: Any) -> int:
            rows = made(self, *given)
            self.execute("UPDATE c SET tags = 'spoilt' WHERE id = 3")
            return rows

        patch.setattr(DuckLoader, "load", load)
        with pytest.raises(DifferenceFound, match="The stage differs"):
            done(wanted)
    with pytest.raises(DifferenceFound, match="The stage differs"):
        done(wanted, resume=True)
    done(wanted, fresh=True)
    assert sorted(target.ask("SELECT id, tag FROM tag")) == naive(source)["tag"]


_TEXT = some.text("ab, ü'\"", max_size=6)
_ROWS = some.lists(some.tuples(some.integers(-3, 3) | some.none(), _TEXT | some.none()), max_size=9)


def test_any_rows_join_and_come_apart(tmp_path: Path, servers: Servers) -> None:
    """Inner, left and full joins of keys that are there twice, not at all, or NULL, and texts taken apart."""
    del servers

    @settings(max_examples=6, deadline=None)
    @given(_ROWS, _ROWS)
    def check(left: list[tuple[Any, ...]], right: list[tuple[Any, ...]]) -> None:
        source, target = (spot(one, tmp_path, None) for one in ("sqlite", "duckdb"))  # type: ignore[arg-type]
        for table, rows in (("l", left), ("r", right)):
            source.ask(f"CREATE TABLE {table} (k integer, t text)")
            for k, t in rows:
                word = "NULL" if t is None else "'" + t.replace("'", "''") + "'"
                source.ask(f"INSERT INTO {table} VALUES ({'NULL' if k is None else k}, {word})")
        both = {"l": "l", "r": "r"}
        queries = {
            "inner_": "SELECT l.k, l.t, r.t AS u FROM l JOIN r USING (k)",
            "left_": "SELECT l.k, l.t, r.t AS u FROM l LEFT JOIN r ON r.k = l.k",
            "parts": "SELECT k, unnest(string_split(t, ',')) AS part FROM l",
        }
        seen = {name: both if " r" in query else {"l": "l"} for name, query in queries.items()}
        done(asked(source, target, *({"to": n, "from": seen[n], "reshape": q} for n, q in queries.items())))
        met = [(k, t, u) for k, t in left for j, u in right if k is not None and k == j]
        alone = [(k, t, None) for k, t in left if k is None or k not in {j for j, _ in right}]
        order = repr
        assert sorted(target.ask("SELECT * FROM inner_"), key=order) == sorted(met, key=order)
        assert sorted(target.ask("SELECT * FROM left_"), key=order) == sorted(met + alone, key=order)
        split = [(k, part) for k, t in left if t is not None for part in t.split(",")]
        assert sorted(target.ask("SELECT * FROM parts"), key=order) == sorted(split, key=order)

    check()


@pytest.mark.parametrize("here", ["sqlite", "mariadb"])
def test_rows_are_shown_where_they_are_those_of_the_run(here: str, tmp_path: Path, servers: Servers) -> None:
    """Before: what is read of each table. After: what a query makes of them, if it makes each row of one alone."""
    source, target = shop(spot(here, tmp_path, servers)), spot("postgresql", tmp_path, servers)
    tags = {**TAGS, "transforms": [{"derive": {"upper": "upper(tag)"}}]}
    wanted = asked(source, target, REPORT, tags, TOTALS)
    plan = wire.plan(wanted.request, wanted.secrets)
    shown = {name.split()[-1].rpartition(".")[2]: one for name, one in wire.sample(plan, 4, wanted.secrets).items()}
    assert sorted(shown) == ["c", "o", "tag"]
    assert [row["id"] for row in shown["c"].to_pylist()] == [1, 2, 3, 4]
    made = [(row["id"], row["tag"], row["upper"]) for row in shown["tag"].to_pylist()]
    assert made == [(1, "a", "A"), (2, "a", "A"), (2, "b", "B"), (3, "b", "B")]
    hidden = {name.split()[-1].rpartition(".")[2]: said for name, said in unsampled(plan).items()}
    assert hidden == {"report": "more than one table", "totals": "GROUP BY"}
    assert not (tmp_path / ".ropeway").exists()
    done(wanted)
    assert set(made) <= set(target.ask("SELECT id, tag, upper FROM tag"))


def test_a_plan_is_written_for_reading(tmp_path: Path, servers: Servers) -> None:
    """What will be made, in the stage and in the target, is there to be read; what is run is planned by the stage."""
    sources = {"eu": shop(spot("postgresql", tmp_path, servers)), "us": shop(spot("sqlite", tmp_path, servers), 3)}
    target = spot("mariadb", tmp_path, servers)
    given = keys(sources, target, {**REPORT, "from": {"o": "eu:orders", "c": "us:customer"}, "after": ["SELECT 17"]})
    (tmp_path / "job.yaml").write_text(json.dumps({one: given[one] for one in ("sources", "target", "tables")}))
    shell = Shell(tmp_path)
    shell("plan", "job.yaml", "--out", "p")
    texts = {path.name: path.read_text() for path in (tmp_path / "p").iterdir()}
    assert "LEFT JOIN c ON c.id = o.cid" in texts["stage.sql"]
    assert "public.orders.cid" in texts["stage.md"]
    assert "customer.since" in texts["stage.md"]
    assert "CREATE TABLE `report`" in texts["before.sql"]
    assert "SELECT 17;" in texts["after.sql"]
    assert "DROP TABLE `report`" in texts["down.sql"]
    assert "--seal" not in "".join(texts.values())
    for command in (("run", "p"), ("verify", "p"), ("plan", "--seal", "p")):
        assert "is for reading" in shell.refused(*command)
    assert target.ask("SHOW TABLES") == []
    shell("plan", "job.yaml", "--out", "p")  # a folder that holds such a plan takes another
    made = shell.json("plan", "job.yaml", "--sample", "2")
    assert [len(rows) for rows in made["sample"].values()] == [2, 2]
    assert list(made["sample_hidden"].values()) == ["more than one table"]
