"""Loading Oracle by array binding: Arrow batches into one INSERT, inside the loader's own transaction.

Where the URL asks for it, by direct path into a staging table before (direct.py).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import numpy as np
import oracledb
import pyarrow as pa
import pyarrow.compute

from ...engine import Ledger, Row
from ...errors import DataError, EngineError
from ...place import Address
from ...plan import ColumnPlan, Hop, Slice
from ...rules import split
from ...schema.readings import readings
from ...schema.sql import double_quoted
from .catalogue import OWN
from .direct import DirectPath, Staged, publish, takes
from .fit import check
from .ledger import OracleLedger
from .session import DATA, OracleSession, code, loads_directly, qualified, said, timed

_compute: Any = pyarrow.compute  # pyarrow-stubs know few of these functions
_DAY = 86_400_000_000  # microseconds
# Allocating commits, which is nothing here: a table is held before anything is begun. 6: alone, 0 seconds of patience.
# Two blocks: what one is bound to is sent before it runs, and that would be a handle that it has not got yet.
_HANDLE = "BEGIN DBMS_LOCK.ALLOCATE_UNIQUE(:1, :2); END;"
_HOLD = "BEGIN :1 := DBMS_LOCK.REQUEST(:2, 6, 0, FALSE); END;"
_TAKEN, _HAD = 0, 4
_SPAN = np.dtype([("months", "<i4"), ("days", "<i4"), ("nanoseconds", "<i8")])


class OracleLoader(OracleSession):
    """A connection that loads. Its DDL commits by itself; rows, claim and receipt do not."""

    def __init__(self, address: Address) -> None:
        super().__init__(address)
        self.ledger: Ledger = OracleLedger(self)
        self._direct = DirectPath(address) if loads_directly(address) else None
        self._staged: Staged | None = None

    def ask(self, sql: str) -> list[Row]:
        """Whole numbers as such, for all are NUMBER there, and a person reads the keys of rows."""
        return [tuple(map(_whole, row)) for row in super().ask(sql)]

    def stage(self, hop: Hop, part: Slice, batches: Iterable[pa.RecordBatch]) -> Iterable[pa.RecordBatch]:
        """By direct path, where that is asked for and all columns can: what is left to bind."""
        if self._direct is None or not takes(hop):
            return batches
        self._staged = self._direct.stage(hop, part, batches, bound)
        return ()

    def load(self, hop: Hop, part: Slice, batches: Iterable[pa.RecordBatch]) -> int:
        """One statement for all batches; how many rows the server says it took."""
        staged, self._staged = self._staged, None
        if staged and (staged.hop, staged.slice) == (hop.name, part.number):
            return self._published(hop, staged)
        sql, loaded = insert(hop), 0
        with self.connection.cursor() as cursor:
            for batch in batches:
                if batch.num_rows:
                    given = bound(batch, hop)
                    try:
                        with timed(self.connection):
                            cursor.executemany(sql, given)
                    except oracledb.Error as error:
                        raise _told(error, hop) from error
                    loaded += int(cursor.rowcount)
        return loaded

    def _published(self, hop: Hop, staged: Staged) -> int:
        try:
            return self.execute(publish(hop, staged))
        except oracledb.Error as error:
            raise _told(error, hop) from error

    def close(self) -> None:
        if self._direct:
            self._direct.close()
        super().close()

    def load_raw(self, hop: Hop, part: Slice, blocks: Iterable[bytes]) -> int:
        raise EngineError("Oracle has no raw form.")

    def hold(self, name: str) -> bool:
        """A lock of DBMS_LOCK, which goes with the session, whatever ends it. Names are the server's."""
        ((schema,),) = self.ask(f"SELECT {OWN} FROM dual")
        held = all(self._take(f"{one.schema} {one.table}", name) for one in readings(name, str(schema)))
        if held and self._direct:
            self._direct.forget(name)
        return held

    def _take(self, text: str, name: str) -> bool:
        lock = f"ropeway {hashlib.sha256(text.encode()).hexdigest()[:40]}"
        with self.connection.cursor() as cursor:
            handle, got = cursor.var(str), cursor.var(int)
            try:
                cursor.execute(_HANDLE, [lock, handle])
                cursor.execute(_HOLD, [got, handle.getvalue()])
            except oracledb.Error as error:
                raise EngineError(
                    f"Oracle gives no lock that keeps a second run out of {name}: {said(error)}",
                    remedy="GRANT EXECUTE ON SYS.DBMS_LOCK to this account.",
                ) from error
            return got.getvalue() in (_TAKEN, _HAD)


