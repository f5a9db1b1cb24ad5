"""Clean-up in place where a session that holds a lock may rename nothing: what hangs on the table, kills, refusals."""

from __future__ import annotations

import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import ropeway
from attacks import attack, finished
from elsewhere import connected
from moves import moved, planned, refusal, requested
from ropeway.cli import wire
from ropeway.transfer.engines import engine_of
from ropeway.transfer.engines.mysql import cutover as gates
from ropeway.transfer.errors import DataError, EngineError
from ropeway.transfer.request import Choice
from ropeway.transfer.schema.catalogue import Relation
from ropeway.transforms.steps import over_of
from spots import Servers, Spot, database, spot

DEDUP = (Choice("person", over=over_of({"key": "mail", "keep": "last", "by": "id"})),)
BOTH = ["mariadb", "mysql"]
STAY = [2, 4, 6]
KEYS = (
    "SELECT k.TABLE_NAME, k.CONSTRAINT_NAME, k.COLUMN_NAME, k.REFERENCED_TABLE_NAME, r.DELETE_RULE "
    "FROM information_schema.KEY_COLUMN_USAGE k JOIN information_schema.REFERENTIAL_CONSTRAINTS r "
    "USING (CONSTRAINT_SCHEMA, TABLE_NAME, CONSTRAINT_NAME) WHERE k.CONSTRAINT_SCHEMA = DATABASE() "
    "AND k.TABLE_NAME NOT LIKE '%ropeway\\_%' ORDER BY 1, 2"
)
BESIDE = "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME RLIKE {}"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def people(engine: str, folder: Path, servers: Servers) -> Spot:
    """Six, of whom each two have one mail, in towns, and with deeds that two foreign keys tell of."""
    place = spot(engine, folder, servers)
    for sql in (
        "CREATE TABLE town (id int PRIMARY KEY)",
        "CREATE TABLE person (id int AUTO_INCREMENT PRIMARY KEY, mail varchar(30) NOT NULL, weight float, town int, "
        "boss int, KEY by_mail (mail), CONSTRAINT `li;\nves` FOREIGN KEY (town) REFERENCES town (id), "
        "CONSTRAINT bossed FOREIGN KEY (boss) REFERENCES person (id)) COLLATE utf8mb4_unicode_ci",
        "CREATE TABLE `de``ed` (id int PRIMARY KEY, who int NOT NULL, at int, "
        "CONSTRAINT `do'er` FOREIGN KEY (who) REFERENCES person (id) ON DELETE CASCADE, "
        "CONSTRAINT `see``n` FOREIGN KEY (at) REFERENCES person (id) ON DELETE SET NULL)",
        "CREATE VIEW people AS SELECT id, mail FROM person",
        "INSERT INTO town VALUES (1), (2)",
        "INSERT INTO person VALUES (1, 'a', 0.1, 1, NULL), (2, 'a', 1e10, 2, NULL), (3, 'b', 3, 1, 2), "
        "(4, 'b', 4, 1, 2), (5, 'c', NULL, NULL, 4), (6, 'c', 6, 1, 4), (9, 'z', 6, 1, 4)",
        "DELETE FROM person WHERE id = 9",
        "INSERT INTO `de``ed` VALUES (1, 2, 4), (2, 4, NULL), (3, 6, 6)",
    ):
        place.ask(sql)
    return place


def ids(place: Spot) -> list[int]:
    return [int(one) for (one,) in place.ask("SELECT id FROM person ORDER BY id")]


@pytest.mark.parametrize("engine", BOTH)
def test_what_hangs_on_a_table_goes_over_and_back(engine: str, tmp_path: Path, servers: Servers) -> None:
    place = people(engine, tmp_path, servers)
    before, keys = place.ask("SELECT * FROM person ORDER BY id"), place.ask(KEYS)
    plan = planned(place, place, choices=DEDUP, mode="replace")
    told = [one.message for one in plan.findings if one.name == "in-place-changed"]
    assert [one for one in told if "foreign key bossed is called bossed_" in one]
    assert [one for one in told if "go on to refer to town until it is dropped" in one]
    run = moved(place, place, choices=DEDUP, mode="replace", slice_rows=2).plan.run
    assert ids(place) == STAY
    assert [row for row in place.ask(KEYS) if row[0] != "person"] == [row for row in keys if row[0] != "person"]
    assert {row[3] for row in place.ask(KEYS)} == {"person", "town"}
    assert place.ask("SELECT id FROM people ORDER BY id") == [(2,), (4,), (6,)]
    assert "utf8mb4_unicode_ci" in str(place.ask("SHOW TABLE STATUS LIKE 'person'")[0])
    place.ask("INSERT INTO person (mail) VALUES ('n')")
    assert ids(place)[-1] == 10  # the number of a row that was deleted is not given again
    with pytest.raises(Exception, match="foreign key"):
        place.ask("INSERT INTO `de``ed` VALUES (4, 1, NULL)")
    with pytest.raises(Exception, match="foreign key"):
        place.ask("INSERT INTO person (mail, town) VALUES ('n', 77)")
    ropeway.rollback(run, place.url, discard_writes=True)
    assert place.ask("SELECT * FROM person ORDER BY id") == before
    assert place.ask(KEYS) == keys
    place.ask("INSERT INTO `de``ed` VALUES (4, 1, NULL)")
    place.ask("INSERT INTO person (mail) VALUES ('n')")
    assert ids(place)[-1] == 12  # 11 was taken by the row that was refused
    wire.clean(run, place.url)
    assert not place.ask(BESIDE.format("'^ropeway_[0-9]'"))
    assert place.ask("SELECT count(*) FROM people") == [(7,)]


