"""What the transfer asks of an engine. An engine is one place under engines/ that answers all of this."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import pyarrow as pa

from .canonical import Canon
from .place import Address
from .plan import ColumnPlan, Cut, Finding, Hop, Slice, Statement
from .rights import Right
from .rules import Read, Write
from .schema.aside import Aside
from .schema.catalogue import Column, Further, Relation, Table
from .schema.correction import Correction
from .schema.wording import Wording
from .segments import Division

Row = tuple[object, ...]
Failure = Literal[
    "transient", "data", "schema", "login", "space", "size", "log", "memory", "instant", "other"
]  # size: more than one transaction takes; log: there is no room for it, or for others; instant: it cannot be read


@dataclass(frozen=True)
class Claim:
    """A unit taken for landing: who lands it, which try it is, of which instant."""

    run: str
    hop: str
    slice: int
    attempt: str
    instant: str


@dataclass(frozen=True)
class Receipt:
    """What landed, durable in the target together with the rows. Sums are '' where none was computed.

    `asked` is the checksum of the same slice by the source's own server, where that was asked, and `asked_for` says why
    it was, or why no slice could be (asking.py). `partitions` are the checksums of what went into each of the hop's
    leaves, by its number: `3=COUNT:SUM,...`. What `broken` says is of rules that files are asked on their way
    (rowrules.py), and kept beside files alone: a database is asked itself.
    """

    hop: str
    slice: int
    attempt: str
    instant: str
    read: int
    loaded: int
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    bytes: int = 0
    checksum: str = ""
    seconds: float = 0.0
    asked: str = ""
    asked_for: str = ""
    partitions: str = ""
    broken: str = ""


@dataclass(frozen=True)
class Rejected:
    """A row that did not land, kept in the target's ledger with the reason.

    `row` is the row at its `stage` (load or transform) as an Arrow stream, and `values` the same for people, as JSON.
    """

    hop: str
    slice: int
    number: int
    stage: str
    reason: str
    column: str
    key: str
    values: str
    row: bytes


class Asked(Protocol):
    """Whatever answers queries: a control connection, or a reader at its instant."""

    def ask(self, sql: str) -> list[Row]:
        """All rows of a small query."""
        ...


class Session(Asked, Protocol):
    """A control connection: outside begin/commit each statement commits by itself."""

    def execute(self, sql: str) -> int:
        """Run a statement; the number of rows it changed (-1 if the engine does not say)."""
        ...

    def begin(self) -> None: ...

    def commit(self) -> None: ...

    def rollback(self) -> None: ...

    def close(self) -> None: ...


class Reader(Asked, Protocol):
    """One stream, or one question, at a time, at its source's instant."""

    def read(self, hop: Hop, part: Slice, batch_bytes: int) -> Iterator[pa.RecordBatch]:
        """The slice's rows as batches of exactly the hop's column types, in order of nothing.

        Abandoning the iterator leaves the reader usable once the iterator is closed.
        """
        ...

    def raw(self, hop: Hop, part: Slice) -> Iterator[bytes]:
        """The slice in the hop's raw form, undecoded."""
        ...

    def count(self, hop: Hop) -> int:
        """The rows of the whole hop at the same instant, counted by the engine itself."""
        ...

    def cancel(self) -> None:
        """Stop what another thread reads from this reader; harmless if it reads nothing."""
        ...

    def close(self) -> None: ...


class Source(Protocol):
    """A source held at one instant; all its readers see that instant.

    It may also have `return_to(instant, hops) -> bool`, `renewed(reader) -> Reader | None` (None if it cannot now) and
    `keep()`; see docs/engines.md.
    """

    instant: str
    survives: bool

    def readers(self) -> Sequence[Reader]:
        """The readers that were asked for when the source was opened, open together."""
        ...

    def mark(self) -> str:
        """A value that stays equal as long as nobody writes to the source; '' if the engine has none."""
        ...

    def close(self) -> None: ...


class Ledger(Protocol):
    """Where a run's plan, claims, receipts and journal live: in the target, in its transactions."""

    def prepare(self) -> None:
        """Create the ledger's own tables or folder if they are not there."""
        ...

    def runs(self) -> list[Row]:
        """(run, plan hash, job, state, started, by) of every run the target knows, oldest first: as they were opened,
        whatever the clocks of their machines say.
        """
        ...

    def open(self, run: str, plan_hash: str, plan_json: str, job: str, by: str) -> None:
        """Record a run with its frozen plan, in state 'running'."""
        ...

    def plan(self, run: str) -> str:
        """The frozen plan's JSON."""
        ...

    def finish(self, run: str, state: str) -> None: ...

    def forget(self, run: str) -> None:
        """Drop a run's entries; `ropeway clean` does so after dropping what it left."""
        ...

    def claim(self, claim: Claim) -> bool:
        """Inside a transaction: take the unit; False if it has a receipt already."""
        ...

    def settle(self, run: str, receipt: Receipt) -> None:
        """Inside the same transaction: write the receipt."""
        ...

    def receipts(self, run: str) -> list[Receipt]: ...

    def revoke(self, run: str, hop: str) -> None:
        """Inside a transaction: forget a hop's receipts, because its table starts over."""
        ...

    def journal(self, run: str, statement: str, state: str) -> None:
        """Record a statement as 'started' or 'done'."""
        ...

    def stands(self, run: str, statement: str) -> str:
        """A statement's state, '' where the journal does not have it."""
        ...

    def turn(self, run: str, statement: str, state: str, *, before: str) -> None:
        """Inside a transaction: record another state than `before`; raises where that is not the state any more."""
        ...

    def journaled(self, run: str) -> dict[str, str]:
        """Statement name to state."""
        ...


