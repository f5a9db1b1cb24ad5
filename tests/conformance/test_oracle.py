"""Oracle as a source, read by python-oracledb over the wire from the test server."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from moves import moved, planned, refusal, requested
from ropeway.cli import wire
from ropeway.transfer.errors import RopewayError
from ropeway.transfer.job import Limits
from ropeway.transfer.progress import Progress
from ropeway.transfer.request import Choice
from servers.oracle.process import Accounts
from spots import Servers, Spot, spot

# The type, a literal, the type in PostgreSQL, and the value there.
TYPES: tuple[tuple[str, str, str, Any], ...] = (
    ("NUMBER(2)", "-99", "smallint", -99),
    ("NUMBER(9)", "999999999", "integer", 999_999_999),
    ("NUMBER(18)", "-999999999999999999", "bigint", -999_999_999_999_999_999),
    ("NUMBER(19)", "9999999999999999999", "numeric(19,0)", 9_999_999_999_999_999_999),
    ("NUMBER(38,10)", "1234567890123456789012345678.0123456789", "numeric(38,10)",
     Decimal("1234567890123456789012345678.0123456789")),
    ("NUMBER(5,-2)", "1234567", "integer", 1_234_600),
    ("NUMBER(2,5)", "0.00099", "numeric(5,5)", Decimal("0.00099")),
    ("NUMBER", "0.1", "numeric", Decimal("0.1")),
    ("NUMBER", "1e60", "numeric", Decimal("1e60")),
    ("INTEGER", "12345678901234567890123456789012345678", "numeric(38,0)", 12345678901234567890123456789012345678),
    ("FLOAT(126)", "0.30000000000000000000000000000000000001", "numeric",
     Decimal("0.30000000000000000000000000000000000001")),
    ("BINARY_DOUBLE", "0.1", "double precision", 0.1),
    ("BINARY_FLOAT", "1.5", "real", 1.5),
    ("VARCHAR2(5 CHAR)", "'äöü€😀'", "character varying(5)", "äöü€😀"),
    ("NVARCHAR2(5)", "'äö€'", "character varying(5)", "äö€"),
    ("CHAR(4)", "'ab'", "character(4)", "ab  "),
    ("CHAR(4 BYTE)", "'ä'", "character(4)", "ä   "),  # two blanks there, of four octets
    ("VARCHAR2(4 BYTE)", "'äö'", "character varying(4)", "äö"),
    ("UROWID", "'AAAR3sAAEAAAACXAAA'", "text", "AAAR3sAAEAAAACXAAA"),
    ("CLOB", "'long'", "text", "long"),
    ("RAW(4)", "HEXTORAW('00FF10')", "bytea", b"\x00\xff\x10"),
    ("BLOB", "HEXTORAW('00FF')", "bytea", b"\x00\xff"),
    ("DATE", "TO_DATE('2024-02-29 23:59:58', 'YYYY-MM-DD HH24:MI:SS')", "timestamp(0) without time zone",
     datetime(2024, 2, 29, 23, 59, 58)),
    ("DATE", "DATE '9999-12-31'", "timestamp(0) without time zone", datetime(9999, 12, 31)),
    ("TIMESTAMP(3)", "TIMESTAMP '9999-12-31 23:59:59.999'", "timestamp(3) without time zone",
     datetime(9999, 12, 31, 23, 59, 59, 999_000)),
    ("TIMESTAMP(9)", "TIMESTAMP '9999-12-31 23:59:59.999999'", "timestamp without time zone",
     datetime(9999, 12, 31, 23, 59, 59, 999_999)),
    ("TIMESTAMP WITH TIME ZONE", "TIMESTAMP '2024-02-29 12:00:00.5 +02:00'", "timestamp with time zone",
     datetime(2024, 2, 29, 10, 0, 0, 500_000, UTC)),
    ("TIMESTAMP(9) WITH TIME ZONE", "TIMESTAMP '2024-02-29 12:00:00.000001 -05:30'", "timestamp with time zone",
     datetime(2024, 2, 29, 17, 30, 0, 1, UTC)),
    ("TIMESTAMP WITH LOCAL TIME ZONE", "TIMESTAMP '2024-02-29 12:00:00'", "timestamp with time zone",
     datetime(2024, 2, 29, 12, tzinfo=UTC)),
    ("INTERVAL DAY(9) TO SECOND(6)", "INTERVAL '-3 01:02:03.000004' DAY(9) TO SECOND(6)", "interval",
     -timedelta(days=3, hours=1, minutes=2, seconds=3, microseconds=4)),
    ("INTERVAL YEAR(3) TO MONTH", "INTERVAL '2-3' YEAR TO MONTH", "text", "+02-03"),
    ("BOOLEAN", "TRUE", "boolean", True),
)  # fmt: skip


@pytest.fixture
def ends(tmp_path: Path, servers: Servers) -> tuple[Spot, Spot]:
    return spot("oracle", tmp_path, servers), spot("postgresql", tmp_path, servers)


def test_values_arrive_as_they_were(ends: tuple[Spot, Spot]) -> None:
    source, target = ends
    columns = [f"c{n}" for n in range(len(TYPES))]
    declared = ", ".join(f"{column} {one[0]}" for column, one in zip(columns, TYPES, strict=True))
    source.ask(f"CREATE TABLE t (id NUMBER(9) PRIMARY KEY, {declared})")
    source.ask(f"INSERT INTO t VALUES (1, {', '.join(literal for _, literal, _, _ in TYPES)})")
    source.ask("INSERT INTO t (id) VALUES (2)")
    outcome = moved(source, target)
    rows = target.ask(f"SELECT {', '.join(columns)} FROM t ORDER BY id")
    shown = target.ask(
        "SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum > 1"
    )
    for n, (native, literal, there, value) in enumerate(TYPES):
        assert (rows[0][n], rows[1][n], shown[n][0]) == (value, None, there), (native, literal)
    assert outcome.report
    assert outcome.report.tables[0].claim == "target equals what was read"


ODD: tuple[tuple[str, tuple[str, ...], str, list[Any]], ...] = (
    ("TIMESTAMP(9)", ("TIMESTAMP '2024-02-29 23:59:59.123456789'",), "", ["2024-02-29 23:59:59.123456789"]),
    ("NUMBER", ("1e70", "1e-70"), "", ["1E+70", "1E-70"]),
    ("NUMBER", ("1e60", "0.12345"), "numeric", [Decimal("1e60"), Decimal("0.12345")]),
    ("XMLTYPE", ("'<a/>'",), "text", ["<a/>"]),
)


@pytest.mark.parametrize(("native", "literals", "there", "values"), ODD, ids=[f"{o[0]} {o[1][0]}" for o in ODD])
def test_what_the_values_decide(
    native: str, literals: tuple[str, ...], there: str, values: list[Any], tmp_path: Path, servers: Servers
) -> None:
    """Nanoseconds are kept where the target has a place for them; numbers of all sizes are what they are."""
    source = spot("oracle", tmp_path, servers)
    target = spot("postgresql" if there else "duckdb", tmp_path, servers)
    source.ask(f"CREATE TABLE t (id NUMBER(9) PRIMARY KEY, v {native})")
    for number, literal in enumerate(literals):
        source.ask(f"INSERT INTO t VALUES ({number}, {literal})")
    moved(source, target)
    assert target.ask("SELECT v FROM t ORDER BY id" if there else "SELECT v::VARCHAR FROM t ORDER BY id") == [
        (value,) for value in values
    ]


def test_what_belongs_to_a_table_comes_along(ends: tuple[Spot, Spot]) -> None:
    source, target = ends
    source.ask("CREATE TABLE region (id NUMBER(9) GENERATED ALWAYS AS IDENTITY CONSTRAINT region_pk PRIMARY KEY, "
               "name VARCHAR2(20 CHAR) CONSTRAINT region_name UNIQUE)")  # fmt: skip
    source.ask("CREATE TABLE shop (id NUMBER(9) CONSTRAINT shop_pk PRIMARY KEY, region NUMBER(9) NOT NULL "
               "CONSTRAINT shop_region REFERENCES region (id) ON DELETE CASCADE, size_m2 NUMBER(7,1) DEFAULT 0 "
               'CONSTRAINT sized CHECK (size_m2 >= 0), opened DATE DEFAULT SYSDATE, '
               '"Mixed Case" NUMBER(4))')  # fmt: skip
    source.ask("CREATE INDEX shop_opened ON shop (region, opened DESC)")
    source.ask("COMMENT ON COLUMN shop.size_m2 IS 'without the cellar'")
    source.ask("INSERT INTO region (name) VALUES ('north')")
    source.ask("INSERT INTO shop (id, region, size_m2) SELECT 7, id, 12.5 FROM region")
    moved(source, target)
    assert target.ask('SELECT id, region, size_m2, "Mixed Case" FROM shop') == [(7, 1, Decimal("12.5"), None)]
    assert target.ask("INSERT INTO region (name) VALUES ('south') RETURNING id > 1") == [(True,)]
    constraints = target.ask(
        "SELECT conname, contype::text, confdeltype::text FROM pg_constraint "
        "WHERE conrelid::regclass::text IN ('shop', 'region') AND contype <> 'n' ORDER BY 1"
    )
    assert constraints == [("region_name", "u", " "), ("region_pk", "p", " "), ("shop_pk", "p", " "),
                           ("shop_region", "f", "c"), ("sized", "c", " ")]  # fmt: skip
    assert target.ask("SELECT indexdef FROM pg_indexes WHERE indexname = 'shop_opened'")[0][0].endswith(
        "(region, opened DESC)"
    )
    assert target.ask("SELECT col_description('shop'::regclass, 3)") == [("without the cellar",)]
    assert target.ask(
        "INSERT INTO shop (id, region) VALUES (8, 1) RETURNING size_m2, opened > now() - interval '1 day'"
    ) == [(Decimal("0.0"), True)]


NUMBERING = (
    "BEGIN SELECT part_seq.NEXTVAL INTO :NEW.id FROM dual; END;",
    "begin\n  if :new.ID is null then -- by hand\n    :new.id := part_seq.nextval;\n  end if;\nend part_number;",
)


@pytest.mark.parametrize("body", NUMBERING)
def test_a_trigger_that_numbers_becomes_an_identity(body: str, ends: tuple[Spot, Spot]) -> None:
    source, target = ends
    source.ask("CREATE TABLE part (id NUMBER(9) CONSTRAINT part_pk PRIMARY KEY, name VARCHAR2(9))")
    source.ask("CREATE SEQUENCE part_seq START WITH 41")
    source.ask(f"CREATE OR REPLACE TRIGGER part_number BEFORE INSERT ON part FOR EACH ROW {body}")
    source.ask("CREATE TRIGGER part_log BEFORE UPDATE ON part FOR EACH ROW BEGIN :NEW.name := UPPER(:NEW.name); END;")
    source.ask("INSERT INTO part VALUES (40, 'a')")
    outcome = moved(source, target)
    said = "\n".join(one.message for one in outcome.plan.findings)
    assert "trigger PART_NUMBER, which gave ID the numbers of PART_SEQ: an identity does" in said
    assert "not carried: trigger PART_LOG" in said
    assert target.ask("INSERT INTO part (name) VALUES ('b') RETURNING id") == [(41,)]


def test_what_is_only_listed(ends: tuple[Spot, Spot]) -> None:
    source, target = ends
    source.ask("CREATE TABLE t (id NUMBER(9))")
    source.ask("CREATE FUNCTION half (n NUMBER) RETURN NUMBER IS BEGIN\n  RETURN n / 2;\nEND;")
    source.ask("CREATE SYNONYM other FOR t")
    source.ask("CREATE MATERIALIZED VIEW copied AS SELECT id FROM t")
    source.ask("CREATE VIEW seen AS SELECT id FROM t WHERE id > 0")
    plan = planned(source, target)
    said = "\n".join(one.message for one in plan.findings if one.name == "object-lost")
    for kind, name in (("function", "HALF"), ("synonym", "OTHER"), ("materialized view", "COPIED")):
        assert f"not carried: {kind} {name}" in said
    assert any('VIEW "public"."seen"' in one.forward for one in plan.statements)


def test_chinook(ends: tuple[Spot, Spot], chinook: Path) -> None:
    source, target = ends
    script = (chinook / "Chinook_Oracle.sql").read_text(encoding="utf-8-sig")
    statements = re.sub(r"/\*.*?\*/", "", script, flags=re.DOTALL).split(";\n")
    for statement in statements:
        if statement.strip().startswith(("CREATE", "ALTER", "INSERT")):
            source.ask(statement.strip())
    outcome = moved(source, target, slice_rows=700)
    assert not [one.message for one in outcome.plan.findings if one.name == "index-changed"]
    assert sum(receipt.loaded for receipt in outcome.receipts) == 15_607
    assert target.ask("SELECT count(*), count(DISTINCT conrelid) FROM pg_constraint WHERE contype = 'f'") == [(11, 7)]
    assert target.ask("SELECT name FROM artist WHERE artistid = 6") == [("Antônio Carlos Jobim",)]
    assert target.ask("SELECT sum(total) FROM invoice") == [(Decimal("2328.60"),)]
    shown = "SELECT data_type FROM information_schema.columns WHERE table_name = 'genre' AND column_name = 'genreid'"
    assert target.ask(shown) == [("numeric",)]
    (said,) = [one.remedy for one in outcome.plan.findings if one.where == "GENRE.GENREID"]
    assert "types: {GENREID: 'number(18,0)'}" in said


# Instants


def accounts(source: Spot, rows: int) -> None:
    source.ask("CREATE TABLE account (id NUMBER(9) PRIMARY KEY, amount NUMBER(12) NOT NULL)")
    source.ask(f"INSERT INTO account VALUES {', '.join(f'({n}, 100)' for n in range(1, rows + 1))}")


def test_all_slices_are_of_one_instant(ends: tuple[Spot, Spot], oracle: Accounts) -> None:
    """Somebody moves amounts between rows all the time; what arrives adds up."""
    source, target = ends
    accounts(source, 300)
    user = source.url.partition("://")[2].partition(":")[0]
    stop = threading.Event()
    moves: list[int] = []

    def writes() -> None:
        with oracle.connect(user) as connection, connection.cursor() as cursor:
            while not stop.is_set():
                one = len(moves) % 299
                cursor.execute("UPDATE account SET amount = amount - 7 WHERE id = :1", [one + 1])
                cursor.execute("UPDATE account SET amount = amount + 7 WHERE id = :1", [300 - one])
                connection.commit()
                moves.append(one)

    writer = threading.Thread(target=writes)
    writer.start()
    try:
        while not moves:
            time.sleep(0.01)
        outcome = moved(source, target, slice_rows=20)
    finally:
        stop.set()
        writer.join()
    assert target.ask("SELECT sum(amount), count(*) FROM account") == [(30_000, 300)]
    assert len({receipt.slice for receipt in outcome.receipts if receipt.slice}) > 5
    (instant,) = {receipt.instant for receipt in outcome.receipts if receipt.slice}
    assert re.fullmatch(r"oracle SCN \d+ of .+, [-\d: ]{19}", instant)
    assert source.ask("SELECT count(*) FROM account WHERE amount <> 100")[0][0] > 0


def test_a_resumed_run_goes_back_to_its_instant(ends: tuple[Spot, Spot], oracle: Accounts) -> None:
    source, target = ends
    accounts(source, 100)
    oracle.tell("trouble", 'FROM "ACCOUNT" AS OF SCN \\d+ WHERE "ID"', 942, "gone", 1, 3)
    request, secrets = requested(source, target, slice_rows=10)
    with pytest.raises(RopewayError, match="--resume"):
        wire.run(request, secrets, limits=Limits(workers=1))
    landed = target.ask("SELECT count(*) FROM account")[0][0]
    assert 0 < landed < 100
    source.ask("UPDATE account SET amount = 0")
    outcome = wire.run(request, secrets, resume=True)
    assert outcome.report
    assert outcome.report.equal
    assert target.ask("SELECT count(*), sum(amount) FROM account") == [(100, 10_000)]
    assert len({receipt.instant for receipt in outcome.receipts if receipt.slice}) == 1


@pytest.mark.parametrize("gone", ["all of it", "of some blocks"])
def test_a_resumed_run_whose_undo_is_gone_starts_its_table_over(
    gone: str, ends: tuple[Spot, Spot], oracle: Accounts
) -> None:
    source, target = ends
    accounts(source, 100)
    oracle.tell("trouble", 'FROM "ACCOUNT" AS OF SCN \\d+ WHERE "ID"', 1555, "snapshot too old", 1, 3)
    request, secrets = requested(source, target, slice_rows=10)
    with pytest.raises(RopewayError, match="keeps no undo of SCN") as caught:
        wire.run(request, secrets, limits=Limits(workers=1))
    assert "UNDO_RETENTION" in str(caught.value)
    source.ask("UPDATE account SET amount = 0")
    if gone == "all of it":
        oracle.tell("forget")
    outcome = wire.run(request, secrets, resume=True)
    assert outcome.report
    assert outcome.report.equal
    assert target.ask("SELECT count(*), sum(amount) FROM account") == [(100, 0)]


def test_a_table_alone_is_read_again_at_a_new_scn(ends: tuple[Spot, Spot], oracle: Accounts) -> None:
    """Without a second command; tables that are done keep their instants."""
    source, target = ends
    accounts(source, 100)
    source.ask("CREATE TABLE larger (id NUMBER(9) PRIMARY KEY)")
    source.ask(f"INSERT INTO larger VALUES {', '.join(f'({n})' for n in range(120))}")
    oracle.tell("trouble", 'FROM "ACCOUNT" AS OF SCN \\d+ WHERE "ID"', 1555, "snapshot too old", 1, 3)

    class Writes(Progress):
        told: list[str] = []  # noqa: RUF012 - of this test alone

        def said(self, message: str) -> None:
            if "is read again at a new instant" in message:
                self.told.append(message)
                source.ask("UPDATE account SET amount = 0")

    request, secrets = requested(source, target, slice_rows=10, consistency="table")
    outcome = wire.run(request, secrets, limits=Limits(workers=1), progress=Writes())
    assert len(Writes.told) == 1
    assert "ORA-01555" in Writes.told[0]
    assert outcome.report
    assert outcome.report.equal
    assert target.ask("SELECT count(*), sum(amount) FROM account") == [(100, 0)]
    assert target.ask("SELECT count(*) FROM larger") == [(120,)]
    instants = {(receipt.hop, receipt.instant) for receipt in outcome.receipts if receipt.slice}
    assert len(instants) == 2


@pytest.mark.parametrize(("looks", "later"), [(True, 0), (False, 3600)], ids=["by its number", "by its time"])
def test_a_database_that_was_restored_has_other_rows_at_the_same_scn(
    looks: bool, later: int, ends: tuple[Spot, Spot], oracle: Accounts
) -> None:
    source, target = ends
    accounts(source, 100)
    user = source.url.partition("://")[2].partition(":")[0]
    if looks:
        with oracle.connect(oracle.administrator) as connection, connection.cursor() as cursor:
            cursor.execute(f"GRANT SELECT ON SYS.V_$DATABASE TO {user}")
    oracle.tell("trouble", 'FROM "ACCOUNT" AS OF SCN \\d+ WHERE "ID"', 942, "gone", 1, 3)
    request, secrets = requested(source, target, slice_rows=10)
    with pytest.raises(RopewayError, match="--resume"):
        wire.run(request, secrets, limits=Limits(workers=1))
    source.ask("UPDATE account SET amount = 0")
    oracle.tell("restore", later)
    outcome = wire.run(request, secrets, resume=True)
    assert outcome.report
    assert outcome.report.equal
    assert target.ask("SELECT count(*), sum(amount) FROM account") == [(100, 0)]


# What is asked for


def test_a_part_of_a_table_and_a_query(ends: tuple[Spot, Spot], tmp_path: Path, servers: Servers) -> None:
    source, target = ends
    accounts(source, 50)
    choice = Choice("ACCOUNT", where="id <= 20", columns=("ID",))
    moved(source, target, choices=(choice,))
    assert target.ask("SELECT count(*), max(id) FROM account") == [(20, 20)]
    other = spot("postgresql", tmp_path, servers)
    query = "SELECT id * 2 AS double_id, TO_CHAR(id) AS text FROM account WHERE id > 40"
    moved(source, other, choices=(Choice(query=query, to="doubled"),))
    assert other.ask("SELECT min(double_id), max(text), count(*) FROM doubled") == [(82, "50", 10)]


def test_long_values_come_in_one_round_trip_a_batch(tmp_path: Path, servers: Servers, oracle: Accounts) -> None:
    """Ten times as many rows take no more trips."""

    def trips(count: int) -> int:
        source, target = spot("oracle", tmp_path, servers), spot("postgresql", tmp_path, servers)
        source.ask("CREATE TABLE doc (id NUMBER(9) PRIMARY KEY, body CLOB, scan BLOB)")
        rows = ", ".join(f"({n}, RPAD('x', 4000, 'y'), HEXTORAW('00FF'))" for n in range(count))
        source.ask(f"INSERT INTO doc VALUES {rows}")
        before, lobs = oracle.tell("trips"), oracle.tell("lob_trips")
        outcome = moved(source, target)
        taken = int(oracle.tell("trips") - before)
        assert target.ask("SELECT count(*), sum(length(body)), sum(length(scan)) FROM doc") == [
            (count, 4000 * count, 2 * count)
        ]
        assert oracle.tell("lob_trips") == lobs
        assert outcome.report
        return taken

    assert abs(trips(40) - trips(4)) < 8


def test_what_an_account_lacks(ends: tuple[Spot, Spot], oracle: Accounts) -> None:
    source, target = ends
    accounts(source, 3)
    user = source.url.partition("://")[2].partition(":")[0]
    with oracle.connect(oracle.administrator) as connection, connection.cursor() as cursor:
        cursor.execute(f'CREATE USER reader_{user} IDENTIFIED BY "{oracle.password}"')
    reader = Spot("oracle", oracle.url(f"reader_{user}".upper()), source.ask)
    request, secrets = requested(reader, target, choices=(Choice(f"{user}.ACCOUNT"),))
    plan = wire.plan(request, secrets)
    lacking = [one.message.partition(": ")[0] for one in plan.findings if one.name == "privilege"]
    assert [one.removeprefix("this account lacks ") for one in lacking] == [
        "EXECUTE on SYS.DBMS_FLASHBACK (or SELECT on V_$DATABASE)", f"SELECT on {user}.ACCOUNT",
        f"FLASHBACK on {user}.ACCOUNT",
    ]  # fmt: skip


def test_refusals_say_what_to_do(ends: tuple[Spot, Spot], oracle: Accounts) -> None:
    source, target = ends
    source.ask("CREATE TABLE t (id NUMBER(9) PRIMARY KEY, v BFILE)")
    assert "bfile" in refusal(source, target)
    wrong = replace(source, url=source.url.replace(oracle.password, "wrong"))
    for url, said in (
        (wrong.url, "ORA-01017"), (source.url.replace("/TEST", "/NONE"), "ORA-12514"),
        (source.url + "?colour=blue", "unknown options colour"), (source.url.removesuffix("TEST"), "names no service"),
    ):  # fmt: skip
        with pytest.raises(RopewayError, match=said) as caught:
            wire.inspect(url)
        assert "wrong" not in str(caught.value)


def test_an_offset_is_carried_as_a_text(ends: tuple[Spot, Spot]) -> None:
    source, target = ends
    source.ask("CREATE TABLE t (id NUMBER(9) PRIMARY KEY, at TIMESTAMP WITH TIME ZONE)")
    source.ask("INSERT INTO t VALUES (1, TIMESTAMP '2024-02-29 12:00:00.5 +02:00')")
    moved(source, target, choices=(Choice("T", types=(("AT", "text"),)),))
    assert target.ask("SELECT at FROM t") == [("2024-02-29 12:00:00.500000000 +02:00",)]


def test_client_libraries_that_are_not_there(oracle: Accounts) -> None:
    """In a process of its own: this one is in thin mode already."""
    url = oracle.database()
    for options, said in (("?client=/no/such/folder", "DPI-1047"), ("?client=yes&load=direct", "only the thin driver")):
        text = (
            "from ropeway.transfer.engines.oracle import session\nfrom ropeway.transfer.place import parse, resolve\n"
        )
        text += f"place = resolve(*parse({url + options!r}))\nsession.loads_directly(place)\nsession.connect(place)"
        done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False)
        assert "RequestError" in done.stderr
        assert said in done.stderr


def test_undo_that_is_kept_too_shortly(ends: tuple[Spot, Spot], oracle: Accounts) -> None:
    source, target = ends
    accounts(source, 3)
    source.ask("BEGIN DBMS_STATS.SET_TABLE_STATS(USER, 'ACCOUNT', numrows => 90000000); END;")
    (found,) = [one for one in planned(source, target).findings if one.name == "undo-retention"]
    assert found.message.startswith("undo is kept for 900 s, and reading 90,000,000 rows may take 1,800 s")
    assert "UNDO_RETENTION = 3600" in found.remedy
    source.ask("BEGIN DBMS_STATS.SET_TABLE_STATS(USER, 'ACCOUNT', numrows => 3); END;")
    assert "undo-retention" not in [one.name for one in planned(source, target).findings]


def test_a_number_that_is_known_to_be_an_integer(ends: tuple[Spot, Spot]) -> None:
    source, target = ends
    source.ask("CREATE TABLE t (id NUMBER CONSTRAINT t_pk PRIMARY KEY)")
    source.ask("INSERT INTO t VALUES (999999999999999999)")
    moved(source, target, choices=(Choice("T", types=(("ID", "number(18,0)"),)),))
    assert target.ask("SELECT pg_typeof(id)::text, id FROM t") == [("bigint", 999_999_999_999_999_999)]


@pytest.mark.parametrize("sampled", [False, True])
def test_a_table_without_a_numeric_key_is_cut_by_its_rowids(
    sampled: bool, ends: tuple[Spot, Spot], oracle: Accounts
) -> None:
    """Also by those of a few blocks only, and each row is read once, whatever came meanwhile."""
    source, target = ends
    source.ask("CREATE TABLE t (code VARCHAR2(9) CONSTRAINT t_pk PRIMARY KEY, n NUMBER(9))")
    source.ask("CREATE TABLE bare (n NUMBER(9))")
    for low in range(0, 2_000, 500):
        rows = ", ".join(f"('c{n}', {n})" for n in range(low, low + 500))
        source.ask(f"INSERT INTO t VALUES {rows}")
    source.ask("INSERT INTO bare SELECT n FROM t")
    source.ask("CREATE TABLE ordered (code VARCHAR2(9) PRIMARY KEY) ORGANIZATION INDEX")  # whose ROWIDs are none
    source.ask("INSERT INTO ordered SELECT code FROM t")
    if sampled:  # by what the statistics say of them
        for name in ("T", "BARE"):
            source.ask(f"BEGIN DBMS_STATS.SET_TABLE_STATS(USER, '{name}', numrows => 8100); END;")
    request, secrets = requested(source, target, slice_rows=4_050 if sampled else 250)
    plan = wire.plan(request, secrets)
    cuts = [part.cut for hop in plan.hops for part in hop.slices if hop.reads.table != "ORDERED"]
    assert {cut.kind for cut in cuts} == {"physical"}
    assert [len(hop.slices) for hop in plan.hops if hop.reads.table == "ORDERED"] == [1]
    assert len(cuts) == (4 if sampled else 16)
    source.ask("DELETE FROM t WHERE n < 100")
    source.ask("INSERT INTO t SELECT 'new' || n, n FROM bare WHERE n < 200")
    outcome = wire.run(plan, secrets)
    assert outcome.report
    assert outcome.report.equal
    assert target.ask("SELECT count(*), sum(n) FROM t") == [(2_100, sum(range(100, 2_000)) + sum(range(200)))]
    assert target.ask("SELECT count(*), sum(n) FROM bare") == [(2_000, sum(range(2_000)))]
    read = [receipt.read for receipt in outcome.receipts if receipt.slice and "BARE" in receipt.hop]
    assert max(read) < 1_500
