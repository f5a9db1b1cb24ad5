"""Swapping tables where a session that holds a lock may rename nothing (error 1192): by several sessions.

One, the gate, locks all that is concerned, and an empty table that stands in the way. Behind it all is proven. Then
another session for each table says RENAME, which waits for the lock, and comes before whatever else waits for that
table. Once each is seen to wait, the gate drops what is in the way, and unlocks. If the gate dies before that, the
RENAME finds its name taken, and nothing has happened. Writers who waited write to the new table.

A RENAME takes the locks of its names one by one, in the order of their bytes. So that it waits for the table itself,
and not for another of its names with writers in front of it, whatever else the gate holds of ours sorts behind all
tables: what is to take the table's place gets such a name before, and what is in the way has one. For the same reason
one RENAME is of one table. As the gate had each table for itself, no transaction is there that could hold one up.

The lock is for writing, although readers need not wait: behind one for reading MySQL 5.6 let a writer come first.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress

from ...commit import parts, script
from ...engine import Asked, Row, Session
from ...errors import EngineError
from ...plan import Swap
from ...schema.catalogue import Relation
from .ddl import exists, if_there
from .session import BEHIND, MySqlLoader, literal, qualified, schema_of

_WAIT_S = 10  # for a lock, as writers wait behind us; a transaction that is longer has to end first
_IDLE_S = 60  # until the server gives the locks of a gate back whose machine has died
_IN_THE_WAY = "ropeway_in_the_way"
_RENAME = "RENAME TABLE "


def behind(relation: Relation) -> Relation:
    """What a table of ours is called as long as it has to sort behind the table that it concerns."""
    return Relation(relation.schema, BEHIND + relation.table)


def swapped(relation: Relation, shadow: Relation, kept: Relation) -> str:
    """A query that sees whether a swap happened: the shadow has no name of its own any more, and the old one has."""
    gone = " AND ".join(f"NOT EXISTS ({exists(one)})" for one in (shadow, behind(shadow)))
    there = " OR ".join(f"EXISTS ({exists(one)})" for one in (kept, behind(kept)))
    return f"{exists(relation)} AND {gone} AND ({there})"


def unswapped(swap: Swap) -> str:
    """What sets right what a swap or its way back left that was killed, as one text; it may be said at any time."""
    made = [sql for own in (swap.shadow, swap.kept) for sql in (*_cleared(behind(own)), *_named_again(own))]
    return script([*made, *parts(swap.mend)])


def _cleared(aside: Relation) -> list[str]:
    """Drop what is in the way, and no table that has got that name."""
    there = (
        f"SELECT 1 FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = {schema_of(aside)} "
        f"AND TABLE_NAME = {literal(aside.table)} AND COLUMN_NAME = {literal(_IN_THE_WAY)}"
    )
    return parts(if_there(there, f"DROP TABLE {qualified(aside)}"))


def _named_again(own: Relation) -> list[str]:
    there = f"{exists(behind(own))} AND NOT EXISTS ({exists(own)})"
    return parts(if_there(there, f"{_RENAME}{qualified(behind(own))} TO {qualified(own)}"))


def cut_over(
    another: Callable[[], MySqlLoader], loader: MySqlLoader, swaps: Mapping[str, Swap],
    prove: Callable[[Asked, Sequence[Swap]], None], *, gated: bool,
) -> None:  # fmt: skip
    """Carry out the texts of swaps, `gated` after those that are left were proven behind a lock.

    What `prove` raises is raised once all is as it was. Repeated, it sees what has happened.
    """
    for one in swaps.values():
        _each(loader, parts(unswapped(one)))
    left = {text: one for text, one in swaps.items() if loader.ask(exists(one.shadow))}
    if gated and left:
        _behind_the_gate(another, loader, left, prove)
    for text in left:
        before, rename, _ = _split(text)
        _each(loader, [] if gated else [*before, rename])
    for text in swaps:
        _each(loader, _split(text)[2])


def _split(text: str) -> tuple[list[str], str, list[str]]:
    """What comes before the RENAME, that, and what comes behind it."""
    found = parts(text)
    at = next(n for n, sql in enumerate(found) if sql.startswith(_RENAME))
    return found[:at], found[at], found[at + 1 :]


def _each(session: Session, statements: Sequence[str]) -> None:
    for sql in statements:
        session.execute(sql)


class _Gate:
    """The session with the locks; what takes a table's place goes by the name there that it has meanwhile."""

    def __init__(self, session: MySqlLoader, swaps: Sequence[Swap]) -> None:
        self.session = session
        self._names = {one.shadow.table: behind(one.shadow).table for one in swaps}

    def ask(self, sql: str) -> list[Row]:
        return self.session.ask(self._meanwhile(sql))

    def execute(self, sql: str) -> int:
        return self.session.execute(self._meanwhile(sql))

    def _meanwhile(self, sql: str) -> str:
        for name, other in self._names.items():
            sql = sql.replace(name, other)
        return sql


