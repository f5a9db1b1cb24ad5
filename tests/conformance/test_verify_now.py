"""Two places compared as they are now. The faults that are found are tests/faults/test_verify_matrix.py's."""

from __future__ import annotations

import functools
import re
from dataclasses import replace
from pathlib import Path

import pytest

from moves import moved, requested
from ropeway.cli import wire
from ropeway.transfer import segments
from ropeway.transfer.errors import RequestError
from ropeway.transfer.job import Limits
from ropeway.transfer.request import Choice, Request
from ropeway.verify import sides
from ropeway.verify.manifest import salt_of
from ropeway.verify.report import COUNTS_EQUAL, DIFFERENT, EQUALS_READ, EQUALS_SOURCE, Report, TableReport
from spots import NULLED, PAIRS, PLACES, Servers, Spot, spot

SERVED = ("duckdb", "postgresql", "mariadb", "mysql", "oracle", "sqlserver")  # whose SQL can make checksums
ROWS, NAMED = 360, 60
STEP = ROWS // 3


def filled(place: Spot) -> None:
    """Two tables, with an integer key of three segments and with a text as key, and one without any."""
    whole, texts = ("BIGINT", "VARCHAR(40)")
    place.ask(
        f"CREATE TABLE t (id {whole} NOT NULL PRIMARY KEY, word {texts}, price DECIMAL(12,2), seen TIMESTAMP, "
        "other VARCHAR(40), ratio DOUBLE)"
    )
    place.ask(f"CREATE TABLE named (code {texts} NOT NULL PRIMARY KEY, n INTEGER)")
    place.ask("CREATE TABLE loose (n INTEGER, word VARCHAR(40))")
    for low in range(0, ROWS, STEP):
        rows = ", ".join(
            f"({n * 3}, 'wörd {n}', {n}.25, '2024-03-01 10:{n % 60:02}:00.123456', 'o{n}', {n}.1)"
            for n in range(low, low + STEP)
        )
        place.ask(f"INSERT INTO t VALUES {rows}")
    place.ask("INSERT INTO named VALUES " + ", ".join(f"('code {n}', {n})" for n in range(NAMED)))
    place.ask("INSERT INTO loose VALUES (1, 'a'), (1, 'a'), (2, NULL), (3, '')")


