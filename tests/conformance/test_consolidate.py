"""Tables of several sources in one: as a naive reading in Python would put them together, whatever is killed."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

import ropeway
from attacks import attack, finished
from ropeway.cli import wire
from ropeway.cli.commands.run import _show_asked
from ropeway.cli.job import Wanted, job
from ropeway.cli.shapes import run_shape
from ropeway.transfer.errors import RequestError, RopewayError
from ropeway.transfer.plan import from_json, to_json
from ropeway.verify.report import COUNTS_EQUAL, EQUALS_READ, EQUALS_SOURCE
from shell import Shell, write
from spots import Rows, Servers, Spot, spot

ROWS = 23
Sources = dict[str, Spot]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def keys(sources: Sources, target: Spot, *tables: dict[str, Any], **more: Any) -> dict[str, Any]:
    places = {alias: one.url for alias, one in sources.items()}
    return {"sources": places, "target": target.url, "tables": [*tables], "slice_rows": 7, **more}


def asked(sources: Sources, target: Spot, *tables: dict[str, Any], **more: Any) -> Wanted:
    return job(**keys(sources, target, *tables, **more))


def done(wanted: Wanted) -> wire.Outcome:
    """Planned here, and carried out by what its JSON says."""
    outcome = wire.run(from_json(to_json(wire.plan(wanted.request, wanted.secrets))), wanted.secrets)
    assert outcome.report
    assert {one.claim for one in outcome.report.tables} <= {EQUALS_READ, EQUALS_SOURCE}, outcome.report
    return outcome


def refused(wanted: Wanted) -> str:
    with pytest.raises(RequestError) as caught:
        wire.plan(wanted.request, wanted.secrets)
    return str(caught.value)


def people(place: Spot, first: int) -> None:
    """People, and orders of theirs; the first has none."""
    place.ask("CREATE TABLE person (id integer PRIMARY KEY, mail varchar(20) NOT NULL, seen integer)")
    place.ask(
        "CREATE TABLE orders (id integer PRIMARY KEY, person_id integer NOT NULL REFERENCES person (id), "
        "amount decimal(8,2))"
    )
    for n in range(first, first + ROWS):
        place.ask(f"INSERT INTO person VALUES ({n}, 'm{n}@{first}', {'NULL' if n % 5 == 0 else n})")
    for n in range(first + 1, first + ROWS):
        place.ask(f"INSERT INTO orders VALUES ({n}, {n}, {n}.25)")


def two(
    servers: Servers, folder: Path, there: str, kinds: tuple[str, str] = ("sqlite", "sqlite")
) -> tuple[Sources, Spot]:
    sources = {alias: spot(kind, folder, servers) for alias, kind in zip(("eu", "us"), kinds, strict=True)}
    people(sources["eu"], 1)
    people(sources["us"], 1001)
    return sources, spot(there, folder, servers)


def naive(sources: Sources, sql: str) -> Rows:
    """The rows of all sources with the alias behind."""
    return sorted((*row, alias) for alias, one in sources.items() for row in one.ask(sql))


PERSON = {"from": ["eu:person", "us:person"], "to": "person", "provenance": "region"}
ORDERS = {"from": ["us:orders", "eu:orders"], "to": "orders", "provenance": "region"}


@pytest.mark.parametrize(
    ("there", "mode"),
    [("postgresql", "create"), ("postgresql", "replace"), ("duckdb", "create"), ("mariadb", "create")],
)
def test_two_become_one(there: str, mode: str, tmp_path: Path, servers: Servers) -> None:
    sources, target = two(servers, tmp_path, there)
    if mode == "replace":
        target.ask("CREATE TABLE orders (other integer)")
    tables = [dict(PERSON, mode="create"), dict(ORDERS, mode=mode)]
    outcome = done(asked(sources, target, *tables))
    assert sorted(target.ask("SELECT id, mail, seen, region FROM person")) == naive(
        sources, "SELECT id, mail, seen FROM person"
    )
    found = [(a, b, float(c), d) for a, b, c, d in target.ask("SELECT id, person_id, amount, region FROM orders")]
    assert sorted(found) == naive(sources, "SELECT id, person_id, amount FROM orders")
    with pytest.raises(Exception, match=r"(?i)duplicate|primary"):
        target.ask("INSERT INTO person VALUES (1, 'x', 1, 'eu')")
    with pytest.raises(Exception, match=r"(?i)foreign|constraint"):
        target.ask("INSERT INTO orders VALUES (77777, 77777, 1, 'eu')")
    shape = run_shape(outcome, {})
    assert [(one["source"], one["read"], one["loaded"]) for one in shape["tables"]] == [
        (f"{alias}:{name}", count, count)
        for alias in sources for name, count in (("person", ROWS), ("orders", ROWS - 1))
    ]  # fmt: skip
    (one, *_) = shape["tables"]
    assert "eu:person, us:person feed" in one["verified"]["reason"]
    run = wire.status(target.url)[-1].run
    ropeway.clean(run, target.url, undo=True)
    here = " AND table_schema = DATABASE()" if there == "mariadb" else ""
    left = target.ask(
        f"SELECT table_name FROM information_schema.tables WHERE table_name IN ('person', 'orders'){here}"
    )
    assert [name for (name,) in left] == (["orders"] if mode == "replace" else [])


def test_a_difference_is_found_in_the_whole_table(tmp_path: Path, servers: Servers) -> None:
    sources, target = two(servers, tmp_path, "postgresql")
    wanted = asked(sources, target, PERSON)
    done(wanted)
    assert {one.claim for one in wire.verify(wanted.request, secrets=wanted.secrets, level="count").tables} == {
        COUNTS_EQUAL
    }
    target.ask("UPDATE person SET region = 'eu' WHERE id = 1001")
    for level in ("standard", "full"):
        report = wire.verify(wanted.request, secrets=wanted.secrets, level=level)
        assert [(one.source, one.claim) for one in report.tables] == [
            ("eu:person", "different"), ("us:person", "different"),
        ]  # fmt: skip
    with pytest.raises(RequestError, match="one source"):
        wire.repairs(wanted.request, secrets=wanted.secrets)


def test_tables_of_one_source_go_alone(tmp_path: Path, servers: Servers) -> None:
    sources, target = two(servers, tmp_path, "postgresql")
    tables = [{"from": "eu:*"}, {"from": "us:person", "to": "american", "where": "id > 1010"}]
    done(asked(sources, target, *tables))
    assert target.ask("SELECT count(*), min(id) FROM american") == [(13, 1011)]
    assert target.ask("SELECT count(*) FROM orders") == [(ROWS - 1,)]


@pytest.mark.parametrize(
    ("there", "point", "nth", "changed"),
    [
        ("postgresql", "landed", 2, "eu"), ("postgresql", "landed", 5, "us"), ("mariadb", "landed", 7, "us"),
        ("postgresql", "landed", 7, "eu"), ("mariadb", "stepping", 3, "eu"), ("postgresql", "stepping", 3, "us"),
        ("duckdb", "landed", 6, "us"), ("postgresql", "stepping", 4, "us"), ("mariadb", "stepped", 2, ""),
    ],
)  # fmt: skip
def test_a_killed_run_goes_on(
    there: str, point: str, nth: int, changed: str, tmp_path: Path, servers: Servers
) -> None:  # fmt: skip
    """What changed meanwhile in a source that was not read to its end starts the whole table over."""
    sources, target = two(servers, tmp_path, there)
    settings = {"job": keys(sources, target, PERSON, workers=1), "point": point, "nth": nth}
    killed = attack(**settings)
    assert killed.returncode == -signal.SIGKILL, killed.stderr[-2000:]
    before = naive(sources, "SELECT id, mail, seen FROM person")
    if changed:
        sources[changed].ask("UPDATE person SET seen = -1")
        sources[changed].ask("DELETE FROM person WHERE id % 1000 = 7")
    answer = finished(settings)
    assert {table["claim"] for table in answer["report"]["tables"]} == {EQUALS_READ}
    after = naive(sources, "SELECT id, mail, seen FROM person")
    found = sorted(target.ask("SELECT id, mail, seen, region FROM person"))
    # Rows of each source are all of one state: that of before, where they were proven, or that of after.
    for alias in sources:
        assert [r for r in found if r[3] == alias] in ([r for r in one if r[3] == alias] for one in (before, after))
    with pytest.raises(Exception, match=r"(?i)duplicate"):
        target.ask("INSERT INTO person VALUES (1, 'x', 1, 'eu')")


@pytest.mark.parametrize(("nth", "chain"), [(11, False), (16, True)])
def test_what_refers_to_a_table_that_starts_over_does_too(
    nth: int, chain: bool, tmp_path: Path, servers: Servers
) -> None:  # fmt: skip
    """DuckDB checks foreign keys with each row: the orders of one source keep the people of both from going."""
    sources, target = two(servers, tmp_path, "duckdb")
    tables = [PERSON, ORDERS]
    for place in sources.values() if chain else ():
        place.ask(
            "CREATE TABLE line (id integer PRIMARY KEY, order_id integer REFERENCES orders (id), "
            "person_id integer REFERENCES person (id))"
        )
        place.ask("INSERT INTO line SELECT id, id, person_id FROM orders")
        tables = [PERSON, ORDERS, {"from": ["eu:line", "us:line"], "to": "line"}]
    settings = {"job": keys(sources, target, *tables, workers=1), "point": "landed", "nth": nth}
    killed = attack(**settings)
    assert killed.returncode == -signal.SIGKILL, killed.stderr[-2000:]
    assert target.ask("SELECT count(*) FROM orders WHERE region = 'us'") == [(0,)]
    sources["us"].ask("UPDATE person SET seen = -1")
    answer = finished(settings)
    assert {table["claim"] for table in answer["report"]["tables"]} == {EQUALS_READ}
    for table, columns in (("person", "id, mail, seen"), ("orders", "id, person_id")):
        found = sorted(target.ask(f"SELECT {columns}, region FROM {table}"))
        assert found == naive(sources, f"SELECT {columns} FROM {table}")
    if chain:
        assert target.ask("SELECT count(*) FROM line") == [(2 * ROWS - 2,)]
    with pytest.raises(Exception, match=r"(?i)foreign|constraint"):
        target.ask("DELETE FROM person")


def test_a_frozen_source_that_was_written_to_starts_over_with_what_refers(tmp_path: Path, servers: Servers) -> None:
    """Of one source a proven table starts over where all have to be of one state."""
    sources, target = two(servers, tmp_path, "duckdb")
    one = {"source": sources["eu"].url, "target": target.url, "tables": [{"from": "*"}], "slice_rows": 7, "workers": 1}
    settings = {"job": {**one, "consistency": "frozen"}, "point": "landed", "nth": 6}
    assert attack(**settings).returncode == -signal.SIGKILL
    assert target.ask("SELECT count(*) > 0 FROM orders") == [(True,)]
    sources["eu"].ask("UPDATE person SET seen = -1")
    answer = finished(settings)
    assert {table["claim"] for table in answer["report"]["tables"]} == {EQUALS_READ}
    assert target.ask("SELECT seen, count(*) FROM person GROUP BY seen") == [(-1, ROWS)]
    assert target.ask("SELECT count(*) FROM orders") == [(ROWS - 1,)]


def three(servers: Servers, folder: Path) -> tuple[Sources, Spot]:
    """Sales of three engines, alike in nothing but the names of some columns."""
    sources = {
        "maria": spot("mariadb", folder, servers), "post": spot("postgresql", folder, servers),
        "files": Spot("csv", f"csv:///{folder / 'sales'}", lambda _: []),
    }  # fmt: skip
    sources["maria"].ask(
        "CREATE TABLE sale (id int unsigned PRIMARY KEY, code char(4) NOT NULL, price decimal(8,2), at datetime(3), "
        "note varchar(30) NOT NULL, ratio float)"
    )
    sources["post"].ask(
        'CREATE TABLE "Sale" (id bigint PRIMARY KEY, code varchar(9), price numeric(12,4) NOT NULL, at timestamp, '
        "ratio double precision, extra uuid)"
    )
    sources["maria"].ask("INSERT INTO sale VALUES (1, 'ab', 1.25, '2024-02-29 01:02:03.456', 'x', 0.5)")
    sources["maria"].ask("INSERT INTO sale VALUES (4000000000, 'cdef', NULL, NULL, 'y', NULL)")
    sources["post"].ask(
        "INSERT INTO \"Sale\" VALUES (5000000000, 'g  ', 12345678.0625, '2024-03-01 23:59:59.999999', 0.1, "
        "'6ba7b810-9dad-11d1-80b4-00c04fd430c8'), (-7, NULL, 0, NULL, NULL, NULL)"
    )
    (folder / "sales").mkdir()
    (folder / "sales" / "sale.csv").write_text("id,code,price\n11,h,3\n12,i,4\n")
    return sources, spot("postgresql", folder, servers)


SALE = {"from": ["maria:sale", "post:Sale", "files:sale"], "to": "sale", "provenance": "came_from"}


def test_three_engines_are_united(tmp_path: Path, servers: Servers) -> None:
    sources, target = three(servers, tmp_path)
    said = refused(asked(sources, target, SALE))
    assert "sale.id is uint32 in maria:sale, int64 in post:public.Sale, text in files:sale" in said
    assert "cast: {id: int64}" in said
    steps = [{"cast": {"id": "int64", "price": "decimal(12,4)"}}]
    wanted = asked(sources, target, dict(SALE, defaults={"note": "none"}, transforms=steps))
    plan = wire.plan(wanted.request, wanted.secrets)
    told = {(one.name, one.where.rpartition(".")[2]) for one in plan.findings}
    assert {("column-missing", "extra"), ("column-missing", "note"), ("types-united", "ratio")} <= told
    done(wanted)
    natives = target.ask(
        "SELECT column_name, format_type(atttypid, atttypmod), is_nullable FROM information_schema.columns "
        "JOIN pg_attribute ON attrelid = 'sale'::regclass AND attname = column_name WHERE table_name = 'sale' "
        "ORDER BY ordinal_position"
    )
    assert natives == [
        ("id", "bigint", "NO"), ("code", "text", "YES"), ("price", "numeric(12,4)", "YES"),
        ("at", "timestamp without time zone", "YES"), ("note", "character varying(30)", "NO"),
        ("ratio", "double precision", "YES"), ("extra", "uuid", "YES"), ("came_from", "character varying(40)", "NO"),
    ]  # fmt: skip
    found = target.ask(
        "SELECT id, code, price::text, at::text, note, ratio, extra::text, came_from FROM sale ORDER BY id"
    )
    assert found == [
        (-7, None, "0.0000", None, "none", None, None, "post"),
        (1, "ab", "1.2500", "2024-02-29 01:02:03.456", "x", 0.5, None, "maria"),
        (11, "h", "3.0000", None, "none", None, None, "files"),
        (12, "i", "4.0000", None, "none", None, None, "files"),
        (4000000000, "cdef", None, None, "y", None, None, "maria"),
        (5000000000, "g  ", "12345678.0625", "2024-03-01 23:59:59.999999", "none", 0.1,
         "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "post"),
    ]  # fmt: skip


@pytest.mark.parametrize("there", ["postgresql", "oracle"])
def test_names_are_matched_as_the_target_has_them(there: str, tmp_path: Path, servers: Servers) -> None:
    """Oracle's are in capitals, where nobody quoted them; a text of no length is NULL there."""
    sources = {"ora": spot("oracle", tmp_path, servers), "maria": spot("mariadb", tmp_path, servers)}
    target = spot(there, tmp_path, servers)
    sources["ora"].ask("CREATE TABLE sale (id number(9) PRIMARY KEY, price number(8,2), note varchar2(20))")
    sources["maria"].ask("CREATE TABLE sale (id int PRIMARY KEY, note varchar(30), price decimal(10,3))")
    for place, rows in zip(sources.values(), (["1, 1.5, 'a'", "2, NULL, NULL"], ["1, 'b', 2.125"]), strict=True):
        for row in rows:
            place.ask(f"INSERT INTO sale VALUES ({row})")
    entry = {
        "from": ["ora:SALE", "maria:sale"], "to": target.kept("sale"), "provenance": target.kept("region"),
    }  # fmt: skip
    policies = {"empty_string": "null"} if there == "oracle" else {}
    done(asked(sources, target, dict(entry, clash="rekey"), policies=policies))
    found = target.ask("SELECT id, price, note, region FROM sale ORDER BY id")
    assert [(int(a), b and float(b), c, d) for a, b, c, d in found] == [
        (2, 1.5, "a", "ora"), (3, 2.125, "b", "maria"), (4, None, None, "ora"),
    ]  # fmt: skip


