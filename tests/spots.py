"""Places for the conformance suite: a fresh, empty database of each engine, and plain SQL access to it."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import psycopg

from servers import Mariadb, Postgresql
from servers.oracle.process import Accounts
from servers.sqlserver.process import Databases

Rows = list[tuple[Any, ...]]
_numbers = itertools.count()


@dataclass(frozen=True)
class Spot:
    """An empty database: its engine's name, URL, and a way to ask it without Ropeway."""

    engine: str
    url: str
    ask: Callable[[str], Rows]

    def quote(self, name: str) -> str:
        return f"`{name}`" if self.engine in MYSQL_FAMILY else f'"{name}"'

    def kept(self, name: str) -> str:
        """A name as the engine keeps it where nobody quoted it."""
        return name.upper() if self.engine == "oracle" else name

    def give(self, table: str, columns: str, values: str) -> None:
        """A row with the number of its identity, if it has one, which SQL Server takes where it is told to only."""
        numbered = f"SELECT 1 FROM sys.identity_columns WHERE object_id = OBJECT_ID('{table}')"
        word = f"SET IDENTITY_INSERT {table} ON; " if self.engine == "sqlserver" and self.ask(numbered) else ""
        self.ask(f"{word}INSERT INTO {table} ({columns}) VALUES {values}")


MYSQL_FAMILY = ("mariadb", "mysql")
SQL_ENGINES = ("sqlite", "duckdb", "postgresql", "mariadb", "mysql")
PLACES = (*SQL_ENGINES, "oracle", "sqlserver")
NULLED = {"oracle": (("empty_string", "null"),)}  # policies of targets in which a text of no length is NULL
# From each to each; of Oracle and SQL Server, whose servers are ours, to and from PostgreSQL, and to themselves.
PAIRS = (
    *itertools.product(SQL_ENGINES, SQL_ENGINES),
    *(pair for one in ("oracle", "sqlserver") for pair in ((one, "postgresql"), ("postgresql", one), (one, one))),
)


class Servers:
    """The servers of the tests by name; asking for one starts it, or skips the test where it is absent."""

    def __init__(self, fixture: Callable[[str], Any]) -> None:
        self._fixture = fixture

    @property
    def postgresql(self) -> Postgresql:
        server: Postgresql = self._fixture("postgresql")
        return server

    @property
    def oracle(self) -> Accounts:
        server: Accounts = self._fixture("oracle")
        return server

    @property
    def sqlserver(self) -> Databases:
        server: Databases = self._fixture("sqlserver")
        return server

    def family(self, name: str) -> Mariadb:
        """`mariadb` or `mysql`."""
        server: Mariadb = self._fixture(name)
        return server


def spot(engine: str, folder: Path, servers: Servers) -> Spot:
    """A fresh database of the engine."""
    name = f"spot{next(_numbers)}"
    if engine == "sqlite":
        return _sqlite(folder / f"{name}.sqlite")
    if engine == "duckdb":
        return _duckdb(folder / f"{name}.duckdb")
    if engine == "oracle":
        return _oracle(servers.oracle)
    if engine == "sqlserver":
        return _sqlserver(servers.sqlserver)
    return _postgresql(servers.postgresql) if engine == "postgresql" else _mysql_family(servers.family(engine))


def database(place: Spot) -> str:
    """The name of a server's database."""
    return place.url.rpartition("/")[2].partition("?")[0]


def _user(url: str) -> str:
    return url.partition("://")[2].partition(":")[0]


def _sqlite(file: Path) -> Spot:
    def ask(sql: str) -> Rows:
        with closing(sqlite3.connect(file, isolation_level=None)) as connection:
            return connection.execute(sql).fetchall()

    return Spot("sqlite", f"sqlite:///{file}", ask)


def _duckdb(file: Path) -> Spot:
    def ask(sql: str) -> Rows:
        with duckdb.connect(str(file)) as connection:
            return connection.execute(sql).fetchall()

    return Spot("duckdb", f"duckdb:///{file}", ask)


def _postgresql(server: Postgresql) -> Spot:
    url = server.database()

    def ask(sql: str) -> Rows:
        with psycopg.connect(url, autocommit=True) as connection:
            cursor = connection.execute(sql)
            return cursor.fetchall() if cursor.description else []

    return Spot("postgresql", url, ask)


def _oracle(server: Accounts) -> Spot:
    url = server.database()
    user = _user(url)

    def ask(sql: str) -> Rows:
        with server.connect(user) as connection, connection.cursor() as cursor:
            cursor.execute(sql, fetch_lobs=False, fetch_decimals=True)
            rows = cursor.fetchall() if cursor.description else []
            connection.commit()
            return rows

    return Spot("oracle", url, ask)


def _sqlserver(server: Databases) -> Spot:
    url = server.database()
    name = url.rpartition("/")[2].partition("?")[0]

    def ask(sql: str) -> Rows:
        with closing(server.connect(name)) as connection, connection.cursor() as cursor:
            cursor.execute(sql)
            rows = [tuple(row) for row in cursor.fetchall()] if cursor.description else []
            while cursor.nextset():
                pass
            return rows

    return Spot("sqlserver", url, ask)


def _mysql_family(server: Mariadb) -> Spot:
    url = server.database()

    def ask(sql: str) -> Rows:
        with server.connect(database=url.rpartition("/")[2], autocommit=True) as connection, connection.cursor() as c:
            c.execute(sql)
            return list(c.fetchall())

    return Spot(server.name, url, ask)


@contextmanager
def plain(target: Spot, servers: Servers) -> Iterator[Any]:
    """One connection of a driver that Ropeway has no hand in; PRAGMAs last as long as it does."""
    file = target.url.partition(":///")[2]
    if target.engine == "sqlite":
        with closing(sqlite3.connect(file, isolation_level=None)) as lite:
            yield lite.execute
    elif target.engine == "duckdb":
        with duckdb.connect(file) as duck:
            yield duck.execute
    elif target.engine == "postgresql":
        with psycopg.connect(target.url, autocommit=True) as elephant:
            yield elephant.execute
    elif target.engine == "oracle":
        with servers.oracle.connect(_user(target.url)) as connection, connection.cursor() as cursor:
            yield cursor.execute
            connection.commit()
    elif target.engine == "sqlserver":
        with closing(servers.sqlserver.connect(database(target))) as connection, connection.cursor() as cursor:
            yield cursor.execute
    else:
        server = servers.family(target.engine)
        with server.connect(database=database(target), autocommit=True) as connection, connection.cursor() as cursor:
            yield cursor.execute
