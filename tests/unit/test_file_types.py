"""What other programs write into Parquet, Arrow and CSV files: read as it is meant, or refused by name."""

from __future__ import annotations

import datetime as dt
import itertools
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest

from ropeway.cli import wire
from ropeway.transfer.engines import memory
from ropeway.transfer.errors import DataError, EngineError, RequestError
from ropeway.transfer.place import parse
from ropeway.transfer.request import Choice, Request

_numbers = itertools.count()
_MOMENT = dt.datetime(2024, 2, 29, 12, 30, 15, 1)
_NESTED: dict[str, tuple[pa.DataType, list[Any], list[str | None]]] = {
    "list": (pa.list_(pa.int64()), [[1, None], [], None], ["[1,null]", "[]", None]),
    "texts": (pa.list_(pa.string()), [['a"\\', "\n\x00", "NULL", None]], ['["a\\"\\\\","\\n\\u0000","NULL",null]']),
    "struct": (
        pa.struct([("a", pa.int32()), ('b "x', pa.list_(pa.float64()))]),
        [{"a": 1, 'b "x': [0.5, float("nan"), None]}, None, {"a": None, 'b "x': None}],
        ['{"a":1,"b \\"x":[0.5,"nan",null]}', None, '{"a":null,"b \\"x":null}'],
    ),
    "map": (pa.map_(pa.string(), pa.int8()), [[("k", 1), ("", None)], None, []], ['{"k":1,"":null}', None, "{}"]),
    "deep": (pa.list_(pa.list_(pa.decimal128(5, 2))), [[[Decimal("1.50")], None, []]], ['[["1.50"],null,[]]']),
    "fixed": (pa.list_(pa.int16(), 2), [[1, 2], None, [None, 4]], ["[1,2]", None, "[null,4]"]),
    "days": (pa.large_list(pa.date32()), [[dt.date(2024, 2, 29)], None], ['["2024-02-29"]', None]),
    "bytes": (pa.list_(pa.binary()), [[b"\x00\xff", b""]], ['["00FF",""]']),
    "empty": (pa.struct([]), [{}, None], ["{}", None]),
}


def taken(url: str, table: str = "t", **options: Any) -> pa.Table:
    name = f"types{next(_numbers)}"
    request = Request(parse(url)[0], parse(f"memory://{name}")[0], choices=(Choice(table, **options),), slice_rows=2)
    outcome = wire.run(request)
    assert outcome.report
    assert outcome.report.equal
    return memory.take(name, table)


def written(folder: Path, form: str, table: pa.Table, part: str = "t", **options: Any) -> str:
    if form == "parquet":
        pq.write_table(table, folder / f"{part}.parquet", **options)
    else:
        with pa.ipc.new_file(str(folder / f"{part}.arrow"), table.schema) as file:
            file.write_table(table)
    return f"{form}:///{folder}"


@pytest.mark.parametrize("name", _NESTED)
@pytest.mark.parametrize("form", ["parquet", "arrow"])
def test_nested_columns_are_json(form: str, name: str, tmp_path: Path) -> None:
    kind, values, texts = _NESTED[name]
    if form == "parquet" and name == "empty":
        return  # Parquet has no struct without members
    url = written(tmp_path, form, pa.table({"c": pa.array(values, kind)}))
    found = taken(url).column("c").to_pylist()
    assert found == texts
    assert all(json.loads(text) is not None for text in found if text)
    outcome = wire.plan(Request(parse(url)[0], parse("memory://nested")[0]))
    assert [f.where for f in outcome.findings if "is read as JSON" in f.message] == ["t.c"]


FLAT: dict[str, tuple[pa.DataType, list[Any], str]] = {
    "unsigned": (pa.uint64(), [2**64 - 1, 0, None], "uint64"),
    "small unsigned": (pa.uint8(), [255, None], "uint8"),
    "float16": (pa.float16(), [np.float16(1.5), np.float16("inf"), None], "float"),
    "dictionary": (pa.dictionary(pa.int8(), pa.string()), ["a", "b", "a", None], "string"),
    "large text": (pa.large_string(), ["ä", None], "string"),
    "view": (pa.string_view(), ["a text that is longer than twelve bytes", None], "string"),
    "large bytes": (pa.large_binary(), [b"\x00", None], "binary"),
    "fixed bytes": (pa.binary(2), [b"\x00\x01", None], "binary"),
    "decimal32": (pa.decimal32(5, 2), [Decimal("-1.50"), None], "decimal128(5, 2)"),
    "decimal64": (pa.decimal64(18, 3), [Decimal("123456789012345.678"), None], "decimal128(18, 3)"),
    "decimal256": (pa.decimal256(60, 2), [Decimal("1" * 58 + ".25"), None], "decimal256(60, 2)"),
    "milliseconds": (pa.timestamp("ms"), [dt.datetime(2024, 2, 29, 1, 2, 3, 4000), None], "timestamp[us]"),
    "zoned": (pa.timestamp("us", "Europe/Vienna"), [_MOMENT.replace(tzinfo=dt.UTC), None], "timestamp[us, tz=UTC]"),
    "date64": (pa.date64(), [dt.date(2024, 2, 29), None], "date32[day]"),
    "uuid": (pa.uuid(), [bytes(range(16)), None], "string"),
}


