"""The file in which pairs are approved: no cell is a formula, and all is read back as it was."""

from __future__ import annotations

import csv
import re
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from ropeway.transforms.review import escaped, plain, read, write

SIGNS = "'=+-@;,|\t\r\n ab＝\""


@settings(max_examples=300)
@given(value=st.text(alphabet=SIGNS) | st.text())
@example("a;=1+1")
@example("'=1")
@example("-5")
def test_what_is_escaped_is_read_as_it_was(value: str) -> None:
    lines = re.sub("\r\n?", "\n", value)
    assert plain(escaped(value)) == lines
    assert not any(re.match("[=+@＝＋－＠-]", cell) for cell in re.split("[;,|\t\n]", escaped(value)))


def test_a_cell_may_be_longer_than_csv_expects(tmp_path: Path) -> None:
    """Python takes 131,072 characters of a cell, unless it is told of more; that is told for this file alone."""
    usual, path = csv.field_size_limit(), tmp_path / "pairs.csv"
    long = "x" * (2 * usual)
    assert write(path, ("id (1)", "id (2)", "text (1)", "text (2)"), 2, [(0.95, ("1", "2", long, long + "y"))]) == 1
    path.write_text(path.read_text(encoding="utf-8-sig").replace('"1","",', '"1","yes",'), encoding="utf-8")
    ((number, one, other, _),) = read(path).pairs
    assert (number, one, other) == ("1", ("1",), ("2",))
    assert csv.field_size_limit() == usual