@pytest.fixture(autouse=True)
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three segments of 120 rows are as good as three of 10,000."""
    monkeypatch.setattr(segments, "ROWS", STEP)


@pytest.fixture(scope="module")
def source(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Spot:
    place = spot("sqlite", tmp_path_factory.mktemp("source"), Servers(request.getfixturevalue))
    filled(place)
    return place


def asked(source: Spot, target: Spot, *tables: str) -> tuple[Request, wire.Secrets]:
    choices = tuple(Choice(table) for table in tables) or (Choice(),)
    return requested(source, target, choices=choices, policies=NULLED.get(target.engine, ()))


def arrived(source: Spot, target: Spot) -> None:
    moved(source, target, policies=NULLED.get(target.engine, ()))


def verified(source: Spot, target: Spot, *tables: str, level: str = "full") -> Report:
    request, secrets = asked(source, target, *tables)
    return wire.verify(request, level=level, secrets=secrets)


def of_table(report: Report, name: str) -> TableReport:
    return next(one for one in report.tables if one.target.rpartition(".")[2].lower() == name)


@pytest.mark.parametrize("there", PLACES)
def test_keys_of_text_and_rows_without_one(there: str, source: Spot, tmp_path: Path, servers: Servers) -> None:
    target = spot(there, tmp_path, servers)
    arrived(source, target)
    target.ask("UPDATE named SET n = -7 WHERE code = 'code 7'")
    target.ask("UPDATE loose SET word = 'a' WHERE n = 3")
    beside = 4 if there in NULLED else 3  # the row whose text was of no length, which is not NULL in most
    target.ask(f"UPDATE loose SET n = {beside} WHERE n = 2")
    report = verified(source, target)
    named, loose = of_table(report, "named"), of_table(report, "loose")
    assert of_table(report, "t").claim == EQUALS_READ
    assert named.found
    assert [(one.kind, one.key, one.column, one.source, one.target) for one in named.found.first] == [
        ("changed", {target.kept("code"): "code 7"}, target.kept("n"), "7", "-7")
    ]
    assert named.found.first[0].cause == "sign"
    assert loose.found
    assert (loose.found.missing, loose.found.extra) == (2, 2)
    empty = None if there in NULLED else ""
    n, word = target.kept("n"), target.kept("word")
    assert {tuple(one.key.items()) for one in loose.found.first if one.kind == "missing"} == {
        ((n, "2"), (word, None)), ((n, "3"), (word, empty)),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("here", "there"),
    [pair for pair in PAIRS if set(pair) <= set(SERVED) and pair != ("postgresql", "oracle")],  # no place for ''
)
def test_both_servers_compute(here: str, there: str, source: Spot, tmp_path: Path, servers: Servers) -> None:
    one, other = spot(here, tmp_path, servers), spot(there, tmp_path, servers)
    arrived(source, one)
    arrived(one, other)
    assert {table.claim for table in verified(one, other).tables} == {EQUALS_SOURCE}
    standard = verified(one, other, level="full")
    assert standard.equal
    other.ask("UPDATE t SET price = price + 1")
    found = of_table(verified(one, other, "t"), "t")
    assert found.differing_segments == found.segments
    assert found.found
    assert dict(found.found.columns) == {other.kept("price"): found.found.changed}


@pytest.mark.parametrize("there", ["duckdb", "postgresql", "mariadb"])
def test_places_that_ropeway_never_loaded(there: str, tmp_path: Path, servers: Servers) -> None:
    """Another tool loaded the target: its tables are paired by name."""
    one, other = spot("postgresql", tmp_path, servers), spot(there, tmp_path, servers)
    for place in (one, other):
        more = "" if place is one else ", more integer NOT NULL"  # which does not matter, as nothing is moved
        place.ask(f"CREATE TABLE t (id integer PRIMARY KEY, word varchar(20), n decimal(10,2){more})")
        rows = ((1, "'a'", "1.5"), (2, "NULL", "NULL"), (3, "''", "3"))
        for row in rows:
            place.ask(f"INSERT INTO t VALUES ({', '.join(map(str, row))}{', 0' if more else ''})")
    for level in ("count", "standard", "full"):
        assert verified(one, other, level=level).equal, level
    claims = [verified(one, other, level=level).tables[0].claim for level in ("count", "standard", "full")]
    assert claims == ["counts equal", EQUALS_READ, EQUALS_SOURCE]
    other.ask("UPDATE t SET word = '' WHERE id = 2")
    for level, equal in (("count", True), ("standard", False), ("full", False)):
        assert verified(one, other, level=level).equal == equal, level
    found = verified(one, other).tables[0].found
    assert found
    assert [(one.key["id"], one.column, one.cause) for one in found.first] == [("2", "word", "empty for NULL")]


@pytest.mark.parametrize("there", ["sqlite", "duckdb"])
def test_a_key_that_is_null(there: str, tmp_path: Path, servers: Servers) -> None:
    """In SQLite a primary key may be NULL, and the key that a job names may be anywhere."""
    one, other = spot(there, tmp_path, servers), spot(there, tmp_path, servers)
    for place in (one, other):
        place.ask(f"CREATE TABLE t (id BIGINT{' PRIMARY KEY' if there == 'sqlite' else ''}, word VARCHAR(9))")
        place.ask("INSERT INTO t VALUES (NULL, 'a'), (NULL, 'b'), (1, 'a'), (2, 'b')")
    request, secrets = requested(one, other, choices=(Choice("t", key=("id",)),))
    assert wire.verify(request, level="full", secrets=secrets).equal
    other.ask("UPDATE t SET word = 'c' WHERE word = 'b' AND id IS NULL")
    table = of_table(wire.verify(request, level="full", secrets=secrets), "t")
    assert [(stretch.where, stretch.rows_target) for stretch in table.stretches] == [("id is NULL", 2)]
    assert table.found
    assert [(one_.kind, one_.key["id"]) for one_ in table.found.first] == [("missing", None), ("extra", None)]


def test_rows_above_what_a_server_hashes(tmp_path: Path, servers: Servers) -> None:
    """MariaDB's SHA-256 of a text above max_allowed_packet, by default 16 MB, is NULL: a silent all-clear."""
    one, other = spot("mariadb", tmp_path, servers), spot("duckdb", tmp_path, servers)
    one.ask("CREATE TABLE t (id integer PRIMARY KEY, a longtext, b longtext)")
    one.ask("INSERT INTO t VALUES (1, REPEAT('x', 9000000), REPEAT('y', 9000000)), (2, 'a', 'b')")
    moved(one, other)
    report = verified(one, other)
    assert report.equal
    assert "of what Ropeway's driver reads from mariadb" in report.tables[0].how
    other.ask("UPDATE t SET b = b || 'z' WHERE id = 1")
    found = verified(one, other).tables[0].found
    assert found
    assert [(one_.key["id"], one_.column) for one_ in found.first] == [("1", "b")]


