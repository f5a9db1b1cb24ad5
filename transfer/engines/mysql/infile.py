"""Loading MySQL and MariaDB: LOAD DATA LOCAL INFILE fed from memory, and INSERT where servers forbid it.

Both leave the transaction to the caller, who rolls back on any error: a LOCAL load is always IGNORE, so
what a server could not store as it came shows in its counts and warnings only.
"""

from __future__ import annotations

import binascii
import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute
from pymysql import Connection, err
from pymysql.constants import COMMAND
from pymysql.protocol import OKPacketWrapper

from ...errors import DataError, EngineError

Values: TypeAlias = Any  # an Arrow array

PIECE = 256 << 10  # bytes of a packet, or half of max_allowed_packet: more is not faster
STATEMENT = 1 << 20  # bytes of an INSERT of several rows; more is not faster
DAY = 86_400_000_000  # microseconds
YEAR_1, YEAR_10000 = -719_162, 2_932_897  # days since 1970
LONGEST_TIME = 839 * 3_600_000_000 - 1  # microseconds: 838:59:59.999999
_compute: Any = pyarrow.compute  # pyarrow-stubs 20 know no function of arrays and plain values together
ESCAPES = {"\\": "\\\\", "\t": "\\t", "\n": "\\n"}  # in this order


def load(
    connection: Connection[Any],
    table: str,
    columns: Sequence[str],
    schema: pa.Schema,
    batches: Iterable[pa.RecordBatch],
    extra: Mapping[str, str] | None = None,
    piece: int = PIECE,
) -> int:
    """Load batches of `schema` into quoted columns of a quoted table; returns the rows stored.

    `extra` gives SQL for a quoted column, with {} for its value where it is one of `columns`, as
    "CAST({} AS UNSIGNED)" for BIT. The connection must have been opened with local_infile; its session
    needs time zone +00:00 and NO_AUTO_VALUE_ON_ZERO. An error of the batches comes out as it is, after the
    server has stored what was sent before. DataError for a value that cannot be stored as it is, and for
    warnings and missing rows; else PyMySQL's errors. KeyboardInterrupt closes the connection.
    """
    wire: Any = connection
    wire._execute_command(COMMAND.COM_QUERY, _load_statement(table, columns, schema, extra or {}))
    wire._result = None
    if not wire._read_packet().is_load_local_packet():
        raise EngineError(f"The server did not ask for the rows to load into {table}.", table=table)
    sent = 0
    try:
        for batch in _alike(batches, schema):
            text = tsv(batch)
            for low in range(0, len(text), piece):
                wire.write_packet(text[low : low + piece])
            sent += batch.num_rows
    except Exception:
        # The protocol knows no "cancel": the end is sent as usual, and the caller rolls back.
        with contextlib.suppress(err.Error):
            if wire.open:
                _finish(wire)
        raise
    except BaseException:
        wire._force_close()
        raise
    stored, warnings = _finish(wire)
    _agree(connection, table, sent, stored, warnings)
    return stored


def insert(
    connection: Connection[Any],
    table: str,
    columns: Sequence[str],
    schema: pa.Schema,
    batches: Iterable[pa.RecordBatch],
    extra: Mapping[str, str] | None = None,
) -> int:
    """As `load`, by INSERT of many rows: for servers with local_infile off."""
    wire: Any = connection
    constants = {column: sql for column, sql in (extra or {}).items() if column not in columns}
    head = f"INSERT INTO {table} ({', '.join([*columns, *constants])}) VALUES ".encode()
    with connection.cursor() as cursor:
        cursor.execute("SELECT @@max_allowed_packet")
        allowed = int(cursor.fetchall()[0][0]) - len(head) - 16
    total = 0
    for batch in _alike(batches, schema):
        cells = [
            _filled((extra or {}).get(column, "{}"), _literals(values, name))
            for column, values, name in zip(columns, batch.columns, batch.schema.names, strict=True)
        ]
        rows = _compute.binary_join_element_wise(*cells, *constants.values(), ",")
        for values, sent in _chunks(_compute.binary_join_element_wise("(", rows, "),", ""), table, allowed):
            stored = wire.query(head + values)
            _agree(connection, table, sent, stored, wire._result.warning_count)
            total += stored
    return total


