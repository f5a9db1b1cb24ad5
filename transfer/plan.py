"""The plan: hops and statements as plain frozen values, JSON both ways, hashed.

A plan is frozen before the first byte moves. Everything that happens later is rebuilt from it alone, in
any process: a resume, a worker, a verification.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

from pydantic import TypeAdapter

from .canonical import Canon
from .place import Place
from .schema.catalogue import Listed, Relation, Table
from .schema.leaves import Leaves
from .types import Fidelity, Type

Bound = int | str | None
Grade = Literal["note", "warning", "blocker"]


@dataclass(frozen=True)
class ColumnPlan:
    """One column's way: read by `project` (source SQL), carried as `type`, written into `native`.

    `base` is what the target's rules see where `native` is a type that a user made; see `stored`. A `computed` column
    is not loaded: the target generates its values, and verification compares them with the source's. Where there is a
    `zone`, the source has its wall clock and the type is an instant; see zones.py. `declared` is the source's own type,
    by which its server is asked for checksums. Where it is `nulled`, texts of no length become NULL; see empties.py.
    """

    source: str
    target: str
    project: str
    type: Type
    native: str
    fidelity: Fidelity
    why: str
    canon: Canon
    nullable: bool = True
    base: str = ""
    computed: bool = False
    zone: str = ""
    zone_rule: str = ""
    declared: str = ""
    nulled: bool = False

    @property
    def stored(self) -> str:
        """The type that the target's rules, loaders and checksums go by."""
        return self.base or self.native


@dataclass(frozen=True)
class Cut:
    """Which rows of a table: all, a half-open range of a key or of physical places, the NULL keys, a part.

    A bound of None is open. `part` names a file, or a partition. Each engine renders its own cuts.
    """

    kind: str = "whole"
    column: str = ""
    lower: Bound = None
    upper: Bound = None
    part: str = ""

    def __str__(self) -> str:
        if self.kind in ("range", "physical"):
            low = "…" if self.lower is None else self.lower
            high = "…" if self.upper is None else self.upper
            return f"{self.column or 'place'} [{low}, {high})"
        return {"nulls": f"{self.column} IS NULL", "part": self.part}.get(self.kind, "whole")


@dataclass(frozen=True)
class Slice:
    """A numbered cut of a hop; with its hop it is what one receipt is for."""

    number: int
    cut: Cut


@dataclass(frozen=True)
class Call:
    """A function by name, and the hash of its source at planning time ('' for Ropeway's own)."""

    function: str
    arguments: tuple[tuple[str, str], ...] = ()
    version: str = ""


@dataclass(frozen=True)
class Follow:
    """Columns that refer to the key of another hop's rows, in its order: where such a row is merged into another, they
    refer to that.
    """

    columns: tuple[str, ...]
    hop: str


@dataclass(frozen=True)
class Upon:
    """A table whose rows go into itself: what becomes of `writes` meanwhile, and which tables do the same with it.

    `prove` lets writers go on, and proves that there were none before the tables are swapped; `block` has them wait.
    """

    writes: str
    among: tuple[Relation, ...] = ()


@dataclass(frozen=True)
class RowRule:
    """A quality rule that rows are asked on their way: what it asks of which columns, as JSON, and what becomes of a
    run whose rows break it (`stop` or `leave-out`, as of constraints).
    """

    name: str
    kind: str
    spec: str
    otherwise: str = "stop"


@dataclass(frozen=True)
class Hop:
    """Moves the rows of one relation into one relation, slice by slice.

    `into` is where rows land first: the table itself, a staging table or a shadow. `raw` names a wire
    form that both sides speak, or is empty for Arrow. `rows` is an estimate, -1 if unknown.

    With `transforms`, the columns of `reading` are read, and what the transforms make of them are `columns`. What is
    done `over` all rows is done in the stage, the `keymap` takes the keys of merged rows, each with its new one.
    `leaves` are the partitions that rows may be loaded into directly, `storage` is how files are to be kept, each
    option with its value as JSON. `upon` is there where the relation that is read is the one written.
    `rules` are asked of the rows on their way. `origin` is the alias of its source where the plan has several: hops of
    several that write one table feed it together.
    """

    name: str
    reads: Relation
    writes: Relation
    into: Relation
    columns: tuple[ColumnPlan, ...]
    slices: tuple[Slice, ...]
    mode: str = "create"
    key: tuple[str, ...] = ()
    where: str = ""
    query: str = ""
    limit: int = 0
    rows: int = -1
    raw: str = ""
    after: tuple[str, ...] = ()
    merge: tuple[str, ...] = ()
    transforms: tuple[Call, ...] = ()
    reading: tuple[ColumnPlan, ...] = ()
    over: tuple[Call, ...] = ()
    follows: tuple[Follow, ...] = ()
    keymap: Hop | None = None
    leaves: Leaves | None = None
    storage: tuple[tuple[str, str], ...] = ()
    upon: Upon | None = None
    origin: str = ""
    rules: tuple[RowRule, ...] = ()

    @property
    def named(self) -> str:
        """What it reads, as people are told: behind the alias of its source, where a plan has several."""
        return f"{self.origin}:{self.reads}" if self.origin else str(self.reads)

    @property
    def sent(self) -> Hop:
        """The hop with the columns whose values are loaded; the target computes the others."""
        kept = tuple(column for column in self.columns if not column.computed)
        return self if len(kept) == len(self.columns) else replace(self, columns=kept)


