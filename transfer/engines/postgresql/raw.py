"""PostgreSQL to PostgreSQL undecoded: the bytes of COPY's binary form, in blocks, over psycopg."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from psycopg.pq import ExecStatus, TransactionStatus
from psycopg.pq.abc import PGconn

from ...errors import EngineError
from .encode import TRAILER

BLOCK = 256 << 10  # bytes; psycopg sends 128 KiB at a time


def read_raw(
    connection: psycopg.Connection[Any], select_sql: str, passed: Callable[[int], None] | None = None
) -> Generator[bytes, None, int]:
    """The rows of a SELECT as blocks that together are one binary COPY stream; returns how many rows it held.

    `passed` hears before each block how many messages of the server it is of: one for each row, and one for the end.
    Closing it early cancels the query. A transaction that was open before stays usable then, and after an error too.
    """
    statement = f"COPY ({select_sql}) TO STDOUT (FORMAT binary)"
    with _saved(connection), connection.cursor() as cursor, cursor.copy(statement) as copy:
        rows: list[Any] = []
        size, count = 0, 1
        # psycopg's read() costs 2 us a row. Only the first row of each arrival goes through it, for its way of
        # waiting; what libpq holds besides is taken from libpq, at 0.5 us a row.
        while count >= 0 and (row := copy.read()):
            rows.append(row)
            size += len(row)
            count, more = _buffered(connection.pgconn, rows)
            size += more
            if size >= BLOCK:
                if passed:
                    passed(len(rows))
                yield b"".join(rows)
                rows.clear()
                size = 0
        if passed:
            passed(len(rows))
        yield b"".join(rows)
        stored = _finished(connection) if count < 0 else cursor.rowcount
    return stored


def load_raw(connection: psycopg.Connection[Any], table: str, columns: Sequence[str], blocks: Iterable[bytes]) -> int:
    """Load a binary COPY stream into the quoted columns of the quoted table; the number of rows stored.

    The transaction is the caller's. psycopg's errors as the server gave them; what the blocks' iterator raises, as
    it is.
    """
    tail = b""
    with connection.cursor() as cursor:
        into = f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT binary)"
        with cursor.copy(into) as copy:
            for block in blocks:
                copy.write(block)
                tail = (tail + block[-2:])[-2:]
            if tail != TRAILER:  # the server takes a stream that was cut between two rows for a whole one
                raise EngineError(f"The stream for {table} broke off.", table=table)
        return cursor.rowcount


def _buffered(pgconn: PGconn, rows: list[Any]) -> tuple[int, int]:
    """Take what libpq has already received: libpq's last answer (0: wait, -1: the end), and the bytes taken."""
    take, add, size = pgconn.get_copy_data, rows.append, 0
    while True:
        count, row = take(1)
        if count <= 0:
            return count, size
        add(row)
        size += count


def _finished(connection: psycopg.Connection[Any]) -> int:
    """The end that libpq told: the server's verdict, and the rows it counted."""
    rows = 0
    error: psycopg.Error | None = None
    while result := connection.pgconn.get_result():  # up to the last, or the connection stays busy
        if result.status != ExecStatus.COMMAND_OK:
            error = psycopg.errors.error_from_result(result, encoding=connection.info.encoding)
            error = error if error.sqlstate else psycopg.OperationalError(str(error))  # the connection is lost
        rows = result.command_tuples or 0
    if error:
        raise error
    return rows


@contextmanager
def _saved(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """Keep a transaction, and the snapshot it joined, from being lost to a query that fails or is cancelled."""
    if connection.info.transaction_status != TransactionStatus.INTRANS:
        yield
        return
    connection.execute("SAVEPOINT ropeway_read")
    try:
        yield
    except BaseException:
        with suppress(psycopg.Error):  # the connection may be gone: the first error tells
            connection.execute("ROLLBACK TO SAVEPOINT ropeway_read")
            connection.execute("RELEASE SAVEPOINT ropeway_read")
        raise
    connection.execute("RELEASE SAVEPOINT ropeway_read")
