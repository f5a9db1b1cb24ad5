"""The stage: all rows of a hop in files of this machine, where its steps over the whole table look at them together.

A Parquet file for each slice, whole or not there at all. What a step decides is in files too: the rows that are
removed, each with the one that stays in its place, and the rows that are written otherwise. From then on rows are read
from here, less those removed, and in the same slices.
"""

from __future__ import annotations

import hashlib
import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import reduce
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from . import behind
from .behind import Gathered
from .engine import Rejected
from .engines.files.durable import ASIDE, sync
from .errors import EngineError
from .plan import Hop, Slice
from .schema.sql import text_literal

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

ROW, KEPT = "row_number", "kept_number"  # of a staged row; of the one that stays in the place of a removed one
PAIRS = "pairs"  # of the approved pairs by which a row is removed; NULL where it is by its key
MERGED = "merged.parquet"  # each removed row, for people, with the key of the one that stays
_PART = 32  # bits of a row's number that count within its slice
_READ, _INSTANT, _BEHIND = "ropeway.read", "ropeway.instant", "ropeway.behind"
_HALF = 2  # of what engines may take: the rest is for what reads and loads beside it


class Stage:
    """The files of one hop in a folder of their own; of a table that several feed those of all, by the first of them.

    The slices of such `feeders` have numbers of their own each.
    """

    def __init__(self, folder: Path, hop: Hop, feeders: Sequence[Hop] = ()) -> None:
        self.feeders = tuple(feeders or (hop,))
        self.parts = tuple(part for one in self.feeders for part in one.slices)
        self.folder = folder / hop.name.split(" ", 1)[0]
        self._schema = pa.schema([(column.target, column.type.arrow) for column in hop.columns])
        # Names of a user's may be ours, and DuckDB takes those for one that differ in letters' case only.
        staged = [(column_of(place), column.type.arrow) for place, column in enumerate(hop.columns)]
        self._staged = pa.schema([*staged, (ROW, pa.int64())])
        self.hop = hop

    @property
    def files(self) -> list[Path]:
        return [self.file(part) for part in self.parts]

    def file(self, part: Slice) -> Path:
        return self.folder / f"{part.number}.parquet"

    def left(self, part: Slice) -> Path:
        """The rows that a slice leaves behind, if any."""
        return self.folder / f"{part.number}-rejected.parquet"

    @property
    def removed(self) -> Path:
        """The rows that are not loaded."""
        return self.folder / "removed.parquet"

    @property
    def changed(self) -> Path:
        """The rows that are loaded otherwise than they were staged."""
        return self.folder / "changed.parquet"

    def instants(self, hop: Hop) -> set[str]:
        """Of which instants a hop's slices are that are there."""
        return {_noted(file)[_INSTANT] for file in map(self.file, hop.slices) if file.exists()}

    def has(self, part: Slice) -> bool:
        return self.file(part).exists()

    def clear(self, hop: Hop) -> None:
        """Remove what is there of a hop's rows, and what may have been decided with them."""
        for file in (*map(self.file, hop.slices), *map(self.left, hop.slices), self.removed, self.changed):
            file.unlink(missing_ok=True)

    def put(
        self, part: Slice, batches: Iterable[pa.RecordBatch], instant: str, read: Callable[[], int],
        left: Callable[[], Sequence[Rejected]] = tuple,
    ) -> None:  # fmt: skip
        """Write a slice; `read` says in the end how many rows it had before transforms, `left` which it leaves behind.

        These are there before the slice is.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with aside(self.file(part)) as path, pq.ParquetWriter(path, self._staged, compression="lz4") as writer:
            rows = part.number << _PART
            for batch in batches:
                numbers = pa.array(range(rows, rows + batch.num_rows), pa.int64())
                rows += batch.num_rows
                writer.write_batch(pa.RecordBatch.from_arrays([*batch.columns, numbers], schema=self._staged))
            rejected = left()
            writer.add_key_value_metadata({_READ: str(read()), _INSTANT: instant, _BEHIND: str(len(rejected))})
            if rejected:
                with aside(self.left(part)) as beside:
                    behind.write(beside, rejected)

    def read(self, part: Slice) -> int:
        """How many rows of the source a slice was made of."""
        return int(_noted(self.file(part))[_READ])

    def behind(self, part: Slice) -> list[Rejected]:
        """The rows that a slice left behind."""
        count = self.count_behind(part)
        found = behind.read(self.left(part)) if count else []
        if len(found) != count:
            raise EngineError(
                f"{self.left(part)} holds {len(found)} of {count} rejected rows.",
                remedy="The stage is damaged: begin the run anew with --fresh.",
            )
        return found

    def count_behind(self, part: Slice) -> int:
        """How many rows a slice left behind."""
        return int(_noted(self.file(part)).get(_BEHIND, "0"))

    def gathered(self) -> list[Gathered]:
        """Of each slice that is there, how many rows it was made of, and left behind."""
        return [
            Gathered(hop.name, part.number, self.read(part), self.count_behind(part))
            for hop in self.feeders for part in hop.slices if self.has(part)
        ]  # fmt: skip

    def batches(self, part: Slice) -> Iterator[pa.RecordBatch]:
        """A slice as it was decided."""
        gone = _within(self.removed, part, [ROW]).column(ROW)
        others = _within(self.changed, part, None) if self.changed.exists() else None
        with pq.ParquetFile(self.file(part)) as file:
            # By their places, for rows are numbered as they lie: looking each number up took a third of the reading.
            stays = np.ones(file.metadata.num_rows, bool)
            for out in (gone, others.column(ROW)) if others else (gone,):
                stays[out.to_numpy() - (part.number << _PART)] = False
            at = 0
            for number in range(file.num_row_groups):
                for batch in file.read_row_group(number).to_batches():
                    those, at = stays[at : at + batch.num_rows], at + batch.num_rows
                    made = batch if those.all() else batch.filter(pa.array(those))
                    if made.num_rows:
                        yield pa.RecordBatch.from_arrays(made.columns[:-1], schema=self._schema)
        if others:
            whole = others.select(self._staged.names[:-1]).rename_columns(self._schema.names)
            yield from whole.cast(self._schema).combine_chunks().to_batches()

    def rows(self, hop: Hop) -> int:
        """How many rows there are in a hop's slices."""
        return sum(pq.read_metadata(self.file(part)).num_rows for part in hop.slices)

    def gone(self, hop: Hop) -> tuple[int, int]:
        """How many of a hop's rows are removed, and into how many others."""
        found = pq.read_table(self.removed, columns=[ROW, KEPT], filters=_of(hop))
        return found.num_rows, len(pc.unique(found.column(KEPT)))

    def sum(self) -> str:
        """The SHA-256 of what was decided."""
        found = hashlib.sha256()
        for path in (self.removed, self.changed):
            if path.exists():
                with path.open("rb") as file:
                    found.update(hashlib.file_digest(file, "sha256").digest())
        return found.hexdigest()[:32]

    @contextmanager
    def database(self, memory: int, threads: int) -> Iterator[DuckDBPyConnection]:
        """DuckDB with all rows as `staged`, in this memory; what does not fit goes into the folder."""
        import duckdb

        spill = self.folder / "spill"
        settings: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": f"{memory >> 20}MB", "threads": threads, "temp_directory": str(spill),
            "preserve_insertion_order": "false",
        }  # fmt: skip
        listed = ", ".join(text_literal(file) for file in self.files)
        with duckdb.connect(":memory:", config=settings) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute(f"CREATE VIEW staged AS SELECT * FROM read_parquet([{listed}])")
            yield connection
        rmtree(spill, ignore_errors=True)

    def keys(self, keymap: Hop) -> Iterator[pa.RecordBatch]:
        """The keys of removed rows, and those of the rows that stay in their place, as the columns of a map."""
        schema = pa.schema([(column.target, column.type.arrow) for column in keymap.columns])
        ages = [f"{age} {place}" for age in ("old", "new") for place in range(len(keymap.key))]
        with pq.ParquetFile(self.removed) as file:
            for batch in file.iter_batches(columns=ages):
                columns = [batch.column(age).cast(field.type) for age, field in zip(ages, schema, strict=True)]
                yield pa.RecordBatch.from_arrays(columns, schema=schema)

    def standing(self, connection: DuckDBPyConnection) -> None:
        """The rows as they were decided, as `standing` beside `staged`."""
        columns = ", ".join(self._staged.names)
        out, more = f"SELECT {ROW} FROM read_parquet({text_literal(str(self.removed))})", ""
        if self.changed.exists():
            changed = f"read_parquet({text_literal(str(self.changed))})"
            out += f" UNION ALL SELECT {ROW} FROM {changed}"
            more = f" UNION ALL SELECT {columns} FROM {changed}"
        connection.execute(
            f"CREATE OR REPLACE TEMP VIEW standing AS SELECT {columns} FROM staged WHERE {ROW} NOT IN ({out}){more}"
        )


