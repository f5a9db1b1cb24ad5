"""Reading DuckDB: a cursor and a transaction for each reader, batches as they come."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from ...engine import Reader, Row
from ...errors import DataError, EngineError
from ...place import Address
from ...plan import ColumnPlan, Cut, Hop, Slice
from ...schema.sql import count, select, with_texts
from ...unfit import Unread, sifted_beside
from ..alphabet import field_of
from ..exact import Values, exactly, extremes, first_refused, key_of
from .connection import THREADS, Use, is_short_of_memory
from .raw import AT, INFINITE, finite, written
from .types import is_lengthless

if TYPE_CHECKING:
    from . import DuckDb

_PROBE = 256
# Of a Parquet row group, which its writer holds as a whole. With 18 MB, DuckDB's own 122,880 rows of lineitem, moving
# it within 250 MB took 1.1 times the CPU.
_GROUP_BYTES = 5 << 20
_LONGEST = 1 << 17
_FARTHEST = {pa.int32(): (1 << 31) - 1, pa.int64(): (1 << 63) - 1}


class DuckReader:
    """One transaction on one cursor; what it sees was fixed when it was made."""

    def __init__(self, engine: DuckDb, use: Use) -> None:
        self._engine = engine
        self._use = use
        self._widths: dict[str, int] = {}
        self._cursor = use.cursor()
        self._begin()

    def _begin(self) -> None:
        self._cursor.execute("BEGIN TRANSACTION READ ONLY")
        # The transaction's snapshot is taken by its first look into the file.
        self._cursor.execute("SELECT count(*) FROM duckdb_tables()").fetchall()

    def _begin_again(self) -> None:
        """An error ends DuckDB's transaction. Where nobody can write to the file, the next one sees the same."""
        if not self._use.shared_with_writer:
            with suppress(duckdb.Error):
                self._cursor.execute("ROLLBACK")
            self._begin()

    def read(
        self, hop: Hop, part: Slice, batch_bytes: int, unread: Unread | None = None
    ) -> Iterator[pa.RecordBatch]:  # fmt: skip
        schema = pa.schema([(column.target, column.type.arrow) for column in hop.columns])

        def made(batch: pa.RecordBatch) -> pa.RecordBatch:
            arrays = [_typed(batch, place, hop) for place in range(len(hop.columns))]
            return pa.RecordBatch.from_arrays(arrays, schema=schema)

        asked = select(self._engine, with_texts(self._engine, hop) if unread else hop, part)
        try:
            for batch in self._batches(asked, batch_bytes):
                yield from sifted_beside(batch, made, unread) if unread else [made(batch)]
        except (duckdb.Error, pa.ArrowException, OSError) as error:
            raise _explained(hop, error) from error

    readable = read

    def _batches(self, sql: str, batch_bytes: int) -> Iterator[pa.RecordBatch]:
        """Batches of about so many bytes: the first rows say how wide they are, and are read again."""
        with self._cursor.sql(sql).to_arrow_reader(_PROBE) as found:
            first = next(found, None)
            if first is None:
                return
            rows = batch_bytes * first.num_rows // max(first.nbytes, 1)
            if first.num_rows < min(_PROBE, rows + 1):
                yield first
                yield from found
                return
        with self._cursor.sql(sql).to_arrow_reader(max(1, min(rows, _LONGEST))) as found:
            yield from found

    def raw(self, hop: Hop, part: Slice) -> Iterator[bytes]:
        """One Parquet file."""
        sql = select(self._engine, replace(hop, columns=finite(hop.columns, hop.key)), part)
        schema = pa.schema([field_of(c.target, c.native, nullable=c.nullable) for c in hop.columns])
        try:
            yield from written(self._cursor, sql, schema, _GROUP_BYTES // max(self._width(hop), 1))
        except GeneratorExit:
            self._begin_again()
            raise
        except (duckdb.Error, pa.ArrowException, OSError) as error:
            self._begin_again()
            raise _explained(hop, error) from error

    def _width(self, hop: Hop) -> int:
        """Bytes of a row, judged by the first ones of the table."""
        if hop.name not in self._widths:
            first = self._cursor.sql(select(self._engine, replace(hop, limit=_PROBE), Slice(0, Cut()))).to_arrow_table()
            self._widths[hop.name] = first.nbytes // max(first.num_rows, 1)
        return self._widths[hop.name]

    def ask(self, sql: str) -> list[Row]:
        try:
            return self._cursor.execute(sql).fetchall()
        except duckdb.Error as error:
            self._begin_again()
            raise EngineError(f"DuckDB: {error}") from error

    def count(self, hop: Hop) -> int:
        return int(str(self.ask(count(self._engine, hop))[0][0]))

    def cancel(self) -> None:
        self._cursor.interrupt()

    def close(self) -> None:
        with suppress(duckdb.Error):
            self._cursor.execute("ROLLBACK")
        self._cursor.close()


def _explained(hop: Hop, error: Exception) -> Exception:
    if is_short_of_memory(error):
        return EngineError(
            f"DuckDB needs more memory than it may use here to read {hop.reads}: it works on 2,048 rows at a time.",
            table=str(hop.reads),
            remedy="Go on with --resume and a larger --max-memory, or name the limit in its URL, as ?memory_limit=2GB.",
        )
    if is_lengthless(str(error)):
        return DataError(
            f"{hop.reads}: {str(error).removeprefix('Invalid Input Error: ')}.", table=str(hop.reads),
            remedy="Read the column as text: types: {column: text}.",
        )  # fmt: skip
    if INFINITE in str(error):
        said, _, key = str(error).removeprefix("Invalid Input Error: ").partition(AT)
        return DataError(
            f"{hop.reads}.{said}", table=str(hop.reads), column=said.removesuffix(f" {INFINITE}"), key=key.strip(),
            remedy="Mend the value, or read the column as text.",
        )  # fmt: skip
    return EngineError(f"DuckDB refused to read {hop.reads}: {error}", table=str(hop.reads))


def _typed(batch: pa.RecordBatch, place: int, hop: Hop) -> Values:
    column, values = hop.columns[place], batch.column(place)
    try:
        return _exactly(values, column)
    except DataError as error:
        row = first_refused(values, partial(_exactly, column=column))
        raise DataError(
            f"{hop.reads}.{error.message}", table=str(hop.reads), column=column.source,
            key=key_of(batch.columns, [c.target for c in hop.columns], hop.key, row),
            remedy=f"Mend the value, or give the column another type: types: {{{column.source}: text}}.",
        ) from error  # fmt: skip


def _exactly(values: Values, column: ColumnPlan) -> Values:
    _finite(values, column.source)
    return exactly(values, column.type.arrow, column.source)


def _finite(values: Values, column: str) -> None:
    """DuckDB's infinite dates and timestamps come as their integers, which Arrow takes for far days."""
    if not pa.types.is_temporal(values.type) or pa.types.is_time(values.type):
        return
    integers = values.view(pa.int32() if pa.types.is_date32(values.type) else pa.int64())
    ends = extremes(integers)
    if ends and max(ends[1], -ends[0]) >= _FARTHEST[integers.type]:
        raise DataError(f"{column} {INFINITE}", column=column)


class DuckSource:
    """Readers of one file. Other processes cannot write to it while it is open here."""

    def __init__(self, engine: DuckDb, address: Address, count: int) -> None:
        if not Path(address.database).is_file():
            raise EngineError(f"There is no DuckDB file {address.database}.")
        self._path = address.database
        # Several readers scan side by side, each in its own thread: helpers would cost CPU (1.3 s instead of 0.8
        # for 6 M rows) and win no time.
        self._use = Use(address, writable=False, threads=1 if count > 1 else THREADS)
        # The file's state names the instant, and whoever finds the same state again is at that instant.
        self.survives = not self._use.shared_with_writer
        try:
            self._readers = [DuckReader(engine, self._use) for _ in range(count)]
        except BaseException:
            self._use.close()
            raise
        self.instant = f"duckdb {state_of(self._path)}"

    def readers(self) -> Sequence[Reader]:
        return self._readers

    def mark(self) -> str:
        """The file's state; '' where a loader of this process writes to the same file."""
        return state_of(self._path) if self.survives else ""

    def close(self) -> None:
        for reader in self._readers:
            reader.close()
        self._use.close()


def state_of(path: str) -> str:
    """The checkpoint's number from the newer of the file's two headers, and the state of its log.

    Headers lie at 4,096 and 8,192: a checksum, then the number, eight bytes each.
    """
    with Path(path).open("rb") as file:
        file.seek(4096)
        headers = file.read(8192)
    number = max(int.from_bytes(headers[at + 8 : at + 16], "little") for at in (0, 4096))
    log = Path(path + ".wal")
    state = log.stat() if log.exists() else None
    tail = f", log {state.st_size} bytes of {state.st_mtime_ns}" if state and state.st_size else ""
    return f"checkpoint {number}{tail}"