def test_what_means_different_things_is_refused_with_a_way_out(tmp_path: Path, servers: Servers) -> None:
    sources, target = two(servers, tmp_path, "postgresql")
    sources["us"].ask("ALTER TABLE person RENAME COLUMN seen TO was")
    sources["us"].ask("ALTER TABLE person ADD COLUMN seen varchar(9)")
    sources["us"].ask("UPDATE person SET seen = was")
    said = refused(asked(sources, target, PERSON))
    assert "person.seen is int64 in eu:person, text(9) in us:person" in said
    assert "cast: {seen: text}" in said
    assert "cast: {seen: int64}" in said
    steps = {"transforms": [{"cast": {"seen": "int64"}}]}
    done(asked(sources, target, dict(PERSON, **steps)))
    assert target.ask("SELECT sum(seen), count(was) FROM person WHERE region = 'us'") == [
        sources["us"].ask("SELECT sum(was), count(was) FROM person")[0]
    ]


def clashing(servers: Servers, folder: Path, there: str, kind: str) -> tuple[Sources, Spot]:
    """Two shops with the same keys: numbers, texts, such as are made of two, and such that refer to themselves."""
    number, text = ("integer", "varchar(8)")
    sources = {alias: spot(kind, folder, servers) for alias in ("eu", "us")}
    for alias, place in sources.items():
        place.ask(f"CREATE TABLE shop (code {text} PRIMARY KEY)")
        place.ask(
            f"CREATE TABLE person (id {number} PRIMARY KEY, boss {number} REFERENCES person (id), "
            f"shop {text} REFERENCES shop (code), name {text})"
        )
        place.ask(
            f"CREATE TABLE line (person_id {number} NOT NULL REFERENCES person (id), n {number} NOT NULL, "
            "PRIMARY KEY (person_id, n))"
        )
        place.ask(
            f"CREATE TABLE note (id {number} PRIMARY KEY, person_id {number}, n {number}, "
            "FOREIGN KEY (person_id, n) REFERENCES line (person_id, n))"
        )
        place.ask("INSERT INTO shop VALUES ('a'), ('b-1')")
        for n in range(1, 9):
            place.ask(f"INSERT INTO person VALUES ({n}, {n - 1 or 'NULL'}, '{'a' if n % 2 else 'b-1'}', '{alias}{n}')")
            place.ask(f"INSERT INTO line VALUES ({n}, 1), ({n}, 2)")
            place.ask(f"INSERT INTO note VALUES ({n}, {n}, {n % 2 + 1})")
        place.ask("INSERT INTO note VALUES (99, NULL, NULL)")
    return sources, spot(there, folder, servers)


