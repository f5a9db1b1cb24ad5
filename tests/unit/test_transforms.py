"""Each transform against a plain reading of it, row by row; and what it refuses."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
import sys
import unicodedata
from collections.abc import Callable, Sequence
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ropeway.transfer.errors import DataError, RequestError
from ropeway.transfer.shaping import Field, Step, chain, proven, run_through, schema_of
from ropeway.transfer.types import Type
from ropeway.transforms.masks import SALT
from ropeway.transforms.steps import STEPS, calls_of

Row = dict[str, Any]
Naive = Callable[[Row], Row | None]
FIELDS = (
    Field("id", Type("int64"), nullable=False, origin="id"),
    Field("name", Type("text", length=40), origin="name"),
    Field("amount", Type("decimal", precision=12, scale=3), origin="amount"),
    Field("seen", Type("timestamp"), origin="seen"),
    Field("day", Type("text"), origin="day"),
    Field("flag", Type("bool"), origin="flag"),
)
OWN = """
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

def louder(frame):
    return frame.with_columns(pl.col("name") + "!", twice=pl.col("id") * 2)

def without_flag(batch):
    return batch.drop_columns(["flag"])

def running(frame):
    return frame.with_columns(total=pl.col("id").cum_sum())

def ranked(frame):
    return frame.sort("id")

def twice(frame):
    return pl.concat([frame, frame])

def picky(frame):
    said = frame.collect()["name"].to_list()
    if "n4" in said:
        raise ValueError(f"what is {said}?")
    return frame

def counted(batch):
    return batch.append_column("rows", pa.array([batch.num_rows] * batch.num_rows))

def chance(frame):
    import random
    return frame.with_columns(pl.lit(random.random()).alias("r"))

def fails(frame):
    def look(value):
        if value == 7:
            raise ValueError("seven")
        return value
    return frame.with_columns(pl.col("id").map_elements(look, return_dtype=pl.Int64))