CHANGES = {
    "f float": ["0.1", "0.10000001", "-0.1", "NULL"], "d double": ["0.1", "0.1000000000000001"],
    "n decimal(20, 10)": ["1.0000000001", "1.0000000002"], "t text": ["''", "NULL", "'a'", "'a '", "'A'", "'\u00e4'"],
    "v varchar(9)": ["''", "NULL", "'-'", "'a'", "'a '", "'A'"], "b bit(9)": ["1", "257", "NULL"],
    "e enum('a', 'b')": ["'a'", "'b'", "NULL"], "s set('a', 'b')": ["''", "'a'", "'a,b'", "NULL"],
    "w datetime(6)": ["'2024-01-01'", "'2024-01-01 00:00:00.000001'"], "z timestamp NULL": ["'2024-01-01'", "NULL"],
    "u varbinary(9)": ["''", "X'00'", "X'0000'"], "l blob": ["X'00'", "X'0000'", "NULL"], "i int": ["0", "-1", "NULL"],
    "y year": ["2024", "0"], "k time(3)": ["'-00:00:01'", "'00:00:01'"], "g point": ["POINT(1, 2)", "POINT(2, 1)"],
}  # fmt: skip


@pytest.mark.parametrize("engine", BOTH)
def test_any_change_of_any_value_is_seen(engine: str, tmp_path: Path, servers: Servers) -> None:
    place = spot(engine, tmp_path, servers)
    place.ask(f"CREATE TABLE odd (id int PRIMARY KEY, {', '.join(CHANGES)})")
    place.ask("INSERT INTO odd (id) VALUES (1), (2)")
    with closing(engine_of(engine).loader(wire.located(place.url))) as loader:
        standing = partial(engine_of(engine).standing, loader, Relation("", "odd"))  # type: ignore[attr-defined]
        for column, values in CHANGES.items():
            seen = [standing() for value in values if place.ask(f"UPDATE odd SET {column[0]} = {value}") is not None]
            assert len(set(seen)) == len(values), column
        place.ask("UPDATE odd SET t = 'x', v = 'y'")
        before = standing()
        place.ask("UPDATE odd SET t = 'y', v = 'x'")
        assert standing() != before
        place.ask("DELETE FROM odd WHERE id = 2")
        assert standing() != before


KILLS = [("locked", 1), ("unlocking", 2), ("unlocked", 2), ("renamed", 1), ("swapped", 1)]


@pytest.mark.parametrize(("point", "nth"), KILLS)
def test_foreign_keys_of_others_are_never_gone(point: str, nth: int, tmp_path: Path, servers: Servers) -> None:
    place = people("mariadb", tmp_path, servers)
    keys = [row for row in place.ask(KEYS) if row[0] != "person"]
    settings: dict[str, Any] = {
        "source": place.url, "target": place.url, "slice_rows": 2, "point": point, "nth": nth, "mode": "replace",
        "tables": ["person"], "dedup": {"person": {"key": "mail", "keep": "last", "by": "id"}},
    }  # fmt: skip
    killed = attack(**settings)
    assert killed.returncode == -signal.SIGKILL, killed.stderr[-2000:]
    there = [row for row in place.ask(KEYS) if row[0] != "person"]
    assert [row[2] for row in there] == [row[2] for row in keys]
    with pytest.raises(Exception, match="foreign key"):
        place.ask("INSERT INTO `de``ed` VALUES (4, 77, NULL)")
    finished(settings)
    assert ids(place) == STAY
    assert [row for row in place.ask(KEYS) if row[0] != "person"] == keys
    assert place.ask(BESIDE.format("'^ropeway_[0-9].*(shadow|stage)'")) == []


