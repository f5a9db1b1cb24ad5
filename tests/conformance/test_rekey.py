"""Keys that become others by a rule, in one source: what refers to them follows, in flight."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import ropeway
from moves import planned, refusal, requested
from ropeway.cli import wire
from ropeway.cli.job import Wanted
from ropeway.transfer.errors import DataError, RequestError
from ropeway.transfer.plan import from_json, to_json
from ropeway.transfer.request import Choice
from ropeway.transforms.steps import calls_of, over_of
from ropeway.verify.report import EQUALS_READ
from spots import Servers, Spot, spot

OFFSET = ("rekey", "[10, 1000000]")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def family(place: Spot) -> None:
    """People with a boss each, what they did, who did it, and two tables that refer to each other."""
    place.ask(
        "CREATE TABLE person (id integer PRIMARY KEY, boss integer, mail varchar(9), "
        "FOREIGN KEY (boss) REFERENCES person (id))"
    )
    place.ask("CREATE TABLE deed (id integer PRIMARY KEY, who integer, FOREIGN KEY (who) REFERENCES person (id))")
    place.ask(
        "CREATE TABLE share (deed integer, person integer, PRIMARY KEY (deed, person), "
        "FOREIGN KEY (deed) REFERENCES deed (id), FOREIGN KEY (person) REFERENCES person (id))"
    )
    place.ask("CREATE TABLE a (id integer PRIMARY KEY, b integer)")
    place.ask("CREATE TABLE b (id integer PRIMARY KEY, a integer, FOREIGN KEY (a) REFERENCES a (id))")
    place.ask("INSERT INTO person VALUES (1, NULL, 'x'), (2, 1, 'y'), (3, 3, 'x')")
    place.ask("INSERT INTO deed VALUES (1, 3), (2, NULL)")
    place.ask("INSERT INTO share VALUES (1, 2), (2, 3)")
    place.ask("INSERT INTO a VALUES (1, 2), (2, NULL)")
    place.ask("INSERT INTO b VALUES (1, 2), (2, 1)")
    place.ask("ALTER TABLE a ADD FOREIGN KEY (b) REFERENCES b (id)")


def held(place: Spot, table: str, order: str = "1, 2") -> list[tuple[Any, ...]]:
    rows = place.ask(f"SELECT * FROM {table} ORDER BY {order}")
    return [tuple(int(one) if isinstance(one, int) else one for one in row) for row in rows]


def new(key: int | None) -> int | None:
    return None if key is None else 10 * key + 1_000_000


@pytest.mark.parametrize(
    ("here", "there"), [("postgresql", "postgresql"), ("postgresql", "mariadb"), ("mariadb", "postgresql")]
)
def test_whole_numbers(here: str, there: str, tmp_path: Path, servers: Servers) -> None:
    """Of a whole schema: its own tables, themselves, circles and keys made of references; what is proven holds."""
    source, target = spot(here, tmp_path, servers), spot(there, tmp_path, servers)
    family(source)
    request, secrets = requested(source, target, choices=(Choice("*", rekey=OFFSET),), slice_rows=1)
    plan = from_json(to_json(wire.plan(request, secrets)))
    (said,) = (one for one in plan.findings if one.name == "keys-changed")
    assert "a number k becomes k * 10 + 1000000 in" in said.message
    outcome = wire.run(plan, secrets)
    assert outcome.report
    assert {one.claim for one in outcome.report.tables} == {EQUALS_READ}
    assert held(target, "person") == [(new(1), None, "x"), (new(2), new(1), "y"), (new(3), new(3), "x")]
    assert held(target, "deed") == [(new(1), new(3)), (new(2), None)]
    assert held(target, "share") == [(new(1), new(2)), (new(2), new(3))]
    assert (held(target, "a"), held(target, "b")) == (
        [(new(1), new(2)), (new(2), None)],
        [(new(1), new(2)), (new(2), new(1))],
    )
    with pytest.raises(Exception, match=r"(?i)foreign|constraint"):
        target.ask("INSERT INTO deed VALUES (1, 77)")
    full = wire.verify(plan, level="full", secrets=secrets)
    assert {one.claim for one in full.tables} == {EQUALS_READ}


def test_rows_go_beside_others(tmp_path: Path, servers: Servers) -> None:
    """Into tables that have rows of the same keys already, which stay."""
    source, target = spot("postgresql", tmp_path, servers), spot("postgresql", tmp_path, servers)
    family(source)
    family(target)
    names = [Choice(name) for name in ("person", "deed", "share")]
    refused = requested(source, target, choices=tuple(names), mode="append")
    with pytest.raises(Exception, match=r"(?i)unique|duplicate"):
        wire.run(*refused)
    wire.clean(wire.status(target.url)[-1].run, target.url)
    choices = (*(Choice(name, rekey=OFFSET) for name in ("person", "deed")), Choice("share"))
    wire.run(*requested(source, target, choices=choices, mode="append"))
    assert held(target, "deed") == [(1, 3), (2, None), (new(1), new(3)), (new(2), None)]
    assert held(target, "share") == [(1, 2), (2, 3), (new(1), new(2)), (new(2), new(3))]


def test_texts(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("postgresql", tmp_path, servers), spot("duckdb", tmp_path, servers)
    source.ask("CREATE TABLE land (code char(4) PRIMARY KEY)")
    source.ask("CREATE TABLE town (id integer PRIMARY KEY, land char(4) REFERENCES land (code), other char(4))")
    source.ask("INSERT INTO land VALUES ('DE'), ('FR')")
    source.ask("INSERT INTO town VALUES (1, 'DE', 'DE'), (2, NULL, 'FR')")
    choices = (Choice("land", rekey=("prefix", '"eu-"')), Choice("town"))
    wire.run(*requested(source, target, choices=choices))
    assert held(target, "land", "1") == [("eu-DE",), ("eu-FR",)]
    rows = [(1, "eu-DE", "DE"), (2, None, "FR")]
    assert [(n, land, other.rstrip()) for n, land, other in held(target, "town", "1")] == rows


def test_rows_are_merged_by_the_keys_that_they_get(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("postgresql", tmp_path, servers), spot("postgresql", tmp_path, servers)
    family(source)
    over = over_of({"key": "mail", "keep": "first"})
    choices = (Choice("person", rekey=OFFSET, over=over), Choice("deed"))
    wire.run(*requested(source, target, choices=choices))
    assert held(target, "person") == [(new(1), None, "x"), (new(2), new(1), "y")]
    assert held(target, "deed") == [(1, new(1)), (2, None)]


def test_a_key_that_becomes_too_large_stops_the_run_by_its_name(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("postgresql", tmp_path, servers), spot("duckdb", tmp_path, servers)
    source.ask("CREATE TABLE person (id bigint PRIMARY KEY)")
    choices = (Choice("person", rekey=("rekey", "[1, 8]")),)
    plan = planned(source, target, choices=choices)
    source.ask(f"INSERT INTO person VALUES (1), ({2**63 - 9})")
    wire.run(plan, requested(source, target)[1])
    assert held(target, "person", "1") == [(9,), (2**63 - 1,)]
    wire.clean(plan.run, target.url, undo=True)
    plan = planned(source, target, choices=(Choice("person", rekey=("rekey", "[1, 8]")),), mode="replace")
    source.ask(f"INSERT INTO person VALUES ({2**63 - 8})")
    with pytest.raises(DataError, match=rf"id holds a key that is too large to be re-keyed.*(\n|.)*id={2**63 - 8}"):
        wire.run(plan, requested(source, target)[1])


def test_what_is_refused(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("postgresql", tmp_path, servers), spot("duckdb", tmp_path, servers)
    family(source)

    def said(*choices: Choice) -> str:
        return refusal(source, target, choices=choices)

    two = (Choice("a", rekey=OFFSET), Choice("b", rekey=("rekey", "[1, 5]")), Choice("deed"), Choice("person"))
    assert "would change by two rules" not in said(Choice("share", rekey=OFFSET))
    assert "its rule for keys changes nothing" in said(Choice("share", rekey=OFFSET))
    assert "only texts get a prefix" in said(Choice("person", rekey=("prefix", '"x"')))
    assert planned(source, target, choices=two).hops
    source.ask("ALTER TABLE deed ADD FOREIGN KEY (id) REFERENCES a (id)")
    assert "deed.id would change by two rules" in said(*two, Choice("deed", rekey=("rekey", "[1, 5]")))
    gone = calls_of([{"drop": ["id"]}])
    assert "has no id behind its transforms" in said(Choice("person", rekey=OFFSET, transforms=gone))


def test_a_job_says_it() -> None:
    def job(rekey: dict[str, Any], table: object = "t", **more: Any) -> tuple[str, ...]:
        made = ropeway.job(target="duckdb:///b", tables=[{"from": table, "rekey": rekey}], **more)
        return made.request.choices[0].rekey

    one: dict[str, Any] = {"source": "duckdb:///a"}
    assert job({"offset": -5}, **one) == ("rekey", "[1, -5]")
    assert job({"multiply": 2, "offset": 1}, **one) == ("rekey", "[2, 1]")
    assert job({"prefix": "eu-"}, **one) == ("prefix", '"eu-"')
    for wrong in ({}, {"prefix": "a", "offset": 1}, {"multiply": 0}, {"offset": 1.5}):
        with pytest.raises(RequestError):
            job(wrong, **one)


def test_of_several_sources_it_is_for_tables_that_go_alone(tmp_path: Path, servers: Servers) -> None:
    one, other, target = (spot(name, tmp_path, servers) for name in ("sqlite", "sqlite", "duckdb"))
    for place in (one, other):
        place.ask("CREATE TABLE t (id integer PRIMARY KEY)")
        place.ask("INSERT INTO t VALUES (1)")

    def job(tables: list[dict[str, Any]]) -> Wanted:
        return ropeway.job(sources={"eu": one.url, "us": other.url}, target=target.url, tables=tables)

    made = job([{"from": "eu:t"}, {"from": "us:t", "to": "u", "rekey": {"offset": 5}}])
    ropeway.run(made.request, made.secrets)
    assert (held(target, "t", "1"), held(target, "u", "1")) == ([(1,)], [(6,)])
    with pytest.raises(RequestError, match="'rekey', which is for one table"):
        job([{"from": ["eu:t", "us:t"], "to": "t", "rekey": {"offset": 5}}])


def test_in_place(tmp_path: Path, servers: Servers) -> None:
    """Of tables that go into themselves: all of them, or what refers to the keys would be lost."""
    place = spot("postgresql", tmp_path, servers)
    family(place)
    choices = tuple(Choice(name, rekey=OFFSET if name == "person" else ()) for name in ("person", "deed", "share"))
    wire.run(*requested(place, place, choices=choices, mode="replace"))
    assert held(place, "person") == [(new(1), None, "x"), (new(2), new(1), "y"), (new(3), new(3), "x")]
    assert held(place, "deed") == [(1, new(3)), (2, None)]
    assert held(place, "share") == [(1, new(2)), (2, new(3))]
