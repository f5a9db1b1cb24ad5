"""Reading SQLite through ADBC: no Python object per value, and the GIL is free meanwhile."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import adbc_driver_sqlite.dbapi as adbc
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...engine import Row
from ...errors import DataError, EngineError
from ...place import Address
from ...plan import ColumnPlan, Hop, Slice
from ...refusal import shown
from ...schema.sql import count, select, source_of, where_of
from ...types import Type
from ...unfit import Unread, in_bytes, sifted
from ..exact import first_refused, key_of, parsed
from .profile import all_of
from .sifting import as_text, comes, told
from .texts import mended
from .types import EXACT_DIGITS, choices_of

if TYPE_CHECKING:
    from . import Sqlite

_LEAST = 1024  # rows of a batch, where they are short
_LONG = 1024  # bytes of the file for each row, below which they are
_WIDEST = 8  # batches' bytes that one may take where some rows are much longer than most
# The driver takes its types from the first batch, NULLs as integers: a first row of the right storage
# classes fixes them, and a value of another class changes the schema, which read() refuses.
_FIRST = {"int64": "0", "float64": "0.5", "text": "''", "binary": "x''"}
_KEPT = {"int64": "'integer'", "float64": "'integer', 'real'", "text": "'text'", "binary": "'blob'"}
_NUMBERS = {"unixtime": "int64", "unixtime_ms": "int64", "julian": "float64"}  # words of moments kept as such
STORED: dict[str, Any] = {"int64": pa.int64(), "float64": pa.float64(), "text": pa.string(), "binary": pa.binary()}


def storage(meaning: Type) -> str:
    """The storage class in which SQLite keeps a Type's values."""
    arrow = meaning.arrow
    if meaning.kind == "decimal":
        kept_as_text = meaning.precision > EXACT_DIGITS or meaning.native.lower().startswith("decimal_text")
        return "text" if kept_as_text else "float64"
    if pa.types.is_integer(arrow) or pa.types.is_boolean(arrow) or pa.types.is_duration(arrow):
        return "int64"
    if pa.types.is_floating(arrow):
        return "float64"
    as_bytes = pa.types.is_binary(arrow) or "invalid_text" in choices_of(meaning.native)
    return "binary" if as_bytes else "text"


def _classes(meaning: Type) -> str:
    """The storage classes, beside NULL, that the values of a column may have."""
    word = meaning.native.lower()
    if word.startswith("text, numbers too"):
        return "'text', 'integer', 'real'"
    return _KEPT["text" if choices_of(word) else _NUMBERS.get(word, storage(meaning))]