"""


@pytest.fixture(autouse=True)
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A salt, and a module of a user's own beside the job."""
    monkeypatch.setenv("ROPEWAY_MASK_SALT", "pepper")
    (tmp_path / "own_steps.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "own_steps", raising=False)


def steps(*asked: Row) -> list[Step]:
    return chain(calls_of(asked), FIELDS)


def batch_of(rows: Sequence[Row]) -> pa.RecordBatch:
    schema = schema_of(FIELDS)
    return pa.RecordBatch.from_arrays([pa.array([r[f.name] for r in rows], f.type) for f in schema], schema=schema)


def put(**made: Callable[[Row], Any]) -> Naive:
    return lambda row: {**row, **{name: make(row) for name, make in made.items()}}


def each(name: str, change: Callable[[Any], Any]) -> Naive:
    return put(**{name: lambda row: None if row[name] is None else change(row[name])})


def hashed(text: str) -> str:
    prefix = hashlib.sha256(b"ropeway mask|pepper").hexdigest()
    return hashlib.sha256(f"{prefix}|{text}".encode()).hexdigest()


def divided(row: Row) -> Row:
    parts = (row["name"] or "").split(" ")
    first = None if row["name"] is None else parts[0]
    last = " ".join(parts[1:]) if row["name"] is not None and len(parts) > 1 else None
    return {**{key: value for key, value in row.items() if key != "name"}, "first": first, "last": last}


def united(row: Row) -> str | None:
    parts = [part for part in (row["name"], row["day"]) if part is not None]
    return "-".join(parts) if parts else None


def rounded(rule: str) -> Callable[[Decimal], Decimal]:
    return lambda value: value.quantize(Decimal("0.1"), rounding=rule)


CASES: dict[str, list[tuple[Any, Naive]]] = {
    "rename": [({"name": "label", "ID": "key"}, lambda row: {
        {"name": "label", "id": "key"}.get(key, key): value for key, value in row.items()
    })],
    "drop": [(["flag", "seen"], lambda row: {k: v for k, v in row.items() if k not in ("flag", "seen")})],
    "order": [(["day", "name"], lambda row: {"day": row["day"], "name": row["name"], **row})],
    "cast": [
        ({"id": "text"}, each("id", str)),
        ({"amount": {"type": "decimal(12,1)", "rounding": "half_even"}}, each("amount", rounded(ROUND_HALF_EVEN))),
        ({"amount": {"type": "decimal(12,1)", "rounding": "half_up"}}, each("amount", rounded(ROUND_HALF_UP))),
        ({"amount": {"type": "int64", "rounding": "down"}}, each("amount", int)),
        ({"seen": {"type": "date", "rounding": "floor"}}, each("seen", dt.datetime.date)),
        ({"seen": {"type": "timestamp(0)", "rounding": "floor"}}, each("seen", lambda one: one.replace(microsecond=0))),
        ({"day": "date"}, each("day", dt.date.fromisoformat)),
    ],
    "derive": [({"twice": "id * 2", "name": "upper(day)"}, put(
        name=lambda row: row["day"] and row["day"].upper(), twice=lambda row: row["id"] * 2
    ))],
    "filter": [("amount > 0 AND flag", lambda row: row if row["flag"] and (row["amount"] or 0) > 0 else None)],
    "sql": [
        ("SELECT * EXCLUDE (flag, seen), id + 1 AS next FROM batch WHERE name IS NOT NULL", lambda row: None if row[
            "name"
        ] is None else {**{k: v for k, v in row.items() if k not in ("flag", "seen")}, "next": row["id"] + 1}),
        ("SELECT name AS label, 1 AS one FROM batch", lambda row: {"label": row["name"], "one": 1}),
        ("select id, nullif(id, 3) as three, day as d, d || '!' as loud from BATCH", lambda row: {
            "id": row["id"], "three": None if row["id"] == 3 else row["id"], "d": row["day"],
            "loud": row["day"] and row["day"] + "!",
        }),
    ],
    "fill": [({"name": "nobody", "amount": 0.5, "flag": True}, put(
        name=lambda row: "nobody" if row["name"] is None else row["name"],
        amount=lambda row: Decimal("0.500") if row["amount"] is None else row["amount"],
        flag=lambda row: True if row["flag"] is None else row["flag"],
    ))],
    "map": [
        ({"name": {"a b": "A", " ": None}}, each("name", lambda one: {"a b": "A", " ": None}.get(one, one))),
        ({"id": {"1": 10, "*": 0}}, each("id", lambda one: 10 if one == 1 else 0)),
    ],
    "trim": [(["name"], each("name", lambda one: one.strip()))],
    "lower": [(["name"], each("name", lambda one: "".join(letter.lower() for letter in one)))],
    "upper": [(["day"], each("day", str.upper))],
    "unicode": [({"name": "NFD"}, each("name", lambda one: unicodedata.normalize("NFD", one)))],
    "empty_to_null": [(["name"], each("name", lambda one: one or None))],
    "parse": [
        ({"day": "%Y-%m-%d"}, each("day", dt.date.fromisoformat)),
    ],
    "split": [({"name": {"into": ["first", "last"], "by": " "}}, divided)],
    "join": [({"both": {"columns": ["name", "day"], "by": "-"}}, put(both=united))],
    "mask": [
        ({"name": "hash"}, each("name", hashed)),
        ({"name": {"as": "hash", "length": 12}}, each("name", lambda one: hashed(one)[:12])),
        ({"name": "redact"}, each("name", lambda _: "***")),
        ({"name": {"as": "partial", "keep": 2}}, each("name", lambda one: (
            "*" * (len(one) - 2) + one[-2:] if len(one) > 2 else "*" * len(one)
        ))),
        ({"name": {"as": "fake", "kind": "email"}}, each("name", lambda one: f"user-{hashed(one)[:16]}@example.com")),
    ],
    "polars": [("own_steps:louder", put(
        name=lambda row: None if row["name"] is None else row["name"] + "!", twice=lambda row: row["id"] * 2
    ))],
    "python": [("own_steps:without_flag", lambda row: {k: v for k, v in row.items() if k != "flag"})],
}  # fmt: skip
TEXTS = st.one_of(
    st.sampled_from(["", " ", "a b", " Zoë\u00a0", "a  b c", "Straße", "e\u0301é", "ﬁ"]),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0Σİẞßŉǰΐΰ"), max_size=12),
)
ROWS = st.lists(
    st.fixed_dictionaries({
        "id": st.integers(-5, 5),
        "name": st.none() | TEXTS,
        "amount": st.none() | st.decimals(-9999, 9999, places=3),
        "seen": st.none() | st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2100, 1, 1)),
        "day": st.none() | st.dates(dt.date(1000, 1, 1), dt.date(9999, 12, 31)).map(str),
        "flag": st.none() | st.booleans(),
    }),
    max_size=12,
)  # fmt: skip


def test_each_transform_has_a_case() -> None:
    assert CASES.keys() == STEPS.keys()


@pytest.mark.parametrize(("word", "number"), [(word, n) for word, cases in CASES.items() for n in range(len(cases))])
def test_it_does_what_a_plain_reading_does(word: str, number: int) -> None:
    spec, naive = CASES[word][number]
    made = steps({word: spec})

    @settings(max_examples=40)
    @given(rows=ROWS, cut=st.integers(0, 12))
    def holds(rows: list[Row], cut: int) -> None:
        compare(made, naive, rows, cut)

    holds()


