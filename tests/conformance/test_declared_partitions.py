"""Partitions that a job declares: each row lies in the one that a plain reading of its value says."""

from __future__ import annotations

import signal
from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from attacks import attack, equal_to_what_was_read, finished
from moves import moved, planned, refusal, requested
from ropeway.cli import wire
from ropeway.partitioning.declared import call_of
from ropeway.transfer.errors import RequestError
from ropeway.transfer.plan import Finding, Plan, from_json, to_json
from ropeway.transfer.request import Choice
from ropeway.transforms.steps import calls_of
from spots import PLACES, Servers, Spot, spot

In = dict[str, list[Any]]


def choice(**spec: Any) -> tuple[Choice, ...]:
    return (Choice("orders", partition=call_of(spec)),)


def of_grade(plan: Plan, grade: str) -> list[Finding]:
    return [one for one in plan.findings if one.grade == grade]


def lying(place: Spot, table: str = "orders", column: str = "id") -> In:
    """What the rows of each partition have in a column, by its name without the table's; those without rows are left
    out.
    """
    found: defaultdict[str, list[Any]] = defaultdict(list)
    for name, value in _ASK[place.engine](place, table, column):
        found[str(name).lower().removeprefix(f"{table}_")].append(int(value))
    return dict(found)


def _family(place: Spot, table: str, column: str) -> Sequence[Any]:
    parts = place.ask(
        "SELECT DISTINCT PARTITION_NAME FROM information_schema.PARTITIONS WHERE TABLE_SCHEMA = DATABASE() "
        f"AND TABLE_NAME = '{table}' AND PARTITION_NAME IS NOT NULL"
    )
    return [
        (name, value) for (name,) in parts
        for (value,) in place.ask(f"SELECT {column} FROM {table} PARTITION (`{name}`) ORDER BY {column}")
    ]  # fmt: skip


def _oracle(place: Spot, table: str, column: str) -> Sequence[Any]:
    parts = place.ask(f"SELECT partition_name FROM user_tab_partitions WHERE table_name = '{table.upper()}'")
    return [
        (name, value) for (name,) in parts
        for (value,) in place.ask(f"SELECT {column} FROM {table} PARTITION ({name}) ORDER BY {column}")
    ]  # fmt: skip


def _sqlserver(place: Spot, table: str, column: str) -> Sequence[Any]:
    """By the numbers that the server has instead of names."""
    ((name, by),) = place.ask(
        "SELECT f.name, c.name FROM sys.indexes i JOIN sys.partition_schemes s ON s.data_space_id = i.data_space_id "
        "JOIN sys.partition_functions f ON f.function_id = s.function_id JOIN sys.index_columns x "
        "ON x.object_id = i.object_id AND x.index_id = i.index_id AND x.partition_ordinal = 1 "
        "JOIN sys.columns c ON c.object_id = i.object_id AND c.column_id = x.column_id "
        f"WHERE i.object_id = OBJECT_ID('{table}') AND i.index_id < 2"
    )
    return place.ask(f"SELECT $PARTITION.[{name}]({by}), {column} FROM {table} ORDER BY {column}")


def _postgresql(place: Spot, table: str, column: str) -> Sequence[Any]:
    return place.ask(f"SELECT tableoid::regclass::text, {column} FROM {table} ORDER BY {column}")


_ASK = {"postgresql": _postgresql, "mariadb": _family, "mysql": _family, "oracle": _oracle, "sqlserver": _sqlserver}
ORDERS = "id integer NOT NULL PRIMARY KEY, ordered_at date, region varchar(9)"
DAYS = ("2023-12-31", "2024-01-01", "2024-01-31", "2024-02-29", "2024-04-01", "NULL")
BY_MONTH = {"by": "range", "column": "ordered_at", "every": "month"}


def orders(place: Spot, columns: str = ORDERS, days: Sequence[str] = DAYS) -> None:
    place.ask(f"CREATE TABLE orders ({columns})")
    for number, day in enumerate(days):
        text = "NULL" if day == "NULL" else f"'{day}'"
        region = ("'DE'", "'FR'", "'US'", "NULL")[number % 4]
        place.ask(f"INSERT INTO orders VALUES ({number}, {text}, {region})")


KEYLESS = ORDERS.replace(" PRIMARY KEY", "")
MONTHS = {"p2023_12": [0], "p2024_01": [1, 2], "p2024_02": [3], "p2024_04": [4], "pdefault": [5]}


@pytest.fixture
def source(tmp_path: Path, servers: Servers) -> Spot:
    return spot("postgresql", tmp_path, servers)


def test_months_in_postgresql(source: Spot, tmp_path: Path, servers: Servers) -> None:
    target = spot("postgresql", tmp_path, servers)
    orders(source, KEYLESS)
    outcome = moved(source, target, choices=choice(**BY_MONTH), level="full")
    assert lying(target) == MONTHS
    (said,) = (one for one in outcome.plan.findings if one.name == "partitions-declared")
    assert "6 partitions (p2023_12, p2024_01, ..., p2024_04, pdefault)" in said.message
    # March has no rows, and its partition; what lies outside goes to the default one.
    for number, day in ((6, "2024-03-05"), (7, "2019-01-01"), (8, "2031-01-01")):
        target.ask(f"INSERT INTO orders VALUES ({number}, '{day}')")
    assert lying(target) == {**MONTHS, "p2024_03": [6], "pdefault": [5, 7, 8]}