class SqliteReader:
    """One read transaction on one connection."""

    def __init__(self, engine: Sqlite, path: str) -> None:
        self._engine = engine
        self._connection = adbc.connect(f"file:{escaped(path)}?mode=ro")
        self.ask("SELECT count(*) FROM sqlite_schema")  # the first read opens the snapshot
        self._longest: dict[str, int] = {}  # bytes of the longest row of a hop, 0 where none is long

    def read(
        self, hop: Hop, part: Slice, batch_bytes: int, unread: Unread | None = None
    ) -> Iterator[pa.RecordBatch]:  # fmt: skip
        kinds = [storage(column.type) for column in hop.columns]
        first = ", ".join(_FIRST[kind] for kind in kinds)
        body = select(self._engine, hop, part)
        body = f"SELECT * FROM ({body})" if hop.limit else body
        rows = max(_LEAST, batch_bytes // (12 * len(kinds)))
        if longest := self._long(hop):
            rows = max(1, min(rows, _WIDEST * batch_bytes // longest))
        with self._connection.cursor() as cursor:
            cursor.adbc_statement.set_options(**{"adbc.sqlite.query.batch_rows": str(rows)})
            try:
                cursor.execute(f"SELECT {first} UNION ALL {body}")
                stored = cursor.fetch_record_batch()
                self._agree(hop, part, stored.schema, kinds)
                yield from typed(stored, hop, skip=1, unread=unread)
            except (adbc.Error, OSError) as error:
                raise self._explained(hop, part, error) from error

    def readable(self, hop: Hop, part: Slice, batch_bytes: int, unread: Unread) -> Iterator[pa.RecordBatch]:
        """The rows that can be read: first those whose values come from the driver, then it is told of the others."""
        conditions = [comes(column, storage(column.type)) for column in hop.columns]
        good = all_of([*filter(None, conditions)]) or "1"
        asked = [f"({hop.where})"] if hop.where else []
        yield from self.read(replace(hop, where=" AND ".join([*asked, good])), part, batch_bytes, unread)
        bad = replace(hop, where=" AND ".join([*asked, f"NOT ({good})"]))
        first = ", ".join(["''"] * len(hop.columns) + ["0", "''"])
        body = f"{as_text(hop.columns, conditions)} FROM {source_of(self._engine, hop)}"
        rows = self.stream(f"SELECT {first} UNION ALL SELECT {body}{where_of(self._engine, bad, part)}")
        for row, error in told(_behind(rows), hop):
            unread(row, error)

    def _long(self, hop: Hop) -> int:
        """Bytes of a hop's longest row, for the driver cuts batches by rows alone: 1,024 documents of 1 MB were 1 GB.

        It takes a third of what reading takes (octet_length reads no overflow pages), so it is asked only where the
        file has room for long rows.
        """
        sized = [column.source for column in hop.columns if storage(column.type) in ("text", "binary")]
        if not sized or hop.query or hop.name in self._longest:
            return self._longest.get(hop.name, 0)
        ((pages, size),) = self.ask("SELECT p.page_count, s.page_size FROM pragma_page_count() p, pragma_page_size() s")
        if int(str(pages)) * int(str(size)) <= _LONG * self.count(hop):
            return self._longest.setdefault(hop.name, 0)
        each = all_of([f"coalesce(octet_length({self._engine.quote(name)}), 0)" for name in sized], " + ")
        ((longest,),) = self.ask(f"SELECT max({each}) FROM {source_of(self._engine, hop)}")
        return self._longest.setdefault(hop.name, int(str(longest or 0)))

    def _agree(self, hop: Hop, part: Slice, schema: pa.Schema, kinds: Sequence[str]) -> None:
        for column, field, kind in zip(hop.columns, schema, kinds, strict=True):
            if field.type != STORED[kind]:
                raise self._misfit(hop, part, column.source)

    def _misfit(self, hop: Hop, part: Slice, name: str) -> DataError:
        """A value of another storage class: find it, so that the message can name its row."""
        column = next(column for column in hop.columns if column.source == name)
        wanted = _classes(column.type)
        where = where_of(self._engine, hop, part) or " WHERE 1"
        quoted = self._engine.quote(column.source)
        key = ", ".join(self._engine.quote(k) for k in hop.key) or "'(no key)'"
        rows = self.ask(
            f"SELECT {key}, typeof({quoted}), substr(CAST({quoted} AS TEXT), 1, 60) "
            f"FROM {source_of(self._engine, hop)}{where} "
            f"AND typeof({quoted}) NOT IN ({wanted}, 'null') LIMIT 1"
        )
        *keys, stored, text = rows[0] if rows else ("?", "another storage class", "")
        return DataError(
            f"{hop.reads}.{name} is declared {column.type.native or 'without a type'} and holds "
            f"{stored} {text!r}.",
            table=str(hop.reads), column=name, key=", ".join(str(k) for k in keys),
            remedy=f"Mend the value, or give the column another type: types: {{{name}: text}}.",
        )  # fmt: skip

    def _explained(self, hop: Hop, part: Slice, error: adbc.Error | OSError) -> Exception:
        for column in hop.columns:
            found = self._misfit(hop, part, column.source) if _is_misfit(error) else None
            if found and "another storage class" not in found.message:
                return found
            if found and column.type.native in _NUMBERS:
                return DataError(
                    f"{hop.reads}.{column.source} holds a number that is not exactly one of {column.type.native} "
                    "within the years 0 to 9999.",
                    table=str(hop.reads), column=column.source,
                    remedy=f"Leave it a number: types: {{{column.source}: number}}.",
                )  # fmt: skip
        return EngineError(f"SQLite refused to read {hop.reads}: {error}", table=str(hop.reads))

    def raw(self, hop: Hop, part: Slice) -> Iterator[bytes]:
        raise EngineError("SQLite has no raw form.")

    def ask(self, sql: str) -> list[Row]:
        with self._connection.cursor() as cursor:
            try:
                cursor.execute(sql)
                return cursor.fetchall()
            except adbc.Error as error:
                raise EngineError(f"SQLite: {error}") from error

    def stream(self, sql: str) -> Iterator[pa.RecordBatch]:
        """A query's rows, never all at once."""
        with self._connection.cursor() as cursor:
            cursor.execute(sql)
            yield from cursor.fetch_record_batch()

    def count(self, hop: Hop) -> int:
        return int(str(self.ask(count(self._engine, hop))[0][0]))

    def cancel(self) -> None:
        """Nothing to cancel: a batch takes milliseconds, and between batches reading stops."""

    def close(self) -> None:
        self._connection.close()


def typed(
    stored: Iterable[pa.RecordBatch], hop: Hop, skip: int = 0, unread: Unread | None = None
) -> Iterator[pa.RecordBatch]:  # fmt: skip
    """Rows in the hop's types from those in storage classes, without the first `skip` of them."""
    schema = pa.schema([(column.target, column.type.arrow) for column in hop.columns])

    def made(rows: pa.RecordBatch) -> pa.RecordBatch:
        columns = [_cast(rows, place, hop) for place in range(len(hop.columns))]
        # The driver's buffers grow by doubling, up to twice what they hold, and scatter over malloc's arenas; one
        # copy (0.03 us a row) keeps what is read ahead at its size: 60 MB less for lineitem.
        held = pa.RecordBatch.from_arrays(columns, schema=schema)
        return pa.ipc.read_record_batch(held.serialize(), schema)

    tell = unread and (lambda row, error: unread(in_bytes(row, schema.names), error))
    for batch in stored:
        rows = batch.slice(skip)
        skip = 0
        if rows.num_rows:
            yield from sifted(rows, made, tell) if tell else [made(rows)]


def _behind(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The rows behind the first one, which is there for its types alone."""
    skip = 1
    for batch in batches:
        yield batch.slice(skip)
        skip = 0


def _cast(rows: pa.RecordBatch, place: int, hop: Hop) -> pa.Array[Any]:
    column, values = hop.columns[place], rows.column(place)
    try:
        return _converted(mended(values, column.type.native), column.type.arrow)
    except pa.ArrowInvalid as error:
        row = first_refused(values, lambda part: _converted(mended(part, column.type.native), column.type.arrow))
        # As bytes, for a text may be no UTF-8.
        plain = [one.cast(pa.binary()) if pa.types.is_string(one.type) else one for one in rows.columns]
        value = plain[place][row].as_py()
        key = key_of(plain, [c.target for c in hop.columns], hop.key, row)
        raise _refused(hop, column, value, key, error) from error


def _refused(hop: Hop, column: ColumnPlan, value: object, key: str, error: pa.ArrowInvalid) -> DataError:
    remedy = f"Mend the value, or give the column another type: types: {{{column.source}: text}}."
    if isinstance(value, bytes) and not pa.types.is_binary(column.type.arrow):
        text = value.decode(errors="replace")
        if text.encode() == value:
            value = text
        else:
            error = pa.ArrowInvalid("its bytes are no UTF-8")
            remedy = "Mend the value, or choose what becomes of such texts: --policy invalid_text=null|remove|replace."
    return DataError(
        f"{hop.reads}.{column.source} holds {shown(value)}, which is no {column.type}: {error}",
        table=str(hop.reads), column=column.source, key=key, remedy=remedy,
    )  # fmt: skip


def _is_misfit(error: adbc.Error | OSError) -> bool:
    """The driver's own refusal of a storage class, or the error that a guard in types.py raises."""
    return "Type mismatch" in str(error) or "integer overflow" in str(error)


def _converted(values: pa.Array[Any], arrow: pa.DataType) -> pa.Array[Any]:
    if pa.types.is_string(values.type):
        values.validate(full=True)
    if values.type.equals(arrow):
        return values
    if pa.types.is_boolean(arrow):
        if not pc.all(pc.is_in(values, pa.array([0, 1, None], pa.int64()))).as_py():
            raise pa.ArrowInvalid("neither 0 nor 1")
        return values.cast(pa.bool_())
    if pa.types.is_decimal(arrow) and pa.types.is_floating(values.type):
        return _decimals(values, arrow)
    if pa.types.is_timestamp(arrow) and arrow.tz:
        return _instants(values, arrow)
    return parsed(values, arrow) if pa.types.is_string(values.type) else values.cast(arrow)


def _decimals(values: pa.Array[Any], arrow: Any) -> pa.Array[Any]:
    """Reals as the decimals that they stand for: k / 10^s, rounded once by the division, must be the real."""
    mask = values.is_null()
    reals = values.fill_null(0.0).to_numpy(zero_copy_only=False)
    power = 10.0**arrow.scale
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = np.rint(reals * power)
        fits = (np.abs(scaled) < 10.0**arrow.precision) & (scaled / power == reals)
    if not fits.all():
        raise pa.ArrowInvalid("more digits than declared")
    words = np.empty((len(reals), 2), np.int64)
    words[:, 0] = scaled
    words[:, 1] = words[:, 0] >> 63
    plain = pa.Array.from_buffers(arrow, len(reals), [None, pa.py_buffer(words.tobytes())])
    return pc.if_else(mask, pa.scalar(None, arrow), plain) if values.null_count else plain


def _instants(values: pa.Array[Any], arrow: Any) -> pa.Array[Any]:
    """Text with an offset; Arrow parses it when every value has one."""
    return values.cast(pa.timestamp(arrow.unit, "UTC"))


class SqliteSource:
    """Readers that all began under one BEGIN IMMEDIATE, so that they see one state of the file."""

    survives = False

    def __init__(self, engine: Sqlite, address: Address, consistency: str, count: int) -> None:
        self._path = address.database
        if not Path(self._path).is_file():
            raise EngineError(f"There is no SQLite file {self._path}.")
        held = _Held(self._path) if consistency in ("run", "table") and count > 1 else None
        try:
            self._readers = [SqliteReader(engine, self._path) for _ in range(count)]
        finally:
            if held:
                held.release()
        self.instant = f"sqlite {self.mark()}"

    def readers(self) -> Sequence[SqliteReader]:
        return self._readers

    def mark(self) -> str:
        """The file's change counter (header bytes 24 to 27) and the state of its write-ahead log."""
        header = _header(self._path)
        log = Path(self._path + "-wal")
        state = log.stat() if log.exists() else None
        tail = f", log {state.st_size} bytes of {state.st_mtime_ns}" if state and state.st_size else ""
        return f"change {int.from_bytes(header[24:28], 'big')}{tail}"

    def close(self) -> None:
        for reader in self._readers:
            reader.close()


_OPEN: dict[tuple[int, int], int] = {}  # files whose headers were read, by device and number


def _header(path: str) -> bytes:
    """The first bytes of a file, which is then kept open: to close it would drop the locks that this process has on it,
    by whatever library, and with them what our readers see.
    """
    known = Path(path).stat()
    key = (known.st_dev, known.st_ino)
    if key not in _OPEN:
        _OPEN[key] = os.open(path, os.O_RDONLY)
    return os.pread(_OPEN[key], 100, 0)


class _Held:
    """A write lock that keeps writers out while the readers start; readers pass it.

    By the readers' own library: a file's locks are the process', and a second SQLite that closes the file drops them
    all, takes itself for its last user, and removes the log under the first one's feet. Rows that were committed into
    that are gone with the process.
    """

    def __init__(self, path: str) -> None:
        self._connection: adbc.Connection | None = None
        connection = adbc.connect(f"file:{escaped(path)}?mode=rw", autocommit=True)
        _tell(connection, "PRAGMA busy_timeout = 3000")
        for attempt in range(3):
            try:
                _tell(connection, "BEGIN IMMEDIATE")
            except adbc.Error as error:
                if "readonly" in str(error):  # then nobody can write through this path either
                    connection.close()
                    return
                if attempt == 2:
                    connection.close()
                    raise EngineError(
                        f"A writer holds {path}, so no common instant could be had in 9 s.",
                        remedy="Try again when it is done, or use --workers 1.",
                    ) from error
                time.sleep(0.1)
            else:
                self._connection = connection
                return

    def release(self) -> None:
        if self._connection:
            _tell(self._connection, "ROLLBACK")
            self._connection.close()


def _tell(connection: adbc.Connection, sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        cursor.fetchall()


def escaped(path: str) -> str:
    """A path as it stands in a URI."""
    return path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
