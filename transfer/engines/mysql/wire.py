"""Reading MySQL and MariaDB: row packets of the text protocol become Arrow arrays, a column at a time.

PyMySQL sends the query and reads the head of the result; from there the packets are taken from its
socket as they are. No Python object is made for a value: numpy finds where the values of a column lie in
the packets, Arrow copies them together and parses them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from struct import Struct
from typing import Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute
from numpy.lib.stride_tricks import sliding_window_view
from pymysql import Connection, err
from pymysql.connections import MySQLResult
from pymysql.constants import COMMAND, CR
from pymysql.protocol import MysqlPacket

from ...errors import DataError, EngineError
from ...unfit import Unread, sifted
from ..exact import first_refused, key_of

Bytes: TypeAlias = npt.NDArray[np.uint8]
Positions: TypeAlias = npt.NDArray[np.int32]  # servers send no row above 1 GiB (max_allowed_packet)
Flags: TypeAlias = npt.NDArray[np.bool_]
Values: TypeAlias = "pa.Array[Any]"
Spans: TypeAlias = tuple[bytearray, Positions, Positions]

HEAD = 4  # bytes before a packet's payload: three of length, one of number
FULL = 0xFFFFFF  # a packet of this length goes on in the next one
LONGEST_END = 4096  # bytes; servers cut the messages of errors at 512
NULL, LAST, ERROR = 0xFB, 0xFE, 0xFF  # first bytes of a field, and of the packets after the rows
WIDE = {0xFC: 2, 0xFD: 3, 0xFE: 8}  # first byte of a field: bytes of length that follow it
STRETCH, WINDOW = 4096, 512  # bytes from one guess to the next, and looked at for each

_word = Struct("<I").unpack_from
_compute: Any = pyarrow.compute  # pyarrow-stubs 20 know no function of arrays and plain values together


def read(
    connection: Connection[Any], sql: str, schema: pa.Schema, batch_bytes: int = 4 << 20, key: Sequence[str] = (),
    unread: Unread | None = None,
) -> Iterator[pa.RecordBatch]:  # fmt: skip
    """Run `sql` and stream its rows; each column must come as text that parses as its Arrow type.

    Booleans come as 0 and 1, durations as a whole number of microseconds, times as HH:MM:SS[.ffffff],
    instants in UTC without a zone, binary as it is. `batch_bytes` bounds the packets behind a batch and
    its fixed-width values; only a row that is larger by itself goes beyond.

    Raises DataError naming the column, the value and its row's `key` columns for a value that does not parse, unless
    `unread` is to hear of its row, and for warnings of the server,
    EngineError for a result of another shape, and PyMySQL's errors as PyMySQL would. After the last batch
    or an error the connection is free for the next statement. Closing the iterator early reads the rest of
    the result away, as PyMySQL does; to be quick, send KILL QUERY from another connection, or close this
    one first. KeyboardInterrupt closes the connection.
    """
    rows = _Rows(connection, batch_bytes)
    rows.open(sql, len(schema))
    most = max(1, batch_bytes // sum(_width(field.type) for field in schema))
    try:
        for packets, starts, stops in rows:
            for low in range(0, len(starts), most):
                yield from _batches(packets, starts[low : low + most], stops[low : low + most], schema, key, unread)
        if rows.warning_count:
            _refuse_warnings(connection)
    except (Exception, GeneratorExit):
        rows.drain()
        raise
    except BaseException:
        rows.abandon()
        raise


class _Rows(MySQLResult):
    """A text result set being read.

    PyMySQL takes it for an unbuffered result of its own: a statement sent meanwhile reads the rest away
    and does not start between two halves of a packet.
    """

    def __init__(self, connection: Connection[Any], room: int) -> None:
        super().__init__(connection)
        self.wire: Any = connection  # stays when `connection` is dropped at the end of the result
        self.room = min(max(room, 64), FULL)  # so that no full packet fits: they are for _joined
        self.bytes = bytearray()
        self.head = self.tail = 0  # bytes[head:tail] came and were not handed out
        self.ahead = -1  # bytes in PyMySQL's buffered reader; not known yet
        self.drained = False

    def open(self, sql: str, columns: int) -> None:
        if self.wire.charset != "utf8mb4":
            raise EngineError(f"Text is read as UTF-8, and this connection speaks {self.wire.charset}.")
        self.wire._execute_command(COMMAND.COM_QUERY, sql)
        self.wire._result = None
        self.init_unbuffered_query()
        self.wire._result = self
        if self.field_count != columns:
            self.drain()
            raise EngineError(f"A query for {columns} columns gave {self.field_count}.")

    def __iter__(self) -> Iterator[Spans]:
        """Packets, and where in them the payloads of rows begin and end; good until the next step."""
        while self.unbuffered_active:
            packets, starts, stops = self._next()
            if packets[starts[-1]] >= LAST and stops[-1] - starts[-1] < FULL:
                self._end(bytes(packets[starts[-1] : stops[-1]]))
                starts, stops = starts[:-1], stops[:-1]
            if len(starts):
                yield packets, starts, stops
        if self.drained:
            raise EngineError("Another statement on this connection cut a result that was being read.")

    def drain(self) -> None:
        """Read the rest of the result away, if it has not ended."""
        if not self.unbuffered_active:
            return
        try:
            with contextlib.suppress(err.Error):  # KILL QUERY ends it too
                for _ in self:
                    pass
        finally:
            self.drained = True
            if self.unbuffered_active:
                self.abandon()

    _finish_unbuffered_query = drain

    def abandon(self) -> None:
        """Close the connection: its next bytes are of no known meaning."""
        self.unbuffered_active = False
        self.connection = None
        self.wire._force_close()

    def _end(self, payload: bytes) -> None:
        self.unbuffered_active = False
        self.connection = None
        packet = MysqlPacket(payload, self.wire.encoding)
        packet.check_error()
        result: Any = self
        if packet.is_eof_packet():
            result._check_packet_is_eof(packet)
        else:  # CLIENT_DEPRECATE_EOF: an OK packet but for its first byte
            result._read_ok_packet(MysqlPacket(b"\0" + payload[1:], self.wire.encoding))
        if self.has_next or self.head != self.tail:
            self.abandon()
            raise EngineError("A query gave more than one result.")

    def _next(self) -> Spans:
        """The next packets that are whole; waits for one."""
        while True:
            starts, after = _packets(self.bytes, self.head, self.tail)
            if len(starts):
                self._count(np.frombuffer(self.bytes, np.uint8)[starts + 3])
                self.head = after
                return self.bytes, starts + HEAD, np.append(starts[1:], np.int32(after))
            size = _word(self.bytes, self.head)[0] & FULL if self.tail - self.head >= HEAD else 0
            if size == FULL:
                return self._joined()
            self._fill(max(self.room, HEAD + size))

    def _joined(self) -> Spans:
        """A row of 16 MiB or more, without the heads between its packets."""
        row, size = bytearray(), FULL
        while size == FULL:
            head = self._take(HEAD)
            self._count(np.frombuffer(head, np.uint8)[3:])
            size = _word(head)[0] & FULL
            row += self._take(size)
        return row, np.array([0], np.int32), np.array([len(row)], np.int32)

    def _take(self, count: int) -> bytearray:
        taken = bytearray(count)
        at = min(count, self.tail - self.head)
        taken[:at] = self.bytes[self.head : self.head + at]
        self.head += at
        with memoryview(taken) as view:
            while at < count:
                at += self._receive(view[at:])
        return taken

    def _fill(self, room: int) -> None:
        """Receive until `room` bytes are held, or the result may be at its end: to ask for more would hang."""
        held = self.bytes[self.head : self.tail]
        if len(self.bytes) != room:
            self.bytes = bytearray(room)
        self.bytes[: len(held)] = held
        self.head, self.tail = 0, len(held)
        with memoryview(self.bytes) as view:
            while self.tail < room:
                self.tail += self._receive(view[self.tail :])
                if self._may_have_ended():
                    break

    def _may_have_ended(self) -> bool:
        """Whether the held bytes end with what looks like a whole packet of an end or an error."""
        for mark in (LAST, ERROR):
            at = self.bytes.find(mark, max(HEAD, self.tail - LONGEST_END), self.tail)
            while at >= 0:
                if _word(self.bytes, at - HEAD)[0] & FULL == self.tail - at:
                    return True
                at = self.bytes.find(mark, at + 1, self.tail)
        return False

    def _receive(self, into: memoryview) -> int:
        """What PyMySQL's reader read ahead, then what the socket has: readinto1 would wait for both."""
        ahead = self.wire._rfile
        if ahead is None:
            raise err.InterfaceError(0, "")
        reason = ""
        try:
            if self.ahead < 0:
                self.ahead = len(ahead.peek(1))
            count = int(ahead.readinto(into[: self.ahead]) if self.ahead else ahead.raw.readinto(into))
            self.ahead = max(0, self.ahead - count)
            if count:
                return count
        except OSError as error:
            reason = f" ({error})"
        except BaseException:
            self.abandon()
            raise
        self.abandon()
        raise err.OperationalError(CR.CR_SERVER_LOST, f"Lost connection to MySQL server during query{reason}")

    def _count(self, numbers: Bytes) -> None:
        """Check that packets follow on each other; PyMySQL's errors if they do not."""
        wanted = np.arange(self.wire._next_seq_id, self.wire._next_seq_id + len(numbers)).astype(np.uint8)
        wrong = np.flatnonzero(numbers != wanted)
        if len(wrong):
            got, due = int(numbers[wrong[0]]), int(wanted[wrong[0]])
            self.abandon()
            if got == 0:  # MariaDB's farewell when it shuts down
                raise err.OperationalError(CR.CR_SERVER_LOST, "Lost connection to MySQL server during query")
            raise err.InternalError(f"Packet sequence number wrong - got {got} expected {due}")
        self.wire._next_seq_id = (int(wanted[-1]) + 1) % 256


