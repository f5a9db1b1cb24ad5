"""Tables in this process's memory: for tests, benchmarks and programs that want the rows themselves."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

import pyarrow as pa

from ..engine import Claim, Failure, Ledger, Loader, Reader, Receipt, Row, Session, Source
from ..errors import DataError, EngineError, RopewayError
from ..ledger import UNDOING, now, number_of, with_answers
from ..place import Address
from ..plan import Cut, Hop, Slice
from ..schema.catalogue import Column, Relation, Table
from .alphabet import carried, field_of, word_of
from .exact import Field, exactly
from .without_sql import WithoutSql, check_emptying, chosen, counted_table

Unit = tuple[str, int, int]
_NOBODY: Unit = ("", 0, 0)


@dataclass
class _Held:
    """A table: its columns' fields, and its batches by the unit that brought them."""

    schema: pa.Schema
    parts: dict[Unit, list[pa.RecordBatch]] = field(default_factory=dict)

    def rows(self) -> int:
        return sum(batch.num_rows for part in self.parts.values() for batch in part)

    def whole(self) -> pa.Table:
        return pa.Table.from_batches([b for key in sorted(self.parts) for b in self.parts[key]], self.schema)


@dataclass
class Store:
    """Everything that one place in memory remembers, its runs included."""

    tables: dict[str, _Held] = field(default_factory=dict)
    runs: dict[str, list[str]] = field(default_factory=dict)
    receipts: dict[Unit, Receipt] = field(default_factory=dict)
    journals: dict[str, dict[int, tuple[str, str]]] = field(default_factory=dict)
    taken: set[Unit] = field(default_factory=set)
    holders: dict[str, int] = field(default_factory=dict)
    guard: threading.RLock = field(default_factory=threading.RLock)


_places: dict[str, Store] = {}
_guard = threading.Lock()


def store(place: str) -> Store:
    """The store of a place, made on first use."""
    with _guard:
        return _places.setdefault(place, Store())


def put(name: str, table_name: str, table: pa.Table) -> None:
    """Let memory://name hold `table` under `table_name`, in place of what it held before."""
    kept = store(name)
    held = _Held(pa.schema([_field(one) for one in table.schema]))
    columns = [
        pa.chunked_array([carried(chunk, one.type, one.name) for chunk in column.chunks], one.type)
        for one, column in zip(held.schema, table.columns, strict=True)
    ]
    held.parts[_NOBODY] = pa.table(columns, schema=held.schema).to_batches()
    with kept.guard:
        kept.tables[table_name] = held


def _field(given: Field) -> Field:
    try:
        return field_of(given.name, word_of(given), nullable=given.nullable)
    except KeyError:
        raise DataError(f"{given.name} has the type {given.type}, which is none of Ropeway's.") from None


def take(name: str, table_name: str) -> pa.Table:
    """What memory://name holds under `table_name`; EngineError if there is none."""
    kept = store(name)
    with kept.guard:
        if table_name not in kept.tables:
            raise EngineError(f"memory://{name} holds no table {table_name}.")
        return kept.tables[table_name].whole()


def forget(name: str) -> None:
    """Drop all that memory://name holds."""
    with _guard:
        _places.pop(name, None)


