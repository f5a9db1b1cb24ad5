"""One checksum everywhere: each type's edge values give the same sum in Arrow, in plain Python and in
the SQL of every engine that can hold them.
"""

from __future__ import annotations

import contextlib
import hashlib
import struct
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import duckdb
import psycopg
import pyarrow as pa
import pytest

from checksum_cases import CASES, ZONED, Case, arrow, literal, rows_sum
from plain_checksum import plain_sum
from ropeway.transfer.canonical import Canon
from ropeway.transfer.engines.duckdb import canon as duckdb_canon
from ropeway.transfer.engines.mysql import canon as mysql_canon
from ropeway.transfer.engines.postgresql import canon as postgresql_canon
from ropeway.transfer.errors import RequestError
from ropeway.verify.checksum import Sum, of_batch

if TYPE_CHECKING:
    from servers import Mariadb, Postgresql


def arrow_sum(case: Case, values: Sequence[Any]) -> Sum:
    return of_batch(pa.record_batch([arrow(case, values)], ["c"]), [case.canon])


Ask = Callable[[str], list[Any]]


@pytest.fixture(scope="module")
def ask_postgresql(postgresql: Postgresql) -> Iterator[Ask]:
    with psycopg.connect(postgresql.database(), autocommit=True) as connection:
        for pin in ("datestyle = 'ISO, YMD'", "intervalstyle = 'iso_8601'", "timezone = 'Asia/Kolkata'"):
            connection.execute(f"SET {pin}".encode())

        def ask(sql: str) -> list[Any]:
            cursor = connection.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

        yield ask


@pytest.fixture(scope="module")
def ask_mariadb(mariadb: Mariadb) -> Iterator[Ask]:
    database = mariadb.database().rsplit("/", 1)[1]
    connection = mariadb.connect(database=database, autocommit=True, charset="utf8mb4")
    with contextlib.closing(connection), connection.cursor() as cursor:
        # In strict mode, so that no value changes on its way in.
        for pin in ("time_zone = '+00:00'", "sql_mode = 'STRICT_ALL_TABLES'", "names utf8mb4"):
            cursor.execute(f"SET {pin}")

        def ask(sql: str) -> list[Any]:
            cursor.execute(sql)
            return list(cursor.fetchall())

        yield ask


@pytest.fixture(scope="module")
def ask_duckdb() -> Iterator[Ask]:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'Asia/Kolkata'")
        yield lambda sql: connection.execute(sql).fetchall()


def answered(rows: list[Any]) -> Sum:
    count, high, low, without = (int(value) for value in rows[0])
    assert without == 0
    return Sum(count, high % 2**64, low % 2**64)


def cases(engine: str) -> pytest.MarkDecorator:
    """The cases that an engine can hold."""
    return pytest.mark.parametrize("name", [name for name, case in CASES.items() if getattr(case, engine)])


def fill(ask: Ask, engine: str, name: str) -> tuple[str, Sum, list[Any]]:
    """Make a table of a case and fill it; its quoted name, its expected sum, its values."""
    case = CASES[name]
    quote = "`" if engine == "mariadb" else '"'
    table = f"{quote}of {name}{quote}"
    values = case.values_for(engine)
    ask(f"CREATE TABLE {table} (c {getattr(case, engine)})")
    ask(f"INSERT INTO {table} VALUES " + ", ".join(f"({literal(case, engine, value)})" for value in values))
    expected = rows_sum([case], [(value,) for value in values])
    assert arrow_sum(case, values) == expected
    return table, expected, values


@cases("postgresql")
def test_postgresql_agrees(ask_postgresql: Ask, name: str) -> None:
    case = CASES[name]
    table, expected, _ = fill(ask_postgresql, "postgresql", name)
    columns = [("c", case.canon, case.postgresql)]
    version = int(ask_postgresql("SHOW server_version_num")[0][0])
    for known in {130000, version}:
        for utf8 in (True, False):
            sql = postgresql_canon.checksum_sql(table, columns, server_version=known, utf8=utf8)
            assert answered(ask_postgresql(sql)) == expected, ask_postgresql(f"SELECT c FROM {table}")


@cases("duckdb")
def test_duckdb_agrees(ask_duckdb: Ask, name: str) -> None:
    case = CASES[name]
    table, expected, _ = fill(ask_duckdb, "duckdb", name)
    sql = duckdb_canon.checksum_sql(table, [("c", case.canon, case.duckdb)])
    assert answered(ask_duckdb(sql)) == expected, ask_duckdb(f"SELECT c::VARCHAR FROM {table}")


@cases("mariadb")
def test_mariadb_agrees(ask_mariadb: Ask, name: str) -> None:
    case = CASES[name]
    table, expected, _ = fill(ask_mariadb, "mariadb", name)
    native = case.mariadb.removesuffix(" character set latin1")
    for utf8 in {False, native == case.mariadb}:
        sql = mysql_canon.checksum_sql(table, [("c", case.canon, native)], utf8=utf8)
        assert answered(ask_mariadb(sql)) == expected, ask_mariadb(f"SELECT c FROM {table}")


