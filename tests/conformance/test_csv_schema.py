"""CSV files whose texts do not fit their schema file: told apart, or the run stops with the row; nothing is guessed."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from moves import requested
from ropeway.cli import wire
from ropeway.cli.rejected import rejects
from ropeway.cli.shapes import run_shape
from ropeway.transfer.engines.files import csvfile
from ropeway.transfer.engines.files.format import Piece
from ropeway.transfer.errors import EngineError, RopewayError
from ropeway.transfer.request import Choice
from ropeway.verify.report import EQUALS_READ
from spots import Servers, Spot, spot

WORDS = {
    "id": "int16", "wide": "uint64", "real": "float64", "single": "float32", "price": "decimal(3,1)", "yes": "bool",
    "day": "date", "clock": "time(3)", "wall": "timestamp(3)", "at": "instant", "took": "duration", "said": "text(3)",
    "pad": "padded text(3)", "raw": "binary(2)", "name": "uuid",
}  # fmt: skip
UUID = "0b4c9c2e-54a8-4b4e-9df5-0123456789ab"
GOOD = {
    "id": ["007", "-32768"], "wide": ["18446744073709551615"], "yes": ["true", "FALSE", "1"],
    "real": ["0.1", "1e-300", "inf", "-inf", "nan", "0e0", "0.10000000000000001", "9007199254740992", "1.50", "-0"],
    "single": ["0.1", "16777216", "3.4028235e38"], "price": ["1.20", "99.9", "1e1"], "day": ["0001-01-01"],
    "clock": ["10:11:12.123000", "23:59:59"], "wall": ["2024-02-29 10:11:12.5", "2024-02-29T10:11:12"],
    "at": ["2024-02-29 10:11:12.123456Z", "2024-02-29 10:11:12+02:30"], "took": ["-3"],
    "said": ['""', "äöü", '" a "'], "pad": ["a  "], "raw": ["00FF"], "name": [UUID],
}  # fmt: skip
BAD = {
    "id": ["x", "40000", "1.0", "1e2", "0x10", " 5", '"1,000"', '""', "+5"], "wide": ["-1", "18446744073709551616"],
    "real": ["1e400", "-1e400", "1e-400", "9007199254740993", "0.1000000000000000123", '"1,5"', " 1"],
    "single": ["16777217", "1e39", "1e-50"], "price": ["1.25", "100", '"1,5"', " 1", "NaN", "1e-30"],
    "yes": ["yes", "2"],
    "day": ["2024-02-30", "03.02.2024", "03/02/2024", "20240203", "2024-2-3", "2024-02-03 00:00:00", "infinity"],
    "clock": ["24:00:00", "10:11:12.1234", "10:11:12Z", "23:59:60"], "took": ["1.5", "0x10"],
    "wall": ["2024-02-29 10:11:12Z", "2024-02-29 24:00:00", "2024-02-29 10:11:12.1234"], "at": ["2024-02-29 10:11:12"],
    "said": ["abcd", "\udcff"], "pad": ["abcd"], "raw": ["0", "zz", "000000"], "name": ["x", UUID.replace("-", "")],
}  # fmt: skip
UNSURE = (
    ('1,"x\n2,y\n', "begins a value in line 2 has no end"), ('1,"x\n2,"z"\n', "line 2 is followed by text"),
    ('1,x"y\n2,"x"y\n', "line 3 is followed by text"), ('1,"', "has no end"),
)  # fmt: skip


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def written(folder: Path, lines: str, **words: str) -> Spot:
    """A file of a header and these lines; a word that ends in ! is of a column that is never NULL."""
    folder.mkdir(exist_ok=True)
    text = ",".join(words) + "\n" + lines
    (folder / "note.csv").write_bytes(text.encode(errors="surrogateescape"))
    columns = [{"name": n, "type": word.rstrip("!"), "nullable": word[-1] != "!"} for n, word in words.items()]
    (folder / "note.schema.json").write_text(json.dumps({"columns": columns}))
    return Spot("csv", f"csv:///{folder}", lambda _: [])


@pytest.mark.parametrize("column", WORDS)
def test_each_text_is_its_value_or_none(column: str, tmp_path: Path) -> None:
    lines = [f"{n},{text}" for n, text in enumerate([*GOOD[column], *BAD[column]], 2)]
    written(tmp_path, "\n".join(lines), n="int64", **{column: WORDS[column]})
    told: list[tuple[str, str]] = []
    batches = csvfile._batches(
        tmp_path / "note.csv", Piece(["n", column]), 1 << 20,
        lambda row, error: told.append((row.to_pylist()[0]["n"].decode(), error.message)),
    )  # fmt: skip
    there = [row["n"] for batch in batches for row in batch.to_pylist()]
    assert there == list(range(2, 2 + len(GOOD[column])))
    assert [int(n) for n, _ in told] == list(range(2 + len(GOOD[column]), 2 + len(lines)))
    assert all(f"note.csv, row {n}: {column} holds '" in message for n, message in told)
    assert all(message.endswith(f"which is no {WORDS[column]}") for _, message in told)


LINES = 'n1,1.25\n1,1.2,"a,b"\n\n2\n3,\n,4.0\n5,5.0\n6,odd\n7,"7"\n'


@pytest.mark.parametrize("engine", ["postgresql", "sqlite"])
def test_rows_that_do_not_fit_are_set_aside(engine: str, tmp_path: Path, servers: Servers) -> None:
    source = written(tmp_path / "in", LINES, id="int64!", price="decimal(3,1)")
    target = spot(engine, tmp_path, servers)
    request, secrets = requested(source, target, max_rejects="5")
    outcome = wire.run(request, secrets)
    rows = [(int(one), price and Decimal(str(price))) for one, price in target.ask("SELECT id, price FROM note")]
    assert sorted(rows, key=str) == [(3, None), (5, Decimal("5.0")), (7, Decimal("7.0"))]
    (table,) = run_shape(outcome, {})["tables"]
    assert (table["read"], table["loaded"], table["rejected"]) == (8, 3, 5)
    kept = [(one.stage, one.column, json.loads(one.values)) for one in rejects(outcome.plan.run, target.url)]
    expected = [
        ("read", "", {"id": "2", "price": None}),
        ("read", "", {"id": '1,1.2,"a,b"', "price": None}),
        ("read", "id", {"id": None, "price": "4.0"}),
        ("read", "id", {"id": "n1", "price": "1.25"}),
        ("read", "price", {"id": "6", "price": "odd"}),
    ]
    assert sorted(kept, key=str) == sorted(expected, key=str)
    (checked,) = wire.verify(request, level="full", secrets=secrets).tables
    assert (checked.claim, checked.rejected, checked.refused) == (EQUALS_READ, 5, 0)
    (counted,) = wire.verify(request, level="count", secrets=secrets).tables
    assert counted.rows_target == 3


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("1", "row 3 has 1 fields, and its header has 2"), ("1,2,3", "row 3 has 3 fields"),
        ("1,1.25", r"row 3: price holds '1\.25', which is no decimal\(3,1\)"), (",1", "row 3: id is NULL, and is decl"),
        ("1,\udcff", r"row 3: price holds '.+xff', which is no decimal"), ('"1,000",', "row 3: id holds '1,000'"),
    ],
)  # fmt: skip
def test_the_run_stops_with_the_row_and_goes_on(line: str, said: str, tmp_path: Path, servers: Servers) -> None:
    source = written(tmp_path / "in", f"7,7.0\n{line}\n8,\n", id="int64!", price="decimal(3,1)")
    target = spot("sqlite", tmp_path, servers)
    request, secrets = requested(source, target)
    with pytest.raises(RopewayError, match=said):
        wire.run(request, secrets)
    assert not target.ask("SELECT id FROM note")
    written(tmp_path / "in", "7,7.0\n8,\n", id="int64!", price="decimal(3,1)")
    wire.run(request, secrets, resume=True)
    assert target.ask("SELECT id FROM note ORDER BY id") == [(7,), (8,)]


def test_rows_of_other_fields_are_not_told_apart_where_some_are_no_utf8(tmp_path: Path, servers: Servers) -> None:
    """Arrow cannot tell of such a row."""
    source = written(tmp_path / "in", LINES.replace("odd", "\udcff"), id="int64!", price="decimal(3,1)")
    request, secrets = requested(source, spot("sqlite", tmp_path, servers), max_rejects="5")
    with pytest.raises(EngineError, match="Row #3: Expected 2 columns, got 3"):
        wire.run(request, secrets)


@pytest.mark.parametrize(("lines", "said"), UNSURE)
def test_where_rows_end_is_not_guessed(lines: str, said: str, tmp_path: Path, servers: Servers) -> None:
    """Arrow's parser takes what follows a quote without its end for one value."""
    source, target = written(tmp_path / "in", lines, id="int64", said="text"), spot("sqlite", tmp_path, servers)
    request, secrets = requested(source, target, max_rejects="9")
    with pytest.raises(EngineError, match=said):
        wire.run(request, secrets)


