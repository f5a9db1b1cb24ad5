"""What the tests of the command line share."""

from __future__ import annotations

from pathlib import Path

import pytest

from shell import Shell


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


@pytest.fixture
def source(chinook: Path) -> tuple[str, str]:
    return "--source", f"sqlite:///{chinook / 'Chinook_Sqlite.sqlite'}"
