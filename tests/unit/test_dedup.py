"""Deduplication against a plain reading of its rules, whatever the order of rows and the slices."""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ropeway.transfer.canonical import canon_of
from ropeway.transfer.errors import RequestError
from ropeway.transfer.gathering import loaded_fields
from ropeway.transfer.plan import ColumnPlan, Cut, Hop, Slice
from ropeway.transfer.schema.catalogue import Relation
from ropeway.transfer.stage import ROW, Stage
from ropeway.transfer.types import Fidelity, Type
from ropeway.transforms.dedup import Dedup, dedup
from ropeway.transforms.similar import apart

Row = dict[str, Any]
TYPES = {"id": Type("int64"), "mail": Type("text"), "name": Type("text"), "at": Type("int32")}


def hop_of(slices: int) -> Hop:
    columns = tuple(
        ColumnPlan(name, name, name, kind, str(kind), Fidelity.EXACT, "", canon_of(kind))
        for name, kind in TYPES.items()
    )
    parts = tuple(Slice(number, Cut()) for number in range(1, slices + 1))
    there = Relation("", "t")
    return Hop("1 t -> t", there, there, there, columns, parts, key=("id",))


def after(rows: list[Row], spec: Row, folder: Path, slices: int = 1) -> tuple[list[Row], int, int, list[Row]]:
    """The rows that are loaded, by their key; how many went into how many others; the report."""
    hop = hop_of(slices)
    stage = Stage(folder, hop)
    schema = pa.schema([(name, kind.arrow) for name, kind in TYPES.items()])
    for part in hop.slices:
        mine = rows[part.number - 1 :: slices]
        batch = pa.RecordBatch.from_pylist(mine, schema=schema)
        stage.put(part, [batch.slice(0, 2), batch.slice(2)], "now", lambda mine=mine: len(mine))  # type: ignore[misc]
    wanted = dedup(loaded_fields(hop), json.dumps(spec), hop.key)
    decision = wanted.decide(stage, 256 << 20, 1)
    first = stage.sum()
    wanted.decide(stage, 256 << 20, 1)
    assert stage.sum() == first
    made = [row for part in hop.slices for batch in stage.batches(part) for row in batch.to_pylist()]
    wanted.report(stage, 256 << 20, 1)
    report = pa.parquet.read_table(stage.folder / "merged.parquet").to_pylist()
    assert sum(stage.read(part) for part in hop.slices) == len(rows)
    return sorted(made, key=lambda row: row["id"]), decision.removed, decision.into, report


FORMS: dict[str, Callable[[str], str]] = {
    "case": str.lower,
    "spaces": lambda one: re.sub(r"\s+", " ", one, flags=re.ASCII).strip(" "),
    "accents": lambda one: "".join(c for c in unicodedata.normalize("NFD", one) if not unicodedata.combining(c)),
    "email": lambda one: re.sub(r"\+[^@]*@", "@", one.strip().lower(), count=1),
    "phone": lambda one: "+" * bool(re.match(r"\s*(\+|00)", one)) + re.sub("[^0-9]", "", re.sub("^\\s*00", "", one)),
}


def plainly(rows: list[Row], spec: Row) -> list[Row]:
    """The rows that stay; ids are unique, so nothing ties but by the rule itself."""
    groups: defaultdict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        key = []
        for name in spec["key"]:
            value = row[name]
            for form in spec.get("normalise", {}).get(name, []):
                value = None if value is None else FORMS[form](value)
                value = None if form in ("email", "phone") and value in ("", "+") else value
            key.append(value)
        groups[("alone", row["id"]) if None in key else tuple(key)].append(row)
    return sorted((one(group, spec) for group in groups.values()), key=lambda row: row["id"])


def one(group: list[Row], spec: Row) -> Row:
    """What a group becomes; ids decide where the rule leaves it open, as the tests' specs have it."""
    rule, by = spec.get("keep", "first"), spec.get("by", "id")
    down = rule in ("last", "latest", "merge")
    ordered = sorted(group, key=lambda row: (row[by] is None, -(row[by] or 0) if down else (row[by] or 0)))
    first = ordered[0]
    if rule != "merge":
        return first
    values = {name: next((row[name] for row in ordered if row[name] is not None), None) for name in TYPES}
    return {**values, "id": first["id"]}


