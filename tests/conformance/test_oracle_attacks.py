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
from ropeway.transfer.place import Address, parse, resolve
from spots import Servers, Spot, spot


def addressed(place: Spot) -> Address:
    return resolve(*parse(place.url))


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


# What belongs to a table


def findings(source: Spot, target: Spot) -> str:
    return "\n".join(f"{one.where}: {one.message}" for one in wire.plan(*requested(source, target)).findings)


def test_an_invisible_column_comes_along(ends: tuple[Spot, Spot]) -> None:
    source, target = ends
    source.ask("CREATE TABLE t (id NUMBER(9) PRIMARY KEY, quiet NUMBER(4) INVISIBLE, n NUMBER(4) DEFAULT ON NULL 7)")
    source.ask("INSERT INTO t (id, quiet) VALUES (1, 42)")
    said = findings(source, target)
    assert "INVISIBLE is not carried" in said
    assert "DEFAULT ON NULL is not carried" in said
    moved(source, target)
    assert target.ask("SELECT id, quiet, n FROM t") == [(1, 42, 7)]


def test_a_disabled_key_cuts_nothing_and_is_named(tmp_path: Path, servers: Servers) -> None:
    """Its rows may hold NULL, which is in no range, and each number twice."""
    source, target = spot("oracle", tmp_path, servers), spot("postgresql", tmp_path, servers)
    source.ask("CREATE TABLE t (id NUMBER(9) CONSTRAINT t_pk PRIMARY KEY DISABLE, "
               "u NUMBER(9) CONSTRAINT t_u UNIQUE DISABLE)")  # fmt: skip
    rows = ", ".join(f"({n // 2 if n % 4 else 'NULL'}, 1)" for n in range(40))
    source.ask(f"INSERT INTO t VALUES {rows}")
    said = findings(source, target)
    assert "not carried: primary key T_PK, which is disabled not validated" in said
    assert "not carried: unique constraint T_U, which is disabled not validated" in said
    moved(source, target, slice_rows=5)
    assert target.ask("SELECT count(*), count(id), sum(id) FROM t") == source.ask(
        "SELECT count(*), count(id), sum(id) FROM t"
    )


def test_a_unique_constraint_is_one_whatever_its_index(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("oracle", tmp_path, servers), spot("postgresql", tmp_path, servers)
    source.ask("CREATE TABLE t (id NUMBER(9) PRIMARY KEY, a NUMBER(4) CONSTRAINT later UNIQUE DEFERRABLE, "
               "b NUMBER(4), c NUMBER(4))")  # fmt: skip
    source.ask("CREATE INDEX t_bc ON t (b, c)")
    source.ask("CREATE UNIQUE INDEX t_c ON t (c)")
    source.ask("ALTER TABLE t ADD CONSTRAINT other UNIQUE (b) USING INDEX t_bc")
    source.ask("ALTER TABLE t ADD CONSTRAINT same UNIQUE (c) USING INDEX t_c")
    source.ask("INSERT INTO t VALUES (1, 2, 3, 4)")
    assert "that LATER is deferrable" in findings(source, target)
    moved(source, target)
    assert target.ask("SELECT conname FROM pg_constraint WHERE conrelid = 't'::regclass AND contype = 'u' ORDER BY 1"
                      ) == [("later",), ("other",), ("same",)]  # fmt: skip
    assert target.ask("SELECT indexname FROM pg_indexes WHERE tablename = 't' ORDER BY 1") == [
        ("later",), ("other",), ("same",), ("t_bc",), ("t_pkey",)
    ]  # fmt: skip


def test_a_foreign_key_is_as_strict_as_it_was(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("oracle", tmp_path, servers), spot("postgresql", tmp_path, servers)
    source.ask("CREATE TABLE p (id NUMBER(9) PRIMARY KEY)")
    source.ask("CREATE TABLE c (id NUMBER(9) PRIMARY KEY, a NUMBER(9) CONSTRAINT later REFERENCES p (id) DEFERRABLE "
               "INITIALLY DEFERRED, b NUMBER(9))")  # fmt: skip
    source.ask("INSERT INTO c VALUES (1, NULL, 99)")
    source.ask("ALTER TABLE c ADD CONSTRAINT newer FOREIGN KEY (b) REFERENCES p (id) ENABLE NOVALIDATE")
    moved(source, target)
    asked = "SELECT conname, condeferred, convalidated FROM pg_constraint WHERE contype = 'f' ORDER BY 1"
    assert target.ask(asked) == [("later", True, True), ("newer", False, False)]


def test_an_index_down_an_expression_is_listed(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("oracle", tmp_path, servers), spot("postgresql", tmp_path, servers)
    source.ask("CREATE TABLE t (id NUMBER(9) PRIMARY KEY, name VARCHAR2(9 CHAR))")
    source.ask("CREATE INDEX i ON t (UPPER(name) DESC)")
    assert "not carried: index I over UPPER" in findings(source, target)
    moved(source, target)


def test_a_long_view_is_whole_and_keeps_the_names_of_its_columns(ends: tuple[Spot, Spot]) -> None:
    source, _ = ends
    source.ask("CREATE TABLE t (id NUMBER(9) PRIMARY KEY)")
    long = f"'{'x' * 3000}' || '{'y' * 3000}'"
    source.ask(f"CREATE VIEW w (one, many) AS SELECT id, {long} FROM t")
    session = engine.ENGINE.connect(addressed(source))
    try:
        (view,) = engine.ENGINE.further(session).views
    finally:
        session.close()
    assert (view.columns, view.query) == (("ONE", "MANY"), f"SELECT id, {long} FROM t")