def compare(made: list[Step], naive: Naive, rows: list[Row], cut: int) -> None:
    rows = [{field.name: row[field.name] for field in FIELDS} for row in rows]
    wanted = [out for row in rows if (out := naive(row)) is not None]
    batch = batch_of(rows)
    whole = run_through(made, batch, "t", ["id"])
    assert whole.to_pylist() == wanted
    if wanted:
        assert whole.schema.names == list(wanted[0])
    parts = [run_through(made, part, "t", ["id"]) for part in (batch.slice(0, cut), batch.slice(cut))]
    assert [row for part in parts for row in part.to_pylist()] == wanted
    turned = run_through(made, batch_of(rows[::-1]), "t", ["id"])
    assert turned.to_pylist() == wanted[::-1]


def one_column(kind: Type, *values: Any) -> tuple[tuple[Field, ...], pa.RecordBatch]:
    fields = (Field("v", kind, origin="v"),)
    return fields, pa.RecordBatch.from_arrays([pa.array(values, kind.arrow)], schema=schema_of(fields))


@pytest.mark.parametrize(
    ("kind", "step", "value", "wanted"),
    [
        (Type("text"), {"parse": {"v": "%Y%m%d %-H"}}, "20240102 3", dt.datetime(2024, 1, 2, 3)),
        (Type("text"), {"parse": {"v": "%c"}}, "1992-03-02 10:30:20", dt.datetime(1992, 3, 2, 10, 30, 20)),
        (Type("text"), {"parse": {"v": "%%H %d.%m.%Y"}}, "%H 01.02.2024", dt.date(2024, 2, 1)),
        (Type("decimal", precision=10, scale=2), {"map": {"v": {"1": 9}}}, Decimal("1.00"), Decimal("9.00")),
        (Type("float64"), {"map": {"v": {"1.0": 7}}}, 1.0, 7.0),
        (Type("timestamp"), {"map": {"v": {"2024-01-02 00:00:00": "2025-01-02 00:00:00"}}}, dt.datetime(2024, 1, 2),
         dt.datetime(2025, 1, 2)),
        (Type("timestamp", digits=9), {"cast": {"v": {"type": "timestamp", "rounding": "floor"}}},
         1_700_000_000_123_456_789, dt.datetime(2023, 11, 14, 22, 13, 20, 123_456)),
    ],
)  # fmt: skip
def test_values_of_their_own_type(kind: Type, step: Row, value: Any, wanted: Any) -> None:
    fields, batch = one_column(kind, value, None)
    made = run_through(chain(calls_of([step]), fields), batch, "t", [])
    assert made.column("v").to_pylist() == [wanted, None]


def test_nanoseconds_are_parsed_as_such() -> None:
    fields, batch = one_column(Type("text"), "2024-01-02 03:04:05.123456789")
    made = run_through(chain(calls_of([{"parse": {"v": "%Y-%m-%d %H:%M:%S.%n"}}]), fields), batch, "t", [])
    assert made.column("v").cast(pa.int64()).to_pylist() == [1_704_164_645_123_456_789]


def test_columns_that_differ_in_case_only_are_not_mixed_up() -> None:
    fields = (Field("K", Type("text"), origin="K"), Field("k", Type("text"), origin="k"))
    for step in ({"filter": "k = 'z'"}, {"parse": {"k": "%Y"}}, {"derive": {"x": "upper(K)"}}):
        with pytest.raises(RequestError, match="differ in letters' case only"):
            chain(calls_of([step]), fields)


def test_wide_decimals_are_refused_in_words() -> None:
    fields, _ = one_column(Type("decimal", precision=60, scale=2))
    with pytest.raises(RequestError, match=r"DuckDB has no decimals of more than 38 digits.*\n.*Cast it"):
        chain(calls_of([{"filter": "v > 0"}]), fields)


def test_more_rows_than_came_are_refused() -> None:
    with pytest.raises(DataError, match=r"transform 1 \(polars\) made 18 rows of 9"):
        run_through(steps({"polars": "own_steps:twice"}), SAMPLE, "t", ["id"])


def test_what_is_masked_stands_in_no_message() -> None:
    """Not even of a step before; and a table without a key shows no other column in its place."""
    made = steps({"cast": {"day": "date"}}, {"mask": {"name": "redact"}})
    for key in (["name"], []):
        with pytest.raises(DataError) as caught:
            run_through(made, SAMPLE, "t", key)
        assert "n4" not in str(caught.value)
    with pytest.raises(DataError, match="id=4"):
        run_through(made, SAMPLE, "t", ["id", "name"])


