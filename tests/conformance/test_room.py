"""Limits of keys, indexes and rows that values know nothing of: a type fits its use, and its table."""

from __future__ import annotations

from pathlib import Path

import pytest

from moves import moved, natives
from ropeway.transfer.errors import DataError
from spots import MYSQL_FAMILY, Servers, spot


@pytest.mark.parametrize("other", MYSQL_FAMILY)
def test_keys_and_rows_find_room(other: str, tmp_path: Path, servers: Servers) -> None:
    """An index of MySQL holds 3,072 bytes, a row 65,535 declared ones; PostgreSQL knows neither limit."""
    source, target = spot("postgresql", tmp_path, servers), spot(other, tmp_path, servers)
    source.ask("CREATE TABLE k (a text, b text, c bytea, d int, long text, PRIMARY KEY (a, b, d), UNIQUE (c))")
    source.ask("CREATE INDEX plain ON k (long)")
    source.ask("CREATE INDEX wide ON k (a, b, long, d)")
    source.ask("INSERT INTO k VALUES ('x', repeat('é', 300), 'c', 1, repeat('y', 2000))")
    columns = ", ".join(f"c{n} varchar(2000)" for n in range(12))
    source.ask(f"CREATE TABLE r (id int PRIMARY KEY, {columns}, small varchar(10))")
    source.ask(f"INSERT INTO r SELECT 1, {', '.join(['repeat(chr(233), 2000)'] * 12)}, 'small'")
    source.ask("CREATE TABLE f (id int PRIMARY KEY, a text, b text, d int, FOREIGN KEY (a, b, d) REFERENCES k)")
    outcome = moved(source, target)
    first, second, third, _, last = natives(target, "k")
    assert [first, second, third, last] == ["varchar(382)", "varchar(383)", "varbinary(3072)", "longtext"]
    assert natives(target, "f")[1:3] == natives(target, "k")[:2]
    held = natives(target, "r")
    assert held.count("longtext") == 4
    assert held.count("varchar(2000)") == 8
    assert held[-1] == "varchar(10)"
    fidelity = {f"{hop.reads.table}.{c.source}": str(c.fidelity) for hop in outcome.plan.hops for c in hop.columns}
    assert (fidelity["k.a"], fidelity["k.long"], fidelity["r.small"]) == ("constrained", "exact", "exact")
    assert target.ask("SELECT CHAR_LENGTH(b) FROM k") == [(300,)]
    source.ask("INSERT INTO k VALUES ('x', repeat('z', 500), 'd', 1, '')")
    with pytest.raises(DataError, match="Data t"):
        moved(source, spot(other, tmp_path, servers))


@pytest.mark.parametrize("engine", MYSQL_FAMILY)
def test_a_column_of_few_bytes_finds_room_among_four_byte_characters(
    engine: str, tmp_path: Path, servers: Servers
) -> None:
    source, target = spot(engine, tmp_path, servers), spot(engine, tmp_path, servers)
    source.ask("CREATE TABLE l (id int PRIMARY KEY, a varchar(40000) CHARACTER SET latin1, b varchar(6000))")
    source.ask("INSERT INTO l VALUES (1, REPEAT('é', 40000), 'b')")
    moved(source, target)
    assert target.ask("SELECT CHAR_LENGTH(a), b FROM l") == [(40000, "b")]
    assert natives(target, "l")[1:] == ["longtext", "varchar(6000)"]


def test_a_timestamp_keeps_its_null(tmp_path: Path, servers: Servers) -> None:
    """Before MySQL 8.0 and MariaDB 10.10 NULL into a timestamp that says nothing of NULL becomes the moment."""
    server = servers.family("mysql")
    source, target = spot("mariadb", tmp_path, servers), spot("mysql", tmp_path, servers)
    source.ask("CREATE TABLE s (id int PRIMARY KEY, at timestamp NULL)")
    source.ask("INSERT INTO s VALUES (1, NULL)")
    with server.connect(autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("SHOW GLOBAL VARIABLES LIKE 'explicit_defaults_for_timestamp'")
        assert cursor.fetchall()[0][1] == "ON"
    moved(source, target)
    ((statement,),) = [row[1:] for row in target.ask("SHOW CREATE TABLE s")]
    assert "`at` timestamp NULL" in statement
