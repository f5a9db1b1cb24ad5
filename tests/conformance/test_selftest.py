"""A server is believed only if it writes the canonical forms as the client does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from ropeway.transfer.canonical import FORMS
from ropeway.transfer.engine import Engine, Session
from ropeway.transfer.engines import engine_of
from ropeway.transfer.errors import EngineError
from ropeway.transfer.place import parse, resolve
from ropeway.transfer.specimen import specimens
from ropeway.verify.selftest import check_forms
from spots import Servers, spot

UNLIKE = {
    "postgresql": ("SET datestyle = 'SQL, DMY'", "date"),
    "mariadb": ("SET time_zone = '+05:30'", "instant"),
    "mysql": ("SET time_zone = '+05:30'", "instant"),
}


@contextmanager
def connected(engine: str, folder: Path, servers: Servers) -> Iterator[tuple[Engine, Session]]:
    made = engine_of(engine)
    with closing(made.connect(resolve(*parse(spot(engine, folder, servers).url)), create=True)) as session:
        yield made, session


def test_there_is_a_specimen_of_each_form() -> None:
    assert [canon.form for canon, _ in specimens()] == list(FORMS)


@pytest.mark.parametrize("engine", [*UNLIKE, "duckdb"])
def test_each_server_agrees(engine: str, tmp_path: Path, servers: Servers) -> None:
    with connected(engine, tmp_path, servers) as (made, session):
        assert all(made.specimen(session, canon) for canon, _ in specimens())
        check_forms(made, session, FORMS)


@pytest.mark.parametrize("engine", UNLIKE)
def test_a_server_of_another_setting_is_refused(engine: str, tmp_path: Path, servers: Servers) -> None:
    setting, form = UNLIKE[engine]
    with connected(engine, tmp_path, servers) as (made, session):
        session.execute(setting)
        with pytest.raises(EngineError, match=f"the form {form} otherwise"):
            check_forms(made, session, FORMS)
        check_forms(made, session, {"integer", "text"})
