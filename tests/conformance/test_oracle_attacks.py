"""What Oracle could lose, change or double without a word; each test was red once."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from moves import moved, requested
from ropeway.cli import wire
from ropeway.transfer.engines import oracle as engine
from ropeway.transfer.engines.oracle.source import Asked, _cast
from ropeway.transfer.errors import DataError
from spots import Servers, Spot, spot


@pytest.fixture
def ends(tmp_path: Path, servers: Servers) -> tuple[Spot, Spot]:
    return spot("oracle", tmp_path, servers), spot("duckdb", tmp_path, servers)


# Values


@pytest.mark.parametrize(
    ("word", "late", "fits"),
    [
        ("number(38,2)", "9.9e36", False),  # 39 digits with its decimals: it came out as -308471007628153903...
        ("number(38,2)", "0.333", False),
        ("number(38,2)", "1e70", False),
        ("number(12,2)", "12345678901234", False),
        ("number(76,9)", "1e71", False),
        ("number(76,9)", "1e60", True),
        ("number(38,2)", "-123456789012345678901234567890123456.25", True),
    ],
)
def test_a_number_that_came_after_planning_is_itself_or_stops_the_run(
    word: str, late: str, fits: bool, tmp_path: Path, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = spot("oracle", tmp_path, servers), spot("postgresql", tmp_path, servers)
    source.ask("CREATE TABLE t (id NUMBER(9) PRIMARY KEY, v NUMBER)")
    source.ask(f"INSERT INTO t VALUES (1, {late})")
    monkeypatch.setattr(engine, "profile", lambda *_: ({"V": word}, []))
    if fits:
        moved(source, target)
        assert target.ask("SELECT v FROM t") == [(Decimal(late),)]
        return
    with pytest.raises(DataError, match="T") as caught:
        wire.run(*requested(source, target))
    assert caught.value.remedy


def test_an_empty_lob_is_not_null(ends: tuple[Spot, Spot]) -> None:
    source, target = ends
    source.ask("CREATE TABLE t (id NUMBER(9) PRIMARY KEY, c CLOB, b BLOB, n NCLOB)")
    source.ask("INSERT INTO t VALUES (1, EMPTY_CLOB(), EMPTY_BLOB(), EMPTY_CLOB())")
    source.ask("INSERT INTO t VALUES (2, NULL, NULL, NULL)")
    source.ask("INSERT INTO t VALUES (3, 'c', HEXTORAW('00'), 'n')")
    moved(source, target)
    assert target.ask("SELECT c, b, n FROM t ORDER BY id") == [("", b"", ""), (None, None, None), ("c", b"\x00", "n")]


def test_a_moment_before_christ_stops_the_run() -> None:
    """YYYY prints 4712 for -4712 too; SYYYY has a sign, and a blank for the years since."""
    form = Asked(pa.string(), pa.timestamp("us"))
    good = _cast(pa.array([" 2024-02-29 23:59:59.123456000", None]), form)
    assert good.cast(pa.string()).to_pylist() == ["2024-02-29 23:59:59.123456", None]
    for unit in ("us", "ns"):
        with pytest.raises(pa.ArrowInvalid, match="before the year 1"):
            _cast(pa.array(["-4712-01-01 00:00:00.000000000"]), Asked(pa.string(), pa.timestamp(unit)))


def test_a_date_that_python_has_not_is_told(ends: tuple[Spot, Spot], monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver makes a Python date of each, which begins with the year 1: a traceback without this."""
    source, target = ends
    source.ask("CREATE TABLE t (id NUMBER(9) PRIMARY KEY, d DATE)")
    source.ask("INSERT INTO t VALUES (1, NULL)")

    def fetched(*_: Any, **__: Any) -> Iterator[Any]:
        raise ValueError("year -4711 is out of range")
        yield

    monkeypatch.setattr("oracledb.Connection.fetch_df_batches", fetched)
    with pytest.raises(DataError, match="years 1 to 9999"):
        wire.run(*requested(source, target))
