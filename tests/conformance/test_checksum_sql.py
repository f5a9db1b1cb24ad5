"""One checksum everywhere: each type's edge values give the same sum in Arrow, in plain Python and in
the SQL of every engine that can hold them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import duckdb
import psycopg
import pyarrow as pa
import pytest
from plain_checksum import day, moment, plain_sum, text

from ropeway.transfer.canonical import Canon
from ropeway.transfer.engines import duckdb_canon
from ropeway.transfer.engines.mysql import canon as mysql_canon
from ropeway.transfer.engines.postgresql import canon as postgresql_canon
from ropeway.transfer.errors import RequestError
from ropeway.verify.checksum import Sum, of_batch

if TYPE_CHECKING:
    from servers import Mariadb, Postgresql

D = Decimal
Columns = Sequence[tuple[str, Canon, str]]


@dataclass(frozen=True)
class Case:
    """Values of one form, and the native types that hold them; an engine without one cannot.

    `past` are values for the engines named there only: infinities of dates have no Arrow value, and not
    every engine reaches the far ends.
    """

    canon: Canon
    arrow: pa.DataType
    values: Sequence[Any]
    postgresql: str = ""
    duckdb: str = ""
    mariadb: str = ""
    past: dict[str, Sequence[Any]] = field(default_factory=dict)

    def values_for(self, engine: str) -> list[Any]:
        return [*self.values, *self.past.get(engine, ()), None, self.values[0]]


MICRO = (0, 1, -1, 1_709_211_600_120_000, 1_709_211_600_123_456, 951_825_600_000_000, -2_208_988_800_000_000)
EARLY = (-62_135_596_800_000_000, 253_402_300_799_999_999)  # the first and the last moment of 0001 to 9999
FAR = (253_402_300_800_000_000, -62_135_596_800_000_001, -63_517_824_000_000_000, 8_000_000_000_000_000_000)
MARIADB_RANGE = (-30_609_792_000_000_000, 253_402_300_799_999_999)  # years 1000 to 9999
STRINGS = ("", "a", "~", "|", "2:ab", "a|b", " a ", "ab  ", "tab\t", "é", "e\u0301", "𝄞", "\\", "'\"", "\n", "a" * 300)
OCTETS = (b"", b"\0", b"\xff\xab", bytes(range(256)))
SMALL = (D("0.00"), D("-0.01"), D("1.50"), D("9999999999999.99"), D("-9999999999999.99"))
IDS = ("6f9619ff-8b86-d011-b42d-00c04fc964ff", "00000000-0000-0000-0000-000000000000")
DOUBLES = (0.0, -0.0, 0.1 + 0.2, 1e20, -1e-5, 5e-324, 1.7976931348623157e308, 123456789.0)
ODD = (float("nan"), float("inf"), float("-inf"))
SINGLES = (0.0, -0.0, 0.5, 16777216.0, 0.10000000149011612, -3.4028234663852886e38)
ZONED, LOCAL = "timestamp with time zone", "timestamp without time zone"

CASES = {
    "smallint": Case(Canon("integer"), pa.int16(), (0, -(2**15), 2**15 - 1), "smallint", "SMALLINT", "smallint(6)"),
    "bigint": Case(Canon("integer"), pa.int64(), (1, -(2**63), 2**63 - 1), "bigint", "BIGINT", "bigint(20)"),
    "unsigned": Case(
        Canon("integer"), pa.uint64(), (0, 2**63, 2**64 - 1), "numeric(20,0)", "UBIGINT", "bigint(20) unsigned"
    ),
    "widened": Case(Canon("integer"), pa.int32(), (0, -7), "numeric(12,2)", "DECIMAL(12,2)", "decimal(12,2)"),
    "zerofill": Case(Canon("integer"), pa.int32(), (0, 7), "bigint", "HUGEINT", "int(8) unsigned zerofill"),
    "integer of boolean": Case(Canon("integer"), pa.int8(), (0, 1), "boolean", "BOOLEAN", "bit(1)"),
    "decimal": Case(
        Canon("decimal", 2), pa.decimal128(15, 2), SMALL, "numeric(15,2)", "DECIMAL(15,2)", "decimal(15,2)"
    ),
    "fraction": Case(
        Canon("decimal", 3), pa.decimal128(3, 3), (D("0.5"), D("-0.001"), D(0)), "numeric(3,3)", "DECIMAL(3,3)",
        "decimal(3,3)",
    ),
    "decimal in a finer column": Case(
        Canon("decimal", 2), pa.decimal128(19, 6), (*SMALL, D("0.001"), D("-1.000001"), D("100")), "numeric(19,6)",
        "DECIMAL(19,6)", "decimal(19,6)",
    ),
    "decimal in a coarser column": Case(
        Canon("decimal", 2), pa.decimal128(15, 1), (D("1.5"), D("-0.1"), D(100)), "numeric(15,1)", "DECIMAL(15,1)",
        "decimal(15,1)",
    ),
    "decimal in an integer": Case(Canon("decimal", 2), pa.int64(), (0, -12), "integer", "INTEGER", "int(11)"),
    "decimal in a bare numeric": Case(Canon("decimal", 2), pa.decimal128(15, 2), (*SMALL, D("100")), "numeric"),
    "money": Case(Canon("decimal", 2), pa.decimal128(15, 2), SMALL, "money"),
    "wide decimal": Case(
        Canon("decimal", 10), pa.decimal128(38, 10), (D("0.0000000001"), D("-9" * 1 + "9" * 27 + ".9999999999"), D(0)),
        "numeric(38,10)", "DECIMAL(38,10)", "decimal(38,10)",
    ),
    "widest decimal": Case(
        Canon("decimal", 30), pa.decimal256(65, 30), (D("1E-30"), D("-" + "9" * 35 + ".5"), D(0)), "numeric(65,30)",
        mariadb="decimal(65,30)",
    ),
    "number": Case(
        Canon("number"), pa.decimal128(20, 5), (D("1.50000"), D("100.00000"), D("-0.00001"), D(0)), "numeric",
        "DECIMAL(20,5)", "decimal(20,5)",
    ),
    "boolean": Case(Canon("boolean"), pa.bool_(), (True, False), "boolean", "BOOLEAN", "tinyint(1)"),
    "boolean in a number": Case(Canon("boolean"), pa.int8(), (1, 0, 2), "smallint", "TINYINT", "tinyint(4)"),
    "double": Case(
        Canon("float"), pa.float64(), DOUBLES, "double precision", "DOUBLE", "double",
        {"postgresql": ODD, "duckdb": ODD},
    ),
    "single": Case(
        Canon("float"), pa.float32(), SINGLES, "real", "FLOAT", "float", {"postgresql": ODD, "duckdb": ODD}
    ),
    "float in an integer": Case(Canon("float"), pa.int32(), (0, -12, 2**31 - 1), "integer", "INTEGER", "int(11)"),
    "date": Case(
        Canon("date"), pa.date32(), (0, 19_782, -719_162 + 400_000, 2_932_896), "date", "DATE", "date",
        {"postgresql": (-719_163, -800_000, 2_932_897), "duckdb": (-719_162, -719_163, -800_000, 2_932_897)},
    ),
    "date in a timestamp": Case(
        Canon("date"), pa.timestamp("us"), (0, 86_400_000_000, 1_709_211_600_000_000), LOCAL, "TIMESTAMP",
        "datetime", {"postgresql": (*FAR, 1), "duckdb": (*FAR, 1)},
    ),
    "timestamp": Case(
        Canon("timestamp", 6), pa.timestamp("us"), MICRO, LOCAL, "TIMESTAMP", "datetime(6)",
        {"postgresql": (*EARLY, *FAR), "duckdb": (*EARLY, *FAR), "mariadb": MARIADB_RANGE},
    ),
    "timestamp of milliseconds": Case(
        Canon("timestamp", 3), pa.timestamp("us"), (0, 120_000, -1000), "timestamp(3) without time zone",
        "TIMESTAMP_MS", "datetime(3)",
    ),
    "timestamp in a finer column": Case(
        Canon("timestamp", 3), pa.timestamp("us"), (*MICRO, 123_400), LOCAL, "TIMESTAMP", "datetime(6)",
        {"postgresql": (*FAR, FAR[0] + 1), "duckdb": (*FAR, FAR[0] + 1)},
    ),
    "timestamp in a coarser column": Case(
        Canon("timestamp", 6), pa.timestamp("us"), (0, 86_399_000_000), "timestamp(0) without time zone",
        "TIMESTAMP_S", "datetime",
    ),
    "timestamp of seconds": Case(
        Canon("timestamp", 0), pa.timestamp("us"), MICRO, LOCAL, "TIMESTAMP", "datetime(6)",
        {"postgresql": (*EARLY, *FAR), "duckdb": (*EARLY, *FAR)},
    ),
    "timestamp in a date": Case(
        Canon("timestamp", 0), pa.timestamp("us"), (0, 86_400_000_000 * 19_782), "date", "DATE", "date"
    ),
    "timestamp of nanoseconds": Case(
        Canon("timestamp", 9), pa.timestamp("ns"), (0, 123_456_789, -1, 1_000, 100), duckdb="TIMESTAMP_NS"
    ),
    "timestamp of 100 nanoseconds": Case(
        Canon("timestamp", 7), pa.timestamp("ns"), (0, 123_456_700, 500_000_000, 1), duckdb="TIMESTAMP_NS"
    ),
    "instant": Case(
        Canon("instant", 6), pa.timestamp("us", tz="UTC"), (1, *MICRO[3:6], 1_720_000_000_500_000), ZONED,
        "TIMESTAMP WITH TIME ZONE", "timestamp(6)", {"postgresql": (*EARLY, *FAR), "duckdb": (*EARLY, *FAR)},
    ),
    "instant in a local column": Case(
        Canon("instant", 6), pa.timestamp("us"), MICRO, LOCAL, "TIMESTAMP", "datetime(6)"
    ),
    "time": Case(
        Canon("time", 6), pa.time64("us"), (0, 1, 500_000, 86_399_999_999, 45_296_120_000), "time without time zone",
        "TIME", "time(6)", {"postgresql": (86_400_000_000,), "duckdb": (86_400_000_000,)},
    ),
    "time of seconds": Case(
        Canon("time", 0), pa.time64("us"), (0, 500_000, 86_399_000_000), "time without time zone", "TIME", "time(6)"
    ),
    "time of milliseconds": Case(
        Canon("time", 3), pa.time64("us"), (0, 500_000, 86_399_000_000), "time(3) without time zone", "TIME",
        "time(3)",
    ),
    "long time": Case(Canon("time", 6), pa.duration("us"), (-1, -3_020_399_000_000, 90_061_000_001), mariadb="time(6)"),
    "duration": Case(
        Canon("duration"), pa.duration("us"), (0, -1, 86_400_000_000, 90_061_000_001, -2_592_000_000_000), "interval",
        "INTERVAL", "time(6)", {"postgresql": (10**17 + 1,), "duckdb": (10**17 + 1,)},
    ),
    "duration in an integer": Case(Canon("duration"), pa.int64(), (0, -1, 10**15), "bigint", "BIGINT", "bigint(20)"),
    "text": Case(Canon("text"), pa.string(), STRINGS, "text", "VARCHAR", "text", {"duckdb": ("a\0b",), "mariadb": ("a\0b",)}),
    "varchar": Case(Canon("text"), pa.string(), STRINGS, "character varying(300)", "VARCHAR", "varchar(300)"),
    "latin1": Case(Canon("text"), pa.string(), ("é", "ab", "ÿ"), mariadb="varchar(9) character set latin1"),
    "padded": Case(Canon("padded"), pa.string(), ("", "a", "é  ", "a\t ", " b"), "character(5)", "VARCHAR", "char(5)"),
    "padded in a varchar": Case(
        Canon("padded"), pa.string(), ("", "a", "é  ", "a\t ", " b"), "character varying(5)", "VARCHAR", "varchar(5)"
    ),
    "json": Case(Canon("text"), pa.string(), ('{"a": 1.0}', "[]"), "json", "JSON", "longtext"),
    "enum": Case(
        Canon("text"), pa.string(), ("a(b", "é"), duckdb="ENUM('a(b', 'é')", mariadb="enum('a(b','é')"
    ),
    "binary": Case(Canon("binary"), pa.binary(), OCTETS, "bytea", "BLOB", "varbinary(300)"),
    "padded binary": Case(Canon("binary"), pa.binary(), (b"ab\0\0", b"\0\0\0\0"), "bytea", "BLOB", "binary(4)"),
    "uuid": Case(Canon("uuid"), pa.string(), IDS, "uuid", "UUID", "uuid"),
    "uuid in a text": Case(
        Canon("uuid"), pa.string(), (*IDS, IDS[0].upper(), "|" * 36, "", "G" * 36, "a" * 35 + "\n", "é" * 18), "text",
        "VARCHAR", "varchar(36)",
    ),
}  # fmt: skip


def arrow_sum(case: Case, values: Sequence[Any]) -> Sum:
    days = pa.types.is_date32(case.arrow)
    moved = days or pa.types.is_temporal(case.arrow)
    stored = pa.int32() if days else pa.int64() if moved else case.arrow
    array = pa.array(values, stored)
    return of_batch(pa.record_batch([array.view(case.arrow) if moved else array], ["c"]), [case.canon])


def literal(case: Case, engine: str, value: Any) -> str:
    """A value as an SQL literal, or as what the engine makes one of."""
    if value is None:
        return "NULL"
    kind = case.arrow
    if pa.types.is_string(kind) or pa.types.is_binary(kind):
        return of_octets(engine, value)
    if pa.types.is_floating(kind):
        return f"'{value!r}'" if engine == "duckdb" or "n" in repr(value) else repr(value)
    if pa.types.is_duration(kind):
        return of_microseconds(case, engine, value)
    if pa.types.is_boolean(kind) or "bool" in getattr(case, engine).lower():
        return ("false", "true")[value]
    if pa.types.is_time(kind):
        return f"'{text(value, Canon('time', 6))}'"
    if pa.types.is_temporal(kind):
        shown = day(value) if pa.types.is_date32(kind) else moment(value, 9 if kind.unit == "ns" else 6)
        zone = "+00" if getattr(case, engine) in (ZONED, "TIMESTAMP WITH TIME ZONE") else ""
        if shown.endswith(" BC"):
            label, *clock = shown.removesuffix(" BC").split(" ")
            shown = " ".join([label, "(BC)", *clock]) + zone if engine == "duckdb" else f"{shown[:-3]}{zone} BC"
        else:
            shown += zone
        return f"'{shown}'"
    return str(value)


def of_octets(engine: str, value: Any) -> str:
    octets = value.encode() if isinstance(value, str) else value
    if isinstance(value, str):
        return {
            "postgresql": f"convert_from('\\x{octets.hex()}'::bytea, 'UTF8')",
            "duckdb": f"decode(unhex('{octets.hex()}'))",
            "mariadb": f"convert(X'{octets.hex()}' USING utf8mb4)",
        }[engine]
    return {"postgresql": f"'\\x{octets.hex()}'", "duckdb": f"unhex('{octets.hex()}')"}.get(engine, f"X'{octets.hex()}'")


def of_microseconds(case: Case, engine: str, value: int) -> str:
    if engine == "mariadb":
        return f"'{text(value, Canon('time', 6))}'"
    seconds, rest = divmod(abs(value), 1_000_000)
    sign = "-" if value < 0 else ""
    if engine == "postgresql":
        return f"'{sign}{seconds} seconds {sign}{rest} microseconds'"
    return f"to_microseconds({value})"


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
    expected = plain_sum([(value,) for value in values], [case.canon])
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
    expected = plain_sum(rows, [case.canon for case in held])
    assert answered(ask(RENDER[name]("wide", columns))) == expected
    below = f"c{natives.index(held[1].__getattribute__(name))} < 0"
    kept = [row for row in rows if row[1] is not None and row[1] < 0]
    assert answered(ask(RENDER[name]("wide", columns, below))) == plain_sum(kept, [case.canon for case in held])


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
    import hashlib

    words = hashlib.sha256(shown.encode()).digest()
    expected = Sum(1, int.from_bytes(words[:8], "big"), int.from_bytes(words[8:16], "big"))
    form = {"date": "date", "timestamp": "timestamp", "timestamptz": "instant"}[native]
    for digits in (0, 6):
        for name, ask in (("postgresql", ask_postgresql), ("duckdb", ask_duckdb)):
            known = "TIMESTAMP WITH TIME ZONE" if (native, name) == ("timestamptz", "duckdb") else native
            columns = [("c", Canon(form, digits), known)]
            sql = RENDER[name](f"(SELECT '{given}'::{native} AS c) AS one", columns)
            assert answered(ask(sql)) == expected


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


def test_a_row_that_the_server_cannot_hash_is_counted(ask_mariadb: Ask) -> None:
    """MariaDB gives NULL, and a warning nobody reads, for a text above max_allowed_packet."""
    ask_mariadb("CREATE TABLE large (c longtext)")
    ask_mariadb("INSERT INTO large VALUES ('a'), (repeat('a', 9000000))")
    sql = mysql_canon.checksum_sql("large", [("c", Canon("text"), "longtext"), ("c", Canon("text"), "longtext")])
    count, _, _, without = ask_mariadb(sql)[0]
    assert (count, without) == (2, 1)


def test_parallel_sums_in_postgresql(ask_postgresql: Ask) -> None:
    """The fences that keep SHA-256 from being computed twice must not cost the parallel plan."""
    ask_postgresql("CREATE TABLE long (a integer, b character(3), c timestamptz)")
    ask_postgresql("INSERT INTO long SELECT n, 'x', now() FROM generate_series(1, 10000) AS n")
    ask_postgresql("ANALYZE long")
    for setting in ("min_parallel_table_scan_size", "parallel_setup_cost", "parallel_tuple_cost"):
        ask_postgresql(f"SET {setting} = 0")
    columns = [("a", Canon("integer"), "integer"), ("b", Canon("padded"), "character(3)"),
               ("c", Canon("instant", 6), ZONED)]  # fmt: skip
    plan = "\n".join(row[0] for row in ask_postgresql("EXPLAIN VERBOSE " + RENDER["postgresql"]("long", columns)))
    assert "Partial Aggregate" in plan
    assert plan.count("sha256") == 1
