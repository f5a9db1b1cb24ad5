"""What Oracle could lose, change or double without a word; each test was red once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from moves import moved, requested
from ropeway.cli import wire
from ropeway.transfer.engines import oracle as engine
from ropeway.transfer.engines.oracle.session import PINS
from ropeway.transfer.engines.oracle.source import Asked, OracleSource, _cast
from ropeway.transfer.errors import DataError, EngineError, RequestError, RopewayError
from ropeway.transfer.place import Address, parse, resolve
from ropeway.transfer.plan import Cut, Slice
from ropeway.transfer.request import Choice
from servers.oracle.process import Accounts
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
        yield from ()
        raise ValueError("year -4711 is out of range")

    monkeypatch.setattr("oracledb.Connection.fetch_df_batches", fetched)
    with pytest.raises(DataError, match="years 1 to 9999"):
        wire.run(*requested(source, target))


def test_a_text_that_is_no_utf8_stops_the_run() -> None:
    """A database keeps the bytes that a client sent under a wrong NLS_LANG, and the driver looks at none."""
    octets = pa.array([b"a", b"a\xffb"])
    for asked, wanted in ((pa.string(), pa.string()), (pa.large_string(), pa.string())):
        kept = octets.cast(pa.large_binary()) if asked == pa.large_string() else octets
        values = pa.Array.from_buffers(asked, 2, kept.buffers())
        with pytest.raises(pa.ArrowInvalid, match="UTF8"):
            _cast(values, Asked(asked, wanted))


def test_the_remedy_of_a_refused_value_works(ends: tuple[Spot, Spot]) -> None:
    source, target = ends
    source.ask("CREATE TABLE t (id NUMBER(9) PRIMARY KEY, n NUMBER, d DATE, i INTERVAL DAY(9) TO SECOND(9))")
    source.ask("INSERT INTO t VALUES (1, 1e30, DATE '2024-02-29', INTERVAL '1 00:00:00.123456789' DAY TO SECOND(9))")
    with pytest.raises(DataError, match="I: text"):
        wire.run(*requested(source, target))
    target = replace(target, url=target.url.replace(".duckdb", "_2.duckdb"))
    choice = Choice("T", types=(("N", "text"), ("D", "text"), ("I", "text")))
    assert wire.run(*requested(source, target, choices=(choice,))).report


def test_a_choice_that_is_not_carried_out_is_said(ends: tuple[Spot, Spot], tmp_path: Path, servers: Servers) -> None:
    source = ends[0]
    source.ask("CREATE TABLE t (id NUMBER(9) PRIMARY KEY, v LONG)")
    target = spot("postgresql", tmp_path, servers)
    for policy in ("nul", "invalid_text"):
        plan = wire.plan(*requested(source, target, policies=((policy, "remove"),)))
        assert any(f"policy {policy}=remove is not carried out" in one.message for one in plan.findings)


@pytest.mark.parametrize(
    ("choice", "values"),
    [("null", [None, None, "c"]), ("remove", ["ab", None, "c"]), ("replace", ["a\ufffdb", "\ufffd", "c"])],
)
def test_what_becomes_of_nul(choice: str, values: list[str | None], tmp_path: Path, servers: Servers) -> None:
    source, target = spot("oracle", tmp_path, servers), spot("postgresql", tmp_path, servers)
    source.ask("CREATE TABLE t (id NUMBER(9) PRIMARY KEY, v VARCHAR2(9) NOT NULL, n NVARCHAR2(9), c CLOB, e CHAR(3))")
    for number, text in enumerate(("'a' || CHR(0) || 'b'", "CHR(0)", "'c'")):
        source.ask(f"INSERT INTO t VALUES ({number}, {text}, {text}, {text} || 'z', {text})")
    plan = wire.plan(*requested(source, target, policies=(("nul", choice),)))
    assert sorted(one.where for one in plan.findings if f"(nul={choice})" in one.message) == [
        "T.C",
        "T.E",
        "T.N",
        "T.V",
    ]
    moved(source, target, policies=(("nul", choice),))
    rows = target.ask("SELECT v, n, c, e FROM t ORDER BY id")
    assert [row[0] for row in rows] == [row[1] for row in rows] == values
    long = [None, None, "cz"] if choice == "null" else [f"{value or ''}z" for value in values]
    assert [row[2] for row in rows] == long
    padded = [value or ("   " if choice == "remove" else None) for value in values]  # its blanks are left
    assert [row[3] and row[3].ljust(3) for row in rows] == [value and value.ljust(3) for value in padded]


@pytest.mark.parametrize(("choice", "values"), [("null", [None, None, None]), ("text", ["Nan", "Inf", "-Inf"])])
def test_what_becomes_of_nan(choice: str, values: list[object], tmp_path: Path, servers: Servers) -> None:
    source, target = spot("oracle", tmp_path, servers), spot("sqlite", tmp_path, servers)
    source.ask("CREATE TABLE t (id NUMBER(9) PRIMARY KEY, d BINARY_DOUBLE, f BINARY_FLOAT)")
    for number, value in enumerate(("BINARY_DOUBLE_NAN", "BINARY_DOUBLE_INFINITY", "-BINARY_DOUBLE_INFINITY")):
        source.ask(f"INSERT INTO t VALUES ({number}, {value}, {value})")
    moved(source, target, policies=(("nan", choice),))
    assert target.ask("SELECT d, f FROM t ORDER BY id") == [(value, value) for value in values]


def test_keys_of_all_sizes_are_cut_once(tmp_path: Path, servers: Servers) -> None:
    source, target = spot("oracle", tmp_path, servers), spot("postgresql", tmp_path, servers)
    source.ask("CREATE TABLE t (k NUMBER PRIMARY KEY, v NUMBER(9))")
    keys = ["-1e30", "-12345678901234567890.5", "-1.5", "-0.001", "0", "0.0001", "0.5", "18446744073709551616", "1e37"]
    for number, key in enumerate(keys):
        source.ask(f"INSERT INTO t VALUES ({key}, {number})")
    request, secrets = requested(source, target, slice_rows=2)
    plan = wire.plan(request, secrets)
    for key in ("-9e30", "-0.0011", "0.00009", "9e37"):
        source.ask(f"INSERT INTO t VALUES ({key}, 99)")
    outcome = wire.run(request, secrets)
    assert len(plan.hops) == 1
    assert outcome.report
    assert outcome.report.equal
    assert len({receipt.slice for receipt in outcome.receipts}) > 3
    assert target.ask("SELECT count(*), count(DISTINCT k), sum(v) FROM t") == [(13, 13, 36 + 4 * 99)]


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


def test_indexes_over_expressions(tmp_path: Path, servers: Servers) -> None:
    """They arrive as such, their direction aside, where their words mean the same."""
    source, target = spot("oracle", tmp_path, servers), spot("postgresql", tmp_path, servers)
    source.ask("CREATE TABLE t (id NUMBER(9) PRIMARY KEY, name VARCHAR2(9 CHAR), more VARCHAR2(9 CHAR))")
    source.ask("CREATE UNIQUE INDEX i ON t (ABS(id) DESC, name)")
    source.ask("CREATE INDEX j ON t (SOUNDEX(name))")
    source.ask("CREATE INDEX k ON t ((name || more))")
    assert "index j is not carried: SOUNDEX" in findings(source, target)
    moved(source, target)
    listed = "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 't' AND indexname IN ('i', 'k') ORDER BY 1"
    made: dict[str, str] = dict(target.ask(listed))
    assert made["i"].endswith("(abs(id), name)")
    assert made["i"].startswith("CREATE UNIQUE")
    assert "NULLIF" in made["k"]  # as NULL joined to a text is no text there


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


# Sessions, rights and instants


def schema(place: Spot) -> str:
    return place.url.partition("://")[2].partition(":")[0]


def test_rows_that_a_policy_may_hide_stop_the_plan(ends: tuple[Spot, Spot], oracle: Accounts) -> None:
    source, target = ends
    source.ask("CREATE TABLE t (id NUMBER(9) PRIMARY KEY)")
    oracle.tell("police", schema(source), "T", "ONLY_MINE")
    (found,) = [one for one in wire.plan(*requested(source, target)).findings if one.name == "hidden-rows"]
    assert (found.grade, found.where) == ("blocker", "T")
    assert "ONLY_MINE" in found.message
    assert "EXEMPT ACCESS POLICY" in found.remedy


def test_a_database_in_another_character_set_is_told(ends: tuple[Spot, Spot], oracle: Accounts) -> None:
    source, target = ends
    source.ask("CREATE TABLE t (id NUMBER(9) PRIMARY KEY, v VARCHAR2(9))")
    found = []
    try:
        for name in ("WE8MSWIN1252", "US7ASCII", "AL32UTF8"):
            oracle.tell("call_charset", name)
            plan = wire.plan(*requested(source, target))
            found += [
                (name, one.grade) for one in plan.findings if one.name == "source-charset" and name in one.message
            ]
    finally:
        oracle.tell("call_charset", "AL32UTF8")
    assert found == [("WE8MSWIN1252", "note"), ("US7ASCII", "warning")]


def test_values_that_a_policy_may_change_stop_the_plan(ends: tuple[Spot, Spot], oracle: Accounts) -> None:
    source, target = ends
    source.ask("CREATE TABLE t (id NUMBER(9) PRIMARY KEY, card VARCHAR2(20))")
    oracle.tell("redact", schema(source), "T", "NO_CARDS", "CARD")

    def found() -> list[tuple[str, str, str]]:
        plan = wire.plan(*requested(source, target))
        return [(one.name, one.grade, one.where) for one in plan.findings if "redact" in one.name]

    assert found() == [("redaction-unknown", "note", "source")]
    with oracle.connect(oracle.administrator) as connection, connection.cursor() as cursor:
        for view in ("REDACTION_POLICIES", "REDACTION_COLUMNS"):
            cursor.execute(f"GRANT SELECT ON SYS.{view} TO {schema(source)}")
        assert found() == [("redacted", "blocker", "T.CARD")]
        cursor.execute(f"GRANT EXEMPT REDACTION POLICY TO {schema(source)}")
    assert found() == []


def test_a_session_sees_archived_rows_and_counts_years_from_christ(ends: tuple[Spot, Spot]) -> None:
    assert "NLS_CALENDAR = GREGORIAN" in PINS
    assert "ROW ARCHIVAL VISIBILITY = ALL" in PINS
    session = engine.ENGINE.connect(addressed(ends[0]))
    session.close()


def test_the_version_takes_no_view_of_later_servers(ends: tuple[Spot, Spot], oracle: Accounts) -> None:
    """PRODUCT_COMPONENT_VERSION has no VERSION_FULL before 18c."""
    source, target = ends
    source.ask("CREATE TABLE t (id NUMBER(9) PRIMARY KEY)")
    oracle.tell("trouble", "version_full", 904, '"VERSION_FULL": invalid identifier', 9, 0)
    moved(source, target)


def test_a_role_grants_too(ends: tuple[Spot, Spot], oracle: Accounts) -> None:
    source, target = ends
    source.ask("CREATE TABLE t (id NUMBER(9) PRIMARY KEY)")
    owner = schema(source)
    reader = f"BY_ROLE_{owner}"
    with oracle.connect(oracle.administrator) as connection, connection.cursor() as cursor:
        cursor.execute(f'CREATE USER {reader} IDENTIFIED BY "{oracle.password}"')
        cursor.execute(f"GRANT SELECT, FLASHBACK ON {owner}.T TO READERS")
    oracle.tell("enrol", reader, "READERS")
    by_role = Spot("oracle", oracle.url(reader), source.ask)
    plan = wire.plan(*requested(by_role, target, choices=(Choice(f"{owner}.T"),)))
    assert [one.message.partition(":")[0] for one in plan.findings if one.name == "privilege"] == [
        "this account lacks EXECUTE on SYS.DBMS_FLASHBACK (or SELECT on V_$DATABASE)"
    ]


def test_a_resumed_query_goes_back_once_more(ends: tuple[Spot, Spot], oracle: Accounts) -> None:
    """A session that is set back already is not set back again: ORA-08184."""
    source, _ = ends
    source.ask("CREATE TABLE t (id NUMBER(9) PRIMARY KEY)")
    source.ask("INSERT INTO t VALUES (1)")
    choice = Choice(query="SELECT id FROM t", to="q")
    (hop,) = wire.plan(*requested(source, ends[1], choices=(choice,))).hops
    with closing(OracleSource(engine.ENGINE, addressed(source), [hop], "run", 2)) as first:
        old = first.instant
    source.ask("INSERT INTO t VALUES (2)")
    with closing(engine.ENGINE.open(addressed(source), [hop], "run", 2)) as again:
        assert isinstance(again, OracleSource)
        assert [reader.count(hop) for reader in again.readers()] == [2, 2]
        assert again.return_to(old, [hop])
        assert (again.instant, [reader.count(hop) for reader in again.readers()]) == (old, [1, 1])
        now = again.instant
        oracle.tell("trouble", r"SELECT 1 FROM \(SELECT id", 1555, "snapshot too old", 1, 0)
        assert not again.return_to(now, [hop])
        assert not again.return_to(now.replace(" of ", " of another "), [hop])
        assert again.instant == now


def test_a_query_without_the_package_says_what_to_grant(ends: tuple[Spot, Spot], oracle: Accounts) -> None:
    source, target = ends
    source.ask("CREATE TABLE t (id NUMBER(9) PRIMARY KEY)")
    oracle.tell("trouble", "ENABLE_AT_SYSTEM", 6550, "PLS-00201: identifier must be declared", 1, 0)
    with pytest.raises(EngineError, match="GRANT EXECUTE ON SYS"):
        wire.run(*requested(source, target, choices=(Choice(query="SELECT id FROM t", to="q"),)))


def test_a_query_is_never_carried_out_as_ddl(ends: tuple[Spot, Spot], monkeypatch: pytest.MonkeyPatch) -> None:
    """Oracle carries out DDL when it is parsed, as the driver's manual says; so nothing of a user's is."""
    source, target = ends
    source.ask("CREATE TABLE t (id NUMBER(9) PRIMARY KEY)")
    parsed: list[str] = []
    monkeypatch.setattr("oracledb.Cursor.parse", lambda _, sql: parsed.append(sql))
    with pytest.raises(RequestError):
        wire.plan(*requested(source, target, choices=(Choice(query="DROP TABLE t", to="q"),)))
    assert not parsed
    assert source.ask("SELECT count(*) FROM t") == [(0,)]


def test_an_external_table_is_read_as_it_is(ends: tuple[Spot, Spot]) -> None:
    """Oracle knows no AS OF for it: ORA-30657."""
    source, target = ends
    source.ask("CREATE TABLE t (id NUMBER(9) PRIMARY KEY)")
    source.ask("INSERT INTO t VALUES (7)")
    source.ask("CREATE TABLE e ORGANIZATION EXTERNAL (TYPE ORACLE_DATAPUMP DEFAULT DIRECTORY d LOCATION ('e.dmp')) "
               "AS SELECT id FROM t")  # fmt: skip
    source.ask("CREATE VIEW v AS SELECT id FROM e")
    plan = wire.plan(*requested(source, target))
    assert [(one.where, one.grade) for one in plan.findings if one.name == "no-instant"] == [("E", "warning")]
    moved(source, target)
    assert target.ask("SELECT t.id, e.id FROM t, e") == [(7, 7)]
    with pytest.raises(EngineError, match="V reads an external table") as caught:
        wire.run(*requested(source, replace(target, url=target.url.replace(".duckdb", "_2.duckdb")),
                            choices=(Choice("V"),)))  # fmt: skip
    assert "ORA-30657" in str(caught.value)


@pytest.mark.parametrize("change", ["ALTER TABLE t ADD (v NUMBER(9))", "TRUNCATE TABLE t"])
def test_a_table_that_ddl_changed_is_told_and_read_at_a_new_scn(change: str, ends: tuple[Spot, Spot]) -> None:
    source, target = ends
    source.ask("CREATE TABLE t (id NUMBER(9) PRIMARY KEY)")
    source.ask("INSERT INTO t VALUES (7)")
    (hop,) = wire.plan(*requested(source, target)).hops
    with closing(engine.ENGINE.open(addressed(source), [hop], "run", 1)) as opened:
        source.ask(change)
        with pytest.raises(EngineError, match="T was changed by DDL after SCN") as caught:
            list(opened.readers()[0].read(hop, Slice(1, Cut()), 100_000))
    assert "ORA-01466" in str(caught.value)
    assert engine.ENGINE.classify(caught.value) == "instant"
    with closing(engine.ENGINE.open(addressed(source), [hop], "run", 1)) as again:
        assert isinstance(again, OracleSource)
        assert not again.return_to(opened.instant, [hop])
        assert again.readers()[0].count(hop) == (0 if "TRUNCATE" in change else 1)


def test_a_lost_line_says_so_without_a_secret(ends: tuple[Spot, Spot], oracle: Accounts) -> None:
    source, target = ends
    source.ask("CREATE TABLE lost (id NUMBER(9) PRIMARY KEY, v VARCHAR2(400))")
    source.ask("INSERT INTO lost VALUES " + ", ".join(f"({n}, RPAD('x', 400, 'y'))" for n in range(500)))
    oracle.tell("trouble", 'FROM "LOST" AS OF SCN', 0, "", 9, 0)
    with pytest.raises(RopewayError) as caught:
        wire.run(*requested(source, target))
    assert "LOST" in str(caught.value)
    assert "--resume" in str(caught.value)
    assert oracle.password not in str(caught.value)


def test_an_idle_reader_takes_a_cancel(ends: tuple[Spot, Spot]) -> None:
    source, target = ends
    source.ask("CREATE TABLE t (id NUMBER(9) PRIMARY KEY)")
    (hop,) = wire.plan(*requested(source, target)).hops
    with closing(engine.ENGINE.open(addressed(source), [hop], "run", 1)) as opened:
        (reader,) = opened.readers()
        reader.cancel()
        assert [reader.count(hop) for _ in range(3)] == [0, 0, 0]


# Memory


@pytest.mark.parametrize(("native", "value", "most"), [
    ("CLOB", "RPAD('x', 4000, 'y')", 9), ("CLOB", "RPAD('€', 1300, '€')", 25),
    ("XMLTYPE", "'<a>' || RPAD('x', 3993, 'y') || '</a>'", 9),
    ("LONG", "'x'", 1),
])  # fmt: skip
def test_a_batch_has_as_many_rows_as_fit_its_bytes(native: str, value: str, most: int, ends: tuple[Spot, Spot]) -> None:
    source, target = ends
    source.ask(f"CREATE TABLE t (id NUMBER(9) PRIMARY KEY, v {native})")
    for number in range(60):
        source.ask(f"INSERT INTO t VALUES ({number}, {value})")
    query = Choice(query="SELECT id, v FROM t", to="q")
    for choice in (Choice("T"), query) if native == "CLOB" else (Choice("T"),):
        (hop,) = wire.plan(*requested(source, target, choices=(choice,))).hops
        with closing(engine.ENGINE.open(addressed(source), [hop], "run", 1)) as opened:
            batches = list(opened.readers()[0].read(hop, Slice(1, Cut()), 100_000))
        assert sum(batch.num_rows for batch in batches) == 60
        assert max(batch.num_rows for batch in batches) <= most


def test_a_refusal_to_measure_is_told_too(ends: tuple[Spot, Spot], oracle: Accounts) -> None:
    """It comes before the first row, and was the driver's own error."""
    source, target = ends
    source.ask("CREATE TABLE measured (id NUMBER(9) PRIMARY KEY, v CLOB)")
    (hop,) = wire.plan(*requested(source, target)).hops
    with closing(engine.ENGINE.open(addressed(source), [hop], "run", 1)) as opened:
        oracle.tell("trouble", r"MAX\(.*MEASURED", 22924, "snapshot too old", 1, 0)
        with pytest.raises(EngineError, match="keeps no undo of SCN"):
            list(opened.readers()[0].read(hop, Slice(1, Cut()), 100_000))
