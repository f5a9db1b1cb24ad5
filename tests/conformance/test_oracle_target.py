"""Oracle as a target, loaded by python-oracledb over the wire into the test server."""

from __future__ import annotations

import shutil
import signal
import time
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import oracledb
import pytest
import sqlglot

import ropeway
from moves import moved, planned, refusal, requested
from ropeway.cli import wire
from ropeway.transfer import room
from ropeway.transfer.commit import parts
from ropeway.transfer.engines.oracle.direct import staging
from ropeway.transfer.engines.oracle.loader import OracleLoader
from ropeway.transfer.errors import DataError, EngineError
from ropeway.transfer.job import Limits
from ropeway.transfer.request import Choice
from servers.oracle.process import Accounts
from shell import Shell
from spots import Servers, Spot, spot

# The type in PostgreSQL, a literal, the type in Oracle, and the value there.
TYPES: tuple[tuple[str, str, str, Any], ...] = (
    ("boolean", "true", "NUMBER(1,0)", 1),
    ("smallint", "-32768", "NUMBER(5,0)", -32768),
    ("integer", "2147483647", "NUMBER(10,0)", 2147483647),
    ("bigint", "-9223372036854775808", "NUMBER(19,0)", -9223372036854775808),
    ("numeric(38,10)", "1234567890123456789012345678.0123456789", "NUMBER(38,10)",
     Decimal("1234567890123456789012345678.0123456789")),
    ("numeric", "0.1", "NUMBER(38,1)", Decimal("0.1")),
    ("real", "1.5", "BINARY_FLOAT", 1.5),
    ("double precision", "'NaN'", "BINARY_DOUBLE", "nan"),
    ("varchar(1000)", "'äöü€😀'", "VARCHAR2(1000 CHAR)", "äöü€😀"),
    ("char(4)", "'ab'", "CHAR(4 CHAR)", "ab  "),
    ("text", "repeat('€', 30000)", "CLOB", "€" * 30_000),
    ("bytea", "decode('00ff', 'hex')", "BLOB", b"\x00\xff"),
    ("date", "'0001-01-01'", "DATE", datetime(1, 1, 1)),
    ("time", "'23:59:59.999999'", "INTERVAL DAY(0) TO SECOND(6)",
     timedelta(hours=23, minutes=59, seconds=59, microseconds=999_999)),
    ("timestamp(3)", "'9999-12-31 23:59:59.999'", "TIMESTAMP(3)", datetime(9999, 12, 31, 23, 59, 59, 999_000)),
    ("timestamptz", "'2024-02-29 12:00:00.000001+02'", "TIMESTAMP(6) WITH TIME ZONE",
     datetime(2024, 2, 29, 10, 0, 0, 1)),
    ("interval day to second", "'-3 days -01:02:03.000004'", "INTERVAL DAY(9) TO SECOND(6)",
     -timedelta(days=3, hours=1, minutes=2, seconds=3, microseconds=4)),
    ("uuid", "'6f9619ff-8b86-d011-b42d-00c04fc964ff'", "RAW(16)", bytes.fromhex("6f9619ff8b86d011b42d00c04fc964ff")),
    ("json", """'{"b": 1.0,  "a": [1]}'""", "CLOB", '{"b": 1.0,  "a": [1]}'),
)  # fmt: skip
_DECLARED = """SELECT data_type || CASE
    WHEN data_type = 'RAW' THEN '(' || data_length || ')'
    WHEN data_type IN ('CHAR', 'VARCHAR2') THEN '(' || char_length || ' CHAR)'
    WHEN data_type = 'NUMBER' AND data_precision IS NOT NULL THEN '(' || data_precision || ',' || data_scale || ')'
    END FROM all_tab_cols WHERE owner = USER AND table_name = 'T' AND column_id > 1 ORDER BY column_id"""


@pytest.fixture
def ends(tmp_path: Path, servers: Servers) -> tuple[Spot, Spot]:
    return spot("postgresql", tmp_path, servers), spot("oracle", tmp_path, servers)


