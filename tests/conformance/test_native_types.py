"""Every native type of the servers with its edges: into each other engine and back into its own, seen by plain SQL."""

from __future__ import annotations

import datetime as dt
import re
import sqlite3
import struct
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest

from moves import moved, natives, refusal, requested
from native_cases import MYSQL, POSTGRESQL, REFUSED, WIDE, Kind, Printed
from ropeway.cli import wire
from ropeway.transfer.engines import engine_of
from ropeway.transfer.errors import DataError
from ropeway.transfer.plan import ColumnPlan
from ropeway.transfer.request import Choice
from ropeway.transfer.rules import read_rule, split
from spots import MYSQL_FAMILY, SQL_ENGINES, Servers, Spot, spot
from type_tables import Row, declared, planned

INVALID = "SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES'"


def filled(source: Spot, table: str, kinds: Sequence[Kind]) -> list[list[object]]:
    """A table with a column a kind and a last row of NULLs; what each row means."""
    rows = max(len(kind.values) for kind in kinds)
    source.ask(
        f"CREATE TABLE {table} (id int PRIMARY KEY, {', '.join(f'c{n} {k.native}' for n, k in enumerate(kinds))})"
    )
    meant = []
    for row in range(rows):
        chosen = [kind.values[row % len(kind.values)] for kind in kinds]
        source.ask(f"INSERT INTO {table} VALUES ({row}, {', '.join(sql for sql, _ in chosen)})")
        meant.append([value for _, value in chosen])
    source.ask(f"INSERT INTO {table} (id) VALUES ({rows})")
    return [*meant, [None] * len(kinds)]


def meaning(value: Any, like: object) -> object:
    """A value from a driver in the kind of value that is expected."""
    if value is None or like is None:
        return value
    if isinstance(like, bytes):
        return bytes(value)
    if isinstance(like, str):
        return _text(value, like)
    if isinstance(like, int | Decimal):
        number = int.from_bytes(value, "big") if isinstance(value, bytes) else value
        return Decimal(str(int(number) if isinstance(number, bool) else number))
    if isinstance(like, dt.timedelta):
        return value if isinstance(value, dt.timedelta) else dt.timedelta(microseconds=value)
    return _moment(value, like) if isinstance(like, dt.date | dt.time) else value


def _text(value: Any, like: str) -> str:
    if isinstance(value, bytes):
        return f"{int.from_bytes(value, 'big'):b}".zfill(len(like))
    return ",".join(sorted(value)) if isinstance(value, set) else str(value)


def _moment(value: Any, like: dt.date | dt.time) -> object:
    if isinstance(value, dt.timedelta):
        return (dt.datetime.min + value).time()
    moment = type(like).fromisoformat(value) if isinstance(value, str) else value
    if isinstance(moment, dt.datetime) and moment.tzinfo:
        return moment.astimezone(dt.UTC).replace(tzinfo=None)
    return moment


def expected(value: object) -> object:
    if isinstance(value, int | Decimal):
        return Decimal(value)
    return value.replace(tzinfo=None) if isinstance(value, dt.datetime) else value


def shown(target: Spot, kind: Kind | Printed, table: str, column: str) -> str:
    """The SQL that lets a driver show a column as it is: six digits of a float, a session's zone are not."""
    if target.engine == "postgresql":
        return f"{column}::text" if kind.reads == "json" else column
    if target.engine == "duckdb" and kind.reads.startswith("instant"):
        return f"make_timestamp(epoch_us({column}))"  # its driver asks for pytz
    if target.engine not in MYSQL_FAMILY or kind.reads not in ("float32", "instant", "instant(0)", "instant(3)"):
        return column
    if kind.reads == "float32":
        return f"{column} + 0e0"
    ((_, native, *_),) = target.ask(f"SHOW COLUMNS FROM {table} LIKE '{column}'")
    return f"CONVERT_TZ({column}, '-03:30', '+00:00')" if str(native).startswith("timestamp") else column


def assert_same(target: Spot, table: str, kinds: Sequence[Kind], meant: Sequence[Sequence[object]]) -> None:
    for n, kind in enumerate(kinds):
        assert_column(target, table, n, kind, [row[n] for row in meant])


