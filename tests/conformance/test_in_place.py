"""Clean-up in place: a table is its own source, and no write to it is lost, whenever it comes."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import ropeway
from attacks import attack, finished
from elsewhere import once, written
from moves import moved, planned, refusal, requested
from ropeway.cli import wire
from ropeway.partitioning.declared import call_of
from ropeway.transfer.engine import Receipt
from ropeway.transfer.engines import engine_of
from ropeway.transfer.errors import DataError, EngineError, RequestError
from ropeway.transfer.plan import from_json, to_json
from ropeway.transfer.progress import Progress
from ropeway.transfer.request import Choice
from ropeway.transforms.steps import calls_of, over_of
from shell import Shell
from spots import Servers, Spot, database, spot

LATEST = {"key": "mail", "keep": "last", "by": "id"}
DEDUP = (Choice("person", over=over_of(LATEST)),)
TRIM = (Choice("person", transforms=calls_of([{"upper": ["mail"]}])),)
ENGINES = ["postgresql", "sqlite", "mariadb", "mysql"]
PEOPLE = 40


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def people(engine: str, folder: Path, servers: Servers) -> Spot:
    """A table of forty, of whom each two have one mail; what goes by its name later is the table of before, too."""
    place = spot(engine, folder, servers)
    few = " WITH (fillfactor = 10)" if engine == "postgresql" else ""  # so that there are several pages
    if engine == "sqlite":
        place.ask("PRAGMA journal_mode = WAL")
    place.ask("CREATE TABLE person (id integer PRIMARY KEY, mail varchar(30) NOT NULL, town integer)" + few)
    rows = ", ".join(f"({n}, 'm{n // 2}', {n % 3})" for n in range(1, PEOPLE + 1))
    place.ask(f"INSERT INTO person VALUES {rows}")
    return place


DEEDS = (
    "CREATE TABLE deed (id integer PRIMARY KEY, who integer, "
    "CONSTRAINT deed_who FOREIGN KEY (who) REFERENCES person (id) ON DELETE CASCADE)"
)
STAY = [1, *range(3, PEOPLE, 2), PEOPLE]


def ids(place: Spot, table: str = "person") -> list[int]:
    return [int(one) for (one,) in place.ask(f"SELECT id FROM {table} ORDER BY id")]


def old(place: Spot) -> str:
    """The name that the table of before is kept under."""
    return f"ropeway_{wire.status(place.url)[-1].run}_1_old"


class When(Progress):
    """Does something once, when the first slice has landed."""

    def __init__(self, what: Callable[[], Any]) -> None:
        self._what: Callable[[], Any] | None = what

    def landed(self, receipt: Receipt) -> None:
        del receipt
        what, self._what = self._what, None
        if what:
            what()


MORE, LESS = "INSERT INTO person VALUES (99, 'm99', 1)", "DELETE FROM person WHERE id = 7"
OTHER = "UPDATE person SET town = 8 WHERE id = 40"


@pytest.mark.parametrize(
    ("engine", "sql"), [("postgresql", MORE), ("postgresql", LESS), ("postgresql", OTHER), ("sqlite", OTHER),
     ("mariadb", MORE), ("mariadb", OTHER), ("mysql", LESS)]
)  # fmt: skip
def test_a_write_between_reading_and_swap_stops_the_swap(
    engine: str, sql: str, tmp_path: Path, servers: Servers
) -> None:
    place = people(engine, tmp_path, servers)
    request, secrets = requested(place, place, choices=TRIM, mode="replace", slice_rows=7)
    with pytest.raises(EngineError, match="was written to since its rows were read"):
        wire.run(request, secrets, progress=When(lambda: once(place.url, sql)))
    there = place.ask("SELECT * FROM person ORDER BY id")
    assert (99, "m99", 1) in there or (40, "m20", 8) in there or not [row for row in there if row[0] == 7]
    with pytest.raises(EngineError, match="was written to since"):
        wire.run(request, secrets, resume=True)
    assert place.ask("SELECT * FROM person ORDER BY id") == there
    wire.run(request, secrets, fresh=True)
    assert place.ask("SELECT * FROM person ORDER BY id") == [(n, mail.upper(), town) for n, mail, town in there]


@pytest.mark.parametrize(
    ("engine", "writes"),
    [("postgresql", "prove"), ("postgresql", "block"), ("sqlite", "prove"), ("mariadb", "prove"), ("mysql", "prove")],
)  # fmt: skip
def test_writers_who_never_stop_lose_nothing(engine: str, writes: str, tmp_path: Path, servers: Servers) -> None:
    place = people(engine, tmp_path, servers)
    request, secrets = requested(place, place, choices=TRIM, mode="replace", slice_rows=7, writes=writes)
    with written(place.url, tmp_path) as done:
        stopped = ""
        try:
            wire.run(request, secrets)
        except EngineError as error:  # where it was not lucky enough to swap between two writes
            stopped = str(error)
    assert not stopped or (writes == "prove" and "was written to since" in stopped)
    assert len(done) > 3
    assert set(done) <= set(ids(place))
    assert set(range(1, PEOPLE + 1)) <= set(ids(place))


KILLS = [
    ("stepping", 2, True), ("gathering", 3, True), ("decided", 1, True), ("landed", 2, False), ("swapping", 1, True),
    ("swapped", 1, False),
]  # fmt: skip
GATE = [
    ("locked", 1, True),
    ("unlocking", 2, False),
    ("unlocked", 2, False),
    ("renamed", 1, True),
]  # where two connections do it


@pytest.mark.parametrize(
    ("engine", "point", "nth", "dedup"),
    [
        *(("postgresql", *kill) for kill in KILLS),
        *(("sqlite", *kill) for kill in KILLS[2:5]),
        *(("mariadb", *kill) for kill in [*KILLS[2:], *GATE]),
    ],
)
def test_a_killed_run_goes_on(engine: str, point: str, nth: int, dedup: bool, tmp_path: Path, servers: Servers) -> None:
    place = people(engine, tmp_path, servers)
    settings: dict[str, Any] = {
        "source": place.url, "target": place.url, "slice_rows": 7, "point": point, "nth": nth, "mode": "replace",
        "tables": ["person"],
    }  # fmt: skip
    settings |= {"dedup": {"person": LATEST}} if dedup else {"transforms": {"person": [{"upper": ["mail"]}]}}
    before = place.ask("SELECT * FROM person ORDER BY id")
    killed = attack(**settings)
    assert killed.returncode == -signal.SIGKILL, killed.stderr[-2000:]
    if point not in ("swapped", "renamed", "unlocked"):
        assert place.ask("SELECT * FROM person ORDER BY id") == before
    finished(settings)
    stay = STAY if dedup else list(range(1, PEOPLE + 1))
    assert ids(place) == stay
    assert ids(place, old(place)) == list(range(1, PEOPLE + 1))


# In PostgreSQL a new row in the place of another: the place alone does not tell them apart.
AGAIN = ["DELETE FROM person WHERE id = 40", "VACUUM person", "INSERT INTO person VALUES (40, 'm20', 0)"]


@pytest.mark.parametrize(
    ("engine", "point", "writes"),
    [("postgresql", "swapping", AGAIN), ("sqlite", "swapping", ["INSERT INTO person VALUES (99, 'm99', 1)"]),
     ("postgresql", "decided", ["UPDATE person SET town = 7 WHERE id = 40"]),
     ("sqlite", "decided", ["UPDATE person SET town = 7 WHERE id = 40"]),
     ("mariadb", "locked", ["UPDATE person SET town = 7 WHERE id = 40"]),
     ("mysql", "decided", ["DELETE FROM person WHERE id = 40"])],
)  # fmt: skip
def test_a_write_while_the_run_is_dead_is_not_lost(
    engine: str, point: str, writes: list[str], tmp_path: Path, servers: Servers
) -> None:
    """All rows had been read: the resumed run reads nothing, and must not believe that nothing happened."""
    place = people(engine, tmp_path, servers)
    settings: dict[str, Any] = {
        "source": place.url, "target": place.url, "slice_rows": 7, "point": point, "nth": 1, "mode": "replace",
    }  # fmt: skip
    settings |= {"tables": ["person"], "dedup": {"person": LATEST}} if point == "decided" else {"tables": ["person"]}
    assert attack(**settings).returncode == -signal.SIGKILL
    where = place.ask("SELECT ctid FROM person WHERE id = 40") if writes == AGAIN else []
    for sql in writes:
        place.ask(sql)
    assert not where or place.ask("SELECT ctid FROM person WHERE id = 40") == where
    there = place.ask("SELECT * FROM person ORDER BY id")
    again = attack(**{**settings, "point": "", "resume": True})
    assert "was written to since" in again.stderr
    assert place.ask("SELECT * FROM person ORDER BY id") == there


FULL = """
CREATE TABLE town (id integer PRIMARY KEY);
INSERT INTO town VALUES (1), (2);
CREATE ROLE {role};
CREATE TABLE person (
    id serial PRIMARY KEY, num bigint GENERATED BY DEFAULT AS IDENTITY, mail varchar(30) NOT NULL, boss integer,
    town integer CONSTRAINT lives REFERENCES town ON DELETE CASCADE, CONSTRAINT long CHECK (length(mail) > 1),
    CONSTRAINT self FOREIGN KEY (boss) REFERENCES person);
