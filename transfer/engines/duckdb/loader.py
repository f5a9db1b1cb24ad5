"""Loading DuckDB: groups of batches as Arrow tables, inserted inside the slice's transaction.

Handing DuckDB a reader over a Python generator has it call back into Python from its own threads, which
can deadlock (duckdb/duckdb#18225) and turns the generator's exception into one of DuckDB's. Tables of
8 MB took no longer: 6 M rows of TPC-H lineitem need 10 s of CPU either way, which is the compression.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import duckdb
import pyarrow as pa

from ...engine import Ledger, Row
from ...errors import DataError, EngineError
from ...ledger import SqlLedger, Words
from ...place import Address
from ...plan import Hop, Slice
from ...schema.sql import double_quoted, text_literal
from ..exact import Values, exactly, extremes, plain_decimals
from .catalogue import LEDGER
from .connection import DuckSession, hold, qualified, release, short_of_memory
from .types import Slot, slot

WORDS = Words(
    literal=text_literal,
    prefix=f"{LEDGER}.",
    create_schema=f"CREATE SCHEMA IF NOT EXISTS {LEDGER}",
    exists=f"SELECT 1 FROM duckdb_tables() WHERE database_name = current_database() "
    f"AND schema_name = '{LEDGER}' AND table_name = 'ropeway_run'",
)
_GROUP = 8 << 20
_ROWS = "ropeway_rows"
_UNITS: dict[int, pa.DataType] = {0: pa.timestamp("s"), 3: pa.timestamp("ms")}
# The largest value of each is DuckDB's infinity, its negative the other; a timestamp begins in 290309 BC.
_BOUNDS = {
    pa.int32(): (2 - (1 << 31), (1 << 31) - 2),
    "us": (-9_223_372_022_400_000_000, (1 << 63) - 2),
    "ns": (-9_223_286_400_000_000_000, (1 << 63) - 2),
}


class DuckLoader(DuckSession):
    """The one writing connection of a file."""

    def __init__(self, address: Address) -> None:
        super().__init__(address, create=True)
        if Path(address.database).exists():
            self.writing()
        self.ledger: Ledger = SqlLedger(self, WORDS)

    def ask(self, sql: str) -> list[Row]:
        return self.cursor.execute(sql).fetchall()

    def execute(self, sql: str) -> int:
        return self.changed(sql)

    def load(self, hop: Hop, part: Slice, batches: Iterable[pa.RecordBatch]) -> int:
        slots = [slot(column.native) for column in hop.columns]
        targets = [column.target for column in hop.columns]
        chosen = ", ".join(one.expression(f"c{place}") for place, one in enumerate(slots))
        into = qualified(hop.into.schema, hop.into.table)
        columns = ", ".join(double_quoted(name) for name in targets)
        sql = f"INSERT INTO {into} ({columns}) SELECT {chosen} FROM {_ROWS}"
        loaded = 0
        for group in _groups(_stored(batch, slots, targets, hop) for batch in batches):
            self.cursor.register(_ROWS, pa.Table.from_batches(group))
            try:
                loaded += self.cursor.execute(sql).fetchall()[0][0]
            except duckdb.OutOfMemoryException as error:
                raise short_of_memory(self.address) from error
            finally:
                # Refused inside a transaction that failed; its end takes the view with it.
                with suppress(duckdb.Error):
                    self.cursor.unregister(_ROWS)
        return loaded

    def load_raw(self, hop: Hop, part: Slice, blocks: Iterable[bytes]) -> int:
        raise EngineError("DuckDB has no raw form.")

    def hold(self, name: str) -> bool:
        """One run at a time for the whole file; other processes cannot even open it."""
        del name
        return hold(self.address, self)

    def close(self) -> None:
        with suppress(duckdb.Error, EngineError):
            self.rollback()
        release(self.address, self)
        super().close()


def _groups(batches: Iterator[pa.RecordBatch]) -> Iterator[list[pa.RecordBatch]]:
    held: list[pa.RecordBatch] = []
    for batch in batches:
        held.append(batch)
        if sum(one.nbytes for one in held) >= _GROUP:
            yield held
            held = []
    if held:
        yield held


def _stored(batch: pa.RecordBatch, slots: list[Slot], targets: list[str], hop: Hop) -> pa.RecordBatch:
    """The batch in types that DuckDB takes over unchanged, its columns called c0, c1 and so on."""
    try:
        arrays = [_column(*one) for one in zip(batch.columns, slots, targets, strict=True)]
    except DataError as error:
        raise DataError(f"{hop.writes}.{error.message}", table=str(hop.writes), column=error.column) from error
    return pa.RecordBatch.from_arrays(arrays, names=[f"c{place}" for place in range(len(arrays))])


def _column(values: Values, to: Slot, column: str) -> Values:
    if to.takes(values.type):
        return values
    stored = exactly(values, to.arrow, column)
    if pa.types.is_decimal256(stored.type):
        return plain_decimals(stored)
    if pa.types.is_timestamp(stored.type) or pa.types.is_date(stored.type):
        _within(stored, column, to)
    if to.meaning.kind == "timestamp" and to.meaning.digits in _UNITS:
        return exactly(stored, _UNITS[to.meaning.digits], column)
    return stored


def _within(values: Values, column: str, to: Slot) -> None:
    days = pa.types.is_date32(values.type)
    integers = values.view(pa.int32() if days else pa.int64())
    low, high = _BOUNDS[integers.type if days else values.type.unit]
    ends = extremes(integers)
    if ends and (ends[0] < low or ends[1] > high):
        raise DataError(f"{column} holds a value outside the range of DuckDB's {to.native}", column=column)