RENDER: dict[str, Callable[..., str]] = {
    "postgresql": postgresql_canon.checksum_sql,
    "duckdb": duckdb_canon.checksum_sql,
    "mariadb": mysql_canon.checksum_sql,
}


@pytest.fixture(params=list(RENDER))
def engine(request: pytest.FixtureRequest) -> tuple[str, Ask]:
    return request.param, request.getfixturevalue(f"ask_{request.param}")


def test_one_wide_row_of_all_types(engine: tuple[str, Ask]) -> None:
    """Each column holds another rotation of its values, so that NULLs and texts meet in all ways."""
    name, ask = engine
    held = [case for case in CASES.values() if getattr(case, name) and "latin1" not in getattr(case, name)]
    lists = [[case.values[(row + at) % len(case.values)] for row in range(30)] for at, case in enumerate(held)]
    for at, values in enumerate(lists):
        values[at % 30] = values[at * 7 % 30] = None
    rows = list(zip(*lists, strict=True))
    natives = [getattr(case, name) for case in held]
    ask(f"CREATE TABLE wide ({', '.join(f'c{at} {native}' for at, native in enumerate(natives))})")
    shown = [", ".join(literal(case, name, v) for case, v in zip(held, row, strict=True)) for row in rows]
    ask("INSERT INTO wide VALUES " + ", ".join(f"({row})" for row in shown))
    columns = [(f"c{at}", case.canon, native) for at, (case, native) in enumerate(zip(held, natives, strict=True))]
    assert answered(ask(RENDER[name]("wide", columns))) == rows_sum(held, rows)
    kept = [row for row in rows if row[1] is not None and row[1] < 0]  # of bigint
    assert answered(ask(RENDER[name]("wide", columns, "c1 < 0"))) == rows_sum(held, kept)


def test_more_columns_than_a_function_takes(engine: tuple[str, Ask]) -> None:
    name, ask = engine
    names = [f"c{at}" for at in range(400)]
    ask(f"CREATE TABLE many ({', '.join(f'{column} smallint' for column in names)})")
    ask(f"INSERT INTO many VALUES ({', '.join(map(str, range(400)))})")
    ask("INSERT INTO many (c7) VALUES (-1)")
    columns = [(column, Canon("integer"), "smallint") for column in names]
    rows = [tuple(range(400)), tuple(-1 if at == 7 else None for at in range(400))]
    assert answered(ask(RENDER[name]("many", columns))) == plain_sum(rows, [Canon("integer")] * 400)


def test_no_rows(engine: tuple[str, Ask]) -> None:
    name, ask = engine
    ask("CREATE TABLE none_here (c smallint)")
    assert answered(ask(RENDER[name]("none_here", [("c", Canon("integer"), "smallint")]))) == Sum.zero()


REFUSED = {
    "postgresql": [
        ("float", "numeric(5,2)"), ("float", "bigint"), ("integer", "real"), ("integer", "integer[]"),
        ("date", ZONED), ("time", "time with time zone"), ("binary", "text"), ("uuid", "bytea"), ("boolean", "bit(3)"),
        ("instant", "date"),
    ],
    "duckdb": [
        ("float", "DECIMAL(5,2)"), ("float", "BIGINT"), ("integer", "DOUBLE"), ("integer", "INTEGER[]"),
        ("date", "TIMESTAMP WITH TIME ZONE"), ("time", "TIME WITH TIME ZONE"), ("binary", "VARCHAR"),
        ("uuid", "BLOB"), ("instant", "DATE"), ("decimal", "STRUCT(a DECIMAL(5,2))"),
    ],
    "mariadb": [
        ("float", "decimal(5,2)"), ("float", "bigint(20)"), ("integer", "double"), ("date", "timestamp"),
        ("time", "datetime"), ("binary", "varchar(5)"), ("uuid", "binary(16)"), ("instant", "date"),
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "form", "native"), [(name, form, native) for name in REFUSED for form, native in REFUSED[name]]
)
def test_a_type_with_two_readings_is_refused(name: str, form: str, native: str) -> None:
    with pytest.raises(RequestError, match="price"):
        RENDER[name]("t", [("price", Canon(form, 2), native)])


