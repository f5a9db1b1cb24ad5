"""What Oracle refuses, sorted: what is worth another try, what the rows are to blame for, what wants space."""

from __future__ import annotations

from collections.abc import Iterator

import oracledb
import pytest

from ropeway.transfer.engines import engine_of
from ropeway.transfer.place import parse
from servers.oracle.process import Accounts

# A statement that the server itself refuses, the number, and the class.
OWN = (
    ("INSERT INTO t (id, name) VALUES (1, 'again')", 1, "data"),
    ("INSERT INTO t (id) VALUES (2)", 1400, "data"),
    ("UPDATE t SET name = NULL", 1407, "data"),
    ("INSERT INTO t (id, name) VALUES (2, 'too long')", 12899, "data"),
    ("INSERT INTO t (id, name) VALUES (1000, 'b')", 1438, "data"),
    ("INSERT INTO t (id, name, parent) VALUES (2, 'b', 9)", 2291, "data"),
    ("INSERT INTO t (id, name) VALUES (-1, 'b')", 2290, "data"),
    ("DELETE FROM t WHERE id = 0", 2292, "data"),
    ("ALTER TABLE t ADD CONSTRAINT twins UNIQUE (kind)", 2299, "data"),
    ("CREATE UNIQUE INDEX twins ON t (kind)", 1452, "data"),
    ("ALTER TABLE t ADD CHECK (kind > 5)", 2293, "data"),
    ("ALTER TABLE t MODIFY parent NOT NULL", 2296, "data"),
    ("ALTER TABLE t ADD FOREIGN KEY (kind) REFERENCES t (id)", 2298, "data"),
    ("CREATE TABLE t (id NUMBER)", 955, "schema"),
    ("INSERT INTO missing VALUES (1)", 942, "schema"),
    ("INSERT INTO t (missing) VALUES (1)", 904, "schema"),
)
# What only a server under load or without room says.
TOLD = (
    (54, "transient"), (60, "transient"), (4021, "transient"), (8177, "transient"), (12519, "transient"),
    (1653, "space"), (1691, "space"), (1536, "space"), (257, "space"), (65114, "space"), (14400, "data"),
)  # fmt: skip


@pytest.fixture
def connection(oracle: Accounts) -> Iterator[oracledb.Connection]:
    place, _ = parse(oracle.database())
    with oracle.connect(place.username) as connection, connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE t (id NUMBER(3) PRIMARY KEY CHECK (id >= 0), name VARCHAR2(5 CHAR) NOT NULL, "
            "kind NUMBER(3) DEFAULT 4, parent NUMBER(3) REFERENCES t)"
        )
        cursor.execute("INSERT INTO t (id, name) VALUES (0, 'root')")
        cursor.execute("INSERT INTO t (id, name, parent) VALUES (1, 'a', 0)")
        connection.commit()
        yield connection


def refused(connection: oracledb.Connection, sql: str) -> tuple[int, str]:
    with connection.cursor() as cursor, pytest.raises(oracledb.Error) as caught:
        cursor.execute(sql)
    connection.rollback()
    return caught.value.args[0].code, engine_of("oracle").classify(caught.value)


def test_what_the_server_refuses_has_its_class(connection: oracledb.Connection) -> None:
    assert [(sql, *refused(connection, sql)) for sql, _, _ in OWN] == list(OWN)


def test_what_a_busy_or_full_server_says_has_its_class(oracle: Accounts, connection: oracledb.Connection) -> None:
    for number, _ in TOLD:
        oracle.tell("trouble", "DELETE FROM T", number)
    assert [refused(connection, "DELETE FROM t") for _ in TOLD] == list(TOLD)
