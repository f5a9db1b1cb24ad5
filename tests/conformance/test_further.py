"""Views and sequences from each engine into each other, and what is listed because it is not carried."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ropeway.cli import wire
from ropeway.transfer.engines import engine_of
from ropeway.transfer.place import parse
from ropeway.transfer.plan import Plan
from ropeway.transfer.request import Choice, Request
from ropeway.transfer.schema.papers import mapping
from spots import MYSQL_FAMILY, PAIRS, PLACES, Servers, Spot, spot

TABLES = (
    "CREATE TABLE city (id integer PRIMARY KEY, name varchar(20) NOT NULL, up integer)",
    "CREATE TABLE sale (id integer PRIMARY KEY, city integer NOT NULL, n integer, price decimal(9,2))",
    "INSERT INTO city VALUES (1, 'Aix', NULL), (2, 'Bern', 1), (3, 'it''s', 1)",
    "INSERT INTO sale VALUES (1, 1, 2, 1.50), (2, 1, NULL, 2.25), (3, 2, 7, NULL), (4, 2, 1, 0.25)",
)
# Each after those that it reads, but for the first, which reads the last but one.
VIEWS = {
    "busy": "SELECT name FROM totals WHERE sales > 1",
    "totals": "SELECT c.name, count(*) AS sales, sum(s.n) AS n, max(s.price) AS top FROM city c JOIN sale s "
    "ON s.city = c.id GROUP BY c.name",
    "quiet": "SELECT id, name FROM city WHERE NOT EXISTS (SELECT 1 FROM sale WHERE sale.city = city.id)",
    "pairs": "SELECT a.name AS one, b.name AS other FROM city a LEFT JOIN city b ON b.id = a.up",
    "sizes": "SELECT id, CASE WHEN n > 1 THEN 'many' WHEN n IS NULL THEN 'it''s none' ELSE 'one' END AS size FROM sale",
    "every": "SELECT id FROM city UNION ALL SELECT id FROM sale",
    "inner_one": "WITH s AS (SELECT city, min(id) AS first FROM sale GROUP BY city) "
    "SELECT name, first FROM city JOIN s ON s.city = city.id",
}


def made(place: Spot, views: dict[str, str]) -> None:
    for sql in TABLES:
        place.ask(sql)
    for name in [*list(views)[1:], *list(views)[:1]]:
        if not (place.engine == "mysql" and views[name].startswith("WITH")):  # 8 has them, 5.6 has not
            place.ask(f"CREATE VIEW {name} AS {views[name]}")


def moved(source: Spot, target: Spot, **options: Any) -> wire.Outcome:
    (one, one_secret), (other, other_secret) = parse(source.url), parse(target.url)
    return wire.run(Request(one, other, **options), wire.Secrets(one_secret, other_secret))


def planned(source: Spot, target: Spot, **options: Any) -> Plan:
    (one, one_secret), (other, other_secret) = parse(source.url), parse(target.url)
    return wire.plan(Request(one, other, **options), wire.Secrets(one_secret, other_secret))


def rows(place: Spot, view: str) -> list[str]:
    found = place.ask(f"SELECT * FROM {view}")
    return sorted(str([None if v is None else v if isinstance(v, str) else float(v) for v in row]) for row in found)


@pytest.mark.parametrize(("here", "there"), PAIRS)
def test_views_show_the_same_rows(here: str, there: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot(here, tmp_path, servers), spot(there, tmp_path, servers)
    made(source, VIEWS)
    outcome = moved(source, target)
    lost = {f.where.rpartition(".")[2]: f.message for f in outcome.plan.findings if f.name == "view-lost"}
    expected = {"inner_one"} & set(VIEWS) if there == "mysql" and here != "mysql" else set()
    assert set(lost) == expected, lost
    for name in VIEWS:
        if name not in lost and not (here == "mysql" and name == "inner_one"):
            assert rows(target, name) == rows(source, name), name


def test_a_view_that_would_mean_something_else_stays_behind(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("postgresql", tmp_path, servers), spot("mariadb", tmp_path, servers)
    views = {
        "few": "SELECT id FROM city ORDER BY id LIMIT 1",
        "mean": "SELECT avg(price) AS mean FROM sale",
        "half": "SELECT n / 2 AS half FROM sale",
        "called": "SELECT md5(name) AS m FROM city",
        "upon": "SELECT mean FROM mean",
    }
    made(source, {"upon": views.pop("upon"), **views})
    plan = planned(source, target)
    lost = {f.where.rpartition(".")[2]: f.message for f in plan.findings if f.name == "view-lost"}
    assert set(lost) == {"few", "mean", "half", "called", "upon"}
    assert "LIMIT 1" in lost["few"]
    assert "mean is not moved" in lost["upon"]
    assert not [s for s in plan.statements if "view" in s.name]


def test_views_follow_their_tables(tmp_path: Path, servers: Servers) -> None:
    """A view is carried with a glob, moved as a table by its name, and left out with its tables."""
    source, target = spot("sqlite", tmp_path, servers), spot("duckdb", tmp_path, servers)
    made(source, VIEWS)

    def made_by(*choices: Choice, **options: Any) -> set[str]:
        plan = planned(source, target, choices=choices, **options)
        return {s.name.split(" ", 1)[1].removeprefix("create view main.") for s in plan.statements if "view" in s.name}

    assert made_by(Choice()) == set(VIEWS)
    assert made_by(Choice(exclude=("totals",))) == set(VIEWS) - {"totals", "busy"}
    assert made_by(Choice("city"), Choice("every")) == set()
    assert made_by(Choice("sale"), Choice("s*")) == {"sizes"}
    assert made_by(Choice(), limit=2) == set()
    assert made_by(Choice("*", columns=("id", "city", "n"), exclude=("city", "totals", "busy"))) == {"sizes"}


@pytest.mark.parametrize("here", ["postgresql", "duckdb", "mariadb"])
@pytest.mark.parametrize("there", PLACES)
def test_shared_sequences_go_on(here: str, there: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot(here, tmp_path, servers), spot(there, tmp_path, servers)
    step = "START WITH 10 INCREMENT BY 5"
    source.ask(f"CREATE SEQUENCE numbers {step}{' CACHE 1' if here == 'mariadb' else ''}")
    ask = "nextval(numbers)" if here == "mariadb" else "nextval('numbers')"
    for table in ("a", "b"):
        source.ask(f"CREATE TABLE {table} (id bigint DEFAULT {ask}, word varchar(9))")
        source.ask(f"INSERT INTO {table} (word) VALUES ('x')")
    outcome = moved(source, target)
    if there in ("sqlite", "mysql"):
        said = [f.message for f in outcome.plan.findings if "sequence" in f.message]
        assert any("It would go on at 20" in one for one in said), said
        return
    target.ask("INSERT INTO a (word) VALUES ('y')")
    target.ask("INSERT INTO b (word) VALUES ('z')")
    assert [row[0] for row in target.ask("SELECT id FROM a ORDER BY id")] == [10, 20]
    assert [row[0] for row in target.ask("SELECT id FROM b ORDER BY id")] == [15, 25]


def test_routines_and_triggers_are_listed(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("postgresql", tmp_path, servers), spot("sqlite", tmp_path, servers)
    made(source, {})
    source.ask("CREATE FUNCTION mine() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'")
    source.ask("CREATE TRIGGER often BEFORE INSERT ON city FOR EACH ROW EXECUTE FUNCTION mine()")
    source.ask("CREATE TABLE other (id integer)")
    source.ask("CREATE TRIGGER never BEFORE INSERT ON other FOR EACH ROW EXECUTE FUNCTION mine()")
    said = {f.message for f in planned(source, target, choices=(Choice("*", exclude=("other",)),)).findings}
    assert "not carried: function public.mine" in said
    assert "not carried: trigger public.city.often" in said


def test_a_materialised_view_stays_one(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("postgresql", tmp_path, servers), spot("postgresql", tmp_path, servers)
    made(source, {})
    source.ask("CREATE MATERIALIZED VIEW held AS SELECT name FROM city")
    moved(source, target)
    assert target.ask("SELECT relkind::text FROM pg_class WHERE relname = 'held'") == [("m",)]
    other = spot("mariadb", tmp_path, servers)
    assert MYSQL_FAMILY[0] == other.engine
    outcome = moved(source, other)
    assert [f.name for f in outcome.plan.findings if "held" in f.where] == ["view-changed"]
    assert rows(other, "held") == rows(source, "held")


def test_their_texts_stand_in_the_mapping(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("mariadb", tmp_path, servers), spot("duckdb", tmp_path, servers)
    made(source, {})
    source.ask("CREATE FUNCTION twice(n integer) RETURNS integer DETERMINISTIC RETURN n * 2")
    source.ask("CREATE TRIGGER often BEFORE INSERT ON city FOR EACH ROW SET NEW.name = upper(NEW.name)")
    plan = planned(source, target)
    written = mapping(plan, engine_of("mariadb"), engine_of("duckdb"))
    assert "### function twice\n\n```sql\nRETURN n * 2\n```" in written
    assert "ON city FOR EACH ROW SET NEW.name = upper(NEW.name)" in written


def test_a_view_that_the_target_refuses_is_left_out(tmp_path: Path, servers: Servers) -> None:
    """MySQL compares a text with a number; PostgreSQL does not, and the run goes on without the view."""
    source, target = spot("mariadb", tmp_path, servers), spot("postgresql", tmp_path, servers)
    made(source, {"upon": "SELECT id FROM five", "five": "SELECT id FROM city WHERE name = 5"})
    outcome = moved(source, target)
    assert outcome.report
    assert outcome.report.equal
    assert {str(one.constraint) for one in outcome.left_out} == {"view five", "view upon"}
    assert all("the target refuses its SQL" in one.offending.why for one in outcome.left_out)
    assert target.ask("SELECT count(*) FROM city") == [(3,)]
