"""A thousand random schemas, moved and then compared as both places hold them: not one may be called different."""

from __future__ import annotations

import datetime as dt
import itertools
import uuid
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from moves import moved, requested
from random_tables import EXAMPLES, QUIET, lacking, tables
from ropeway.cli import wire
from ropeway.transfer import segments
from ropeway.transfer.engines import memory
from ropeway.transfer.engines.alphabet import field_of
from ropeway.transfer.request import Choice
from ropeway.verify.report import EQUALS_READ, EQUALS_SOURCE
from spots import Servers, Spot, spot

ENGINES = ("postgresql", "mariadb", "duckdb", "sqlite")
PAIRS = list(itertools.product(ENGINES, ENGINES))
EACH = min(63, EXAMPLES)  # of the 16 pairs: 1,008 comparisons
_numbers = itertools.count()

# Keys by the columns they lie in: each column's type, and its value in the n-th row. `k` is in every table.
KEYS: dict[str, dict[str, tuple[str, Callable[[int], Any]]]] = {
    "none": {},
    "integer": {"k": ("int64", lambda n: n)},
    "scattered": {"k": ("int64", lambda n: n * 7_919_000_003 - 2**40)},
    "text": {"code": ("text(30)", lambda n: f"{'aAäÄ 🚡'[n % 6]}:{n}")},
    "composite": {"code": ("text(30)", lambda n: f"it's {n // 3} "), "part": ("int16", lambda n: n % 3)},
    "uuid": {"code": ("uuid", lambda n: str(uuid.uuid5(uuid.NAMESPACE_OID, str(n))))},
    "date": {"code": ("date", lambda n: dt.date(1970, 1, 1) + dt.timedelta(n - 500))},
}
# What only an engine's own SQL can make, of a column `k` from 0 upwards.
NATIVE = {
    "postgresql": {
        "bit(5)": "k::int::bit(5)", "bit varying(8)": "k::int::bit(3)",
        "interval": "k % 99 * interval '7 hours -1 second'", "numeric": "k / 7.0",
        "interval year to month": "k * interval '1 month'", "integer[]": "ARRAY[k, NULL]", "char(6)": "k::text",
        "inet": "'10.0.0.0'::inet + k", "jsonb": "jsonb_build_object('k', k, 'b', 1.10)",
        "time with time zone": "'10:00+05:30'::timetz + k * interval '1 s'", "money": "k::int::money",
        "mood": "(ARRAY['so so', 'it''s'])[k % 2 + 1]::mood", "timestamp(3) with time zone": "to_timestamp(k + 0.125)",
        "int4range": "int4range(0, k::int)", "time": "'00:00'::time + k * interval '1 minute'",
    },
    "mariadb": {
        "bit(9)": "k & 511", "enum('a','it''s','')": "1 + k % 3", "set('a','b','c')": "k & 7", "char(6)": "k",
        "time(3)": "SEC_TO_TIME((k % 200 - 100) * 30000.125)", "year": "1901 + k % 255", "binary(4)": "LEFT(k, 4)",
        "decimal(8,2) unsigned zerofill": "k / 4", "inet6": "CONCAT('::', k)",
        "timestamp(3) NULL": "FROM_UNIXTIME(k + 1.125)",
        "varchar(9) CHARACTER SET latin1": "CONCAT('ä', k)", "decimal(20,15)": "k / 7", "float": "k / 7",
        "tinyint(1)": "k % 100", "datetime(1)": "FROM_UNIXTIME(k + 0.5)",
    },
    "duckdb": {
        "INTEGER[]": "[k, NULL]", "STRUCT(a INTEGER, b VARCHAR)": "{'a': k, 'b': 'it''s'}", "INTEGER[2]": "[k, NULL]",
        "MAP(VARCHAR, INTEGER)": "MAP {'x': k}", "ENUM('a', 'it''s')": "CASE k % 2 WHEN 0 THEN 'a' ELSE 'it''s' END",
        "BIT": "k::INTEGER::BIT", "INTERVAL": "to_seconds(k * 1000.25)", "HUGEINT": "k::HUGEINT * 10::HUGEINT ** 20",
        "UNION(a INTEGER, b VARCHAR)": "union_value(b := k::VARCHAR)", "TIMETZ": "'10:00:00+05:30'::TIMETZ",
        "TIMESTAMP_MS": "make_timestamp(k * 1000)", "UUID": "uuid()", "JSON": "json_object('k', k)",
    },
    "sqlite": {
        "": "k", "NUMERIC": "k / 4.0", "TEXT COLLATE NOCASE": "'A' || k", "VARCHAR(9)": "'ä' || k", "INT": "k",
        "FLOAT": "k / 7.0", "BOOLEAN": "k % 2", "DECIMAL(8,3)": "k / 8.0", "CHAR(6)": "k", "BLOB": "randomblob(k % 9)",
    },
}  # fmt: skip