def _packets(data: bytearray, head: int, tail: int) -> tuple[Positions, int]:
    """Where the whole packets begin, and where the rest does."""
    guessed, at = _guessed(np.frombuffer(data, np.uint8)[head:tail])
    at += head
    found = []
    while at + HEAD <= tail:
        after = at + HEAD + (_word(data, at)[0] & FULL)
        if after > tail:
            break
        found.append(at)
        at = after
    return np.concatenate([guessed + head, found], dtype=np.int32, casting="unsafe"), at


def _guessed(data: Bytes) -> tuple[Positions, int]:
    """As many packets as are found without a loop over them, and where the next one begins.

    The loop takes 160 ns a packet and holds the GIL, this takes 30. In each stretch a head is guessed by
    its zero byte (packets under 64 KiB) and its successor's number, and a chain of lengths followed from
    each. A chain that meets the next guess proves it right if it began right, and the first one does.
    """
    if len(data) < 16 * STRETCH:
        return np.empty(0, np.int32), 0
    zeros = np.flatnonzero(sliding_window_view(data[2:-1], WINDOW)[::STRETCH] == 0)
    stretch, offset = np.divmod(zeros, WINDOW)  # np.nonzero of two dimensions is 12 times as slow
    near = stretch * STRETCH + offset
    beyond = np.minimum(near + HEAD + data[near] + data[near + 1] * np.int64(256), len(data) - HEAD)
    likely = (data[beyond + 2] == 0) & (data[beyond + 3] == data[near + 3] + np.uint8(1))
    near, stretch = near[likely], stretch[likely]
    begins = np.append(0, near[1:][stretch[1:] != stretch[:-1]])
    ends = np.append(begins[1:], begins[-1])
    words = np.ndarray((len(data) - 3,), np.dtype("<u4"), data, strides=(1,))
    met = begins == ends
    steps, at = [], begins
    for _ in range(STRETCH):
        steps.append(at)
        after = at + HEAD + (words[at] & FULL)
        met |= after == ends
        at = np.minimum(after, ends)
        if np.array_equal(at, ends):
            break
    sure = int(np.append(met[:-1], False).argmin())  # the first that did not, or the last begin
    chains = np.array(steps, np.int32).T[:sure]
    return chains[chains < ends[:sure, None]], int(begins[sure])


