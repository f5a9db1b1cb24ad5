"""Accounts with just the GRANTs that a plan prints, from rejected rows and quarantine to roll-back and clean."""

from __future__ import annotations

import itertools
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest

from moves import moved, requested
from ropeway.cli import wire
from ropeway.cli.back import rollback
from ropeway.cli.rejected import rejects, replay
from ropeway.transfer.errors import EngineError, RequestError
from ropeway.transfer.plan import Plan
from ropeway.transfer.request import Choice
from ropeway.transforms.steps import over_of
from spots import Servers, Spot, spot

SERVERS = ["postgresql", "mariadb"]
PASSWORD = "a-word"
_numbers = itertools.count()


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def account(place: Spot) -> Spot:
    """The same place for a fresh account that may do nothing but log in."""
    name = f"bare_{next(_numbers)}"
    if place.engine == "postgresql":
        place.ask(f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'")
        place.ask(f"REVOKE ALL ON DATABASE {urlsplit(place.url).path[1:]} FROM PUBLIC")
        place.ask("REVOKE ALL ON SCHEMA public FROM PUBLIC")
    else:
        place.ask(f"CREATE USER {name}@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'")
    url = urlsplit(place.url)
    return Spot(place.engine, urlunsplit(url._replace(netloc=f"{name}:{PASSWORD}@127.0.0.1:{url.port}")), place.ask)


def granted(statements: tuple[str, ...], who: Spot) -> None:
    """What the plan of an administrator prints, for this account in the administrator's place."""
    name = str(urlsplit(who.url).username)
    for sql in statements:
        who.ask(sql.replace('"ropeway";', f'"{name}";').replace("'ropeway'", f"'{name}'"))


def planned(source: Spot, target: Spot, **options: object) -> Plan:
    return wire.plan(*requested(source, target, **options))


def least(source: Spot, target: Spot, **options: object) -> tuple[Spot, Spot]:
    """Two accounts that hold just what the plan prints."""
    plan = planned(source, target, **options)
    reader, writer = account(source) if plan.grants.source else source, account(target)
    granted(plan.grants.source, reader)
    granted(plan.grants.target, writer)
    return reader, writer


@pytest.mark.parametrize("engine", SERVERS)
def test_rejected_rows(engine: str, tmp_path: Path, servers: Servers) -> None:
    """They are kept, listed, and loaded once more; the run is verified again, at both levels, and cleaned."""
    source, target = spot(engine, tmp_path, servers), spot(engine, tmp_path, servers)
    source.ask("CREATE TABLE note (id int PRIMARY KEY, said varchar(9))")
    source.ask("INSERT INTO note VALUES (1, 'a'), (2, 'bad'), (3, 'c')")
    target.ask("CREATE TABLE note (id int PRIMARY KEY, said varchar(9), CONSTRAINT good CHECK (said <> 'bad'))")
    options = {"mode": "truncate", "max_rejects": "2", "waive": ("broken-check",)}
    reader, writer = least(source, target, **options)
    request, secrets = requested(reader, writer, **options)
    outcome = wire.run(request, secrets)
    run = outcome.plan.run
    assert [row.key for row in rejects(run, writer.url)] == ["id=2"]
    target.ask("ALTER TABLE note DROP CONSTRAINT good")
    assert [one.landed for one in replay(run, writer.url)] == [1]
    assert target.ask("SELECT id FROM note ORDER BY id") == [(1,), (2,), (3,)]
    wire.clean(run, writer.url)
    # Another account comes to a ledger that is not its own.
    source.ask("UPDATE note SET id = id + 10")
    target.ask("ALTER TABLE note ADD CONSTRAINT good CHECK (id <> 12)")
    reader, writer = least(source, target, **options)
    request, secrets = requested(reader, writer, **options)
    again = wire.run(request, secrets)
    assert [row.key for row in rejects(again.plan.run, writer.url)] == ["id=12"]


@pytest.mark.parametrize("mode", ["create", "append", "replace", "truncate", "merge"])
@pytest.mark.parametrize("engine", SERVERS)
def test_verified_again_and_undone(engine: str, mode: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot(engine, tmp_path, servers), spot(engine, tmp_path, servers)
    source.ask("CREATE TABLE note (id int PRIMARY KEY, said varchar(9))")
    source.ask("INSERT INTO note VALUES (1, 'a'), (2, 'b'), (3, 'c')")
    if mode != "create":
        target.ask("CREATE TABLE note (id int PRIMARY KEY, said varchar(9))")
        target.ask("INSERT INTO note VALUES (9, 'z')" if mode != "merge" else "INSERT INTO note VALUES (1, 'z')")
    reader, writer = least(source, target, mode=mode)
    outcome = moved(reader, writer, mode=mode)
    _, secrets = requested(reader, writer)
    for level in ("count", "standard", "full"):
        if mode in ("create", "replace", "truncate") or level != "full":
            report = wire.verify(outcome.plan, level=level, secrets=secrets)
            assert report.equal, report
    if mode == "replace":
        rollback(outcome.plan.run, writer.url)
        assert target.ask("SELECT id FROM note") == [(9,)]
    wire.clean(outcome.plan.run, writer.url, undo=mode in ("create", "append"))
    rows = {"create": None, "append": [9], "merge": [1, 2, 3], "truncate": [1, 2, 3], "replace": [9]}[mode]
    if rows is not None:
        assert [row[0] for row in target.ask("SELECT id FROM note ORDER BY id")] == rows


@pytest.mark.parametrize("engine", SERVERS)
def test_in_place(engine: str, tmp_path: Path, servers: Servers) -> None:
    """With tables that it refers to, and that refer to it."""
    place = spot(engine, tmp_path, servers)
    place.ask("CREATE TABLE town (id int PRIMARY KEY)")
    place.ask("CREATE TABLE person (id int PRIMARY KEY, mail varchar(30) NOT NULL, town int, "
              "CONSTRAINT lives FOREIGN KEY (town) REFERENCES town (id))")  # fmt: skip
    place.ask("CREATE TABLE deed (who int, CONSTRAINT doer FOREIGN KEY (who) REFERENCES person (id))")
    place.ask(f"INSERT INTO person (id, mail) VALUES {', '.join(f'({n}, {n // 2})' for n in range(1, 10))}")
    options = {
        "mode": "replace", "choices": (Choice("person", over=over_of({"key": "mail", "keep": "last", "by": "id"})),)
    }  # fmt: skip
    plan = planned(place, place, **options)
    one = account(place)
    granted(plan.grants.source, one)
    granted(plan.grants.target, one)
    outcome = wire.run(*requested(one, one, **options))
    assert place.ask("SELECT count(*) FROM person") == [(5,)]
    rollback(outcome.plan.run, one.url)
    assert place.ask("SELECT count(*) FROM person") == [(9,)]
    wire.clean(outcome.plan.run, one.url)


@pytest.mark.parametrize("engine", SERVERS)
def test_quarantine(engine: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot("sqlite", tmp_path, servers), spot(engine, tmp_path, servers)
    source.ask("CREATE TABLE p (id INTEGER PRIMARY KEY)")
    source.ask("CREATE TABLE c (id INTEGER PRIMARY KEY, p INTEGER REFERENCES p (id))")
    source.ask("INSERT INTO p VALUES (1)")
    source.ask("INSERT INTO c VALUES (1, 1), (2, 7)")
    options = {"on_violation": "quarantine", "max_rejects": "1"}
    _, writer = least(source, target, **options)
    outcome = wire.run(*requested(source, writer, **options))
    assert target.ask("SELECT id FROM c") == [(1,)]
    wire.clean(outcome.plan.run, writer.url, undo=True)


@pytest.mark.parametrize("mode", ["create", "append", "replace", "truncate", "merge"])
@pytest.mark.parametrize("engine", SERVERS)
def test_none_is_too_much(engine: str, mode: str, tmp_path: Path, servers: Servers) -> None:
    """Without one of them the plan says what lacks, and how to give it; a run that takes no look first fails."""
    source, target = spot(engine, tmp_path, servers), spot(engine, tmp_path, servers)
    serial = "int GENERATED BY DEFAULT AS IDENTITY" if engine == "postgresql" else "int AUTO_INCREMENT"
    source.ask(f"CREATE TABLE note (id {serial} PRIMARY KEY, said varchar(9) UNIQUE)")
    if mode != "create":
        target.ask("CREATE TABLE note (id int PRIMARY KEY, said varchar(9) UNIQUE)")
    plan = planned(source, target, mode=mode)
    for side, statements in (("source", plan.grants.source), ("target", plan.grants.target)):
        assert statements
        for left_out in statements:
            place = source if side == "source" else target
            who = account(place)
            granted(tuple(sql for sql in statements if sql != left_out), who)
            ends = (who, target) if side == "source" else (source, who)
            text = said(*ends, mode=mode)
            assert any(sign in text for sign in REFUSED), (left_out, text)


REFUSED = ("this account lacks", "CONNECT", "Access denied", "no table")  # the last three: it does not get so far


def said(source: Spot, target: Spot, **options: object) -> str:
    """What the plan finds of privileges, or why there is none."""
    try:
        return " ".join(one.message for one in planned(source, target, **options).findings if one.name == "privilege")
    except (EngineError, RequestError) as error:
        return str(error)
