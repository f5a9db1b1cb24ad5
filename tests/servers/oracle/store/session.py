"""What one connection does: its transaction, its settings, its statements."""

from __future__ import annotations

import contextlib
import re
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from ..spoken import Column, Encoded, Kind, Refused, Result, Row
from . import ddl, dml, expressions, formats, functions, indexes, partitions, plsql, render
from .catalogue import Constraint, Index, Shape, Table, quoted
from .catalogue import Sequence as Numbers
from .convert import converted
from .parse import Parsed, expression, parse
from .render import Typed, Writing
from .values import Stored, kind_of, sent, stored
from .words import Words

if TYPE_CHECKING:
    from .database import Database

_AT_ONCE = 1000  # rows that are fetched from SQLite
_NLS = {"NLS_DATE_FORMAT": "date", "NLS_TIMESTAMP_FORMAT": "timestamp", "NLS_TIMESTAMP_TZ_FORMAT": "zoned"}


_working = threading.local()  # whose statement each thread carries out: an instant's connection serves several sessions


def register(connection: sqlite3.Connection) -> None:
    """Make our functions known to a connection of SQLite; what one raises is raised again by its session."""

    def caught(function: Callable[..., Any], *, asks: bool) -> Callable[..., Any]:
        def called(*given: Any) -> Any:
            session: Session = _working.session
            try:
                return function(session, *given) if asks else function(*given)
            except BaseException as error:
                session.failure = error
                raise

        return called

    for name, function in functions.FUNCTIONS.items():
        connection.create_function(f"ora_{name}", -1, caught(function, asks=False))
    for name, function in functions.ASKING.items():
        connection.create_function(f"ora_{name}", -1, caught(function, asks=True))
    for name, kind in functions.AGGREGATES.items():
        connection.create_aggregate(f"ora_{name}", 1, kind)
    connection.create_function("ora_keep", 2, caught(Session.keep, asks=True))


