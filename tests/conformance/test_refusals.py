"""A value that does not fit: exit 4, with table, column, key and value, nothing of its slice kept."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ropeway.cli import wire
from ropeway.transfer.errors import DataError
from ropeway.transfer.place import parse
from ropeway.transfer.request import Request
from spots import MYSQL_FAMILY, Servers, spot

# column type, the value that does not fit, what the message must hold
CASES = {
    "day": ("DATE", "2024-02-30", "2024-02-30"),
    "digits": ("DECIMAL(6,2)", 1.239, "1.239"),
    "flag": ("BOOLEAN", 2, "2"),
    "word in a number": ("INTEGER", "abc", "abc"),
    "real in an integer": ("INTEGER", 1.5, "1.5"),
    "blob in a text": ("TEXT", b"\x01", "blob"),
    "text in a blob": ("BLOB", "word", "word"),
    "too long": ("VARCHAR(5)", "toolong!", "toolong!"),
}


def filled(file: Path, kind: str) -> str:
    """5,000 good rows before the bad one: the first batch decides the driver's types."""
    good = {"DATE": "2024-02-28", "TEXT": "word", "BLOB": b"x", "VARCHAR(5)": "short"}.get(kind, 1)
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(f"CREATE TABLE t (id INTEGER PRIMARY KEY, c {kind})")
        connection.executemany("INSERT INTO t VALUES (?, ?)", [(n, good) for n in range(5_000)])
    return f"sqlite:///{file}"


@pytest.mark.parametrize("engine", ["postgresql", "mariadb", "mysql"])
@pytest.mark.parametrize("case", CASES)
def test_what_does_not_fit_is_named(engine: str, case: str, tmp_path: Path, servers: Servers) -> None:
    kind, value, shown = CASES[case]
    target = spot(engine, tmp_path, servers)
    file = tmp_path / "source.sqlite"
    (source, _), (place, secret) = parse(filled(file, kind)), parse(target.url)
    frozen = wire.plan(Request(source, place), wire.Secrets("", secret))
    with closing(sqlite3.connect(file)) as connection, connection:  # planning would see it, and decide otherwise
        connection.execute("INSERT INTO t VALUES (?, ?)", (7_777, value))
    with pytest.raises(DataError) as caught:
        wire.run(frozen, wire.Secrets("", secret))
    assert caught.value.exit_status == 4
    message = str(caught.value)
    assert "7777" in message
    assert shown in message
    assert "t" in caught.value.table
    assert target.ask("SELECT count(*) FROM t") == [(0,)]
    assert secret not in message


UNREADABLE = {
    "mysql": ("date", "'0000-00-00'"),
    "mariadb": ("date", "'0000-00-00'"),
    "postgresql": ("date", "'infinity'"),
}


@pytest.mark.parametrize("engine", UNREADABLE)
def test_what_cannot_be_read_is_named_with_its_key(engine: str, tmp_path: Path, servers: Servers) -> None:
    kind, value = UNREADABLE[engine]
    source = spot(engine, tmp_path, servers)
    if engine in MYSQL_FAMILY:
        source.ask("SET GLOBAL sql_mode = ''")
    source.ask(f"CREATE TABLE t (a integer, b varchar(9), c {kind}, PRIMARY KEY (a, b))")
    rows = [f"({n}, 'w{n}', '2024-02-29')" for n in range(300)]
    source.ask("INSERT INTO t VALUES " + ", ".join(rows))
    (place, secret), (target, _) = parse(source.url), parse(f"sqlite:///{tmp_path / 'out.sqlite'}")
    frozen = wire.plan(Request(place, target), wire.Secrets(secret, ""))
    source.ask(f"INSERT INTO t VALUES (777, 'odd', {value})")  # planning would see it, and stop
    with pytest.raises(DataError) as caught:
        wire.run(frozen, wire.Secrets(secret, ""))
    assert (caught.value.column, caught.value.key) == ("c", "a=777, b=odd")
    assert "c holds" in str(caught.value) or "column c" in str(caught.value)
    assert "The slice is rolled back" in str(caught.value)