def test_values_arrive_as_they_were(ends: tuple[Spot, Spot]) -> None:
    source, target = ends
    columns = [f"c{n}" for n in range(len(TYPES))]
    declared = ", ".join(f"{column} {one[0]}" for column, one in zip(columns, TYPES, strict=True))
    source.ask(f"CREATE TABLE t (id integer PRIMARY KEY, {declared})")
    source.ask(f"INSERT INTO t VALUES (1, {', '.join(literal for _, literal, _, _ in TYPES)})")
    source.ask("INSERT INTO t (id) VALUES (2)")
    outcome = moved(source, target)
    rows = target.ask(f"SELECT {', '.join(columns)} FROM t ORDER BY id")
    shown = target.ask(_DECLARED)
    for n, (native, literal, there, value) in enumerate(TYPES):
        arrived = str(rows[0][n]) if value == "nan" else rows[0][n]
        assert (arrived, rows[1][n], shown[n][0]) == (value, None, there), (native, literal)
    assert outcome.report
    assert outcome.report.tables[0].claim == "target equals what was read"


EMPTY = "CREATE TABLE t (id integer PRIMARY KEY, name varchar(20) NOT NULL, note text, b bytea, c char(3))"
NULLED = (("empty_string", "null"),)


def test_empty_texts_are_null_there(ends: tuple[Spot, Spot]) -> None:
    """Unless the user lets them be NULL they stop the plan; then the plan and the report say what is lost."""
    source, target = ends
    source.ask(EMPTY)
    source.ask(r"INSERT INTO t VALUES (1, '', '', '', ''), (2, ' ', NULL, '\x00', NULL), (3, '', 'x', '\x01', 'a')")
    assert r"public.t.name (character varying(20)) holds 2 texts or binaries of no length" in refusal(source, target)
    plan = planned(source, target, policies=NULLED)
    said = {finding.where: finding.message for finding in plan.findings if finding.name == "empty-is-null"}
    assert said == {
        "public.t.name": "2 empty values become NULL, so it is not NOT NULL there",
        "public.t.note": "1 empty values become NULL", "public.t.b": "1 empty values become NULL",
    }  # fmt: skip
    outcome = moved(source, target, policies=NULLED)
    assert target.ask("SELECT id, name, note, b, c FROM t ORDER BY id") == [
        (1, None, None, None, "   "), (2, " ", None, b"\0", None), (3, None, "x", b"\1", "a  "),
    ]  # fmt: skip
    assert outcome.report
    assert outcome.report.tables[0].left_out == (
        "trailing spaces of C", *(f"whether {name} was empty or NULL" for name in ("NAME", "NOTE", "B")),
    )  # fmt: skip


def test_an_empty_text_of_a_key_is_refused(ends: tuple[Spot, Spot]) -> None:
    source, target = ends
    source.ask("CREATE TABLE t (k varchar(9) PRIMARY KEY)")
    source.ask("INSERT INTO t VALUES ('')")
    assert "public.t.k is in the primary key, which takes no NULL" in refusal(source, target, policies=NULLED)


def test_an_empty_text_that_came_after_the_plan_stops_the_run(ends: tuple[Spot, Spot]) -> None:
    source, target = ends
    source.ask(EMPTY)
    request, secrets = requested(source, target)
    plan = wire.plan(request, secrets)
    source.ask("INSERT INTO t VALUES (7, '', 'x', NULL, NULL)")
    with pytest.raises(DataError, match=r"T\.NAME would take 1 values of no length") as caught:
        wire.run(plan, secrets)
    assert caught.value.key == "ID=7"
    assert target.ask("SELECT count(*) FROM t") == [(0,)]


