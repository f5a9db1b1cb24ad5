"""DuckDB: a file that one process opens; one writer, any number of readers inside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import pairwise
from typing import Literal

import duckdb

from ...canonical import Canon
from ...engine import Asked, Bounds, Build, Failure, Loader, Session, Source
from ...errors import RequestError
from ...place import Address
from ...plan import ColumnPlan, Cut, Finding, Hop, Statement
from ...rights import Right
from ...schema.aside import Aside
from ...schema.catalogue import Column, ForeignKey, Further, Relation, Table
from ...schema.correction import Correction, CorrectWords, correction
from ...schema.sql import MergeWords, double_quoted, merge, range_condition, text_literal
from ...schema.wording import ALIKE, Wording
from ...segments import Division
from ...specimen import as_table
from .. import permissions
from ..exact import check_column
from . import aside, catalogue, ddl, further
from .canon import SPECIMENS, checksum_sql
from .connection import DuckSession, is_short_of_memory, limit_memory, qualified
from .loader import DuckLoader
from .profile import profile
from .raw import PARQUET, is_plain
from .reader import DuckSource
from .types import READS, WRITES, slot

_GROUP_ROWS = 122_880  # rows of a row group, which a range of row ids reads or passes over as a whole
_FAILURES: tuple[tuple[type[duckdb.Error], Failure], ...] = (
    (duckdb.ConstraintException, "data"),
    (duckdb.DataError, "data"),
    (duckdb.CatalogException, "schema"),
    (duckdb.BinderException, "schema"),
    (duckdb.PermissionException, "login"),
)


_WORDS = Wording(
    "duckdb", matches="regexp_matches({value}, {pattern})",
    comments=True, view_comments=True, descending=False, generated=("VIRTUAL",), constrained=False,
    numbers="CREATE SEQUENCE {name} INCREMENT BY {step} MINVALUE {low} MAXVALUE {high} START WITH {first} {cycle}",
    next="nextval({text})", expressions=True, keys_fold=False, steps=True,
    calls={"today": "current_date", "timestamp": "current_localtimestamp()", "instant": "current_timestamp",
           "uuid": "uuid()"},
    alike={**ALIKE, "accents": "strip_accents({})"},
)  # fmt: skip


class DuckDb:
    """DuckDB 2.0 and later."""

    name = "duckdb"
    family = "duckdb"
    schemes = ("duckdb",)
    drivers: tuple[str, ...] = ("duckdb", "_duckdb")
    landing: Literal["transaction"] = "transaction"
    instant: Literal["together"] = "together"
    writers: Literal["one"] = "one"
    takes: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    unlike: tuple[str, ...] = ()
    density = 0.35
    logs = ""
    busy = 1024
    modes = ("create", "append", "replace", "truncate", "merge", "fill")
    atomic_ddl = True
    loose = False
    default_schema = "main"
    parents_first = True
    proves_references = True
    index_names: Literal["schema"] = "schema"
    key_names: Literal["table"] = "table"
    folds_columns = True
    overlooks_orphans = False
    delimits = False
    keys_in_order = True
    reads = READS
    writes = WRITES

    def words(self, session: Session | None) -> Wording:
        words = replace(_WORDS, collations=_collations())
        if session is None:
            return words
        made = session.ask("SELECT DISTINCT lower(function_name) FROM duckdb_functions() WHERE NOT internal")
        return replace(words, routines=frozenset(str(row[0]) for row in made))

    def overlooks(self, column: Column) -> tuple[str, ...]:
        """In what values of a column may differ that a key takes for one: collations order and search only."""
        return ("case",) if column.native == "UUID" else ()

    def refuses_name(self, name: str, kind: str) -> str:
        del kind
        return "" if name else "a name has at least one character"

    def folds_tables(self, session: Session | None) -> bool:
        del session
        return True

    def limit_memory(self, size: int) -> None:
        limit_memory(size)

    def quote(self, name: str) -> str:
        return double_quoted(name)

    def literal(self, value: object) -> str:
        return text_literal(value)

    def relation(self, relation: Relation) -> str:
        return qualified(relation.schema or self.default_schema, relation.table)

    def name_of(self, name: str) -> str:
        return name

    def connect(self, address: Address, *, create: bool = False) -> Session:
        return DuckSession(address, create=create)

    def tables(self, session: Session, schema: str = "") -> list[Table]:
        return catalogue.tables(session, schema)

    def further(self, session: Session) -> Further:
        return further.further(session)

    def describe(self, session: Session, query: str) -> Table:
        rows = session.ask(f"DESCRIBE {query}")
        made = tuple(
            Column(str(name), str(native), labels=catalogue.labels_of(str(native))) for name, native, *_ in rows
        )
        return Table(Relation("", "query"), made, kind="query")

    def create_schema(self, schema: str) -> str:
        return "" if schema in ("", self.default_schema) else f"CREATE SCHEMA IF NOT EXISTS {qualified(schema)}"

    def cuts(self, session: Session, table: Table, where: str, wanted: int) -> tuple[Cut, ...]:
        """Ranges of the row id, along the borders of row groups where these are not too coarse."""
        rowid = str(table.physical.get("rowid", ""))
        if wanted < 2 or not rowid:
            return (Cut(),)
        ((last,),) = session.ask(f"SELECT max({rowid}) FROM {self.relation(table.name)}")
        rows = 0 if last is None else int(str(last)) + 1
        step = -(-rows // wanted)
        if step > _GROUP_ROWS // 2:
            step = max(1, round(step / _GROUP_ROWS)) * _GROUP_ROWS
        edges = [None, *range(step, rows, step), None] if step else [None, None]
        return tuple(Cut("physical", rowid, lower, upper) for lower, upper in pairwise(edges))

    def condition(self, cut: Cut) -> str:
        if cut.kind == "whole":
            return ""
        column = cut.column if cut.kind == "physical" else self.quote(cut.column)
        return range_condition(column, cut, self.literal)

    def open(self, address: Address, hops: Sequence[Hop], consistency: str, count: int) -> Source:
        return DuckSource(self, address, count)

    def locks(self, consistency: str, hops: Sequence[Hop]) -> tuple[str, ...]:
        return ("a shared lock on the source file while it is read: other processes can read it, none can write",)

    def loader(self, address: Address) -> Loader:
        return DuckLoader(address)

    def gives(self, columns: Sequence[tuple[Column, ColumnPlan]]) -> tuple[str, ...]:
        return (PARQUET,) if all(is_plain(here.native, column) for here, column in columns) else ()

    def profile(
        self, session: Session, table: Table, where: str, policies: Mapping[str, str]
    ) -> tuple[dict[str, str], list[Finding]]:
        return profile(session, table, where, policies)

    def create(self, table: Table, into: Relation, *, bare: bool) -> str:
        shape = Table(table.name, table.columns) if bare else table
        return ddl.create(self, shape, into)

    def finish(self, build: Build) -> list[Statement]:
        return ddl.identities(self, build) + ddl.remarks(self, build) + ddl.indexes(self, build)

    def reference(
        self, foreign: ForeignKey, table: Table, parent: Table, swapped: bool
    ) -> tuple[ForeignKey | None, str]:
        """A foreign key as it can be made beside its parent, and what is lost of it in words."""
        return ddl.reference(foreign, table, parent, swapped=swapped)

    def analyze(self, relation: Relation) -> str:
        """The numbers of distinct values, from a sample: 0.15 s for three million rows."""
        return f"ANALYZE {self.relation(relation)}"

    def aside(self, session: Session, hops: Sequence[Hop]) -> tuple[list[Aside], list[Statement]]:
        return aside.aside(self, session, hops)

    def exists(self, relation: Relation) -> str:
        return ddl.exists(Relation(relation.schema or self.default_schema, relation.table))

    def referenced(self, relation: Relation) -> str:
        # Views are bound by name when they are used, so they follow a swap by themselves.
        table = text_literal(relation.table)
        return (
            "SELECT DISTINCT table_name FROM duckdb_constraints() WHERE database_name = current_database() "
            f"AND constraint_type = 'FOREIGN KEY' AND lower(referenced_table) = lower({table}) "
            f"AND schema_name = {text_literal(relation.schema or self.default_schema)} "
            f"AND lower(table_name) <> lower({table})"
        )

    def empty(self, relation: Relation) -> str:
        return f"DELETE FROM {self.relation(relation)}"

    def swap(self, relation: Relation, shadow: Relation, kept: Relation) -> str:
        return ddl.swap(self, relation, shadow, kept)

    def merge(self, hop: Hop, staging: Relation, preimages: Relation) -> tuple[str, ...]:
        return merge(self, hop, staging, preimages, MergeWords(octets="encode({}::VARCHAR)"))

    def correct(self, hop: Hop, staging: Relation, columns: Sequence[str]) -> Correction:
        return correction(self, hop, staging, columns, CorrectWords(octets="encode({}::VARCHAR)", row="{t}.rowid"))

    def checksum(
        self, session: Asked, relation: Relation, columns: Sequence[tuple[str, Canon, str]], where: str,
        division: Division | None = None,
    ) -> str:  # fmt: skip
        try:
            return checksum_sql(self.relation(relation), columns, where, division)
        except RequestError:
            return ""  # a form that SQL cannot write of this type is checked by reading back

    def version(self, session: Session) -> str:
        return str(session.ask("SELECT version()")[0][0])

    def specimen(self, session: Asked, canon: Canon) -> str:
        del session
        return checksum_sql(*as_table(SPECIMENS, canon))

    def rights_to_read(
        self, session: Session, address: Address, tables: Sequence[Table], consistency: str, *, objects: bool
    ) -> list[Right]:
        del session, tables, consistency, objects
        return permissions.to_read(permissions.path_of(address))

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
        return Bounds(value=(1 << 32) - 1)

    def size(self, column: Column) -> str:
        quoted = double_quoted(column.name)
        return f"octet_length({quoted})" if column.native == "BLOB" else f"strlen({quoted}::VARCHAR)"

    def free(self, session: Session | None, address: Address) -> int | None:
        del session
        return permissions.free(permissions.path_of(address))

    def has_schema(self, session: Session, schema: str) -> bool:
        return False

    def check_target(self, session: Session, hops: Sequence[Hop]) -> list[Finding]:
        """RequestError for a table that cannot be renamed, or whose types cannot take the source's."""
        there = {table.name: table for table in self.tables(session)}
        findings = []
        for hop in hops:
            for column in hop.columns if hop.mode in ("append", "truncate", "merge", "fill") else ():
                place = slot(column.native)
                if not place.takes(column.type.arrow):
                    check_column(hop, column, place.arrow)
            old = there.get(hop.writes)
            if old and hop.mode == "replace":
                _check_renaming(hop, old)
            if old and hop.mode == "merge":
                findings += self._hindrances(session, hop, old)
        return findings

    def _hindrances(self, session: Session, hop: Hop, table: Table) -> list[Finding]:
        """DuckDB updates an indexed column by deleting the row and inserting it again."""
        updated = {column.target for column in hop.columns} - set(hop.key)
        indexes = [index.name for index in table.indexes if updated & set(index.columns)]
        if not indexes or not session.ask(self.referenced(hop.writes)):
            return []
        said = f"DuckDB refuses to update rows that another table refers to, because of {', '.join(indexes)}"
        return [
            Finding(
                "warning",
                str(hop.writes),
                f"{said}; rows that nobody refers to are updated",
                "update-hindered",
                f"Drop {', '.join(indexes)} before the run, and make it again afterwards.",
            )
        ]

    def classify(self, error: BaseException) -> Failure:
        cause = error if isinstance(error, duckdb.Error) else error.__cause__
        text = str(error).lower()
        if "no space left" in text:
            return "space"
        if cause and is_short_of_memory(cause):
            return "memory"
        if isinstance(cause, duckdb.TransactionException) and "conflict" in text:
            return "transient"
        return next((failure for kind, failure in _FAILURES if isinstance(cause, kind)), "other")


@cache
def _collations() -> frozenset[str]:
    """Those that DuckDB brings, and what they may be joined with; a file has none of its own."""
    with duckdb.connect() as connection:
        known = [str(row[0]) for row in connection.execute("SELECT collname FROM pragma_collations()").fetchall()]
    return frozenset({f"{name}.{more}" for name in known for more in ("nocase", "noaccent")}.union(known))


def _check_renaming(hop: Hop, table: Table) -> None:
    indexes = [index.name for index in table.indexes if not index.constraint]
    if indexes:
        raise RequestError(
            f"{hop.writes} cannot be replaced: DuckDB renames no table that has indexes, and it has "
            f"{', '.join(indexes)}.",
            table=str(hop.writes),
            remedy="Drop them first (the new table gets the source's), or use --mode truncate.",
        )


ENGINE = DuckDb()
