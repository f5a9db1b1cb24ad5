"""SQL Server 2017 and later."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Literal

import pyodbc

from ...canonical import Canon
from ...engine import Asked, Bounds, Build, Failure, Loader, Session, Source
from ...errors import RequestError
from ...overtime import Overtime
from ...place import Address
from ...plan import ColumnPlan, Cut, Finding, Hop, Statement
from ...rights import Right
from ...rules import split
from ...schema.aside import Aside
from ...schema.catalogue import Column, Further, Relation, Table
from ...schema.correction import Correction, CorrectWords, correction
from ...schema.partitioning import Partitioning
from ...schema.sql import MergeWords, merge, shortened
from ...schema.wording import Wording
from ...segments import Division
from ...specimen import as_table
from . import aside, catalogue, ddl, further, parting, rights
from .canon import SPECIMENS, checksum_sql
from .cuts import condition, cuts
from .loader import SqlServerLoader, inserting
from .profile import profile
from .reader import SqlServerReader
from .session import SqlServerSession, literal, numbers, qualified, quoted
from .source import SqlServerSource
from .types import READS, WRITES

_NAME_UNITS = 128
# sys.messages has a text for each.
_CODES: dict[int, Failure] = {
    **dict.fromkeys((-2, 64, 121, 233, 596, 601, 921, 1205, 1222, 3960, 3961, 5120, 10053, 10054, 10060, 11001,
                     17142, 40197, 40501, 40613, 49918), "transient"),
    **dict.fromkeys((220, 241, 242, 245, 515, 517, 535, 547, 1505, 2601, 2627, 2628), "data"),
    **dict.fromkeys((8114, 8115, 8134, 8152, 8169, 9420), "data"),
    **dict.fromkeys((207, 208, 213, 2705, 2714, 4902, 4922, 3701, 15151), "schema"),
    **dict.fromkeys((229, 230, 262, 300, 916, 4060, 15247, 18452, 18456, 18487, 18488), "login"),
    **dict.fromkeys((3952, 3953, 3954, 3957, 3958), "instant"),
    **dict.fromkeys((1101, 1105, 3967), "space"),
    **dict.fromkeys((511, 1946, 8618), "data"),  # a row, or a key, that is too large by itself
    1204: "size",  # its locks
    9002: "log",
    **dict.fromkeys((701, 802, 8645), "memory"),
}  # fmt: skip
_LOST = ("08S01", "08001", "HYT00", "HYT01")


class SqlServer:
    """Read at a snapshot; loaded by way of a temporary table."""

    name = "sqlserver"
    counted = "COUNT_BIG(*)"
    brackets = True  # around names, as quotes
    family = "sqlserver"
    schemes = ("mssql", "sqlserver")
    drivers: tuple[str, ...] = ("pyodbc", "mssql_python")
    landing: Literal["transaction"] = "transaction"
    instant: Literal["together"] = "together"
    writers: Literal["many"] = "many"
    takes: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ("nan",)
    unlike: tuple[str, ...] = ()
    density = 1.0
    logs = "the transaction log, and tempdb"
    busy = 1
    modes: tuple[str, ...] = ("create", "append", "replace", "truncate", "merge", "fill")
    atomic_ddl = True
    loose = False
    bounded = "none"  # see schema/declaring.py
    default_schema = "dbo"
    parents_first = False
    proves_references = True
    index_names: Literal["table"] = "table"
    key_names: Literal["schema"] = "schema"
    folds_columns = True
    overlooks_orphans = False
    delimits = True
    keys_in_order = True
    reads = READS
    writes = WRITES

    def words(self, session: Session | None) -> Wording:
        del session
        return Wording(
            "tsql", true="1", false="0", comments=True, partial=True, include=True, generated=("STORED", "VIRTUAL"),
            steps=True, always=True, next="NEXT VALUE FOR {name}",
            numbers="CREATE SEQUENCE {name} AS bigint START WITH {first} INCREMENT BY {step} "
            "MINVALUE {low} MAXVALUE {high} {cycle}",
            calls={"today": "CAST(GETDATE() AS date)", "timestamp": "CAST(SYSDATETIME() AS datetime2({digits}))",
                   "instant": "CAST(SYSDATETIMEOFFSET() AS datetimeoffset({digits}))", "uuid": "NEWID()",
                   "utc": "CAST(SYSUTCDATETIME() AS datetime2({digits}))"},
            means={"sysutcdatetime": "utc", "getutcdate": "utc", "newsequentialid": "uuid"}, texts="N{}", joins=True,
            trims=True, compared=True,
        )  # fmt: skip

    def quote(self, name: str) -> str:
        return quoted(name)

    def literal(self, value: object) -> str:
        return literal(value)

    def relation(self, relation: Relation) -> str:
        return qualified(relation)

    def name_of(self, name: str) -> str:
        return shortened(name, _NAME_UNITS, "utf-16-le")

    def refuses_name(self, name: str, kind: str) -> str:
        del kind
        if not name or len(name.encode("utf-16-le")) > 2 * _NAME_UNITS:
            return f"a name has 1 to {_NAME_UNITS} characters there"
        return "a name has no U+0000 there" if "\0" in name else ""

    def folds_tables(self, session: Session | None) -> bool:
        """By the database's collation; the usual one does."""
        if session is None:
            return True
        return bool(session.ask("SELECT 1 WHERE N'a' COLLATE DATABASE_DEFAULT = N'A' COLLATE DATABASE_DEFAULT"))

    def limit_memory(self, size: int) -> None:
        del size

    def connect(self, address: Address, *, create: bool = False) -> Session:
        del create
        return SqlServerSession(address)

    def tables(self, session: Session, schema: str = "") -> list[Table]:
        return catalogue.tables(session, schema)

    def further(self, session: Session) -> Further:
        return further.further(session)

    def describe(self, session: Session, query: str) -> Table:
        return catalogue.describe(session, query)

    def cuts(self, session: Session, table: Table, where: str, wanted: int) -> tuple[Cut, ...]:
        return cuts(session, table, where, wanted)

    def condition(self, cut: Cut) -> str:
        return condition(cut)

    def open(self, address: Address, hops: Sequence[Hop], consistency: str, count: int) -> Source:
        return SqlServerSource(self, address, hops, consistency, count)

    def locks(self, consistency: str, hops: Sequence[Hop]) -> tuple[str, ...]:
        if consistency not in ("run", "table"):
            return ("shared locks of rows, each while it is read",)
        return (
            "none where this account may make a database snapshot, which lies beside the database's files until the "
            "run has ended (?snapshot=no makes none)",
            f"else, with several readers, a shared lock on each of {len(hops)} tables while they begin their snapshots",
        )

    def gives(self, columns: Sequence[tuple[Column, ColumnPlan]]) -> tuple[str, ...]:
        return ()

    def profile(
        self, session: Session, table: Table, where: str, policies: Mapping[str, str]
    ) -> tuple[dict[str, str], list[Finding]]:
        return profile(session, table, where, policies)

    def checksum(
        self, session: Asked, relation: Relation, columns: Sequence[tuple[str, Canon, str]], where: str,
        division: Division | None = None,
    ) -> str:  # fmt: skip
        try:
            return checksum_sql(qualified(relation), columns, where, division, utf8=_utf8(session))
        except RequestError:
            return ""  # canon.py names the columns of which SQL makes no text

    def checksums(
        self, session: Session, hop: Hop, columns: Sequence[tuple[str, Canon, str]]
    ) -> dict[int, str] | None:  # fmt: skip
        """The same of each partition of a hop's table, by its number; None where it has others, or there is none."""
        found, utf8 = parting.conditions(session, hop), _utf8(session)
        try:
            return found and {
                number: checksum_sql(qualified(hop.writes), columns, where, utf8=utf8)
                for number, where in found.items()
            }
        except RequestError:
            return None

    def version(self, session: Session) -> str:
        return str(session.ask("SELECT CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128))")[0][0])

    def specimen(self, session: Asked, canon: Canon) -> str:
        if canon.form not in SPECIMENS or (canon.form in ("text", "padded") and not _utf8(session)):
            return ""
        return checksum_sql(*as_table(SPECIMENS, canon))

    def rights_to_read(
        self, session: Session, address: Address, tables: Sequence[Table], consistency: str, *, objects: bool
    ) -> list[Right]:
        named = [table.name for table in tables if table.kind != "query"]
        return rights.to_read(session, address, named, consistency)

    def check_source(self, session: Session, tables: Sequence[Table]) -> list[Finding]:
        return rights.hidden(session, [table.name for table in tables if table.kind != "query"])

    def bounds(self, session: Session | None) -> Bounds:
        del session
        return Bounds(value=(1 << 31) - 1, key=900, columns=1024)

    def size(self, column: Column) -> str:
        kind = split(column.native).name
        measured = ("varchar", "nvarchar", "char", "nchar", "text", "ntext", "binary", "varbinary", "image", "xml")
        return f"DATALENGTH({quoted(column.name)})" if kind in measured else ""

    def has_schema(self, session: Session, schema: str) -> bool:
        return bool(session.ask(f"SELECT 1 FROM sys.schemas WHERE name = {literal(schema)}"))

    def classify(self, error: BaseException) -> Failure:
        if isinstance(error, Overtime):
            return "other"
        cause = error if isinstance(error, pyodbc.Error) else error.__cause__ or error
        found = [_CODES[number] for number in numbers(cause) if number in _CODES]
        if not found and isinstance(cause, pyodbc.Error) and cause.args and cause.args[0] in _LOST:
            return "transient"
        return found[0] if found else "other"

    # As a target.

    def first(self, query: str, count: int) -> str:
        """The first rows of a query."""
        return ddl.first(query, count)

    def inserting(self, on: Relation, columns: Sequence[str], insert: str) -> str:
        """An INSERT that gives an identity its values, where it is among the columns."""
        return inserting(on, columns, insert)

    def unnumbered(self, table: Table) -> dict[str, str]:
        """Identity columns that give no numbers here, and why."""
        return ddl.unnumbered(table)

    def create_schema(self, schema: str) -> str:
        """The first statement of its batch, so it has one of its own."""
        return f"IF SCHEMA_ID({literal(schema)}) IS NULL EXEC ({literal(f'CREATE SCHEMA {quoted(schema)}')})"

    def loader(self, address: Address) -> Loader:
        return SqlServerLoader(address)

    def divided(
        self, session: Session | None, table: Table, there: Partitioning, taken: Collection[str], linked: Sequence[str]
    ) -> Table:
        """The table on a partition scheme of its own."""
        del taken, linked
        return parting.divided(session, table, there)

    def create(self, table: Table, into: Relation, *, bare: bool) -> str:
        return ddl.create(self, table, into, bare=bare)

    def finish(self, build: Build) -> list[Statement]:
        return [
            *ddl.keys(self, build), *ddl.checks(self, build), *ddl.identities(build), *ddl.remarks(build),
            *ddl.foreign_keys(self, build),
        ]  # fmt: skip

    def analyze(self, relation: Relation) -> str:
        return f"UPDATE STATISTICS {qualified(relation)}"

    def aside(self, session: Session, hops: Sequence[Hop]) -> tuple[list[Aside], list[Statement]]:
        return aside.aside(self, session, hops)

    def exists(self, relation: Relation) -> str:
        return ddl.exists(relation)

    def referenced(self, relation: Relation) -> str:
        return ddl.referenced(relation)

    def empty(self, relation: Relation) -> str:
        # TRUNCATE is refused where foreign keys refer to the table, also disabled ones.
        return f"DELETE FROM {qualified(relation)}"

    def thin(self, relation: Relation, rows: int) -> str:
        """Delete so many rows, whichever."""
        return f"DELETE TOP ({rows}) FROM {qualified(relation)}"

    def swap(self, relation: Relation, shadow: Relation, kept: Relation) -> str:
        return ddl.swap(relation, shadow, kept)

    def merge(self, hop: Hop, staging: Relation, preimages: Relation) -> tuple[str, ...]:
        return merge(self, hop, staging, preimages, MergeWords(_DIFFERS, _OCTETS, aliased_update=True))

    def correct(self, hop: Hop, staging: Relation, columns: Sequence[str]) -> Correction:
        made = correction(self, hop, staging, columns, CorrectWords(_SAME, _OCTETS, aliased_update=True))
        surplus = made.surplus.removesuffix(" LIMIT {rows}").replace("DELETE FROM", "DELETE TOP ({rows}) FROM", 1)
        return replace(made, surplus=surplus)

    def rights_to_write(
        self, session: Session | None, address: Address, hops: Sequence[Hop], statements: Sequence[Statement],
        there: Sequence[Relation],
    ) -> list[Right]:  # fmt: skip
        del address
        return rights.to_write(session, hops, statements, there) if session else []

    def free(self, session: Session | None, address: Address) -> int | None:
        del session, address
        return None

    def check_target(self, session: Session, hops: Sequence[Hop]) -> list[Finding]:
        return rights.logged(session) if hops else []


# Equal where both are NULL, too, in all versions; octets, so that blanks and letters' case count.
_SAME = "EXISTS (SELECT {t} INTERSECT SELECT {s})"
_DIFFERS = "NOT EXISTS (SELECT {t} INTERSECT SELECT {s})"
_OCTETS = "CAST({} AS varbinary(max))"


def _utf8(asked: Asked) -> bool:
    assert isinstance(asked, SqlServerSession | SqlServerReader)  # noqa: S101 - it is this engine's own
    return asked.utf8


ENGINE = SqlServer()
