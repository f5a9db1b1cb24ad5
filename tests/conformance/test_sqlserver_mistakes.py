"""What others lose between SQL Server and PostgreSQL, as docs/sqlserver-to-postgresql.md lists it: here it arrives."""

from __future__ import annotations

from pathlib import Path

import pytest

from mistakes import Case, arrives, typed
from spots import Servers

CASES = {
    "decimals": Case(
        "pgloader 3 made doubles of them: dimitri/pgloader#1615, #1619",
        ("CREATE TABLE t (id int PRIMARY KEY, v decimal(28,10))",
         "INSERT INTO t VALUES (1, 123456789012345678.0123456789), (2, -0.0000000001)"),
        typed("v"), [("-0.0000000001", "numeric(28,10)"), ("123456789012345678.0123456789", "numeric(28,10)")],
    ),
    "money": Case(
        "ora2pg makes numeric(15,4), which ends before money does",
        ("CREATE TABLE t (id int PRIMARY KEY, v money)",
         "INSERT INTO t VALUES (1, 922337203685477.5807), (2, -922337203685477.5808)"),
        typed("v"), [("-922337203685477.5808", "numeric(19,4)"), ("922337203685477.5807", "numeric(19,4)")],
    ),
    "small money": Case(
        "ora2pg makes numeric(6,4), which ends at 99.9999",
        ("CREATE TABLE t (id int PRIMARY KEY, v smallmoney)", "INSERT INTO t VALUES (1, 214748.3647)"),
        typed("v"), [("214748.3647", "numeric(10,4)")],
    ),
    "wall clocks": Case(
        "pgloader makes timestamptz, in the zone of whoever looks",
        ("CREATE TABLE t (id int PRIMARY KEY, v datetime2(3))", "INSERT INTO t VALUES (1, '2024-03-31 02:30:00.125')"),
        typed("v"), [("2024-03-31 02:30:00.125", "timestamp(3) without time zone")],
    ),
    "keys of several columns": Case(
        "pgloader kept the last column of a foreign key",
        ("CREATE TABLE p (a int, b int, PRIMARY KEY (a, b))",
         "CREATE TABLE t (id int PRIMARY KEY, a int, b int, CONSTRAINT t_p FOREIGN KEY (a, b) REFERENCES p (a, b))",
         "INSERT INTO p VALUES (1, 2)", "INSERT INTO t VALUES (1, 1, 2)"),
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 't_p'",
        [("FOREIGN KEY (a, b) REFERENCES p(a, b)",)],
    ),
    "identities": Case(
        "pgloader lost those outside of dbo: dimitri/pgloader#1586",
        ("CREATE SCHEMA far", "CREATE TABLE far.t (id int IDENTITY(10,5) PRIMARY KEY, v nvarchar(9))",
         "INSERT INTO far.t (v) VALUES (N'a'), (N'b')"),
        "SELECT id::text, v FROM far.t ORDER BY id", [("10", "a"), ("15", "b"), ("20", "c")],
        then=("INSERT INTO far.t (v) VALUES ('c')",),
    ),
    "integers": Case(
        "pgloader made bigint of int: dimitri/pgloader#1627",
        ("CREATE TABLE t (id int PRIMARY KEY, v int)", "INSERT INTO t VALUES (1, 2147483647)"),
        typed("v"), [("2147483647", "integer")],
    ),
    "bytes": Case(
        "tinyint is 0 to 255 there, -128 to 127 elsewhere",
        ("CREATE TABLE t (id int PRIMARY KEY, v tinyint)", "INSERT INTO t VALUES (1, 255), (2, 0)"),
        typed("v"), [("0", "smallint"), ("255", "smallint")],
    ),
    "comments": Case(
        "lost by pgloader: dimitri/pgloader#1630",
        ("CREATE TABLE t (id int PRIMARY KEY, v int)",
         "EXEC sys.sp_addextendedproperty N'MS_Description', N'it''s full of stars', N'SCHEMA', N'dbo', N'TABLE', "
         "N't', N'COLUMN', N'v'"),
        "SELECT col_description('t'::regclass, 2)", [("it's full of stars",)],
    ),
    "lengths": Case(
        "pgloader makes text of them",
        ("CREATE TABLE t (id int PRIMARY KEY, v nvarchar(40))", "INSERT INTO t VALUES (1, N'Žluťoučký 🚡 ')"),
        typed("v"), [("Žluťoučký 🚡 ", "character varying(40)")],
    ),
    "one NULL": Case(
        "a unique index takes one NULL there, and any number elsewhere",
        ("CREATE TABLE t (id int PRIMARY KEY, v int)", "CREATE UNIQUE INDEX one ON t (v)"),
        "SELECT indexdef FROM pg_indexes WHERE indexname = 'one'",
        [("CREATE UNIQUE INDEX one ON public.t USING btree (v) NULLS NOT DISTINCT",)],
    ),
    "identifiers": Case(
        "bytes in the order of the wire are another identifier",
        ("CREATE TABLE t (id int PRIMARY KEY, v uniqueidentifier)",
         "INSERT INTO t VALUES (1, '6F9619FF-8B86-D011-B42D-00C04FC964FF')"),
        typed("v"), [("6f9619ff-8b86-d011-b42d-00c04fc964ff", "uuid")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_it_arrives(name: str, tmp_path: Path, servers: Servers) -> None:
    arrives(CASES[name], "sqlserver", tmp_path, servers)
