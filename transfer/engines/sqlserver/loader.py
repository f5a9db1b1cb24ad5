"""Loading SQL Server: a bulk copy into a temporary table, then INSERT ... SELECT in the claim's transaction.

A bulk copy of mssql-python has a connection of its own, so it cannot be in the transaction of claim and receipt, and
where its source fails it commits what it had read. So it never goes to a real table: it fills a global temporary one,
which is in tempdb, is seen by both connections, and is gone with the connection that made it, whatever is killed.

The temporary table's columns are such that the driver carries each value as it is: it loses text on its way into
varchar columns of UTF-8, and breaks its stream at smallmoney. What the server converts from there is converted back
and compared before it is inserted.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any, NoReturn

import mssql_python
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyodbc

from ...engine import Ledger, Row
from ...errors import DataError, EngineError
from ...ledger import SqlLedger, Words
from ...place import Address
from ...plan import ColumnPlan, Hop, Slice
from ...rules import split
from ...schema.catalogue import Relation
from .session import RESET, ServerError, SqlServerSession, connection_string, literal, qualified, quoted

_REFUSED = re.compile(r"Sql Error: (\d+): Class \d+: State \d+: (.*?)(?: on \S+ in .*)?$", re.DOTALL)
_NO_TABLE = 208
_TICK = 100  # nanoseconds
_ALIGNED = 16  # bytes
_TEXTS = ("char", "varchar", "nchar", "nvarchar", "text", "ntext")
_UNCOMPARED = ("xml", "json", "sql_variant")  # what is put there comes back in other words
_MAY_NUMBER = "IF EXISTS ("
_OCTETS = "CAST({} AS varbinary(max))"

WORDS = Words(
    literal=literal, prefix="ropeway.", short="nvarchar(200)", longest=200,
    long="nvarchar(max)", real="float", plan="[plan]",
    create_schema="EXEC (N'CREATE SCHEMA ropeway')",
    schema_exists="SELECT 1 FROM sys.schemas WHERE name = N'ropeway'",
    create="IF OBJECT_ID(N'{name}') IS NULL CREATE TABLE {name} {columns}",
    # Rows of others that are not committed are locked: a look at the ledger passes them by.
    past=" WITH (READPAST)",
    exists="SELECT 1 FROM sys.tables t JOIN sys.schemas s ON s.schema_id = t.schema_id "
    "WHERE s.name = N'ropeway' AND t.name = N'ropeway_run'",
)  # fmt: skip


def held_identity(on: Relation, columns: Iterable[str]) -> str:
    """A query that returns a row if one of these columns is the table's identity."""
    listed = ", ".join(literal(name) for name in columns)
    number = f"OBJECT_ID({literal(qualified(on))})"
    return f"SELECT 1 FROM sys.identity_columns WHERE object_id = {number} AND name IN ({listed})"


def inserting(on: Relation, columns: Iterable[str], insert: str) -> str:
    """An INSERT that may give an identity its values."""
    asked = held_identity(on, columns)
    on_, off = (f"{_MAY_NUMBER}{asked}) SET IDENTITY_INSERT {qualified(on)} {word}" for word in ("ON", "OFF"))
    return f"{on_};\n{insert};\n{off}"