MAILS = st.none() | st.sampled_from(["a@x", "A@x", "a+1@x", " a@x ", "b@x", "é@x", "e@x", "00 49 1", "+49-1", "  ", ""])
ROWS = st.lists(
    st.fixed_dictionaries({
        "id": st.integers(0, 10**6), "mail": MAILS, "name": st.none() | st.sampled_from("xyz"),
        "at": st.integers(0, 10**6),
    }), max_size=14, unique_by=(lambda row: row["id"], lambda row: row["at"]),
)  # fmt: skip
SPECS: list[Row] = [
    {"key": ["mail"]},
    {"key": ["mail"], "keep": "last"},
    {"key": ["mail", "name"], "keep": "first"},
    {"key": ["mail"], "keep": "latest", "by": "at"},
    {"key": ["mail"], "keep": "earliest", "by": "at", "normalise": {"mail": ["case", "spaces"]}},
    {"key": ["mail"], "keep": "merge", "by": "at", "normalise": {"mail": ["accents"]}},
    {"key": ["mail"], "keep": "merge", "by": "at", "normalise": {"mail": ["email"]}},
    {"key": ["mail"], "keep": "latest", "by": "at", "normalise": {"mail": ["phone"]}},
]


@pytest.mark.parametrize("number", range(len(SPECS)))
def test_it_does_what_a_plain_reading_does(number: int) -> None:
    spec = SPECS[number]

    @settings(max_examples=15)
    @given(rows=ROWS, slices=st.integers(1, 3))
    def holds(rows: list[Row], slices: int) -> None:
        with TemporaryDirectory() as folder:
            made, gone, into, report = after(rows, spec, Path(folder), slices)
            wanted = plainly(rows, spec)
            assert made == wanted
            assert gone == len(rows) - len(wanted) == len(report)
            assert into == len({row["kept id"] for row in report})
            there = {row["id"] for row in made}
            assert all(row["kept id"] in there and row["id"] not in there for row in report)

    holds()


@settings(max_examples=20, deadline=None)
@given(order=st.permutations(range(8)), slices=st.integers(1, 3))
def test_ties_do_not_go_by_arrival(order: list[int], slices: int) -> None:
    """All have one moment and as many values: a digest of the row decides, the same in any order."""
    rows = [{"id": n, "mail": "a@x", "name": "n", "at": 5} for n in range(8)]
    with TemporaryDirectory() as folder:
        spec = {"key": "mail", "keep": "latest", "by": "at"}
        first, *_ = after(rows, spec, Path(folder) / "one")
        again, *_ = after([rows[place] for place in order], spec, Path(folder) / "other", slices)
    assert first == again
    assert len(first) == 1


def test_names_of_a_users_are_not_ours(tmp_path: Path) -> None:
    """Nor does DuckDB take two columns for one that differ in letters' case only."""
    names = ("id", "k0", "K0", "row_number", "place", "digest", "kept id", "h")
    hop = hop_of(1)
    columns = tuple(replace(hop.columns[0], source=name, target=name) for name in names)
    stage = Stage(tmp_path, replace(hop, columns=columns))
    rows = [[1, 2], [7, 8], [5, 5], [3, 3], [1, 1], [9, 9], [4, 4], [2, 2]]
    batch = pa.RecordBatch.from_arrays([pa.array(one, pa.int64()) for one in rows], names=list(names))
    stage.put(hop.slices[0], [batch], "now", lambda: 2)
    for spec, stay in (({"key": "k0"}, 2), ({"key": "K0", "keep": "merge", "by": "digest"}, 1)):
        wanted = dedup(loaded_fields(stage.hop), json.dumps(spec), ("id",))
        wanted.decide(stage, 256 << 20, 1)
        wanted.report(stage, 256 << 20, 1)
        (made,) = list(stage.batches(hop.slices[0]))
        assert (made.num_rows, made.schema.names) == (stay, list(names))
    assert pa.parquet.read_table(stage.folder / "merged.parquet").column_names == [
        "id", "k0", "K0 (2)", "row_number", "place", "digest", "kept id", "h", "kept id (2)", "same", "rule",
    ]  # fmt: skip


