"""Maps of merged rows' keys, kept in the target: filled once, whatever is killed, and gone with the run."""

from __future__ import annotations

import re
import signal
from pathlib import Path
from typing import Any

import pytest

from attacks import attack, finished
from moves import planned, refusal, requested
from ropeway.cli import wire
from ropeway.cli.chosen import pairing
from ropeway.transfer.plan import from_json, to_json
from ropeway.transfer.request import Choice, Rule
from ropeway.transforms.steps import over_of
from spots import Servers, Spot, spot

FIRST: dict[str, Any] = {"key": "mail", "keep": "first", "map": "person_keys"}
PEOPLE = 20


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def ends(here: str, there: str, folder: Path, servers: Servers) -> tuple[Spot, Spot]:
    """People of a key of a text and a number, of whom each second one is the one before; and what refers to them."""
    source, target = spot(here, folder, servers), spot(there, folder, servers)
    text = "varchar2" if here == "oracle" else "varchar"
    source.ask(f"CREATE TABLE person (land {text}(5), id integer, mail {text}(30), PRIMARY KEY (land, id))")
    source.ask(
        f"CREATE TABLE deed (id integer PRIMARY KEY, land {text}(5), who integer, "
        "FOREIGN KEY (land, who) REFERENCES person (land, id))"
    )
    for n in range(1, PEOPLE + 1):
        source.ask(f"INSERT INTO person VALUES ('é{n % 3}', {n}, 'm{(n - 1) // 2}')")
        source.ask(f"INSERT INTO deed VALUES ({n}, 'é{n % 3}', {n})")
    return source, target


def stays(land: str, n: int) -> tuple[str, int]:
    """Which one of a pair is the first, by the key as UTF-8 has it."""
    other = n + 1 if n % 2 else n - 1
    return min((land, n), (f"é{other % 3}", other))


MERGED = [(f"é{n % 3}", n, *stays(f"é{n % 3}", n)) for n in range(1, PEOPLE + 1) if stays(f"é{n % 3}", n)[1] != n]


def kept(target: Spot, table: str = "person_keys") -> list[tuple[str, int, str, int]]:
    rows = target.ask(f"SELECT old_land, old_id, new_land, new_id FROM {table}")
    return sorted((str(a), int(b), str(c), int(d)) for a, b, c, d in rows)


@pytest.mark.parametrize(("here", "there"), [("sqlite", "postgresql"), ("postgresql", "mariadb"), ("mariadb", "oracle"),
                                             ("postgresql", "sqlserver"), ("postgresql", "duckdb")])  # fmt: skip
def test_the_map_holds_what_was_merged(here: str, there: str, tmp_path: Path, servers: Servers) -> None:
    source, target = ends(here, there, tmp_path, servers)
    request, secrets = requested(source, target, choices=(Choice("*"), Choice("person", over=over_of(FIRST))),
                                 slice_rows=7)  # fmt: skip
    plan = from_json(to_json(wire.plan(request, secrets)))
    assert any(re.match("[0-9]+ create table .*person_keys", s.name, re.IGNORECASE) for s in plan.statements)
    outcome = wire.run(plan, secrets)
    assert outcome.report
    assert outcome.report.equal
    assert kept(target) == sorted(MERGED)
    with pytest.raises(Exception, match=r"(?i)unique|duplicate|constraint"):
        a, b, c, d = MERGED[0]
        target.ask(f"INSERT INTO person_keys VALUES ('{a}', {b}, '{c}', {d})")
    wire.clean(plan.run, target.url, undo=True)
    with pytest.raises(Exception, match=r"(?i)person_keys|exist"):
        kept(target)


@pytest.mark.parametrize(
    ("point", "nth"), [("decided", 1), ("landed", 3), ("mapping", 1), ("mapped", 1), ("stepping", 9)]
)
@pytest.mark.parametrize("there", ["postgresql", "mariadb"])
def test_a_killed_run_fills_it_once(there: str, point: str, nth: int, tmp_path: Path, servers: Servers) -> None:
    source, target = ends("sqlite", there, tmp_path, servers)
    settings: dict[str, Any] = {
        "source": source.url, "target": target.url, "dedup": {"person": FIRST}, "slice_rows": 9, "point": point,
        "nth": nth,
    }  # fmt: skip
    killed = attack(**settings)
    assert killed.returncode == -signal.SIGKILL, killed.stderr[-2000:]
    finished(settings)
    assert kept(target) == sorted(MERGED)


