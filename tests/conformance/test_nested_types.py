"""DuckDB's nested types into another DuckDB, with all that breaks a text form: quotes, braces, 'NULL', far ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ropeway.cli import wire
from ropeway.transfer.engines.duckdb.nested import nested
from ropeway.transfer.errors import RequestError
from ropeway.transfer.place import parse
from ropeway.transfer.request import Choice, Request
from spots import Servers, Spot, spot

_TEXTS = (
    """['a''b', 'c"d', 'e,f', '{', '}', '[x]', '\\', e'a\\nb', '', NULL, 'NULL', 'null', ' lead ', 'nan', '''q''',"""
    """ 'goo' || chr(0) || 'se', 'ä🚡', '"', '\\"', '\\u0041']"""
)
CASES = {
    "VARCHAR[]": [_TEXTS, "[]", "[NULL]"],
    "VARCHAR[2][]": ["[['a', NULL], NULL, ['NULL', '']]"],
    "INTEGER[][3]": ["[[1, NULL], NULL, []]"],
    'STRUCT(a VARCHAR, "B x" VARCHAR)': ["{'a': 'x''y', 'B x': 'NULL'}", "{'a': NULL, 'B x': ''}"],
    'STRUCT("a{}\'""b" INTEGER, "é" VARCHAR)': ["struct_pack(\"a{}'\"\"b\" := 1, é := NULL)"],
    "STRUCT(a STRUCT(b INTEGER[]), c VARCHAR)": [
        "{'a': NULL, 'c': 'x'}", "{'a': {'b': NULL}, 'c': NULL}", "{'a': {'b': []}, 'c': NULL}",
    ],
    "STRUCT": ["{}"],
    "MAP(VARCHAR, INTEGER)": ["MAP {'a=b': 1, '': 2, 'NULL': 3, 'x,y': NULL}", "MAP {}"],
    "MAP(INTEGER, VARCHAR[])": ["MAP {1: ['a'], 2: NULL, 3: [NULL, '']}"],
    "MAP(DOUBLE, DATE)": ["MAP {'nan'::DOUBLE: DATE '2020-01-01', 1.5::DOUBLE: 'infinity'::DATE}"],
    "MAP(STRUCT(x INTEGER), BLOB)": ["MAP {{'x': 1}: '\\x00\\xFF'::BLOB}"],
    "MAP(MAP(VARCHAR, INTEGER), INTEGER[][])": ["MAP {MAP {'a': 1}: [[1, NULL], NULL]}"],
    "MAP(BLOB, STRUCT)": ["MAP {'\\x00'::BLOB: {}::STRUCT, 'a'::BLOB: NULL}"],
    "UNION(num INTEGER, str VARCHAR)": [
        "union_value(str := '5')", "union_value(num := 5)", "union_value(str := NULL)", "union_value(num := NULL)",
    ],
    'UNION("a b" INTEGER, "it\'s ""q" VARCHAR)[]': ["[union_value(\"it's \"\"q\" := 'NULL'), NULL]"],
    "STRUCT(u UNION(a INTEGER, b VARCHAR[]), t TUPLE(INTEGER, UNION(x BLOB, y INTEGER)))[]": [
        "[{'u': union_value(b := ['x', NULL])::UNION(a INTEGER, b VARCHAR[]), "
        "'t': row(1, union_value(x := '\\x00'::BLOB))}, NULL, {'u': NULL, 't': NULL}]",
    ],
    "TUPLE(INTEGER, VARCHAR)": ["row(1, '\"a')", "row(NULL, 'NULL')"],
    "DECIMAL(38,10)[]": ["[1.1, 9999999999999999999999999999.9999999999, -0.0000000001]"],
    "DECIMAL(3,3)[]": ["[0.500, -0.001]"],
    "HUGEINT[]": ["[(-170141183460469231731687303715884105728)::HUGEINT, 170141183460469231731687303715884105727]"],
    "UHUGEINT[]": ["['340282366920938463463374607431768211455'::UHUGEINT]"],
    "BIGNUM[]": ["['12345678901234567890123456789012345678901234567890123456789'::BIGNUM]"],
    "UBIGINT[]": ["[18446744073709551615]"],
    "FLOAT[]": ["[0.1::FLOAT, 'nan', '-inf', '-0.0'::FLOAT, 1.4e-45::FLOAT, 16777216]"],
    "DOUBLE[]": ["[0.1, 'nan', '-inf', '-0.0'::DOUBLE, 5e-324, 1e22, 123456789.123456789, 1e15, 1e16]"],
    "BLOB[]": ["['\\x00\\xFF\\x22\\x5C'::BLOB, ''::BLOB, NULL, 'abc'::BLOB, '\\x5C\\x78\\x30\\x30'::BLOB]"],
    "BIT[]": ["['0101'::BIT, '1'::BIT]"],
    "TIMETZ[]": ["['12:00:00+05:30'::TIMETZ, '24:00:00-15:59:59'::TIMETZ]"],
    "TIME_NS[]": ["['12:00:00.123456789'::TIME_NS]"],
    "DATE[]": ["['0044-03-15 (BC)'::DATE, 'infinity', '-infinity', '5881580-07-10']"],
    "TIMESTAMP_NS[]": ["['2020-01-01 00:00:00.123456789'::TIMESTAMP_NS, 'infinity'::TIMESTAMP_NS]"],
    "TIMESTAMP_S[]": ["['2020-01-01 00:00:00'::TIMESTAMP_S, 'infinity'::TIMESTAMP_S]"],
    "TIMESTAMPTZ[]": ["['0044-03-15 (BC) 00:00:00+00'::TIMESTAMPTZ, 'infinity', '-infinity']"],
    "TIMESTAMPTZ_NS[]": ["['2020-03-15 00:00:00.123456789+00'::TIMESTAMPTZ_NS]"],
    "INTERVAL[]": [
        "[INTERVAL '1 month -3 days 04:05:06.789', INTERVAL '-1 year 25:00:00', INTERVAL '-0.000001 seconds', "
        "to_microseconds(9223372036854775807), INTERVAL '-178000000 years']",
    ],
    "UUID[]": ["['123e4567-e89b-12d3-a456-426614174000'::UUID]"],
    "ENUM('a,b', 'it''s (', 'x\"y', 'NULL', '')[]": ["['a,b', 'it''s (', 'x\"y', 'NULL', '', NULL]"],
    "JSON[]": ["""['{"a": 1.10}'::JSON, 'null'::JSON, NULL, '"x"'::JSON]"""],
    "GEOMETRY[]": ["['POINT (0.1 0.30000000000000004)'::GEOMETRY, 'POINT EMPTY'::GEOMETRY]"],
    "INTERVAL": ["'1 month -3 days 04:05:06.789'::INTERVAL", "'1 day'::INTERVAL", "'24 hours'::INTERVAL"],
}  # fmt: skip


def filled(source: Spot) -> None:
    made = []
    for place, (kind, values) in enumerate(CASES.items()):
        made.append(f"CREATE TABLE t{place} (id INTEGER, c {kind})")
        made += [f"INSERT INTO t{place} VALUES ({number}, {value})" for number, value in enumerate([*values, "NULL"])]
    source.ask(";\n".join(made))


def moved(source: Spot, target: str, **options: Any) -> wire.Outcome:
    (one, one_secret), (other, other_secret) = parse(source.url), parse(target)
    outcome = wire.run(Request(one, other, **options), wire.Secrets(one_secret, other_secret))
    assert outcome.report
    assert outcome.report.equal, outcome.report
    return outcome


def contents(place: Spot) -> list[list[Any]]:
    """What DuckDB says of each table. Text alone hides which member of a union a value is."""
    found = []
    with duckdb.connect(place.url.removeprefix("duckdb:///"), read_only=True) as connection:
        for number, kind in enumerate(CASES):
            more = "" if "GEOMETRY" in kind else ", to_json(c)::VARCHAR"
            found.append(
                connection.execute(f"SELECT id, typeof(c), c::VARCHAR{more} FROM t{number} ORDER BY id").fetchall()
            )
    return found


def test_into_another_duckdb(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("duckdb", tmp_path, servers), spot("duckdb", tmp_path, servers)
    filled(source)
    moved(source, target.url)
    sent = contents(source)
    assert contents(target) == sent
    moved(source, target.url, mode="append")
    assert contents(target) == [[row for row in rows for _ in range(2)] for rows in sent]


def test_into_json(tmp_path: Path, servers: Servers) -> None:
    """Every JSON that is made is one, for other readers too."""
    source, target = spot("duckdb", tmp_path, servers), spot("sqlite", tmp_path, servers)
    filled(source)
    moved(source, target.url)
    for place, kind in enumerate(CASES):
        texts = [text for (text,) in target.ask(f"SELECT c FROM t{place} WHERE c IS NOT NULL")]
        assert not nested(kind) or all(json.loads(text, parse_constant=_no) is not None for text in texts), kind
    number = list(CASES).index("DECIMAL(38,10)[]")
    wide = '["1.1000000000","9999999999999999999999999999.9999999999","-0.0000000001"]'
    assert target.ask(f"SELECT c FROM t{number} WHERE id = 0") == [(wide,)]


def _no(word: str) -> None:
    raise AssertionError(f"{word} is no JSON")


def test_through_a_query(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("duckdb", tmp_path, servers), spot("duckdb", tmp_path, servers)
    query = "SELECT {'a': [1, NULL], 'b': MAP {'k': 'v'}} AS s, [INTERVAL '1 month'] AS l, INTERVAL '2 months' AS i"
    source.ask("CREATE TABLE t (i INTEGER)")
    moved(source, target.url, choices=(Choice("", query=query, to="q"),))
    assert target.ask("FROM q") == source.ask(query)
    assert target.ask("SELECT typeof(s) FROM q") == [("STRUCT(a INTEGER[], b MAP(VARCHAR, VARCHAR))",)]


def test_intervals_become_numbers_only_if_they_have_a_length(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("duckdb", tmp_path, servers), spot("postgresql", tmp_path, servers)
    for name, value in (("days", "2 days 03:04:05"), ("months", "1 month"), ("signs", "1 day -01:00:00")):
        source.ask(f"CREATE TABLE {name} AS SELECT INTERVAL '{value}' AS c UNION ALL SELECT NULL")
    moved(source, target.url)
    kinds = {name: target.ask(f"SELECT pg_typeof(c)::text FROM {name} LIMIT 1")[0][0] for name in ("months", "signs")}
    assert kinds == {"months": "text", "signs": "text"}
    assert target.ask("SELECT c FROM months WHERE c IS NOT NULL") == [("1 month",)]
    assert target.ask("SELECT c::interval = '51:04:05' FROM days WHERE c IS NOT NULL") == [(True,)]


def test_a_variant_is_refused_by_name(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("duckdb", tmp_path, servers), spot("duckdb", tmp_path, servers)
    source.ask("CREATE TABLE t AS SELECT {'v': 1::VARIANT} AS c")
    with pytest.raises(RequestError, match=r"t\.c has the type STRUCT\(v VARIANT\), for which duckdb has no rule"):
        moved(source, target.url)
