"""Quotes in CSV files: rows as a plain reader of one byte at a time finds them, or the file is refused as a whole."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from ropeway.transfer.engines.files import csvfile, fitting, quoting
from ropeway.transfer.engines.files.format import Piece
from ropeway.transfer.errors import DataError, EngineError

Plain = list[list[str | None]]
PIECES = ("1,2", '"x","y"', '"",', '"a""b","c\nd"', 'a"b,c', "1", '"q","r","s"', '"x",y"')


def plainly(text: str) -> Plain | None:
    """Its rows, empty lines left out; None where a quoted value has no end, or text behind it."""
    rows: Plain = []
    row: list[str | None] = []
    at = 0
    while at <= len(text):
        value: str | None = ""
        if text[at : at + 1] == '"':
            end = at + 1
            while text[end : end + 1] != '"' or text[end + 1 : end + 2] == '"':
                if end >= len(text):
                    return None
                end += 2 if text[end] == '"' else 1
            value, at = text[at + 1 : end].replace('""', '"'), end + 1
            if text[at : at + 1] not in ("", ",", "\n", "\r"):
                return None
        else:
            end = min([len(text), *(found for mark in ",\n\r" if (found := text.find(mark, at)) >= 0)])
            value, at = text[at:end] or None, end
        row.append(value)
        if text[at : at + 1] != ",":
            rows += [row] if row != [None] else []
            row = []
            at += text[at : at + 2] == "\r\n"
        at += 1
    return rows


@pytest.mark.parametrize("seed", range(4))
def test_rows_are_those_of_a_plain_reader(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csvfile, "_BLOCK", 24)
    chance, path = random.Random(seed), tmp_path / "t.csv"
    refused = 0
    for _ in range(300):
        odd = "".join(chance.choices('",\n\rxy""', k=chance.randint(1, 14)))
        text = "a,b\n" + (odd if chance.random() < 0.5 else "\n".join(chance.choices(PIECES, k=4)))
        path.write_bytes(text.encode())
        expected = plainly(text)
        if expected is None:
            refused += 1
            with pytest.raises(EngineError, match="a value in line"):
                csvfile._rows(path)
            continue
        told: list[int] = []

        def tell(row: object, error: DataError, told: list[int] = told) -> None:
            told.append(int(error.message.split("row ")[1].split()[0]))

        batches = csvfile._batches(path, Piece(["a", "b"]), 100, tell)
        found = {row.pop(fitting.ROW): list(row.values()) for batch in batches for row in batch.to_pylist()}
        assert found == {n: row for n, row in enumerate(expected[1:], 2) if len(row) == 2}, text
        assert sorted(told) == [n for n, row in enumerate(expected[1:], 2) if len(row) != 2], text
        assert csvfile._rows(path) == len(expected) - 1
        assert read(path, chance) == text + ("" if text[-1] in "\r\n" else "\n")
    assert 30 < refused < 270


def read(path: Path, chance: random.Random) -> str:
    """The bytes as they pass, some at a time."""
    checked, found = quoting.Checked(path), b""
    while block := checked.read(chance.randint(1, 5)):
        found += block
    return found.decode()