@pytest.mark.parametrize(
    ("before", "then"),
    [({"cast": {"name": "int64"}}, {"cast": {"name": "text"}}), ({"polars": "own_steps:picky"}, {"trim": ["name"]}),
     ({"rename": {"name": "who"}}, {"cast": {"who": "int64"}})],
)  # fmt: skip
def test_a_step_before_the_mask_shows_nothing_of_it(before: dict[str, Any], then: dict[str, Any]) -> None:
    name = "who" if "rename" in before else "name"
    made = steps(before, then, {"cast": {name: "text"}}, {"mask": {name: "redact"}})
    with pytest.raises(DataError, match="no more is shown") as caught:
        run_through(made, SAMPLE, "t", ["id"])
    assert not re.search(r"\bn\d", str(caught.value))
    assert "id=" in str(caught.value)


def test_a_comment_at_the_end_of_a_condition_hides_nothing() -> None:
    assert run_through(steps({"filter": "id > 6 -- only those"}), SAMPLE, "t", []).num_rows == 2


SAMPLE = batch_of([
    {"id": n, "name": f"n{n}", "amount": Decimal(n), "seen": None, "day": "2024-02-30" if n == 4 else "2024-02-28",
     "flag": True} for n in range(9)
])  # fmt: skip


@pytest.mark.parametrize("function", ["running", "ranked", "chance"])
def test_a_function_that_looks_beyond_its_row_is_refused(function: str) -> None:
    batch = SAMPLE.take(pa.array([3, 1, 2, 0]))
    with pytest.raises(RequestError, match=r"transform 1 \(polars\) of t gives something else .* more than the row"):
        proven(steps({"polars": f"own_steps:{function}"}), batch, "t", ["id"])


def test_a_python_function_that_looks_beyond_its_row_is_refused() -> None:
    with pytest.raises(RequestError, match=r"transform 2 \(python\) of t gives something else for rows one by one"):
        proven(steps({"trim": ["name"]}, {"python": "own_steps:counted"}), SAMPLE, "t", ["id"])


def test_a_sample_passes_through_all_steps() -> None:
    asked = ({"rename": {"name": "label"}}, {"filter": "id % 2 = 0"}, {"polars": "own_steps:louder"})
    with pytest.raises(RequestError, match=r"transform 3 \(polars\): it raised for no rows.*name"):
        steps(*asked)
    assert proven(steps(*asked[:2], {"upper": ["label"]}), SAMPLE, "t", []).column("label").to_pylist() == [
        "N0", "N2", "N4", "N6", "N8",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ({"cast": {"day": "date"}}, r"transform 1 \(cast\): day cannot become date: .*2024-02-30.*\(.*key id=4\)"),
        ({"parse": {"day": "%Y-%m-%d"}}, r"transform 1 \(parse\): .*2024-2-30.*\(.*key id=4\)"),
        ({"derive": {"x": "CAST(day AS date)"}}, r"transform 1 \(derive\): .*2024-02-30.*\(.*key id=4\)"),
        ({"cast": {"amount": {"type": "decimal(12,2)"}, "name": "int32"}}, r"name cannot become int32: .*n0.*key id=0"),
        ({"cast": {"name": "text(1)"}}, r"name is longer than text\(1\) takes \(.*key id=0\)"),
        ({"polars": "own_steps:fails"}, r"transform 1 \(polars\): .*seven.*\(.*key id=7\)"),
    ],
)
def test_a_value_that_fails_is_named(step: Row, said: str) -> None:
    with pytest.raises(DataError) as caught:
        run_through(steps(step), SAMPLE, "t", ["id"])
    assert re.search(said, str(caught.value).replace("\n", " ")), str(caught.value)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT DISTINCT id FROM batch", "SELECT sum(id) FROM batch", "SELECT row_number() OVER () FROM batch",
        "SELECT id FROM batch ORDER BY id", "SELECT id FROM batch LIMIT 1", "SELECT random() FROM batch",
        "SELECT now() FROM batch", "SELECT current_date FROM batch", "SELECT age(seen) FROM batch",
        "SELECT id FROM other", "SELECT id FROM batch, batch b", "SELECT (SELECT 1) FROM batch",
        "SELECT unnest([1,2]) FROM batch", "SELECT id FROM batch UNION ALL SELECT id FROM batch",
        "WITH x AS (SELECT 1) SELECT id FROM batch", "SELECT id, count(*) FROM batch GROUP BY id",
        "SELECT nope FROM batch", "SELECT id FROM batch TABLESAMPLE 10%", "SELECT id FROM batch; DROP TABLE batch",
        "SELECT content FROM read_text('/etc/hostname')", "SELECT id FROM batch QUALIFY id = 1", "DELETE FROM batch",
        "SELECT id FROM batch WHERE id IN (SELECT id FROM batch)", "SELECT nextval('s') FROM batch",
        "SELECT uuid() FROM batch", "SELECT COLUMNS(*) FROM batch", "SELECT interval 1 month AS m FROM batch",
        "SELECT id FROM batch ORDER BY ALL", "SELECT id FROM batch GROUP BY ALL", "SELECT id FROM batch USING SAMPLE 1",
        "FROM batch SELECT id LIMIT 3", "SELECT id FROM batch WHERE random() < 0.5", "SELECT", "",
    ],
)  # fmt: skip
def test_sql_of_more_than_a_row_is_refused(query: str) -> None:
    with pytest.raises(RequestError, match=r"transform 1 \(sql\)"):
        steps({"sql": query})


