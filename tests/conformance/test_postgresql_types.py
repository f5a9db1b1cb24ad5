"""PostgreSQL's own types: each arrives as it was in another PostgreSQL, and as its text elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ropeway.cli import wire
from ropeway.transfer.errors import DataError, RequestError
from ropeway.transfer.place import parse
from ropeway.transfer.request import Choice, Request
from spots import MYSQL_FAMILY, Servers, Spot, spot

MADE = (
    "CREATE TYPE mood AS ENUM ('sad', 'it''s ok', 'Happy')",
    "CREATE DOMAIN email AS varchar(40) DEFAULT 'a@b' CHECK (VALUE LIKE '%@%') NOT NULL",
    "CREATE DOMAIN positive AS integer CONSTRAINT above CHECK (VALUE > 0)",
    "CREATE DOMAIN small AS positive CHECK (VALUE < 100)",
    "CREATE DOMAIN price AS numeric CHECK (VALUE >= 0)",
    "CREATE DOMAIN few AS integer[] CHECK (cardinality(VALUE) < 4)",
    "CREATE DOMAIN moods AS mood[]",
    "CREATE DOMAIN fewer AS few CHECK (cardinality(VALUE) < 3)",
    "CREATE TYPE span AS RANGE (SUBTYPE = float8, SUBTYPE_DIFF = float8mi)",
    'CREATE TYPE words AS RANGE (SUBTYPE = text, COLLATION = "C", MULTIRANGE_TYPE_NAME = many_words)',
    "CREATE TYPE feelings AS RANGE (SUBTYPE = mood)",
    "CREATE DOMAIN short AS span CHECK (upper(VALUE) - lower(VALUE) < 9)",
    "CREATE SCHEMA other",
    'CREATE TYPE other."An address" AS (street text, "No" positive, moods mood[])',
    'CREATE DOMAIN home AS other."An address"',
)
# The column's type, a value as SQL, and the value as text where another engine takes it over.
TYPES = {
    "array": ("integer[]", "'{1,2,NULL}'", "{1,2,NULL}"),
    "nested": ("text[]", """'{{a,"b c"},{"",NULL}}'""", '{{a,"b c"},{"",NULL}}'),
    "bounded": ("varchar(20)[]", "'[0:1]={a,b}'", "[0:1]={a,b}"),
    "enum": ("mood", "'it''s ok'", "it's ok"),
    "enums": ("mood[]", "'{Happy,sad}'", "{Happy,sad}"),
    "domain": ("email", "'ä@b'", "ä@b"),
    "below": ("small", "99", "99"),
    "open": ("price", "12.3400", "12.3400"),
    "composite": ('other."An address"', "ROW('Main, 1', 7, '{sad}')", '("Main, 1",7,{sad})'),
    "several": ("few", "'{1,2}'", "{1,2}"),
    "still": ("fewer", "'{1,NULL}'", "{1,NULL}"),
    "felt": ("moods", "'{sad}'", "{sad}"),
    "fews": ("few[]", "ARRAY['{1,2}'::few]", '{"{1,2}"}'),
    "lived": ("home", "ROW('Main, 1', 7, '{sad}')", '("Main, 1",7,{sad})'),
    "gap": ("span", "'[1.5,2)'", "[1.5,2)"),
    "worded": ("words", "'[a,b)'", "[a,b)"),
    "many words": ("many_words", "'{[a,b),[c,d)}'", "{[a,b),[c,d)}"),
    "spans": ("span[]", "ARRAY['[1.5,2)'::span]", '{"[1.5,2)"}'),
    "feeling range": ("feelings", "'[sad,Happy]'", "[sad,Happy]"),
    "shortly": ("short", "'[1,2)'", "[1,2)"),
    "jsonb": ("jsonb", """'{"b": 1, "a": [1.0]}'""", '{"a": [1.0], "b": 1}'),
    "jsonpath": ("jsonpath", "'$.a'", '$."a"'),
    "interval": ("interval", "'1 mon 2 days 03:04:05.6'", "P1M2DT3H4M5.6S"),
    "inet": ("inet", "'10.0.0.1/24'", "10.0.0.1/24"),
    "numeric": ("numeric", "123456789012345678901234567890.12345", "123456789012345678901234567890.12345"),
    "vector": ("tsvector", "'b a'", "'a' 'b'"),
    "range": ("int4range", "'[1,5)'", "[1,5)"),
    "multirange": ("int4multirange", "'{[1,5),[7,8)}'", "{[1,5),[7,8)}"),
    "bits": ("bit(5)", "B'00101'", "00101"),
    "varbits": ("bit varying", "B'101'", "101"),
    "point": ("point", "'(1,2.5)'", "(1,2.5)"),
    "zoned": ("time with time zone", "'10:00:00+02'", "10:00:00+02"),
    "place": ("pg_lsn", "'16/B374D848'", "16/B374D848"),
    "mac": ("macaddr", "'08:00:2b:01:02:03'", "08:00:2b:01:02:03"),
    "letter": ('"char"', "'x'", "x"),
    "class": ("regclass", "'pg_class'", "pg_class"),
}  # fmt: skip


def filled(source: Spot) -> None:
    for statement in MADE:
        source.ask(statement)
    for name, (kind, value, _) in TYPES.items():
        # A domain that allows no NULL has none; every other table has one.
        second = "" if name == "domain" else ", (2, NULL)"
        source.ask(f'CREATE TABLE "{name}" (id integer PRIMARY KEY, c {kind})')
        source.ask(f'INSERT INTO "{name}" VALUES (1, {value}){second}')


def moved(source: Spot, target: Spot, **options: Any) -> wire.Outcome:
    (one, one_secret), (other, other_secret) = parse(source.url), parse(target.url)
    outcome = wire.run(Request(one, other, **options), wire.Secrets(one_secret, other_secret))
    assert outcome.report
    assert outcome.report.equal, outcome.report
    return outcome


@pytest.mark.parametrize("raw", [True, False])
def test_they_arrive_in_another_postgresql(raw: bool, tmp_path: Path, servers: Servers) -> None:
    source, target = spot("postgresql", tmp_path, servers), spot("postgresql", tmp_path, servers)
    filled(source)
    outcome = moved(source, target, raw=raw)
    undecoded = {hop.reads.table for hop in outcome.plan.hops if hop.raw}
    # Their bytes hold oids, which another server gives to other types, or may.
    inside = {
        "enums",
        "composite",
        "felt",
        "fews",
        "lived",
        "gap",
        "worded",
        "many words",
        "spans",
        "feeling range",
        "shortly",
    }
    assert undecoded == (TYPES.keys() - inside if raw else set())
    for name, (_, _, text) in TYPES.items():
        question = f'SELECT pg_typeof(c)::text, c::text FROM "{name}" ORDER BY id'
        assert target.ask(question) == source.ask(question), name
        # Ropeway's sessions print intervals as ISO 8601 does, this one as PostgreSQL does by itself.
        assert source.ask(question)[0][1] == text or name == "interval"
    with pytest.raises(Exception, match="above"):
        target.ask("INSERT INTO below VALUES (9, -1)")
    assert target.ask("SELECT range_merge('[1,2)'::span, '[3,4)'::span) = '[1,4)'::span") == [(True,)]
    assert not [f.message for f in outcome.plan.findings if "function" in f.message]
    # A second run finds the types, and takes them as they are.
    again = moved(source, target, raw=raw, mode="replace")
    assert not [s for s in again.plan.statements if "create type" in s.name]


@pytest.mark.parametrize("engine", ["duckdb", "sqlite", "mariadb", "mysql"])
def test_they_arrive_as_text_elsewhere(engine: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot("postgresql", tmp_path, servers), spot(engine, tmp_path, servers)
    filled(source)
    outcome = moved(source, target)
    for name, (_, _, text) in TYPES.items():
        (value,) = target.ask(f"SELECT c FROM {target.quote(name)} WHERE id = 1")[0]
        if name == "bits" and engine in MYSQL_FAMILY:  # a bit(5) there too, which comes as bytes
            value = f"{int.from_bytes(value, 'big'):05b}"
        assert str(value).replace(" ", "") == text.replace(" ", ""), name
    said = [f"{finding.where}: {finding.message}" for finding in outcome.plan.findings]
    assert any("public.below.c: its domain public.small becomes" in one for one in said), said
    assert any("public.still.c: its domain public.fewer becomes" in one for one in said), said
    assert any("public.array.c: integer[] becomes" in one for one in said), said


def test_an_enum_that_lacks_a_label_refuses_the_row(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("postgresql", tmp_path, servers), spot("postgresql", tmp_path, servers)
    filled(source)
    target.ask("CREATE TYPE mood AS ENUM ('sad')")
    with pytest.raises(DataError, match="it's ok"):
        moved(source, target, choices=(Choice("public.enum"),))


def test_a_query_knows_them_too(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("postgresql", tmp_path, servers), spot("postgresql", tmp_path, servers)
    filled(source)
    query = "SELECT e.c AS feeling, a.c AS numbers, d.c AS small FROM enum e, array_ a, below d WHERE e.id = 1"
    source.ask('ALTER TABLE "array" RENAME TO array_')
    moved(source, target, choices=(Choice("", query=query, to="public.q"),))
    assert target.ask("SELECT DISTINCT pg_typeof(feeling)::text, pg_typeof(small)::text FROM q") == [("mood", "small")]


def test_a_range_by_functions_of_a_user_is_refused_by_name(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("postgresql", tmp_path, servers), spot("postgresql", tmp_path, servers)
    source.ask("CREATE FUNCTION apart(text, text) RETURNS float8 LANGUAGE sql IMMUTABLE AS 'SELECT 1.0'")
    source.ask("CREATE TYPE rng AS RANGE (SUBTYPE = text, SUBTYPE_DIFF = apart)")
    source.ask("CREATE TABLE t (id integer, c rng)")
    source.ask("INSERT INTO t VALUES (1, '[a,b)')")
    with pytest.raises(RequestError, match=r"public\.t\.c has the type rng") as caught:
        moved(source, target)
    assert "types: {c: text}" in caught.value.remedy
    moved(source, target, choices=(Choice("t", types=(("c", "text"),)),))
    assert target.ask("SELECT c FROM t") == [("[a,b)",)]
