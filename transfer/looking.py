"""A source that was looked at: which of its tables a request means, and what each is called in the target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from .access import Readable
from .errors import RequestError
from .plan import Finding
from .request import Request
from .schema.catalogue import Relation, Table
from .schema.entry import Ends
from .schema.further import Around
from .schema.names import check_table
from .schema.selection import Selected, select_tables
from .schema.staged import keyed


@dataclass(frozen=True)
class Looked:
    """A source that was looked at: its tables, those that are meant, what each becomes."""

    request: Request
    ends: Ends
    tables: Sequence[Table]
    selected: Sequence[Selected]
    skipped: Sequence[Finding]
    names: dict[Relation, Relation]
    readable: Readable

    @cached_property
    def around(self) -> Around:
        """What the source has beside its tables."""
        return Around(self.request, self.ends, self.ends.source.further(self.ends.source_session), self.names)


def look(request: Request, ends: Ends) -> Looked:
    """Look at a source, and for what is meant there."""
    ends = replace(ends, style=request.names)
    if request.mode not in ends.target.modes:
        raise RequestError(
            f"{ends.target.name} targets have no mode {request.mode}.",
            remedy=f"Modes there: {', '.join(ends.target.modes)}.",
        )
    if request.max_rejects and ends.target.landing != "transaction":
        raise RequestError(
            f"{ends.target.name} targets have no place for rejected rows.", remedy="Leave max_rejects out."
        )
    tables = ends.source.tables(ends.source_session)
    selected, skipped = select_tables(request, ends.source, ends.source_session, tables)
    selected = [keyed(one) for one in selected] if request.staging else selected
    names, readable = _target_names(request, ends, selected), Readable.of(request, ends, selected)
    return Looked(request, ends, tables, selected, skipped, names, readable)


def _target_names(request: Request, ends: Ends, selected: Sequence[Selected]) -> dict[Relation, Relation]:
    """Where each source table goes; RequestError if two would meet."""
    made: dict[Relation, Relation] = {}
    taken: dict[Relation, Relation] = {}
    folds = ends.target.folds_tables(ends.target_session)
    for item in selected:
        source = item.table.name
        target = _target_name(request, ends, item)
        check_table(source, target, ends.target)
        spelled = Relation(target.schema.lower(), target.table.lower()) if folds else target
        if spelled in taken:
            raise RequestError(
                f"{source} and {taken[spelled]} would both become {target} in {ends.target.name}.",
                remedy="Give one of them another name with 'to:'.",
            )
        taken[spelled] = source
        made[source] = target
    return made


def _target_name(request: Request, ends: Ends, item: Selected) -> Relation:
    source = item.table.name
    default = ends.target.default_schema
    if item.choice.to:
        schema, dot, table = item.choice.to.rpartition(".")
        return Relation(schema if dot else request.target_schema or default, table)
    return ends.home(source, request.target_schema)