def tsv(batch: pa.RecordBatch) -> memoryview:
    """The rows as LOAD DATA reads them: UTF-8, tabs, backslash escapes, \\N, binary in hexadecimal."""
    if not batch.num_rows:
        return memoryview(b"")
    cells = []
    for values, name in zip(batch.columns, batch.schema.names, strict=True):
        text = _text(values, name)
        cells.append(_compute.fill_null(_escaped(text) if pa.types.is_string(values.type) else text, "\\N"))
    cells[-1] = _compute.binary_join_element_wise(cells[-1], "\n", "")
    return memoryview(_bytes(_compute.binary_join_element_wise(*cells, "\t"))[0])


def _load_statement(table: str, columns: Sequence[str], schema: pa.Schema, extra: Mapping[str, str]) -> str:
    """Separators stand in hexadecimal, which no sql_mode reads in another way."""
    places, settings = [], []
    for number, (column, field) in enumerate(zip(columns, schema, strict=True)):
        binary = pa.types.is_binary(field.type)
        if binary or column in extra:
            place = f"@ropeway_{number}"
            value = f"UNHEX({place})" if binary else place
            settings.append(f"{column} = {extra.get(column, '{}').replace('{}', value)}")
        else:
            place = column
        places.append(place)
    settings += [f"{column} = {sql}" for column, sql in extra.items() if column not in columns]
    if settings:  # SET makes the server forget that an AUTO_INCREMENT was given, and a 0 becomes the next number
        numbers = [c for c, field in zip(columns, schema, strict=True) if pa.types.is_integer(field.type)]
        settings += [f"{column} = {column}" for column in numbers if column not in extra]
    return (
        f"LOAD DATA LOCAL INFILE 'ropeway' INTO TABLE {table} CHARACTER SET utf8mb4 "
        "FIELDS TERMINATED BY 0x09 ESCAPED BY 0x5C LINES TERMINATED BY 0x0A "
        f"({', '.join(places)})" + (f" SET {', '.join(settings)}" if settings else "")
    )


def _finish(wire: Any) -> tuple[int, int]:
    """End the rows; what the server stored and how often it warned."""
    wire.write_packet(b"")
    answer = OKPacketWrapper(wire._read_packet())
    wire.server_status = answer.server_status
    return answer.affected_rows, answer.warning_count


def _agree(connection: Connection[Any], table: str, sent: int, stored: int, warnings: int) -> None:
    if stored == sent and not warnings:
        return
    with connection.cursor() as cursor:
        cursor.execute("SHOW WARNINGS LIMIT 3")
        said = "; ".join(f"{text} ({code})" for _, code, text in cursor.fetchall())
    raise DataError(
        f"Of {sent} rows {table} took {stored}, with {warnings} warnings{': ' if said else ''}{said}.",
        table=table,
    )