def _whole(value: object) -> object:
    return int(value) if isinstance(value, Decimal) and value == value.to_integral_value() else value


def _told(error: oracledb.Error, hop: Hop) -> Exception:
    """What is wrong with a value, with its column where the server names it; other errors as they are."""
    if code(error) not in DATA:
        return error
    text = said(error)
    named = re.search(r'"(?:[^"]+)"\."(?:[^"]+)"\."([^"]+)"', text)
    return DataError(f"Oracle refused a row: {text}", table=str(hop.writes), column=named[1] if named else "")


def insert(hop: Hop) -> str:
    """The INSERT that a hop's batches are bound to."""
    names = ", ".join(double_quoted(column.target) for column in hop.columns)
    places = ", ".join(f":{place}" for place, _ in enumerate(hop.columns, 1))
    return f"INSERT INTO {qualified(hop.into)} ({names}) VALUES ({places})"


def bound(batch: pa.RecordBatch, hop: Hop) -> pa.Table:
    """A batch as the driver binds it: it knows no booleans before version 23, no durations, no times of day."""
    arrays = [_bound(values, column, hop) for values, column in zip(batch.columns, hop.columns, strict=True)]
    return pa.table(arrays, names=[f"C{place}" for place, _ in enumerate(arrays, 1)])


def _bound(values: Any, column: ColumnPlan, hop: Hop) -> Any:
    kind = values.type
    if pa.types.is_string(kind) or pa.types.is_binary(kind):
        values = filled(values, column, hop)
    check(values, column, hop)
    if pa.types.is_boolean(kind):
        return values.cast(pa.int8())
    if pa.types.is_duration(kind):
        return spans(values.cast(pa.duration("us")).cast(pa.int64()))
    if pa.types.is_time(kind):
        return spans(values.cast(pa.time64("us")).cast(pa.int64()))
    if column.type.kind == "uuid" and split(column.native).name == "raw":
        return octets(values, column, hop)
    return values


def filled(values: Any, column: ColumnPlan, hop: Hop) -> Any:
    """Texts of no length would be NULL; one of a CHAR is blanks, which a single one says too."""
    empty = _compute.equal(_compute.binary_length(values), 0)
    count = _compute.sum(empty).as_py() or 0
    if not count:
        return values
    if column.type.padded and split(column.native).name == "char":
        return _compute.if_else(empty, " ", values)
    raise DataError(
        f"{hop.writes}.{column.target} would take {count:,} values of no length, which are NULL in Oracle.",
        table=str(hop.writes), column=column.target,
        remedy="Let them become NULL by --policy empty_string=null, or leave such rows out by a where condition.",
    )  # fmt: skip


def spans(microseconds: Any) -> Any:
    """Microseconds as Arrow's intervals of days and nanoseconds, both of the value's sign."""
    whole = np.asarray(microseconds.fill_null(0))
    made: Any = np.zeros(len(whole), _SPAN)
    days = np.sign(whole) * (np.abs(whole) // _DAY)
    made["days"], made["nanoseconds"] = days, (whole - days * _DAY) * 1000
    mask = microseconds.is_valid().buffers()[1] if microseconds.null_count else None
    return pa.Array.from_buffers(pa.month_day_nano_interval(), len(whole), [mask, pa.py_buffer(made)])


def octets(texts: Any, column: ColumnPlan, hop: Hop) -> Any:
    """UUIDs as their 16 octets. DataError for a text that is none."""
    plain = _compute.replace_substring(texts, "-", "")
    if not _compute.all(_compute.match_substring_regex(plain, "^[0-9A-Fa-f]{32}$")).as_py():
        raise DataError(f"{hop.writes}.{column.target} would take a text that is no UUID.", table=str(hop.writes),
                        column=column.target)  # fmt: skip
    digits = "".join(plain.fill_null("0" * 32).to_pylist())
    ends: Any = np.arange(0, 16 * len(plain) + 1, 16, dtype=np.int32)
    every = pa.Array.from_buffers(
        pa.binary(), len(plain), [None, pa.py_buffer(ends), pa.py_buffer(bytes.fromhex(digits))]
    )
    return _compute.if_else(plain.is_valid(), every, None) if plain.null_count else every