class Moved:
    """The keys of a hop's rows that were removed, each with that of the row that stays in its place.

    Rows of others that feed the table may have had the same keys, and mean others by them.
    """

    def __init__(self, stage: Stage, hop: Hop) -> None:
        import duckdb

        self._places = range(len(stage.hop.key))
        self._database = duckdb.connect(":memory:", config={"threads": 1})
        self._database.execute("SET TimeZone = 'UTC'")
        path, parts = text_literal(stage.removed), ", ".join(str(part.number) for part in hop.slices)
        self._database.execute(
            f"CREATE TABLE moved AS SELECT COLUMNS('^(old|new) [0-9]+$') FROM read_parquet({path}) "
            f"WHERE {ROW} >> {_PART} IN ({parts})"
        )

    def followed(self, columns: Sequence[str], batch: pa.RecordBatch) -> pa.RecordBatch:
        """A batch whose columns refer to the rows that stay."""
        names = [f"k{place}" for place in self._places]
        values = [batch.column(name) for name in columns]
        numbers = pa.array(range(batch.num_rows), pa.int64())
        given = pa.Table.from_arrays([numbers, *values], names=["n", *names])
        news = ", ".join(f'"new {place}"' for place in self._places)
        same = " AND ".join(f'k{place} = "old {place}"' for place in self._places)
        # The rows of the batch are the few, so they are what is hashed.
        query = f"SELECT n, {news} FROM moved JOIN batch ON {same}"
        with self._database.cursor() as connection:
            found = connection.register("batch", given).sql(query).to_arrow_table()
        if not found.num_rows:
            return batch
        place: Any = pc.index_in(numbers, value_set=found.column("n").combine_chunks())
        for number, name in enumerate(columns):
            new = found.column(f"new {number}").combine_chunks().cast(batch.column(name).type).take(place)
            there: Any = pc.if_else(pc.is_valid(place), new, batch.column(name))
            at = batch.schema.get_field_index(name)
            batch = batch.set_column(at, batch.schema.field(at), there)
        return batch


