"""What others lose between Oracle and PostgreSQL, as docs/oracle-to-postgresql.md lists it: here it arrives."""

from __future__ import annotations

from pathlib import Path

import pytest

from mistakes import Case, arrives, typed
from moves import moved
from ropeway.transfer.errors import DataError
from spots import Servers, spot

CASES = {
    "numbers of any size": Case(
        "ora2pg makes bigint or double of them: darold/ora2pg#163, #200, #845",
        ("CREATE TABLE t (id NUMBER(9) PRIMARY KEY, v NUMBER)",
         "INSERT INTO t VALUES (1, 0.1)", "INSERT INTO t VALUES (2, 12345678901234567890123456789)"),
        typed("v").replace("v::text", "trim_scale(v)::text"),
        [("0.1", "numeric"), ("12345678901234567890123456789", "numeric")],
    ),
    "decimals": Case(
        "ora2pg makes double precision of them, as PG_NUMERIC_TYPE says by default",
        ("CREATE TABLE t (id NUMBER(9) PRIMARY KEY, v NUMBER(18,2))",
         "INSERT INTO t VALUES (1, 1234567890123456.78)"),
        typed("v"), [("1234567890123456.78", "numeric(18,2)")],
    ),
    "dates": Case(
        "a DATE has a time of day, which a date has not",
        ("CREATE TABLE t (id NUMBER(9) PRIMARY KEY, v DATE)",
         "INSERT INTO t VALUES (1, TO_DATE('2024-02-29 23:59:58', 'YYYY-MM-DD HH24:MI:SS'))"),
        typed("v"), [("2024-02-29 23:59:58", "timestamp(0) without time zone")],
    ),
    "sixteen bytes": Case(
        "ora2pg takes each RAW(16) for a uuid",
        ("CREATE TABLE t (id NUMBER(9) PRIMARY KEY, v RAW(16))", "INSERT INTO t VALUES (1, HEXTORAW('00FF'))"),
        typed("v"), [("\\x00ff", "bytea")],
    ),
    "long texts": Case(
        "ora2pg cuts them at LONGREADLEN, where LONGTRUNCOK lets it",
        ("CREATE TABLE t (id NUMBER(9) PRIMARY KEY, v CLOB)",
         "INSERT INTO t VALUES (1, RPAD('é', 4000, 'x'))",
         *("UPDATE t SET v = v || v" for _ in range(5))),
        "SELECT length(v), v = repeat(rpad('é', length(v) / 32, 'x'), 32) FROM t", [(128_000, True)],
    ),
    "moments": Case(
        "python-oracledb gives Arrow the wall clock without its zone",
        ("CREATE TABLE t (id NUMBER(9) PRIMARY KEY, v TIMESTAMP WITH TIME ZONE)",
         "INSERT INTO t VALUES (1, TIMESTAMP '2024-02-29 12:00:00 +02:00')"),
        "SELECT v AT TIME ZONE 'UTC' = '2024-02-29 10:00:00' FROM t", [(True,)],
    ),
    "moments of a session": Case(
        "a TIMESTAMP WITH LOCAL TIME ZONE is printed in the zone of whoever asks",
        ("CREATE TABLE t (id NUMBER(9) PRIMARY KEY, v TIMESTAMP WITH LOCAL TIME ZONE)",
         "INSERT INTO t VALUES (1, TIMESTAMP '2024-02-29 12:00:00 +02:00')"),
        "SELECT v AT TIME ZONE 'UTC' = '2024-02-29 10:00:00', pg_typeof(v)::text FROM t",
        [(True, "timestamp with time zone")],
    ),
    "padded texts": Case(
        "a CHAR loses its blanks as a text, or keeps them where they then count",
        ("CREATE TABLE t (id NUMBER(9) PRIMARY KEY, v CHAR(4), w VARCHAR2(4))", "INSERT INTO t VALUES (1, 'a', 'a ')"),
        "SELECT v = 'a', v::bpchar = 'a   ', octet_length(v), w FROM t", [(True, True, 4, "a ")],
    ),
    "names": Case(
        "capitals that must be quoted for ever, or quoted names that lose theirs",
        ('CREATE TABLE t (id NUMBER(9) PRIMARY KEY, "Mixed" NUMBER(4), "order" NUMBER(4))',
         "INSERT INTO t VALUES (1, 2, 3)"),
        'SELECT id, "Mixed", "order" FROM t', [(1, 2, 3)],
    ),
    "sequences": Case(
        "made at their start by who copies their definition",
        ("CREATE TABLE t (id NUMBER(9) PRIMARY KEY)", "CREATE SEQUENCE numbers START WITH 40 NOCACHE",
         "INSERT INTO t VALUES (numbers.NEXTVAL)"),
        "SELECT nextval('numbers')", [(41,)],
    ),
    "triggers that number": Case(
        "left behind, with a column that nothing numbers",
        ("CREATE TABLE t (id NUMBER(9) PRIMARY KEY, v VARCHAR2(9))", "CREATE SEQUENCE numbers NOCACHE",
         "CREATE TRIGGER numbering BEFORE INSERT ON t FOR EACH ROW BEGIN :NEW.id := numbers.NEXTVAL; END;",
         "INSERT INTO t (id, v) VALUES (numbers.NEXTVAL, 'a')"),
        "SELECT v FROM t WHERE id > 1", [("b",)],
        then=("INSERT INTO t (v) VALUES ('b')",),
    ),
    "empty texts": Case(
        "NULL there; the plan says so",
        ("CREATE TABLE t (id NUMBER(9) PRIMARY KEY, v VARCHAR2(9))", "INSERT INTO t VALUES (1, '')"),
        "SELECT v IS NULL FROM t", [(True,)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_it_arrives(name: str, tmp_path: Path, servers: Servers) -> None:
    arrives(CASES[name], "oracle", tmp_path, servers)


def test_texts_with_a_null_character_stop_before_they_are_lost(tmp_path: Path, servers: Servers) -> None:
    """The load of ora2pg (#1336) and oracle_fdw (#114) stops in mid-table and does not say where."""
    source, target = spot("oracle", tmp_path, servers), spot("postgresql", tmp_path, servers)
    source.ask("CREATE TABLE t (id NUMBER(9) PRIMARY KEY, v VARCHAR2(9))")
    source.ask("INSERT INTO t VALUES (1, 'a' || CHR(0))")
    with pytest.raises(DataError, match=r"T to public\.t.* v does not fit .*U\+0000.*\(key id=1\)"):
        moved(source, target)
    assert target.ask("SELECT count(*) FROM t") == [(0,)]