@pytest.mark.parametrize(("form", "texts"), [("phone", ("n/a", "unknown", "+")), ("email", (" ", "\t"))])
def test_what_says_nothing_is_nobodys_twin(form: str, texts: tuple[str, ...], tmp_path: Path) -> None:
    rows = [{"id": number, "mail": text, "name": None, "at": None} for number, text in enumerate(texts)]
    made, gone, *_ = after(rows, {"key": "mail", "normalise": {"mail": form}}, tmp_path)
    assert (made, gone) == (rows, 0)


def test_the_most_complete_row_stays(tmp_path: Path) -> None:
    rows = [{"id": 1, "mail": "a", "name": None, "at": None}, {"id": 2, "mail": "a", "name": "x", "at": None},
            {"id": 3, "mail": "a", "name": None, "at": 3}, {"id": 4, "mail": "a", "name": "y", "at": 1}]  # fmt: skip
    made, *_ = after(rows, {"key": "mail", "keep": "most_complete"}, tmp_path)
    assert made == [rows[3]]


def test_rows_are_numbered_apart(tmp_path: Path) -> None:
    rows = [{"id": n, "mail": str(n), "name": None, "at": None} for n in range(7)]
    hop = hop_of(3)
    after(rows, {"key": "mail"}, tmp_path, 3)
    numbers = [
        n for part in hop.slices for n in pa.parquet.read_table(Stage(tmp_path, hop).file(part))[ROW].to_pylist()
    ]
    assert len(set(numbers)) == 7


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"key": "nope"}, "no column 'nope'"),
        ({"key": "mail", "keep": "latest"}, "keep: latest needs a column"),
        ({"key": "mail", "normalise": {"name": "case"}}, "name is normalised, and no part of the key"),
        ({"key": "mail", "normalise": {"mail": "sound"}}, "there is no form 'sound'"),
        ({"key": "mail", "keep": "best"}, "nothing is kept by 'best'"),
        ({"key": []}, "it names no key"),
        ({"key": "at", "normalise": {"at": "case"}}, "at is int32, and forms are for texts"),
    ],
)
def test_what_cannot_be_decided_is_refused(spec: Row, said: str) -> None:
    with pytest.raises(RequestError, match=said):
        dedup(loaded_fields(hop_of(1)), json.dumps(spec), ("id",))


def test_a_table_without_a_key_needs_an_order() -> None:
    with pytest.raises(RequestError, match="keep: first has no order: the table has no key"):
        dedup(loaded_fields(hop_of(1)), json.dumps({"key": "mail"}), ())


SIMILAR: Row = {"key": ["mail"], "similar": {"columns": ["name"], "within": ["at"], "similarity": 0.8}}
ALIKE = st.lists(
    st.fixed_dictionaries({
        "id": st.integers(-50, 50), "mail": st.none() | st.sampled_from("ab"),
        "name": st.none() | st.sampled_from(["Anna Meier", "anna  meyer", "ANNA MEIËR", "Bob", "Bøb", "=Bob", " "]),
        "at": st.none() | st.integers(0, 1),
    }), max_size=12, unique_by=lambda row: row["id"],
)  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(rows=ALIKE, slices=st.integers(1, 3), chosen=st.randoms())
def test_approved_pairs_make_rows_one(rows: list[Row], slices: int, chosen: Any) -> None:
    """Whatever is approved: exact groups and pairs are one by way of each other, and the first key stays."""
    with TemporaryDirectory() as folder:
        stage, wanted = staged(rows, SIMILAR, Path(folder), slices)
        wanted.decide(stage, 256 << 20, 1)
        assert wanted.similar
        stays = {row["id"]: row for part in stage.hop.slices for b in stage.batches(part) for row in b.to_pylist()}
        found = wanted.similar.propose(stage, Path(folder), 256 << 20, 1)
        assert found.pairs == len(alike(list(stays.values())))
        if not found.file:
            return
        text = found.file.read_bytes().decode("utf-8-sig")
        heads, *lines = list(csv.reader(io.StringIO(text, newline="")))
        made = [[line[0], chosen.choice(["yes", ""]), *line[2:]] for line in lines]
        with found.file.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([heads, *made])
        spec, more = apart({**SIMILAR, "similar": {**SIMILAR["similar"], "approved": str(found.file)}})
        again = dedup(loaded_fields(stage.hop), json.dumps(spec), stage.hop.key, **more)
        assert again.decide(stage, 256 << 20, 1).left == ()
        pairs = {(int(line[2].lstrip("'")), int(line[3].lstrip("'"))) for line in made if line[1]}
        assert {(int(line[2].lstrip("'")), int(line[3].lstrip("'"))) for line in made} == alike(list(stays.values()))
        after_ = {row["id"] for part in stage.hop.slices for b in stage.batches(part) for row in b.to_pylist()}
        assert after_ == firsts(rows, pairs)


