"""What `make test` leaves to `make wide` are pairs, never an engine or a case."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILES = ("tests/conformance/test_objects.py", "tests/conformance/test_slices.py", "tests/unit/test_transforms.py")


def collected(*words: str) -> list[str]:
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:xdist", *words, *FILES]
    plain = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
    done = subprocess.run(command, cwd=ROOT, env=plain, capture_output=True, text=True, check=True)
    return [line for line in done.stdout.splitlines() if "::" in line]


def words_of(ids: list[str]) -> dict[str, set[str]]:
    """Of each test the words that its variants' names are made of: engines and cases, at their places."""
    found: dict[str, set[str]] = defaultdict(set)
    for one in ids:
        test, _, names = one.partition("[")
        found[test] |= {f"{place} {word}" for place, word in enumerate(re.split(r"[-\]]", names)) if word}
    return found


def test_each_engine_and_each_case_is_left() -> None:
    wide, spread = collected(), collected("--spread")
    assert words_of(spread) == words_of(wide)
    assert set(spread) < set(wide)
    assert spread == collected("--spread")
    assert [one for one in spread if "/unit/" in one] == [one for one in wide if "/unit/" in one]