def of_both(table: str, **more: Any) -> dict[str, Any]:
    return {"from": [f"eu:{table}", f"us:{table}"], "to": table, **more}


@pytest.mark.parametrize(
    ("kind", "there"), [("sqlite", "postgresql"), ("postgresql", "mariadb"), ("postgresql", "duckdb")]
)
def test_keys_are_kept_apart_and_references_follow(kind: str, there: str, tmp_path: Path, servers: Servers) -> None:
    sources, target = clashing(servers, tmp_path, there, kind)
    tables = (
        of_both("shop", clash="prefix"), of_both("person", clash="rekey", provenance="region"),
        of_both("line", clash="rekey"), {"from": "us:note", "to": "american"}, {"from": "eu:note"},
    )  # fmt: skip
    wanted_ = asked(sources, target, *tables)
    told = [one for one in wire.plan(wanted_.request, wanted_.secrets).findings if one.name == "keys-changed"]
    (numbers,) = [one.message for one in told if one.where == "us" and "k * 2 + 1" in one.message]
    for column in ("person.id", "person.boss", "line.person_id", "note.person_id"):
        assert column in numbers
    done(wanted_)
    aliases = list(sources)
    for name, sql, change in (
        ("shop", "SELECT code FROM shop", lambda a, row: (f"{a}-{row[0]}",)),
        ("person", "SELECT id, boss, shop, name FROM person", lambda a, row: (
            row[0] * 2 + aliases.index(a), row[1] and row[1] * 2 + aliases.index(a), f"{a}-{row[2]}", row[3])),
        ("line", "SELECT person_id, n FROM line", lambda a, row: (row[0] * 2 + aliases.index(a), row[1])),
    ):  # fmt: skip
        wanted = [change(alias, row) for alias, place in sources.items() for row in place.ask(sql)]
        assert sorted(target.ask(sql)) == sorted(wanted), name
    for alias, table in (("eu", "note"), ("us", "american")):
        rows = sources[alias].ask("SELECT id, person_id, n FROM note WHERE n IS NOT NULL")
        assert sorted(target.ask(f"SELECT id, person_id, n FROM {table} WHERE n IS NOT NULL")) == sorted(
            (a, b * 2 + aliases.index(alias), c) for a, b, c in rows
        )
    with pytest.raises(Exception, match=r"(?i)foreign|constraint"):
        target.ask("INSERT INTO line VALUES (77777, 1)")