@pytest.mark.parametrize(("given", "shown"), [("infinity", "infinity"), ("-infinity", "-infinity")])
@pytest.mark.parametrize("native", ["date", "timestamp", "timestamptz"])
def test_infinity_is_no_date(ask_postgresql: Ask, ask_duckdb: Ask, given: str, shown: str, native: str) -> None:
    """Arrow has no such value; in SQL it must print as itself, and never as NULL does."""
    words = hashlib.sha256(shown.encode()).digest()
    expected = Sum(1, int.from_bytes(words[:8], "big"), int.from_bytes(words[8:16], "big"))
    form = {"date": "date", "timestamp": "timestamp", "timestamptz": "instant"}[native]
    for digits in (0, 6):
        for name, ask in (("postgresql", ask_postgresql), ("duckdb", ask_duckdb)):
            known = "TIMESTAMP WITH TIME ZONE" if (native, name) == ("timestamptz", "duckdb") else native
            columns = [("c", Canon(form, digits), known)]
            sql = RENDER[name](f"(SELECT '{given}'::{native} AS c) AS one", columns)
            assert answered(ask(sql)) == expected


def test_any_nan_is_a_nan(postgresql: Postgresql, ask_duckdb: Ask) -> None:
    """Binary COPY and DuckDB keep a NaN's sign and payload; no other engine could give them back."""
    odd = struct.unpack(">d", bytes.fromhex("FFF8000000000001"))[0]
    expected = plain_sum([(float("nan"),)], [Canon("float")])
    with psycopg.connect(postgresql.database(), autocommit=True) as connection:
        connection.execute("CREATE TABLE odd (c double precision)")
        with connection.cursor().copy("COPY odd FROM STDIN (FORMAT binary)") as copy:
            copy.set_types(["float8"])
            copy.write_row((odd,))
        assert connection.execute("SELECT encode(float8send(c), 'hex') FROM odd").fetchone() == ("fff8000000000001",)
        sql = postgresql_canon.checksum_sql("odd", [("c", Canon("float"), "double precision")])
        assert answered(connection.execute(sql.encode()).fetchall()) == expected
    sql = duckdb_canon.checksum_sql("(SELECT '-nan'::DOUBLE AS c) AS odd", [("c", Canon("float"), "DOUBLE")])
    assert answered(ask_duckdb(sql)) == expected


def test_zero_dates_print_as_they_are_stored(ask_mariadb: Ask) -> None:
    """They compare as equal to nothing that Arrow could hold."""
    ask_mariadb("SET sql_mode = ''")
    ask_mariadb("CREATE TABLE zero (d date, t datetime(3))")
    ask_mariadb("INSERT INTO zero VALUES ('0000-00-00', '2024-02-00 00:00:00.5')")
    columns = [("d", Canon("date"), "date"), ("t", Canon("timestamp", 3), "datetime(3)")]
    sql = mysql_canon.checksum_sql("zero", columns)
    row = sql[sql.index("sha2(") + 5 : sql.index(", 256)")]
    assert ask_mariadb(f"SELECT {row} FROM zero") == [("0000-00-00|2024-02-00 00:00:00.500",)]
    assert answered(ask_mariadb(sql)).count == 1


@pytest.mark.parametrize(
    ("native", "form", "size", "times"),
    [("longtext", "text", 9_000_000, 2), ("longtext", "text", 16_777_210, 1), ("longblob", "binary", 9_000_000, 1)],
)
def test_a_row_that_the_server_cannot_hash_is_counted(
    native: str, form: str, size: int, times: int, ask_mariadb: Ask
) -> None:
    """MariaDB gives NULL, and a warning nobody reads, for a text above max_allowed_packet, be it a row's or a field's.

    A field that is NULL is neither `~` nor skipped: it would be equal to any other that is as long.
    """
    ask_mariadb(f"CREATE OR REPLACE TABLE large (c {native})")
    ask_mariadb(f"INSERT INTO large VALUES ('a'), (NULL), (repeat('a', {size}))")
    columns = [("c", Canon(form), native)] * times
    for sql in (mysql_canon.checksum_sql("large", columns), mysql_canon.checksum_sql("large", columns, utf8=True)):
        count, _, _, without = ask_mariadb(sql)[0]
        assert (count, without) == (3, 1)


def test_parallel_sums_in_postgresql(ask_postgresql: Ask) -> None:
    """The fences that keep SHA-256 from being computed twice must not cost the parallel plan."""
    ask_postgresql("CREATE TABLE long (a integer, b character(3), c timestamptz)")
    ask_postgresql("INSERT INTO long SELECT n, 'x', now() FROM generate_series(1, 10000) AS n")
    ask_postgresql("ANALYZE long")
    ask_postgresql("SET max_parallel_workers_per_gather = 2")
    for setting in ("min_parallel_table_scan_size", "parallel_setup_cost", "parallel_tuple_cost"):
        ask_postgresql(f"SET {setting} = 0")
    columns = [("a", Canon("integer"), "integer"), ("b", Canon("padded"), "character(3)"),
               ("c", Canon("instant", 6), ZONED)]  # fmt: skip
    plan = "\n".join(row[0] for row in ask_postgresql("EXPLAIN VERBOSE " + RENDER["postgresql"]("long", columns)))
    assert "Partial Aggregate" in plan
    below = plan[plan.index("Subquery Scan") :].splitlines()[1]
    assert below.count("sha256") == 1
