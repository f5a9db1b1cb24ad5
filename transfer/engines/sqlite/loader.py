"""Loading SQLite through ADBC, and the control connection. One writer: the loader lives in one thread at a time."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import adbc_driver_sqlite.dbapi as adbc
import pyarrow as pa
import pyarrow.compute as pc

from ...engine import Ledger, Row
from ...errors import DataError, EngineError, RequestError
from ...ledger import SqlLedger, Words
from ...place import Address
from ...plan import Hop, Slice
from ...schema.sql import text_literal
from ..exact import check_moments, join, plain_decimals

WORDS = Words(
    literal=text_literal,
    exists="SELECT 1 FROM sqlite_schema WHERE name = 'ropeway_run'",
)


_LOCK = ".ropeway-lock"


class SqliteSession:
    """A control connection by the standard library."""

    def __init__(self, address: Address, *, create: bool = False) -> None:
        self.path = address.database
        if address.options:
            raise RequestError(f"sqlite:// has no option {min(address.options)}.", remedy="Leave it out.")
        folder = Path(self.path).absolute().parent
        if not folder.is_dir():
            raise EngineError(f"There is no folder {folder} for the SQLite file.")
        if not create and not Path(self.path).is_file():
            raise EngineError(f"There is no SQLite file {self.path}.")
        # Planning into a file that is not there looks at an empty database, and makes no file.
        path = self.path if Path(self.path).is_file() else ":memory:"
        self._connection = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
        # What is read here is shown and compared, never carried: a text that is no UTF-8 may not end the program.
        self._connection.text_factory = lambda raw: raw.decode(errors="replace")

    def ask(self, sql: str) -> list[Row]:
        try:
            return self._connection.execute(sql).fetchall()
        except sqlite3.Error as error:
            raise EngineError(f"SQLite file {self.path}: {error}") from error

    def execute(self, sql: str) -> int:
        try:
            return self._connection.execute(sql).rowcount
        except sqlite3.Error as error:
            raise EngineError(f"SQLite file {self.path}: {error}") from error

    def begin(self) -> None:
        self.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        self.execute("COMMIT")

    def rollback(self) -> None:
        if self._connection.in_transaction:
            self.execute("ROLLBACK")

    def close(self) -> None:
        self._connection.close()


class SqliteLoader:
    """The one writing connection. ADBC opens its transactions by itself; begin() turns that on."""

    def __init__(self, address: Address) -> None:
        self.path = address.database
        if not Path(self.path).absolute().parent.is_dir():
            raise EngineError(f"There is no folder {Path(self.path).absolute().parent} for the SQLite file.")
        self._connection = adbc.connect(self.path, autocommit=True)
        # Of a connection that began with autocommit, DB-API's own commit() and rollback() silently do nothing.
        self._driver = self._connection.adbc_connection
        self._inside = self._ledgered = False
        for pin in ("busy_timeout = 10000", "foreign_keys = OFF", "cache_size = -65536"):
            self.ask(f"PRAGMA {pin}")
        self.ledger: Ledger = SqlLedger(self, WORDS)
        self._beside = os.path.realpath(self.path) + _LOCK  # one for one database, also where a link leads to it
        self._lock: int | None = None

    def ask(self, sql: str) -> list[Row]:
        with self._connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall()

    def stream(self, sql: str) -> Iterator[pa.RecordBatch]:
        """A query's rows, never all at once."""
        with self._connection.cursor() as cursor:
            cursor.execute(sql)
            yield from cursor.fetch_record_batch()

    def execute(self, sql: str) -> int:
        with self._connection.cursor() as cursor:
            cursor.execute(sql)
            cursor.execute("SELECT changes()")
            return int(str(cursor.fetchall()[0][0]))

    def begin(self) -> None:
        """Write at once, which waits for others: who has read before is refused where they were quicker."""
        self._ledgered = self._ledgered or self.ledger.present()  # type: ignore[attr-defined]  # a SqlLedger
        self._driver.set_autocommit(False)
        self._inside = True
        if self._ledgered:
            self.execute("DELETE FROM ropeway_run WHERE 0")

    def commit(self) -> None:
        self._driver.commit()
        self._outside()

    def rollback(self) -> None:
        if self._inside:
            self._rolled_back()
            self._outside()

    def _rolled_back(self) -> None:
        """Where the disk is full SQLite rolls back by itself, and ADBC goes on as if in a transaction: outside of any,
        each statement would stay.
        """
        try:
            self._driver.rollback()
        except adbc.InternalError:
            self.execute("BEGIN")
            self._driver.rollback()

    def _outside(self) -> None:
        self._driver.set_autocommit(True)
        self._inside = False

    def load(self, hop: Hop, part: Slice, batches: Iterable[pa.RecordBatch]) -> int:
        del part
        loaded = 0
        names = [column.target for column in hop.columns]
        with self._connection.cursor() as cursor:
            for batch in batches:
                stored = [_stored(a, n, hop) for a, n in zip(batch.columns, names, strict=True)]
                rows = pa.RecordBatch.from_arrays(stored, names=names)
                loaded += cursor.adbc_ingest(hop.into.table, rows, mode="append")
        return loaded

    def load_raw(self, hop: Hop, part: Slice, blocks: Iterable[bytes]) -> int:
        raise EngineError("SQLite has no raw form.")

    def hold(self, name: str) -> bool:
        """A file beside the database, locked by the system: gone with the process, whatever ends it."""
        del name  # one writer: one lock for the whole file
        if self._lock is None:
            self._lock = _locked(self._beside)
        return self._lock is not None

    def close(self) -> None:
        self.rollback()
        self._connection.close()
        if self._lock is not None:
            Path(self._beside).unlink(missing_ok=True)  # who opened it before looks whether it is there still
            os.close(self._lock)
            self._lock = None


