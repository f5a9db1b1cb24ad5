"""Rows into PostgreSQL by COPY over psycopg, and out of it by ADBC, which decodes COPY's binary form in C.

Measured on TPC-H lineitem (PostgreSQL 18, CPU of client and backend together, us a row): loading 2.0 in the binary
form made here, 2.0 by pgpq, 2.8 as text, 3.4 by ADBC's ingest; reading 2.3 by ADBC, 3.5 where it decodes numerics.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import psycopg
import pyarrow as pa
from psycopg.conninfo import make_conninfo

from ...errors import DataError, EngineError, RequestError
from ...rules import Native
from ...unfit import Unread, sifted_beside
from ..exact import first_refused, key_of, value_at
from .decode import column
from .encode import HEADER, TRAILER, binary_rows, stream, text_rows
from .fit import Form, Values, fit, form, parsed

if TYPE_CHECKING:
    import adbc_driver_postgresql.dbapi as adbc  # at run time where it reads: 0.6 s and 68 MB that loading never needs

# One connection at a time is begun: ADBC tells nobody the number of its socket, so it is the one that is new.
CONNECTING = threading.Lock()
BATCH = 4 << 20  # bytes; from 256 KiB to 16 MiB a row costs the same


def load(
    connection: psycopg.Connection[Any],
    table: str,
    columns: Sequence[str],
    schema: pa.Schema,
    natives: Sequence[str],
    batches: Iterable[pa.RecordBatch],
) -> int:
    """Load batches of `schema` into the quoted columns of the quoted table; the number of rows stored.

    `natives` are the columns' types as format_type() prints them; any without a binary form here makes the whole table
    go as text. The transaction is the caller's, and on any error so is its rollback. RequestError, before anything is
    sent, for a pair of types that would change values; DataError for a value that the column cannot hold as it is;
    psycopg's errors as the server gave them; what the batches' iterator raises, as it is.
    """
    shape = Shape.of(connection, columns, schema, natives)
    with pouring(connection, table, shape) as poured:
        for batch in batches:
            if batch.num_rows:
                poured.write(stream(shape.rows(batch)), batch.num_rows)
    return poured.rows


@dataclass(frozen=True)
class Shape:
    """What a COPY brings: these quoted columns, in one of COPY's forms."""

    columns: Sequence[str]
    schema: pa.Schema
    targets: Sequence[Native]
    way: Form
    options: str

    @classmethod
    def of(
        cls, connection: psycopg.Connection[Any], columns: Sequence[str], schema: pa.Schema, natives: Sequence[str]
    ) -> Shape:
        """RequestError for a pair of types that would change values."""
        targets = [parsed(native) for native in natives]
        way = form(schema, targets)
        # The binary form has no ENCODING: texts are taken to be in the session's.
        encoding = connection.info.parameter_status("client_encoding")
        if way == "binary" and encoding != "UTF8":
            raise RequestError(f"A loading session needs client_encoding UTF8 and has {encoding}.")
        return cls(columns, schema, targets, way, "text, ENCODING 'UTF8'" if way == "text" else "binary")

    def rows(self, batch: pa.RecordBatch) -> Values:
        """Each row of a batch as COPY's form has it. DataError for a value that its column cannot hold as it is."""
        if batch.schema.types != self.schema.types:
            raise RequestError(f"A batch of {batch.schema.types} came where {self.schema.types} was announced.")
        fitted: list[Values] = [
            fit(values, name, target)
            for values, name, target in zip(batch.columns, self.schema.names, self.targets, strict=True)
        ]
        return binary_rows(fitted, self.targets) if self.way == "binary" else text_rows(fitted)


@dataclass
class Poured:
    """A COPY that is open, and the rows that were sent so far."""

    copy: psycopg.Copy
    rows: int = 0

    def write(self, rows: memoryview, count: int) -> None:
        """Send so many rows."""
        self.copy.write(rows)
        self.rows += count


@contextmanager
def pouring(connection: psycopg.Connection[Any], table: str, shape: Shape) -> Iterator[Poured]:
    """One COPY into one table, which ends with the context. EngineError where fewer rows are stored."""
    into = f"COPY {table} ({', '.join(shape.columns)}) FROM STDIN (FORMAT {shape.options})"
    with connection.cursor() as cursor:
        with cursor.copy(into) as copy:
            poured = Poured(copy)
            if shape.way == "binary":
                copy.write(HEADER)
            yield poured
            if shape.way == "binary":
                copy.write(TRAILER)
        stored = cursor.rowcount
    if stored != poured.rows:  # a trigger or a rule of the table swallowed some
        raise EngineError(f"{poured.rows} rows were sent to {table}, and PostgreSQL stored {stored}.", table=table)


def open_reader(conninfo: str | Mapping[str, Any], pins: Sequence[str] = ()) -> adbc.Connection:
    """A connection for read(), by a libpq URI, a string of libpq's keywords, or a mapping of them.

    `pins` run in order, each committed by itself until one begins a transaction: put BEGIN ISOLATION LEVEL REPEATABLE
    READ, READ ONLY and SET TRANSACTION SNAPSHOT last, so that no rollback takes the settings with it. psycopg's errors.
    """
    import adbc_driver_postgresql.dbapi as adbc

    with CONNECTING, _as_psycopg():
        before = _sockets()
        connection = adbc.connect(conninfo if isinstance(conninfo, str) else make_conninfo(**conninfo), autocommit=True)
        new = [number for word, number in _sockets().items() if word not in before and _is_to(number, conninfo)]
    _socket_of[connection] = new.pop() if len(new) == 1 else -1
    try:
        # ADBC takes all text for UTF-8, whatever the session's encoding is.
        for pin in ("SET client_encoding = 'UTF8'", *pins):
            _execute(connection, pin)
    except BaseException:
        connection.close()
        raise
    return connection