@pytest.mark.parametrize("there", PLACES)
def test_a_manifest_stands_for_the_source(there: str, source: Spot, tmp_path: Path, servers: Servers) -> None:
    target = spot(there, tmp_path, servers)
    arrived(source, target)
    request, secrets = asked(source, target)
    file = tmp_path / "shop.json"
    assert wire.verify(request, level="full", secrets=secrets, manifest=file).equal
    text = file.read_text()
    assert secrets.target not in text or not secrets.target
    assert wire.verify_against(file, target.url).equal
    target.ask("UPDATE t SET word = 'other' WHERE id = 600")
    target.ask("DELETE FROM named WHERE code = 'code 7'")
    report = wire.verify_against(file, target.url)
    of_t, named, loose = (of_table(report, name) for name in ("t", "named", "loose"))
    assert (of_t.claim, named.claim, loose.claim) == (DIFFERENT, DIFFERENT, EQUALS_READ)
    assert of_t.differing_segments == 1
    low, high = (int(word) for word in of_t.reason.lower().partition("id is from ")[2].split(" to "))
    assert low <= 600 <= high
    assert high - low < 4 * STEP
    assert (named.rows_source, named.rows_target) == (NAMED, NAMED - 1)
    file.write_text(text.replace("target equals what was read", "target equals source"))
    with pytest.raises(RequestError, match="was changed after it was written"):
        wire.verify_against(file, target.url)
    file.write_text("[]")
    with pytest.raises(RequestError, match="is no manifest"):
        wire.verify_against(file, target.url)


@pytest.mark.parametrize("there", PLACES)
def test_a_salted_manifest_needs_its_key(there: str, source: Spot, tmp_path: Path, servers: Servers) -> None:
    """Its segments have other sums than without, the same ones on both sides, and other ones for another key."""
    target = spot(there, tmp_path, servers)
    arrived(source, target)
    request, secrets = asked(source, target)
    sums = []
    for name, salted, key in (("plain", False, b"key"), ("salted", True, b"key"), ("other", True, b"other key")):
        file = tmp_path / name
        report = wire.verify(request, level="full", secrets=secrets, manifest=file, key=key, salted=salted)
        assert report.equal
        assert wire.verify_against(file, target.url, key=key).equal
        sums.append(set(re.findall("[0-9]+:[0-9a-f]{32}", file.read_text())))
        assert salt_of(key) not in file.read_text()
    assert len(sums[0]) == len(sums[1])
    assert sums[0].isdisjoint(sums[1])
    assert sums[1].isdisjoint(sums[2])
    with pytest.raises(RequestError, match="are salted"):
        wire.verify_against(tmp_path / "salted", target.url)
    target.ask("UPDATE t SET word = 'other' WHERE id = 600")
    assert not wire.verify_against(tmp_path / "salted", target.url, key=b"key").equal