def test_a_map_is_replaced_with_its_table(tmp_path: Path, servers: Servers) -> None:
    source, target = ends("sqlite", "postgresql", tmp_path, servers)
    choices = (Choice("person", over=over_of(FIRST)),)
    wire.run(*requested(source, target, choices=choices))
    assert "which is there already" in refusal(source, target, choices=(Choice("person", to="p", over=over_of(FIRST)),))
    source.ask("UPDATE person SET mail = 'alone' || id WHERE id <> 1 AND id <> 2")
    again = wire.run(*requested(source, target, choices=choices, mode="replace"))
    assert len(kept(target)) == 1
    wire.clean(again.plan.run, target.url, undo=True)
    assert kept(target) == sorted(MERGED)
    last = wire.run(*requested(source, target, choices=choices, mode="replace"))
    wire.clean(last.plan.run, target.url)
    assert target.ask("SELECT count(*) FROM pg_class WHERE relname LIKE 'ropeway_2%'") == [(0,)]


def test_orphans_of_other_tables_are_told(tmp_path: Path, servers: Servers) -> None:
    source, target = ends("postgresql", "duckdb", tmp_path, servers)
    target.ask("CREATE TABLE deed (id integer, land varchar, who integer)")
    for n in range(1, 7):
        target.ask(f"INSERT INTO deed VALUES ({n}, 'é{n % 3}', {n})")
    gone = [(f"'{land}'", n) for land, n, *_ in MERGED if n <= 6]
    outcome = wire.run(*requested(source, target, choices=(Choice("person", over=over_of(FIRST)),)))
    (told,) = outcome.left_out
    assert (str(told.constraint.table), told.constraint.name) == ("main.deed", "orphans")
    assert sorted((str(a), int(str(b))) for a, b, *_ in told.offending.keys) == sorted(gone)
    assert outcome.report
    assert outcome.report.equal


@pytest.mark.parametrize(
    ("spec", "mode", "said"),
    [
        ({**FIRST, "map": "other.keys"}, "create", "has no dot"),
        ({**FIRST, "map": "person"}, "create", "which is a table of the job already"),
        (FIRST, "truncate", "a map is for the modes create, replace"),
    ],
)
def test_a_map_that_cannot_be_is_refused(
    spec: dict[str, Any], mode: str, said: str, tmp_path: Path, servers: Servers
) -> None:
    source, target = ends("sqlite", "duckdb", tmp_path, servers)
    if mode == "truncate":
        target.ask("CREATE TABLE person (land varchar, id bigint, mail varchar, PRIMARY KEY (land, id))")
    assert said in refusal(source, target, choices=(Choice("person", over=over_of(spec)),), mode=mode)
    assert planned(source, target, choices=(Choice("deed"),)).hops[0].keymap is None


@pytest.mark.parametrize("there", ["postgresql", "mariadb", "sqlite"])
def test_keys_of_many_types(there: str, tmp_path: Path, servers: Servers) -> None:
    """Each comes into the map as it comes into the table; the run itself compares both."""
    source, target = spot("postgresql", tmp_path, servers), spot(there, tmp_path, servers)
    kinds = {"a": "uuid", "b": "timestamp(3) with time zone", "c": "numeric(30,4)", "d": "bytea", "e": "date"}
    for name, kind in kinds.items():
        source.ask(f"CREATE TABLE {name} (id {kind} PRIMARY KEY, mail text)")
    for name, values in {
        "a": ("00000000-0000-4000-8000-00000000000a", "00000000-0000-4000-8000-00000000000b"),
        "b": ("2020-02-29 23:59:59.123+00", "1969-12-31 00:00:00+03"), "c": ("-1.0001", "12345678901234567890123456.5"),
        "d": (r"\x00ff", r"\x"), "e": ("0999-01-01", "2024-02-29"),
    }.items():  # fmt: skip
        source.ask(f"INSERT INTO {name} VALUES ('{values[0]}', 'x'), ('{values[1]}', 'x')")
    choices = tuple(Choice(n, over=over_of({"key": "mail", "keep": "first", "map": f"{n}_map"})) for n in kinds)
    if there == "mariadb":
        choices = tuple(choice for choice in choices if choice.table != "d")  # no key of blobs there
    outcome = wire.run(*requested(source, target, choices=choices))
    assert outcome.report
    assert outcome.report.equal
    for choice in choices:
        rows = target.ask(f"SELECT k.new_id, t.id FROM {choice.table}_map k JOIN {choice.table} t ON k.new_id = t.id")
        assert len(rows) == 1
        assert target.ask(f"SELECT k.old_id FROM {choice.table}_map k JOIN {choice.table} t ON k.old_id = t.id") == []


def test_a_probe_leaves_maps_alone(tmp_path: Path, servers: Servers) -> None:
    source, target = ends("sqlite", "postgresql", tmp_path, servers)
    rule = Rule("odd", "not_null", '["mail"]', "warn")
    request, secrets = requested(source, target, choices=(Choice("person", over=over_of(FIRST), rules=(rule,)),))
    wire.run(request, secrets)
    again, _ = requested(source, target, choices=request.choices, mode="replace")
    assert wire.probe(again, secrets).report
    assert wire.plan(pairing(request), secrets).hops[0].keymap is None
    assert kept(target) == sorted(MERGED)