OTHERS = {
    "mariadb": {"p2023_12": [0], "p2024_01": [1, 2], "p2024_02": [3], "p2024_04": [4], "pbefore": [5]},
    "oracle": {"p2023_12": [0], "p2024_01": [1, 2], "p2024_02": [3], "p2024_04": [4], "pdefault": [5]},
    "sqlserver": {"2": [0], "3": [1, 2], "4": [3], "6": [4], "1": [5]},
}  # fmt: skip


@pytest.mark.parametrize("engine", list(OTHERS))
def test_months_elsewhere(engine: str, source: Spot, tmp_path: Path, servers: Servers) -> None:
    """Engines without a default partition of ranges have one before all and one behind; NULL is in one of these."""
    target = spot(engine, tmp_path, servers)
    orders(source, KEYLESS)
    moved(source, target, choices=choice(**BY_MONTH), level="full")
    assert lying(target) == OTHERS[engine]
    first, last = ("1", "7") if engine == "sqlserver" else ("pbefore", "pdefault")
    date = "DATE " if engine == "oracle" else ""
    for number, day in ((6, "2023-11-30"), (7, "2024-05-01")):
        target.ask(f"INSERT INTO orders VALUES ({number}, {date}'{day}', NULL)")
    found = lying(target)
    assert 6 in found[first]
    assert 7 in found[last]


UNITS = {
    "day": {"p2023_12_31": [0], "p2024_01_01": [1], "p2024_01_31": [2], "p2024_02_29": [3], "p2024_04_01": [4]},
    "week": {"p2023_w52": [0], "p2024_w01": [1], "p2024_w05": [2], "p2024_w09": [3], "p2024_w14": [4]},
    "quarter": {"p2023_q4": [0], "p2024_q1": [1, 2, 3], "p2024_q2": [4]},
    "year": {"p2023": [0], "p2024": [1, 2, 3, 4]},
}


@pytest.mark.parametrize("unit", list(UNITS))
def test_units(unit: str, tmp_path: Path, servers: Servers) -> None:
    """Of SQLite all rows are read for the least and the greatest."""
    source, target = spot("sqlite", tmp_path, servers), spot("postgresql", tmp_path, servers)
    orders(source, KEYLESS)
    moved(source, target, choices=choice(by="range", column="ordered_at", every=unit))
    assert lying(target) == {**UNITS[unit], "pdefault": [5]}


def test_steps_bounds_lists_and_hashes(source: Spot, tmp_path: Path, servers: Servers) -> None:
    source.ask(f"CREATE TABLE orders ({ORDERS.replace('integer', 'smallint', 1)})")
    for number in (-32768, -1, 0, 999, 1000, 32767):
        region = "'DE'" if number < 0 else "NULL"
        source.ask(f"INSERT INTO orders VALUES ({number}, NULL, {region})")
    expected: dict[str, tuple[dict[str, Any], In]] = {
        "steps": ({"by": "range", "column": "id", "every": 1000},
                  {"pm33000": [-32768], "pm1000": [-1], "p0": [0, 999], "p1000": [1000], "p32000": [32767]}),
        "bounds": ({"by": "range", "column": "id", "bounds": [0, 1000]},
                   {"p0": [-32768, -1], "p1000": [0, 999], "pdefault": [1000, 32767]}),
        "dates": ({"by": "range", "column": "ordered_at", "bounds": ["2024-01-01"], "key": "drop"},
                  {"pdefault": [-32768, -1, 0, 999, 1000, 32767]}),
        "list": ({"by": "list", "column": "region", "values": {"eu": ["DE", "FR"]}, "key": "drop"},
                 {"eu": [-32768, -1], "pdefault": [0, 999, 1000, 32767]}),
        "null": ({"by": "list", "column": "region", "values": {"eu": ["DE"], "no": [None]}, "key": "drop",
                  "outside": "refuse"}, {"eu": [-32768, -1], "no": [0, 999, 1000, 32767]}),
    }  # fmt: skip
    for spec, rows in expected.values():
        target = spot("postgresql", tmp_path, servers)
        moved(source, target, choices=choice(**spec))
        assert lying(target) == rows
    target = spot("postgresql", tmp_path, servers)
    moved(source, target, choices=choice(by="hash", column="id", parts=3))
    assert sorted(value for values in lying(target).values() for value in values) == [-32768, -1, 0, 999, 1000, 32767]
    leaves = target.ask("SELECT relname::text FROM pg_class WHERE relispartition AND relkind = 'r' ORDER BY 1")
    assert leaves == [("orders_p0",), ("orders_p1",), ("orders_p2",)]


