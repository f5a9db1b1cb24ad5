"""DuckDB's own Parquet passed on undecoded: the same values, types and refusals as by way of Arrow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ropeway.cli import wire
from ropeway.transfer.engine import Reader
from ropeway.transfer.engines import engine_of, memory
from ropeway.transfer.engines.alphabet import field_of
from ropeway.transfer.engines.files.parquetfile import FORMAT
from ropeway.transfer.errors import DataError, EngineError, RequestError
from ropeway.transfer.place import parse, resolve
from ropeway.transfer.plan import Hop
from ropeway.transfer.request import Request

COLUMNS = {
    "k": ("INTEGER NOT NULL", "1", "2", "3", "4"),
    "flag": ("BOOLEAN", "true", "false", "NULL", "true"),
    "tiny": ("TINYINT", "-128", "127", "NULL", "0"),
    "small": ("SMALLINT", "-32768", "32767", "NULL", "0"),
    "big": ("BIGINT", "-9223372036854775808", "9223372036854775807", "NULL", "0"),
    "utiny": ("UTINYINT", "0", "255", "NULL", "1"),
    "ubig": ("UBIGINT", "0", "18446744073709551615", "NULL", "1"),
    "real": ("FLOAT", "'nan'", "'-inf'", "NULL", "3.4028234663852886e38"),
    "twice": ("DOUBLE", "'nan'", "5e-324", "NULL", "0.1"),
    "few": ("DECIMAL(4,1)", "-999.9", "0.1", "NULL", "0"),
    "many": ("DECIMAL(38,10)", "-9999999999999999999999999999.9999999999", "0.0000000001", "NULL", "1"),
    "word": ("VARCHAR", "''", "'ä🚡 ' || chr(10)", "NULL", "repeat('x', 70000)"),
    "bytes": ("BLOB", "''::BLOB", r"'\x00\xFF'::BLOB", "NULL", "'a'::BLOB"),
    "label": ("ENUM('b', 'a')", "'a'", "'b'", "NULL", "'a'"),
    "id": ("UUID", "'123e4567-e89b-12d3-a456-426614174000'", "uuid()", "NULL", "uuid()"),
    "doc": ("JSON", """'{"b": 1.0, "a": [1, null]}'""", "'[]'", "NULL", "'1.0'"),
    "day": ("DATE", "'0001-01-01'", "'9999-12-31'", "NULL", "'1969-12-31'"),
    "at": ("TIMESTAMP", "'0001-01-01'", "'9999-12-31 23:59:59.999999'", "NULL", "'1969-12-31 23:59:59.999999'"),
    "zoned": (
        "TIMESTAMPTZ",
        "'0001-01-02 00:00+00'",
        "'9999-12-30 00:00+00'",
        "NULL",
        "'2024-02-29 12:00:00.000001+05:30'",
    ),
    "full": ("INTEGER", "1", "2", "3", "4"),
}


def filled(file: Path, columns: Mapping[str, tuple[str, ...]]) -> str:
    with duckdb.connect(str(file)) as connection:
        shape = ", ".join(f'"{name}" {kind}' for name, (kind, *_) in columns.items())
        connection.execute(f"CREATE TABLE t ({shape})")
        for values in list(zip(*columns.values(), strict=True))[1:]:
            connection.execute(f"INSERT INTO t VALUES ({', '.join(values)})")
    return f"duckdb:///{file}"


def move(source: str, target: str, **options: Any) -> wire.Outcome:
    return wire.run(Request(parse(source)[0], parse(target)[0], **{"slice_rows": 2, **options}))


def rows(source: str, name: str) -> list[dict[str, Any]]:
    """What Arrow brings of a table, as text, for a NaN equals nothing."""
    move(source, f"memory://{name}", raw=False)
    return [{key: repr(value) for key, value in row.items()} for row in memory.take(name, "t").sort_by("k").to_pylist()]


@pytest.mark.parametrize("level", ["none", "standard"])
def test_values_and_types_are_those_of_the_way_through_arrow(level: str, tmp_path: Path) -> None:
    source = filled(tmp_path / "in.duckdb", COLUMNS)
    raw, arrow = f"parquet:///{tmp_path / 'raw'}", f"parquet:///{tmp_path / 'arrow'}"
    outcome = move(source, raw, level=level)
    assert [hop.raw for hop in outcome.plan.hops] == ["parquet"]
    assert len(outcome.receipts) > 1
    assert sum(receipt.loaded for receipt in outcome.receipts) == 4
    if outcome.report and level == "standard":
        assert [table.claim for table in outcome.report.tables] == ["target equals source"]
    move(source, arrow, raw=False)
    shapes = [[(c.name, c.native, c.nullable) for c in wire.inspect(url)[0].columns] for url in (raw, arrow)]
    assert shapes[0] == shapes[1]
    assert ("full", "int32", True) in shapes[0]
    assert rows(raw, f"raw {level}") == rows(arrow, f"arrow {level}") == rows(source, f"source {level}")


@pytest.mark.parametrize("kind", ["DATE", "TIMESTAMP", "TIMESTAMPTZ"])
def test_infinity_stops_it(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "in.duckdb"
    with duckdb.connect(str(file)) as connection:
        connection.execute(f"CREATE TABLE t (k INTEGER PRIMARY KEY, c {kind})")
        connection.execute(f"INSERT INTO t SELECT i, '2024-01-01'::{kind} FROM range(300000) r(i)")
    target = parse(f"parquet:///{tmp_path / 'out'}")[0]
    request = Request(parse(f"duckdb:///{file}")[0], target, slice_rows=0)
    frozen = wire.plan(request)
    assert frozen.hops[0].raw
    with duckdb.connect(str(file)) as connection:
        connection.execute("UPDATE t SET c = '-infinity' WHERE k = 299999")
    with pytest.raises(RequestError, match="holds 1 infinite dates or timestamps, the first at k=299999"):
        wire.plan(request)
    with pytest.raises(DataError, match=r"t\.c holds infinity") as caught:
        wire.run(frozen)
    assert (caught.value.column, caught.value.key) == ("c", "k=299999")
    assert wire.inspect(f"parquet:///{tmp_path / 'out'}") == []


@pytest.mark.parametrize(
    ("kind", "value"),
    [("HUGEINT", "1"), ("INTERVAL", "'1 day'"), ("TIME", "'24:00:00'"), ("TIMESTAMP_S", "'2024-01-01'")],
)
def test_types_that_parquet_would_change_go_through_arrow(kind: str, value: str, tmp_path: Path) -> None:
    source = filled(tmp_path / "in.duckdb", {"k": ("INTEGER", "1"), "c": (kind, value)})
    plan = wire.plan(Request(parse(source)[0], parse(f"parquet:///{tmp_path / 'out'}")[0]))
    assert [hop.raw for hop in plan.hops] == [""]


def test_a_table_without_rows_shows_its_columns(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "in.duckdb")) as connection:
        connection.execute("CREATE TABLE t (k INTEGER, word VARCHAR)")
    out = f"parquet:///{tmp_path / 'out'}"
    assert [hop.raw for hop in move(f"duckdb:///{tmp_path / 'in.duckdb'}", out).plan.hops] == ["parquet"]
    assert [column.native for column in wire.inspect(out)[0].columns] == ["int32", "text"]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[tuple[Reader, Hop]]:
    """A reader of 300,000 rows, and the raw hop that it is for."""
    file = tmp_path / "in.duckdb"
    with duckdb.connect(str(file)) as connection:
        connection.execute("CREATE TABLE t AS SELECT i, hash(i)::VARCHAR AS word FROM range(300000) r(i)")
    place = parse(f"duckdb:///{file}")[0]
    plan = wire.plan(Request(place, parse(f"parquet:///{tmp_path / 'out'}")[0], slice_rows=0))
    source = engine_of("duckdb").open(resolve(place, ""), plan.hops, "run", 1)
    yield source.readers()[0], plan.hops[0]
    source.close()


def test_a_reader_that_is_left_early_can_go_on(opened: tuple[Reader, Hop]) -> None:
    reader, hop = opened
    blocks = reader.raw(hop, hop.slices[0])
    assert next(blocks)[:4] == b"PAR1"
    blocks.close()  # type: ignore[attr-defined]  # a generator
    assert reader.count(hop) == 300_000
    assert b"".join(reader.raw(hop, hop.slices[0]))[-4:] == b"PAR1"


def test_a_file_that_is_not_what_was_planned_is_refused(tmp_path: Path) -> None:
    assert FORMAT.verified
    file = tmp_path / "part.parquet"
    schema = pa.schema([field_of("k", "int32", nullable=False)])
    pq.write_table(pa.table({"k": pa.array([1, 2], pa.int32())}, schema=schema), file)
    assert FORMAT.verified(file, schema) == 2
    for other in (
        field_of("k", "int64", nullable=False),
        field_of("k", "int32"),
        field_of("K", "int32", nullable=False),
    ):
        with pytest.raises(EngineError, match="were planned"):
            FORMAT.verified(file, pa.schema([other]))
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(EngineError, match="not written to its end"):
        FORMAT.verified(file, schema)
