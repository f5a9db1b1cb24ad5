"""The conversation with one client after its login: each request, and its reply.

A reply to a batch: for each statement its result and a DONE; an error is ERROR and a DONE with its bit, and ends the
batch. A reply to a call: its results end with DONEINPROC, then come RETURNSTATUS, a RETURNVALUE for the handle of a
prepared statement, DONEPROC. Before a DONE an ENVCHANGE tells of a transaction that a statement began or ended, and of
a database it changed to. An attention, which may come at any time, is answered by a DONE with its bit, in place of what
is left of the reply.

A transaction has a descriptor, eight octets that ENVCHANGE tells when it begins and when it ends.
"""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from ..spoken import Column, Kind, Lost, Parameter, Refused, Result, Row, Session
from . import tokens
from .bulk import Announced, Load, announced
from .calls import COMMIT, Call, batch, bound, calls, declared, named, said
from .conduct import Conduct
from .datatypes import datatype_info
from .described import answered, first_result_set, undeclared_parameters
from .octets import U32, U64
from .packets import ATTENTION, BATCH, BULK, RESET, RESET_KEEPING, RPC, TRANSACTION, Cancelled, Line, Packet
from .types import framing

_ROWS_AT_ONCE, _LONG_ROWS_AT_ONCE = 512, 8
_SEND_AT = 1 << 16
_HANDLE = Kind("int", 4)


class Ending(NamedTuple):
    """What the DONE of a statement says."""

    command: int = 0
    touched: int | None = None  # rows