def test_keys_that_meet_stop_the_run_and_are_named(tmp_path: Path, servers: Servers) -> None:
    sources, target = clashing(servers, tmp_path, "postgresql", "sqlite")
    wanted = asked(sources, target, of_both("shop"))
    with pytest.raises(RopewayError, match=r"(?s)primary key.*'?a'?") as caught:
        wire.run(wanted.request, wanted.secrets)
    assert "b-1" in str(caught.value)


def test_a_key_too_large_to_be_changed_stops_the_run(tmp_path: Path, servers: Servers) -> None:
    sources, target = clashing(servers, tmp_path, "postgresql", "sqlite")
    wanted = asked(sources, target, of_both("note", clash="rekey"), workers=1)
    plan = wire.plan(wanted.request, wanted.secrets)
    sources["us"].ask(f"UPDATE note SET id = {2**62} WHERE id = 8")
    with pytest.raises(RopewayError, match="too large to be re-keyed"):
        wire.run(plan, wanted.secrets)
    sources["us"].ask(f"UPDATE note SET id = {2**62 - 1} WHERE id = {2**62}")
    wire.run(plan, wanted.secrets, fresh=True)
    assert target.ask("SELECT max(id) FROM note") == [(2**63 - 1,)]


def twins(servers: Servers, folder: Path, there: str, kinds: tuple[str, str]) -> tuple[Sources, Spot]:
    """People with equal numbers in both sources, of whom some are one by their mail: in one source, or in both.

    Each has a boss, and deeds. The later of two is sometimes here, sometimes there.
    """
    sources = {alias: spot(kind, folder, servers) for alias, kind in zip(("eu", "us"), kinds, strict=True)}
    for alias, place in sources.items():
        place.ask(
            "CREATE TABLE person (id integer PRIMARY KEY, mail varchar(30), boss integer REFERENCES person (id), "
            "seen integer NOT NULL)"
        )
        place.ask("CREATE TABLE deed (id integer PRIMARY KEY, who integer REFERENCES person (id))")
        for n in range(1, ROWS + 1):
            mail = "NULL" if n == 2 else f"'M{n % 11}@X'" if alias == "us" else f"'m{n}@x'"
            seen = (n * 7 + len(alias) + (alias == "us")) % 23 * 2 + (alias == "us")
            place.ask(f"INSERT INTO person VALUES ({n}, {mail}, {n - 1 or 'NULL'}, {seen})")
            place.ask(f"INSERT INTO deed VALUES ({n}, {'NULL' if n == 5 else n})")
    return sources, spot(there, folder, servers)


MAIL = {"key": "mail", "normalise": {"mail": "case"}, "keep": "latest", "by": "seen"}


def merged(sources: Sources) -> tuple[Rows, Rows, dict[str, int]]:
    """A naive reading: who stays, what was done by whom, how many went of each source."""
    people: Rows = []
    deeds: Rows = []
    for place, (alias, one) in enumerate(sources.items()):
        rows = one.ask("SELECT id, mail, boss, seen FROM person")
        people += [(a * 2 + place, b, c and c * 2 + place, d, alias) for a, b, c, d in rows]
        deeds += [(a * 2 + place, b and b * 2 + place) for a, b in one.ask("SELECT id, who FROM deed")]
    best: dict[str, tuple[Any, ...]] = {}
    for row in people:
        key = row[1] and row[1].lower()
        if key and (key not in best or row[3] > best[key][3]):
            best[key] = row
    stays = {row[0]: best[row[1].lower()][0] if row[1] else row[0] for row in people}
    kept = [(a, b, stays.get(c), d, e) for a, b, c, d, e in people if stays[a] == a]
    gone = {alias: sum(row[4] == alias and stays[row[0]] != row[0] for row in people) for alias in sources}
    return sorted(kept), sorted((a, stays.get(b)) for a, b in deeds), gone


