"""A repair sets the target right by the fewest changes: in place, never by deleting a row that stays."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pyarrow as pa
import pytest

from moves import moved, requested
from ropeway.cli import wire
from ropeway.cli.mending import Repair
from ropeway.transfer import segments
from ropeway.transfer.errors import EngineError, RequestError
from ropeway.transfer.request import Choice
from spots import MYSQL_FAMILY, NULLED, PLACES, Rows, Servers, Spot, spot

TABLES = ("loose", "parent", "child", "named")
TRIGGERS = {
    "sqlite": "CREATE TRIGGER noted AFTER UPDATE ON parent BEGIN INSERT INTO notes VALUES ('fired'); END",
    "mariadb": "CREATE TRIGGER noted AFTER UPDATE ON parent FOR EACH ROW INSERT INTO notes VALUES ('fired')",
    "postgresql": (
        "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS "
        "$$BEGIN INSERT INTO notes VALUES ('fired'); RETURN NEW; END$$;"
        "CREATE TRIGGER noted AFTER UPDATE ON parent FOR EACH ROW EXECUTE FUNCTION note()"
    ),
}
TRIGGERS["mysql"] = TRIGGERS["mariadb"]
TRIGGERS |= {
    "oracle": "CREATE TRIGGER noted AFTER UPDATE ON parent FOR EACH ROW BEGIN INSERT INTO notes VALUES ('fired'); END;",
    "sqlserver": "CREATE TRIGGER noted ON parent AFTER UPDATE AS INSERT INTO notes VALUES ('fired')",
}
FIRED: dict[str, Rows] = {"oracle": [], "sqlserver": []}  # these two's test servers know triggers, and carry none out
OTHER = {"sqlserver": "cöde 2"}  # for a text that is no other one where case is overlooked
LISTED = {
    "sqlite": "SELECT name FROM sqlite_schema", "oracle": "SELECT LOWER(table_name) FROM user_tables",
    "sqlserver": "SELECT name FROM sys.tables",
}  # fmt: skip


@pytest.fixture(autouse=True)
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "ROWS", 100)


def filled(place: Spot, cascade: str = "") -> None:
    """A parent with its child, a table by a text, and one without a key."""
    place.ask("CREATE TABLE parent (id INTEGER NOT NULL PRIMARY KEY, word VARCHAR(40), price DECIMAL(12,2))")
    place.ask(
        "CREATE TABLE child (id INTEGER NOT NULL PRIMARY KEY, parent INTEGER, seen TIMESTAMP, "
        f"CONSTRAINT of_parent FOREIGN KEY (parent) REFERENCES parent (id){cascade})"
    )
    place.ask("CREATE TABLE named (code VARCHAR(40) NOT NULL PRIMARY KEY, n INTEGER)")
    place.ask("CREATE TABLE loose (n INTEGER, word VARCHAR(40))")
    place.ask("INSERT INTO parent VALUES " + ", ".join(f"({n}, 'wörd {n}', {n}.25)" for n in range(400)))
    place.ask("INSERT INTO child VALUES " + ", ".join(f"({n}, {n}, '2024-03-01 10:00:00.5')" for n in range(400)))
    place.ask("INSERT INTO named VALUES " + ", ".join(f"('code {n}', {n})" for n in range(300)))
    place.ask("INSERT INTO loose VALUES (1, 'a'), (1, 'a'), (2, NULL), (3, ''), (4, 'x')")


def looked(source: Spot, target: Spot, *tables: str) -> tuple[Repair, wire.Secrets]:
    choices = tuple(Choice(name) for name in tables or TABLES)
    request, secrets = requested(source, target, choices=choices, policies=NULLED.get(target.engine, ()))
    return wire.repairs(request, "full", secrets), secrets


def arrived(source: Spot, target: Spot) -> None:
    moved(source, target, policies=NULLED.get(target.engine, ()))


def counts(found: Repair) -> dict[str, tuple[int, int, int]]:
    return {
        one.target.rpartition(".")[2].lower(): (one.tasks.insert, one.tasks.update, one.tasks.delete)
        for one in found.tables
    }


def spoilt(target: Spot) -> None:
    target.give("parent", "id, word, price", "(900, 'x', 1)")
    target.give("child", "id, parent, seen", "(901, 900, NULL)")
    for sql in (
        "UPDATE parent SET word = 'wörd 7 ' WHERE id = 7",
        "UPDATE parent SET price = 0, word = NULL WHERE id = 350",
        "DELETE FROM child WHERE id IN (3, 4)",
        "DELETE FROM parent WHERE id = 3",
        "UPDATE child SET seen = NULL WHERE id = 399",
        "DELETE FROM named WHERE code = 'code 1'",
        f"INSERT INTO named VALUES ('{OTHER.get(target.engine, 'Code 2')}', 2)",
        "INSERT INTO loose VALUES (1, 'a'), (1, 'a'), (1, 'A'), (9, NULL)",
        "DELETE FROM loose WHERE n = 4",
    ):
        target.ask(sql)


def kept_rows(folder: Path, which: str) -> list[dict[str, object]]:
    files = sorted(folder.glob(f"kept/*{which}.arrow"))
    rows = [row for file in files for row in pa.ipc.open_file(str(file)).read_all().to_pylist()]
    return [{name.lower(): value for name, value in row.items()} for row in rows]


@pytest.mark.parametrize("there", PLACES)
def test_a_repair_sets_right(there: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot("sqlite", tmp_path, servers), spot(there, tmp_path, servers)
    filled(source)
    arrived(source, target)
    before = {name: sorted(map(repr, target.ask(f"SELECT * FROM {name}"))) for name in TABLES}
    assert not looked(source, target)[0].tables
    spoilt(target)
    found, secrets = looked(source, target)
    assert counts(found) == {"parent": (1, 2, 1), "child": (2, 1, 1), "named": (1, 0, 1), "loose": (1, 0, 4)}
    assert {reach.allow for one in found.tables for reach in one.reaches} == set()
    assert wire.repair(found, (), secrets, tmp_path / "kept").equal
    assert {name: sorted(map(repr, target.ask(f"SELECT * FROM {name}"))) for name in TABLES} == before
    assert not [name for (name,) in _tables(target) if "repair" in name]
    kept = kept_rows(tmp_path, f"{target.kept('parent')}/1")
    assert {"id": 900, "word": "x"}.items() <= kept[0].items()
    kept = kept_rows(tmp_path, f"{target.kept('loose')}/*")
    assert sorted(str(row["word"]) for row in kept) == ["A", "None", "a", "a"]
    assert not looked(source, target)[0].tables
    brought_back(tmp_path / "kept", target, "parent")
    rows = target.ask("SELECT id, word FROM parent WHERE id IN (3, 7, 350, 900) ORDER BY id")
    assert rows == [(3, "wörd 3"), (7, "wörd 7 "), (350, None), (900, "x")]


def brought_back(folder: Path, target: Spot, table: str) -> None:
    """What a repair kept of a table, merged into it again."""
    (name,) = (one.name for one in folder.iterdir() if one.name.lower().endswith(table))
    kept = replace(target, engine="arrow", url=f"arrow:///{folder}")
    request, secrets = requested(kept, target, choices=(Choice(name, to=name),), mode="merge")
    assert wire.run(request, secrets).report


def _tables(place: Spot) -> list[tuple[str, ...]]:
    return place.ask(LISTED.get(place.engine, "SELECT table_name FROM information_schema.tables"))


@pytest.mark.parametrize("there", [name for name in PLACES if name != "duckdb"])
def test_what_reaches_other_rows_needs_a_word(there: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot("sqlite", tmp_path, servers), spot(there, tmp_path, servers)
    filled(source, " ON DELETE CASCADE")
    arrived(source, target)
    target.ask("CREATE TABLE notes (word VARCHAR(9))")
    target.ask(TRIGGERS[there])
    target.give("parent", "id, word, price", "(900, 'x', 1)")
    target.give("child", "id, parent, seen", "(5000, 900, NULL)")
    target.ask("UPDATE parent SET word = 'y' WHERE id = 1")
    target.ask("DELETE FROM notes")
    found, secrets = looked(source, target, "parent")
    (table,) = found.tables
    assert [reach.allow for reach in table.reaches] == ["cascade", "triggers"]
    for words, missing in (((), "--allow cascade --allow triggers"), (("cascade",), "--allow triggers")):
        with pytest.raises(RequestError) as error:
            wire.repair(found, words, secrets)
        assert error.value.remedy.endswith(missing)
    assert target.ask("SELECT count(*) FROM parent WHERE id = 900 OR word = 'y'") == [(2,)]
    assert wire.repair(found, ("cascade", "triggers"), secrets).equal
    assert target.ask("SELECT count(*) FROM child WHERE id = 5000") == [(0,)]
    assert target.ask("SELECT word FROM notes") == FIRED.get(there, [("fired",)])


@pytest.mark.parametrize("there", ["postgresql", "mariadb", "sqlite"])
def test_a_slice_that_is_refused_leaves_all_as_it_was(there: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot("sqlite", tmp_path, servers), spot(there, tmp_path, servers)
    filled(source)
    moved(source, target)
    target.ask("INSERT INTO parent VALUES (900, 'x', 1)")
    target.ask("INSERT INTO child VALUES (5000, 900, NULL)")  # stays, for it is not asked for
    target.ask("DELETE FROM named WHERE code = 'code 9'")
    target.ask("UPDATE parent SET word = 'y' WHERE id = 899 - 500")
    found, secrets = looked(source, target, "parent")
    with pytest.raises(EngineError, match=r"refused to set .*parent right"):
        wire.repair(found, (), secrets)
    assert target.ask("SELECT count(*) FROM parent WHERE id = 900 OR word = 'y'") == [(2,)]
    assert there in MYSQL_FAMILY or not [name for (name,) in _tables(target) if "repair" in name]


@pytest.mark.parametrize("there", PLACES)
def test_what_the_job_does_not_select_is_never_deleted(there: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot("sqlite", tmp_path, servers), spot(there, tmp_path, servers)
    for place, more in ((source, ""), (target, ", more INTEGER")):
        place.ask("CREATE TABLE narrow (id INTEGER NOT NULL PRIMARY KEY, word VARCHAR(40))")
        place.ask(f"CREATE TABLE wide (n INTEGER{more})")
        place.ask("INSERT INTO narrow VALUES (1, 'a'), (300, 'c')")
    target.ask("INSERT INTO wide VALUES (1, 5), (1, 6)")
    request, secrets = requested(source, target, choices=(Choice("narrow", where="id < 100"),))
    for choice, why in (("narrow", "selects a part of the source"), ("wide", "(?i)values of more would go")):
        choices = (Choice(choice, where="id < 100" if choice == "narrow" else ""),)
        with pytest.raises(RequestError, match=why):
            wire.repairs(requested(source, target, choices=choices)[0], "full", secrets)
    target.ask("CREATE VIEW seen AS SELECT id FROM narrow")
    source.ask("CREATE TABLE seen (id INTEGER NOT NULL PRIMARY KEY)")
    with pytest.raises(RequestError, match="is a view"):
        looked(source, target, "seen")
    # Rows of the selection are set right; and rows too many go where the target's integers are narrower.
    target.ask("UPDATE narrow SET word = 'x' WHERE id = 1")
    target.ask("DELETE FROM narrow WHERE id = 300")
    assert wire.repair(wire.repairs(request, "full", secrets), (), secrets).equal
    target.ask("INSERT INTO narrow VALUES (4, 'extra'), (300, 'c')")
    assert wire.repair(looked(source, target, "narrow")[0], (), secrets).equal
    assert target.ask("SELECT id, word FROM narrow ORDER BY id") == [(1, "a"), (300, "c")]


@pytest.mark.parametrize("there", PLACES)
def test_only_the_rows_that_are_meant(there: str, tmp_path: Path, servers: Servers) -> None:
    """Where a collation folds, a name has braces, a table has heirs, and the key is unique in the source alone."""
    source, target = spot("sqlite", tmp_path, servers), spot(there, tmp_path, servers)
    folds = {"sqlite": " COLLATE NOCASE", "duckdb": " COLLATE NOCASE"}.get(there, "")
    folds = " COLLATE utf8mb4_general_ci" if there in MYSQL_FAMILY else folds
    keyed = "" if there == "duckdb" else folds  # DuckDB's join refuses that collation
    for place, fold, key, unique in ((source, "", "", " PRIMARY KEY"), (target, folds, keyed, "")):
        odd = place.quote("a{rows}%s")
        parts = " PARTITION BY LIST (n)" if place.engine == "postgresql" else ""
        place.ask(f"CREATE TABLE {odd} ({place.quote('x{0}')} VARCHAR(9){fold}, n INTEGER){parts}")
        if parts:
            place.ask(f"CREATE TABLE part PARTITION OF {odd} DEFAULT")
        place.ask(f"INSERT INTO {odd} VALUES ('a', 1), ('A', NULL)")
        place.ask(f"CREATE TABLE cased (code VARCHAR(9){key} NOT NULL{unique}, n INTEGER)")
        place.ask("INSERT INTO cased VALUES ('a', 1), ('A', 2), ('b', 3)")
    if there == "postgresql":
        target.ask("CREATE TABLE heir () INHERITS (cased)")
        target.ask("INSERT INTO heir VALUES ('B', 4), ('a', 8)")
    target.ask(f"INSERT INTO {target.quote('a{rows}%s')} VALUES ('A', NULL), ('a', NULL), ('a ', NULL)")
    target.ask("UPDATE cased SET n = n + 6 WHERE n < 3")
    target.ask("INSERT INTO cased VALUES ('B', 4)")
    choices = (Choice("a{rows}%s"), Choice("cased", key=("code",)))
    request, secrets = requested(source, target, choices=choices)
    assert wire.repair(wire.repairs(request, "full", secrets), (), secrets).equal
    if there == "postgresql":
        assert target.ask("SELECT code, n FROM heir ORDER BY n") == [("B", 4), ("a", 8)]


@pytest.mark.parametrize("there", ["sqlite", "mariadb", "mysql"])
def test_a_cascade_that_is_hard_to_see_needs_its_word(there: str, tmp_path: Path, servers: Servers) -> None:
    """SQLite's reference in another case, and one of another database."""
    source, target = spot("sqlite", tmp_path, servers), spot(there, tmp_path, servers)
    beside = spot(there, tmp_path, servers) if there in MYSQL_FAMILY else target
    parent = f"{target.url.rpartition('/')[2]}.up" if there in MYSQL_FAMILY else "UP"
    for place in (source, target):
        place.ask("CREATE TABLE up (id INTEGER NOT NULL PRIMARY KEY)")
        place.ask("INSERT INTO up VALUES (1), (9)")
    target.ask("INSERT INTO up VALUES (3)")
    beside.ask(
        f"CREATE TABLE down (id INTEGER, up INTEGER, FOREIGN KEY (up) REFERENCES {parent} (id) ON DELETE CASCADE)"
    )
    found, secrets = looked(source, target, "up")
    with pytest.raises(RequestError, match="more than its own rows"):
        wire.repair(found, (), secrets)
    target.ask("INSERT INTO up VALUES (4)")
    with pytest.raises(EngineError, match="differs than what was shown"):
        wire.repair(found, ("cascade",), secrets)
    assert target.ask("SELECT id FROM up ORDER BY id") == [(1,), (3,), (4,), (9,)]