class MemoryLedger:
    """A ledger in this process. `claimed` is the unit that its loader is landing."""

    def __init__(self, kept: Store) -> None:
        self._store = kept
        self.claimed: Unit | None = None
        self._receipt: Receipt | None = None
        self._revoked: tuple[str, str] | None = None

    def prepare(self) -> None:
        """Nothing to make."""

    def runs(self) -> list[Row]:
        return [(run, *values[:5]) for run, values in self._store.runs.items()]

    def open(self, run: str, plan_hash: str, plan_json: str, job: str, by: str) -> None:
        self._store.runs[run] = [plan_hash, job, "running", now(), by, plan_json]

    def plan(self, run: str) -> str:
        return self._store.runs[run][5]

    def finish(self, run: str, state: str) -> None:
        self._store.runs[run][2] = state

    def forget(self, run: str) -> None:
        """Forget a run; the rows of one that did not end go with it."""
        with self._store.guard:
            state = self._store.runs.pop(run)[2]
            self._store.journals.pop(run, None)
            if state in ("running", UNDOING):
                for name in list(self._store.tables):
                    _drop(self._store, name, run)
            self._store.receipts = {u: r for u, r in self._store.receipts.items() if u[0] != run}

    def claim(self, claim: Claim) -> bool:
        unit = (claim.run, number_of(claim.hop), claim.slice)
        with self._store.guard:
            if unit in self._store.receipts:
                return False
            if unit in self._store.taken:
                raise EngineError(f"Slice {claim.slice} of {claim.hop} is being landed by another worker.")
            self._store.taken.add(unit)
        self.claimed = unit
        return True

    def settle(self, run: str, receipt: Receipt) -> None:
        self._receipt = receipt

    def receipts(self, run: str) -> list[Receipt]:
        return with_answers(r for unit, r in sorted(self._store.receipts.items()) if unit[0] == run)

    def revoke(self, run: str, hop: str) -> None:
        self._revoked = run, hop

    def journal(self, run: str, statement: str, state: str) -> None:
        self._store.journals.setdefault(run, {})[number_of(statement)] = statement, state

    def stands(self, run: str, statement: str) -> str:
        return self.journaled(run).get(statement, "")

    def turn(self, run: str, statement: str, state: str, *, before: str) -> None:
        del before  # nobody else has the memory
        self.journal(run, statement, state)

    def journaled(self, run: str) -> dict[str, str]:
        return dict(self._store.journals.get(run, {}).values())

    def commit(self, table: str, rows: _Held | None) -> None:
        """Publish the rows of the claimed unit with its receipt, or carry out a revocation."""
        with self._store.guard:
            if self._revoked:
                self._undo(*self._revoked)
            if self.claimed and self._receipt:
                self._store.receipts[self.claimed] = self._receipt
                if rows is not None:
                    held = self._store.tables.setdefault(table, _Held(rows.schema))
                    held.parts[self.claimed] = rows.parts[_NOBODY]
            self.rollback()

    def _undo(self, run: str, hop: str) -> None:
        unit = run, number_of(hop)
        self._store.receipts = {u: r for u, r in self._store.receipts.items() if u[:2] != unit}
        for held in self._store.tables.values():
            held.parts = {u: p for u, p in held.parts.items() if u[:2] != unit}

    def rollback(self) -> None:
        """Give up the claimed unit."""
        with self._store.guard:
            self._store.taken.discard(self.claimed or _NOBODY)
        self.claimed = self._receipt = self._revoked = None


def _drop(kept: Store, name: str, run: str) -> None:
    held = kept.tables[name]
    held.parts = {u: p for u, p in held.parts.items() if u[0] != run}
    if not held.parts:
        del kept.tables[name]


class MemoryLoader:
    """Collects a slice's batches and publishes them with its receipt. `keep` says whether it does the first."""

    def __init__(self, kept: Store, *, keep: bool = True) -> None:
        self._store = kept
        self._keep = keep
        self._units = MemoryLedger(kept)
        self.ledger: Ledger = self._units
        self._table = ""
        self._rows: _Held | None = None

    def held(self) -> dict[str, _Held]:
        """The tables of the place."""
        with self._store.guard:
            return dict(self._store.tables)

    def ask(self, sql: str) -> list[Row]:
        if sql == "SELECT 1":
            return [(1,)]
        held = self._store.tables.get(counted_table(sql))
        return [(held.rows() if held else 0,)]

    def execute(self, sql: str) -> int:
        check_emptying(sql)
        return -1

    def begin(self) -> None:
        self._rows = None

    def commit(self) -> None:
        self._units.commit(self._table, self._rows)
        self._rows = None

    def rollback(self) -> None:
        self._units.rollback()
        self._rows = None

    def load(self, hop: Hop, part: Slice, batches: Iterable[pa.RecordBatch]) -> int:
        if not self._keep:
            return sum(batch.num_rows for batch in batches)
        schema = pa.schema([field_of(c.target, c.native, nullable=c.nullable) for c in hop.columns])
        rows = []
        for batch in batches:
            arrays = [exactly(a, f.type, f.name) for a, f in zip(batch.columns, schema, strict=True)]
            rows.append(pa.RecordBatch.from_arrays(arrays, schema=schema))
        self._table, self._rows = hop.into.table, _Held(schema, {_NOBODY: rows})
        return sum(batch.num_rows for batch in rows)

    def load_raw(self, hop: Hop, part: Slice, blocks: Iterable[bytes]) -> int:
        raise EngineError("Memory has no raw form.")

    def hold(self, name: str) -> bool:
        with self._store.guard:
            return self._store.holders.setdefault(name, id(self)) == id(self)

    def close(self) -> None:
        self.rollback()
        with self._store.guard:
            for name in [name for name, holder in self._store.holders.items() if holder == id(self)]:
                del self._store.holders[name]


