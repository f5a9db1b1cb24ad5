"""Oracle as a target: the part of the engine that writes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from ...engine import Build, Loader, Session
from ...place import Address
from ...plan import Cut, Finding, Hop, Statement
from ...rights import Right
from ...rules import Write
from ...schema.aside import Aside
from ...schema.catalogue import ForeignKey, Relation, Table
from ...schema.correction import Correction
from ...schema.partitioning import Partitioning, with_nulls
from ...schema.sql import double_quoted, shortened, text_literal
from . import allowed, aside, ddl, merging, parting
from .loader import OracleLoader
from .session import qualified
from .writes import WRITES

NAME_BYTES = 128
NUMBERS = "CREATE SEQUENCE {name} INCREMENT BY {step} MINVALUE {low} MAXVALUE {high} START WITH {first} {cycle}"


class OracleTarget:
    """What writing takes. Its DDL commits by itself, and before it what was open."""

    modes: tuple[str, ...] = ("create", "append", "replace", "truncate", "merge", "fill")
    lacks: tuple[str, ...] = ("empty",)
    atomic_ddl = False
    nothing = "SELECT 1 FROM dual"
    partitions_take = (
        "tables are partitioned, and Oracle licenses its Partitioning option apart from the Enterprise Edition"
    )
    writes: Sequence[Write] = WRITES

    def quote(self, name: str) -> str:
        return double_quoted(name)

    def literal(self, value: object) -> str:
        return text_literal(value)

    def relation(self, relation: Relation) -> str:
        return qualified(relation)

    def condition(self, cut: Cut) -> str:
        raise NotImplementedError

    def first(self, query: str, count: int) -> str:
        return f"{query} FETCH FIRST {count} ROWS ONLY"

    def name_of(self, name: str) -> str:
        made = shortened(name, NAME_BYTES)
        return made if made == name else made[:-8] + made[-8:].upper()

    def create_schema(self, schema: str) -> str:
        """A schema is an account there, which is not ours to make."""
        del schema
        return ""

    def loader(self, address: Address) -> Loader:
        return OracleLoader(address)

    def divided(
        self, session: Session | None, table: Table, there: Partitioning, taken: Collection[str], linked: Sequence[str]
    ) -> Table:
        """The table partitioned as the source has it; keys that lack the columns are of the whole table."""
        del taken, linked
        parting.check_option(session)
        return replace(table, partitioned=parting.clause(table, there), division=with_nulls(there, "last"))

    def create(self, table: Table, into: Relation, *, bare: bool) -> str:
        return ddl.create(self, table, into, bare=bare)

    def finish(self, build: Build) -> list[Statement]:
        return [
            *ddl.keys(self, build), *ddl.checks(self, build), *ddl.identities(build), *ddl.remarks(self, build),
            *ddl.foreign_keys(self, build),
        ]  # fmt: skip

    def reference(self, key: ForeignKey, child: Table, parent: Table, replaced: bool) -> tuple[ForeignKey | None, str]:
        """A foreign key as it can be here, and what it loses."""
        del child, parent, replaced
        return ddl.reference_of(key)

    def unnumbered(self, table: Table) -> dict[str, str]:
        """Identity columns that give no numbers here, and why."""
        return ddl.unnumbered(table)

    def fitted(self, table: Table) -> dict[str, tuple[str, str]]:
        """Columns that need another native type for the sake of an index, and why."""
        return ddl.fitted(table)

    def analyze(self, relation: Relation) -> str:
        """The server gathers none by itself before its next window of maintenance."""
        return ddl.analyze(relation)

    def aside(self, session: Session, hops: Sequence[Hop]) -> tuple[list[Aside], list[Statement]]:
        return aside.aside(self, session, hops)

    def exists(self, relation: Relation) -> str:
        return ddl.exists(relation)

    def referenced(self, relation: Relation) -> str:
        return ddl.referenced(relation)

    def empty(self, relation: Relation) -> str:
        # TRUNCATE would commit by itself; DELETE stays inside the transaction of its journal entry.
        return f"DELETE FROM {qualified(relation)}"

    def thin(self, relation: Relation, rows: int) -> str:
        """Delete so many rows, whichever."""
        return f"DELETE FROM {qualified(relation)} WHERE ROWNUM <= {rows}"

    def swap(self, relation: Relation, shadow: Relation, kept: Relation) -> str:
        return ddl.swap(relation, shadow, kept)

    def swapped(self, relation: Relation, shadow: Relation, kept: Relation) -> str:
        """A query that returns a row once a swap has happened as a whole."""
        return ddl.swapped(relation, shadow, kept)

    def dropping(self, kind: str, relation: Relation) -> str:
        """DROP for what may be gone."""
        return ddl.drop(kind, relation)

    def merge(self, hop: Hop, staging: Relation, preimages: Relation) -> tuple[str, ...]:
        return merging.merge(self, hop, staging, preimages)

    def correct(self, hop: Hop, staging: Relation, columns: Sequence[str]) -> Correction:
        return merging.correct(hop, staging, columns)

    def rights_to_write(
        self, session: Session | None, address: Address, hops: Sequence[Hop], statements: Sequence[Statement],
        there: Sequence[Relation],
    ) -> list[Right]:  # fmt: skip
        del address, there
        return allowed.to_write(session, hops, statements) if session else []

    def check_target(self, session: Session, hops: Sequence[Hop]) -> list[Finding]:
        return allowed.check(session, hops)
