"""Oracle as a target, loaded by python-oracledb over the wire into the test server."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from moves import moved
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