@dataclass(frozen=True)
class Constraint:
    """What a statement makes sure of, and the query that lists what breaks it.

    `offenders` gives the `columns`, and last, where they are `counted`, how many rows share them; '' where only the
    key that it `references` can be missing. `broken` is the condition that is true of each such row. `otherwise` is
    what becomes of the constraint where there are any: `stop`, `leave-out` or `quarantine`, which moves them aside.
    Left out, `instead` is carried out in its place, `kept` says what there is of it, and `later` makes it of mended
    rows. Stopped at, it `takes_back` the statement of its hop that this names.
    """

    kind: str
    name: str
    table: Relation
    columns: tuple[str, ...]
    offenders: str
    counted: bool = False
    otherwise: str = "stop"
    instead: str = ""
    later: str = ""
    kept: str = ""
    takes_back: str = ""
    references: Relation | None = None
    broken: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True)
class Swap:
    """What a swap does beside its SQL, under the `lock` that keeps writers out.

    It takes `shadow` in the place of `relation`, which becomes `kept`. Where that was read for it, it is to be as it
    was then (`proven`), and what hangs on it as it was planned (`hanging`), or the swap does not happen. Each of
    `counts` is what it says, and a query that has to find 0 once all is done. How the new table is then is noted for
    the way back. `told` is what is different afterwards.

    Where each statement commits by itself, the tables `beside` are changed, too, while the lock is held, and `parents`
    are looked at; `counts` are asked before that, as `back_counts` are before the way back, and `mend` sets right what
    a swap did to the others and was killed.
    """

    relation: Relation
    shadow: Relation
    kept: Relation
    lock: str
    proven: bool = False
    counts: tuple[tuple[str, str], ...] = ()
    told: tuple[str, ...] = ()
    hanging: str = ""
    beside: tuple[Relation, ...] = ()
    parents: tuple[Relation, ...] = ()
    back_counts: tuple[tuple[str, str], ...] = ()
    mend: str = ""


@dataclass(frozen=True)
class Statement:
    """A step that changes the target's schema or data outside the slices, journaled.

    `check` is a query that returns a row once the step has happened; `back` undoes it, '' if nothing
    can; `guard` is a query that must return no row before it. `after` names the hops and statements
    that must be complete. `atomic` says that it commits together with its own journal entry. `constraint` is what it
    makes, if rows can be in the way of it. A `spare` one is left out where the engine refuses it. What a `swap` has to
    prove is carried out with it.
    """

    name: str
    phase: str
    forward: str
    check: str = ""
    back: str = ""
    guard: str = ""
    refusal: str = ""
    hop: str = ""
    after: tuple[str, ...] = ()
    atomic: bool = False
    lock: str = ""
    constraint: Constraint | None = None
    spare: bool = False
    swap: Swap | None = None


@dataclass(frozen=True)
class Finding:
    """What a person should know before the run.

    `name` says of what kind it is, in a word that stays the same, such as `lossy-type`; a blocker stops the run
    unless it is waived by it. `message` is the evidence, `remedy` what can be done.
    """

    grade: Grade
    where: str
    message: str
    name: str = ""
    remedy: str = ""


@dataclass(frozen=True)
class Grants:
    """The least that the accounts of both ends need, as statements for who administers them."""

    source: tuple[str, ...] = ()
    target: tuple[str, ...] = ()