def _locked(path: str) -> int | None:
    """The lock's file, locked; None where another has it.

    Who ends takes the file away. A lock on one that is gone would be no lock: the next makes another file.
    """
    while True:
        lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(lock), Path(path).stat()):
                return lock
        except BlockingIOError:
            os.close(lock)
            return None
        except FileNotFoundError:
            pass
        os.close(lock)


def _stored(values: pa.Array[Any], column: str, hop: Hop) -> pa.Array[Any]:
    """A column in a storage class that SQLite keeps exactly; see types.py for the forms."""
    arrow = values.type
    if pa.types.is_floating(arrow):
        if pc.any(pc.is_nan(values)).as_py():
            raise DataError(
                f"{hop.writes}.{column} would take NaN, which SQLite stores as NULL.",
                table=str(hop.writes), column=column,
            )  # fmt: skip
        return values.cast(pa.float64())
    if pa.types.is_uint64(arrow):
        return _unsigned(values, column, hop)
    if pa.types.is_boolean(arrow) or pa.types.is_integer(arrow):
        return values.cast(pa.int64())
    if pa.types.is_duration(arrow):
        return values.cast(pa.duration("us")).cast(pa.int64())
    if pa.types.is_decimal(arrow):
        return plain_decimals(values)
    if pa.types.is_timestamp(arrow) or pa.types.is_date(arrow) or pa.types.is_time(arrow):
        try:
            check_moments(values, column, "SQLite")
        except DataError as error:
            raise DataError(f"{hop.writes}.{error.message}", table=str(hop.writes), column=column) from error
        return _timestamps(values, arrow) if pa.types.is_timestamp(arrow) else values.cast(pa.string())
    return values


def _unsigned(values: pa.Array[Any], column: str, hop: Hop) -> pa.Array[Any]:
    """As text, or as integers where the column holds these: SQLite would make a real of a text above 2^63 - 1."""
    native = next(one.native for one in hop.columns if one.target == column)
    if "INT" not in native.upper():
        return values.cast(pa.string())
    try:
        return values.cast(pa.int64())
    except pa.ArrowInvalid as error:
        raise DataError(
            f"{hop.writes}.{column} would take {pc.max(values).as_py()}, and SQLite's integers end at 2^63 - 1.",
            table=str(hop.writes), column=column,
        ) from error  # fmt: skip


def _timestamps(values: pa.Array[Any], arrow: Any) -> pa.Array[Any]:
    text = values.cast(pa.timestamp(arrow.unit)).cast(pa.string())
    return join(text, "+00:00", "") if arrow.tz else text
