"""Claim, load, receipt, commit: the only place where the four meet.

A slice lands in one transaction of the loader's connection, or not at all. Whatever is killed, the
target holds either the rows with their receipt or neither, and a repeated slice finds the receipt.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

import pyarrow as pa

from .engine import Claim, Loader, Receipt, Rejected
from .errors import DataError, EngineError, RequestError
from .flow import Tally
from .ledger import LEFT_OUT, keeper, keeping
from .plan import Hop, Slice, Statement


@dataclass(frozen=True)
class Piece:
    """So many rows of a slice, and rejected ones, for one transaction; `before` is what the ledger says of those before
    them, and `there` what it says once they are.

    That is the slice's own receipt with the `last` one, before it an entry on how much has landed.
    """

    rows: int
    kept: Sequence[Rejected]
    before: Receipt | None
    there: Receipt
    last: bool


_MERGED = ("inserted", "updated", "unchanged")  # figures of a receipt
DELIMITED = "DELIMITER ;;\n"
# A statement goes on over comments, bodies in dollars and quotes; a quote without its fellow is a plain character.
_REGION = r"""--[^\n]*|/\*.*?\*/|\$(\w*)\$.*?\$\1\$|'[^']*'|"[^"]*"|`[^`]*`"""
_STATEMENT = re.compile(rf"(?:{_REGION}|;(?!\n)|[^;])+", re.DOTALL)
_BRACKETED = re.compile(rf"(?:{_REGION}|\[(?:[^\]]|\]\])*\]|;(?!\n)|[^;])+", re.DOTALL)  # where names stand in brackets


def land(
    run: str,
    part: Slice,
    attempt: str,
    instant: str,
    rows: Iterable[pa.RecordBatch] | Iterable[bytes],
    tally: Tally,
    loader: Loader,
    rejects: Sequence[Rejected] = (),
) -> Receipt | None:
    """Land one slice; None where it has a receipt already.

    `rows` yields what `tally` counts; the `rejects` of the slice are kept. Raises what the reader or the engine raised,
    after rolling back.
    """
    started = time.monotonic()
    hop = tally.hop
    rows = _staged(loader, hop, part, rows)
    if not _won(Claim(run, hop.name, part.number, attempt, instant), loader):
        return None
    try:
        loaded = _load(loader, hop, part, rows)
        _balance(hop, part, tally, loaded)
        receipt = tally.receipt(part.number, attempt, instant, loaded)
        if hop.merge:
            receipt = _merge(loader, hop, receipt)
        receipt = replace(receipt, seconds=round(time.monotonic() - started, 3), rejected=len(rejects))
        loader.ledger.settle(run, receipt)
        if rejects:
            keeper(loader.ledger).reject(run, rejects)
        loader.commit()
    except BaseException:
        _roll_back(loader)
        raise
    return receipt


def land_part(run: str, piece: Piece, rows: Iterable[pa.RecordBatch], hop: Hop, part: Slice, loader: Loader) -> bool:
    """Land a piece of a slice that is too large for one transaction, behind those that have landed.

    False where the slice has its receipt already. Raises what the engine raised, after rolling back, or Overtaken.
    """
    ledger, there = keeping(loader.ledger), piece.there
    left = _staged(loader, hop, part, rows) if piece.rows else ()
    loader.begin()
    try:
        # Before any row: where another try of this piece ends only now, this one waits for it here.
        if piece.last:
            won = ledger.claim(Claim(run, hop.name, part.number, there.attempt, there.instant))
            if won:
                ledger.settle(run, there)
                ledger.whole(run, there, piece.before)
        else:
            won = ledger.part(run, there, piece.before)
        if not won:
            loader.rollback()
            return False
        loaded = _load(loader, hop, part, left) if piece.rows else 0
        if loaded != piece.rows:  # the next piece would begin elsewhere
            raise EngineError(f"{piece.rows} rows were sent to {hop.into}, and the target took {loaded}.")
        if piece.kept:
            ledger.reject(run, piece.kept)
        loader.commit()
    except BaseException:
        _roll_back(loader)
        raise
    return True