def _batches(
    packets: bytearray, starts: Positions, stops: Positions, schema: pa.Schema, key: Sequence[str] = (),
    unread: Unread | None = None,
) -> Iterator[pa.RecordBatch]:  # fmt: skip
    """Rows as one batch; in parts, without those that `unread` hears of, where there are such."""
    data = np.frombuffer(packets, np.uint8)
    fields, at = [], starts
    for _ in schema:
        fields.append(_field(data, at))
        at = fields[-1][1]
    if not np.array_equal(at, stops):  # before Arrow follows any position
        raise EngineError("A row of the result does not end where its packet does.")
    even = pa.array(np.arange(0, 2 * len(starts), 2, dtype=np.int32))
    values = [_values(packets, *each, even) for each in fields]
    if unread is None:
        yield _batch(values, schema, key)
        return

    whole = pa.RecordBatch.from_arrays(values, names=schema.names)
    yield from sifted(whole, lambda part: _batch(part.columns, schema, key), unread)


def _batch(values: list[Values], schema: pa.Schema, key: Sequence[str]) -> pa.RecordBatch:
    try:
        arrays = [_array(each, field) for each, field in zip(values, schema, strict=True)]
    except DataError as error:
        raise _located(error, values, schema, key) from error
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _located(error: DataError, columns: list[Values], schema: pa.Schema, key: Sequence[str]) -> DataError:
    """The error with the value that raised it, at most 60 bytes of it, and with its row's key."""
    field = schema.field(error.column)
    values = columns[schema.names.index(field.name)]
    row = first_refused(values, lambda part: _array(part.take(np.arange(len(part))), field))
    found = key_of(columns, schema.names, key, row)
    value = values[row].as_py()
    if value is None:
        return DataError(f"NULL came for column {field.name}, which has none.", column=field.name, key=found)
    return DataError(f"{value[:60]!r} in column {field.name} is no {field.type}.", column=field.name, key=found)