@pytest.mark.parametrize("name", FLAT)
@pytest.mark.parametrize("form", ["parquet", "arrow"])
def test_flat_columns_keep_their_values(form: str, name: str, tmp_path: Path) -> None:
    kind, values, becomes = FLAT[name]
    found = taken(written(tmp_path, form, pa.table({"c": pa.array(values, kind)}))).column("c")
    assert str(found.type) == becomes
    if name == "uuid":
        assert found.to_pylist() == ["00010203-0405-0607-0809-0a0b0c0d0e0f", None]
    else:
        assert found.to_pylist() == values


def test_parquets_own_ways(tmp_path: Path) -> None:
    """INT96, decimals kept as integers, a file without Arrow's schema, and moments that are no instants."""
    table = pa.table({
        "local": pa.array([_MOMENT, None], pa.timestamp("us")),
        "utc": pa.array([_MOMENT.replace(tzinfo=dt.UTC), None], pa.timestamp("us", "UTC")),
        "d9": pa.array([Decimal("1234567.89"), None], pa.decimal128(9, 2)),
        "d18": pa.array([Decimal("-0.01"), None], pa.decimal128(18, 2)),
    })  # fmt: skip
    url = written(tmp_path, "parquet", table, store_decimal_as_integer=True, store_schema=False)
    assert taken(url).to_pylist() == table.to_pylist()
    old = pa.table({"c": pa.array([1_709_214_300_123_456_789, None], pa.timestamp("ns"))})
    url = written(tmp_path, "parquet", old, use_deprecated_int96_timestamps=True)
    found = taken(url).column("c")
    assert (str(found.type), found.cast(pa.int64()).to_pylist()) == ("timestamp[ns]", [1_709_214_300_123_456_789, None])


@pytest.mark.parametrize("kind", [pa.duration("ns"), pa.time64("ns"), pa.month_day_nano_interval()])
def test_what_has_no_place_is_refused(kind: pa.DataType, tmp_path: Path) -> None:
    url = written(tmp_path, "arrow", pa.table({"c": pa.array([None], kind)}))
    with pytest.raises(RequestError, match=r"t\.c has the type"):
        taken(url)


@pytest.mark.parametrize("form", ["parquet", "arrow"])
def test_parts_are_widened_by_name(form: str, tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    parts = [
        pa.table(
            {"a": pa.array([1], pa.int8()), "b": pa.array(["x"]), "c": pa.array([Decimal("1.5")], pa.decimal128(3, 1))}
        ),
        pa.table(
            {"c": pa.array([Decimal("12.25")], pa.decimal128(9, 2)), "a": pa.array([2**40], pa.int64()), "b": ["y"]}
        ),
    ]
    for number, part in enumerate(parts):
        written(tmp_path / "t", form, part, f"part{number}")
    found = taken(f"{form}:///{tmp_path}").sort_by("a")
    assert found.to_pylist() == [
        {"a": 1, "b": "x", "c": Decimal("1.50")}, {"a": 2**40, "b": "y", "c": Decimal("12.25")},
    ]  # fmt: skip
    odd = pa.table({"a": ["one"], "b": ["z"], "c": pa.array([None], pa.decimal128(3, 1))})
    written(tmp_path / "t", form, odd, "part2")
    with pytest.raises(EngineError, match="a is int64 in one, text in the other"):
        taken(f"{form}:///{tmp_path}")


TRAPS = 'zip,na,comma,day,number,empty,lines,wide\n' \
    '00123,NA,"1,5",03/04/2024,1,,"two\nlines",9007199254740993\n' \
    '1e5,NULL,"2,0",13.04.24,1.0,"",\'x\',0x1F\n'  # fmt: skip


def test_a_csv_file_of_no_types_is_text(tmp_path: Path) -> None:
    """Nothing is guessed: each of these columns looks like something that it is not."""
    (tmp_path / "t.csv").write_text(TRAPS, encoding="utf-8")
    assert taken(f"csv:///{tmp_path}").to_pylist() == [
        {"zip": "00123", "na": "NA", "comma": "1,5", "day": "03/04/2024", "number": "1", "empty": None,
         "lines": "two\nlines", "wide": "9007199254740993"},
        {"zip": "1e5", "na": "NULL", "comma": "2,0", "day": "13.04.24", "number": "1.0", "empty": "",
         "lines": "'x'", "wide": "0x1F"},
    ]  # fmt: skip


def test_types_are_named_for_a_csv_file(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b,c\n1,2024-02-29,1.50\n,,\n", encoding="utf-8")
    named = (("a", "int64"), ("b", "date"), ("c", "decimal(9,2)"))
    assert taken(f"csv:///{tmp_path}", types=named).to_pylist() == [
        {"a": 1, "b": dt.date(2024, 2, 29), "c": Decimal("1.50")}, {"a": None, "b": None, "c": None},
    ]  # fmt: skip
    (tmp_path / "t.csv").write_text(TRAPS, encoding="utf-8")
    for column, word in (("comma", "decimal(9,2)"), ("day", "date"), ("number", "int64"), ("wide", "float64")):
        with pytest.raises(DataError, match=rf"t\.{column} holds"):
            taken(f"csv:///{tmp_path}", types=((column, word),))
