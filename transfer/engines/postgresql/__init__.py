"""PostgreSQL 13 and later; physical slices from 14 on."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, Literal

import psycopg

from ...canonical import Canon
from ...engine import Asked, Bounds, Build, Failure, Loader, Session, Source
from ...errors import RequestError
from ...place import Address
from ...plan import ColumnPlan, Cut, Finding, Hop, Statement
from ...rights import Right
from ...rules import split
from ...schema.aside import Aside
from ...schema.attached import Attached, Exchange
from ...schema.catalogue import Column, Further, Relation, Table
from ...schema.correction import Correction, CorrectWords, correction
from ...schema.partitioning import Partitioning
from ...schema.sql import MergeWords, double_quoted, merge, range_condition, shortened, text_literal
from ...schema.wording import ALIKE, Wording
from ...segments import Division
from ...specimen import as_table
from ...types import Fidelity
from . import aside, catalogue, ddl, exchange, further, parting, pressure, rights, storage, traits
from .canon import SPECIMENS, checksum_sql
from .profile import profile
from .session import PostgreSqlLoader, PostgreSqlSession, alone, qualified
from .source import PostgreSqlSource
from .types import READS, WRITES

_NAME_BYTES = 63

# SQLSTATE classes and codes; research: online.md section 5.
_TRANSIENT = ("40001", "40P01", "55P03", "55006", "57P01", "57P02", "57P03", "53300")
_STATES: tuple[tuple[str, Failure], ...] = (
    ("08", "transient"), ("22", "data"), ("23", "data"), ("53100", "space"), ("42501", "login"), ("28", "login"),
    ("42", "schema"), ("54", "data"), ("53200", "memory"),  # 54: a value, or its entry in an index, is too large
)  # fmt: skip

_BINARY = "postgresql copy binary"


_CORRECT = CorrectWords(
    octets='{}::text COLLATE "C"', row="{t}.tableoid, {t}.ctid",
    own="({t}.tableoid = {name}::regclass OR EXISTS "
        "(SELECT FROM pg_class WHERE oid = {name}::regclass AND relkind = 'p'))",
)  # fmt: skip
_ACCENTS = "regexp_replace(normalize({}, NFD), '[\u0300-\u036f]', '', 'g')"  # in UTF8 only
_WORDS = Wording(
    "postgres", matches="{value} ~ {pattern}",
    comments=True, partial=True, include=True, generated=("STORED", "VIRTUAL"), stored_views=True,
    view_comments=True, keys_named=True,
    numbers="CREATE SEQUENCE {name} INCREMENT BY {step} MINVALUE {low} MAXVALUE {high} START WITH {first} {cycle}",
    exactly='(({})::text COLLATE "C")',
    unpadded="rtrim(({})::text, ' ')",
    next="nextval({text})", expressions=True, owner="ALTER {kind} {name} OWNER TO {role}", deferrable=True,
    steps=True, always=True, unproven=("NOT VALID",),
    apart="EXCLUDE USING gist (key WITH =, daterange(first, last) WITH &&) with the extension btree_gist",
    calls={"today": "CURRENT_DATE", "timestamp": "LOCALTIMESTAMP", "instant": "CURRENT_TIMESTAMP",
           "uuid": "gen_random_uuid()", "utc": "(CURRENT_TIMESTAMP AT TIME ZONE 'UTC')"},
)  # fmt: skip


def _known(session: Session) -> dict[str, Any]:
    """Collations, tablespaces and roles, each as SQL writes it."""
    collations = session.ask(
        "SELECT format('%I.%I', n.nspname, c.collname) FROM pg_collation c "
        "JOIN pg_namespace n ON n.oid = c.collnamespace"
    )
    spaces = session.ask("SELECT quote_ident(spcname) FROM pg_tablespace")
    roles = session.ask("SELECT rolname::text, quote_ident(rolname) FROM pg_roles")
    return {
        "collations": frozenset(str(row[0]) for row in collations), "spaces": frozenset(str(row[0]) for row in spaces),
        "accounts": {"PUBLIC": "PUBLIC", **{str(name): str(quoted) for name, quoted in roles}},
    }  # fmt: skip


class PostgreSql:
    """PostgreSQL."""

    name = "postgresql"
    family = "postgresql"
    schemes: tuple[str, ...] = ("postgresql", "postgres")
    drivers: tuple[str, ...] = ("psycopg", "adbc_driver_manager")
    landing: Literal["transaction"] = "transaction"
    instant: Literal["joinable"] = "joinable"
    writers: Literal["many"] = "many"
    takes = (_BINARY,)
    lacks = ("nul",)
    unlike: tuple[str, ...] = ()
    density = 1.2
    logs = "the write-ahead log"
    busy = 3  # itself and max_parallel_workers_per_gather, by default
    modes = ("create", "append", "replace", "truncate", "merge", "fill")
    atomic_ddl = True
    loose = False
    bounded = "both"  # see schema/declaring.py
    default_schema = "public"
    parents_first = False
    proves_references = True
    index_names: Literal["schema"] = "schema"
    key_names: Literal["table"] = "table"
    folds_columns = False
    overlooks_orphans = False
    delimits = False
    keeps_writers: tuple[str, ...] = ("prove", "block")
    proves = 1_000_000  # rows in a second; 1,000,000 of 12 columns took 0.5 s
    keys_in_order = False
    reads = READS
    writes = WRITES

    def words(self, session: Session | None) -> Wording:
        """VIRTUAL, NOT ENFORCED and WITHOUT OVERLAPS are there from version 18 on; the locale C folds ASCII only."""
        if session is None:
            return _WORDS
        ((version, locale, encoding),) = session.ask(
            "SELECT current_setting('server_version_num'), datctype, pg_encoding_to_char(encoding) FROM pg_database "
            "WHERE datname = current_database()"
        )
        new = int(str(version)) >= 180_000
        kinds = ("STORED", "VIRTUAL") if new else ("STORED",)
        made = session.ask("SELECT DISTINCT lower(proname::text), oid >= 16384 FROM pg_proc")  # from initdb on
        routines, functions = (frozenset(str(name) for name, own in made if own == is_own) for is_own in (True, False))
        brought = session.ask(
            "SELECT opcname::text FROM pg_opclass WHERE oid >= 16384 "
            "UNION SELECT amname::text FROM pg_am WHERE oid >= 16384"
        )
        return replace(
            _WORDS, generated=kinds, folds=locale not in ("C", "POSIX"), routines=routines, functions=functions,
            extended=frozenset(str(row[0]) for row in brought) | ({traits.SPANS} if new else set()), **_known(session),
            alike={**ALIKE, "accents": _ACCENTS} if encoding == "UTF8" else ALIKE,
            unproven=("NOT VALID", "NOT ENFORCED") if new else ("NOT VALID",),
            strict=(catalogue.STRICT,) if int(str(version)) >= 150_000 else (),
        )  # fmt: skip

    def overlooks(self, column: Column) -> tuple[str, ...]:
        """In what values of a column may differ that equality takes for one."""
        return catalogue.overlooks(column)

    def quote(self, name: str) -> str:
        return double_quoted(name)

    def literal(self, value: object) -> str:
        return text_literal(value)

    def relation(self, relation: Relation) -> str:
        return qualified(relation)

    def alone(self, session: Session, relation: Relation) -> str:
        return alone(session, relation)

    def name_of(self, name: str) -> str:
        return shortened(name, _NAME_BYTES)

    def refuses_name(self, name: str, kind: str) -> str:
        del kind
        return "" if name else "a name has at least one character"

    def folds_tables(self, session: Session | None) -> bool:
        del session
        return False

    def limit_memory(self, size: int) -> None:
        del size

    def connect(self, address: Address, *, create: bool = False) -> Session:
        del create
        return PostgreSqlSession(address)

    def tables(self, session: Session, schema: str = "") -> list[Table]:
        del schema
        return catalogue.tables(session)

    def further(self, session: Session) -> Further:
        return further.further(session)

    def describe(self, session: Session, query: str) -> Table:
        session.begin()
        try:
            session.execute(f"CREATE TEMP VIEW ropeway_query AS {query}")
            return catalogue.described(session, "pg_temp.ropeway_query")
        except psycopg.Error as error:
            raise RequestError(f"PostgreSQL refuses the query: {error}") from error
        finally:
            session.rollback()

    def create_schema(self, schema: str) -> str:
        """CREATE SCHEMA for a schema that may be missing; public is there."""
        return "" if schema == "public" else f"CREATE SCHEMA IF NOT EXISTS {double_quoted(schema)}"

    def cuts(self, session: Session, table: Table, where: str, wanted: int) -> tuple[Cut, ...]:
        """Page ranges of the heap (from version 14 they are read by a TID range scan), else key quantiles.

        The last range is open, so pages added since the plan are read too.
        """
        pages = int(table.physical.get("pages", 0))
        if wanted < 2:
            return (Cut(),)
        name = text_literal(qualified(table.name))
        ((version, whole),) = session.ask(
            f"SELECT current_setting('server_version_num'), has_table_privilege({name}, 'SELECT')"
        )
        # Who may read single columns only is not shown where a row lies.
        if pages and whole and int(str(version)) >= 140_000:
            bounds = sorted({pages * n // wanted for n in range(1, wanted)} - {0})
            return _ranges("physical", "ctid", bounds)
        if not table.key:
            return (Cut(),)
        return self._quantiles(session, table, where, wanted)

    def _quantiles(self, session: Session, table: Table, where: str, wanted: int) -> tuple[Cut, ...]:
        column = table.key[0]
        quoted = double_quoted(column)
        shares = ", ".join(str(n / wanted) for n in range(1, wanted))
        clause = f" WHERE {where}" if where else ""
        rows = session.ask(
            f'SELECT DISTINCT k::text COLLATE "C" FROM (SELECT unnest(percentile_disc(ARRAY[{shares}]) '
            f"WITHIN GROUP (ORDER BY {quoted})) AS k FROM {alone(session, table.name)}{clause}) AS q "
            "WHERE k IS NOT NULL"
        )
        ordered = session.ask(
            f"SELECT k FROM unnest(ARRAY[{', '.join(text_literal(str(r[0])) for r in rows)}]::text[]) AS k "
            f"ORDER BY k::{table.column(column).native}"
        )
        bounds: list[int | str] = [str(row[0]) for row in ordered]
        cuts = _ranges("range", column, bounds)
        return (*cuts, Cut("nulls", column)) if table.column(column).nullable else cuts

    def condition(self, cut: Cut) -> str:
        if cut.kind == "physical":
            return range_condition("ctid", cut, lambda page: f"'({page},0)'::tid")
        return "" if cut.kind == "whole" else range_condition(self.quote(cut.column), cut, self.literal)

    def open(self, address: Address, hops: Sequence[Hop], consistency: str, count: int) -> Source:
        return PostgreSqlSource(self, address, hops, consistency, count)

    def locks(self, consistency: str, hops: Sequence[Hop]) -> tuple[str, ...]:
        names = ", ".join(str(hop.reads) for hop in hops)
        held: tuple[str, ...] = (f"ACCESS SHARE on {names} while they are read (stops DROP and ALTER, not writers)",)
        if consistency in ("run", "table"):
            held += ("a snapshot held open for that time: VACUUM cannot remove newer dead rows",)
        return held

    def loader(self, address: Address) -> Loader:
        return PostgreSqlLoader(address)

    def gives(self, columns: Sequence[tuple[Column, ColumnPlan]]) -> tuple[str, ...]:
        """Undecoded means unconverted: only equal types have the same bytes. Some hold oids of types inside."""
        same = all(
            here.native == column.native
            and column.fidelity is not Fidelity.LOSSY  # by a policy, which a projection carries out
            and here.base not in ("composite", "range", "array of a user type")
            for here, column in columns
        )
        return (_BINARY,) if same else ()

    def profile(
        self, session: Session, table: Table, where: str, policies: Mapping[str, str]
    ) -> tuple[dict[str, str], list[Finding]]:
        return profile(session, table, where, policies)

    def unnumbered(self, table: Table) -> dict[str, str]:
        """Identity columns that give no numbers here, and why."""
        return ddl.unnumbered(table)

    def divided(
        self, session: Session | None, table: Table, there: Partitioning, taken: Collection[str], linked: Sequence[str]
    ) -> Table:
        """The table partitioned as another kind of engine has it; `linked` are foreign keys, which may be here."""
        del linked
        return parting.divided(self, session, table, there, taken)

    def stored(self, table: Table, options: dict[str, Any]) -> Table:
        """The table as it is to be kept."""
        return storage.stored(self, table, options)

    def create(self, table: Table, into: Relation, *, bare: bool) -> str:
        del bare  # tables are always made bare here
        return ddl.create(self, table, into)

    def finish(self, build: Build) -> list[Statement]:
        return [
            *ddl.keys(self, build), *ddl.identities(self, build), *ddl.always(self, build), *ddl.checks(self, build),
            *ddl.own(self, build),
            *ddl.remarks(self, build), *ddl.foreign_keys(self, build), *ddl.traits(self, build),
        ]  # fmt: skip

    def held_as(self, native: str, planned: str) -> str:
        """A numeric without precision holds what a numeric of any precision does, and each integer."""
        if split(planned).name in ("smallint", "integer", "bigint"):
            planned = "numeric(20,0)"
        return planned if native == "numeric" and split(planned).name == "numeric" else ""

    def analyze(self, relation: Relation) -> str:
        """Without statistics the first queries get poor plans."""
        return f"ANALYZE {self.relation(relation)}"

    def aside(self, session: Session, hops: Sequence[Hop]) -> tuple[list[Aside], list[Statement]]:
        return aside.aside(self, session, hops)

    def exists(self, relation: Relation) -> str:
        return f"SELECT 1 WHERE to_regclass({text_literal(qualified(relation))}) IS NOT NULL"

    def referenced(self, relation: Relation) -> str:
        named = rights.number_of(relation)
        return (
            f"SELECT 'foreign key ' || conname FROM pg_constraint WHERE confrelid = {named} "
            f"AND conrelid <> confrelid UNION ALL SELECT DISTINCT 'view ' || r.ev_class::regclass::text "
            f"FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid WHERE d.refobjid = {named} "
            f"AND r.ev_class <> d.refobjid UNION ALL SELECT DISTINCT 'grant to ' || a.grantee::regrole::text "
            f"FROM pg_class c, aclexplode(c.relacl) a WHERE c.oid = {named} AND a.grantee <> c.relowner"
        )

    def empty(self, relation: Relation) -> str:
        return f"TRUNCATE {self.relation(relation)}"

    def swap(self, relation: Relation, shadow: Relation, kept: Relation) -> str:
        return ddl.swap(self, relation, shadow, kept)

    def same(self, session: Session, other: Session) -> bool:
        """Whether both are in one database."""
        return exchange.same(session, other)

    def standing(self, asked: Asked, relation: Relation) -> str:
        """What stays equal as long as nobody writes to a table."""
        return exchange.standing(asked, relation)

    def hanging(self, asked: Asked, relation: Relation, among: Sequence[Relation]) -> str:
        """What a table is and what hangs on it, as one sum."""
        return exchange.hanging(asked, relation, among)

    def shut(self, relation: Relation) -> str:
        """Keep all others out of a table until the transaction ends."""
        return exchange.lock(relation)

    def holding(self, relation: Relation) -> str:
        """Keep writers out of a table until the transaction ends."""
        return exchange.hold(relation)

    def attached(self, session: Session, what: Exchange) -> Attached:
        """What hangs on a table, and goes over to the one that takes its place."""
        return exchange.attached(self, session, what)

    def exchange(self, what: Exchange, gone: Attached) -> tuple[str, str]:
        """The swap with what goes over, and its way back."""
        return exchange.swapping(what, gone)

    def merge(self, hop: Hop, staging: Relation, preimages: Relation) -> tuple[str, ...]:
        return merge(self, hop, staging, preimages, MergeWords(octets='{}::text COLLATE "C"'))

    def correct(self, hop: Hop, staging: Relation, columns: Sequence[str]) -> Correction:
        return correction(self, hop, staging, columns, _CORRECT)

    def checksum(
        self, session: Asked, relation: Relation, columns: Sequence[tuple[str, Canon, str]], where: str,
        division: Division | None = None,
    ) -> str:  # fmt: skip
        version, utf8 = _writes(session)
        on = alone(session, relation)
        try:
            return checksum_sql(on, columns, where, division=division, server_version=version, utf8=utf8)
        except RequestError:
            return ""  # a form that SQL cannot write of this type is checked by reading back

    def version(self, session: Session) -> str:
        return str(session.ask("SHOW server_version")[0][0])

    def specimen(self, session: Asked, canon: Canon) -> str:
        version, utf8 = _writes(session)
        if canon.form == "text" and not utf8:
            return ""  # not every letter of it is in the database's encoding
        return checksum_sql(*as_table(SPECIMENS, canon), server_version=version, utf8=utf8)

    def check_target(self, session: Session, hops: Sequence[Hop]) -> list[Finding]:
        """Of tables that are there: row level security hides rows from the proof too, others may inherit from them."""
        there = rights.hidden(session, [hop.writes for hop in hops if hop.mode != "create"])
        return [*there, *rights.inherited(session, hops)]

    def rights_to_read(
        self, session: Session, address: Address, tables: Sequence[Table], consistency: str, *, objects: bool
    ) -> list[Right]:
        del address, consistency
        return rights.to_read(session, tables, objects=objects)

    def check_source(self, session: Session, tables: Sequence[Table]) -> list[Finding]:
        return rights.hidden(session, [table.name for table in tables])

    def rights_to_write(
        self, session: Session | None, address: Address, hops: Sequence[Hop], statements: Sequence[Statement],
        there: Sequence[Relation],
    ) -> list[Right]:  # fmt: skip
        del address, statements
        return rights.to_write(session, hops, there) if session else []

    def bounds(self, session: Session | None) -> Bounds:
        """A third of a page for an entry of a B-tree, which holds for pages of 8 kB."""
        del session
        return Bounds(value=(1 << 30) - 1, key=2704, columns=1600)

    def size(self, column: Column) -> str:
        quoted = double_quoted(column.name)
        return f"octet_length({quoted})" if column.native == "bytea" else f"octet_length({quoted}::text)"

    def free(self, session: Session | None, address: Address) -> int | None:
        """No function of the server tells the free space of its file systems."""
        return None

    def has_schema(self, session: Session, schema: str) -> bool:
        return rights.has_schema(session, schema)

    def pressure(self, session: Session) -> dict[str, float]:
        return pressure.pressure(session)

    def classify(self, error: BaseException) -> Failure:
        state = getattr(error, "sqlstate", None) or ""
        if state in _TRANSIENT or (isinstance(error, psycopg.OperationalError) and not state):
            return "transient"
        return next((kind for prefix, kind in _STATES if state.startswith(prefix)), "other")


def _writes(session: Asked) -> tuple[int, bool]:
    """The server's version, and whether the database is encoded in UTF-8."""
    ((version, encoding),) = session.ask(
        "SELECT current_setting('server_version_num'), current_setting('server_encoding')"
    )
    return int(str(version)), encoding == "UTF8"


def _ranges(kind: str, column: str, bounds: Sequence[int | str]) -> tuple[Cut, ...]:
    edges: list[int | str | None] = [None, *bounds, None]
    return tuple(Cut(kind, column, low, high) for low, high in pairwise(edges))


ENGINE = PostgreSql()
