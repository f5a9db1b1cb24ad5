"""PostgreSQL's data path: what COPY was sent is what the server says it holds, and what was read is what it held."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from decimal import Decimal
from typing import Any

import psycopg
import pyarrow as pa
import pytest

from ropeway.transfer.engines.postgresql.copy import cancel_reader, close_reader, load, open_reader, read
from ropeway.transfer.engines.postgresql.decode import projection
from ropeway.transfer.engines.postgresql.raw import load_raw, read_raw
from ropeway.transfer.errors import DataError, EngineError, RequestError
from servers import Postgresql

DAY = 86_400_000_000
Connection = psycopg.Connection[Any]
PATIENCE_S = 15
PINS = (
    f"SET statement_timeout = '{2 * PATIENCE_S}s'",
    "SET timezone = 'UTC'",
    "SET datestyle = 'ISO, YMD'",
    "SET intervalstyle = 'postgres'",
)
NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def url(postgresql: Postgresql) -> str:
    """A database of our own, with a type of its own."""
    made = postgresql.database()
    with psycopg.connect(made) as connection:
        connection.execute("CREATE TYPE mood AS ENUM ('sad', 'it''s \\fine')")
    return made


@pytest.fixture
def connection(url: str) -> Iterator[Connection]:
    with closing(psycopg.connect(url)) as made:
        for pin in PINS:
            made.execute(pin.encode())
        made.commit()
        yield made


@pytest.fixture
def reader(url: str) -> Iterator[Any]:
    made = open_reader(url, PINS)
    yield made
    close_reader(made)


def create(connection: Connection, *columns: str) -> str:
    name = f'"t {next(NUMBERS)}"'
    connection.execute(f"CREATE TABLE {name} ({', '.join(columns)})".encode())
    connection.commit()
    return name


def ask(connection: Connection, sql: str) -> list[tuple[Any, ...]]:
    return connection.execute(sql.encode()).fetchall()


def put(connection: Connection, table: str, natives: Sequence[str], *batches: pa.RecordBatch) -> int:
    columns = [f'"{name}"' for name in batches[0].schema.names]
    return load(connection, table, columns, batches[0].schema, natives, batches)


def of(arrow: pa.DataType, values: Sequence[object]) -> Any:
    """An array; times may be given as counts, because Python's own end at the years 1 and 9999."""
    if pa.types.is_date32(arrow):
        return pa.array(values, pa.int32()).view(arrow)
    if pa.types.is_temporal(arrow):
        return pa.array(values, pa.int64()).view(arrow)
    return pa.array(values, arrow)


US, UTC, NS = pa.timestamp("us"), pa.timestamp("us", "UTC"), pa.timestamp("ns")
TEXTS = ["", " ", "\t", "\n", "\r\n", "\\", "\\.", "\\N", "\\\\N", "a\tb\nc\\d\re", '"', "'", "NULL", "\b\v\f\x01\x7f",
         "é", "😀 \u200d\ufeff", "x" * 100_000]  # fmt: skip
HUGE = 10**75 + 7

