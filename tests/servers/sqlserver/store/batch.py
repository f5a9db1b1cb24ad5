"""One statement of a batch, by its first word."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from sqlglot import exp

from ..spoken import Kind, Refused, Result
from . import ddl, dml, expressions, logins, procedures, shared, sites, types
from .catalogue import Table
from .parse import expression, parse, statements
from .values import Held
from .words import Words, split_name

if TYPE_CHECKING:
    from .session import Session

_BODY = re.compile(r"\b(?:SELECT|INSERT|UPDATE|DELETE|CREATE|ALTER|DROP|TRUNCATE|EXEC|EXECUTE|DBCC|SET|PRINT|BEGIN|"
                   r"ROLLBACK|COMMIT|THROW|RAISERROR)\b", re.IGNORECASE)  # fmt: skip
_IGNORED = ("PRINT", "DENY", "CHECKPOINT", "SAVE")


def carry_out(session: Session, text: str) -> Iterator[Result]:
    words = Words(text)
    word = words.peek()
    if word == "UPDATE" and words.peek(1).upper() == "STATISTICS":
        words.take("UPDATE", "STATISTICS")
        session.catalogue.table(*words.qualified())
    elif word in ("GRANT", "REVOKE"):
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
        giving = words.take("ON")
        if giving and session.identity_insert not in (None, table):
            raise Refused(8107, f"IDENTITY_INSERT is already ON for table '{session.identity_insert.name}'. Cannot "
                                f"perform SET operation for table '{table.name}'.")  # fmt: skip
        if giving and not any(one.identity for one in table.columns):
            raise Refused(8106, f"Table '{table.name}' does not have the identity property. Cannot perform SET "
                                "operation.")  # fmt: skip
        if giving or session.identity_insert is table:
            session.identity_insert = table if giving else None
    elif name == "IMPLICIT_TRANSACTIONS" and words.take("ON"):
        raise Refused(102, "Incorrect syntax: the test server knows no implicit transactions", severity=15)


def _use(session: Session, words: Words) -> None:
    words.expect("USE")
    session.use(words.name())


def _dbcc(session: Session, words: Words) -> None:
    """DBCC CHECKIDENT ('table', RESEED, last): the last number that was given, or the first of a new table."""
    words.expect("DBCC")
    if words.next().upper() != "CHECKIDENT":
        return
    inner = Words(words.inside())
    table = session.catalogue.table(*split_name(session.value(inner.until(), Kind("nvarchar", 4000))))
    step = next((one.identity[1] for one in table.columns if one.identity), 0)
    if not step:
        raise Refused(7997, f"'{table.name}' does not contain an identity column.")
    if inner.take(",") and inner.take("RESEED") and inner.take(","):
        last = int(session.value(inner.until(), Kind("bigint", 8)))
        with session.changing(shapes=True):
            table.next_identity = last + step if table.drawn_identity or _holds_rows(session, table) else last


def _holds_rows(session: Session, table: Table) -> bool:
    return session.one(f"SELECT 1 FROM {table.held} LIMIT 1") is not None


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
    "DBCC": _dbcc, "WAITFOR": _waitfor, "THROW": _raise, "RAISERROR": _raise, "EXEC": procedures.run,
    "EXECUTE": procedures.run,
}  # fmt: skip