def staged(rows: list[Row], spec: Row, folder: Path, slices: int) -> tuple[Stage, Dedup]:
    hop = hop_of(slices)
    stage = Stage(folder, hop)
    schema = pa.schema([(name, kind.arrow) for name, kind in TYPES.items()])
    for part in hop.slices:
        batch = pa.RecordBatch.from_pylist(rows[part.number - 1 :: slices], schema=schema)
        stage.put(part, [batch], "now", lambda: 0)
    return stage, dedup(loaded_fields(hop), json.dumps(spec), hop.key)


def alike(rows: list[Row]) -> set[tuple[int, int]]:
    """The pairs that are to be proposed, by their keys; which names are alike is written down here."""
    forms = {"Anna Meier": "A", "anna  meyer": "A", "ANNA MEIËR": "A", "Bob": "B", "=Bob": "B", "Bøb": "C"}
    known = [(row["id"], forms.get(row["name"]), row["at"]) for row in rows if row["at"] is not None]
    return {(a, b) for a, one, at in known for b, other, then in known if a < b and one and (one, at) == (other, then)}


def firsts(rows: list[Row], pairs: set[tuple[int, int]]) -> set[int]:
    """The least key of each component of equal mails and approved pairs."""
    ids = [row["id"] for row in rows]
    mails = {row["id"]: row["mail"] for row in rows}
    edges = [(a, b) for a in ids for b in ids if (a, b) in pairs or (mails[a] is not None and mails[a] == mails[b])]
    top = {one: one for one in ids}
    for _ in ids:
        for a, b in edges:
            top[a] = top[b] = min(top[a], top[b])
    return set(top.values())


def test_what_is_seen_of_a_merged_row_is_what_is_loaded(tmp_path: Path) -> None:
    """With keep: merge the row that stays has values of the others, and with these it is compared and approved."""
    spec = {**SIMILAR, "keep": "merge", "by": "id"}
    rows: list[Row] = [
        {"id": 1, "mail": "a", "name": "Anna Meier", "at": 1}, {"id": 2, "mail": "a", "name": None, "at": 1},
        {"id": 3, "mail": None, "name": "Anna  Meyer", "at": 1},
    ]  # fmt: skip
    stage, wanted = staged(rows, spec, tmp_path, 2)
    wanted.decide(stage, 256 << 20, 1)
    assert wanted.similar
    found = wanted.similar.propose(stage, tmp_path, 256 << 20, 1)
    assert found.file
    text = found.file.read_text(encoding="utf-8-sig")
    assert '"1","","2","3","0.9600","1","1","Anna Meier","Anna  Meyer"' in text
    found.file.write_text(text.replace('"1","",', '"1","y",'), encoding="utf-8")
    again, more = apart({**spec, "similar": {**SIMILAR["similar"], "approved": str(found.file)}})
    decision = dedup(loaded_fields(stage.hop), json.dumps(again), stage.hop.key, **more).decide(stage, 256 << 20, 1)
    assert (decision.removed, decision.into, decision.approved, decision.left) == (2, 1, 2, ())
    made = [row for part in stage.hop.slices for batch in stage.batches(part) for row in batch.to_pylist()]
    assert made == [{"id": 3, "mail": "a", "name": "Anna  Meyer", "at": 1}]
