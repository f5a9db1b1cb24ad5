"""The checksum on Arrow: what docs/checksum.md says, against a plain reading of it, and its algebra."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from plain_checksum import plain_sum, row_text
from ropeway.transfer.canonical import FORMS, Canon, canon_of
from ropeway.transfer.errors import RequestError
from ropeway.transfer.types import Type
from ropeway.verify import checksum, longtext
from ropeway.verify.checksum import Sum, digests, of_batch

Values = list[Any]


@dataclass(frozen=True)
class Kind:
    """A column of the alphabet: its form, its Arrow type, plain values, and how these become Arrow's."""

    canon: Canon
    arrow: pa.DataType
    values: st.SearchStrategy[Any]

    def array(self, values: Values) -> pa.Array[Any]:
        stored = physical(self.arrow)
        return pa.array(values, stored).view(self.arrow) if stored != self.arrow else pa.array(values, self.arrow)


def physical(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_date32(kind):
        return pa.int32()
    return pa.int64() if pa.types.is_temporal(kind) else kind


def between(low: int, high: int) -> st.SearchStrategy[int]:
    """Whole numbers, often at the ends, around zero, or near each other."""
    edges = [edge for edge in (low, low + 1, high - 1, high, -1, 0, 1, 999, 1000) if low <= edge <= high]
    return st.sampled_from(edges) | st.integers(low, high) | st.integers(max(low, 0), min(high, 12))


def decimals(precision: int, scale: int) -> st.SearchStrategy[Decimal]:
    most = 10**precision - 1
    return between(-most, most).map(lambda unscaled: Decimal(f"{unscaled}E{-scale}"))


def moments(low: int, high: int) -> st.SearchStrategy[int]:
    """Microseconds; half of them whole seconds, milliseconds or days."""
    spans = st.sampled_from((1, 1_000, 1_000_000, 86_400_000_000))
    return st.tuples(between(low, high), spans).map(lambda both: max(low, both[0] // both[1] * both[1]))


DAYS = (-719_162, 2_932_896)  # the years 1 to 9999
MICROSECONDS = (DAYS[0] * 86_400_000_000, (DAYS[1] + 1) * 86_400_000_000 - 1)
TEXTS = st.text(st.sampled_from("a|~:10 \t\0é€𝄞'\"\\") | st.characters(codec="utf-8"), max_size=40)
FLOATS = st.floats() | st.sampled_from((0.0, -0.0, float("nan"), -float("nan"), 5e-324, 1.0))
KINDS = {
    "bool": Kind(Canon("boolean"), pa.bool_(), st.booleans()),
    **{
        f"{sign}int{bits}": Kind(
            Canon("integer"),
            getattr(pa, f"{sign}int{bits}")(),
            between(0, 2**bits - 1) if sign else between(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1),
        )
        for sign in ("", "u")
        for bits in (8, 16, 32, 64)
    },
    "float32": Kind(Canon("float"), pa.float32(), st.floats(width=32)),
    "float64": Kind(Canon("float"), pa.float64(), FLOATS),
    "decimal": Kind(Canon("decimal", 2), pa.decimal128(15, 2), decimals(15, 2)),
    "fraction": Kind(Canon("decimal", 5), pa.decimal128(5, 5), decimals(5, 5)),
    "decimal18": Kind(Canon("decimal", 0), pa.decimal128(18, 0), decimals(18, 0)),
    "decimal38": Kind(Canon("decimal", 10), pa.decimal128(38, 10), decimals(38, 10)),
    "decimal76": Kind(Canon("decimal", 38), pa.decimal256(76, 38), decimals(76, 38)),
    "number": Kind(Canon("number"), pa.decimal128(30, 9), decimals(30, 9)),
    "number76": Kind(Canon("number"), pa.decimal256(60, 40), decimals(60, 40)),
    "too fine": Kind(Canon("decimal", 2), pa.decimal128(12, 4), decimals(12, 4)),
    "negative scale": Kind(Canon("decimal", 0), pa.decimal128(5, -2), decimals(5, -2)),
    "text": Kind(Canon("text"), pa.string(), TEXTS),
    "short text": Kind(Canon("text"), pa.string(), st.sampled_from(("", "~", "a", "b"))),
    "padded": Kind(Canon("padded"), pa.string(), TEXTS.map(lambda text: text + "  ")),
    "binary": Kind(Canon("binary"), pa.binary(), st.binary(max_size=40)),
    "uuid": Kind(Canon("uuid"), pa.string(), st.uuids().map(str) | st.uuids().map(lambda u: str(u).upper())),
    "no uuid": Kind(Canon("uuid"), pa.string(), st.uuids().map(str) | TEXTS | st.just("|" * 36)),
    "date": Kind(Canon("date"), pa.date32(), between(*DAYS)),
    "any date": Kind(Canon("date"), pa.date32(), between(-(2**31), 2**31 - 1)),
    "time": Kind(Canon("time", 6), pa.time64("us"), moments(0, 86_400_000_000)),
    "time0": Kind(Canon("time", 0), pa.time64("us"), moments(0, 86_399_999_999)),
    "time3": Kind(Canon("time", 3), pa.time64("us"), moments(0, 86_399_999_999)),
    "long time": Kind(Canon("time", 6), pa.duration("us"), moments(-(2**63), 2**63 - 1)),
    "duration": Kind(Canon("duration"), pa.duration("us"), between(-(2**63), 2**63 - 1)),
    "timestamp": Kind(Canon("timestamp", 6), pa.timestamp("us"), moments(*MICROSECONDS)),
    "timestamp0": Kind(Canon("timestamp", 0), pa.timestamp("us"), moments(*MICROSECONDS)),
    "timestamp3": Kind(Canon("timestamp", 3), pa.timestamp("us"), moments(*MICROSECONDS)),
    "any timestamp": Kind(Canon("timestamp", 6), pa.timestamp("us"), moments(-(2**63), 2**63 - 1)),
    "timestamp9": Kind(Canon("timestamp", 9), pa.timestamp("ns"), between(-(2**63), 2**63 - 1)),
    "timestamp7": Kind(Canon("timestamp", 7), pa.timestamp("ns"), between(0, 10**12).map(lambda n: n * 100)),
    "instant": Kind(Canon("instant", 6), pa.timestamp("us", tz="UTC"), moments(*MICROSECONDS)),
    "instant9": Kind(Canon("instant", 9), pa.timestamp("ns", tz="UTC"), between(-(2**63), 2**63 - 1)),
}


def batch_of(kinds: Sequence[Kind], rows: Sequence[Sequence[Any]]) -> pa.RecordBatch:
    columns = [kind.array([row[place] for row in rows]) for place, kind in enumerate(kinds)]
    return pa.record_batch(columns, [f"c{place}" for place in range(len(kinds))])


def sum_of(kinds: Sequence[Kind], rows: Sequence[Sequence[Any]]) -> Sum:
    return of_batch(batch_of(kinds, rows), [kind.canon for kind in kinds])


@st.composite
def tables(draw: st.DrawFn, least: int = 0) -> tuple[list[Kind], list[tuple[Any, ...]]]:
    """Some columns of any kinds, with NULLs; rows often many and values few, so that look-ups pay."""
    kinds = draw(st.lists(st.sampled_from(list(KINDS.values())), min_size=1, max_size=5))
    row = st.tuples(*(st.none() | kind.values for kind in kinds))
    rows = draw(st.lists(row, min_size=least, max_size=12))
    if rows and len(rows) % 2:
        rows = rows + draw(st.lists(st.sampled_from(rows), min_size=40, max_size=60))
    return kinds, rows


@given(tables())
def test_equals_the_plain_reading(table: tuple[list[Kind], list[tuple[Any, ...]]]) -> None:
    kinds, rows = table
    assert sum_of(kinds, rows) == plain_sum(rows, [kind.canon for kind in kinds])


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
@settings(max_examples=40)
@given(data=st.data())
def test_each_kind_equals_the_plain_reading(kind: Kind, data: st.DataObject) -> None:
    values = data.draw(st.lists(st.none() | kind.values, max_size=30))
    rows = [(value,) for value in values] * data.draw(st.sampled_from((1, 9)))
    assert sum_of([kind], rows) == plain_sum(rows, [kind.canon])
    start = data.draw(st.integers(0, len(rows)))
    part = batch_of([kind], rows).slice(start)
    assert of_batch(part, [kind.canon]) == plain_sum(rows[start:], [kind.canon])


@given(tables(), st.randoms(use_true_random=False))
def test_order_does_not_matter(table: tuple[list[Kind], list[tuple[Any, ...]]], random: Any) -> None:
    kinds, rows = table
    mixed = list(rows)
    random.shuffle(mixed)
    assert sum_of(kinds, mixed) == sum_of(kinds, rows)


@given(tables(), st.integers(0, 70))
def test_adds_up_over_parts(table: tuple[list[Kind], list[tuple[Any, ...]]], cut: int) -> None:
    kinds, rows = table
    first, rest, whole = sum_of(kinds, rows[:cut]), sum_of(kinds, rows[cut:]), sum_of(kinds, rows)
    assert first + rest == whole
    assert whole - first == rest
    assert whole - whole == Sum.zero()


@given(tables(), st.integers(0, 70), st.integers(0, 70))
def test_slices_are_the_rows_they_show(
    table: tuple[list[Kind], list[tuple[Any, ...]]], start: int, length: int
) -> None:
    kinds, rows = table
    part = batch_of(kinds, rows).slice(min(start, len(rows)), length)
    assert of_batch(part, [kind.canon for kind in kinds]) == sum_of(kinds, rows[start : start + length])


@given(tables(least=1), st.data())
def test_every_cell_counts(table: tuple[list[Kind], list[tuple[Any, ...]]], data: st.DataObject) -> None:
    kinds, rows = table
    at = data.draw(st.integers(0, len(rows) - 1))
    place = data.draw(st.integers(0, len(kinds) - 1))
    other = data.draw(st.none() | kinds[place].values)
    canons = [kind.canon for kind in kinds]
    changed = [*rows[at][:place], other, *rows[at][place + 1 :]]
    assume(row_text(changed, canons) != row_text(rows[at], canons))
    assert sum_of(kinds, [*rows[:at], changed, *rows[at + 1 :]]) != sum_of(kinds, rows)


@given(tables(), st.integers(1, 9))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_chunks_do_not_matter(
    monkeypatch: pytest.MonkeyPatch, table: tuple[list[Kind], list[tuple[Any, ...]]], chunk: int
) -> None:
    kinds, rows = table
    with monkeypatch.context() as patch:
        patch.setattr(checksum, "_CHUNK_ROWS", chunk)
        patch.setattr(checksum, "_WORD_ROWS", 2)
        chunked = sum_of(kinds, rows)
    assert chunked == sum_of(kinds, rows)


SAMPLE = (
    ("int64", (1, -(2**63), None)),
    ("uint64", (0, 2**64 - 1, None)),
    ("decimal", (Decimal("-0.05"), Decimal("1234567.80"), None)),
    ("decimal76", (Decimal("1E-38"), Decimal("-9.5"), None)),
    ("float64", (-0.0, 0.1, None)),
    ("float32", (float("nan"), 0.5, None)),
    ("bool", (True, False, None)),
    ("date", (0, -719_162, None)),
    ("timestamp", (0, -1, None)),
    ("any timestamp", (253_402_300_800_000_000, -63_517_824_000_000_000, None)),
    ("timestamp9", (123_456_789, -1, None)),
    ("long time", (-1, 3_020_399_000_000, None)),
    ("duration", (-5, 10**15, None)),
    ("text", ("", "a|~:é𝄞", None)),
    ("padded", ("ab \t ", "ab", None)),
    ("binary", (b"", b"\x00\xab", None)),
    ("uuid", ("6F9619FF-8B86-D011-B42D-00C04FC964FF", "6f9619ff-8b86-d011-b42d-00c04fc964ff", None)),
)


def test_a_row_reads_as_the_documentation_says() -> None:
    canons = [KINDS[name].canon for name, _ in SAMPLE]
    assert row_text([values[0] for _, values in SAMPLE], canons) == (
        "1|0|-0.05|0.00000000000000000000000000000000000001|0000000000000000|7FF8000000000000|1|1970-01-01|"
        "1970-01-01 00:00:00.000000|10000-01-01 00:00:00.000000|1970-01-01 00:00:00.123456789|"
        "-00:00:00.000001|-5|0||4|ab \t|0||6f9619ff-8b86-d011-b42d-00c04fc964ff"
    )
    assert row_text([values[2] for _, values in SAMPLE], canons) == "|".join("~" * len(SAMPLE))


def test_known_constants() -> None:
    """Computed once by the plain reading. If they change, sums kept from earlier runs mean nothing."""
    kinds = [KINDS[name] for name, _ in SAMPLE]
    rows = list(zip(*(values for _, values in SAMPLE), strict=True))
    assert sum_of(kinds, rows).text() == "3:c2c50c0e4bdff801b309d4b4a7fb4e27"
    assert sum_of([KINDS["int64"]], [(1,), (2,), (3,)]).text() == "3:8e0151338851ef5ade78df8269c58007"


def test_long_rows_have_the_same_digests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each row of all kinds, and of each kind alone, hashed piece by piece."""
    kinds = [KINDS[name] for name, _ in SAMPLE]
    rows = list(zip(*(values for _, values in SAMPLE), strict=True))
    canons = [kind.canon for kind in kinds]
    batch = batch_of(kinds, rows)
    expected = digests(batch, canons).to_list()
    monkeypatch.setattr(longtext, "_PIECE", 2)
    assert [longtext.long_digest(batch.slice(row, 1), canons) for row in range(len(rows))] == expected
    monkeypatch.setattr(checksum, "_CHUNK_BYTES", 8)
    monkeypatch.setattr(checksum, "LONG", 5)
    assert digests(batch, canons).to_list() == expected
    texts = [(text,) for text in ("", "a", "abcdefgh", None, "ein Wörtchen   ", "x")]
    for canon in (Canon("text"), Canon("padded")):
        part = pa.record_batch([pa.array([text for (text,) in texts])], ["c"])
        assert of_batch(part, [canon]) == plain_sum(texts, [canon])
    part = pa.record_batch([pa.array([None if text is None else text.encode() for (text,) in texts])], ["c"])
    assert of_batch(part, [Canon("binary")]) == plain_sum(
        [(None if text is None else text.encode(),) for (text,) in texts], [Canon("binary")]
    )


def test_no_columns_and_no_rows() -> None:
    structs: Any = pa.array([{}, {}], pa.struct([]))
    rows = pa.RecordBatch.from_struct_array(structs)
    assert of_batch(rows, []) == plain_sum([(), ()], [])
    for kind in KINDS.values():
        assert sum_of([kind], []) == Sum.zero()


NEIGHBOURS = [
    (("a|1:b", "c"), ("a", "b|1:c")),
    (("ab", "c"), ("a", "bc")),
    (("", None), (None, "")),
    (("~", "a"), (None, "a")),
    (("1:a", "b"), ("a", "1:b")),
    (("a ", "b"), ("a", "b")),
    (("é", ""), ("e\u0301", "")),
]


@pytest.mark.parametrize(("one", "other"), NEIGHBOURS)
def test_no_text_can_look_like_its_neighbour(one: tuple[Any, Any], other: tuple[Any, Any]) -> None:
    kinds = [KINDS["text"], KINDS["text"]]
    assert sum_of(kinds, [one]) != sum_of(kinds, [other])


def test_multiplicity_counts() -> None:
    kinds = [KINDS["text"]]
    assert sum_of(kinds, [("A",), ("A",), ("B",)]) != sum_of(kinds, [("B",), ("B",), ("B",)])


def column(values: Values, kind: pa.DataType, canon: Canon) -> Sum:
    return of_batch(pa.record_batch([Kind(canon, kind, st.nothing()).array(values)], ["c"]), [canon])


D = Decimal
SAME = [
    (Canon("decimal", 2), [1, -5, None], pa.int64(), [D("1.00"), D("-5.00"), None], pa.decimal128(15, 2)),
    (Canon("decimal", 2), [D("1.5"), None], pa.decimal128(9, 1), [D("1.50"), None], pa.decimal128(15, 2)),
    (Canon("decimal", 2), [D("1.5000")], pa.decimal256(50, 4), [D("1.50")], pa.decimal128(15, 2)),
    (Canon("integer"), [D(2**64 - 1), None], pa.decimal128(20, 0), [2**64 - 1, None], pa.uint64()),
    (Canon("integer"), [D("7.00")], pa.decimal128(20, 2), [7], pa.int8()),
    (Canon("integer"), [True, False], pa.bool_(), [1, 0], pa.int16()),
    (Canon("boolean"), [1, 0, None], pa.int8(), [True, False, None], pa.bool_()),
    (Canon("float"), [1, -7], pa.int32(), [1.0, -7.0], pa.float64()),
    (Canon("float"), [0.5, None], pa.float32(), [0.5, None], pa.float64()),
    (Canon("instant", 6), [1, None], pa.timestamp("us"), [1, None], pa.timestamp("us", tz="UTC")),
    (Canon("timestamp", 6), [1, None], pa.timestamp("us", tz="UTC"), [1, None], pa.timestamp("us")),
    (Canon("timestamp", 6), [1000], pa.timestamp("ns"), [1], pa.timestamp("us")),
    (Canon("timestamp", 9), [1000], pa.timestamp("ns"), [1], pa.timestamp("us")),
    (Canon("timestamp", 0), [1, None], pa.date32(), [86_400_000_000, None], pa.timestamp("us")),
    (Canon("date"), [86_400_000_000, -62_135_683_200_000_000], pa.timestamp("us"), [1, -719_163], pa.date32()),
    (Canon("time", 6), [86_399_999_999], pa.duration("us"), [86_399_999_999], pa.time64("us")),
    (Canon("duration"), [5, None], pa.time64("us"), [5, None], pa.duration("us")),
    (Canon("duration"), [5, None], pa.int64(), [5, None], pa.duration("us")),
]


@pytest.mark.parametrize(("canon", "given", "kind", "own", "own_kind"), SAME)
def test_another_engines_type_has_the_same_text(
    canon: Canon, given: Values, kind: pa.DataType, own: Values, own_kind: pa.DataType
) -> None:
    assert column(given, kind, canon) == column(own, own_kind, canon)


DIFFERENT = [
    (Canon("decimal", 2), [D("1.501")], pa.decimal128(15, 3), [D("1.50")], pa.decimal128(15, 2)),
    (Canon("integer"), [D("7.4")], pa.decimal128(20, 1), [7], pa.int8()),
    (Canon("boolean"), [2], pa.int8(), [True], pa.bool_()),
    (Canon("timestamp", 3), [123_456], pa.timestamp("us"), [123_000], pa.timestamp("us")),
    (Canon("timestamp", 6), [1001], pa.timestamp("ns"), [1], pa.timestamp("us")),
    (Canon("date"), [1], pa.timestamp("us"), [0], pa.date32()),
    (Canon("time", 0), [1], pa.time64("us"), [0], pa.time64("us")),
    (Canon("float"), [5e-324], pa.float64(), [0.0], pa.float64()),
]


@pytest.mark.parametrize(("canon", "finer", "kind", "value", "own_kind"), DIFFERENT)
def test_nothing_is_rounded_away(
    canon: Canon, finer: Values, kind: pa.DataType, value: Values, own_kind: pa.DataType
) -> None:
    assert column(finer, kind, canon) != column(value, own_kind, canon)


REFUSED = [
    ("integer", pa.float64()),
    ("decimal", pa.string()),
    ("float", pa.int64()),
    ("float", pa.decimal128(5, 2)),
    ("boolean", pa.string()),
    ("date", pa.timestamp("us", tz="UTC")),
    ("instant", pa.date32()),
    ("timestamp", pa.timestamp("s")),
    ("time", pa.int64()),
    ("text", pa.binary()),
    ("text", pa.int64()),
    ("padded", pa.large_string()),
    ("binary", pa.string()),
    ("uuid", pa.binary()),
]


def nulls(kind: pa.DataType) -> pa.Array[Any]:
    return pa.array([None] * 3, kind)


@pytest.mark.parametrize(("form", "kind"), REFUSED)
def test_a_type_with_two_readings_is_refused(form: str, kind: pa.DataType) -> None:
    batch = pa.record_batch([nulls(kind)], ["price"])
    with pytest.raises(RequestError, match="price"):
        of_batch(batch, [Canon(form, 2)])


def test_every_type_of_the_alphabet_can_be_checked() -> None:
    plain = ("bool", "int8", "uint64", "float32", "text", "binary", "date", "duration", "uuid", "json")
    timed = [(kind, digits) for kind in ("time", "timestamp", "instant") for digits in (0, 3, 6, 7, 9)]
    meanings = [
        *(Type(kind) for kind in plain),
        *(Type(kind, digits=digits) for kind, digits in timed),
        *(Type("decimal", precision=precision, scale=1) for precision in (1, 18, 19, 38, 39, 76)),
        Type("text", padded=True),
    ]
    for meaning in meanings:
        of_batch(pa.record_batch([nulls(meaning.arrow)], ["c"]), [canon_of(meaning)])
    assert {canon_of(meaning).form for meaning in meanings} | {"number"} == set(FORMS)


def test_as_many_forms_as_columns() -> None:
    with pytest.raises(ValueError, match="1 columns, but 2"):
        of_batch(batch_of([KINDS["int8"]], [(1,)]), [Canon("integer"), Canon("integer")])


@example(Sum(0, 0, 0))
@given(st.builds(Sum, st.integers(0, 2**63), st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1)))
def test_a_sum_prints_and_reads_itself(kept: Sum) -> None:
    assert Sum.parse(kept.text()) == kept


@pytest.mark.parametrize("text", ["", "3:12", "x:" + "0" * 32, "3:" + "z" * 32, "3 rows without a checksum"])
def test_what_is_no_sum_is_not_read_as_one(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Sum.parse(text)


def test_threads_do_not_disturb_each_other() -> None:
    numbers = np.random.default_rng(7).integers(-(2**62), 2**62, 40_000)
    texts = pa.array([f"line {number % 97}" for number in numbers.tolist()])
    batch = pa.record_batch([pa.array(numbers), texts], ["n", "t"])
    canons = [Canon("integer"), Canon("text")]
    expected = of_batch(batch, canons)
    found: list[Sum] = []

    def work() -> None:
        found.extend(of_batch(batch, canons) for _ in range(5))

    threads = [threading.Thread(target=work, daemon=True) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found == [expected] * 30
