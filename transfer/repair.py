"""Setting a target right: rows it lacks are inserted, others updated in place, rows too many deleted.

Never by deleting a row and inserting it anew: its children would go with it where a foreign key cascades.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pyarrow as pa

from .commit import load, together
from .engine import Engine, Loader, Session
from .errors import EngineError, RequestError, RopewayError
from .plan import Cut, Hop, Slice
from .schema.catalogue import Column, Relation, Table
from .schema.correction import Correction
from .verification import backwards

_REACHES = ("CASCADE", "SET NULL", "SET DEFAULT")  # actions of a foreign key that change other rows
_PART = Slice(1, Cut())


@dataclass(frozen=True)
class Wrong:
    """Rows by which a target is not its source: those that it lacks, those it holds otherwise, those too many.

    `changed` are the source's rows, `before` the target's of the same keys, and `columns` those in which they differ.
    Each row of `extra` is there so many times too often as `copies` says; where rows are told apart by a key, that is
    once.
    """

    missing: pa.RecordBatch
    changed: pa.RecordBatch
    before: pa.RecordBatch
    extra: pa.RecordBatch
    copies: tuple[int, ...]
    columns: tuple[str, ...]
    keyed: bool


@dataclass(frozen=True)
class Tasks:
    """How many rows of a table a repair inserts, updates and deletes."""

    insert: int = 0
    update: int = 0
    delete: int = 0
    columns: tuple[str, ...] = ()
    keyed: bool = True

    @classmethod
    def of(cls, wrong: Wrong) -> Tasks:
        return cls(wrong.missing.num_rows, wrong.changed.num_rows, sum(wrong.copies), wrong.columns, wrong.keyed)

    def __add__(self, other: Tasks) -> Tasks:
        columns = tuple(dict.fromkeys((*self.columns, *other.columns)))
        return Tasks(
            self.insert + other.insert, self.update + other.update, self.delete + other.delete, columns,
            self.keyed and other.keyed,
        )  # fmt: skip


@dataclass(frozen=True)
class Reach:
    """What a repair does beyond its own rows, and the word that allows it."""

    allow: str
    message: str


def reaches(hop: Hop, tasks: Tasks, tables: Sequence[Table], triggers: Sequence[str]) -> Iterator[Reach]:
    """What the repair of a table does to other rows; `triggers` are those of the table."""
    updated = {name.casefold() for name in tasks.columns}
    for table in tables:
        for key in table.foreign_keys:
            if key.references != hop.writes:
                continue
            if tasks.delete and key.on_delete in _REACHES:
                what = f"deleting rows of {hop.writes} reaches {table.name} ({key.name}, ON DELETE {key.on_delete})"
                yield Reach("cascade", what)
            if updated & {name.casefold() for name in key.referenced} and key.on_update in _REACHES:
                what = f"updating rows of {hop.writes} reaches {table.name} ({key.name}, ON UPDATE {key.on_update})"
                yield Reach("cascade", what)
    if triggers:
        yield Reach("triggers", f"writing to {hop.writes} fires its triggers ({', '.join(triggers)})")


def reaches_outside(
    engine: Engine, session: Session, hop: Hop, tasks: Tasks, tables: Sequence[Table]
) -> Iterator[Reach]:  # fmt: skip
    """What is not known of: foreign keys of tables that the catalogue does not list, and triggers that it hides."""
    shows = getattr(engine, "shows_triggers", None)
    if shows and not shows(session, hop.writes):
        what = f"writing to {hop.writes} may fire triggers, which this account is not shown (GRANT TRIGGER would)"
        yield Reach("triggers", what)
    known = {f"foreign key {key.name}" for table in tables for key in table.foreign_keys}
    found = dict.fromkeys(str(row[0]) for row in session.ask(engine.referenced(hop.writes)))
    if tasks.delete or tasks.update:
        for name in found:
            if name.startswith("foreign key ") and name not in known:
                yield Reach("cascade", f"changing rows of {hop.writes} may reach what refers to it by {name}")


def triggers_of(engine: Engine, session: Session, relation: Relation) -> list[str]:
    """The names of a table's triggers."""
    listed = [one.name for one in engine.further(session).listed if one.kind == "trigger"]
    start = f"{relation.table}."
    return [
        name.table.removeprefix(start)
        for name in listed
        if name.schema == relation.schema and name.table.startswith(start)
    ]