CREATE INDEX person_mail ON person (mail) WHERE town > 1;
ALTER TABLE person REPLICA IDENTITY FULL;
COMMENT ON TABLE person IS 'people';
COMMENT ON COLUMN person.mail IS 'mail';
INSERT INTO person (mail, town, boss) SELECT 'm' || n / 2, 1 + n % 2, n FROM generate_series(1, 40) n;
CREATE TABLE deed (id integer PRIMARY KEY, who integer CONSTRAINT did REFERENCES person ON DELETE CASCADE);
COMMENT ON CONSTRAINT did ON deed IS 'it was';
INSERT INTO deed SELECT id, id FROM person WHERE id % 2 = 1;
CREATE VIEW people WITH (security_barrier=true) AS SELECT id, mail FROM person;
CREATE FUNCTION low() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.mail := lower(NEW.mail); RETURN NEW; END $$;
CREATE TRIGGER lower BEFORE INSERT ON person FOR EACH ROW EXECUTE FUNCTION low();
ALTER TABLE person ENABLE ALWAYS TRIGGER lower;
GRANT SELECT, UPDATE ON person TO {role} WITH GRANT OPTION;
GRANT INSERT (mail) ON person TO {role};
GRANT USAGE ON SEQUENCE person_num_seq TO {role} WITH GRANT OPTION;
COMMENT ON SEQUENCE person_num_seq IS 'numbers';
"""
# All that says what a table is, and what hangs on it, without any OID.
SHAPE = """
SELECT 'column', concat_ws(' ', attname, format_type(atttypid, atttypmod), attnotnull, attidentity,
       pg_get_expr(d.adbin, d.adrelid), col_description(attrelid, attnum), attacl)
FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = attrelid AND d.adnum = attnum
WHERE attrelid = 'person'::regclass AND attnum > 0 UNION ALL
SELECT 'constraint', concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(oid), convalidated,
       obj_description(oid, 'pg_constraint')) FROM pg_constraint
WHERE 'person'::regclass IN (conrelid, confrelid) OR conrelid = 'deed'::regclass UNION ALL
SELECT 'index', pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = 'person'::regclass UNION ALL
SELECT 'trigger', concat_ws(' ', pg_get_triggerdef(oid), tgenabled) FROM pg_trigger
WHERE tgrelid = 'person'::regclass AND NOT tgisinternal UNION ALL
SELECT 'table', concat_ws(' ', relacl, relreplident, obj_description(oid, 'pg_class'), relowner::regrole) FROM pg_class
WHERE oid = 'person'::regclass UNION ALL
SELECT 'view', concat_ws(' ', pg_get_viewdef(oid), reloptions) FROM pg_class WHERE oid = 'people'::regclass
UNION ALL SELECT 'reads', string_agg(DISTINCT refobjid::regclass::text, ' ') FROM pg_depend JOIN pg_rewrite r
ON r.oid = objid WHERE r.ev_class = 'people'::regclass AND refclassid = 'pg_class'::regclass AND refobjid <> r.ev_class
UNION ALL SELECT 'of the identity', concat_ws(' ', relacl, obj_description(oid, 'pg_class')) FROM pg_class
WHERE oid = 'person_num_seq'::regclass
UNION ALL SELECT 'sequences', concat_ws(' ', pg_get_serial_sequence('person', 'id'), s.last_value + s.is_called::int,
       pg_get_serial_sequence('person', 'num'), n.last_value + n.is_called::int)