class Session:
    """A connection to the store, used by one thread at a time."""

    def __init__(self, database: Database, user: str, number: int) -> None:
        self.user = self.schema = user
        self.number = number
        self.flashback: int | None = None  # the SCN at which the session reads
        self.nls = formats.Nls()
        self.settings = {"TIME_ZONE": "+00:00", "NLS_DATE_FORMAT": self.nls.date}
        self.catalogue = database.catalogue
        self.locks = database.locks
        self.connection = database.connect()
        self._database = database
        self.failure: BaseException | None = None
        self._kept: list[tuple[Table, Shape, bool]] = []
        self._drawn: dict[tuple[str, str], int] = {}
        self._loading: tuple[Table, tuple[Shape, ...]] | None = None
        self._weight = 0  # rows that the transaction has changed

    # Functions that SQLite calls

    def keep(self, place: int, value: Stored) -> Stored:
        table, shape, changing = self._kept[place]
        where = f'"{table.owner}"."{table.name}"."{shape.name}"'
        made = converted(value, shape.kind, self.nls, where)
        if made is None and not shape.nullable:
            if changing:
                raise Refused(1407, f"cannot update ({where}) to NULL")
            raise Refused(1400, f"cannot insert NULL into ({where})")
        return made

    def kept(self, table: Table, shape: Shape, *, changing: bool = False) -> int:
        """The number under which ora_keep knows a column, of a new row or of one that is `changing`."""
        self._kept.append((table, shape, changing))
        return len(self._kept) - 1

    def scn(self) -> int:
        return self._database.pinned()

    @property
    def next_scn(self) -> int:
        """At which what is not committed yet will be there."""
        return self._database.next_scn

    def passed(self, scn: int) -> datetime:
        return self._database.passed(scn)

    def drawn(self, owner: str, name: str) -> int:
        self._drawn[owner, name] = self.catalogue.drawn(owner, name)
        return self._drawn[owner, name]

    def current(self, owner: str, name: str) -> int:
        if (owner, name) not in self._drawn:
            raise Refused(8002, f"sequence {name}.CURRVAL is not yet defined in this session")
        return self._drawn[owner, name]

    # SQLite

    def run(self, sql: str, given: Sequence[Stored] = ()) -> int:
        """A statement of SQLite; how many rows it touched."""
        with self._told():
            return self.connection.execute(sql, given).rowcount

    def one(self, sql: str) -> tuple[Any, ...] | None:
        with self._told():
            found: tuple[Any, ...] | None = self.connection.execute(sql).fetchone()
            return found

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """What SQLite refuses, in Oracle's numbers."""
        self.failure = None
        _working.session = self
        try:
            yield
        except sqlite3.OperationalError as error:
            if self.failure is not None:
                raise self.failure from None
            if "locked" in str(error):
                raise Refused(54, "resource busy and acquire with NOWAIT specified or timeout expired") from error
            raise

    def answers(self, sql: str) -> list[tuple[Any, ...]]:
        """All rows of a query that PL/SQL asks."""
        text, _, _ = self._query(parse(sql), [], ())
        with self._told():
            return self.connection.execute(text).fetchall()

    # What the wire asks for

    def describe(self, sql: str) -> tuple[Column, ...]:
        parsed = parse(sql)
        if not parsed.is_query:
            return ()
        _, columns, _ = self._query(parsed, [None] * len(parsed.binds), None)
        return columns

    def execute(self, sql: str, kinds: Sequence[Kind], rows: Sequence[Row]) -> Result:
        self._database.troubled(sql)
        parsed = parse(sql)
        given = [tuple(stored(value, kind) for value, kind in zip(row, kinds, strict=True)) for row in rows]
        if parsed.is_query:
            return self._selected(parsed, kinds, given[0] if given else ())
        if parsed.tree is None:
            return self._other(parsed, given[0] if given else (), kinds)
        return Result(count=self._changed(parsed, kinds, given or [()]))

    def _query(
        self, parsed: Parsed, kinds: Sequence[Kind | None], given: Sequence[Stored] | None
    ) -> tuple[str, tuple[Column, ...], int | None]:
        """SQL, columns and the SCN that is asked for; `given` is None where nothing is to be read."""
        writing = self.writing(kinds)
        assert parsed.tree is not None
        text, outputs = render.query(parsed.tree, writing)
        for name in writing.seen:
            self._database.dictionary.fill(self, name)
        scn = self._scn_of(writing, given or ())
        if scn is not None and any(table.changed > scn for table in writing.read):
            self._database.at(scn)  # what is not kept at all is told first
            raise Refused(1466, "unable to read data - table definition has changed")
        typed = self._typed(text, outputs, given)
        return text, tuple(Column(one.name, one.kind or kind_of(None), one.nullable) for one in typed), scn

    def _typed(self, text: str, outputs: Sequence[Typed], given: Sequence[Stored] | None) -> Sequence[Typed]:
        """What no type was known of is looked at in the first row."""
        if given is None or all(one.kind for one in outputs):
            return outputs
        first = self.connection.execute(f"SELECT * FROM ({text}) LIMIT 1", given).fetchone()
        found = first or (None,) * len(outputs)
        return [replace(one, kind=one.kind or kind_of(value)) for one, value in zip(outputs, found, strict=True)]

    def writing(self, kinds: Sequence[Kind | None]) -> Writing:
        return Writing(self.catalogue, self.schema, self.user, kinds, self._database.dictionary.columns)

    def _scn_of(self, writing: Writing, given: Sequence[Stored]) -> int | None:
        if writing.scn is None:
            return None
        text = expressions.write(writing.scn, writing).sql
        with self._told():
            return int(self.connection.execute(f"SELECT ora_integer({text})", given).fetchone()[0])

    def _selected(self, parsed: Parsed, kinds: Sequence[Kind], given: Sequence[Stored]) -> Result:
        with self._told():
            text, columns, scn = self._query(parsed, kinds, given)
            scn = self.flashback if scn is None else scn
            kept = [one.kind for one in columns]
            if scn is not None:
                at = scn

                def found() -> list[Row]:
                    return [sent_row(row, kept) for row in self._database.at(at).rows(text, given)]

                return Result(columns, found() if given else self._ready(text, scn, columns, found))
            cursor = self.connection.execute(text, given)
            first = cursor.fetchmany(_AT_ONCE)
        return Result(columns, self._rows(cursor, first, kept))

    def _ready(
        self, text: str, scn: int, columns: Sequence[Column], rows: Callable[[], list[Row]]
    ) -> Iterable[Row | Encoded]:
        """Rows of an instant, which never change, made ready once where the database is to replay them."""
        replayed, encode = self._database.replayed, self._database.encode
        if replayed is None or encode is None:
            return rows()
        if (text, scn) not in replayed:
            every = rows()
            blocks = [every[at : at + _AT_ONCE] for at in range(0, len(every), _AT_ONCE)]
            few = len(every) < _AT_ONCE  # which a client may fetch one by one
            replayed[text, scn] = list(every) if few else [encode(columns, block) for block in blocks]
        return replayed[text, scn]

    def _rows(self, cursor: sqlite3.Cursor, rows: list[Any], kinds: Sequence[Kind]) -> Iterator[Row]:
        while rows:
            for row in rows:
                yield sent_row(row, kinds)
            with self._told():
                rows = cursor.fetchmany(_AT_ONCE)

    def _changed(self, parsed: Parsed, kinds: Sequence[Kind], given: Sequence[Sequence[Stored]]) -> int:
        """INSERT, UPDATE, DELETE, MERGE: all of it, or nothing."""
        assert parsed.tree is not None
        self.begin()
        writing = self.writing(kinds)
        self._kept.clear()
        table, statements = dml.statement(self, parsed.tree, writing)
        for name in writing.seen:
            self._database.dictionary.fill(self, name)
        with self.all_or_nothing(table):
            changing = isinstance(parsed.tree, exp.Update | exp.Merge)
            before = partitions.places(self, table) if changing else {}
            count = sum(max(self._many(text, given), 0) for text in statements)
            if not isinstance(parsed.tree, exp.Delete):
                partitions.hold(self, table)
            partitions.check_stays(self, table, before)
            if not isinstance(parsed.tree, exp.Delete):
                indexes.hold(self, table)
            if not isinstance(parsed.tree, exp.Insert):
                indexes.hold_children(self, table)
            self._weigh(count)
        return count

    def _weigh(self, rows: int) -> None:
        """The transaction has changed so many more rows: too many for the undo, and so this statement is none."""
        narrowed = self._database.narrowed
        if narrowed and self._weight + rows > narrowed.rows:
            raise Refused(narrowed.number, narrowed.text)
        self._weight += rows

    def _many(self, text: str, given: Sequence[Sequence[Stored]]) -> int:
        if len(given) == 1:
            return self.connection.execute(text, given[0]).rowcount
        return self.connection.executemany(text, given).rowcount

    @contextlib.contextmanager
    def all_or_nothing(self, table: Table) -> Iterator[None]:
        self.connection.execute("SAVEPOINT statement")
        try:
            with self._told():
                yield
        except sqlite3.IntegrityError as error:
            self.connection.execute("ROLLBACK TO statement")
            raise _duplicate(error, table) from None
        except BaseException:
            self.connection.execute("ROLLBACK TO statement")
            raise
        finally:
            self.connection.execute("RELEASE statement")

    def _other(self, parsed: Parsed, given: Sequence[Stored], kinds: Sequence[Kind]) -> Result:
        """What has no syntax tree: DDL, PL/SQL, ALTER SESSION, LOCK TABLE."""
        if parsed.word in ("BEGIN", "DECLARE", "CALL"):
            return plsql.run(self, parsed, given, kinds)
        if parsed.word == "COMMIT":
            self.commit()
        elif parsed.word == "ROLLBACK":
            self.rollback()
        elif re.match(r"\s*ALTER\s+SESSION", parsed.text, re.IGNORECASE):
            self._set(Words(parsed.text))
        elif parsed.word in ("LOCK", "SET", "SAVEPOINT"):
            pass
        else:
            self._ddl(parsed.text)
        return Result()

    def _ddl(self, text: str) -> None:
        self.commit()
        self.begin()
        self._kept.clear()
        try:
            ddl.carry_out(self, text)
        except BaseException:
            self.rollback()
            raise
        self.commit()

    def _set(self, words: Words) -> None:
        """ALTER SESSION SET names = values."""
        words.expect("ALTER", "SESSION", "SET")
        if words.take("ROW", "ARCHIVAL", "VISIBILITY", "="):
            self.settings["ROW ARCHIVAL VISIBILITY"] = words.next()
        while not words.done:
            name = words.next()
            words.expect("=")
            value = words.next().strip("'")
            self.settings[name] = value
            if name in _NLS:
                self.nls = self.nls.with_model(_NLS[name], value)
            elif name == "TIME_ZONE":
                self.nls = replace(self.nls, zone=formats.zone_of(value))
            elif name == "CURRENT_SCHEMA":
                self.schema = value.strip('"') if value.startswith('"') else value.upper()

    # Direct path

    def target(self, schema: str, table: str, columns: Sequence[str]) -> tuple[Column, ...]:
        self.commit()
        found = self.table(schema, table)
        if any(one.enabled and one.type == "R" for one in found.constraints):
            raise Refused(26088, "direct path: a referential constraint is enabled")
        shapes = tuple(found.column(name) for name in columns)
        self._loading = (found, shapes)
        return tuple(one.column for one in shapes)

    def load(self, rows: Sequence[Row]) -> None:
        assert self._loading is not None
        table, shapes = self._loading
        self.begin()
        self._kept.clear()
        values = {shape.name: f"?{place}" for place, shape in enumerate(shapes, 1)}
        kept = ", ".join(dml.kept(self, table, values, self.writing(())))
        listed = ", ".join(quoted(one.name) for one in table.columns if one.virtual is None)
        kinds = [replace(one.kind, national=one.kind.national or one.kind.code == 112) for one in shapes]
        given = [tuple(stored(value, kind) for value, kind in zip(row, kinds, strict=True)) for row in rows]
        with self.all_or_nothing(table):
            self.connection.executemany(f"INSERT INTO {table.held} ({listed}) VALUES ({kept})", given)
            partitions.hold(self, table)

    def finish(self, *, keep: bool) -> None:
        self._loading = None
        if keep:
            self.commit()
        else:
            self.rollback()

    # Transactions

    def begin(self) -> None:
        if not self.connection.in_transaction:
            with self._told():
                self.connection.execute("BEGIN IMMEDIATE")
            self._weight = 0

    def commit(self) -> None:
        if self.connection.in_transaction:
            self._database.commit(self.connection)

    def rollback(self) -> None:
        if self.connection.in_transaction:
            self.connection.execute("ROLLBACK")

    def close(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            self.rollback()
            self.connection.close()
        self._database.closed(self)

    # For the others of this package

    def table(self, owner: str, name: str) -> Table:
        return self.catalogue.table(owner, name)

    def sequence(self, owner: str, name: str) -> Numbers:
        if (owner, name) not in self.catalogue.sequences:
            raise Refused(2289, "sequence does not exist")
        return self.catalogue.sequences[owner, name]

    def system_name(self) -> str:
        return f"SYS_C{self.catalogue.number():07}"

    def check_partitioning(self) -> None:
        if not self._database.partitioning:
            raise Refused(439, "feature not enabled: Partitioning")

    def partition_name(self, *, sub: bool = False) -> str:
        return f"SYS_{'SUBP' if sub else 'P'}{self.catalogue.number()}"

    def breaking(self, table: Table, made: Constraint) -> bool:
        """Whether a row breaks a check."""
        assert made.condition is not None
        writing, inner = self._over(table)
        condition = expressions.condition(made.condition, writing)
        return self.one(f"SELECT 1 FROM {table.held} AS {inner} WHERE NOT {condition}") is not None

    def doubled(self, table: Table, index: Index) -> bool:
        """Whether two rows have the same keys in an index: a NULL is one value, and what is all NULL is in none."""
        writing, inner = self._over(table)
        over = index.expressions or (False,) * len(index.columns)
        texts = [one if is_ else quoted(one) for one, is_ in zip(index.columns, over, strict=True)]
        keys = [expressions.write(expression(one), writing).sql for one in texts]
        filled = " OR ".join(f"{key} IS NOT NULL" for key in keys)
        grouped = f"GROUP BY {', '.join(keys)} HAVING count(*) > 1"
        return self.one(f"SELECT 1 FROM {table.held} AS {inner} WHERE {filled} {grouped}") is not None

    def _over(self, table: Table) -> tuple[Writing, str]:
        """How expressions over a table's columns are written, and its alias."""
        writing = self.writing(())
        inner = writing.alias()
        columns = tuple(Typed(f"{inner}.{quoted(one.name)}", one.kind, one.name) for one in table.columns)
        writing.sources.append([render.Source(table.name, columns)])
        return writing, inner


def sent_row(row: Sequence[Stored], kinds: Sequence[Kind]) -> Row:
    return [sent(value, kind) for value, kind in zip(row, kinds, strict=True)]


def _duplicate(error: sqlite3.IntegrityError, table: Table) -> Refused:
    held = f"{table.held[1:-1]}."
    columns = tuple(part.removeprefix(held) for part in str(error).partition(": ")[2].split(", "))
    names = [one.name for one in table.indexes if one.columns == columns]
    return Refused(1, f"unique constraint ({table.owner}.{names[0] if names else '?'}) violated")