def column_of(place: int) -> str:
    """What a hop's column of this place is called in the stage."""
    return f"c{place}"


@contextmanager
def aside(path: Path) -> Iterator[Path]:
    """A name to write to; once that is whole it gets the name that was asked for."""
    there = path.with_name(f"{ASIDE}{path.name}")
    yield there
    sync(there)
    there.replace(path)
    sync(path.parent)


def keep(connection: DuckDBPyConnection, query: str, path: Path) -> int:
    """Write what a query gives into a file, whole or not at all; how many rows."""
    with aside(path) as there:
        target = text_literal(there)
        ((rows,),) = connection.execute(f"COPY ({query}) TO {target} (FORMAT parquet)").fetchall()
    return int(rows)


def _within(path: Path, part: Slice, columns: list[str] | None) -> pa.Table:
    """The rows of a file that are of one slice."""
    first = part.number << _PART
    within = (pc.field(ROW) >= first) & (pc.field(ROW) < first + (1 << _PART))
    return pq.read_table(path, columns=columns, filters=within)


def _of(hop: Hop) -> Any:
    """The condition of a hop's own rows."""
    own = [
        (pc.field(ROW) >= part.number << _PART) & (pc.field(ROW) < (part.number + 1) << _PART) for part in hop.slices
    ]
    return reduce(operator.or_, own)


def _noted(path: Path) -> dict[str, str]:
    try:
        found = pq.read_metadata(path).metadata or {}
    except (OSError, pa.ArrowInvalid) as error:
        raise EngineError(
            f"{path} cannot be read: {error}", remedy="The stage is damaged: begin the run anew with --fresh."
        ) from error
    return {name.decode(): text.decode() for name, text in found.items()}


def memory_of(engines: int) -> int:
    """What DuckDB may take of the memory that engines may."""
    return max(128 << 20, engines // _HALF)
