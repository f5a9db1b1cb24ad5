"""Tables in memory, the target that keeps nothing, and one journey through all places without a server."""

from __future__ import annotations

import datetime as dt
import itertools
import math
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from ropeway.cli import wire
from ropeway.transfer.engine import Receipt
from ropeway.transfer.engines import memory
from ropeway.transfer.engines.alphabet import field_of, word_of
from ropeway.transfer.errors import DataError, EngineError, RequestError
from ropeway.transfer.place import parse
from ropeway.transfer.progress import Progress
from ropeway.transfer.request import Choice, Request

_numbers = itertools.count()

# What all of the places in test_journey hold exactly.
ODD: dict[str, list[Any]] = {
    "bool": [True, False, None],
    "int8": [-128, 127, None],
    "int16": [-(2**15), 2**15 - 1, None],
    "int32": [-(2**31), 2**31 - 1, None],
    "int64": [-(2**63), 2**63 - 1, None],
    "uint8": [0, 255, None],
    "uint64": [0, 2**64 - 1, None],
    "float32": [0.10000000149011612, -0.0, None],
    "float64": [5e-324, 0.1, None],
    "decimal(12,2)": [Decimal("-9999999999.99"), Decimal("0.01"), None],
    "decimal(38,10)": [Decimal("0.0000000001"), Decimal("-1234567890123456789012345678.0123456789"), None],
    "text": ["", 'a"b,\r\n', None],
    "uuid": ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", None, "00000000-0000-0000-0000-000000000000"],
    "json": ['{"a" : 1, "a": 2}', None, "1.0"],
    "binary": [b"", b"\x00\xff\r\n\"'", None],
    "date": [dt.date(1, 1, 1), dt.date(9999, 12, 31), None],
    "time": [dt.time(0, 0), dt.time(23, 59, 59, 999_999), None],
    "timestamp": [dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31, 23, 59, 59, 999_999), None],
    "instant": [dt.datetime(1969, 12, 31, 23, 59, 59, 1, dt.UTC), dt.datetime(2024, 2, 29, tzinfo=dt.UTC), None],
    "duration": [dt.timedelta(microseconds=-1), dt.timedelta(days=40_000), None],
}


def odd() -> pa.Table:
    """A row number and a column of each word, seven rows."""
    fields = [field_of("n", "int64", nullable=False), *(field_of(f"c {n}", word) for n, word in enumerate(ODD))]
    values = [list(range(7)), *([one[n % 3] for n in range(7)] for one in ODD.values())]
    return pa.table(
        [pa.array(v, f.type) for v, f in zip(values, fields, strict=True)], schema=pa.schema(fields)
    )  # fmt: skip


def place() -> str:
    return f"place{next(_numbers)}"


def move(source: str, target: str, progress: Progress | None = None, **options: Any) -> wire.Outcome:
    resume = options.pop("resume", False)
    request = Request(parse(source)[0], parse(target)[0], **{"slice_rows": 3, **options})
    return wire.run(request, progress=progress, resume=resume)


def rows(name: str, table: str = "t") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = memory.take(name, table).sort_by("n").to_pylist()
    return found


def test_journey(tmp_path: Path) -> None:
    """Memory to DuckDB to Parquet to CSV to Arrow to SQLite to memory: the same rows and the same types."""
    there, back = place(), place()
    sent = odd()
    memory.put(there, "t", sent)
    stops = [f"memory://{there}", *(f"{s}:///{tmp_path / s}" for s in ("duckdb", "parquet", "csv", "arrow"))]
    for source, target in itertools.pairwise([*stops, f"memory://{back}"]):
        report = move(source, target).report
        assert report
        assert report.equal
    arrived = memory.take(back, "t").sort_by("n")
    assert [word_of(field) for field in arrived.schema] == [word_of(field) for field in sent.schema]
    assert arrived.to_pylist() == sent.to_pylist()
    assert math.copysign(1, arrived["c 7"][1].as_py()) == -1
    kept = [f"c {n}" for n, word in enumerate(ODD) if word != "time"]
    choice = Choice("t", columns=("n", *kept))
    assert move(stops[-1], f"sqlite:///{tmp_path / 'sqlite'}", choices=(choice,)).report
    last = place()
    move(f"sqlite:///{tmp_path / 'sqlite'}", f"memory://{last}")
    for name in kept:
        assert [row[name] for row in rows(last)] == sent[name].to_pylist()


def test_slices_cover_each_row_once() -> None:
    there, back = place(), place()
    memory.put(there, "t", pa.table({"n": range(100)}))
    outcome = move(f"memory://{there}", f"memory://{back}")
    assert [receipt.read for receipt in outcome.receipts] == [3] * 33 + [1]
    assert rows(back) == [{"n": n} for n in range(100)]