@dataclass(frozen=True)
class Definition:
    """A hop's source as planning saw it: its columns' types with NOT NULL, and its keys, in words.

    `whole` says that all columns are meant, so that a new one is a change. `parts` are what else the target's table is
    made from (defaults, checks, indexes and so on), each by its kind and name, with a hash of what it says.
    """

    hop: str
    columns: tuple[tuple[str, str], ...]
    keys: tuple[str, ...] = ()
    whole: bool = True
    parts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Scope:
    """What a job means of the source by its globs: these, each with what it leaves out, and the views and sequences
    that go along, each by its kind and name, with a hash of what it says.
    """

    globs: tuple[tuple[str, tuple[str, ...]], ...] = ()
    objects: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Rename:
    """A name that is another one in the target; `kind` says of what."""

    kind: str
    source: str
    target: str


@dataclass(frozen=True)
class Seal:
    """Who took edits of the plan's statements into it, when, and the names of the statements that differ."""

    by: str
    at: str
    changed: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    undone_otherwise: tuple[str, ...] = ()

    def __str__(self) -> str:
        kinds = (
            ("changed", self.changed), ("added", self.added), ("removed", self.removed),
            ("another way back", self.undone_otherwise),
        )  # fmt: skip
        said = "; ".join(f"{kind}: {', '.join(names)}" for kind, names in kinds if names)
        return f"by {self.by} at {self.at}; {said}"


@dataclass(frozen=True)
class Origin:
    """One source of several, by the alias that hops name it by; and what is meant there beside the hops' tables."""

    alias: str
    place: Place
    scope: Scope = Scope()


@dataclass(frozen=True)
class Plan:
    """A whole job, frozen.

    `slice_rows` is how many rows a slice should have. `waived` are findings that may not stop it: `name`, or
    `name:where` with a glob. `definitions` are the source's tables as planning saw them, `tables` those of the target
    as they will be, `scope` is what else was meant there. `checksum` adds up a batch's rows, `parted` those of each
    partition. `sealed` are edits by hand. `max_rejects` rows may be left behind, or so many percent of each table's.
    `keep` is for how many seconds replaced tables are kept at least.
    Where there are several `sources`, `source` is the first of them. Where that is a stage, `staging` filled it.
    """

    source: Place
    target: Place
    hops: tuple[Hop, ...]
    statements: tuple[Statement, ...]
    findings: tuple[Finding, ...] = ()
    consistency: str = "run"
    level: str = "standard"
    checksum: Call | None = None
    parted: Call | None = None
    locks: tuple[str, ...] = ()
    job: str = ""
    run: str = ""
    waived: tuple[str, ...] = ()
    definitions: tuple[Definition, ...] = ()
    tables: tuple[Table, ...] = ()
    renames: tuple[Rename, ...] = ()
    sealed: tuple[Seal, ...] = ()
    listed: tuple[Listed, ...] = ()
    grants: Grants = Grants()
    slice_rows: int = 0
    scope: Scope = Scope()
    max_rejects: str = ""
    keep: int = 0

    sources: tuple[Origin, ...] = ()
    staging: Plan | None = None

    @property
    def landings(self) -> tuple[Hop, ...]:
        """All hops, those of key maps too."""
        return (*self.hops, *(hop.keymap for hop in self.hops if hop.keymap))

    def hop(self, name: str) -> Hop:
        """The hop of this name."""
        return next(hop for hop in self.hops if hop.name == name)

    def feeders(self, hop: Hop) -> tuple[Hop, ...]:
        """The hops that write the table that this one does, itself too; the first one's statements make the table."""
        return tuple(one for one in self.hops if one.writes == hop.writes) if self.sources else (hop,)

    @property
    def origins(self) -> tuple[Origin, ...]:
        """All sources; a single one has no alias."""
        return self.sources or (Origin("", self.source, self.scope),)

    def part(self, origin: Origin) -> Plan:
        """The plan of one source, with its hops alone."""
        mine = tuple(hop for hop in self.hops if hop.origin == origin.alias)
        return replace(self, source=origin.place, scope=origin.scope, hops=mine)

    @property
    def read_from(self) -> str:
        """Its source, or its sources with their aliases, for people."""
        return ", ".join(f"{one.alias}: {one.place}" for one in self.sources) or str(self.source)


@cache
def _adapter() -> TypeAdapter[Plan]:
    return TypeAdapter(Plan)


def to_json(plan: Plan) -> str:
    """The plan as JSON text; equal plans give equal text."""
    return _adapter().dump_json(plan, indent=1).decode()


def from_json(text: str) -> Plan:
    """A plan from its JSON text; pydantic's ValidationError if it is not one."""
    return _adapter().validate_json(text)


def hash_of(plan: Plan) -> str:
    """SHA-256 of the plan's JSON, in hex."""
    return hashlib.sha256(to_json(plan).encode()).hexdigest()