PEOPLE = {"from": ["eu:person", "us:person"], "to": "person", "provenance": "region", "clash": "rekey", "dedup": MAIL}
DEEDS = {"from": ["eu:deed", "us:deed"], "to": "deed", "clash": "rekey"}


def found(target: Spot) -> tuple[Rows, Rows]:
    return (
        sorted(target.ask("SELECT id, mail, boss, seen, region FROM person")),
        sorted(target.ask("SELECT id, who FROM deed")),
    )


@pytest.mark.parametrize(
    ("kinds", "there"),
    [(("sqlite", "postgresql"), "postgresql"), (("mariadb", "sqlite"), "mariadb"), (("sqlite", "sqlite"), "duckdb")],
)
def test_rows_of_all_are_deduplicated(
    kinds: tuple[str, str], there: str, tmp_path: Path, servers: Servers
) -> None:  # fmt: skip
    sources, target = twins(servers, tmp_path, there, kinds)
    outcome = done(asked(sources, target, PEOPLE, DEEDS))
    people, deeds, gone = merged(sources)
    assert found(target) == (people, deeds)
    tables = {one["source"].replace("public.", ""): one for one in run_shape(outcome, {})["tables"]}
    for alias in sources:
        one = tables[f"{alias}:person"]
        assert (one["read"], one["loaded"], one["deduplicated"], one["filtered"]) == (
            ROWS, ROWS - gone[alias], gone[alias], 0,
        )  # fmt: skip
    assert min(gone.values()) > 0


def test_equal_numbers_of_two_sources_are_not_confused(tmp_path: Path, servers: Servers) -> None:
    """Number 1 of the one goes, and number 1 of the other is somebody else, whose children stay with it."""
    sources, target = (
        {alias: spot("sqlite", tmp_path, servers) for alias in ("eu", "us")},
        spot("postgresql", tmp_path, servers),
    )
    for place, people, deeds in (
        (sources["eu"], "(1, 'a', 1), (2, 'b', 5)", "(1, 1), (2, 2)"), (sources["us"], "(1, 'B', 2)", "(3, 1)"),
    ):  # fmt: skip
        place.ask("CREATE TABLE person (id integer PRIMARY KEY, mail varchar(30), seen integer)")
        place.ask("CREATE TABLE deed (id integer PRIMARY KEY, who integer REFERENCES person (id))")
        place.ask(f"INSERT INTO person VALUES {people}")
        place.ask(f"INSERT INTO deed VALUES {deeds}")
    done(asked(sources, target, of_both("person", dedup=MAIL), of_both("deed")))
    assert sorted(target.ask("SELECT id, mail FROM person")) == [(1, "a"), (2, "b")]
    assert sorted(target.ask("SELECT id, who FROM deed")) == [(1, 1), (2, 2), (3, 2)]


def test_of_rows_with_one_key_the_newest_stays(tmp_path: Path, servers: Servers) -> None:
    sources, target = clashing(servers, tmp_path, "postgresql", "sqlite")
    sources["us"].ask("DELETE FROM note WHERE id = 3")
    sources["us"].ask("UPDATE note SET person_id = NULL, n = NULL WHERE id = 4")
    newest = {"clash": {"newest": "at"}, "provenance": "region"}
    tables = [
        of_both(name, transforms=[{"derive": {"at": at}}], **newest)
        for name, at in (("shop", "length(code)"), ("person", "id % 3 + CASE name[1] WHEN 'e' THEN 1 ELSE 2 END"),
                         ("line", "n"), ("note", "coalesce(n, 9)"))
    ]  # fmt: skip
    wanted = asked(sources, target, *tables)
    outcome = wire.run(wanted.request, wanted.secrets)
    assert outcome.report
    assert outcome.report.equal
    assert target.ask("SELECT count(*), count(DISTINCT id) FROM person") == [(8, 8)]
    assert target.ask("SELECT DISTINCT region FROM person") == [("us",)]
    assert target.ask("SELECT id, region FROM note WHERE id IN (3, 4) ORDER BY id") == [(3, "eu"), (4, "us")]
    assert target.ask("SELECT count(*) FROM line") == [(16,)]
    assert sum(one["deduplicated"] for one in run_shape(outcome, {})["tables"]) == 2 + 8 + 16 + 8


@pytest.mark.parametrize(
    ("point", "nth", "decided"),
    [
        ("gathering", 3, False), ("gathering", 6, False), ("deciding", 1, False), ("decided", 1, True),
        ("landed", 3, True), ("landed", 9, True),
    ],
)  # fmt: skip
def test_a_killed_run_decides_once(point: str, nth: int, *, decided: bool, tmp_path: Path, servers: Servers) -> None:
    """Once it is decided, the sources are asked for these rows no more."""
    sources, target = twins(servers, tmp_path, "postgresql", ("sqlite", "sqlite"))
    settings = {"job": keys(sources, target, PEOPLE, DEEDS, workers=1), "point": point, "nth": nth}
    killed = attack(**settings)
    assert killed.returncode == -signal.SIGKILL, killed.stderr[-2000:]
    before = merged(sources)
    for place in sources.values():
        place.ask("UPDATE person SET seen = 100 - seen")
    after = merged(sources)
    answer = finished(settings)
    assert {table["claim"] for table in answer["report"]["tables"]} == {EQUALS_READ}
    assert before[:2] != after[:2]
    assert found(target) == (before if decided else after)[:2]


def test_partitions_are_of_the_rows_of_all(tmp_path: Path, servers: Servers) -> None:
    sources, target = two(servers, tmp_path, "postgresql")
    partition = {"by": "range", "column": "id", "every": 500, "key": "widen"}
    done(asked(sources, target, dict(PERSON, partition=partition, rules=[{"not_null": "mail"}])))
    parts = target.ask("SELECT relid::regclass::text FROM pg_partition_tree('person') WHERE isleaf ORDER BY 1")
    assert [name for (name,) in parts] == ["person_p0", "person_p1000", "person_p500", "person_pdefault"]
    assert target.ask("SELECT count(*) FROM ONLY person_pdefault") == [(0,)]


