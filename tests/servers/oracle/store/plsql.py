"""The little of PL/SQL that a client sends: calls in a block, one after another, with literals and binds; variables
that a query fills, and statements that are put together from them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from ..spoken import Kind, Refused, Result
from . import values
from .convert import decimal_of
from .parse import Parsed
from .values import Stored, sent
from .words import Words

if TYPE_CHECKING:
    from .catalogue import Table
    from .session import Session


def run(session: Session, parsed: Parsed, given: Sequence[Stored], kinds: Sequence[Kind]) -> Result:
    """A block of calls, each perhaps assigned to a bind; the binds as they are afterwards come back."""
    words = Words(parsed.text)
    variables: dict[str, str | None] = {}
    if words.take("DECLARE"):
        while words.peek() != "BEGIN":
            variables[words.name()] = None
            words.until(";")
            words.expect(";")
    if not words.take("CALL"):
        words.expect("BEGIN")
    binds = list(given)
    place = 0
    skipped = False
    while not words.done:
        if words.take("END", "IF", ";"):
            skipped = False
        if words.take("END"):
            break
        if words.peek() == "SELECT":
            _select(session, words, variables)
        elif words.take("IF"):
            skipped = not _equal(words, variables)
        elif words.take("EXECUTE", "IMMEDIATE"):
            text = _text(words, variables)
            if not skipped:
                session.execute(text, (), ())
        else:
            place = _statement(session, words, binds, place)
        words.take(";")
    return Result(outs=[sent(value, kind) for value, kind in zip(binds, kinds, strict=True)])


def _select(session: Session, words: Words, variables: dict[str, str | None]) -> None:
    """SELECT INTO one variable: ORA-01403 or ORA-01422 for other than one row."""
    query = _clause(words, "INTO")
    words.expect("INTO")
    name = words.name()
    if name not in variables:
        raise Refused(6550, f"PLS-00201: identifier '{name}' must be declared")
    rows = session.answers(f"{query} {_clause(words, ';')}")
    if len(rows) != 1:
        raise Refused(*(1422, "exact fetch returns more than requested number of rows") if rows else (1403, "no data"))
    value = rows[0][0]
    variables[name] = value if value is None or isinstance(value, str) else _number(decimal_of(value))


def _number(value: Decimal) -> str:
    """A NUMBER as a text, whatever the query gave: a BINARY_DOUBLE of 6.0 is 6."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _equal(words: Words, variables: dict[str, str | None]) -> bool:
    """IF variable = number THEN; what stands behind it up to END IF is EXECUTE IMMEDIATE."""
    name = words.name()
    words.expect("=")
    number = words.integer()
    words.expect("THEN")
    return variables[name] == str(number)


def _clause(words: Words, end: str) -> str:
    text = words.until(end)
    while words.take(","):
        text += ", " + words.until(end)
    return text


def _text(words: Words, variables: dict[str, str | None]) -> str:
    """Literals and variables behind each other."""
    made = ""
    while True:
        word = words.next()
        made += word[1:-1].replace("''", "'") if word.startswith("'") else variables[word] or ""
        if not words.take("||"):
            return made


def _statement(session: Session, words: Words, binds: list[Stored], place: int) -> int:
    if words.take("NULL"):
        return place
    if words.take("COMMIT"):
        session.commit()
        return place
    assigned = None
    if words.take(":"):
        words.next()
        words.expect(":", "=") if words.peek() == ":" else words.expect(":=")
        assigned, place = place, place + 1
    name = words.name()
    while words.take("."):
        name += "." + words.name()
    arguments, outs, place = _arguments(words, binds, place)
    if name not in _CALLS:
        raise Refused(6550, f"PLS-00201: identifier '{name}' must be declared")
    result, changed = _CALLS[name](session, *arguments)
    if assigned is not None:
        binds[assigned] = result
    for at, value in changed.items():
        binds[outs[at]] = value
    return place


def _arguments(words: Words, binds: list[Stored], place: int) -> tuple[list[Stored], dict[int, int], int]:
    """The values, and which of them are binds."""
    found: list[Stored] = []
    outs: dict[int, int] = {}
    if not words.take("("):
        return found, outs, place
    while not words.take(")"):
        if words.peek(1) == "=" and words.peek(2) == ">":
            words.next(), words.next(), words.next()
        word = words.next()
        if word == ":":
            words.next()
            outs[len(found)] = place
            found.append(binds[place])
            place += 1
        elif word.startswith("'"):
            found.append(word[1:-1].replace("''", "'"))
        elif word[0].isdigit():
            found.append(values.number(int(word)))
        else:
            found.append(None if word == "NULL" else word)
        words.take(",")
    return found, outs, place


Answer = tuple[Stored, dict[int, Stored]]  # what it returns, and its arguments that it changes


def _nothing(session: Session, *given: Stored) -> Answer:
    del session, given
    return None, {}


def _sleep(session: Session, seconds: Stored) -> Answer:
    del session
    time.sleep(float(decimal_of(seconds)))
    return None, {}


def _named(session: Session, owner: Stored, table: Stored) -> Table:
    """DBMS_STATS reads names as SQL does: what is not in quotes becomes capitals."""
    schema, name = (Words(str(one)).name() for one in (owner, table))
    return session.table(session.user if schema == "USER" else schema, name)


def _gather(session: Session, owner: Stored, table: Stored, *_: Stored) -> Answer:
    found = _named(session, owner, table)
    found.statistics = int((session.one(f"SELECT count(*) FROM {found.held}") or (0,))[0])
    return None, {}


def _set_statistics(session: Session, owner: Stored, table: Stored, rows: Stored, *_: Stored) -> Answer:
    _named(session, owner, table).statistics = int(decimal_of(rows))
    return None, {}


def _allocate(session: Session, name: Stored, *_: Stored) -> Answer:
    del session
    return None, {1: str(name)}


def _request(session: Session, handle: Stored, *_: Stored) -> Answer:
    """0: this session has it now, 1: another one has it."""
    return values.number(0 if session.locks.take(str(handle), session) else 1), {}


def _release(session: Session, handle: Stored) -> Answer:
    return values.number(0 if session.locks.release(str(handle), session) else 4), {}


def _back(session: Session, scn: Stored) -> Answer:
    if session.flashback is not None:
        raise Refused(8184, "attempting to re-enable Flashback while in Flashback mode")
    session.flashback = int(decimal_of(scn))
    return None, {}


def _forth(session: Session) -> Answer:
    session.flashback = None
    return None, {}


_CALLS: dict[str, Callable[..., Answer]] = {
    "DBMS_FLASHBACK.ENABLE_AT_SYSTEM_CHANGE_NUMBER": _back, "DBMS_FLASHBACK.DISABLE": _forth,
    "DBMS_LOCK.SLEEP": _sleep, "DBMS_SESSION.SLEEP": _sleep,
    "DBMS_STATS.GATHER_TABLE_STATS": _gather, "DBMS_STATS.SET_TABLE_STATS": _set_statistics,
    "DBMS_LOCK.ALLOCATE_UNIQUE": _allocate, "DBMS_LOCK.REQUEST": _request, "DBMS_LOCK.RELEASE": _release,
    "DBMS_APPLICATION_INFO.SET_MODULE": _nothing, "DBMS_SESSION.SET_IDENTIFIER": _nothing,
}  # fmt: skip