def socket_of(connection: adbc.Connection) -> int:
    """The number of the connection's socket, -1 where it is not known."""
    return _socket_of.get(connection, -1)


def _is_to(number: int, conninfo: str | Mapping[str, Any]) -> bool:
    """Whether a socket is connected to the port of an address; any is that cannot be told apart so."""
    port = "" if isinstance(conninfo, str) else str(conninfo.get("port") or 5432)
    with suppress(OSError), socket.socket(fileno=os.dup(number)) as found:
        peer = found.getpeername()
        return isinstance(peer, str) or not port or str(peer[1]) == port
    return False


def _sockets() -> dict[str, int]:
    """This process' sockets, and the number of each; none on a system that does not show them."""
    found = {}
    with suppress(OSError):
        for entry in Path("/proc/self/fd").iterdir():
            with suppress(OSError):  # that of the listing itself, or closed meanwhile
                found[str(entry.readlink())] = int(entry.name)
    return {word: number for word, number in found.items() if word.startswith("socket:")}


_socket_of: WeakKeyDictionary[adbc.Connection, int] = WeakKeyDictionary()


def close_reader(connection: adbc.Connection) -> None:
    """Close the connection, cancelling what it reads; an iterator of read() is dead then."""
    cancel_reader(connection)
    connection.close()


def cancel_reader(connection: adbc.Connection) -> None:
    """From any thread: end what read() reads with psycopg.errors.QueryCanceled; harmless if it reads nothing."""
    import adbc_driver_postgresql.dbapi as adbc

    with suppress(adbc.Error):
        connection.adbc_cancel()


def read(
    connection: adbc.Connection, select_sql: str, schema: pa.Schema, batch_bytes: int = BATCH, key: Sequence[str] = (),
    unread: Unread | None = None,
) -> Iterator[pa.RecordBatch]:  # fmt: skip
    """The rows of a SELECT as batches of exactly `schema`, each of about `batch_bytes`.

    The SELECT has projection() applied to its columns, and literals for parameters: with bound ones ADBC does not
    stream. One at a time on a connection. Closing the iterator early cancels the query; an open transaction stays
    usable then, and after errors. DataError for a value that Arrow cannot hold, unless `unread` is to hear of its row:
    then each column stands there a second time, as text, behind all. psycopg's errors as the server gave them.
    """
    with _as_psycopg(), _saved(connection), connection.cursor() as cursor:
        cursor.adbc_statement.set_options(**{"adbc.postgresql.batch_size_hint_bytes": str(batch_bytes)})
        cursor.execute(select_sql)
        finished = False
        try:
            for batch in _batches(cursor):
                shaped = partial(_shaped, schema=schema, key=key)
                yield from sifted_beside(batch, shaped, unread) if unread else [shaped(batch)]
            finished = True
        finally:
            if not finished:  # or libpq would read the rest of the rows at the next command
                cancel_reader(connection)


def _batches(cursor: adbc.Cursor) -> Iterator[pa.RecordBatch]:
    """The cursor's batches; the server's errors with their SQLSTATE, which pyarrow's reader drops."""
    batches = cursor.fetch_record_batch()
    try:
        yield from batches
    except (OSError, pa.ArrowException) as error:
        # Asked about a stream that was closed, ADBC 1.13 reads freed memory.
        if not cursor._closed:  # noqa: SLF001
            cursor._results.reader._helper.check_error(error)  # noqa: SLF001
        raise psycopg.InterfaceError(str(error)) from error


def _shaped(batch: pa.RecordBatch, schema: pa.Schema, key: Sequence[str]) -> pa.RecordBatch:
    columns = []
    for values, field in zip(batch.columns, schema, strict=True):
        try:
            columns.append(column(values, field.name, field.type))
        except DataError as error:
            row = first_refused(values, partial(column, name=field.name, arrow=field.type))
            found = key_of(batch.columns, schema.names, key, row)
            raise DataError(f"{error.message}: {value_at(values, row)!r:.60}", column=field.name, key=found) from error
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _execute(connection: adbc.Connection, sql: str) -> None:
    with _as_psycopg(), connection.cursor() as cursor:
        cursor.execute(sql)


@contextmanager
def _saved(connection: adbc.Connection) -> Iterator[None]:
    """Keep a transaction, and the snapshot it joined, from being lost to a query that fails or is cancelled."""
    if connection.adbc_connection.get_option("adbc.postgresql.transaction_status") != "intrans":
        yield
        return
    _execute(connection, "SAVEPOINT ropeway_read")
    try:
        yield
    except BaseException:
        with suppress(psycopg.Error, RuntimeError):  # the connection may be gone or closed: the first error tells
            _execute(connection, "ROLLBACK TO SAVEPOINT ropeway_read")
            _execute(connection, "RELEASE SAVEPOINT ropeway_read")
        raise
    _execute(connection, "RELEASE SAVEPOINT ropeway_read")


@contextmanager
def _as_psycopg() -> Iterator[None]:
    """ADBC's errors as psycopg's, by their SQLSTATE, so that one rule classifies the errors of both drivers."""
    import adbc_driver_postgresql.dbapi as adbc

    try:
        yield
    except adbc.Error as error:
        known: type[psycopg.Error] = psycopg.OperationalError  # ADBC has no SQLSTATE where the connection was lost
        if error.sqlstate:
            with suppress(KeyError):
                known = psycopg.errors.lookup(error.sqlstate)
        raise known(str(error)) from error