@pytest.mark.parametrize("engine", ["postgresql", "mariadb", "oracle"])
def test_lists_elsewhere_and_hashes_within(engine: str, source: Spot, tmp_path: Path, servers: Servers) -> None:
    target = spot(engine, tmp_path, servers)
    source.ask("CREATE TABLE orders (id integer NOT NULL, size integer)")
    source.ask("INSERT INTO orders VALUES (1, 10), (2, 20), (3, 30), (4, NULL)")
    within = {"by": "hash", "column": "id", "parts": 2}
    moved(source, target, choices=choice(by="list", column="size", values={"few": [10, 20]}, within=within))
    found = lying(target)
    if engine == "postgresql":
        assert set(found) <= {"few_p0", "few_p1", "pdefault_p0", "pdefault_p1"}
        found = {"few": found.get("few_p0", []) + found.get("few_p1", []),
                 "pdefault": found.get("pdefault_p0", []) + found.get("pdefault_p1", [])}  # fmt: skip
    assert {name: sorted(values) for name, values in found.items()} == {"few": [1, 2], "pdefault": [3, 4]}


def test_midnights_of_a_zone(source: Spot, tmp_path: Path, servers: Servers) -> None:
    """The 31st of March 2024 begins in Paris at 23 o'clock UTC, and April, after an hour was left out, at 22."""
    moments = ("2024-03-30 22:59:59+00", "2024-03-30 23:00:00+00", "2024-03-31 21:59:59.999999+00",
               "2024-03-31 22:00:00+00")  # fmt: skip
    orders(source, KEYLESS.replace("date", "timestamptz"), moments)
    spec = {"by": "range", "column": "ordered_at", "every": "day"}
    target = spot("postgresql", tmp_path, servers)
    moved(source, target, choices=choice(**spec, zone="Europe/Paris"))
    assert lying(target) == {"p2024_03_30": [0], "p2024_03_31": [1, 2], "p2024_04_01": [3]}
    target = spot("postgresql", tmp_path, servers)
    moved(source, target, choices=choice(**spec))
    assert lying(target) == {"p2024_03_30": [0, 1], "p2024_03_31": [2, 3]}
    target = spot("mariadb", tmp_path, servers)
    moved(source, target, choices=choice(**spec, zone="Europe/Paris"))
    assert lying(target) == {"p2024_03_30": [0], "p2024_03_31": [1, 2], "p2024_04_01": [3]}


def test_a_key_without_the_column_blocks(source: Spot, tmp_path: Path, servers: Servers) -> None:
    target = spot("postgresql", tmp_path, servers)
    orders(source, days=DAYS[:-1])
    source.ask("CREATE UNIQUE INDEX once ON orders (region, id)")
    request, secrets = requested(source, target, choices=choice(**BY_MONTH))
    plan = wire.plan(request, secrets)
    (blocker,) = of_grade(plan, "blocker")
    assert blocker.name == "partition-key"
    assert "the primary key lacks ordered_at; unique index once lacks ordered_at" in blocker.message
    assert all(offer in blocker.remedy for offer in ("key: widen", "key: drop", "no partitioning"))
    with pytest.raises(RequestError, match="partition-key"):
        wire.run(plan, secrets)
    assert target.ask("SELECT relname FROM pg_class WHERE relname = 'orders'") == []


@pytest.mark.parametrize("engine", ["postgresql", "mariadb"])
def test_keys_are_widened_or_dropped(engine: str, source: Spot, tmp_path: Path, servers: Servers) -> None:
    orders(source, days=DAYS[:-1])
    source.ask("CREATE UNIQUE INDEX once ON orders (region, id)")
    for word, name, twice in (("widen", "key-widened", False), ("drop", "key-dropped", True)):
        target = spot(engine, tmp_path, servers)
        outcome = moved(source, target, choices=choice(**BY_MONTH, key=word, nulls="refuse"))
        (said,) = (one for one in outcome.plan.findings if one.name == name)
        assert "primary key" in said.message
        assert "unique index once" in said.message
        assert any(one.name == "partition-nulls" for one in outcome.plan.findings)
        assert lying(target) == {key: rows for key, rows in MONTHS.items() if key != "pdefault"}
        target.ask("INSERT INTO orders VALUES (1, '2024-01-02', 'FR')")  # one id, another day
        again = "INSERT INTO orders VALUES (1, '2024-01-02', 'FR')"
        if twice:
            target.ask(again)
        else:
            with pytest.raises(Exception, match=r"(?i)duplicate"):
                target.ask(again)
        with pytest.raises(Exception, match=r"(?i)null"):
            target.ask("INSERT INTO orders VALUES (9, NULL, 'FR')")


def test_a_key_that_takes_no_null_is_not_widened_by_one(source: Spot, tmp_path: Path, servers: Servers) -> None:
    orders(source)
    plan = planned(source, spot("postgresql", tmp_path, servers), choices=choice(**BY_MONTH, key="widen"))
    (blocker,) = of_grade(plan, "blocker")
    assert blocker.name == "partition-impossible"
    assert "nulls: refuse" in blocker.remedy


LINKED = ("CREATE TABLE item (id integer PRIMARY KEY, orders_id integer REFERENCES orders (id))",
          "INSERT INTO item VALUES (1, 0)")  # fmt: skip