def _behind_the_gate(
    another: Callable[[], MySqlLoader], loader: MySqlLoader, left: Mapping[str, Swap],
    prove: Callable[[Asked, Sequence[Swap]], None],
) -> None:  # fmt: skip
    swaps = list(left.values())
    with closing(another()) as session:
        gate = _Gate(session, swaps)
        try:
            _shut(session, loader, swaps)
            prove(gate, swaps)
            for text in left:
                for sql in _split(text)[0]:
                    gate.execute(sql)
            _rename(another, session, swaps)
        except BaseException:
            session.close()
            with suppress(Exception):  # the first error matters, and the next try does this first
                for one in swaps:
                    _each(loader, parts(unswapped(one)))
            raise


def _shut(gate: MySqlLoader, loader: MySqlLoader, swaps: Sequence[Swap]) -> None:
    """Lock the tables, what takes their place, what is in the way, and those that foreign keys connect with them."""
    _bound(gate)
    gate.execute(f"SET wait_timeout = {_IDLE_S}")
    for one in swaps:
        loader.execute(f"{_RENAME}{qualified(one.shadow)} TO {qualified(behind(one.shadow))}")
        gate.execute(f"CREATE TABLE {qualified(behind(one.kept))} ({_IN_THE_WAY} tinyint PRIMARY KEY) ENGINE=InnoDB")
    locks = {table: "READ" for one in swaps for table in one.parents}
    locks |= {
        table: "WRITE" for one in swaps
        for table in (one.relation, behind(one.shadow), behind(one.kept), *one.beside)
    }  # fmt: skip
    gate.execute(f"LOCK TABLES {', '.join(f'{qualified(table)} {kind}' for table, kind in locks.items())}")


def _bound(session: MySqlLoader) -> None:
    session.execute(f"SET lock_wait_timeout = {_WAIT_S}")
    if session.ask("SHOW VARIABLES LIKE 'information_schema_stats_expiry'"):  # MySQL 8 shows numbers of yesterday
        session.execute("SET information_schema_stats_expiry = 0")


def _rename(another: Callable[[], MySqlLoader], gate: MySqlLoader, swaps: Sequence[Swap]) -> None:
    """Unlock once each RENAME is seen to wait; whether it has happened then is said by itself."""
    sessions = [another() for _ in swaps]
    try:
        with ThreadPoolExecutor(len(swaps)) as pool:
            renames = [
                pool.submit(_renamed, session, one) for session, one in zip(sessions, swaps, strict=True)
            ]  # fmt: skip
            try:
                _let_go(gate, sessions, swaps, renames)
            except Exception:  # noqa: BLE001 - what the RENAMEs say, which then find their names taken, or do not
                gate.close()
            except BaseException:
                gate.close()
                raise
            for rename in renames:
                rename.result()
    finally:
        for session in sessions:
            session.close()


def _renamed(session: MySqlLoader, swap: Swap) -> None:
    _bound(session)
    table, new = qualified(swap.relation), qualified(behind(swap.shadow))
    way, old = qualified(behind(swap.kept)), qualified(swap.kept)
    session.execute(f"{_RENAME}{table} TO {way}, {new} TO {table}, {way} TO {old}")


def _let_go(
    gate: MySqlLoader, sessions: Sequence[MySqlLoader], swaps: Sequence[Swap], renames: Sequence[Future[None]]
) -> None:  # fmt: skip
    numbers = ", ".join(str(one.connection.thread_id()) for one in sessions)  # type: ignore[no-untyped-call]  # PyMySQL's
    until = time.monotonic() + _WAIT_S
    while len(gate.ask(_WAITING.format(numbers))) < len(swaps):
        if time.monotonic() > until or any(rename.done() for rename in renames):
            raise EngineError("The RENAME that is to wait for the lock was not seen to wait.")
        time.sleep(0.005)
    _each(gate, [*(f"DROP TABLE {qualified(behind(one.kept))}" for one in swaps), "UNLOCK TABLES"])


_WAITING = (
    "SELECT ID FROM information_schema.PROCESSLIST WHERE ID IN ({}) AND INFO LIKE 'RENAME%' "
    "AND STATE = 'Waiting for table metadata lock'"
)


def sorts_behind(relation: Relation) -> bool:
    """Whether a table sorts behind whatever we call ours meanwhile, which is of the same database."""
    return relation.table.lower().encode() >= BEHIND.encode()
