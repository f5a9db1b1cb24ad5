"""What engines share whose places take no SQL: no statements, no keys, and filters that Polars evaluates."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Literal

import pyarrow as pa

from ..canonical import Canon
from ..engine import Asked, Bounds, Build, Session
from ..errors import EngineError, RequestError
from ..place import Address
from ..plan import ColumnPlan, Cut, Finding, Hop, Statement
from ..rights import Right
from ..rules import Read, Write
from ..schema.aside import Aside
from ..schema.catalogue import Column, Further, Relation, Table
from ..schema.correction import Correction
from ..schema.sql import double_quoted, text_literal
from ..schema.wording import Wording
from ..segments import Division
from .alphabet import READS, WRITES, meaning_of
from .exact import Values, check_column

_COUNT = re.compile(r'SELECT count\(\*\) FROM "((?:[^"]|"")+)"')
_DELETE = re.compile(r'DELETE FROM "((?:[^"]|"")+)"')


class WithoutSql:
    """An engine of Ropeway's own types and no statements. Rows land in the table itself, part by part."""

    takes: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    unlike: tuple[str, ...] = ()
    density = 1.0
    logs = ""
    busy = 1024
    modes = ("create", "append")
    atomic_ddl = False
    loose = False
    default_schema = ""
    parents_first = False
    proves_references = True
    index_names: Literal["table"] = "table"
    key_names: Literal["table"] = "table"
    folds_columns = False
    overlooks_orphans = False
    delimits = False
    keys_in_order = False
    reads: Sequence[Read] = READS
    writes: Sequence[Write] = WRITES

    def limit_memory(self, size: int) -> None:
        del size  # what lies in memory was put there to lie there

    def words(self, session: Session | None) -> Wording:
        del session
        return Wording()

    def further(self, session: Session) -> Further:
        return Further()

    def refuses_name(self, name: str, kind: str) -> str:
        del name, kind
        return ""

    def folds_tables(self, session: Session | None) -> bool:
        del session
        return True  # a folder may lie in a file system that does

    def quote(self, name: str) -> str:
        return double_quoted(name)

    def literal(self, value: object) -> str:
        return text_literal(value)

    def relation(self, relation: Relation) -> str:
        return double_quoted(relation.table)

    def name_of(self, name: str) -> str:
        return name

    def gives(self, columns: Sequence[tuple[Column, ColumnPlan]]) -> tuple[str, ...]:
        return ()

    def describe(self, session: Session, query: str) -> Table:
        raise RequestError("This source runs no queries.", remedy="Name its tables; 'where' filters their rows.")

    def create_schema(self, schema: str) -> str:
        return ""

    def condition(self, cut: Cut) -> str:
        return ""

    def locks(self, consistency: str, hops: Sequence[Hop]) -> tuple[str, ...]:
        return ()

    def profile(
        self, session: Session, table: Table, where: str, policies: Mapping[str, str]
    ) -> tuple[dict[str, str], list[Finding]]:
        return {}, []

    def create(self, table: Table, into: Relation, *, bare: bool) -> str:
        return ""

    def finish(self, build: Build) -> list[Statement]:
        return []

    def aside(self, session: Session, hops: Sequence[Hop]) -> tuple[list[Aside], list[Statement]]:
        return [], []

    def exists(self, relation: Relation) -> str:
        return ""

    def referenced(self, relation: Relation) -> str:
        return ""

    def empty(self, relation: Relation) -> str:
        return f"DELETE FROM {self.relation(relation)}"

    def swap(self, relation: Relation, shadow: Relation, kept: Relation) -> str:
        return ""

    def merge(self, hop: Hop, staging: Relation, preimages: Relation) -> tuple[str, ...]:
        return ()

    def correct(self, hop: Hop, staging: Relation, columns: Sequence[str]) -> Correction:
        return Correction("", "", "", "", "")

    def checksum(
        self, session: Asked, relation: Relation, columns: Sequence[tuple[str, Canon, str]], where: str,
        division: Division | None = None,
    ) -> str:  # fmt: skip
        return ""

    def version(self, session: Session) -> str:
        return ""

    def specimen(self, session: Asked, canon: Canon) -> str:
        return ""

    def rights_to_read(
        self, session: Session, address: Address, tables: Sequence[Table], consistency: str, *, objects: bool
    ) -> list[Right]:
        return []

    def check_source(self, session: Session, tables: Sequence[Table]) -> list[Finding]:
        return []

    def rights_to_write(
        self, session: Session | None, address: Address, hops: Sequence[Hop], statements: Sequence[Statement],
        there: Sequence[Relation],
    ) -> list[Right]:  # fmt: skip
        return []

    def bounds(self, session: Session | None) -> Bounds:
        return Bounds()

    def size(self, column: Column) -> str:
        return ""

    def free(self, session: Session | None, address: Address) -> int | None:
        return None

    def has_schema(self, session: Session, schema: str) -> bool:
        return False

    def check_target(self, session: Session, hops: Sequence[Hop]) -> list[Finding]:
        for hop in hops:
            for column in hop.columns:
                check_column(hop, column, meaning_of(column.native).arrow)
        return []


def counted_table(sql: str) -> str:
    """The table whose rows a statement counts. RequestError for any other question."""
    found = _COUNT.fullmatch(sql)
    if not found:
        raise RequestError("This place takes no SQL.")
    return found[1].replace('""', '"')


def check_emptying(sql: str) -> None:
    """The one statement that is understood empties a table, and revoking its receipts has done that."""
    if not _DELETE.fullmatch(sql):
        raise RequestError("This place takes no SQL.", remedy="Leave out 'before' and 'after'.")


def chosen(batches: Iterator[pa.RecordBatch], hop: Hop) -> Iterator[pa.RecordBatch]:
    """The rows that a hop's WHERE and LIMIT leave, still with all columns."""
    left = hop.limit or -1
    for batch in batches:
        rows = batch.filter(_mask(batch, hop)) if hop.where else batch
        if 0 <= left < rows.num_rows:
            rows = rows.slice(0, left)
        if rows.num_rows:
            yield rows
        left -= rows.num_rows if left > 0 else 0
        if not left:
            return


def _mask(batch: pa.RecordBatch, hop: Hop) -> Values:
    import polars as pl  # as in exact.py

    with suppress(pl.exceptions.PolarsError):
        found = pl.DataFrame(batch).select(pl.sql_expr(hop.where)).to_series()
        if found.dtype == pl.Boolean and len(found) == batch.num_rows:
            return found.fill_null(value=False).to_arrow().cast(pa.bool_())
    raise EngineError(
        f"The condition for {hop.reads} cannot be evaluated: {hop.where}",
        table=str(hop.reads), remedy="It is SQL over one row's columns, as Polars understands it.",
    )  # fmt: skip
