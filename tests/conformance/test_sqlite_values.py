"""What SQLite's columns hold though they are declared otherwise: read by a kind that has room for it, or refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from moves import requested
from ropeway.cli import wire
from ropeway.transfer.errors import DataError, RequestError
from ropeway.transfer.place import parse
from ropeway.transfer.request import Choice, Request
from spots import Servers, Spot, spot

# A declaration and what is in the column; the type and the text of each value in DuckDB.
CASES: dict[str, tuple[str, tuple[str, ...], str, tuple[str | None, ...]]] = {
    "integers": ("INTEGER", ("1", "NULL", "-9223372036854775808"), "BIGINT", ("1", None, "-9223372036854775808")),
    "texts among integers": ("INTEGER", ("1", "'x'", "NULL"), "VARCHAR", ("1", "x", None)),
    "reals among integers": ("INTEGER", ("1", "1.5"), "DECIMAL(38,1)", ("1.0", "1.5")),
    "all of them": ("INTEGER", ("1", "1.5", "'x'"), "VARCHAR", ("1", "1.5", "x")),
    "two as a boolean": ("BOOLEAN", ("0", "1", "2"), "BIGINT", ("0", "1", "2")),
    "a word as a boolean": ("BOOLEAN", ("1", "'yes'"), "VARCHAR", ("1", "yes")),
    "booleans": ("BOOLEAN", ("0", "1", "NULL"), "BOOLEAN", ("false", "true", None)),
    "numbers as text": ("VARCHAR(9)", ("1", "'x'"), "VARCHAR", ("1", "x")),
    "bytes as text": ("VARCHAR(9)", ("x'00ff'", "NULL"), "BLOB", ("\\x00\\xFF", None)),
    "text as bytes": ("BLOB", ("'x'", "NULL"), "VARCHAR", ("x", None)),
    "more decimals than declared": ("DECIMAL(10,2)", ("1.25", "1.375", "7"), "DECIMAL(38,3)",
                                    ("1.250", "1.375", "7.000")),
    "no decimal at all": ("DECIMAL(10,2)", ("0.1", "1e-30"), "DOUBLE", ("0.1", "1e-30")),
    "text among decimals": ("DECIMAL(10,2)", ("0.1", "'n/a'"), "VARCHAR", ("0.1", "n/a")),
    "text among reals": ("REAL", ("0.5", "'n/a'"), "VARCHAR", ("0.5", "n/a")),
    "dates": ("DATE", ("'2024-02-29'", "NULL"), "DATE", ("2024-02-29", None)),
    "dates with times": ("DATE", ("'2024-02-29 13:45'", "'2024-02-29'"), "TIMESTAMP",
                         ("2024-02-29 13:45:00", "2024-02-29 00:00:00")),
    "dates with a T": ("DATE", ("'2024-02-29T13:45:01.5'",), "TIMESTAMP", ("2024-02-29 13:45:01.5",)),
    "dates with zones": ("DATETIME", ("'2024-02-29T13:45:00Z'", "'2024-02-29 13:45:00+02:00'"),
                         "TIMESTAMP WITH TIME ZONE", ("2024-02-29 13:45:00+00", "2024-02-29 11:45:00+00")),
    "some with zones": ("DATETIME", ("'2024-02-29T13:45:00Z'", "'2024-02-29 13:45:00'"), "VARCHAR",
                        ("2024-02-29T13:45:00Z", "2024-02-29 13:45:00")),
    "dates as people write them": ("DATE", ("'29.2.2024'",), "VARCHAR", ("29.2.2024",)),
    "dates as seconds": ("DATETIME", ("1709214300", "NULL"), "BIGINT", ("1709214300", None)),
    "dates as Julian days": ("DATE", ("2460370.5",), "DECIMAL(38,1)", ("2460370.5",)),
    "dates and seconds": ("DATE", ("1709214300", "'2024-02-29'"), "VARCHAR", ("1709214300", "2024-02-29")),
    "days that are none": ("DATE", ("'2024-02-29'", "'2023-02-29'"), "VARCHAR", ("2024-02-29", "2023-02-29")),
    "the ends of months": ("DATE", ("'2024-02-29'", "'2024-12-31'", "'2024-04-30'"), "DATE",
                           ("2024-02-29", "2024-12-31", "2024-04-30")),
    "months that are none": ("DATETIME", ("'2024-13-01 10:00'", "'2024-00-01'"), "VARCHAR",
                             ("2024-13-01 10:00", "2024-00-01")),
    "hours that are none": ("TIME", ("'23:59:59.999999'", "'25:00:00'"), "VARCHAR", ("23:59:59.999999", "25:00:00")),
    "hours of the next day": ("DATETIME", ("'2024-02-29 24:00:00'",), "VARCHAR", ("2024-02-29 24:00:00",)),
    "times": ("TIME", ("'23:59:59.999999'", "'00:00:00'"), "TIME", ("23:59:59.999999", "00:00:00")),
    "times with more": ("TIME", ("'12:00:00 PM'",), "VARCHAR", ("12:00:00 PM",)),
    "seven decimals": ("DATETIME", ("'2024-02-29 13:45:00.1234567'",), "VARCHAR", ("2024-02-29 13:45:00.1234567",)),
    "nine decimals": ("DATETIME(9)", ("'2024-02-29 13:45:00.123456789'",), "TIMESTAMP_NS",
                      ("2024-02-29 13:45:00.123456789",)),
    "far years": ("DATE", ("'12024-02-29'",), "VARCHAR", ("12024-02-29",)),
    "zones that are none": ("DATETIME", ("'2024-02-29 13:45:00+25:00'",), "VARCHAR", ("2024-02-29 13:45:00+25:00",)),
    "dates with zones west": ("DATETIME", ("'2024-02-29 13:45:00.5-02:00'", "'2024-02-29T13:45Z'"),
                              "TIMESTAMP WITH TIME ZONE", ("2024-02-29 15:45:00.5+00", "2024-02-29 13:45:00+00")),
    "larger than declared": ("DECIMAL(5,2)", ("1.25", "-123456.78"), "DECIMAL(38,2)", ("1.25", "-123456.78")),
    "large integers": ("DECIMAL(20,2)", ("7", "1e18"), "BIGINT", ("7", "1000000000000000000")),
    "uuids": ("UUID", ("'0B9A6A0E-7a58-4d5c-9f0f-2f2f3c3d4e5f'",), "UUID", ("0b9a6a0e-7a58-4d5c-9f0f-2f2f3c3d4e5f",)),
    "no uuids": ("UUID", ("'0b9a6a0e7a584d5c9f0f2f2f3c3d4e5f'", "'x'"), "VARCHAR",
                 ("0b9a6a0e7a584d5c9f0f2f2f3c3d4e5f", "x")),
    "json": ("JSON", ("""'{"a": [1, null]}'""",), "JSON", ("""{"a": [1, null]}""",)),
    "no json": ("JSON", ("""'{"a": 1}'""", "'{a: 1}'"), "VARCHAR", ("""{"a": 1}""", "{a: 1}")),
    "nothing at all": ("", ("NULL",), "VARCHAR", (None,)),
    "no numbers": ("NUMERIC", ("NULL",), "DECIMAL(38,10)", (None,)),
    "texts with U+0000": ("TEXT", ("'a' || char(0) || 'b'",), "VARCHAR", ("a\x00b",)),
    "nothing declared": ("", ("1", "'x'", "2.5"), "VARCHAR", ("1", "x", "2.5")),
    "large integers and reals": ("NUMERIC", ("9007199254740993", "0.5"), "VARCHAR", ("9007199254740993", "0.5")),
}  # fmt: skip


def filled(source: Spot, name: str, table: str = "t") -> None:
    declared, values, _, _ = CASES[name]
    source.ask(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, c {declared})")
    for value in values:
        source.ask(f"INSERT INTO {table} (c) VALUES ({value})")


def moved(source: Spot, target: Spot, **options: Any) -> wire.Outcome:
    (one, one_secret), (other, other_secret) = parse(source.url), parse(target.url)
    outcome = wire.run(Request(one, other, **options), wire.Secrets(one_secret, other_secret))
    assert outcome.report
    assert outcome.report.equal, outcome.report
    return outcome


@pytest.mark.parametrize("name", CASES)
def test_a_column_is_read_by_what_it_holds(name: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot("sqlite", tmp_path, servers), spot("duckdb", tmp_path, servers)
    filled(source, name)
    outcome = moved(source, target)
    _, _, kind, texts = CASES[name]
    found = target.ask("SELECT typeof(c), c::VARCHAR FROM t ORDER BY id")
    assert [row[0] for row in found] == [kind] * len(texts)
    assert tuple(row[1] for row in found) == texts
    remedies = [finding.remedy for finding in outcome.plan.findings]
    assert any("unixtime" in one for one in remedies) == (name == "dates as seconds")
    assert any("julian" in one for one in remedies) == (name == "dates as Julian days")


def test_it_stays_as_it_is_in_another_sqlite(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("sqlite", tmp_path, servers), spot("sqlite", tmp_path, servers)
    for number, name in enumerate(CASES):
        filled(source, name, f"t{number}")
    moved(source, target)
    for number, name in enumerate(CASES):
        # A column without a declaration becomes TEXT, and moments keep the spelling that Ropeway writes.
        asked = f"SELECT typeof(c), c FROM t{number} ORDER BY id"
        if name != "nothing declared" and not name.startswith(("dates", "times")):
            assert target.ask(asked) == source.ask(asked), name


@pytest.mark.parametrize(
    ("declared", "values", "reason"),
    [
        ("VARCHAR(9)", ("'a'", "x'00'"), r"t\.c \(VARCHAR\(9\)\) holds 1 blobs beside 1 texts .* first at id=2"),
        ("", ("x'00'", "1"), r"t\.c \(undeclared\) holds 1 blobs beside 0 texts and 1 numbers"),
        ("REAL", ("0.1 + 0.2", "'x'"), r"t\.c \(REAL\) holds 1 texts beside 1 reals of more than 15 digits"),
        ("INTEGER", ("0.1 + 0.2", "9007199254740993"), "1 integers beyond 2.53 beside 1 reals"),
    ],
)
def test_what_no_type_holds_is_refused(
    declared: str, values: tuple[str, ...], reason: str, tmp_path: Path, servers: Servers
) -> None:
    source, target = spot("sqlite", tmp_path, servers), spot("duckdb", tmp_path, servers)
    source.ask(f"CREATE TABLE t (id INTEGER PRIMARY KEY, c {declared})")
    for value in values:
        source.ask(f"INSERT INTO t (c) VALUES ({value})")
    with pytest.raises(RequestError, match=reason):
        moved(source, target)


def test_blobs_and_texts_by_the_users_word(tmp_path: Path, servers: Servers) -> None:
    source = spot("sqlite", tmp_path, servers)
    source.ask("CREATE TABLE t (id INTEGER PRIMARY KEY, c TEXT)")
    source.ask("INSERT INTO t (c) VALUES ('ä'), (x'c3a4'), (NULL), (7)")
    for word, values in (
        ("text, blobs too", ["ä", "ä", None, "7"]),
        ("blob, texts too", [b"\xc3\xa4"] * 2 + [None, b"7"]),
    ):
        target = spot("duckdb", tmp_path, servers)
        moved(source, target, choices=(Choice("t", types=(("c", word),)),))
        assert [c for (c,) in target.ask("SELECT c FROM t ORDER BY id")] == values


MOMENTS = {
    "unixtime": (("1709214300", "-1", "NULL", "0"),
                 ("2024-02-29 13:45:00+00", "1969-12-31 23:59:59+00", None, "1970-01-01 00:00:00+00")),
    "unixtime_ms": (("1709214300007", "-1", "-1000", "-1001"),
                    ("2024-02-29 13:45:00.007+00", "1969-12-31 23:59:59.999+00", "1969-12-31 23:59:59+00",
                     "1969-12-31 23:59:58.999+00")),
    "julian": (("2460370.5", "2440587.5", "julianday('2024-02-29 13:45:01.5')", "NULL"),
               ("2024-03-01 00:00:00", "1970-01-01 00:00:00", "2024-02-29 13:45:01.5", None)),
}  # fmt: skip


@pytest.mark.parametrize("word", MOMENTS)
def test_numbers_are_moments_where_the_user_says_so(word: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot("sqlite", tmp_path, servers), spot("duckdb", tmp_path, servers)
    values, texts = MOMENTS[word]
    source.ask("CREATE TABLE t (id INTEGER PRIMARY KEY, c DATETIME)")
    for value in values:
        source.ask(f"INSERT INTO t (c) VALUES ({value})")
    choice = Choice("t", types=(("c", word),))
    moved(source, target, choices=(choice,))
    assert tuple(c for (c,) in target.ask("SELECT c::VARCHAR FROM t ORDER BY id")) == texts
    for odd in ("'x'", "1e300", "0.123456789" if word != "julian" else "2440587.500001"):
        source.ask(f"UPDATE t SET c = {odd} WHERE id = 2")
        with pytest.raises(DataError, match=r"t\.c"):
            moved(source, spot("duckdb", tmp_path, servers), choices=(choice,))


def test_what_comes_after_planning_stops_the_run(tmp_path: Path, servers: Servers) -> None:
    for name, odd in (("integers", "'x'"), ("booleans", "2"), ("dates", "'29.2.2024'"), ("bytes as text", "'x'")):
        source, target = spot("sqlite", tmp_path, servers), spot("duckdb", tmp_path, servers)
        filled(source, name)
        frozen = wire.plan(Request(parse(source.url)[0], parse(target.url)[0]))
        source.ask(f"INSERT INTO t (c) VALUES ({odd})")
        with pytest.raises(DataError, match=r"t\.c"):
            wire.run(frozen)


def test_strict_tables_are_not_asked(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("sqlite", tmp_path, servers), spot("duckdb", tmp_path, servers)
    source.ask("CREATE TABLE t (id INTEGER PRIMARY KEY, i INT, r REAL, t TEXT, b BLOB, a ANY) STRICT")
    source.ask("INSERT INTO t VALUES (1, 2, 3, '4', x'05', '6'), (2, NULL, NULL, NULL, NULL, 7)")
    moved(source, target)
    assert target.ask("SELECT * FROM t ORDER BY id") == [
        (1, 2, 3.0, "4", b"\x05", "6"),
        (2, None, None, None, None, "7"),
    ]


@pytest.mark.parametrize("there", ["mariadb", "mysql"])
def test_infinite_reals_go_by_policy_where_the_target_has_none(there: str, tmp_path: Path, servers: Servers) -> None:
    source = spot("sqlite", tmp_path, servers)
    source.ask("CREATE TABLE t (id INTEGER PRIMARY KEY, r REAL, d DECIMAL(9,2))")
    source.ask("INSERT INTO t VALUES (1, 0.1, 1), (2, 9e999, 2.5), (3, NULL, -9e999), (4, 1.0 / 3, 7)")
    said = r"t\.r \(REAL\) holds 1 NaN or infinite numbers, the first at id=2"
    with pytest.raises(RequestError, match=said) as caught:
        wire.plan(*requested(source, spot(there, tmp_path, servers)))
    assert "--policy nan=null|text" in str(caught.value.remedy)
    target = spot(there, tmp_path, servers)
    plan = moved(source, target, policies=(("nan", "null"),)).plan
    assert target.ask("SELECT r, d FROM t ORDER BY id") == [(0.1, 1.0), (None, 2.5), (None, None), (1 / 3, 7.0)]
    told = [(one.grade, one.message) for one in plan.findings if "nan=null" in one.message]
    assert ("warning", "1 NaN or infinite numbers become NULL (nan=null)") in told
    target = spot(there, tmp_path, servers)
    moved(source, target, policies=(("nan", "text"),))
    rows = target.ask("SELECT r, d FROM t ORDER BY id")
    assert rows[:3] == [("0.1", "1"), ("Inf", "2.5"), (None, "-Inf")]
    assert float(rows[3][0]) == 1 / 3
    same = spot("sqlite", tmp_path, servers)
    moved(source, same, policies=(("nan", "null"),))
    assert same.ask("SELECT r FROM t WHERE id = 2") == [(float("inf"),)]