def land_again(
    run: str, aims: Sequence[Hop], part: Slice, receipt: Receipt, rows: Sequence[pa.RecordBatch],
    kept: Sequence[Rejected], left: Sequence[Rejected], loader: Loader,
) -> Receipt:  # fmt: skip
    """Land rows of those `kept`, with the receipt as it is then and those that are `left`, in one transaction.

    EngineError where they are kept no more.
    """
    sent = sum(batch.num_rows for batch in rows)
    loader.begin()
    try:
        # Before any row: where another loads them, this one waits for it here.
        keeping(loader.ledger).unreject(run, receipt.hop, part.number, [one.number for one in kept])
        for hop in aims:
            loaded = load(loader, hop, part, rows)
            if loaded != sent:
                raise EngineError(f"{sent} rows were sent to {hop.into}, and the target took {loaded}.")
        if aims[0].merge:
            done = _merge(loader, aims[0], replace(receipt, loaded=sent))
            figures = {name: getattr(receipt, name) + getattr(done, name) for name in _MERGED}
            receipt = replace(receipt, **figures)
        loader.ledger.settle(run, receipt)
        keeping(loader.ledger).reject(run, left)
        loader.commit()
    except BaseException:
        _roll_back(loader)
        raise
    return receipt


def _staged(
    loader: Loader, hop: Hop, part: Slice, rows: Iterable[pa.RecordBatch] | Iterable[bytes]
) -> Iterable[pa.RecordBatch] | Iterable[bytes]:
    """What is still to be loaded once the unit is claimed: a loader that commits as it loads has put the rows aside."""
    stage = getattr(loader, "stage", None)
    if stage is None or hop.raw:
        return rows
    left: Iterable[pa.RecordBatch] = stage(hop.sent, part, _sent(hop, rows))  # type: ignore[arg-type]  # not raw
    return left


def _won(claim: Claim, loader: Loader) -> bool:
    """Begin and claim. A claim that fails because another landed the unit meanwhile is a lost one."""
    loader.begin()
    try:
        won = loader.ledger.claim(claim)
    except Exception:  # noqa: BLE001 - whatever it was, the second look decides
        _roll_back(loader)
        loader.begin()
        try:
            won = loader.ledger.claim(claim)
        except BaseException:
            _roll_back(loader)
            raise
    if not won:
        loader.rollback()
    return won


def _load(loader: Loader, hop: Hop, part: Slice, rows: Iterable[pa.RecordBatch] | Iterable[bytes]) -> int:
    if hop.raw:
        return loader.load_raw(hop.sent, part, rows)  # type: ignore[arg-type]  # raw hops read bytes
    return load(loader, hop, part, rows)  # type: ignore[arg-type]


def load(loader: Loader, hop: Hop, part: Slice, batches: Iterable[pa.RecordBatch]) -> int:
    """Load the columns of a hop that the target does not compute by itself; the rows that it took."""
    return loader.load(hop.sent, part, _sent(hop, batches))


def _sent(hop: Hop, batches: Iterable[pa.RecordBatch]) -> Iterable[pa.RecordBatch]:
    if hop.sent is hop:
        return batches
    names = [column.target for column in hop.sent.columns]
    return (batch.select(names) for batch in batches)


def _balance(hop: Hop, part: Slice, tally: Tally, loaded: int) -> None:
    if not hop.raw and loaded != tally.rows:
        raise EngineError(
            f"Slice {part.number} of {hop.name}: {tally.rows} rows were sent and the target took {loaded}.",
            table=str(hop.writes),
            remedy="The slice is rolled back. A trigger or a rule on the target may drop rows.",
        )