@pytest.mark.parametrize("engine", ["postgresql", "mariadb"])
def test_foreign_keys_that_cannot_be_block(engine: str, source: Spot, tmp_path: Path, servers: Servers) -> None:
    """MySQL's family has none into partitions; and nowhere can one refer to a key that is another."""
    orders(source, days=DAYS[:-1])
    for sql in LINKED:
        source.ask(sql)
    target = spot(engine, tmp_path, servers)
    spec = {**BY_MONTH, "key": "widen", "nulls": "refuse"}
    plan = planned(source, target, choices=(Choice("item"), *choice(**spec)))
    (blocker,) = of_grade(plan, "blocker")
    assert blocker.name == "partition-links"
    assert "item_orders_id_fkey" in blocker.message
    assert "foreign_keys: drop" in blocker.remedy
    outcome = moved(source, target, choices=(Choice("item"), *choice(**spec, foreign_keys="drop")))
    assert [one.message.partition(" is ")[0] for one in outcome.plan.findings if one.name == "foreign-key-lost"] == [
        "foreign key item_orders_id_fkey to " + ("public.orders" if engine == "postgresql" else "orders")
    ]
    assert lying(target)["p2024_01"] == [1, 2]


def test_foreign_keys_that_can_be_stay(source: Spot, tmp_path: Path, servers: Servers) -> None:
    orders(source)
    for sql in LINKED:
        source.ask(sql)
    target = spot("postgresql", tmp_path, servers)
    moved(source, target, choices=(Choice("item"), *choice(by="hash", column="id", parts=2)))
    with pytest.raises(Exception, match="foreign key"):
        target.ask("INSERT INTO item VALUES (2, 77)")


def test_what_lies_outside_is_refused(source: Spot, tmp_path: Path, servers: Servers) -> None:
    orders(source, KEYLESS, DAYS[:-1])
    spec = {**BY_MONTH, "outside": "refuse"}
    for engine in ("postgresql", "mariadb"):
        target = spot(engine, tmp_path, servers)
        plan = moved(source, target, choices=choice(**spec)).plan
        assert lying(target) == {key: rows for key, rows in MONTHS.items() if key != "pdefault"}
        for number, day in ((6, "NULL"), (7, "'2031-01-01'"), (8, "'2019-01-01'")):
            if (engine, number) == ("mariadb", 8):  # the first partition has no begin there, and the plan says so
                assert any(one.name == "partition-outside" for one in plan.findings)
                continue
            with pytest.raises(Exception, match=r"(?i)partition|null"):
                target.ask(f"INSERT INTO orders VALUES ({number}, {day}, NULL)")
    plan = planned(source, spot("sqlserver", tmp_path, servers), choices=choice(**spec))
    (blocker,) = of_grade(plan, "blocker")
    assert blocker.name == "partition-impossible"


def test_a_refused_row_stops_the_run_and_leaves_nothing(source: Spot, tmp_path: Path, servers: Servers) -> None:
    orders(source, KEYLESS, DAYS[:-1])
    target = spot("postgresql", tmp_path, servers)
    request, secrets = requested(source, target, choices=choice(**BY_MONTH, outside="refuse"))
    plan = wire.plan(request, secrets)
    source.ask("INSERT INTO orders VALUES (9, '2031-01-01', NULL)")
    with pytest.raises(Exception, match="no partition"):
        wire.run(plan, secrets)
    assert target.ask("SELECT count(*) FROM orders") == [(0,)]


@pytest.mark.parametrize("engine", ["postgresql", *OTHERS])
def test_a_table_that_is_there_is_recognised(engine: str, source: Spot, tmp_path: Path, servers: Servers) -> None:
    """An equal declaration is fine, even where the rows by now are of other months; one that differs is refused."""
    target = spot(engine, tmp_path, servers)
    orders(source, KEYLESS)
    moved(source, target, choices=choice(**BY_MONTH))
    before = lying(target)
    source.ask("DELETE FROM orders")
    source.ask("INSERT INTO orders VALUES (11, '2024-01-09', NULL)")
    moved(source, target, choices=choice(**BY_MONTH), mode="append")
    january = "3" if engine == "sqlserver" else "p2024_01"
    assert lying(target) == {**before, january: [*before[january], 11]}
    others: tuple[tuple[dict[str, Any], str], ...] = (
        ({**BY_MONTH, "every": "year"}, "has the bound 2023-12-01"),
        ({**BY_MONTH, "every": "day"}, "lacks the bound 2023-12-02"),
        ({"by": "range", "column": "ordered_at", "bounds": ["2024-01-01"]}, "has the bound 2023-12-01"),
        ({"by": "range", "column": "id", "every": 10}, "by range of"),
        ({"by": "hash", "column": "id", "parts": 2}, "by range of"),
        *([] if engine == "sqlserver" else [({**BY_MONTH, "outside": "refuse"}, "a partition for what lies outside")]),
    )  # fmt: skip
    for spec, said in others:
        assert said in refusal(source, target, choices=choice(**spec), mode="append")