class MemoryReader:
    """Slices of what the tables held when the source was opened, without a copy."""

    def __init__(self, tables: dict[str, pa.Table]) -> None:
        self._tables = tables
        self._stop = False

    def read(self, hop: Hop, part: Slice, batch_bytes: int) -> Iterator[pa.RecordBatch]:
        self._stop = False
        schema = pa.schema([(column.target, column.type.arrow) for column in hop.columns])
        for batch in chosen(self._batches(hop, part, batch_bytes), hop):
            arrays = [exactly(batch[c.source], c.type.arrow, c.source) for c in hop.columns]
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)

    def _batches(self, hop: Hop, part: Slice, batch_bytes: int) -> Iterator[pa.RecordBatch]:
        table = self._table(hop)
        low, high = int(part.cut.lower or 0), part.cut.upper
        cut = table.slice(low, None if high is None else int(high) - low)
        width = max(1, table.nbytes // max(table.num_rows, 1))
        for batch in cut.to_batches(max_chunksize=max(1, batch_bytes // width)):
            if self._stop:
                return
            yield batch

    def _table(self, hop: Hop) -> pa.Table:
        if hop.reads.table not in self._tables:
            raise EngineError(f"The memory of this process holds no table {hop.reads}.", table=str(hop.reads))
        return self._tables[hop.reads.table]

    def raw(self, hop: Hop, part: Slice) -> Iterator[bytes]:
        raise EngineError("Memory has no raw form.")

    def ask(self, sql: str) -> list[Row]:
        held = self._tables.get(counted_table(sql))
        return [(held.num_rows if held else 0,)]

    def count(self, hop: Hop) -> int:
        batches: Iterator[pa.RecordBatch] = iter(self._table(hop).to_batches())
        if hop.where:
            return sum(batch.num_rows for batch in chosen(batches, hop))
        rows = self._table(hop).num_rows
        return min(rows, hop.limit) if hop.limit else rows

    def cancel(self) -> None:
        self._stop = True

    def close(self) -> None:
        """Nothing is open."""


class MemorySource:
    """The tables as they were; Arrow's arrays never change, so nothing needs to be locked."""

    survives = False

    def __init__(self, kept: Store, count: int) -> None:
        self._store = kept
        with kept.guard:
            tables = {name: held.whole() for name, held in kept.tables.items()}
        self.instant = self.mark()
        self._readers = [MemoryReader(tables) for _ in range(count)]

    def readers(self) -> Sequence[Reader]:
        return self._readers

    def mark(self) -> str:
        with self._store.guard:
            parts = [(name, id(b)) for name, held in self._store.tables.items() for p in held.parts.values() for b in p]
        return f"memory {hash(tuple(parts)) & 0xFFFFFFFF:08x}"

    def close(self) -> None:
        """Nothing is open."""


class Memory(WithoutSql):
    """memory://name: tables of this process."""

    name = "memory"
    family = "memory"
    schemes = ("memory",)
    drivers: tuple[str, ...] = ()
    landing: Literal["memory"] = "memory"
    instant: Literal["together"] = "together"
    writers: Literal["many"] = "many"

    def connect(self, address: Address, *, create: bool = False) -> Session:
        return MemoryLoader(_store_of(address))

    def tables(self, session: Session, schema: str = "") -> list[Table]:
        assert isinstance(session, MemoryLoader)  # noqa: S101 - made by connect()
        return [_table(name, held) for name, held in sorted(session.held().items())]

    def cuts(self, session: Session, table: Table, where: str, wanted: int) -> tuple[Cut, ...]:
        """Ranges of row numbers."""
        step = -(-table.rows // max(wanted, 1)) or 1
        edges = [None, *range(step, table.rows, step), None]
        if wanted < 2 or len(edges) < 3:
            return (Cut(),)
        return tuple(Cut("physical", "", low, high) for low, high in pairwise(edges))

    def open(self, address: Address, hops: Sequence[Hop], consistency: str, count: int) -> Source:
        return MemorySource(_store_of(address), count)

    def loader(self, address: Address) -> Loader:
        return MemoryLoader(_store_of(address))

    def classify(self, error: BaseException) -> Failure:
        return "other" if isinstance(error, RopewayError) else "data"


def _store_of(address: Address) -> Store:
    return store(address.host or address.database)


def _table(name: str, held: _Held) -> Table:
    columns = tuple(Column(one.name, word_of(one), one.nullable) for one in held.schema)
    size = sum(batch.nbytes for part in held.parts.values() for batch in part)
    return Table(Relation("", name), columns, rows=held.rows(), bytes=size)


ENGINE = Memory()