def _merge(loader: Loader, hop: Hop, receipt: Receipt) -> Receipt:
    """Run a merge's statements: keep pre-images, count, update, insert, remember the keys, and empty the staging again.

    The staging is empty outside of transactions, so slices merge side by side without seeing each other.
    """
    empty, twins, preimages, matched, changed, update, insert, remember = hop.merge
    if loader.ask(twins):
        raise DataError(
            f"{hop.reads} holds a key ({', '.join(hop.key)}) more than once, so it cannot be merged.",
            table=str(hop.reads),
            remedy="Merge by a column list that is unique, or deduplicate first.",
        )
    known = int(str(loader.ask(matched)[0][0]))
    differs = int(str(loader.ask(changed)[0][0]))
    loader.execute(preimages)
    loader.execute(update)
    loader.execute(insert)
    loader.execute(remember)
    loader.execute(empty)
    return replace(receipt, inserted=receipt.loaded - known, updated=differs, unchanged=known - differs)


def tried(loader: Loader, hop: Hop, part: Slice, batches: Iterable[pa.RecordBatch]) -> None:
    """Load batches, and merge them where the hop does, and roll that back: what the target refuses of it is raised."""
    loader.begin()
    try:
        load(loader, hop, part, batches)
        for statement in hop.merge[-3:-1]:  # its UPDATE and its INSERT
            loader.execute(statement)
    except BaseException:
        _roll_back(loader)
        raise
    loader.rollback()


def step_back(run: str, statement: Statement, loader: Loader) -> None:
    """Carry out a way back, whose number in the journal is that of another statement."""
    if statement.atomic:
        _atomically(run, statement, loader, "done", loader.ledger.journal)
    else:
        _by_itself(run, statement, loader)


def step(run: str, statement: Statement, loader: Loader, state: str) -> None:
    """Carry out a journaled statement, whatever became of an earlier try of it.

    `state` is what the journal says: '', 'started' or 'done'. Where the engine commits each DDL by
    itself, a statement that was started is decided by its check, that is by looking at the catalogue.
    """
    if state in ("done", LEFT_OUT):
        return
    if state == "started" and statement.check and loader.ask(statement.check):
        loader.ledger.journal(run, statement.name, "done")
        return
    if not state and statement.phase == "before" and statement.check and loader.ask(statement.check):
        raise RequestError(
            f"{statement.name.split(' ', 1)[1].capitalize()}: it is so already, and this run did not do it.",
            remedy="Plan again: the target has changed since the plan was made.",
        )
    if statement.guard and loader.ask(statement.guard):
        raise DataError(statement.refusal or f"{statement.name}: its precondition does not hold.")
    if statement.atomic:
        _once(run, statement, loader)
        return
    try:
        _by_itself(run, statement, loader)
    except Exception:
        # The server went on with what a killed process had started, and ended it after it was looked at here.
        if not (state == "started" and statement.check and loader.ask(statement.check)):
            raise
        loader.ledger.journal(run, statement.name, "done")


def _by_itself(run: str, statement: Statement, loader: Loader) -> None:
    loader.ledger.journal(run, statement.name, "started")
    for sql in parts(statement.forward, loader):
        loader.execute(sql)
    loader.ledger.journal(run, statement.name, "done")


def parts(sql: str, of: object = None) -> list[str]:
    """The statements of a text; one ends at a semicolon at the end of a line, outside of quotes and comments.

    Names in brackets are quotes to an engine that says so, or its loader, which it is a text `of`; elsewhere there are
    arrays in brackets.

    A text that begins with the mysql client's DELIMITER ;; is split at lines that end so: a trigger's body has
    semicolons of its own.
    """
    if sql.startswith(DELIMITED):
        return [one for part in sql.removeprefix(DELIMITED).split(";;\n") if (one := part.strip("\n"))]
    pattern = _BRACKETED if getattr(of, "brackets", False) else _STATEMENT
    return [found[0].strip() for found in pattern.finditer(sql) if found[0].strip()]