def staging_of(engine: Engine, hop: Hop, table: Table, name: str) -> tuple[Hop, str]:
    """The hop as it loads into a staging table of that name, and the statement that makes this."""
    into = Relation(hop.writes.schema, engine.name_of(name))
    there = {column.name: column for column in table.columns}
    columns = tuple(
        Column(c.target, there[c.target].native, base=there[c.target].base, collation=there[c.target].collation)
        for c in hop.sent.columns
    )
    return replace(hop, into=into, raw=""), engine.create(Table(into, columns), into, bare=True)


@dataclass(frozen=True)
class Mender:
    """Means to set one table right. `staged` is its hop as `staging_of` gives it, `keep` takes rows before they go."""

    engine: Engine
    loader: Loader
    staged: Hop
    keep: Callable[[pa.RecordBatch], None]

    @contextmanager
    def staging(self, making: str) -> Iterator[None]:
        """The staging table, for as long as it is needed."""
        self.loader.execute(making)
        try:
            yield
        finally:
            self.loader.execute(f"DROP TABLE {self.engine.relation(self.staged.into)}")

    def mend(self, wrong: Wrong, *, deleting: bool = True, writing: bool = True) -> Tasks:
        """Set rows right in one transaction, or none of them; what was done."""
        tasks = Tasks.of(wrong)
        done = Tasks(tasks.insert * writing, tasks.update * writing, tasks.delete * deleting, wrong.columns)
        correction = self.engine.correct(self.staged, self.staged.into, self._settable(wrong))
        if correction.heed:
            self.loader.execute(correction.heed)

        def work() -> None:
            if deleting:
                self._delete(wrong, correction)
            if writing:
                self._update(wrong, correction)
                self._insert(wrong)

        try:
            together(work, self.loader)
        except RopewayError:
            raise
        except Exception as error:
            raise EngineError(
                f"{self.engine.name} refused to set {self.staged.writes} right: {error}",
                table=str(self.staged.writes),
                remedy="Nothing of this slice was changed. Mend the cause and repair again.",
            ) from error
        return done

    def _delete(self, wrong: Wrong, correction: Correction) -> None:
        if not wrong.extra.num_rows:
            return
        self.keep(wrong.extra.take(pa.array([at for at, copies in enumerate(wrong.copies) for _ in range(copies)])))
        if wrong.keyed:
            self._stage(wrong.extra, self._held)
            self._counted(self.loader.execute(correction.delete), wrong.extra.num_rows, "deleted")
            self._empty()
            return
        for place, copies in enumerate(wrong.copies):
            self._stage(wrong.extra.slice(place, 1), self._held)
            self._counted(self.loader.execute(correction.surplus.format(rows=copies)), copies, "deleted")
            self._empty()

    def _update(self, wrong: Wrong, correction: Correction) -> None:
        if not wrong.changed.num_rows:
            return
        self.keep(wrong.before)
        self._stage(wrong.changed, self.staged)
        # MySQL's UPDATE does not count those that it had so already.
        self._counted(int(str(self.loader.ask(correction.matched)[0][0])), wrong.changed.num_rows, "updated")
        self.loader.execute(correction.update)
        self._empty()

    def _settable(self, wrong: Wrong) -> list[str]:
        """The columns that differ and are not computed by the target: these follow."""
        computed = {column.target for column in self.staged.columns if column.computed}
        columns = [name for name in wrong.columns if name not in computed]
        if wrong.changed.num_rows and not columns:
            raise RequestError(
                f"{self.staged.writes} computes {', '.join(wrong.columns)} otherwise than the source does.",
                table=str(self.staged.writes), remedy="Mend the column's expression in the target.",
            )  # fmt: skip
        return columns

    def _insert(self, wrong: Wrong) -> None:
        if wrong.missing.num_rows:
            into = replace(self.staged, into=self.staged.writes)
            self._counted(load(self.loader, into, _PART, [wrong.missing]), wrong.missing.num_rows, "inserted")

    def _stage(self, rows: pa.RecordBatch, hop: Hop) -> None:
        load(self.loader, hop, _PART, [rows])

    @property
    def _held(self) -> Hop:
        """The hop for rows that the target holds: they have its types, not the source's."""
        return replace(backwards(self.engine, self.staged), into=self.staged.into)

    def _empty(self) -> None:
        self.loader.execute(f"DELETE FROM {self.engine.relation(self.staged.into)}")

    def _counted(self, rows: int, wanted: int, what: str) -> None:
        if rows != wanted:
            raise EngineError(
                f"{wanted} rows of {self.staged.writes} were to be {what}, and {rows} were.",
                table=str(self.staged.writes),
                remedy="Nothing of this slice was changed. Somebody else writes there, or a trigger took some.",
            )