def test_what_belongs_to_a_table_comes_along(ends: tuple[Spot, Spot]) -> None:
    source, target = ends
    source.ask("CREATE TABLE region (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name varchar(20) UNIQUE)")
    source.ask(
        "CREATE TABLE shop (id integer GENERATED BY DEFAULT AS IDENTITY (INCREMENT BY 10) PRIMARY KEY, region integer "
        "NOT NULL REFERENCES region ON DELETE CASCADE, size_m2 numeric(7,1) DEFAULT 0 CONSTRAINT sized CHECK "
        "(size_m2 >= 0), opened timestamptz DEFAULT now(), twice numeric(8,1) GENERATED ALWAYS AS (size_m2 * 2) STORED)"
    )
    source.ask("CREATE INDEX shop_opened ON shop (region, opened DESC)")
    source.ask("COMMENT ON COLUMN shop.size_m2 IS 'without the cellar''s'")
    source.ask("INSERT INTO region (name) VALUES ('north'), ('gone')")
    source.ask("DELETE FROM region WHERE name = 'gone'")
    source.ask("INSERT INTO shop (id, region, size_m2) VALUES (7, 1, 12.5)")
    source.ask("CREATE VIEW large AS SELECT id, size_m2 FROM shop WHERE size_m2 > 10")
    source.ask("CREATE SEQUENCE tickets START 100 INCREMENT 5")
    moved(source, target)
    assert target.ask("SELECT id, region, size_m2, twice FROM shop") == [(7, 1, Decimal("12.5"), 25)]
    target.ask("INSERT INTO region (name) VALUES ('south')")
    target.ask("INSERT INTO shop (region) VALUES (3)")
    assert target.ask("SELECT id, name FROM region ORDER BY id") == [(1, "north"), (3, "south")]
    assert target.ask("SELECT id, size_m2, NVL2(opened, 1, 0) FROM shop ORDER BY id") == [
        (7, Decimal("12.5"), 1), (17, 0, 1),
    ]  # fmt: skip
    with pytest.raises(oracledb.Error, match="ORA-32795"):
        target.ask("INSERT INTO region (id, name) VALUES (9, 'x')")
    with pytest.raises(oracledb.Error, match="ORA-02290"):
        target.ask("INSERT INTO shop (region, size_m2) VALUES (1, -1)")
    with pytest.raises(oracledb.Error, match="ORA-02291"):
        target.ask("INSERT INTO shop (region) VALUES (99)")
    assert target.ask("SELECT id FROM large") == [(7,)]
    assert target.ask("SELECT tickets.NEXTVAL FROM dual") == [(100,)]
    assert target.ask("SELECT comments FROM all_col_comments WHERE owner = USER AND column_name = 'SIZE_M2'") == [
        ("without the cellar's",)
    ]


def test_every_mode(ends: tuple[Spot, Spot]) -> None:
    """Into a table that is there, whose columns beside the source's stay as they are."""
    source, target = ends
    source.ask("CREATE TABLE t (id integer PRIMARY KEY, v varchar(9), c text, d timestamp(3))")
    source.ask("INSERT INTO t VALUES (1, 'one', 'x', '2024-01-02 03:04:05.678'), (2, NULL, NULL, NULL)")
    target.ask("CREATE TABLE t (id NUMBER(9) PRIMARY KEY, v VARCHAR2(9), c CLOB, d TIMESTAMP(3), own NUMBER DEFAULT 5)")
    target.ask("INSERT INTO t VALUES (8, 'old', 'old', NULL, 8)")
    first = datetime(2024, 1, 2, 3, 4, 5, 678_000)
    old, rows = (8, "old", "old", None, 8), [(1, "one", "x", first, 5), (2, None, None, None, 5)]
    moved(source, target, mode="append")
    everything = "SELECT id, v, c, d, own FROM t ORDER BY id"
    assert target.ask(everything) == [*rows, old]
    source.ask("UPDATE t SET v = NULL, c = 'y' WHERE id = 1")
    source.ask("UPDATE t SET c = 'new' WHERE id = 2")
    source.ask("INSERT INTO t VALUES (3, 'three', NULL, NULL)")
    outcome = moved(source, target, mode="merge")
    (receipt,) = [one for one in outcome.receipts if one.slice]
    assert (receipt.inserted, receipt.updated, receipt.unchanged) == (1, 2, 0)
    rows = [(1, None, "y", first, 5), (2, None, "new", None, 5), (3, "three", None, None, 5)]
    assert target.ask(everything) == [*rows, old]
    outcome = moved(source, target, mode="merge")
    (receipt,) = [one for one in outcome.receipts if one.slice]
    assert (receipt.inserted, receipt.updated, receipt.unchanged) == (0, 0, 3)
    moved(source, target, mode="truncate")
    assert target.ask(everything) == rows
    outcome = moved(source, target, mode="replace")
    assert target.ask("SELECT id, v, c, d FROM t ORDER BY id") == [row[:4] for row in rows]
    kept = f"ropeway_{outcome.plan.run}_1_old"
    assert target.ask(f'SELECT own FROM "{kept}" ORDER BY id') == [(5,)] * 3