def script(statements: Sequence[str]) -> str:
    """Statements as one text that `parts` splits again, whatever semicolons they have; '' of none."""
    return DELIMITED + "".join(f"{sql};;\n" for sql in statements) if statements else ""


def leave_out(run: str, statement: Statement, instead: str, loader: Loader) -> None:
    """Do without a statement: journal that, and carry out what comes in its place."""
    _once(run, replace(statement, forward=instead), loader, LEFT_OUT)


def take_back(run: str, statement: Statement, loader: Loader) -> None:
    """Undo a statement that is done, so that a resumed run does it again."""
    _once(run, replace(statement, forward=statement.back), loader, "taken back")


def _once(run: str, statement: Statement, loader: Loader, state: str = "done") -> None:
    """In one transaction with its entry of the journal, which another process may write meanwhile: one that took the
    run up when a lock was lost here, or one that was killed and whose commit comes late. Then it has happened.
    """
    before = loader.ledger.stands(run, statement.name)
    if before == state:
        return
    try:
        _atomically(run, statement, loader, state, partial(loader.ledger.turn, before=before))
    except Exception:
        if _stands(loader, run, statement.name) != state:
            raise


def _atomically(
    run: str, statement: Statement, loader: Loader, state: str, journal: Callable[[str, str, str], None]
) -> None:  # fmt: skip
    loader.begin()
    try:
        for sql in parts(statement.forward, loader):
            loader.execute(sql)
        journal(run, statement.name, state)
        loader.commit()
    except BaseException:
        _roll_back(loader)
        raise


def _stands(loader: Loader, run: str, name: str) -> str:
    with suppress(Exception):  # the connection may be gone
        return loader.ledger.stands(run, name)
    return ""


def together(work: Callable[[], None], loader: Loader) -> None:
    """Do some work on a loader's connection in one transaction, all of it or nothing."""
    loader.begin()
    try:
        work()
        loader.commit()
    except BaseException:
        _roll_back(loader)
        raise


def move(insert: str, delete: str, loader: Loader) -> int:
    """Copy rows to another table of the target and delete them, both or neither; how many there were."""
    loader.begin()
    try:
        copied, deleted = loader.execute(insert), loader.execute(delete)
        if copied != deleted:
            raise EngineError(f"{copied} rows were to be moved aside and {deleted} deleted: somebody else writes.")
        loader.commit()
    except BaseException:
        _roll_back(loader)
        raise
    return copied


def record(run: str, receipt: Receipt, loader: Loader) -> None:
    """Write a receipt that has no rows: what a table held before the run (slice 0)."""
    loader.begin()
    try:
        if loader.ledger.claim(Claim(run, receipt.hop, receipt.slice, receipt.attempt, receipt.instant)):
            loader.ledger.settle(run, receipt)
        loader.commit()
    except BaseException:
        _roll_back(loader)
        raise


def start_over(run: str, hops: Sequence[Hop], empty: str, loader: Loader) -> None:
    """Empty where the rows of hops land and forget their receipts, both or neither."""
    loader.begin()
    try:
        if empty:
            loader.execute(empty)
        for hop in hops:
            loader.ledger.revoke(run, hop.name)
        loader.commit()
    except BaseException:
        _roll_back(loader)
        raise


def thin_out(run: str, hops: Sequence[Hop], delete: str, left: Receipt, loader: Loader) -> None:
    """Delete some of the rows of hops, and forget their receipts; in the place of these it stands what is `left`."""
    ledger = keeping(loader.ledger)

    def thin() -> None:
        if delete:
            loader.execute(delete)
        for hop in hops:
            ledger.revoke(run, hop.name, rejected=not left.rejected)
        ledger.part(run, left, None)

    together(thin, loader)


def _roll_back(loader: Loader) -> None:
    """Roll back; a connection that is gone rolled back by itself, and the first error matters."""
    try:
        loader.rollback()
    except Exception:  # noqa: BLE001 - the error that led here is the one to raise
        return
