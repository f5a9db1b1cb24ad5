"""What a catalogue says: the nouns that every engine's catalogue queries make."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from .partitioning import Partitioning


@dataclass(frozen=True)
class Relation:
    """The name of a table, view or file in one place; an engine without schemas leaves it empty."""

    schema: str
    table: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.table}" if self.schema else self.table


@dataclass(frozen=True)
class Column:
    """A column as its engine declares it; `native` is the complete type, e.g. `numeric(12,2)`, `default` is SQL.

    `base` is the type that mapping rules see where `native` is a name that a user gave, `labels` are those of an enum,
    in order. `generated` is the SQL that the engine computes it by, when it is written or, if `virtual`, when it is
    read. `numbers` is the sequence, not its own, that its default asks; `last` is the highest number that an identity
    gave, 0 if that is not known. `collation` is one that is not the type's usual, in the engine's SQL; by it `folds`
    says what equality takes no notice of, as `case`. An identity is `always` given, in steps of `step`; `counts` are
    further clauses of it in its engine's words. `refreshed` is the SQL that an update of the row puts in. `words` are
    further ones of its engine, as INVISIBLE. `native` is a `domain`, or an array of one, which may check its values.
    """

    name: str
    native: str
    nullable: bool = True
    identity: bool = False
    default: str = ""
    generated: str = ""
    comment: str = ""
    base: str = ""
    virtual: bool = False
    numbers: Relation | None = None
    last: int = 0
    labels: tuple[str, ...] = ()
    collation: str = ""
    folds: str = ""
    always: bool = False
    step: int = 1
    refreshed: str = ""
    words: tuple[str, ...] = ()
    counts: str = ""
    domain: bool = False


@dataclass(frozen=True)
class UserType:
    """A type that a user made: how to make it in an engine of the same family, see it there, and remove it."""

    name: Relation
    forward: str
    check: str
    back: str


@dataclass(frozen=True)
class Index:
    """An index in key order. `constraint` says that a UNIQUE constraint made it.

    `descending` are those of its columns, `where` is the condition of a partial index in its engine's SQL, `include`
    are columns that are kept in it and not searched by.

    An index over an expression has no columns, and `keys` in SQL. `native` says all in its engine's own words, for
    another place of the same kind; `method` is how it searches, '' for the usual tree; `needs` are what extensions
    must have brought. `strict` is a word by which it forbids more, as NULLS NOT DISTINCT. One that is `whole` has no
    partitions where its table has some.
    """

    name: str
    columns: tuple[str, ...]
    unique: bool = False
    constraint: bool = False
    descending: tuple[str, ...] = ()
    where: str = ""
    include: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    native: str = ""
    method: str = ""
    needs: tuple[str, ...] = ()
    strict: str = ""
    whole: bool = False


@dataclass(frozen=True)
class ForeignKey:
    """A foreign key; actions are empty for NO ACTION. `options` are further clauses, as DEFERRABLE.

    `state` is its engine's word where rows may break it: NOT VALID those that were there, NOT ENFORCED any.
    """

    name: str
    columns: tuple[str, ...]
    references: Relation
    referenced: tuple[str, ...]
    on_delete: str = ""
    on_update: str = ""
    options: str = ""
    state: str = ""


@dataclass(frozen=True)
class Check:
    """A check constraint; `condition` is SQL of its engine, without the word CHECK, `state` as of a foreign key.

    One that is not `inherited` holds for the table alone, where tables inherit from others.
    """

    name: str
    condition: str
    state: str = ""
    inherited: bool = True


@dataclass(frozen=True)
class View:
    """A view: its SELECT in its engine's SQL. A materialised one is `stored`."""

    name: Relation
    query: str
    columns: tuple[str, ...]
    stored: bool = False
    comment: str = ""


@dataclass(frozen=True)
class Numbers:
    """A sequence that is no column's own; `following` is the number that it gives next. None: its engine's limit."""

    name: Relation
    following: int = 1
    step: int = 1
    low: int | None = None
    high: int | None = None
    cycle: bool = False


@dataclass(frozen=True)
class Listed:
    """What is not carried, only listed with its source text: a trigger, a routine, an event."""

    kind: str
    name: Relation
    text: str


@dataclass(frozen=True)
class Grant:
    """What a role may do with a relation, in a word that engines share where it is a common one."""

    name: Relation
    privilege: str
    role: str


@dataclass(frozen=True)
class Further:
    """What a place holds beside tables. `home` is what the views' queries call the default schema."""

    views: tuple[View, ...] = ()
    numbers: tuple[Numbers, ...] = ()
    listed: tuple[Listed, ...] = ()
    home: str = ""
    grants: tuple[Grant, ...] = ()


@dataclass(frozen=True)
class Part:
    """A partition as a table of its own: whose it is, and the clause that makes it one."""

    name: Relation
    owner: Relation
    clause: str


@dataclass(frozen=True)
class Trait:
    """What a table has in its own kind of engine only: a statement for another place of that kind.

    In `forward` and `back` stand `{table}`, `{schema}` with its point, and `{name}`, which is that of the index or
    constraint that it is `on`, or of what it makes. `columns` are those that it names, `early` says that rows have to
    find it. The `grade` is that of the finding where it stays behind. `part` is the name of the partition that alone
    has it, which then is the `{table}`, and `space` is a tablespace that has to be there.
    """

    what: str
    forward: str
    back: str = ""
    on: str = ""
    columns: tuple[str, ...] = ()
    early: bool = False
    grade: Literal["note", "warning"] = "note"
    part: str = ""
    space: str = ""


@dataclass(frozen=True)
class Ground:
    """What a table stands on, made before it and gone after it, as a partition function; `check` sees that it is."""

    what: str
    forward: str
    check: str
    back: str


@dataclass(frozen=True)
class Table:
    """A table (or view) of one place. `rows` and `bytes` are the engine's estimates, -1 if unknown.

    `types` are those that its columns need, each after those it is made of.

    `partitioned` is the clause behind its columns that says how it is, `parts` are its partitions where these are made
    one by one, each after its owner, and `grounds` what has to be made before. `division` says the same of a source for
    other kinds of engines, or `undivided` why that cannot be said.

    `space` is a tablespace that is not the usual one, `storage` are its parameters.
    `own` are constraints in the engine's own words, for another place of the same kind; `needs` what has to be known
    there for them. `keyed` are further clauses of the key, in those words, and `key_name` is its name where a user
    gave it. `versioned` is the clause by which the engine keeps rows that are gone, or were otherwise.

    `traits` are statements for another place of the same kind.

    `left_out` names objects that Ropeway saw and does not carry, in words for the plan.
    `physical` is what an engine needs to cut the table by physical ranges, in its own terms.
    """

    name: Relation
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    indexes: tuple[Index, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    checks: tuple[Check, ...] = ()
    comment: str = ""
    types: tuple[UserType, ...] = ()
    rows: int = -1
    bytes: int = -1
    kind: str = "table"
    left_out: tuple[str, ...] = ()
    partitioned: str = ""
    parts: tuple[Part, ...] = ()
    grounds: tuple[Ground, ...] = ()
    division: Partitioning | None = None
    undivided: str = ""
    space: str = ""
    storage: str = ""
    own: tuple[Check, ...] = ()
    needs: tuple[str, ...] = ()
    keyed: str = ""
    key_name: str = ""
    versioned: str = ""
    traits: tuple[Trait, ...] = ()
    physical: dict[str, int | str] = field(default_factory=dict)

    def column(self, name: str) -> Column:
        """The column of this name; KeyError if there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)
