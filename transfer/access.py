"""Whether both accounts may do what a job takes, looked at before planning reads a row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property

from .engine import Engine
from .plan import Finding, Hop, Statement
from .policies import profiled
from .request import Request
from .rights import Right, missing
from .rules import read_rule
from .schema.catalogue import Relation, Table
from .schema.entry import Ends
from .schema.selection import Selected


@dataclass(frozen=True)
class Readable:
    """The source's side. A table that may not be read is planned by its declarations alone: a blocker stands for it."""

    request: Request
    ends: Ends
    rights: tuple[Right, ...]
    findings: tuple[Finding, ...]

    @classmethod
    def of(cls, request: Request, ends: Ends, selected: Sequence[Selected]) -> Readable:
        """Ask the catalogue for all tables at once."""
        tables = [_read(item) for item in selected]
        source, session, address = ends.source, ends.source_session, ends.source_address
        modes = {request.mode, *(choice.mode for choice in request.choices)}
        objects = bool(modes & {"create", "replace"})
        rights = (
            source.rights_to_read(session, address, tables, request.consistency, objects=objects) if address else []
        )
        return cls(request, ends, tuple(rights), (*missing(rights), *source.check_source(session, tables)))

    def may(self, table: Table) -> bool:
        """Whether nothing that this table needs is missing."""
        return not self._barred & {str(table.name), table.name.schema, "source"}

    @cached_property
    def _barred(self) -> frozenset[str]:
        return frozenset(one.where for one in self.rights if one.grade == "blocker" and not one.held)

    def asked(self, table: Table) -> Request:
        """The request as it is for this table: one that may not be read is not looked at for cuts and sums."""
        return self.request if self.may(table) else replace(self.request, slice_rows=0, raw=False)

    def profile(self, item: Selected, *, raw: bool) -> tuple[dict[str, str], list[Finding]]:
        """What the rows say where declarations leave it open; `raw` says that their bytes are to pass undecoded."""
        ends = self.ends
        if not self.may(item.table):
            words = {column.name: f"{column.base or column.native}, unread" for column in item.table.columns}
            return {name: word for name, word in words.items() if read_rule(ends.source.reads, word)}, []
        return profiled(self.request, item.choice, ends.source, ends.source_session, ends.target, item.table, raw=raw)


def _read(item: Selected) -> Table:
    """The table with the columns that are read of it; a condition may name others."""
    if not item.choice.columns or item.choice.where:
        return item.table
    read = {*item.choice.columns, *item.table.key}
    return replace(item.table, columns=tuple(column for column in item.table.columns if column.name in read))


@contextmanager
def permitted(engine: Engine) -> Iterator[None]:
    """Leave out a look at rows that this account may not see: the missing right is a blocker of its own."""
    try:
        yield
    except Exception as error:
        if engine.classify(error) != "login":
            raise


def writable(ends: Ends, hops: Sequence[Hop], statements: Sequence[Statement], there: Sequence[Table]) -> list[Right]:
    """The target's side; a target file that is not there yet is looked at by its folder."""
    if ends.target_address is None:
        return []
    present: list[Relation] = [table.name for table in there]
    return ends.target.rights_to_write(ends.target_session, ends.target_address, hops, statements, present)