class Loader(Session, Protocol):
    """A connection that loads. Claim, rows and receipt share its transaction."""

    ledger: Ledger

    def load(self, hop: Hop, part: Slice, batches: Iterable[pa.RecordBatch]) -> int:
        """Load into hop.into; the rows that the engine says it took. Raises on any doubt."""
        ...

    def load_raw(self, hop: Hop, part: Slice, blocks: Iterable[bytes]) -> int:
        """Load the hop's raw form."""
        ...

    def hold(self, name: str) -> bool:
        """Take a lock that dies with this connection; False if another process has it."""
        ...


@dataclass(frozen=True)
class Build:
    """A target table to finish once its rows are in; `suffix` keeps a shadow's names apart."""

    hop: str
    table: Table
    into: Relation
    suffix: str = ""


@dataclass(frozen=True)
class Bounds:
    """What a place takes at most: bytes of a value, bytes of a text or binary in an index, columns. 0: no limit."""

    value: int = 0
    key: int = 0
    columns: int = 0


class Engine(Protocol):
    """Facts and verbs of one engine. Stateless; what must be closed is made by it.

    Inside a `family` native types keep their words. `parents_first` says that foreign keys are checked while rows are
    loaded, `proves_references` that no row of a table can break one; a loader that `overlooks_orphans` takes rows whose
    foreign keys lead nowhere, also into a table that has such keys. `index_names` and `key_names` say within what
    the name of an index and of a foreign key is the only one, `folds_columns` that columns of a table are not told
    apart by case, `keys_in_order` that a foreign key names its columns in the order of the key that it refers to.
    `drivers` are the packages whose exceptions are this engine's own words. A `loose` engine's columns hold what they
    are not declared for. `takes` are the raw forms that its loader takes. `lacks` names what its columns have no place
    for: `nul` (U+0000 in text), `nan` (NaN or infinity in floats), `empty` (texts and binaries of no length, which are
    NULL there). One whose client `delimits` ends a statement at any semicolon, also inside a body, until told
    otherwise. `unlike` are native words (regular expressions) that others of its family use and that are missing or
    mean something else here. `density` is how many bytes a table takes here for
    each byte that its rows take in Arrow (measured on 500,000 rows of 12 columns, with their key), `logs` what is
    written beside it, in words, or ''. One query keeps `busy` so many of the server's processors; what runs inside this
    process takes all that there are.
    """

    name: str
    family: str
    schemes: tuple[str, ...]
    drivers: tuple[str, ...]
    landing: Literal["transaction", "files", "memory"]
    instant: Literal["durable", "joinable", "together", "single"]
    writers: Literal["many", "one"]
    takes: tuple[str, ...]
    lacks: tuple[str, ...]
    unlike: tuple[str, ...]
    density: float
    logs: str
    busy: int
    modes: tuple[str, ...]
    atomic_ddl: bool
    loose: bool
    default_schema: str
    parents_first: bool
    proves_references: bool
    index_names: Literal["table", "schema"]
    key_names: Literal["table", "schema"]
    folds_columns: bool
    overlooks_orphans: bool
    delimits: bool
    keys_in_order: bool
    reads: Sequence[Read]
    writes: Sequence[Write]

    def words(self, session: Session | None) -> Wording:
        """How defaults, conditions and generated columns are worded, by the server's version if there is one."""
        ...

    def quote(self, name: str) -> str: ...

    def literal(self, value: object) -> str: ...

    def relation(self, relation: Relation) -> str:
        """The quoted, qualified name."""
        ...

    def name_of(self, name: str) -> str:
        """A source's name as this engine would spell it: folded and within its length limit."""
        ...

    def refuses_name(self, name: str, kind: str) -> str:
        """Why no schema, table, column, index or constraint (`kind`) can be called so here; '' if one can."""
        ...

    def folds_tables(self, session: Session | None) -> bool:
        """Whether tables are not told apart by case in this place."""
        ...

    def limit_memory(self, size: int) -> None:
        """Bound what the engine's library may hold inside this process, in bytes; nothing for servers."""
        ...

    def connect(self, address: Address, *, create: bool = False) -> Session:
        """A control connection; `create` lets a file that is not there yet be a target."""
        ...

    def tables(self, session: Session, schema: str = "") -> list[Table]:
        """All tables and views that a user made, with columns, keys, indexes and foreign keys."""
        ...

    def further(self, session: Session) -> Further:
        """Views, sequences, and what is only listed, outside of the system's schemas and the ledger's."""
        ...

    def describe(self, session: Session, query: str) -> Table:
        """The columns of a query."""
        ...

    def create_schema(self, schema: str) -> str:
        """The statement for a schema that may be missing; '' if there is nothing to make."""
        ...

    def cuts(self, session: Session, table: Table, where: str, wanted: int) -> tuple[Cut, ...]:
        """Cuts that cover each row once, about `wanted` of them; one 'whole' if it cannot be cut."""
        ...

    def condition(self, cut: Cut) -> str:
        """A cut as SQL; '' for the whole table."""
        ...

    def open(self, address: Address, hops: Sequence[Hop], consistency: str, count: int) -> Source: ...

    def locks(self, consistency: str, hops: Sequence[Hop]) -> tuple[str, ...]:
        """Each lock that open() takes on the source and for how long, in words."""
        ...

    def loader(self, address: Address) -> Loader: ...

    def gives(self, columns: Sequence[tuple[Column, ColumnPlan]]) -> tuple[str, ...]:
        """The raw forms in which these columns, each as it is here, arrive as planned."""
        ...

    def profile(
        self, session: Session, table: Table, where: str, policies: Mapping[str, str]
    ) -> tuple[dict[str, str], list[Finding]]:
        """Settle in the data what declarations leave open: column to the type to read it by.

        `policies` has a choice for each of policies.POLICIES, `keep` where the target holds such values as they are.
        RequestError (policies.refused) where some are there and the choice is to stop.
        """
        ...

    def create(self, table: Table, into: Relation, *, bare: bool) -> str:
        """CREATE TABLE for a table's shape under the name `into`; `bare` leaves out keys (staging)."""
        ...

    def finish(self, build: Build) -> list[Statement]:
        """What makes a loaded table usable, in this engine's order: keys, indexes, foreign keys."""
        ...

    def aside(self, session: Session, hops: Sequence[Hop]) -> tuple[list[Aside], list[Statement]]:
        """What is put aside of tables that are somebody else's while rows come in, in that order; and what else they
        need afterwards. RequestError for what could not be put back as it was.
        """
        ...

    def exists(self, relation: Relation) -> str:
        """A query that returns a row if the relation is there."""
        ...

    def referenced(self, relation: Relation) -> str:
        """A query for the names of foreign keys and views that refer to the relation."""
        ...

    def empty(self, relation: Relation) -> str:
        """Delete all rows, inside a transaction."""
        ...

    def swap(self, relation: Relation, shadow: Relation, kept: Relation) -> str:
        """Put the shadow in the relation's place and keep the old one; statements split by ';\\n'."""
        ...

    def merge(self, hop: Hop, staging: Relation, preimages: Relation) -> tuple[str, ...]:
        """The statements of one merged slice; see schema/sql.py for their order."""
        ...

    def correct(self, hop: Hop, staging: Relation, columns: Sequence[str]) -> Correction:
        """The statements that set rows of the hop's target right; an update changes these columns."""
        ...

    def checksum(
        self, session: Asked, relation: Relation, columns: Sequence[tuple[str, Canon, str]], where: str,
        division: Division | None = None,
    ) -> str:  # fmt: skip
        """SQL giving (count, high, low, unchecksummed), of each segment behind its name; '' where the engine cannot."""
        ...

    def version(self, session: Session) -> str:
        """The version that the server or library tells of itself; '' where it has none."""
        ...

    def specimen(self, session: Asked, canon: Canon) -> str:
        """As `checksum`, of the specimen of a form (transfer/specimen.py); '' where this place cannot hold it."""
        ...

    def rights_to_read(
        self, session: Session, address: Address, tables: Sequence[Table], consistency: str, *, objects: bool
    ) -> list[Right]:
        """What reading these tables takes, by the catalogue or the file system; nothing is tried.

        `objects` says that sequences and views are carried too.
        """
        ...

    def check_source(self, session: Session, tables: Sequence[Table]) -> list[Finding]:
        """Why less than all rows of these tables, or less than all tables, might be seen."""
        ...

    def rights_to_write(
        self, session: Session | None, address: Address, hops: Sequence[Hop], statements: Sequence[Statement],
        there: Sequence[Relation],
    ) -> list[Right]:  # fmt: skip
        """What the hops and statements take; `there` are tables that the target holds already.

        There is no session where a target's file is still to be made.
        """
        ...

    def bounds(self, session: Session | None) -> Bounds:
        """The limits of this place."""
        ...

    def size(self, column: Column) -> str:
        """SQL for the bytes of a text or binary value; '' where it cannot be asked."""
        ...

    def free(self, session: Session | None, address: Address) -> int | None:
        """Bytes that are free where its tables go; None where that cannot be known."""
        ...

    def has_schema(self, session: Session, schema: str) -> bool:
        """Whether a schema is there; False where making it again takes no privilege."""
        ...

    def check_target(self, session: Session, hops: Sequence[Hop]) -> list[Finding]:
        """What stands in the way of loading here: settings, privileges, limits."""
        ...

    def classify(self, error: BaseException) -> Failure: ...
