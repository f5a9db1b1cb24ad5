"""One connection that reads, by mssql-python into Arrow."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import mssql_python
import pyarrow as pa
import pyarrow.compute as pc

from ...engine import Row
from ...errors import DataError, EngineError
from ...place import Address, redact
from ...plan import ColumnPlan, Hop, Slice
from ...schema.sql import source_of, where_of
from .session import PINS, ServerError, connection_string, has_utf8

if TYPE_CHECKING:
    from . import SqlServer

_MOST_ROWS, _LEAST_ROWS = 50_000, 1
_WORD = 16  # bytes that a value of no declared length is reckoned with
_SNAPSHOT = "IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION; SET TRANSACTION ISOLATION LEVEL SNAPSHOT; BEGIN TRANSACTION"
_DRIVER = re.compile(r"Driver Error: .*?; DDBC Error: (?:\[[^\]]*\])*")
mssql_python.pooling(enabled=False)  # a session that is closed is to be gone, with its snapshot


class SqlServerReader:
    """Reads at its source's instant: in a database that is a snapshot, or inside a snapshot transaction."""

    def __init__(self, engine: SqlServer, address: Address) -> None:
        self._engine, self._address = engine, address
        self._inside = self._stopped = False
        self._connect(address.database)

    def _connect(self, database: str) -> None:
        text = connection_string(replace(self._address, database=database), driver=False)
        try:
            self.connection = mssql_python.connect(text, autocommit=True)
            self.connection.execute(PINS)
        except mssql_python.Error as error:
            raise EngineError(
                f"{self._address} refused: {redact(_said(error), self._address)}",
                remedy="Check host, port, database, user and password of the URL.",
            ) from error

    @cached_property
    def utf8(self) -> bool:
        return has_utf8(self)

    def move(self, database: str) -> None:
        """Read there from now on."""
        self.close()
        self._connect(database)

    def begin(self, first: str) -> None:
        """Begin a snapshot, whose instant is that of `first`, a query; beginning again ends the one before."""
        self.execute(_SNAPSHOT)
        self.ask(first)
        self._inside = True

    def execute(self, sql: str) -> None:
        try:
            self.connection.execute(sql)
        except mssql_python.Error as error:
            told = self._told(error)
            raise EngineError(f"SQL Server refused: {told.text} ({told.number})") from told

    def ask(self, sql: str) -> list[Row]:
        try:
            return [tuple(row) for row in self.connection.execute(sql).fetchall()]
        except mssql_python.Error as error:
            told = self._told(error)
            raise EngineError(f"SQL Server refused: {told.text} ({told.number})") from told

    def _told(self, error: mssql_python.Error) -> ServerError:
        """The driver keeps the server's number to itself; the session knows it until its next statement."""
        number = 0
        with suppress(mssql_python.Error):
            number = int(self.connection.execute("SELECT @@ERROR").fetchall()[0][0])
        return ServerError(number, _said(error))

    def read(self, hop: Hop, part: Slice, batch_bytes: int) -> Iterator[pa.RecordBatch]:
        names = [column.target for column in hop.columns]
        self._stopped = False
        self._still_there(hop)
        try:
            rows = self._rows(hop, part, batch_bytes)
            with self.connection.cursor() as cursor:
                cursor.execute(self.select(hop, part))
                while not self._stopped and (batch := cursor.arrow_batch(rows)).num_rows:
                    given = zip(batch.columns, hop.columns, strict=True)
                    yield pa.RecordBatch.from_arrays([_made(values, hop, one) for values, one in given], names=names)
        except mssql_python.Error as error:
            told = self._told(error)
            raise EngineError(
                f"SQL Server refused to read {hop.reads}: {told.text} ({told.number})", table=str(hop.reads),
                remedy="Slices with receipts stay: mend the cause and go on with --resume.",
            ) from told  # fmt: skip
        if self._stopped:
            raise EngineError(f"Reading {hop.reads} was stopped.", table=str(hop.reads))

    def _still_there(self, hop: Hop) -> None:
        """A statement behind an error that ended the transaction would be of another instant."""
        if self._inside and self.ask("SELECT @@TRANCOUNT")[0][0] != 1:
            raise EngineError(
                f"The snapshot at which {hop.reads} was read has ended with an error of the server.",
                table=str(hop.reads), remedy="Go on with --resume.",
            )  # fmt: skip

    def _rows(self, hop: Hop, part: Slice, batch_bytes: int) -> int:
        """Rows of a batch, which the driver counts by rows: long values are as long as the longest of the slice."""
        width = sum(4 * column.type.length or _WORD for column in hop.columns)
        long = [column for column in hop.columns if _is_long(column)]
        if long:
            lengths = " + ".join(f"ISNULL(DATALENGTH({column.project}), 0)" for column in long)
            where = where_of(self._engine, hop, part)
            ((most,),) = self.ask(f"SELECT MAX({lengths}) FROM {source_of(self._engine, hop)}{where}")
            width += 2 * int(str(most or 0))
        return max(_LEAST_ROWS, min(_MOST_ROWS, batch_bytes // max(width, 1)))

    def select(self, hop: Hop, part: Slice) -> str:
        quote = self._engine.quote
        columns = ", ".join(f"{c.project} AS {quote(c.target)}" for c in hop.columns)
        top = f"TOP ({hop.limit}) " if hop.limit else ""
        return f"SELECT {top}{columns} FROM {source_of(self._engine, hop)}{where_of(self._engine, hop, part)}"

    def raw(self, hop: Hop, part: Slice) -> Iterator[bytes]:
        raise EngineError("SQL Server has no raw form.")

    def count(self, hop: Hop) -> int:
        self._still_there(hop)
        clause = f" WHERE ({hop.where})" if hop.where else ""
        source = f"{source_of(self._engine, hop)}{clause}"
        if hop.limit:
            source = f"(SELECT TOP ({hop.limit}) 1 AS one FROM {source}) AS l"
        return int(str(self.ask(f"SELECT COUNT_BIG(*) FROM {source}")[0][0]))

    def cancel(self) -> None:
        """The batch that is under way comes to its end."""
        self._stopped = True

    def close(self) -> None:
        self._inside = False
        with suppress(mssql_python.Error):
            self.connection.close()


def _said(error: BaseException) -> str:
    return _DRIVER.sub("", " ".join(str(error).split()))


def _is_long(column: ColumnPlan) -> bool:
    """Whether the values have no declared length."""
    return column.type.arrow in (pa.string(), pa.binary()) and not column.type.length and column.type.kind != "uuid"


def _made(values: Any, hop: Hop, column: ColumnPlan) -> Any:
    """A column in the type that was planned. DataError for a value that would change."""
    try:
        return _cast(values, column)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise DataError(
            f"{hop.reads}.{column.source} holds a value that is no {column.type}: {error}",
            table=str(hop.reads), column=column.source,
            remedy=f"Give the column another type: types: {{{column.source}: text}}.",
        ) from error  # fmt: skip


def _cast(values: Any, column: ColumnPlan) -> Any:
    wanted = column.type.arrow
    if pa.types.is_timestamp(wanted):
        zone, unit = wanted.tz, wanted.unit
        if pa.types.is_integer(values.type):
            values = _moments(values, unit)
        return values.cast(pa.timestamp(unit)).view(pa.timestamp(unit, zone))
    if column.type.kind == "uuid":
        values = pc.utf8_lower(values)
    if pa.types.is_large_string(values.type):
        values.validate(full=True)
    return values if values.type == wanted else values.cast(wanted)


def _moments(ticks: Any, unit: str) -> Any:
    """Of units of 100 ns. Arrow's nanoseconds end in 2262, which is looked at."""
    if unit == "ns":
        return pc.multiply_checked(ticks, pa.scalar(100, pa.int64())).view(pa.timestamp("ns"))
    whole = pc.divide(ticks, pa.scalar(10, pa.int64()))  # towards 0
    if pc.any(pc.not_equal(pc.multiply(whole, pa.scalar(10, pa.int64())), ticks)).as_py():
        raise pa.ArrowInvalid("it has more than microseconds")
    return whole.view(pa.timestamp("us"))
