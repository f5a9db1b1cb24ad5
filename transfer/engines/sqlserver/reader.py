"""Reading the rows of a slice as Arrow batches of exactly the planned types."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from ...engine import Row
from ...errors import DataError, EngineError
from ...place import Address
from ...plan import ColumnPlan, Hop, Slice
from ...schema.sql import source_of, where_of
from ...types import Type
from ...unfit import Unread, in_bytes, sifted
from ..exact import as_planned
from .lines import ArrowLine, Line, OdbcLine
from .options import is_own_driver
from .session import ServerError, has_utf8

if TYPE_CHECKING:
    from . import SqlServer

_MOST_ROWS, _LEAST_ROWS = 50_000, 1
_FEW_ROWS, _LONG = 1_000, 100
_WORD = 16  # bytes that a value of no declared length is reckoned with
_SNAPSHOT = "IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION; SET TRANSACTION ISOLATION LEVEL SNAPSHOT; BEGIN TRANSACTION"
_INSTEAD = "\N{REPLACEMENT CHARACTER}"
# How often it stands in a text, in the server's own count.
_COUNTED = "SUM((DATALENGTH({c}) - DATALENGTH(REPLACE({c} COLLATE Latin1_General_100_BIN2, NCHAR(65533), N''))) / 2)"


class SqlServerReader:
    """Reads at its source's instant: in a database that is a snapshot, or inside a snapshot transaction."""

    def __init__(self, engine: SqlServer, address: Address) -> None:
        self._engine, self._address = engine, address
        self._inside = self._stopped = False
        self._line = self._connect(address)

    def _connect(self, address: Address) -> Line:
        return OdbcLine(address) if is_own_driver(address) else ArrowLine(address)

    @cached_property
    def utf8(self) -> bool:
        return has_utf8(self)

    def move(self, database: str) -> None:
        """Read there from now on."""
        self.close()
        self._line = self._connect(replace(self._address, database=database))

    def begin(self, first: str) -> None:
        """Begin a snapshot, whose instant is that of `first`, a query; beginning again ends the one before."""
        with _worded():
            self._line.execute(_SNAPSHOT)
            self._line.ask(first)
        self._inside = True

    def ask(self, sql: str) -> list[Row]:
        with _worded():
            return self._line.ask(sql)

    def read(
        self, hop: Hop, part: Slice, batch_bytes: int, unread: Unread | None = None
    ) -> Iterator[pa.RecordBatch]:  # fmt: skip
        replaced = [0] * len(hop.columns)
        self._stopped = False

        def count(rows: pa.RecordBatch) -> None:
            for place in range(len(replaced)):
                replaced[place] += _replaced(rows.column(place))

        def tell(row: pa.RecordBatch, error: DataError) -> None:
            assert unread  # noqa: S101 - else nothing is told
            count(row)
            unread(_shown(row, hop), error)

        try:
            self._still_there(hop)
            measured, asked = _measured(hop, batch_bytes), _with_words(self._engine, hop) if unread else hop
            rows, kinds = self._rows(hop, part, batch_bytes, measured), [given(column) for column in asked.columns]
            made = partial(_typed, hop=hop)
            for columns in self._line.batches(self.select(asked, part, measured), kinds, rows):
                batch = pa.RecordBatch.from_arrays(columns, names=[column.target for column in asked.columns])
                for one in sifted(batch, made, tell) if unread else [made(batch)]:
                    count(one)
                    yield one
        except ServerError as error:
            if self._stopped:
                raise EngineError(f"Reading {hop.reads} was stopped.", table=str(hop.reads)) from error
            raise EngineError(
                f"SQL Server refused to read {hop.reads}: {error.text} ({error.number})", table=str(hop.reads),
                remedy="Slices with receipts stay: mend the cause and go on with --resume.",
            ) from error  # fmt: skip
        except (pa.ArrowInvalid, UnicodeDecodeError) as error:
            raise DataError(
                f"{hop.reads} holds a value that the driver cannot give: {error}", table=str(hop.reads),
                remedy="Leave such rows out (where), or read a query that changes them.",
            ) from error  # fmt: skip
        self._as_there(hop, part, replaced)

    readable = read

    def _as_there(self, hop: Hop, part: Slice, replaced: list[int]) -> None:
        """For half of a surrogate pair the driver gives U+FFFD, unsaid: no more may come than the server has."""
        seen = [(column, count) for column, count in zip(hop.columns, replaced, strict=True) if count]
        if not seen or hop.limit:
            return
        asked = ", ".join(_COUNTED.format(c=f"CAST({column.project} AS nvarchar(max))") for column, _ in seen)
        where = where_of(self._engine, hop, part)
        (held,) = self.ask(f"SELECT {asked} FROM {source_of(self._engine, hop)}{where}")
        for (column, count), there in zip(seen, held, strict=True):
            if count != int(str(there or 0)):
                raise DataError(
                    f"{hop.reads}.{column.source} holds a text that is no Unicode: half of a surrogate pair",
                    table=str(hop.reads), column=column.source,
                    remedy="Mend it in the source, leave such rows out (where), or read a query that changes them.",
                )  # fmt: skip

    def _still_there(self, hop: Hop) -> None:
        """A statement behind an error that ended the transaction would be of another instant."""
        if self._inside and self._line.ask("SELECT @@TRANCOUNT")[0][0] != 1:
            raise EngineError(
                f"The snapshot at which {hop.reads} was read has ended with an error of the server.",
                table=str(hop.reads), remedy="Go on with --resume.",
            )  # fmt: skip

    def _rows(self, hop: Hop, part: Slice, batch_bytes: int, measured: Sequence[ColumnPlan]) -> int:
        """Rows of a batch, which the driver counts by rows: long values are as long as the longest of the slice."""
        width = sum(_width(column) for column in hop.columns if column not in measured) + _WORD * len(measured)
        if measured:
            lengths = " + ".join(f"ISNULL(DATALENGTH({column.project}), 0)" for column in measured)
            where = where_of(self._engine, hop, part)
            ((most,),) = self._line.ask(f"SELECT MAX({lengths}) FROM {source_of(self._engine, hop)}{where}")
            width += 2 * int(str(most or 0))
        return max(_LEAST_ROWS, min(_MOST_ROWS, batch_bytes // max(width, 1)))

    def select(self, hop: Hop, part: Slice, measured: Sequence[ColumnPlan] = ()) -> str:
        """What is measured is asked for as (max): else the driver makes room for what it might have by declaration."""
        quote = self._engine.quote
        asked = [f"CAST({c.project} AS {_most(c)})" if c in measured and c.type.length else c.project
                 for c in hop.columns]  # fmt: skip
        columns = ", ".join(f"{sql} AS {quote(c.target)}" for sql, c in zip(asked, hop.columns, strict=True))
        top = f"TOP ({hop.limit}) " if hop.limit else ""
        return f"SELECT {top}{columns} FROM {source_of(self._engine, hop)}{where_of(self._engine, hop, part)}"

    def raw(self, hop: Hop, part: Slice) -> Iterator[bytes]:
        raise EngineError("SQL Server has no raw form.")

    def count(self, hop: Hop) -> int:
        clause = f" WHERE ({hop.where})" if hop.where else ""
        source = f"{source_of(self._engine, hop)}{clause}"
        if hop.limit:
            source = f"(SELECT TOP ({hop.limit}) 1 AS one FROM {source}) AS l"
        with _worded():
            self._still_there(hop)
            return int(str(self._line.ask(f"SELECT COUNT_BIG(*) FROM {source}")[0][0]))

    def cancel(self) -> None:
        self._stopped = True
        self._line.cancel()

    def close(self) -> None:
        self._inside = False
        self._line.close()


@contextmanager
def _worded() -> Iterator[None]:
    try:
        yield
    except ServerError as error:
        raise EngineError(f"SQL Server refused: {error.text} ({error.number})") from error


def given(column: ColumnPlan) -> pa.DataType:
    """In what Arrow type a line is to bring a column, where its driver has none of its own."""
    wanted = column.type.arrow
    return pa.int64() if _is_ticks(column) else wanted


def _is_ticks(column: ColumnPlan) -> bool:
    return "DATEDIFF_BIG(" in column.project


def _measured(hop: Hop, batch_bytes: int) -> list[ColumnPlan]:
    """Columns whose longest value is to be asked for: of no declared length, or of one that leaves few rows a batch."""
    texts = [one for one in hop.columns if one.type.arrow in (pa.string(), pa.binary()) and one.type.kind != "uuid"]
    few = batch_bytes // max(sum(_width(column) for column in hop.columns), 1) < _FEW_ROWS
    return [column for column in texts if not column.type.length or (few and column.type.length > _LONG)]


def _width(column: ColumnPlan) -> int:
    return 4 * column.type.length or _WORD


def _most(column: ColumnPlan) -> str:
    return "varbinary(max)" if column.type.kind == "binary" else "nvarchar(max)"


def _replaced(values: Any) -> int:
    """How often U+FFFD stands in texts."""
    if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
        return 0
    return int(pc.sum(pc.count_substring(values, _INSTEAD)).as_py() or 0)


def _typed(batch: pa.RecordBatch, hop: Hop) -> pa.RecordBatch:
    made = [_made(batch.column(place), hop, one) for place, one in enumerate(hop.columns)]
    return pa.RecordBatch.from_arrays(made, names=[column.target for column in hop.columns])


def _with_words(engine: SqlServer, hop: Hop) -> Hop:
    """The hop with moments that come as numbers once more, behind all, as the server prints them."""
    words = [
        replace(one, target=f"text {place}", project=f"CONVERT(varchar(40), {engine.quote(one.source)}, 121)",
                type=Type("text", length=40))
        for place, one in enumerate(hop.columns) if _is_ticks(one)
    ]  # fmt: skip
    return replace(hop, columns=(*hop.columns, *words))


def _shown(row: pa.RecordBatch, hop: Hop) -> pa.RecordBatch:
    """A row as `_with_words` asks for it, each column as text."""
    words = iter(row.columns[len(hop.columns) :])
    shown = [next(words) if _is_ticks(one) else row.column(place) for place, one in enumerate(hop.columns)]
    names = [one.target for one in hop.columns]
    return in_bytes(pa.RecordBatch.from_arrays(shown, names=names), names)


def _made(values: Any, hop: Hop, column: ColumnPlan) -> Any:
    """A column in the type that was planned. DataError for a value that would change."""
    with as_planned(hop, column):
        return _cast(values, column)


def _cast(values: Any, column: ColumnPlan) -> Any:
    wanted = column.type.arrow
    if pa.types.is_integer(values.type) and _is_ticks(column):
        values = _moments(values, wanted)
    if pa.types.is_timestamp(wanted):
        return values.cast(pa.timestamp(wanted.unit)).view(wanted)
    if column.type.kind == "uuid":
        values = pc.utf8_lower(values)
    if pa.types.is_large_string(values.type):
        values.validate(full=True)
    return values if values.type == wanted else values.cast(wanted)


def _moments(ticks: Any, wanted: Any) -> Any:
    """Of units of 100 ns. Arrow's nanoseconds end in 2262, which is looked at."""
    if wanted.unit == "ns":
        return pc.multiply_checked(ticks, pa.scalar(100, pa.int64())).view(pa.timestamp("ns"))
    whole = pc.divide(ticks, pa.scalar(10, pa.int64()))  # towards 0
    if pc.any(pc.not_equal(pc.multiply(whole, pa.scalar(10, pa.int64())), ticks)).as_py():
        raise pa.ArrowInvalid("it has more than microseconds")
    return whole.view(wanted if pa.types.is_time(wanted) else pa.timestamp("us"))
