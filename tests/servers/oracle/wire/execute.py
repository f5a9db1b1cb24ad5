"""Statements: EXECUTE, its two short forms, and FETCH.

EXECUTE (94), where P stands for an octet that says whether something follows and N for a number that is 0 or not used:
options, cursor (0: a new one), P, length of the text, P, 13, P, P, N, rows to send at once, N, P, count of binds,
P, P, P, P, P, P, count of defines, N, P, P, P, N, P, N, N, P, N, P, P, N, P, N, P, P, N; the text if its P says so; 13
numbers, of which the second is how often to run, the eighth whether it is a query and the tenth holds flags;
descriptions of the defines, or of the binds and then rows of their values.

REEXECUTE (4) and REEXECUTE_AND_FETCH (78): cursor, how often (or how many rows), two sets of options, rows of binds.
FETCH (5): cursor, how many rows.

The reply of a query is DESCRIBE_INFO if it was parsed, then rows. LOBs wait until the client has defined what it wants
them as, so of a query with LOBs the first reply has no rows. The reply of PL/SQL is IO_VECTOR (11: the direction of
each bind; 32 in, 48 in and out), then 7 and the binds, each followed by the number 0; that of RETURNING the same
without the vector, and before each value the number of rows. Counts of a batch come in a PARAMETER. All end in ERROR.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from ..spoken import BLOB, CLOB, Kind, Refused, Result, Row, Session
from . import binds, describe, fetch
from .describe import Wanted
from .fetch import Cursor
from .lobs import Lobs
from .octets import Octets, number, value
from .outcome import BATCH_ERRORS, PARAMETER, Failed, error, no_more_rows
from .packets import Line
from .rows import CHUNK_OF_LOB

PARSE, DEFINE, RUN, FETCH, COMMIT, DESCRIBE, BATCH = 0x1, 0x10, 0x20, 0x40, 0x100, 0x20000, 0x80000
COMMIT_SHORT = 0x1  # in the second options of a short form
COUNTS = 0x4000
IO_VECTOR, ROW = 11, 7
IN, IN_OUT = 32, 48
# What leaves a transaction open, and what ends one.
CHANGES = re.compile(r"\s*(INSERT|UPDATE|DELETE|MERGE)\b", re.IGNORECASE)
DEFINES = re.compile(r"\s*(CREATE|DROP|TRUNCATE|GRANT|REVOKE|ALTER\s+(?!SESSION))\b", re.IGNORECASE)


@dataclass(frozen=True)
class Asked:
    """A request to run a statement."""

    options: int
    cursor: int
    sql: str
    most: int  # rows to send
    counts: bool
    binds: tuple[Wanted, ...]
    defines: tuple[Wanted, ...]
    rows: Sequence[Row]


@dataclass
class Work:
    """What the statements of a connection share."""

    session: Session
    line: Line
    lobs: Lobs = field(default_factory=Lobs)
    cursors: dict[int, Cursor] = field(default_factory=dict)
    in_transaction: bool = False

    def cursor(self, asked: int) -> Cursor:
        if asked not in self.cursors:
            raise Refused(1001, "invalid cursor")
        return self.cursors[asked]

    def new(self, sql: str) -> Cursor:
        unused = next(place for place in range(1, len(self.cursors) + 2) if place not in self.cursors)
        self.cursors[unused] = Cursor(unused, sql)
        return self.cursors[unused]

    def commit(self) -> None:
        self.session.commit()
        self.in_transaction = False

    def rollback(self) -> None:
        self.session.rollback()
        self.in_transaction = False


def _given(cursor: Cursor) -> tuple[Wanted, ...]:
    """The binds that a row has values for."""
    return cursor.binds[: len(cursor.binds) - binds.returned(cursor.sql)]


def _rows(asked: Octets, cursor: Cursor, times: int, lobs: Lobs) -> Sequence[Row]:
    """Values of all binds, None for those that are only filled."""
    given = _given(cursor)
    filled: list[bytes | None] = [None] * (len(cursor.binds) - len(given))
    if not given:
        return [filled] * times
    rows = binds.rows(asked, given, times, lobs, in_order=binds.is_plsql(cursor.sql))
    return [row + filled for row in rows] if filled else rows


def _read(asked: Octets, work: Work) -> tuple[Asked, Cursor]:
    options, number_of_cursor = asked.numbers(2)
    has_text = asked.byte()
    asked.number()
    asked.skip(1)
    asked.number()
    asked.skip(2)
    _, most, _ = asked.numbers(3)
    asked.skip(1)
    bind_count = asked.number()
    asked.skip(6)
    define_count, _ = asked.numbers(2)
    for pointers, numbers in ((3, 1), (1, 2), (1, 1), (2, 1), (1, 1), (2, 1)):  # P, P, P, N, P, N, N, ...
        asked.skip(pointers)
        asked.numbers(numbers)
    sql = (asked.value() or b"").decode() if has_text else ""
    vector = asked.numbers(13)
    defines = tuple(describe.wanted(asked) for _ in range(define_count))
    wanted = tuple(describe.wanted(asked) for _ in range(bind_count))
    binds.check(wanted)
    cursor = work.cursor(number_of_cursor) if number_of_cursor else work.new(sql)
    cursor.sql, cursor.binds = sql or cursor.sql, wanted
    is_query = bool(vector[7])
    times = 1 if is_query else max(vector[1], 1)
    rows = _rows(asked, cursor, times, work.lobs) if options & RUN else ()
    counts = bool(vector[9] & COUNTS)
    return Asked(options, number_of_cursor, sql, most, counts, wanted, defines, rows), cursor


def execute(asked: Octets, work: Work) -> Iterable[bytes]:
    known = set(work.cursors)
    try:
        request, cursor = _read(asked, work)
        return _execute(request, cursor, work)
    except Refused:
        for fresh in set(work.cursors) - known:
            del work.cursors[fresh]
        raise


def _execute(asked: Asked, cursor: Cursor, work: Work) -> Iterable[bytes]:
    if asked.options & DESCRIBE:
        cursor.columns = work.session.describe(cursor.sql)
        return [describe.columns(cursor.columns), _end(work, cursor)]
    if asked.options & DEFINE:
        cursor.defines = asked.defines
    if not asked.options & RUN:
        return _fetch(cursor, asked.most if asked.options & (FETCH | DEFINE) else 0, work)
    return _run(asked, cursor, work)


def _end(work: Work, cursor: Cursor, count: int = 0) -> bytes:
    return error(in_transaction=work.in_transaction, cursor=cursor.number, count=count)


def _fetch(cursor: Cursor, most: int, work: Work) -> Iterator[bytes]:
    yield from fetch.rows(cursor, most, work.lobs, work.line)
    refused = no_more_rows() if cursor.ended else None
    yield error(refused, in_transaction=work.in_transaction, cursor=cursor.number, count=cursor.fetched)


def _query(result: Result, asked: Asked, cursor: Cursor, work: Work) -> Iterator[bytes]:
    if asked.options & PARSE or result.columns != cursor.columns:
        cursor.columns, cursor.defines = result.columns, ()
        yield describe.columns(result.columns)
    cursor.open(iter(result.rows))
    if asked.options & FETCH and not cursor.needs_define():
        yield from _fetch(cursor, asked.most, work)
    else:
        yield _end(work, cursor)


def _run(asked: Asked, cursor: Cursor, work: Work) -> Iterable[bytes]:
    if seconds := work.line.conduct.stalls(cursor.sql):
        work.line.pause(seconds)
    kinds = [bind.kind for bind in cursor.binds]
    plsql, returned = binds.is_plsql(cursor.sql), binds.returned(cursor.sql)
    by_row = asked.options & BATCH or asked.counts or plsql or returned
    batches = [[row] for row in asked.rows] if by_row else [asked.rows]
    results, failed = _carry_out(work.session, cursor.sql, kinds, batches, tolerant=bool(asked.options & BATCH))
    if results and results[0].columns:
        return _query(results[0], asked, cursor, work)
    if plsql or CHANGES.match(cursor.sql):
        work.in_transaction = True
    elif DEFINES.match(cursor.sql):
        work.in_transaction = False
    if asked.options & COMMIT:
        work.commit()
    parts = []
    if plsql and kinds:
        parts = [_directions(kinds, results[0]), *(_filled(kinds, result.outs, work.lobs) for result in results)]
    elif returned:
        parts = [_returned(kinds[-returned:], result, work.lobs) for result in results]
    counts = [result.count for result in results]
    if asked.counts:
        parts.append(bytes((PARAMETER,)) + number(0) * 4 + number(len(counts)) + b"".join(map(number, counts)))
    refused = Refused(BATCH_ERRORS, "error(s) in array DML") if failed else None
    end = error(
        refused, in_transaction=work.in_transaction, cursor=cursor.number, count=sum(counts), failed=failed
    )  # fmt: skip
    return [*parts, end]


def _carry_out(
    session: Session, sql: str, kinds: Sequence[Kind], batches: Sequence[Sequence[Row]], *, tolerant: bool
) -> tuple[list[Result], list[Failed]]:
    """Run each batch; `tolerant` of rows that are refused, not of a statement that is (ORA-009xx)."""
    results: list[Result] = []
    failed: list[Failed] = []
    for place, rows in enumerate(batches):
        try:
            results.append(session.execute(sql, kinds, rows))
        except Refused as refused:
            if not tolerant or 900 <= refused.number < 1000:
                refused.done = refused.done or sum(result.count for result in results)
                raise
            failed.append(Failed(place, refused))
            results.append(Result())
    return results, failed


def _directions(kinds: Sequence[Kind], result: Result) -> bytes:
    """IO_VECTOR: flag, number of binds (low octet, rest), two numbers, two more without octets, directions."""
    direction = IN_OUT if result.outs else IN
    count = len(kinds)
    parts = (bytes((IO_VECTOR, 0)), number(count % 256), number(count // 256), number(0) * 4)
    return b"".join(parts) + bytes((direction,)) * count


def _out(kind: Kind, octets: bytes | None, lobs: Lobs) -> bytes:
    if kind.code not in (CLOB, BLOB) or octets is None:
        return value(octets) + number(0)
    lob = lobs.keep(octets, binary=kind.code == BLOB, national=kind.national)
    sizes = number(len(lob.locator)) + number(lob.length) + number(CHUNK_OF_LOB)
    return sizes + value(lob.locator) + number(0)


def _filled(kinds: Sequence[Kind], outs: Row, lobs: Lobs) -> bytes:
    if not outs:
        return b""
    return bytes((ROW,)) + b"".join(_out(kind, octets, lobs) for kind, octets in zip(kinds, outs, strict=True))


def _returned(kinds: Sequence[Kind], result: Result, lobs: Lobs) -> bytes:
    """The one row that a Result can hold, or none."""
    outs = result.outs if result.count else (None,) * len(kinds)
    parts = [bytes((ROW,))]
    for kind, octets in zip(kinds, outs, strict=True):
        parts.append(number(1) + _out(kind, octets, lobs) if result.count else number(0))
    return b"".join(parts)


def execute_again(asked: Octets, work: Work, *, fetches: bool) -> Iterable[bytes]:
    number_of_cursor, times, _, short_options = asked.numbers(4)
    cursor = work.cursor(number_of_cursor)
    options = RUN | (FETCH if fetches else 0) | (COMMIT if short_options & COMMIT_SHORT else 0)
    # A query that is run and not fetched from says here how many rows it would fetch: it is run once.
    rows = _rows(asked, cursor, 1 if fetches or cursor.columns else times, work.lobs)
    request = Asked(options, number_of_cursor, "", times, False, cursor.binds, (), rows)
    return _run(request, cursor, work)


def fetch_more(asked: Octets, work: Work) -> Iterable[bytes]:
    number_of_cursor, most = asked.numbers(2)
    return _fetch(work.cursor(number_of_cursor), most, work)
