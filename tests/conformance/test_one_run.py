"""A table that a run holds is held against every other run, by whatever name and URL that reaches it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from ropeway.transfer.engine import Loader
from ropeway.transfer.engines import engine_of
from ropeway.transfer.place import parse, resolve
from servers import Mariadb
from servers.oracle.process import Accounts
from spots import MYSQL_FAMILY, Servers, database, spot


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


def loader(stack: ExitStack, engine: str, url: str) -> Loader:
    return stack.enter_context(closing(engine_of(engine).loader(resolve(*parse(url)))))


@pytest.mark.parametrize("engine", MYSQL_FAMILY)
def test_by_the_url_or_by_the_schema(engine: str, tmp_path: Path, servers: Servers, stack: ExitStack) -> None:
    """And all of several: a session of MySQL 5.6 lets its lock go as it takes another."""
    place, other = spot(engine, tmp_path, servers), spot(engine, tmp_path, servers)
    one, two = loader(stack, engine, place.url), loader(stack, engine, other.url)
    for name in ("note", "word", "a.b", "note"):
        assert one.hold(name)
        assert not two.hold(f"{database(place)}.{name}")
    assert all(f"KILL {number}" in two.holding(f"{database(place)}.note")  # type: ignore[attr-defined]
               for (number,) in one.ask("SELECT CONNECTION_ID()"))  # fmt: skip
    assert two.hold("note")
    assert not one.hold(f"{database(other)}.note")
    one.close()
    for name in ("note", "word", "a.b"):
        assert two.hold(f"{database(place)}.{name}")


def test_where_names_fold(stack: ExitStack) -> None:
    class Folding(Mariadb):
        def _more_settings(self) -> dict[str, object]:
            return {"lower-case-table-names": 1}

    with closing(Folding()) as server:
        url = server.database()
        with ExitStack() as inner:
            one, two = loader(inner, "mariadb", url), loader(inner, "mariadb", url)
            assert one.hold("Note")
            assert not two.hold("note")
            assert two.hold("word")


def test_by_two_accounts_of_oracle(tmp_path: Path, servers: Servers, oracle: Accounts, stack: ExitStack) -> None:
    place, other = spot("oracle", tmp_path, servers), spot("oracle", tmp_path, servers)
    one, two = loader(stack, "oracle", place.url), loader(stack, "oracle", other.url)
    ((schema,),) = one.ask("SELECT SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') FROM dual")
    assert one.hold("NOTE")
    assert not two.hold(f"{schema}.NOTE")
    assert two.hold("NOTE")


def test_by_a_name_in_another_case_of_sql_server(tmp_path: Path, servers: Servers, stack: ExitStack) -> None:
    place = spot("sqlserver", tmp_path, servers)
    one, two = (loader(stack, "sqlserver", place.url) for _ in range(2))
    assert one.hold("dbo.Note")
    assert not two.hold("dbo.note")


@pytest.mark.parametrize("engine", ["sqlite", "duckdb", "parquet"])
def test_by_a_link_or_a_relative_path(
    engine: str, tmp_path: Path, stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to(tmp_path / "place")
    urls = [f"{engine}:///{tmp_path / 'place'}", f"{engine}:///{tmp_path / 'link'}", f"{engine}:///place"]
    first = loader(stack, engine, urls[0])
    assert first.hold("note")
    for url in urls[1:]:
        assert not loader(stack, engine, url).hold("note")
