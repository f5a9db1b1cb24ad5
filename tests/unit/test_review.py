"""The file in which pairs are approved: no cell is a formula, and all is read back as it was."""

from __future__ import annotations

import re

from hypothesis import example, given, settings
from hypothesis import strategies as st

from ropeway.transforms.review import escaped, plain

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