def test_a_plain_table_that_is_there_is_no_partitioned_one(source: Spot, tmp_path: Path, servers: Servers) -> None:
    target = spot("postgresql", tmp_path, servers)
    orders(source)
    orders(target)
    assert "it is a plain table" in refusal(source, target, choices=choice(**BY_MONTH), mode="truncate")


def test_lists_and_hashes_that_are_there(source: Spot, tmp_path: Path, servers: Servers) -> None:
    orders(source, KEYLESS)
    within = {"by": "hash", "column": "id", "parts": 2}
    lists: dict[str, Any] = {"by": "list", "column": "region", "values": {"eu": ["DE", "FR"]}, "within": within}
    target = spot("postgresql", tmp_path, servers)
    moved(source, target, choices=choice(**lists))
    moved(source, target, choices=choice(**lists), mode="truncate")
    for spec, said in (
        ({**lists, "values": {"eu": ["DE"]}}, "has a partition of DE, FR"),
        ({**lists, "outside": "refuse"}, "has a partition of DEFAULT"),
        ({**lists, "within": {**within, "parts": 3}}, "inside orders_eu it has 2 partitions, and 3 are declared"),
        ({key: value for key, value in lists.items() if key != "within"}, "divided further, which is not declared"),
    ):
        assert said in refusal(source, target, choices=choice(**spec), mode="truncate")


@pytest.mark.parametrize("engine", ["postgresql", *OTHERS])
def test_replaced(engine: str, source: Spot, tmp_path: Path, servers: Servers) -> None:
    target = spot(engine, tmp_path, servers)
    orders(source, KEYLESS)
    moved(source, target, choices=choice(**BY_MONTH), mode="replace")
    assert lying(target) == {"postgresql": MONTHS, **OTHERS}[engine]
    outcome = moved(source, target, choices=choice(by="range", column="id", every=4), mode="replace")
    found = lying(target)
    expected = {"2": [0, 1, 2, 3], "3": [4, 5]} if engine == "sqlserver" else {"p0": [0, 1, 2, 3], "p4": [4, 5]}
    assert found == expected
    assert wire.clean(outcome.plan.run, target.url, undo=True).stuck == ()
    assert lying(target) == {"postgresql": MONTHS, **OTHERS}[engine]


@pytest.mark.parametrize("engine", ["postgresql", *OTHERS])
def test_rolled_back(engine: str, source: Spot, tmp_path: Path, servers: Servers) -> None:
    target = spot(engine, tmp_path, servers)
    orders(source, KEYLESS)
    outcome = moved(source, target, choices=choice(**BY_MONTH))
    assert wire.clean(outcome.plan.run, target.url, undo=True).stuck == ()
    left = {
        "postgresql": "SELECT relname FROM pg_class WHERE relname LIKE 'orders%'",
        "mariadb": "SHOW TABLES LIKE 'orders%'",
        "oracle": "SELECT table_name FROM user_tables WHERE table_name LIKE 'ORDERS%'",
        "sqlserver": "SELECT name FROM sys.partition_functions UNION ALL SELECT name FROM sys.partition_schemes "
        "UNION ALL SELECT name FROM sys.tables WHERE name LIKE 'orders%'",
    }
    assert target.ask(left[engine]) == []


@pytest.mark.parametrize("engine", ["postgresql", *OTHERS])
@pytest.mark.parametrize(("point", "nth"), [("stepping", 2), ("landed", 2)])
def test_a_killed_run_is_resumed(
    engine: str, point: str, nth: int, source: Spot, tmp_path: Path, servers: Servers
) -> None:
    target = spot(engine, tmp_path, servers)
    source.ask("CREATE TABLE orders (id integer PRIMARY KEY, size integer)")
    source.ask("INSERT INTO orders SELECT n, n % 7 FROM generate_series(0, 3999) n")
    source.ask("ANALYZE orders")
    settings: dict[str, Any] = {
        "source": source.url, "target": target.url, "slice_rows": 300, "point": point, "nth": nth, "tables": [],
        "partition": {"orders": {"by": "range", "column": "id", "every": 1000}},
    }  # fmt: skip
    killed = attack(**settings)
    assert killed.returncode == -signal.SIGKILL, killed.stderr[-2000:]
    equal_to_what_was_read(finished(settings))
    names = ["2", "3", "4", "5"] if engine == "sqlserver" else ["p0", "p1000", "p2000", "p3000"]
    assert lying(target) == {name: [*range(place * 1000, place * 1000 + 1000)] for place, name in enumerate(names)}