REFUSED: tuple[tuple[str, str, str, str], ...] = (
    ("varchar(9)", "'äöü'", "VARCHAR2(5)", "ORA-12899"),
    ("integer", "1000", "NUMBER(3)", "ORA-01438"),
    ("integer", "5", "NUMBER(3) CHECK (v < 5)", "ORA-02290"),
    ("numeric(9,2)", "1.25", "NUMBER(5,1)", "would round 1 values"),
    ("timestamp", "'2024-01-01 00:00:00.5'", "DATE", "would round 1 values"),
    ("timestamptz", "'2024-01-01 00:00:00.000001'", "TIMESTAMP(5) WITH TIME ZONE", "would round 1 values"),
    ("interval", "'1 day 0.001'", "INTERVAL DAY(3) TO SECOND(2)", "would round 1 values"),
    ("time", "'10:00:00.5'", "INTERVAL DAY(0) TO SECOND(0)", "would round 1 values"),
    ("double precision", "0.25", "NUMBER(5,1)", "would round 1 values"),
    ("double precision", "0.1", "BINARY_FLOAT", "would round 1 values"),
    ("integer", "149", "NUMBER(5,-2)", "would round 1 values"),
    ("bigint", "9007199254740993", "BINARY_DOUBLE", "would round 1 values"),
    ("numeric(20,2)", "123456789012345678.01", "BINARY_DOUBLE", "would round 1 values"),
)


def test_refused_values_are_named(ends: tuple[Spot, Spot]) -> None:
    """With Oracle's number, the row's key and its value; none of the slice stays, those before do."""
    source, target = ends
    for place, (native, literal, there, said) in enumerate(REFUSED):
        source.ask(f"CREATE TABLE t{place} (id integer PRIMARY KEY, v {native})")
        source.ask(f"INSERT INTO t{place} VALUES (6, NULL), (7, {literal})")
        target.ask(f"CREATE TABLE t{place} (id NUMBER(9) PRIMARY KEY, v {there})")
        with pytest.raises(DataError, match=said) as caught:
            moved(source, target, mode="truncate", choices=(Choice(f"t{place}"),))
        assert caught.value.key == "ID=7"
        assert "Help:" not in str(caught.value)
        assert target.ask(f"SELECT COUNT(*) FROM t{place}") == [(0,)]


ROWS = 6_000


@pytest.fixture
def many(tmp_path: Path, servers: Servers) -> tuple[Spot, Spot]:
    """A table in slices, and where it goes."""
    source = spot("sqlite", tmp_path, servers)
    source.ask("CREATE TABLE t (id INTEGER PRIMARY KEY, name VARCHAR(40), amount DECIMAL(12,2))")
    source.ask(
        f"WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < {ROWS}) "
        "INSERT INTO t SELECT x, 'row number ' || x, x / 100.0 FROM c"
    )
    return source, spot("oracle", tmp_path, servers)


