"""What other tools got wrong, as it is told in their issues: here it arrives as it was, or is refused by name."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import pytest

from moves import moved, refusal
from ropeway.cli import wire
from spots import PLACES, Servers, spot


@dataclass(frozen=True)
class Case:
    """What a tool did and where it is told; the source; what `query` shows in the target once `then` was done there.

    `keys` is the number of foreign keys there, `refused` what is said by target where nothing is moved.
    """

    tool: str
    source: tuple[str, ...]
    query: str
    rows: list[tuple[str | None, ...]]
    engine: str = "mariadb"
    then: tuple[str, ...] = ()
    keys: int = 0
    refused: dict[str, str] = field(default_factory=dict)


_UUID = "a3cda7d500a64111814659127a8d5e42"
_FIRST = "n" * 63
_WIDE = "12345678901234567890123456789012345.123456789012345678901234567890"

CASES = {
    # DuckDB's readers of files make doubles of decimals above 38 digits.
    "wide decimals": Case(
        "duckdb/duckdb#9770, duckdb/duckdb-postgres#26",
        (
            "CREATE TABLE t (id int PRIMARY KEY, a decimal(39,0), b decimal(65,30))",
            f"INSERT INTO t VALUES (1, {'9' * 39}, -{_WIDE})",
        ),
        "SELECT a, b FROM t",
        [("9" * 39, f"-{_WIDE}")],
        engine="mysql",
        refused={
            there: f"t.a is decimal(39,0), which {there} cannot hold" for there in ("duckdb", "oracle", "sqlserver")
        },
    ),
    # bigint(20) became numeric and what refers to it bigint, so no foreign key could be made; the width decided.
    "unsigned groups": Case(
        "dimitri/pgloader#982, #307, #678",
        (
            "CREATE TABLE p (id bigint(20) unsigned PRIMARY KEY)",
            "CREATE TABLE q (id int(11) unsigned PRIMARY KEY)",
            "CREATE TABLE t (id int PRIMARY KEY, p bigint(20) unsigned, q int(10) unsigned, "
            "FOREIGN KEY (p) REFERENCES p (id), FOREIGN KEY (q) REFERENCES q (id))",
            "INSERT INTO p VALUES (18446744073709551615)",
            "INSERT INTO q VALUES (4294967295)",
            "INSERT INTO t VALUES (1, 18446744073709551615, 4294967295), (2, NULL, NULL)",
        ),
        "SELECT t.p, t.q FROM t LEFT JOIN p ON p.id = t.p LEFT JOIN q ON q.id = t.q ORDER BY t.id",
        [("18446744073709551615", "4294967295"), (None, None)],
        keys=2,
    ),
    # An unsigned key became a serial, whose integers end at 2^31 - 1.
    "unsigned numbers": Case(
        "dimitri/pgloader#1102",
        (
            "CREATE TABLE t (id int(10) unsigned AUTO_INCREMENT PRIMARY KEY, word varchar(9))",
            "INSERT INTO t VALUES (1, 'a'), (4294967290, 'b')",
        ),
        "SELECT id, word FROM t ORDER BY id",
        [("1", "a"), ("4294967290", "b"), ("4294967291", "c")],
        then=("INSERT INTO t (word) VALUES ('c')",),
    ),
    # PostgreSQL cuts a name to 63 bytes with a notice only, and both columns were one.
    "long names": Case(
        "dimitri/pgloader#353",
        (
            f"CREATE TABLE t (id int PRIMARY KEY, {_FIRST}1 int, {_FIRST}2 int, KEY k (id, {_FIRST}1))",
            "INSERT INTO t VALUES (1, 2, 3)",
        ),
        "SELECT * FROM t",
        [("1", "2", "3")],
    ),
    # jsonb, and MySQL's json, keep the last of equal keys, and order them.
    "equal keys in json": Case(
        "argoproj/argo-workflows#13779",
        (
            "CREATE TABLE t (id int PRIMARY KEY, doc json)",
            """INSERT INTO t VALUES (1, '{"b": 1, "a": 1.0,  "b": 2}')""",
        ),
        "SELECT CAST(doc AS char(60)) FROM t",
        [('{"b": 1, "a": 1.0,  "b": 2}',)],
    ),
    # Its text was \x..., or lost its first character.
    "uuids as bytes": Case(
        "dimitri/pgloader#904, #1758",
        (
            "CREATE TABLE p (id binary(16) PRIMARY KEY)",
            "CREATE TABLE t (id binary(16) PRIMARY KEY, p binary(16) NOT NULL, FOREIGN KEY (p) REFERENCES p (id))",
            f"INSERT INTO p VALUES (x'{_UUID}'), (x'{'00' * 16}')",
            f"INSERT INTO t VALUES (x'{_UUID[:-2]}00', x'{_UUID}'), (x'{'5c' * 16}', x'{'00' * 16}')",
        ),
        "SELECT t.id, p.id FROM t JOIN p ON p.id = t.p ORDER BY t.id",
        [("5c" * 16, "00" * 16), (f"{_UUID[:-2]}00", _UUID)],
        keys=1,
    ),
    # MySQL's latin1 is cp1252: from 0x80 to 0x9F there are letters.
    "latin1": Case(
        "dimitri/pgloader#1368, #665",
        (
            "CREATE TABLE t (id int PRIMARY KEY, word varchar(20), long_one text) CHARACTER SET latin1",
            "INSERT INTO t VALUES (1, 'Rož–€ “é”', '™ß')",
        ),
        "SELECT word, long_one FROM t",
        [("Rož–€ “é”", "™ß")],
    ),
}


def shown(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, bytes):
        return value.hex()
    return f"{value:f}" if isinstance(value, Decimal) else str(value).rstrip()


@pytest.mark.parametrize("there", PLACES)
@pytest.mark.parametrize("name", CASES)
def test_it_is_not_made_here(name: str, there: str, tmp_path: Path, servers: Servers) -> None:
    case = CASES[name]
    source, target = spot(case.engine, tmp_path, servers), spot(there, tmp_path, servers)
    for statement in case.source:
        source.ask(statement)
    if there in case.refused:
        assert case.refused[there] in refusal(source, target)
        return
    moved(source, target)
    for statement in case.then:
        target.ask(statement)
    assert [tuple(shown(value) for value in row) for row in target.ask(case.query)] == case.rows, case.tool
    assert sum(len(table.foreign_keys) for table in wire.inspect(target.url)) == case.keys
