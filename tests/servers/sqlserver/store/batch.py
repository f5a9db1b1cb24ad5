"""One statement of a batch, by its first word."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from sqlglot import exp

from ..spoken import Kind, Refused, Result
from . import ddl, dml, expressions, logins, procedures, shared, sites, types
from .parse import expression, parse, statements
from .values import Held
from .words import Words

if TYPE_CHECKING:
    from .session import Session

_BODY = re.compile(r"\b(?:SELECT|INSERT|UPDATE|DELETE|CREATE|ALTER|DROP|TRUNCATE|EXEC|SET|PRINT|BEGIN|ROLLBACK|COMMIT|"
                   r"THROW|RAISERROR)\b", re.IGNORECASE)  # fmt: skip
_IGNORED = ("PRINT", "DENY", "DBCC", "CHECKPOINT", "SAVE")


def carry_out(session: Session, text: str) -> Iterator[Result]:
    words = Words(text)
    word = words.peek()
    if word in ("GRANT", "REVOKE"):
        logins.grant(session, words)
    elif word in ("SELECT", "WITH", "INSERT", "UPDATE", "DELETE"):
        yield from _syntax(session, text)
    elif word in _OWN:
        yield from _OWN[word](session, words) or ()
    elif word in _IGNORED:
        return
    elif word in ("CREATE", "ALTER", "DROP", "TRUNCATE"):
        ddl.carry_out(session, text)
        yield Result()
    else:
        raise Refused(102, f"Incorrect syntax near '{text[:60]}'.", severity=15)


def _syntax(session: Session, text: str) -> Iterator[Result]:
    tree = parse(text)
    if session.transaction and shared.ASKED.search(text):
        shared.read(session, tree)
    if isinstance(tree, exp.Select) and any(isinstance(one, exp.EQ) for one in tree.expressions):
        _assign(session, tree)
    elif isinstance(tree, exp.Query):
        yield session.select(tree)
    else:
        yield dml.carry_out(session, tree)


def _assign(session: Session, tree: exp.Select) -> None:
    """SELECT @x = expression FROM ...: the last row's."""
    names = ["@" + one.this.name.lower() for one in tree.expressions]
    tree.set("expressions", [one.expression for one in tree.expressions])
    writing = session.writing()
    from . import render

    text, columns = render.query(tree, writing)
    session.fill(writing)
    with session.told():
        for row in session.connection.execute(text, writing.binds):
            for name, column, value in zip(names, columns, row, strict=True):
                _put(session, name, sites.call(session, _conversion(session, name, column.kind), value)
                     if column.kind else value)  # fmt: skip


def _conversion(session: Session, name: str, kind: object) -> int:
    assert isinstance(kind, Kind)
    wanted = _declared(session, name)
    return sites.site(sites.Site(sites.Conversion(kind, wanted), (kind,), wanted))


def _declared(session: Session, name: str) -> Kind:
    if name not in session.variables:
        raise Refused(137, f'Must declare the scalar variable "{name}".', severity=15)
    return session.variables[name][0]


def _put(session: Session, name: str, value: Held) -> None:
    session.variables[name] = _declared(session, name), value


def evaluate(session: Session, name: str, text: str) -> None:
    """Give a variable the value of an expression."""
    writing = session.writing()
    found = expressions.write(expression(text), writing)
    kind = _declared(session, name)
    made = sites.conversion(found.sql, found.kind, kind)
    session.fill(writing)
    row = session.one(f"SELECT {made}", writing.binds)
    _put(session, name, row[0] if row else None)


def _declare(session: Session, words: Words) -> None:
    words.expect("DECLARE")
    while True:
        name = words.next().lower()
        words.take("AS")
        session.variables[name] = types.of_text(words.until("=")), None
        if words.take("="):
            evaluate(session, name, words.until())
        if not words.take(","):
            break


def _set(session: Session, words: Words) -> None:
    words.expect("SET")
    first = words.next()
    name = first.upper()
    if first.startswith("@"):
        words.expect("=")
        evaluate(session, first.lower(), words.rest())
    elif name == "NOCOUNT":
        session.nocount = words.take("ON")
    elif name == "XACT_ABORT":
        session.xact_abort = words.take("ON")
    elif name == "LOCK_TIMEOUT":
        session.lock_timeout = words.integer()
    elif name == "TRANSACTION":
        words.expect("ISOLATION", "LEVEL")
        session.isolation = " ".join(words.rest().upper().split())
    elif name == "IDENTITY_INSERT":
        table = session.catalogue.table(*words.qualified())
        session.identity_insert = table if words.take("ON") else None
    elif name == "IMPLICIT_TRANSACTIONS" and words.take("ON"):
        raise Refused(102, "Incorrect syntax: the test server knows no implicit transactions", severity=15)


def _use(session: Session, words: Words) -> None:
    words.expect("USE")
    session.use(words.name())


def _begin(session: Session, words: Words) -> Iterator[Result]:
    words.expect("BEGIN")
    if words.take("TRAN") or words.take("TRANSACTION"):
        session.begin()
        return
    inner = words.rest()
    for text in statements(re.sub(r"\bEND\s*;?\s*$", "", inner, flags=re.IGNORECASE)):
        yield from carry_out(session, text)


def _commit(session: Session, words: Words) -> None:
    del words
    session.commit()


def _rollback(session: Session, words: Words) -> None:
    del words
    session.rollback()


def _if(session: Session, words: Words) -> Iterator[Result]:
    """IF condition statement [ELSE statement]."""
    words.expect("IF")
    text, depth, at = words.text, 0, None
    for found in re.finditer(r"'(?:[^']|'')*'|[()]|\w+", text):
        depth += (found[0] == "(") - (found[0] == ")")
        if not depth and _BODY.fullmatch(found[0]):
            at = found.start()
            break
    if at is None:
        raise Refused(102, f"Incorrect syntax near '{text[:60]}'.", severity=15)
    then, _, otherwise = re.sub(r"\bELSE\b", "\0", text[at:], count=1, flags=re.IGNORECASE).partition("\0")
    tree = parse(f"SELECT 1 WHERE {words.rest()[: at - (len(text) - len(words.rest()))]}")
    writing = session.writing()
    held = expressions.condition(tree.args["where"].this, writing)
    session.fill(writing)
    row = session.one(f"SELECT {held}", writing.binds)
    chosen = then if row and row[0] else otherwise
    for one in statements(chosen):
        yield from carry_out(session, one)


def _waitfor(session: Session, words: Words) -> None:
    words.expect("WAITFOR", "DELAY")
    hours, minutes, seconds = words.next().removeprefix("N").strip("'").split(":")
    session.wait(int(hours) * 3600 + int(minutes) * 60 + float(seconds))


def _raise(session: Session, words: Words) -> None:
    del session
    found = re.match(r"THROW\s+(\d+)\s*,\s*N?'((?:[^']|'')*)'", words.text, re.IGNORECASE)
    if found:
        raise Refused(int(found[1]), found[2].replace("''", "'"))
    said = re.search(r"'((?:[^']|'')*)'", words.text)
    raise Refused(50000, said[1] if said else "raised")


_OWN: dict[str, Callable[[Session, Words], Iterator[Result] | None]] = {
    "DECLARE": _declare, "SET": _set, "USE": _use, "BEGIN": _begin, "COMMIT": _commit, "ROLLBACK": _rollback, "IF": _if,
    "WAITFOR": _waitfor, "THROW": _raise, "RAISERROR": _raise, "EXEC": procedures.run, "EXECUTE": procedures.run,
}  # fmt: skip