def whole(target: Spot) -> None:
    """Each row is there once, and each slice has one receipt."""
    assert target.ask("SELECT COUNT(*), COUNT(DISTINCT id), SUM(id) FROM t") == [
        (ROWS, ROWS, ROWS * (ROWS + 1) // 2)
    ]  # fmt: skip
    assert target.ask("SELECT SUM(n_loaded) FROM ropeway_slice WHERE slice > 0") == [(ROWS,)]


@pytest.mark.parametrize("way", ["bind", "direct"])
def test_a_killed_run_is_taken_up_again(way: str, many: tuple[Spot, Spot], tmp_path: Path) -> None:
    """Whenever it dies, rows and receipts are there together or not at all; its lock goes with its connection."""
    source, target = many
    shell = Shell(tmp_path)
    words = ("--source", source.url, "--target", f"{target.url}?load={way}", "--slice-rows", "250", "--workers", "2")
    process = shell.start("run", *words)
    receipts = "SELECT COUNT(*), SUM(n_loaded) FROM ropeway_slice WHERE slice > 0"
    deadline = time.monotonic() + 60
    landed: Any = (0, 0)
    while time.monotonic() < deadline and process.poll() is None and landed[0] < 4:
        with suppress(oracledb.Error):  # there is no ledger yet
            landed = target.ask(receipts)[0]
    process.kill()
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    ((count, loaded),) = target.ask(receipts)
    assert 4 <= count < ROWS // 250
    assert target.ask("SELECT COUNT(*) FROM t") == [(loaded,)]
    assert "did not end" in shell.refused("run", *words)
    assert shell.json("run", *words, "--resume")["rows"] == ROWS
    whole(target)


TROUBLES = (
    ("a deadlock", r'INSERT INTO "T"', 60, "deadlock detected while waiting for resource"),
    ("a lost connection", r'INSERT INTO "T"', 0, ""),
    ("a lost connection at a receipt", r"UPDATE ropeway_slice", 0, ""),
)


@pytest.mark.parametrize("trouble", TROUBLES, ids=[one[0] for one in TROUBLES])
def test_a_slice_that_fails_is_tried_again(
    trouble: tuple[str, str, int, str], many: tuple[Spot, Spot], oracle: Accounts
) -> None:
    """By the second worker's connection, the coordinator's holding the locks."""
    _, pattern, number, text = trouble
    oracle.tell("trouble", pattern, number, text, 1, 5)
    request, secrets = requested(*many, slice_rows=500)
    problems: list[EngineError] = []
    try:
        wire.run(request, secrets, limits=Limits(workers=1 if number else 2))
    except EngineError as error:  # where it was the coordinator's, which holds the locks
        problems.append(error)
    for problem in problems:
        assert "t to T, slice" in str(problem)
        assert "--resume" in str(problem)
        wire.run(request, secrets, resume=True)
    whole(many[1])


@pytest.mark.parametrize("at", [1, 2])
def test_a_swap_that_stopped_between_its_renames_is_finished(
    at: int, ends: tuple[Spot, Spot], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each rename commits; then no table has the name."""
    source, target = ends
    source.ask("CREATE TABLE t (id integer PRIMARY KEY)")
    source.ask("INSERT INTO t VALUES (1), (2)")
    target.ask("CREATE TABLE t (id NUMBER(9) PRIMARY KEY)")
    target.ask("INSERT INTO t VALUES (9)")
    right, renames = OracleLoader.execute, list[str]()

    def killed(self: OracleLoader, sql: str, *more: Any) -> int:
        if "RENAME TO" in sql:
            renames.append(sql)
            if len(renames) == at:
                raise KeyboardInterrupt
        return right(self, sql, *more)

    monkeypatch.setattr(OracleLoader, "execute", killed)
    request, secrets = requested(source, target, mode="replace")
    with pytest.raises(KeyboardInterrupt):
        wire.run(request, secrets)
    monkeypatch.undo()
    assert target.ask("SELECT COUNT(*) FROM user_tables WHERE table_name = 'T'") == [(2 - at,)]
    outcome = wire.run(request, secrets, resume=True)
    assert target.ask("SELECT id FROM t ORDER BY id") == [(1,), (2,)]
    assert target.ask(f'SELECT id FROM "ropeway_{outcome.plan.run}_1_old"') == [(9,)]


def test_a_full_tablespace_is_waited_for(
    many: tuple[Spot, Spot], oracle: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "EVERY_S", 0.1)
    said = "unable to extend table SPOT.T by 128 in tablespace USERS"
    oracle.tell("trouble", r'INSERT INTO "T"', 1653, said, 1, 3)
    request, secrets = requested(*many, slice_rows=500)

    class Heard(ropeway.Progress):
        def __init__(self) -> None:
            self.full: list[str] = []

        def said(self, message: str) -> None:
            self.full += [message] if message.startswith("No room") else []

    heard = Heard()
    wire.run(request, secrets, limits=Limits(workers=1), progress=heard)
    assert len(heard.full) == 1
    assert "ORA-01653" in heard.full[0]
    whole(many[1])


def test_what_an_account_lacks_blocks_the_plan(ends: tuple[Spot, Spot], oracle: Accounts) -> None:
    source, target = ends
    source.ask('CREATE TABLE t (id integer GENERATED BY DEFAULT AS IDENTITY, "ROWID" integer)')
    assert "each row has a ROWID of its own there" in refusal(source, target)
    user = target.url.partition("://")[2].partition(":")[0]
    with oracle.connect(oracle.administrator) as connection, connection.cursor() as cursor:
        for what in ("EXECUTE ON SYS.DBMS_LOCK", "CREATE SEQUENCE"):
            cursor.execute(f"REVOKE {what} FROM {user}")
    plan = planned(source, target, choices=(Choice("t", columns=("id",)),), target_schema="NOBODY")
    said = {f.message.partition(":")[0]: f.remedy for f in plan.findings if f.grade == "blocker"}
    assert said["this account lacks EXECUTE on SYS.DBMS_LOCK"] == f'GRANT EXECUTE ON SYS.DBMS_LOCK TO "{user}";'
    assert said["this account lacks CREATE SEQUENCE"] == f'GRANT CREATE SEQUENCE TO "{user}";'
    assert "this account lacks CREATE ANY TABLE" in said
    assert "no-schema" in {finding.name for finding in plan.findings}
    assert "there is no schema NOBODY, which is an account there" in said
    assert "this account lacks CREATE TABLE" not in said


def test_the_direct_path(ends: tuple[Spot, Spot], oracle: Accounts) -> None:
    """The same values, by a table for each slice, which is gone afterwards; columns that cannot go so are bound."""
    source, there = ends
    target = replace(there, url=f"{there.url}?load=direct")
    types = [one for one in TYPES if one[3] != "nan" and not one[2].startswith("INTERVAL")]
    columns = [f"c{n}" for n in range(len(types))]
    declared = ", ".join(f"{column} {one[0]}" for column, one in zip(columns, types, strict=True))
    source.ask(f"CREATE TABLE t (id integer PRIMARY KEY, {declared})")
    source.ask(f"INSERT INTO t SELECT n, {', '.join(one[1] for one in types)} FROM generate_series(1, 20) n")
    source.ask("CREATE TABLE spans (id integer PRIMARY KEY, v interval day to second)")
    source.ask("INSERT INTO spans VALUES (1, '1 day')")
    oracle.tell("trouble", 'INSERT INTO "T"', 60, "deadlock detected while waiting for resource", 1, 1)
    moved(source, target, slice_rows=5)
    assert target.ask(f"SELECT {', '.join(columns)} FROM t") == [tuple(one[3] for one in types)] * 20
    assert target.ask("SELECT v FROM spans") == [(timedelta(days=1),)]
    assert target.ask("SELECT table_name FROM all_tables WHERE owner = USER AND table_name LIKE '%LOAD%'") == []


def test_the_direct_path_over_what_a_killed_run_left(ends: tuple[Spot, Spot]) -> None:
    source, there = ends
    source.ask("CREATE TABLE t (id integer PRIMARY KEY, v varchar(9))")
    source.ask("INSERT INTO t VALUES (1, 'one'), (2, NULL)")
    for part in (1, 77):
        there.ask(f"CREATE TABLE {staging('T', part)} (c1 NUMBER)")
    moved(source, replace(there, url=f"{there.url}?load=direct"))
    assert there.ask("SELECT id, v FROM t ORDER BY id") == [(1, "one"), (2, None)]
    assert there.ask("SELECT table_name FROM all_tables WHERE owner = USER AND table_name LIKE '%LOAD%'") == []


def test_mode_fill_switches_off_what_fires_and_checks(ends: tuple[Spot, Spot]) -> None:
    """Tables that refer to each other in a circle; what was off stays off, and an orphan is named."""
    source, target = ends
    source.ask("CREATE TABLE town (code integer PRIMARY KEY, mayor integer)")
    source.ask("CREATE TABLE person (id integer PRIMARY KEY, town integer)")
    source.ask("INSERT INTO town VALUES (1, 7)")
    source.ask("INSERT INTO person VALUES (7, 1), (8, 1)")
    target.ask("CREATE TABLE town (code NUMBER(9) PRIMARY KEY, mayor NUMBER(9))")
    target.ask("CREATE TABLE person (id NUMBER(9) PRIMARY KEY, town NUMBER(9) CONSTRAINT home REFERENCES town (code))")
    target.ask("ALTER TABLE town ADD CONSTRAINT mayors FOREIGN KEY (mayor) REFERENCES person (id)")
    for name in ("heard", "deaf"):
        target.ask(f"CREATE TRIGGER {name} BEFORE INSERT ON person FOR EACH ROW BEGIN NULL; END;")
    target.ask("ALTER TRIGGER deaf DISABLE")
    states = (
        "SELECT constraint_name, status, validated FROM all_constraints WHERE owner = USER AND constraint_type = 'R' "
        "UNION ALL SELECT trigger_name, status, NULL FROM all_triggers WHERE owner = USER ORDER BY 1"
    )
    before = target.ask(states)
    request, secrets = requested(source, target, mode="fill")
    plan = wire.plan(request, secrets)
    source.ask("INSERT INTO person VALUES (9, 5)")
    with pytest.raises(DataError, match="HOME") as caught:
        wire.run(plan, secrets)
    assert "of (5)" in str(caught.value)
    assert ("HOME", "DISABLED", "NOT VALIDATED") in target.ask(states)
    target.ask("DELETE FROM person WHERE id = 9")
    wire.run(plan, secrets, resume=True)
    assert target.ask(states) == before
    assert before == [("DEAF", "DISABLED", None), ("HEARD", "ENABLED", None), ("HOME", "ENABLED", "VALIDATED"),
                      ("MAYORS", "ENABLED", "VALIDATED")]  # fmt: skip


@pytest.fixture
def broken(tmp_path: Path, servers: Servers) -> tuple[Spot, Spot]:
    """Rows that SQLite takes and Oracle's keys do not: an orphan, and one moment in two spellings."""
    source = spot("sqlite", tmp_path, servers)
    source.ask("CREATE TABLE p (id INTEGER PRIMARY KEY, at TIMESTAMP UNIQUE)")
    source.ask("CREATE TABLE c (id INTEGER PRIMARY KEY, p INTEGER REFERENCES p (id))")
    source.ask("INSERT INTO p VALUES (1, '2024-01-01 10:00:00'), (2, '2024-01-01 10:00:00.000'), (3, NULL)")
    source.ask("INSERT INTO c VALUES (1, 1), (2, 77)")
    return source, spot("oracle", tmp_path, servers)


_WAIVED = ("orphans", "duplicates")
_STATES = (
    "SELECT constraint_type, validated FROM all_constraints WHERE owner = USER AND table_name IN ('P', 'C') "
    "AND constraint_type IN ('P', 'R', 'U') ORDER BY 1, 2"
)


def test_rows_that_break_a_key_stop_the_run(broken: tuple[Spot, Spot]) -> None:
    """Until somebody mends them; the dictionary says whether what was begun is there."""
    source, target = broken
    request, secrets = requested(source, target, waive=_WAIVED)
    with pytest.raises(DataError, match=r"on \(AT\): 1 key stands in 2 rows"):
        wire.run(request, secrets)
    target.ask("UPDATE p SET at = TIMESTAMP '2025-01-01 00:00:00' WHERE id = 2")
    with pytest.raises(DataError, match=r"on \(P\) \(to P\): 1 row breaks it, of \(77\)"):
        wire.run(request, secrets, resume=True)
    target.ask("UPDATE c SET p = NULL WHERE id = 2")
    wire.run(request, secrets, resume=True)
    assert target.ask(_STATES) == [("P", "VALIDATED"), ("P", "VALIDATED"), ("R", "VALIDATED"), ("U", "VALIDATED")]


def test_a_run_without_the_keys_that_rows_break(broken: tuple[Spot, Spot]) -> None:
    """A foreign key then holds for new rows, and the way back removes all that was made."""
    source, target = broken
    outcome = wire.run(*requested(source, target, on_violation="leave-out"))
    assert len(outcome.left_out) == 2
    assert target.ask(_STATES) == [("P", "VALIDATED"), ("P", "VALIDATED"), ("R", "NOT VALIDATED")]
    wire.clean(outcome.plan.run, target.url, undo=True)
    assert target.ask("SELECT table_name FROM all_tables WHERE owner = USER AND table_name IN ('P', 'C')") == []


def test_rows_that_break_a_key_are_moved_aside(broken: tuple[Spot, Spot]) -> None:
    outcome = wire.run(*requested(*broken, on_violation="quarantine"))
    assert broken[1].ask("SELECT id FROM p UNION ALL SELECT id FROM c") == [(3,)]
    run = outcome.plan.run
    kept = [
        broken[1].ask(f'SELECT COUNT(*) FROM "ropeway_{run}_{number}_quarantine"')[0][0] for number in (1, 2)
    ]  # fmt: skip
    assert kept == [2, 2]


def test_a_repair_sets_rows_right(ends: tuple[Spot, Spot], tmp_path: Path) -> None:
    source, target = ends
    source.ask("CREATE TABLE t (id integer PRIMARY KEY, v varchar(9), c text)")
    source.ask("INSERT INTO t SELECT n, 'v' || n, 'c' || n FROM generate_series(1, 50) n")
    moved(source, target)
    target.ask("UPDATE t SET c = 'other' WHERE id = 7")
    target.ask("DELETE FROM t WHERE id = 8")
    target.ask("INSERT INTO t VALUES (99, 'x', 'x')")
    request, secrets = requested(source, target)
    found = wire.repairs(request, "full", secrets)
    assert [(one.tasks.insert, one.tasks.update, one.tasks.delete) for one in found.tables] == [(1, 1, 1)]
    assert wire.repair(found, (), secrets, tmp_path / "kept").equal
    assert target.ask("SELECT id, v, c FROM t ORDER BY id") == source.ask("SELECT id, v, c FROM t ORDER BY id")


def test_chinook(chinook: Path, tmp_path: Path, servers: Servers) -> None:
    """11 tables from CamelCase, with keys, foreign keys and indexes."""
    shutil.copy(chinook / "Chinook_Sqlite.sqlite", tmp_path)
    source = replace(spot("sqlite", tmp_path, servers), url=f"sqlite:///{tmp_path / 'Chinook_Sqlite.sqlite'}")
    target = spot("oracle", tmp_path, servers)
    moved(source, target, names="snake")
    assert target.ask("SELECT COUNT(*), SUM(unit_price) FROM invoice_line") == [(2240, Decimal("2328.60"))]
    assert target.ask(
        "SELECT b.last_name FROM employee e JOIN employee b ON b.employee_id = e.reports_to WHERE e.employee_id = 8"
    ) == [("Mitchell",)]
    kinds = (
        "SELECT constraint_type, COUNT(*) FROM all_constraints WHERE owner = USER AND table_name NOT LIKE 'ROPEWAY%' "
    )
    assert target.ask(f"{kinds} AND constraint_type IN ('P', 'R') GROUP BY constraint_type ORDER BY 1") == [
        ("P", 11), ("R", 11),
    ]  # fmt: skip


def test_what_oracle_does_in_other_words(ends: tuple[Spot, Spot]) -> None:
    """No ON UPDATE, no second index over the same columns, none over a CLOB."""
    source, target = ends
    source.ask("CREATE TABLE p (id integer PRIMARY KEY, word text, more text)")
    source.ask("CREATE INDEX again ON p (id)")
    source.ask("CREATE INDEX words ON p (word)")
    source.ask("CREATE INDEX both_words ON p (word, more)")
    source.ask("CREATE TABLE c (id integer PRIMARY KEY, p integer REFERENCES p ON UPDATE CASCADE ON DELETE SET NULL)")
    source.ask("INSERT INTO p VALUES (1, 'one', 'more')")
    (said,) = [one.message for one in planned(source, target).findings if one.name == "foreign-key-changed"]
    assert "ON UPDATE CASCADE is not known there" in said
    moved(source, target)
    assert target.ask("SELECT index_name FROM all_indexes WHERE owner = USER AND table_name = 'P' AND "
                      "index_name NOT LIKE 'SYS%' ORDER BY 1") == [("BOTH_WORDS",), ("WORDS",)]  # fmt: skip
    assert target.ask(_DECLARED.replace("'T'", "'P'")) == [("VARCHAR2(400 CHAR)",), ("VARCHAR2(400 CHAR)",)]
    assert target.ask("SELECT delete_rule FROM all_constraints WHERE owner = USER AND constraint_type = 'R'") == [
        ("SET NULL",)
    ]


def test_another_parser_of_the_dialect_takes_what_is_asked(ends: tuple[Spot, Spot]) -> None:
    """Queries and DML of a plan in each mode, by sqlglot; DDL is not its strength, and blocks are PL/SQL."""
    source, target = ends
    source.ask("CREATE TABLE p (id integer PRIMARY KEY, word varchar(9) UNIQUE, more text, CHECK (id > 0))")
    source.ask("CREATE TABLE c (id integer PRIMARY KEY, p integer REFERENCES p)")
    moved(source, target)
    asked: set[str] = set()
    for mode in ("replace", "append", "merge", "fill"):
        chosen = (Choice("p"),) if mode in ("append", "merge") else (Choice("c"),) if mode == "replace" else ()
        plan = planned(source, target, mode=mode, **({"choices": chosen} if chosen else {}))
        for one in plan.statements:
            asked |= {one.check, one.guard, one.constraint.offenders if one.constraint else ""}
            asked |= {sql for sql in parts(one.forward) if sql.startswith(("INSERT", "DELETE", "SELECT"))}
        asked |= {sql for hop in plan.hops for sql in hop.merge}
    every = sorted(asked - {""})
    assert len(every) > 20
    for sql in every:
        assert not sqlglot.parse_one(sql, read="oracle").find(sqlglot.exp.Command), sql
        assert " AS t" not in sql  # no table's alias has the word
        assert "LIMIT" not in sql