def _alike(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The batches that hold rows; binary in place of text would be stored as its hexadecimal digits."""
    for batch in batches:
        if batch.schema.types != schema.types:
            raise EngineError(f"A batch of {batch.schema.types} came where {schema.types} was announced.")
        if batch.num_rows:
            yield batch


def _text(values: Values, name: str) -> Values:
    """Each value as MySQL reads it, NULL as it is; DataError for what MySQL has no value for."""
    kind = values.type
    if pa.types.is_string(kind):
        return values
    if pa.types.is_binary(kind):
        return _hexadecimal(values, name)
    if pa.types.is_boolean(kind):
        return _compute.if_else(values, "1", "0")
    if pa.types.is_floating(kind):
        return _floating(values, name)
    if pa.types.is_time(kind) or pa.types.is_duration(kind):
        return _clock(values, name)
    if pa.types.is_date(kind):
        _within(values, values.view(pa.int32()), YEAR_1, YEAR_10000 - 1, name)
    if pa.types.is_timestamp(kind):
        values = _microseconds(values, name)
        _within(values, values.view(pa.int64()), YEAR_1 * DAY, YEAR_10000 * DAY - 1, name)
    return values.cast(pa.string())


def _hexadecimal(values: Values, name: str) -> Values:
    data, edges = _bytes(values)
    if len(data) >= 1 << 30:
        raise DataError(f"A batch holds a gigabyte in column {name}; MySQL takes no such row.", column=name)
    edges = 2 * (edges - edges[0])
    buffers = [None, pa.py_buffer(edges), pa.py_buffer(binascii.hexlify(data))]
    digits = pa.Array.from_buffers(pa.string(), len(values), buffers)
    return _compute.if_else(values.is_valid(), digits, None) if values.null_count else digits


def _floating(values: Values, name: str) -> Values:
    """The shortest digits of the float64: those of a float32 would be another number in a DOUBLE."""
    wide = values.cast(pa.float64())
    minus_zero = _compute.equal(wide.view(pa.int64()), -(1 << 63))
    _refuse(values, _compute.or_(_compute.invert(_compute.is_finite(wide)), minus_zero), name)
    return wide.cast(pa.string())


def _clock(values: Values, name: str) -> Values:
    """[-]HH:MM:SS.ffffff, with as many hours as it takes."""
    count = values.view(pa.int64())
    _within(values, count, -LONGEST_TIME, LONGEST_TIME, name)
    size = _compute.abs(count)
    hours = _compute.divide(size, 3_600_000_000)
    rest = _compute.subtract(size, _compute.multiply(hours, 3_600_000_000)).view(pa.time64("us")).cast(pa.string())
    sign = _compute.if_else(_compute.less(count, 0), "-", "")
    padded = _compute.utf8_lpad(hours.cast(pa.string()), 2, "0")
    return _compute.binary_join_element_wise(sign, padded, _compute.utf8_slice_codeunits(rest, 2), "")


def _microseconds(values: Values, name: str) -> Values:
    """A timestamp's microseconds without the zone, which is UTC if there is one."""
    if values.type.unit == "ns":
        count = values.view(pa.int64())
        floor = values.cast(pa.timestamp("us", values.type.tz), safe=False)
        back = _compute.multiply(floor.view(pa.int64()), 1000)
        _refuse(values, _compute.not_equal(back, count), name)
        values = floor
    return values.view(pa.timestamp("us"))


def _within(values: Values, numbers: Values, low: int, high: int, name: str) -> None:
    _refuse(values, _compute.or_(_compute.less(numbers, low), _compute.greater(numbers, high)), name)


def _refuse(values: Values, bad: Values, name: str) -> None:
    if _compute.any(bad).as_py():
        value = values[_compute.index(bad, True).as_py()].cast(pa.string())
        raise DataError(f"{value} in column {name} has no value in MySQL.", column=name)


def _escaped(text: Values) -> Values:
    data = np.frombuffer(_bytes(text)[0], np.uint8)
    for plain, escaped in ESCAPES.items():
        if (data == ord(plain)).any():  # 20 times as fast as replacing nothing
            text = _compute.replace_substring(text, plain, escaped)
    return text


def _bytes(values: Values) -> tuple[memoryview, npt.NDArray[np.int32]]:
    """The bytes of strings or binaries together, and where in their buffer each begins."""
    _, offsets, data = values.buffers()
    edges = np.frombuffer(memoryview(offsets), np.int32)[values.offset : values.offset + len(values) + 1]
    return memoryview(data or b"")[edges[0] : edges[-1]], edges


def _literals(values: Values, name: str) -> Values:
    """Each value as SQL. Text goes in hexadecimal, which needs no escapes in any sql_mode."""
    kind = values.type
    text = _text(values, name)
    if pa.types.is_string(kind):
        text = _compute.binary_join_element_wise("_utf8mb4 x'", _hexadecimal(values, name), "'", "")
    elif pa.types.is_binary(kind):
        text = _compute.binary_join_element_wise("x'", text, "'", "")
    elif not (pa.types.is_integer(kind) or pa.types.is_boolean(kind)):
        # Quoted, so that it becomes a DECIMAL or DOUBLE as in a load, not one by way of the other.
        text = _compute.binary_join_element_wise("'", text, "'", "")
    return _compute.fill_null(text, "NULL")


def _filled(template: str, cells: Values) -> Values:
    """The template for each row, its {} replaced."""
    first, *parts = template.split("{}")
    for part in parts:
        cells_and_part = _compute.binary_join_element_wise(cells, part, "")
        first = _compute.binary_join_element_wise(first, cells_and_part, "")
    return first


def _chunks(rows: Values, table: str, allowed: int) -> Iterator[tuple[bytes, int]]:
    """What follows VALUES in each statement, and its number of rows."""
    data, edges = _bytes(rows)
    room = min(STATEMENT, allowed)
    low = 0
    while low < len(rows):
        high = max(low + 1, int(np.searchsorted(edges, edges[low] + room, side="right")) - 1)
        values = bytes(data[edges[low] : edges[high] - 1])
        if len(values) > allowed:
            raise DataError(f"A row of {len(values)} bytes is more than max_allowed_packet allows.", table=table)
        yield values, high - low
        low = high