def test_transformed_rows_decide(source: Spot, tmp_path: Path, servers: Servers) -> None:
    """The source's SQL does not have the column; a query of the source does."""
    orders(source, KEYLESS)
    steps = calls_of([{"rename": {"ordered_at": "day"}}, {"derive": {"twice": "id * 2"}}, {"filter": "id < 4"}])
    for spec, rows in (
        ({**BY_MONTH, "column": "day"}, {"p2023_12": [0], "p2024_01": [1, 2], "p2024_02": [3]}),
        ({"by": "range", "column": "twice", "every": 4}, {"p0": [0, 1], "p4": [2, 3]}),
    ):
        target = spot("postgresql", tmp_path, servers)
        plan = from_json(to_json(planned(source, target, choices=(
            Choice("orders", transforms=steps, partition=call_of(spec)),
        ))))  # fmt: skip
        wire.run(plan, requested(source, target)[1])
        assert lying(target) == rows
        assert target.ask("SELECT count(*) FROM pg_class WHERE relispartition") == [(len(rows) + 1,)]
    target = spot("postgresql", tmp_path, servers)
    query = "SELECT id, ordered_at AS day FROM orders WHERE id > 1"
    moved(source, target, choices=(Choice(query=query, to="q", partition=call_of({**BY_MONTH, "column": "day"})),))
    assert lying(target, "q") == {"p2024_01": [2], "p2024_02": [3], "p2024_04": [4], "pdefault": [5]}


def test_an_empty_table(source: Spot, tmp_path: Path, servers: Servers) -> None:
    target = spot("postgresql", tmp_path, servers)
    source.ask(f"CREATE TABLE orders ({KEYLESS})")
    moved(source, target, choices=choice(by="range", column="id", every=10))
    target.ask("INSERT INTO orders VALUES (9), (10)")
    assert lying(target) == {"p0": [9], "pdefault": [10]}


def test_a_where_condition_bounds_the_histogram(source: Spot, tmp_path: Path, servers: Servers) -> None:
    target = spot("postgresql", tmp_path, servers)
    orders(source, KEYLESS)
    moved(source, target, choices=(Choice("orders", where="id IN (1, 3)", partition=call_of(BY_MONTH)),))
    leaves = target.ask("SELECT relname::text FROM pg_class WHERE relispartition ORDER BY 1")
    assert [name for (name,) in leaves] == ["orders_p2024_01", "orders_p2024_02", "orders_pdefault"]


def test_declared_partitions_count_and_not_the_sources(source: Spot, tmp_path: Path, servers: Servers) -> None:
    target = spot("postgresql", tmp_path, servers)
    source.ask(f"CREATE TABLE orders ({KEYLESS}) PARTITION BY HASH (id)")
    source.ask("CREATE TABLE orders_one PARTITION OF orders FOR VALUES WITH (MODULUS 1, REMAINDER 0)")
    source.ask("INSERT INTO orders VALUES (1, '2024-01-01', NULL)")
    moved(source, target, choices=choice(**BY_MONTH))
    assert lying(target) == {"p2024_01": [1]}


@pytest.mark.parametrize("engine", ["sqlite", "duckdb"])
def test_engines_without_partitions_say_who_has_some(
    engine: str, source: Spot, tmp_path: Path, servers: Servers
) -> None:
    orders(source)
    said = refusal(source, spot(engine, tmp_path, servers), choices=choice(**BY_MONTH))
    assert f"{engine} targets have no partitions" in said
    assert all(name in said for name in ("postgresql", "mariadb", "oracle", "sqlserver"))


def test_a_column_that_is_none_or_of_another_kind(source: Spot, tmp_path: Path, servers: Servers) -> None:
    target = spot("postgresql", tmp_path, servers)
    orders(source, KEYLESS)
    assert "has no column 'day'" in refusal(source, target, choices=choice(**{**BY_MONTH, "column": "day"}))
    assert "is for dates and moments" in refusal(source, target, choices=choice(**{**BY_MONTH, "column": "id"}))
    assert "a step of numbers" in refusal(source, target, choices=choice(**{**BY_MONTH, "every": 5}))
    assert "is for instants" in refusal(source, target, choices=choice(**BY_MONTH, zone="Europe/Paris"))
    assert "is no date" in refusal(source, target, choices=choice(by="range", column="ordered_at", bounds=["x"]))


def test_oracles_names_are_in_capitals(tmp_path: Path, servers: Servers) -> None:
    """So that nobody has to quote them; in PostgreSQL they are small."""
    source = spot("oracle", tmp_path, servers)
    source.ask("CREATE TABLE orders (id NUMBER(9), region VARCHAR2(9 CHAR))")
    source.ask("INSERT INTO orders VALUES (-1, 'DE')")
    for engine, name in (("oracle", "PM10"), ("postgresql", "orders_pm10")):
        target = spot(engine, tmp_path, servers)
        plan = moved(source, target, choices=choice(by="range", column="id", every=10)).plan
        assert name in f"{plan.tables[0].partitioned} {[part.name.table for part in plan.tables[0].parts]}"
        assert lying(target) == {"pm10": [-1]}


@pytest.mark.parametrize("engine", ["oracle", "sqlserver"])
def test_keys_of_the_whole_table(engine: str, source: Spot, tmp_path: Path, servers: Servers) -> None:
    """Engines whose keys need not have the column are asked for nothing."""
    target = spot(engine, tmp_path, servers)
    orders(source)
    plan = moved(source, target, choices=choice(**BY_MONTH)).plan
    assert of_grade(plan, "blocker") == []
    assert lying(target) == OTHERS[engine]
    with pytest.raises(Exception, match=r"(?i)unique|duplicate"):
        target.ask("INSERT INTO orders (id) VALUES (1)")