def assert_column(target: Spot, table: str, n: int, kind: Kind | Printed, meant: Sequence[object]) -> None:
    """What the target's own driver shows of a column, each value in the kind of value that is meant.

    Integers, decimals and booleans are numbers, instants are in UTC, durations are so long, a float32 is the nearest
    one, blanks that pad mean nothing.
    """
    held = [row[0] for row in target.ask(f"SELECT {shown(target, kind, table, f'c{n}')} FROM {table} ORDER BY id")]
    assert len(held) == len(meant)
    for value, wanted in zip(held, meant, strict=True):
        pair = [meaning(value, wanted), expected(wanted)]
        if kind.reads == "float32" and wanted is not None:
            pair = [struct.unpack("f", struct.pack("f", one))[0] for one in pair]
        if kind.reads.startswith("padded"):
            pair = [one and str(one).rstrip(" ") for one in pair]
        assert pair[0] == pair[1], (target.engine, kind.native)


def kinds_of(engine: str) -> list[Kind]:
    return [kind for kind in MYSQL if engine in kind.engines]


def assert_as_documented(source: str, target: str, columns: Sequence[ColumnPlan], rows: Sequence[Row]) -> None:
    """What planning decided on the real servers is what docs/types.md says of it."""
    for column, row in zip(columns, rows, strict=True):
        native, fidelity = planned(source, row, target) or ("", None)
        if engine_of(source).family == engine_of(target).family:  # where the server spells tinyint as tinyint(4)
            assert (split(native).name, fidelity) == (split(column.native).name, column.fidelity), row
        else:
            assert (native, fidelity) == (column.native, column.fidelity), (target, row)