def test_what_one_source_has_beside_is_told(tmp_path: Path, servers: Servers) -> None:
    """And two tables that go alone get indexes and keys of names of their own."""
    sources, target = two(servers, tmp_path, "postgresql", ("postgresql", "postgresql"))
    for alias, place in sources.items():
        place.ask("CREATE INDEX seen_first ON person (seen)")
        place.ask(f"CREATE VIEW seen AS SELECT id FROM person WHERE seen > {len(alias) + (alias == 'us')}")
    sources["us"].ask("CREATE INDEX by_mail ON person (mail)")
    wanted = asked(sources, target, PERSON, {"from": "eu:*"}, PERSON, {"from": "us:orders", "to": "american"})
    plan = wire.plan(wanted.request, wanted.secrets)
    lost = [one.message for one in plan.findings if one.name == "consolidated-lost"]
    assert lost == ["not carried into public.person: index by_mail on mail"]
    assert [line for line in plan.grants.source if line.startswith("--")] == [
        f"-- {alias}, {one.place}" for alias, one in zip(sources, plan.sources, strict=True)
    ]
    done(wanted)
    assert target.ask("SELECT count(*) FROM pg_indexes WHERE tablename = 'person'") == [(2,)]
    assert target.ask("SELECT count(*) FROM pg_constraint WHERE contype = 'f'") == [(2,)]


def test_a_sequence_of_two_sources_is_made_once(tmp_path: Path, servers: Servers) -> None:
    sources, target = two(servers, tmp_path, "postgresql", ("postgresql", "postgresql"))
    for start, place in enumerate(sources.values(), start=5):
        place.ask(f"CREATE SEQUENCE numbers START {start}")
    wanted = asked(sources, target, PERSON)
    plan = wire.plan(wanted.request, wanted.secrets)
    lost = [one.message for one in plan.findings if one.name == "consolidated-lost"]
    assert len(lost) == 1
    assert "numbers of us is left out" in lost[0]
    done(wanted)
    assert target.ask("SELECT nextval('numbers')") == [(5,)]


def test_the_command_line_tells_of_all_sources(tmp_path: Path) -> None:
    for number, name in enumerate(("eu", "us")):
        write(tmp_path / f"{name}.db", "CREATE TABLE t (id integer PRIMARY KEY, a text)")
        write(tmp_path / f"{name}.db", f"INSERT INTO t VALUES ({number}, 'x'), ({number + 10}, NULL)")
    (tmp_path / "job.yaml").write_text(
        "sources: {eu: 'sqlite:///eu.db', us: 'sqlite:///us.db'}\ntarget: duckdb:///out.duckdb\n"
        "tables:\n  - {from: [eu:t, us:t], to: t, provenance: region}\n"
    )
    shell = Shell(tmp_path)
    said = shell("plan", "job.yaml", "--sample", "1").stdout
    for words in ("from eu: sqlite:///eu.db", "from us: sqlite:///us.db", "at an instant of its own", "us:t -> main.t"):
        assert words in said
    assert shell("plan", "job.yaml", "--table", "t").stdout
    assert "meets no entry" in shell.refused("plan", "job.yaml", "--table", "u")
    assert "'sources'" in shell.refused("plan", "job.yaml", "--source", "sqlite:///eu.db")
    shell("plan", "job.yaml", "--out", "written")
    for words_ in (("plan", "job.yaml", "--probe"), ("bench", "job.yaml"), ("plan", "--seal", "written")):
        assert "one source" in shell.refused(*words_)
    made = shell.json("run", "written")
    assert [(one["source"], one["target"], one["loaded"]) for one in made["tables"]] == [
        ("eu:t", "main.t", 2), ("us:t", "main.t", 2),
    ]  # fmt: skip
    assert all(one["instant"] for one in made["tables"])
    assert "eu: sqlite:///eu.db, us: sqlite:///us.db" in shell("report").stdout
    assert shell.json("verify", "job.yaml")["equal"]
    assert "one source" in shell.refused("verify", "job.yaml", "--repair")
    assert shell.json("status", "--target", "duckdb:///out.duckdb")


def test_what_was_merged_is_told_by_source_and_of_the_whole(tmp_path: Path, servers: Servers) -> None:
    """Rows of both sources are merged into the same ones, which are counted once."""
    sources, target = twins(servers, tmp_path, "duckdb", ("sqlite", "sqlite"))
    outcome = done(asked(sources, target, PEOPLE, DEEDS))
    _, _, gone = merged(sources)
    assert {one.hop.split(":")[0][-2:]: one.removed for one in outcome.merged} == gone
    job = keys(sources, target, PEOPLE, DEEDS)
    (tmp_path / "job.yaml").write_text(
        json.dumps({**job, "tables": [dict(PEOPLE, mode="replace"), dict(DEEDS, mode="replace")]})
    )
    shell = Shell(tmp_path)
    said = shell("run", "job.yaml").stdout
    for alias in sources:
        assert f"{alias}:person in main.person: {gone[alias]} rows merged" in said
    (table,) = shell.json("merged", "--limit", "99")["tables"]
    kept = {tuple(row["kept"]) for row in table["rows"]}
    assert (table["removed"], table["into"]) == (len(table["rows"]), len(kept))
    assert len(kept) < sum(one.into for one in outcome.merged)
    report = shell("report").stdout
    assert report.count("what was merged into what") == 1
    assert f"shows {sum(gone.values()) - 5:,} more" in report


def test_what_a_server_said_of_one_feeder_is_not_said_of_another(capsys: pytest.CaptureFixture[str]) -> None:
    told = [(f"{alias}:t", "main.t", f"{alias} says so") for alias in ("eu", "us")] + [("v", "main.v", "v does")]
    _show_asked([{"source": one, "target": table, "verified": {"asked": said}} for one, table, said in told])
    lines = ["eu:t in main.t: eu says so", "us:t in main.t: us says so", "main.v: v does"]
    assert capsys.readouterr().out.splitlines() == lines