# native type, Arrow type, and for each value what the server must print for it
CASES: list[tuple[str, pa.DataType, list[tuple[object, str]]]] = [
    ("boolean", pa.bool_(), [(True, "true"), (False, "false")]),
    ("boolean", pa.int8(), [(1, "true"), (0, "false")]),
    ("smallint", pa.bool_(), [(True, "1"), (False, "0")]),
    ("smallint", pa.int8(), [(-128, "-128"), (127, "127")]),
    ("smallint", pa.uint8(), [(0, "0"), (255, "255")]),
    ("smallint", pa.int16(), [(-32768, "-32768"), (32767, "32767")]),
    ("integer", pa.uint16(), [(65535, "65535")]),
    ("integer", pa.int32(), [(-(2**31), "-2147483648"), (2**31 - 1, "2147483647")]),
    ("bigint", pa.uint32(), [(2**32 - 1, "4294967295")]),
    ("bigint", pa.int64(), [(-(2**63), str(-(2**63))), (2**63 - 1, str(2**63 - 1))]),
    ("bigint", pa.decimal128(20, 2), [(Decimal("-42.00"), "-42")]),
    ("numeric(20,0)", pa.uint64(), [(2**64 - 1, str(2**64 - 1)), (0, "0"), (10_000, "10000")]),
    ("numeric(30,2)", pa.int64(), [(-(2**63), f"{-(2**63)}.00"), (7, "7.00")]),
    ("numeric", pa.int16(), [(-32768, "-32768")]),
    ("real", pa.float32(), [(1.5, "1.5"), (float("nan"), "NaN"), (float("-inf"), "-Infinity"), (-0.0, "-0"),
                            (1.1754943508222875e-38, "1.1754944e-38")]),
    ("real", pa.float64(), [(0.25, "0.25"), (float("nan"), "NaN"), (float("inf"), "Infinity")]),
    ("double precision", pa.float64(), [(0.1, "0.1"), (5e-324, "5e-324"), (float("nan"), "NaN"),
                                        (1.7976931348623157e308, "1.7976931348623157e+308"),
                                         (float("inf"), "Infinity"), (-0.0, "-0")]),
    ("double precision", pa.int32(), [(-5, "-5")]),
    ("numeric(15,2)", pa.decimal128(15, 2), [(Decimal("-9999999999999.99"), "-9999999999999.99"),
                                             (Decimal("0.10"), "0.10"), (Decimal(0), "0.00"),
                                             (Decimal(10_000), "10000.00")]),
    # apache/arrow-adbc#4507 and #3485: written as other numbers by drivers before their 1.13
    ("numeric(16,6)", pa.decimal128(16, 6), [(Decimal("5000000000.000001"), "5000000000.000001"),
                                             (Decimal("44.123456"), "44.123456")]),
    ("numeric", pa.decimal128(16, 6), [(Decimal("5000000000.000001"), "5000000000.000001"),
                                       (Decimal("1.5"), "1.500000")]),
    ("numeric(38,38)", pa.decimal128(38, 38), [(Decimal("-0." + "9" * 38), "-0." + "9" * 38)]),
    ("numeric(38,0)", pa.decimal128(38, 0), [(Decimal("9" * 38), "9" * 38), (Decimal(2**64), str(2**64))]),
    ("numeric(10,2)", pa.decimal128(10, 4), [(Decimal("1.5000"), "1.50")]),
    ("numeric", pa.decimal128(5, -2), [(Decimal(1234500), "1234500"), (Decimal(-100), "-100")]),
    ("numeric(76,0)", pa.decimal256(76, 0), [(Decimal(n), str(n)) for n in (HUGE, -HUGE, 3)]),
    ("numeric(60,7)", pa.decimal256(60, 7), [(Decimal("-0.0000001"), "-0.0000001")]),
    ("text", pa.string(), [(text, text) for text in TEXTS]),
    ("character varying(9)", pa.string(), [("ééééééééé", "ééééééééé"), ("ends in  ", "ends in  ")]),
    ("character(4)", pa.string(), [("ab", "ab"), ("éé  ", "éé"), ("x     ", "x")]),
    ("name", pa.string(), [("a\\b", "a\\b")]),
    ("bytea", pa.binary(), [(bytes(range(256)), "\\x" + bytes(range(256)).hex()), (b"", "\\x"),
                            (b"\xff\0", "\\xff00")]),
    ("date", pa.date32(), [(0, "1970-01-01"), (-719_162, "0001-01-01"), (-719_163, "0001-12-31 BC"),
                           (-2_440_588, "4714-11-24 BC"), (2_932_897, "10000-01-01"),
                           (2_145_042_905, "5874897-12-31")]),
    ("time without time zone", pa.time64("us"), [(0, "00:00:00"), (DAY - 1, "23:59:59.999999"), (DAY, "24:00:00")]),
    ("time(3) without time zone", pa.time64("us"), [(1000, "00:00:00.001")]),
    ("timestamp without time zone", US, [(0, "1970-01-01 00:00:00"), (-1, "1969-12-31 23:59:59.999999"),
                                         (-719_163 * DAY + 1, "0001-12-31 00:00:00.000001 BC"),
                                         (-2_440_588 * DAY, "4714-11-24 00:00:00 BC"),
                                         (2**63 - 1, "294247-01-10 04:00:54.775807")]),
    ("timestamp(0) without time zone", US, [(1_000_000, "1970-01-01 00:00:01")]),
    ("timestamp without time zone", NS, [(-1000, "1969-12-31 23:59:59.999999")]),
    ("timestamp without time zone", pa.date32(), [(-1, "1969-12-31 00:00:00")]),
    ("timestamp with time zone", UTC, [(1, "1970-01-01 00:00:00.000001+00"),
                                      (-2_440_588 * DAY, "4714-11-24 00:00:00+00 BC")]),
    ("timestamp with time zone", pa.timestamp("ns", "UTC"), [(10**9, "1970-01-01 00:00:01+00")]),
    ("interval", pa.duration("us"), [(0, "00:00:00"), (-1, "-00:00:00.000001"), (90_000_000_001, "25:00:00.000001"),
                                     (2**63 - 1, "2562047788:00:54.775807"), (-(2**63), "-2562047788:00:54.775808")]),
    ("interval day to second(3)", pa.duration("us"), [(1000, "00:00:00.001")]),
    ("uuid", pa.string(), [(f"{n:08x}-0000-0000-0000-{n:012X}", f"{n:08x}-0000-0000-0000-{n:012x}")
                           for n in range(9, 12)]),
    ("uuid", pa.string(), [("00112233-4455-6677-8899-aabbccddeeff", "00112233-4455-6677-8899-aabbccddeeff"),
                           ("{FFEEDDCC-BBAA-9988-7766-554433221100}", "ffeeddcc-bbaa-9988-7766-554433221100"),
                           ("00112233445566778899aabbccddeeff", "00112233-4455-6677-8899-aabbccddeeff")]),
    ("json", pa.string(), [('{"b": 1,\t"a":\n"\\\\"}', '{"b": 1,\t"a":\n"\\\\"}'), ("null", "null")]),
    ("jsonb", pa.string(), [('{"b":1, "a":"\\t😀"}', '{"a": "\\t😀", "b": 1}'), ("1e3", "1000")]),
    # what the binary form does not know, and numbers with more digits than Arrow's
    ("numeric(90,2)", pa.string(), [("1" * 80 + ".50", "1" * 80 + ".50"), ("NaN", "NaN"), ("-.5", "-0.50")]),
    ("numeric", pa.string(), [("1" * 200, "1" * 200), ("-Infinity", "-Infinity")]),
    ("interval", pa.string(), [("1 mon -2 days 00:00:03", "1 mon -2 days +00:00:03")]),
    ("inet", pa.string(), [("10.0.0.1/8", "10.0.0.1/8"), ("::1", "::1/128")]),
    ("integer[]", pa.string(), [("{{1,2},{3,NULL}}", "{{1,2},{3,NULL}}"), ("[0:1]={1,2}", "[0:1]={1,2}")]),
    ("text[]", pa.string(), [('{"a\\\\b","\t",NULL,""}', '{"a\\\\b","\t",NULL,""}')]),
    ("bit(3)", pa.string(), [("011", "011")]),
    ("tstzrange", pa.string(), [('["2020-01-01 00:00:00+00",)', '["2020-01-01 00:00:00+00",)')]),
    ("mood", pa.string(), [("it's \\fine", "it's \\fine")]),
    ('"char"', pa.string(), [("x", "x")]),
    ("oid", pa.int64(), [(2**32 - 1, "4294967295")]),
]  # fmt: skip
# What comes back otherwise than it went: padded, or in the server's own spelling.
RESPELT = {"character(4)", "jsonb", "interval", "numeric(90,2)", "uuid", "inet"}