@pytest.fixture(autouse=True)
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a table of 1,000 rows has several."""
    monkeypatch.setattr(segments, "ROWS", 100)


@st.composite
def schemas(draw: Callable[..., Any], pair: tuple[str, str]) -> tuple[pa.Table, str, list[str]]:
    """A random table with a key and few or many rows; the kind of its key, and native types to add in the source."""
    sent = draw(tables(lacking(pair)))
    sent = pa.concat_tables([sent] * draw(st.sampled_from([1, 1, 1, 100])))
    kind = draw(st.sampled_from(sorted(KEYS)))
    count = sent.num_rows
    numbers = [n // 3 if kind == "none" else n for n in range(count)]
    sent = sent.set_column(0, sent.schema.field(0), pa.array(numbers, pa.int64()))
    for name, (word, value) in KEYS[kind].items():
        field = field_of(name, word, nullable=False)
        column = pa.array([value(n) for n in range(count)], field.type)
        sent = sent.set_column(0, field, column) if name == "k" else sent.add_column(0, field, column)
    natives = draw(st.lists(st.sampled_from(sorted(NATIVE[pair[0]])), max_size=3, unique=True))
    return sent, kind, natives if kind != "scattered" else []


def made(source: Spot, name: str, schema: tuple[pa.Table, str, list[str]]) -> None:
    """Make the table in the source: loaded by Ropeway, and then altered by SQL."""
    sent, kind, natives = schema
    memory.put(name, name, sent)
    moved(Spot("memory", f"memory://{name}", source.ask), source)
    memory.forget(name)
    for number, native in enumerate(natives):
        column = source.quote(f"native {number}")
        source.ask(f"ALTER TABLE {name} ADD COLUMN {column} {native}")
        source.ask(f"UPDATE {name} SET {column} = {NATIVE[source.engine][native]} WHERE k % 5 <> 1")
    key = ", ".join(KEYS[kind])
    if key and source.engine == "sqlite":  # which gives no key to a table that is there
        ((sql,),) = source.ask(f"SELECT sql FROM sqlite_schema WHERE name = '{name}'")
        source.ask(f"ALTER TABLE {name} RENAME TO former")
        source.ask(f"{sql.rstrip().removesuffix(')')}, PRIMARY KEY ({key}))")
        source.ask(f"INSERT INTO {name} SELECT * FROM former")
        source.ask("DROP TABLE former")
    elif key:
        source.ask(f"ALTER TABLE {name} ADD PRIMARY KEY ({key})")


@pytest.mark.faults
@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_no_alarm(pair: tuple[str, str], tmp_path_factory: pytest.TempPathFactory, servers: Servers) -> None:
    folder = tmp_path_factory.mktemp("places")
    source, target = (spot(engine, folder, servers) for engine in pair)
    if pair[0] == "postgresql":
        source.ask("CREATE TYPE mood AS ENUM ('so so', 'it''s')")

    @settings(max_examples=EACH, deadline=None, suppress_health_check=QUIET)
    @given(schemas(pair))
    def compared(schema: tuple[pa.Table, str, list[str]]) -> None:
        name = f"t{next(_numbers)}"
        note(f"{schema[0].schema}\n{schema[1:]}")
        made(source, name, schema)
        choices = (Choice(name),)
        moved(source, target, choices=choices)
        request, secrets = requested(source, target, choices=choices)
        (said,) = wire.verify(request, level="full", secrets=secrets).tables
        assert said.claim in (EQUALS_READ, EQUALS_SOURCE), said
        assert said.rows_source == said.rows_target == schema[0].num_rows
        for place in (source, target):
            place.ask(f"DROP TABLE {name}")

    compared()
