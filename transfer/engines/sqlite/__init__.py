"""SQLite: a file, one writer, any number of readers."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Literal

from ...canonical import Canon
from ...engine import Asked, Bounds, Build, Failure, Loader, Session, Source
from ...place import Address
from ...plan import ColumnPlan, Cut, Finding, Hop, Statement
from ...rights import Right
from ...rules import split
from ...schema.aside import Aside
from ...schema.attached import Attached, Exchange
from ...schema.catalogue import Column, Further, Relation, Table
from ...schema.correction import Correction, CorrectWords, correction
from ...schema.sql import MergeWords, double_quoted, merge, range_condition, text_literal
from ...schema.wording import ALIKE, Wording
from ...segments import Division
from .. import permissions
from . import aside, catalogue, ddl, exchange, further, spellings
from .loader import SqliteLoader, SqliteSession
from .profile import profile
from .reader import SqliteSource
from .second import SecondReader
from .types import DECIMALS, EXACT_DIGITS, READS, WRITES

# CURRENT_TIMESTAMP is in UTC there, as text without a zone; lower() knows ASCII only.
_WORDS = Wording(
    "sqlite", calls={"today": "CURRENT_DATE", "timestamp": "CURRENT_TIMESTAMP"}, true="1", false="0", partial=True,
    generated=("STORED", "VIRTUAL"), exact=False, folds=False, expressions=True,
    collations=frozenset({"NOCASE", "RTRIM"}), deferrable=True, exactly="({} COLLATE BINARY)",
    alike={**ALIKE, "accents": spellings.WITHOUT_ACCENTS},
)  # fmt: skip
_CORRECT = CorrectWords("{t} IS {s}", "CAST({} AS BLOB)", "{t}.rowid", heed="PRAGMA foreign_keys = ON")


class Sqlite:
    """SQLite 3.37 and later."""

    name = "sqlite"
    family = "sqlite"
    schemes = ("sqlite",)
    drivers: tuple[str, ...] = ("sqlite3", "adbc_driver_manager")
    landing: Literal["transaction"] = "transaction"
    instant: Literal["together"] = "together"
    writers: Literal["one"] = "one"
    takes: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ("nan",)
    unlike: tuple[str, ...] = ()
    density = 0.9
    logs = "its journal"
    busy = 1024
    modes = ("create", "append", "replace", "truncate", "merge", "fill")
    atomic_ddl = True
    loose = True
    default_schema = ""
    parents_first = False
    proves_references = False
    index_names: Literal["schema"] = "schema"
    key_names: Literal["table"] = "table"
    folds_columns = True
    overlooks_orphans = True
    delimits = False
    keeps_writers: tuple[str, ...] = ("prove",)
    proves = 200_000  # rows in a second; 1,000,000 of 12 columns took 4 s
    keys_in_order = False
    reads = READS
    writes = WRITES

    def words(self, session: Session | None) -> Wording:
        del session
        return _WORDS

    def quote(self, name: str) -> str:
        return double_quoted(name)

    def literal(self, value: object) -> str:
        return text_literal(value)

    def relation(self, relation: Relation) -> str:
        return double_quoted(relation.table)

    def name_of(self, name: str) -> str:
        return name

    def refuses_name(self, name: str, kind: str) -> str:
        reserved = kind != "column" and name.lower().startswith("sqlite_")
        return "names that begin with sqlite_ are its own" if reserved else ""

    def folds_tables(self, session: Session | None) -> bool:
        del session
        return True

    def limit_memory(self, size: int) -> None:
        del size

    def connect(self, address: Address, *, create: bool = False) -> Session:
        return SqliteSession(address, create=create)

    def tables(self, session: Session, schema: str = "") -> list[Table]:
        del schema
        return catalogue.tables(session)

    def further(self, session: Session) -> Further:
        return further.further(session)

    def describe(self, session: Session, query: str) -> Table:
        session.execute(f"CREATE TEMP VIEW ropeway_query AS {query}")
        columns = session.ask("SELECT name, type FROM pragma_table_xinfo('ropeway_query')")
        session.execute("DROP VIEW ropeway_query")
        made = tuple(Column(str(name), str(native)) for name, native in columns)
        return Table(Relation("", "query"), made, kind="query")

    def create_schema(self, schema: str) -> str:
        return ""

    def cuts(self, session: Session, table: Table, where: str, wanted: int) -> tuple[Cut, ...]:
        """Ranges of the rowid; it is the order of the rows in the file, whatever the keys are."""
        rowid = str(table.physical.get("rowid", ""))
        if wanted < 2 or not rowid:
            return (Cut(),)
        relation = self.relation(table.name)
        ((low, high),) = session.ask(catalogue.ends(rowid, relation))
        if low is None or int(str(high)) <= int(str(low)):
            return (Cut(),)
        first, last = int(str(low)), int(str(high))
        bounds = sorted({first + (last - first + 1) * i // wanted for i in range(1, wanted)})
        edges = [None, *bounds, None]
        return tuple(Cut("physical", rowid, lower, upper) for lower, upper in pairwise(edges))

    def condition(self, cut: Cut) -> str:
        if cut.kind == "whole":
            return ""
        column = cut.column if cut.kind == "physical" else self.quote(cut.column)
        return range_condition(column, cut, self.literal)

    def open(self, address: Address, hops: Sequence[Hop], consistency: str, count: int) -> Source:
        del hops
        return SqliteSource(self, address, consistency, count)

    def locks(self, consistency: str, hops: Sequence[Hop]) -> tuple[str, ...]:
        del hops
        if consistency not in ("run", "table"):
            return ()
        return (
            "BEGIN IMMEDIATE on the source file for some milliseconds while the readers start; "
            "without WAL a writer's COMMIT then waits until the readers are done",
        )

    def again(self, address: Address) -> SecondReader:
        """Rows by another driver than the one that moves them."""
        return SecondReader(self, address.database)

    def loader(self, address: Address) -> Loader:
        return SqliteLoader(address)

    def gives(self, columns: Sequence[tuple[Column, ColumnPlan]]) -> tuple[str, ...]:
        return ()

    def profile(
        self, session: Session, table: Table, where: str, policies: Mapping[str, str]
    ) -> tuple[dict[str, str], list[Finding]]:
        return profile(session, table, where, policies)

    def overlooks(self, column: Column) -> tuple[str, ...]:
        """In what values of a column may differ that equality takes for one."""
        return catalogue.overlooks(column)

    def spelt(self, column: ColumnPlan) -> str:
        """SQL of a value in one of the spellings that it may have; '' where it has one only."""
        return spellings.spelt(column, double_quoted(column.source))

    def unnumbered(self, table: Table) -> dict[str, str]:
        """Identity columns that give no numbers here, and why."""
        return ddl.unnumbered(table)

    def create(self, table: Table, into: Relation, *, bare: bool) -> str:
        shape = Table(table.name, table.columns) if bare else table
        return ddl.create(self, shape, into)

    def finish(self, build: Build) -> list[Statement]:
        return ddl.numbers(build) + ddl.indexes(self, build) + ddl.check_foreign_keys(self, build)

    def analyze(self, relation: Relation) -> str:
        """By the first thousand entries of each index: a fifth of the time of all for a million rows."""
        return f"PRAGMA analysis_limit = 1000;\nANALYZE {self.relation(relation)}"

    def aside(self, session: Session, hops: Sequence[Hop]) -> tuple[list[Aside], list[Statement]]:
        return aside.aside(self, session, hops)

    def held_as(self, native: str, planned: str) -> str:
        """A bare DECIMAL holds as reals what a DECIMAL of so few digits does; '' if it may not."""
        bare = split(native).name in DECIMALS and not split(native).arguments
        return planned if bare and 0 < split(planned).argument(0, 0) <= EXACT_DIGITS else ""

    def exists(self, relation: Relation) -> str:
        return ddl.exists(relation.table)

    def referenced(self, relation: Relation) -> str:
        name = text_literal(relation.table)
        return (
            "SELECT l.name FROM pragma_table_list l JOIN pragma_foreign_key_list(l.name) f "
            f"WHERE l.schema = 'main' AND f.\"table\" = {name} COLLATE NOCASE AND l.name <> {name} COLLATE NOCASE"
        )

    def empty(self, relation: Relation) -> str:
        return f"DELETE FROM {self.relation(relation)}"

    def swap(self, relation: Relation, shadow: Relation, kept: Relation) -> str:
        old, new = self.relation(relation), self.relation(shadow)
        # Without legacy_alter_table a rename would follow into the other tables' foreign keys.
        return (
            "PRAGMA legacy_alter_table = ON;\n"
            f"ALTER TABLE {old} RENAME TO {self.relation(kept)};\nALTER TABLE {new} RENAME TO {old};\n"
            "PRAGMA legacy_alter_table = OFF"
        )

    def same(self, session: Session, other: Session) -> bool:
        """Whether both are one file."""
        return exchange.same(session, other)

    def unsuited(self, session: Session) -> str:
        """Why no table of the file can be read while it is written; '' if one can."""
        return exchange.unsuited(session)

    def standing(self, asked: exchange.Streams, relation: Relation) -> str:
        """What stays equal as long as nobody writes to a table."""
        return exchange.standing(asked, relation)

    def hanging(self, asked: Asked, relation: Relation, among: Sequence[Relation]) -> str:
        """What a table is and what hangs on it, as one sum."""
        return exchange.hanging(asked, relation, among)

    def shut(self, relation: Relation) -> str:
        """Keep all other writers out until the transaction ends."""
        return exchange.lock(relation)

    def attached(self, session: Session, what: Exchange) -> Attached:
        """What hangs on a table, and goes over to the one that takes its place."""
        return exchange.attached(session, what)

    def exchange(self, what: Exchange, gone: Attached) -> tuple[str, str]:
        """The swap with what goes over, and its way back."""
        return exchange.swapping(self, what, gone)

    def merge(self, hop: Hop, staging: Relation, preimages: Relation) -> tuple[str, ...]:
        return merge(self, hop, staging, preimages, MergeWords("{t} IS NOT {s}", "{} COLLATE BINARY"))

    def correct(self, hop: Hop, staging: Relation, columns: Sequence[str]) -> Correction:
        return correction(self, hop, staging, columns, _CORRECT)

    def checksum(
        self, session: Asked, relation: Relation, columns: Sequence[tuple[str, Canon, str]], where: str,
        division: Division | None = None,
    ) -> str:  # fmt: skip
        return ""

    def version(self, session: Session) -> str:
        return str(session.ask("SELECT sqlite_version()")[0][0])

    def specimen(self, session: Asked, canon: Canon) -> str:
        del session, canon
        return ""

    def rights_to_read(
        self, session: Session, address: Address, tables: Sequence[Table], consistency: str, *, objects: bool
    ) -> list[Right]:
        del tables, consistency, objects
        return permissions.to_read(
            permissions.path_of(address), journal=str(session.ask("PRAGMA journal_mode")[0][0]) == "wal"
        )

    def check_source(self, session: Session, tables: Sequence[Table]) -> list[Finding]:
        return []

    def rights_to_write(
        self, session: Session | None, address: Address, hops: Sequence[Hop], statements: Sequence[Statement],
        there: Sequence[Relation],
    ) -> list[Right]:  # fmt: skip
        del session, hops, statements, there
        return permissions.to_write(permissions.path_of(address))

    def bounds(self, session: Session | None) -> Bounds:
        del session
        return Bounds(value=1_000_000_000, columns=2000)

    def size(self, column: Column) -> str:
        return f"length(CAST({double_quoted(column.name)} AS BLOB))"

    def free(self, session: Session | None, address: Address) -> int | None:
        del session
        return permissions.free(permissions.path_of(address))

    def has_schema(self, session: Session, schema: str) -> bool:
        return False

    def check_target(self, session: Session, hops: Sequence[Hop]) -> list[Finding]:
        del session, hops
        return []

    def classify(self, error: BaseException) -> Failure:
        text = str(error).lower()
        if "locked" in text or "busy" in text:
            return "transient"
        if "constraint failed" in text or "mismatch" in text or "too big" in text:
            return "data"
        if "disk is full" in text or "disk full" in text:
            return "space"
        return "schema" if isinstance(error, sqlite3.OperationalError) and "no such" in text else "other"


ENGINE = Sqlite()