def test_rows_of_which_a_condition_is_not_known_are_set_aside(tmp_path: Path, servers: Servers) -> None:
    source = written(tmp_path / "in", "1,a\n2,b\nodd,a\n4,a,a\n5,a\n", id="int64", said="text")
    target = spot("sqlite", tmp_path, servers)
    request, secrets = requested(source, target, max_rejects="9", choices=(Choice("note", where="id <> 5"),))
    outcome = wire.run(request, secrets)
    assert target.ask("SELECT id, said FROM note ORDER BY id") == [(1, "a"), (2, "b")]
    assert len(rejects(outcome.plan.run, target.url)) == 2


def test_a_type_of_the_job_names_the_row_as_well(tmp_path: Path, servers: Servers) -> None:
    source, target = (
        written(tmp_path / "in", "1,5\n1,b,c\n2,x\n", id="int64", said="text"),
        spot("sqlite", tmp_path, servers),
    )
    (tmp_path / "in" / "note.schema.json").unlink()
    choices = (Choice("note", types=(("said", "int64"),)),)
    request, secrets = requested(source, target, choices=choices, max_rejects="2")
    outcome = wire.run(request, secrets)
    reasons = [one.reason for one in rejects(outcome.plan.run, target.url)]
    assert ["row 3 has 3 fields" in reasons[0], "row 4" in reasons[1]] == [True, True], reasons
