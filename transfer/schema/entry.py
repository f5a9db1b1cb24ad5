"""What planning works on: both ends, and each table on its way into the plan."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from ..engine import Engine, Session
from ..place import Address
from ..plan import ColumnPlan, Finding, Hop
from ..request import Choice
from .catalogue import Relation, Table
from .declared import Extremes
from .names import styled
from .transformed import Reshaped
from .wording import Wording


@dataclass(frozen=True)
class Ends:
    """Both engines with an open control connection each."""

    source: Engine
    source_session: Session
    target: Engine
    target_session: Session | None
    style: str = "keep"
    source_address: Address | None = None
    target_address: Address | None = None

    def name(self, name: str) -> str:
        """A source's name in the target: in the style that was asked for, within the engine's length.

        Where a name that nobody quoted is in capitals it means any letters: it gets the target's usual ones. A name
        without capitals gets some where that is how the target keeps what nobody quoted.
        """
        style, here, there = self.style, *(getattr(end, "capitals", False) for end in (self.source, self.target))
        if style == "keep" and here and not there and name == name.upper():
            style = "lower"
        made = styled(name, style)
        if there and made == made.lower() and (style == "snake" or (style == "keep" and not here)):
            made = made.upper()
        return self.target.name_of(made)

    def home(self, name: Relation, target_schema: str) -> Relation:
        """Where a relation goes: from one default schema to the other, `target_schema` before all."""
        default = self.target.default_schema
        home = name.schema in ("", self.source.default_schema) or not default
        return Relation(target_schema or (default if home else self.name(name.schema)), self.name(name.table))

    def rows_of(self, table: Table) -> str:
        """What a query of the source reads a table's rows from, as its reader does: without those of others."""
        alone = getattr(self.source, "alone", None)  # where tables inherit from others
        return alone(self.source_session, table.name) if alone else self.source.relation(table.name)

    @cached_property
    def source_words(self) -> Wording:
        """How the source words defaults and conditions."""
        return self.source.words(self.source_session)

    @cached_property
    def target_words(self) -> Wording:
        """How the target does, by its server's version."""
        return self.target.words(self.target_session)


@dataclass(frozen=True)
class Fed:
    """All entries that feed one table, each with its ends; what was `known` of their rows once is not asked again."""

    by: tuple[tuple[Entry, Ends], ...]
    known: dict[str, Extremes] = field(default_factory=dict)


@dataclass(frozen=True)
class Entry:
    """One table on its way into the plan: the source's, the target's, and what connects them.

    One that is `reshaped` is planned as its transforms leave it, and `source` is that. `fed` are all entries that go
    into the same table, itself too, where there are several.
    """

    choice: Choice
    source: Table
    table: Table
    columns: tuple[ColumnPlan, ...]
    findings: tuple[Finding, ...]
    mode: str
    hop: Hop | None = None
    reshaped: Reshaped | None = None
    fed: Fed | None = None

    @property
    def read(self) -> Table:
        """The table as the source has it."""
        return self.reshaped.read if self.reshaped else self.source

    @property
    def asked(self) -> bool:
        """Whether the source's SQL can be asked about its rows, as they will be loaded, by their columns' names."""
        return not self.reshaped and self.source.kind != "query"