FROM person_id_seq s, person_num_seq n ORDER BY 1, 2"""


def test_what_hangs_on_a_table_of_postgresql_goes_over_and_back(tmp_path: Path, servers: Servers) -> None:
    place = spot("postgresql", tmp_path, servers)
    place.ask(FULL.format(role=f"reader_{database(place)}"))
    before = place.ask(SHAPE)
    plan = moved(place, place, choices=DEDUP, mode="replace", slice_rows=7).plan
    run = plan.run
    assert not [one for one in plan.findings if "trigger" in one.message or "foreign key" in one.message]
    assert ids(place) == STAY
    assert place.ask(SHAPE) == before
    assert place.ask("SELECT boss FROM person WHERE id = 5") == [(5,)]
    place.ask("DELETE FROM town WHERE id = 1")  # the kept table holds no parent, and no cascade reaches it
    assert ids(place, old(place)) == list(range(1, PEOPLE + 1))
    place.ask("INSERT INTO town VALUES (1)")
    with pytest.raises(RequestError, match="written to since"):
        ropeway.rollback(run, place.url)
    ropeway.rollback(run, place.url, discard_writes=True)
    assert place.ask(SHAPE) == before
    assert ids(place) == list(range(1, PEOPLE + 1))
    wire.clean(run, place.url)
    assert place.ask(SHAPE) == before
    again = moved(place, place, choices=DEDUP, mode="replace", slice_rows=7).plan.run
    wire.clean(again, place.url)
    assert place.ask(SHAPE) == before
    assert not place.ask("SELECT relname FROM pg_class WHERE relname ~ '_old|ropeway_.*_shadow'")
    place.ask("INSERT INTO person (mail, town) VALUES ('NEW', 2)")
    assert place.ask("SELECT id, num, mail FROM people JOIN person USING (id, mail) WHERE id > 40") == [(41, 41, "new")]


@pytest.mark.parametrize("engine", ENGINES)
def test_rows_that_others_refer_to_are_counted_and_nothing_cascades(
    engine: str, tmp_path: Path, servers: Servers
) -> None:
    place = people(engine, tmp_path, servers)
    place.ask(DEEDS)
    place.ask("INSERT INTO deed SELECT id, id FROM person WHERE id BETWEEN 6 AND 11")
    request, secrets = requested(place, place, choices=DEDUP, mode="replace", slice_rows=7)
    with pytest.raises(DataError, match=r"3 rows of (public\.)?deed refer .* a cascade would delete them"):
        wire.run(request, secrets)
    assert ids(place) == list(range(1, PEOPLE + 1))
    assert len(ids(place, "deed")) == 6
    place.ask("UPDATE deed SET who = who + 1 WHERE who % 2 = 0")
    wire.run(request, secrets, resume=True)
    assert ids(place) == STAY
    assert len(ids(place, "deed")) == 6


@pytest.mark.parametrize("engine", ENGINES)
def test_children_of_the_same_job_follow(engine: str, tmp_path: Path, servers: Servers) -> None:
    place = people(engine, tmp_path, servers)
    place.ask(DEEDS)
    place.ask("INSERT INTO deed SELECT id, id FROM person")
    run = moved(place, place, choices=(*DEDUP, Choice("deed")), mode="replace", slice_rows=7).plan.run
    assert {int(who) for (who,) in place.ask("SELECT who FROM deed")} == set(STAY)
    assert len(ids(place, "deed")) == PEOPLE
    killed = attack(source=place.url, target=place.url, rollback=run, point="stepping", nth=2)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert len(ropeway.rollback(run, place.url)) == 1  # the other was put back
    assert wire.status(place.url)[-1].state == "rolled back"
    assert place.ask("SELECT id, who FROM deed ORDER BY id") == [(n, n) for n in range(1, PEOPLE + 1)]
    if engine == "postgresql":
        found = "SELECT confrelid::regclass::text, convalidated FROM pg_constraint WHERE conrelid = 'deed'::regclass"
        assert place.ask(f"{found} AND contype = 'f'") == [("person", True)]


REFUSED = {
    "policy": "CREATE POLICY mine ON person USING (true)", "rule": "CREATE RULE no AS ON DELETE TO person DO NOTHING",
    "publication": "CREATE PUBLICATION told FOR TABLE person", "inheritance": "CREATE TABLE more () INHERITS (person)",
    "materialized view": "CREATE MATERIALIZED VIEW seen AS SELECT * FROM person",
    "function": "CREATE FUNCTION of(person) RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "column who": "CREATE TABLE deed (who person)", "UNLOGGED": "ALTER TABLE person SET UNLOGGED",
}  # fmt: skip


def test_what_cannot_go_over_is_refused_by_name(tmp_path: Path, servers: Servers) -> None:
    for what, sql in REFUSED.items():
        place = people("postgresql", tmp_path, servers)
        place.ask(sql)
        said = refusal(place, place, choices=(Choice("person"),), mode="replace")
        assert what in said, (what, said)


@pytest.mark.parametrize("engine", [*ENGINES, "duckdb"])
def test_a_table_is_its_own_source_however_the_urls_spell_it(engine: str, tmp_path: Path, servers: Servers) -> None:
    place = people(engine, tmp_path, servers)
    folder = tmp_path.name
    other = replace(place, url=place.url.replace(f"/{folder}/", f"/{folder}/../{folder}/"))
    if engine in ENGINES:
        assert "would read what it writes" in refusal(place, other, choices=(Choice("person"),), mode="append")
        plan = planned(place, other, choices=(Choice("person"),), mode="replace")
        assert [one.where for one in plan.findings if one.name == "in-place"]
        assert plan.hops[0].upon
        query = (Choice(query="SELECT * FROM person", to="person"),)
        assert "a query that may read it" in refusal(place, other, choices=query, mode="replace")
    else:
        other = replace(other, url=other.url.replace("@127.0.0.1:", "@LocalHost:"))
        assert "cannot be cleaned up in place" in refusal(place, other, choices=(Choice("person"),), mode="replace")
        twice = spot(engine, tmp_path, servers)  # the same name in another database is another table
        assert planned(place, twice, choices=(Choice("person"),)).hops[0].upon is None


def test_what_hangs_on_a_table_of_sqlite_goes_over_and_back(tmp_path: Path, servers: Servers) -> None:
    place = spot("sqlite", tmp_path, servers)
    place.ask("PRAGMA journal_mode = WAL")
    place.ask(
        "CREATE TABLE person (id INTEGER PRIMARY KEY AUTOINCREMENT, mail TEXT NOT NULL, boss INTEGER REFERENCES person)"
    )
    place.ask("CREATE INDEX by_mail ON person (mail)")
    place.ask("CREATE TABLE done (what TEXT)")
    place.ask("CREATE TRIGGER told AFTER INSERT ON person BEGIN\n  INSERT INTO done VALUES (NEW.mail);\nEND")
    place.ask("CREATE VIEW people AS SELECT mail FROM person")
    place.ask("INSERT INTO person (mail) VALUES ('a'), ('a'), ('b')")
    place.ask("DELETE FROM person WHERE id = 3")
    place.ask("DELETE FROM done")
    choices = (Choice("person", over=over_of(LATEST)),)
    plan = planned(place, place, choices=choices, mode="replace")
    changed = [one.message for one in plan.findings if one.name == "in-place-changed"]
    assert ["by_mail is called" in changed[1], "go on to refer to person" in changed[0], len(changed)] == [
        True,
        True,
        2,
    ]
    run = moved(place, place, choices=choices, mode="replace").plan.run
    assert place.ask("SELECT * FROM people") == [("a",)]
    place.ask("INSERT INTO person (mail) VALUES ('c')")
    assert place.ask("SELECT id, mail FROM person") == [(2, "a"), (4, "c")]
    assert place.ask("SELECT * FROM done") == [("c",)]
    with pytest.raises(RequestError, match="written to since"):
        ropeway.rollback(run, place.url)
    ropeway.rollback(run, place.url, discard_writes=True)
    place.ask("INSERT INTO person (mail) VALUES ('d')")
    assert place.ask("SELECT mail FROM people") == [("a",), ("a",), ("d",)]
    assert place.ask("SELECT * FROM done") == [("c",), ("d",)]
    wire.clean(run, place.url)
    assert place.ask("SELECT tbl_name FROM sqlite_schema WHERE name IN ('told', 'by_mail')") == [("person",)] * 2


def test_a_file_without_a_log_is_refused(tmp_path: Path, servers: Servers) -> None:
    place = people("sqlite", tmp_path, servers)
    place.ask("PRAGMA journal_mode = DELETE")
    assert "journal_mode = WAL" in refusal(place, place, choices=(Choice("person"),), mode="replace")


@pytest.mark.parametrize(
    ("engine", "sql"),
    [("postgresql", "GRANT SELECT ON person TO PUBLIC"),
     ("postgresql", "CREATE TABLE deed (who int REFERENCES person)"),
     ("postgresql", "CREATE VIEW people AS SELECT id FROM person"), ("sqlite", "CREATE INDEX mails ON person (mail)"),
     ("sqlite", "CREATE TABLE deed (who REFERENCES person)"),
     ("mariadb", "CREATE TABLE deed (who int REFERENCES person (id))"),
     ("mysql", "CREATE TABLE deed (who int, FOREIGN KEY (who) REFERENCES person (id))")],
)  # fmt: skip
def test_what_was_hung_on_the_table_after_planning_is_not_lost(
    engine: str, sql: str, tmp_path: Path, servers: Servers
) -> None:
    place = people(engine, tmp_path, servers)
    request, secrets = requested(place, place, choices=TRIM, mode="replace", slice_rows=7)
    before = ids(place)
    with pytest.raises(EngineError, match="are others than when the run was planned"):
        wire.run(request, secrets, progress=When(lambda: once(place.url, sql)))
    assert ids(place) == before
    wire.run(request, secrets, fresh=True)
    assert place.ask("SELECT mail FROM person WHERE id = 2") == [("M1",)]


def test_a_table_is_partitioned_in_place(tmp_path: Path, servers: Servers) -> None:
    place = spot("postgresql", tmp_path, servers)
    place.ask("CREATE TABLE sale (id int, day date NOT NULL, PRIMARY KEY (id, day))")
    place.ask("INSERT INTO sale SELECT n, date '2025-01-01' + n FROM generate_series(0, 89) n")
    choices = (Choice("sale", partition=call_of({"by": "range", "column": "day", "every": "month"})),)
    request, secrets = requested(place, place, choices=choices, mode="replace")
    run = wire.run(from_json(to_json(wire.plan(request, secrets))), secrets).plan.run
    assert place.ask("SELECT count(*), count(DISTINCT tableoid) >= 3 FROM sale") == [(90, True)]
    assert place.ask("SELECT relkind FROM pg_class WHERE oid = 'sale'::regclass") == [("p",)]
    place.ask("UPDATE sale SET id = id + 1000 WHERE id = 5")
    with pytest.raises(RequestError, match="written to since"):
        ropeway.rollback(run, place.url)
    ropeway.rollback(run, place.url, discard_writes=True)
    assert place.ask("SELECT relkind FROM pg_class WHERE oid = 'sale'::regclass") == [("r",)]
    wire.clean(run, place.url)
    assert place.ask("SELECT relname FROM pg_class WHERE relname ~ '^(ropeway_\\d|sale).*' AND relkind <> 'i'") == [
        ("sale",)
    ]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_table_replaced_from_elsewhere_is_rolled_back_too(engine: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot("sqlite", tmp_path, servers), people(engine, tmp_path, servers)
    before = target.ask("SELECT * FROM person ORDER BY id")
    source.ask("CREATE TABLE person (id integer PRIMARY KEY, mail varchar(30))")
    source.ask("INSERT INTO person VALUES (1, 'other')")
    run = moved(source, target, mode="replace").plan.run
    assert ids(target) == [1]
    ropeway.rollback(run, target.url)
    assert target.ask("SELECT * FROM person ORDER BY id") == before


KILLED = [
    ("postgresql", "swapping"), ("postgresql", "swapped"), ("sqlite", "swapped"), ("mariadb", "swapped"),
    ("mariadb", "locked"), ("mariadb", "renamed"), ("mysql", "locked"),
]  # fmt: skip


LEFT_LITE = "SELECT name FROM sqlite_schema WHERE name LIKE '%old' OR name LIKE '%shadow'"
LEFT_PG = "SELECT 1 FROM pg_class WHERE relname ~ '^ropeway_\\d.*'"
LEFT = "SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME RLIKE '^ropeway_[0-9]'"


@pytest.mark.parametrize(("engine", "point"), KILLED)
def test_a_killed_run_is_undone(engine: str, point: str, tmp_path: Path, servers: Servers) -> None:
    place = people(engine, tmp_path, servers)
    before = place.ask("SELECT * FROM person ORDER BY id")
    settings: dict[str, Any] = {
        "source": place.url, "target": place.url, "slice_rows": 7, "point": point, "nth": 1, "mode": "replace",
        "dedup": {"person": LATEST}, "tables": ["person"],
    }  # fmt: skip
    assert attack(**settings).returncode == -signal.SIGKILL
    wire.clean(wire.status(place.url)[-1].run, place.url)
    assert place.ask("SELECT * FROM person ORDER BY id") == before
    assert not place.ask({"sqlite": LEFT_LITE, "postgresql": LEFT_PG}.get(engine, LEFT))


def test_the_command_line_says_what_it_would_put_back(tmp_path: Path, servers: Servers) -> None:
    place, shell = people("sqlite", tmp_path, servers), Shell(tmp_path)
    (tmp_path / "job.yaml").write_text(
        f"source: {place.url}\ntarget: {place.url}\nmode: replace\nwrites: prove\ntables:\n  - from: person\n"
        "    dedup: {key: mail, keep: last, by: id, map: was}\n"
    )
    assert "Choose writes: prove" in shell("run", "job.yaml", "--writes", "block", status=2).stderr
    run = shell.json("run", "job.yaml", "--keep", "7d")["run"]
    assert "is kept until" in shell("clean", run, "--yes", status=2).stderr
    assert not shell.json("rollback", run)["rolled_back"]
    assert ids(place) == STAY
    assert [(one["table"], one["map"]) for one in shell.json("rollback", run, "--yes")["tables"]] == [("person", "was")]
    assert len(ids(place)) == PEOPLE
    assert len(place.ask("SELECT * FROM was")) == PEOPLE - len(STAY)
    assert f"Run {run} of this job was rolled back" in shell("verify", "job.yaml", status=2).stderr


@pytest.mark.parametrize("engine", ENGINES)
def test_kept_tables_are_nobodys_source(engine: str, tmp_path: Path, servers: Servers) -> None:
    place = people(engine, tmp_path, servers)
    for _ in range(2):
        plan = moved(place, place, choices=(Choice("*", over=over_of(LATEST)),), mode="replace").plan
        assert [hop.writes.table for hop in plan.hops] == ["person"]
    assert ids(place) == STAY


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("mode", ["replace", "append"])
def test_tables_of_one_job_do_not_cross(mode: str, engine: str, tmp_path: Path, servers: Servers) -> None:
    place = people(engine, tmp_path, servers)
    place.ask("CREATE TABLE other AS SELECT * FROM person WHERE id < 5")
    crossed = (Choice("person", to="other"), Choice("other", to="person"))
    assert "written by the same job" in refusal(place, place, choices=crossed, mode=mode)
    asked = (Choice("other"), Choice("", query="SELECT id FROM other", to="third")) if mode == "replace" else ()
    assert not asked or "other may be read for" in refusal(place, place, choices=asked, mode=mode)
    assert len(ids(place)) == PEOPLE
    assert len(ids(place, "other")) == 4


def test_a_function_that_reads_the_table_is_its_source(tmp_path: Path, servers: Servers) -> None:
    place = people("postgresql", tmp_path, servers)
    place.ask("CREATE VIEW seen AS SELECT id FROM person")
    place.ask("CREATE FUNCTION all_of() RETURNS SETOF seen LANGUAGE sql AS 'SELECT id FROM seen'")
    for query in ("SELECT id FROM all_of()", "SELECT id FROM seen"):
        choices = (Choice("", query=query, to="person"),)
        assert "by a query that may read it" in refusal(place, place, choices=choices, mode="replace"), query


KINDS = (
    "timestamptz(3)", "timestamp", "time(2)", "numeric(10, 2)", "numeric", "char(3)", "char", "bit varying(4)", "mood",
    "varchar(9)[]", "interval", "uuid", "jsonb", "real", "double precision", "bytea", "date", "boolean", "smallint",
)  # fmt: skip


def test_views_and_triggers_of_changed_columns_are_refused_by_the_plan(tmp_path: Path, servers: Servers) -> None:
    place = people("postgresql", tmp_path, servers)
    place.ask("CREATE VIEW seen AS SELECT id, mail FROM person")
    place.ask("CREATE FUNCTION low() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'")
    on = "CREATE TRIGGER {} BEFORE UPDATE OF {} ON person FOR EACH ROW{} EXECUTE FUNCTION low()"
    place.ask(on.format("moves", "town", ""))
    place.ask(on.format("far", "id", " WHEN (NEW.town > 1)"))
    said = refusal(place, place, choices=(Choice("person", columns=("id",)),), mode="replace")
    for user in ("view seen, as its column mail goes", "trigger moves, as its column town goes", "trigger far, as its"):
        assert user in said
    retyped = Choice("person", types=(("mail", "varchar(99)"), ("town", "bigint")))
    said = refusal(place, place, choices=(retyped,), mode="replace")
    assert "view seen, as its column mail becomes" in said
    assert "trigger far, as its column town becomes bigint of integer" in said
    assert "moves" not in said
    place.ask("DROP VIEW seen")
    place.ask("DROP TRIGGER far ON person")
    place.ask("CREATE TYPE mood AS ENUM ('a', 'b')")
    for number, kind in enumerate(KINDS):
        place.ask(f"ALTER TABLE person ADD k{number} {kind}")
    ks = ", ".join(f"k{number}" for number in range(len(KINDS)))
    place.ask(f"CREATE VIEW seen AS SELECT {ks} FROM person")
    moved(place, place, choices=(retyped,), mode="replace")
    assert len(ids(place)) == PEOPLE


def test_a_file_says_what_a_swap_changes_and_would_break(tmp_path: Path, servers: Servers) -> None:
    place = people("sqlite", tmp_path, servers)
    plan = planned(place, place, choices=TRIM, mode="replace")
    assert [one.message for one in plan.findings if "id becomes AUTOINCREMENT" in one.message]
    place.ask("CREATE VIEW all_of AS SELECT * FROM person")
    place.ask("CREATE VIEW seen AS SELECT MAIL FROM all_of")
    place.ask("CREATE TABLE done (what TEXT)")
    place.ask("CREATE TRIGGER told AFTER INSERT ON person BEGIN\n  INSERT INTO done VALUES (NEW.mail);\nEND")
    said = refusal(place, place, choices=(Choice("person", columns=("id",)),), mode="replace")
    assert "trigger told, as it says mail" in said
    assert "view seen, as it says mail" in said
    assert "all_of" not in said


def test_two_never_hold_one_file(tmp_path: Path, servers: Servers) -> None:
    place, inside, most = people("sqlite", tmp_path, servers), set[int](), list[int]()

    def take(number: int) -> None:
        for _ in range(150):
            with closing(engine_of("sqlite").loader(wire.located(place.url))) as loader:
                if loader.hold("person"):
                    inside.add(number)
                    time.sleep(0.0005)
                    most.append(len(inside))
                    inside.discard(number)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(take, range(4)))
    assert most
    assert max(most) == 1