@pytest.mark.parametrize("there", [name for name in PLACES if name != "duckdb"])
def test_a_row_that_stays_is_not_lost_by_a_cascade(there: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot("sqlite", tmp_path, servers), spot(there, tmp_path, servers)
    for place in (source, target):
        place.ask("CREATE TABLE tree (id INTEGER NOT NULL PRIMARY KEY, up INTEGER, "
                  "FOREIGN KEY (up) REFERENCES tree (id) ON DELETE CASCADE)")  # fmt: skip
        place.ask("INSERT INTO tree VALUES (1, NULL), (2, 1), (3, 2)")
    target.ask("INSERT INTO tree VALUES (900, NULL)")
    target.ask("UPDATE tree SET up = 900 WHERE id = 2")
    found, secrets = looked(source, target, "tree")
    with pytest.raises(EngineError, match=r"(?i)1 rows of .*tree were to be updated, and 0 were"):
        wire.repair(found, ("cascade",), secrets)
    assert target.ask("SELECT count(*) FROM tree") == [(4,)]


@pytest.mark.parametrize("there", MYSQL_FAMILY)
def test_a_table_that_is_not_rolled_back_is_refused(there: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot("sqlite", tmp_path, servers), spot(there, tmp_path, servers)
    for place, engine in ((source, ""), (target, " ENGINE=MyISAM")):
        place.ask(f"CREATE TABLE parent (id INTEGER NOT NULL PRIMARY KEY, n INTEGER){engine}")
        place.ask("INSERT INTO parent VALUES (1, 1)")
    target.ask("UPDATE parent SET n = 2")
    with pytest.raises(RequestError, match="cannot be repaired: its engine is MyISAM"):
        looked(source, target, "parent")
    assert target.ask("SELECT n FROM parent") == [(2,)]


@pytest.mark.parametrize("there", MYSQL_FAMILY)
def test_triggers_that_the_account_is_not_shown(there: str, tmp_path: Path, servers: Servers) -> None:
    """Both servers list triggers for who has the privilege of that name, and fire them for everybody."""
    source, target = spot("sqlite", tmp_path, servers), spot(there, tmp_path, servers)
    for place in (source, target):
        place.ask("CREATE TABLE parent (id INTEGER NOT NULL PRIMARY KEY, n INTEGER)")
        place.ask("INSERT INTO parent VALUES (1, 1)")
    target.ask("UPDATE parent SET n = 2")
    url = urlsplit(target.url)
    database, name = url.path.strip("/"), f"mender_{url.path[-6:].replace('/', '')}"
    target.ask(f"CREATE USER {name}@'127.0.0.1' IDENTIFIED BY 'word'")
    rights = "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER"
    target.ask(f"GRANT {rights} ON `{database}`.* TO {name}@'127.0.0.1'")
    mender = replace(target, url=urlunsplit(url._replace(netloc=f"{name}:word@127.0.0.1:{url.port}")))
    found, secrets = looked(source, mender, "parent")
    with pytest.raises(RequestError, match="may fire triggers, which this account is not shown"):
        wire.repair(found, (), secrets)
    target.ask(f"GRANT TRIGGER ON `{database}`.parent TO {name}@'127.0.0.1'")
    found, secrets = looked(source, mender, "parent")
    assert wire.repair(found, (), secrets).equal
    target.ask(f"DROP USER {name}@'127.0.0.1'")
