"""What the databases hold, besides rows: schemas, tables, views, sequences, comments."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

from ..spoken import Kind, Refused
from .modules import Module, Policy, stands_for
from .partitions import Partitioning

Named = tuple[str, str]  # schema and name in small letters


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@dataclass
class Shape:
    """A column of a table."""

    name: str
    kind: Kind
    nullable: bool = True
    identity: tuple[int, int] | None = None  # seed and step
    default: str | None = None  # its expression
    default_name: str = ""
    computed: str | None = None
    persisted: bool = False
    place: int = 0  # column_id
    mask: str = ""  # a masking function, which is not carried out
    alias: int = 0  # user_type_id, where its type is one that a user made


@dataclass
class Constraint:
    """PK, UQ, C or F."""

    name: str
    type: str
    columns: tuple[str, ...] = ()
    text: str = ""  # of a check
    refers: Named = ("", "")
    referred: tuple[str, ...] = ()
    on_delete: str = "NO_ACTION"
    on_update: str = "NO_ACTION"
    number: int = 0
    system_named: bool = False
    trusted: bool = True
    enabled: bool = True


@dataclass
class Index:
    name: str
    columns: tuple[tuple[str, bool], ...]  # and whether descending
    unique: bool = False
    primary: bool = False
    constraint: bool = False
    clustered: bool = False
    included: tuple[str, ...] = ()
    filter: str | None = None
    number: int = 0
    enabled: bool = True
    apart: bool = False  # not where its partitioned table is


@dataclass
class Table:
    schema: str
    name: str
    number: int
    columns: list[Shape] = field(default_factory=list)
    constraints: list[Constraint] = field(default_factory=list)
    indexes: list[Index] = field(default_factory=list)
    next_identity: int = 0
    space: int = 1  # data_space_id
    spread: str = ""  # the column that it is partitioned by
    drawn_identity: bool = False

    @property
    def held(self) -> str:
        """Its name in SQLite."""
        return quoted(f"t{self.number}")

    def column(self, name: str) -> Shape:
        for one in self.columns:
            if one.name.lower() == name.lower():
                return one
        raise Refused(207, f"Invalid column name '{name}'.")


@dataclass
class View:
    schema: str
    name: str
    number: int
    text: str  # its query
    definition: str
    columns: tuple[str, ...] = ()


@dataclass
class Numbers:
    """A sequence."""

    schema: str
    name: str
    number: int
    kind: Kind
    start: int = 1
    step: int = 1
    least: int = 0
    most: int = 0
    cycle: bool = False
    next: int = 1


@dataclass
class Alias:
    """CREATE TYPE ... FROM."""

    schema: str
    name: str
    number: int
    kind: Kind
    nullable: bool = True


@dataclass
class Catalogue:
    """One database's."""

    schemas: dict[str, tuple[str, int]] = field(default_factory=lambda: {"dbo": ("dbo", 1), "sys": ("sys", 4)})
    tables: dict[Named, Table] = field(default_factory=dict)
    views: dict[Named, View] = field(default_factory=dict)
    sequences: dict[Named, Numbers] = field(default_factory=dict)
    aliases: dict[Named, Alias] = field(default_factory=dict)
    modules: dict[Named, Module] = field(default_factory=dict)
    partitionings: dict[str, Partitioning] = field(default_factory=dict)
    policies: list[Policy] = field(default_factory=list)
    comments: dict[tuple[int, int, str], str] = field(default_factory=dict)  # by object, column, name
    last: int = 901_578_250

    def number(self) -> int:
        self.last += 16_000_057 if self.last < 2_000_000_000 else -1_890_000_000
        return self.last

    def found(self, schema: str, name: str) -> Table | View | Numbers | None:
        key = (schema or "dbo").lower(), name.lower()
        found = self.tables.get(key) or self.views.get(key) or self.sequences.get(key)
        other = None if found else stands_for(self.modules, *key)
        return self.found(*other) if other else found

    def table(self, schema: str, name: str) -> Table:
        found = self.found(schema, name)
        if not isinstance(found, Table):
            shown = f"{schema}.{name}" if schema else name
            raise Refused(208, f"Invalid object name '{shown}'.")
        return found

    def free(self, schema: str, name: str) -> None:
        if schema.lower() not in self.schemas:
            raise Refused(2760, f'The specified schema name "{schema}" either does not exist or you do not have '
                                f'permission '
                                "to use it.")  # fmt: skip
        if self.found(schema, name):
            raise Refused(2714, f"There is already an object named '{name}' in the database.", state=6)


def numbered(shapes: list[Shape]) -> list[Shape]:
    for place, shape in zip(itertools.count(1), shapes, strict=False):
        shape.place = shape.place or place
    return shapes