@pytest.mark.parametrize("point", ["locked", "unlocked", "renamed"])
@pytest.mark.parametrize("engine", BOTH)
def test_a_killed_swap_is_undone_with_its_foreign_keys(
    engine: str, point: str, tmp_path: Path, servers: Servers
) -> None:
    """Also where the undoing is killed, which nothing goes on from but itself."""
    place = people(engine, tmp_path, servers)
    before, keys = place.ask("SELECT * FROM person ORDER BY id"), place.ask(KEYS)
    settings: dict[str, Any] = {
        "source": place.url, "target": place.url, "mode": "replace", "tables": ["person"],
        "dedup": {"person": {"key": "mail", "keep": "last", "by": "id"}},
    }  # fmt: skip
    assert attack(**settings, point=point, nth=1 + (point == "unlocked")).returncode == -signal.SIGKILL
    run = wire.status(place.url)[-1].run
    assert attack(**settings, undo=run, point="forgetting", nth=1).returncode == -signal.SIGKILL
    assert "half undone" in attack(**settings, resume=True).stderr
    assert "was being undone, which did not end.\nUndo the rest" in attack(**settings).stderr
    wire.clean(run, place.url)
    assert place.ask(KEYS) == keys
    assert place.ask("SELECT * FROM person ORDER BY id") == before
    assert not place.ask(BESIDE.format("'ropeway_[0-9]'"))


REFUSED = {
    "trigger told": "CREATE TRIGGER told BEFORE INSERT ON person FOR EACH ROW SET NEW.town = 1",
    "its option row_format=COMPRESSED": "ALTER TABLE person ROW_FORMAT=COMPRESSED",
    "that its engine is MyISAM": "CREATE OR REPLACE TABLE person (id int PRIMARY KEY) ENGINE=MyISAM",
    "that it is system-versioned": "ALTER TABLE person ADD SYSTEM VERSIONING",
    "its option partitioned": "CREATE OR REPLACE TABLE person (id int PRIMARY KEY) PARTITION BY HASH (id) PARTITIONS 2",
}  # fmt: skip


def test_what_cannot_go_over_is_refused_by_name(tmp_path: Path, servers: Servers) -> None:
    for what, sql in REFUSED.items():
        place = spot("mariadb", tmp_path, servers)
        place.ask("CREATE TABLE person (id int PRIMARY KEY, town int)")
        place.ask(sql)
        said = refusal(place, place, choices=(Choice("person"),), mode="replace")
        assert what in said, (what, said)
    place = people("mariadb", tmp_path, servers)
    said = refusal(place, place, choices=(Choice("person", columns=("id", "town", "boss")),), mode="replace")
    assert "view people, as it says mail" in said


def test_who_reads_for_long_is_waited_for_and_then_in_the_way(
    tmp_path: Path, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gates, "_WAIT_S", 1)
    place = people("mariadb", tmp_path, servers)
    keys = place.ask(KEYS)
    ask = connected(place.url)
    request, secrets = requested(place, place, choices=DEDUP, mode="replace")
    ask("BEGIN")
    ask("SELECT * FROM person")
    with pytest.raises(EngineError, match=r"(?s)Lock wait timeout.*--resume"):
        wire.run(request, secrets)
    assert place.ask(KEYS) == keys
    assert ids(place) == [1, 2, 3, 4, 5, 6]
    ask("ROLLBACK")
    wire.run(request, secrets, resume=True)
    assert ids(place) == STAY


