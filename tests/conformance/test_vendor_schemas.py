"""Chinook from one vendor's script becomes what the vendor's own script for the target makes; differences are named."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from ropeway.cli import wire
from ropeway.transfer.place import parse
from ropeway.transfer.request import Request
from ropeway.transfer.schema.catalogue import Table
from ropeway.transfer.schema.names import styled
from spots import Servers, Spot, spot

SCRIPTS = {"postgresql": "Chinook_PostgreSql.sql", "mariadb": "Chinook_MySql.sql", "mysql": "Chinook_MySql.sql"}
_OF_THE_DATABASE = re.compile(r"^(DROP DATABASE|CREATE DATABASE|USE|\\c)\b[^;]*;", re.MULTILINE)


class Shape(NamedTuple):
    """A table by its meaning: names of keys and indexes are each script's own taste."""

    columns: list[tuple[str, str, bool]]
    key: tuple[str, ...]
    foreign: set[tuple[tuple[str, ...], str, tuple[str, ...], str, str]]
    indexes: set[tuple[tuple[str, ...], bool]]


def made(engine: str, folder: Path, chinook: Path, servers: Servers, *, rows: bool = True) -> Spot:
    """A database that the vendor's script made, or of SQLite the vendor's file; `rows` says whether with its rows."""
    if engine == "sqlite":
        file = folder / "vendor.sqlite"
        file.write_bytes((chinook / "Chinook_Sqlite.sqlite").read_bytes())
        return Spot("sqlite", f"sqlite:///{file}", lambda _sql: [])
    place = spot(engine, folder, servers)
    script = _OF_THE_DATABASE.sub("", (chinook / SCRIPTS[engine]).read_text("utf-8-sig"))
    script = re.sub(r"/\*.*?\*/", "", script, flags=re.DOTALL)
    for statement in re.split(r";\s*\n", script):
        if statement.strip() and (rows or not statement.strip().startswith("INSERT")):
            place.ask(statement.strip().rstrip(";").replace("%", "%%") if engine != "postgresql" else statement)
    return place


def shapes(place: Spot) -> dict[str, Shape]:
    found = {snake(table.name.table): shape(table) for table in wire.inspect(place.url)}
    return {name: one for name, one in found.items() if not name.startswith("ropeway_")}  # the ledger's


def snake(name: str) -> str:
    return styled(name, "snake")


def many(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(snake, names))


def shape(table: Table) -> Shape:
    # MariaDB still shows a width with integers, which means nothing.
    columns = [(snake(c.name), re.sub(r"int\(\d+\)", "int", c.native), c.nullable) for c in table.columns]
    foreign = {
        (many(fk.columns), snake(fk.references.table), many(fk.referenced), fk.on_delete, fk.on_update)
        for fk in table.foreign_keys
    }
    return Shape(columns, many(table.key), foreign, {(many(index.columns), index.unique) for index in table.indexes})


# Where the vendor's scripts themselves do not agree: SQLite's INTEGER has 64 bits; a DATETIME of MySQL has no fractions
# of seconds, a TIMESTAMP of PostgreSQL and SQLite's text have six digits of them.
WIDER = {"integer": "bigint", "int": "bigint"}
AFFINE = re.compile("NVARCHAR|NUMERIC")  # in SQLite the same as VARCHAR and DECIMAL, which are what we write
FRACTIONS = {"datetime": "datetime(6)", "timestamp without time zone": "timestamp(0) without time zone"}


def justified(native: str, here: str, there: str) -> str:
    if there == "sqlite" and here != "sqlite":
        return AFFINE.sub(lambda found: {"NVARCHAR": "VARCHAR", "NUMERIC": "DECIMAL"}[found[0]], native)
    if here == "sqlite":
        native = WIDER.get(native, native)
    of_mysql = [engine in ("mariadb", "mysql") for engine in (here, there)]
    return FRACTIONS.get(native, native) if of_mysql[0] != of_mysql[1] else native


@pytest.mark.parametrize("there", ["sqlite", "postgresql", "mariadb", "mysql"])
@pytest.mark.parametrize("here", ["sqlite", "postgresql", "mariadb", "mysql"])
def test_the_schema_is_the_vendors(here: str, there: str, tmp_path: Path, chinook: Path, servers: Servers) -> None:
    source, target = made(here, tmp_path, chinook, servers), spot(there, tmp_path, servers)
    (one, one_secret), (other, other_secret) = parse(source.url), parse(target.url)
    outcome = wire.run(Request(one, other, names="snake"), wire.Secrets(one_secret, other_secret))
    assert outcome.report
    assert outcome.report.equal
    made_by_us = [table for table in wire.inspect(target.url) if not table.name.table.startswith("ropeway_")]
    assert {table.name.table for table in made_by_us} == set(shapes(target))  # all in snake_case
    wanted, found = shapes(made(there, tmp_path, chinook, servers, rows=False)), shapes(target)
    assert found.keys() == wanted.keys()
    for name, vendors in wanted.items():
        columns = [(column, justified(native, here, there), null) for column, native, null in vendors.columns]
        assert found[name].columns == columns, name
        assert found[name].key == vendors.key
        assert found[name].foreign == vendors.foreign
        assert found[name].indexes == vendors.indexes, name