@pytest.mark.parametrize("tool", ["dbt", "soda"])
def test_rules_of_consolidated_tables_are_exported(tool: str, tmp_path: Path, servers: Servers) -> None:
    """Once for the table that several feed, before a run and after it."""
    sources, target = twins(servers, tmp_path, "postgresql", ("sqlite", "sqlite"))
    rules: list[dict[str, Any]] = [{"not_null": "mail"}, {"refers": {"boss": "person.id"}}, {"check": "seen >= 0"}]
    job = keys(
        sources,
        target,
        dict(PEOPLE, rules=[{**one, "on_fail": "warn"} for one in rules]),
        DEEDS,
        {"from": "eu:other", "rules": [{"unique": "id"}]},
    )
    sources["eu"].ask("CREATE TABLE other (id integer PRIMARY KEY)")
    (tmp_path / "job.yaml").write_text(json.dumps(job))
    shell = Shell(tmp_path)
    beside = [tmp_path / "out" / one for one in ("checks_old.yml", "tests/mine/a.sql")]
    for file in beside:  # of nobody knows whom, in nobody knows which encoding
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"# \xe9t\xe9\n")
    before = shell.json("rules", "job.yaml", "--format", tool, "--out", "out")
    assert before["left_out"] == []
    assert all(file.exists() for file in beside)
    text = "".join(one["text"] for one in before["files"])
    assert text.count("seen >= 0") == 1
    assert "other" in text
    shell("run", "job.yaml")
    assert shell.json("rules", "job.yaml", "--format", tool) == before


def test_the_demo_puts_its_regions_together(tmp_path: Path, servers: Servers) -> None:
    target = spot("postgresql", tmp_path, servers)
    found = Shell(tmp_path).json("demo", "--rows", "3000", "--target", target.url)
    assert found["equal"]
    parts = target.ask("SELECT relid::regclass::text FROM pg_partition_tree('shop.orders') WHERE isleaf")
    assert {"shop.orders_p2022_06", "shop.orders_pdefault"} <= {name for (name,) in parts}
    assert target.ask("SELECT count(*) FROM shop.orders_pdefault") == [(0,)]
    for table in ("addresses", "orders", "order_lines", "payments"):
        ((there, here),) = target.ask(
            f"SELECT (SELECT count(*) FROM shop.{table}), (SELECT count(*) FROM eu.{table}) + "
            f"(SELECT count(*) FROM us.{table})"
        )
        assert there == here, table
    # As SQL would have it: of all with one address but for case, blanks and accents the latest stays.
    both = "SELECT *, 'eu' AS region FROM eu.customers UNION ALL SELECT *, 'us' FROM us.customers"
    target.ask(f"CREATE TABLE known AS {both}")
    gone = found["runs"][2]["tables"]
    ((all_, shop),) = target.ask("SELECT (SELECT count(*) FROM known), (SELECT count(*) FROM shop.customers)")
    assert all_ - shop == sum(one["deduplicated"] for one in gone if one["target"] == "shop.customers") > 0
    same = "shop.customers s JOIN known k USING (customer_id, region) WHERE s.updated_at = k.updated_at"
    assert target.ask(f"SELECT count(*) FROM {same}") == [(shop,)]
    assert target.ask("SELECT DISTINCT region FROM shop.products") == [("eu",)]
    assert target.ask(
        "SELECT count(*) FROM shop.orders o LEFT JOIN shop.customers c USING (customer_id) WHERE c.customer_id IS NULL"
    ) == [(0,)]


def test_columns_of_one_source_that_would_be_one_are_refused(tmp_path: Path, servers: Servers) -> None:
    sources, target = (
        {alias: spot("postgresql", tmp_path, servers) for alias in ("eu", "us")},
        spot("postgresql", tmp_path, servers),
    )
    for place in sources.values():
        place.ask('CREATE TABLE t (id int PRIMARY KEY, "aB" int, "aB " int, "ab" int)')
    said = refused(asked(sources, target, of_both("t"), names="lower"))
    assert "would both be ab" in said


def test_identities_that_are_lost_are_told(tmp_path: Path, servers: Servers) -> None:
    sources, target = (
        {alias: spot("postgresql", tmp_path, servers) for alias in ("eu", "us")},
        spot("postgresql", tmp_path, servers),
    )
    for place in sources.values():
        place.ask("CREATE TABLE t (id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, a int DEFAULT 7)")
    wanted = asked(sources, target, of_both("t"))
    lost = {one.message.partition(" is not")[0] for one in wire.plan(wanted.request, wanted.secrets).findings}
    assert {"that id counts by itself", "the default of a: 7"} <= lost


def test_passwords_stay_out(tmp_path: Path) -> None:
    places = {"eu": "postgresql://a:hunter2@127.0.0.1:1/x", "us": "sqlite:///us.db"}
    found = job(sources=places, target="duckdb:///x.duckdb", tables=[{"from": "eu:*"}, {"from": "us:*"}])
    assert found.literal == ("eu",)
    assert found.secrets.of("eu") == "hunter2"
    assert "hunter2" not in repr(found)
    (tmp_path / "job.yaml").write_text(
        f"sources: {{eu: '{places['eu']}', us: 'sqlite:///us.db'}}\ntarget: duckdb:///x.duckdb\n"
        "tables:\n  - from: eu:*\n  - from: us:*\n"
    )
    failed = Shell(tmp_path)("plan", "job.yaml", status=3)
    assert "the password of the eu can be read in the file job.yaml" in " ".join(failed.stderr.split())
    assert "hunter2" not in failed.stdout + failed.stderr


URLS = {"sources": {"eu": "sqlite:///eu.db", "us": "sqlite:///us.db"}, "target": "duckdb:///x.duckdb"}