def name_of(case: object) -> str | None:
    return str(case) if isinstance(case, str | pa.DataType) else None


@pytest.mark.parametrize("form", ["binary", "text"])
@pytest.mark.parametrize(("native", "arrow", "values"), CASES, ids=name_of)
def test_the_server_holds_what_was_sent(
    connection: Connection, native: str, arrow: pa.DataType, values: list[tuple[object, str]], form: str
) -> None:
    table = create(connection, "n int", f"a {native}", f"b {native}", "other inet")
    given = of(arrow, [values[0][0], None, *(value for value, _ in values), None]).slice(1)  # an offset, and NULLs
    turned = [values[n % len(values)] for n in range(len(given))]
    whole = of(arrow, [value for value, _ in turned])
    names, columns = ["n", "a", "b"], [pa.array(range(len(given)), pa.int32()), given, whole]
    natives = ["integer", native, native]
    if form == "text":
        names, columns, natives = [*names, "other"], [*columns, pa.nulls(len(given), pa.string())], [*natives, "inet"]
    batch = pa.RecordBatch.from_arrays(columns, names=names)

    # Sliced again, so that every buffer starts in its middle, a bit within a byte too.
    assert put(connection, table, natives, batch.slice(0, 1), batch.slice(1, 2), batch.slice(3)) == len(given)

    printed = ask(connection, f"SELECT a::text, b::text FROM {table} ORDER BY n")
    assert printed == list(zip([None, *(text for _, text in values), None], (text for _, text in turned), strict=True))


def readable(case: tuple[str, pa.DataType, Any]) -> bool:
    try:
        projection(case[0], "c", case[1])
    except RequestError:
        return False
    return True


READABLE = [case for case in CASES if readable(case)]


@pytest.mark.parametrize(("native", "arrow", "values"), READABLE, ids=name_of)
def test_what_is_read_is_what_was_sent(
    connection: Connection, reader: Any, native: str, arrow: pa.DataType, values: list[tuple[object, str]]
) -> None:
    kept = [pair for pair in values if not (pa.types.is_time(arrow) and pair[0] == DAY)]
    table = create(connection, f"a {native}")
    given = of(arrow, [None, *(value for value, _ in kept), None])
    put(connection, table, [native], pa.RecordBatch.from_arrays([given], names=["a"]))
    connection.commit()

    asked = pa.schema([("a", arrow)])
    (batch,) = read(reader, f"SELECT {projection(native, 'a', arrow)} FROM {table}", asked)

    assert batch.schema == asked
    batch.validate(full=True)
    expected = given
    if native in RESPELT and pa.types.is_string(arrow):
        texts = [text.ljust(4) if native == "character(4)" else text for _, text in kept]
        expected = pa.array([None, *texts, None])
    assert repr(batch.column(0).to_pylist() if not pa.types.is_temporal(arrow) else batch.column(0).view(
        pa.int32() if pa.types.is_date32(arrow) else pa.int64()).to_pylist()) == repr(
        expected.to_pylist() if not pa.types.is_temporal(arrow) else expected.view(
            pa.int32() if pa.types.is_date32(arrow) else pa.int64()).to_pylist())  # fmt: skip


def test_most_types_can_be_read() -> None:
    assert {native for native, _, _ in CASES} - {native for native, _, _ in READABLE} == set()