def test_where_and_limit() -> None:
    there, back = place(), place()
    memory.put(there, "t", pa.table({"n": range(20), "word": [None, "ä"] * 10}))
    move(f"memory://{there}", f"memory://{back}", choices=(Choice("t", where="n < 10 AND word = 'ä'", columns=("n",)),))
    assert rows(back) == [{"n": n} for n in (1, 3, 5, 7, 9)]
    assert sum(r.read for r in move(f"memory://{there}", "discard:///", limit=7).receipts) == 7
    with pytest.raises(EngineError, match="cannot be evaluated"):
        move(f"memory://{there}", f"memory://{place()}", choices=(Choice("t", where="nothing = 1"),))


def test_create_refuses_and_append_keeps() -> None:
    there, back = place(), place()
    memory.put(there, "t", pa.table({"n": [1, 2]}))
    memory.put(back, "t", pa.table({"n": pa.array([0], pa.int16())}))
    with pytest.raises(RequestError, match="exists in the target"):
        move(f"memory://{there}", f"memory://{back}")
    move(f"memory://{there}", f"memory://{back}", mode="append")
    assert rows(back) == [{"n": 0}, {"n": 1}, {"n": 2}]
    assert memory.take(back, "t").schema.field("n").type == pa.int16()
    memory.put(there, "t", pa.table({"n": [70_000]}))
    with pytest.raises(DataError, match="70000"):
        move(f"memory://{there}", f"memory://{back}", mode="append")
    texts = place()
    memory.put(texts, "t", pa.table({"n": ["1"]}))
    with pytest.raises(RequestError, match="has text for it"):
        move(f"memory://{texts}", f"memory://{back}", mode="append")


class Stumbling(Progress):
    """Fails when the nth slice has landed."""

    def __init__(self, nth: int) -> None:
        self.left = nth

    def landed(self, receipt: Receipt) -> None:
        self.left -= 1
        if not self.left:
            raise OSError("the light went out")


def test_a_run_that_failed_is_resumed() -> None:
    there, back = place(), place()
    memory.put(there, "t", pa.table({"n": range(20)}))
    with pytest.raises(OSError, match="the light went out"):
        move(f"memory://{there}", f"memory://{back}", Stumbling(3))
    with pytest.raises(RequestError, match="did not end"):
        move(f"memory://{there}", f"memory://{back}")
    outcome = move(f"memory://{there}", f"memory://{back}", resume=True)
    assert sorted(receipt.slice for receipt in outcome.receipts) == list(range(1, 8))
    assert rows(back) == [{"n": n} for n in range(20)]


def test_a_changed_source_starts_over() -> None:
    there, back = place(), place()
    memory.put(there, "t", pa.table({"n": range(20)}))
    with pytest.raises(OSError, match="the light went out"):
        move(f"memory://{there}", f"memory://{back}", Stumbling(3))
    memory.put(there, "t", pa.table({"n": range(100, 120)}))
    move(f"memory://{there}", f"memory://{back}", resume=True)
    assert rows(back) == [{"n": n} for n in range(100, 120)]


def test_an_empty_table_arrives() -> None:
    there, back = place(), place()
    memory.put(there, "t", pa.table({"n": pa.array([], pa.date32())}))
    move(f"memory://{there}", f"memory://{back}")
    assert memory.take(back, "t").schema.field("n").type == pa.date32()


def test_put_takes_what_arrow_calls_otherwise() -> None:
    name = place()
    columns = {
        "views": pa.array(["a", None], pa.string_view()),
        "codes": pa.array(["a", "a"]).dictionary_encode(),
        "large": pa.array([b"a", None], pa.large_binary()),
        "id": pa.array([b"\x01" * 16, None], pa.uuid()),
        "short": pa.array([1, None], pa.timestamp("s")),
        "nothing": pa.nulls(2),
    }
    memory.put(name, "t", pa.table(columns))
    taken = memory.take(name, "t")
    assert [word_of(f) for f in taken.schema] == ["text", "text", "binary", "uuid", "timestamp(0)", "text"]
    assert taken["id"].to_pylist() == ["01010101-0101-0101-0101-010101010101", None]
    memory.put(name, "t", pa.table({"n": [[1]]}))
    assert memory.take(name, "t")["n"].to_pylist() == ["[1]"]
    with pytest.raises(DataError, match="time64"):
        memory.put(name, "t", pa.table({"n": pa.array([1], pa.time64("ns"))}))


def test_an_unfinished_run_can_be_cleaned() -> None:
    there, back = place(), place()
    memory.put(there, "t", pa.table({"n": range(9)}))
    with pytest.raises(OSError, match="the light went out"):
        move(f"memory://{there}", f"memory://{back}", Stumbling(2))
    (unfinished,) = wire.status(f"memory://{back}")
    wire.clean(unfinished.run, f"memory://{back}")
    assert wire.inspect(f"memory://{back}") == []
    move(f"memory://{there}", f"memory://{back}")
    assert len(rows(back)) == 9


def test_discard_counts_and_cannot_be_read() -> None:
    there = place()
    memory.put(there, "t", odd())
    outcome = move(f"memory://{there}", "discard:///")
    assert sum(receipt.loaded for receipt in outcome.receipts) == 7
    with pytest.raises(RequestError):
        move("discard:///", f"memory://{there}")