@pytest.mark.parametrize("condition", ["sum(id) > 1", "id = 1) OR (SELECT true", "id > (SELECT 1)", "id", "nope = 1",
                                       "true; DROP TABLE x", "random() < 1"])  # fmt: skip
def test_conditions_of_more_than_a_row_are_refused(condition: str) -> None:
    if condition == "id":  # as a boolean, which is its own row's
        assert run_through(steps({"filter": condition}), SAMPLE, "t", []).num_rows == 8
        return
    with pytest.raises(RequestError, match=r"transform 1 \(filter"):
        steps({"filter": condition})


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ({"rename": {"nam": "x"}}, r"no column 'nam'.*\n.*name"),
        ({"rename": {"name": "day"}}, "two columns would be called 'day'"),
        ({"drop": [field.name for field in FIELDS]}, "no column is left"),
        ({"trim": ["id"]}, "id is int64, and no text"),
        ({"fill": {"id": "x"}}, "'x' is no int64"),
        ({"cast": {"seen": "int32"}}, "of which no value is a int32"),
        ({"cast": {"id": "wide"}}, "there is no type 'wide'"),
        ({"split": {"name": {"into": ["ID", "x"]}}}, "there is a column 'ID' already"),
        ({"join": {"flag": {"columns": ["name", "day"]}}}, "there is a column 'flag' already"),
        ({"mask": {"name": {"as": "partial", "keep": -1}}}, "it keeps no less than nothing"),
        ({"polars": "own_steps:none"}, "There is no function own_steps:none"),
        ({"polars": "no_such_module:f"}, "There is no function no_such_module:f"),
        ({"mask": {"name": {"as": "hash", "salt": "literal"}}}, "a salt stands in the job itself"),
        ({"mask": {"name": {"as": "hash", "salt": "${NOT_SET_AT_ALL}"}}}, "the environment has no NOT_SET_AT_ALL"),
        ({"mask": {"name": {"as": "fake", "kind": "planet"}}}, "nothing is invented for 'planet'"),
    ],
)
def test_what_does_not_fit_the_columns_is_refused(step: Row, said: str) -> None:
    with pytest.raises(RequestError, match=said):
        steps(step)


def test_a_refusing_cast_stops_at_what_it_would_round() -> None:
    batch = batch_of([{**SAMPLE.to_pylist()[0], "id": n, "amount": Decimal(a)} for n, a in ((1, "1.5"), (2, "1.505"))])
    with pytest.raises(DataError, match=r"amount cannot become decimal\(12,2\).*key id=2"):
        run_through(steps({"cast": {"amount": "decimal(12,2)"}}), batch, "t", ["id"])


def test_another_salt_than_the_plans_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = calls_of([{"mask": {"name": "hash"}}])
    assert "pepper" not in json.dumps([call.arguments for call in calls])
    monkeypatch.setenv("ROPEWAY_MASK_SALT", "another")
    with pytest.raises(RequestError, match=r"\$\{ROPEWAY_MASK_SALT\} is another salt"):
        chain(calls, FIELDS)
    assert SALT == "${ROPEWAY_MASK_SALT}"


def test_columns_that_sql_passes_on_keep_their_types() -> None:
    wide = (*FIELDS, Field("u", Type("uuid"), origin="u"), Field("w", Type("decimal", precision=60, scale=2)))
    made = chain(calls_of([{"sql": "SELECT *, id + 1 AS n FROM batch"}]), wide)[0].shaped.fields
    assert made[:-1] == wide
    assert str(made[-1].type) == "int64"
