"""Reading from Oracle as Arrow batches, all readers at one SCN, which outlives them as long as undo is kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import oracledb
import pyarrow as pa
import pyarrow.compute as pc

from ...engine import Row
from ...errors import DataError, EngineError
from ...place import Address
from ...plan import ColumnPlan, Hop, Slice
from ...rules import split
from ...schema.catalogue import Relation
from ...schema.sql import where_of
from ...unfit import Unread, sifted
from ..exact import as_planned
from .catalogue import external
from .instant import Instant, again, instant, written
from .session import OracleSession, qualified, said, timed
from .sifting import WHICH, comes, guarded, misfit, shown
from .types import PRINTED

if TYPE_CHECKING:
    from . import Oracle

_MOST_ROWS, _LEAST_ROWS = 50_000, 1
_USUAL = 38  # digits of a decimal of 128 bits
_WORD = 16  # bytes that a value of no declared length is reckoned with
_LONG = ("clob", "nclob", "blob", "long", "long raw", "xmltype", "json")
_LOBS = ("clob", "nclob", "blob")
_MEASURED = (*_LOBS, "xmltype", "json")
_LONGEST, _UNASKED = 32_767, 1 << 20  # bytes of an extended VARCHAR2; of a LONG, whose length cannot be asked
TOO_OLD = (1555, 8180, 22924)  # also of a LOB
CHANGED = 1466  # since the SCN, by DDL
_EXTERNAL = 30657
_NO_DECIMAL = "DPY-4042"
_FINE = 19 + 7 + 1  # sign, characters of a moment with microseconds

# The first that this account may ask.
_SCNS = (
    "SELECT DBMS_FLASHBACK.GET_SYSTEM_CHANGE_NUMBER FROM dual",
    "SELECT current_scn FROM v$database",
)


@dataclass(frozen=True)
class Asked:
    """What the driver is asked for of a column, and what is made of it; `print` says that the server prints it."""

    arrow: pa.DataType
    wanted: pa.DataType
    print: bool = False


def asked(column: ColumnPlan) -> Asked:
    """The driver loses digits, fractions and zones where it is not told what to give."""
    wanted = column.type.arrow
    native = split(column.declared or column.type.native).name
    if pa.types.is_integer(wanted):
        return Asked(pa.int64(), wanted)
    if pa.types.is_decimal(wanted):
        return _roomy(wanted)
    if pa.types.is_duration(wanted):
        return Asked(pa.decimal128(28, 3), wanted)
    if pa.types.is_timestamp(wanted):
        return Asked(pa.string() if "TO_CHAR(" in column.project else pa.timestamp("us"), wanted)
    if pa.types.is_string(wanted):
        return Asked(pa.large_string() if native in _LONG else wanted, wanted)
    if pa.types.is_binary(wanted):
        return Asked(pa.large_binary() if native in _LONG else wanted, wanted)
    return Asked(wanted, wanted)


def _roomy(wanted: Any) -> Asked:
    """The driver counts a number's digits, then adds zeros up to the scale, and an overflow wraps round unsaid.

    So it is asked for a type that has room for the zeros too, and Arrow's own cast looks at the result.
    """
    if wanted.precision + wanted.scale <= _USUAL:
        return Asked(wanted, wanted)
    if wanted.precision <= _USUAL:
        return Asked(pa.decimal256(wanted.precision, wanted.scale), wanted)
    return Asked(pa.string(), wanted, print=True)


class OracleReader:
    """One connection, which reads tables as of the source's SCN."""

    def __init__(self, engine: Oracle, address: Address) -> None:
        self._engine = engine
        self.session = OracleSession(address)
        self.scn = 0  # 0: whatever is there when a statement begins
        self.flashed = False  # whether the whole session was set back
        self.timeless: frozenset[Relation] = frozenset()  # what lies in files, of which there is no AS OF
        self._reading = False

    def read(self, hop: Hop, part: Slice, batch_bytes: int) -> Iterator[pa.RecordBatch]:
        for batch in self._fetched(hop, part, batch_bytes):
            yield _typed(batch, hop)

    def readable(self, hop: Hop, part: Slice, batch_bytes: int, unread: Unread) -> Iterator[pa.RecordBatch]:
        """The rows that can be read; it is told of those that the driver does not give, and of those that Arrow has no
        value for.
        """
        conditions = [comes(column, asked(column).arrow) for column in hop.columns]
        all_ = guarded(hop, conditions) if any(conditions) else hop

        def made(batch: pa.RecordBatch) -> pa.RecordBatch:
            return _typed(batch, all_).select(list(range(len(hop.columns))))

        def tell(row: pa.RecordBatch, error: DataError) -> None:
            unread(shown(row, hop), error)

        for batch in self._fetched(all_, part, batch_bytes):
            rows, places = batch, batch.column(WHICH) if all_ is not hop else None
            if places is not None and places.null_count < len(places):
                rows = batch.filter(places.is_null())
                for row in np.flatnonzero(places.is_valid().to_numpy(zero_copy_only=False)):
                    tell(batch.slice(int(row), 1), misfit(hop, hop.columns[places[int(row)].as_py()]))
            if rows.num_rows:
                yield from sifted(rows, made, tell)

    def _fetched(self, hop: Hop, part: Slice, batch_bytes: int) -> Iterator[pa.RecordBatch]:
        """Batches as the driver gives them, with a flag behind all for each LOB."""
        forms = [asked(column) for column in hop.columns]
        names = [column.target for column in hop.columns]
        lobs = [place for place, one in enumerate(hop.columns) if _name(one) in _LOBS]
        requested = pa.schema(
            [*zip(names, [form.arrow for form in forms], strict=True), *((_flag(place), pa.int64()) for place in lobs)]
        )
        self._reading = True
        try:
            size = self._rows(hop, part, batch_bytes)
            given = self.session.connection.fetch_df_batches(
                self.select(hop, part), size=size, requested_schema=requested
            )
            for frame in _in_time(self.session.connection, given):
                table = pa.table(frame)
                if table.num_rows:
                    columns = [values.combine_chunks() for values in table.itercolumns()]
                    yield pa.RecordBatch.from_arrays(columns, names=requested.names)
        except oracledb.Error as error:
            raise self._told(error, hop) from error
        except ValueError as error:  # Python's dates, which the driver makes of Oracle's
            raise DataError(
                f"{hop.reads} holds a date or timestamp that is none of the years 1 to 9999 of the Gregorian "
                f"calendar: {error}", table=str(hop.reads),
                remedy="Leave such rows out (where), or read a query that prints the column by TO_CHAR with SYYYY.",
            ) from error  # fmt: skip
        finally:
            self._reading = False

    def _told(self, error: oracledb.Error, hop: Hop) -> EngineError | DataError:
        if getattr(error.args[0], "full_code", "") == _NO_DECIMAL:
            return DataError(
                f"{hop.reads} holds a number that does not fit its planned decimal: {said(error)}",
                table=str(hop.reads),
                remedy="It came after planning, or the type was chosen: plan again, or give the column the type "
                "'number, as text'.",
            )
        code = getattr(error.args[0], "code", 0)
        if code == CHANGED:
            return EngineError(
                f"{hop.reads} was changed by DDL after SCN {self.scn}, at which it was to be read: {said(error)}",
                table=str(hop.reads),
                remedy="ALTER, TRUNCATE, a refresh that is complete and what moves a partition do so. Go on with "
                "--resume: it is read at a new instant; if its columns are others now, plan again (--fresh).",
            )
        if code == _EXTERNAL:
            return EngineError(
                f"{hop.reads} reads an external table, whose files have no past to read: {said(error)}",
                table=str(hop.reads),
                remedy="Move the external table by itself, which is read as it is; or use --consistency none.",
            )
        if code not in TOO_OLD:
            return EngineError(
                f"Oracle refused to read {hop.reads}: {said(error)}", table=str(hop.reads),
                remedy="Slices with receipts stay: mend the cause and go on with --resume.",
            )  # fmt: skip
        return EngineError(
            f"Oracle keeps no undo of SCN {self.scn} any more, at which {hop.reads} was read: {said(error)}",
            table=str(hop.reads),
            remedy="Let it keep undo for longer than the run takes (ALTER SYSTEM SET UNDO_RETENTION = seconds, and an "
            "undo tablespace of that size), or go on with --resume: tables that changed start over at a new instant.",
        )

    def _rows(self, hop: Hop, part: Slice, batch_bytes: int) -> int:
        """Rows of a batch, which the driver counts by rows: long values are as long as the longest of the slice."""
        width = sum(min(column.type.length or _WORD, _LONGEST) for column in hop.columns)
        width += sum(_UNASKED for column in hop.columns if _name(column) in ("long", "long raw"))
        long = [c for c in hop.columns if _name(c) in _MEASURED]
        if long:
            lengths = " + ".join(_length(c) for c in long)
            where = where_of(self._engine, hop, part)
            ((most,),) = self.ask(f"SELECT MAX({lengths}) FROM {self.relation(hop)}{where}")
            width += int(str(most or 0))
        return max(_LEAST_ROWS, min(_MOST_ROWS, batch_bytes // max(width, 1)))

    def select(self, hop: Hop, part: Slice) -> str:
        quote = self._engine.quote
        projected = [PRINTED.format(c=c.project) if asked(c).print else c.project for c in hop.columns]
        parts = [f"{sql} AS {quote(c.target)}" for sql, c in zip(projected, hop.columns, strict=True)]
        parts += [
            f"CASE WHEN DBMS_LOB.GETLENGTH({one.project}) = 0 THEN 1 END AS {quote(_flag(place))}"
            for place, one in enumerate(hop.columns) if _name(one) in _LOBS
        ]  # fmt: skip
        columns = ", ".join(parts)
        limit = f" FETCH FIRST {hop.limit} ROWS ONLY" if hop.limit else ""
        return f"SELECT {columns} FROM {self.relation(hop)}{where_of(self._engine, hop, part)}{limit}"

    def relation(self, hop: Hop) -> str:
        """What is read, at the instant."""
        if hop.query:
            return f"({hop.query}) q"
        return self.at(hop.reads)

    def at(self, relation: Relation) -> str:
        """A table's quoted name, at the instant."""
        return qualified(relation) + (f" AS OF SCN {self.scn}" if self.scn and relation not in self.timeless else "")

    def raw(self, hop: Hop, part: Slice) -> Iterator[bytes]:
        raise EngineError("Oracle has no raw form.")

    def ask(self, sql: str) -> list[Row]:
        return self.session.ask(sql)

    def count(self, hop: Hop) -> int:
        clause = f" WHERE ({hop.where})" if hop.where else ""
        limit = f" FETCH FIRST {hop.limit} ROWS ONLY" if hop.limit else ""
        inner = f"SELECT 1 AS one FROM {self.relation(hop)}{clause}{limit}"
        return int(str(self.ask(f"SELECT COUNT(*) FROM ({inner}) l")[0][0]))

    def cancel(self) -> None:
        if self._reading:  # what is sent to an idle server stops the next statement
            with suppress(oracledb.Error):
                self.session.connection.cancel()

    def close(self) -> None:
        with suppress(oracledb.Error, OSError):
            self.session.close()


def _in_time(connection: oracledb.Connection, frames: Iterator[Any]) -> Iterator[Any]:
    while True:
        with timed(connection):
            frame = next(frames, None)
        if frame is None:
            return
        yield frame


def _name(column: ColumnPlan) -> str:
    return split(column.declared or column.type.native).name


def _length(column: ColumnPlan) -> str:
    """The bytes of a LOB as they come: one of characters counts those of UTF-16, each up to three in UTF-8."""
    wide = "" if _name(column) == "blob" else "3 * "
    return f"{wide}NVL(DBMS_LOB.GETLENGTH({column.project}), 0)"


def _flag(place: int) -> str:
    return f"EMPTY {place}"


def _not_null(values: Any, flags: Any) -> Any:
    """Inside a row an empty LOB comes as NULL; the flag beside it says that it is none."""
    if flags.null_count == len(flags):
        return values
    empty = pa.scalar(b"" if pa.types.is_binary(values.type) else "", values.type)
    return pc.if_else(pc.is_valid(flags), empty, values)


def _typed(batch: pa.RecordBatch, hop: Hop) -> pa.RecordBatch:
    """A batch as the driver gave it in the types that were planned."""
    columns = [_made(batch.column(place), asked(one), hop, one) for place, one in enumerate(hop.columns)]
    lobs = [place for place, one in enumerate(hop.columns) if _name(one) in _LOBS]
    for place, flags in zip(lobs, batch.columns[len(columns) :], strict=True):
        columns[place] = _not_null(columns[place], flags)
    return pa.RecordBatch.from_arrays(columns, names=[column.target for column in hop.columns])


def _made(values: Any, form: Asked, hop: Hop, column: ColumnPlan) -> Any:
    """A column in the type that was planned. DataError for a value that would change."""
    with as_planned(hop, column):
        return _cast(values, form)


def _cast(values: Any, form: Asked) -> Any:
    if pa.types.is_decimal128(form.wanted) and values.type == form.wanted:
        return values.cast(pa.decimal128(_USUAL, form.wanted.scale)).cast(form.wanted)
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        values.validate(full=True)  # the server sends what it has, be it UTF-8 or not
    if values.type == form.wanted:
        return values
    if pa.types.is_duration(form.wanted):
        return values.cast(pa.int64()).view(form.wanted)
    if not pa.types.is_timestamp(form.wanted):
        return values.cast(form.wanted)
    if pa.types.is_string(values.type):
        values = _moments(values, form.wanted.unit)
    return values.view(pa.timestamp(form.wanted.unit, form.wanted.tz))


def _moments(values: Any, unit: str) -> Any:
    """Printed moments, a sign before the year, with nine decimals.

    Arrow's nanoseconds end in 2262, so the last three are looked at apart.
    """
    if pc.any(pc.starts_with(values, "-")).as_py():
        raise pa.ArrowInvalid("it is before the year 1")
    if unit == "ns":
        return pc.utf8_slice_codeunits(values, 1).cast(pa.timestamp("ns"))
    fine = pc.not_equal(pc.utf8_slice_codeunits(values, _FINE, _FINE + 3), pa.scalar("000"))
    if pc.any(fine).as_py():
        raise pa.ArrowInvalid("it has more than microseconds")
    return pc.utf8_slice_codeunits(values, 1, _FINE).cast(pa.timestamp("us"))


class OracleSource:
    """Readers at one SCN. It stays readable after them, so a run that was interrupted goes on at it."""

    survives = True

    def __init__(self, engine: Oracle, address: Address, hops: Sequence[Hop], consistency: str, count: int) -> None:
        self._engine, self._address = engine, address
        self._readers: list[OracleReader] = []
        try:
            for _ in range(count):
                self._readers.append(OracleReader(engine, address))
            now = self._now() if consistency in ("run", "table") else 0
            self._opened = instant(self._readers[0], now) if now else Instant(0, "")
            self.instant = str(self._opened) if now else f"oracle without an instant ({consistency})"
            self._timeless = external(self._readers[0]) if now else frozenset()
            self._at(now, hops)
        except BaseException:
            self.close()
            raise

    def _at(self, scn: int, hops: Sequence[Hop]) -> None:
        self._scn, self._queries = scn, any(hop.query for hop in hops)
        for reader in self._readers:
            self._set_back(reader)

    def _set_back(self, reader: OracleReader) -> None:
        reader.scn, reader.timeless = self._scn, self._timeless
        if self._scn and self._queries:
            self._flash_back(reader, self._scn)

    def _flash_back(self, reader: OracleReader, scn: int) -> None:
        """A query of the user's names tables that no AS OF can be put behind; so its session goes back as a whole."""
        try:
            with reader.session.connection.cursor() as cursor:
                if reader.flashed:
                    cursor.callproc("DBMS_FLASHBACK.DISABLE")
                cursor.callproc("DBMS_FLASHBACK.ENABLE_AT_SYSTEM_CHANGE_NUMBER", [scn])
        except oracledb.Error as error:
            raise EngineError(
                f"Oracle at {self._address} does not set the session of a query back to SCN {scn}: {said(error)}",
                remedy="GRANT EXECUTE ON SYS.DBMS_FLASHBACK, which a query takes; or use --consistency none.",
            ) from error
        reader.flashed = True

    def _now(self) -> int:
        refusals = []
        for question in _SCNS:
            try:
                return int(str(self._readers[0].ask(question)[0][0]))
            except oracledb.Error as error:
                refusals.append(said(error))
        raise EngineError(
            f"Oracle at {self._address} tells this account no SCN: {'; '.join(refusals)}",
            remedy="GRANT EXECUTE ON DBMS_FLASHBACK, or SELECT ON V_$DATABASE; or use --consistency none.",
        )

    def return_to(self, before: str, hops: Sequence[Hop]) -> bool:
        """Read at the SCN of an earlier process; False where it is of another database or of another history of this
        one, and where the server has no undo for it any more.
        """
        then, now = written(before), self._scn
        if not then or not then.is_of(again(self._readers[0], self._opened, then.scn)):
            return False
        try:
            self._at(then.scn, hops)
            for hop in hops:
                self._readers[0].ask(f"SELECT 1 FROM {self._readers[0].relation(hop)} WHERE ROWNUM <= 1")
        except (oracledb.Error, EngineError):
            self._at(now, hops)
            return False
        self.instant = before
        return True

    def renewed(self, reader: OracleReader) -> OracleReader | None:
        """A reader in the place of one whose connection was lost, if the server is still of the same history."""
        with suppress(oracledb.Error, EngineError, OSError):
            made = OracleReader(self._engine, self._address)
            self._readers[self._readers.index(reader)] = made
            reader.close()
            held = written(self.instant)
            if not held or held.is_of(instant(made, self._scn)):
                self._set_back(made)
                return made
        return None

    def readers(self) -> Sequence[OracleReader]:
        return self._readers

    def mark(self) -> str:
        """No SCN stays: the server's own work moves it."""
        return ""

    def close(self) -> None:
        for reader in self._readers:
            reader.close()