class Talk:
    """One connection's session, prepared statements and transaction."""

    def __init__(self, line: Line, session: Session, conduct: Conduct) -> None:
        self._line, self._conduct = line, conduct
        self._loading = False
        self.adopt(session)
        self._reply, self._replying = bytearray(), False
        self._prepared: dict[int, tuple[str, list[str]]] = {}
        self._handles, self._transactions = itertools.count(1), itertools.count(1)
        self._announced: Announced | None = None
        self._database = session.database
        self._transaction = b""  # its descriptor while one is open

    def adopt(self, session: Session) -> None:
        self.session = session
        session.wait = self._wait

    def _wait(self, seconds: float) -> None:
        if self._loading:
            time.sleep(seconds)  # what comes now is rows
        else:
            self._line.pause(seconds)

    def answer(self, first: Packet) -> None:
        if first.kind == ATTENTION:  # it came when its request had just been answered
            self._cancelled()
            return
        if first.status & (RESET | RESET_KEEPING):
            self._prepared.clear()
            self._put(tokens.changed(tokens.RESET, b"", b""))
        try:
            self._request(first)
        except Cancelled:
            self._cancelled()

    def _request(self, first: Packet) -> None:
        # A bulk load is read as the store asks for its rows, anything else at once.
        data = b"" if first.kind == BULK else self._line.rest(first)
        if not self._conduct.admits():
            raise Lost
        fatal = False
        try:
            self._carry_out(first, data)
        except Refused as refused:
            self._put(tokens.error(refused) + self._changes() + self._done(tokens.DONE, tokens.ERROR))
            fatal = refused.severity >= 20
        dropped = self._conduct.drops()  # asked before the client can know that it has its reply
        self._flush()
        if fatal or dropped:
            raise Lost

    def _carry_out(self, first: Packet, data: bytes) -> None:
        if first.kind == BULK:
            self._bulk(Load(self._line, first))
        elif first.kind == BATCH:
            self._batch(batch(data))
        elif first.kind == RPC:
            self._calls(list(calls(data)))
        elif first.kind == TRANSACTION:
            self._bound(data)
        else:
            raise ValueError(f"a packet of kind {first.kind} where a request should be")

    # Batches and results.

    def _batch(self, sql: str) -> None:
        if seconds := self._conduct.stalls(sql):
            self._wait(seconds)
        if load := announced(sql):
            self._announced = load
            self._put(self._done(tokens.DONE))
            return
        results = answered(self.session, sql) or self.session.execute(sql)
        self._put(self._done(tokens.DONE, 0, self._results(results, tokens.DONE)))

    def _results(self, results: Iterable[Result], token: int) -> Ending:
        """Send results; how the last of them ends, which is not sent: only now is it known to be the last."""
        ending: Ending | None = None
        try:
            for result in results:
                if ending is not None:
                    self._put(self._done(token, tokens.MORE, ending))
                ending = None
                ending = self._result(result)
        except Refused:
            if ending is not None:
                self._put(self._done(token, tokens.MORE, ending))
            raise
        self._put(self._changes())
        return ending or Ending()

    def _result(self, result: Result) -> Ending:
        if not result.columns:
            self._put(self._changes())
            return Ending() if result.count is None else Ending(tokens.INSERT, result.count)
        self._put(tokens.column_metadata(result.columns))
        encode, count = tokens.row_encoder(result.columns), 0
        for some in self._several(result):
            self._put(encode(some))
            count += len(some)
        self._put(self._changes())
        return Ending(tokens.SELECT, count)

    def _several(self, result: Result) -> Iterator[Sequence[Row]]:
        """The rows, some at a time. What came before an error is sent before it."""
        if self._conduct.slow_rows:
            yield from self._slowly(result.rows)
            return
        at_once, some = _at_once(result.columns), []
        try:
            for row in result.rows:
                some.append(row)
                if len(some) == at_once:
                    yield some
                    some = []
        except (Refused, Lost):
            if some:
                yield some
            raise
        if some:
            yield some

    def _slowly(self, rows: Iterable[Row]) -> Iterator[Sequence[Row]]:
        for row in rows:
            self._flush(last=False)
            self._line.pause(self._conduct.slow_rows)
            yield (row,)

    # Calls.

    def _calls(self, several: Sequence[Call]) -> None:
        for place, call in enumerate(several, 1):
            more = tokens.MORE if place < len(several) else 0
            try:
                self._put(self._call(call) + self._done(tokens.DONEPROC, more))
            except Refused as refused:
                ended = self._done(tokens.DONEPROC, more | tokens.ERROR)
                self._put(tokens.error(refused) + self._changes() + ended)

    def _call(self, call: Call) -> bytes:
        """Carry a call out; what is to be sent after its results."""
        given = call.parameters
        match re.sub(r"^\[?sys\]?\.", "", call.procedure.lower()):
            case "sp_executesql":
                self._run(said(given[0]), given[2:], declared(said(given[1])) if len(given) > 1 else [])
            case "sp_prepare":
                return self._prepare(said(given[1]), said(given[2]), describe=True)
            case "sp_prepexec":
                handle = self._prepare(said(given[1]), said(given[2]), describe=False)
                self._run(said(given[2]), given[3:], declared(said(given[1])))
                return handle
            case "sp_prepexecrpc":
                return self._prepare_call(Call(said(given[1]), given[2:]))
            case "sp_execute":
                self._run(*self._known(given[0], given[1:]))
            case "sp_unprepare":
                self._prepared.pop(_number(given[0]), None)
            case "sp_describe_first_result_set":
                self._in_call([first_result_set(self.session.describe(said(given[0])))])
            case "sp_describe_undeclared_parameters":
                self._in_call([undeclared_parameters(self.session, said(given[0]))])
            case "sp_datatype_info_100":
                self._in_call([datatype_info(_number(given[0]))])
            case _:  # any other procedure is for the store
                sql, names = _as_statement(call)
                self._run(sql, given, names)
        return tokens.return_status(0)

    def _run(self, sql: str, given: Sequence[Parameter], names: list[str]) -> None:
        self._in_call(self.session.execute(sql, named(tuple(given), names)))

    def _in_call(self, results: Iterable[Result]) -> None:
        self._put(self._done(tokens.DONEINPROC, tokens.MORE, self._results(results, tokens.DONEINPROC)))

    def _prepare_call(self, call: Call) -> bytes:
        """Carry a call out, and keep it as a statement; what tells its handle."""
        sql, names = _as_statement(call)
        self._call(call)
        return self._keep(sql, names)

    def _prepare(self, declaration: str, sql: str, *, describe: bool) -> bytes:
        """Keep a statement; what tells its handle."""
        if describe and (columns := self.session.describe(sql)):
            self._put(tokens.column_metadata(columns) + self._done(tokens.DONEINPROC, tokens.MORE))
        return self._keep(sql, declared(declaration))

    def _keep(self, sql: str, names: list[str]) -> bytes:
        handle = next(self._handles)
        self._prepared[handle] = sql, names
        return tokens.return_status(0) + tokens.return_value("", _HANDLE, U32.pack(handle))

    def _known(self, handle: Parameter, given: Sequence[Parameter]) -> tuple[str, Sequence[Parameter], list[str]]:
        if _number(handle) not in self._prepared:
            raise Refused(8179, f"Could not find prepared statement with handle {_number(handle)}.")
        sql, names = self._prepared[_number(handle)]
        return sql, given, names

    # Bulk loads and transactions.

    def _bulk(self, load: Load) -> None:
        said_before, self._announced = self._announced, None
        if said_before is None:
            raise ValueError("a bulk load without INSERT BULK before it")
        self._loading = True
        try:
            count = self.session.bulk(said_before.table, load.columns, said_before.options, load.rows())
        except Refused:
            load.drain()
            raise
        finally:
            self._loading = False
        load.drain()
        self._put(self._changes() + self._done(tokens.DONE, 0, Ending(tokens.INSERT, count)))

    def _bound(self, data: bytes) -> None:
        asked = bound(data)
        if asked.ends:
            commits = asked.ends == COMMIT
            self.session.commit() if commits else self.session.rollback()
            self._put(self._changes(tokens.COMMITTED if commits else tokens.ROLLED_BACK))
        if asked.begins:
            self.session.begin(asked.isolation)
        self._put(self._changes() + self._done(tokens.DONE))

    # The reply.

    def _changes(self, ended: int = tokens.COMMITTED) -> bytes:
        """What the session has changed since this was last told."""
        told = b""
        if self.session.database != self._database:
            told += tokens.changed(tokens.DATABASE, self.session.database, self._database)
            self._database = self.session.database
        if self.session.transaction and not self._transaction:
            self._transaction = U64.pack(next(self._transactions))
            told += tokens.changed(tokens.BEGUN, self._transaction, b"")
        elif self._transaction and not self.session.transaction:
            told += tokens.changed(ended, b"", self._transaction)
            self._transaction = b""
        return told

    def _done(self, token: int, status: int = 0, ending: Ending = Ending()) -> bytes:  # noqa: B008 - is immutable
        inside = tokens.IN_TRANSACTION if self._transaction else 0
        return tokens.done(token, status | inside, ending.command, ending.touched)

    def _cancelled(self) -> None:
        self._put(self._done(tokens.DONE, tokens.ATTENTION))
        self._flush()

    def _put(self, octets: bytes) -> None:
        """Add whole tokens to the reply; a long one goes out in between, where the client may have had enough of it."""
        self._reply += octets
        if len(self._reply) >= _SEND_AT:
            self._line.pause(0)
            self._flush(last=False)

    def _flush(self, *, last: bool = True) -> None:
        if not self._replying:
            self._replying = True
            self._line.pause(self._conduct.delay)
        self._reply = bytearray(self._line.send(bytes(self._reply), last=last))
        self._replying = not last


def _as_statement(call: Call) -> tuple[str, list[str]]:
    """A call of a procedure as EXEC, and the names of its parameters in it."""
    names = [parameter.name or f"@P{place}" for place, parameter in enumerate(call.parameters, 1)]
    given = [f"{p.name} = {p.name}" if p.name else name for p, name in zip(call.parameters, names, strict=True)]
    return f"EXEC {call.procedure} {', '.join(given)}".rstrip(), names


def _at_once(columns: Sequence[Column]) -> int:
    """How many rows are encoded at once: few where each may be of megabytes."""
    long = any(framing(column.kind) in {"plp", "pointed"} for column in columns)
    return _LONG_ROWS_AT_ONCE if long else _ROWS_AT_ONCE


def _number(given: Parameter) -> int:
    return int.from_bytes(given.value or b"", "little", signed=True)
