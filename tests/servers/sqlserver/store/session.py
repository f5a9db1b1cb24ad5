"""What one connection does: its transaction, its settings, its batches."""

from __future__ import annotations

import contextlib
import copy
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from ..spoken import Column, Kind, Parameter, Refused, Result, Row
from . import batch, dml, expressions, gather, logins, render, shared, sites, sysviews, temporary, values
from .asked import Asked
from .catalogue import Catalogue, Table
from .parse import expression, parse, statements
from .render import Typed, Writing
from .types import INT
from .values import Held
from .words import split_name

if TYPE_CHECKING:
    from .database import Database, Kept

_VICTIM = 1205  # of a deadlock: its transaction is rolled back
_LOCKS = 1204
_AT_ONCE = 1000  # rows that are fetched from SQLite


def described(columns: Sequence[Typed]) -> tuple[Column, ...]:
    return tuple(Column(one.name, one.kind or INT, one.nullable, one.identity, one.computed) for one in columns)


def _compared(fold: Callable[[str], str]) -> Callable[[str, str], int]:
    def compare(one: str, other: str) -> int:
        a, b = fold(one), fold(other)
        return (a > b) - (a < b)

    return compare


class Session(Asked):
    """A connection to the store, used by one thread at a time."""

    def __init__(self, server: Database, kept: Kept, user: str, number: int) -> None:
        self.user, self.number, self.server = user, number, server
        self.wait: Callable[[float], None] = time.sleep
        self.depth = self.rowcount = self.changed = 0
        self.last_identity: int | None = None
        self.nocount = self.xact_abort = False
        self.identity_insert: Table | None = None
        self.isolation = "READ COMMITTED"
        self.lock_timeout = -1  # milliseconds
        self.error = 0  # @@ERROR
        self.variables: dict[str, tuple[Kind, Held]] = {}
        self.failure: BaseException | None = None
        self._before: Catalogue | None = None
        self._scratch: Session | None = None
        self.temporary: set[str] = set()  # global temporary tables that this session made
        self._open(kept)

    def _open(self, kept: Kept) -> None:
        from .database import connect

        self.kept = kept
        logins.may_enter(self)
        self.kept, self.database = kept, kept.name
        self.connection = connect(kept)
        self._gathering: set[int] = set()
        self.connection.create_function("ms", -1, self._call)
        self.connection.create_collation("ms_alike", _compared(lambda text: text.rstrip(" ").casefold()))
        self.connection.create_collation("ms_exact", _compared(lambda text: text.rstrip(" ")))

    def _call(self, number: int, *given: Held) -> Held:
        try:
            return sites.call(self, number, *given)
        except BaseException as error:
            self.failure = error
            raise

    def gathering(self, number: int) -> None:
        """Make an aggregate known."""
        if number not in self._gathering:
            self._gathering.add(number)
            made: Any = gather.aggregate(self, sites.known(number))
            self.connection.create_window_function(f"ms_gather_{number}", 1, made)

    @property
    def scratch(self) -> Session:
        """This session in tempdb."""
        if self._scratch is None:
            self._scratch = Session(self.server, self.server.tempdb, self.user, self.number)
        return self._scratch

    @property
    def catalogue(self) -> Catalogue:
        return self.kept.catalogue

    @property
    def transaction(self) -> bool:
        return self.depth > 0

    def use(self, name: str) -> None:
        if self.transaction:
            raise Refused(226, "USE statement not allowed within multi-statement transaction.")
        kept = self.server.kept(name)
        self.connection.close()
        self._open(kept)

    # What the wire asks for

    def execute(self, sql: str, parameters: Sequence[Parameter] = ()) -> Iterator[Result]:
        try:
            self.server.troubled(sql)
        except Refused as refusal:
            self.error = refusal.number
            if refusal.number == _VICTIM and self.transaction:
                self.rollback()
            raise
        self.variables = {one.name.lower(): (one.kind, values.held(values.received(one.value, one.kind), one.kind))
                          for one in parameters}  # fmt: skip
        for text in statements(sql):
            try:
                for result in batch.carry_out(self, text):
                    yield Result(count=None) if self.nocount and not result.columns else result
                self.error = 0
            except Refused as refusal:
                self.error = refusal.number
                if self.xact_abort and self.transaction:
                    self.rollback()
                raise

    def within(self, sql: str) -> Iterator[Result]:
        """A batch that another carries out: its variables are its own."""
        outer, self.variables = self.variables, {}
        try:
            for text in statements(sql):
                yield from batch.carry_out(self, text)
        finally:
            self.variables = outer

    def describe(self, sql: str) -> tuple[Column, ...]:
        found: tuple[Column, ...] = ()
        for text in statements(sql):
            if not found and text.split(None, 1)[0].upper() in ("SELECT", "WITH"):
                tree = parse(text)
                if isinstance(tree, exp.Query):
                    found = described(render.query(tree, self.writing(lenient=True))[1])
        return found

    def bulk(self, table: str, columns: Sequence[Column], options: Mapping[str, object], rows: Iterator[Row]) -> int:
        schema, name = split_name(table)
        if temporary.is_one(name) and self.kept is not self.server.tempdb:
            return self.scratch.bulk(table, columns, options, rows)
        found = self.catalogue.table(schema if not temporary.is_one(name) else "dbo", name)
        with self.changing(found):
            return dml.bulk(self, found, columns, options, rows)

    # Statements

    def writing(self, *, lenient: bool = False) -> Writing:
        """`lenient`: variables that are not declared, as where a statement is only described."""
        variables = _Any(self.variables) if lenient else self.variables
        return Writing(self, self.catalogue, variables, sysviews.columns)

    def select(self, tree: exp.Expression) -> Result:
        if tree.find(exp.Table):
            self._reading()
        writing = self.writing()
        text, columns = render.query(tree, writing)
        return self.rows(text, columns, writing)

    def rows(self, text: str, columns: Sequence[Typed], writing: Writing) -> Result:
        self.fill(writing)
        with self.told():
            cursor = self.connection.execute(text, writing.binds)
            first = cursor.fetchmany(_AT_ONCE)
        return Result(described(columns), self._fetched(cursor, first, [one.kind or INT for one in columns]))

    def fill(self, writing: Writing) -> None:
        for schema, name in writing.seen:
            sysviews.fill(self, schema, name)
        for table in writing.copied:
            temporary.fill(self, table)

    def _fetched(self, cursor: sqlite3.Cursor, rows: list[Any], kinds: Sequence[Kind]) -> Iterator[Row]:
        count = 0
        while rows:
            count += len(rows)
            for row in rows:
                yield [values.sent(value, kind) for value, kind in zip(row, kinds, strict=True)]
            with self.told():
                rows = cursor.fetchmany(_AT_ONCE)
        self.rowcount = count

    def _reading(self) -> None:
        if self.transaction and self.isolation in ("SNAPSHOT", "SERIALIZABLE", "REPEATABLE READ"):
            if self.isolation == "SNAPSHOT" and not self.kept.snapshots_allowed:
                raise Refused(3952, f"Snapshot isolation transaction failed accessing database '{self.database}' "
                                    f"because "
                                    "snapshot isolation is not allowed in this database.")  # fmt: skip
            if not self.connection.in_transaction:
                self.connection.execute("BEGIN")

    def run(self, sql: str, given: Sequence[Held] = ()) -> int:
        with self.told():
            return self.connection.execute(sql, given).rowcount

    def one(self, sql: str, given: Sequence[Held] = ()) -> tuple[Any, ...] | None:
        with self.told():
            found: tuple[Any, ...] | None = self.connection.execute(sql, given).fetchone()
            return found

    def value(self, text: str, kind: Kind) -> Any:
        """An expression's, as this kind."""
        writing = self.writing()
        found = expressions.write(expression(text), writing)
        row = self.one(f"SELECT {sites.conversion(found.sql, found.kind, kind)}", writing.binds)
        return values.worked(row[0], kind) if row else None

    @contextlib.contextmanager
    def told(self) -> Iterator[None]:
        """What SQLite refuses, in SQL Server's numbers."""
        self.failure = None
        try:
            yield
        except sqlite3.OperationalError as error:
            if self.failure is not None:
                raise self.failure from None
            if "locked" in str(error) and self.isolation == "SNAPSHOT" and self.connection.in_transaction:
                self.rollback()
                raise Refused(
                    3960, "Snapshot isolation transaction aborted due to update conflict.", state=2
                ) from error
            if "locked" in str(error):
                raise Refused(1222, "Lock request time out period exceeded.", state=45) from error
            raise

    @contextlib.contextmanager
    def changing(self, table: Table | None = None, *, shapes: bool = False) -> Iterator[None]:
        """A statement that changes something: all of it, or nothing. `shapes`: it changes the catalogue."""
        if self.kept.source is not None:
            raise Refused(3906, f'Failed to update database "{self.database}" because the database is read-only.')
        shared.write(self, table)
        if not self.connection.in_transaction:
            with self.told():
                snapshot = self.transaction and self.isolation in ("SNAPSHOT", "SERIALIZABLE")
                self.connection.execute("BEGIN" if snapshot else "BEGIN IMMEDIATE")
        before = copy.deepcopy(self.catalogue) if shapes else None
        if self._before is None and self.transaction:
            self._before = before
        self.connection.execute("SAVEPOINT statement")
        try:
            with self.told():
                yield
        except BaseException as error:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK TO statement")
                self.connection.execute("RELEASE statement")
            if before is not None:
                self.kept.catalogue = before
            if not self.transaction and self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
                shared.leave(self)
            if isinstance(error, sqlite3.IntegrityError):
                raise dml.duplicate(error, self.catalogue, table) from None
            raise
        self.connection.execute("RELEASE statement")
        if not self.transaction:
            self.connection.execute("COMMIT")
            shared.leave(self)

    def weigh(self, rows: int) -> None:
        """The transaction has changed so many more rows: too many for its locks, or for the log."""
        self.changed = rows + (self.changed if self.transaction else 0)
        found = self.server.narrowed
        if found and self.changed > found.rows and self.kept is not self.server.tempdb:
            raise Refused(found.number, found.text, severity=19 if found.number == _LOCKS else 17)

    # Transactions

    def begin(self, isolation: str = "") -> None:
        if isolation:
            self.isolation = isolation
        self.changed = self.changed if self.depth else 0
        self.depth += 1

    def commit(self) -> None:
        if not self.depth:
            raise Refused(3902, "The COMMIT TRANSACTION request has no corresponding BEGIN TRANSACTION.")
        self.depth -= 1
        if not self.depth:
            self._before = None
            if self.connection.in_transaction:
                self.connection.execute("COMMIT")
            shared.leave(self)

    def rollback(self) -> None:
        if not self.depth:
            raise Refused(3903, "The ROLLBACK TRANSACTION request has no corresponding BEGIN TRANSACTION.")
        self.depth = 0
        if self.connection.in_transaction:
            self.connection.execute("ROLLBACK")
        if self._before is not None:
            self.kept.catalogue, self._before = self._before, None
        shared.leave(self)

    def close(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            if self.depth:
                self.rollback()
            temporary.leave(self, self.temporary)
            if self._scratch is not None:
                self._scratch.connection.close()
            self.connection.close()
        self.server.closed(self)


class _Any(dict[str, tuple[Kind, Held]]):
    """Variables of which one that is not known is an int that is NULL."""

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> tuple[Kind, Held]:
        return Kind("int", 4), None
