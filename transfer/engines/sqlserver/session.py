"""Connections to SQL Server: the connection string, pins, and the control connection by pyodbc.

A control connection is pyodbc's, because mssql-python (1.16) leaves the server's error numbers out of its messages.
Both load Microsoft's driver from the wheel that mssql-python brings.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import cache, cached_property
from importlib.util import find_spec
from math import ceil
from pathlib import Path
from typing import Any

import pyodbc

from ...engine import Asked, Row
from ...errors import EngineError, RequestError
from ...overtime import Overtime
from ...place import Address, redact
from ...schema.catalogue import Relation
from ...schema.sql import sayable, text_literal
from ...silence import bound
from .options import keywords

# What a session prints and compares by must not depend on the login's language. Indexes over computed columns want
# these options, as ODBC sets them; FreeTDS would cut long values at 64 KB.
PINS = (
    "SET LANGUAGE us_english; SET DATEFORMAT ymd; SET DATEFIRST 7; SET TEXTSIZE 2147483647; SET NOCOUNT OFF; "
    "SET ANSI_NULLS, ANSI_PADDING, ANSI_WARNINGS, ARITHABORT, CONCAT_NULL_YIELDS_NULL, QUOTED_IDENTIFIER ON; "
    "SET NUMERIC_ROUNDABORT OFF; SET IMPLICIT_TRANSACTIONS OFF; SET LOCK_TIMEOUT -1"
)
MASTER = "master"
_CONNECT_S = 15
_UTF8 = 65001  # its code page
ENDED = "HYT00"  # a statement that took too long, by its SQLSTATE
_DATETIMEOFFSET = -155
_AROUND = re.compile(r"\[\w{5}\] (?:\[[^\]]*\])*| \(SQL\w+\)")  # SQLSTATE and drivers; the call
_LOST = re.compile(r"Connection closed|IO error|Failed to connect|link failure|TCP Provider", re.IGNORECASE)
RESET = 10054
_NUMBER = re.compile(r"\((\d+)\)(?: \(SQL\w+\))?(?:; |$)")
pyodbc.pooling = False  # a session that is closed is to be gone, with its snapshot and its locks


def quoted(name: str) -> str:
    """A name in brackets."""
    return "[" + sayable(name, "a name").replace("]", "]]") + "]"


def qualified(relation: Relation) -> str:
    """A quoted name with its schema; without one it is the account's own."""
    return (f"{quoted(relation.schema)}." if relation.schema else "") + quoted(relation.table)


def literal(value: object) -> str:
    """A literal; a text is one of Unicode, as another loses what the database's code page lacks."""
    text = text_literal(value)
    return f"N{text}" if text.startswith("'") else text


@cache
def microsoft() -> str:
    """The file of Microsoft's driver in the wheel that mssql-python depends on; '' where there is none for here."""
    spec = find_spec("mssql_python_odbc")
    machine = {"aarch64": "arm64"}.get(platform.machine(), platform.machine())
    folders = spec.submodule_search_locations if spec else ()
    found = [file for folder in folders or () for file in Path(folder).glob(f"libs/linux/*/{machine}/lib/*.so*")]
    usual = [file for file in found if "debian_ubuntu" in file.parts] or found
    return next((str(file) for file in usual if file.name.startswith("libmsodbcsql")), "")


def connection_string(address: Address, *, driver: bool = True) -> str:
    """What an ODBC driver is told; without the word `Driver` it is mssql-python's."""
    given = keywords(address)
    if not driver:
        given.pop("Driver")
    elif not given["Driver"]:
        given["Driver"] = microsoft()
        if not given["Driver"]:
            raise RequestError(
                "The wheel mssql-python-odbc has no driver for this machine.",
                remedy="Install an ODBC driver and name it: ?driver=ODBC Driver 18 for SQL Server.",
            )
    return "".join(f"{name}={_braced(value)};" for name, value in given.items())


def _braced(value: str) -> str:
    """A value of a connection string, in which a semicolon would end it."""
    if re.fullmatch(r"[\w.,:\\/*-]*", value, re.ASCII):
        return value
    return "{" + value.replace("}", "}}") + "}"


