"""What the database holds besides rows: tables and their columns, keys, indexes, sequences, views, comments."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlglot import exp

from ..spoken import Column, Kind, Refused

if TYPE_CHECKING:
    from .partitions import Division


@dataclass
class Shape:
    """A column as it was declared. `default` and `virtual` are expressions, `identity` is a sequence's name."""

    name: str
    kind: Kind
    declared: str  # its type's name in the dictionary, such as VARCHAR2 or TIMESTAMP(6)
    nullable: bool = True
    default: exp.Expression | None = None
    default_text: str = ""
    identity: str = ""
    always: bool = False
    virtual: exp.Expression | None = None
    by_chars: bool = False
    comment: str = ""
    invisible: bool = False
    on_null: bool = False  # its default is put in for NULL too

    @property
    def column(self) -> Column:
        return Column(self.name, self.kind, self.nullable)


@dataclass
class Constraint:
    """P, U, R or C, as the dictionary has it."""

    name: str
    type: str
    columns: tuple[str, ...] = ()
    condition: exp.Expression | None = None
    text: str = ""
    refers: tuple[str, str] = ("", "")  # owner and name of the table
    referred: tuple[str, ...] = ()
    on_delete: str = "NO ACTION"
    enabled: bool = True
    generated: bool = False
    validated: bool = True
    deferrable: bool = False
    deferred: bool = False
    index: str = ""  # that serves it, if it has another name
    local: bool = False  # the index that is made for it


@dataclass
class Index:
    name: str
    columns: tuple[str, ...]  # or the text of an expression
    descending: tuple[bool, ...]
    unique: bool
    expressions: tuple[bool, ...] = ()
    bitmap: bool = False
    local: bool = False  # it has its table's partitions


@dataclass
class Table:
    owner: str
    name: str
    number: int  # the object's
    columns: list[Shape]
    constraints: list[Constraint] = field(default_factory=list)
    indexes: list[Index] = field(default_factory=list)
    comment: str = ""
    changed: int = 0  # the SCN of its last DDL
    temporary: bool = False
    statistics: int | None = None  # rows, when they were last counted
    division: Division | None = None
    external: bool = False
    organized: bool = False  # by its key's index, so that its rows have no place of their own

    @property
    def held(self) -> str:
        """The name of the table in SQLite, quoted: its number tells it from one that differs in case only."""
        return quoted(f"{self.owner}.{self.name} {self.number}")

    def column(self, name: str) -> Shape:
        for shape in self.columns:
            if shape.name == name:
                return shape
        raise Refused(904, f'"{name}": invalid identifier')


@dataclass
class View:
    owner: str
    name: str
    number: int
    text: str
    columns: tuple[str, ...] = ()
    comment: str = ""


@dataclass
class Sequence:
    owner: str
    name: str
    number: int
    next: int = 1
    step: int = 1
    least: int = 1
    most: int = 10**28 - 1
    cycles: bool = False
    cache: int = 20


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@dataclass
class Source:
    """What is kept as it was written and never run: a trigger, a routine, a synonym, a materialised view."""

    owner: str
    name: str
    kind: str  # as the dictionary has it: TRIGGER, PROCEDURE, PACKAGE BODY, ...
    text: str
    on: tuple[str, str] = ("", "")  # the table of a trigger, what a synonym is for
    type: str = ""  # of a trigger: BEFORE EACH ROW
    event: str = ""
    enabled: bool = True


class Catalogue:
    """All of it by owner and name. DDL commits in Oracle, so nothing here is ever rolled back."""

    def __init__(self) -> None:
        self.tables: dict[tuple[str, str], Table] = {}
        self.views: dict[tuple[str, str], View] = {}
        self.sequences: dict[tuple[str, str], Sequence] = {}
        self.sources: dict[tuple[str, str, str], Source] = {}  # by owner, kind and name
        self.users: dict[str, str] = {}  # with their passwords
        self.made: dict[str, bytes] = {}  # when, as a date
        self.privileges: dict[str, set[str]] = {}  # of the whole system
        self.grants: dict[str, set[tuple[str, str, str]]] = {}  # privilege, owner, object
        self.roles: list[tuple[str, str]] = []  # a user, and a role that it has
        self.policies: list[tuple[str, str, str]] = []  # the owner, the table, and what hides rows of it
        self.redactions: list[tuple[str, str, str, str]] = []  # owner, table, policy and the column that it changes
        self._last = 70_000
        self._lock = threading.Lock()

    def number(self) -> int:
        with self._lock:
            self._last += 1
            return self._last

    def table(self, owner: str, name: str) -> Table:
        found = self.tables.get((owner, name))
        if found is None:
            raise Refused(942, "table or view does not exist")
        return found

    def new(self, owner: str, name: str) -> None:
        """Refused if the name is taken among tables, views and sequences."""
        if any((owner, name) in kind for kind in (self.tables, self.views, self.sequences)):
            raise Refused(955, "name is already used by an existing object")
        if owner not in self.users:
            raise Refused(1918, f"user '{owner}' does not exist")

    def referring(self, table: Table) -> Iterator[tuple[Table, Constraint]]:
        """Foreign keys of other tables, and its own, that refer to a table."""
        for other in self.tables.values():
            for constraint in other.constraints:
                if constraint.type == "R" and constraint.refers == (table.owner, table.name):
                    yield other, constraint

    def drawn(self, owner: str, name: str) -> int:
        """The next number of a sequence."""
        found = self.sequences.get((owner, name))
        if found is None:
            raise Refused(2289, "sequence does not exist")
        with self._lock:
            value, found.next = found.next, found.next + found.step
        return value
