"""Writing slices as files of a folder: aside, synced, renamed, and the receipt last."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import pyarrow as pa

from ...engine import Claim, Ledger, Row
from ...errors import DataError, EngineError, RequestError
from ...place import Address
from ...plan import Hop, Slice
from ...schema.leaves import Leaves
from ...schema.storing import options_of
from ..alphabet import field_of
from ..exact import exactly
from ..without_sql import check_emptying, counted_table
from .csvfile import declare, declared_fields
from .durable import lock, sync
from .folder import Listing, listing
from .folders import Folders
from .format import format_of
from .ledger import FOLDER, FileLedger, aside_of
from .parquetfile import GroupWriter

# The workers of a run come to a new table together, and one of them declares its columns.
_declaring = threading.Lock()


class FileSession:
    """A folder that is looked at; nothing is open, and nothing is made."""

    def __init__(self, address: Address, *, create: bool = False) -> None:
        self.address = address
        self.root = Path(address.database or ".")
        if address.options:
            raise RequestError(f"{address.place.scheme}:// has no option {min(address.options)}.")
        if not self.root.exists() and not create:
            raise EngineError(f"There is no folder {self.root}.")
        if not self.root.absolute().parent.is_dir():
            raise EngineError(f"There is no folder {self.root.absolute().parent} for {self.root.name}.")

    def found(self) -> Listing:
        """What is in the folder now."""
        return listing(self.address)

    def ask(self, sql: str) -> list[Row]:
        if sql == "SELECT 1":
            return [(1,)]
        table, found = counted_table(sql), self.found()
        return [(found.rows(table) if table in found.tables else 0,)]

    def execute(self, sql: str) -> int:
        check_emptying(sql)
        return -1

    def begin(self) -> None:
        """Files have no transactions."""

    def commit(self) -> None:
        """Files have no transactions."""

    def rollback(self) -> None:
        """Files have no transactions."""

    def close(self) -> None:
        """Nothing is open."""


def _exact(hop: Hop, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Batches as the files have them."""
    for batch in batches:
        try:
            arrays = [exactly(a, one.type, one.name) for a, one in zip(batch.columns, schema, strict=True)]
        except DataError as error:
            raise DataError(f"{hop.writes}.{error.message}", table=str(hop.writes), column=error.column) from error
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)


class FileLoader(FileSession):
    """Writes one slice at a time; commit() makes it a part."""

    def __init__(self, address: Address) -> None:
        super().__init__(address, create=True)
        if self.root.is_file():
            raise RequestError(f"{self.root} is a file; a target is the folder above its tables.")
        self.form = format_of(address.place.scheme)
        self._files = FileLedger(self.root, self._present)
        self.ledger: Ledger = self._files
        self._locks: dict[str, int] = {}

    def _present(self, table: str) -> dict[str, int]:
        found = self.found()
        return {part: found.part_rows(part) for part in found.tables.get(table, ())}

    def commit(self) -> None:
        self._files.commit()

    def rollback(self) -> None:
        self._files.rollback()

    def load(self, hop: Hop, part: Slice, batches: Iterable[pa.RecordBatch]) -> int:
        """One file; a slice without rows makes one only if it is the first, which shows the columns."""
        if hop.leaves:
            return self._divided(hop, part, hop.leaves, batches)
        return self._landed(hop, part, lambda path, schema: self._write(path, schema, batches, hop))

    def load_raw(self, hop: Hop, part: Slice, blocks: Iterable[bytes]) -> int:
        """A file that the source's engine wrote, taken as it is once its footer says what the plan says."""
        return self._landed(hop, part, lambda path, schema: self._adopt(path, schema, blocks))

    def _landed(self, hop: Hop, part: Slice, write: Callable[[Path, pa.Schema], int]) -> int:
        table = hop.into.table
        # Without a claim the rows are only tried, and rolled back.
        claim = self._files.claimed or Claim("trial", hop.name, part.number, "", "")
        schema = pa.schema([field_of(c.target, c.native, nullable=c.nullable) for c in hop.columns])
        target = aside_of(self.root, table, claim, self.form.suffixes[0])
        self._make_folder(table, schema)
        self._files.table = table
        self._files.landed = [target]
        loaded = write(target.aside, schema)
        self._files.landed = [target._replace(rows=loaded)]
        if not loaded and part.number != 1:
            self._files.landed = []
            target.aside.unlink()
        return loaded

    def _divided(self, hop: Hop, part: Slice, leaves: Leaves, batches: Iterable[pa.RecordBatch]) -> int:
        """A file for each partition that has rows."""
        claim = self._files.claimed or Claim("trial", hop.name, part.number, "", "")
        schema = pa.schema([field_of(c.target, c.native, nullable=c.nullable) for c in hop.columns])
        self._make_folder(hop.into.table, schema)
        self._files.table, self._files.landed = hop.into.table, []
        folders = Folders(self.root, hop, leaves, claim, self._files, schema)
        loaded = folders.write(_exact(hop, schema, batches))
        if not loaded and part.number == 1:
            folders.empty()
        return loaded

    def _adopt(self, path: Path, schema: pa.Schema, blocks: Iterable[bytes]) -> int:
        with path.open("wb") as file:
            for block in blocks:
                file.write(block)
        assert self.form.verified  # noqa: S101 - only such a format takes a raw form
        loaded = self.form.verified(path, schema)
        sync(path)
        return loaded

    def _write(self, path: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch], hop: Hop) -> int:
        loaded = 0
        # Options are of Parquet alone.
        own = GroupWriter(path, schema, **options_of(hop.storage)) if hop.storage else None
        writer = own or self.form.writer(path, schema)
        try:
            for batch in _exact(hop, schema, batches):
                writer.write(batch)
                loaded += batch.num_rows
        except BaseException:
            with suppress(pa.ArrowException, OSError):
                writer.close()
            raise
        writer.close()
        sync(path)
        return loaded

    def _make_folder(self, table: str, schema: pa.Schema) -> None:
        folder = self.root / table
        if not folder.is_dir():
            folder.mkdir(parents=True, exist_ok=True)
            sync(self.root)
        if not self.form.typed:
            with _declaring:
                self._declare(table, schema)

    def _declare(self, table: str, schema: pa.Schema) -> None:
        file = self.root / f"{table}.schema.json"
        with suppress(EngineError):
            if pa.schema(declared_fields(file)).equals(schema, check_metadata=True):
                return
        if self._present(table):
            raise EngineError(f"{file} does not declare the columns of {table} as the plan has them.")
        declare(file, schema)

    def hold(self, name: str) -> bool:
        """A lock for each table, on a file that stays; what killed processes left of the table is deleted."""
        if name in self._locks:
            return True
        (self.root / FOLDER).mkdir(parents=True, exist_ok=True)
        taken = lock(self.root / FOLDER / f"lock-{name}")
        if taken is None:
            return False
        self._locks[name] = taken
        self._files.sweep(name)
        return True

    def close(self) -> None:
        self.rollback()
        for handle in self._locks.values():
            os.close(handle)
        self._locks.clear()