@pytest.mark.parametrize("names", [["person"], ["zebra"], ["alpha", "person"], ["Zulu", "zebra"]], ids="-".join)
@pytest.mark.parametrize("engine", BOTH)
def test_who_waits_for_the_lock_writes_to_the_new_table(
    engine: str, names: list[str], tmp_path: Path, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever a name stands among the others, of which some are ours; and on the way back."""
    place, rename = spot(engine, tmp_path, servers), gates._rename
    for name in names:
        place.ask(f"CREATE TABLE {name} (id int PRIMARY KEY, mail varchar(9))")
        place.ask(f"INSERT INTO {name} VALUES (1, 'a'), (2, 'a')")
    asked, number = [connected(place.url) for _ in names], iter((10, 11))
    waiting = "SELECT count(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'INSERT%waits%'"
    with ThreadPoolExecutor(len(names)) as pool:
        writes: list[Any] = []

        def renamed(*arguments: Any) -> None:
            row = next(number)
            for ask, name in zip(asked, names, strict=True):
                writes.append(pool.submit(ask, f"INSERT INTO {name} VALUES ({row}, 'waits')"))
            while int(place.ask(waiting)[0][0]) < len(names):
                time.sleep(0.01)
            time.sleep(0.1)  # they may have been seen just before they wait
            rename(*arguments)

        monkeypatch.setattr(gates, "_rename", renamed)
        choices = tuple(Choice(name, over=over_of({"key": "mail", "keep": "last", "by": "id"})) for name in names)
        run = moved(place, place, choices=choices, mode="replace").plan.run
        assert [write.result(20) for write in writes] == [1] * len(names)
        for name in names:
            assert place.ask(f"SELECT id FROM {name} ORDER BY id") == [(2,), (10,)]
        ropeway.rollback(run, place.url, discard_writes=True)
        assert [write.result(20) for write in writes[len(names) :]] == [1] * len(names)
    for name in names:
        assert place.ask(f"SELECT id FROM {name} ORDER BY id") == [(1,), (2,), (11,)]


@pytest.mark.parametrize("engine", BOTH)
def test_a_foreign_key_of_another_database_goes_over(engine: str, tmp_path: Path, servers: Servers) -> None:
    place, other = people(engine, tmp_path, servers), spot(engine, tmp_path, servers)
    other.ask("CREATE TABLE town (id int PRIMARY KEY)")
    home = database(place)
    other.ask(f"CREATE TABLE far (who int, CONSTRAINT afar FOREIGN KEY (who) REFERENCES {home}.person (id))")
    other.ask("INSERT INTO far VALUES (2)")
    run = moved(place, place, choices=DEDUP, mode="replace").plan.run
    other.ask("INSERT INTO far VALUES (4)")
    with pytest.raises(Exception, match="foreign key"):
        other.ask("INSERT INTO far VALUES (1)")
    ropeway.rollback(run, place.url)
    other.ask("INSERT INTO far VALUES (1)")
    assert "`afar`" in str(other.ask("SHOW CREATE TABLE far")[0][1])


def test_a_roll_back_that_is_refused_changes_nothing(
    tmp_path: Path, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two tables one is read by somebody for long: neither is put back, and clean has the old ones."""
    monkeypatch.setattr(gates, "_WAIT_S", 1)
    place = people("mariadb", tmp_path, servers)
    place.ask("CREATE TABLE zoo (id int PRIMARY KEY, mail varchar(9))")
    place.ask("INSERT INTO zoo VALUES (1, 'a'), (2, 'a')")
    zoo = Choice("zoo", over=over_of({"key": "mail", "keep": "last", "by": "id"}))
    run = moved(place, place, choices=(*DEDUP, zoo), mode="replace").plan.run
    keys, ask = place.ask(KEYS), connected(place.url)
    ask("BEGIN")
    ask("SELECT * FROM person")
    with pytest.raises(EngineError, match="refused to put back"):
        ropeway.rollback(run, place.url)
    assert (ids(place), place.ask("SELECT id FROM zoo"), place.ask(KEYS)) == (STAY, [(2,)], keys)
    ask("ROLLBACK")
    wire.clean(run, place.url, undo=True)
    assert (len(ids(place)), len(place.ask("SELECT id FROM zoo"))) == (6, 2)
    assert not place.ask(BESIDE.format("'ropeway_[0-9]'"))


def test_a_table_of_another_database_than_the_target_is_known(tmp_path: Path, servers: Servers) -> None:
    place, other = people("mariadb", tmp_path, servers), spot("mariadb", tmp_path, servers)
    choices = (Choice("person", to=f"{database(place)}.person", over=DEDUP[0].over),)
    assert "by another database than the target's" in refusal(place, other, choices=choices, mode="replace")


def test_a_way_back_that_would_lose_parents_is_refused(tmp_path: Path, servers: Servers) -> None:
    place = people("mariadb", tmp_path, servers)
    run = moved(place, place, choices=DEDUP, mode="replace").plan.run
    place.ask("INSERT INTO person (mail) VALUES ('n')")
    place.ask("INSERT INTO `de``ed` VALUES (7, 10, NULL)")
    with pytest.raises(
        DataError, match="1 rows of de`ed refer by foreign key do'er to rows that are not in the table of"
    ):
        ropeway.rollback(run, place.url, discard_writes=True)
    assert ids(place) == [*STAY, 10]
    place.ask("DELETE FROM `de``ed` WHERE id = 7")
    ropeway.rollback(run, place.url, discard_writes=True)
    assert ids(place) == [1, 2, 3, 4, 5, 6]