@pytest.mark.parametrize("word", ["widen", "drop"])
def test_numbers_go_on(word: str, tmp_path: Path, servers: Servers) -> None:
    """An AUTO_INCREMENT has to be the first column of a key, and has an index of its own where that is gone."""
    source, target = spot("mariadb", tmp_path, servers), spot("mariadb", tmp_path, servers)
    source.ask("CREATE TABLE orders (id integer AUTO_INCREMENT PRIMARY KEY, day date NOT NULL)")
    source.ask("INSERT INTO orders (day) VALUES ('2024-01-01'), ('2024-02-01')")
    moved(source, target, choices=choice(by="range", column="day", every="month", key=word))
    target.ask("INSERT INTO orders (day) VALUES ('2024-01-03')")
    assert lying(target) == {"p2024_01": [1, 3], "p2024_02": [2]}


def test_a_unique_expression_is_not_widened(source: Spot, tmp_path: Path, servers: Servers) -> None:
    target = spot("postgresql", tmp_path, servers)
    orders(source, KEYLESS)
    source.ask("CREATE UNIQUE INDEX once ON orders ((id + 1))")
    (blocker,) = of_grade(planned(source, target, choices=choice(**BY_MONTH, key="widen")), "blocker")
    assert blocker.name == "partition-key"
    moved(source, target, choices=choice(**BY_MONTH, key="drop"))
    assert lying(target) == MONTHS


def test_nulls_that_are_refused_stop_the_run(source: Spot, tmp_path: Path, servers: Servers) -> None:
    target = spot("postgresql", tmp_path, servers)
    orders(source, KEYLESS)
    request, secrets = requested(source, target, choices=choice(**BY_MONTH, nulls="refuse"))
    with pytest.raises(Exception, match=r"(?i)null"):
        wire.run(request, secrets)


@pytest.mark.parametrize("engine", ["postgresql", "oracle", "mariadb"])
def test_ranges_of_hashes(engine: str, source: Spot, tmp_path: Path, servers: Servers) -> None:
    target = spot(engine, tmp_path, servers)
    orders(source, KEYLESS)
    spec = {**BY_MONTH, "within": {"by": "hash", "column": "id", "parts": 3}}
    moved(source, target, choices=choice(**spec))
    found: In = {}
    for name, rows in lying(target).items():
        month = name if engine != "postgresql" else name.rpartition("_")[0]
        found[month] = sorted([*found.get(month, []), *rows])
    assert found == {"postgresql": MONTHS, **OTHERS}[engine]
    moved(source, target, choices=choice(**spec), mode="append")
    assert sorted(row for rows in lying(target).values() for row in rows) == sorted([*range(6), *range(6)])


def test_what_mysql_lacks(source: Spot, tmp_path: Path, servers: Servers) -> None:
    """It has no partition for what no list names."""
    target = spot("mysql", tmp_path, servers)
    orders(source, KEYLESS)
    lists = {"by": "list", "column": "id", "values": {"low": [0, 1, 2], "high": [3, 4, 5]}}
    (blocker,) = of_grade(planned(source, target, choices=choice(**lists)), "blocker")
    assert (blocker.name, "no partition for all values" in blocker.message) == ("partition-impossible", True)
    moved(source, target, choices=choice(**lists, outside="refuse"))
    assert lying(target) == {"low": [0, 1, 2], "high": [3, 4, 5]}


def test_constraints_of_the_engines_own_block(source: Spot, tmp_path: Path, servers: Servers) -> None:
    orders(source, f"{KEYLESS}, EXCLUDE USING btree (id WITH =)")
    plan = planned(source, spot("postgresql", tmp_path, servers), choices=choice(**BY_MONTH))
    (blocker,) = of_grade(plan, "blocker")
    assert (blocker.name, "orders_id_excl" in blocker.message) == ("partition-impossible", True)


def test_verified_again_later(source: Spot, tmp_path: Path, servers: Servers) -> None:
    target = spot("postgresql", tmp_path, servers)
    orders(source, days=DAYS[:-1])
    outcome = moved(source, target, choices=choice(**BY_MONTH, key="widen", nulls="refuse"))
    secrets = requested(source, target)[1]
    assert wire.verify(outcome.plan, outcome.receipts, "full", secrets).equal
    target.ask("UPDATE orders SET region = 'XX' WHERE id = 3")
    report = wire.verify(outcome.plan, outcome.receipts, "full", secrets)
    assert not report.equal


