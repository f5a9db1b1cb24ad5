"""Connections that read: by mssql-python into Arrow, or by pyodbc with any ODBC driver."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any, Protocol

import mssql_python
import pyarrow as pa
import pyodbc

from ...engine import Row
from ...errors import EngineError
from ...overtime import Overtime
from ...place import Address, redact
from .session import PINS, ServerError, SqlServerSession, connection_string, limit_of, numbers, said

_DRIVER = re.compile(r"Driver Error: .*?; DDBC Error: (?:\[[^\]]*\])*")
_TIMED_OUT = re.compile(r"timeout expired", re.IGNORECASE)
mssql_python.pooling(enabled=False)  # a session that is closed is to be gone, with its snapshot


class Line(Protocol):
    """One connection, used by one thread but for cancel(). All raise ServerError for what the server refuses."""

    def ask(self, sql: str) -> list[Row]: ...

    def execute(self, sql: str) -> None: ...

    def batches(self, sql: str, kinds: Sequence[pa.DataType], rows: int) -> Iterator[list[Any]]:
        """The columns of so many rows at a time: of these kinds, or of those that the driver gives."""
        ...

    def cancel(self) -> None: ...

    def close(self) -> None: ...


class ArrowLine:
    """By mssql-python."""

    def __init__(self, address: Address) -> None:
        self._cursor: mssql_python.Cursor | None = None
        try:
            self._connection = mssql_python.connect(connection_string(address, driver=False), autocommit=True)
            self._connection.execute(PINS)
            self._limit = self._connection.timeout = limit_of(address)
        except mssql_python.Error as error:
            raise EngineError(
                f"{address} refused: {redact(_said(error), address)}",
                remedy="Check host, port, database, user and password of the URL.",
            ) from error

    def ask(self, sql: str) -> list[Row]:
        try:
            return [tuple(row) for row in self._connection.execute(sql).fetchall()]
        except mssql_python.Error as error:
            raise self._told(error) from error

    def execute(self, sql: str) -> None:
        try:
            self._connection.execute(sql)
        except mssql_python.Error as error:
            raise self._told(error) from error

    def batches(self, sql: str, kinds: Sequence[pa.DataType], rows: int) -> Iterator[list[Any]]:
        del kinds
        try:
            with self._connection.cursor() as self._cursor:
                self._cursor.execute(sql)
                opened = self._cursor.arrow_reader(rows)
                try:
                    for batch in opened:
                        yield batch.columns
                finally:
                    opened.close()
        except (mssql_python.Error, pa.ArrowInvalid) as error:  # of a reader that is closed the latter
            raise self._told(error) from error
        finally:
            self._cursor = None

    def _told(self, error: Exception) -> Exception:
        """The driver keeps the server's number to itself; the session knows it until its next statement."""
        number = 0
        if self._limit and _TIMED_OUT.search(str(error)):
            return Overtime.of(self._limit, _said(error))
        with suppress(mssql_python.Error):
            number = int(self._connection.execute("SELECT @@ERROR").fetchall()[0][0])
        return ServerError(number, _said(error))

    def cancel(self) -> None:
        """By the handle, as the driver itself does when a reader is closed: its cursors have no word for it."""
        if cursor := self._cursor:
            stop = getattr(getattr(cursor, "hstmt", None), "_cancel", None)
            with suppress(mssql_python.Error, RuntimeError):
                if stop:
                    stop()

    def close(self) -> None:
        with suppress(mssql_python.Error):
            self._connection.close()


class OdbcLine:
    """By pyodbc, which makes a Python value of each cell: for drivers that are not Microsoft's."""

    def __init__(self, address: Address) -> None:
        self._session = SqlServerSession(address)
        self._open: pyodbc.Cursor | None = None

    def ask(self, sql: str) -> list[Row]:
        try:
            return self._session.ask(sql)
        except pyodbc.Error as error:
            raise _numbered(error) from error

    def execute(self, sql: str) -> None:
        try:
            self._session.execute(sql)
        except pyodbc.Error as error:
            raise _numbered(error) from error

    def batches(self, sql: str, kinds: Sequence[pa.DataType], rows: int) -> Iterator[list[Any]]:
        try:
            with self._session.connection.cursor() as cursor:
                self._open = cursor
                with self._session.timed():
                    cursor.execute(sql)
                while found := self._some(cursor, rows):
                    yield [pa.array(values, kind) for values, kind in zip(zip(*found, strict=True), kinds, strict=True)]
        except pyodbc.Error as error:
            raise _numbered(error) from error
        finally:
            self._open = None

    def _some(self, cursor: pyodbc.Cursor, rows: int) -> list[pyodbc.Row]:
        with self._session.timed():
            found: list[pyodbc.Row] = cursor.fetchmany(rows)
            return found

    def cancel(self) -> None:
        if opened := self._open:
            with suppress(pyodbc.Error):
                opened.cancel()

    def close(self) -> None:
        self._session.close()


def _numbered(error: pyodbc.Error) -> ServerError:
    text = said(error)
    number = next(numbers(error), 0)
    return ServerError(number, text.removesuffix(f" ({number})"))


def _said(error: BaseException) -> str:
    return _DRIVER.sub("", " ".join(str(error).split()))