def connect(address: Address) -> pyodbc.Connection:
    """An autocommit connection with its pins set. EngineError, without the password, if refused."""
    text, limit = connection_string(address), limit_of(address)
    try:
        connection = pyodbc.connect(text, autocommit=True, timeout=_CONNECT_S)
        connection.execute(PINS)
        connection.timeout = limit
    except pyodbc.Error as error:
        raise EngineError(
            f"{address} refused: {redact(said(error), address)}",
            remedy="Check host, port, database, user and password of the URL; a certificate that is the server's own "
            "is trusted by ?TrustServerCertificate=yes.",
        ) from error
    # Else pyodbc asks for varchar in the code page of the locale.
    connection.setdecoding(pyodbc.SQL_CHAR, encoding="utf-16le", ctype=pyodbc.SQL_WCHAR)
    connection.add_output_converter(_DATETIMEOFFSET, bytes.hex)  # no query of ours asks for one
    return connection


def limit_of(address: Address) -> int:
    """The whole seconds that a statement may take, as ODBC counts them; 0 where nobody said any."""
    return ceil(bound(address.options))


@contextmanager
def timed(limit: int) -> Iterator[None]:
    """Overtime of a statement that the driver has ended."""
    try:
        yield
    except pyodbc.Error as error:
        if limit and error.args[0] == ENDED:
            raise Overtime.of(limit, said(error)) from error
        raise


def said(error: BaseException) -> str:
    """A driver's error in one line, with the server's number, without the names of the driver and the call."""
    text = str(error.args[1]) if isinstance(error, pyodbc.Error) and len(error.args) > 1 else str(error)
    return _AROUND.sub("", " ".join(text.split())).strip()


class ServerError(Exception):
    """What the server said to mssql-python, with the number that this driver leaves out; 0 where it is not known.

    A connection that is lost has no number of the server's: it gets that of one which was reset.
    """

    def __init__(self, number: int, text: str) -> None:
        number = RESET if not number and _LOST.search(text) else number
        super().__init__(number, text)
        self.number, self.text = number, text


def numbers(error: BaseException) -> Iterator[int]:
    """The server's numbers in a driver's error, the first one first."""
    if isinstance(error, ServerError):
        yield error.number
    elif isinstance(error, pyodbc.Error) and len(error.args) > 1:
        yield from (int(found) for found in _NUMBER.findall(str(error.args[1])))


def has_utf8(asked: Asked) -> bool:
    """Whether the server has collations whose texts are in UTF-8, as it has from 2019 on."""
    ((page,),) = asked.ask("SELECT CAST(COLLATIONPROPERTY(N'Latin1_General_100_BIN2_UTF8', 'CodePage') AS int)")
    return page == _UTF8


class SqlServerSession:
    """A control connection."""

    def __init__(self, address: Address) -> None:
        self.connection = connect(address)

    @cached_property
    def utf8(self) -> bool:
        return has_utf8(self)

    def ask(self, sql: str) -> list[Row]:
        with self.timed(), self.connection.cursor() as cursor:
            cursor.execute(sql)
            return [tuple(row) for row in cursor.fetchall()]

    def timed(self) -> AbstractContextManager[None]:
        return timed(self.connection.timeout)

    def execute(self, sql: str) -> int:
        with self.timed(), self.connection.cursor() as cursor:
            cursor.execute(sql)
            count = int(cursor.rowcount)
            while cursor.nextset():  # a refusal of a later statement comes with its result
                pass
        return count

    def begin(self) -> None:
        self.execute("BEGIN TRANSACTION")

    def commit(self) -> None:
        self.execute("COMMIT TRANSACTION")

    def rollback(self) -> None:
        """Also where the server has rolled back already, as it does for a deadlock's victim."""
        self.execute("IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION")

    def close(self) -> None:
        with suppress(pyodbc.Error):
            self.connection.close()


def one(rows: list[Row]) -> Any:
    """The value that a query of one row and one column gives."""
    return rows[0][0]