def _field(data: Bytes, at: Positions) -> tuple[Positions, Positions, Flags | None]:
    """Where the values of the fields at `at` begin and end, and which are NULL if any is."""
    first = data.take(at, mode="clip")  # a broken row may lead anywhere
    start = at + np.int32(1)
    if first.max() < NULL:
        return start, start + first, None
    length = first.astype(np.int32)
    null = first == NULL
    length[null] = 0
    for mark, width in WIDE.items():
        wide = np.flatnonzero(first == mark)
        if len(wide):
            digits = data.take(start[wide, None] + np.arange(width), mode="clip").astype(np.uint64)
            length[wide] = (digits << np.arange(0, 8 * width, 8, dtype=np.uint64)).sum(axis=1).clip(max=1 << 30)
            start[wide] += width
    return start, start + length, null


def _values(packets: bytearray, start: Positions, stop: Positions, null: Flags | None, even: Values) -> Values:
    """One column's values as binary.

    Values and the gaps between them lie in turn over the packets, so one take of every other element
    collects them: 9 ns a value, where a gather by numpy takes 1 to 2 ns for each byte.
    """
    edges = np.empty(2 * len(start), np.int32)
    edges[0::2], edges[1::2] = start, stop
    buffers = [None, pa.py_buffer(edges.data), pa.py_buffer(packets)]
    values = pa.Array.from_buffers(pa.binary(), len(edges) - 1, buffers).take(even)
    if null is None:
        return values
    valid = pa.py_buffer(np.packbits(~null, bitorder="little").data)
    return pa.Array.from_buffers(pa.binary(), len(start), [valid, *values.buffers()[1:]])


def _array(values: Values, field: pa.Field[Any]) -> Values:
    if values.null_count and not field.nullable:
        raise DataError(f"Column {field.name} has no NULL, and one came", column=field.name)
    try:
        return _parsed(values, field.type)
    except pa.ArrowInvalid as error:
        raise DataError(f"Column {field.name} holds a value that is no {field.type}", column=field.name) from error


def _parsed(values: Values, kind: pa.DataType) -> Values:
    """Values as `kind`; ArrowInvalid where Arrow's parsers fail, or would take more than a server prints."""
    if pa.types.is_binary(kind):
        return values
    text = pa.Array.from_buffers(pa.string(), len(values), values.buffers(), values.null_count)
    data = memoryview(values.buffers()[2] or b"")
    highest = chr(np.frombuffer(data, np.uint8).max(initial=0))
    if pa.types.is_string(kind):
        return text if highest < "\x80" else values.cast(kind)  # the cast checks UTF-8
    if highest > _highest(kind):  # 0x10, 1e3, true, NaN, 2024-01-01T00
        raise pa.ArrowInvalid("not as servers print it")
    if pa.types.is_duration(kind):
        return text.cast(pa.int64()).view(kind)
    if pa.types.is_time(kind):  # Arrow 26 parses no times
        moments = _compute.binary_join_element_wise("1970-01-01", text, " ").cast(pa.timestamp(kind.unit))
        return cast("Values", moments.cast(kind))
    if pa.types.is_timestamp(kind):
        return _dated(text.cast(pa.timestamp(kind.unit))).view(kind)
    parsed = text.cast(kind)
    if pa.types.is_date(kind):
        return _dated(parsed)
    if pa.types.is_floating(kind) and _compute.all(_compute.is_finite(parsed)).as_py() is False:
        raise pa.ArrowInvalid("out of range")
    return parsed


def _dated(values: Values) -> Values:
    """Dates as they are; ArrowInvalid for the year 0, which is a zero date and no year before Christ."""
    if (_compute.year(_compute.min(values)).as_py() or 1) < 1:
        raise pa.ArrowInvalid("year 0")
    return values


def _highest(kind: pa.DataType) -> str:
    """The last character in ASCII that the text of a value may have."""
    if pa.types.is_boolean(kind):
        return "1"
    if pa.types.is_timestamp(kind) or pa.types.is_time(kind):
        return ":"
    return "e" if pa.types.is_floating(kind) else "9"


def _width(kind: pa.DataType) -> int:
    return 4 if pa.types.is_string(kind) or pa.types.is_binary(kind) else max(1, kind.bit_width // 8)


_OF_NAMES = (1466, 1474)  # ER_REMOVED_SPACES, ER_NAME_BECOMES_EMPTY


def _refuse_warnings(connection: Connection[Any]) -> None:
    """A SELECT that warns gave something else than was stored, as NULL above max_allowed_packet.

    Not so where blanks in front of a name are left out: values are known by their places.
    """
    with connection.cursor() as cursor:
        cursor.execute("SHOW WARNINGS")
        found = [
            f"{code} {text}" for level, code, text in cursor.fetchall() if level != "Note" and code not in _OF_NAMES
        ]
    if found:
        raise DataError(f"The server warned while it was read: {'; '.join(found[:3])}")