@pytest.mark.parametrize("engine", PLACES)
def test_each_source_is_asked(engine: str, tmp_path: Path, servers: Servers) -> None:
    """For the least and the greatest of dates, moments and numbers, of the type that they arrive in."""
    source, target = spot(engine, tmp_path, servers), spot("postgresql", tmp_path, servers)
    whole, moment = ("number(9)", "timestamp(3)") if engine == "oracle" else ("integer", "timestamp")
    moment = {"sqlserver": "datetime2(3)", "mariadb": "datetime(3)", "mysql": "datetime(3)"}.get(engine, moment)
    kinds = {
        "a": (f"day date, seen {moment}", "day"),
        "b": (f"day date, seen {moment}", "seen"),
        "c": ("n bigint", "n"),
    }
    if engine == "oracle":
        kinds["c"] = ("n number(18)", "n")
    words = ("DATE ", "TIMESTAMP ") if engine == "oracle" else ("", "")
    for table, (columns, _) in kinds.items():
        source.ask(f"CREATE TABLE {table} (id {whole} NOT NULL, {columns})")
        for number, day in enumerate(("1969-12-31", "1970-02-01")):
            values = f"{words[0]}'{day}', {words[1]}'{day} 23:59:59.999'"
            source.ask(f"INSERT INTO {table} VALUES ({number}, {number * 4000 - 1 if table == 'c' else values})")
        source.ask(f"INSERT INTO {table} (id) VALUES (2)")
    choices = tuple(
        Choice(table, partition=call_of({
            "by": "range", "column": column, "every": 1000 if table == "c" else "month",
        })) for table, (_, column) in kinds.items()
    )  # fmt: skip
    moved(source, target, choices=choices)
    for table in "ab":
        assert lying(target, table) == {"p1969_12": [0], "p1970_02": [1], "pdefault": [2]}
    assert lying(target, "c") == {"pm1000": [0], "p3000": [1], "pdefault": [2]}
    assert target.ask("SELECT count(*) FROM pg_class WHERE relispartition") == [(4 + 4 + 6,)]


def test_rows_of_files_are_read(tmp_path: Path, servers: Servers) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    table = pa.table({"id": [1, 2, 3], "day": [date(2024, 1, 1), None, date(2024, 3, 31)]})
    pq.write_table(table, folder / "orders.parquet")
    source, target = Spot("parquet", f"parquet:///{folder}", lambda _: []), spot("postgresql", tmp_path, servers)
    moved(source, target, choices=choice(by="range", column="day", every="month"))
    assert lying(target) == {"p2024_01": [1], "p2024_03": [3], "pdefault": [2]}
    said = refusal(source, Spot("csv", f"csv:///{tmp_path / 'there'}", lambda _: []), choices=choice(
        by="range", column="day", every="month",
    ))  # fmt: skip
    assert "csv targets have no partitions" in said


@pytest.mark.parametrize("engine", ["postgresql", "mariadb", "sqlserver"])
def test_zones_of_a_table_that_is_there(engine: str, source: Spot, tmp_path: Path, servers: Servers) -> None:
    target = spot(engine, tmp_path, servers)
    orders(source, KEYLESS.replace("date", "timestamptz"), ("2024-03-15 12:00+00", "2024-04-15 12:00+00"))
    moved(source, target, choices=choice(**BY_MONTH, zone="Europe/Paris"))
    source.ask("INSERT INTO orders VALUES (7, '2024-09-15 12:00+00', NULL)")
    moved(source, target, choices=choice(**BY_MONTH, zone="Europe/Paris"), mode="append")
    assert 7 in next(rows for name, rows in lying(target).items() if name in ("pdefault", "4"))
    assert "has the bound 2024-02-29 23:00:00" in refusal(source, target, choices=choice(**BY_MONTH), mode="append")


@pytest.mark.parametrize("engine", ["postgresql", "mariadb"])
def test_rows_of_each_partition_are_planned(engine: str, source: Spot, tmp_path: Path, servers: Servers) -> None:
    """MariaDB has a NULL in its first partition, which is not counted."""
    orders(source, KEYLESS)
    source.ask("ANALYZE orders")
    target = spot(engine, tmp_path, servers)
    plan = planned(source, target, choices=choice(**BY_MONTH))
    (rows,) = (one for one in plan.findings if one.name == "partition-rows")
    counted = "p2023_12 1, p2024_01 2, p2024_02 1, p2024_04 1"
    null = engine == "postgresql"
    assert rows.message == (
        f"of 6 rows: {counted}, pdefault 1; 1 without any" if null else f"of 5 rows: {counted}; 3 without any"
    )
    assert [one.name for one in plan.findings if one.name == "partition-default"] == ["partition-default"] * null
    inner = {"by": "list", "column": "region", "values": {"eu": ["DE", "FR"]}}
    plan = planned(source, target, choices=choice(by="range", column="id", bounds=[4], outside="refuse", within=inner))
    if engine == "postgresql":
        (lost,) = (one for one in plan.findings if one.name == "partition-refused")
        assert lost.message.startswith("2 of 6 rows are for no partition")


def test_most_rows_in_one_partition(source: Spot, tmp_path: Path, servers: Servers) -> None:
    source.ask("CREATE TABLE orders AS SELECT n AS id, CASE WHEN n < 96 THEN 0 ELSE n END AS size FROM "
               "generate_series(1, 120) n")  # fmt: skip
    source.ask("ANALYZE orders")
    target = spot("postgresql", tmp_path, servers)
    plan = planned(source, target, choices=choice(by="range", column="size", every=5))
    (uneven,) = (one for one in plan.findings if one.name == "partition-uneven")
    assert uneven.message == "p0 has 95 of 120 rows, of 26 partitions"
    assert wire.run(plan, requested(source, target)[1]).report
    assert len(lying(target)["p0"]) == 95
