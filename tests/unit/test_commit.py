"""Where one statement ends and the next begins."""

from __future__ import annotations

import pytest

from ropeway.transfer.commit import parts

BODY = "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $x$ BEGIN\n-- it's\nRETURN 1;\nEND;\n$x$"


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("A;\nB", ["A", "B"]),
        ("A; B;\n", ["A; B"]),
        ("SELECT ';\n''x';\nB", ["SELECT ';\n''x'", "B"]),
        ('SELECT ";\n";\nB', ['SELECT ";\n"', "B"]),
        ("-- don't;\nCREATE TABLE x (a int);\nB", ["-- don't;\nCREATE TABLE x (a int)", "B"]),
        ("/* isn't;\n */ A;\nB", ["/* isn't;\n */ A", "B"]),
        (BODY, [BODY]),
        (f"{BODY};\nB", [BODY, "B"]),
        ("it's", ["it's"]),
        ("SELECT `;\n`", ["SELECT `;\n`"]),
    ],
)
def test_statements_are_told_apart(sql: str, expected: list[str]) -> None:
    assert parts(sql) == expected