class SqlServerLoader(SqlServerSession):
    """Claim, rows and receipt share the connection's transaction."""

    brackets = True  # around names, as quotes

    def __init__(self, address: Address) -> None:
        super().__init__(address)
        # A statement that fails takes its transaction along, so that nothing of it is committed by mistake. A slice
        # waits for the one that has the table, which may be a long one.
        SqlServerSession.execute(self, "SET XACT_ABORT ON; SET LOCK_TIMEOUT 600000")
        self.ledger: Ledger = SqlLedger(self, WORDS)
        self._address = address
        self._beside: SqlServerSession | None = None
        self._bulk: mssql_python.Connection | None = None
        self._numbered = ""  # ends that a table's identity is given values

    def execute(self, sql: str) -> int:
        """The rows of the statement that changed the most: SET and IF change none."""
        if sql.startswith(_MAY_NUMBER) and " ON" in sql:
            self._numbered = sql.partition(" ON;\n")[0].removesuffix(" ON") + " OFF"
        with self.timed(), self.connection.cursor() as cursor:
            cursor.execute(sql)
            count = int(cursor.rowcount)
            while cursor.nextset():
                count = max(count, int(cursor.rowcount))
        return count

    def rollback(self) -> None:
        """A session gives values to one identity at a time, and goes on to when it has rolled back."""
        super().rollback()
        if self._numbered:
            off, self._numbered = self._numbered, ""
            self.execute(off)

    def load(self, hop: Hop, part: Slice, batches: Iterable[pa.RecordBatch]) -> int:
        del part
        rows = iter(batches)
        first = next(rows, None)
        if first is None:
            return 0
        name = f"##ropeway_{secrets.token_hex(8)}"
        beside = self._at_side()
        try:
            return self._through(name, beside, hop, _Shaped(hop, first, rows))
        except BaseException:
            self._leave_side()  # one of its connections may be what is lost
            raise

    def _through(self, name: str, beside: SqlServerSession, hop: Hop, shaped: _Shaped) -> int:
        """Load by way of a temporary table of this name."""
        columns = ", ".join(f"{quoted(one.target)} {staged(one)} NULL" for one in hop.columns)
        beside.execute(f"CREATE TABLE {name} ({columns})")
        try:
            sent = self._copy(name, hop, shaped)
            loaded = self._publish(name, hop) if sent else 0
        finally:
            with suppress(pyodbc.Error):
                beside.execute(f"DROP TABLE {name}")
        if loaded != sent:
            raise EngineError(f"{sent} rows were sent to {hop.into}, and it took {loaded}.", table=str(hop.into))
        return loaded

    def _at_side(self) -> SqlServerSession:
        if self._beside is None:
            self._beside = SqlServerSession(self._address)
        return self._beside

    def _copy(self, name: str, hop: Hop, shaped: _Shaped) -> int:
        """Fill the temporary table; the rows that the driver and the server agree on."""
        reader = pa.RecordBatchReader.from_batches(shaped.schema, iter(shaped))
        try:
            if self._bulk is None:
                self._bulk = mssql_python.connect(connection_string(self._address, driver=False), autocommit=True)
            with self._bulk.cursor() as cursor:
                told: dict[str, Any] = cursor.bulkcopy_arrow(
                    name, reader, timeout=0, column_mappings=shaped.schema.names, table_lock=True, keep_nulls=True
                )
        except BaseException as error:
            if shaped.failure is not None:
                raise shaped.failure from None
            if isinstance(error, Exception) or type(error).__name__ == "PanicException":  # of Rust, which is none
                _refuse(error, hop)
            raise
        if shaped.failure is not None:
            raise shaped.failure
        if told["rows_copied"] != shaped.rows:
            raise EngineError(
                f"Of {shaped.rows} rows for {hop.into} the driver sent {told['rows_copied']}.", table=str(hop.into)
            )
        return shaped.rows

    def _publish(self, name: str, hop: Hop) -> int:
        """Insert what was copied. A table that nobody else uses is locked whole: that is logged least."""
        known = {str(row[0]): row for row in self._columns(hop.into)}
        self._compare(name, hop, known)
        columns = ", ".join(quoted(one.target) for one in hop.columns)
        given = ", ".join(_given(one, known) for one in hop.columns)
        whole = " WITH (TABLOCK)" if hop.merge or hop.into != hop.writes or hop.mode == "create" else ""
        on = qualified(hop.into)
        insert = f"INSERT INTO {on}{whole} ({columns}) SELECT {given} FROM {name} AS s"
        identity = any(row[3] for one, row in known.items() if one in {column.target for column in hop.columns})
        if not identity:
            return self.execute(insert)
        self.execute(f"SET IDENTITY_INSERT {on} ON")
        try:
            return self.execute(insert)
        finally:
            with suppress(pyodbc.Error):
                self.execute(f"SET IDENTITY_INSERT {on} OFF")

    def _columns(self, on: Relation) -> list[Row]:
        """Name, type, collation and whether an identity, of each column of a table."""
        return self.ask(
            "SELECT c.name, t.name, c.collation_name, c.is_identity FROM sys.columns c JOIN sys.types t "
            f"ON t.user_type_id = c.system_type_id WHERE c.object_id = OBJECT_ID({literal(qualified(on))})"
        )

    def _compare(self, name: str, hop: Hop, known: dict[str, Row]) -> None:
        """DataError for values that would not be in the target's columns what they are here."""
        asked = [(one, sql) for one in hop.columns if (sql := _differs(one, known))]
        if not asked:
            return
        counted = ", ".join(f"COUNT_BIG(CASE WHEN {sql} THEN 1 END)" for _, sql in asked)
        (row,) = self.ask(f"SELECT {counted} FROM {name} AS s")
        for (column, _), count in zip(asked, row, strict=True):
            if int(str(count)):
                raise DataError(
                    f"{count} values of {hop.writes}.{column.target} are no value of {column.stored} as they are.",
                    table=str(hop.writes), column=column.target,
                    remedy="Choose another type for it (types:), or leave such rows out (where).",
                )  # fmt: skip

    def load_raw(self, hop: Hop, part: Slice, blocks: Iterable[bytes]) -> int:
        raise EngineError("SQL Server has no raw form.")

    def hold(self, name: str) -> bool:
        # A lock is the database's, by a name of up to 255 characters; names that differ in case only are mostly one.
        resource = hashlib.sha256(name.casefold().encode()).hexdigest()[:40]
        ((code,),) = self.ask(
            "SET NOCOUNT ON; DECLARE @taken int; EXEC @taken = sp_getapplock "
            f"@Resource = N'ropeway {resource}', @LockMode = N'Exclusive', @LockOwner = N'Session', @LockTimeout = 0; "
            "SELECT @taken; SET NOCOUNT OFF"
        )
        return int(str(code)) >= 0

    def _leave_side(self) -> None:
        """Close the connections beside this one; temporary tables go with them."""
        bulk, beside, self._bulk, self._beside = self._bulk, self._beside, None, None
        if bulk is not None:
            with suppress(mssql_python.Error):
                bulk.close()
        if beside is not None:
            with suppress(pyodbc.Error):
                beside.close()

    def close(self) -> None:
        self._leave_side()
        super().close()