@pytest.mark.parametrize("there", PLACES)
def test_counts_come_with_the_ends_of_the_key(there: str, source: Spot, tmp_path: Path, servers: Servers) -> None:
    target = spot(there, tmp_path, servers)
    arrived(source, target)
    counted = functools.partial(verified, source, target, "t", level="count")
    assert of_table(counted(), "t").how == "counted on both sides, with the first and the last key"
    assert of_table(counted(), "t").claim == COUNTS_EQUAL
    target.ask("UPDATE t SET id = 1000000 WHERE id = 0")
    found = of_table(counted(), "t")
    assert (found.claim, found.rows_source, found.rows_target) == (DIFFERENT, ROWS, ROWS)
    assert found.reason == f"the key goes from 0 to {3 * ROWS - 3} in the source and from 3 to 1000000 in the target"


@pytest.mark.parametrize("here", ["postgresql", "mariadb"])
def test_several_connections_find_the_same(
    here: str, source: Spot, tmp_path: Path, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, target = spot(here, tmp_path, servers), spot("duckdb", tmp_path, servers)
    moved(source, place)
    moved(place, target)
    place.ask("ANALYZE t, named, loose" if here == "postgresql" else "ANALYZE TABLE t, named, loose")
    target.ask("UPDATE t SET word = 'x' WHERE id = 21")
    asked: list[str] = []
    alone = sides._alone

    def counted(side: sides.Side, division: segments.Division, condition: str) -> object:
        asked.append(condition)
        return alone(side, division, condition)

    monkeypatch.setattr(sides, "_alone", counted)
    request, secrets = requested(place, target)
    one = wire.verify(request, level="full", secrets=secrets)
    assert not asked
    monkeypatch.setattr(sides, "SPREAD", 1)
    many = wire.verify(request, level="full", secrets=secrets, limits=Limits(workers=4))
    assert replace(many, run="") == replace(one, run="")
    assert of_table(many, "t").differing_segments == 1
    assert len(set(asked)) > 3


@pytest.mark.parametrize("there", ["postgresql", "sqlite"])
def test_a_second_look_tells_what_stays_different(
    there: str, source: Spot, tmp_path: Path, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = spot(there, tmp_path, servers)
    moved(source, target)
    waits: list[float] = []
    steps = iter(["UPDATE t SET word = 'wörd 7' WHERE id = 21", "UPDATE t SET word = 'late' WHERE id = 24"])

    def wait(seconds: float) -> None:
        """What another client writes while nobody looks."""
        waits.append(seconds)
        target.ask(next(steps))

    monkeypatch.setattr("ropeway.verify.full.time.sleep", wait)
    request, secrets = requested(source, target, choices=(Choice("t"),))
    again = functools.partial(wire.verify, request, level="full", secrets=secrets, settle=7)
    target.ask("UPDATE t SET word = 'early' WHERE id IN (21, 27)")  # 21 arrives before the next look
    found = of_table(again(), "t")
    assert (found.claim, waits) == (DIFFERENT, [7, 7])
    assert found.found
    assert [one.key["id"] for one in found.found.first] == ["27"]  # 24 differs since the last look only
    target.ask("UPDATE t SET word = 'wörd 8' WHERE id = 24")
    target.ask("UPDATE t SET word = 'wörd 9' WHERE id = 27")
    assert of_table(again(), "t").claim in (EQUALS_READ, EQUALS_SOURCE)
    assert len(waits) == 2  # nothing differs, so nobody waits
    target.ask("UPDATE t SET word = 'early' WHERE id = 21")
    steps = iter(["UPDATE t SET word = 'wörd 7' WHERE id = 21"])
    found = of_table(again(), "t")
    assert (found.claim in (EQUALS_READ, EQUALS_SOURCE), found.differing_segments) == (True, 0)
    assert found.reason.startswith("1 segments differed at first, and none")