@pytest.mark.parametrize(
    ("keys_", "words"),
    [
        ({"tables": [{"from": "orders"}]}, ["names none of the sources eu, us", "eu:orders"]),
        ({"tables": []}, ["names none of the sources"]),
        ({"tables": [{"from": "eu:*"}]}, ["No entry", "of us"]),
        ({"tables": [{"from": ["eu:a", "us:a"]}]}, ["needs a name in the target"]),
        ({"tables": [{"from": ["eu:a*", "us:a"], "to": "a"}]}, ["no globs"]),
        ({"tables": [{"from": ["eu:a", "eu:b"], "to": "a"}]}, ["of one source", "two aliases"]),
        ({"tables": [{"from": ["eu:a"], "to": "a"}]}, ["without brackets"]),
        ({"tables": [{"from": "eu:a", "provenance": "p"}]}, ["'provenance' is for tables that several sources feed"]),
        ({"tables": [{"query": "SELECT 1", "to": "a"}]}, ["'query' names no source"]),
        ({"source": "sqlite:///a.db"}, ["exclude each other"]),
        ({"sources": {"e-u": "sqlite:///a.db"}}, ["'e-u' cannot be the alias"]),
        ({"sources": {"eu": "sqlite:///a.db", "EU": "sqlite:///b.db"}}, ["differ in case only"]),
    ],
)
def test_a_job_that_cannot_be_meant_is_refused(keys_: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(RequestError) as caught:
        job(**{**URLS, **keys_})
    for word in words:
        assert word in str(caught.value)


def test_a_list_takes_several_sources() -> None:
    with pytest.raises(RequestError, match="the job has one"):
        job(source="sqlite:///a.db", target="duckdb:///x", tables=[{"from": ["eu:a", "us:a"], "to": "a"}])


def test_what_no_consolidated_table_can_have_is_refused(tmp_path: Path, servers: Servers) -> None:
    sources, target = clashing(servers, tmp_path, "postgresql", "sqlite")
    for more, words in (
        ({"mode": "append"}, "mode append is not for tables that several sources feed"),
        ({"dedup": {"key": "code"}, "clash": {"newest": "code"}}, "is a 'dedup' by the table's key"),
        ({"on_violation": "quarantine"}, "quarantine is not for"),
        ({"provenance": "Code"}, "has a column Code already"),
        ({"defaults": {"cod": "x"}}, "'defaults' names cod"),
        ({"clash": "rekey"}, "only whole numbers are re-keyed"),
    ):
        assert words in refused(asked(sources, target, of_both("shop", **more))), more
    assert "only texts get a prefix" in refused(asked(sources, target, of_both("person", clash="prefix")))
    twice = {"from": ["eu:note", "us:note"], "to": "shop"}
    assert "would both become" in refused(asked(sources, target, of_both("shop"), twice))
    more_ = {**sources, "asia": sources["us"], "africa": sources["us"]}
    twice = {"from": ["asia:shop", "africa:shop"], "to": "shop", "provenance": "region"}
    assert "two entries put tables into it" in refused(asked(more_, target, of_both("shop"), twice))
    apart = refused(asked(sources, target, of_both("line", clash="rekey")))
    assert "of which no column refers to a table whose keys change" in apart
    both = refused(asked(sources, target, {"from": "eu:shop"}, {"from": "us:shop"}))
    assert "would both become" in both
    assert "[eu:shop, us:shop]" in both
    files = Spot("parquet", f"parquet:///{tmp_path / 'out'}", lambda _: [])
    assert "parquet targets take no table" in refused(asked(sources, files, of_both("shop"))).lower()


def test_a_map_of_one_source_beside_a_table_of_another(tmp_path: Path, servers: Servers) -> None:
    """The rows of the second are its own, and the map's are: what is numbered alike would be taken for landed."""
    sources, target = two(servers, tmp_path, "duckdb")
    sources["eu"].ask("UPDATE person SET mail = 'one' WHERE id < 4")
    outcome = done(asked(
        sources, target, {"from": "eu:person", "dedup": {"key": "mail", "map": "person_keys"}},
        {"from": "us:orders", "to": "us_orders"}, {"from": "us:person", "to": "us_person"},
    ))  # fmt: skip
    assert target.ask("SELECT count(*) FROM us_orders") == [(ROWS - 1,)]
    assert target.ask("SELECT count(*) FROM person_keys") == [(2,)]
    numbers = [hop.name.split()[0] for hop in outcome.plan.landings]
    assert len(numbers) == len(set(numbers))


def wide(servers: Servers, folder: Path, kinds: tuple[str, str], there: str, wider: str) -> tuple[Sources, Spot]:
    """People whose numbers are int in the one source and wider in the other, and deeds of theirs."""
    sources = {alias: spot(kind, folder, servers) for alias, kind in zip(("eu", "us"), kinds, strict=True)}
    for place, number in zip(sources.values(), ("int", wider), strict=True):
        place.ask(f"CREATE TABLE person (id {number} PRIMARY KEY, mail varchar(30), seen int)")
        place.ask(
            f"CREATE TABLE deed (id int PRIMARY KEY, who {number}, n int DEFAULT 3, "
            "FOREIGN KEY (who) REFERENCES person (id))"
        )
    sources["eu"].ask("INSERT INTO person VALUES (1, 'a@x', 1), (2, 'b@x', 1)")
    sources["us"].ask(f"INSERT INTO person VALUES ({10**10}, 'a@x', 2), ({10**10 + 1}, 'b@x', 0)")
    for place in sources.values():
        place.ask("INSERT INTO deed SELECT seen + 7, id, 1 FROM person WHERE mail = 'a@x'")
        place.ask("INSERT INTO deed SELECT seen + 5, id, 1 FROM person WHERE mail = 'b@x'")
        place.ask("INSERT INTO deed VALUES (99, NULL, NULL)")
    return sources, spot(there, folder, servers)


@pytest.mark.parametrize(
    ("kinds", "there", "wider"),
    [
        (("mariadb", "mariadb"), "mariadb", "bigint"), (("postgresql", "postgresql"), "postgresql", "bigint"),
        (("postgresql", "mariadb"), "postgresql", "bigint unsigned"), (("postgresql", "duckdb"), "duckdb", "bigint"),
    ],
)  # fmt: skip
def test_what_refers_to_a_wider_key_gets_its_type(
    kinds: tuple[str, str], there: str, wider: str, tmp_path: Path, servers: Servers
) -> None:
    """A deed of the source whose numbers are small goes to somebody whose number is large, and comes alone."""
    sources, target = wide(servers, tmp_path, kinds, there, wider)
    dedup = {"key": "mail", "keep": "latest", "by": "seen"}
    tables = [of_both("person", dedup=dedup), {"from": "eu:deed"}, {"from": "us:deed", "to": "american"}]
    wanted = asked(sources, target, *tables)
    done(wanted)
    assert sorted(target.ask("SELECT id FROM person")) == [(2,), (10**10,)]
    assert sorted(target.ask("SELECT id, who FROM deed WHERE id < 99")) == [(6, 2), (8, 10**10)]
    assert sorted(target.ask("SELECT id, who FROM american WHERE id < 99")) == [(5, 2), (9, 10**10)]
    assert target.ask("SELECT who FROM deed WHERE id = 99") == [(None,)]
    if there != "duckdb":  # it takes no foreign key to rows that come later
        with pytest.raises(Exception, match=r"(?i)foreign key"):
            target.ask("INSERT INTO deed VALUES (77, 1, 1)")
    for level in ("standard", "full"):
        assert wire.verify(wanted.request, secrets=wanted.secrets, level=level).equal