def staged(column: ColumnPlan) -> str:
    """The type of a temporary column that takes all values of this Arrow type as they are."""
    kind = column.type.kind
    if kind == "decimal":
        return f"decimal({column.type.precision},{column.type.scale})"
    if kind == "text":
        native = split(column.stored)
        return column.stored if native.name == "nvarchar" else "nvarchar(max)"
    if kind in ("timestamp", "instant"):
        return f"{'datetime2' if kind == 'timestamp' else 'datetimeoffset'}({min(max(column.type.digits, 6), 7)})"
    return {
        "bool": "bit", "int8": "smallint", "uint8": "tinyint", "int16": "smallint", "uint16": "int", "int32": "int",
        "uint32": "bigint", "int64": "bigint", "uint64": "decimal(20,0)", "float32": "real", "float64": "float",
        "uuid": "uniqueidentifier", "json": "nvarchar(max)", "binary": "varbinary(max)", "date": "date",
        "time": "time(6)",
    }[kind]  # fmt: skip


_CARRIED: dict[str, pa.DataType] = {
    "int8": pa.int16(), "uint16": pa.int32(), "uint32": pa.int64(), "uint64": pa.decimal128(20, 0),
}  # fmt: skip


class _Shaped:
    """Batches of the types that the driver takes; counts their rows, and keeps what their source raised."""

    def __init__(self, hop: Hop, first: pa.RecordBatch, rest: Iterator[pa.RecordBatch]) -> None:
        self._hop, self._first, self._rest = hop, first, rest
        self.rows, self.failure = 0, None  # type: int, BaseException | None
        self.schema = pa.schema([
            (one.target, _CARRIED.get(one.type.kind, one.type.arrow)) for one in hop.columns
        ])  # fmt: skip

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        try:
            yield self._made(self._first)
            for batch in self._rest:
                yield self._made(batch)
        except BaseException as error:
            self.failure = error
            raise

    def _made(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        self.rows += batch.num_rows
        columns = []
        for values, field in zip(batch.columns, self.schema, strict=True):
            _check(values, field.name, self._hop)
            columns.append(_aligned(values.cast(field.type) if values.type != field.type else values))
        return pa.RecordBatch.from_arrays(columns, schema=self.schema)


def _aligned(values: Any) -> Any:
    """The same values, where a decimal of 16 bytes may lie: mssql-python panics at others, as some of DuckDB's."""
    buffers = values.buffers()
    if all(one is None or one.address % _ALIGNED == 0 for one in buffers):
        return values
    return pa.Array.from_buffers(values.type, len(values), [_copied(one) for one in buffers], offset=values.offset)


def _copied(buffer: pa.Buffer | None) -> pa.Buffer | None:
    if buffer is None:
        return None
    made = pa.allocate_buffer(buffer.size)
    np.asarray(memoryview(made))[:] = np.asarray(memoryview(buffer))
    return made


def _check(values: Any, name: str, hop: Hop) -> None:
    """DataError for values that no column has."""
    bad = None
    if pa.types.is_timestamp(values.type) and values.type.unit == "ns":
        bad = pc.not_equal(pc.multiply(pc.divide(values.cast(pa.int64()), _TICK), _TICK), values.cast(pa.int64()))
    elif pa.types.is_floating(values.type):
        bad = pc.invert(pc.is_finite(values))
    if bad is not None and pc.any(bad).as_py():
        value = values[pc.index(bad, True).as_py()]
        raise DataError(
            f"{value} in {hop.writes}.{name} has no value in SQL Server.", table=str(hop.writes), column=name,
            remedy="Leave such rows out (where), or carry the column as text.",
        )  # fmt: skip


def _given(column: ColumnPlan, known: dict[str, Row]) -> str:
    """The value as the target's column takes it: text by way of that column's code page."""
    name, row = f"s.{quoted(column.target)}", known.get(column.target)
    if row and str(row[1]) in ("varchar", "char", "text") and row[2]:
        return f"CAST({name} COLLATE {row[2]} AS varchar(max))"
    return name


def _differs(column: ColumnPlan, known: dict[str, Row]) -> str:
    """SQL that is true of a value that the target's column changes; '' where it cannot."""
    here, there, name = staged(column), column.stored.lower(), f"s.{quoted(column.target)}"
    row = known.get(column.target)
    kind = str(row[1]) if row else split(there).name
    if here == there or kind in _UNCOMPARED or column.type.kind in ("binary", "uuid") or kind in ("nvarchar", "nchar"):
        return ""
    # A datetime is of three digits, as it is printed and read; as a datetime2 it would have more from 2016 on.
    stored = f"CAST(CAST({name} AS datetime) AS datetime2(3))" if kind == "datetime" else f"CAST({name} AS {there})"
    back = f"CAST({stored} AS {here})"
    if kind in _TEXTS:
        if not (row and row[2]):
            return ""
        back = f"CAST(CAST({name} COLLATE {row[2]} AS varchar(max)) AS nvarchar(max))"
        return f"{_OCTETS.format(back)} <> {_OCTETS.format(name)}"
    return f"{back} <> {name}"


def _refuse(error: BaseException, hop: Hop) -> NoReturn:
    """Raise what the bulk copy was refused for, with the server's number.

    The driver has none for a connection that is lost. Where a temporary table is, the connection that made it was.
    """
    found = _REFUSED.search(str(error))
    number, text = (int(found[1]), " ".join(found[2].split())) if found else (0, " ".join(str(error).split()))
    said = f"SQL Server refused rows for {hop.into}: {text}" + (f" ({number})" if number else "")
    raise EngineError(said, table=str(hop.into)) from ServerError(RESET if number == _NO_TABLE else number, text)