@pytest.mark.parametrize("precision", [1, 4, 5, 9, 18, 19, 20, 37, 38, 39, 57, 76])
def test_decimals_of_every_scale(connection: Connection, reader: Any, precision: int) -> None:
    chance = random.Random(precision)
    make = pa.decimal128 if precision <= 38 else pa.decimal256
    for scale in {0, 1, 2, 3, 4, 5, 6, 7, 8, precision // 2, precision - 1, precision} - {*range(precision + 1, 9)}:
        whole = [chance.randrange(10 ** chance.randint(1, precision)) for _ in range(60)]
        whole += [0, 1, 10**precision - 1, 10 ** (precision - 1), *(10**n for n in range(precision))]
        numbers = [Decimal(f"{chance.choice('+-')}{n}E-{scale}") for n in whole]
        native, arrow = f"numeric({precision},{scale})", make(precision, scale)
        table = create(connection, "n int", f"a {native}", "b numeric")
        given = pa.array([None, *numbers, None], arrow).slice(1)
        batch = pa.RecordBatch.from_arrays(
            [pa.array(range(len(given)), pa.int32()), given, given], names=["n", "a", "b"]
        )
        put(connection, table, ["integer", native, "numeric"], batch)
        stored = ask(connection, f"SELECT a, b FROM {table} ORDER BY n")
        connection.commit()
        assert [(str(a), str(b)) for a, b in stored] == [(f"{x}", f"{x}") for x in
                                                         [_plain(n, scale) for n in numbers] + [None]]  # fmt: skip
        asked = pa.schema([("a", arrow)])
        (back,) = read(reader, f"SELECT a::text FROM {table} ORDER BY n", asked)
        assert back.column(0).equals(given)


def _plain(number: Decimal, scale: int) -> Decimal:
    """As psycopg makes it of the server's text: that many digits, and no minus before zero."""
    text = f"{abs(number):f}" if not number else f"{number:f}"
    return Decimal(text)


TOO_MUCH: list[tuple[str, pa.DataType, object]] = [
    ("text", pa.string(), "a\0b"),
    ("character varying", pa.string(), "\0"),
    ("json", pa.string(), '"\0"'),
    ("inet", pa.string(), "\0"),
    ("smallint", pa.int64(), 40_000),
    ("integer", pa.uint32(), 2**31),
    ("bigint", pa.uint64(), 2**63),
    ("bigint", pa.decimal128(10, 2), Decimal("1.50")),
    ("boolean", pa.int8(), 2),
    ("boolean", pa.int8(), -1),
    ("real", pa.float64(), 0.1),
    ("real", pa.float64(), 1e300),
    ("real", pa.int32(), 2**24 + 1),
    ("double precision", pa.int64(), 2**53 + 1),
    ("numeric(5,2)", pa.decimal128(6, 3), Decimal("1.005")),
    ("numeric(5,0)", pa.decimal256(60, 3), Decimal("0.001")),
    ("numeric(5,2)", pa.string(), "1.005"),
    ("character varying(3)", pa.string(), "abc "),
    ("character varying(3)", pa.string(), "éééé"),
    ("character(3)", pa.string(), "abcd"),
    ("date", pa.date32(), -2_440_589),
    ("date", pa.date32(), -2_147_472_691),  # would be -infinity, counted from 2000
    ("date", pa.date32(), -(2**31)),
    ("date", pa.date32(), 2**31 - 1),
    ("time without time zone", pa.time64("us"), DAY + 1),
    ("time without time zone", pa.time64("us"), -1),
    ("time(0) without time zone", pa.time64("us"), 1),
    ("timestamp without time zone", US, -(2**63)),
    ("timestamp without time zone", US, -2_440_588 * DAY - 1),
    ("timestamp(3) without time zone", US, 1001),
    ("timestamp with time zone", pa.timestamp("ns", "UTC"), 1),
    ("timestamp without time zone", pa.date32(), 2**31 - 1),
    ("interval(0)", pa.duration("us"), 1),
    ("interval day to second(0)", pa.string(), "1 second"),
    ("interval year to month", pa.string(), "P1Y2M3D"),
    ("interval(3)", pa.string(), "PT1.0001S"),
    ("date", pa.string(), "01/02/2003"),
    ("timestamp(3) without time zone", pa.string(), "2024-01-01 00:00:00.0001"),
    ("timestamp without time zone", pa.string(), "2024-01-01 00:00:00+02"),
    ("timestamp with time zone", pa.string(), "2024-01-01 00:00:00"),
    ("time(0) without time zone", pa.string(), "10:00:00.5"),
    ("uuid", pa.string(), "00112233-4455-6677-8899-aabbccddeefg"),
    ("uuid", pa.string(), "00112233"),
    ("uuid", pa.string(), "001122334-455-6677-8899-aabbccddeeff"),
]


@pytest.mark.parametrize("form", ["binary", "text"])
@pytest.mark.parametrize(("native", "arrow", "value"), TOO_MUCH)
def test_what_the_server_would_change_is_refused_by_name(
    connection: Connection, native: str, arrow: pa.DataType, value: object, form: str
) -> None:
    table = create(connection, f"hue {native}", "other inet")
    batch = pa.RecordBatch.from_arrays([of(arrow, [None, value])], names=["hue"])
    natives = [native]
    if form == "text":
        batch, natives = batch.append_column("other", pa.nulls(2, pa.string())), [native, "inet"]
    with pytest.raises(DataError) as caught:
        put(connection, table, natives, batch)
    assert caught.value.column == "hue"
    assert "hue" in str(caught.value)
    connection.rollback()
    assert ask(connection, f"SELECT count(*) FROM {table}") == [(0,)]


@pytest.mark.parametrize(("native", "arrow"), [
    ("timestamp with time zone", US), ("timestamp without time zone", UTC), ("numeric(9,2)", pa.float64()),
    ("numeric", pa.float64()), ("bytea", pa.string()), ("text", pa.binary()), ("integer", pa.string()),
    ("date", US), ("money", pa.string()), ("real", pa.decimal128(5, 2)), ("integer[]", pa.float64()),
    ("timestamp without time zone", pa.binary()), ("text", pa.int64()), ("inet", pa.binary()),
])  # fmt: skip
def test_pairs_of_types_that_change_values_are_refused(connection: Connection, native: str, arrow: pa.DataType) -> None:
    table = create(connection, f"hue {native}")
    with pytest.raises(RequestError) as caught:
        load(connection, table, ["hue"], pa.schema([("hue", arrow)]), [native], [])
    assert caught.value.column == "hue"
    assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE  # nothing was begun


@pytest.mark.parametrize(("native", "arrow", "value", "state"), [
    ("numeric(5,2)", pa.decimal128(9, 2), Decimal(1000), "22003"), ("inet", pa.string(), "nowhere", "22P02"),
    ("json", pa.string(), "{", "22P02"), ("name", pa.string(), "x" * 64, "42622"),
    ("integer UNIQUE", pa.int32(), 1, "23505"), ("integer CHECK (hue > 1)", pa.int32(), 1, "23514"),
    ("integer NOT NULL", pa.int32(), None, "23502"),
])  # fmt: skip
def test_errors_of_the_server_keep_their_state(
    connection: Connection, native: str, arrow: pa.DataType, value: object, state: str
) -> None:
    table = create(connection, f"hue {native}")
    batch = pa.RecordBatch.from_arrays([pa.array([value, value], arrow)], names=["hue"])
    with pytest.raises(psycopg.Error) as caught:
        put(connection, table, [native.split(" ", maxsplit=1)[0]], batch)
    assert caught.value.sqlstate == state
    assert caught.value.diag.sqlstate == state
    connection.rollback()
    assert ask(connection, f"SELECT count(*) FROM {table}") == [(0,)]


def test_rows_that_a_trigger_swallows_are_missed(connection: Connection) -> None:
    table = create(connection, "a int")
    connection.execute(
        "CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN IF NEW.a = 2 THEN RETURN NULL; END IF; RETURN NEW; END $$"
    )
    connection.execute(f"CREATE TRIGGER s BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION swallow()".encode())
    batch = pa.RecordBatch.from_arrays([pa.array([1, 2, 3], pa.int32())], names=["a"])
    with pytest.raises(EngineError, match=r"3 rows were sent .* stored 2"):
        put(connection, table, ["integer"], batch)


def test_a_session_in_another_encoding_is_refused(connection: Connection) -> None:
    table = create(connection, "a text")
    connection.execute("SET client_encoding = 'LATIN1'")
    batch = pa.RecordBatch.from_arrays([pa.array(["é"])], names=["a"])
    with pytest.raises(RequestError, match="LATIN1"):
        put(connection, table, ["text"], batch)


def test_the_text_form_needs_no_encoding_of_the_session(connection: Connection) -> None:
    table = create(connection, "a text", "b inet")
    connection.execute("SET client_encoding = 'LATIN1'")
    batch = pa.RecordBatch.from_arrays([pa.array(["é€"]), pa.nulls(1, pa.string())], names=["a", "b"])
    put(connection, table, ["text", "inet"], batch)
    assert ask(connection, f"SELECT length(a), octet_length(a::bytea) FROM {table}") == [(2, 5)]


def numbered(low: int, high: int) -> pa.RecordBatch:
    keys = pa.array(range(low, high), pa.int64())
    return pa.RecordBatch.from_arrays(
        [keys, pa.array([f"row {n}" for n in range(low, high)], pa.string())], names=["k", "v"]
    )


KEYS_AND_TEXTS: dict[str, pa.DataType] = {"k": pa.int32(), "v": pa.string()}
ROWS = pa.schema(KEYS_AND_TEXTS)
NUMBERED = (numbered(0, 0).schema, ["bigint", "text"])


@pytest.mark.parametrize("native", ["text", "citext"], ids=["binary", "text"])
def test_many_small_batches_and_empty_ones(connection: Connection, native: str) -> None:
    table = create(connection, "k bigint", "v text")
    batches = [numbered(n * 3, n * 3 + n % 4) for n in range(1000)]
    sent = load(connection, table, ["k", "v"], NUMBERED[0], ["bigint", native], iter(batches))
    assert sent == 1500
    ((count, right),) = ask(connection, f"SELECT count(*), count(*) FILTER (WHERE v = 'row ' || k) FROM {table}")
    assert (count, right) == (1500, 1500)


@pytest.mark.parametrize("native", ["text", "citext"], ids=["binary", "text"])
@pytest.mark.parametrize("batches", [[], [numbered(0, 0)]], ids=["none", "empty"])
def test_no_rows(connection: Connection, batches: list[pa.RecordBatch], native: str) -> None:
    table = create(connection, "k bigint", "v text")
    assert load(connection, table, ["k", "v"], NUMBERED[0], ["bigint", native], batches) == 0
    assert ask(connection, f"SELECT count(*) FROM {table}") == [(0,)]


def test_a_batch_of_other_types_is_refused(connection: Connection) -> None:
    table = create(connection, "k bigint", "v text")
    other = numbered(0, 3).cast(ROWS)
    with pytest.raises(RequestError, match="int32"):
        load(connection, table, ["k", "v"], *NUMBERED, [numbered(3, 5), other])


class Broken(Exception):
    pass


def breaking(pieces: Sequence[Any]) -> Iterator[Any]:
    yield from pieces
    raise Broken


def test_an_error_of_the_batches_surfaces_and_leaves_nothing(connection: Connection) -> None:
    table = create(connection, "k bigint", "v text")
    connection.execute("CREATE TEMP TABLE claimed ON COMMIT DROP AS SELECT 1")
    with pytest.raises(Broken):
        load(connection, table, ["k", "v"], *NUMBERED, breaking([numbered(0, 50_000), numbered(50_000, 100_000)]))
    assert connection.info.transaction_status == psycopg.pq.TransactionStatus.INERROR
    connection.rollback()
    assert ask(connection, f"SELECT count(*) FROM {table}") == [(0,)]
    assert load(connection, table, ["k", "v"], *NUMBERED, [numbered(0, 5)]) == 5


def test_a_load_shares_the_transaction(connection: Connection) -> None:
    table = create(connection, "k bigint", "v text")
    load(connection, table, ["k", "v"], *NUMBERED, [numbered(0, 5)])
    connection.rollback()
    assert ask(connection, f"SELECT count(*) FROM {table}") == [(0,)]


# ---------------------------------------------------------------- reading


UNREADABLE = [
    ("date", "'infinity'", pa.date32()),
    ("date", "'-infinity'", pa.date32()),
    ("timestamp", "'infinity'", US),
    ("timestamp", "'-infinity'", US),
    ("timestamp", "'294276-12-31 23:59:59'", US),
    ("timestamptz", "'infinity'", UTC),
    ("timestamptz", "'-infinity'", UTC),
    ("time", "'24:00:00'", pa.time64("us")),
    ("numeric", "'NaN'", pa.decimal128(10, 2)),
    ("numeric", "'Infinity'", pa.decimal256(60, 2)),
    ("numeric", "1.005", pa.decimal128(10, 2)),
    ("numeric", "123456", pa.decimal128(5, 0)),
    ("numeric", "-1", pa.uint64()),
    ("bigint", "128", pa.int8()),
    ("interval", "'1 month'", pa.duration("us")),
    ("interval", "'300000000 days'", pa.duration("us")),
    ("interval", "'106751991 days 24:00:00'", pa.duration("us")),
    ("timestamp", "'2500-01-01'", NS),
]


@pytest.mark.parametrize(("native", "value", "arrow"), UNREADABLE)
def test_values_that_arrow_cannot_hold_are_refused_by_name(
    reader: Any, native: str, value: str, arrow: pa.DataType
) -> None:
    sql = projection(native, f"{value}::{native}", arrow)
    with pytest.raises(DataError) as caught:
        list(read(reader, f"SELECT 1, {sql} UNION ALL SELECT 2, NULL", pa.schema([("n", pa.int32()), ("hue", arrow)])))
    assert caught.value.column == "hue"
    assert [b.num_rows for b in read(reader, "SELECT 1", pa.schema([("n", pa.int32())]))] == [1]


@pytest.mark.parametrize(("native", "value", "arrow", "expected"), [
    ("oid", "4294967295", pa.int64(), 4294967295),
    ("money", "'-12.34'", pa.decimal128(19, 2), Decimal("-12.34")),
    ("integer[]", "'{{1,2},{3,4}}'", pa.string(), "{{1,2},{3,4}}"),
    ("time with time zone", "'01:02:03+04:30'", pa.string(), "01:02:03+04:30"),
    ("bit(1)", "B'1'", pa.bool_(), True),
    ("bit varying(5)", "B'00101'", pa.string(), "00101"),
    ("numeric(20,0)", "18446744073709551615", pa.uint64(), 2**64 - 1),
    ("numeric", "'NaN'", pa.string(), "NaN"),
    ("numeric", "0.5", pa.float64(), 0.5),
    ("date", "'infinity'", pa.string(), "infinity"),
    ("integer", "7", pa.decimal128(9, 2), Decimal("7.00")),
    ("character(3)", "'a'", pa.string(), "a  "),
    ("xid8", "'18446744073709551615'", pa.uint64(), 2**64 - 1),
    ("tsvector", "'a b'", pa.string(), "'a' 'b'"),
    ("point", "'(1,2)'", pa.string(), "(1,2)"),
])  # fmt: skip
def test_projections(reader: Any, native: str, value: str, arrow: pa.DataType, expected: object) -> None:
    sql = projection(native, f"{value}::{native}", arrow)
    (batch,) = read(reader, f"SELECT {sql} UNION ALL SELECT NULL", pa.schema([("a", arrow)]))
    assert batch.column(0).to_pylist() == [expected, None]


@pytest.mark.parametrize(("native", "arrow"), [
    ("bytea", pa.string()), ("text", pa.int64()), ("double precision", pa.float32()), ("inet", pa.binary()),
    ("timestamp with time zone", US), ("date", US), ("bit(2)", pa.bool_()), ("boolean", pa.int8()),
])  # fmt: skip
def test_readings_that_change_values_are_refused(reader: Any, native: str, arrow: pa.DataType) -> None:
    with pytest.raises(RequestError):
        list(read(reader, f"SELECT {projection(native, f'NULL::{native}', arrow)}", pa.schema([("a", arrow)])))


@pytest.fixture(scope="module")
def rows(url: str) -> str:
    """A table of 100,000 rows."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE many AS SELECT g AS k, 'row ' || g AS v FROM generate_series(1, 100000) g")
    return "many"


COUNT = pa.schema([("n", pa.int64())])
BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"


def count(reader: Any, table: str) -> int:
    (batch,) = read(reader, f"SELECT count(*) FROM {table}", COUNT)
    return int(batch.column(0)[0].as_py())


def test_batches_are_bounded_in_bytes(reader: Any, rows: str) -> None:
    sizes = [(batch.nbytes, batch.num_rows) for batch in read(reader, f"SELECT * FROM {rows}", ROWS, 64 << 10)]
    assert sum(n for _, n in sizes) == 100_000
    assert max(size for size, _ in sizes) < 2 * (64 << 10)


def test_no_rows_to_read(reader: Any, rows: str) -> None:
    assert sum(batch.num_rows for batch in read(reader, f"SELECT * FROM {rows} WHERE k < 0", ROWS)) == 0


def test_a_reader_joins_a_snapshot_and_keeps_it(url: str, connection: Connection, rows: str) -> None:
    table = create(connection, "k int", "v text")
    connection.execute(f"INSERT INTO {table} SELECT * FROM {rows}".encode())
    connection.commit()
    with closing(psycopg.connect(url)) as keeper:
        keeper.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        ((snapshot,),) = ask(keeper, "SELECT pg_export_snapshot()")
        connection.execute(f"DELETE FROM {table} WHERE k % 2 = 0".encode())
        connection.commit()
        reader = open_reader(url, [*PINS, BEGIN, f"SET TRANSACTION SNAPSHOT '{snapshot}'"])
        try:
            assert count(reader, table) == 100_000

            endless = f"SELECT k, v, generate_series(1, 2000000000) FROM {table}"
            stream = read(reader, endless, pa.schema([*ROWS, ("g", pa.int32())]))
            next(stream)
            began = time.monotonic()
            stream.close()  # type: ignore[attr-defined]  # an iterator that is a generator
            assert time.monotonic() - began < PATIENCE_S  # the query was cancelled, and not read to its end
            assert count(reader, table) == 100_000

            with pytest.raises(psycopg.errors.DivisionByZero):
                list(read(reader, f"SELECT (1 / (k - 90000))::bigint FROM {table}", COUNT))
            assert count(reader, table) == 100_000

            with pytest.raises(psycopg.errors.UndefinedColumn):
                list(read(reader, f"SELECT nothing FROM {table}", COUNT))
            with pytest.raises(DataError):
                list(
                    read(
                        reader,
                        f"SELECT nullif(k, 90000) + 'infinity'::date FROM {table}",
                        pa.schema([("d", pa.date32())]),
                    )
                )
            assert count(reader, table) == 100_000
        finally:
            close_reader(reader)


def test_a_reader_can_be_closed_in_the_middle(url: str, rows: str) -> None:
    reader = open_reader(url, [BEGIN])
    stream = read(reader, f"SELECT * FROM {rows}", ROWS, 1 << 10)
    next(stream)
    close_reader(reader)
    with pytest.raises(psycopg.InterfaceError, match="closed"):
        list(stream)


def test_reading_is_cancelled_from_another_thread(url: str) -> None:
    reader = open_reader(url, [BEGIN])
    timer = threading.Timer(0.3, cancel_reader, [reader])
    try:
        timer.start()
        with pytest.raises(psycopg.errors.QueryCanceled):
            list(read(reader, "SELECT count(pg_sleep(100))", COUNT))
        cancel_reader(reader)  # nothing is read: harmless
        assert count(reader, "(SELECT 1) q") == 1
    finally:
        timer.join()
        close_reader(reader)


def test_libpq_options_pass_through(url: str) -> None:
    with pytest.raises(psycopg.OperationalError, match="SSL"):
        open_reader(f"{url}?sslmode=require")
    reader = open_reader(psycopg.conninfo.conninfo_to_dict(url), ["SET application_name = 'a b'"])
    (batch,) = read(reader, "SELECT current_setting('application_name')", pa.schema([("a", pa.string())]))
    assert batch.column(0).to_pylist() == ["a b"]
    close_reader(reader)
    with pytest.raises(psycopg.errors.UndefinedObject):
        open_reader(url, ["SET nothing_of_the_kind = 1"])


def test_text_is_read_as_utf8_whatever_the_session_was(url: str) -> None:
    reader = open_reader(f"{url}?client_encoding=LATIN1")
    (batch,) = read(reader, "SELECT 'é€'", pa.schema([("a", pa.string())]))
    assert batch.column(0).to_pylist() == ["é€"]
    close_reader(reader)


def test_a_lost_connection_is_an_operational_error(url: str, connection: Connection) -> None:
    reader = open_reader(url, [BEGIN])
    (batch,) = read(reader, "SELECT pg_backend_pid()", pa.schema([("pid", pa.int32())]))
    stream = read(reader, "SELECT generate_series(1, 50000000) AS g", pa.schema([("g", pa.int32())]), 1 << 10)
    next(stream)
    connection.execute("SELECT pg_terminate_backend(%s)", batch.column(0).to_pylist())
    with pytest.raises(psycopg.OperationalError):
        list(stream)
    close_reader(reader)


# ---------------------------------------------------------------- undecoded


def contents(connection: Connection, table: str) -> list[tuple[Any, ...]]:
    return ask(connection, f"SELECT count(*), md5(string_agg(t::text, E'\\n' ORDER BY t::text)) FROM {table} t")


def consumed(stream: Any, taken: list[bytes]) -> int:
    """Take all blocks; what the generator returned."""
    while True:
        try:
            taken.append(next(stream))
        except StopIteration as end:
            return int(end.value)


def test_raw_carries_what_arrow_cannot(url: str, connection: Connection) -> None:
    columns = ("n numeric", "d date", "t time", "i interval", "a int[]", "r int4range", "b bytea", "j jsonb", "o text")
    source, target = create(connection, *columns), create(connection, *columns)
    connection.execute(
        f"INSERT INTO {source} VALUES ('NaN', 'infinity', '24:00', '1 mon', '{{{{1,2}},{{3,NULL}}}}', 'empty', "
        f"'\\x00ff', '{{}}', NULL), (NULL, '4714-11-24 BC', NULL, '-1 us', '[5:5]={{1}}', '[1,)', '', '[1]', "
        f"E'\\t\\\\N')".encode()
    )
    connection.commit()
    names = [column.split()[0] for column in columns]
    with closing(psycopg.connect(url)) as other:
        assert load_raw(connection, target, names, read_raw(other, f"SELECT * FROM {source}")) == 2
    assert contents(connection, target) == contents(connection, source)


@pytest.mark.parametrize("width", [0, 10, 700_000], ids=["narrow", "small", "wider than a block"])
def test_raw_of_many_and_of_wide_rows(url: str, connection: Connection, width: int) -> None:
    rows = 5 if width > 1000 else 50_000
    source, target = create(connection, "k int", "v text"), create(connection, "k int", "v text")
    connection.execute(
        f"INSERT INTO {source} SELECT g, repeat(g % 10 || '', {width}) FROM generate_series(1, {rows}) g".encode()
    )
    connection.commit()
    taken: list[bytes] = []
    with closing(psycopg.connect(url)) as other:
        assert consumed(read_raw(other, f"SELECT * FROM {source}"), taken) == rows
    assert load_raw(connection, target, ["k", "v"], taken) == rows
    assert contents(connection, target) == contents(connection, source)
    assert max(map(len, taken[:-1]), default=0) < 400_000 + width


def test_raw_of_no_rows(connection: Connection) -> None:
    table = create(connection, "k int")
    taken: list[bytes] = []
    assert consumed(read_raw(connection, f"SELECT * FROM {table}"), taken) == 0
    assert load_raw(connection, table, ["k"], taken) == 0


def test_a_raw_stream_that_breaks_off_is_refused(connection: Connection, rows: str) -> None:
    table = create(connection, "k int", "v text")
    taken: list[bytes] = []
    consumed(read_raw(connection, f"SELECT * FROM {rows}"), taken)
    with pytest.raises(EngineError, match="broke off"):
        load_raw(connection, table, ["k", "v"], [*taken[:-1], taken[-1][:-2]])  # all rows, but no trailer
    connection.rollback()
    with pytest.raises(Broken):
        load_raw(connection, table, ["k", "v"], breaking(taken))
    connection.rollback()
    assert ask(connection, f"SELECT count(*) FROM {table}") == [(0,)]


def test_raw_errors_of_the_server_surface(connection: Connection) -> None:
    table = create(connection, "k int UNIQUE")
    with pytest.raises(psycopg.errors.UniqueViolation):
        load_raw(connection, table, ["k"], read_raw_of(connection, "SELECT 1 UNION ALL SELECT 1"))
    connection.rollback()
    with pytest.raises(psycopg.errors.BadCopyFileFormat):
        load_raw(connection, table, ["k"], [b"no stream at all\xff\xff"])


def read_raw_of(connection: Connection, sql: str) -> list[bytes]:
    taken: list[bytes] = []
    consumed(read_raw(connection, sql), taken)
    return taken


@pytest.mark.parametrize("end", ["closed", "failed", "refused"])
def test_a_raw_reader_keeps_its_snapshot(connection: Connection, rows: str, end: str) -> None:
    connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    seen = ask(connection, "SELECT pg_current_snapshot()::text")
    if end == "closed":
        stream = read_raw(connection, f"SELECT generate_series(1, 2000000000) FROM {rows}")
        next(stream)
        began = time.monotonic()
        stream.close()
        assert time.monotonic() - began < PATIENCE_S
    elif end == "failed":
        with pytest.raises(psycopg.errors.DivisionByZero):
            consumed(read_raw(connection, f"SELECT 1 / (k - 90000) FROM {rows}"), [])
    else:
        with pytest.raises(psycopg.errors.UndefinedTable):
            consumed(read_raw(connection, "SELECT * FROM nowhere"), [])
    assert connection.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS
    assert ask(connection, "SELECT pg_current_snapshot()::text") == seen
    assert len(read_raw_of(connection, f"SELECT * FROM {rows}")) > 1