@pytest.mark.parametrize("engine", MYSQL_FAMILY)
@pytest.mark.parametrize("other", SQL_ENGINES)
def test_mysqls_types_arrive(engine: str, other: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot(engine, tmp_path, servers), spot(other, tmp_path, servers)
    kinds = kinds_of(engine)
    meant = filled(source, "t", kinds)
    tables = {"t": (kinds, meant)}
    if other == "duckdb":
        wide = spot(engine, tmp_path, servers)
        filled(wide, "wide", [WIDE])
        assert "wide.c0 is decimal(65,30), which duckdb cannot hold" in refusal(wide, target)
    else:
        tables["wide"] = ([WIDE], filled(source, "wide", [WIDE]))
    outcome = moved(source, target, slice_rows=3)
    for table, (columns, rows) in tables.items():
        assert_same(target, table, columns, rows)
        if other == engine:
            assert natives(target, table) == natives(source, table)
    if other not in MYSQL_FAMILY:
        read = {str(c.source): str(c.type) for hop in outcome.plan.hops if hop.reads.table == "t" for c in hop.columns}
        assert [read[f"c{n}"] for n in range(len(kinds))] == [kind.reads for kind in kinds]
    (hop,) = (hop for hop in outcome.plan.hops if hop.reads.table == "t")
    assert_as_documented(engine, other, hop.columns[1:], [declared(kind) for kind in kinds])


@pytest.mark.parametrize("engine", ["postgresql", *MYSQL_FAMILY])
def test_the_servers_types_arrive_in_files(engine: str, tmp_path: Path, servers: Servers) -> None:
    source = spot(engine, tmp_path, servers)
    if engine == "postgresql":
        printed(source)
        rows = [Row(kind.native, kind.reads) for kind in POSTGRESQL]
    else:
        meant = filled(source, "t", kinds_of(engine))
        rows = [declared(kind) for kind in kinds_of(engine)]
    files = tmp_path / "files"
    outcome = moved(source, Spot("parquet", f"parquet:///{files}", lambda _sql: []))
    assert_as_documented(engine, "parquet", outcome.plan.hops[0].columns[1:], rows)
    if engine == "postgresql":
        assert_printed(source, read_by_duckdb(files))
    else:
        assert_same(read_by_duckdb(files), "t", kinds_of(engine), meant)


def read_by_duckdb(folder: Path) -> Spot:
    """The files of a folder's table t, as DuckDB reads them."""
    (file,) = [one for one in folder.rglob("*.parquet") if one.stem == "t" or one.parent.name.endswith("t")]

    def ask(sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect() as connection:
            connection.execute(f"CREATE VIEW t AS SELECT * FROM read_parquet('{file}')")
            return connection.execute(sql).fetchall()

    return Spot("duckdb", "", ask)


@pytest.mark.parametrize("engine", ["postgresql", *MYSQL_FAMILY])
def test_the_remedy_for_a_decimal_that_is_too_long_is_one(engine: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot(engine, tmp_path, servers), spot("duckdb", tmp_path, servers)
    source.ask("CREATE TABLE n (id int PRIMARY KEY, c decimal(60,20))")
    source.ask("INSERT INTO n VALUES (1, -1234567890123456789012345678901234567890.5), (2, NULL)")
    message = refusal(source, target)
    for words in ("n.c is decimal(60,20), which duckdb cannot hold", "types: {c: text}", "leave the column out"):
        assert words in message
    moved(source, target, choices=(Choice("n", types=(("c", "text"),)),))
    held = f"-1234567890123456789012345678901234567890.5{'0' * 19}"
    assert target.ask("SELECT c FROM n ORDER BY id") == [(held,), (None,)]


DATES = "CREATE TABLE d (id int PRIMARY KEY, day date NOT NULL, at datetime(3) NOT NULL, stamp timestamp NULL)"
ZEROS = (
    "(1, '0000-00-00', '2024-01-01 10:00:00.5', '2024-01-01 10:00:00')",
    "(2, '2020-02-00', '0000-00-00 00:00:00', '0000-00-00 00:00:00')",
    "(3, '2020-00-01', '2020-01-01 00:00:00', NULL)",
    "(4, '0000-01-01', '2020-02-30 01:02:03.004', NULL)",
    "(5, '2024-02-29', '2024-02-29 00:00:00', NULL)",
)


def zeros(engine: str, tmp_path: Path, servers: Servers) -> Spot:
    source = spot(engine, tmp_path, servers)
    source.ask(DATES)
    database = source.url.rpartition("/")[2]
    with (
        servers.family(engine).connect(database=database, autocommit=True) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(INVALID)
        cursor.execute(f"INSERT INTO d VALUES {', '.join(ZEROS)}")
    return source


@pytest.mark.parametrize("engine", MYSQL_FAMILY)
def test_zero_dates_stop_unless_a_policy_says_more(engine: str, tmp_path: Path, servers: Servers) -> None:
    source, target = zeros(engine, tmp_path, servers), spot("postgresql", tmp_path, servers)
    message = refusal(source, target)
    for words in ("d.day (date) holds 4 dates", "the first at id=1", "--policy zero_date=null|text"):
        assert words in message
    outcome = moved(source, target, policies=(("zero_date", "null"),))
    assert target.ask("SELECT id, day::text, at::text FROM d WHERE day IS NULL OR at IS NULL ORDER BY id") == [
        (1, None, "2024-01-01 10:00:00.5"),
        (2, None, None),
        (3, None, "2020-01-01 00:00:00"),
        (4, None, None),
    ]
    lossy = {c.source: str(c.fidelity) for hop in outcome.plan.hops for c in hop.columns}
    assert lossy == {"id": "exact", "day": "lossy", "at": "lossy", "stamp": "lossy"}
    assert [f.message for f in outcome.plan.findings if f.where == "d.day" and "4" in f.message]
    other = spot("postgresql", tmp_path, servers)
    moved(source, other, choices=(Choice("d", policies=(("zero_date", "text"),)),))
    assert other.ask("SELECT day, at, stamp FROM d ORDER BY id")[:2] == [
        ("0000-00-00", "2024-01-01 10:00:00.500", "2024-01-01 13:30:00"),
        ("2020-02-00", "0000-00-00 00:00:00.000", "0000-00-00 00:00:00"),
    ]


@pytest.mark.parametrize(("engine", "other"), [("mariadb", "mariadb"), ("mysql", "mysql"), ("mariadb", "mysql")])
def test_zero_dates_are_kept_in_the_family(engine: str, other: str, tmp_path: Path, servers: Servers) -> None:
    source, target = zeros(engine, tmp_path, servers), spot(other, tmp_path, servers)
    moved(source, target, slice_rows=2)
    query = "SELECT id, CAST(day AS CHAR), CAST(at AS CHAR), CAST(stamp AS CHAR) FROM d ORDER BY id"
    assert target.ask(query) == source.ask(query)


def test_a_zero_date_that_comes_later_stops_the_run(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("mariadb", tmp_path, servers), spot("postgresql", tmp_path, servers)
    source.ask("CREATE TABLE d (id int PRIMARY KEY, day date, flag tinyint(1), at time)")
    request, secrets = requested(source, target)
    plan = wire.plan(request, secrets)
    source.ask("INSERT INTO d VALUES (1, '0000-00-00', 1, '10:00:00')")
    with pytest.raises(DataError, match="0000-00-00") as caught:
        wire.run(plan, secrets)
    assert caught.value.key == "id=1"
    for row in ("(1, '2024-01-01', 2, '10:00:00')", "(1, '2024-01-01', 1, '24:00:00')"):
        source.ask("DELETE FROM d")
        source.ask(f"INSERT INTO d VALUES {row}")
        with pytest.raises(DataError):
            wire.run(plan, secrets, fresh=True)


def test_a_lost_label_is_not_lost_again(tmp_path: Path, servers: Servers) -> None:
    source = spot("mariadb", tmp_path, servers)
    source.ask("CREATE TABLE e (id int PRIMARY KEY, word enum('a','b'))")
    source.ask("INSERT IGNORE INTO e VALUES (1, 'a'), (2, 'q')")
    assert "without a label" in refusal(source, spot("mariadb", tmp_path, servers))
    target = spot("postgresql", tmp_path, servers)
    moved(source, target)
    assert target.ask("SELECT word FROM e ORDER BY id") == [("a",), ("",)]
    source.ask("DELETE FROM e WHERE id = 2")
    target = spot("postgresql", tmp_path, servers)
    moved(source, target)
    with pytest.raises(psycopg.errors.CheckViolation):
        target.ask("INSERT INTO e VALUES (3, 'q')")


@pytest.mark.parametrize("engine", MYSQL_FAMILY)
def test_geometry_stays_in_the_family(engine: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot(engine, tmp_path, servers), spot(engine, tmp_path, servers)
    source.ask("CREATE TABLE g (id int PRIMARY KEY, p point, q geometry)")
    source.ask("INSERT INTO g VALUES (1, ST_GeomFromText('POINT(1 2)', 4326), ST_GeomFromText('LINESTRING(0 0,1 1)'))")
    moved(source, target)
    query = "SELECT ST_AsText(p), ST_SRID(p), ST_AsText(q) FROM g"
    assert target.ask(query) == source.ask(query)
    assert "g.p is a point" in refusal(source, spot("postgresql", tmp_path, servers))


@pytest.mark.parametrize(("choice", "held"), [("remove", "ab"), ("replace", "a\ufffdb"), ("null", None)])
def test_a_zero_character_goes_by_policy(choice: str, held: str | None, tmp_path: Path, servers: Servers) -> None:
    source, target = spot("mariadb", tmp_path, servers), spot("postgresql", tmp_path, servers)
    source.ask("CREATE TABLE n (id int PRIMARY KEY, word varchar(20) CHARACTER SET latin1 NOT NULL)")
    source.ask("INSERT INTO n VALUES (1, CONCAT('a', CHAR(0), 'b')), (2, 'c')")
    moved(source, target, policies=(("nul", choice),))
    assert target.ask("SELECT word FROM n ORDER BY id") == [(held,), ("c",)]


PLAIN = "SET datestyle = 'ISO, YMD'; SET timezone = 'UTC'; SET intervalstyle = 'iso_8601'"
EXTENSIONS = ("citext", "hstore", "ltree", "cube", "vector")


def asked(place: Spot, sql: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(place.url, autocommit=True) as connection:
        connection.execute(PLAIN)
        return connection.execute(sql.encode()).fetchall()


def printed(source: Spot, *more: Spot) -> None:
    """A table of PostgreSQL's types, a column a type, with a last row of NULLs."""
    for place in (source, *more):
        for extension in EXTENSIONS:
            place.ask(f"CREATE EXTENSION {extension}")
    columns = ", ".join(f"c{n} {kind.native}" for n, kind in enumerate(POSTGRESQL))
    source.ask(f"CREATE TABLE t (id int PRIMARY KEY, {columns})")
    rows = max(len(kind.values) for kind in POSTGRESQL)
    with psycopg.connect(source.url, autocommit=True) as connection:
        connection.execute(PLAIN)
        for row in range(rows):
            values = [kind.values[row % len(kind.values)] if kind.values else None for kind in POSTGRESQL]
            casts = ", ".join(f"%s::text::{kind.native}" for kind in POSTGRESQL)
            connection.execute(f"INSERT INTO t VALUES ({row}, {casts})".encode(), values)
        connection.execute(f"INSERT INTO t (id) VALUES ({rows})".encode())


def texts(place: Spot) -> list[tuple[Any, ...]]:
    columns = ", ".join(f"c{n}::text" for n in range(len(POSTGRESQL)))
    return asked(place, f"SELECT {columns} FROM t ORDER BY id")


def values(source: Spot, column: str) -> list[object]:
    """A column as PostgreSQL's own driver shows it."""
    with psycopg.connect(source.url) as connection:
        connection.execute("SET timezone = 'UTC'")
        return [row[0] for row in connection.execute(f"SELECT {column} FROM t ORDER BY id".encode()).fetchall()]


def assert_printed(source: Spot, target: Spot) -> None:
    """Each column of PostgreSQL's types as it is elsewhere: texts as the server prints them, others as values."""
    for n, (kind, wanted) in enumerate(zip(POSTGRESQL, zip(*texts(source), strict=True), strict=True)):
        if kind.reads not in ("text", "json", "uuid"):
            assert_column(target, "t", n, kind, values(source, f"c{n}{'::numeric' if kind.native == 'money' else ''}"))
            continue
        held = tuple(row[0] for row in target.ask(f"SELECT c{n} FROM t ORDER BY id"))
        if kind.native.startswith("bit(") and target.engine in MYSQL_FAMILY and kind.native != "bit(65)":
            held = tuple(value and _text(value, kind.values[0]) for value in held)
        assert tuple(value if value is None else str(value) for value in held) == wanted, kind.native


@pytest.mark.parametrize("raw", [True, False])
def test_postgresqls_types_arrive_in_another(raw: bool, tmp_path: Path, servers: Servers) -> None:
    source, target = spot("postgresql", tmp_path, servers), spot("postgresql", tmp_path, servers)
    printed(source, target)
    outcome = moved(source, target, raw=raw, slice_rows=3)
    assert bool(outcome.plan.hops[0].raw) == raw
    for kind, held, wanted in zip(
        POSTGRESQL, zip(*texts(target), strict=True), zip(*texts(source), strict=True), strict=True
    ):
        assert held == wanted, kind.native
    types = "SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum > 0"
    assert asked(target, types) == asked(source, types)


@pytest.mark.parametrize("other", [engine for engine in SQL_ENGINES if engine != "postgresql"])
def test_postgresqls_types_arrive_elsewhere(other: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot("postgresql", tmp_path, servers), spot(other, tmp_path, servers)
    printed(source)
    outcome = moved(source, target, slice_rows=3)
    (hop,) = outcome.plan.hops
    assert_as_documented("postgresql", other, hop.columns[1:], [Row(kind.native, kind.reads) for kind in POSTGRESQL])
    read = {column.source: str(column.type) for column in hop.columns}
    assert {kind.native: read[f"c{n}"] for n, kind in enumerate(POSTGRESQL)} == {k.native: k.reads for k in POSTGRESQL}
    assert_printed(source, target)


def test_every_type_of_the_server_is_a_case(tmp_path: Path, servers: Servers) -> None:
    place = spot("postgresql", tmp_path, servers)
    known = {"".join(split(kind.native).name.split("[]")) for kind in POSTGRESQL} | set(REFUSED)
    there = place.ask(
        "SELECT format_type(oid, NULL), typtype::text FROM pg_type WHERE typnamespace = 'pg_catalog'::regnamespace "
        "AND typtype IN ('b', 'r', 'm') AND typcategory <> 'A' ORDER BY 1"
    )
    for name, kind in there:
        # Casts to names of catalogue objects, and the sorts of ranges, are each one rule.
        stands_for = "regclass" if str(name).startswith("reg") else "int4multirange" if kind == "m" else str(name)
        assert stands_for.lower() in known, name
    for name in REFUSED:
        assert read_rule(engine_of("postgresql").reads, name) is None, name


FAR = (
    "CREATE TABLE f (id int PRIMARY KEY, day date NOT NULL, upon timestamp(3), moment timestamptz, price numeric(8,2), "
    "amount numeric, clock time)",
    "INSERT INTO f VALUES (1, 'infinity', '-infinity', 'infinity', 'NaN', 'Infinity', '24:00:00'), "
    "(2, '0044-03-15 BC', '2024-01-01 10:00:00.5', '294276-12-31 23:59:59+00', 1.50, 'NaN', '10:00'), "
    "(3, '2024-01-01', '2024-01-01', '2024-01-01 00:00:00+00', 2, 12.345, '11:00')",
)


def far(tmp_path: Path, servers: Servers) -> Spot:
    source = spot("postgresql", tmp_path, servers)
    for statement in FAR:
        source.ask(statement)
    return source


def test_infinity_and_nan_stop_unless_a_policy_says_more(tmp_path: Path, servers: Servers) -> None:
    source, target = far(tmp_path, servers), spot("duckdb", tmp_path, servers)
    message = refusal(source, target)
    for words in ("f.day (date) holds 1 infinite dates", "the first at id=1", "--policy infinity=null|text"):
        assert words in message
    assert "f.price (numeric(8,2)) holds 1 NaN" in refusal(source, target, policies=(("infinity", "null"),))
    outcome = moved(source, target, policies=(("infinity", "null"), ("nan", "null")))
    held = target.ask(
        "SELECT id, day::text, upon::text, epoch_us(moment), price::text, amount::text, clock FROM f ORDER BY id"
    )
    assert held == [
        (1, None, None, None, None, None, "24:00:00"),
        (2, "0044-03-15 (BC)", "2024-01-01 10:00:00.5", None, "1.50", None, "10:00:00"),
        (3, "2024-01-01", "2024-01-01 00:00:00", 1704067200000000, "2.00", "12.345", "11:00:00"),
    ]
    lossy = {c.source for hop in outcome.plan.hops for c in hop.columns if str(c.fidelity) == "lossy"}
    assert lossy == {"day", "upon", "moment", "price", "amount"}
    other = spot("sqlite", tmp_path, servers)
    moved(source, other, policies=(("infinity", "text"), ("nan", "text")))
    assert other.ask("SELECT * FROM f WHERE id < 3 ORDER BY id") == [
        (1, "infinity", "-infinity", "infinity", "NaN", "Infinity", "24:00:00"),
        (2, "0044-03-15 BC", "2024-01-01 10:00:00.5", "294276-12-31 23:59:59+00", "1.50", "NaN", "10:00:00"),
    ]


@pytest.mark.parametrize("raw", [True, False])
def test_infinity_and_nan_are_kept_in_the_family(raw: bool, tmp_path: Path, servers: Servers) -> None:
    source, target = far(tmp_path, servers), spot("postgresql", tmp_path, servers)
    moved(source, target, raw=raw)
    query = "SELECT id, day::text, upon::text, moment::text, price::text, amount::text, clock::text FROM f ORDER BY id"
    assert asked(target, query) == asked(source, query)
    changed = spot("postgresql", tmp_path, servers)
    outcome = moved(source, changed, raw=raw, policies=(("nan", "null"),))
    assert not outcome.plan.hops[0].raw
    assert asked(changed, "SELECT price, amount FROM f WHERE id = 1") == [(None, None)]


def test_nan_among_floats_goes_by_policy_where_the_target_has_none(tmp_path: Path, servers: Servers) -> None:
    source = spot("postgresql", tmp_path, servers)
    source.ask("CREATE TABLE f (id int PRIMARY KEY, a real, b double precision)")
    source.ask("INSERT INTO f VALUES (1, 'NaN', '-Infinity'), (2, 1.5, 2.5)")
    moved(source, spot("duckdb", tmp_path, servers))
    target = spot("mariadb", tmp_path, servers)
    moved(source, target, policies=(("nan", "null"),))
    assert target.ask("SELECT a, b FROM f ORDER BY id") == [(None, None), (1.5, 2.5)]
    target = spot("mysql", tmp_path, servers)
    moved(source, target, policies=(("nan", "text"),))
    assert target.ask("SELECT a, b FROM f ORDER BY id") == [("NaN", "-Infinity"), ("1.5", "2.5")]


def test_a_null_policy_spares_the_primary_key(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("postgresql", tmp_path, servers), spot("sqlite", tmp_path, servers)
    source.ask("CREATE TABLE k (day date PRIMARY KEY)")
    source.ask("INSERT INTO k VALUES ('infinity')")
    assert "primary key, which takes no NULL" in refusal(source, target, policies=(("infinity", "null"),))


def test_an_infinity_that_comes_later_stops_the_run(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("postgresql", tmp_path, servers), spot("duckdb", tmp_path, servers)
    source.ask("CREATE TABLE f (id int PRIMARY KEY, day date, gap interval)")
    request, secrets = requested(source, target)
    plan = wire.plan(request, secrets)
    for row in ("(1, 'infinity', '1 day')", "(1, '2024-01-01', '1 mon')"):
        source.ask("TRUNCATE f")
        source.ask(f"INSERT INTO f VALUES {row}")
        with pytest.raises(DataError) as caught:
            wire.run(plan, secrets, fresh=True)
        assert caught.value.key == "id=1"


@pytest.mark.parametrize("other", ["mariadb", "mysql", "sqlite", "duckdb"])
def test_an_enum_allows_the_same_elsewhere(other: str, tmp_path: Path, servers: Servers) -> None:
    source, target = spot("postgresql", tmp_path, servers), spot(other, tmp_path, servers)
    source.ask("CREATE TYPE mood AS ENUM ('sad', 'it''s ok', 'Sad', E'back\\\\slash')")
    source.ask("CREATE TYPE blank AS ENUM ('a', 'a ')")
    source.ask("CREATE TABLE e (id int PRIMARY KEY, word mood, other blank)")
    source.ask("INSERT INTO e VALUES (1, 'it''s ok', 'a'), (2, 'Sad', 'a '), (3, E'back\\\\slash', NULL)")
    moved(source, target)
    assert target.ask("SELECT word, other FROM e ORDER BY id") == [
        ("it's ok", "a"),
        ("Sad", "a "),
        ("back\\slash", None),
    ]
    if other in MYSQL_FAMILY:
        assert natives(target, "e")[1:] == ["enum('sad','it''s ok','Sad','back\\\\slash')", "longtext"]
    elif other == "sqlite":
        with pytest.raises(sqlite3.IntegrityError):
            target.ask("INSERT INTO e VALUES (9, 'glad', 'a')")


MYSQL_TYPES = {
    "tinyint", "smallint", "mediumint", "int", "bigint", "float", "double", "decimal", "bit", "year", "date",
    "datetime", "timestamp", "time", "char", "varchar", "binary", "varbinary", "tinytext", "text",
    "mediumtext", "longtext", "tinyblob", "blob", "mediumblob", "longblob", "enum", "set",
}  # fmt: skip
SHAPES = (
    "geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon", "geometrycollection",
)  # fmt: skip


def test_every_type_of_mysql_is_a_case() -> None:
    """By the manuals' lists: the servers have no catalogue of types. `json` is MySQL's from 5.7 on."""
    known = {re.match(r"\w+", kind.native)[0] for kind in MYSQL}  # type: ignore[index]  # each begins with a word
    assert MYSQL_TYPES | {"json", "uuid", "inet4", "inet6"} == known
    for engine in MYSQL_FAMILY:
        reads = engine_of(engine).reads
        assert all(read_rule(reads, name) for name in (*known, *SHAPES))
        assert read_rule(reads, "vector(3)") is None
